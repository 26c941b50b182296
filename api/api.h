/*
 * The contract between HTTP and the losses: routes, decoding, evaluation,
 * encoding, problems.  Opens no socket and starts no thread; the server (or
 * `lossd eval`) brings the bytes of a request, the threads and the time.
 *
 * A CALL is one request on its way to a reply, as a sequence of stages.  A
 * stage is a serial step, api_call_next(), that says how many blocks of work
 * come before the next serial step; the blocks may run in parallel:
 *
 *     struct api_call *call = api_call_new(api, route, &request);
 *     for (size_t n; (n = api_call_next(call)) > 0;)
 *         for (size_t b = 0; b < n; b++)
 *             api_call_block(call, b);          any thread, any order, each once
 *     const struct api_reply *reply = api_call_reply(call);
 *     ... send it ...
 *     api_call_free(call);
 *
 * The caller orders next() and block() as with a lock or a join.  The same
 * request gives the same bytes whatever the threads.
 *
 * MEMORY.  Everything of a call hangs on its arena, which takes from a budget
 * shared by all calls (struct api_budget) and is freed with the call.  When
 * the budget is spent the call ends in a problem (503), never in a crash.
 */
#ifndef API_H
#define API_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "../lib/loss.h"
#include "problem.h"

/* ---- Limits --------------------------------------------------------------- */

/* Every limit: member, default, what it bounds.  The server's settings and the
 * "limits" of /stats are derived from this list. */
#define API_LIMITS(X)                                                                              \
	X(body_bytes, 256ull << 20, "bytes of a request body, compressed or not")                  \
	X(elements, 64ull << 20, "numbers in one request")                                         \
	X(depth, 64, "levels of nesting of a JSON document")                                       \
	X(members, 256, "members of one JSON object")                                              \
	X(string_bytes, 64ull << 10, "bytes of one JSON string")                                   \
	X(tensor_header_bytes, 1ull << 20, "bytes of the header of a safetensors file")            \
	X(batch_items, 1024, "items of a batch")                                                   \
	X(terms, 64, "terms of a weighted sum")                                                    \
	X(locations, 1024, "places a finding may list when asked to")

struct api_limits {
#define X(member, init, doc) uint64_t member;
	API_LIMITS(X)
#undef X
};

void api_limits_init(struct api_limits *limits);

/* Bytes that all calls together may hold.  Threads take from it and give back
 * with atomics. */
struct api_budget {
	_Atomic uint64_t used;
	uint64_t max;
};

bool api_budget_take(struct api_budget *budget, uint64_t bytes);
void api_budget_give(struct api_budget *budget, uint64_t bytes);

/* ---- The API object ------------------------------------------------------- */

/* What only the host knows.  Called on the thread that calls api_call_next(). */
struct api_host {
	void *ctx;
	json_t *(*stats)(void *ctx);                   /* new reference */
	char *(*metrics)(void *ctx, bool openmetrics); /* malloc()ed text */
	bool (*ready)(void *ctx, const char **why);
	/* Any thread: seconds an element of a loss has taken here; 0 where too
	 * little was seen to say. */
	double (*element_seconds)(void *ctx, const struct loss *loss);
};

struct api {
	struct api_limits limits;
	struct api_budget budget;
	struct api_host host; /* members may be NULL: their routes answer 404 */
};

/* ---- Routes --------------------------------------------------------------- */

enum api_route_flags {
	/* Answered by the first api_call_next(), in microseconds, whatever the
	 * load: bypasses every queue and needs no token. */
	API_ROUTE_IMMEDIATE = 1 << 0,
	API_ROUTE_BODY = 1 << 1, /* takes a request body */
	/* Immediate as well, but a good part of a millisecond, so not for a thread
	 * that others wait for. */
	API_ROUTE_REPORT = 1 << 2,
};

struct api_call;

struct api_route {
	const char *method;
	const char *path; /* with {name} parts; the metrics label as well */
	uint32_t flags;
	const char *summary;
	/* private to api/ */
	void (*handle)(struct api_call *call);
	const char *request_schema, *reply_schema;
	/* Of what stands beside the tensors where either may be safetensors; or
	 * NULL. */
	const char *file_request_schema, *file_reply_schema;
};

/* All routes, for stats and documentation; NULL past the end. */
const struct api_route *api_route_at(size_t index);

struct api_match {
	const struct api_route *route; /* NULL: see problem */
	const char *arg;               /* what stood for {name}, inside `path`; or NULL */
	size_t arg_length;
	enum api_problem problem; /* API_NOT_FOUND_ROUTE or API_METHOD_NOT_ALLOWED */
	char allow[64];           /* for the Allow header */
};

/* HEAD finds the row of GET. `path` is percent-decoded, without the query. */
void api_route_match(const char *method, const char *path, struct api_match *match);

/* ---- Requests and replies ------------------------------------------------- */

struct api_header {
	const char *name, *value;
};

struct api_request {
	struct api_match match;
	const char *body; /* not NUL-terminated; see api_call_has_read_body() */
	size_t body_bytes;
	const struct api_header *headers; /* must outlive the call */
	size_t header_count;
};

/* A header of a request, whatever the case of its name; NULL if there is none. */
const char *api_request_header(const struct api_request *request, const char *name);

/* Where in the body binary tensors begin, as far as the headers tell, or 0.  If
 * that is aligned to 64 bytes in memory they are used where they are. */
size_t api_request_binary_offset(const struct api_request *request);

struct api_slice {
	const char *data;
	size_t bytes;
};

enum { API_REPLY_HEADERS_MAX = 8 };

struct api_reply {
	int status;
	enum api_problem problem; /* API_PROBLEM_NONE for a success */
	const char *content_type;
	struct api_header headers[API_REPLY_HEADERS_MAX];
	int header_count;
	const struct api_slice *slices; /* the body, in order; lives as long as the call */
	size_t slice_count;
	size_t bytes; /* of the whole body */
};

/* What one evaluation of a request did, for the server's counters. */
struct api_outcome {
	const char *loss; /* canonical name, or NULL where none was known */
	bool failed;      /* answered with a problem */
	bool nonfinite;
	int64_t rows, elements;
	double seconds;    /* between plan and result */
	uint64_t findings; /* set of 1 << enum loss_finding_code, or 0 */
};

/* ---- Calls ---------------------------------------------------------------- */

enum api_stage { API_DECODE, API_EVALUATE, API_ENCODE, API_STAGE_COUNT };

/* A call for a request.  NULL if there is no memory for even that. */
struct api_call *api_call_new(struct api *api, const struct api_request *request);

/* Before the first api_call_next(): the body, if the request's was not yet fit to
 * be read (it was compressed). */
void api_call_set_body(struct api_call *call, const char *body, size_t bytes);

/* Whether the call looks at the body no more; before that, or its end, the body
 * must stay.  Between its steps and blocks only. */
bool api_call_has_read_body(const struct api_call *call);

/* In place of api_call_set_body(): the body cannot be had, and the problem is the reply.  `limit`
 * and `actual` of 0 are not told of, nor is an `offset` of NULL. */
void api_call_refuse(struct api_call *call, enum api_problem problem, const char *detail,
		     uint64_t limit, uint64_t actual, const uint64_t *offset);

/* The serial step; the number of blocks to run before the next, 0 at the end. */
size_t api_call_next(struct api_call *call);

/* One block of the present stage. */
void api_call_block(struct api_call *call, size_t block);

/* What the present blocks belong to, for timing. */
enum api_stage api_call_stage(const struct api_call *call);

/* From any thread: end the call as soon as may be with this problem (deadline,
 * client gone, draining).  Blocks that have not begun return at once; the
 * sequence of next() and block() stays the same. */
void api_call_cancel(struct api_call *call, enum api_problem why);
bool api_call_is_cancelled(const struct api_call *call);

/* The reply, after api_call_next() has returned 0. */
const struct api_reply *api_call_reply(const struct api_call *call);

/* The evaluations of the request; valid like the reply. */
const struct api_outcome *api_call_outcomes(const struct api_call *call, size_t *count);

void api_call_free(struct api_call *call);

/* next and block in a loop on this thread, with a time per stage if `seconds`
 * is not NULL. */
const struct api_reply *api_call_run(struct api_call *call);

/* A problem document for an error found outside a call (framing, overload,
 * limits): malloc()ed JSON text of *bytes bytes, NULL if there is no memory. */
char *api_problem_document(enum api_problem problem, const char *detail, uint64_t limit,
			   uint64_t actual, size_t *bytes);

/* The catalogue as text for `lossd losses [NAME]`, malloc()ed; NULL for an
 * unknown name. */
char *api_catalogue_text(const char *name);

#endif
