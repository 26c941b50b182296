#include "scene.h"

#include <math.h>
#include <string.h>

#include "draw.h"
#include "loss_impl.h"

const char *scene_kind_text(enum scene_kind kind)
{
	static const char *const texts[] = {
#define X(name, text) text,
		SCENES(X)
#undef X
	};

	return texts[kind];
}

int64_t scene_draw(struct scene *scene, int64_t n)
{
	return (int64_t)(draw_uniform(&scene->seed) * (double)n);
}

double scene_bell(struct scene *scene)
{
	double sum = -6;

	for (int i = 0; i < 12; i++)
		sum += draw_uniform(&scene->seed);
	return sum;
}

static bool is_sequence(const struct scene *scene)
{
	return scene->loss->traits & LOSS_IS_SEQUENCE;
}

int64_t scene_element(const struct scene *scene, int64_t row, int64_t k)
{
	if (is_sequence(scene))
		return row * scene->c + k;
	return row / scene->d * scene->c * scene->d + k * scene->d + row % scene->d;
}

static bool has_classes(const struct scene *scene)
{
	return scene->loss->traits & LOSS_HAS_CLASSES || is_sequence(scene);
}

static bool is_binary(const struct scene *scene)
{
	return scene->loss->traits & LOSS_HAS_SIGMOID;
}

static bool is_boxes(const struct scene *scene)
{
	return !strcmp(scene->loss->family, "boxes");
}

/* Is the unit a row of the last axis? */
static bool is_rowsum(const struct scene *scene)
{
	return scene->loss->impl->family == &loss_rowsum_family;
}

/* ---- Predictions ------------------------------------------------------------ */

/* Is the loss made for numbers above 0 there? */
static bool is_positive(const struct scene *scene, int input)
{
	enum loss_kind kind = scene->loss->inputs[input].kind;

	return kind == LOSS_KIND_NONNEGATIVE || kind == LOSS_KIND_NONZERO;
}

static bool is_sign(const struct scene *scene)
{
	return scene->loss->inputs[1].kind == LOSS_KIND_SIGN;
}

static double typical(struct scene *scene, enum scene_kind kind)
{
	bool is_real = scene_is_real(scene);
	double value = is_positive(scene, 0) ? 0.1 + draw_uniform(&scene->seed) : scene_bell(scene);

	switch (kind) {
	case SCENE_LARGE:
		return value * (is_real ? 1e15 : 1e4);
	case SCENE_TINY:
		return value * 1e-30;
	case SCENE_ZERO:
		return 0;
	default:
		/* Probabilities and bounded losses stay where their gradients are no event. */
		if (scene->form == LOSS_ROLE_PROBS || (is_real && scene->loss->impl->is_bounded))
			return value;
		return value * 3;
	}
}

/* Rows of logits become log-probabilities or probabilities. */
static void normalize(struct scene *scene, double *x)
{
	for (int64_t row = 0; row < scene->rows; row++) {
		double most = -INFINITY, sum = 0;

		for (int64_t k = 0; k < scene->c; k++)
			most = fmax(most, x[scene_element(scene, row, k)]);
		for (int64_t k = 0; k < scene->c; k++)
			sum += exp(x[scene_element(scene, row, k)] - most);
		for (int64_t k = 0; k < scene->c; k++) {
			double *at = &x[scene_element(scene, row, k)];

			*at -= most + log(sum);
			if (scene->form == LOSS_ROLE_PROBS)
				*at = exp(*at);
		}
	}
}

static void fill_prediction(struct scene *scene, enum scene_kind kind)
{
	double *x = scene_x(scene);

	for (int64_t i = 0; i < scene->elements; i++) {
		x[i] = typical(scene, kind);
		if (scene->form == LOSS_ROLE_PROBS && !has_classes(scene))
			x[i] = kind == SCENE_ZERO ? 0.5 : 0.02 + 0.96 / (1 + exp(-x[i]));
	}
	if (has_classes(scene) && scene->form != LOSS_ROLE_LOGITS)
		normalize(scene, x);
}

/* ---- Targets ---------------------------------------------------------------- */

/* 0 and 1, both in every sample: there are losses that live on either. */
static void fill_binary(struct scene *scene, double *y)
{
	int64_t samples = scene->question.inputs[1].numbers.rank > 1 ? scene->n : 1;
	int64_t each = scene->elements / samples;

	for (int64_t i = 0; i < scene->elements; i++)
		y[i] = draw_uniform(&scene->seed) < 0.4;
	for (int64_t sample = 0; sample < samples; sample++) {
		int64_t one = scene_draw(scene, each);

		y[sample * each + one] = 1;
		y[sample * each + (one + 1 + scene_draw(scene, each - 1)) % each] = 0;
	}
}

static void fill_distributions(struct scene *scene, double *y)
{
	for (int64_t row = 0; row < scene->rows; row++) {
		double sum = 0;

		for (int64_t k = 0; k < scene->c; k++)
			sum += y[scene_element(scene, row, k)] = exp(2 * scene_bell(scene));
		for (int64_t k = 0; k < scene->c; k++)
			y[scene_element(scene, row, k)] /= sum;
	}
}

static void fill_targets(struct scene *scene)
{
	struct numbers *numbers = &scene->question.inputs[1].numbers;

	if (is_sequence(scene)) /* class 0 is the blank */
		for (int64_t i = 0; i < numbers->count; i++)
			numbers->values[i] = (double)(1 + scene_draw(scene, scene->c - 1));
	else if (scene->hard)
		for (int64_t row = 0; row < scene->rows; row++)
			numbers->values[row] = (double)scene_draw(scene, scene->c);
	else if (has_classes(scene))
		fill_distributions(scene, numbers->values);
	else if (is_binary(scene))
		fill_binary(scene, numbers->values);
	else if (is_sign(scene))
		for (int64_t i = 0; i < numbers->count; i++)
			numbers->values[i] = scene_draw(scene, 2) ? 1 : -1;
	else
		for (int64_t i = 0; i < scene->elements; i++)
			numbers->values[i] = is_positive(scene, 1)
						     ? 0.25 + 2 * draw_uniform(&scene->seed)
						     : scene_bell(scene);
}

/* ---- What is unusual -------------------------------------------------------- */

/* Every prediction as it should be, and surely so. */
static bool solve(struct scene *scene)
{
	double *x = scene_x(scene), *y = scene_y(scene);
	double sure = scene->form == LOSS_ROLE_LOGITS ? 12 : 0;

	if (is_sequence(scene))
		return false;
	if (scene_is_real(scene)) {
		if (is_rowsum(scene))
			return false;
		memcpy(x, y, (size_t)scene->elements * sizeof *x);
		return true;
	}
	if (has_classes(scene) && (!scene->hard || !sure))
		return false;
	if (scene->hard) {
		for (int64_t row = 0; row < scene->rows; row++)
			x[scene_element(scene, row, (int64_t)y[row])] += sure + 12;
		return true;
	}
	for (int64_t i = 0; i < scene->elements; i++)
		x[i] = sure ? (2 * y[i] - 1) * sure : 0.001 + 0.998 * y[i];
	return true;
}

static bool mask_classes(struct scene *scene)
{
	double *x = scene_x(scene), *y = scene_y(scene);

	if (!(scene->loss->traits & LOSS_HAS_SOFTMAX) || scene->form != LOSS_ROLE_LOGITS ||
	    !scene->hard)
		return false;
	for (int64_t row = 0; row < scene->rows; row++)
		for (int64_t k = 0; k < scene->c; k++)
			if (k != (int64_t)y[row] && scene_draw(scene, 3) == 0)
				x[scene_element(scene, row, k)] = -INFINITY;
	return true;
}

/* One row does not count, and holds NaN. */
static bool leave_out(struct scene *scene)
{
	double *x = scene_x(scene), *y = scene_y(scene);
	int64_t row = scene_draw(scene, scene->rows);
	bool ignores = false;

	for (int i = 0; i < scene->loss->param_count; i++)
		ignores = ignores || !strcmp(scene->loss->params[i].name, "ignore_index");
	if (!scene->hard || !ignores || scene->rows < 2)
		return false;
	y[row] = -100;
	for (int64_t k = 0; k < scene->c; k++)
		x[scene_element(scene, row, k)] = NAN;
	return true;
}

/* ---- The batch --------------------------------------------------------------- */

static int64_t between(struct scene *scene, int64_t least, int64_t most)
{
	return least + scene_draw(scene, most - least + 1);
}

static bool choose_form(struct scene *scene, const struct scene_wish *wish)
{
	int forms = 0;

	while (draw_form_at(scene->loss, forms) != LOSS_ROLE_NONE)
		forms++;
	scene->form = draw_form_at(scene->loss, (int)scene_draw(scene, forms));
	if (wish->form == LOSS_ROLE_NONE)
		return true;
	scene->form = wish->form;
	for (int i = 0; i < forms; i++)
		if (draw_form_at(scene->loss, i) == wish->form)
			return true;
	return false;
}

static void choose_shape(struct scene *scene, enum scene_kind kind, const struct scene_wish *wish,
			 struct numbers *x)
{
	bool is_small = kind == SCENE_SMALL;

	scene->n = wish->n ? wish->n : is_small ? 1 : between(scene, 2, 40);
	scene->c = !has_classes(scene) ? 1 : wish->c ? wish->c : between(scene, 2, 12);
	scene->d = scene_draw(scene, 3) == 0 ? between(scene, 2, 9) : 1;
	if (is_rowsum(scene)) {
		scene->d = 1;
		scene->c = is_boxes(scene) ? 4 : wish->c ? wish->c : between(scene, 2, 30);
	}
	x->shape[0] = scene->n;
	if (is_sequence(scene)) {
		scene->c = scene->c < 2 ? 2 : scene->c;
		scene->d = between(scene, 2, 12);
		x->rank = 3;
		x->shape[0] = scene->d;
		x->shape[1] = scene->n;
		x->shape[2] = scene->c;
	} else if (has_classes(scene)) {
		x->rank = scene->d > 1 ? 3 : 2;
		x->shape[1] = scene->c;
		x->shape[2] = scene->d;
	} else if (is_rowsum(scene)) {
		x->rank = 2;
		x->shape[1] = scene->c;
	} else if (is_binary(scene)) {
		x->rank = 2;
		x->shape[1] = scene->d = between(scene, 2, 30);
	} else {
		x->rank = scene->d > 1 ? 2 : 1;
		x->shape[1] = scene->d;
	}
	scene->rows = scene->n * scene->d;
	scene->elements = scene->rows * scene->c;
}

static bool choose_targets(struct scene *scene, const struct scene_wish *wish)
{
	const struct loss_input_row *row = loss_input_at(scene->loss, 1);
	bool takes_index = row->kind == LOSS_KIND_INDEX || row->kind == LOSS_KIND_CLASSES;
	bool takes_soft = row->kind == LOSS_KIND_CLASSES || (has_classes(scene) && !takes_index);

	if (is_sequence(scene))
		return !wish->hard && !wish->soft;
	if ((wish->hard && !takes_index) || (wish->soft && !takes_soft))
		return false;
	scene->hard = takes_index &&
		      (wish->hard || !takes_soft || (!wish->soft && scene_draw(scene, 3) > 0));
	return true;
}

static void shape_targets(struct scene *scene)
{
	const struct numbers *x = &scene->question.inputs[0].numbers;
	struct numbers *y = &scene->question.inputs[1].numbers;

	*y = *x;
	y->index = scene->hard || is_sequence(scene);
	if (is_sequence(scene)) {
		y->rank = 2;
		y->shape[0] = scene->n;
		y->shape[1] = scene->d / 2;
	}
	if (scene->loss->inputs[1].shape == LOSS_SHAPE_UNITS)
		y->rank = x->rank - 1;
	if (scene->hard) {
		y->rank = x->rank - 1;
		y->shape[1] = x->shape[2];
	}
}

/* There are no large probabilities; and an overlap of logits that are sure of
 * the wrong thing has no gradient, which is a fault. */
static bool takes_large(const struct scene *scene)
{
	bool is_overlap = is_binary(scene) && !strcmp(scene->loss->family, "segmentation");

	if (!strcmp(scene->loss->name, "poisson_nll") ||
	    !strcmp(scene->loss->name, "grpo")) /* exp */
		return false;
	/* What is far off has no gradient there, which is a fault. */
	if (scene_is_real(scene) && scene->loss->impl->is_bounded)
		return false;
	return scene_is_real(scene) || (scene->form == LOSS_ROLE_LOGITS && !is_overlap);
}

bool scene_is_real(const struct scene *scene)
{
	return scene->form != LOSS_ROLE_LOGITS && scene->form != LOSS_ROLE_PROBS &&
	       scene->form != LOSS_ROLE_LOG_PROBS;
}

/* What else the loss cannot do without: as many numbers as there are elements. */
static void add_required(struct scene *scene)
{
	struct question *q = &scene->question;

	for (int i = 2; i < scene->loss->input_count; i++) {
		const struct loss_input_row *row = &scene->loss->inputs[i];
		int at;

		if (row->optional)
			continue;
		at = scene_add(scene, row->role, &q->inputs[0].numbers, 0);
		for (int64_t k = 0; k < scene->elements; k++)
			q->inputs[at].numbers.values[k] =
				is_positive(scene, i) ? 0.25 + 2 * draw_uniform(&scene->seed)
						      : scene_bell(scene);
	}
}

/* Predicted boxes near the true ones, the second corner behind the first. */
static void fill_boxes(struct scene *scene)
{
	double *x = scene_x(scene), *y = scene_y(scene);

	for (int64_t i = 0; i < scene->elements; i++) {
		y[i] = i % 4 < 2 ? 10 * scene_bell(scene) : y[i - 2] + 2 + scene_draw(scene, 9);
		x[i] = y[i] + 0.8 * draw_uniform(&scene->seed) - 0.4;
	}
}

bool scene_init(struct scene *scene, const struct loss *loss, enum scene_kind kind,
		const struct scene_wish *wish, uint64_t seed)
{
	struct question *q = &scene->question;

	*scene = (struct scene){.loss = loss, .mask = -1};
	scene->seed = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	loss_spec_init(&q->spec, loss);
	q->name = loss->name;
	q->input_count = 2;
	if (!choose_form(scene, wish) || !choose_targets(scene, wish))
		return false;
	choose_shape(scene, kind, wish, &q->inputs[0].numbers);
	shape_targets(scene);
	for (int i = 0; i < 2; i++)
		numbers_take(&q->inputs[i].numbers, &scene->memory);
	q->inputs[0].role = scene->form;
	q->inputs[0].differentiate = true;
	q->inputs[1].role = loss->inputs[1].role;
	fill_targets(scene);
	fill_prediction(scene, kind);
	add_required(scene);
	if (is_boxes(scene)) {
		fill_boxes(scene);
		return kind == SCENE_USUAL || kind == SCENE_SMALL;
	}
	switch (kind) {
	case SCENE_LARGE:
		return takes_large(scene);
	case SCENE_TINY:
	case SCENE_ZERO:
		return !is_positive(scene, 0);
	case SCENE_SOLVED:
		return solve(scene);
	case SCENE_MASKED_CLASSES:
		return mask_classes(scene);
	case SCENE_LEFT_OUT:
		return leave_out(scene);
	default:
		return true;
	}
}

void scene_release(struct scene *scene)
{
	memory_release(&scene->memory);
}

int scene_add(struct scene *scene, enum loss_role role, const struct numbers *shaped, double value)
{
	struct question *q = &scene->question;
	int at = q->input_count;

	if (loss_input_find(scene->loss, role) < 0 || at == LOSS_INPUTS_MAX)
		return -1;
	q->inputs[at].role = role;
	q->inputs[at].differentiate = false;
	q->inputs[at].numbers = *shaped;
	numbers_take(&q->inputs[at].numbers, &scene->memory);
	for (int64_t i = 0; i < q->inputs[at].numbers.count; i++)
		q->inputs[at].numbers.values[i] = value;
	q->input_count++;
	return at;
}
