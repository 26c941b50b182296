/* Binary cross entropy with its two sides weighted, which several losses are
 * made of:  on_1 (-log p) + on_0 (-log(1 - p)).  A side whose weight is 0 is
 * skipped, not multiplied. */
#ifndef LOSS_SIMD_BINARY_H
#define LOSS_SIMD_BINARY_H

#include "elementwise.h"

/* What the two sides cost, for derivatives with respect to their weights. */
struct binary_costs {
	vec of_1, of_0;
};

/* a * b, but 0 where a is 0, whatever b is. */
INLINE vec times_or_zero(vec a, vec b)
{
	return v_and(v_ne(a, v_set(0)), a * b);
}

/* A logit x: all from small = exp(-|x|), and nothing by subtraction. */
struct binary_logit {
	vec small, rest;          /* exp(-|x|), log(1 + exp(-|x|)) */
	struct binary_costs cost; /* softplus(-x), softplus(x), but for what `rest` lacks */
	vec larger;               /* of p and 1 - p */
	vec prob_1, prob_0;       /* p and 1 - p */
	mask negative;
};

/* What comes first of a loss whose first input is a logit. */
INLINE vec binary_first(const vec *in, const struct loss_eval *e)
{
	(void)e;
	return v_exp_neg_abs(in[0]);
}

/* `rest` is log(1 + small), or 0 where somebody else adds it. */
INLINE struct binary_logit binary_logit_of(vec x, vec small, vec rest)
{
	const vec zero = v_set(0), one = v_set(1);
	vec larger = one / (one + small), smaller = small * larger;
	mask negative = v_is_signed(x);

	return (struct binary_logit){
		.small = small,
		.rest = rest,
		.cost = {.of_1 = v_max(zero, -x) + rest, .of_0 = v_max(zero, x) + rest},
		.larger = larger,
		.prob_1 = v_select(negative, smaller, larger),
		.prob_0 = v_select(negative, larger, smaller),
		.negative = negative,
	};
}

/* The loss of logits that are infinite or NaN, for which the short form below
 * may multiply 0 by infinity. */
INLINE vec binary_of_odd_logits(struct binary_costs cost, vec on_1, vec on_0, struct seen *seen)
{
	const vec zero = v_set(0), infinite = v_set((real)INFINITY);

	see(seen, LOSS_EVENT_ZERO_TIMES_INF,
	    m_or(m_and(v_eq(on_1, zero), v_eq(cost.of_1, infinite)),
		 m_and(v_eq(on_0, zero), v_eq(cost.of_0, infinite))));
	return times_or_zero(on_1, cost.of_1) + times_or_zero(on_0, cost.of_0);
}

/*
 * With s = exp(-|x|), l = log(1 + s), and the sides changed round where x < 0:
 *
 *   loss = |x| on_0 + (on_0 + on_1) l,   its slope = (on_0 - on_1 s) / (1 + s)
 *
 * `both` is on_0 + on_1, which callers may know to be 1.
 */
INLINE vec binary_with_rest(vec x, vec small, vec rest, vec on_1, vec on_0, vec both, vec *dx,
			    struct binary_costs *costs, struct seen *seen)
{
	struct binary_logit b = binary_logit_of(x, small, rest);
	vec near = v_select(b.negative, on_1, on_0), far = v_select(b.negative, on_0, on_1);
	vec slope = v_fma(-far, b.small, near) / (v_set(1) + b.small);
	vec loss = v_fma(v_abs(x), near, both * b.rest);
	mask odd = m_not(v_isfinite(x));

	*dx = v_flip_sign(slope, x);
	*costs = b.cost;
	if (__builtin_expect(m_any(odd), 0))
		loss = v_select(odd, binary_of_odd_logits(b.cost, on_1, on_0, seen), loss);
	return loss;
}

INLINE vec binary_of_logits(vec x, vec small, vec on_1, vec on_0, vec both, vec *dx,
			    struct binary_costs *costs, struct seen *seen)
{
	return binary_with_rest(x, small, v_log1p_unit(small), on_1, on_0, both, dx, costs, seen);
}

/* Of a logit and a target, but for log(1 + small). */
INLINE vec binary_element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	vec x = in[0], y = in[1], one = v_set(1);
	struct binary_costs cost;

	(void)e;
	grad[1] = -x;
	return binary_with_rest(x, in[ELEMENT_FIRST], v_set(0), y, one - y, one, &grad[0], &cost,
				seen);
}

#define BINARY_FORM(id) ELEMENT_FORM_PLUS_LOG1P(id, 2, binary_first, binary_element)

/* A probability, with PyTorch's clamps: logs no less than -100, and
 * p (1 - p) no less than 1e-12 under the gradient. */
INLINE vec binary_of_any_probs(vec p, vec on_1, vec on_0, vec *dp, struct binary_costs *costs,
			       struct seen *seen)
{
	const vec zero = v_set(0), one = v_set(1), least = v_set(-100), floor = v_set(R(1e-12));
	vec log_1 = v_log(p), log_0 = v_log1p(-p), q = one - p, spread = p * q;
	mask uses_1 = v_ne(on_1, zero), uses_0 = v_ne(on_0, zero);
	vec slope = on_0 * p - on_1 * q;

	see(seen, LOSS_EVENT_BAD_PROB, m_or(v_lt(p, zero), v_gt(p, one)));
	see(seen, LOSS_EVENT_LOG_FLOORED,
	    m_or(m_and(uses_1, v_lt(log_1, least)), m_and(uses_0, v_lt(log_0, least))));
	see(seen, LOSS_EVENT_GRADIENT_FLOORED, m_and(v_lt(spread, floor), v_ne(slope, zero)));
	/* v_max answers its second operand if one is NaN: NaN must come through. */
	*costs = (struct binary_costs){-v_max(least, log_1), -v_max(least, log_0)};
	*dp = slope / v_max(floor, spread);
	return times_or_zero(on_1, costs->of_1) + times_or_zero(on_0, costs->of_0);
}

/* The same bits for less where no clamp bites and one side alone has a weight,
 * so that its logarithm is the only one. */
INLINE vec binary_of_probs(vec p, vec on_1, vec on_0, vec *dp, struct binary_costs *costs,
			   struct seen *seen)
{
	const vec zero = v_set(0), one = v_set(1);
	vec q = one - p, q_lost = (one - q) - p, spread = p * q;
	mask at_0 = v_eq(on_1, zero), one_sided = m_or(at_0, v_eq(on_0, zero));

	if (__builtin_expect(!m_all(m_and(one_sided, v_ge(spread, v_set(R(1e-12))))), 0))
		return binary_of_any_probs(p, on_1, on_0, dp, costs, seen);
	*costs = (struct binary_costs){-v_log_plain(p, zero), -v_log_plain(q, q_lost)};
	*dp = (on_0 * p - on_1 * q) / spread;
	return (on_1 + on_0) * -v_log_plain(v_select(at_0, q, p), v_select(at_0, q_lost, zero));
}

#endif
