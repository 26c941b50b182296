/*
 * What the files of the library share: the evaluation as the kernels see it,
 * and the words a file in losses/ describes its loss with.
 *
 * A loss file includes one driver (simd/elementwise.h, simd/rowwise.h,
 * simd/rowsum.h, simd/boxes.h, simd/overlap.h), writes its math as a small
 * function over vectors with the gradient directly under the value, and ends
 * with its descriptor.  It is compiled once for every instruction set and dtype;
 * only the baseline float32 build emits the descriptor.
 */
#ifndef LOSS_IMPL_H
#define LOSS_IMPL_H

#include <math.h>
#include <string.h>

#include "loss.h"

/* ---- Descriptors ---------------------------------------------------------- */

/* A parameter row: name, type and place come from the struct member. */
#define LOSS_PARAM(owner, member, ...)                                                             \
	{                                                                                          \
		.name = #member, .kind = LOSS_KIND_OF(((struct owner *)0)->member),                \
		.offset = offsetof(struct owner, member), __VA_ARGS__                              \
	}

#define LOSS_KIND_OF(member)                                                                       \
	_Generic((member), double                                                                  \
		 : LOSS_PARAM_REAL, int64_t                                                        \
		 : LOSS_PARAM_INTEGER, loss_flag                                                   \
		 : LOSS_PARAM_FLAG, loss_choice                                                    \
		 : LOSS_PARAM_CHOICE, struct loss_maybe                                            \
		 : LOSS_PARAM_MAYBE)

#define LOSS_PARAMS(owner, ...)                                                                    \
	.params = (const struct loss_param_row[]){__VA_ARGS__},                                    \
	.param_count = (int)(sizeof((struct loss_param_row[]){__VA_ARGS__}) /                      \
			     sizeof(struct loss_param_row)),                                       \
	.params_bytes = sizeof(struct owner)

#define LOSS_INPUTS(...)                                                                           \
	.inputs = (const struct loss_input_row[]){__VA_ARGS__},                                    \
	.input_count = (int)(sizeof((struct loss_input_row[]){__VA_ARGS__}) /                      \
			     sizeof(struct loss_input_row))

#define LOSS_INPUT(name, ...)                                                                      \
	{                                                                                          \
		.role = LOSS_ROLE_##name, __VA_ARGS__                                              \
	}

/* What a regression reads, element by element. */
#define REAL_INPUT(...)                                                                            \
	LOSS_INPUT(INPUT, .aliases = LOSS_ROLE_BIT(LOGITS), .shape = LOSS_SHAPE_PREDICTION,        \
		   .differentiable = true, __VA_ARGS__)
#define REAL_TARGETS(...)                                                                          \
	LOSS_INPUT(TARGETS, .shape = LOSS_SHAPE_SAME, .differentiable = true, __VA_ARGS__)

/* Targets of -1 and 1. */
#define SIGN_TARGETS(...)                                                                          \
	LOSS_INPUT(TARGETS, .kind = LOSS_KIND_SIGN, .doc = "-1 or 1.", __VA_ARGS__)

/* Bounds, in words. */
#define ABOVE(x)    .min = {LOSS_OPEN, (x)}
#define AT_LEAST(x) .min = {LOSS_CLOSED, (x)}
#define BELOW(x)    .max = {LOSS_OPEN, (x)}
#define AT_MOST(x)  .max = {LOSS_CLOSED, (x)}
#define ONE_OF(...) .choices = {__VA_ARGS__}
#define NOTHING     .init = NAN /* the default of a loss_maybe */

#define LOSS_ALL_REDUCTIONS (1 << LOSS_NONE | 1 << LOSS_MEAN | 1 << LOSS_SUM)

/* ---- Kernels -------------------------------------------------------------- */

struct loss_eval;
struct loss_scan;

/* What a block leaves behind; combined in index order. */
struct loss_partial {
	double sum;     /* of the losses */
	double count;   /* of what the denominator counts */
	uint32_t flags; /* enum loss_flags, LOSS_BAD_* */
	int64_t units;  /* that count (not ignored, not masked) */
};

/* Flags between the kernels and finish: data that makes the call fail. */
enum {
	LOSS_BAD_INDEX = 1 << 8,      /* a class index is out of range */
	LOSS_BAD_PROB = 1 << 9,       /* a probability outside [0, 1] */
	LOSS_SAW_MASKED_ROW = 1 << 10 /* a row of nothing but -Infinity */
};

typedef void loss_block_fn(const struct loss_eval *e, int64_t block, struct loss_partial *out);
typedef void loss_scan_fn(const struct loss_eval *e, int64_t block, struct loss_scan *scan);

enum { LOSS_FORMS = LOSS_ROLE_LOGPS + 1 };

/* The code of one loss for one instruction set and dtype, by the form of the
 * prediction (enum loss_role up to LOSS_ROLE_LOGPS). */
struct loss_kernels {
	loss_block_fn *main[LOSS_FORMS];
	loss_block_fn *prepare[LOSS_FORMS]; /* a phase before it, where the family has one */
	loss_scan_fn *scan[LOSS_FORMS];     /* the same math again, telling each event's place */
	loss_block_fn *count, *select;      /* the phases of hard negatives, of any form */
};

/* Things the math notices about single values; each is a finding. */
enum loss_event {
	LOSS_EVENT_LOG_FLOORED,
	LOSS_EVENT_LOG_ZERO,
	LOSS_EVENT_ZERO_TIMES_INF,
	LOSS_EVENT_GRADIENT_FLOORED,
	LOSS_EVENT_EXP_OVERFLOW,
	LOSS_EVENT_INF_MINUS_INF,
	LOSS_EVENT_DOMAIN,           /* the log or a power of a negative number */
	LOSS_EVENT_TARGET_AT_MASKED, /* a target where the log-probability is -Infinity */
	LOSS_EVENT_BOX_INVERTED,     /* a box whose corners stand the wrong way round */
	LOSS_EVENT_BAD_PROB,         /* makes the call fail */
	LOSS_EVENT_BAD_VAR,          /* likewise: a variance below 0 */
	LOSS_EVENT_COUNT
};

/* Receives the places of events; `element` is a flat index into the prediction. */
struct loss_scan {
	void (*hit)(struct loss_scan *scan, enum loss_event event, int64_t element);
};

/* ---- The evaluation ------------------------------------------------------- */

/* An input as the kernels see it. */
struct loss_operand {
	const void *data; /* NULL: not given */
	const struct loss_input_row *row;
	int index;     /* in the caller's list; -1: not given */
	bool is_index; /* LOSS_INT64; else reals of the spec's dtype */
	bool wanted;   /* its gradient was asked for */
	int64_t count; /* elements */
	int rank;
	int64_t shape[LOSS_RANK_MAX];
	/* Strides in elements along the axes of what it broadcasts to; `full`
	 * and `single` are the two cases that need none. */
	bool full, single;
	int64_t stride[LOSS_RANK_MAX];
};

struct loss_phase {
	loss_block_fn *run;
	int64_t blocks;
};

/* Sums over one sample: p y; p or p^2; y or y^2. */
struct loss_overlap {
	double i, p, y;
};

struct loss_overlap_kind {
	bool squared;         /* sums of squares */
	bool batch;           /* one overlap of the whole batch */
	bool skip_background; /* channel 0 is left out */
};

/* What the gradient of a sample is made of, scaled already. */
struct loss_slopes {
	double d_i, d_p;
	bool counts;
};

/* What one sequence is about (sequence.c). */
struct loss_sequence {
	int64_t frames, labels;
	const int64_t *label;
	int64_t repeats; /* neighbours that are equal: each needs a blank between */
	double *room;    /* what it works on, in e->work */
	int64_t row;     /* how long a row of its states is */
};

/* After the phase that reads lengths and labels, in time of its labels. */
struct loss_sequence loss_sequence_of(const struct loss_eval *e, int64_t n);

/* Is there room for every label and every blank that must stand between two? */
static inline bool loss_sequence_fits(const struct loss_sequence *sequence)
{
	return sequence->frames >= sequence->labels + sequence->repeats;
}

/* The sums of one unit, after phase `prepare`, and whether they are nothing
 * beside the smoothing (overlap.c). */
struct loss_overlap loss_overlap_of(const struct loss_eval *e, int64_t unit);
bool loss_smoothing_decides(const struct loss_eval *e, const struct loss_overlap *sums);

/* Of a chunk of a sample: the sum of its targets that count, and their number. */
struct loss_share {
	double sum;
	int64_t count;
};

enum { LOSS_MINING_DIGIT_BITS = 11, LOSS_MINING_DIGITS = 1 << LOSS_MINING_DIGIT_BITS };

/* The search for the k-th largest key (hard_negative.c, simd/hard_negative.h). */
struct loss_mining {
	int64_t blocks;
	int64_t k;        /* how many are wanted of the keys that begin with prefix */
	int64_t prefix;   /* the digits that are known, from the top down to bit `known` */
	int known, shift; /* shift: of the digit that is counted */
	bool settled;
	int64_t least; /* keys above it are kept, */
	int64_t ties;  /* and so many of those equal to it */
	/* In work. */
	size_t counts_bytes, ties_bytes;
	uint16_t *counts;     /* by block and digit */
	int64_t *ties_before; /* equal keys before each block */
	void *keys;           /* by element, with the width of a real; later factors */
};

enum loss_row_layout {
	LOSS_ROWS_ACROSS,  /* long contiguous rows */
	LOSS_ROWS_COPIED,  /* rows of few classes */
	LOSS_ROWS_STRIDED, /* rows of many classes with pixels behind them */
	LOSS_ROWS_SPLIT,   /* contiguous rows so long that blocks share one */
};

enum loss_rounding { ROUNDING_NONE, ROUNDING_INPUTS, ROUNDING_FAMILY, ROUNDING_OUTPUTS };

/* Numbers that rounding made infinite, and that it made zero. */
struct loss_rounded {
	int64_t overflowed, vanished;
};

/* A part of a split row: sums of exp(x - max) and, for dense targets, of terms of
 * x - max and their derivatives. */
struct loss_row_part {
	double max, ex, value, slope;
};

struct loss_eval {
	struct loss_spec spec;
	const struct loss_family *family;
	const struct loss_kernels *kernels;
	enum loss_role form;                     /* how the prediction is given */
	struct loss_operand in[LOSS_INPUTS_MAX]; /* by input row, the common ones last */
	int in_count;
	int operands;            /* in_count, and one of the family's own behind them */
	int mask;                /* its row */
	bool has_factor;         /* an operand multiplies the losses */
	int reads[4];            /* rows that an element function reads */
	struct loss_outputs out; /* gradients re-ordered by input row */

	int rank; /* shape of the prediction */
	int64_t shape[LOSS_RANK_MAX];
	int64_t elements;
	int class_axis;
	int64_t n, c, d; /* as in loss.h; without classes c = 1 */
	bool hard;       /* the targets are class indices */
	int64_t units;
	int unit_rank;
	int64_t unit_shape[LOSS_RANK_MAX];

	struct loss_phase phases[LOSS_PHASES_MAX];
	int phase_count, phase; /* phase -1: not begun */
	int64_t block_units;    /* what a block of `main` covers: elements, rows, tiles, ... */
	int64_t block_total;    /* and how many of those there are */
	struct loss_partial *partials; /* in scratch, one per block */
	struct loss_partial total;     /* of the phases so far: sum, count, flags, units */
	void *work;                    /* the family's own part of scratch */
	size_t work_bytes;

	/* Half precision (precision.c): phases before and behind the family's. */
	enum loss_rounding rounding;
	size_t rounding_bytes;
	void *rounded;                      /* in scratch: copies of the inputs, then the losses */
	const void *given[LOSS_INPUTS_MAX]; /* the inputs before they were rounded */
	struct loss_rounded rounded_gradients; /* counted by the last phase */

	double denominator;    /* known before `main` runs */
	double gradient_scale; /* out.scale / denominator */

	/* Elementwise: the row whose gradient is made in work for every element and
	 * summed behind `main`, where it is smaller than the prediction; 0: none. */
	int summed;

	/* Rowwise. */
	enum loss_row_layout row_layout;
	int64_t rows_together; /* that take a pass, or are copied, together */
	int64_t ignore_index;  /* INT64_MIN: none */
	double label_smoothing;
	bool log_targets; /* soft targets are given as logarithms */

	/* Sequences. */
	int64_t labels_max;   /* of one sequence */
	int64_t labels_total; /* with the padding */
	bool labels_in_a_row; /* those of all sequences, one behind the other */

	/* Overlap. */
	int64_t chunks; /* blocks of one sample, parts of a split row */
	struct loss_overlap_kind overlap_kind;
	struct loss_slopes *slopes;       /* by sample, in work */
	int64_t sample_elements, skipped; /* elements of a sample or a row, and of
					   * those left out in front */
	void *class_weights;              /* c reals in scratch, or NULL */

	/* Split rows. */
	int64_t part_classes;        /* of a part; the last of a row has more */
	struct loss_row_part *parts; /* `chunks` for each row, in work */

	/* Balanced: a sample has `chunks`, and a block of prepare chunks_together. */
	int64_t chunks_together;
	struct loss_share *shares; /* by chunk, in work */

	/* Hard negatives. */
	struct loss_mining mining;
};

static inline const void *loss_params_of(const struct loss_eval *e)
{
	return e->spec.params;
}

/* ---- Families ------------------------------------------------------------- */

/* How a kind of loss is laid out and put together: one per driver. */
struct loss_family {
	/* Units other than elements or rows; may be NULL. */
	void (*units)(struct loss_eval *e);
	/* Units, phases, blocks and work_bytes from the shapes. */
	enum loss_code (*plan)(struct loss_eval *e, struct loss_error *err);
	/* The unit an element of the prediction belongs to; NULL: units are
	 * elements, rows, or equal parts in order. */
	int64_t (*unit_of)(const struct loss_eval *e, int64_t element);
	/* What LOSS_BAD_INDEX was about; NULL: a target that is no class. */
	enum loss_code (*report)(const struct loss_eval *e, struct loss_error *err);
	/* Between phases, after the partials of `phase` were added to e->total;
	 * phase -1: before the first. */
	void (*combine)(struct loss_eval *e, int phase);
	/* What a mean divides by, as a phrase. */
	const char *divisor;
	/* The prediction of a loss with classes is read along its class axis. */
	bool has_class_axis;
};

extern const struct loss_family loss_elementwise_family;
extern const struct loss_family loss_rowwise_family;
extern const struct loss_family loss_overlap_family;
extern const struct loss_family loss_balanced_family;
extern const struct loss_family loss_hard_negative_family;
extern const struct loss_family loss_sequence_family;
extern const struct loss_family loss_rowsum_family;

/* The last axis holds four numbers (rowsum.c). */
enum loss_code loss_check_boxes(const struct loss_eval *e, struct loss_error *err);

/* What a descriptor adds for the library itself. */
struct loss_impl {
	const struct loss_family *family;
	/* Rules across parameters, and between them and the inputs. */
	enum loss_code (*check)(const struct loss_eval *e, struct loss_error *err);
	/* Factor on the weight of class k, where parameters give one. */
	double (*class_factor)(const void *params, int64_t k);
	bool weight_sum;     /* rowwise: the mean divides by the weights of the targets */
	bool loss_per_class; /* rowwise: `none` answers one number per class */
	bool is_bounded;     /* a row costs a finite number, however wrong it is */
	bool balances;       /* it is itself an answer to classes of unequal size */
	/* Another family for logits than for log-probabilities. */
	const struct loss_family *logits_family;
	/* Overlap: value and derivatives from the sums, in float64. */
	double (*overlap)(const void *params, const struct loss_overlap *sums, double *d_i,
			  double *d_p);
	struct loss_overlap_kind (*overlap_kind)(const void *params);
	/* The loss to turn to where one class is rare, and where several classes of
	 * a row are right at once; NULL: none. */
	const char *under_imbalance, *for_many_labels;
};

/* ---- Blocks --------------------------------------------------------------- */

enum {
	LOSS_BLOCK_ELEMENTS = 16384, /* elements of a block, about */
	LOSS_SPLIT_CLASSES = 131072, /* rows that are longer are split, */
	LOSS_SPLIT_ROWS = 16,        /* unless there are as many: one a thread is faster */
	LOSS_SPLIT_PARTS = 64,       /* into as many parts at most */
	LOSS_COPY_BYTES = 32768,     /* of a copy of rows */
	LOSS_COPY_GROUPS = 4,        /* in it; of pixels, a few cache lines a class */
	LOSS_CHUNK = 1024,           /* elements of a broadcast operand spread out at once */
};

static inline int64_t loss_min_i64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline int64_t loss_max_i64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static inline int64_t loss_ceil_div(int64_t a, int64_t b)
{
	return a / b + (a % b != 0);
}

/* ---- Shapes (shape.c) ----------------------------------------------------- */

/* Lay `tensor` against a shape that it must broadcast to. False if it does not. */
bool loss_operand_broadcast(struct loss_operand *operand, const struct loss_tensor *tensor,
			    int rank, const int64_t *shape);

/* Elements [begin, begin + n) of an operand spread over the shape it
 * broadcasts to, for the dtype of the evaluation. */
void loss_operand_read_32(const struct loss_operand *operand, int rank, const int64_t *shape,
			  int64_t begin, int64_t n, float *out);
void loss_operand_read_64(const struct loss_operand *operand, int rank, const int64_t *shape,
			  int64_t begin, int64_t n, double *out);

/* Is this row of scores nothing but -Infinity?  (rowwise.c) */
bool loss_row_is_masked(const struct loss_eval *e, int64_t row);

/* Does the mask, if any, leave this unit? */
bool loss_mask_leaves(const struct loss_eval *e, int64_t unit);

/* "(2, 3)" into buf, for error texts. */
const char *loss_shape_text(char *buf, size_t bytes, int rank, const int64_t *shape);

/* Index -> "/1/2" of a shape. */
void loss_index_pointer(char *buf, size_t bytes, int rank, const int64_t *shape, int64_t index);

/* ---- Errors (error.c) ----------------------------------------------------- */

enum loss_code loss_fail(struct loss_error *err, enum loss_code code, const char *member,
			 const char *format, ...) __attribute__((format(printf, 4, 5)));
enum loss_code loss_fail_param(struct loss_error *err, enum loss_code code, const char *member,
			       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ---- Rows of any struct (param.c) ----------------------------------------- */

void loss_rows_init(void *owner, const struct loss_param_row *rows, size_t count);
enum loss_code loss_rows_set(void *owner, const struct loss_param_row *row,
			     const struct loss_value *value, struct loss_error *err);

/* ---- Kernels and CPUs ----------------------------------------------------- */

/* The kernels of a loss for the machine and a dtype. */
const struct loss_kernels *loss_kernels_of(const struct loss *loss, enum loss_dtype dtype);

/* A phase of the library's own: count the units that `mask` leaves. */
loss_block_fn loss_count_units;
int64_t loss_count_blocks(const struct loss_eval *e);
/* Before `main`, the last phase but that of summed gradients: the denominator is
 * the number of units that count. */
void loss_settle_units(struct loss_eval *e, int phase);
void loss_add_phase(struct loss_eval *e, loss_block_fn *run, int64_t blocks);

/* The main phase over blocks of elements. */
void loss_plan_elements(struct loss_eval *e);

/* The denominator of the reduction and the scale of the gradients, from what
 * the mean divides by. */
void loss_settle_denominator(struct loss_eval *e, double counted);

/* The value of a parameter by name, for the few that drivers know; `absent` if
 * the loss has none. */
double loss_param_number(const struct loss_spec *spec, const char *name, double absent);

/* The sum of the parameters that keep a quotient from 0/0 (is_eps). */
double loss_eps_sum(const struct loss_spec *spec);

/* ---- Half precision (precision.c) ------------------------------------------ */

/* The room for rounded copies, e->rounding_bytes. */
void loss_rounding_plan(struct loss_eval *e);

/* The blocks of the present rounding phase, and one of them. */
int64_t loss_rounding_blocks(const struct loss_eval *e);
void loss_rounding_run(const struct loss_eval *e, int64_t block, struct loss_partial *out);

/* Before the family begins: its inputs become the copies.  At the end: its sum
 * becomes that of the rounded losses. */
void loss_rounding_begin(struct loss_eval *e);
void loss_rounding_end(struct loss_eval *e);

/* The reduced loss as it would be stored. */
double loss_rounding_result(const struct loss_eval *e, double loss);

/* As if nothing had been run. */
void loss_rounding_reset(struct loss_eval *e);

/* ---- What only the data could show (report.c) ----------------------------- */

enum loss_code loss_report_bad_index(const struct loss_eval *e, struct loss_error *err);
enum loss_code loss_report_bad_values(const struct loss_eval *e, struct loss_error *err);
enum loss_code loss_report_masked_row(const struct loss_eval *e, struct loss_error *err);

/* Only one build of a loss file carries its descriptor. */
#define LOSS_PASTE_ISA_(isa) LOSS_ISA_IS_##isa
#define LOSS_PASTE_ISA(isa)  LOSS_PASTE_ISA_(isa)
#define LOSS_ISA_IS_baseline 1
#define LOSS_ISA_IS_v3       0
#define LOSS_ISA_IS_v4       0
#if defined(LOSS_ISA) && LOSS_PASTE_ISA(LOSS_ISA) && LOSS_REAL == 32
#define LOSS_DESCRIBES 1
#else
#define LOSS_DESCRIBES 0
#endif

/* Symbols of the builds of a loss file. */
#define LOSS_PASTE_(a, b, c, d) a##_##b##_##c##_##d
#define LOSS_PASTE(a, b, c, d)  LOSS_PASTE_(a, b, c, d)
#define LOSS_KERNELS(id)        LOSS_PASTE(loss_kernels, id, LOSS_ISA, LOSS_REAL)

#endif
