/*
 * Intersection over union of a predicted and a true box.
 *
 *   I = intersection / (union + eps)
 *   linear l = 1 - I,   square l = 1 - I^2,   log l = -log(max(I, eps))
 *
 * Boxes that do not meet have no gradient.
 *
 * Ref: Yu et al. 2016; mmdet IoULoss for the modes.
 */
#include "../simd/boxes.h"

struct iou_params {
	loss_choice mode;
	double eps;
};

enum { LINEAR, SQUARE, LOG }; /* choices of mode */

INLINE vec pair(const struct box_pair *b, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const struct iou_params *p = loss_params_of(e);
	const vec one = v_set(1), eps = v_set((real)p->eps);
	struct box_number iou = box_overlap(b, eps);
	vec loss = one - iou.value, slope = v_set(-1);

	if (p->mode == SQUARE) {
		loss = loss * (one + iou.value);
		slope = v_set(-2) * iou.value;
	}
	if (p->mode == LOG) {
		mask floored = v_lt(iou.value, eps);

		see(seen, LOSS_EVENT_LOG_FLOORED, floored);
		loss = v_neg(v_log(v_select(floored, eps, iou.value)));
		slope = v_select(floored, v_set(0), v_set(-1) / iou.value);
	}
	UNROLL for (int k = 0; k < CORNERS; k++) grad[k] = slope * iou.by[k];
	return loss;
}

BOX_LOSS(iou, pair)

#if LOSS_DESCRIBES
const struct loss loss_described_iou = {
	.name = "iou",
	.title = "Intersection over union",
	.family = "boxes",
	.formula = "1 - I, I = intersection / (union + eps); square: 1 - I^2; log: -log(max(I, "
		   "eps))",
	.reference = "Yu et al. 2016; mmdet IoULoss",
	.notes = "One value a box. Boxes that do not meet have no gradient; with giou and diou "
		 "they have.",
	.aliases = {"IoULoss", "iou_loss", "box_iou"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	BOX_INPUTS(),
	LOSS_PARAMS(iou_params,
		    LOSS_PARAM(iou_params, mode, ONE_OF("linear", "square", "log"),
			       .doc = "How the overlap is judged."),
		    BOX_EPS(iou_params, 1e-6)),
	.example = BOX_EXAMPLE,
	.ulp = 3,
	.impl = &(const struct loss_impl){.family = &loss_rowsum_family, .check = loss_check_boxes},
};
#endif
