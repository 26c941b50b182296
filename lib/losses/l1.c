/* Absolute error.  The subgradient at 0 is 0.  Ref: torch.nn.L1Loss. */
#include "../simd/elementwise.h"

INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	vec d = residual(in[0], in[1], seen);
	vec sign = v_select(v_eq(d, v_set(0)), d, v_copysign(v_set(1), d));

	(void)e;
	grad[0] = v_select(v_isnan(d), d, sign);
	grad[1] = -grad[0];
	return v_abs(d);
}

ELEMENT_LOSS(l1, INPUT, 2, element)

#if LOSS_DESCRIBES
const struct loss loss_described_l1 = {
	.name = "l1",
	.title = "Absolute error",
	.family = "regression",
	.formula = "|x - y|",
	.reference = "torch.nn.L1Loss",
	.aliases = {"mae", "L1Loss", "mean_absolute_error", "absolute_error"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(REAL_INPUT(), REAL_TARGETS()),
	.example = "\"input\": [0.5, 2.0, -3.0], \"targets\": [0.0, 2.0, -1.0]",
	.ulp = 1.5,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family},
};
#endif
