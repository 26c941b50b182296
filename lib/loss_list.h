/* Every loss, grouped by family: the table that everything else is derived from. */

/* Classification: one label of c. */
LOSS(cross_entropy)
LOSS(nll_loss)
LOSS(softmax_focal)

/* Binary and multi-label. */
LOSS(binary_cross_entropy)
LOSS(bce_with_logits)
LOSS(balanced_bce)
LOSS(ohem_balanced_bce)
LOSS(sigmoid_focal)

/* Segmentation and overlap. */
LOSS(dice)

/* Regression. */
LOSS(l1)
LOSS(mse)
LOSS(smooth_l1)
LOSS(huber)

/* Distributions. */
LOSS(kl_div)

/* Sequences. */
LOSS(ctc)
