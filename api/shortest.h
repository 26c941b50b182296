/*
 * The shortest text that reads back as a float, faster than std::to_chars and
 * with the same bytes.  Private to numbers_write.c.
 */
#ifndef API_SHORTEST_H
#define API_SHORTEST_H

/* Room that must be at `out`; the text itself is at most 15 (float32) or 24
 * (float64) bytes long. */
enum { SHORTEST_ROOM_BYTES = 48 };

/* `value` is finite.  Returns the end of the text. */
char *shortest_float32(char *out, float value);
char *shortest_float64(char *out, double value);

#endif
