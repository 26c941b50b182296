/*
 * libloss: losses of machine learning, their gradients, and why they become NaN.
 *
 * The public header: everything a caller needs to evaluate stands here, and in
 * loss_diagnose.h what explains a result.  Nothing in lib/ does I/O, starts a
 * thread, takes a lock or allocates memory.
 *
 * THE WORDS
 *   n   samples (the first axis of the prediction)
 *   c   classes (the class axis of the prediction, see loss_common.class_axis)
 *   d   inner size: the product of the axes behind the class axis (pixels)
 *   t   frames of a sequence, s its labels (losses of sequences alone)
 *   unit  what `reduction: none` answers one number for: an element of an
 *       elementwise loss, a row (one softmax) of a classification loss, a
 *       sample of an overlap loss such as dice, a sequence
 *   prediction  the input row 0 of a loss: logits, probs, log_probs or input
 *
 * A LOSS IN FOUR STEPS
 *
 *     struct loss_spec spec;
 *     loss_spec_init(&spec, loss_find("cross_entropy"));
 *
 *     struct loss_input in[] = {
 *         {.role = LOSS_ROLE_LOGITS, .tensor = logits, .differentiate = true},
 *         {.role = LOSS_ROLE_TARGETS, .tensor = targets},
 *     };
 *     struct loss_plan plan;
 *     if (loss_plan_init(&plan, &spec, in, 2, &err)) ...        checks everything
 *
 *     struct loss_outputs out = {.scratch = scratch, .gradients = {g}, .scale = 1};
 *     loss_plan_begin(&plan, &out);
 *     for (int64_t n; (n = loss_plan_next(&plan)) > 0;)
 *         for (int64_t b = 0; b < n; b++)
 *             loss_plan_run(&plan, b);                          any order, any thread
 *
 *     if (loss_plan_finish(&plan, &result, &err)) ...
 *
 * The last two steps in a loop on one thread are loss_plan_evaluate().
 *
 * NUMBERS.  Element arithmetic is done in the dtype of the spec, every sum
 * across elements or rows in float64 with a fixed tree (where elements share a
 * logarithm, after a fixed tree of products in the dtype, which costs two or
 * three last places of it at worst).
 * Results do not depend on the CPU, on the number of threads or on the order of
 * the blocks, bit for bit.  The accuracy of each function of the vocabulary is stated in
 * simd/math.h and measured by `make ulp`.
 *
 * THREADS.  The catalogue is constant.  A plan belongs to one thread, except
 * that loss_plan_run() may be called from any number of threads at once for
 * different blocks between two calls of loss_plan_next(); the caller orders
 * those calls (a lock or a join makes the writes visible).
 *
 * ERRORS.  Functions that can fail for what the caller was given return an
 * enum loss_code, LOSS_OK being 0, fill the struct loss_error if there is one,
 * and leave their outputs untouched.  Broken promises (a NULL that may not be
 * NULL, a block that does not exist) are asserted.
 */
#ifndef LOSS_H
#define LOSS_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The library is compiled with -fvisibility=hidden: what stands here is what
 * libloss.so exports. */
#pragma GCC visibility push(default)

#define LOSS_VERSION "1.0.0"

enum {
	LOSS_RANK_MAX = 8,
	LOSS_INPUTS_MAX = 12,    /* input rows of one loss, the common ones included */
	LOSS_PARAMS_BYTES = 256, /* room for any loss's own parameters */
	LOSS_ALIASES_MAX = 10,
	LOSS_CHOICES_MAX = 12,
};

/* ---- Errors --------------------------------------------------------------- */

/* One list: the code and a sentence that says it without the particulars. */
#define LOSS_CODES(X)                                                                              \
	X(OK, "no error")                                                                          \
	X(UNKNOWN_LOSS, "no such loss")                                                            \
	X(UNKNOWN_PARAM, "no such parameter")                                                      \
	X(PARAM_TYPE, "a parameter has the wrong type")                                            \
	X(PARAM_RANGE, "a parameter is out of range")                                              \
	X(PARAM_REQUIRED, "a required parameter is missing")                                       \
	X(UNKNOWN_INPUT, "the loss has no such input")                                             \
	X(MISSING_INPUT, "a required input is missing")                                            \
	X(CONFLICTING_INPUTS, "two inputs stand for the same thing")                               \
	X(INPUT_KIND, "an input has the wrong kind of numbers")                                    \
	X(SHAPE, "the shape of an input does not fit")                                             \
	X(NOT_DIFFERENTIABLE, "a gradient was asked of an input that has none")                    \
	X(TARGET_RANGE, "a class index is out of range")                                           \
	X(TARGET_NOT_INTEGER, "a class index is not an integer")                                   \
	X(PROB_RANGE, "a probability lies outside [0, 1]")                                         \
	X(NEGATIVE_VALUE, "a value that may not be negative is")                                   \
	X(EMPTY, "the mean of nothing was asked for, and on_empty is error")                       \
	X(MASKED_ROW, "a row is fully masked, and on_masked_row is error")                         \
	X(TOO_LARGE, "a size does not fit")

enum loss_code {
#define X(name, text) LOSS_##name,
	LOSS_CODES(X)
#undef X
};

struct loss_error {
	enum loss_code code;
	/* What the error is about: an input's or a parameter's name, or "". */
	char member[32];
	bool is_param;
	/* Where inside it, as the tail of a JSON pointer ("/17/3"), or "". */
	char at[96];
	/* Found and expected, one sentence without the place. */
	char text[320];
};

/* The constant sentence of a code. Never NULL. */
const char *loss_code_text(enum loss_code code);

/* ---- Tensors -------------------------------------------------------------- */

enum loss_dtype { LOSS_FLOAT32, LOSS_FLOAT64, LOSS_INT64 };

/* Bytes of one element. */
size_t loss_dtype_bytes(enum loss_dtype dtype);
const char *loss_dtype_name(enum loss_dtype dtype);

/* Row-major and contiguous; rank 0 is a single number.  data may be NULL if
 * there is no element, and in loss_plan() for a check without data. */
struct loss_tensor {
	const void *data;
	enum loss_dtype dtype;
	int rank;
	int64_t shape[LOSS_RANK_MAX];
};

/* The number of elements, or -1 where it does not fit an int64_t or an axis is
 * negative. */
int64_t loss_tensor_elements(const struct loss_tensor *tensor);

/* ---- The catalogue: inputs ------------------------------------------------ */

/* Every role an input can have: its enum, its name on the wire, other names it
 * answers to, what it is. */
#define LOSS_ROLES(X)                                                                              \
	X(LOGITS, "logits", "", "Scores before sigmoid or softmax; the loss activates them.")      \
	X(PROBS, "probs", "", "Probabilities, taken as given.")                                    \
	X(LOG_PROBS, "log_probs", "", "Logarithms of probabilities, taken as given.")              \
	X(INPUT, "input", "", "Real predictions.")                                                 \
	X(TARGETS, "targets", "target", "What the prediction should be.")                          \
	X(WEIGHT, "weight", "", "Weights per class or per element, as the loss says.")             \
	X(POS_WEIGHT, "pos_weight", "", "Weight of the positive class.")                           \
	X(MASK, "mask", "", "1 counts, 0 is left out of value, gradient and denominator.")         \
	X(SAMPLE_WEIGHT, "sample_weight", "", "Multiplies each loss; not in the denominator.")     \
	X(INPUT1, "input1", "", "First of a pair.")                                                \
	X(INPUT2, "input2", "", "Second of a pair.")                                               \
	X(ANCHOR, "anchor", "", "Anchor embeddings.")                                              \
	X(POSITIVE, "positive", "", "Embeddings of the anchor's class.")                           \
	X(NEGATIVE, "negative", "", "Embeddings of another class.")                                \
	X(VAR, "var", "", "Predicted variance.")                                                   \
	X(INPUT_LENGTHS, "input_lengths", "", "Frames of each sequence; all of them if absent.")   \
	X(TARGET_LENGTHS, "target_lengths", "", "Labels of each sequence; all of them if absent.") \
	X(CHOSEN_LOGPS, "chosen_logps", "", "Log-probabilities of the preferred answers.")         \
	X(REJECTED_LOGPS, "rejected_logps", "", "Log-probabilities of the others.")                \
	X(REF_CHOSEN_LOGPS, "ref_chosen_logps", "", "Those of the preferred, by the reference.")   \
	X(REF_REJECTED_LOGPS, "ref_rejected_logps", "", "Those of the others, by the reference.")  \
	X(LOGPS, "logps", "", "Log-probabilities of the tokens, by the policy.")                   \
	X(ADVANTAGES, "advantages", "", "How much better than expected it went.")                  \
	X(OLD_LOGPS, "old_logps", "", "The same by the policy that drew the tokens.")              \
	X(REF_LOGPS, "ref_logps", "", "The same by the reference.")

enum loss_role {
#define X(name, text, alias, doc) LOSS_ROLE_##name,
	LOSS_ROLES(X)
#undef X
		LOSS_ROLE_COUNT,
	LOSS_ROLE_NONE = -1
};

/* The role a name on the wire stands for, or LOSS_ROLE_NONE. */
enum loss_role loss_role_find(const char *name);
const char *loss_role_name(enum loss_role role);
const char *loss_role_doc(enum loss_role role);

/* What numbers an input holds. */
enum loss_kind {
	LOSS_KIND_REAL,        /* any number of the spec's dtype */
	LOSS_KIND_NONNEGATIVE, /* the same, but meant to be 0 or more */
	LOSS_KIND_NONZERO,     /* the same, but meant not to be 0 */
	LOSS_KIND_BINARY,      /* 0 or 1, in the spec's dtype */
	LOSS_KIND_SIGN,        /* -1 or 1, in the spec's dtype */
	LOSS_KIND_INDEX,       /* class indices, LOSS_INT64 */
	LOSS_KIND_CLASSES,     /* class indices without the class axis, or reals with it */
};

/* The shape an input must have, against the prediction's. */
enum loss_shape {
	LOSS_SHAPE_PREDICTION, /* is the prediction */
	LOSS_SHAPE_SAME,       /* the prediction's */
	LOSS_SHAPE_BROADCAST,  /* broadcasts to the prediction's */
	LOSS_SHAPE_ROWS,       /* the prediction's, with 1 for the last axis, without it, or () */
	LOSS_SHAPE_TARGETS,    /* the prediction's, or without the class axis (LOSS_KIND_CLASSES) */
	LOSS_SHAPE_PER_CLASS,  /* (c) */
	LOSS_SHAPE_UNITS,      /* broadcasts to the shape of the unreduced loss */
	LOSS_SHAPE_NO_CHANNEL, /* the prediction's, or the same without axis 1 */
	LOSS_SHAPE_LABELS, /* (n, s), or (s) for one sequence or all in a row (LOSS_IS_SEQUENCE) */
	LOSS_SHAPE_SEQUENCES, /* (n), or a single number for one sequence (LOSS_IS_SEQUENCE) */
};

struct loss_input_row {
	enum loss_role role;
	/* Roles that may stand here instead of `role` and are activated
	 * differently (probs for logits), and mere other names for it. */
	uint32_t forms;
	uint32_t aliases;
	enum loss_kind kind;
	enum loss_shape shape;
	bool optional;
	bool differentiable; /* on request; the prediction's is given by default */
	bool predicted;      /* and this one's too: it comes from the model */
	bool factor;         /* multiplies the finished loss */
	double absent;       /* what an optional input is taken for when it is not given */
	const char *doc;     /* NULL: the role's */
};

#define LOSS_ROLE_BIT(role) (UINT32_C(1) << LOSS_ROLE_##role)

/* ---- The catalogue: parameters -------------------------------------------- */

/* Parameters live in structs whose members have one of these five types, each
 * 8 or 16 bytes wide so that no member can hide in padding. */
typedef unsigned long loss_flag;        /* 0 or 1 */
typedef unsigned long long loss_choice; /* an index into the row's choices */
struct loss_maybe {                     /* a number or nothing (null) */
	double value;
	loss_flag set;
};

enum loss_param_kind {
	LOSS_PARAM_REAL,    /* double */
	LOSS_PARAM_INTEGER, /* int64_t */
	LOSS_PARAM_FLAG,    /* loss_flag */
	LOSS_PARAM_CHOICE,  /* loss_choice */
	LOSS_PARAM_MAYBE,   /* struct loss_maybe */
};

struct loss_bound {
	enum { LOSS_UNBOUNDED, LOSS_OPEN, LOSS_CLOSED } kind;
	double value;
};

struct loss_param_row {
	const char *name;
	enum loss_param_kind kind;
	size_t offset;
	double init;   /* the default; for a choice its index; NaN: nothing (loss_maybe) */
	bool required; /* there is no default */
	bool is_eps;   /* added so that a quotient is not 0/0 */
	struct loss_bound min, max;
	const char *choices[LOSS_CHOICES_MAX]; /* NULL ends the list */
	const char *doc;
};

/* What every loss takes.  Rows in loss_common_rows; a loss lacks those whose
 * trait it does not have. */
enum loss_reduction { LOSS_NONE, LOSS_MEAN, LOSS_SUM, LOSS_BATCHMEAN, LOSS_REDUCTION_COUNT };
enum loss_on_empty { LOSS_EMPTY_NAN, LOSS_EMPTY_ZERO, LOSS_EMPTY_ERROR };
enum loss_on_masked_row { LOSS_MASKED_NAN, LOSS_MASKED_ZERO, LOSS_MASKED_SKIP, LOSS_MASKED_ERROR };

struct loss_common {
	loss_choice reduction;        /* enum loss_reduction */
	struct loss_maybe normalizer; /* replaces the denominator of mean */
	loss_choice on_empty;         /* enum loss_on_empty */
	loss_choice on_masked_row;    /* enum loss_on_masked_row; LOSS_HAS_SOFTMAX only */
	struct loss_maybe class_axis; /* default 1, or 0 for rank 1; LOSS_HAS_CLASSES only */
};

/* ---- The catalogue: losses ------------------------------------------------ */

enum loss_trait {
	LOSS_HAS_CLASSES = 1 << 0, /* the prediction has a class axis */
	LOSS_HAS_SOFTMAX = 1 << 1, /* logits go through a softmax */
	LOSS_HAS_SIGMOID = 1 << 2, /* logits go through a sigmoid */
	LOSS_IS_SEQUENCE = 1 << 3, /* the prediction is (t, n, c), or (t, c) for one sequence */
};

struct loss {
	const char *name;    /* snake_case, the canonical one */
	const char *title;   /* "Cross entropy" */
	const char *family;  /* "classification", "binary", "segmentation", "regression", ... */
	const char *formula; /* one line of text */
	const char *reference;
	const char *notes; /* edge semantics worth a sentence, or NULL */
	const char *aliases[LOSS_ALIASES_MAX];
	uint32_t traits;                     /* enum loss_trait */
	uint32_t reductions;                 /* set of 1 << enum loss_reduction */
	enum loss_reduction reduction;       /* the default */
	const struct loss_input_row *inputs; /* the prediction first */
	int input_count;
	const struct loss_param_row *params;
	int param_count;
	size_t params_bytes;
	const char *example; /* members of a complete request beside "loss", as JSON text */
	double ulp;          /* bound of the unreduced float32 loss, in ULP: see make ulp-losses */
	const struct loss_impl *impl;
};

/* The losses in the order of the catalogue; NULL past the end. */
const struct loss *loss_at(size_t index);
size_t loss_count(void);

/* Any form of a name: "cross_entropy", "CrossEntropyLoss", "nn.CrossEntropyLoss",
 * "F.cross_entropy", an alias.  NULL if there is none. */
const struct loss *loss_find(const char *name);

/* The nearest known name, for "did you mean"; NULL if none is near. */
const char *loss_nearest(const char *name);

/* The general form of loss_nearest(): the nearest of `count` names within a
 * distance that a typing error explains, or NULL. */
const char *loss_nearest_of(const char *name, const char *const *names, size_t count);

/* Row `index` of all parameters of a loss: the common ones that apply first,
 * then its own; NULL past the end.  *is_common tells which struct the row's
 * offset counts in. */
const struct loss_param_row *loss_param_at(const struct loss *loss, size_t index, bool *is_common);

/* Row `index` of all inputs of a loss: its own, then mask and sample_weight,
 * which every loss takes; NULL past the end. */
const struct loss_input_row *loss_input_at(const struct loss *loss, size_t index);

/* The input row a role stands for in this loss, or -1. */
int loss_input_find(const struct loss *loss, enum loss_role role);

/* ---- Precision ------------------------------------------------------------ */

/*
 * What a float32 evaluation would be on a device that stores half precision:
 * every tensor that would go through memory there (the inputs, the unreduced
 * losses, the reduced loss, the gradients) is rounded to nearest, ties to even,
 * what is too large becoming an infinity; what happens inside a kernel is
 * float32, and so is the sum of the rounded losses.  The caller's inputs stay
 * as they are: the plan keeps rounded copies in its scratch.
 */
enum loss_precision { LOSS_PRECISION_FULL, LOSS_PRECISION_FLOAT16, LOSS_PRECISION_BFLOAT16 };

/* x as that precision stores it; NaN stays NaN. */
float loss_round(enum loss_precision precision, float x);

/* The largest finite and the smallest positive number; of float32 for FULL. */
float loss_precision_max(enum loss_precision precision);
float loss_precision_min(enum loss_precision precision);

/* "float32", "float16", "bfloat16" */
const char *loss_precision_name(enum loss_precision precision);

/* ---- A spec --------------------------------------------------------------- */

struct loss_spec {
	const struct loss *loss;
	enum loss_dtype dtype;         /* of the arithmetic: LOSS_FLOAT32 or LOSS_FLOAT64 */
	enum loss_precision precision; /* with LOSS_FLOAT32 only; FULL */
	struct loss_common common;
	alignas(8) unsigned char params[LOSS_PARAMS_BYTES]; /* the loss's own struct */
};

/* All defaults.  Required parameters are NaN until set. */
void loss_spec_init(struct loss_spec *spec, const struct loss *loss);

/* A value for loss_param_set(). */
struct loss_value {
	enum {
		LOSS_VALUE_NULL,
		LOSS_VALUE_BOOL,
		LOSS_VALUE_INTEGER,
		LOSS_VALUE_REAL,
		LOSS_VALUE_TEXT
	} kind;
	int64_t integer; /* BOOL and INTEGER */
	double real;     /* REAL and INTEGER */
	const char *text;
};

/* Set one parameter by name, checked against its row.  UNKNOWN_PARAM,
 * PARAM_TYPE, PARAM_RANGE. */
enum loss_code loss_param_set(struct loss_spec *spec, const char *name, struct loss_value value,
			      struct loss_error *err);

/* Every parameter against its row, and the rules across parameters.  Done by
 * loss_plan() too; here for who fills the structs by hand. */
enum loss_code loss_spec_check(const struct loss_spec *spec, struct loss_error *err);

/* ---- Class weights from counts -------------------------------------------- */

#define LOSS_WEIGHT_RULES(X)                                                                       \
	X(INVERSE_LOG_FREQUENCY, "inverse_log_frequency", "1 / log(a + n_c / n)")                  \
	X(INVERSE_FREQUENCY, "inverse_frequency", "n / n_c")                                       \
	X(BALANCED, "balanced", "n / (c n_c)")                                                     \
	X(EFFECTIVE_NUMBER, "effective_number", "(1 - beta) / (1 - beta^n_c)")                     \
	X(MEDIAN_FREQUENCY, "median_frequency", "median of the frequencies / frequency")

enum loss_weight_rule {
#define X(name, text, formula) LOSS_WEIGHT_##name,
	LOSS_WEIGHT_RULES(X)
#undef X
		LOSS_WEIGHT_RULE_COUNT
};

enum loss_on_zero_count { LOSS_ZERO_DROP, LOSS_ZERO_MAX_FINITE, LOSS_ZERO_ERROR };

struct loss_weight_params {
	loss_choice from;          /* enum loss_weight_rule; required */
	double a;                  /* inverse_log_frequency */
	double beta;               /* effective_number */
	loss_choice on_zero_count; /* enum loss_on_zero_count */
};

/* Row `index` of struct loss_weight_params; NULL past the end. */
const struct loss_param_row *loss_weight_param_at(size_t index);

/* Defaults; `from` must still be set. */
void loss_weight_init(struct loss_weight_params *params);

/* Set one member by name.  UNKNOWN_PARAM, PARAM_TYPE, PARAM_RANGE. */
enum loss_code loss_weight_set(struct loss_weight_params *params, const char *name,
			       struct loss_value value, struct loss_error *err);

/* Weights of c classes from how often each occurs.  A class that never occurs
 * gets 0 (drop), the largest finite weight (max_finite) or makes the call fail
 * with PARAM_RANGE (error).
 * Sources: ENet (Paszke 2016), scikit-learn, Cui 2019, SegNet (Eigen 2015). */
enum loss_code loss_class_weights(const struct loss_weight_params *params, const int64_t *counts,
				  int64_t c, double *weights, struct loss_error *err);

/* ---- Evaluation ----------------------------------------------------------- */

struct loss_input {
	enum loss_role role;
	struct loss_tensor tensor;
	bool differentiate; /* its gradient is wanted */
};

/* Where the results go.  Everything is the caller's and must live until
 * loss_plan_finish(). */
struct loss_outputs {
	void *scratch; /* loss_plan.scratch_bytes, 64-byte aligned */
	void *losses;  /* the unreduced losses, or NULL unless the reduction is none */
	void *gradients[LOSS_INPUTS_MAX]; /* by index in `in`, for those with .differentiate */
	bool accumulate[LOSS_INPUTS_MAX]; /* add to what stands there (terms of a weighted sum) */
	double scale;                     /* multiplies the gradients (the weight of a term); 1 */
};

/* Bits of loss_result.flags: what the kernels noticed on their own pass.  A
 * healthy batch has none.  They say that a look is worth while, not what. */
enum loss_flags {
	LOSS_FLAG_NONFINITE = 1 << 0,   /* a loss, a gradient or a sum is not finite */
	LOSS_FLAG_EVENT = 1 << 1,       /* a clamp, a floor or a skipped 0 x inf decided a value */
	LOSS_FLAG_DENOMINATOR = 1 << 2, /* the denominator is 0 or not finite */
};

struct loss_result {
	double loss;        /* the reduced loss; NaN under reduction none */
	double sum;         /* before the division */
	double denominator; /* what mean divides by; 1 for sum */
	uint32_t flags;     /* enum loss_flags */
};

enum { LOSS_PHASES_MAX = 4 };

/* An evaluation laid out, in the caller's storage.  The first members may be
 * read, the rest belongs to the library. */
struct loss_plan {
	size_t scratch_bytes;
	int64_t rows;     /* units of the loss */
	int64_t elements; /* elements of the prediction */
	int loss_rank;    /* shape of the unreduced loss */
	int64_t loss_shape[LOSS_RANK_MAX];
	alignas(64) unsigned char opaque[4096];
};

/* Check a spec and its inputs and lay out the evaluation: every error that a
 * spec or a shape can have.  Looks at no element, so tensors without data can
 * be checked too.  Keeps copies of all it needs but the tensors' data. */
enum loss_code loss_plan_init(struct loss_plan *plan, const struct loss_spec *spec,
			      const struct loss_input *in, int in_count, struct loss_error *err);

/* What a plan comes to: the blocks of phase `phase`, counted from 0; -1 past the
 * last.  Constant from loss_plan_init() on. */
int64_t loss_plan_blocks(const struct loss_plan *plan, int phase);

/* What the reduced loss is divided by, as a phrase ("the rows that count"); a
 * row, element or sample counts that is neither masked nor ignored.  "" under
 * reduction none.  Never NULL. */
const char *loss_plan_divisor(const struct loss_plan *plan);

/* Hand over the memory.  Once, before the first loss_plan_next(). */
void loss_plan_begin(struct loss_plan *plan, const struct loss_outputs *out);

/* Combine the phase that has just been run and say how many blocks the next
 * one has; 0: nothing is left to run. */
int64_t loss_plan_next(struct loss_plan *plan);

/* Run one block of the phase.  Any thread, any order, each block once. */
void loss_plan_run(const struct loss_plan *plan, int64_t block);

/* The combined result, or what only the data could show: TARGET_RANGE,
 * PROB_RANGE, NEGATIVE_VALUE, EMPTY, MASKED_ROW.  Gradients and losses are
 * complete when it returns LOSS_OK and worthless otherwise. */
enum loss_code loss_plan_finish(struct loss_plan *plan, struct loss_result *result,
				struct loss_error *err);

/* begin, next, run and finish in a loop on the calling thread. */
enum loss_code loss_plan_evaluate(struct loss_plan *plan, const struct loss_outputs *out,
				  struct loss_result *result, struct loss_error *err);

/* ---- The machine ---------------------------------------------------------- */

/* The name of the instruction set chosen at start ("x86-64-v3", ...).  The
 * environment variable LOSS_ISA (baseline, v3, v4) can force a lower one. */
const char *loss_isa(void);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
