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

/* What the flat index of a place counts in: units, rows of the class axis,
 * elements of the prediction, samples, elements of the finding's own input. */
enum place_kind { PLACE_BATCH, PLACE_UNIT, PLACE_ROW, PLACE_ELEMENT, PLACE_SAMPLE, PLACE_INPUT };

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
	uint32_t *causes; /* by slot: what was found there that may have consequences */
	void *scratch;
	/* For remedies (trial.h): changed numbers of an input, a gradient, and the
	 * unreduced losses before and after the change. */
	void *copy, *gradient, *before, *after;
	struct loss_remedy *remedies;
	int64_t nonfinite_losses, nonfinite_gradients;

	/* What is in each tensor, before any finder looks: a look for what was not
	 * counted is saved.  By input row; .count is 0 where there is no real data. */
	struct loss_summary inputs[LOSS_INPUTS_MAX], gradients[LOSS_INPUTS_MAX];
	struct loss_summary loss_summary;
	/* Only for `full`; NULL otherwise. */
	struct loss_statistics *statistics;
	uint64_t *keys;               /* 2 QUANTILE_ALL */
	double *most;                 /* the largest finite loss of each SUMMARY_BLOCK of units */
	void *row;                    /* one row of scores, where they do not stand together */
	struct balance *balance;      /* NULL: no classes, or too many */
	struct copy *sample, *single; /* in float64: of the batch, and of one unit of it */
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

/* The same, with places of this kind.  Without a place in the end it is none. */
struct loss_finding *finding_begin(struct diagnosis *d, enum loss_finding_code code,
				   enum loss_role input, enum place_kind kind);

/* One more place. Indices may come in any order. */
void finding_hit(struct diagnosis *d, struct loss_finding *finding, int64_t index);

/* Both. */
void finding_add(struct diagnosis *d, enum loss_finding_code code, enum loss_role input,
		 enum place_kind kind, int64_t index);

/* The same for the whole batch. */
struct loss_finding *finding_add_batch(struct diagnosis *d, enum loss_finding_code code,
				       enum loss_role input);

bool finding_exists(const struct diagnosis *d, enum loss_finding_code code);

/* A value to show for the first place. */
void finding_operand(struct loss_finding *finding, const char *name, double value);

/* Caused by a finding of this code, if there is one. */
void finding_because(struct diagnosis *d, struct loss_finding *finding,
		     enum loss_finding_code code);

/* Caused by what was found in the same slots: `causes` as in d->causes. */
void finding_because_of(struct diagnosis *d, struct loss_finding *finding, uint32_t causes);

/* What was found in a slot and explains a number there that is not finite. */
uint32_t causes_at(const struct diagnosis *d, int64_t slot);

/* Say that a slot was reached by a finding that was added elsewhere. */
void mark_slot(struct diagnosis *d, int64_t slot, enum loss_finding_code code);

/* The first flat index of a finding. */
int64_t finding_first(const struct diagnosis *d, const struct loss_finding *finding);

/* ---- Reading the evaluation ----------------------------------------------- */

/* A number of the evaluation's dtype, read and written. */
static inline double real_at(const struct loss_eval *e, const void *data, int64_t index)
{
	return e->spec.dtype == LOSS_FLOAT32 ? (double)((const float *)data)[index]
					     : ((const double *)data)[index];
}

static inline void real_put(const struct loss_eval *e, void *data, int64_t index, double value)
{
	if (e->spec.dtype == LOSS_FLOAT32)
		((float *)data)[index] = (float)value;
	else
		((double *)data)[index] = value;
}

/* The value of an operand at an element of what it broadcasts to. */
double operand_at(const struct loss_eval *e, const struct loss_operand *operand, int64_t index);

/* The role an input was given in. */
enum loss_role role_of(const struct loss_eval *e, int input);

/* The axis of the classes, also where the loss itself has no use for it; -1: none. */
int class_axis_of(const struct loss_eval *e);

/* The unit an element of the prediction belongs to. */
int64_t unit_of(const struct loss_eval *e, int64_t element);

/* Does unit `unit` enter the loss: not ignored, not masked, not weighted 0? */
bool unit_has_share(const struct loss_eval *e, int64_t unit);

static inline bool unit_counts(const struct loss_eval *e, int64_t unit)
{
	return (!e->hard && !e->has_factor) || unit_has_share(e, unit);
}

/* Is its loss NaN or infinite? */
static inline bool unit_is_bad(const struct diagnosis *d, int64_t unit)
{
	return !isfinite(real_at(d->e, d->losses, unit));
}

bool is_rowwise(const struct loss_eval *e);
/* Does an input hold a number for each element of the prediction? */
bool stands_by_element(const struct loss_eval *e, int input);
/* Do the targets stand beside the prediction, a real for each of its elements? */
bool has_element_targets(const struct loss_eval *e);

/* A softmax over one class, which is 1 whatever its logit is. */
bool is_lone_class(const struct loss_eval *e);

/* Slots: what has a number of its own in the loss, and makes all of it NaN if any
 * of it is.  Rows for classification, units otherwise. */
int64_t slots_of(const struct loss_eval *e);
int64_t slot_of(const struct loss_eval *e, int64_t element);
bool slot_is_bad(const struct diagnosis *d, int64_t slot);

/* The slot of ascending elements, and whether it is bad.  Begin with zeros. */
struct slot_walk {
	int64_t slot, end; /* the slot's elements end there */
	bool is_bad;
};

bool slot_walk_to(const struct diagnosis *d, struct slot_walk *walk, int64_t element);

/* Does a row along the class axis count? Where units are elements all do. */
bool row_counts(const struct loss_eval *e, int64_t row);

/* The prediction as lines along an axis (all of it for -1): element k of line i
 * is line_start() + k * stride. */
struct lines {
	int64_t count, length, stride;
};

struct lines lines_of(const struct loss_eval *e, int axis);

static inline int64_t line_start(const struct lines *lines, int64_t i)
{
	return i / lines->stride * lines->stride * lines->length + i % lines->stride;
}

/* The first element in [from, end) that is NaN or infinite, or not 0; else `end`. */
int64_t next_nonfinite(const struct loss_eval *e, const void *data, int64_t from, int64_t end);
int64_t next_nonzero(const struct loss_eval *e, const void *data, int64_t from, int64_t end);

/* Do a few elements, spread over all of them, lie in [least, most]? */
bool sample_lies(const struct loss_eval *e, const void *data, int64_t count, double least,
		 double most);

/* A plan of the same batch, its inputs as they were rounded, in float32. */
enum loss_code plan_in_full(const struct loss_eval *e, struct loss_plan *plan);

/* ---- Statistics ----------------------------------------------------------- */

/* Summaries of all tensors; quantiles only where there is room for their keys. */
void summarize_batch(struct diagnosis *d);

/* What `full` tells beyond the summaries, and the findings that come from it. */
void write_statistics(struct diagnosis *d);
void find_in_statistics(struct diagnosis *d);

/* What `full` keeps. */
void lay_out_statistics(struct diagnosis *d, struct room *room);

/* Beyond these bounds a number stands for a probability of exactly 0 or 1; NaN
 * where it stands for none. */
struct saturation saturation_of(const struct loss_eval *e, int input);

/* ---- The finders, in their order ------------------------------------------ */

void find_in_inputs(struct diagnosis *d);
void find_rounded_input(struct diagnosis *d, int input); /* one of them */
void find_in_precision(struct diagnosis *d);
void find_in_targets(struct diagnosis *d);
void find_in_spec(struct diagnosis *d);
void find_unsuited(struct diagnosis *d);
void find_in_rows(struct diagnosis *d);
void find_in_sequences(struct diagnosis *d);
void find_in_terms(struct diagnosis *d);
void find_in_weights(struct diagnosis *d);
void find_in_reduction(struct diagnosis *d);
void find_overflows(struct diagnosis *d); /* what no finder before it explains */
void find_in_gradients(struct diagnosis *d);

/* A cheap look, for who would look no further: may find_in_spec() or
 * find_in_gradients() have something to say on a batch without a flag? */
bool spec_is_suspect(const struct loss_eval *e);
bool gradients_are_suspect(const struct loss_eval *e);

/* What each remedy that answers a finding would do; after the finders. */
void find_remedies(struct diagnosis *d);

/* What find_remedies() needs for an evaluation, at most: numbers of the dtype
 * in .copy and .gradient, and bytes of scratch. */
struct remedy_need {
	size_t remedies, copy, gradient, scratch;
};

struct remedy_need remedies_need(const struct loss_eval *e);

/* Sentences for all findings without one, from the places and operands. */
void write_messages(struct diagnosis *d);

#endif
