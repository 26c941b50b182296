/* Extremes, sums and counts of a block, and the top of a row of scores. */
#include "../../simd/math.h"
#include "../../loss_impl.h"
#include "../kernels.h"

#define INFINITE v_set((real)INFINITY)

/* ---- What is collected ---------------------------------------------------- */

/* By place in the group, so that no order depends on the ISA. */
struct extremes {
	vec min[REGS], max[REGS], smallest[REGS];
};

/* Sums of the elements, less a shift, and of their squares. */
struct moments {
	struct acc sum, squares;
};

/* By lane, each below SUMMARY_BLOCK. */
struct counts {
	ivec zeros, nan, pos_inf, neg_inf, subnormals, saturated;
};

INLINE void count(ivec *lanes, mask m)
{
	*lanes = v_add_bits(*lanes, v_bits(v_and(m, v_from_bits(v_set_int(1)))));
}

INLINE int64_t count_sum(ivec lanes)
{
	int64_t sum = 0;
	UNROLL for (int i = 0; i < LANES; i++) sum += lanes[i];
	return sum;
}

INLINE void extremes_add(struct extremes *m, int r, vec x, vec size, mask zero)
{
	m->min[r] = v_min(x, m->min[r]);
	m->max[r] = v_max(x, m->max[r]);
	m->smallest[r] = v_min(v_select(zero, INFINITE, size), m->smallest[r]);
}

/* The smallest of a group, by a fixed tree: of two zeros the order decides. */
INLINE double smallest_of(const vec *group)
{
	struct gmax negative;
	UNROLL for (int r = 0; r < REGS; r++) negative.v[r] = -group[r];
	return -(double)gmax_result(&negative);
}

static void summary_write(struct summary_block *out, int n, const struct extremes *extremes,
			  const struct moments *moments, const struct counts *counts)
{
	struct gmax max;

	memcpy(max.v, extremes->max, sizeof max.v);
	*out = (struct summary_block){
		.nan = count_sum(counts->nan),
		.pos_inf = count_sum(counts->pos_inf),
		.neg_inf = count_sum(counts->neg_inf),
		.zeros = count_sum(counts->zeros),
		.subnormals = count_sum(counts->subnormals),
		.saturated = count_sum(counts->saturated),
		.min = smallest_of(extremes->min),
		.max = (double)gmax_result(&max),
		.smallest = smallest_of(extremes->smallest),
		.sum = acc_sum(&moments->sum),
		.squares = acc_sum(&moments->squares),
	};
	out->finite = n - out->nan - out->pos_inf - out->neg_inf;
}

INLINE struct extremes extremes_init(void)
{
	struct extremes m;
	UNROLL for (int r = 0; r < REGS; r++) m.min[r] = m.smallest[r] = INFINITE,
					      m.max[r] = -INFINITE;
	return m;
}

/* ---- The plain case: a whole block of normal numbers and zeros --------------- */

/* Groups that are summed in the dtype before the sums are widened: less work for
 * float32, at 2^-21 of the largest partial sum. */
enum { TOGETHER = 8 };

INLINE void plain_group(const real *x, bool has_zeros, struct extremes *extremes, vec *sum,
			vec *squares, struct counts *counts)
{
	UNROLL for (int r = 0; r < REGS; r++)
	{
		vec v = v_load(x + (size_t)r * LANES);
		mask zero = has_zeros ? v_eq(v, v_set(0)) : m_none();

		if (has_zeros)
			count(&counts->zeros, zero);
		extremes_add(extremes, r, v, v_abs(v), zero);
		sum[r] += v;
		squares[r] += v * v;
	}
}

INLINE void summarize_whole(const real *x, bool has_zeros, struct summary_block *out)
{
	struct extremes extremes = extremes_init();
	struct moments moments = {acc_zero(), acc_zero()};
	struct counts counts = {0};

	for (int i = 0; i < SUMMARY_BLOCK; i += TOGETHER * GROUP) {
		vec sum[REGS], squares[REGS];

		UNROLL for (int r = 0; r < REGS; r++) sum[r] = squares[r] = v_set(0);
		for (int k = 0; k < TOGETHER; k++)
			plain_group(x + i + (int64_t)k * GROUP, has_zeros, &extremes, sum, squares,
				    &counts);
		UNROLL for (int r = 0; r < REGS; r++)
		{
			acc_add(&moments.sum, r, sum[r]);
			acc_add(&moments.squares, r, squares[r]);
		}
	}
	summary_write(out, SUMMARY_BLOCK, &extremes, &moments, &counts);
}

/* Zeros are looked for only where there is one. */
static void summarize_plain(const real *x, struct summary_block *out)
{
	summarize_whole(x, false, out);
	if (out->smallest == 0)
		summarize_whole(x, true, out);
}

/*
 * Not where squares leave the range of the dtype, or cancel with the square of
 * the mean; NaN and infinities spoil them.
 */
static bool is_plain(const struct summary_block *block, double low, double high)
{
	const double root = BY_REAL(0x1p-50, 0x1p-500);
	double largest = fmax(-block->min, block->max);
	double about = block->squares - block->sum * block->sum / SUMMARY_BLOCK;
	bool is_saturated = block->min <= low || block->max >= high;

	return isfinite(block->squares) && about > 0.125 * block->squares && largest >= root &&
	       largest <= 1 / root && block->smallest >= (double)REAL_MIN && !is_saturated;
}

/* ---- The careful one ------------------------------------------------------- */

/* The first finite element, or 0. */
static real shift_of(const real *x, int n)
{
	for (int i = 0; i < n; i++)
		if (isfinite(x[i]))
			return x[i];
	return 0;
}

INLINE void moments_add_shifted(struct moments *m, int r, vec x, double shift)
{
#if LOSS_REAL == 32
	dvec low = v_widen_low(x) - shift, high = v_widen_high(x) - shift;

	m->sum.v[2 * (size_t)r] += low;
	m->sum.v[2 * r + 1] += high;
	m->squares.v[2 * (size_t)r] += low * low;
	m->squares.v[2 * r + 1] += high * high;
#else
	vec apart = x - shift;

	m->sum.v[r] += apart;
	m->squares.v[r] += apart * apart;
#endif
}

static void summarize_careful(const real *x, int n, vec low, vec high, struct summary_block *out)
{
	const real shift = shift_of(x, n);
	struct extremes extremes = extremes_init();
	struct moments moments = {acc_zero(), acc_zero()};
	struct counts counts = {0};

	for (int i = 0; i < n; i += GROUP) {
		UNROLL for (int r = 0; r < REGS; r++)
		{
			int left = n - i - r * LANES;
			mask there = m_first(left);
			vec v = left > 0 ? v_load_n(x + i + (int64_t)r * LANES, left, shift)
					 : v_set(shift);
			vec size = v_abs(v);
			mask zero = m_and(there, v_eq(v, v_set(0)));
			mask finite = v_lt(size, INFINITE);
			mask normal = m_or(v_ge(size, v_set(REAL_MIN)), v_isnan(v));

			count(&counts.zeros, zero);
			count(&counts.nan, v_isnan(v));
			count(&counts.pos_inf, v_eq(v, INFINITE));
			count(&counts.neg_inf, v_eq(v, -INFINITE));
			count(&counts.subnormals, m_andnot(m_andnot(there, normal), zero));
			count(&counts.saturated, m_and(there, m_or(v_le(v, low), v_ge(v, high))));
			/* What is not there, or not finite, adds 0. */
			v = v_select(finite, v, v_set(shift));
			extremes_add(&extremes, r, v, size, v_eq(v, v_set(0)));
			moments_add_shifted(&moments, r, v, (double)shift);
		}
	}
	summary_write(out, n, &extremes, &moments, &counts);
	out->shift = (double)shift;
}

static void summarize(const void *data, int n, double low, double high, struct summary_block *out)
{
	const real *x = data;

	if (n == SUMMARY_BLOCK) {
		summarize_plain(x, out);
		if (is_plain(out, low, high))
			return;
	}
	summarize_careful(x, n, v_set((real)low), v_set((real)high), out);
}

/* ---- Rows ----------------------------------------------------------------- */

/* The first place of the largest score, which is there. */
static int64_t place_of(const real *x, int64_t c, real max)
{
	int64_t k = 0;

	for (; k + LANES <= c; k += LANES)
		if (m_any(v_eq(v_load(x + k), v_set(max))))
			break;
	while (k < c && x[k] != max)
		k++;
	return k;
}

static void top(const void *row, int64_t c, struct row_top *out)
{
	const real *x = row;
	struct gmax most = gmax_init();
	struct acc sum = acc_zero();
	mask nan = m_none();

	for (int64_t k = 0; k < c; k += GROUP)
		UNROLL for (int r = 0; r < REGS; r++)
		{
			int64_t at = k + (int64_t)r * LANES;
			vec v = at < c ? v_load_n(x + at, (int)loss_min_i64(c - at, LANES),
						  (real)-INFINITY)
				       : v_set((real)-INFINITY);

			nan = m_or(nan, v_isnan(v));
			gmax_add(&most, r, v);
		}
	real max = gmax_result(&most);

	*out = (struct row_top){.index = -1, .max = (double)max};
	if (m_any(nan) || !isfinite(max))
		return;
	for (int64_t k = 0; k < c; k += GROUP)
		UNROLL for (int r = 0; r < REGS; r++)
		{
			int64_t at = k + (int64_t)r * LANES;
			vec v = at < c ? v_load_n(x + at, (int)loss_min_i64(c - at, LANES),
						  (real)-INFINITY)
				       : v_set((real)-INFINITY);

			acc_add(&sum, r, v_exp_neg(v - v_set(max)));
		}
	out->sum = acc_sum(&sum);
	out->index = place_of(x, c, max);
}

const struct diagnose_kernels LOSS_PASTE(diagnose, kernels, LOSS_ISA, LOSS_REAL) = {
	.summarize = summarize,
	.top = top,
};
