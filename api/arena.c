#include "arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pages.h"
#include "sanitizers.h"

/* ---- The budget ----------------------------------------------------------- */

bool api_budget_take(struct api_budget *budget, uint64_t bytes)
{
	uint64_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
	do {
		if (bytes > budget->max || used > budget->max - bytes)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&budget->used, &used, used + bytes, memory_order_relaxed, memory_order_relaxed));
	return true;
}

void api_budget_give(struct api_budget *budget, uint64_t bytes)
{
	atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
}

/* ---- Failing on demand ---------------------------------------------------- */

static _Atomic uint64_t fail_at, allocations;

uint64_t api_arena_fail_nth(uint64_t nth)
{
	uint64_t seen = atomic_exchange(&allocations, 0);
	atomic_store(&fail_at, nth);
	return seen;
}

static bool fails_on_demand(void)
{
	uint64_t present = atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed) + 1;
	return present == atomic_load_explicit(&fail_at, memory_order_relaxed);
}

/* ---- Blocks --------------------------------------------------------------- */

enum { ALIGNMENT = 64 };

/* Stands in front of the memory it describes. */
struct api_arena_block {
	_Alignas(ALIGNMENT) struct api_arena_block *older, *newer;
	size_t bytes; /* with this header */
};

/* A sanitizer sees the ends of an allocation only if it is a block of its own. */
enum { EACH_ALONE = API_ADDRESS_SANITIZER };
enum { FIRST_BLOCK_BYTES = 16 << 10, BLOCK_BYTES_MAX = 256 << 10 };

static void *refuse(struct api_arena *arena, enum api_problem why)
{
	arena->problem = why;
	return NULL;
}

/* Beside what this arena holds already, `bytes` would not fit even if no other
 * call held anything: to try again would not help. */
static bool never_fits(const struct api_arena *arena, uint64_t bytes)
{
	return bytes > arena->budget->max || arena->taken > arena->budget->max - bytes;
}

/* What `bytes` come to in whole units with a header, 0 if that does not fit. */
static size_t block_bytes(size_t bytes)
{
	size_t total;
	if (__builtin_add_overflow(bytes, sizeof(struct api_arena_block) + ALIGNMENT - 1, &total))
		return 0;
	return total / ALIGNMENT * ALIGNMENT;
}

static struct api_arena_block *block_new(struct api_arena *arena, size_t bytes)
{
	size_t total = block_bytes(bytes);
	if (total == 0 || never_fits(arena, total))
		return refuse(arena, API_TOO_MUCH_MEMORY);
	if (!api_budget_take(arena->budget, total))
		return refuse(arena, API_MEMORY_FULL);
	struct api_arena_block *block = api_pages_take(total);
	if (!block) {
		api_budget_give(arena->budget, total);
		return refuse(arena, API_MEMORY_FULL);
	}
	*block = (struct api_arena_block){.older = arena->blocks, .bytes = total};
	if (block->older)
		block->older->newer = block;
	arena->blocks = block;
	arena->taken += total;
	return block;
}

static void block_free(struct api_arena *arena, struct api_arena_block *block)
{
	if (block->older)
		block->older->newer = block->newer;
	if (block->newer)
		block->newer->older = block->older;
	else
		arena->blocks = block->older;
	arena->taken -= block->bytes;
	api_budget_give(arena->budget, block->bytes);
	api_pages_give(block, block->bytes);
}

/* ---- The arena ------------------------------------------------------------ */

void api_arena_init(struct api_arena *arena, struct api_budget *budget)
{
	*arena = (struct api_arena){.budget = budget};
}

void api_arena_release(struct api_arena *arena)
{
	for (struct api_arena_block *block = arena->blocks, *older; block; block = older) {
		older = block->older;
		api_pages_give(block, block->bytes);
	}
	/* The blocks, and what was charged beside them. */
	api_budget_give(arena->budget, arena->taken);
	api_arena_init(arena, arena->budget);
}

static void *allocate_large(struct api_arena *arena, size_t bytes)
{
	struct api_arena_block *block = block_new(arena, bytes);
	return block ? block + 1 : NULL;
}

/* Blocks double with what the arena holds, so that their number stays small. */
static bool refill(struct api_arena *arena, size_t least)
{
	size_t bytes = FIRST_BLOCK_BYTES;
	while (bytes < least || (bytes < arena->taken && bytes < BLOCK_BYTES_MAX))
		bytes *= 2;
	struct api_arena_block *block = block_new(arena, bytes);
	if (!block)
		return false;
	arena->next = (char *)(block + 1);
	arena->end = (char *)block + block->bytes;
	return true;
}

static bool is_large(size_t bytes)
{
	return EACH_ALONE || bytes >= API_ARENA_LARGE_BYTES;
}

static void *allocate(struct api_arena *arena, size_t bytes, size_t alignment)
{
	if (fails_on_demand())
		return refuse(arena, API_MEMORY_FULL);
	if (is_large(bytes))
		return allocate_large(arena, bytes);

	size_t room = (size_t)(arena->end - arena->next);
	size_t skip = (size_t)(-(uintptr_t)arena->next & (alignment - 1));
	if (!arena->next || room < skip || room - skip < bytes) {
		if (!refill(arena, bytes))
			return NULL;
		skip = 0;
	}
	char *memory = arena->next + skip;
	arena->next = memory + bytes;
	return memory;
}

void *api_arena_alloc(struct api_arena *arena, size_t bytes)
{
	return allocate(arena, bytes, 16);
}

void *api_arena_alloc_aligned64(struct api_arena *arena, size_t bytes)
{
	return allocate(arena, bytes, ALIGNMENT);
}

void *api_arena_array(struct api_arena *arena, size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes))
		return refuse(arena, API_TOO_MUCH_MEMORY);
	return api_arena_alloc(arena, bytes);
}

void *api_arena_grow(struct api_arena *arena, void *items, size_t used, size_t room, size_t count,
		     size_t size)
{
	void *grown = api_arena_array(arena, count, size);
	if (!grown)
		return NULL;
	if (used > 0)
		memcpy(grown, items, used * size);
	api_arena_drop(arena, items, room * size);
	return grown;
}

char *api_arena_text(struct api_arena *arena, const char *text, size_t bytes)
{
	size_t room;
	if (__builtin_add_overflow(bytes, 1, &room))
		return refuse(arena, API_TOO_MUCH_MEMORY);
	char *copy = api_arena_alloc(arena, room);
	if (!copy)
		return NULL;
	memcpy(copy, text, bytes);
	copy[bytes] = '\0';
	return copy;
}

char *api_arena_printf(struct api_arena *arena, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	char *text = length < 0 ? NULL : api_arena_alloc(arena, (size_t)length + 1);
	if (text)
		vsnprintf(text, (size_t)length + 1, format, again);
	va_end(again);
	return text;
}

void api_arena_drop(struct api_arena *arena, void *pointer, size_t bytes)
{
	if (pointer && is_large(bytes))
		block_free(arena, (struct api_arena_block *)pointer - 1);
}

bool api_arena_charge(struct api_arena *arena, uint64_t bytes)
{
	if (fails_on_demand()) {
		arena->problem = API_MEMORY_FULL;
		return false;
	}
	if (!api_budget_take(arena->budget, bytes)) {
		arena->problem = never_fits(arena, bytes) ? API_TOO_MUCH_MEMORY : API_MEMORY_FULL;
		return false;
	}
	arena->taken += bytes;
	return true;
}

enum api_problem api_arena_problem(const struct api_arena *arena)
{
	return arena->problem;
}
