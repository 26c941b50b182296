/* The catalogues of losses and findings: as JSON, as text, as a table. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "describe.h"

void api_describe_begin(struct api_describer *describer)
{
	describer->budget = (struct api_budget){.max = UINT64_MAX};
	api_arena_init(&describer->arena, &describer->budget);
	api_text_init(&describer->text, &describer->arena);
}

char *api_describe_end(struct api_describer *describer, size_t *bytes)
{
	char *copy = api_text_copy(&describer->text, bytes);

	api_arena_release(&describer->arena);
	return copy;
}

/* ---- Words for enums ------------------------------------------------------- */

const char *api_shape_name(enum loss_shape shape)
{
	static const char *const names[] = {
		[LOSS_SHAPE_PREDICTION] = "is the prediction",
		[LOSS_SHAPE_SAME] = "the prediction's",
		[LOSS_SHAPE_BROADCAST] = "broadcasts to the prediction's",
		[LOSS_SHAPE_ROWS] = "the prediction's, its last axis 1 or missing, or one number",
		[LOSS_SHAPE_TARGETS] = "the prediction's, without the class axis for class indices",
		[LOSS_SHAPE_PER_CLASS] = "one number a class",
		[LOSS_SHAPE_UNITS] = "broadcasts to the unreduced loss",
		[LOSS_SHAPE_NO_CHANNEL] = "the prediction's, or that without axis 1",
		[LOSS_SHAPE_LABELS] = "(n, s), or (s) for one sequence or all in a row",
		[LOSS_SHAPE_SEQUENCES] = "(n), or a single number for one sequence",
	};

	return names[shape];
}

const char *api_kind_name(enum loss_kind kind)
{
	static const char *const names[] = {
		[LOSS_KIND_REAL] = "real",
		[LOSS_KIND_NONNEGATIVE] = "nonnegative",
		[LOSS_KIND_NONZERO] = "nonzero",
		[LOSS_KIND_BINARY] = "binary",
		[LOSS_KIND_SIGN] = "sign",
		[LOSS_KIND_INDEX] = "class index",
		[LOSS_KIND_CLASSES] = "class index or distribution",
	};

	return names[kind];
}

static const char *param_type(enum loss_param_kind kind)
{
	static const char *const names[] = {
		[LOSS_PARAM_REAL] = "number",          [LOSS_PARAM_INTEGER] = "integer",
		[LOSS_PARAM_FLAG] = "boolean",         [LOSS_PARAM_CHOICE] = "string",
		[LOSS_PARAM_MAYBE] = "number or null",
	};

	return names[kind];
}

/* ---- Parameters ------------------------------------------------------------ */

static bool is_reduction(const struct loss_param_row *row, bool is_common)
{
	return is_common && row->offset == offsetof(struct loss_common, reduction);
}

bool api_choice_exists(const struct loss *loss, const struct loss_param_row *row, bool is_common,
		       int choice)
{
	if (choice >= LOSS_CHOICES_MAX || !row->choices[choice])
		return false;
	return !is_reduction(row, is_common) || loss->reductions & UINT32_C(1) << choice;
}

static int default_choice(const struct loss *loss, const struct loss_param_row *row, bool is_common)
{
	return is_reduction(row, is_common) ? (int)loss->reduction : (int)row->init;
}

void api_default_write(struct api_text *text, const struct loss *loss,
		       const struct loss_param_row *row, bool is_common)
{
	switch (row->kind) {
	case LOSS_PARAM_REAL:
		api_text_real(text, row->init);
		return;
	case LOSS_PARAM_INTEGER:
		api_text_integer(text, (int64_t)row->init);
		return;
	case LOSS_PARAM_FLAG:
		api_text_bool(text, row->init != 0);
		return;
	case LOSS_PARAM_CHOICE:
		api_text_string(text, row->choices[default_choice(loss, row, is_common)]);
		return;
	case LOSS_PARAM_MAYBE:
		if (isnan(row->init))
			api_text_null(text);
		else
			api_text_real(text, row->init);
		return;
	}
}

static void write_bound(struct api_text *text, const struct loss_bound *bound, const char *closed,
			const char *open)
{
	if (bound->kind != LOSS_UNBOUNDED)
		api_text_member_real(text, bound->kind == LOSS_OPEN ? open : closed, bound->value);
}

static void write_param(struct api_text *text, const struct loss *loss,
			const struct loss_param_row *row, bool is_common)
{
	api_text_open(text, '{');
	api_text_member(text, "name", row->name);
	api_text_member(text, "type", param_type(row->kind));
	api_text_member_bool(text, "required", row->required);
	if (!row->required) {
		api_text_key(text, "default");
		api_default_write(text, loss, row, is_common);
	}
	write_bound(text, &row->min, "minimum", "exclusiveMinimum");
	write_bound(text, &row->max, "maximum", "exclusiveMaximum");
	if (row->kind == LOSS_PARAM_CHOICE) {
		api_text_member_open(text, "choices", '[');
		for (int i = 0; i < LOSS_CHOICES_MAX; i++)
			if (api_choice_exists(loss, row, is_common, i))
				api_text_string(text, row->choices[i]);
		api_text_close(text, ']');
	}
	api_text_member(text, "doc", row->doc ? row->doc : "");
	api_text_close(text, '}');
}

/* ---- Inputs ---------------------------------------------------------------- */

static void write_roles(struct api_text *text, const char *key, uint32_t roles)
{
	api_text_member_open(text, key, '[');
	for (int role = 0; role < LOSS_ROLE_COUNT; role++)
		if (roles & UINT32_C(1) << role)
			api_text_string(text, loss_role_name((enum loss_role)role));
	api_text_close(text, ']');
}

static void write_input(struct api_text *text, const struct loss_input_row *row)
{
	api_text_open(text, '{');
	api_text_member(text, "name", loss_role_name(row->role));
	write_roles(text, "forms", row->forms);
	write_roles(text, "aliases", row->aliases);
	api_text_member(text, "kind", api_kind_name(row->kind));
	api_text_member(text, "shape", api_shape_name(row->shape));
	api_text_member_bool(text, "optional", row->optional);
	api_text_member_bool(text, "differentiable",
			     row->differentiable || row->shape == LOSS_SHAPE_PREDICTION);
	api_text_member(text, "doc", row->doc ? row->doc : loss_role_doc(row->role));
	api_text_close(text, '}');
}

/* ---- Losses ---------------------------------------------------------------- */

void api_example_write(struct api_text *text, const struct loss *loss)
{
	api_text_open(text, '{');
	api_text_member(text, "loss", loss->name);
	api_text_json(text, loss->example);
	api_text_close(text, '}');
}

static void write_reductions(struct api_text *text, const struct loss *loss)
{
	const struct loss_param_row *row;
	bool is_common;

	for (size_t i = 0; (row = loss_param_at(loss, i, &is_common)); i++) {
		if (!is_reduction(row, is_common))
			continue;
		api_text_member_open(text, "reductions", '[');
		for (int k = 0; k < LOSS_REDUCTION_COUNT; k++)
			if (api_choice_exists(loss, row, is_common, k))
				api_text_string(text, row->choices[k]);
		api_text_close(text, ']');
		api_text_member(text, "reduction", row->choices[loss->reduction]);
	}
}

void api_loss_write(struct api_text *text, const struct loss *loss)
{
	const struct loss_input_row *input;
	const struct loss_param_row *param;
	bool is_common;

	api_text_open(text, '{');
	api_text_member(text, "name", loss->name);
	api_text_member(text, "title", loss->title);
	api_text_member(text, "family", loss->family);
	api_text_member(text, "formula", loss->formula);
	api_text_member(text, "reference", loss->reference);
	api_text_member(text, "notes", loss->notes ? loss->notes : "");
	api_text_member_open(text, "aliases", '[');
	for (int i = 0; i < LOSS_ALIASES_MAX && loss->aliases[i]; i++)
		api_text_string(text, loss->aliases[i]);
	api_text_close(text, ']');
	api_text_member_open(text, "inputs", '[');
	for (size_t i = 0; (input = loss_input_at(loss, i)); i++)
		write_input(text, input);
	api_text_close(text, ']');
	api_text_member_open(text, "parameters", '[');
	for (size_t i = 0; (param = loss_param_at(loss, i, &is_common)); i++)
		write_param(text, loss, param, is_common);
	api_text_close(text, ']');
	write_reductions(text, loss);
	api_text_member_real(text, "ulp", loss->ulp);
	api_text_key(text, "example");
	api_example_write(text, loss);
	api_text_close(text, '}');
}

static size_t reply_losses(struct api_call *call)
{
	const struct loss *loss;
	struct api_text text;

	api_text_init(&text, &call->arena);
	api_text_open(&text, '{');
	api_text_member_open(&text, "losses", '[');
	for (size_t i = 0; (loss = loss_at(i)); i++)
		api_loss_write(&text, loss);
	api_text_close(&text, ']');
	api_text_close(&text, '}');
	return api_call_reply_text(call, &text);
}

static size_t unknown_loss(struct api_call *call, const char *name)
{
	char text[200];

	api_unknown_loss(text, sizeof text, name);
	api_fault_set(&call->fault, API_NOT_FOUND_LOSS, "%s", text);
	return api_call_fail(call);
}

static size_t reply_loss(struct api_call *call)
{
	const struct api_match *match = &call->request.match;
	char *name = api_arena_text(&call->arena, match->arg, match->arg_length);
	const struct loss *loss = name ? loss_find(name) : NULL;
	struct api_text text;

	if (!name)
		return api_call_fail_memory(call);
	if (!loss)
		return unknown_loss(call, name);
	api_text_init(&text, &call->arena);
	api_loss_write(&text, loss);
	return api_call_reply_text(call, &text);
}

/* ---- Findings -------------------------------------------------------------- */

static void write_cures(struct api_text *text, const struct loss_finding_row *row)
{
	api_text_member_open(text, "cures", '[');
	for (int i = 0; i < LOSS_CURES_MAX && row->cures[i].say; i++) {
		api_text_open(text, '{');
		api_text_member(text, "say", row->cures[i].say);
		api_text_member_bool(text, "article", row->cures[i].is_article);
		api_text_member_bool(text, "trap", row->cures[i].is_trap);
		api_text_close(text, '}');
	}
	api_text_close(text, ']');
}

static size_t reply_findings(struct api_call *call)
{
	const struct loss_finding_row *row;
	struct api_text text;

	api_text_init(&text, &call->arena);
	api_text_open(&text, '{');
	api_text_member_open(&text, "findings", '[');
	for (size_t i = 0; (row = loss_finding_at(i)); i++) {
		api_text_open(&text, '{');
		api_text_member(&text, "code", row->code);
		api_text_member(&text, "severity", loss_severity_name(row->severity));
		api_text_member(&text, "stage", row->stage);
		api_text_member(&text, "cause", row->cause);
		write_cures(&text, row);
		api_text_close(&text, '}');
	}
	api_text_close(&text, ']');
	api_text_close(&text, '}');
	return api_call_reply_text(call, &text);
}

void api_handle_losses(struct api_call *call)
{
	call->step = reply_losses;
}

void api_handle_loss(struct api_call *call)
{
	call->step = reply_loss;
}

void api_handle_findings(struct api_call *call)
{
	call->step = reply_findings;
}
