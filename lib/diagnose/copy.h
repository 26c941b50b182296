/*
 * The same batch in float64, or some units of it: what the dtype has lost, and
 * how the loss moves when one number does.
 *
 * Units that do not depend on each other (rows, elements) can be taken by
 * themselves; other losses are copied whole, where they are small enough.
 */
#ifndef LOSS_DIAGNOSE_COPY_H
#define LOSS_DIAGNOSE_COPY_H

#include "diagnose.h"

struct copy {
	int64_t units; /* 0: the batch cannot be copied */
	bool is_whole; /* with the shapes of the batch; otherwise units one after another */
	void *data[LOSS_INPUTS_MAX]; /* by input row: float64, or class indices */
	struct loss_plan plan;
	void *scratch;
	double *losses;
};

/* Can units be taken by themselves? */
bool units_are_apart(const struct loss_eval *e);

/* Room for a copy of at most `units` units and about `elements` elements.  False
 * if there is none to make. */
void lay_out_copy(const struct loss_eval *e, int64_t units, int64_t elements, struct copy **copy,
		  struct room *room);

/* Read unit `unit` of the batch into place `at` of the copy. */
void copy_unit(struct copy *copy, const struct loss_eval *e, int64_t unit, int64_t at);

/* The whole batch. */
void copy_batch(struct copy *copy, const struct loss_eval *e);

/* The sum of the losses of the copy as it is; NaN if it cannot be evaluated. */
double copy_sum(struct copy *copy);

/* The element of the copy that element `index` of an input is, once its unit
 * stands at place 0, or the batch was copied whole. */
double *copy_element(struct copy *copy, const struct loss_eval *e, int input, int64_t index);

#endif
