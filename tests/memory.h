/*
 * Memory of a test: taken piece by piece, released at once.
 *
 * Guarded memory has an unreadable page directly before or behind each piece,
 * so that a read or write of even one byte too far is a crash.  Vector code
 * goes wrong in its tails, and sanitizers do not see every intrinsic.
 */
#ifndef TESTS_MEMORY_H
#define TESTS_MEMORY_H

#include <stddef.h>

enum placement {
	MEMORY_PLAIN,
	MEMORY_GUARD_BEHIND, /* the piece ends where the guard page begins */
	MEMORY_GUARD_BEFORE, /* the piece begins where the guard page ends */
};

struct memory {
	enum placement placement;
	struct memory_piece *pieces;
};

/* `bytes` of zeros, 64-byte aligned (behind-guarded pieces only if `bytes` is a
 * multiple of that); never NULL, also for 0 bytes.  Aborts if there is none. */
void *memory_take(struct memory *memory, size_t bytes);

/* Everything that was taken. */
void memory_release(struct memory *memory);

#endif
