/*
 * Hard negative mining: all positives and the k negatives that cost most.
 *
 * Phases:
 *   prepare  every element's loss, into work
 *   main     value and gradient, with work turned into a factor of 1 for the
 *            elements that are kept and 0 for the others
 *
 * Under reduction none nothing is mined and main alone runs.
 */
#include "loss_impl.h"

enum side { NEITHER, POSITIVE, NEGATIVE };

static bool is_float(const struct loss_eval *e)
{
	return e->spec.dtype == LOSS_FLOAT32;
}

static double real_at(const struct loss_eval *e, const void *data, int64_t index)
{
	return is_float(e) ? (double)((const float *)data)[index] : ((const double *)data)[index];
}

static bool mask_leaves(const struct loss_eval *e, int64_t element)
{
	const struct loss_operand *mask = &e->in[e->mask];
	float narrow = 1;
	double wide = 1;

	if (!mask->data)
		return true;
	if (is_float(e))
		loss_operand_read_32(mask, e->rank, e->shape, element, 1, &narrow);
	else
		loss_operand_read_64(mask, e->rank, e->shape, element, 1, &wide);
	return narrow != 0 && wide != 0;
}

static enum side side_of(const struct loss_eval *e, int64_t element)
{
	double y = real_at(e, e->in[1].data, element);

	if (!mask_leaves(e, element))
		return NEITHER;
	return y >= 1 ? POSITIVE : y <= 0 ? NEGATIVE : NEITHER;
}

/* The losses of a block, without what makes main add up and keep them. */
static void prepare(const struct loss_eval *e, int64_t block, struct loss_partial *out)
{
	struct loss_eval plain = *e;
	struct loss_partial ignored = {0};

	plain.out.losses = e->work;
	memset(plain.out.gradients, 0, sizeof plain.out.gradients);
	plain.has_factor = false;
	e->kernels->main[e->form](&plain, block, &ignored);
	int64_t end = loss_min_i64((block + 1) * e->block_units, e->elements);

	for (int64_t i = block * e->block_units; i < end; i++) {
		enum side side = side_of(e, i);

		out->count += side == POSITIVE;
		out->units += side == NEGATIVE;
	}
}

/* ---- The k-th largest ----------------------------------------------------- */

/* Losses are not negative, so their bits order them; NaN comes out largest and
 * is never left out unseen. */
static uint64_t order_of(const struct loss_eval *e, int64_t element)
{
	uint64_t bits;

	if (is_float(e)) {
		uint32_t narrow;

		memcpy(&narrow, (const float *)e->work + element, sizeof narrow);
		bits = (uint64_t)narrow << 32;
	} else {
		memcpy(&bits, (const double *)e->work + element, sizeof bits);
	}
	return bits & ~(UINT64_C(1) << 63);
}

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

/* The order of the k-th largest negative (k >= 1), digit by digit from the
 * top; *ties is how many of those equal to it are among the k. */
static uint64_t kth_largest(const struct loss_eval *e, int64_t k, int64_t *ties)
{
	uint64_t prefix = 0, known = 0;

	for (int shift = 64 - DIGIT_BITS; known != UINT64_MAX;) {
		int64_t counts[DIGITS] = {0};
		uint64_t digit_mask = (uint64_t)(DIGITS - 1) << shift;
		int digit = DIGITS - 1;

		for (int64_t i = 0; i < e->elements; i++) {
			uint64_t order = order_of(e, i);

			if ((order & known) == prefix && side_of(e, i) == NEGATIVE)
				counts[order >> shift & (DIGITS - 1)]++;
		}
		while (counts[digit] < k)
			k -= counts[digit--];
		/* Digits may overlap at the low end: what is known stays as it is. */
		prefix |= (uint64_t)digit << shift & ~known;
		known |= digit_mask;
		shift = shift > DIGIT_BITS ? shift - DIGIT_BITS : 0;
	}
	*ties = k;
	return prefix;
}

/* work[i] becomes 1 for what is kept and 0 for the rest. */
static void select_elements(struct loss_eval *e, int64_t k)
{
	int64_t ties = 0;
	uint64_t least = k > 0 ? kth_largest(e, k, &ties) : 0;

	for (int64_t i = 0; i < e->elements; i++) {
		enum side side = side_of(e, i);
		bool kept = side == POSITIVE;

		if (side == NEGATIVE && k > 0) {
			uint64_t order = order_of(e, i);

			kept = order > least || (order == least && ties-- > 0);
		}
		if (is_float(e))
			((float *)e->work)[i] = kept;
		else
			((double *)e->work)[i] = kept;
	}
}

/* ---- The family ----------------------------------------------------------- */

static bool mines(const struct loss_eval *e)
{
	return e->spec.common.reduction != LOSS_NONE;
}

static enum loss_code plan(struct loss_eval *e, struct loss_error *err)
{
	static const struct loss_input_row row = {
		.role = LOSS_ROLE_NONE, .optional = true, .factor = true};

	(void)err;
	if (mines(e)) {
		e->work_bytes = (size_t)e->elements * loss_dtype_bytes(e->spec.dtype);
		e->in[e->operands++] = (struct loss_operand){.row = &row,
							     .index = -1,
							     .count = e->elements,
							     .rank = e->rank,
							     .full = true};
		loss_add_phase(e, prepare, loss_ceil_div(e->elements, LOSS_BLOCK_ELEMENTS));
	}
	loss_plan_elements(e);
	return LOSS_OK;
}

static void mine(struct loss_eval *e)
{
	double positives = e->total.count, negatives = (double)e->total.units;
	double ratio = loss_param_number(&e->spec, "negative_ratio", 0);
	double wanted = positives > 0 ? floor(positives * ratio)
				      : loss_param_number(&e->spec, "fallback_negatives", 0);
	double kept = wanted < negatives ? wanted : negatives;

	if (positives == 0 || negatives == 0)
		e->total.flags |= LOSS_FLAG_EVENT;
	select_elements(e, (int64_t)kept);
	e->in[e->operands - 1].data = e->work;
	e->has_factor = true;
	e->total.units += (int64_t)positives;
	loss_settle_denominator(e, positives + kept + loss_param_number(&e->spec, "eps", 0));
}

static void combine(struct loss_eval *e, int phase)
{
	if (mines(e) && phase == 0)
		mine(e);
	if (!mines(e) && phase < 0) {
		e->total.units = e->units;
		loss_settle_denominator(e, 1);
	}
}

const struct loss_family loss_hard_negative_family = {
	.plan = plan,
	.combine = combine,
	.divisor = "the positives and the negatives that are kept, and eps"};
