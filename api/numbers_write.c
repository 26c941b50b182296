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

/* A float by itself; *nonfinite_count grows if it is not finite. */
static char *put_float(char *out, enum loss_dtype dtype, double value, enum api_nonfinite nonfinite,
		       uint64_t *nonfinite_count)
{
	if (!isfinite(value)) {
		++*nonfinite_count;
		return put_nonfinite(out, value, nonfinite);
	}
	return dtype == LOSS_FLOAT32 ? api_text_of_float32(out, (float)value)
				     : api_text_of_float64(out, value);
}

size_t api_number_write(char out[API_NUMBER_BYTES_MAX], enum loss_dtype dtype, const void *value,
			enum api_nonfinite nonfinite)
{
	char room[SHORTEST_ROOM_BYTES], *end;
	uint64_t count = 0;

	if (dtype == LOSS_INT64)
		end = api_text_of_int64(room, *(const int64_t *)value);
	else
		end = put_float(room, dtype,
				dtype == LOSS_FLOAT64 ? *(const double *)value
						      : (double)*(const float *)value,
				nonfinite, &count);
	memcpy(out, room, (size_t)(end - room));
	return (size_t)(end - room);
}

size_t api_half_write(char out[API_NUMBER_BYTES_MAX], enum loss_precision precision, float value,
		      enum api_nonfinite nonfinite)
{
	double found;

	if (precision == LOSS_PRECISION_FULL)
		return api_number_write(out, LOSS_FLOAT32, &value, nonfinite);
	found = shortest_half(precision, value);
	return api_number_write(out, LOSS_FLOAT64, &found, nonfinite);
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
	uint64_t end; /* of the items of the chunk */
	uint64_t nonfinite;
	/* Of floats, the items [from, to) are laid out; rows may be shorter than a
	 * batch.  Halves are float64 here. */
	uint64_t from, to;
	shortest_fn *shortest;
	struct shortest_batch batch;
	float singles[SHORTEST_BATCH];
	double doubles[SHORTEST_BATCH];
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

/* So few floats are faster one by one. */
enum { FEW = 8 };

static bool is_wide(const struct api_writer *writer)
{
	return writer->tensor.dtype == LOSS_FLOAT64 || writer->precision != LOSS_PRECISION_FULL;
}

/* The next floats, from `item` on. */
static void lay_out_floats(struct pen *pen, uint64_t item)
{
	const struct api_writer *writer = pen->writer;
	uint64_t left = pen->end - item;
	size_t count = left < SHORTEST_BATCH ? (size_t)left : SHORTEST_BATCH;

	if (writer->tensor.dtype == LOSS_FLOAT64)
		memcpy(pen->doubles, (const double *)writer->tensor.data + item,
		       count * sizeof *pen->doubles);
	else
		memcpy(pen->singles, (const float *)writer->tensor.data + item,
		       count * sizeof *pen->singles);
	for (size_t i = 0; i < count && writer->precision != LOSS_PRECISION_FULL; i++)
		pen->doubles[i] = shortest_half(writer->precision, pen->singles[i]);
	pen->from = item;
	pen->to = item + count;
	if (count < FEW)
		memset(pen->batch.bytes, 0, sizeof pen->batch.bytes);
	else if (is_wide(writer))
		pen->shortest(&pen->batch, pen->doubles);
	else
		pen->shortest(&pen->batch, pen->singles);
}

/* Some that are laid out, with a comma behind each. */
static inline __attribute__((always_inline)) void put_floats(struct pen *pen, size_t from,
							     size_t to, bool wide)
{
	char *out = pen->out;

	for (size_t i = from; i < to; i++) {
		if (__builtin_expect(pen->batch.bytes[i] > 0, 1))
			out = shortest_put(out, &pen->batch, i, wide);
		else
			out = put_float(out, wide ? LOSS_FLOAT64 : LOSS_FLOAT32,
					wide ? pen->doubles[i] : (double)pen->singles[i],
					pen->writer->nonfinite, &pen->nonfinite);
		*out++ = ',';
	}
	pen->out = out;
}

static void write_floats(struct pen *pen, uint64_t from, uint64_t to)
{
	for (uint64_t next; from < to; from = next) {
		if (from >= pen->to)
			lay_out_floats(pen, from);
		next = to < pen->to ? to : pen->to;
		if (is_wide(pen->writer))
			put_floats(pen, from - pen->from, next - pen->from, true);
		else
			put_floats(pen, from - pen->from, next - pen->from, false);
	}
}

static void write_integers(struct pen *pen, uint64_t from, uint64_t to)
{
	const int64_t *values = pen->writer->tensor.data;

	for (; from < to; from++) {
		pen->out = api_text_of_int64(pen->out, values[from]);
		*pen->out++ = ',';
	}
}

static void write_empties(struct pen *pen, uint64_t count)
{
	for (; count > 0; count--)
		pen->out = put_text(pen->out, count > 1 ? "[]," : "[]");
}

/* Items with commas between them. */
static void write_items(struct pen *pen, uint64_t from, uint64_t to)
{
	if (pen->layout->empties) {
		write_empties(pen, to - from);
		return;
	}
	if (pen->writer->tensor.dtype == LOSS_INT64)
		write_integers(pen, from, to);
	else
		write_floats(pen, from, to);
	pen->out--;
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
	struct pen pen = {
		.out = text,
		.writer = writer,
		.layout = &layout,
		.end = end,
		.shortest = shortest_of(is_wide(writer) ? LOSS_FLOAT64 : LOSS_FLOAT32),
	};

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
