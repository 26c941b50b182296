/* Elementwise losses: one unit an element, one main phase, and another where a
 * gradient must be summed. */
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

/* ---- Phases --------------------------------------------------------------- */

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

/* ---- Gradients of what is smaller than the prediction ----------------------- */

enum { STRANDS = 8 }; /* sums that go side by side, in float64 */

#define DEFINE_SUM(name, type)                                                                     \
	static double name(const type *x, int64_t n)                                               \
	{                                                                                          \
		double sums[STRANDS] = {0}, sum = 0;                                               \
                                                                                                   \
		for (; n >= STRANDS; n -= STRANDS, x += STRANDS)                                   \
			for (int i = 0; i < STRANDS; i++)                                          \
				sums[i] += (double)x[i];                                           \
		for (int i = 0; i < n; i++)                                                        \
			sums[i] += (double)x[i];                                                   \
		for (int i = 0; i < STRANDS; i++)                                                  \
			sum += sums[i];                                                            \
		return sum;                                                                        \
	}

DEFINE_SUM(sum_32, float)
DEFINE_SUM(sum_64, double)

/* The elements that one number of it broadcasts to stand side by side. */
static int64_t summed_length(const struct loss_eval *e)
{
	return e->in[e->summed].single ? e->elements : e->shape[e->rank - 1];
}

static int64_t summed_together(const struct loss_eval *e)
{
	return loss_max_i64(1, LOSS_BLOCK_ELEMENTS / loss_max_i64(1, summed_length(e)));
}

static void sum_gradients(const struct loss_eval *e, int64_t block, struct loss_partial *out)
{
	int64_t length = summed_length(e), together = summed_together(e), i = block * together;
	int64_t end = loss_min_i64(i + together, e->in[e->summed].count);
	void *gradient = e->out.gradients[e->summed];
	bool adds = e->out.accumulate[e->summed];

	for (; gradient && i < end; i++) {
		double sum;

		if (e->spec.dtype == LOSS_FLOAT32) {
			float *to = (float *)gradient + i;

			sum = sum_32((const float *)e->work + i * length, length);
			*to = adds ? *to + (float)sum : (float)sum;
			sum = (double)*to;
		} else {
			double *to = (double *)gradient + i;

			sum = sum_64((const double *)e->work + i * length, length);
			*to = adds ? *to + sum : sum;
			sum = *to;
		}
		if (!isfinite(sum))
			out->flags |= LOSS_FLAG_NONFINITE;
	}
}

/* Of the inputs that a loss reads, one at most may be given so. */
static void plan_sums(struct loss_eval *e)
{
	for (int i = 1; i < e->in_count; i++)
		if (e->in[i].wanted && !e->in[i].full)
			e->summed = i;
	if (e->summed == 0)
		return;
	e->work_bytes = (size_t)e->elements * loss_dtype_bytes(e->spec.dtype);
	loss_add_phase(e, sum_gradients, loss_ceil_div(e->in[e->summed].count, summed_together(e)));
}

/* ---- The family ------------------------------------------------------------ */

static enum loss_code plan(struct loss_eval *e, struct loss_error *err)
{
	(void)err;
	if (e->in[e->mask].index >= 0)
		loss_add_phase(e, loss_count_units, loss_count_blocks(e));
	loss_plan_elements(e);
	plan_sums(e);
	return LOSS_OK;
}

/* Before `main`: the denominator is the number of units that count. */
void loss_settle_units(struct loss_eval *e, int phase)
{
	int main = e->phase_count - 1 - (e->summed != 0);

	if (phase != main - 1)
		return;
	if (phase < 0)
		e->total.units = e->units;
	loss_settle_denominator(e, (double)e->total.units);
}

const struct loss_family loss_elementwise_family = {
	.plan = plan, .combine = loss_settle_units, .divisor = "the elements that count"};
