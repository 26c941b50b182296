/*
 * Findings about the gradients that are handed out.
 *
 * A gradient that is 0 says that a batch is solved, or that nothing can be
 * learnt from it; which of both depends on whether the prediction is far from
 * its target.  For a softmax the two cannot come apart (the gradient is the
 * distance), so rows of class scores are left out there.
 */
#include "diagnose.h"

enum { HIGH_LOSS_PERCENT = 10 }; /* of the units of the loss: a loss worth moving */

/* A gradient this many times the size of its data throws a step far away.  1e7
 * is as far as probabilities reach that were clamped to [1e-7, 1 - 1e-7]. */
#define EXPLODING 1e7
/* Moving all data by its own size moves the loss by less than this share. */
#define VANISHING 1e-6

/* ---- NaN and infinities ---------------------------------------------------- */

static void look_for_nonfinite(struct diagnosis *d, int input)
{
	const struct loss_eval *e = d->e;
	const void *gradient = e->out.gradients[input];
	int64_t count = e->in[input].count, k;
	bool elements = e->in[input].full && count == e->elements;
	uint32_t causes = elements ? 0 : UINT32_MAX;
	struct slot_walk walk = {0};
	struct loss_finding *finding;

	if (d->gradients[input].finite == d->gradients[input].count)
		return;
	k = next_nonfinite(e, gradient, 0, count);
	finding = finding_begin(d, LOSS_FINDING_GRADIENT_NONFINITE, role_of(e, input),
				elements ? PLACE_ELEMENT : PLACE_INPUT);
	for (; k < count && finding->count < d->options->locations_max;
	     k = next_nonfinite(e, gradient, k + 1, count))
		finding_hit(d, finding, k);
	/* They have been counted. */
	finding->count = count - d->gradients[input].finite;
	for (k = 0; elements && (k = next_nonfinite(e, gradient, k, count)) < count; k = walk.end) {
		slot_walk_to(d, &walk, k);
		causes |= causes_at(d, walk.slot);
	}
	finding_operand(finding, "gradient", real_at(e, gradient, finding_first(d, finding)));
	finding_because_of(d, finding, causes);
}

/* ---- Too large --------------------------------------------------------------- */

static double magnitude(const struct loss_summary *summary)
{
	return summary->finite ? fmax(fabs(summary->min), fabs(summary->max)) : 0;
}

/* Gradients are compared as they are for a single row, whatever the batch was
 * divided by. */
static double rows_scale(const struct loss_eval *e)
{
	return fmin(fabs(e->denominator), (double)e->total.units) / fabs(e->out.scale);
}

static void look_for_exploding(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	double scale = fmax(1, magnitude(&d->inputs[0])), limit = EXPLODING * scale;
	double largest = magnitude(&d->gradients[0]) * rows_scale(e);
	struct loss_finding *finding;
	uint32_t causes = 0;

	if (!(largest > limit))
		return;
	finding = finding_begin(d, LOSS_FINDING_GRADIENT_EXPLODING, e->form, PLACE_ELEMENT);
	for (int64_t i = 0; i < e->elements; i++) {
		double g = real_at(e, e->out.gradients[0], i);

		if (!isfinite(g) || !(fabs(g) * rows_scale(e) > limit))
			continue;
		finding_hit(d, finding, i);
		causes |= d->causes[slot_of(e, i)];
	}
	finding_operand(finding, "gradient",
			real_at(e, e->out.gradients[0], finding_first(d, finding)));
	finding_operand(finding, loss_role_name(e->form),
			real_at(e, e->in[0].data, finding_first(d, finding)));
	finding_operand(finding, "largest", largest);
	finding_operand(finding, "factor", largest / scale);
	finding_because_of(d, finding, causes);
}

/* ---- Gradients of nothing --------------------------------------------------- */

/* Is the prediction on the wrong side of its target? */
static bool is_far(const struct loss_eval *e, int64_t element)
{
	double x = real_at(e, e->in[0].data, element);
	double y = operand_at(e, &e->in[1], element);

	if (e->spec.loss->traits & LOSS_HAS_SIGMOID)
		return fabs((e->form == LOSS_ROLE_LOGITS ? 1 / (1 + exp(-x)) : x) - y) >= 0.5;
	return fabs(x - y) > 1e-3 * fmax(fabs(x), fabs(y));
}

static bool can_saturate(const struct loss_eval *e)
{
	return !is_rowwise(e) && !(e->spec.loss->traits & LOSS_HAS_CLASSES) &&
	       has_element_targets(e);
}

static bool is_stuck(const struct diagnosis *d, int64_t unit, int64_t per_unit)
{
	const struct loss_eval *e = d->e;
	int64_t begin = unit * per_unit, end = begin + per_unit;

	if (!(real_at(e, d->losses, unit) * 100 > HIGH_LOSS_PERCENT) || unit_is_bad(d, unit) ||
	    !unit_counts(e, unit) || next_nonzero(e, e->out.gradients[0], begin, end) < end)
		return false;
	for (int64_t i = begin; i < end; i++)
		if (is_far(e, i))
			return true;
	return false;
}

static void look_for_stuck(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	int64_t per_unit = e->elements / e->units;
	struct loss_finding *finding;

	if (d->gradients[0].zeros < per_unit || !(d->loss_summary.max * 100 > HIGH_LOSS_PERCENT))
		return;
	finding = finding_begin(d, LOSS_FINDING_GRADIENT_ZERO_BUT_LOSS_HIGH, e->form, PLACE_UNIT);

	for (int64_t unit = 0; unit < e->units; unit++)
		if (is_stuck(d, unit, per_unit))
			finding_hit(d, finding, unit);
	if (finding->count == 0)
		return;
	finding_operand(finding, "loss", real_at(e, d->losses, finding_first(d, finding)));
	finding_because(d, finding, LOSS_FINDING_SATURATED);
}

/* What the gradients sum to, and what moving every element by its own size would
 * change, about.  Both only grow: a look that goes on to the end is for a batch
 * that hardly moves. */
struct movement {
	double sum, moved;
};

static bool hardly_moves(const struct loss_eval *e, double loss, struct movement *m)
{
	*m = (struct movement){0};
	for (int64_t i = 0; i < e->elements; i++) {
		double g = fabs(real_at(e, e->out.gradients[0], i));
		double x = fabs(real_at(e, e->in[0].data, i));

		if (!isfinite(g) || !isfinite(x))
			continue;
		m->sum += g;
		m->moved += g * (x > 1 ? x : 1);
		if (!(m->sum < VANISHING && m->moved < VANISHING * loss))
			return false;
	}
	return true;
}

static bool any_is_far(const struct loss_eval *e)
{
	for (int64_t i = 0; i < e->elements; i++)
		if (unit_counts(e, unit_of(e, i)) && is_far(e, i))
			return true;
	return false;
}

/* Small but not 0, far from the target, and not for the smallness of the loss. */
static void look_for_vanishing(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	double largest = magnitude(&d->gradients[0]);
	double loss = fabs(d->result->sum * e->gradient_scale);
	double mean = fabs(d->result->sum) / (double)e->total.units;
	struct movement m;
	struct loss_finding *finding;

	if (!(largest > 0 && largest < VANISHING && mean * 100 > HIGH_LOSS_PERCENT))
		return;
	if (!hardly_moves(e, loss, &m) || !any_is_far(e))
		return;
	finding = finding_add_batch(d, LOSS_FINDING_GRADIENT_VANISHING, e->form);
	finding_operand(finding, "loss", loss);
	finding_operand(finding, "gradient", m.sum);
	finding_because(d, finding, LOSS_FINDING_SATURATED);
}

/* ---- All of it -------------------------------------------------------------- */

/* Every gradient is 0: an achievement where the loss is 0 too, unless something
 * else found makes it 0 whatever the prediction is. */
static void look_for_all_zero(struct diagnosis *d)
{
	static const enum loss_finding_code reasons[] = {
		LOSS_FINDING_NO_POSITIVES,
		LOSS_FINDING_DEGENERATE_BETA,
		LOSS_FINDING_GRADIENT_ZERO_BUT_LOSS_HIGH,
	};
	const struct loss_eval *e = d->e;
	struct loss_finding *finding =
		finding_add_batch(d, LOSS_FINDING_GRADIENT_ALL_ZERO, e->form);

	if (is_lone_class(e))
		finding_because(d, finding, LOSS_FINDING_LOSS_UNSUITED);
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		finding_because(d, finding, reasons[i]);
	finding_operand(finding, "elements", (double)e->elements);
	finding_operand(finding, "rows", (double)e->total.units);
	if (finding->because_count == 0)
		finding->count = 0;
}

static bool has_gradient(const struct loss_eval *e)
{
	return e->out.gradients[0] && e->elements > 0 && e->total.units > 0 &&
	       e->gradient_scale != 0 && isfinite(e->gradient_scale);
}

bool gradients_are_suspect(const struct loss_eval *e)
{
	return has_gradient(e) && sample_lies(e, e->out.gradients[0], e->elements, 0, 0) &&
	       next_nonzero(e, e->out.gradients[0], 0, e->elements) == e->elements;
}

void find_in_gradients(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;

	for (int i = 0; i < e->in_count && d->nonfinite_gradients; i++)
		if (e->out.gradients[i])
			look_for_nonfinite(d, i);
	if (!has_gradient(e))
		return;
	look_for_exploding(d);
	if (can_saturate(e)) {
		look_for_stuck(d);
		look_for_vanishing(d);
	}
	if (d->gradients[0].zeros == d->gradients[0].count)
		look_for_all_zero(d);
}
