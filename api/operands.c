/*
 * Which members of a request a term reads.
 *
 * A row of the loss may be given under its role, a form of it (probs for
 * logits), or another name (target).  Where several places give it, the nearest
 * counts: a name that the term's "inputs" chose, then the item, then the
 * defaults beside a batch.  Two in one place are a conflict, and so are class
 * weights both in the loss object and beside the inputs.
 */
#include <stdio.h>
#include <string.h>

#include "evaluation.h"

static const char *const role_aliases[LOSS_ROLE_COUNT] = {
#define X(name, text, alias, doc) [LOSS_ROLE_##name] = alias,
	LOSS_ROLES(X)
#undef X
};

const char *api_role_alias(enum loss_role role)
{
	return role_aliases[role];
}

/* ---- Looking for a row ---------------------------------------------------- */

/* What was found for a row in one place. */
struct found {
	enum loss_role role;
	const char *member;
	const json_t *node;
	const struct api_source *parent;
	bool renamed;
};

/* A place to look in: an object, and what a role is called there. */
struct place {
	const json_t *members;
	const struct api_source *source;
	const json_t *renames; /* NULL: roles have their own names */
};

static uint32_t roles_of(const struct loss_input_row *row)
{
	return UINT32_C(1) << row->role | row->forms | row->aliases;
}

static enum api_problem found_again(const struct found *first, const char *member,
				    const struct api_source *source, struct api_fault *fault)
{
	const struct api_source at = {.parent = first->parent, .name = first->member};
	char path[API_SOURCE_BYTES_MAX];

	return api_source_fail_member(source, member, fault, API_CONFLICTING_INPUTS,
				      "stands for the same input as %s; give one of them",
				      api_source_path(&at, path));
}

/* One name of a role. null is the same as nothing. */
static enum api_problem look_for_name(const struct place *place, enum loss_role role,
				      const char *name, struct found *found,
				      struct api_fault *fault)
{
	const json_t *rename = place->renames ? json_object_get(place->renames, name) : NULL;
	const char *member = rename ? json_string_value(rename) : name;
	const json_t *node =
		place->renames && !rename ? NULL : json_object_get(place->members, member);

	if (!node || json_is_null(node))
		return API_PROBLEM_NONE;
	if (found->node)
		return found_again(found, member, place->source, fault);
	*found = (struct found){role, member, node, place->source, rename != NULL};
	return API_PROBLEM_NONE;
}

static enum api_problem look_in(const struct place *place, const struct loss_input_row *row,
				struct found *found, struct api_fault *fault)
{
	uint32_t roles = roles_of(row);

	for (int role = 0; role < LOSS_ROLE_COUNT; role++) {
		enum loss_role one = (enum loss_role)role;
		enum api_problem problem;

		if (!(roles & UINT32_C(1) << role))
			continue;
		if ((problem = look_for_name(place, one, loss_role_name(one), found, fault)))
			return problem;
		if (!*role_aliases[role])
			continue;
		if ((problem = look_for_name(place, one, role_aliases[role], found, fault)))
			return problem;
	}
	return API_PROBLEM_NONE;
}

/* A rename must lead somewhere. */
static enum api_problem check_renames(const struct api_evaluation *ev, const struct api_item *item,
				      const struct api_term *term, struct api_fault *fault)
{
	const char *role;
	json_t *member;

	json_object_foreach((json_t *)term->renames, role, member)
	{
		const char *name = json_string_value(member);
		const json_t *node = json_object_get(item->members, name);

		node = node ? node : json_object_get(ev->defaults, name);
		if (!node || json_is_null(node))
			return api_source_fail_member(item->source, name, fault, API_MISSING_INPUT,
						      "missing; %s reads its %s from there",
						      term->spec.loss->name, role);
	}
	return API_PROBLEM_NONE;
}

static enum api_problem find_row(const struct api_evaluation *ev, const struct api_item *item,
				 const struct api_term *term, const struct loss_input_row *row,
				 struct found *found, struct api_fault *fault)
{
	const struct place places[] = {
		{term->renames ? item->members : NULL, item->source, term->renames},
		{term->renames ? ev->defaults : NULL, &ev->root, term->renames},
		{item->members, item->source, NULL},
		{ev->defaults, &ev->root, NULL},
	};
	enum api_problem problem = API_PROBLEM_NONE;

	*found = (struct found){0};
	if (api_row_is_in_spec(row) && term->own) {
		const struct place loss = {term->own, term->source, NULL};
		struct found inside = {0};

		problem = look_in(&loss, row, &inside, fault);
		*found = inside;
	}
	for (size_t i = 0; i < sizeof places / sizeof places[0] && !problem; i++) {
		struct found here = {0};

		if (places[i].members)
			problem = look_in(&places[i], row, &here, fault);
		if (problem || !here.node)
			continue;
		if (found->node)
			return found_again(found, here.member, here.parent, fault);
		*found = here;
		break;
	}
	return problem;
}

/* ---- Their numbers -------------------------------------------------------- */

/* Class indices or reals: where a row takes both, the number of axes decides. */
static enum api_problem dtype_of(struct api_evaluation *ev, const struct api_term *term,
				 const struct api_operand *operand, enum loss_dtype *dtype,
				 struct api_fault *fault)
{
	int64_t shape[LOSS_RANK_MAX];
	enum api_problem problem;
	int rank;

	*dtype = operand->row->kind == LOSS_KIND_INDEX ? LOSS_INT64 : term->spec.dtype;
	if (operand->row->kind != LOSS_KIND_CLASSES)
		return API_PROBLEM_NONE;
	problem = api_tensor_shape(ev, operand->node, operand->source, &rank, shape, fault);
	if (!problem && term->operand_count > 0 && rank != term->operands[0].tensor->value.rank)
		*dtype = LOSS_INT64;
	return problem;
}

static enum api_problem add_operand(struct api_evaluation *ev, struct api_term *term,
				    const struct loss_input_row *row, const struct found *found,
				    struct api_fault *fault)
{
	struct api_operand *operand = &term->operands[term->operand_count];
	enum api_problem problem;
	enum loss_dtype dtype;

	*operand = (struct api_operand){
		.role = found->role,
		.row = row,
		.node = found->node,
		.member = found->member,
		.renamed = found->renamed,
		.source = api_source_member(ev->arena, found->parent, found->member),
		.gradient = -1,
	};
	if (!operand->source)
		return api_fail_memory(ev, fault);
	if (row->shape == LOSS_SHAPE_PER_CLASS && json_object_get(found->node, "from"))
		problem = api_class_weights_read(ev, found->node, operand->source,
						 &operand->weights, fault);
	else if (!(problem = dtype_of(ev, term, operand, &dtype, fault)))
		problem = api_tensor_find(ev, found->node, operand->source, dtype, &operand->tensor,
					  fault);
	term->operand_count += !problem;
	return problem;
}

/* What a row may be given as, for the sentence that it is missing. */
static void list_roles(char *list, size_t bytes, const struct loss_input_row *row)
{
	uint32_t roles = roles_of(row) & ~(UINT32_C(1) << row->role);
	size_t used = (size_t)snprintf(list, bytes, "%s", loss_role_name(row->role));

	for (int role = 0; role < LOSS_ROLE_COUNT && used < bytes; role++)
		if (roles & UINT32_C(1) << role)
			used += (size_t)snprintf(list + used, bytes - used, " or %s",
						 loss_role_name((enum loss_role)role));
}

static enum api_problem missing(const struct api_item *item, const struct api_term *term,
				const struct loss_input_row *row, struct api_fault *fault)
{
	char list[120];

	list_roles(list, sizeof list, row);
	return api_source_fail_member(item->source, loss_role_name(row->role), fault,
				      API_MISSING_INPUT, "missing; %s reads %s",
				      term->spec.loss->name, list);
}

enum api_problem api_operands_read(struct api_evaluation *ev, struct api_item *item,
				   struct api_term *term, struct api_fault *fault)
{
	enum api_problem problem = check_renames(ev, item, term, fault);
	const struct loss_input_row *row;
	struct found found;

	/* The prediction is row 0: its shape tells what the targets are. */
	for (size_t i = 0; !problem && (row = loss_input_at(term->spec.loss, i)); i++) {
		if ((problem = find_row(ev, item, term, row, &found, fault)))
			break;
		if (found.node)
			problem = add_operand(ev, term, row, &found, fault);
		else if (!row->optional)
			problem = missing(item, term, row, fault);
	}
	return problem;
}

/* ---- Gradients ------------------------------------------------------------ */

static bool is_prediction(const struct api_term *term, const struct api_operand *operand)
{
	return operand->row == loss_input_at(term->spec.loss, 0);
}

static bool has_gradient(const struct api_term *term, const struct api_operand *operand)
{
	return operand->tensor && operand->tensor->value.dtype != LOSS_INT64 &&
	       (operand->row->differentiable || is_prediction(term, operand));
}

/* Makes `operand` differentiable, adding to the gradient of its member if
 * another operand has one already. */
static enum api_problem want(struct api_item *item, struct api_term *term,
			     struct api_operand *operand, const struct api_source *source,
			     struct api_fault *fault)
{
	if (operand->gradient >= 0)
		return API_PROBLEM_NONE;
	for (size_t i = 0; i < item->gradient_count; i++)
		if (item->gradients[i].operand->node == operand->node)
			operand->gradient = (int)i;
	if (operand->gradient < 0) {
		item->gradients[item->gradient_count] = (struct api_gradient){.operand = operand};
		operand->gradient = (int)item->gradient_count++;
		return API_PROBLEM_NONE;
	}
	/* Terms add up one after another; two inputs of one term would race. */
	for (int i = 0; i < term->operand_count; i++) {
		const struct api_operand *other = &term->operands[i];

		if (other != operand && other->gradient == operand->gradient)
			return api_source_fail(
				source, fault, API_CONFLICTING_INPUTS,
				"\"%.60s\" is both %s and %s of %s: that gradient is "
				"not offered",
				operand->member, loss_role_name(other->role),
				loss_role_name(operand->role), term->spec.loss->name);
	}
	return API_PROBLEM_NONE;
}

static enum api_problem want_predictions(struct api_item *item, const struct api_source *source,
					 struct api_fault *fault)
{
	enum api_problem problem = API_PROBLEM_NONE;

	for (size_t i = 0; i < item->term_count; i++) {
		struct api_term *term = &item->terms[i];

		for (int k = 0; k < term->operand_count && !problem; k++)
			if (is_prediction(term, &term->operands[k]) ||
			    term->operands[k].row->predicted)
				problem = want(item, term, &term->operands[k], source, fault);
	}
	return problem;
}

static bool is_called(const struct api_operand *operand, const char *name)
{
	return !strcmp(operand->member, name) ||
	       (!operand->renamed && loss_role_find(name) == operand->role);
}

static enum api_problem no_such_input(const struct api_item *item, const char *name,
				      const struct api_source *source, struct api_fault *fault)
{
	const char *names[64];
	const size_t most = sizeof names / sizeof names[0];
	size_t count = 0;

	for (size_t i = 0; i < item->term_count; i++)
		for (int k = 0; k < item->terms[i].operand_count && count < most; k++)
			names[count++] = item->terms[i].operands[k].member;

	const char *near = loss_nearest_of(name, names, count);
	if (near)
		return api_source_fail(
			source, fault, API_UNKNOWN_MEMBER,
			"\"%.60s\" is no input of this request; did you mean \"%.60s\"?", name,
			near);
	return api_source_fail(source, fault, API_UNKNOWN_MEMBER,
			       "\"%.60s\" is no input of this request", name);
}

static enum api_problem want_name(struct api_item *item, const char *name,
				  const struct api_source *source, struct api_fault *fault)
{
	bool is_known = false;

	for (size_t i = 0; i < item->term_count; i++) {
		struct api_term *term = &item->terms[i];

		for (int k = 0; k < term->operand_count; k++) {
			struct api_operand *operand = &term->operands[k];

			if (!is_called(operand, name))
				continue;
			is_known = true;
			if (!has_gradient(term, operand))
				return api_source_fail(
					source, fault, API_NOT_DIFFERENTIABLE,
					"%s has no gradient with respect to \"%.60s\"",
					term->spec.loss->name, name);
			if (want(item, term, operand, source, fault))
				return fault->problem;
		}
	}
	return is_known ? API_PROBLEM_NONE : no_such_input(item, name, source, fault);
}

static enum api_problem make_gradients(struct api_evaluation *ev, struct api_item *item,
				       struct api_fault *fault)
{
	size_t most = 0;

	for (size_t i = 0; i < item->term_count; i++)
		most += (size_t)item->terms[i].operand_count;
	item->gradients = api_arena_array(ev->arena, most, sizeof *item->gradients);
	return item->gradients ? API_PROBLEM_NONE : api_fail_memory(ev, fault);
}

enum api_problem api_gradients_read(struct api_evaluation *ev, struct api_item *item,
				    struct api_fault *fault)
{
	const json_t *wanted = item->options.gradient;
	const struct api_source *source = item->options.gradient_source;
	size_t index;
	json_t *name;

	if (json_is_false(wanted) || (wanted && api_document_array(&ev->doc, wanted)))
		return API_PROBLEM_NONE;
	if (make_gradients(ev, item, fault))
		return fault->problem;
	if (!json_is_array(wanted))
		return want_predictions(item, source ? source : item->source, fault);
	json_array_foreach(wanted, index, name)
	{
		const struct api_source *at = api_source_item(ev->arena, source, index);

		if (!at)
			return api_fail_memory(ev, fault);
		if (want_name(item, json_string_value(name), at, fault))
			return fault->problem;
	}
	return API_PROBLEM_NONE;
}
