/*
 * Generalized intersection over union: boxes that do not meet cost the more the
 * farther apart they are.
 *
 *   l = 1 - I + (C - union) / (C + eps),   C = area of the smallest box around both
 *
 * Ref: Rezatofighi et al. 2019; torchvision.ops.generalized_box_iou_loss.
 */
#include "../simd/boxes.h"

struct giou_params {
	double eps;
};

INLINE vec pair(const struct box_pair *b, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const struct giou_params *p = loss_params_of(e);
	vec eps = v_set((real)p->eps), around = b->wide.value * b->high.value, below = around + eps;
	vec empty = (around - b->all.value) / below;
	struct box_number iou = box_overlap(b, eps);

	(void)seen;
	UNROLL for (int k = 0; k < CORNERS; k++)
	{
		vec by = v_fma(b->wide.by[k], b->high.value, b->high.by[k] * b->wide.value);

		grad[k] = ((by - b->all.by[k]) - empty * by) / below - iou.by[k];
	}
	return (v_set(1) - iou.value) + empty;
}

BOX_LOSS(giou, pair)

#if LOSS_DESCRIBES
const struct loss loss_described_giou = {
	.name = "giou",
	.title = "Generalized intersection over union",
	.family = "boxes",
	.formula = "1 - I + (C - union) / (C + eps), C = area of the smallest box around both",
	.reference = "Rezatofighi et al. 2019; torchvision.ops.generalized_box_iou_loss",
	.notes = "One value a box, from 0 to 2.",
	.aliases = {"GIoULoss", "giou_loss", "generalized_box_iou_loss", "generalized_box_iou"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	BOX_INPUTS(),
	LOSS_PARAMS(giou_params, BOX_EPS(giou_params, 1e-7)),
	.example = BOX_EXAMPLE,
	.ulp = 3,
	.impl = &(const struct loss_impl){.family = &loss_rowsum_family, .check = loss_check_boxes},
};
#endif
