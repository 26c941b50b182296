/*
 * A POST /v1/evaluate as it is understood, from the document to the reply:
 *
 *     request    what was posted: one item, or a batch of them
 *     item       one evaluation with its options; has a result or a fault
 *     term       one loss of it: a plain evaluation has one, a weighted sum many
 *     operand    an input of a term, under the name it has in the request
 *     tensor     an array of the document in one dtype, shared by all operands
 *                that read it so
 *     gradient   of one member of the request; the terms that read it add up
 *
 * decode.c (with members.c, spec.c, operands.c, tensors.c) makes it, evaluate.c
 * runs it, encode.c writes it.
 */
#ifndef API_EVALUATION_H
#define API_EVALUATION_H

#include <jansson.h>

#include "../lib/loss_diagnose.h"
#include "arena.h"
#include "call.h"
#include "document.h"
#include "fault.h"
#include "jobs.h"
#include "numbers.h"
#include "source.h"
#include "typed.h"

struct api_tensor {
	const struct api_source *source;
	const struct api_array *array; /* NULL: a single number, read when it was met, or binary */
	const struct api_typed *typed; /* NULL: of any numbers */
	struct loss_tensor value;      /* before it is read: dtype, rank and shape only */
	bool reshaped;                 /* the shape is the request's, not the array's */
	bool is_borrowed;              /* the data is in the body of the request */
	struct api_reader reader;
	struct api_typed_reader binary;
	struct api_read_stats stats;
	struct api_fault *fault;       /* why it could not be read */
	struct api_tensor *same_array; /* what the same array is in another dtype */
	struct api_tensor *next;       /* of all in the request */
};

/* {"from": "inverse_log_frequency", ...} where class weights may stand. */
struct api_class_weights {
	const struct api_source *source;
	struct loss_weight_params params;
	struct api_tensor *counts; /* NULL: counted from the targets */
};

struct api_operand {
	enum loss_role role;
	const struct loss_input_row *row;
	const json_t *node; /* tells whether two operands are one member */
	const char *member; /* its name in the request */
	bool renamed;       /* which a term's "inputs" chose */
	const struct api_source *source;
	struct api_tensor *tensor;
	const struct api_class_weights *weights; /* to be made from counts; then no tensor yet */
	int gradient;                            /* of the item's gradients, or -1 */
};

struct api_term {
	const struct api_source *source; /* of the loss: "/loss", "/loss/terms/0/loss" */
	const json_t *own;               /* the loss object; NULL: only a name */
	const json_t *renames;           /* the "inputs" of the term, or NULL */
	double weight;
	struct loss_spec spec;
	struct api_operand operands[LOSS_INPUTS_MAX];
	int operand_count;
	struct api_tensor *weights_used; /* class weights that were made from counts */
	struct api_writer weights_writer;

	struct loss_plan plan;
	bool is_evaluated;
	struct loss_outputs outputs;
	enum loss_code code; /* of finish, where blocks run a whole item */
	struct loss_error err;
	struct loss_result result;
	struct loss_diagnose_options look;
	struct loss_diagnosis diagnosis; /* of a batch that had none: verdict ok */
	void *diagnosis_memory;          /* where one is to be made, or NULL */
	double started_s, seconds;
};

struct api_gradient {
	const struct api_operand *operand; /* the first that reads the member */
	struct loss_tensor tensor;
	void *data;
	bool is_written; /* by some term: the next one adds to it */
	struct api_writer writer;
};

enum api_diagnostics { API_DIAGNOSTICS_OFF, API_DIAGNOSTICS_AUTO, API_DIAGNOSTICS_FULL };

/* The members of a request that are no inputs; those of a batch are the
 * defaults of its items. */
struct api_options {
	const json_t *id;
	const json_t *gradient; /* NULL: true */
	const struct api_source *gradient_source;
	enum loss_dtype dtype;
	enum loss_precision precision;
	enum api_diagnostics diagnostics;
	int64_t locations;
	enum api_nonfinite nonfinite;
};

struct api_item {
	const struct api_source *source;
	const json_t *members;
	struct api_options options;
	bool is_sum; /* of terms */
	struct api_term *terms;
	size_t term_count;
	struct api_gradient *gradients;
	size_t gradient_count;
	struct loss_tensor losses; /* unreduced */
	struct api_writer losses_writer;
	int64_t elements;        /* of all its terms */
	struct api_fault *fault; /* why it has no result */
};

struct api_evaluation;

/* How an evaluation comes and goes: what evaluate.c does not know. */
struct api_request_form {
	const char *const *media_types; /* NULL ends them */
	enum api_problem (*decode)(struct api_evaluation *ev, struct api_fault *fault);
};

struct api_reply_form {
	/* Writers for the arrays of the reply, their chunks as jobs. */
	enum api_problem (*encode_begin)(struct api_evaluation *ev, struct api_fault *fault);
	/* The reply, when every chunk was written. */
	size_t (*encode_reply)(struct api_evaluation *ev);
	/* Nothing is evaluated: the reply follows the plan, and a tensor may be
	 * no more than its shape. */
	bool is_plan;
	/* What follows the evaluation, and ends in api_evaluation_reply(); NULL: a
	 * look at what is not healthy, then encode_begin. */
	api_step *follow;
};

struct api_evaluation {
	struct api_call *call;
	const struct api_reply_form *reply;
	struct api_oip *oip; /* what only that protocol has */
	struct api_verification *verification;
	json_t *made; /* beside the document, or put together from it; with a reference */
	const struct api_typed *typed;
	size_t typed_count;
	struct api_arena *arena;
	const struct api_limits *limits;
	struct api_document doc;
	struct api_source root;

	bool is_batch;
	const json_t *defaults; /* members beside a batch */
	struct api_options options;
	struct api_item *items;
	size_t item_count;

	struct api_tensor **by_array; /* the first tensor of each array of the document */
	struct api_tensor **by_typed; /* and of each binary one */
	struct api_tensor *tensors, **tensors_end;

	struct api_jobs jobs; /* of the present stage */
	size_t item, term;    /* the large one in progress */
	bool is_running;      /* it has begun */
};

/* ---- evaluate.c ----------------------------------------------------------- */

/* The first step of an evaluation: in the one of the forms, whose list NULL ends,
 * that the media type names; the first where there is no type. */
size_t api_evaluation_begin(struct api_call *call, const struct api_request_form *const *forms,
			    const struct api_reply_form *reply);

/* For what follows: the jobs, then `step`; the reply; the end with call->fault. */
size_t api_evaluation_go(struct api_evaluation *ev, enum api_stage stage, api_step *step);
size_t api_evaluation_reply(struct api_call *call);
size_t api_evaluation_fail(struct api_evaluation *ev);

/* ---- decode.c ------------------------------------------------------------- */

void api_options_init(struct api_options *options);

/* The document of the evaluation, which the text must outlive. */
enum api_problem api_decode_document(struct api_evaluation *ev, const char *text, size_t bytes,
				     struct api_fault *fault);

/* Room for `count` items. */
enum api_problem api_items_make(struct api_evaluation *ev, size_t count, struct api_fault *fault);

/* Options, loss, inputs and gradients of an item whose source, members and
 * default options are set. */
enum api_problem api_item_decode(struct api_evaluation *ev, struct api_item *item,
				 struct api_fault *fault);

/* The document understood, but for the numbers.  A fault of one item of a batch
 * goes to the item; others are returned. */
enum api_problem api_decode_request(struct api_evaluation *ev, struct api_fault *fault);

/* The same without a look at the arrays that nothing has read. */
enum api_problem api_decode_items(struct api_evaluation *ev, struct api_fault *fault);

/* A body that is such a document. */
enum api_problem api_decode(struct api_evaluation *ev, struct api_fault *fault);

/* Whether a problem ends the whole request also where it was found in one item:
 * the document cannot be read, or memory is short. */
bool api_problem_is_fatal(enum api_problem problem);

/* A fault for an item: kept there in a batch, returned otherwise. */
enum api_problem api_item_fail(struct api_evaluation *ev, struct api_item *item,
			       struct api_fault *fault);

/* Problem and sentence for a want of memory. */
enum api_problem api_fail_memory(struct api_evaluation *ev, struct api_fault *fault);

/* What the library refused, in the words of the request. */
enum api_problem api_loss_fail(const struct api_term *term, const struct api_item *item,
			       const struct loss_error *err, struct api_fault *fault);

/* What a value is, for a sentence: "a string", "an array". */
const char *api_found(const struct api_document *doc, const json_t *node);

const struct api_source *api_source_member(struct api_arena *arena, const struct api_source *parent,
					   const char *name);
const struct api_source *api_source_item(struct api_arena *arena, const struct api_source *parent,
					 uint64_t index);

/* ---- members.c: options and what a member may be called -------------------- */

/* A value among names; -1 and a fault at `source` where it is none of them. */
int api_choice_read(const struct api_document *doc, const json_t *node, const char *const *names,
		    size_t count, const struct api_source *source, struct api_fault *fault);

/* The options among the members of an object. */
enum api_problem api_options_read(struct api_evaluation *ev, const json_t *members,
				  const struct api_source *source, struct api_options *options,
				  struct api_fault *fault);

/* Refuses a member that stands for nothing; `item` NULL: beside a batch. */
enum api_problem api_members_check(struct api_evaluation *ev, const struct api_item *item,
				   const json_t *members, const struct api_source *source,
				   struct api_fault *fault);

/* Refuses a member of an object that is none of the names, whose list NULL ends. */
enum api_problem api_members_known(const json_t *node, const struct api_source *source,
				   const char *const *names, struct api_fault *fault);

/* Row `index` of the members that are no inputs, for documentation. */
struct api_member_row {
	const char *name;
	enum api_problem (*read)(struct api_evaluation *ev, const json_t *node,
				 const struct api_source *source, struct api_options *options,
				 struct api_fault *fault); /* NULL: read elsewhere */
	bool in_item;                                      /* may stand in an item of a batch */
	const char *notation;                              /* of its schema (describe.h) */
	const char *init;                                  /* the default as JSON, or NULL */
	const char *doc;
};

const struct api_member_row *api_member_at(size_t index);

/* By its name, or NULL. */
const struct api_member_row *api_member_find(const char *name);

/* ---- spec.c: the loss of an item ------------------------------------------- */

enum api_problem api_spec_read(struct api_evaluation *ev, struct api_item *item,
			       struct api_fault *fault);

/* Input rows that may stand in the loss object as well. */
bool api_row_is_in_spec(const struct loss_input_row *row);

/* A JSON scalar as a value for loss_param_set(); false if it is none. */
bool api_value_read(const struct api_document *doc, const json_t *node, struct loss_value *value);

/* ---- operands.c: which members a term reads -------------------------------- */

const char *api_role_alias(enum loss_role role); /* "" if there is none */

enum api_problem api_operands_read(struct api_evaluation *ev, struct api_item *item,
				   struct api_term *term, struct api_fault *fault);

/* Marks the operands whose gradient is wanted and makes the item's gradients. */
enum api_problem api_gradients_read(struct api_evaluation *ev, struct api_item *item,
				    struct api_fault *fault);

/* ---- class_weights.c ------------------------------------------------------- */

enum api_problem api_class_weights_read(struct api_evaluation *ev, const json_t *node,
					const struct api_source *source,
					const struct api_class_weights **weights,
					struct api_fault *fault);

/* Counts, and the tensor of the weights; after the numbers have been read. */
enum api_problem api_class_weights_make(struct api_evaluation *ev, struct api_term *term,
					struct api_operand *operand, struct api_fault *fault);

/* ---- tensors.c ------------------------------------------------------------- */

/* Rank and shape of what a member holds, before it is read. */
enum api_problem api_tensor_shape(struct api_evaluation *ev, const json_t *node,
				  const struct api_source *source, int *rank,
				  int64_t shape[LOSS_RANK_MAX], struct api_fault *fault);

/* The tensor of a member in a dtype; its numbers come with the blocks. */
enum api_problem api_tensor_find(struct api_evaluation *ev, const json_t *node,
				 const struct api_source *source, enum loss_dtype dtype,
				 struct api_tensor **tensor, struct api_fault *fault);

/* A list of at most LOSS_RANK_MAX integers from 0 on; `what` one of them is. */
enum api_problem api_sizes_read(const struct api_document *doc, const struct api_array *array,
				const char *what, const struct api_source *source,
				struct api_arena *arena, int64_t *sizes, struct api_fault *fault);

/* The sizes of the axes as a list. */
enum api_problem api_shape_read(const struct api_document *doc, const json_t *node,
				const struct api_source *source, struct api_arena *arena, int *rank,
				int64_t shape[LOSS_RANK_MAX], struct api_fault *fault);

/* The tensors that come with a type of their own; checks the limit of elements
 * over these and the arrays. */
enum api_problem api_typed_take(struct api_evaluation *ev, const struct api_typed *typed,
				size_t count, struct api_fault *fault);

/* Tensors for the arrays that nothing reads, so that every number in a request
 * is looked at. */
enum api_problem api_tensors_complete(struct api_evaluation *ev, struct api_fault *fault);

/* Room and a reader for each tensor, their chunks as jobs. */
enum api_problem api_tensors_begin(struct api_evaluation *ev, struct api_fault *fault);

/* Values and faults, when every chunk was read.  What makes the whole document
 * unreadable is returned. */
enum api_problem api_tensors_end(struct api_evaluation *ev, struct api_fault *fault);

/* Gives back what the inputs took. */
void api_tensors_drop(struct api_evaluation *ev);

/* ---- verify.c -------------------------------------------------------------- */

enum api_problem api_verify_decode(struct api_evaluation *ev, struct api_fault *fault);
size_t api_verify_follow(struct api_call *call);
size_t api_verify_reply(struct api_evaluation *ev);

/* ---- plan.c ---------------------------------------------------------------- */

/* The inputs of a term for the library; how many. */
int api_term_inputs(const struct api_term *term, struct loss_input in[LOSS_INPUTS_MAX]);

/* Layout and memory of each item whose inputs could be read. */
enum api_problem api_items_plan(struct api_evaluation *ev, struct api_fault *fault);

/* ---- check.c --------------------------------------------------------------- */

/* What the plan of each item comes to. */
size_t api_check_reply(struct api_evaluation *ev);

/* ---- encode.c -------------------------------------------------------------- */

/* A writer, its chunks as jobs; false without memory. */
bool api_writer_begin(struct api_evaluation *ev, struct api_writer *writer,
		      const struct loss_tensor *tensor, enum api_nonfinite nonfinite);

/* The text that a writer has made, as a value. */
void api_writer_put(struct api_text *text, const struct api_writer *writer);

/* API_NONFINITE_RESULT with the first finding; `what` as in "the loss is". */
enum api_problem api_nonfinite_fail(const struct api_item *item, const char *what,
				    struct api_fault *fault);

/* Whether a result has NaN or infinities and must not; for forms that write no
 * text of its numbers. */
bool api_nonfinite_is_refused(const struct api_item *item);

/* What the terms come to. */
struct api_total {
	double loss, sum, denominator;
	bool is_shared; /* all terms have one denominator */
	enum loss_reduction reduction;
	bool has_reduction; /* and one reduction */
};

struct api_total api_item_total(const struct api_item *item);

/* The reduced loss as a tensor of one number in `room`: in its dtype; one that
 * only float64 can hold as that. */
struct loss_tensor api_loss_tensor(const struct api_item *item, double *room, int rank);

/* The writers of class weights that were made. */
bool api_weights_begin(struct api_evaluation *ev, struct api_item *item);

/* The id as a member, if there is one. */
void api_id_write(struct api_text *text, const json_t *id);

/* The result of one item as a value. */
typedef void api_item_write(struct api_text *text, const struct api_evaluation *ev,
			    const struct api_item *item);

/* All but the losses and gradients. */
api_item_write api_result_write_rest;

/* The reply as a value: one result, or those of a batch. */
void api_results_write(struct api_text *text, const struct api_evaluation *ev,
		       api_item_write *write);

/* A loss in its dtype; one that only float64 can hold as that. */
void api_loss_write_number(struct api_text *text, enum loss_dtype dtype,
			   enum loss_precision precision, double loss);

/* The diagnostics of an item as a value. */
void api_diagnostics_write(struct api_text *text, const struct api_item *item);

const char *api_reduction_name(enum loss_reduction reduction);

/* Writers for the arrays of the reply, their chunks as jobs. */
enum api_problem api_encode_begin(struct api_evaluation *ev, struct api_fault *fault);

/* The reply, when every chunk was written. */
size_t api_encode_reply(struct api_evaluation *ev);

/* ---- report.c: the reply for people ---------------------------------------- */

enum api_problem api_report_begin(struct api_evaluation *ev, struct api_fault *fault);
size_t api_report_reply(struct api_evaluation *ev);

#endif
