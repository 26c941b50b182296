/*
 * Focal loss over a softmax: cross entropy, less of it for what is already
 * right.
 *
 *   l = -sum_k a_k w_k q_k (1 - p_k)^gamma ls_k
 *
 * with a = 1 - alpha for class 0 and alpha for the others.
 * With u = 1 - p = -expm1(ls) and du/dls = -p:
 *
 *   dl/dls = -a w q (u^gamma - gamma p u^(gamma - 1) ls)
 *
 * where u^(gamma - 1) ls tends to 0 (gamma > 0) as u does, because ls ~ -u.
 *
 * Ref: Lin et al. 2017; MONAI FocalLoss(use_softmax), kornia, Keras
 * CategoricalFocalCrossentropy.
 */
#include "../simd/rowwise.h"

struct softmax_focal_params {
	double gamma;
	struct loss_maybe alpha;
	int64_t ignore_index;
};

INLINE vec term(vec ls, vec q, vec w, struct slopes *d, const struct loss_eval *e,
		struct seen *seen)
{
	const struct softmax_focal_params *p = loss_params_of(e);
	vec gamma = v_set((real)p->gamma), zero = v_set(0), one = v_set(1);
	vec u = -v_expm1(ls), power = v_pow_pos(u, gamma);
	/* ls / u is -1 in the limit, and exp(ls) ls is 0 at -Infinity. */
	vec ratio = v_select(v_eq(u, zero), -one, ls / u);
	vec slope = v_and(v_ne(ls, v_set(NEGATIVE_INFINITY)), gamma * v_exp_neg(ls) * ratio);
	/* 0 - ls, not -ls: a loss of nothing is +0. */
	vec cost = power * (zero - ls);

	see_nonfinite(seen, LOSS_EVENT_DOMAIN, m_and(v_lt(u, zero), v_isnan(power)));
	*d = (struct slopes){.ls = -(w * q) * power * (one - slope), .q = w * cost};
	return w * q * cost;
}

ROW_LOSS(softmax_focal, term, NOT_LINEAR)

#if LOSS_DESCRIBES
static double class_factor(const void *params, int64_t k)
{
	const struct softmax_focal_params *p = params;

	if (!p->alpha.set)
		return 1;
	return k == 0 ? 1 - p->alpha.value : k > 0 ? p->alpha.value : NAN;
}

const struct loss loss_described_softmax_focal = {
	.name = "softmax_focal",
	.title = "Focal loss (softmax)",
	.family = "classification",
	.formula = "-a_y w_y (1 - p_y)^gamma log p_y, p = softmax(x); a = 1 - alpha for class 0, "
		   "else alpha",
	.reference = "Lin et al. 2017; MONAI FocalLoss(use_softmax=True)",
	.notes = "The mean divides by the number of rows that count, not by weights.",
	.aliases = {"categorical_focal_crossentropy", "CategoricalFocalCrossentropy",
		    "multiclass_focal"},
	.traits = LOSS_HAS_CLASSES | LOSS_HAS_SOFTMAX,
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(LOSS_INPUT(LOGITS, .forms = LOSS_ROLE_BIT(PROBS) | LOSS_ROLE_BIT(LOG_PROBS),
			       .shape = LOSS_SHAPE_PREDICTION, .differentiable = true),
		    LOSS_INPUT(TARGETS, .kind = LOSS_KIND_CLASSES, .shape = LOSS_SHAPE_TARGETS,
			       .doc = "A class index a row, or a distribution over the classes."),
		    LOSS_INPUT(WEIGHT, .shape = LOSS_SHAPE_PER_CLASS, .optional = true,
			       .doc = "A weight per class.")),
	LOSS_PARAMS(softmax_focal_params,
		    LOSS_PARAM(softmax_focal_params, gamma, .init = 2, AT_LEAST(0),
			       .doc = "How much less the classes that are right count."),
		    LOSS_PARAM(softmax_focal_params, alpha, NOTHING, AT_LEAST(0), AT_MOST(1),
			       .doc = "Weight of every class but class 0, which gets 1 - alpha."),
		    LOSS_PARAM(softmax_focal_params, ignore_index, .init = -100,
			       .doc = "Rows with this class index do not count.")),
	.example = "\"logits\": [[0.2, 0.3, 0.4], [-0.02, -0.13, 0.2]], \"targets\": [0, 2]",
	.ulp = 8,
	.impl = &(const struct loss_impl){.family = &loss_rowwise_family,
					  .balances = true,
					  .class_factor = class_factor,
					  .for_many_labels = "sigmoid_focal"},
};
#endif
