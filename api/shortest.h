/*
 * The shortest text that reads back as a float, faster than std::to_chars and
 * with the same bytes.  Private to numbers_write.c.
 *
 * Numbers are taken in batches: their texts are laid out side by side, without a
 * branch that depends on a number, then put one behind the other.  Which form the
 * next number has, how many digits, how it rounds, nobody can predict.
 */
#ifndef API_SHORTEST_H
#define API_SHORTEST_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../lib/loss.h"

enum {
	SHORTEST_BATCH = 32,
	SHORTEST_DIGITS = 24, /* that a text takes at most of the digits, with zeros */
	SHORTEST_WORDS = SHORTEST_DIGITS / 8,
	/* Room that must be at `out`; the text itself is at most 15 (float32) or 24
	 * (float64) bytes long. */
	SHORTEST_ROOM_BYTES = 48,
};

/* Each text: a sign, "0.000" if it is small, digits with a point among them, a
 * suffix. */
struct shortest_batch {
	/* Eight characters a word, the first one lowest; zeros behind the last. */
	uint64_t digits[SHORTEST_WORDS][SHORTEST_BATCH];
	uint64_t suffix[SHORTEST_BATCH]; /* "e-05," or ",", likewise */
	int32_t negative[SHORTEST_BATCH];
	int32_t zeros[SHORTEST_BATCH];  /* bytes of "0.000" */
	int32_t point[SHORTEST_BATCH];  /* digits in front of it */
	int32_t length[SHORTEST_BATCH]; /* without the suffix */
	/* Without the comma; 0: api_text_of_float32() or _float64() is to write it. */
	int32_t bytes[SHORTEST_BATCH];
};

/* Lays out the texts of SHORTEST_BATCH floats of the dtype. */
typedef void shortest_fn(struct shortest_batch *batch, const void *values);

/* One for each instruction set, by the names of loss_isa(), from the least; a NULL
 * name ends them.  This machine runs those up to loss_isa(). */
struct shortest_set {
	const char *isa;
	shortest_fn *float32, *float64;
};
extern const struct shortest_set shortest_sets[];

/* That of loss_isa(). */
shortest_fn *shortest_of(enum loss_dtype dtype);

/* The float64 whose shortest text is that of `value`, a number of that precision and
 * read back as one. */
double shortest_half(enum loss_precision precision, float value);

/* Characters as they lie in memory. */
static inline __attribute__((always_inline)) uint64_t shortest_in_memory(uint64_t characters)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return __builtin_bswap64(characters);
#else
	return characters;
#endif
}

/* The digits of two words, of which `before` ends with the last character, moved
 * one place on behind the point. */
static inline __attribute__((always_inline)) void
shortest_put_digits(char *out, uint64_t before, uint64_t first, uint64_t second, size_t skip)
{
	typedef uint64_t pair __attribute__((vector_size(16)));
	/* Ones in front of the point, zeros behind it. */
	static const uint64_t window[2 * SHORTEST_WORDS + 1] = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
	pair plain = {shortest_in_memory(first), shortest_in_memory(second)};
	pair moved = {shortest_in_memory(first << 8 | before >> 56),
		      shortest_in_memory(second << 8 | first >> 56)};
	pair in_front;

	memcpy(&in_front, (const char *)window + skip, sizeof in_front);
	plain = (plain & in_front) | (moved & ~in_front);
	memcpy(out, &plain, sizeof plain);
}

/* Writes text i, which has bytes, and a comma; returns the end without that.
 * `wide`: it may have more than two words of digits. */
static inline __attribute__((always_inline)) char *
shortest_put(char *out, const struct shortest_batch *batch, size_t i, bool wide)
{
	uint64_t first = batch->digits[0][i], second = batch->digits[1][i];
	uint64_t suffix = shortest_in_memory(batch->suffix[i]);
	char *number = out + batch->negative[i], *digits = number + batch->zeros[i];
	size_t point = (size_t)batch->point[i], skip = SHORTEST_DIGITS - point;

	*out = '-';
	memcpy(number, "0.000000", 8);
	shortest_put_digits(digits, 0, first, second, skip);
	if (wide)
		shortest_put_digits(digits + 16, second, batch->digits[2][i], 0, skip + 16);
	digits[point] = '.';
	memcpy(out + batch->length[i], &suffix, sizeof suffix);
	return out + batch->bytes[i];
}

#endif
