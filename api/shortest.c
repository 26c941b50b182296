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
 */
#include "shortest.h"

#include "decimal.h"

/* ---- Digits --------------------------------------------------------------- */

/* The value is digits * 10^exponent. */
struct shortest {
	uint64_t digits;
	int exponent;
};

/* One integer, in units of 2^-60. */
static const uint64_t unit = UINT64_C(1) << 60;

/* m * 2^e, m below 2^precision, to its digits; false if in doubt. */
ALWAYS_INLINE bool find_shortest(uint64_t m, int e, bool lower_is_nearer, struct shortest *found)
{
	__extension__ typedef unsigned __int128 uint128;
	int k = -(e * 315653 >> 20);             /* -floor(log10(2^e)) */
	int log2_width = e + (k * 217706 >> 16); /* of 2^e * 10^k: 0 to 3 */
	uint64_t power = api_powers_of_five.leading[k - API_POWER_MIN];
	uint128 product = (uint128)m * power >> (3 - log2_width);
	uint64_t half_width = power >> (4 - log2_width);

	uint64_t whole = (uint64_t)(product >> 60);
	uint64_t fraction = (uint64_t)product & (unit - 1);
	uint64_t tens = whole / 10;
	uint64_t rest = (whole - 10 * tens) * unit + fraction;
	uint64_t error = m + 1;

	/* Which of the two cases it is nobody can predict: no branch for it. */
	uint64_t below = half_width >> lower_is_nearer; /* how far down the interval goes */
	uint64_t above = 10 * unit - half_width;        /* from where it holds the next ten */
	bool near_below = rest + error < below;
	bool near_above = rest > above;
	bool is_ten = near_below | near_above;
	bool ten_in_doubt = (rest <= below + 2) | (rest + error + 2 >= above);
	bool rounds_up = fraction > unit / 2;
	bool rounding_in_doubt = !rounds_up & (fraction + error >= unit / 2);
	*found = (struct shortest){is_ten ? tens + near_above : whole + rounds_up, is_ten - k};
	return is_ten | !(ten_in_doubt | rounding_in_doubt | lower_is_nearer);
}

/* ---- Text ----------------------------------------------------------------- */

/* Zeros in front for "0.00", and behind the 17 digits for what is copied past
 * them. */
enum { ZEROS_ROOM = 8, DIGITS_ROOM = 64 };

/* Eight digits, the first in the lowest byte, each as a number. */
ALWAYS_INLINE uint64_t split_eight(uint64_t value)
{
	uint64_t fours = value / 10000 | (value % 10000) << 32;
	uint64_t hundreds = (fours * 5243 >> 19) & UINT64_C(0x0000007F0000007F);
	uint64_t pairs = hundreds | (fours - 100 * hundreds) << 16;
	uint64_t tens = (pairs * 103 >> 10) & UINT64_C(0x000F000F000F000F);
	return tens | (pairs - 10 * tens) << 8;
}

ALWAYS_INLINE void store_eight(char *out, uint64_t bytes)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	bytes = __builtin_bswap64(bytes);
#endif
	memcpy(out, &bytes, sizeof(bytes));
}

/* value = 0.d1d2...dn * 10^point; there are zeros on both sides of the digits. */
struct figures {
	const char *digits;
	int count, point;
};

/* "1e-05", "1.25e+10" */
ALWAYS_INLINE char *write_scientific(char *out, const struct figures *f, size_t copied)
{
	memcpy(out + 1, f->digits, copied);
	out[0] = f->digits[0];
	out[1] = '.';
	out += f->count + (f->count > 1);

	int exponent = f->point - 1;
	unsigned magnitude = (unsigned)(exponent < 0 ? -exponent : exponent);
	*out++ = 'e';
	*out++ = exponent < 0 ? '-' : '+';
	if (magnitude >= 100) {
		*out++ = (char)('0' + magnitude / 100);
		magnitude %= 100;
	}
	*out++ = (char)('0' + magnitude / 10);
	*out++ = (char)('0' + magnitude % 10);
	return out;
}

/* "12.5" and "0.00123", where the zeros in front count as digits. */
ALWAYS_INLINE char *write_mixed(char *out, const struct figures *f, size_t copied)
{
	int zeros = f->point > 0 ? 0 : 1 - f->point;
	const char *digits = f->digits - zeros;
	int point = f->point + zeros;
	memcpy(out, digits, copied);
	memcpy(out + point + 1, digits + point, copied);
	out[point] = '.';
	return out + f->count + zeros + 1;
}

/* The shorter of the plain and the scientific form, the plain one if they are
 * equally long. */
ALWAYS_INLINE char *write_figures(char *out, const struct figures *f, size_t copied)
{
	int spare = f->count > 1; /* the point of the scientific form */
	if (-f->point > 2 + spare || f->point - f->count > 4 + spare)
		return write_scientific(out, f, copied);
	if (f->point < f->count)
		return write_mixed(out, f, copied);
	memcpy(out, f->digits, copied);
	return out + f->point;
}

/* How many of eight digits are zeros before the first other one, or behind the
 * last: a digit's place in memory is 8 bits of a word. */
ALWAYS_INLINE int zeros_in_front(uint64_t eight)
{
	return __builtin_ctzll(eight | UINT64_C(1) << 63) / 8;
}

ALWAYS_INLINE int zeros_behind(uint64_t eight)
{
	return __builtin_clzll(eight | 1) / 8;
}

/* The number has up to 8 * words + 1 digits. */
ALWAYS_INLINE char *write_text(char *out, const struct shortest *found, int words)
{
	char room[ZEROS_ROOM + DIGITS_ROOM], *digits = room + ZEROS_ROOM;
	const uint64_t eight_digits_end = 100000000;
	uint64_t rest = words == 2 ? found->digits / eight_digits_end : 0;
	uint64_t first = (words == 2 ? rest : found->digits) / eight_digits_end;
	uint64_t middle = split_eight(rest % eight_digits_end);
	uint64_t last = split_eight(found->digits % eight_digits_end);

	memset(room, '0', sizeof(room));
	digits[0] = (char)('0' + first);
	if (words == 2)
		store_eight(digits + 1, middle | UINT64_C(0x3030303030303030));
	store_eight(digits + 8 * words - 7, last | UINT64_C(0x3030303030303030));

	int front = 8 * words - 7 + zeros_in_front(last);
	int behind = zeros_behind(last);
	if (words == 2) {
		front = middle ? 1 + zeros_in_front(middle) : front;
		behind = last ? behind : 8 + zeros_behind(middle);
	}
	front = first ? 0 : front;
	behind = last | middle ? behind : 8 * words;

	struct figures f = {.digits = digits + front, .count = 8 * words + 1 - front - behind};
	f.point = f.count + found->exponent + behind;
	return write_figures(out, &f, 8 * (size_t)words + 8);
}

/* ---- Floats --------------------------------------------------------------- */

/* A whole number beyond the precision is written with all its digits, which are
 * not those of the shortest: that is left to the library. */

char *shortest_float32(char *out, float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof(bits));
	uint32_t fraction = bits & 0x7FFFFF;
	int biased = bits >> 23 & 0xFF;
	struct shortest found;

	char *start = out;
	*out = '-';
	out += bits >> 31;
	if ((bits << 1) == 0) {
		*out = '0';
		return out + 1;
	}
	uint32_t m = biased ? fraction | 0x800000 : fraction;
	int e = (biased ? biased : 1) - 150;
	if (biased >= 127 + 24 || !find_shortest(m, e, fraction == 0 && biased > 1, &found))
		return api_text_of_float32(start, value);
	return write_text(out, &found, 1);
}

char *shortest_float64(char *out, double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof(bits));
	uint64_t fraction = bits & UINT64_C(0xFFFFFFFFFFFFF);
	int biased = (int)(bits >> 52 & 0x7FF);
	struct shortest found;

	char *start = out;
	*out = '-';
	out += bits >> 63;
	if ((bits << 1) == 0) {
		*out = '0';
		return out + 1;
	}
	uint64_t m = biased ? fraction | UINT64_C(1) << 52 : fraction;
	int e = (biased ? biased : 1) - 1075;
	if (biased >= 1023 + 53 || !find_shortest(m, e, fraction == 0 && biased > 1, &found))
		return api_text_of_float64(start, value);
	return write_text(out, &found, 2);
}
