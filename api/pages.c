/*
 * Happy path: a request's body and tensors are taken from what the last request
 * of its size has given back, as they are, without a call of the system.  Of a
 * larger piece the end is taken; a smaller one grows: its pages are moved, not
 * copied.
 */
#define _GNU_SOURCE
#include "pages.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sanitizers.h"

enum {
	ALIGNMENT = 64,
	/* Below this the C library does well, having some at hand. */
	LARGE_BYTES = 1 << 20,
	/* Pages are counted by the dozen, so that much the same size is the same. */
	GRAIN_BYTES = 64 << 10,
	PIECES = 64,
};

enum {
	/* A sanitizer must see the ends of a piece, and that nobody uses what is gone. */
	HAS_LARGE = !API_ADDRESS_SANITIZER,
	/* Nor does one know whose pages mremap() puts where others were. */
	MOVES_PAGES = !API_THREAD_SANITIZER,
};

struct piece {
	void *at;
	size_t bytes;
	bool old; /* was here when api_pages_age() was called */
};

/* In the order in which they were given. */
static struct {
	pthread_mutex_t lock; /* of the rest */
	struct piece pieces[PIECES];
	size_t count;
	uint64_t bytes, most;
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_large(size_t bytes)
{
	return HAS_LARGE && bytes >= LARGE_BYTES;
}

/* 0 if that does not fit. */
static size_t round_up(size_t bytes, size_t unit)
{
	size_t sum;

	return __builtin_add_overflow(bytes, unit - 1, &sum) ? 0 : sum / unit * unit;
}

/* ---- What is kept ---------------------------------------------------------- */

/* The rest is called with the lock held. */
static struct piece take_out(size_t i)
{
	struct piece piece = kept.pieces[i];

	kept.count--;
	kept.bytes -= piece.bytes;
	memmove(&kept.pieces[i], &kept.pieces[i + 1], (kept.count - i) * sizeof piece);
	return piece;
}

/* Bytes off the end of a piece. */
static void *cut(struct piece *piece, size_t bytes)
{
	piece->bytes -= bytes;
	kept.bytes -= bytes;
	return (char *)piece->at + piece->bytes;
}

/* Of what is large enough the smallest, or as much of it as is asked for; else of what
 * is half as large the largest, which can grow. */
static struct piece find(size_t bytes)
{
	size_t enough = kept.count, half = kept.count;

	for (size_t i = 0; i < kept.count; i++) {
		size_t have = kept.pieces[i].bytes;

		if (have >= bytes && (enough == kept.count || have < kept.pieces[enough].bytes))
			enough = i;
		if (have < bytes && have >= bytes / 2 &&
		    (half == kept.count || have > kept.pieces[half].bytes))
			half = i;
	}
	if (enough == kept.count)
		return half < kept.count ? take_out(half) : (struct piece){0};
	if (kept.pieces[enough].bytes - bytes < LARGE_BYTES)
		return take_out(enough);
	return (struct piece){cut(&kept.pieces[enough], bytes), bytes, false};
}

/* Of what is kept, up to so many bytes: the first piece, or the end of it. */
static struct piece find_displaced(size_t bytes)
{
	if (kept.count == 0 || bytes == 0)
		return (struct piece){0};
	if (kept.pieces[0].bytes <= bytes || kept.pieces[0].bytes - bytes < LARGE_BYTES)
		return take_out(0);
	return (struct piece){cut(&kept.pieces[0], bytes), bytes, false};
}

/* One that has to go: to make room for `more` bytes, if these may be kept at all;
 * or, of the `old`, any. */
static struct piece find_surplus(size_t more, bool old)
{
	bool is_full = kept.bytes + more > kept.most || (more > 0 && kept.count == PIECES);

	if (kept.count > 0 && is_full && more <= kept.most)
		return take_out(0);
	for (size_t i = 0; i < kept.count && old; i++)
		if (kept.pieces[i].old)
			return take_out(i);
	return (struct piece){0};
}

/* Without the lock, which the system would hold up. */
static void drop_surplus(size_t more, bool old)
{
	struct piece piece;

	do {
		pthread_mutex_lock(&kept.lock);
		piece = find_surplus(more, old);
		pthread_mutex_unlock(&kept.lock);
		if (piece.at)
			munmap(piece.at, piece.bytes);
	} while (piece.at);
}

/* New memory takes the place of as much that is kept: so the process is never larger
 * than it has been in use. */
static void displace(size_t bytes)
{
	struct piece piece;

	for (; bytes > 0; bytes -= piece.bytes < bytes ? piece.bytes : bytes) {
		pthread_mutex_lock(&kept.lock);
		piece = find_displaced(bytes);
		pthread_mutex_unlock(&kept.lock);
		if (!piece.at)
			return;
		munmap(piece.at, piece.bytes);
	}
}

static bool keep(void *at, size_t bytes)
{
	bool is_room;

	pthread_mutex_lock(&kept.lock);
	is_room = kept.count < PIECES && kept.bytes + bytes <= kept.most;
	if (is_room) {
		kept.pieces[kept.count++] = (struct piece){at, bytes, false};
		kept.bytes += bytes;
	}
	pthread_mutex_unlock(&kept.lock);
	return is_room;
}

/* ---- Large pieces ----------------------------------------------------------- */

/* NULL, and nothing is changed, if that cannot be. */
static void *fit(struct piece piece, size_t bytes)
{
	void *at;

	if (piece.bytes == bytes)
		return piece.at;
	if (!MOVES_PAGES)
		return NULL;
	if (piece.bytes < bytes)
		displace(bytes - piece.bytes);
	at = mremap(piece.at, piece.bytes, bytes, MREMAP_MAYMOVE);
	return at == MAP_FAILED ? NULL : at;
}

static void *map(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static void *take_large(size_t bytes)
{
	size_t whole = round_up(bytes, GRAIN_BYTES);
	struct piece piece;
	void *at;

	if (whole == 0)
		return NULL;
	pthread_mutex_lock(&kept.lock);
	piece = find(whole);
	pthread_mutex_unlock(&kept.lock);
	if (piece.at) {
		at = fit(piece, whole);
		if (at)
			return at;
		munmap(piece.at, piece.bytes);
	}
	displace(whole);
	at = map(whole);
	if (!at && api_pages_kept() > 0) {
		displace(SIZE_MAX);
		at = map(whole);
	}
	return at;
}

static void give_large(void *memory, size_t bytes)
{
	size_t whole = round_up(bytes, GRAIN_BYTES);

	drop_surplus(whole, false);
	if (!keep(memory, whole))
		munmap(memory, whole);
}

/* ---- All pieces -------------------------------------------------------------- */

void *api_pages_take(size_t bytes)
{
	size_t whole = round_up(bytes, ALIGNMENT);

	if (is_large(bytes))
		return take_large(bytes);
	return whole > 0 ? aligned_alloc(ALIGNMENT, whole) : NULL;
}

static void *move(void *memory, size_t bytes, size_t to)
{
	void *moved = api_pages_take(to);

	if (!moved)
		return NULL;
	memcpy(moved, memory, bytes < to ? bytes : to);
	api_pages_give(memory, bytes);
	return moved;
}

void *api_pages_resize(void *memory, size_t bytes, size_t to)
{
	void *fitted = NULL;

	if (!memory)
		return api_pages_take(to);
	if (!is_large(bytes) && !is_large(to))
		return realloc(memory, to);
	if (is_large(bytes) && is_large(to) && round_up(to, GRAIN_BYTES) > 0)
		fitted = fit((struct piece){memory, round_up(bytes, GRAIN_BYTES), false},
			     round_up(to, GRAIN_BYTES));
	return fitted ? fitted : move(memory, bytes, to);
}

void api_pages_give(void *memory, size_t bytes)
{
	if (memory && is_large(bytes))
		give_large(memory, bytes);
	else
		free(memory);
}

void api_pages_keep(uint64_t most)
{
	pthread_mutex_lock(&kept.lock);
	kept.most = most;
	pthread_mutex_unlock(&kept.lock);
	drop_surplus(0, false);
}

uint64_t api_pages_kept(void)
{
	uint64_t bytes;

	pthread_mutex_lock(&kept.lock);
	bytes = kept.bytes;
	pthread_mutex_unlock(&kept.lock);
	return bytes;
}

void api_pages_age(void)
{
	drop_surplus(0, true);
	pthread_mutex_lock(&kept.lock);
	for (size_t i = 0; i < kept.count; i++)
		kept.pieces[i].old = true;
	pthread_mutex_unlock(&kept.lock);
}
