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

#include "api/ask.h"
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

static bool is_near(double found, long double expected, long double apart)
{
	if (isnan(expected))
		return isnan(found);
	return fabsl(found - expected) <= apart;
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
	struct summary_room room = {NULL, NULL};
	struct loss_summary s;
	long double largest = fmaxl(fabsl(p.min), fabsl(p.max));
	/* In whole blocks 8 float32 are added before they are widened. */
	bool is_narrow = t->dtype == LOSS_FLOAT32 && t->count >= SUMMARY_BLOCK;
	long double eps = is_narrow ? 1e-8L : 1e-12L;

	(void)memory, (void)context;
	summarize(t->data, t->dtype, t->count, nothing, room, &s);
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
	ck_assert_msg(is_near(s.mean, p.mean, largest * eps), "mean %.17g, expected %.17Lg", s.mean,
		      p.mean);
	/* What is left of 1e6 + x is x to 10 digits. */
	ck_assert_msg(is_near(s.std, p.std, (p.std + largest * 1e-3L) * eps),
		      "std %.17g, expected %.17Lg", s.std, p.std);
	ck_assert_msg(is_near(s.norm, p.norm, p.norm * eps), "norm %.17g, expected %.17Lg", s.norm,
		      p.norm);
	if (largest > 0) {
		ck_assert(is_near(exp2(s.headroom[LOSS_NARROW_FLOAT16]) * (double)largest, 65504,
				  1e-6L));
		ck_assert(is_near(exp2(s.footroom[LOSS_NARROW_FLOAT16]), p.smallest * 0x1p24L,
				  p.smallest * 0x1p24L * 1e-9L));
	}
}

START_TEST(summaries_are_those_of_plain_loops)
{
	every_tensor((enum kind)_i, summary_is_right, NULL);
}
END_TEST

static void quantiles_are_right(struct memory *memory, const struct tensor *t, const void *context)
{
	struct summary_room room = {
		.keys = memory_take(memory, 2 * QUANTILE_ALL * sizeof(uint64_t))};
	struct loss_summary s;
	double *values;
	int64_t n = sorted(memory, t, &values);

	(void)context;
	summarize(t->data, t->dtype, t->count, nothing, room, &s);
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
					  1e-12L * (fabs(low) + fabs(high))));
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

/* ---- Batches ------------------------------------------------------------------ */

/* A question to change before it is asked, and the full answer. */
struct batch {
	struct question question;
	struct memory memory;
	struct evaluation e;
	struct loss_diagnosis d;
	const struct loss_statistics *s;
	uint64_t seed;
};

static double *x_of(struct batch *b)
{
	return b->question.inputs[0].numbers.values;
}

static double *y_of(struct batch *b)
{
	return b->question.inputs[1].numbers.values;
}

static void take_input(struct batch *b, enum loss_role role, int rank, const int64_t *shape,
		       bool index)
{
	int at = b->question.input_count++;
	struct numbers *numbers = &b->question.inputs[at].numbers;

	b->question.inputs[at].role = role;
	b->question.inputs[at].differentiate = at == 0;
	*numbers = (struct numbers){.rank = rank, .index = index};
	memcpy(numbers->shape, shape, (size_t)rank * sizeof *shape);
	numbers_take(numbers, &b->memory);
}

static void batch_init(struct batch *b, const char *loss, uint64_t seed)
{
	*b = (struct batch){.seed = seed + 1, .question = {.name = "a batch"}};
	loss_spec_init(&b->question.spec, loss_find(loss));
}

/* Scores of n rows by c classes by d pixels, normal; random targets. */
static void rows_init(struct batch *b, const char *loss, int64_t n, int64_t c, int64_t d)
{
	int64_t x[] = {n, c, d}, y[] = {n, d};

	batch_init(b, loss, (uint64_t)(n * 1000 + c));
	take_input(b, LOSS_ROLE_LOGITS, d > 1 ? 3 : 2, x, false);
	take_input(b, LOSS_ROLE_TARGETS, d > 1 ? 2 : 1, y, true);
	for (int64_t i = 0; i < n * c * d; i++)
		x_of(b)[i] = bell(&b->seed);
	for (int64_t i = 0; i < n * d; i++)
		y_of(b)[i] = floor(draw_uniform(&b->seed) * (double)c);
}

/* Elements, normal; targets of 0 and 1, and numbers near them for a regression. */
static void elements_init(struct batch *b, const char *loss, enum loss_role form, int64_t n)
{
	batch_init(b, loss, (uint64_t)n);
	take_input(b, form, 1, &n, false);
	take_input(b, LOSS_ROLE_TARGETS, 1, &n, false);
	for (int64_t i = 0; i < n; i++) {
		x_of(b)[i] = form == LOSS_ROLE_PROBS ? 0.01 + 0.98 * draw_uniform(&b->seed)
						     : bell(&b->seed);
		y_of(b)[i] =
			form == LOSS_ROLE_INPUT ? bell(&b->seed) : draw_uniform(&b->seed) < 0.5;
	}
}

static void diagnose(struct batch *b)
{
	struct loss_diagnose_options options = {.full = true, .locations_max = 16};
	void *memory = memory_take(&b->e.memory, loss_diagnose_bytes(&b->e.plan, &options));

	memset(memory, 0xa5, loss_diagnose_bytes(&b->e.plan, &options));
	loss_diagnose(&b->e.plan, &b->e.result, &options, memory, &b->d);
	b->s = b->d.statistics;
}

static void batch_run(struct batch *b, enum loss_dtype dtype)
{
	ck_assert_msg(!evaluation_init(&b->e, &b->question, dtype, MEMORY_PLAIN), "%s",
		      b->e.error.text);
	ck_assert_msg(!evaluation_run(&b->e), "%s", b->e.error.text);
	diagnose(b);
}

static void batch_release(struct batch *b)
{
	evaluation_release(&b->e);
	memory_release(&b->memory);
}

static const struct loss_finding *finding(const struct batch *b, enum loss_finding_code code)
{
	for (int i = 0; i < b->d.finding_count; i++)
		if (b->d.findings[i].code == code)
			return &b->d.findings[i];
	return NULL;
}

static double operand(const struct loss_finding *f, const char *name)
{
	for (int i = 0; i < f->operand_count; i++)
		if (!strcmp(f->operands[i].name, name))
			return f->operands[i].value;
	ck_abort_msg("no operand %s: %s", name, f->message);
}

static void expect_nothing(const struct batch *b, const char *what)
{
	ck_assert_msg(b->d.finding_count == 0, "%s: %s: %s", what,
		      loss_finding_at(b->d.findings[0].code)->code, b->d.findings[0].message);
}

/* ---- Saturation ------------------------------------------------------------- */

/* Of the float32 around the bounds: is the sigmoid, rounded, exactly 0 or 1? */
START_TEST(saturated_is_what_rounds_to_0_or_1)
{
	static const float bounds[] = {-0x1.9fe36ap+6f, 0x1.154246p+4f};
	float x = bounds[_i];

	for (int k = 0; k < 20; k++)
		x = nextafterf(x, -INFINITY);
	for (int k = 0; k < 40; k++, x = nextafterf(x, INFINITY)) {
		float p = (float)(1 / (1 + expl(-(long double)x)));
		struct batch b;

		elements_init(&b, "bce_with_logits", LOSS_ROLE_LOGITS, 1);
		x_of(&b)[0] = (double)x;
		batch_run(&b, LOSS_FLOAT32);
		ck_assert_msg(b.s->inputs[0].summary.saturated == (p == 0 || p == 1),
			      "x = %a, sigmoid %a", (double)x, (double)p);
		batch_release(&b);
	}
}
END_TEST

/* ---- Classes ------------------------------------------------------------------ */

enum { C_MAX = 64 };

struct plain_classes {
	int64_t rows, right, counts[C_MAX], correct[C_MAX], confusion[C_MAX][C_MAX], bins[10];
	long double losses[C_MAX], confidence[10], accuracy[10];
};

static void plain_row(struct plain_classes *p, int64_t given, int64_t predicted,
		      long double confidence, double loss)
{
	int bin = (int)(confidence * 10);
	bool is_right = given == predicted;

	bin = bin > 9 ? 9 : bin;
	p->rows++;
	p->right += is_right;
	p->counts[given]++;
	p->correct[given] += is_right;
	p->losses[given] += loss;
	p->confusion[given][predicted]++;
	p->bins[bin]++;
	p->confidence[bin] += confidence;
	p->accuracy[bin] += is_right;
}

/* Softmax over the class axis of (n, c, d), in long double. */
static struct plain_classes plain_rows(struct batch *b, int64_t n, int64_t c, int64_t d)
{
	struct plain_classes p = {0};

	for (int64_t row = 0; row < n * d; row++) {
		const double *x = x_of(b) + row / d * c * d + row % d;
		long double sum = 0;
		int64_t best = 0, y = (int64_t)y_of(b)[row];

		if (y < 0)
			continue;
		for (int64_t k = 0; k < c; k++)
			best = x[k * d] > x[best * d] ? k : best;
		for (int64_t k = 0; k < c; k++)
			sum += expl((long double)x[k * d] - x[best * d]);
		plain_row(&p, y, best, 1 / sum, (double)(logl(sum) + x[best * d] - x[y * d]));
	}
	return p;
}

static struct plain_classes plain_elements(struct batch *b, int64_t n)
{
	struct plain_classes p = {0};

	for (int64_t i = 0; i < n; i++) {
		double x = x_of(b)[i], y = y_of(b)[i];
		long double probability = 1 / (1 + expl(-(long double)x));
		bool is_1 = probability > 0.5L;

		plain_row(&p, y >= 0.5, is_1, is_1 ? probability : 1 - probability,
			  (double)(log1pl(expl(-fabsl(x))) + fmaxl(x, 0) - y * x));
	}
	return p;
}

static void calibration_is_right(const struct loss_class_statistics *s,
				 const struct plain_classes *p)
{
	long double error = 0;

	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(s->bins[i].count, p->bins[i]);
		if (!p->bins[i]) {
			ck_assert(isnan(s->bins[i].confidence) && isnan(s->bins[i].accuracy));
			continue;
		}
		ck_assert(is_near(s->bins[i].confidence, p->confidence[i] / p->bins[i], 1e-6L));
		ck_assert(is_near(s->bins[i].accuracy, p->accuracy[i] / p->bins[i], 1e-12L));
		error += fabsl(p->confidence[i] - p->accuracy[i]) / p->rows;
	}
	ck_assert(is_near(s->calibration_error, error, 1e-6L));
}

static bool is_listed(const struct loss_class_statistics *s, int64_t given, int64_t predicted,
		      int64_t count)
{
	for (int64_t i = 0; i < s->cell_count; i++)
		if (s->cells[i].given == given && s->cells[i].predicted == predicted)
			return s->cells[i].count == count;
	/* Not among the most frequent. */
	return count <= s->cells[s->cell_count - 1].count;
}

static void classes_are_right(const struct loss_class_statistics *s, const struct plain_classes *p,
			      int64_t classes)
{
	ck_assert_int_eq(s->classes, classes);
	ck_assert_int_eq(s->counted_rows, p->rows);
	ck_assert_int_eq(s->predicted_rows, p->rows);
	ck_assert_int_eq(s->row_count, classes);
	ck_assert(is_near(s->accuracy, (long double)p->right / p->rows, 1e-12L));
	for (int64_t k = 0; k < classes; k++) {
		const struct loss_class_row *row = &s->class_rows[k];

		ck_assert_int_eq(row->index, k);
		ck_assert_int_eq(row->count, p->counts[k]);
		ck_assert_int_eq(row->predicted_rows, p->counts[k]);
		ck_assert_int_eq(row->correct, p->correct[k]);
		ck_assert(p->counts[k] ? is_near(row->loss, p->losses[k] / p->counts[k], 1e-5L)
				       : isnan(row->loss));
		for (int64_t other = 0; other < classes; other++) {
			if (s->confusion)
				ck_assert_int_eq(s->confusion[k * classes + other],
						 p->confusion[k][other]);
			else if (other != k)
				ck_assert(is_listed(s, k, other, p->confusion[k][other]));
		}
	}
	calibration_is_right(s, p);
}

static const int64_t row_shapes[][3] = {{1, 2, 1},     {5, 3, 1},  {500, 10, 1}, {300, 32, 1},
					{3000, 33, 1}, {9, 4, 50}, {700, 64, 1}};

START_TEST(classes_are_those_of_plain_loops)
{
	int64_t n = row_shapes[_i][0], c = row_shapes[_i][1], d = row_shapes[_i][2];

	for (size_t k = 0; k < COUNT(dtypes); k++) {
		struct plain_classes p;
		struct batch b;

		rows_init(&b, "cross_entropy", n, c, d);
		for (int64_t i = 3; i < n * d; i += 7)
			y_of(&b)[i] = -100;
		p = plain_rows(&b, n, c, d);
		batch_run(&b, dtypes[k]);
		classes_are_right(b.s->classes, &p, c);
		batch_release(&b);
	}
}
END_TEST

START_TEST(two_classes_of_a_binary_loss)
{
	struct plain_classes p;
	struct batch b;

	elements_init(&b, "bce_with_logits", LOSS_ROLE_LOGITS, 1000);
	p = plain_elements(&b, 1000);
	batch_run(&b, LOSS_FLOAT32);
	classes_are_right(b.s->classes, &p, 2);
	batch_release(&b);
}
END_TEST

/* Of many rows a part is looked at, and says so; what it says is near the truth. */
START_TEST(large_batches_are_sampled)
{
	struct plain_classes p;
	struct batch b;

	rows_init(&b, "cross_entropy", 100000, 3, 1);
	p = plain_rows(&b, 100000, 3, 1);
	batch_run(&b, LOSS_FLOAT32);
	ck_assert_int_eq(b.s->classes->rows, 100000);
	ck_assert_int_eq(b.s->classes->counted_rows, 32768);
	ck_assert_int_eq(b.s->classes->predicted_rows, 8192);
	ck_assert(is_near(b.s->classes->accuracy, (long double)p.right / p.rows, 0.02L));
	for (int64_t k = 0; k < 3; k++)
		ck_assert(is_near(b.s->classes->class_rows[k].loss, p.losses[k] / p.counts[k],
				  0.02L));
	expect_nothing(&b, "100000 rows");
	batch_release(&b);
}
END_TEST

/* Of more than 1000 classes those with the largest losses are listed. */
START_TEST(many_classes_are_listed_in_part)
{
	const struct loss_class_statistics *s;
	double least = INFINITY;
	struct batch b;

	rows_init(&b, "cross_entropy", 4000, 1500, 1);
	batch_run(&b, LOSS_FLOAT32);
	s = b.s->classes;
	ck_assert_int_eq(s->row_count, LOSS_CLASSES_LISTED_MAX);
	for (int64_t i = 0; i < s->row_count; i++) {
		ck_assert(i == 0 || s->class_rows[i].index > s->class_rows[i - 1].index);
		least = fmin(least, s->class_rows[i].loss * (double)s->class_rows[i].count);
	}
	/* So much less is left for the others. */
	ck_assert(b.e.result.sum > least * 1000);
	for (int64_t k = 0, i = 0; k < 1500; k++) {
		double sum = 0;

		while (i < s->row_count && s->class_rows[i].index < k)
			i++;
		for (int64_t row = 0; row < 4000; row++)
			if ((int64_t)y_of(&b)[row] == k) {
				double top = -INFINITY, total = 0;

				for (int64_t c = 0; c < 1500; c++)
					top = fmax(top, x_of(&b)[row * 1500 + c]);
				for (int64_t c = 0; c < 1500; c++)
					total += exp(x_of(&b)[row * 1500 + c] - top);
				sum += log(total) + top - x_of(&b)[row * 1500 + k];
			}
		if (i == s->row_count || s->class_rows[i].index != k)
			ck_assert_msg(sum <= least + 1e-3, "class %d has %g, listed from %g",
				      (int)k, sum, least);
	}
	batch_release(&b);
}
END_TEST

START_TEST(the_hardest_rows_come_first)
{
	struct batch b;

	rows_init(&b, "cross_entropy", 9000, 5, 1);
	b.question.spec.common.reduction = LOSS_NONE;
	for (int64_t i = 0; i < 9000; i += 2)
		y_of(&b)[i] = -100;
	batch_run(&b, LOSS_FLOAT32);
	ck_assert_int_eq(b.s->hardest_count, LOSS_HARDEST_MAX);
	for (int i = 0; i < LOSS_HARDEST_MAX; i++) {
		const struct loss_hard_row *row = &b.s->hardest[i];
		int64_t at = row->place[0], better = 0;

		ck_assert_int_eq(b.s->place_rank, 1);
		ck_assert(row->loss == evaluation_get(&b.e, b.e.out.losses, at));
		ck_assert(row->given == (int64_t)y_of(&b)[at]);
		for (int64_t k = 0; k < 9000; k++) {
			double loss = evaluation_get(&b.e, b.e.out.losses, k);

			better += loss > row->loss || (loss == row->loss && k < at);
		}
		ck_assert_int_eq(better, i);
	}
	batch_release(&b);
}
END_TEST

/* ---- Float64 ------------------------------------------------------------------- */

/* A question that any loss can be asked, checked in both dtypes. */
static int check_drawn(const struct draw *draw, int *checked)
{
	struct memory memory = {MEMORY_PLAIN, NULL};
	struct batch b = {.memory = memory};
	int ran = 0;

	for (size_t k = 0; k < COUNT(dtypes); k++) {
		double bound = dtypes[k] == LOSS_FLOAT32 ? 1e-3 : 1e-6;

		b = (struct batch){.memory = {MEMORY_PLAIN, NULL}};
		if (draw_question(&b.question, draw, &b.memory)) {
			batch_run(&b, dtypes[k]);
			ck_assert_msg(!(b.s->check.worst > bound), "%s of %s, %s: error %g",
				      draw->loss->name, loss_role_name(draw->form),
				      loss_dtype_name(dtypes[k]), b.s->check.worst);
			*checked += b.s->check.count > 0 && !isnan(b.s->check.worst);
			ran++;
			evaluation_release(&b.e);
		}
		memory_release(&b.memory);
	}
	return ran;
}

START_TEST(every_gradient_is_the_slope)
{
	static const struct draw draws[] = {
		{.rank = 2, .shape = {7, 5}},
		{.rank = 3, .shape = {2, 4, 6}, .soft = true, .optional = true},
		{.rank = 2, .shape = {40, 100}, .optional = true},
	};
	const struct loss *loss = loss_at((size_t)_i);
	int checked = 0, ran = 0;
	enum loss_role form;

	for (int f = 0; (form = draw_form_at(loss, f)) != LOSS_ROLE_NONE; f++)
		for (size_t i = 0; i < COUNT(draws); i++) {
			struct draw draw = draws[i];

			draw.loss = loss;
			draw.form = form;
			draw.seed = 11 + i;
			ran += check_drawn(&draw, &checked);
		}
	ck_assert_msg(checked > 0 && ran > 0, "%s was never checked", loss->name);
}
END_TEST

START_TEST(a_wrong_gradient_is_told)
{
	struct batch b;
	float *gradient;

	rows_init(&b, "cross_entropy", 50, 7, 1);
	batch_run(&b, LOSS_FLOAT32);
	ck_assert(b.s->check.worst < 1e-4);
	ck_assert_int_eq(b.s->check.count, LOSS_CHECKED_MAX);
	gradient = b.e.out.gradients[0];
	for (int i = 0; i < 350; i++)
		gradient[i] = -gradient[i];
	diagnose(&b);
	ck_assert(b.s->check.worst > 1.9);
	for (int i = 0; i < 350; i++)
		gradient[i] = -1.01f * gradient[i];
	diagnose(&b);
	ck_assert(b.s->check.worst > 0.009 && b.s->check.worst < 0.011);
	batch_release(&b);
}
END_TEST

START_TEST(a_kink_is_no_mistake)
{
	int kinks = 0;
	struct batch b;

	elements_init(&b, "l1", LOSS_ROLE_INPUT, 8);
	for (int i = 0; i < 8; i += 2)
		x_of(&b)[i] = y_of(&b)[i];
	batch_run(&b, LOSS_FLOAT32);
	ck_assert(b.s->check.worst < 1e-6);
	for (int i = 0; i < b.s->check.count; i++)
		kinks += b.s->check.samples[i].is_kink;
	ck_assert_int_eq(kinks, 4);
	batch_release(&b);
}
END_TEST

START_TEST(digits_lost_are_those_of_float64)
{
	long double exact = 0;
	struct batch b;

	rows_init(&b, "cross_entropy", 300, 10, 1);
	for (int64_t i = 0; i < 3000; i++)
		x_of(&b)[i] = (double)(float)x_of(&b)[i];
	for (int64_t row = 0; row < 300; row++) {
		long double sum = 0;

		for (int64_t k = 0; k < 10; k++)
			sum += expl(x_of(&b)[row * 10 + k]);
		exact += logl(sum) - x_of(&b)[row * 10 + (int64_t)y_of(&b)[row]];
	}
	batch_run(&b, LOSS_FLOAT32);
	ck_assert_int_eq(b.s->cancellation.units, 300);
	ck_assert(is_near(b.s->cancellation.exact, exact, 1e-12L * exact));
	ck_assert(is_near(b.s->cancellation.sum, exact, 1e-6L * exact));
	ck_assert(is_near(b.s->cancellation.relative_error,
			  fabsl(b.s->cancellation.sum - exact) / exact, 1e-12L));
	batch_release(&b);
}
END_TEST

/* ---- The findings ---------------------------------------------------------------- */

START_TEST(imbalance)
{
	const struct loss_finding *f;
	struct batch b;

	rows_init(&b, "cross_entropy", 500, 3, 1);
	for (int64_t i = 0; i < 500; i++)
		y_of(&b)[i] = i % 50 == 7 ? 1 : i % 2 ? 2 : 0;
	batch_run(&b, LOSS_FLOAT32);
	f = finding(&b, LOSS_FINDING_CLASS_IMBALANCE);
	ck_assert(f != NULL && b.d.finding_count == 1);
	ck_assert_double_eq(operand(f, "largest"), 0);
	ck_assert_double_eq(operand(f, "smallest"), 1);
	ck_assert_double_eq(operand(f, "ratio"), 25);
	ck_assert_int_eq(b.s->classes->suggestion_count, 2);
	for (int i = 0; i < 2; i++) {
		const struct loss_suggestion *suggestion = &b.s->classes->suggestions[i];
		double share = 10 / 500.0;
		double expected = suggestion->rule == LOSS_WEIGHT_EFFECTIVE_NUMBER
					  ? 0.001 / (1 - pow(0.999, 10))
					  : 1 / log(1.02 + share);

		ck_assert(is_near(suggestion->weights[1], expected, 1e-9L * expected));
	}
	batch_release(&b);
}
END_TEST

START_TEST(no_imbalance)
{
	struct batch b;
	int64_t one = 3;

	/* 9 to 1. */
	rows_init(&b, "cross_entropy", 500, 2, 1);
	for (int64_t i = 0; i < 500; i++)
		y_of(&b)[i] = i % 10 == 0;
	batch_run(&b, LOSS_FLOAT32);
	expect_nothing(&b, "9 to 1");
	batch_release(&b);
	/* 12 of one class and none of the others: too few to tell. */
	rows_init(&b, "cross_entropy", 12, 10, 1);
	for (int64_t i = 0; i < 12; i++)
		y_of(&b)[i] = 4;
	batch_run(&b, LOSS_FLOAT32);
	expect_nothing(&b, "12 rows");
	batch_release(&b);
	/* Weighted already. */
	rows_init(&b, "cross_entropy", 500, 3, 1);
	take_input(&b, LOSS_ROLE_WEIGHT, 1, &one, false);
	for (int i = 0; i < 3; i++)
		b.question.inputs[2].numbers.values[i] = 1 + i;
	for (int64_t i = 0; i < 500; i++)
		y_of(&b)[i] = i % 50 == 7 ? 1 : i % 2 ? 2 : 0;
	batch_run(&b, LOSS_FLOAT32);
	expect_nothing(&b, "with weights");
	batch_release(&b);
}
END_TEST

START_TEST(absent_classes)
{
	const struct loss_finding *f;
	struct batch b;

	rows_init(&b, "cross_entropy", 300, 10, 1);
	for (int64_t i = 0; i < 300; i++)
		y_of(&b)[i] = y_of(&b)[i] == 4 || y_of(&b)[i] == 6 ? 5 : y_of(&b)[i];
	batch_run(&b, LOSS_FLOAT32);
	f = finding(&b, LOSS_FINDING_CLASS_ABSENT);
	ck_assert(f != NULL && b.d.finding_count == 1);
	ck_assert_double_eq(operand(f, "absent"), 2);
	ck_assert_double_eq(operand(f, "class"), 4);
	batch_release(&b);
	/* 20 of each are expected, and none might come once in a million batches. */
	rows_init(&b, "cross_entropy", 200, 10, 1);
	for (int64_t i = 0; i < 200; i++)
		y_of(&b)[i] = y_of(&b)[i] == 4 ? 5 : y_of(&b)[i];
	batch_run(&b, LOSS_FLOAT32);
	expect_nothing(&b, "20 of each");
	batch_release(&b);
	rows_init(&b, "cross_entropy", 4, 1000, 1);
	batch_run(&b, LOSS_FLOAT32);
	expect_nothing(&b, "4 rows of 1000 classes");
	batch_release(&b);
}
END_TEST

START_TEST(single_class)
{
	const struct loss_finding *f;
	struct batch b;

	rows_init(&b, "cross_entropy", 32, 10, 1);
	for (int64_t i = 0; i < 32; i++)
		y_of(&b)[i] = i == 3 ? -100 : 7;
	batch_run(&b, LOSS_FLOAT32);
	f = finding(&b, LOSS_FINDING_SINGLE_CLASS_TARGETS);
	ck_assert(f != NULL && b.d.finding_count == 1);
	ck_assert_double_eq(operand(f, "count_total"), 31);
	ck_assert_double_eq(operand(f, "class"), 7);
	batch_release(&b);
	rows_init(&b, "cross_entropy", 8, 10, 1);
	for (int64_t i = 0; i < 8; i++)
		y_of(&b)[i] = 7;
	batch_run(&b, LOSS_FLOAT32);
	expect_nothing(&b, "8 rows of one class");
	batch_release(&b);
}
END_TEST

/* A batch that has learnt: the target leads by `lead` and some noise. */
static void learn(struct batch *b, int64_t n, int64_t c, double lead)
{
	for (int64_t row = 0; row < n; row++)
		x_of(b)[row * c + (int64_t)y_of(b)[row]] += lead;
}

START_TEST(suspect_labels)
{
	const struct loss_finding *f;
	struct batch b;

	rows_init(&b, "cross_entropy", 200, 10, 1);
	learn(&b, 200, 10, 9);
	y_of(&b)[17] = fmod(y_of(&b)[17] + 1, 10);
	y_of(&b)[120] = fmod(y_of(&b)[120] + 1, 10);
	batch_run(&b, LOSS_FLOAT32);
	f = finding(&b, LOSS_FINDING_SUSPECT_LABELS);
	ck_assert(f != NULL && b.d.finding_count == 1);
	ck_assert_int_eq(f->count, 2);
	ck_assert(f->places[0] == 17 && f->places[1] == 120);
	ck_assert_double_eq(operand(f, "given"), y_of(&b)[17]);
	ck_assert_double_eq(operand(f, "predicted"), fmod(y_of(&b)[17] + 9, 10));
	batch_release(&b);
	/* Wrong, but not sure of it. */
	rows_init(&b, "cross_entropy", 200, 10, 1);
	learn(&b, 200, 10, 9);
	x_of(&b)[170 + (int64_t)y_of(&b)[17]] -= 9;
	batch_run(&b, LOSS_FLOAT32);
	expect_nothing(&b, "an unsure row");
	batch_release(&b);
	/* A third of the labels: then it is not they that are wrong. */
	rows_init(&b, "cross_entropy", 200, 10, 1);
	learn(&b, 200, 10, 9);
	for (int64_t i = 0; i < 200; i += 3)
		y_of(&b)[i] = fmod(y_of(&b)[i] + 1, 10);
	batch_run(&b, LOSS_FLOAT32);
	ck_assert(finding(&b, LOSS_FINDING_SUSPECT_LABELS) == NULL);
	batch_release(&b);
}
END_TEST

START_TEST(a_high_loss)
{
	const struct loss_finding *f;
	struct batch b;

	rows_init(&b, "cross_entropy", 50, 10, 1);
	for (int64_t i = 0; i < 500; i++)
		x_of(&b)[i] *= 20;
	batch_run(&b, LOSS_FLOAT32);
	f = finding(&b, LOSS_FINDING_HIGH_INITIAL_LOSS);
	ck_assert(f != NULL && b.d.finding_count == 1);
	ck_assert(is_near(operand(f, "guess"), logl(10), 1e-12L));
	ck_assert(is_near(operand(f, "loss"), b.e.result.loss, 1e-12L));
	batch_release(&b);
	rows_init(&b, "cross_entropy", 50, 10, 1);
	for (int64_t i = 0; i < 500; i++)
		x_of(&b)[i] *= 5;
	batch_run(&b, LOSS_FLOAT32);
	expect_nothing(&b, "a loss of some nats more");
	batch_release(&b);
}
END_TEST

/* Nine in ten certain, and wrong. */
START_TEST(saturated)
{
	const struct loss_finding *f;
	struct batch b;

	for (int wrong = 16; wrong < 20; wrong += 2) {
		elements_init(&b, "bce_with_logits", LOSS_ROLE_LOGITS, 20);
		for (int64_t i = 0; i < 20; i++)
			x_of(&b)[i] = (i < wrong) == (y_of(&b)[i] < 0.5) ? 110 : -110;
		batch_run(&b, LOSS_FLOAT32);
		f = finding(&b, LOSS_FINDING_SATURATED);
		ck_assert((f != NULL) == (wrong == 18));
		if (f) {
			ck_assert_int_eq(f->count, 18);
			ck_assert_int_eq(f->places[15], 15);
			ck_assert_double_eq(operand(f, "share"), 0.9);
		}
		batch_release(&b);
	}
}
END_TEST

static bool is_near_overflow(double largest, enum loss_finding_code code)
{
	struct batch b;
	bool is_found;

	rows_init(&b, "cross_entropy", 20, 5, 1);
	x_of(&b)[7] = largest;
	batch_run(&b, LOSS_FLOAT32);
	is_found = finding(&b, code) != NULL;
	if (is_found) {
		double powers = operand(finding(&b, code), "headroom");

		ck_assert(operand(finding(&b, code), "value") == (double)(float)largest);
		ck_assert(powers >= 0 && powers < 1);
	}
	batch_release(&b);
	return is_found;
}

START_TEST(near_overflow)
{
	ck_assert(is_near_overflow(-40000, LOSS_FINDING_NEAR_OVERFLOW_FLOAT16));
	ck_assert(!is_near_overflow(32000, LOSS_FINDING_NEAR_OVERFLOW_FLOAT16));
	ck_assert(!is_near_overflow(70000, LOSS_FINDING_NEAR_OVERFLOW_FLOAT16));
	ck_assert(is_near_overflow(2e38, LOSS_FINDING_NEAR_OVERFLOW_BFLOAT16));
	ck_assert(!is_near_overflow(1e38, LOSS_FINDING_NEAR_OVERFLOW_BFLOAT16));
	ck_assert(is_near_overflow(2e38, LOSS_FINDING_NEAR_OVERFLOW_FLOAT32));
	ck_assert(!is_near_overflow(1e38, LOSS_FINDING_NEAR_OVERFLOW_FLOAT32));
}
END_TEST

START_TEST(subnormal)
{
	const struct loss_finding *f;
	struct batch b;

	for (int many = 0; many < 2; many++) {
		int64_t n = many ? 12 : 9;

		elements_init(&b, "l1", LOSS_ROLE_INPUT, 20);
		for (int64_t i = 0; i < 20; i++)
			x_of(&b)[i] = i < n + 7 ? 1e-40 : 1;
		if (!many)
			x_of(&b)[0] = 1;
		batch_run(&b, LOSS_FLOAT32);
		f = finding(&b, LOSS_FINDING_SUBNORMAL);
		ck_assert((f != NULL) == many);
		if (f) {
			ck_assert_int_eq(f->count, 19);
			ck_assert_int_eq(f->places[3], 3);
		}
		batch_release(&b);
	}
}
END_TEST

/* Distributions that are next to equal: the terms of their divergence cancel. */
START_TEST(cancellation)
{
	int64_t shape[] = {40, 25};
	double apart[] = {1e-6, 0.1};

	for (int k = 0; k < 2; k++) {
		struct batch b;

		batch_init(&b, "kl_div", 3);
		take_input(&b, LOSS_ROLE_LOG_PROBS, 2, shape, false);
		take_input(&b, LOSS_ROLE_TARGETS, 2, shape, false);
		for (int64_t row = 0; row < 40; row++) {
			double sum = 0, *x = x_of(&b) + row * 25, *y = y_of(&b) + row * 25;
			double total = 0;

			for (int i = 0; i < 25; i++)
				sum += y[i] = draw_uniform(&b.seed) + 0.1;
			for (int i = 0; i < 25; i++) {
				y[i] /= sum;
				x[i] = log(y[i]) + apart[k] * (i % 2 ? 1 : -1);
				total += exp(x[i]);
			}
			for (int i = 0; i < 25; i++)
				x[i] -= log(total);
		}
		batch_run(&b, LOSS_FLOAT32);
		if (k == 0) {
			const struct loss_finding *f = finding(&b, LOSS_FINDING_CANCELLATION);

			ck_assert_msg(f != NULL, "relative error %g",
				      b.s->cancellation.relative_error);
			ck_assert(operand(f, "digits") > 3);
		} else {
			ck_assert(finding(&b, LOSS_FINDING_CANCELLATION) == NULL);
			ck_assert(b.s->cancellation.digits_lost < 2);
		}
		batch_release(&b);
	}
}
END_TEST

START_TEST(healthy_batches_have_no_finding)
{
	static const int64_t rows[] = {1, 2, 3, 4, 16, 17, 100, 1000};
	static const int64_t classes[] = {2, 3, 10, 33, 300};

	for (int round = 0; round < 20; round++)
		for (size_t i = 0; i < COUNT(rows); i++)
			for (size_t k = 0; k < COUNT(classes); k++) {
				struct batch b;

				rows_init(&b, round % 2 ? "softmax_focal" : "cross_entropy",
					  rows[i] + round, classes[k], 1);
				batch_run(&b, LOSS_FLOAT32);
				expect_nothing(&b, "normal logits");
				batch_release(&b);
			}
}
END_TEST

/* ---- Whatever comes in ------------------------------------------------------------ */

/* Memory ends at an unreadable page, that of the diagnosis too. */
static void look_at_anything(const struct draw *draw, int *looks)
{
	for (size_t k = 0; k < COUNT(dtypes); k++) {
		struct batch b = {.memory = {MEMORY_PLAIN, NULL}};

		if (draw_question(&b.question, draw, &b.memory)) {
			if (!evaluation_init(&b.e, &b.question, dtypes[k], MEMORY_GUARD_BEHIND) &&
			    !evaluation_run(&b.e)) {
				diagnose(&b);
				ck_assert(b.s != NULL);
				*looks += 1;
			}
			evaluation_release(&b.e);
		}
		memory_release(&b.memory);
	}
}

static void look_at_shape(const struct draw *shaped, int *looks)
{
	enum loss_role form;

	for (int f = 0; (form = draw_form_at(shaped->loss, f)) != LOSS_ROLE_NONE; f++)
		for (int variety = 0; variety < 8; variety++) {
			struct draw draw = *shaped;

			draw.form = form;
			draw.optional = variety & 1;
			draw.soft = variety & 2;
			draw.strange = variety & 4;
			look_at_anything(&draw, looks);
		}
}

START_TEST(strange_batches_do_no_harm)
{
	static const int64_t sizes[] = {0, 1, 2, 15, 17, 33, 129};
	int looks = 0;

	for (size_t i = 0; i < COUNT(sizes); i++) {
		int64_t n = sizes[i];
		const struct draw draws[] = {{.rank = 1, .shape = {n}},
					     {.rank = 2, .shape = {n, 3}},
					     {.rank = 2, .shape = {2, n}},
					     {.rank = 3, .shape = {2, n, 3}},
					     {.rank = 4, .shape = {1, 40, 2, n}}};

		for (size_t k = 0; k < COUNT(draws); k++) {
			struct draw draw = draws[k];

			draw.loss = loss_at((size_t)_i);
			draw.seed = i * 8 + k + 1;
			look_at_shape(&draw, &looks);
		}
	}
	ck_assert_int_gt(looks, 100);
}
END_TEST

/* ---- As JSON ----------------------------------------------------------------------- */

/* Rows of noise, one in forty of class 1 and the others of class 0: the answer is
 * held against the contract with all the others. */
static void post_imbalanced(const char *loss, int n, int c, struct answer *answer)
{
	size_t room = 200 + (size_t)n * (size_t)(c + 1) * 12;
	char *body = malloc(room), *at = body;
	uint64_t seed = 9;

	at += sprintf(at, "{\"loss\":\"%s\",\"diagnostics\":\"full\",\"logits\":[", loss);
	for (int row = 0; row < n; row++) {
		at += sprintf(at, row ? ",%s" : "%s", c > 1 ? "[" : "");
		for (int k = 0; k < c; k++)
			at += sprintf(at, k ? ",%.4f" : "%.4f", bell(&seed));
		at += sprintf(at, "%s", c > 1 ? "]" : "");
	}
	at += sprintf(at, "],\"targets\":[");
	for (int row = 0; row < n; row++)
		at += sprintf(at, row ? ",%d" : "%d", row % 40 == 7);
	sprintf(at, "]}");
	ask_post(body, answer);
	answer_expect(answer, 200);
	free(body);
}

START_TEST(statistics_are_told)
{
	static const char stats[] = "/diagnostics/stats/classes/";
	static const struct {
		const char *loss;
		int n, c;
		const char *has;
	} cases[] = {
		{"cross_entropy", 120, 3, "against_imbalance/weights/1/weights/2"},
		{"cross_entropy", 120, 3, "confusion/1/2"},
		{"cross_entropy", 120, 40, "confused/0/given"},
		{"bce_with_logits", 120, 1, "against_imbalance/pos_weight"},
	};
	char pointer[120];
	struct answer answer;

	post_imbalanced(cases[_i].loss, cases[_i].n, cases[_i].c, &answer);
	snprintf(pointer, sizeof pointer, "%s%s", stats, cases[_i].has);
	ck_assert_msg(answer_at(&answer, pointer) != NULL, "%s: %s", pointer, answer.text);
	answer_free(&answer);
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

static TCase *cases(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 120);
	suite_add_tcase(suite, tcase);
	return tcase;
}

Suite *statistics_suite(void)
{
	Suite *suite = suite_create("statistics");
	TCase *tensors = cases(suite, "tensors"), *isa = cases(suite, "isa");
	TCase *classes = cases(suite, "classes"), *float64 = cases(suite, "float64");
	TCase *findings = cases(suite, "findings");

	tcase_add_loop_test(tensors, summaries_are_those_of_plain_loops, 0, KINDS);
	tcase_add_loop_test(tensors, quantiles_are_those_of_sorted_values, 0, KINDS);
	tcase_add_test(tensors, a_sample_is_not_in_step_with_an_axis);
	tcase_add_loop_test(tensors, saturated_is_what_rounds_to_0_or_1, 0, 2);
	tcase_add_test(tensors, top_keeps_the_largest);
	tcase_add_loop_test(isa, kernels_have_the_same_bits_everywhere, 0, KINDS);
	tcase_add_test(isa, the_top_of_a_row_is_its_softmax);
	tcase_add_loop_test(classes, classes_are_those_of_plain_loops, 0, (int)COUNT(row_shapes));
	tcase_add_test(classes, two_classes_of_a_binary_loss);
	tcase_add_test(classes, large_batches_are_sampled);
	tcase_add_test(classes, many_classes_are_listed_in_part);
	tcase_add_test(classes, the_hardest_rows_come_first);
	tcase_add_loop_test(float64, every_gradient_is_the_slope, 0, (int)loss_count());
	tcase_add_test(float64, a_wrong_gradient_is_told);
	tcase_add_test(float64, a_kink_is_no_mistake);
	tcase_add_test(float64, digits_lost_are_those_of_float64);
	tcase_add_test(findings, imbalance);
	tcase_add_test(findings, no_imbalance);
	tcase_add_test(findings, absent_classes);
	tcase_add_test(findings, single_class);
	tcase_add_test(findings, suspect_labels);
	tcase_add_test(findings, a_high_loss);
	tcase_add_test(findings, saturated);
	tcase_add_test(findings, near_overflow);
	tcase_add_test(findings, subnormal);
	tcase_add_test(findings, cancellation);
	tcase_add_loop_test(findings, strange_batches_do_no_harm, 0, (int)loss_count());
	tcase_add_loop_test(findings, statistics_are_told, 0, 4);
	tcase_add_test(findings, healthy_batches_have_no_finding);
	return suite;
}
