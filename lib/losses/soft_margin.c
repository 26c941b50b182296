/*
 * Soft margin: the logistic loss of scores and targets of -1 and 1.
 *
 *   l = softplus(-y x),   dl/dx = -y sigma(-y x)
 *
 * Ref: torch.nn.SoftMarginLoss, which overflows where y x < -88.
 */
#include "../simd/margin.h"

INLINE vec first(const vec *in, const struct loss_eval *e)
{
	(void)e;
	return v_exp_neg_abs(in[0] * in[1]);
}

/* But for log(1 + first). */
INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const vec one = v_set(1), zero = v_set(0);
	vec x = in[0], y = in[1], agreement = agreement_of(x, y, seen);
	vec small = in[ELEMENT_FIRST], larger = one / (one + small);
	vec miss = v_select(v_is_signed(agreement), larger, small * larger);
	mask right = v_eq(miss, zero);

	(void)e;
	grad[0] = v_select(right, zero, -y * miss);
	grad[1] = v_select(right, zero, -x * miss);
	return v_max(zero, -agreement);
}

ELEMENT_LOSS_PLUS_LOG1P(soft_margin, INPUT, 2, first, element)

#if LOSS_DESCRIBES
const struct loss loss_described_soft_margin = {
	.name = "soft_margin",
	.title = "Soft margin",
	.family = "margins",
	.formula = "log(1 + exp(-y x))",
	.reference = "torch.nn.SoftMarginLoss",
	.notes = "Finite for every finite prediction.",
	.aliases = {"SoftMarginLoss", "soft_margin_loss", "logistic_loss"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(REAL_INPUT(), SIGN_TARGETS(.shape = LOSS_SHAPE_SAME, .differentiable = true)),
	.example = "\"input\": [0.5, 2.0, -3.0], \"targets\": [1, -1, -1]",
	.ulp = 3,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family},
};
#endif
