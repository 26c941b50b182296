/* Class weights from counts: {"from": "inverse_log_frequency", "counts": [...]},
 * or counted from the targets of the request itself. */
#include <string.h>

#include "evaluation.h"

/* ---- Reading -------------------------------------------------------------- */

static enum api_problem unknown(const char *name, const struct api_source *source,
				struct api_fault *fault)
{
	const struct loss_param_row *row;
	const char *names[16] = {"counts"};
	size_t count = 1;

	for (size_t i = 0; count < 16 && (row = loss_weight_param_at(i)); i++)
		names[count++] = row->name;

	const char *near = loss_nearest_of(name, names, count);
	if (near)
		return api_source_fail_member(
			source, name, fault, API_UNKNOWN_MEMBER,
			"class weights have no such member; did you mean \"%s\"?", near);
	return api_source_fail_member(source, name, fault, API_UNKNOWN_MEMBER,
				      "class weights have no such member");
}

static bool is_param(const char *name)
{
	const struct loss_param_row *row;

	for (size_t i = 0; (row = loss_weight_param_at(i)); i++)
		if (!strcmp(row->name, name))
			return true;
	return false;
}

static enum api_problem read_param(struct api_evaluation *ev, const char *name, const json_t *node,
				   struct api_class_weights *made, struct api_fault *fault)
{
	struct loss_value value;
	struct loss_error err;
	enum loss_code code;

	if (!is_param(name))
		return unknown(name, made->source, fault);
	if (!api_value_read(&ev->doc, node, &value))
		return api_source_fail_member(made->source, name, fault, API_WRONG_TYPE,
					      "%s, expected a single value",
					      api_found(&ev->doc, node));
	code = loss_weight_set(&made->params, name, value, &err);

	if (code)
		return api_source_fail_member(made->source, name, fault, api_problem_of_loss(code),
					      "%s", err.text);
	return API_PROBLEM_NONE;
}

static enum api_problem read_counts(struct api_evaluation *ev, const json_t *node,
				    struct api_class_weights *made, struct api_fault *fault)
{
	const struct api_source *source = api_source_member(ev->arena, made->source, "counts");

	if (!source)
		return api_fail_memory(ev, fault);
	return api_tensor_find(ev, node, source, LOSS_FLOAT64, &made->counts, fault);
}

enum api_problem api_class_weights_read(struct api_evaluation *ev, const json_t *node,
					const struct api_source *source,
					const struct api_class_weights **weights,
					struct api_fault *fault)
{
	struct api_class_weights *made = api_arena_alloc(ev->arena, sizeof *made);
	enum api_problem problem = API_PROBLEM_NONE;
	const char *name;
	json_t *value;

	if (!made)
		return api_fail_memory(ev, fault);
	*made = (struct api_class_weights){.source = source};
	loss_weight_init(&made->params);
	json_object_foreach((json_t *)node, name, value)
	{
		problem = strcmp(name, "counts") ? read_param(ev, name, value, made, fault)
						 : read_counts(ev, value, made, fault);
		if (problem)
			return problem;
	}
	*weights = made;
	return API_PROBLEM_NONE;
}

/* ---- Counting ------------------------------------------------------------- */

/* The value of an integer parameter of the loss's own; false if it has none. */
static bool find_integer(const struct loss_spec *spec, const char *name, int64_t *value)
{
	for (int i = 0; i < spec->loss->param_count; i++) {
		const struct loss_param_row *row = &spec->loss->params[i];

		if (row->kind != LOSS_PARAM_INTEGER || strcmp(row->name, name))
			continue;
		memcpy(value, spec->params + row->offset, sizeof *value);
		return true;
	}
	return false;
}

static const struct api_operand *find_indices(const struct api_term *term)
{
	for (int i = 0; i < term->operand_count; i++) {
		const struct api_operand *operand = &term->operands[i];

		if (operand->row->shape == LOSS_SHAPE_TARGETS && operand->tensor &&
		    operand->tensor->value.dtype == LOSS_INT64)
			return operand;
	}
	return NULL;
}

/* Indices out of range are left to the evaluation, which refuses them. */
static enum api_problem count_targets(const struct api_term *term,
				      const struct api_class_weights *rule, int64_t *counts,
				      int64_t c, struct api_fault *fault)
{
	const struct api_operand *targets = find_indices(term);
	int64_t ignored = 0;
	bool has_ignored = find_integer(&term->spec, "ignore_index", &ignored);

	if (!targets)
		return api_source_fail_member(rule->source, "counts", fault, API_MISSING_MEMBER,
					      "missing; only class indices can be counted, and the "
					      "targets are none");

	const int64_t *index = targets->tensor->value.data;
	int64_t n = loss_tensor_elements(&targets->tensor->value);

	memset(counts, 0, (size_t)c * sizeof *counts);
	for (int64_t i = 0; i < n; i++)
		if (index[i] >= 0 && index[i] < c && !(has_ignored && index[i] == ignored))
			counts[index[i]]++;
	return API_PROBLEM_NONE;
}

static enum api_problem check_counts(const struct api_class_weights *rule, int64_t c,
				     struct api_fault *fault)
{
	const struct loss_tensor *given = &rule->counts->value;

	if (given->rank != 1 || given->shape[0] != c)
		return api_source_fail_member(rule->source, "counts", fault, API_SHAPE_MISMATCH,
					      "%lld given, expected %lld, one a class",
					      (long long)loss_tensor_elements(given), (long long)c);
	return API_PROBLEM_NONE;
}

/* Whether what would be counted is no more than a shape. */
static bool is_bare(const struct api_term *term, const struct api_class_weights *rule)
{
	const struct api_operand *targets = find_indices(term);

	return rule->counts ? !rule->counts->value.data : targets && !targets->tensor->value.data;
}

static enum api_problem take_counts(const struct api_class_weights *rule, int64_t *counts,
				    int64_t c, struct api_fault *fault)
{
	const double *count = rule->counts->value.data;

	for (int64_t k = 0; k < c; k++) {
		const struct api_source list = {.parent = rule->source, .name = "counts"};
		const struct api_source at = {.parent = &list, .index = (uint64_t)k};

		if (!(count[k] >= 0 && count[k] <= 0x1p53 && count[k] == (double)(int64_t)count[k]))
			return api_source_fail(&at, fault, API_OUT_OF_RANGE,
					       "%.9g, expected a count: an integer of at least 0",
					       count[k]);
		counts[k] = (int64_t)count[k];
	}
	return API_PROBLEM_NONE;
}

/* ---- Making --------------------------------------------------------------- */

/* Classes of the prediction; -1 where it has no class axis, which the plan will
 * say in its own words. */
static int64_t count_classes(const struct api_term *term)
{
	const struct loss_tensor *prediction = &term->operands[0].tensor->value;
	const struct loss_maybe *given = &term->spec.common.class_axis;
	double axis = given->set ? given->value : prediction->rank == 1 ? 0 : 1;

	axis += axis < 0 ? prediction->rank : 0;
	if (!(axis >= 0 && axis < prediction->rank) || axis != (double)(int)axis)
		return -1;
	return prediction->shape[(int)axis];
}

static void narrow(const double *weights, int64_t c, float *out)
{
	for (int64_t k = 0; k < c; k++)
		out[k] = (float)weights[k];
}

enum api_problem api_class_weights_make(struct api_evaluation *ev, struct api_term *term,
					struct api_operand *operand, struct api_fault *fault)
{
	const struct api_class_weights *rule = operand->weights;
	int64_t c = count_classes(term);
	size_t room = c > 0 ? (size_t)c : 0;
	struct api_tensor *made = api_arena_alloc(ev->arena, sizeof *made);
	int64_t *counts = api_arena_array(ev->arena, room, sizeof *counts);
	double *weights = api_arena_alloc_aligned64(ev->arena, room * sizeof *weights);
	float *narrowed = api_arena_alloc_aligned64(ev->arena, room * sizeof *narrowed);
	bool is_narrow = term->spec.dtype == LOSS_FLOAT32;
	struct loss_error err;
	enum api_problem problem;
	enum loss_code code;

	if (!made || !counts || !weights || !narrowed)
		return api_fail_memory(ev, fault);
	*made = (struct api_tensor){
		.source = rule->source,
		.value = {is_narrow ? (void *)narrowed : weights,
			  term->spec.dtype,
			  1,
			  {(int64_t)room}},
	};
	operand->tensor = term->weights_used = made;
	if (c < 0)
		return API_PROBLEM_NONE;
	if (rule->counts && check_counts(rule, c, fault))
		return fault->problem;
	if (is_bare(term, rule)) {
		made->value.data = NULL;
		return API_PROBLEM_NONE;
	}
	problem = rule->counts ? take_counts(rule, counts, c, fault)
			       : count_targets(term, rule, counts, c, fault);
	if (problem)
		return problem;
	code = loss_class_weights(&rule->params, counts, c, weights, &err);
	if (code)
		return api_source_fail_member(rule->source, err.member, fault,
					      api_problem_of_loss(code), "%s", err.text);
	narrow(weights, c, narrowed);
	return API_PROBLEM_NONE;
}
