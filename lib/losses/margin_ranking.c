/*
 * Margin ranking: of each pair the one that should rank higher (the first where
 * y is 1, the second where it is -1) should do so by the margin.
 *
 *   l = max(0, margin - y (x1 - x2))
 *
 * Ref: torch.nn.MarginRankingLoss.
 */
#include "../simd/margin.h"

struct margin_ranking_params {
	double margin;
};

INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const struct margin_ranking_params *p = loss_params_of(e);
	const vec zero = v_set(0);
	vec y = in[1], d = residual(in[0], in[2], seen);
	vec missing = v_set((real)p->margin) - agreement_of(d, y, seen);
	vec slope = v_select(v_isnan(missing), missing, y);

	grad[2] = v_select(v_lt(missing, zero), zero, slope);
	grad[0] = zero - grad[2];
	return v_max(zero, missing);
}

ELEMENT_LOSS(margin_ranking, INPUT1, 3, element)

#if LOSS_DESCRIBES
const struct loss loss_described_margin_ranking = {
	.name = "margin_ranking",
	.title = "Margin ranking",
	.family = "margins",
	.formula = "max(0, margin - y (x1 - x2))",
	.reference = "torch.nn.MarginRankingLoss",
	.notes = "At the margin itself the slope is that of a pair that misses it, as in PyTorch: "
		 "with margin 0 "
		 "a tie is pulled apart.",
	.aliases = {"MarginRankingLoss", "margin_ranking_loss"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(LOSS_INPUT(INPUT1, .shape = LOSS_SHAPE_PREDICTION, .differentiable = true),
		    SIGN_TARGETS(.shape = LOSS_SHAPE_BROADCAST),
		    LOSS_INPUT(INPUT2, .shape = LOSS_SHAPE_SAME, .differentiable = true,
			       .predicted = true)),
	LOSS_PARAMS(margin_ranking_params,
		    LOSS_PARAM(margin_ranking_params, margin,
			       .doc = "By how much the one should rank above the other.")),
	.example = "\"input1\": [0.5, 2.0, -3.0], \"input2\": [0.1, 2.5, 1.0], "
		   "\"targets\": [1, -1, 1]",
	.ulp = 1.5,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family},
};
#endif
