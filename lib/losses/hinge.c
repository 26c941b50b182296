/*
 * Hinge: what is missing to a margin of 1 on the right side.
 *
 *   l = max(0, 1 - y x),   dl/dx = -y where that is above 0
 *
 * Ref: keras.losses.Hinge, for targets of -1 and 1; optax.losses.hinge_loss.
 */
#include "../simd/margin.h"

INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const vec zero = v_set(0);
	vec x = in[0], y = in[1], missing = v_set(1) - agreement_of(x, y, seen);

	(void)e;
	grad[0] =
		v_select(v_le(missing, zero), zero, v_select(v_isnan(missing), missing, zero - y));
	grad[1] =
		v_select(v_le(missing, zero), zero, v_select(v_isnan(missing), missing, zero - x));
	return v_max(zero, missing);
}

ELEMENT_LOSS(hinge, INPUT, 2, element)

#if LOSS_DESCRIBES
const struct loss loss_described_hinge = {
	.name = "hinge",
	.title = "Hinge",
	.family = "margins",
	.formula = "max(0, 1 - y x)",
	.reference = "keras.losses.Hinge; optax.losses.hinge_loss",
	.notes = "Targets of 0 and 1 are not converted: a target of 0 costs 1 and has no gradient.",
	.aliases = {"Hinge", "hinge_loss", "HingeLoss"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(REAL_INPUT(), SIGN_TARGETS(.shape = LOSS_SHAPE_SAME, .differentiable = true)),
	.example = "\"input\": [0.5, 2.0, -3.0], \"targets\": [1, -1, -1]",
	.ulp = 1.5,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family},
};
#endif
