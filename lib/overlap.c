/*
 * Overlap losses: a value per sample from sums over the sample.
 *
 * Phases:
 *   prepare  the sums of each chunk of each sample, into work
 *   main     the gradient, from two slopes a sample
 */
#include "loss_impl.h"

/* work: the sums by chunk, then the slopes by sample. */
static size_t sums_bytes(const struct loss_eval *e)
{
	return (size_t)(e->n * e->chunks) * sizeof(struct loss_overlap);
}

static void units(struct loss_eval *e)
{
	e->overlap_kind = e->spec.loss->impl->overlap_kind(e->spec.params);
	e->unit_rank = e->overlap_kind.batch || e->rank == 0 ? 0 : 1;
	e->unit_shape[0] = e->n;
	e->units = e->unit_rank ? e->n : 1;
	/* A single vector is one sample. */
	if (e->rank == 1) {
		e->n = e->units = 1;
		e->unit_rank = 0;
	}
}

static enum loss_code plan(struct loss_eval *e, struct loss_error *err)
{
	int64_t blocks;

	(void)err;
	e->sample_elements = e->n ? e->elements / e->n : 0;
	e->chunks = loss_max_i64(1, loss_ceil_div(e->sample_elements, LOSS_BLOCK_ELEMENTS));
	if (e->overlap_kind.skip_background && e->rank >= 2 && e->shape[1] > 1)
		e->skipped = e->sample_elements / e->shape[1];
	e->block_total = e->n * e->chunks;
	e->block_units = loss_max_i64(1, LOSS_BLOCK_ELEMENTS / loss_max_i64(1, e->sample_elements));
	blocks = loss_ceil_div(e->block_total, e->block_units);
	e->work_bytes = sums_bytes(e) + (size_t)e->n * sizeof(struct loss_slopes);
	loss_add_phase(e, e->kernels->prepare[e->form], blocks);
	loss_add_phase(e, e->kernels->main[e->form], blocks);
	return LOSS_OK;
}

/* ---- From sums to values -------------------------------------------------- */

static struct loss_overlap add(struct loss_overlap a, struct loss_overlap b)
{
	return (struct loss_overlap){a.i + b.i, a.p + b.p, a.y + b.y};
}

struct loss_overlap loss_overlap_of(const struct loss_eval *e, int64_t unit)
{
	const struct loss_overlap *sums = e->work;
	int64_t per_unit = e->units == e->n ? e->chunks : e->n * e->chunks;
	struct loss_overlap total = {0};

	for (int64_t k = 0; k < per_unit; k++)
		total = add(total, sums[unit * per_unit + k]);
	return total;
}

/* Factor of a unit and whether a mask leaves it. */
static double factor_of(const struct loss_eval *e, int64_t unit, bool *left)
{
	double factor = 1;

	*left = true;
	for (int i = 0; i < e->in_count; i++) {
		float narrow;
		double value;

		if (!e->in[i].data || !e->in[i].row->factor)
			continue;
		if (e->spec.dtype == LOSS_FLOAT32) {
			loss_operand_read_32(&e->in[i], e->unit_rank, e->unit_shape, unit, 1,
					     &narrow);
			value = (double)narrow;
		} else {
			loss_operand_read_64(&e->in[i], e->unit_rank, e->unit_shape, unit, 1,
					     &value);
		}
		if (e->in[i].row->role == LOSS_ROLE_MASK)
			*left = *left && value != 0;
		else
			factor *= value;
	}
	return *left ? factor : 0;
}

static void put_loss(const struct loss_eval *e, int64_t unit, double loss)
{
	if (!e->out.losses)
		return;
	if (e->spec.dtype == LOSS_FLOAT32)
		((float *)e->out.losses)[unit] = (float)loss;
	else
		((double *)e->out.losses)[unit] = loss;
}

/* Prediction and target so empty that what keeps the quotient from 0/0 is all
 * there is of it (finding smoothing_decided). */
bool loss_smoothing_decides(const struct loss_eval *e, const struct loss_overlap *sums)
{
	double eps = loss_eps_sum(&e->spec);

	return eps > 0 && sums->p + sums->y <= eps;
}

static void settle(struct loss_eval *e)
{
	struct loss_slopes *slopes = e->slopes = (void *)((char *)e->work + sums_bytes(e));
	bool left;

	for (int64_t unit = 0; unit < e->units; unit++) {
		factor_of(e, unit, &left);
		e->total.units += left;
	}
	loss_settle_denominator(e, (double)e->total.units);
	for (int64_t unit = 0; unit < e->units; unit++) {
		struct loss_overlap sums = loss_overlap_of(e, unit);
		double factor = factor_of(e, unit, &left), d_i, d_p;
		double loss = e->spec.loss->impl->overlap(e->spec.params, &sums, &d_i, &d_p);

		loss = factor == 0 ? 0 : factor * loss;
		e->total.sum += loss;
		put_loss(e, unit, loss);
		if (!isfinite(loss))
			e->total.flags |= LOSS_FLAG_NONFINITE;
		if (left && loss_smoothing_decides(e, &sums))
			e->total.flags |= LOSS_FLAG_EVENT;
		struct loss_slopes slope = {d_i * factor * e->gradient_scale,
					    d_p * factor * e->gradient_scale,
					    factor != 0 && e->gradient_scale != 0};

		if (e->units == e->n)
			slopes[unit] = slope;
		else
			for (int64_t sample = 0; sample < e->n; sample++)
				slopes[sample] = slope;
	}
}

static void combine(struct loss_eval *e, int phase)
{
	if (phase == 0)
		settle(e);
}

const struct loss_family loss_overlap_family = {
	.units = units, .plan = plan, .combine = combine, .divisor = "the samples that count"};
