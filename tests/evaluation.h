/*
 * What the tests of the library have in common: a question (a loss, its
 * parameters and inputs, as numbers of no particular dtype) and its evaluation
 * in one dtype, with memory of its own.
 */
#ifndef TESTS_EVALUATION_H
#define TESTS_EVALUATION_H

#include "loss_diagnose.h"
#include "memory.h"

/* A tensor before it has a dtype.  Class indices are doubles too, exactly. */
struct numbers {
	bool index;
	int rank;
	int64_t shape[LOSS_RANK_MAX];
	int64_t count;
	double *values;
};

struct question {
	const char *name;
	struct loss_spec spec; /* the dtype is chosen by the evaluation */
	int input_count;
	struct {
		enum loss_role role;
		struct numbers numbers;
		bool differentiate;
	} inputs[LOSS_INPUTS_MAX];
};

/* The product of the shape into .count, and memory for that many values. */
void numbers_take(struct numbers *numbers, struct memory *memory);

/* The place of an input in a question, or -1. */
int question_find(const struct question *question, enum loss_role role);

struct evaluation {
	const struct question *question;
	struct loss_plan plan;
	struct loss_outputs out;
	struct loss_result result;
	struct loss_error error;
	enum loss_dtype dtype;
	void *data[LOSS_INPUTS_MAX];
	int64_t losses_count; /* under reduction none */
	struct memory memory;
};

/* Round the inputs to the dtype, make the plan and take memory for all outputs.
 * Returns what loss_plan_init() does; release in any case. */
enum loss_code evaluation_init(struct evaluation *e, const struct question *question,
			       enum loss_dtype dtype, enum placement placement);
void evaluation_release(struct evaluation *e);

/* Fill every output and the scratch with a byte: nothing of it may matter. */
void evaluation_fill(struct evaluation *e, int byte);

/* Begin to finish on this thread; .result and, on an error, .error are set. */
enum loss_code evaluation_run(struct evaluation *e);

/* Element `at` of an input, a gradient (by input) or the unreduced losses. */
double evaluation_get(const struct evaluation *e, const void *array, int64_t at);
void evaluation_put(const struct evaluation *e, void *array, int64_t at, double value);

/* All results as one number: equal bits, equal digests.  Every NaN counts as
 * the same one, since its sign and payload are nobody's promise. */
uint64_t evaluation_digest(const struct evaluation *e);

#endif
