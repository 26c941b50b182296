/*
 * The elementwise driver: losses of which each element depends on the same
 * element of every input.
 *
 * A loss file gives one function per form of the prediction,
 *
 *     INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
 *
 * in[i] holds lanes of input row i (absent optional inputs: the row's
 * `absent` value), grad[i] takes the derivative with respect to it, the value
 * is returned.  Computing a derivative nobody asks for costs nothing: the
 * driver is compiled for each set of gradients and drops it.
 *
 * Of a long function a part may come first, in a loop of its own: the operations
 * of one element wait for one another, and the machine looks ahead only so far.
 *
 *     INLINE vec first(const vec *in, const struct loss_eval *e)
 *
 * What it returns is in[ELEMENT_FIRST] for the function.  Where the loss is
 * log(1 + first) more than what the function answers, the driver adds that, and a
 * sum of many needs few logarithms.
 *
 * Inputs that multiply the finished loss (weight, sample_weight, mask) never
 * reach the function.  A factor of 0 selects: neither value nor gradient of
 * such a lane is used, so 0 x inf cannot arise.
 */
#ifndef LOSS_SIMD_ELEMENTWISE_H
#define LOSS_SIMD_ELEMENTWISE_H

#include "../loss_impl.h"
#include "math.h"
#include "operand.h"
#include "seen.h"
#include "vec.h"

enum {
	ELEMENT_INPUTS = 4, /* the most that one element function reads */
	ELEMENT_FIRST = ELEMENT_INPUTS,
	ELEMENT_SLOTS,
};

typedef vec element_first_fn(const vec *in, const struct loss_eval *e);
typedef vec element_fn(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen);

/* x - y, for losses of a residual. */
INLINE vec residual(vec x, vec y, struct seen *seen)
{
	vec d = x - y;

	see_nonfinite(seen, LOSS_EVENT_INF_MINUS_INF,
		      m_andnot(m_andnot(v_isnan(d), v_isnan(x)), v_isnan(y)));
	return d;
}

/* Which derivatives a build of the loop computes. */
enum element_grads { GRAD_NONE, GRAD_PREDICTION, GRAD_ALL };

/* Up to LOSS_CHUNK elements, ready to be read in order. */
struct element_chunk {
	const real *in[ELEMENT_INPUTS];
	const real *factor; /* NULL: 1 everywhere */
	real *grad[ELEMENT_INPUTS];
	bool accumulate[ELEMENT_INPUTS];
	bool stream[ELEMENT_INPUTS]; /* past the caches, which it would only fill */
	real *losses;
	int64_t n;
};

struct element_sums {
	struct acc sum;
	vec poison; /* 0, or NaN once a gradient is not finite */
	mask seen;
};

/* A form of a loss. */
struct element_form {
	int inputs;
	element_first_fn *first; /* or NULL */
	element_fn *element;
	bool plus_log1p; /* the loss is log(1 + first) more, first within [0, 1] */
};

/* A build of the loop; constant wherever it is passed. */
struct element_kind {
	struct element_form form;
	enum element_grads grads;
	bool factored;
};

/* Chunks with factors and the last elements of any chunk: rarer, so compiled
 * once, out of line, for all gradients.  Runs the whole groups of a chunk. */
typedef void factored_fn(const struct loss_eval *e, const struct element_chunk *chunk,
			 struct element_sums *sums);

/* What the main loop takes at once: the operations of one vec wait for one
 * another, and those of a second one fill the time.  And what it leaves over is
 * less than ELEMENT_WHOLE everywhere. */
enum { ELEMENT_STEP = GROUP > 2 * LANES ? GROUP : 2 * LANES, ELEMENT_WHOLE = 2 * GROUP };

/* How many numbers the sum of log(1 + first) takes together. */
enum { ELEMENT_FOLD = 8 };

/* A vec of the gradient with respect to input k, at offset `at`. */
INLINE void element_store(const struct element_chunk *chunk, int k, int64_t at, vec g)
{
	real *to = chunk->grad[k] + at;

	if (chunk->stream[k]) {
		v_stream(to, g);
		return;
	}
	if (chunk->accumulate[k])
		g = g + v_load(to);
	v_store(to, g);
}

/* A vec of every input. */
INLINE void element_load(const struct element_chunk *chunk, int64_t at, int inputs, vec *in)
{
	UNROLL for (int k = 0; k < ELEMENT_INPUTS; k++) in[k] =
		k < inputs ? v_load(chunk->in[k] + at) : v_set(0);
}

/* The first part of n elements, a multiple of LANES. */
INLINE void element_first(const struct loss_eval *e, const struct element_chunk *chunk, int64_t n,
			  struct element_form form, real *first)
{
	for (int64_t i = 0; i < n && form.first; i += LANES) {
		vec in[ELEMENT_SLOTS];

		element_load(chunk, i, form.inputs, in);
		v_store(first + i, form.first(in, e));
	}
}

/* n elements at offset i of a chunk, n a constant multiple of GROUP. */
INLINE void element_step(const struct loss_eval *e, const struct element_chunk *chunk,
			 const real *first, int64_t i, int n, struct element_kind kind, vec scale,
			 struct element_sums *sums)
{
	const int inputs = kind.form.inputs, vecs = n / LANES;
	const int grads = kind.grads == GRAD_ALL ? inputs : kind.grads == GRAD_PREDICTION;
	vec loss[ELEMENT_STEP / LANES], grad[ELEMENT_STEP / LANES][ELEMENT_INPUTS];

	UNROLL for (int r = 0; r < vecs; r++)
	{
		vec in[ELEMENT_SLOTS];
		struct seen seen = seen_nothing();

		element_load(chunk, i + r * LANES, inputs, in);
		if (kind.form.first)
			in[ELEMENT_FIRST] = v_load(first + i + r * LANES);
		for (int k = 0; k < ELEMENT_INPUTS; k++)
			grad[r][k] = v_set(0);
		loss[r] = kind.form.element(in, grad[r], e, &seen);
		if (kind.form.plus_log1p && kind.factored)
			loss[r] = loss[r] + v_log1p_unit(in[ELEMENT_FIRST]);
		if (kind.factored) {
			vec factor = v_load(chunk->factor + i + r * LANES);
			mask on = v_ne(factor, v_set(0));

			loss[r] = v_and(on, loss[r] * factor);
			for (int k = 0; k < ELEMENT_INPUTS; k++)
				grad[r][k] = v_and(on, grad[r][k] * factor);
			seen.any = m_and(seen.any, on);
		}
		sums->seen = m_or(sums->seen, seen.any);
		acc_add(&sums->sum, r % REGS, loss[r]);
		/* In the sum it is added later, whether losses are asked for or not. */
		if (kind.form.plus_log1p && !kind.factored && chunk->losses)
			loss[r] = loss[r] + v_log1p_unit(in[ELEMENT_FIRST]);
	}
	if (chunk->losses)
		UNROLL for (int r = 0; r < vecs; r++)
			v_store(chunk->losses + i + r * LANES, loss[r]);
	UNROLL for (int k = 0; k < grads; k++)
	{
		if (!chunk->grad[k])
			continue;
		UNROLL for (int r = 0; r < vecs; r++)
		{
			vec g = grad[r][k] * scale;

			sums->poison = v_fma(g, v_set(0), sums->poison);
			element_store(chunk, k, i + r * LANES, g);
		}
	}
}

/* (1 + a) (1 + b) = 1 + (a + b + a b): this, and so on, of ELEMENT_FOLD numbers
 * that lie GROUP apart. */
INLINE vec element_fold(const real *first)
{
	vec v[ELEMENT_FOLD];

	UNROLL for (int k = 0; k < ELEMENT_FOLD; k++) v[k] = v_load(first + k * GROUP);
	UNROLL for (int n = ELEMENT_FOLD / 2; n; n /= 2) UNROLL for (int k = 0; k < n; k++) v[k] =
		v_fma(v[k], v[k + n], v[k] + v[k + n]);
	return v[0];
}

/*
 * Adds the log(1 + first) of n elements, a multiple of GROUP and not 0, by one
 * logarithm for each lane.  As 0 <= first <= 1 nothing cancels, 2^(LOSS_CHUNK /
 * GROUP) is a number, and the tree keeps rounding within a few last places.
 * `first` is used up.
 */
INLINE void element_add_log1p(real *first, int64_t n, struct acc *sum)
{
	for (int64_t left; n > GROUP; n = left) {
		left = loss_ceil_div(n, ELEMENT_FOLD * GROUP) * GROUP;
		for (int64_t i = n; i < left * ELEMENT_FOLD; i += LANES)
			v_store(first + i, v_set(0));
		for (int64_t i = 0; i < left; i += GROUP)
			for (int lane = 0; lane < GROUP; lane += LANES)
				v_store(first + i + lane,
					element_fold(first + i * ELEMENT_FOLD + lane));
	}
	UNROLL for (int r = 0; r < REGS; r++) acc_add(sum, r, v_log1p(v_load(first + r * LANES)));
}

/* Less than a group at offset i: padded with copies of the first of them, so
 * that nothing is computed that the data does not hold, and a factor of 0. */
INLINE void element_tail(const struct loss_eval *e, const struct element_chunk *chunk, int64_t i,
			 int left, int inputs, factored_fn *factored, struct element_sums *sums)
{
	real in[ELEMENT_INPUTS][GROUP], grad[ELEMENT_INPUTS][GROUP], factor[GROUP], losses[GROUP];
	struct element_chunk padded = {.factor = factor, .losses = losses, .n = GROUP};

	for (int k = 0; k < inputs; k++) {
		for (int j = 0; j < GROUP; j++)
			in[k][j] = chunk->in[k][j < left ? i + j : i];
		padded.in[k] = in[k];
		if (!chunk->grad[k])
			continue;
		padded.grad[k] = grad[k];
		padded.accumulate[k] = chunk->accumulate[k];
		for (int j = 0; j < GROUP; j++)
			grad[k][j] = chunk->accumulate[k] && j < left ? chunk->grad[k][i + j] : 0;
	}
	for (int j = 0; j < GROUP; j++)
		factor[j] = j >= left ? 0 : chunk->factor ? chunk->factor[i + j] : 1;
	factored(e, &padded, sums);
	if (chunk->losses)
		memcpy(chunk->losses + i, losses, (size_t)left * sizeof(real));
	for (int k = 0; k < inputs; k++)
		if (chunk->grad[k])
			memcpy(chunk->grad[k] + i, grad[k], (size_t)left * sizeof(real));
}

INLINE void element_run(const struct loss_eval *e, const struct element_chunk *chunk,
			struct element_kind kind, factored_fn *factored, struct element_sums *sums)
{
	int64_t i = 0;

	if (chunk->factor) {
		factored(e, chunk, sums);
		i = chunk->n / GROUP * GROUP;
	} else {
		/* Copies whose addresses nobody has: they stay in registers. */
		struct element_sums hot = *sums;
		struct element_chunk lanes = *chunk;
		int64_t whole = lanes.n / ELEMENT_WHOLE * ELEMENT_WHOLE;
		vec scale = v_set((real)e->gradient_scale);
		_Alignas(64) real first[LOSS_CHUNK];

		element_first(e, &lanes, whole, kind.form, first);
		for (; i < whole; i += ELEMENT_STEP)
			element_step(e, &lanes, first, i, ELEMENT_STEP, kind, scale, &hot);
		if (kind.form.plus_log1p && whole > 0)
			element_add_log1p(first, whole, &hot.sum);
		*sums = hot;
	}
	for (; i < chunk->n; i += GROUP)
		element_tail(e, chunk, i, (int)loss_min_i64(GROUP, chunk->n - i), kind.form.inputs,
			     factored, sums);
}

INLINE void element_run_factored(const struct loss_eval *e, const struct element_chunk *chunk,
				 struct element_kind kind, struct element_sums *sums)
{
	struct element_sums hot = *sums;
	struct element_chunk lanes = *chunk;
	vec scale = v_set((real)e->gradient_scale);
	_Alignas(64) real first[LOSS_CHUNK];

	element_first(e, &lanes, lanes.n / GROUP * GROUP, kind.form, first);
	for (int64_t i = 0; i + GROUP <= lanes.n; i += GROUP)
		element_step(e, &lanes, first, i, GROUP, kind, scale, &hot);
	*sums = hot;
}

/* ---- Chunks of a block ---------------------------------------------------- */

/* Room for what must be spread out. */
struct element_room {
	_Alignas(64) real in[ELEMENT_INPUTS][LOSS_CHUNK];
	_Alignas(64) real factor[LOSS_CHUNK];
};

/* The only factor, if that is what it is and stands in memory as it is needed. */
INLINE const struct loss_operand *element_plain_factor(const struct loss_eval *e)
{
	const struct loss_operand *only = NULL;

	for (int k = 0; k < e->operands; k++) {
		const struct loss_operand *operand = &e->in[k];

		if (!operand->data || !operand->row->factor)
			continue;
		if (only || !operand->full || operand->row->role == LOSS_ROLE_MASK)
			return NULL;
		only = operand;
	}
	return only;
}

/* The product of weight, sample_weight and mask, or NULL if there is none. */
INLINE const real *element_factor(const struct loss_eval *e, int64_t begin, int64_t n, real *room)
{
	const struct loss_operand *plain;

	if (!e->has_factor)
		return NULL;
	if ((plain = element_plain_factor(e)))
		return (const real *)plain->data + begin;
	for (int64_t i = 0; i < n; i++)
		room[i] = 1;
	multiply_factors(e, begin, n, 1, room);
	return room;
}

INLINE void element_chunk_init(struct element_chunk *chunk, const struct loss_eval *e,
			       int64_t begin, int64_t n, int inputs, struct element_room *room)
{
	chunk->n = n;
	for (int k = 0; k < inputs; k++) {
		chunk->in[k] = operand_run(e, &e->in[e->reads[k]], begin, n, room->in[k]);
		real *grad = e->out.gradients[e->reads[k]];
		bool summed = k > 0 && e->reads[k] == e->summed;

		if (grad && summed)
			grad = e->work;
		chunk->grad[k] = grad ? grad + begin : NULL;
		chunk->accumulate[k] = e->out.accumulate[e->reads[k]] && !summed;
		chunk->stream[k] =
			grad && v_may_stream(chunk->grad[k], e->elements, chunk->accumulate[k]);
	}
	chunk->factor = element_factor(e, begin, n, room->factor);
	chunk->losses = e->out.losses ? (real *)e->out.losses + begin : NULL;
}

/* The chunks of one block, for one set of gradients. */
INLINE void element_block_kind(const struct loss_eval *e, int64_t block, struct element_kind kind,
			       factored_fn *factored, struct loss_partial *out)
{
	struct element_room room;
	struct element_chunk chunk = {0};
	struct element_sums sums = {acc_zero(), v_set(0), m_none()};
	int64_t begin = block * e->block_units;
	int64_t end = loss_min_i64(begin + e->block_units, e->elements);

	for (int64_t at = begin; at < end; at += LOSS_CHUNK) {
		element_chunk_init(&chunk, e, at, loss_min_i64(LOSS_CHUNK, end - at),
				   kind.form.inputs, &room);
		element_run(e, &chunk, kind, factored, &sums);
	}
	v_stream_end();
	out->sum = acc_sum(&sums.sum);
	if (m_any(v_isnan(sums.poison)) || !isfinite(out->sum))
		out->flags |= LOSS_FLAG_NONFINITE;
	if (m_any(sums.seen))
		out->flags |= LOSS_FLAG_EVENT;
}

INLINE void element_block(const struct loss_eval *e, int64_t block, struct element_form form,
			  factored_fn *factored, struct loss_partial *out)
{
	bool others = false;

	for (int k = 1; k < form.inputs; k++)
		others = others || e->out.gradients[e->reads[k]] != NULL;
	if (others)
		element_block_kind(e, block, (struct element_kind){.form = form, .grads = GRAD_ALL},
				   factored, out);
	else if (e->out.gradients[0])
		element_block_kind(e, block,
				   (struct element_kind){.form = form, .grads = GRAD_PREDICTION},
				   factored, out);
	else
		element_block_kind(e, block, (struct element_kind){.form = form}, factored, out);
}

/* The same math once more over a block, to tell where each event happened. */
INLINE void element_scan(const struct loss_eval *e, int64_t block, struct element_form form,
			 struct loss_scan *scan)
{
	struct element_room room;
	struct element_chunk chunk = {0};
	int64_t begin = block * e->block_units;
	int64_t end = loss_min_i64(begin + e->block_units, e->elements);

	for (int64_t at = begin; at < end; at += LOSS_CHUNK) {
		element_chunk_init(&chunk, e, at, loss_min_i64(LOSS_CHUNK, end - at), form.inputs,
				   &room);
		for (int64_t i = 0; i < chunk.n; i += LANES) {
			int left = (int)loss_min_i64(LANES, chunk.n - i);
			vec in[ELEMENT_SLOTS], grad[ELEMENT_INPUTS];
			struct seen seen = seen_nothing();
			mask on = m_not(m_none());

			for (int k = 0; k < ELEMENT_INPUTS; k++)
				in[k] = k < form.inputs
						? v_load_n(chunk.in[k] + i, left, chunk.in[k][i])
						: v_set(0);
			if (form.first)
				in[ELEMENT_FIRST] = form.first(in, e);
			form.element(in, grad, e, &seen);
			if (chunk.factor)
				on = v_ne(v_load_n(chunk.factor + i, left, 0), v_set(0));
			seen_report(&seen, on, scan, at + i, 1, left);
		}
	}
}

/* The kernels of a form, which is a constant. */
#define ELEMENT_FORM_OF(id, ...)                                                                   \
	static __attribute__((noinline)) void id##_factored(const struct loss_eval *e,             \
							    const struct element_chunk *chunk,     \
							    struct element_sums *sums)             \
	{                                                                                          \
		element_run_factored(e, chunk,                                                     \
				     (struct element_kind){.form = {__VA_ARGS__},                  \
							   .grads = GRAD_ALL,                      \
							   .factored = true},                      \
				     sums);                                                        \
	}                                                                                          \
	static void id##_block(const struct loss_eval *e, int64_t block, struct loss_partial *out) \
	{                                                                                          \
		element_block(e, block, (struct element_form){__VA_ARGS__}, id##_factored, out);   \
	}                                                                                          \
	static NOINLINE void id##_scan(const struct loss_eval *e, int64_t block,                   \
				       struct loss_scan *scan)                                     \
	{                                                                                          \
		element_scan(e, block, (struct element_form){__VA_ARGS__}, scan);                  \
	}

#define ELEMENT_FORM(id, count, function)                                                          \
	ELEMENT_FORM_OF(id, .inputs = (count), .element = (function))
#define ELEMENT_FORM_IN_TWO(id, count, part, function)                                             \
	ELEMENT_FORM_OF(id, .inputs = (count), .first = (part), .element = (function))
#define ELEMENT_FORM_PLUS_LOG1P(id, count, part, function)                                         \
	ELEMENT_FORM_OF(id, .inputs = (count), .first = (part), .element = (function),             \
			.plus_log1p = true)

/* All of a loss that has one form: `role` names its prediction. */
#define ELEMENT_LOSS_OF(id, role, ...)                                                             \
	ELEMENT_FORM_OF(plain, __VA_ARGS__)                                                        \
	const struct loss_kernels LOSS_KERNELS(id) = {                                             \
		.main = {[LOSS_ROLE_##role] = plain_block},                                        \
		.scan = {[LOSS_ROLE_##role] = plain_scan},                                         \
	};

#define ELEMENT_LOSS(id, role, count, function)                                                    \
	ELEMENT_LOSS_OF(id, role, .inputs = (count), .element = (function))
#define ELEMENT_LOSS_PLUS_LOG1P(id, role, count, part, function)                                   \
	ELEMENT_LOSS_OF(id, role, .inputs = (count), .first = (part), .element = (function),       \
			.plus_log1p = true)

#endif
