/* A radix sort, and a heap of the largest. */
#include <stdbool.h>
#include <string.h>

#include "select.h"

/* ---- Keys ----------------------------------------------------------------- */

#define SIGN (UINT64_C(1) << 63)

uint64_t key_of(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	return bits & SIGN ? ~bits : bits | SIGN;
}

double key_value(uint64_t key)
{
	uint64_t bits = key & SIGN ? key & ~SIGN : ~key;
	double value;

	memcpy(&value, &bits, sizeof value);
	return value;
}

#define NARROW_SIGN (UINT32_C(1) << 31)

uint32_t narrow_key_of(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof bits);
	return bits & NARROW_SIGN ? ~bits : bits | NARROW_SIGN;
}

float narrow_key_value(uint32_t key)
{
	uint32_t bits = key & NARROW_SIGN ? key & ~NARROW_SIGN : ~key;
	float value;

	memcpy(&value, &bits, sizeof value);
	return value;
}

enum { DIGITS = 8, VALUES = 256 };

static int digit_of(uint64_t key, int digit)
{
	return (int)(key >> (8 * digit) & (VALUES - 1));
}

/* All keys have the same digit: nothing to move. */
static bool is_constant(const uint32_t *counts, uint64_t key, int digit, int64_t n)
{
	return (int64_t)counts[digit_of(key, digit)] == n;
}

static void move_by_digit(const uint64_t *from, uint64_t *to, int64_t n, int digit,
			  const uint32_t *counts)
{
	uint32_t places[VALUES], sum = 0;

	for (int value = 0; value < VALUES; value++) {
		places[value] = sum;
		sum += counts[value];
	}
	for (int64_t i = 0; i < n; i++)
		to[places[digit_of(from[i], digit)]++] = from[i];
}

void sort_keys(uint64_t *keys, uint64_t *spare, int64_t n, int bytes)
{
	uint32_t counts[DIGITS][VALUES] = {{0}};
	uint64_t *from = keys, *to = spare;

	for (int64_t i = 0; i < n; i++)
		for (int digit = 0; digit < bytes; digit++)
			counts[digit][digit_of(keys[i], digit)]++;
	for (int digit = 0; digit < bytes && n > 1; digit++) {
		uint64_t *swapped = from;

		if (is_constant(counts[digit], from[0], digit, n))
			continue;
		move_by_digit(from, to, n, digit, counts[digit]);
		from = to;
		to = swapped;
	}
	if (from != keys)
		memcpy(keys, from, (size_t)n * sizeof *keys);
}

/* ---- The largest few ------------------------------------------------------ */

/* Worse things come first in the heap: what is smaller, and of equals the later. */
static bool is_worse(const struct top_item *a, const struct top_item *b)
{
	return a->value < b->value || (a->value == b->value && a->index > b->index);
}

static void swap(struct top_item *a, struct top_item *b)
{
	struct top_item moved = *a;

	*a = *b;
	*b = moved;
}

static void sift_down(struct top_item *items, int64_t n, int64_t at)
{
	for (int64_t child; (child = 2 * at + 1) < n; at = child) {
		if (child + 1 < n && is_worse(&items[child + 1], &items[child]))
			child++;
		if (!is_worse(&items[child], &items[at]))
			return;
		swap(&items[child], &items[at]);
	}
}

static void sift_up(struct top_item *items, int64_t at)
{
	for (int64_t parent; at > 0; at = parent) {
		parent = (at - 1) / 2;
		if (!is_worse(&items[at], &items[parent]))
			return;
		swap(&items[at], &items[parent]);
	}
}

void top_offer(struct top *top, double value, int64_t index)
{
	struct top_item item = {value, index};

	if (top->count < top->most) {
		top->items[top->count] = item;
		sift_up(top->items, top->count++);
	} else if (top->most > 0 && is_worse(&top->items[0], &item)) {
		top->items[0] = item;
		sift_down(top->items, top->count, 0);
	}
}

void top_sort(struct top *top)
{
	for (int64_t n = top->count; n > 1; n--) {
		swap(&top->items[0], &top->items[n - 1]);
		sift_down(top->items, n - 1, 0);
	}
}
