#include "decimal.h"

#include <stdio.h>

/* ---- Powers of ten -------------------------------------------------------- */

const double decimal_tens[DECIMAL_EXACT_TENS_MAX + 1] = {
	1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

const double decimal_tenths[DECIMAL_TENTHS_MAX + 1] = {
	1e-0,  1e-1,  1e-2,  1e-3,  1e-4,  1e-5,  1e-6,  1e-7,  1e-8,  1e-9,  1e-10, 1e-11, 1e-12,
	1e-13, 1e-14, 1e-15, 1e-16, 1e-17, 1e-18, 1e-19, 1e-20, 1e-21, 1e-22, 1e-23, 1e-24, 1e-25,
	1e-26, 1e-27, 1e-28, 1e-29, 1e-30, 1e-31, 1e-32, 1e-33, 1e-34, 1e-35, 1e-36, 1e-37,
};

/* ---- Grammar -------------------------------------------------------------- */

static bool is_digit(const char *text, const char *end)
{
	return text < end && *text >= '0' && *text <= '9';
}

static const char *skip_digits(const char *text, const char *end)
{
	while (is_digit(text, end))
		text++;
	return text;
}

static const char *wrong(const char **at, const char **why, const char *place, const char *reason)
{
	*at = place;
	*why = reason;
	return NULL;
}

const char *decimal_check(const char *text, const char *end, const char **at, const char **why)
{
	text += text < end && *text == '-';
	if (!is_digit(text, end))
		return wrong(at, why, text, "a digit is missing");
	if (*text == '0' && is_digit(text + 1, end))
		return wrong(at, why, text, "a number may not begin with a superfluous 0");
	text = skip_digits(text, end);
	if (text < end && *text == '.') {
		if (!is_digit(++text, end))
			return wrong(at, why, text, "a digit is missing behind the point");
		text = skip_digits(text, end);
	}
	if (text < end && (*text | 0x20) == 'e') {
		text++;
		text += text < end && (*text == '-' || *text == '+');
		if (!is_digit(text, end))
			return wrong(at, why, text, "a digit is missing in the exponent");
		text = skip_digits(text, end);
	}
	return text;
}

/* ---- Digits --------------------------------------------------------------- */

/* A float64 or its midpoint needs no more than 768 significant digits, so that
 * one more digit can stand for all that follow. */
enum { DIGITS_MAX = 800 };

/* digit[0..count) * 10^exponent, without zeros at either end. */
struct digits {
	bool negative;
	int count;
	int64_t exponent;
	char digit[DIGITS_MAX + 1];
};

enum { EXPONENT_CAP = 1 << 30 };

static int64_t written_exponent(const char *text, const char *end)
{
	bool negative = text < end && *text == '-';
	int64_t written = 0;
	for (text += text < end && (*text == '-' || *text == '+'); text < end; text++)
		if (written < (int64_t)EXPONENT_CAP * EXPONENT_CAP / 16)
			written = written * 10 + (*text - '0');
	return negative ? -written : written;
}

static void collect_digits(struct digits *digits, const char *text, size_t bytes)
{
	const char *end = text + bytes;
	bool fraction = false, more = false;
	int64_t exponent = 0;

	digits->negative = *text == '-';
	digits->count = 0;
	for (text += digits->negative; text < end && (*text | 0x20) != 'e'; text++) {
		if (*text == '.') {
			fraction = true;
			continue;
		}
		bool kept = digits->count < DIGITS_MAX && (digits->count > 0 || *text != '0');
		if (kept)
			digits->digit[digits->count++] = *text;
		else if (digits->count > 0)
			more = more || *text != '0';
		/* A digit that is kept moves the point right; one that is dropped
		 * behind the kept ones counts for the exponent before the point. */
		if (fraction)
			exponent -= kept || digits->count == 0;
		else
			exponent += !kept && digits->count > 0;
	}
	if (more) {
		digits->digit[digits->count++] = '1';
		exponent--;
	}
	while (digits->count > 0 && digits->digit[digits->count - 1] == '0') {
		digits->count--;
		exponent++;
	}
	digits->exponent = exponent + (text < end ? written_exponent(text + 1, end) : 0);
}

/* ---- Reals ---------------------------------------------------------------- */

/* Text of this length goes to the library as it is.  Longer text is brought to
 * a bounded form first: it bounds the time, and readers of exponents give up on
 * what would cancel a hundred thousand zeros. */
enum { SHORT_BYTES = 64, BOUNDED_BYTES = DIGITS_MAX + 32 };

static size_t bounded_text(char out[BOUNDED_BYTES], const char *text, size_t bytes)
{
	struct digits digits;
	collect_digits(&digits, text, bytes);
	int64_t exponent = digits.exponent;
	if (exponent > 9999)
		exponent = 9999;
	if (exponent < -9999)
		exponent = -9999;
	if (digits.count == 0)
		return (size_t)snprintf(out, BOUNDED_BYTES, "%s0", digits.negative ? "-" : "");
	return (size_t)snprintf(out, BOUNDED_BYTES, "%s%.*se%lld", digits.negative ? "-" : "",
				digits.count, digits.digit, (long long)exponent);
}

float decimal_exact_float32(const char *text, size_t bytes)
{
	char bounded[BOUNDED_BYTES];
	if (bytes > SHORT_BYTES) {
		bytes = bounded_text(bounded, text, bytes);
		text = bounded;
	}
	return api_text_to_float32(text, bytes);
}

double decimal_exact_float64(const char *text, size_t bytes)
{
	char bounded[BOUNDED_BYTES];
	if (bytes > SHORT_BYTES) {
		bytes = bounded_text(bounded, text, bytes);
		text = bounded;
	}
	return api_text_to_float64(text, bytes);
}

/* ---- Integers ------------------------------------------------------------- */

enum decimal_integer decimal_exact_int64(const char *text, size_t bytes, int64_t *value)
{
	struct digits digits;
	collect_digits(&digits, text, bytes);
	if (digits.count > 0 && digits.exponent < 0)
		return DECIMAL_FRACTION;

	uint64_t magnitude = 0;
	for (int i = 0; i < digits.count; i++)
		if (!append_digits(&magnitude, 10, (uint64_t)(digits.digit[i] - '0')))
			return DECIMAL_TOO_LARGE;
	for (int64_t i = 0; magnitude > 0 && i < digits.exponent; i++)
		if (!append_digits(&magnitude, 10, 0))
			return DECIMAL_TOO_LARGE;

	uint64_t limit = (uint64_t)INT64_MAX + digits.negative;
	if (magnitude > limit)
		return DECIMAL_TOO_LARGE;
	*value = (int64_t)(digits.negative ? 0 - magnitude : magnitude);
	return DECIMAL_INTEGER;
}
