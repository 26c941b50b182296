/*
 * The Open Inference Protocol: a loss is a model, its inputs are roles, its
 * parameters those of the request.
 *
 * oip_decode.c puts a request together as if it had been posted to
 * /v1/evaluate, and remembers for every member where it really stands;
 * evaluate.c runs it; oip_encode.c writes the outputs; oip.c describes models.
 */
#ifndef API_OIP_H
#define API_OIP_H

#include "evaluation.h"

#define API_OCTETS           "application/octet-stream"
#define API_OIP_LENGTH       "Inference-Header-Content-Length"
#define API_OIP_VERSION      "1"
#define API_OIP_GRADIENT     "gradient_"
#define API_OIP_GRADIENT_DOC "gradient_<input>"

enum { API_OIP_TENSORS_MAX = 32 }; /* inputs, and outputs, of one request */

enum api_oip_kind { API_OIP_LOSS, API_OIP_GRADIENTS, API_OIP_DIAGNOSTICS };

struct api_oip_output {
	enum api_oip_kind kind;
	const char *name;
	bool is_binary;
	struct loss_tensor tensor; /* of a loss or a gradient, in its own shape */
	struct api_writer writer;  /* of its JSON */
	const char *bytes;         /* of its binary form */
	size_t byte_count;
};

struct api_oip {
	const struct loss *loss;
	const char *tensors; /* what follows the JSON */
	size_t tensors_bytes;

	struct api_typed inputs[API_OIP_TENSORS_MAX];
	const char *input_names[API_OIP_TENSORS_MAX];
	size_t input_count;

	bool binary_output; /* unless an output says otherwise */
	bool has_outputs;   /* they are the whole list */
	struct api_oip_output outputs[API_OIP_TENSORS_MAX + 2]; /* or the default ones */
	size_t output_count;

	struct api_source_place places[API_OIP_TENSORS_MAX + 10];
	size_t place_count;
	double reduced; /* room for a reduced loss of either dtype */
};

/* The loss that the path names, or NULL with a fault. */
const struct loss *api_oip_loss(struct api_call *call, struct api_fault *fault);

enum api_problem api_oip_decode(struct api_evaluation *ev, struct api_fault *fault);
enum api_problem api_oip_encode_begin(struct api_evaluation *ev, struct api_fault *fault);
size_t api_oip_encode_reply(struct api_evaluation *ev);

#endif
