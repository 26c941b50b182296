/*
 * Half precision: an evaluation in float32 whose tensors are rounded as a
 * device would store them.
 *
 * Phases around those of the family:
 *   inputs   copies of the real inputs, rounded
 *   family   what the loss does, on the copies
 *   outputs  unreduced losses and gradients, rounded in place; the sum again
 */
#include <float.h>

#include "loss_impl.h"

/* What a format keeps of a float32. */
static const struct format {
	const char *name;
	int dropped;    /* bits at the end of the significand */
	float max, min; /* largest finite, smallest positive */
	float normal;   /* smallest with all its bits */
} formats[] = {
	[LOSS_PRECISION_FULL] = {"float32", 0, FLT_MAX, 0x1p-149f, FLT_MIN},
	[LOSS_PRECISION_FLOAT16] = {"float16", 13, 65504.0f, 0x1p-24f, 0x1p-14f},
	[LOSS_PRECISION_BFLOAT16] = {"bfloat16", 16, 0x1.fep127f, 0x1p-133f, FLT_MIN},
};

const char *loss_precision_name(enum loss_precision precision)
{
	return formats[precision].name;
}

float loss_precision_max(enum loss_precision precision)
{
	return formats[precision].max;
}

float loss_precision_min(enum loss_precision precision)
{
	return formats[precision].min;
}

/* To nearest with ties to even: what is dropped is added to half a step, less
 * one where the last bit that stays is even, and cut off. */
static float round_bits(float x, int dropped)
{
	uint32_t bits, half = UINT32_C(1) << (dropped - 1);

	memcpy(&bits, &x, sizeof bits);
	bits += half - 1 + (bits >> dropped & 1);
	bits &= ~(2 * half - 1);
	memcpy(&x, &bits, sizeof x);
	return x;
}

static float round_to(const struct format *format, float x)
{
	float size = fabsf(x), rounded;

	if (format->dropped == 0 || !(size <= FLT_MAX) || size == 0)
		return x;
	/* Below the normal numbers the steps are all of one size: adding and
	 * taking away 2^23 of them rounds to a whole number of them. */
	if (size < format->normal && format->normal > FLT_MIN)
		rounded = (size + format->min * 0x1p23f) - format->min * 0x1p23f;
	else
		rounded = round_bits(size, format->dropped);
	return copysignf(rounded > format->max ? INFINITY : rounded, x);
}

float loss_round(enum loss_precision precision, float x)
{
	return round_to(&formats[precision], x);
}

/* ---- Arrays ---------------------------------------------------------------- */

static void round_array(enum loss_precision precision, const float *in, float *out, int64_t n,
			struct loss_rounded *counts)
{
	const struct format *format = &formats[precision];

	for (int64_t i = 0; i < n; i++) {
		float x = in[i], rounded = round_to(format, x);

		counts->overflowed += isfinite(x) && !isfinite(rounded);
		counts->vanished += x != 0 && rounded == 0;
		out[i] = rounded;
	}
}

/* The slice of an array that belongs to a block; its length may be 0. */
static int64_t slice_of(int64_t count, int64_t block, int64_t *begin)
{
	*begin = block * LOSS_BLOCK_ELEMENTS;
	return loss_max_i64(0, loss_min_i64(LOSS_BLOCK_ELEMENTS, count - *begin));
}

/* ---- The plan -------------------------------------------------------------- */

static bool is_real(const struct loss_eval *e, int input)
{
	return e->in[input].index >= 0 && !e->in[input].is_index;
}

static size_t aligned(int64_t floats)
{
	return ((size_t)floats * sizeof(float) + 63) & ~(size_t)63;
}

void loss_rounding_plan(struct loss_eval *e)
{
	if (e->spec.precision == LOSS_PRECISION_FULL)
		return;
	for (int i = 0; i < e->in_count; i++)
		if (is_real(e, i))
			e->rounding_bytes += aligned(e->in[i].count);
	e->rounding_bytes += aligned(e->units);
}

int64_t loss_rounding_blocks(const struct loss_eval *e)
{
	int64_t most = e->units;

	for (int i = 0; i < e->in_count; i++)
		most = loss_max_i64(most, e->in[i].index >= 0 ? e->in[i].count : 0);
	return loss_ceil_div(most, LOSS_BLOCK_ELEMENTS);
}

/* ---- Inputs ---------------------------------------------------------------- */

static void round_inputs(const struct loss_eval *e, int64_t block)
{
	char *copy = e->rounded;
	struct loss_rounded ignored = {0};
	int64_t begin, n;

	for (int i = 0; i < e->in_count; i++) {
		if (!is_real(e, i))
			continue;
		n = slice_of(e->in[i].count, block, &begin);
		if (n > 0)
			round_array(e->spec.precision, (const float *)e->in[i].data + begin,
				    (float *)(void *)copy + begin, n, &ignored);
		copy += aligned(e->in[i].count);
	}
}

void loss_rounding_begin(struct loss_eval *e)
{
	char *copy = e->rounded;

	for (int i = 0; i < e->in_count; i++) {
		if (!is_real(e, i))
			continue;
		e->given[i] = e->in[i].data;
		e->in[i].data = copy;
		copy += aligned(e->in[i].count);
	}
	if (!e->out.losses)
		e->out.losses = copy;
}

/* ---- Outputs --------------------------------------------------------------- */

static void round_outputs(const struct loss_eval *e, int64_t block, struct loss_partial *out)
{
	struct loss_rounded losses = {0}, gradients = {0};
	float *at = e->out.losses;
	int64_t begin, n = slice_of(e->units, block, &begin);

	if (n > 0)
		round_array(e->spec.precision, at + begin, at + begin, n, &losses);
	for (int64_t i = begin; i < begin + n; i++)
		out->sum += (double)at[i];
	for (int i = 0; i < e->in_count; i++) {
		at = e->out.gradients[i];
		n = at ? slice_of(e->in[i].count, block, &begin) : 0;
		if (n > 0)
			round_array(e->spec.precision, at + begin, at + begin, n, &gradients);
	}
	if (losses.overflowed || gradients.overflowed)
		out->flags |= LOSS_FLAG_NONFINITE;
	if (gradients.vanished)
		out->flags |= LOSS_FLAG_EVENT;
	/* The family is done with the counts of its own. */
	out->count = (double)gradients.vanished;
	out->units = gradients.overflowed;
}

void loss_rounding_end(struct loss_eval *e)
{
	double sum = 0;

	for (int64_t b = 0; b < loss_rounding_blocks(e); b++) {
		sum += e->partials[b].sum;
		e->total.flags |= e->partials[b].flags;
		e->rounded_gradients.vanished += (int64_t)e->partials[b].count;
		e->rounded_gradients.overflowed += e->partials[b].units;
	}
	e->total.sum = (double)(float)sum;
}

void loss_rounding_run(const struct loss_eval *e, int64_t block, struct loss_partial *out)
{
	if (e->rounding == ROUNDING_INPUTS)
		round_inputs(e, block);
	else
		round_outputs(e, block, out);
}

/* ---- Begin and end --------------------------------------------------------- */

double loss_rounding_result(const struct loss_eval *e, double loss)
{
	if (e->spec.precision == LOSS_PRECISION_FULL)
		return loss;
	return (double)loss_round(e->spec.precision, (float)loss);
}

void loss_rounding_reset(struct loss_eval *e)
{
	for (int i = 0; i < e->in_count && e->rounding > ROUNDING_INPUTS; i++)
		if (is_real(e, i))
			e->in[i].data = e->given[i];
	e->rounding = ROUNDING_NONE;
	e->rounded_gradients = (struct loss_rounded){0};
}
