/*
 * Tensors that come with a type of their own, in binary or as JSON: what the
 * types are, and how binary ones become tensors of the arithmetic.
 *
 *     api_typed_read_begin(&reader, typed, dtype, out, arena)
 *     for each of reader.chunk_count: api_typed_read_chunk(&reader, i)
 *     api_typed_read_end(&reader, source, &stats, &fault)
 *
 * begin and end belong to one thread, chunks to any; the caller orders them.
 */
#ifndef API_TYPED_H
#define API_TYPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "../lib/loss.h"
#include "arena.h"
#include "fault.h"
#include "numbers.h"
#include "source.h"

/* X(enum and name in the Open Inference Protocol, name in safetensors, bytes of
 * an element, whether it holds integers, their least and greatest, whether JSON
 * may hold it) */
#define API_TYPES(X)                                                                               \
	X(BOOL, "BOOL", 1, true, 0, 1, true)                                                       \
	X(UINT8, "U8", 1, true, 0, UINT8_MAX, true)                                                \
	X(INT32, "I32", 4, true, INT32_MIN, INT32_MAX, true)                                       \
	X(INT64, "I64", 8, true, INT64_MIN, INT64_MAX, true)                                       \
	X(FP16, "F16", 2, false, 0, 0, false)                                                      \
	X(BF16, "BF16", 2, false, 0, 0, false)                                                     \
	X(FP32, "F32", 4, false, 0, 0, true)                                                       \
	X(FP64, "F64", 8, false, 0, 0, true)

enum api_type {
#define X(name, safetensors, bytes, is_integer, min, max, in_json) API_##name,
	API_TYPES(X)
#undef X
		API_TYPE_COUNT
};

struct api_type_row {
	const char *name, *safetensors;
	size_t bytes;
	bool is_integer;
	int64_t min, max;
	bool in_json;
};

const struct api_type_row *api_type_at(enum api_type type);

/* By its name in the one or the other; API_TYPE_COUNT if there is none. */
enum api_type api_type_find(const char *name);
enum api_type api_type_find_safetensors(const char *name);

struct api_typed {
	const json_t *node; /* of the tensor in the request */
	enum api_type type;
	const char *data; /* little-endian, at any address; NULL: it is JSON */
	/* Of binary data. */
	int rank;
	int64_t shape[LOSS_RANK_MAX];
	uint64_t elements;
};

/* The elements of a shape and the bytes that they take in a type; false where
 * that does not fit. */
bool api_typed_size(enum api_type type, int rank, const int64_t *shape, uint64_t *elements,
		    uint64_t *bytes);

/* Whether the bytes, where they are, are a tensor of this dtype: then there is
 * nothing to read. */
bool api_typed_is_tensor(const struct api_typed *typed, enum loss_dtype dtype);

struct api_typed_chunk; /* private */

struct api_typed_reader {
	const struct api_typed *typed;
	enum loss_dtype dtype;
	void *out;
	struct api_typed_chunk *chunks;
	size_t chunk_count;
};

/* Prepares to read into `out`; false without memory. */
bool api_typed_read_begin(struct api_typed_reader *reader, const struct api_typed *typed,
			  enum loss_dtype dtype, void *out, struct api_arena *arena);

/* Reads one chunk; each chunk exactly once. */
void api_typed_read_chunk(struct api_typed_reader *reader, size_t chunk);

/* Counts what became infinite, and reports the first element that the dtype
 * cannot hold: API_TARGET_NOT_INTEGER, or API_WRONG_TYPE for a BOOL that is
 * neither 0 nor 1. */
enum api_problem api_typed_read_end(const struct api_typed_reader *reader,
				    const struct api_source *source, struct api_read_stats *stats,
				    struct api_fault *fault);

/* Whether the numbers of a JSON tensor, which has been read, are of its type:
 * API_WRONG_TYPE for a fraction, API_OUT_OF_RANGE. */
enum api_problem api_typed_check(const struct api_typed *typed, const struct loss_tensor *tensor,
				 const struct api_source *source, struct api_fault *fault);

#endif
