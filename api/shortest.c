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

/* A choice that nobody can predict, and the compiler shall not make a branch. */
ALWAYS_INLINE uint64_t choose(bool condition, uint64_t yes, uint64_t no)
{
	uint64_t mask = 0 - (uint64_t)condition;
	__asm__("" : "+r"(mask));
	return no ^ ((yes ^ no) & mask);
}

ALWAYS_INLINE int choose_int(bool condition, int yes, int no)
{
	int mask = 0 - (int)condition;
	__asm__("" : "+r"(mask));
	return no ^ ((yes ^ no) & mask);
}

/* m * 2^e, m below 2^precision, to its digits; false if in doubt. */
ALWAYS_INLINE bool find_shortest(uint64_t m, int e, bool lower_is_nearer, struct shortest *found)
{
	__extension__ typedef unsigned __int128 uint128;
	int k = -(e * 315653 >> 20);             /* -floor(log10(2^e)) */
	int log2_width = e + (k * 217706 >> 16); /* of 2^e * 10^k: 0 to 3 */
	uint64_t power = api_powers_of_five.leading[k - API_POWER_MIN] >> (3 - log2_width);
	uint128 product = (uint128)m * power;
	uint64_t half_width = power >> 1;

	uint64_t whole = (uint64_t)(product >> 60);
	uint64_t fraction = (uint64_t)product & (unit - 1);
	uint64_t tens = whole / 10;
	uint64_t rest = (whole - 10 * tens) * unit + fraction;
	uint64_t error = m + 1;

	uint64_t below = half_width >> lower_is_nearer; /* how far down the interval goes */
	uint64_t above = 10 * unit - half_width;        /* from where it holds the next ten */
	bool near_below = rest + error < below;
	bool near_above = rest > above;
	bool is_ten = near_below | near_above;
	bool ten_in_doubt = (rest <= below + 2) | (rest + error + 2 >= above);
	bool rounds_up = fraction > unit / 2;
	bool rounding_in_doubt = !rounds_up & (fraction + error >= unit / 2);
	found->digits = choose(is_ten, tens + near_above, whole + rounds_up);
	found->exponent = (is_ten - k) & (0 - (m > 0));
	return is_ten | !(ten_in_doubt | rounding_in_doubt | lower_is_nearer);
}

/* ---- Digits as characters --------------------------------------------------- */

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

/* A text of eight characters, the first lowest, as it lies in memory. */
ALWAYS_INLINE uint64_t in_memory(uint64_t characters)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return __builtin_bswap64(characters);
#else
	return characters;
#endif
}

ALWAYS_INLINE void store_eight(char *out, uint64_t characters)
{
	characters = in_memory(characters);
	memcpy(out, &characters, sizeof(characters));
}

static const uint64_t zeros = UINT64_C(0x3030303030303030);

/* Where the digits stand in t->digits: a leading one, eight of `middle` if the
 * number is wide, eight of `last`, and zeros behind them. */
struct place {
	int first, count; /* without zeros in front and behind; 0 has one digit */
	int units;        /* behind the digit of the units */
};

/* Where the digits end if the last eight are zeros. */
ALWAYS_INLINE int end_before(uint64_t leading, uint64_t middle)
{
	if (middle > 0)
		return 16 - zeros_behind(middle);
	return leading > 0 ? 8 : 24;
}

ALWAYS_INLINE struct place place_wide(struct shortest_text *t, uint64_t digits)
{
	const uint64_t unit_of_eight = 100000000;
	uint64_t upper = digits / unit_of_eight, leading = upper / unit_of_eight;
	uint64_t middle = split_eight(upper - leading * unit_of_eight);
	uint64_t last = split_eight(digits - upper * unit_of_eight);
	int first = LIKELY(middle > 0) ? 8 + zeros_in_front(middle) : 16 + zeros_in_front(last);
	int end = LIKELY(last > 0) ? 24 - zeros_behind(last) : end_before(leading, middle);

	store_eight(t->digits, leading << 56 | zeros);
	store_eight(t->digits + 8, middle | zeros);
	store_eight(t->digits + 16, last | zeros);
	store_eight(t->digits + 24, zeros);
	first = choose_int(leading > 0, 7, first);
	return (struct place){first, end - first, 24};
}

/* Up to 199999999. */
ALWAYS_INLINE struct place place_narrow(struct shortest_text *t, uint64_t digits)
{
	bool leading = digits >= 100000000;
	uint64_t last = split_eight(digits - choose(leading, 100000000, 0));
	int first = choose_int(leading, 7, 8 + zeros_in_front(last));
	int end = LIKELY(last > 0) ? 16 - zeros_behind(last) : leading ? 8 : 16;

	store_eight(t->digits, (uint64_t)leading << 56 | zeros);
	store_eight(t->digits + 8, last | zeros);
	store_eight(t->digits + 16, zeros);
	return (struct place){first, end - first, 16};
}

/* ---- Text ----------------------------------------------------------------- */

/* "e-05,", "e+10,", "e+100,", the first character lowest; *bytes without the
 * comma. */
ALWAYS_INLINE uint64_t exponent_text(int exponent, bool wide, int *bytes)
{
	static const char pairs[] = "00010203040506070809"
				    "10111213141516171819"
				    "20212223242526272829"
				    "30313233343536373839"
				    "40414243444546474849"
				    "50515253545556575859"
				    "60616263646566676869"
				    "70717273747576777879"
				    "80818283848586878889"
				    "90919293949596979899";
	int negative = -(exponent < 0); /* all ones, or none */
	unsigned magnitude = (unsigned)((exponent ^ negative) - negative);
	unsigned hundreds = wide ? magnitude * 41 >> 12 : 0;
	uint16_t below;

	memcpy(&below, pairs + (size_t)2 * (magnitude - 100 * hundreds), sizeof below);
	uint64_t digits = ((uint64_t)',' << 16 | below) << (8 * (hundreds > 0)) |
			  (hundreds > 0 ? '0' + hundreds : 0);

	*bytes = 4 + (hundreds > 0);
	return (uint64_t)('e' | ('+' - 2 * negative) << 8) | digits << 16;
}

/* The shorter of the plain and the scientific form, the plain one if they are
 * equally long.  Which of the forms it is nobody can predict: all are made the
 * same way, the parts that one does not have being empty or written over. */
ALWAYS_INLINE void lay_out(struct shortest_text *t, const struct place *place, int exponent,
			   bool wide)
{
	int point = place->units - place->first + exponent; /* 0.d1d2... * 10^point */
	int count = place->count, suffix_bytes;
	int spare = count > 1; /* the point of the scientific form */
	bool scientific = (-point > 2 + spare) | (point - count > 4 + spare);
	bool small = !scientific & (point <= 0);
	bool plain = !(scientific | small);
	uint64_t suffix = exponent_text(point - 1, wide, &suffix_bytes);
	/* Digits in front of the point; of a small number, more than there are. */
	int whole = choose_int(small, SHORTEST_DIGITS, choose_int(scientific, 1, point));
	int length = count + (count > whole);

	t->first = (uint8_t)place->first;
	t->zeros = (uint8_t)((2 - point) & (0 - (int)small));
	t->point = (uint8_t)whole;
	length = choose_int(plain & (length < point), point, length);
	t->length = (uint8_t)(t->negative + t->zeros + length);
	t->suffix = in_memory(choose(scientific, suffix, ','));
	t->bytes = (uint8_t)(t->length + (suffix_bytes & (0 - (int)scientific)));
}

/* ---- Floats --------------------------------------------------------------- */

/* A whole number beyond the precision, and not so large that the scientific form
 * is shorter, is written with all its digits, which are not those of the
 * shortest: that is left to the library. */
ALWAYS_INLINE bool is_written_in_full(int exponent, int precision, int scientific)
{
	return (exponent >= precision) & (exponent < scientific);
}

/* What the passes hand on.  Each is short, so that the processor has several
 * numbers in work at once. */
struct batch {
	struct shortest found[SHORTEST_BATCH];
	struct place places[SHORTEST_BATCH];
	bool is_rare[SHORTEST_BATCH], negative[SHORTEST_BATCH];
};

ALWAYS_INLINE void find_float32(struct batch *batch, size_t i, float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof(bits));
	uint32_t fraction = bits & 0x7FFFFF;
	int biased = bits >> 23 & 0xFF;
	uint32_t m = fraction | (uint32_t)(biased > 0) << 23;
	int e = biased + (biased == 0) - 150;
	bool is_sure = find_shortest(m, e, (fraction == 0) & (biased > 1), &batch->found[i]);

	batch->negative[i] = bits >> 31;
	batch->is_rare[i] = !is_sure | is_written_in_full(biased - 127, 24, 47) | (biased == 0xFF);
}

ALWAYS_INLINE void find_float64(struct batch *batch, size_t i, double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof(bits));
	uint64_t fraction = bits & UINT64_C(0xFFFFFFFFFFFFF);
	int biased = (int)(bits >> 52 & 0x7FF);
	uint64_t m = fraction | (uint64_t)(biased > 0) << 52;
	int e = biased + (biased == 0) - 1075;
	bool is_sure = find_shortest(m, e, (fraction == 0) & (biased > 1), &batch->found[i]);

	batch->negative[i] = bits >> 63;
	batch->is_rare[i] =
		!is_sure | is_written_in_full(biased - 1023, 53, 74) | (biased == 0x7FF);
}

ALWAYS_INLINE void lay_out_batch(struct shortest_text *texts, struct batch *batch, size_t count,
				 bool wide)
{
	for (size_t i = 0; i < count; i++)
		batch->places[i] = wide ? place_wide(&texts[i], batch->found[i].digits)
					: place_narrow(&texts[i], batch->found[i].digits);
	for (size_t i = 0; i < count; i++) {
		texts[i].negative = batch->negative[i];
		lay_out(&texts[i], &batch->places[i], batch->found[i].exponent, wide);
		texts[i].bytes &= (uint8_t)(batch->is_rare[i] - 1);
	}
}

void shortest_float32(struct shortest_text *texts, const float *values, size_t count)
{
	struct batch batch;
	for (size_t i = 0; i < count; i++)
		find_float32(&batch, i, values[i]);
	lay_out_batch(texts, &batch, count, false);
}

void shortest_float64(struct shortest_text *texts, const double *values, size_t count)
{
	struct batch batch;
	for (size_t i = 0; i < count; i++)
		find_float64(&batch, i, values[i]);
	lay_out_batch(texts, &batch, count, true);
}
