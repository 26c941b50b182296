/*
 * Multi-class margin: the score of the target class should be above every other
 * one by the margin.
 *
 *   l = w_y / C  sum over k != y of  max(0, margin - x_y + x_k)^p
 *
 * Ref: torch.nn.MultiMarginLoss.
 */
#include "../simd/rowsum.h"

struct multi_margin_params {
	int64_t p;
	double margin;
};

INLINE bool is_squared(const struct rowsum *row)
{
	return ((const struct multi_margin_params *)loss_params_of(row->e))->p == 2;
}

/* By how much another class comes too close, 0 if not. */
INLINE vec missing_of(vec x, const struct rowsum *row, mask own)
{
	const struct multi_margin_params *p = loss_params_of(row->e);
	vec missing = (x - v_set(row->at_y)) + v_set((real)p->margin);

	return v_and(m_not(own), v_max(v_set(0), missing));
}

/* The derivative but for the factor of the row. */
INLINE vec slope_of(vec missing, const struct rowsum *row)
{
	vec one = v_select(v_isnan(missing), missing, v_and(v_gt(missing, v_set(0)), v_set(1)));

	return is_squared(row) ? missing + missing : one;
}

INLINE void terms(const vec *in, const struct rowsum *row, mask own, struct rowsum_term *term)
{
	vec missing = missing_of(in[0], row, own);

	term[0] = (struct rowsum_term){missing, is_squared(row) ? missing : v_set(1)};
	term[1] = (struct rowsum_term){slope_of(missing, row), v_set(1)};
}

static double value(const struct loss_eval *e, struct rowsum *row)
{
	const real *weights = e->in[2].data;
	double weight = (weights ? (double)weights[row->y] : 1) / (double)row->n;

	row->flat = weight == 0 || row->sums[1] == 0;
	row->slopes[0] = (real)weight;
	row->own = (real)(-weight * row->sums[1]);
	return weight == 0 ? 0 : weight * row->sums[0];
}

INLINE void slope(const vec *in, const struct rowsum *row, mask own, vec *grad)
{
	vec others = slope_of(missing_of(in[0], row, own), row) * v_set(row->slopes[0]);

	grad[0] = v_select(own, v_set(row->own), others);
}

ROWSUM_LOSS(multi_margin, INPUT, .inputs = 1, .in = {0}, .sums = 2, .hard = true, .terms = terms,
	    .value = value, .slope = slope)

#if LOSS_DESCRIBES
const struct loss loss_described_multi_margin = {
	.name = "multi_margin",
	.title = "Multi-class margin",
	.family = "classification",
	.formula = "w_y sum_{k != y} max(0, margin - x_y + x_k)^p / C",
	.reference = "torch.nn.MultiMarginLoss",
	.notes = "Every reduction has the division by C. Scores are (c) or (n, c): the class axis "
		 "is the last one. The mean divides by the rows, not by their weights.",
	.aliases = {"MultiMarginLoss", "multi_margin_loss", "multiclass_hinge"},
	.traits = LOSS_HAS_CLASSES,
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(LOSS_INPUT(INPUT, .aliases = LOSS_ROLE_BIT(LOGITS),
			       .shape = LOSS_SHAPE_PREDICTION, .differentiable = true),
		    LOSS_INPUT(TARGETS, .kind = LOSS_KIND_INDEX, .shape = LOSS_SHAPE_TARGETS,
			       .doc = "A class index a row."),
		    LOSS_INPUT(WEIGHT, .shape = LOSS_SHAPE_PER_CLASS, .optional = true,
			       .doc = "A weight per class.")),
	LOSS_PARAMS(multi_margin_params,
		    LOSS_PARAM(multi_margin_params, p, .init = 1, AT_LEAST(1), AT_MOST(2),
			       .doc = "The power of what is missing."),
		    LOSS_PARAM(multi_margin_params, margin, .init = 1,
			       .doc = "By how much the target should be above the others.")),
	.example = "\"input\": [[0.1, 0.2, 0.4, 0.8]], \"targets\": [3]",
	.ulp = 3,
	.impl = &(const struct loss_impl){.family = &loss_rowsum_family},
};
#endif
