/*
 * The overlap driver: losses of a sample's sums of p y, of p (or p^2) and of y
 * (or y^2).  Phase `prepare` sums the chunks of each sample, overlap.c turns
 * the sums into a value and two slopes in float64, phase `main` writes
 *
 *     d loss / d p = d_i y + d_p (2 p, or 1)
 *
 * times p (1 - p) where logits are given.  Their sigmoids are computed once:
 * `prepare` leaves them where the gradient will be.
 */
#ifndef LOSS_SIMD_OVERLAP_H
#define LOSS_SIMD_OVERLAP_H

#include "binary.h"

/* Elements [begin, end) of sample `sample`. */
struct overlap_run {
	int64_t sample, begin, end;
};

INLINE struct overlap_run overlap_run_of(const struct loss_eval *e, int64_t chunk)
{
	int64_t sample = chunk / e->chunks, part = chunk % e->chunks * LOSS_BLOCK_ELEMENTS;
	int64_t from = sample * e->sample_elements;

	return (struct overlap_run){
		.sample = sample,
		.begin = from + part,
		.end = from + loss_min_i64(part + LOSS_BLOCK_ELEMENTS, e->sample_elements),
	};
}

/*
 * A sigmoid p in one number, to within its last places: the smaller of p and
 * 1 - p, with the sign of the logit.
 */
INLINE vec overlap_pack(vec x)
{
	vec small = v_exp_neg_abs(x);

	return v_flip_sign(small / (v_set(1) + small), x);
}

struct overlap_prob {
	vec p, slope; /* slope: dp/dx, 1 where x is p itself */
};

INLINE struct overlap_prob overlap_unpack(vec packed)
{
	vec smaller = v_abs(packed), larger = v_set(1) - smaller;

	return (struct overlap_prob){
		.p = v_select(v_is_signed(packed), smaller, larger),
		.slope = smaller * larger,
	};
}

/* Where the packed sigmoids stay between the phases, or NULL. */
INLINE real *overlap_keep(const struct loss_eval *e, bool logits)
{
	return logits && !e->out.accumulate[0] ? e->out.gradients[0] : NULL;
}

struct overlap_sums {
	struct acc i, p, y;
	mask bad; /* a probability that is none */
};

/* Adds n <= GROUP elements; of logits, p holds packed sigmoids. */
INLINE void overlap_add(const real *p, const real *y, int n, bool logits, bool squared,
			struct overlap_sums *sums)
{
	const vec one = v_set(1);

	UNROLL for (int r = 0; r < REGS; r++)
	{
		int i = r * LANES, left = n - i;
		vec prob = v_load_n(p + i, left, 0), target = v_load_n(y + i, left, 0);

		if (logits)
			prob = v_and(m_first(left), overlap_unpack(prob).p);
		else
			sums->bad = m_or(sums->bad, m_or(v_lt(prob, v_set(0)), v_gt(prob, one)));
		acc_add_mul(&sums->i, r, prob, target);
		acc_add_mul(&sums->p, r, prob, squared ? prob : one);
		acc_add_mul(&sums->y, r, target, squared ? target : one);
	}
}

/* At most LOSS_CHUNK elements.  The sigmoids first: two short loops keep the machine
 * busier than a long one. */
INLINE void overlap_add_chunk(const struct loss_eval *e, int64_t at, int64_t n, bool logits,
			      bool squared, struct overlap_sums *sums)
{
	const real *x = (const real *)e->in[0].data + at, *y = (const real *)e->in[1].data + at;
	_Alignas(64) real room[LOSS_CHUNK];
	real *keep = overlap_keep(e, logits), *packed = keep ? keep + at : room;
	const real *p = logits ? packed : x;
	int64_t i = 0;

	for (; i + LANES <= n && logits; i += LANES)
		v_store(packed + i, overlap_pack(v_load(x + i)));
	if (i < n && logits)
		v_store_n(packed + i, overlap_pack(v_load_n(x + i, (int)(n - i), 0)), (int)(n - i));
	for (i = 0; i + GROUP <= n; i += GROUP)
		overlap_add(p + i, y + i, GROUP, logits, squared, sums);
	if (i < n)
		overlap_add(p + i, y + i, (int)(n - i), logits, squared, sums);
}

INLINE void overlap_sum(const struct loss_eval *e, struct overlap_run run, bool logits,
			bool squared, struct loss_overlap *out, mask *bad)
{
	struct overlap_sums sums = {acc_zero(), acc_zero(), acc_zero(), m_none()};

	for (int64_t at = run.begin; at < run.end; at += LOSS_CHUNK)
		overlap_add_chunk(e, at, loss_min_i64(LOSS_CHUNK, run.end - at), logits, squared,
				  &sums);
	*out = (struct loss_overlap){acc_sum(&sums.i), acc_sum(&sums.p), acc_sum(&sums.y)};
	*bad = m_or(*bad, sums.bad);
}

/* A block is one chunk of a sample; its sums go to e->work. */
INLINE void overlap_prepare(const struct loss_eval *e, int64_t block, bool logits,
			    struct loss_partial *out)
{
	struct loss_overlap *sums = e->work;
	int64_t end = loss_min_i64((block + 1) * e->block_units, e->block_total);

	for (int64_t chunk = block * e->block_units; chunk < end; chunk++) {
		struct overlap_run run = overlap_run_of(e, chunk);
		mask bad = m_none();

		run.begin = loss_max_i64(run.begin, run.sample * e->sample_elements + e->skipped);
		if (e->overlap_kind.squared)
			overlap_sum(e, run, logits, true, &sums[chunk], &bad);
		else
			overlap_sum(e, run, logits, false, &sums[chunk], &bad);
		if (m_any(bad))
			out->flags |= LOSS_FLAG_EVENT;
	}
}

/* What the gradient of a chunk is made of; constants in its loop. */
struct overlap_slopes {
	vec d_i, d_p;
	bool logits, squared, kept, accumulate, stream;
};

/* The gradient of n <= LANES elements. */
INLINE void overlap_step(const struct loss_eval *e, int64_t at, int n, struct overlap_slopes d,
			 vec *poison)
{
	real *to = (real *)e->out.gradients[0] + at;
	vec x = v_load_n(d.kept ? to : (const real *)e->in[0].data + at, n, 0);
	vec y = v_load_n((const real *)e->in[1].data + at, n, 0);
	struct overlap_prob v = d.logits ? overlap_unpack(d.kept ? x : overlap_pack(x))
					 : (struct overlap_prob){x, v_set(1)};
	vec g = v_fma(d.d_i, y, d.squared ? d.d_p * (v.p + v.p) : d.d_p) * v.slope;

	*poison = v_fma(v_and(m_first(n), g), v_set(0), *poison);
	if (d.accumulate)
		g = g + v_load_n(to, n, 0);
	if (d.stream && n == LANES)
		v_stream(to, g);
	else
		v_store_n(to, g, n);
}

INLINE void overlap_gradient(const struct loss_eval *e, struct overlap_run run, bool logits,
			     bool squared, const struct loss_slopes *slopes, vec *poison)
{
	real *grad = e->out.gradients[0];
	struct overlap_slopes d = {
		v_set((real)slopes->d_i),        v_set((real)slopes->d_p), logits, squared,
		overlap_keep(e, logits) != NULL, e->out.accumulate[0],     false};
	int64_t skipped = run.sample * e->sample_elements + e->skipped, at = run.begin;

	/* What does not count has no gradient. */
	for (; at < run.end && (!slopes->counts || at < skipped); at++)
		if (!d.accumulate)
			grad[at] = 0;
	d.stream = !d.kept && v_may_stream(grad + at, e->elements, d.accumulate);
	for (; at + LANES <= run.end; at += LANES)
		overlap_step(e, at, LANES, d, poison);
	if (at < run.end)
		overlap_step(e, at, (int)(run.end - at), d, poison);
}

INLINE void overlap_main(const struct loss_eval *e, int64_t block, bool logits,
			 struct loss_partial *out)
{
	const struct loss_slopes *slopes = e->slopes;
	int64_t end = loss_min_i64((block + 1) * e->block_units, e->block_total);
	vec poison = v_set(0);

	if (!e->out.gradients[0])
		return;
	for (int64_t chunk = block * e->block_units; chunk < end; chunk++) {
		struct overlap_run run = overlap_run_of(e, chunk);

		if (e->overlap_kind.squared)
			overlap_gradient(e, run, logits, true, &slopes[run.sample], &poison);
		else
			overlap_gradient(e, run, logits, false, &slopes[run.sample], &poison);
	}
	v_stream_end();
	if (m_any(v_isnan(poison)))
		out->flags |= LOSS_FLAG_NONFINITE;
}

/* The only event of single elements: a probability that is none. */
INLINE void overlap_scan(const struct loss_eval *e, int64_t block, struct loss_scan *scan)
{
	int64_t end = loss_min_i64((block + 1) * e->block_units, e->block_total);

	for (int64_t chunk = block * e->block_units; chunk < end; chunk++) {
		struct overlap_run run = overlap_run_of(e, chunk);

		for (int64_t at = run.begin; at < run.end; at++) {
			real p = ((const real *)e->in[0].data)[at];

			if (p < 0 || p > 1)
				scan->hit(scan, LOSS_EVENT_BAD_PROB, at);
		}
	}
}

#define OVERLAP_FORM(id, logits)                                                                   \
	static void id##_prepare(const struct loss_eval *e, int64_t block,                         \
				 struct loss_partial *out)                                         \
	{                                                                                          \
		overlap_prepare(e, block, logits, out);                                            \
	}                                                                                          \
	static void id##_main(const struct loss_eval *e, int64_t block, struct loss_partial *out)  \
	{                                                                                          \
		overlap_main(e, block, logits, out);                                               \
	}

/* The kernels of an overlap loss: they depend on its sums only. */
#define OVERLAP_LOSS(id)                                                                           \
	OVERLAP_FORM(logits, true)                                                                 \
	OVERLAP_FORM(probs, false)                                                                 \
	static void probs_scan(const struct loss_eval *e, int64_t block, struct loss_scan *scan)   \
	{                                                                                          \
		overlap_scan(e, block, scan);                                                      \
	}                                                                                          \
	const struct loss_kernels LOSS_KERNELS(id) = {                                             \
		.prepare =                                                                         \
			{[LOSS_ROLE_LOGITS] = logits_prepare, [LOSS_ROLE_PROBS] = probs_prepare},  \
		.main = {[LOSS_ROLE_LOGITS] = logits_main, [LOSS_ROLE_PROBS] = probs_main},        \
		.scan = {[LOSS_ROLE_PROBS] = probs_scan},                                          \
	};

#endif
