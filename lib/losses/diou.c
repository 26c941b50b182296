/*
 * Distance intersection over union: beside the overlap, the distance of the
 * centres counts.
 *
 *   l = 1 - I + r^2 / (c^2 + eps),   r: distance of the centres,
 *                                    c: diagonal of the smallest box around both
 *
 * Ref: Zheng et al. 2020; torchvision.ops.distance_box_iou_loss.
 */
#include "../simd/boxes.h"

struct diou_params {
	double eps;
};

INLINE vec pair(const struct box_pair *b, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const struct diou_params *p = loss_params_of(e);
	vec eps = v_set((real)p->eps);
	struct box_number iou = box_overlap(b, eps), distance = box_distance(b, eps);

	(void)seen;
	UNROLL for (int k = 0; k < CORNERS; k++) grad[k] = distance.by[k] - iou.by[k];
	return (v_set(1) - iou.value) + distance.value;
}

BOX_LOSS(diou, pair)

#if LOSS_DESCRIBES
const struct loss loss_described_diou = {
	.name = "diou",
	.title = "Distance intersection over union",
	.family = "boxes",
	.formula = "1 - I + r^2 / (c^2 + eps), r between the centres, c across the smallest box "
		   "around both",
	.reference = "Zheng et al. 2020; torchvision.ops.distance_box_iou_loss",
	.notes = "One value a box, from 0 to 2.",
	.aliases = {"DIoULoss", "diou_loss", "distance_box_iou_loss"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	BOX_INPUTS(),
	LOSS_PARAMS(diou_params, BOX_EPS(diou_params, 1e-7)),
	.example = BOX_EXAMPLE,
	.ulp = 3,
	.impl = &(const struct loss_impl){.family = &loss_rowsum_family, .check = loss_check_boxes},
};
#endif
