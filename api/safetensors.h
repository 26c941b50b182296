/*
 * The safetensors format, both ways: an evaluation in one file, which can be
 * kept and posted again, and its results.
 *
 *     8 bytes        length of the header, little-endian
 *     the header     a JSON object: "__metadata__", and for each tensor its
 *                    dtype, shape and data_offsets
 *     the tensors    little-endian and row-major, without gaps
 *
 * In a request the tensors are the inputs by name, and the text under "lossd" in
 * the metadata is the rest of what would be posted as JSON.  A tensor "3.logits"
 * is of item 3 of its batch.  In a reply the tensors are the loss, whole or
 * unreduced, and gradient_<input>, and "lossd" is the rest of the JSON reply.
 */
#ifndef API_SAFETENSORS_H
#define API_SAFETENSORS_H

#include "evaluation.h"

#define API_SAFETENSORS_METADATA "__metadata__"
#define API_SAFETENSORS_MEMBER   "lossd"

enum { API_SAFETENSORS_PREFIX_BYTES = 8 };

enum api_problem api_safetensors_decode(struct api_evaluation *ev, struct api_fault *fault);
enum api_problem api_safetensors_encode_begin(struct api_evaluation *ev, struct api_fault *fault);
size_t api_safetensors_encode_reply(struct api_evaluation *ev);

#endif
