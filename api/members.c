/* The members of a request that are no inputs, and what else a member may be. */
#include <stdio.h>
#include <string.h>

#include "evaluation.h"

/* ---- Choices -------------------------------------------------------------- */

static void list_names(char *list, size_t bytes, const char *const *names, size_t count)
{
	size_t used = 0;

	list[0] = '\0';
	for (size_t i = 0; i < count && used < bytes; i++)
		used += (size_t)snprintf(list + used, bytes - used, "%s%s", i ? ", " : "",
					 names[i]);
}

int api_choice_read(const struct api_document *doc, const json_t *node, const char *const *names,
		    size_t count, const struct api_source *source, struct api_fault *fault)
{
	char list[160];

	list_names(list, sizeof list, names, count);
	if (!json_is_string(node)) {
		api_source_fail(source, fault, API_WRONG_TYPE, "%s, expected one of %s",
				api_found(doc, node), list);
		return -1;
	}
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], json_string_value(node)))
			return (int)i;
	api_source_fail(source, fault, API_OUT_OF_RANGE, "\"%.60s\", expected one of %s",
			json_string_value(node), list);
	return -1;
}

/* ---- The options ---------------------------------------------------------- */

#define READER(name)                                                                               \
	static enum api_problem name(struct api_evaluation *ev, const json_t *node,                \
				     const struct api_source *source, struct api_options *options, \
				     struct api_fault *fault)

READER(read_id)
{
	if (!json_is_string(node) && !json_is_number(node))
		return api_source_fail(source, fault, API_WRONG_TYPE,
				       "%s, expected a string or a number",
				       api_found(&ev->doc, node));
	options->id = node;
	return API_PROBLEM_NONE;
}

/* The names are looked up when the inputs are known. */
READER(read_gradient)
{
	const struct api_array *array = api_document_array(&ev->doc, node);
	bool is_right = json_is_boolean(node) || (array && array->rank == 1 && array->numbers == 0);

	if (!array && json_is_array(node)) {
		size_t index;
		json_t *name;

		is_right = true;
		json_array_foreach(node, index, name)
		{
			is_right = is_right && json_is_string(name) &&
				   !api_document_array(&ev->doc, name);
		}
	}
	if (!is_right)
		return api_source_fail(source, fault, API_WRONG_TYPE,
				       "%s, expected true, false or a list of the names of inputs",
				       api_found(&ev->doc, node));
	options->gradient = node;
	options->gradient_source = source;
	return API_PROBLEM_NONE;
}

/* An option whose choices are numbered as in its enum. */
#define CHOICE_READER(reader, member, ...)                                                         \
	READER(reader)                                                                             \
	{                                                                                          \
		static const char *const names[] = {__VA_ARGS__};                                  \
		int chosen = api_choice_read(&ev->doc, node, names,                                \
					     sizeof names / sizeof names[0], source, fault);       \
                                                                                                   \
		if (chosen < 0)                                                                    \
			return fault->problem;                                                     \
		options->member = chosen;                                                          \
		return API_PROBLEM_NONE;                                                           \
	}

/* A choice on the wire, two members inside: how numbers are stored, and what is
 * kept of them. */
READER(read_dtype)
{
	static const char *const names[] = {"float32", "float64", "float16", "bfloat16"};
	static const struct {
		enum loss_dtype dtype;
		enum loss_precision precision;
	} meanings[] = {
		{LOSS_FLOAT32, LOSS_PRECISION_FULL},
		{LOSS_FLOAT64, LOSS_PRECISION_FULL},
		{LOSS_FLOAT32, LOSS_PRECISION_FLOAT16},
		{LOSS_FLOAT32, LOSS_PRECISION_BFLOAT16},
	};
	int chosen = api_choice_read(&ev->doc, node, names, sizeof names / sizeof names[0], source,
				     fault);

	if (chosen < 0)
		return fault->problem;
	options->dtype = meanings[chosen].dtype;
	options->precision = meanings[chosen].precision;
	return API_PROBLEM_NONE;
}

CHOICE_READER(read_diagnostics, diagnostics, "off", "auto", "full")
CHOICE_READER(read_nonfinite, nonfinite, "string", "null", "error")

READER(read_locations)
{
	json_int_t most = (json_int_t)ev->limits->locations;
	json_int_t wanted = json_integer_value(node);

	if (!json_is_integer(node))
		return api_source_fail(source, fault, API_WRONG_TYPE, "%s, expected an integer",
				       json_is_real(node) ? "a fraction"
							  : api_found(&ev->doc, node));
	if (wanted < 0 || wanted > most)
		return api_source_fail(source, fault, API_OUT_OF_RANGE,
				       "%lld, expected at least 0 and at most %lld",
				       (long long)wanted, (long long)most);
	options->locations = wanted;
	return API_PROBLEM_NONE;
}

static const struct api_member_row rows[] = {
	{"id", read_id, true, "string|number", NULL, "Echoed in the reply."},
	{"loss", NULL, true, "LossSpec", NULL,
	 "A name, an object with the name and parameters, or a weighted sum of terms."},
	{"gradient", read_gradient, true, "boolean|[string]", "true",
	 "Whether gradients are wanted, or the inputs to differentiate; true: the prediction."},
	{"dtype", read_dtype, true, "'float32'|'float64'|'float16'|'bfloat16'", "\"float32\"",
	 "The arithmetic. In half precision inputs, losses and gradients are rounded as a device "
	 "would store them."},
	{"diagnostics", read_diagnostics, true, "'off'|'auto'|'full'", "\"auto\"",
	 "When to look for causes: never, where something is not finite, was clamped or looks "
	 "like something else than it was given as, or always."},
	{"max_locations", read_locations, true, "integer", "16",
	 "How many places a finding lists."},
	{"nonfinite", read_nonfinite, true, "'string'|'null'|'error'", "\"string\"",
	 "How NaN and infinities are written: as strings, as null, or not at all (422)."},
	{"batch", NULL, false, "[EvaluateItem]", NULL,
	 "Requests to be answered one by one; the members beside it are their defaults."},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

const struct api_member_row *api_member_at(size_t index)
{
	return index < ROWS ? &rows[index] : NULL;
}

const struct api_member_row *api_member_find(const char *name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

enum api_problem api_options_read(struct api_evaluation *ev, const json_t *members,
				  const struct api_source *source, struct api_options *options,
				  struct api_fault *fault)
{
	for (size_t i = 0; i < ROWS; i++) {
		const json_t *node = json_object_get(members, rows[i].name);
		enum api_problem problem;

		if (!node || !rows[i].read)
			continue;

		const struct api_source *at = api_source_member(ev->arena, source, rows[i].name);
		if (!at)
			return api_fail_memory(ev, fault);
		if ((problem = rows[i].read(ev, node, at, options, fault)))
			return problem;
	}
	return API_PROBLEM_NONE;
}

/* ---- Unknown members ------------------------------------------------------ */

static bool is_renamed_input(const struct api_term *term, const char *name)
{
	const char *role;
	json_t *member;

	json_object_foreach((json_t *)term->renames, role, member)
	{
		if (json_is_string(member) && !strcmp(json_string_value(member), name))
			return true;
	}
	return false;
}

static bool is_read(const struct api_item *item, const char *name)
{
	enum loss_role role = loss_role_find(name);

	for (size_t i = 0; i < item->term_count; i++) {
		const struct api_term *term = &item->terms[i];

		if (role != LOSS_ROLE_NONE && loss_input_find(term->spec.loss, role) >= 0)
			return true;
		if (is_renamed_input(term, name))
			return true;
	}
	return false;
}

/* A name of the defaults need not be read by every item, nor even by one: only
 * be the name of an input at all. */
static bool is_read_somewhere(const struct api_evaluation *ev, const char *name)
{
	if (loss_role_find(name) != LOSS_ROLE_NONE)
		return true;
	for (size_t i = 0; i < ev->item_count; i++)
		if (is_read(&ev->items[i], name))
			return true;
	return false;
}

static const char *loss_with_parameter(const struct api_item *item, const char *name)
{
	const struct loss_param_row *row;
	bool is_common;

	for (size_t i = 0; item && i < item->term_count; i++)
		for (size_t k = 0; (row = loss_param_at(item->terms[i].spec.loss, k, &is_common));
		     k++)
			if (!strcmp(row->name, name))
				return item->terms[i].spec.loss->name;
	return NULL;
}

/* The nearest of the names that could stand here. */
static const char *nearest(const struct api_item *item, const char *name)
{
	const char *names[ROWS + LOSS_ROLE_COUNT];
	size_t count = 0;

	for (size_t i = 0; i < ROWS; i++)
		if (!item || rows[i].in_item)
			names[count++] = rows[i].name;
	for (int role = 0; role < LOSS_ROLE_COUNT; role++)
		if (!item || is_read(item, loss_role_name((enum loss_role)role)))
			names[count++] = loss_role_name((enum loss_role)role);
	return loss_nearest_of(name, names, count);
}

static enum api_problem unknown(const struct api_item *item, const char *name,
				const struct api_source *source, struct api_fault *fault)
{
	const char *loss = loss_with_parameter(item, name);
	const char *near = nearest(item, name);

	if (api_member_find(name))
		return api_source_fail_member(source, name, fault, API_UNKNOWN_MEMBER,
					      "cannot stand in an item of a batch");
	if (loss)
		return api_source_fail_member(source, name, fault, API_UNKNOWN_MEMBER,
					      "no such member; as a parameter of %s it belongs "
					      "inside \"loss\"",
					      loss);
	if (item && loss_role_find(name) != LOSS_ROLE_NONE)
		return api_source_fail_member(
			source, name, fault, API_UNKNOWN_MEMBER, "%s does not read it",
			item->is_sum ? "no term of the loss" : item->terms[0].spec.loss->name);
	if (near)
		return api_source_fail_member(source, name, fault, API_UNKNOWN_MEMBER,
					      "no such member; did you mean \"%s\"?", near);
	return api_source_fail_member(source, name, fault, API_UNKNOWN_MEMBER, "no such member");
}

enum api_problem api_members_check(struct api_evaluation *ev, const struct api_item *item,
				   const json_t *members, const struct api_source *source,
				   struct api_fault *fault)
{
	bool is_item_of_batch = item && ev->is_batch;
	const char *name;
	json_t *node;

	json_object_foreach((json_t *)members, name, node)
	{
		const struct api_member_row *row = api_member_find(name);
		bool is_known = row    ? row->in_item || !is_item_of_batch
				: item ? is_read(item, name)
				       : is_read_somewhere(ev, name);

		if (!is_known)
			return unknown(item, name, source, fault);
	}
	return API_PROBLEM_NONE;
}

enum api_problem api_members_known(const json_t *node, const struct api_source *source,
				   const char *const *names, struct api_fault *fault)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)node, name, value)
	{
		size_t i = 0;

		while (names[i] && strcmp(names[i], name))
			i++;
		if (!names[i])
			return api_source_fail_member(source, name, fault, API_UNKNOWN_MEMBER,
						      "no such member");
	}
	return API_PROBLEM_NONE;
}
