/* Findings as JSON: every member of the catalogue's page, in its order. */
#include <math.h>
#include <string.h>

#include "diagnostics.h"

/* ---- Specs ---------------------------------------------------------------- */

static const void *member_of(const struct loss_spec *spec, const struct loss_param_row *row,
			     bool is_common)
{
	const char *base = is_common ? (const char *)&spec->common : (const char *)spec->params;

	return base + row->offset;
}

static void write_param(struct api_text *text, const struct loss_param_row *row, const void *member)
{
	const struct loss_maybe *maybe = member;

	api_text_key(text, row->name);
	switch (row->kind) {
	case LOSS_PARAM_REAL:
		api_text_real(text, *(const double *)member);
		return;
	case LOSS_PARAM_INTEGER:
		api_text_integer(text, *(const int64_t *)member);
		return;
	case LOSS_PARAM_FLAG:
		api_text_bool(text, *(const loss_flag *)member != 0);
		return;
	case LOSS_PARAM_CHOICE:
		api_text_string(text, row->choices[*(const loss_choice *)member]);
		return;
	case LOSS_PARAM_MAYBE:
		if (maybe->set)
			api_text_real(text, maybe->value);
		else
			api_text_null(text);
		return;
	}
}

static bool is_default(const struct loss_param_row *row, const void *member, const void *init)
{
	const struct loss_maybe *a = member, *b = init;

	if (row->kind == LOSS_PARAM_MAYBE)
		return a->set == b->set && (!a->set || a->value == b->value);
	return !memcmp(member, init, 8);
}

static void write_spec(struct api_text *text, const struct loss_spec *spec, bool is_full)
{
	const struct loss_param_row *row;
	struct loss_spec init;
	bool is_common;

	loss_spec_init(&init, spec->loss);
	api_text_open(text, '{');
	api_text_member(text, "name", spec->loss->name);
	for (size_t i = 0; (row = loss_param_at(spec->loss, i, &is_common)); i++) {
		const void *member = member_of(spec, row, is_common);

		if (is_full || !is_default(row, member, member_of(&init, row, is_common)))
			write_param(text, row, member);
	}
	api_text_close(text, '}');
}

void api_spec_write(struct api_text *text, const struct loss_spec *spec)
{
	write_spec(text, spec, false);
}

void api_spec_write_in_full(struct api_text *text, const struct loss_spec *spec)
{
	write_spec(text, spec, true);
}

/* ---- Remedies ------------------------------------------------------------- */

/* A mask of more numbers is left to the reader of `say`. */
enum { MASK_ELEMENTS_MAX = 1024 };

static void write_mask(struct api_text *text, const struct loss_tensor *mask)
{
	int64_t count = loss_tensor_elements(mask);

	if (!mask->data || count > MASK_ELEMENTS_MAX)
		return;
	api_text_member_open(text, "mask", '{');
	api_text_member_open(text, "shape", '[');
	for (int axis = 0; axis < mask->rank; axis++)
		api_text_integer(text, mask->shape[axis]);
	api_text_close(text, ']');
	api_text_member_open(text, "data", '[');
	for (int64_t i = 0; i < count; i++)
		api_text_integer(text, mask->dtype == LOSS_FLOAT32
					       ? ((const float *)mask->data)[i] != 0
					       : ((const double *)mask->data)[i] != 0);
	api_text_close(text, ']');
	api_text_close(text, '}');
}

static void write_remedy(struct api_text *text, const struct loss_remedy *remedy)
{
	const struct loss_spec *spec = &remedy->spec;

	api_text_open(text, '{');
	api_text_member(text, "action", remedy->row->action);
	api_text_member(text, "say", remedy->say);
	if (remedy->row->article)
		api_text_member_bool(text, "article", true);
	if (remedy->row->trap)
		api_text_member_bool(text, "trap", true);
	if (remedy->has_spec) {
		api_text_key(text, "spec");
		api_spec_write(text, spec);
	}
	if (remedy->input != LOSS_ROLE_NONE)
		api_text_member(text, "input", loss_role_name(remedy->input));
	if (remedy->dtype)
		api_text_member(text, "dtype", remedy->dtype);
	write_mask(text, &remedy->mask);
	if (remedy->computed) {
		/* Written as the loss of the changed request will be. */
		api_text_key(text, "loss_after");
		api_loss_write_number(text, spec->dtype, spec->precision, remedy->loss_after);
		api_text_key(text, "gradient_norm_after");
		api_loss_write_number(text, spec->dtype, LOSS_PRECISION_FULL,
				      remedy->gradient_norm_after);
		api_text_member_bool(text, "changes_finite_rows", remedy->changes_finite_rows);
	}
	api_text_close(text, '}');
}

/* ---- Findings ------------------------------------------------------------- */

static void write_places(struct api_text *text, const struct loss_finding *finding, int64_t most)
{
	int64_t count = finding->place_count < most ? finding->place_count : most;

	api_text_member_open(text, "at", '[');
	for (int64_t i = 0; i < count && finding->place_rank > 0; i++) {
		api_text_open(text, '[');
		for (int axis = 0; axis < finding->place_rank; axis++)
			api_text_integer(text, finding->places[i * finding->place_rank + axis]);
		api_text_close(text, ']');
	}
	api_text_close(text, ']');
	api_text_member_bool(text, "truncated",
			     finding->truncated ||
				     (count < finding->place_count && finding->place_rank > 0));
}

static void write_operands(struct api_text *text, const struct loss_finding *finding)
{
	api_text_member_open(text, "operands", '{');
	for (int i = 0; i < finding->operand_count; i++)
		api_text_member_real(text, finding->operands[i].name, finding->operands[i].value);
	api_text_close(text, '}');
}

static void write_because(struct api_text *text, const struct loss_finding *finding)
{
	api_text_member_open(text, "because", '[');
	for (int i = 0; i < finding->because_count; i++)
		api_text_string(text, loss_finding_at(finding->because[i])->code);
	api_text_close(text, ']');
}

static void write_effect(struct api_text *text, const struct loss_effect *effect)
{
	api_text_member_open(text, "effect", '{');
	api_text_member_real(text, "loss", effect->loss);
	api_text_member_integer(text, "nonfinite_losses", effect->nonfinite_losses);
	api_text_member_integer(text, "nonfinite_gradients", effect->nonfinite_gradients);
	api_text_member_integer(text, "finite_rows", effect->finite_rows);
	api_text_member_real(text, "loss_over_finite_rows", effect->loss_over_finite_rows);
	api_text_close(text, '}');
}

static void write_finding(struct api_text *text, const struct api_term *term, int index,
			  int64_t places, const struct loss_finding *finding)
{
	const struct loss_finding_row *row = loss_finding_at(finding->code);

	api_text_open(text, '{');
	api_text_member(text, "code", row->code);
	api_text_member(text, "severity", loss_severity_name(finding->severity));
	api_text_member(text, "stage", row->stage);
	if (index >= 0)
		api_text_member_integer(text, "term", index);
	if (finding->input == LOSS_ROLE_NONE)
		api_text_member_json(text, "input", "null");
	else
		api_text_member(text, "input", loss_role_name(finding->input));
	api_text_member_integer(text, "count", finding->count);
	write_places(text, finding, places);
	write_operands(text, finding);
	api_text_member(text, "message", finding->message);
	write_because(text, finding);
	if (term->diagnosis.has_effect)
		write_effect(text, &term->diagnosis.effect);
	api_text_member_open(text, "remedies", '[');
	for (int i = 0; i < finding->remedy_count; i++)
		write_remedy(text, finding->remedies[i]);
	api_text_close(text, ']');
	api_text_close(text, '}');
}

void api_findings_write(struct api_text *text, const struct api_term *term, int index,
			int64_t places)
{
	for (int i = 0; i < term->diagnosis.finding_count; i++)
		write_finding(text, term, index, places, &term->diagnosis.findings[i]);
}
