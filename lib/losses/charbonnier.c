/*
 * Charbonnier: the square of small residuals, the size of large ones.
 *
 *   l = sqrt(d^2 + 1) - 1 = d^2 / (sqrt(d^2 + 1) + 1)
 *   dl/dx = d / sqrt(d^2 + 1)
 *
 * Ref: Charbonnier et al. 1997; kornia.losses.charbonnier_loss.
 */
#include "../simd/elementwise.h"

/* Residuals beside whose squares 1 is nothing. */
#define FAR BY_REAL(0x1p13f, 0x1p28)

INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	vec d = residual(in[0], in[1], seen), size = v_abs(d), one = v_set(1);
	mask far = v_gt(size, v_set(FAR));
	vec near = v_select(far, one, d), root = v_sqrt(v_fma(near, near, one));

	(void)e;
	grad[0] = v_select(far, v_copysign(one, d), near / root);
	grad[1] = -grad[0];
	return v_select(far, size - one, near * near / (root + one));
}

ELEMENT_LOSS(charbonnier, INPUT, 2, element)

#if LOSS_DESCRIBES
const struct loss loss_described_charbonnier = {
	.name = "charbonnier",
	.title = "Charbonnier",
	.family = "regression",
	.formula = "sqrt(d^2 + 1) - 1, d = x - y",
	.reference = "Charbonnier et al. 1997; kornia.losses.charbonnier_loss",
	.notes = "Finite for every finite residual.",
	.aliases = {"charbonnier_loss", "CharbonnierLoss"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_NONE,
	LOSS_INPUTS(REAL_INPUT(), REAL_TARGETS()),
	.example = "\"input\": [0.5, 2.0, -3.0], \"targets\": [0.0, 2.0, -1.0]",
	.ulp = 5,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family},
};
#endif
