/*
 * Order without memory of one's own: a sort of keys and the largest few of many.
 */
#ifndef LOSS_DIAGNOSE_SELECT_H
#define LOSS_DIAGNOSE_SELECT_H

#include <stdint.h>

/* A key that orders as the number does, -0 before +0; not for NaN. */
uint64_t key_of(double value);
double key_value(uint64_t key);

/* The same in 4 bytes, for a number that is a float32. */
uint32_t narrow_key_of(float value);
float narrow_key_value(uint32_t key);

/* Ascending, of keys below 2^(8 bytes); `spare` has room for n keys.  Takes time
 * in proportion to n and `bytes`. */
void sort_keys(uint64_t *keys, uint64_t *spare, int64_t n, int bytes);

/* The largest of many; of equals the first offered ones. */
struct top_item {
	double value;
	int64_t index;
};

struct top {
	struct top_item *items; /* room for `most` */
	int64_t most, count;
};

void top_offer(struct top *top, double value, int64_t index);

/* Largest first; nothing may be offered afterwards. */
void top_sort(struct top *top);

#endif
