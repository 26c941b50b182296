/*
 * A remedy as the table has it: what it answers, how it changes a trial, and how
 * it speaks.
 *
 * Whether a remedy applies comes from rows, traits, forms and parameters, never
 * from a loss's name.
 */
#ifndef LOSS_DIAGNOSE_REMEDY_H
#define LOSS_DIAGNOSE_REMEDY_H

#include "trial.h"

/* What a remedy speaks of. */
struct scene {
	struct diagnosis *d;
	const struct trial *trial;
	struct trial_result before; /* the batch as it is */
	const struct trial_result *after;
	int64_t fine, bad; /* units that count */
	double factor;     /* what .is_worth found, for .say */
};

struct remedy {
	struct loss_remedy_row row;
	uint64_t answers;        /* set of enum loss_finding_code */
	uint64_t answers_errors; /* those it answers only where they are errors */
	/* Change the trial; false where there is nothing to change in this loss.
	 * Looks at no number of the batch. */
	bool (*change)(const struct loss_eval *e, struct trial *trial);
	/* What of the change depends on the numbers; NULL: nothing. */
	void (*fit)(const struct scene *scene, struct trial *trial);
	/* Whether what the trial has shown is worth saying; NULL: yes.  d->gradient
	 * and d->after are the trial's. */
	bool (*is_worth)(struct scene *scene);
	/* One sentence with the numbers in it. */
	void (*say)(const struct scene *scene, char *buf, size_t bytes);
	bool proposes_spec;  /* the changed spec is worth sending */
	bool settles_events; /* no remedy as long as a clamp or a floor still decides */
};

/* The table, best first; NULL past the end. */
const struct remedy *remedy_at(size_t index);

enum { REMEDY_COUNT = 22 };

#endif
