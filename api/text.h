/*
 * JSON text as it is written: members in the order they are put, commas by
 * themselves, strings escaped, numbers as api_number_write() gives them.
 *
 * The text grows as a chain of slices on an arena and is never copied; a tensor
 * already written (numbers.h) joins it as slices of its own.  Once memory
 * is short every further call does nothing, and `failed` says so: writers look
 * at the end only.
 */
#ifndef API_TEXT_H
#define API_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/loss.h"
#include "api.h"
#include "arena.h"
#include "numbers.h"

struct api_text {
	struct api_arena *arena; /* NULL: only the room given at the start */
	enum api_nonfinite nonfinite;
	struct api_slice *slices; /* behind the current one nothing may follow */
	size_t slice_count, slice_room;
	char *start, *next, *end; /* the piece being written */
	size_t bytes;             /* of the finished slices */
	bool failed;
	bool comma; /* a value stands before the next one */
};

void api_text_init(struct api_text *text, struct api_arena *arena);

/* Text in a buffer of the caller; what does not fit fails. */
void api_text_init_fixed(struct api_text *text, char *room, size_t bytes);

/* Ends the text.  The slices live as long as the arena; false if it failed.
 * Not for fixed text, which stands between `start` and `next`. */
bool api_text_end(struct api_text *text, const struct api_slice **slices, size_t *count,
		  size_t *bytes);

/* Ends the text as one malloc()ed string with a NUL behind it, NULL if it failed. */
char *api_text_copy(struct api_text *text, size_t *bytes);

/* Bytes as they are: JSON that somebody wrote, or the inside of plain text. */
void api_text_raw(struct api_text *text, const char *data, size_t bytes);
void api_text_format(struct api_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A value written elsewhere, put in without a copy. */
void api_text_slices(struct api_text *text, const struct api_slice *slices, size_t count);

/* `bracket` is '{' or '['; the end takes '}' or ']'. */
void api_text_open(struct api_text *text, char bracket);
void api_text_close(struct api_text *text, char bracket);
void api_text_key(struct api_text *text, const char *key);

void api_text_string(struct api_text *text, const char *value);
void api_text_bool(struct api_text *text, bool value);
void api_text_null(struct api_text *text);
void api_text_integer(struct api_text *text, int64_t value);
void api_text_unsigned(struct api_text *text, uint64_t value);
void api_text_real(struct api_text *text, double value);
void api_text_json(struct api_text *text, const char *json); /* a value as JSON */

/* A key and its value. */
void api_text_member(struct api_text *text, const char *key, const char *value);
void api_text_member_json(struct api_text *text, const char *key, const char *json);
void api_text_member_bool(struct api_text *text, const char *key, bool value);
void api_text_member_integer(struct api_text *text, const char *key, int64_t value);
void api_text_member_unsigned(struct api_text *text, const char *key, uint64_t value);
void api_text_member_real(struct api_text *text, const char *key, double value);
void api_text_member_shape(struct api_text *text, const char *key, int rank, const int64_t *shape);
void api_text_member_open(struct api_text *text, const char *key, char bracket);

#endif
