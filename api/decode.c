/* A request document becomes items, their losses, and what those read. */
#include <string.h>

#include "evaluation.h"

/* ---- Faults --------------------------------------------------------------- */

bool api_problem_is_fatal(enum api_problem problem)
{
	return problem == API_SYNTAX || problem == API_MEMORY_FULL ||
	       problem == API_TOO_MUCH_MEMORY;
}

enum api_problem api_fail_memory(struct api_evaluation *ev, struct api_fault *fault)
{
	return api_fault_memory(fault, ev->arena);
}

enum api_problem api_item_fail(struct api_evaluation *ev, struct api_item *item,
			       struct api_fault *fault)
{
	if (!ev->is_batch || api_problem_is_fatal(fault->problem))
		return fault->problem;
	item->fault = api_arena_alloc(ev->arena, sizeof *item->fault);
	if (!item->fault)
		return api_fail_memory(ev, fault);
	*item->fault = *fault;
	return API_PROBLEM_NONE;
}

static const struct api_operand *find_operand(const struct api_term *term, const char *role)
{
	for (int i = 0; i < term->operand_count; i++)
		if (!strcmp(loss_role_name(term->operands[i].role), role))
			return &term->operands[i];
	return NULL;
}

static enum api_problem parameter_fail(const struct api_term *term, const struct loss_error *err,
				       struct api_fault *fault)
{
	const struct api_source member = {.parent = term->source, .name = err->member};
	enum api_problem problem = api_problem_of_loss(err->code);

	if (json_object_get(term->own, err->member))
		return api_source_fail_at(&member, err->at, fault, problem, err->text);
	return api_source_fail(term->source, fault, problem, "%s: %s", err->member, err->text);
}

enum api_problem api_loss_fail(const struct api_term *term, const struct api_item *item,
			       const struct loss_error *err, struct api_fault *fault)
{
	enum api_problem problem = api_problem_of_loss(err->code);
	const struct api_operand *operand = find_operand(term, err->member);

	if (err->is_param)
		return parameter_fail(term, err, fault);
	if (operand)
		return api_source_fail_at(operand->source, err->at, fault, problem, err->text);
	if (*err->member)
		return api_source_fail_member(item->source, err->member, fault, problem, "%s",
					      err->text);
	return api_source_fail(item->source, fault, problem, "%s", err->text);
}

const char *api_found(const struct api_document *doc, const json_t *node)
{
	const struct api_array *array = api_document_array(doc, node);

	if (array)
		return array->rank == 0 ? "a number" : "an array";
	switch (json_typeof(node)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		return "null";
	}
	return "something else";
}

/* ---- Sources -------------------------------------------------------------- */

const struct api_source *api_source_member(struct api_arena *arena, const struct api_source *parent,
					   const char *name)
{
	struct api_source *source = api_arena_alloc(arena, sizeof *source);

	if (source)
		*source = (struct api_source){.parent = parent, .name = name};
	return source;
}

const struct api_source *api_source_item(struct api_arena *arena, const struct api_source *parent,
					 uint64_t index)
{
	struct api_source *source = api_arena_alloc(arena, sizeof *source);

	if (source)
		*source = (struct api_source){.parent = parent, .index = index};
	return source;
}

/* ---- Items ---------------------------------------------------------------- */

static enum api_problem decode_inputs(struct api_evaluation *ev, struct api_item *item,
				      struct api_fault *fault)
{
	enum api_problem problem = api_members_check(ev, item, item->members, item->source, fault);

	for (size_t i = 0; i < item->term_count && !problem; i++)
		problem = api_operands_read(ev, item, &item->terms[i], fault);
	return problem ? problem : api_gradients_read(ev, item, fault);
}

enum api_problem api_item_decode(struct api_evaluation *ev, struct api_item *item,
				 struct api_fault *fault)
{
	enum api_problem problem;

	if (!json_is_object(item->members))
		return api_source_fail(item->source, fault, API_WRONG_TYPE,
				       "%s, expected an object: a request without \"batch\"",
				       api_found(&ev->doc, item->members));
	/* The reply to a batch echoes its own id; the items have theirs. */
	if (ev->is_batch) {
		item->options = ev->options;
		item->options.id = NULL;
	}
	if ((problem = api_options_read(ev, item->members, item->source, &item->options, fault)) ||
	    (problem = api_spec_read(ev, item, fault)))
		return problem;
	return decode_inputs(ev, item, fault);
}

static enum api_problem decode_items(struct api_evaluation *ev, struct api_fault *fault)
{
	for (size_t i = 0; i < ev->item_count; i++) {
		struct api_item *item = &ev->items[i];

		if (api_item_decode(ev, item, fault) && api_item_fail(ev, item, fault))
			return fault->problem;
	}
	return API_PROBLEM_NONE;
}

enum api_problem api_items_make(struct api_evaluation *ev, size_t count, struct api_fault *fault)
{
	ev->items = api_arena_array(ev->arena, count, sizeof *ev->items);
	if (!ev->items)
		return api_fail_memory(ev, fault);
	memset(ev->items, 0, count * sizeof *ev->items);
	ev->item_count = count;
	return API_PROBLEM_NONE;
}

static enum api_problem decode_single(struct api_evaluation *ev, struct api_fault *fault)
{
	if (api_items_make(ev, 1, fault))
		return fault->problem;
	ev->items[0].source = &ev->root;
	ev->items[0].members = ev->doc.root;
	ev->items[0].options = ev->options;
	return decode_items(ev, fault);
}

static enum api_problem decode_batch(struct api_evaluation *ev, const json_t *batch,
				     struct api_fault *fault)
{
	const struct api_source *source = api_source_member(ev->arena, &ev->root, "batch");
	const struct api_array *lifted = api_document_array(&ev->doc, batch);
	size_t count = lifted ? 0 : json_array_size(batch);

	if (!source)
		return api_fail_memory(ev, fault);
	if (lifted ? lifted->numbers > 0 : !json_is_array(batch))
		return api_source_fail(source, fault, API_WRONG_TYPE,
				       "%s, expected a list of requests",
				       lifted ? "a list of numbers" : api_found(&ev->doc, batch));
	if (count > ev->limits->batch_items) {
		api_source_fail(source, fault, API_OUT_OF_RANGE, "%zu items, expected at most %llu",
				count, (unsigned long long)ev->limits->batch_items);
		api_fault_limit(fault, ev->limits->batch_items, count);
		return fault->problem;
	}
	ev->is_batch = true;
	ev->defaults = ev->doc.root;
	if (api_options_read(ev, ev->doc.root, &ev->root, &ev->options, fault) ||
	    api_items_make(ev, count, fault))
		return fault->problem;
	for (size_t i = 0; i < count; i++) {
		ev->items[i].source = api_source_item(ev->arena, source, i);
		ev->items[i].members = json_array_get(batch, i);
		if (!ev->items[i].source)
			return api_fail_memory(ev, fault);
	}
	if (decode_items(ev, fault))
		return fault->problem;
	return api_members_check(ev, NULL, ev->doc.root, &ev->root, fault);
}

/* ---- The request ---------------------------------------------------------- */

enum api_problem api_decode_document(struct api_evaluation *ev, const char *text, size_t bytes,
				     struct api_fault *fault)
{
	enum api_problem problem =
		api_document_read(&ev->doc, ev->arena, text, bytes, ev->limits, fault);

	if (problem)
		return problem;
	ev->by_array = api_arena_array(ev->arena, ev->doc.array_count, sizeof(struct api_tensor *));
	if (!ev->by_array)
		return api_fail_memory(ev, fault);
	for (size_t i = 0; i < ev->doc.array_count; i++)
		ev->by_array[i] = NULL;
	ev->tensors_end = &ev->tensors;
	return API_PROBLEM_NONE;
}

void api_options_init(struct api_options *options)
{
	*options = (struct api_options){
		.diagnostics = API_DIAGNOSTICS_AUTO,
		.locations = 16,
	};
}

enum api_problem api_decode_items(struct api_evaluation *ev, struct api_fault *fault)
{
	const json_t *batch = json_object_get(ev->doc.root, "batch");

	api_options_init(&ev->options);
	return batch ? decode_batch(ev, batch, fault) : decode_single(ev, fault);
}

enum api_problem api_decode_request(struct api_evaluation *ev, struct api_fault *fault)
{
	enum api_problem problem = api_decode_items(ev, fault);

	return problem ? problem : api_tensors_complete(ev, fault);
}

enum api_problem api_decode(struct api_evaluation *ev, struct api_fault *fault)
{
	const struct api_request *request = &ev->call->request;
	enum api_problem problem =
		api_decode_document(ev, request->body, request->body_bytes, fault);

	return problem ? problem : api_decode_request(ev, fault);
}
