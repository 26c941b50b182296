/* The Open Inference Protocol: routes of the server, of models and of health. */
#include <stdio.h>
#include <string.h>

#include "oip.h"

const struct loss *api_oip_loss(struct api_call *call, struct api_fault *fault)
{
	const struct api_match *match = &call->request.match;
	char *name = api_arena_text(&call->arena, match->arg, match->arg_length);
	const struct loss *loss = name ? loss_find(name) : NULL;
	char text[200];

	if (!name) {
		api_fault_memory(fault, &call->arena);
	} else if (!loss) {
		api_unknown_loss(text, sizeof text, name);
		api_fault_set(fault, API_NOT_FOUND_LOSS, "%s", text);
	}
	return loss;
}

/* ---- Models ------------------------------------------------------------------- */

static void write_tensor(struct api_text *text, const char *prefix, const char *name,
			 const char *type, int size)
{
	char full[80];

	snprintf(full, sizeof full, "%s%s", prefix, name);
	api_text_open(text, '{');
	api_text_member(text, "name", full);
	api_text_member(text, "datatype", type);
	api_text_member_open(text, "shape", '[');
	api_text_integer(text, size);
	api_text_close(text, ']');
	api_text_close(text, '}');
}

static void write_model(struct api_text *text, const struct loss *loss)
{
	const struct loss_input_row *row;

	api_text_open(text, '{');
	api_text_member(text, "name", loss->name);
	api_text_member_json(text, "versions", "[\"" API_OIP_VERSION "\"]");
	api_text_member(text, "platform", "lossd");
	api_text_member_open(text, "inputs", '[');
	for (size_t i = 0; (row = loss_input_at(loss, i)); i++)
		write_tensor(text, "", loss_role_name(row->role),
			     row->kind == LOSS_KIND_INDEX || row->kind == LOSS_KIND_CLASSES
				     ? "INT64"
				     : "FP32",
			     -1);
	api_text_close(text, ']');
	api_text_member_open(text, "outputs", '[');
	write_tensor(text, "", "loss", "FP32", -1);
	for (size_t i = 0; (row = loss_input_at(loss, i)); i++)
		if (i == 0 || row->differentiable)
			write_tensor(text, API_OIP_GRADIENT, loss_role_name(row->role), "FP32", -1);
	write_tensor(text, "", "diagnostics", "BYTES", 1);
	api_text_close(text, ']');
	api_text_close(text, '}');
}

static size_t reply_model(struct api_call *call)
{
	const struct loss *loss = api_oip_loss(call, &call->fault);
	struct api_text text;

	if (!loss)
		return api_call_fail(call);
	api_text_init(&text, &call->arena);
	write_model(&text, loss);
	return api_call_reply_text(call, &text);
}

static size_t reply_model_ready(struct api_call *call)
{
	const struct loss *loss = api_oip_loss(call, &call->fault);
	struct api_text text;

	if (!loss)
		return api_call_fail(call);
	api_text_init(&text, &call->arena);
	api_text_open(&text, '{');
	api_text_member(&text, "name", loss->name);
	api_text_member_bool(&text, "ready", true);
	api_text_close(&text, '}');
	return api_call_reply_text(call, &text);
}

/* ---- The server ------------------------------------------------------------------ */

static size_t reply_server(struct api_call *call)
{
	static const char server[] = "{\"name\":\"lossd\",\"version\":\"" LOSS_VERSION
				     "\",\"extensions\":[\"binary_tensor_data\"]}";

	return api_call_reply_static(call, server, sizeof server - 1);
}

/* ---- Inference -------------------------------------------------------------------- */

static size_t begin_infer(struct api_call *call)
{
	static const char *const media_types[] = {API_JSON, API_OCTETS,
						  "application/x-www-form-urlencoded", NULL};
	static const struct api_request_form request = {media_types, api_oip_decode};
	static const struct api_request_form *const forms[] = {&request, NULL};
	static const struct api_reply_form reply = {.encode_begin = api_oip_encode_begin,
						    .encode_reply = api_oip_encode_reply};

	return api_evaluation_begin(call, forms, &reply);
}

void api_handle_oip_server(struct api_call *call)
{
	call->step = reply_server;
}

void api_handle_oip_model(struct api_call *call)
{
	call->step = reply_model;
}

void api_handle_oip_model_ready(struct api_call *call)
{
	call->step = reply_model_ready;
}

void api_handle_oip_infer(struct api_call *call)
{
	call->step = begin_infer;
}
