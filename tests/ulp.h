/*
 * How far the elementary functions of lib/simd/math.h are from the truth, and
 * how far they may be.  Shared by `make ulp`, which tries every float32, and
 * the suite, which tries a sample.
 *
 * The reference is libm one precision up: double for float32, and long double
 * (64 bits of mantissa on x86, 113 on arm64) for float64.  Its own error is
 * below a thousandth of the ULP that is measured.
 */
#ifndef ULP_H
#define ULP_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "simd_variant.h"

/* ---- The functions and their bounds ---------------------------------------- */

/* Instantiated for double and long double; f(name) is the libm function of the type. */
#define ULP_REFERENCES(type, bits, f)                                                              \
	static type ulp_exp_##bits(type x, type y)                                                 \
	{                                                                                          \
		return (void)y, f(exp)(x);                                                         \
	}                                                                                          \
	static type ulp_expm1_##bits(type x, type y)                                               \
	{                                                                                          \
		return (void)y, f(expm1)(x);                                                       \
	}                                                                                          \
	static type ulp_log_##bits(type x, type y)                                                 \
	{                                                                                          \
		return (void)y, f(log)(x);                                                         \
	}                                                                                          \
	static type ulp_log1p_##bits(type x, type y)                                               \
	{                                                                                          \
		return (void)y, f(log1p)(x);                                                       \
	}                                                                                          \
	static type ulp_tanh_##bits(type x, type y)                                                \
	{                                                                                          \
		return (void)y, f(tanh)(x);                                                        \
	}                                                                                          \
	static type ulp_atan_##bits(type x, type y)                                                \
	{                                                                                          \
		return (void)y, f(atan)(x);                                                        \
	}                                                                                          \
	static type ulp_sigmoid_##bits(type x, type y)                                             \
	{                                                                                          \
		const type e = f(exp)(-f(fabs)(x));                                                \
		return (void)y, (x < 0 ? e : 1) / (1 + e);                                         \
	}                                                                                          \
	static type ulp_softplus_##bits(type x, type y)                                            \
	{                                                                                          \
		const type tail = f(log1p)(f(exp)(-f(fabs)(x)));                                   \
		return (void)y, x > 0 ? x + tail : tail;                                           \
	}                                                                                          \
	static type ulp_logsigmoid_##bits(type x, type y)                                          \
	{                                                                                          \
		return -ulp_softplus_##bits(-x, y);                                                \
	}                                                                                          \
	static type ulp_pow_pos_##bits(type x, type y)                                             \
	{                                                                                          \
		return f(pow)(f(fabs)(x), y);                                                      \
	}

#define ULP_DOUBLE(name)      name
#define ULP_LONG_DOUBLE(name) name##l
ULP_REFERENCES(double, 32, ULP_DOUBLE)
ULP_REFERENCES(long double, 64, ULP_LONG_DOUBLE)
#undef ULP_DOUBLE
#undef ULP_LONG_DOUBLE
#undef ULP_REFERENCES

/* What is made of an arbitrary number before it becomes an argument. */
enum ulp_domain {
	ULP_ALL,
	ULP_NOT_POSITIVE, /* -|x| */
	ULP_POWERS,       /* |x|, and exponents that spread the results over all magnitudes */
};

static const struct ulp_function {
	const char *name;
	enum simd_map map;
	enum ulp_domain domain;
	double (*reference_32)(double x, double y);
	long double (*reference_64)(long double x, long double y);
	double bound_32, bound_64; /* ULP; as stated in lib/simd/math.h */
} ulp_functions[] = {
#define ROW(name, domain, reference, bound_32, bound_64)                                           \
	{                                                                                          \
#name, SIMD_##name, domain, ulp_##reference##_32, ulp_##reference##_64, bound_32,  \
			bound_64                                                                   \
	}
	ROW(exp, ULP_ALL, exp, 1.0, 1.0),
	ROW(exp_neg, ULP_NOT_POSITIVE, exp, 1.0, 1.0),
	ROW(expm1, ULP_ALL, expm1, 1.5, 1.5),
	ROW(log, ULP_ALL, log, 1.0, 1.0),
	ROW(log1p, ULP_ALL, log1p, 1.6, 1.6),
	ROW(sigmoid, ULP_ALL, sigmoid, 2.5, 2.5),
	ROW(tanh, ULP_ALL, tanh, 2.5, 2.5),
	ROW(softplus, ULP_ALL, softplus, 2.2, 2.2),
	ROW(logsigmoid, ULP_ALL, logsigmoid, 2.2, 2.2),
	ROW(atan, ULP_ALL, atan, 2.0, 2.0),
	ROW(pow_pos, ULP_POWERS, pow_pos, 1.5, 3.0),
#undef ROW
};

enum { ULP_FUNCTIONS = sizeof ulp_functions / sizeof ulp_functions[0] };

/* ---- The error of one result ----------------------------------------------- */

struct ulp_format {
	int digits, exponent_min, exponent_max; /* of the last bit of the least; of inf */
};

static const struct ulp_format ulp_float = {FLT_MANT_DIG, FLT_MIN_EXP - FLT_MANT_DIG, FLT_MAX_EXP};
static const struct ulp_format ulp_double = {DBL_MANT_DIG, DBL_MIN_EXP - DBL_MANT_DIG, DBL_MAX_EXP};

/* Units in the last place between got and want; rounded is want in the dtype. */
static double ulp_error(const struct ulp_format *f, double got, long double want, double rounded)
{
	if (isnan(got) || isnan(rounded))
		return isnan(got) && isnan(rounded) ? 0 : INFINITY;
	if (isinf(rounded) && got == rounded)
		return 0;
	if (got == 0 && rounded == 0 && !signbit(got) != !signbit(rounded))
		return INFINITY;
	if (isinf(want))
		return INFINITY;
	/* An infinity stands for the number after the largest finite one. */
	const long double top = ldexpl(1, f->exponent_max);
	const long double value = isinf(got) ? copysignl(top, got) : got;
	int exponent = f->exponent_max;
	if (fabsl(want) < top)
		frexpl(want, &exponent);
	const int last = exponent - f->digits;
	const int unit = last < f->exponent_min ? f->exponent_min : last;
	return (double)ldexpl(fabsl(value - want), -unit);
}

/* ---- Arguments ------------------------------------------------------------- */

/* A permutation of the integers that looks like noise. */
static uint64_t ulp_hash(uint64_t i)
{
	i = (i ^ i >> 30) * 0xbf58476d1ce4e5b9u;
	i = (i ^ i >> 27) * 0x94d049bb133111ebu;
	return i ^ i >> 31;
}

/* Uniform in [-1, 1). */
static double ulp_uniform(uint64_t i)
{
	return (double)(int64_t)ulp_hash(i) * 0x1p-63;
}

/* Half of them any bits, the other half dense where the functions bend. */
static double ulp_argument_64(uint64_t i)
{
	static const double width[] = {1, 4, 50, 800};
	const uint64_t bits = ulp_hash(2 * i);
	double x;
	memcpy(&x, &bits, sizeof x);
	return i & 1 ? width[i >> 1 & 3] * ulp_uniform(2 * i + 1) : x;
}

/* An exponent for which x^y is of any magnitude there is, now and then just small. */
static double ulp_exponent(const struct ulp_format *f, double x, uint64_t i)
{
	const double spread = ulp_uniform(3 * i + 1);
	if (i % 4 == 0)
		return 5 * spread;
	return spread * 1.1 * (f->exponent_max + f->digits) / fabs(log2(x));
}

/* ---- A range of arguments -------------------------------------------------- */

enum { ULP_CHUNK = 4096 };

struct ulp_worst {
	double error;    /* ULP, of the baseline: the others have its bits */
	double at, at_y; /* its arguments */
	const char *isa; /* a variant with other bits than the baseline, or NULL */
	double isa_at;
};

/* One chunk of arguments and results, in the dtype of the variant. */
union ulp_numbers {
	float f32[ULP_CHUNK];
	double f64[ULP_CHUNK];
};

static double ulp_get(const union ulp_numbers *v, int bits, size_t i)
{
	return bits == 32 ? (double)v->f32[i] : v->f64[i];
}

static void ulp_set(union ulp_numbers *v, int bits, size_t i, double x)
{
	if (bits == 32)
		v->f32[i] = (float)x;
	else
		v->f64[i] = x;
}

/* Argument number i: that float32 itself, or a float64 made of it. */
static void ulp_set_argument(const struct ulp_function *f, int bits, uint64_t i, size_t k,
			     union ulp_numbers *x, union ulp_numbers *y)
{
	if (bits == 32) {
		const uint32_t pattern = (uint32_t)i;
		memcpy(&x->f32[k], &pattern, sizeof pattern);
	} else {
		x->f64[k] = ulp_argument_64(i);
	}
	const double a = ulp_get(x, bits, k);
	const struct ulp_format *format = bits == 32 ? &ulp_float : &ulp_double;
	ulp_set(y, bits, k, f->domain == ULP_POWERS ? ulp_exponent(format, fabs(a), i) : 1);
	if (f->domain == ULP_NOT_POSITIVE)
		ulp_set(x, bits, k, -fabs(a));
	else if (f->domain == ULP_POWERS)
		ulp_set(x, bits, k, fabs(a));
}

/* Takes the error of one result into the worst of them. */
static void ulp_judge(const struct ulp_function *f, int bits, double x, double y, double got,
		      struct ulp_worst *worst)
{
	const struct ulp_format *format = bits == 32 ? &ulp_float : &ulp_double;
	const long double want = bits == 32 ? f->reference_32(x, y) : f->reference_64(x, y);
	const double rounded = bits == 32 ? (double)(float)want : (double)want;
	const double error = ulp_error(format, got, want, rounded);
	if (error > worst->error) {
		worst->error = error;
		worst->at = x;
		worst->at_y = y;
	}
}

/*
 * Most results are plainly no worse than the worst so far, which takes little
 * to see in float32: a ULP of a number is more than 2^-24 of it.
 */
static void ulp_judge_all(const struct ulp_function *f, int bits, const union ulp_numbers *x,
			  const union ulp_numbers *y, const union ulp_numbers *got, size_t n,
			  struct ulp_worst *worst)
{
	for (size_t k = 0; k < n; k++) {
		if (bits == 32) {
			const double want = f->reference_32(x->f32[k], y->f32[k]);
			const double limit = worst->error * 0x1p-24 * fabs(want);
			if (limit > 0 && isfinite(limit) && fabs(got->f32[k] - want) <= limit)
				continue;
		}
		ulp_judge(f, bits, ulp_get(x, bits, k), ulp_get(y, bits, k), ulp_get(got, bits, k),
			  worst);
	}
}

/* The same number, or both a NaN. */
static bool ulp_same(double a, double b)
{
	return (isnan(a) && isnan(b)) || !memcmp(&a, &b, sizeof a);
}

/* Notes where a variant has other bits than the baseline. */
static void ulp_find_difference(int bits, const union ulp_numbers *x, const union ulp_numbers *base,
				const union ulp_numbers *other, size_t n, const char *isa,
				struct ulp_worst *worst)
{
	for (size_t k = 0; k < n; k++) {
		if (ulp_same(ulp_get(base, bits, k), ulp_get(other, bits, k)))
			continue;
		worst->isa = isa;
		worst->isa_at = ulp_get(x, bits, k);
	}
}

/* Arguments start, start + step, ...: n <= ULP_CHUNK of them. */
static void ulp_measure_chunk(const struct ulp_function *f, int bits, uint64_t start, uint64_t step,
			      size_t n, struct ulp_worst *worst)
{
	union ulp_numbers x, y, base, other;

	for (size_t k = 0; k < n; k++)
		ulp_set_argument(f, bits, start + k * step, k, &x, &y);
	simd_variant(bits, 0)->map[f->map](&x, &y, &y, &base, n);
	ulp_judge_all(f, bits, &x, &y, &base, n, worst);
	for (int v = 1; v < simd_variant_count(); v++) {
		simd_variant(bits, v)->map[f->map](&x, &y, &y, &other, n);
		if (memcmp(&base, &other, n * (size_t)bits / 8) != 0)
			ulp_find_difference(bits, &x, &base, &other, n, simd_variant(bits, v)->isa,
					    worst);
	}
}

/* n arguments, step apart, from number `start` on. */
static struct ulp_worst ulp_measure(const struct ulp_function *f, int bits, uint64_t start,
				    uint64_t step, uint64_t n)
{
	struct ulp_worst worst = {.error = 0};
	for (uint64_t i = 0; i < n; i += ULP_CHUNK)
		ulp_measure_chunk(f, bits, start + i * step, step,
				  n - i < ULP_CHUNK ? (size_t)(n - i) : ULP_CHUNK, &worst);
	return worst;
}

static double ulp_bound(const struct ulp_function *f, int bits)
{
	return bits == 32 ? f->bound_32 : f->bound_64;
}

#endif
