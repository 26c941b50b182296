/*
 * Rows of class scores in every layout: the golden data are small, so larger
 * rows are compared with their formulas, taken in long double, one class after
 * another.
 */
#include <math.h>
#include <stdlib.h>

#include <check.h>

#include "draw.h"

Suite *rows_suite(void);

/* What is allowed, in units of the precision of the dtype: of the two terms of a
 * gradient, what the catalogue states for the loss and two products more, and
 * of the sum of all |terms| of the loss.  Sums of c numbers are taken in float64,
 * which adds up to sqrt(c) / 4 where the dtype is float64, too.  Where the same
 * share of a target is added for every class, rounding takes the same each time:
 * c / 2 is the most. */
static const double PRODUCTS_EPS = 2, VALUE_EPS = 4;

/* (n, c, d) and how the classes are laid into vectors. */
static const struct {
	int64_t n, c, d;
} shapes[] = {
	{67, 5, 1},   {70, 32, 1},  /* transposed */
	{19, 33, 1},  {33, 100, 1}, /* one after another, with the last group early */
	{5, 250, 1},  {3, 9001, 1}, {2, 20000, 1}, {2, 131073, 1}, {1, 300007, 1}, /* split */
	{7, 6, 3},    {3, 21, 67},                 /* copied, over the ends of samples */
	{2, 140, 33}, {2, 600, 5},  {1, 1030, 40}, /* strided */
};

enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* h of log-probability ls and target q, and its derivative. */
typedef long double term_fn(long double ls, long double q, long double *slope);

static long double cross_entropy(long double ls, long double q, long double *slope)
{
	*slope = -q;
	return -q * ls;
}

static long double divergence(long double ls, long double q, long double *slope)
{
	*slope = -q;
	return q * (logl(q) - ls);
}

/* gamma = 2 */
static long double focal(long double ls, long double q, long double *slope)
{
	long double p = expl(ls), u = -expm1l(ls);

	*slope = -q * (u * u - 2 * p * u * ls);
	return -q * u * u * ls;
}

static const struct {
	const char *loss;
	term_fn *term;
	bool hard, soft;
	double smoothing; /* of the targets */
} losses[] = {
	{"cross_entropy", cross_entropy, true, true, 0},
	{"cross_entropy", cross_entropy, true, true, 0.125},
	{"softmax_focal", focal, true, true, 0},
	{"kl_div", divergence, false, true, 0},
};

enum { LOSSES = sizeof losses / sizeof losses[0] };

struct row {
	const struct evaluation *e;
	term_fn *term;
	int64_t c, d;
	int64_t at;     /* of class 0 in the prediction */
	int64_t target; /* -1: soft */
	double smoothing;
	long double max, sum;
};

static long double score(const struct row *row, int64_t k)
{
	return (long double)evaluation_get(row->e, row->e->data[0], row->at + k * row->d);
}

static long double target(const struct row *row, int64_t k)
{
	long double q = k == row->target;

	if (row->target < 0)
		q = (long double)evaluation_get(row->e, row->e->data[1], row->at + k * row->d);
	return (1 - row->smoothing) * q + row->smoothing / (long double)row->c;
}

/* The term of class k; its log-probability into *ls. */
static long double term(const struct row *row, int64_t k, long double *ls, long double *slope)
{
	long double q = target(row, k);

	*ls = score(row, k) - row->max - logl(row->sum);
	*slope = 0;
	return q == 0 ? 0 : row->term(*ls, q, slope);
}

static double eps_of(const struct evaluation *e)
{
	return e->dtype == LOSS_FLOAT32 ? 0x1p-23 : 0x1p-52;
}

static double sums_eps(const struct row *row)
{
	bool same_shares = row->smoothing != 0 && (row->target < 0 || row->d > 1);

	if (row->e->dtype != LOSS_FLOAT64)
		return 0;
	return same_shares ? (double)row->c / 2 : sqrt((double)row->c) / 4;
}

static void check_gradient(const struct row *row, long double total)
{
	double allowed = row->e->question->spec.loss->ulp + PRODUCTS_EPS + sums_eps(row);

	for (int64_t k = 0; k < row->c; k++) {
		long double ls, slope;

		term(row, k, &ls, &slope);
		double want = (double)(slope - expl(ls) * total);
		double size = (double)(fabsl(slope) + expl(ls) * fabsl(total));
		double got = evaluation_get(row->e, row->e->out.gradients[0], row->at + k * row->d);

		/* x - max is rounded once, to no more digits than it has. */
		size *= 1 + fabs((double)(score(row, k) - row->max)) / allowed;
		ck_assert_msg(fabs(got - want) <= allowed * eps_of(row->e) * size,
			      "%s, row at %lld, class %lld: gradient %.17g, expected %.17g, "
			      "off by %.1f eps",
			      loss_dtype_name(row->e->dtype), (long long)row->at, (long long)k, got,
			      want, fabs(got - want) / (eps_of(row->e) * size));
	}
}

/* Adds the terms of a row, and their sizes. */
static void check_row(struct row *row, long double *sum, long double *sizes)
{
	long double ls, slope, total = 0;

	row->max = -INFINITY;
	row->sum = 0;
	for (int64_t k = 0; k < row->c; k++)
		row->max = fmaxl(row->max, score(row, k));
	for (int64_t k = 0; k < row->c; k++)
		row->sum += expl(score(row, k) - row->max);
	for (int64_t k = 0; k < row->c; k++) {
		long double h = term(row, k, &ls, &slope);

		total += slope;
		*sum += h;
		*sizes += fabsl(h);
	}
	check_gradient(row, total);
}

static void check_shape(int loss, int shape, bool soft, enum loss_dtype dtype)
{
	struct draw draw = {.loss = loss_find(losses[loss].loss),
			    .form = LOSS_ROLE_LOGITS,
			    .rank = shapes[shape].d == 1 ? 2 : 3,
			    .shape = {shapes[shape].n, shapes[shape].c, shapes[shape].d},
			    .soft = soft,
			    .seed = (uint64_t)shape};
	struct memory memory = {MEMORY_PLAIN, NULL};
	long double sum = 0, sizes = 0;
	double allowed = VALUE_EPS;
	struct question question;
	struct evaluation e;

	ck_assert(draw_question(&question, &draw, &memory));
	question.spec.common.reduction = LOSS_SUM;
	if (losses[loss].smoothing != 0)
		ck_assert(!loss_param_set(&question.spec, "label_smoothing",
					  (struct loss_value){.kind = LOSS_VALUE_REAL,
							      .real = losses[loss].smoothing},
					  NULL));
	ck_assert(!evaluation_init(&e, &question, dtype, MEMORY_PLAIN));
	evaluation_fill(&e, 0xff);
	ck_assert(!evaluation_run(&e));
	for (int64_t i = 0; i < shapes[shape].n * shapes[shape].d; i++) {
		int64_t c = shapes[shape].c, d = shapes[shape].d;
		struct row row = {.e = &e,
				  .term = losses[loss].term,
				  .c = c,
				  .d = d,
				  .at = i / d * c * d + i % d,
				  .target = -1,
				  .smoothing = losses[loss].smoothing};

		if (!soft)
			row.target = (int64_t)question.inputs[1].numbers.values[i];
		check_row(&row, &sum, &sizes);
		allowed = VALUE_EPS + sums_eps(&row);
	}
	ck_assert_msg(fabs(e.result.sum - (double)sum) <= allowed * eps_of(&e) * (double)sizes,
		      "%s of (%lld, %lld, %lld): %.17g, expected %.17g", losses[loss].loss,
		      (long long)shapes[shape].n, (long long)shapes[shape].c,
		      (long long)shapes[shape].d, e.result.sum, (double)sum);
	evaluation_release(&e);
	memory_release(&memory);
}

START_TEST(every_layout)
{
	for (int loss = 0; loss < LOSSES; loss++)
		for (int soft = !losses[loss].hard; soft <= losses[loss].soft; soft++) {
			check_shape(loss, _i, soft, LOSS_FLOAT32);
			check_shape(loss, _i, soft, LOSS_FLOAT64);
		}
}
END_TEST

Suite *rows_suite(void)
{
	Suite *suite = suite_create("rows");
	TCase *tcase = tcase_create("layouts");

	tcase_set_timeout(tcase, 240);
	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, every_layout, 0, SHAPES);
	return suite;
}
