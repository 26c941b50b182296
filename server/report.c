#define _GNU_SOURCE
#include "report.h"

#include <dirent.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "loop.h"
#include "pages.h"

/* ---- A view --------------------------------------------------------------- */

static uint64_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	uint64_t pages = 0;

	if (file && fscanf(file, "%*u %" SCNu64, &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t open_files(void)
{
	DIR *folder = opendir("/proc/self/fd");
	uint64_t count = 0;

	if (!folder)
		return 0;
	for (struct dirent *entry; (entry = readdir(folder));)
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count - 1; /* the folder itself */
}

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

bool srv_view_init(struct srv_view *view, struct srv *srv)
{
	*view = (struct srv_view){
		.stats = srv_stats_new(),
		.config = srv->config,
		.uptime_s = (double)(uv_hrtime() - srv->started_ns) / 1e9,
		.started_s = (double)srv->started_at,
		.cpu_s = cpu_seconds(),
		.queue_depth = srv->admitted,
		.queue_bytes = srv->api.budget.used,
		.kept_bytes = api_pages_kept(),
		.pool = srv_pool_counts(srv->pool),
		.resident_bytes = resident_bytes(),
		.open_files = open_files(),
		.log_lines_dropped = srv_log_dropped(srv->log),
	};
	if (!view->stats)
		return false;
	for (uint64_t i = 0; i < srv->config->loops; i++)
		srv_stats_merge(view->stats, srv->loops[i].stats);
	return true;
}

void srv_view_release(struct srv_view *view)
{
	srv_stats_free(view->stats);
}

struct srv_build srv_build(void)
{
	return (struct srv_build){
		.version = LOSS_VERSION,
		.isa = loss_isa(),
#ifdef __clang__
		.compiler = "clang " __clang_version__,
#else
		.compiler = "gcc " __VERSION__,
#endif
		.microhttpd = MHD_get_version(),
		.uv = uv_version_string(),
		.jansson = jansson_version_str(),
		.zlib = zlibVersion(),
		.zstd = ZSTD_versionString(),
	};
}

/* ---- JSON ----------------------------------------------------------------- */

static json_t *number(const srv_counter *counter)
{
	return json_integer((json_int_t)srv_counter_get(counter));
}

static json_t *seconds(uint64_t nanoseconds)
{
	return json_real((double)nanoseconds / 1e9);
}

static json_t *build_json(void)
{
	struct srv_build build = srv_build();

	return json_pack("{ss ss s{ss ss ss ss ss}}", "isa", build.isa, "compiler", build.compiler,
			 "libraries", "libmicrohttpd", build.microhttpd, "libuv", build.uv,
			 "jansson", build.jansson, "zlib", build.zlib, "zstd", build.zstd);
}

static json_t *limits_json(const struct srv_config *config)
{
	json_t *limits = json_object();

#define X(member, init, doc)                                                                       \
	json_object_set_new(limits, #member, json_integer((json_int_t)config->limits.member));
	API_LIMITS(X)
#undef X
	return limits;
}

static json_t *statuses_json(const srv_counter *row)
{
	json_t *statuses = json_object();
	char name[16];

	for (size_t i = 0; i < srv_stats_status_count(); i++) {
		if (srv_counter_get(&row[i]) == 0)
			continue;
		snprintf(name, sizeof name, "%d", srv_stats_status_at(i));
		json_object_set_new(statuses, name, number(&row[i]));
	}
	return statuses;
}

static json_t *requests_json(const struct srv_counts *counts)
{
	json_t *routes = json_object();

	for (size_t i = 0; i < srv_stats_route_count(); i++) {
		json_t *statuses = statuses_json(counts->requests[i]);

		if (json_object_size(statuses) > 0)
			json_object_set(routes, srv_stats_route_name(i), statuses);
		json_decref(statuses);
	}
	return json_pack(
		"{so sI so so}", "by_route", routes, "in_flight",
		(json_int_t)(srv_counter_get(&counts->begun) - srv_counter_get(&counts->ended)),
		"bytes_in", number(&counts->bytes_in), "bytes_out", number(&counts->bytes_out));
}

static json_t *losses_json(const struct srv_stats *stats)
{
	json_t *losses = json_object();
	const struct loss *loss;

	for (size_t i = 0; i < SRV_LOSSES_MAX && (loss = loss_at(i)); i++) {
		const struct srv_loss_counts *row = &stats->counts.losses[i];
		const srv_counter *time = &stats->distributions.losses[i].sum;

		if (srv_counter_get(&row->count) > 0)
			json_object_set_new(
				losses, loss->name,
				json_pack("{so so so so so so}", "count", number(&row->count),
					  "failed", number(&row->failed), "rows",
					  number(&row->rows), "elements", number(&row->elements),
					  "nonfinite", number(&row->nonfinite), "seconds",
					  seconds(srv_counter_get(time))));
	}
	return losses;
}

static json_t *latency_json(const struct srv_histogram *histogram)
{
	return json_pack("{so so so so so}", "count", number(&histogram->count), "p50",
			 seconds(srv_histogram_quantile(histogram, 0.5)), "p90",
			 seconds(srv_histogram_quantile(histogram, 0.9)), "p99",
			 seconds(srv_histogram_quantile(histogram, 0.99)), "max",
			 seconds(srv_counter_get(&histogram->max)));
}

static json_t *latencies_json(const struct srv_distributions *distributions)
{
	json_t *latencies = json_object();

	for (int i = 0; i < SRV_PHASE_COUNT; i++)
		json_object_set_new(latencies, srv_phase_name((enum srv_phase)i),
				    latency_json(&distributions->phases[i]));
	return latencies;
}

static json_t *loop_json(const struct srv_stats *stats)
{
	json_t *loop = latency_json(&stats->distributions.loop_busy);

	json_object_set_new(loop, "late", number(&stats->counts.late_turns));
	return loop;
}

static json_t *rejected_json(const struct srv_counts *counts)
{
	json_t *rejected = json_object();

	for (int i = 0; i < SRV_REJECTION_COUNT; i++)
		json_object_set_new(rejected, srv_rejection_name((enum srv_rejection)i),
				    number(&counts->rejected[i]));
	return rejected;
}

static json_t *queue_json(const struct srv_view *view)
{
	return json_pack(
		"{sI sI sI sI sI so}", "depth", (json_int_t)view->queue_depth, "capacity",
		(json_int_t)view->config->queue_requests, "bytes", (json_int_t)view->queue_bytes,
		"bytes_max", (json_int_t)view->config->queue_bytes, "bytes_kept",
		(json_int_t)view->kept_bytes, "rejected", rejected_json(&view->stats->counts));
}

static json_t *findings_json(const struct srv_counts *counts)
{
	json_t *findings = json_object();

	for (size_t code = 0; code < LOSS_FINDING_COUNT; code++) {
		uint64_t sum = 0;

		for (size_t i = 0; i < SRV_LOSSES_MAX; i++)
			sum += srv_counter_get(&counts->findings[i][code]);
		json_object_set_new(findings, loss_finding_at(code)->code,
				    json_integer((json_int_t)sum));
	}
	return findings;
}

/* The codes that a loss has had. */
static json_t *loss_findings_json(const srv_counter *counts)
{
	json_t *findings = json_object();

	for (size_t code = 0; code < LOSS_FINDING_COUNT; code++)
		if (srv_counter_get(&counts[code]) > 0)
			json_object_set_new(findings, loss_finding_at(code)->code,
					    number(&counts[code]));
	return findings;
}

static json_t *findings_by_loss_json(const struct srv_counts *counts)
{
	json_t *losses = json_object();
	const struct loss *loss;

	for (size_t i = 0; i < SRV_LOSSES_MAX && (loss = loss_at(i)); i++) {
		json_t *findings = loss_findings_json(counts->findings[i]);

		if (json_object_size(findings) > 0)
			json_object_set(losses, loss->name, findings);
		json_decref(findings);
	}
	return losses;
}

static json_t *connections_json(const struct srv_counts *counts)
{
	return json_pack(
		"{sI so so}", "open",
		(json_int_t)(srv_counter_get(&counts->opened) - srv_counter_get(&counts->closed)),
		"opened", number(&counts->opened), "refused", number(&counts->refused));
}

/* json_pack() and json_object_set_new() refuse a NULL and free what they were
 * given, so one check at the end sees every failure but those of members set
 * one by one, which are missing then. */
json_t *srv_report_json(const struct srv_view *view)
{
	const struct srv_stats *stats = view->stats;

	return json_pack(
		"{ss sf so so so so so so s{sI sI} so so so so s{sI} s{sI sI}}", "version",
		LOSS_VERSION, "uptime_s", view->uptime_s, "build", build_json(), "limits",
		limits_json(view->config), "requests", requests_json(&stats->counts), "losses",
		losses_json(stats), "latency", latencies_json(&stats->distributions), "queue",
		queue_json(view), "workers", "total", (json_int_t)view->pool.workers, "busy",
		(json_int_t)view->pool.busy, "findings", findings_json(&stats->counts),
		"findings_by_loss", findings_by_loss_json(&stats->counts), "loop", loop_json(stats),
		"connections", connections_json(&stats->counts), "log", "lines_dropped",
		(json_int_t)view->log_lines_dropped, "process", "resident_bytes",
		(json_int_t)view->resident_bytes, "open_files", (json_int_t)view->open_files);
}
