/*
 * The text of a request with its arrays of numbers lifted out: what is left is
 * what jansson reads.  Private to document.c.
 */
#ifndef API_ENVELOPE_H
#define API_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "document.h"
#include "fault.h"

/* However high the limit is: jansson's parser is recursive, its own bound 2048. */
enum { ENVELOPE_DEPTH_MAX = 512 };

/* A stretch of the original and what stands for it. */
struct envelope_edit {
	size_t original, original_end;
	size_t reduced, reduced_end;
};

/* Arrays that grow in an arena. */
struct envelope_text {
	char *data;
	size_t used, room;
};
struct envelope_edits {
	struct envelope_edit *data;
	size_t used, room;
};
struct envelope_arrays {
	struct api_array *data;
	size_t used, room;
};

struct envelope {
	const char *original;
	size_t original_bytes;
	struct envelope_text reduced;
	struct envelope_edits edits;
	struct envelope_arrays arrays;
	uint64_t numbers;
	uint64_t jansson_bytes; /* an upper estimate of what jansson's nodes will take */
};

/* Lifts and counts, and keeps the limits.  Errors of syntax are left for jansson
 * to find in the reduced text, which ends behind the first one that was noticed
 * here. */
enum api_problem envelope_reduce(struct envelope *envelope, struct api_arena *arena,
				 const char *text, size_t bytes, const struct api_limits *limits,
				 struct api_fault *fault);

/* The offset in the original text of an offset in the reduced text. */
size_t envelope_original_offset(const struct envelope *envelope, size_t reduced);

#endif
