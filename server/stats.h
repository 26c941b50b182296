/*
 * What the daemon counts.  Each loop has a struct srv_stats of its own and is
 * its only writer; a report adds them up (srv_stats_merge).
 *
 * The sets of labels are closed at start: routes, statuses, losses, findings
 * and reasons are tables; nothing a client sends makes a new one.
 */
#ifndef SERVER_STATS_H
#define SERVER_STATS_H

#include "api.h"
#include "histogram.h"
#include "loss_diagnose.h"

/* How long a loop may be at work without waiting for what comes next. */
enum { SRV_LATE_NS = 200000 };

enum { SRV_ROUTES_MAX = 48, SRV_STATUSES_MAX = 32, SRV_LOSSES_MAX = 128 };

/* Why a request got no evaluation, as the server decides it. */
#define SRV_REJECTIONS(X)                                                                          \
	X(queue_full)                                                                              \
	X(memory_full)                                                                             \
	X(deadline)                                                                                \
	X(too_large)                                                                               \
	X(malformed)                                                                               \
	X(draining)                                                                                \
	X(cancelled)                                                                               \
	X(unauthorized)                                                                            \
	X(quota)

enum srv_rejection {
#define X(name) SRV_REJECTED_##name,
	SRV_REJECTIONS(X)
#undef X
		SRV_REJECTION_COUNT
};

enum srv_phase { SRV_QUEUE, SRV_DECODE, SRV_EVALUATE, SRV_ENCODE, SRV_TOTAL, SRV_PHASE_COUNT };

/* Nothing but srv_counter, so that two of them can be added word by word. */
struct srv_counts {
	srv_counter requests[SRV_ROUTES_MAX][SRV_STATUSES_MAX];
	srv_counter begun, ended; /* requests; in flight is the difference */
	srv_counter bytes_in, bytes_out;
	srv_counter opened, closed; /* connections; open is the difference */
	srv_counter refused;        /* connections over the limit of one address */
	srv_counter late_turns;     /* of the loop: longer than SRV_LATE_NS */
	srv_counter rejected[SRV_REJECTION_COUNT];
	struct srv_loss_counts {
		srv_counter count, failed, rows, elements, nonfinite;
	} losses[SRV_LOSSES_MAX];
	srv_counter findings[SRV_LOSSES_MAX][LOSS_FINDING_COUNT];
};

/* Nothing but struct srv_histogram, likewise. Times in nanoseconds. */
struct srv_distributions {
	struct srv_histogram phases[SRV_PHASE_COUNT];
	struct srv_histogram loop_busy; /* one turn of the loop, waiting excluded */
	struct srv_histogram request_bytes, reply_bytes;
	struct srv_histogram routes[SRV_ROUTES_MAX];
	struct srv_histogram losses[SRV_LOSSES_MAX];
};

struct srv_stats {
	struct srv_counts counts;
	struct srv_distributions distributions;
};

/* About 1 MB, most of it never touched. NULL if there is no memory. */
struct srv_stats *srv_stats_new(void);
void srv_stats_free(struct srv_stats *stats);

void srv_stats_merge(struct srv_stats *total, const struct srv_stats *part);

/* ---- Labels --------------------------------------------------------------- */

/* The row of a route; NULL (no route, or an unreadable request) has one too. */
size_t srv_stats_route(const struct api_route *route);
size_t srv_stats_route_count(void);
const char *srv_stats_route_name(size_t index);
const char *srv_stats_route_method(size_t index);

/* The column of a status; of 500 for one that no problem has. */
size_t srv_stats_status(int status);
size_t srv_stats_status_count(void);
int srv_stats_status_at(size_t index);

const char *srv_rejection_name(enum srv_rejection reason);
const char *srv_phase_name(enum srv_phase phase);

/* The reason for a problem, or -1 if it is no rejection. */
int srv_rejection_of(enum api_problem problem);

/* ---- Counting ------------------------------------------------------------- */

struct srv_request_facts {
	const struct api_route *route;
	int status;
	uint64_t bytes_in, bytes_out, duration_ns;
};

/* A request that has ended, however it did. */
void srv_stats_request(struct srv_stats *stats, const struct srv_request_facts *facts);

/* The evaluations of a request. */
void srv_stats_outcomes(struct srv_stats *stats, const struct api_outcome *outcomes, size_t count);

#endif
