/*
 * Hard negative mining: all positives and the k negatives that cost most.
 *
 * Phases:
 *   prepare  every element's loss, into work, where it becomes a key that tells
 *            its side and orders the negatives; their first digits are counted
 *   count    once for each further digit, until the k-th largest key is known
 *   select   keys become a factor of 1 for what is kept and 0 for the rest
 *   main     value and gradient with that factor
 *
 * Of equal losses the first count: the last digit tells each block how many it
 * has of them, and so how many there are before it.  Under reduction none
 * nothing is mined and main alone runs.
 */
#include "loss_impl.h"

enum { PREPARE, COUNT, SELECT };

static bool mines(const struct loss_eval *e)
{
	return e->spec.common.reduction != LOSS_NONE;
}

/* ---- The k-th largest ----------------------------------------------------- */

/* Bits of a key behind its sign. */
static int key_bits(const struct loss_eval *e)
{
	return e->spec.dtype == LOSS_FLOAT32 ? 31 : 63;
}

/* All keys above `least` are kept, and the first `ties` of those equal to it. */
static void settle(struct loss_mining *m, int64_t least, int64_t ties)
{
	m->least = least;
	m->ties = ties;
	m->settled = true;
}

/* Of all blocks, how many keys begin with what is known, by the next digit. */
static void count_digits(const struct loss_eval *e, int64_t *counts)
{
	memset(counts, 0, LOSS_MINING_DIGITS * sizeof *counts);
	for (int64_t b = 0; b < e->mining.blocks; b++)
		for (int digit = 0; digit < LOSS_MINING_DIGITS; digit++)
			counts[digit] += e->mining.counts[b * LOSS_MINING_DIGITS + digit];
}

/* How many keys of this digit there are before each block. */
static void number_ties(struct loss_eval *e, int digit)
{
	int64_t before = 0;

	for (int64_t b = 0; b < e->mining.blocks; b++) {
		e->mining.ties_before[b] = before;
		before += e->mining.counts[b * LOSS_MINING_DIGITS + digit];
	}
}

/* From the counts of a digit: which it is, and what is to be counted next. */
static void find_digit(struct loss_eval *e)
{
	struct loss_mining *m = &e->mining;
	int64_t counts[LOSS_MINING_DIGITS];
	int digit = LOSS_MINING_DIGITS - 1;

	count_digits(e, counts);
	for (; counts[digit] < m->k; digit--)
		m->k -= counts[digit];
	m->prefix |= (int64_t)digit << m->shift;
	m->known = m->shift;
	if (counts[digit] == m->k) {
		settle(m, m->prefix - 1, 0); /* all that begin so */
	} else if (m->shift == 0) {
		number_ties(e, digit);
		settle(m, m->prefix, m->k);
	}
	m->shift = m->shift > LOSS_MINING_DIGIT_BITS ? m->shift - LOSS_MINING_DIGIT_BITS : 0;
}

/* How many negatives are kept; from there on only the denominator changes. */
static void begin_mining(struct loss_eval *e)
{
	double positives = e->total.count, negatives = (double)e->total.units;
	double ratio = loss_param_number(&e->spec, "negative_ratio", 0);
	double wanted = positives > 0 ? floor(positives * ratio)
				      : loss_param_number(&e->spec, "fallback_negatives", 0);
	double kept = wanted < negatives ? wanted : negatives;

	if (positives == 0 || negatives == 0)
		e->total.flags |= LOSS_FLAG_EVENT;
	e->total.units += (int64_t)positives;
	loss_settle_denominator(e, positives + kept + loss_param_number(&e->spec, "eps", 0));
	e->mining.k = (int64_t)kept;
	if (kept == negatives)
		settle(&e->mining, -1, 0);
	else if (kept == 0)
		settle(&e->mining, INT64_MAX >> (63 - key_bits(e)), 0);
}

/* ---- The family ----------------------------------------------------------- */

static enum loss_code plan(struct loss_eval *e, struct loss_error *err)
{
	static const struct loss_input_row row = {
		.role = LOSS_ROLE_NONE, .optional = true, .factor = true};
	struct loss_mining *m = &e->mining;

	(void)err;
	if (mines(e)) {
		m->blocks = loss_ceil_div(e->elements, LOSS_BLOCK_ELEMENTS);
		m->ties_bytes = ((size_t)m->blocks * sizeof *m->ties_before + 63) / 64 * 64;
		m->counts_bytes = (size_t)m->blocks * LOSS_MINING_DIGITS * sizeof *m->counts;
		e->work_bytes = m->ties_bytes + m->counts_bytes +
				(size_t)e->elements * loss_dtype_bytes(e->spec.dtype);
		e->in[e->operands++] = (struct loss_operand){.row = &row,
							     .index = -1,
							     .count = e->elements,
							     .rank = e->rank,
							     .full = true};
		loss_add_phase(e, e->kernels->prepare[e->form], m->blocks);
		loss_add_phase(e, e->kernels->count, m->blocks);
		loss_add_phase(e, e->kernels->select, m->blocks);
	}
	loss_plan_elements(e);
	return LOSS_OK;
}

/* Before the first phase: where things are, and the first digit. */
static void lay_out(struct loss_eval *e)
{
	struct loss_mining *m = &e->mining;

	m->counts = e->work;
	m->ties_before = (void *)((char *)e->work + m->counts_bytes);
	m->keys = (char *)m->ties_before + m->ties_bytes;
	m->prefix = 0;
	m->settled = false;
	m->shift = key_bits(e) - LOSS_MINING_DIGIT_BITS;
	for (int64_t b = 0; b < m->blocks; b++)
		m->ties_before[b] = 0;
}

static void combine(struct loss_eval *e, int phase)
{
	if (!mines(e)) {
		if (phase < 0) {
			e->total.units = e->units;
			loss_settle_denominator(e, 1);
		}
		return;
	}
	if (phase < 0)
		lay_out(e);
	if (phase == PREPARE)
		begin_mining(e);
	if (phase == PREPARE || phase == COUNT) {
		if (!e->mining.settled)
			find_digit(e);
		/* `count` comes again as long as digits are missing, or never. */
		e->phase = e->mining.settled ? COUNT : PREPARE;
	}
	if (phase == SELECT) {
		e->in[e->operands - 1].data = e->mining.keys;
		e->has_factor = true;
	}
}

const struct loss_family loss_hard_negative_family = {
	.plan = plan,
	.combine = combine,
	.divisor = "the positives and the negatives that are kept, and eps"};
