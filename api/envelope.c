#include "envelope.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "decimal.h"
#include "skim.h"

struct level {
	bool array;
	uint64_t members;
};

struct reducer {
	struct envelope *envelope;
	struct api_arena *arena;
	const struct api_limits *limits;
	struct api_fault *fault;

	const char *at, *end;
	const char *copied;   /* up to here the original is in the reduced text */
	char before;          /* the latest byte of structure, 'v' for a value, 0 at first */
	const char *unlifted; /* arrays that begin before this have a leaf that is no number */
	uint64_t values, values_max;
	uint64_t depth, depth_max;
	struct level levels[ENVELOPE_DEPTH_MAX + 1];
};

enum step { GO_ON, STOP, FAIL };

/* ---- Failing -------------------------------------------------------------- */

static size_t offset_of(const struct reducer *r, const char *at)
{
	return (size_t)(at - r->envelope->original);
}

static enum step fail_memory(struct reducer *r)
{
	enum api_problem problem = api_arena_problem(r->arena);
	api_fault_set(r->fault, problem, "there is no memory to read the document");
	return FAIL;
}

static enum step fail_limit(struct reducer *r, enum api_problem problem, const char *at,
			    const char *what, uint64_t limit, uint64_t actual)
{
	api_fault_set(r->fault, problem, "%s: %" PRIu64 ", at most %" PRIu64 " are allowed", what,
		      actual, limit);
	api_fault_limit(r->fault, limit, actual);
	api_fault_position(r->fault, r->envelope->original, r->envelope->original_bytes,
			   offset_of(r, at));
	return FAIL;
}

/* jansson overlooks one behind a number. */
static enum step fail_zero(struct reducer *r)
{
	api_fault_set(r->fault, API_SYNTAX, "a byte of zero stands in the document");
	api_fault_position(r->fault, r->envelope->original, r->envelope->original_bytes,
			   offset_of(r, r->at));
	return FAIL;
}

/* ---- The reduced text ----------------------------------------------------- */

static bool append(struct reducer *r, const char *text, size_t bytes)
{
	struct envelope_text *reduced = &r->envelope->reduced;
	if (bytes > reduced->room - reduced->used) {
		size_t room = reduced->room ? reduced->room : 1024;
		while (room - reduced->used < bytes)
			room *= 2;
		char *grown = api_arena_grow(r->arena, reduced->data, reduced->used, reduced->room,
					     room, 1);
		if (!grown)
			return false;
		reduced->data = grown;
		reduced->room = room;
	}
	memcpy(reduced->data + reduced->used, text, bytes);
	reduced->used += bytes;
	return true;
}

static bool copy_up_to(struct reducer *r, const char *at)
{
	const char *from = r->copied;
	r->copied = at;
	return at == from || append(r, from, (size_t)(at - from));
}

static bool note_edit(struct reducer *r, const struct envelope_edit *edit)
{
	struct envelope_edits *edits = &r->envelope->edits;
	if (edits->used == edits->room) {
		size_t room = edits->room ? 2 * edits->room : 16;
		void *grown = api_arena_grow(r->arena, edits->data, edits->used, edits->room, room,
					     sizeof(*edits->data));
		if (!grown)
			return false;
		edits->data = grown;
		edits->room = room;
	}
	edits->data[edits->used++] = *edit;
	return true;
}

/* Puts `text` in the place of the original from `at` to `behind`. */
static bool replace(struct reducer *r, const char *at, const char *behind, const char *text)
{
	size_t bytes = strlen(text);
	if (!copy_up_to(r, at) || !append(r, text, bytes))
		return false;
	r->copied = behind;
	size_t end = r->envelope->reduced.used;
	return note_edit(r, &(struct envelope_edit){offset_of(r, at), offset_of(r, behind),
						    end - bytes, end});
}

size_t envelope_original_offset(const struct envelope *envelope, size_t reduced)
{
	const struct envelope_edit *edits = envelope->edits.data;
	size_t low = 0, high = envelope->edits.used; /* the edits before `reduced` */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (edits[middle].reduced <= reduced)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return reduced;
	const struct envelope_edit *edit = &edits[low - 1];
	if (reduced < edit->reduced_end)
		return edit->original;
	return edit->original_end + (reduced - edit->reduced_end);
}

/* ---- Counting ------------------------------------------------------------- */

/* What jansson takes for its nodes, generously: node, allocator, hash table. */
enum { VALUE_BYTES = 64, MEMBER_BYTES = 128, ARRAY_BYTES = 160, OBJECT_BYTES = 320 };

static enum step count_value(struct reducer *r, const char *at, uint64_t jansson_bytes)
{
	r->before = 'v';
	r->envelope->jansson_bytes += jansson_bytes;
	if (++r->values > r->values_max)
		return fail_limit(r, API_TOO_MUCH_MEMORY, at,
				  "too many values outside arrays of numbers", r->values_max,
				  r->values);
	return GO_ON;
}

/* ---- Lifting -------------------------------------------------------------- */

/* Room for one more array; NULL for want of memory. */
static struct api_array *next_array(struct reducer *r)
{
	struct envelope_arrays *arrays = &r->envelope->arrays;
	if (arrays->used == arrays->room) {
		size_t room = arrays->room ? 2 * arrays->room : 8;
		void *grown = api_arena_grow(r->arena, arrays->data, arrays->used, arrays->room,
					     room, sizeof(*arrays->data));
		if (!grown)
			return NULL;
		arrays->data = grown;
		arrays->room = room;
	}
	return &arrays->data[arrays->used];
}

/* The array that next_array() gave is filled: puts its placeholder. */
static enum step put_placeholder(struct reducer *r, const char *at, const char *behind)
{
	char placeholder[32];
	snprintf(placeholder, sizeof(placeholder), "[%zu]", r->envelope->arrays.used++);
	if (!replace(r, at, behind, placeholder))
		return fail_memory(r);
	r->at = behind;
	return count_value(r, at, ARRAY_BYTES + VALUE_BYTES);
}

static enum step fail_too_deep(struct reducer *r, const char *at)
{
	return fail_limit(r, API_TOO_DEEP, at, "too many levels of nesting", r->depth_max,
			  r->depth_max + 1);
}

static enum step lift_array(struct reducer *r, const struct api_skim_start *start)
{
	const char *stop;
	struct envelope *envelope = r->envelope;
	struct api_array *array = next_array(r);
	if (!array)
		return fail_memory(r);

	switch (api_skim_array(array, r->at, r->end, start, r->depth_max - r->depth, r->arena,
			       &stop)) {
	case API_SKIM_DONE:
		break;
	case API_SKIM_TOO_DEEP:
		return fail_too_deep(r, stop);
	case API_SKIM_NO_MEMORY:
		return fail_memory(r);
	case API_SKIM_TRUNCATED:
		/* jansson shall see that something is missing. */
		r->at++;
		return STOP;
	}
	envelope->numbers += array->numbers;
	if (envelope->numbers > r->limits->elements)
		return fail_limit(r, API_TOO_MANY_ELEMENTS, r->at, "too many numbers",
				  r->limits->elements, envelope->numbers);
	return put_placeholder(r, r->at, stop);
}

static enum step lift_scalar(struct reducer *r, const char *at, const char *behind)
{
	static const struct api_cut start = {0, 0, 0};
	struct api_array *array = next_array(r);
	if (!array)
		return fail_memory(r);
	*array = (struct api_array){.text = at,
				    .bytes = (size_t)(behind - at),
				    .numbers = 1,
				    .cuts = &start,
				    .chunks = 1};
	return put_placeholder(r, at, behind);
}

/* ---- Scalars -------------------------------------------------------------- */

/* Whether what jansson makes of an integer is what is written. */
static bool holds_integer(const char *text, size_t bytes)
{
	int64_t value;
	if (bytes == 2 && memcmp(text, "-0", 2) == 0)
		return false;
	return bytes <= 18 || decimal_exact_int64(text, bytes, &value) == DECIMAL_INTEGER;
}

/* A float64 does for a float32 unless rounding twice gives another value, and
 * for an integer if it is below 2^53. */
static bool holds_real(const char *text, size_t bytes)
{
	double real = decimal_exact_float64(text, bytes);
	return fabs(real) < 0x1p53 && (float)real == decimal_exact_float32(text, bytes);
}

static bool holds(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (text[i] == '.' || text[i] == 'e' || text[i] == 'E')
			return holds_real(text, bytes);
	return holds_integer(text, bytes);
}

static bool is_number(const char *text, const char *behind)
{
	const char *wrong_at, *why;
	return decimal_check(text, behind, &wrong_at, &why) == behind;
}

static bool is_word(const char *text, const char *behind, const char *word)
{
	size_t bytes = strlen(word);
	return (size_t)(behind - text) == bytes && memcmp(text, word, bytes) == 0;
}

/* Whether a value may stand here; a name may not be replaced by one. */
static bool expects_value(const struct reducer *r)
{
	if (r->depth > 0 && r->levels[r->depth].array)
		return r->before == '[' || r->before == ',';
	return r->before == ':';
}

static enum step take_scalar(struct reducer *r)
{
	static const char *const words[][2] = {
		{"NaN", "\"NaN\""}, {"Infinity", "\"Infinity\""}, {"-Infinity", "\"-Infinity\""}};
	const char *at = r->at, *behind = at;
	while (behind < r->end && !strchr(" \t\r\n,:[]{}\"", *behind))
		behind++;
	r->at = behind;
	if (expects_value(r)) {
		for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
			if (is_word(at, behind, words[i][0]) &&
			    !replace(r, at, behind, words[i][1]))
				return fail_memory(r);
		if (is_number(at, behind) && !holds(at, (size_t)(behind - at)))
			return lift_scalar(r, at, behind);
	}
	return count_value(r, at, VALUE_BYTES);
}

static enum step take_string(struct reducer *r)
{
	const char *at = r->at;
	const char *behind = api_skim_string(at, r->end);
	r->at = behind ? behind : r->end;
	if (!behind)
		return STOP;
	uint64_t bytes = (uint64_t)(behind - at) - 2;
	if (bytes > r->limits->string_bytes)
		return fail_limit(r, API_STRING_TOO_LONG, at, "too many bytes in a string",
				  r->limits->string_bytes, bytes);
	return count_value(r, at, VALUE_BYTES + bytes);
}

/* ---- Structure ------------------------------------------------------------ */

static enum step take_open(struct reducer *r, bool array)
{
	const char *at = r->at++;
	if (r->depth == r->depth_max)
		return fail_too_deep(r, at);
	enum step step = count_value(r, at, array ? ARRAY_BYTES : OBJECT_BYTES);
	r->levels[++r->depth] = (struct level){array, 1};
	r->before = *at;
	return step;
}

static enum step take_array(struct reducer *r)
{
	struct api_skim_start start;
	/* [[["name"]]]: looking ahead once answers for all three. */
	if (r->at < r->unlifted)
		return take_open(r, true);
	api_skim_start(&start, r->at, r->end, r->depth_max - r->depth);
	if (start.too_deep)
		return fail_too_deep(r, start.leaf);
	if (start.lifted)
		return lift_array(r, &start);
	r->unlifted = start.leaf;
	return take_open(r, true);
}

static enum step take_close(struct reducer *r)
{
	bool array = *r->at++ == ']';
	r->before = 'v';
	if (r->depth == 0 || r->levels[r->depth].array != array)
		return STOP;
	r->depth--;
	return GO_ON;
}

static enum step take_comma(struct reducer *r)
{
	const char *at = r->at++;
	r->before = ',';
	if (r->depth == 0)
		return STOP;
	struct level *level = &r->levels[r->depth];
	level->members++;
	r->envelope->jansson_bytes += MEMBER_BYTES;
	if (!level->array && level->members > r->limits->members)
		return fail_limit(r, API_TOO_MANY_MEMBERS, at, "too many members of an object",
				  r->limits->members, level->members);
	return GO_ON;
}

static enum step take_token(struct reducer *r)
{
	switch (*r->at) {
	case '"':
		return take_string(r);
	case '{':
		return take_open(r, false);
	case '[':
		return take_array(r);
	case '}':
	case ']':
		return take_close(r);
	case ',':
		return take_comma(r);
	case ':':
		r->before = *r->at++;
		return GO_ON;
	case '\0':
		return fail_zero(r);
	default:
		return take_scalar(r);
	}
}

static enum step take(struct reducer *r)
{
	if (strchr(" \t\r\n", *r->at) && *r->at) {
		r->at++;
		return GO_ON;
	}
	bool over = r->depth == 0 && r->before == 'v';
	enum step step = take_token(r);
	return over && step == GO_ON ? STOP : step;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

enum api_problem envelope_reduce(struct envelope *envelope, struct api_arena *arena,
				 const char *text, size_t bytes, const struct api_limits *limits,
				 struct api_fault *fault)
{
	*envelope = (struct envelope){.original = text, .original_bytes = bytes};
	struct api_fault own;
	struct reducer r = {.envelope = envelope,
			    .arena = arena,
			    .limits = limits,
			    .fault = fault ? fault : &own,
			    .at = text,
			    .end = text + bytes,
			    .copied = text,
			    .depth_max = smaller(limits->depth, ENVELOPE_DEPTH_MAX)};
	if (__builtin_mul_overflow(limits->batch_items, limits->members, &r.values_max))
		r.values_max = UINT64_MAX;

	enum step step = GO_ON;
	while (step == GO_ON && r.at < r.end)
		step = take(&r);
	if (step != FAIL && !copy_up_to(&r, r.at))
		step = fail_memory(&r);
	return step == FAIL ? r.fault->problem : API_PROBLEM_NONE;
}
