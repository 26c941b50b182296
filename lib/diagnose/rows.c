/* Findings about rows of class scores: masks, and targets behind them. */
#include "diagnose.h"

static int64_t score_at(const struct loss_eval *e, int64_t row, int64_t k)
{
	return row / e->d * e->c * e->d + k * e->d + row % e->d;
}

static double score(const struct loss_eval *e, int64_t row, int64_t k)
{
	return real_at(e, e->in[0].data, score_at(e, row, k));
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

static bool is_masked_target(const struct loss_eval *e, int64_t row, int64_t k)
{
	return score(e, row, k) == -INFINITY && share_of(e, row, k) != 0;
}

/* The first class of a row that has a term and is masked, or -1. */
static int64_t masked_target(const struct loss_eval *e, int64_t row)
{
	if (e->hard && e->label_smoothing == 0) {
		int64_t y = ((const int64_t *)e->in[1].data)[row];

		return is_masked_target(e, row, y) ? y : -1;
	}
	for (int64_t k = 0; k < e->c; k++)
		if (is_masked_target(e, row, k))
			return k;
	return -1;
}

/* The first class of a row with a logit of +Infinity, or -1: less the maximum,
 * which it is, it is NaN. */
static int64_t infinite_score(const struct loss_eval *e, int64_t row)
{
	for (int64_t k = 0; k < e->c; k++)
		if (score(e, row, k) == INFINITY)
			return k;
	return -1;
}

static void add(struct diagnosis *d, enum loss_finding_code code, int64_t row, int64_t k)
{
	const struct loss_eval *e = d->e;
	struct loss_finding *finding = finding_begin(d, code, e->form, PLACE_ROW);
	bool is_first = finding->count == 0;

	finding_hit(d, finding, row);
	if (!is_first)
		return;
	/* Rows come in index order, so this is the first place. */
	if (e->hard)
		finding_operand(finding, "target", (double)((const int64_t *)e->in[1].data)[row]);
	if (k < 0) {
		finding_operand(finding, "max", -INFINITY);
		return;
	}
	finding_operand(finding, "class", (double)k);
	finding_operand(finding, loss_role_name(e->form), score(e, row, k));
	if (e->class_weights)
		finding_operand(finding, "weight", real_at(e, e->class_weights, k));
}

static void look_at_row(struct diagnosis *d, int64_t row)
{
	const struct loss_eval *e = d->e;
	bool softmax = e->form == LOSS_ROLE_LOGITS;
	bool is_known = e->spec.loss->impl->is_bounded && slot_is_bad(d, row);
	int64_t k;

	if (softmax && e->c > 0 && loss_row_is_masked(e, row))
		add(d, LOSS_FINDING_ALL_MASKED_ROW, row, -1);
	else if (softmax && d->inputs[0].pos_inf > 0 && (k = infinite_score(e, row)) >= 0)
		add(d, LOSS_FINDING_INF_MINUS_INF, row, k);
	else if (!is_known && (k = masked_target(e, row)) >= 0)
		add(d, LOSS_FINDING_TARGET_AT_MASKED_CLASS, row, k);
}

void find_in_rows(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	bool is_nan = e->spec.common.on_masked_row == LOSS_MASKED_NAN;
	bool bad_ones = is_nan && !e->spec.loss->impl->is_bounded;

	if (!is_rowwise(e) || e->form == LOSS_ROLE_PROBS || (bad_ones && !d->nonfinite_losses) ||
	    d->inputs[0].neg_inf + d->inputs[0].pos_inf == 0)
		return;
	for (int64_t row = 0; row < e->n * e->d; row++)
		if (row_counts(e, row) && (!bad_ones || slot_is_bad(d, row)))
			look_at_row(d, row);
	if (e->spec.loss->impl->is_bounded &&
	    finding_exists(d, LOSS_FINDING_TARGET_AT_MASKED_CLASS))
		finding_of(d, LOSS_FINDING_TARGET_AT_MASKED_CLASS, e->form)->severity =
			LOSS_WARNING;
	if (!is_nan && finding_exists(d, LOSS_FINDING_ALL_MASKED_ROW))
		finding_of(d, LOSS_FINDING_ALL_MASKED_ROW, e->form)->severity = LOSS_WARNING;
	if (finding_exists(d, LOSS_FINDING_INF_MINUS_INF))
		finding_because(d, finding_of(d, LOSS_FINDING_INF_MINUS_INF, e->form),
				LOSS_FINDING_INPUT_POS_INF);
}
