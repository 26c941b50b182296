/* Statistics of a loss with classes, and what the balance between them tells. */
#ifndef LOSS_DIAGNOSE_CLASSES_H
#define LOSS_DIAGNOSE_CLASSES_H

#include "diagnose.h"
#include "select.h"

enum {
	/* Rows whose class is counted: a fraction of a millisecond. */
	COUNTED_ROWS_MAX = 32768,
	/* Rows and scores that predictions are made of: likewise. */
	PREDICTED_ROWS_MAX = 8192,
	PREDICTED_SCORES_MAX = 1 << 17,
	/* More classes than this are not counted one by one. */
	COUNTED_CLASSES_MAX = 65536,
};

/* What is kept about every class; NULL arrays where there are too many. */
struct balance {
	struct loss_class_statistics statistics;
	int64_t classes, counted;              /* rows counted */
	int64_t *counts, *predicted, *correct; /* by class */
	double *losses;                        /* by class: sums */
	int64_t certain, certain_wrong;        /* predictions that are exactly 0 or 1 */
	struct loss_class_row *listed;
	int64_t *confusion;
	struct loss_confusion_cell *cells;
	struct top_item *items; /* LOSS_CLASSES_LISTED_MAX */
	double *suggested;      /* LOSS_SUGGESTIONS_MAX x classes */
};

void lay_out_classes(struct diagnosis *d, struct room *room);
void write_classes(struct diagnosis *d);

/* single_class_targets, class_absent, class_imbalance (balance.c) */
void find_in_balance(struct diagnosis *d);

/* Counts over all rows of the batch. */
void count_all_classes(struct diagnosis *d);

#endif
