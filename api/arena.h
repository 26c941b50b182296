/*
 * The memory of one request: a bump allocator that is freed as a whole and
 * takes everything from a budget shared by all requests.
 *
 * An allocation of API_ARENA_LARGE_BYTES or more is a block of its own, so that
 * a body or a tensor can be given back before the request ends.
 *
 * THREADS.  An arena belongs to one thread at a time; the budget is shared.
 */
#ifndef API_ARENA_H
#define API_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api.h"

#define API_ARENA_LARGE_BYTES ((size_t)64 << 10)

struct api_arena_block;

struct api_arena {
	struct api_budget *budget;
	struct api_arena_block *blocks; /* all blocks, the newest first */
	char *next, *end;               /* the free part of the block for small allocations */
	uint64_t taken;                 /* from the budget */
	enum api_problem problem;       /* why the latest allocation failed */
};

/* Cannot fail: the first block is taken by the first allocation. */
void api_arena_init(struct api_arena *arena, struct api_budget *budget);

/* Frees everything.  The arena is as after api_arena_init(). */
void api_arena_release(struct api_arena *arena);

/* `bytes` bytes, not cleared, aligned to 16.  NULL where the budget or the
 * system refuses; api_arena_problem() says which problem that is.  Zero bytes
 * give a valid pointer. */
void *api_arena_alloc(struct api_arena *arena, size_t bytes);

/* The same aligned to 64, as tensors must be. */
void *api_arena_alloc_aligned64(struct api_arena *arena, size_t bytes);

/* count * size bytes, refused where the product does not fit. */
void *api_arena_array(struct api_arena *arena, size_t count, size_t size);

/* An array with room for `room` items, of which `used` are in use, moved to one
 * with room for `count`; a large old one is given back.  `items` may be NULL if
 * `room` is 0.  On failure the old array is untouched. */
void *api_arena_grow(struct api_arena *arena, void *items, size_t used, size_t room, size_t count,
		     size_t size);

/* Copies `bytes` bytes and puts a NUL behind them. */
char *api_arena_text(struct api_arena *arena, const char *text, size_t bytes);

/* Formatted text, NUL-terminated. */
char *api_arena_printf(struct api_arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Gives a large allocation back now; does nothing for a small one or NULL.
 * `bytes` must be what was asked for. */
void api_arena_drop(struct api_arena *arena, void *pointer, size_t bytes);

/* Counts memory that others hold for this request (jansson's nodes) against the
 * budget until api_arena_release(). */
bool api_arena_charge(struct api_arena *arena, uint64_t bytes);

/* Why the latest allocation failed: API_TOO_MUCH_MEMORY if it never could be
 * had, API_MEMORY_FULL if it could at another time. */
enum api_problem api_arena_problem(const struct api_arena *arena);

/* For tests: the nth allocation from now (1 is the next) of any arena fails,
 * once; 0 switches that off.  Returns how many allocations were seen since the
 * last call. */
uint64_t api_arena_fail_nth(uint64_t nth);

#endif
