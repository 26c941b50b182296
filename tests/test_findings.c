/*
 * Findings: for each code a batch that has it, with everything the finding says
 * of it, and batches that come close and must not.  Then what holds for every
 * loss: healthy batches have none, faults are found where they were planted.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "api/ask.h"
#include "draw.h"
#include "loss_diagnose.h"

Suite *findings_suite(void);

/* ---- Asking ----------------------------------------------------------------- */

enum { TEXT_MAX = 4096 };

/* JSON is written with ' here. */
static void write_json(char *to, const char *text)
{
	size_t n = strlen(text);

	ck_assert_uint_lt(n, TEXT_MAX);
	for (size_t i = 0; i <= n; i++)
		to[i] = text[i] == '\'' ? '"' : text[i];
}

static json_t *parse(const char *text)
{
	char body[TEXT_MAX];
	json_error_t error;
	json_t *json;

	write_json(body, text);
	json = json_loads(body, JSON_DECODE_ANY, &error);
	ck_assert_msg(json != NULL, "%s: %s", text, error.text);
	return json;
}

static void ask(const char *request, struct answer *answer)
{
	char body[TEXT_MAX];

	write_json(body, request);
	ask_post(body, answer);
	answer_expect(answer, 200);
}

static const json_t *find(const struct answer *answer, const char *code)
{
	const json_t *findings = answer_at(answer, "/diagnostics/findings");

	for (size_t i = 0; i < json_array_size(findings); i++) {
		const json_t *finding = json_array_get(findings, i);

		if (!strcmp(json_string_value(json_object_get(finding, "code")), code))
			return finding;
	}
	return NULL;
}

/* Equal, numbers to 6 digits; an object may have more members than expected. */
static bool is_like(const json_t *found, const json_t *expected)
{
	if (json_is_number(expected))
		return json_is_number(found) &&
		       fabs(json_number_value(found) - json_number_value(expected)) <=
			       1e-6 * fabs(json_number_value(expected));
	if (json_is_array(expected)) {
		if (json_array_size(found) != json_array_size(expected))
			return false;
		for (size_t i = 0; i < json_array_size(expected); i++)
			if (!is_like(json_array_get(found, i), json_array_get(expected, i)))
				return false;
		return true;
	}
	if (json_is_object(expected)) {
		const char *key;
		json_t *value;

		json_object_foreach((json_t *)(uintptr_t)expected, key, value)
		{
			if (!is_like(json_object_get(found, key), value))
				return false;
		}
		return true;
	}
	return json_equal(found, expected);
}

/* ---- Code by code ------------------------------------------------------------ */

#define FULL ", 'diagnostics': 'full'}"
#define AUTO "}"

/* 8 x 8 scores whose rows are found when read the other way. */
#define TURNED                                                                                     \
	"[[0,0,0,9,0,0,0,0],[0,0,0,0,9,0,0,0],[0,0,0,0,0,9,0,0],[0,0,0,0,0,0,9,0],"                \
	"[0,0,0,0,0,0,0,9],[9,0,0,0,0,0,0,0],[0,9,0,0,0,0,0,0],[0,0,9,0,0,0,0,0]]"

static const struct {
	const char *code;
	const char *request;  /* a batch that has the finding */
	const char *expected; /* members of the finding */
} triggers[] = {
	{"input_nan", "{'loss': 'mse', 'input': [1, NaN, 3], 'targets': [1, 2, 3]" AUTO,
	 "{'severity': 'error', 'stage': 'input', 'input': 'input', 'count': 1, 'at': [[1]],"
	 " 'operands': {'value': 'NaN'}, 'because': [], 'message': 'Element 1 of input: NaN.'}"},
	{"input_nan",
	 "{'loss': 'ce', 'logits': [[0, 1], [0, 1]], 'targets': [1, 0], 'weight': [1, NaN]" AUTO,
	 "{'severity': 'error', 'input': 'weight', 'count': 1, 'at': [[1]]}"},
	{"narrowing_overflow", "{'loss': 'mse', 'input': [0, 1e39], 'targets': [0, 0]" AUTO,
	 "{'severity': 'error', 'input': 'input', 'count': 1, 'at': [[1]], 'because': [],"
	 " 'operands': {'value': 'Infinity'}}"},
	{"input_pos_inf", "{'loss': 'mse', 'input': [0, Infinity], 'targets': [0, 0]" AUTO,
	 "{'severity': 'error', 'input': 'input', 'count': 1, 'at': [[1]], 'because': [],"
	 " 'operands': {'value': 'Infinity'}}"},
	{"input_pos_inf", "{'loss': 'mse', 'input': [0, 1e39], 'targets': [0, 0]" AUTO,
	 "{'count': 1, 'at': [[1]], 'because': ['narrowing_overflow']}"},
	{"input_neg_inf",
	 "{'loss': 'bce_with_logits', 'logits': [-Infinity, 0], 'targets': [1, 0]" AUTO,
	 "{'severity': 'error', 'input': 'logits', 'count': 1, 'at': [[0]],"
	 " 'operands': {'value': '-Infinity'}, 'because': []}"},
	{"axis_suspect",
	 "{'loss': 'ce', 'probs': [[0.2, 0.3], [0.7, 0.1], [0.1, 0.6]], 'targets': [0, 1, 0]" FULL,
	 "{'severity': 'warning', 'stage': 'spec', 'input': 'probs', 'count': 1, 'at': [],"
	 " 'operands': {'axis': 0, 'class_axis': 1}}"},
	{"axis_suspect",
	 "{'loss': 'ce', 'logits': " TURNED ", 'targets': [5, 6, 7, 0, 1, 2, 3, 4]" FULL,
	 "{'severity': 'warning', 'operands': {'axis': 0, 'class_axis': 1}}"},
	{"target_not_binary",
	 "{'loss': 'bce_with_logits', 'logits': [1, -1, 2], 'targets': [1, 255, -1]" FULL,
	 "{'severity': 'warning', 'stage': 'target', 'input': 'targets', 'count': 2,"
	 " 'at': [[1], [2]], 'operands': {'value': 255}}"},
	{"target_not_binary",
	 "{'loss': 'ohem_balanced_bce', 'probs': [0.1, 0.5, 0.9], 'targets': [0, 0.5, 1]" FULL,
	 "{'count': 1, 'at': [[1]], 'operands': {'value': 0.5}}"},
	{"target_not_normalised",
	 "{'loss': 'ce', 'logits': [[1, -2], [0, 1]], 'targets': [[0.5, 0.5], [0.5, 0.25]]" FULL,
	 "{'severity': 'warning', 'stage': 'target', 'count': 1, 'at': [[1]],"
	 " 'operands': {'sum': 0.75}}"},
	{"target_not_normalised",
	 "{'loss': 'kl_div', 'log_probs': [[-0.7, -0.7], [-0.7, -0.7]],"
	 " 'targets': [[0.5, 0.7], [0.5, 0.5]]" FULL,
	 "{'count': 1, 'at': [[0]], 'operands': {'sum': 1.2}}"},
	{"ignore_index_collides",
	 "{'loss': {'name': 'ce', 'ignore_index': 1}, 'logits': [[1, -2], [0, 1], [0, 3]],"
	 " 'targets': [0, 1, 1]" FULL,
	 "{'severity': 'info', 'stage': 'target', 'count': 2, 'at': [[1], [2]],"
	 " 'operands': {'ignore_index': 1}}"},
	{"looks_like_probabilities",
	 "{'loss': 'ce', 'logits': [[0.2, 0.8], [0.6, 0.4]], 'targets': [1, 0]" AUTO,
	 "{'severity': 'warning', 'stage': 'spec', 'input': 'logits', 'count': 1, 'at': [],"
	 " 'operands': {'elements': 4, 'least': 0.2, 'most': 0.8}}"},
	{"looks_like_probabilities",
	 "{'loss': 'bce_with_logits', 'logits':"
	 " [0.1,0.2,0.3,0.9,0.8,0.7,0.1,0.2,0.3,0.9,0.8,0.7,0.1,0.2,0.3,0.9],"
	 " 'targets': [0,0,0,1,1,1,0,0,0,1,1,1,0,0,0,1]" AUTO,
	 "{'severity': 'warning', 'operands': {'elements': 16}}"},
	{"looks_like_log_probs",
	 "{'loss': 'ce', 'logits': [[-0.69314718, -0.69314718], [-0.10536052, -2.3025851]],"
	 " 'targets': [1, 0]" AUTO,
	 "{'severity': 'info', 'stage': 'spec', 'count': 1, 'at': [], 'operands': {'rows': 2}}"},
	{"looks_like_log_probs",
	 "{'loss': 'bce_with_logits', 'logits': [[-0.69314718, -0.69314718],"
	 " [-0.10536052, -2.3025851]], 'targets': [[0, 1], [1, 0]]" AUTO,
	 "{'severity': 'warning'}"},
	{"looks_like_logits",
	 "{'loss': 'nll_loss', 'log_probs': [[2, -1], [0.5, 3], [-1, -2]], 'targets': [1, 0, "
	 "1]" AUTO,
	 "{'severity': 'warning', 'stage': 'spec', 'input': 'log_probs', 'count': 2,"
	 " 'at': [[0], [1]], 'operands': {'value': 2}}"},
	{"clamped_logits",
	 "{'loss': 'ce', 'logits': [[1e-7, 0.9999999], [0.3, 1e-7]], 'targets': [1, 0]" AUTO,
	 "{'severity': 'warning', 'stage': 'spec', 'count': 1, 'at': [],"
	 " 'operands': {'elements': 4, 'confidence': 0.7310585786}}"},
	{"noop_eps",
	 "{'loss': {'name': 'dice', 'smooth_dr': 1e-20}, 'probs': [0.9, 0.2], 'targets': [1, "
	 "0]" AUTO,
	 "{'severity': 'info', 'stage': 'spec', 'input': null, 'operands': {'smooth_dr': 1e-20},"
	 " 'message': 'smooth_dr 1e-20 changes nothing: beside 1 it is lost in rounding.'}"},
	{"loss_unsuited", "{'loss': 'ce', 'logits': [[1], [-2]], 'targets': [0, 0]" AUTO,
	 "{'severity': 'warning', 'stage': 'spec', 'count': 1, 'because': []}"},
	{"loss_unsuited",
	 "{'loss': 'ce', 'logits': [[1, 2, -3], [0, 3, 1]], 'targets': [[1, 1, 0], [0, 1, 0]]" FULL,
	 "{'severity': 'warning', 'because': ['target_not_normalised']}"},
	{"negative_weight",
	 "{'loss': 'ce', 'logits': [[1, -2], [0, 1]], 'targets': [1, 0], 'weight': [1, -0.5]" AUTO,
	 "{'severity': 'warning', 'stage': 'weight', 'input': 'weight', 'count': 1, 'at': [[1]],"
	 " 'operands': {'value': -0.5}}"},
	{"negative_weight",
	 "{'loss': 'mse', 'input': [1, 2], 'targets': [0, 0], 'sample_weight': [-1, -2]" FULL,
	 "{'input': 'sample_weight', 'count': 2, 'at': [[0], [1]], 'operands': {'value': -1}}"},
	{"empty_mask",
	 "{'loss': {'name': 'mse', 'reduction': 'sum'}, 'input': [1, 2], 'targets': [0, 0],"
	 " 'mask': [0, 0]" AUTO,
	 "{'severity': 'warning', 'stage': 'weight', 'input': 'mask', 'count': 1, 'at': [],"
	 " 'operands': {'elements': 2}}"},
	{"exp_overflow",
	 "{'loss': {'name': 'kl_div', 'log_target': true}, 'log_probs': [[-1, -1], [-1, -1]],"
	 " 'targets': [[-1, -1], [-1, 89]]" AUTO,
	 "{'severity': 'error', 'stage': 'term', 'count': 1, 'at': [[1, 1]],"
	 " 'operands': {'log_probs': -1, 'targets': 89}, 'because': []}"},
	{"exp_overflow",
	 "{'loss': {'name': 'kl_div', 'log_target': true}, 'logits': [[-1, -1], [-1, -1]],"
	 " 'targets': [[-1, -1], [-1, 89]]" AUTO,
	 "{'severity': 'error', 'count': 1, 'at': [[1, 1]]}"},
	{"inf_minus_inf", "{'loss': 'l1', 'input': [1, Infinity], 'targets': [1, Infinity]" AUTO,
	 "{'severity': 'error', 'stage': 'term', 'input': 'input', 'count': 1, 'at': [[1]],"
	 " 'operands': {'input': 'Infinity', 'targets': 'Infinity'}, 'because': "
	 "['input_pos_inf']}"},
	{"inf_minus_inf",
	 "{'loss': 'ce', 'logits': [[1, 0], [Infinity, 0]], 'targets': [0, 0]" AUTO,
	 "{'severity': 'error', 'input': 'logits', 'count': 1, 'at': [[1]],"
	 " 'operands': {'class': 0, 'logits': 'Infinity'}, 'because': ['input_pos_inf']}"},
	{"domain", "{'loss': 'kl_div', 'log_probs': [[-1, -0.5]], 'targets': [[-0.25, 1.25]]" AUTO,
	 "{'severity': 'error', 'stage': 'log', 'count': 1, 'at': [[0, 0]],"
	 " 'operands': {'targets': -0.25, 'log_probs': -1}}"},
	{"domain", "{'loss': 'kl_div', 'logits': [[-1, -0.5]], 'targets': [[1.25, -0.25]]" AUTO,
	 "{'severity': 'error', 'count': 1, 'at': [[0, 1]]}"},
	{"all_masked_row",
	 "{'loss': 'ce', 'logits': [[1, 0], [-Infinity, -Infinity]], 'targets': [0, 1]" AUTO,
	 "{'severity': 'error', 'stage': 'softmax', 'input': 'logits', 'count': 1, 'at': [[1]],"
	 " 'operands': {'target': 1, 'max': '-Infinity'}, 'because': [],"
	 " 'message': 'Row 1: every logit is -Infinity, so softmax is 0/0.'}"},
	{"all_masked_row",
	 "{'loss': {'name': 'ce', 'on_masked_row': 'skip'}, 'targets': [0, 1],"
	 " 'logits': [[1, 0], [-Infinity, -Infinity]]" AUTO,
	 "{'severity': 'warning', 'count': 1, 'at': [[1]]}"},
	{"target_at_masked_class",
	 "{'loss': 'ce', 'logits': [[1, 0], [0, -Infinity]], 'targets': [0, 1]" AUTO,
	 "{'severity': 'error', 'stage': 'log', 'input': 'logits', 'count': 1, 'at': [[1]],"
	 " 'operands': {'target': 1, 'class': 1, 'logits': '-Infinity'}, 'because': []}"},
	{"target_at_masked_class",
	 "{'loss': 'kl_div', 'log_probs': [[0, -Infinity]], 'targets': [[0.5, 0.5]]" AUTO,
	 "{'severity': 'error', 'count': 1, 'at': [[0, 1]]}"},
	{"log_zero", "{'loss': 'ce', 'probs': [[0, 1], [0.5, 0.5]], 'targets': [0, 1]" AUTO,
	 "{'severity': 'error', 'stage': 'log', 'input': 'probs', 'count': 1}"},
	{"zero_times_inf",
	 "{'loss': 'ce', 'logits': [[-Infinity, 0, 1]], 'targets': [[0, 0.5, 0.5]]" AUTO,
	 "{'severity': 'info', 'stage': 'term', 'count': 1, 'at': [[0, 0]],"
	 " 'operands': {'logits': '-Infinity', 'targets': 0}}"},
	{"log_floored", "{'loss': 'bce', 'probs': [0.5, 0], 'targets': [1, 1]" AUTO,
	 "{'severity': 'warning', 'stage': 'log', 'input': 'probs', 'count': 1, 'at': [[1]],"
	 " 'operands': {'probs': 0, 'targets': 1}}"},
	{"empty_batch", "{'loss': 'mse', 'input': [], 'targets': []" AUTO,
	 "{'severity': 'error', 'stage': 'reduce', 'count': 1, 'at': []}"},
	{"all_ignored", "{'loss': 'ce', 'logits': [[1, 0], [0, 1]], 'targets': [-100, -100]" AUTO,
	 "{'severity': 'error', 'stage': 'reduce', 'count': 1, 'at': [], 'because': [],"
	 " 'operands': {'sum': 0, 'denominator': 0, 'rows': 2}}"},
	{"all_ignored", "{'loss': 'mse', 'input': [1, 2], 'targets': [0, 0], 'mask': [0, 0]" AUTO,
	 "{'severity': 'error', 'because': ['empty_mask']}"},
	{"all_ignored",
	 "{'loss': {'name': 'ce', 'ignore_index': 0, 'on_empty': 'zero'}, 'logits': [[1, 0]],"
	 " 'targets': [0]" AUTO,
	 "{'severity': 'warning', 'because': ['ignore_index_collides']}"},
	{"zero_weight_sum",
	 "{'loss': 'ce', 'logits': [[1, 0], [0, 1]], 'targets': [0, 0], 'weight': [0, 1]" AUTO,
	 "{'severity': 'error', 'stage': 'weight', 'count': 1, 'because': [],"
	 " 'operands': {'denominator': 0}}"},
	{"div_zero",
	 "{'loss': {'name': 'dice', 'smooth_dr': 0}, 'probs': [[0, 0], [1, 0]],"
	 " 'targets': [[0, 0], [1, 0]]" AUTO,
	 "{'severity': 'error', 'stage': 'reduce', 'input': null, 'count': 1, 'at': [[0]],"
	 " 'operands': {'prediction': 0, 'targets': 0, 'smoothing': 0}}"},
	{"no_positives",
	 "{'loss': 'ohem_balanced_bce', 'probs': [0.25, 0.5], 'targets': [0, 0]" AUTO,
	 "{'severity': 'warning', 'stage': 'reduce', 'input': 'targets', 'count': 1, 'at': [],"
	 " 'operands': {'elements': 2}}"},
	{"no_negatives",
	 "{'loss': 'ohem_balanced_bce', 'probs': [0.25, 0.5], 'targets': [1, 1]" AUTO,
	 "{'severity': 'warning', 'stage': 'reduce', 'input': 'targets', 'count': 1, 'at': [],"
	 " 'operands': {'elements': 2}}"},
	{"degenerate_beta",
	 "{'loss': 'balanced_bce', 'probs': [[0.2, 0.3], [0.4, 0.7]], 'targets': [[1, 0], [1, "
	 "1]]" AUTO,
	 "{'severity': 'warning', 'stage': 'weight', 'count': 1, 'at': [[1]],"
	 " 'operands': {'beta': 0}}"},
	{"smoothing_decided",
	 "{'loss': 'dice', 'probs': [[0, 0], [0.5, 0]], 'targets': [[0, 0], [1, 0]]" AUTO,
	 "{'severity': 'warning', 'stage': 'reduce', 'count': 1, 'at': [[0]],"
	 " 'operands': {'prediction': 0, 'targets': 0, 'smoothing': 0.002, 'loss': 1}}"},
	{"gradient_floored", "{'loss': 'bce', 'probs': [0.5, 0], 'targets': [1, 1]" AUTO,
	 "{'severity': 'warning', 'stage': 'gradient', 'count': 1, 'at': [[1]]}"},
	{"gradient_nonfinite",
	 "{'loss': 'ce', 'logits': [[NaN, 0], [0, 1], [-Infinity, -Infinity]],"
	 " 'targets': [0, 1, 0]" AUTO,
	 "{'severity': 'error', 'stage': 'gradient', 'input': 'logits', 'count': 4,"
	 " 'at': [[0, 0], [0, 1], [2, 0], [2, 1]], 'operands': {'gradient': 'NaN'},"
	 " 'because': ['input_nan', 'all_masked_row']}"},
	{"gradient_exploding",
	 "{'loss': 'ce', 'probs': [[1e-9, 1], [0.5, 0.5]], 'targets': [0, 1]" FULL,
	 "{'severity': 'warning', 'stage': 'gradient', 'input': 'probs', 'count': 1,"
	 " 'at': [[0, 0]], 'operands': {'gradient': -5e8, 'factor': 1e9}}"},
	{"gradient_vanishing",
	 "{'loss': 'dice', 'logits': [-30, -30, -30], 'targets': [1, 1, 0]" FULL,
	 "{'severity': 'warning', 'stage': 'gradient', 'input': 'logits', 'count': 1, 'at': []}"},
	{"gradient_zero_but_loss_high",
	 "{'loss': 'dice', 'logits': [[-200, -200], [1, -1]], 'targets': [[1, 1], [1, 0]]" FULL,
	 "{'severity': 'warning', 'stage': 'gradient', 'input': 'logits', 'count': 1,"
	 " 'at': [[0]], 'operands': {'loss': 1}}"},
	{"gradient_all_zero",
	 "{'loss': 'ohem_balanced_bce', 'probs': [0.25, 0.5], 'targets': [0, 0]" AUTO,
	 "{'severity': 'warning', 'stage': 'gradient', 'input': 'probs', 'count': 1, 'at': [],"
	 " 'operands': {'elements': 2}, 'because': ['no_positives']}"},
	{"gradient_all_zero", "{'loss': 'dice', 'logits': [[-200, -200]], 'targets': [[1, 1]]" AUTO,
	 "{'severity': 'warning', 'because': ['gradient_zero_but_loss_high']}"},
	{"gradient_all_zero", "{'loss': 'ce', 'logits': [[1], [-2]], 'targets': [0, 0]" AUTO,
	 "{'severity': 'warning', 'because': ['loss_unsuited']}"},
};

enum { TRIGGERS = sizeof triggers / sizeof triggers[0] };

START_TEST(is_found)
{
	json_t *expected = parse(triggers[_i].expected);
	struct answer answer = {0};
	const json_t *finding;
	const char *key;
	json_t *value;

	ask(triggers[_i].request, &answer);
	finding = find(&answer, triggers[_i].code);
	ck_assert_msg(finding != NULL, "no %s in %s", triggers[_i].code, answer.text);
	json_object_foreach(expected, key, value)
	{
		ck_assert_msg(is_like(json_object_get(finding, key), value), "%s of %s in %s", key,
			      triggers[_i].code, answer.text);
	}
	json_decref(expected);
	answer_free(&answer);
}
END_TEST

/* What comes close. */
static const struct {
	const char *code;
	const char *request;
} near_misses[] = {
	{"input_nan", "{'loss': 'ce', 'logits': [[NaN, 0], [1, 2]], 'targets': [-100, 1]" FULL},
	{"input_nan", "{'loss': 'mse', 'input': [NaN, 1], 'targets': [0, 0], 'mask': [0, 1]" FULL},
	{"narrowing_overflow", "{'loss': 'l1', 'input': [0, 3.4e38], 'targets': [0, 0]" FULL},
	{"narrowing_overflow",
	 "{'loss': 'l1', 'input': [0, 1e39], 'targets': [0, 0], 'dtype': 'float64'" FULL},
	{"input_pos_inf", "{'loss': 'bce_with_logits', 'logits': [Infinity], 'targets': [1]" FULL},
	{"input_neg_inf",
	 "{'loss': 'ce', 'logits': [[-Infinity, 1, 2], [1, 2, 3]], 'targets': [1, 0]" FULL},
	{"input_neg_inf",
	 "{'loss': {'name': 'kl_div', 'log_target': true}, 'log_probs': [[NaN, -1]],"
	 " 'targets': [[-Infinity, 0]]" FULL},
	{"axis_suspect",
	 "{'loss': 'ce', 'probs': [[0.3, 0.7], [0.7, 0.3]], 'targets': [0, 1]" FULL},
	{"axis_suspect",
	 "{'loss': 'ce', 'logits': " TURNED ", 'targets': [3, 4, 5, 6, 7, 0, 1, 2]" FULL},
	{"axis_suspect",
	 "{'loss': 'ce', 'logits': [[1, 2], [3, -4]], 'targets': [[1, 0], [0, 1]]" FULL},
	{"axis_suspect",
	 "{'loss': 'ce', 'logits': [[1, 2], [3, -4]], 'targets': [[1, 1], [0, 0]]" FULL},
	{"target_not_binary",
	 "{'loss': 'bce_with_logits', 'logits': [1, -1, 2], 'targets': [0.25, 1, 0]" FULL},
	{"target_not_binary",
	 "{'loss': 'bce_with_logits', 'logits': [1, -1], 'targets': [255, 1], 'mask': [0, 1]" FULL},
	{"target_not_binary", "{'loss': 'mse', 'input': [1, -1], 'targets': [255, -1]" FULL},
	{"target_not_normalised",
	 "{'loss': 'ce', 'logits': [[1, -2, 3]], 'targets': [[0.333, 0.333, 0.333]]" FULL},
	{"target_not_normalised",
	 "{'loss': 'ce', 'logits': [[1, -2], [1, 3]], 'targets': [[2, 2], [0, 1]],"
	 " 'mask': [0, 1]" FULL},
	{"target_not_normalised",
	 "{'loss': 'bce_with_logits', 'logits': [[1, -2]], 'targets': [[1, 1]]" FULL},
	{"ignore_index_collides",
	 "{'loss': {'name': 'ce', 'ignore_index': 1}, 'logits': [[1, -2], [0, 1]],"
	 " 'targets': [0, 0]" FULL},
	{"ignore_index_collides",
	 "{'loss': {'name': 'ce', 'ignore_index': 2}, 'logits': [[1, -2], [0, 1]],"
	 " 'targets': [0, 2]" FULL},
	{"looks_like_probabilities",
	 "{'loss': 'ce', 'logits': [[0, 0], [0, 0]], 'targets': [1, 0]" FULL},
	{"looks_like_probabilities",
	 "{'loss': 'ce', 'logits': [[0.5, 0.5], [0.5, 0.5]], 'targets': [1, 0]" FULL},
	{"looks_like_probabilities", "{'loss': 'ce', 'logits': [[0.3, 0.7]], 'targets': [1]" FULL},
	{"looks_like_probabilities",
	 "{'loss': 'ce', 'logits': [[0, 1], [1, 0]], 'targets': [1, 0]" FULL},
	{"looks_like_probabilities",
	 "{'loss': 'ce', 'logits': [[0.2, 0.8], [0.6, 0.5]], 'targets': [1, 0]" FULL},
	{"looks_like_probabilities",
	 "{'loss': 'bce_with_logits', 'logits': [0.1, 0.2, 0.9], 'targets': [0, 0, 1]" FULL},
	{"looks_like_log_probs",
	 "{'loss': 'ce', 'logits': [[0, -Infinity], [-Infinity, 0]], 'targets': [0, 1]" FULL},
	{"looks_like_log_probs",
	 "{'loss': 'ce', 'logits': [[-1, -2], [-3, -4]], 'targets': [0, 1]" FULL},
	{"looks_like_logits",
	 "{'loss': 'nll_loss', 'log_probs': [[-0.69314718, -0.69314718], [0.0001, -9.2]],"
	 " 'targets': [0, 1]" FULL},
	{"looks_like_logits",
	 "{'loss': 'nll_loss', 'log_probs': [[-1, -2], [-3, -4]], 'targets': [0, 1]" FULL},
	{"clamped_logits",
	 "{'loss': 'ce', 'logits': [[0.25, 0.5], [0.75, 0.5]], 'targets': [0, 1]" FULL},
	{"clamped_logits",
	 "{'loss': 'ce', 'logits': [[1e-7, 1], [0.75, 0.5]], 'targets': [0, 1]" FULL},
	{"noop_eps", "{'loss': {'name': 'dice', 'smooth_dr': 1e-9}, 'probs': [0.9, 0.2], "
		     "'targets': [1, 0]" FULL},
	{"noop_eps", "{'loss': {'name': 'dice', 'smooth_dr': 1e-20}, 'probs': [[0, 0]], 'targets': "
		     "[[0, 0]]" FULL},
	{"noop_eps", "{'loss': 'ohem_balanced_bce', 'probs': [0.5, 0.5], 'targets': [0, 1]" FULL},
	{"loss_unsuited", "{'loss': 'ce', 'logits': [[1, 2]], 'targets': [0]" FULL},
	{"loss_unsuited", "{'loss': 'ce', 'logits': [[1, 2, 3]], 'targets': [[0, 1, 0]]" FULL},
	{"loss_unsuited", "{'loss': 'bce_with_logits', 'logits': [[1]], 'targets': [[0]]" FULL},
	{"negative_weight",
	 "{'loss': 'ce', 'logits': [[1, -2], [0, 1]], 'targets': [1, 0], 'weight': [1, -0.0]" FULL},
	{"empty_mask", "{'loss': 'mse', 'input': [1, 2], 'targets': [0, 0], 'mask': [0, 1]" FULL},
	{"exp_overflow", "{'loss': {'name': 'kl_div', 'log_target': true}, 'log_probs': [[-1, -1]],"
			 " 'targets': [[-1, 88]]" FULL},
	{"exp_overflow", "{'loss': {'name': 'kl_div', 'log_target': true}, 'logits': [[-1, -1]],"
			 " 'targets': [[-1, Infinity]]" FULL},
	{"inf_minus_inf", "{'loss': 'l1', 'input': [1, Infinity], 'targets': [1, -Infinity]" FULL},
	{"inf_minus_inf", "{'loss': 'ce', 'logits': [[1, -Infinity]], 'targets': [0]" FULL},
	{"domain", "{'loss': 'kl_div', 'log_probs': [[-1, -0.5]], 'targets': [[-0.0, 1]]" FULL},
	{"all_masked_row",
	 "{'loss': 'ce', 'logits': [[-Infinity, -1e4], [1, 0]], 'targets': [1, 1]" FULL},
	{"all_masked_row",
	 "{'loss': 'ce', 'logits': [[-Infinity, -Infinity], [1, 0]], 'targets': [-100, 1]" FULL},
	{"target_at_masked_class",
	 "{'loss': 'ce', 'logits': [[-Infinity, 1], [1, 0]], 'targets': [1, 0]" FULL},
	{"target_at_masked_class",
	 "{'loss': 'ce', 'logits': [[-Infinity, 1]], 'targets': [0], 'weight': [0, 1]" FULL},
	{"log_zero", "{'loss': 'ce', 'probs': [[0, 1], [0.5, 0.5]], 'targets': [1, 1]" FULL},
	{"zero_times_inf", "{'loss': 'ce', 'logits': [[-Infinity, 0, 1]], 'targets': [1]" FULL},
	{"log_floored", "{'loss': 'bce', 'probs': [0.5, 1e-30], 'targets': [1, 1]" FULL},
	{"log_floored", "{'loss': 'bce', 'probs': [1, 0], 'targets': [1, 0]" FULL},
	{"empty_batch",
	 "{'loss': {'name': 'mse', 'reduction': 'sum'}, 'input': [], 'targets': []" FULL},
	{"all_ignored", "{'loss': 'ce', 'logits': [[1, 0], [0, 1]], 'targets': [-100, 1]" FULL},
	{"zero_weight_sum",
	 "{'loss': 'ce', 'logits': [[1, 0], [0, 1]], 'targets': [0, 1], 'weight': [0, 1]" FULL},
	{"div_zero", "{'loss': 'dice', 'probs': [0, 0], 'targets': [0, 0]" FULL},
	{"div_zero",
	 "{'loss': {'name': 'dice', 'smooth_dr': 0}, 'probs': [0, 0.5], 'targets': [0, 0]" FULL},
	{"no_positives",
	 "{'loss': 'ohem_balanced_bce', 'probs': [0.2, 0.5], 'targets': [0, 1]" FULL},
	{"no_positives", "{'loss': 'bce', 'probs': [0.2, 0.5], 'targets': [0, 0]" FULL},
	{"no_negatives",
	 "{'loss': 'ohem_balanced_bce', 'probs': [0.2, 0.5], 'targets': [0, 1]" FULL},
	{"no_negatives", "{'loss': 'ohem_balanced_bce', 'probs': [0.2, 0.5], 'targets': [0, 0], "
			 "'mask': [0, 0]" FULL},
	{"degenerate_beta", "{'loss': {'name': 'balanced_bce', 'beta': 1}, 'probs': [[0.2, 0.3]],"
			    " 'targets': [[1, 1]]" FULL},
	{"degenerate_beta",
	 "{'loss': 'balanced_bce', 'probs': [[0.2, 0.3], [0.1, 0.2]], 'targets': [[1, 0], [1, 1]],"
	 " 'mask': [[1, 1], [0, 0]]" FULL},
	{"smoothing_decided",
	 "{'loss': 'dice', 'probs': [[0.1, 0.1], [0, 0]], 'targets': [[0, 0], [1, 0]]" FULL},
	{"smoothing_decided",
	 "{'loss': 'dice', 'probs': [[0, 0], [0.5, 0]], 'targets': [[0, 0], [1, 0]],"
	 " 'mask': [0, 1]" FULL},
	{"gradient_floored",
	 "{'loss': 'bce', 'probs': [0.5, 0], 'targets': [1, 1], 'gradient': false" FULL},
	{"gradient_floored", "{'loss': 'bce', 'probs': [1, 0], 'targets': [1, 0]" FULL},
	{"gradient_nonfinite",
	 "{'loss': 'ce', 'logits': [[NaN, 0]], 'targets': [0], 'gradient': false" FULL},
	{"gradient_nonfinite",
	 "{'loss': {'name': 'ce', 'on_masked_row': 'skip'}, 'logits': [[0, -Infinity],"
	 " [-Infinity, -Infinity]], 'targets': [0, 0]" FULL},
	{"gradient_exploding",
	 "{'loss': 'ce', 'probs': [[1e-7, 1], [0.5, 0.5]], 'targets': [0, 1]" FULL},
	{"gradient_exploding", "{'loss': 'mse', 'input': [1e8, 0], 'targets': [0, 0]" FULL},
	{"gradient_vanishing",
	 "{'loss': 'dice', 'logits': [30, 30, -30], 'targets': [1, 1, 0]" FULL},
	{"gradient_vanishing", "{'loss': 'l1', 'input': [0, 0], 'targets': [1e9, 1e9]" FULL},
	{"gradient_vanishing",
	 "{'loss': 'bce_with_logits', 'logits': [1e-7, 0], 'targets': [0.5, 0.5]" FULL},
	{"gradient_zero_but_loss_high",
	 "{'loss': 'bce_with_logits', 'logits': [0, 0], 'targets': [0.5, 0.5]" FULL},
	{"gradient_zero_but_loss_high",
	 "{'loss': 'dice', 'logits': [[200, 200]], 'targets': [[1, 1]]" FULL},
	{"gradient_zero_but_loss_high",
	 "{'loss': 'dice', 'logits': [[-200, -200], [1, 2]], 'targets': [[1, 1], [1, 0]],"
	 " 'mask': [0, 1]" FULL},
	{"gradient_all_zero",
	 "{'loss': 'ce', 'logits': [[1, 0], [0, 1]], 'targets': [-100, -100]" FULL},
	{"gradient_all_zero", "{'loss': 'mse', 'input': [1, 2], 'targets': [1, 2]" FULL},
	{"gradient_all_zero", "{'loss': 'ce', 'logits': [[1e4, 0]], 'targets': [0]" FULL},
	{"gradient_all_zero",
	 "{'loss': 'bce_with_logits', 'logits': [0, 0], 'targets': [0.5, 0.5]" FULL},
};

enum { NEAR_MISSES = sizeof near_misses / sizeof near_misses[0] };

START_TEST(is_not_found)
{
	struct answer answer = {0};

	ask(near_misses[_i].request, &answer);
	ck_assert_msg(find(&answer, near_misses[_i].code) == NULL, "%s in %s", near_misses[_i].code,
		      answer.text);
	answer_free(&answer);
}
END_TEST

Suite *findings_suite(void)
{
	Suite *suite = suite_create("findings");
	TCase *codes = tcase_create("codes");

	tcase_add_loop_test(codes, is_found, 0, TRIGGERS);
	tcase_add_loop_test(codes, is_not_found, 0, NEAR_MISSES);
	suite_add_tcase(suite, codes);
	return suite;
}
