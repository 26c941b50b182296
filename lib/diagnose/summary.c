/* Blocks are summed by the kernels and merged here in their order. */
#include <math.h>

#include "kernels.h"
#include "select.h"
#include "summary.h"

/* ---- Extremes, moments, counts --------------------------------------------- */

/* Of the elements so far: their number, mean and squares about the mean. */
struct moments {
	double count, mean, squares;
};

/* Chan, Golub and LeVeque 1979: no large sums are subtracted. */
static void moments_merge(struct moments *all, const struct summary_block *block)
{
	double n = (double)block->finite, total = all->count + n;
	double about = block->sum / n, mean = block->shift + about;
	double squares = block->squares - block->sum * about;
	double apart = mean - all->mean;

	if (block->finite == 0)
		return;
	all->squares += squares > 0 ? squares : 0;
	all->mean = mean;
	if (all->count > 0) {
		all->squares += apart * apart * (all->count * n / total);
		all->mean = mean - apart * (all->count / total);
	}
	all->count = total;
}

static void counts_merge(struct loss_summary *all, const struct summary_block *block)
{
	all->finite += block->finite;
	all->nan += block->nan;
	all->pos_inf += block->pos_inf;
	all->neg_inf += block->neg_inf;
	all->zeros += block->zeros;
	all->subnormals += block->subnormals;
	all->saturated += block->saturated;
	if (block->finite == 0)
		return;
	all->min = block->min < all->min ? block->min : all->min;
	all->max = block->max > all->max ? block->max : all->max;
	all->smallest = block->smallest < all->smallest ? block->smallest : all->smallest;
}

static const struct {
	double largest, smallest;
} narrow_types[LOSS_NARROW_COUNT] = {
#define X(name, text, largest, smallest) {largest, smallest},
	LOSS_NARROW_TYPES(X)
#undef X
};

static void write_room(struct loss_summary *s)
{
	double largest = fmax(fabs(s->min), fabs(s->max));

	for (int i = 0; i < LOSS_NARROW_COUNT; i++) {
		s->headroom[i] =
			largest > 0 ? log2(narrow_types[i].largest) - log2(largest) : (double)NAN;
		s->footroom[i] = log2(s->smallest) - log2(narrow_types[i].smallest);
	}
}

static void write_moments(struct loss_summary *s, const struct moments *m)
{
	if (s->finite == 0) {
		s->min = s->max = s->mean = s->std = s->norm = s->smallest = NAN;
		return;
	}
	s->mean = m->mean;
	s->std = sqrt(m->squares / m->count);
	s->norm = sqrt(m->squares + m->count * m->mean * m->mean);
	if (isinf(s->smallest))
		s->smallest = NAN;
}

void summarize(const void *data, enum loss_dtype dtype, int64_t count, struct saturation bounds,
	       struct loss_summary *out)
{
	const struct diagnose_kernels *kernels = diagnose_kernels_of(dtype == LOSS_FLOAT64);
	size_t bytes = loss_dtype_bytes(dtype);
	struct moments moments = {0};

	*out = (struct loss_summary){
		.count = count, .min = INFINITY, .max = -INFINITY, .smallest = INFINITY};
	for (int64_t at = 0; at < count; at += SUMMARY_BLOCK) {
		int n = (int)(count - at < SUMMARY_BLOCK ? count - at : SUMMARY_BLOCK);
		struct summary_block block;

		kernels->summarize((const char *)data + (size_t)at * bytes, n, bounds.low,
				   bounds.high, &block);
		counts_merge(out, &block);
		moments_merge(&moments, &block);
	}
	if (isnan(bounds.low))
		out->saturated = -1;
	write_moments(out, &moments);
	write_room(out);
	for (int i = 0; i < LOSS_QUANTILE_COUNT; i++)
		out->quantiles[i] = NAN;
}

/* ---- Quantiles ------------------------------------------------------------ */

int64_t spread_place(int64_t i, int64_t n, int64_t count)
{
	/* The fractions of i times the golden ratio, as a number of 32 bits. */
	uint32_t fraction = (uint32_t)i * UINT32_C(2654435769);
	int64_t length = count / n, left = count % n;
	/* The first `left` stretches are one longer. */
	int64_t begin = i * length + (i < left ? i : left);

	return begin + (int64_t)((uint64_t)fraction * (uint64_t)(length + (i < left)) >> 32);
}

static double real_at(const void *data, enum loss_dtype dtype, int64_t index)
{
	return dtype == LOSS_FLOAT32 ? (double)((const float *)data)[index]
				     : ((const double *)data)[index];
}

/* Of n sorted keys. */
static double quantile(const uint64_t *keys, int64_t n, double share)
{
	double at = share * (double)(n - 1);
	int64_t below = (int64_t)at;
	double low = key_value(keys[below]), high;

	if (below + 1 >= n)
		return low;
	high = key_value(keys[below + 1]);
	/* Not low + t (high - low), which may overflow. */
	return low == high ? low : low * (1 - (at - (double)below)) + high * (at - (double)below);
}

void summarize_quantiles(const void *data, enum loss_dtype dtype, uint64_t *keys,
			 struct loss_summary *summary)
{
	static const double shares[] = {
#define X(percent) percent / 100.0,
		LOSS_QUANTILES(X)
#undef X
	};
	int64_t count = summary->count, n = 0;
	int64_t taken = count <= QUANTILE_ALL ? count : QUANTILE_SAMPLE;

	for (int64_t i = 0; i < taken; i++) {
		double value = real_at(data, dtype, spread_place(i, taken, count));

		if (isfinite(value))
			keys[n++] = key_of(value);
	}
	summary->quantile_count = n;
	if (n == 0)
		return;
	sort_keys(keys, keys + QUANTILE_ALL, n);
	for (int i = 0; i < LOSS_QUANTILE_COUNT; i++)
		summary->quantiles[i] = quantile(keys, n, shares[i]);
}
