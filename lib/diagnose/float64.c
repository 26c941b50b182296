/*
 * What the dtype has lost: the losses once more in float64.
 *
 * And whether the gradient is the slope of the loss: central differences in
 * float64 of a few numbers, the largest gradient among them.
 */
#include "copy.h"
#include "float64.h"

enum {
	/* Evaluated again: some tens of microseconds. */
	SAMPLE_UNITS_MAX = 4096,
	SAMPLE_ELEMENTS_MAX = 16384,
	/* Elements that the differences of a batch copied whole may evaluate in all. */
	CHECK_ELEMENTS_MAX = 1 << 18,
	CHECK_EVALUATIONS = 3, /* of one number */
};

void lay_out_float64(struct diagnosis *d, struct room *room)
{
	lay_out_copy(d->e, SAMPLE_UNITS_MAX, SAMPLE_ELEMENTS_MAX, &d->sample, room);
	if (units_are_apart(d->e))
		lay_out_copy(d->e, 1, 1, &d->single, room);
	else
		d->single = d->sample;
}

/* ---- Cancellation ----------------------------------------------------------- */

/* Half of the last place at 1, of what the results were rounded to. */
static double epsilon_of(const struct loss_eval *e)
{
	if (e->spec.dtype == LOSS_FLOAT64)
		return 0x1p-53;
	return e->spec.precision == LOSS_PRECISION_FLOAT16    ? 0x1p-11
	       : e->spec.precision == LOSS_PRECISION_BFLOAT16 ? 0x1p-8
							      : 0x1p-24;
}

static const double LN_10 = 0x1.26bb1bbb55516p+1;

/* The losses of the units that the copy holds, in the dtype. */
static double fill_sample(struct diagnosis *d, struct copy *copy)
{
	const struct loss_eval *e = d->e;
	double sum = 0;

	if (copy->is_whole) {
		copy_batch(copy, e);
		return d->result->sum;
	}
	for (int64_t i = 0; i < copy->units; i++) {
		int64_t unit = spread_place(i, copy->units, e->units);

		copy_unit(copy, e, unit, i);
		sum += real_at(e, d->losses, unit);
	}
	return sum;
}

void write_cancellation(struct diagnosis *d)
{
	struct loss_cancellation *c = &d->statistics->cancellation;
	double sum, exact, error;

	if (!d->sample || d->e->spec.dtype == LOSS_FLOAT64)
		return;
	sum = fill_sample(d, d->sample);
	exact = copy_sum(d->sample);
	if (!isfinite(sum) || !isfinite(exact))
		return;
	error = fabs(sum - exact);
	*c = (struct loss_cancellation){.units = d->sample->units, .sum = sum, .exact = exact};
	c->relative_error = error == 0 ? 0 : exact != 0 ? error / fabs(exact) : (double)NAN;
	if (c->relative_error > epsilon_of(d->e))
		c->digits_lost = log(c->relative_error / epsilon_of(d->e)) / LN_10;
}

/* ---- Differences -------------------------------------------------------------- */

/* The cube root of what a float64 resolves: where the error of the difference and
 * its rounding meet. */
static const double STEP = 6e-6;
/* Slopes on both sides that differ by more than this share are those of a kink. */
static const double KINK = 1e-3;
/* Below this share of the largest gradient a difference is measured against that. */
static const double SMALL_GRADIENT = 1e-3;

static bool is_probability(const struct loss_eval *e, int input)
{
	return e->in[input].row->role == LOSS_ROLE_TARGETS ||
	       (input == 0 && e->form == LOSS_ROLE_PROBS);
}

/* A step that stays where the loss is defined; 0: there is none. */
static double step_of(const struct loss_eval *e, int input, double x)
{
	if (!isfinite(x))
		return 0;
	if (is_probability(e, input) && x >= 0 && x <= 1)
		return STEP * fmin(x, 1 - x);
	return STEP * fmax(1, fabs(x));
}

/* The copy that holds an element, ready for it to be moved. */
static struct copy *copy_with(struct diagnosis *d, int64_t element)
{
	const struct loss_eval *e = d->e;

	if (d->single->is_whole)
		return d->single;
	copy_unit(d->single, e, unit_of(e, element), 0);
	return d->single;
}

static void write_place(const struct loss_operand *operand, int64_t index, int64_t *place)
{
	for (int axis = operand->rank - 1; axis >= 0; axis--) {
		place[axis] = index % operand->shape[axis];
		index /= operand->shape[axis];
	}
}

static double outside(double x, double a, double b)
{
	double low = fmin(a, b), high = fmax(a, b);

	return x < low ? low - x : x > high ? x - high : 0;
}

static void check_one(struct diagnosis *d, int input, int64_t index, struct loss_gradient_sample *s)
{
	const struct loss_eval *e = d->e;
	struct copy *copy = copy_with(d, index);
	double *x = copy_element(copy, e, input, index), at = *x;
	double step = step_of(e, input, at), scale = e->gradient_scale;
	double largest = fmax(fabs(d->gradients[input].min), fabs(d->gradients[input].max));
	double middle, above, below, up, down, apart, noise;

	*s = (struct loss_gradient_sample){.role = role_of(e, input),
					   .given = real_at(e, e->out.gradients[input], index),
					   .numeric = (double)NAN,
					   .error = (double)NAN};
	write_place(&e->in[input], index, s->place);
	if (step == 0)
		return;
	middle = copy_sum(copy);
	*x = at + step;
	up = *x - at;
	above = copy_sum(copy);
	*x = at - step;
	down = at - *x;
	below = copy_sum(copy);
	*x = at;
	above = (above - middle) / up * scale;
	below = (middle - below) / down * scale;
	s->numeric = (above * up + below * down) / (up + down);
	/* Of rounding, what a difference cannot tell from a slope. */
	noise = 4 * 0x1p-52 * fabs(middle) / step * fabs(scale);
	apart = fabs(above - below);
	s->is_kink = apart > KINK * fmax(fabs(above), fabs(below)) && apart > 2 * noise;
	s->error = s->is_kink ? outside(s->given, above, below) : fabs(s->given - s->numeric);
	s->error = fmax(s->error - noise, 0) /
		   fmax(fmax(fabs(s->given), fabs(s->numeric)), SMALL_GRADIENT * largest);
	if (largest == 0 && s->numeric == 0)
		s->error = 0;
}

/* ---- Which numbers -------------------------------------------------------------- */

static int64_t largest_gradient(const struct diagnosis *d, int input)
{
	const struct loss_summary *s = &d->gradients[input];

	return s->max >= -s->min ? s->max_at : s->min_at;
}

/* The largest, then others spread over the tensor: all of a small one. */
static void check_input(struct diagnosis *d, int input, int64_t count)
{
	struct loss_gradient_check *check = &d->statistics->check;
	int64_t elements = d->e->in[input].count, first = largest_gradient(d, input);
	int64_t others = elements <= count ? elements : count - 1;

	check_one(d, input, first, &check->samples[check->count++]);
	for (int64_t i = 0; i < others; i++) {
		int64_t index = spread_place(i, others, elements);

		if (index != first)
			check_one(d, input, index, &check->samples[check->count++]);
	}
}

static bool is_checked(const struct diagnosis *d, int input)
{
	return d->gradients[input].count && d->e->in[input].full && d->gradients[input].finite;
}

static int wished(const struct diagnosis *d)
{
	int64_t most = CHECK_ELEMENTS_MAX / CHECK_EVALUATIONS / loss_max_i64(d->e->elements, 1);

	if (!d->single || d->options->shared_gradients)
		return 0;
	if (!d->single->is_whole)
		return LOSS_CHECKED_MAX;
	return (int)loss_min_i64(most, LOSS_CHECKED_MAX);
}

void write_gradient_check(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	struct loss_gradient_check *check = &d->statistics->check;
	int inputs = 0, count = wished(d);

	check->place_rank = e->rank;
	check->worst = (double)NAN;
	for (int i = 0; i < e->in_count; i++)
		inputs += is_checked(d, i);
	if (inputs == 0 || count == 0)
		return;
	if (d->single->is_whole)
		copy_batch(d->single, e);
	for (int i = 0; i < e->in_count; i++)
		if (is_checked(d, i))
			check_input(
				d, i,
				(int)loss_min_i64(loss_max_i64(count / inputs, 1), e->in[i].count));
	for (int i = 0; i < check->count; i++)
		if (!(check->samples[i].error <= check->worst) && !isnan(check->samples[i].error))
			check->worst = check->samples[i].error;
}
