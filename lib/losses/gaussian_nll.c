/*
 * Negative log-likelihood of y under a normal distribution with mean x and
 * variance v:
 *
 *   l = (log v + (x - y)^2 / v) / 2,   v = max(var, eps),   full: + log(2 pi) / 2
 *   dl/dx = (x - y) / v,   dl/dvar = (1 / v - ((x - y) / v)^2) / 2
 *
 * Ref: Nix and Weigend 1994; torch.nn.GaussianNLLLoss.  There the slope towards
 * a variance below eps is that at eps; here it is that of the value, 0.
 */
#include "../simd/elementwise.h"

#define HALF_LOG_2_PI 0.91893853320467274178

struct gaussian_nll_params {
	loss_flag full;
	double eps;
};

INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const struct gaussian_nll_params *p = loss_params_of(e);
	vec var = in[2], eps = v_set((real)p->eps), half = v_set(R(0.5)), zero = v_set(0);
	vec d = residual(in[0], in[1], seen), v = v_max(eps, var), share = d / v;
	vec loss = half * v_fma(share, d, v_log(v));
	mask floored = v_lt(var, eps);

	see(seen, LOSS_EVENT_BAD_VAR, v_lt(var, zero));
	see(seen, LOSS_EVENT_LOG_FLOORED, floored);
	grad[0] = share;
	grad[1] = -share;
	grad[2] = v_select(floored, zero, half * (v_set(1) / v - share * share));
	return p->full ? loss + v_set(R(HALF_LOG_2_PI)) : loss;
}

ELEMENT_LOSS(gaussian_nll, INPUT, 3, element)

#if LOSS_DESCRIBES
const struct loss loss_described_gaussian_nll = {
	.name = "gaussian_nll",
	.title = "Gaussian negative log-likelihood",
	.family = "regression",
	.formula = "(log v + (x - y)^2 / v) / 2, v = max(var, eps); full: + log(2 pi) / 2",
	.reference = "Nix and Weigend 1994; torch.nn.GaussianNLLLoss",
	.notes = "A variance below eps counts as eps, with a gradient of 0 (PyTorch: that at eps).",
	.aliases = {"GaussianNLLLoss", "gaussian_nll_loss"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(REAL_INPUT(), REAL_TARGETS(),
		    LOSS_INPUT(VAR, .kind = LOSS_KIND_NONNEGATIVE, .shape = LOSS_SHAPE_ROWS,
			       .differentiable = true, .predicted = true)),
	LOSS_PARAMS(gaussian_nll_params,
		    LOSS_PARAM(gaussian_nll_params, full, .doc = "Add log(2 pi) / 2."),
		    LOSS_PARAM(gaussian_nll_params, eps, .init = 1e-6, ABOVE(0),
			       .doc = "The least that a variance counts as.")),
	.example = "\"input\": [0.5, 2.0, -3.0], \"targets\": [0.0, 2.0, -1.0], "
		   "\"var\": [1.0, 0.5, 2.0]",
	.ulp = 4,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family},
};
#endif
