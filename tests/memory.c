#include "memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct memory_piece {
	struct memory_piece *next;
	void *base;
	size_t mapped; /* 0: from aligned_alloc */
};

static void out_of_memory(void)
{
	fputs("test: out of memory\n", stderr);
	abort();
}

static size_t round_up(size_t bytes, size_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

static void *take_plain(struct memory_piece *piece, size_t bytes)
{
	size_t rounded = round_up(bytes ? bytes : 1, 64);

	piece->base = aligned_alloc(64, rounded);
	if (!piece->base)
		out_of_memory();
	return memset(piece->base, 0, rounded);
}

/* One guard page on the side asked for; the other side is page-aligned slack. */
static void *take_guarded(struct memory_piece *piece, size_t bytes, enum placement placement)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), inside = round_up(bytes, page);
	char *base;

	piece->mapped = inside + page;
	base = mmap(NULL, piece->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	if (base == MAP_FAILED)
		out_of_memory();
	piece->base = base;
	if (mprotect(placement == MEMORY_GUARD_BEFORE ? base : base + inside, page, PROT_NONE))
		out_of_memory();
	return placement == MEMORY_GUARD_BEFORE ? base + page : base + inside - bytes;
}

void *memory_take(struct memory *memory, size_t bytes)
{
	struct memory_piece *piece = calloc(1, sizeof *piece);

	if (!piece)
		out_of_memory();
	piece->next = memory->pieces;
	memory->pieces = piece;
	return memory->placement == MEMORY_PLAIN ? take_plain(piece, bytes)
						 : take_guarded(piece, bytes, memory->placement);
}

void memory_release(struct memory *memory)
{
	while (memory->pieces) {
		struct memory_piece *piece = memory->pieces;

		memory->pieces = piece->next;
		if (piece->mapped)
			munmap(piece->base, piece->mapped);
		else
			free(piece->base);
		free(piece);
	}
}
