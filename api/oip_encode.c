/* The outputs of an inference: JSON, or bytes behind it. */
#include <string.h>

#include "oip.h"

/* ---- What is answered -------------------------------------------------------- */

static struct api_oip_output *add_output(struct api_oip *oip, enum api_oip_kind kind,
					 const char *name)
{
	struct api_oip_output *output = &oip->outputs[oip->output_count++];

	*output = (struct api_oip_output){
		.kind = kind,
		.name = name,
		.is_binary = oip->binary_output,
	};
	return output;
}

/* Where nothing is asked for by name: all there is. */
static bool add_defaults(struct api_evaluation *ev, const struct api_item *item)
{
	add_output(ev->oip, API_OIP_LOSS, "loss");
	for (size_t i = 0; i < item->gradient_count; i++) {
		const char *name = api_arena_printf(ev->arena, API_OIP_GRADIENT "%s",
						    item->gradients[i].operand->member);

		if (!name)
			return false;
		add_output(ev->oip, API_OIP_GRADIENTS, name);
	}
	if (item->options.diagnostics != API_DIAGNOSTICS_OFF)
		add_output(ev->oip, API_OIP_DIAGNOSTICS, "diagnostics");
	return true;
}

static const struct loss_tensor *find_gradient(const struct api_item *item, const char *output)
{
	const char *name = output + sizeof API_OIP_GRADIENT - 1;

	for (size_t i = 0; i < item->gradient_count; i++) {
		const struct api_operand *operand = item->gradients[i].operand;

		if (!strcmp(operand->member, name) || operand->role == loss_role_find(name))
			return &item->gradients[i].tensor;
	}
	return NULL;
}

/* A reduced loss is a tensor of one element. */
static struct loss_tensor loss_tensor(struct api_oip *oip, const struct api_item *item)
{
	if (item->losses.data)
		return item->losses;
	return api_loss_tensor(item, &oip->reduced, 1);
}

/* Clients have no tensors without an axis. */
static void give_axis(struct loss_tensor *tensor)
{
	if (tensor->rank > 0)
		return;
	tensor->rank = 1;
	tensor->shape[0] = 1;
}

/* The JSON of a tensor is a flat list. */
static bool begin_json(struct api_evaluation *ev, struct api_oip_output *output,
		       enum api_nonfinite nonfinite)
{
	struct loss_tensor flat = output->tensor;

	flat.shape[0] = loss_tensor_elements(&output->tensor);
	flat.rank = 1;
	return api_writer_begin(ev, &output->writer, &flat, nonfinite);
}

static bool begin_output(struct api_evaluation *ev, struct api_oip_output *output,
			 const struct api_item *item)
{
	if (output->kind == API_OIP_DIAGNOSTICS)
		return true;
	output->tensor = output->kind == API_OIP_LOSS ? loss_tensor(ev->oip, item)
						      : *find_gradient(item, output->name);
	give_axis(&output->tensor);
	if (!output->is_binary)
		return begin_json(ev, output, item->options.nonfinite);
	output->bytes = output->tensor.data;
	output->byte_count = (size_t)loss_tensor_elements(&output->tensor) *
			     loss_dtype_bytes(output->tensor.dtype);
	return true;
}

enum api_problem api_oip_encode_begin(struct api_evaluation *ev, struct api_fault *fault)
{
	const struct api_item *item = &ev->items[0];

	api_jobs_begin(&ev->jobs, ev->arena);
	if (!ev->oip->has_outputs && !add_defaults(ev, item))
		return api_fail_memory(ev, fault);
	for (size_t i = 0; i < ev->oip->output_count; i++)
		if (!begin_output(ev, &ev->oip->outputs[i], item))
			return api_fail_memory(ev, fault);
	return ev->jobs.failed ? api_fail_memory(ev, fault) : API_PROBLEM_NONE;
}

/* ---- Diagnostics --------------------------------------------------------------- */

/* One element of BYTES: its length in four bytes, then the document, then a NUL
 * that is not sent. */
static bool make_diagnostics(struct api_evaluation *ev, struct api_oip_output *output)
{
	const struct api_slice *slices;
	struct api_text text;
	size_t count, bytes;

	api_text_init(&text, ev->arena);
	text.nonfinite = ev->items[0].options.nonfinite;
	api_diagnostics_write(&text, &ev->items[0]);
	if (!api_text_end(&text, &slices, &count, &bytes) || bytes > UINT32_MAX)
		return false;

	char *room = api_arena_alloc(ev->arena, bytes + 5);
	uint32_t length = (uint32_t)bytes;
	if (!room)
		return false;
	memcpy(room, &length, sizeof length);

	char *at = room + sizeof length;
	for (size_t i = 0; i < count; at += slices[i++].bytes)
		memcpy(at, slices[i].data, slices[i].bytes);
	*at = '\0';
	output->bytes = room;
	output->byte_count = bytes + sizeof length;
	return true;
}

/* ---- The reply ------------------------------------------------------------------ */

static void write_shape(struct api_text *text, const struct api_oip_output *output)
{
	static const int64_t one = 1;

	if (output->kind == API_OIP_DIAGNOSTICS)
		api_text_member_shape(text, "shape", 1, &one);
	else
		api_text_member_shape(text, "shape", output->tensor.rank, output->tensor.shape);
}

static const char *datatype(const struct api_oip_output *output)
{
	if (output->kind == API_OIP_DIAGNOSTICS)
		return "BYTES";
	return output->tensor.dtype == LOSS_FLOAT64 ? "FP64" : "FP32";
}

static void write_data(struct api_text *text, const struct api_oip_output *output)
{
	api_text_key(text, "data");
	if (output->kind != API_OIP_DIAGNOSTICS) {
		api_writer_put(text, &output->writer);
		return;
	}
	api_text_open(text, '[');
	api_text_string(text, output->bytes + sizeof(uint32_t));
	api_text_close(text, ']');
}

static void write_output(struct api_text *text, const struct api_oip_output *output)
{
	api_text_open(text, '{');
	api_text_member(text, "name", output->name);
	api_text_member(text, "datatype", datatype(output));
	write_shape(text, output);
	if (output->is_binary) {
		api_text_member_open(text, "parameters", '{');
		api_text_member_unsigned(text, "binary_data_size", output->byte_count);
		api_text_close(text, '}');
	} else {
		write_data(text, output);
	}
	api_text_close(text, '}');
}

static void write_parameters(struct api_text *text, const struct api_item *item)
{
	const struct api_term *term = &item->terms[0];
	enum loss_reduction reduction = (enum loss_reduction)term->spec.common.reduction;

	api_text_member_open(text, "parameters", '{');
	api_text_member(text, "reduction", api_reduction_name(reduction));
	if (!item->losses.data) {
		api_text_member_real(text, "sum", term->result.sum);
		api_text_member_real(text, "denominator", term->result.denominator);
	}
	api_text_close(text, '}');
}

static void write_reply(struct api_text *text, const struct api_evaluation *ev)
{
	const struct api_item *item = &ev->items[0];

	text->nonfinite = item->options.nonfinite;
	api_text_open(text, '{');
	api_text_member(text, "model_name", ev->oip->loss->name);
	api_text_member(text, "model_version", API_OIP_VERSION);
	if (item->options.id)
		api_text_member(text, "id", json_string_value(item->options.id));
	write_parameters(text, item);
	api_text_member_open(text, "outputs", '[');
	for (size_t i = 0; i < ev->oip->output_count; i++)
		write_output(text, &ev->oip->outputs[i]);
	api_text_close(text, ']');
	api_text_close(text, '}');
}

/* The bytes of the binary outputs, without a comma between them. */
static bool append_binary(struct api_text *text, const struct api_oip *oip)
{
	bool is_binary = false;

	for (size_t i = 0; i < oip->output_count; i++) {
		const struct api_oip_output *output = &oip->outputs[i];
		const struct api_slice slice = {output->bytes, output->byte_count};

		if (!output->is_binary)
			continue;
		text->comma = false;
		api_text_slices(text, &slice, 1);
		is_binary = true;
	}
	return is_binary;
}

size_t api_oip_encode_reply(struct api_evaluation *ev)
{
	struct api_call *call = ev->call;
	struct api_oip *oip = ev->oip;
	struct api_text text;

	if (api_nonfinite_is_refused(&ev->items[0])) {
		api_nonfinite_fail(&ev->items[0], "the loss or a gradient is", &call->fault);
		return api_call_fail(call);
	}
	for (size_t i = 0; i < oip->output_count; i++)
		if (oip->outputs[i].kind == API_OIP_DIAGNOSTICS &&
		    !make_diagnostics(ev, &oip->outputs[i]))
			return api_call_fail_memory(call);
	api_text_init(&text, ev->arena);
	write_reply(&text, ev);

	size_t json_bytes = text.bytes + (size_t)(text.next - text.start);
	const char *length = api_arena_printf(ev->arena, "%zu", json_bytes);
	if (!length)
		return api_call_fail_memory(call);

	bool is_binary = append_binary(&text, oip);
	api_call_reply_text(call, &text);
	if (is_binary && call->reply.problem == API_PROBLEM_NONE) {
		call->reply.content_type = API_OCTETS;
		api_call_header(call, API_OIP_LENGTH, length);
	}
	return 0;
}
