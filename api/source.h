/*
 * Where in a request something stands: the steps of its JSON pointer, each with
 * a link to the one before it, so that a step costs nothing until a pointer is
 * needed.
 */
#ifndef API_SOURCE_H
#define API_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

/* Where a member really stands, in a document that is not the one that is
 * decoded: its pointer, and whether that is as near as a pointer can come. */
struct api_source_place {
	const char *name;    /* NULL ends a list: every other member */
	const char *pointer; /* NULL: where it seems */
	bool is_whole;
};

struct api_source {
	const struct api_source *parent; /* NULL: this is the document */
	const char *name;                /* a member; NULL: item `index` of an array */
	uint64_t index;
	const struct api_source_place *places; /* of a document's members; NULL: where they seem */
};

enum { API_SOURCE_BYTES_MAX = 256 };

/* The JSON pointer (RFC 6901), "" for the document; cut where it does not fit. */
const char *api_source_path(const struct api_source *source, char path[API_SOURCE_BYTES_MAX]);

/* A fault at this place: the sentence is led by the pointer. Returns `problem`. */
enum api_problem api_source_fail(const struct api_source *source, struct api_fault *fault,
				 enum api_problem problem, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The same for a member `name` of this place. */
enum api_problem api_source_fail_member(const struct api_source *source, const char *name,
					struct api_fault *fault, enum api_problem problem,
					const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* The same with `tail`, further steps as pointer text ("/3/1"). */
enum api_problem api_source_fail_at(const struct api_source *source, const char *tail,
				    struct api_fault *fault, enum api_problem problem,
				    const char *text);

#endif
