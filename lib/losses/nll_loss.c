/*
 * Negative log likelihood: cross entropy of log-probabilities that are already
 * there.  Nothing checks that they are normalised.
 *
 * Ref: torch.nn.NLLLoss.
 */
#include "../simd/rowwise.h"

struct nll_loss_params {
	int64_t ignore_index;
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

ROW_LOSS(nll_loss, term, LINEAR)

#if LOSS_DESCRIBES
const struct loss loss_described_nll_loss = {
	.name = "nll_loss",
	.title = "Negative log likelihood",
	.family = "classification",
	.formula = "-w_y x_y, x being log-probabilities",
	.reference = "torch.nn.NLLLoss",
	.notes = "Negative where the log-probabilities are positive: they are not checked.",
	.aliases = {"nll"},
	.traits = LOSS_HAS_CLASSES | LOSS_HAS_SOFTMAX,
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(LOSS_INPUT(LOG_PROBS, .forms = LOSS_ROLE_BIT(LOGITS) | LOSS_ROLE_BIT(PROBS),
			       .aliases = LOSS_ROLE_BIT(INPUT), .shape = LOSS_SHAPE_PREDICTION,
			       .differentiable = true),
		    LOSS_INPUT(TARGETS, .kind = LOSS_KIND_INDEX, .shape = LOSS_SHAPE_TARGETS,
			       .doc = "A class index a row."),
		    LOSS_INPUT(WEIGHT, .shape = LOSS_SHAPE_PER_CLASS, .optional = true,
			       .doc = "A weight per class.")),
	LOSS_PARAMS(nll_loss_params, LOSS_PARAM(nll_loss_params, ignore_index, .init = -100,
						.doc = "Rows with this class index do not count.")),
	.example = "\"log_probs\": [[-0.5, -1.5, -1.7], [-2.3, -0.3, -1.8]], \"targets\": [0, 2]",
	.ulp = 3,
	.impl = &(const struct loss_impl){.family = &loss_rowwise_family, .weight_sum = true},
};
#endif
