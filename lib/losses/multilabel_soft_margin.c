/*
 * Multi-label soft margin: binary cross entropy of every class, the mean over
 * the classes being the loss of a row.
 *
 *   l = 1 / C  sum over k of  w_k (y_k sp(-x_k) + (1 - y_k) sp(x_k)),   sp = softplus
 *
 * Ref: torch.nn.MultiLabelSoftMarginLoss.
 */
#include "../simd/binary.h"
#include "../simd/rowsum.h"

INLINE vec binary(const vec *in, vec *dx)
{
	struct seen seen = seen_nothing();
	struct binary_costs cost;

	return binary_of_logits(in[0], v_exp_neg_abs(in[0]), in[1], v_set(1) - in[1], v_set(1), dx,
				&cost, &seen);
}

INLINE void terms(const vec *in, const struct rowsum *row, mask own, struct rowsum_term *term)
{
	vec dx;

	(void)row, (void)own;
	term[0] = (struct rowsum_term){v_and(v_ne(in[2], v_set(0)), binary(in, &dx)), in[2]};
}

static double value(const struct loss_eval *e, struct rowsum *row)
{
	(void)e;
	row->slopes[0] = (real)(1 / (double)row->n);
	return row->sums[0] / (double)row->n;
}

INLINE void slope(const vec *in, const struct rowsum *row, mask own, vec *grad)
{
	vec weight = in[2] * v_set(row->slopes[0]), dx;

	(void)own;
	binary(in, &dx);
	grad[0] = v_and(v_ne(weight, v_set(0)), weight * dx);
	grad[1] = v_and(v_ne(weight, v_set(0)), weight * -in[0]);
	grad[2] = v_set(0);
}

ROWSUM_LOSS(multilabel_soft_margin, LOGITS, .inputs = 3, .in = {0, 1, 2}, .sums = 1, .terms = terms,
	    .value = value, .slope = slope)

#if LOSS_DESCRIBES
const struct loss loss_described_multilabel_soft_margin = {
	.name = "multilabel_soft_margin",
	.title = "Multi-label soft margin",
	.family = "binary",
	.formula = "sum_k w_k (y_k softplus(-x_k) + (1 - y_k) softplus(x_k)) / C",
	.reference = "torch.nn.MultiLabelSoftMarginLoss",
	.notes = "One value a row of the last axis, whose numbers are the classes. Every reduction "
		 "has the division by C.",
	.aliases = {"MultiLabelSoftMarginLoss", "multilabel_soft_margin_loss"},
	.traits = LOSS_HAS_SIGMOID,
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(LOSS_INPUT(LOGITS, .aliases = LOSS_ROLE_BIT(INPUT),
			       .shape = LOSS_SHAPE_PREDICTION, .differentiable = true),
		    LOSS_INPUT(TARGETS, .shape = LOSS_SHAPE_SAME, .differentiable = true,
			       .doc = "0 or 1 for each class, or a probability."),
		    LOSS_INPUT(WEIGHT, .shape = LOSS_SHAPE_BROADCAST, .optional = true, .absent = 1,
			       .doc = "A weight per class.")),
	.example = "\"logits\": [[2.1, -1.3, 0.4]], \"targets\": [[1, 0, 1]]",
	.ulp = 2,
	.impl = &(const struct loss_impl){.family = &loss_rowsum_family},
};
#endif
