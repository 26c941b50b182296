/*
 * Cauchy: the logarithm of the square of large residuals.
 *
 *   l = log(1 + d^2 / 2)    where 1 counts beside d^2
 *     = 2 log |d| - log 2   far beyond, where d^2 may overflow
 *   dl/dx = d / (1 + d^2 / 2) = 2 / d
 *
 * Ref: Black and Anandan 1996; kornia.losses.cauchy_loss.
 */
#include "../simd/elementwise.h"

#define FAR BY_REAL(0x1p60f, 0x1p500)

INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	vec d = residual(in[0], in[1], seen), size = v_abs(d), one = v_set(1), two = v_set(2);
	mask far = v_gt(size, v_set(FAR));
	vec near = v_select(far, one, d), square = v_set(R(0.5)) * near * near;
	/* 1 more is nothing to a size so large. */
	vec log = v_log1p(v_select(far, size, square));

	(void)e;
	grad[0] = v_select(far, two / d, near / (one + square));
	grad[1] = -grad[0];
	return v_select(far, v_fma(two, log, v_set(-LN2)), log);
}

ELEMENT_LOSS(cauchy, INPUT, 2, element)

#if LOSS_DESCRIBES
const struct loss loss_described_cauchy = {
	.name = "cauchy",
	.title = "Cauchy",
	.family = "regression",
	.formula = "log(1 + d^2 / 2), d = x - y",
	.reference = "Black and Anandan 1996; kornia.losses.cauchy_loss",
	.notes = "Finite for every finite residual.",
	.aliases = {"cauchy_loss", "CauchyLoss"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_NONE,
	LOSS_INPUTS(REAL_INPUT(), REAL_TARGETS()),
	.example = "\"input\": [0.5, 2.0, -3.0], \"targets\": [0.0, 2.0, -1.0]",
	.ulp = 4,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family},
};
#endif
