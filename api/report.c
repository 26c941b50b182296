/*
 * The reply for people: text/plain on Accept, and `lossd eval --text`.
 *
 * One paragraph for a result, one for each finding: the sentence first, then
 * places, values, effect and cures.  Arrays are left out; whoever wants the
 * gradient asks for JSON.  With `style=ansi` behind the media type the words
 * that matter are coloured.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "evaluation.h"

enum { WIDTH = 78, INDENT = 10, PLACES_SHOWN = 8 };

struct report {
	struct api_text text;
	bool is_coloured;
};

/* ---- Words ----------------------------------------------------------------- */

static void put(struct report *report, const char *words)
{
	api_text_raw(&report->text, words, strlen(words));
}

enum colour { BOLD, RED, YELLOW, GREEN, FAINT };

static void put_coloured(struct report *report, enum colour colour, const char *words)
{
	static const char *const codes[] = {"\033[1m", "\033[1;31m", "\033[1;33m", "\033[1;32m",
					    "\033[2m"};

	if (report->is_coloured)
		put(report, codes[colour]);
	put(report, words);
	if (report->is_coloured)
		put(report, "\033[0m");
}

static void put_number(struct report *report, double value)
{
	if (isnan(value))
		put(report, "NaN");
	else if (isinf(value))
		put(report, value < 0 ? "-Infinity" : "Infinity");
	else
		api_text_format(&report->text, "%.7g", value);
}

/* The words of a sentence, in lines that do not run over the edge. */
static void put_wrapped(struct report *report, const char *words)
{
	size_t column = INDENT;

	while (*words) {
		size_t length = strcspn(words, " ");

		if (column > INDENT && column + 1 + length > WIDTH) {
			api_text_format(&report->text, "\n%*s", INDENT, "");
			column = INDENT;
		} else if (column > INDENT) {
			put(report, " ");
			column++;
		}
		api_text_raw(&report->text, words, length);
		column += length;
		words += length + strspn(words + length, " ");
	}
	put(report, "\n");
}

/* "  where   " in front of what follows. */
static void put_label(struct report *report, const char *label)
{
	put(report, "  ");
	put_coloured(report, FAINT, label);
	api_text_format(&report->text, "%*s", INDENT - 2 - (int)strlen(label), "");
}

/* ---- Findings -------------------------------------------------------------- */

static void put_places(struct report *report, const struct loss_finding *finding, int64_t most)
{
	int64_t shown = finding->place_count < most ? finding->place_count : most;

	if (finding->place_rank == 0 || shown == 0)
		return;
	if (shown > PLACES_SHOWN)
		shown = PLACES_SHOWN;
	put_label(report, "where");
	for (int64_t i = 0; i < shown; i++) {
		put(report, i ? ", [" : "[");
		for (int axis = 0; axis < finding->place_rank; axis++)
			api_text_format(&report->text, "%s%lld", axis ? ", " : "",
					(long long)finding->places[i * finding->place_rank + axis]);
		put(report, "]");
	}
	if (shown < finding->count)
		api_text_format(&report->text, " and %lld more",
				(long long)(finding->count - shown));
	put(report, "\n");
}

static void put_operands(struct report *report, const struct loss_finding *finding)
{
	if (finding->operand_count == 0)
		return;
	put_label(report, "values");
	for (int i = 0; i < finding->operand_count; i++) {
		api_text_format(&report->text, "%s%s ", i ? ", " : "", finding->operands[i].name);
		put_number(report, finding->operands[i].value);
	}
	put(report, "\n");
}

static void put_because(struct report *report, const struct loss_finding *finding)
{
	if (finding->because_count == 0)
		return;
	put_label(report, "because");
	for (int i = 0; i < finding->because_count; i++)
		api_text_format(&report->text, "%s%s", i ? ", " : "",
				loss_finding_at(finding->because[i])->code);
	put(report, "\n");
}

/* The same for every finding of an evaluation: told with the first. */
static void put_effect(struct report *report, const struct api_term *term)
{
	const struct loss_effect *effect = &term->diagnosis.effect;

	put_label(report, "effect");
	api_text_format(&report->text, "%lld of %lld losses and %lld gradients are not finite;",
			(long long)effect->nonfinite_losses, (long long)term->plan.rows,
			(long long)effect->nonfinite_gradients);
	if (effect->finite_rows > 0) {
		api_text_format(&report->text, "\n%*sover the %lld row%s the loss is ", INDENT, "",
				(long long)effect->finite_rows,
				effect->finite_rows == 1 ? " that is" : "s that are");
		put_number(report, effect->loss_over_finite_rows);
		put(report, "\n");
	} else {
		put(report, " no row that counts is\n");
	}
}

static bool is_told(const struct loss_diagnosis *diagnosis, int before,
		    const struct loss_remedy *remedy)
{
	for (int i = 0; i < before; i++)
		for (int k = 0; k < diagnosis->findings[i].remedy_count; k++)
			if (diagnosis->findings[i].remedies[k] == remedy)
				return true;
	return false;
}

/* A remedy of several findings is told with the first. */
static void put_remedies(struct report *report, const struct loss_diagnosis *diagnosis, int index)
{
	const struct loss_finding *finding = &diagnosis->findings[index];

	for (int i = 0; i < finding->remedy_count; i++) {
		const struct loss_remedy *remedy = finding->remedies[i];

		if (is_told(diagnosis, index, remedy))
			continue;
		put_label(report, remedy->row->trap ? "trap" : "cure");
		put_wrapped(report, remedy->say);
	}
}

static void put_finding(struct report *report, const struct api_item *item,
			const struct api_term *term, int index)
{
	static const enum colour colours[] = {
		[LOSS_INFO] = BOLD, [LOSS_WARNING] = YELLOW, [LOSS_ERROR] = RED};
	const struct loss_finding *finding = &term->diagnosis.findings[index];
	const struct loss_finding_row *row = loss_finding_at(finding->code);

	put(report, "\n");
	put_coloured(report, colours[finding->severity], loss_severity_name(finding->severity));
	api_text_format(&report->text, " %s\n%*s", row->code, INDENT, "");
	put_wrapped(report, finding->message);
	put_places(report, finding, item->options.locations);
	put_operands(report, finding);
	put_because(report, finding);
	if (index == 0 && term->diagnosis.has_effect)
		put_effect(report, term);
	put_remedies(report, &term->diagnosis, index);
}

/* ---- Statistics ------------------------------------------------------------- */

static void put_cell(struct report *report, double value)
{
	api_text_format(&report->text, " %12.5g", value);
}

static void put_summary(struct report *report, const char *name, const struct loss_summary *s)
{
	api_text_format(&report->text, "  %-22s", name);
	put_cell(report, s->min);
	put_cell(report, s->quantiles[LOSS_P50]);
	put_cell(report, s->max);
	put_cell(report, s->mean);
	put_cell(report, s->std);
	if (s->finite < s->count)
		api_text_format(&report->text, "   %lld of %lld not finite",
				(long long)(s->count - s->finite), (long long)s->count);
	put(report, "\n");
}

static void put_tensors(struct report *report, const struct loss_statistics *s)
{
	char name[48];

	put(report, "\n");
	put_coloured(report, BOLD, "numbers");
	api_text_format(&report->text, "%17s %12s %12s %12s %12s %12s\n", "", "min", "median",
			"max", "mean", "std");
	for (int i = 0; i < s->input_count; i++)
		put_summary(report, loss_role_name(s->inputs[i].role), &s->inputs[i].summary);
	put_summary(report, "losses", &s->losses);
	for (int i = 0; i < s->gradient_count; i++) {
		snprintf(name, sizeof name, "gradient of %s", loss_role_name(s->gradients[i].role));
		put_summary(report, name, &s->gradients[i].summary);
	}
}

static void put_classes(struct report *report, const struct loss_class_statistics *c)
{
	if (!c || isnan(c->accuracy))
		return;
	put_label(report, "classes");
	api_text_format(&report->text,
			"%lld; %.4g of %lld rows are predicted right, and confidence is off by "
			"%.3g\n",
			(long long)c->classes, c->accuracy, (long long)c->predicted_rows,
			c->calibration_error);
}

static void put_hardest(struct report *report, const struct loss_statistics *s)
{
	const struct loss_hard_row *row = &s->hardest[0];

	if (s->hardest_count == 0)
		return;
	put_label(report, "hardest");
	put(report, "[");
	for (int axis = 0; axis < s->place_rank; axis++)
		api_text_format(&report->text, "%s%lld", axis ? ", " : "",
				(long long)row->place[axis]);
	api_text_format(&report->text, "], loss %.6g", row->loss);
	if (row->given >= 0)
		api_text_format(&report->text, ": given %lld, predicted %lld with %.3g",
				(long long)row->given, (long long)row->predicted, row->confidence);
	put(report, "\n");
}

static void put_checks(struct report *report, const struct loss_statistics *s)
{
	if (s->cancellation.units > 0) {
		put_label(report, "float64");
		api_text_format(&report->text, "the losses differ from it by %.2g, relative\n",
				s->cancellation.relative_error);
	}
	if (s->check.count > 0 && !isnan(s->check.worst)) {
		put_label(report, "checked");
		api_text_format(&report->text,
				"the gradient at %d places by differences, worst error %.2g\n",
				s->check.count, s->check.worst);
	}
}

static void put_statistics(struct report *report, const struct loss_statistics *s)
{
	if (!s)
		return;
	put_tensors(report, s);
	put_classes(report, s->classes);
	put_hardest(report, s);
	put_checks(report, s);
}

/* ---- Results --------------------------------------------------------------- */

static enum loss_verdict verdict_of(const struct api_item *item)
{
	enum loss_verdict verdict = LOSS_VERDICT_OK;

	for (size_t i = 0; i < item->term_count; i++)
		if (item->terms[i].diagnosis.verdict > verdict)
			verdict = item->terms[i].diagnosis.verdict;
	return verdict;
}

static void put_term(struct report *report, const struct api_item *item, size_t index)
{
	const struct api_term *term = &item->terms[index];

	if (item->is_sum) {
		api_text_format(&report->text, "\nterm %zu   %s, weight %g, loss ", index,
				term->spec.loss->name, term->weight);
		put_number(report, term->result.loss);
		put(report, "\n");
	}
	for (int i = 0; i < term->diagnosis.finding_count; i++)
		put_finding(report, item, term, i);
	put_statistics(report, term->diagnosis.statistics);
}

/* "nonfinite cross_entropy of 3 rows: loss NaN" */
static void put_headline(struct report *report, const struct api_item *item)
{
	static const enum colour colours[] = {[LOSS_VERDICT_OK] = GREEN,
					      [LOSS_VERDICT_WARNING] = YELLOW,
					      [LOSS_VERDICT_NONFINITE] = RED};
	enum loss_verdict verdict = verdict_of(item);
	struct api_total total = api_item_total(item);
	const struct api_term *first = &item->terms[0];

	if (item->options.diagnostics != API_DIAGNOSTICS_OFF) {
		put_coloured(report, colours[verdict], loss_verdict_name(verdict));
		put(report, "  ");
	}
	if (item->is_sum)
		api_text_format(&report->text, "sum of %zu losses", item->term_count);
	else
		api_text_format(&report->text, "%s of %lld row%s", first->spec.loss->name,
				(long long)first->plan.rows, first->plan.rows == 1 ? "" : "s");
	if (item->losses.data) {
		put(report, ", not reduced\n");
		return;
	}
	if (total.has_reduction)
		api_text_format(&report->text, ", %s", api_reduction_name(total.reduction));
	put(report, ": loss ");
	put_number(report, total.loss);
	put(report, "\n");
}

static void put_item(struct report *report, const struct api_item *item)
{
	if (item->fault) {
		put_coloured(report, RED, "problem");
		api_text_format(&report->text, " %s\n%*s", api_problem_slug(item->fault->problem),
				INDENT, "");
		put_wrapped(report, item->fault->detail);
		return;
	}
	put_headline(report, item);
	for (size_t i = 0; i < item->term_count; i++)
		put_term(report, item, i);
}

/* ---- The form -------------------------------------------------------------- */

enum api_problem api_report_begin(struct api_evaluation *ev, struct api_fault *fault)
{
	(void)fault;
	api_jobs_begin(&ev->jobs, ev->arena); /* no array is written */
	return API_PROBLEM_NONE;
}

size_t api_report_reply(struct api_evaluation *ev)
{
	const char *accept = api_call_request_header(ev->call, "Accept");
	struct report report = {.is_coloured = accept && strstr(accept, "style=ansi")};
	size_t end;

	api_text_init(&report.text, ev->arena);
	for (size_t i = 0; i < ev->item_count; i++) {
		if (ev->is_batch)
			api_text_format(&report.text, "%sitem %zu\n", i ? "\n\n" : "", i);
		put_item(&report, &ev->items[i]);
	}
	end = api_call_reply_text(ev->call, &report.text);
	if (!ev->call->reply.problem)
		ev->call->reply.content_type = API_TEXT;
	return end;
}
