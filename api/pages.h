/*
 * Memory for arenas and bodies.  Small pieces are the C library's.  Large ones are
 * whole pages, and what is given back is kept a while for who asks next, since the
 * system takes longer to provide a page for the first time than everything here to
 * use it.  Any thread may call any of these.
 */
#ifndef API_PAGES_H
#define API_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `bytes` > 0 bytes, aligned to 64, not cleared; NULL if there are none. */
void *api_pages_take(size_t bytes);

/* A piece with room for `to` > 0 bytes instead of `bytes`, and as many of them as
 * fit, aligned to 16; NULL, and nothing is changed, if there is none. */
void *api_pages_resize(void *memory, size_t bytes, size_t to);

/* What was taken, or resized, to so many bytes; NULL is fine. */
void api_pages_give(void *memory, size_t bytes);

/* How many bytes may be kept, 0 at the start; what is above that goes at once. */
void api_pages_keep(uint64_t most);

/* How many bytes are kept. */
uint64_t api_pages_kept(void);

/* To be called from time to time: what nobody asked for since the last call goes
 * back to the system. */
void api_pages_age(void);

#endif
