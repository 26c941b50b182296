/*
 * Why a loss or a gradient that somebody else has computed is not ours: what
 * they may have done instead, tried out.
 *
 *     api_dispute_init(&dispute, ...)       the evaluation and what is claimed
 *     api_dispute_compare(&dispute)         what agrees, and how nearly
 *     api_trials_make(&dispute)             what may explain the rest
 *     for each trial:
 *         api_trial_begin(&run, &dispute, trial, arena)   lays it out, takes memory
 *         api_trial_run(&run)                             any thread
 *         api_trial_end(&run, arena)                      gives the memory back
 *
 * A trial is a view of what we computed (another sign, a factor, axes changed
 * over) or another evaluation: a change of the spec or of the inputs.  Which
 * there are follows from the rows of the loss; no loss is named.
 */
#ifndef API_HYPOTHESES_H
#define API_HYPOTHESES_H

#include "agreement.h"
#include "arena.h"

enum { API_PARTS_MAX = LOSS_INPUTS_MAX + 1, API_TRIALS_MAX = 96 };

/* One thing that is claimed: the loss, or the gradient of an input. */
struct api_part {
	int input; /* in the dispute's `in`; -1: the loss */
	struct loss_tensor ours, claimed;
	struct api_agreement agreement;
};

enum api_activation { API_NOT_ACTIVATED, API_SOFTMAX, API_SIGMOID };

struct api_trial {
	const char *name;
	char say[320];
	/* A view of what there is */
	bool is_view;
	struct api_view view; /* NaN as the factor: the one that fits best */
	bool is_fitted;       /* and that was found: says less than a factor with a name */
	/* or another evaluation */
	bool changes_spec; /* the spec alone: it can be sent */
	struct loss_spec spec;
	struct loss_input in[LOSS_INPUTS_MAX];
	bool is_dropped[LOSS_INPUTS_MAX];
	enum api_activation activated; /* the prediction, beforehand */
	bool has_gradients;            /* with respect to the same inputs */
	bool is_denominator;           /* all that is wanted of it: ours over that */

	bool was_tried; /* it could be done at all */
	bool matches;   /* it explains all that differs */
	uint32_t parts; /* those that it explains, by 1 << index */
};

struct api_dispute {
	const struct loss_spec *spec;
	const struct loss_input *in;
	int in_count;
	const struct loss_plan *plan;
	struct loss_result result;
	bool is_single; /* one loss; of a sum of terms only views are tried */
	struct api_tolerance tolerance;
	struct api_part parts[API_PARTS_MAX];
	int part_count;
	bool agrees;
	struct api_trial *trials; /* room for API_TRIALS_MAX */
	int trial_count;
};

/* Compares one part as it is. */
void api_dispute_compare(struct api_dispute *dispute, int part);

/* Fills the trials, the views first; none where everything agrees. */
void api_trials_make(struct api_dispute *dispute);

/* ---- trial.c ---------------------------------------------------------------- */

/* The axis of the classes of a prediction of this rank; -1 if it has none. */
int api_class_axis(const struct loss_spec *spec, int rank);

/* One trial on its way. */
struct api_trial_run {
	const struct api_dispute *dispute;
	struct api_trial *trial;
	bool is_planned;
	struct loss_plan plan;
	struct loss_outputs out;
	struct loss_tensor losses;
	struct loss_tensor gradients[LOSS_INPUTS_MAX]; /* by the dispute's inputs */
	struct loss_tensor activated;
};

/* False without memory.  A trial that the library refuses is not planned, and
 * its run does nothing. */
bool api_trial_begin(struct api_trial_run *run, const struct api_dispute *dispute,
		     struct api_trial *trial, struct api_arena *arena);
void api_trial_run(struct api_trial_run *run);
void api_trial_end(struct api_trial_run *run, struct api_arena *arena);

#endif
