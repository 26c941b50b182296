/*
 * How good the diagnosis is: faults planted at random places of random losses,
 * healthy batches of every kind, and what looking costs.
 *
 *     build/tests/bench/diagnose [FAULTS] [HEALTHY]     200 a code, 20000
 *
 * A fault counts as found if its finding is there; as first if the root cause
 * heads the list; as exact if count and places are those that were planted.
 * Anything below 100 % fails, as does a code of the catalogue without a fault.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "draw.h"
#include "loss_impl.h"
#include "scene.h"

enum { PLANTED_MAX = 4096, LOCATIONS = 16 };

/* What the flat indices of places count in. */
enum where { BATCH, ROW, ELEMENT, SAMPLE, INPUT };

/* What was planted. */
struct planted {
	int64_t places[PLANTED_MAX];
	int64_t count;
	int64_t narrowed; /* of the prediction */
};

/* ---- Choosing places --------------------------------------------------------- */

static void plant_at(struct planted *planted, int64_t place)
{
	if (planted->count < PLANTED_MAX)
		planted->places[planted->count++] = place;
}

/* Each of n with the same chance, but at least one; NULL: all may be chosen. */
static void choose(struct scene *scene, struct planted *planted, int64_t n,
		   bool (*may)(const struct scene *, int64_t))
{
	int64_t sure = scene_draw(scene, n);
	double chance = draw_uniform(&scene->seed) * 0.3;

	for (int64_t i = 0; i < n; i++) {
		bool chosen = draw_uniform(&scene->seed) < chance || i == sure;

		if (chosen && (!may || may(scene, i)))
			plant_at(planted, i);
	}
}

static bool has_param(const struct scene *scene, const char *name)
{
	for (int i = 0; i < scene->loss->param_count; i++)
		if (!strcmp(scene->loss->params[i].name, name))
			return true;
	return false;
}

static bool set_param(struct scene *scene, const char *name, struct loss_value value)
{
	return has_param(scene, name) && !loss_param_set(&scene->question.spec, name, value, NULL);
}

static struct loss_value real(double x)
{
	return (struct loss_value){.kind = LOSS_VALUE_REAL, .real = x};
}

static bool has_softmax(const struct scene *scene)
{
	return scene->loss->traits & LOSS_HAS_SOFTMAX;
}

static bool has_classes(const struct scene *scene)
{
	return scene->loss->traits & LOSS_HAS_CLASSES;
}

static bool is_sequence(const struct scene *scene)
{
	return scene->loss->traits & LOSS_IS_SEQUENCE;
}

static bool has_sigmoid(const struct scene *scene)
{
	return scene->loss->traits & LOSS_HAS_SIGMOID;
}

static bool is_boxes(const struct scene *scene)
{
	return !strcmp(scene->loss->family, "boxes");
}

static bool is_mean(const struct scene *scene)
{
	return scene->question.spec.common.reduction == LOSS_MEAN;
}

static bool is_overlap(const struct scene *scene)
{
	return has_param(scene, "smooth_dr");
}

/* However wrong a row is, it costs no more than 1 / q. */
static bool is_bounded(const struct scene *scene)
{
	return scene->loss->impl->is_bounded;
}

static bool is_balanced(const struct scene *scene)
{
	return has_sigmoid(scene) && has_param(scene, "beta") && !is_overlap(scene);
}

/* What is not above 0 counts as something else. */
static bool is_positive(const struct scene *scene)
{
	return scene->loss->inputs[0].kind == LOSS_KIND_NONNEGATIVE;
}

static bool is_sign(const struct scene *scene)
{
	return scene->loss->inputs[1].kind == LOSS_KIND_SIGN;
}

/* Is it about the difference of two numbers that may be any? */
static bool is_residual(const struct scene *scene)
{
	enum loss_kind kind = scene->loss->inputs[1].kind;

	return scene->form == LOSS_ROLE_INPUT && kind != LOSS_KIND_NONNEGATIVE &&
	       kind != LOSS_KIND_SIGN && !scene->hard && !is_boxes(scene);
}

static bool is_mining(const struct scene *scene)
{
	return has_param(scene, "negative_ratio");
}

/* A number for each class, as kl_div has, and not only distributions instead of
 * indices. */
static bool is_divergence(const struct scene *scene)
{
	return has_param(scene, "log_target");
}

/* ---- Plants: what comes in ---------------------------------------------------- */

/* Probabilities of classes that are no target enter nothing. */
static bool enters(const struct scene *scene, int64_t element)
{
	int64_t row = element / (scene->c * scene->d) * scene->d + element % scene->d;

	return !scene->hard || scene->form == LOSS_ROLE_LOGITS || scene_is_real(scene) ||
	       element / scene->d % scene->c == (int64_t)scene_y(scene)[row];
}

static bool set_elements(struct scene *scene, struct planted *planted, double value)
{
	/* Log-probabilities of classes that no label wants enter nothing either. */
	if (is_sequence(scene) && scene->form != LOSS_ROLE_LOGITS)
		return false;
	choose(scene, planted, scene->elements, enters);
	for (int64_t i = 0; i < planted->count; i++)
		scene_x(scene)[planted->places[i]] = value;
	return planted->count > 0;
}

static bool nan_inputs(struct scene *scene, struct planted *planted)
{
	return set_elements(scene, planted, NAN);
}

/* Does an infinite prediction cost an infinite amount?  On the right side of a
 * margin it costs nothing, and far off it may cost no more than anything else. */
static bool is_unbounded(const struct scene *scene)
{
	return scene_is_real(scene) && !is_sign(scene) && !has_classes(scene) && !is_boxes(scene) &&
	       scene->form != LOSS_ROLE_CHOSEN_LOGPS && scene->form != LOSS_ROLE_LOGPS &&
	       !is_bounded(scene);
}

static bool pos_inf_inputs(struct scene *scene, struct planted *planted)
{
	return (is_unbounded(scene) || (has_softmax(scene) && scene->form == LOSS_ROLE_LOGITS)) &&
	       set_elements(scene, planted, INFINITY);
}

static bool neg_inf_inputs(struct scene *scene, struct planted *planted)
{
	return is_unbounded(scene) && !is_positive(scene) &&
	       set_elements(scene, planted, -INFINITY);
}

static bool narrowed_inputs(struct scene *scene, struct planted *planted)
{
	bool can = scene_is_real(scene) && set_elements(scene, planted, INFINITY);

	planted->narrowed = planted->count;
	return can;
}

static bool half_overflows(struct scene *scene, struct planted *planted)
{
	if (strcmp(scene->loss->name, "mse") != 0)
		return false;
	scene->question.spec.precision = LOSS_PRECISION_FLOAT16;
	choose(scene, planted, scene->elements, NULL);
	for (int64_t i = 0; i < planted->count; i++)
		scene_x(scene)[planted->places[i]] = 300 + 1000 * draw_uniform(&scene->seed);
	return true;
}

static bool half_underflows(struct scene *scene, struct planted *planted)
{
	(void)planted;
	if (strcmp(scene->loss->name, "mse") != 0 || scene->elements < 80)
		return false;
	scene->question.spec.precision = LOSS_PRECISION_FLOAT16;
	for (int64_t i = 0; i < scene->elements; i++) {
		scene_y(scene)[i] = 0;
		scene_x(scene)[i] = i % 2 ? 0x1p-20 : 1;
	}
	return true;
}

static bool targets_not_binary(struct scene *scene, struct planted *planted)
{
	if (!has_sigmoid(scene) && !is_sign(scene))
		return false;
	choose(scene, planted, scene->question.inputs[1].numbers.count, NULL);
	for (int64_t i = 0; i < planted->count; i++)
		scene_y(scene)[planted->places[i]] = scene_draw(scene, 2) ? 255
						     : is_sign(scene)     ? 0
									  : -1;
	return true;
}

/* The corners of some boxes exchanged. */
static bool boxes_inverted(struct scene *scene, struct planted *planted)
{
	if (!is_boxes(scene))
		return false;
	choose(scene, planted, scene->rows, NULL);
	for (int64_t i = 0; i < planted->count; i++) {
		double *box = (scene_draw(scene, 2) ? scene_x(scene) : scene_y(scene)) +
			      4 * planted->places[i];
		double low = box[0];

		box[0] = box[2];
		box[2] = low;
		planted->places[i] *= 4;
	}
	return true;
}

static bool targets_not_normalised(struct scene *scene, struct planted *planted)
{
	if (!has_classes(scene) || scene->hard)
		return false;
	choose(scene, planted, scene->rows, NULL);
	for (int64_t i = 0; i < planted->count; i++)
		for (int64_t k = 0; k < scene->c; k++)
			scene_y(scene)[scene_element(scene, planted->places[i], k)] *= 1.25;
	return true;
}

static bool ignoring_a_class(struct scene *scene, struct planted *planted)
{
	double *y = scene_y(scene), class = y[scene_draw(scene, scene->rows)];

	if (!scene->hard || scene->rows < 2 ||
	    !set_param(scene, "ignore_index",
		       (struct loss_value){.kind = LOSS_VALUE_INTEGER,
					   .integer = (int64_t) class,
					   .real = class}))
		return false;
	for (int64_t row = 0; row < scene->rows; row++)
		if (y[row] == class)
			plant_at(planted, row);
	return planted->count < scene->rows;
}

/* ---- Plants: what the data look like ------------------------------------------- */

static void softmax(struct scene *scene, bool as_log)
{
	double *x = scene_x(scene);

	for (int64_t row = 0; row < scene->rows; row++) {
		double sum = 0;

		for (int64_t k = 0; k < scene->c; k++)
			sum += exp(x[scene_element(scene, row, k)]);
		for (int64_t k = 0; k < scene->c; k++) {
			double *at = &x[scene_element(scene, row, k)];

			*at = as_log ? *at - log(sum) : exp(*at) / sum;
		}
	}
}

static bool probabilities_as_logits(struct scene *scene, struct planted *planted)
{
	(void)planted;
	if (!has_softmax(scene) || scene->form != LOSS_ROLE_LOGITS || scene->rows < 2)
		return false;
	softmax(scene, false);
	return true;
}

static bool log_probs_as_logits(struct scene *scene, struct planted *planted)
{
	(void)planted;
	if (!has_softmax(scene) || scene->form != LOSS_ROLE_LOGITS || scene->rows < 2)
		return false;
	softmax(scene, true);
	return true;
}

/* Every class sums to 1 over the samples, instead of every sample over the classes. */
static bool axes_exchanged(struct scene *scene, struct planted *planted)
{
	double *x = scene_x(scene);
	bool logs = scene->form == LOSS_ROLE_LOG_PROBS;

	(void)planted;
	if (!has_classes(scene) || scene->form == LOSS_ROLE_LOGITS || scene_is_real(scene) ||
	    scene->d != 1 || scene->n < 2 || scene->c < 2 || scene->n == scene->c)
		return false;
	for (int64_t k = 0; k < scene->c; k++) {
		double sum = 0;

		for (int64_t row = 0; row < scene->n; row++)
			sum += logs ? exp(x[row * scene->c + k]) : x[row * scene->c + k];
		for (int64_t row = 0; row < scene->n; row++)
			x[row * scene->c + k] = logs ? x[row * scene->c + k] - log(sum)
						     : x[row * scene->c + k] / sum;
	}
	return true;
}

static bool logits_as_log_probs(struct scene *scene, struct planted *planted)
{
	if (!has_classes(scene) || scene->form != LOSS_ROLE_LOG_PROBS)
		return false;
	for (int64_t i = 0; i < scene->elements; i++)
		scene_x(scene)[i] = 3 * scene_bell(scene);
	for (int64_t row = 0; row < scene->rows; row++) {
		scene_x(scene)[scene_element(scene, row, scene_draw(scene, scene->c))] =
			0.5 + 3 * draw_uniform(&scene->seed);
		plant_at(planted, row);
	}
	return true;
}

static bool clamped_logits(struct scene *scene, struct planted *planted)
{
	(void)planted;
	if (scene->form != LOSS_ROLE_LOGITS || scene->elements < 16 || is_sequence(scene))
		return false;
	for (int64_t i = 0; i < scene->elements; i++) {
		double *x = &scene_x(scene)[i];

		*x = fmin(fmax(*x, 1e-7), 1 - 1e-7);
	}
	scene_x(scene)[0] = 1e-7;
	scene_x(scene)[1] = 1 - 1e-7;
	return true;
}

static bool eps_too_small(struct scene *scene, struct planted *planted)
{
	(void)planted;
	return is_overlap(scene) && set_param(scene, "smooth_dr", real(1e-20));
}

static bool one_class(struct scene *scene, struct planted *planted)
{
	(void)planted;
	return scene->hard && scene->c == 1 && has_softmax(scene) &&
	       scene->form == LOSS_ROLE_LOGITS;
}

/* ---- Plants: weights and masks -------------------------------------------------- */

static struct numbers per_class(const struct scene *scene)
{
	return (struct numbers){.rank = 1, .shape = {scene->c}};
}

static bool takes_class_weights(const struct scene *scene)
{
	int at = loss_input_find(scene->loss, LOSS_ROLE_WEIGHT);

	return at >= 0 && loss_input_at(scene->loss, (size_t)at)->shape == LOSS_SHAPE_PER_CLASS;
}

static bool negative_weights(struct scene *scene, struct planted *planted)
{
	struct numbers shaped = per_class(scene);
	int at = takes_class_weights(scene) && scene->hard
			 ? scene_add(scene, LOSS_ROLE_WEIGHT, &shaped, 1)
			 : -1;

	if (at < 0)
		return false;
	choose(scene, planted, scene->c, NULL);
	for (int64_t i = 0; i < planted->count; i++)
		scene->question.inputs[at].numbers.values[planted->places[i]] = -0.01;
	return true;
}

static bool zero_weights(struct scene *scene, struct planted *planted)
{
	struct numbers shaped = per_class(scene);
	double class = scene_y(scene)[0];
	int at = -1;

	(void)planted;
	if ((!strcmp(scene->loss->name, "cross_entropy") ||
	     !strcmp(scene->loss->name, "nll_loss")) &&
	    scene->hard)
		at = scene_add(scene, LOSS_ROLE_WEIGHT, &shaped, 1);
	if (at < 0)
		return false;
	for (int64_t row = 0; row < scene->rows; row++)
		scene_y(scene)[row] = class;
	scene->question.inputs[at].numbers.values[(int64_t) class] = 0;
	return true;
}

/* The shape of the unreduced loss. */
static bool units(const struct scene *scene, struct numbers *shaped)
{
	struct evaluation e;
	bool made = !evaluation_init(&e, &scene->question, LOSS_FLOAT32, MEMORY_PLAIN);

	*shaped = (struct numbers){.rank = e.plan.loss_rank};
	memcpy(shaped->shape, e.plan.loss_shape, sizeof shaped->shape);
	evaluation_release(&e);
	return made;
}

static bool empty_mask(struct scene *scene, struct planted *planted)
{
	struct numbers shaped;

	(void)planted;
	scene->question.spec.common.reduction = LOSS_SUM;
	return !is_mining(scene) && units(scene, &shaped) &&
	       scene_add(scene, LOSS_ROLE_MASK, &shaped, 0) >= 0;
}

/* ---- Plants: terms --------------------------------------------------------------- */

static bool exps_overflow(struct scene *scene, struct planted *planted)
{
	double *y = scene_y(scene);

	if (!set_param(scene, "log_target",
		       (struct loss_value){.kind = LOSS_VALUE_BOOL, .integer = 1}))
		return false;
	for (int64_t i = 0; i < scene->elements; i++)
		y[i] = log(y[i]);
	choose(scene, planted, scene->elements, NULL);
	for (int64_t i = 0; i < planted->count; i++)
		y[planted->places[i]] = 89 + 600 * draw_uniform(&scene->seed);
	return true;
}

/* Residuals of twice the largest float32. */
static bool residuals_overflow(struct scene *scene, struct planted *planted)
{
	if (!is_residual(scene) || is_bounded(scene))
		return false;
	choose(scene, planted, scene->elements, NULL);
	for (int64_t i = 0; i < planted->count; i++) {
		scene_x(scene)[planted->places[i]] = 3e38;
		scene_y(scene)[planted->places[i]] = -3e38;
	}
	return true;
}

static bool infinities_meet(struct scene *scene, struct planted *planted)
{
	if (!pos_inf_inputs(scene, planted) || !is_residual(scene))
		return false;
	for (int64_t i = 0; i < planted->count; i++)
		scene_y(scene)[planted->places[i]] = INFINITY;
	return true;
}

static bool negative_targets(struct scene *scene, struct planted *planted)
{
	if (!is_divergence(scene))
		return false;
	choose(scene, planted, scene->elements, NULL);
	for (int64_t i = 0; i < planted->count; i++)
		scene_y(scene)[planted->places[i]] = -0.25;
	return true;
}

static bool masked_rows(struct scene *scene, struct planted *planted)
{
	if (!has_softmax(scene) || scene->form != LOSS_ROLE_LOGITS)
		return false;
	choose(scene, planted, scene->rows, NULL);
	for (int64_t i = 0; i < planted->count; i++)
		for (int64_t k = 0; k < scene->c; k++)
			scene_x(scene)[scene_element(scene, planted->places[i], k)] = -INFINITY;
	return true;
}

static bool masked_targets(struct scene *scene, struct planted *planted)
{
	if (!has_softmax(scene) || scene->form != LOSS_ROLE_LOGITS || !scene->hard)
		return false;
	choose(scene, planted, scene->rows, NULL);
	for (int64_t i = 0; i < planted->count; i++) {
		int64_t row = planted->places[i];

		scene_x(scene)[scene_element(scene, row, (int64_t)scene_y(scene)[row])] = -INFINITY;
	}
	return true;
}

/* The element of a row's target instead of the row. */
static void to_targets(struct scene *scene, struct planted *planted)
{
	for (int64_t i = 0; i < planted->count; i++) {
		int64_t row = planted->places[i];

		planted->places[i] = scene_element(scene, row, (int64_t)scene_y(scene)[row]);
	}
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static bool probabilities_of_0(struct scene *scene, struct planted *planted, double value)
{
	if (!has_classes(scene) || scene->form != LOSS_ROLE_PROBS || !scene->hard)
		return false;
	choose(scene, planted, scene->rows, NULL);
	to_targets(scene, planted);
	qsort(planted->places, (size_t)planted->count, sizeof planted->places[0], by_value);
	for (int64_t i = 0; i < planted->count; i++)
		scene_x(scene)[planted->places[i]] = value;
	return true;
}

static bool logs_of_0(struct scene *scene, struct planted *planted)
{
	return probabilities_of_0(scene, planted, 0);
}

static bool skipped_terms(struct scene *scene, struct planted *planted)
{
	if (!has_softmax(scene) || scene->form != LOSS_ROLE_LOGITS || scene->hard)
		return false;
	choose(scene, planted, scene->rows, NULL);
	for (int64_t i = 0; i < planted->count; i++) {
		int64_t row = planted->places[i], k = scene_draw(scene, scene->c);
		int64_t masked = scene_element(scene, row, k);
		double *y = scene_y(scene);

		y[scene_element(scene, row, (k + 1) % scene->c)] += y[masked];
		y[masked] = 0;
		scene_x(scene)[masked] = -INFINITY;
		planted->places[i] = masked;
	}
	qsort(planted->places, (size_t)planted->count, sizeof planted->places[0], by_value);
	return true;
}

static bool is_one(const struct scene *scene, int64_t element)
{
	return scene_y(scene)[element] == 1;
}

static bool floored_logs(struct scene *scene, struct planted *planted)
{
	if (!has_sigmoid(scene) || scene->form != LOSS_ROLE_PROBS || is_overlap(scene))
		return false;
	choose(scene, planted, scene->elements, is_one);
	for (int64_t i = 0; i < planted->count; i++)
		scene_x(scene)[planted->places[i]] = 0;
	return planted->count > 0;
}

/* ---- Plants: sums ------------------------------------------------------------------ */

static bool empty_batch(struct scene *scene, struct planted *planted)
{
	(void)planted;
	for (int i = 0; i < scene->question.input_count; i++) {
		scene->question.inputs[i].numbers.shape[0] = 0;
		scene->question.inputs[i].numbers.count = 0;
	}
	return is_mean(scene) && !is_mining(scene) && !is_sequence(scene);
}

static bool all_ignored(struct scene *scene, struct planted *planted)
{
	(void)planted;
	if (!scene->hard || !has_param(scene, "ignore_index"))
		return false;
	for (int64_t row = 0; row < scene->rows; row++)
		scene_y(scene)[row] = -100;
	return true;
}

/* Samples without anything in prediction and target. */
static bool empty_samples(struct scene *scene, struct planted *planted)
{
	int64_t each = scene->elements / scene->n;

	if (!is_overlap(scene) || scene->form != LOSS_ROLE_PROBS)
		return false;
	choose(scene, planted, scene->n, NULL);
	for (int64_t i = 0; i < planted->count; i++)
		for (int64_t k = 0; k < each; k++) {
			scene_x(scene)[planted->places[i] * each + k] = 0;
			scene_y(scene)[planted->places[i] * each + k] = 0;
		}
	return true;
}

/* The same without smoothing above, where a loss has it by default. */
static bool scored_worst(struct scene *scene, struct planted *planted)
{
	return empty_samples(scene, planted) && set_param(scene, "smooth_nr", real(0));
}

static bool divided_by_0(struct scene *scene, struct planted *planted)
{
	return empty_samples(scene, planted) && set_param(scene, "smooth_dr", real(0));
}

static bool all_targets(struct scene *scene, double value)
{
	for (int64_t i = 0; i < scene->elements && is_mining(scene); i++)
		scene_y(scene)[i] = value;
	return is_mining(scene);
}

static bool no_positives(struct scene *scene, struct planted *planted)
{
	(void)planted;
	return all_targets(scene, 0);
}

static bool no_negatives(struct scene *scene, struct planted *planted)
{
	(void)planted;
	return all_targets(scene, 1);
}

static bool lopsided_samples(struct scene *scene, struct planted *planted)
{
	int64_t each = scene->elements / scene->n;

	if (!is_balanced(scene))
		return false;
	choose(scene, planted, scene->n, NULL);
	/* Not all: without any positive there would be more to say. */
	if (planted->count == scene->n)
		planted->count--;
	for (int64_t i = 0; i < planted->count; i++) {
		double value = (double)scene_draw(scene, 2);

		for (int64_t k = 0; k < each; k++)
			scene_y(scene)[planted->places[i] * each + k] = value;
	}
	return planted->count > 0;
}

/* More labels than frames. */
static bool long_targets(struct scene *scene, struct planted *planted)
{
	struct numbers shaped = {.index = true, .rank = 1, .shape = {scene->n}};
	int at = is_sequence(scene) && scene->d > 3
			 ? scene_add(scene, LOSS_ROLE_INPUT_LENGTHS, &shaped, (double)scene->d)
			 : -1;

	if (at < 0)
		return false;
	choose(scene, planted, scene->n, NULL);
	for (int64_t i = 0; i < planted->count; i++)
		scene->question.inputs[at].numbers.values[planted->places[i]] =
			(double)(scene->d / 2 - 1);
	return true;
}

/* ---- Plants: gradients --------------------------------------------------------------- */

/* One NaN makes the gradient of its whole row NaN. */
static bool nan_gradients(struct scene *scene, struct planted *planted)
{
	struct planted rows = {0};

	if (!has_softmax(scene) || scene->form != LOSS_ROLE_LOGITS || !scene->hard)
		return false;
	choose(scene, &rows, scene->rows, NULL);
	for (int64_t i = 0; i < rows.count; i++) {
		scene_x(scene)[scene_element(scene, rows.places[i], scene_draw(scene, scene->c))] =
			NAN;
		for (int64_t k = 0; k < scene->c; k++)
			plant_at(planted, scene_element(scene, rows.places[i], k));
	}
	qsort(planted->places, (size_t)planted->count, sizeof planted->places[0], by_value);
	return true;
}

static bool huge_gradients(struct scene *scene, struct planted *planted)
{
	return !is_bounded(scene) && probabilities_of_0(scene, planted, 1e-12);
}

static bool tiny_gradients(struct scene *scene, struct planted *planted)
{
	(void)planted;
	if (!is_overlap(scene) || scene->form != LOSS_ROLE_LOGITS)
		return false;
	for (int64_t i = 0; i < scene->elements; i++)
		scene_x(scene)[i] = -30 - draw_uniform(&scene->seed);
	return true;
}

static bool saturated_samples(struct scene *scene, struct planted *planted)
{
	int64_t each = scene->elements / scene->n;

	if (!is_overlap(scene) || scene->form != LOSS_ROLE_LOGITS)
		return false;
	choose(scene, planted, scene->n, NULL);
	for (int64_t i = 0; i < planted->count; i++)
		for (int64_t k = 0; k < each; k++)
			scene_x(scene)[planted->places[i] * each + k] = -200;
	return true;
}

/* ---- Plants: classes and near misses ---------------------------------------------- */

static bool has_logit_rows(const struct scene *scene)
{
	return has_softmax(scene) && scene->form == LOSS_ROLE_LOGITS && scene->hard && scene->c > 1;
}

static bool single_class(struct scene *scene, struct planted *planted)
{
	(void)planted;
	if (!scene->hard || scene->c < 2 || scene->rows < 48)
		return false;
	for (int64_t row = 0; row < scene->rows; row++)
		scene_y(scene)[row] = scene_y(scene)[0];
	return true;
}

static bool absent_class(struct scene *scene, struct planted *planted)
{
	double c = (double)scene->c, absent = (double)scene_draw(scene, scene->c);

	(void)planted;
	if (!scene->hard || scene->c < 3 || (double)scene->rows < c * (22 + log(c)))
		return false;
	for (int64_t row = 0; row < scene->rows; row++)
		if (scene_y(scene)[row] == absent)
			scene_y(scene)[row] = fmod(absent + 1, c);
	return true;
}

static bool imbalanced_classes(struct scene *scene, struct planted *planted)
{
	(void)planted;
	if (!scene->hard || has_param(scene, "gamma") || scene->rows < 48)
		return false;
	for (int64_t row = 0; row < scene->rows; row++)
		scene_y(scene)[row] = row % 40 == 5;
	return true;
}

/* All rows are right and sure of it, but for a few labels. */
static bool wrong_labels(struct scene *scene, struct planted *planted)
{
	double *y = scene_y(scene);

	if (!has_logit_rows(scene) || scene->rows < 60)
		return false;
	for (int64_t row = 0; row < scene->rows; row++)
		scene_x(scene)[scene_element(scene, row, (int64_t)y[row])] += 40;
	for (int64_t row = scene_draw(scene, 20); row < scene->rows; row += 25) {
		y[row] = fmod(y[row] + 1, (double)scene->c);
		plant_at(planted, row);
	}
	return true;
}

static bool sure_and_wrong(struct scene *scene, struct planted *planted)
{
	if (!has_logit_rows(scene) || scene->rows < 16)
		return false;
	for (int64_t row = 0; row < scene->rows; row++) {
		int64_t wrong = ((int64_t)scene_y(scene)[row] + 1) % scene->c;

		scene_x(scene)[scene_element(scene, row, wrong)] += 200;
		plant_at(planted, row);
	}
	return true;
}

static bool one_logit(struct scene *scene, double value)
{
	int64_t row = scene_draw(scene, scene->rows);

	if (!has_logit_rows(scene))
		return false;
	scene_x(scene)[scene_element(scene, row, (int64_t)scene_y(scene)[row])] = value;
	return true;
}

static bool logit_near_float16(struct scene *scene, struct planted *planted)
{
	(void)planted;
	return one_logit(scene, 33000 + 30000 * draw_uniform(&scene->seed));
}

static bool logit_near_float32(struct scene *scene, struct planted *planted)
{
	(void)planted;
	return one_logit(scene, 1.8e38 + 1.5e38 * draw_uniform(&scene->seed));
}

static bool subnormal_inputs(struct scene *scene, struct planted *planted)
{
	if (!scene_is_real(scene) || is_positive(scene) || is_boxes(scene) || scene->elements < 16)
		return false;
	for (int64_t i = 0; i < scene->elements; i++) {
		scene_x(scene)[i] = 1e-40 * (1 + draw_uniform(&scene->seed));
		plant_at(planted, i);
	}
	return true;
}

/* The divergence of a distribution from itself, rounded. */
static bool cancelling_terms(struct scene *scene, struct planted *planted)
{
	(void)planted;
	if (!is_divergence(scene) || scene->form != LOSS_ROLE_LOG_PROBS || scene->elements < 64)
		return false;
	for (int64_t i = 0; i < scene->elements; i++)
		scene_x(scene)[i] = log(scene_y(scene)[i]);
	return true;
}

static bool large_logits(struct scene *scene, struct planted *planted)
{
	(void)planted;
	if (!has_logit_rows(scene) || is_bounded(scene) || scene->c < 4 || scene->rows < 40)
		return false;
	for (int64_t i = 0; i < scene->elements; i++)
		scene_x(scene)[i] *= 8;
	return true;
}

/* ---- The faults ------------------------------------------------------------------------ */

static const struct fault {
	enum loss_finding_code code;
	enum loss_finding_code root; /* what heads the list; 0: the code itself */
	bool full;
	enum where where;
	bool (*plant)(struct scene *scene, struct planted *planted);
	int64_t c; /* classes; 0: any */
} faults[] = {
#define F(name) LOSS_FINDING_##name
	{F(INPUT_NAN), 0, false, ELEMENT, nan_inputs, 0},
	{F(INPUT_POS_INF), 0, false, ELEMENT, pos_inf_inputs, 0},
	{F(INPUT_NEG_INF), 0, false, ELEMENT, neg_inf_inputs, 0},
	{F(NARROWING_OVERFLOW), 0, false, ELEMENT, narrowed_inputs, 0},
	{F(HALF_OVERFLOW), 0, false, ROW, half_overflows, 0},
	{F(HALF_UNDERFLOW), 0, false, BATCH, half_underflows, 0},
	{F(AXIS_SUSPECT), 0, true, BATCH, axes_exchanged, 0},
	{F(TARGET_NOT_BINARY), 0, true, ELEMENT, targets_not_binary, 0},
	{F(BOX_INVERTED), 0, false, ELEMENT, boxes_inverted, 0},
	{F(TARGET_NOT_NORMALISED), 0, true, ROW, targets_not_normalised, 0},
	{F(IGNORE_INDEX_COLLIDES), 0, true, ROW, ignoring_a_class, 0},
	{F(LOOKS_LIKE_PROBABILITIES), 0, false, BATCH, probabilities_as_logits, 0},
	{F(LOOKS_LIKE_LOG_PROBS), 0, false, BATCH, log_probs_as_logits, 0},
	{F(LOOKS_LIKE_LOGITS), 0, false, ROW, logits_as_log_probs, 0},
	{F(CLAMPED_LOGITS), 0, false, BATCH, clamped_logits, 0},
	{F(NOOP_EPS), 0, false, BATCH, eps_too_small, 0},
	{F(LOSS_UNSUITED), 0, false, BATCH, one_class, 1},
	{F(NEGATIVE_WEIGHT), 0, false, INPUT, negative_weights, 0},
	{F(EMPTY_MASK), 0, false, BATCH, empty_mask, 0},
	{F(EXP_OVERFLOW), 0, false, ELEMENT, exps_overflow, 0},
	{F(OVERFLOW), 0, false, ELEMENT, residuals_overflow, 0},
	{F(INF_MINUS_INF), F(INPUT_POS_INF), false, ELEMENT, infinities_meet, 0},
	{F(DOMAIN), 0, false, ELEMENT, negative_targets, 0},
	{F(ALL_MASKED_ROW), 0, false, ROW, masked_rows, 0},
	{F(TARGET_AT_MASKED_CLASS), 0, false, ROW, masked_targets, 0},
	{F(INFEASIBLE_ALIGNMENT), 0, false, SAMPLE, long_targets, 0},
	{F(LOG_ZERO), 0, false, ELEMENT, logs_of_0, 0},
	{F(ZERO_TIMES_INF), 0, false, ELEMENT, skipped_terms, 0},
	{F(LOG_FLOORED), 0, false, ELEMENT, floored_logs, 0},
	{F(EMPTY_BATCH), 0, false, BATCH, empty_batch, 0},
	{F(ALL_IGNORED), 0, false, BATCH, all_ignored, 0},
	{F(ZERO_WEIGHT_SUM), 0, false, BATCH, zero_weights, 0},
	{F(DIV_ZERO), 0, false, SAMPLE, divided_by_0, 0},
	{F(NO_POSITIVES), 0, false, BATCH, no_positives, 0},
	{F(NO_NEGATIVES), 0, false, BATCH, no_negatives, 0},
	{F(DEGENERATE_BETA), 0, false, SAMPLE, lopsided_samples, 0},
	{F(SMOOTHING_DECIDED), 0, false, SAMPLE, scored_worst, 0},
	{F(GRADIENT_FLOORED), F(LOG_FLOORED), false, ELEMENT, floored_logs, 0},
	{F(GRADIENT_NONFINITE), F(INPUT_NAN), false, ELEMENT, nan_gradients, 0},
	{F(GRADIENT_EXPLODING), 0, true, ELEMENT, huge_gradients, 0},
	{F(GRADIENT_VANISHING), 0, true, BATCH, tiny_gradients, 0},
	{F(GRADIENT_ZERO_BUT_LOSS_HIGH), 0, true, SAMPLE, saturated_samples, 0},
	{F(GRADIENT_ALL_ZERO), F(NO_POSITIVES), false, BATCH, no_positives, 0},
	{F(SINGLE_CLASS_TARGETS), 0, true, BATCH, single_class, 0},
	{F(CLASS_ABSENT), 0, true, BATCH, absent_class, 0},
	{F(CLASS_IMBALANCE), 0, true, BATCH, imbalanced_classes, 2},
	{F(SUSPECT_LABELS), 0, true, ROW, wrong_labels, 0},
	{F(SATURATED), 0, true, ROW, sure_and_wrong, 0},
	{F(NEAR_OVERFLOW_FLOAT16), 0, true, BATCH, logit_near_float16, 0},
	{F(NEAR_OVERFLOW_BFLOAT16), F(NEAR_OVERFLOW_FLOAT32), true, BATCH, logit_near_float32, 0},
	{F(NEAR_OVERFLOW_FLOAT32), 0, true, BATCH, logit_near_float32, 0},
	{F(SUBNORMAL), 0, true, ELEMENT, subnormal_inputs, 0},
	{F(CANCELLATION), 0, true, BATCH, cancelling_terms, 0},
	{F(HIGH_INITIAL_LOSS), 0, true, BATCH, large_logits, 0},
#undef F
};

enum { FAULTS = sizeof faults / sizeof faults[0] };

/* ---- Looking ------------------------------------------------------------------------------ */

struct look {
	struct evaluation e;
	struct loss_diagnosis diagnosis;
	void *memory;
	bool is_healthy; /* nobody had to look */
};

static bool look_at(struct look *look, const struct scene *scene, bool full, int64_t narrowed)
{
	struct loss_diagnose_options options = {
		.full = full, .locations_max = LOCATIONS, .narrowed = {narrowed}};

	*look = (struct look){0};
	if (evaluation_init(&look->e, &scene->question, LOSS_FLOAT32, MEMORY_PLAIN) ||
	    evaluation_run(&look->e)) {
		printf("%s: %s %s\n", scene->loss->name, look->e.error.member, look->e.error.text);
		return false;
	}
	look->is_healthy = loss_is_healthy(&look->e.plan, &look->e.result, &options);
	if (look->is_healthy)
		return true;
	look->memory = aligned_alloc(64, loss_diagnose_bytes(&look->e.plan, &options));
	if (!look->memory)
		exit(1);
	loss_diagnose(&look->e.plan, &look->e.result, &options, look->memory, &look->diagnosis);
	return true;
}

static void look_away(struct look *look)
{
	free(look->memory);
	evaluation_release(&look->e);
}

static const struct loss_finding *find(const struct look *look, enum loss_finding_code code)
{
	for (int i = 0; i < look->diagnosis.finding_count; i++)
		if (look->diagnosis.findings[i].code == code)
			return &look->diagnosis.findings[i];
	return NULL;
}

/* A place as a flat index of its shape. */
static int64_t flat(const struct scene *scene, const struct look *look,
		    const struct loss_finding *finding, enum where where, int64_t i)
{
	const struct numbers *x = &scene->question.inputs[0].numbers;
	const int64_t *place = finding->places + i * finding->place_rank;
	int64_t index = 0;

	for (int axis = 0; axis < finding->place_rank; axis++) {
		int64_t size = 1;

		if (where == ELEMENT)
			size = x->shape[axis];
		else if (where == ROW && has_classes(scene))
			size = x->shape[axis == 0 ? 0 : axis + 1];
		else if (where == ROW)
			size = look->e.plan.loss_shape[axis];
		index = index * size + place[axis];
	}
	return index;
}

static bool is_exact(const struct scene *scene, const struct look *look,
		     const struct loss_finding *finding, enum where where,
		     const struct planted *planted)
{
	int64_t shown = planted->count < LOCATIONS ? planted->count : LOCATIONS;

	if (where == BATCH)
		return finding->count == 1 && finding->place_rank == 0;
	if (finding->count != planted->count || finding->place_count != shown ||
	    finding->truncated != (planted->count > LOCATIONS))
		return false;
	for (int64_t i = 0; i < shown; i++)
		if (flat(scene, look, finding, where, i) != planted->places[i])
			return false;
	return true;
}

/* ---- Faults that were planted ---------------------------------------------------------------- */

struct score {
	int batches, found, first, exact;
};

static void show(const struct scene *scene, const struct look *look, const struct fault *fault,
		 const struct planted *planted)
{
	fprintf(stderr, "%s in %s (form %s, n %lld, c %lld, d %lld), %lld planted:",
		loss_finding_at(fault->code)->code, scene->loss->name, loss_role_name(scene->form),
		(long long)scene->n, (long long)scene->c, (long long)scene->d,
		(long long)planted->count);
	for (int i = 0; i < look->diagnosis.finding_count; i++)
		fprintf(stderr, " %s x %lld",
			loss_finding_at(look->diagnosis.findings[i].code)->code,
			(long long)look->diagnosis.findings[i].count);
	fprintf(stderr, "\n");
}

static void judge(const struct scene *scene, const struct fault *fault,
		  const struct planted *planted, struct score *score)
{
	struct look look;

	score->batches++;
	if (look_at(&look, scene, fault->full, planted->narrowed)) {
		const struct loss_finding *finding = find(&look, fault->code);
		enum loss_finding_code root = fault->root ? fault->root : fault->code;
		bool is_first = finding && look.diagnosis.findings[0].code == root;
		bool exact = finding && is_exact(scene, &look, finding, fault->where, planted);

		score->found += finding != NULL;
		score->first += is_first;
		score->exact += exact;
		if (!is_first || !exact)
			show(scene, &look, fault, planted);
	}
	look_away(&look);
}

/* A random loss that can have the fault, at random places. */
static bool plant(const struct fault *fault, uint64_t *seed, struct scene *scene,
		  struct planted *planted)
{
	for (int tries = 0; tries < 3000; tries++) {
		const struct scene_wish wish = {.form = LOSS_ROLE_NONE, .c = fault->c};
		const struct loss *loss =
			loss_at((size_t)(draw_uniform(seed) * (double)loss_count()));
		uint64_t scene_seed = (uint64_t)(draw_uniform(seed) * 0x1p24);

		*planted = (struct planted){0};
		if (scene_init(scene, loss, SCENE_USUAL, &wish, scene_seed) &&
		    fault->plant(scene, planted))
			return true;
		scene_release(scene);
	}
	return false;
}

static bool is_perfect(const struct score *score)
{
	return score->batches > 0 && score->found == score->batches &&
	       score->first == score->batches && score->exact == score->batches;
}

static bool bench_faults(int batches)
{
	bool perfect = true;
	uint64_t seed = 20260101;

	printf("| planted | batches | found | root cause first | exact count and places |\n"
	       "|---|---|---|---|---|\n");
	for (int i = 0; i < FAULTS; i++) {
		struct score score = {0};
		struct scene scene;
		struct planted planted;

		for (int k = 0; k < batches && plant(&faults[i], &seed, &scene, &planted); k++) {
			judge(&scene, &faults[i], &planted, &score);
			scene_release(&scene);
		}
		printf("| %s | %d | %d | %d | %d |\n", loss_finding_at(faults[i].code)->code,
		       score.batches, score.found, score.first, score.exact);
		perfect = perfect && is_perfect(&score);
	}
	return perfect;
}

static bool every_code_has_a_fault(void)
{
	bool all = true;

	for (int code = LOSS_REFUSAL_COUNT; code < LOSS_FINDING_COUNT; code++) {
		bool has = false;

		for (int i = 0; i < FAULTS; i++)
			has = has || (int)faults[i].code == code;
		if (!has)
			printf("%s is planted nowhere\n", loss_finding_at((size_t)code)->code);
		all = all && has;
	}
	return all;
}

/* ---- Healthy batches ----------------------------------------------------------------------------
 */

struct health {
	int batches, alarms;
};

static void check_health(const struct scene *scene, enum scene_kind kind, bool full,
			 struct health *health)
{
	struct look look;

	health->batches++;
	if (!look_at(&look, scene, full, 0) || look.diagnosis.finding_count > 0) {
		health->alarms++;
		fprintf(stderr, "alarm (%s, %s): %s (form %s, n %lld, c %lld, d %lld)",
			full ? "full" : "auto", scene_kind_text(kind), scene->loss->name,
			loss_role_name(scene->form), (long long)scene->n, (long long)scene->c,
			(long long)scene->d);
		for (int i = 0; i < look.diagnosis.finding_count; i++)
			fprintf(stderr, " %s",
				loss_finding_at(look.diagnosis.findings[i].code)->code);
		fprintf(stderr, "\n");
	}
	look_away(&look);
}

/* Extreme batches have something to say under `full`: that they are extreme. */
static bool bench_health(int batches)
{
	struct health health[SCENE_COUNT][2] = {{{0}}};
	uint64_t seed = 20260202;
	bool perfect = true;

	for (int i = 0; i < batches; i++) {
		enum scene_kind kind = i % 2 ? (enum scene_kind)(i / 2 % SCENE_COUNT) : SCENE_USUAL;
		const struct scene_wish wish = {.form = LOSS_ROLE_NONE};
		const struct loss *loss =
			loss_at((size_t)(draw_uniform(&seed) * (double)loss_count()));
		struct scene scene;

		if (scene_init(&scene, loss, kind, &wish,
			       (uint64_t)(draw_uniform(&seed) * 0x1p24))) {
			check_health(&scene, kind, false, &health[kind][0]);
			if (kind == SCENE_USUAL || kind == SCENE_SMALL)
				check_health(&scene, kind, true, &health[kind][1]);
		} else {
			i--;
		}
		scene_release(&scene);
	}
	printf("\n| healthy batches | auto | alarms | full | alarms |\n|---|---|---|---|---|\n");
	for (int kind = 0; kind < SCENE_COUNT; kind++) {
		printf("| %s | %d | %d | %d | %d |\n", scene_kind_text((enum scene_kind)kind),
		       health[kind][0].batches, health[kind][0].alarms, health[kind][1].batches,
		       health[kind][1].alarms);
		perfect = perfect && health[kind][0].alarms == 0 && health[kind][1].alarms == 0;
	}
	return perfect;
}

/* ---- What it costs
 * --------------------------------------------------------------------------------- */

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void bench_cost(const char *name, int64_t n, int64_t c)
{
	const struct scene_wish wish = {.form = LOSS_ROLE_NONE, .n = n, .c = c, .hard = true};
	const struct scene_wish plain = {.form = LOSS_ROLE_NONE, .n = n};
	double alone = INFINITY, with_auto = INFINITY, in_full = INFINITY;
	const struct loss *loss = loss_find(name);
	struct scene scene;
	struct evaluation e;
	uint64_t seed = 1;

	/* A batch of rows, in the form that is activated. */
	while (!scene_init(&scene, loss, SCENE_USUAL, c ? &wish : &plain, seed++) ||
	       scene.question.inputs[0].numbers.rank != 2 ||
	       (scene.form != LOSS_ROLE_LOGITS && !scene_is_real(&scene)))
		scene_release(&scene);
	if (evaluation_init(&e, &scene.question, LOSS_FLOAT32, MEMORY_PLAIN))
		exit(1);
	struct loss_diagnose_options look = {.locations_max = LOCATIONS};
	struct loss_diagnose_options full = {.locations_max = LOCATIONS, .full = true};
	struct loss_diagnosis diagnosis;
	void *memory = aligned_alloc(64, loss_diagnose_bytes(&e.plan, &full));
	volatile bool healthy = false;

	/* As the service does where it is asked for everything. */
	e.out.losses = memory_take(&e.memory, (size_t)e.plan.rows * sizeof(float));
	for (int round = 0; round < 9; round++) {
		double start = now_s(), evaluated;

		evaluation_run(&e);
		evaluated = now_s() - start;
		healthy = loss_is_healthy(&e.plan, &e.result, &look);
		with_auto = fmin(with_auto, now_s() - start);
		alone = fmin(alone, evaluated);
		start = now_s();
		loss_diagnose(&e.plan, &e.result, &full, memory, &diagnosis);
		/* By itself: a longer stretch is less often left alone by the machine. */
		in_full = fmin(in_full, now_s() - start);
	}
	if (!healthy)
		printf("%s is not healthy\n", name);
	printf("| %s | %lldx%lld | %.2f | %.3f | %.2f |\n", name, (long long)scene.n,
	       (long long)(scene.elements / scene.n), alone * 1e3, with_auto / alone,
	       (alone + in_full) / alone);
	free(memory);
	evaluation_release(&e);
	scene_release(&scene);
}

int main(int argc, char **argv)
{
	int batches = argc > 1 ? atoi(argv[1]) : 200, healthy = argc > 2 ? atoi(argv[2]) : 20000;
	bool perfect = bench_faults(batches);

	perfect = every_code_has_a_fault() && perfect;
	perfect = bench_health(healthy) && perfect;
	printf("\n| cost, one thread | shape | evaluation, ms | with auto | with full |\n"
	       "|---|---|---|---|---|\n");
	bench_cost("cross_entropy", 4096, 1000);
	bench_cost("cross_entropy", 65536, 10);
	bench_cost("bce_with_logits", 131072, 0);
	bench_cost("mse", 262144, 0);
	return perfect ? 0 : 1;
}
