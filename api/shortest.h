/*
 * The shortest text that reads back as a float, faster than std::to_chars and
 * with the same bytes; and the same for half precision.  Private to
 * numbers_write.c.
 */
#ifndef API_SHORTEST_H
#define API_SHORTEST_H

#include "../lib/loss.h"

/* Room that must be at `out`; the text itself is at most 15 (float32) or 24
 * (float64) bytes long. */
enum { SHORTEST_ROOM_BYTES = 48 };

/* `value` is finite.  Returns the end of the text. */
char *shortest_float32(char *out, float value);
char *shortest_float64(char *out, double value);

/* `value` is a number of that precision, and so is what reads back. */
char *shortest_half(char *out, enum loss_precision precision, float value);

#endif
