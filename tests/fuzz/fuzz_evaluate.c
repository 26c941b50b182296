/*
 * Any bytes as a request to evaluate: no crash, no leak, never a bug (500), the
 * reply is JSON with its status, and the same when the blocks run backwards.
 */
#include <stdlib.h>

#include "asking.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct asked asked = asking_post("/v1/evaluate", data, size, NULL, 0);

	asking_check_json(&asked);
	free(asked.text);
	return 0;
}
