/*
 * Every golden vector, in both dtypes.
 *
 * How near is near enough.  In float32 the unreduced loss must be within the
 * bound that its catalogue entry states in units of its last place, and so must
 * sums and means of it, which are taken in float64.  A gradient has GRADIENT_EPS
 * times the precision of the dtype, a float64 value VALUE_EPS times.
 *
 * A sum whose terms cancel has no more digits than its terms, and e^(x - y) none
 * that rounding x - y has cost.  Where the golden data says so, the precision is
 * that of the larger size it gives.  The sum of a softmax is at least 1 and is
 * rounded as a float64, in both dtypes.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <jansson.h>

#include "golden.h"

Suite *golden_suite(void);

static const double VALUE_EPS = 4, GRADIENT_EPS = 4;

/* One number against another; collects what is wrong, to show all of it. */
struct report {
	const char *file;
	const struct golden_case *golden;
	const char *dtype;
	int failures;
};

/* The distance from |x| to the next number of the dtype. */
static double ulp_of(double x, enum loss_dtype dtype)
{
	int digits = dtype == LOSS_FLOAT32 ? 24 : 53, least = dtype == LOSS_FLOAT32 ? -149 : -1074;
	int exponent;

	frexp(x, &exponent);
	if (x == 0 || exponent - digits < least)
		return ldexp(1, least);
	return ldexp(1, exponent - digits);
}

static bool same_nonfinite(double got, double want)
{
	return isnan(want) ? isnan(got) : got == want;
}

/* The expectation as the dtype can hold it: beyond its largest number is infinity. */
static double held(double want, enum loss_dtype dtype)
{
	return dtype == LOSS_FLOAT32 && isinf((float)want) ? (double)(float)want : want;
}

static void wrong(struct report *report, const char *what, int64_t at, double got, double want,
		  double error_ulp)
{
	report->failures++;
	fprintf(stderr, "%s.json: %s (%s): %s[%lld]: got %.17g, want %.17g (%.1f ulp)\n",
		report->file, report->golden->question.name, report->dtype, what, (long long)at,
		got, want, error_ulp);
}

/* What rounding the sum of a softmax can do to a number behind it. */
static double softmax_error(const struct golden_case *golden)
{
	const struct question *q = &golden->question;
	bool softmax =
		q->spec.loss->traits & LOSS_HAS_SOFTMAX && question_find(q, LOSS_ROLE_LOGITS) >= 0;
	double shares = golden->unreduced || golden->denominator == 0 ? 1 : golden->denominator;

	return softmax ? VALUE_EPS * 0x1p-52 / shares : 0;
}

/* Nobody expects to read "-0" where a loss is 0 or more. */
static bool is_minus_zero(double got, double want)
{
	return got == 0 && signbit(got) && !signbit(want);
}

static void compare_number(struct report *report, const char *what, int64_t at, double got,
			   double want, double allowed, enum loss_dtype dtype)
{
	want = held(want, dtype);
	if (isfinite(want) && isfinite(got) ? !(fabs(got - want) <= allowed)
					    : !same_nonfinite(got, want))
		wrong(report, what, at, got, want, fabs(got - want) / ulp_of(want, dtype));
}

/* `bound` times the precision of the dtype at a number of that size. */
static double precision_at(double size, double bound, enum loss_dtype dtype)
{
	double eps = dtype == LOSS_FLOAT32 ? 0x1p-23 : 0x1p-52;

	return fmax(bound * eps * size, ulp_of(0, dtype));
}

/* How far a loss may be off. */
static double allowed_loss(const struct evaluation *e, double want, double size)
{
	size = fmax(fabs(want), size);
	if (e->dtype == LOSS_FLOAT64)
		return precision_at(size, VALUE_EPS, e->dtype);
	return e->question->spec.loss->ulp * ulp_of(size, e->dtype);
}

static void compare_losses(struct report *report, const struct evaluation *e,
			   const struct golden_numbers *want)
{
	double more = softmax_error(report->golden);

	for (int64_t i = 0; i < want->numbers.count; i++) {
		double x = want->numbers.values[i];

		double got = evaluation_get(e, e->out.losses, i);

		compare_number(report, "loss", i, got, x, allowed_loss(e, x, want->sizes[i]) + more,
			       e->dtype);
		if (is_minus_zero(got, x))
			wrong(report, "sign of the loss", i, got, x, 0);
	}
}

static void compare_gradient(struct report *report, const struct evaluation *e, int input,
			     const struct golden_numbers *want)
{
	double more = softmax_error(report->golden);

	for (int64_t i = 0; i < want->numbers.count; i++) {
		double x = want->numbers.values[i];
		double allowed =
			precision_at(fmax(fabs(x), want->sizes[i]), GRADIENT_EPS, e->dtype);

		compare_number(report, "gradient", i, evaluation_get(e, e->out.gradients[input], i),
			       x, allowed + more, e->dtype);
	}
}

static void compare_reduced(struct report *report, const struct evaluation *e,
			    const struct golden_case *golden)
{
	double more = softmax_error(golden), shares = golden->denominator;

	compare_number(report, "loss", 0, e->result.loss, golden->loss,
		       allowed_loss(e, golden->loss, golden->size) + more, e->dtype);
	if (is_minus_zero(e->result.loss, golden->loss))
		wrong(report, "sign of the loss", 0, e->result.loss, golden->loss, 0);
	compare_number(report, "sum", 0, e->result.sum, golden->sum,
		       allowed_loss(e, golden->sum, golden->size * shares) + more * shares,
		       e->dtype);
	compare_number(report, "denominator", 0, e->result.denominator, shares,
		       precision_at(shares, VALUE_EPS, e->dtype), e->dtype);
}

static void compare_shape(const struct evaluation *e, const struct golden_case *golden)
{
	const struct numbers *want = &golden->losses.numbers;

	ck_assert_msg(e->plan.loss_rank == want->rank &&
			      !memcmp(e->plan.loss_shape, want->shape,
				      (size_t)want->rank * sizeof *want->shape),
		      "%s: the unreduced loss has another shape", golden->question.name);
}

static void compare_results(struct report *report, const struct evaluation *e,
			    const struct golden_case *golden)
{
	if (golden->unreduced) {
		compare_shape(e, golden);
		compare_losses(report, e, &golden->losses);
		ck_assert(isnan(e->result.loss));
	} else {
		compare_reduced(report, e, golden);
	}
	for (int i = 0; i < golden->question.input_count; i++)
		if (golden->gradients[i].numbers.values)
			compare_gradient(report, e, i, &golden->gradients[i]);
}

static void run_case(struct report *report, const struct golden_case *golden, enum loss_dtype dtype)
{
	struct evaluation e;
	enum loss_code code;

	report->golden = golden;
	report->dtype = loss_dtype_name(dtype);
	code = evaluation_init(&e, &golden->question, dtype, MEMORY_PLAIN);
	if (!code) {
		evaluation_fill(&e, 0xa5);
		code = evaluation_run(&e);
	}
	if (code) {
		fprintf(stderr, "%s.json: %s (%s): %s: %s %s\n", report->file,
			golden->question.name, report->dtype, loss_code_text(code), e.error.member,
			e.error.text);
		report->failures++;
	} else {
		compare_results(report, &e, golden);
	}
	evaluation_release(&e);
}

START_TEST(every_case)
{
	const char *name = golden_name_at((size_t)_i);
	struct golden_file file;
	struct report report = {.file = name};

	ck_assert_msg(golden_load(&file, name), "%s has no golden data", name);
	ck_assert_uint_gt(file.count, 0);
	for (size_t i = 0; i < file.count; i++) {
		run_case(&report, &file.cases[i], LOSS_FLOAT64);
		if (!file.cases[i].float64_only)
			run_case(&report, &file.cases[i], LOSS_FLOAT32);
	}
	ck_assert_msg(report.failures == 0, "%s: %d numbers are wrong", name, report.failures);
	golden_release(&file);
}
END_TEST

/* ---- Nothing is left untried ---------------------------------------------- */

/* What the cases of one loss touched. */
struct coverage {
	bool form[LOSS_ROLE_COUNT];
	bool reduction[LOSS_REDUCTION_COUNT];
	bool input[LOSS_INPUTS_MAX];
	bool param[32];
};

static const void *param_at(const struct loss_spec *spec, const struct loss_param_row *row,
			    bool is_common)
{
	return (is_common ? (const char *)&spec->common : (const char *)spec->params) + row->offset;
}

static size_t param_bytes(const struct loss_param_row *row)
{
	return row->kind == LOSS_PARAM_MAYBE ? sizeof(struct loss_maybe) : sizeof(double);
}

static void cover(struct coverage *seen, const struct question *q)
{
	const struct loss_param_row *row;
	struct loss_spec fresh;
	bool is_common;

	loss_spec_init(&fresh, q->spec.loss);
	seen->reduction[q->spec.common.reduction] = true;
	for (int i = 0; i < q->input_count; i++) {
		seen->input[loss_input_find(q->spec.loss, q->inputs[i].role)] = true;
		seen->form[q->inputs[i].role] = true;
	}
	for (size_t i = 0; (row = loss_param_at(q->spec.loss, i, &is_common)); i++)
		if (memcmp(param_at(&fresh, row, is_common), param_at(&q->spec, row, is_common),
			   param_bytes(row)) != 0)
			seen->param[i] = true;
}

START_TEST(every_row_has_a_case)
{
	const struct loss *loss = loss_at((size_t)_i);
	const struct loss_input_row *input;
	const struct loss_param_row *param;
	struct coverage seen = {0};
	struct golden_file file;
	bool is_common;

	ck_assert_msg(golden_load(&file, loss->name), "%s has no golden data", loss->name);
	for (size_t i = 0; i < file.count; i++)
		cover(&seen, &file.cases[i].question);
	for (int role = 0; role < LOSS_ROLE_COUNT; role++)
		if (loss->inputs[0].forms & UINT32_C(1) << role)
			ck_assert_msg(seen.form[role], "%s: no case gives %s", loss->name,
				      loss_role_name((enum loss_role)role));
	for (int reduction = 0; reduction < LOSS_REDUCTION_COUNT; reduction++)
		if (loss->reductions & 1u << reduction)
			ck_assert_msg(seen.reduction[reduction], "%s: no case has reduction %d",
				      loss->name, reduction);
	for (size_t i = 0; (input = loss_input_at(loss, i)); i++)
		ck_assert_msg(seen.input[i], "%s: no case gives %s", loss->name,
			      loss_role_name(input->role));
	for (size_t i = 0; (param = loss_param_at(loss, i, &is_common)); i++)
		ck_assert_msg(seen.param[i], "%s: no case sets %s", loss->name, param->name);
	golden_release(&file);
}
END_TEST

/* ---- Class weights -------------------------------------------------------- */

static void read_rule(struct loss_weight_params *params, json_t *rule)
{
	const char *key;
	json_t *value;

	loss_weight_init(params);
	json_object_foreach(rule, key, value)
	{
		struct loss_value given = {.kind = json_is_string(value) ? LOSS_VALUE_TEXT
									 : LOSS_VALUE_REAL,
					   .text = json_string_value(value),
					   .real = json_number_value(value)};

		ck_assert_msg(!loss_weight_set(params, key, given, NULL), "parameter %s", key);
	}
}

START_TEST(class_weights)
{
	json_error_t error;
	json_t *cases = json_load_file("tests/golden/class_weights.json", 0, &error), *item;
	size_t i;

	ck_assert_msg(cases != NULL, "%s", error.text);
	ck_assert_uint_gt(json_array_size(cases), 0);
	json_array_foreach(cases, i, item)
	{
		json_t *counts = json_object_get(item, "counts"),
		       *want = json_object_get(item, "weights");
		struct loss_weight_params params;
		int64_t count[16];
		double weight[16];
		size_t c = json_array_size(counts);

		ck_assert_uint_le(c, 16);
		for (size_t k = 0; k < c; k++)
			count[k] = json_integer_value(json_array_get(counts, k));
		read_rule(&params, json_object_get(item, "rule"));
		ck_assert(!loss_class_weights(&params, count, (int64_t)c, weight, NULL));
		for (size_t k = 0; k < c; k++) {
			double expected = json_number_value(json_array_get(want, k));

			ck_assert_msg(fabs(weight[k] - expected) <= 1e-13 * expected,
				      "case %zu, class %zu: got %.17g, want %.17g", i, k, weight[k],
				      expected);
		}
	}
	json_decref(cases);
}
END_TEST

Suite *golden_suite(void)
{
	Suite *suite = suite_create("golden");
	TCase *values = tcase_create("values"), *coverage = tcase_create("coverage");
	int files = 0;

	while (golden_name_at((size_t)files))
		files++;
	tcase_add_loop_test(values, every_case, 0, files);
	tcase_add_test(values, class_weights);
	tcase_add_loop_test(coverage, every_row_has_a_case, 0, (int)loss_count());
	suite_add_tcase(suite, values);
	suite_add_tcase(suite, coverage);
	return suite;
}
