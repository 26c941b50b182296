/*
 * Cosine embedding: pairs of vectors whose target is 1 should point the same
 * way, those whose target is -1 should not.
 *
 *   c = x1 x2 / sqrt((|x1|^2 + eps) (|x2|^2 + eps))
 *   l = 1 - c  if y = 1,   max(0, c - margin)  if y = -1,   0 for any other y
 *   dc/dx1 = (u2 - c u1) / sqrt(|x1|^2 + eps),   u = x / sqrt(|x|^2 + eps)
 *
 * Ref: torch.nn.CosineEmbeddingLoss, whose eps is fixed.
 */
#include "../simd/rowsum.h"

struct cosine_embedding_params {
	double margin, eps;
};

INLINE void terms(const vec *in, const struct rowsum *row, mask own, struct rowsum_term *term)
{
	(void)row, (void)own;
	term[0] = (struct rowsum_term){in[0], in[1]};
	term[1] = (struct rowsum_term){in[0], in[0]};
	term[2] = (struct rowsum_term){in[1], in[1]};
}

static double value(const struct loss_eval *e, struct rowsum *row)
{
	const struct cosine_embedding_params *p = loss_params_of(e);
	double norm_1 = sqrt(row->sums[1] + p->eps), norm_2 = sqrt(row->sums[2] + p->eps);
	double cosine = row->sums[0] / (norm_1 * norm_2), loss, slope;

	if (row->target == 1) {
		loss = 1 - cosine;
		slope = -1;
	} else if (row->target == -1) {
		loss = cosine - p->margin;
		slope = 1;
	} else {
		/* NaN, or 0. */
		loss = (double)(row->target - row->target);
		slope = loss;
	}
	if (row->target == -1 && loss < 0)
		loss = slope = 0;
	row->flat = slope == 0;
	row->slopes[0] = (real)(1 / norm_1);
	row->slopes[1] = (real)(1 / norm_2);
	row->slopes[2] = (real)cosine;
	row->own = (real)slope;
	return loss;
}

INLINE void slope(const vec *in, const struct rowsum *row, mask own, vec *grad)
{
	/* Of length 1 both, so that no product is out of range. */
	vec by_1 = v_set(row->slopes[0]), by_2 = v_set(row->slopes[1]);
	vec unit_1 = in[0] * by_1, unit_2 = in[1] * by_2;
	vec cosine = v_set(-row->slopes[2]), sign = v_set(row->own);

	(void)own;
	grad[0] = v_fma(cosine, unit_1, unit_2) * by_1 * sign;
	grad[1] = v_fma(cosine, unit_2, unit_1) * by_2 * sign;
}

ROWSUM_LOSS(cosine_embedding, INPUT1, .inputs = 2, .in = {0, 2}, .sums = 3, .target = 1,
	    .terms = terms, .value = value, .slope = slope)

#if LOSS_DESCRIBES
const struct loss loss_described_cosine_embedding = {
	.name = "cosine_embedding",
	.title = "Cosine embedding",
	.family = "embeddings",
	.formula = "1 - cos(x1, x2) if y = 1, max(0, cos(x1, x2) - margin) if y = -1",
	.reference = "torch.nn.CosineEmbeddingLoss",
	.notes = "One value a row of the last axis. A vector of zeros has a cosine of 0, thanks to "
		 "eps. A target other than 1 and -1 costs 0, NaN costs NaN.",
	.aliases = {"CosineEmbeddingLoss", "cosine_embedding_loss"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(LOSS_INPUT(INPUT1, .shape = LOSS_SHAPE_PREDICTION, .differentiable = true),
		    SIGN_TARGETS(.shape = LOSS_SHAPE_UNITS),
		    LOSS_INPUT(INPUT2, .shape = LOSS_SHAPE_SAME, .differentiable = true,
			       .predicted = true)),
	LOSS_PARAMS(cosine_embedding_params,
		    LOSS_PARAM(cosine_embedding_params, margin, AT_LEAST(-1), AT_MOST(1),
			       .doc = "The cosine that a pair of -1 may have."),
		    LOSS_PARAM(cosine_embedding_params, eps, .init = 1e-12, AT_LEAST(0),
			       .doc = "Added to the square of each length.")),
	.example = "\"input1\": [[1, 0.5], [2, -1]], \"input2\": [[0.8, 0.7], [1.5, -2]], "
		   "\"targets\": [1, -1]",
	.ulp = 1.5,
	.impl = &(const struct loss_impl){.family = &loss_rowsum_family},
};
#endif
