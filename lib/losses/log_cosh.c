/*
 * Log-cosh: the logarithm of the hyperbolic cosine of the residual, quadratic
 * near 0 and linear far away.
 *
 *   l = log cosh d = log1p(sinh(d)^2) / 2,   sinh(d)^2 = (1 - e)^2 / (4 e)    up to |d| = 7/8
 *                  = |d| - log 2 + log1p(e)                                  beyond
 *   dl/dx = tanh d
 *
 * with e = exp(-2 |d|).  The second form loses all digits near 0, the first
 * overflows far away.
 *
 * Ref: keras.losses.LogCosh.
 */
#include "../simd/elementwise.h"

INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	vec d = residual(in[0], in[1], seen), a = v_abs(d);
	mask near = v_lt(a, v_set(R(0.875)));
	struct v_exps p = v_exps_neg(v_set(-2) * a);
	vec sinh_2 = p.expm1 * p.expm1 / (v_set(4) * p.exp);
	vec log = v_log1p_unit(v_select(near, sinh_2, p.exp));

	(void)e;
	grad[0] = v_tanh_of_exps(d, p);
	grad[1] = -grad[0];
	return v_select(near, v_set(R(0.5)) * log, (a - v_set(LN2)) + log);
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
