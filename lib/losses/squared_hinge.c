/*
 * Squared hinge.
 *
 *   l = max(0, 1 - y x)^2,   dl/dx = -2 y max(0, 1 - y x)
 *
 * Ref: keras.losses.SquaredHinge, for targets of -1 and 1.
 */
#include "../simd/margin.h"

INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const vec zero = v_set(0);
	vec x = in[0], y = in[1], missing = v_max(zero, v_set(1) - agreement_of(x, y, seen));
	vec slope = v_set(-2) * missing;
	mask done = v_eq(missing, zero);

	(void)e;
	grad[0] = v_select(done, zero, slope * y);
	grad[1] = v_select(done, zero, slope * x);
	return missing * missing;
}

ELEMENT_LOSS(squared_hinge, INPUT, 2, element)

#if LOSS_DESCRIBES
const struct loss loss_described_squared_hinge = {
	.name = "squared_hinge",
	.title = "Squared hinge",
	.family = "margins",
	.formula = "max(0, 1 - y x)^2",
	.reference = "keras.losses.SquaredHinge",
	.notes = "Targets of 0 and 1 are not converted.",
	.aliases = {"SquaredHinge", "squared_hinge_loss", "SquaredHingeLoss"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(REAL_INPUT(), SIGN_TARGETS(.shape = LOSS_SHAPE_SAME, .differentiable = true)),
	.example = "\"input\": [0.5, 2.0, -3.0], \"targets\": [1, -1, -1]",
	.ulp = 3,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family},
};
#endif
