/*
 * Welsch (Leclerc): no residual costs more than 1.
 *
 *   l = 1 - exp(-d^2 / 2),   dl/dx = d exp(-d^2 / 2)
 *
 * Ref: Dennis and Welsch 1978; kornia.losses.welsch_loss.
 */
#include "../simd/elementwise.h"

INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	vec d = residual(in[0], in[1], seen), down = v_set(R(-0.5)) * d * d, zero = v_set(0);
	/* Its square is not 0 before the product is. */
	vec root = v_exp_neg(v_set(R(0.5)) * down);

	(void)e;
	grad[0] = v_select(v_eq(root, zero), zero, d * root * root);
	grad[1] = -grad[0];
	return -v_expm1(down);
}

ELEMENT_LOSS(welsch, INPUT, 2, element)

#if LOSS_DESCRIBES
const struct loss loss_described_welsch = {
	.name = "welsch",
	.title = "Welsch",
	.family = "regression",
	.formula = "1 - exp(-d^2 / 2), d = x - y",
	.reference = "Dennis and Welsch 1978; kornia.losses.welsch_loss",
	.notes = "No residual costs more than 1, and far ones have next to no gradient.",
	.aliases = {"welsch_loss", "WelschLoss", "leclerc"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_NONE,
	LOSS_INPUTS(REAL_INPUT(), REAL_TARGETS()),
	.example = "\"input\": [0.5, 2.0, -3.0], \"targets\": [0.0, 2.0, -1.0]",
	.ulp = 4,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family, .is_bounded = true},
};
#endif
