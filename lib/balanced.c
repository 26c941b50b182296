/*
 * Balanced losses: elementwise, with a balance per sample that the first phase
 * takes from the targets and the second reads as an operand of its own.
 */
#include "loss_impl.h"

static double given_beta(const struct loss_eval *e)
{
	return loss_param_number(&e->spec, "beta", NAN);
}

static double real_at(const struct loss_eval *e, const void *data, int64_t index)
{
	return e->spec.dtype == LOSS_FLOAT32 ? (double)((const float *)data)[index]
					     : ((const double *)data)[index];
}

static bool mask_leaves(const struct loss_eval *e, int64_t element)
{
	const struct loss_operand *mask = &e->in[e->mask];
	float narrow = 1;
	double wide = 1;

	if (!mask->data)
		return true;
	if (e->spec.dtype == LOSS_FLOAT32)
		loss_operand_read_32(mask, e->unit_rank, e->unit_shape, element, 1, &narrow);
	else
		loss_operand_read_64(mask, e->unit_rank, e->unit_shape, element, 1, &wide);
	return narrow != 0 && wide != 0;
}

/* The balance of one sample: one less the mean of its targets that count. */
static double beta_of(const struct loss_eval *e, int64_t sample)
{
	int64_t begin = sample * e->sample_elements, end = begin + e->sample_elements;
	bool plain = !e->in[e->mask].data;
	int64_t count = 0;
	double sum = 0;

	for (int64_t i = begin; i < end; i++) {
		if (!plain && !mask_leaves(e, i))
			continue;
		sum += real_at(e, e->in[1].data, i);
		count++;
	}
	return count ? 1 - sum / (double)count : 0;
}

static void prepare(const struct loss_eval *e, int64_t block, struct loss_partial *out)
{
	int64_t per_block = e->chunks, end = loss_min_i64((block + 1) * per_block, e->n);
	double given = given_beta(e);

	for (int64_t sample = block * per_block; sample < end; sample++) {
		double beta = isnan(given) ? beta_of(e, sample) : given;

		if (beta == 0 || beta == 1)
			out->flags |= LOSS_FLAG_EVENT;
		if (e->spec.dtype == LOSS_FLOAT32)
			((float *)e->work)[sample] = (float)beta;
		else
			((double *)e->work)[sample] = beta;
	}
}

/* The balances as an operand behind the inputs, spread over each sample. */
static void add_operand(struct loss_eval *e)
{
	static const struct loss_input_row row = {.role = LOSS_ROLE_NONE, .optional = true};
	struct loss_operand *beta = &e->in[e->operands];

	*beta = (struct loss_operand){.row = &row, .index = -1, .count = e->n, .rank = e->rank};
	beta->single = e->n == 1;
	for (int axis = 0; axis < e->rank; axis++)
		beta->stride[axis] = axis == 0 && e->n > 1;
	e->reads[2] = e->operands++;
}

static enum loss_code plan(struct loss_eval *e, struct loss_error *err)
{
	(void)err;
	if (e->rank <= 1)
		e->n = 1; /* a single vector is one sample */
	e->sample_elements = e->n ? e->elements / e->n : 0;
	e->chunks = loss_max_i64(1, LOSS_BLOCK_ELEMENTS / loss_max_i64(1, e->sample_elements));
	e->work_bytes = (size_t)e->n * loss_dtype_bytes(e->spec.dtype);
	add_operand(e);
	loss_add_phase(e, prepare, loss_ceil_div(e->n, e->chunks));
	if (e->in[e->mask].index >= 0)
		loss_add_phase(e, loss_count_units, loss_count_blocks(e));
	loss_plan_elements(e);
	return LOSS_OK;
}

static void combine(struct loss_eval *e, int phase)
{
	if (phase < 0)
		e->in[e->reads[2]].data = e->work;
	if (phase != e->phase_count - 2)
		return;
	if (e->in[e->mask].index < 0)
		e->total.units = e->units;
	loss_settle_denominator(e, (double)e->total.units);
}

const struct loss_family loss_balanced_family = {
	.plan = plan, .combine = combine, .divisor = "the elements that count"};
