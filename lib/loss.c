/*
 * One evaluation: check, lay out, run, combine.
 *
 * loss_plan_init  binds the inputs to the rows of the loss, checks shapes and
 *                 lets the loss's family say what phases and blocks there are
 * loss_plan_next  adds the partials of a phase in index order (never in the
 *                 order they were finished) and lets the family combine them
 * loss_plan_finish  divides, applies the policies, reports what only the data
 *                 could show
 */
#include <assert.h>
#include <stdio.h>

#include "loss_impl.h"

_Static_assert(sizeof(struct loss_eval) <= sizeof((struct loss_plan *)0)->opaque,
	       "loss_plan.opaque is too small");

static struct loss_eval *eval_of(struct loss_plan *plan)
{
	return (struct loss_eval *)plan->opaque;
}

static const struct loss_eval *const_eval_of(const struct loss_plan *plan)
{
	return (const struct loss_eval *)plan->opaque;
}

/* ---- Binding inputs to rows ----------------------------------------------- */

enum { EMPTY_ROWS_MAX = 1 << 24 };

/* Rows without elements take no memory, but time: are there no more than that? */
static bool few_empty_rows(const struct loss_operand *operand)
{
	int64_t rows = 1;

	for (int axis = 0; axis < operand->rank; axis++)
		if (__builtin_mul_overflow(rows, loss_max_i64(1, operand->shape[axis]), &rows))
			return false;
	return rows <= EMPTY_ROWS_MAX;
}

static enum loss_code bind_one(struct loss_eval *e, const struct loss_input *in, int index,
			       struct loss_error *err)
{
	const char *name = loss_role_name(in->role);
	int at = loss_input_find(e->spec.loss, in->role);
	struct loss_operand *operand;

	if (at < 0)
		return loss_fail(err, LOSS_UNKNOWN_INPUT, name, "%s does not read it",
				 e->spec.loss->name);
	operand = &e->in[at];
	if (operand->index >= 0)
		return loss_fail(err, LOSS_CONFLICTING_INPUTS, name,
				 "stands for the same input as another member");
	if (in->tensor.rank < 0 || in->tensor.rank > LOSS_RANK_MAX)
		return loss_fail(err, LOSS_SHAPE, name, "%d axes, expected at most %d",
				 in->tensor.rank, LOSS_RANK_MAX);
	operand->index = index;
	operand->is_index = in->tensor.dtype == LOSS_INT64;
	operand->data = in->tensor.data;
	operand->wanted = in->differentiate;
	operand->rank = in->tensor.rank;
	memcpy(operand->shape, in->tensor.shape, sizeof operand->shape);
	operand->count = loss_tensor_elements(&in->tensor);
	if (operand->count < 0 || operand->count > INT64_MAX / 64)
		return loss_fail(err, LOSS_TOO_LARGE, name, "too many elements");
	if (operand->count == 0 && !few_empty_rows(operand))
		return loss_fail(err, LOSS_TOO_LARGE, name,
				 "no elements, but more than %d rows of them", EMPTY_ROWS_MAX);
	if (in->differentiate &&
	    ((at != 0 && !operand->row->differentiable) || in->tensor.dtype == LOSS_INT64))
		return loss_fail(err, LOSS_NOT_DIFFERENTIABLE, name, "has no gradient in %s",
				 e->spec.loss->name);
	if (at == 0)
		e->form = operand->row->forms & UINT32_C(1) << in->role ? in->role
									: operand->row->role;
	return LOSS_OK;
}

/* What a loss reads its prediction from, for the message when it is missing. */
static enum loss_code missing(const struct loss_eval *e, const struct loss_input_row *row,
			      struct loss_error *err)
{
	char also[80];
	size_t n = 0;

	also[0] = '\0';
	for (int role = 0; role < LOSS_ROLE_COUNT; role++)
		if ((row->forms | row->aliases) & UINT32_C(1) << role && (int)row->role != role)
			n += (size_t)snprintf(also + n, sizeof also - n, " or %s",
					      loss_role_name((enum loss_role)role));
	return loss_fail(err, LOSS_MISSING_INPUT, loss_role_name(row->role), "%s reads %s%s",
			 e->spec.loss->name, loss_role_name(row->role), also);
}

static enum loss_code bind_inputs(struct loss_eval *e, const struct loss_input *in, int in_count,
				  struct loss_error *err)
{
	const struct loss_input_row *row;
	enum loss_code code = LOSS_OK;

	for (size_t i = 0; (row = loss_input_at(e->spec.loss, i)); i++) {
		e->in[i] = (struct loss_operand){.row = row, .index = -1};
		if (row->role == LOSS_ROLE_MASK)
			e->mask = (int)i;
		e->in_count = e->operands = (int)i + 1;
	}
	for (int i = 0; i < in_count && !code; i++)
		code = bind_one(e, &in[i], i, err);
	for (int i = 0; i < e->in_count && !code; i++)
		if (e->in[i].index < 0 && !e->in[i].row->optional)
			code = missing(e, e->in[i].row, err);
	return code;
}

/* ---- Shapes --------------------------------------------------------------- */

static enum loss_code find_class_axis(struct loss_eval *e, struct loss_error *err)
{
	const struct loss_maybe *given = &e->spec.common.class_axis;

	assert(e->in[0].row);
	const char *name = loss_role_name(e->in[0].row->role);
	int64_t axis = e->rank == 1 ? 0 : 1;

	if (e->rank == 0)
		return loss_fail(err, LOSS_SHAPE, name, "a single number, expected a class axis");
	if (given->set) {
		if (given->value != floor(given->value))
			return loss_fail_param(err, LOSS_PARAM_RANGE, "class_axis",
					       "%g, expected a whole number", given->value);
		axis = (int64_t)given->value;
		if (axis < -e->rank || axis >= e->rank)
			return loss_fail_param(err, LOSS_PARAM_RANGE, "class_axis",
					       "%g, expected an axis of %s, which has %d",
					       given->value, name, e->rank);
		axis += axis < 0 ? e->rank : 0;
	}
	e->class_axis = (int)axis;
	return LOSS_OK;
}

/* n, c and d.  With the class axis at 1 or 0, n is the first axis; with the
 * class axis elsewhere everything before it counts as samples. */
static void split_axes(struct loss_eval *e)
{
	e->n = e->d = 1;
	for (int axis = 0; axis < e->class_axis; axis++)
		e->n *= e->shape[axis];
	e->c = e->shape[e->class_axis];
	for (int axis = e->class_axis + 1; axis < e->rank; axis++)
		e->d *= e->shape[axis];
}

static enum loss_code read_prediction(struct loss_eval *e, const struct loss_input *in,
				      struct loss_error *err)
{
	const struct loss_operand *prediction = &e->in[0];
	const struct loss_impl *impl = e->spec.loss->impl;
	enum loss_code code;

	if (in[prediction->index].tensor.dtype != e->spec.dtype)
		return loss_fail(err, LOSS_INPUT_KIND, loss_role_name(in[prediction->index].role),
				 "%s, expected %s",
				 loss_dtype_name(in[prediction->index].tensor.dtype),
				 loss_dtype_name(e->spec.dtype));
	e->rank = prediction->rank;
	memcpy(e->shape, prediction->shape, sizeof e->shape);
	e->elements = prediction->count;
	e->in[0].full = true;
	/* A loss of logits along an axis may be one of plain elements otherwise. */
	e->family = impl->logits_family && e->form == LOSS_ROLE_LOGITS ? impl->logits_family
								       : impl->family;
	if (e->spec.loss->traits & LOSS_HAS_CLASSES && e->family->has_class_axis) {
		if ((code = find_class_axis(e, err)))
			return code;
		split_axes(e);
	} else {
		e->class_axis = -1;
		e->n = e->rank ? e->shape[0] : 1;
		e->c = 1;
		e->d = e->n ? e->elements / e->n : 0;
	}
	return LOSS_OK;
}

static bool same_shape(const struct loss_operand *operand, int rank, const int64_t *shape)
{
	if (operand->rank != rank)
		return false;
	for (int axis = 0; axis < rank; axis++)
		if (operand->shape[axis] != shape[axis])
			return false;
	return true;
}

/* The prediction's shape without one axis. */
static int shape_without(const struct loss_eval *e, int without, int64_t *shape)
{
	int rank = 0;

	for (int axis = 0; axis < e->rank; axis++)
		if (axis != without)
			shape[rank++] = e->shape[axis];
	return rank;
}

static enum loss_code wrong_shape(const struct loss_operand *operand, const char *name,
				  const char *expected, struct loss_error *err)
{
	char found[120];

	return loss_fail(err, LOSS_SHAPE, name, "shape %s, expected %s",
			 loss_shape_text(found, sizeof found, operand->rank, operand->shape),
			 expected);
}

/* Targets of a classification: indices without the class axis, or reals with it. */
static enum loss_code check_targets(struct loss_eval *e, struct loss_operand *operand,
				    const struct loss_tensor *tensor, const char *name,
				    struct loss_error *err)
{
	char with[120], without[120], expected[280];
	int64_t shape[LOSS_RANK_MAX];
	int rank = shape_without(e, e->class_axis, shape);
	bool index = tensor->dtype == LOSS_INT64;
	bool fits =
		index ? same_shape(operand, rank, shape) : same_shape(operand, e->rank, e->shape);

	if (fits && (index || operand->row->kind == LOSS_KIND_CLASSES)) {
		operand->full = true;
		e->hard = index;
		return LOSS_OK;
	}
	loss_shape_text(without, sizeof without, rank, shape);
	loss_shape_text(with, sizeof with, e->rank, e->shape);
	if (operand->row->kind == LOSS_KIND_CLASSES)
		snprintf(expected, sizeof expected, "%s for class indices or %s for probabilities",
			 without, with);
	else
		snprintf(expected, sizeof expected, "%s, one class index a row", without);
	return wrong_shape(operand, name, expected, err);
}

/* A number for each row of the last axis. */
static bool lay_rows(struct loss_operand *operand, int rank, const int64_t *shape)
{
	int last = rank - 1;
	int64_t stride = 1;

	if (operand->rank != last && !(operand->rank == rank && operand->shape[last] == 1))
		return false;
	for (int axis = last - 1; axis >= 0; axis--) {
		if (operand->shape[axis] != shape[axis])
			return false;
		operand->stride[axis] = stride;
		stride *= shape[axis];
	}
	operand->stride[last] = 0;
	return true;
}

static enum loss_code check_shape(struct loss_eval *e, struct loss_operand *operand,
				  const struct loss_tensor *tensor, const char *name,
				  struct loss_error *err)
{
	char text[120], expected[200];
	int64_t shape[LOSS_RANK_MAX];
	int rank = e->rank;

	memcpy(shape, e->shape, sizeof shape);
	switch (operand->row->shape) {
	case LOSS_SHAPE_PREDICTION:
	case LOSS_SHAPE_LABELS:    /* sequence.c */
	case LOSS_SHAPE_SEQUENCES: /* sequence.c */
		return LOSS_OK;
	case LOSS_SHAPE_TARGETS:
		return check_targets(e, operand, tensor, name, err);
	case LOSS_SHAPE_SAME:
		operand->full = true;
		if (same_shape(operand, rank, shape))
			return LOSS_OK;
		return wrong_shape(operand, name, loss_shape_text(text, sizeof text, rank, shape),
				   err);
	case LOSS_SHAPE_ROWS:
		operand->full = same_shape(operand, rank, shape);
		operand->single = operand->count == 1 && operand->rank <= rank;
		if (operand->full || operand->single ||
		    (rank > 0 && lay_rows(operand, rank, shape)))
			return LOSS_OK;
		snprintf(expected, sizeof expected,
			 "%s, the same with 1 for the last axis or without it, or one number",
			 loss_shape_text(text, sizeof text, rank, shape));
		return wrong_shape(operand, name, expected, err);
	case LOSS_SHAPE_PER_CLASS:
		if (operand->rank == 1 && operand->count == e->c)
			return LOSS_OK;
		snprintf(expected, sizeof expected, "(%lld,), one number a class", (long long)e->c);
		return wrong_shape(operand, name, expected, err);
	case LOSS_SHAPE_NO_CHANNEL:
		operand->full = same_shape(operand, rank, shape);
		if (operand->full)
			return LOSS_OK;
		/* The missing channel axis becomes one of size 1. */
		if (rank >= 2 && operand->rank == rank - 1) {
			struct loss_tensor spread = *tensor;

			spread.rank = operand->rank = rank;
			for (int axis = rank - 1; axis > 1; axis--)
				spread.shape[axis] = tensor->shape[axis - 1];
			spread.shape[1] = 1;
			memcpy(operand->shape, spread.shape, sizeof operand->shape);
			if (loss_operand_broadcast(operand, &spread, rank, shape))
				return LOSS_OK;
		} else if (loss_operand_broadcast(operand, tensor, rank, shape)) {
			return LOSS_OK;
		}
		break;
	case LOSS_SHAPE_UNITS:
		rank = e->unit_rank;
		memcpy(shape, e->unit_shape, sizeof shape);
		/* fall through */
	case LOSS_SHAPE_BROADCAST:
		if (loss_operand_broadcast(operand, tensor, rank, shape))
			return LOSS_OK;
		break;
	}
	snprintf(expected, sizeof expected, "a shape that broadcasts to %s",
		 loss_shape_text(text, sizeof text, rank, shape));
	return wrong_shape(operand, name, expected, err);
}

static enum loss_code check_kind(const struct loss_eval *e, const struct loss_operand *operand,
				 const struct loss_tensor *tensor, const char *name,
				 struct loss_error *err)
{
	enum loss_kind kind = operand->row->kind;
	bool index = kind == LOSS_KIND_INDEX ||
		     (kind == LOSS_KIND_CLASSES && tensor->dtype == LOSS_INT64);
	enum loss_dtype expected = index ? LOSS_INT64 : e->spec.dtype;

	if (tensor->dtype == expected)
		return LOSS_OK;
	return loss_fail(err, LOSS_INPUT_KIND, name, "%s, expected %s",
			 loss_dtype_name(tensor->dtype), loss_dtype_name(expected));
}

static enum loss_code check_inputs(struct loss_eval *e, const struct loss_input *in,
				   struct loss_error *err)
{
	enum loss_code code = LOSS_OK;

	for (int i = 1; i < e->in_count && !code; i++) {
		struct loss_operand *operand = &e->in[i];

		if (operand->index < 0)
			continue;
		const struct loss_input *given = &in[operand->index];
		const char *name = loss_role_name(given->role);

		code = check_kind(e, operand, &given->tensor, name, err);
		if (!code)
			code = check_shape(e, operand, &given->tensor, name, err);
		e->has_factor = e->has_factor || operand->row->factor;
	}
	return code;
}

/* The shape of the unreduced loss where units are rows: without the class axis. */
static void settle_units(struct loss_eval *e)
{
	const struct loss_impl *impl = e->spec.loss->impl;

	assert(e->family);
	if (e->class_axis >= 0 && !impl->loss_per_class) {
		e->unit_rank = shape_without(e, e->class_axis, e->unit_shape);
		e->units = e->n * e->d;
	} else {
		e->unit_rank = e->rank;
		memcpy(e->unit_shape, e->shape, sizeof e->unit_shape);
		e->units = e->elements;
	}
}

/* ---- The plan ------------------------------------------------------------- */

static size_t align64(size_t bytes)
{
	return (bytes + 63) & ~(size_t)63;
}

static int64_t most_blocks(const struct loss_eval *e)
{
	int64_t most = 0;

	for (int i = 0; i < e->phase_count; i++)
		most = loss_max_i64(most, e->phases[i].blocks);
	if (e->spec.precision != LOSS_PRECISION_FULL)
		most = loss_max_i64(most, loss_rounding_blocks(e));
	return most;
}

enum loss_code loss_plan_init(struct loss_plan *plan, const struct loss_spec *spec,
			      const struct loss_input *in, int in_count, struct loss_error *err)
{
	struct loss_eval made = {.spec = *spec, .phase = -1, .reads = {0, 1, 2, 3}};
	struct loss_eval *e = &made;
	const struct loss_impl *impl = spec->loss->impl;
	enum loss_code code;

	assert(spec->dtype == LOSS_FLOAT32 ||
	       (spec->dtype == LOSS_FLOAT64 && spec->precision == LOSS_PRECISION_FULL));
	if ((code = loss_spec_check(spec, err)) || (code = bind_inputs(e, in, in_count, err)) ||
	    (code = read_prediction(e, in, err)))
		return code;
	e->kernels = loss_kernels_of(spec->loss, spec->dtype);
	settle_units(e);
	if (e->family->units)
		e->family->units(e);
	if ((code = check_inputs(e, in, err)) || (impl->check && (code = impl->check(e, err))) ||
	    (code = e->family->plan(e, err)))
		return code;
	loss_rounding_plan(e);

	size_t partials = align64((size_t)most_blocks(e) * sizeof(struct loss_partial));

	*plan = (struct loss_plan){.scratch_bytes =
					   partials + align64(e->work_bytes) + e->rounding_bytes,
				   .rows = e->units,
				   .elements = e->elements,
				   .loss_rank = e->unit_rank};
	memcpy(plan->loss_shape, e->unit_shape, sizeof plan->loss_shape);
	memcpy(plan->opaque, e, sizeof *e);
	return LOSS_OK;
}

int64_t loss_plan_blocks(const struct loss_plan *plan, int phase)
{
	const struct loss_eval *e = const_eval_of(plan);

	assert(phase >= 0);
	return phase < e->phase_count ? e->phases[phase].blocks : -1;
}

const char *loss_plan_divisor(const struct loss_plan *plan)
{
	const struct loss_eval *e = const_eval_of(plan);
	const struct loss_common *common = &e->spec.common;

	switch ((enum loss_reduction)common->reduction) {
	case LOSS_NONE:
	case LOSS_REDUCTION_COUNT:
		return "";
	case LOSS_SUM:
		return "1";
	case LOSS_BATCHMEAN:
		return "the samples of the batch";
	case LOSS_MEAN:
		break;
	}
	if (common->normalizer.set)
		return "the normalizer";
	if (e->spec.loss->impl->loss_per_class)
		return "the elements that count";
	/* Rowwise, the scratch holds the weights of the classes if there are any. */
	if (e->spec.loss->impl->weight_sum && e->hard && e->work_bytes > 0)
		return "the weights of the targets' classes, over the rows that count";
	return e->family->divisor;
}

void loss_plan_begin(struct loss_plan *plan, const struct loss_outputs *out)
{
	struct loss_eval *e = eval_of(plan);
	size_t partials = align64((size_t)most_blocks(e) * sizeof(struct loss_partial));

	e->out = *out;
	memset(e->out.gradients, 0, sizeof e->out.gradients);
	for (int i = 0; i < e->in_count; i++) {
		if (e->in[i].index < 0)
			continue;
		e->out.gradients[i] = out->gradients[e->in[i].index];
		e->out.accumulate[i] = out->accumulate[e->in[i].index];
	}
	if (e->spec.common.reduction != LOSS_NONE)
		e->out.losses = out->losses;
	e->partials = out->scratch;
	e->work = out->scratch ? (char *)out->scratch + partials : NULL;
	e->rounded = out->scratch ? (char *)e->work + align64(e->work_bytes) : NULL;
	e->phase = -1;
	e->total = (struct loss_partial){0};
	loss_rounding_reset(e);
}

static int64_t begin_phase(struct loss_eval *e, int64_t blocks)
{
	memset(e->partials, 0, (size_t)blocks * sizeof *e->partials);
	return blocks;
}

/* The family's own phases; those without blocks (an empty batch) are combined
 * all the same. */
static int64_t next_phase(struct loss_eval *e)
{
	if (e->phase >= 0 && e->phase < e->phase_count) {
		for (int64_t b = 0; b < e->phases[e->phase].blocks; b++) {
			e->total.sum += e->partials[b].sum;
			e->total.count += e->partials[b].count;
			e->total.flags |= e->partials[b].flags;
			e->total.units += e->partials[b].units;
		}
	}
	while (e->phase < e->phase_count) {
		e->family->combine(e, e->phase);
		e->phase = e->total.flags & LOSS_BAD_INDEX ? e->phase_count : e->phase + 1;
		if (e->phase == e->phase_count)
			break;
		if (e->phases[e->phase].blocks > 0)
			return begin_phase(e, e->phases[e->phase].blocks);
	}
	return 0;
}

int64_t loss_plan_next(struct loss_plan *plan)
{
	struct loss_eval *e = eval_of(plan);
	int64_t blocks;

	if (e->spec.precision == LOSS_PRECISION_FULL)
		return next_phase(e);
	switch (e->rounding) {
	case ROUNDING_NONE:
		e->rounding = ROUNDING_INPUTS;
		if ((blocks = loss_rounding_blocks(e)) > 0)
			return begin_phase(e, blocks);
		/* fall through */
	case ROUNDING_INPUTS:
		loss_rounding_begin(e);
		e->rounding = ROUNDING_FAMILY;
		/* fall through */
	case ROUNDING_FAMILY:
		if ((blocks = next_phase(e)) > 0)
			return blocks;
		e->rounding = ROUNDING_OUTPUTS;
		blocks = e->total.flags & LOSS_BAD_INDEX ? 0 : loss_rounding_blocks(e);
		if (blocks > 0)
			return begin_phase(e, blocks);
		break;
	case ROUNDING_OUTPUTS:
		loss_rounding_end(e);
		break;
	}
	return 0;
}

void loss_plan_run(const struct loss_plan *plan, int64_t block)
{
	const struct loss_eval *e = const_eval_of(plan);

	if (e->rounding == ROUNDING_INPUTS || e->rounding == ROUNDING_OUTPUTS) {
		assert(block >= 0 && block < loss_rounding_blocks(e));
		loss_rounding_run(e, block, &e->partials[block]);
		return;
	}
	assert(e->phase >= 0 && e->phase < e->phase_count);
	assert(block >= 0 && block < e->phases[e->phase].blocks);
	e->phases[e->phase].run(e, block, &e->partials[block]);
}

/* ---- The end -------------------------------------------------------------- */

void loss_settle_denominator(struct loss_eval *e, double counted)
{
	const struct loss_common *common = &e->spec.common;

	switch ((enum loss_reduction)common->reduction) {
	case LOSS_MEAN:
		e->denominator = common->normalizer.set ? common->normalizer.value : counted;
		break;
	case LOSS_BATCHMEAN:
		e->denominator = (double)(e->rank ? e->shape[0] : 1);
		break;
	case LOSS_NONE:
	case LOSS_SUM:
	case LOSS_REDUCTION_COUNT:
		e->denominator = 1;
		break;
	}
	if (e->total.units == 0 && e->units > 0)
		e->total.flags |= LOSS_FLAG_EVENT;
	/* Where nothing counts no gradient may: 0, not 0/0. */
	e->gradient_scale = e->denominator == 0 ? 0 : e->out.scale / e->denominator;
}

static double reduced(const struct loss_eval *e, double sum)
{
	if (e->spec.common.reduction == LOSS_NONE)
		return NAN;
	if (e->denominator == 0 && e->spec.common.on_empty == LOSS_EMPTY_ZERO)
		return 0;
	return sum / e->denominator;
}

/* What only the data could show; the first place is looked for now. */
static enum loss_code check_data(const struct loss_eval *e, struct loss_error *err)
{
	if (e->total.flags & LOSS_BAD_INDEX)
		return e->family->report ? e->family->report(e, err)
					 : loss_report_bad_index(e, err);
	if (e->total.flags & LOSS_FLAG_EVENT) {
		enum loss_code code = loss_report_bad_values(e, err);

		if (code)
			return code;
	}
	if (e->total.flags & LOSS_SAW_MASKED_ROW &&
	    e->spec.common.on_masked_row == LOSS_MASKED_ERROR)
		return loss_report_masked_row(e, err);
	if (e->spec.common.on_empty == LOSS_EMPTY_ERROR && e->denominator == 0)
		return loss_fail_param(err, LOSS_EMPTY, "on_empty",
				       "the denominator of the mean is 0: nothing counts");
	return LOSS_OK;
}

enum loss_code loss_plan_finish(struct loss_plan *plan, struct loss_result *result,
				struct loss_error *err)
{
	struct loss_eval *e = eval_of(plan);
	enum loss_code code = check_data(e, err);

	if (code)
		return code;
	*result = (struct loss_result){
		.loss = loss_rounding_result(e, reduced(e, e->total.sum)),
		.sum = e->total.sum,
		.denominator = e->denominator,
		.flags = e->total.flags & (LOSS_FLAG_NONFINITE | LOSS_FLAG_EVENT),
	};
	if (!(e->denominator > 0 && isfinite(e->denominator)))
		result->flags |= LOSS_FLAG_DENOMINATOR;
	if (!isfinite(result->sum) ||
	    (e->spec.common.reduction != LOSS_NONE && !isfinite(result->loss)))
		result->flags |= LOSS_FLAG_NONFINITE;
	return LOSS_OK;
}

enum loss_code loss_plan_evaluate(struct loss_plan *plan, const struct loss_outputs *out,
				  struct loss_result *result, struct loss_error *err)
{
	loss_plan_begin(plan, out);
	for (int64_t blocks; (blocks = loss_plan_next(plan)) > 0;)
		for (int64_t block = 0; block < blocks; block++)
			loss_plan_run(plan, block);
	return loss_plan_finish(plan, result, err);
}
