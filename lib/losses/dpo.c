/*
 * Direct preference optimization: the policy should prefer the chosen answer to
 * the rejected one by more than the reference does.
 *
 *   D = (chosen - ref_chosen) - (rejected - ref_rejected),   h = beta D - margin
 *   sigmoid  l = (1 - e) sp(-h) + e sp(h),    sp = softplus, e = label_smoothing
 *   robust   l = ((1 - e) sp(-h) - e sp(h)) / (1 - 2 e)
 *   hinge    l = max(0, 1 - h)
 *   ipo      l = (D - 1 / (2 beta))^2
 *
 * Without a reference it is the loss of CPO, with a margin that of SimPO and,
 * with beta 1, the Bradley-Terry loss of a reward model.
 *
 * Ref: Rafailov et al. 2023; Azar et al. 2023 (ipo); Chowdhury et al. 2024
 * (robust); trl.DPOTrainer for the names.
 */
#include "../simd/binary.h"

struct dpo_params {
	loss_choice kind;
	double beta, label_smoothing, margin;
};

enum { SIGMOID, ROBUST, HINGE, IPO }; /* choices of kind */

/* Infinities have no low part. */
INLINE vec finite_or_0(vec low)
{
	return v_and(v_isfinite(low), low);
}

/*
 * D of the four inputs.  Log-probabilities of long answers are large and their
 * differences small: what rounding takes from them would be seen in e^-h.
 */
INLINE struct v_pair preference_of(const vec *in, struct seen *seen)
{
	struct v_pair chosen = v_pair_sum_any(in[0], v_neg(in[2]));
	struct v_pair rejected = v_pair_sum_any(in[1], v_neg(in[3]));
	struct v_pair d = v_pair_sum_any(chosen.high, v_neg(rejected.high));
	mask given = m_none();

	UNROLL for (int k = 0; k < 4; k++) given = m_or(given, v_isnan(in[k]));
	see_nonfinite(seen, LOSS_EVENT_INF_MINUS_INF, m_andnot(v_isnan(d.high), given));
	return (struct v_pair){d.high, finite_or_0((chosen.low - rejected.low) + d.low)};
}

/* h = beta D - margin. */
INLINE struct v_pair logit_of(const vec *in, const struct dpo_params *p, struct seen *seen)
{
	struct v_pair d = preference_of(in, seen);
	vec beta = v_set((real)p->beta), product = beta * d.high;
	/* What the dtype lost of beta itself counts too. */
	vec beta_low = v_set((real)(p->beta - (double)(real)p->beta));
	vec lost = v_fma(beta, d.low, v_fma(beta, d.high, v_neg(product))) + beta_low * d.high;
	struct v_pair h = v_pair_sum_any(product, v_set((real)-p->margin));

	return (struct v_pair){h.high, finite_or_0(h.low + lost)};
}

/* The derivatives of all four from that of D. */
INLINE void put_slopes(vec *grad, vec slope)
{
	grad[0] = grad[3] = slope;
	grad[1] = grad[2] = v_neg(slope);
}

/* on_1 sp(-h) + on_0 sp(h), where on_1 + on_0 is 1; either may be negative. */
INLINE vec judged(struct v_pair h, vec on_1, vec on_0, vec *dh)
{
	vec small = v_exp_neg_abs(h.high);
	struct binary_logit b = binary_logit_of(h.high, small, v_log1p_unit(small));
	vec loss = times_or_zero(on_1, b.cost.of_1) + times_or_zero(on_0, b.cost.of_0);
	vec slope = on_0 * b.prob_1 - on_1 * b.prob_0;

	*dh = v_fma(b.prob_1 * b.prob_0, h.low, slope);
	return v_fma(slope, h.low, loss);
}

INLINE vec of_sigmoid(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const struct dpo_params *p = loss_params_of(e);
	vec on_1 = v_set((real)(1 - p->label_smoothing)), on_0 = v_set((real)p->label_smoothing);
	vec dh, loss = judged(logit_of(in, p, seen), on_1, on_0, &dh);

	put_slopes(grad, dh * v_set((real)p->beta));
	return loss;
}

INLINE vec of_robust(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const struct dpo_params *p = loss_params_of(e);
	const double below = 1 - 2 * p->label_smoothing;
	vec on_1 = v_set((real)((1 - p->label_smoothing) / below));
	vec on_0 = v_set((real)(-p->label_smoothing / below));
	vec dh, loss = judged(logit_of(in, p, seen), on_1, on_0, &dh);

	put_slopes(grad, dh * v_set((real)p->beta));
	return loss;
}

INLINE vec of_hinge(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const struct dpo_params *p = loss_params_of(e);
	struct v_pair h = logit_of(in, p, seen);
	vec missing = (v_set(1) - h.high) - h.low, zero = v_set(0);
	vec slope = v_select(v_isnan(missing), missing, v_set((real)-p->beta));

	put_slopes(grad, v_select(v_le(missing, zero), zero, slope));
	return v_max(zero, missing);
}

INLINE vec of_ipo(const vec *in, vec *grad, const struct loss_eval *e, struct seen *seen)
{
	const struct dpo_params *p = loss_params_of(e);
	struct v_pair d = preference_of(in, seen);
	vec off = (d.high - v_set((real)(0.5 / p->beta))) + d.low;

	put_slopes(grad, off + off);
	return off * off;
}

ELEMENT_FORM(sigmoid, 4, of_sigmoid)
ELEMENT_FORM(robust, 4, of_robust)
ELEMENT_FORM(hinge, 4, of_hinge)
ELEMENT_FORM(ipo, 4, of_ipo)

static void block_of(const struct loss_eval *e, int64_t block, struct loss_partial *out)
{
	static loss_block_fn *const of[] = {sigmoid_block, robust_block, hinge_block, ipo_block};

	of[((const struct dpo_params *)loss_params_of(e))->kind](e, block, out);
}

static void scan_of(const struct loss_eval *e, int64_t block, struct loss_scan *scan)
{
	static loss_scan_fn *const of[] = {sigmoid_scan, robust_scan, hinge_scan, ipo_scan};

	of[((const struct dpo_params *)loss_params_of(e))->kind](e, block, scan);
}

const struct loss_kernels LOSS_KERNELS(dpo) = {
	.main = {[LOSS_ROLE_CHOSEN_LOGPS] = block_of},
	.scan = {[LOSS_ROLE_CHOSEN_LOGPS] = scan_of},
};

#if LOSS_DESCRIBES
static enum loss_code check(const struct loss_eval *e, struct loss_error *err)
{
	const struct dpo_params *p = loss_params_of(e);

	if (!e->in[2].data != !e->in[3].data)
		return loss_fail(err, LOSS_MISSING_INPUT,
				 loss_role_name(e->in[e->in[2].data ? 3 : 2].row->role),
				 "dpo reads both of ref_chosen_logps and ref_rejected_logps, or "
				 "neither");
	if (p->kind >= HINGE && p->label_smoothing != 0)
		return loss_fail_param(err, LOSS_PARAM_RANGE, "label_smoothing",
				       "%g, expected 0 unless kind is sigmoid or robust",
				       p->label_smoothing);
	if (p->kind == IPO && p->margin != 0)
		return loss_fail_param(err, LOSS_PARAM_RANGE, "margin",
				       "%g, expected 0 where kind is ipo", p->margin);
	return LOSS_OK;
}

const struct loss loss_described_dpo = {
	.name = "dpo",
	.title = "Direct preference optimization",
	.family = "preference",
	.formula = "softplus(-(beta D - margin)), D = (chosen - ref_chosen) - (rejected - "
		   "ref_rejected)",
	.reference = "Rafailov et al. 2023; trl.DPOTrainer",
	.notes = "kind is sigmoid (the formula; cDPO with label_smoothing), robust, hinge or ipo. "
		 "Without a reference, which counts as 0, it is the loss of CPO, with a margin "
		 "that of SimPO, and with beta 1 the Bradley-Terry loss of a reward model. ipo is "
		 "meant for log-probabilities averaged over the tokens.",
	.aliases = {"dpo_loss", "DPOLoss", "cpo", "simpo", "bradley_terry"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(
		LOSS_INPUT(CHOSEN_LOGPS, .shape = LOSS_SHAPE_PREDICTION, .differentiable = true),
		LOSS_INPUT(REJECTED_LOGPS, .shape = LOSS_SHAPE_SAME, .differentiable = true,
			   .predicted = true),
		LOSS_INPUT(REF_CHOSEN_LOGPS, .shape = LOSS_SHAPE_SAME, .optional = true),
		LOSS_INPUT(REF_REJECTED_LOGPS, .shape = LOSS_SHAPE_SAME, .optional = true)),
	LOSS_PARAMS(
		dpo_params,
		LOSS_PARAM(dpo_params, kind, ONE_OF("sigmoid", "robust", "hinge", "ipo"),
			   .doc = "How the preference is judged."),
		LOSS_PARAM(dpo_params, beta, .init = 0.1, ABOVE(0),
			   .doc = "How far the policy may go from the reference: less for more."),
		LOSS_PARAM(dpo_params, label_smoothing, AT_LEAST(0), BELOW(0.5),
			   .doc = "The share of pairs that are labelled the wrong way round."),
		LOSS_PARAM(dpo_params, margin, .doc = "By how much beta D should be above 0.")),
	.example = "\"chosen_logps\": [-12.5, -30.0], \"rejected_logps\": [-14.0, -28.5], "
		   "\"ref_chosen_logps\": [-13.0, -29.0], \"ref_rejected_logps\": [-13.5, -28.0]",
	.ulp = 4,
	.impl = &(const struct loss_impl){.family = &loss_elementwise_family, .check = check},
};
#endif
