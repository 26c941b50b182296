/*
 * Elementary functions of a vec, in float32 and float64.
 *
 * The bound beside each function is the largest error in ULP of the exact
 * result, over every argument in float32 and over the sample of `make ulp` in
 * float64.  Arguments and results may be denormal; NaN, infinities and -0 do
 * what they do in C.  A lane has the same bits on every ISA.
 *
 * All lanes take one path, and what the path gets wrong (zeros, infinities,
 * negatives of a logarithm) is replaced at its end.  Where that costs much and
 * is rare, a branch is taken if any lane needs it, with the same bits for the
 * others.
 *
 * The coefficients are those tests/minimax.py prints under the name given.
 */
#ifndef LOSS_SIMD_MATH_H
#define LOSS_SIMD_MATH_H

#include "vec.h"

/* A function of the vocabulary: inline in hot loops, or a call where the loop
 * around it is long and the code would be many times as large. */
#if SIMD_SSE2 || defined(MATH_OUT_OF_LINE)
#define MATH static __attribute__((noinline, unused))
#else
#define MATH INLINE
#endif

/* ---- Constants of the dtype ----------------------------------------------- */

#if LOSS_REAL == 32

#define MANTISSA_BITS 23
#define EXPONENT_BIAS 127
#define REAL_MIN      0x1p-126f /* the smallest normal number */
#define ROUNDER       0x1.8p23f /* adding it rounds to an integer, held in the low bits */

#define LOG2_E         0x1.715476p+0f
#define LN2            0x1.62e430p-1f
#define LN2_LOW        (-0x1.05c610p-29f) /* LN2 + LN2_LOW = ln 2 */
#define PI_2           0x1.921fb6p+0f
#define PI_2_LOW       (-0x1.777a5cp-25f)
#define TWO_THIRDS     0x1.555556p-1f
#define TWO_THIRDS_LOW (-0x1.555556p-26f)

#define EXP_LOW       (-104.0f) /* exp of anything less is 0 */
#define EXP_HIGH      89.0f     /* exp of anything more is inf */
#define EXP_NEG_SHIFT 64        /* -EXP_LOW / ln 2 - 126 at least */
#define EXPM1_LOW     (-20.0f)  /* expm1 of anything less is -1 */

/* 1, 1, then minimax exp: exp(r), |r| <= ln 2 / 2 */
static const real EXP_COEFS[] = {
	1, 1, 0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558f2p-5f, 0x1.1239d4p-7f, 0x1.6a2446p-10f,
};

/* minimax expm1: (exp(r) - 1 - r) / r^2, |r| <= 1/2 */
static const real EXPM1_COEFS[] = {
	0x1.000002p-1f, 0x1.555552p-3f,  0x1.555298p-5f,
	0x1.111320p-7f, 0x1.6ee6c0p-10f, 0x1.a047d4p-13f,
};

/* minimax atanh: (log((1 + s) / (1 - s)) - 2 s) / s^3 in s^2, |s| <= 1/5 */
static const real ATANH_COEFS[] = {0x1.5555b4p-1f, 0x1.992b44p-2f, 0x1.36e076p-2f};

/* minimax atanh_unit: the same, s <= 1/3 */
static const real ATANH_UNIT_COEFS[] = {
	0x1.555502p-1f,
	0x1.99d208p-2f,
	0x1.1ebd0ep-2f,
	0x1.1ed7bcp-2f,
};

/* minimax log_pair: ((log((1 + s) / (1 - s)) - 2 s) / s^3 - 2/3) / s^2 in s^2, |s| <= 1/5 */
static const real LOG_PAIR_COEFS[] = {0x1.999a9ep-2f, 0x1.241aap-2f, 0x1.e8da6ep-3f};

/* minimax atan: (atan(t) - t) / t^3 in t^2, |t| <= tan(pi / 8) */
static const real ATAN_COEFS[] = {
	-0x1.55554ap-2f, 0x1.999196p-3f, -0x1.23b522p-3f, 0x1.b1ec32p-4f, -0x1.f1ed94p-5f,
};

#else

#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023
#define REAL_MIN      0x1p-1022
#define ROUNDER       0x1.8p52

#define LOG2_E         0x1.71547652b82fep+0
#define LN2            0x1.62e42fefa39efp-1
#define LN2_LOW        0x1.abc9e3b39803fp-56
#define PI_2           0x1.921fb54442d18p+0
#define PI_2_LOW       0x1.1a62633145c07p-54
#define TWO_THIRDS     0x1.5555555555555p-1
#define TWO_THIRDS_LOW 0x1.5555555555555p-55

#define EXP_LOW       (-746.0)
#define EXP_HIGH      710.0
#define EXP_NEG_SHIFT 512
#define EXPM1_LOW     (-40.0)

static const real EXP_COEFS[] = {
	1,
	1,
	0x1.000000000000ap-1,
	0x1.55555555554fap-3,
	0x1.555555555088bp-5,
	0x1.1111111127ba3p-7,
	0x1.6c16c18426b18p-10,
	0x1.a01a012a66f47p-13,
	0x1.a0199a1617552p-16,
	0x1.71df25405b688p-19,
	0x1.28ad696ba8173p-22,
	0x1.ad7f717facd90p-26,
};

static const real EXPM1_COEFS[] = {
	0x1.0000000000000p-1,  0x1.5555555555556p-3,  0x1.55555555555dcp-5,  0x1.1111111110f3fp-7,
	0x1.6c16c16bf43abp-10, 0x1.a01a01a094ff6p-13, 0x1.a01a021867c5cp-16, 0x1.71de397d3df33p-19,
	0x1.27e430d148d62p-22, 0x1.ae65790e69a22p-26, 0x1.20342a6dd7f39p-29, 0x1.612b2d31bc411p-33,
};

/* minimax atanh: (log((1 + s) / (1 - s)) - 2 s) / s^3 in s^2, |s| <= 1/5 */
static const real ATANH_COEFS[] = {
	0x1.5555555555773p-1, 0x1.99999998f1755p-2, 0x1.249249b1afd62p-2, 0x1.c71c01a7ce2c4p-3,
	0x1.7474d8aed2498p-3, 0x1.38539390846acp-3, 0x1.3ab8c03b25c59p-3,
};

static const real LOG_PAIR_COEFS[] = {
	0x1.9999999999968p-2, 0x1.2492492498cc8p-2, 0x1.c71c71bc81be9p-3, 0x1.745d1bbf92de6p-3,
	0x1.3b1299afb31bap-3, 0x1.1139f494e54a8p-3, 0x1.dad47e672fa85p-4, 0x1.01714bd66593cp-3,
};

static const real ATAN_COEFS[] = {
	-0x1.555555555553dp-2, 0x1.99999999957cdp-3, -0x1.24924922aa4c8p-3, 0x1.c71c70e50d672p-4,
	-0x1.745cf8c3576b6p-4, 0x1.3b11179308bb4p-4, -0x1.10eba8b029a96p-4, 0x1.df0e7ed0565ecp-5,
	-0x1.9ccf790cf29d5p-5, 0x1.37ce11b1c6da8p-5, -0x1.255b215f03d2fp-6,
};

#endif

#define REAL_INF R(INFINITY)
#define REAL_NAN R(NAN)

/* scale * (c[0] + c[1] x + ...) in Horner's order; c and n are constants. */
INLINE vec v_poly_scaled(vec x, const real *c, int n, real scale)
{
	vec y = v_set(c[n - 1] * scale);
	UNROLL for (int i = n - 2; i >= 0; i--) y = v_fma(y, x, v_set(c[i] * scale));
	return y;
}

#define V_POLY_SCALED(x, c, scale) v_poly_scaled(x, c, (int)(sizeof(c) / sizeof((c)[0])), scale)
#define V_POLY(x, c)               V_POLY_SCALED(x, c, R(1))

/* -|x| */
INLINE vec v_neg_abs(vec x)
{
	return v_from_bits(v_bits(x) | v_set_int(REAL_SIGN_BIT));
}

/* ---- exp ------------------------------------------------------------------ */

/* x = n ln 2 + r, |r| <= ln 2 / 2; the low bits of `rounded` hold n + bias. */
struct v_reduced {
	vec n, r;
	ivec rounded;
};

INLINE struct v_reduced v_reduce_rounded(vec x, vec rounded, real bias)
{
	const vec n = rounded - v_set(ROUNDER + bias);
	/* The first step is exact: r is a multiple of the last bit of LN2 or of x. */
	const vec r = v_fma(n, v_set(-LN2_LOW), v_fma(n, v_set(-LN2), x));
	return (struct v_reduced){.n = n, .r = r, .rounded = v_bits(rounded)};
}

INLINE struct v_reduced v_reduce(vec x, real bias)
{
	return v_reduce_rounded(x, v_fma(x, v_set(LOG2_E), v_set(ROUNDER + bias)), bias);
}

/* 2^k of an exponent k that is biased, in the low bits of an integer. */
INLINE vec v_exponent(ivec biased)
{
	return v_from_bits(v_shift_left(biased, MANTISSA_BITS));
}

/* For v_scale, which halves the exponent before it goes into place. */
#define SCALE_BIAS R(2 * EXPONENT_BIAS)

/* 2^n p, rounded once. In two factors, for 2^n itself may be out of range. */
INLINE vec v_scale(vec p, struct v_reduced x)
{
#if SIMD_AVX512
	return (vec)BY_REAL(_mm512_scalef_ps((__m512)p, (__m512)x.n),
			    _mm512_scalef_pd((__m512d)p, (__m512d)x.n));
#else
	const ivec half = v_shift_right(x.rounded, 1);
	return p * v_exponent(half) * v_exponent(v_sub_bits(x.rounded, half));
#endif
}

/* exp(x), 1 ULP. */
MATH vec v_exp(vec x)
{
	const vec bounded = v_max(v_set(EXP_LOW), v_min(v_set(EXP_HIGH), x));
	const struct v_reduced e = v_reduce(bounded, SCALE_BIAS);
	return v_scale(V_POLY(e.r, EXP_COEFS), e);
}

/*
 * exp(x) of x <= 0 or NaN, 1 ULP; the bits of v_exp, for less.  2^n goes up by
 * EXP_NEG_SHIFT, so that it is always normal, and the polynomial down by it.
 *
 * Three steps, each a chain of operations that wait for one another.  A loop that takes
 * different steps of different x side by side has always something to do.
 */
INLINE struct v_reduced v_exp_neg_reduce(vec x)
{
	return v_reduce(v_max(v_set(EXP_LOW), x), R(EXPONENT_BIAS + EXP_NEG_SHIFT));
}

/* exp(r) and n, before they meet. */
struct v_exp_parts {
	vec p;
	ivec rounded;
};

INLINE struct v_exp_parts v_exp_neg_poly(struct v_reduced x)
{
	const real down = R(BY_REAL(0x1p-64f, 0x1p-512));
	return (struct v_exp_parts){.p = V_POLY_SCALED(x.r, EXP_COEFS, down), .rounded = x.rounded};
}

INLINE vec v_exp_neg_join(struct v_exp_parts e)
{
	return e.p * v_exponent(e.rounded);
}

INLINE vec v_exp_neg(vec x)
{
	return v_exp_neg_join(v_exp_neg_poly(v_exp_neg_reduce(x)));
}

/* exp(-|x|) */
INLINE vec v_exp_neg_abs(vec x)
{
	return v_exp_neg(v_neg_abs(x));
}

/* v_exp_neg of n x at once, 4 at most, step by step. */
INLINE void v_exp_neg_each(vec *x, int n)
{
	struct v_reduced reduced[4];
	struct v_exp_parts e[4];

	UNROLL for (int k = 0; k < n; k++) reduced[k] = v_exp_neg_reduce(x[k]);
	UNROLL for (int k = 0; k < n; k++) e[k] = v_exp_neg_poly(reduced[k]);
	UNROLL for (int k = 0; k < n; k++) x[k] = v_exp_neg_join(e[k]);
}

/* ---- expm1 ---------------------------------------------------------------- */

/*
 * n and r as above but n = 0 for all |x| < 1/2: near 0 the result is expm1(r)
 * itself, and farther out 2^n - 1 dominates the rounding errors of 2^n expm1(r).
 */
INLINE struct v_reduced v_expm1_reduce(vec x, real bias)
{
	const vec rounder = v_set(ROUNDER + bias);
	const vec rounded = v_fma(x, v_set(LOG2_E), rounder);
	const mask near_0 = v_lt(v_abs(x), v_set(R(0.5)));
	return v_reduce_rounded(x, v_select(near_0, rounder, rounded), bias);
}

/* expm1(r) of |r| <= 1/2. */
INLINE vec v_expm1_poly(vec r)
{
	return v_fma(r * r, V_POLY(r, EXPM1_COEFS), r);
}

/* exp(x) - 1, 1.5 ULP. */
MATH vec v_expm1(vec x)
{
	const vec bounded = v_max(v_set(EXPM1_LOW), v_min(v_set(EXP_HIGH), x));
	const struct v_reduced e = v_expm1_reduce(bounded, R(EXPONENT_BIAS - 1));
	/* Half of everything, since 2^n is out of range for the largest n. */
	const vec half_scale = v_exponent(e.rounded);
	const vec half = v_fma(half_scale, v_expm1_poly(e.r), half_scale - v_set(R(0.5)));
	/* Halves of the smallest numbers lose a bit; -0 loses its sign. */
	const mask tiny = v_lt(v_abs(x), v_set(4 * REAL_MIN));
	return v_select(tiny, x, half + half);
}

/* ---- log ------------------------------------------------------------------ */

/* 2/3 <= mantissa < 4/3, so that no cancellation happens near 1. */
#define MANTISSA_LOW R(BY_REAL(0x1.555556p-1f, 0x1.5555555555555p-1))

/* x = 2^k m, for a normal x > 0; exponent is that of 2^k, biased and in place. */
struct v_split {
	ivec exponent;
	vec m;
};

INLINE struct v_split v_split(vec x)
{
	const ivec one = v_bits(v_set(R(1)));
	const ivec up = v_sub_bits(one, v_bits(v_set(MANTISSA_LOW)));
	const ivec exponent = v_add_bits(v_bits(x), up) & v_bits(v_set(REAL_INF));
	const ivec m = v_sub_bits(v_bits(x), v_sub_bits(exponent, one));
	return (struct v_split){.exponent = exponent, .m = v_from_bits(m)};
}

/* The biased exponent as a number. */
INLINE vec v_split_exponent(struct v_split s)
{
	const ivec biased = v_shift_right(s.exponent, MANTISSA_BITS);
#if LOSS_REAL == 32
	return v_from_int(biased);
#else
	const vec magic = v_set(0x1p52);
	return v_from_bits(biased | v_bits(magic)) - magic;
#endif
}

/* k ln 2 + log(1 + f), |f| <= 1/3. */
MATH vec v_log_sum(vec k, vec f)
{
	/* log(1 + f) = 2 atanh(s), arranged so that f, which is exact, is added last. */
	const vec s = f / (f + v_set(2));
	const vec z = s * s;
#if LOSS_REAL == 32
	return v_fma(k, v_set(LN2), v_fma(s, v_fma(z, V_POLY(z, ATANH_COEFS), -f), f));
#else
	const vec half = v_set(0.5) * f * f;
	const vec tail = v_fma(s, v_fma(z, V_POLY(z, ATANH_COEFS), half), -half);
	return v_fma(k, v_set(LN2), f + v_fma(k, v_set(LN2_LOW), tail));
#endif
}

/* k and f = m - 1 of any x > 0, denormal ones too. */
struct v_log_args {
	vec k, f;
};

INLINE struct v_log_args v_log_args(vec x)
{
	const mask denormal = v_lt(x, v_set(REAL_MIN));
	const vec up = v_set(R(BY_REAL(0x1p24f, 0x1p54)));
	const struct v_split s = v_split(v_select(denormal, x * up, x));
	const vec bias = v_select(denormal, v_set(R(EXPONENT_BIAS + BY_REAL(24, 54))),
				  v_set(R(EXPONENT_BIAS)));
	return (struct v_log_args){
		.k = v_split_exponent(s) - bias,
		.f = s.m - v_set(R(1)),
	};
}

/* The logarithm of an x with no logarithm of its own: 0, < 0, +inf and NaN. */
INLINE vec v_log_special(vec x)
{
	return v_select(v_lt(x, v_set(0)), v_set(REAL_NAN),
			v_select(v_eq(x, v_set(0)), v_set(-REAL_INF), x));
}

/* Finite and > 0. */
INLINE mask v_log_is_plain(vec x)
{
	return m_and(v_gt(x, v_set(0)), v_lt(x, v_set(REAL_INF)));
}

/* log(u + lost) of a normal u, 0 < u <= 2, and a lost beyond its last bit; the
 * bits of v_log and v_log1p. */
INLINE vec v_log_plain(vec u, vec lost)
{
	const ivec one = v_bits(v_set(R(1)));
	const struct v_split s = v_split(u);
	const vec k = v_split_exponent(s) - v_set(R(EXPONENT_BIAS));
	const vec down = v_from_bits(v_sub_bits(v_add_bits(one, one), s.exponent)); /* 2^-k */
	return v_log_sum(k, (s.m - v_set(R(1))) + lost * down);
}

/* Out of line: log of anything. */
static __attribute__((noinline, unused)) vec v_log_any(vec x)
{
	const struct v_log_args a = v_log_args(x);
	return v_select(v_log_is_plain(x), v_log_sum(a.k, a.f), v_log_special(x));
}

/* log(x), 1 ULP. */
MATH vec v_log(vec x)
{
	const mask normal = m_and(v_ge(x, v_set(REAL_MIN)), v_lt(x, v_set(REAL_INF)));
	if (__builtin_expect(!m_all(normal), 0))
		return v_log_any(x);
	const struct v_split s = v_split(x);
	return v_log_sum(v_split_exponent(s) - v_set(R(EXPONENT_BIAS)), s.m - v_set(R(1)));
}

/* log(1 + x), 1.6 ULP. */
MATH vec v_log1p(vec x)
{
	const vec one = v_set(R(1));
	const vec u = one + x;
	/* 1 + x = u + lost exactly (but for huge x, where it does not matter). */
	const vec lost = x - (u - one);
	const struct v_split s = v_split(u);
	const vec k = v_split_exponent(s) - v_set(R(EXPONENT_BIAS));
	const ivec twice_bias = v_add_bits(v_bits(one), v_bits(one));
	const vec down = v_from_bits(v_sub_bits(twice_bias, s.exponent)); /* 2^-k */
	const vec f = (s.m - one) + v_and(v_lt(x, v_set(R(0x1p100))), lost * down);
	const mask plain = m_and(v_log_is_plain(u), v_ne(x, v_set(0)));
	const vec special = v_select(v_eq(x, v_set(0)), x, v_log_special(u));
	return v_select(plain, v_log_sum(k, f), special);
}

/* ---- Sigmoid and its relatives -------------------------------------------- */

/* 1 / (1 + exp(-x)), 2.5 ULP, also where it is denormal. */
MATH vec v_sigmoid(vec x)
{
	const vec one = v_set(R(1));
	const vec e = v_exp_neg_abs(x);
	return v_select(v_lt(x, v_set(0)), e, one) / (one + e);
}

/* exp(x) and exp(x) - 1. */
struct v_exps {
	vec exp, expm1;
};

/* Of x <= 0; no less than at EXPM1_LOW, where exp(x) - 1 is -1. */
INLINE struct v_exps v_exps_neg(vec x)
{
	const struct v_reduced e = v_expm1_reduce(v_max(v_set(EXPM1_LOW), x), R(EXPONENT_BIAS));
	const vec scale = v_exponent(e.rounded), p = v_expm1_poly(e.r);

	return (struct v_exps){
		.exp = v_fma(scale, p, scale),
		.expm1 = v_fma(scale, p, scale - v_set(R(1))),
	};
}

/* tanh(x), where e is v_exps_neg(-2 |x|). */
INLINE vec v_tanh_of_exps(vec x, struct v_exps e)
{
	/* -expm1 / (expm1 + 2), or above 1/2, where that would magnify the error of
	 * expm1, 1 - 2 exp / (expm1 + 2). */
	const mask high = v_gt(v_abs(x), v_set(R(0.55)));
	const vec ratio = v_select(high, e.exp + e.exp, -e.expm1) / (e.expm1 + v_set(R(2)));
	return v_copysign(v_select(high, v_set(R(1)) - ratio, ratio), x);
}

/* tanh(x), 2.5 ULP. */
MATH vec v_tanh(vec x)
{
	return v_tanh_of_exps(x, v_exps_neg(v_set(R(-2)) * v_abs(x)));
}

/* log(1 + e) of 0 <= e <= 1. */
INLINE vec v_log1p_unit(vec e)
{
#if LOSS_REAL == 32
	const vec s = e / (e + v_set(2));
	const vec z = s * s;
	return v_fma(s, v_fma(z, V_POLY(z, ATANH_UNIT_COEFS), -e), e);
#else
	/* 1 + e = 2^k (1 + f) with f = e or (e - 1) / 2: the sum is never rounded. */
	const vec one = v_set(R(1));
	const mask high = v_gt(e, v_set(R(1.0 / 3)));
	const vec f = v_select(high, v_set(R(0.5)) * (e - one), e);
	return v_log_sum(v_and(high, one), f);
#endif
}

/* log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)), 2.2 ULP. */
MATH vec v_softplus(vec x)
{
	return v_max(v_set(0), x) + v_log1p_unit(v_exp_neg_abs(x));
}

/* log(sigmoid(x)) = -softplus(-x), 2.2 ULP. */
MATH vec v_logsigmoid(vec x)
{
	return v_neg(v_softplus(v_neg(x)));
}

/* ---- Powers --------------------------------------------------------------- */

/* A number in two parts: high is the sum rounded, low what that lost. */
struct v_pair {
	vec high, low;
};

/* Exact if |a| >= |b| or a = 0. */
INLINE struct v_pair v_pair_sum(vec a, vec b)
{
	const vec high = a + b;
	return (struct v_pair){.high = high, .low = b - (high - a)};
}

/* The same of any two (Knuth). */
INLINE struct v_pair v_pair_sum_any(vec a, vec b)
{
	const vec high = a + b, of_b = high - a;
	return (struct v_pair){.high = high, .low = (a - (high - of_b)) + (b - of_b)};
}

/* Exact. */
INLINE struct v_pair v_pair_product(vec a, vec b)
{
	const vec high = a * b;
	return (struct v_pair){.high = high, .low = v_fma(a, b, -high)};
}

/* s = f / (2 + f) of |f| <= 1/3. */
INLINE struct v_pair v_atanh_argument(vec f)
{
	const struct v_pair d = v_pair_sum(v_set(R(2)), f);
	const vec reciprocal = v_set(R(1)) / d.high;
	const vec s = f * reciprocal;
	const vec rest = v_fma(-s, d.low, v_fma(-s, d.high, f));
	return (struct v_pair){.high = s, .low = reciprocal * rest};
}

/* 2 atanh(s) - 2 s = s^3 (2/3 + s^2 P(s^2)), with nearly all bits of the first term. */
INLINE struct v_pair v_atanh_tail(struct v_pair s)
{
	const vec thirds = v_set(TWO_THIRDS), thirds_low = v_set(TWO_THIRDS_LOW);
	const struct v_pair square = v_pair_product(s.high, s.high);
	const struct v_pair cube = v_pair_product(square.high, s.high);
	const vec square_low = v_fma(s.high + s.high, s.low, square.low);
	const vec cube_low = v_fma(square.high, s.low, v_fma(square_low, s.high, cube.low));
	const struct v_pair first = v_pair_product(cube.high, thirds);
	const vec behind = v_fma(square.high, V_POLY(square.high, LOG_PAIR_COEFS), thirds_low);
	return (struct v_pair){
		.high = first.high,
		.low = v_fma(cube.high, behind, v_fma(cube_low, thirds, first.low)),
	};
}

/* log(x) of a finite x > 0, with as many bits again in the low part. */
MATH struct v_pair v_log_pair(vec x)
{
	const struct v_log_args a = v_log_args(x);
	const struct v_pair s = v_atanh_argument(a.f);
	const struct v_pair tail = v_atanh_tail(s);
	const struct v_pair k = v_pair_product(a.k, v_set(LN2));
	/* From large to small. */
	const struct v_pair with_s = v_pair_sum(k.high, s.high + s.high);
	const struct v_pair with_tail = v_pair_sum(with_s.high, tail.high);
	const vec low = v_fma(a.k, v_set(LN2_LOW), k.low) + (s.low + s.low) + tail.low;
	return v_pair_sum(with_tail.high, with_tail.low + (with_s.low + low));
}

/*
 * x^y of x >= 0, 1.5 ULP in float32 and 3 in float64.  As C's pow: 1 if y is 0 or x is 1 even with
 * a NaN, 0^y is 0 or inf; a negative x gives NaN, -0 counts as 0.
 */
static __attribute__((noinline, unused)) vec v_pow_pos(vec x, vec y)
{
	const struct v_pair l = v_log_pair(x);
	const vec log_x = v_select(v_log_is_plain(x), l.high, v_log_special(x));
	const struct v_pair z = v_pair_product(y, log_x);
	/* Out of range the low part may be NaN, and changes nothing. */
	const mask in_range = v_lt(v_abs(z.high), v_set(R(-2 * EXP_LOW)));
	const vec bounded = v_max(v_set(EXP_LOW), v_min(v_set(EXP_HIGH), z.high));
	struct v_reduced e = v_reduce(bounded, SCALE_BIAS);
	e.r += v_and(in_range, v_fma(y, l.low, z.low));
	const vec power = v_scale(V_POLY(e.r, EXP_COEFS), e);
	const mask is_1 = m_or(v_eq(y, v_set(0)), v_eq(x, v_set(R(1))));
	return v_select(is_1, v_set(R(1)), power);
}

/* ---- atan ----------------------------------------------------------------- */

#define TAN_PI_8  R(0.41421356237309504880)
#define TAN_3PI_8 R(2.41421356237309504880)

/* atan(x), 2 ULP: of (a - 1) / (a + 1) + pi/4 or -1 / a + pi/2 for larger a = |x|. */
MATH vec v_atan(vec x)
{
	const vec one = v_set(R(1));
	const vec a = v_abs(x);
	const mask above_1 = v_gt(a, v_set(TAN_PI_8));
	const mask above_2 = v_gt(a, v_set(TAN_3PI_8));
	const vec above = v_select(above_2, -one, a - one) / v_select(above_2, a, a + one);
	const vec t = v_select(above_1, above, a);
	const vec quarters = v_select(above_2, one, v_and(above_1, v_set(R(0.5))));
	const vec z = t * t;
	const vec tail = v_fma(z * t, V_POLY(z, ATAN_COEFS), quarters * v_set(PI_2_LOW));
	return v_copysign(v_fma(quarters, v_set(PI_2), t + tail), x);
}

/* ---- One number ----------------------------------------------------------- */

/* The bits of a lane, for the few numbers that stand alone. */
#define SCALAR_OF(name)                                                                            \
	INLINE real s_##name(real x)                                                               \
	{                                                                                          \
		return v_##name(v_set(x))[0];                                                      \
	}

SCALAR_OF(exp)
SCALAR_OF(expm1)
SCALAR_OF(log)
SCALAR_OF(log1p)
SCALAR_OF(sigmoid)
SCALAR_OF(tanh)
SCALAR_OF(softplus)
SCALAR_OF(logsigmoid)
SCALAR_OF(atan)

#undef SCALAR_OF

INLINE real s_pow_pos(real x, real y)
{
	return v_pow_pos(v_set(x), v_set(y))[0];
}

#endif
