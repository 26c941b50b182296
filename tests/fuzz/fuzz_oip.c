/*
 * Any bytes as an inference request: a line with the length of the JSON (or an
 * empty one: there is no such header), then the body.  No crash, no read beyond
 * it, never a bug (500); what is no answer is a problem with its status.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asking.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;
	size_t bytes = line ? (size_t)(line - data) : 0;
	char length[40];
	struct api_header headers[] = {{"Content-Type", "application/octet-stream"},
				       {"Inference-Header-Content-Length", length}};

	if (!line || bytes >= sizeof length || memchr(data, 0, bytes))
		return 0;
	snprintf(length, sizeof length, "%.*s", (int)bytes, (const char *)data);

	/* A copy of its size, so that a sanitizer sees a read before it. */
	size_t rest = size - bytes - 1;
	uint8_t *body = malloc(rest ? rest : 1);
	asking_expect(body != NULL, "no memory");
	memcpy(body, line + 1, rest);

	struct asked asked = asking_post("/v2/models/cross_entropy/infer", body, rest, headers,
					 bytes > 0 ? 2 : 1);
	if (asked.status != 200)
		asking_check_json(&asked);
	free(asked.text);
	free(body);
	return 0;
}
