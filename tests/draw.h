/*
 * Inputs for any loss, drawn from the rows of its catalogue entry: a loss that
 * is added later is tested without a word here.
 */
#ifndef TESTS_DRAW_H
#define TESTS_DRAW_H

#include "evaluation.h"

struct draw {
	const struct loss *loss;
	enum loss_role form; /* how the prediction is given */
	int rank;            /* of the prediction; class axis as in PyTorch */
	int64_t shape[LOSS_RANK_MAX];
	bool optional; /* all optional inputs, too */
	bool soft;     /* targets with a number for each class, where the loss takes them */
	bool strange;  /* one real in five is NaN, infinite, denormal, -0, huge or tiny */
	uint64_t seed;
};

/* Fill a question with defaults for the parameters and gradients for every
 * differentiable input.  False if the loss cannot take that shape. */
bool draw_question(struct question *question, const struct draw *draw, struct memory *memory);

/* The forms a prediction can have: index from 0, LOSS_ROLE_NONE past the last. */
enum loss_role draw_form_at(const struct loss *loss, int index);

/* Uniform in [0, 1). */
double draw_uniform(uint64_t *seed);

#endif
