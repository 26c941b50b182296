/* A batch, or some units of it, in float64. */
#include "copy.h"

bool units_are_apart(const struct loss_eval *e)
{
	if (is_rowwise(e))
		return e->units == e->n * e->d;
	return e->family == &loss_elementwise_family;
}

/* ---- Shapes --------------------------------------------------------------- */

/* Does an operand hold one number for each element of the prediction, once it is
 * spread?  Else one a unit, or one a class. */
static bool is_by_element(const struct loss_eval *e, int input)
{
	const struct loss_operand *operand = &e->in[input];

	if (operand->row->shape == LOSS_SHAPE_UNITS || operand->row->shape == LOSS_SHAPE_PER_CLASS)
		return false;
	return !operand->is_index;
}

/* Numbers of an operand in a copy of some units. */
static int64_t numbers_of(const struct loss_eval *e, int input, int64_t units)
{
	if (e->in[input].row->shape == LOSS_SHAPE_PER_CLASS)
		return e->c;
	return is_by_element(e, input) ? units * e->c : units;
}

static void shape_apart(const struct loss_eval *e, int input, int64_t units,
			struct loss_tensor *tensor)
{
	bool has_classes = is_rowwise(e) && is_by_element(e, input);

	tensor->rank = has_classes ? 2 : 1;
	tensor->shape[0] = e->in[input].row->shape == LOSS_SHAPE_PER_CLASS ? e->c : units;
	tensor->shape[1] = e->c;
}

static int inputs_of(const struct copy *copy, const struct loss_eval *e, struct loss_input *in)
{
	int n = 0;

	for (int i = 0; i < e->in_count; i++) {
		const struct loss_operand *operand = &e->in[i];
		struct loss_tensor tensor = {.data = copy->data[i], .dtype = LOSS_FLOAT64};

		if (operand->index < 0)
			continue;
		if (operand->is_index)
			tensor.dtype = LOSS_INT64;
		if (copy->is_whole) {
			tensor.rank = operand->rank;
			memcpy(tensor.shape, operand->shape, sizeof tensor.shape);
		} else {
			shape_apart(e, i, copy->units, &tensor);
		}
		in[n++] = (struct loss_input){.role = role_of(e, i), .tensor = tensor};
	}
	return n;
}

/* What is summed is what the batch sums, which depends on the reduction for
 * mining, and for sequences, whose mean is one of shares. */
static enum loss_code plan_copy(struct copy *copy, const struct loss_eval *e)
{
	struct loss_input in[LOSS_INPUTS_MAX];
	struct loss_spec spec = e->spec;
	int n = inputs_of(copy, e, in);

	spec.dtype = LOSS_FLOAT64;
	spec.precision = LOSS_PRECISION_FULL;
	spec.common.on_empty = LOSS_EMPTY_NAN;
	if (!copy->is_whole)
		spec.common.class_axis.set = 0;
	if (spec.common.reduction != LOSS_NONE && spec.loss->reductions & 1 << LOSS_SUM &&
	    !(spec.loss->traits & LOSS_IS_SEQUENCE))
		spec.common.reduction = LOSS_SUM;
	return loss_plan_init(&copy->plan, &spec, in, n, NULL);
}

/* ---- Room ----------------------------------------------------------------- */

static int64_t total_numbers(const struct loss_eval *e)
{
	int64_t total = 0;

	for (int i = 0; i < e->in_count; i++)
		total += e->in[i].index < 0 ? 0 : e->in[i].count;
	return total;
}

void lay_out_copy(const struct loss_eval *e, int64_t units, int64_t elements, struct copy **copy,
		  struct room *room)
{
	struct copy made = {.is_whole = !units_are_apart(e)};

	*copy = NULL;
	made.units = made.is_whole
			     ? e->units
			     : loss_min_i64(loss_min_i64(units, e->units),
					    loss_max_i64(elements / loss_max_i64(e->c, 1), 1));
	if (made.units == 0 || (made.is_whole && total_numbers(e) > 4 * elements))
		return;
	struct copy *at = room_take(room, 1, sizeof *at);

	for (int i = 0; i < e->in_count; i++)
		if (e->in[i].index >= 0)
			made.data[i] =
				room_take(room,
					  (size_t)(made.is_whole ? e->in[i].count
								 : numbers_of(e, i, made.units)),
					  sizeof(double));
	made.losses = room_take(room, (size_t)made.units, sizeof *made.losses);
	if (plan_copy(&made, e))
		made.units = 0;
	else
		made.scratch = room_take(room, made.plan.scratch_bytes, 1);
	if (at)
		*at = made;
	*copy = made.units ? at : NULL;
}

/* ---- Numbers --------------------------------------------------------------- */

static int64_t score_at(const struct loss_eval *e, int64_t row, int64_t k)
{
	return row / e->d * e->c * e->d + k * e->d + row % e->d;
}

void copy_unit(struct copy *copy, const struct loss_eval *e, int64_t unit, int64_t at)
{
	for (int i = 0; i < e->in_count; i++) {
		const struct loss_operand *operand = &e->in[i];
		double *to = copy->data[i];

		if (operand->index < 0)
			continue;
		if (operand->is_index)
			((int64_t *)copy->data[i])[at] = ((const int64_t *)operand->data)[unit];
		else if (operand->row->shape == LOSS_SHAPE_PER_CLASS)
			for (int64_t k = 0; at == 0 && k < e->c; k++)
				to[k] = real_at(e, operand->data, k);
		else if (operand->row->shape == LOSS_SHAPE_UNITS)
			to[at] = operand_at(e, operand, unit);
		else if (is_rowwise(e))
			for (int64_t k = 0; k < e->c; k++)
				to[at * e->c + k] = operand_at(e, operand, score_at(e, unit, k));
		else
			to[at] = operand_at(e, operand, unit);
	}
}

void copy_batch(struct copy *copy, const struct loss_eval *e)
{
	for (int i = 0; i < e->in_count; i++) {
		const struct loss_operand *operand = &e->in[i];

		if (operand->index < 0)
			continue;
		if (operand->is_index)
			memcpy(copy->data[i], operand->data,
			       (size_t)operand->count * sizeof(int64_t));
		else
			for (int64_t k = 0; k < operand->count; k++)
				((double *)copy->data[i])[k] = real_at(e, operand->data, k);
	}
}

double copy_sum(struct copy *copy)
{
	struct loss_outputs out = {.scratch = copy->scratch, .losses = copy->losses, .scale = 1};
	struct loss_result result;

	return loss_plan_evaluate(&copy->plan, &out, &result, NULL) ? (double)NAN : result.sum;
}

double *copy_element(struct copy *copy, const struct loss_eval *e, int input, int64_t index)
{
	double *data = copy->data[input];

	if (copy->is_whole)
		return &data[index];
	return is_rowwise(e) ? &data[index / e->d % e->c] : data;
}
