/*
 * Triplet margin: an anchor should be closer to the positive than to the
 * negative, by the margin.
 *
 *   l = max(0, margin + d(a, p) - d(a, n)),   d(u, v) = (sum |u - v + eps|^p)^(1/p)
 *
 * With swap, d(p, n) stands for d(a, n) where it is smaller.  The derivative of
 * d with respect to u is sign(r) (|r| / d)^(p - 1) for r = u - v + eps.
 *
 * Ref: Balntas et al. 2016; torch.nn.TripletMarginLoss.
 */
#include "../simd/rowsum.h"

struct triplet_margin_params {
	double margin, p, eps;
	loss_flag swap;
};

/* The differences that the three distances are of. */
enum { ANCHOR_POSITIVE, ANCHOR_NEGATIVE, POSITIVE_NEGATIVE, DISTANCES };

INLINE void differences(const vec *in, const struct triplet_margin_params *p, vec *r)
{
	vec eps = v_set((real)p->eps);

	r[ANCHOR_POSITIVE] = in[0] - in[1] + eps;
	r[ANCHOR_NEGATIVE] = in[0] - in[2] + eps;
	r[POSITIVE_NEGATIVE] = in[1] - in[2] + eps;
}

INLINE void terms(const vec *in, const struct rowsum *row, mask own, struct rowsum_term *term)
{
	const struct triplet_margin_params *p = loss_params_of(row->e);
	vec r[DISTANCES];

	(void)own;
	differences(in, p, r);
	for (int k = 0; k < DISTANCES; k++) {
		vec size = v_abs(r[k]);

		if (k == POSITIVE_NEGATIVE && !p->swap)
			term[k] = (struct rowsum_term){v_set(0), v_set(0)};
		else if (p->p == 2)
			term[k] = (struct rowsum_term){size, size};
		else
			term[k] = (struct rowsum_term){
				p->p == 1 ? size : v_pow_pos(size, v_set((real)p->p)), v_set(1)};
	}
}

static double distance(const struct triplet_margin_params *p, double sum)
{
	if (p->p == 2)
		return sqrt(sum);
	return p->p == 1 ? sum : (double)s_pow_pos((real)sum, (real)(1 / p->p));
}

static double value(const struct loss_eval *e, struct rowsum *row)
{
	const struct triplet_margin_params *p = loss_params_of(e);
	double d[DISTANCES], loss;
	bool swapped;

	for (int k = 0; k < DISTANCES; k++)
		d[k] = distance(p, row->sums[k]);
	swapped = p->swap && d[POSITIVE_NEGATIVE] < d[ANCHOR_NEGATIVE];
	loss = p->margin + d[ANCHOR_POSITIVE] -
	       (swapped ? d[POSITIVE_NEGATIVE] : d[ANCHOR_NEGATIVE]);
	row->own = swapped;
	row->flat = loss < 0;
	/* What a difference is divided by, for its part in the distance. */
	for (int k = 0; k < DISTANCES; k++)
		row->slopes[k] = isnan(loss) ? (real)NAN
				 : p->p == 1 ? 1
				 : d[k] == 0 ? 1
					     : (real)d[k];
	return row->flat ? 0 : loss;
}

/* The derivative of a distance with respect to its first vector. */
INLINE vec towards(vec r, real by, real p)
{
	vec share = v_select(v_isnan(r), r, v_and(v_ne(r, v_set(0)), v_set(by)));

	if (p == 2)
		return r / v_set(by);
	if (p != 1)
		share = v_pow_pos(v_abs(r) / v_set(by), v_set(p - 1));
	return v_copysign(share, r);
}

INLINE void slope(const vec *in, const struct rowsum *row, mask own, vec *grad)
{
	const struct triplet_margin_params *p = loss_params_of(row->e);
	const real power = (real)p->p;
	vec r[DISTANCES], near;

	(void)own;
	differences(in, p, r);
	near = towards(r[ANCHOR_POSITIVE], row->slopes[ANCHOR_POSITIVE], power);
	grad[0] = near;
	grad[1] = v_neg(near);
	if (row->own != 0) {
		vec far = towards(r[POSITIVE_NEGATIVE], row->slopes[POSITIVE_NEGATIVE], power);

		grad[1] = grad[1] - far;
		grad[2] = far;
	} else {
		vec far = towards(r[ANCHOR_NEGATIVE], row->slopes[ANCHOR_NEGATIVE], power);

		grad[0] = grad[0] - far;
		grad[2] = far;
	}
}

ROWSUM_LOSS(triplet_margin, ANCHOR, .inputs = 3, .in = {0, 1, 2}, .sums = DISTANCES, .terms = terms,
	    .value = value, .slope = slope)

#if LOSS_DESCRIBES
const struct loss loss_described_triplet_margin = {
	.name = "triplet_margin",
	.title = "Triplet margin",
	.family = "embeddings",
	.formula = "max(0, margin + d(a, p) - d(a, n)), d(u, v) = (sum |u - v + eps|^p)^(1/p)",
	.reference = "Balntas et al. 2016; torch.nn.TripletMarginLoss",
	.notes =
		"One value a row of the last axis. A distance of 0, which eps prevents, has no "
		"gradient. Powers other than 1 and 2 are taken in the dtype: |r|^p may overflow or "
		"vanish where the distance would not.",
	.aliases = {"TripletMarginLoss", "triplet_margin_loss", "triplet_loss", "triplet"},
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(LOSS_INPUT(ANCHOR, .shape = LOSS_SHAPE_PREDICTION, .differentiable = true),
		    LOSS_INPUT(POSITIVE, .shape = LOSS_SHAPE_SAME, .differentiable = true,
			       .predicted = true),
		    LOSS_INPUT(NEGATIVE, .shape = LOSS_SHAPE_SAME, .differentiable = true,
			       .predicted = true)),
	LOSS_PARAMS(triplet_margin_params,
		    LOSS_PARAM(triplet_margin_params, margin, .init = 1,
			       .doc = "By how much the negative should be farther."),
		    LOSS_PARAM(triplet_margin_params, p, .init = 2, AT_LEAST(1),
			       .doc = "The norm of the differences."),
		    LOSS_PARAM(triplet_margin_params, eps, .init = 1e-6, AT_LEAST(0),
			       .doc = "Added to each difference, so that no distance is 0."),
		    LOSS_PARAM(triplet_margin_params, swap,
			       .doc = "Take the negative from the positive where that is closer.")),
	.example = "\"anchor\": [[0.5, 1.5], [2, -1]], \"positive\": [[0.4, 1.2], [1.5, -2]], "
		   "\"negative\": [[1, 1], [2.5, -1]]",
	.ulp = 3,
	.impl = &(const struct loss_impl){.family = &loss_rowsum_family},
};
#endif
