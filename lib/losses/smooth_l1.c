/*
 * Smooth L1: quadratic below beta, linear with slope 1 beyond; beta 0 is L1.
 *
 * Ref: Girshick 2015; torch.nn.SmoothL1Loss.
 */
#include "../simd/elementwise.h"

struct smooth_l1_params {
	double beta;
};

INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const struct smooth_l1_params *p = loss_params_of(e);
	vec d = residual(in[0], in[1], seen), size = v_abs(d), half = v_set(R(0.5)),
	    beta = v_set((real)p->beta);
	mask near = v_lt(size, beta);
	vec sign = v_select(v_eq(d, v_set(0)), d, v_copysign(v_set(1), d));

	grad[0] = v_select(near, d / beta, v_select(v_isnan(d), d, sign));
	grad[1] = -grad[0];
	return v_select(near, half * size * (size / beta), size - half * beta);
}

ELEMENT_LOSS(smooth_l1, INPUT, 2, element)

#if LOSS_DESCRIBES
const struct loss loss_described_smooth_l1 = {
	.name = "smooth_l1",
	.title = "Smooth L1",
	.family = "regression",
	.formula = "d^2 / (2 beta) if |d| < beta else |d| - beta / 2, d = x - y",
	.reference = "torch.nn.SmoothL1Loss",
	.notes = "huber with the same threshold is beta times this loss.",
	.aliases = {"SmoothL1Loss", "smooth_l1_loss"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(REAL_INPUT(), REAL_TARGETS()),
	LOSS_PARAMS(smooth_l1_params,
		    LOSS_PARAM(smooth_l1_params, beta, .init = 1, AT_LEAST(0),
			       .doc = "Residual at which the loss turns linear; 0 is L1.")),
	.example = "\"input\": [0.5, 2.0, -3.0], \"targets\": [0.0, 2.0, -1.0]",
	.ulp = 3,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family},
};
#endif
