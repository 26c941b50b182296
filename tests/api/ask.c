/* Asking the api without a socket. */
#include "ask.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

struct api *ask_api(void)
{
	static struct api api;

	api_limits_init(&api.limits);
	api.budget.max = UINT64_C(4) << 30;
	return &api;
}

/* ---- Schedules ------------------------------------------------------------- */

struct crew {
	struct api_call *call;
	size_t blocks;
	_Atomic size_t next;
};

static void *work(void *argument)
{
	struct crew *crew = argument;

	for (size_t block; (block = atomic_fetch_add(&crew->next, 1)) < crew->blocks;)
		api_call_block(crew->call, block);
	return NULL;
}

static void run_on_threads(struct api_call *call, size_t blocks)
{
	struct crew crew = {.call = call, .blocks = blocks};
	pthread_t threads[4];

	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &crew), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

static void run_shuffled(struct api_call *call, size_t blocks)
{
	static unsigned seed = 1;
	size_t *order = malloc(blocks * sizeof *order);

	ck_assert_ptr_nonnull(order);
	for (size_t i = 0; i < blocks; i++) {
		seed = seed * 1664525 + 1013904223;
		size_t at = (seed >> 8) % (i + 1);

		order[i] = order[at];
		order[at] = i;
	}
	for (size_t i = 0; i < blocks; i++)
		api_call_block(call, order[i]);
	free(order);
}

static void run_blocks(struct api_call *call, size_t blocks, enum schedule schedule)
{
	if (schedule == ASK_THREADS)
		run_on_threads(call, blocks);
	else if (schedule == ASK_SHUFFLED)
		run_shuffled(call, blocks);
	else
		for (size_t i = 0; i < blocks; i++)
			api_call_block(call, schedule == ASK_FORWARD ? i : blocks - 1 - i);
}

/* ---- Answers --------------------------------------------------------------- */

/* The validator takes a second for a hundred thousand numbers. */
enum { RECORDED_BYTES_MAX = 128 << 10 };

/* The text under "lossd" in the metadata of a safetensors file; malloc()ed. */
static char *file_text(const struct answer *answer)
{
	uint64_t length;
	char *text;

	memcpy(&length, answer->text, sizeof length);

	json_t *header = json_loadb(answer->text + 8, length, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(header);
	ck_assert_int_eq(json_unpack(header, "{s:{s:s}}", "__metadata__", "lossd", &text), 0);
	text = strdup(text);
	json_decref(header);
	return text;
}

static char *text_to_record(const struct answer *answer)
{
	if (!strcmp(answer->content_type, "application/vnd.safetensors"))
		return file_text(answer);
	return answer->json ? strdup(answer->text) : NULL;
}

/* One line a reply: route, status, media type and body. */
static void record(const char *method, const char *path, const struct answer *answer)
{
	const char *file = getenv("LOSSD_REPLIES");
	char *line = NULL, *text;
	size_t bytes = 0;

	if (!file || answer->bytes > RECORDED_BYTES_MAX || !(text = text_to_record(answer)))
		return;

	int fd = open(file, O_WRONLY | O_APPEND | O_CREAT, 0666);
	FILE *memory = open_memstream(&line, &bytes);
	ck_assert_int_ge(fd, 0);
	ck_assert_ptr_nonnull(memory);
	fprintf(memory,
		"{\"method\":\"%s\",\"path\":\"%s\",\"status\":%d,\"type\":\"%s\",\"body\":%s}\n",
		method, path, answer->status, answer->content_type, text);
	fclose(memory);
	/* Line breaks stand between tokens only. */
	for (size_t i = 0; i + 1 < bytes; i++)
		line[i] = line[i] == '\n' ? ' ' : line[i];
	ck_assert_int_eq(write(fd, line, bytes), (ssize_t)bytes);
	close(fd);
	free(line);
	free(text);
}

static void take_reply(struct answer *answer, const struct api_reply *reply)
{
	size_t used = 0;

	answer->status = reply->status;
	answer->problem = reply->problem;
	snprintf(answer->content_type, sizeof answer->content_type, "%s", reply->content_type);
	answer->text = malloc(reply->bytes + 1);
	ck_assert_ptr_nonnull(answer->text);
	for (size_t i = 0; i < reply->slice_count; i++) {
		memcpy(answer->text + used, reply->slices[i].data, reply->slices[i].bytes);
		used += reply->slices[i].bytes;
	}
	ck_assert_uint_eq(used, reply->bytes);
	answer->text[used] = '\0';
	answer->bytes = used;
	answer->json =
		json_loadb(answer->text, used, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
}

static void take_outcomes(struct answer *answer, const struct api_call *call)
{
	const struct api_outcome *outcomes = api_call_outcomes(call, &answer->outcome_count);

	for (size_t i = 0; i < answer->outcome_count && i < 32; i++)
		answer->outcomes[i] = outcomes[i];
}

static void watch_budget(const struct api *api, struct answer *answer)
{
	uint64_t used = atomic_load(&api->budget.used);

	if (used > answer->peak_bytes)
		answer->peak_bytes = used;
}

void ask_with(struct api *api, const char *method, const char *path, const char *body, size_t bytes,
	      const struct api_header *headers, size_t header_count, enum schedule schedule,
	      struct answer *answer)
{
	struct api_request request = {
		.body = body,
		.body_bytes = bytes,
		.headers = headers,
		.header_count = header_count,
	};
	uint64_t used = atomic_load(&api->budget.used);

	*answer = (struct answer){0};
	api_route_match(method, path, &request.match);

	struct api_call *call = api_call_new(api, &request);
	ck_assert_ptr_nonnull(call);
	for (size_t blocks; (blocks = api_call_next(call)) > 0;) {
		watch_budget(api, answer);
		answer->steps++;
		answer->blocks += blocks;
		run_blocks(call, blocks, schedule);
	}
	watch_budget(api, answer);
	take_reply(answer, api_call_reply(call));
	take_outcomes(answer, call);
	api_call_free(call);
	/* Whatever happened, everything was given back. */
	ck_assert_uint_eq(atomic_load(&api->budget.used), used);
	record(method, path, answer);
}

void ask_get(const char *path, struct answer *answer)
{
	ask_with(ask_api(), "GET", path, NULL, 0, NULL, 0, ASK_FORWARD, answer);
}

void ask_post(const char *body, struct answer *answer)
{
	/* A copy without a NUL, so that a sanitizer sees a read too far. */
	size_t bytes = strlen(body);
	char *copy = malloc(bytes ? bytes : 1);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, body, bytes);
	ask_with(ask_api(), "POST", "/v1/evaluate", copy, bytes, NULL, 0, ASK_FORWARD, answer);
	free(copy);
}

void answer_free(struct answer *answer)
{
	free(answer->text);
	json_decref(answer->json);
}

/* ---- Looking at them -------------------------------------------------------- */

const json_t *answer_at(const struct answer *answer, const char *pointer)
{
	const json_t *at = answer->json;
	char step[64];

	while (at && *pointer == '/') {
		size_t length = strcspn(++pointer, "/");

		snprintf(step, sizeof step, "%.*s", (int)length, pointer);
		at = json_is_array(at) ? json_array_get(at, (size_t)atoi(step))
				       : json_object_get(at, step);
		pointer += length;
	}
	return at;
}

double answer_number(const struct answer *answer, const char *pointer)
{
	const json_t *at = answer_at(answer, pointer);

	if (json_is_string(at) && !strcmp(json_string_value(at), "NaN"))
		return NAN;
	if (json_is_string(at) && !strcmp(json_string_value(at), "Infinity"))
		return INFINITY;
	if (json_is_string(at) && !strcmp(json_string_value(at), "-Infinity"))
		return -INFINITY;
	if (!json_is_number(at))
		ck_abort_msg("no number at %s of %s", pointer, answer->text);
	return json_number_value(at);
}

const char *answer_string(const struct answer *answer, const char *pointer)
{
	const json_t *at = answer_at(answer, pointer);

	if (!json_is_string(at))
		ck_abort_msg("no string at %s of %s", pointer, answer->text);
	return json_string_value(at);
}

void answer_expect(const struct answer *answer, int status)
{
	if (answer->status != status)
		ck_abort_msg("status %d, expected %d: %s", answer->status, status, answer->text);
	if (!answer->json && strstr(answer->content_type, "json"))
		ck_abort_msg("the reply is no JSON: %s", answer->text);
}

char *ask_file(const char *path, size_t *bytes)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL, *grown;
	size_t used = 0, room = 0;

	if (!file)
		return NULL;
	do {
		room = room ? 2 * room : 4096;
		grown = realloc(text, room + 1);
		ck_assert_ptr_nonnull(grown);
		text = grown;
		used += fread(text + used, 1, room - used, file);
	} while (used == room);
	fclose(file);
	text[used] = '\0';
	if (bytes)
		*bytes = used;
	return text;
}
