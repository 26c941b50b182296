/* Between the numbers and the kernels: each item is checked, laid out and given
 * its memory. */
#include <string.h>

#include "evaluation.h"

/* ---- Inputs --------------------------------------------------------------- */

/* A tensor that could not be read is the fault of every item that reads it. */
static enum api_problem check_tensor(const struct api_tensor *tensor, struct api_fault *fault)
{
	if (!tensor || !tensor->fault)
		return API_PROBLEM_NONE;
	*fault = *tensor->fault;
	return fault->problem;
}

static enum api_problem check_numbers(const struct api_term *term, struct api_fault *fault)
{
	enum api_problem problem = API_PROBLEM_NONE;

	for (int i = 0; i < term->operand_count && !problem; i++) {
		const struct api_operand *operand = &term->operands[i];

		problem = check_tensor(operand->tensor, fault);
		if (!problem && operand->weights)
			problem = check_tensor(operand->weights->counts, fault);
	}
	return problem;
}

static enum api_problem make_weights(struct api_evaluation *ev, struct api_term *term,
				     struct api_fault *fault)
{
	enum api_problem problem = API_PROBLEM_NONE;

	for (int i = 0; i < term->operand_count && !problem; i++)
		if (term->operands[i].weights)
			problem = api_class_weights_make(ev, term, &term->operands[i], fault);
	return problem;
}

/* A term of weight 0 selects: its gradient, which may be infinite, is not taken. */
static bool is_differentiated(const struct api_term *term, const struct api_operand *operand)
{
	return operand->gradient >= 0 && term->weight != 0;
}

int api_term_inputs(const struct api_term *term, struct loss_input in[LOSS_INPUTS_MAX])
{
	for (int i = 0; i < term->operand_count; i++) {
		const struct api_operand *operand = &term->operands[i];

		in[i] = (struct loss_input){
			.role = operand->role,
			.tensor = operand->tensor->value,
			.differentiate = is_differentiated(term, operand),
		};
	}
	return term->operand_count;
}

static enum api_problem plan_term(const struct api_item *item, struct api_term *term,
				  struct api_fault *fault)
{
	struct loss_input in[LOSS_INPUTS_MAX];
	struct loss_error err;

	for (int i = 0; i < term->operand_count; i++)
		term->look.narrowed[i] = (int64_t)term->operands[i].tensor->stats.narrowed;
	if (loss_plan_init(&term->plan, &term->spec, in, api_term_inputs(term, in), &err))
		return api_loss_fail(term, item, &err, fault);
	return API_PROBLEM_NONE;
}

/* ---- Outputs -------------------------------------------------------------- */

/* Bytes of a tensor, which an input of as many elements has proved to fit. */
static size_t tensor_bytes(const struct loss_tensor *tensor)
{
	return (size_t)loss_tensor_elements(tensor) * loss_dtype_bytes(tensor->dtype);
}

static enum api_problem make_gradients(struct api_evaluation *ev, struct api_item *item,
				       struct api_fault *fault)
{
	for (size_t i = 0; i < item->gradient_count; i++) {
		struct api_gradient *gradient = &item->gradients[i];

		gradient->tensor = gradient->operand->tensor->value;
		gradient->data =
			api_arena_alloc_aligned64(ev->arena, tensor_bytes(&gradient->tensor));
		if (!gradient->data)
			return api_fail_memory(ev, fault);
		gradient->tensor.data = gradient->data;
	}
	return API_PROBLEM_NONE;
}

static void take_gradients(struct api_item *item, struct api_term *term)
{
	for (int i = 0; i < term->operand_count; i++) {
		const struct api_operand *operand = &term->operands[i];

		if (!is_differentiated(term, operand))
			continue;

		struct api_gradient *gradient = &item->gradients[operand->gradient];
		term->outputs.gradients[i] = gradient->data;
		term->outputs.accumulate[i] = gradient->is_written;
		gradient->is_written = true;
	}
}

/* What only terms of weight 0 read has a gradient of 0. */
static void clear_unwritten(struct api_item *item)
{
	for (size_t i = 0; i < item->gradient_count; i++)
		if (!item->gradients[i].is_written)
			memset(item->gradients[i].data, 0,
			       tensor_bytes(&item->gradients[i].tensor));
}

static struct loss_tensor unreduced(const struct api_term *term)
{
	struct loss_tensor tensor = {.dtype = term->spec.dtype, .rank = term->plan.loss_rank};

	memcpy(tensor.shape, term->plan.loss_shape, sizeof tensor.shape);
	return tensor;
}

static enum api_problem make_outputs(struct api_evaluation *ev, struct api_item *item,
				     struct api_term *term, struct api_fault *fault)
{
	struct loss_tensor losses = unreduced(term);

	term->outputs.scale = term->weight;
	term->outputs.scratch = api_arena_alloc_aligned64(ev->arena, term->plan.scratch_bytes);
	if (!term->outputs.scratch)
		return api_fail_memory(ev, fault);
	take_gradients(item, term);
	if (term->spec.common.reduction != LOSS_NONE &&
	    item->options.diagnostics != API_DIAGNOSTICS_FULL)
		return API_PROBLEM_NONE;
	/* A full diagnosis reads them, which saves it an evaluation. */
	term->outputs.losses = api_arena_alloc_aligned64(ev->arena, tensor_bytes(&losses));
	if (!term->outputs.losses)
		return api_fail_memory(ev, fault);
	losses.data = term->outputs.losses;
	if (term->spec.common.reduction == LOSS_NONE)
		item->losses = losses;
	return API_PROBLEM_NONE;
}

/* ---- Items ---------------------------------------------------------------- */

static enum api_problem plan_item(struct api_evaluation *ev, struct api_item *item,
				  struct api_fault *fault)
{
	enum api_problem problem = API_PROBLEM_NONE;

	for (size_t i = 0; i < item->term_count && !problem; i++) {
		struct api_term *term = &item->terms[i];

		if ((problem = check_numbers(term, fault)) ||
		    (problem = make_weights(ev, term, fault)) ||
		    (problem = plan_term(item, term, fault)))
			return problem;
		item->elements += term->plan.elements;
	}
	if (ev->reply->is_plan)
		return API_PROBLEM_NONE;
	problem = make_gradients(ev, item, fault);
	for (size_t i = 0; i < item->term_count && !problem; i++)
		problem = make_outputs(ev, item, &item->terms[i], fault);
	if (!problem)
		clear_unwritten(item);
	return problem;
}

enum api_problem api_items_plan(struct api_evaluation *ev, struct api_fault *fault)
{
	for (size_t i = 0; i < ev->item_count; i++) {
		struct api_item *item = &ev->items[i];

		if (!item->fault && plan_item(ev, item, fault) && api_item_fail(ev, item, fault))
			return fault->problem;
	}
	return API_PROBLEM_NONE;
}
