/* Findings about targets: numbers that are no targets of this loss. */
#include "diagnose.h"

/* Sums of distributions written with three digits, or in float16, are this far
 * from 1 (and a little, for the arithmetic). */
#define SUM_TOLERANCE 0.0101

static bool is_target(const struct loss_eval *e, double y)
{
	if (isnan(y))
		return true; /* input_nan */
	if (e->in[1].row->kind == LOSS_KIND_BINARY)
		return y == 0 || y == 1;
	if (e->in[1].row->kind == LOSS_KIND_SIGN)
		return y == -1 || y == 1;
	return y >= 0 && y <= 1;
}

/* Are there numbers that the loss takes no others than? */
static bool takes_two(const struct loss_eval *e)
{
	return e->in[1].row->kind == LOSS_KIND_BINARY || e->in[1].row->kind == LOSS_KIND_SIGN;
}

static void look_for_others(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	const void *y = e->in[1].data;
	bool by_element = has_element_targets(e);
	bool by_unit = !by_element && e->in[1].full;
	struct loss_finding *finding;

	if (!takes_two(e) && !(e->spec.loss->traits & LOSS_HAS_SIGMOID))
		return;
	if (!takes_two(e) && !(d->inputs[1].min < 0) && !(d->inputs[1].max > 1) &&
	    d->inputs[1].pos_inf + d->inputs[1].neg_inf == 0)
		return;
	finding = finding_begin(d, LOSS_FINDING_TARGET_NOT_BINARY, LOSS_ROLE_TARGETS,
				by_element ? PLACE_ELEMENT : PLACE_INPUT);
	for (int64_t i = 0; i < e->in[1].count; i++)
		if (!is_target(e, real_at(e, y, i)) &&
		    ((!by_element && !by_unit) || unit_counts(e, by_unit ? i : unit_of(e, i))))
			finding_hit(d, finding, i);
	if (finding->count)
		finding_operand(finding, "value", real_at(e, y, finding_first(d, finding)));
}

/* ---- Distributions -------------------------------------------------------- */

static double sum_of(const struct loss_eval *e, const struct lines *lines, int64_t line, bool logs)
{
	int64_t at = line_start(lines, line);
	double sum = 0;

	for (int64_t k = 0; k < lines->length; k++, at += lines->stride) {
		double y = real_at(e, e->in[1].data, at);

		sum += logs ? exp(y) : y;
	}
	return sum;
}

static void look_at_sums(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	bool logs = loss_param_number(&e->spec, "log_target", 0) != 0;
	int axis = class_axis_of(e);
	struct lines lines;
	struct loss_finding *finding;

	if (axis < 0 || !(e->spec.loss->traits & LOSS_HAS_CLASSES))
		return;
	lines = lines_of(e, axis);
	finding =
		finding_begin(d, LOSS_FINDING_TARGET_NOT_NORMALISED, LOSS_ROLE_TARGETS, PLACE_ROW);
	for (int64_t i = 0; i < lines.count; i++) {
		double sum = sum_of(e, &lines, i, logs);

		if (fabs(sum - 1) > SUM_TOLERANCE && row_counts(e, i))
			finding_hit(d, finding, i);
	}
	if (finding->count)
		finding_operand(finding, "sum", sum_of(e, &lines, finding_first(d, finding), logs));
}

/* ---- Class indices -------------------------------------------------------- */

static void look_for_ignored_class(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	const int64_t *y = e->in[1].data;
	struct loss_finding *finding;

	if (e->ignore_index < 0 || e->ignore_index >= e->c)
		return;
	finding =
		finding_begin(d, LOSS_FINDING_IGNORE_INDEX_COLLIDES, LOSS_ROLE_TARGETS, PLACE_ROW);
	for (int64_t row = 0; row < e->units; row++)
		if (y[row] == e->ignore_index)
			finding_hit(d, finding, row);
	finding_operand(finding, "ignore_index", (double)e->ignore_index);
}

void find_in_targets(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;

	if (e->elements == 0 || e->in_count < 2 || e->in[1].row->role != LOSS_ROLE_TARGETS)
		return;
	if (e->hard) {
		look_for_ignored_class(d);
		return;
	}
	if (takes_two(e) || has_element_targets(e))
		look_for_others(d);
	if (has_element_targets(e))
		look_at_sums(d);
}
