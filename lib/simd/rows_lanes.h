/*
 * Rows in the lanes: GROUP rows at a time, one in each lane, class by class.
 *
 * Where the rows lie in memory is hidden by a tile.  Rows of few classes are
 * copied into tiles: transposed where the classes of a row stand side by side,
 * else pixel by pixel, from as many samples as it takes to fill the lanes.  A
 * copy is read again from the nearest cache, whatever the distance of the
 * classes; in place, classes that lie a power of two apart would evict each
 * other.
 */
#ifndef LOSS_SIMD_ROWS_LANES_H
#define LOSS_SIMD_ROWS_LANES_H

#include "rowwise.h"

/* GROUP rows as c vectors of GROUP lanes. */
struct tile {
	const real *x, *q;
	real *g;             /* NULL: no gradient */
	bool add;            /* to what stands in g */
	int lanes;           /* that may be loaded and stored: GROUP in copies */
	int64_t step;        /* from class to class */
	int64_t class_step;  /* the same in the prediction */
	int64_t lane[GROUP]; /* index in the prediction of class 0 of each lane */
	struct fetch {
		const real *x, *q, *g; /* of class 0; q and g may be NULL */
		int64_t step;
	} fetch;
};

/* What is fetched while a tile is worked on, a line for each class: what the next
 * copy reads, and where the gradient of this one goes.  All at once, where the
 * copies are made, it would come too slowly. */
INLINE void tile_fetch(const struct tile *tile, int64_t k)
{
	const struct fetch *fetch = &tile->fetch;

	prefetch(fetch->x + k * fetch->step);
	if (fetch->q)
		prefetch(fetch->q + k * fetch->step);
	if (fetch->g)
		prefetch_to_write(fetch->g + k * fetch->step);
}

INLINE vec tile_load(const real *from, const struct tile *tile, int r)
{
	return v_load_n(from + r * LANES, tile->lanes - r * LANES, 0);
}

INLINE void tile_store(real *to, vec value, const struct tile *tile, int r)
{
	v_store_n(to + r * LANES, value, tile->lanes - r * LANES);
}

/* What the passes over a tile know of register r. */
struct lanes {
	vec max, log_sum, unit;
	ivec y;
};

INLINE struct aim lanes_aim(const struct rows *g, const struct loss_eval *e,
			    const struct dense_view *v, const struct tile *tile,
			    const struct lanes *l, int64_t k, int r)
{
	int n = g->n - r * LANES;
	struct aim aim = {.w = v_set(v->weights ? v->weights[k] : 1)};

	if (!v->q)
		aim.q = v_and(v_eq_int(l->y, v_set_int((real_int)k)), v_set(1));
	else
		aim.q = tile_load(tile->q + k * tile->step, tile, r);
	aim.q = soften(aim.q, v);
	if (n < LANES)
		aim.q = v_first_n(aim.q, n);
	if (v->factors)
		aim.w = multiply_class_factors(
			e, aim.w, (struct place){tile->lane + r * LANES, k * tile->class_step, n});
	return aim;
}

struct lanes_sums {
	struct acc value, slope;
};

/* ---- Softmax -------------------------------------------------------------- */

/* Classes that a pass takes at once, so that the steps of one fill the time in
 * which those of another wait. */
enum { LANES_STEP = REGS > 1 ? 1 : 2 };

INLINE void lanes_max(struct rows *g, const struct loss_eval *e, const struct tile *tile)
{
	vec max[LANES_STEP][REGS];
	const real *x = tile->x;
	int64_t k = 0, c = e->c;

	UNROLL for (int s = 0; s < LANES_STEP; s++) UNROLL for (int r = 0; r < REGS; r++)
		max[s][r] = v_set(NEGATIVE_INFINITY);
	for (; k + LANES_STEP <= c; k += LANES_STEP)
		UNROLL for (int s = 0; s < LANES_STEP; s++, x += tile->step)
			UNROLL for (int r = 0; r < REGS; r++) max[s][r] =
				v_max(tile_load(x, tile, r), max[s][r]);
	for (; k < c; k++, x += tile->step)
		UNROLL for (int r = 0; r < REGS; r++) max[0][r] =
			v_max(tile_load(x, tile, r), max[0][r]);
	UNROLL for (int r = 0; r < REGS; r++)
		v_store(g->max + r * LANES, v_max(max[0][r], max[LANES_STEP - 1][r]));
}

/* Rows on their way to the sum of exp(x - max). */
struct lanes_exp {
	const struct tile *tile;
	bool keep; /* the terms, where the gradient will be */
	vec max[REGS];
	struct exp_acc sum;
};

INLINE vec lanes_exp_argument(const struct lanes_exp *l, int64_t k, int r)
{
	return tile_load(l->tile->x + k * l->tile->step, l->tile, r) - l->max[r];
}

INLINE void lanes_exp_take(struct lanes_exp *l, int64_t k, int r, vec ex)
{
	if (r == 0)
		tile_fetch(l->tile, k);
	exp_acc_add(&l->sum, r, ex);
	if (l->keep)
		tile_store(l->tile->g + k * l->tile->step, ex, l->tile, r);
}

INLINE vec lanes_step_argument(const void *l, int64_t step, int k)
{
	return lanes_exp_argument(l, step * LANES_STEP + k / REGS, k % REGS);
}

INLINE void lanes_step_take(void *l, int64_t step, int k, vec ex)
{
	lanes_exp_take(l, step * LANES_STEP + k / REGS, k % REGS, ex);
}

INLINE void lanes_exp_sums(struct rows *g, const struct loss_eval *e, const struct tile *tile,
			   bool keep)
{
	struct lanes_exp l = {.tile = tile, .keep = keep, .sum = exp_acc_zero()};
	int64_t k = 0;

	UNROLL for (int r = 0; r < REGS; r++) l.max[r] = v_load(g->max + r * LANES);
	if (e->c / LANES_STEP >= EXP_STEPS_MIN) {
		k = e->c / LANES_STEP * LANES_STEP;
		exp_steps(&l, k / LANES_STEP, LANES_STEP * REGS, lanes_step_argument,
			  lanes_step_take);
	}
	for (; k < e->c; k++)
		UNROLL for (int r = 0; r < REGS; r++)
			lanes_exp_take(&l, k, r, v_exp_neg(lanes_exp_argument(&l, k, r)));
	UNROLL for (int r = 0; r < REGS; r++)
		v_store(g->s_1 + r * LANES, exp_acc_less_1(&l.sum, r));
}

/* ---- Hard targets --------------------------------------------------------- */

/* The targets' scores. */
INLINE void lanes_targets(struct rows *g, const struct tile *tile)
{
	for (int k = 0; k < g->n; k++)
		if (g->y[k] >= 0)
			g->x_m[k] = tile->x[g->y[k] * tile->step + k];
}

/* The same less the maximum, 0 where there is none. */
INLINE void lanes_targets_less_max(struct rows *g)
{
	UNROLL for (int r = 0; r < REGS; r++)
	{
		real *x_m = g->x_m + r * LANES;
		ivec y;

		memcpy(&y, g->y + r * LANES, sizeof y);
		v_store(x_m, v_and(v_gt_int(y, v_set_int(-1)),
				   v_load(x_m) - v_load(g->max + r * LANES)));
	}
}

/* exp(x - max) * other, `own` at the target; nothing for a row that does not
 * count, whatever stands in it. */
INLINE void lanes_hard_gradient(const struct rows *g, const struct loss_eval *e,
				const struct tile *tile, bool softmax)
{
	vec own[REGS], other[REGS], max[REGS];
	mask on[REGS];
	ivec y[REGS];

	UNROLL for (int r = 0; r < REGS; r++)
	{
		on[r] = v_ne(v_load(g->unit + r * LANES), v_set(0));
		own[r] = v_load(g->own + r * LANES);
		other[r] = v_load(g->other + r * LANES);
		max[r] = v_load(g->max + r * LANES);
		memcpy(&y[r], g->y + r * LANES, sizeof y[r]);
	}
	const int64_t c = e->c;

	for (int64_t k = 0; k < c; k++)
		UNROLL for (int r = 0; r < REGS; r++)
		{
			real *to = tile->g + k * tile->step;
			vec old = softmax || tile->add ? tile_load(to, tile, r) : v_set(0);
			vec out = v_set(0);

			if (softmax && tile->add)
				out = v_exp_neg(tile_load(tile->x + k * tile->step, tile, r) -
						max[r]) *
				      other[r];
			else if (softmax)
				out = old * other[r];
			out = v_and(on[r], out);
			out = v_select(v_eq_int(y[r], v_set_int((real_int)k)), own[r], out);
			tile_store(to, tile->add ? old + out : out, tile, r);
		}
}

/* ---- Dense targets -------------------------------------------------------- */

INLINE vec lanes_log(const struct tile *tile, const struct lanes *l, struct row_kind kind,
		     int64_t k, int r, struct seen *seen)
{
	vec x = tile_load(tile->x + k * tile->step, tile, r);

	return is_softmax(kind) ? (x - l->max) - l->log_sum : plain_log(x, kind.form, seen);
}

/* Sums of the terms, of x - max if they are shifted. */
INLINE void lanes_term_sums(const struct rows *g, const struct loss_eval *e,
			    const struct tile *tile, const struct lanes *l, struct row_kind kind,
			    struct lanes_sums *of, struct row_sums *sums)
{
	const struct dense_view v = dense_view(e);
	mask noticed = m_none();
	bool keep = tile->g && row_kept(e, kind) == KEPT_SLOPES;

	for (int64_t k = 0; k < v.c; k++)
		UNROLL for (int r = 0; r < REGS; r++)
		{
			struct aim aim = lanes_aim(g, e, &v, tile, &l[r], k, r);
			mask on = v_ne(l[r].unit, v_set(0));
			struct seen seen = seen_nothing();
			vec ls = is_shifted(kind)
					 ? tile_load(tile->x + k * tile->step, tile, r) - l[r].max
					 : lanes_log(tile, &l[r], kind, k, r, &seen);
			struct slopes d;
			vec h = row_term(ls, aim.q, aim.w, &d, e, &seen, kind.term);

			acc_add(&of->value, r, v_and(on, h));
			acc_add(&of->slope, r, v_and(on, d.ls));
			noticed = m_or(noticed, m_and(seen.any, on));
			if (keep)
				tile_store(tile->g + k * tile->step, d.ls, tile, r);
		}
	sums->seen = m_or(sums->seen, noticed);
}

/*
 * The same of uniform slopes: all there is to know is the sum of x - max, and that of the
 * target.  Returns whether they are finite; if not, each term has a say.
 */
INLINE bool lanes_uniform_sums(struct rows *g, const struct loss_eval *e, const struct tile *tile,
			       const struct lanes *l, struct uniform_slopes uniform,
			       struct lanes_sums *of)
{
	const vec more_classes = v_set((real)(e->c - 1));
	struct acc sum = acc_zero();
	mask finite = m_not(m_none());

	lanes_targets(g, tile);
	lanes_targets_less_max(g);
	for (int64_t k = 0; k < e->c; k++)
		UNROLL for (int r = 0; r < REGS; r++)
		{
			vec x_m = tile_load(tile->x + k * tile->step, tile, r) - l[r].max;

			acc_add(&sum, r, v_and(v_ne(l[r].unit, v_set(0)), x_m));
		}
	UNROLL for (int r = 0; r < REGS; r++)
	{
		mask on = v_ne(l[r].unit, v_set(0));
		vec others = v_and(on, v_set(uniform.others)), own = v_and(on, v_set(uniform.own));
		vec target = v_and(on, v_load(g->x_m + r * LANES));

		finite = m_and(finite, v_isfinite(acc_round(&sum, r)));
		acc_add(&sum, r, -target);
		acc_add_scaled(&of->value, &sum, r, others);
		acc_add_mul(&of->value, r, own, target);
		acc_add_mul(&of->slope, r, others, more_classes);
		acc_add(&of->slope, r, own);
	}
	return m_all(finite);
}

INLINE void lanes_elements(const struct rows *g, const struct loss_eval *e, const struct tile *tile,
			   const struct lanes *l, struct row_kind kind, struct row_sums *sums)
{
	const struct dense_view v = dense_view(e);
	for (int64_t k = 0; k < v.c; k++)
		for (int r = 0; r < REGS; r++) {
			struct place at = {tile->lane + r * LANES, k * tile->class_step,
					   g->n - r * LANES};
			struct aim aim = lanes_aim(g, e, &v, tile, &l[r], k, r);
			struct seen seen = seen_nothing();
			vec ls = lanes_log(tile, &l[r], kind, k, r, &seen);

			dense_elements(e, kind, ls, aim, l[r].unit, at, &seen, sums);
		}
}

INLINE void lanes_dense_gradient(const struct rows *g, const struct loss_eval *e,
				 const struct tile *tile, const struct lanes *l,
				 struct row_kind kind, struct row_sums *sums)
{
	const struct dense_view v = dense_view(e);
	vec poison = v_set(0);
	const enum row_kept is_kept = row_kept(e, kind);

	for (int64_t k = 0; k < v.c; k++)
		UNROLL for (int r = 0; r < REGS; r++)
		{
			real *to = tile->g + k * tile->step;
			vec kept = tile_load(to, tile, r);
			struct seen seen = seen_nothing();
			struct slopes d = {.ls = kept};
			struct dense a = {
				.x = tile_load(tile->x + k * tile->step, tile, r),
				.unit = l[r].unit,
				.other = v_load(g->other + r * LANES),
			};

			a.ex = is_kept == KEPT_EXPONENTIALS ? kept : v_exp_neg(a.x - l[r].max);
			if (is_kept != KEPT_SLOPES) {
				struct aim aim = lanes_aim(g, e, &v, tile, &l[r], k, r);

				row_term(lanes_log(tile, &l[r], kind, k, r, &seen), aim.q, aim.w,
					 &d, e, &seen, kind.term);
			}
			a.slope = d.ls;
			vec out = dense_gradient(&a, kind, v.scale);

			poison = v_fma(out, v_set(0), poison);
			tile_store(to, tile->add ? out + kept : out, tile, r);
		}
	sums->poison += poison;
}

/* The same where exponentials are kept and all slopes but one are the same. */
INLINE void lanes_uniform_gradient(const struct rows *g, const struct loss_eval *e,
				   const struct tile *tile, const struct lanes *l,
				   struct uniform_slopes uniform, struct row_sums *sums)
{
	const vec scale = v_set((real)e->gradient_scale);
	const vec others = v_set(uniform.others), own = v_set(uniform.own);
	vec poison = v_set(0);

	for (int64_t k = 0; k < e->c; k++)
		UNROLL for (int r = 0; r < REGS; r++)
		{
			real *to = tile->g + k * tile->step;
			mask target = v_eq_int(l[r].y, v_set_int((real_int)k));
			vec out = v_fma(tile_load(to, tile, r), v_load(g->other + r * LANES),
					v_select(target, own, others));

			out = v_and(v_ne(l[r].unit, v_set(0)), out * (l[r].unit * scale));
			poison = v_fma(out, v_set(0), poison);
			tile_store(to, out, tile, r);
		}
	sums->poison += poison;
}

INLINE void lanes_dense(struct rows *g, const struct loss_eval *e, const struct tile *tile,
			struct row_kind kind, struct uniform_slopes uniform, struct row_sums *sums)
{
	struct lanes_sums of = {acc_zero(), acc_zero()};
	struct acc loss = acc_zero();
	struct lanes l[REGS];

	UNROLL for (int r = 0; r < REGS; r++)
	{
		l[r].max = v_load(g->max + r * LANES);
		l[r].unit = v_load(g->unit + r * LANES);
		memcpy(&l[r].y, g->y + r * LANES, sizeof l[r].y);
		l[r].log_sum = is_softmax(kind) ? v_log1p(v_load(g->s_1 + r * LANES)) : v_set(0);
	}
	if (!uniform.is || !lanes_uniform_sums(g, e, tile, l, uniform, &of)) {
		of = (struct lanes_sums){acc_zero(), acc_zero()};
		lanes_term_sums(g, e, tile, l, kind, &of, sums);
	}
	UNROLL for (int r = 0; r < REGS; r++)
	{
		mask on = v_ne(l[r].unit, v_set(0));

		if (is_shifted(kind))
			acc_add_scaled(&of.value, &of.slope, r, -v_and(on, l[r].log_sum));
		acc_add_scaled(&loss, &of.value, r, l[r].unit);
		v_store(g->loss + r * LANES, acc_round(&loss, r));
		acc_divide_by_1_plus(&of.slope, r, v_load(g->s_1 + r * LANES));
		v_store(g->other + r * LANES, v_and(on, -acc_round(&of.slope, r)));
	}
	UNROLL for (int i = 0; i < DVEC_REGS; i++) sums->sum.v[i] += loss.v[i];
	if (wants_elements(e, sums))
		lanes_elements(g, e, tile, l, kind, sums);
	if (tile->g && uniform.is && row_kept(e, kind) == KEPT_EXPONENTIALS)
		lanes_uniform_gradient(g, e, tile, l, uniform, sums);
	else if (tile->g)
		lanes_dense_gradient(g, e, tile, l, kind, sums);
}

/* ---- Tiles ---------------------------------------------------------------- */

/* Up to LOSS_COPY_GROUPS tiles, stage by stage: what one of them waits for does
 * not keep the others waiting. */
INLINE void lanes_tiles(const struct loss_eval *e, struct rows *g, const struct tile *tile,
			int tiles, struct row_kind kind, struct row_sums *sums)
{
	const bool keep = row_kept(e, kind) == KEPT_EXPONENTIALS;
	const struct uniform_slopes uniform = uniform_slopes(e, kind);

	for (int t = 0; t < tiles; t++) {
		if (is_softmax(kind)) {
			lanes_max(&g[t], e, &tile[t]);
			rows_find_masked(&g[t], e, &sums->flags);
		}
		if (!kind.dense)
			lanes_targets(&g[t], &tile[t]);
		if (is_softmax(kind))
			lanes_exp_sums(&g[t], e, &tile[t], tile[t].g && keep);
		if (kind.dense)
			lanes_dense(&g[t], e, &tile[t], kind, uniform, sums);
	}
	for (int t = 0; t < tiles && !kind.dense; t++) {
		if (is_softmax(kind))
			lanes_targets_less_max(&g[t]);
		rows_hard(&g[t], e, kind, sums);
		if (sums->scan)
			rows_hard_events(&g[t], e, kind, tile[t].lane, tile[t].class_step, sums);
	}
	for (int t = 0; t < tiles; t++) {
		if (!kind.dense && tile[t].g)
			lanes_hard_gradient(&g[t], e, &tile[t], is_softmax(kind));
		if (!sums->scan)
			rows_put_losses(&g[t], e);
	}
}

typedef void lanes_fn(const struct loss_eval *e, struct rows *g, const struct tile *tile, int tiles,
		      struct row_sums *sums);

/* The places of the tile's lanes, for who asks for them. */
INLINE void tile_find_lanes(struct tile *tile, const struct loss_eval *e, int64_t row,
			    const struct row_sums *sums)
{
	int64_t sample = row / e->d, pixel = row % e->d;

	if (!wants_elements(e, sums) && !dense_view(e).factors)
		return;
	for (int k = 0; k < GROUP; k++) {
		tile->lane[k] = sample * e->c * e->d + pixel;
		if (++pixel == e->d) {
			pixel = 0;
			sample++;
		}
	}
}

/* ---- Copies --------------------------------------------------------------- */

/* Rows [first, first + n): c times `width` lanes, or where they are transposed,
 * one group after another. */
struct copy {
	int64_t first;
	int n, width;
};

/* A run of them that stand side by side in one sample. */
struct run {
	int64_t at; /* index of class 0 of the first */
	int lane, n;
};

/* Where class 0 of a row is in the prediction. */
INLINE int64_t row_at(const struct loss_eval *e, int64_t row)
{
	return row / e->d * e->c * e->d + row % e->d;
}

INLINE bool run_next(struct run *run, const struct copy *copy, const struct loss_eval *e)
{
	int64_t row, pixel;

	run->lane += run->n;
	if (run->lane == copy->n)
		return false;
	row = copy->first + run->lane;
	pixel = row % e->d;
	run->at = row_at(e, row);
	run->n = (int)loss_min_i64(copy->n - run->lane, e->d - pixel);
	return true;
}

/* n numbers. */
INLINE void copy_lanes(real *to, const real *from, int n)
{
	int j = 0;

	for (; j + LANES <= n; j += LANES)
		v_store(to + j, v_load(from + j));
	if (j < n)
		v_store_n(to + j, v_load_n(from + j, n - j, 0), n - j);
}

static NOINLINE void copy_run_in(const struct loss_eval *e, const struct copy *copy,
				 const struct run *run, const real *tensor, real *to)
{
	for (int64_t k = 0; k < e->c; k++)
		copy_lanes(to + k * copy->width + run->lane, tensor + run->at + k * e->d, run->n);
}

static NOINLINE void copy_run_out(const struct loss_eval *e, const struct copy *copy,
				  const struct run *run, real *tensor, const real *from)
{
	for (int64_t k = 0; k < e->c; k++)
		copy_lanes(tensor + run->at + k * e->d, from + k * copy->width + run->lane, run->n);
}

/* The same of rows whose classes stand side by side. */
static NOINLINE void copy_rows_in(const struct loss_eval *e, const struct copy *copy,
				  const real *tensor, real *to)
{
	int64_t c = e->c, at = copy->first * c, end = at + copy->n * c;

	for (int n = copy->n; at < end; at += GROUP * c, to += GROUP * c, n -= GROUP)
		transpose_in(to, tensor + at, c, n < GROUP ? n : GROUP, (int)c);
}

static NOINLINE void copy_in(const struct loss_eval *e, const struct copy *copy, const real *tensor,
			     real *to)
{
	struct run run = {0};

	if (e->d == 1) {
		copy_rows_in(e, copy, tensor, to);
		return;
	}
	if (copy->n % GROUP != 0)
		memset(to, 0, (size_t)(e->c * copy->width) * sizeof *to);
	while (run_next(&run, copy, e))
		copy_run_in(e, copy, &run, tensor, to);
}

static NOINLINE void copy_out(const struct loss_eval *e, const struct copy *copy, real *tensor,
			      const real *from)
{
	struct run run = {0};

	for (int i = 0; i < copy->n && e->d == 1; i += GROUP)
		transpose_out(tensor + (copy->first + i) * e->c, e->c, from + i * e->c,
			      (int)loss_min_i64(GROUP, copy->n - i), (int)e->c);
	if (e->d == 1)
		return;
	while (run_next(&run, copy, e))
		copy_run_out(e, copy, &run, tensor, from);
}

INLINE struct fetch copy_fetch(const struct loss_eval *e, const struct copy *copy, int64_t row,
			       const real *grad)
{
	int64_t next = row_at(e, row + copy->width);

	return (struct fetch){
		.x = (const real *)e->in[0].data + next,
		.q = e->hard ? NULL : (const real *)e->in[1].data + next,
		.g = grad ? grad + row_at(e, row) : NULL,
		.step = e->d == 1 ? GROUP : e->d,
	};
}

/* Rows [first, first + n), by way of copies. */
static NOINLINE void lanes_copied(const struct loss_eval *e, int64_t first, int n, lanes_fn *work,
				  struct row_sums *sums)
{
	_Alignas(64) real x[LOSS_COPY_BYTES / sizeof(real)], q[LOSS_COPY_BYTES / sizeof(real)];
	_Alignas(64) real out[LOSS_COPY_BYTES / sizeof(real)];
	struct copy copy = {first, n, (int)e->rows_together};
	int64_t next = e->d == 1 ? e->c * GROUP : GROUP;
	real *grad = sums->scan ? NULL : e->out.gradients[0];
	struct tile tile[LOSS_COPY_GROUPS];
	struct rows g[LOSS_COPY_GROUPS];
	int tiles = 0;

	copy_in(e, &copy, e->in[0].data, x);
	if (!e->hard)
		copy_in(e, &copy, e->in[1].data, q);
	if (grad && e->out.accumulate[0])
		copy_in(e, &copy, grad, out);
	for (int i = 0; i < n; i += GROUP, tiles++) {
		struct tile *t = &tile[tiles];

		t->x = x + tiles * next;
		t->q = q + tiles * next;
		t->g = grad ? out + tiles * next : NULL;
		t->add = e->out.accumulate[0];
		t->lanes = GROUP;
		t->step = e->d == 1 ? GROUP : copy.width;
		t->class_step = e->d;
		t->fetch = copy_fetch(e, &copy, first + i, grad);
		tile_find_lanes(t, e, first + i, sums);
		rows_init(&g[tiles], e, first + i, (int)loss_min_i64(GROUP, n - i));
	}
	work(e, g, tile, tiles, sums);
	if (grad)
		copy_out(e, &copy, grad, out);
}

/* ---- In place ------------------------------------------------------------- */

/* Tile `index` of all, GROUP pixels of one sample. */
static NOINLINE void lanes_strided(const struct loss_eval *e, int64_t index, lanes_fn *work,
				   struct row_sums *sums)
{
	int64_t tiles = loss_ceil_div(e->d, GROUP), sample = index / tiles;
	int64_t pixel = index % tiles * GROUP, at = sample * e->c * e->d + pixel;
	int n = (int)loss_min_i64(GROUP, e->d - pixel);
	real *grad = sums->scan ? NULL : e->out.gradients[0];
	struct tile tile = {
		.x = (const real *)e->in[0].data + at,
		.q = e->hard ? NULL : (const real *)e->in[1].data + at,
		.g = grad ? grad + at : NULL,
		.add = e->out.accumulate[0],
		.lanes = n,
		.step = e->d,
		.class_step = e->d,
		.fetch = {.x = (const real *)e->in[0].data + at + GROUP, .step = e->d},
	};
	struct rows g;

	rows_init(&g, e, sample * e->d + pixel, n);
	tile_find_lanes(&tile, e, sample * e->d + pixel, sums);
	work(e, &g, &tile, 1, sums);
}

#endif
