/*
 * Tversky: one less the share of what is right, false positives and false
 * negatives having a weight each; one value a sample.
 *
 *   1 - (I + smooth_nr) / (I + alpha (P - I) + beta (Y - I) + smooth_dr)
 *   I = sum p y, P = sum p, Y = sum y
 *
 * alpha = beta = 1/2 is dice without squares, alpha = beta = 1 the Jaccard index.
 *
 * Ref: Salehi et al. 2017; MONAI TverskyLoss for the parameters.
 */
#include "../simd/overlap.h"

struct tversky_params {
	double alpha, beta, smooth_nr, smooth_dr;
	loss_flag batch, include_background;
};

OVERLAP_LOSS(tversky)

#if LOSS_DESCRIBES
static double value(const void *params, const struct loss_overlap *o, double *d_i, double *d_p)
{
	const struct tversky_params *p = params;
	double above = o->i + p->smooth_nr;
	double below = o->i + p->alpha * (o->p - o->i) + p->beta * (o->y - o->i) + p->smooth_dr;
	double d_below = above / (below * below);

	*d_i = -1 / below + (1 - p->alpha - p->beta) * d_below;
	*d_p = p->alpha * d_below;
	return 1 - above / below;
}

static struct loss_overlap_kind kind(const void *params)
{
	const struct tversky_params *p = params;

	return (struct loss_overlap_kind){false, p->batch, !p->include_background};
}

const struct loss loss_described_tversky = {
	.name = "tversky",
	.title = "Tversky",
	.family = "segmentation",
	.formula = "1 - (I + smooth_nr) / (I + alpha (P - I) + beta (Y - I) + smooth_dr) per "
		   "sample, I = sum(p y), P = sum p, Y = sum y",
	.reference = "Salehi et al. 2017; MONAI TverskyLoss",
	.notes = "One value a sample, over all its classes and pixels. alpha = beta = 1 is the "
		 "Jaccard (soft IoU) loss. A sample empty in prediction and target costs 0 where "
		 "both smoothings are the same.",
	.aliases = {"tversky_loss", "TverskyLoss", "Tversky"},
	.traits = LOSS_HAS_SIGMOID,
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(
		LOSS_INPUT(PROBS, .forms = LOSS_ROLE_BIT(LOGITS), .aliases = LOSS_ROLE_BIT(INPUT),
			   .shape = LOSS_SHAPE_PREDICTION, .differentiable = true),
		LOSS_INPUT(TARGETS, .shape = LOSS_SHAPE_SAME, .doc = "0 or 1, or a probability.")),
	LOSS_PARAMS(tversky_params,
		    LOSS_PARAM(tversky_params, alpha, .init = 0.5, AT_LEAST(0),
			       .doc = "Weight of false positives."),
		    LOSS_PARAM(tversky_params, beta, .init = 0.5, AT_LEAST(0),
			       .doc = "Weight of false negatives."),
		    LOSS_PARAM(tversky_params, smooth_nr, .init = 1e-5, AT_LEAST(0), .is_eps = true,
			       .doc = "Added above."),
		    LOSS_PARAM(tversky_params, smooth_dr, .init = 1e-5, AT_LEAST(0), .is_eps = true,
			       .doc = "Added below."),
		    LOSS_PARAM(tversky_params, batch, .doc = "One overlap of the whole batch."),
		    LOSS_PARAM(tversky_params, include_background, .init = 1,
			       .doc = "false: leave out channel 0 of axis 1.")),
	.example = "\"probs\": [[0.9, 0.2, 0.6], [0.1, 0.7, 0.4]], \"targets\": [[1, 0, 1], [0, 1, "
		   "1]]",
	.ulp = 4,
	.impl = &(const struct loss_impl){.family = &loss_overlap_family,
					  .balances = true,
					  .overlap = value,
					  .overlap_kind = kind},
};
#endif
