/*
 * The catalogue of findings: one row each.  Included by loss_diagnose.h.
 *
 * X(enum name, slug, severity, stage, cause, says, cures...), root causes before
 * what they cause: findings of one severity are reported in this order.  The
 * first LOSS_REFUSAL_COUNT make the call fail, so that no diagnosis holds them.
 *
 * `cause` explains the code to who has no batch at hand; `says` is the message
 * of a finding, with {where} ("Rows 3, 17 and 12 more"), {input}, operands by their
 * name, and what they count behind it ({rows target}: "1 target", "2 targets").
 *
 * A cure is a CURE of ours, or one of the ARTICLE this project
 * started from; a TRAP is one of the article's that does not do what it seems to.
 */
#ifndef LOSS_FINDINGS_H
#define LOSS_FINDINGS_H

/* clang-format off */
#define LOSS_FINDINGS(X) \
	X(PROB_OUT_OF_RANGE, "prob_out_of_range", ERROR, "input", \
	  "A probability lies outside [0, 1]: the batch is refused.", \
	  "{where} of {input}: outside [0, 1].", \
	  CURE("Pass logits, if that is what they are, and let the loss activate them."), \
	  CURE("Look for a sum or a product behind the activation.")) \
	X(TARGET_OUT_OF_RANGE, "target_out_of_range", ERROR, "target", \
	  "A class index is less than 0 or not less than the number of classes: the batch is refused.", \
	  "{where} of {input}: no class.", \
	  ARTICLE("Check the annotations."), \
	  CURE("Set ignore_index to the number that stands for rows to leave out."), \
	  CURE("Check that the classes are counted from 0.")) \
	X(TARGET_NOT_INTEGER, "target_not_integer", ERROR, "target", \
	  "A class index is not an integer: the batch is refused.", \
	  "{where} of {input}: no integer.", \
	  CURE("Pass a number for each class, if the targets are distributions.")) \
	X(INPUT_NAN, "input_nan", ERROR, "input", \
	  "An input holds NaN.", \
	  "{where} of {input}: NaN.", \
	  CURE("Find the step that produced it; drop or repair those rows.")) \
	X(NARROWING_OVERFLOW, "narrowing_overflow", ERROR, "input", \
	  "A number is finite as written and infinite in the dtype.", \
	  "{where} of {input}: finite as written and infinite in the dtype.", \
	  CURE("Ask for dtype float64."), \
	  CURE("Scale the data.")) \
	X(HALF_OVERFLOW, "half_overflow", ERROR, "term", \
	  "A loss is finite in float32 and infinite in half precision.", \
	  "{where}: the loss is {loss} in float32, more than the largest number of the dtype, {largest}.", \
	  CURE("Compute the loss in float32, as autocast does."), \
	  CURE("Ask for bfloat16, which has the range of float32."), \
	  CURE("Scale the data.")) \
	X(HALF_UNDERFLOW, "half_underflow", WARNING, "gradient", \
	  "Gradients are 0 in half precision that are not 0 in float32.", \
	  "{vanished} of {nonzero} gradients are smaller than the smallest number of the dtype, {smallest}, and became 0; multiplying the loss by {scale} keeps the largest gradient finite and lifts the others.", \
	  CURE("Scale the loss before the gradient and the gradient back behind it."), \
	  CURE("Ask for bfloat16, which has the range of float32.")) \
	X(INPUT_POS_INF, "input_pos_inf", ERROR, "input", \
	  "An input holds +Infinity.", \
	  "{where} of {input}: +Infinity.", \
	  CURE("Look for an overflow before the loss: a division by 0, an exp, float16.")) \
	X(INPUT_NEG_INF, "input_neg_inf", ERROR, "input", \
	  "An input holds -Infinity where that is no mask.", \
	  "{where} of {input}: -Infinity.", \
	  CURE("Look for a log of 0 or an overflow before the loss.")) \
	X(AXIS_SUSPECT, "axis_suspect", WARNING, "spec", \
	  "The data fit better with the class axis and another axis exchanged.", \
	  "The data fit better with axis {axis} as the class axis than with axis {class_axis}.", \
	  CURE("Set class_axis, or transpose.")) \
	X(TARGET_NOT_BINARY, "target_not_binary", WARNING, "target", \
	  "A target of a binary loss is no probability, or neither of the two numbers that the loss takes (0 and 1, or -1 and 1).", \
	  "{where} of {input}: no target of a binary loss (the first is {value}).", \
	  ARTICLE("Check the annotations."), \
	  CURE("Scale targets such as 0 and 255 to 0 and 1."), \
	  CURE("Write -1 for 0 where the loss takes -1 and 1.")) \
	X(BOX_INVERTED, "box_inverted", WARNING, "input", \
	  "A box, predicted or true, has its second corner before its first.", \
	  "{where}: a box, predicted or true, has its second corner before its first.", \
	  CURE("Write boxes as x1, y1, x2, y2 with x1 < x2 and y1 < y2."), \
	  CURE("Convert centre and size: x1 = cx - w / 2, x2 = cx + w / 2.")) \
	X(TARGET_NOT_NORMALISED, "target_not_normalised", WARNING, "target", \
	  "A target distribution does not sum to 1 over the classes.", \
	  "{where}: the targets do not sum to 1 (the first sums to {sum}).", \
	  CURE("Divide each row by its sum."), \
	  CURE("Pass class indices."), \
	  ARTICLE("Check the annotations.")) \
	X(IGNORE_INDEX_COLLIDES, "ignore_index_collides", INFO, "target", \
	  "ignore_index is the index of a class, so that class never enters the loss.", \
	  "{where}: of class {ignore_index}, which ignore_index leaves out of the loss.", \
	  CURE("Set ignore_index to a number that is no class (the default is -100), unless the class is padding.")) \
	X(SINGLE_CLASS_TARGETS, "single_class_targets", WARNING, "target", \
	  "All targets that count are of one class.", \
	  "All {count_total} targets that count are of class {class}.", \
	  ARTICLE("Check the annotations."), \
	  CURE("Shuffle the data, so that a batch holds more than one class.")) \
	X(CLASS_ABSENT, "class_absent", INFO, "target", \
	  "A class has no target in this batch.", \
	  "{absent} of {classes} classes have no target in this batch (the first is {class}).", \
	  CURE("Take a larger batch, or sample by class."), \
	  ARTICLE("Check the annotations.")) \
	X(CLASS_IMBALANCE, "class_imbalance", INFO, "target", \
	  "One class has many times the targets of another.", \
	  "Class {largest} has {ratio} times the targets of class {smallest}.", \
	  ARTICLE("Resample: the rare class more often, or the frequent one less."), \
	  ARTICLE("Weight the classes by their counts ({\"weight\": {\"from\": \"inverse_log_frequency\"}})."), \
	  ARTICLE("Balance with a parameter (pos_weight, alpha)."), \
	  ARTICLE("Balance by the batch's own ratio (balanced_bce, ohem_balanced_bce)."), \
	  ARTICLE("Use dice, which measures the overlap."), \
	  ARTICLE("Use a focal loss, which turns down what is easy.")) \
	X(SUSPECT_LABELS, "suspect_labels", INFO, "target", \
	  "The loss of a row stands far outside the batch: its label may be wrong.", \
	  "{where}: loss {loss}, far outside the batch: given {given}, predicted {predicted}.", \
	  ARTICLE("Check the annotations of these rows.")) \
	X(LOOKS_LIKE_PROBABILITIES, "looks_like_probabilities", WARNING, "spec", \
	  "The logits are probabilities: they are activated twice.", \
	  "All {elements} logits lie in [0, 1] like probabilities: the loss activates them a second time.", \
	  CURE("Leave out the softmax or sigmoid before the loss."), \
	  CURE("Pass them as probs, where the loss takes these.")) \
	X(LOOKS_LIKE_LOG_PROBS, "looks_like_log_probs", INFO, "spec", \
	  "The logits are log-probabilities already.", \
	  "The logits of all {rows} rows are log-probabilities: exp sums to 1 in each.", \
	  CURE("Pass them as log_probs, or leave out the log_softmax: softmax changes nothing here, a sigmoid would.")) \
	X(LOOKS_LIKE_LOGITS, "looks_like_logits", WARNING, "spec", \
	  "The log-probabilities are none: some are positive and no row is normalised.", \
	  "{where}: log-probabilities above 0 (the first is {value}), and no row of the batch is normalised.", \
	  CURE("Pass them as logits, or apply log_softmax.")) \
	X(CLAMPED_LOGITS, "clamped_logits", WARNING, "spec", \
	  "All logits were clamped to [1e-7, 1 - 1e-7], which is a range for probabilities.", \
	  "All {elements} logits lie in [1e-7, 1 - 1e-7]: no class can get more than a probability of {confidence}.", \
	  CURE("Pass the logits as they are: the loss is stable without a clamp."), \
	  CURE("Clamp probabilities, not logits."), \
	  TRAP("Clamping logits to [1e-7, 1 - 1e-7] before the softmax keeps NaN away and caps the confidence: gaps between logits stay below 1, and what is outside gets no gradient.")) \
	X(NOOP_EPS, "noop_eps", INFO, "spec", \
	  "A small number that was to help is lost in rounding, or cancels.", \
	  "A small number changes nothing: it is lost in rounding.", \
	  CURE("Make it larger than the rounding of what it is added to, or leave it out."), \
	  TRAP("Adding 1e-8 to the logits of a softmax changes nothing: softmax does not see a constant. Add it to a probability under a log.")) \
	X(LOSS_UNSUITED, "loss_unsuited", WARNING, "spec", \
	  "The loss does not suit the data.", \
	  "The loss does not suit the data.", \
	  ARTICLE("Use another loss."), \
	  CURE("Several classes at once: bce_with_logits. One class against the rest: bce_with_logits. Few positives: a focal or balanced loss.")) \
	X(NEGATIVE_WEIGHT, "negative_weight", WARNING, "weight", \
	  "A weight is negative: minimising the loss makes those terms worse.", \
	  "{where} of {input}: negative (the first is {value}), so the loss rewards mistakes there.", \
	  CURE("Use weights of 0 or more."), \
	  CURE("inverse_log_frequency: a of more than 1 keeps 1 / log(a + share) positive.")) \
	X(EMPTY_MASK, "empty_mask", WARNING, "weight", \
	  "The mask leaves nothing.", \
	  "The mask leaves none of {elements element}: nothing counts.", \
	  CURE("Skip such batches."), \
	  CURE("Check whether 1 means counted, as it does here.")) \
	X(EXP_OVERFLOW, "exp_overflow", ERROR, "term", \
	  "An exp of a finite number is infinite.", \
	  "{where}: exp overflows the dtype.", \
	  CURE("Log-probabilities are at most 0: check that the targets are logarithms (log_target)."), \
	  CURE("Ask for dtype float64.")) \
	X(OVERFLOW, "overflow", ERROR, "term", \
	  "Finite numbers grew beyond the largest of the dtype on their way to the loss.", \
	  "{where}: every input is finite and the loss is {loss}, beyond the largest number of the dtype.", \
	  CURE("Ask for dtype float64."), \
	  CURE("Scale the data."), \
	  ARTICLE("Lower the learning rate, if earlier steps blew up the weights.")) \
	X(INF_MINUS_INF, "inf_minus_inf", ERROR, "term", \
	  "An infinity was subtracted from an infinity.", \
	  "{where}: Infinity less Infinity, which is NaN.", \
	  CURE("Look for an overflow before the loss; drop or repair those rows.")) \
	X(DOMAIN, "domain", ERROR, "log", \
	  "A log or a power of a negative number was taken.", \
	  "{where}: the log or a power of a negative number.", \
	  CURE("Targets are probabilities, from 0 to 1: normalise them, or say log_target if they are logarithms."), \
	  CURE("Log-probabilities are at most 0: pass logits as logits.")) \
	X(ALL_MASKED_ROW, "all_masked_row", ERROR, "softmax", \
	  "Every logit of a row is -Infinity, so softmax is 0/0.", \
	  "{where}: every logit is -Infinity, so softmax is 0/0.", \
	  CURE("Drop the row, or give it one unmasked class."), \
	  CURE("Set on_masked_row."), \
	  CURE("Mask with a large negative number such as -1e4, if a uniform row will do.")) \
	X(TARGET_AT_MASKED_CLASS, "target_at_masked_class", ERROR, "log", \
	  "The target is a class of probability 0 (a logit of -Infinity), which costs an infinity, or the most there is.", \
	  "{where}: the target is a class of probability 0.", \
	  CURE("Correct the mask."), \
	  ARTICLE("Check the annotations.")) \
	X(INFEASIBLE_ALIGNMENT, "infeasible_alignment", ERROR, "target", \
	  "A sequence has fewer frames than its labels and the blanks between repeated ones need.", \
	  "{where}: {frames} frames have no room for {labels} labels and {repeats} blanks between repeated ones, so no alignment exists.", \
	  ARTICLE("Check the annotations."), \
	  CURE("Check that input_lengths counts frames behind any subsampling."), \
	  CURE("Set zero_infinity, which leaves such sequences out.")) \
	X(LOG_ZERO, "log_zero", ERROR, "log", \
	  "A log of exactly 0 was used.", \
	  "{where}: the log of exactly 0 was used.", \
	  CURE("Pass logits and let the loss activate them."), \
	  ARTICLE("Add a small number under the log: log(p + 1e-8)."), \
	  ARTICLE("Clamp the probabilities from both sides: [1e-7, 1 - 1e-7].")) \
	X(ZERO_TIMES_INF, "zero_times_inf", INFO, "term", \
	  "A weight or target of exactly 0 met an infinite log: the term was skipped, where the product would be NaN.", \
	  "{where}: a weight or target of 0 met an infinite log; the term was skipped, where a product would be NaN.", \
	  CURE("Nothing here; code that multiplies gets NaN: select instead.")) \
	X(SATURATED, "saturated", WARNING, "softmax", \
	  "A sigmoid or softmax is exactly 0 or 1 where that is wrong.", \
	  "{where}: the activation is exactly 0 or 1 (a share of {share}).", \
	  CURE("Pass logits and let the loss activate them."), \
	  ARTICLE("Lower the learning rate."), \
	  CURE("Scale the logits down.")) \
	X(LOG_FLOORED, "log_floored", WARNING, "log", \
	  "A clamp decided the value of a log (BCE: -100; msle: a number below 0).", \
	  "{where}: a clamp decided the value of the log.", \
	  CURE("Pass logits and let the loss activate them."), \
	  ARTICLE("Clamp the probabilities from both sides: [1e-7, 1 - 1e-7].")) \
	X(NEAR_OVERFLOW_FLOAT16, "near_overflow_float16", INFO, "input", \
	  "Numbers come close to the largest of float16, 65504.", \
	  "{input} reaches {value}: {headroom} powers of two below the overflow of float16.", \
	  CURE("Scale the loss or the data."), \
	  CURE("Use bfloat16 or float32.")) \
	X(NEAR_OVERFLOW_BFLOAT16, "near_overflow_bfloat16", INFO, "input", \
	  "Numbers come close to the largest of bfloat16, 3.39e38.", \
	  "{input} reaches {value}: {headroom} powers of two below the overflow of bfloat16.", \
	  CURE("Scale the loss or the data.")) \
	X(NEAR_OVERFLOW_FLOAT32, "near_overflow_float32", WARNING, "input", \
	  "Numbers come close to the largest of float32, 3.40e38.", \
	  "{input} reaches {value}: {headroom} powers of two below the overflow of float32.", \
	  CURE("Scale the data."), \
	  CURE("Ask for dtype float64.")) \
	X(SUBNORMAL, "subnormal", INFO, "input", \
	  "Numbers are subnormal: they have lost digits, and some machines flush them to 0.", \
	  "{where} of {input}: subnormal (the first is {value}).", \
	  CURE("Scale the data or the loss."), \
	  CURE("Ask for dtype float64.")) \
	X(CANCELLATION, "cancellation", WARNING, "reduce", \
	  "Terms cancel, and the sum has lost most of its digits.", \
	  "{digits} digits are lost: the sum is {sum}, in float64 {exact}.", \
	  CURE("Ask for dtype float64.")) \
	X(EMPTY_BATCH, "empty_batch", ERROR, "reduce", \
	  "There is nothing to average.", \
	  "There is nothing to average: the batch has no element.", \
	  CURE("Skip empty batches."), \
	  CURE("Set on_empty to zero.")) \
	X(ALL_IGNORED, "all_ignored", ERROR, "reduce", \
	  "Every target is ignored or masked, so the mean is 0/0.", \
	  "None of {rows target} counts: all are ignored or masked, so the mean is 0/0.", \
	  CURE("Skip such batches."), \
	  CURE("Set on_empty to zero.")) \
	X(ZERO_WEIGHT_SUM, "zero_weight_sum", ERROR, "weight", \
	  "The weights of all targets that count sum to 0, so the weighted mean is 0/0.", \
	  "The weights of all targets that count sum to {denominator}, so the weighted mean is {sum} / {denominator}.", \
	  CURE("Give some class that occurs a positive weight."), \
	  CURE("Set on_empty to zero.")) \
	X(DIV_ZERO, "div_zero", ERROR, "reduce", \
	  "Something was divided by 0.", \
	  "{where}: the denominator is 0.", \
	  ARTICLE("Add a small number to the denominator (smooth_dr, eps)."), \
	  CURE("Check the normalizer.")) \
	X(NO_POSITIVES, "no_positives", WARNING, "reduce", \
	  "No target is positive, so positives have no share in the loss.", \
	  "None of {elements target} is positive, so positives have no share in the loss.", \
	  ARTICLE("Check the annotations."), \
	  CURE("Set fallback_negatives.")) \
	X(NO_NEGATIVES, "no_negatives", WARNING, "reduce", \
	  "No target is negative, so negatives have no share in the loss.", \
	  "None of {elements target} is negative, so negatives have no share in the loss.", \
	  ARTICLE("Check the annotations."), \
	  CURE("Check whether the mask leaves out the background.")) \
	X(DEGENERATE_BETA, "degenerate_beta", WARNING, "weight", \
	  "A sample is all of one class, so its balance is 0 and it has neither loss nor gradient.", \
	  "{where}: all targets are of one class, so the balance leaves neither loss nor gradient.", \
	  CURE("Set beta."), \
	  CURE("Drop such samples."), \
	  ARTICLE("Check the annotations.")) \
	X(SMOOTHING_DECIDED, "smoothing_decided", WARNING, "reduce", \
	  "A sample is empty in prediction and target, so the smoothing alone is its value.", \
	  "{where}: prediction and target are empty, so the smoothing alone decides the value ({loss}).", \
	  CURE("Set smooth_nr equal to smooth_dr: an empty sample predicted empty then costs 0."), \
	  CURE("Leave out empty samples with a mask.")) \
	X(HIGH_INITIAL_LOSS, "high_initial_loss", INFO, "spec", \
	  "The mean loss is far above that of guessing.", \
	  "The mean loss is {loss}, where guessing among {classes} classes costs {guess}.", \
	  CURE("Look at the initialisation of the last layer."), \
	  CURE("Check labels and class axis.")) \
	X(GRADIENT_FLOORED, "gradient_floored", WARNING, "gradient", \
	  "The floor 1e-12 under p (1 - p) decided a gradient, which is not the derivative of the clamped value.", \
	  "{where}: the floor 1e-12 under p (1 - p) decided the gradient.", \
	  CURE("Pass logits and let the loss activate them.")) \
	X(GRADIENT_NONFINITE, "gradient_nonfinite", ERROR, "gradient", \
	  "A gradient is NaN or infinite.", \
	  "{where} of {input}: the gradient is NaN or infinite.", \
	  CURE("See the findings that caused it."), \
	  ARTICLE("Lower the learning rate, if earlier steps blew up the weights.")) \
	X(GRADIENT_EXPLODING, "gradient_exploding", WARNING, "gradient", \
	  "A gradient is a million times as large as the data it belongs to.", \
	  "{where} of {input}: the gradient is up to {largest}, {factor} times the size of the data.", \
	  ARTICLE("Lower the learning rate."), \
	  CURE("Clip the gradient's norm."), \
	  CURE("Pass logits and let the loss activate them."), \
	  CURE("Scale the targets.")) \
	X(GRADIENT_VANISHING, "gradient_vanishing", WARNING, "gradient", \
	  "The loss is high and its gradient next to nothing.", \
	  "The loss is {loss} and the absolute gradients sum to {gradient}: learning barely moves it.", \
	  CURE("Pass logits and let the loss activate them."), \
	  ARTICLE("Use another loss, such as cross entropy beside dice.")) \
	X(GRADIENT_ZERO_BUT_LOSS_HIGH, "gradient_zero_but_loss_high", WARNING, "gradient", \
	  "A loss is high and its gradient exactly 0: learning cannot move it.", \
	  "{where}: loss {loss} and a gradient of exactly 0: what it goes through is saturated or clamped, and learning cannot move it.", \
	  ARTICLE("Use another loss, such as bce_with_logits, whose gradient does not saturate."), \
	  CURE("Scale the logits down.")) \
	X(GRADIENT_ALL_ZERO, "gradient_all_zero", WARNING, "gradient", \
	  "Every gradient is exactly 0 although the batch is not solved.", \
	  "None of {elements gradient} of {input} is other than 0, although the batch is not solved.", \
	  CURE("See the findings that caused it."))
/* clang-format on */

#endif
