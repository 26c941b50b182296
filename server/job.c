/*
 * Happy path: http.c makes the job when the head has arrived, appends the body,
 * and calls srv_job_start().  A small request is evaluated there and then.  A
 * large one goes to the pool; when the workers are done, job_done() posts it to
 * its loop, which calls srv_job_finished(): the reply is the call's, and the
 * connection is resumed to send it.
 *
 * Failures:
 *   no memory for the call            503, nothing was started;
 *   a body that cannot be decompressed the call is told so, and its reply is that;
 *   more blocks than fit on the loop  handed to the pool in the middle, or 503;
 *   deadline, hang-up, shutdown       a task that waits is taken back; one that
 *                                     runs is cancelled and abandoned: the
 *                                     client gets its answer now, the workers
 *                                     leave the call at the next block;
 *   the client goes while READING or REPLYING
 *                                     libmicrohttpd says so, the connection
 *                                     lets go of the job.
 */
#define _GNU_SOURCE
#include "job.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "http.h"

/* Blocks that the loop evaluates itself; a small body with more (all pairs of
 * many samples) is not small. */
enum { INLINE_BLOCKS_MAX = 16 };

/* Freeing less takes less than handing it over. */
enum { REAPED_BYTES_MIN = 256 << 10 };

enum { ALIGNMENT = 64 };

/* ---- States --------------------------------------------------------------- */

#define TO(state) (1u << SRV_JOB_##state)

static const unsigned allowed[SRV_JOB_STATE_COUNT] = {
	[SRV_JOB_READING] = TO(RUNNING) | TO(REPLYING) | TO(DONE),
	[SRV_JOB_RUNNING] = TO(SUBMITTED) | TO(REPLYING),
	[SRV_JOB_SUBMITTED] = TO(REPLYING) | TO(ABANDONED),
	[SRV_JOB_REPLYING] = TO(DONE),
	[SRV_JOB_ABANDONED] = TO(REPLYING) | TO(ORPHANED),
	[SRV_JOB_ORPHANED] = TO(DONE),
	[SRV_JOB_DONE] = 0,
};

static void move(struct srv_job *job, enum srv_job_state to)
{
	assert(allowed[job->state] & 1u << to);
	job->state = to;
}

/* ---- Life ----------------------------------------------------------------- */

static void list_add(struct srv_job *job)
{
	job->after = job->loop->jobs;
	if (job->after)
		job->after->before = job;
	job->loop->jobs = job;
}

static void list_remove(struct srv_job *job)
{
	*(job->before ? &job->before->after : &job->loop->jobs) = job->after;
	if (job->after)
		job->after->before = job->before;
}

static size_t text_bytes(const struct srv_head *head)
{
	size_t bytes = strlen(head->method) + strlen(head->path) + 2;

	for (size_t i = 0; i < head->header_count; i++)
		bytes += strlen(head->headers[i].name) + strlen(head->headers[i].value) + 2;
	return bytes;
}

static const char *copy(char **to, const char *text)
{
	size_t bytes = strlen(text) + 1;
	char *start = memcpy(*to, text, bytes);

	*to += bytes;
	return start;
}

/* The head belongs to the connection, and the call may outlive that. */
static void copy_head(struct srv_job *job, const struct srv_head *head,
		      const struct api_match *match)
{
	struct api_header *headers = (struct api_header *)job->memory;
	char *text = (char *)(headers + head->header_count);

	job->method = copy(&text, head->method);
	job->path = copy(&text, head->path);
	for (size_t i = 0; i < head->header_count; i++) {
		headers[i].name = copy(&text, head->headers[i].name);
		headers[i].value = copy(&text, head->headers[i].value);
	}
	job->request.headers = headers;
	job->request.header_count = head->header_count;
	job->request.match = *match;
	if (match->arg)
		job->request.match.arg = job->path + (match->arg - head->path);
}

static uint64_t timeout_of(const struct srv_head *head, uint64_t most_ms)
{
	const char *text = srv_head_find(head, "X-Request-Timeout-Ms");
	size_t digits = text ? strspn(text, "0123456789") : 0;
	uint64_t asked_ms;

	if (digits == 0 || digits > 12 || text[digits] != '\0')
		return most_ms;
	asked_ms = strtoull(text, NULL, 10);
	return asked_ms < most_ms ? asked_ms : most_ms;
}

static size_t job_next(struct srv_task *task);
static void job_block(struct srv_task *task, size_t index);
static void job_done(struct srv_task *task);

struct srv_job *srv_job_new(struct srv_loop *loop, struct srv_conn *conn,
			    struct MHD_Connection *http, const struct srv_head *head,
			    const struct api_match *match)
{
	struct srv_job *job = calloc(1, sizeof *job + head->header_count * sizeof *head->headers +
						text_bytes(head));

	if (!job)
		return NULL;
	job->loop = loop;
	job->conn = conn;
	job->http = http;
	job->state = SRV_JOB_READING;
	job->holders = SRV_HELD_BY_CONNECTION;
	job->task.next = job_next;
	job->task.block = job_block;
	job->task.done = job_done;
	job->begun_ns = conn->request_ns;
	job->body.budget = job->plain.budget = job->coded.budget = &loop->srv->api.budget;
	job->body_bytes_max = loop->srv->config->limits.body_bytes;
	job->timeout_ms = timeout_of(head, loop->srv->config->timeout_ms);
	copy_head(job, head, match);
	srv_request_id(job->request_id, srv_head_find(head, "X-Request-Id"), srv_loop_random(loop));
	srv_trace_id(job->trace_id, srv_head_find(head, "traceparent"));
	list_add(job);
	srv_counter_add(&loop->stats->counts.begun, 1);
	return job;
}

/* The evaluation has ended: room for another. */
static void end_admission(struct srv_job *job)
{
	if (job->is_admitted)
		srv_admitted_end(job->loop->srv);
	job->is_admitted = false;
}

/* On the loop or aside: touches nothing of the loop's. */
static void free_memory(struct srv_job *job)
{
	api_call_free(job->call);
	srv_buffer_release(&job->body);
	srv_buffer_release(&job->plain);
	srv_buffer_release(&job->coded);
	free(job->problem_text);
	free(job);
}

static struct srv_job *job_of_errand(struct srv_errand *errand)
{
	return (struct srv_job *)((char *)errand - offsetof(struct srv_job, errand));
}

static void free_errand(struct srv_errand *errand)
{
	free_memory(job_of_errand(errand));
}

static bool is_large(const struct srv_job *job)
{
	return job->body.room + job->plain.room + (job->reply ? job->reply->bytes : 0) >
	       REAPED_BYTES_MIN;
}

static void job_free(struct srv_job *job)
{
	struct srv_loop *loop = job->loop;

	assert(job->state == SRV_JOB_DONE);
	end_admission(job);
	list_remove(job);
	srv_counter_add(&loop->stats->counts.ended, 1);
	job->errand.run = free_errand;
	if (is_large(job))
		srv_aside_take(loop->srv->aside, &job->errand);
	else
		free_memory(job);
	srv_loop_note_end(loop);
}

static void hold(struct srv_job *job, enum srv_holder holder)
{
	assert(!(job->holders & holder));
	job->holders |= holder;
}

static void let_go(struct srv_job *job, enum srv_holder holder)
{
	assert(job->holders & holder);
	job->holders &= ~(unsigned)holder;
	if (job->holders == 0)
		job_free(job);
}

void srv_job_leave_connection(struct srv_job *job)
{
	job->conn = NULL;
	job->http = NULL;
	move(job, job->state == SRV_JOB_ABANDONED ? SRV_JOB_ORPHANED : SRV_JOB_DONE);
	let_go(job, SRV_HELD_BY_CONNECTION);
}

void srv_job_hold_for_response(struct srv_job *job)
{
	hold(job, SRV_HELD_BY_RESPONSE);
}

void srv_job_leave_response(struct srv_job *job)
{
	let_go(job, SRV_HELD_BY_RESPONSE);
}

/* ---- Problems ------------------------------------------------------------- */

/* Make the reply a problem. Without memory it has no body. */
static void set_problem(struct srv_job *job, const struct srv_refusal *refusal)
{
	struct api_reply *reply = &job->problem_reply;
	size_t bytes = 0;

	free(job->problem_text);
	job->problem_text = api_problem_document(refusal->problem, refusal->detail, refusal->limit,
						 refusal->actual, &bytes);
	job->problem_slice = (struct api_slice){job->problem_text, bytes};
	*reply = (struct api_reply){
		.status = api_problem_status(refusal->problem),
		.problem = refusal->problem,
		.content_type = "application/problem+json",
		.slices = &job->problem_slice,
		.slice_count = job->problem_text ? 1 : 0,
		.bytes = job->problem_text ? bytes : 0,
	};
	job->reply = reply;
}

void srv_job_refuse(struct srv_job *job, const struct srv_refusal *refusal)
{
	set_problem(job, refusal);
	move(job, SRV_JOB_REPLYING);
}

static const char *detail_of(enum api_problem problem)
{
	switch (problem) {
	case API_DEADLINE:
		return "the deadline passed before the evaluation was done";
	case API_DRAINING:
		return "the server stopped before the evaluation was done";
	case API_QUEUE_FULL:
		return "as many requests are admitted as the server takes; try again later";
	case API_MEMORY_FULL:
		return "the memory for requests is in use; try again later";
	default:
		return "";
	}
}

static void set_plain_problem(struct srv_job *job, enum api_problem problem)
{
	struct srv_refusal refusal;

	srv_refuse(&refusal, problem, "%s", detail_of(problem));
	set_problem(job, &refusal);
}

/* ---- The body ------------------------------------------------------------- */

static enum api_problem refuse_memory(struct srv_refusal *refusal)
{
	return srv_refuse(refusal, API_MEMORY_FULL, "%s", detail_of(API_MEMORY_FULL));
}

static size_t skew(const char *address)
{
	return -(uintptr_t)address % ALIGNMENT;
}

enum api_problem srv_job_expect_body(struct srv_job *job, uint64_t bytes,
				     struct srv_refusal *refusal)
{
	if (!srv_buffer_resize(&job->body, bytes + ALIGNMENT))
		return refuse_memory(refusal);
	job->body_skew = skew(job->body.data + api_request_binary_offset(&job->request));
	job->body.bytes = job->body_skew;
	return API_PROBLEM_NONE;
}

static enum api_problem refuse_size(struct srv_job *job, uint64_t bytes,
				    struct srv_refusal *refusal)
{
	srv_refuse(refusal, API_BODY_TOO_LARGE,
		   "the body has more than %llu bytes, which is the limit",
		   (unsigned long long)job->body_bytes_max);
	refusal->limit = job->body_bytes_max;
	refusal->actual = bytes;
	return refusal->problem;
}

/* Only a body of unknown length ever grows. */
enum api_problem srv_job_append(struct srv_job *job, const char *data, size_t bytes,
				struct srv_refusal *refusal)
{
	uint64_t total = job->request.body_bytes + bytes, needed = job->body.bytes + bytes;

	if (total > job->body_bytes_max)
		return refuse_size(job, total, refusal);
	if (!srv_buffer_grow(&job->body, needed, job->body_bytes_max))
		return refuse_memory(refusal);
	memcpy(job->body.data + job->body.bytes, data, bytes);
	job->body.bytes = needed;
	job->request.body_bytes = total;
	return API_PROBLEM_NONE;
}

/* ---- The work, on a worker or on the loop --------------------------------- */

static struct srv_job *job_of(struct srv_task *task)
{
	return (struct srv_job *)((char *)task - offsetof(struct srv_job, task));
}

/* Time since the last mark belongs to the stage the call is in: to its blocks
 * before a serial step, to the step behind it. */
static void mark(struct srv_job *job, enum api_stage stage)
{
	uint64_t now = uv_hrtime();

	job->stage_ns[stage] += now - job->mark_ns;
	job->mark_ns = now;
}

/* What the client has compressed. */
static void decode_body(struct srv_job *job)
{
	struct srv_decoder decoder;
	const struct srv_refusal *refusal = &decoder.refusal;

	srv_decoder_init(&decoder, job->coding, job->request.body, job->request.body_bytes,
			 job->body_bytes_max, &job->plain);
	while (!api_call_is_cancelled(job->call) && srv_decoder_step(&decoder))
		;
	srv_decoder_release(&decoder);
	if (refusal->problem)
		api_call_refuse(job->call, refusal->problem, refusal->detail, refusal->limit,
				refusal->actual,
				refusal->problem == API_BAD_CODING ? &decoder.offset : NULL);
	else
		api_call_set_body(job->call, job->plain.data, job->plain.bytes);
	srv_buffer_release(&job->body);
}

/* The coding that the client wants for the reply there is. */
static enum srv_coding reply_coding(const struct srv_job *job)
{
	if (api_call_reply(job->call)->bytes < SRV_CODED_BYTES_MIN ||
	    strcmp(job->method, "HEAD") == 0)
		return SRV_IDENTITY;
	return srv_coding_choose(job->request.headers, job->request.header_count);
}

static void use_coded(struct srv_job *job, enum srv_coding coding)
{
	struct api_reply *reply = &job->coded_reply;

	*reply = *api_call_reply(job->call);
	job->coded_slice = (struct api_slice){job->coded.data, job->coded.bytes};
	reply->slices = &job->coded_slice;
	reply->slice_count = 1;
	reply->bytes = job->coded.bytes;
	reply->headers[reply->header_count++] =
		(struct api_header){"Content-Encoding", srv_coding_name(coding)};
}

/* On a worker, after the call's end. */
static void encode_reply(struct srv_job *job)
{
	enum srv_coding coding = reply_coding(job);
	struct srv_encoder encoder;

	if (coding == SRV_IDENTITY)
		return;
	srv_encoder_init(&encoder, coding, api_call_reply(job->call), &job->coded);
	while (!api_call_is_cancelled(job->call) && srv_encoder_step(&encoder))
		;
	srv_encoder_release(&encoder);
	if (encoder.is_worth_it)
		use_coded(job, coding);
	mark(job, API_ENCODE);
}

/* A body that was read, on its way to be freed: it is its own errand. */
struct spent {
	struct srv_errand errand;
	struct srv_buffer buffer;
};

static void free_spent(struct srv_errand *errand)
{
	struct srv_buffer buffer = ((struct spent *)errand)->buffer;

	srv_buffer_release(&buffer);
}

/* Aside, for giving back many pages takes the system its time. */
static void drop_body(struct srv_job *job, struct srv_buffer *buffer)
{
	struct spent *spent = (struct spent *)buffer->data;

	if (!spent || buffer->room <= REAPED_BYTES_MIN)
		return;
	*spent = (struct spent){{.run = free_spent}, *buffer};
	*buffer = (struct srv_buffer){.budget = buffer->budget};
	srv_aside_take(job->loop->srv->aside, &spent->errand);
}

static size_t run_next(struct srv_job *job)
{
	enum api_stage stage = api_call_stage(job->call);
	size_t blocks;

	if (job->started_ns == 0) {
		job->started_ns = job->mark_ns = uv_hrtime();
		if (job->coding != SRV_IDENTITY)
			decode_body(job);
	} else {
		mark(job, stage);
	}
	blocks = api_call_next(job->call);
	mark(job, stage);
	job->has_ended = blocks == 0;
	if (api_call_has_read_body(job->call)) {
		drop_body(job, &job->body);
		drop_body(job, &job->plain);
	}
	return blocks;
}

static size_t job_next(struct srv_task *task)
{
	struct srv_job *job = job_of(task);
	size_t blocks = job->blocks_ready;

	/* Begun on the loop: waiting is not the time of what is left. */
	if (blocks > 0 || job->has_ended)
		job->mark_ns = uv_hrtime();
	job->blocks_ready = 0;
	if (blocks == 0 && !job->has_ended)
		blocks = run_next(job);
	if (blocks == 0)
		encode_reply(job);
	return blocks;
}

static void job_block(struct srv_task *task, size_t index)
{
	api_call_block(job_of(task)->call, index);
}

static void job_done(struct srv_task *task)
{
	struct srv_job *job = job_of(task);

	job->ended_ns = uv_hrtime();
	srv_loop_post(job->loop, job);
}

/* ---- Starting ------------------------------------------------------------- */

/* What an evaluation adds to the counters; the reply is the call's. */
static void adopt_reply(struct srv_job *job)
{
	struct srv_stats *stats = job->loop->stats;
	struct srv_histogram *phases = stats->distributions.phases;
	const struct api_outcome *outcomes;
	size_t count;

	job->reply = job->coded.data ? &job->coded_reply : api_call_reply(job->call);
	outcomes = api_call_outcomes(job->call, &count);
	srv_stats_outcomes(stats, outcomes, count);
	if (job->request.match.route->flags & API_ROUTE_IMMEDIATE)
		return;
	srv_histogram_record(&phases[SRV_QUEUE], job->started_ns - job->complete_ns);
	srv_histogram_record(&phases[SRV_DECODE], job->stage_ns[API_DECODE]);
	srv_histogram_record(&phases[SRV_EVALUATE], job->stage_ns[API_EVALUATE]);
	srv_histogram_record(&phases[SRV_ENCODE], job->stage_ns[API_ENCODE]);
}

/* Neither waits in a queue nor for a worker. */
static bool is_immediate(const struct srv_job *job)
{
	return job->request.match.route->flags & API_ROUTE_IMMEDIATE;
}

static bool is_small(const struct srv_job *job)
{
	if (is_immediate(job))
		return !(job->request.match.route->flags & API_ROUTE_REPORT);
	return job->request.body_bytes <= job->loop->srv->config->inline_bytes &&
	       job->coding == SRV_IDENTITY;
}

/* Evaluate on the loop. False if what is left is too much for that: many blocks,
 * or a reply to compress. */
static bool run_here(struct srv_job *job)
{
	size_t blocks;

	while ((blocks = run_next(job)) > 0) {
		if (blocks > INLINE_BLOCKS_MAX) {
			job->blocks_ready = blocks;
			return false;
		}
		for (size_t i = 0; i < blocks; i++)
			api_call_block(job->call, i);
	}
	return reply_coding(job) == SRV_IDENTITY;
}

static bool admit(struct srv_job *job)
{
	job->is_admitted = job->is_admitted || srv_admit(job->loop->srv);
	return job->is_admitted;
}

/* All that is left of an immediate job. */
static void run_errand(struct srv_errand *errand)
{
	struct srv_job *job = job_of_errand(errand);
	size_t blocks;

	while ((blocks = job_next(&job->task)) > 0)
		for (size_t i = 0; i < blocks; i++)
			job_block(&job->task, i);
	job_done(&job->task);
}

/* To the pool, or aside: RUNNING -> SUBMITTED. */
static void submit(struct srv_job *job)
{
	struct srv *srv = job->loop->srv;

	hold(job, SRV_HELD_BY_WORKERS);
	move(job, SRV_JOB_SUBMITTED);
	srv_conn_expect(job->conn, SRV_WAIT_WORK, job->timeout_ms);
	job->errand.run = run_errand;
	if (is_immediate(job))
		srv_aside_take(srv->aside, &job->errand);
	else
		srv_pool_submit(srv->pool, &job->task);
}

void srv_job_start(struct srv_job *job)
{
	move(job, SRV_JOB_RUNNING);
	job->complete_ns = uv_hrtime();
	job->request.body = job->body.data ? job->body.data + job->body_skew : "";
	job->call = api_call_new(&job->loop->srv->api, &job->request);
	if (!job->call) {
		set_plain_problem(job, API_MEMORY_FULL);
		move(job, SRV_JOB_REPLYING);
		return;
	}
	if (!(is_small(job) && run_here(job)) && (is_immediate(job) || admit(job))) {
		submit(job);
		return;
	}
	if (job->has_ended) { /* compressed or not */
		job->ended_ns = job->mark_ns;
		adopt_reply(job);
	} else {
		set_plain_problem(job, API_QUEUE_FULL);
	}
	move(job, SRV_JOB_REPLYING);
}

/* ---- Ending --------------------------------------------------------------- */

void srv_job_finished(struct srv_job *job)
{
	switch (job->state) {
	case SRV_JOB_SUBMITTED:
		if (!is_immediate(job))
			srv_note_service(job->loop->srv, job->ended_ns - job->started_ns);
		adopt_reply(job);
		move(job, SRV_JOB_REPLYING);
		srv_http_resume(job);
		break;
	case SRV_JOB_ABANDONED:
		move(job, SRV_JOB_REPLYING);
		break;
	default:
		move(job, SRV_JOB_DONE);
		break;
	}
	end_admission(job);
	let_go(job, SRV_HELD_BY_WORKERS);
}

/* In the middle of a body the connection itself is the only place for an answer. */
static void give_up_reading(struct srv_job *job, enum api_problem problem)
{
	struct srv_refusal refusal;

	srv_refuse(&refusal, problem, "%s", detail_of(problem));
	srv_conn_say(job->conn, &refusal);
}

static void give_up_submitted(struct srv_job *job, enum api_problem problem)
{
	set_plain_problem(job, problem);
	if (!is_immediate(job) && srv_pool_withdraw(job->loop->srv->pool, &job->task)) {
		move(job, SRV_JOB_REPLYING);
		end_admission(job);
		let_go(job, SRV_HELD_BY_WORKERS);
	} else {
		api_call_cancel(job->call, problem);
		move(job, SRV_JOB_ABANDONED);
	}
	srv_http_resume(job);
}

void srv_job_give_up(struct srv_job *job, enum api_problem problem)
{
	if (job->state == SRV_JOB_READING)
		give_up_reading(job, problem);
	else if (job->state == SRV_JOB_SUBMITTED)
		give_up_submitted(job, problem);
}

void srv_job_hung_up(struct srv_job *job)
{
	job->client_is_gone = true;
	srv_job_give_up(job, API_CANCELLED);
}
