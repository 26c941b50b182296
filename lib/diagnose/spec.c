/*
 * Findings about what was asked: data that look like something else than what
 * they were given as, and parameters without an effect.
 *
 * Each is about the whole batch and says so only if all of it agrees: one row
 * that does not is enough for silence.
 */
#include <stdio.h>

#include "diagnose.h"

/* ---- What scores look like --------------------------------------------------- */

/* Sums of probabilities, from 1: what float16 or three written digits leave. A
 * single row proves little, so it must be nearer. */
#define SUM_TOLERANCE        1e-3
#define SINGLE_SUM_TOLERANCE 1e-5

#define CLAMP_LOW  1e-7
#define CLAMP_HIGH (1 - 1e-7)

/* So many numbers do not all lie in [0, 1] by chance. */
enum { MANY_PROBS = 16, MANY_CLAMPED = 64 };

/* One line along the class axis. */
struct line_look {
	double least, most, sum, exp_sum;
	bool whole; /* finite numbers are integers */
};

static struct line_look look_along(const struct loss_eval *e, const struct lines *lines,
				   int64_t line)
{
	struct line_look look = {.least = INFINITY, .most = -INFINITY, .whole = true};
	int64_t at = line_start(lines, line);

	for (int64_t k = 0; k < lines->length; k++, at += lines->stride) {
		double x = real_at(e, e->in[0].data, at);

		/* NaN ends every likeness. */
		look.least = x >= look.least ? look.least : x;
		look.most = x <= look.most ? look.most : x;
		look.sum += x;
		look.exp_sum += exp(x);
		look.whole = look.whole && (x == floor(x) || isinf(x));
	}
	return look;
}

/* The likenesses that all lines so far have. */
struct likeness {
	int64_t lines, elements;
	double least, most;
	double off, exp_off; /* the farthest that a line's sum is from 1 */
	bool whole;
};

static void add_line(struct likeness *all, const struct line_look *line, int64_t length)
{
	double off = fabs(line->sum - 1), exp_off = fabs(line->exp_sum - 1);

	all->lines++;
	all->elements += length;
	all->least = line->least >= all->least ? all->least : line->least;
	all->most = line->most <= all->most ? all->most : line->most;
	all->off = off <= all->off ? all->off : off;
	all->exp_off = exp_off <= all->exp_off ? all->exp_off : exp_off;
	all->whole = all->whole && line->whole;
}

static double tolerance(const struct likeness *all)
{
	return all->lines > 1 ? SUM_TOLERANCE : SINGLE_SUM_TOLERANCE;
}

/* Is it worth looking at another line? */
static bool is_like_something(const struct likeness *all)
{
	return (all->least >= 0 && all->most <= 1) ||
	       (all->most <= SUM_TOLERANCE && all->exp_off <= SUM_TOLERANCE);
}

static bool is_varied(const struct likeness *all)
{
	return all->least < all->most && !all->whole;
}

static bool is_clamped(const struct loss_eval *e, const struct likeness *all)
{
	double rounding = e->spec.dtype == LOSS_FLOAT32 ? 0x1p-24 : 0x1p-53;
	bool at_low = fabs(all->least - CLAMP_LOW) <= 1e-3 * CLAMP_LOW;
	bool at_high = fabs(all->most - CLAMP_HIGH) <= rounding;

	return all->least >= CLAMP_LOW * (1 - rounding) && all->most <= CLAMP_HIGH + rounding &&
	       all->elements > 1 && (at_low || at_high || all->elements >= MANY_CLAMPED);
}

static bool is_softmax(const struct loss_eval *e)
{
	return e->spec.loss->traits & LOSS_HAS_SOFTMAX && is_rowwise(e);
}

/* The prediction of an activated loss along its class axis. */
static struct lines score_lines(const struct loss_eval *e)
{
	return lines_of(e, class_axis_of(e));
}

static void say_clamped(struct diagnosis *d, const struct likeness *all, int64_t c)
{
	const struct loss_eval *e = d->e;
	struct loss_finding *finding = finding_add_batch(d, LOSS_FINDING_CLAMPED_LOGITS, e->form);
	double rivals = is_softmax(e) ? (double)(c - 1) : 1;

	finding_operand(finding, "elements", (double)all->elements);
	finding_operand(finding, "least", all->least);
	finding_operand(finding, "most", all->most);
	/* The target's logit 1, those of its rivals 0. */
	finding_operand(finding, "confidence", exp(1) / (exp(1) + rivals));
}

static void say_probabilities(struct diagnosis *d, const struct likeness *all)
{
	struct loss_finding *finding =
		finding_add_batch(d, LOSS_FINDING_LOOKS_LIKE_PROBABILITIES, d->e->form);

	finding_operand(finding, "elements", (double)all->elements);
	finding_operand(finding, "least", all->least);
	finding_operand(finding, "most", all->most);
}

static void say_log_probs(struct diagnosis *d, const struct likeness *all)
{
	struct loss_finding *finding =
		finding_add_batch(d, LOSS_FINDING_LOOKS_LIKE_LOG_PROBS, d->e->form);

	finding_operand(finding, "rows", (double)all->lines);
	finding_operand(finding, "most", all->most);
	/* softmax(log p) is p; a sigmoid of it is something else. */
	if (!is_softmax(d->e))
		finding->severity = LOSS_WARNING;
}

static void look_at_logits(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	const struct loss_summary *x = &d->inputs[0];
	struct lines lines = score_lines(e);
	struct likeness all = {.least = INFINITY, .most = -INFINITY, .whole = true};

	if (x->nan + x->pos_inf || !(x->max <= 1 + SUM_TOLERANCE))
		return;

	for (int64_t i = 0; i < lines.count; i++) {
		if (!row_counts(e, i))
			continue;
		struct line_look line = look_along(e, &lines, i);

		add_line(&all, &line, lines.length);
		if (!is_like_something(&all))
			return;
	}
	if (all.lines == 0 || lines.length == 0)
		return;
	bool in_unit = all.least >= 0 && all.most <= 1 && is_varied(&all);
	bool sums = all.off <= tolerance(&all);

	if (in_unit && is_softmax(e) && sums && lines.length > 1 &&
	    (all.lines > 1 || lines.length > 2))
		say_probabilities(d, &all);
	else if (is_clamped(e, &all))
		say_clamped(d, &all, lines.length);
	else if (in_unit && !is_softmax(e) && all.elements >= MANY_PROBS)
		say_probabilities(d, &all);
	else if (all.exp_off <= SUM_TOLERANCE && is_varied(&all) && all.lines > 1 &&
		 lines.length > 1)
		say_log_probs(d, &all);
}

/* Log-probabilities cannot be positive, and some row should be normalised. */
static void look_at_log_probs(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	struct lines lines = score_lines(e);
	struct loss_finding *finding;
	double value = 0;

	if (!(d->inputs[0].max > SUM_TOLERANCE))
		return;
	finding = finding_begin(d, LOSS_FINDING_LOOKS_LIKE_LOGITS, e->form, PLACE_ROW);

	for (int64_t i = 0; i < lines.count; i++) {
		if (!row_counts(e, i))
			continue;
		struct line_look line = look_along(e, &lines, i);

		if (fabs(line.exp_sum - 1) <= 10 * SUM_TOLERANCE) {
			finding->count = 0;
			return;
		}
		if (!(line.most > SUM_TOLERANCE) || isinf(line.most))
			continue;
		value = finding->count ? value : line.most;
		finding_hit(d, finding, i);
	}
	finding_operand(finding, "value", value);
}

/* ---- Another axis ------------------------------------------------------------ */

/* Do all lines of a tensor of the prediction's shape sum to 1? Lines of 0 and 1
 * alone do so by chance unless there are many. */
static bool is_normalised(const struct loss_eval *e, const void *data, int axis, bool logs)
{
	struct lines lines = lines_of(e, axis);
	bool whole = true;

	for (int64_t i = 0; i < lines.count; i++) {
		int64_t at = line_start(&lines, i);
		double sum = 0;

		for (int64_t k = 0; k < lines.length; k++, at += lines.stride) {
			double y = real_at(e, data, at);

			sum += logs ? exp(y) : y;
			whole = whole && y == floor(y);
		}
		if (!(fabs(sum - 1) <= SUM_TOLERANCE))
			return false;
	}
	return lines.length > 1 && lines.count >= (whole ? 16 : 2);
}

/* How many rows have their largest score at the target, with the class axis and
 * another of the same length as they are or exchanged. */
static int64_t hits_of(const struct loss_eval *e, int other, bool exchanged)
{
	struct lines lines = lines_of(e, e->class_axis), others = lines_of(e, other);
	const int64_t *y = e->in[1].data;
	int64_t hits = 0;

	for (int64_t row = 0; row < lines.count; row++) {
		int64_t at = line_start(&lines, row), step = lines.stride, best = 0;
		int64_t along = at / others.stride % others.length;

		if (exchanged) {
			at += along * (lines.stride - others.stride);
			step = others.stride;
		}
		for (int64_t k = 1; k < lines.length; k++)
			if (real_at(e, e->in[0].data, at + k * step) >
			    real_at(e, e->in[0].data, at + best * step))
				best = k;
		hits += best == y[row];
	}
	return hits;
}

/* As much better than chance as one in a million (Chernoff's bound). */
#define CLEARLY 14

static bool is_no_chance(int64_t hits, int64_t rows, int64_t classes)
{
	double share = (double)hits / (double)rows, chance = 1 / (double)classes;
	double missed = share < 1 ? (1 - share) * log((1 - share) / (1 - chance)) : 0;

	return share >= 0.5 && (double)rows * (share * log(share / chance) + missed) > CLEARLY;
}

/* Class indices are hit more often with the axes exchanged. */
static bool hits_exchanged(const struct loss_eval *e, int axis)
{
	return e->hard && e->c > 1 && e->shape[axis] == e->c &&
	       is_no_chance(hits_of(e, axis, true), e->units, e->c) &&
	       hits_of(e, axis, false) * 4 <= e->units;
}

/* A tensor of distributions along another axis, and not along that of the classes.
 * The other one first: usually it falls at its first line. */
static bool sums_along(const struct loss_eval *e, const void *data, int axis, bool logs)
{
	return is_normalised(e, data, axis, logs) &&
	       !is_normalised(e, data, class_axis_of(e), logs);
}

static bool fits_along(const struct loss_eval *e, int axis)
{
	bool logs = e->form == LOSS_ROLE_LOG_PROBS;

	if ((logs || e->form == LOSS_ROLE_PROBS) && sums_along(e, e->in[0].data, axis, logs))
		return true;
	if (!has_element_targets(e))
		return hits_exchanged(e, axis);
	return sums_along(e, e->in[1].data, axis,
			  loss_param_number(&e->spec, "log_target", 0) != 0);
}

static void look_at_axis(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	int class_axis = class_axis_of(e);

	if (class_axis < 0 || !(e->spec.loss->traits & LOSS_HAS_CLASSES))
		return;
	for (int axis = 0; axis < e->rank; axis++) {
		struct loss_finding *finding;

		if (axis == class_axis || !fits_along(e, axis))
			continue;
		finding = finding_add_batch(d, LOSS_FINDING_AXIS_SUSPECT, e->form);
		finding_operand(finding, "axis", axis);
		finding_operand(finding, "class_axis", class_axis);
		return;
	}
}

/* ---- A small number without an effect ---------------------------------------- */

static double *eps_of(struct loss_spec *spec, const struct loss_param_row **found)
{
	for (int i = 0; i < spec->loss->param_count; i++) {
		const struct loss_param_row *row = &spec->loss->params[i];
		double *eps = (double *)(spec->params + row->offset);

		/* Sums are float64, whatever the dtype is. */
		if (row->is_eps && *eps > 0 && 1 + *eps == 1) {
			*found = row;
			return eps;
		}
	}
	return NULL;
}

/* Where nothing else is in a denominator an eps is all there is. */
static bool is_beside_more(const struct diagnosis *d)
{
	const struct loss_eval *e = d->e;

	if (e->family != &loss_overlap_family)
		return d->result->denominator >= 1;
	for (int64_t unit = 0; unit < e->units; unit++) {
		struct loss_overlap sums = loss_overlap_of(e, unit);

		if (!(sums.p + sums.y >= 1))
			return false;
	}
	return true;
}

static void look_at_eps(struct diagnosis *d)
{
	struct loss_spec spec = d->e->spec;
	const struct loss_param_row *row;
	const double *eps = eps_of(&spec, &row);
	struct loss_finding *finding;

	if (!eps || !is_beside_more(d))
		return;
	finding = finding_add_batch(d, LOSS_FINDING_NOOP_EPS, LOSS_ROLE_NONE);
	finding_operand(finding, row->name, *eps);
	snprintf(finding->message, sizeof finding->message,
		 "%s %.6g changes nothing: beside 1 it is lost in rounding.", row->name, *eps);
}

/* ---- The loss ----------------------------------------------------------------- */

static void say_unsuited(struct diagnosis *d, enum loss_finding_code because, const char *reason)
{
	struct loss_finding *finding =
		finding_add_batch(d, LOSS_FINDING_LOSS_UNSUITED, LOSS_ROLE_NONE);

	snprintf(finding->message, sizeof finding->message, "%s", reason);
	if (because != LOSS_FINDING_COUNT)
		finding_because(d, finding, because);
}

bool is_lone_class(const struct loss_eval *e)
{
	return is_softmax(e) && e->form == LOSS_ROLE_LOGITS && e->c == 1 && e->units > 0;
}

/* Several classes at once in some row, and nothing but 0 and 1. */
static bool is_multi_hot(const struct loss_eval *e)
{
	struct lines lines = score_lines(e);
	const void *y = e->in[1].data;
	bool several = false;

	if (e->log_targets || !has_element_targets(e))
		return false;
	for (int64_t i = 0; i < e->elements; i++)
		if (real_at(e, y, i) != 0 && real_at(e, y, i) != 1)
			return false;
	for (int64_t i = 0; i < lines.count && !several; i++) {
		int64_t at = line_start(&lines, i);
		double sum = 0;

		for (int64_t k = 0; k < lines.length; k++, at += lines.stride)
			sum += real_at(e, y, at);
		several = sum > 1;
	}
	return several;
}

static bool is_plain_binary(const struct loss_eval *e)
{
	if (!(e->spec.loss->traits & LOSS_HAS_SIGMOID) || e->spec.loss->impl->balances)
		return false;
	for (int i = 2; i < e->in_count; i++)
		if (e->in[i].index >= 0 && (e->in[i].row->role == LOSS_ROLE_WEIGHT ||
					    e->in[i].row->role == LOSS_ROLE_POS_WEIGHT))
			return false;
	return true;
}

void find_unsuited(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;

	if (is_lone_class(e))
		say_unsuited(
			d, LOSS_FINDING_COUNT,
			"The softmax of a single class is always 1, so loss and gradient are 0 "
			"whatever the logits are: use bce_with_logits.");
	else if (finding_exists(d, LOSS_FINDING_TARGET_NOT_NORMALISED) && is_softmax(e) &&
		 !finding_exists(d, LOSS_FINDING_AXIS_SUSPECT) && is_multi_hot(e))
		say_unsuited(
			d, LOSS_FINDING_TARGET_NOT_NORMALISED,
			"Some rows have several classes at once, which a softmax makes compete: "
			"use bce_with_logits.");
	else if (finding_exists(d, LOSS_FINDING_CLASS_IMBALANCE) && is_plain_binary(e))
		say_unsuited(
			d, LOSS_FINDING_CLASS_IMBALANCE,
			"One class is rare and the loss counts every element alike, so the "
			"frequent one decides it: use pos_weight, a focal or a balanced loss.");
}

/* ---- All of it ---------------------------------------------------------------- */

static bool is_activated(const struct loss_eval *e)
{
	return e->form == LOSS_ROLE_LOGITS &&
	       e->spec.loss->traits & (LOSS_HAS_SOFTMAX | LOSS_HAS_SIGMOID);
}

/* Log-probabilities are told from other negative numbers by their first row. */
static bool begins_normalised(const struct loss_eval *e)
{
	struct lines lines = score_lines(e);

	if (lines.count < 2)
		return false;
	struct line_look line = look_along(e, &lines, 0);

	return fabs(line.exp_sum - 1) <= SUM_TOLERANCE;
}

bool spec_is_suspect(const struct loss_eval *e)
{
	struct loss_spec spec = e->spec;
	const struct loss_param_row *row;
	const void *x = e->in[0].data;

	if (eps_of(&spec, &row) || is_lone_class(e))
		return true;
	if (is_activated(e))
		return sample_lies(e, x, e->elements, 0, 1) ||
		       (sample_lies(e, x, e->elements, -INFINITY, SUM_TOLERANCE) &&
			begins_normalised(e));
	return e->form == LOSS_ROLE_LOG_PROBS && e->elements > 0 &&
	       !sample_lies(e, x, e->elements, -INFINITY, SUM_TOLERANCE);
}

void find_in_spec(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;

	if (e->elements == 0)
		return;
	look_at_axis(d);
	if (is_activated(e))
		look_at_logits(d);
	else if (e->form == LOSS_ROLE_LOG_PROBS)
		look_at_log_probs(d);
	look_at_eps(d);
}
