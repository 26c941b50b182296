/* One trial: what is looked at or evaluated, and what of the claims it explains. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "hypotheses.h"

int api_class_axis(const struct loss_spec *spec, int rank)
{
	const struct loss_maybe *given = &spec->common.class_axis;
	int axis = given->set ? (int)given->value : rank == 1 ? 0 : 1;

	axis += axis < 0 ? rank : 0;
	return axis >= 0 && axis < rank ? axis : -1;
}

/* What a trial makes of the parts that differ. */
static void judge(struct api_trial *trial, const struct api_dispute *dispute, uint32_t explained)
{
	uint32_t wanted = 0;

	for (int i = 0; i < dispute->part_count; i++)
		wanted |= dispute->parts[i].agreement.agrees ? 0 : UINT32_C(1) << i;
	trial->was_tried = true;
	trial->parts = explained & wanted;
	trial->matches = trial->parts == wanted;
}

/* ---- Looking ----------------------------------------------------------------------------------
 */

static bool differs(const struct api_part *part)
{
	return !part->agreement.agrees;
}

/* The factor that fits the first part that differs, for all of them. */
static bool fit_factor(const struct api_dispute *dispute, struct api_trial *trial)
{
	double factor = NAN;

	for (int i = 0; i < dispute->part_count && isnan(factor); i++)
		if (differs(&dispute->parts[i]) && dispute->parts[i].agreement.same_shape)
			factor = api_agreement_factor(&dispute->parts[i].ours,
						      &dispute->parts[i].claimed);
	trial->view.factor = factor;
	trial->is_fitted = true;
	snprintf(trial->say, sizeof trial->say, "It is off by a constant factor, %.9g.", factor);
	return isfinite(factor) && factor != 0;
}

static void look(const struct api_dispute *dispute, struct api_trial *trial)
{
	struct api_agreement agreement;
	uint32_t explained = 0;

	if (isnan(trial->view.factor) && !fit_factor(dispute, trial))
		return;
	for (int i = 0; i < dispute->part_count; i++) {
		const struct api_part *part = &dispute->parts[i];
		const struct api_view *view = &trial->view;

		if (!differs(part) || (view->axis != view->other && view->other >= part->ours.rank))
			continue;
		api_agreement_make(&part->ours, &part->claimed, view, &dispute->tolerance,
				   dispute->spec->precision, &agreement);
		explained |= agreement.agrees ? UINT32_C(1) << i : 0;
	}
	judge(trial, dispute, explained);
}

/* ---- Activating
 * ---------------------------------------------------------------------------------- */

static void put_real(const struct loss_tensor *tensor, int64_t i, double value)
{
	if (tensor->dtype == LOSS_FLOAT64)
		((double *)tensor->data)[i] = value;
	else
		((float *)tensor->data)[i] = (float)value;
}

/* Rows along the axis of the classes: `count` elements, `stride` apart. */
struct rows {
	int64_t count, stride, total;
};

static struct rows rows_of(const struct loss_tensor *tensor, int axis)
{
	struct rows rows = {tensor->shape[axis], 1, loss_tensor_elements(tensor)};

	for (int i = axis + 1; i < tensor->rank; i++)
		rows.stride *= tensor->shape[i];
	return rows;
}

static void softmax_row(const struct loss_tensor *x, const struct loss_tensor *p, int64_t first,
			const struct rows *rows)
{
	double most = -INFINITY, sum = 0;

	for (int64_t k = 0; k < rows->count; k++)
		most = fmax(most, api_real_at(x, first + k * rows->stride));
	for (int64_t k = 0; k < rows->count; k++)
		sum += exp(api_real_at(x, first + k * rows->stride) - most);
	for (int64_t k = 0; k < rows->count; k++) {
		int64_t at = first + k * rows->stride;

		put_real(p, at, exp(api_real_at(x, at) - most) / sum);
	}
}

/* The gradient with respect to the logits, in the place of that of p. */
static void softmax_row_back(const struct loss_tensor *p, const struct loss_tensor *g,
			     int64_t first, const struct rows *rows)
{
	double product = 0;

	for (int64_t k = 0; k < rows->count; k++) {
		int64_t at = first + k * rows->stride;

		product += api_real_at(p, at) * api_real_at(g, at);
	}
	for (int64_t k = 0; k < rows->count; k++) {
		int64_t at = first + k * rows->stride;

		put_real(g, at, api_real_at(p, at) * (api_real_at(g, at) - product));
	}
}

static void each_row(const struct loss_tensor *a, const struct loss_tensor *b, int axis,
		     void (*row)(const struct loss_tensor *a, const struct loss_tensor *b,
				 int64_t first, const struct rows *rows))
{
	struct rows rows = rows_of(a, axis);

	for (int64_t outer = 0; outer < rows.total; outer += rows.count * rows.stride)
		for (int64_t inner = 0; inner < rows.stride; inner++)
			row(a, b, outer + inner, &rows);
}

static void activate(const struct api_trial_run *run)
{
	const struct loss_tensor *x = &run->dispute->in[0].tensor, *p = &run->activated;
	int64_t count = loss_tensor_elements(x);

	if (run->trial->activated == API_SOFTMAX)
		each_row(x, p, api_class_axis(&run->trial->spec, x->rank), softmax_row);
	for (int64_t i = 0; run->trial->activated == API_SIGMOID && i < count; i++)
		put_real(p, i, 1 / (1 + exp(-api_real_at(x, i))));
}

static void activate_back(const struct api_trial_run *run)
{
	const struct loss_tensor *p = &run->activated, *g = &run->gradients[0];
	int64_t count = loss_tensor_elements(p);

	if (run->trial->activated == API_SOFTMAX)
		each_row(p, g, api_class_axis(&run->trial->spec, p->rank), softmax_row_back);
	for (int64_t i = 0; run->trial->activated == API_SIGMOID && i < count; i++) {
		double one = api_real_at(p, i);

		put_real(g, i, api_real_at(g, i) * one * (1 - one));
	}
}

/* ---- Evaluating
 * ------------------------------------------------------------------------------------- */

static size_t bytes_of(const struct loss_tensor *tensor)
{
	return (size_t)loss_tensor_elements(tensor) * loss_dtype_bytes(tensor->dtype);
}

static bool take(struct loss_tensor *tensor, struct api_arena *arena)
{
	tensor->data = api_arena_alloc_aligned64(arena, bytes_of(tensor));
	return tensor->data;
}

static void give(const struct loss_tensor *tensor, struct api_arena *arena)
{
	if (tensor->data)
		api_arena_drop(arena, (void *)tensor->data, bytes_of(tensor));
}

static bool is_claimed(const struct api_dispute *dispute, int input)
{
	for (int i = 0; i < dispute->part_count; i++)
		if (dispute->parts[i].input == input)
			return true;
	return false;
}

/* The inputs that are left, and where each of the dispute's has gone. */
static int gather(const struct api_trial_run *run, struct loss_input in[LOSS_INPUTS_MAX],
		  int place[LOSS_INPUTS_MAX])
{
	const struct api_trial *trial = run->trial;
	int count = 0;

	for (int i = 0; i < run->dispute->in_count; i++) {
		place[i] = -1;
		if (trial->is_dropped[i])
			continue;
		place[i] = count;
		in[count] = trial->in[i];
		in[count++].differentiate = trial->has_gradients && is_claimed(run->dispute, i);
	}
	if (trial->activated != API_NOT_ACTIVATED)
		in[0].tensor = run->activated;
	return count;
}

static bool take_outputs(struct api_trial_run *run, const int place[LOSS_INPUTS_MAX],
			 const struct loss_input *in, struct api_arena *arena)
{
	struct loss_outputs *out = &run->out;

	out->scale = 1;
	out->scratch = api_arena_alloc_aligned64(arena, run->plan.scratch_bytes);
	for (int i = 0; i < run->dispute->in_count; i++) {
		if (place[i] < 0 || !in[place[i]].differentiate)
			continue;
		run->gradients[i] = in[place[i]].tensor;
		if (!take(&run->gradients[i], arena))
			return false;
		out->gradients[place[i]] = (void *)run->gradients[i].data;
	}
	if (run->trial->spec.common.reduction != LOSS_NONE)
		return out->scratch;
	run->losses.rank = run->plan.loss_rank;
	memcpy(run->losses.shape, run->plan.loss_shape, sizeof run->losses.shape);
	if (!take(&run->losses, arena))
		return false;
	out->losses = (void *)run->losses.data;
	return out->scratch;
}

bool api_trial_begin(struct api_trial_run *run, const struct api_dispute *dispute,
		     struct api_trial *trial, struct api_arena *arena)
{
	struct loss_input in[LOSS_INPUTS_MAX] = {0};
	int place[LOSS_INPUTS_MAX] = {0}, count;
	struct loss_error err;

	/* The plan is the larger part, and written by loss_plan_init(). */
	run->dispute = dispute;
	run->trial = trial;
	run->is_planned = false;
	memset(&run->out, 0, sizeof *run - offsetof(struct api_trial_run, out));
	run->losses.dtype = trial->spec.dtype;
	if (trial->is_view)
		return true;
	if (trial->activated != API_NOT_ACTIVATED) {
		run->activated = dispute->in[0].tensor;
		if (trial->activated == API_SOFTMAX &&
		    api_class_axis(&trial->spec, run->activated.rank) < 0)
			return true;
		if (!take(&run->activated, arena))
			return false;
	}
	count = gather(run, in, place);
	if (loss_plan_init(&run->plan, &trial->spec, in, count, &err))
		return true;
	run->is_planned = true;
	return take_outputs(run, place, in, arena);
}

void api_trial_end(struct api_trial_run *run, struct api_arena *arena)
{
	give(&run->activated, arena);
	give(&run->losses, arena);
	for (int i = 0; i < LOSS_INPUTS_MAX; i++)
		give(&run->gradients[i], arena);
	if (run->out.scratch)
		api_arena_drop(arena, run->out.scratch, run->plan.scratch_bytes);
}

/* The loss as a tensor like that of the part. */
static void set_loss(struct api_trial_run *run, double *room, double loss)
{
	float narrow = (float)loss;

	if (run->losses.data)
		return;
	*room = loss;
	if (run->trial->spec.dtype == LOSS_FLOAT32)
		memcpy(room, &narrow, sizeof narrow);
	run->losses = (struct loss_tensor){.data = room, .dtype = run->trial->spec.dtype};
}

static uint32_t explained_by(struct api_trial_run *run)
{
	const struct api_dispute *dispute = run->dispute;
	struct api_agreement agreement;
	uint32_t explained = 0;

	for (int i = 0; i < dispute->part_count; i++) {
		const struct api_part *part = &dispute->parts[i];
		const struct loss_tensor *made =
			part->input < 0 ? &run->losses : &run->gradients[part->input];

		if (!differs(part) || !made->data || made->dtype != part->claimed.dtype ||
		    loss_tensor_elements(made) != loss_tensor_elements(&part->claimed))
			continue;
		api_agreement_make(made, &part->claimed, &API_AS_IT_IS, &dispute->tolerance,
				   dispute->spec->precision, &agreement);
		explained |= agreement.agrees ? UINT32_C(1) << i : 0;
	}
	return explained;
}

void api_trial_run(struct api_trial_run *run)
{
	struct loss_result result;
	struct loss_error err;
	double room;

	if (run->trial->is_view)
		look(run->dispute, run->trial);
	if (!run->is_planned)
		return;
	if (run->trial->activated != API_NOT_ACTIVATED)
		activate(run);
	if (loss_plan_evaluate(&run->plan, &run->out, &result, &err))
		return;
	if (run->trial->is_denominator) {
		run->trial->view.factor = run->dispute->result.denominator / result.denominator;
		look(run->dispute, run->trial);
		return;
	}
	if (run->trial->activated != API_NOT_ACTIVATED && run->gradients[0].data)
		activate_back(run);

	const struct loss_tensor unreduced = run->losses;
	set_loss(run, &room, result.loss);
	judge(run->trial, run->dispute, explained_by(run));
	run->losses = unreduced;
}
