/*
 * The rowsum driver: losses of whole rows of the last axis, each a function of a
 * few sums over its row, as a distance or a cosine is.
 *
 * A loss file gives three functions:
 *
 *     INLINE void terms(const vec *in, const struct rowsum *row, mask own,
 *                       struct rowsum_term *term)
 *     static double value(const struct loss_eval *e, struct rowsum *row)
 *     INLINE void slope(const vec *in, const struct rowsum *row, mask own, vec *grad)
 *
 * The first makes the terms of the sums from lanes of each input, the second a
 * value and the numbers that slopes are made of from the sums, the third the
 * derivatives from both.  A row is read once for its value and, where gradients
 * are asked for, once more.
 */
#ifndef LOSS_SIMD_ROWSUM_H
#define LOSS_SIMD_ROWSUM_H

#include "../loss_impl.h"
#include "math.h"
#include "operand.h"
#include "seen.h"
#include "vec.h"

enum { ROWSUM_INPUTS = 3, ROWSUM_SUMS = 3 };

/* A row, between its two passes. */
struct rowsum {
	const struct loss_eval *e;
	int64_t n;                /* numbers in it */
	real target;              /* where there is one number a row */
	int64_t y;                /* where it is a class index; else -1 */
	real at_y;                /* the score there */
	double sums[ROWSUM_SUMS]; /* what value() reads */
	real slopes[ROWSUM_SUMS]; /* and what it leaves, */
	real own;                 /* the derivative at y, or what else a loss remembers, */
	bool flat;                /* and whether all derivatives are 0 */
};

/* What a sum adds: a product, which is exact in float64. */
struct rowsum_term {
	vec a, b;
};

typedef void rowsum_terms(const vec *in, const struct rowsum *row, mask own,
			  struct rowsum_term *term);
typedef double rowsum_value(const struct loss_eval *e, struct rowsum *row);
typedef void rowsum_slope(const vec *in, const struct rowsum *row, mask own, vec *grad);

/* A loss; constant wherever it is passed. */
struct rowsum_kind {
	int inputs, sums;
	int in[ROWSUM_INPUTS]; /* their rows among the inputs */
	bool hard;             /* the target is a class index */
	int target;            /* the row of targets that are one number a row, or 0 */
	rowsum_terms *terms;
	rowsum_value *value;
	rowsum_slope *slope;
};

/* ---- Parts of a row ------------------------------------------------------- */

/* Up to LOSS_CHUNK numbers of each input, from `at` of the row on. */
struct rowsum_part {
	const real *in[ROWSUM_INPUTS];
	int64_t at, n;
};

struct rowsum_room {
	real in[ROWSUM_INPUTS][LOSS_CHUNK];
};

INLINE struct rowsum_part rowsum_part(const struct loss_eval *e, int64_t index, int64_t at,
				      struct rowsum_kind kind, struct rowsum_room *room)
{
	struct rowsum_part part = {.at = at,
				   .n = loss_min_i64(LOSS_CHUNK, e->sample_elements - at)};

	UNROLL for (int k = 0; k < kind.inputs; k++) part.in[k] = operand_run(
		e, &e->in[kind.in[k]], index * e->sample_elements + at, part.n, room->in[k]);
	return part;
}

/* The lane of the row's own class among those from i of the part on. */
INLINE mask rowsum_own(const struct rowsum *row, const struct rowsum_part *part, int64_t i,
		       struct rowsum_kind kind)
{
	int64_t lane = row->y - part->at - i;

	if (!kind.hard)
		return m_none();
	return v_eq_int(v_lane_index(), v_set_int(lane >= 0 && lane < LANES ? (real_int)lane : -1));
}

INLINE void rowsum_load(const struct rowsum_part *part, int64_t i, int left,
			struct rowsum_kind kind, vec *in)
{
	UNROLL for (int k = 0; k < kind.inputs; k++) in[k] = v_load_n(part->in[k] + i, left, 0);
}

/* Adds n <= GROUP numbers from i of a part on. */
INLINE void rowsum_add(const struct rowsum *row, const struct rowsum_part *part, int64_t i, int n,
		       struct rowsum_kind kind, struct acc *sums)
{
	UNROLL for (int r = 0; r < REGS; r++)
	{
		int left = n - r * LANES;
		struct rowsum_term term[ROWSUM_SUMS];
		vec in[ROWSUM_INPUTS];

		rowsum_load(part, i + r * LANES, left, kind, in);
		kind.terms(in, row, rowsum_own(row, part, i + r * LANES, kind), term);
		UNROLL for (int k = 0; k < kind.sums; k++)
		{
			if (left < LANES) {
				term[k].a = v_and(m_first(left), term[k].a);
				term[k].b = v_and(m_first(left), term[k].b);
			}
			acc_add_mul(&sums[k], r, term[k].a, term[k].b);
		}
	}
}

INLINE void rowsum_sum(const struct loss_eval *e, int64_t index, struct rowsum *row,
		       struct rowsum_kind kind, struct rowsum_room *room)
{
	struct acc sums[ROWSUM_SUMS];

	UNROLL for (int k = 0; k < kind.sums; k++) sums[k] = acc_zero();
	for (int64_t at = 0; at < row->n; at += LOSS_CHUNK) {
		struct rowsum_part part = rowsum_part(e, index, at, kind, room);
		int64_t i = 0;

		for (; i + GROUP <= part.n; i += GROUP)
			rowsum_add(row, &part, i, GROUP, kind, sums);
		if (i < part.n)
			rowsum_add(row, &part, i, (int)(part.n - i), kind, sums);
	}
	UNROLL for (int k = 0; k < kind.sums; k++) row->sums[k] = acc_sum(&sums[k]);
}

/* ---- Gradients ------------------------------------------------------------ */

/* n <= LANES numbers from i of a part on, times `by`. */
INLINE void rowsum_put(const struct loss_eval *e, int64_t index, const struct rowsum *row,
		       const struct rowsum_part *part, int64_t i, int n, vec by,
		       struct rowsum_kind kind, vec *poison)
{
	vec in[ROWSUM_INPUTS], grad[ROWSUM_INPUTS];

	rowsum_load(part, i, n, kind, in);
	kind.slope(in, row, rowsum_own(row, part, i, kind), grad);
	UNROLL for (int k = 0; k < kind.inputs; k++)
	{
		real *to = e->out.gradients[kind.in[k]];

		if (!to)
			continue;
		to += index * row->n + part->at + i;
		vec g = v_and(m_first(n), grad[k] * by);

		*poison = v_fma(g, v_set(0), *poison);
		if (e->out.accumulate[kind.in[k]])
			g = g + v_load_n(to, n, 0);
		v_store_n(to, g, n);
	}
}

INLINE void rowsum_gradient(const struct loss_eval *e, int64_t index, const struct rowsum *row,
			    real by, struct rowsum_kind kind, struct rowsum_room *room, vec *poison)
{
	for (int64_t at = 0; at < row->n; at += LOSS_CHUNK) {
		struct rowsum_part part = rowsum_part(e, index, at, kind, room);
		int64_t i = 0;

		for (; i + LANES <= part.n; i += LANES)
			rowsum_put(e, index, row, &part, i, LANES, v_set(by), kind, poison);
		if (i < part.n)
			rowsum_put(e, index, row, &part, i, (int)(part.n - i), v_set(by), kind,
				   poison);
	}
}

INLINE void rowsum_no_gradient(const struct loss_eval *e, int64_t index, struct rowsum_kind kind)
{
	int64_t n = e->sample_elements;

	UNROLL for (int k = 0; k < kind.inputs; k++)
	{
		real *to = e->out.gradients[kind.in[k]];

		if (to && !e->out.accumulate[kind.in[k]])
			memset(to + index * n, 0, (size_t)n * sizeof *to);
	}
}

/* ---- A block -------------------------------------------------------------- */

INLINE bool rowsum_wants_gradient(const struct loss_eval *e, struct rowsum_kind kind)
{
	bool wanted = false;

	UNROLL for (int k = 0; k < kind.inputs; k++) wanted =
		wanted || e->out.gradients[kind.in[k]] != NULL;
	return wanted;
}

/* What the row's own inputs are.  False: its class index is none. */
INLINE bool rowsum_begin(const struct loss_eval *e, int64_t index, struct rowsum_kind kind,
			 struct rowsum *row)
{
	*row = (struct rowsum){.e = e, .n = e->sample_elements, .y = -1};
	if (kind.target)
		OPERAND_READ(&e->in[kind.target], e->unit_rank, e->unit_shape, index, 1,
			     &row->target);
	if (!kind.hard)
		return true;
	row->y = ((const int64_t *)e->in[1].data)[index];
	if (row->y < 0 || row->y >= row->n)
		return false;
	row->at_y = ((const real *)e->in[0].data)[index * row->n + row->y];
	return true;
}

INLINE void rowsum_block(const struct loss_eval *e, int64_t block, struct rowsum_kind kind,
			 struct loss_partial *out)
{
	int64_t begin = block * e->block_units;
	int64_t end = loss_min_i64(begin + e->block_units, e->block_total);
	bool wants_gradient = rowsum_wants_gradient(e, kind);
	vec poison = v_set(0);

	for (int64_t index = begin; index < end; index++) {
		struct rowsum_room room;
		struct rowsum row;
		real factor = 1;
		double loss = 0;

		if (!rowsum_begin(e, index, kind, &row)) {
			out->flags |= LOSS_BAD_INDEX;
			continue;
		}
		if (e->has_factor)
			multiply_factors(e, index, 1, 1, &factor);
		if (factor != 0) {
			rowsum_sum(e, index, &row, kind, &room);
			/* As the dtype holds it: what overflows there has done so. */
			loss = (double)(real)(kind.value(e, &row) * (double)factor);
		}
		if (e->out.losses)
			((real *)e->out.losses)[index] = (real)loss;
		out->sum += loss;
		if (!wants_gradient)
			continue;
		if (factor == 0 || row.flat)
			rowsum_no_gradient(e, index, kind);
		else
			rowsum_gradient(e, index, &row, (real)((double)factor * e->gradient_scale),
					kind, &room, &poison);
	}
	if (m_any(v_isnan(poison)) || !isfinite(out->sum))
		out->flags |= LOSS_FLAG_NONFINITE;
}

/* The kernel of a rowsum loss: `role` names its prediction, the rest is a
 * struct rowsum_kind. */
#define ROWSUM_LOSS(id, role, ...)                                                                 \
	static void block_of(const struct loss_eval *e, int64_t block, struct loss_partial *out)   \
	{                                                                                          \
		rowsum_block(e, block, (struct rowsum_kind){__VA_ARGS__}, out);                    \
	}                                                                                          \
	const struct loss_kernels LOSS_KERNELS(id) = {                                             \
		.main = {[LOSS_ROLE_##role] = block_of},                                           \
	};

#endif
