/*
 * Any bytes as a request to evaluate: no crash, no leak, never a bug (500), the
 * reply is JSON with its status, and the same when the blocks run backwards.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct api api = {
	.limits =
		{
			.body_bytes = 1 << 20,
			.elements = 1 << 12,
			.depth = 20,
			.members = 32,
			.string_bytes = 256,
			.batch_items = 16,
			.terms = 4,
			.locations = 64,
		},
	.budget = {.max = 64 << 20},
};

static void expect(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_evaluate: %s\n", what);
	abort();
}

static char *copy_reply(const struct api_reply *reply)
{
	char *copy = malloc(reply->bytes + 1);
	size_t used = 0;

	expect(copy != NULL, "no memory");
	for (size_t i = 0; i < reply->slice_count; i++) {
		memcpy(copy + used, reply->slices[i].data, reply->slices[i].bytes);
		used += reply->slices[i].bytes;
	}
	expect(used == reply->bytes, "the slices are not the body");
	copy[used] = '\0';
	return copy;
}

static char *ask(const uint8_t *data, size_t size, bool backwards, int *status)
{
	struct api_request request = {.body = (const char *)data, .body_bytes = size};

	api_route_match("POST", "/v1/evaluate", &request.match);

	struct api_call *call = api_call_new(&api, &request);
	expect(call != NULL, "no memory");
	for (size_t blocks; (blocks = api_call_next(call)) > 0;)
		for (size_t i = 0; i < blocks; i++)
			api_call_block(call, backwards ? blocks - 1 - i : i);

	char *reply = copy_reply(api_call_reply(call));
	*status = api_call_reply(call)->status;
	api_call_free(call);
	expect(api.budget.used == 0, "the budget was not given back");
	return reply;
}

static void check_reply(const char *reply, int status)
{
	/* A float64 may be a whole number that no integer type holds. */
	json_t *json = json_loads(reply, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);

	expect(json_is_object(json), reply);
	expect(status == 200 || status == 400 || status == 404 || status == 413 || status == 422 ||
		       status == 503,
	       reply);
	if (status != 200)
		expect(json_number_value(json_object_get(json, "status")) == status, reply);
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int status, again;
	char *reply = ask(data, size, false, &status);
	char *backwards = ask(data, size, true, &again);

	check_reply(reply, status);
	expect(status == again && !strcmp(reply, backwards), "the order of the blocks shows");
	free(reply);
	free(backwards);
	return 0;
}
