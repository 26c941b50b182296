/*
 * The vocabulary of lib/simd on arrays, for the tests: compiled like a loss,
 * once per ISA and dtype, with the same flags.
 */
#include "lib/simd/math.h"
#include "simd_variant.h"

static inline real scalar_exp(real x)
{
	return s_exp(x);
}

static inline real scalar_log(real x)
{
	return s_log(x);
}

static inline real scalar_expm1(real x)
{
	return s_expm1(x);
}

static inline real scalar_log1p(real x)
{
	return s_log1p(x);
}

INLINE vec each_lane(vec x, real (*f)(real))
{
	for (int i = 0; i < LANES; i++)
		x[i] = f(x[i]);
	return x;
}

INLINE vec one_where(mask m)
{
	return v_and(m, v_set(1));
}

#define X(name, value)                                                                             \
	INLINE vec value_##name(vec a, vec b, vec c)                                               \
	{                                                                                          \
		(void)b, (void)c;                                                                  \
		return value;                                                                      \
	}                                                                                          \
	static void map_##name(const void *pa, const void *pb, const void *pc, void *out,          \
			       size_t n)                                                           \
	{                                                                                          \
		const real *a = pa, *b = pb, *c = pc;                                              \
		real *y = out;                                                                     \
		size_t i = 0;                                                                      \
		for (; i + LANES <= n; i += LANES)                                                 \
			v_store(y + i, value_##name(v_load(a + i), v_load(b + i), v_load(c + i))); \
		const int rest = (int)(n - i);                                                     \
		v_store_n(y + i,                                                                   \
			  value_##name(v_load_n(a + i, rest, 1), v_load_n(b + i, rest, 1),         \
				       v_load_n(c + i, rest, 1)),                                  \
			  rest);                                                                   \
	}
SIMD_MAPS(X)
#undef X

/* Register r of the group at x, of which n elements exist. */
static vec load_in_group(const real *x, size_t n, int r, real fill)
{
	const size_t at = (size_t)r * LANES;
	if (at + LANES <= n)
		return v_load(x + at);
	return at < n ? v_load_n(x + at, (int)(n - at), fill) : v_set(fill);
}

static double sum(const void *px, size_t n)
{
	const real *x = px;
	struct acc total = acc_zero();
	for (size_t i = 0; i < n; i += GROUP)
		UNROLL for (int r = 0; r < REGS; r++)
			acc_add(&total, r, load_in_group(x + i, n - i, r, 0));
	return acc_sum(&total);
}

static double sum_products(const void *px, const void *py, size_t n)
{
	const real *x = px, *y = py;
	struct acc total = acc_zero();
	for (size_t i = 0; i < n; i += GROUP)
		UNROLL for (int r = 0; r < REGS; r++)
			acc_add_mul(&total, r, load_in_group(x + i, n - i, r, 0),
				    load_in_group(y + i, n - i, r, 0));
	return acc_sum(&total);
}

static double max(const void *px, size_t n)
{
	const real *x = px;
	struct gmax most = gmax_init();
	for (size_t i = 0; i < n; i += GROUP)
		UNROLL for (int r = 0; r < REGS; r++)
			gmax_add(&most, r, load_in_group(x + i, n - i, r, (real)NAN));
	return gmax_result(&most);
}

static void copy_n(const void *x, int n, double fill, void *lanes, void *out)
{
	const vec v = v_load_n(x, n, (real)fill);
	v_store(lanes, v);
	v_store_n(out, v, n);
}

static unsigned less(const void *x, const void *y, bool *any, bool *all)
{
	const mask m = v_lt(v_load(x), v_load(y));
	*any = m_any(m);
	*all = m_all(m);
	return m_bits(m);
}

static unsigned first(int n)
{
	return m_bits(m_first(n));
}

static void in(void *tile, const void *rows, int64_t row_stride, int rows_n, int c)
{
	transpose_in(tile, rows, row_stride, rows_n, c);
}

static void out(void *rows, int64_t row_stride, const void *tile, int rows_n, int c)
{
	transpose_out(rows, row_stride, tile, rows_n, c);
}

#define STRING_(x)          #x
#define STRING(x)           STRING_(x)
#define VARIANT_(isa, bits) simd_variant_##isa##_##bits
#define VARIANT(isa, bits)  VARIANT_(isa, bits)

const struct simd_variant VARIANT(LOSS_ISA, LOSS_REAL) = {
	.isa = STRING(LOSS_ISA),
	.real_bits = LOSS_REAL,
	.lanes = LANES,
	.group = GROUP,
	.map =
		{
#define X(name, value) [SIMD_##name] = map_##name,
			SIMD_MAPS(X)
#undef X
		},
	.sum = sum,
	.sum_products = sum_products,
	.max = max,
	.copy_n = copy_n,
	.less = less,
	.first = first,
	.transpose_in = in,
	.transpose_out = out,
};
