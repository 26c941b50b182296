/* Elements of a type on the wire become elements of the arithmetic, by tiles:
 * integers by way of int64, reals by way of float64, so that each step is exact
 * but the last. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "typed.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "binary tensors are little-endian");

enum { CHUNK_ELEMENTS = 32 << 10, TILE = 256 };

/* ---- Types ----------------------------------------------------------------- */

static const struct api_type_row types[API_TYPE_COUNT] = {
#define X(name, safetensors, bytes, is_integer, min, max, in_json)                                 \
	[API_##name] = {#name, safetensors, bytes, is_integer, min, max, in_json},
	API_TYPES(X)
#undef X
};

const struct api_type_row *api_type_at(enum api_type type)
{
	return &types[type];
}

enum api_type api_type_find(const char *name)
{
	int type = 0;

	while (type < API_TYPE_COUNT && strcmp(types[type].name, name))
		type++;
	return (enum api_type)type;
}

enum api_type api_type_find_safetensors(const char *name)
{
	int type = 0;

	while (type < API_TYPE_COUNT && strcmp(types[type].safetensors, name))
		type++;
	return (enum api_type)type;
}

bool api_typed_size(enum api_type type, int rank, const int64_t *shape, uint64_t *elements,
		    uint64_t *bytes)
{
	struct loss_tensor tensor = {.rank = rank};

	memcpy(tensor.shape, shape, (size_t)rank * sizeof *shape);

	int64_t count = loss_tensor_elements(&tensor);
	*elements = (uint64_t)count;
	/* Wide enough for the arithmetic as well, whose elements take 8 bytes. */
	return count >= 0 && (uint64_t)count <= SIZE_MAX / 8 &&
	       !__builtin_mul_overflow(*elements, types[type].bytes, bytes);
}

/* ---- Loading --------------------------------------------------------------- */

/* IEEE 754 binary16. */
static double half_value(uint16_t bits)
{
	int exponent = bits >> 10 & 31;
	double fraction = bits & 1023;
	double value = exponent == 31  ? (fraction != 0 ? NAN : INFINITY)
		       : exponent == 0 ? ldexp(fraction, -24)
				       : ldexp(fraction + 1024, exponent - 25);

	return bits >> 15 ? -value : value;
}

/* The upper half of a binary32. */
static double bfloat_value(uint16_t bits)
{
	uint32_t wide = (uint32_t)bits << 16;
	float value;

	memcpy(&value, &wide, sizeof value);
	return (double)value;
}

/* One element by memcpy, whatever its address. */
#define LOAD(type, out, convert)                                                                   \
	for (size_t i = 0; i < count; i++) {                                                       \
		type element;                                                                      \
                                                                                                   \
		memcpy(&element, data + i * sizeof element, sizeof element);                       \
		(out)[i] = convert(element);                                                       \
	}

static void load_integers(enum api_type type, const char *data, size_t count, int64_t out[TILE])
{
	if (type == API_INT64)
		LOAD(int64_t, out, (int64_t))
	else if (type == API_INT32)
		LOAD(int32_t, out, (int64_t))
	else
		LOAD(uint8_t, out, (int64_t))
}

static void load_reals(enum api_type type, const char *data, size_t count, double out[TILE])
{
	if (type == API_FP64)
		LOAD(double, out, (double))
	else if (type == API_FP32)
		LOAD(float, out, (double))
	else if (type == API_BF16)
		LOAD(uint16_t, out, bfloat_value)
	else
		LOAD(uint16_t, out, half_value)
}

/* ---- Storing --------------------------------------------------------------- */

struct api_typed_chunk {
	uint64_t narrowed;
	uint64_t wrong, first_wrong;
	double first_value;
};

static void tell_wrong(struct api_typed_chunk *chunk, uint64_t element, double value)
{
	if (chunk->wrong++ == 0) {
		chunk->first_wrong = element;
		chunk->first_value = value;
	}
}

static void store_integers(const struct api_typed_reader *reader, struct api_typed_chunk *chunk,
			   uint64_t first, size_t count, const int64_t in[TILE])
{
	for (size_t i = 0; i < count; i++) {
		if (reader->typed->type == API_BOOL && in[i] > 1)
			tell_wrong(chunk, first + i, (double)in[i]);
		if (reader->dtype == LOSS_INT64)
			((int64_t *)reader->out)[first + i] = in[i];
		else if (reader->dtype == LOSS_FLOAT64)
			((double *)reader->out)[first + i] = (double)in[i];
		else
			((float *)reader->out)[first + i] = (float)in[i];
	}
}

/* Written so that NaN is none. */
static bool fits_int64(double value)
{
	const double end = 9223372036854775808.0; /* 2^63 */

	return value >= -end && value < end && value == trunc(value);
}

static void store_reals(const struct api_typed_reader *reader, struct api_typed_chunk *chunk,
			uint64_t first, size_t count, const double in[TILE])
{
	for (size_t i = 0; i < count; i++) {
		if (reader->dtype == LOSS_FLOAT64) {
			((double *)reader->out)[first + i] = in[i];
		} else if (reader->dtype == LOSS_FLOAT32) {
			float narrow = (float)in[i];

			chunk->narrowed += isinf(narrow) && !isinf(in[i]);
			((float *)reader->out)[first + i] = narrow;
		} else if (fits_int64(in[i])) {
			((int64_t *)reader->out)[first + i] = (int64_t)in[i];
		} else {
			((int64_t *)reader->out)[first + i] = 0;
			tell_wrong(chunk, first + i, in[i]);
		}
	}
}

/* ---- Reading --------------------------------------------------------------- */

bool api_typed_read_begin(struct api_typed_reader *reader, const struct api_typed *typed,
			  enum loss_dtype dtype, void *out, struct api_arena *arena)
{
	size_t chunks = (size_t)((typed->elements + CHUNK_ELEMENTS - 1) / CHUNK_ELEMENTS);

	*reader = (struct api_typed_reader){
		.typed = typed,
		.dtype = dtype,
		.out = out,
		.chunks = api_arena_array(arena, chunks, sizeof *reader->chunks),
		.chunk_count = chunks,
	};
	return reader->chunks;
}

/* The same bits on both sides. */
static bool is_plain(const struct api_typed *typed, enum loss_dtype dtype)
{
	static const enum api_type same[] = {
		[LOSS_FLOAT32] = API_FP32,
		[LOSS_FLOAT64] = API_FP64,
		[LOSS_INT64] = API_INT64,
	};

	return typed->type == same[dtype];
}

bool api_typed_is_tensor(const struct api_typed *typed, enum loss_dtype dtype)
{
	return is_plain(typed, dtype) && (uintptr_t)typed->data % loss_dtype_bytes(dtype) == 0;
}

static void read_tile(const struct api_typed_reader *reader, struct api_typed_chunk *chunk,
		      uint64_t first, size_t count)
{
	const struct api_type_row *row = &types[reader->typed->type];
	const char *data = reader->typed->data + first * row->bytes;
	union {
		int64_t integers[TILE];
		double reals[TILE];
	} tile;

	if (row->is_integer) {
		load_integers(reader->typed->type, data, count, tile.integers);
		store_integers(reader, chunk, first, count, tile.integers);
	} else {
		load_reals(reader->typed->type, data, count, tile.reals);
		store_reals(reader, chunk, first, count, tile.reals);
	}
}

void api_typed_read_chunk(struct api_typed_reader *reader, size_t chunk)
{
	size_t bytes = types[reader->typed->type].bytes;
	uint64_t first = (uint64_t)chunk * CHUNK_ELEMENTS;
	uint64_t end = first + CHUNK_ELEMENTS;

	end = end < reader->typed->elements ? end : reader->typed->elements;
	reader->chunks[chunk] = (struct api_typed_chunk){0};
	if (is_plain(reader->typed, reader->dtype)) {
		memcpy((char *)reader->out + first * bytes, reader->typed->data + first * bytes,
		       (end - first) * bytes);
		return;
	}
	for (; first < end; first += TILE)
		read_tile(reader, &reader->chunks[chunk], first,
			  end - first < TILE ? (size_t)(end - first) : (size_t)TILE);
}

enum api_problem api_typed_read_end(const struct api_typed_reader *reader,
				    const struct api_source *source, struct api_read_stats *stats,
				    struct api_fault *fault)
{
	struct api_typed_chunk all = {0};

	for (size_t i = 0; i < reader->chunk_count; i++) {
		const struct api_typed_chunk *chunk = &reader->chunks[i];

		stats->narrowed += chunk->narrowed;
		if (chunk->wrong && !all.wrong)
			all = *chunk;
		else
			all.wrong += chunk->wrong;
	}
	if (!all.wrong)
		return API_PROBLEM_NONE;

	bool is_bool = reader->typed->type == API_BOOL;
	return api_source_fail(source, fault, is_bool ? API_WRONG_TYPE : API_TARGET_NOT_INTEGER,
			       "element %llu is %.9g, expected %s; %llu such elements",
			       (unsigned long long)all.first_wrong, all.first_value,
			       is_bool ? "0 or 1" : "an integer", (unsigned long long)all.wrong);
}

/* ---- JSON ------------------------------------------------------------------ */

static double value_at(const struct loss_tensor *tensor, int64_t i)
{
	switch (tensor->dtype) {
	case LOSS_FLOAT32:
		return (double)((const float *)tensor->data)[i];
	case LOSS_FLOAT64:
		return ((const double *)tensor->data)[i];
	case LOSS_INT64:
		return (double)((const int64_t *)tensor->data)[i];
	}
	return 0;
}

enum api_problem api_typed_check(const struct api_typed *typed, const struct loss_tensor *tensor,
				 const struct api_source *source, struct api_fault *fault)
{
	const struct api_type_row *row = &types[typed->type];
	int64_t count = row->is_integer ? loss_tensor_elements(tensor) : 0;

	for (int64_t i = 0; i < count; i++) {
		double value = value_at(tensor, i);

		/* 2^63 itself is what the greatest int64 is rounded to. */
		if (value >= (double)row->min && value <= (double)row->max && value == trunc(value))
			continue;
		return api_source_fail(source, fault,
				       value == trunc(value) ? API_OUT_OF_RANGE : API_WRONG_TYPE,
				       "element %lld is %.9g, expected an integer of the type %s",
				       (long long)i, value, row->name);
	}
	return API_PROBLEM_NONE;
}
