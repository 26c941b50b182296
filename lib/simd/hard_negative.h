/*
 * Hard negative mining: the phases over every element's key, which tells its
 * side and orders the negatives by their loss.  lib/hard_negative.c puts the
 * counts of the blocks together.
 */
#ifndef LOSS_SIMD_HARD_NEGATIVE_H
#define LOSS_SIMD_HARD_NEGATIVE_H

#include "elementwise.h"

/* Keys of elements that are no negatives, whose keys are 0 and more. */
enum { KEY_POSITIVE = -1, KEY_NEITHER = -2 };

struct mining_run {
	int64_t begin, end;
	real *keys;       /* whose bits they are */
	uint16_t *counts; /* by digit */
};

INLINE struct mining_run mining_run_of(const struct loss_eval *e, int64_t block)
{
	int64_t begin = block * LOSS_BLOCK_ELEMENTS;

	return (struct mining_run){
		.begin = begin,
		.end = loss_min_i64(begin + LOSS_BLOCK_ELEMENTS, e->elements),
		.keys = e->mining.keys,
		.counts = e->mining.counts + block * LOSS_MINING_DIGITS,
	};
}

INLINE ivec keys_load(const real *keys, int n)
{
	return v_bits(v_load_n(keys, n, 0));
}

/* Counts a digit of the key at `at`; not if it is less than 0. */
INLINE void key_count(struct mining_run run, int64_t at, int shift)
{
	real_int key;

	memcpy(&key, run.keys + at, sizeof key);
	if (key >= 0)
		run.counts[key >> shift & (LOSS_MINING_DIGITS - 1)]++;
}

/* Losses of a chunk become keys.  Losses are not negative, so that their bits
 * order them; NaN comes out largest and is never left out unseen. */
INLINE void mining_make_keys(const struct loss_eval *e, struct mining_run run, int64_t at, int n,
			     struct loss_partial *out)
{
	const struct loss_operand *given = &e->in[e->mask];
	const real *y = (const real *)e->in[1].data + at;
	real mask_of[LOSS_CHUNK];

	if (given->data)
		OPERAND_READ(given, e->rank, e->shape, at, n, mask_of);
	for (int i = 0; i < n; i += LANES) {
		int left = n - i < LANES ? n - i : LANES;
		vec targets = v_load_n(y + i, left, 0);
		ivec order = v_bits(v_abs(v_load_n(run.keys + at + i, left, 0)));
		mask counts = m_first(left);

		if (given->data)
			counts = m_and(counts, v_ne(v_load_n(mask_of + i, left, 0), v_set(0)));
		mask positive = m_and(counts, v_ge(targets, v_set(1)));
		mask negative = m_and(counts, v_le(targets, v_set(0)));
		vec others = v_select(positive, v_from_bits(v_set_int(KEY_POSITIVE)),
				      v_from_bits(v_set_int(KEY_NEITHER)));

		v_store_n(run.keys + at + i, v_select(negative, v_from_bits(order), others), left);
		out->count += m_count(positive);
		out->units += m_count(negative);
	}
	for (int i = 0; i < n; i++)
		key_count(run, at + i, e->mining.shift);
}

/* The losses of a block, without what makes main add up and keep them. */
INLINE void mining_prepare(const struct loss_eval *e, int64_t block, loss_block_fn *losses,
			   struct loss_partial *out)
{
	struct mining_run run = mining_run_of(e, block);
	struct loss_eval plain = *e;
	struct loss_partial ignored = {0};

	plain.out.losses = run.keys;
	memset(plain.out.gradients, 0, sizeof plain.out.gradients);
	plain.has_factor = false;
	losses(&plain, block, &ignored);
	memset(run.counts, 0, LOSS_MINING_DIGITS * sizeof *run.counts);
	for (int64_t at = run.begin; at < run.end; at += LOSS_CHUNK)
		mining_make_keys(e, run, at, (int)loss_min_i64(LOSS_CHUNK, run.end - at), out);
}

/* Counts the next digit of the keys that begin with what is known. */
static NOINLINE void mining_count(const struct loss_eval *e, int64_t block,
				  struct loss_partial *out)
{
	struct mining_run run = mining_run_of(e, block);
	int known = e->mining.known, shift = e->mining.shift;
	ivec prefix = v_set_int((real_int)(e->mining.prefix >> known));

	(void)out;
	memset(run.counts, 0, LOSS_MINING_DIGITS * sizeof *run.counts);
	for (int64_t at = run.begin; at < run.end; at += LANES) {
		int left = (int)loss_min_i64(LANES, run.end - at);
		ivec keys = v_shift_right(keys_load(run.keys + at, left), known);
		unsigned found = m_bits(m_and(m_first(left), v_eq_int(keys, prefix)));

		for (; found; found &= found - 1)
			key_count(run, at + __builtin_ctz(found), shift);
	}
}

/* Keys become factors. */
static NOINLINE void mining_select(const struct loss_eval *e, int64_t block,
				   struct loss_partial *out)
{
	struct mining_run run = mining_run_of(e, block);
	ivec positive = v_set_int(KEY_POSITIVE), least = v_set_int((real_int)e->mining.least);
	int64_t ties = e->mining.ties - e->mining.ties_before[block];

	(void)out;
	for (int64_t at = run.begin; at < run.end; at += LANES) {
		int left = (int)loss_min_i64(LANES, run.end - at);
		ivec keys = keys_load(run.keys + at, left);
		mask kept = m_or(v_eq_int(keys, positive), v_gt_int(keys, least));
		unsigned equal = m_bits(m_and(m_first(left), v_eq_int(keys, least)));

		v_store_n(run.keys + at, v_and(kept, v_set(1)), left);
		for (; equal && ties > 0; equal &= equal - 1, ties--)
			run.keys[at + __builtin_ctz(equal)] = 1;
	}
}

/* The phase before the main one of a form. */
#define MINING_FORM(id)                                                                            \
	static void id##_prepare(const struct loss_eval *e, int64_t block,                         \
				 struct loss_partial *out)                                         \
	{                                                                                          \
		mining_prepare(e, block, id##_block, out);                                         \
	}

#endif
