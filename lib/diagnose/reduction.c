/* Findings about sums, denominators and balances. */
#include <stdio.h>

#include "diagnose.h"

static bool is_mean(const struct loss_eval *e)
{
	return e->spec.common.reduction == LOSS_MEAN || e->spec.common.reduction == LOSS_BATCHMEAN;
}

/* What made the denominator 0, or LOSS_FINDING_COUNT. */
static enum loss_finding_code denominator_code(const struct diagnosis *d)
{
	const struct loss_eval *e = d->e;

	if (e->units == 0)
		return LOSS_FINDING_EMPTY_BATCH;
	if (e->total.units == 0)
		return LOSS_FINDING_ALL_IGNORED;
	if (d->result->denominator != 0)
		return LOSS_FINDING_COUNT;
	return e->class_weights && !e->spec.common.normalizer.set ? LOSS_FINDING_ZERO_WEIGHT_SUM
								  : LOSS_FINDING_DIV_ZERO;
}

static enum loss_role denominator_role(const struct loss_eval *e, enum loss_finding_code code)
{
	switch (code) {
	case LOSS_FINDING_EMPTY_BATCH:
		return e->form;
	case LOSS_FINDING_ALL_IGNORED:
		return LOSS_ROLE_TARGETS;
	case LOSS_FINDING_ZERO_WEIGHT_SUM:
		return LOSS_ROLE_WEIGHT;
	default:
		return LOSS_ROLE_NONE;
	}
}

static void look_at_denominator(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	enum loss_finding_code code = denominator_code(d);
	struct loss_finding *finding;

	/* Rows without a class: a softmax over nothing is 0/0 by itself. */
	if (e->units > 0 && e->elements == 0 && d->nonfinite_losses > 0) {
		finding_add_batch(d, LOSS_FINDING_EMPTY_BATCH, e->form);
		return;
	}
	if (!is_mean(e) || code == LOSS_FINDING_COUNT ||
	    !(d->result->flags & LOSS_FLAG_DENOMINATOR))
		return;
	finding = finding_add_batch(d, code, denominator_role(e, code));
	finding_operand(finding, "sum", d->result->sum);
	finding_operand(finding, "denominator", d->result->denominator);
	finding_operand(finding, "rows", (double)e->units);
	if (code == LOSS_FINDING_DIV_ZERO && e->spec.common.normalizer.set)
		snprintf(finding->message, sizeof finding->message,
			 "The normalizer is 0, and the mean is the sum divided by it.");
	if (code == LOSS_FINDING_ALL_IGNORED) {
		finding_because(d, finding, LOSS_FINDING_IGNORE_INDEX_COLLIDES);
		finding_because(d, finding, LOSS_FINDING_EMPTY_MASK);
	}
	if (code == LOSS_FINDING_ZERO_WEIGHT_SUM)
		finding_because(d, finding, LOSS_FINDING_NEGATIVE_WEIGHT);
	/* 0 / 0, or the value that on_empty puts there. */
	if (isfinite(d->result->loss))
		finding->severity = LOSS_WARNING;
}

/* ---- Balances ------------------------------------------------------------- */

static bool sample_counts(const struct loss_eval *e, int64_t sample)
{
	int64_t begin = sample * e->sample_elements;

	for (int64_t i = begin; i < begin + e->sample_elements; i++)
		if (unit_counts(e, i))
			return true;
	return false;
}

/* A balance that was asked for is no accident. */
static void look_at_balances(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	struct loss_finding *finding;

	if (e->family != &loss_balanced_family || !isnan(loss_param_number(&e->spec, "beta", NAN)))
		return;
	finding = finding_begin(d, LOSS_FINDING_DEGENERATE_BETA, LOSS_ROLE_TARGETS,
				e->rank > 1 ? PLACE_SAMPLE : PLACE_BATCH);
	for (int64_t sample = 0; sample < e->n; sample++) {
		double beta = real_at(e, e->work, sample);

		if ((beta == 0 || beta == 1) && sample_counts(e, sample))
			finding_hit(d, finding, sample);
	}
	if (finding->count)
		finding_operand(finding, "beta", real_at(e, e->work, finding_first(d, finding)));
}

/* Losses of two sides: is there one of each among what counts? */
static void look_for_sides(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	bool balanced = e->family == &loss_balanced_family;
	bool positive = false, negative = false;
	int64_t counted = 0;

	if (e->family != &loss_hard_negative_family && !balanced)
		return;
	for (int64_t i = 0; i < e->elements && !(positive && negative); i++) {
		double y = real_at(e, e->in[1].data, i);

		if (!unit_counts(e, i))
			continue;
		positive = positive || (balanced ? y > 0 : y >= 1);
		negative = negative || (balanced ? y < 1 : y <= 0);
		counted++;
	}
	if (counted == 0 || (positive && negative))
		return;
	/* Not both are missing unless all targets lie between. */
	if (!positive)
		finding_operand(finding_add_batch(d, LOSS_FINDING_NO_POSITIVES, LOSS_ROLE_TARGETS),
				"elements", (double)counted);
	if (!negative)
		finding_operand(finding_add_batch(d, LOSS_FINDING_NO_NEGATIVES, LOSS_ROLE_TARGETS),
				"elements", (double)counted);
}

/* ---- Overlaps ------------------------------------------------------------- */

static void describe(struct diagnosis *d, struct loss_finding *finding)
{
	int64_t unit;
	struct loss_overlap sums;

	if (finding->count == 0)
		return;
	unit = finding_first(d, finding);
	sums = loss_overlap_of(d->e, unit);
	finding_operand(finding, "prediction", sums.p);
	finding_operand(finding, "targets", sums.y);
	finding_operand(finding, "smoothing", loss_eps_sum(&d->e->spec));
	finding_operand(finding, "loss", real_at(d->e, d->losses, unit));
}

static void look_at_overlaps(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	struct loss_finding *zero, *smooth;

	if (e->family != &loss_overlap_family || e->elements == 0)
		return;
	zero = finding_begin(d, LOSS_FINDING_DIV_ZERO, LOSS_ROLE_NONE, PLACE_UNIT);
	smooth = finding_begin(d, LOSS_FINDING_SMOOTHING_DECIDED, LOSS_ROLE_TARGETS, PLACE_UNIT);
	for (int64_t unit = 0; unit < e->units; unit++) {
		struct loss_overlap sums = loss_overlap_of(e, unit);

		if (!unit_counts(e, unit))
			continue;
		if (unit_is_bad(d, unit) && isfinite(sums.p) && isfinite(sums.y))
			finding_hit(d, zero, unit);
		else if (loss_smoothing_decides(e, &sums) && real_at(e, d->losses, unit) != 0)
			finding_hit(d, smooth, unit);
	}
	describe(d, zero);
	describe(d, smooth);
}

/* Is a vector of the row nothing but zeros? */
static bool has_empty_vector(const struct loss_eval *e, int64_t unit)
{
	int64_t n = e->sample_elements;

	for (int i = 0; i < e->in_count; i++)
		if (e->in[i].data && stands_by_element(e, i) &&
		    next_nonzero(e, e->in[i].data, unit * n, (unit + 1) * n) == (unit + 1) * n)
			return true;
	return false;
}

/* A direction of nothing. */
static void look_at_vectors(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	struct loss_finding *zero;

	if (e->family != &loss_rowsum_family || d->nonfinite_losses == 0)
		return;
	zero = finding_begin(d, LOSS_FINDING_DIV_ZERO, LOSS_ROLE_NONE, PLACE_UNIT);
	for (int64_t unit = 0; unit < e->units; unit++)
		if (isnan(real_at(e, d->losses, unit)) && causes_at(d, unit) == 0 &&
		    has_empty_vector(e, unit))
			finding_hit(d, zero, unit);
}

void find_in_reduction(struct diagnosis *d)
{
	look_at_denominator(d);
	look_at_balances(d);
	look_for_sides(d);
	look_at_overlaps(d);
	look_at_vectors(d);
}
