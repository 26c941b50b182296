/* The loss of an item: a name, an object with parameters, or a sum of terms. */
#include <string.h>

#include "evaluation.h"

bool api_row_is_in_spec(const struct loss_input_row *row)
{
	return LOSS_ROLE_BIT(WEIGHT) == UINT32_C(1) << row->role ||
	       LOSS_ROLE_BIT(POS_WEIGHT) == UINT32_C(1) << row->role;
}

/* ---- Parameters ----------------------------------------------------------- */

bool api_value_read(const struct api_document *doc, const json_t *node, struct loss_value *value)
{
	*value = (struct loss_value){.kind = LOSS_VALUE_NULL};
	if (json_is_string(node) && !api_scalar_is_number(doc, node)) {
		value->kind = LOSS_VALUE_TEXT;
		value->text = json_string_value(node);
	} else if (json_is_boolean(node)) {
		value->kind = LOSS_VALUE_BOOL;
		value->integer = json_is_true(node);
	} else if (json_is_integer(node)) {
		value->kind = LOSS_VALUE_INTEGER;
		value->integer = json_integer_value(node);
		value->real = (double)value->integer;
	} else if (!json_is_null(node)) {
		value->kind = LOSS_VALUE_REAL;
		return api_scalar_is_number(doc, node) &&
		       !api_scalar_read(doc, node, LOSS_FLOAT64, &value->real, "", NULL, NULL);
	}
	return true;
}

static enum api_problem unknown_parameter(const struct api_term *term, const char *name,
					  struct api_fault *fault)
{
	const struct loss *loss = term->spec.loss;
	const struct loss_param_row *param;
	const struct loss_input_row *input;
	const char *names[64];
	size_t count = 0;
	bool is_common;

	for (size_t i = 0; count < 60 && (param = loss_param_at(loss, i, &is_common)); i++)
		names[count++] = param->name;
	for (size_t i = 0; count < 64 && (input = loss_input_at(loss, i)); i++)
		if (api_row_is_in_spec(input))
			names[count++] = loss_role_name(input->role);

	const char *near = loss_nearest_of(name, names, count);
	if (near)
		return api_source_fail_member(term->source, name, fault, API_UNKNOWN_PARAMETER,
					      "%s has no such parameter; did you mean \"%s\"?",
					      loss->name, near);
	if (loss_role_find(name) != LOSS_ROLE_NONE)
		return api_source_fail_member(term->source, name, fault, API_UNKNOWN_PARAMETER,
					      "%s has no such parameter; inputs stand beside "
					      "\"loss\", not inside it",
					      loss->name);
	return api_source_fail_member(term->source, name, fault, API_UNKNOWN_PARAMETER,
				      "%s has no such parameter", loss->name);
}

static bool has_parameter(const struct loss *loss, const char *name)
{
	const struct loss_param_row *row;
	bool is_common;

	for (size_t i = 0; (row = loss_param_at(loss, i, &is_common)); i++)
		if (!strcmp(row->name, name))
			return true;
	return false;
}

static bool has_input_in_spec(const struct loss *loss, const char *name)
{
	enum loss_role role = loss_role_find(name);
	int row = role == LOSS_ROLE_NONE ? -1 : loss_input_find(loss, role);

	return row >= 0 && api_row_is_in_spec(loss_input_at(loss, (size_t)row));
}

static enum api_problem read_parameters(struct api_evaluation *ev, struct api_item *item,
					struct api_term *term, struct api_fault *fault)
{
	const char *name;
	json_t *node;

	json_object_foreach((json_t *)term->own, name, node)
	{
		struct loss_error err;
		struct loss_value value;

		if (!strcmp(name, "name") || has_input_in_spec(term->spec.loss, name))
			continue;
		if (!has_parameter(term->spec.loss, name))
			return unknown_parameter(term, name, fault);
		if (!api_value_read(&ev->doc, node, &value))
			return api_source_fail_member(term->source, name, fault, API_WRONG_TYPE,
						      "%s, expected a single value",
						      api_found(&ev->doc, node));
		if (loss_param_set(&term->spec, name, value, &err))
			return api_loss_fail(term, item, &err, fault);
	}
	return API_PROBLEM_NONE;
}

/* ---- One loss ------------------------------------------------------------- */

static enum api_problem find_loss(const char *name, const struct api_source *source,
				  struct api_term *term, const struct api_options *options,
				  struct api_fault *fault)
{
	const struct loss *loss = loss_find(name);
	char text[200];

	if (!loss) {
		api_unknown_loss(text, sizeof text, name);
		return api_source_fail(source, fault, API_NOT_FOUND_LOSS, "%s", text);
	}
	loss_spec_init(&term->spec, loss);
	term->spec.dtype = options->dtype;
	term->spec.precision = options->precision;
	return API_PROBLEM_NONE;
}

/* A term of a plain loss: its name and parameters. */
static enum api_problem read_loss(struct api_evaluation *ev, struct api_item *item,
				  const json_t *node, const struct api_source *source,
				  struct api_term *term, struct api_fault *fault)
{
	enum api_problem problem;

	term->source = source;
	if (json_is_string(node) && !api_document_array(&ev->doc, node))
		return find_loss(json_string_value(node), source, term, &item->options, fault);
	if (!json_is_object(node))
		return api_source_fail(
			source, fault, API_WRONG_TYPE,
			"%s, expected the name of a loss, or an object with its \"name\"",
			api_found(&ev->doc, node));

	const json_t *name = json_object_get(node, "name");
	const struct api_source *at = api_source_member(ev->arena, source, "name");
	if (!at)
		return api_fail_memory(ev, fault);
	if (!name)
		return api_source_fail(source, fault, API_MISSING_MEMBER,
				       "\"name\" is missing: which loss?");
	if (!json_is_string(name) || api_document_array(&ev->doc, name))
		return api_source_fail(at, fault, API_WRONG_TYPE, "%s, expected the name of a loss",
				       api_found(&ev->doc, name));
	if ((problem = find_loss(json_string_value(name), at, term, &item->options, fault)))
		return problem;
	term->own = node;
	return read_parameters(ev, item, term, fault);
}

/* ---- Weighted sums -------------------------------------------------------- */

static enum api_problem read_term_weight(struct api_evaluation *ev, const json_t *node,
					 const struct api_source *source, struct api_term *term,
					 struct api_fault *fault)
{
	struct loss_value value;

	if (!node)
		return API_PROBLEM_NONE;
	if (!api_value_read(&ev->doc, node, &value) ||
	    (value.kind != LOSS_VALUE_INTEGER && value.kind != LOSS_VALUE_REAL))
		return api_source_fail_member(source, "weight", fault, API_WRONG_TYPE,
					      "%s, expected a number", api_found(&ev->doc, node));
	/* Written so that NaN fails. */
	if (!(value.real - value.real == 0))
		return api_source_fail_member(source, "weight", fault, API_OUT_OF_RANGE,
					      "expected a finite number");
	term->weight = value.real;
	return API_PROBLEM_NONE;
}

/* "inputs": {"logits": "mask_logits"}; the members are looked up with the others. */
static enum api_problem read_renames(struct api_evaluation *ev, const json_t *node,
				     const struct api_source *source, struct api_term *term,
				     struct api_fault *fault)
{
	const struct loss *loss = term->spec.loss;
	const char *name;
	json_t *member;

	if (!node)
		return API_PROBLEM_NONE;

	const struct api_source *at = api_source_member(ev->arena, source, "inputs");
	if (!at)
		return api_fail_memory(ev, fault);
	if (!json_is_object(node))
		return api_source_fail(at, fault, API_WRONG_TYPE,
				       "%s, expected an object of input names and members of the "
				       "request",
				       api_found(&ev->doc, node));
	json_object_foreach((json_t *)node, name, member)
	{
		enum loss_role role = loss_role_find(name);

		if (role == LOSS_ROLE_NONE || loss_input_find(loss, role) < 0)
			return api_source_fail_member(at, name, fault, API_UNKNOWN_MEMBER,
						      "%s does not read it", loss->name);
		if (!json_is_string(member) || api_document_array(&ev->doc, member))
			return api_source_fail_member(
				at, name, fault, API_WRONG_TYPE,
				"%s, expected the name of a member of the request",
				api_found(&ev->doc, member));
	}
	term->renames = node;
	return API_PROBLEM_NONE;
}

static enum api_problem check_term_members(const json_t *node, const struct api_source *source,
					   struct api_fault *fault)
{
	static const char *const known[] = {"weight", "loss", "inputs"};
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)node, name, value)
	{
		bool is_known = false;

		for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
			is_known = is_known || !strcmp(name, known[i]);
		if (!is_known)
			return api_source_fail_member(
				source, name, fault, API_UNKNOWN_MEMBER,
				"no such member; a term has \"weight\", \"loss\" and \"inputs\"");
	}
	return API_PROBLEM_NONE;
}

static enum api_problem read_term(struct api_evaluation *ev, struct api_item *item,
				  const json_t *node, const struct api_source *source,
				  struct api_term *term, struct api_fault *fault)
{
	enum api_problem problem;

	if (!json_is_object(node))
		return api_source_fail(source, fault, API_WRONG_TYPE,
				       "%s, expected an object with \"loss\" and \"weight\"",
				       api_found(&ev->doc, node));
	if ((problem = check_term_members(node, source, fault)))
		return problem;

	const json_t *loss = json_object_get(node, "loss");
	const struct api_source *at = api_source_member(ev->arena, source, "loss");
	if (!at)
		return api_fail_memory(ev, fault);
	if (!loss)
		return api_source_fail(source, fault, API_MISSING_MEMBER, "\"loss\" is missing");
	if (json_is_object(loss) && json_object_get(loss, "terms"))
		return api_source_fail(at, fault, API_WRONG_TYPE, "sums of terms do not nest");
	if ((problem =
		     read_term_weight(ev, json_object_get(node, "weight"), source, term, fault)) ||
	    (problem = read_loss(ev, item, loss, at, term, fault)))
		return problem;
	if (term->spec.common.reduction == LOSS_NONE)
		return api_source_fail(
			at, fault, API_OUT_OF_RANGE,
			"reduction \"none\", expected a reduced loss in a weighted sum");
	return read_renames(ev, json_object_get(node, "inputs"), source, term, fault);
}

static enum api_problem make_terms(struct api_evaluation *ev, struct api_item *item, size_t count,
				   struct api_fault *fault)
{
	/* Plans are aligned to 64 bytes. */
	struct api_term *terms =
		count > SIZE_MAX / sizeof *terms
			? NULL
			: api_arena_alloc_aligned64(ev->arena, count * sizeof *terms);

	if (!terms)
		return api_fail_memory(ev, fault);
	for (size_t i = 0; i < count; i++) {
		/* The plan is the larger part, and written by loss_plan_init(). */
		memset(&terms[i], 0, offsetof(struct api_term, plan));
		memset(&terms[i].is_evaluated, 0,
		       sizeof terms[i] - offsetof(struct api_term, is_evaluated));
		terms[i].weight = 1;
	}
	item->terms = terms;
	return API_PROBLEM_NONE;
}

static enum api_problem read_sum(struct api_evaluation *ev, struct api_item *item,
				 const json_t *node, const struct api_source *source,
				 struct api_fault *fault)
{
	const json_t *list = json_object_get(node, "terms");
	const struct api_source *at = api_source_member(ev->arena, source, "terms");
	const struct api_array *lifted = api_document_array(&ev->doc, list);
	size_t count = lifted ? 0 : json_array_size(list);
	const char *name;
	json_t *value;

	if (!at)
		return api_fail_memory(ev, fault);
	json_object_foreach((json_t *)node, name, value)
	{
		if (strcmp(name, "terms"))
			return api_source_fail_member(
				source, name, fault, API_UNKNOWN_PARAMETER,
				"a sum of terms has no parameters of its own; "
				"they stand in the loss of each term");
	}
	if (lifted ? lifted->numbers > 0 : !json_is_array(list))
		return api_source_fail(at, fault, API_WRONG_TYPE, "%s, expected a list of terms",
				       lifted ? "a list of numbers" : api_found(&ev->doc, list));
	if (count == 0 || count > ev->limits->terms) {
		api_source_fail(at, fault, API_OUT_OF_RANGE,
				"%zu terms, expected at least 1 and at most %llu", count,
				(unsigned long long)ev->limits->terms);
		api_fault_limit(fault, ev->limits->terms, count);
		return fault->problem;
	}
	if (make_terms(ev, item, count, fault))
		return fault->problem;
	item->is_sum = true;
	for (size_t i = 0; i < count; i++) {
		const struct api_source *term = api_source_item(ev->arena, at, i);

		if (!term)
			return api_fail_memory(ev, fault);
		if (read_term(ev, item, json_array_get(list, i), term, &item->terms[i], fault))
			return fault->problem;
		item->term_count = i + 1;
	}
	return API_PROBLEM_NONE;
}

enum api_problem api_spec_read(struct api_evaluation *ev, struct api_item *item,
			       struct api_fault *fault)
{
	const json_t *node = json_object_get(item->members, "loss");
	const struct api_source *parent = item->source;

	if (!node && ev->is_batch) {
		node = json_object_get(ev->defaults, "loss");
		parent = &ev->root;
	}
	if (!node)
		return api_source_fail(item->source, fault, API_MISSING_MEMBER,
				       "\"loss\" is missing: which loss?");

	const struct api_source *source = api_source_member(ev->arena, parent, "loss");
	if (!source)
		return api_fail_memory(ev, fault);
	if (json_is_object(node) && json_object_get(node, "terms"))
		return read_sum(ev, item, node, source, fault);
	if (make_terms(ev, item, 1, fault))
		return fault->problem;
	if (read_loss(ev, item, node, source, &item->terms[0], fault))
		return fault->problem;
	item->term_count = 1;
	return API_PROBLEM_NONE;
}
