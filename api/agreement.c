#include "agreement.h"

#include <math.h>
#include <string.h>

double api_real_at(const struct loss_tensor *tensor, int64_t i)
{
	return tensor->dtype == LOSS_FLOAT64 ? ((const double *)tensor->data)[i]
					     : (double)((const float *)tensor->data)[i];
}

/* ---- Tolerances --------------------------------------------------------------- */

static double usual_rtol(enum loss_dtype dtype, enum loss_precision precision)
{
	switch (precision) {
	case LOSS_PRECISION_FLOAT16:
		return 2e-3;
	case LOSS_PRECISION_BFLOAT16:
		return 2e-2;
	case LOSS_PRECISION_FULL:
		break;
	}
	return dtype == LOSS_FLOAT64 ? 1e-10 : 1e-5;
}

static double largest_of(const struct loss_tensor *tensor)
{
	int64_t count = loss_tensor_elements(tensor);
	double most = 0;

	for (int64_t i = 0; i < count; i++) {
		double size = fabs(api_real_at(tensor, i));

		/* NaN is not above anything. */
		if (size > most && isfinite(size))
			most = size;
	}
	return most;
}

struct api_tolerance api_tolerance_of(const struct api_tolerance *wish,
				      enum loss_precision precision,
				      const struct loss_tensor *tensor)
{
	double usual = usual_rtol(tensor->dtype, precision);
	struct api_tolerance tolerance = *wish;

	if (isnan(tolerance.rtol))
		tolerance.rtol = usual;
	if (isnan(tolerance.atol))
		tolerance.atol = 0.1 * usual * largest_of(tensor);
	if (isnan(tolerance.ulp))
		tolerance.ulp = 4;
	return tolerance;
}

/* ---- Distances ------------------------------------------------------------------ */

/* The bits of a number, ordered as the numbers are. */
static double ordered(enum loss_dtype dtype, double value)
{
	float narrow = (float)value;
	int64_t bits;
	int32_t narrow_bits;

	if (dtype == LOSS_FLOAT64) {
		memcpy(&bits, &value, sizeof bits);
		return (double)(bits < 0 ? INT64_MIN - bits : bits);
	}
	memcpy(&narrow_bits, &narrow, sizeof narrow_bits);
	return (double)(narrow_bits < 0 ? (int64_t)INT32_MIN - narrow_bits : narrow_bits);
}

/* Near each other float64 needs all its bits. */
static double ulps_between(enum loss_dtype dtype, enum loss_precision precision, double a, double b)
{
	/* Bits that a half has less than a float32. */
	static const double finer[] = {
		[LOSS_PRECISION_FULL] = 1,
		[LOSS_PRECISION_FLOAT16] = 0x1p13,
		[LOSS_PRECISION_BFLOAT16] = 0x1p16,
	};
	int64_t first, second;

	if (dtype != LOSS_FLOAT64)
		return fabs(ordered(dtype, a) - ordered(dtype, b)) / finer[precision];
	memcpy(&first, &a, sizeof first);
	memcpy(&second, &b, sizeof second);
	if ((first ^ second) >= 0)
		return fabs((double)(first - second));
	return fabs(ordered(dtype, a) - ordered(dtype, b));
}

struct distance {
	double ulp, relative, absolute;
};

static struct distance distance_of(const struct loss_tensor *ours, enum loss_precision precision,
				   double a, double b)
{
	struct distance far = {INFINITY, INFINITY, INFINITY};
	double between = fabs(a - b);

	if (a == b || (isnan(a) && isnan(b)))
		return (struct distance){0, 0, 0};
	if (!isfinite(a) || !isfinite(b))
		return far;
	return (struct distance){ulps_between(ours->dtype, precision, a, b), between / fabs(b),
				 between};
}

static bool is_within(const struct api_tolerance *tolerance, const struct distance *distance,
		      double ours)
{
	return distance->absolute == 0 ||
	       (isfinite(distance->absolute) &&
		(distance->absolute <= tolerance->atol + tolerance->rtol * fabs(ours) ||
		 distance->ulp <= tolerance->ulp));
}

/* ---- Views ---------------------------------------------------------------------- */

static bool fits(const struct loss_tensor *ours, const struct loss_tensor *claimed,
		 const struct api_view *view)
{
	for (int axis = 0; axis < ours->rank; axis++) {
		int from = axis == view->axis    ? view->other
			   : axis == view->other ? view->axis
						 : axis;

		if (claimed->rank != ours->rank || claimed->shape[axis] != ours->shape[from])
			return false;
	}
	return claimed->rank == ours->rank;
}

/* Where in ours the element stands that is number i of the view. */
static int64_t seen_at(const struct loss_tensor *ours, const struct loss_tensor *claimed,
		       const struct api_view *view, int64_t i)
{
	int64_t index[LOSS_RANK_MAX], at = 0, swapped;

	if (view->axis == view->other)
		return i;
	for (int axis = claimed->rank - 1; axis >= 0; axis--) {
		index[axis] = i % claimed->shape[axis];
		i /= claimed->shape[axis];
	}
	swapped = index[view->axis];
	index[view->axis] = index[view->other];
	index[view->other] = swapped;
	for (int axis = 0; axis < ours->rank; axis++)
		at = at * ours->shape[axis] + index[axis];
	return at;
}

/* The loss of a reduction has no axis, its claim may have some. */
static bool is_single(const struct loss_tensor *tensor)
{
	return loss_tensor_elements(tensor) == 1;
}

void api_agreement_make(const struct loss_tensor *ours, const struct loss_tensor *claimed,
			const struct api_view *view, const struct api_tolerance *wish,
			enum loss_precision precision, struct api_agreement *agreement)
{
	struct api_agreement a = {
		.count = loss_tensor_elements(claimed),
		.tolerance = api_tolerance_of(wish, precision, ours),
		.same_shape = is_single(ours) || fits(ours, claimed, view),
	};

	a.tolerance.atol *= isnan(wish->atol) ? fabs(view->factor) : 1;
	for (int64_t i = 0; a.same_shape && i < a.count; i++) {
		double b = view->factor * api_real_at(ours, seen_at(ours, claimed, view, i));
		struct distance far = distance_of(ours, precision, api_real_at(claimed, i), b);

		a.ulp = far.ulp > a.ulp ? far.ulp : a.ulp;
		a.relative = far.relative > a.relative ? far.relative : a.relative;
		a.absolute = far.absolute > a.absolute ? far.absolute : a.absolute;
		if (is_within(&a.tolerance, &far, b))
			continue;
		a.differing++;
		if (a.at_count < API_AGREEMENT_PLACES)
			a.at[a.at_count++] = i;
	}
	if (!a.same_shape) {
		a.differing = a.count;
		a.ulp = a.relative = a.absolute = NAN;
	}
	a.agrees = a.same_shape && a.differing == 0;
	*agreement = a;
}

double api_agreement_factor(const struct loss_tensor *ours, const struct loss_tensor *claimed)
{
	int64_t count = loss_tensor_elements(ours), telling = 0;
	double products = 0, squares = 0;

	for (int64_t i = 0; i < count; i++) {
		double a = api_real_at(claimed, i), b = api_real_at(ours, i);

		if (!isfinite(a) || !isfinite(b))
			continue;
		telling += b != 0;
		products += a * b;
		squares += b * b;
	}
	return telling < 2 ? NAN : products / squares;
}
