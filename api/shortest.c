/*
 * Let the value be m * 2^e, with neighbours 2^e away: every number closer to it
 * than half of that reads back as it.  Scaled by 10^k so that 1 <= 2^e * 10^k <
 * 10, these are the numbers within a half-width of at least 1/2 and below 5 of x
 * = m * 2^e * 10^k.  Then
 *   - at most one multiple of 10 lies among them; if one does, it is the
 *     shortest, once its zeros at the end are gone;
 *   - if none does, no shorter number than an integer will do, and the integer
 *     nearest to x is among them.
 * (The idea, with other means, is that of Giulietti's "Schubfach".)
 *
 * 10^k is known to 64 bits, cut off, so that x is known to within m units of
 * 2^-60 and the half-width to within 2.  Wherever that leaves a comparison in
 * doubt, the library decides: one float64 in fifty, hardly any float32.  It also
 * decides for powers of two that are not short, whose lower neighbour is nearer.
 *
 * Compiled like a loss, for every instruction set and for float32 and float64.
 * Each pass is a loop over arrays that the compiler makes vectors of, so nothing
 * in it may be a branch, a call, or a product of more than 64 bits.
 */
#include "shortest.h"

#include "numbers_text.h"

#define PASTE_(a, b, c) a##_##b##_##c
#define PASTE(a, b, c)  PASTE_(a, b, c)

#if LOSS_REAL == 32
typedef uint32_t bits_type;
enum { PRECISION = 24, EXPONENT_BITS = 8, WIDE = 0, SCIENTIFIC = 47 };
#else
typedef uint64_t bits_type;
enum { PRECISION = 53, EXPONENT_BITS = 11, WIDE = 1, SCIENTIFIC = 74 };
#endif

enum {
	EXPONENT_MAX = (1 << EXPONENT_BITS) - 1, /* of NaN and infinity */
	BIAS = EXPONENT_MAX / 2,
	DIGITS = WIDE ? 17 : 9, /* that the shortest text has at most */
};

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define EACH          for (int i = 0; i < SHORTEST_BATCH; i++)

/* ---- Arithmetic that compiles to vectors ------------------------------------- */

static const uint64_t low_half = UINT64_C(0xFFFFFFFF);

struct product {
	uint64_t high, low;
};

/* a is below 2^32 of float32. */
ALWAYS_INLINE struct product multiply(uint64_t a, uint64_t b)
{
	uint64_t low = (a & low_half) * (b & low_half), middle = (a & low_half) * (b >> 32);
	uint64_t sum = (low >> 32) + (middle & low_half), high = middle >> 32;

	if (WIDE) {
		uint64_t other = (a >> 32) * (b & low_half);

		sum += other & low_half;
		high += (other >> 32) + (a >> 32) * (b >> 32);
	}
	return (struct product){high + (sum >> 32), sum << 32 | (low & low_half)};
}

/* Of numbers below 10^18 (float64) and 2^30 (float32). */
ALWAYS_INLINE uint64_t divide_by_10(uint64_t x)
{
	return WIDE ? multiply(x, UINT64_C(0xCCCCCCCCCCCCCCCD)).high >> 3 : x * 0x1999999A >> 32;
}

ALWAYS_INLINE uint64_t divide_by_1e8(uint64_t x)
{
	return WIDE ? multiply(x, UINT64_C(0xABCC77118461CEFD)).high >> 26
		    : x * UINT64_C(1441151881) >> 57;
}

/* Below 10^8. */
ALWAYS_INLINE uint64_t divide_by_1e4(uint64_t x)
{
	return x * 109951163 >> 40;
}

/* ---- Digits ----------------------------------------------------------------- */

/* What the passes hand on: the value is digits * 10^exponent. */
struct work {
	uint64_t m[SHORTEST_BATCH], power[SHORTEST_BATCH], digits[SHORTEST_BATCH];
	uint64_t is_ten[SHORTEST_BATCH], is_sure[SHORTEST_BATCH], lower_is_nearer[SHORTEST_BATCH];
	int32_t k[SHORTEST_BATCH], shift[SHORTEST_BATCH], is_odd[SHORTEST_BATCH];
	int32_t count[SHORTEST_BATCH], exponent[SHORTEST_BATCH];
};

/* A whole number beyond the precision, and not so large that the scientific form
 * is shorter, is written with all its digits, which are not those of the
 * shortest: that is left to the library, like what is not finite. */
ALWAYS_INLINE void take_apart(struct work *w, struct shortest_batch *batch, const bits_type *bits)
{
	EACH
	{
		bits_type fraction = bits[i] & (((bits_type)1 << (PRECISION - 1)) - 1);
		int biased = (int)(bits[i] >> (PRECISION - 1)) & EXPONENT_MAX, normal = biased > 0;
		int e = biased + !normal - (BIAS + PRECISION - 1);
		int k = -(e * 315653 >> 20); /* -floor(log10(2^e)) */
		int beyond = biased - BIAS;

		w->m[i] = fraction | (uint64_t)normal << (PRECISION - 1);
		w->k[i] = k;
		w->shift[i] = 3 - (e + (k * 217706 >> 16)); /* 3 - log2(2^e * 10^k) */
		w->lower_is_nearer[i] = (fraction == 0) & (biased > 1);
		w->is_odd[i] =
			((beyond >= PRECISION) & (beyond < SCIENTIFIC)) | (biased == EXPONENT_MAX);
		batch->negative[i] = (int32_t)(bits[i] >> (8 * sizeof *bits - 1));
	}
}

ALWAYS_INLINE void look_up_powers(struct work *w)
{
	const uint64_t *powers = api_powers_of_five.leading;

	EACH w->power[i] = powers[w->k[i] - API_POWER_MIN] >> w->shift[i];
}

/* Below, an integer is 2^60 units. */
ALWAYS_INLINE void find_digits(struct work *w)
{
	const uint64_t unit = UINT64_C(1) << 60;

	EACH
	{
		uint64_t m = w->m[i], half_width = w->power[i] >> 1;
		struct product x = multiply(m, w->power[i]);
		uint64_t whole = x.high << 4 | x.low >> 60, fraction = x.low & (unit - 1);
		uint64_t tens = divide_by_10(whole);
		uint64_t rest = ((whole - 10 * tens) << 60) + fraction, error = m + 1;
		/* How far down the interval goes, and from where it holds the next ten. */
		uint64_t below = half_width >> w->lower_is_nearer[i];
		uint64_t above = 10 * unit - half_width;
		uint64_t near_below = rest + error<below, near_above = rest> above;
		uint64_t is_ten = near_below | near_above;
		uint64_t ten_in_doubt = (rest <= below + 2) | (rest + error + 2 >= above);
		uint64_t rounds_up = fraction > unit / 2;
		uint64_t rounding_in_doubt = !rounds_up & (fraction + error >= unit / 2);

		w->digits[i] = is_ten ? tens + near_above : whole + rounds_up;
		w->is_ten[i] = is_ten;
		w->is_sure[i] =
			is_ten | !(ten_in_doubt | rounding_in_doubt | w->lower_is_nearer[i]);
	}
}

/* ---- Digits as characters ----------------------------------------------------- */

/* Eight digits, the first in the lowest byte, each as a number. */
ALWAYS_INLINE uint64_t split_eight(uint64_t value)
{
	uint64_t upper = divide_by_1e4(value), fours = upper | (value - 10000 * upper) << 32;
	uint64_t hundreds = (fours * 5243 >> 19) & UINT64_C(0x0000007F0000007F);
	uint64_t pairs = hundreds | (fours - 100 * hundreds) << 16;
	uint64_t tens = (pairs * 103 >> 10) & UINT64_C(0x000F000F000F000F);
	return tens | (pairs - 10 * tens) << 8;
}

static const uint64_t every_byte = UINT64_C(0x0101010101010101);

/* How many of eight digits are not zeros behind the last other one. */
ALWAYS_INLINE uint64_t without_zeros(uint64_t eight)
{
	eight |= eight >> 8;
	eight |= eight >> 16;
	eight |= eight >> 32;
	/* Now a byte is 0 where all that follow are. */
	return ((eight + 0x7F * every_byte) >> 7 & every_byte) * every_byte >> 56;
}

static const uint64_t powers_of_ten[] = {
	1,
	10,
	100,
	1000,
	10000,
	100000,
	1000000,
	10000000,
	100000000,
	1000000000,
	10000000000,
	100000000000,
	1000000000000,
	10000000000000,
	100000000000000,
	1000000000000000,
	10000000000000000,
};

/* Moves the digits up until the first of DIGITS is not 0, so that each has its
 * place. */
ALWAYS_INLINE void justify(struct work *w)
{
	EACH
	{
		int32_t digits = 1;

#pragma GCC unroll 16
		for (int k = 1; k < DIGITS; k++)
			digits += w->digits[i] >= powers_of_ten[k];
		w->count[i] = digits;
	}
	EACH w->exponent[i] = w->m[i] > 0 ? (int32_t)w->is_ten[i] - w->k[i] : 0;
	EACH w->digits[i] *= powers_of_ten[DIGITS - w->count[i]];
}

ALWAYS_INLINE void spell(struct work *w, struct shortest_batch *batch, int32_t *count)
{
	const uint64_t zeros = '0' * every_byte;

	EACH
	{
		uint64_t upper = divide_by_1e8(w->digits[i]);
		uint64_t leading = WIDE ? divide_by_1e8(upper) : upper;
		uint64_t last = split_eight(w->digits[i] - 100000000 * upper);
		uint64_t behind = without_zeros(last);

		if (WIDE) {
			uint64_t middle = split_eight(upper - 100000000 * leading);

			batch->digits[0][i] = (leading | middle << 8) + zeros;
			batch->digits[1][i] = (middle >> 56 | last << 8) + zeros;
			batch->digits[2][i] = (last >> 56) + zeros;
			behind = last > 0 ? 8 + behind : without_zeros(middle);
		} else {
			batch->digits[0][i] = (leading | last << 8) + zeros;
			batch->digits[1][i] = (last >> 56) + zeros;
		}
		count[i] = (int32_t)(1 + behind);
	}
}

/* ---- Text ----------------------------------------------------------------- */

/* "e-05,", "e+10,", "e+100,", the first character lowest. */
ALWAYS_INLINE uint64_t exponent_text(int exponent)
{
	unsigned size = (unsigned)(exponent < 0 ? -exponent : exponent);
	unsigned hundreds = WIDE ? size * 41 >> 12 : 0, below = size - 100 * hundreds;
	unsigned tens = below * 103 >> 10, ones = below - 10 * tens;
	uint64_t text = ('0' + tens) | ('0' + ones) << 8 | ',' << 16;

	if (WIDE)
		text = hundreds > 0 ? text << 8 | ('0' + hundreds) : text;
	return 'e' | (exponent < 0 ? '-' : '+') << 8 | text << 16;
}

/* The shorter of the plain and the scientific form, the plain one if they are
 * equally long. */
ALWAYS_INLINE void arrange(const struct work *w, struct shortest_batch *batch,
			   const int32_t *counts)
{
	EACH
	{
		int count = counts[i],
		    point = w->count[i] + w->exponent[i]; /* 0.d1d2... * 10^point */
		int spare = count > 1;                    /* the point of the scientific form */
		int scientific = (-point > 2 + spare) | (point - count > 4 + spare);
		int small = !scientific & (point <= 0), plain = !(scientific | small);
		int exponent = point - 1, hundreds = (exponent >= 100) | (exponent <= -100);
		/* Digits in front of the point; of a small number, more than there are. */
		int whole = small ? SHORTEST_DIGITS : scientific ? 1 : point;
		int length = count + (count > whole);

		length = (plain & (length < point)) ? point : length;
		batch->suffix[i] = scientific ? exponent_text(exponent) : ',';
		batch->zeros[i] = small ? 2 - point : 0;
		batch->point[i] = whole;
		batch->length[i] = batch->negative[i] + batch->zeros[i] + length;
		length = batch->length[i] + (scientific ? 4 + hundreds : 0);
		batch->bytes[i] = w->is_sure[i] > 0 && !w->is_odd[i] ? length : 0;
	}
}

shortest_fn PASTE(shortest, LOSS_ISA, LOSS_REAL);

void PASTE(shortest, LOSS_ISA, LOSS_REAL)(struct shortest_batch *batch, const void *values)
{
	bits_type bits[SHORTEST_BATCH];
	int32_t count[SHORTEST_BATCH];
	struct work work;

	memcpy(bits, values, sizeof bits);
	take_apart(&work, batch, bits);
	look_up_powers(&work);
	find_digits(&work);
	justify(&work);
	spell(&work, batch, count);
	arrange(&work, batch, count);
}
