/*
 * Numbers between JSON text and tensors, exactly and fast.
 *
 * READING rounds each number once, to the nearest value of the destination
 * (ties to even): a float32 is never rounded by way of a float64.  The grammar
 * is JSON's, and beside numbers the following stand for themselves: NaN,
 * Infinity, -Infinity, bare or in quotes; null for NaN; true and false for 1
 * and 0.  A number too large for the destination becomes an infinity and is
 * counted as narrowed; one too small becomes a zero of its sign.
 *
 * WRITING gives the shortest text that reads back as the same value of the
 * dtype.
 *
 * Large arrays are read and written in CHUNKS that may run on any threads at
 * once; the result, and which error is reported, do not depend on them:
 *
 *     api_array_read_begin(&reader, array, LOSS_FLOAT32, out, arena)
 *     for each i below api_array_chunks(array): api_array_read_chunk(&reader, i)
 *     api_array_read_end(&reader, "/logits", &tensor, &stats, &fault)
 *
 * begin and end belong to one thread; the caller orders them with the chunks by
 * a lock or a join.  Chunks allocate nothing.
 */
#ifndef API_NUMBERS_H
#define API_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "loss.h"
#include "api.h"
#include "arena.h"
#include "document.h"
#include "fault.h"

/* ---- Reading -------------------------------------------------------------- */

enum { API_PLACES_MAX = 8 };

/* Where something was seen: the index of the element in row-major order and
 * the text that stood there. */
struct api_place {
	uint64_t element;
	const char *text; /* inside the document, not NUL-terminated */
	size_t bytes;
};

/* What reading noticed.  Exact counts; the places are the first ones. */
struct api_read_stats {
	uint64_t numbers;
	uint64_t nan, pos_inf, neg_inf; /* as written, null included */
	uint64_t narrowed;              /* finite as written, infinite in the dtype */
	struct api_place narrowed_at[API_PLACES_MAX];
	size_t narrowed_places;
};

struct api_reader_chunk; /* private */

struct api_reader {
	const struct api_array *array;
	enum loss_dtype dtype;
	void *out;
	struct api_reader_chunk *chunks;
};

/* How many chunks an array has; at least 1. */
size_t api_array_chunks(const struct api_array *array);

/* Prepares to read into `out`, which has room for array->numbers elements.
 * Fails only for want of memory. */
enum api_problem api_array_read_begin(struct api_reader *reader, const struct api_array *array,
				      enum loss_dtype dtype, void *out, struct api_arena *arena);

/* Reads one chunk; each chunk exactly once. */
void api_array_read_chunk(struct api_reader *reader, size_t chunk);

/* The outcome: the tensor (data, dtype, rank, shape) and the stats, or the
 * first problem in the order of the text, with its pointer, below `path`
 * ("/logits"), and its position.  Problems: API_SYNTAX, API_WRONG_TYPE,
 * API_RAGGED_ARRAY, API_RANK, and for LOSS_INT64 API_TARGET_NOT_INTEGER (with
 * the count and the first places) and API_TARGET_OUT_OF_RANGE.  `doc` is where
 * the array comes from; `stats` may be NULL. */
enum api_problem api_array_read_end(struct api_reader *reader, const struct api_document *doc,
				    const char *path, struct loss_tensor *tensor,
				    struct api_read_stats *stats, struct api_fault *fault);

/* begin, every chunk and end on this thread. */
enum api_problem api_array_read(const struct api_document *doc, const struct api_array *array,
				enum loss_dtype dtype, void *out, struct api_arena *arena,
				const char *path, struct loss_tensor *tensor,
				struct api_read_stats *stats, struct api_fault *fault);

/* Whether api_scalar_read() takes this node: a number, null, a boolean, one of
 * the three strings, or a lifted number.  Not: an array of any rank above 0. */
bool api_scalar_is_number(const struct api_document *doc, const json_t *node);

/* One number outside an array, by the same rules, into `out`.  `stats` may be
 * NULL.  Problems: API_WRONG_TYPE, API_TARGET_NOT_INTEGER,
 * API_TARGET_OUT_OF_RANGE, with `path` as their pointer. */
enum api_problem api_scalar_read(const struct api_document *doc, const json_t *node,
				 enum loss_dtype dtype, void *out, const char *path,
				 struct api_read_stats *stats, struct api_fault *fault);

/* ---- Writing -------------------------------------------------------------- */

/* How NaN and infinities are written. */
enum api_nonfinite {
	API_NONFINITE_STRING, /* "NaN", "Infinity", "-Infinity" */
	API_NONFINITE_NULL,   /* null */
	API_NONFINITE_ERROR,  /* API_NONFINITE_RESULT at the end */
};

/* Room for any one number with its quotes. */
enum { API_NUMBER_BYTES_MAX = 32 };

/* Writes one number; returns its length.  No NUL.  API_NONFINITE_ERROR writes as
 * API_NONFINITE_STRING. */
size_t api_number_write(char out[API_NUMBER_BYTES_MAX], enum loss_dtype dtype, const void *value,
			enum api_nonfinite nonfinite);

/* The same for a number of half precision; of LOSS_PRECISION_FULL a float32. */
size_t api_half_write(char out[API_NUMBER_BYTES_MAX], enum loss_precision precision, float value,
		      enum api_nonfinite nonfinite);

struct api_writer {
	struct loss_tensor tensor;
	enum loss_precision precision; /* of a float32 tensor; may be set before the chunks */
	enum api_nonfinite nonfinite;
	struct api_slice *slices;
	uint64_t *nonfinite_counts;
	size_t chunks;
	/* private */
	char *text;
	size_t chunk_bytes;
};

/* The most bytes that the text of a tensor can take (what begin allocates);
 * false if that does not fit. */
bool api_array_write_bound(const struct loss_tensor *tensor, uint64_t *bytes);

/* Prepares to write the tensor as nested arrays of its shape; rank 0 is a bare
 * number, and of a shape with a zero the arrays up to that axis remain.  The
 * data is not looked at before the chunks.  Fails only for want of memory. */
enum api_problem api_array_write_begin(struct api_writer *writer, const struct loss_tensor *tensor,
				       enum api_nonfinite nonfinite, struct api_arena *arena);

/* How many chunks there are; at least 1. */
size_t api_array_write_chunks(const struct api_writer *writer);

/* Writes one chunk; each chunk exactly once. */
void api_array_write_chunk(struct api_writer *writer, size_t chunk);

/* The text as slices in order, which live as long as the arena, and how many
 * elements were not finite.  API_NONFINITE_RESULT where that is an error. */
enum api_problem api_array_write_end(const struct api_writer *writer,
				     const struct api_slice **slices, size_t *count,
				     uint64_t *nonfinite);

#endif
