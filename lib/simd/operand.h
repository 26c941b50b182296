/* Operands that are no plain array, read for the dtype of the build. */
#ifndef LOSS_SIMD_OPERAND_H
#define LOSS_SIMD_OPERAND_H

#include "../loss_impl.h"
#include "seen.h"
#include "vec.h"

#if LOSS_REAL == 32
#define OPERAND_READ loss_operand_read_32
#else
#define OPERAND_READ loss_operand_read_64
#endif

/* Numbers [begin, begin + n) of an operand spread over the prediction: where they
 * stand, or else in `room`. */
INLINE const real *operand_run(const struct loss_eval *e, const struct loss_operand *operand,
			       int64_t begin, int64_t n, real *room)
{
	if (operand->full)
		return (const real *)operand->data + begin;
	if (operand->data)
		OPERAND_READ(operand, e->rank, e->shape, begin, n, room);
	else
		for (int64_t i = 0; i < n; i++)
			room[i] = (real)operand->row->absent;
	return room;
}

/* out[i] *= values[i], where a factor of 0 selects: what it meets becomes 0,
 * whatever it was.  A mask is never a number to multiply with. */
INLINE vec multiply_or_select(vec old, vec by, bool select)
{
	mask on = m_and(v_ne(old, v_set(0)), v_ne(by, v_set(0)));

	return v_and(on, select ? old : old * by);
}

/* out[i] *= the factors (weight, sample_weight, mask) of unit index + i * step. */
static NOINLINE void multiply_factors(const struct loss_eval *e, int64_t index, int64_t n,
				      int64_t step, real *out)
{
	real values[LOSS_CHUNK];

	for (int k = 0; k < e->operands; k++) {
		const struct loss_operand *operand = &e->in[k];
		bool select = operand->row->role == LOSS_ROLE_MASK;

		if (!operand->data || !operand->row->factor)
			continue;
		for (int64_t i = 0; i < n; i += LOSS_CHUNK) {
			int64_t run = loss_min_i64(LOSS_CHUNK, n - i);

			if (step == 1)
				OPERAND_READ(operand, e->unit_rank, e->unit_shape, index + i, run,
					     values);
			else
				for (int64_t j = 0; j < run; j++)
					OPERAND_READ(operand, e->unit_rank, e->unit_shape,
						     index + (i + j) * step, 1, values + j);
			for (int64_t j = 0; j < run; j += LANES) {
				int left = (int)loss_min_i64(LANES, run - j);
				vec old = v_load_n(out + i + j, left, 0);
				vec by = v_load_n(values + j, left, 0);

				v_store_n(out + i + j, multiply_or_select(old, by, select), left);
			}
		}
	}
}

#endif
