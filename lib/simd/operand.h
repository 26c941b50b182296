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

/* out[i] *= the factors (weight, sample_weight, mask) of unit index + i * step.
 * A factor of 0 selects: what it meets becomes 0, whatever it was; a mask is
 * never a number to multiply with. */
static NOINLINE void multiply_factors(const struct loss_eval *e, int64_t index, int64_t n,
				      int64_t step, real *out)
{
	real values[GROUP];

	for (int k = 0; k < e->operands; k++) {
		const struct loss_operand *operand = &e->in[k];
		bool select = operand->row && operand->row->role == LOSS_ROLE_MASK;

		if (!operand->data || !operand->row->factor)
			continue;
		for (int64_t i = 0; i < n; i += GROUP) {
			int64_t run = loss_min_i64(GROUP, n - i);

			if (step == 1)
				OPERAND_READ(operand, e->unit_rank, e->unit_shape, index + i, run,
					     values);
			else
				for (int64_t j = 0; j < run; j++)
					OPERAND_READ(operand, e->unit_rank, e->unit_shape,
						     index + (i + j) * step, 1, values + j);
			for (int64_t j = 0; j < run; j++) {
				real old = out[i + j], by = values[j];

				out[i + j] = old == 0 || by == 0 ? 0 : select ? old : old * by;
			}
		}
	}
}

#endif
