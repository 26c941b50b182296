/* Squared error.  Ref: torch.nn.MSELoss. */
#include "../simd/elementwise.h"

INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	vec d = residual(in[0], in[1], seen);

	(void)e;
	grad[0] = d + d;
	grad[1] = -grad[0];
	return d * d;
}

ELEMENT_LOSS(mse, INPUT, 2, element)

#if LOSS_DESCRIBES
const struct loss loss_described_mse = {
	.name = "mse",
	.title = "Squared error",
	.family = "regression",
	.formula = "(x - y)^2",
	.reference = "torch.nn.MSELoss",
	.aliases = {"l2", "MSELoss", "mean_squared_error", "squared_error"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(REAL_INPUT(), REAL_TARGETS()),
	.example = "\"input\": [0.5, 2.0, -3.0], \"targets\": [0.0, 2.0, -1.0]",
	.ulp = 3,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family},
};
#endif
