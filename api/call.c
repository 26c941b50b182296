/* A request on its way to a reply: the sequence of steps and blocks. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "call.h"

/* ---- Limits and budget ---------------------------------------------------- */

void api_limits_init(struct api_limits *limits)
{
	*limits = (struct api_limits){
#define X(member, init, doc) .member = init,
		API_LIMITS(X)
#undef X
	};
}

/* ---- Life ----------------------------------------------------------------- */

/* No route: the first step says so. */
static size_t refuse(struct api_call *call)
{
	const struct api_match *match = &call->request.match;

	if (match->problem == API_METHOD_NOT_ALLOWED) {
		api_fault_set(&call->fault, API_METHOD_NOT_ALLOWED, "the route has %s",
			      match->allow);
		api_call_fail(call);
		api_call_header(call, "Allow", match->allow);
		return 0;
	}
	api_fault_set(&call->fault, API_NOT_FOUND_ROUTE, "no such route; /openapi.json lists them");
	return api_call_fail(call);
}

struct api_call *api_call_new(struct api *api, const struct api_request *request)
{
	struct api_call *call = malloc(sizeof *call);

	if (!call)
		return NULL;
	/* All but the room for a problem, which is written before it is read. */
	memset(call, 0, offsetof(struct api_call, problem));
	call->api = api;
	call->request = *request;
	api_arena_init(&call->arena, &api->budget);
	call->step = refuse;
	if (request->match.route)
		request->match.route->handle(call);
	return call;
}

void api_call_free(struct api_call *call)
{
	if (!call)
		return;
	if (call->release)
		call->release(call);
	api_arena_release(&call->arena);
	free(call->owned);
	free(call);
}

bool api_call_has_read_body(const struct api_call *call)
{
	return call->has_read_body;
}

void api_call_set_body(struct api_call *call, const char *body, size_t bytes)
{
	call->request.body = body;
	call->request.body_bytes = bytes;
}

void api_call_refuse(struct api_call *call, enum api_problem problem, const char *detail,
		     uint64_t limit, uint64_t actual, const uint64_t *offset)
{
	call->step = NULL;
	api_fault_set(&call->fault, problem, "%s", detail);
	if (limit || actual)
		api_fault_limit(&call->fault, limit, actual);
	if (offset)
		api_fault_offset(&call->fault, *offset);
	api_call_fail(call);
}

/* ---- Steps and blocks ----------------------------------------------------- */

size_t api_call_go(struct api_call *call, enum api_stage stage, size_t blocks, api_block *block,
		   api_step *step)
{
	call->stage = stage;
	call->block = block;
	call->step = step;
	return blocks;
}

static enum api_problem cancelled(const struct api_call *call)
{
	return (enum api_problem)atomic_load_explicit(&call->cancelled, memory_order_relaxed);
}

size_t api_call_next(struct api_call *call)
{
	while (call->step) {
		enum api_problem why = cancelled(call);
		api_step *step = call->step;

		call->step = NULL;
		if (why) {
			api_fault_set(&call->fault, why, "%s", "");
			api_call_fail(call);
			break;
		}

		size_t blocks = step(call);
		if (blocks > 0)
			return blocks;
	}
	return 0;
}

void api_call_block(struct api_call *call, size_t block)
{
	if (!cancelled(call))
		call->block(call, block);
}

enum api_stage api_call_stage(const struct api_call *call)
{
	return call->stage;
}

void api_call_cancel(struct api_call *call, enum api_problem why)
{
	int none = API_PROBLEM_NONE;

	/* The first reason stays. */
	atomic_compare_exchange_strong(&call->cancelled, &none, (int)why);
}

bool api_call_is_cancelled(const struct api_call *call)
{
	return cancelled(call) != API_PROBLEM_NONE;
}

const struct api_reply *api_call_run(struct api_call *call)
{
	for (size_t blocks; (blocks = api_call_next(call)) > 0;)
		for (size_t block = 0; block < blocks; block++)
			api_call_block(call, block);
	return api_call_reply(call);
}

const struct api_reply *api_call_reply(const struct api_call *call)
{
	return &call->reply;
}

const struct api_outcome *api_call_outcomes(const struct api_call *call, size_t *count)
{
	*count = call->outcome_count;
	return call->outcomes;
}

/* ---- Replies -------------------------------------------------------------- */

static size_t reply_slices(struct api_call *call, const struct api_slice *slices, size_t count,
			   size_t bytes, const char *type)
{
	call->reply = (struct api_reply){
		.status = 200,
		.content_type = type,
		.slices = slices,
		.slice_count = count,
		.bytes = bytes,
	};
	call->step = NULL;
	return 0;
}

static size_t reply_one(struct api_call *call, const char *data, size_t bytes, const char *type)
{
	call->slice = (struct api_slice){data, bytes};
	return reply_slices(call, &call->slice, 1, bytes, type);
}

size_t api_call_reply_text(struct api_call *call, struct api_text *text)
{
	const struct api_slice *slices;
	size_t count, bytes;

	if (!api_text_end(text, &slices, &count, &bytes))
		return api_call_fail_memory(call);
	return reply_slices(call, slices, count, bytes, API_JSON);
}

size_t api_call_reply_owned(struct api_call *call, char *data, size_t bytes, const char *type)
{
	call->owned = data;
	return reply_one(call, data, bytes, type);
}

size_t api_call_reply_static(struct api_call *call, const char *data, size_t bytes)
{
	return reply_one(call, data, bytes, API_JSON);
}

size_t api_call_fail_memory(struct api_call *call)
{
	api_fault_memory(&call->fault, &call->arena);
	return api_call_fail(call);
}

size_t api_call_fail(struct api_call *call)
{
	struct api_text text;

	assert(call->fault.problem != API_PROBLEM_NONE);
	api_text_init_fixed(&text, call->problem, sizeof call->problem);
	api_problem_write(&text, &call->fault);
	reply_one(call, text.start, (size_t)(text.next - text.start), API_PROBLEM_JSON);
	call->reply.problem = call->fault.problem;
	call->reply.status = api_problem_status(call->fault.problem);
	if (call->reply.status == 503)
		api_call_header(call, "Retry-After", "1");
	return 0;
}

/* ---- Headers -------------------------------------------------------------- */

void api_call_header(struct api_call *call, const char *name, const char *value)
{
	assert(call->reply.header_count < API_REPLY_HEADERS_MAX);
	call->reply.headers[call->reply.header_count++] = (struct api_header){name, value};
}

const char *api_request_header(const struct api_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++)
		if (!strcasecmp(request->headers[i].name, name))
			return request->headers[i].value;
	return NULL;
}

const char *api_call_request_header(const struct api_call *call, const char *name)
{
	return api_request_header(&call->request, name);
}
