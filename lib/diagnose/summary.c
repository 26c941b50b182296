/* Blocks are summed by the kernels and merged here in their order. */
#include <math.h>

#include "kernels.h"
#include "select.h"
#include "summary.h"

static double real_at(const void *data, enum loss_dtype dtype, int64_t index)
{
	return dtype == LOSS_FLOAT32 ? (double)((const float *)data)[index]
				     : ((const double *)data)[index];
}

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

static void counts_merge(struct loss_summary *all, const struct summary_block *block, int64_t at)
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
	/* The block first, the place in it when it is known which. */
	if (block->min < all->min) {
		all->min = block->min;
		all->min_at = at;
	}
	if (block->max > all->max) {
		all->max = block->max;
		all->max_at = at;
	}
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

/* ---- Quantiles ------------------------------------------------------------ */

int64_t spread_place(int64_t i, int64_t n, int64_t count)
{
	/* The fractions of i times the golden ratio, as a number of 32 bits. */
	uint32_t fraction = (uint32_t)i * UINT32_C(2654435769);
	int64_t length, left, begin;

	/* Where all are taken, which is the usual case, spare the divisions. */
	if (n == count)
		return i;
	length = count / n;
	left = count % n;
	/* The first `left` stretches are one longer. */
	begin = i * length + (i < left ? i : left);

	return begin + (int64_t)((uint64_t)fraction * (uint64_t)(length + (i < left)) >> 32);
}

static uint64_t key_in(enum loss_dtype dtype, double value)
{
	return dtype == LOSS_FLOAT32 ? narrow_key_of((float)value) : key_of(value);
}

static double value_in(enum loss_dtype dtype, uint64_t key)
{
	return dtype == LOSS_FLOAT32 ? (double)narrow_key_value((uint32_t)key) : key_value(key);
}

/* Of n sorted keys. */
static double quantile(const uint64_t *keys, int64_t n, enum loss_dtype dtype, double share)
{
	double at = share * (double)(n - 1);
	int64_t below = (int64_t)at;
	double low = value_in(dtype, keys[below]), high;

	if (below + 1 >= n)
		return low;
	high = value_in(dtype, keys[below + 1]);
	at -= (double)below;
	/* Not low + t (high - low), which may overflow. */
	return low == high ? low : low * (1 - at) + high * at;
}

/* The elements that quantiles are taken from, gathered while they are at hand. */
struct sample {
	uint64_t *keys;
	int64_t taken, kept, next; /* places in all, finite ones, and so far */
	int64_t place;             /* of the next; -1 behind the last */
};

static int64_t place_in(const struct sample *s, int64_t count)
{
	return s->next < s->taken ? spread_place(s->next, s->taken, count) : -1;
}

/* The sample is written there. */
/* NOLINTNEXTLINE(readability-non-const-parameter) */
static void sample_init(struct sample *s, uint64_t *keys, int64_t count)
{
	*s = (struct sample){.keys = keys,
			     .taken = !keys                   ? 0
				      : count <= QUANTILE_ALL ? count
							      : QUANTILE_SAMPLE};
	s->place = place_in(s, count);
}

/* The places before `end`. */
static void sample_add(struct sample *s, const void *data, enum loss_dtype dtype, int64_t count,
		       int64_t end)
{
	while (s->place >= 0 && s->place < end) {
		double value = real_at(data, dtype, s->place);

		if (isfinite(value))
			s->keys[s->kept++] = key_in(dtype, value);
		s->next++;
		s->place = place_in(s, count);
	}
}

static void write_quantiles(struct loss_summary *out, const struct sample *s, enum loss_dtype dtype)
{
	static const double shares[] = {
#define X(percent) percent / 100.0,
		LOSS_QUANTILES(X)
#undef X
	};

	out->quantile_count = s->kept;
	sort_keys(s->keys, s->keys + QUANTILE_ALL, s->kept, (int)loss_dtype_bytes(dtype));
	for (int i = 0; i < LOSS_QUANTILE_COUNT; i++)
		out->quantiles[i] =
			s->kept ? quantile(s->keys, s->kept, dtype, shares[i]) : (double)NAN;
}

/* ---- A tensor -------------------------------------------------------------- */

/* The first place of a value that is there, from `at` on. */
static int64_t place_of(const void *data, enum loss_dtype dtype, int64_t at, double value)
{
	while (at >= 0 && real_at(data, dtype, at) != value)
		at++;
	return at;
}

void summarize(const void *data, enum loss_dtype dtype, int64_t count, struct saturation bounds,
	       struct summary_room room, struct loss_summary *out)
{
	const struct diagnose_kernels *kernels = diagnose_kernels_of(dtype == LOSS_FLOAT64);
	size_t bytes = loss_dtype_bytes(dtype);
	struct moments moments = {0};
	struct sample sample;

	*out = (struct loss_summary){.count = count,
				     .min = INFINITY,
				     .max = -INFINITY,
				     .smallest = INFINITY,
				     .min_at = -1,
				     .max_at = -1};
	sample_init(&sample, room.keys, count);
	for (int64_t at = 0; at < count; at += SUMMARY_BLOCK) {
		int n = (int)(count - at < SUMMARY_BLOCK ? count - at : SUMMARY_BLOCK);
		struct summary_block block;

		kernels->summarize((const char *)data + (size_t)at * bytes, n, bounds.low,
				   bounds.high, &block);
		if (room.most)
			room.most[at / SUMMARY_BLOCK] =
				block.finite ? block.max : -(double)INFINITY;
		counts_merge(out, &block, at);
		moments_merge(&moments, &block);
		sample_add(&sample, data, dtype, count, at + n);
	}
	if (isnan(bounds.low))
		out->saturated = -1;
	out->min_at = place_of(data, dtype, out->min_at, out->min);
	out->max_at = place_of(data, dtype, out->max_at, out->max);
	write_moments(out, &moments);
	write_room(out);
	if (room.keys)
		write_quantiles(out, &sample, dtype);
}
