/*
 * Clipped policy gradient, of PPO and GRPO: what was better than expected should
 * become likelier, but not by more than a step.
 *
 *   r = exp(logp - old),   l = -min(r A, clip(r, 1 - low, 1 + high) A) + beta k
 *   k = exp(ref - logp) - (ref - logp) - 1,   an estimate of the divergence from ref
 *
 * Where the clip decides, the first term has no gradient.
 *
 * Ref: Schulman et al. 2017; Shao et al. 2024; trl.GRPOTrainer.
 */
#include "../simd/elementwise.h"

struct grpo_params {
	double epsilon_low, epsilon_high, beta;
};

/* e^d - d - 1 and its derivative; near 0, where they cancel, the series. */
INLINE vec divergence_of(vec d, vec *slope)
{
	static const real series[] = {
		R(1.0 / 2),    R(1.0 / 6),     R(1.0 / 24),     R(1.0 / 120),     R(1.0 / 720),
		R(1.0 / 5040), R(1.0 / 40320), R(1.0 / 362880), R(1.0 / 3628800), R(1.0 / 39916800),
	};
	mask near_0 = v_lt(v_abs(d), v_set(R(BY_REAL(0.5, 0.125))));

	*slope = v_expm1(d);
	/* An infinite d has an infinite divergence on either side. */
	vec far = v_select(v_eq(*slope, d), d, *slope - d);
	return v_select(near_0, d * d * V_POLY(d, series), far);
}

/* exp(d), where it matters that it is out of range. */
INLINE vec ratio_of(vec d, mask matters, struct seen *seen)
{
	vec ratio = v_exp(d);

	see_nonfinite(seen, LOSS_EVENT_EXP_OVERFLOW,
		      m_and(matters, m_andnot(v_isinf(ratio), v_isinf(d))));
	return ratio;
}

INLINE vec surrogate(const vec *in, vec *grad, const struct grpo_params *p, struct seen *seen)
{
	vec a = in[1], zero = v_set(0);
	vec lowest = v_set((real)(1 - p->epsilon_low)),
	    highest = v_set((real)(1 + p->epsilon_high));
	mask rises = v_gt(a, zero), falls = v_lt(a, zero), on = v_ne(a, zero);

	/* A gain that rises is cut off above, one that falls below. */
	vec ratio = ratio_of(residual(in[0], in[2], seen), falls, seen);
	mask too_high = m_and(rises, v_gt(ratio, highest));
	mask too_low = m_and(falls, v_lt(ratio, lowest));
	vec gain = v_select(too_high, highest, v_select(too_low, lowest, ratio));
	vec loss = v_select(on, v_neg(gain * a), v_and(v_isnan(ratio), ratio));

	grad[0] = v_select(m_or(too_high, too_low), zero, loss);
	grad[1] = v_neg(gain);
	return loss;
}

INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const struct grpo_params *p = loss_params_of(e);
	vec loss = surrogate(in, grad, p, seen);

	grad[2] = grad[3] = v_set(0);
	if (e->in[3].data && p->beta != 0) {
		vec beta = v_set((real)p->beta), d = residual(in[3], in[0], seen), slope;
		vec k = divergence_of(d, &slope);

		see_nonfinite(seen, LOSS_EVENT_EXP_OVERFLOW, m_andnot(v_isinf(k), v_isinf(d)));
		loss = v_fma(beta, k, loss);
		grad[0] = v_fma(-beta, slope, grad[0]);
	}
	return loss;
}

ELEMENT_LOSS(grpo, LOGPS, 4, element)

#if LOSS_DESCRIBES
const struct loss loss_described_grpo = {
	.name = "grpo",
	.title = "Clipped policy gradient",
	.family = "preference",
	.formula = "-min(r A, clip(r, 1 - epsilon_low, 1 + epsilon_high) A) + beta (e^d - d - 1), "
		   "r = exp(logp - old), d = ref - logp",
	.reference = "Schulman et al. 2017 (PPO); Shao et al. 2024 (GRPO)",
	.notes = "One value a token. For tokens that the policy drew itself, old_logps are the "
		 "logps once more. Without ref_logps there is no divergence. A token of advantage "
		 "0 costs its divergence alone, whatever its ratio. One of negative advantage is "
		 "not cut off "
		 "above: its ratio may overflow.",
	.aliases = {"ppo", "ppo_clip", "clipped_surrogate", "dapo", "policy_gradient"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(
		LOSS_INPUT(LOGPS, .shape = LOSS_SHAPE_PREDICTION, .differentiable = true),
		LOSS_INPUT(ADVANTAGES, .shape = LOSS_SHAPE_ROWS,
			   .doc = "How much better than expected it went, by token or sequence."),
		LOSS_INPUT(OLD_LOGPS, .shape = LOSS_SHAPE_SAME),
		LOSS_INPUT(REF_LOGPS, .shape = LOSS_SHAPE_SAME, .optional = true)),
	LOSS_PARAMS(grpo_params,
		    LOSS_PARAM(grpo_params, epsilon_low, .init = 0.2, AT_LEAST(0), AT_MOST(1),
			       .doc = "How far below 1 the ratio is heeded."),
		    LOSS_PARAM(grpo_params, epsilon_high, .init = 0.2, AT_LEAST(0),
			       .doc = "How far above 1 the ratio is heeded."),
		    LOSS_PARAM(grpo_params, beta, .init = 0.04, AT_LEAST(0),
			       .doc = "Weight of the divergence from ref_logps.")),
	.example = "\"logps\": [[-1.2, -0.4], [-2.5, -0.1]], \"old_logps\": [[-1.5, -0.5], [-2.0, "
		   "-0.1]], \"advantages\": [0.7, -0.7], \"mask\": [[1, 1], [1, 0]]",
	.ulp = 5,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family},
};
#endif
