/* Batches with defaults, and weighted sums of terms. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "ask.h"

static struct answer answer;

static void teardown(void)
{
	answer_free(&answer);
	answer = (struct answer){0};
}

/* A request whose strings are written with '. */
static void ask(const char *text, int status)
{
	char body[4096];
	size_t n = 0;

	for (; *text; text++)
		body[n++] = *text == '\'' ? '"' : *text;
	body[n] = '\0';
	teardown();
	ask_post(body, &answer);
	answer_expect(&answer, status);
}

static void expect_near(const char *pointer, double expected, double tolerance)
{
	double found = answer_number(&answer, pointer);

	if (!(fabs(found - expected) <= tolerance))
		ck_abort_msg("%s is %.17g, expected %.17g, in %s", pointer, found, expected,
			     answer.text);
}

/* ---- Batches ---------------------------------------------------------------- */

START_TEST(items_take_defaults_and_answer_in_order)
{
	ask("{'id': 9, 'loss': 'mse', 'targets': [1], 'gradient': false, 'batch': ["
	    "{'id': 'a', 'input': [3]},"
	    "{'id': 'b', 'input': [3], 'targets': [2]},"
	    "{'input': [4], 'loss': {'name': 'l1', 'reduction': 'sum'}, 'gradient': true}]}",
	    200);
	expect_near("/id", 9, 0);
	ck_assert_uint_eq(json_array_size(answer_at(&answer, "/results")), 3);
	ck_assert_str_eq(answer_string(&answer, "/results/0/id"), "a");
	expect_near("/results/0/loss", 4, 0);
	ck_assert_str_eq(answer_string(&answer, "/results/1/id"), "b");
	expect_near("/results/1/loss", 1, 0);
	ck_assert_ptr_null(answer_at(&answer, "/results/2/id"));
	expect_near("/results/2/loss", 3, 0);
	ck_assert_ptr_null(answer_at(&answer, "/results/1/gradients"));
	expect_near("/results/2/gradients/input/0", 1, 0);
	ck_assert_uint_eq(answer.outcome_count, 3);
	ck_assert_str_eq(answer.outcomes[2].loss, "l1");
}
END_TEST

/* An item that is wrong costs no other, and its problem is the one it would
 * have had alone, further inside. */
START_TEST(a_bad_item_has_a_problem_of_its_own)
{
	static const struct {
		int status;
		const char *code, *pointer;
	} expected[] = {
		{200, NULL, NULL},
		{404, "loss_not_found", "/batch/1/loss"},
		{422, "missing_input", "/batch/2/input"},
		{422, "ragged_array", "/batch/3/input/1"},
		{422, "shape_mismatch", "/batch/4/input/data"},
		{422, "unknown_member", "/batch/5/reduction"},
		{422, "wrong_type", "/batch/6"},
		{422, "out_of_range", "/batch/7/loss/delta"},
		{422, "unknown_member", "/batch/8/batch"},
		{422, "shape_mismatch", "/targets"},
		{422, "nonfinite_result", "/batch/10"},
		{200, NULL, NULL},
	};
	char pointer[64];

	ask("{'loss': 'mse', 'targets': [1, 1], 'batch': ["
	    "{'input': [3, 1]},"
	    "{'input': [3, 1], 'loss': 'msee'},"
	    "{'id': 1},"
	    "{'input': [[3], [1, 2]]},"
	    "{'input': {'shape': [3], 'data': [1, 2]}},"
	    "{'input': [3, 1], 'reduction': 'sum'},"
	    "'mse',"
	    "{'input': [3, 1], 'loss': {'name': 'huber', 'delta': 0}},"
	    "{'input': [3, 1], 'batch': []},"
	    "{'input': [3, 1, 2]},"
	    "{'input': [NaN, 1], 'nonfinite': 'error'},"
	    "{'input': [2, 1]}]}",
	    200);
	for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
		if (expected[i].status == 200) {
			snprintf(pointer, sizeof pointer, "/results/%zu/loss", i);
			answer_number(&answer, pointer);
			continue;
		}
		snprintf(pointer, sizeof pointer, "/results/%zu/status", i);
		expect_near(pointer, expected[i].status, 0);
		snprintf(pointer, sizeof pointer, "/results/%zu/code", i);
		ck_assert_str_eq(answer_string(&answer, pointer), expected[i].code);
		snprintf(pointer, sizeof pointer, "/results/%zu/pointer", i);
		ck_assert_str_eq(answer_string(&answer, pointer), expected[i].pointer);
	}
	ck_assert(!answer.outcomes[0].failed && answer.outcomes[1].failed);
}
END_TEST

START_TEST(the_nearest_form_of_an_input_counts)
{
	/* The item's probs stand for the logits of the defaults. */
	ask("{'loss': 'ce', 'logits': [[5, 1]], 'targets': [0], 'batch': [{}, {'probs': [[0.5, "
	    "0.5]]}]}",
	    200);
	expect_near("/results/0/loss", 0.01814993, 1e-7);
	expect_near("/results/1/loss", 0.6931472, 1e-7);
	ck_assert_ptr_nonnull(answer_at(&answer, "/results/1/gradients/probs"));
}
END_TEST

START_TEST(a_batch_itself_can_be_wrong)
{
	ask("{'loss': 'mse', 'batch': {}}", 422);
	ck_assert_str_eq(answer_string(&answer, "/pointer"), "/batch");
	ask("{'loss': 'mse', 'batch': [1, 2]}", 422);
	ck_assert_str_eq(answer_string(&answer, "/pointer"), "/batch");
	ask("{'loss': 'mse', 'dtype': 'float61', 'batch': []}", 422);
	ck_assert_str_eq(answer_string(&answer, "/pointer"), "/dtype");
	ask("{'loss': 'mse', 'nonsense': 1, 'batch': []}", 422);
	ck_assert_str_eq(answer_string(&answer, "/pointer"), "/nonsense");
	ask("{'loss': 'mse', 'batch': []}", 200);
	ck_assert_str_eq(answer.text, "{\"results\":[]}");
	/* What nobody reads is looked at all the same. */
	ask("{'loss': 'mse', 'targets': [1, foo], 'batch': []}", 400);
	ask("{'loss': 'mse', 'batch': [{'input': [1], 'targets': [1]}, {'input': [nan], 'targets': "
	    "[1]}]}",
	    400);
}
END_TEST

START_TEST(the_limit_of_items)
{
	struct api *api = ask_api();
	const char *body = "{\"batch\":[{},{},{}]}";

	teardown();
	api->limits.batch_items = 2;
	ask_with(api, "POST", "/v1/evaluate", body, strlen(body), NULL, 0, ASK_FORWARD, &answer);
	answer_expect(&answer, 422);
	ck_assert_str_eq(answer_string(&answer, "/code"), "out_of_range");
	expect_near("/limit", 2, 0);
	expect_near("/actual", 3, 0);
}
END_TEST

/* An item of a batch is answered as it would be alone. */
START_TEST(alone_or_in_a_batch_the_bytes_are_the_same)
{
	static const char *const items[] = {
		"{\"loss\":\"ce\",\"logits\":[[1,2],[3,4]],\"targets\":[0,1]}",
		"{\"loss\":\"huber\",\"input\":[[1,2],[3,4]],\"targets\":[[0,1],[1,1]]}",
		"{\"dtype\":\"float64\",\"loss\":\"dice\",\"probs\":[[0.1]],\"targets\":[[1]]}",
	};
	char batch[1024], expected[4096];

	snprintf(batch, sizeof batch, "{\"batch\":[%s,%s,%s]}", items[0], items[1], items[2]);
	strcpy(expected, "{\"results\":[");
	for (int i = 0; i < 3; i++) {
		teardown();
		ask_post(items[i], &answer);
		answer_expect(&answer, 200);
		strcat(expected, i ? "," : "");
		strcat(expected, answer.text);
	}
	strcat(expected, "]}");
	teardown();
	ask_post(batch, &answer);
	ck_assert_str_eq(answer.text, expected);
}
END_TEST

/* A thousand small items are a few blocks, not a thousand. */
START_TEST(small_items_share_blocks)
{
	char *body = malloc(200000);
	size_t n = (size_t)sprintf(body, "{\"loss\":\"mse\",\"batch\":[");

	for (int i = 0; i < 1000; i++)
		n += (size_t)sprintf(body + n, "%s{\"input\":[%d,2,3],\"targets\":[1,2,3]}",
				     i ? "," : "", i);
	n += (size_t)sprintf(body + n, "]}");
	teardown();
	ask_with(ask_api(), "POST", "/v1/evaluate", body, n, NULL, 0, ASK_BACKWARD, &answer);
	free(body);
	answer_expect(&answer, 200);
	expect_near("/results/999/loss", 998.0 * 998 / 3, 0.01);
	ck_assert_uint_lt(answer.blocks, 40);
}
END_TEST

/* ---- Weighted sums ------------------------------------------------------------ */

START_TEST(terms_add_up)
{
	double ce, dice, gradient;

	ask("{'loss': 'ce', 'logits': [[1, 2], [0.5, -1]], 'targets': [1, 0], 'dtype': 'float64'}",
	    200);
	ce = answer_number(&answer, "/loss");
	gradient = answer_number(&answer, "/gradients/logits/0/0");
	ask("{'loss': {'name': 'dice', 'reduction': 'sum'}, 'logits': [[0.3, -1.2], [2, 0.1]], "
	    "'targets': "
	    "[[1, 0], [1, 1]], 'dtype': 'float64'}",
	    200);
	dice = answer_number(&answer, "/loss");
	ask("{'dtype': 'float64', 'loss': {'terms': [{'weight': 0.25, 'loss': 'ce'}, {'weight': "
	    "-2, 'loss': "
	    "{'name': 'dice', 'reduction': 'sum'}, 'inputs': {'logits': 'x', 'targets': 'y'}}]}, "
	    "'logits': [[1, 2], [0.5, -1]], 'targets': [1, 0], 'x': [[0.3, -1.2], [2, 0.1]], 'y': "
	    "[[1, "
	    "0], [1, 1]]}",
	    200);
	expect_near("/loss", 0.25 * ce - 2 * dice, 1e-15);
	expect_near("/gradients/logits/0/0", 0.25 * gradient, 1e-16);
	ck_assert_ptr_nonnull(answer_at(&answer, "/gradients/x/1/1"));
	ck_assert_str_eq(answer_string(&answer, "/terms/0/name"), "cross_entropy");
	expect_near("/terms/0/weight", 0.25, 0);
	expect_near("/terms/0/loss", ce, 0);
	expect_near("/terms/0/denominator", 2, 0);
	expect_near("/terms/1/loss", dice, 0);
	/* Different denominators: the sum is the loss. */
	expect_near("/sum", 0.25 * ce - 2 * dice, 1e-15);
	expect_near("/denominator", 1, 0);
	ck_assert_ptr_null(answer_at(&answer, "/reduction"));
	ck_assert_uint_eq(answer.outcome_count, 2);
	ck_assert_str_eq(answer.outcomes[1].loss, "dice");
}
END_TEST

START_TEST(gradients_of_a_shared_input_add_up)
{
	ask("{'dtype': 'float64', 'loss': {'terms': [{'weight': 3, 'loss': 'mse'}, {'loss': 'l1'}, "
	    "{'weight': 0.5, 'loss': {'name': 'mse'}, 'inputs': {'targets': 'other'}}]}, 'input': "
	    "[5, 1], "
	    "'targets': [1, 2], 'other': [0, 0]}",
	    200);
	/* d/dx of 3 (x-t)^2/2 + |x-t|/2 + 0.5 x^2/2 */
	expect_near("/gradients/input/0", 3 * 4 + 0.5 + 0.5 * 5, 1e-14);
	expect_near("/gradients/input/1", -3 * 1 - 0.5 + 0.5 * 1, 1e-14);
	expect_near("/denominator", 2, 0);
	expect_near("/sum", 3 * 17 + 5 + 0.5 * 26, 1e-13);
	expect_near("/loss", (3 * 17 + 5 + 0.5 * 26) / 2, 1e-13);
	ck_assert_str_eq(answer_string(&answer, "/reduction"), "mean");
}
END_TEST

/* 0 selects: an infinite term that is not wanted does no harm. */
START_TEST(a_term_of_weight_0_has_no_part)
{
	ask("{'loss': {'terms': [{'loss': 'mse'}, {'weight': 0, 'loss': 'l1', 'inputs': {'input': "
	    "'bad'}}]}, "
	    "'input': [3], 'targets': [1], 'bad': [Infinity]}",
	    200);
	expect_near("/loss", 4, 0);
	expect_near("/gradients/input/0", 4, 0);
	expect_near("/gradients/bad/0", 0, 0);
}
END_TEST

START_TEST(terms_have_class_weights_of_their_own)
{
	ask("{'loss': {'terms': [{'loss': {'name': 'ce', 'weight': {'from': 'balanced'}}}, "
	    "{'loss': 'ce'}]}, "
	    "'logits': [[1, 2], [2, 1], [0, 0]], 'targets': [0, 0, 1]}",
	    200);
	expect_near("/terms/0/class_weights/0", 0.75, 1e-7);
	expect_near("/terms/0/class_weights/1", 1.5, 1e-7);
	ck_assert_ptr_null(answer_at(&answer, "/terms/1/class_weights"));
	ck_assert_ptr_null(answer_at(&answer, "/weight"));
}
END_TEST

START_TEST(findings_tell_their_term)
{
	ask("{'loss': {'terms': [{'loss': 'mse'}, {'loss': 'l1', 'inputs': {'input': 'bad'}}]}, "
	    "'input': "
	    "[3], 'targets': [1], 'bad': [NaN]}",
	    200);
	ck_assert_str_eq(answer_string(&answer, "/diagnostics/verdict"), "nonfinite");
	expect_near("/diagnostics/findings/0/term", 1, 0);
	ck_assert_str_eq(answer_string(&answer, "/diagnostics/findings/0/code"), "input_nan");
}
END_TEST

Suite *api_batch_suite(void);

Suite *api_batch_suite(void)
{
	Suite *suite = suite_create("api_batch");
	TCase *tcase = tcase_create("batch");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, items_take_defaults_and_answer_in_order);
	tcase_add_test(tcase, a_bad_item_has_a_problem_of_its_own);
	tcase_add_test(tcase, the_nearest_form_of_an_input_counts);
	tcase_add_test(tcase, a_batch_itself_can_be_wrong);
	tcase_add_test(tcase, the_limit_of_items);
	tcase_add_test(tcase, alone_or_in_a_batch_the_bytes_are_the_same);
	tcase_add_test(tcase, small_items_share_blocks);
	tcase_add_test(tcase, terms_add_up);
	tcase_add_test(tcase, gradients_of_a_shared_input_add_up);
	tcase_add_test(tcase, a_term_of_weight_0_has_no_part);
	tcase_add_test(tcase, terms_have_class_weights_of_their_own);
	tcase_add_test(tcase, findings_tell_their_term);
	suite_add_tcase(suite, tcase);
	return suite;
}
