#include "ids.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void srv_request_id(char id[SRV_REQUEST_ID_BYTES], const char *given, uint64_t random)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._:-";
	size_t length = given ? strspn(given, allowed) : 0;

	if (length > 0 && length < SRV_REQUEST_ID_BYTES && given[length] == '\0')
		memcpy(id, given, length + 1);
	else
		snprintf(id, SRV_REQUEST_ID_BYTES, "%016" PRIx64, random);
}

static bool is_hex(const char *text, size_t length)
{
	return strspn(text, "0123456789abcdef") >= length;
}

static bool is_zero(const char *text, size_t length)
{
	return strspn(text, "0") >= length;
}

/* 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01; versions above 00 may
 * have more behind another dash, ff is none. */
void srv_trace_id(char id[SRV_TRACE_ID_BYTES], const char *traceparent)
{
	const char *t = traceparent ? traceparent : "";
	size_t length = strlen(t);
	bool valid = length >= 55 && is_hex(t, 2) && t[2] == '-' && is_hex(t + 3, 32) &&
		     t[35] == '-' && is_hex(t + 36, 16) && t[52] == '-' && is_hex(t + 53, 2) &&
		     strncmp(t, "ff", 2) != 0 && !is_zero(t + 3, 32) && !is_zero(t + 36, 16) &&
		     (length == 55 || (strncmp(t, "00", 2) != 0 && t[55] == '-'));

	snprintf(id, SRV_TRACE_ID_BYTES, "%.32s", valid ? t + 3 : "");
}
