/* What is wrong with an array of numbers, in words, and where: found again from
 * the text, since only the first error of an array needs it. */
#include "numbers_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decimal.h"
#include "skim.h"

/* ---- Where ---------------------------------------------------------------- */

/* The arrays that are open somewhere, and the index of the present item in
 * each.  Deeper ones than any tensor has are counted, not indexed. */
struct trail {
	int depth;
	uint64_t index[LOSS_RANK_MAX + 1]; /* from 1 */
	bool empty;                        /* the innermost one has no item yet */
};

/* How many numbers one item of an array at `depth` holds; 0 if that is not
 * known, since no such item is complete. */
static uint64_t numbers_of_item(const struct api_array *array, int depth)
{
	uint64_t numbers = 1;
	for (int axis = depth; axis < array->rank; axis++)
		numbers *= array->shape[axis] > 0 ? (uint64_t)array->shape[axis] : 0;
	return numbers;
}

/* All is well before a cut that lies before the first error, so that the indices
 * there follow from the count of numbers. */
static void trail_at_cut(struct trail *trail, const struct api_array *array,
			 const struct api_cut *cut)
{
	*trail = (struct trail){.depth = cut->depth};
	uint64_t number = cut->number;
	for (int depth = 1; depth <= cut->depth; depth++) {
		uint64_t numbers = numbers_of_item(array, depth);
		trail->index[depth] = numbers ? number / numbers : 0;
		number -= trail->index[depth] * numbers;
	}
}

static void step(struct trail *trail, char c)
{
	if (c == '[') {
		trail->depth++;
		if (trail->depth <= LOSS_RANK_MAX)
			trail->index[trail->depth] = 0;
		trail->empty = true;
	} else if (c == ',') {
		if (trail->depth <= LOSS_RANK_MAX)
			trail->index[trail->depth]++;
	} else if (c == ']') {
		trail->depth--;
		trail->empty = false;
	} else if (!strchr(" \t\r\n", c)) {
		trail->empty = false;
	}
}

static void find_trail(struct trail *trail, const struct api_array *array, const char *at)
{
	/* Cuts of an array without numbers do not tell where they are. */
	size_t chunk = array->numbers > 0 ? array->chunks - 1 : 0;
	while (chunk > 0 && array->text + array->cuts[chunk].offset > at)
		chunk--;
	trail_at_cut(trail, array, &array->cuts[chunk]);
	for (const char *text = array->text + array->cuts[chunk].offset; text && text < at;) {
		step(trail, *text);
		text = *text == '"' ? api_skim_string(text, at) : text + 1;
	}
}

enum { POINTER_BYTES = 256 };

/* The pointer to what lies `depth` levels down the trail. */
static void write_pointer(char pointer[POINTER_BYTES], const char *path, const struct trail *trail,
			  int depth)
{
	int length = snprintf(pointer, POINTER_BYTES, "%s", path);
	for (int level = 1; level <= depth && level <= LOSS_RANK_MAX; level++)
		if (length >= 0 && length < POINTER_BYTES)
			length += snprintf(pointer + length, (size_t)(POINTER_BYTES - length),
					   "/%" PRIu64, trail->index[level]);
}

static void write_element_pointer(char pointer[POINTER_BYTES], const struct read_place *place,
				  uint64_t element)
{
	const struct api_array *array = place->array;
	struct api_cut cut = {.number = element, .depth = array->rank};
	struct trail trail;
	trail_at_cut(&trail, array, &cut);
	write_pointer(pointer, place->path, &trail, array->rank);
}

/* ---- What was found ------------------------------------------------------- */

enum { FOUND_BYTES = 64, EXCERPT_BYTES = 32 };

/* The beginning of a stretch of text, as printable ASCII. */
static void write_excerpt(char found[FOUND_BYTES], const char *text, size_t bytes)
{
	bool cut = bytes > EXCERPT_BYTES;
	snprintf(found, FOUND_BYTES, "%.*s%s", (int)(cut ? EXCERPT_BYTES : bytes), text,
		 cut ? "..." : "");
	for (char *c = found; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

static void write_byte(char found[FOUND_BYTES], const char *at, const char *end)
{
	if (at >= end)
		snprintf(found, FOUND_BYTES, "the end");
	else if (*at > ' ' && *at <= '~')
		snprintf(found, FOUND_BYTES, "'%c'", *at);
	else
		snprintf(found, FOUND_BYTES, "the byte 0x%02X", (unsigned char)*at);
}

static void write_string(char found[FOUND_BYTES], const char *at, const char *end)
{
	const char *behind = api_skim_string(at, end);
	write_excerpt(found, at, (size_t)((behind ? behind : end) - at));
}

/* ---- Faults --------------------------------------------------------------- */

static enum api_problem tell(struct api_fault *fault, const struct read_place *place,
			     enum api_problem problem, const char *pointer, const char *at,
			     const char *text)
{
	api_fault_set(fault, problem, "%s: %s", *pointer ? pointer : "the value", text);
	api_fault_pointer(fault, "%s", pointer);
	api_fault_position(fault, place->doc->text, place->doc->bytes,
			   (size_t)(at - place->doc->text));
	return problem;
}

/* The pointer to a first item as deep as this, by which the others are measured. */
static void write_first(char pointer[POINTER_BYTES], const char *path, int depth)
{
	const struct trail first = {0};
	write_pointer(pointer, path, &first, depth);
}

enum api_problem read_fault_stop(struct api_fault *fault, const struct read_place *place,
				 enum read_stop stop, const char *at)
{
	const char *end = place->array->text + place->array->bytes;
	char pointer[POINTER_BYTES], first[POINTER_BYTES], found[FOUND_BYTES];
	char text[POINTER_BYTES + FOUND_BYTES];
	enum api_problem problem = API_SYNTAX;
	const char *why = "";
	struct trail trail;

	find_trail(&trail, place->array, at);
	write_pointer(pointer, place->path, &trail, trail.depth);
	switch (stop) {
	case READ_DONE:
	case READ_VALUE:
		write_byte(found, at, end);
		snprintf(text, sizeof(text), "a number was expected, found %s", found);
		break;
	case READ_NUMBER:
		decimal_check(at, end, &at, &why);
		snprintf(text, sizeof(text), "%s", why);
		break;
	case READ_STRING:
		problem = API_WRONG_TYPE;
		write_string(found, at, end);
		snprintf(text, sizeof(text), "a number was expected, found the string %s", found);
		break;
	case READ_SEPARATOR:
		write_byte(found, at, end);
		snprintf(text, sizeof(text), "',' or ']' was expected, found %s", found);
		break;
	case READ_LEVEL:
		problem = API_RAGGED_ARRAY;
		write_first(first, place->path, trail.depth);
		snprintf(text, sizeof(text), "a number, expected an array as in %s", first);
		break;
	}
	return tell(fault, place, problem, pointer, at, text);
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* At the end of an array that has another number of items than the first of
 * its level. */
static enum api_problem tell_ragged(struct api_fault *fault, const struct read_place *place,
				    const struct trail *trail, const char *at)
{
	const struct api_array *array = place->array;
	int outside = trail->depth - 1;
	uint64_t items = trail->empty ? 0 : trail->index[trail->depth] + 1;
	const char *what = trail->depth == array->rank ? "number" : "array";
	char pointer[POINTER_BYTES], first[POINTER_BYTES], text[POINTER_BYTES + 128];

	write_pointer(pointer, place->path, trail, outside);
	write_first(first, place->path, outside);
	snprintf(text, sizeof(text), "%" PRIu64 " %s%s, expected %" PRId64 " as in %s", items, what,
		 plural(items), array->shape[outside], first);
	return tell(fault, place, API_RAGGED_ARRAY, pointer, at, text);
}

enum api_problem read_fault_structure(struct api_fault *fault, const struct read_place *place)
{
	const struct api_array *array = place->array;
	const char *at = array->text + array->problem_offset;
	char pointer[POINTER_BYTES], first[POINTER_BYTES], text[POINTER_BYTES + 128];
	struct trail trail;

	find_trail(&trail, array, at);
	if (*at == ']')
		return tell_ragged(fault, place, &trail, at);
	write_pointer(pointer, place->path, &trail, trail.depth);
	write_first(first, place->path, trail.depth);
	switch (array->problem) {
	case API_RANK:
		snprintf(text, sizeof(text),
			 "an array within %d arrays, more axes than a tensor has", LOSS_RANK_MAX);
		break;
	case API_RAGGED_ARRAY:
		snprintf(text, sizeof(text), "an array, expected a number as in %s", first);
		break;
	case API_WRONG_TYPE:
		snprintf(text, sizeof(text), "a number was expected, found an object");
		break;
	default:
		snprintf(text, sizeof(text), "',' or ']' was expected, found '%c'", *at);
		break;
	}
	enum api_problem problem = tell(fault, place, array->problem, pointer, at, text);
	if (problem == API_RANK)
		api_fault_limit(fault, LOSS_RANK_MAX, (uint64_t)trail.depth + 1);
	return problem;
}

/* "/targets/3: 2.5 is not an integer; so are 2 more of 10, at /targets/5, ..." */
enum api_problem read_fault_refused(struct api_fault *fault, const struct read_place *place,
				    enum api_problem problem, const struct read_refused *refused,
				    uint64_t numbers)
{
	char pointer[POINTER_BYTES], first[POINTER_BYTES], found[FOUND_BYTES], text[512];

	write_excerpt(found, refused->at[0].text, refused->at[0].bytes);
	int length = snprintf(text, sizeof(text), "%s %s", found,
			      problem == API_TARGET_NOT_INTEGER ? "is not an integer"
								: "is too large for an index");
	if (refused->count > 1)
		length +=
			snprintf(text + length, sizeof(text) - (size_t)length,
				 "; the same goes for %" PRIu64 " more of %" PRIu64 " numbers, at",
				 refused->count - 1, numbers);
	for (size_t i = 1; i < refused->places; i++) {
		write_element_pointer(pointer, place, refused->at[i].element);
		size_t room = sizeof(text) - (size_t)length;
		int added = snprintf(text + length, room, "%s %s", i > 1 ? "," : "", pointer);
		if ((size_t)added >= room) {
			text[length] = '\0';
			break;
		}
		length += added;
	}
	if (refused->count > refused->places)
		snprintf(text + length, sizeof(text) - (size_t)length, ", ...");
	write_element_pointer(first, place, refused->at[0].element);
	return tell(fault, place, problem, first, refused->at[0].text, text);
}
