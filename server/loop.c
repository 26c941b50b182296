/*
 * Happy path: libmicrohttpd's epoll descriptor is polled by libuv; what it wants
 * done without an event (it reads until its buffer is full and then relies on
 * being called) is asked before each wait and done by a timer.  Accepted sockets
 * are handed to it.  Workers post finished jobs and wake the loop.
 *
 * Stopping, after srv_loop_stop():
 *
 *   RUNNING --listeners closed, idle connections shut--> CLOSED
 *   CLOSED --no job left--> ENDED;  --drain-timeout--> CANCELLED
 *   CANCELLED --no job left, or LAST_WORDS_MS--> ENDED
 *
 * libmicrohttpd aborts the process if it is stopped with suspended connections,
 * so every job gets its reply first.  A worker that does not come back in time
 * leaves an orphaned job; the process then ends without waiting for it.
 *
 * Failures: no descriptors left for accept() - the listeners rest for a moment,
 * for the socket would be reported as readable for ever; more connections than
 * there may be - the listeners rest until one closes; one of another loop is
 * noticed a moment later.
 */
#define _GNU_SOURCE
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "conn.h"
#include "http.h"
#include "job.h"
#include "linger.h"
#include "threads.h"

enum {
	ACCEPTS_AT_ONCE = 8, /* some 15 us each; then others have their turn */
	ACCEPTS_AT_LAST = 1024,
	ACCEPT_AGAIN_MS = 100,
	LAST_WORDS_MS = 5000,
};

/* ---- libmicrohttpd -------------------------------------------------------- */

void srv_loop_turn(struct srv_loop *loop)
{
	if (loop->http)
		srv_http_run(loop);
}

static void on_http_timer(uv_timer_t *timer)
{
	srv_loop_turn(timer->data);
}

static void on_http_ready(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	srv_loop_turn(poll->data);
}

/* How long the loop was at work since it last waited. */
static void measure_turn(struct srv_loop *loop)
{
	uint64_t now = uv_hrtime(), idle = uv_metrics_idle_time(&loop->uv);
	uint64_t busy = now - loop->turn_began_ns - (idle - loop->idle_before_ns);

	if (loop->turn_began_ns) {
		srv_histogram_record(&loop->stats->distributions.loop_busy, busy);
		srv_counter_add(&loop->stats->counts.late_turns, busy > SRV_LATE_NS);
	}
	loop->turn_began_ns = now;
	loop->idle_before_ns = idle;
}

/* Before each wait. */
static void on_prepare(uv_prepare_t *prepare)
{
	struct srv_loop *loop = prepare->data;
	uint64_t ms;

	measure_turn(loop);
	if (loop->http && srv_http_timeout(loop, &ms))
		uv_timer_start(&loop->http_timer, on_http_timer, ms, 0);
	else
		uv_timer_stop(&loop->http_timer);
}

/* ---- Accepting ------------------------------------------------------------ */

static void on_connectable(uv_poll_t *poll, int status, int events);

static void accepting_set(struct srv_loop *loop, bool accepting)
{
	if (accepting == loop->accepting)
		return;
	loop->accepting = accepting;
	for (size_t i = 0; i < loop->listener_count; i++) {
		if (accepting)
			uv_poll_start(&loop->listeners[i].poll, UV_READABLE, on_connectable);
		else
			uv_poll_stop(&loop->listeners[i].poll);
	}
}

static void on_accept_again(uv_timer_t *timer)
{
	struct srv_loop *loop = timer->data;

	if (loop->stage == SRV_LOOP_RUNNING)
		accepting_set(loop, true);
}

static void rest(struct srv_loop *loop)
{
	accepting_set(loop, false);
	uv_timer_start(&loop->accept_again, on_accept_again, ACCEPT_AGAIN_MS, 0);
}

static void rest_after(struct srv_loop *loop, int error)
{
	rest(loop);
	if (srv_log_allow(&loop->log_limit, 1))
		srv_log_say(loop->srv->log, SRV_ERROR, "cannot accept", "text", strerror(error));
}

/* For a connection there is room for. False when there is nothing more to accept
 * for now. */
static bool accept_one(struct srv_loop *loop, int listening)
{
	struct srv_address peer = {.bytes = sizeof peer.storage};
	int fd = accept4(listening, &peer.any, &peer.bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		srv_http_add(loop, fd, &peer);
		return true;
	}
	srv_connected_end(loop->srv); /* leaves errno alone */
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		rest_after(loop, errno);
	return errno == ECONNABORTED || errno == EINTR;
}

static void accept_some(struct srv_loop *loop, const struct srv_listener *listener, int most)
{
	for (int i = 0; i < most; i++) {
		if (!srv_connect(loop->srv)) {
			rest(loop);
			break;
		}
		if (!accept_one(loop, listener->fd))
			break;
	}
}

static void on_connectable(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	accept_some(poll->data, (struct srv_listener *)poll, ACCEPTS_AT_ONCE);
	srv_loop_turn(poll->data);
}

/* ---- Stopping ------------------------------------------------------------- */

static void close_listeners(struct srv_loop *loop)
{
	accepting_set(loop, false);
	for (size_t i = 0; i < loop->listener_count; i++)
		uv_close((uv_handle_t *)&loop->listeners[i].poll, NULL);
	for (size_t i = 0; i < loop->listener_count; i++)
		close(loop->listeners[i].fd);
	loop->listener_count = 0;
}

/* Those without a request, or all. */
static void shut_connections(struct srv_loop *loop, bool all)
{
	for (struct srv_conn *conn = loop->conns; conn; conn = conn->after)
		if (all || !conn->job)
			srv_conn_shutdown(conn);
}

static void close_handle(uv_handle_t *handle, void *ctx)
{
	(void)ctx;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void end(struct srv_loop *loop)
{
	loop->stage = SRV_LOOP_ENDED;
	/* libuv gives the signals their default back, which is to kill: a second
	 * SIGTERM must not spoil the exit status now. */
	srv_signals_block();
	srv_http_stop(loop);
	srv_linger_end_all(loop);
	uv_walk(&loop->uv, close_handle, NULL);
}

static void on_drain_late(uv_timer_t *timer);

/* Take the next step of stopping, if its condition holds. */
static void drain(struct srv_loop *loop)
{
	if ((loop->stage != SRV_LOOP_CLOSED && loop->stage != SRV_LOOP_CANCELLED) || loop->jobs)
		return;
	shut_connections(loop, true);
	if (!loop->conns)
		uv_timer_start(&loop->drain_timer, on_drain_late, 0, 0);
}

/* Every answer has been given, or will not be: the deadline passed twice. */
static void on_drain_late(uv_timer_t *timer)
{
	struct srv_loop *loop = timer->data;

	if (!loop->conns && !loop->jobs) {
		end(loop);
		return;
	}
	if (loop->stage == SRV_LOOP_CLOSED) {
		loop->stage = SRV_LOOP_CANCELLED;
		for (struct srv_job *job = loop->jobs; job; job = job->after)
			srv_job_give_up(job, API_DRAINING);
		uv_timer_start(timer, on_drain_late, LAST_WORDS_MS, 0);
		srv_loop_turn(loop);
		return;
	}
	shut_connections(loop, true);
	srv_loop_turn(loop);
	if (!loop->conns)
		end(loop);
	else
		uv_timer_start(timer, on_drain_late, ACCEPT_AGAIN_MS, 0);
}

/* What has been sent already is taken in and told 503, rather than cut off. */
static void take_in_the_last(struct srv_loop *loop)
{
	for (size_t i = 0; i < loop->listener_count; i++)
		accept_some(loop, &loop->listeners[i], ACCEPTS_AT_LAST);
	srv_loop_turn(loop);
}

static void begin_drain(struct srv_loop *loop)
{
	if (loop->stage != SRV_LOOP_RUNNING)
		return;
	take_in_the_last(loop);
	loop->stage = SRV_LOOP_CLOSED;
	close_listeners(loop);
	uv_timer_start(&loop->drain_timer, on_drain_late, loop->srv->config->drain_ms, 0);
	shut_connections(loop, false);
	drain(loop);
	srv_loop_turn(loop);
}

void srv_loop_note_end(struct srv_loop *loop)
{
	if (loop->stage == SRV_LOOP_RUNNING && !loop->accepting)
		uv_timer_start(&loop->accept_again, on_accept_again, 0, 0);
	drain(loop);
}

/* ---- From other threads --------------------------------------------------- */

void srv_loop_post(struct srv_loop *loop, struct srv_job *job)
{
	pthread_mutex_lock(&loop->lock);
	job->next_finished = loop->finished;
	loop->finished = job;
	uv_async_send(&loop->wakeup);
	pthread_mutex_unlock(&loop->lock);
}

void srv_loop_stop(struct srv_loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->stop_asked = true;
	uv_async_send(&loop->wakeup);
	pthread_mutex_unlock(&loop->lock);
}

static struct srv_job *oldest_first(struct srv_job *job)
{
	struct srv_job *first = NULL;

	while (job) {
		struct srv_job *next = job->next_finished;

		job->next_finished = first;
		first = job;
		job = next;
	}
	return first;
}

static void on_wakeup(uv_async_t *async)
{
	struct srv_loop *loop = async->data;
	struct srv_job *job, *next;
	bool stop;

	pthread_mutex_lock(&loop->lock);
	job = oldest_first(loop->finished);
	loop->finished = NULL;
	stop = loop->stop_asked;
	pthread_mutex_unlock(&loop->lock);
	for (; job; job = next) {
		next = job->next_finished;
		srv_job_finished(job);
	}
	if (stop)
		begin_drain(loop);
	srv_loop_turn(loop);
}

/* ---- Life ----------------------------------------------------------------- */

/* splitmix64: ids and jitter need no secrecy. */
uint64_t srv_loop_random(struct srv_loop *loop)
{
	uint64_t z = loop->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static bool poll_init(struct srv_loop *loop, uv_poll_t *poll, int fd)
{
	poll->data = loop;
	return uv_poll_init(&loop->uv, poll, fd) == 0;
}

static void timer_init(struct srv_loop *loop, uv_timer_t *timer)
{
	uv_timer_init(&loop->uv, timer);
	timer->data = loop;
}

static bool listeners_init(struct srv_loop *loop, const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		loop->listeners[i].fd = fds[i];
		if (!poll_init(loop, &loop->listeners[i].poll, fds[i]))
			return false;
		loop->listener_count++;
	}
	accepting_set(loop, true);
	return true;
}

static bool handles_init(struct srv_loop *loop, const int *fds, size_t count)
{
	int epoll_fd;

	loop->wakeup.data = loop->prepare.data = loop;
	timer_init(loop, &loop->http_timer);
	timer_init(loop, &loop->accept_again);
	timer_init(loop, &loop->drain_timer);
	if (uv_async_init(&loop->uv, &loop->wakeup, on_wakeup) != 0 ||
	    uv_prepare_init(&loop->uv, &loop->prepare) != 0 || !srv_http_start(loop, &epoll_fd) ||
	    !poll_init(loop, &loop->http_poll, epoll_fd) || !listeners_init(loop, fds, count))
		return false;
	uv_prepare_start(&loop->prepare, on_prepare);
	uv_poll_start(&loop->http_poll, UV_READABLE, on_http_ready);
	return true;
}

bool srv_loop_init(struct srv_loop *loop, struct srv *srv, unsigned index, const int *fds,
		   size_t fd_count)
{
	memset(loop, 0, sizeof *loop);
	loop->srv = srv;
	loop->index = index;
	if (getrandom(&loop->random, sizeof loop->random, GRND_NONBLOCK) < 0)
		loop->random = uv_hrtime();
	loop->stats = srv_stats_new();
	if (!loop->stats || uv_loop_init(&loop->uv) != 0) {
		srv_stats_free(loop->stats);
		return false;
	}
	pthread_mutex_init(&loop->lock, NULL);
	uv_loop_configure(&loop->uv, UV_METRICS_IDLE_TIME);
	if (handles_init(loop, fds, fd_count))
		return true;
	end(loop);
	srv_loop_run(loop);
	srv_loop_release(loop);
	return false;
}

void srv_loop_run(struct srv_loop *loop)
{
	uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void srv_loop_release(struct srv_loop *loop)
{
	uv_loop_close(&loop->uv);
	pthread_mutex_destroy(&loop->lock);
	srv_stats_free(loop->stats);
}
