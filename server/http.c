/*
 * Happy path: libmicrohttpd calls on_request() when a head is complete (a job is
 * made), for every piece of the body, and when the body is complete (the job
 * starts).  A job that goes to the pool suspends its connection; srv_http_resume()
 * makes libmicrohttpd call once more, and the reply is queued.  on_completed()
 * ends the job's part of the connection when the last byte is out.
 *
 * Failures:
 *   refused before the body        the reply is queued from the first call; what
 *                                  the client still sends is not read, and the
 *                                  connection closes (and lingers);
 *   refused in the middle of it    no response can be queued there: it is written
 *                                  to the socket, and the connection closes;
 *   the client has gone            MHD_NO: the connection closes;
 *   unreadable requests            libmicrohttpd answers by itself and calls
 *                                  nobody but its logger: counted from there;
 *   no memory for a job            a response kept for that.
 *
 * A request without a body is answered from the second call: a response queued
 * from the first makes libmicrohttpd close the connection.
 */
#define _GNU_SOURCE
#include "http.h"

#include <ctype.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "admit.h"
#include "conn.h"
#include "job.h"
#include "loop.h"

#if MHD_VERSION < 0x00097500
#error "libmicrohttpd 0.9.75 (Debian 12) or newer is needed"
#endif

enum {
	CONNECTION_MEMORY_BYTES = 64 << 10,
	PARSER_LINES_A_SECOND = 10,
	/* libmicrohttpd (0.9.75) copies a vector into the memory of the connection
	 * and aborts the process if that is too small; nor does one system call take
	 * more. */
	VECTOR_SLICES_MAX = 1024,
	PIECE_BYTES = 128 << 10,
};

/* ---- Connections ---------------------------------------------------------- */

/* What MHD_get_connection_info() points to is good until its next call. */

static struct srv_conn *conn_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static bool peer_of(struct MHD_Connection *connection, struct srv_address *peer)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *address = info ? info->client_addr : NULL;

	memset(peer, 0, sizeof *peer);
	if (!address)
		return false;
	switch (address->sa_family) {
	case AF_INET:
		peer->bytes = sizeof(struct sockaddr_in);
		break;
	case AF_INET6:
		peer->bytes = sizeof(struct sockaddr_in6);
		break;
	default:
		peer->bytes = sizeof address->sa_family;
	}
	memcpy(&peer->storage, address, peer->bytes);
	return true;
}

static int socket_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

static void on_connection(void *ctx, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct srv_loop *loop = ctx;
	struct srv_address peer;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*socket_context)
			srv_conn_close(*socket_context);
		*socket_context = NULL;
		return;
	}
	if (peer_of(connection, &peer))
		*socket_context = srv_conn_new(loop, socket_of(connection), &peer);
	loop->peer_was_taken_over = *socket_context != NULL;
}

bool srv_http_add(struct srv_loop *loop, int fd, const struct srv_address *peer)
{
	if (!srv_peers_take(loop->srv->peers, peer, uv_hrtime())) {
		srv_counter_add(&loop->stats->counts.refused, 1);
		srv_connected_end(loop->srv);
		close(fd);
		return false;
	}
	loop->peer_was_taken_over = false;
	if (MHD_add_connection(loop->http, fd, &peer->any, peer->bytes) == MHD_YES &&
	    loop->peer_was_taken_over)
		return true;
	if (!loop->peer_was_taken_over) {
		srv_peers_give(loop->srv->peers, peer);
		srv_connected_end(loop->srv);
	}
	return false;
}

/* ---- Replies -------------------------------------------------------------- */

static void on_response_freed(void *ctx)
{
	srv_job_leave_response(ctx);
}

static struct MHD_Response *response_of_slices(struct srv_job *job)
{
	const struct api_reply *reply = job->reply;
	struct MHD_IoVec *vec = calloc(reply->slice_count, sizeof *vec);
	struct MHD_Response *response;

	if (!vec)
		return NULL;
	for (size_t i = 0; i < reply->slice_count; i++)
		vec[i] = (struct MHD_IoVec){reply->slices[i].data, reply->slices[i].bytes};
	response = MHD_create_response_from_iovec(vec, (unsigned)reply->slice_count,
						  on_response_freed, job);
	free(vec); /* it has been copied */
	return response;
}

/* libmicrohttpd asks for one piece after another. */
static ssize_t read_slices(void *ctx, uint64_t at, char *to, size_t room)
{
	struct srv_job *job = ctx;
	const struct api_reply *reply = job->reply;
	size_t used = 0;

	(void)at;
	while (used < room && job->next_slice < reply->slice_count) {
		const struct api_slice *slice = &reply->slices[job->next_slice];
		size_t left = slice->bytes - job->next_byte;
		size_t part = left < room - used ? left : room - used;

		memcpy(to + used, (const char *)slice->data + job->next_byte, part);
		used += part;
		job->next_byte += part;
		if (part == left) {
			job->next_slice++;
			job->next_byte = 0;
		}
	}
	return used > 0 ? (ssize_t)used : MHD_CONTENT_READER_END_OF_STREAM;
}

/* A socket may take megabytes in one call: 600 us for 4 MB, in which the loop
 * answers nobody.  Piece by piece it is some 50 us at a time, but copying twice
 * makes the whole take a fifth longer; so that is only done while others wait. */
static bool is_to_be_shared(const struct srv_job *job)
{
	return job->reply->bytes > PIECE_BYTES && job->loop->conn_count > 1;
}

/* The body is the call's memory, not a copy, unless others want to be served
 * meanwhile or it has very many slices. */
static struct MHD_Response *response_of(struct srv_job *job)
{
	const struct api_reply *reply = job->reply;
	struct MHD_Response *response;

	/* One piece goes out in one system call with the header. */
	if (is_to_be_shared(job) || reply->slice_count > VECTOR_SLICES_MAX)
		response = MHD_create_response_from_callback(reply->bytes, PIECE_BYTES, read_slices,
							     job, on_response_freed);
	else if (reply->slice_count > 1)
		response = response_of_slices(job);
	else
		response = MHD_create_response_from_buffer_with_free_callback_cls(
			reply->bytes, (void *)(reply->slice_count ? reply->slices[0].data : ""),
			on_response_freed, job);
	if (response)
		srv_job_hold_for_response(job);
	return response;
}

/* The reply is that of a call that has ended: its times and outcomes may be read.
 * Otherwise workers may still be writing them. */
static bool is_evaluated(const struct srv_job *job)
{
	return job->reply && job->reply != &job->problem_reply;
}

static void add_server_timing(struct MHD_Response *response, const struct srv_job *job)
{
	char text[160];

	if (!is_evaluated(job) || job->reply->problem)
		return;
	snprintf(text, sizeof text,
		 "queue;dur=%.3f, decode;dur=%.3f, evaluate;dur=%.3f, encode;dur=%.3f",
		 (double)(job->started_ns - job->complete_ns) / 1e6,
		 (double)job->stage_ns[API_DECODE] / 1e6, (double)job->stage_ns[API_EVALUATE] / 1e6,
		 (double)job->stage_ns[API_ENCODE] / 1e6);
	MHD_add_response_header(response, "Server-Timing", text);
}

/* A header that goes with a problem of the server's. */
static void add_problem_headers(struct MHD_Response *response, struct srv_job *job)
{
	const struct api_match *match = &job->request.match;
	char seconds[16];

	if (is_evaluated(job)) /* the api has seen to that */
		return;
	switch (job->reply->status) {
	case 401:
		MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"lossd\"");
		break;
	case 405:
		MHD_add_response_header(response, "Allow", match->allow);
		break;
	case 415: /* only its coding can be wrong here */
		MHD_add_response_header(response, "Accept-Encoding", SRV_CODINGS);
		break;
	case 429: /* a second refills what there is */
		MHD_add_response_header(response, "Retry-After", "1");
		break;
	case 503:
		snprintf(seconds, sizeof seconds, "%u",
			 srv_retry_after(job->loop->srv, srv_loop_random(job->loop)));
		MHD_add_response_header(response, "Retry-After", seconds);
		break;
	default:
		break;
	}
}

static void add_headers(struct MHD_Response *response, struct srv_job *job)
{
	const struct api_reply *reply = job->reply;

	MHD_add_response_header(response, "Content-Type", reply->content_type);
	for (int i = 0; i < reply->header_count; i++)
		MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Request-Id", job->request_id);
	if (is_evaluated(job)) /* it could have been compressed */
		MHD_add_response_header(response, "Vary", "Accept-Encoding");
	add_server_timing(response, job);
	add_problem_headers(response, job);
	if (job->is_unread || job->loop->srv->stage != SRV_SERVING)
		MHD_add_response_header(response, "Connection", "close");
}

static enum MHD_Result send_reply(struct srv_job *job)
{
	struct MHD_Response *response = job->client_is_gone ? NULL : response_of(job);
	enum MHD_Result queued;

	if (!response)
		return MHD_NO;
	add_headers(response, job);
	if (job->is_unread)
		job->conn->linger = true;
	srv_conn_expect_sent(job->conn, job->reply->bytes);
	queued = MHD_queue_response(job->http, (unsigned)job->reply->status, response);
	MHD_destroy_response(response); /* the connection has its own reference */
	return queued;
}

/* The 503 for when there is not even memory for a job. */
static enum MHD_Result send_no_memory(struct MHD_Connection *connection)
{
	static char text[] = "{\"title\":\"The memory for requests is in use\",\"status\":503,"
			     "\"code\":\"memory_full\"}";
	struct MHD_Response *response =
		MHD_create_response_from_buffer(sizeof text - 1, text, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result queued;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", "application/problem+json");
	MHD_add_response_header(response, "Retry-After", "1");
	MHD_add_response_header(response, "Connection", "close");
	queued = MHD_queue_response(connection, 503, response);
	MHD_destroy_response(response);
	return queued;
}

/* ---- Requests ------------------------------------------------------------- */

static enum MHD_Result on_header(void *ctx, enum MHD_ValueKind kind, const char *name,
				 size_t name_bytes, const char *value, size_t value_bytes)
{
	(void)kind;
	srv_head_add(ctx, name, name_bytes, value, value_bytes);
	return MHD_YES;
}

/* More headers than there is room for are not looked at: the request is refused. */
static void read_head(struct srv_head *head, struct MHD_Connection *connection,
		      const struct srv_conn *conn)
{
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_header, head);
	head->uri_bytes = conn->uri_bytes;
	head->uri_has_space = conn->uri_has_space;
}

static void refuse(struct srv_job *job, const struct srv_refusal *refusal)
{
	job->is_unread = job->framing.body != SRV_NO_BODY || refusal->problem == API_FRAMING;
	srv_job_refuse(job, refusal);
}

/* A body where there is none to be (GET with a body): answered without it. */
static bool takes_no_body(const struct srv_job *job)
{
	return job->framing.body != SRV_NO_BODY &&
	       !(job->request.match.route->flags & API_ROUTE_BODY);
}

static void start_unread(struct srv_job *job)
{
	job->is_unread = true;
	srv_job_start(job);
}

/* The head has arrived. */
static enum MHD_Result begin(struct srv_loop *loop, struct srv_conn *conn,
			     struct MHD_Connection *connection, struct srv_head *head, void **ctx)
{
	struct srv_admission admission;
	struct srv_refusal refusal = {0};
	struct srv_job *job;

	read_head(head, connection, conn);
	srv_admission_check(loop->srv, &conn->peer, head, &admission, &refusal);
	if (head->header_count > SRV_HEADERS_MAX)
		head->header_count = SRV_HEADERS_MAX;
	job = srv_job_new(loop, conn, connection, head, &admission.match);
	if (!job) {
		if (admission.is_admitted)
			srv_admitted_end(loop->srv);
		return send_no_memory(connection);
	}
	*ctx = job;
	conn->job = job;
	job->framing = admission.framing;
	job->coding = admission.coding;
	job->is_admitted = admission.is_admitted;
	if (!refusal.problem && job->framing.body == SRV_BODY_LENGTH && !takes_no_body(job))
		srv_job_expect_body(job, job->framing.length, &refusal);
	if (refusal.problem)
		refuse(job, &refusal);
	else if (takes_no_body(job))
		start_unread(job);
	if (job->is_unread)
		return send_reply(job);
	srv_conn_expect(conn, SRV_WAIT_BODY, loop->srv->config->body_ms);
	return MHD_YES;
}

/* A piece of the body has arrived. */
static enum MHD_Result take_body(struct srv_job *job, const char *data, size_t *bytes)
{
	struct srv_refusal refusal;

	if (job->said)
		return MHD_NO;
	if (job->state == SRV_JOB_READING && srv_job_append(job, data, *bytes, &refusal)) {
		srv_conn_say(job->conn, &refusal);
		return MHD_NO;
	}
	*bytes = 0;
	return MHD_YES;
}

/* The request is complete, or its job has been resumed. */
static enum MHD_Result go_on(struct srv_job *job)
{
	if (job->state == SRV_JOB_READING)
		srv_job_start(job);
	if (job->state != SRV_JOB_SUBMITTED)
		return send_reply(job);
	MHD_suspend_connection(job->http);
	srv_conn_watch(job->conn);
	return MHD_YES;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *body,
				  size_t *body_bytes, void **request_ctx)
{
	struct srv_job *job = *request_ctx;
	struct srv_conn *conn = conn_of(connection);

	if (!conn)
		return MHD_NO; /* there was no memory for it */
	if (!job) {
		struct srv_head head = {
			.method = method, .path = srv_target_path(path), .version = version};

		return begin(ctx, conn, connection, &head, request_ctx);
	}
	return *body_bytes > 0 ? take_body(job, body, body_bytes) : go_on(job);
}

void srv_http_resume(struct srv_job *job)
{
	srv_conn_unwatch(job->conn);
	MHD_resume_connection(job->http);
}

/* ---- The end of a request ------------------------------------------------- */

/* What to log and count of a job that was not answered by its reply. */
static enum api_problem problem_of(const struct srv_job *job)
{
	if (job->said)
		return job->said;
	if (job->reply && !job->client_is_gone)
		return job->reply->problem;
	return API_CANCELLED;
}

static uint64_t bytes_out(const struct srv_job *job)
{
	if (!job->reply || job->client_is_gone || strcmp(job->method, "HEAD") == 0)
		return 0;
	return job->reply->bytes;
}

static const char *end_name(enum MHD_RequestTerminationCode code)
{
	switch (code) {
	case MHD_REQUEST_TERMINATED_COMPLETED_OK:
		return "";
	case MHD_REQUEST_TERMINATED_CLIENT_ABORT:
	case MHD_REQUEST_TERMINATED_READ_ERROR:
		return "client_gone";
	case MHD_REQUEST_TERMINATED_TIMEOUT_REACHED:
		return "timeout";
	case MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN:
		return "shutdown";
	default:
		return "broken_off";
	}
}

static const char *loss_of(const struct srv_job *job)
{
	const struct api_outcome *outcomes;
	size_t count = 0;

	if (!is_evaluated(job))
		return NULL;
	outcomes = api_call_outcomes(job->call, &count);
	return count > 0 ? outcomes[0].loss : NULL;
}

static void log_request(const struct srv_job *job, const struct srv_request_facts *facts,
			enum api_problem problem, const char *end)
{
	char client[SRV_ADDRESS_TEXT_BYTES];
	struct srv_log_line line;

	srv_log_begin(&line, job->loop->srv->log, SRV_INFO, "request");
	if (!line.log)
		return;
	srv_address_text(&job->conn->peer, client);
	srv_log_text(&line, "request_id", job->request_id);
	srv_log_text(&line, "trace_id", job->trace_id);
	srv_log_text(&line, "method", job->method);
	srv_log_text(&line, "route", facts->route ? facts->route->path : "none");
	srv_log_text(&line, "path", job->path);
	srv_log_number(&line, "status", (uint64_t)facts->status);
	srv_log_text(&line, "code", api_problem_slug(problem));
	srv_log_number(&line, "bytes_in", facts->bytes_in);
	srv_log_number(&line, "bytes_out", facts->bytes_out);
	srv_log_ms(&line, "duration_ms", facts->duration_ns);
	if (is_evaluated(job))
		srv_log_ms(&line, "queue_ms", job->started_ns - job->complete_ns);
	srv_log_text(&line, "loss", loss_of(job));
	srv_log_text(&line, "client", client);
	srv_log_text(&line, "end", end);
	srv_log_end(&line);
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **request_ctx,
			 enum MHD_RequestTerminationCode code)
{
	struct srv_loop *loop = ctx;
	struct srv_job *job = *request_ctx;
	struct srv_conn *conn = conn_of(connection);
	struct srv_request_facts facts;
	enum api_problem problem;
	int reason;

	*request_ctx = NULL;
	if (conn)
		srv_conn_expect(conn, SRV_WAIT_IDLE, loop->srv->config->idle_ms);
	if (!job)
		return;
	problem = problem_of(job);
	facts = (struct srv_request_facts){
		.route = job->request.match.route,
		.status = problem || !job->reply ? api_problem_status(problem) : job->reply->status,
		.bytes_in = job->request.body_bytes,
		.bytes_out = bytes_out(job),
		.duration_ns = uv_hrtime() - job->begun_ns,
	};
	srv_stats_request(loop->stats, &facts);
	reason = srv_rejection_of(problem);
	if (reason >= 0)
		srv_counter_add(&loop->stats->counts.rejected[reason], 1);
	log_request(job, &facts, problem, end_name(code));
	job->conn->job = NULL;
	srv_job_leave_connection(job);
}

/* ---- What libmicrohttpd asks and says besides ----------------------------- */

/* The first line of a request has been read: its headers may take so long. */
static void *on_uri(void *ctx, const char *uri, struct MHD_Connection *connection)
{
	struct srv_loop *loop = ctx;
	struct srv_conn *conn = conn_of(connection);

	if (!conn)
		return NULL;
	conn->request_ns = uv_hrtime();
	conn->uri_bytes = uri ? strlen(uri) : 0;
	conn->uri_has_space = uri && strpbrk(uri, " \t") != NULL;
	if (conn->wait == SRV_WAIT_IDLE)
		srv_conn_expect(conn, SRV_WAIT_HEADERS, loop->srv->config->header_ms);
	return NULL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoding in place.  %00 stays as it stands: a path must not end where
 * its text does not. */
static size_t on_unescape(void *ctx, struct MHD_Connection *connection, char *text)
{
	char *to = text;

	(void)ctx;
	(void)connection;
	for (const char *from = text; *from; from++) {
		int high = *from == '%' ? hex_digit(from[1]) : -1;
		int low = high >= 0 ? hex_digit(from[2]) : -1;

		*to = *from;
		if (low >= 0 && high + low > 0) {
			*to = (char)(high << 4 | low);
			from += 2;
		}
		to++;
	}
	*to = '\0';
	return (size_t)(to - text);
}

/* "Error processing request (HTTP response code is 400 ...": the only sign of a
 * request that libmicrohttpd could not read. */
static int status_in(const char *message)
{
	static const char before[] = "HTTP response code is ";
	const char *found = strstr(message, before);

	return found ? atoi(found + strlen(before)) : 0;
}

static void __attribute__((format(printf, 2, 0)))
on_log(void *ctx, const char *format, va_list args)
{
	struct srv_loop *loop = ctx;
	struct srv_log_line line;
	char message[512];
	int status;

	vsnprintf(message, sizeof message, format, args);
	message[strcspn(message, "\r\n")] = '\0';
	status = status_in(message);
	if (status) {
		srv_counter_add(&loop->stats->counts.requests[0][srv_stats_status(status)], 1);
		srv_counter_add(&loop->stats->counts.rejected[SRV_REJECTED_malformed], 1);
	}
	if (!srv_log_allow(&loop->log_limit, PARSER_LINES_A_SECOND))
		return;
	srv_log_begin(&line, loop->srv->log, SRV_WARN, "http");
	srv_log_text(&line, "text", message);
	if (loop->log_limit.suppressed > 0)
		srv_log_number(&line, "suppressed", loop->log_limit.suppressed);
	loop->log_limit.suppressed = 0;
	srv_log_end(&line);
}

/* ---- Start, run, stop ----------------------------------------------------- */

bool srv_http_start(struct srv_loop *loop, int *epoll_fd)
{
	const union MHD_DaemonInfo *info;

	loop->http = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET |
			MHD_USE_ERROR_LOG,
		0, NULL, NULL, on_request, loop,                   /* the logger is to be first */
		MHD_OPTION_EXTERNAL_LOGGER, on_log, loop,          /**/
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, loop, /**/
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, loop,   /**/
		MHD_OPTION_URI_LOG_CALLBACK, on_uri, loop,         /**/
		MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, loop,   /**/
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)loop->srv->config->connections, /**/
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,   /**/
		MHD_OPTION_CONNECTION_TIMEOUT, 0u, /* conn.c has deadlines of its own */
		MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
#if MHD_VERSION >= 0x00097701
		MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1,
#else
		/* What 1 would refuse, framing.c does, with a reply that is not broken. */
		MHD_OPTION_STRICT_FOR_CLIENT, 0,
#endif
		MHD_OPTION_END);
	if (!loop->http)
		return false;
	info = MHD_get_daemon_info(loop->http, MHD_DAEMON_INFO_EPOLL_FD);
	*epoll_fd = info ? info->epoll_fd : -1;
	return true;
}

void srv_http_stop(struct srv_loop *loop)
{
	if (loop->http)
		MHD_stop_daemon(loop->http);
	loop->http = NULL;
}

void srv_http_run(struct srv_loop *loop)
{
	MHD_run(loop->http);
}

bool srv_http_timeout(struct srv_loop *loop, uint64_t *ms)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	if (MHD_get_timeout(loop->http, &timeout) != MHD_YES)
		return false;
	*ms = timeout;
	return true;
}
