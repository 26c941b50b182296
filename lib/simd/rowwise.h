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
 * Where h is linear in ls, as in cross entropy, its sum is taken with x - max in
 * the place of ls, which is known sooner, and mended afterwards:
 *
 *     sum_k h(ls_k) = sum_k h(x_k - max) - log(sum_k exp(x_k - max)) sum_k t_k
 *
 * Where the prediction holds log-probabilities or probabilities there is no
 * softmax: ls is x or log x, and the gradient t_k or t_k / x_k.
 *
 * Ways to lay rows into vectors, each a file:
 *   rows_across.h  one row at a time, GROUP classes side by side: long contiguous rows
 *   rows_split.h   the same of rows so long that blocks share one
 *   rows_lanes.h   GROUP rows at a time, one in each lane: short rows, and class
 *                  axes with pixels behind them
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

/* What a build of the driver is for; constant wherever it is passed. */
struct row_kind {
	enum loss_role form; /* LOSS_ROLE_LOGITS, _PROBS or _LOG_PROBS */
	bool dense;          /* soft or smoothed targets */
	bool linear;         /* h is linear in ls */
	term_fn *term;
};

INLINE bool is_softmax(struct row_kind kind)
{
	return kind.form == LOSS_ROLE_LOGITS;
}

/* Are terms taken of x - max, so that of a class its exponential is kept, and not its slope? */
INLINE bool is_shifted(struct row_kind kind)
{
	return kind.dense && kind.linear && is_softmax(kind);
}

struct row_sums {
	struct acc sum;
	mask seen;
	vec poison;
	uint32_t flags;
	struct loss_scan *scan; /* NULL: only whether there was anything */
};

/* GROUP rows, lane by lane. */
struct rows {
	int64_t first;     /* index of row 0 among all rows */
	int n;             /* rows that exist */
	real_int y[GROUP]; /* class index; -1: soft, or the row does not count */
	real unit[GROUP];  /* mask and sample_weight; 0: the row does not count */
	real w_y[GROUP];   /* class weight of the target */
	real max[GROUP];
	real x_m[GROUP]; /* hard: the target's score less the maximum */
	real s_1[GROUP]; /* sum of exp(x - max) less 1, the maximum's own term */
	real loss[GROUP];
	real other[GROUP]; /* hard gradient: exp(x - max) * other, and `own` at y; */
	real own[GROUP];   /* dense: (t + exp(x - max) * other) * unit * scale */
};

/* ---- Exponentials of a row, step by step ------------------------------------- */

enum {
	EXP_STEPS_MIN = 2,
	EXP_VECS_MAX = 4, /* in a step */
};

typedef vec exp_argument_fn(const void *row, int64_t step, int k);
typedef void exp_take_fn(void *row, int64_t step, int k, vec ex);

/* All vecs of all steps, in order: while some are taken, the next are in their
 * polynomials and those behind them are reduced.  `steps` >= EXP_STEPS_MIN; vecs and
 * the functions are constants. */
INLINE void exp_steps(void *row, int64_t steps, int vecs, exp_argument_fn *argument,
		      exp_take_fn *take)
{
	struct v_reduced reduced[EXP_VECS_MAX];
	struct v_exp_parts e[EXP_VECS_MAX];
	int64_t s = 0;

	UNROLL for (int k = 0; k < vecs; k++)
	{
		e[k] = v_exp_neg_poly(v_exp_neg_reduce(argument(row, 0, k)));
		reduced[k] = v_exp_neg_reduce(argument(row, 1, k));
	}
	for (; s + 2 < steps; s++)
		UNROLL for (int k = 0; k < vecs; k++)
		{
			take(row, s, k, v_exp_neg_join(e[k]));
			e[k] = v_exp_neg_poly(reduced[k]);
			reduced[k] = v_exp_neg_reduce(argument(row, s + 2, k));
		}
	UNROLL for (int k = 0; k < vecs; k++) take(row, s, k, v_exp_neg_join(e[k]));
	UNROLL for (int k = 0; k < vecs; k++)
		take(row, s + 1, k, v_exp_neg_join(v_exp_neg_poly(reduced[k])));
}

/* ---- What belongs to a row ------------------------------------------------ */

/* The class index of a row; -1: it has none, or does not count. */
INLINE int64_t class_of(const struct loss_eval *e, int64_t row)
{
	int64_t y = e->hard ? ((const int64_t *)e->in[1].data)[row] : -1;

	return y != e->ignore_index && y >= 0 && y < e->c ? y : -1;
}

/* The same of LANES rows; their targets are at y. */
INLINE ivec classes_of(const struct loss_eval *e, const int64_t *y)
{
	wide_ivec wide[LANES * 8 / VEC_BYTES];

	memcpy(wide, y, sizeof wide);
	UNROLL for (int i = 0; i < LANES * 8 / VEC_BYTES; i++)
	{
		wide_ivec counts = (wide[i] >= 0) & (wide[i] < e->c) & (wide[i] != e->ignore_index);

		wide[i] |= ~counts;
	}
	return v_cut(wide);
}

static NOINLINE void rows_init(struct rows *g, const struct loss_eval *e, int64_t first, int n)
{
	const int64_t *y = e->hard ? (const int64_t *)e->in[1].data + first : NULL;
	const real *weights = e->class_weights;
	int64_t padded[GROUP];

	g->first = first;
	g->n = n;
	if (y && n < GROUP) {
		for (int k = 0; k < GROUP; k++)
			padded[k] = k < n ? y[k] : -1;
		y = padded;
	}
	UNROLL for (int r = 0; r < REGS; r++)
	{
		int at = r * LANES;
		ivec class = y ? classes_of(e, y + at) : v_set_int(-1);
		mask counts = y ? m_not(v_eq_int(class, v_set_int(-1))) : m_first(n - at);

		memcpy(g->y + at, &class, sizeof class);
		v_store(g->unit + at, v_and(counts, v_set(1)));
		v_store(g->w_y + at, v_set(1));
		v_store(g->max + at, v_set(0));
		v_store(g->x_m + at, v_set(0));
		v_store(g->s_1 + at, v_set(0));
	}
	for (int k = 0; k < GROUP && y && weights; k++)
		g->w_y[k] = g->y[k] >= 0 ? weights[g->y[k]] : 1;
	if (e->has_factor && !e->spec.loss->impl->loss_per_class)
		multiply_factors(e, first, n, 1, g->unit);
}

/* A row of nothing but -Infinity does what the policy says; by default it is
 * NaN all by itself. */
static NOINLINE void mask_rows(struct rows *g, const struct loss_eval *e, uint32_t *flags)
{
	for (int k = 0; k < g->n; k++) {
		/* The maximum passes over NaN. */
		if (g->unit[k] == 0 || g->max[k] != NEGATIVE_INFINITY ||
		    !loss_row_is_masked(e, g->first + k))
			continue;
		*flags |= LOSS_SAW_MASKED_ROW | LOSS_FLAG_EVENT;
		if (e->spec.common.on_masked_row != LOSS_MASKED_NAN)
			g->unit[k] = 0;
	}
}

INLINE void rows_find_masked(struct rows *g, const struct loss_eval *e, uint32_t *flags)
{
	mask masked = m_none();

	UNROLL for (int r = 0; r < REGS; r++) masked =
		m_or(masked, v_eq(v_load(g->max + r * LANES), v_set(NEGATIVE_INFINITY)));
	if (__builtin_expect(m_any(masked), 0))
		mask_rows(g, e, flags);
}

INLINE void rows_put_losses(const struct rows *g, const struct loss_eval *e)
{
	real *losses = e->out.losses;

	if (losses && !e->spec.loss->impl->loss_per_class)
		memcpy(losses + g->first, g->loss, (size_t)g->n * sizeof *losses);
}

/* ---- One term ------------------------------------------------------------- */

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

/* exp(ls): only log-probabilities that are given may be above 0. */
INLINE vec prob_of(vec ls, const struct loss_eval *e)
{
	return e->form == LOSS_ROLE_LOG_PROBS ? v_exp(ls) : v_exp_neg(ls);
}

/* Where the lanes of a register stand in the prediction. */
struct place {
	const int64_t *lane; /* index of each lane, less `offset` */
	int64_t offset;
	int n; /* lanes that exist, may be anything */
};

/* Tells a scan, lane by lane: their places need not be evenly spaced. */
static NOINLINE void tell(const struct row_sums *sums, const struct seen *seen, mask on,
			  struct place at)
{
	for (int lane = 0; lane < at.n && lane < LANES; lane++) {
		mask one = m_andnot(m_first(lane + 1), m_first(lane));

		seen_report(seen, m_and(on, one), sums->scan, at.lane[lane] + at.offset - lane, 1,
			    LANES);
	}
}

/* ---- The hard target: one term a row -------------------------------------- */

INLINE vec hard_log(const struct rows *g, struct row_kind kind, int at, struct seen *seen)
{
	vec x_m = v_load(g->x_m + at);

	if (!is_softmax(kind))
		return plain_log(x_m, kind.form, seen);
	return x_m - v_log1p(v_load(g->s_1 + at));
}

INLINE void rows_hard(struct rows *g, const struct loss_eval *e, struct row_kind kind,
		      struct row_sums *sums)
{
	vec scale = v_set((real)e->gradient_scale);
	bool wants_gradient = e->out.gradients[0] != NULL;

	UNROLL for (int r = 0; r < REGS; r++)
	{
		int at = r * LANES;
		vec unit = v_load(g->unit + at);
		mask on = v_ne(unit, v_set(0));
		struct seen seen = seen_nothing();
		vec ls = hard_log(g, kind, at, &seen);
		struct slopes d;
		vec h = row_term(ls, v_set(1), v_load(g->w_y + at), &d, e, &seen, kind.term);
		vec slope = v_and(on, d.ls * unit) * scale, own, other = v_set(0);

		sums->seen = m_or(sums->seen, m_and(seen.any, on));
		h = v_and(on, h * unit);
		acc_add(&sums->sum, r, h);
		v_store(g->loss + at, h);
		if (!wants_gradient)
			continue;
		if (is_softmax(kind)) {
			own = v_and(on, -slope * v_expm1(ls));
			other = v_and(on, -slope / (v_load(g->s_1 + at) + v_set(1)));
		} else {
			own = kind.form == LOSS_ROLE_PROBS ? slope / v_load(g->x_m + at) : slope;
			own = v_and(m_and(on, v_ne(slope, v_set(0))), own);
		}
		v_store(g->own + at, own);
		v_store(g->other + at, other);
		sums->poison = v_fma(own, v_set(0), sums->poison);
		sums->poison = v_fma(other, v_set(0), sums->poison);
	}
}

/* For a scan: an event has the place of the target.  lane[k] is the index of
 * class 0 of row k, whose classes lie class_step apart. */
INLINE void rows_hard_events(const struct rows *g, const struct loss_eval *e, struct row_kind kind,
			     const int64_t *lane, int64_t class_step, const struct row_sums *sums)
{
	int64_t target[GROUP] = {0};

	for (int k = 0; k < g->n; k++)
		target[k] = lane[k] + loss_max_i64(0, class_of(e, g->first + k)) * class_step;
	for (int at = 0; at < GROUP; at += LANES) {
		struct seen seen = seen_nothing();
		struct slopes d;
		vec ls = hard_log(g, kind, at, &seen);

		row_term(ls, v_set(1), v_load(g->w_y + at), &d, e, &seen, kind.term);
		tell(sums, &seen, v_ne(v_load(g->unit + at), v_set(0)),
		     (struct place){target + at, 0, g->n - at});
	}
}

/* ---- Dense targets: one register of (class, row) pairs -------------------- */

/* What a pass over dense targets reads of the evaluation: taken out of it once,
 * since a compiler must assume that every store may change it. */
struct dense_view {
	int64_t c;
	const real *q; /* NULL: smoothed class indices */
	const real *weights;
	bool logs, smooth, factors;
	real keep, share; /* smoothed: q keep + share */
	real scale;
};

INLINE struct dense_view dense_view(const struct loss_eval *e)
{
	return (struct dense_view){
		.c = e->c,
		.q = e->hard ? NULL : e->in[1].data,
		.weights = e->class_weights,
		.logs = e->log_targets,
		.smooth = e->label_smoothing != 0,
		.factors = e->has_factor && e->spec.loss->impl->loss_per_class,
		.keep = (real)(1 - e->label_smoothing),
		.share = (real)(e->label_smoothing / (double)e->c),
		.scale = (real)e->gradient_scale,
	};
}

/* The smoothed target distribution of a soft target. */
INLINE vec soften(vec q, const struct dense_view *v)
{
	if (v->logs)
		q = v_exp(q);
	return v->smooth ? v_fma(q, v_set(v->keep), v_set(v->share)) : q;
}

/* Targets, 0 in lanes that do not exist, and weights. */
struct aim {
	vec q, w;
};

/* w times the mask and weights of the elements. */
static NOINLINE vec multiply_class_factors(const struct loss_eval *e, vec w, struct place at)
{
	real factor[LANES];

	for (int lane = 0; lane < LANES; lane++) {
		factor[lane] = lane < at.n;
		if (lane < at.n)
			multiply_factors(e, at.lane[lane] + at.offset, 1, 1, factor + lane);
	}
	return w * v_load(factor);
}

INLINE bool wants_target_gradient(const struct loss_eval *e, const struct row_sums *sums)
{
	return e->out.gradients[1] && !sums->scan;
}

INLINE real *losses_per_class(const struct loss_eval *e, const struct row_sums *sums)
{
	return e->spec.loss->impl->loss_per_class && !sums->scan ? e->out.losses : NULL;
}

/* Is there anything to say of single elements, but for the gradient? */
INLINE bool wants_elements(const struct loss_eval *e, const struct row_sums *sums)
{
	return sums->scan || wants_target_gradient(e, sums) || losses_per_class(e, sums);
}

/* The gradient with respect to soft targets, for the few who ask. */
static NOINLINE void put_target_gradient(const struct loss_eval *e, vec q, vec dq, vec unit,
					 struct place at, struct row_sums *sums)
{
	real *grad = e->out.gradients[1];
	vec scale = v_set((real)(e->gradient_scale * (1 - e->label_smoothing)));
	vec g = v_and(v_ne(unit, v_set(0)), dq * unit) * scale;

	if (e->log_targets)
		g = v_and(v_ne(q, v_set(0)), g * q);
	for (int lane = 0; lane < at.n && lane < LANES; lane++) {
		real *to = grad + at.lane[lane] + at.offset;

		*to = e->out.accumulate[1] ? *to + g[lane] : g[lane];
	}
	sums->poison = v_fma(v_and(m_first(at.n), g), v_set(0), sums->poison);
}

/* All that single elements are told or asked about. */
INLINE void dense_elements(const struct loss_eval *e, struct row_kind kind, vec ls, struct aim aim,
			   vec unit, struct place at, struct seen *seen, struct row_sums *sums)
{
	mask on = v_ne(unit, v_set(0));
	real *losses = losses_per_class(e, sums);
	struct slopes d;
	vec h = row_term(ls, aim.q, aim.w, &d, e, seen, kind.term);

	h = v_and(on, h);
	if (sums->scan)
		tell(sums, seen, on, at);
	if (wants_target_gradient(e, sums))
		put_target_gradient(e, aim.q, d.q, unit, at, sums);
	for (int lane = 0; losses && lane < at.n && lane < LANES; lane++)
		losses[at.lane[lane] + at.offset] = h[lane];
}

/* What the gradient of a register is made of. */
struct dense {
	vec ex;    /* exp(x - max) */
	vec x;     /* without a softmax */
	vec slope; /* dh/dls */
	vec unit, other;
};

INLINE vec dense_gradient(const struct dense *a, struct row_kind kind, real scale)
{
	vec g = a->slope;

	if (is_softmax(kind))
		g = v_fma(a->ex, a->other, g);
	else if (kind.form == LOSS_ROLE_PROBS)
		g = v_and(v_ne(g, v_set(0)), g / a->x);
	return v_and(v_ne(a->unit, v_set(0)), g * (a->unit * v_set(scale)));
}

/* What is kept where the gradient will be. */
enum row_kept { KEPT_NOTHING, KEPT_EXPONENTIALS, KEPT_SLOPES };

INLINE enum row_kept row_kept(const struct loss_eval *e, struct row_kind kind)
{
	if (e->out.accumulate[0])
		return KEPT_NOTHING;
	return kind.dense && !is_shifted(kind) ? KEPT_SLOPES : KEPT_EXPONENTIALS;
}

/*
 * Smoothed class indices without weights: linear terms have one slope for all classes but
 * the target, and the sum of x - max is all there is to know.
 */
struct uniform_slopes {
	bool is;
	real others, own; /* slopes */
};

INLINE real slope_of_target(const struct loss_eval *e, struct row_kind kind,
			    const struct dense_view *v, real q)
{
	struct seen seen = seen_nothing();
	struct slopes d;

	row_term(v_set(-1), soften(v_set(q), v), v_set(1), &d, e, &seen, kind.term);
	return d.ls[0];
}

INLINE struct uniform_slopes uniform_slopes(const struct loss_eval *e, struct row_kind kind)
{
	const struct dense_view v = dense_view(e);

	if (!is_shifted(kind) || v.q || v.weights || v.factors)
		return (struct uniform_slopes){false, 0, 0};
	return (struct uniform_slopes){true, slope_of_target(e, kind, &v, 0),
				       slope_of_target(e, kind, &v, 1)};
}

/* ---- Builds --------------------------------------------------------------- */

#include "rows_across.h"
#include "rows_lanes.h"
#include "rows_split.h"

typedef void range_fn(const struct loss_eval *e, int64_t first, int n, struct row_sums *sums);

/*
 * The layouts compiled for one kind of row, out of line: a loss has four such
 * builds, and form and density are constants in those that matter.  Rows are
 * only split where prepare and split compile to something.
 */
struct row_build {
	range_fn *across, *prepare, *split;
	lanes_fn *lanes;
};

INLINE bool may_split(struct row_kind kind)
{
	return kind.linear && is_softmax(kind);
}

#define ROW_BUILD(id, ...)                                                                         \
	static NOINLINE void id##_across(const struct loss_eval *e, int64_t first, int n,          \
					 struct row_sums *sums)                                    \
	{                                                                                          \
		across_group(e, first, n, (struct row_kind){__VA_ARGS__}, sums);                   \
	}                                                                                          \
	static NOINLINE void id##_prepare(const struct loss_eval *e, int64_t first, int n,         \
					  struct row_sums *sums)                                   \
	{                                                                                          \
		for (int i = 0; i < n && may_split((struct row_kind){__VA_ARGS__}); i++)           \
			split_prepare(e, first + i, (struct row_kind){__VA_ARGS__}, sums);         \
	}                                                                                          \
	static NOINLINE void id##_split(const struct loss_eval *e, int64_t first, int n,           \
					struct row_sums *sums)                                     \
	{                                                                                          \
		for (int i = 0; i < n && may_split((struct row_kind){__VA_ARGS__}); i++)           \
			split_chunk(e, first + i, (struct row_kind){__VA_ARGS__}, sums);           \
	}                                                                                          \
	static NOINLINE void id##_lanes(const struct loss_eval *e, struct rows *g,                 \
					const struct tile *tile, int tiles, struct row_sums *sums) \
	{                                                                                          \
		lanes_tiles(e, g, tile, tiles, (struct row_kind){__VA_ARGS__}, sums);              \
	}                                                                                          \
	static const struct row_build id = {id##_across, id##_prepare, id##_split, id##_lanes};

/* ---- A block -------------------------------------------------------------- */

/* Rows [begin, end), or tiles or chunks of them. */
static inline void row_range(const struct loss_eval *e, int64_t begin, int64_t end,
			     const struct row_build *build, struct row_sums *sums)
{
	int64_t step = e->rows_together;

	for (int64_t i = begin; i < end; i += step) {
		int n = (int)loss_min_i64(step, end - i);

		switch (e->row_layout) {
		case LOSS_ROWS_ACROSS:
			build->across(e, i, n, sums);
			break;
		case LOSS_ROWS_COPIED:
			lanes_copied(e, i, n, build->lanes, sums);
			break;
		case LOSS_ROWS_STRIDED:
			lanes_strided(e, i, build->lanes, sums);
			break;
		case LOSS_ROWS_SPLIT:
			/* A scan has no parts, nor a need for speed. */
			if (!sums->scan)
				build->split(e, i, n, sums);
			else if (i % e->chunks == 0)
				build->across(e, i / e->chunks, 1, sums);
			break;
		}
	}
}

static inline const struct row_build *row_build(const struct loss_eval *e,
						const struct row_build *const builds[2][2])
{
	bool plain = e->form != LOSS_ROLE_LOGITS;
	bool dense = !e->hard || e->label_smoothing != 0;

	return builds[plain][dense];
}

static inline void row_block(const struct loss_eval *e, int64_t block,
			     const struct row_build *build, struct loss_scan *scan,
			     struct loss_partial *out)
{
	int64_t begin = block * e->block_units;
	int64_t end = loss_min_i64(begin + e->block_units, e->block_total);
	struct row_sums sums = {.sum = acc_zero(), .scan = scan};

	row_range(e, begin, end, build, &sums);
	out->sum = acc_sum(&sums.sum);
	out->flags |= sums.flags;
	if (m_any(v_isnan(sums.poison)) || !isfinite(out->sum))
		out->flags |= LOSS_FLAG_NONFINITE;
	if (m_any(sums.seen))
		out->flags |= LOSS_FLAG_EVENT;
}

/* The chunk of a split row. */
static inline void row_prepare(const struct loss_eval *e, int64_t chunk,
			       const struct row_build *build, struct loss_partial *out)
{
	struct row_sums sums = {.sum = acc_zero()};

	build->prepare(e, chunk, 1, &sums);
	if (m_any(sums.seen))
		out->flags |= LOSS_FLAG_EVENT;
}

/* block_of, prepare_of and scan_of from a term function, for every form. */
#define ROW_FUNCTIONS(term, linear)                                                                \
	ROW_BUILD(softmax_hard, LOSS_ROLE_LOGITS, false, linear, term)                             \
	ROW_BUILD(softmax_dense, LOSS_ROLE_LOGITS, true, linear, term)                             \
	ROW_BUILD(plain_hard, e->form, false, linear, term)                                        \
	ROW_BUILD(plain_dense, e->form, true, linear, term)                                        \
	static const struct row_build *const builds[2][2] = {                                      \
		{&softmax_hard, &softmax_dense},                                                   \
		{&plain_hard, &plain_dense},                                                       \
	};                                                                                         \
	static void block_of(const struct loss_eval *e, int64_t block, struct loss_partial *out)   \
	{                                                                                          \
		row_block(e, block, row_build(e, builds), NULL, out);                              \
	}                                                                                          \
	static void prepare_of(const struct loss_eval *e, int64_t chunk, struct loss_partial *out) \
	{                                                                                          \
		row_prepare(e, chunk, row_build(e, builds), out);                                  \
	}                                                                                          \
	static void scan_of(const struct loss_eval *e, int64_t block, struct loss_scan *scan)      \
	{                                                                                          \
		row_block(e, block, row_build(e, builds), scan, &(struct loss_partial){0});        \
	}

/* Is h linear in ls?  If so, rows of logits may be split. */
#define LINEAR     true
#define NOT_LINEAR false

#define ROW_PREPARE(linear)                                                                        \
	{                                                                                          \
		[LOSS_ROLE_LOGITS] = (linear) ? prepare_of : NULL,                                 \
	}

/* The kernels of a loss that is nothing but rows. */
#define ROW_LOSS(id, term, linear)                                                                 \
	ROW_FUNCTIONS(term, linear)                                                                \
	const struct loss_kernels LOSS_KERNELS(id) = {                                             \
		.main = {block_of, block_of, block_of},                                            \
		.prepare = ROW_PREPARE(linear),                                                    \
		.scan = {scan_of, scan_of, scan_of},                                               \
	};

#endif
