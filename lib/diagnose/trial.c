/* The same batch once more. */
#include "trial.h"

bool trial_wants_gradient(const struct loss_eval *e, int input)
{
	for (int i = 0; i < e->in_count; i++)
		if (e->out.gradients[i])
			return e->out.gradients[input] != NULL;
	return input == 0;
}

void trial_init(struct trial *trial, const struct loss_eval *e)
{
	struct loss_common *common;

	*trial = (struct trial){.spec = e->spec, .form = e->form, .scale = 1};
	common = &trial->spec.common;
	if (common->reduction == LOSS_NONE)
		common->reduction =
			e->spec.loss->reductions & 1 << LOSS_MEAN ? LOSS_MEAN : LOSS_SUM;
}

/* ---- Planning ------------------------------------------------------------- */

static struct loss_tensor tensor_of(const struct loss_eval *e, int input, const void *data)
{
	const struct loss_operand *operand = &e->in[input];
	struct loss_tensor tensor = {
		.data = data,
		.dtype = e->in[input].is_index ? LOSS_INT64 : e->spec.dtype,
		.rank = operand->rank,
	};

	memcpy(tensor.shape, operand->shape, sizeof tensor.shape);
	return tensor;
}

static const void *data_of(const struct loss_eval *e, const struct trial *trial, const void *copy,
			   int input)
{
	if (trial->fill && input == trial->input)
		return copy;
	return trial->unrounded && e->given[input] ? e->given[input] : e->in[input].data;
}

static struct loss_tensor tensor_of_mask(const struct loss_eval *e, const void *mask)
{
	struct loss_tensor tensor = {.data = mask, .dtype = e->spec.dtype, .rank = e->unit_rank};

	memcpy(tensor.shape, e->unit_shape, sizeof tensor.shape);
	return tensor;
}

/* The inputs as a caller would give them; *at is the place of `wanted`. */
static int inputs_of(const struct loss_eval *e, const struct trial *trial, const void *copy,
		     const void *mask, int wanted, struct loss_input *in, int *at)
{
	int n = 0;

	for (int i = 0; i < e->in_count; i++) {
		const struct loss_operand *operand = &e->in[i];

		if (operand->index < 0 || (i == e->mask && trial->drops))
			continue;
		if (i == wanted)
			*at = n;
		in[n++] = (struct loss_input){
			.role = i == 0 ? trial->form : operand->row->role,
			.tensor = tensor_of(e, i, data_of(e, trial, copy, i)),
			.differentiate = i == wanted,
		};
	}
	if (trial->drops)
		in[n++] = (struct loss_input){.role = LOSS_ROLE_MASK,
					      .tensor = tensor_of_mask(e, mask)};
	return n;
}

enum loss_code trial_plan(const struct loss_eval *e, const struct trial *trial,
			  struct loss_plan *plan)
{
	struct loss_input in[LOSS_INPUTS_MAX + 1];
	int at, n = inputs_of(e, trial, NULL, NULL, -1, in, &at);

	return loss_plan_init(plan, &trial->spec, in, n, NULL);
}

size_t trial_scratch_bytes(const struct loss_eval *e, const struct trial *trial)
{
	struct loss_plan plan;

	return trial_plan(e, trial, &plan) ? 0 : plan.scratch_bytes;
}

/* ---- The gradient's norm -------------------------------------------------- */

/* scale^2 * sum is the sum of squares, which need not fit a double. */
struct norm {
	double scale, sum;
};

static void norm_add(struct norm *norm, double value)
{
	double size = fabs(value);

	if (size == 0)
		return;
	if (!isfinite(size)) {
		*norm = (struct norm){size, 1};
	} else if (size > norm->scale) {
		norm->sum = 1 + norm->sum * (norm->scale / size) * (norm->scale / size);
		norm->scale = size;
	} else if (isfinite(norm->scale)) {
		norm->sum += size / norm->scale * (size / norm->scale);
	}
}

/* Squares of float32 fit a double; four sums, since each waits for its last. */
static double float32_norm(const float *x, int64_t count)
{
	double sums[4] = {0};
	int64_t i = 0;

	for (; i + 4 <= count; i += 4)
		for (int k = 0; k < 4; k++)
			sums[k] += (double)x[i + k] * (double)x[i + k];
	for (; i < count; i++)
		sums[0] += (double)x[i] * (double)x[i];
	return sqrt((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

static void add_gradient(const struct diagnosis *d, const struct trial *trial, int input,
			 struct norm *norm, struct trial_result *result)
{
	const struct loss_operand *operand = &d->e->in[input];
	bool clamps = trial->clamps && input == trial->input;

	if (!clamps && d->e->spec.dtype == LOSS_FLOAT32 &&
	    d->e->spec.precision == LOSS_PRECISION_FULL) {
		norm_add(norm, float32_norm(d->gradient, operand->count));
		return;
	}
	for (int64_t i = 0; i < operand->count; i++) {
		double before = clamps ? real_at(d->e, operand->data, i) : 0;

		if (clamps && before == before && real_at(d->e, d->copy, i) != before)
			continue;
		double g = real_at(d->e, d->gradient, i) / trial->scale;

		norm_add(norm, g);
		result->zero_gradients += g == 0;
		result->largest_gradient = fmax(result->largest_gradient, fabs(g));
	}
}

/* ---- Units that were fine ------------------------------------------------- */

static bool has_same_units(const struct loss_eval *e, const struct loss_plan *plan)
{
	return plan->loss_rank == e->unit_rank &&
	       !memcmp(plan->loss_shape, e->unit_shape,
		       sizeof *e->unit_shape * (size_t)e->unit_rank);
}

/* The same loss by another form is not a change: 64 units in the last place of
 * 1; of half precision 2, since what is inside a kernel is not rounded there. */
static double rounding_of(const struct loss_spec *spec)
{
	switch (spec->precision) {
	case LOSS_PRECISION_FLOAT16:
		return 2 * 0x1p-10;
	case LOSS_PRECISION_BFLOAT16:
		return 2 * 0x1p-7;
	case LOSS_PRECISION_FULL:
		break;
	}
	return 64 * (spec->dtype == LOSS_FLOAT32 ? 0x1p-23 : 0x1p-52);
}

static void compare_units(const struct diagnosis *d, const struct loss_plan *plan,
			  struct trial_result *result)
{
	const struct loss_eval *e = d->e;
	double rounding = rounding_of(&e->spec);
	bool same = has_same_units(e, plan);

	for (int64_t unit = 0; unit < e->units; unit++) {
		if (real_at(e, d->mask, unit) == 0)
			continue;
		double before = real_at(e, d->before, unit);
		double change = same ? fabs(real_at(e, d->after, unit) - before) : INFINITY;

		double size = fabs(before) > 1 ? fabs(before) : 1;

		result->changed_rows += !(change <= rounding * size);
		if (!(change <= result->largest_change))
			result->largest_change = change;
	}
}

/* ---- Running -------------------------------------------------------------- */

/* `wanted`: whose gradient goes to d->gradient, or -1. */
static enum loss_code run_for(struct diagnosis *d, const struct trial *trial, int wanted,
			      struct loss_plan *plan, struct loss_result *result)
{
	struct loss_input in[LOSS_INPUTS_MAX + 1];
	struct loss_outputs out = {
		.scratch = d->scratch, .losses = d->after, .scale = trial->scale};
	int at = -1, n = inputs_of(d->e, trial, d->copy, d->mask, wanted, in, &at);
	enum loss_code code = loss_plan_init(plan, &trial->spec, in, n, NULL);

	if (code)
		return code;
	if (!has_same_units(d->e, plan))
		out.losses = NULL;
	if (at >= 0)
		out.gradients[at] = d->gradient;
	return loss_plan_evaluate(plan, &out, result, NULL);
}

double trial_loss(struct diagnosis *d, const struct trial *trial)
{
	struct loss_result result;
	struct loss_plan plan;

	return run_for(d, trial, -1, &plan, &result) ? (double)NAN : result.loss;
}

/* One gradient at a time, since there is memory for one; the first input last. */
void trial_run(struct diagnosis *d, const struct trial *trial, struct trial_result *result)
{
	struct loss_result reduced = {0};
	struct norm norm = {0};
	struct loss_plan plan;

	*result = (struct trial_result){0};
	if (trial->fill)
		trial->fill(d->e, trial, d->copy);
	for (int i = d->e->in_count - 1; i >= 0 && !result->code; i--) {
		if (!trial_wants_gradient(d->e, i))
			continue;
		result->code = run_for(d, trial, i, &plan, &reduced);
		if (!result->code)
			add_gradient(d, trial, i, &norm, result);
	}
	if (result->code)
		return;
	result->loss = reduced.loss;
	result->flags = reduced.flags;
	result->gradient_norm = norm.scale * sqrt(norm.sum);
	compare_units(d, &plan, result);
}
