/*
 * Quantile (pinball) loss: what is too low costs tau, what is too high 1 - tau,
 * so that the tau quantile of the targets costs least.
 *
 *   l = tau d  where d = y - x is above 0,  else (tau - 1) d
 *
 * Ref: Koenker and Bassett 1978; tfa.losses.PinballLoss.
 */
#include "../simd/elementwise.h"

struct quantile_params {
	double tau;
};

INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const struct quantile_params *p = loss_params_of(e);
	vec d = residual(in[1], in[0], seen), zero = v_set(0);
	vec low = v_set((real)p->tau), high = v_set((real)(p->tau - 1));
	vec slope = v_select(v_gt(d, zero), low, high);
	mask on = v_ne(d, zero);

	grad[1] = v_select(v_isnan(d), d, v_and(on, slope));
	grad[0] = zero - grad[1];
	return v_and(on, slope * d);
}

ELEMENT_LOSS(quantile, INPUT, 2, element)

#if LOSS_DESCRIBES
const struct loss loss_described_quantile = {
	.name = "quantile",
	.title = "Quantile (pinball)",
	.family = "regression",
	.formula = "max(tau d, (tau - 1) d), d = y - x",
	.reference = "Koenker and Bassett 1978; tfa.losses.PinballLoss",
	.notes = "tau 0.5 is half of l1.",
	.aliases = {"pinball", "quantile_loss", "QuantileLoss", "pinball_loss", "PinballLoss"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(REAL_INPUT(), REAL_TARGETS()),
	LOSS_PARAMS(quantile_params,
		    LOSS_PARAM(quantile_params, tau, .init = 0.5, ABOVE(0), BELOW(1),
			       .doc = "The quantile that is predicted.")),
	.example = "\"input\": [0.5, 2.0, -3.0], \"targets\": [0.0, 2.0, -1.0]",
	.ulp = 3,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family},
};
#endif
