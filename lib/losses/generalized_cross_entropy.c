/*
 * Generalized cross entropy: between cross entropy (q towards 0) and the absolute
 * error of the probability (q = 1), for labels that may be wrong.
 *
 *   l = sum_k w_k y_k (1 - p_k^q) / q,    p^q = exp(q ls)
 *
 * Ref: Zhang and Sabuncu 2018; keras.losses.CategoricalGeneralizedCrossEntropy.
 */
#include "../simd/rowwise.h"

struct generalized_cross_entropy_params {
	double q;
	int64_t ignore_index;
};

INLINE vec term(vec ls, vec y, vec w, struct slopes *d, const struct loss_eval *e,
		struct seen *seen)
{
	const struct generalized_cross_entropy_params *p = loss_params_of(e);
	vec q = v_set((real)p->q), scaled = q * ls, zero = v_set(0);
	vec cost = (zero - v_expm1(scaled)) / q;

	/* Finite, so that nothing else would tell; of a probability its log does. */
	if (e->form != LOSS_ROLE_PROBS)
		see(seen, LOSS_EVENT_TARGET_AT_MASKED, v_eq(ls, v_set(NEGATIVE_INFINITY)));
	*d = (struct slopes){.ls = -(w * y) * prob_of(scaled, e), .q = w * cost};
	return w * y * cost;
}

ROW_LOSS(generalized_cross_entropy, term, NOT_LINEAR)

#if LOSS_DESCRIBES
const struct loss loss_described_generalized_cross_entropy = {
	.name = "generalized_cross_entropy",
	.title = "Generalized cross entropy",
	.family = "classification",
	.formula = "w_y (1 - p_y^q) / q, p = softmax(x)",
	.reference = "Zhang and Sabuncu 2018; keras.losses.CategoricalGeneralizedCrossEntropy",
	.notes = "Never more than 1 / q a row, also at a masked class; there, and at a probability "
		 "of exactly 0, is no gradient. The mean divides by the number of rows that "
		 "count.",
	.aliases = {"categorical_generalized_cross_entropy", "CategoricalGeneralizedCrossEntropy",
		    "gce"},
	.traits = LOSS_HAS_CLASSES | LOSS_HAS_SOFTMAX,
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(LOSS_INPUT(LOGITS, .forms = LOSS_ROLE_BIT(PROBS) | LOSS_ROLE_BIT(LOG_PROBS),
			       .shape = LOSS_SHAPE_PREDICTION, .differentiable = true),
		    LOSS_INPUT(TARGETS, .kind = LOSS_KIND_CLASSES, .shape = LOSS_SHAPE_TARGETS,
			       .doc = "A class index a row, or a distribution over the classes."),
		    LOSS_INPUT(WEIGHT, .shape = LOSS_SHAPE_PER_CLASS, .optional = true,
			       .doc = "A weight per class.")),
	LOSS_PARAMS(generalized_cross_entropy_params,
		    LOSS_PARAM(generalized_cross_entropy_params, q, .init = 0.5, ABOVE(0),
			       AT_MOST(1), .doc = "1 is the least moved by wrong labels."),
		    LOSS_PARAM(generalized_cross_entropy_params, ignore_index, .init = -100,
			       .doc = "Rows with this class index do not count.")),
	.example = "\"logits\": [[0.2, 0.3, 0.4], [-0.02, -0.13, 0.2]], \"targets\": [0, 2]",
	.ulp = 5,
	.impl = &(const struct loss_impl){.family = &loss_rowwise_family,
					  .is_bounded = true,
					  .under_imbalance = "softmax_focal",
					  .for_many_labels = "bce_with_logits"},
};
#endif
