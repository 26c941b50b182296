/* The catalogue for people: pages for a terminal, a table for the README. */
#include <string.h>

#include "api.h"
#include "describe.h"

static void put(struct api_text *text, const char *string)
{
	api_text_raw(text, string, strlen(string));
}

static void put_padded(struct api_text *text, const char *string, size_t width)
{
	put(text, string);
	for (size_t n = strlen(string); n < width; n++)
		put(text, " ");
}

/* A value that api_text writes as JSON, in the middle of a line. */
static void put_default(struct api_text *text, const struct loss *loss,
			const struct loss_param_row *row, bool is_common)
{
	if (row->required) {
		put(text, "required");
		return;
	}
	text->comma = false;
	api_default_write(text, loss, row, is_common);
}

/* ---- Pages ----------------------------------------------------------------- */

static void put_labelled(struct api_text *text, const char *label, const char *value)
{
	if (!value || !*value)
		return;
	put_padded(text, label, 11);
	put(text, value);
	put(text, "\n");
}

static void put_number(struct api_text *text, double value)
{
	text->comma = false;
	api_text_real(text, value);
}

static void put_range(struct api_text *text, const struct loss *loss,
		      const struct loss_param_row *row, bool is_common)
{
	bool is_first = true;

	if (row->min.kind != LOSS_UNBOUNDED) {
		put(text, row->min.kind == LOSS_OPEN ? ", above " : ", at least ");
		put_number(text, row->min.value);
	}
	if (row->max.kind != LOSS_UNBOUNDED) {
		put(text, row->max.kind == LOSS_OPEN ? ", below " : ", at most ");
		put_number(text, row->max.value);
	}
	for (int i = 0; row->kind == LOSS_PARAM_CHOICE && i < LOSS_CHOICES_MAX; i++) {
		if (!api_choice_exists(loss, row, is_common, i))
			continue;
		put(text, is_first ? "; one of " : ", ");
		put(text, row->choices[i]);
		is_first = false;
	}
}

static void put_params(struct api_text *text, const struct loss *loss)
{
	const struct loss_param_row *row;
	bool is_common;

	put(text, "\nparameters\n");
	for (size_t i = 0; (row = loss_param_at(loss, i, &is_common)); i++) {
		put(text, "  ");
		put_padded(text, row->name, 20);
		put(text, " ");
		put_default(text, loss, row, is_common);
		put_range(text, loss, row, is_common);
		if (row->doc) {
			put(text, "\n    ");
			put(text, row->doc);
		}
		put(text, "\n");
	}
}

static void put_inputs(struct api_text *text, const struct loss *loss)
{
	const struct loss_input_row *row;

	put(text, "\ninputs\n");
	for (size_t i = 0; (row = loss_input_at(loss, i)); i++) {
		uint32_t others = (row->forms | row->aliases) & ~(UINT32_C(1) << row->role);

		put(text, "  ");
		put_padded(text, loss_role_name(row->role), 20);
		put(text, row->optional ? " optional; " : " ");
		put(text, api_kind_name(row->kind));
		put(text, ", shape: ");
		put(text, api_shape_name(row->shape));
		for (int role = 0; role < LOSS_ROLE_COUNT; role++)
			if (others & UINT32_C(1) << role) {
				put(text, "; or ");
				put(text, loss_role_name((enum loss_role)role));
			}
		put(text, "\n    ");
		put(text, row->doc ? row->doc : loss_role_doc(row->role));
		put(text, "\n");
	}
}

static void put_page(struct api_text *text, const struct loss *loss)
{
	put(text, loss->name);
	put(text, ": ");
	put(text, loss->title);
	put(text, "\n\n");
	put_labelled(text, "formula", loss->formula);
	put_labelled(text, "reference", loss->reference);
	put_labelled(text, "notes", loss->notes);
	if (loss->aliases[0])
		put_padded(text, "also", 11);
	for (int i = 0; i < LOSS_ALIASES_MAX && loss->aliases[i]; i++) {
		put(text, i ? ", " : "");
		put(text, loss->aliases[i]);
	}
	put(text, loss->aliases[0] ? "\n" : "");
	put_inputs(text, loss);
	put_params(text, loss);
	put(text, "\nexample\n  ");
	text->comma = false;
	api_example_write(text, loss);
	put(text, "\n");
}

static void put_list(struct api_text *text)
{
	const struct loss *loss;

	for (size_t i = 0; (loss = loss_at(i)); i++) {
		put_padded(text, loss->name, 22);
		put(text, loss->formula);
		put(text, "\n");
	}
}

char *api_catalogue_text(const char *name)
{
	const struct loss *loss = name ? loss_find(name) : NULL;
	struct api_describer describer;

	if (name && !loss)
		return NULL;
	api_describe_begin(&describer);
	if (loss)
		put_page(&describer.text, loss);
	else
		put_list(&describer.text);
	return api_describe_end(&describer, NULL);
}

/* ---- The table of the README ----------------------------------------------- */

/* Inside a cell of a Markdown table a bar must be escaped. */
static void put_cell(struct api_text *text, const char *value)
{
	for (; *value; value++) {
		if (*value == '|')
			put(text, "\\");
		api_text_raw(text, value, 1);
	}
}

static void put_own_params(struct api_text *text, const struct loss *loss)
{
	for (int i = 0; i < loss->param_count; i++) {
		put(text, i ? ", `" : "`");
		put(text, loss->params[i].name);
		put(text, "` ");
		put_default(text, loss, &loss->params[i], false);
	}
}

static void put_readme_row(struct api_text *text, const struct loss *loss)
{
	put(text, "| `");
	put(text, loss->name);
	put(text, "` | `");
	put_cell(text, loss->formula);
	put(text, "` | ");
	put_own_params(text, loss);
	put(text, " | ");
	for (int i = 0; i < LOSS_ALIASES_MAX && loss->aliases[i]; i++) {
		put(text, i ? ", `" : "`");
		put(text, loss->aliases[i]);
		put(text, "`");
	}
	put(text, " |\n");
}

char *api_readme_table(void)
{
	struct api_describer describer;
	const struct loss *loss;

	api_describe_begin(&describer);
	put(&describer.text, "| loss | formula | parameters of its own | also known as |\n"
			     "|---|---|---|---|\n");
	for (size_t i = 0; (loss = loss_at(i)); i++)
		put_readme_row(&describer.text, loss);
	return api_describe_end(&describer, NULL);
}
