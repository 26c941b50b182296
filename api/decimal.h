/*
 * The text of one number to its value: fast paths that are exact where they
 * answer at all, and the exact way for the rest.  Private to numbers_read.c and
 * document.c.
 *
 * The text is read as digits * 10^exponent with 64-bit digits.  Then:
 *
 * FLOAT32, usual exponents.  Digits times the double nearest to 10^exponent is
 * wrong by three roundings at most, each 2^-53 of the value: less than 4 units
 * in the last place of a double.  A double has 29 bits more than a float; unless
 * these come within 4 of one half, the float nearest to the product is the
 * float nearest to the number.
 *
 * FLOAT64, few digits.  A whole number up to 2^53 and a power of ten up to
 * 10^22 are doubles, and their quotient is rounded once (Clinger 1990).
 *
 * THE REST, by one product of integers.  Let W be the digits, shifted left until
 * the highest bit is set, and T the leading 64 bits of 5^exponent, cut off: the
 * true power is in [T, T + 1).  The product W * T is high * 2^64 + low, and the
 * true product lies in [W * T, W * T + W): its upper word is high plus 0, 1 and
 * a fraction.  high has at most one leading zero; shifted out, it is off by less
 * than 4.  Let rest be the bits below the precision of the destination and half
 * the highest of them alone.  The true remainder lies in [rest, rest + 4): below
 * half if rest + 4 <= half, above half if rest > half, and then rounding is
 * certain.  (Where it reaches the next multiple it passes it by less than 4: it
 * rounds to that multiple, as rest > half would have it.)  The four values in
 * doubt, one double in five hundred, go the exact way; so do subnormals,
 * overflows, digits beyond 64 bits, and everything that is not a plain number.
 */
#ifndef API_DECIMAL_H
#define API_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "numbers_text.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define LIKELY(x)     __builtin_expect(!!(x), 1)

/* ---- The exact way -------------------------------------------------------- */

/* Checks JSON's grammar of a number at `text`.  Returns the byte behind it, or
 * NULL, with *at where it is wrong and *why in words. */
const char *decimal_check(const char *text, const char *end, const char **at, const char **why);

/* The value of a checked number; see numbers_text.h. Any length. */
float decimal_exact_float32(const char *text, size_t bytes);
double decimal_exact_float64(const char *text, size_t bytes);

enum decimal_integer { DECIMAL_INTEGER, DECIMAL_FRACTION, DECIMAL_TOO_LARGE };
enum decimal_integer decimal_exact_int64(const char *text, size_t bytes, int64_t *value);

/* ---- The fast path: text -------------------------------------------------- */

struct decimal {
	uint64_t digits;
	int exponent;
	bool negative;
};

/* decimal_scan() looks at no more than API_LOOKAHEAD_BYTES. */

enum { DECIMAL_WHOLE_DIGITS_MAX = 18, DECIMAL_FRACTION_WORDS = 3, DECIMAL_EXPONENT_DIGITS_MAX = 3 };

/* The value of 8 digits, the first in the lowest byte: neighbours are joined to
 * pairs, pairs to fours, fours to the whole. */
ALWAYS_INLINE uint64_t eight_digits(uint64_t digits)
{
	digits = digits * 10 + (digits >> 8);
	digits = (digits & UINT64_C(0x00FF00FF00FF00FF)) * 100 +
		 (digits >> 16 & UINT64_C(0x00FF00FF00FF00FF));
	return (digits & UINT64_C(0x0000FFFF0000FFFF)) * 10000 % (UINT64_C(1) << 32) +
	       (digits >> 32 & 0xFFFF);
}

/* Eight bytes, the first lowest. */
ALWAYS_INLINE uint64_t load_eight(const char *text)
{
	uint64_t bytes;
	memcpy(&bytes, text, sizeof(bytes));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	bytes = __builtin_bswap64(bytes);
#endif
	return bytes;
}

/* *digits * scale + more, false if that does not fit. */
ALWAYS_INLINE bool append_digits(uint64_t *digits, uint64_t scale, uint64_t more)
{
	return !__builtin_mul_overflow(*digits, scale, digits) &&
	       !__builtin_add_overflow(*digits, more, digits);
}

/* The digits of a fraction, eight at a time; the byte behind them, NULL if
 * there is none or there are too many. */
ALWAYS_INLINE const char *scan_fraction(const char *text, uint64_t *digits)
{
	static const uint64_t powers_of_ten[8] = {1,     10,     100,     1000,
						  10000, 100000, 1000000, 10000000};
	const char *begin = text;
	for (int word = 0; word < DECIMAL_FRACTION_WORDS; word++) {
		uint64_t bytes = load_eight(text) ^ UINT64_C(0x3030303030303030);
		/* The high bit of every byte that is no digit.  Carries only go up:
		 * the lowest such bit is right, and only that one is used. */
		uint64_t other = ((bytes + UINT64_C(0x7676767676767676)) | bytes) &
				 UINT64_C(0x8080808080808080);
		if (other) {
			unsigned count = (unsigned)__builtin_ctzll(other) / 8;
			/* What follows the digits falls off at the top. */
			uint64_t last = eight_digits(bytes << 8 << (56 - 8 * count));
			text += count;
			if (text == begin || !append_digits(digits, powers_of_ten[count], last))
				return NULL;
			return text;
		}
		if (!append_digits(digits, 100000000, eight_digits(bytes)))
			return NULL;
		text += 8;
	}
	return NULL;
}

ALWAYS_INLINE const char *scan_exponent(const char *text, int *exponent)
{
	bool negative = *text == '-';
	text += negative || *text == '+';
	const char *begin = text;
	int written = 0;
	unsigned digit;
	for (; (digit = (unsigned)(*text - '0')) <= 9; text++) {
		if (text - begin == DECIMAL_EXPONENT_DIGITS_MAX)
			return NULL;
		written = written * 10 + (int)digit;
	}
	*exponent += negative ? -written : written;
	return text == begin ? NULL : text;
}

/* Reads a number; the byte behind it, NULL if it is not one for the fast path. */
ALWAYS_INLINE const char *decimal_scan(const char *text, struct decimal *decimal)
{
	decimal->negative = *text == '-';
	text += decimal->negative;

	const char *begin = text;
	unsigned digit = (unsigned)(*text - '0');
	uint64_t digits = digit;
	if (digit > 9)
		return NULL;
	while ((digit = (unsigned)(*++text - '0')) <= 9) {
		if (digits == 0 || text - begin >= DECIMAL_WHOLE_DIGITS_MAX)
			return NULL;
		digits = digits * 10 + digit;
	}
	decimal->digits = digits;
	decimal->exponent = 0;
	if (*text == '.') {
		begin = text + 1;
		text = scan_fraction(begin, &decimal->digits);
		if (!text)
			return NULL;
		decimal->exponent = (int)(begin - text);
	}
	if ((*text | 0x20) == 'e')
		return scan_exponent(text + 1, &decimal->exponent);
	return text;
}

/* ---- The fast path: value ------------------------------------------------- */

/* The bits of the nearest value with `precision` bits (the leading one
 * included) and biased exponents below `exponent_max` (that of the infinities),
 * without a sign; false where that is not certain. */
ALWAYS_INLINE bool decimal_round(const struct decimal *decimal, int precision, int exponent_max,
				 uint64_t *bits)
{
	unsigned row = (unsigned)(decimal->exponent - API_POWER_MIN);
	if (decimal->digits == 0) {
		*bits = 0;
		return true;
	}
	if (row > API_POWER_MAX - API_POWER_MIN)
		return false;

	int shift = __builtin_clzll(decimal->digits);
	__extension__ typedef unsigned __int128 uint128;
	uint128 product = (uint128)(decimal->digits << shift) * api_powers_of_five.leading[row];
	uint64_t high = (uint64_t)(product >> 64);
	int zero = (int)(~high >> 63);
	high <<= zero;

	int below = 64 - precision;
	uint64_t half = UINT64_C(1) << (below - 1);
	if (((high + 3 - half) & (2 * half - 1)) <= 3)
		return false;
	uint64_t mantissa = ((high >> (below - 1)) + 1) >> 1;

	/* floor(log2(10^exponent)) for any exponent in the table */
	int log2_power = decimal->exponent * 217706 >> 16;
	int exponent = log2_power - shift - zero + 64 + exponent_max / 2;
	if ((unsigned)(exponent - 1) >= (unsigned)(exponent_max - 1))
		return false;
	/* The leading one of the mantissa adds 1 to the exponent, or 2 if it was
	 * rounded up to the next power of two. */
	*bits = ((uint64_t)(exponent - 1) << (precision - 1)) + mantissa;
	return *bits < (uint64_t)exponent_max << (precision - 1);
}

/* 10^-37 times one digit is still no subnormal of float32, and 2^63 no overflow. */
enum { DECIMAL_TENTHS_MAX = 37, DECIMAL_EXACT_TENS_MAX = 22 };
extern const double decimal_tenths[DECIMAL_TENTHS_MAX + 1]; /* nearest to 10^-i */
extern const double decimal_tens[DECIMAL_EXACT_TENS_MAX + 1];

ALWAYS_INLINE bool decimal_float32(const struct decimal *decimal, float *value)
{
	unsigned places = 0 - (unsigned)decimal->exponent;
	uint32_t word;
	if (LIKELY(places <= DECIMAL_TENTHS_MAX && decimal->digits <= INT64_MAX)) {
		double product = (double)(int64_t)decimal->digits * decimal_tenths[places];
		uint64_t bits;
		memcpy(&bits, &product, sizeof(bits));
		if (((bits + 4 - (1 << 28)) & ((1 << 29) - 1)) <= 8)
			return false;
		float magnitude = (float)product;
		memcpy(&word, &magnitude, sizeof(word));
	} else {
		uint64_t bits;
		if (!decimal_round(decimal, 24, 255, &bits))
			return false;
		word = (uint32_t)bits;
	}
	word |= (uint32_t)decimal->negative << 31;
	memcpy(value, &word, sizeof(word));
	return true;
}

ALWAYS_INLINE bool decimal_float64(const struct decimal *decimal, double *value)
{
	unsigned places = 0 - (unsigned)decimal->exponent;
	uint64_t bits;
	if (places <= DECIMAL_EXACT_TENS_MAX && decimal->digits <= UINT64_C(1) << 53) {
		double magnitude = (double)(int64_t)decimal->digits / decimal_tens[places];
		memcpy(&bits, &magnitude, sizeof(bits));
	} else if (!decimal_round(decimal, 53, 2047, &bits)) {
		return false;
	}
	bits |= (uint64_t)decimal->negative << 63;
	memcpy(value, &bits, sizeof(bits));
	return true;
}

/* A whole number, as such or with zeros behind the point. */
ALWAYS_INLINE bool decimal_int64(const struct decimal *decimal, int64_t *value)
{
	uint64_t digits = decimal->digits;
	int exponent = decimal->exponent;
	for (; exponent < 0 && digits % 10 == 0 && digits > 0; exponent++)
		digits /= 10;
	if (exponent != 0 || digits > INT64_MAX)
		return false;
	*value = decimal->negative ? -(int64_t)digits : (int64_t)digits;
	return true;
}

#endif
