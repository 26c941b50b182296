#include "numbers.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "numbers_text.h"
#include "shortest.h"

/* ---- One number ----------------------------------------------------------- */

/* Bytes of the longest number of each dtype, and of "-Infinity" in quotes. */
static const size_t longest[] = {
	[LOSS_FLOAT32] = sizeof("-1.17549435e-38") - 1,
	[LOSS_FLOAT64] = sizeof("-2.2250738585072014e-308") - 1,
	[LOSS_INT64] = sizeof("-9223372036854775808") - 1,
};

static char *put_text(char *out, const char *text)
{
	size_t bytes = strlen(text);
	memcpy(out, text, bytes);
	return out + bytes;
}

static char *put_nonfinite(char *out, double value, enum api_nonfinite nonfinite)
{
	if (nonfinite == API_NONFINITE_NULL)
		return put_text(out, "null");
	if (isnan(value))
		return put_text(out, "\"NaN\"");
	return put_text(out, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

/* A float that shortest.h leaves to others; *nonfinite_count grows if it is not
 * finite. */
static char *put_rare(char *out, enum loss_dtype dtype, double value, enum api_nonfinite nonfinite,
		      uint64_t *nonfinite_count)
{
	if (!isfinite(value)) {
		++*nonfinite_count;
		return put_nonfinite(out, value, nonfinite);
	}
	return dtype == LOSS_FLOAT32 ? api_text_of_float32(out, (float)value)
				     : api_text_of_float64(out, value);
}

/* Up to SHORTEST_BATCH elements with a comma behind each. */
static inline __attribute__((always_inline)) char *put_batch(char *out, enum loss_dtype dtype,
							     const void *data, size_t count,
							     enum api_nonfinite nonfinite,
							     uint64_t *nonfinite_count)
{
	struct shortest_text texts[SHORTEST_BATCH];
	const float *singles = data;
	const double *doubles = data;
	bool wide = dtype == LOSS_FLOAT64;

	if (wide)
		shortest_float64(texts, doubles, count);
	else
		shortest_float32(texts, singles, count);
	for (size_t i = 0; i < count; i++) {
		if (__builtin_expect(texts[i].bytes > 0, 1))
			out = shortest_put(out, &texts[i], wide);
		else
			out = put_rare(out, dtype, wide ? doubles[i] : (double)singles[i],
				       nonfinite, nonfinite_count);
		*out++ = ',';
	}
	return out;
}

static char *put_integers(char *out, const int64_t *values, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		out = api_text_of_int64(out, values[i]);
		*out++ = ',';
	}
	return out;
}

/* As many elements as there are, with a comma behind each. */
static char *put_elements(char *out, enum loss_dtype dtype, const void *data, uint64_t count,
			  enum api_nonfinite nonfinite, uint64_t *nonfinite_count)
{
	if (dtype == LOSS_INT64)
		return put_integers(out, data, count);
	for (uint64_t batch; count > 0; count -= batch) {
		batch = count < SHORTEST_BATCH ? count : SHORTEST_BATCH;
		if (dtype == LOSS_FLOAT32)
			out = put_batch(out, LOSS_FLOAT32, data, batch, nonfinite, nonfinite_count);
		else
			out = put_batch(out, LOSS_FLOAT64, data, batch, nonfinite, nonfinite_count);
		data = (const char *)data + batch * loss_dtype_bytes(dtype);
	}
	return out;
}

size_t api_number_write(char out[API_NUMBER_BYTES_MAX], enum loss_dtype dtype, const void *value,
			enum api_nonfinite nonfinite)
{
	char room[SHORTEST_ROOM_BYTES];
	uint64_t count = 0;
	size_t bytes = (size_t)(put_elements(room, dtype, value, 1, nonfinite, &count) - room) - 1;
	memcpy(out, room, bytes);
	return bytes;
}

static char *put_half(char *out, enum loss_precision precision, float value,
		      enum api_nonfinite nonfinite, uint64_t *nonfinite_count)
{
	if (isfinite(value))
		return shortest_half(out, precision, value);
	++*nonfinite_count;
	return put_nonfinite(out, (double)value, nonfinite);
}

size_t api_half_write(char out[API_NUMBER_BYTES_MAX], enum loss_precision precision, float value,
		      enum api_nonfinite nonfinite)
{
	char room[SHORTEST_ROOM_BYTES];
	uint64_t count = 0;

	if (precision == LOSS_PRECISION_FULL)
		return api_number_write(out, LOSS_FLOAT32, &value, nonfinite);
	size_t bytes = (size_t)(put_half(room, precision, value, nonfinite, &count) - room);

	memcpy(out, room, bytes);
	return bytes;
}

/* ---- Layout --------------------------------------------------------------- */

/* What is written: items, each a number or an empty array, nested `depth` deep.
 * Empty arrays are what remains of a shape with a zero: those of that axis. */
struct layout {
	int depth;
	bool empties;
	uint64_t items;
	uint64_t items_of[LOSS_RANK_MAX + 1]; /* in one array at each depth; [depth] is 1 */
};

/* False if the number of items does not fit. */
static bool lay_out(struct layout *layout, const struct loss_tensor *tensor)
{
	*layout = (struct layout){.items = 1};
	while (layout->depth < tensor->rank && tensor->shape[layout->depth] > 0)
		layout->depth++;
	layout->empties = layout->depth < tensor->rank;
	layout->items_of[layout->depth] = 1;
	for (int depth = layout->depth - 1; depth >= 0; depth--) {
		if (__builtin_mul_overflow(layout->items, (uint64_t)tensor->shape[depth],
					   &layout->items))
			return false;
		layout->items_of[depth] = layout->items;
	}
	return true;
}

/* What one chunk holds, about 200 KiB of text. */
enum { CHUNK_ITEMS = 16 << 10 };

static uint64_t items_of_chunk(const struct layout *layout)
{
	return layout->items < CHUNK_ITEMS ? layout->items : CHUNK_ITEMS;
}

/* The most bytes of a chunk, with the room that a number may use behind its end. */
static size_t bytes_of_chunk(const struct layout *layout, enum loss_dtype dtype)
{
	uint64_t items = items_of_chunk(layout);
	size_t item_bytes = layout->empties ? 2 : longest[dtype];
	uint64_t brackets = 0;
	for (int depth = 0; depth < layout->depth; depth++)
		brackets += 2 * (items / layout->items_of[depth] + 1);
	return items * (item_bytes + 1) + brackets + SHORTEST_ROOM_BYTES;
}

static uint64_t chunks_of(const struct layout *layout)
{
	uint64_t items = items_of_chunk(layout);
	return layout->items / items + (layout->items % items != 0);
}

/* ---- A chunk -------------------------------------------------------------- */

struct pen {
	char *out;
	const struct api_writer *writer;
	const struct layout *layout;
	uint64_t nonfinite;
};

static void open_arrays(struct pen *pen, uint64_t item)
{
	if (item > 0)
		*pen->out++ = ',';
	for (int depth = pen->layout->depth - 1; depth >= 0; depth--) {
		if (item % pen->layout->items_of[depth] != 0)
			break;
		*pen->out++ = '[';
	}
}

static void close_arrays(struct pen *pen, uint64_t items_so_far)
{
	for (int depth = pen->layout->depth - 1; depth >= 0; depth--) {
		if (items_so_far % pen->layout->items_of[depth] != 0)
			break;
		*pen->out++ = ']';
	}
}

/* Items with commas between them. */
static void write_numbers(struct pen *pen, uint64_t from, uint64_t count)
{
	const struct api_writer *writer = pen->writer;
	enum loss_dtype dtype = writer->tensor.dtype;
	const char *data = (const char *)writer->tensor.data + from * loss_dtype_bytes(dtype);

	pen->out =
		put_elements(pen->out, dtype, data, count, writer->nonfinite, &pen->nonfinite) - 1;
}

static void write_halves(struct pen *pen, uint64_t from, uint64_t to)
{
	const float *data = pen->writer->tensor.data;

	for (uint64_t item = from; item < to; item++) {
		pen->out = put_half(pen->out, pen->writer->precision, data[item],
				    pen->writer->nonfinite, &pen->nonfinite);
		if (item + 1 < to)
			*pen->out++ = ',';
	}
}

static void write_empties(struct pen *pen, uint64_t count)
{
	for (; count > 0; count--)
		pen->out = put_text(pen->out, count > 1 ? "[]," : "[]");
}

static void write_items(struct pen *pen, uint64_t from, uint64_t to)
{
	if (pen->layout->empties)
		write_empties(pen, to - from);
	else if (pen->writer->precision != LOSS_PRECISION_FULL)
		write_halves(pen, from, to);
	else
		write_numbers(pen, from, to - from);
}

void api_array_write_chunk(struct api_writer *writer, size_t chunk)
{
	assert(chunk < writer->chunks);
	struct layout layout;
	lay_out(&layout, &writer->tensor);
	uint64_t items = items_of_chunk(&layout);
	uint64_t item = chunk * items;
	uint64_t end = layout.items - item < items ? layout.items : item + items;
	uint64_t row = layout.depth > 0 ? layout.items_of[layout.depth - 1] : 1;
	char *text = writer->text + chunk * writer->chunk_bytes;
	struct pen pen = {text, writer, &layout, 0};

	while (item < end) {
		uint64_t row_left = row - item % row;
		uint64_t next = end - item < row_left ? end : item + row_left;
		open_arrays(&pen, item);
		write_items(&pen, item, next);
		close_arrays(&pen, next);
		item = next;
	}
	writer->slices[chunk] = (struct api_slice){text, (size_t)(pen.out - text)};
	writer->nonfinite_counts[chunk] = pen.nonfinite;
}

/* ---- The whole ------------------------------------------------------------ */

/* The bytes to allocate for `layout`; false if they do not fit. */
static bool bytes_of(const struct layout *layout, enum loss_dtype dtype, uint64_t *bytes)
{
	return !__builtin_mul_overflow(chunks_of(layout), bytes_of_chunk(layout, dtype), bytes);
}

bool api_array_write_bound(const struct loss_tensor *tensor, uint64_t *bytes)
{
	struct layout layout;
	return lay_out(&layout, tensor) && bytes_of(&layout, tensor->dtype, bytes);
}

enum api_problem api_array_write_begin(struct api_writer *writer, const struct loss_tensor *tensor,
				       enum api_nonfinite nonfinite, struct api_arena *arena)
{
	struct layout layout;
	uint64_t bytes;
	if (!lay_out(&layout, tensor) || !bytes_of(&layout, tensor->dtype, &bytes))
		return API_TOO_MUCH_MEMORY;
	*writer = (struct api_writer){
		.tensor = *tensor,
		.nonfinite = nonfinite,
		.chunks = chunks_of(&layout),
		.chunk_bytes = bytes_of_chunk(&layout, tensor->dtype),
	};
	writer->slices = api_arena_array(arena, writer->chunks, sizeof(*writer->slices));
	if (!writer->slices)
		return api_arena_problem(arena);
	writer->nonfinite_counts =
		api_arena_array(arena, writer->chunks, sizeof(*writer->nonfinite_counts));
	if (!writer->nonfinite_counts)
		return api_arena_problem(arena);
	writer->text = api_arena_alloc(arena, bytes);
	return writer->text ? API_PROBLEM_NONE : api_arena_problem(arena);
}

size_t api_array_write_chunks(const struct api_writer *writer)
{
	return writer->chunks;
}

enum api_problem api_array_write_end(const struct api_writer *writer,
				     const struct api_slice **slices, size_t *count,
				     uint64_t *nonfinite)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < writer->chunks; i++)
		sum += writer->nonfinite_counts[i];
	*slices = writer->slices;
	*count = writer->chunks;
	*nonfinite = sum;
	return sum > 0 && writer->nonfinite == API_NONFINITE_ERROR ? API_NONFINITE_RESULT
								   : API_PROBLEM_NONE;
}
