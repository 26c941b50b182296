/*
 * The box driver: losses of pairs of boxes, each four numbers x1, y1, x2, y2 of
 * the last axis.  GROUP boxes are turned so that each coordinate has a vector.
 *
 * A loss file gives one function,
 *
 *     INLINE vec pair(const struct box_pair *b, vec *grad, const struct loss_eval *e,
 *                     struct seen *seen)
 *
 * which returns the value and leaves the derivatives with respect to the four
 * predicted coordinates.  What all of them are made of is in a box_pair, with
 * its own derivatives.
 *
 * At a tie (two edges in one line, as in a prediction without fault) the slope is
 * the mean of both sides, as in PyTorch.
 */
#ifndef LOSS_SIMD_BOXES_H
#define LOSS_SIMD_BOXES_H

#include "../loss_impl.h"
#include "math.h"
#include "operand.h"
#include "seen.h"
#include "vec.h"

enum { X1, Y1, X2, Y2, CORNERS };

/* A number that depends on the predicted corners. */
struct box_number {
	vec value, by[CORNERS];
};

struct box_pair {
	vec predicted[CORNERS], target[CORNERS];
	struct box_number common, all; /* areas of the intersection and of the union */
	struct box_number wide, high;  /* sides of the smallest box that holds both */
};

typedef vec box_fn(const struct box_pair *b, vec *grad, const struct loss_eval *e,
		   struct seen *seen);

/* 1 where a > b, 0 where a < b, the mean of both where they are equal. */
INLINE vec above(vec a, vec b)
{
	return v_select(v_gt(a, b), v_set(1), v_and(v_eq(a, b), v_set(R(0.5))));
}

/* max(a, b), and NaN if either is. */
INLINE vec larger_of(vec a, vec b)
{
	return v_select(v_isnan(a), a, v_max(a, b));
}

INLINE vec smaller_of(vec a, vec b)
{
	return v_select(v_isnan(a), a, v_min(a, b));
}

/* Along one axis: how far the boxes overlap, and how far both reach. */
struct box_reach {
	vec overlap, overlap_low, overlap_high; /* and the slopes by the predicted ends */
	vec whole, whole_low, whole_high;
};

INLINE struct box_reach box_reach(vec low, vec high, vec target_low, vec target_high)
{
	struct box_reach r;

	r.overlap = smaller_of(high, target_high) - larger_of(low, target_low);
	r.overlap_low = v_neg(above(low, target_low));
	r.overlap_high = above(target_high, high);
	r.whole = larger_of(high, target_high) - smaller_of(low, target_low);
	r.whole_low = v_neg(above(target_low, low));
	r.whole_high = above(high, target_high);
	return r;
}

/* Two boxes meet where they overlap along both axes. */
INLINE void box_areas(struct box_pair *b, const struct box_reach *x, const struct box_reach *y)
{
	const vec zero = v_set(0), *p = b->predicted, *t = b->target;
	vec width = p[X2] - p[X1], height = p[Y2] - p[Y1];
	vec target_area = (t[X2] - t[X1]) * (t[Y2] - t[Y1]);
	mask apart = m_or(v_le(x->overlap, zero), v_le(y->overlap, zero));
	vec along_x = v_select(apart, zero, x->overlap),
	    along_y = v_select(apart, zero, y->overlap);

	b->common.value = along_x * along_y;
	b->common.by[X1] = x->overlap_low * along_y;
	b->common.by[X2] = x->overlap_high * along_y;
	b->common.by[Y1] = y->overlap_low * along_x;
	b->common.by[Y2] = y->overlap_high * along_x;
	b->all.value = (width * height + target_area) - b->common.value;
	b->all.by[X1] = v_neg(height) - b->common.by[X1];
	b->all.by[X2] = height - b->common.by[X2];
	b->all.by[Y1] = v_neg(width) - b->common.by[Y1];
	b->all.by[Y2] = width - b->common.by[Y2];
}

/* The rest of a pair, from its corners. */
INLINE void box_pair_settle(struct box_pair *b)
{
	const vec zero = v_set(0), *p = b->predicted, *t = b->target;
	struct box_reach x = box_reach(p[X1], p[X2], t[X1], t[X2]);
	struct box_reach y = box_reach(p[Y1], p[Y2], t[Y1], t[Y2]);

	box_areas(b, &x, &y);
	b->wide = (struct box_number){x.whole, {x.whole_low, zero, x.whole_high, zero}};
	b->high = (struct box_number){y.whole, {zero, y.whole_low, zero, y.whole_high}};
}

/* Do the corners stand the wrong way round? */
INLINE mask box_inverted(const vec *box)
{
	return m_or(v_lt(box[X2], box[X1]), v_lt(box[Y2], box[Y1]));
}

/* The intersection over the union. */
INLINE struct box_number box_overlap(const struct box_pair *b, vec eps)
{
	vec below = b->all.value + eps;
	struct box_number iou = {.value = b->common.value / below};

	UNROLL for (int k = 0; k < CORNERS; k++) iou.by[k] =
		(b->common.by[k] - iou.value * b->all.by[k]) / below;
	return iou;
}

/* Half of p_low + p_high - t_low - t_high, rounded once: boxes far from 0 may have
 * centres close to each other. */
INLINE vec box_between(vec p_low, vec p_high, vec t_low, vec t_high)
{
	struct v_pair low = v_pair_sum_any(p_low, v_neg(t_low));
	struct v_pair high = v_pair_sum_any(p_high, v_neg(t_high));
	struct v_pair sum = v_pair_sum_any(low.high, high.high);

	return (sum.high + (sum.low + (low.low + high.low))) * v_set(R(0.5));
}

/* How far the centres are apart beside the diagonal of the box that holds both,
 * squared. */
INLINE struct box_number box_distance(const struct box_pair *b, vec eps)
{
	const vec *p = b->predicted, *t = b->target;
	vec x = box_between(p[X1], p[X2], t[X1], t[X2]);
	vec y = box_between(p[Y1], p[Y2], t[Y1], t[Y2]);
	vec wide = b->wide.value, high = b->high.value;
	vec below = v_fma(wide, wide, high * high) + eps;
	struct box_number d = {.value = v_fma(x, x, y * y) / below};
	vec twice = d.value + d.value;

	UNROLL for (int k = 0; k < CORNERS; k++)
	{
		vec diagonal = v_fma(wide, b->wide.by[k], high * b->high.by[k]);

		d.by[k] = ((k % 2 ? y : x) - twice * diagonal) / below;
	}
	return d;
}

/* ---- A block -------------------------------------------------------------- */

/* GROUP boxes, coordinate by coordinate. */
struct box_tile {
	real predicted[CORNERS * GROUP], target[CORNERS * GROUP], grad[CORNERS * GROUP];
	real unit[GROUP], loss[GROUP];
};

INLINE void box_tile_read(const struct loss_eval *e, int64_t first, int n, struct box_tile *tile)
{
	transpose_in(tile->predicted, (const real *)e->in[0].data + first * CORNERS, CORNERS, n,
		     CORNERS);
	transpose_in(tile->target, (const real *)e->in[1].data + first * CORNERS, CORNERS, n,
		     CORNERS);
	for (int i = 0; i < GROUP; i++)
		tile->unit[i] = i < n;
	if (e->has_factor)
		multiply_factors(e, first, n, 1, tile->unit);
}

INLINE vec box_lanes(const struct box_tile *tile, int at, const struct loss_eval *e, box_fn *pair,
		     vec *grad, struct seen *seen)
{
	struct box_pair b;
	vec loss;

	UNROLL for (int k = 0; k < CORNERS; k++)
	{
		b.predicted[k] = v_load(tile->predicted + k * GROUP + at);
		b.target[k] = v_load(tile->target + k * GROUP + at);
	}
	box_pair_settle(&b);
	see(seen, LOSS_EVENT_BOX_INVERTED, m_or(box_inverted(b.predicted), box_inverted(b.target)));
	loss = pair(&b, grad, e, seen);
	UNROLL for (int k = 0; k < CORNERS; k++) grad[k] = v_select(v_isnan(loss), loss, grad[k]);
	return loss;
}

INLINE void box_put(const struct loss_eval *e, int64_t first, int n, struct box_tile *tile)
{
	real *to = (real *)e->out.gradients[0] + first * CORNERS;

	if (e->out.accumulate[0]) {
		transpose_in(tile->predicted, to, CORNERS, n, CORNERS);
		for (int i = 0; i < CORNERS * GROUP; i++)
			tile->grad[i] += tile->predicted[i];
	}
	transpose_out(to, CORNERS, tile->grad, n, CORNERS);
}

INLINE void box_block(const struct loss_eval *e, int64_t block, box_fn *pair,
		      struct loss_partial *out)
{
	int64_t begin = block * e->block_units;
	int64_t end = loss_min_i64(begin + e->block_units, e->block_total);
	vec scale = v_set((real)e->gradient_scale), poison = v_set(0);
	struct acc sum = acc_zero();
	mask noticed = m_none();

	for (int64_t first = begin; first < end; first += GROUP) {
		int n = (int)loss_min_i64(GROUP, end - first);
		struct box_tile tile;

		box_tile_read(e, first, n, &tile);
		UNROLL for (int r = 0; r < REGS; r++)
		{
			struct seen seen = seen_nothing();
			vec unit = v_load(tile.unit + r * LANES), grad[CORNERS];
			vec loss = box_lanes(&tile, r * LANES, e, pair, grad, &seen);
			mask on = v_ne(unit, v_set(0));

			loss = v_and(on, loss * unit);
			acc_add(&sum, r, loss);
			v_store(tile.loss + r * LANES, loss);
			noticed = m_or(noticed, m_and(seen.any, on));
			UNROLL for (int k = 0; k < CORNERS; k++)
			{
				vec g = v_and(on, grad[k] * unit) * scale;

				poison = v_fma(g, v_set(0), poison);
				v_store(tile.grad + k * GROUP + r * LANES, g);
			}
		}
		if (e->out.losses)
			memcpy((real *)e->out.losses + first, tile.loss, (size_t)n * sizeof(real));
		if (e->out.gradients[0])
			box_put(e, first, n, &tile);
	}
	out->sum = acc_sum(&sum);
	if ((e->out.gradients[0] && m_any(v_isnan(poison))) || !isfinite(out->sum))
		out->flags |= LOSS_FLAG_NONFINITE;
	if (m_any(noticed))
		out->flags |= LOSS_FLAG_EVENT;
}

/* An event has the place of its box's first coordinate. */
INLINE void box_scan(const struct loss_eval *e, int64_t block, box_fn *pair, struct loss_scan *scan)
{
	int64_t begin = block * e->block_units;
	int64_t end = loss_min_i64(begin + e->block_units, e->block_total);

	for (int64_t first = begin; first < end; first += GROUP) {
		int n = (int)loss_min_i64(GROUP, end - first);
		struct box_tile tile;

		box_tile_read(e, first, n, &tile);
		for (int at = 0; at < n; at += LANES) {
			struct seen seen = seen_nothing();
			vec grad[CORNERS];

			box_lanes(&tile, at, e, pair, grad, &seen);
			seen_report(&seen, v_ne(v_load(tile.unit + at), v_set(0)), scan,
				    (first + at) * CORNERS, CORNERS,
				    (int)loss_min_i64(LANES, n - at));
		}
	}
}

#define BOX_LOSS(id, pair)                                                                         \
	static void block_of(const struct loss_eval *e, int64_t block, struct loss_partial *out)   \
	{                                                                                          \
		box_block(e, block, pair, out);                                                    \
	}                                                                                          \
	static NOINLINE void scan_of(const struct loss_eval *e, int64_t block,                     \
				     struct loss_scan *scan)                                       \
	{                                                                                          \
		box_scan(e, block, pair, scan);                                                    \
	}                                                                                          \
	const struct loss_kernels LOSS_KERNELS(id) = {                                             \
		.main = {[LOSS_ROLE_INPUT] = block_of},                                            \
		.scan = {[LOSS_ROLE_INPUT] = scan_of},                                             \
	};

/* ---- What their descriptors share ----------------------------------------- */

#define BOX_INPUTS()                                                                               \
	LOSS_INPUTS(LOSS_INPUT(INPUT, .shape = LOSS_SHAPE_PREDICTION, .differentiable = true,      \
			       .doc = "Boxes x1, y1, x2, y2."),                                    \
		    LOSS_INPUT(TARGETS, .shape = LOSS_SHAPE_SAME, .doc = "Boxes x1, y1, x2, y2."))
#define BOX_EPS(owner, value)                                                                      \
	LOSS_PARAM(owner, eps, .init = (value), AT_LEAST(0), .doc = "Added to what is divided by.")
#define BOX_EXAMPLE                                                                                \
	"\"input\": [[0, 0, 2, 2], [1, 1, 3, 4]], \"targets\": [[1, 1, 3, 3], [1, 1, 3, 3]]"

#endif
