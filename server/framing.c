#include "framing.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { AROUND_A_HEADER = 4 }; /* ": " and CRLF */

void srv_head_add(struct srv_head *head, const char *name, size_t name_bytes, const char *value,
		  size_t value_bytes)
{
	if (head->header_count < SRV_HEADERS_MAX)
		head->headers[head->header_count] = (struct api_header){name, value ? value : ""};
	head->header_count++;
	head->header_bytes += name_bytes + value_bytes + AROUND_A_HEADER;
	if (strlen(name) != name_bytes || (value && strlen(value) != value_bytes))
		head->has_nul = true;
}

const char *srv_head_find(const struct srv_head *head, const char *name)
{
	for (size_t i = 0; i < head->header_count && i < SRV_HEADERS_MAX; i++)
		if (strcasecmp(head->headers[i].name, name) == 0)
			return head->headers[i].value;
	return NULL;
}

const char *srv_target_path(const char *target)
{
	static const char *const schemes[] = {"http://", "https://"};

	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
		size_t length = strlen(schemes[i]);

		if (strncasecmp(target, schemes[i], length) != 0)
			continue;
		length += strcspn(target + length, "/");
		/* There is no address without a host. */
		if (length == strlen(schemes[i]))
			return target;
		return target[length] ? target + length : "/";
	}
	return target;
}

enum api_problem srv_refuse(struct srv_refusal *refusal, enum api_problem problem,
			    const char *format, ...)
{
	va_list args;

	*refusal = (struct srv_refusal){.problem = problem};
	va_start(args, format);
	vsnprintf(refusal->detail, sizeof refusal->detail, format, args);
	va_end(args);
	return problem;
}

/* The characters a header's name may have (RFC 9110, 5.6.2).  A space before the
 * colon ends up in the name, as does what an unfolded line leaves behind. */
static bool is_token(const char *name)
{
	static const char allowed[] = "!#$%&'*+-.^_`|~0123456789"
				      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return *name && name[strspn(name, allowed)] == '\0';
}

static bool read_length(const char *text, uint64_t *length)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || text[digits] != '\0')
		return false;
	errno = 0;
	*length = strtoull(text, NULL, 10);
	return errno == 0;
}

/* The headers that say where a request ends and whose it is. */
struct framing_headers {
	size_t lengths, encodings, hosts;
	const char *length, *encoding;
};

static void collect(const struct srv_head *head, struct framing_headers *found)
{
	*found = (struct framing_headers){0};
	for (size_t i = 0; i < head->header_count; i++) {
		const struct api_header *header = &head->headers[i];

		if (strcasecmp(header->name, "Content-Length") == 0) {
			found->lengths++;
			found->length = header->value;
		} else if (strcasecmp(header->name, "Transfer-Encoding") == 0) {
			found->encodings++;
			found->encoding = header->value;
		} else if (strcasecmp(header->name, "Host") == 0) {
			found->hosts++;
		}
	}
}

static enum api_problem check_sizes(const struct srv_head *head, struct srv_refusal *refusal)
{
	if (head->uri_bytes > SRV_URI_BYTES_MAX)
		srv_refuse(refusal, API_URI_TOO_LONG, "the URI has more than %d bytes",
			   SRV_URI_BYTES_MAX);
	else if (head->header_count > SRV_HEADERS_MAX)
		srv_refuse(refusal, API_HEADERS_TOO_LARGE, "there are more than %d headers",
			   SRV_HEADERS_MAX);
	else if (head->header_bytes > SRV_HEAD_BYTES_MAX)
		srv_refuse(refusal, API_HEADERS_TOO_LARGE, "the headers have more than %d bytes",
			   SRV_HEAD_BYTES_MAX);
	else
		refusal->problem = API_PROBLEM_NONE;
	return refusal->problem;
}

static enum api_problem check_syntax(const struct srv_head *head, struct srv_refusal *refusal)
{
	if (strcmp(head->version, "HTTP/1.1") != 0 && strcmp(head->version, "HTTP/1.0") != 0)
		return srv_refuse(refusal, API_FRAMING, "this is %.16s, expected HTTP/1.1",
				  head->version);
	if (head->uri_has_space)
		return srv_refuse(refusal, API_FRAMING, "the URI holds a space");
	if (head->has_nul)
		return srv_refuse(refusal, API_FRAMING, "a header holds a NUL character");
	for (size_t i = 0; i < head->header_count; i++)
		if (!is_token(head->headers[i].name))
			return srv_refuse(refusal, API_FRAMING,
					  "\"%.60s\" is not the name of a header",
					  head->headers[i].name);
	return API_PROBLEM_NONE;
}

static enum api_problem check_body(const struct srv_head *head, const struct framing_headers *found,
				   struct srv_framing *framing, struct srv_refusal *refusal)
{
	*framing = (struct srv_framing){.body = SRV_NO_BODY};
	if (found->lengths > 1)
		return srv_refuse(refusal, API_FRAMING, "Content-Length stands %zu times",
				  found->lengths);
	if (found->lengths && found->encodings)
		return srv_refuse(refusal, API_FRAMING,
				  "both Content-Length and Transfer-Encoding are given");
	if (found->encodings > 1 ||
	    (found->encodings && strcasecmp(found->encoding, "chunked") != 0))
		return srv_refuse(refusal, API_FRAMING,
				  "Transfer-Encoding is \"%.60s\", expected chunked",
				  found->encoding);
	if (found->encodings && strcmp(head->version, "HTTP/1.0") == 0)
		return srv_refuse(refusal, API_FRAMING, "HTTP/1.0 has no Transfer-Encoding");
	if (found->lengths && !read_length(found->length, &framing->length))
		return srv_refuse(refusal, API_FRAMING,
				  "Content-Length is \"%.40s\", expected digits", found->length);
	if (found->encodings)
		framing->body = SRV_BODY_CHUNKED;
	else if (framing->length > 0)
		framing->body = SRV_BODY_LENGTH;
	return API_PROBLEM_NONE;
}

enum api_problem srv_framing_check(const struct srv_head *head, struct srv_framing *framing,
				   struct srv_refusal *refusal)
{
	struct framing_headers found;

	if (check_sizes(head, refusal) || check_syntax(head, refusal))
		return refusal->problem;
	collect(head, &found);
	if (found.hosts > 1)
		return srv_refuse(refusal, API_FRAMING, "Host stands %zu times", found.hosts);
	if (found.hosts == 0 && strcmp(head->version, "HTTP/1.1") == 0)
		return srv_refuse(refusal, API_FRAMING, "HTTP/1.1 demands a Host header");
	return check_body(head, &found, framing, refusal);
}
