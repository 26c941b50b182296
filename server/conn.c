/*
 * Happy path: libmicrohttpd takes a connection in, srv_conn_new() makes its
 * struct and waits for headers; http.c calls srv_conn_expect() as the request
 * moves on; srv_conn_close() closes the handles, and the last close callback
 * frees the struct.
 *
 * Deadlines: one timer.  A later deadline does not touch it: when it fires too
 * early it is set again for what is left, so a busy connection costs no timer
 * operations.  When the deadline has really passed:
 *   IDLE, HEADERS, SEND  the socket is shut down, libmicrohttpd reads the end of
 *                        file and closes;
 *   BODY                 a body that keeps up the minimal rate gets more time;
 *                        otherwise 408 is written to the socket, and the next
 *                        byte, or a short deadline, ends the connection;
 *   WORK                 the job answers 504 at once, workers or not.
 *
 * Hang-up while reading: libmicrohttpd (0.9.75) misses the end of a stream that
 * arrives together with its last data, for it takes a short read as the end of
 * what there is and its epoll reports only changes.  So now and then the socket
 * is looked at from here.
 *
 * Hang-up while suspended: libmicrohttpd does not look at the socket, so the
 * loop polls it for the peer's end; http.c resumes the connection, which then
 * closes, and the job is cancelled.
 */
#define _GNU_SOURCE
#include "conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "job.h"
#include "linger.h"
#include "loop.h"

enum {
	LAST_WORD_MS = 1000, /* to read it, before what the client sends is cut off */
	CHECK_MS = 250,
};

/* ---- Life ----------------------------------------------------------------- */

static void list_add(struct srv_conn *conn)
{
	struct srv_loop *loop = conn->loop;

	conn->after = loop->conns;
	if (conn->after)
		conn->after->before = conn;
	loop->conns = conn;
	loop->conn_count++;
}

static void list_remove(struct srv_conn *conn)
{
	struct srv_loop *loop = conn->loop;

	*(conn->before ? &conn->before->after : &loop->conns) = conn->after;
	if (conn->after)
		conn->after->before = conn->before;
	loop->conn_count--;
}

struct srv_conn *srv_conn_new(struct srv_loop *loop, int fd, const struct srv_address *peer)
{
	struct srv_conn *conn = calloc(1, sizeof *conn);

	if (!conn)
		return NULL;
	conn->loop = loop;
	conn->fd = fd;
	conn->peer = *peer;
	uv_timer_init(&loop->uv, &conn->timer);
	conn->timer.data = conn;
	conn->handles = 1;
	list_add(conn);
	srv_counter_add(&loop->stats->counts.opened, 1);
	srv_conn_expect(conn, SRV_WAIT_HEADERS, loop->srv->config->header_ms);
	return conn;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct srv_conn *conn = handle->data;

	if (--conn->handles == 0)
		free(conn);
}

void srv_conn_close(struct srv_conn *conn)
{
	struct srv_loop *loop = conn->loop;

	if (conn->linger)
		srv_linger_start(loop, conn->fd);
	list_remove(conn);
	srv_counter_add(&loop->stats->counts.closed, 1);
	srv_peers_give(loop->srv->peers, &conn->peer);
	srv_connected_end(loop->srv);
	uv_close((uv_handle_t *)&conn->timer, on_handle_closed);
	if (conn->has_hangup)
		uv_close((uv_handle_t *)&conn->hangup, on_handle_closed);
	srv_loop_note_end(loop);
}

void srv_conn_shutdown(struct srv_conn *conn)
{
	shutdown(conn->fd, SHUT_RDWR);
}

/* ---- Deadlines ------------------------------------------------------------ */

static void on_deadline(uv_timer_t *timer);

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void arm(struct srv_conn *conn)
{
	uint64_t now = uv_now(&conn->loop->uv), due = earlier(conn->deadline_ms, conn->check_ms);

	uv_timer_start(&conn->timer, on_deadline, due > now ? due - now : 0, 0);
}

static uint64_t rate_ms(const struct srv_conn *conn, uint64_t bytes)
{
	return bytes / conn->loop->srv->config->rate_bytes * 1000 +
	       bytes % conn->loop->srv->config->rate_bytes * 1000 /
		       conn->loop->srv->config->rate_bytes;
}

static uint64_t body_bytes(const struct srv_conn *conn)
{
	return conn->job ? conn->job->request.body_bytes : 0;
}

/* A body that has kept up the minimal rate may take longer. */
static bool is_extended(struct srv_conn *conn)
{
	uint64_t until = conn->wait_since_ms + conn->loop->srv->config->body_ms +
			 rate_ms(conn, body_bytes(conn));

	if (conn->wait != SRV_WAIT_BODY || until <= uv_now(&conn->loop->uv))
		return false;
	conn->deadline_ms = until;
	return true;
}

static void say_late(struct srv_conn *conn)
{
	struct srv_refusal refusal;

	srv_refuse(&refusal, API_REQUEST_TIMEOUT, "%llu bytes of the body arrived in %llu ms",
		   (unsigned long long)body_bytes(conn),
		   (unsigned long long)(uv_now(&conn->loop->uv) - conn->wait_since_ms));
	srv_conn_say(conn, &refusal);
}

static void expire(struct srv_conn *conn)
{
	switch (conn->wait) {
	case SRV_WAIT_IDLE:
	case SRV_WAIT_HEADERS:
	case SRV_WAIT_SEND:
		srv_conn_shutdown(conn);
		break;
	case SRV_WAIT_BODY:
		say_late(conn);
		break;
	case SRV_WAIT_WORK:
		if (conn->job)
			srv_job_give_up(conn->job, API_DEADLINE);
		srv_loop_turn(conn->loop);
		break;
	}
}

/* The next time to look whether the peer has gone.  Between requests once is
 * enough: whatever ends the stream later is noticed. */
static uint64_t next_check(const struct srv_conn *conn, bool again)
{
	bool wanted = conn->wait == SRV_WAIT_HEADERS || conn->wait == SRV_WAIT_BODY ||
		      (conn->wait == SRV_WAIT_IDLE && !again);

	return wanted ? uv_now(&conn->loop->uv) + CHECK_MS : UINT64_MAX;
}

/* The end of the stream, with nothing unread before it. */
static bool peer_is_gone(const struct srv_conn *conn)
{
	char byte;

	return recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void on_deadline(uv_timer_t *timer)
{
	struct srv_conn *conn = timer->data;
	uint64_t now = uv_now(&conn->loop->uv);

	if (now >= conn->check_ms) {
		conn->check_ms = next_check(conn, true);
		if (peer_is_gone(conn)) {
			srv_conn_shutdown(conn);
			return;
		}
	}
	if (now >= conn->deadline_ms && !is_extended(conn))
		expire(conn); /* the connection may be gone after this */
	else
		arm(conn);
}

void srv_conn_expect(struct srv_conn *conn, enum srv_wait wait, uint64_t ms)
{
	uint64_t now = uv_now(&conn->loop->uv);

	conn->wait = wait;
	conn->wait_since_ms = now;
	conn->deadline_ms = now + ms;
	conn->check_ms = next_check(conn, false);
	if (!uv_is_active((uv_handle_t *)&conn->timer) ||
	    now + uv_timer_get_due_in(&conn->timer) > earlier(conn->deadline_ms, conn->check_ms))
		arm(conn);
}

void srv_conn_expect_sent(struct srv_conn *conn, uint64_t bytes)
{
	srv_conn_expect(conn, SRV_WAIT_SEND,
			conn->loop->srv->config->body_ms + rate_ms(conn, bytes));
}

/* ---- Hang-up -------------------------------------------------------------- */

static void on_hangup(uv_poll_t *poll, int status, int events)
{
	struct srv_conn *conn = poll->data;

	if (status == 0 && !(events & UV_DISCONNECT))
		return;
	uv_poll_stop(poll);
	if (conn->job)
		srv_job_hung_up(conn->job);
	srv_loop_turn(conn->loop);
}

void srv_conn_watch(struct srv_conn *conn)
{
	if (!conn->has_hangup) {
		if (uv_poll_init(&conn->loop->uv, &conn->hangup, conn->fd) != 0)
			return; /* the deadline still holds */
		conn->hangup.data = conn;
		conn->has_hangup = true;
		conn->handles++;
	}
	uv_poll_start(&conn->hangup, UV_DISCONNECT, on_hangup);
}

void srv_conn_unwatch(struct srv_conn *conn)
{
	if (conn->has_hangup)
		uv_poll_stop(&conn->hangup);
}

/* ---- The last word -------------------------------------------------------- */

void srv_conn_say(struct srv_conn *conn, const struct srv_refusal *refusal)
{
	char head[512];
	size_t bytes;
	char *body = api_problem_document(refusal->problem, refusal->detail, refusal->limit,
					  refusal->actual, &bytes);
	int head_bytes =
		snprintf(head, sizeof head,
			 "HTTP/1.1 %d %s\r\n"
			 "Content-Type: application/problem+json\r\n"
			 "Content-Length: %zu\r\n"
			 "X-Content-Type-Options: nosniff\r\n"
			 "Cache-Control: no-store\r\n"
			 "%s"
			 "Connection: close\r\n\r\n",
			 api_problem_status(refusal->problem), api_problem_title(refusal->problem),
			 body ? bytes : 0,
			 api_problem_status(refusal->problem) == 503 ? "Retry-After: 1\r\n" : "");

	/* Less than any socket buffer, which is empty: it fits, or the client is gone. */
	if (send(conn->fd, head, (size_t)head_bytes, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE) > 0 &&
	    body)
		(void)!send(conn->fd, body, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
	free(body);
	if (conn->job)
		conn->job->said = refusal->problem;
	conn->linger = true;
	srv_conn_expect(conn, SRV_WAIT_SEND, LAST_WORD_MS);
}
