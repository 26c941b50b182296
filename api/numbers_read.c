#include "numbers_read.h"

#include <assert.h>
#include <float.h>
#include <math.h>

#include "decimal.h"

/* The state of a chunk while it is read. */
struct cursor {
	const char *at;
	char *out, *out_end;
	const char *until; /* nothing is read from here on */
	const char *fast;  /* values that begin up to here may use decimal_scan() */
	const char *end;   /* of the array */
	const struct api_reader *reader;
	struct api_reader_chunk *chunk;
};

ALWAYS_INLINE size_t element_bytes(enum loss_dtype dtype)
{
	return dtype == LOSS_FLOAT32 ? sizeof(float) : sizeof(double);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* There is always a bracket ahead that ends it. */
ALWAYS_INLINE const char *skip_space(const char *text)
{
	if (*text == ' ')
		text++;
	while (!LIKELY((unsigned char)*text > ' ') && is_space(*text))
		text++;
	return text;
}

static bool stop(struct cursor *c, enum read_stop why)
{
	c->chunk->stop = why;
	c->chunk->stopped_at = c->at;
	return false;
}

/* ---- Rare values ---------------------------------------------------------- */

static const struct read_word words[] = {
	{"null", NAN, false}, {"true", 1, false},           {"false", 0, false},
	{"NaN", NAN, true},   {"Infinity", INFINITY, true}, {"-Infinity", -INFINITY, true},
};

const struct read_word *read_word_at(const char *text, const char *end)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		size_t bytes = strlen(words[i].text);
		if ((size_t)(end - text) >= bytes && memcmp(text, words[i].text, bytes) == 0)
			return &words[i];
	}
	return NULL;
}

/* A word or a word in quotes: its length here, 0 if there is none. */
static size_t find_word(const char *text, const char *end, double *value)
{
	bool quoted = *text == '"';
	const struct read_word *word = read_word_at(text + quoted, end);
	if (!word || (quoted && !word->quotable))
		return 0;
	const char *behind = text + quoted + strlen(word->text);
	if (quoted && (behind == end || *behind++ != '"'))
		return 0;
	*value = word->value;
	return (size_t)(behind - text);
}

void read_add_place(struct api_place *places, size_t *count, const struct api_place *place)
{
	if (*count < API_PLACES_MAX)
		places[(*count)++] = *place;
}

static void refuse(struct read_refused *refused, const struct api_place *place)
{
	refused->count++;
	read_add_place(refused->at, &refused->places, place);
}

static void put_word(struct cursor *c, double value, enum loss_dtype dtype,
		     const struct api_place *place)
{
	struct api_read_stats *stats = &c->chunk->stats;
	stats->nan += isnan(value);
	stats->pos_inf += value > DBL_MAX;
	stats->neg_inf += value < -DBL_MAX;
	if (dtype == LOSS_FLOAT32) {
		*(float *)(void *)c->out = (float)value;
	} else if (dtype == LOSS_FLOAT64) {
		*(double *)(void *)c->out = value;
	} else if (isfinite(value)) {
		*(int64_t *)(void *)c->out = (int64_t)value;
	} else {
		*(int64_t *)(void *)c->out = 0;
		refuse(&c->chunk->fractions, place);
	}
}

static void put_int64(struct cursor *c, const struct api_place *place)
{
	int64_t value = 0;
	switch (decimal_exact_int64(place->text, place->bytes, &value)) {
	case DECIMAL_INTEGER:
		break;
	case DECIMAL_FRACTION:
		refuse(&c->chunk->fractions, place);
		break;
	case DECIMAL_TOO_LARGE:
		refuse(&c->chunk->too_large, place);
		break;
	}
	*(int64_t *)(void *)c->out = value;
}

static void put_number(struct cursor *c, enum loss_dtype dtype, const struct api_place *place)
{
	struct api_read_stats *stats = &c->chunk->stats;
	double value;

	if (dtype == LOSS_INT64) {
		put_int64(c, place);
		return;
	}
	if (dtype == LOSS_FLOAT32)
		value = *(float *)(void *)c->out = decimal_exact_float32(place->text, place->bytes);
	else
		value = *(double *)(void *)c->out =
			decimal_exact_float64(place->text, place->bytes);
	if (!isfinite(value)) {
		stats->narrowed++;
		read_add_place(stats->narrowed_at, &stats->narrowed_places, place);
	}
}

/* The number or word at c->at, the exact way. */
static __attribute__((noinline)) bool read_rare(struct cursor *c, enum loss_dtype dtype)
{
	size_t offset = (size_t)(c->out - (char *)c->reader->out);
	struct api_place place = {.element = offset / element_bytes(dtype), .text = c->at};

	double value;
	place.bytes = find_word(c->at, c->end, &value);
	if (place.bytes > 0) {
		put_word(c, value, dtype, &place);
	} else if (*c->at == '"') {
		return stop(c, READ_STRING);
	} else if (*c->at != '-' && (*c->at < '0' || *c->at > '9')) {
		return stop(c, READ_VALUE);
	} else {
		const char *wrong_at, *why;
		const char *behind = decimal_check(c->at, c->end, &wrong_at, &why);
		if (!behind)
			return stop(c, READ_NUMBER);
		place.bytes = (size_t)(behind - c->at);
		put_number(c, dtype, &place);
	}
	c->at += place.bytes;
	return true;
}

/* ---- A run of values ------------------------------------------------------ */

/* The byte behind a plain number, NULL if it takes read_rare(). */
ALWAYS_INLINE const char *read_fast(const char *at, enum loss_dtype dtype, char *out)
{
	struct decimal decimal;
	const char *behind = decimal_scan(at, &decimal);
	if (!behind)
		return NULL;
	bool certain = dtype == LOSS_FLOAT32   ? decimal_float32(&decimal, (void *)out)
		       : dtype == LOSS_FLOAT64 ? decimal_float64(&decimal, (void *)out)
					       : decimal_int64(&decimal, (void *)out);
	return certain ? behind : NULL;
}

/* Values with commas between them, up to a byte that is neither, or to the end
 * of the chunk.  False if that stopped the chunk. */
ALWAYS_INLINE bool read_run(struct cursor *c, enum loss_dtype dtype)
{
	const char *at = c->at;
	char *out = c->out;

	while (out < c->out_end) {
		const char *behind = at <= c->fast ? read_fast(at, dtype, out) : NULL;
		if (!LIKELY(behind)) {
			if (at >= c->until)
				break;
			c->at = at;
			c->out = out;
			if (!read_rare(c, dtype))
				return false;
			behind = c->at;
		}
		out += element_bytes(dtype);
		at = *behind == ',' ? behind : skip_space(behind);
		if (*at != ',' || ++at >= c->until)
			break;
		at = skip_space(at);
	}
	c->at = at;
	c->out = out;
	return true;
}

/* ---- A chunk -------------------------------------------------------------- */

/* Skips the brackets in front of a value; an empty array is left open.  False
 * where the chunk is over. */
static bool read_opening(struct cursor *c, int *depth)
{
	c->at = skip_space(c->at);
	while (c->at < c->until && *c->at == '[') {
		++*depth;
		c->at = skip_space(c->at + 1);
	}
	return c->at < c->until;
}

/* Skips the brackets and the comma behind a value.  False where the chunk is
 * over. */
static bool read_closing(struct cursor *c, int *depth)
{
	c->at = skip_space(c->at);
	while (c->at < c->until && *c->at == ']') {
		c->at++;
		if (--*depth == 0)
			return false;
		c->at = skip_space(c->at);
	}
	if (c->at >= c->until)
		return false;
	if (*c->at != ',')
		return stop(c, READ_SEPARATOR);
	return ++c->at < c->until;
}

/* Whether what is here belongs to one level further down. */
static enum read_stop misplaced(const struct cursor *c)
{
	double value;
	if (*c->at == '-' || (*c->at >= '0' && *c->at <= '9') || find_word(c->at, c->end, &value))
		return READ_LEVEL;
	return *c->at == '"' ? READ_STRING : READ_VALUE;
}

ALWAYS_INLINE void read_nested(struct cursor *c, int depth, enum loss_dtype dtype)
{
	do {
		int outside = depth;
		if (!read_opening(c, &depth))
			return;
		bool empty = depth > outside && *c->at == ']';
		if (empty)
			continue;
		if (depth < c->reader->array->rank) {
			stop(c, misplaced(c));
			return;
		}
		/* Only an array that the skim found ragged holds more than there
		 * is room for. */
		if (c->out == c->out_end || !read_run(c, dtype))
			return;
	} while (read_closing(c, &depth));
}

/* Of a lone number nothing but its text may be looked at. */
static void read_lone(struct cursor *c, enum loss_dtype dtype)
{
	if (read_rare(c, dtype) && c->at != c->end)
		stop(c, READ_SEPARATOR);
}

size_t api_array_chunks(const struct api_array *array)
{
	return array->chunks;
}

/* From where on the skim found the array not worth reading. */
static uint64_t readable_bytes(const struct api_array *array)
{
	return array->problem == API_PROBLEM_NONE ? array->bytes : array->problem_offset;
}

static struct cursor cursor_of(const struct api_reader *reader, size_t chunk)
{
	const struct api_array *array = reader->array;
	const struct api_cut *cut = &array->cuts[chunk];
	bool last = chunk + 1 == array->chunks;
	uint64_t numbers_end = last ? array->numbers : cut[1].number;
	uint64_t until = last ? array->bytes : cut[1].offset;
	uint64_t readable = readable_bytes(array);
	size_t size = element_bytes(reader->dtype);

	return (struct cursor){
		.at = array->text + cut->offset,
		.out = (char *)reader->out + cut->number * size,
		.out_end = (char *)reader->out + numbers_end * size,
		.until = array->text + (until < readable ? until : readable),
		.fast = array->fast,
		.end = array->text + array->bytes,
		.reader = reader,
		.chunk = &reader->chunks[chunk],
	};
}

void api_array_read_chunk(struct api_reader *reader, size_t chunk)
{
	assert(chunk < reader->array->chunks);
	struct cursor c = cursor_of(reader, chunk);
	int depth = reader->array->cuts[chunk].depth;

	*c.chunk = (struct api_reader_chunk){.stop = READ_DONE};
	if (c.at >= c.until)
		return;
	if (reader->array->rank == 0)
		read_lone(&c, reader->dtype);
	else if (reader->dtype == LOSS_FLOAT32)
		read_nested(&c, depth, LOSS_FLOAT32);
	else if (reader->dtype == LOSS_FLOAT64)
		read_nested(&c, depth, LOSS_FLOAT64);
	else
		read_nested(&c, depth, LOSS_INT64);
}

/* ---- The whole ------------------------------------------------------------ */

enum api_problem api_array_read_begin(struct api_reader *reader, const struct api_array *array,
				      enum loss_dtype dtype, void *out, struct api_arena *arena)
{
	struct api_reader_chunk *chunks = api_arena_array(arena, array->chunks, sizeof(*chunks));

	*reader = (struct api_reader){array, dtype, out, chunks};
	return chunks ? API_PROBLEM_NONE : api_arena_problem(arena);
}

static void add_places(struct api_place *places, size_t *count, const struct api_place *more,
		       size_t more_count)
{
	for (size_t i = 0; i < more_count; i++)
		read_add_place(places, count, &more[i]);
}

static void add_refused(struct read_refused *sum, const struct read_refused *refused)
{
	sum->count += refused->count;
	add_places(sum->at, &sum->places, refused->at, refused->places);
}

static void add_stats(struct api_read_stats *sum, const struct api_read_stats *stats)
{
	sum->nan += stats->nan;
	sum->pos_inf += stats->pos_inf;
	sum->neg_inf += stats->neg_inf;
	sum->narrowed += stats->narrowed;
	add_places(sum->narrowed_at, &sum->narrowed_places, stats->narrowed_at,
		   stats->narrowed_places);
}

/* All chunks as one; false if one of them stopped, which is then the sum's. */
static bool join(struct api_reader_chunk *sum, const struct api_reader *reader)
{
	*sum = (struct api_reader_chunk){.stop = READ_DONE};
	for (size_t i = 0; i < reader->array->chunks; i++) {
		const struct api_reader_chunk *chunk = &reader->chunks[i];
		if (chunk->stop != READ_DONE) {
			*sum = *chunk;
			return false;
		}
		add_stats(&sum->stats, &chunk->stats);
		add_refused(&sum->fractions, &chunk->fractions);
		add_refused(&sum->too_large, &chunk->too_large);
	}
	sum->stats.numbers = reader->array->numbers;
	return true;
}

static enum api_problem check_integers(const struct api_reader_chunk *sum,
				       const struct read_place *place, struct api_fault *fault)
{
	if (sum->fractions.count > 0)
		return read_fault_refused(fault, place, API_TARGET_NOT_INTEGER, &sum->fractions,
					  sum->stats.numbers);
	if (sum->too_large.count > 0)
		return read_fault_refused(fault, place, API_TARGET_OUT_OF_RANGE, &sum->too_large,
					  sum->stats.numbers);
	return API_PROBLEM_NONE;
}

enum api_problem api_array_read_end(struct api_reader *reader, const struct api_document *doc,
				    const char *path, struct loss_tensor *tensor,
				    struct api_read_stats *stats, struct api_fault *fault)
{
	const struct api_array *array = reader->array;
	struct read_place place = {doc, array, path};
	struct api_reader_chunk sum;

	if (!join(&sum, reader))
		return read_fault_stop(fault, &place, sum.stop, sum.stopped_at);
	if (array->problem != API_PROBLEM_NONE)
		return read_fault_structure(fault, &place);
	enum api_problem problem = check_integers(&sum, &place, fault);
	if (problem)
		return problem;

	*tensor = (struct loss_tensor){reader->out, reader->dtype, array->rank, {0}};
	memcpy(tensor->shape, array->shape, sizeof(tensor->shape));
	if (stats)
		*stats = sum.stats;
	return API_PROBLEM_NONE;
}

enum api_problem api_array_read(const struct api_document *doc, const struct api_array *array,
				enum loss_dtype dtype, void *out, struct api_arena *arena,
				const char *path, struct loss_tensor *tensor,
				struct api_read_stats *stats, struct api_fault *fault)
{
	struct api_reader reader;
	enum api_problem problem = api_array_read_begin(&reader, array, dtype, out, arena);
	if (problem)
		return api_fault_set(fault, problem, "no memory to read %s", path);
	assert(reader.chunks);
	for (size_t i = 0; i < api_array_chunks(array); i++)
		api_array_read_chunk(&reader, i);
	return api_array_read_end(&reader, doc, path, tensor, stats, fault);
}
