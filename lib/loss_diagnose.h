/*
 * Why a loss is what it is: the findings of a batch that has been evaluated
 * with loss.h, what they cost and what would cure them.
 *
 * Apart from loss.h because the kernels need none of it.
 */
#ifndef LOSS_DIAGNOSE_H
#define LOSS_DIAGNOSE_H

#include "loss.h"
#include "loss_findings.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* One row of LOSS_FINDINGS each. */
enum loss_finding_code {
#define X(name, ...) LOSS_FINDING_##name,
	LOSS_FINDINGS(X)
#undef X
		LOSS_FINDING_COUNT
};

/* What makes the call fail (TARGET_RANGE, ...) instead of being found in it:
 * the first of the catalogue. */
enum { LOSS_REFUSAL_COUNT = LOSS_FINDING_TARGET_NOT_INTEGER + 1 };

enum loss_severity { LOSS_INFO, LOSS_WARNING, LOSS_ERROR };

enum { LOSS_CURES_MAX = 6 };

struct loss_cure {
	const char *say; /* NULL ends a list */
	bool is_article; /* one that the article behind this project proposes */
	bool is_trap;    /* does not do what it seems to */
};

struct loss_finding_row {
	const char *code;
	enum loss_severity severity; /* of most; a finding may have a lower one */
	const char *stage;
	const char *cause;
	const char *says; /* the message, with {where}, {input} and {operand} in it */
	struct loss_cure cures[LOSS_CURES_MAX];
};

/* The catalogue of findings, by enum loss_finding_code. */
const struct loss_finding_row *loss_finding_at(size_t index);
const char *loss_severity_name(enum loss_severity severity);

enum {
	LOSS_OPERANDS_MAX = 6,
	LOSS_BECAUSE_MAX = 4,
	LOSS_REMEDIES_MAX = 6,
};

struct loss_effect {
	double loss;
	int64_t nonfinite_losses, nonfinite_gradients;
	int64_t finite_rows;
	double loss_over_finite_rows;
};

/* What a remedy is called, and what it is. */
struct loss_remedy_row {
	const char *action; /* slug: "drop_rows", "use_logits_form", ... */
	const char *doc;
	bool article; /* a cure that the textbook articles on NaN give, and a good one */
	bool trap;    /* one that they give, too, and that cures nothing or does harm */
};

/* The catalogue of remedies, best first; NULL past the end. */
const struct loss_remedy_row *loss_remedy_at(size_t index);

/*
 * What a cure does to this batch, computed with the cure in place and not
 * guessed.  Offered only where loss and gradient are finite after it; traps are
 * shown whatever they lead to.
 */
struct loss_remedy {
	const struct loss_remedy_row *row;
	char say[320]; /* one sentence with the numbers in it */
	bool computed; /* the three below are there; else it is advice */
	/* The loss, unweighted; under reduction none its mean, or the sum of a
	 * loss that has none. */
	double loss_after;
	/* L2 over the gradients that were asked for, or else the prediction's;
	 * unweighted.  What a clamp holds back is no part of it. */
	double gradient_norm_after;
	/* Some loss that was finite and counted differs by more than rounding: by
	 * more than 64 units in the last place of the dtype (2 in half precision),
	 * of the loss or of 1, whichever is more. */
	bool changes_finite_rows;
	bool has_spec; /* `spec` is changed and may be sent as it is */
	struct loss_spec spec;
	/* The role the prediction is to be sent in, or LOSS_ROLE_NONE: as it was. */
	enum loss_role input;
	const char *dtype; /* the dtype to ask for, or NULL: the same */
	/* The mask to send: over the units, 0 for what is to be left out.  In the
	 * memory of the diagnosis; .data NULL: none. */
	struct loss_tensor mask;
};

struct loss_finding {
	enum loss_finding_code code;
	enum loss_severity severity;
	enum loss_role input; /* LOSS_ROLE_NONE: about no single input */
	int64_t count;
	int place_rank;        /* indices of one place; 0: the whole batch */
	int64_t place_count;   /* places listed */
	const int64_t *places; /* place_count x place_rank, in index order */
	bool truncated;        /* there are more than are listed */
	int operand_count;
	struct {
		const char *name;
		double value;
	} operands[LOSS_OPERANDS_MAX];
	char message[320];
	int because_count;
	enum loss_finding_code because[LOSS_BECAUSE_MAX];
	int remedy_count;
	const struct loss_remedy *remedies[LOSS_REMEDIES_MAX]; /* best first, traps last */
};

/* ---- Statistics ----------------------------------------------------------- */

/* The quantiles that are told, in percent. */
#define LOSS_QUANTILES(X) X(1) X(5) X(25) X(50) X(75) X(95) X(99)

enum {
#define X(percent) LOSS_P##percent,
	LOSS_QUANTILES(X)
#undef X
		LOSS_QUANTILE_COUNT
};

/* The types a tensor may be narrowed to: name, largest number and smallest
 * positive one. */
#define LOSS_NARROW_TYPES(X)                                                                       \
	X(FLOAT16, float16, 65504.0, 0x1p-24)                                                      \
	X(BFLOAT16, bfloat16, 0x1.fep127, 0x1p-133)                                                \
	X(FLOAT32, float32, 0x1.fffffep127, 0x1p-149)

enum loss_narrow_type {
#define X(name, text, largest, smallest) LOSS_NARROW_##name,
	LOSS_NARROW_TYPES(X)
#undef X
		LOSS_NARROW_COUNT
};

/* A tensor in numbers.  min to smallest and the quantiles are those of the
 * finite elements, NaN where there is none.  Mean, deviation and norm of float32
 * have 7 digits or more, of float64 12; they are no number where a square
 * overflows float64. */
struct loss_summary {
	int64_t count, finite, nan, pos_inf, neg_inf, zeros, subnormals;
	int64_t saturated; /* probabilities that are exactly 0 or 1; -1: it holds none */
	double min, max, mean;
	int64_t min_at, max_at; /* where they stand first, as a flat index; -1: nowhere */
	double std;             /* of the population: squares over the count */
	double norm;            /* Euclidean */
	double smallest;        /* magnitude other than 0 */
	/* By LOSS_QUANTILES, linear between neighbours; of all elements, or of
	 * `quantile_count` spread over the tensor. */
	double quantiles[LOSS_QUANTILE_COUNT];
	int64_t quantile_count;
	/* By loss_narrow_type, powers of two: how much the largest magnitude may grow
	 * before it overflows, and the smallest may shrink before it is lost.  NaN
	 * where all is 0. */
	double headroom[LOSS_NARROW_COUNT], footroom[LOSS_NARROW_COUNT];
};

struct loss_tensor_summary {
	enum loss_role role;
	struct loss_summary summary;
};

enum {
	LOSS_CLASSES_LISTED_MAX = 1000,  /* beyond, those with the largest losses in sum */
	LOSS_CONFUSION_CLASSES_MAX = 32, /* beyond, the largest cells off the diagonal */
	LOSS_CONFUSION_CELLS_MAX = 64,
	LOSS_CALIBRATION_BINS = 10,
	LOSS_HARDEST_MAX = 16,
	LOSS_CHECKED_MAX = 8,
	LOSS_SUGGESTIONS_MAX = 2,
};

struct loss_class_row {
	int64_t index;
	int64_t count; /* rows of the class, of those that were counted */
	double loss;   /* their mean; NaN: none, or the loss has no number for a row */
	int64_t predicted_rows, correct; /* of the rows whose prediction was looked at */
};

struct loss_confusion_cell {
	int64_t given, predicted, count;
};

/* Rows by the confidence of their prediction: [0, 0.1), ... [0.9, 1]. */
struct loss_calibration_bin {
	int64_t count;
	double confidence, accuracy; /* means; NaN: no row */
};

/* Class weights that would balance the batch. */
struct loss_suggestion {
	enum loss_weight_rule rule;
	const double *weights; /* one per class */
};

/* Rows and their classes; of a binary loss, elements and two classes parted at
 * 0.5.  A row of soft targets counts as one of its likeliest class.  Large
 * batches are looked at in part: rows spread over the batch. */
struct loss_class_statistics {
	int64_t classes;
	int64_t rows;                       /* of the batch */
	int64_t counted_rows;               /* whose class was counted */
	int64_t predicted_rows;             /* whose prediction was looked at */
	double accuracy, calibration_error; /* NaN: no prediction */
	struct loss_calibration_bin bins[LOSS_CALIBRATION_BINS];
	int64_t row_count; /* classes listed; 0: there are too many to count */
	const struct loss_class_row *class_rows;
	/* classes x classes counts by given and predicted class, or NULL and cells. */
	const int64_t *confusion;
	int64_t cell_count; /* largest first */
	const struct loss_confusion_cell *cells;
	/* With class_imbalance: exact counts, and weights from them. */
	const int64_t *counts;
	int suggestion_count;
	struct loss_suggestion suggestions[LOSS_SUGGESTIONS_MAX];
};

struct loss_hard_row {
	int64_t place[LOSS_RANK_MAX]; /* place_rank indices */
	double loss;
	int64_t given, predicted; /* -1: the loss has no classes */
	double confidence;        /* of the prediction; NaN likewise */
};

/* The losses against those of the same batch, or of rows spread over it, in
 * float64. */
struct loss_cancellation {
	int64_t units;         /* that were evaluated again; 0: none, and no more is told */
	double sum, exact;     /* of their losses, in the dtype and in float64 */
	double relative_error; /* NaN where `exact` is 0 and `sum` is not */
	double digits_lost;    /* decimal, of those the dtype has */
};

struct loss_gradient_sample {
	enum loss_role role;
	int64_t place[LOSS_RANK_MAX]; /* place_rank indices */
	double given, numeric;
	double error; /* difference over the larger of the two, or over a thousandth of the
		       * largest gradient where both are less; NaN: no difference could be
		       * formed (a step leaves the domain) */
	bool is_kink; /* one-sided slopes differ: anything between them is right */
};

/* Central differences of the loss in float64 against the gradient returned. */
struct loss_gradient_check {
	int place_rank;
	int count; /* 0: no gradient, terms that share one, or too large a batch */
	struct loss_gradient_sample samples[LOSS_CHECKED_MAX];
	double worst; /* error; NaN: none */
};

/* What `full` adds to a diagnosis. */
struct loss_statistics {
	int input_count; /* real-valued ones */
	struct loss_tensor_summary inputs[LOSS_INPUTS_MAX];
	int gradient_count; /* that were asked for */
	struct loss_tensor_summary gradients[LOSS_INPUTS_MAX];
	struct loss_summary losses; /* unreduced */
	struct loss_cancellation cancellation;
	const struct loss_class_statistics *classes; /* NULL: the loss has none */
	int place_rank;
	int hardest_count; /* units of the largest finite losses, those first */
	struct loss_hard_row hardest[LOSS_HARDEST_MAX];
	struct loss_gradient_check check;
};

/* ---- The diagnosis -------------------------------------------------------- */

enum loss_verdict { LOSS_VERDICT_OK, LOSS_VERDICT_WARNING, LOSS_VERDICT_NONFINITE };
const char *loss_verdict_name(enum loss_verdict verdict);

struct loss_diagnosis {
	enum loss_verdict verdict;
	int finding_count; /* root causes first; each code at most once for an input */
	const struct loss_finding *findings;
	bool has_effect; /* some loss or gradient is not finite; same for every finding */
	struct loss_effect effect;
	const struct loss_statistics *statistics; /* NULL unless `full` */
};

struct loss_diagnose_options {
	bool full;             /* look at everything, whatever the kernels noticed */
	int64_t locations_max; /* places listed for a finding; 16 */
	/* What the decoder noticed: numbers finite as written and infinite in the
	 * dtype, by input index; their places are those of the infinities. */
	int64_t narrowed[LOSS_INPUTS_MAX];
	/* Several terms have added to the gradients: none can be checked alone. */
	bool shared_gradients;
};

/* Memory that loss_diagnose() needs for this plan. */
size_t loss_diagnose_bytes(const struct loss_plan *plan,
			   const struct loss_diagnose_options *options);

/* True if a healthy batch would have been answered without a look: then
 * loss_diagnose() need not be called, the verdict is ok. */
bool loss_is_healthy(const struct loss_plan *plan, const struct loss_result *result,
		     const struct loss_diagnose_options *options);

/* Name the causes, after loss_plan_finish() and while inputs, outputs and
 * scratch are still there.  `memory` (64-byte aligned) holds all that
 * `diagnosis` points to. */
void loss_diagnose(const struct loss_plan *plan, const struct loss_result *result,
		   const struct loss_diagnose_options *options, void *memory,
		   struct loss_diagnosis *diagnosis);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
