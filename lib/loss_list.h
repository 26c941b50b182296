/* Every loss, grouped by family: the table that everything else is derived from. */

/* Classification: one label of c. */
LOSS(cross_entropy)
LOSS(nll_loss)
LOSS(softmax_focal)
LOSS(poly1_cross_entropy)
LOSS(generalized_cross_entropy)
LOSS(multi_margin)

/* Binary and multi-label. */
LOSS(binary_cross_entropy)
LOSS(bce_with_logits)
LOSS(balanced_bce)
LOSS(ohem_balanced_bce)
LOSS(sigmoid_focal)
LOSS(multilabel_soft_margin)

/* Segmentation and overlap. */
LOSS(dice)
LOSS(tversky)

/* Regression. */
LOSS(l1)
LOSS(mse)
LOSS(smooth_l1)
LOSS(huber)
LOSS(log_cosh)
LOSS(quantile)
LOSS(msle)
LOSS(mape)
LOSS(charbonnier)
LOSS(cauchy)
LOSS(geman_mcclure)
LOSS(welsch)
LOSS(poisson_nll)
LOSS(gaussian_nll)

/* Boxes. */
LOSS(iou)
LOSS(giou)
LOSS(diou)

/* Margins: targets of -1 and 1. */
LOSS(soft_margin)
LOSS(hinge)
LOSS(squared_hinge)
LOSS(hinge_embedding)
LOSS(margin_ranking)

/* Embeddings: a value for each row of the last axis. */
LOSS(cosine_embedding)
LOSS(triplet_margin)

/* Preferences and policies. */
LOSS(dpo)
LOSS(grpo)

/* Distributions. */
LOSS(kl_div)

/* Sequences. */
LOSS(ctc)
