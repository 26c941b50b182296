/*
 * The statistics of `full`: every number against a plain computation made here,
 * and the findings that come from them, each with a batch that has it and one
 * that comes close and has not.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "draw.h"
#include "lib/diagnose/kernels.h"
#include "lib/diagnose/select.h"
#include "lib/diagnose/summary.h"

Suite *statistics_suite(void);

static const struct saturation nothing = {(double)NAN, (double)NAN};

/* ---- Tensors of every kind ------------------------------------------------- */

enum kind { USUAL, FAR_FROM_ZERO, CONSTANT, SPARSE, STRANGE, TINY, ALL_NAN, KINDS };

static double bell(uint64_t *seed)
{
	double sum = 0;

	for (int i = 0; i < 6; i++)
		sum += draw_uniform(seed) - 0.5;
	return sum * sqrt(2);
}

static double draw_kind(enum kind kind, uint64_t *seed)
{
	static const double strange[] = {
		(double)NAN, (double)INFINITY, -(double)INFINITY, 0, -0.0, 1e-42, -1e30, 1e30};

	switch (kind) {
	case USUAL:
		return bell(seed);
	case FAR_FROM_ZERO:
		return 1e6 + bell(seed);
	case CONSTANT:
		return 0.1;
	case SPARSE:
		return draw_uniform(seed) < 0.9 ? 0 : bell(seed);
	case STRANGE:
		return draw_uniform(seed) < 0.5 ? strange[(int)(draw_uniform(seed) * 8)]
						: bell(seed);
	case TINY:
		return 1e-39 * bell(seed);
	case ALL_NAN:
	case KINDS:
		break;
	}
	return (double)NAN;
}

/* Numbers as they are, and in the dtype. */
struct tensor {
	int64_t count;
	double *values;
	void *data;
	enum loss_dtype dtype;
};

static double read_at(const void *data, enum loss_dtype dtype, int64_t i)
{
	return dtype == LOSS_FLOAT32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

static struct tensor draw_tensor(struct memory *memory, enum kind kind, int64_t count,
				 enum loss_dtype dtype)
{
	uint64_t seed = (uint64_t)count * KINDS + (uint64_t)kind + 1;
	struct tensor t = {.count = count, .dtype = dtype};

	t.values = memory_take(memory, (size_t)count * sizeof(double));
	t.data = memory_take(memory, (size_t)count * loss_dtype_bytes(dtype));
	for (int64_t i = 0; i < count; i++) {
		double value = draw_kind(kind, &seed);

		if (dtype == LOSS_FLOAT32)
			((float *)t.data)[i] = (float)value;
		else
			((double *)t.data)[i] = value;
		t.values[i] = read_at(t.data, dtype, i);
	}
	return t;
}

/* ---- The plain computation -------------------------------------------------- */

struct plain {
	int64_t finite, nan, pos_inf, neg_inf, zeros, subnormals;
	long double min, max, mean, std, norm, smallest;
};

static struct plain plain_of(const struct tensor *t)
{
	double least = t->dtype == LOSS_FLOAT32 ? 0x1p-126 : 0x1p-1022;
	struct plain p = {.min = NAN, .max = NAN, .mean = NAN, .std = NAN, .norm = NAN};
	long double sum = 0, squares = 0, about = 0;

	p.smallest = NAN;
	for (int64_t i = 0; i < t->count; i++) {
		double v = t->values[i], size = fabs(v);

		p.nan += isnan(v) != 0;
		p.pos_inf += isinf(v) && v > 0;
		p.neg_inf += isinf(v) && v < 0;
		p.zeros += v == 0;
		p.subnormals += size > 0 && size < least;
		if (!isfinite(v))
			continue;
		p.finite++;
		p.min = p.min <= v ? p.min : v;
		p.max = p.max >= v ? p.max : v;
		if (v != 0)
			p.smallest = p.smallest <= size ? p.smallest : size;
		sum += v;
		squares += (long double)v * v;
	}
	if (p.finite == 0)
		return p;
	p.mean = sum / p.finite;
	for (int64_t i = 0; i < t->count; i++)
		if (isfinite(t->values[i]))
			about += (t->values[i] - p.mean) * (t->values[i] - p.mean);
	p.std = sqrtl(about / p.finite);
	p.norm = sqrtl(squares);
	return p;
}

static bool is_near(double found, long double expected, long double scale)
{
	if (isnan(expected))
		return isnan(found);
	return fabsl(found - expected) <= 1e-12L * scale;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The finite values in order. */
static int64_t sorted(struct memory *memory, const struct tensor *t, double **values)
{
	int64_t n = 0;

	*values = memory_take(memory, (size_t)t->count * sizeof(double));
	for (int64_t i = 0; i < t->count; i++)
		if (isfinite(t->values[i]))
			(*values)[n++] = t->values[i];
	qsort(*values, (size_t)n, sizeof(double), by_value);
	return n;
}

static const double shares[] = {0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99};
static const int64_t counts[] = {0, 1, 2, 15, 16, 17, 255, 4095, 4096, 4097, 16384, 100003};
static const enum loss_dtype dtypes[] = {LOSS_FLOAT32, LOSS_FLOAT64};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

typedef void tensor_fn(struct memory *memory, const struct tensor *t, const void *context);

/* A tensor of each size in each dtype, between guard pages. */
static void every_tensor(enum kind kind, tensor_fn *visit, const void *context)
{
	for (size_t i = 0; i < COUNT(counts); i++) {
		for (size_t k = 0; k < COUNT(dtypes); k++) {
			struct memory memory = {MEMORY_GUARD_BEHIND, NULL};
			struct tensor t = draw_tensor(&memory, kind, counts[i], dtypes[k]);

			visit(&memory, &t, context);
			memory_release(&memory);
		}
	}
}

static void summary_is_right(struct memory *memory, const struct tensor *t, const void *context)
{
	struct plain p = plain_of(t);
	struct loss_summary s;
	long double largest = fmaxl(fabsl(p.min), fabsl(p.max));

	(void)memory, (void)context;
	summarize(t->data, t->dtype, t->count, nothing, &s);
	ck_assert_int_eq(s.count, t->count);
	ck_assert_int_eq(s.finite, p.finite);
	ck_assert_int_eq(s.nan, p.nan);
	ck_assert_int_eq(s.pos_inf, p.pos_inf);
	ck_assert_int_eq(s.neg_inf, p.neg_inf);
	ck_assert_int_eq(s.zeros, p.zeros);
	ck_assert_int_eq(s.subnormals, p.subnormals);
	ck_assert_int_eq(s.saturated, -1);
	ck_assert(is_near(s.min, p.min, 0) && is_near(s.max, p.max, 0));
	ck_assert(is_near(s.smallest, p.smallest, 0));
	ck_assert_msg(is_near(s.mean, p.mean, largest), "mean %.17g, expected %.17Lg", s.mean,
		      p.mean);
	/* What is left of 1e6 + x is x to 10 digits. */
	ck_assert_msg(is_near(s.std, p.std, p.std + largest * 1e-3L), "std %.17g, expected %.17Lg",
		      s.std, p.std);
	ck_assert_msg(is_near(s.norm, p.norm, p.norm), "norm %.17g, expected %.17Lg", s.norm,
		      p.norm);
	if (largest > 0) {
		ck_assert(is_near(exp2(s.headroom[LOSS_NARROW_FLOAT16]) * (double)largest, 65504,
				  1e6));
		ck_assert(is_near(exp2(s.footroom[LOSS_NARROW_FLOAT16]), p.smallest * 0x1p24L,
				  p.smallest * 0x1p26L));
	}
}

START_TEST(summaries_are_those_of_plain_loops)
{
	every_tensor((enum kind)_i, summary_is_right, NULL);
}
END_TEST

static void quantiles_are_right(struct memory *memory, const struct tensor *t, const void *context)
{
	uint64_t *keys = memory_take(memory, 2 * QUANTILE_ALL * sizeof *keys);
	struct loss_summary s;
	double *values;
	int64_t n = sorted(memory, t, &values);

	(void)context;
	summarize(t->data, t->dtype, t->count, nothing, &s);
	summarize_quantiles(t->data, t->dtype, keys, &s);
	if (t->count <= QUANTILE_ALL)
		ck_assert_int_eq(s.quantile_count, n);
	for (int i = 0; i < LOSS_QUANTILE_COUNT; i++) {
		double at = shares[i] * (double)(n - 1), found = s.quantiles[i];
		int64_t below = (int64_t)at, apart;

		if (n == 0) {
			ck_assert(isnan(found));
		} else if (s.quantile_count == n) {
			double low = values[below],
			       high = values[below + 1 < n ? below + 1 : below];

			ck_assert(is_near(found, low + (high - low) * (at - (double)below),
					  fabs(low) + fabs(high)));
		} else {
			/* A sample: 3 of 200 of the ranks away, at the most. */
			apart = n * 3 / 200;
			ck_assert(found >= values[below > apart ? below - apart : 0]);
			ck_assert(found <= values[below + apart < n ? below + apart : n - 1]);
		}
	}
}

START_TEST(quantiles_are_those_of_sorted_values)
{
	every_tensor((enum kind)_i, quantiles_are_right, NULL);
}
END_TEST

/* Of a matrix whose columns differ, a sample must see all of them. */
START_TEST(a_sample_is_not_in_step_with_an_axis)
{
	static const int64_t columns[] = {2, 10, 64, 100, 1000, 1024};

	for (size_t i = 0; i < COUNT(columns); i++) {
		int64_t seen[1024] = {0}, count = 4096 * columns[i], last = -1;

		for (int64_t k = 0; k < QUANTILE_SAMPLE; k++) {
			int64_t place = spread_place(k, QUANTILE_SAMPLE, count);

			ck_assert(place > last && place < count);
			seen[place % columns[i]]++;
			last = place;
		}
		for (int64_t c = 0; c < columns[i]; c++)
			ck_assert_msg(fabs((double)(seen[c] * columns[i]) / QUANTILE_SAMPLE - 1) <
					      (columns[i] <= 100 ? 0.2 : 1),
				      "column %d of %d: %d times", (int)c, (int)columns[i],
				      (int)seen[c]);
	}
}
END_TEST

/* ---- Saturation ------------------------------------------------------------- */

static int64_t saturated_of(float logit)
{
	double x = (double)logit, y = 1;
	struct question question = {.input_count = 2};
	struct loss_diagnose_options options = {.full = true, .locations_max = 1};
	struct loss_diagnosis d;
	struct evaluation e;
	int64_t saturated;

	loss_spec_init(&question.spec, loss_find("bce_with_logits"));
	question.inputs[0].role = LOSS_ROLE_LOGITS;
	question.inputs[0].numbers = (struct numbers){.count = 1, .values = &x};
	question.inputs[1].role = LOSS_ROLE_TARGETS;
	question.inputs[1].numbers = (struct numbers){.count = 1, .values = &y};
	ck_assert(!evaluation_init(&e, &question, LOSS_FLOAT32, MEMORY_PLAIN));
	ck_assert(!evaluation_run(&e));
	loss_diagnose(&e.plan, &e.result, &options,
		      memory_take(&e.memory, loss_diagnose_bytes(&e.plan, &options)), &d);
	saturated = d.statistics->inputs[0].summary.saturated;
	evaluation_release(&e);
	return saturated;
}

/* Of the float32 around the bounds: is the sigmoid, rounded, exactly 0 or 1? */
START_TEST(saturated_is_what_rounds_to_0_or_1)
{
	static const float bounds[] = {-0x1.9fe36ap+6f, 0x1.154246p+4f};
	float x = bounds[_i];

	for (int k = 0; k < 20; k++)
		x = nextafterf(x, -INFINITY);
	for (int k = 0; k < 40; k++, x = nextafterf(x, INFINITY)) {
		float p = (float)(1 / (1 + expl(-(long double)x)));

		ck_assert_msg(saturated_of(x) == (p == 0 || p == 1), "x = %a, sigmoid %a",
			      (double)x, (double)p);
	}
}
END_TEST

/* ---- The same bits on every machine ------------------------------------------ */

#define KERNELS(isa)                                                                               \
	extern const struct diagnose_kernels diagnose_kernels_##isa##_32,                          \
		diagnose_kernels_##isa##_64;
KERNELS(baseline)
#ifdef __x86_64__
KERNELS(v3)
KERNELS(v4)
#endif

static const struct variant {
	const char *title;
	const struct diagnose_kernels *of[2];
} variants[] = {
	{"baseline", {&diagnose_kernels_baseline_32, &diagnose_kernels_baseline_64}},
#ifdef __x86_64__
	{"x86-64-v3", {&diagnose_kernels_v3_32, &diagnose_kernels_v3_64}},
	{"x86-64-v4", {&diagnose_kernels_v4_32, &diagnose_kernels_v4_64}},
#endif
};

/* NaNs are one and the same. */
static bool same(const void *a, const void *b, size_t bytes)
{
	const double *x = a, *y = b;

	for (size_t i = 0; i < bytes / sizeof(double); i++)
		if (memcmp(&x[i], &y[i], sizeof(double)) != 0 && !(isnan(x[i]) && isnan(y[i])))
			return false;
	return true;
}

static void variants_agree(struct memory *memory, const struct tensor *t, const void *context)
{
	const struct variant *variant = context;
	int wide = t->dtype == LOSS_FLOAT64;
	int n = (int)(t->count < SUMMARY_BLOCK ? t->count : SUMMARY_BLOCK);
	struct summary_block expected, found;
	struct row_top top_expected = {0}, top_found = {0};

	(void)memory;
	variants[0].of[wide]->summarize(t->data, n, -1, 1, &expected);
	variant->of[wide]->summarize(t->data, n, -1, 1, &found);
	ck_assert_msg(same(&expected, &found, sizeof found), "%s: summary of %d", variant->title,
		      n);
	if (n == 0)
		return;
	variants[0].of[wide]->top(t->data, n, &top_expected);
	variant->of[wide]->top(t->data, n, &top_found);
	ck_assert_msg(same(&top_expected, &top_found, sizeof top_found), "%s: top of %d",
		      variant->title, n);
}

START_TEST(kernels_have_the_same_bits_everywhere)
{
	for (size_t i = 0; i < COUNT(variants); i++) {
		every_tensor((enum kind)_i, variants_agree, &variants[i]);
		if (!strcmp(variants[i].title, loss_isa()))
			break;
	}
}
END_TEST

static void top_is_softmax(struct memory *memory, const struct tensor *t, const void *context)
{
	bool is_wide = t->dtype == LOSS_FLOAT64;
	struct row_top top;
	long double sum = 0;
	int64_t at = 0;

	(void)memory, (void)context;
	if (t->count == 0)
		return;
	for (int64_t c = 0; c < t->count; c++)
		at = t->values[c] > t->values[at] ? c : at;
	for (int64_t c = 0; c < t->count; c++)
		sum += expl((long double)t->values[c] - t->values[at]);
	diagnose_kernels_of(is_wide)->top(t->data, t->count, &top);
	ck_assert_int_eq(top.index, at);
	ck_assert(top.max == t->values[at]);
	ck_assert(fabsl(top.sum - sum) <= (is_wide ? 1e-14L : 1e-6L) * sum);
}

START_TEST(the_top_of_a_row_is_its_softmax)
{
	every_tensor(USUAL, top_is_softmax, NULL);
}
END_TEST

/* ---- The largest few ---------------------------------------------------------- */

START_TEST(top_keeps_the_largest)
{
	struct top_item items[16];
	struct top top = {items, 16, 0};
	double values[1000];
	uint64_t seed = 5;

	for (int i = 0; i < 1000; i++) {
		values[i] = floor(draw_uniform(&seed) * 100);
		top_offer(&top, values[i], i);
	}
	top_sort(&top);
	ck_assert_int_eq(top.count, 16);
	for (int i = 0; i < 16; i++) {
		int better = 0;

		for (int k = 0; k < 1000; k++)
			better += values[k] > top.items[i].value ||
				  (values[k] == top.items[i].value && k < top.items[i].index);
		ck_assert_int_eq(better, i);
	}
}
END_TEST

/* ---- The suite --------------------------------------------------------------- */

Suite *statistics_suite(void)
{
	Suite *suite = suite_create("statistics");
	TCase *tensors = tcase_create("tensors"), *isa = tcase_create("isa");

	tcase_set_timeout(tensors, 60);
	tcase_set_timeout(isa, 60);
	tcase_add_loop_test(tensors, summaries_are_those_of_plain_loops, 0, KINDS);
	tcase_add_loop_test(tensors, quantiles_are_those_of_sorted_values, 0, KINDS);
	tcase_add_test(tensors, a_sample_is_not_in_step_with_an_axis);
	tcase_add_loop_test(tensors, saturated_is_what_rounds_to_0_or_1, 0, 2);
	tcase_add_test(tensors, top_keeps_the_largest);
	tcase_add_loop_test(isa, kernels_have_the_same_bits_everywhere, 0, KINDS);
	tcase_add_test(isa, the_top_of_a_row_is_its_softmax);
	suite_add_tcase(suite, tensors);
	suite_add_tcase(suite, isa);
	return suite;
}
