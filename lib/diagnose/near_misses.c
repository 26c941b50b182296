/* Findings about what went well and is about to go wrong. */
#include "classes.h"
#include "near_misses.h"
#include "predictions.h"

/* ---- Saturated -------------------------------------------------------------- */

/*
 * Certainty is what training is for, and in some batches a few rows are certain
 * and wrong.  A batch of which nine in ten are is not learning: nothing but
 * large steps of the same size moves it.
 */
static const double SATURATED_SHARE = 0.9;
enum { SATURATED_ROWS_MIN = 16 };

static bool is_certain_and_wrong(struct diagnosis *d, int64_t row)
{
	struct prediction p;

	if (!class_row_counts(d->e, row))
		return false;
	p = predict(d, row);
	return p.is_certain && p.given >= 0 && p.given != p.predicted;
}

static void add_saturated(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	int64_t rows = class_rows(e);
	enum place_kind kind = is_rowwise(e) ? PLACE_ROW : PLACE_ELEMENT;
	struct loss_finding *f;

	for (int64_t row = 0; row < rows; row++)
		if (is_certain_and_wrong(d, row))
			finding_add(d, LOSS_FINDING_SATURATED, e->form, kind, row);
	f = finding_of(d, LOSS_FINDING_SATURATED, e->form);
	finding_operand(f, "share", (double)f->count / (double)rows);
}

static void look_for_saturation(struct diagnosis *d)
{
	const struct balance *b = d->balance;

	if (b && b->statistics.predicted_rows >= SATURATED_ROWS_MIN &&
	    (double)b->certain_wrong >= SATURATED_SHARE * (double)b->statistics.predicted_rows)
		add_saturated(d);
}

/* ---- Room to overflow -------------------------------------------------------- */

/*
 * Near is within a factor of 2.  What is above the largest number of a narrow
 * type is not near it: nobody means to keep it there, and an evaluation in that
 * type says more (dtype float16, bfloat16).
 */
static const double NEAR_POWERS = 1;

/* The gradient of an input that is near itself says no more. */
static bool is_said(const struct diagnosis *d, enum loss_finding_code code, enum loss_role input)
{
	for (int i = 0; i < d->finding_count; i++)
		if (d->findings[i].code == code && d->findings[i].input == input)
			return true;
	return false;
}

static const enum loss_finding_code overflows[LOSS_NARROW_COUNT] = {
	[LOSS_NARROW_FLOAT16] = LOSS_FINDING_NEAR_OVERFLOW_FLOAT16,
	[LOSS_NARROW_BFLOAT16] = LOSS_FINDING_NEAR_OVERFLOW_BFLOAT16,
	[LOSS_NARROW_FLOAT32] = LOSS_FINDING_NEAR_OVERFLOW_FLOAT32,
};

static void look_at_headroom(struct diagnosis *d, int input, const struct loss_summary *s)
{
	for (int type = 0; type < LOSS_NARROW_COUNT; type++) {
		bool is_near = s->headroom[type] >= 0 && s->headroom[type] < NEAR_POWERS;
		struct loss_finding *f;

		/* Numbers of a regression may well be 50000; logits are not. */
		if (type == LOSS_NARROW_FLOAT16 && (input != 0 || d->e->form != LOSS_ROLE_LOGITS))
			continue;
		if (!is_near || is_said(d, overflows[type], role_of(d->e, input)))
			continue;
		f = finding_add_batch(d, overflows[type], role_of(d->e, input));
		finding_operand(f, "value", s->max >= -s->min ? s->max : s->min);
		finding_operand(f, "headroom", s->headroom[type]);
	}
}

/* ---- Subnormal ---------------------------------------------------------------- */

/*
 * The tail of a confident softmax has subnormal probabilities, and no harm in
 * it.  A tensor of which most is subnormal has no digits left where it counts.
 */
enum { SUBNORMAL_COUNT_MIN = 16 };

static bool is_subnormal_at(const struct loss_eval *e, const void *data, int64_t i)
{
	double least = e->spec.dtype == LOSS_FLOAT32 ? 0x1p-126 : 0x1p-1022;
	double size = fabs(real_at(e, data, i));

	return size > 0 && size < least;
}

static void look_for_subnormals(struct diagnosis *d, int input, const void *data,
				const struct loss_summary *s)
{
	const struct loss_eval *e = d->e;
	enum loss_role role = role_of(e, input);
	enum place_kind kind = stands_by_element(e, input) ? PLACE_ELEMENT : PLACE_SAMPLE;

	if (s->subnormals < SUBNORMAL_COUNT_MIN || 2 * s->subnormals <= s->finite - s->zeros ||
	    is_said(d, LOSS_FINDING_SUBNORMAL, role))
		return;
	for (int64_t i = 0; i < s->count; i++)
		if (is_subnormal_at(e, data, i))
			finding_add(d, LOSS_FINDING_SUBNORMAL, role, kind, i);
	struct loss_finding *f = finding_of(d, LOSS_FINDING_SUBNORMAL, role);

	if (f->place_count)
		finding_operand(f, "value", real_at(e, data, finding_first(d, f)));
}

/* ---- Loss of a start ------------------------------------------------------------ */

/*
 * An untrained classifier costs about log C.  Ten nats more mean that the
 * average target got 1/20000 of the probability a guess would have given it.
 */
static const double HIGH_NATS = 10;
enum { HIGH_ROWS_MIN = 16 };

static void look_for_high_loss(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	double rows = (double)e->total.units, guess = log((double)e->c);
	struct loss_finding *f;

	if (!is_rowwise(e) || !(e->spec.loss->traits & LOSS_HAS_SOFTMAX) || !e->hard ||
	    e->form != LOSS_ROLE_LOGITS || e->class_weights || !rows_are_units(e))
		return;
	if (rows < HIGH_ROWS_MIN || !(d->result->sum / rows > guess + HIGH_NATS) ||
	    isinf(d->result->sum))
		return;
	f = finding_add_batch(d, LOSS_FINDING_HIGH_INITIAL_LOSS, e->form);
	finding_operand(f, "loss", d->result->sum / rows);
	finding_operand(f, "guess", guess);
	finding_operand(f, "classes", (double)e->c);
}

/* ---- Cancellation ---------------------------------------------------------- */

/* More than half of the seven digits of a float32.  The losses themselves do not
 * cancel, however small they are; terms of different signs do. */
static const double CANCELLATION_DIGITS = 4;
enum { CANCELLATION_ROWS_MIN = 16 };

static void look_for_cancellation(struct diagnosis *d)
{
	const struct loss_cancellation *c = &d->statistics->cancellation;
	struct loss_finding *f;

	if (c->units < CANCELLATION_ROWS_MIN || c->digits_lost < CANCELLATION_DIGITS)
		return;
	f = finding_add_batch(d, LOSS_FINDING_CANCELLATION, LOSS_ROLE_NONE);
	finding_operand(f, "digits", c->digits_lost);
	finding_operand(f, "sum", c->sum);
	finding_operand(f, "exact", c->exact);
}

/* ---- All ----------------------------------------------------------------------- */

void find_near_misses(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;

	look_for_saturation(d);
	for (int i = 0; i < e->in_count; i++) {
		if (d->inputs[i].count) {
			look_at_headroom(d, i, &d->inputs[i]);
			look_for_subnormals(d, i, e->in[i].data, &d->inputs[i]);
		}
		if (d->gradients[i].count) {
			look_at_headroom(d, i, &d->gradients[i]);
			look_for_subnormals(d, i, e->out.gradients[i], &d->gradients[i]);
		}
	}
	look_for_cancellation(d);
	look_for_high_loss(d);
}
