/*
 * The rowwise driver: classification losses, one row of c class scores at a
 * time, that are a sum over the classes of a function of the log-probability,
 *
 *     loss = sum_k  h(ls_k, q_k, w_k),      ls = log_softmax(x)
 *
 * with q the target distribution (one-hot for a class index, smoothed or soft)
 * and w the class weight.  A loss file gives h and its derivative:
 *
 *     INLINE vec term(vec ls, vec q, vec w, struct slopes *d, const struct loss_eval *e,
 *                     struct seen *seen)
 *
 * and the driver does the rest: with t_k = dh/dls_k,
 *
 *     d loss / d x_k = t_k - p_k sum_j t_j
 *
 * A class with q w = 0 is skipped, not multiplied.  A hard target has a single
 * term, so its gradient is one pass of multiplications and one element.
 *
 * Where the prediction holds log-probabilities or probabilities there is no
 * softmax: ls is x or log x, and the gradient t_k or t_k / x_k.
 *
 * Two layouts, chosen by shape alone:
 *   across  one row at a time, GROUP classes side by side: long contiguous rows
 *   lanes   GROUP rows at a time, one in each lane: short rows, transposed on
 *           the way, and class axes with pixels behind them
 */
#ifndef LOSS_SIMD_ROWWISE_H
#define LOSS_SIMD_ROWWISE_H

#include "../loss_impl.h"

#define MATH_OUT_OF_LINE
#include "math.h"
#include "operand.h"
#include "seen.h"
#include "vec.h"

/* The derivatives of h with respect to ls and q. */
struct slopes {
	vec ls, q;
};

typedef vec term_fn(vec ls, vec q, vec w, struct slopes *d, const struct loss_eval *e,
		    struct seen *seen);

#define NEGATIVE_INFINITY (-(real)INFINITY)

/* The first n lanes of x, 0 behind them. */
INLINE vec v_first_n(vec x, int n)
{
	return v_and(m_first(n), x);
}

/* The sums of a group, lane by lane. */
INLINE void acc_store(const struct acc *a, double sums[GROUP])
{
	memcpy(sums, a->v, sizeof a->v);
}

INLINE void acc_add_scalar(struct acc *a, double x)
{
	a->v[0][0] += x;
}

/* What a build of the driver is for; constant wherever it is passed. */
struct row_kind {
	enum loss_role form; /* LOSS_ROLE_LOGITS, _PROBS or _LOG_PROBS */
	bool dense;          /* soft or smoothed targets */
	term_fn *term;
};

struct row_sums {
	struct acc sum;
	mask seen;
	vec poison;
	uint32_t flags;
	struct loss_scan *scan; /* NULL: only whether there was anything */
};

/* GROUP rows, lane by lane. */
struct rows {
	int64_t first;    /* index of row 0 among all rows */
	int n;            /* rows that exist */
	int width;        /* lanes that may be loaded and stored: n, or GROUP in copies */
	int64_t y[GROUP]; /* class index; -1: soft, or the row does not count */
	real unit[GROUP]; /* mask and sample_weight; 0: the row does not count */
	real w_y[GROUP];  /* class weight of the target */
	real max[GROUP];
	real x_m[GROUP]; /* hard: the target's score less the maximum */
	real s_1[GROUP]; /* sum of exp(x - max) less 1, the maximum's own term */
	real loss[GROUP];
	real other[GROUP]; /* hard gradient: exp(x - max) * other, and `own` at y */
	real own[GROUP];
};

/* ---- What belongs to a row ------------------------------------------------ */

static NOINLINE void rows_init(struct rows *g, const struct loss_eval *e, int64_t first, int n)
{
	const int64_t *y = e->hard ? e->in[1].data : NULL;
	const real *weights = e->class_weights;

	memset(g, 0, sizeof *g);
	g->first = first;
	g->n = g->width = n;
	for (int k = 0; k < GROUP; k++) {
		bool counts = k < n;

		g->y[k] = -1;
		g->w_y[k] = 1;
		if (counts && y) {
			int64_t at = y[first + k];

			counts = at != e->ignore_index && at >= 0 && at < e->c;
			g->y[k] = counts ? at : -1;
			g->w_y[k] = counts && weights ? weights[at] : 1;
		}
		g->unit[k] = counts;
	}
	if (e->has_factor && !e->spec.loss->impl->loss_per_class)
		multiply_factors(e, first, n, 1, g->unit);
}

/* A row of nothing but -Infinity does what the policy says; by default it is
 * NaN all by itself. */
static NOINLINE void rows_find_masked(struct rows *g, const struct loss_eval *e, uint32_t *flags)
{
	for (int k = 0; k < g->n; k++) {
		if (g->unit[k] == 0 || g->max[k] != NEGATIVE_INFINITY)
			continue;
		*flags |= LOSS_SAW_MASKED_ROW | LOSS_FLAG_EVENT;
		if (e->spec.common.on_masked_row != LOSS_MASKED_NAN) {
			g->unit[k] = 0;
			g->s_1[k] = 0;
		}
	}
}

/* h and t where q w is not 0, and what was noticed there. */
INLINE vec row_term(vec ls, vec q, vec w, struct slopes *d, const struct loss_eval *e,
		    struct seen *seen, term_fn *term)
{
	mask on = v_ne(q * w, v_set(0));
	vec h = term(ls, q, w, d, e, seen);

	seen_only(seen, on);
	see(seen, LOSS_EVENT_ZERO_TIMES_INF, m_andnot(v_eq(ls, v_set(NEGATIVE_INFINITY)), on));
	d->ls = v_and(on, d->ls);
	d->q = v_and(v_ne(w, v_set(0)), d->q);
	return v_and(on, h);
}

/* The log-probability of a score, where there is no softmax. */
INLINE vec plain_log(vec x, enum loss_role form, struct seen *seen)
{
	if (form == LOSS_ROLE_LOG_PROBS)
		return x;
	see(seen, LOSS_EVENT_BAD_PROB, m_or(v_lt(x, v_set(0)), v_gt(x, v_set(1))));
	see(seen, LOSS_EVENT_LOG_ZERO, v_eq(x, v_set(0)));
	return v_log(x);
}

INLINE void note(struct row_sums *sums, const struct seen *seen, mask on, int64_t element,
		 int64_t step, int n)
{
	if (sums->scan)
		seen_report(seen, on, sums->scan, element, step, n);
	sums->seen = m_or(sums->seen, m_and(seen->any, on));
}

/* The same for rows with one term each: it is at the row's target. */
static NOINLINE void report_targets(const struct rows *g, const struct seen *seen, mask on,
				    struct loss_scan *scan, int64_t element, int64_t step,
				    int64_t class_step, int r)
{
	for (int lane = 0; lane < LANES && r * LANES + lane < g->n; lane++) {
		int k = r * LANES + lane;
		mask one = m_andnot(m_first(lane + 1), m_first(lane));
		int64_t at = element + k * step + (g->y[k] > 0 ? g->y[k] : 0) * class_step;

		seen_report(seen, m_and(on, one), scan, at - lane * step, step, lane + 1);
	}
}

/* How many of n lanes are in register r of a group. */
INLINE int lanes_in(int n, int r)
{
	int left = n - r * LANES;

	return left < 0 ? 0 : left < LANES ? left : LANES;
}

/* ---- The hard target: one term a row -------------------------------------- */

INLINE void rows_hard(struct rows *g, const struct loss_eval *e, struct row_kind kind,
		      int64_t element, int64_t step, int64_t class_step, struct row_sums *sums)
{
	vec scale = v_set((real)e->gradient_scale);
	bool softmax = kind.form == LOSS_ROLE_LOGITS;

	UNROLL for (int r = 0; r < REGS; r++)
	{
		int at = r * LANES;
		vec unit = v_load(g->unit + at), x_m = v_load(g->x_m + at),
		    s_1 = v_load(g->s_1 + at);
		mask on = v_ne(unit, v_set(0));
		struct seen seen = seen_nothing();
		vec ls = softmax ? x_m - v_log1p(s_1) : plain_log(x_m, kind.form, &seen);
		struct slopes d;
		vec h = row_term(ls, v_set(1), v_load(g->w_y + at), &d, e, &seen, kind.term);
		vec slope = v_and(on, d.ls * unit) * scale;

		if (sums->scan)
			report_targets(g, &seen, on, sums->scan, element, step, class_step, r);
		sums->seen = m_or(sums->seen, m_and(seen.any, on));
		h = v_and(on, h * unit);
		acc_add(&sums->sum, r, h);
		v_store(g->loss + at, h);
		if (softmax) {
			v_store(g->own + at, v_and(on, -slope * v_expm1(ls)));
			v_store(g->other + at, v_and(on, -slope / (s_1 + v_set(1))));
		} else {
			vec own = kind.form == LOSS_ROLE_PROBS ? slope / x_m : slope;

			v_store(g->own + at, v_and(on, own));
			v_store(g->other + at, v_set(0));
		}
		sums->poison = v_fma(v_load(g->own + at), v_set(0), sums->poison);
		sums->poison = v_fma(v_load(g->other + at), v_set(0), sums->poison);
	}
}

static NOINLINE void rows_put_losses(const struct rows *g, const struct loss_eval *e)
{
	real *losses = e->out.losses;

	if (losses && !e->spec.loss->impl->loss_per_class)
		for (int k = 0; k < g->n; k++)
			losses[g->first + k] = g->loss[k];
}

/* ---- Dense targets: one group of (class, row) pairs ----------------------- */

/* The smoothed target distribution of a soft target. */
INLINE vec soften(vec q, const struct loss_eval *e)
{
	if (e->log_targets)
		q = v_exp(q);
	if (e->label_smoothing == 0)
		return q;
	return v_fma(q, v_set((real)(1 - e->label_smoothing)),
		     v_set((real)(e->label_smoothing / (double)e->c)));
}

/* Lanes of one register: scores, targets, weights, and where they stand. */
struct dense {
	vec x, shift, log_sum; /* ls = (x - shift) - log_sum */
	vec q, w, unit;
	int64_t element, step; /* index of lane 0 and distance of the lanes */
	int n;                 /* lanes that exist; the others have q = 0 */
};

INLINE vec dense_term(struct dense *a, const struct loss_eval *e, struct row_kind kind, vec *ls,
		      struct slopes *d, struct seen *seen)
{
	*ls = kind.form == LOSS_ROLE_LOGITS ? (a->x - a->shift) - a->log_sum
					    : plain_log(a->x, kind.form, seen);
	vec w = a->w;

	if (e->has_factor && e->spec.loss->impl->loss_per_class) {
		real factor[LANES];

		for (int lane = 0; lane < LANES; lane++)
			factor[lane] = lane < a->n;
		multiply_factors(e, a->element, a->n, a->step, factor);
		w = w * v_load(factor);
	}
	return row_term(*ls, a->q, w, d, e, seen, kind.term);
}

/* The gradient of one register; `total` is the sum of the slopes over the
 * row's classes. */
INLINE vec dense_gradient(struct dense *a, const struct loss_eval *e, struct row_kind kind,
			  vec total, struct row_sums *sums)
{
	struct seen seen = seen_nothing();
	struct slopes d;
	vec ls, g;

	dense_term(a, e, kind, &ls, &d, &seen);
	if (kind.form == LOSS_ROLE_LOGITS)
		g = d.ls - v_exp_neg(ls) * total;
	else if (kind.form == LOSS_ROLE_PROBS)
		g = v_and(v_ne(d.ls, v_set(0)), d.ls / a->x);
	else
		g = d.ls;
	g = v_and(v_ne(a->unit, v_set(0)), g * a->unit) * v_set((real)e->gradient_scale);
	sums->poison = v_fma(g, v_set(0), sums->poison);
	return g;
}

/* The gradient with respect to soft targets, for the few who ask. */
static NOINLINE void put_target_gradient(const struct dense *a, const struct loss_eval *e, vec dq,
					 struct row_sums *sums)
{
	real *grad = e->out.gradients[1];
	vec scale = v_set((real)(e->gradient_scale * (1 - e->label_smoothing)));
	vec g = v_and(v_ne(a->unit, v_set(0)), dq * a->unit) * scale;

	if (e->log_targets)
		g = v_and(v_ne(a->q, v_set(0)), g * a->q);
	for (int lane = 0; lane < a->n; lane++) {
		real *to = grad + a->element + lane * a->step;

		*to = e->out.accumulate[1] ? *to + g[lane] : g[lane];
	}
	sums->poison = v_fma(v_first_n(g, a->n), v_set(0), sums->poison);
}

INLINE bool wants_target_gradient(const struct loss_eval *e, const struct row_sums *sums)
{
	return e->out.gradients[1] && !sums->scan;
}

/* ---- Across: long contiguous rows ----------------------------------------- */

static NOINLINE real across_max(const real *x, int64_t c)
{
	struct gmax max = gmax_init();
	int64_t i = 0;

	for (; i + GROUP <= c; i += GROUP)
		UNROLL for (int r = 0; r < REGS; r++) gmax_add(&max, r, v_load(x + i + r * LANES));
	real most = gmax_result(&max);

	for (; i < c; i++)
		most = x[i] > most ? x[i] : most;
	return most;
}

/* The sum of exp(x - m); the terms stay in `keep` where there is room for it. */
static NOINLINE double across_exp_sum(const real *x, int64_t c, real m, real *keep)
{
	struct acc sum = acc_zero();
	vec max = v_set(m);
	int64_t i = 0;

	if (keep) {
		for (; i + GROUP <= c; i += GROUP)
			UNROLL for (int r = 0; r < REGS; r++)
			{
				vec ex = v_exp_neg(v_load(x + i + r * LANES) - max);

				acc_add(&sum, r, ex);
				v_store(keep + i + r * LANES, ex);
			}
	} else {
		for (; i + GROUP <= c; i += GROUP)
			UNROLL for (int r = 0; r < REGS; r++)
				acc_add(&sum, r, v_exp_neg(v_load(x + i + r * LANES) - max));
	}
	for (int r = 0; i < c; i += LANES, r++) {
		int n = (int)loss_min_i64(LANES, c - i);
		vec ex = v_exp_neg(v_load_n(x + i, n, m) - max);

		ex = v_first_n(ex, n);
		acc_add(&sum, r, ex);
		if (keep)
			v_store_n(keep + i, ex, n);
	}
	return acc_sum(&sum);
}

/* g = e * factor, e being what across_exp_sum() kept. */
INLINE void across_scale(real *g, int64_t c, real by)
{
	vec factor = v_set(by);
	int64_t i = 0;

	for (; i + GROUP <= c; i += GROUP)
		UNROLL for (int r = 0; r < REGS; r++)
			v_store(g + i + r * LANES, v_load(g + i + r * LANES) * factor);
	for (; i < c; i++)
		g[i] *= by;
}

/* g += exp(x - m) * factor. */
static NOINLINE void across_add(real *g, const real *x, int64_t c, real m, real by)
{
	for (int64_t i = 0; i < c; i += LANES) {
		int n = (int)loss_min_i64(LANES, c - i);
		vec ex = v_exp_neg(v_load_n(x + i, n, m) - v_set(m));

		v_store_n(g + i, v_fma(ex, v_set(by), v_load_n(g + i, n, 0)), n);
	}
}

INLINE void across_hard_gradient(const struct rows *g, int k, const struct loss_eval *e,
				 const real *x, real *grad, bool softmax)
{
	int64_t y = g->y[k];
	bool add = e->out.accumulate[0], counts = g->unit[k] != 0;
	real before = add && y >= 0 ? grad[y] : 0;

	if (softmax && counts && add)
		across_add(grad, x, e->c, g->max[k], g->other[k]);
	else if (softmax && counts)
		across_scale(grad, e->c, g->other[k]);
	else if (!add)
		memset(grad, 0, (size_t)e->c * sizeof *grad);
	if (counts && y >= 0)
		grad[y] = before + g->own[k];
}

/* Classes [i, i + LANES) of row k. */
INLINE struct dense across_dense_at(const struct rows *g, int k, const struct loss_eval *e,
				    int64_t i, vec shift, vec log_sum)
{
	int64_t at = (g->first + k) * e->c + i;
	int n = (int)loss_max_i64(0, loss_min_i64(LANES, e->c - i));
	struct dense a = {
		.x = v_load_n((const real *)e->in[0].data + at, n, 0),
		.shift = shift,
		.log_sum = log_sum,
		.w = v_set(1),
		.unit = v_set(g->unit[k]),
		.element = at,
		.step = 1,
		.n = n,
	};

	if (e->hard) {
		a.q = v_set(0);
		if (g->y[k] >= i && g->y[k] < i + LANES)
			a.q[g->y[k] - i] = 1;
	} else {
		a.q = v_load_n((const real *)e->in[1].data + at, n, 0);
	}
	a.q = v_first_n(soften(a.q, e), n);
	if (e->class_weights)
		a.w = v_load_n((const real *)e->class_weights + i, n, 0);
	return a;
}

INLINE void across_dense(struct rows *g, int k, const struct loss_eval *e, struct row_kind kind,
			 real *grad, struct row_sums *sums)
{
	struct acc value = acc_zero(), slope = acc_zero();
	real *losses = e->spec.loss->impl->loss_per_class ? e->out.losses : NULL;
	vec shift = v_set(g->max[k]), log_sum = v_set(s_log1p(g->s_1[k]));
	vec unit = v_set(g->unit[k]), ls;
	struct slopes d;

	for (int64_t i = 0; i < e->c; i += GROUP)
		UNROLL for (int r = 0; r < REGS; r++)
		{
			struct dense a = across_dense_at(g, k, e, i + r * LANES, shift, log_sum);
			struct seen seen = seen_nothing();
			vec h = dense_term(&a, e, kind, &ls, &d, &seen);

			note(sums, &seen, v_ne(unit, v_set(0)), a.element, 1, a.n);
			acc_add(&value, r, h);
			acc_add(&slope, r, d.ls);
			if (wants_target_gradient(e, sums))
				put_target_gradient(&a, e, d.q, sums);
			if (losses)
				v_store_n(losses + a.element, h, a.n);
		}
	g->loss[k] = (real)(acc_sum(&value) * (double)g->unit[k]);
	acc_add_scalar(&sums->sum, acc_sum(&value) * (double)g->unit[k]);
	if (!grad)
		return;
	vec total = v_set((real)acc_sum(&slope));

	for (int64_t i = 0; i < e->c; i += LANES) {
		struct dense a = across_dense_at(g, k, e, i, shift, log_sum);
		vec out = dense_gradient(&a, e, kind, total, sums);

		if (e->out.accumulate[0])
			out = out + v_load_n(grad + i, a.n, 0);
		v_store_n(grad + i, out, a.n);
	}
}

/* No value and no gradient. */
INLINE void across_nothing(const struct rows *g, int k, const struct loss_eval *e, real *grad)
{
	size_t bytes = (size_t)e->c * sizeof(real);

	if (grad && !e->out.accumulate[0])
		memset(grad, 0, bytes);
	if (e->out.gradients[1] && !e->out.accumulate[1])
		memset((real *)e->out.gradients[1] + (g->first + k) * e->c, 0, bytes);
	if (e->out.losses && e->spec.loss->impl->loss_per_class)
		memset((real *)e->out.losses + (g->first + k) * e->c, 0, bytes);
}

INLINE void across_group(const struct loss_eval *e, int64_t first, int n, struct row_kind kind,
			 struct row_sums *sums)
{
	bool softmax = kind.form == LOSS_ROLE_LOGITS;
	const real *x = (const real *)e->in[0].data + first * e->c;
	real *grad = e->out.gradients[0] && !sums->scan ? (real *)e->out.gradients[0] + first * e->c
							: NULL;
	bool keep = grad && !e->out.accumulate[0] && !kind.dense;
	struct rows g;

	rows_init(&g, e, first, n);
	for (int k = 0; k < n && softmax; k++)
		if (g.unit[k] != 0) {
			g.max[k] = across_max(x + k * e->c, e->c);
			g.s_1[k] = (real)(across_exp_sum(x + k * e->c, e->c, g.max[k],
							 keep ? grad + k * e->c : NULL) -
					  1);
		}
	if (softmax)
		rows_find_masked(&g, e, &sums->flags);
	for (int k = 0; k < n && !kind.dense; k++)
		if (g.y[k] >= 0)
			g.x_m[k] = x[k * e->c + g.y[k]] - g.max[k];
	if (!kind.dense)
		rows_hard(&g, e, kind, first * e->c, e->c, 1, sums);
	for (int k = 0; k < n; k++) {
		real *row = grad ? grad + k * e->c : NULL;

		if (kind.dense && g.unit[k] == 0)
			across_nothing(&g, k, e, row);
		else if (kind.dense)
			across_dense(&g, k, e, kind, row, sums);
		else if (row)
			across_hard_gradient(&g, k, e, x + k * e->c, row, softmax);
	}
	if (!sums->scan)
		rows_put_losses(&g, e);
}

/* ---- Lanes: GROUP rows at once -------------------------------------------- */

enum { LANES_SHORT_MAX = 64 }; /* classes of a row that is transposed */

/* GROUP rows as c vectors of GROUP lanes: in place where the pixels stand side
 * by side, in transposed copies where the rows are short. */
struct tile {
	const real *x, *q;
	real *g;
	int64_t step, g_step;       /* from class to class */
	int64_t element, lane_step; /* index of (class 0, lane 0), and from lane to lane */
	int64_t class_step;         /* index from class to class */
};

INLINE int lanes_left(const struct rows *g, int r)
{
	int left = g->n - r * LANES;

	return left < 0 ? 0 : left < LANES ? left : LANES;
}

INLINE vec tile_load(const real *from, const struct rows *g, int r)
{
	return g->n == GROUP ? v_load(from + r * LANES)
			     : v_load_n(from + r * LANES, lanes_left(g, r), 0);
}

INLINE void tile_store(real *to, vec value, const struct rows *g, int r)
{
	if (g->n == GROUP)
		v_store(to + r * LANES, value);
	else
		v_store_n(to + r * LANES, value, lanes_left(g, r));
}

static NOINLINE void lanes_softmax(struct rows *g, const struct loss_eval *e,
				   const struct tile *tile, bool keep, uint32_t *flags)
{
	struct acc sum = acc_zero();
	double sums[GROUP];
	vec max[REGS];

	UNROLL for (int r = 0; r < REGS; r++) max[r] = v_set(NEGATIVE_INFINITY);
	for (int64_t k = 0; k < e->c; k++)
		UNROLL for (int r = 0; r < REGS; r++) max[r] =
			v_max(tile_load(tile->x + k * tile->step, g, r), max[r]);
	for (int64_t k = 0; k < e->c; k++)
		UNROLL for (int r = 0; r < REGS; r++)
		{
			vec ex = v_exp_neg(tile_load(tile->x + k * tile->step, g, r) - max[r]);

			acc_add(&sum, r, ex);
			if (keep)
				tile_store(tile->g + k * tile->g_step, ex, g, r);
		}
	acc_store(&sum, sums);
	for (int k = 0; k < GROUP; k++)
		g->s_1[k] = (real)(sums[k] - 1);
	UNROLL for (int r = 0; r < REGS; r++) v_store(g->max + r * LANES, max[r]);
	rows_find_masked(g, e, flags);
}

/* After the terms of the targets: exp(x - max) * other, `own` at the target. */
static NOINLINE void lanes_hard_gradient(const struct rows *g, const struct loss_eval *e,
					 const struct tile *tile, bool softmax)
{
	bool add = e->out.accumulate[0];
	real before[GROUP] = {0}, counts[GROUP];
	vec other[REGS], max[REGS];
	mask on[REGS];

	for (int k = 0; k < GROUP; k++) {
		counts[k] = softmax && g->unit[k] != 0 ? -1 : 0;
		if (add && g->y[k] >= 0)
			before[k] = tile->g[g->y[k] * tile->g_step + k];
	}
	/* A row that does not count may hold anything, NaN too. */
	UNROLL for (int r = 0; r < REGS; r++)
	{
		on[r] = v_lt(v_load(counts + r * LANES), v_set(0));
		other[r] = v_load(g->other + r * LANES);
		max[r] = v_load(g->max + r * LANES);
	}
	for (int64_t k = 0; k < e->c; k++)
		UNROLL for (int r = 0; r < REGS; r++)
		{
			real *to = tile->g + k * tile->g_step;
			vec old = tile_load(to, g, r), ex = old;

			if (add)
				ex = v_exp_neg(tile_load(tile->x + k * tile->step, g, r) - max[r]);
			vec out = v_and(on[r], ex * other[r]);

			tile_store(to, add ? out + old : out, g, r);
		}
	for (int k = 0; k < g->n; k++)
		if (g->y[k] >= 0 && g->unit[k] != 0)
			tile->g[g->y[k] * tile->g_step + k] = before[k] + g->own[k];
}

INLINE struct dense lanes_dense_at(const struct rows *g, const struct loss_eval *e,
				   const struct tile *tile, int64_t k, int r, vec log_sum)
{
	int at = r * LANES, n = lanes_in(g->n, r);
	struct dense a = {
		.x = tile_load(tile->x + k * tile->step, g, r),
		.shift = v_load(g->max + at),
		.log_sum = log_sum,
		.w = v_set(e->class_weights ? ((const real *)e->class_weights)[k] : 1),
		.unit = v_load(g->unit + at),
		.element = tile->element + k * tile->class_step + at * tile->lane_step,
		.step = tile->lane_step,
		.n = n,
	};

	if (e->hard) {
		real q[LANES];

		for (int lane = 0; lane < LANES; lane++)
			q[lane] = g->y[at + lane] == k;
		a.q = v_load(q);
	} else {
		a.q = tile_load(tile->q + k * tile->step, g, r);
	}
	a.q = v_first_n(soften(a.q, e), n);
	return a;
}

INLINE void lanes_dense(struct rows *g, const struct loss_eval *e, struct row_kind kind,
			const struct tile *tile, struct row_sums *sums)
{
	struct acc value = acc_zero(), slope = acc_zero();
	double values[GROUP], slopes[GROUP];
	real *losses = e->spec.loss->impl->loss_per_class && !sums->scan ? e->out.losses : NULL;
	vec log_sum[REGS], total[REGS], ls;
	struct slopes d;

	UNROLL for (int r = 0; r < REGS; r++) log_sum[r] = v_log1p(v_load(g->s_1 + r * LANES));
	for (int64_t k = 0; k < e->c; k++)
		UNROLL for (int r = 0; r < REGS; r++)
		{
			struct dense a = lanes_dense_at(g, e, tile, k, r, log_sum[r]);
			struct seen seen = seen_nothing();
			mask on = v_ne(a.unit, v_set(0));
			vec h = dense_term(&a, e, kind, &ls, &d, &seen);

			note(sums, &seen, on, a.element, a.step, a.n);
			h = v_and(on, h);
			acc_add(&value, r, h);
			acc_add(&slope, r, v_and(on, d.ls));
			if (wants_target_gradient(e, sums))
				put_target_gradient(&a, e, d.q, sums);
			for (int lane = 0; losses && lane < a.n; lane++)
				losses[a.element + lane * a.step] = h[lane];
		}
	acc_store(&value, values);
	acc_store(&slope, slopes);
	for (int k = 0; k < GROUP; k++) {
		double loss = g->unit[k] != 0 ? values[k] * (double)g->unit[k] : 0;

		g->loss[k] = (real)loss;
		acc_add_scalar(&sums->sum, loss);
		g->own[k] = (real)slopes[k];
	}
	if (!tile->g)
		return;
	UNROLL for (int r = 0; r < REGS; r++) total[r] = v_load(g->own + r * LANES);
	for (int64_t k = 0; k < e->c; k++)
		UNROLL for (int r = 0; r < REGS; r++)
		{
			struct dense a = lanes_dense_at(g, e, tile, k, r, log_sum[r]);
			vec out = dense_gradient(&a, e, kind, total[r], sums);
			real *to = tile->g + k * tile->g_step;

			if (e->out.accumulate[0])
				out = out + tile_load(to, g, r);
			tile_store(to, out, g, r);
		}
}

INLINE void lanes_tile(const struct loss_eval *e, struct rows *g, const struct tile *tile,
		       struct row_kind kind, struct row_sums *sums)
{
	bool softmax = kind.form == LOSS_ROLE_LOGITS;

	if (softmax)
		lanes_softmax(g, e, tile, tile->g && !e->out.accumulate[0] && !kind.dense,
			      &sums->flags);
	if (kind.dense) {
		lanes_dense(g, e, kind, tile, sums);
	} else {
		for (int k = 0; k < g->n; k++)
			if (g->y[k] >= 0)
				g->x_m[k] = tile->x[g->y[k] * tile->step + k] - g->max[k];
		rows_hard(g, e, kind, tile->element, tile->lane_step, tile->class_step, sums);
		if (tile->g)
			lanes_hard_gradient(g, e, tile, softmax);
	}
	if (!sums->scan)
		rows_put_losses(g, e);
}

/* ---- Builds --------------------------------------------------------------- */

/*
 * The two layouts compiled for one kind of row, out of line: a loss has four
 * such builds, and form and density are constants in those that matter.
 */
struct row_build {
	void (*across)(const struct loss_eval *e, int64_t first, int n, struct row_sums *sums);
	void (*lanes)(const struct loss_eval *e, struct rows *g, const struct tile *tile,
		      struct row_sums *sums);
};

#define ROW_BUILD(id, form, dense, term)                                                           \
	static __attribute__((noinline)) void id##_across(                                         \
		const struct loss_eval *e, int64_t first, int n, struct row_sums *sums)            \
	{                                                                                          \
		across_group(e, first, n, (struct row_kind){form, dense, term}, sums);             \
	}                                                                                          \
	static __attribute__((noinline)) void id##_lanes(const struct loss_eval *e,                \
							 struct rows *g, const struct tile *tile,  \
							 struct row_sums *sums)                    \
	{                                                                                          \
		lanes_tile(e, g, tile, (struct row_kind){form, dense, term}, sums);                \
	}

/* Short contiguous rows, transposed on the way in and out. */
static NOINLINE void lanes_short(const struct loss_eval *e, int64_t first, int n,
				 const struct row_build *build, struct row_sums *sums)
{
	_Alignas(64) real x[LANES_SHORT_MAX * GROUP], q[LANES_SHORT_MAX * GROUP];
	_Alignas(64) real out[LANES_SHORT_MAX * GROUP];
	int c = (int)e->c;
	int64_t at = first * e->c;
	real *grad = sums->scan ? NULL : e->out.gradients[0];
	struct tile tile = {
		.x = x,
		.q = q,
		.g = grad ? out : NULL,
		.step = GROUP,
		.g_step = GROUP,
		.element = at,
		.lane_step = e->c,
		.class_step = 1,
	};
	struct rows g;

	rows_init(&g, e, first, n);
	g.width = GROUP; /* the copies are, whatever n is */
	transpose_in(x, (const real *)e->in[0].data + at, e->c, n, c);
	if (!e->hard)
		transpose_in(q, (const real *)e->in[1].data + at, e->c, n, c);
	if (grad && e->out.accumulate[0])
		transpose_in(out, grad + at, e->c, n, c);
	build->lanes(e, &g, &tile, sums);
	if (grad)
		transpose_out(grad + at, e->c, out, n, c);
}

/* Pixels side by side: tile `index` of all, GROUP pixels of one sample. */
static NOINLINE void lanes_strided(const struct loss_eval *e, int64_t index,
				   const struct row_build *build, struct row_sums *sums)
{
	int64_t tiles = loss_ceil_div(e->d, GROUP), sample = index / tiles;
	int64_t pixel = index % tiles * GROUP, at = sample * e->c * e->d + pixel;
	real *grad = sums->scan ? NULL : e->out.gradients[0];
	struct tile tile = {
		.x = (const real *)e->in[0].data + at,
		.q = e->hard ? NULL : (const real *)e->in[1].data + at,
		.g = grad ? grad + at : NULL,
		.step = e->d,
		.g_step = e->d,
		.element = at,
		.lane_step = 1,
		.class_step = e->d,
	};
	struct rows g;

	rows_init(&g, e, sample * e->d + pixel, (int)loss_min_i64(GROUP, e->d - pixel));
	build->lanes(e, &g, &tile, sums);
}

/* ---- A block -------------------------------------------------------------- */

/* Rows [begin, end), or tiles of them where the class axis is strided. */
static inline void row_range(const struct loss_eval *e, int64_t begin, int64_t end,
			     const struct row_build *build, struct row_sums *sums)
{
	int64_t step = e->rows_together;

	switch (e->row_layout) {
	case LOSS_ROWS_ACROSS:
		for (int64_t i = begin; i < end; i += step)
			build->across(e, i, (int)loss_min_i64(step, end - i), sums);
		break;
	case LOSS_ROWS_SHORT:
		for (int64_t i = begin; i < end; i += GROUP)
			lanes_short(e, i, (int)loss_min_i64(GROUP, end - i), build, sums);
		break;
	case LOSS_ROWS_STRIDED:
		for (int64_t i = begin; i < end; i++)
			lanes_strided(e, i, build, sums);
		break;
	}
}

static inline void row_block(const struct loss_eval *e, int64_t block,
			     const struct row_build builds[2][2], struct loss_scan *scan,
			     struct loss_partial *out)
{
	bool plain = e->form != LOSS_ROLE_LOGITS;
	bool dense = !e->hard || e->label_smoothing != 0;
	struct row_sums sums = {.sum = acc_zero(), .scan = scan};
	int64_t begin = block * e->block_units;
	int64_t end = loss_min_i64(begin + e->block_units, e->block_total);

	row_range(e, begin, end, &builds[plain][dense], &sums);
	out->sum = acc_sum(&sums.sum);
	out->flags |= sums.flags;
	if (m_any(v_isnan(sums.poison)) || !isfinite(out->sum))
		out->flags |= LOSS_FLAG_NONFINITE;
	if (m_any(sums.seen))
		out->flags |= LOSS_FLAG_EVENT;
}

/* block_of and scan_of from a term function, for every form. */
#define ROW_FUNCTIONS(term)                                                                        \
	ROW_BUILD(softmax_hard, LOSS_ROLE_LOGITS, false, term)                                     \
	ROW_BUILD(softmax_dense, LOSS_ROLE_LOGITS, true, term)                                     \
	ROW_BUILD(plain_hard, e->form, false, term)                                                \
	ROW_BUILD(plain_dense, e->form, true, term)                                                \
	static const struct row_build builds[2][2] = {                                             \
		{{softmax_hard_across, softmax_hard_lanes},                                        \
		 {softmax_dense_across, softmax_dense_lanes}},                                     \
		{{plain_hard_across, plain_hard_lanes}, {plain_dense_across, plain_dense_lanes}},  \
	};                                                                                         \
	static void block_of(const struct loss_eval *e, int64_t block, struct loss_partial *out)   \
	{                                                                                          \
		row_block(e, block, builds, NULL, out);                                            \
	}                                                                                          \
	static void scan_of(const struct loss_eval *e, int64_t block, struct loss_scan *scan)      \
	{                                                                                          \
		row_block(e, block, builds, scan, &(struct loss_partial){0});                      \
	}

/* The kernels of a loss that is nothing but rows. */
#define ROW_LOSS(id, term)                                                                         \
	ROW_FUNCTIONS(term)                                                                        \
	const struct loss_kernels LOSS_KERNELS(id) = {                                             \
		.main = {block_of, block_of, block_of},                                            \
		.scan = {scan_of, scan_of, scan_of},                                               \
	};

#endif
