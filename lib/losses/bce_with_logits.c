/*
 * Binary cross entropy of logits, with a weight for the positives:
 *
 *   l = w (pw y sp(-x) + (1 - y) sp(x)),    sp = softplus
 *   dl/dx = w ((1 - y) sigma(x) - pw y sigma(-x))
 *
 * Both terms are positive, so nothing cancels.
 *
 * Ref: torch.nn.BCEWithLogitsLoss.
 */
#include "../simd/binary.h"

INLINE vec of_weighted(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	vec pos_weight = in[2], on_1 = pos_weight * in[1], on_0 = v_set(1) - in[1];
	struct binary_costs cost;
	vec loss = binary_of_logits(in[0], in[ELEMENT_FIRST], on_1, on_0, on_1 + on_0, &grad[0],
				    &cost, seen);

	(void)e;
	grad[1] = pos_weight * cost.of_1 - cost.of_0;
	return loss;
}

BINARY_FORM(logits)
ELEMENT_FORM_IN_TWO(weighted, 3, binary_first, of_weighted)

static void block_of(const struct loss_eval *e, int64_t block, struct loss_partial *out)
{
	(e->in[e->reads[2]].data ? weighted_block : logits_block)(e, block, out);
}

const struct loss_kernels LOSS_KERNELS(bce_with_logits) = {
	.main = {[LOSS_ROLE_LOGITS] = block_of},
	.scan = {[LOSS_ROLE_LOGITS] = weighted_scan},
};

#if LOSS_DESCRIBES
const struct loss loss_described_bce_with_logits = {
	.name = "bce_with_logits",
	.title = "Binary cross entropy with logits",
	.family = "binary",
	.formula = "w (pos_weight y softplus(-x) + (1 - y) softplus(x))",
	.reference = "torch.nn.BCEWithLogitsLoss",
	.notes = "Finite for every finite logit.",
	.aliases = {"binary_cross_entropy_with_logits", "BCEWithLogitsLoss",
		    "sigmoid_binary_cross_entropy", "sigmoid_cross_entropy"},
	.traits = LOSS_HAS_SIGMOID,
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(LOSS_INPUT(LOGITS, .aliases = LOSS_ROLE_BIT(INPUT),
			       .shape = LOSS_SHAPE_PREDICTION, .differentiable = true),
		    LOSS_INPUT(TARGETS, .shape = LOSS_SHAPE_SAME, .differentiable = true,
			       .doc = "0 or 1, or a probability."),
		    LOSS_INPUT(POS_WEIGHT, .shape = LOSS_SHAPE_BROADCAST, .optional = true,
			       .absent = 1),
		    LOSS_INPUT(WEIGHT, .shape = LOSS_SHAPE_BROADCAST, .optional = true,
			       .factor = true, .absent = 1, .doc = "Multiplies each element.")),
	.example = "\"logits\": [2.1, -1.3, 0.4], \"targets\": [1, 0, 1]",
	.ulp = 4,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family,
					  .under_imbalance = "sigmoid_focal"},
};
#endif
