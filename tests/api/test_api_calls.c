/* Calls as the server drives them: schedules, cancelling, memory, limits,
 * headers and routes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "arena.h"
#include "ask.h"

#define CE "{\"loss\":\"ce\",\"logits\":[[1,2],[3,4]],\"targets\":[0,1]}"

static struct answer answer;

static void teardown(void)
{
	answer_free(&answer);
	answer = (struct answer){0};
	api_arena_fail_nth(0);
}

static void ask_text(struct api *api, const char *body, enum schedule schedule)
{
	teardown();
	ask_with(api, "POST", "/v1/evaluate", body, strlen(body), NULL, 0, schedule, &answer);
}

static void expect_code(int status, const char *code)
{
	answer_expect(&answer, status);
	ck_assert_str_eq(answer_string(&answer, "/code"), code);
}

/* ---- Large requests ----------------------------------------------------------- */

/* Cross entropy of `rows` x `classes` logits with nine digits each; every
 * tenth row has a masked class. */
static char *large_request(int rows, int classes, size_t *bytes)
{
	char *body = malloc((size_t)rows * (size_t)classes * 16 + (size_t)rows * 8 + 200);
	unsigned seed = 7;
	size_t n;

	ck_assert_ptr_nonnull(body);
	n = (size_t)sprintf(body, "{\"loss\":\"cross_entropy\",\"logits\":[");
	for (int row = 0; row < rows; row++) {
		body[n++] = row ? ',' : ' ';
		body[n++] = '[';
		for (int k = 0; k < classes; k++) {
			seed = seed * 1664525 + 1013904223;
			if (row % 10 == 0 && k == 1)
				n += (size_t)sprintf(body + n, ",-Infinity");
			else
				n += (size_t)sprintf(body + n, "%s%d.%08u", k ? "," : "",
						     (int)(seed >> 28) - 8, seed % 100000000);
		}
		body[n++] = ']';
	}
	n += (size_t)sprintf(body + n, "],\"targets\":[");
	for (int row = 0; row < rows; row++)
		n += (size_t)sprintf(body + n, "%s%d", row ? "," : "",
				     row % classes == 1 ? 0 : row % classes);
	n += (size_t)sprintf(body + n, "]}");
	*bytes = n;
	return body;
}

/* The order of the blocks, and the thread that runs them, cannot be seen. */
START_TEST(any_schedule_gives_the_same_bytes)
{
	struct answer first;
	size_t bytes;
	char *body = large_request(700, 300, &bytes);

	ask_with(ask_api(), "POST", "/v1/evaluate", body, bytes, NULL, 0, ASK_FORWARD, &first);
	answer_expect(&first, 200);
	ck_assert_uint_gt(first.blocks, 3 * first.steps);
	for (enum schedule schedule = ASK_BACKWARD; schedule < ASK_SCHEDULES; schedule++) {
		teardown();
		ask_with(ask_api(), "POST", "/v1/evaluate", body, bytes, NULL, 0, schedule,
			 &answer);
		ck_assert_uint_eq(answer.bytes, first.bytes);
		ck_assert_int_eq(memcmp(answer.text, first.text, first.bytes), 0);
	}
	answer_free(&first);
	free(body);
}
END_TEST

/* Two large terms and a diagnosis, in any order too. */
START_TEST(any_schedule_of_terms_and_diagnosis)
{
	struct answer first;
	size_t bytes;
	char *plain = large_request(400, 200, &bytes);
	char *body = malloc(bytes + 400);
	const char *rest = strchr(plain, ',');

	sprintf(body,
		"{\"diagnostics\":\"full\",\"loss\":{\"terms\":[{\"loss\":\"ce\"},{\"weight\":0.5,"
		"\"loss\":{\"name\":\"softmax_focal\",\"gamma\":1.5}}]}%.*s",
		(int)(bytes - (size_t)(rest - plain)), rest);
	ask_text(ask_api(), body, ASK_FORWARD);
	first = answer;
	answer = (struct answer){0};
	answer_expect(&first, 200);
	for (enum schedule schedule = ASK_BACKWARD; schedule < ASK_SCHEDULES; schedule++) {
		ask_text(ask_api(), body, schedule);
		ck_assert_str_eq(answer.text, first.text);
	}
	answer_free(&first);
	free(body);
	free(plain);
}
END_TEST

/* At most 3 times the tensors and 16 MiB beside the body, which is the caller's. */
START_TEST(peak_memory_of_a_large_request)
{
	enum { ROWS = 1000, CLASSES = 1000 };
	size_t bytes;
	char *body = large_request(ROWS, CLASSES, &bytes);
	uint64_t tensors = 2 * (uint64_t)ROWS * CLASSES * sizeof(float) + ROWS * sizeof(int64_t);

	ask_with(ask_api(), "POST", "/v1/evaluate", body, bytes, NULL, 0, ASK_FORWARD, &answer);
	free(body);
	answer_expect(&answer, 200);
	ck_assert_uint_le(answer.peak_bytes, 3 * tensors + (UINT64_C(16) << 20));
}
END_TEST

/* ---- Cancelling ----------------------------------------------------------------- */

static const char *const varied[] = {
	CE,
	"{\"loss\":{\"terms\":[{\"loss\":\"ce\"},{\"loss\":\"focal\",\"inputs\":{\"logits\":\"x\","
	"\"targets\":\"y\"}}]},\"logits\":[[1,2],[3,4]],\"targets\":[0,1],\"x\":[1,2],\"y\":[0,1]}",
	"{\"loss\":{\"name\":\"ce\",\"weight\":{\"from\":\"balanced\"}},\"targets\":[0,1],"
	"\"batch\":["
	"{\"logits\":[[1,2],[NaN,4]]},{\"logits\":3},{\"logits\":[[-Infinity,-Infinity],[3,4]]}]}",
	"{\"loss\":{\"name\":\"mse\",\"reduction\":\"none\"},\"input\":{\"shape\":[2,2],\"data\":["
	"1,2,3,"
	"1e39]},\"targets\":[[0,0],[1,1]],\"gradient\":[\"input\"],\"diagnostics\":\"full\"}",
};

enum { VARIED = sizeof varied / sizeof varied[0] };

static size_t count_steps(const char *body)
{
	size_t steps;

	ask_text(ask_api(), body, ASK_FORWARD);
	answer_expect(&answer, 200);
	steps = answer.steps;
	return steps;
}

/* Cancelled before the nth step: the reply is that problem, and the sequence
 * of next and block goes on to its end. */
static void cancel_at(const char *body, size_t nth, bool in_blocks)
{
	struct api *api = ask_api();
	struct api_request request = {.body = body, .body_bytes = strlen(body)};

	api_route_match("POST", "/v1/evaluate", &request.match);

	struct api_call *call = api_call_new(api, &request);
	size_t step = 0;
	if (nth == 0 && !in_blocks)
		api_call_cancel(call, API_DEADLINE);
	for (size_t blocks; (blocks = api_call_next(call)) > 0; step++)
		for (size_t i = 0; i < blocks; i++) {
			if (in_blocks && step == nth)
				api_call_cancel(call, API_DEADLINE);
			api_call_block(call, i);
			if (!in_blocks && step + 1 == nth && i + 1 == blocks)
				api_call_cancel(call, API_DEADLINE);
		}
	/* A second reason does not replace the first. */
	api_call_cancel(call, API_CANCELLED);
	ck_assert_int_eq(api_call_reply(call)->problem, API_DEADLINE);
	ck_assert_int_eq(api_call_reply(call)->status, 504);
	api_call_free(call);
	ck_assert_uint_eq(atomic_load(&api->budget.used), 0);
}

START_TEST(cancelled_at_every_step)
{
	size_t steps = count_steps(varied[_i]);

	ck_assert_uint_ge(steps, 3);
	for (size_t nth = 0; nth <= steps; nth++)
		cancel_at(varied[_i], nth, false);
	for (size_t nth = 0; nth < steps; nth++)
		cancel_at(varied[_i], nth, true);
}
END_TEST

/* A call that is given up before it has begun, or half-way, leaves nothing. */
START_TEST(freed_at_every_step)
{
	struct api *api = ask_api();
	size_t steps = count_steps(varied[_i]);

	for (size_t nth = 0; nth <= steps; nth++) {
		struct api_request request = {.body = varied[_i], .body_bytes = strlen(varied[_i])};

		api_route_match("POST", "/v1/evaluate", &request.match);
		struct api_call *call = api_call_new(api, &request);
		for (size_t step = 0; step < nth; step++) {
			size_t blocks = api_call_next(call);

			for (size_t i = 0; i < blocks; i++)
				api_call_block(call, i);
		}
		api_call_free(call);
		ck_assert_uint_eq(atomic_load(&api->budget.used), 0);
	}
}
END_TEST

/* ---- Memory ---------------------------------------------------------------------- */

/* Whichever allocation fails, the answer is a whole problem. */
static void fail_every_allocation(const char *method, const char *path, const char *body)
{
	struct api *api = ask_api();
	size_t failures = 0;

	for (uint64_t nth = 1;; nth++) {
		teardown();
		api_arena_fail_nth(nth);
		ask_with(api, method, path, body, strlen(body), NULL, 0, ASK_FORWARD, &answer);
		if (answer.status == 200)
			break;
		expect_code(503, "memory_full");
		failures++;
	}
	api_arena_fail_nth(0);
	ck_assert_uint_ge(failures, 1);
}

START_TEST(nth_allocation_fails)
{
	fail_every_allocation("POST", "/v1/evaluate", varied[_i]);
}
END_TEST

START_TEST(nth_allocation_of_a_page_fails)
{
	fail_every_allocation("GET", "/v1/losses", "");
	fail_every_allocation("GET", "/v1/losses/dice", "");
	fail_every_allocation("GET", "/v1/findings", "");
}
END_TEST

START_TEST(a_request_that_never_fits)
{
	struct api *api = ask_api();
	size_t bytes;
	char *body = large_request(200, 200, &bytes);

	api->budget.max = 200 << 10;
	ask_with(api, "POST", "/v1/evaluate", body, bytes, NULL, 0, ASK_FORWARD, &answer);
	expect_code(413, "too_much_memory");
	ask_text(api, CE, ASK_FORWARD);
	answer_expect(&answer, 200);
	free(body);
}
END_TEST

START_TEST(a_request_that_fits_later)
{
	struct api *api = ask_api();
	size_t bytes;
	char *body = large_request(200, 200, &bytes);

	api->budget.max = 16 << 20;
	ck_assert(api_budget_take(&api->budget, (16 << 20) - (200 << 10)));
	ask_with(api, "POST", "/v1/evaluate", body, bytes, NULL, 0, ASK_FORWARD, &answer);
	expect_code(503, "memory_full");
	api_budget_give(&api->budget, (16 << 20) - (200 << 10));
	teardown();
	ask_with(api, "POST", "/v1/evaluate", body, bytes, NULL, 0, ASK_FORWARD, &answer);
	answer_expect(&answer, 200);
	free(body);
}
END_TEST

/* ---- Limits ------------------------------------------------------------------------ */

static void expect_limit(const char *body, const char *code, int status, uint64_t limit)
{
	expect_code(status, code);
	ck_assert_msg(answer_at(&answer, "/limit"), "%s tells no limit: %s", body, answer.text);
	ck_assert_uint_eq((uint64_t)answer_number(&answer, "/limit"), limit);
	ck_assert_uint_gt((uint64_t)answer_number(&answer, "/actual"), limit);
}

START_TEST(limits_of_a_document)
{
	struct api *api = ask_api();

	api->limits.elements = 5;
	ask_text(api, CE, ASK_FORWARD);
	expect_limit(CE, "too_many_elements", 413, 5);
	api->limits.elements = 6;
	ask_text(api, CE, ASK_FORWARD);
	answer_expect(&answer, 200);
	api->limits.members = 2;
	ask_text(api, CE, ASK_FORWARD);
	expect_limit(CE, "too_many_members", 400, 2);
	api->limits.members = 3;
	api->limits.string_bytes = 5;
	ask_text(api, CE, ASK_FORWARD);
	expect_limit(CE, "string_too_long", 400, 5);
	api->limits.string_bytes = 7;
	api->limits.depth = 2;
	ask_text(api, CE, ASK_FORWARD);
	expect_limit(CE, "too_deep", 400, 2);
	api->limits.depth = 3;
	ask_text(api, CE, ASK_FORWARD);
	answer_expect(&answer, 200);
}
END_TEST

START_TEST(the_limit_of_terms)
{
	struct api *api = ask_api();
	const char *body =
		"{\"loss\":{\"terms\":[{\"loss\":\"l1\"},{\"loss\":\"mse\"}]},\"input\":1,"
		"\"targets\":2}";

	api->limits.terms = 1;
	ask_text(api, body, ASK_FORWARD);
	expect_limit(body, "out_of_range", 422, 1);
}
END_TEST

/* ---- Headers ------------------------------------------------------------------------ */

static const struct {
	const char *type;
	int status;
} media[] = {
	{"application/json", 200},
	{"Application/JSON; charset=UTF-8", 200},
	{"application/json;charset=\"utf-8\"", 200},
	{"application/x-www-form-urlencoded", 200}, /* what curl -d says of anything */
	{"application/json; charset=iso-8859-1", 415},
	{"application/jsonp", 415},
	{"text/plain", 415},
	{"application/octet-stream", 415},
	{"", 415},
};

START_TEST(media_types)
{
	const struct api_header header = {"content-type", media[_i].type};

	ask_with(ask_api(), "POST", "/v1/evaluate", CE, strlen(CE), &header, 1, ASK_FORWARD,
		 &answer);
	answer_expect(&answer, media[_i].status);
	if (media[_i].status == 415)
		expect_code(415, "unsupported_media_type");
}
END_TEST

static const char *header_of(const struct api_reply *reply, const char *name)
{
	for (int i = 0; i < reply->header_count; i++)
		if (!strcmp(reply->headers[i].name, name))
			return reply->headers[i].value;
	return "";
}

START_TEST(headers_of_refusals)
{
	struct api *api = ask_api();
	struct api_request request = {.body = CE, .body_bytes = strlen(CE)};

	api_route_match("DELETE", "/v1/losses/dice", &request.match);
	struct api_call *call = api_call_new(api, &request);
	ck_assert_int_eq(api_call_run(call)->status, 405);
	ck_assert_str_eq(header_of(api_call_reply(call), "Allow"), "GET, HEAD");
	api_call_free(call);

	api_route_match("POST", "/v1/evaluate", &request.match);
	api_arena_fail_nth(2);
	call = api_call_new(api, &request);
	ck_assert_int_eq(api_call_run(call)->status, 503);
	ck_assert_str_eq(header_of(api_call_reply(call), "Retry-After"), "1");
	api_call_free(call);
}
END_TEST

/* ---- Routes -------------------------------------------------------------------------- */

static const struct {
	const char *method, *path, *route, *allow;
	enum api_problem problem;
} routes[] = {
	{"POST", "/v1/evaluate", "/v1/evaluate", "", API_PROBLEM_NONE},
	{"GET", "/v1/evaluate", NULL, "POST", API_METHOD_NOT_ALLOWED},
	{"GET", "/v1/losses", "/v1/losses", "", API_PROBLEM_NONE},
	{"HEAD", "/v1/losses", "/v1/losses", "", API_PROBLEM_NONE},
	{"GET", "/v1/losses/dice", "/v1/losses/{name}", "", API_PROBLEM_NONE},
	{"GET", "/v1/losses/", NULL, "", API_NOT_FOUND_ROUTE},
	{"GET", "/v1/losses/a/b", NULL, "", API_NOT_FOUND_ROUTE},
	{"PUT", "/v1/losses/dice", NULL, "GET, HEAD", API_METHOD_NOT_ALLOWED},
	{"POST", "/v1/evaluate/", NULL, "", API_NOT_FOUND_ROUTE},
	{"POST", "/v1/evaluat", NULL, "", API_NOT_FOUND_ROUTE},
	{"GET", "/", NULL, "", API_NOT_FOUND_ROUTE},
	{"GET", "", NULL, "", API_NOT_FOUND_ROUTE},
	{"GET", "/healthz", "/healthz", "", API_PROBLEM_NONE},
	{"POST", "/healthz", NULL, "GET, HEAD", API_METHOD_NOT_ALLOWED},
};

START_TEST(route_is_found)
{
	struct api_match match;

	api_route_match(routes[_i].method, routes[_i].path, &match);
	ck_assert_int_eq(match.problem, routes[_i].problem);
	ck_assert_str_eq(match.allow, routes[_i].allow);
	if (routes[_i].route)
		ck_assert_str_eq(match.route->path, routes[_i].route);
	else
		ck_assert_ptr_null(match.route);
	if (routes[_i].route && strchr(routes[_i].route, '{'))
		ck_assert_str_eq(match.arg, "dice");
}
END_TEST

START_TEST(no_route_is_a_problem)
{
	ask_with(ask_api(), "GET", "/nowhere", NULL, 0, NULL, 0, ASK_FORWARD, &answer);
	expect_code(404, "route_not_found");
	teardown();
	ask_with(ask_api(), "GET", "/v1/evaluate", NULL, 0, NULL, 0, ASK_FORWARD, &answer);
	expect_code(405, "method_not_allowed");
}
END_TEST

/* ---- The host ------------------------------------------------------------------------ */

static json_t *some_stats(void *ctx)
{
	(void)ctx;
	return json_pack(
		"{s:s,s:f,s:{},s:{},s:{},s:{},s:{},s:{},s:{},s:{},s:{},s:{},s:{},s:{},s:{}}",
		"version", "0", "uptime_s", 0.5, "build", "limits", "requests", "losses", "latency",
		"queue", "workers", "findings", "findings_by_loss", "loop", "connections", "log",
		"process");
}

static char *some_metrics(void *ctx, bool openmetrics)
{
	(void)ctx;
	return strdup(openmetrics ? "# EOF\n" : "up 1\n");
}

static bool is_ready(void *ctx, const char **why)
{
	*why = "draining";
	return *(bool *)ctx;
}

START_TEST(routes_of_the_host)
{
	struct api *api = ask_api();
	const struct api_header accept = {"Accept", "application/openmetrics-text; version=1.0.0"};
	bool ready = true;

	ask_with(api, "GET", "/readyz", NULL, 0, NULL, 0, ASK_FORWARD, &answer);
	expect_code(404, "route_not_found");
	teardown();
	api->host = (struct api_host){
		.ctx = &ready, .stats = some_stats, .metrics = some_metrics, .ready = is_ready};
	ask_with(api, "GET", "/readyz", NULL, 0, NULL, 0, ASK_FORWARD, &answer);
	ck_assert_str_eq(answer.text, "{\"status\":\"ready\"}");
	teardown();
	ready = false;
	ask_with(api, "GET", "/readyz", NULL, 0, NULL, 0, ASK_FORWARD, &answer);
	answer_expect(&answer, 503);
	ck_assert_str_eq(answer.text, "{\"status\":\"not_ready\",\"why\":\"draining\"}");
	teardown();
	ask_with(api, "GET", "/metrics", NULL, 0, NULL, 0, ASK_FORWARD, &answer);
	ck_assert_str_eq(answer.text, "up 1\n");
	ck_assert_str_eq(answer.content_type, "text/plain; version=0.0.4; charset=utf-8");
	teardown();
	ask_with(api, "GET", "/metrics", NULL, 0, &accept, 1, ASK_FORWARD, &answer);
	ck_assert_str_eq(answer.text, "# EOF\n");
	teardown();
	ask_with(api, "GET", "/stats", NULL, 0, NULL, 0, ASK_FORWARD, &answer);
	ck_assert_str_eq(answer_string(&answer, "/version"), "0");
	api->host = (struct api_host){0};
	teardown();
	ask_get("/healthz", &answer);
	ck_assert_str_eq(answer.text, "{\"status\":\"live\"}");
}
END_TEST

/* ---- Problems found outside a call ----------------------------------------------------- */

START_TEST(problem_document_of_the_server)
{
	size_t bytes;
	char *text = api_problem_document(API_BODY_TOO_LARGE, "10 bytes \"too\" many \xff", 5, 15,
					  &bytes);
	json_t *json = json_loadb(text, bytes, 0, NULL);

	ck_assert_ptr_nonnull(json);
	ck_assert_str_eq(json_string_value(json_object_get(json, "code")), "body_too_large");
	ck_assert_str_eq(json_string_value(json_object_get(json, "detail")),
			 "10 bytes \"too\" many \xef\xbf\xbd");
	ck_assert_int_eq(json_integer_value(json_object_get(json, "status")), 413);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "limit")), 5);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "actual")), 15);
	json_decref(json);
	free(text);
	/* Without a detail the title says it; without a limit there is none. */
	text = api_problem_document(API_DRAINING, NULL, 0, 0, &bytes);
	json = json_loadb(text, bytes, 0, NULL);
	ck_assert_str_eq(json_string_value(json_object_get(json, "detail")),
			 api_problem_title(API_DRAINING));
	ck_assert_ptr_null(json_object_get(json, "limit"));
	json_decref(json);
	free(text);
}
END_TEST

Suite *api_calls_suite(void);

Suite *api_calls_suite(void)
{
	Suite *suite = suite_create("api_calls");
	TCase *tcase = tcase_create("calls");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, any_schedule_gives_the_same_bytes);
	tcase_add_test(tcase, any_schedule_of_terms_and_diagnosis);
	tcase_add_test(tcase, peak_memory_of_a_large_request);
	tcase_add_loop_test(tcase, cancelled_at_every_step, 0, VARIED);
	tcase_add_loop_test(tcase, freed_at_every_step, 0, VARIED);
	tcase_add_loop_test(tcase, nth_allocation_fails, 0, VARIED);
	tcase_add_test(tcase, nth_allocation_of_a_page_fails);
	tcase_add_test(tcase, a_request_that_never_fits);
	tcase_add_test(tcase, a_request_that_fits_later);
	tcase_add_test(tcase, limits_of_a_document);
	tcase_add_test(tcase, the_limit_of_terms);
	tcase_add_loop_test(tcase, media_types, 0, sizeof media / sizeof media[0]);
	tcase_add_test(tcase, headers_of_refusals);
	tcase_add_loop_test(tcase, route_is_found, 0, sizeof routes / sizeof routes[0]);
	tcase_add_test(tcase, no_route_is_a_problem);
	tcase_add_test(tcase, routes_of_the_host);
	tcase_add_test(tcase, problem_document_of_the_server);
	suite_add_tcase(suite, tcase);
	return suite;
}
