/* Elementwise losses: one unit an element, one main phase. */
#include "loss_impl.h"

/* ---- Counting what a mask leaves ------------------------------------------ */

int64_t loss_count_blocks(const struct loss_eval *e)
{
	return loss_ceil_div(e->units, LOSS_BLOCK_ELEMENTS);
}

/* How many of n units from `begin` the mask leaves. */
static int64_t count_mask(const struct loss_eval *e, int64_t begin, int64_t n)
{
	const struct loss_operand *mask = &e->in[e->mask];
	double wide[LOSS_CHUNK];
	float narrow[LOSS_CHUNK];
	int64_t count = 0;

	if (e->spec.dtype == LOSS_FLOAT32) {
		loss_operand_read_32(mask, e->unit_rank, e->unit_shape, begin, n, narrow);
		for (int64_t i = 0; i < n; i++)
			count += narrow[i] != 0;
	} else {
		loss_operand_read_64(mask, e->unit_rank, e->unit_shape, begin, n, wide);
		for (int64_t i = 0; i < n; i++)
			count += wide[i] != 0;
	}
	return count;
}

void loss_count_units(const struct loss_eval *e, int64_t block, struct loss_partial *out)
{
	int64_t begin = block * LOSS_BLOCK_ELEMENTS;
	int64_t end = loss_min_i64(begin + LOSS_BLOCK_ELEMENTS, e->units);

	for (int64_t at = begin; at < end; at += LOSS_CHUNK)
		out->units += count_mask(e, at, loss_min_i64(LOSS_CHUNK, end - at));
	out->count = (double)out->units;
}

/* ---- The plain family ----------------------------------------------------- */

void loss_add_phase(struct loss_eval *e, loss_block_fn *run, int64_t blocks)
{
	e->phases[e->phase_count++] = (struct loss_phase){run, blocks};
}

void loss_plan_elements(struct loss_eval *e)
{
	e->block_units = LOSS_BLOCK_ELEMENTS;
	e->block_total = e->elements;
	loss_add_phase(e, e->kernels->main[e->form],
		       loss_ceil_div(e->elements, LOSS_BLOCK_ELEMENTS));
}

static enum loss_code plan(struct loss_eval *e, struct loss_error *err)
{
	(void)err;
	if (e->in[e->mask].index >= 0)
		loss_add_phase(e, loss_count_units, loss_count_blocks(e));
	loss_plan_elements(e);
	return LOSS_OK;
}

/* Before `main`: the denominator is the number of units that count. */
static void combine(struct loss_eval *e, int phase)
{
	if (phase != e->phase_count - 2)
		return;
	if (phase < 0)
		e->total.units = e->units;
	loss_settle_denominator(e, (double)e->total.units);
}

const struct loss_family loss_elementwise_family = {
	.plan = plan, .combine = combine, .divisor = "the elements that count"};
