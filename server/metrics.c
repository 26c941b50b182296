/*
 * The counters as Prometheus text, version 0.0.4 or OpenMetrics 1.0.0.  One row
 * for each family: name, type, help, and the function that writes its samples.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

/* Bounds of histogram buckets are powers of two, which are bounds of buckets of
 * srv_histogram too: 2^17 ns is 131 us, 2^35 ns is 34 s. */
enum { TIME_BITS_FIRST = 17, TIME_BITS_LAST = 35, SIZE_BITS_FIRST = 8, SIZE_BITS_LAST = 30 };

struct family;

struct writer {
	FILE *out;
	const struct srv_view *view;
	bool openmetrics;
	const struct family *family;
};

struct family {
	const char *name; /* a counter's without _total */
	enum { COUNTER, GAUGE, HISTOGRAM } type;
	const char *help;
	void (*write)(const struct writer *writer);
};

/* ---- Samples -------------------------------------------------------------- */

/* `labels` with what stands around them, or "". */
static void sample(const struct writer *writer, const char *labels, double value)
{
	fprintf(writer->out, "%s%s%s %.17g\n", writer->family->name,
		writer->family->type == COUNTER ? "_total" : "", labels, value);
}

static void count(const struct writer *writer, const char *labels, uint64_t value)
{
	fprintf(writer->out, "%s%s%s %" PRIu64 "\n", writer->family->name,
		writer->family->type == COUNTER ? "_total" : "", labels, value);
}

struct buckets {
	unsigned first_bits, last_bits;
	double unit; /* what a value of 1 is in the metric's unit */
};

static const struct buckets times = {TIME_BITS_FIRST, TIME_BITS_LAST, 1e-9};
static const struct buckets sizes = {SIZE_BITS_FIRST, SIZE_BITS_LAST, 1};

/* `label` is "" or as in `route="/stats"`. */
static void histogram(const struct writer *writer, const char *label,
		      const struct srv_histogram *values, const struct buckets *buckets)
{
	const char *name = writer->family->name, *comma = *label ? "," : "";
	const char *open = *label ? "{" : "", *close = *label ? "}" : "";

	for (unsigned bits = buckets->first_bits; bits <= buckets->last_bits; bits++)
		fprintf(writer->out, "%s_bucket{%s%sle=\"%.9g\"} %" PRIu64 "\n", name, label, comma,
			(double)(UINT64_C(1) << bits) * buckets->unit,
			srv_histogram_below(values, bits));
	fprintf(writer->out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, label, comma,
		srv_counter_get(&values->count));
	fprintf(writer->out, "%s_sum%s%s%s %.17g\n", name, open, label, close,
		(double)srv_counter_get(&values->sum) * buckets->unit);
	fprintf(writer->out, "%s_count%s%s%s %" PRIu64 "\n", name, open, label, close,
		srv_counter_get(&values->count));
}

/* ---- Families ------------------------------------------------------------- */

static void write_build(const struct writer *writer)
{
	struct srv_build build = srv_build();
	char labels[256];

	snprintf(labels, sizeof labels,
		 "{version=\"%s\",isa=\"%s\",compiler=\"%s\",libmicrohttpd=\"%s\",libuv=\"%s\"}",
		 build.version, build.isa, build.compiler, build.microhttpd, build.uv);
	count(writer, labels, 1);
}

static void write_requests(const struct writer *writer)
{
	const struct srv_counts *counts = &writer->view->stats->counts;
	char labels[128];

	for (size_t i = 0; i < srv_stats_route_count(); i++) {
		for (size_t j = 0; j < srv_stats_status_count(); j++) {
			uint64_t requests = srv_counter_get(&counts->requests[i][j]);

			/* 200 from the start on, others from the first on. */
			if (requests == 0 && srv_stats_status_at(j) != 200)
				continue;
			snprintf(labels, sizeof labels, "{route=\"%s\",code=\"%d\"}",
				 srv_stats_route_name(i), srv_stats_status_at(j));
			count(writer, labels, requests);
		}
	}
}

static void write_durations(const struct writer *writer)
{
	const struct srv_distributions *distributions = &writer->view->stats->distributions;
	char label[96];

	for (size_t i = 0; i < srv_stats_route_count(); i++) {
		snprintf(label, sizeof label, "route=\"%s\"", srv_stats_route_name(i));
		histogram(writer, label, &distributions->routes[i], &times);
	}
}

static void write_request_bytes(const struct writer *writer)
{
	histogram(writer, "", &writer->view->stats->distributions.request_bytes, &sizes);
}

static void write_response_bytes(const struct writer *writer)
{
	histogram(writer, "", &writer->view->stats->distributions.reply_bytes, &sizes);
}

static void write_queue_requests(const struct writer *writer)
{
	count(writer, "", writer->view->queue_depth);
}

static void write_queue_bytes(const struct writer *writer)
{
	count(writer, "", writer->view->queue_bytes);
}

static void write_kept_bytes(const struct writer *writer)
{
	count(writer, "", writer->view->kept_bytes);
}

static void write_queue_wait(const struct writer *writer)
{
	histogram(writer, "", &writer->view->stats->distributions.phases[SRV_QUEUE], &times);
}

/* Calls `write` for every loss that has been asked for. */
static void for_losses(const struct writer *writer,
		       void (*write)(const struct writer *writer, const char *label, size_t row))
{
	const struct loss *loss;
	char label[96];

	for (size_t i = 0; i < SRV_LOSSES_MAX && (loss = loss_at(i)); i++) {
		if (srv_counter_get(&writer->view->stats->counts.losses[i].count) == 0)
			continue;
		snprintf(label, sizeof label, "loss=\"%s\"", loss->name);
		write(writer, label, i);
	}
}

static void loss_duration(const struct writer *writer, const char *label, size_t row)
{
	histogram(writer, label, &writer->view->stats->distributions.losses[row], &times);
}

static void write_loss_durations(const struct writer *writer)
{
	for_losses(writer, loss_duration);
}

static void loss_count_of(const struct writer *writer, const char *label, const srv_counter *value)
{
	char labels[200];

	snprintf(labels, sizeof labels, "{%s}", label);
	count(writer, labels, srv_counter_get(value));
}

static void loss_rows(const struct writer *writer, const char *label, size_t row)
{
	loss_count_of(writer, label, &writer->view->stats->counts.losses[row].rows);
}

static void loss_elements(const struct writer *writer, const char *label, size_t row)
{
	loss_count_of(writer, label, &writer->view->stats->counts.losses[row].elements);
}

static void loss_nonfinite(const struct writer *writer, const char *label, size_t row)
{
	loss_count_of(writer, label, &writer->view->stats->counts.losses[row].nonfinite);
}

static void write_loss_rows(const struct writer *writer)
{
	for_losses(writer, loss_rows);
}

static void write_loss_elements(const struct writer *writer)
{
	for_losses(writer, loss_elements);
}

static void write_loss_nonfinite(const struct writer *writer)
{
	for_losses(writer, loss_nonfinite);
}

static void loss_findings(const struct writer *writer, const char *label, size_t row)
{
	char labels[192];

	for (size_t code = 0; code < LOSS_FINDING_COUNT; code++) {
		const srv_counter *found = &writer->view->stats->counts.findings[row][code];

		if (srv_counter_get(found) == 0)
			continue;
		snprintf(labels, sizeof labels, "%s,code=\"%s\"", label,
			 loss_finding_at(code)->code);
		loss_count_of(writer, labels, found);
	}
}

static void write_findings(const struct writer *writer)
{
	for_losses(writer, loss_findings);
}

static void write_rejected(const struct writer *writer)
{
	char labels[64];

	for (int i = 0; i < SRV_REJECTION_COUNT; i++) {
		snprintf(labels, sizeof labels, "{reason=\"%s\"}",
			 srv_rejection_name((enum srv_rejection)i));
		count(writer, labels, srv_counter_get(&writer->view->stats->counts.rejected[i]));
	}
}

static void write_workers(const struct writer *writer)
{
	count(writer, "", writer->view->pool.workers);
}

static void write_busy(const struct writer *writer)
{
	count(writer, "", writer->view->pool.busy);
}

static void write_connections(const struct writer *writer)
{
	const struct srv_counts *counts = &writer->view->stats->counts;

	count(writer, "", srv_counter_get(&counts->opened) - srv_counter_get(&counts->closed));
}

static void write_loop(const struct writer *writer)
{
	histogram(writer, "", &writer->view->stats->distributions.loop_busy, &times);
}

static void write_late(const struct writer *writer)
{
	count(writer, "", srv_counter_get(&writer->view->stats->counts.late_turns));
}

static void write_dropped(const struct writer *writer)
{
	count(writer, "", writer->view->log_lines_dropped);
}

static void write_resident(const struct writer *writer)
{
	count(writer, "", writer->view->resident_bytes);
}

static void write_files(const struct writer *writer)
{
	count(writer, "", writer->view->open_files);
}

static void write_start(const struct writer *writer)
{
	sample(writer, "", writer->view->started_s);
}

static void write_cpu(const struct writer *writer)
{
	sample(writer, "", writer->view->cpu_s);
}

static const struct family families[] = {
	{"lossd_build_info", GAUGE, "Versions; always 1.", write_build},
	{"lossd_http_requests", COUNTER, "Requests answered, by route and status.", write_requests},
	{"lossd_http_request_duration_seconds", HISTOGRAM,
	 "From a request's first line to the last byte of its reply.", write_durations},
	{"lossd_http_request_bytes", HISTOGRAM, "Bytes of request bodies.", write_request_bytes},
	{"lossd_http_response_bytes", HISTOGRAM, "Bytes of reply bodies.", write_response_bytes},
	{"lossd_queue_requests", GAUGE, "Requests admitted and not yet evaluated.",
	 write_queue_requests},
	{"lossd_queue_bytes", GAUGE, "Memory held by requests.", write_queue_bytes},
	{"lossd_kept_bytes", GAUGE, "Memory kept for the next requests.", write_kept_bytes},
	{"lossd_queue_wait_seconds", HISTOGRAM, "From a request's last byte to its evaluation.",
	 write_queue_wait},
	{"lossd_eval_duration_seconds", HISTOGRAM, "Time of an evaluation.", write_loss_durations},
	{"lossd_eval_rows", COUNTER, "Rows evaluated.", write_loss_rows},
	{"lossd_eval_elements", COUNTER, "Elements evaluated.", write_loss_elements},
	{"lossd_nonfinite_losses", COUNTER, "Evaluations with a loss that was not finite.",
	 write_loss_nonfinite},
	{"lossd_diagnostics", COUNTER, "Evaluations with a finding.", write_findings},
	{"lossd_rejected", COUNTER, "Requests that were not evaluated.", write_rejected},
	{"lossd_workers", GAUGE, "Threads that evaluate.", write_workers},
	{"lossd_workers_busy", GAUGE, "Threads that are evaluating.", write_busy},
	{"lossd_connections", GAUGE, "Open connections.", write_connections},
	{"lossd_loop_busy_seconds", HISTOGRAM, "Time the event loop was at work in one turn.",
	 write_loop},
	{"lossd_loop_late_turns", COUNTER, "Turns of the event loop of more than 200 microseconds.",
	 write_late},
	{"lossd_log_lines_dropped", COUNTER, "Log lines that nobody read in time.", write_dropped},
	{"process_resident_memory_bytes", GAUGE, "Resident memory.", write_resident},
	{"process_open_fds", GAUGE, "Open file descriptors.", write_files},
	{"process_start_time_seconds", GAUGE, "Start, in seconds since 1970.", write_start},
	{"process_cpu_seconds", COUNTER, "CPU time, user and system.", write_cpu},
};

static void write_family(struct writer *writer, const struct family *family)
{
	static const char *const types[] = {
		[COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram"};
	/* OpenMetrics names the family, the older format the samples. */
	const char *suffix = family->type == COUNTER && !writer->openmetrics ? "_total" : "";

	fprintf(writer->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", family->name, suffix, family->help,
		family->name, suffix, types[family->type]);
	writer->family = family;
	family->write(writer);
}

char *srv_report_metrics(const struct srv_view *view, bool openmetrics)
{
	char *text = NULL;
	size_t bytes = 0;
	struct writer writer = {
		.out = open_memstream(&text, &bytes), .view = view, .openmetrics = openmetrics};
	bool failed;

	if (!writer.out)
		return NULL;
	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		write_family(&writer, &families[i]);
	if (openmetrics)
		fputs("# EOF\n", writer.out);
	failed = ferror(writer.out) != 0;
	if (fclose(writer.out) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}
