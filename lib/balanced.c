/*
 * Balanced losses: elementwise, with a balance per sample that the first phase
 * takes from the targets, unless it is given, and main reads as an operand of
 * its own.
 */
#include "loss_impl.h"

static double given_beta(const struct loss_eval *e)
{
	return loss_param_number(&e->spec, "beta", NAN);
}

static size_t betas_bytes(const struct loss_eval *e)
{
	return ((size_t)e->n * loss_dtype_bytes(e->spec.dtype) + 63) / 64 * 64;
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
	e->chunks = loss_max_i64(1, loss_ceil_div(e->sample_elements, LOSS_BLOCK_ELEMENTS));
	e->chunks_together =
		loss_max_i64(1, LOSS_BLOCK_ELEMENTS / loss_max_i64(1, e->sample_elements));
	e->work_bytes = betas_bytes(e) + (size_t)(e->n * e->chunks) * sizeof *e->shares;
	add_operand(e);
	if (isnan(given_beta(e)))
		loss_add_phase(e, e->kernels->prepare[e->form],
			       loss_ceil_div(e->n * e->chunks, e->chunks_together));
	if (e->in[e->mask].index >= 0)
		loss_add_phase(e, loss_count_units, loss_count_blocks(e));
	loss_plan_elements(e);
	return LOSS_OK;
}

/* The balance of one sample: one less the mean of its targets that count. */
static double beta_of(const struct loss_eval *e, int64_t sample)
{
	struct loss_share total = {0};

	for (int64_t k = 0; k < e->chunks; k++) {
		total.sum += e->shares[sample * e->chunks + k].sum;
		total.count += e->shares[sample * e->chunks + k].count;
	}
	return total.count ? 1 - total.sum / (double)total.count : 0;
}

static void settle_betas(struct loss_eval *e)
{
	double given = given_beta(e);

	for (int64_t sample = 0; sample < e->n; sample++) {
		double beta = isnan(given) ? beta_of(e, sample) : given;

		if (beta == 0 || beta == 1)
			e->total.flags |= LOSS_FLAG_EVENT;
		if (e->spec.dtype == LOSS_FLOAT32)
			((float *)e->work)[sample] = (float)beta;
		else
			((double *)e->work)[sample] = beta;
	}
}

static void combine(struct loss_eval *e, int phase)
{
	if (phase < 0) {
		e->in[e->reads[2]].data = e->work;
		e->shares = (void *)((char *)e->work + betas_bytes(e));
	}
	if (phase == (isnan(given_beta(e)) ? 0 : -1))
		settle_betas(e);
	if (phase != e->phase_count - 2)
		return;
	if (e->in[e->mask].index < 0)
		e->total.units = e->units;
	loss_settle_denominator(e, (double)e->total.units);
}

const struct loss_family loss_balanced_family = {
	.plan = plan, .combine = combine, .divisor = "the elements that count"};
