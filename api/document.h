/*
 * A JSON request, read: the envelope as jansson nodes, every array of numbers
 * as a stretch of text whose shape is known.
 *
 * The text is passed over once.  An array whose first leaf is a number, null,
 * true, false, NaN, Infinity, -Infinity (bare or quoted), or that holds no leaf
 * at all, is LIFTED: it becomes a struct api_array, and the text that jansson
 * sees holds a placeholder instead.  Other arrays ("gradient": ["logits"],
 * "batch": [{...}]) are jansson's.  A placeholder cannot be forged, because
 * whatever a client could write to look like one is itself lifted.
 *
 * What stands inside a lifted array is not looked at here beyond its brackets,
 * commas and strings: api_array_read_*() in numbers.h checks the rest.  A
 * decoder must therefore read or refuse every lifted array it meets.
 *
 * NUMBERS OUTSIDE ARRAYS reach the decoder in several forms (integer, real,
 * string, a lifted array of rank 0 where jansson could not hold the value as it
 * is written): use api_scalar_read() of numbers.h, never json_number_value().
 *
 * MEMORY.  All but jansson's nodes lies in the arena; those are estimated and
 * charged to it.  The text must outlive the document.
 *
 * THREADS.  After api_document_read() the document is constant.
 */
#ifndef API_DOCUMENT_H
#define API_DOCUMENT_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "loss.h"
#include "api.h"
#include "arena.h"
#include "fault.h"

/* A place between two numbers where a thread may begin to read. */
struct api_cut {
	uint64_t offset; /* in the array's text, behind a comma */
	uint64_t number; /* how many numbers stand before it, if all is well so far */
	int depth;       /* how many arrays are open there */
};

/* One lifted array.  `rank` and `shape` hold if `problem` is
 * API_PROBLEM_NONE and the numbers themselves turn out well. */
struct api_array {
	const char *text; /* from '[' to ']'; for rank 0 the number itself */
	size_t bytes;
	uint64_t numbers; /* room needed to read it; exact for a sound array */
	int rank;
	int64_t shape[LOSS_RANK_MAX];

	/* What is wrong with the shape, and where in the text it was noticed.
	 * Reported by api_array_read_end(), unless something stands before it. */
	enum api_problem problem;
	uint64_t problem_offset;

	const struct api_cut *cuts; /* one per chunk; the first is the start */
	size_t chunks;
	const char *fast; /* up to here a reader may look 64 bytes ahead */
};

struct api_document {
	json_t *root; /* an object */
	const char *text;
	size_t bytes;
	const struct api_array *arrays;
	size_t array_count;
	uint64_t numbers; /* in all arrays together */
};

/* Reads a document.  On failure the fault says what and where, in the original
 * text, and the document is empty.  Problems: API_SYNTAX, API_DUPLICATE_MEMBER,
 * API_TOO_DEEP, API_TOO_MANY_MEMBERS, API_STRING_TOO_LONG,
 * API_TOO_MANY_ELEMENTS, API_WRONG_TYPE (not an object), API_TOO_MUCH_MEMORY,
 * API_MEMORY_FULL. */
enum api_problem api_document_read(struct api_document *doc, struct api_arena *arena,
				   const char *text, size_t bytes, const struct api_limits *limits,
				   struct api_fault *fault);

/* Lets go of jansson's nodes; the rest is the arena's. */
void api_document_release(struct api_document *doc);

/* The lifted array that a node stands for, NULL if it is no placeholder. */
const struct api_array *api_document_array(const struct api_document *doc, const json_t *node);

#endif
