/*
 * POST /v1/verify.  tests/verify/cases.json holds what PyTorch computed where
 * somebody did something else than was asked (record.py there).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "arena.h"
#include "ask.h"

static struct answer answer;
static json_t *cases;

static void teardown(void)
{
	answer_free(&answer);
	answer = (struct answer){0};
	api_arena_fail_nth(0);
}

static void verify_with(struct api *api, const char *body, enum schedule schedule)
{
	teardown();
	ask_with(api, "POST", "/v1/verify", body, strlen(body), NULL, 0, schedule, &answer);
}

static void verify_json(json_t *request)
{
	char *body = json_dumps(request, JSON_REAL_PRECISION(17));

	verify_with(ask_api(), body, ASK_FORWARD);
	free(body);
}

/* A request whose strings are written with '. */
static void verify(const char *text)
{
	char body[4096];
	size_t n = 0;

	for (; *text; text++)
		body[n++] = *text == '\'' ? '"' : *text;
	body[n] = '\0';
	verify_with(ask_api(), body, ASK_FORWARD);
}

static void expect_json(const char *pointer, const char *expected)
{
	const json_t *at = answer_at(&answer, pointer);
	char *text =
		at ? json_dumps(at, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9)) : NULL;

	ck_assert_msg(text && !strcmp(text, expected), "%s is %s, expected %s, in %s", pointer,
		      text ? text : "missing", expected, answer.text);
	free(text);
}

/* The explanation of this name, with these words, that matches or not. */
static const json_t *find_explanation(const char *name, const char *words, bool matches)
{
	size_t i;
	json_t *one;

	json_array_foreach(answer_at(&answer, "/explanations"), i, one)
	{
		if (!strcmp(json_string_value(json_object_get(one, "name")), name) &&
		    strstr(json_string_value(json_object_get(one, "say")), words) &&
		    json_is_true(json_object_get(one, "matches")) == matches)
			return one;
	}
	return NULL;
}

/* ---- PyTorch ------------------------------------------------------------------- */

static json_t *case_at(int index, const char *member)
{
	return json_object_get(json_array_get(cases, (size_t)index), member);
}

START_TEST(what_was_done_is_found)
{
	const char *what = json_string_value(case_at(_i, "case"));
	const char *name = json_string_value(case_at(_i, "name"));
	const char *words = json_string_value(case_at(_i, "words"));

	verify_json(case_at(_i, "request"));
	answer_expect(&answer, 200);
	ck_assert_msg(json_equal(answer_at(&answer, "/agrees"), case_at(_i, "agrees")), "%s: %s",
		      what, answer.text);
	if (!name)
		expect_json("/explanations", "[]");
	else
		ck_assert_msg(find_explanation(name, words, true), "%s: no %s (%s) in %s", what,
			      name, words, answer.text);
	/* What matches stands before what does not. */
	for (size_t i = 1; i < json_array_size(answer_at(&answer, "/explanations")); i++) {
		const json_t *list = answer_at(&answer, "/explanations");

		ck_assert(json_is_true(json_object_get(json_array_get(list, i - 1), "matches")) ||
			  !json_is_true(json_object_get(json_array_get(list, i), "matches")));
	}
}
END_TEST

/* Weights that stand in the loss object are no parameters. */
static void keep_weights(json_t *spec, const json_t *loss)
{
	static const char *const names[] = {"weight", "pos_weight"};

	for (size_t i = 0; i < 2; i++)
		if (json_object_get(loss, names[i]))
			json_object_set(spec, names[i], json_object_get(loss, names[i]));
}

/* A spec that is said to match does, where it explains the loss and every
 * gradient; one that is said not to does not. */
START_TEST(changed_specs_are_what_they_say)
{
	json_t *request = json_deep_copy(case_at(_i, "request"));
	json_t *explanations, *one;
	size_t parts, i;

	size_t sent = 0;

	verify_json(request);
	explanations = json_deep_copy(answer_at(&answer, "/explanations"));
	parts = json_object_size(json_object_get(json_object_get(request, "claim"), "gradients")) +
		1;
	json_array_foreach(explanations, i, one)
	{
		json_t *spec = json_object_get(one, "loss");
		bool matches = json_is_true(json_object_get(one, "matches"));
		bool is_whole = json_array_size(json_object_get(one, "explains")) == parts;

		if (!spec || (matches && !is_whole))
			continue;
		keep_weights(spec, json_object_get(request, "loss"));
		json_object_set(request, "loss", spec);
		verify_json(request);
		sent++;
		ck_assert_msg(json_is_true(answer_at(&answer, "/agrees")) == matches,
			      "%s: %s, but %s", json_string_value(case_at(_i, "case")),
			      json_string_value(json_object_get(one, "say")), answer.text);
		json_object_set(request, "loss", json_object_get(case_at(_i, "request"), "loss"));
	}
	ck_assert(sent > 0 || json_array_size(explanations) == 0);
	json_decref(explanations);
	json_decref(request);
}
END_TEST

START_TEST(any_schedule_gives_the_same_bytes)
{
	char *body = json_dumps(case_at(_i, "request"), JSON_REAL_PRECISION(17));
	struct answer first;

	verify_with(ask_api(), body, ASK_FORWARD);
	first = answer;
	answer = (struct answer){0};
	for (enum schedule schedule = ASK_BACKWARD; schedule < ASK_SCHEDULES; schedule++) {
		verify_with(ask_api(), body, schedule);
		ck_assert_str_eq(answer.text, first.text);
	}
	answer_free(&first);
	free(body);
}
END_TEST

/* ---- Agreeing --------------------------------------------------------------------- */

#define L1                                                                                         \
	"'loss': {'name': 'l1', 'reduction': 'none'}, 'input': [[1, 2], [3, 4]], "                 \
	"'targets': [[0, 0], [0, 0]]"

START_TEST(difference_in_full)
{
	verify("{'id': 3, " L1 ", 'claim': {'loss': [[1, 2.5], [3, 2]]}}");
	answer_expect(&answer, 200);
	expect_json("/id", "3");
	expect_json("/agrees", "false");
	expect_json("/loss/count", "4");
	expect_json("/loss/differing", "2");
	expect_json("/loss/at", "[[0,1],[1,1]]");
	expect_json("/loss/truncated", "false");
	expect_json("/loss/claimed", "[2.5,2]");
	expect_json("/loss/computed", "[2,4]");
	expect_json("/loss/relative", "0.5");
	expect_json("/loss/absolute", "2");
	/* From 2 to 4 is a binade of float32. */
	expect_json("/loss/ulp", "8388608");
	ck_assert_double_eq_tol(answer_number(&answer, "/loss/tolerance/rtol"), 1e-5, 1e-20);
	ck_assert_double_eq_tol(answer_number(&answer, "/loss/tolerance/atol"), 4e-6, 1e-20);
	expect_json("/loss/tolerance/ulp", "4");
	ck_assert_ptr_null(answer_at(&answer, "/gradients"));
}
END_TEST

START_TEST(tolerances)
{
	static const struct {
		const char *claim, *tolerance;
		bool agrees;
	} rows[] = {
		{"1", "{}", true},
		{"1.000005", "{}", true},
		{"1.0001", "{}", false},
		{"1.0001", "{'rtol': 0.001}", true},
		{"1.0001", "{'atol': 0.001}", true},
		{"1.0001", "{'ulp': 839}", true},
		{"1.0001", "{'ulp': 838, 'rtol': 0, 'atol': 0}", false},
		{"1.00000012", "{'ulp': 0, 'rtol': 0, 'atol': 0}", false},
		{"1.00000012", "{'ulp': 1, 'rtol': 0, 'atol': 0}", true},
		{"1.00000001", "{'ulp': 0, 'rtol': 0, 'atol': 0}", true}, /* is 1 as a float32 */
		{"-1", "{'ulp': 0}", false},
		{"'NaN'", "{'rtol': 1e300}", false},
		{"'Infinity'", "{'rtol': 1e300}", false},
		{"[1]", "{}", true},
		{"[[1]]", "{}", true},
	};
	char body[400];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		snprintf(body, sizeof body,
			 "{'loss': 'l1', 'input': 1, 'targets': 0, 'claim': {'loss': %s}, "
			 "'tolerance': %s}",
			 rows[i].claim, rows[i].tolerance);
		verify(body);
		answer_expect(&answer, 200);
		ck_assert_msg(json_is_true(answer_at(&answer, "/agrees")) == rows[i].agrees,
			      "%s with %s: %s", rows[i].claim, rows[i].tolerance, answer.text);
	}
}
END_TEST

START_TEST(numbers_that_are_not_finite)
{
	verify("{'loss': {'name': 'l1', 'reduction': 'none'}, 'input': ['NaN', 'Infinity', 1, 2], "
	       "'targets': [0, 0, 0, 0], 'claim': {'loss': ['NaN', 'Infinity', '-Infinity', 2]}}");
	answer_expect(&answer, 200);
	expect_json("/loss/at", "[[2]]");
	expect_json("/loss/ulp", "\"Infinity\"");
	expect_json("/loss/claimed", "[\"-Infinity\"]");
}
END_TEST

START_TEST(dtypes)
{
	verify("{'loss': 'l1', 'dtype': 'float64', 'input': 0.1, 'targets': 0, 'claim': {'loss': "
	       "0.10000000149}}");
	expect_json("/agrees", "false");
	verify("{'loss': 'l1', 'dtype': 'float64', 'input': 0.1, 'targets': 0, 'claim': {'loss': "
	       "0.1}}");
	expect_json("/loss/ulp", "0");
	/* One unit of float16 at 1 is 2^-10. */
	verify("{'loss': 'l1', 'dtype': 'float16', 'input': 1, 'targets': 0, 'claim': {'loss': "
	       "1.0009765625}}");
	expect_json("/loss/ulp", "1");
	expect_json("/agrees", "true");
	verify("{'loss': 'l1', 'dtype': 'bfloat16', 'input': 1, 'targets': 0, 'claim': {'loss': "
	       "1.0078125}}");
	expect_json("/loss/ulp", "1");
}
END_TEST

/* The first places, and all of them counted. */
START_TEST(planted_differences)
{
	json_t *request = json_pack("{s:{s:s,s:s}}", "loss", "name", "mse", "reduction", "none");
	json_t *input = json_array(), *targets = json_array(), *claim = json_array();
	size_t planted = 0;

	for (int i = 0; i < 1000; i++) {
		double value = (double)(i % 37) / 8;
		bool is_planted = i % 31 == 7;

		planted += is_planted;
		json_array_append_new(input, json_real(value));
		json_array_append_new(targets, json_real(0));
		json_array_append_new(claim, json_real(value * value + (is_planted ? 0.25 : 0)));
	}
	json_object_set_new(request, "input", input);
	json_object_set_new(request, "targets", targets);
	json_object_set_new(request, "claim", json_pack("{s:o}", "loss", claim));
	verify_json(request);
	answer_expect(&answer, 200);
	ck_assert_uint_eq((size_t)answer_number(&answer, "/loss/differing"), planted);
	ck_assert_uint_eq(json_array_size(answer_at(&answer, "/loss/at")), 16);
	expect_json("/loss/truncated", "true");
	expect_json("/loss/at/0", "[7]");
	expect_json("/loss/at/15", "[472]");
	json_decref(request);
}
END_TEST

/* ---- What else ----------------------------------------------------------------------- */

START_TEST(gradients_of_any_input)
{
	verify("{'loss': {'name': 'l1', 'reduction': 'sum'}, 'input': [1, 2], 'targets': [0, 0], "
	       "'claim': {'gradients': {'input': [1, 1]}}}");
	expect_json("/agrees", "true");
	ck_assert_ptr_null(answer_at(&answer, "/loss"));
	ck_assert_ptr_nonnull(answer_at(&answer, "/gradients/input"));
}
END_TEST

/* Of a sum only what was computed is looked at. */
START_TEST(weighted_sums)
{
	static const char request[] =
		"{'loss': {'terms': [{'loss': 'l1'}, {'weight': 2, 'loss': 'mse'}]}, 'input': [1, "
		"3], "
		"'targets': [0, 0], 'claim': {'loss': %s, 'gradients': {'input': %s}}}";
	char body[400];

	snprintf(body, sizeof body, request, "12", "[2.5, 6.5]");
	verify(body);
	expect_json("/agrees", "true");
	snprintf(body, sizeof body, request, "12", "[-2.5, -6.5]");
	verify(body);
	expect_json("/agrees", "false");
	ck_assert_ptr_nonnull(find_explanation("sign", "", true));
	ck_assert_ptr_null(find_explanation("reduction", "", false));
}
END_TEST

START_TEST(nothing_explains_nonsense)
{
	verify("{'loss': 'ce', 'logits': [[1, 2, 3], [3, 1, 0.5]], 'targets': [0, 1], 'claim': "
	       "{'loss': 17.25, 'gradients': {'logits': [[1, 2, 3], [4, 5, 6]]}}}");
	answer_expect(&answer, 200);
	expect_json("/explanations/0/matches", "false");
	ck_assert_uint_gt(json_array_size(answer_at(&answer, "/explanations")), 10);
}
END_TEST

START_TEST(problems)
{
	static const struct {
		const char *rest;
		int status;
		const char *code, *pointer;
	} rows[] = {
		{"", 422, "missing_member", "/claim"},
		{", 'claim': 3", 422, "wrong_type", "/claim"},
		{", 'claim': {}", 422, "missing_member", "/claim"},
		{", 'claim': {'gradients': {}}", 422, "missing_member", "/claim"},
		{", 'claim': {'gradients': [1]}", 422, "wrong_type", "/claim/gradients"},
		{", 'claim': {'los': 1}", 422, "unknown_member", "/claim/los"},
		{", 'claim': {'loss': 'x'}", 422, "wrong_type", "/claim/loss"},
		{", 'claim': {'loss': [1, 2]}", 422, "shape_mismatch", "/claim/loss"},
		{", 'claim': {'loss': [[1], [1, 2]]}", 422, "ragged_array", "/claim/loss/1"},
		{", 'claim': {'gradients': {'input': [1]}}", 422, "shape_mismatch",
		 "/claim/gradients/input"},
		{", 'claim': {'gradients': {'targets': [1, 2]}}", 200, NULL, NULL},
		{", 'claim': {'gradients': {'logit': [1, 2]}}", 422, "unknown_member",
		 "/claim/gradients"},
		{", 'gradient': false, 'claim': {'gradients': {'input': [1, 2]}}", 422,
		 "unknown_member", "/claim/gradients/input"},
		{", 'claim': {'loss': 1}, 'tolerance': 1", 422, "wrong_type", "/tolerance"},
		{", 'claim': {'loss': 1}, 'tolerance': {'rtol': -1}", 422, "out_of_range",
		 "/tolerance/rtol"},
		{", 'claim': {'loss': 1}, 'tolerance': {'rtol': 'x'}", 422, "wrong_type",
		 "/tolerance/rtol"},
		{", 'claim': {'loss': 1}, 'tolerance': {'ulp': 'NaN'}", 422, "out_of_range",
		 "/tolerance/ulp"},
		{", 'claim': {'loss': 1}, 'tolerance': {'eps': 1}", 422, "unknown_member",
		 "/tolerance/eps"},
		{", 'claim': {'loss': 1}, 'batch': []", 422, "unknown_member", "/batch"},
		{", 'claim': {'loss': 1}, 'mask': [1, 2, 3]", 422, "shape_mismatch", "/mask"},
	};
	char body[400];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		snprintf(body, sizeof body, "{'loss': 'mse', 'input': [1, 2], 'targets': [0, 0]%s}",
			 rows[i].rest);
		verify(body);
		answer_expect(&answer, rows[i].status);
		if (rows[i].status == 200)
			continue;
		ck_assert_msg(!strcmp(answer_string(&answer, "/code"), rows[i].code) &&
				      !strcmp(answer_string(&answer, "/pointer"), rows[i].pointer),
			      "%s: %s", rows[i].rest, answer.text);
	}
	/* An evaluation has no claims. */
	teardown();
	ask_post("{\"loss\":\"mse\",\"input\":1,\"targets\":1,\"claim\":{\"loss\":0}}", &answer);
	answer_expect(&answer, 422);
}
END_TEST

START_TEST(nth_allocation_fails)
{
	char *body = json_dumps(case_at(_i, "request"), JSON_REAL_PRECISION(17));
	uint64_t nth = 0;

	do {
		teardown();
		api_arena_fail_nth(++nth);
		ask_with(ask_api(), "POST", "/v1/verify", body, strlen(body), NULL, 0, ASK_FORWARD,
			 &answer);
		if (answer.status != 200) {
			answer_expect(&answer, 503);
			ck_assert_str_eq(answer_string(&answer, "/code"), "memory_full");
		}
	} while (answer.status != 200);
	ck_assert_uint_gt(nth, 10);
	free(body);
}
END_TEST

/* A request is counted once, whatever is tried for it. */
START_TEST(outcome_is_that_of_the_evaluation)
{
	verify_json(case_at(0, "request"));
	ck_assert_uint_eq(answer.outcome_count, 1);
	ck_assert(!answer.outcomes[0].failed);
	ck_assert_int_eq(answer.outcomes[0].rows, 6);
}
END_TEST

Suite *api_verify_suite(void);

Suite *api_verify_suite(void)
{
	Suite *suite = suite_create("api_verify");
	TCase *tcase = tcase_create("verify");
	int count;

	cases = json_load_file("tests/verify/cases.json", 0, NULL);
	count = (int)json_array_size(cases);
	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_loop_test(tcase, what_was_done_is_found, 0, count);
	tcase_add_loop_test(tcase, changed_specs_are_what_they_say, 0, count);
	tcase_add_loop_test(tcase, any_schedule_gives_the_same_bytes, 0, count);
	tcase_add_test(tcase, difference_in_full);
	tcase_add_test(tcase, tolerances);
	tcase_add_test(tcase, numbers_that_are_not_finite);
	tcase_add_test(tcase, dtypes);
	tcase_add_test(tcase, planted_differences);
	tcase_add_test(tcase, gradients_of_any_input);
	tcase_add_test(tcase, weighted_sums);
	tcase_add_test(tcase, nothing_explains_nonsense);
	tcase_add_test(tcase, problems);
	tcase_add_loop_test(tcase, nth_allocation_fails, 0, 3);
	tcase_add_test(tcase, outcome_is_that_of_the_evaluation);
	suite_add_tcase(suite, tcase);
	return suite;
}
