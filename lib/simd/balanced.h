/* Balanced losses: the phase that adds up the targets of each sample.
 * lib/balanced.c makes balances of the sums. */
#ifndef LOSS_SIMD_BALANCED_H
#define LOSS_SIMD_BALANCED_H

#include "elementwise.h"

struct target_sums {
	struct acc sum;
	int64_t count;
};

/* Adds n <= LOSS_CHUNK targets from element `at`. */
INLINE void balanced_add(const struct loss_eval *e, int64_t at, int n, struct target_sums *sums)
{
	const struct loss_operand *given = &e->in[e->mask];
	const real *y = (const real *)e->in[1].data + at;
	real mask_of[LOSS_CHUNK];

	if (given->data)
		OPERAND_READ(given, e->rank, e->shape, at, n, mask_of);
	for (int i = 0; i < n; i += GROUP)
		UNROLL for (int r = 0; r < REGS; r++)
		{
			int j = i + r * LANES, left = n - j < 0 ? 0 : n - j < LANES ? n - j : LANES;
			mask on = m_first(left);

			if (given->data)
				on = m_and(on, v_ne(v_load_n(mask_of + j, left, 0), v_set(0)));
			acc_add(&sums->sum, r, v_and(on, v_load_n(y + j, left, 0)));
			sums->count += m_count(on);
		}
}

/* The shares of some chunks of samples; in the order of the samples. */
static NOINLINE void balanced_prepare(const struct loss_eval *e, int64_t block,
				      struct loss_partial *out)
{
	int64_t end = loss_min_i64((block + 1) * e->chunks_together, e->n * e->chunks);

	(void)out;
	for (int64_t chunk = block * e->chunks_together; chunk < end; chunk++) {
		int64_t sample = chunk / e->chunks, part = chunk % e->chunks;
		int64_t first = sample * e->sample_elements;
		int64_t from = first + part * LOSS_BLOCK_ELEMENTS;
		int64_t to = loss_min_i64(from + LOSS_BLOCK_ELEMENTS, first + e->sample_elements);
		struct target_sums sums = {acc_zero(), 0};

		for (int64_t at = from; at < to; at += LOSS_CHUNK)
			balanced_add(e, at, (int)loss_min_i64(LOSS_CHUNK, to - at), &sums);
		e->shares[chunk] = (struct loss_share){acc_sum(&sums.sum), sums.count};
	}
}

#endif
