/*
 * Split rows: rows across the lanes that are so long that blocks share one.
 *
 * The phase `prepare` leaves a part for every chunk of a row.  A block of `main`
 * puts the parts of its row together, which are few, always in their order, and
 * writes its chunk of the gradient from exponentials taken anew: reading the
 * scores once more costs less than writing and reading what they became.
 */
#ifndef LOSS_SIMD_ROWS_SPLIT_H
#define LOSS_SIMD_ROWS_SPLIT_H

#include "rowwise.h"

/* Chunk `index` of all: classes [begin, begin + c) of a row. */
struct chunk {
	int64_t row, begin, c;
	bool first;
};

INLINE struct chunk chunk_at(const struct loss_eval *e, int64_t index)
{
	int64_t k = index % e->chunks, begin = k * e->part_classes;

	return (struct chunk){
		.row = index / e->chunks,
		.begin = begin,
		.c = k + 1 < e->chunks ? e->part_classes : e->c - begin,
		.first = k == 0,
	};
}

INLINE struct across chunk_row(const struct loss_eval *e, struct row_kind kind,
			       const struct chunk *chunk, real max, real unit)
{
	int64_t element = chunk->row * e->c + chunk->begin, y = class_of(e, chunk->row);

	return (struct across){
		.x = (const real *)e->in[0].data + element,
		.grad = e->out.gradients[0] ? (real *)e->out.gradients[0] + element : NULL,
		.uniform = uniform_slopes(e, kind),
		.first = chunk->begin,
		.c = chunk->c,
		.y = y >= 0 ? y - chunk->begin : -1,
		.element = element,
		.max = v_set(max),
		.unit = v_set(unit),
	};
}

/* ---- Parts ---------------------------------------------------------------- */

INLINE struct loss_row_part part_empty(void)
{
	return (struct loss_row_part){.max = (double)NEGATIVE_INFINITY};
}

/* What a sum over x - from becomes over x - to, from <= to. */
INLINE double part_exp(const struct loss_row_part *part, double to)
{
	vec gap = v_set((real)(part->max - to));

	return part->max == to ? part->ex : part->ex * (double)v_exp_neg(gap)[0];
}

INLINE double part_value(const struct loss_row_part *part, double to)
{
	if (part->max == (double)NEGATIVE_INFINITY)
		return part->value;
	return part->value - part->slope * (to - part->max);
}

static NOINLINE void part_add(struct loss_row_part *sum, const struct loss_row_part *part)
{
	double max = sum->max > part->max ? sum->max : part->max;

	sum->ex = part_exp(sum, max) + part_exp(part, max);
	sum->value = part_value(sum, max) + part_value(part, max);
	sum->slope += part->slope;
	sum->max = max;
}

/* The sums of a slice that stays in the nearest caches from pass to pass.  A
 * slice of nothing but -Infinity has no part in them. */
INLINE struct loss_row_part part_of_slice(const struct across *slice, const struct loss_eval *e,
					  struct row_kind kind, struct row_sums *sums)
{
	real max = across_max(slice->x, slice->c), shift = max == NEGATIVE_INFINITY ? 0 : max;
	struct across_exp exps = {.x = slice->x, .max = v_set(shift)};
	struct loss_row_part part = {.max = (double)max, .ex = across_exp_sum(&exps, slice->c)};
	struct across row = *slice;

	row.max = v_set(shift);
	if (kind.dense) {
		struct across_sums of = across_dense_sums(&row, e, kind, sums);

		part.value = of.value;
		part.slope = of.slope;
	}
	return part;
}

INLINE void split_prepare(const struct loss_eval *e, int64_t index, struct row_kind kind,
			  struct row_sums *sums)
{
	struct chunk chunk = chunk_at(e, index);
	struct loss_row_part sum = part_empty();
	struct rows g;

	rows_init(&g, e, chunk.row, 1);
	for (int64_t i = 0, n; i < chunk.c && g.unit[0] != 0; i += n) {
		struct chunk slice = chunk;

		/* The last one has more rather than be too short. */
		n = chunk.c - i < 2 * LOSS_BLOCK_ELEMENTS ? chunk.c - i : LOSS_BLOCK_ELEMENTS;
		slice.begin += i;
		slice.c = n;
		struct across row = chunk_row(e, kind, &slice, 0, g.unit[0]);
		struct loss_row_part part = part_of_slice(&row, e, kind, sums);

		part_add(&sum, &part);
	}
	e->parts[index] = sum;
}

/* ---- Value and gradient --------------------------------------------------- */

/* The maximum and the sum of a row, put together. */
INLINE struct loss_row_part split_join(struct rows *g, const struct loss_eval *e,
				       const struct chunk *chunk, uint32_t *flags)
{
	struct loss_row_part sum = part_empty();

	for (int64_t k = 0; k < e->chunks && g->unit[0] != 0; k++)
		part_add(&sum, &e->parts[chunk->row * e->chunks + k]);
	if (g->unit[0] != 0)
		g->max[0] = (real)sum.max;
	g->s_1[0] = g->max[0] == NEGATIVE_INFINITY ? (real)NAN : (real)(sum.ex - 1);
	rows_find_masked(g, e, flags);
	return sum;
}

INLINE void split_hard(struct rows *g, const struct loss_eval *e, struct row_kind kind,
		       const struct chunk *chunk, struct row_sums *sums)
{
	struct across row = chunk_row(e, kind, chunk, g->max[0], g->unit[0]);
	struct row_sums others = {.sum = acc_zero()};
	bool add = e->out.accumulate[0];

	across_hard(g, e, kind, row.x - chunk->begin, chunk->first ? sums : &others);
	if (!row.grad)
		return;
	real *target = row.y >= 0 && row.y < row.c ? row.grad + row.y : NULL;
	real own = g->own[0] + (target && add ? *target : 0);

	if (g->unit[0] != 0)
		across_exp_gradient(row.grad, row.x, row.c, g->max[0], g->other[0], add);
	else if (!add)
		memset(row.grad, 0, (size_t)row.c * sizeof *row.grad);
	if (target && g->unit[0] != 0)
		*target = own;
}

INLINE void split_dense(struct rows *g, const struct loss_eval *e, struct row_kind kind,
			const struct chunk *chunk, const struct loss_row_part *sum,
			struct row_sums *sums)
{
	struct across row = chunk_row(e, kind, chunk, g->max[0], g->unit[0]);

	if (g->unit[0] == 0) {
		across_nothing(g, 0, e, row.grad, chunk->begin, chunk->c);
		return;
	}
	row.log_sum = v_log1p(v_set(g->s_1[0]));
	if (chunk->first) {
		double value = sum->value - sum->slope * (double)row.log_sum[0];

		value *= (double)g->unit[0];
		g->loss[0] = (real)value;
		sums->sum.v[0][0] += value;
	}
	if (wants_elements(e, sums))
		across_elements(&row, e, kind, sums);
	if (row.grad)
		across_dense_gradient(&row, e, kind, (real)(-sum->slope / (1 + (double)g->s_1[0])),
				      sums);
}

INLINE void split_chunk(const struct loss_eval *e, int64_t index, struct row_kind kind,
			struct row_sums *sums)
{
	struct chunk chunk = chunk_at(e, index);
	struct loss_row_part sum;
	struct rows g;

	if (!chunk.first && !e->out.gradients[0] && !wants_elements(e, sums))
		return;
	rows_init(&g, e, chunk.row, 1);
	sum = split_join(&g, e, &chunk, &sums->flags);
	if (kind.dense)
		split_dense(&g, e, kind, &chunk, &sum, sums);
	else
		split_hard(&g, e, kind, &chunk, sums);
	if (chunk.first)
		rows_put_losses(&g, e);
}

#endif
