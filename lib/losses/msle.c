/*
 * Squared error of logarithms:
 *
 *   l = (log1p(max(x, eps)) - log1p(max(y, eps)))^2
 *
 * What is below eps counts as eps and has no gradient.
 *
 * Ref: keras.losses.MeanSquaredLogarithmicError.
 */
#include "../simd/elementwise.h"

struct msle_params {
	double eps;
};

/* max(x, eps), but NaN stays. */
INLINE vec raised(vec x, vec eps)
{
	return v_select(v_lt(x, eps), eps, x);
}

INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const struct msle_params *p = loss_params_of(e);
	vec eps = v_set((real)p->eps), one = v_set(1);
	vec x = raised(in[0], eps), y = raised(in[1], eps), gap = residual(x, y, seen);
	/* Of the quotient, which is 1 at least: two logarithms would cancel. */
	vec size = v_log1p(v_abs(gap) / (one + v_min(x, y)));
	vec twice = v_copysign(size + size, gap);

	see(seen, LOSS_EVENT_LOG_FLOORED, m_or(v_lt(in[0], v_set(0)), v_lt(in[1], v_set(0))));
	grad[0] = v_and(m_not(v_lt(in[0], eps)), twice / (one + x));
	grad[1] = v_and(m_not(v_lt(in[1], eps)), -twice / (one + y));
	return size * size;
}

ELEMENT_LOSS(msle, INPUT, 2, element)

#if LOSS_DESCRIBES
const struct loss loss_described_msle = {
	.name = "msle",
	.title = "Squared logarithmic error",
	.family = "regression",
	.formula = "(log(1 + max(x, eps)) - log(1 + max(y, eps)))^2",
	.reference = "keras.losses.MeanSquaredLogarithmicError",
	.notes = "A prediction or target below eps counts as eps and has a gradient of 0.",
	.aliases = {"mean_squared_logarithmic_error", "MeanSquaredLogarithmicError", "MSLE"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(REAL_INPUT(.kind = LOSS_KIND_NONNEGATIVE),
		    REAL_TARGETS(.kind = LOSS_KIND_NONNEGATIVE)),
	LOSS_PARAMS(msle_params, LOSS_PARAM(msle_params, eps, .init = 1e-7, AT_LEAST(0),
					    .doc = "The least that a number counts as.")),
	.example = "\"input\": [0.5, 2.0, 3.0], \"targets\": [0.0, 2.0, 1.0]",
	.ulp = 8,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family},
};
#endif
