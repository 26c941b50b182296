/*
 * What tests/simd_variant.c exports once per ISA and dtype: the vocabulary of
 * lib/simd as functions on arrays.  `void *` stands for arrays of the variant's
 * dtype, float if real_bits is 32 and double if it is 64.
 */
#ifndef SIMD_VARIANT_H
#define SIMD_VARIANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(name, the result of vecs a, b and c) */
#define SIMD_MAPS(X)                                                                               \
	X(exp, v_exp(a))                                                                           \
	X(exp_neg, v_exp_neg(a))                                                                   \
	X(expm1, v_expm1(a))                                                                       \
	X(log, v_log(a))                                                                           \
	X(log1p, v_log1p(a))                                                                       \
	X(sigmoid, v_sigmoid(a))                                                                   \
	X(tanh, v_tanh(a))                                                                         \
	X(softplus, v_softplus(a))                                                                 \
	X(logsigmoid, v_logsigmoid(a))                                                             \
	X(atan, v_atan(a))                                                                         \
	X(pow_pos, v_pow_pos(a, b))                                                                \
	X(scalar_exp, each_lane(a, scalar_exp))                                                    \
	X(scalar_log, each_lane(a, scalar_log))                                                    \
	X(scalar_expm1, each_lane(a, scalar_expm1))                                                \
	X(scalar_log1p, each_lane(a, scalar_log1p))                                                \
	X(fma, v_fma(a, b, c))                                                                     \
	X(min, v_min(a, b))                                                                        \
	X(max, v_max(a, b))                                                                        \
	X(sqrt, v_sqrt(a))                                                                         \
	X(round, v_round(a))                                                                       \
	X(abs, v_abs(a))                                                                           \
	X(neg, v_neg(a))                                                                           \
	X(copysign, v_copysign(a, b))                                                              \
	X(through_int, v_from_int(v_to_int(a)))                                                    \
	X(select, v_select(v_lt(a, b), a, c))                                                      \
	X(and, v_and(v_lt(a, b), c))                                                               \
	X(lt, one_where(v_lt(a, b)))                                                               \
	X(le, one_where(v_le(a, b)))                                                               \
	X(gt, one_where(v_gt(a, b)))                                                               \
	X(ge, one_where(v_ge(a, b)))                                                               \
	X(eq, one_where(v_eq(a, b)))                                                               \
	X(ne, one_where(v_ne(a, b)))                                                               \
	X(isnan, one_where(v_isnan(a)))                                                            \
	X(isinf, one_where(v_isinf(a)))                                                            \
	X(isfinite, one_where(v_isfinite(a)))                                                      \
	X(m_and, one_where(m_and(v_lt(a, c), v_lt(b, c))))                                         \
	X(m_or, one_where(m_or(v_lt(a, c), v_lt(b, c))))                                           \
	X(m_not, one_where(m_not(v_lt(a, c))))                                                     \
	X(m_andnot, one_where(m_andnot(v_lt(a, c), v_lt(b, c))))

enum simd_map {
#define X(name, value) SIMD_##name,
	SIMD_MAPS(X)
#undef X
		SIMD_MAP_COUNT
};

/* n results; where a map has fewer than three arguments the others are not used. */
typedef void simd_map_fn(const void *a, const void *b, const void *c, void *out, size_t n);

struct simd_variant {
	const char *isa;
	int real_bits, lanes, group;
	simd_map_fn *map[SIMD_MAP_COUNT];

	/* Over any n, by groups. */
	double (*sum)(const void *x, size_t n);
	double (*sum_products)(const void *x, const void *y, size_t n);
	double (*max)(const void *x, size_t n);

	/* v_load_n into lanes[LANES], and from there v_store_n to out. */
	void (*copy_n)(const void *x, int n, double fill, void *lanes, void *out);

	/* Of the first LANES elements: m_bits, m_any and m_all of x < y; m_bits of m_first(n). */
	unsigned (*less)(const void *x, const void *y, bool *any, bool *all);
	unsigned (*first)(int n);

	void (*transpose_in)(void *tile, const void *rows, int64_t row_stride, int rows_n, int c);
	void (*transpose_out)(void *rows, int64_t row_stride, const void *tile, int rows_n, int c);
};

#define SIMD_DECLARE(isa)                                                                          \
	extern const struct simd_variant simd_variant_##isa##_32, simd_variant_##isa##_64;

SIMD_DECLARE(baseline)
#ifdef __x86_64__
SIMD_DECLARE(v3)
SIMD_DECLARE(v4)
#endif

/* How many variants this CPU can run: the first so many of simd_variant(). */
static inline int simd_variant_count(void)
{
#ifdef __x86_64__
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
		return 1;
	if (!__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl") ||
	    !__builtin_cpu_supports("avx512bw"))
		return 2;
	return 3;
#else
	return 1;
#endif
}

/* Variant i of a dtype (32 or 64 bits); the baseline is 0. */
static inline const struct simd_variant *simd_variant(int real_bits, int i)
{
	static const struct simd_variant *const all[][2] = {
		{&simd_variant_baseline_32, &simd_variant_baseline_64},
#ifdef __x86_64__
		{&simd_variant_v3_32, &simd_variant_v3_64},
		{&simd_variant_v4_32, &simd_variant_v4_64},
#endif
	};
	return all[i][real_bits == 64];
}

#endif
