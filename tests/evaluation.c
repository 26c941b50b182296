#include "evaluation.h"

#include <math.h>
#include <string.h>

void numbers_take(struct numbers *numbers, struct memory *memory)
{
	numbers->count = 1;
	for (int axis = 0; axis < numbers->rank; axis++)
		numbers->count *= numbers->shape[axis];
	numbers->values = memory_take(memory, (size_t)numbers->count * sizeof *numbers->values);
}

int question_find(const struct question *question, enum loss_role role)
{
	for (int i = 0; i < question->input_count; i++)
		if (question->inputs[i].role == role)
			return i;
	return -1;
}

/* ---- Elements of either dtype --------------------------------------------- */

double evaluation_get(const struct evaluation *e, const void *array, int64_t at)
{
	return e->dtype == LOSS_FLOAT32 ? (double)((const float *)array)[at]
					: ((const double *)array)[at];
}

static void put(void *array, enum loss_dtype dtype, int64_t at, double value)
{
	switch (dtype) {
	case LOSS_FLOAT32:
		((float *)array)[at] = (float)value;
		break;
	case LOSS_FLOAT64:
		((double *)array)[at] = value;
		break;
	case LOSS_INT64:
		((int64_t *)array)[at] = (int64_t)value;
		break;
	}
}

void evaluation_put(const struct evaluation *e, void *array, int64_t at, double value)
{
	put(array, e->dtype, at, value);
}

/* ---- Setting up ----------------------------------------------------------- */

static struct loss_tensor tensor_of(struct evaluation *e, int input)
{
	const struct numbers *numbers = &e->question->inputs[input].numbers;
	struct loss_tensor tensor = {.dtype = numbers->index ? LOSS_INT64 : e->dtype,
				     .rank = numbers->rank};

	memcpy(tensor.shape, numbers->shape, sizeof tensor.shape);
	e->data[input] =
		memory_take(&e->memory, (size_t)numbers->count * loss_dtype_bytes(tensor.dtype));
	for (int64_t i = 0; i < numbers->count; i++)
		put(e->data[input], tensor.dtype, i, numbers->values[i]);
	tensor.data = e->data[input];
	return tensor;
}

static void take_outputs(struct evaluation *e)
{
	size_t bytes = loss_dtype_bytes(e->dtype);
	const struct question *q = e->question;

	e->out.scale = 1;
	e->out.scratch = memory_take(&e->memory, e->plan.scratch_bytes);
	for (int i = 0; i < q->input_count; i++)
		if (q->inputs[i].differentiate)
			e->out.gradients[i] =
				memory_take(&e->memory, (size_t)q->inputs[i].numbers.count * bytes);
	if (q->spec.common.reduction != LOSS_NONE)
		return;
	e->losses_count = 1;
	for (int axis = 0; axis < e->plan.loss_rank; axis++)
		e->losses_count *= e->plan.loss_shape[axis];
	e->out.losses = memory_take(&e->memory, (size_t)e->losses_count * bytes);
}

enum loss_code evaluation_init(struct evaluation *e, const struct question *question,
			       enum loss_dtype dtype, enum placement placement)
{
	struct loss_spec spec = question->spec;
	struct loss_input in[LOSS_INPUTS_MAX];
	enum loss_code code;

	*e = (struct evaluation){.question = question, .dtype = dtype, .memory = {placement, NULL}};
	spec.dtype = dtype;
	for (int i = 0; i < question->input_count; i++)
		in[i] = (struct loss_input){.role = question->inputs[i].role,
					    .tensor = tensor_of(e, i),
					    .differentiate = question->inputs[i].differentiate};
	code = loss_plan_init(&e->plan, &spec, in, question->input_count, &e->error);
	if (!code)
		take_outputs(e);
	return code;
}

void evaluation_release(struct evaluation *e)
{
	memory_release(&e->memory);
}

void evaluation_fill(struct evaluation *e, int byte)
{
	size_t bytes = loss_dtype_bytes(e->dtype);

	memset(e->out.scratch, byte, e->plan.scratch_bytes);
	if (e->out.losses)
		memset(e->out.losses, byte, (size_t)e->losses_count * bytes);
	for (int i = 0; i < e->question->input_count; i++)
		if (e->out.gradients[i])
			memset(e->out.gradients[i], byte,
			       (size_t)e->question->inputs[i].numbers.count * bytes);
}

enum loss_code evaluation_run(struct evaluation *e)
{
	return loss_plan_evaluate(&e->plan, &e->out, &e->result, &e->error);
}

/* ---- Comparing ------------------------------------------------------------ */

/* FNV-1a, a word at a time. */
static uint64_t mix(uint64_t digest, double value)
{
	uint64_t bits;

	if (isnan(value))
		value = (double)NAN;
	memcpy(&bits, &value, sizeof bits);
	return (digest ^ bits) * UINT64_C(0x100000001b3);
}

static uint64_t mix_array(uint64_t digest, const struct evaluation *e, const void *array,
			  int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		digest = mix(digest, evaluation_get(e, array, i));
	return digest;
}

uint64_t evaluation_digest(const struct evaluation *e)
{
	uint64_t digest = UINT64_C(0xcbf29ce484222325);

	digest = mix(digest, e->result.loss);
	digest = mix(digest, e->result.sum);
	digest = mix(digest, e->result.denominator);
	digest = mix(digest, e->result.flags);
	if (e->out.losses)
		digest = mix_array(digest, e, e->out.losses, e->losses_count);
	for (int i = 0; i < e->question->input_count; i++)
		if (e->out.gradients[i])
			digest = mix_array(digest, e, e->out.gradients[i],
					   e->question->inputs[i].numbers.count);
	return digest;
}
