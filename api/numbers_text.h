/*
 * The C face of libstdc++'s exact conversions, and the table of powers that the
 * fast path of decimal.h needs.  Nothing here allocates, throws or knows of a
 * locale.
 */
#ifndef API_NUMBERS_TEXT_H
#define API_NUMBERS_TEXT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The value of a number in JSON's grammar that fills [text, text + bytes),
 * rounded to nearest, ties to even.  Too large gives an infinity, too small a
 * zero, of the number's sign. */
float api_text_to_float32(const char *text, size_t bytes);
double api_text_to_float64(const char *text, size_t bytes);

/* The shortest text that reads back as `value`, which is finite, at `out`, with
 * room for 32 bytes; returns its end. */
char *api_text_of_float32(char *out, float value);
char *api_text_of_float64(char *out, double value);
char *api_text_of_int64(char *out, int64_t value);

enum { API_POWER_MIN = -326, API_POWER_MAX = 324 };

/* The leading 64 bits of 5^q, cut off, at index q - API_POWER_MIN. */
struct api_powers_of_five {
	uint64_t leading[API_POWER_MAX - API_POWER_MIN + 1];
};
extern const struct api_powers_of_five api_powers_of_five;

#ifdef __cplusplus
}
#endif

#endif
