/*
 * What half precision did to a batch: numbers that are finite in float32 and
 * infinite there, and gradients that became 0.
 *
 * The losses before they were rounded are computed once more, from the rounded
 * inputs; what overflowed is told by comparing.
 */
#include "diagnose.h"

/* Gradients lose their smallest numbers in any half-precision run; it is worth
 * a word from this share on. */
static const double vanished_share_worth_a_word = 0.01;

static bool overflowed(double wide, double rounded)
{
	return isfinite(wide) && isinf(rounded);
}

void find_rounded_input(struct diagnosis *d, int input)
{
	const struct loss_eval *e = d->e;
	const struct loss_operand *operand = &e->in[input];
	const float *given = e->given[input], *rounded = operand->data;
	struct loss_finding *finding;

	if (!given)
		return;
	finding = finding_begin(d, LOSS_FINDING_NARROWING_OVERFLOW, role_of(e, input),
				operand->full ? PLACE_ELEMENT : PLACE_INPUT);
	for (int64_t i = 0; i < operand->count; i++)
		if (overflowed((double)given[i], (double)rounded[i]))
			finding_hit(d, finding, i);
}

/* Into d->mask, which nobody has used yet. */
static const float *wide_losses(struct diagnosis *d)
{
	struct loss_plan plan;
	struct loss_outputs out = {.scratch = d->scratch, .losses = d->mask, .scale = 1};
	struct loss_result result;

	if (plan_in_full(d->e, &plan) || loss_plan_evaluate(&plan, &out, &result, NULL))
		return NULL;
	return d->mask;
}

static void look_at_losses(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	const float *wide = wide_losses(d);
	struct loss_finding *finding =
		finding_begin(d, LOSS_FINDING_HALF_OVERFLOW, LOSS_ROLE_NONE, PLACE_UNIT);

	for (int64_t unit = 0; wide && unit < e->units; unit++)
		if (overflowed((double)wide[unit], real_at(e, d->losses, unit)))
			finding_hit(d, finding, unit);
	if (!wide || finding->count == 0)
		return;
	finding_operand(finding, "loss", (double)wide[finding_first(d, finding)]);
	finding_operand(finding, "largest", (double)loss_precision_max(e->spec.precision));
}

/* The power of two that brings the largest gradient to at least a quarter of
 * the largest number, and keeps it below half of it. */
static double loss_scale(enum loss_precision precision, double largest)
{
	int exponent;

	frexp((double)loss_precision_max(precision) / largest, &exponent);
	return ldexp(1, exponent - 2);
}

static void look_at_gradients(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	double vanished = (double)e->rounded_gradients.vanished, left = 0, largest = 0;

	for (int i = 0; i < e->in_count; i++) {
		const struct loss_summary *gradient = &d->gradients[i];

		if (!e->out.gradients[i] || gradient->count == 0)
			continue;
		left += (double)(gradient->finite - gradient->zeros);
		largest = fmax(largest, fmax(fabs(gradient->min), fabs(gradient->max)));
	}
	if (!(vanished > vanished_share_worth_a_word * (left + vanished)))
		return;
	struct loss_finding *finding =
		finding_add_batch(d, LOSS_FINDING_HALF_UNDERFLOW, LOSS_ROLE_NONE);

	finding_operand(finding, "vanished", vanished);
	finding_operand(finding, "nonzero", left + vanished);
	finding_operand(finding, "smallest", (double)loss_precision_min(e->spec.precision));
	finding_operand(
		finding, "scale",
		loss_scale(e->spec.precision,
			   largest > 0 ? largest : (double)loss_precision_min(e->spec.precision)));
}

void find_in_precision(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;

	if (e->spec.precision == LOSS_PRECISION_FULL)
		return;
	if (d->nonfinite_losses)
		look_at_losses(d);
	look_at_gradients(d);
}
