/*
 * What went wrong with a request: the problem, a sentence, and where.  One
 * struct that the caller owns is handed down through decoding; whoever finds
 * the problem fills it, and the problem document is written from it.
 *
 * Every setter may be given NULL and then only returns the problem.
 */
#ifndef API_FAULT_H
#define API_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "problem.h"

struct api_fault {
	enum api_problem problem;
	char detail[512];  /* found, expected and where, in one sentence */
	char pointer[256]; /* RFC 6901 */
	bool has_pointer;
	uint64_t line, column, offset; /* line and column from 1 (0: none), offset from 0 */
	bool has_position;
	uint64_t limit, actual;
	bool has_limit;
};

/* Starts the fault afresh, without pointer, position or limit.  Text that does
 * not fit is cut at a character.  Returns `problem`. */
enum api_problem api_fault_set(struct api_fault *fault, enum api_problem problem,
			       const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The place as a JSON pointer, written as it is given. */
void api_fault_pointer(struct api_fault *fault, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The pointer's steps so far are inside member `name`, or inside item `index`:
 * puts one step before them (escaping ~ and /).  Starts a pointer if there was
 * none. */
void api_fault_inside(struct api_fault *fault, const char *name);
void api_fault_inside_item(struct api_fault *fault, uint64_t index);

/* The place as an offset into the document's text, from which line and column
 * follow.  A column counts characters, not bytes. */
void api_fault_position(struct api_fault *fault, const char *text, size_t bytes, size_t offset);

/* The same where there are no lines. */
void api_fault_offset(struct api_fault *fault, uint64_t offset);

void api_fault_limit(struct api_fault *fault, uint64_t limit, uint64_t actual);

#endif
