/*
 * Cross entropy: -w log p of the target class, or the same over a target
 * distribution.
 *
 *   hard:  l = -w_y ls_y
 *   soft:  l = -sum_k w_k q_k ls_k
 *   label smoothing e:  q' = (1 - e) q + e / c, in both
 *
 * The mean divides by the weights of the targets that count for class indices,
 * and by the number of rows for soft targets, as PyTorch does.
 *
 * Ref: torch.nn.CrossEntropyLoss; Szegedy et al. 2016 for the smoothing.
 */
#include "../simd/rowwise.h"

struct cross_entropy_params {
	int64_t ignore_index;
	double label_smoothing;
};

INLINE vec term(vec ls, vec q, vec w, struct slopes *d, const struct loss_eval *e,
		struct seen *seen)
{
	/* 0 - ls, not -ls: a loss of nothing is +0. */
	vec cost = v_set(0) - ls;

	(void)e, (void)seen;
	*d = (struct slopes){.ls = -(w * q), .q = w * cost};
	return w * q * cost;
}

ROW_LOSS(cross_entropy, term, LINEAR)

#if LOSS_DESCRIBES
const struct loss loss_described_cross_entropy = {
	.name = "cross_entropy",
	.title = "Cross entropy",
	.family = "classification",
	.formula = "-w_y log softmax(x)_y; soft targets: -sum_k w_k q_k log softmax(x)_k",
	.reference = "torch.nn.CrossEntropyLoss",
	.notes = "A target of probability 0 at a masked class (-Infinity) costs nothing. The mean "
		 "of "
		 "hard targets divides by the sum of the target classes' weights.",
	.aliases = {"ce", "softmax_cross_entropy", "softmax_cross_entropy_with_integer_labels",
		    "SparseCategoricalCrossentropy", "CategoricalCrossentropy",
		    "soft_target_cross_entropy", "SoftTargetCrossEntropy", "log_loss"},
	.traits = LOSS_HAS_CLASSES | LOSS_HAS_SOFTMAX,
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(LOSS_INPUT(LOGITS, .forms = LOSS_ROLE_BIT(PROBS) | LOSS_ROLE_BIT(LOG_PROBS),
			       .shape = LOSS_SHAPE_PREDICTION, .differentiable = true),
		    LOSS_INPUT(TARGETS, .kind = LOSS_KIND_CLASSES, .shape = LOSS_SHAPE_TARGETS,
			       .differentiable = true,
			       .doc = "A class index a row, or a distribution over the classes."),
		    LOSS_INPUT(WEIGHT, .shape = LOSS_SHAPE_PER_CLASS, .optional = true,
			       .doc = "A weight per class.")),
	LOSS_PARAMS(cross_entropy_params,
		    LOSS_PARAM(cross_entropy_params, ignore_index, .init = -100,
			       .doc = "Rows with this class index do not count."),
		    LOSS_PARAM(cross_entropy_params, label_smoothing, AT_LEAST(0), AT_MOST(1),
			       .doc = "Share of the target spread evenly over all classes.")),
	.example = "\"logits\": [[0.2, 0.3, 0.4], [-0.02, -0.13, 0.2], [0.5, -0.3, 0.73]], "
		   "\"targets\": [0, 2, 1]",
	.ulp = 3,
	.impl = &(const struct loss_impl){.family = &loss_rowwise_family,
					  .weight_sum = true,
					  .under_imbalance = "softmax_focal",
					  .for_many_labels = "bce_with_logits"},
};
#endif
