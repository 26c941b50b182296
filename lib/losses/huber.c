/*
 * Huber: quadratic up to delta, linear beyond.
 *
 * Ref: Huber 1964; torch.nn.HuberLoss.
 */
#include "../simd/elementwise.h"

struct huber_params {
	double delta;
};

INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const struct huber_params *p = loss_params_of(e);
	vec d = residual(in[0], in[1], seen), size = v_abs(d), half = v_set(R(0.5)),
	    delta = v_set((real)p->delta);
	mask near = v_le(size, delta);
	vec far = v_select(v_isnan(d), d, v_copysign(delta, d));

	grad[0] = v_select(near, d, far);
	grad[1] = -grad[0];
	return v_select(near, half * size * size, delta * (size - half * delta));
}

ELEMENT_LOSS(huber, INPUT, 2, element)

#if LOSS_DESCRIBES
const struct loss loss_described_huber = {
	.name = "huber",
	.title = "Huber",
	.family = "regression",
	.formula = "d^2 / 2 if |d| <= delta else delta (|d| - delta / 2), d = x - y",
	.reference = "Huber 1964; torch.nn.HuberLoss",
	.aliases = {"HuberLoss", "huber_loss"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(REAL_INPUT(), REAL_TARGETS()),
	LOSS_PARAMS(huber_params, LOSS_PARAM(huber_params, delta, .init = 1, ABOVE(0),
					     .doc = "Residual at which the loss turns linear.")),
	.example = "\"input\": [0.5, 2.0, -3.0], \"targets\": [0.0, 2.0, -1.0]",
	.ulp = 3,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family},
};
#endif
