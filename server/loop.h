/*
 * One event loop: libmicrohttpd on libuv, its connections, its jobs, its
 * counters.  Everything here belongs to the thread that runs the loop, but for
 * what is marked otherwise; a process may have several (--loops).
 */
#ifndef SERVER_LOOP_H
#define SERVER_LOOP_H

#include <pthread.h>
#include <uv.h>

#include "log.h"
#include "server.h"
#include "stats.h"

struct MHD_Daemon;
struct srv_job;
struct srv_conn;
struct srv_linger;

/* How far the loop has come in stopping; only ever forward. */
enum srv_loop_stage {
	SRV_LOOP_RUNNING,
	SRV_LOOP_CLOSED,    /* does not listen; jobs go on */
	SRV_LOOP_CANCELLED, /* the jobs that were left have been told 503 */
	SRV_LOOP_ENDED,     /* handles are closing */
};

struct srv_listener {
	uv_poll_t poll;
	int fd;
};

struct srv_loop {
	struct srv *srv;
	unsigned index;
	pthread_t thread; /* of loops other than the first */
	uv_loop_t uv;

	/* libmicrohttpd */
	struct MHD_Daemon *http;
	uv_poll_t http_poll;
	uv_timer_t http_timer;
	uv_prepare_t prepare;

	/* accepting */
	struct srv_listener listeners[SRV_LIST_MAX];
	size_t listener_count;
	uv_timer_t accept_again; /* when there was no room, or no descriptor left */
	bool accepting;
	bool peer_was_taken_over; /* by the connection that is being added */

	struct srv_conn *conns;
	size_t conn_count;
	struct srv_job *jobs; /* all that are not freed */
	struct srv_linger *lingers;
	size_t linger_count;

	/* from workers and other loops, under the lock */
	pthread_mutex_t lock;
	struct srv_job *finished; /* newest first */
	bool stop_asked;
	uv_async_t wakeup;

	enum srv_loop_stage stage;
	uv_timer_t drain_timer;

	struct srv_stats *stats;
	struct srv_log_limit log_limit; /* of what bad clients cause */
	uint64_t turn_began_ns, idle_before_ns;
	uint64_t random; /* state of srv_loop_random() */
};

/* Prepare a loop in the caller's storage; the first one listens on `fds`, which
 * become its own. False, with everything undone, if something is missing. */
bool srv_loop_init(struct srv_loop *loop, struct srv *srv, unsigned index, const int *fds,
		   size_t fd_count);

/* Run until it has been stopped and drained. */
void srv_loop_run(struct srv_loop *loop);

/* After it has run; there is no job left, or the process is about to end. */
void srv_loop_release(struct srv_loop *loop);

/* Any thread: stop and drain. */
void srv_loop_stop(struct srv_loop *loop);

/* Any thread: the workers are done with a job of this loop. */
void srv_loop_post(struct srv_loop *loop, struct srv_job *job);

/* Let libmicrohttpd look at its connections soon; not from its callbacks. */
void srv_loop_turn(struct srv_loop *loop);

/* A connection or a job has gone: perhaps there is room to accept, or nothing
 * left to drain. */
void srv_loop_note_end(struct srv_loop *loop);

uint64_t srv_loop_random(struct srv_loop *loop);

#endif
