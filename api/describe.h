/*
 * Everything that is written about the contract is written from its tables: the
 * rows of losses, inputs, parameters and findings (lib), of members, routes and
 * problems (api).
 */
#ifndef API_DESCRIBE_H
#define API_DESCRIBE_H

#include "../lib/loss_diagnose.h"
#include "text.h"

/* openapi.json as it is served and committed: malloc()ed, with a final newline.
 * NULL if there is no memory. */
char *api_openapi_text(void);

/* The table of losses of the README as Markdown; malloc()ed or NULL. */
char *api_readme_table(void);

/* ---- Private to api/ ------------------------------------------------------- */

/* An arena of its own for texts that belong to no call. */
struct api_describer {
	struct api_budget budget;
	struct api_arena arena;
	struct api_text text;
};

void api_describe_begin(struct api_describer *describer);

/* The text as malloc()ed string, or NULL; the arena is released. */
char *api_describe_end(struct api_describer *describer, size_t *bytes);

/* A loss as the catalogue shows it. */
void api_loss_write(struct api_text *text, const struct loss *loss);

/* A complete request for a loss: its example. */
void api_example_write(struct api_text *text, const struct loss *loss);

const char *api_shape_name(enum loss_shape shape);
const char *api_kind_name(enum loss_kind kind);

/* Whether a loss has this choice of a parameter: not every loss has every
 * reduction. */
bool api_choice_exists(const struct loss *loss, const struct loss_param_row *row, bool is_common,
		       int choice);

/* The default of a parameter as a value. */
void api_default_write(struct api_text *text, const struct loss *loss,
		       const struct loss_param_row *row, bool is_common);

/* schemas.c: the value of components.schemas. */
void api_schemas_write(struct api_text *text);

/* notation.c: a schema in short.
 *
 *     string  integer  number  boolean  null  object    the type
 *     Name             a schema of the contract
 *     [X]              an array of X
 *     {X}              an object whose members are X
 *     'text'           that string
 *     X|Y              any of these
 *
 * _open leaves the schema open for more members. */
void api_schema_open(struct api_text *text, const char *notation, const char *doc);
void api_schema_write(struct api_text *text, const char *notation, const char *doc);
void api_schema_member(struct api_text *text, const char *name, const char *notation,
		       const char *doc);

/* layout.c: JSON text with line breaks and indentation; what fits on a line
 * stays on one. */
void api_layout_json(struct api_text *text, const char *json);

#endif
