/*
 * A connection: what it is waited for, and until when.
 *
 *     HEADERS --head complete--> BODY --complete--> WORK --> SEND --> IDLE
 *        ^                                                             |
 *        +------------------- first byte of the next request ----------+
 *
 * Whatever a connection does there is one deadline, absolute and not put off by
 * a byte that trickles in: libmicrohttpd's own timeout is one of inactivity and
 * does not run while a connection is suspended.
 */
#ifndef SERVER_CONN_H
#define SERVER_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "framing.h"
#include "listen.h"

struct srv_loop;
struct srv_job;
struct MHD_Connection;

enum srv_wait { SRV_WAIT_IDLE, SRV_WAIT_HEADERS, SRV_WAIT_BODY, SRV_WAIT_WORK, SRV_WAIT_SEND };

struct srv_conn {
	struct srv_loop *loop;
	struct srv_conn *before, *after;
	int fd; /* libmicrohttpd's */
	struct srv_address peer;
	struct srv_job *job; /* the present request, or NULL */

	enum srv_wait wait;
	uint64_t wait_since_ms, deadline_ms, check_ms; /* by uv_now() */
	uv_timer_t timer;

	uv_poll_t hangup; /* in use while suspended */
	bool has_hangup;
	unsigned handles; /* open; the struct goes with the last */

	uint64_t request_ns; /* when the request's first line had arrived */
	size_t uri_bytes;
	bool uri_has_space;
	bool linger; /* the client may still be sending when we close */
};

/* For a connection that libmicrohttpd has just taken in; NULL if there is no
 * memory. */
struct srv_conn *srv_conn_new(struct srv_loop *loop, int fd, const struct srv_address *peer);

/* Its socket is about to be closed. */
void srv_conn_close(struct srv_conn *conn);

/* Wait for something else from now on, at most `ms`. */
void srv_conn_expect(struct srv_conn *conn, enum srv_wait wait, uint64_t ms);

/* Wait for a reply of so many bytes to be read. */
void srv_conn_expect_sent(struct srv_conn *conn, uint64_t bytes);

/* Give the client up: libmicrohttpd will notice and close. */
void srv_conn_shutdown(struct srv_conn *conn);

/* Say a problem in the middle of a body, where libmicrohttpd can queue no
 * response: written to the socket at once, as the last thing on it.  Whatever
 * else the client sends is to end the connection. */
void srv_conn_say(struct srv_conn *conn, const struct srv_refusal *refusal);

/* While suspended: call srv_job_hung_up() when the client hangs up.  A client
 * that only half-closes cannot be told from one that has gone. */
void srv_conn_watch(struct srv_conn *conn);
void srv_conn_unwatch(struct srv_conn *conn);

#endif
