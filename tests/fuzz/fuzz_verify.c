/*
 * Any bytes as a request to verify or to check: no crash, no leak, never a bug
 * (500), the reply is JSON with its status, and the same when the blocks run
 * backwards.
 */
#include <stdlib.h>

#include "asking.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = {"/v1/verify", "/v1/check"};

	for (size_t i = 0; i < 2; i++) {
		struct asked asked = asking_post(paths[i], data, size, NULL, 0);

		asking_check_json(&asked);
		free(asked.text);
	}
	return 0;
}
