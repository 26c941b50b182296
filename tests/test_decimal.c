/*
 * One number to its value and back, against the C library: strtod and strtof
 * round correctly, and so must both the fast and the exact way.
 */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "reading.h"
#include "shortest.h"

Suite *decimal_suite(void);

/* ---- Reading -------------------------------------------------------------- */

static uint32_t bits32(float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static uint64_t bits64(double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static unsigned long fast_answers;

static void check_float32(const char *text, size_t bytes, const struct decimal *fast)
{
	uint32_t expected = bits32(strtof(text, NULL));
	float value;
	if (fast && decimal_float32(fast, &value)) {
		fast_answers++;
		EXPECT(bits32(value) == expected, "fast float32: %s is %a, not %a", text,
		       (double)strtof(text, NULL), (double)value);
	}
	value = decimal_exact_float32(text, bytes);
	EXPECT(bits32(value) == expected, "float32: %s is %a, not %a", text,
	       (double)strtof(text, NULL), (double)value);
}

static void check_float64(const char *text, size_t bytes, const struct decimal *fast)
{
	uint64_t expected = bits64(strtod(text, NULL));
	double value;
	if (fast && decimal_float64(fast, &value)) {
		fast_answers++;
		EXPECT(bits64(value) == expected, "fast float64: %s is %a, not %a", text,
		       strtod(text, NULL), value);
	}
	value = decimal_exact_float64(text, bytes);
	EXPECT(bits64(value) == expected, "float64: %s is %a, not %a", text, strtod(text, NULL),
	       value);
}

/* `text` must have room for what decimal_scan() may look at behind the number. */
static void check_text(const char *text)
{
	const char *wrong_at, *why;
	size_t bytes = strlen(text);
	EXPECT(decimal_check(text, text + bytes, &wrong_at, &why) == text + bytes,
	       "%s is no number: %s", text, why);

	struct decimal decimal;
	const char *behind = decimal_scan(text, &decimal);
	EXPECT(!behind || behind == text + bytes, "%s is not read to its end", text);
	check_float32(text, bytes, behind ? &decimal : NULL);
	check_float64(text, bytes, behind ? &decimal : NULL);
}

enum { TEXT_ROOM = 2048 };

START_TEST(random_bits_read_back)
{
	static const char *const forms[] = {"%.17g", "%.9g", "%.6g", "%.15e", "%.20g", "%.12f"};
	uint64_t seed = 1;
	char text[TEXT_ROOM] = "";
	for (int i = 0; i < 100000; i++) {
		uint64_t bits = reading_random(&seed);
		uint32_t half = (uint32_t)(bits >> 16);
		double value;
		float single;
		memcpy(&value, &bits, sizeof(value));
		memcpy(&single, &half, sizeof(single));
		if (i % 2 == 0)
			value = (double)single;
		if (!isfinite(value) || (i % 6 == 5 && fabs(value) > 1e200))
			continue;
		snprintf(text, sizeof(text), forms[i % 6], value);
		check_text(text);
	}
	ck_assert_uint_gt(fast_answers, 50000);
}
END_TEST

START_TEST(random_digits_read_right)
{
	uint64_t seed = 2;
	char text[TEXT_ROOM] = "";
	for (int i = 0; i < 200000; i++) {
		int digits = 1 + (int)(reading_random(&seed) % 22);
		int exponent = (int)(reading_random(&seed) % 720) - 370;
		size_t length = 0;
		if (i % 3 == 0)
			text[length++] = '-';
		text[length++] = (char)('1' + reading_random(&seed) % 9);
		if (digits > 1)
			text[length++] = '.';
		for (int d = 1; d < digits; d++)
			text[length++] = (char)('0' + reading_random(&seed) % 10);
		snprintf(text + length, sizeof(text) - length, "%c%d", i % 2 ? 'e' : 'E', exponent);
		check_text(text);
	}
	ck_assert_uint_gt(fast_answers, 50000);
}
END_TEST

/* As models write them: small numbers, plainly. */
START_TEST(plain_numbers_read_right)
{
	uint64_t seed = 3;
	char text[TEXT_ROOM] = "";
	for (int i = 0; i < 300000; i++) {
		double value = ((double)(reading_random(&seed) >> 11) * 0x1p-53 - 0.5) *
			       pow(10, (double)(i % 12) - 4);
		if (i & 1)
			value = (double)(float)value;
		snprintf(text, sizeof(text), "%.*f", i % 23, value);
		check_text(text);
	}
	ck_assert_uint_gt(fast_answers, 400000);
}
END_TEST

/* `exact` is the full expansion of a number; checks it and its neighbours in the
 * last place, which lie on the two sides of a midpoint. */
static void check_around(char text[TEXT_ROOM])
{
	check_text(text);
	size_t length = strlen(text);
	snprintf(text + length, TEXT_ROOM - length, "00000000000000000001");
	check_text(text);
	text[length] = '\0';
	for (size_t i = length; i-- > 0;) {
		if (text[i] == '.')
			continue;
		if (text[i] > '0') {
			text[i]--;
			break;
		}
		text[i] = '9';
	}
	if (text[0] == '0' && text[1] != '.')
		return; /* 1 became 0 in front of other digits */
	check_text(text);
}

START_TEST(midpoints_of_float32)
{
	uint64_t seed = 4;
	char text[TEXT_ROOM] = "";
	for (int i = 0; i < 12000; i++) {
		/* A float64 can hold a midpoint of floats exactly, and printf writes
		 * it exactly. */
		double mantissa = (double)(reading_random(&seed) & 0xFFFFFF) + 0.5;
		int exponent = i < 10000 ? (int)(reading_random(&seed) % 60) - 50
					 : (int)(reading_random(&seed) % 253) - 149;
		snprintf(text, sizeof(text), "%.*f", exponent > 0 ? 1 : 1 - exponent,
			 ldexp(mantissa, exponent));
		check_around(text);
	}
}
END_TEST

START_TEST(midpoints_of_float64)
{
	/* Needs a long double with more bits than a double; otherwise these are
	 * doubles, and the test a weaker one. */
	uint64_t seed = 5;
	char text[TEXT_ROOM] = "";
	for (int i = 0; i < 11000; i++) {
		long double mantissa =
			(long double)(reading_random(&seed) >> 11 | UINT64_C(1) << 52) + 0.5L;
		int exponent = i < 10000 ? (int)(reading_random(&seed) % 120) - 100
					 : (int)(reading_random(&seed) % 2000) - 1074;
		if (exponent > 900)
			continue;
		snprintf(text, sizeof(text), "%.*Lf", exponent > 0 ? 1 : 1 - exponent,
			 ldexpl(mantissa, exponent));
		check_around(text);
	}
}
END_TEST

static const char *const hard[] = {
	/* both ends of both ranges, and their halves */
	"3.4028234663852886e38",
	"3.4028235677973366e38",
	"3.4028235677973365e38",
	"3.5e38",
	"1.7976931348623157e308",
	"1.7976931348623158e308",
	"1.7976931348623159e308",
	("17976931348623158079372897140530341507993413271003782693617377898044496829276475094664901"
	 "7"
	 "97758720709633028641669288791094655554785194040263065748867150582068190890200070838367627"
	 "3"
	 "85484581771153176447573027006985557136695962284291481986083493647529271907416844436551070"
	 "4"
	 "342711559699508093042880"),
	"1.1754943508222875e-38",
	"1.1754942807573643e-38",
	"1.17549435e-38",
	"1.4e-45",
	"7e-46",
	"7.006492321624085e-46",
	"7.006492321624086e-46",
	"7.006492321624084e-46",
	"1e-46",
	"2.2250738585072014e-308",
	"2.2250738585072011e-308",
	"2.225073858507201e-308",
	"4.9406564584124654e-324",
	"2.4703282292062328e-324",
	"2.4703282292062327e-324",
	"2e-324",
	/* integers at the edge of precision */
	"16777216",
	"16777217",
	"16777218",
	"16777219",
	"33554433",
	"33554434",
	"33554435",
	"9007199254740991",
	"9007199254740992",
	"9007199254740993",
	"9007199254740993.0",
	"9007199254740993.00000000000000000000000000000000000000001",
	"9007199254740994",
	"9223372036854775807",
	"9223372036854775808",
	"18446744073709551615",
	"18446744073709551616",
	"99999999999999999999",
	/* rounding twice goes wrong */
	"1.00000005960464477539062",
	"1.000000059604644775390625",
	"1.00000005960464477539063",
	"1.00000005960464478",
	"0.500000029802322387695312500000000000000000000001",
	"8.5e-46",
	"1.0e-45",
	/* many zeros, many digits */
	"0",
	"-0",
	"0.0",
	"-0.0",
	"0e5",
	"0e-5",
	"0e99999",
	"-0e999999999",
	"0.00000000000000000000",
	"1e0",
	"1e00000",
	"1e-00000",
	"1E+2",
	"0.000000000000000000000000000000000000000000001e45",
	"100000000000000000000000000000000000000000000e-44",
	"1e400",
	"-1e400",
	"1e-400",
	"-1e-400",
	"1e999999999999999999999",
	"1e-999999999999999999999",
	"123456789012345678901234567890",
	"0.1",
	"0.2",
	"0.3",
	"0.30000001192092896",
	"2.2250738585072012e-308",
	"6.631236846766476e-316",
	"8.44291197326099e-309",
	"3.2378839133029012895883524e-319",
	"9007199254740992.5",
	"72057594037927945",
	"7205759403792793199999e-5",
	"922337203685477580.7",
	"1.9430376160308388e16",
	"6.9294956446009195e15",
	"4.5035996273704965e15",
	"2.98023223876953125e-8",
};

START_TEST(hard_numbers_read_right)
{
	char text[TEXT_ROOM] = "";
	for (size_t i = 0; i < sizeof(hard) / sizeof(*hard); i++) {
		memset(text, 0, sizeof(text));
		memcpy(text, hard[i], strlen(hard[i]));
		check_text(text);
	}
}
END_TEST

/* Zeros that an exponent cancels, so many that readers lose count. */
START_TEST(very_long_numbers_read_right)
{
	enum { ZEROS = 1000000 };
	char *text = calloc(1, ZEROS + 64);

	memset(text, '0', ZEROS);
	text[1] = '.';
	strcpy(text + ZEROS, "15e999999");
	ck_assert_double_eq(decimal_exact_float64(text, strlen(text)), 1.5);
	ck_assert_float_eq(decimal_exact_float32(text, strlen(text)), 1.5F);

	memset(text, '0', ZEROS);
	text[0] = '-';
	text[1] = '2';
	strcpy(text + ZEROS, "e-999999");
	ck_assert_double_eq(decimal_exact_float64(text, strlen(text)), -0.2);

	int64_t value = 1;
	strcpy(text + ZEROS, "e-999998");
	ck_assert_int_eq(decimal_exact_int64(text, strlen(text), &value), DECIMAL_INTEGER);
	ck_assert_int_eq(value, -2);

	/* The only digit that counts stands behind a million others. */
	memset(text, '0', ZEROS);
	memcpy(text, "1.000000059604644775390625", 26);
	strcpy(text + ZEROS, "1");
	ck_assert_float_eq(decimal_exact_float32(text, strlen(text)), nextafterf(1, 2));
	text[ZEROS] = '0';
	ck_assert_float_eq(decimal_exact_float32(text, strlen(text)), 1);
	free(text);
}
END_TEST

START_TEST(integers_read_right)
{
	static const struct {
		const char *text;
		enum decimal_integer kind;
		int64_t value;
	} cases[] = {
		{"0", DECIMAL_INTEGER, 0},
		{"-0", DECIMAL_INTEGER, 0},
		{"2.0", DECIMAL_INTEGER, 2},
		{"2e0", DECIMAL_INTEGER, 2},
		{"200e-2", DECIMAL_INTEGER, 2},
		{"0.02e2", DECIMAL_INTEGER, 2},
		{"-12.50e1", DECIMAL_INTEGER, -125},
		{"1e18", DECIMAL_INTEGER, 1000000000000000000},
		{"0e99999999999", DECIMAL_INTEGER, 0},
		{"0.000e-99999999999", DECIMAL_INTEGER, 0},
		{"9223372036854775807", DECIMAL_INTEGER, INT64_MAX},
		{"9223372036854775807.000", DECIMAL_INTEGER, INT64_MAX},
		{"-9223372036854775808", DECIMAL_INTEGER, INT64_MIN},
		{"9223372036854775808", DECIMAL_TOO_LARGE, 0},
		{"-9223372036854775809", DECIMAL_TOO_LARGE, 0},
		{"18446744073709551616", DECIMAL_TOO_LARGE, 0},
		{"1e19", DECIMAL_TOO_LARGE, 0},
		{"1e99999999999999999999", DECIMAL_TOO_LARGE, 0},
		{"2.5", DECIMAL_FRACTION, 0},
		{"25e-1", DECIMAL_FRACTION, 0},
		{"1e-1", DECIMAL_FRACTION, 0},
		{"1e-99999999999999999999", DECIMAL_FRACTION, 0},
		{"9007199254740993.0000000000000000000000001", DECIMAL_FRACTION, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[TEXT_ROOM] = "";
		int64_t value = 0;
		strcpy(text, cases[i].text);
		ck_assert_int_eq(decimal_exact_int64(text, strlen(text), &value), cases[i].kind);
		ck_assert_int_eq(value, cases[i].value);

		struct decimal decimal;
		if (decimal_scan(text, &decimal) && decimal_int64(&decimal, &value)) {
			ck_assert_int_eq(cases[i].kind, DECIMAL_INTEGER);
			ck_assert_int_eq(value, cases[i].value);
		}
	}
}
END_TEST

START_TEST(wrong_numbers_are_refused)
{
	static const struct {
		const char *text;
		int at;
	} cases[] = {
		{"", 0},     {"-", 1},    {"+1", 0}, {".5", 0},  {"01", 0},  {"-01", 1},
		{"1.", 2},   {"1.e5", 2}, {"1e", 2}, {"1e+", 3}, {"--1", 1}, {"NaN", 0},
		{"-NaN", 1}, {"1.-5", 2}, {"e5", 0}, {"- 1", 1},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *end = cases[i].text + strlen(cases[i].text), *at = NULL, *why = NULL;
		char text[TEXT_ROOM] = "";
		struct decimal decimal;
		ck_assert_ptr_null(decimal_check(cases[i].text, end, &at, &why));
		ck_assert_int_eq(at - cases[i].text, cases[i].at);
		ck_assert_ptr_nonnull(why);
		strcpy(text, cases[i].text);
		ck_assert_ptr_null(decimal_scan(text, &decimal));
	}
}
END_TEST

/* ---- Writing -------------------------------------------------------------- */

/* The fewest significant digits with which printf's text reads back.  (A power
 * of two may have a shorter one that is not the nearest with so many digits.) */
static int fewest_digits64(double value)
{
	char text[64];
	for (int digits = 1;; digits++) {
		snprintf(text, sizeof(text), "%.*e", digits - 1, value);
		if (strtod(text, NULL) == value)
			return digits;
	}
}

static int fewest_digits32(float value)
{
	char text[64];
	for (int digits = 1;; digits++) {
		snprintf(text, sizeof(text), "%.*e", digits - 1, (double)value);
		if (strtof(text, NULL) == value)
			return digits;
	}
}

/* Without the zeros that only tell the magnitude. */
static int significant_digits(const char *text)
{
	int count = 0, zeros = 0;
	for (; *text && *text != 'e'; text++) {
		if (*text == '0')
			zeros += count > 0;
		else if (*text >= '1' && *text <= '9') {
			count += zeros + 1;
			zeros = 0;
		}
	}
	return count;
}

/* A float whose text shortest.h lays out the same in every place of a batch, by
 * every instruction set that this machine has; or leaves to the library. */
static char *put(char *out, const void *values, bool wide)
{
	static struct shortest_batch batch; /* what it held before does not matter */
	char text[SHORTEST_ROOM_BYTES];
	size_t bytes = 0;

	for (const struct shortest_set *set = shortest_sets; set->isa; set++) {
		(wide ? set->float64 : set->float32)(&batch, values);
		for (size_t i = 0; i < SHORTEST_BATCH; i++) {
			char *end;

			if (batch.bytes[i] > 0)
				end = shortest_put(text, &batch, i, wide);
			else if (wide)
				end = api_text_of_float64(text, *(const double *)values);
			else
				end = api_text_of_float32(text, *(const float *)values);
			if (bytes == 0)
				memcpy(out, text, bytes = (size_t)(end - text));
			EXPECT((size_t)(end - text) == bytes && !memcmp(text, out, bytes),
			       "%s, place %zu: %.*s, not %.*s", set->isa, i, (int)(end - text),
			       text, (int)bytes, out);
		}
		if (!strcmp(set->isa, loss_isa()))
			break;
	}
	return out + bytes;
}

static char *put64(char *out, double value)
{
	double values[SHORTEST_BATCH];

	for (int i = 0; i < SHORTEST_BATCH; i++)
		values[i] = value;
	return put(out, values, true);
}

static char *put32(char *out, float value)
{
	float values[SHORTEST_BATCH];

	for (int i = 0; i < SHORTEST_BATCH; i++)
		values[i] = value;
	return put(out, values, false);
}

static void check_shortest64(double value)
{
	char text[SHORTEST_ROOM_BYTES + 1], library[SHORTEST_ROOM_BYTES + 1];
	const char *at, *why;
	char *end = put64(text, value);
	*end = '\0';
	*api_text_of_float64(library, value) = '\0';
	EXPECT(bits64(strtod(text, NULL)) == bits64(value), "%s is not %a", text, value);
	EXPECT(decimal_check(text, end, &at, &why) == end, "%s is no JSON", text);
	EXPECT(end - text <= 24, "%s is too long", text);
	/* A whole number beyond 2^53 is written in full. */
	if (value != 0 && fabs(value) < 0x1p53)
		EXPECT(significant_digits(text) <= fewest_digits64(value), "%s is not the shortest",
		       text);
	EXPECT(!strcmp(text, library), "%s, not %s", text, library);
}

static void check_shortest32(float value)
{
	char text[SHORTEST_ROOM_BYTES + 1], library[SHORTEST_ROOM_BYTES + 1];
	const char *at, *why;
	char *end = put32(text, value);
	*end = '\0';
	*api_text_of_float32(library, value) = '\0';
	EXPECT(bits32(strtof(text, NULL)) == bits32(value), "%s is not %a", text, (double)value);
	EXPECT(decimal_check(text, end, &at, &why) == end, "%s is no JSON", text);
	EXPECT(end - text <= 15, "%s is too long", text);
	if (value != 0 && fabsf(value) < 0x1p24f)
		EXPECT(significant_digits(text) <= fewest_digits32(value), "%s is not the shortest",
		       text);
	EXPECT(!strcmp(text, library), "%s, not %s", text, library);
}

START_TEST(random_bits_are_written_shortest)
{
	uint64_t seed = 6;
	for (int i = 0; i < 30000; i++) {
		uint64_t bits = reading_random(&seed);
		uint32_t half = (uint32_t)(bits >> 20);
		double value;
		float single;
		memcpy(&value, &bits, sizeof(value));
		memcpy(&single, &half, sizeof(single));
		if (isfinite(value))
			check_shortest64(value);
		if (isfinite(single))
			check_shortest32(single);
		value = ((double)(bits >> 11) * 0x1p-53 - 0.5) * pow(10, i % 9 - 6);
		check_shortest64(value);
		check_shortest32((float)value);
	}
}
END_TEST

/* Few are left to the library, of such as a gradient or a loss has. */
START_TEST(hardly_any_are_left_over)
{
	enum { BATCHES = 1000, ALL = BATCHES * SHORTEST_BATCH };
	struct shortest_batch batch;
	uint64_t seed = 7;
	int singles = 0, doubles = 0;

	for (int k = 0; k < BATCHES; k++) {
		float single[SHORTEST_BATCH];
		double value[SHORTEST_BATCH];

		for (int i = 0; i < SHORTEST_BATCH; i++) {
			uint64_t bits = reading_random(&seed);

			value[i] = ((double)(bits >> 11) * 0x1p-53 - 0.5) * pow(10, i % 9 - 6);
			single[i] = (float)value[i];
		}
		shortest_of(LOSS_FLOAT32)(&batch, single);
		for (int i = 0; i < SHORTEST_BATCH; i++)
			singles += batch.bytes[i] == 0;
		shortest_of(LOSS_FLOAT64)(&batch, value);
		for (int i = 0; i < SHORTEST_BATCH; i++)
			doubles += batch.bytes[i] == 0;
	}
	EXPECT(singles < ALL / 1000, "%d of %d float32", singles, ALL);
	EXPECT(doubles < ALL / 40, "%d of %d float64", doubles, ALL);
}
END_TEST

/* Every exponent, at both ends of its range of mantissas. */
START_TEST(powers_of_two_are_written_shortest)
{
	for (int exponent = -1074; exponent < 1024; exponent++) {
		double power = ldexp(1, exponent);
		check_shortest64(power);
		check_shortest64(nextafter(power, 0));
		check_shortest64(nextafter(power, INFINITY));
		if (exponent < -149 || exponent > 127)
			continue;
		float single = ldexpf(1, exponent);
		check_shortest32(single);
		check_shortest32(nextafterf(single, 0));
		check_shortest32(nextafterf(single, 2 * single));
	}
}
END_TEST

START_TEST(short_decimals_are_written_as_such)
{
	for (int i = -20000; i < 20000; i++) {
		check_shortest32((float)i);
		check_shortest64(i);
		check_shortest64(i / 1000.0);
		check_shortest32((float)i / 64);
		check_shortest64(i * 1e17);
	}
	for (int exponent = -330; exponent < 309; exponent++) {
		char text[16];
		snprintf(text, sizeof(text), "1e%d", exponent);
		check_shortest64(strtod(text, NULL));
		if (isfinite(strtof(text, NULL)))
			check_shortest32(strtof(text, NULL));
	}
}
END_TEST

START_TEST(texts_are_these)
{
	static const struct {
		double value;
		const char *float64, *float32;
	} cases[] = {
		{0, "0", "0"},
		{-0.0, "-0", "-0"},
		{1, "1", "1"},
		{-3, "-3", "-3"},
		{0.1, "0.1", "0.1"},
		{1.3076527, "1.3076527", "1.3076527"},
		{3.92295813560486, "3.92295813560486", "3.9229581"},
		{1e-7, "1e-07", "1e-07"},
		{1.5e-7, "1.5e-07", "1.5e-07"},
		{0.001, "0.001", "0.001"},
		{0.0001, "1e-04", "1e-04"},
		{0.00012, "0.00012", "0.00012"},
		{0.0000123, "1.23e-05", "1.23e-05"},
		{100000, "1e+05", "1e+05"},
		{10000, "10000", "10000"},
		{123456, "123456", "123456"},
		{1e22, "1e+22", "1e+22"},
		{16777216, "16777216", "16777216"},
		{FLT_MAX, "3.4028234663852886e+38", "3.4028235e+38"},
		{DBL_MIN, "2.2250738585072014e-308", "0"},
		{0x1p-1074, "5e-324", "0"},
		{0x1p-149, "1.401298464324817e-45", "1e-45"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[SHORTEST_ROOM_BYTES + 1];
		*put64(text, cases[i].value) = '\0';
		ck_assert_str_eq(text, cases[i].float64);
		*put32(text, (float)cases[i].value) = '\0';
		ck_assert_str_eq(text, cases[i].float32);
	}
}
END_TEST

Suite *decimal_suite(void)
{
	Suite *suite = suite_create("decimal");
	TCase *tc = tcase_create("reading");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, random_bits_read_back);
	tcase_add_test(tc, random_digits_read_right);
	tcase_add_test(tc, plain_numbers_read_right);
	tcase_add_test(tc, midpoints_of_float32);
	tcase_add_test(tc, midpoints_of_float64);
	tcase_add_test(tc, hard_numbers_read_right);
	tcase_add_test(tc, very_long_numbers_read_right);
	tcase_add_test(tc, integers_read_right);
	tcase_add_test(tc, wrong_numbers_are_refused);
	suite_add_tcase(suite, tc);
	tc = tcase_create("writing");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, random_bits_are_written_shortest);
	tcase_add_test(tc, hardly_any_are_left_over);
	tcase_add_test(tc, powers_of_two_are_written_shortest);
	tcase_add_test(tc, short_decimals_are_written_as_such);
	tcase_add_test(tc, texts_are_these);
	suite_add_tcase(suite, tc);
	return suite;
}
