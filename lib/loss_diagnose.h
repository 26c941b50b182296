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

enum loss_severity { LOSS_INFO, LOSS_WARNING, LOSS_ERROR };

/* Sets of findings fit into a uint64_t. */
_Static_assert(LOSS_FINDING_COUNT <= 64, "a set of findings has 64 bits");

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
	LOSS_REMEDIES_MAX = 4,
	LOSS_CHANGES_MAX = 3,
};

struct loss_effect {
	double loss;
	int64_t nonfinite_losses, nonfinite_gradients;
	int64_t finite_rows;
	double loss_over_finite_rows;
};

/* A cure, computed and not guessed: what to do, and what the batch is after it. */
struct loss_remedy {
	const char *action; /* slug: "drop_rows", "use_logits_form", ... */
	char say[256];
	bool computed; /* the three below are there */
	double loss_after, gradient_norm_after;
	bool changes_finite_rows;
	/* The changed spec: another loss (NULL: the same) and parameters to set. */
	const char *loss;
	int change_count;
	struct {
		const char *param;
		struct loss_value value;
	} changes[LOSS_CHANGES_MAX];
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
	struct loss_remedy remedies[LOSS_REMEDIES_MAX];
};

enum loss_verdict { LOSS_VERDICT_OK, LOSS_VERDICT_WARNING, LOSS_VERDICT_NONFINITE };
const char *loss_verdict_name(enum loss_verdict verdict);

struct loss_diagnosis {
	enum loss_verdict verdict;
	int finding_count; /* root causes first; each code at most once for an input */
	const struct loss_finding *findings;
	bool has_effect; /* some loss or gradient is not finite; same for every finding */
	struct loss_effect effect;
};

struct loss_diagnose_options {
	bool full;             /* look at everything, whatever the kernels noticed */
	int64_t locations_max; /* places listed for a finding; 16 */
	/* What the decoder noticed: numbers finite as written and infinite in the
	 * dtype, by input index; their places are those of the infinities. */
	int64_t narrowed[LOSS_INPUTS_MAX];
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
