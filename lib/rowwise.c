/*
 * Rowwise losses: rows of class scores.
 *
 * Phases:
 *   count    reads the targets only: are the indices in range, how many rows
 *            count, what do their class weights sum to
 *   prepare  split rows alone: sums of parts
 *   main     value and gradient, the denominator being known
 */
#include <stdlib.h>

#include "loss_impl.h"

enum {
	SHORT_CLASSES = 32, /* of a row that is transposed */
};

static size_t real_bytes(const struct loss_eval *e)
{
	return loss_dtype_bytes(e->spec.dtype);
}

static int group_of(const struct loss_eval *e)
{
	return e->spec.dtype == LOSS_FLOAT32 ? 16 : 8;
}

static const struct loss_operand *class_weight_input(const struct loss_eval *e)
{
	for (int i = 0; i < e->in_count; i++)
		if (e->in[i].row->shape == LOSS_SHAPE_PER_CLASS && e->in[i].index >= 0)
			return &e->in[i];
	return NULL;
}

static double real_at(const struct loss_eval *e, const void *data, int64_t index)
{
	return e->spec.dtype == LOSS_FLOAT32 ? (double)((const float *)data)[index]
					     : ((const double *)data)[index];
}

/* ---- The count ------------------------------------------------------------ */

bool loss_row_is_masked(const struct loss_eval *e, int64_t row)
{
	int64_t at = row / e->d * e->c * e->d + row % e->d;

	for (int64_t k = 0; k < e->c; k++)
		if (real_at(e, e->in[0].data, at + k * e->d) != -INFINITY)
			return false;
	return true;
}

static bool skips_masked_rows(const struct loss_eval *e)
{
	return e->spec.common.on_masked_row == LOSS_MASKED_SKIP && e->form == LOSS_ROLE_LOGITS &&
	       e->spec.loss->traits & LOSS_HAS_SOFTMAX;
}

/* Where every row whose target counts does: two counts, without a branch. */
static void count_targets(const struct loss_eval *e, int64_t begin, int64_t end,
			  struct loss_partial *out)
{
	const int64_t *y = e->in[1].data;
	const int64_t c = e->c, ignore = e->ignore_index;
	const bool is_class = ignore >= 0 && ignore < c;
	int64_t classes = 0, ignored = 0;

	for (int64_t row = begin; row < end; row++) {
		classes += (uint64_t)y[row] < (uint64_t)c;
		ignored += y[row] == ignore;
	}
	out->units = classes - (is_class ? ignored : 0);
	out->count = (double)out->units;
	if (classes + (is_class ? 0 : ignored) < end - begin)
		out->flags |= LOSS_BAD_INDEX;
}

static void count_rows(const struct loss_eval *e, int64_t block, struct loss_partial *out)
{
	int64_t begin = block * LOSS_BLOCK_ELEMENTS;
	int64_t end = loss_min_i64(begin + LOSS_BLOCK_ELEMENTS, e->n * e->d);
	const int64_t *y = e->hard ? e->in[1].data : NULL;
	bool weighted = y && e->class_weights && e->spec.loss->impl->weight_sum;
	bool skip = skips_masked_rows(e), plain = !e->in[e->mask].data && !skip;

	if (y && plain && !weighted) {
		count_targets(e, begin, end, out);
		return;
	}
	for (int64_t row = begin; row < end; row++) {
		int64_t at = y ? y[row] : 0;

		if (y && at == e->ignore_index)
			continue;
		if (y && (at < 0 || at >= e->c)) {
			out->flags |= LOSS_BAD_INDEX;
			continue;
		}
		if (!plain && (!loss_mask_leaves(e, row) || (skip && loss_row_is_masked(e, row))))
			continue;
		out->units++;
		out->count += weighted ? real_at(e, e->class_weights, at) : 1;
	}
}

/* The same for a loss of one number a class: its elements. */
static void count_elements(const struct loss_eval *e, int64_t block, struct loss_partial *out)
{
	int64_t begin = block * LOSS_BLOCK_ELEMENTS;
	int64_t end = loss_min_i64(begin + LOSS_BLOCK_ELEMENTS, e->n * e->d);
	bool skip = skips_masked_rows(e), plain = !e->in[e->mask].data;

	for (int64_t row = begin; row < end; row++) {
		if (skip && loss_row_is_masked(e, row))
			continue;
		for (int64_t k = 0; k < e->c; k++)
			out->units += plain || loss_mask_leaves(e, row / e->d * e->c * e->d +
									   k * e->d + row % e->d);
	}
	out->count = (double)out->units;
}

/* ---- The plan ------------------------------------------------------------- */

/* Groups of rows that fit into a copy. */
static int64_t groups_in_copy(const struct loss_eval *e)
{
	int64_t bytes = loss_max_i64(e->c, 1) * group_of(e) * (int64_t)real_bytes(e);

	return LOSS_COPY_BYTES / bytes;
}

static enum loss_row_layout row_layout(const struct loss_eval *e)
{
	if (e->d == 1 && e->c > LOSS_SPLIT_CLASSES && e->n < LOSS_SPLIT_ROWS &&
	    e->kernels->prepare[e->form])
		return LOSS_ROWS_SPLIT;
	if (e->d == 1 && (e->c > SHORT_CLASSES || (e->hard && e->form != LOSS_ROLE_LOGITS)))
		return LOSS_ROWS_ACROSS;
	return groups_in_copy(e) > 0 ? LOSS_ROWS_COPIED : LOSS_ROWS_STRIDED;
}

static void lay_out_rows(struct loss_eval *e)
{
	int64_t group = group_of(e), c = loss_max_i64(e->c, 1);

	e->row_layout = row_layout(e);
	e->block_total = e->n * e->d;
	switch (e->row_layout) {
	case LOSS_ROWS_ACROSS:
		e->rows_together = loss_min_i64(group, loss_max_i64(1, LOSS_BLOCK_ELEMENTS / c));
		break;
	case LOSS_ROWS_COPIED:
		e->rows_together = group * loss_min_i64(LOSS_COPY_GROUPS, groups_in_copy(e));
		break;
	case LOSS_ROWS_STRIDED:
		e->rows_together = 1;
		e->block_total = e->n * loss_ceil_div(e->d, group);
		c *= group;
		break;
	case LOSS_ROWS_SPLIT:
		e->rows_together = 1;
		e->part_classes = loss_max_i64(LOSS_BLOCK_ELEMENTS, c / LOSS_SPLIT_PARTS);
		e->chunks = c / e->part_classes;
		e->block_total = e->n * e->chunks;
		c = e->part_classes;
		break;
	}
	/* Whole groups, so that the rows of a group never depend on the blocks. */
	e->block_units = loss_max_i64(1, LOSS_BLOCK_ELEMENTS / c);
	e->block_units = loss_ceil_div(e->block_units, e->rows_together) * e->rows_together;
}

static enum loss_code check_soft(const struct loss_eval *e, struct loss_error *err)
{
	double ignore = loss_param_number(&e->spec, "ignore_index", -1);

	if (e->hard || ignore < 0)
		return LOSS_OK;
	return loss_fail_param(err, LOSS_PARAM_RANGE, "ignore_index",
			       "%.0f, but the targets are probabilities, not class indices",
			       ignore);
}

/* With pixels behind them, classes are counted in the lanes of a float32. */
static enum loss_code check_classes(const struct loss_eval *e, struct loss_error *err)
{
	if (e->d == 1 || e->c <= INT32_MAX)
		return LOSS_OK;
	return loss_fail(err, LOSS_TOO_LARGE, loss_role_name(e->form),
			 "%lld classes, expected at most %d where they are not the last axis",
			 (long long)e->c, INT32_MAX);
}

/* In work, before the parts of split rows; 0: no class has a weight. */
static size_t class_weight_bytes(const struct loss_eval *e)
{
	const struct loss_impl *impl = e->spec.loss->impl;

	if (!class_weight_input(e) &&
	    !(impl->class_factor && impl->class_factor(e->spec.params, -1) != 1))
		return 0;
	return ((size_t)e->c * real_bytes(e) + 63) & ~(size_t)63;
}

static enum loss_code plan(struct loss_eval *e, struct loss_error *err)
{
	const struct loss_impl *impl = e->spec.loss->impl;
	enum loss_code code;

	if ((code = check_soft(e, err)) || (code = check_classes(e, err)))
		return code;
	e->label_smoothing = loss_param_number(&e->spec, "label_smoothing", 0);
	e->ignore_index = INT64_MIN;
	for (int i = 0; i < e->spec.loss->param_count; i++)
		if (!strcmp(e->spec.loss->params[i].name, "ignore_index"))
			e->ignore_index =
				*(const int64_t *)(e->spec.params + e->spec.loss->params[i].offset);
	lay_out_rows(e);
	e->work_bytes = class_weight_bytes(e);
	if (e->row_layout == LOSS_ROWS_SPLIT)
		e->work_bytes += (size_t)e->block_total * sizeof *e->parts;
	e->log_targets = loss_param_number(&e->spec, "log_target", 0) != 0;
	loss_add_phase(e, impl->loss_per_class ? count_elements : count_rows,
		       loss_ceil_div(e->n * e->d, LOSS_BLOCK_ELEMENTS));
	if (e->row_layout == LOSS_ROWS_SPLIT)
		loss_add_phase(e, e->kernels->prepare[e->form], e->block_total);
	loss_add_phase(e, e->kernels->main[e->form], loss_ceil_div(e->block_total, e->block_units));
	return LOSS_OK;
}

/* ---- Between the phases --------------------------------------------------- */

/* The weight input times the factor that a parameter gives. */
static void fill_class_weights(struct loss_eval *e)
{
	const struct loss_operand *input = class_weight_input(e);
	const struct loss_impl *impl = e->spec.loss->impl;

	e->class_weights = class_weight_bytes(e) ? e->work : NULL;
	for (int64_t k = 0; k < e->c && e->class_weights; k++) {
		double weight = input ? real_at(e, input->data, k) : 1;

		if (impl->class_factor)
			weight *= impl->class_factor(e->spec.params, k);
		if (weight < 0)
			e->total.flags |= LOSS_FLAG_EVENT;
		if (e->spec.dtype == LOSS_FLOAT32)
			((float *)e->class_weights)[k] = (float)weight;
		else
			((double *)e->class_weights)[k] = weight;
	}
}

static void combine(struct loss_eval *e, int phase)
{
	if (phase < 0) {
		fill_class_weights(e);
		e->parts = e->work ? (void *)((char *)e->work + class_weight_bytes(e)) : NULL;
	}
	if (phase == 0)
		loss_settle_denominator(e, e->total.count);
}

const struct loss_family loss_rowwise_family = {
	.plan = plan, .combine = combine, .divisor = "the rows that count", .has_class_axis = true};
