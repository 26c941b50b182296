/*
 * Balanced binary cross entropy: each side weighted by the share of the other.
 *
 *   beta_b = 1 - mean(y_b), per sample b
 *   l = -(beta y clog(p) + (1 - beta) (1 - y) clog(1 - p))
 *
 * A sample all of one class has beta 0 or 1 and with it neither loss nor
 * gradient (finding degenerate_beta).
 *
 * Ref: HED, Xie and Tu 2015; the article's balanced_bce.
 */
#include "../simd/balanced.h"
#include "../simd/binary.h"

struct balanced_bce_params {
	struct loss_maybe beta;
};

INLINE vec of_probs(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	vec y = in[1], beta = in[2], one = v_set(1);
	struct binary_costs cost;

	(void)e;
	return binary_of_probs(in[0], beta * y, (one - beta) * (one - y), &grad[0], &cost, seen);
}

INLINE vec of_logits(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	vec y = in[1], beta = in[2], one = v_set(1);
	vec on_1 = beta * y, on_0 = (one - beta) * (one - y);
	struct binary_costs cost;

	(void)e;
	return binary_of_logits(in[0], in[ELEMENT_FIRST], on_1, on_0, on_1 + on_0, &grad[0], &cost,
				seen);
}

ELEMENT_FORM_IN_TWO(logits, 3, binary_first, of_logits)
ELEMENT_FORM(probs, 3, of_probs)

const struct loss_kernels LOSS_KERNELS(balanced_bce) = {
	.prepare = {[LOSS_ROLE_LOGITS] = balanced_prepare, [LOSS_ROLE_PROBS] = balanced_prepare},
	.main = {[LOSS_ROLE_LOGITS] = logits_block, [LOSS_ROLE_PROBS] = probs_block},
	.scan = {[LOSS_ROLE_LOGITS] = logits_scan, [LOSS_ROLE_PROBS] = probs_scan},
};

#if LOSS_DESCRIBES
const struct loss loss_described_balanced_bce = {
	.name = "balanced_bce",
	.title = "Balanced binary cross entropy",
	.family = "binary",
	.formula =
		"-(beta y log p + (1 - beta)(1 - y) log(1 - p)), beta = 1 - mean(y) of the sample",
	.reference = "Xie and Tu 2015 (HED); the article's balanced_bce",
	.notes = "Summed by default. A single vector is one sample. Logs are clamped at -100 where "
		 "probabilities are given.",
	.aliases = {"balanced_binary_cross_entropy", "balanced_cross_entropy", "BalancedBCELoss"},
	.traits = LOSS_HAS_SIGMOID,
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_SUM,
	LOSS_INPUTS(
		LOSS_INPUT(PROBS, .forms = LOSS_ROLE_BIT(LOGITS), .aliases = LOSS_ROLE_BIT(INPUT),
			   .shape = LOSS_SHAPE_PREDICTION, .differentiable = true),
		LOSS_INPUT(TARGETS, .shape = LOSS_SHAPE_SAME, .doc = "0 or 1, or a probability.")),
	LOSS_PARAMS(
		balanced_bce_params,
		LOSS_PARAM(balanced_bce_params, beta, NOTHING, AT_LEAST(0), AT_MOST(1),
			   .doc = "Weight of the positives; by default one less the mean target of "
				  "each sample.")),
	.example = "\"probs\": [[0.6, 0.3, 0.8], [0.1, 0.7, 0.4]], \"targets\": [[1, 0, 0], [0, 1, "
		   "1]]",
	.ulp = 6,
	.impl = &(const struct loss_impl){.family = &loss_balanced_family, .balances = true},
};
#endif
