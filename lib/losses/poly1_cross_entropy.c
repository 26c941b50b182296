/*
 * Cross entropy with more of the first term of its series in 1 - p:
 *
 *   l = -sum_k w_k q_k (ls_k - eps (1 - p_k))
 *
 * Ref: Leng et al. 2022 (PolyLoss); optax.losses.poly_loss_cross_entropy.
 */
#include "../simd/rowwise.h"

struct poly1_cross_entropy_params {
	double eps;
	int64_t ignore_index;
};

INLINE vec term(vec ls, vec q, vec w, struct slopes *d, const struct loss_eval *e,
		struct seen *seen)
{
	const struct poly1_cross_entropy_params *p = loss_params_of(e);
	vec eps = v_set((real)p->eps), zero = v_set(0);
	/* 0 - ls, not -ls: a loss of nothing is +0. */
	vec cost = (zero - ls) - eps * v_expm1(ls);

	(void)seen;
	*d = (struct slopes){.ls = -(w * q) * v_fma(eps, prob_of(ls, e), v_set(1)), .q = w * cost};
	return w * q * cost;
}

ROW_LOSS(poly1_cross_entropy, term, NOT_LINEAR)

#if LOSS_DESCRIBES
const struct loss loss_described_poly1_cross_entropy = {
	.name = "poly1_cross_entropy",
	.title = "Poly-1 cross entropy",
	.family = "classification",
	.formula = "-w_y (log p_y - eps (1 - p_y)), p = softmax(x)",
	.reference = "Leng et al. 2022; optax.losses.poly_loss_cross_entropy",
	.notes = "eps 0 is cross entropy, but the mean divides by the number of rows that count, "
		 "not by weights.",
	.aliases = {"poly_loss_cross_entropy", "poly1", "Poly1CrossEntropyLoss"},
	.traits = LOSS_HAS_CLASSES | LOSS_HAS_SOFTMAX,
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(LOSS_INPUT(LOGITS, .forms = LOSS_ROLE_BIT(PROBS) | LOSS_ROLE_BIT(LOG_PROBS),
			       .shape = LOSS_SHAPE_PREDICTION, .differentiable = true),
		    LOSS_INPUT(TARGETS, .kind = LOSS_KIND_CLASSES, .shape = LOSS_SHAPE_TARGETS,
			       .doc = "A class index a row, or a distribution over the classes."),
		    LOSS_INPUT(WEIGHT, .shape = LOSS_SHAPE_PER_CLASS, .optional = true,
			       .doc = "A weight per class.")),
	LOSS_PARAMS(poly1_cross_entropy_params,
		    LOSS_PARAM(poly1_cross_entropy_params, eps, .init = 2, AT_LEAST(-1),
			       .doc = "How much more the first term counts."),
		    LOSS_PARAM(poly1_cross_entropy_params, ignore_index, .init = -100,
			       .doc = "Rows with this class index do not count.")),
	.example = "\"logits\": [[0.2, 0.3, 0.4], [-0.02, -0.13, 0.2]], \"targets\": [0, 2]",
	.ulp = 6,
	.impl = &(const struct loss_impl){.family = &loss_rowwise_family,
					  .under_imbalance = "softmax_focal",
					  .for_many_labels = "bce_with_logits"},
};
#endif
