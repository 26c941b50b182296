/*
 * POST /v1/evaluate, step by step:
 *
 *     read       the envelope                         blocks: chunks of numbers
 *     plan       losses and inputs fit, memory        blocks: small items, whole
 *     phases     of the large items, one by one       blocks: of the library
 *     diagnose   what is not healthy                  blocks: one evaluation each
 *     encode     the arrays of the reply              blocks: chunks of numbers
 *     reply
 *
 * A fault of one item of a batch takes that item out of the later steps; any
 * other fault, and being cancelled, ends the call.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "accept.h"
#include "evaluation.h"
#include "safetensors.h"

/* Elements of an item that one block may evaluate whole: some tens of
 * microseconds, less than it costs to bring threads together for each phase. */
enum { SMALL_ITEM_ELEMENTS = 64 << 10 };

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static struct api_evaluation *evaluation_of(struct api_call *call)
{
	return call->state;
}

/* ---- Outcomes ------------------------------------------------------------- */

static uint64_t findings_of(const struct loss_diagnosis *diagnosis)
{
	uint64_t set = 0;

	for (int i = 0; i < diagnosis->finding_count; i++)
		set |= UINT64_C(1) << diagnosis->findings[i].code;
	return set;
}

/* A batch that was refused for its data has the finding that says why. */
static uint64_t refusal_of(enum api_problem problem)
{
	switch (problem) {
	case API_PROB_OUT_OF_RANGE:
		return UINT64_C(1) << LOSS_FINDING_PROB_OUT_OF_RANGE;
	case API_TARGET_OUT_OF_RANGE:
		return UINT64_C(1) << LOSS_FINDING_TARGET_OUT_OF_RANGE;
	case API_TARGET_NOT_INTEGER:
		return UINT64_C(1) << LOSS_FINDING_TARGET_NOT_INTEGER;
	default:
		return 0;
	}
}

static struct api_outcome term_outcome(const struct api_item *item, const struct api_term *term,
				       enum api_problem problem)
{
	struct api_outcome outcome = {
		.loss = term->spec.loss ? term->spec.loss->name : NULL,
		.failed = item->fault || !term->is_evaluated || problem,
	};

	if (outcome.failed)
		outcome.findings = refusal_of(item->fault ? item->fault->problem : problem);

	if (!outcome.failed) {
		outcome.nonfinite = term->diagnosis.verdict == LOSS_VERDICT_NONFINITE ||
				    (term->result.flags & LOSS_FLAG_NONFINITE);
		outcome.rows = term->plan.rows;
		outcome.elements = term->plan.elements;
		outcome.seconds = term->seconds;
		outcome.findings = findings_of(&term->diagnosis);
	}
	return outcome;
}

/* One for each term, and one for an item without any.  Counters are not worth a
 * failure: without memory there are none. */
static void make_outcomes(struct api_evaluation *ev)
{
	struct api_call *call = ev->call;
	size_t count = 0;

	if (ev->reply->is_plan)
		return;
	for (size_t i = 0; i < ev->item_count; i++)
		count += ev->items[i].term_count + !ev->items[i].term_count;
	call->outcomes = api_arena_array(ev->arena, count, sizeof *call->outcomes);
	if (!call->outcomes)
		return;
	for (size_t i = 0; i < ev->item_count; i++) {
		const struct api_item *item = &ev->items[i];

		for (size_t k = 0; k < item->term_count; k++)
			call->outcomes[call->outcome_count++] =
				term_outcome(item, &item->terms[k], call->reply.problem);
		/* Its loss may be known although its parameters were wrong. */
		if (item->term_count == 0)
			call->outcomes[call->outcome_count++] = (struct api_outcome){
				.loss = item->terms && item->terms[0].spec.loss
						? item->terms[0].spec.loss->name
						: NULL,
				.failed = true,
				.findings = refusal_of(item->fault ? item->fault->problem
								   : call->reply.problem),
			};
	}
}

size_t api_evaluation_fail(struct api_evaluation *ev)
{
	api_call_fail(ev->call);
	make_outcomes(ev);
	return 0;
}

/* ---- Blocks --------------------------------------------------------------- */

static void run_jobs(struct api_call *call, size_t block)
{
	api_jobs_run(&evaluation_of(call)->jobs, block);
}

size_t api_evaluation_go(struct api_evaluation *ev, enum api_stage stage, api_step *step)
{
	return api_call_go(ev->call, stage, ev->jobs.blocks, run_jobs, step);
}

/* ---- Reply ---------------------------------------------------------------- */

size_t api_evaluation_reply(struct api_call *call)
{
	struct api_evaluation *ev = evaluation_of(call);
	size_t end = ev->reply->encode_reply(ev);

	/* The reply may have found an item that it must not hold (nonfinite). */
	make_outcomes(ev);
	return end;
}

static size_t encode_step(struct api_call *call)
{
	struct api_evaluation *ev = evaluation_of(call);

	api_tensors_drop(ev);
	if (ev->reply->encode_begin(ev, &call->fault))
		return api_evaluation_fail(ev);
	return api_evaluation_go(ev, API_ENCODE, api_evaluation_reply);
}

/* ---- Diagnosis ------------------------------------------------------------ */

static void diagnose_one(void *object, size_t part)
{
	struct api_term *term = object;

	(void)part;
	loss_diagnose(&term->plan, &term->result, &term->look, term->diagnosis_memory,
		      &term->diagnosis);
}

static bool is_sick(struct api_item *item, struct api_term *term)
{
	term->look.full = item->options.diagnostics == API_DIAGNOSTICS_FULL;
	term->look.shared_gradients = item->term_count > 1;
	/* The operands are those of the first place, listed or not. */
	term->look.locations_max = item->options.locations > 0 ? item->options.locations : 1;
	return term->look.full || !loss_is_healthy(&term->plan, &term->result, &term->look);
}

static bool prepare_diagnosis(struct api_evaluation *ev, struct api_term *term)
{
	term->diagnosis_memory =
		api_arena_alloc_aligned64(ev->arena, loss_diagnose_bytes(&term->plan, &term->look));
	if (term->diagnosis_memory)
		api_jobs_add(&ev->jobs, diagnose_one, term, 0,
			     (uint64_t)term->plan.elements * sizeof(double));
	return term->diagnosis_memory;
}

static size_t diagnose_step(struct api_call *call)
{
	struct api_evaluation *ev = evaluation_of(call);

	api_jobs_begin(&ev->jobs, ev->arena);
	for (size_t i = 0; i < ev->item_count; i++) {
		struct api_item *item = &ev->items[i];

		if (item->fault || item->options.diagnostics == API_DIAGNOSTICS_OFF)
			continue;
		for (size_t k = 0; k < item->term_count; k++)
			if (is_sick(item, &item->terms[k]) &&
			    !prepare_diagnosis(ev, &item->terms[k]))
				ev->jobs.failed = true;
	}
	if (ev->jobs.failed) {
		api_fail_memory(ev, &call->fault);
		return api_evaluation_fail(ev);
	}
	return api_evaluation_go(ev, API_EVALUATE, encode_step);
}

/* ---- Evaluation ----------------------------------------------------------- */

static void begin_term(struct api_term *term)
{
	term->started_s = now_s();
	loss_plan_begin(&term->plan, &term->outputs);
}

static bool finish_term(struct api_term *term)
{
	term->code = loss_plan_finish(&term->plan, &term->result, &term->err);
	term->seconds = now_s() - term->started_s;
	term->is_evaluated = term->code == LOSS_OK;
	return term->is_evaluated;
}

/* A small item from begin to end on one thread. */
static void evaluate_item(void *object, size_t part)
{
	struct api_item *item = object;
	bool is_well = true;

	(void)part;
	for (size_t i = 0; i < item->term_count && is_well; i++) {
		struct api_term *term = &item->terms[i];

		begin_term(term);
		for (int64_t blocks; (blocks = loss_plan_next(&term->plan)) > 0;)
			for (int64_t block = 0; block < blocks; block++)
				loss_plan_run(&term->plan, block);
		is_well = finish_term(term);
	}
}

static bool is_small(const struct api_item *item)
{
	return item->elements <= SMALL_ITEM_ELEMENTS;
}

static void run_block(struct api_call *call, size_t block)
{
	const struct api_evaluation *ev = evaluation_of(call);

	loss_plan_run(&ev->items[ev->item].terms[ev->term].plan, (int64_t)block);
}

/* The terms of a large item add to the same gradients: one after another. */
static size_t next_phase(struct api_evaluation *ev, struct api_item *item, api_step *step)
{
	for (; ev->term < item->term_count; ev->term++) {
		struct api_term *term = &item->terms[ev->term];

		if (!ev->is_running)
			begin_term(term);
		ev->is_running = true;

		int64_t blocks = loss_plan_next(&term->plan);
		if (blocks > 0)
			return api_call_go(ev->call, API_EVALUATE, (size_t)blocks, run_block, step);
		ev->is_running = false;
		if (!finish_term(term))
			break;
	}
	return 0;
}

/* What only the data could show. */
static enum api_problem collect_errors(struct api_evaluation *ev, struct api_fault *fault)
{
	for (size_t i = 0; i < ev->item_count; i++) {
		struct api_item *item = &ev->items[i];

		if (item->fault)
			continue;
		for (size_t k = 0; k < item->term_count; k++) {
			const struct api_term *term = &item->terms[k];

			if (!term->code)
				continue;
			api_loss_fail(term, item, &term->err, fault);
			if (api_item_fail(ev, item, fault))
				return fault->problem;
			break;
		}
	}
	return API_PROBLEM_NONE;
}

static size_t phase_step(struct api_call *call)
{
	struct api_evaluation *ev = evaluation_of(call);

	for (; ev->item < ev->item_count; ev->item++, ev->term = 0) {
		struct api_item *item = &ev->items[ev->item];

		if (item->fault || is_small(item))
			continue;

		size_t blocks = next_phase(ev, item, phase_step);
		if (blocks > 0)
			return blocks;
	}
	if (collect_errors(ev, &call->fault))
		return api_evaluation_fail(ev);
	return ev->reply->follow ? ev->reply->follow(call) : diagnose_step(call);
}

static size_t plan_step(struct api_call *call)
{
	struct api_evaluation *ev = evaluation_of(call);

	if (api_tensors_end(ev, &call->fault) || api_items_plan(ev, &call->fault))
		return api_evaluation_fail(ev);
	if (ev->reply->is_plan)
		return ev->reply->encode_reply(ev);
	api_jobs_begin(&ev->jobs, ev->arena);
	for (size_t i = 0; i < ev->item_count; i++) {
		struct api_item *item = &ev->items[i];

		if (!item->fault && is_small(item))
			api_jobs_add(&ev->jobs, evaluate_item, item, 0,
				     (uint64_t)item->elements * sizeof(double));
	}
	if (ev->jobs.failed) {
		api_fail_memory(ev, &call->fault);
		return api_evaluation_fail(ev);
	}
	return api_evaluation_go(ev, API_EVALUATE, phase_step);
}

/* ---- The beginning -------------------------------------------------------- */

static bool has_foreign_charset(const char *parameters)
{
	static const char key[] = "charset=";

	for (const char *at = parameters; *at; at++) {
		if (strncasecmp(at, key, sizeof key - 1))
			continue;
		at += sizeof key - 1;
		at += *at == '"';
		return strncasecmp(at, "utf-8", 5) && strncasecmp(at, "us-ascii", 8);
	}
	return false;
}

static bool is_taken(const struct api_request_form *form, const char *type)
{
	size_t bytes = strcspn(type, "; \t");

	for (const char *const *one = form->media_types; *one; one++)
		if (strlen(*one) == bytes && !strncasecmp(*one, type, bytes))
			return !has_foreign_charset(type + bytes);
	return false;
}

static enum api_problem refuse_type(const struct api_request_form *const *forms, const char *type,
				    struct api_fault *fault)
{
	char names[160] = "";

	for (size_t i = 0; forms[i]; i++) {
		size_t used = strlen(names);

		snprintf(names + used, sizeof names - used, "%s%s", i ? " or " : "",
			 forms[i]->media_types[0]);
	}
	return api_fault_set(fault, API_MEDIA_TYPE, "\"%.80s\", expected %s in UTF-8", type, names);
}

static const struct api_request_form *find_form(const struct api_call *call,
						const struct api_request_form *const *forms,
						struct api_fault *fault)
{
	const char *type = api_call_request_header(call, "Content-Type");

	for (size_t i = 0; forms[i]; i++)
		if (!type || is_taken(forms[i], type))
			return forms[i];
	refuse_type(forms, type, fault);
	return NULL;
}

static void release(struct api_call *call)
{
	json_decref(evaluation_of(call)->made);
	api_document_release(&evaluation_of(call)->doc);
}

static struct api_evaluation *new_evaluation(struct api_call *call,
					     const struct api_reply_form *reply)
{
	struct api_evaluation *ev = api_arena_alloc(&call->arena, sizeof *ev);

	if (!ev)
		return NULL;
	*ev = (struct api_evaluation){
		.call = call,
		.reply = reply,
		.arena = &call->arena,
		.limits = &call->api->limits,
	};
	call->state = ev;
	call->release = release;
	return ev;
}

size_t api_evaluation_begin(struct api_call *call, const struct api_request_form *const *forms,
			    const struct api_reply_form *reply)
{
	const struct api_request_form *form = find_form(call, forms, &call->fault);

	if (!form)
		return api_call_fail(call);

	struct api_evaluation *ev = new_evaluation(call, reply);
	if (!ev)
		return api_call_fail_memory(call);
	if (form->decode(ev, &call->fault) || api_tensors_begin(ev, &call->fault))
		return api_evaluation_fail(ev);
	return api_evaluation_go(ev, API_DECODE, plan_step);
}

/* `curl -d` names a form unless told otherwise; what it sends is taken for
 * what it is. */
static const char *const json_types[] = {API_JSON, "application/x-www-form-urlencoded", NULL};
static const char *const safetensors_types[] = {API_SAFETENSORS, NULL};

static const struct api_request_form json_request = {json_types, api_decode};
static const struct api_request_form safetensors_request = {safetensors_types,
							    api_safetensors_decode};
static const struct api_request_form *const request_forms[] = {&json_request, &safetensors_request,
							       NULL};

static const struct api_reply_form json_reply = {.encode_begin = api_encode_begin,
						 .encode_reply = api_encode_reply};
static const struct api_reply_form safetensors_reply = {
	.encode_begin = api_safetensors_encode_begin, .encode_reply = api_safetensors_encode_reply};

static const struct api_reply_form report = {.encode_begin = api_report_begin,
					     .encode_reply = api_report_reply};

static size_t read_step(struct api_call *call)
{
	const char *accept = api_call_request_header(call, "Accept");
	const struct api_reply_form *reply = &json_reply;

	if (api_accept_prefers(accept, API_SAFETENSORS, API_JSON))
		reply = &safetensors_reply;
	else if (api_accept_prefers(accept, "text/plain", API_JSON))
		reply = &report;
	return api_evaluation_begin(call, request_forms, reply);
}

static size_t check_step(struct api_call *call)
{
	static const struct api_reply_form reply = {.encode_reply = api_check_reply,
						    .is_plan = true};

	return api_evaluation_begin(call, request_forms, &reply);
}

/* A claim is JSON. */
static size_t verify_step(struct api_call *call)
{
	static const struct api_request_form request = {json_types, api_verify_decode};
	static const struct api_request_form *const forms[] = {&request, NULL};
	static const struct api_reply_form reply = {.follow = api_verify_follow,
						    .encode_reply = api_verify_reply};

	return api_evaluation_begin(call, forms, &reply);
}

void api_handle_verify(struct api_call *call)
{
	call->step = verify_step;
}

void api_handle_check(struct api_call *call)
{
	call->step = check_step;
}

void api_handle_evaluate(struct api_call *call)
{
	call->step = read_step;
}
