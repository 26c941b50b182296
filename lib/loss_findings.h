/*
 * The catalogue of findings: one row each.  Included by loss_diagnose.h.
 *
 * X(enum name, slug, severity, stage, cause, cure), root causes before what
 * they cause: findings are reported in this order.
 */
#ifndef LOSS_FINDINGS_H
#define LOSS_FINDINGS_H

/* clang-format off */
#define LOSS_FINDINGS(X) \
	X(INPUT_NAN, "input_nan", ERROR, "input", \
	  "An input holds NaN.", \
	  "Find the step that produced it; drop or repair those rows.") \
	X(INPUT_POS_INF, "input_pos_inf", ERROR, "input", \
	  "An input holds +Infinity.", \
	  "Look for an overflow before the loss: a division by 0, an exp, float16.") \
	X(INPUT_NEG_INF, "input_neg_inf", ERROR, "input", \
	  "An input holds -Infinity where that is no mask.", \
	  "Look for a log of 0 or an overflow before the loss.") \
	X(NARROWING_OVERFLOW, "narrowing_overflow", ERROR, "input", \
	  "A number is finite as written and infinite in the dtype.", \
	  "Ask for dtype float64, or scale the data.") \
	X(ALL_MASKED_ROW, "all_masked_row", ERROR, "softmax", \
	  "Every logit of a row is -Infinity, so softmax is 0/0.", \
	  "Drop the row, give it one unmasked class, or set on_masked_row.") \
	X(TARGET_AT_MASKED_CLASS, "target_at_masked_class", ERROR, "log", \
	  "The target is a class whose logit is -Infinity: its probability is 0 and the loss infinite.", \
	  "Correct the mask or the label.") \
	X(LOG_ZERO, "log_zero", ERROR, "log", \
	  "A log of exactly 0 was used.", \
	  "Pass logits and let the loss activate them, or floor the probability.") \
	X(ZERO_TIMES_INF, "zero_times_inf", INFO, "term", \
	  "A weight or target of exactly 0 met an infinite log: the term was skipped, where the product would be NaN.", \
	  "Nothing here; code that multiplies gets NaN.") \
	X(DIV_ZERO, "div_zero", ERROR, "reduce", \
	  "Something was divided by 0.", \
	  "Add a smoothing term or check the normalizer.") \
	X(EMPTY_BATCH, "empty_batch", ERROR, "reduce", \
	  "There is nothing to average.", \
	  "Skip empty batches, or set on_empty to zero.") \
	X(ALL_IGNORED, "all_ignored", ERROR, "reduce", \
	  "Every target is ignored or masked, so the mean is 0/0.", \
	  "Skip such batches, or set on_empty to zero.") \
	X(ZERO_WEIGHT_SUM, "zero_weight_sum", ERROR, "weight", \
	  "The weights of all targets that count sum to 0, so the weighted mean is 0/0.", \
	  "Give some class that occurs a positive weight.") \
	X(LOG_FLOORED, "log_floored", WARNING, "log", \
	  "A clamp of the log decided the value (BCE: -100).", \
	  "Pass logits and let the loss activate them.") \
	X(GRADIENT_FLOORED, "gradient_floored", WARNING, "gradient", \
	  "The floor 1e-12 under p(1-p) decided a gradient, which is not the derivative of the clamped value.", \
	  "Pass logits and let the loss activate them.") \
	X(GRADIENT_NONFINITE, "gradient_nonfinite", ERROR, "gradient", \
	  "A gradient is NaN or infinite.", \
	  "See the findings that caused it.") \
	X(NO_POSITIVES, "no_positives", WARNING, "reduce", \
	  "No target is positive, so positives have no share in the loss.", \
	  "Check the annotations; set fallback_negatives.") \
	X(DEGENERATE_BETA, "degenerate_beta", WARNING, "weight", \
	  "A sample is all of one class, so its balance is 0 and it has neither loss nor gradient.", \
	  "Set beta, or drop such samples.")
/* clang-format on */

#endif
