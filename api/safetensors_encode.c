/* A reply as a safetensors file.  The tensors are sent from where they were
 * computed; only the header is put together. */
#include <string.h>

#include "safetensors.h"

struct output {
	const char *name;
	struct loss_tensor tensor;
	size_t bytes;
	double reduced; /* room for a loss of either dtype */
};

struct outputs {
	struct output *list;
	size_t count;
	bool failed; /* for want of memory */
};

/* ---- What there is ----------------------------------------------------------- */

enum api_problem api_safetensors_encode_begin(struct api_evaluation *ev, struct api_fault *fault)
{
	api_jobs_begin(&ev->jobs, ev->arena);
	for (size_t i = 0; i < ev->item_count; i++)
		if (!ev->items[i].fault && !api_weights_begin(ev, &ev->items[i]))
			ev->jobs.failed = true;
	return ev->jobs.failed ? api_fail_memory(ev, fault) : API_PROBLEM_NONE;
}

/* "loss", or in a batch "3.loss"; NULL without memory. */
static const char *make_name(const struct api_evaluation *ev, size_t item, const char *name,
			     const char *member)
{
	if (ev->is_batch)
		return api_arena_printf(ev->arena, "%zu.%s%s", item, name, member);
	return api_arena_printf(ev->arena, "%s%s", name, member);
}

static void add_output(struct outputs *outputs, const char *name, const struct loss_tensor *tensor)
{
	struct output *output = &outputs->list[outputs->count++];

	output->name = name;
	output->tensor = *tensor;
	output->bytes = (size_t)loss_tensor_elements(tensor) * loss_dtype_bytes(tensor->dtype);
	outputs->failed = outputs->failed || !name;
}

static void add_item(const struct api_evaluation *ev, size_t index, struct outputs *outputs)
{
	const struct api_item *item = &ev->items[index];
	double *room = &outputs->list[outputs->count].reduced;
	struct loss_tensor loss = item->losses.data ? item->losses : api_loss_tensor(item, room, 0);

	add_output(outputs, make_name(ev, index, "loss", ""), &loss);
	for (size_t i = 0; i < item->gradient_count; i++) {
		const struct api_gradient *gradient = &item->gradients[i];

		add_output(outputs, make_name(ev, index, "gradient_", gradient->operand->member),
			   &gradient->tensor);
	}
}

static bool collect(const struct api_evaluation *ev, struct outputs *outputs)
{
	size_t count = 0;

	for (size_t i = 0; i < ev->item_count; i++)
		count += 1 + ev->items[i].gradient_count;
	*outputs = (struct outputs){
		.list = api_arena_array(ev->arena, count, sizeof *outputs->list),
	};
	for (size_t i = 0; i < ev->item_count && outputs->list; i++)
		if (!ev->items[i].fault)
			add_item(ev, i, outputs);
	return outputs->list && !outputs->failed;
}

/* ---- The header ---------------------------------------------------------------- */

/* The JSON beside the tensors, as a string of the arena; NULL without memory. */
static char *make_text(const struct api_evaluation *ev)
{
	const struct api_slice *slices;
	struct api_text text;
	size_t count, bytes;

	api_text_init(&text, ev->arena);
	api_results_write(&text, ev, api_result_write_rest);
	if (!api_text_end(&text, &slices, &count, &bytes))
		return NULL;

	char *whole = api_arena_alloc(ev->arena, bytes + 1);
	char *at = whole;
	for (size_t i = 0; whole && i < count; at += slices[i++].bytes)
		memcpy(at, slices[i].data, slices[i].bytes);
	if (whole)
		*at = '\0';
	return whole;
}

static void write_tensor(struct api_text *text, const struct output *output, uint64_t begin)
{
	static const enum api_type types[] = {
		[LOSS_FLOAT32] = API_FP32,
		[LOSS_FLOAT64] = API_FP64,
		[LOSS_INT64] = API_INT64,
	};

	api_text_member_open(text, output->name, '{');
	api_text_member(text, "dtype", api_type_at(types[output->tensor.dtype])->safetensors);
	api_text_member_shape(text, "shape", output->tensor.rank, output->tensor.shape);
	api_text_member_open(text, "data_offsets", '[');
	api_text_unsigned(text, begin);
	api_text_unsigned(text, begin + output->bytes);
	api_text_close(text, ']');
	api_text_close(text, '}');
}

/* Ends with spaces, so that the tensors begin at a multiple of 8. */
static bool write_header(struct api_text *text, const struct api_evaluation *ev,
			 const struct outputs *outputs, const struct api_slice **slices,
			 size_t *count, uint64_t *bytes)
{
	const char *rest = make_text(ev);
	uint64_t begin = 0;
	size_t written;

	if (!rest)
		return false;
	api_text_open(text, '{');
	api_text_member_open(text, API_SAFETENSORS_METADATA, '{');
	api_text_member(text, API_SAFETENSORS_MEMBER, rest);
	api_text_close(text, '}');
	for (size_t i = 0; i < outputs->count; begin += outputs->list[i++].bytes)
		write_tensor(text, &outputs->list[i], begin);
	api_text_close(text, '}');
	written = text->bytes + (size_t)(text->next - text->start);
	api_text_raw(text, "        ", (8 - written % 8) % 8);
	if (!api_text_end(text, slices, count, &written))
		return false;
	*bytes = written;
	return true;
}

/* ---- The reply ------------------------------------------------------------------ */

static enum api_problem refuse_nonfinite(struct api_evaluation *ev, struct api_fault *fault)
{
	for (size_t i = 0; i < ev->item_count; i++) {
		struct api_item *item = &ev->items[i];

		if (item->fault || !api_nonfinite_is_refused(item))
			continue;
		api_nonfinite_fail(item, "the loss or a gradient is", fault);
		if (api_item_fail(ev, item, fault))
			return fault->problem;
	}
	return API_PROBLEM_NONE;
}

static void append(struct api_text *text, const struct api_slice *slices, size_t count)
{
	text->comma = false;
	api_text_slices(text, slices, count);
}

size_t api_safetensors_encode_reply(struct api_evaluation *ev)
{
	struct api_call *call = ev->call;
	struct api_text header, file;
	const struct api_slice *slices;
	struct outputs outputs;
	uint64_t bytes;
	size_t count;

	if (refuse_nonfinite(ev, &call->fault))
		return api_call_fail(call);
	api_text_init(&header, ev->arena);
	if (!collect(ev, &outputs) || !write_header(&header, ev, &outputs, &slices, &count, &bytes))
		return api_call_fail_memory(call);

	api_text_init(&file, ev->arena);
	api_text_raw(&file, (const char *)&bytes, sizeof bytes);
	append(&file, slices, count);
	for (size_t i = 0; i < outputs.count; i++) {
		const struct output *output = &outputs.list[i];

		append(&file, &(struct api_slice){output->tensor.data, output->bytes}, 1);
	}
	api_call_reply_text(call, &file);
	if (call->reply.problem == API_PROBLEM_NONE)
		call->reply.content_type = API_SAFETENSORS;
	return 0;
}
