/*
 * Rows across the lanes: one row at a time, GROUP classes side by side.
 *
 * A row is read for its maximum, then for the exponentials, which are kept where
 * the gradient will be, so that the last pass only multiplies.  The rows of a group
 * take each pass together.
 */
#ifndef LOSS_SIMD_ROWS_ACROSS_H
#define LOSS_SIMD_ROWS_ACROSS_H

#include "rowwise.h"

/* How many of the classes from i on are in a register; not positive: none. */
INLINE int classes_left(int64_t c, int64_t i)
{
	return (int)loss_max_i64(0, loss_min_i64(LANES, c - i));
}

/* The place of the registers of a row. */
INLINE struct place across_place(int64_t element, int n)
{
	static const int64_t lane[GROUP] = {
		0,
		1,
		2,
		3,
		4,
		5,
		6,
		7,
#if LOSS_REAL == 32
		8,
		9,
		10,
		11,
		12,
		13,
		14,
		15,
#endif
	};

	return (struct place){lane, element, n};
}

/*
 * A row of a softmax has GROUP classes at least, and its last group begins early
 * rather than end late; the first `again` lanes of it were there before.
 */
INLINE int64_t group_at(int64_t c, int64_t i, int *again)
{
	int64_t at = i + GROUP <= c ? i : c - GROUP;

	*again = (int)(i - at);
	return at;
}

/* The largest score. */
INLINE real across_max(const real *x, int64_t c)
{
	struct gmax max = gmax_init();
	int again;

	for (int64_t i = 0; i < c; i += GROUP) {
		int64_t at = group_at(c, i, &again);

		UNROLL for (int r = 0; r < REGS; r++) gmax_add(&max, r, v_load(x + at + r * LANES));
	}
	return gmax_result(&max);
}

/* A row whose exponentials are summed. */
struct across_exp {
	const real *x;
	vec max;
	real *keep;         /* NULL, or where the terms stay */
	const real *behind; /* NULL, or another row, whose maximum is taken on the way: what is
			     * loaded of it arrives while the exponentials are computed */
	struct exp_acc sum;
	struct gmax max_behind;
};

INLINE vec across_exp_argument(const struct across_exp *row, int64_t at)
{
	return v_load(row->x + at) - row->max;
}

/* Register r of a group, the first `again` lanes of which were there before. */
INLINE void across_exp_take(struct across_exp *row, int64_t at, int r, vec ex, int again)
{
	if (row->behind)
		gmax_add(&row->max_behind, r, v_load(row->behind + at));
	if (row->keep)
		v_store(row->keep + at, ex);
	if (again)
		ex = v_and(m_not(m_first(again - r * LANES)), ex);
	exp_acc_add(&row->sum, r, ex);
}

enum {
	EXP_VECS = REGS == 1 ? 3 : REGS, /* whose exponentials are in the same step */
	EXP_STEP = EXP_VECS * LANES,
	ACROSS_SHORT = 192, /* classes of a row that is long enough for steps to pay */
};

_Static_assert(EXP_STEPS_MIN *EXP_STEP <= ACROSS_SHORT, "a row that is not short has steps enough");

INLINE vec across_step_argument(const void *row, int64_t step, int k)
{
	return across_exp_argument(row, step * EXP_STEP + k * LANES);
}

INLINE void across_step_take(void *row, int64_t step, int k, vec ex)
{
	across_exp_take(row, step * EXP_STEP + k * LANES, k % REGS, ex, 0);
}

/* The sum of exp(x - max) of a row that is not short. */
INLINE double across_exp_sum(struct across_exp *row, int64_t c)
{
	struct across_exp hot = *row; /* whose address nobody has: it stays in registers */
	int again;

	hot.sum = exp_acc_zero();
	hot.max_behind = gmax_init();
	exp_steps(&hot, c / EXP_STEP, EXP_VECS, across_step_argument, across_step_take);
	for (int64_t i = c / EXP_STEP * EXP_STEP; i < c; i += GROUP) {
		int64_t at = group_at(c, i, &again);

		UNROLL for (int r = 0; r < REGS; r++) across_exp_take(
			&hot, at + r * LANES, r,
			v_exp_neg(across_exp_argument(&hot, at + r * LANES)), again);
	}
	row->max_behind = hot.max_behind;
	return exp_acc_sum(&hot.sum);
}

/* The first row from k on that counts, or their number. */
INLINE int across_next(const struct rows *g, int k)
{
	while (k < g->n && g->unit[k] == 0)
		k++;
	return k;
}

/* Maxima and sums of the rows that count; the terms stay in `keep`, unless that is NULL. */
static NOINLINE void across_exp_sums(struct rows *g, const real *x, int64_t c, real *keep)
{
	int k = across_next(g, 0), next;

	if (k < g->n)
		g->max[k] = across_max(x + k * c, c);
	for (; k < g->n; k = next) {
		struct across_exp row = {.x = x + k * c, .max = v_set(g->max[k])};

		next = across_next(g, k + 1);
		row.keep = keep ? keep + k * c : NULL;
		row.behind = x + (next < g->n ? next : k) * c;
		g->s_1[k] = (real)(across_exp_sum(&row, c) - 1);
		if (next < g->n)
			g->max[next] = gmax_result(&row.max_behind);
	}
}

/* The same as above of short rows.  The sums come after all of the exponentials, none of
 * which then waits for the end of a row. */
static NOINLINE void across_short_exp_sums(struct rows *g, const real *x, int64_t c, real *keep)
{
	_Alignas(64) real terms[GROUP * ACROSS_SHORT];
	real *to = keep ? keep : terms;
	int k = across_next(g, 0), next, again;

	if (k < g->n)
		g->max[k] = across_max(x + k * c, c);
	for (; k < g->n; k = next) {
		const vec max = v_set(g->max[k]);
		struct gmax max_behind = gmax_init();
		int64_t behind;

		next = across_next(g, k + 1);
		behind = (next < g->n ? next : k) * c;
		for (int64_t i = 0; i < c; i += GROUP) {
			int64_t at = group_at(c, i, &again);

			UNROLL for (int r = 0; r < REGS; r++, at += LANES)
			{
				v_store(to + k * c + at, v_exp_neg(v_load(x + k * c + at) - max));
				gmax_add(&max_behind, r, v_load(x + behind + at));
			}
		}
		if (next < g->n)
			g->max[next] = gmax_result(&max_behind);
	}
	for (k = across_next(g, 0); k < g->n; k = across_next(g, k + 1)) {
		struct exp_acc sum = exp_acc_zero();

		for (int64_t i = 0; i < c; i += GROUP) {
			int64_t at = k * c + group_at(c, i, &again);

			UNROLL for (int r = 0; r < REGS; r++)
			{
				vec ex = v_load(to + at + r * LANES);

				if (again)
					ex = v_and(m_not(m_first(again - r * LANES)), ex);
				exp_acc_add(&sum, r, ex);
			}
		}
		g->s_1[k] = (real)(exp_acc_sum(&sum) - 1);
	}
}

/* ---- Hard targets --------------------------------------------------------- */

/* g = e * factor, e being the exponentials kept there. */
INLINE void across_scale(real *g, int64_t c, real by)
{
	vec factor = v_set(by), last[REGS];
	int64_t i = 0;

	UNROLL for (int r = 0; r < REGS; r++) last[r] = v_load(g + c - GROUP + r * LANES);
	for (; i + GROUP <= c; i += GROUP)
		UNROLL for (int r = 0; r < REGS; r++)
			v_store(g + i + r * LANES, v_load(g + i + r * LANES) * factor);
	if (i < c)
		UNROLL for (int r = 0; r < REGS; r++)
			v_store(g + c - GROUP + r * LANES, last[r] * factor);
}

/* g = exp(x - max) * by, or that much more. */
static NOINLINE void across_exp_gradient(real *g, const real *x, int64_t c, real max, real by,
					 bool add)
{
	for (int64_t i = 0; i < c; i += LANES) {
		int n = classes_left(c, i);
		vec ex = v_exp_neg(v_load_n(x + i, n, max) - v_set(max));
		vec old = add ? v_load_n(g + i, n, 0) : v_set(0);

		v_store_n(g + i, v_fma(ex, v_set(by), old), n);
	}
}

INLINE void across_hard_gradient(const struct rows *g, int k, const struct loss_eval *e,
				 const real *x, real *grad, bool softmax)
{
	int64_t y = class_of(e, g->first + k);
	bool add = e->out.accumulate[0], counts = g->unit[k] != 0;
	real before = add && y >= 0 ? grad[y] : 0;

	if (softmax && counts && add)
		across_exp_gradient(grad, x, e->c, g->max[k], g->other[k], true);
	else if (softmax && counts)
		across_scale(grad, e->c, g->other[k]);
	else if (!add)
		memset(grad, 0, (size_t)e->c * sizeof *grad);
	if (counts && y >= 0)
		grad[y] = before + g->own[k];
}

/* The group's terms, one in each lane. */
INLINE void across_hard(struct rows *g, const struct loss_eval *e, struct row_kind kind,
			const real *x, struct row_sums *sums)
{
	int64_t lane[GROUP];

	for (int k = 0; k < GROUP; k++) {
		int64_t y = k < g->n ? class_of(e, g->first + k) : -1;

		if (y >= 0)
			g->x_m[k] = x[k * e->c + y] - g->max[k];
		lane[k] = (g->first + k) * e->c;
	}
	rows_hard(g, e, kind, sums);
	if (sums->scan)
		rows_hard_events(g, e, kind, lane, 1, sums);
}

/* ---- Dense targets -------------------------------------------------------- */

/* One row, or a part of one. */
struct across {
	const real *x;
	real *grad; /* NULL: no gradient */
	enum row_kept kept;
	struct uniform_slopes uniform;
	int64_t first, c; /* the classes looked at, mostly all */
	int64_t y;        /* the target, from `first` on */
	int64_t element;  /* index of class `first` */
	vec max, log_sum, unit;
};

/* Classes [i, i + n). */
INLINE struct aim across_aim(const struct across *row, const struct loss_eval *e,
			     const struct dense_view *v, int64_t i, int n)
{
	struct aim aim = {.w = v_set(1)};

	if (!v->q) {
		int64_t lane = row->y - i;
		ivec at = v_set_int(lane >= 0 && lane < LANES ? (real_int)lane : -1);

		aim.q = v_and(v_eq_int(v_lane_index(), at), v_set(1));
	} else {
		aim.q = v_load_n(v->q + row->element + i, n, 0);
	}
	aim.q = soften(aim.q, v);
	if (n < LANES)
		aim.q = v_first_n(aim.q, n);
	if (v->weights)
		aim.w = v_load_n(v->weights + row->first + i, n, 0);
	if (v->factors)
		aim.w = multiply_class_factors(e, aim.w, across_place(row->element + i, n));
	return aim;
}

/* The log-probabilities of classes [i, i + n). */
INLINE vec across_log(const struct across *row, struct row_kind kind, int64_t i, int n,
		      struct seen *seen)
{
	vec x = v_load_n(row->x + i, n, 1);

	return is_softmax(kind) ? (x - row->max) - row->log_sum : plain_log(x, kind.form, seen);
}

struct across_sums {
	double value, slope;
};

/* The sums on their way. */
struct across_terms {
	struct acc value, slope;
	mask noticed;
};

INLINE void across_term(const struct across *row, const struct loss_eval *e, struct row_kind kind,
			const struct dense_view *v, int64_t at, int r, int n,
			struct across_terms *terms)
{
	struct aim aim = across_aim(row, e, v, at, n);
	struct seen seen = seen_nothing();
	vec ls = is_shifted(kind) ? v_load_n(row->x + at, n, row->max[0]) - row->max
				  : across_log(row, kind, at, n, &seen);
	struct slopes d;

	acc_add(&terms->value, r, row_term(ls, aim.q, aim.w, &d, e, &seen, kind.term));
	acc_add(&terms->slope, r, d.ls);
	terms->noticed = m_or(terms->noticed, seen.any);
	if (row->grad && row->kept == KEPT_SLOPES)
		v_store_n(row->grad + at, d.ls, n);
}

/* Of all classes. */
INLINE struct across_sums across_term_sums(const struct across *row, const struct loss_eval *e,
					   struct row_kind kind, struct row_sums *sums)
{
	const struct dense_view v = dense_view(e);
	struct across_terms terms = {acc_zero(), acc_zero(), m_none()};
	int64_t i = 0;

	for (; i + GROUP <= row->c; i += GROUP)
		UNROLL for (int r = 0; r < REGS; r++)
			across_term(row, e, kind, &v, i + r * LANES, r, LANES, &terms);
	for (int r = 0; r < REGS && i < row->c; r++, i += LANES)
		across_term(row, e, kind, &v, i, r, classes_left(row->c, i), &terms);
	sums->seen = m_or(sums->seen, m_and(terms.noticed, v_ne(row->unit, v_set(0))));
	return (struct across_sums){acc_sum(&terms.value), acc_sum(&terms.slope)};
}

/*
 * The sums of all terms.  Where x - max is not finite, or their sum too large, each term
 * has a say: one of slope 0 is skipped and not multiplied, others are events.
 */
INLINE struct across_sums across_dense_sums(const struct across *row, const struct loss_eval *e,
					    struct row_kind kind, struct row_sums *sums)
{
	const struct uniform_slopes uniform = row->uniform;
	struct acc acc = acc_zero();
	double sum, more = (double)uniform.own - (double)uniform.others;
	int64_t i = 0;

	if (!uniform.is)
		return across_term_sums(row, e, kind, sums);
	for (; i + GROUP <= row->c; i += GROUP)
		UNROLL for (int r = 0; r < REGS; r++)
			acc_add(&acc, r, v_load(row->x + i + r * LANES) - row->max);
	for (int r = 0; r < REGS && i < row->c; r++, i += LANES) {
		int n = classes_left(row->c, i);

		acc_add(&acc, r, v_load_n(row->x + i, n, row->max[0]) - row->max);
	}
	sum = acc_sum(&acc);
	if (!isfinite(sum))
		return across_term_sums(row, e, kind, sums);
	struct across_sums of = {(double)uniform.others * sum,
				 (double)uniform.others * (double)row->c};

	if (row->y >= 0 && row->y < row->c) {
		of.value += more * (double)(row->x[row->y] - row->max[0]);
		of.slope += more;
	}
	return of;
}

INLINE void across_elements(const struct across *row, const struct loss_eval *e,
			    struct row_kind kind, struct row_sums *sums)
{
	const struct dense_view v = dense_view(e);
	for (int64_t i = 0; i < row->c; i += LANES) {
		int n = classes_left(row->c, i);
		struct aim aim = across_aim(row, e, &v, i, n);
		struct seen seen = seen_nothing();
		vec ls = across_log(row, kind, i, n, &seen);

		dense_elements(e, kind, ls, aim, row->unit, across_place(row->element + i, n),
			       &seen, sums);
	}
}

/* The gradient of classes [at, at + n). */
INLINE void across_gradient_step(const struct across *row, const struct loss_eval *e,
				 struct row_kind kind, const struct dense_view *v, real other,
				 int64_t at, int n, vec *poison)
{
	vec kept = v_load_n(row->grad + at, n, 0);
	struct dense a = {.unit = row->unit, .other = v_set(other)};
	struct seen seen = seen_nothing();
	struct slopes d = {.ls = kept};

	a.x = v_load_n(row->x + at, n, 1);
	a.ex = row->kept == KEPT_EXPONENTIALS ? kept : v_exp_neg(a.x - row->max);
	if (row->kept != KEPT_SLOPES) {
		struct aim aim = across_aim(row, e, v, at, n);

		row_term(across_log(row, kind, at, n, &seen), aim.q, aim.w, &d, e, &seen,
			 kind.term);
	}
	a.slope = d.ls;
	vec out = dense_gradient(&a, kind, v->scale);

	*poison = v_fma(out, v_set(0), *poison);
	v_store_n(row->grad + at, e->out.accumulate[0] ? out + kept : out, n);
}

INLINE void across_dense_gradient(const struct across *row, const struct loss_eval *e,
				  struct row_kind kind, real other, struct row_sums *sums)
{
	const struct dense_view v = dense_view(e);
	vec poison = v_set(0);
	int64_t i = 0;

	for (; i + LANES <= row->c; i += LANES)
		across_gradient_step(row, e, kind, &v, other, i, LANES, &poison);
	if (i < row->c)
		across_gradient_step(row, e, kind, &v, other, i, (int)(row->c - i), &poison);
	sums->poison += poison;
}

/* The same of n classes whose exponentials are kept and whose slopes are the same. */
INLINE void across_uniform_step(real *grad, int n, vec by, vec slope, vec unit, vec *poison)
{
	vec out = v_fma(v_load_n(grad, n, 0), by, slope) * unit;

	*poison = v_fma(out, v_set(0), *poison);
	v_store_n(grad, out, n);
}

/* Of a row in which all slopes but one are the same. */
INLINE void across_uniform_gradient(const struct across *row, const struct loss_eval *e, real other,
				    struct row_sums *sums)
{
	const vec unit = row->unit * v_set((real)e->gradient_scale);
	const vec by = v_set(other), others = v_set(row->uniform.others);
	bool has_own = row->y >= 0 && row->y < row->c;
	vec poison = v_set(0), own = v_set(0);
	int64_t i = 0;

	if (has_own)
		own = v_fma(v_set(row->grad[row->y]), by, v_set(row->uniform.own)) * unit;
	for (; i + LANES <= row->c; i += LANES)
		across_uniform_step(row->grad + i, LANES, by, others, unit, &poison);
	if (i < row->c)
		across_uniform_step(row->grad + i, (int)(row->c - i), by, others, unit, &poison);
	if (has_own)
		row->grad[row->y] = own[0];
	sums->poison += v_fma(own, v_set(0), poison);
}

INLINE void across_dense(struct rows *g, int k, const struct loss_eval *e, struct row_kind kind,
			 struct uniform_slopes uniform, const real *x, real *grad,
			 struct row_sums *sums)
{
	struct across row = {
		.x = x,
		.grad = grad,
		.kept = row_kept(e, kind),
		.uniform = uniform,
		.c = e->c,
		.y = class_of(e, g->first + k),
		.element = (g->first + k) * e->c,
		.max = v_set(g->max[k]),
		.unit = v_set(g->unit[k]),
	};
	struct across_sums of;
	double value;
	real other;

	if (is_softmax(kind))
		row.log_sum = v_log1p(v_set(g->s_1[k]));
	of = across_dense_sums(&row, e, kind, sums);
	value = of.value - (is_shifted(kind) ? of.slope * (double)row.log_sum[0] : 0);
	value *= (double)g->unit[k];
	g->loss[k] = (real)value;
	sums->sum.v[0][0] += value;
	if (wants_elements(e, sums))
		across_elements(&row, e, kind, sums);
	if (!grad)
		return;
	other = (real)(-of.slope / (1 + (double)g->s_1[k]));
	if (uniform.is && row.kept == KEPT_EXPONENTIALS)
		across_uniform_gradient(&row, e, other, sums);
	else
		across_dense_gradient(&row, e, kind, other, sums);
}

/* No value, and no gradient of the c classes from `begin` on. */
INLINE void across_nothing(struct rows *g, int k, const struct loss_eval *e, real *grad,
			   int64_t begin, int64_t c)
{
	int64_t at = (g->first + k) * e->c + begin;
	size_t bytes = (size_t)c * sizeof(real);

	g->loss[k] = 0;
	if (grad && !e->out.accumulate[0])
		memset(grad, 0, bytes);
	if (e->out.gradients[1] && !e->out.accumulate[1])
		memset((real *)e->out.gradients[1] + at, 0, bytes);
	if (e->out.losses && e->spec.loss->impl->loss_per_class)
		memset((real *)e->out.losses + at, 0, bytes);
}

/* ---- A group of rows ------------------------------------------------------ */

INLINE void across_group(const struct loss_eval *e, int64_t first, int n, struct row_kind kind,
			 struct row_sums *sums)
{
	const real *x = (const real *)e->in[0].data + first * e->c;
	real *grad = e->out.gradients[0] && !sums->scan ? (real *)e->out.gradients[0] + first * e->c
							: NULL;
	real *keep = row_kept(e, kind) == KEPT_EXPONENTIALS ? grad : NULL;
	struct uniform_slopes uniform = uniform_slopes(e, kind);
	struct rows g;

	rows_init(&g, e, first, n);
	if (is_softmax(kind)) {
		if (e->c < ACROSS_SHORT)
			across_short_exp_sums(&g, x, e->c, keep);
		else
			across_exp_sums(&g, x, e->c, keep);
		rows_find_masked(&g, e, &sums->flags);
	}
	if (!kind.dense)
		across_hard(&g, e, kind, x, sums);
	for (int k = 0; k < n; k++) {
		real *row = grad ? grad + k * e->c : NULL;

		if (kind.dense && g.unit[k] == 0)
			across_nothing(&g, k, e, row, 0, e->c);
		else if (kind.dense)
			across_dense(&g, k, e, kind, uniform, x + k * e->c, row, sums);
		else if (row)
			across_hard_gradient(&g, k, e, x + k * e->c, row, is_softmax(kind));
	}
	if (!sums->scan)
		rows_put_losses(&g, e);
}

#endif
