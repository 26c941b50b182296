/*
 * Batches as people have them, for any loss of the catalogue: targets that a
 * loss of that kind is used with, predictions that are plausible.  Nothing is
 * wrong with any of them; whoever wants a fault plants it.
 */
#ifndef TESTS_SCENE_H
#define TESTS_SCENE_H

#include "evaluation.h"

/* What is unusual about a batch, and legal. */
#define SCENES(X)                                                                                  \
	X(USUAL, "usual")                                                                          \
	X(LARGE, "predictions of 10^4, or 10^15 where nothing is squared or activated")            \
	X(TINY, "predictions of 10^-30")                                                           \
	X(ZERO, "predictions of 0, or a half")                                                     \
	X(SOLVED, "every prediction right")                                                        \
	X(MASKED_CLASSES, "logits of -Infinity where the target is not")                           \
	X(LEFT_OUT, "NaN in rows that are ignored or masked")                                      \
	X(SMALL, "one row, or as few as the loss can do with")

enum scene_kind {
#define X(name, text) SCENE_##name,
	SCENES(X)
#undef X
		SCENE_COUNT
};

const char *scene_kind_text(enum scene_kind kind);

struct scene {
	struct question question;
	const struct loss *loss;
	enum loss_role form;
	int64_t n, c, d; /* as in loss.h; c is 1 without classes; d frames of a sequence */
	int64_t elements, rows;
	bool hard; /* the targets are class indices */
	int mask;  /* inputs of the question; -1: there is none */
	uint64_t seed;
	struct memory memory;
};

/* What a plant may ask for before the batch is made. */
struct scene_wish {
	enum loss_role form; /* LOSS_ROLE_NONE: any */
	int64_t n, c;        /* 0: any */
	bool hard, soft;     /* targets of that kind only */
};

/* False if the loss has no such batch; release in any case. */
bool scene_init(struct scene *scene, const struct loss *loss, enum scene_kind kind,
		const struct scene_wish *wish, uint64_t seed);
void scene_release(struct scene *scene);

/* An input the loss takes, added with the shape it has and `value` everywhere;
 * its place in the question, or -1. */
int scene_add(struct scene *scene, enum loss_role role, const struct numbers *shaped, double value);

/* Is the prediction any number, neither scores nor probabilities? */
bool scene_is_real(const struct scene *scene);

/* The index of class k of row `row` among the elements of the prediction. */
int64_t scene_element(const struct scene *scene, int64_t row, int64_t k);

/* Uniform in [0, n). */
int64_t scene_draw(struct scene *scene, int64_t n);

/* About normal. */
double scene_bell(struct scene *scene);

static inline double *scene_x(const struct scene *scene)
{
	return scene->question.inputs[0].numbers.values;
}

static inline double *scene_y(const struct scene *scene)
{
	return scene->question.inputs[1].numbers.values;
}

#endif
