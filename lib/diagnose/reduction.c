/* Findings about sums, denominators and balances. */
#include "diagnose.h"

static bool is_mean(const struct loss_eval *e)
{
	return e->spec.common.reduction == LOSS_MEAN || e->spec.common.reduction == LOSS_BATCHMEAN;
}

/* 0 / 0, or the value that on_empty puts there. */
static void lower(const struct diagnosis *d, struct loss_finding *finding)
{
	if (isfinite(d->result->loss))
		finding->severity = LOSS_WARNING;
}

static void look_at_denominator(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	struct loss_finding *finding;

	if (!is_mean(e) || !(d->result->flags & LOSS_FLAG_DENOMINATOR))
		return;
	if (e->units == 0)
		finding = finding_add_batch(d, LOSS_FINDING_EMPTY_BATCH, e->form);
	else if (e->total.units == 0)
		finding = finding_add_batch(d, LOSS_FINDING_ALL_IGNORED, LOSS_ROLE_TARGETS);
	else if (e->spec.common.normalizer.set)
		finding = finding_add_batch(d, LOSS_FINDING_DIV_ZERO, LOSS_ROLE_NONE);
	else if (e->class_weights && d->result->denominator == 0)
		finding = finding_add_batch(d, LOSS_FINDING_ZERO_WEIGHT_SUM, LOSS_ROLE_WEIGHT);
	else if (d->result->denominator == 0)
		finding = finding_add_batch(d, LOSS_FINDING_DIV_ZERO, LOSS_ROLE_NONE);
	else
		return;
	finding_operand(finding, "sum", d->result->sum);
	finding_operand(finding, "denominator", d->result->denominator);
	lower(d, finding);
}

/* ---- Balances ------------------------------------------------------------- */

static void look_at_balances(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;

	if (e->family != &loss_balanced_family)
		return;
	for (int64_t sample = 0; sample < e->n; sample++) {
		double beta = real_at(e, e->work, sample);

		if (beta == 0 || beta == 1)
			finding_add(d, LOSS_FINDING_DEGENERATE_BETA, LOSS_ROLE_TARGETS,
				    e->rank > 1 ? PLACE_SAMPLE : PLACE_BATCH, sample);
	}
	if (finding_exists(d, LOSS_FINDING_DEGENERATE_BETA)) {
		struct loss_finding *finding =
			finding_of(d, LOSS_FINDING_DEGENERATE_BETA, LOSS_ROLE_TARGETS);

		if (finding->place_count)
			finding_operand(finding, "beta",
					real_at(e, e->work, finding_first(d, finding)));
		if (e->rank <= 1)
			finding->place_rank = 0, finding->place_count = 0;
	}
}

/* Losses that live on positives: is there one among what counts? */
static void look_for_positives(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	bool balanced = e->family == &loss_balanced_family;

	if ((e->family != &loss_hard_negative_family && !balanced) || e->units == 0)
		return;
	for (int64_t i = 0; i < e->elements; i++) {
		double y = real_at(e, e->in[1].data, i);

		if ((balanced ? y > 0 : y >= 1) &&
		    (!e->in[e->mask].data || operand_at(e, &e->in[e->mask], i) != 0))
			return;
	}
	finding_add_batch(d, LOSS_FINDING_NO_POSITIVES, LOSS_ROLE_TARGETS);
}

/* ---- Overlaps ------------------------------------------------------------- */

static void look_at_overlaps(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;

	if (e->family != &loss_overlap_family)
		return;
	for (int64_t unit = 0; unit < e->units; unit++) {
		struct loss_overlap sums = loss_overlap_of(e, unit);

		if (unit_counts(e, unit) && unit_is_bad(d, unit) && isfinite(sums.p) &&
		    isfinite(sums.y))
			finding_add(d, LOSS_FINDING_DIV_ZERO, LOSS_ROLE_NONE, PLACE_UNIT, unit);
	}
}

void find_in_reduction(struct diagnosis *d)
{
	look_at_denominator(d);
	look_at_balances(d);
	look_for_positives(d);
	look_at_overlaps(d);
}
