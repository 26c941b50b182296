/*
 * The shortest text that reads back as a float, faster than std::to_chars and
 * with the same bytes; and the same for half precision.  Private to
 * numbers_write.c.
 *
 * Numbers are taken in batches: their texts are laid out without a branch that
 * depends on a number, then put one behind the other.  Which form the next number
 * has, how many digits, how it rounds, nobody can predict.
 */
#ifndef API_SHORTEST_H
#define API_SHORTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../lib/loss.h"

enum {
	SHORTEST_BATCH = 32,
	SHORTEST_DIGITS = 24, /* that a text takes at most of the digits, with zeros */
	/* Room that must be at `out`; the text itself is at most 15 (float32) or 24
	 * (float64) bytes long. */
	SHORTEST_ROOM_BYTES = 48,
};

/* A sign, "0.000" if it is small, digits with a point among them, a suffix. */
struct shortest_text {
	char digits[48];
	uint64_t suffix; /* "e-05," or ",", as it lies in memory */
	uint8_t negative;
	uint8_t zeros;  /* bytes of "0.000" */
	uint8_t first;  /* of the digits */
	uint8_t point;  /* digits in front of it */
	uint8_t length; /* without the suffix */
	uint8_t bytes;  /* without the comma; 0: api_text_of_float32() is to write it */
};

/* Lays out the texts of numbers. */
void shortest_float32(struct shortest_text *texts, const float *values, size_t count);
void shortest_float64(struct shortest_text *texts, const double *values, size_t count);

/* `value` is a number of that precision, and so is what reads back. Returns the end. */
char *shortest_half(char *out, enum loss_precision precision, float value);

/* Copies sixteen of the digits from `at` on, with room for the point. */
static inline __attribute__((always_inline)) void
shortest_put_digits(char *out, const struct shortest_text *text, size_t at)
{
	typedef uint64_t word __attribute__((vector_size(16)));
	static const uint64_t window[] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, 0, 0, 0, 0};
	const char *digits = text->digits + text->first + at;
	word before, behind, in_front;

	memcpy(&in_front, (const char *)window + SHORTEST_DIGITS - text->point + at,
	       sizeof in_front);
	memcpy(&before, digits, sizeof before);
	memcpy(&behind, digits - 1, sizeof behind);
	before = (before & in_front) | (behind & ~in_front);
	memcpy(out + at, &before, sizeof before);
}

/* Writes a text that has bytes, and a comma; returns the end without that. */
static inline __attribute__((always_inline)) char *
shortest_put(char *out, const struct shortest_text *text, bool wide)
{
	char *number = out + text->negative, *digits = number + text->zeros;

	*out = '-';
	memcpy(number, "0.000000", 8);
	shortest_put_digits(digits, text, 0);
	if (wide)
		shortest_put_digits(digits, text, 16);
	digits[text->point] = '.';
	memcpy(out + text->length, &text->suffix, sizeof text->suffix);
	return out + text->bytes;
}

#endif
