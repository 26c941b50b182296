/*
 * Binary cross entropy over the positives and the hardest negatives.
 *
 *   k = min(negatives, floor(positives * negative_ratio))
 *   (sum of the positives' losses + sum of the k largest of the negatives')
 *       / (positives + k + eps)
 *
 * The k largest are those of the whole batch; of equal losses the first counts.
 * An element is positive where its target is 1 or more and negative where it is
 * 0 or less; one in between is neither.
 *
 * Ref: DBNet's BalanceCrossEntropyLoss (Liao et al. 2020); mmocr
 * MaskedBalancedBCELoss for fallback_negatives.
 */
#include "../simd/binary.h"
#include "../simd/hard_negative.h"

struct ohem_balanced_bce_params {
	double negative_ratio, eps;
	int64_t fallback_negatives;
};

INLINE vec of_probs(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	struct binary_costs cost;

	(void)e;
	return binary_of_probs(in[0], in[1], v_set(1) - in[1], &grad[0], &cost, seen);
}

INLINE vec of_logits(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	struct binary_costs cost;

	(void)e;
	return binary_of_logits(in[0], in[ELEMENT_FIRST], in[1], v_set(1) - in[1], v_set(1),
				&grad[0], &cost, seen);
}

ELEMENT_FORM_IN_TWO(logits, 2, binary_first, of_logits)
ELEMENT_FORM(probs, 2, of_probs)
MINING_FORM(logits)
MINING_FORM(probs)

const struct loss_kernels LOSS_KERNELS(ohem_balanced_bce) = {
	.prepare = {[LOSS_ROLE_LOGITS] = logits_prepare, [LOSS_ROLE_PROBS] = probs_prepare},
	.count = mining_count,
	.select = mining_select,
	.main = {[LOSS_ROLE_LOGITS] = logits_block, [LOSS_ROLE_PROBS] = probs_block},
	.scan = {[LOSS_ROLE_LOGITS] = logits_scan, [LOSS_ROLE_PROBS] = probs_scan},
};

#if LOSS_DESCRIBES
const struct loss loss_described_ohem_balanced_bce = {
	.name = "ohem_balanced_bce",
	.title = "Balanced binary cross entropy by hard negative mining",
	.family = "binary",
	.formula = "(sum of positives + sum of the k hardest negatives) / (positives + k + eps)",
	.reference = "Liao et al. 2020 (DBNet); mmocr MaskedBalancedBCELoss",
	.notes = "Reduction none answers the plain losses of all elements. Without positives "
		 "nothing is "
		 "mined unless fallback_negatives says how many.",
	.aliases = {"balance_cross_entropy", "BalanceCrossEntropyLoss", "MaskedBalancedBCELoss",
		    "MaskedBalancedBCEWithLogitsLoss", "ohem_bce"},
	.traits = LOSS_HAS_SIGMOID,
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(
		LOSS_INPUT(PROBS, .forms = LOSS_ROLE_BIT(LOGITS), .aliases = LOSS_ROLE_BIT(INPUT),
			   .shape = LOSS_SHAPE_PREDICTION, .differentiable = true),
		LOSS_INPUT(TARGETS, .kind = LOSS_KIND_BINARY, .shape = LOSS_SHAPE_SAME,
			   .doc = "0 or 1."),
		LOSS_INPUT(
			MASK, .kind = LOSS_KIND_BINARY, .shape = LOSS_SHAPE_NO_CHANNEL,
			.optional = true, .factor = true, .absent = 1,
			.doc = "1 counts, 0 is left out; the shape of the targets with or without "
			       "the channel axis.")),
	LOSS_PARAMS(ohem_balanced_bce_params,
		    LOSS_PARAM(ohem_balanced_bce_params, negative_ratio, .init = 3, AT_LEAST(0),
			       .doc = "Negatives kept for each positive."),
		    LOSS_PARAM(ohem_balanced_bce_params, eps, .init = 1e-6, AT_LEAST(0),
			       .is_eps = true, .doc = "Added to the denominator."),
		    LOSS_PARAM(ohem_balanced_bce_params, fallback_negatives, .init = 0, AT_LEAST(0),
			       .doc = "Negatives kept when there is no positive.")),
	.example = "\"probs\": [[0.6, 0.3, 0.8], [0.1, 0.7, 0.4]], \"targets\": [[1, 0, 0], [0, 1, "
		   "0]]",
	.ulp = 4,
	.impl = &(const struct loss_impl){.family = &loss_hard_negative_family, .balances = true},
};
#endif
