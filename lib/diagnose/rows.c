/* Findings about rows of class scores: masks, and targets behind them. */
#include "diagnose.h"

static int64_t score_at(const struct loss_eval *e, int64_t row, int64_t k)
{
	return row / e->d * e->c * e->d + k * e->d + row % e->d;
}

static bool is_masked(const struct loss_eval *e, int64_t row)
{
	for (int64_t k = 0; k < e->c; k++)
		if (real_at(e, e->in[0].data, score_at(e, row, k)) != -INFINITY)
			return false;
	return e->c > 0;
}

/* The class weight times the target at class k: does the class have a term? */
static double share_of(const struct loss_eval *e, int64_t row, int64_t k)
{
	double weight = e->class_weights ? real_at(e, e->class_weights, k) : 1;
	double q;

	if (e->hard)
		q = ((const int64_t *)e->in[1].data)[row] == k ? 1 : 0;
	else
		q = real_at(e, e->in[1].data, score_at(e, row, k));
	if (e->log_targets)
		q = exp(q);
	return weight * ((1 - e->label_smoothing) * q + e->label_smoothing / (double)e->c);
}

/* The first class of a row that has a term and is masked, or -1. */
static int64_t masked_target(const struct loss_eval *e, int64_t row)
{
	for (int64_t k = 0; k < e->c; k++)
		if (real_at(e, e->in[0].data, score_at(e, row, k)) == -INFINITY &&
		    share_of(e, row, k) != 0)
			return k;
	return -1;
}

static bool row_counts(const struct loss_eval *e, int64_t row)
{
	return e->units == e->n * e->d ? unit_counts(e, row) : true;
}

static void describe(struct diagnosis *d, enum loss_finding_code code)
{
	const struct loss_eval *e = d->e;
	struct loss_finding *finding;
	int64_t row, k;

	if (!finding_exists(d, code))
		return;
	finding = finding_of(d, code, e->form);
	if (finding->place_count == 0)
		return;
	row = finding_first(d, finding);
	if (e->hard)
		finding_operand(finding, "target", (double)((const int64_t *)e->in[1].data)[row]);
	if (code == LOSS_FINDING_TARGET_AT_MASKED_CLASS) {
		k = masked_target(e, row);
		finding_operand(finding, "class", (double)k);
		finding_operand(finding, loss_role_name(e->form),
				real_at(e, e->in[0].data, score_at(e, row, k)));
		if (e->class_weights)
			finding_operand(finding, "weight", real_at(e, e->class_weights, k));
	} else {
		finding_operand(finding, "max", -INFINITY);
	}
}

void find_in_rows(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	/* A row's place is its index without the class axis; where the loss has
	 * a number per class the place of the row is that of its first class. */
	bool per_class = e->units == e->elements && e->c != 1;
	enum place_kind kind = per_class ? PLACE_ELEMENT : PLACE_UNIT;

	if (!is_rowwise(e) || e->form == LOSS_ROLE_PROBS || d->inputs[0].neg_inf == 0)
		return;
	for (int64_t row = 0; row < e->n * e->d; row++) {
		if (!row_counts(e, row))
			continue;
		int64_t at = per_class ? score_at(e, row, 0) : row;

		if (e->form == LOSS_ROLE_LOGITS && is_masked(e, row))
			finding_add(d, LOSS_FINDING_ALL_MASKED_ROW, e->form, kind, at);
		else if (masked_target(e, row) >= 0)
			finding_add(d, LOSS_FINDING_TARGET_AT_MASKED_CLASS, e->form, kind, at);
	}
	if (e->spec.common.on_masked_row != LOSS_MASKED_NAN &&
	    finding_exists(d, LOSS_FINDING_ALL_MASKED_ROW))
		finding_of(d, LOSS_FINDING_ALL_MASKED_ROW, e->form)->severity = LOSS_WARNING;
	if (!per_class) {
		describe(d, LOSS_FINDING_ALL_MASKED_ROW);
		describe(d, LOSS_FINDING_TARGET_AT_MASKED_CLASS);
	}
}
