/*
 * Geman-McClure: no residual costs more than 2.
 *
 *   l = 2 d^2 / (d^2 + 4),   dl/dx = 16 d / (d^2 + 4)^2
 *
 * With q the smaller of |d| / 2 and 2 / |d|, which never overflows:
 *
 *   l = 2 q^2 / (1 + q^2)  or  2 / (1 + q^2),   |dl/dx| = 2 q / (1 + q^2)^2  or  2 q^3 / (1 +
 * q^2)^2
 *
 * Ref: Geman and McClure 1985; kornia.losses.geman_mcclure_loss.
 */
#include "../simd/elementwise.h"

INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	vec d = residual(in[0], in[1], seen), two = v_set(2), size = v_abs(d);
	mask far = v_gt(size, two);
	vec q = v_select(far, two / size, v_set(R(0.5)) * size), r = q * q, below = v_set(1) + r;
	vec slope = two * q / (below * below);

	(void)e;
	grad[0] = v_flip_sign(v_select(far, r * slope, slope), d);
	grad[1] = -grad[0];
	return v_select(far, two, two * r) / below;
}

ELEMENT_LOSS(geman_mcclure, INPUT, 2, element)

#if LOSS_DESCRIBES
const struct loss loss_described_geman_mcclure = {
	.name = "geman_mcclure",
	.title = "Geman-McClure",
	.family = "regression",
	.formula = "2 d^2 / (d^2 + 4), d = x - y",
	.reference = "Geman and McClure 1985; kornia.losses.geman_mcclure_loss",
	.notes = "No residual costs more than 2, and far ones have next to no gradient.",
	.aliases = {"geman_mcclure_loss", "GemanMcclureLoss", "GemanMcClureLoss"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_NONE,
	LOSS_INPUTS(REAL_INPUT(), REAL_TARGETS()),
	.example = "\"input\": [0.5, 2.0, -3.0], \"targets\": [0.0, 2.0, -1.0]",
	.ulp = 5,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family, .is_bounded = true},
};
#endif
