/*
 * Binary cross entropy of probabilities, with PyTorch's two clamps:
 *
 *   l = -w (y clog(p) + (1 - y) clog(1 - p)),   clog(v) = max(log v, -100)
 *   dl/dp = w (p - y) / max(p (1 - p), 1e-12)
 *
 * so that the gradient is finite and, where the clamps bite, not the derivative
 * of the value.  Given logits, the loss is that of bce_with_logits: stable, and
 * without a clamp.
 *
 * Ref: torch.nn.BCELoss.
 */
#include "../simd/binary.h"

INLINE vec of_probs(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	vec y = in[1];
	struct binary_costs cost;
	vec loss = binary_of_probs(in[0], y, v_set(1) - y, &grad[0], &cost, seen);

	(void)e;
	grad[1] = cost.of_1 - cost.of_0;
	return loss;
}

BINARY_FORM(logits)
ELEMENT_FORM(probs, 2, of_probs)

const struct loss_kernels LOSS_KERNELS(binary_cross_entropy) = {
	.main = {[LOSS_ROLE_LOGITS] = logits_block, [LOSS_ROLE_PROBS] = probs_block},
	.scan = {[LOSS_ROLE_LOGITS] = logits_scan, [LOSS_ROLE_PROBS] = probs_scan},
};

#if LOSS_DESCRIBES
const struct loss loss_described_binary_cross_entropy = {
	.name = "binary_cross_entropy",
	.title = "Binary cross entropy",
	.family = "binary",
	.formula = "-w (y max(log p, -100) + (1 - y) max(log(1 - p), -100))",
	.reference = "torch.nn.BCELoss",
	.notes = "Probabilities of exactly 0 or 1 on the wrong side cost 100; the gradient is "
		 "floored "
		 "with 1e-12 and is not the derivative of the clamped value there.",
	.aliases = {"bce", "BCELoss", "binary_crossentropy"},
	.traits = LOSS_HAS_SIGMOID,
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(LOSS_INPUT(PROBS, .forms = LOSS_ROLE_BIT(LOGITS),
			       .aliases = LOSS_ROLE_BIT(INPUT), .shape = LOSS_SHAPE_PREDICTION,
			       .differentiable = true),
		    LOSS_INPUT(TARGETS, .shape = LOSS_SHAPE_SAME, .differentiable = true,
			       .doc = "0 or 1, or a probability."),
		    LOSS_INPUT(WEIGHT, .shape = LOSS_SHAPE_BROADCAST, .optional = true,
			       .factor = true, .absent = 1, .doc = "Multiplies each element.")),
	.example = "\"probs\": [0.9, 0.2, 0.6], \"targets\": [1, 0, 1]",
	.ulp = 4,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family,
					  .under_imbalance = "sigmoid_focal"},
};
#endif
