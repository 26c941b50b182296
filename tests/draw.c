#include "draw.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { LABELS_MAX = 20 };

/* xorshift64*: the same numbers on every machine. */
static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * UINT64_C(2685821657736338717);
}

double draw_uniform(uint64_t *seed)
{
	return (double)(next(seed) >> 40) * 0x1p-24;
}

enum loss_role draw_form_at(const struct loss *loss, int index)
{
	uint32_t forms = loss->inputs[0].forms | UINT32_C(1) << loss->inputs[0].role;

	for (int role = 0; role < LOSS_ROLE_COUNT; role++)
		if (forms & UINT32_C(1) << role && index-- == 0)
			return (enum loss_role)role;
	return LOSS_ROLE_NONE;
}

/* ---- Values --------------------------------------------------------------- */

static double strange_value(uint64_t *seed)
{
	static const double values[] = {
		(double)NAN, (double)INFINITY, -(double)INFINITY, 1e-42,   -1e-42,      -0.0,
		0,           FLT_MAX,          -FLT_MAX,          FLT_MIN, DBL_MIN / 8, 1,
	};

	return values[next(seed) % (sizeof values / sizeof values[0])];
}

/* About normal, without a library function that may differ between machines. */
static double bell(uint64_t *seed)
{
	double sum = -6;

	for (int i = 0; i < 12; i++)
		sum += draw_uniform(seed);
	return sum;
}

static double usual_value(enum loss_role role, uint64_t *seed)
{
	switch (role) {
	case LOSS_ROLE_PROBS:
		return 0.01 + 0.98 * draw_uniform(seed);
	case LOSS_ROLE_LOG_PROBS:
		return -0.01 - 5 * draw_uniform(seed);
	case LOSS_ROLE_TARGETS:
		return draw_uniform(seed);
	case LOSS_ROLE_WEIGHT:
	case LOSS_ROLE_POS_WEIGHT:
	case LOSS_ROLE_SAMPLE_WEIGHT:
	case LOSS_ROLE_VAR:
		return 0.25 + 2 * draw_uniform(seed);
	default:
		return 2 * bell(seed);
	}
}

static void draw_values(struct numbers *numbers, const struct loss_input_row *row,
			enum loss_role role, int64_t classes, int64_t frames, int64_t labels,
			bool strange, uint64_t *seed)
{
	double extent = (double)(role == LOSS_ROLE_INPUT_LENGTHS ? frames : labels);

	for (int64_t i = 0; i < numbers->count; i++) {
		if (row->shape == LOSS_SHAPE_LABELS) /* class 0 is the blank */
			numbers->values[i] =
				1 +
				(double)(next(seed) % (uint64_t)(classes > 1 ? classes - 1 : 1));
		else if (row->shape == LOSS_SHAPE_SEQUENCES)
			numbers->values[i] = extent;
		else if (numbers->index)
			numbers->values[i] = (double)(next(seed) % (uint64_t)classes);
		else if (row->kind == LOSS_KIND_BINARY)
			numbers->values[i] = draw_uniform(seed) < 0.7;
		else if (row->kind == LOSS_KIND_SIGN)
			numbers->values[i] = draw_uniform(seed) < 0.5 ? -1 : 1;
		else if (strange && next(seed) % 5 == 0)
			numbers->values[i] = strange_value(seed);
		else if (row->kind == LOSS_KIND_NONNEGATIVE || row->kind == LOSS_KIND_NONZERO)
			numbers->values[i] = 0.25 + 2 * draw_uniform(seed);
		else
			numbers->values[i] = usual_value(role, seed);
	}
}

/* ---- Shapes --------------------------------------------------------------- */

static bool has_classes(const struct draw *draw)
{
	return draw->loss->traits & LOSS_HAS_CLASSES;
}

static bool is_sequence(const struct draw *draw)
{
	return draw->loss->traits & LOSS_IS_SEQUENCE;
}

static bool is_boxes(const struct draw *draw)
{
	return !strcmp(draw->loss->family, "boxes");
}

static int class_axis(const struct draw *draw)
{
	if (is_sequence(draw))
		return draw->rank - 1;
	return draw->rank == 1 ? 0 : 1;
}

/* Half as many as frames fit, whatever repeats; one class is the blank. */
static int64_t labels_of(const struct draw *draw)
{
	int64_t half = draw->shape[0] / 2;

	if (!is_sequence(draw) || draw->rank < 2 || draw->shape[draw->rank - 1] < 2)
		return 0;
	return half < LABELS_MAX ? half : LABELS_MAX;
}

static void shape_is(struct numbers *numbers, int rank, const int64_t *shape)
{
	numbers->rank = rank;
	memcpy(numbers->shape, shape, sizeof numbers->shape);
}

static void drop_class_axis(struct numbers *numbers, const struct draw *draw)
{
	numbers->rank = 0;
	for (int axis = 0; axis < draw->rank; axis++)
		if (axis != class_axis(draw))
			numbers->shape[numbers->rank++] = draw->shape[axis];
}

/* The shape of the unreduced loss, which the library knows. */
static bool shape_of_units(struct numbers *numbers, const struct question *question)
{
	struct evaluation e;
	bool made = !evaluation_init(&e, question, LOSS_FLOAT32, MEMORY_PLAIN);

	if (made)
		shape_is(numbers, e.plan.loss_rank, e.plan.loss_shape);
	evaluation_release(&e);
	return made;
}

static bool draw_shape(struct numbers *numbers, const struct loss_input_row *row,
		       const struct draw *draw, const struct question *question)
{
	shape_is(numbers, draw->rank, draw->shape);
	if (is_boxes(draw) && row->shape != LOSS_SHAPE_UNITS)
		numbers->shape[draw->rank - 1] = 4;
	switch (row->shape) {
	case LOSS_SHAPE_TARGETS:
		numbers->index = row->kind == LOSS_KIND_INDEX || !draw->soft;
		if (numbers->index)
			drop_class_axis(numbers, draw);
		return true;
	case LOSS_SHAPE_PER_CLASS:
		numbers->rank = 1;
		numbers->shape[0] = draw->shape[class_axis(draw)];
		return true;
	case LOSS_SHAPE_ROWS: /* in each of its four forms */
		if (draw->seed % 4 == 1)
			numbers->shape[draw->rank - 1] = 1;
		else if (draw->seed % 4)
			numbers->rank = draw->seed % 4 == 2 ? draw->rank - 1 : 0;
		return true;
	case LOSS_SHAPE_BROADCAST:
		numbers->rank = 1;
		numbers->shape[0] = draw->shape[draw->rank - 1];
		return true;
	case LOSS_SHAPE_UNITS:
		if (row->optional)
			return shape_of_units(numbers, question);
		/* Only losses of rows of the last axis cannot do without one. */
		numbers->rank = draw->rank - 1;
		return true;
	case LOSS_SHAPE_LABELS:
		numbers->index = true;
		numbers->rank = draw->rank - 1;
		numbers->shape[0] = draw->shape[1];
		numbers->shape[draw->rank == 3] = labels_of(draw);
		return draw->rank == 2 || draw->rank == 3;
	case LOSS_SHAPE_SEQUENCES:
		numbers->index = true;
		numbers->rank = draw->rank - 2;
		numbers->shape[0] = draw->shape[1];
		return true;
	default:
		return true;
	}
}

/* ---- The question --------------------------------------------------------- */

bool draw_question(struct question *question, const struct draw *draw, struct memory *memory)
{
	uint64_t seed = draw->seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	int64_t classes =
		has_classes(draw) || is_sequence(draw) ? draw->shape[class_axis(draw)] : 1;
	const struct loss_input_row *row;

	*question = (struct question){.name = "drawn"};
	loss_spec_init(&question->spec, draw->loss);
	for (size_t i = 0; (row = loss_input_at(draw->loss, i)); i++) {
		struct numbers numbers = {0};
		int at = question->input_count;

		if (row->optional && !draw->optional)
			continue;
		if (!draw_shape(&numbers, row, draw, question))
			return false;
		numbers_take(&numbers, memory);
		/* A class index needs a class. */
		if (numbers.index && numbers.count > 0 && classes == 0)
			return false;
		question->inputs[at].role = i == 0 ? draw->form : row->role;
		question->inputs[at].differentiate = row->differentiable && !numbers.index;
		draw_values(&numbers, row, question->inputs[at].role, classes, draw->shape[0],
			    labels_of(draw), draw->strange, &seed);
		/* Boxes that meet, the second corner behind the first. */
		for (int64_t k = 0; is_boxes(draw) && !row->factor && k < numbers.count; k++)
			numbers.values[k] = isfinite(numbers.values[k])
						    ? draw_uniform(&seed) + (k % 4 > 1 ? 1.25 : 0)
						    : numbers.values[k];
		question->inputs[at].numbers = numbers;
		question->input_count = at + 1;
	}
	struct evaluation e;
	bool takes = !evaluation_init(&e, question, LOSS_FLOAT32, MEMORY_PLAIN);

	evaluation_release(&e);
	return takes;
}
