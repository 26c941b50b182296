#include "histogram.h"

#include <assert.h>
#include <math.h>

enum { SUB = 1 << SRV_HISTOGRAM_SUB_BITS };

/* Values below 2 * SUB have a bucket each; from there on the leading bit and the
 * SUB_BITS below it choose the bucket. */
size_t srv_histogram_bucket(uint64_t value)
{
	unsigned shift;

	if (value < SUB)
		return (size_t)value;
	shift = 63u - (unsigned)__builtin_clzll(value) - SRV_HISTOGRAM_SUB_BITS;
	return ((size_t)shift << SRV_HISTOGRAM_SUB_BITS) + (size_t)(value >> shift);
}

uint64_t srv_histogram_bound(size_t bucket)
{
	size_t shift = bucket >> SRV_HISTOGRAM_SUB_BITS;

	assert(bucket < SRV_HISTOGRAM_BUCKETS);
	if (shift == 0)
		return bucket;
	return (uint64_t)(SUB + bucket % SUB) << (shift - 1);
}

void srv_histogram_record(struct srv_histogram *histogram, uint64_t value)
{
	srv_counter_add(&histogram->buckets[srv_histogram_bucket(value)], 1);
	srv_counter_add(&histogram->count, 1);
	srv_counter_add(&histogram->sum, value);
	if (value > srv_counter_get(&histogram->max))
		atomic_store_explicit(&histogram->max, value, memory_order_relaxed);
}

void srv_histogram_merge(struct srv_histogram *total, const struct srv_histogram *part)
{
	uint64_t max = srv_counter_get(&part->max);

	if (srv_counter_get(&part->count) == 0)
		return;
	srv_counter_add(&total->count, srv_counter_get(&part->count));
	srv_counter_add(&total->sum, srv_counter_get(&part->sum));
	if (max > srv_counter_get(&total->max))
		atomic_store_explicit(&total->max, max, memory_order_relaxed);
	for (size_t i = 0; i < SRV_HISTOGRAM_BUCKETS; i++)
		srv_counter_add(&total->buckets[i], srv_counter_get(&part->buckets[i]));
}

/* Where in its bucket the rank lies, the values being spread evenly. */
static uint64_t interpolate(size_t bucket, uint64_t rank_inside, uint64_t count)
{
	uint64_t low = srv_histogram_bound(bucket);
	uint64_t last = bucket + 1 < SRV_HISTOGRAM_BUCKETS ? srv_histogram_bound(bucket + 1) - 1
							   : UINT64_MAX;
	uint64_t width = last - low;
	uint64_t offset = (uint64_t)((double)width * ((double)rank_inside / (double)count));

	return low + (offset < width ? offset : width); /* the double may be rounded up */
}

uint64_t srv_histogram_quantile(const struct srv_histogram *histogram, double q)
{
	uint64_t total = srv_counter_get(&histogram->count), max = srv_counter_get(&histogram->max);
	uint64_t rank = (uint64_t)ceil(q * (double)total), below = 0;

	rank = rank > 0 ? rank : 1;
	for (size_t i = 0; i < SRV_HISTOGRAM_BUCKETS; i++) {
		uint64_t here = srv_counter_get(&histogram->buckets[i]);

		if (below + here >= rank) {
			uint64_t value = interpolate(i, rank - below, here);

			return value < max ? value : max;
		}
		below += here;
	}
	return max; /* none; or a reader between two additions of the writer */
}

uint64_t srv_histogram_below(const struct srv_histogram *histogram, unsigned bits)
{
	size_t end = srv_histogram_bucket((uint64_t)1 << bits);
	uint64_t below = 0;

	for (size_t i = 0; i < end; i++)
		below += srv_counter_get(&histogram->buckets[i]);
	return below;
}
