/*
 * Reading an evaluation: values, what they belong to, and the few questions
 * that must be answered at the speed of memory.
 */
#include "diagnose.h"

double operand_at(const struct loss_eval *e, const struct loss_operand *operand, int64_t index)
{
	bool units = operand->row->shape == LOSS_SHAPE_UNITS;
	int rank = units ? e->unit_rank : e->rank;
	const int64_t *shape = units ? e->unit_shape : e->shape;
	float narrow;
	double wide;

	if (operand->full)
		return real_at(e, operand->data, index);
	if (e->spec.dtype == LOSS_FLOAT32) {
		loss_operand_read_32(operand, rank, shape, index, 1, &narrow);
		return (double)narrow;
	}
	loss_operand_read_64(operand, rank, shape, index, 1, &wide);
	return wide;
}

enum loss_role role_of(const struct loss_eval *e, int input)
{
	return input == 0 ? e->form : e->in[input].row->role;
}

/* ---- What an element belongs to ------------------------------------------- */

bool is_rowwise(const struct loss_eval *e)
{
	return e->family == &loss_rowwise_family;
}

bool stands_by_element(const struct loss_eval *e, int input)
{
	const struct loss_operand *operand = &e->in[input];

	return operand->full && !operand->is_index &&
	       (operand->row->shape != LOSS_SHAPE_UNITS ||
		(e->units == e->elements && operand->rank == e->rank));
}

bool has_element_targets(const struct loss_eval *e)
{
	return e->in_count > 1 && e->in[1].row->role == LOSS_ROLE_TARGETS &&
	       stands_by_element(e, 1);
}

int class_axis_of(const struct loss_eval *e)
{
	const struct loss_maybe *given = &e->spec.common.class_axis;
	int axis = e->rank > 1;

	if (e->class_axis >= 0 || e->rank == 0)
		return e->class_axis;
	if (e->spec.loss->traits & LOSS_HAS_CLASSES && given->set)
		axis = (int)given->value + (given->value < 0 ? e->rank : 0);
	return axis >= 0 && axis < e->rank ? axis : -1;
}

int64_t unit_of(const struct loss_eval *e, int64_t element)
{
	if (e->family->unit_of)
		return e->family->unit_of(e, element);
	if (e->units == e->elements)
		return element;
	if (is_rowwise(e))
		return element / (e->c * e->d) * e->d + element % e->d;
	return e->units <= 1 ? 0 : element / (e->elements / e->units);
}

bool unit_has_share(const struct loss_eval *e, int64_t unit)
{
	if (e->hard && ((const int64_t *)e->in[1].data)[unit] == e->ignore_index)
		return false;
	for (int i = 0; i < e->in_count; i++) {
		const struct loss_operand *operand = &e->in[i];

		if (operand->data && operand->row->factor && operand_at(e, operand, unit) == 0)
			return false;
	}
	return true;
}

int64_t slots_of(const struct loss_eval *e)
{
	return is_rowwise(e) ? e->n * e->d : e->units;
}

int64_t slot_of(const struct loss_eval *e, int64_t element)
{
	return is_rowwise(e) ? element / (e->c * e->d) * e->d + element % e->d
			     : unit_of(e, element);
}

bool slot_is_bad(const struct diagnosis *d, int64_t slot)
{
	const struct loss_eval *e = d->e;

	if (!is_rowwise(e) || e->units == e->n * e->d)
		return unit_is_bad(d, slot);
	for (int64_t k = 0; k < e->c; k++)
		if (unit_is_bad(d, slot / e->d * e->c * e->d + k * e->d + slot % e->d))
			return true;
	return false;
}

/* Where the elements of a slot stand side by side, one look serves them all. */
bool slot_walk_to(const struct diagnosis *d, struct slot_walk *walk, int64_t element)
{
	const struct loss_eval *e = d->e;
	int64_t length = is_rowwise(e) ? e->c : loss_max_i64(1, e->elements / e->units);

	if (element < walk->end)
		return walk->is_bad;
	bool is_scattered = e->family->unit_of || (is_rowwise(e) && e->d != 1);

	walk->slot = slot_of(e, element);
	walk->end = is_scattered ? element + 1 : (walk->slot + 1) * length;
	walk->is_bad = slot_is_bad(d, walk->slot);
	return walk->is_bad;
}

bool row_counts(const struct loss_eval *e, int64_t row)
{
	return is_rowwise(e) && e->units == e->n * e->d ? unit_counts(e, row) : true;
}

/* ---- Lines along an axis -------------------------------------------------- */

struct lines lines_of(const struct loss_eval *e, int axis)
{
	struct lines lines = {.length = axis < 0 ? e->elements : e->shape[axis], .stride = 1};

	for (int a = axis + 1; axis >= 0 && a < e->rank; a++)
		lines.stride *= e->shape[a];
	lines.count = lines.length ? e->elements / lines.length : 0;
	return lines;
}

/* ---- At the speed of memory ----------------------------------------------- */

enum { STRETCH = 64 }; /* a constant, so that the compiler makes vectors of it */

#define EXPONENT_32 UINT32_C(0x7f800000)
#define EXPONENT_64 UINT64_C(0x7ff0000000000000)

/* The first element from `from` on that is not finite (or, with `zeros`, not
 * 0), or `end`: whole stretches first, then one by one. */
#define DEFINE_NEXT(name, real, bits_type, exponent)                                               \
	static bool name##_stretch(const real *x, bool zeros)                                      \
	{                                                                                          \
		bits_type bits[STRETCH];                                                           \
		bits_type hit = 0;                                                                 \
                                                                                                   \
		memcpy(bits, x, sizeof bits);                                                      \
		if (zeros)                                                                         \
			for (int i = 0; i < STRETCH; i++)                                          \
				hit |= bits[i] << 1;                                               \
		else                                                                               \
			for (int i = 0; i < STRETCH; i++)                                          \
				hit |= (bits_type) - ((bits[i] & (exponent)) == (exponent));       \
		return hit != 0;                                                                   \
	}                                                                                          \
                                                                                                   \
	static int64_t name(const real *x, int64_t from, int64_t end, bool zeros)                  \
	{                                                                                          \
		while (from < end) {                                                               \
			int64_t stop = loss_min_i64(from + STRETCH, end);                          \
                                                                                                   \
			if (stop - from == STRETCH && !name##_stretch(x + from, zeros)) {          \
				from = stop;                                                       \
				continue;                                                          \
			}                                                                          \
			for (; from < stop; from++)                                                \
				if (zeros ? x[from] != 0 : !isfinite(x[from]))                     \
					return from;                                               \
		}                                                                                  \
		return end;                                                                        \
	}

DEFINE_NEXT(next_32, float, uint32_t, EXPONENT_32)
DEFINE_NEXT(next_64, double, uint64_t, EXPONENT_64)

static int64_t next(const struct loss_eval *e, const void *data, int64_t from, int64_t end,
		    bool zeros)
{
	return e->spec.dtype == LOSS_FLOAT32 ? next_32(data, from, end, zeros)
					     : next_64(data, from, end, zeros);
}

int64_t next_nonfinite(const struct loss_eval *e, const void *data, int64_t from, int64_t end)
{
	return next(e, data, from, end, false);
}

int64_t next_nonzero(const struct loss_eval *e, const void *data, int64_t from, int64_t end)
{
	return next(e, data, from, end, true);
}

enum { SAMPLES = 64 };

bool sample_lies(const struct loss_eval *e, const void *data, int64_t count, double least,
		 double most)
{
	int64_t step = loss_max_i64(1, count / SAMPLES);

	for (int64_t i = 0; i < count; i += step) {
		double value = real_at(e, data, i);

		if (!(value >= least && value <= most))
			return false;
	}
	return count > 0;
}
