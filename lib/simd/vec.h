/*
 * The vocabulary of the losses: vectors of one dtype, on every CPU.
 *
 * A file that includes this is compiled once per dtype (LOSS_REAL is 32 or 64)
 * and once per ISA (-march), with -O2 -ffp-contract=off.  A `vec` is the widest
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

/* A vec is a row of 16-byte pieces; x86 shuffles best inside one. */
enum { PIECE = 16 / (int)sizeof(real), PIECES = LANES / PIECE };

typedef real piece __attribute__((vector_size(16)));

/* What depends on the dtype: BY_REAL(sqrtf, sqrt). */
#if LOSS_REAL == 32
#define BY_REAL(f32, f64) f32
#else
#define BY_REAL(f32, f64) f64
#endif

/* The result of a comparison: a bit for each lane where the CPU has registers
 * for that, else each lane 0 or -1 (all bits).  The functions below hide which. */
#if SIMD_AVX512
typedef BY_REAL(__mmask16, __mmask8) mask;
#else
typedef ivec mask;
#endif

/* An intrinsic of the widest vectors: X86(add_ps) is _mm256_add_ps where a vec has 32 bytes. */
#if SIMD_AVX512
#define X86(name) _mm512_##name
#elif SIMD_AVX2
#define X86(name) _mm256_##name
#elif SIMD_SSE2
#define X86(name) _mm_##name
#endif
#define X86_REAL(name) BY_REAL(X86(name##_ps), X86(name##_pd))

/* ---- Set, load, store ----------------------------------------------------- */

/* A scalar operand is spread over all lanes by one instruction; taking 0 off
 * changes nothing, not even the sign of -0. */
INLINE vec v_set(real x)
{
	return x - (vec){0};
}

INLINE ivec v_set_int(real_int x)
{
	return x - (ivec){0};
}

/* The indices 0, 1, 2, ... of the lanes. */
INLINE ivec v_lane_index(void)
{
	ivec v;
	UNROLL for (int i = 0; i < LANES; i++) v[i] = i;
	return v;
}

/* No alignment is asked for beyond that of a real.  They are accesses of reals:
 * a compiler knows that a store leaves integers, pointers and the other dtype be. */
typedef real unaligned_vec __attribute__((vector_size(VEC_BYTES), aligned(LOSS_REAL / 8)));

INLINE vec v_load(const real *p)
{
	return *(const unaligned_vec *)p;
}

INLINE void v_store(real *p, vec v)
{
	*(unaligned_vec *)p = v;
}

/* Past the caches, to an address of vec alignment: for results so many that
 * they would be gone from there before anybody reads them.  v_stream_end()
 * before another thread may. */
enum { STREAM_BYTES = 4 << 20 };
#ifdef X86
#if SIMD_SSE2
#define STREAM BY_REAL("movntps", "movntpd")
#else
#define STREAM BY_REAL("vmovntps", "vmovntpd")
#endif
#endif

INLINE void v_stream(real *p, vec v)
{
#ifdef X86
	/* Not the intrinsic: to a compiler it may write anywhere, so that what a
	 * loop reads of its parameters would be read, and converted, each time. */
	__asm__(STREAM " %1, %0" : "=m"(*(unaligned_vec *)p) : "v"(v));
#else
	v_store(p, v);
#endif
}

/* Whether n results at p are so many, and nothing is added to what is there. */
INLINE bool v_may_stream(const real *p, int64_t n, bool accumulate)
{
	return !accumulate && n >= STREAM_BYTES / (int)sizeof(real) &&
	       (uintptr_t)p % VEC_BYTES == 0;
}

INLINE void v_stream_end(void)
{
#ifdef X86
	_mm_sfence();
#endif
}

/* Ask for what will be read or written soon; any address will do. */
INLINE void prefetch(const real *p)
{
	__builtin_prefetch(p, 0, 2);
}

INLINE void prefetch_to_write(const real *p)
{
	__builtin_prefetch(p, 1, 2);
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

/* Wrap around, as bits of any number may (those of a NaN do). */
INLINE ivec v_add_bits(ivec a, ivec b)
{
	return (ivec)((uvec)a + (uvec)b);
}

INLINE ivec v_sub_bits(ivec a, ivec b)
{
	return (ivec)((uvec)a - (uvec)b);
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

/* x, or -x where the sign of s is set. */
INLINE vec v_flip_sign(vec x, vec s)
{
	return (vec)((ivec)x ^ ((ivec)s & v_set_int(REAL_SIGN_BIT)));
}

/* ---- Comparisons and masks ------------------------------------------------ */

#if SIMD_AVX512
#define COMPARE(name, a, operator, b, predicate)                                                   \
	BY_REAL(_mm512_cmp_ps_mask, _mm512_cmp_pd_mask)(a, b, predicate)
#elif SIMD_SSE2
/* gcc 12 has internal errors where it rewrites comparisons that it sees into. */
#define COMPARE(name, a, operator, b, predicate) ((mask)X86_REAL(cmp##name)(a, b))
#else
#define COMPARE(name, a, operator, b, predicate) ((a) operator(b))
#endif

/* Ordered as in C: with a NaN only v_ne is true. */
INLINE mask v_lt(vec a, vec b)
{
	return COMPARE(lt, a, <, b, _CMP_LT_OQ);
}

INLINE mask v_le(vec a, vec b)
{
	return COMPARE(le, a, <=, b, _CMP_LE_OQ);
}

INLINE mask v_gt(vec a, vec b)
{
	return COMPARE(gt, a, >, b, _CMP_GT_OQ);
}

INLINE mask v_ge(vec a, vec b)
{
	return COMPARE(ge, a, >=, b, _CMP_GE_OQ);
}

INLINE mask v_eq(vec a, vec b)
{
	return COMPARE(eq, a, ==, b, _CMP_EQ_OQ);
}

INLINE mask v_ne(vec a, vec b)
{
	return COMPARE(neq, a, !=, b, _CMP_NEQ_UQ);
}

INLINE mask v_eq_int(ivec a, ivec b)
{
#if SIMD_AVX512
	return BY_REAL(_mm512_cmpeq_epi32_mask, _mm512_cmpeq_epi64_mask)((__m512i)a, (__m512i)b);
#elif SIMD_SSE2 && LOSS_REAL == 64
	/* Both halves; gcc 12 fails on a == b. */
	const __m128i halves = _mm_cmpeq_epi32((__m128i)a, (__m128i)b);
	return (mask)_mm_and_si128(halves, _mm_shuffle_epi32(halves, 0xb1));
#else
	return a == b;
#endif
}

INLINE mask v_gt_int(ivec a, ivec b)
{
#if SIMD_AVX512
	return BY_REAL(_mm512_cmpgt_epi32_mask, _mm512_cmpgt_epi64_mask)((__m512i)a, (__m512i)b);
#else
	return a > b;
#endif
}

INLINE mask v_isnan(vec x)
{
	return v_ne(x, x);
}

INLINE mask v_isinf(vec x)
{
	return v_eq(v_abs(x), v_set((real)INFINITY));
}

INLINE mask v_isfinite(vec x)
{
	return v_lt(v_abs(x), v_set((real)INFINITY));
}

/* The sign bit: also of -0, and of a NaN whatever that is. */
INLINE mask v_is_signed(vec x)
{
#if SIMD_AVX512
	return BY_REAL(_mm512_movepi32_mask, _mm512_movepi64_mask)((__m512i)x);
#else
	return (ivec)x < (ivec){0};
#endif
}

INLINE mask m_none(void)
{
	return (mask){0};
}

INLINE mask m_and(mask a, mask b)
{
#if SIMD_SSE2
	/* gcc 12 fails to compile what it finds out about & and | of float64. */
	return (mask)_mm_and_pd((__m128d)a, (__m128d)b);
#else
	return (mask)(a & b);
#endif
}

INLINE mask m_or(mask a, mask b)
{
	return (mask)(a | b);
}

INLINE mask m_not(mask a)
{
	return (mask)~a;
}

/* a and not b. */
INLINE mask m_andnot(mask a, mask b)
{
	return (mask)(a & ~b);
}

/* The first n lanes on (n may be anything). */
INLINE mask m_first(int n)
{
#if SIMD_AVX512
	return (mask)(n <= 0 ? 0 : n >= LANES ? -1 : (1 << n) - 1);
#else
	return v_lane_index() < v_set_int(n);
#endif
}

/* Lane i of the mask as bit i. */
INLINE unsigned m_bits(mask m)
{
#if SIMD_AVX512
	return m;
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

/* How many lanes are on. In steps: not every CPU has an instruction for it, and
 * no function of the compiler's library is wanted; there are 16 lanes at most. */
INLINE int m_count(mask m)
{
	unsigned bits = m_bits(m);
	bits = (bits & 0x5555u) + (bits >> 1 & 0x5555u);
	bits = (bits & 0x3333u) + (bits >> 2 & 0x3333u);
	bits = (bits & 0x0f0fu) + (bits >> 4 & 0x0f0fu);
	return (int)((bits & 0xffu) + (bits >> 8));
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
	return !m_any(m_not(m));
}

/* a where the mask is on, b elsewhere. */
INLINE vec v_select(mask m, vec a, vec b)
{
#if SIMD_AVX512
	return X86_REAL(mask_blend)(m, b, a);
#elif SIMD_AVX2
	return X86_REAL(blendv)(b, a, (vec)m);
#elif SIMD_SSE2
	return (vec)_mm_or_pd(_mm_and_pd((__m128d)m, (__m128d)a),
			      _mm_andnot_pd((__m128d)m, (__m128d)b));
#else
	return (vec)((m & (ivec)a) | (~m & (ivec)b));
#endif
}

/* x where the mask is on, +0 elsewhere. */
INLINE vec v_and(mask m, vec x)
{
#if SIMD_AVX512
	return X86_REAL(maskz_mov)(m, x);
#elif SIMD_SSE2
	return (vec)_mm_and_pd((__m128d)m, (__m128d)x);
#else
	return (vec)(m & (ivec)x);
#endif
}

/* ---- Arithmetic ----------------------------------------------------------- */

/* a < b ? a : b, so b if either is a NaN. */
INLINE vec v_min(vec a, vec b)
{
#ifdef X86
	return X86_REAL(min)(a, b);
#else
	return v_select(v_lt(a, b), a, b);
#endif
}

/* a > b ? a : b, so b if either is a NaN. */
INLINE vec v_max(vec a, vec b)
{
#ifdef X86
	return X86_REAL(max)(a, b);
#else
	return v_select(v_gt(a, b), a, b);
#endif
}

/* Correctly rounded. */
INLINE vec v_sqrt(vec x)
{
#ifdef X86
	return X86_REAL(sqrt)(x);
#elif SIMD_NEON
	return BY_REAL(vsqrtq_f32, vsqrtq_f64)(x);
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

/* Out of line: it is long, and hardly ever needed. */
static __attribute__((noinline, cold, unused)) vec simd_fma_exact(vec a, vec b, vec c)
{
	const __m128d low = simd_fma_to_odd(_mm_cvtps_pd(a), _mm_cvtps_pd(b), _mm_cvtps_pd(c));
	const __m128d high = simd_fma_to_odd(_mm_cvtps_pd(_mm_movehl_ps(a, a)),
					     _mm_cvtps_pd(_mm_movehl_ps(b, b)),
					     _mm_cvtps_pd(_mm_movehl_ps(c, c)));
	return _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high));
}

/*
 * Rounding twice, to float64 and then to float32, goes wrong only if the first
 * ends halfway between two float32: a 1 and 28 zeros behind the 24 bits that
 * stay, or anything where the result is denormal, or was, and fewer bits stay.
 */
INLINE vec simd_fma(vec a, vec b, vec c)
{
	const __m128d low = _mm_cvtps_pd(a) * _mm_cvtps_pd(b) + _mm_cvtps_pd(c);
	const __m128d high = _mm_cvtps_pd(_mm_movehl_ps(a, a)) * _mm_cvtps_pd(_mm_movehl_ps(b, b)) +
			     _mm_cvtps_pd(_mm_movehl_ps(c, c));
	const vec once = _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high));
	const ivec ends = (ivec)_mm_shuffle_ps((vec)low, (vec)high, _MM_SHUFFLE(2, 0, 2, 0));
	const mask halfway = (ends & v_set_int(0x1fffffff)) == v_set_int(0x10000000);
	const mask tiny = v_le(v_abs(once), v_set(0x1p-126f));
	if (__builtin_expect(m_any(m_or(halfway, tiny)), 0))
		return simd_fma_exact(a, b, c);
	return once;
}

#endif

/* a * b + c with one rounding.  Where that takes many instructions it is a
 * call: a build that nobody with a CPU of this century runs must not take
 * minutes to compile. */
#if SIMD_SSE2
static
	__attribute__((noinline, unused))
#else
INLINE
#endif
	vec
	v_fma(vec a, vec b, vec c)
{
#if SIMD_AVX512 || SIMD_AVX2
	return X86_REAL(fmadd)(a, b, c);
#elif SIMD_NEON
	return BY_REAL(vfmaq_f32, vfmaq_f64)(c, a, b);
#elif SIMD_SSE2 && LOSS_REAL == 32
	return simd_fma(a, b, c);
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
	return X86_REAL(roundscale)(x, _MM_FROUND_TO_NEAREST_INT);
#elif SIMD_AVX2
	return X86_REAL(round)(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif SIMD_NEON
	return BY_REAL(vrndnq_f32, vrndnq_f64)(x);
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
	return (vec)v_add_bits(x, (ivec)magic) - magic;
#endif
}

INLINE ivec v_to_int(vec x)
{
#if LOSS_REAL == 32
	return __builtin_convertvector(x, ivec);
#else
	const vec magic = v_set(0x1.8p52);
	return v_sub_bits((ivec)(x + magic), (ivec)magic);
#endif
}

typedef int64_t wide_ivec __attribute__((vector_size(VEC_BYTES)));

/* LANES 64-bit integers, each cut to the width of a real. */
INLINE ivec v_cut(const wide_ivec *wide)
{
#if LOSS_REAL == 64
	return (ivec)wide[0];
#elif SIMD_AVX512
	const __m512i low = _mm512_castsi256_si512(_mm512_cvtepi64_epi32((__m512i)wide[0]));
	return (ivec)_mm512_inserti64x4(low, _mm512_cvtepi64_epi32((__m512i)wide[1]), 1);
#elif SIMD_AVX2
	const __m256i even = (__m256i)_mm256_shuffle_ps((__m256)wide[0], (__m256)wide[1], 0x88);
	return (ivec)_mm256_permute4x64_epi64(even, 0xd8);
#else
	ivec v;
	UNROLL for (int i = 0; i < LANES; i++) v[i] = (int32_t)wide[i / 2][i % 2];
	return v;
#endif
}

/* ---- Tails ---------------------------------------------------------------- */

/* The first n elements, none if n < 0, and fill behind them; reads no others. */
INLINE vec v_load_n(const real *p, int n, real fill)
{
	if (n >= LANES)
		return v_load(p);
#if SIMD_AVX512
	return X86_REAL(mask_loadu)(v_set(fill), m_first(n), p);
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

/* The first n lanes, none if n < 0; writes nothing behind them. */
INLINE void v_store_n(real *p, vec v, int n)
{
	/* Masked stores are an order of magnitude slower on some CPUs. */
	if (n >= LANES) {
		v_store(p, v);
		return;
	}
#if SIMD_AVX512
	X86_REAL(mask_storeu)(p, m_first(n), v);
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

/* a + x * y; the product is exact in float64, so that one rounding or two are the same. */
INLINE dvec dvec_add_mul(dvec a, dvec x, dvec y)
{
#if SIMD_AVX512 || SIMD_AVX2
	return X86(fmadd_pd)(x, y, a);
#else
	return a + x * y;
#endif
}

/* Adds the products x * y of register r. */
INLINE void acc_add_mul(struct acc *a, int r, vec x, vec y)
{
	dvec *low = &a->v[2 * r], *high = &a->v[2 * r + 1];

	*low = dvec_add_mul(*low, v_widen_low(x), v_widen_low(y));
	*high = dvec_add_mul(*high, v_widen_high(x), v_widen_high(y));
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

/* The sum of n dvecs: halves are added until one number is left. */
INLINE double acc_fold(const dvec *v, int n)
{
	dvec t[DVEC_REGS];
	memcpy(t, v, (size_t)n * sizeof(*v));
	UNROLL for (int half = n / 2; half > 0; half /= 2) UNROLL for (int i = 0; i < half; i++)
		t[i] += t[i + half];
#if SIMD_AVX512
	const __m512d eight = (__m512d)t[0];
	const __m256d four = _mm512_castpd512_pd256(eight) + _mm512_extractf64x4_pd(eight, 1);
#elif SIMD_AVX2
	const __m256d four = (__m256d)t[0];
#endif
#if SIMD_AVX512 || SIMD_AVX2
	const __m128d two = _mm256_castpd256_pd128(four) + _mm256_extractf128_pd(four, 1);
#else
	const dvec two = t[0];
#endif
	return two[0] + two[1];
}

/* The sum of the group. */
INLINE double acc_sum(const struct acc *a)
{
	return acc_fold(a->v, DVEC_REGS);
}

/* Adds the sums of b times x, register r. */
INLINE void acc_add_scaled(struct acc *a, const struct acc *b, int r, vec x)
{
#if LOSS_REAL == 32
	a->v[2 * r] += b->v[2 * r] * v_widen_low(x);
	a->v[2 * r + 1] += b->v[2 * r + 1] * v_widen_high(x);
#else
	a->v[r] += b->v[r] * x;
#endif
}

/* Divides the sums of register r by 1 + x. */
INLINE void acc_divide_by_1_plus(struct acc *a, int r, vec x)
{
#if LOSS_REAL == 32
	a->v[2 * r] /= 1 + v_widen_low(x);
	a->v[2 * r + 1] /= 1 + v_widen_high(x);
#else
	a->v[r] /= 1 + x;
#endif
}

/* The sums of register r, rounded to the dtype. */
INLINE vec acc_round(const struct acc *a, int r)
{
#if LOSS_REAL == 64
	return a->v[r];
#elif SIMD_AVX512
	const __m256 low = _mm512_cvtpd_ps((__m512d)a->v[2 * r]);
	const __m256 high = _mm512_cvtpd_ps((__m512d)a->v[2 * r + 1]);
	return (vec)_mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
#elif SIMD_AVX2
	return (vec)_mm256_set_m128(_mm256_cvtpd_ps((__m256d)a->v[2 * r + 1]),
				    _mm256_cvtpd_ps((__m256d)a->v[2 * r]));
#else
	vec v = v_set(0);
	UNROLL for (int i = 0; i < LANES; i++) v[i] =
		(real)a->v[2 * r + i / DVEC_LANES][i % DVEC_LANES];
	return v;
#endif
}

/*
 * ---- Sums of exponentials, in float64 --------------------------------------
 *
 * Of numbers from 0 to 1, or NaN.  Such a float32, its bits moved up by 29
 * places, is a float64 that is 2^896 times smaller, denormal ones included: that
 * takes a third of the time of the conversion, which would take a third of the
 * time of a softmax.  A NaN becomes a number larger than any sum.
 */
#if LOSS_REAL == 32

struct exp_acc {
	dvec even[REGS], odd[REGS]; /* lanes of each register */
};

#define EXP_ACC_SCALE 0x1p896
#define EXP_ACC_NAN   0x1p127 /* and what is above, scaled */

INLINE struct exp_acc exp_acc_zero(void)
{
	struct exp_acc a;
	UNROLL for (int r = 0; r < REGS; r++) a.even[r] = a.odd[r] = (dvec){0};
	return a;
}

INLINE void exp_acc_add(struct exp_acc *a, int r, vec x)
{
	typedef uint64_t bits __attribute__((vector_size(VEC_BYTES)));
	const bits all = UINT64_C(0xffffffff) << 29 | (bits){0};
	a->even[r] += (dvec)((bits)x << 29 & all);
	a->odd[r] += (dvec)((bits)x >> 3 & all);
}

INLINE double exp_acc_sum(const struct exp_acc *a)
{
	dvec pairs[REGS];
	UNROLL for (int r = 0; r < REGS; r++) pairs[r] = a->even[r] + a->odd[r];
	const double sum = acc_fold(pairs, REGS) * EXP_ACC_SCALE;
	return sum < EXP_ACC_NAN ? sum : (double)NAN;
}

/* The sums of register r less 1, lane by lane, rounded to the dtype. */
INLINE vec exp_acc_less_1(const struct exp_acc *a, int r)
{
	const dvec even = a->even[r] * EXP_ACC_SCALE - 1, odd = a->odd[r] * EXP_ACC_SCALE - 1;
	vec v;
#if SIMD_AVX512
	const __m512i places =
		_mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
	v = (vec)_mm512_permutex2var_ps(_mm512_castps256_ps512(_mm512_cvtpd_ps((__m512d)even)),
					places,
					_mm512_castps256_ps512(_mm512_cvtpd_ps((__m512d)odd)));
#elif SIMD_AVX2
	const __m128 e = _mm256_cvtpd_ps((__m256d)even), o = _mm256_cvtpd_ps((__m256d)odd);
	v = (vec)_mm256_set_m128(_mm_unpackhi_ps(e, o), _mm_unpacklo_ps(e, o));
#else
	v = v_set(0);
	UNROLL for (int i = 0; i < LANES; i++) v[i] = (real)(i % 2 ? odd : even)[i / 2];
#endif
	return v_select(v_lt(v, v_set((real)EXP_ACC_NAN)), v, v_set((real)NAN));
}

#else

#define exp_acc      acc
#define exp_acc_zero acc_zero
#define exp_acc_add  acc_add
#define exp_acc_sum  acc_sum

INLINE vec exp_acc_less_1(const struct acc *a, int r)
{
	return a->v[r] - 1;
}

#endif

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
#if SIMD_AVX512
	/* By hand: gcc takes all lanes apart. */
	m = v_max(m, (vec)_mm512_shuffle_f64x2((dvec)m, (dvec)m, 0xe));
	m = v_max(m, (vec)_mm512_shuffle_f64x2((dvec)m, (dvec)m, 0x1));
	UNROLL for (int half = PIECE / 2; half > 0; half /= 2)
#elif SIMD_AVX2
	m = v_max(m, (vec)_mm256_permute2f128_pd((dvec)m, (dvec)m, 0x1));
	UNROLL for (int half = PIECE / 2; half > 0; half /= 2)
#else
	UNROLL for (int half = LANES / 2; half > 0; half /= 2)
#endif
		UNROLL for (int i = 0; i < half; i++) m[i] =
			m[i] > m[i + half] ? m[i] : m[i + half];
	return m[0];
}

/* ---- Rows across lanes ---------------------------------------------------- */

/*
 * Short rows are worked on GROUP at a time, one row per lane: the tile holds
 * element j of all rows at tile[j * GROUP ...], lane = row.
 *
 * A vec is a row of 16-byte pieces, and x86 shuffles best inside a piece.  So
 * the unit of work is LANES rows by PIECE columns in PIECE vecs: piece p of vec
 * i holds the columns of row p * PIECE + i, and each piece is transposed in
 * itself.
 */
/* The first n elements, 1 <= n <= PIECE, and 0 behind them. */
INLINE piece piece_load(const real *p, int n)
{
	piece v = {0};
	if (n == PIECE) {
		memcpy(&v, p, sizeof(v));
	} else if (n == 1) {
		v[0] = p[0];
	} else {
		/* In a register: a vector put together in memory stalls its load. */
		typedef int64_t pair __attribute__((vector_size(16)));
		int64_t first_two;
		memcpy(&first_two, p, sizeof(first_two));
		v = (piece)(pair){first_two};
		if (n == 3)
			v[PIECE / 2] = p[2];
	}
	return v;
}

INLINE void piece_store(real *p, piece v, int n)
{
	if (n == PIECE)
		memcpy(p, &v, sizeof(v));
	else if (n == 1)
		p[0] = v[0];
	else
		memcpy(p, &v, sizeof(int64_t));
	if (n == 3)
		p[2] = v[PIECE / 2];
}

/* PIECES pieces, the first one lowest. */
INLINE vec v_from_pieces(const piece *p)
{
#if SIMD_AVX512
	__m512i v = _mm512_castsi128_si512((__m128i)p[0]);
	v = _mm512_inserti64x2(v, (__m128i)p[1], 1);
	v = _mm512_inserti64x2(v, (__m128i)p[2], 2);
	return (vec)_mm512_inserti64x2(v, (__m128i)p[3], 3);
#elif SIMD_AVX2
	return (vec)_mm256_set_m128i((__m128i)p[1], (__m128i)p[0]);
#else
	return p[0];
#endif
}

INLINE void v_to_pieces(piece *p, vec v)
{
	memcpy(p, &v, sizeof(v));
}

/* Lanes of a and b in turn, of the lower or the upper half of each piece. */
INLINE vec v_zip_low(vec a, vec b)
{
#ifdef X86
	return X86_REAL(unpacklo)(a, b);
#elif LOSS_REAL == 32
	return __builtin_shufflevector(a, b, 0, 4, 1, 5);
#else
	return __builtin_shufflevector(a, b, 0, 2);
#endif
}

INLINE vec v_zip_high(vec a, vec b)
{
#ifdef X86
	return X86_REAL(unpackhi)(a, b);
#elif LOSS_REAL == 32
	return __builtin_shufflevector(a, b, 2, 6, 3, 7);
#else
	return __builtin_shufflevector(a, b, 1, 3);
#endif
}

#if LOSS_REAL == 32

/* The same of pairs of lanes. */
INLINE vec v_zip_low_pairs(vec a, vec b)
{
#ifdef X86
	return (vec)X86(unpacklo_pd)((dvec)a, (dvec)b);
#else
	return __builtin_shufflevector(a, b, 0, 1, 4, 5);
#endif
}

INLINE vec v_zip_high_pairs(vec a, vec b)
{
#ifdef X86
	return (vec)X86(unpackhi_pd)((dvec)a, (dvec)b);
#else
	return __builtin_shufflevector(a, b, 2, 3, 6, 7);
#endif
}

/* Lane j of piece p of v[i] changes places with lane i of piece p of v[j]. */
INLINE void transpose_pieces(vec v[PIECE])
{
	const vec a = v_zip_low(v[0], v[1]), b = v_zip_high(v[0], v[1]);
	const vec c = v_zip_low(v[2], v[3]), d = v_zip_high(v[2], v[3]);
	v[0] = v_zip_low_pairs(a, c);
	v[1] = v_zip_high_pairs(a, c);
	v[2] = v_zip_low_pairs(b, d);
	v[3] = v_zip_high_pairs(b, d);
}

#else

INLINE void transpose_pieces(vec v[PIECE])
{
	const vec low = v_zip_low(v[0], v[1]);
	v[1] = v_zip_high(v[0], v[1]);
	v[0] = low;
}

#endif

/* LANES rows, of which rows_n exist, by PIECE columns, of which n exist. */
INLINE void transpose_block_in(real *restrict tile, const real *restrict rows, int64_t row_stride,
			       int rows_n, int n)
{
	vec v[PIECE];
	UNROLL for (int i = 0; i < PIECE; i++)
	{
		piece p[PIECES];
		UNROLL for (int k = 0; k < PIECES; k++)
		{
			const int row = k * PIECE + i;
			p[k] = row < rows_n ? piece_load(rows + row * row_stride, n) : (piece){0};
		}
		v[i] = v_from_pieces(p);
	}
	transpose_pieces(v);
	UNROLL for (int i = 0; i < PIECE; i++) if (i < n) v_store(tile + i * GROUP, v[i]);
}

INLINE void transpose_block_out(real *restrict rows, int64_t row_stride, const real *restrict tile,
				int rows_n, int n)
{
	vec v[PIECE];
	UNROLL for (int i = 0; i < PIECE; i++) v[i] = i < n ? v_load(tile + i * GROUP) : v_set(0);
	transpose_pieces(v);
	UNROLL for (int i = 0; i < PIECE; i++)
	{
		piece p[PIECES];
		v_to_pieces(p, v[i]);
		UNROLL for (int k = 0; k < PIECES; k++) if (k * PIECE + i < rows_n)
			piece_store(rows + (k * PIECE + i) * row_stride, p[k], n);
	}
}

/* Blocks of n columns; the last begins early rather than end late. */
INLINE void transpose_group_in(real *restrict tile, const real *restrict rows, int64_t row_stride,
			       int rows_n, int c, int n)
{
	for (int j = 0; j < c; j += n) {
		const int at = j + n <= c ? j : c - n;
		UNROLL for (int r = 0; r < REGS; r++) transpose_block_in(
			tile + at * GROUP + r * LANES, rows + r * LANES * row_stride + at,
			row_stride, rows_n - r * LANES, n);
	}
}

INLINE void transpose_group_out(real *restrict rows, int64_t row_stride, const real *restrict tile,
				int rows_n, int c, int n)
{
	for (int j = 0; j < c; j += n) {
		const int at = j + n <= c ? j : c - n;
		UNROLL for (int r = 0; r < REGS; r++)
			transpose_block_out(rows + r * LANES * row_stride + at, row_stride,
					    tile + at * GROUP + r * LANES, rows_n - r * LANES, n);
	}
}

/*
 * Fills a tile of c * GROUP reals from rows_n <= GROUP rows of c >= 1 reals,
 * row_stride reals apart; lanes without a row become 0.  Reads nothing between
 * or behind the rows.
 */
static __attribute__((unused)) void transpose_in(real *restrict tile, const real *restrict rows,
						 int64_t row_stride, int rows_n, int c)
{
	/* In the common cases the counts are constants, and nothing but shuffles is left. */
	if (rows_n == GROUP && c >= PIECE)
		transpose_group_in(tile, rows, row_stride, GROUP, c, PIECE);
	else if (rows_n == GROUP && c == 2)
		transpose_group_in(tile, rows, row_stride, GROUP, 2, 2);
	else
		transpose_group_in(tile, rows, row_stride, rows_n, c, c < PIECE ? c : PIECE);
}

/* The way back: writes rows_n * c reals and nothing between or behind the rows. */
static __attribute__((unused)) void transpose_out(real *restrict rows, int64_t row_stride,
						  const real *restrict tile, int rows_n, int c)
{
	if (rows_n == GROUP && c >= PIECE)
		transpose_group_out(rows, row_stride, tile, GROUP, c, PIECE);
	else if (rows_n == GROUP && c == 2)
		transpose_group_out(rows, row_stride, tile, GROUP, 2, 2);
	else
		transpose_group_out(rows, row_stride, tile, rows_n, c, c < PIECE ? c : PIECE);
}

#endif
