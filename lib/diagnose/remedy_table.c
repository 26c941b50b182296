/* The table of remedies, and the words and changes that its rows are made of. */
#include <stdio.h>

#include "remedy.h"

#define LN_2 0.693147180559945309417

#define ANSWERS(code) (UINT64_C(1) << LOSS_FINDING_##code)

/* ---- Words ---------------------------------------------------------------- */

static const char *reduction_of(const struct trial *trial)
{
	return trial->spec.common.reduction == LOSS_SUM ? "sum" : "mean";
}

static const char *unit_name(const struct loss_eval *e, int64_t n)
{
	if (e->family == &loss_overlap_family)
		return n == 1 ? "sample" : "samples";
	if (e->units == e->elements)
		return n == 1 ? "element" : "elements";
	return n == 1 ? "row" : "rows";
}

/* A number in a sentence, as it would stand in a request. */
static const char *number(char buf[24], double value)
{
	if (isnan(value))
		return "NaN";
	if (isinf(value))
		return value < 0 ? "-Infinity" : "Infinity";
	snprintf(buf, 24, "%.6g", value);
	return buf;
}

#define NUMBER(value) number((char[24]){0}, (value))

/* "the mean is 1.204" */
static const char *outcome(char buf[48], const struct scene *s)
{
	snprintf(buf, 48, "the %s is %s", reduction_of(s->trial), NUMBER(s->after->loss));
	return buf;
}

#define OUTCOME(scene) outcome((char[48]){0}, (scene))

/* ---- Filling copies ------------------------------------------------------- */

static void fill_clamped(const struct loss_eval *e, const struct trial *trial, void *copy)
{
	for (int64_t i = 0; i < e->in[trial->input].count; i++) {
		double x = real_at(e, e->in[trial->input].data, i);

		/* NaN stays NaN, as it does in every framework. */
		real_put(e, copy, i,
			 x < trial->least  ? trial->least
			 : x > trial->most ? trial->most
					   : x);
	}
}

/* Adds .least, up to .most. */
static void fill_raised(const struct loss_eval *e, const struct trial *trial, void *copy)
{
	for (int64_t i = 0; i < e->in[trial->input].count; i++) {
		double x = real_at(e, e->in[trial->input].data, i) + trial->least;

		real_put(e, copy, i, x > trial->most ? trial->most : x);
	}
}

/* The logit of each probability.  What rounded to 0 or 1 in the dtype is taken
 * for the least logit that does. */
static void fill_logits(const struct loss_eval *e, const struct trial *trial, void *copy)
{
	for (int64_t i = 0; i < e->in[0].count; i++) {
		double p = real_at(e, e->in[0].data, i);
		double x = log(p) - log1p(-p);

		real_put(e, copy, i,
			 x < trial->least  ? trial->least
			 : x > trial->most ? trial->most
					   : x);
	}
}

/* Their logarithms are logits of a softmax. */
static void fill_logs(const struct loss_eval *e, const struct trial *trial, void *copy)
{
	for (int64_t i = 0; i < e->in[0].count; i++)
		real_put(e, copy, i, fmax(trial->least, log(real_at(e, e->in[0].data, i))));
}

/* ---- Leaving out ---------------------------------------------------------- */

static bool change_drop_rows(const struct loss_eval *e, struct trial *trial)
{
	(void)e;
	trial->drops = true;
	return true;
}

static void say_drop_rows(const struct scene *s, char *buf, size_t bytes)
{
	snprintf(buf, bytes,
		 "Leave out the %lld %s whose loss or gradient is not finite, by a mask of 0 there "
		 "and 1 elsewhere: over the other %lld %s.",
		 (long long)s->bad, unit_name(s->d->e, s->bad), (long long)s->fine, OUTCOME(s));
}

static bool change_unmask(const struct loss_eval *e, struct trial *trial)
{
	bool is_masked = e->spec.common.on_masked_row == LOSS_MASKED_NAN;

	trial->spec.common.on_masked_row = LOSS_MASKED_SKIP;
	return is_masked && e->spec.loss->traits & LOSS_HAS_SOFTMAX && e->form == LOSS_ROLE_LOGITS;
}

static void say_unmask(const struct scene *s, char *buf, size_t bytes)
{
	snprintf(buf, bytes,
		 "Give every row at least one class that is not -Infinity, or set on_masked_row to "
		 "\"skip\", which leaves such rows out: then %s.",
		 OUTCOME(s));
}

static bool change_drop_normalizer(const struct loss_eval *e, struct trial *trial)
{
	trial->spec.common.normalizer = (struct loss_maybe){0, 0};
	return e->spec.common.normalizer.set;
}

static void say_drop_normalizer(const struct scene *s, char *buf, size_t bytes)
{
	snprintf(buf, bytes, "Leave out the normalizer, and divide by what counts: then %s.",
		 OUTCOME(s));
}

static bool change_zero_empty_mean(const struct loss_eval *e, struct trial *trial)
{
	trial->spec.common.on_empty = LOSS_EMPTY_ZERO;
	return e->spec.common.on_empty == LOSS_EMPTY_NAN;
}

static void say_zero_empty_mean(const struct scene *s, char *buf, size_t bytes)
{
	snprintf(
		buf, bytes,
		"Set on_empty to \"zero\": then %s with a gradient of norm %s, and a training step "
		"takes no harm.",
		OUTCOME(s), NUMBER(s->after->gradient_norm));
}

/* ---- Probabilities -------------------------------------------------------- */

static bool takes(const struct loss_eval *e, enum loss_role form)
{
	const struct loss_input_row *row = e->in[0].row;

	return row->role == form || row->forms & UINT32_C(1) << form;
}

/* Where numbers of the dtype round: the step above 1, and the largest that
 * round to 0 and that 1 less which rounds to 1, as logarithms to the base 2. */
struct steps {
	int above_1, to_0, below_1;
};

static struct steps steps_of(const struct loss_eval *e)
{
	static const struct steps halves[] = {
		[LOSS_PRECISION_FULL] = {-23, -150, -25},
		[LOSS_PRECISION_FLOAT16] = {-10, -25, -12},
		[LOSS_PRECISION_BFLOAT16] = {-7, -134, -9},
	};

	return e->spec.dtype == LOSS_FLOAT64 ? (struct steps){-52, -1075, -54}
					     : halves[e->spec.precision];
}

static bool change_use_logits_form(const struct loss_eval *e, struct trial *trial)
{
	struct steps steps = steps_of(e);

	trial->form = LOSS_ROLE_LOGITS;
	trial->least = steps.to_0 * LN_2;
	trial->most = -steps.below_1 * LN_2;
	trial->fill = e->spec.loss->traits & LOSS_HAS_SIGMOID ? fill_logits : fill_logs;
	return e->form == LOSS_ROLE_PROBS && takes(e, LOSS_ROLE_LOGITS);
}

static void say_use_logits_form(const struct scene *s, char *buf, size_t bytes)
{
	snprintf(buf, bytes,
		 "Send the logits instead of the probabilities made of them, and let the loss "
		 "activate them, so that nothing rounds to 0 or 1: %s, if what did is the least "
		 "logit that rounds so.",
		 OUTCOME(s));
}

/* The least that can be added next to 1 and is not lost.  Under a gradient that
 * is floored at p (1 - p) = 1e-12 (see simd/binary.h) it must reach that, too. */
static double eps_of(const struct loss_eval *e)
{
	double eps = ldexp(1, steps_of(e).above_1);

	return e->spec.loss->traits & LOSS_HAS_SIGMOID ? fmax(eps, 0x1p-39) : eps;
}

static bool change_floor_log(const struct loss_eval *e, struct trial *trial)
{
	trial->fill = fill_raised;
	trial->least = eps_of(e);
	trial->most = 1;
	return e->form == LOSS_ROLE_PROBS;
}

static const char *dtype_name(const struct loss_spec *spec)
{
	return spec->dtype == LOSS_FLOAT64 ? loss_dtype_name(spec->dtype)
					   : loss_precision_name(spec->precision);
}

static void say_floor_log(const struct scene *s, char *buf, size_t bytes)
{
	snprintf(buf, bytes,
		 "Add %.3g to each probability inside the log, log(p + eps); less than that %s "
		 "loses beside 1: %s.",
		 s->trial->least, dtype_name(&s->trial->spec), OUTCOME(s));
}

static bool change_clamp_probs(const struct loss_eval *e, struct trial *trial)
{
	trial->fill = fill_clamped;
	trial->clamps = true;
	trial->least = eps_of(e);
	trial->most = 1 - trial->least;
	return e->form == LOSS_ROLE_PROBS;
}

static void say_clamp_probs(const struct scene *s, char *buf, size_t bytes)
{
	snprintf(buf, bytes,
		 "Clamp the probabilities from both sides before the log, into [%.3g, 1 - %.3g]: "
		 "%s, "
		 "and what was clamped gets no gradient.",
		 s->trial->least, s->trial->least, OUTCOME(s));
}

/* ---- Another name --------------------------------------------------------- */

static bool send_as(const struct loss_eval *e, struct trial *trial, enum loss_role from,
		    enum loss_role to)
{
	trial->form = to;
	return e->form == from && takes(e, to);
}

static bool change_send_as_probs(const struct loss_eval *e, struct trial *trial)
{
	return send_as(e, trial, LOSS_ROLE_LOGITS, LOSS_ROLE_PROBS);
}

static bool change_send_as_log_probs(const struct loss_eval *e, struct trial *trial)
{
	return send_as(e, trial, LOSS_ROLE_LOGITS, LOSS_ROLE_LOG_PROBS);
}

static bool change_send_as_logits(const struct loss_eval *e, struct trial *trial)
{
	return send_as(e, trial, LOSS_ROLE_LOG_PROBS, LOSS_ROLE_LOGITS);
}

static void say_send_as(const struct scene *s, char *buf, size_t bytes)
{
	snprintf(buf, bytes, "Send the same numbers as %s instead of %s: %s, instead of %s.",
		 loss_role_name(s->trial->form), loss_role_name(s->d->e->form), OUTCOME(s),
		 NUMBER(s->before.loss));
}

/* ---- Targets -------------------------------------------------------------- */

static void fill_rounded(const struct loss_eval *e, const struct trial *trial, void *copy)
{
	(void)trial;
	for (int64_t i = 0; i < e->in[1].count; i++)
		real_put(e, copy, i, real_at(e, e->in[1].data, i) >= 0.5);
}

static void fill_signs(const struct loss_eval *e, const struct trial *trial, void *copy)
{
	(void)trial;
	for (int64_t i = 0; i < e->in[1].count; i++) {
		double y = real_at(e, e->in[1].data, i);

		real_put(e, copy, i, y > 0 ? 1 : y <= 0 ? -1 : y);
	}
}

/* Each distribution over the classes divided by its sum. */
static void fill_normalised(const struct loss_eval *e, const struct trial *trial, void *copy)
{
	struct lines lines = lines_of(e, class_axis_of(e));
	const void *y = e->in[1].data;

	(void)trial;
	for (int64_t i = 0; i < lines.count; i++) {
		int64_t first = line_start(&lines, i);
		double sum = 0;

		for (int64_t k = 0; k < lines.length; k++)
			sum += real_at(e, y, first + k * lines.stride);
		for (int64_t k = 0; k < lines.length; k++)
			real_put(e, copy, first + k * lines.stride,
				 real_at(e, y, first + k * lines.stride) / sum);
	}
}

/* A distribution over the classes; or numbers that are 0 or 1, or -1 or 1, or
 * between where the loss takes that. */
static bool change_fix_targets(const struct loss_eval *e, struct trial *trial)
{
	bool has_classes = e->spec.loss->traits & LOSS_HAS_CLASSES;
	bool is_binary = e->in[1].row->kind == LOSS_KIND_BINARY;
	bool is_sign = e->in[1].row->kind == LOSS_KIND_SIGN;

	trial->input = 1;
	trial->least = 0;
	trial->most = 1;
	trial->fill = has_classes ? fill_normalised
		      : is_binary ? fill_rounded
		      : is_sign   ? fill_signs
				  : fill_clamped;
	if (e->in[1].row->role != LOSS_ROLE_TARGETS || e->hard || !e->in[1].full)
		return false;
	if (has_classes)
		return class_axis_of(e) >= 0 && loss_param_number(&e->spec, "log_target", 0) == 0;
	return is_binary || is_sign || e->spec.loss->traits & LOSS_HAS_SIGMOID;
}

static void say_fix_targets(const struct scene *s, char *buf, size_t bytes)
{
	const char *what =
		s->trial->fill == fill_normalised ? "Divide each row of targets by its sum"
		: s->trial->fill == fill_rounded  ? "Make the targets 0 or 1 (0.5 and more: 1)"
		: s->trial->fill == fill_signs    ? "Make the targets -1 or 1 (above 0: 1)"
						  : "Bring the targets into [0, 1]";

	snprintf(buf, bytes, "%s, and check the annotations: %s, instead of %s.", what, OUTCOME(s),
		 NUMBER(s->before.loss));
}

/* ---- Parameters ----------------------------------------------------------- */

static struct loss_value real(double value)
{
	return (struct loss_value){.kind = LOSS_VALUE_REAL, .real = value};
}

/* MONAI's smoothing where there is none. */
static bool change_smooth_denominator(const struct loss_eval *e, struct trial *trial)
{
	double below = loss_param_number(&e->spec, "smooth_dr", 0);

	trial->least = below > 0 ? below : 1e-5;
	if (loss_param_number(&e->spec, "smooth_nr", 0) == trial->least && below > 0)
		return false;
	return !loss_param_set(&trial->spec, "smooth_dr", real(trial->least), NULL) &&
	       !loss_param_set(&trial->spec, "smooth_nr", real(trial->least), NULL);
}

static void say_smooth_denominator(const struct scene *s, char *buf, size_t bytes)
{
	snprintf(buf, bytes,
		 "Set smooth_nr and smooth_dr both to %.3g, so that a sample empty in prediction "
		 "and target costs nothing: %s.",
		 s->trial->least, OUTCOME(s));
}

static bool change_fixed_beta(const struct loss_eval *e, struct trial *trial)
{
	return isnan(loss_param_number(&e->spec, "beta", NAN)) &&
	       !loss_param_set(&trial->spec, "beta", real(0.5), NULL);
}

static void say_fixed_beta(const struct scene *s, char *buf, size_t bytes)
{
	snprintf(buf, bytes,
		 "Set beta, 0.5 for instance, instead of taking it from each sample's targets: "
		 "samples of one class count again and %s.",
		 OUTCOME(s));
}

/* As many as one positive in a hundred would bring with it. */
static bool change_fallback_negatives(const struct loss_eval *e, struct trial *trial)
{
	double ratio = loss_param_number(&e->spec, "negative_ratio", 1);

	trial->least = fmax(1, floor((double)e->elements / 100 * ratio));
	return loss_param_number(&e->spec, "fallback_negatives", 1) == 0 &&
	       !loss_param_set(&trial->spec, "fallback_negatives", real(trial->least), NULL);
}

static void say_fallback_negatives(const struct scene *s, char *buf, size_t bytes)
{
	snprintf(buf, bytes,
		 "Set fallback_negatives, %.0f for instance, so that the hardest negatives count "
		 "where there is no positive: %s.",
		 s->trial->least, OUTCOME(s));
}

/* ---- Another loss --------------------------------------------------------- */

/* The parameters that the other loss has, too, keep their values. */
static void keep_params(const struct loss_spec *from, struct loss_spec *to)
{
	for (int i = 0; i < from->loss->param_count; i++)
		for (int k = 0; k < to->loss->param_count; k++) {
			const struct loss_param_row *a = &from->loss->params[i];
			const struct loss_param_row *b = &to->loss->params[k];

			if (!strcmp(a->name, b->name) && a->kind == b->kind)
				memcpy(to->params + b->offset, from->params + a->offset,
				       a->kind == LOSS_PARAM_MAYBE ? 16 : 8);
		}
	to->dtype = from->dtype;
	to->common = from->common;
}

static bool change_loss(const struct loss_eval *e, struct trial *trial, const char *name)
{
	struct loss_spec from = trial->spec;

	if (!name)
		return false;
	loss_spec_init(&trial->spec, loss_find(name));
	keep_params(&from, &trial->spec);
	return e->form != LOSS_ROLE_PROBS || change_use_logits_form(e, trial);
}

static bool change_other_loss(const struct loss_eval *e, struct trial *trial)
{
	return change_loss(e, trial, e->spec.loss->impl->for_many_labels);
}

static void say_other_loss(const struct scene *s, char *buf, size_t bytes)
{
	snprintf(buf, bytes,
		 "Use %s, where several classes of a row may be right at once: %s and the "
		 "gradient's norm %s, instead of %s and %s.",
		 s->trial->spec.loss->name, OUTCOME(s), NUMBER(s->after->gradient_norm),
		 NUMBER(s->before.loss), NUMBER(s->before.gradient_norm));
}

static bool change_focal_loss(const struct loss_eval *e, struct trial *trial)
{
	return change_loss(e, trial, e->spec.loss->impl->under_imbalance);
}

static void say_focal_loss(const struct scene *s, char *buf, size_t bytes)
{
	snprintf(buf, bytes,
		 "Use %s, which turns down what is easy, so that the rare class has its say: %s "
		 "and the gradient's norm %s, instead of %s and %s.",
		 s->trial->spec.loss->name, OUTCOME(s), NUMBER(s->after->gradient_norm),
		 NUMBER(s->before.loss), NUMBER(s->before.gradient_norm));
}

/* ---- Half precision ------------------------------------------------------- */

static bool change_use_float32(const struct loss_eval *e, struct trial *trial)
{
	trial->spec.precision = LOSS_PRECISION_FULL;
	trial->unrounded = true;
	return e->spec.precision != LOSS_PRECISION_FULL;
}

static void say_use_float32(const struct scene *s, char *buf, size_t bytes)
{
	snprintf(buf, bytes, "Compute the loss in float32, as autocast does, instead of %s: %s.",
		 loss_precision_name(s->d->e->spec.precision), OUTCOME(s));
}

static bool change_rescale(const struct loss_eval *e, struct trial *trial)
{
	(void)trial;
	return e->spec.precision != LOSS_PRECISION_FULL;
}

/* The power of two that brings the largest gradient to between a quarter and a
 * half of the largest number. */
static void fit_rescale(const struct scene *s, struct trial *trial)
{
	double largest = s->before.largest_gradient;
	enum loss_precision precision = trial->spec.precision;
	int exponent;

	if (largest == 0)
		largest = (double)loss_precision_min(precision);
	frexp((double)loss_precision_max(precision) / largest, &exponent);
	trial->scale = ldexp(1, exponent - 2);
}

static bool is_rescue(struct scene *s)
{
	return s->after->zero_gradients < s->before.zero_gradients;
}

static void say_rescale(const struct scene *s, char *buf, size_t bytes)
{
	int exponent;

	frexp(s->trial->scale, &exponent);
	snprintf(buf, bytes,
		 "Multiply the loss by 2^%d before the gradient and divide the gradient by it in "
		 "float32: %lld gradients are 0 then, instead of %lld, and their norm is %s.",
		 exponent - 1, (long long)s->after->zero_gradients,
		 (long long)s->before.zero_gradients, NUMBER(s->after->gradient_norm));
}

/* ---- The step ------------------------------------------------------------- */

/* The k-th smallest of n reals, which are put into another order. */
static double kth_smallest(const struct loss_eval *e, void *reals, int64_t n, int64_t k)
{
	for (int64_t low = 0, high = n - 1; low < high;) {
		double pivot = real_at(e, reals, low + (high - low) / 2);
		int64_t i = low, j = high;

		while (i <= j) {
			double a, b;

			while ((a = real_at(e, reals, i)) < pivot)
				i++;
			while ((b = real_at(e, reals, j)) > pivot)
				j--;
			if (i > j)
				break;
			real_put(e, reals, i++, b);
			real_put(e, reals, j--, a);
		}
		if (k <= j)
			high = j;
		else if (k >= i)
			low = i;
		else
			break; /* between them everything equals the pivot */
	}
	return real_at(e, reals, k);
}

/* The median norm of the gradients of the units that are fine, of which there
 * are scene->fine; leaves them in d->after. */
static double median_norm(const struct scene *s)
{
	const struct loss_eval *e = s->d->e;
	int64_t n = 0;

	memset(s->d->after, 0, (size_t)e->units * loss_dtype_bytes(e->spec.dtype));
	for (int64_t i = 0; i < e->elements; i++) {
		int64_t unit = unit_of(e, i);
		double norm = real_at(e, s->d->after, unit), g = real_at(e, s->d->gradient, i);

		real_put(e, s->d->after, unit, sqrt(norm * norm + g * g));
	}
	for (int64_t unit = 0; unit < e->units; unit++)
		if (real_at(e, s->d->mask, unit) != 0)
			real_put(e, s->d->after, n++, real_at(e, s->d->after, unit));
	return n ? kth_smallest(e, s->d->after, n, n / 2) : 0;
}

/* How much longer the gradient is than if every unit had the median's. */
static bool is_gradient_uneven(struct scene *s)
{
	if (!trial_wants_gradient(s->d->e, 0))
		return false;
	s->factor = s->after->gradient_norm / (median_norm(s) * sqrt((double)s->fine));
	return isfinite(s->factor) && s->factor >= 2;
}

static void say_lower_learning_rate(const struct scene *s, char *buf, size_t bytes)
{
	snprintf(buf, bytes,
		 "Lower the learning rate to 1/%.3g of what it is, or clip the gradient's norm at "
		 "%.3g: it is %s, %.3g times what it would be if each %s had the median's.",
		 s->factor, s->after->gradient_norm / s->factor, NUMBER(s->after->gradient_norm),
		 s->factor, unit_name(s->d->e, 1));
}

/* ---- As it is ------------------------------------------------------------- */

static bool change_nothing(const struct loss_eval *e, struct trial *trial)
{
	(void)e, (void)trial;
	return true;
}

static void say_select(const struct scene *s, char *buf, size_t bytes)
{
	snprintf(buf, bytes,
		 "In code of your own select, where(q != 0, q * log(p), 0), as is done here: %s. A "
		 "product 0 * -Infinity would make it NaN.",
		 OUTCOME(s));
}

/* ---- Traps ---------------------------------------------------------------- */

static bool has_softmax_of_logits(const struct loss_eval *e)
{
	return e->spec.loss->traits & LOSS_HAS_SOFTMAX && e->form == LOSS_ROLE_LOGITS &&
	       is_rowwise(e);
}

static bool change_add_eps_to_logits(const struct loss_eval *e, struct trial *trial)
{
	trial->fill = fill_raised;
	trial->least = 1e-8;
	trial->most = INFINITY;
	return has_softmax_of_logits(e);
}

static void say_add_eps_to_logits(const struct scene *s, char *buf, size_t bytes)
{
	snprintf(
		buf, bytes,
		"Adding 1e-8 to the logits cures nothing, since softmax does not depend on a "
		"constant: %s, and no loss that was finite moves by more than %.3g. An eps belongs "
		"inside the log, log(p + eps).",
		OUTCOME(s), s->after->largest_change);
}

static bool change_clamp_logits(const struct loss_eval *e, struct trial *trial)
{
	trial->fill = fill_clamped;
	trial->clamps = true;
	trial->least = 1e-7;
	trial->most = 1 - 1e-7;
	return has_softmax_of_logits(e);
}

static void say_clamp_logits(const struct scene *s, char *buf, size_t bytes)
{
	const struct trial *t = s->trial;
	double least = log1p((double)(s->d->e->c - 1) * exp(t->least - t->most));

	snprintf(
		buf, bytes,
		"Clamping the logits into [1e-7, 1 - 1e-7] caps every probability at %.4g, so that "
		"no cross entropy is less than %s, and stops gradients: %s, and of the %lld "
		"%s that were fine %lld change.",
		exp(-least), NUMBER(least), OUTCOME(s), (long long)s->fine,
		unit_name(s->d->e, s->fine), (long long)s->after->changed_rows);
}

/* ---- The table, best first ------------------------------------------------ */

static const struct remedy remedies[] = {
	{
		.row = {.action = "use_logits_form",
			.doc = "Send logits instead of probabilities."},
		.answers = ANSWERS(TARGET_AT_MASKED_CLASS) | ANSWERS(LOG_ZERO) |
			   ANSWERS(SATURATED) | ANSWERS(LOG_FLOORED) | ANSWERS(GRADIENT_FLOORED) |
			   ANSWERS(GRADIENT_NONFINITE) | ANSWERS(GRADIENT_EXPLODING),
		.change = change_use_logits_form,
		.say = say_use_logits_form,
		.proposes_spec = true,
		.settles_events = true,
	},
	{
		.row = {.action = "drop_rows", .doc = "Leave out what is not finite, by a mask."},
		.answers = ANSWERS(INPUT_NAN) | ANSWERS(INPUT_POS_INF) | ANSWERS(INPUT_NEG_INF) |
			   ANSWERS(NARROWING_OVERFLOW) | ANSWERS(EXP_OVERFLOW) |
			   ANSWERS(INF_MINUS_INF) | ANSWERS(DOMAIN) | ANSWERS(ALL_MASKED_ROW) |
			   ANSWERS(TARGET_AT_MASKED_CLASS) | ANSWERS(LOG_ZERO) | ANSWERS(DIV_ZERO) |
			   ANSWERS(HALF_OVERFLOW) | ANSWERS(GRADIENT_NONFINITE),
		.change = change_drop_rows,
		.say = say_drop_rows,
	},
	{
		.row = {.action = "unmask", .doc = "Give the row a class that is not masked."},
		.answers = ANSWERS(ALL_MASKED_ROW),
		.change = change_unmask,
		.say = say_unmask,
		.proposes_spec = true,
	},
	{
		.row = {.action = "floor_log",
			.article = true,
			.doc = "Add an eps to the probabilities, inside the log."},
		.answers = ANSWERS(TARGET_AT_MASKED_CLASS) | ANSWERS(LOG_ZERO) |
			   ANSWERS(LOG_FLOORED) | ANSWERS(GRADIENT_FLOORED),
		.change = change_floor_log,
		.say = say_floor_log,
		.settles_events = true,
	},
	{
		.row = {.action = "clamp_probs",
			.article = true,
			.doc = "Clamp the probabilities from both sides, before the log."},
		.answers = ANSWERS(TARGET_AT_MASKED_CLASS) | ANSWERS(LOG_ZERO) |
			   ANSWERS(LOG_FLOORED) | ANSWERS(GRADIENT_FLOORED),
		.change = change_clamp_probs,
		.say = say_clamp_probs,
		.settles_events = true,
	},
	{
		.row = {.action = "send_as_probs",
			.doc = "What was sent as logits are probabilities: call them so."},
		.answers = ANSWERS(LOOKS_LIKE_PROBABILITIES),
		.change = change_send_as_probs,
		.say = say_send_as,
		.proposes_spec = true,
	},
	{
		.row = {.action = "send_as_log_probs",
			.doc = "What was sent as logits are log-probabilities: call them so."},
		.answers = ANSWERS(LOOKS_LIKE_LOG_PROBS),
		.change = change_send_as_log_probs,
		.say = say_send_as,
		.proposes_spec = true,
	},
	{
		.row = {.action = "send_as_logits",
			.doc = "What was sent as log-probabilities are logits: call them so."},
		.answers = ANSWERS(LOOKS_LIKE_LOGITS),
		.change = change_send_as_logits,
		.say = say_send_as,
		.proposes_spec = true,
	},
	{
		.row = {.action = "fix_targets",
			.article = true,
			.doc = "Bring the targets into the range that the loss is made for."},
		.answers = ANSWERS(TARGET_NOT_BINARY) | ANSWERS(TARGET_NOT_NORMALISED),
		.change = change_fix_targets,
		.say = say_fix_targets,
	},
	{
		.row = {.action = "smooth_denominator",
			.doc = "The same smoothing above and below the fraction."},
		.answers = ANSWERS(DIV_ZERO) | ANSWERS(SMOOTHING_DECIDED),
		.change = change_smooth_denominator,
		.say = say_smooth_denominator,
		.proposes_spec = true,
	},
	{
		.row = {.action = "drop_normalizer", .doc = "Divide by what counts."},
		.answers = ANSWERS(DIV_ZERO),
		.change = change_drop_normalizer,
		.say = say_drop_normalizer,
		.proposes_spec = true,
	},
	{
		.row = {.action = "zero_empty_mean", .doc = "Make the mean of nothing 0."},
		.answers = ANSWERS(EMPTY_MASK) | ANSWERS(EMPTY_BATCH) | ANSWERS(ALL_IGNORED) |
			   ANSWERS(ZERO_WEIGHT_SUM) | ANSWERS(DIV_ZERO),
		.change = change_zero_empty_mean,
		.say = say_zero_empty_mean,
		.proposes_spec = true,
	},
	{
		.row = {.action = "fixed_beta", .doc = "One balance for all samples."},
		.answers = ANSWERS(DEGENERATE_BETA),
		.change = change_fixed_beta,
		.say = say_fixed_beta,
		.proposes_spec = true,
	},
	{
		.row = {.action = "fallback_negatives",
			.doc = "Let negatives count where there is no positive."},
		.answers = ANSWERS(NO_POSITIVES),
		.change = change_fallback_negatives,
		.say = say_fallback_negatives,
		.proposes_spec = true,
	},
	{
		.row = {.action = "other_loss",
			.article = true,
			.doc = "A loss that is made for such data."},
		.answers = ANSWERS(LOSS_UNSUITED),
		.change = change_other_loss,
		.say = say_other_loss,
		.proposes_spec = true,
	},
	{
		.row = {.action = "focal_loss",
			.article = true,
			.doc = "A loss that turns down what is easy."},
		.answers = ANSWERS(CLASS_IMBALANCE),
		.change = change_focal_loss,
		.say = say_focal_loss,
		.proposes_spec = true,
	},
	{
		.row = {.action = "use_float32",
			.doc = "float32 for the loss instead of half precision."},
		.answers = ANSWERS(NARROWING_OVERFLOW) | ANSWERS(HALF_OVERFLOW) |
			   ANSWERS(HALF_UNDERFLOW),
		.change = change_use_float32,
		.say = say_use_float32,
	},
	{
		.row = {.action = "rescale",
			.doc = "Scale the loss before the gradient, and the gradient back."},
		.answers = ANSWERS(HALF_UNDERFLOW),
		.change = change_rescale,
		.fit = fit_rescale,
		.is_worth = is_rescue,
		.say = say_rescale,
	},
	{
		.row = {.action = "lower_learning_rate",
			.article = true,
			.doc = "A smaller step, or a clipped gradient."},
		.answers = ANSWERS(GRADIENT_EXPLODING),
		.change = change_nothing,
		.is_worth = is_gradient_uneven,
		.say = say_lower_learning_rate,
	},
	{
		.row = {.action = "select_instead_of_multiply",
			.doc = "Leave a term with a factor of 0 out instead of multiplying."},
		.answers = ANSWERS(ZERO_TIMES_INF),
		.change = change_nothing,
		.say = say_select,
	},
	{
		.row = {.action = "add_eps_to_logits",
			.trap = true,
			.doc = "Adds a constant to every logit, which softmax does not see."},
		.answers_errors = ANSWERS(ALL_MASKED_ROW) | ANSWERS(TARGET_AT_MASKED_CLASS),
		.change = change_add_eps_to_logits,
		.say = say_add_eps_to_logits,
	},
	{
		.row = {.action = "clamp_logits",
			.trap = true,
			.doc = "Clamps logits as if they were probabilities, which caps "
			       "confidence."},
		.answers = ANSWERS(CLAMPED_LOGITS),
		.answers_errors = ANSWERS(INPUT_POS_INF) | ANSWERS(ALL_MASKED_ROW) |
				  ANSWERS(TARGET_AT_MASKED_CLASS),
		.change = change_clamp_logits,
		.say = say_clamp_logits,
	},
};

_Static_assert(sizeof remedies / sizeof remedies[0] == REMEDY_COUNT, "REMEDY_COUNT is wrong");

const struct remedy *remedy_at(size_t index)
{
	return index < REMEDY_COUNT ? &remedies[index] : NULL;
}
