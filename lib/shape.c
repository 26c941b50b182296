/* Shapes: sizes, broadcasting, and reading a broadcast operand in order. */
#include <stdio.h>

#include "loss_impl.h"

size_t loss_dtype_bytes(enum loss_dtype dtype)
{
	return dtype == LOSS_FLOAT32 ? 4 : 8;
}

const char *loss_dtype_name(enum loss_dtype dtype)
{
	static const char *const names[] = {"float32", "float64", "int64"};

	return names[dtype];
}

int64_t loss_tensor_elements(const struct loss_tensor *tensor)
{
	int64_t elements = 1;
	bool empty = false;

	for (int axis = 0; axis < tensor->rank; axis++) {
		if (tensor->shape[axis] < 0)
			return -1;
		empty = empty || tensor->shape[axis] == 0;
	}
	for (int axis = 0; axis < tensor->rank && !empty; axis++)
		if (__builtin_mul_overflow(elements, tensor->shape[axis], &elements))
			return -1;
	return empty ? 0 : elements;
}

const char *loss_shape_text(char *buf, size_t bytes, int rank, const int64_t *shape)
{
	size_t n = 0;

	n += (size_t)snprintf(buf, bytes, "(");
	for (int axis = 0; axis < rank && n < bytes; axis++)
		n += (size_t)snprintf(buf + n, bytes - n, axis ? ", %lld" : "%lld",
				      (long long)shape[axis]);
	if (n < bytes)
		snprintf(buf + n, bytes - n, rank == 1 ? ",)" : ")");
	return buf;
}

void loss_index_pointer(char *buf, size_t bytes, int rank, const int64_t *shape, int64_t index)
{
	int64_t place[LOSS_RANK_MAX];
	size_t n = 0;

	buf[0] = '\0';
	for (int axis = rank - 1; axis >= 0; axis--) {
		place[axis] = shape[axis] ? index % shape[axis] : 0;
		index = shape[axis] ? index / shape[axis] : 0;
	}
	for (int axis = 0; axis < rank && n < bytes; axis++)
		n += (size_t)snprintf(buf + n, bytes - n, "/%lld", (long long)place[axis]);
}

/* ---- Broadcasting --------------------------------------------------------- */

/* Which axis of the target axis 0 of the operand lies against.  What is given
 * per unit counts from the sample axis, (n) against (n, h, w); everything else
 * from the last axis, as NumPy and PyTorch do. */
static int first_axis(const struct loss_operand *operand, int rank)
{
	return operand->row->shape == LOSS_SHAPE_UNITS ? 0 : rank - operand->rank;
}

bool loss_operand_broadcast(struct loss_operand *operand, const struct loss_tensor *tensor,
			    int rank, const int64_t *shape)
{
	int first = first_axis(operand, rank);
	int64_t stride = 1;

	operand->full = tensor->rank == rank;
	operand->single = operand->count == 1;
	for (int axis = 0; axis < rank; axis++)
		operand->stride[axis] = 0;
	if (operand->single && tensor->rank <= rank)
		first = rank - tensor->rank;
	else if (tensor->rank > rank)
		return false;
	for (int axis = tensor->rank - 1; axis >= 0; axis--) {
		int64_t have = tensor->shape[axis], want = shape[first + axis];

		if (have != want && have != 1)
			return false;
		operand->full = operand->full && have == want;
		operand->stride[first + axis] = have == 1 ? 0 : stride;
		stride *= have;
	}
	return true;
}

/* One odometer for both dtypes: runs along the last axis are copied or
 * repeated, the other axes only move the start of a run. */
#define DEFINE_READ(name, type)                                                                    \
	/* n of the same: sixteen at once, which a compiler makes vectors of */                    \
	static void name##_repeat(type *out, type value, int64_t n)                                \
	{                                                                                          \
		for (; n >= 16; n -= 16, out += 16)                                                \
			for (int i = 0; i < 16; i++)                                               \
				out[i] = value;                                                    \
		for (int64_t i = 0; i < n; i++)                                                    \
			out[i] = value;                                                            \
	}                                                                                          \
                                                                                                   \
	void name(const struct loss_operand *operand, int rank, const int64_t *shape,              \
		  int64_t begin, int64_t n, type *out)                                             \
	{                                                                                          \
		const type *data = operand->data;                                                  \
		int64_t place[LOSS_RANK_MAX] = {0}, offset = 0, left = begin;                      \
		int last = rank - 1;                                                               \
                                                                                                   \
		if (operand->full && rank) {                                                       \
			memcpy(out, data + begin, (size_t)n * sizeof *out);                        \
			return;                                                                    \
		}                                                                                  \
		if (operand->single || rank == 0) {                                                \
			name##_repeat(out, data[0], n);                                            \
			return;                                                                    \
		}                                                                                  \
		for (int axis = last; axis >= 0; axis--) {                                         \
			place[axis] = left % shape[axis];                                          \
			left /= shape[axis];                                                       \
			offset += place[axis] * operand->stride[axis];                             \
		}                                                                                  \
		while (n > 0) {                                                                    \
			int64_t run = loss_min_i64(shape[last] - place[last], n);                  \
			int64_t step = operand->stride[last];                                      \
                                                                                                   \
			if (step == 0)                                                             \
				name##_repeat(out, data[offset], run);                             \
			else                                                                       \
				memcpy(out, data + offset, (size_t)run * sizeof *out);             \
			out += run;                                                                \
			n -= run;                                                                  \
			offset -= place[last] * step;                                              \
			place[last] = 0;                                                           \
			for (int axis = last - 1; axis >= 0; axis--) {                             \
				offset += operand->stride[axis];                                   \
				if (++place[axis] < shape[axis])                                   \
					break;                                                     \
				offset -= place[axis] * operand->stride[axis];                     \
				place[axis] = 0;                                                   \
			}                                                                          \
		}                                                                                  \
	}

DEFINE_READ(loss_operand_read_32, float)
DEFINE_READ(loss_operand_read_64, double)

bool loss_mask_leaves(const struct loss_eval *e, int64_t unit)
{
	const struct loss_operand *mask = &e->in[e->mask];
	float narrow = 1;
	double wide = 1;

	if (!mask->data)
		return true;
	if (e->spec.dtype == LOSS_FLOAT32)
		loss_operand_read_32(mask, e->unit_rank, e->unit_shape, unit, 1, &narrow);
	else
		loss_operand_read_64(mask, e->unit_rank, e->unit_shape, unit, 1, &wide);
	return narrow != 0 && wide != 0;
}
