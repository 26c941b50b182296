/*
 * Absolute error in percent of the target:
 *
 *   l = 100 |x - y| / max(|y|, eps)
 *   dl/dy = -dl/dx x / y, or -dl/dx below eps
 *
 * Ref: keras.losses.MeanAbsolutePercentageError.
 */
#include "../simd/elementwise.h"

struct mape_params {
	double eps;
};

INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const struct mape_params *p = loss_params_of(e);
	vec d = residual(in[0], in[1], seen), y = in[1], size = v_abs(y);
	vec eps = v_set((real)p->eps), zero = v_set(0), percent = v_set(100);
	mask is_small = v_lt(size, eps);
	vec base = v_select(is_small, eps, size);
	vec slope = v_select(v_isnan(d), d, v_and(v_ne(d, zero), v_copysign(percent / base, d)));

	grad[0] = slope;
	grad[1] = -slope * v_select(is_small, v_set(1), in[0] / y);
	return percent * (v_abs(d) / base);
}

ELEMENT_LOSS(mape, INPUT, 2, element)

#if LOSS_DESCRIBES
const struct loss loss_described_mape = {
	.name = "mape",
	.title = "Absolute percentage error",
	.family = "regression",
	.formula = "100 |x - y| / max(|y|, eps)",
	.reference = "keras.losses.MeanAbsolutePercentageError",
	.aliases = {"mean_absolute_percentage_error", "MeanAbsolutePercentageError", "MAPE"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(REAL_INPUT(), REAL_TARGETS(.kind = LOSS_KIND_NONZERO)),
	LOSS_PARAMS(mape_params, LOSS_PARAM(mape_params, eps, .init = 1e-7, ABOVE(0),
					    .doc = "The least size that a target counts as.")),
	.example = "\"input\": [0.5, 2.0, -3.0], \"targets\": [1.0, 2.0, -1.0]",
	.ulp = 3,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family},
};
#endif
