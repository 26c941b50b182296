/*
 * Bad requests: each folder of tests/bad holds a request and the reply to it,
 * laid out for reading.  A reply that was changed on purpose is written anew by
 *
 *     LOSSD_WRITE_REPLIES=1 build/tests/run api_bad
 *
 * and then read before it is committed: the text is what the user gets.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "ask.h"
#include "describe.h"

#define FOLDER "tests/bad"

enum { CASES_MAX = 400 };

static char *names[CASES_MAX];
static int name_count;

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void find_cases(void)
{
	DIR *folder = opendir(FOLDER);

	for (struct dirent *entry; folder && (entry = readdir(folder));)
		if (entry->d_name[0] != '.' && name_count < CASES_MAX)
			names[name_count++] = strdup(entry->d_name);
	if (folder)
		closedir(folder);
	qsort(names, (size_t)name_count, sizeof *names, compare);
}

static void ask_case(const char *name, struct answer *answer)
{
	char path[400];
	size_t bytes = 0;

	snprintf(path, sizeof path, FOLDER "/%s/request.json", name);
	char *body = ask_file(path, &bytes);
	if (!body)
		ck_abort_msg("%s cannot be read", path);
	ask_with(ask_api(), "POST", "/v1/evaluate", body, bytes, NULL, 0, ASK_FORWARD, answer);
	free(body);
}

static char *lay_out(const char *json)
{
	struct api_describer describer;

	api_describe_begin(&describer);
	api_layout_json(&describer.text, json);
	return api_describe_end(&describer, NULL);
}

static void write_reply(const char *path, const char *text)
{
	FILE *file = fopen(path, "wb");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(bad_request)
{
	struct answer answer;
	char path[400];

	ask_case(names[_i], &answer);
	ck_assert_msg(answer.json, "%s: the reply is no JSON: %s", names[_i], answer.text);

	char *reply = lay_out(answer.text);
	snprintf(path, sizeof path, FOLDER "/%s/reply.json", names[_i]);
	if (getenv("LOSSD_WRITE_REPLIES"))
		write_reply(path, reply);

	char *expected = ask_file(path, NULL);
	ck_assert_msg(expected, "%s: there is no reply.json", names[_i]);
	ck_assert_msg(!strcmp(reply, expected), "%s: the reply is\n%sexpected\n%s", names[_i],
		      reply, expected);
	free(expected);
	free(reply);
	answer_free(&answer);
}
END_TEST

/* A problem says the same in the document and in the status line, and its
 * sentence is one that the client can do something with. */
START_TEST(bad_request_is_told_in_full)
{
	struct answer answer;

	ask_case(names[_i], &answer);
	if (answer.status != 200) {
		ck_assert_str_eq(answer.content_type, "application/problem+json");
		ck_assert_int_eq(answer.status, (int)answer_number(&answer, "/status"));
		ck_assert_int_eq(answer.status, api_problem_status(answer.problem));
		ck_assert_str_eq(answer_string(&answer, "/code"), api_problem_slug(answer.problem));
		ck_assert_str_eq(answer_string(&answer, "/title"),
				 api_problem_title(answer.problem));
		ck_assert_str_eq(answer_string(&answer, "/detail"),
				 answer_string(&answer, "/error"));
		ck_assert_uint_gt(strlen(answer_string(&answer, "/detail")), 8);
	}
	answer_free(&answer);
}
END_TEST

/* ---- Every code -------------------------------------------------------------- */

/* Codes that no document can cause: the server's, or those of limits and
 * routes, which test_api_calls.c reaches. */
static const enum api_problem elsewhere[] = {
	API_PROBLEM_NONE,    API_TOO_MANY_MEMBERS,  API_STRING_TOO_LONG,
	API_FRAMING,         API_BINARY_SIZE,       API_TENSOR_GAP,
	API_TENSOR_OVERLAP,  API_TENSOR_HEADER,     API_BAD_CODING,
	API_UNAUTHORIZED,    API_NOT_FOUND_ROUTE,   API_METHOD_NOT_ALLOWED,
	API_REQUEST_TIMEOUT, API_BODY_TOO_LARGE,    API_TOO_MUCH_MEMORY,
	API_URI_TOO_LONG,    API_TOO_MANY_ELEMENTS, API_MEDIA_TYPE,
	API_CODING,          API_HEADERS_TOO_LARGE, API_QUOTA,
	API_CANCELLED,       API_INTERNAL,          API_QUEUE_FULL,
	API_MEMORY_FULL,     API_DRAINING,          API_DEADLINE,
};

START_TEST(every_code_has_a_request)
{
	bool is_seen[API_PROBLEM_COUNT] = {false};
	struct answer answer;

	for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
		is_seen[elsewhere[i]] = true;
	for (int i = 0; i < name_count; i++) {
		ask_case(names[i], &answer);
		is_seen[answer.problem] = true;
		answer_free(&answer);
	}
	for (int i = 0; i < API_PROBLEM_COUNT; i++)
		ck_assert_msg(is_seen[i], "no request causes %s",
			      api_problem_slug((enum api_problem)i));
}
END_TEST

Suite *api_bad_suite(void);

Suite *api_bad_suite(void)
{
	Suite *suite = suite_create("api_bad");
	TCase *tcase = tcase_create("bad");

	find_cases();
	tcase_add_loop_test(tcase, bad_request, 0, name_count);
	tcase_add_loop_test(tcase, bad_request_is_told_in_full, 0, name_count);
	tcase_add_test(tcase, every_code_has_a_request);
	suite_add_tcase(suite, tcase);
	return suite;
}
