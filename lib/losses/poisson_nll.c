/*
 * Negative log-likelihood of counts y under a Poisson distribution:
 *
 *   log_input:  l = exp(x) - y x                x is the logarithm of the rate
 *   else        l = x - y log(x + eps)          x is the rate
 *   full:       + y log y - y + log(2 pi y) / 2     where y > 1 (Stirling)
 *
 * y = 0 leaves out the product, also where what it multiplies is infinite.
 *
 * Ref: torch.nn.PoissonNLLLoss.
 */
#include "../simd/elementwise.h"

#define LOG_2_PI 1.83787706640934548356

struct poisson_nll_params {
	loss_flag log_input, full;
	double eps;
};

/* y a; 0 where y is 0. */
INLINE vec product(vec y, vec a, struct seen *seen)
{
	mask on = v_ne(y, v_set(0));

	see(seen, LOSS_EVENT_ZERO_TIMES_INF, m_andnot(v_isinf(a), on));
	return v_and(on, y * a);
}

/* The log of y!, near enough, and its derivative. */
INLINE vec stirling(vec y, vec *slope)
{
	mask on = v_gt(y, v_set(1));
	vec above = v_select(on, y, v_set(2)), half = v_set(R(0.5)), log_y = v_log(above);

	*slope = v_and(on, log_y + half / above);
	return v_and(on, above * log_y - above + half * (v_set(R(LOG_2_PI)) + log_y));
}

INLINE vec element(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const struct poisson_nll_params *p = loss_params_of(e);
	vec x = in[0], y = in[1], rate = x, log_rate = x, one = v_set(1), loss, slope;

	if (p->log_input) {
		rate = v_exp(x);
		see_nonfinite(seen, LOSS_EVENT_EXP_OVERFLOW, m_andnot(v_isinf(rate), v_isinf(x)));
		grad[0] = rate - y;
	} else {
		vec raised = x + v_set((real)p->eps);

		log_rate = v_log(raised);
		mask on = v_ne(y, v_set(0));

		see_nonfinite(seen, LOSS_EVENT_DOMAIN, m_and(v_lt(raised, v_set(0)), on));
		see_nonfinite(seen, LOSS_EVENT_LOG_ZERO, m_and(v_eq(raised, v_set(0)), on));
		grad[0] = v_select(v_isnan(x), x, one - v_and(on, y / raised));
	}
	vec expected = product(y, log_rate, seen);

	loss = rate - expected;
	see_nonfinite(seen, LOSS_EVENT_INF_MINUS_INF,
		      m_and(v_isnan(loss), m_and(v_isinf(rate), v_isinf(expected))));
	grad[1] = -log_rate;
	if (p->full) {
		loss = loss + stirling(y, &slope);
		grad[1] = grad[1] + slope;
	}
	return loss;
}

ELEMENT_LOSS(poisson_nll, INPUT, 2, element)

#if LOSS_DESCRIBES
const struct loss loss_described_poisson_nll = {
	.name = "poisson_nll",
	.title = "Poisson negative log-likelihood",
	.family = "regression",
	.formula = "exp(x) - y x; without log_input x - y log(x + eps); full: + y log y - y + "
		   "log(2 pi y) / 2 where y > 1",
	.reference = "torch.nn.PoissonNLLLoss",
	.notes = "A count of 0 leaves out the product, also where the rate is 0.",
	.aliases = {"PoissonNLLLoss", "poisson_nll_loss"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(REAL_INPUT(), REAL_TARGETS(.kind = LOSS_KIND_NONNEGATIVE)),
	LOSS_PARAMS(poisson_nll_params,
		    LOSS_PARAM(poisson_nll_params, log_input, .init = 1,
			       .doc = "The prediction is the logarithm of the rate."),
		    LOSS_PARAM(poisson_nll_params, full,
			       .doc = "Add what Stirling's formula gives for log y!."),
		    LOSS_PARAM(poisson_nll_params, eps, .init = 1e-8, AT_LEAST(0),
			       .doc = "Added to a rate under the log.")),
	.example = "\"input\": [0.5, 1.2, -0.3], \"targets\": [1, 4, 0]",
	.ulp = 3,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family},
};
#endif
