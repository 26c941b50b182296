/*
 * Histograms of times and sizes with logarithmic buckets: eight to each power of
 * two, so a value is known to one part in eight (its quantiles, interpolated,
 * to less), from 0 to 2^64 - 1.  The maximum is exact.
 *
 * THREADS.  One writer (its loop); any number of readers at any time.
 */
#ifndef SERVER_HISTOGRAM_H
#define SERVER_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Written by one thread and read by any. */
typedef _Atomic uint64_t srv_counter;

static inline uint64_t srv_counter_get(const srv_counter *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Not a read-modify-write: there is only one writer. */
static inline void srv_counter_add(srv_counter *counter, uint64_t amount)
{
	atomic_store_explicit(counter, srv_counter_get(counter) + amount, memory_order_relaxed);
}

enum { SRV_HISTOGRAM_SUB_BITS = 3, SRV_HISTOGRAM_BUCKETS = (64 - 2) << SRV_HISTOGRAM_SUB_BITS };

struct srv_histogram {
	srv_counter count, sum, max;
	srv_counter buckets[SRV_HISTOGRAM_BUCKETS];
};

void srv_histogram_record(struct srv_histogram *histogram, uint64_t value);

/* total += part; the caller is the only writer of total. */
void srv_histogram_merge(struct srv_histogram *total, const struct srv_histogram *part);

/* The value that a share of `q` (0 to 1) of all do not exceed, interpolated in
 * its bucket and never above the maximum; 0 if there is none. */
uint64_t srv_histogram_quantile(const struct srv_histogram *histogram, double q);

/* How many values are below 2^bits, exactly: a power of two bounds a bucket. */
uint64_t srv_histogram_below(const struct srv_histogram *histogram, unsigned bits);

/* The bucket of a value, and the least value of a bucket. */
size_t srv_histogram_bucket(uint64_t value);
uint64_t srv_histogram_bound(size_t bucket);

#endif
