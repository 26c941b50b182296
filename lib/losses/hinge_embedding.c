/*
 * Hinge of a distance x: that of two that belong together should be small, that
 * of others no less than the margin.
 *
 *   l = x where y = 1,   max(0, margin - x) where y = -1,   both for any other y
 *
 * Ref: torch.nn.HingeEmbeddingLoss.
 */
#include "../simd/margin.h"

struct hinge_embedding_params {
	double margin;
};

INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const struct hinge_embedding_params *p = loss_params_of(e);
	const vec zero = v_set(0), one = v_set(1);
	vec x = in[0], y = in[1], missing = v_set((real)p->margin) - x;
	mask pulls = v_ne(y, -one), pushes = v_ne(y, one), pushed = v_ge(missing, zero);
	vec slope = v_and(pulls, one) - v_and(m_and(pushes, pushed), one);
	vec broken = v_select(v_isnan(y), y, x);

	(void)seen;
	grad[0] = v_select(m_or(v_isnan(x), v_isnan(y)), broken, slope);
	return v_select(v_isnan(y), y, v_and(pulls, x) + v_and(pushes, v_max(zero, missing)));
}

ELEMENT_LOSS(hinge_embedding, INPUT, 2, element)

#if LOSS_DESCRIBES
const struct loss loss_described_hinge_embedding = {
	.name = "hinge_embedding",
	.title = "Hinge embedding",
	.family = "margins",
	.formula = "x if y = 1, max(0, margin - x) if y = -1, both for any other y",
	.reference = "torch.nn.HingeEmbeddingLoss",
	.notes = "The prediction is a distance. At the margin itself the slope is -1, as in "
		 "PyTorch.",
	.aliases = {"HingeEmbeddingLoss", "hinge_embedding_loss"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(REAL_INPUT(), SIGN_TARGETS(.shape = LOSS_SHAPE_SAME)),
	LOSS_PARAMS(hinge_embedding_params,
		    LOSS_PARAM(hinge_embedding_params, margin, .init = 1,
			       .doc = "How far apart two that do not belong together should be.")),
	.example = "\"input\": [0.5, 2.0, -3.0], \"targets\": [1, -1, -1]",
	.ulp = 1.5,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family},
};
#endif
