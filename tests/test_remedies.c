/*
 * Remedies: what a diagnosis says that a cure would do is what it does.
 *
 * Each case is a batch with something wrong.  Its remedy is held against plain
 * double arithmetic, and against the service itself: the request is changed as
 * the remedy says and sent again, and the loss must be the very number.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "api/ask.h"
#include "draw.h"
#include "evaluation.h"

Suite *remedies_suite(void);

/* ---- The losses once more, in plain double arithmetic ----------------------- */

/* -log softmax(x)_y */
static double ce(int y, int c, const double *x)
{
	double sum = 0;

	for (int k = 0; k < c; k++)
		sum += exp(x[k] - x[y]);
	return log(sum);
}

#define CE(y, ...)                                                                                 \
	ce(y, (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (double[]){__VA_ARGS__})

static double bce(double p, double y)
{
	return -(y > 0 ? y * log(p) : 0) - (y < 1 ? (1 - y) * log(1 - p) : 0);
}

static double bce_of_logit(double x, double y)
{
	return (y > 0 ? y * log1p(exp(-x)) : 0) + (y < 1 ? (1 - y) * log1p(exp(x)) : 0);
}

/* ---- Cases ------------------------------------------------------------------ */

#define EPS_32     0x1p-23        /* the least that float32 can add to 1 */
#define EPS_64     0x1p-39        /* and what keeps p (1 - p) above 1e-12 */
#define LOGIT_OF_0 (-150 * M_LN2) /* the least logits whose sigmoid is 0 or 1 in float32 */
#define LOGIT_OF_1 (25 * M_LN2)

static double to_logit(double p)
{
	double x = log(p) - log1p(-p);

	return x < LOGIT_OF_0 ? LOGIT_OF_0 : x > LOGIT_OF_1 ? LOGIT_OF_1 : x;
}

static double to_log(double p)
{
	return fmax(LOGIT_OF_0, log(p));
}

static double plus_eps(double p)
{
	return fmin(1, p + EPS_32);
}

static double clamped(double p)
{
	return fmin(1 - EPS_32, fmax(EPS_32, p));
}

static double clamped_64(double p)
{
	return fmin(1 - EPS_64, fmax(EPS_64, p));
}

static double plus_1e_8(double x)
{
	return x + 1e-8;
}

static double clamped_logit(double x)
{
	return fmin(1 - 1e-7, fmax(1e-7, x));
}

static double in_unit(double y)
{
	return fmin(1, fmax(0, y));
}

static double round_half_up(double y)
{
	return y >= 0.5;
}

static double sign_of(double y)
{
	return y > 0 ? 1 : -1;
}

/* The one row that is not normalised has the targets 0.75 and 0.75. */
static double by_its_row(double y)
{
	return y == 0.75 ? 0.5 : y;
}

#define MASKED                                                                                     \
	"{'loss': 'ce', 'logits': [[0.2, 0.3, 0.4], ['-Infinity', '-Infinity', '-Infinity'], "     \
	"[0.5, -0.3, 0.73]], 'targets': [0, 2, 1]}"

static double masked_left_out(void)
{
	return (CE(0, 0.2, 0.3, 0.4) + CE(1, 0.5, -0.3, 0.73)) / 2;
}

static double masked_clamped(void)
{
	return (CE(0, 0.2, 0.3, 0.4) + CE(0, 0, 0, 0) + CE(1, 0.5, 1e-7, 0.73)) / 3;
}

static double is_nan(void)
{
	return NAN;
}

static double squares_left_out(void)
{
	return (0.25 + 4) / 2;
}

static double rows_left_out(void)
{
	return CE(1, 1, 2, 3);
}

/* Each element left out changes the balance of its sample. */
static double balance_left_out(void)
{
	return 0.5 * bce(0.6, 1) + 0.5 * bce(0.3, 0);
}

#define ZERO_PROB                                                                                  \
	"{'loss': 'ce', 'probs': [[0.7, 0.3, 0], [0.25, 0.5, 0.25], [1, 0, 0]], 'targets': [2, "   \
	"1, 0]}"

static double zero_prob_logits(void)
{
	return (CE(2, log(0.7), log(0.3), LOGIT_OF_0) + log(2)) / 3;
}

static double zero_prob_raised(void)
{
	return (-log(EPS_32) - log(0.5)) / 3;
}

#define WRONG_BY_0                                                                                 \
	"{'loss': {'name': 'bce', 'reduction': 'sum'}, 'probs': [0, 0.5, 0.25], 'targets': [1, "   \
	"1, 0]}"
#define WRONG_BY_1 "{'loss': 'bce', 'probs': [1, 0.5, 0.25], 'targets': [0, 1, 0]}"
#define SMALL_PROB                                                                                 \
	"{'loss': 'bce', 'probs': [1e-44, 0.0001, 0.5], 'targets': [1, 1, 1], 'gradient': "        \
	"['probs', 'targets']}"

static double wrong_by_0_logits(void)
{
	return bce_of_logit(LOGIT_OF_0, 1) + bce(0.5, 1) + bce(0.25, 0);
}

static double wrong_by_1_logits(void)
{
	return (bce_of_logit(LOGIT_OF_1, 0) + bce(0.5, 1) + bce(0.25, 0)) / 3;
}

static double wrong_by_0_raised(void)
{
	return bce(EPS_32, 1) + bce(0.5 + EPS_32, 1) + bce(0.25 + EPS_32, 0);
}

static double wrong_by_1_clamped(void)
{
	return (-log(EPS_32) + bce(0.5, 1) + bce(0.25, 0)) / 3;
}

static double wrong_by_1_clamped_64(void)
{
	return (-log(EPS_64) + bce(0.5, 1) + bce(0.25, 0)) / 3;
}

static double small_prob_raised(void)
{
	return (bce(EPS_32, 1) + bce(0.0001 + EPS_32, 1) + bce(0.5, 1)) / 3;
}

/* An empty sample costs 1 - s / s = 0. */
static double dice_smoothed(void)
{
	return (0 + 1 - (2 * 0.5 + 1e-5) / (0.5 + 1 + 1e-5)) / 2;
}

static double zero(void)
{
	return 0;
}

static double balanced_by_half(void)
{
	return 0.5 * (bce(0.2, 1) + bce(0.4, 1)) + 0.5 * (bce(0.5, 1) + bce(0.25, 0));
}

static double hardest_negative(void)
{
	return bce(0.5, 0) / (1 + 1e-6);
}

static double selected(void)
{
	return 1 * (log(1.0) + 0.5) / 2;
}

static double probs_taken_as_such(void)
{
	return (-log(0.7) - log(0.3)) / 2;
}

static double log_probs_taken_as_such(void)
{
	return (0.5 + 1.5) / 2;
}

static double logits_taken_as_such(void)
{
	return (CE(0, 1, 2, 0.5) + CE(1, 0.3, 0.3, 1)) / 2;
}

static double targets_in_range(void)
{
	return (bce(0.6, 1) + bce(0.2, 0) + bce(0.3, 1)) / 3;
}

static double targets_rounded(void)
{
	return (bce(0.5, 1) + bce(0.2, 0) + bce(0.3, 1)) / (3 + 1e-6);
}

static double targets_signed(void)
{
	return ((1 - 0.5) + (1 + 0.2) + (1 + 0.3)) / 3;
}

static double targets_normalised(void)
{
	return ((CE(0, 1, 2, 0.5) + CE(1, 1, 2, 0.5)) / 2 + CE(2, 0.3, 0.3, 1)) / 2;
}

static double each_class_by_itself(void)
{
	return (bce_of_logit(1, 1) + bce_of_logit(2, 1) + bce_of_logit(0.5, 0) +
		bce_of_logit(0.3, 0) + bce_of_logit(-0.3, 0) + bce_of_logit(1, 1)) /
	       6;
}

#define TEN(text)      text text text text text text text text text text
#define HUNDRED(text)  TEN(TEN(text))
#define MOSTLY_0(text) HUNDRED(text) HUNDRED(text)

/* Alpha 0.25, gamma 2: one positive and 200 negatives. */
static double focal(double of_0, double of_1)
{
	double p_0 = 1 / (1 + exp(-of_0)), p_1 = 1 / (1 + exp(-of_1));

	return (200 * 0.75 * p_0 * p_0 * bce(p_0, 0) + 0.25 * (1 - p_1) * (1 - p_1) * bce(p_1, 1)) /
	       201;
}

static double focal_of_logits(void)
{
	return focal(0.5, -0.25);
}

static double focal_of_probs(void)
{
	return focal(-log(3), 0);
}

static double squares_by_two(void)
{
	return (1 + 4) / 2.0;
}

static double squares_in_float32(void)
{
	return (998.0 * 998.0 + 1) / 2;
}

static double squares_with_a_large_one(void)
{
	return (8 + 4e8 * 4e8) / 9;
}

static const struct remedy_case {
	const char *action, *code;
	const char *body; /* with ' for " */
	double (*loss)(void);
	bool changes;                /* rows that were fine */
	double (*convert)(double x); /* what the remedy tells the user to do with .member */
	const char *member;
	bool clamps;   /* and what changes gets no gradient */
	double weight; /* what the remedy multiplies the loss by, or 0 */
} cases[] = {
	{"drop_rows", "all_masked_row", MASKED, masked_left_out, .changes = false},
	{"drop_rows", "input_nan",
	 "{'loss': 'mse', 'input': [1, 'NaN', 3], 'targets': [0.5, 2, 1]}", squares_left_out,
	 .changes = false},
	{"drop_rows", "input_pos_inf",
	 "{'loss': 'ce', 'logits': [[1, 2, 3], [1, 'Infinity', 0], [0, 1, 2]], 'targets': [1, 1, "
	 "2],"
	 " 'mask': [1, 1, 0]}",
	 rows_left_out, .changes = false},
	{"drop_rows", "gradient_nonfinite",
	 "{'loss': {'name': 'ce', 'reduction': 'none'}, 'logits': [[1, 2, 3], [1, 'NaN', 0]], "
	 "'targets': [1, 1]}",
	 rows_left_out, .changes = false},
	{"drop_rows", "input_nan",
	 "{'loss': 'balanced_bce', 'probs': [[0.6, 0.3, 'NaN']], 'targets': [[1, 0, 0]]}",
	 balance_left_out, .changes = true},
	{"unmask", "all_masked_row", MASKED, masked_left_out, .changes = false},
	{"use_logits_form", "log_zero", ZERO_PROB, zero_prob_logits, .changes = false,
	 .convert = to_log, .member = "probs"},
	{"use_logits_form", "log_floored", WRONG_BY_0, wrong_by_0_logits, .changes = true,
	 .convert = to_logit, .member = "probs"},
	{"use_logits_form", "gradient_floored", WRONG_BY_1, wrong_by_1_logits, .changes = true,
	 .convert = to_logit, .member = "probs"},
	{"floor_log", "log_zero", ZERO_PROB, zero_prob_raised, .changes = false,
	 .convert = plus_eps, .member = "probs"},
	{"floor_log", "log_floored", WRONG_BY_0, wrong_by_0_raised, .changes = true,
	 .convert = plus_eps, .member = "probs"},
	{"floor_log", "gradient_floored", SMALL_PROB, small_prob_raised, .changes = true,
	 .convert = plus_eps, .member = "probs"},
	{"clamp_probs", "log_zero", ZERO_PROB, zero_prob_raised, .changes = false,
	 .convert = clamped, .member = "probs", .clamps = true},
	{"clamp_probs", "log_floored", WRONG_BY_1, wrong_by_1_clamped, .changes = true,
	 .convert = clamped, .member = "probs", .clamps = true},
	{"clamp_probs", "gradient_floored",
	 "{'dtype': 'float64', 'loss': 'bce', 'probs': [1, 0.5, 0.25], 'targets': [0, 1, 0]}",
	 wrong_by_1_clamped_64, .changes = true, .convert = clamped_64, .member = "probs",
	 .clamps = true},
	{"smooth_denominator", "div_zero",
	 "{'loss': {'name': 'dice', 'smooth_dr': 0}, 'probs': [[0, 0], [0.5, 0.5]], 'targets': "
	 "[[0, 0], [1, 0]]}",
	 dice_smoothed, .changes = false},
	{"drop_normalizer", "div_zero",
	 "{'loss': {'name': 'mse', 'normalizer': 0}, 'input': [1, 3], 'targets': [0, 1]}",
	 squares_by_two, .changes = false},
	{"zero_empty_mean", "all_ignored", "{'loss': 'ce', 'logits': [[1, 2]], 'targets': [-100]}",
	 zero, .changes = false},
	{"zero_empty_mean", "empty_batch", "{'loss': 'mse', 'input': [], 'targets': []}", zero,
	 .changes = false},
	{"zero_empty_mean", "zero_weight_sum",
	 "{'loss': 'ce', 'logits': [[1, 2]], 'targets': [1], 'weight': [1, 0]}", zero,
	 .changes = false},
	{"fixed_beta", "degenerate_beta",
	 "{'loss': 'balanced_bce', 'probs': [[0.2, 0.4], [0.5, 0.25]], 'targets': [[1, 1], [1, "
	 "0]]}",
	 balanced_by_half, .changes = true},
	{"fallback_negatives", "no_positives",
	 "{'loss': 'ohem_balanced_bce', 'probs': [[0.2, 0.4], [0.5, 0.1]], 'targets': [[0, 0], [0, "
	 "0]]}",
	 hardest_negative, .changes = true},
	{"select_instead_of_multiply", "zero_times_inf",
	 "{'loss': 'kl_div', 'log_probs': [[-0.5, '-Infinity']], 'targets': [[1, 0]]}", selected,
	 .changes = false},
	{"send_as_probs", "looks_like_probabilities",
	 "{'loss': 'ce', 'logits': [[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]], 'targets': [0, 1]}",
	 probs_taken_as_such, .changes = true, .member = "logits"},
	{"send_as_log_probs", "looks_like_log_probs",
	 "{'dtype': 'float64', 'loss': 'ce', 'logits': [[-0.5, -0.9327521295671886], [-1.5, "
	 "-0.25248245892545396]], 'targets': [0, 0]}",
	 log_probs_taken_as_such, .changes = false, .member = "logits"},
	{"send_as_logits", "looks_like_logits",
	 "{'loss': 'nll_loss', 'log_probs': [[1, 2, 0.5], [0.3, 0.3, 1]], 'targets': [0, 1]}",
	 logits_taken_as_such, .changes = true, .member = "log_probs"},
	{"fix_targets", "target_not_binary",
	 "{'diagnostics': 'full', 'loss': 'bce', 'probs': [0.6, 0.2, 0.3], 'targets': [255, 0, "
	 "1]}",
	 targets_in_range, .changes = true, .convert = in_unit, .member = "targets"},
	{"fix_targets", "target_not_binary",
	 "{'diagnostics': 'full', 'loss': 'ohem_balanced_bce', 'probs': [0.5, 0.2, 0.3], "
	 "'targets': [0.5, 0, 1]}",
	 targets_rounded, .changes = true, .convert = round_half_up, .member = "targets"},
	{"fix_targets", "target_not_binary",
	 "{'diagnostics': 'full', 'loss': 'hinge', 'input': [0.5, 0.2, 0.3], "
	 "'targets': [1, 0, -1]}",
	 targets_signed, .changes = true, .convert = sign_of, .member = "targets"},
	{"fix_targets", "target_not_normalised",
	 "{'diagnostics': 'full', 'loss': 'ce', 'logits': [[1, 2, 0.5], [0.3, 0.3, 1]], "
	 "'targets': [[0.75, 0.75, 0], [0, 0, 1]]}",
	 targets_normalised, .changes = true, .convert = by_its_row, .member = "targets"},
	{"other_loss", "loss_unsuited",
	 "{'diagnostics': 'full', 'loss': 'ce', 'logits': [[1, 2, 0.5], [0.3, -0.3, 1]], "
	 "'targets': [[1, 1, 0], [0, 0, 1]]}",
	 each_class_by_itself, .changes = true},
	{"focal_loss", "class_imbalance",
	 "{'diagnostics': 'full', 'loss': 'bce_with_logits', 'logits': [" MOSTLY_0(
		 "0.5, ") "-0.25], 'targets': [" MOSTLY_0("0, ") "1]}",
	 focal_of_logits, .changes = true},
	{"focal_loss", "class_imbalance",
	 "{'diagnostics': 'full', 'loss': 'bce', 'probs': [" MOSTLY_0(
		 "0.25, ") "0.5], 'targets': [" MOSTLY_0("0, ") "1]}",
	 focal_of_probs, .changes = true, .convert = to_logit, .member = "probs"},
	{"use_float32", "half_overflow",
	 "{'dtype': 'float16', 'loss': 'mse', 'input': [1000, 2], 'targets': [2, 1]}",
	 squares_in_float32, .changes = false},
	{"rescale", "half_underflow",
	 "{'dtype': 'float16', 'loss': 'ce', 'logits': [[20, 0, 0, 0], [1, 20, 0, 1]], 'targets': "
	 "[0, 1]}",
	 zero, .changes = false, .weight = 0x1p38},
	{"lower_learning_rate", "gradient_exploding",
	 "{'diagnostics': 'full', 'loss': 'mse', 'input': [1, 2, 1, 2, 1, 2, 1, 2, 0], 'targets': "
	 "[2, 1, 2, 1, 2, 1, 2, 1, 400000000]}",
	 squares_with_a_large_one, .changes = false},
	{"add_eps_to_logits", "all_masked_row", MASKED, is_nan, .changes = false,
	 .convert = plus_1e_8, .member = "logits"},
	{"clamp_logits", "all_masked_row", MASKED, masked_clamped, .changes = true,
	 .convert = clamped_logit, .member = "logits", .clamps = true},
};

enum { CASE_COUNT = sizeof cases / sizeof cases[0] };

/* ---- Asking ----------------------------------------------------------------- */

static struct answer answer;
static json_t *request, *remedy;

static void teardown(void)
{
	answer_free(&answer);
	answer = (struct answer){0};
	json_decref(request);
	json_decref(remedy);
	request = remedy = NULL;
}

static json_t *request_of(const char *body)
{
	char text[4096];
	size_t n = 0;

	for (; *body; body++)
		text[n++] = *body == '\'' ? '"' : *body;
	return json_loadb(text, n, 0, NULL);
}

static void post(const json_t *body)
{
	char *text = json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(17));

	ck_assert_ptr_nonnull(text);
	answer_free(&answer);
	ask_post(text, &answer);
	free(text);
	answer_expect(&answer, 200);
}

/* The remedy at its finding; the test fails without it. */
static json_t *find_remedy(const char *code, const char *action)
{
	size_t i, k;
	json_t *finding, *one;

	json_array_foreach(answer_at(&answer, "/diagnostics/findings"), i, finding)
	{
		if (strcmp(json_string_value(json_object_get(finding, "code")), code))
			continue;
		json_array_foreach(
			json_object_get(finding, "remedies"), k,
			one) if (!strcmp(json_string_value(json_object_get(one, "action")),
					 action)) return json_incref(one);
	}
	ck_abort_msg("no %s at %s in %s", action, code, answer.text);
}

static double number_of(const json_t *value)
{
	return json_is_string(value) ? strtod(json_string_value(value), NULL)
				     : json_number_value(value);
}

static double number_at(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	ck_assert_msg(value != NULL, "there is no %s", key);
	return number_of(value);
}

/* ---- Changing the request as the remedy says -------------------------------- */

static bool has_dtype(const char *name)
{
	const char *dtype = json_string_value(json_object_get(request, "dtype"));

	return !strcmp(dtype ? dtype : "float32", name);
}

/* How near two computations of one number come. */
static double tolerance(void)
{
	return has_dtype("float64") ? 1e-14 : has_dtype("float32") ? 1e-6 : 1e-3;
}

static double as_read(const json_t *value)
{
	double x = number_of(value);

	return has_dtype("float64") ? x : (double)(float)x;
}

static void convert(json_t *array, double (*how)(double))
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		json_t *one = json_array_get(array, i);

		if (json_is_array(one)) {
			convert(one, how);
			continue;
		}
		double x = how(as_read(one));

		json_array_set_new(array, i, isfinite(x) ? json_real(x) : json_string("-Infinity"));
	}
}

static json_t *changed_request(const struct remedy_case *c)
{
	json_t *changed = json_deep_copy(request);
	const json_t *spec = json_object_get(remedy, "spec");
	const json_t *input = json_object_get(remedy, "input");
	const json_t *mask = json_object_get(remedy, "mask");
	const json_t *dtype = json_object_get(remedy, "dtype");

	if (dtype)
		json_object_set(changed, "dtype", (json_t *)dtype);
	if (c->weight)
		json_object_set_new(changed, "loss",
				    json_pack("{s:[{s:f, s:O}]}", "terms", "weight", c->weight,
					      "loss", json_object_get(request, "loss")));
	if (spec)
		json_object_set(changed, "loss", (json_t *)spec);
	if (mask)
		json_object_set(changed, "mask", (json_t *)mask);
	if (c->convert)
		convert(json_object_get(changed, c->member), c->convert);
	if (input) {
		json_object_set(changed, json_string_value(input),
				json_object_get(changed, c->member));
		json_object_del(changed, c->member);
	}
	return changed;
}

/* The sum of squares of a gradient; `before` and `after` are the numbers it
 * belongs to, or NULL. */
static double squares_of(const json_t *gradient, const json_t *before, const json_t *after)
{
	double sum = 0;

	if (!json_is_array(gradient)) {
		double g = number_of(gradient);
		bool is_clamped = before && as_read(before) != as_read(after);

		return is_clamped ? 0 : g * g;
	}
	for (size_t i = 0; i < json_array_size(gradient); i++)
		sum += squares_of(json_array_get(gradient, i), json_array_get(before, i),
				  json_array_get(after, i));
	return sum;
}

static double norm_of_reply(const struct remedy_case *c, const json_t *changed)
{
	const json_t *gradients = answer_at(&answer, "/gradients");
	const char *name;
	json_t *gradient;
	double sum = 0;

	json_object_foreach((json_t *)gradients, name, gradient)
	{
		bool is_clamped = c->clamps && !strcmp(name, c->member);

		sum += squares_of(gradient, is_clamped ? json_object_get(request, name) : NULL,
				  is_clamped ? json_object_get(changed, name) : NULL);
	}
	return sqrt(sum);
}

static bool same(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static bool near(double found, double expected, double relative)
{
	return same(found, expected) || fabs(found - expected) <= relative * fabs(expected);
}

/* Under reduction none the remedy speaks of the mean. */
static void reduce(json_t *changed)
{
	json_t *loss = json_object_get(changed, "loss");
	const char *reduction = json_string_value(json_object_get(loss, "reduction"));

	if (reduction && !strcmp(reduction, "none"))
		json_object_del(loss, "reduction");
}

START_TEST(a_remedy_does_what_it_says)
{
	const struct remedy_case *c = &cases[_i];
	double loss_after, norm_after, weight = c->weight ? c->weight : 1;
	json_t *changed;

	request = request_of(c->body);
	ck_assert_msg(request != NULL, "no JSON: %s", c->body);
	post(request);
	remedy = find_remedy(c->code, c->action);
	loss_after = number_at(remedy, "loss_after");
	norm_after = number_at(remedy, "gradient_norm_after");
	ck_assert_msg(near(loss_after, c->loss(), tolerance()),
		      "%s: loss after %.17g, expected %.17g", c->action, loss_after, c->loss());
	ck_assert_msg(json_is_true(json_object_get(remedy, "changes_finite_rows")) == c->changes,
		      "%s: changes_finite_rows should be %d", c->action, c->changes);

	changed = changed_request(c);
	reduce(changed);
	post(changed);
	ck_assert_msg(same(answer_number(&answer, "/loss") / weight, loss_after),
		      "%s: %.17g when it is done, %.17g when it is promised", c->action,
		      answer_number(&answer, "/loss"), loss_after);
	ck_assert_msg(near(norm_after, norm_of_reply(c, changed) / weight, tolerance()),
		      "%s: gradient norm %.17g, expected %.17g", c->action, norm_after,
		      norm_of_reply(c, changed) / weight);
	json_decref(changed);
}
END_TEST

START_TEST(every_remedy_has_a_case)
{
	const struct loss_remedy_row *row;

	for (size_t i = 0; (row = loss_remedy_at(i)); i++) {
		bool found = false;

		for (size_t k = 0; k < CASE_COUNT; k++)
			found = found || !strcmp(cases[k].action, row->action);
		ck_assert_msg(found, "no case for %s", row->action);
		ck_assert_msg(row->doc[0] && !(row->trap && row->article), "%s", row->action);
	}
	ck_assert_uint_gt(CASE_COUNT, 0);
}
END_TEST

/* ---- What is said about all of them ----------------------------------------- */

/* The order: cures that leave fine rows alone, others, traps. */
START_TEST(the_best_come_first_and_traps_last)
{
	static const char *const expected[] = {"drop_rows", "unmask", "add_eps_to_logits",
					       "clamp_logits"};
	const json_t *list;

	request = request_of(MASKED);
	post(request);
	list = answer_at(&answer, "/diagnostics/findings/0/remedies");
	ck_assert_uint_eq(json_array_size(list), 4);
	for (size_t i = 0; i < 4; i++) {
		const json_t *one = json_array_get(list, i);

		ck_assert_str_eq(json_string_value(json_object_get(one, "action")), expected[i]);
		ck_assert_int_eq(json_is_true(json_object_get(one, "trap")), i >= 2);
	}
	ck_assert_ptr_nonnull(
		strstr(json_string_value(json_object_get(json_array_get(list, 3), "say")),
		       "no cross entropy is less than 0.551445"));
}
END_TEST

/* A NaN elsewhere: what cures only the mask is no cure, and is not offered. */
START_TEST(what_does_not_cure_is_left_out)
{
	size_t i;
	json_t *one;

	request =
		request_of("{'loss': 'ce', 'logits': [[1, 2], ['-Infinity', '-Infinity'], ['NaN', "
			   "0]], 'targets': [0, 1, 1]}");
	post(request);
	ck_assert_str_eq(answer_string(&answer, "/diagnostics/findings/1/code"), "all_masked_row");
	json_array_foreach(answer_at(&answer, "/diagnostics/findings/1/remedies"), i, one)
		ck_assert_str_ne(json_string_value(json_object_get(one, "action")), "unmask");
	ck_assert_uint_gt(i, 0);
}
END_TEST

/* A user who has dealt with masked rows is not warned of traps. */
START_TEST(traps_are_shown_where_something_is_wrong)
{
	request = request_of("{'loss': {'name': 'ce', 'on_masked_row': 'zero'}, 'logits': [[1, 2], "
			     "['-Infinity', '-Infinity']], 'targets': [0, 1]}");
	post(request);
	ck_assert_str_eq(answer_string(&answer, "/diagnostics/findings/0/code"), "all_masked_row");
	ck_assert_uint_eq(json_array_size(answer_at(&answer, "/diagnostics/findings/0/remedies")),
			  0);
}
END_TEST

/* The example of the contract: 32 rows of 10, of which row 17 is masked. */
START_TEST(one_masked_row_of_32)
{
	json_t *rows = json_array(), *targets = json_array();
	double sum = 0;

	for (int n = 0; n < 32; n++) {
		json_t *row = json_array();
		double x[10];

		for (int k = 0; k < 10; k++) {
			x[k] = (n * 7 + k * 13) % 11 / 4.0 - 1;
			json_array_append_new(row,
					      n == 17 ? json_string("-Infinity") : json_real(x[k]));
		}
		json_array_append_new(rows, row);
		json_array_append_new(targets, json_integer(n % 10));
		sum += n == 17 ? 0 : ce(n % 10, 10, x);
	}
	request = json_pack("{s:s, s:o, s:o}", "loss", "cross_entropy", "logits", rows, "targets",
			    targets);
	post(request);
	ck_assert_str_eq(answer_string(&answer, "/diagnostics/findings/0/remedies/0/action"),
			 "drop_rows");
	ck_assert_str_eq(answer_string(&answer, "/diagnostics/findings/0/remedies/1/action"),
			 "unmask");
	for (int i = 0; i < 2; i++) {
		char pointer[80];

		snprintf(pointer, sizeof pointer, "/diagnostics/findings/0/remedies/%d/loss_after",
			 i);
		ck_assert_msg(near(answer_number(&answer, pointer), sum / 31, 1e-6), "%s in %s",
			      pointer, answer.text);
	}
}
END_TEST

/* 8 elements with a residual of 1 and one of 4e8: the gradient is 4e8 / 3 times
 * as long as 9 of the median's length would make it. */
START_TEST(the_step_is_measured_by_the_median)
{
	json_t *one;

	request = request_of(
		"{'diagnostics': 'full', 'loss': 'mse', 'input': [1, 2, 1, 2, 1, 2, 1, 2, 0], "
		"'targets': [2, 1, 2, 1, 2, 1, 2, 1, 400000000]}");
	post(request);
	one = find_remedy("gradient_exploding", "lower_learning_rate");
	ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(one, "say")),
				     "to 1/1.33e+08 of what it is"));
	ck_assert_ptr_nonnull(
		strstr(json_string_value(json_object_get(one, "say")), "norm at 0.667"));
	json_decref(one);
}
END_TEST

/* Of a weighted sum each term has its own remedies: its loss, unweighted. */
START_TEST(a_term_has_its_own_remedies)
{
	request = request_of("{'loss': {'terms': [{'weight': 3, 'loss': 'mse'}, {'weight': 5, "
			     "'loss': 'l1'}]}, 'input': [1, 'NaN', 3], 'targets': [0.5, 2, 1]}");
	post(request);
	ck_assert(near(answer_number(&answer, "/diagnostics/findings/0/remedies/0/loss_after"),
		       (0.25 + 4) / 2, 1e-6));
	ck_assert(near(
		answer_number(&answer, "/diagnostics/findings/0/remedies/0/gradient_norm_after"),
		sqrt(0.25 + 4), 1e-6));
	ck_assert(near(answer_number(&answer, "/diagnostics/findings/2/remedies/0/loss_after"),
		       (0.5 + 2) / 2, 1e-6));
}
END_TEST

/* ---- Any batch -------------------------------------------------------------- */

/* Every remedy of a diagnosis made in memory that ends at a page which cannot
 * be touched. */
static int diagnose(struct evaluation *e, const struct question *question)
{
	struct loss_diagnose_options options = {.full = true, .locations_max = 4};
	struct memory memory = {MEMORY_GUARD_BEHIND, NULL};
	struct loss_diagnosis diagnosis;
	size_t bytes = loss_diagnose_bytes(&e->plan, &options);
	int remedies = 0;

	ck_assert_uint_eq(bytes % 64, 0);
	loss_diagnose(&e->plan, &e->result, &options, memory_take(&memory, bytes), &diagnosis);
	for (int i = 0; i < diagnosis.finding_count; i++) {
		const struct loss_finding *finding = &diagnosis.findings[i];

		for (int k = 0; k < finding->remedy_count; k++) {
			const struct loss_remedy *one = finding->remedies[k];

			ck_assert_msg(one->row->trap || (isfinite(one->loss_after) &&
							 isfinite(one->gradient_norm_after)),
				      "%s of %s: %g, %g", one->row->action,
				      question->spec.loss->name, one->loss_after,
				      one->gradient_norm_after);
			ck_assert_uint_gt(strlen(one->say), 20);
			ck_assert_uint_lt(strlen(one->say), sizeof one->say - 1);
			ck_assert_int_eq(one->say[strlen(one->say) - 1], '.');
			remedies++;
		}
	}
	memory_release(&memory);
	return remedies;
}

static int diagnose_drawn(struct draw *draw, enum loss_dtype dtype)
{
	struct memory memory = {MEMORY_PLAIN, NULL};
	struct question question;
	struct evaluation e;
	int remedies = 0;

	if (draw_question(&question, draw, &memory)) {
		if (!evaluation_init(&e, &question, dtype, MEMORY_PLAIN) && !evaluation_run(&e))
			remedies = diagnose(&e, &question);
		evaluation_release(&e);
	}
	memory_release(&memory);
	return remedies;
}

START_TEST(strange_batches_of_every_loss)
{
	struct draw draw = {.rank = 3, .shape = {3, 4, 5}, .strange = true, .seed = 7};
	int remedies = 0;
	enum loss_role form;

	for (size_t i = 0; (draw.loss = loss_at(i)); i++)
		for (int f = 0; (form = draw_form_at(draw.loss, f)) != LOSS_ROLE_NONE; f++)
			for (int variety = 0; variety < 8; variety++) {
				draw.form = form;
				draw.optional = variety & 1;
				draw.soft = variety & 2;
				draw.seed++;
				remedies += diagnose_drawn(&draw, variety & 4 ? LOSS_FLOAT64
									      : LOSS_FLOAT32);
			}
	ck_assert_int_gt(remedies, 100);
}
END_TEST

Suite *remedies_suite(void)
{
	Suite *suite = suite_create("remedies");
	TCase *tcase = tcase_create("cases");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_loop_test(tcase, a_remedy_does_what_it_says, 0, CASE_COUNT);
	tcase_add_test(tcase, every_remedy_has_a_case);
	tcase_add_test(tcase, the_best_come_first_and_traps_last);
	tcase_add_test(tcase, what_does_not_cure_is_left_out);
	tcase_add_test(tcase, traps_are_shown_where_something_is_wrong);
	tcase_add_test(tcase, one_masked_row_of_32);
	tcase_add_test(tcase, the_step_is_measured_by_the_median);
	tcase_add_test(tcase, a_term_has_its_own_remedies);
	suite_add_tcase(suite, tcase);

	tcase = tcase_create("any batch");
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, strange_batches_of_every_loss);
	suite_add_tcase(suite, tcase);
	return suite;
}
