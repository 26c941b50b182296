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

/* The text is put together in registers and stored piece over piece: reading
 * back what was just stored byte by byte would wait for the stores. */
__extension__ typedef unsigned __int128 sixteen; /* characters, the first lowest */

/* value = 0.d1d2...dn * 10^point.  '0' follows the digits. */
struct figures {
	sixteen digits;
	char seventeenth;
	int count, point;
};

ALWAYS_INLINE void store_eight(char *out, uint64_t characters)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	characters = __builtin_bswap64(characters);
#endif
	memcpy(out, &characters, sizeof(characters));
}

ALWAYS_INLINE void store_sixteen(char *out, sixteen characters)
{
	store_eight(out, (uint64_t)characters);
	store_eight(out + 8, (uint64_t)(characters >> 64));
}

/* "1e-05", "1.25e+10" */
ALWAYS_INLINE char *write_scientific(char *out, const struct figures *f)
{
	store_sixteen(out + 2, f->digits >> 8);
	out[0] = (char)f->digits;
	out[1] = '.';
	out[17] = f->seventeenth;
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

/* "12.5" and "0.00125".  Which of the two it is nobody can predict. */
ALWAYS_INLINE char *write_point(char *out, const struct figures *f)
{
	bool small = f->point <= 0;
	int whole = small ? 0 : f->point;     /* digits in front of the point */
	int zeros = small ? 2 - f->point : 0; /* "0.00" in front of the digits */
	int rest = small ? zeros : whole + 1; /* where the digits behind it go */

	store_eight(out, UINT64_C(0x3030303030302E30));
	store_sixteen(out + zeros, f->digits);
	store_sixteen(out + rest, f->digits >> (8 * whole));
	out[small ? 1 : whole] = '.';
	out[16 + rest - whole] = f->seventeenth;
	return out + f->count + rest - whole;
}

/* The shorter of the plain and the scientific form, the plain one if they are
 * equally long. */
ALWAYS_INLINE char *write_figures(char *out, const struct figures *f)
{
	int spare = f->count > 1; /* the point of the scientific form */
	if (-f->point > 2 + spare || f->point - f->count > 4 + spare)
		return write_scientific(out, f);
	if (f->point < f->count)
		return write_point(out, f);
	store_sixteen(out, f->digits);
	return out + f->point;
}

/* Eight digits, the first in the lowest byte, each as a number. */
ALWAYS_INLINE uint64_t split_eight(uint64_t value)
{
	uint64_t fours = value / 10000 | (value % 10000) << 32;
	uint64_t hundreds = (fours * 5243 >> 19) & UINT64_C(0x0000007F0000007F);
	uint64_t pairs = hundreds | (fours - 100 * hundreds) << 16;
	uint64_t tens = (pairs * 103 >> 10) & UINT64_C(0x000F000F000F000F);
	return tens | (pairs - 10 * tens) << 8;
}

/* How many digits are zeros before the first other one, or behind the last. */
ALWAYS_INLINE int zeros_in_front(uint64_t eight)
{
	return __builtin_ctzll(eight | UINT64_C(1) << 63) / 8;
}

ALWAYS_INLINE int zeros_behind(uint64_t eight)
{
	return __builtin_clzll(eight | 1) / 8;
}

/* A leading digit, which may be 0, and eight or sixteen more. */
ALWAYS_INLINE void set_figures(struct figures *f, uint64_t first, uint64_t middle, uint64_t last,
			       bool wide)
{
	int digits = wide ? 16 : 8;
	int front =
		wide && !middle ? 8 + zeros_in_front(last) : zeros_in_front(wide ? middle : last);
	int behind = wide && !last ? 8 + zeros_behind(middle) : zeros_behind(last);
	sixteen others = wide ? (sixteen)last << 64 | middle : last;
	const sixteen zeros =
		(sixteen)UINT64_C(0x3030303030303030) << 64 | UINT64_C(0x3030303030303030);

	behind = (middle | last) == 0 ? digits : behind;
	f->seventeenth = (char)('0' + (wide && first ? last >> 56 : 0));
	f->digits = (first ? first | others << 8 : others >> (8 * front)) | zeros;
	f->count = digits - behind + (first ? 1 : -front);
	f->point = digits + (first ? 1 : -front);
}

/* The number has up to 17 digits, or up to 9 if it is not wide. */
ALWAYS_INLINE char *write_text(char *out, const struct shortest *found, bool wide)
{
	const uint64_t unit_of_eight = 100000000;
	uint64_t upper = found->digits / unit_of_eight;
	uint64_t last = split_eight(found->digits % unit_of_eight);
	struct figures f;

	if (wide)
		set_figures(&f, upper / unit_of_eight, split_eight(upper % unit_of_eight), last,
			    true);
	else
		set_figures(&f, upper, 0, last, false);
	f.point += found->exponent;
	return write_figures(out, &f);
}

/* ---- Floats --------------------------------------------------------------- */

/* A whole number beyond the precision, and not so large that the scientific form
 * is shorter, is written with all its digits, which are not those of the
 * shortest: that is left to the library. */
ALWAYS_INLINE bool is_written_in_full(int exponent, int precision, int scientific)
{
	return exponent >= precision && exponent < scientific;
}

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
	if (is_written_in_full(biased - 127, 24, 47) ||
	    !find_shortest(m, e, fraction == 0 && biased > 1, &found))
		return api_text_of_float32(start, value);
	return write_text(out, &found, false);
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
	if (is_written_in_full(biased - 1023, 53, 74) ||
	    !find_shortest(m, e, fraction == 0 && biased > 1, &found))
		return api_text_of_float64(start, value);
	return write_text(out, &found, true);
}
