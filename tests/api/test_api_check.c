/* POST /v1/check: the plan of an evaluation, whose problems it shares. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "ask.h"
#include "loss.h"

static struct answer answer;

static void teardown(void)
{
	answer_free(&answer);
	answer = (struct answer){0};
}

static void ask_text(struct api *api, const char *path, const char *body)
{
	teardown();
	ask_with(api, "POST", path, body, strlen(body), NULL, 0, ASK_FORWARD, &answer);
}

/* A request whose strings are written with '. */
static void check(const char *text)
{
	char body[4096];
	size_t n = 0;

	for (; *text; text++)
		body[n++] = *text == '\'' ? '"' : *text;
	body[n] = '\0';
	ask_text(ask_api(), "/v1/check", body);
}

static void expect_json(const char *pointer, const char *expected)
{
	const json_t *at = answer_at(&answer, pointer);
	char *text = at ? json_dumps(at, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	ck_assert_msg(text && !strcmp(text, expected), "%s is %s, expected %s, in %s", pointer,
		      text ? text : "missing", expected, answer.text);
	free(text);
}

/* ---- The catalogue ------------------------------------------------------------ */

static char *example_of(const struct loss *loss)
{
	struct answer page;
	char path[100];

	snprintf(path, sizeof path, "/v1/losses/%s", loss->name);
	ask_get(path, &page);

	char *text =
		json_dumps(answer_at(&page, "/example"), JSON_COMPACT | JSON_REAL_PRECISION(17));
	answer_free(&page);
	return text;
}

/* The shape of nested arrays as JSON. */
static json_t *shape_of(const json_t *value)
{
	json_t *shape = json_array();

	for (; json_is_array(value); value = json_array_get(value, 0))
		json_array_append_new(shape, json_integer((json_int_t)json_array_size(value)));
	return shape;
}

static void expect_shape(const json_t *shape, const json_t *value)
{
	json_t *expected = shape_of(value);

	ck_assert_msg(json_equal(shape, expected), "the shapes of %s are wrong", answer.text);
	json_decref(expected);
}

/* What is said is what then happens, and the spec in full is the same spec. */
START_TEST(check_foretells_the_evaluation)
{
	char *body = example_of(loss_at((size_t)_i));
	json_t *request = json_loads(body, 0, NULL), *told, *gradient;
	struct answer first;
	const char *name;

	ask_text(ask_api(), "/v1/check", body);
	answer_expect(&answer, 200);
	told = json_incref(answer.json);
	ck_assert(json_is_true(json_object_get(told, "admitted")));
	ck_assert(json_is_null(json_object_get(told, "seconds")));
	ck_assert_uint_eq(answer.outcome_count, 0);

	ask_text(ask_api(), "/v1/evaluate", body);
	answer_expect(&answer, 200);
	first = answer;
	answer = (struct answer){0};
	expect_shape(json_object_get(told, "shape"), json_object_get(first.json, "loss"));
	json_object_foreach(json_object_get(first.json, "gradients"), name, gradient)
	{
		expect_shape(json_object_get(json_object_get(told, "gradients"), name), gradient);
	}
	ck_assert_uint_eq(json_object_size(json_object_get(told, "gradients")),
			  json_object_size(json_object_get(first.json, "gradients")));
	ck_assert_int_eq(json_integer_value(json_object_get(
				 json_array_get(json_object_get(told, "terms"), 0), "elements")),
			 first.outcomes[0].elements);

	/* Class weights stand in the loss object but are no parameters. */
	json_t *loss = json_object_get(request, "loss");
	json_t *full = json_object_get(told, "loss");
	json_object_update_missing(full, json_is_object(loss) ? loss : NULL);
	json_object_set(request, "loss", full);
	free(body);
	body = json_dumps(request, JSON_REAL_PRECISION(17));
	ask_text(ask_api(), "/v1/evaluate", body);
	ck_assert_str_eq(answer.text, first.text);

	json_decref(request);
	json_decref(told);
	answer_free(&first);
	free(body);
}
END_TEST

/* Every tensor of an example by its shape alone. */
START_TEST(shapes_are_enough)
{
	char *body = example_of(loss_at((size_t)_i));
	json_t *request = json_loads(body, 0, NULL), *value;
	char *whole, *bare;
	const char *name;
	void *next;

	ask_text(ask_api(), "/v1/check", body);
	answer_expect(&answer, 200);
	whole = strdup(answer.text);
	json_object_foreach_safe(request, next, name, value)
	{
		if (loss_role_find(name) != LOSS_ROLE_NONE)
			json_object_set_new(request, name,
					    json_pack("{s:o}", "shape", shape_of(value)));
	}
	bare = json_dumps(request, JSON_REAL_PRECISION(17));
	ask_text(ask_api(), "/v1/check", bare);
	ck_assert_str_eq(answer.text, whole);
	ask_text(ask_api(), "/v1/evaluate", bare);
	answer_expect(&answer, 422);
	json_decref(request);
	free(body);
	free(whole);
	free(bare);
}
END_TEST

/* ---- One by one ----------------------------------------------------------------- */

START_TEST(reply_in_full)
{
	check("{'id': 'x', 'loss': {'name': 'ce', 'ignore_index': 3, 'reduction': 'none'}, "
	      "'logits': {'shape': [8, 5, 4]}, 'targets': {'shape': [8, 4]}}");
	answer_expect(&answer, 200);
	expect_json("/id", "\"x\"");
	expect_json("/loss",
		    "{\"name\":\"cross_entropy\",\"reduction\":\"none\",\"normalizer\":null,"
		    "\"on_empty\":\"nan\",\"class_axis\":null,\"on_masked_row\":\"nan\","
		    "\"ignore_index\":3,\"label_smoothing\":0}");
	expect_json("/dtype", "\"float32\"");
	expect_json("/shape", "[8,4]");
	expect_json("/gradients", "{\"logits\":[8,5,4]}");
	expect_json("/terms/0/rows", "32");
	expect_json("/terms/0/elements", "160");
	ck_assert_ptr_null(answer_at(&answer, "/terms/0/divisor"));
	expect_json("/numbers/needed", "192");
	expect_json("/admitted", "true");
}
END_TEST

START_TEST(divisors)
{
	static const struct {
		const char *body, *divisor;
	} rows[] = {
		{"{'loss': 'ce', 'logits': {'shape': [3, 2]}, 'targets': {'shape': [3]}}",
		 "\"the rows that count\""},
		{"{'loss': {'name': 'ce', 'weight': [1, 2]}, 'logits': {'shape': [3, 2]}, "
		 "'targets': {'shape': [3]}}",
		 "\"the weights of the targets' classes, over the rows that count\""},
		{"{'loss': {'name': 'ce', 'weight': [1, 2]}, 'logits': {'shape': [3, 2]}, "
		 "'targets': {'shape': [3, 2]}}",
		 "\"the rows that count\""},
		{"{'loss': {'name': 'ce', 'normalizer': 7}, 'logits': {'shape': [3, 2]}, "
		 "'targets': {'shape': [3]}}",
		 "\"the normalizer\""},
		{"{'loss': {'name': 'ce', 'reduction': 'sum'}, 'logits': {'shape': [3, 2]}, "
		 "'targets': {'shape': [3]}}",
		 "\"1\""},
		{"{'loss': {'name': 'kl_div', 'reduction': 'batchmean'}, 'log_probs': {'shape': "
		 "[3, "
		 "2]}, "
		 "'targets': {'shape': [3, 2]}}",
		 "\"the samples of the batch\""},
		{"{'loss': 'l1', 'input': {'shape': [3, 2]}, 'targets': {'shape': [3, 2]}}",
		 "\"the elements that count\""},
		{"{'loss': 'dice', 'probs': {'shape': [3, 2]}, 'targets': {'shape': [3, 2]}}",
		 "\"the samples that count\""},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		check(rows[i].body);
		answer_expect(&answer, 200);
		expect_json("/terms/0/divisor", rows[i].divisor);
	}
}
END_TEST

START_TEST(sums_and_batches)
{
	check("{'loss': {'terms': [{'loss': 'l1'}, {'weight': 0.5, 'loss': 'mse', 'inputs': "
	      "{'input': 'other'}}]}, 'input': {'shape': [4]}, 'other': {'shape': [4]}, 'targets': "
	      "{'shape': [4]}}");
	answer_expect(&answer, 200);
	expect_json("/loss/terms/1/inputs", "{\"input\":\"other\"}");
	expect_json("/loss/terms/1/weight", "0.5");
	expect_json("/terms/1/name", "\"mse\"");
	expect_json("/numbers/needed", "12");
	check("{'id': 1, 'loss': 'l1', 'targets': {'shape': [4]}, 'batch': [{'input': {'shape': "
	      "[4]}}, "
	      "{'input': {'shape': [5]}}]}");
	answer_expect(&answer, 200);
	expect_json("/id", "1");
	expect_json("/results/0/gradients", "{\"input\":[4]}");
	expect_json("/results/1/code", "\"shape_mismatch\"");
	check("{'loss': 'l1', 'dtype': 'bfloat16', 'input': {'shape': [4]}, 'targets': {'shape': "
	      "[4]}}");
	expect_json("/dtype", "\"bfloat16\"");
}
END_TEST

START_TEST(weights_from_counts)
{
	static const char request[] =
		"{'loss': {'name': 'ce', 'weight': {'from': 'inverse_frequency'%s}}, 'logits': "
		"{'shape': [9, 3]}, 'targets': {'shape': [9]}}";
	char body[400];

	snprintf(body, sizeof body, request, "");
	check(body);
	answer_expect(&answer, 200);
	snprintf(body, sizeof body, request, ", 'counts': {'shape': [3]}");
	check(body);
	answer_expect(&answer, 200);
	snprintf(body, sizeof body, request, ", 'counts': {'shape': [4]}");
	check(body);
	answer_expect(&answer, 422);
	ck_assert_str_eq(answer_string(&answer, "/pointer"), "/loss/weight/counts");
}
END_TEST

/* ---- Costs ----------------------------------------------------------------------- */

/* What the evaluation then holds at most. */
START_TEST(memory_is_foretold)
{
	const int rows = 3000, classes = 100;
	char *body = malloc((size_t)rows * (size_t)(classes * 4 + 20) + 100);
	size_t n = (size_t)sprintf(body, "{\"loss\":\"ce\",\"logits\":[");
	double needed, peak;

	for (int row = 0; row < rows; row++) {
		n += (size_t)sprintf(body + n, row ? ",[" : "[");
		for (int k = 0; k < classes; k++)
			n += (size_t)sprintf(body + n, k ? ",%d" : "%d", (row + k) % 17);
		n += (size_t)sprintf(body + n, "]");
	}
	n += (size_t)sprintf(body + n, "],\"targets\":[");
	for (int row = 0; row < rows; row++)
		n += (size_t)sprintf(body + n, row ? ",%d" : "%d", row % classes);
	strcpy(body + n, "]}");
	ask_text(ask_api(), "/v1/check", body);
	answer_expect(&answer, 200);
	needed = answer_number(&answer, "/memory/needed");
	ask_text(ask_api(), "/v1/evaluate", body);
	peak = (double)answer.peak_bytes;
	/* Beside tensors and text there are the chunks and a plan. */
	ck_assert_msg(peak < 1.05 * needed + (64 << 10) && peak > 0.95 * needed,
		      "%.0f foretold, %.0f held", needed, peak);
	free(body);
}
END_TEST

START_TEST(limits_decide)
{
	static const char body[] = "{\"loss\":\"l1\",\"input\":{\"shape\":[1000]},"
				   "\"targets\":{\"shape\":[1000]}}";
	struct api api = *ask_api();

	ask_text(&api, "/v1/check", body);
	expect_json("/admitted", "true");
	api.limits.elements = 1999;
	ask_text(&api, "/v1/check", body);
	answer_expect(&answer, 200);
	expect_json("/admitted", "false");
	expect_json("/numbers", "{\"needed\":2000,\"limit\":1999}");
	api.limits.elements = 2000;
	api.budget.max = 1 << 20;
	ask_text(&api, "/v1/check", body);
	expect_json("/admitted", "true");
	expect_json("/memory/limit", "1048576");
	api.limits.elements = 200000;
	ask_text(&api, "/v1/check",
		 "{\"loss\":\"l1\",\"input\":{\"shape\":[100000]},\"targets\":{\"shape\":[100000]}"
		 "}");
	expect_json("/admitted", "false");
	/* As large as numbers go. */
	check("{'loss': 'l1', 'input': {'shape': [1048576, 1048576, 8]}, 'targets': {'shape': "
	      "[1048576, 1048576, 8]}}");
	answer_expect(&answer, 200);
	expect_json("/admitted", "false");
	check("{'loss': 'l1', 'input': {'shape': [1048576, 1048576, 8, 1048576]}, 'targets': 1}");
	answer_expect(&answer, 422);
	ck_assert_str_eq(answer_string(&answer, "/pointer"), "/input/shape");
}
END_TEST

static double rate(void *ctx, const struct loss *loss)
{
	(void)ctx;
	return !strcmp(loss->name, "mse") ? 0 : 1e-9;
}

START_TEST(time_is_what_was_measured)
{
	struct api api = *ask_api();

	api.host.element_seconds = rate;
	ask_text(&api, "/v1/check",
		 "{\"loss\":\"l1\",\"input\":{\"shape\":[2000]},\"targets\":"
		 "{\"shape\":[2000]}}");
	ck_assert_double_eq_tol(answer_number(&answer, "/seconds"), 2e-6, 1e-15);
	ask_text(&api, "/v1/check",
		 "{\"loss\":{\"terms\":[{\"loss\":\"l1\"},{\"loss\":\"huber\"}]},"
		 "\"input\":{\"shape\":[2000]},\"targets\":{\"shape\":[2000]}}");
	ck_assert_double_eq_tol(answer_number(&answer, "/seconds"), 4e-6, 1e-15);
	ask_text(&api, "/v1/check",
		 "{\"loss\":{\"terms\":[{\"loss\":\"mse\"},{\"loss\":\"l1\"}]},"
		 "\"input\":{\"shape\":[2000]},\"targets\":{\"shape\":[2000]}}");
	expect_json("/seconds", "null");
}
END_TEST

/* ---- Problems --------------------------------------------------------------------- */

/* Only the evaluation can know of these. */
static bool is_of_the_data(enum api_problem problem)
{
	return problem == API_TARGET_OUT_OF_RANGE || problem == API_PROB_OUT_OF_RANGE ||
	       problem == API_EMPTY_BATCH || problem == API_MASKED_ROW ||
	       problem == API_NONFINITE_RESULT || problem == API_PROBLEM_NONE;
}

START_TEST(problems_are_those_of_the_evaluation)
{
	DIR *folder = opendir("tests/bad");
	int same = 0;

	ck_assert_ptr_nonnull(folder);
	for (struct dirent *entry; (entry = readdir(folder));) {
		char path[400], *body, *told;
		size_t bytes;

		snprintf(path, sizeof path, "tests/bad/%s/request.json", entry->d_name);
		if (entry->d_name[0] == '.' || !(body = ask_file(path, &bytes)))
			continue;
		teardown();
		ask_with(ask_api(), "POST", "/v1/evaluate", body, bytes, NULL, 0, ASK_FORWARD,
			 &answer);
		told = strdup(answer.text);
		/* What a check does not mind: a shape without data. */
		if (!is_of_the_data(answer.problem) &&
		    strcmp(entry->d_name, "shape_without_data")) {
			teardown();
			ask_with(ask_api(), "POST", "/v1/check", body, bytes, NULL, 0, ASK_FORWARD,
				 &answer);
			ck_assert_msg(!strcmp(answer.text, told), "%s: %s, expected %s",
				      entry->d_name, answer.text, told);
			same++;
		}
		free(told);
		free(body);
	}
	closedir(folder);
	ck_assert_int_gt(same, 80);
}
END_TEST

Suite *api_check_suite(void);

Suite *api_check_suite(void)
{
	Suite *suite = suite_create("api_check");
	TCase *tcase = tcase_create("check");
	int losses = (int)loss_count();

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_loop_test(tcase, check_foretells_the_evaluation, 0, losses);
	tcase_add_loop_test(tcase, shapes_are_enough, 0, losses);
	tcase_add_test(tcase, reply_in_full);
	tcase_add_test(tcase, divisors);
	tcase_add_test(tcase, sums_and_batches);
	tcase_add_test(tcase, weights_from_counts);
	tcase_add_test(tcase, memory_is_foretold);
	tcase_add_test(tcase, limits_decide);
	tcase_add_test(tcase, time_is_what_was_measured);
	tcase_add_test(tcase, problems_are_those_of_the_evaluation);
	suite_add_tcase(suite, tcase);
	return suite;
}
