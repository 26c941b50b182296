/*
 * The structure of an array of numbers, found at the speed of memory: where it
 * ends, its shape, whether it is ragged, and where threads may begin to read.
 * Only brackets, commas and quotes are looked at, 64 bytes at a time.
 */
#ifndef API_SKIM_H
#define API_SKIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "document.h"

/* About how much text one chunk of an array has. */
enum { API_CHUNK_BYTES = 128 << 10 };

/* How far a reader of numbers may look ahead, see struct api_array. */
enum { API_LOOKAHEAD_BYTES = 64 };

struct api_skim_start {
	const char *leaf; /* the first byte that is neither space nor '[' */
	int rank;         /* how many '[' stand before it */
	bool lifted;      /* the array is one of numbers */
	bool too_deep;    /* more than depth_max '[': leaf is the one too many */
};

/* Looks at the beginning of an array: `text` is its '['. */
void api_skim_start(struct api_skim_start *start, const char *text, const char *end,
		    uint64_t depth_max);

enum api_skim_end { API_SKIM_DONE, API_SKIM_TRUNCATED, API_SKIM_TOO_DEEP, API_SKIM_NO_MEMORY };

/* Skims the array at `text`, which api_skim_start() found to be lifted, and
 * fills `array`.  *stop is the byte behind it, or where it ceased to make
 * sense. */
enum api_skim_end api_skim_array(struct api_array *array, const char *text, const char *end,
				 const struct api_skim_start *start, uint64_t depth_max,
				 struct api_arena *arena, const char **stop);

/* The byte behind a string whose opening quote is at `text`; NULL if it does
 * not end. */
const char *api_skim_string(const char *text, const char *end);

#endif
