/*
 * A call from inside: what the handlers of api/ work on.
 *
 * A handler is a chain of serial steps.  The route's handle() names the first;
 * each step returns how many blocks come before the next, names that next step
 * and what a block does, and may allocate.  Blocks allocate nothing, write only
 * what is theirs, and leave faults for the step behind them to find.
 *
 *     happy path   step -> blocks -> step -> ... -> api_call_reply_*() -> end
 *     failure      a step returns api_call_fail(): the problem is the reply
 *     cancelled    noticed before every step: the problem is the reply
 */
#ifndef API_CALL_H
#define API_CALL_H

#include "api.h"
#include "arena.h"
#include "fault.h"
#include "problem_text.h"
#include "text.h"

typedef size_t api_step(struct api_call *call);
typedef void api_block(struct api_call *call, size_t block);

struct api_call {
	struct api *api;
	struct api_request request;
	struct api_arena arena;
	_Atomic int cancelled; /* enum api_problem */

	api_step *step;   /* the serial step that comes next; NULL: at the end */
	api_block *block; /* the present blocks */
	enum api_stage stage;
	void *state;                            /* the handler's own, on the arena */
	void (*release)(struct api_call *call); /* what the arena does not free, or NULL */
	bool has_read_body;

	struct api_fault fault;
	struct api_reply reply;
	struct api_slice slice; /* of a reply in one piece */
	char *owned;            /* malloc()ed reply */
	struct api_outcome *outcomes;
	size_t outcome_count;

	char problem[API_PROBLEM_BYTES_MAX]; /* so that a problem needs no memory */
};

/* Stage, step and blocks of what comes next; returns `blocks`. */
size_t api_call_go(struct api_call *call, enum api_stage stage, size_t blocks, api_block *block,
		   api_step *step);

/* The end of a chain.  Each returns 0, for a step to return. */

/* With call->fault as the reply. */
size_t api_call_fail(struct api_call *call);
/* Out of memory on the arena. */
size_t api_call_fail_memory(struct api_call *call);
/* With a finished text. */
size_t api_call_reply_text(struct api_call *call, struct api_text *text);
/* With malloc()ed bytes that the call frees. */
size_t api_call_reply_owned(struct api_call *call, char *data, size_t bytes, const char *type);
/* With bytes that live at least as long as the call. */
size_t api_call_reply_static(struct api_call *call, const char *data, size_t bytes);

void api_call_header(struct api_call *call, const char *name, const char *value);

/* A request header, whatever the case of its name; NULL if there is none. */
const char *api_call_request_header(const struct api_call *call, const char *name);

#define API_JSON         "application/json"
#define API_PROBLEM_JSON "application/problem+json"
#define API_TEXT         "text/plain; charset=utf-8"
#define API_SAFETENSORS  "application/vnd.safetensors"

/* The handlers of the routes. */
void api_handle_evaluate(struct api_call *call); /* evaluate.c */
void api_handle_verify(struct api_call *call);
void api_handle_check(struct api_call *call);
void api_handle_losses(struct api_call *call); /* catalogue.c */
void api_handle_loss(struct api_call *call);
void api_handle_findings(struct api_call *call);
void api_handle_openapi(struct api_call *call); /* openapi.c */
void api_handle_stats(struct api_call *call);   /* host.c */
void api_handle_metrics(struct api_call *call);
void api_handle_healthz(struct api_call *call);
void api_handle_readyz(struct api_call *call);
void api_handle_oip_live(struct api_call *call);
void api_handle_oip_ready(struct api_call *call);
void api_handle_oip_server(struct api_call *call); /* oip.c */
void api_handle_oip_model(struct api_call *call);
void api_handle_oip_model_ready(struct api_call *call);
void api_handle_oip_infer(struct api_call *call);

#endif
