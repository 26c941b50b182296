/* The contract without a daemon: lib, api and jansson answer a request. */
#include <stdio.h>
#include <string.h>

#include "api.h"

static const char body[] = "{\"loss\": \"cross_entropy\","
			   " \"logits\": [[0.2, 0.3, 0.4], [-0.02, -0.13, 0.2], [0.5, -0.3, 0.73]],"
			   " \"targets\": [0, 2, 1]}";

int main(void)
{
	struct api api = {.budget = {.max = 64 << 20}};
	struct api_request request = {.body = body, .body_bytes = sizeof body - 1};

	api_limits_init(&api.limits);
	api_route_match("POST", "/v1/evaluate", &request.match);
	struct api_call *call = api_call_new(&api, &request);
	if (!call)
		return 1;

	const struct api_reply *reply = api_call_run(call);
	char text[4096] = "";
	size_t length = 0;
	for (size_t i = 0; i < reply->slice_count; i++) {
		if (length + reply->slices[i].bytes >= sizeof text)
			return 1;
		memcpy(text + length, reply->slices[i].data, reply->slices[i].bytes);
		length += reply->slices[i].bytes;
	}
	int status = reply->status;
	api_call_free(call);

	printf("%d %s\n", status, text);
	return !(status == 200 && strstr(text, "1.3076527") && api.budget.used == 0);
}
