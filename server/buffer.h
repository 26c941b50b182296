/*
 * Memory that grows, counted in a budget before it is had.  One owner at a time;
 * the budget is everybody's.
 */
#ifndef SERVER_BUFFER_H
#define SERVER_BUFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "api.h"

struct srv_buffer {
	struct api_budget *budget;
	char *data; /* NULL if there is no room */
	uint64_t bytes, room;
};

/* Room for exactly so many bytes, which is no less than are in use. False, with
 * nothing changed, if there is no memory. */
bool srv_buffer_resize(struct srv_buffer *buffer, uint64_t room);

/* Room for so many bytes at least and `most` at most: to twice its size. */
bool srv_buffer_grow(struct srv_buffer *buffer, uint64_t needed, uint64_t most);

/* Give everything back; the buffer may be used again. */
void srv_buffer_release(struct srv_buffer *buffer);

#endif
