/* Half precision: what is kept of a float32, how it is written, and that an
 * evaluation rounds what a device would store. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "evaluation.h"
#include "numbers.h"

Suite *precision_suite(void);

/* ---- The formats, from their definition ------------------------------------- */

static const struct format {
	enum loss_precision precision;
	int fraction_bits, exponent_bias;
	int count; /* positive finite numbers and 0, by their bits */
} formats[] = {
	{LOSS_PRECISION_FLOAT16, 10, 15, 0x7c00},
	{LOSS_PRECISION_BFLOAT16, 7, 127, 0x7f80},
};

enum { FORMATS = sizeof formats / sizeof formats[0] };

static double number_of(const struct format *format, int bits)
{
	int fraction = bits & ((1 << format->fraction_bits) - 1);
	int exponent = bits >> format->fraction_bits;

	if (exponent == 0)
		return ldexp(fraction, 1 - format->exponent_bias - format->fraction_bits);
	return ldexp(fraction + (1 << format->fraction_bits),
		     exponent - format->exponent_bias - format->fraction_bits);
}

/* The nearest number by searching, ties to the even one.  Beyond the largest
 * the next would be 2^(bias + 1). */
static double nearest(const struct format *format, double x)
{
	int low = 0, high = format->count;

	while (high - low > 1) {
		int middle = (low + high) / 2;

		if (number_of(format, middle) <= x)
			low = middle;
		else
			high = middle;
	}
	double below = x - number_of(format, low), above = number_of(format, high) - x;

	if (below > above || (below == above && low % 2 == 1))
		low = high;
	return low == format->count ? INFINITY : number_of(format, low);
}

static void expect_rounded(const struct format *format, float x)
{
	double expected = nearest(format, fabs((double)x));
	float found = loss_round(format->precision, x);

	if ((double)found != copysign(expected, (double)x) || !signbit(found) != !signbit(x))
		ck_abort_msg("%s of %a is %a, expected %a", loss_precision_name(format->precision),
			     (double)x, (double)found, expected);
}

START_TEST(every_number_and_midpoint_rounds_to_the_nearest)
{
	const struct format *format = &formats[_i];

	for (int bits = 0; bits < format->count; bits++) {
		double here = number_of(format, bits), next = number_of(format, bits + 1);
		float middle = (float)((here + next) / 2);

		expect_rounded(format, (float)here);
		expect_rounded(format, (float)-here);
		expect_rounded(format, middle);
		expect_rounded(format, nextafterf(middle, 0));
		expect_rounded(format, nextafterf(middle, INFINITY));
	}
	ck_assert(isnan(loss_round(format->precision, NAN)));
	ck_assert(isinf(loss_round(format->precision, -INFINITY)));
	ck_assert_double_eq((double)loss_precision_max(format->precision),
			    number_of(format, format->count - 1));
	ck_assert_double_eq((double)loss_precision_min(format->precision), number_of(format, 1));
}
END_TEST

/* ---- Text ------------------------------------------------------------------- */

/* Is there a text of `digits` digits that rounds to the number? */
static bool has_text(const struct format *format, double number, int digits)
{
	char text[40];

	for (int side = -1; side <= 1; side++) {
		/* The neighbours of the nearest as well: intervals are lopsided. */
		snprintf(text, sizeof text, "%.*e", digits - 1, number);
		double near = strtod(text, NULL);
		double step = pow(10, floor(log10(near)) - digits + 1);

		snprintf(text, sizeof text, "%.*e", digits - 1, near + side * step);
		if (nearest(format, strtod(text, NULL)) == number)
			return true;
	}
	return false;
}

static int digits_of(const char *text)
{
	int digits = 0, trailing = 0;

	for (; *text && *text != 'e'; text++) {
		if (*text < '0' || *text > '9' || (digits == 0 && *text == '0'))
			continue;
		digits++;
		trailing = *text == '0' ? trailing + 1 : 0;
	}
	return digits - trailing;
}

START_TEST(every_number_is_written_as_short_as_may_be)
{
	const struct format *format = &formats[_i];

	for (int bits = 0; bits < format->count; bits++) {
		double number = number_of(format, bits);
		char text[API_NUMBER_BYTES_MAX + 1];
		size_t bytes = api_half_write(text, format->precision, (float)number,
					      API_NONFINITE_STRING);

		text[bytes] = '\0';
		if (nearest(format, strtod(text, NULL)) != number)
			ck_abort_msg("%a was written as %s", number, text);
		if (digits_of(text) > 1 && has_text(format, number, digits_of(text) - 1))
			ck_abort_msg("%a was written as %s, there is a shorter text", number, text);
	}
}
END_TEST

/* ---- Evaluations ------------------------------------------------------------ */

static struct memory memory;

static void teardown(void)
{
	memory_release(&memory);
}

enum { N = 3000 };

/* mse of N numbers, large enough for several blocks to round. */
static void ask_mse(struct question *question, enum loss_precision precision)
{
	*question = (struct question){.name = "mse", .input_count = 2};
	loss_spec_init(&question->spec, loss_find("mse"));
	question->spec.precision = precision;
	for (int i = 0; i < 2; i++) {
		struct numbers *numbers = &question->inputs[i].numbers;

		question->inputs[i].role = i ? LOSS_ROLE_TARGETS : LOSS_ROLE_INPUT;
		question->inputs[i].differentiate = i == 0;
		numbers->rank = 1;
		numbers->shape[0] = N;
		numbers_take(numbers, &memory);
		for (int k = 0; k < N; k++)
			numbers->values[k] = i ? 0.1 * (k % 7) : 0.001 * k;
	}
}

/* The same from the definition: round, compute in float32, round. */
START_TEST(what_would_be_stored_is_rounded)
{
	const struct format *format = &formats[_i];
	struct question question;
	struct evaluation e;
	double sum = 0;

	ask_mse(&question, format->precision);
	ck_assert_int_eq(evaluation_init(&e, &question, LOSS_FLOAT32, MEMORY_GUARD_BEHIND),
			 LOSS_OK);
	ck_assert_int_eq(evaluation_run(&e), LOSS_OK);
	for (int k = 0; k < N; k++) {
		float x = (float)nearest(format, (double)(float)(0.001 * k));
		float y = (float)nearest(format, (double)(float)(0.1 * (k % 7)));
		float d = x - y, square = d * d;
		float slope = (2 * d) * (float)(1.0 / N);
		double found = evaluation_get(&e, e.out.gradients[0], k);

		sum += nearest(format, (double)square);
		ck_assert_double_eq(fabs(found), nearest(format, fabs((double)slope)));
	}
	ck_assert_double_eq(e.result.sum, (double)(float)sum);
	ck_assert_double_eq(e.result.loss, nearest(format, (double)(float)(e.result.sum / N)));
	evaluation_release(&e);
}
END_TEST

/* 300^2 is beyond float16 and not beyond bfloat16. */
START_TEST(a_loss_may_overflow)
{
	struct question question;
	struct evaluation e;

	ask_mse(&question, formats[_i].precision);
	question.inputs[0].numbers.values[17] = 300;
	ck_assert_int_eq(evaluation_init(&e, &question, LOSS_FLOAT32, MEMORY_GUARD_BEHIND),
			 LOSS_OK);
	ck_assert_int_eq(evaluation_run(&e), LOSS_OK);
	if (formats[_i].precision == LOSS_PRECISION_FLOAT16)
		ck_assert(isinf(e.result.loss));
	else
		ck_assert(isfinite(e.result.loss));
	evaluation_release(&e);
}
END_TEST

Suite *precision_suite(void)
{
	Suite *suite = suite_create("precision");
	TCase *formats_case = tcase_create("formats"), *runs = tcase_create("evaluations");

	tcase_set_timeout(formats_case, 60);
	tcase_add_loop_test(formats_case, every_number_and_midpoint_rounds_to_the_nearest, 0,
			    FORMATS);
	tcase_add_loop_test(formats_case, every_number_is_written_as_short_as_may_be, 0, FORMATS);
	tcase_add_checked_fixture(runs, NULL, teardown);
	tcase_add_loop_test(runs, what_would_be_stored_is_rounded, 0, FORMATS);
	tcase_add_loop_test(runs, a_loss_may_overflow, 0, FORMATS);
	suite_add_tcase(suite, formats_case);
	suite_add_tcase(suite, runs);
	return suite;
}
