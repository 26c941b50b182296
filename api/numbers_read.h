/* What a chunk of an array tells about itself: between numbers_read.c, which
 * reads it, and numbers_fault.c, which puts into words what stopped it. */
#ifndef API_NUMBERS_READ_H
#define API_NUMBERS_READ_H

#include "numbers.h"

/* What stands for a number without being one. */
struct read_word {
	const char *text;
	double value;
	bool quotable; /* also as a string */
};

/* The word that begins at `text`, or NULL. */
const struct read_word *read_word_at(const char *text, const char *end);

enum read_stop {
	READ_DONE,
	READ_VALUE,     /* no value begins here */
	READ_NUMBER,    /* a number against the grammar */
	READ_STRING,    /* a string that stands for no number */
	READ_SEPARATOR, /* neither a comma nor a bracket */
	READ_LEVEL,     /* a number where an array should be */
};

/* Elements that cannot be integers. */
struct read_refused {
	uint64_t count;
	struct api_place at[API_PLACES_MAX];
	size_t places;
};

void read_add_place(struct api_place *places, size_t *count, const struct api_place *place);

struct api_reader_chunk {
	enum read_stop stop;
	const char *stopped_at;
	struct api_read_stats stats;
	struct read_refused fractions, too_large;
};

/* A byte of a document inside one of its arrays, and the pointer to the array. */
struct read_place {
	const struct api_document *doc;
	const struct api_array *array;
	const char *path;
};

enum api_problem read_fault_stop(struct api_fault *fault, const struct read_place *place,
				 enum read_stop stop, const char *at);

/* What the skim found wrong with the structure: array->problem. */
enum api_problem read_fault_structure(struct api_fault *fault, const struct read_place *place);

/* `refused` is not empty; `problem` is API_TARGET_NOT_INTEGER or
 * API_TARGET_OUT_OF_RANGE. */
enum api_problem read_fault_refused(struct api_fault *fault, const struct read_place *place,
				    enum api_problem problem, const struct read_refused *refused,
				    uint64_t numbers);

#endif
