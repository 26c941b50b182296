/* Losses of whole rows of the last axis: one unit a row, one main phase. */
#include "loss_impl.h"

static void units(struct loss_eval *e)
{
	int last = e->rank - 1;

	e->ignore_index = INT64_MIN;
	if (e->class_axis >= 0) {
		e->sample_elements = e->c;
		return;
	}
	e->sample_elements = e->rank ? e->shape[last] : 1;
	e->unit_rank = e->rank ? last : 0;
	e->units = e->sample_elements ? e->elements / e->sample_elements : 0;
	memcpy(e->unit_shape, e->shape, sizeof e->unit_shape);
}

enum loss_code loss_check_boxes(const struct loss_eval *e, struct loss_error *err)
{
	char text[120];

	if (e->sample_elements == 4)
		return LOSS_OK;
	return loss_fail(err, LOSS_SHAPE, loss_role_name(e->form),
			 "shape %s, expected boxes: a last axis of x1, y1, x2, y2",
			 loss_shape_text(text, sizeof text, e->rank, e->shape));
}

static enum loss_code plan(struct loss_eval *e, struct loss_error *err)
{
	char text[120];

	if (e->sample_elements == 0)
		return loss_fail(err, LOSS_SHAPE, loss_role_name(e->form),
				 "shape %s, expected a last axis that is not empty",
				 loss_shape_text(text, sizeof text, e->rank, e->shape));
	if (e->class_axis >= 0 && e->class_axis != e->rank - 1)
		return loss_fail(err, LOSS_SHAPE, loss_role_name(e->form),
				 "its class axis is %d of %d, expected the last", e->class_axis,
				 e->rank);
	if (e->in[e->mask].index >= 0)
		loss_add_phase(e, loss_count_units, loss_count_blocks(e));
	e->block_total = e->units;
	e->block_units = loss_max_i64(1, LOSS_BLOCK_ELEMENTS / loss_max_i64(1, e->sample_elements));
	loss_add_phase(e, e->kernels->main[e->form], loss_ceil_div(e->units, e->block_units));
	return LOSS_OK;
}

/* A weight of a class that is negative is worth a look. */
static void look_at_weights(struct loss_eval *e)
{
	for (int i = 1; i < e->in_count; i++) {
		const struct loss_operand *operand = &e->in[i];

		if (!operand->data || operand->row->shape != LOSS_SHAPE_PER_CLASS)
			continue;
		for (int64_t k = 0; k < operand->count; k++)
			if (e->spec.dtype == LOSS_FLOAT32 ? ((const float *)operand->data)[k] < 0
							  : ((const double *)operand->data)[k] < 0)
				e->total.flags |= LOSS_FLAG_EVENT;
	}
}

static void combine(struct loss_eval *e, int phase)
{
	if (phase < 0)
		look_at_weights(e);
	loss_settle_units(e, phase);
}

const struct loss_family loss_rowsum_family = {.units = units,
					       .plan = plan,
					       .combine = combine,
					       .divisor = "the rows that count",
					       .has_class_axis = true};
