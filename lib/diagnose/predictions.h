/*
 * Rows and their classes: what a row was given and what it says.
 *
 * A row is one softmax, or one element of a binary loss, whose two classes are
 * parted at 0.5.  Soft targets stand for their likeliest class.
 */
#ifndef LOSS_DIAGNOSE_PREDICTIONS_H
#define LOSS_DIAGNOSE_PREDICTIONS_H

#include "diagnose.h"

struct prediction {
	int64_t given, predicted; /* -1: none can be told (NaN, a masked row) */
	double confidence;        /* the probability of `predicted` */
	bool is_certain;          /* it is exactly 1 in the dtype, the others 0 where binary */
};

/* 0: the loss has no classes. */
int64_t class_count(const struct loss_eval *e);
int64_t class_rows(const struct loss_eval *e);

/* Is a row the same thing as a unit, so that it has a loss? */
bool rows_are_units(const struct loss_eval *e);

/* Does it enter the loss? */
bool class_row_counts(const struct loss_eval *e, int64_t row);

/* The class a row was given, or -1. */
int64_t class_given(struct diagnosis *d, int64_t row);

struct prediction predict(struct diagnosis *d, int64_t row);

#endif
