/*
 * Focal loss over a sigmoid: binary cross entropy, less of it for what is
 * already right.
 *
 *   l = a_t u^gamma bce,   u = 1 - p_t = p (1 - y) + (1 - p) y
 *   a_t = alpha y + (1 - alpha) (1 - y)
 *
 * With du/dx = p (1 - p) (1 - 2 y), the derivative is
 *
 *   dl/dx = a_t u^gamma (gamma (1 - 2 y) (p (1 - p) / u) bce + dbce/dx)
 *
 * The quotient is p for y = 1 and 1 - p for y = 0, so no power gamma - 1 and no
 * 0/0 is ever formed.  u is never 1 - p_t by subtraction.
 *
 * Ref: Lin et al. 2017; torchvision.ops.sigmoid_focal_loss; the soft targets
 * are optax's.
 */
#include "../simd/binary.h"

struct sigmoid_focal_params {
	double gamma;
	struct loss_maybe alpha;
};

/* u^gamma for gamma = 0, 1/2, 1, 3/2, ...: products instead of a logarithm. */
INLINE vec power_of_halves(vec u, real gamma)
{
	int whole = (int)gamma;
	vec power = whole > 0 ? u : v_set(1);

	for (int i = 1; i < whole; i++)
		power = power * u;
	return gamma == (real)whole ? power : power * v_sqrt(u);
}

INLINE vec power_of(vec u, real gamma, bool halves)
{
	return halves ? power_of_halves(u, gamma) : v_pow_pos(u, v_set(gamma));
}

/* Soft targets, and logits that are NaN, infinite or so large that exp(-|x|) is 0,
 * where the short form below may multiply 0 by infinity. */
INLINE vec focal_of_any(vec x, vec y, vec small, vec *dx, const struct loss_eval *e, bool halves,
			struct seen *seen)
{
	const struct sigmoid_focal_params *p = loss_params_of(e);
	const real gamma = (real)p->gamma;
	vec one = v_set(1), rest = one - y, slope, bce, dbce, ratio, power;
	struct binary_logit b = binary_logit_of(x, small, v_log1p_unit(small));
	/* The sides changed round where x < 0, as in binary_of_logits(). */
	vec near = v_select(b.negative, y, rest), far = v_select(b.negative, rest, y);
	vec miss = v_fma(far, small, near), hit = v_fma(near, small, far);
	vec u = miss / (one + small);
	mask soft = v_ne(near * far, v_set(0)), finite = v_isfinite(x);

	power = power_of(u, gamma, halves);
	see_nonfinite(seen, LOSS_EVENT_DOMAIN, m_and(v_lt(u, v_set(0)), v_isnan(power)));
	if (p->alpha.set)
		power = power * v_fma(v_set((real)p->alpha.value), y,
				      v_set((real)(1 - p->alpha.value)) * rest);
	/* p (1 - p) / u: of hard targets, 1 - u */
	ratio = v_select(soft, small / (miss * (one + small)), hit * b.larger);
	slope = v_set(gamma) * (rest - y) * ratio;
	bce = v_select(finite, v_fma(v_abs(x), near, b.rest),
		       times_or_zero(y, b.cost.of_1) + times_or_zero(rest, b.cost.of_0));
	dbce = v_flip_sign(v_fma(-far, small, near) * b.larger, x);
	*dx = v_select(finite, power * v_fma(slope, bce, dbce),
		       times_or_zero(power, times_or_zero(slope, bce) + dbce));
	return v_select(finite, power * bce, times_or_zero(power, bce));
}

/*
 * Of targets 0 and 1, with p_t of the two probabilities the larger where the
 * sign of x is the target's:
 *
 *   dl/dx = (1 - 2 y) a_t u^gamma (gamma p_t bce + u)
 */
INLINE vec focal(const vec *in, vec *grad, const struct loss_eval *e, bool halves,
		 struct seen *seen)
{
	const struct sigmoid_focal_params *p = loss_params_of(e);
	const real gamma = (real)p->gamma;
	const vec zero = v_set(0), one = v_set(1);
	vec x = in[0], y = in[1], small = in[ELEMENT_FIRST], loss;
	mask positive = v_eq(y, one), hard = m_or(positive, v_eq(y, zero));
	mask rare = m_not(m_and(hard, v_lt(zero, small)));
	vec larger = one / (one + small), smaller = small * larger, rest = v_log1p_unit(small);
	mask wrong = v_is_signed(v_select(positive, x, -x));
	vec u = v_select(wrong, larger, smaller), p_t = v_select(wrong, smaller, larger);
	vec bce = v_select(wrong, rest + v_abs(x), rest), power = power_of(u, gamma, halves);

	if (p->alpha.set)
		power = power * v_select(positive, v_set((real)p->alpha.value),
					 v_set((real)(1 - p->alpha.value)));
	loss = power * bce;
	grad[0] = v_fma(v_set(gamma) * bce, p_t, u) * v_select(positive, -power, power);
	if (__builtin_expect(m_any(rare), 0)) {
		vec dx, of_any = focal_of_any(x, y, small, &dx, e, halves, seen);

		loss = v_select(rare, of_any, loss);
		grad[0] = v_select(rare, dx, grad[0]);
	}
	return loss;
}

INLINE vec of_logits(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	return focal(in, grad, e, false, seen);
}

INLINE vec of_halves(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	return focal(in, grad, e, true, seen);
}

ELEMENT_FORM_IN_TWO(logits, 2, binary_first, of_logits)
ELEMENT_FORM_IN_TWO(halves, 2, binary_first, of_halves)

static bool has_halves(const struct loss_eval *e)
{
	const struct sigmoid_focal_params *p = loss_params_of(e);

	return p->gamma <= 8 && floor(2 * p->gamma) == 2 * p->gamma;
}

static void block_of(const struct loss_eval *e, int64_t block, struct loss_partial *out)
{
	(has_halves(e) ? halves_block : logits_block)(e, block, out);
}

static void scan_of(const struct loss_eval *e, int64_t block, struct loss_scan *scan)
{
	(has_halves(e) ? halves_scan : logits_scan)(e, block, scan);
}

const struct loss_kernels LOSS_KERNELS(sigmoid_focal) = {
	.main = {[LOSS_ROLE_LOGITS] = block_of},
	.scan = {[LOSS_ROLE_LOGITS] = scan_of},
};

#if LOSS_DESCRIBES
const struct loss loss_described_sigmoid_focal = {
	.name = "sigmoid_focal",
	.title = "Focal loss (sigmoid)",
	.family = "binary",
	.formula = "a_t (1 - p_t)^gamma bce, p_t = p y + (1 - p)(1 - y), a_t = alpha y + (1 - "
		   "alpha)(1 - y)",
	.reference = "Lin et al. 2017; torchvision.ops.sigmoid_focal_loss",
	.notes = "alpha null switches the balance off; gamma 0 is then binary cross entropy. "
		 "Targets may "
		 "be soft.",
	.aliases = {"focal", "BCEFocalLosswithLogits", "sigmoid_focal_loss", "focal_loss",
		    "BinaryFocalCrossentropy", "binary_focal_loss"},
	.traits = LOSS_HAS_SIGMOID,
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(
		LOSS_INPUT(LOGITS, .aliases = LOSS_ROLE_BIT(INPUT), .shape = LOSS_SHAPE_PREDICTION,
			   .differentiable = true),
		LOSS_INPUT(TARGETS, .shape = LOSS_SHAPE_SAME, .doc = "0 or 1, or a probability.")),
	LOSS_PARAMS(
		sigmoid_focal_params,
		LOSS_PARAM(sigmoid_focal_params, gamma, .init = 2, AT_LEAST(0),
			   .doc = "How much less the elements that are right count."),
		LOSS_PARAM(sigmoid_focal_params, alpha, .init = 0.25, AT_LEAST(0), AT_MOST(1),
			   .doc = "Weight of the positives; 1 - alpha is that of the negatives.")),
	.example = "\"logits\": [2.1, -1.3, 0.4], \"targets\": [1, 0, 1]",
	.ulp = 14, /* gamma 5 multiplies the relative error of u, 2.5, by five */
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family, .balances = true},
};
#endif
