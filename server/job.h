/*
 * A job: one request from its head to the last byte of its reply.
 *
 *                    +--- refused, or done on the loop -------------------+
 *                    |                                                    v
 *     new --> READING --complete--> RUNNING --small--------------------> REPLYING --sent--> DONE
 *                |                     |                                  ^  ^
 *                |                     +--large--> SUBMITTED --done-------+  |
 *                |                                   |                       |
 *                |             deadline, hang-up,    |                       |
 *                |             shutdown              v                       |
 *                |                                ABANDONED --workers done---+
 *                |                                   |
 *                |                                   +--answered or gone--> ORPHANED
 *                |                                                             |
 *                +--client gone--> DONE <------------ workers done ------------+
 *
 *   READING    the body arrives
 *   RUNNING    the loop itself evaluates; ends before the loop turns
 *   SUBMITTED  with the pool, or aside; the connection is suspended
 *   REPLYING   the reply is on its way
 *   ABANDONED  answered with a problem, while workers are still in the call
 *   ORPHANED   the connection is done with it and workers are still in the call
 *
 * WHO HOLDS IT.  The connection, the response and the workers each hold the job;
 * it is freed, with its body and its call, when none does.  A response outlives
 * its connection's interest in it and a call may outlive both.
 *
 * THREADS.  The loop's, but for job_next(), job_block() and job_done() in job.c,
 * which run on workers between SUBMITTED and the end of work, and for the memory
 * of large jobs, which is freed aside.
 */
#ifndef SERVER_JOB_H
#define SERVER_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "api.h"
#include "buffer.h"
#include "coding.h"
#include "framing.h"
#include "ids.h"
#include "loop.h"
#include "pool.h"
#include "aside.h"

struct MHD_Connection;
struct srv_conn;

enum srv_job_state {
	SRV_JOB_READING,
	SRV_JOB_RUNNING,
	SRV_JOB_SUBMITTED,
	SRV_JOB_REPLYING,
	SRV_JOB_ABANDONED,
	SRV_JOB_ORPHANED,
	SRV_JOB_DONE,
	SRV_JOB_STATE_COUNT
};

enum srv_holder {
	SRV_HELD_BY_CONNECTION = 1 << 0,
	SRV_HELD_BY_RESPONSE = 1 << 1,
	SRV_HELD_BY_WORKERS = 1 << 2,
};

struct srv_job {
	struct srv_task task;
	struct srv_errand errand; /* aside: a report, and the end of a large job */
	struct srv_loop *loop;
	struct srv_job *before, *after; /* in loop->jobs */
	struct srv_job *next_finished;

	enum srv_job_state state;
	unsigned holders; /* set of enum srv_holder */

	struct srv_conn *conn; /* NULL when the connection is done with the job */
	struct MHD_Connection *http;

	/* The request. The text is in `memory`. */
	struct api_request request;
	const char *method, *path;
	struct srv_framing framing;
	struct srv_buffer body;
	size_t body_skew;        /* bytes in front of it, for the alignment of what is in it */
	enum srv_coding coding;  /* of the body */
	struct srv_buffer plain; /* the body without it */
	uint64_t body_bytes_max;
	uint64_t timeout_ms;
	bool is_admitted; /* counts for --queue-requests */
	bool is_unread;   /* the body was refused: the connection ends with the reply */
	bool client_is_gone;
	enum api_problem said; /* on the socket, by srv_conn_say() */
	char request_id[SRV_REQUEST_ID_BYTES];
	char trace_id[SRV_TRACE_ID_BYTES];

	/* The work. */
	struct api_call *call;
	size_t blocks_ready; /* when the loop hands over a call it has begun */
	bool has_ended;      /* the call: compressing its reply may follow */
	const struct api_reply *reply;
	struct api_reply problem_reply; /* what `reply` is for a problem of the server's */
	struct api_slice problem_slice;
	char *problem_text;
	struct api_reply coded_reply; /* what `reply` is if it was compressed */
	struct api_slice coded_slice;
	struct srv_buffer coded;
	size_t next_slice, next_byte; /* of a reply that is sent by a reader */

	/* Times, by uv_hrtime(). */
	uint64_t begun_ns, complete_ns, started_ns, mark_ns, ended_ns;
	uint64_t stage_ns[API_STAGE_COUNT];

	char memory[]; /* headers and text of the request */
};

/* A job for a request whose head has arrived, READING and held by the
 * connection; what of the head is needed is copied.  NULL if there is no
 * memory. */
struct srv_job *srv_job_new(struct srv_loop *loop, struct srv_conn *conn,
			    struct MHD_Connection *http, const struct srv_head *head,
			    const struct api_match *match);

/* Answer with a problem instead of evaluating: READING -> REPLYING. */
void srv_job_refuse(struct srv_job *job, const struct srv_refusal *refusal);

/* Room for a body of known length, before any of it has arrived. */
enum api_problem srv_job_expect_body(struct srv_job *job, uint64_t bytes,
				     struct srv_refusal *refusal);

/* More of the body. On a problem the job is not fit for more. */
enum api_problem srv_job_append(struct srv_job *job, const char *data, size_t bytes,
				struct srv_refusal *refusal);

/* The request is complete: evaluate, here or on the pool. Leaves it REPLYING, or
 * SUBMITTED if the connection is to be suspended. */
void srv_job_start(struct srv_job *job);

/* The deadline has passed, or the daemon stops: answer with that problem now,
 * unless a reply is on its way already. */
void srv_job_give_up(struct srv_job *job, enum api_problem problem);

/* The client of a suspended connection has gone. */
void srv_job_hung_up(struct srv_job *job);

/* The workers are done with it; called by the loop for what was posted. */
void srv_job_finished(struct srv_job *job);

/* The connection's part ends; the job must not be used after this. */
void srv_job_leave_connection(struct srv_job *job);

/* The response's part begins and ends. */
void srv_job_hold_for_response(struct srv_job *job);
void srv_job_leave_response(struct srv_job *job);

#endif
