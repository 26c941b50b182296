/*
 * A trial: the batch of a diagnosis evaluated once more with something changed,
 * so that what a cure would do is computed and not guessed.
 *
 * What may change is the spec (parameters, or another loss), the form in which
 * the prediction is given, a mask over the units, and the numbers of one input.
 */
#ifndef LOSS_DIAGNOSE_TRIAL_H
#define LOSS_DIAGNOSE_TRIAL_H

#include "diagnose.h"

struct trial {
	struct loss_spec spec;
	enum loss_role form; /* how the prediction is given */
	bool drops;          /* d->mask stands instead of the caller's mask */
	/* Writes the changed numbers of input row `input` into `copy`; NULL: none
	 * are changed. */
	void (*fill)(const struct loss_eval *e, const struct trial *trial, void *copy);
	int input;
	double least, most; /* what some fills need */
	bool unrounded;     /* the inputs as they were before half precision */
	double scale;       /* multiplies the loss before the gradient, which is divided by it */
	bool clamps;        /* where the copy differs, no gradient comes back */
};

struct trial_result {
	enum loss_code code; /* LOSS_OK, or why there is nothing to say */
	double loss;
	double gradient_norm; /* L2, over all inputs whose gradient was asked for */
	/* In half precision only, where a loss scale is looked for. */
	double largest_gradient;
	int64_t zero_gradients;
	uint32_t flags; /* enum loss_flags */
	/* Of the units that d->mask keeps: how many have another loss than in
	 * d->before, by more than rounding, and the largest change; all of them
	 * where the units are others. */
	int64_t changed_rows;
	double largest_change;
};

/* The batch as it is.  Reduction none becomes the mean, or the sum of a loss
 * without one: a cure is judged by one number. */
void trial_init(struct trial *trial, const struct loss_eval *e);

/* A plan of the trial, without a gradient; for one that changes no numbers and
 * drops no rows, unless only its size is asked for. */
enum loss_code trial_plan(const struct loss_eval *e, const struct trial *trial,
			  struct loss_plan *plan);

/* Scratch that the trial needs; 0 if it cannot be planned, and then trial_run()
 * fails as well. */
size_t trial_scratch_bytes(const struct loss_eval *e, const struct trial *trial);

/* Run it in the memory of the diagnosis.  d->after holds the unreduced losses
 * then, and d->gradient the gradient of the first input that has one. */
void trial_run(struct diagnosis *d, const struct trial *trial, struct trial_result *result);

/* The loss alone; NaN if it cannot be computed. */
double trial_loss(struct diagnosis *d, const struct trial *trial);

/* Is the gradient of this input row part of the norm?  Those that were asked
 * for, or else the prediction's. */
bool trial_wants_gradient(const struct loss_eval *e, int input);

#endif
