/*
 * A number of few bits has few digits, at most five: the shortest that still
 * rounds to it is found by trying.  Those of one length are an integer times a
 * power of ten, a product or quotient of exact numbers rounded once, and the
 * shortest text of that float64 is those digits.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "shortest.h"

enum { DIGITS_MAX = 5, POWERS = 23 };

/* 10^0 to 10^22, which float64 holds exactly. */
static const double powers[POWERS] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
				      1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
				      1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* digits * 10^exponent, rounded once. */
static double decimal(double digits, int exponent)
{
	char text[32];

	if (exponent >= 0 && exponent < POWERS)
		return digits * powers[exponent];
	if (exponent < 0 && -exponent < POWERS)
		return digits / powers[-exponent];
	/* The far ends of bfloat16. */
	snprintf(text, sizeof text, "%.0fe%d", digits, exponent);
	return strtod(text, NULL);
}

static bool rounds_to(enum loss_precision precision, double near, float size)
{
	return near <= (double)loss_precision_max(LOSS_PRECISION_FULL) &&
	       loss_round(precision, (float)near) == size;
}

/* The nearest number of `digits` digits, or else its neighbour on the other
 * side, that rounds to `size`; NaN if neither does.  At a power of two the
 * numbers above are farther apart than those below, so the nearer may fail. */
static double try_digits(enum loss_precision precision, float size, int digits, int exponent)
{
	int last = exponent - digits + 1;
	double scaled = (double)size / decimal(1, last), first = nearbyint(scaled);
	double second = first > scaled ? first - 1 : first + 1;

	if (rounds_to(precision, decimal(first, last), size))
		return decimal(first, last);
	if (rounds_to(precision, decimal(second, last), size))
		return decimal(second, last);
	return NAN;
}

double shortest_half(enum loss_precision precision, float value)
{
	float size = fabsf(value);
	double near = size > 0 ? NAN : 0;

	if (!isfinite(value))
		return (double)value;
	int exponent = size > 0 ? (int)floor(log10((double)size)) : 0;

	for (int digits = 1; digits <= DIGITS_MAX && isnan(near); digits++)
		near = try_digits(precision, size, digits, exponent);
	return copysign(isnan(near) ? (double)size : near, (double)value);
}
