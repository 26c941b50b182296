/*
 * The vocabulary of the losses (lib/simd), on every ISA this machine has:
 * accuracy and special values of the elementary functions, the exactness of
 * the operations, the fixed trees of the reductions, and that tails and
 * transposes touch nothing beyond their elements.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <check.h>

#include "ulp.h"

enum { LANES_MAX = 16, GROUP_MAX = 16 };

/* Test i of a loop over variants: every ISA in float32, then in float64. */
static const struct simd_variant *variant_of_test(int i)
{
	return simd_variant(i % 2 ? 64 : 32, i / 2);
}

static size_t real_bytes(const struct simd_variant *v)
{
	return (size_t)v->real_bits / 8;
}

static double get(const struct simd_variant *v, const void *p, size_t i)
{
	return v->real_bits == 32 ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

static void set(const struct simd_variant *v, void *p, size_t i, double x)
{
	if (v->real_bits == 32)
		((float *)p)[i] = (float)x;
	else
		((double *)p)[i] = x;
}

/* One result of a map, in the dtype of the variant. */
static double apply(const struct simd_variant *v, enum simd_map map, double a, double b, double c)
{
	double in[3], out;
	set(v, &in[0], 0, a);
	set(v, &in[1], 0, b);
	set(v, &in[2], 0, c);
	v->map[map](&in[0], &in[1], &in[2], &out, 1);
	return get(v, &out, 0);
}

/*
 * Fails unless got is want, bit for bit or both NaN.  Loops of millions cannot
 * afford ck_assert, which tells the runner of every check.
 */
static void expect(const struct simd_variant *v, const char *what, double a, double b, double c,
		   double got, double want)
{
	if (!ulp_same(got, want))
		ck_abort_msg("%s float%d: %s(%a, %a, %a) is %a, not %a", v->isa, v->real_bits, what,
			     a, b, c, got, want);
}

static const char *const map_names[] = {
#define X(name, value) #name,
	SIMD_MAPS(X)
#undef X
};

static void expect_map(const struct simd_variant *v, enum simd_map map, double a, double b,
		       double c, double want)
{
	expect(v, map_names[map], a, b, c, apply(v, map, a, b, c), want);
}

/* ---- Elementary functions -------------------------------------------------- */

START_TEST(accuracy_is_as_stated)
{
	const struct ulp_function *f = &ulp_functions[_i / 2];
	const int bits = _i % 2 ? 64 : 32;
	/* A prime stride meets every exponent; 64-bit arguments are made, not counted. */
	const uint64_t stride = bits == 32 ? 65537 : 1;
	const struct ulp_worst w = ulp_measure(f, bits, (uint64_t)_i, stride, 65536);

	ck_assert_msg(w.error <= ulp_bound(f, bits), "%s float%d: %g ULP at %a, %a", f->name, bits,
		      w.error, w.at, w.at_y);
	ck_assert_msg(!w.isa, "%s float%d: other bits on %s at %a", f->name, bits, w.isa, w.isa_at);
}
END_TEST

/* Stands for the least denormal, the greatest finite number, and 2^-bits of the dtype. */
static double least(const struct simd_variant *v)
{
	return v->real_bits == 32 ? 0x1p-149 : 0x1p-1074;
}

static double greatest(const struct simd_variant *v)
{
	return v->real_bits == 32 ? (double)FLT_MAX : DBL_MAX;
}

#define NEGATIVE_0 (-0.0)

/* Exact results; powers take y, other functions ignore it. */
static const struct special {
	enum simd_map map;
	double x, y, want;
} specials[] = {
	{SIMD_exp, 0, 0, 1},
	{SIMD_exp, NEGATIVE_0, 0, 1},
	{SIMD_exp, INFINITY, 0, INFINITY},
	{SIMD_exp, -INFINITY, 0, 0},
	{SIMD_exp, NAN, 0, NAN},
	{SIMD_exp, 1e4, 0, INFINITY},
	{SIMD_exp, -1e4, 0, 0},
	{SIMD_exp_neg, 0, 0, 1},
	{SIMD_exp_neg, NEGATIVE_0, 0, 1},
	{SIMD_exp_neg, -INFINITY, 0, 0},
	{SIMD_exp_neg, NAN, 0, NAN},
	{SIMD_exp_neg, -1e4, 0, 0},
	{SIMD_expm1, 0, 0, 0},
	{SIMD_expm1, NEGATIVE_0, 0, NEGATIVE_0},
	{SIMD_expm1, INFINITY, 0, INFINITY},
	{SIMD_expm1, -INFINITY, 0, -1},
	{SIMD_expm1, NAN, 0, NAN},
	{SIMD_expm1, 1e4, 0, INFINITY},
	{SIMD_expm1, -1e4, 0, -1},
	{SIMD_log, 1, 0, 0},
	{SIMD_log, 0, 0, -INFINITY},
	{SIMD_log, NEGATIVE_0, 0, -INFINITY},
	{SIMD_log, -1, 0, NAN},
	{SIMD_log, INFINITY, 0, INFINITY},
	{SIMD_log, -INFINITY, 0, NAN},
	{SIMD_log, NAN, 0, NAN},
	{SIMD_log1p, 0, 0, 0},
	{SIMD_log1p, NEGATIVE_0, 0, NEGATIVE_0},
	{SIMD_log1p, -1, 0, -INFINITY},
	{SIMD_log1p, -1.5, 0, NAN},
	{SIMD_log1p, INFINITY, 0, INFINITY},
	{SIMD_log1p, -INFINITY, 0, NAN},
	{SIMD_log1p, NAN, 0, NAN},
	{SIMD_sigmoid, 0, 0, 0.5},
	{SIMD_sigmoid, NEGATIVE_0, 0, 0.5},
	{SIMD_sigmoid, INFINITY, 0, 1},
	{SIMD_sigmoid, -INFINITY, 0, 0},
	{SIMD_sigmoid, NAN, 0, NAN},
	{SIMD_tanh, 0, 0, 0},
	{SIMD_tanh, NEGATIVE_0, 0, NEGATIVE_0},
	{SIMD_tanh, INFINITY, 0, 1},
	{SIMD_tanh, -INFINITY, 0, -1},
	{SIMD_tanh, 1e4, 0, 1},
	{SIMD_tanh, NAN, 0, NAN},
	{SIMD_softplus, INFINITY, 0, INFINITY},
	{SIMD_softplus, -INFINITY, 0, 0},
	{SIMD_softplus, 1e4, 0, 1e4},
	{SIMD_softplus, NAN, 0, NAN},
	{SIMD_logsigmoid, INFINITY, 0, NEGATIVE_0},
	{SIMD_logsigmoid, -INFINITY, 0, -INFINITY},
	{SIMD_logsigmoid, -1e4, 0, -1e4},
	{SIMD_logsigmoid, NAN, 0, NAN},
	{SIMD_atan, 0, 0, 0},
	{SIMD_atan, NEGATIVE_0, 0, NEGATIVE_0},
	{SIMD_atan, NAN, 0, NAN},
	{SIMD_pow_pos, 0, 0, 1},
	{SIMD_pow_pos, 0, NEGATIVE_0, 1},
	{SIMD_pow_pos, 0, 2, 0},
	{SIMD_pow_pos, NEGATIVE_0, 3, 0},
	{SIMD_pow_pos, 0, -2, INFINITY},
	{SIMD_pow_pos, 0, NAN, NAN},
	{SIMD_pow_pos, INFINITY, 0, 1},
	{SIMD_pow_pos, INFINITY, 0.2, INFINITY},
	{SIMD_pow_pos, INFINITY, -0.2, 0},
	{SIMD_pow_pos, NAN, 0, 1},
	{SIMD_pow_pos, NAN, 2, NAN},
	{SIMD_pow_pos, 1, NAN, 1},
	{SIMD_pow_pos, 1, INFINITY, 1},
	{SIMD_pow_pos, 1, -1e30, 1},
	{SIMD_pow_pos, 2, INFINITY, INFINITY},
	{SIMD_pow_pos, 2, -INFINITY, 0},
	{SIMD_pow_pos, 0.5, INFINITY, 0},
	{SIMD_pow_pos, 0.5, -INFINITY, INFINITY},
	{SIMD_pow_pos, 2, 10, 1024},
	{SIMD_pow_pos, 2, -10, 1.0 / 1024},
	{SIMD_pow_pos, 7, 1, 7},
	{SIMD_pow_pos, 10, 1e30, INFINITY},
	{SIMD_pow_pos, 10, -1e30, 0},
	{SIMD_pow_pos, -2, 2, NAN},
};

START_TEST(special_values_are_those_of_c)
{
	const struct simd_variant *v = variant_of_test(_i);
	for (size_t k = 0; k < sizeof specials / sizeof specials[0]; k++) {
		const struct special *s = &specials[k];
		expect_map(v, s->map, s->x, s->y, 0, s->want);
	}
}
END_TEST

/* f(x) = x to the last bit for the smallest numbers, of either sign. */
START_TEST(tiny_arguments_come_back)
{
	const struct simd_variant *v = variant_of_test(_i);
	static const enum simd_map odd[] = {SIMD_expm1, SIMD_log1p, SIMD_tanh, SIMD_atan};
	for (size_t k = 0; k < sizeof odd / sizeof odd[0]; k++)
		for (double x = least(v); x < 0x1p-60; x *= 3) {
			double rounded;
			set(v, &rounded, 0, x);
			const double tiny = get(v, &rounded, 0);
			expect_map(v, odd[k], tiny, 0, 0, tiny);
			expect_map(v, odd[k], -tiny, 0, 0, -tiny);
		}
}
END_TEST

START_TEST(extremes_of_the_dtype)
{
	const struct simd_variant *v = variant_of_test(_i);
	const struct ulp_format *format = v->real_bits == 32 ? &ulp_float : &ulp_double;
	const double last = v->real_bits == 32 ? 0x1.62e42ep+6 : 0x1.62e42fefa39efp+9;
	const double least_log = log(least(v));

	/* The largest argument whose exponential is finite, and the next. */
	ck_assert(isfinite(apply(v, SIMD_exp, last, 0, 0)));
	ck_assert(isinf(apply(v, SIMD_exp, last * (1 + ldexp(1, 1 - format->digits)), 0, 0)));
	ck_assert(isfinite(apply(v, SIMD_expm1, last, 0, 0)));
	/* The least denormal is a result, half of it is not. */
	ck_assert_double_eq(apply(v, SIMD_exp, least_log, 0, 0), least(v));
	ck_assert_double_eq(apply(v, SIMD_exp_neg, least_log, 0, 0), least(v));
	ck_assert_double_eq(apply(v, SIMD_exp, least_log - 0.7, 0, 0), 0);
	/* And an argument. */
	ck_assert_double_eq_tol(apply(v, SIMD_log, least(v), 0, 0), least_log, 1e-5);
	ck_assert_double_eq_tol(apply(v, SIMD_log, greatest(v), 0, 0), log(greatest(v)), 1e-4);
	ck_assert_double_eq_tol(apply(v, SIMD_log1p, greatest(v), 0, 0), log(greatest(v)), 1e-4);
	ck_assert_double_eq_tol(apply(v, SIMD_pow_pos, least(v), 0.5, 0) / sqrt(least(v)), 1, 1e-6);
}
END_TEST

START_TEST(one_number_has_the_bits_of_a_lane)
{
	const struct simd_variant *v = variant_of_test(_i);
	static const enum simd_map pairs[][2] = {
		{SIMD_exp, SIMD_scalar_exp},
		{SIMD_log, SIMD_scalar_log},
		{SIMD_expm1, SIMD_scalar_expm1},
		{SIMD_log1p, SIMD_scalar_log1p},
	};
	for (size_t k = 0; k < sizeof pairs / sizeof pairs[0]; k++)
		for (uint64_t i = 0; i < 1000; i++) {
			const double x = 30 * ulp_uniform(i);
			expect_map(v, pairs[k][1], x, 0, 0, apply(v, pairs[k][0], x, 0, 0));
		}
}
END_TEST

/* exp_neg is exp where it is allowed: code may use either. */
START_TEST(exp_neg_has_the_bits_of_exp)
{
	const struct simd_variant *v = variant_of_test(_i);
	const double range = v->real_bits == 32 ? 110 : 760;
	for (uint64_t i = 0; i < 20000; i++) {
		const double x = -fabs(range * ulp_uniform(i));
		expect_map(v, SIMD_exp_neg, x, 0, 0, apply(v, SIMD_exp, x, 0, 0));
	}
}
END_TEST

/* ---- Operations ------------------------------------------------------------ */

/* Numbers that meet every rule: zeros, denormals, limits, ties, specials. */
static double corner(const struct simd_variant *v, uint64_t i)
{
	const double one_ulp = ldexp(1, v->real_bits == 32 ? -23 : -52);
	const double values[] = {
		0,
		1,
		1 + one_ulp,
		2,
		3,
		0.5,
		1.5,
		2.5,
		1e-3,
		0x1p23 - 0.5,
		INFINITY,
		greatest(v),
		least(v),
		1 - one_ulp / 2,
		least(v) / one_ulp,
		NAN,
		one_ulp,
		one_ulp / 2,
		3 * least(v),
		0x1p52 + 1,
		1 / 3.0,
		greatest(v) / 2,
		0x1.fffffep-1,
		5 * one_ulp / 2,
		1e10,
	};
	const uint64_t n = sizeof values / sizeof values[0];
	const double x = values[i / 2 % n];
	return i % 2 ? -x : x;
}

enum { CORNERS = 50 };

/* In the dtype. */
static double rounded_to(const struct simd_variant *v, double x)
{
	return v->real_bits == 32 ? (double)(float)x : x;
}

static void check_fma(const struct simd_variant *v, double a, double b, double c)
{
	a = rounded_to(v, a), b = rounded_to(v, b), c = rounded_to(v, c);
	const double want =
		v->real_bits == 32 ? (double)fmaf((float)a, (float)b, (float)c) : fma(a, b, c);
	expect_map(v, SIMD_fma, a, b, c, want);
}

START_TEST(fma_rounds_once)
{
	const struct simd_variant *v = variant_of_test(_i);
	const int digits = v->real_bits == 32 ? 24 : 53;

	for (uint64_t i = 0; i < CORNERS; i++)
		for (uint64_t j = 0; j < CORNERS; j++)
			for (uint64_t k = 0; k < CORNERS; k++)
				check_fma(v, corner(v, i), corner(v, j), corner(v, k));
	/* Just beside halfway between two neighbours, in the middle of the range and at its end:
	 * the product is 2^k (1 - u^2) and the addend has its last bit at 2^(k + 1). */
	const double u = ldexp(1, 1 - digits), least_normal = least(v) / u;
	const int half_least = ilogb(least(v)) - 1;
	for (int sign = -1; sign <= 1; sign += 2) {
		check_fma(v, sign * (1 - u), 1 + u, sign * ldexp(1, digits));
		check_fma(v, sign * (1 - u), 1 + u, sign * (ldexp(1, digits) + 2));
		for (int from_least = -2; from_least <= 2; from_least++)
			check_fma(v, sign * ldexp(1 - u, half_least / 2),
				  ldexp(1 + u, half_least - half_least / 2),
				  sign * (least_normal + from_least * least(v)));
	}
	/* Addends near the product's negative, its half ULP, and around the denormals. */
	for (uint64_t i = 0; i < 50000; i++) {
		const double a = ulp_uniform(4 * i), b = ulp_uniform(4 * i + 1);
		const double near = ulp_uniform(4 * i + 2);
		const int down = v->real_bits == 32 ? -74 : -537;
		check_fma(v, a, b, -rounded_to(v, a * b));
		check_fma(v, a, b, near);
		check_fma(v, a, b, ldexp(near, digits));
		check_fma(v, a, b, ldexp(near, -digits));
		check_fma(v, 1 + ldexp(1, -digits / 2), 1 + ldexp(1, -(digits - digits / 2)), near);
		check_fma(v, ldexp(a, down), ldexp(b, down), ldexp(near, 2 * down + digits / 2));
	}
}
END_TEST

/* a and b of every pair of corners, and c. */
static double expected(enum simd_map map, double a, double b, double c)
{
	switch ((int)map) {
	case SIMD_min:
		return a < b ? a : b;
	case SIMD_max:
		return a > b ? a : b;
	case SIMD_copysign:
		return copysign(a, b);
	case SIMD_select:
		return a < b ? a : c;
	case SIMD_and:
		return a < b ? c : 0;
	case SIMD_lt:
		return a < b;
	case SIMD_le:
		return a <= b;
	case SIMD_gt:
		return a > b;
	case SIMD_ge:
		return a >= b;
	case SIMD_eq:
		return a == b;
	case SIMD_ne:
		return a != b;
	case SIMD_isnan:
		return !!isnan(a);
	case SIMD_isinf:
		return !!isinf(a);
	case SIMD_isfinite:
		return !!isfinite(a);
	case SIMD_m_and:
		return a < c && b < c;
	case SIMD_m_or:
		return a < c || b < c;
	case SIMD_m_not:
		return !(a < c);
	case SIMD_m_andnot:
		return a < c && !(b < c);
	case SIMD_round:
		return nearbyint(a);
	case SIMD_abs:
		return fabs(a);
	case SIMD_neg:
		return -a;
	}
	ck_abort_msg("no expectation of map %d", (int)map);
}

START_TEST(operations_do_what_c_does)
{
	static const enum simd_map maps[] = {
		SIMD_min,   SIMD_max,      SIMD_copysign, SIMD_select, SIMD_and,   SIMD_lt,
		SIMD_le,    SIMD_gt,       SIMD_ge,       SIMD_eq,     SIMD_ne,    SIMD_isnan,
		SIMD_isinf, SIMD_isfinite, SIMD_m_and,    SIMD_m_or,   SIMD_m_not, SIMD_m_andnot,
		SIMD_round, SIMD_abs,      SIMD_neg,
	};
	const struct simd_variant *v = variant_of_test(_i);

	for (size_t k = 0; k < sizeof maps / sizeof maps[0]; k++)
		for (uint64_t i = 0; i < CORNERS; i++)
			for (uint64_t j = 0; j < CORNERS; j++) {
				const double a = rounded_to(v, corner(v, i));
				const double b = rounded_to(v, corner(v, j));
				expect_map(v, maps[k], a, b, 1.5, expected(maps[k], a, b, 1.5));
			}
}
END_TEST

START_TEST(sqrt_is_correctly_rounded)
{
	const struct simd_variant *v = variant_of_test(_i);
	for (uint64_t i = 0; i < 20000; i++) {
		const double x = rounded_to(v, i < CORNERS ? corner(v, i) : ulp_argument_64(i));
		const double want = v->real_bits == 32 ? (double)sqrtf((float)x) : sqrt(x);
		expect_map(v, SIMD_sqrt, x, 0, 0, want);
	}
}
END_TEST

START_TEST(integers_survive_the_way_to_int_and_back)
{
	const struct simd_variant *v = variant_of_test(_i);
	const double limit = v->real_bits == 32 ? 0x1p24 : 0x1p50;
	for (double x = 1; x <= limit; x = x * 2 + (x < limit / 4)) {
		expect_map(v, SIMD_through_int, x, 0, 0, x);
		expect_map(v, SIMD_through_int, -x, 0, 0, -x);
	}
	expect_map(v, SIMD_through_int, 0, 0, 0, 0);
}
END_TEST

/* Every pattern of a mask, as bits, any and all; m_first(n) for every n. */
START_TEST(masks_report_their_lanes)
{
	const struct simd_variant *v = variant_of_test(_i);
	double x[LANES_MAX], zero[LANES_MAX] = {0};
	const unsigned all_lanes = (1u << v->lanes) - 1;

	for (unsigned bits = 0; bits <= all_lanes; bits++) {
		bool any, all;
		for (int i = 0; i < v->lanes; i++)
			set(v, x, (size_t)i, bits >> i & 1 ? -1 : 1);
		expect(v, "m_bits", bits, 0, 0, v->less(x, zero, &any, &all), bits);
		expect(v, "m_any", bits, 0, 0, any, bits != 0);
		expect(v, "m_all", bits, 0, 0, all, bits == all_lanes);
	}
	for (int n = 0; n <= v->lanes; n++)
		ck_assert_uint_eq(v->first(n), (1u << n) - 1);
}
END_TEST

/* ---- Reductions ------------------------------------------------------------ */

/* The tree the header promises: lanes of groups, then halves of a group. */
static double tree_sum(const struct simd_variant *v, const void *x, const void *y, size_t n)
{
	const size_t group = (size_t)v->group;
	double lane[GROUP_MAX] = {0};
	for (size_t i = 0; i < n; i++) {
		const double a = get(v, x, i);
		lane[i % group] += y ? a * get(v, y, i) : a;
	}
	for (size_t half = group / 2; half > 0; half /= 2)
		for (size_t i = 0; i < half; i++)
			lane[i] += lane[i + half];
	return lane[0];
}

START_TEST(sums_follow_the_fixed_tree)
{
	enum { N = 1000 };
	const struct simd_variant *v = variant_of_test(_i);
	double x[N], y[N];

	for (size_t i = 0; i < N; i++) {
		set(v, x, i, ldexp(ulp_uniform(2 * i), (int)(i % 40)));
		set(v, y, i, ldexp(ulp_uniform(2 * i + 1), (int)(i % 23)));
	}
	for (size_t n = 0; n <= N; n += n < 70 ? 1 : 31) {
		expect(v, "sum", (double)n, 0, 0, v->sum(x, n), tree_sum(v, x, NULL, n));
		expect(v, "sum_products", (double)n, 0, 0, v->sum_products(x, y, n),
		       tree_sum(v, x, y, n));
	}
}
END_TEST

START_TEST(the_maximum_passes_over_nan)
{
	enum { N = 100 };
	const struct simd_variant *v = variant_of_test(_i);
	double x[N] = {0};

	ck_assert_double_eq(v->max(x, 0), -INFINITY);
	for (size_t n = 1; n <= N; n++) {
		double want = -INFINITY;
		for (size_t i = 0; i < n; i++) {
			const uint64_t seed = n * N + i;
			const double value = rounded_to(v, ulp_uniform(seed));
			set(v, x, i, seed % 5 ? value : NAN);
			want = seed % 5 && value > want ? value : want;
		}
		ck_assert_double_eq(v->max(x, n), want);
	}
	set(v, x, 17, INFINITY);
	ck_assert_double_eq(v->max(x, N), INFINITY);
}
END_TEST

/* ---- Memory ---------------------------------------------------------------- */

/* Pages that may be used between two that may not. */
struct guarded {
	char *map, *first, *end;
	size_t map_bytes;
};

static struct guarded guarded_new(size_t bytes)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t inside = (bytes + page - 1) / page * page;
	struct guarded g = {.map_bytes = inside + 2 * page};
	g.map = mmap(NULL, g.map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(g.map, MAP_FAILED);
	g.first = g.map + page;
	g.end = g.first + inside;
	ck_assert_int_eq(mprotect(g.first, inside, PROT_READ | PROT_WRITE), 0);
	return g;
}

static void guarded_free(struct guarded *g)
{
	munmap(g->map, g->map_bytes);
}

START_TEST(tails_stay_inside_their_elements)
{
	const struct simd_variant *v = variant_of_test(_i);
	const size_t size = real_bytes(v);
	struct guarded in = guarded_new(1), out = guarded_new(1);

	for (int n = 0; n <= v->lanes; n++)
		for (int at_end = 0; at_end < 2; at_end++) {
			const size_t bytes = (size_t)n * size;
			char *x = at_end ? in.end - bytes : in.first;
			char *y = at_end ? out.end - bytes : out.first;
			double lanes[LANES_MAX];

			memset(out.first, 0x5a, (size_t)(out.end - out.first));
			for (int i = 0; i < n; i++)
				set(v, x, (size_t)i, i + 1);
			v->copy_n(x, n, -7, lanes, y);
			ck_assert_mem_eq(x, y, bytes);
			for (int i = 0; i < v->lanes; i++)
				ck_assert_double_eq(get(v, lanes, (size_t)i), i < n ? i + 1 : -7);
			for (char *p = out.first; p < out.end; p++)
				if ((p < y || p >= y + bytes) && *p != 0x5a)
					ck_abort_msg("%s: n = %d wrote outside", v->isa, n);
		}
	guarded_free(&in);
	guarded_free(&out);
}
END_TEST

struct shape {
	int rows_n, c, stride;
};

/* What lies between the rows, which nobody may write. */
enum { BETWEEN = -99 };

static size_t rows_extent(struct shape s)
{
	return s.rows_n == 0 ? 0 : (size_t)((s.rows_n - 1) * s.stride + s.c);
}

static double row_element(int i, int j)
{
	return 1 + i * 100 + j;
}

static void check_transposes(const struct simd_variant *v, struct shape s, void *rows, void *tile)
{
	const size_t group = (size_t)v->group, extent = rows_extent(s);

	for (size_t i = 0; i < extent; i++)
		set(v, rows, i, BETWEEN);
	for (int i = 0; i < s.rows_n; i++)
		for (int j = 0; j < s.c; j++)
			set(v, rows, (size_t)(i * s.stride + j), row_element(i, j));
	memset(tile, 0xff, (size_t)s.c * group * real_bytes(v));

	v->transpose_in(tile, rows, s.stride, s.rows_n, s.c);
	for (int j = 0; j < s.c; j++)
		for (int i = 0; i < v->group; i++)
			expect(v, "transpose_in", s.rows_n, i, j,
			       get(v, tile, (size_t)j * group + (size_t)i),
			       i < s.rows_n ? row_element(i, j) : 0);

	for (size_t i = 0; i < extent; i++)
		set(v, rows, i, BETWEEN);
	v->transpose_out(rows, s.stride, tile, s.rows_n, s.c);
	for (size_t i = 0; i < extent; i++) {
		const int row = (int)i / s.stride, column = (int)i % s.stride;
		expect(v, "transpose_out", s.rows_n, row, column, get(v, rows, i),
		       column < s.c ? row_element(row, column) : BETWEEN);
	}
}

START_TEST(transposes_move_rows_to_lanes_and_back)
{
	enum { C_MAX = 67, STRIDE_MORE = 3 };
	const struct simd_variant *v = variant_of_test(_i);
	const size_t size = real_bytes(v);
	struct guarded rows = guarded_new(GROUP_MAX * (C_MAX + STRIDE_MORE) * size);
	struct guarded tile = guarded_new(GROUP_MAX * C_MAX * size);

	for (int c = 1; c <= C_MAX; c += c < 20 ? 1 : 5)
		for (int rows_n = 0; rows_n <= v->group; rows_n++)
			for (int more = 0; more <= STRIDE_MORE; more += STRIDE_MORE) {
				const struct shape s = {rows_n, c, c + more};
				const size_t bytes = rows_extent(s) * size;
				const size_t tile_bytes = (size_t)(c * v->group) * size;
				check_transposes(v, s, rows.first, tile.first);
				check_transposes(v, s, rows.end - bytes, tile.end - tile_bytes);
			}
	guarded_free(&rows);
	guarded_free(&tile);
}
END_TEST

/* ---- The suite ------------------------------------------------------------- */

/* A case of its own for each test, run for all variants. */
static void add(Suite *suite, const char *name, const TTest *test)
{
	TCase *tcase = tcase_create(name);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, test, 0, 2 * simd_variant_count());
	suite_add_tcase(suite, tcase);
}

Suite *simd_suite(void);
Suite *simd_suite(void)
{
	Suite *suite = suite_create("simd");
	TCase *tcase = tcase_create("accuracy");
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, accuracy_is_as_stated, 0, 2 * ULP_FUNCTIONS);
	suite_add_tcase(suite, tcase);

	add(suite, "special", special_values_are_those_of_c);
	add(suite, "tiny", tiny_arguments_come_back);
	add(suite, "extremes", extremes_of_the_dtype);
	add(suite, "scalar", one_number_has_the_bits_of_a_lane);
	add(suite, "exp_neg", exp_neg_has_the_bits_of_exp);
	add(suite, "fma", fma_rounds_once);
	add(suite, "operations", operations_do_what_c_does);
	add(suite, "sqrt", sqrt_is_correctly_rounded);
	add(suite, "integers", integers_survive_the_way_to_int_and_back);
	add(suite, "masks", masks_report_their_lanes);
	add(suite, "sums", sums_follow_the_fixed_tree);
	add(suite, "maximum", the_maximum_passes_over_nan);
	add(suite, "tails", tails_stay_inside_their_elements);
	add(suite, "transposes", transposes_move_rows_to_lanes_and_back);
	return suite;
}
