/*
 * Log-cosh: the logarithm of the hyperbolic cosine of the residual, quadratic
 * near 0 and linear far away.
 *
 *   l = log cosh d = log1p(2 sinh(|d| / 2)^2)            up to |d| = 8
 *                  = |d| + log1p(exp(-2 |d|)) - log 2    beyond
 *   dl/dx = tanh d
 *
 * The second form loses all digits near 0, the first overflows far away.
 *
 * Ref: keras.losses.LogCosh.
 */
#include "../simd/elementwise.h"

INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	vec d = residual(in[0], in[1], seen), a = v_abs(d), one = v_set(1);
	mask near = v_lt(a, v_set(8));
	vec s = v_expm1(v_set(R(0.5)) * v_select(near, a, one));
	vec sinh_twice = s + s / (one + s);
	vec small = v_exp_neg(v_set(-2) * a);

	(void)e;
	grad[0] = v_tanh(d);
	grad[1] = -grad[0];
	return v_select(near, v_log1p(v_set(R(0.5)) * sinh_twice * sinh_twice),
			(a - v_set(LN2)) + v_log1p_unit(small));
}

ELEMENT_LOSS(log_cosh, INPUT, 2, element)

#if LOSS_DESCRIBES
const struct loss loss_described_log_cosh = {
	.name = "log_cosh",
	.title = "Log-cosh",
	.family = "regression",
	.formula = "log cosh d, d = x - y",
	.reference = "keras.losses.LogCosh; optax.losses.log_cosh",
	.notes = "Finite for every finite residual.",
	.aliases = {"LogCosh", "logcosh", "LogCoshLoss"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(REAL_INPUT(), REAL_TARGETS()),
	.example = "\"input\": [0.5, 2.0, -3.0], \"targets\": [0.0, 2.0, -1.0]",
	.ulp = 6,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family},
};
#endif
