#include "asking.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct api api = {
	.limits =
		{
			.body_bytes = 1 << 20,
			.elements = 1 << 12,
			.depth = 20,
			.members = 32,
			.string_bytes = 256,
			.tensor_header_bytes = 1 << 12,
			.batch_items = 16,
			.terms = 4,
			.locations = 64,
		},
	.budget = {.max = 64 << 20},
};

void asking_expect(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzzing a request: %s\n", what);
	abort();
}

static void copy_reply(const struct api_reply *reply, struct asked *asked)
{
	size_t used = 0;

	*asked = (struct asked){reply->status, reply->problem, malloc(reply->bytes + 1),
				reply->bytes};
	asking_expect(asked->text != NULL, "no memory");
	for (size_t i = 0; i < reply->slice_count; i++) {
		memcpy(asked->text + used, reply->slices[i].data, reply->slices[i].bytes);
		used += reply->slices[i].bytes;
	}
	asking_expect(used == reply->bytes, "the slices are not the body");
	asked->text[used] = '\0';
}

static struct asked ask(const struct api_request *request, bool backwards)
{
	struct api_call *call = api_call_new(&api, request);
	struct asked asked;

	asking_expect(call != NULL, "no memory");
	for (size_t blocks; (blocks = api_call_next(call)) > 0;)
		for (size_t i = 0; i < blocks; i++)
			api_call_block(call, backwards ? blocks - 1 - i : i);
	copy_reply(api_call_reply(call), &asked);
	api_call_free(call);
	asking_expect(api.budget.used == 0, "the budget was not given back");
	return asked;
}

struct asked asking_post(const char *path, const uint8_t *data, size_t size,
			 const struct api_header *headers, size_t header_count)
{
	struct api_request request = {
		.body = (const char *)data,
		.body_bytes = size,
		.headers = headers,
		.header_count = header_count,
	};

	api_route_match("POST", path, &request.match);

	struct asked asked = ask(&request, false);
	struct asked again = ask(&request, true);

	asking_expect(asked.status == again.status && asked.bytes == again.bytes &&
			      !memcmp(asked.text, again.text, asked.bytes),
		      "the order of the blocks shows");
	free(again.text);
	return asked;
}

void asking_check_json(const struct asked *asked)
{
	static const int statuses[] = {200, 400, 404, 413, 422, 503};
	/* A float64 may be a whole number that no integer type holds. */
	json_t *json =
		json_loads(asked->text, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
	bool is_known = false;

	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
		is_known = is_known || asked->status == statuses[i];
	asking_expect(json_is_object(json) && is_known, asked->text);
	if (asked->status != 200)
		asking_expect(json_number_value(json_object_get(json, "status")) == asked->status,
			      asked->text);
	json_decref(json);
}
