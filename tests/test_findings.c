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
#include "loss_impl.h"

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
	{"div_zero",
	 "{'loss': {'name': 'cosine_embedding', 'eps': 0}, 'input1': [[1, 2], [0, 0]], "
	 "'input2': [[1, 2], [1, 1]], 'targets': [1, 1], 'gradient': false}",
	 "{'severity': 'error', 'count': 1, 'at': [[1]]}"},
	{"overflow",
	 "{'loss': {'name': 'triplet_margin', 'p': 3}, 'anchor': [[0, 1]], "
	 "'positive': [[1e15, 0]], 'negative': [[1e15, 1]], 'gradient': false}",
	 "{'severity': 'error', 'count': 1, 'at': [[0]]}"},
	{"input_nan",
	 "{'loss': 'multilabel_soft_margin', 'logits': [[1, 2, 3]], 'targets': [[0, 1, 1]], "
	 "'weight': [1, NaN, 1]}",
	 "{'input': 'weight', 'count': 1, 'at': [[1]]}"},
	{"input_nan",
	 "{'loss': 'cosine_embedding', 'input1': [[1], [3]], 'input2': [[1], [2]], "
	 "'targets': [1, NaN]}",
	 "{'input': 'targets', 'count': 1, 'at': [[1]]}"},
	{"box_inverted",
	 "{'loss': 'giou', 'input': [[0, 0, 2, 2], [1, 1, 3, 3]], "
	 "'targets': [[0, 0, 2, 2], [2, 2, 1, 1]]}",
	 "{'severity': 'warning', 'stage': 'input', 'count': 1, 'at': [[1, 0]]}"},
	{"target_not_binary", "{'loss': 'hinge', 'input': [1, -1, 2], 'targets': [1, 0, -1]" FULL,
	 "{'count': 1, 'at': [[1]], 'operands': {'value': 0}}"},
	{"target_not_binary",
	 "{'loss': 'margin_ranking', 'input1': [[1, -1], [2, 3]], 'input2': [[0, 1], [1, 2]],"
	 " 'targets': [0.5, -1]" FULL,
	 "{'count': 1, 'at': [[0]], 'operands': {'value': 0.5}}"},
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
	{"overflow", "{'loss': 'mse', 'input': [0, 1e30], 'targets': [0, 1]" AUTO,
	 "{'severity': 'error', 'stage': 'term', 'input': null, 'count': 1, 'at': [[1]],"
	 " 'operands': {'loss': 'Infinity', 'input': 1e30, 'targets': 1}, 'because': []}"},
	{"overflow", "{'loss': 'ce', 'logits': [[1, 0], [3e38, -3e38]], 'targets': [0, 1]" AUTO,
	 "{'count': 1, 'at': [[1]], 'operands': {'loss': 'Infinity'}}"},
	{"overflow",
	 "{'loss': 'mse', 'dtype': 'float64', 'input': [1e154, 1e154], 'targets': [0, 0]" AUTO,
	 "{'count': 1, 'at': [], 'operands': {'loss': 'Infinity'}}"},
	{"inf_minus_inf",
	 "{'loss': 'ce', 'logits': [[1, 0], [Infinity, 0]], 'targets': [0, 0]" AUTO,
	 "{'severity': 'error', 'input': 'logits', 'count': 1, 'at': [[1]],"
	 " 'operands': {'class': 0, 'logits': 'Infinity'}, 'because': ['input_pos_inf']}"},
	{"domain", "{'loss': 'kl_div', 'log_probs': [[-1, -0.5]], 'targets': [[-0.25, 1.25]]" AUTO,
	 "{'severity': 'error', 'stage': 'log', 'count': 1, 'at': [[0, 0]],"
	 " 'operands': {'targets': -0.25, 'log_probs': -1}}"},
	{"domain", "{'loss': 'kl_div', 'logits': [[-1, -0.5]], 'targets': [[1.25, -0.25]]" AUTO,
	 "{'severity': 'error', 'count': 1, 'at': [[0, 1]]}"},
	{"domain",
	 "{'loss': {'name': 'sigmoid_focal', 'gamma': 1.5}, 'logits': [3, 1],"
	 " 'targets': [255, 1]" AUTO,
	 "{'severity': 'error', 'count': 1, 'at': [[0]], 'because': ['target_not_binary']}"},
	{"domain",
	 "{'loss': {'name': 'softmax_focal', 'gamma': 1.5}, 'log_probs': [[3, 1], [1, 2]],"
	 " 'targets': [0, 1]" AUTO,
	 "{'count': 2, 'at': [[0, 0], [1, 1]], 'because': ['looks_like_logits']}"},
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
	{"target_at_masked_class",
	 "{'loss': 'gce', 'logits': [[1, 0], [0, -Infinity]], 'targets': [0, 1]" AUTO,
	 "{'severity': 'warning', 'count': 1, 'at': [[1]],"
	 " 'operands': {'target': 1, 'class': 1, 'logits': '-Infinity'}}"},
	{"exp_overflow", "{'loss': 'poisson_nll', 'input': [1, 100], 'targets': [2, 3]" AUTO,
	 "{'severity': 'error', 'count': 1, 'at': [[1]],"
	 " 'operands': {'input': 100, 'targets': 3}}"},
	{"inf_minus_inf", "{'loss': 'poisson_nll', 'input': [1, Infinity], 'targets': [2, 3]" AUTO,
	 "{'count': 1, 'at': [[1]], 'because': ['input_pos_inf']}"},
	{"domain",
	 "{'loss': {'name': 'poisson_nll', 'log_input': false}, 'input': [1, -2],"
	 " 'targets': [2, 3]" AUTO,
	 "{'severity': 'error', 'count': 1, 'at': [[1]]}"},
	{"log_zero", "{'loss': 'gce', 'probs': [[1, 0], [0.5, 0.5]], 'targets': [1, 0]" AUTO,
	 "{'severity': 'warning', 'count': 1, 'at': [[0, 1]]}"},
	{"domain",
	 "{'loss': {'name': 'poisson_nll', 'log_input': false}, 'input': [-1, -2, NaN],"
	 " 'targets': [0, 3, 1]" AUTO,
	 "{'count': 1, 'at': [[1]]}"},
	{"log_floored", "{'loss': 'msle', 'input': [1, 2], 'targets': [2, -3]" AUTO,
	 "{'severity': 'warning', 'count': 1, 'at': [[1]]}"},
	{"log_floored", "{'loss': 'msle', 'input': [1, -2], 'targets': [2, 3]" AUTO,
	 "{'severity': 'warning', 'count': 1, 'at': [[1]],"
	 " 'operands': {'input': -2, 'targets': 3}}"},
	{"infeasible_alignment",
	 "{'loss': 'ctc', 'logits': [[[0, 1, 0], [0, 1, 0]], [[1, 0, 0], [1, 0, 0]]],"
	 " 'targets': [[1, 2], [1, 1]]" AUTO,
	 "{'severity': 'error', 'stage': 'target', 'input': 'targets', 'count': 1, 'at': [[1]],"
	 " 'operands': {'frames': 2, 'labels': 2, 'repeats': 1}}"},
	{"infeasible_alignment",
	 "{'loss': {'name': 'ctc', 'zero_infinity': true}, 'logits': [[0, 1, 0]],"
	 " 'targets': [1, 2]" AUTO,
	 "{'severity': 'warning', 'count': 1, 'at': []}"},
	{"log_zero", "{'loss': 'ce', 'probs': [[0, 1], [0.5, 0.5]], 'targets': [0, 1]" AUTO,
	 "{'severity': 'error', 'stage': 'log', 'input': 'probs', 'count': 1}"},
	{"log_zero", "{'loss': 'nll_loss', 'probs': [[0.5, 0.5], [0, 0]], 'targets': [1, 1]" AUTO,
	 "{'count': 1, 'at': [[1, 1]], 'operands': {'probs': 0, 'targets': 1}}"},
	{"log_zero", "{'loss': 'ce', 'probs': [[[0.5, 0], [0.5, 0]]], 'targets': [[0, 1]]" AUTO,
	 "{'count': 1, 'at': [[0, 1, 1]]}"},
	{"log_zero", "{'loss': 'kl_div', 'probs': [[0, 1]], 'targets': [[0.5, 0.5]]" AUTO,
	 "{'count': 1, 'at': [[0, 0]], 'severity': 'error'}"},
	{"zero_times_inf",
	 "{'loss': 'ce', 'logits': [[-Infinity, 0, 1]], 'targets': [[0, 0.5, 0.5]]" AUTO,
	 "{'severity': 'info', 'stage': 'term', 'count': 1, 'at': [[0, 0]],"
	 " 'operands': {'logits': '-Infinity', 'targets': 0}}"},
	{"log_floored", "{'loss': 'bce', 'probs': [0.5, 0], 'targets': [1, 1]" AUTO,
	 "{'severity': 'warning', 'stage': 'log', 'input': 'probs', 'count': 1, 'at': [[1]],"
	 " 'operands': {'probs': 0, 'targets': 1}}"},
	{"empty_batch", "{'loss': 'mse', 'input': [], 'targets': []" AUTO,
	 "{'severity': 'error', 'stage': 'reduce', 'count': 1, 'at': []}"},
	{"empty_batch",
	 "{'loss': 'ce', 'logits': {'shape': [2, 0], 'data': []},"
	 " 'targets': {'shape': [2, 0], 'data': []}" AUTO,
	 "{'severity': 'error', 'input': 'logits', 'count': 1, 'at': []}"},
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
	{"gradient_nonfinite",
	 "{'loss': 'ce', 'logits': [[NaN, 0], [0, -Infinity]], 'targets': [0, 1]" AUTO,
	 "{'count': 2, 'at': [[0, 0], [0, 1]], 'because': ['input_nan']}"},
	{"gradient_nonfinite",
	 "{'loss': {'name': 'sigmoid_focal', 'gamma': 1.5}, 'logits': [3, 1],"
	 " 'targets': [255, 1]" AUTO,
	 "{'count': 1, 'at': [[0]], 'because': ['domain']}"},
	{"gradient_nonfinite",
	 "{'loss': {'name': 'softmax_focal', 'gamma': 1.5}, 'log_probs': [[3, 1], [1, 2]],"
	 " 'targets': [0, 0]" AUTO,
	 "{'count': 2, 'at': [[0, 0], [1, 0]], 'because': ['domain']}"},
	{"gradient_exploding", "{'loss': 'bce', 'probs': [0.5, 0], 'targets': [1, 1]" AUTO,
	 "{'count': 1, 'at': [[1]], 'because': ['gradient_floored']}"},
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
	/* An operand that is missing would have left the cause alone. */
	for (size_t i = 0; i < LOSS_FINDING_COUNT; i++) {
		const struct loss_finding_row *row = loss_finding_at(i);

		if (!strcmp(row->code, triggers[_i].code) && strchr(row->says, '{'))
			ck_assert_str_ne(json_string_value(json_object_get(finding, "message")),
					 row->cause);
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
	{"box_inverted",
	 "{'loss': 'giou', 'input': [[0, 0, 2, 2]], 'targets': [[5, 5, 7, 8]]" FULL},
	{"target_not_binary", "{'loss': 'mse', 'input': [1, -1], 'targets': [255, -1]" FULL},
	{"target_not_binary", "{'loss': 'hinge', 'input': [1, -1], 'targets': [1, -1]" FULL},
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
	{"overflow", "{'loss': 'mse', 'input': [0, Infinity], 'targets': [0, 1]" FULL},
	{"overflow", "{'loss': 'mse', 'input': [0, 1e17], 'targets': [0, 1]" FULL},
	{"overflow", "{'loss': 'ce', 'logits': [[1, -Infinity]], 'targets': [1]" FULL},
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
	{"target_at_masked_class",
	 "{'loss': 'gce', 'logits': [[1, 0], [0, -Infinity]], 'targets': [0, 0]" FULL},
	{"exp_overflow", "{'loss': 'poisson_nll', 'input': [1, 88], 'targets': [2, 3]" FULL},
	{"log_floored", "{'loss': 'msle', 'input': [1, 0], 'targets': [2, 0]" FULL},
	{"smoothing_decided", "{'loss': 'tversky', 'probs': [[0, 0]], 'targets': [[0, 0]]" FULL},
	{"infeasible_alignment",
	 "{'loss': 'ctc', 'logits': [[[0, 1, 0]], [[1, 0, 0]], [[0, 1, 0]]],"
	 " 'targets': [[1, 1]]" FULL},
	{"infeasible_alignment",
	 "{'loss': 'ctc', 'logits': [[[0, 1, 0], [0, 1, 0]], [[1, 0, 0], [1, 0, 0]]],"
	 " 'targets': [[1, 2], [1, 1]], 'mask': [1, 0]" FULL},
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
	{"gradient_exploding",
	 "{'loss': 'ce', 'logits': [[1, 0]], 'targets': [1], 'weight': [1, 1e30]" FULL},
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

/* Data that make a call fail: how many there are, and where. */
static const struct {
	const char *code, *request, *pointer, *detail;
} problems[] = {
	{"target_out_of_range",
	 "{'loss': 'ce', 'logits': [[1, 0], [0, 1], [2, 3]], 'targets': [0, 2, -1]}", "/targets/1",
	 "2, expected a class index from 0 to 1; 2 out of range, at /1, /2"},
	{"target_not_integer",
	 "{'loss': 'ce', 'logits': [[1, 0], [0, 1], [2, 3]], 'targets': [0, 1.5, 0.5]}",
	 "/targets/1", "1 more of 3 numbers, at /targets/2"},
	{"prob_out_of_range",
	 "{'loss': 'ce', 'probs': [[0.5, 0.5], [0.5, 1.5], [2, 0.1]], 'targets': [0, 1, 0]}",
	 "/probs/1/1", "1.5, expected a probability from 0 to 1; 2 out of range, at /1/1, /2/0"},
};

START_TEST(problems_tell_count_and_places)
{
	char body[TEXT_MAX];
	struct answer answer = {0};

	write_json(body, problems[_i].request);
	ask_post(body, &answer);
	answer_expect(&answer, 422);
	ck_assert_str_eq(answer_string(&answer, "/code"), problems[_i].code);
	ck_assert_str_eq(answer_string(&answer, "/pointer"), problems[_i].pointer);
	ck_assert_msg(strstr(answer_string(&answer, "/detail"), problems[_i].detail) != NULL, "%s",
		      answer.text);
	answer_free(&answer);
}
END_TEST

/* ---- The catalogue ------------------------------------------------------------ */

/* What test_statistics.c and test_precision.c have batches for. */
static bool is_tested_elsewhere(enum loss_finding_code code)
{
	static const enum loss_finding_code codes[] = {
		LOSS_FINDING_SINGLE_CLASS_TARGETS,
		LOSS_FINDING_CLASS_ABSENT,
		LOSS_FINDING_CLASS_IMBALANCE,
		LOSS_FINDING_SUSPECT_LABELS,
		LOSS_FINDING_SATURATED,
		LOSS_FINDING_NEAR_OVERFLOW_FLOAT16,
		LOSS_FINDING_NEAR_OVERFLOW_BFLOAT16,
		LOSS_FINDING_NEAR_OVERFLOW_FLOAT32,
		LOSS_FINDING_SUBNORMAL,
		LOSS_FINDING_CANCELLATION,
		LOSS_FINDING_HIGH_INITIAL_LOSS,
		LOSS_FINDING_HALF_OVERFLOW,
		LOSS_FINDING_HALF_UNDERFLOW,
	};

	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (codes[i] == code)
			return true;
	return false;
}

START_TEST(every_code_has_batches)
{
	for (int code = LOSS_REFUSAL_COUNT; code < LOSS_FINDING_COUNT; code++) {
		const char *slug = loss_finding_at((size_t)code)->code;
		bool found = false, missed = false;

		for (int i = 0; i < TRIGGERS; i++)
			found = found || !strcmp(triggers[i].code, slug);
		for (int i = 0; i < NEAR_MISSES; i++)
			missed = missed || !strcmp(near_misses[i].code, slug);
		if (is_tested_elsewhere((enum loss_finding_code)code))
			continue;
		ck_assert_msg(found, "%s has no batch that has it", slug);
		ck_assert_msg(missed, "%s has no batch that comes close", slug);
	}
}
END_TEST

START_TEST(every_row_is_complete)
{
	int traps = 0, articles = 0;

	for (size_t i = 0; i < LOSS_FINDING_COUNT; i++) {
		const struct loss_finding_row *row = loss_finding_at(i);

		ck_assert_msg(row->cause[strlen(row->cause) - 1] == '.', "%s", row->code);
		ck_assert_msg(row->says[strlen(row->says) - 1] == '.', "%s", row->code);
		ck_assert_msg(row->cures[0].say != NULL, "%s has no cure", row->code);
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(row->code, loss_finding_at(k)->code);
		for (int k = 0; k < LOSS_CURES_MAX && row->cures[k].say; k++) {
			traps += row->cures[k].is_trap;
			articles += row->cures[k].is_article;
			ck_assert(row->cures[k].is_article || !row->cures[k].is_trap);
		}
	}
	ck_assert_int_eq(traps, 2);
	ck_assert_int_gt(articles, traps);
}
END_TEST

/* ---- Every loss --------------------------------------------------------------- */

/* A question, its evaluation and what the diagnosis says. */
struct sight {
	struct evaluation e;
	struct loss_diagnosis diagnosis;
};

static void look(struct sight *sight, const struct question *question, enum loss_dtype dtype,
		 bool full)
{
	struct loss_diagnose_options options = {.full = full, .locations_max = 16};
	struct evaluation *e = &sight->e;

	ck_assert(!evaluation_init(e, question, dtype, MEMORY_PLAIN));
	ck_assert_msg(!evaluation_run(e), "%s", e->error.text);
	sight->diagnosis = (struct loss_diagnosis){0};
	if (loss_is_healthy(&e->plan, &e->result, &options))
		return;
	void *memory = memory_take(&e->memory, loss_diagnose_bytes(&e->plan, &options));

	loss_diagnose(&e->plan, &e->result, &options, memory, &sight->diagnosis);
}

static const char *describe(const struct question *question, enum loss_dtype dtype)
{
	static char text[200];
	const struct numbers *x = &question->inputs[0].numbers;
	size_t n = (size_t)snprintf(text, sizeof text, "%s of %s, %s, %d inputs, (",
				    question->spec.loss->name,
				    loss_role_name(question->inputs[0].role),
				    loss_dtype_name(dtype), question->input_count);

	for (int axis = 0; axis < x->rank; axis++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%lld", axis ? ", " : "",
				      (long long)x->shape[axis]);
	snprintf(text + n, sizeof text - n, ")");
	return text;
}

static struct numbers *numbers_of(struct question *question, enum loss_role role)
{
	int at = question_find(question, role);

	return at < 0 ? NULL : &question->inputs[at].numbers;
}

/* Targets that are distributions, and at least one of each kind among those
 * that a mask leaves. */
static void make_fine(struct question *question)
{
	struct numbers *y = numbers_of(question, LOSS_ROLE_TARGETS);
	struct numbers *mask = numbers_of(question, LOSS_ROLE_MASK);
	int64_t c = 1, d = 1;

	for (int64_t i = 0; mask && i < mask->count; i++)
		mask->values[i] = i > 2 ? mask->values[i] : 1;
	if (!y)
		return;
	if (y->count > 1 && question->spec.loss->inputs[1].kind == LOSS_KIND_BINARY)
		y->values[0] = 0, y->values[1] = 1;
	if (!(question->spec.loss->traits & LOSS_HAS_CLASSES) || y->index)
		return;
	c = y->shape[y->rank > 1];
	for (int axis = 2; axis < y->rank; axis++)
		d *= y->shape[axis];
	for (int64_t row = 0; row < y->count / c; row++) {
		double *first = y->values + row / d * c * d + row % d, sum = 0;

		for (int64_t k = 0; k < c; k++)
			sum += first[k * d];
		for (int64_t k = 0; k < c; k++)
			first[k * d] /= sum;
	}
}

/* What a batch may hold without being ill. */
enum spice { PLAIN, EXTREME, MASKED, IGNORED, WHOLE, SPICES };

/* False where the loss knows no such thing. */
static bool season(struct question *question, enum spice spice, uint64_t *seed)
{
	struct numbers *x = &question->inputs[0].numbers, *y = &question->inputs[1].numbers;
	enum loss_role form = question->inputs[0].role;
	bool logits =
		form == LOSS_ROLE_LOGITS || form == LOSS_ROLE_INPUT || form == LOSS_ROLE_INPUT1;
	bool positive = question->spec.loss->inputs[0].kind == LOSS_KIND_NONNEGATIVE;
	int64_t c = x->rank > 1 ? x->shape[1] : x->shape[0];
	bool has_rows = y->index && question->spec.loss->traits & LOSS_HAS_CLASSES;

	if (!strcmp(question->spec.loss->family, "boxes") && spice != PLAIN)
		return false;
	switch (spice) {
	case PLAIN:
	case SPICES:
		return true;
	case EXTREME: /* dice is stuck with such logits, and says so */
		if (!logits || question->spec.loss->impl->family == &loss_overlap_family ||
		    loss_param_number(&question->spec, "log_input", 0) != 0 || positive ||
		    question->spec.loss->impl->is_bounded)
			return false;
		for (int64_t i = 0; i < x->count; i += 3)
			x->values[i] = draw_uniform(seed) < 0.5 ? -1e4 : 1e4;
		return true;
	case MASKED: /* rows are contiguous with rank 2; the target is left alone */
		if (!has_rows || x->rank != 2 || c < 2 || form == LOSS_ROLE_PROBS)
			return false;
		for (int64_t row = 0; row < y->count; row++)
			x->values[row * c + ((int64_t)y->values[row] + 1) % c] = -(double)INFINITY;
		return true;
	case IGNORED:
		if (!has_rows || y->count < 2 || x->rank != 2 ||
		    loss_param_number(&question->spec, "ignore_index", 0) == 0)
			return false;
		for (int64_t row = 0; row < y->count; row += 2) {
			y->values[row] = -100;
			x->values[row * c] = (double)NAN;
		}
		return true;
	case WHOLE:
		if (!logits || positive)
			return false;
		for (int64_t i = 0; i < x->count; i++)
			x->values[i] = floor(4 * draw_uniform(seed));
		return true;
	}
	return false;
}

static const int64_t shapes[][4] = {
	/* rank, axes */
	{2, 7, 5}, {2, 64, 10}, {3, 3, 4, 6}, {2, 16, 2},
	{2, 1, 8}, {2, 9, 9},   {1, 12},      {2, 40, 70},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0], FORMS_MAX = 4, SEEDS = 4 };

static int healthy_batches(const struct draw *draw, enum spice spice, bool full)
{
	struct memory memory = {MEMORY_PLAIN, NULL};
	struct question question;
	uint64_t seed = draw->seed * 77 + 5;
	int asked = 0;

	if (draw_question(&question, draw, &memory)) {
		make_fine(&question);
		asked = season(&question, spice, &seed);
	}
	for (int dtype = LOSS_FLOAT32; asked && dtype <= LOSS_FLOAT64; dtype++) {
		struct sight sight;

		look(&sight, &question, (enum loss_dtype)dtype, full);
		for (int i = 0; i < sight.diagnosis.finding_count; i++) {
			const struct loss_finding *f = &sight.diagnosis.findings[i];

			ck_assert_msg(full && is_tested_elsewhere(f->code), "%s (spice %d): %s: %s",
				      describe(&question, (enum loss_dtype)dtype), (int)spice,
				      loss_finding_at(f->code)->code, f->message);
		}
		evaluation_release(&sight.e);
	}
	memory_release(&memory);
	return asked;
}

/* Every draw of a loss: a number that a caller may decode. */
static struct draw draw_at(const struct loss *loss, int shape, int form, int variety, int seed)
{
	struct draw draw = {.loss = loss,
			    .form = draw_form_at(loss, form),
			    .rank = (int)shapes[shape][0],
			    .optional = variety & 1,
			    .soft = variety & 2,
			    .seed = (uint64_t)(seed * 1000 + shape * 16 + form * 4 + variety)};

	memcpy(draw.shape, shapes[shape] + 1, (size_t)draw.rank * sizeof draw.shape[0]);
	return draw;
}

typedef int draw_fn(const struct draw *draw);

/* How many draws of a loss there were. */
static int every_draw(const struct loss *loss, draw_fn *visit)
{
	int asked = 0;

	for (int shape = 0; shape < SHAPES; shape++)
		for (int form = 0; form < FORMS_MAX; form++)
			for (int k = 0; k < 4 * SEEDS; k++) {
				struct draw draw = draw_at(loss, shape, form, k & 3, k >> 2);

				if (draw.form != LOSS_ROLE_NONE)
					asked += visit(&draw);
			}
	return asked;
}

static int healthy(const struct draw *draw)
{
	int asked = 0;

	for (int spice = 0; spice < SPICES; spice++)
		for (int full = 0; full < 2; full++)
			asked += healthy_batches(draw, (enum spice)spice, full);
	return asked;
}

START_TEST(healthy_batches_have_none)
{
	ck_assert_int_gt(every_draw(loss_at((size_t)_i), healthy), 50);
}
END_TEST

/* ---- Planted faults ------------------------------------------------------------ */

static const struct loss_finding *finding_in(const struct sight *sight, enum loss_finding_code code)
{
	for (int i = 0; i < sight->diagnosis.finding_count; i++)
		if (sight->diagnosis.findings[i].code == code)
			return &sight->diagnosis.findings[i];
	return NULL;
}

/* The flat index of place i in the shape of the prediction. */
static int64_t index_of(const struct loss_finding *f, int64_t i, const struct numbers *x)
{
	int64_t index = 0;

	for (int axis = 0; axis < f->place_rank; axis++)
		index = index * x->shape[axis] + f->places[i * f->place_rank + axis];
	return index;
}

/* NaN at `count` ascending places of the prediction, at least one. */
static int64_t plant(struct numbers *x, int64_t *places, uint64_t *seed)
{
	int64_t count = 0;

	for (int64_t i = 0; i < x->count; i++)
		if (draw_uniform(seed) < 0.1 || (i == x->count - 1 && count == 0)) {
			x->values[i] = (double)NAN;
			places[count++] = i;
		}
	return count;
}

static int nan_is_found(const struct draw *draw)
{
	struct memory memory = {MEMORY_PLAIN, NULL};
	struct question question;
	int64_t places[4096], count;
	uint64_t seed = draw->seed + 99;
	const struct loss_finding *f;
	struct sight sight;

	if (draw->optional || !draw_question(&question, draw, &memory)) {
		memory_release(&memory);
		return 0;
	}
	make_fine(&question);
	count = plant(&question.inputs[0].numbers, places, &seed);
	look(&sight, &question, LOSS_FLOAT32, false);
	/* Of class scores as they are only that of the target is read. */
	if (question.inputs[0].role == LOSS_ROLE_LOGITS || !question.inputs[1].numbers.index) {
		f = finding_in(&sight, LOSS_FINDING_INPUT_NAN);
		ck_assert_msg(f != NULL && f->count == count, "%s: %lld of %lld",
			      describe(&question, LOSS_FLOAT32), f ? (long long)f->count : 0,
			      (long long)count);
		ck_assert_ptr_eq(f, &sight.diagnosis.findings[0]);
		ck_assert_int_eq(sight.diagnosis.verdict, LOSS_VERDICT_NONFINITE);
		ck_assert_int_eq(f->place_count, count < 16 ? count : 16);
		ck_assert_int_eq(f->truncated, count > 16);
		for (int64_t i = 0; i < f->place_count; i++)
			ck_assert_int_eq(index_of(f, i, &question.inputs[0].numbers), places[i]);
		f = finding_in(&sight, LOSS_FINDING_GRADIENT_NONFINITE);
		if (f) {
			ck_assert_int_eq(f->because_count, 1);
			ck_assert_int_eq(f->because[0], LOSS_FINDING_INPUT_NAN);
		}
	}
	evaluation_release(&sight.e);
	memory_release(&memory);
	return 1;
}

/* Whatever goes in: what is not finite has a reason that is named, and it stands
 * first. */
static int nonfinite_has_a_reason(const struct draw *draw)
{
	struct memory memory = {MEMORY_PLAIN, NULL};
	struct draw strange = *draw;
	struct question question;
	struct sight sight;
	int asked = 0;

	strange.strange = true;
	if (draw_question(&question, &strange, &memory)) {
		struct evaluation e;

		/* A probability of -1 makes the call fail. */
		ck_assert(!evaluation_init(&e, &question, LOSS_FLOAT32, MEMORY_PLAIN));
		asked = !evaluation_run(&e);
		evaluation_release(&e);
	}
	if (asked) {
		look(&sight, &question, LOSS_FLOAT32, false);
		const struct loss_diagnosis *d = &sight.diagnosis;

		if (d->has_effect && d->effect.nonfinite_losses > 0) {
			ck_assert_msg(d->finding_count > 0, "%s",
				      describe(&question, LOSS_FLOAT32));
			ck_assert_msg(d->findings[0].code != LOSS_FINDING_GRADIENT_NONFINITE, "%s",
				      describe(&question, LOSS_FLOAT32));
		}
		evaluation_release(&sight.e);
	}
	memory_release(&memory);
	return asked;
}

START_TEST(what_is_not_finite_has_a_reason)
{
	every_draw(loss_at((size_t)_i), nonfinite_has_a_reason);
}
END_TEST

START_TEST(planted_nan_is_found)
{
	ck_assert_int_gt(every_draw(loss_at((size_t)_i), nan_is_found), 10);
}
END_TEST

/* ---- The suite ----------------------------------------------------------------- */

Suite *findings_suite(void)
{
	Suite *suite = suite_create("findings");
	TCase *codes = tcase_create("codes"), *losses = tcase_create("losses");

	tcase_add_loop_test(codes, is_found, 0, TRIGGERS);
	tcase_add_loop_test(codes, is_not_found, 0, NEAR_MISSES);
	tcase_add_loop_test(codes, problems_tell_count_and_places, 0,
			    sizeof problems / sizeof problems[0]);
	tcase_add_test(codes, every_code_has_batches);
	tcase_add_test(codes, every_row_is_complete);
	tcase_set_timeout(losses, 120);
	tcase_add_loop_test(losses, healthy_batches_have_none, 0, (int)loss_count());
	tcase_add_loop_test(losses, what_is_not_finite_has_a_reason, 0, (int)loss_count());
	tcase_add_loop_test(losses, planted_nan_is_found, 0, (int)loss_count());
	suite_add_tcase(suite, codes);
	suite_add_tcase(suite, losses);
	return suite;
}
