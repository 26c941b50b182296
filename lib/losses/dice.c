/*
 * Dice: one less twice the overlap over the sizes, one value a sample.
 *
 *   1 - (2 I + smooth_nr) / (P + Y + smooth_dr),   I = sum p y
 *   P = sum p^2, Y = sum y^2  (squared_pred), or sum p and sum y
 *   jaccard: the denominator is 2 (P + Y - I) + smooth_dr... see below
 *
 * The defaults are the article's and mmdet's: squares, 0.001 in each sum.
 * With them a sample that is empty in both is scored 1, the worst
 * (finding smoothing_decided).
 *
 * Ref: Milletari et al. 2016 (V-Net); MONAI DiceLoss for the parameters.
 */
#include "../simd/overlap.h"

struct dice_params {
	double smooth_nr, smooth_dr;
	loss_flag squared_pred, jaccard, batch, include_background;
};

OVERLAP_LOSS(dice)

#if LOSS_DESCRIBES
/* MONAI: with jaccard the denominator P + Y becomes 2 (P + Y - I). */
static double value(const void *params, const struct loss_overlap *o, double *d_i, double *d_p)
{
	const struct dice_params *p = params;
	double size = o->p + o->y;
	double below = (p->jaccard ? 2 * (size - o->i) : size) + p->smooth_dr;
	double above = 2 * o->i + p->smooth_nr;
	double d_below = above / (below * below);

	*d_i = -2 / below - (p->jaccard ? 2 * d_below : 0);
	*d_p = (p->jaccard ? 2 : 1) * d_below;
	return 1 - above / below;
}

static struct loss_overlap_kind kind(const void *params)
{
	const struct dice_params *p = params;

	return (struct loss_overlap_kind){p->squared_pred, p->batch, !p->include_background};
}

const struct loss loss_described_dice = {
	.name = "dice",
	.title = "Dice",
	.family = "segmentation",
	.formula = "1 - (2 sum(p y) + smooth_nr) / (sum p^2 + sum y^2 + smooth_dr) per sample",
	.reference = "Milletari et al. 2016; mmdet DiceLoss; MONAI DiceLoss",
	.notes = "One value a sample, over all its classes and pixels. A sample empty in "
		 "prediction and "
		 "target is scored by the smoothing alone: 1 with the defaults.",
	.aliases = {"dice_loss", "DiceLoss", "soft_dice"},
	.traits = LOSS_HAS_SIGMOID,
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(
		LOSS_INPUT(PROBS, .forms = LOSS_ROLE_BIT(LOGITS), .aliases = LOSS_ROLE_BIT(INPUT),
			   .shape = LOSS_SHAPE_PREDICTION, .differentiable = true),
		LOSS_INPUT(TARGETS, .shape = LOSS_SHAPE_SAME, .doc = "0 or 1, or a probability.")),
	LOSS_PARAMS(dice_params,
		    LOSS_PARAM(dice_params, smooth_nr, .init = 0, AT_LEAST(0), .is_eps = true,
			       .doc = "Added above."),
		    LOSS_PARAM(dice_params, smooth_dr, .init = 0.002, AT_LEAST(0), .is_eps = true,
			       .doc = "Added below."),
		    LOSS_PARAM(dice_params, squared_pred, .init = 1,
			       .doc = "Squares in the denominator."),
		    LOSS_PARAM(dice_params, jaccard, .doc = "Jaccard index (soft IoU) instead."),
		    LOSS_PARAM(dice_params, batch, .doc = "One overlap of the whole batch."),
		    LOSS_PARAM(dice_params, include_background, .init = 1,
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
