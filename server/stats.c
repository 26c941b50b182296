#include "stats.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(sizeof(struct srv_counts) % sizeof(srv_counter) == 0, "counters and nothing else");
static_assert(sizeof(struct srv_distributions) % sizeof(struct srv_histogram) == 0,
	      "histograms and nothing else");

struct srv_stats *srv_stats_new(void)
{
	return calloc(1, sizeof(struct srv_stats));
}

void srv_stats_free(struct srv_stats *stats)
{
	free(stats);
}

void srv_stats_merge(struct srv_stats *total, const struct srv_stats *part)
{
	srv_counter *to = (srv_counter *)&total->counts;
	const srv_counter *from = (const srv_counter *)&part->counts;
	struct srv_histogram *into = (struct srv_histogram *)&total->distributions;
	const struct srv_histogram *out = (const struct srv_histogram *)&part->distributions;

	for (size_t i = 0; i < sizeof total->counts / sizeof *to; i++)
		srv_counter_add(&to[i], srv_counter_get(&from[i]));
	for (size_t i = 0; i < sizeof total->distributions / sizeof *into; i++)
		srv_histogram_merge(&into[i], &out[i]);
}

/* ---- Labels --------------------------------------------------------------- */

/* Row 0 is for requests without a route. */
size_t srv_stats_route(const struct api_route *route)
{
	const struct api_route *row;

	if (!route)
		return 0;
	for (size_t i = 0; (row = api_route_at(i)); i++)
		if (row == route)
			return i + 1;
	return 0;
}

size_t srv_stats_route_count(void)
{
	size_t count = 1;

	while (api_route_at(count - 1))
		count++;
	assert(count <= SRV_ROUTES_MAX);
	return count;
}

const char *srv_stats_route_name(size_t index)
{
	return index == 0 ? "none" : api_route_at(index - 1)->path;
}

const char *srv_stats_route_method(size_t index)
{
	return index == 0 ? "none" : api_route_at(index - 1)->method;
}

/* Every status a reply can have, ascending: those of the problems, and what
 * libmicrohttpd answers by itself. */
static const int statuses[] = {200, 400, 401, 404, 405, 408, 413, 414, 415,
			       422, 429, 431, 499, 500, 503, 504, 505};

enum { STATUS_COUNT = sizeof statuses / sizeof *statuses };
static_assert((int)STATUS_COUNT <= (int)SRV_STATUSES_MAX, "room for every status");

size_t srv_stats_status(int status)
{
	for (size_t i = 0; i < STATUS_COUNT; i++)
		if (statuses[i] == status)
			return i;
	return status == 500 ? 0 : srv_stats_status(500);
}

size_t srv_stats_status_count(void)
{
	return STATUS_COUNT;
}

int srv_stats_status_at(size_t index)
{
	return statuses[index];
}

const char *srv_rejection_name(enum srv_rejection reason)
{
	static const char *const names[] = {
#define X(name) [SRV_REJECTED_##name] = #name,
		SRV_REJECTIONS(X)
#undef X
	};

	return names[reason];
}

const char *srv_phase_name(enum srv_phase phase)
{
	static const char *const names[] = {[SRV_QUEUE] = "queue",
					    [SRV_DECODE] = "decode",
					    [SRV_EVALUATE] = "evaluate",
					    [SRV_ENCODE] = "encode",
					    [SRV_TOTAL] = "total"};

	return names[phase];
}

int srv_rejection_of(enum api_problem problem)
{
	static const struct {
		enum api_problem problem;
		enum srv_rejection reason;
	} rows[] = {
		{API_QUEUE_FULL, SRV_REJECTED_queue_full},
		{API_MEMORY_FULL, SRV_REJECTED_memory_full},
		{API_DEADLINE, SRV_REJECTED_deadline},
		{API_REQUEST_TIMEOUT, SRV_REJECTED_deadline},
		{API_BODY_TOO_LARGE, SRV_REJECTED_too_large},
		{API_FRAMING, SRV_REJECTED_malformed},
		{API_HEADERS_TOO_LARGE, SRV_REJECTED_malformed},
		{API_DRAINING, SRV_REJECTED_draining},
		{API_CANCELLED, SRV_REJECTED_cancelled},
		{API_UNAUTHORIZED, SRV_REJECTED_unauthorized},
		{API_QUOTA, SRV_REJECTED_quota},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].problem == problem)
			return (int)rows[i].reason;
	return -1;
}

/* ---- Counting ------------------------------------------------------------- */

void srv_stats_request(struct srv_stats *stats, const struct srv_request_facts *facts)
{
	size_t route = srv_stats_route(facts->route);

	srv_counter_add(&stats->counts.requests[route][srv_stats_status(facts->status)], 1);
	srv_counter_add(&stats->counts.bytes_in, facts->bytes_in);
	srv_counter_add(&stats->counts.bytes_out, facts->bytes_out);
	srv_histogram_record(&stats->distributions.routes[route], facts->duration_ns);
	srv_histogram_record(&stats->distributions.phases[SRV_TOTAL], facts->duration_ns);
	srv_histogram_record(&stats->distributions.request_bytes, facts->bytes_in);
	srv_histogram_record(&stats->distributions.reply_bytes, facts->bytes_out);
}

/* The row of a loss by its canonical name; SRV_LOSSES_MAX for no loss. */
static size_t loss_row(const char *name)
{
	const struct loss *loss;

	for (size_t i = 0; name && i < SRV_LOSSES_MAX && (loss = loss_at(i)); i++)
		if (loss->name == name || strcmp(loss->name, name) == 0)
			return i;
	return SRV_LOSSES_MAX;
}

void srv_stats_outcomes(struct srv_stats *stats, const struct api_outcome *outcomes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct api_outcome *outcome = &outcomes[i];
		size_t row = loss_row(outcome->loss);
		struct srv_loss_counts *loss = &stats->counts.losses[row];

		if (row == SRV_LOSSES_MAX)
			continue;
		srv_counter_add(&loss->count, 1);
		srv_counter_add(&loss->failed, outcome->failed);
		srv_counter_add(&loss->nonfinite, outcome->nonfinite);
		srv_counter_add(&loss->rows, (uint64_t)outcome->rows);
		srv_counter_add(&loss->elements, (uint64_t)outcome->elements);
		srv_histogram_record(&stats->distributions.losses[row],
				     (uint64_t)(outcome->seconds * 1e9));
		for (size_t code = 0; code < LOSS_FINDING_COUNT; code++)
			srv_counter_add(&stats->counts.findings[row][code],
					outcome->findings >> code & 1);
	}
}
