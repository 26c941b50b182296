/*
 * What all loops share: settings, the api, the pool, the log, the limits that
 * hold for the process as a whole.
 *
 * THREADS.  Constant after start, but for the members marked as atomic and the
 * objects that bring a lock of their own.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <stdatomic.h>
#include <time.h>

#include "api.h"
#include "config.h"
#include "log.h"
#include "peers.h"
#include "pool.h"
#include "aside.h"
#include "tokens.h"

struct srv_loop;

/* Only ever forward. */
enum srv_stage {
	SRV_SERVING,
	SRV_LEAVING,  /* not ready, for load balancers to see, but serving */
	SRV_DRAINING, /* nothing new; what was admitted is finished */
};

struct srv {
	const struct srv_config *config;
	struct api api;
	struct srv_pool *pool;
	struct srv_aside *aside;
	struct srv_log *log;
	struct srv_tokens *tokens; /* NULL: everybody may ask */
	struct srv_peers *peers;
	struct srv_loop *loops; /* config->loops of them */
	uint64_t started_ns;
	time_t started_at;

	_Atomic int stage;           /* enum srv_stage */
	_Atomic uint64_t admitted;   /* requests that count for --queue-requests */
	_Atomic uint64_t connected;  /* connections, of all loops */
	_Atomic uint64_t service_ns; /* running mean of an evaluation, for Retry-After */
};

/* Serve until told to stop by a signal. The exit status. */
int srv_serve(const struct srv_config *config);

/* ---- Admission of requests, from any loop --------------------------------- */

/* Room among --queue-requests. */
bool srv_admit(struct srv *srv);
void srv_admitted_end(struct srv *srv);

/* Room among --connections. */
bool srv_connect(struct srv *srv);
void srv_connected_end(struct srv *srv);

/* An evaluation took that long. */
void srv_note_service(struct srv *srv, uint64_t nanoseconds);

/* Seconds after which to try again, from what is admitted and how long one
 * takes, with some of `random` so that clients do not come back together. */
unsigned srv_retry_after(const struct srv *srv, uint64_t random);

/* Whether a load balancer should send requests here; if not, *why says why. */
bool srv_is_ready(struct srv *srv, const char **why);

#endif
