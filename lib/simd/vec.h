/*
 * The vocabulary of the losses: vectors of one dtype, on every CPU.
 *
 * A file that includes this is compiled once per dtype (LOSS_REAL is 32 or 64)
 * and once per ISA (-march), with -O3 -ffp-contract=off.  A `vec` is the widest
 * native vector of that ISA; +, -, *, / and unary - work on it as they are.
 * Each operation is exact or correctly rounded per lane, so a lane has the same
 * bits on every ISA (a NaN is a NaN: its sign and payload are not promised).
 *
 * What depends on the number of lanes would not have the same bits, so sums and
 * maxima are kept per GROUP, which is 16 float32 or 8 float64 lanes everywhere:
 * REGS vecs of LANES lanes make one group.  The pattern is
 *
 *     struct acc sum = acc_zero();
 *     for (i = 0; i + GROUP <= n; i += GROUP)
 *             UNROLL for (int r = 0; r < REGS; r++)
 *                     acc_add(&sum, r, v_load(x + i + r * LANES));
 *     double total = acc_sum(&sum);
 *
 * where r is a constant after unrolling, and the accumulators stay in registers.
 */
#ifndef LOSS_SIMD_VEC_H
#define LOSS_SIMD_VEC_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined __SSE2__
#include <immintrin.h>
#elif defined __aarch64__
#include <arm_neon.h>
#endif

#ifndef LOSS_REAL
#error "compile with -DLOSS_REAL=32 or -DLOSS_REAL=64"
#endif

#define INLINE static inline __attribute__((always_inline, unused))

/* Before a loop of constant length whose index must become a constant. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif

/* ---- Types ---------------------------------------------------------------- */

#if defined __AVX512F__ && defined __AVX512DQ__
#define SIMD_AVX512 1
#define VEC_BYTES   64
#elif defined __AVX2__ && defined __FMA__
#define SIMD_AVX2 1
#define VEC_BYTES 32
#else
#define VEC_BYTES 16
#if defined __SSE2__
#define SIMD_SSE2 1
#elif defined __aarch64__
#define SIMD_NEON 1
#endif
#endif

#if LOSS_REAL == 32
typedef float real;
typedef int32_t real_int;
typedef uint32_t real_uint;
#else
typedef double real;
typedef int64_t real_int;
typedef uint64_t real_uint;
#endif

#define LANES (VEC_BYTES / (LOSS_REAL / 8))
#define GROUP (64 / (LOSS_REAL / 8))
#define REGS  (GROUP / LANES)

/* A constant in the dtype. */
#define R(x) ((real)(x))

typedef real vec __attribute__((vector_size(VEC_BYTES)));
typedef real_int ivec __attribute__((vector_size(VEC_BYTES)));
typedef real_uint uvec __attribute__((vector_size(VEC_BYTES)));
typedef double dvec __attribute__((vector_size(VEC_BYTES)));

/* The result of a comparison: each lane 0 or -1 (all bits). */
typedef ivec mask;

/* Chooses the intrinsic of the dtype: BY_REAL(_mm256_sqrt_ps, _mm256_sqrt_pd). */
#if LOSS_REAL == 32
#define BY_REAL(f32, f64) f32
#else
#define BY_REAL(f32, f64) f64
#endif

/* ---- Set, load, store ----------------------------------------------------- */

INLINE vec v_set(real x)
{
	vec v;
	UNROLL for (int i = 0; i < LANES; i++) v[i] = x;
	return v;
}

INLINE ivec v_set_int(real_int x)
{
	ivec v;
	UNROLL for (int i = 0; i < LANES; i++) v[i] = x;
	return v;
}

/* The indices 0, 1, 2, ... of the lanes. */
INLINE ivec v_lane_index(void)
{
	ivec v;
	UNROLL for (int i = 0; i < LANES; i++) v[i] = i;
	return v;
}

/* No alignment is asked for beyond that of a real. */
INLINE vec v_load(const real *p)
{
	vec v;
	memcpy(&v, p, sizeof(v));
	return v;
}

INLINE void v_store(real *p, vec v)
{
	memcpy(p, &v, sizeof(v));
}

/* ---- Bits ----------------------------------------------------------------- */

INLINE ivec v_bits(vec x)
{
	return (ivec)x;
}

INLINE vec v_from_bits(ivec x)
{
	return (vec)x;
}

/* Shifts all lanes, zeros coming in at either end. */
INLINE ivec v_shift_left(ivec x, int bits)
{
	return (ivec)((uvec)x << bits);
}

INLINE ivec v_shift_right(ivec x, int bits)
{
	return (ivec)((uvec)x >> bits);
}

#define REAL_SIGN_BIT ((real_int)((real_uint)1 << (LOSS_REAL - 1)))

INLINE vec v_abs(vec x)
{
	return (vec)((ivec)x & v_set_int(~REAL_SIGN_BIT));
}

INLINE vec v_neg(vec x)
{
	return (vec)((ivec)x ^ v_set_int(REAL_SIGN_BIT));
}

/* The magnitude of x with the sign of s. */
INLINE vec v_copysign(vec x, vec s)
{
	const ivec sign = v_set_int(REAL_SIGN_BIT);
	return (vec)(((ivec)x & ~sign) | ((ivec)s & sign));
}

/* ---- Comparisons and masks ------------------------------------------------ */

/* Ordered as in C: with a NaN only v_ne is true. */
INLINE mask v_lt(vec a, vec b)
{
	return a < b;
}

INLINE mask v_le(vec a, vec b)
{
	return a <= b;
}

INLINE mask v_gt(vec a, vec b)
{
	return a > b;
}

INLINE mask v_ge(vec a, vec b)
{
	return a >= b;
}

INLINE mask v_eq(vec a, vec b)
{
	return a == b;
}

INLINE mask v_ne(vec a, vec b)
{
	return a != b;
}

INLINE mask v_isnan(vec x)
{
	return x != x;
}

INLINE mask v_isinf(vec x)
{
	return v_abs(x) == v_set((real)INFINITY);
}

INLINE mask v_isfinite(vec x)
{
	return v_abs(x) < v_set((real)INFINITY);
}

INLINE mask m_and(mask a, mask b)
{
	return a & b;
}

INLINE mask m_or(mask a, mask b)
{
	return a | b;
}

INLINE mask m_not(mask a)
{
	return ~a;
}

/* a and not b. */
INLINE mask m_andnot(mask a, mask b)
{
	return a & ~b;
}

/* The first n lanes on (n may be anything). */
INLINE mask m_first(int n)
{
	return v_lane_index() < v_set_int(n);
}

/* Lane i of the mask as bit i. */
INLINE unsigned m_bits(mask m)
{
#if SIMD_AVX512
	return (unsigned)BY_REAL(_mm512_movepi32_mask, _mm512_movepi64_mask)((__m512i)m);
#elif SIMD_AVX2
	return (unsigned)BY_REAL(_mm256_movemask_ps((__m256)m), _mm256_movemask_pd((__m256d)m));
#elif SIMD_SSE2
	return (unsigned)BY_REAL(_mm_movemask_ps((__m128)m), _mm_movemask_pd((__m128d)m));
#else
	unsigned bits = 0;
	UNROLL for (int i = 0; i < LANES; i++) bits |= ((unsigned)m[i] & 1u) << i;
	return bits;
#endif
}

INLINE bool m_any(mask m)
{
#if SIMD_NEON
	return vmaxvq_u32((uint32x4_t)m) != 0;
#else
	return m_bits(m) != 0;
#endif
}

INLINE bool m_all(mask m)
{
	return !m_any(~m);
}

/* a where the mask is on, b elsewhere.  Compilers turn this into a blend. */
INLINE vec v_select(mask m, vec a, vec b)
{
	return (vec)((m & (ivec)a) | (~m & (ivec)b));
}

/* x where the mask is on, +0 elsewhere. */
INLINE vec v_and(mask m, vec x)
{
	return (vec)(m & (ivec)x);
}

/* ---- Arithmetic ----------------------------------------------------------- */

/* a < b ? a : b, so b if either is a NaN. */
INLINE vec v_min(vec a, vec b)
{
#if SIMD_AVX512
	return (vec)BY_REAL(_mm512_min_ps((__m512)a, (__m512)b),
			    _mm512_min_pd((__m512d)a, (__m512d)b));
#elif SIMD_AVX2
	return (vec)BY_REAL(_mm256_min_ps((__m256)a, (__m256)b),
			    _mm256_min_pd((__m256d)a, (__m256d)b));
#elif SIMD_SSE2
	return (vec)BY_REAL(_mm_min_ps((__m128)a, (__m128)b), _mm_min_pd((__m128d)a, (__m128d)b));
#else
	return v_select(v_lt(a, b), a, b);
#endif
}

/* a > b ? a : b, so b if either is a NaN. */
INLINE vec v_max(vec a, vec b)
{
#if SIMD_AVX512
	return (vec)BY_REAL(_mm512_max_ps((__m512)a, (__m512)b),
			    _mm512_max_pd((__m512d)a, (__m512d)b));
#elif SIMD_AVX2
	return (vec)BY_REAL(_mm256_max_ps((__m256)a, (__m256)b),
			    _mm256_max_pd((__m256d)a, (__m256d)b));
#elif SIMD_SSE2
	return (vec)BY_REAL(_mm_max_ps((__m128)a, (__m128)b), _mm_max_pd((__m128d)a, (__m128d)b));
#else
	return v_select(v_gt(a, b), a, b);
#endif
}

/* Correctly rounded. */
INLINE vec v_sqrt(vec x)
{
#if SIMD_AVX512
	return (vec)BY_REAL(_mm512_sqrt_ps((__m512)x), _mm512_sqrt_pd((__m512d)x));
#elif SIMD_AVX2
	return (vec)BY_REAL(_mm256_sqrt_ps((__m256)x), _mm256_sqrt_pd((__m256d)x));
#elif SIMD_SSE2
	return (vec)BY_REAL(_mm_sqrt_ps((__m128)x), _mm_sqrt_pd((__m128d)x));
#elif SIMD_NEON
	return (vec)BY_REAL(vsqrtq_f32((float32x4_t)x), vsqrtq_f64((float64x2_t)x));
#else
	UNROLL for (int i = 0; i < LANES; i++) x[i] = BY_REAL(sqrtf, sqrt)(x[i]);
	return x;
#endif
}

#if SIMD_SSE2 && LOSS_REAL == 32

/*
 * a * b + c of two lanes, rounded to odd: exact, or else the neighbour whose
 * last bit is 1.  The product of two float32 is exact in float64.  Rounding an
 * odd-rounded float64 to float32 gives what rounding the exact sum once would,
 * since 53 bits are two more than float32 needs (Boldo and Melquiond, 2008).
 */
INLINE __m128d simd_fma_to_odd(__m128d a, __m128d b, __m128d c)
{
	typedef long long i64x2 __attribute__((vector_size(16)));
	typedef unsigned long long u64x2 __attribute__((vector_size(16)));
	const __m128d p = a * b;
	const __m128d s = p + c;
	/* What the sum lost: Knuth's two-sum; NaN if s is not finite. */
	const __m128d t = s - p;
	const __m128d lost = (p - (s - t)) + (c - t);
	const i64x2 inexact = (lost < _mm_setzero_pd()) | (lost > _mm_setzero_pd());
	const i64x2 even = ((i64x2)s & 1) - 1;
	/* One step away from zero if the lost part has the sign of s, else towards it. */
	const i64x2 step = 1 - (i64x2)(((u64x2)s ^ (u64x2)lost) >> 62 & 2);
	return (__m128d)((i64x2)s + (step & inexact & even));
}

#endif

/* a * b + c with one rounding. */
INLINE vec v_fma(vec a, vec b, vec c)
{
#if SIMD_AVX512
	return (vec)BY_REAL(_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c),
			    _mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c));
#elif SIMD_AVX2
	return (vec)BY_REAL(_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c),
			    _mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c));
#elif SIMD_NEON
	return (vec)BY_REAL(vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b),
			    vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b));
#elif SIMD_SSE2 && LOSS_REAL == 32
	const __m128d lo = simd_fma_to_odd(_mm_cvtps_pd(a), _mm_cvtps_pd(b), _mm_cvtps_pd(c));
	const __m128d hi = simd_fma_to_odd(_mm_cvtps_pd(_mm_movehl_ps(a, a)),
					   _mm_cvtps_pd(_mm_movehl_ps(b, b)),
					   _mm_cvtps_pd(_mm_movehl_ps(c, c)));
	return _mm_movelh_ps(_mm_cvtpd_ps(lo), _mm_cvtpd_ps(hi));
#else
	UNROLL for (int i = 0; i < LANES; i++) c[i] =
		BY_REAL(__builtin_fmaf, __builtin_fma)(a[i], b[i], c[i]);
	return c;
#endif
}

/* To the nearest integer, ties to even; the sign of zero is kept. */
INLINE vec v_round(vec x)
{
#if SIMD_AVX512
	return (vec)BY_REAL(_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT),
			    _mm512_roundscale_pd((__m512d)x, _MM_FROUND_TO_NEAREST_INT));
#elif SIMD_AVX2
	enum { NEAREST = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC };
	return (vec)BY_REAL(_mm256_round_ps((__m256)x, NEAREST),
			    _mm256_round_pd((__m256d)x, NEAREST));
#elif SIMD_NEON
	return (vec)BY_REAL(vrndnq_f32((float32x4_t)x), vrndnq_f64((float64x2_t)x));
#else
	const vec whole = v_set(BY_REAL(0x1p23f, 0x1p52));
	const vec a = v_abs(x);
	return v_select(a < whole, v_copysign((a + whole) - whole, x), x);
#endif
}

/*
 * Between integers and reals of the same width.  The value must be an integer
 * below 2^24 (float32) or 2^51 (float64) in magnitude; others give anything.
 */
INLINE vec v_from_int(ivec x)
{
#if LOSS_REAL == 32
	return __builtin_convertvector(x, vec);
#else
	const vec magic = v_set(0x1.8p52);
	return (vec)(x + (ivec)magic) - magic;
#endif
}

INLINE ivec v_to_int(vec x)
{
#if LOSS_REAL == 32
	return __builtin_convertvector(x, ivec);
#else
	const vec magic = v_set(0x1.8p52);
	return (ivec)(x + magic) - (ivec)magic;
#endif
}

/* ---- Tails ---------------------------------------------------------------- */

/* The first n elements, 0 <= n <= LANES, and fill behind them; reads no others. */
INLINE vec v_load_n(const real *p, int n, real fill)
{
#if SIMD_AVX512
	const unsigned on = (1u << n) - 1;
	return (vec)BY_REAL(_mm512_mask_loadu_ps((__m512)v_set(fill), (__mmask16)on, p),
			    _mm512_mask_loadu_pd((__m512d)v_set(fill), (__mmask8)on, p));
#elif SIMD_AVX2
	const mask on = m_first(n);
	return v_select(on, (vec)BY_REAL(_mm256_maskload_ps, _mm256_maskload_pd)(p, (__m256i)on),
			v_set(fill));
#else
	vec v = v_set(fill);
	UNROLL for (int i = 0; i < LANES; i++) if (i < n) v[i] = p[i];
	return v;
#endif
}

/* The first n lanes, 0 <= n <= LANES; writes nothing behind them. */
INLINE void v_store_n(real *p, vec v, int n)
{
#if SIMD_AVX512
	const unsigned on = (1u << n) - 1;
	BY_REAL(_mm512_mask_storeu_ps(p, (__mmask16)on, (__m512)v),
		_mm512_mask_storeu_pd(p, (__mmask8)on, (__m512d)v));
#elif SIMD_AVX2
	BY_REAL(_mm256_maskstore_ps(p, (__m256i)m_first(n), (__m256)v),
		_mm256_maskstore_pd(p, (__m256i)m_first(n), (__m256d)v));
#else
	UNROLL for (int i = 0; i < LANES; i++) if (i < n) p[i] = v[i];
#endif
}

/* ---- Sums of a group, in float64 ------------------------------------------ */

#define DVEC_LANES (VEC_BYTES / 8)
#define DVEC_REGS  (GROUP / DVEC_LANES) /* dvecs of one group */

/* Double k of the accumulator sums lane k of the groups. */
struct acc {
	dvec v[DVEC_REGS];
};

INLINE struct acc acc_zero(void)
{
	struct acc a;
	UNROLL for (int i = 0; i < DVEC_REGS; i++) a.v[i] = (dvec){0};
	return a;
}

#if LOSS_REAL == 32

/* The lower and the upper half of a vec in float64. */
INLINE dvec v_widen_low(vec x)
{
#if SIMD_AVX512
	return (dvec)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)x));
#elif SIMD_AVX2
	return (dvec)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)x));
#elif SIMD_SSE2
	return (dvec)_mm_cvtps_pd((__m128)x);
#elif SIMD_NEON
	return (dvec)vcvt_f64_f32(vget_low_f32((float32x4_t)x));
#else
	return (dvec){x[0], x[1]};
#endif
}

INLINE dvec v_widen_high(vec x)
{
#if SIMD_AVX512
	return (dvec)_mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)x, 1));
#elif SIMD_AVX2
	return (dvec)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)x, 1));
#elif SIMD_SSE2
	return (dvec)_mm_cvtps_pd(_mm_movehl_ps((__m128)x, (__m128)x));
#elif SIMD_NEON
	return (dvec)vcvt_high_f64_f32((float32x4_t)x);
#else
	return (dvec){x[2], x[3]};
#endif
}

/* Adds register r of a group. */
INLINE void acc_add(struct acc *a, int r, vec x)
{
	a->v[2 * r] += v_widen_low(x);
	a->v[2 * r + 1] += v_widen_high(x);
}

/* Adds the products x * y of register r, which are exact in float64. */
INLINE void acc_add_mul(struct acc *a, int r, vec x, vec y)
{
	a->v[2 * r] += v_widen_low(x) * v_widen_low(y);
	a->v[2 * r + 1] += v_widen_high(x) * v_widen_high(y);
}

#else

INLINE void acc_add(struct acc *a, int r, vec x)
{
	a->v[r] += x;
}

/* Adds the products x * y of register r, each rounded to float64 first. */
INLINE void acc_add_mul(struct acc *a, int r, vec x, vec y)
{
	a->v[r] += x * y;
}

#endif

/* The sum of the group: halves are added until one number is left. */
INLINE double acc_sum(const struct acc *a)
{
	struct acc t = *a;
	UNROLL for (int half = DVEC_REGS / 2; half > 0; half /= 2)
		UNROLL for (int i = 0; i < half; i++) t.v[i] += t.v[i + half];
	dvec s = t.v[0];
	UNROLL for (int half = DVEC_LANES / 2; half > 0; half /= 2)
		UNROLL for (int i = 0; i < half; i++) s[i] += s[i + half];
	return s[0];
}

/* ---- The maximum of a group ----------------------------------------------- */

/* Lane k is the largest number in lane k of the groups so far; NaNs are passed over. */
struct gmax {
	vec v[REGS];
};

INLINE struct gmax gmax_init(void)
{
	struct gmax g;
	UNROLL for (int r = 0; r < REGS; r++) g.v[r] = v_set((real)-INFINITY);
	return g;
}

INLINE void gmax_add(struct gmax *g, int r, vec x)
{
	g->v[r] = v_max(x, g->v[r]);
}

/* The largest number seen, -inf if there was none. */
INLINE real gmax_result(const struct gmax *g)
{
	struct gmax t = *g;
	UNROLL for (int half = REGS / 2; half > 0; half /= 2) UNROLL for (int i = 0; i < half; i++)
		t.v[i] = v_max(t.v[i], t.v[i + half]);
	vec m = t.v[0];
	UNROLL for (int half = LANES / 2; half > 0; half /= 2) UNROLL for (int i = 0; i < half; i++)
		m[i] = m[i] > m[i + half] ? m[i] : m[i + half];
	return m[0];
}

/* ---- Rows across lanes ---------------------------------------------------- */

/*
 * Short rows are worked on GROUP at a time, one row per lane: the tile holds
 * element j of all rows at tile[j * GROUP ...], lane = row.
 *
 * transpose_in fills a tile of c * GROUP reals from rows_n <= GROUP rows of c
 * reals, row_stride reals apart; lanes without a row become 0.
 */
INLINE void transpose_in(real *restrict tile, const real *restrict rows, int64_t row_stride,
			 int rows_n, int c)
{
	for (int j = 0; j < c; j++) {
		for (int i = 0; i < rows_n; i++)
			tile[j * GROUP + i] = rows[i * row_stride + j];
		for (int i = rows_n; i < GROUP; i++)
			tile[j * GROUP + i] = 0;
	}
}

/* The way back: writes rows_n * c reals and nothing between or behind the rows. */
INLINE void transpose_out(real *restrict rows, int64_t row_stride, const real *restrict tile,
			  int rows_n, int c)
{
	for (int i = 0; i < rows_n; i++)
		for (int j = 0; j < c; j++)
			rows[i * row_stride + j] = tile[j * GROUP + i];
}

#endif
