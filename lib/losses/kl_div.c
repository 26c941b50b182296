/*
 * Kullback-Leibler divergence of the targets from the prediction:
 *
 *   l = y (log y - x),  x being log-probabilities;  log_target: exp(y) (y - x)
 *
 * pointwise, as PyTorch has it: `mean` divides by all elements, and the
 * divergence itself is `batchmean`.  y = 0 contributes 0, also where x is
 * -Infinity.  Given logits, x is their log-softmax along the class axis.
 *
 * Ref: torch.nn.KLDivLoss.
 */
#include "../simd/elementwise.h"
#include "../simd/rowwise.h"

struct kl_div_params {
	loss_flag log_target;
};

/* y (log y - x) and its derivatives; y, log y and x as the callers have them. */
INLINE vec divergence(vec y, vec log_y, vec x, vec *dy, struct seen *seen)
{
	mask on = v_ne(y, v_set(0)), masked = v_eq(x, v_set(NEGATIVE_INFINITY));

	see(seen, LOSS_EVENT_ZERO_TIMES_INF, m_andnot(masked, on));
	see_nonfinite(seen, LOSS_EVENT_TARGET_AT_MASKED, m_and(masked, on));
	see_nonfinite(seen, LOSS_EVENT_DOMAIN, v_lt(y, v_set(0)));
	*dy = log_y - x;
	return v_and(on, y * (log_y - x));
}

/* log y; nothing to compute where all y are 0 or 1. */
INLINE vec log_of_target(vec y)
{
	const vec one = v_set(1);
	mask on = v_ne(y, v_set(0));
	vec rest = v_select(on, y, one), log_rest = v_set(0);

	if (!m_all(v_eq(rest, one)))
		log_rest = v_log(rest);
	return v_select(on, log_rest, v_set(NEGATIVE_INFINITY));
}

INLINE vec of_log_probs(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const struct kl_div_params *p = loss_params_of(e);
	vec x = in[0], one = v_set(1);
	vec y = p->log_target ? v_exp(in[1]) : in[1];
	vec log_y = p->log_target ? in[1] : log_of_target(y);

	if (p->log_target)
		see_nonfinite(seen, LOSS_EVENT_EXP_OVERFLOW, m_andnot(v_isinf(y), v_isinf(in[1])));
	vec loss = divergence(y, log_y, x, &grad[1], seen);

	grad[0] = -y;
	grad[1] = grad[1] + one;
	if (p->log_target)
		grad[1] = v_and(v_ne(y, v_set(0)), y * grad[1]);
	return loss;
}

INLINE vec of_probs(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	vec as_log[ELEMENT_INPUTS] = {v_log(in[0]), in[1]};
	vec loss = of_log_probs(as_log, grad, e, seen);

	see(seen, LOSS_EVENT_BAD_PROB, m_or(v_lt(in[0], v_set(0)), v_gt(in[0], v_set(1))));
	grad[0] = v_and(v_ne(grad[0], v_set(0)), grad[0] / in[0]);
	return loss;
}

/* Rows of logits. */
INLINE vec term(vec ls, vec q, vec w, struct slopes *d, const struct loss_eval *e,
		struct seen *seen)
{
	vec gap = log_of_target(q) - ls;

	see_nonfinite(seen, LOSS_EVENT_DOMAIN, v_lt(q, v_set(0)));
	if (e->log_targets)
		see_nonfinite(seen, LOSS_EVENT_EXP_OVERFLOW, v_isinf(q));
	*d = (struct slopes){.ls = -(w * q), .q = w * (gap + v_set(1))};
	return w * (q * gap);
}

ELEMENT_FORM(log_probs, 2, of_log_probs)
ELEMENT_FORM(probs, 2, of_probs)
ROW_FUNCTIONS(term, LINEAR)

const struct loss_kernels LOSS_KERNELS(kl_div) = {
	.main = {block_of, probs_block, log_probs_block},
	.prepare = ROW_PREPARE(LINEAR),
	.scan = {scan_of, probs_scan, log_probs_scan},
};

#if LOSS_DESCRIBES
const struct loss loss_described_kl_div = {
	.name = "kl_div",
	.title = "Kullback-Leibler divergence",
	.family = "distribution",
	.formula = "y (log y - x), x = log p; log_target: exp(y)(y - x)",
	.reference = "torch.nn.KLDivLoss",
	.notes = "The divergence is reduction batchmean; mean divides by all elements. A target of "
		 "0 "
		 "costs nothing.",
	.aliases = {"kl_divergence", "KLDivLoss", "KLDivergence", "kullback_leibler_divergence",
		    "kld"},
	.traits = LOSS_HAS_CLASSES | LOSS_HAS_SOFTMAX,
	.reductions = LOSS_ALL_REDUCTIONS | 1 << LOSS_BATCHMEAN,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(LOSS_INPUT(LOG_PROBS, .forms = LOSS_ROLE_BIT(LOGITS) | LOSS_ROLE_BIT(PROBS),
			       .aliases = LOSS_ROLE_BIT(INPUT), .shape = LOSS_SHAPE_PREDICTION,
			       .differentiable = true),
		    LOSS_INPUT(TARGETS, .shape = LOSS_SHAPE_SAME, .differentiable = true,
			       .doc = "Probabilities; their logarithms with log_target.")),
	LOSS_PARAMS(kl_div_params, LOSS_PARAM(kl_div_params, log_target,
					      .doc = "The targets are log-probabilities.")),
	.example = "\"log_probs\": [[-0.5, -1.5, -1.7], [-2.3, -0.3, -1.8]], "
		   "\"targets\": [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]]",
	.ulp = 4,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family,
					  .logits_family = &loss_rowwise_family,
					  .loss_per_class = true},
};
#endif
