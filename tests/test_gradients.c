/*
 * Every gradient against finite differences of its own value, in float64: all
 * losses, all differentiable inputs, every parameter setting of the golden
 * cases.
 *
 * Differences are taken on both sides of a point and extrapolated to step 0
 * (Neville over four halvings), so their error is the rounding of the value
 * over the smallest step.  A smooth point has one slope, and the gradient must
 * be it.  At a kink the two sides differ, and the gradient must lie between
 * them: be a subgradient.
 *
 * At the edge of a domain (a probability of 0) the slope on the inner side is
 * the one.
 *
 * Points that cannot be compared are counted and printed, by reason:
 *   infinite  the input is not finite; if the loss is, the gradient must be 0
 *   singular  no slope is finite, or none but that on one side, to which the
 *             gradient is infinite (y log y at 0)
 *   floored   p(1-p) is below the floor 1e-12, where the gradient of binary
 *             cross entropy is decided and not derived
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "golden.h"
#include "loss_impl.h"

Suite *gradients_suite(void);

enum {
	ELEMENTS_MAX = 72, /* larger cases repeat what the small ones show */
	LEVELS = 4,
};

static const double STEP = 0x1p-10, TOLERANCE = 1e-7, FLOOR = 1e-12;

struct tally {
	int cases, points, kinks, edges, infinite, singular, floored, wrong;
	int without_value; /* cases whose loss is not finite */
};

struct slopes {
	double left, right;
	double noise; /* what rounding alone may put into them */
};

/* One case on its way. */
struct probe {
	struct evaluation e;
	struct tally *tally;
	double here; /* the value at the point */
	double size; /* of what it is the sum of: cancelled terms bring their rounding */
};

/* ---- The value ------------------------------------------------------------ */

/* What the gradient is of: the reduced loss, or the sum of the unreduced ones. */
static double objective(struct evaluation *e)
{
	double sum = 0;

	if (evaluation_run(e))
		return (double)NAN;
	if (!e->out.losses)
		return e->result.loss;
	for (int64_t i = 0; i < e->losses_count; i++)
		sum += evaluation_get(e, e->out.losses, i);
	return sum;
}

static double moved(struct evaluation *e, int input, int64_t at, double x)
{
	double old = e->question->inputs[input].numbers.values[at], value;

	evaluation_put(e, e->data[input], at, x);
	value = objective(e);
	evaluation_put(e, e->data[input], at, old);
	return value;
}

/* ---- Differences ---------------------------------------------------------- */

static double power_of_two_below(double x)
{
	int exponent;

	frexp(x, &exponent);
	return ldexp(1, exponent - 1);
}

/* What is small by itself, and the loss adds so that a number is not 0. */
static double eps_of(const struct question *q)
{
	const struct loss_param_row *row;
	double eps = 0;
	bool is_common;

	for (size_t i = 0; (row = loss_param_at(q->spec.loss, i, &is_common)); i++)
		if (row->is_eps || (!strcmp(row->name, "eps") && row->init < STEP))
			eps = fmax(eps, loss_param_number(&q->spec, row->name, 0));
	return eps;
}

/* A power of two, so that x + step is exact; small beside numbers that have a
 * logarithm, large enough beside huge ones to change them. */
static double step_at(const struct question *q, enum loss_role role, double x)
{
	double step = STEP, room = fabs(x);

	if (role == LOSS_ROLE_PROBS)
		room = fmin(x, 1 - x);
	if (role == LOSS_ROLE_PROBS || role == LOSS_ROLE_INPUT || role == LOSS_ROLE_INPUT1 ||
	    role == LOSS_ROLE_INPUT2)
		room = fmax(room, 0) + eps_of(q);
	else if (role == LOSS_ROLE_VAR) /* the step ends before the clamp */
		room = fabs(x - eps_of(q));
	else if (role != LOSS_ROLE_TARGETS)
		room = 0;
	if (room > 0 && room / 64 < step)
		step = power_of_two_below(room / 64);
	return fmax(step, power_of_two_below(fabs(x)) * 0x1p-40);
}

/* The one-sided slope towards x + step, extrapolated to step 0. */
static double slope_towards(struct probe *p, int input, int64_t at, double step, double *largest)
{
	double x = p->e.question->inputs[input].numbers.values[at], table[LEVELS];

	for (int i = 0; i < LEVELS; i++) {
		double h = ldexp(step, -i), there = moved(&p->e, input, at, x + h);

		if (isfinite(there))
			*largest = fmax(*largest, fabs(there));
		table[i] = (there - p->here) / h;
		for (int k = i - 1; k >= 0; k--)
			table[k] = table[k + 1] + (table[k + 1] - table[k]) / (ldexp(1, i - k) - 1);
	}
	return table[0];
}

static struct slopes slopes_at(struct probe *p, int input, int64_t at)
{
	double step = step_at(p->e.question, p->e.question->inputs[input].role,
			      p->e.question->inputs[input].numbers.values[at]);
	double largest = fmax(fabs(p->here), p->size);
	struct slopes s;

	s.right = slope_towards(p, input, at, step, &largest);
	s.left = slope_towards(p, input, at, -step, &largest);
	s.noise = 64 * 0x1p-52 * largest / ldexp(step, 1 - LEVELS);
	return s;
}

/* ---- Points --------------------------------------------------------------- */

static void complain(struct probe *p, int input, int64_t at, double gradient,
		     const struct slopes *s)
{
	const struct question *q = p->e.question;

	p->tally->wrong++;
	fprintf(stderr, "%s: %s: gradient of %s[%lld] is %.12g, the slopes are %.12g and %.12g\n",
		q->spec.loss->name, q->name, loss_role_name(q->inputs[input].role), (long long)at,
		gradient, s->left, s->right);
}

static bool is_floored(const struct question *q, int input, double x)
{
	const struct loss *loss = q->spec.loss;

	return q->inputs[input].role == LOSS_ROLE_PROBS && x * (1 - x) < 2 * FLOOR &&
	       (loss->impl->is_bounded || !strcmp(loss->family, "binary"));
}

static void compare(struct probe *p, int input, int64_t at, double gradient, const struct slopes *s)
{
	double tolerance = TOLERANCE * fmax(fabs(s->left), fabs(s->right)) + s->noise;

	p->tally->points++;
	p->tally->kinks += fabs(s->left - s->right) > 2 * tolerance;
	if (!(gradient >= fmin(s->left, s->right) - tolerance &&
	      gradient <= fmax(s->left, s->right) + tolerance))
		complain(p, input, at, gradient, s);
}

static void check_point(struct probe *p, int input, int64_t at, double gradient)
{
	double x = p->e.question->inputs[input].numbers.values[at];
	struct slopes s = {0};

	if (!isfinite(x)) {
		p->tally->infinite++;
		if (gradient != 0)
			complain(p, input, at, gradient, &s);
		return;
	}
	if (is_floored(p->e.question, input, x)) {
		p->tally->floored++;
		return;
	}
	s = slopes_at(p, input, at);
	if (isfinite(s.left) && isfinite(s.right)) {
		compare(p, input, at, gradient, &s);
	} else if ((isfinite(s.left) || isfinite(s.right)) && !isinf(gradient)) {
		s.left = s.right = isfinite(s.left) ? s.left : s.right;
		p->tally->edges++;
		compare(p, input, at, gradient, &s);
	} else {
		p->tally->singular++;
	}
}

/* ---- Cases ---------------------------------------------------------------- */

/* The gradient as first computed; later evaluations overwrite the output. */
static const double *copy_gradient(struct evaluation *e, int input)
{
	int64_t count = e->question->inputs[input].numbers.count;
	double *copy = memory_take(&e->memory, (size_t)count * sizeof *copy);

	for (int64_t i = 0; i < count; i++)
		copy[i] = evaluation_get(e, e->out.gradients[input], i);
	return copy;
}

static void check_inputs(struct probe *p)
{
	const struct question *q = p->e.question;
	const double *gradients[LOSS_INPUTS_MAX] = {NULL};

	for (int i = 0; i < q->input_count; i++)
		if (p->e.out.gradients[i])
			gradients[i] = copy_gradient(&p->e, i);
	for (int i = 0; i < q->input_count; i++)
		for (int64_t at = 0; gradients[i] && at < q->inputs[i].numbers.count; at++)
			check_point(p, i, at, gradients[i][at]);
}

static double size_of(const struct golden_case *golden)
{
	double size = golden->size;

	for (int64_t i = 0; golden->losses.sizes && i < golden->losses.numbers.count; i++)
		size += golden->losses.sizes[i];
	return size;
}

static void check_case(const struct golden_case *golden, struct tally *tally)
{
	struct probe p = {.tally = tally, .size = size_of(golden)};

	ck_assert_msg(!evaluation_init(&p.e, &golden->question, LOSS_FLOAT64, MEMORY_PLAIN),
		      "%s: %s", golden->question.name, p.e.error.text);
	evaluation_fill(&p.e, 0xff);
	p.here = objective(&p.e);
	if (isfinite(p.here)) {
		tally->cases++;
		check_inputs(&p);
	} else {
		tally->without_value++;
	}
	evaluation_release(&p.e);
}

/* All inputs that the loss has a gradient for; their elements. */
static int64_t differentiate_all(struct question *question)
{
	const struct loss *loss = question->spec.loss;
	int64_t elements = 0;

	for (int i = 0; i < question->input_count; i++) {
		int row = loss_input_find(loss, question->inputs[i].role);

		question->inputs[i].differentiate =
			loss_input_at(loss, (size_t)row)->differentiable &&
			!question->inputs[i].numbers.index;
		if (question->inputs[i].differentiate)
			elements += question->inputs[i].numbers.count;
	}
	return elements;
}

START_TEST(every_gradient)
{
	const struct loss *loss = loss_at((size_t)_i);
	struct golden_file file;
	struct tally tally = {0};

	ck_assert_msg(golden_load(&file, loss->name), "%s has no golden data", loss->name);
	for (size_t i = 0; i < file.count; i++)
		if (differentiate_all(&file.cases[i].question) <= ELEMENTS_MAX)
			check_case(&file.cases[i], &tally);
	golden_release(&file);
	printf("gradients: %s: %d points of %d cases, %d at a kink, %d at an edge; not compared: "
	       "%d infinite, %d singular, %d floored, %d cases without a finite loss\n",
	       loss->name, tally.points, tally.cases, tally.kinks, tally.edges, tally.infinite,
	       tally.singular, tally.floored, tally.without_value);
	ck_assert_int_gt(tally.points, 0);
	ck_assert_msg(tally.wrong == 0, "%s: %d gradients are wrong", loss->name, tally.wrong);
}
END_TEST

Suite *gradients_suite(void)
{
	Suite *suite = suite_create("gradients");
	TCase *differences = tcase_create("differences");

	tcase_set_timeout(differences, 120);
	tcase_add_loop_test(differences, every_gradient, 0, (int)loss_count());
	suite_add_tcase(suite, differences);
	return suite;
}
