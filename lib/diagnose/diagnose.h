/*
 * How a diagnosis is put together, shared by the finders.
 *
 * Finders run in a fixed order, each looking for one group of findings; they
 * add places to findings, and diagnose.c writes effect, order and verdict
 * around them.  A finder knows no loss by name: what a loss is comes from its
 * rows, its family and the events of its own math.
 */
#ifndef LOSS_DIAGNOSE_IMPL_H
#define LOSS_DIAGNOSE_IMPL_H

#include "../loss_diagnose.h"
#include "../loss_impl.h"
#include "summary.h"

/* What a diagnosis can hold; root causes are found first, and what comes after
 * the last is left out. */
enum { FINDINGS_MAX = 48, FINDINGS_SPARE = 1 };

/* What the flat index of a place counts in. */
enum place_kind { PLACE_BATCH, PLACE_UNIT, PLACE_ELEMENT, PLACE_SAMPLE };

struct diagnosis {
	const struct loss_eval *e;
	const struct loss_result *result;
	const struct loss_diagnose_options *options;
	struct loss_diagnosis *out;

	struct loss_finding findings[FINDINGS_MAX + FINDINGS_SPARE];
	enum place_kind kinds[FINDINGS_MAX + FINDINGS_SPARE]; /* of the indices of each */
	int finding_count;
	int64_t *indices; /* for each finding: locations_max flat indices, sorted */
	int64_t *places;  /* for each finding: locations_max x LOSS_RANK_MAX */
	void *losses;     /* unreduced, of this batch */
	void *mask;       /* units with a finite loss */
	void *scratch;
	int64_t nonfinite_losses, nonfinite_gradients;

	/* What is in each tensor, before any finder looks: a look for what was not
	 * counted is saved.  By input row; .count is 0 where there is no real data. */
	struct loss_summary inputs[LOSS_INPUTS_MAX], gradients[LOSS_INPUTS_MAX];
	struct loss_summary loss_summary;
	/* Only for `full`; NULL otherwise. */
	struct loss_statistics *statistics;
	uint64_t *keys; /* 2 QUANTILE_ALL */
};

/* What a diagnosis keeps, laid out behind itself in the caller's memory: with
 * base NULL the same walk only counts. */
struct room {
	char *base;
	size_t used;
};

void *room_take(struct room *room, size_t count, size_t bytes);

/* The finding of a code for an input, made when it is first asked for; one that
 * nobody will see where there is no more room. */
struct loss_finding *finding_of(struct diagnosis *d, enum loss_finding_code code,
				enum loss_role input);

/* One more place. Indices may come in any order. */
void finding_add(struct diagnosis *d, enum loss_finding_code code, enum loss_role input,
		 enum place_kind kind, int64_t index);

/* The same for the whole batch. */
struct loss_finding *finding_add_batch(struct diagnosis *d, enum loss_finding_code code,
				       enum loss_role input);

bool finding_exists(const struct diagnosis *d, enum loss_finding_code code);

/* A value to show for the first place. */
void finding_operand(struct loss_finding *finding, const char *name, double value);

void finding_because(struct diagnosis *d, struct loss_finding *finding,
		     enum loss_finding_code code);

/* The first flat index of a finding. */
int64_t finding_first(const struct diagnosis *d, const struct loss_finding *finding);

/* ---- Reading the evaluation ----------------------------------------------- */

double real_at(const struct loss_eval *e, const void *data, int64_t index);

/* The value of an operand at an element of what it broadcasts to. */
double operand_at(const struct loss_eval *e, const struct loss_operand *operand, int64_t index);

/* The unit an element of the prediction belongs to. */
int64_t unit_of(const struct loss_eval *e, int64_t element);

/* Does unit `unit` enter the loss: not ignored, not masked, not weighted 0? */
bool unit_counts(const struct loss_eval *e, int64_t unit);

/* Is its loss NaN or infinite? */
bool unit_is_bad(const struct diagnosis *d, int64_t unit);

bool is_rowwise(const struct loss_eval *e);

/* What an input is called: the prediction by the form it was given in. */
enum loss_role role_of(const struct loss_eval *e, int input);

/* ---- Statistics ----------------------------------------------------------- */

/* Summaries of all tensors, but for the quantiles. */
void summarize_batch(struct diagnosis *d);

/* The quantiles, and what `full` tells beyond the summaries. */
void write_statistics(struct diagnosis *d);

/* What `full` keeps. */
void lay_out_statistics(struct diagnosis *d, struct room *room);

/* ---- The finders, in their order ------------------------------------------ */

void find_in_inputs(struct diagnosis *d);
void find_in_rows(struct diagnosis *d);
void find_in_terms(struct diagnosis *d);
void find_in_reduction(struct diagnosis *d);
void find_in_gradients(struct diagnosis *d);

/* Sentences for all findings without one, from the places and operands. */
void write_messages(struct diagnosis *d);

#endif
