/* What the daemon counts, as JSON for /stats and as text for Prometheus. */
#ifndef SERVER_REPORT_H
#define SERVER_REPORT_H

#include <jansson.h>

#include "server.h"
#include "stats.h"

/* The counters of all loops added up, and how things are at this moment. */
struct srv_view {
	struct srv_stats *stats;
	const struct srv_config *config;
	double uptime_s, started_s, cpu_s;
	uint64_t queue_depth, queue_bytes, kept_bytes;
	struct srv_pool_counts pool;
	uint64_t resident_bytes, open_files;
	uint64_t log_lines_dropped;
};

/* False if there is no memory. */
bool srv_view_init(struct srv_view *view, struct srv *srv);
void srv_view_release(struct srv_view *view);

/* "gcc 12.2.0", "1.44.2" and so on, for --version too. */
struct srv_build {
	const char *version, *isa, *compiler, *microhttpd, *uv, *jansson, *zlib, *zstd;
};
struct srv_build srv_build(void);

/* A new reference; NULL if there is no memory. */
json_t *srv_report_json(const struct srv_view *view);

/* malloc()ed text; NULL if there is no memory. */
char *srv_report_metrics(const struct srv_view *view, bool openmetrics);

#endif
