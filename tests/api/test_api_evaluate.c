/* POST /v1/evaluate: what is asked, what is answered. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "ask.h"
#include "loss_diagnose.h"

#define X  "[[0.2, 0.3, 0.4], [-0.02, -0.13, 0.2], [0.5, -0.3, 0.73]]"
#define T  "[0, 2, 1]"
#define T1 "[[1, 0, 0], [0, 0, 1], [0, 1, 0]]"
#define T2 "[[1, 0, 0], [1, 1, 1], [0, 1, 1]]"

static struct answer answer;

static void teardown(void)
{
	answer_free(&answer);
	answer = (struct answer){0};
}

/* A request whose strings are written with '. */
static void ask(const char *text)
{
	char body[4096];
	size_t n = 0;

	for (; *text; text++)
		body[n++] = *text == '\'' ? '"' : *text;
	body[n] = '\0';
	teardown();
	ask_post(body, &answer);
}

static void ask_fine(const char *text)
{
	ask(text);
	answer_expect(&answer, 200);
}

static void expect_near(const char *pointer, double expected, double tolerance)
{
	double found = answer_number(&answer, pointer);

	if (!(fabs(found - expected) <= tolerance))
		ck_abort_msg("%s is %.17g, expected %.17g, in %s", pointer, found, expected,
			     answer.text);
}

static void expect_text(const char *text)
{
	if (!strstr(answer.text, text))
		ck_abort_msg("\"%s\" is not in %s", text, answer.text);
}

static void expect_problem(const char *code, const char *pointer)
{
	ck_assert_str_eq(answer.content_type, "application/problem+json");
	ck_assert_str_eq(answer_string(&answer, "/code"), code);
	if (pointer)
		ck_assert_str_eq(answer_string(&answer, "/pointer"), pointer);
}

/* ---- The article ------------------------------------------------------------ */

/* Every form of a call of the article, and its value. */
static const struct {
	const char *body;
	double loss;
} article[] = {
	{"{'loss': 'cross_entropy', 'logits': " X ", 'targets': " T "}", 1.3076527152},
	{"{'loss': 'cross_entropy', 'logits': " X ", 'targets': " T1 "}", 1.3076527152},
	{"{'loss': 'nn.CrossEntropyLoss', 'logits': " X ", 'target': [0.0, 2.0, 1.0]}",
	 1.3076527152},
	{"{'loss': {'name': 'F.cross_entropy', 'reduction': 'mean'}, 'logits': {'shape': [3, 3], "
	 "'data': "
	 "[0.2, 0.3, 0.4, -0.02, -0.13, 0.2, 0.5, -0.3, 0.73]}, 'targets': {'shape': [3], "
	 "'data': " T "}}",
	 1.3076527152},
	{"{'loss': {'name': 'cross_entropy', 'reduction': 'sum', 'class_axis': 1}, 'logits': " X
	 ", 'targets': " T "}",
	 3 * 1.3076527152},
	{"{'loss': 'bce_with_logits', 'logits': " X ", 'targets': " T1 "}", 0.8032074393},
	{"{'loss': {'name': 'bce', 'reduction': 'sum'}, 'logits': " X ", 'targets': " T1 "}",
	 7.2288669535},
	{"{'loss': {'name': 'balanced_bce'}, 'logits': " X ", 'targets': " T2 "}", 2.0531628544},
	{"{'loss': {'name': 'sigmoid_focal', 'gamma': 0.2, 'alpha': 0.6}, 'logits': " X
	 ", 'targets': " T2 "}",
	 0.3354685823},
	{"{'loss': {'name': 'BCEFocalLosswithLogits', 'gamma': 0.2, 'alpha': 0.6, 'reduction': "
	 "'sum'}, "
	 "'logits': " X ", 'targets': " T2 "}",
	 3.0192172403},
	{"{'loss': 'dice', 'logits': " X ", 'targets': " T1 "}",
	 (0.4481596613 + 0.3779952820 + 0.5798865458) / 3},
	{"{'loss': 'dice', 'logits': " X ", 'targets': " T2 "}",
	 (0.4481596613 + 0.1972381570 + 0.2727078930) / 3},
	{"{'loss': 'l1', 'input': " X ", 'targets': " T1 "}", 0.5533333333},
	{"{'loss': 'L1Loss', 'logits': " X ", 'target': " T1 "}", 0.5533333333},
	{"{'loss': 'ohem_balanced_bce', 'logits': " X ", 'targets': " T1 "}", 0.8032073500},
	{"{'loss': {'name': 'ohem_balanced_bce', 'negative_ratio': 1}, 'logits': " X
	 ", 'targets': " T1 "}",
	 0.8435092485},
	{"{'loss': {'name': 'ohem_balanced_bce', 'negative_ratio': 0.5}, 'logits': " X
	 ", 'targets': " T1 "}",
	 0.7934908261},
};

START_TEST(article_value)
{
	char body[1024];

	ask_fine(article[_i].body);
	expect_near("/loss", article[_i].loss, 3e-7 * article[_i].loss);
	snprintf(body, sizeof body, "%.*s, 'dtype': 'float64'}", (int)strlen(article[_i].body) - 1,
		 article[_i].body);
	ask_fine(body);
	/* The values are given to ten decimals, and one of them is taken three times. */
	expect_near("/loss", article[_i].loss, 2e-10);
	/* Balanced: a sample of positives alone has no share in the loss. */
	ck_assert_str_eq(answer_string(&answer, "/diagnostics/verdict"),
			 strstr(body, "balanced_bce'}") ? "warning" : "ok");
}
END_TEST

/* The whole reply, byte for byte: the order of members is a promise. */
START_TEST(reply_of_the_article)
{
	ask_fine("{'id': 'step-1200', 'loss': {'name': 'cross_entropy', 'reduction': 'mean'}, "
		 "'logits': " X ", 'targets': " T ", 'gradient': true}");
	ck_assert_str_eq(answer.content_type, "application/json");
	ck_assert_str_eq(
		answer.text,
		"{\"id\":\"step-1200\",\"loss\":1.3076527,\"reduction\":\"mean\","
		"\"sum\":3.9229581356048584,\"denominator\":3,\"gradients\":{\"logits\":"
		"[[-0.23313014,0.11074167,0.12238847],[0.10609256,0.095041335,-0.20113388],"
		"[0.12309531,-0.27802306,0.15492776]]},\"diagnostics\":{\"verdict\":\"ok\","
		"\"findings\":[]}}");
	expect_near("/gradients/logits/0/0", -0.2331301315, 2e-8);
	expect_near("/gradients/logits/0/1", 0.1107416645, 2e-8);
	expect_near("/gradients/logits/0/2", 0.1223884670, 2e-8);
}
END_TEST

START_TEST(unreduced_loss_has_the_shape_of_the_rows)
{
	ask_fine("{'loss': {'name': 'ce', 'reduction': 'none'}, 'logits': " X ", 'targets': " T
		 ", 'dtype': 'float64', 'gradient': false}");
	expect_near("/loss/0", 1.2019428482, 1e-9);
	expect_near("/loss/1", 0.9248311708, 1e-9);
	expect_near("/loss/2", 1.7961841265, 1e-9);
	ck_assert_str_eq(answer_string(&answer, "/reduction"), "none");
	ck_assert_ptr_null(answer_at(&answer, "/sum"));
	ck_assert_ptr_null(answer_at(&answer, "/denominator"));
	ck_assert_ptr_null(answer_at(&answer, "/gradients"));
}
END_TEST

/* ---- Tensors ---------------------------------------------------------------- */

START_TEST(tensors_have_three_forms)
{
	ask_fine("{'loss': 'mse', 'input': 3, 'targets': 1}");
	expect_near("/loss", 4, 0);
	expect_near("/gradients/input", 4, 0);
	ask_fine("{'loss': 'mse', 'input': {'shape': [], 'data': 3}, 'targets': {'shape': [], "
		 "'data': "
		 "[1]}}");
	expect_near("/gradients/input", 4, 0);
	ask_fine("{'loss': 'mse', 'input': {'shape': [2, 1], 'data': [3, 5]}, 'targets': {'shape': "
		 "[2, "
		 "1], 'data': [[1], [1]]}}");
	expect_near("/gradients/input/1/0", 4, 0);
	ask_fine("{'loss': {'name': 'mse', 'reduction': 'sum'}, 'input': {'shape': [0, 3], 'data': "
		 "[]}, "
		 "'targets': {'shape': [0, 3], 'data': []}}");
	expect_near("/loss", 0, 0);
	expect_text("\"gradients\":{\"input\":[]}");
}
END_TEST

START_TEST(nonfinite_numbers_are_read_in_every_spelling)
{
	static const char *const forms[] = {
		"[NaN, Infinity, -Infinity]",
		"['NaN', 'Infinity', '-Infinity']",
		"[null, 'Infinity', -Infinity]",
	};
	char body[400];

	for (size_t i = 0; i < 3; i++) {
		snprintf(
			body, sizeof body,
			"{'loss': {'name': 'l1', 'reduction': 'none'}, 'input': %s, 'targets': [0, "
			"0, 0]}",
			forms[i]);
		ask_fine(body);
		expect_text("\"loss\":[\"NaN\",\"Infinity\",\"Infinity\"]");
		ck_assert_str_eq(answer_string(&answer, "/diagnostics/verdict"), "nonfinite");
	}
	ask_fine("{'loss': 'l1', 'input': 'Infinity', 'targets': 1}");
	expect_text("\"loss\":\"Infinity\"");
	ask_fine("{'loss': 'l1', 'input': 1e999, 'targets': 1, 'dtype': 'float64'}");
	expect_text("\"loss\":\"Infinity\"");
}
END_TEST

START_TEST(nonfinite_numbers_are_written_as_asked)
{
#define BAD "'loss': 'l1', 'input': [NaN, 1], 'targets': [0, 0]"
	ask_fine("{" BAD "}");
	expect_text("\"loss\":\"NaN\"");
	ask_fine("{" BAD ", 'nonfinite': 'null'}");
	expect_text("\"loss\":null,");
	expect_text("\"sum\":null,");
	ask("{" BAD ", 'nonfinite': 'error'}");
	answer_expect(&answer, 422);
	expect_problem("nonfinite_result", NULL);
	ck_assert(answer.outcomes[0].failed);
	/* A loss that is fine with a gradient that is not. */
	ask("{'loss': {'name': 'bce', 'reduction': 'none'}, 'probs': [0.5, NaN], 'targets': [1, "
	    "1], "
	    "'mask': [1, 1], 'nonfinite': 'error'}");
	ck_assert_int_eq(answer.status, 422);
#undef BAD
}
END_TEST

START_TEST(integers_and_reals_by_shape)
{
	/* One row: (C) with a single index. */
	ask_fine("{'loss': 'ce', 'logits': [1, 2, 3], 'targets': 2}");
	expect_near("/loss", 0.40760596, 1e-7);
	/* (C) with a distribution. */
	ask_fine("{'loss': 'ce', 'logits': [1, 2, 3], 'targets': [0, 0, 1]}");
	expect_near("/loss", 0.40760596, 1e-7);
	/* (N, C, d) with (N, d). */
	ask_fine("{'loss': 'ce', 'logits': [[[1, 3], [3, 1]]], 'targets': [[1, 0]]}");
	expect_near("/loss", 0.126928, 1e-6);
	ask_fine("{'loss': {'name': 'ce', 'class_axis': 2}, 'logits': [[[1, 3], [3, 1]]], "
		 "'targets': "
		 "[[1, 0]]}");
	expect_near("/loss", 0.126928, 1e-6);
}
END_TEST

START_TEST(null_is_the_same_as_nothing)
{
	ask_fine("{'loss': {'name': 'ce', 'weight': null, 'normalizer': null}, 'weight': null, "
		 "'mask': "
		 "null, 'logits': [[1, 2]], 'targets': [1]}");
	expect_near("/loss", 0.31326166, 1e-7);
	ask("{'loss': 'ce', 'logits': [[1, 2]], 'targets': null}");
	answer_expect(&answer, 422);
	expect_problem("missing_input", "/targets");
}
END_TEST

/* How closely one looks does not change what is seen: not a bit of it. */
START_TEST(diagnostics_do_not_change_the_loss)
{
	static const char *const losses[] = {"bce_with_logits", "soft_margin", "log_cosh",
					     "cross_entropy"};
	static const char *const levels[] = {"off", "auto", "full"};
	char body[4096];
	double loss = 0, sum = 0;

	for (size_t k = 0; k < sizeof losses / sizeof *losses; k++)
		for (size_t level = 0; level < 3; level++) {
			bool rows = !strcmp(losses[k], "cross_entropy");
			int n = snprintf(body, sizeof body,
					 "{'loss': '%s', 'dtype': 'float64', 'diagnostics': '%s', "
					 "'gradient': false, 'targets': [",
					 losses[k], levels[level]);

			for (int i = 0; i < 60; i++)
				n += snprintf(body + n, sizeof body - (size_t)n, "%s1",
					      i ? "," : "");
			n += snprintf(body + n, sizeof body - (size_t)n, "], '%s': [",
				      k % 3 == 0 ? "logits" : "input");
			for (int i = 0; i < 60; i++)
				n += snprintf(body + n, sizeof body - (size_t)n,
					      rows ? "%s[%.3f, 0.25]" : "%s%.3f", i ? "," : "",
					      (double)(i * i % 37) / 7 - 2);
			snprintf(body + n, sizeof body - (size_t)n, "]}");
			ask_fine(body);
			if (level == 0) {
				loss = answer_number(&answer, "/loss");
				sum = answer_number(&answer, "/sum");
			}
			ck_assert_double_eq(answer_number(&answer, "/loss"), loss);
			ck_assert_double_eq(answer_number(&answer, "/sum"), sum);
		}
}
END_TEST

/* 300^2 is too much for float16, and its text is the shortest of that type. */
/* What makes a batch be refused is counted as a finding of its loss. */
START_TEST(refusals_are_counted_as_findings)
{
	static const struct {
		const char *body;
		enum loss_finding_code code;
	} refused[] = {
		{"{'loss': 'ce', 'logits': [[1, 2]], 'targets': [7]}",
		 LOSS_FINDING_TARGET_OUT_OF_RANGE},
		{"{'loss': 'ce', 'logits': [[1, 2]], 'targets': [0.5]}",
		 LOSS_FINDING_TARGET_NOT_INTEGER},
		{"{'loss': 'bce', 'probs': [1.5], 'targets': [1]}", LOSS_FINDING_PROB_OUT_OF_RANGE},
		{"{'loss': 'bce', 'batch': [{'probs': [1.5], 'targets': [1]}]}",
		 LOSS_FINDING_PROB_OUT_OF_RANGE},
	};

	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		ask(refused[i].body);
		ck_assert_uint_eq(answer.outcome_count, 1);
		ck_assert(answer.outcomes[0].failed);
		ck_assert(answer.outcomes[0].findings == UINT64_C(1) << refused[i].code);
	}
	ask("{'loss': 'bce', 'probs': [1.5, 1], 'targets': [1]}");
	ck_assert_uint_eq(answer.outcomes[0].findings, 0);
}
END_TEST

START_TEST(half_precision_rounds_as_a_device)
{
	ask_fine("{'loss': {'name': 'mse', 'reduction': 'none'}, 'dtype': 'float16', 'input': "
		 "[300, 2.1], 'targets': [0, 2]}");
	expect_text("\"loss\":[\"Infinity\",0.00992]");
	expect_text("\"input\":[600,0.1992]");
	ask_fine("{'loss': {'name': 'mse', 'reduction': 'none'}, 'dtype': 'bfloat16', 'input': "
		 "[300, 2.1], 'targets': [0, 2]}");
	expect_text("\"loss\":[90000,0.0088]");
	expect_text("\"input\":[600,0.1875]");
}
END_TEST

START_TEST(half_precision_says_what_it_cost)
{
	ask_fine("{'loss': 'mse', 'dtype': 'float16', 'input': [1, 70000, 1e39], 'targets': "
		 "[0, 0, 0]}");
	expect_text("\"narrowing_overflow\",\"severity\":\"error\",\"stage\":\"input\","
		    "\"input\":\"input\",\"count\":2,\"at\":[[1],[2]]");
	ask_fine("{'loss': 'mse', 'dtype': 'float16', 'input': [1, 300], 'targets': [0, 0]}");
	expect_text("\"half_overflow\",\"severity\":\"error\",\"stage\":\"term\","
		    "\"input\":null,\"count\":1,\"at\":[[1]]");
	expect_text("\"operands\":{\"loss\":90000,\"largest\":65504}");
	/* 2 (x - y) / 5 is less than half of the smallest number, x being that. */
	ask_fine("{'loss': 'mse', 'dtype': 'float16', 'input': [1, 6e-8, 1, 1, 1], 'targets': "
		 "[0, 0, 0, 0, 0]}");
	expect_text("\"half_underflow\"");
	expect_text("\"operands\":{\"vanished\":1,\"nonzero\":5,");
	/* The largest, 2/5, times that is between a quarter and half of 65504. */
	expect_text("\"scale\":65536");
	ask_fine("{'loss': 'mse', 'dtype': 'float16', 'input': [1, 255, 1e-6], 'targets': "
		 "[0, 0, 0]}");
	expect_text("\"findings\":[]");
	ask_fine("{'loss': 'mse', 'dtype': 'bfloat16', 'input': [1, 300, 1e-30], 'targets': "
		 "[0, 0, 0]}");
	expect_text("\"findings\":[]");
}
END_TEST

START_TEST(narrowing_is_noticed)
{
	ask_fine("{'loss': 'l1', 'input': [1e39, 1], 'targets': [0, 0]}");
	expect_text("\"loss\":\"Infinity\"");
	expect_text("\"code\":\"narrowing_overflow\"");
	ask_fine("{'loss': 'l1', 'input': [1e39, 1], 'targets': [0, 0], 'dtype': 'float64'}");
	expect_near("/loss", 5e38, 1e24);
}
END_TEST

/* ---- Gradients -------------------------------------------------------------- */

START_TEST(gradients_are_given_as_asked)
{
	ask_fine("{'loss': 'mse', 'input': [3], 'target': [1], 'gradient': false}");
	ck_assert_ptr_null(answer_at(&answer, "/gradients"));
	ask_fine("{'loss': 'mse', 'input': [3], 'target': [1], 'gradient': []}");
	ck_assert_ptr_null(answer_at(&answer, "/gradients"));
	ask_fine("{'loss': 'mse', 'logits': [3], 'target': [1], 'gradient': ['logits']}");
	expect_near("/gradients/logits/0", 4, 0);
	ask_fine("{'loss': 'mse', 'input': [3], 'target': [1], 'gradient': ['input', 'input']}");
	expect_near("/gradients/input/0", 4, 0);
	ask("{'loss': 'ce', 'logits': [[3]], 'target': [0], 'gradient': ['logits', 'target']}");
	answer_expect(&answer, 422);
	expect_problem("not_differentiable", "/gradient/1");
	ask("{'loss': 'ce', 'logits': [[3]], 'target': [0], 'gradient': ['logit']}");
	answer_expect(&answer, 422);
	expect_problem("unknown_member", "/gradient/0");
	ck_assert_ptr_nonnull(
		strstr(answer_string(&answer, "/detail"), "did you mean \"logits\"?"));
}
END_TEST

/* ---- Class weights ---------------------------------------------------------- */

START_TEST(class_weights_stand_in_either_place)
{
	char inside[400], *copy;

	ask_fine("{'loss': {'name': 'ce', 'weight': [1, 2, 3]}, 'logits': " X ", 'targets': " T
		 "}");
	copy = strdup(answer.text);
	ask_fine("{'loss': 'ce', 'weight': [1, 2, 3], 'logits': " X ", 'targets': " T "}");
	ck_assert_str_eq(copy, answer.text);
	free(copy);
	snprintf(inside, sizeof inside,
		 "{'loss': {'name': 'ce', 'weight': [1, 2, 3]}, 'weight': [1, 2, "
		 "3], 'logits': " X ", 'targets': " T "}");
	ask(inside);
	answer_expect(&answer, 422);
	expect_problem("conflicting_inputs", "/weight");
}
END_TEST

START_TEST(class_weights_from_counts)
{
	/* 1 / log(1.02 + n_c / n) of 1 and 2 in 3; the ignored target does not count. */
	ask_fine("{'loss': {'name': 'ce', 'weight': {'from': 'inverse_log_frequency'}}, 'dtype': "
		 "'float64', 'logits': [[1, 2], [2, 1], [1, 1], [0, 0]], 'targets': [0, 1, 1, "
		 "-100]}");
	expect_near("/weight/0", 1 / log(1.02 + 1.0 / 3), 1e-12);
	expect_near("/weight/1", 1 / log(1.02 + 2.0 / 3), 1e-12);
	expect_near("/denominator", 1 / log(1.02 + 1.0 / 3) + 2 / log(1.02 + 2.0 / 3), 1e-12);
	ck_assert(strstr(answer.text, "\"denominator\"") < strstr(answer.text, "\"weight\""));
	ck_assert(strstr(answer.text, "\"weight\"") < strstr(answer.text, "\"gradients\""));
	ask_fine("{'loss': 'ce', 'weight': {'from': 'balanced', 'counts': [1, 9]}, 'logits': [[1, "
		 "2]], "
		 "'targets': [0]}");
	expect_near("/weight/0", 5, 1e-6);
	expect_near("/weight/1", 10 / 18.0, 1e-6);
	ask_fine("{'loss': 'ce', 'weight': {'from': 'balanced', 'counts': {'shape': [2], 'data': "
		 "[1, "
		 "9]}}, 'logits': [[1, 2]], 'targets': [[0.5, 0.5]]}");
	expect_near("/weight/0", 5, 1e-6);
	ask("{'loss': 'ce', 'weight': {'from': 'balanced'}, 'logits': [[1, 2]], 'targets': [[0.5, "
	    "0.5]]}");
	answer_expect(&answer, 422);
	expect_problem("missing_member", "/weight/counts");
}
END_TEST

/* ---- Diagnostics ------------------------------------------------------------ */

START_TEST(diagnostics_are_given_as_asked)
{
#define ROWS "'logits': [[1, 2], [-Infinity, -Infinity], [2, 1]], 'targets': [0, 1, 1]"
	ask_fine("{'loss': 'ce', " ROWS ", 'diagnostics': 'off'}");
	ck_assert_ptr_null(answer_at(&answer, "/diagnostics"));
	ask_fine("{'loss': 'ce', " ROWS "}");
	expect_text("\"loss\":\"NaN\"");
	ck_assert_str_eq(answer_string(&answer, "/diagnostics/verdict"), "nonfinite");
	ck_assert_str_eq(answer_string(&answer, "/diagnostics/findings/0/code"), "all_masked_row");
	ck_assert_str_eq(answer_string(&answer, "/diagnostics/findings/0/input"), "logits");
	expect_near("/diagnostics/findings/0/count", 1, 0);
	expect_near("/diagnostics/findings/0/at/0/0", 1, 0);
	expect_near("/diagnostics/findings/0/effect/finite_rows", 2, 0);
	expect_near("/diagnostics/findings/0/effect/loss_over_finite_rows", 1.3132616, 1e-6);
	ck_assert(answer.outcomes[0].nonfinite);
	ck_assert(answer.outcomes[0].findings & UINT64_C(1) << LOSS_FINDING_ALL_MASKED_ROW);
	ask_fine("{'loss': {'name': 'ce', 'on_masked_row': 'skip'}, " ROWS "}");
	expect_near("/loss", 1.3132616, 1e-6);
	ask_fine("{'loss': 'ce', " ROWS ", 'max_locations': 0}");
	ck_assert_uint_eq(json_array_size(answer_at(&answer, "/diagnostics/findings/0/at")), 0);
#undef ROWS
}
END_TEST

/* ---- Small things ------------------------------------------------------------ */

START_TEST(ids_are_echoed)
{
#define ONE "'loss': 'l1', 'input': 1, 'targets': 1}"
	ask_fine("{'id': 'a\\u00e9\\n\\\\x', " ONE);
	ck_assert_str_eq(answer_string(&answer, "/id"), "a\xc3\xa9\n\\x");
	ask_fine("{'id': -9007199254740993, " ONE);
	expect_text("{\"id\":-9007199254740993,");
	ask_fine("{'id': 0.1, " ONE);
	expect_text("{\"id\":0.1,");
#undef ONE
}
END_TEST

START_TEST(shards_combine)
{
	double sum = 0, denominator = 0, whole;

	ask_fine("{'loss': {'name': 'ce', 'weight': [1, 2, 3]}, 'dtype': 'float64', 'logits': " X
		 ", 'targets': " T "}");
	whole = answer_number(&answer, "/loss");
	ask_fine("{'loss': {'name': 'ce', 'weight': [1, 2, 3]}, 'dtype': 'float64', 'logits': "
		 "[[0.2, 0.3, "
		 "0.4]], 'targets': [0]}");
	sum += answer_number(&answer, "/sum");
	denominator += answer_number(&answer, "/denominator");
	ask_fine("{'loss': {'name': 'ce', 'weight': [1, 2, 3]}, 'dtype': 'float64', 'logits': "
		 "[[-0.02, "
		 "-0.13, 0.2], [0.5, -0.3, 0.73]], 'targets': [2, 1]}");
	sum += answer_number(&answer, "/sum");
	denominator += answer_number(&answer, "/denominator");
	ck_assert_double_eq_tol(sum / denominator, whole, 1e-15);
}
END_TEST

START_TEST(outcomes_tell_what_was_done)
{
	ask_fine("{'loss': 'ce', 'logits': " X ", 'targets': " T "}");
	ck_assert_uint_eq(answer.outcome_count, 1);
	ck_assert_str_eq(answer.outcomes[0].loss, "cross_entropy");
	ck_assert(!answer.outcomes[0].failed && !answer.outcomes[0].nonfinite);
	ck_assert_int_eq(answer.outcomes[0].rows, 3);
	ck_assert_int_eq(answer.outcomes[0].elements, 9);
	ask("{'loss': 'ce', 'logits': " X "}");
	ck_assert_uint_eq(answer.outcome_count, 1);
	ck_assert_str_eq(answer.outcomes[0].loss, "cross_entropy");
	ck_assert(answer.outcomes[0].failed);
	ask("{'loss': 'nothing like it'}");
	ck_assert_ptr_null(answer.outcomes[0].loss);
}
END_TEST

Suite *api_evaluate_suite(void);

Suite *api_evaluate_suite(void)
{
	Suite *suite = suite_create("api_evaluate");
	TCase *tcase = tcase_create("evaluate");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_loop_test(tcase, article_value, 0, sizeof article / sizeof article[0]);
	tcase_add_test(tcase, diagnostics_do_not_change_the_loss);
	tcase_add_test(tcase, reply_of_the_article);
	tcase_add_test(tcase, unreduced_loss_has_the_shape_of_the_rows);
	tcase_add_test(tcase, tensors_have_three_forms);
	tcase_add_test(tcase, nonfinite_numbers_are_read_in_every_spelling);
	tcase_add_test(tcase, nonfinite_numbers_are_written_as_asked);
	tcase_add_test(tcase, integers_and_reals_by_shape);
	tcase_add_test(tcase, null_is_the_same_as_nothing);
	tcase_add_test(tcase, refusals_are_counted_as_findings);
	tcase_add_test(tcase, half_precision_rounds_as_a_device);
	tcase_add_test(tcase, half_precision_says_what_it_cost);
	tcase_add_test(tcase, narrowing_is_noticed);
	tcase_add_test(tcase, gradients_are_given_as_asked);
	tcase_add_test(tcase, class_weights_stand_in_either_place);
	tcase_add_test(tcase, class_weights_from_counts);
	tcase_add_test(tcase, diagnostics_are_given_as_asked);
	tcase_add_test(tcase, ids_are_echoed);
	tcase_add_test(tcase, shards_combine);
	tcase_add_test(tcase, outcomes_tell_what_was_done);
	suite_add_tcase(suite, tcase);
	return suite;
}
