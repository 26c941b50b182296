/* Routes that only the host of the api can answer: statistics and health. */
#include <stdlib.h>
#include <string.h>

#include "call.h"

/* A member of the host that is missing takes its route away. */
static size_t no_route(struct api_call *call)
{
	api_fault_set(&call->fault, API_NOT_FOUND_ROUTE, "%s is not served here",
		      call->request.match.route->path);
	return api_call_fail(call);
}

static size_t out_of_memory(struct api_call *call)
{
	api_fault_set(&call->fault, API_MEMORY_FULL, "%s", "");
	return api_call_fail(call);
}

static size_t reply_stats(struct api_call *call)
{
	const struct api_host *host = &call->api->host;

	if (!host->stats)
		return no_route(call);

	json_t *stats = host->stats(host->ctx);
	char *text = stats ? json_dumps(stats, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
	json_decref(stats);
	return text ? api_call_reply_owned(call, text, strlen(text), API_JSON)
		    : out_of_memory(call);
}

static size_t reply_metrics(struct api_call *call)
{
	const struct api_host *host = &call->api->host;
	const char *accept = api_call_request_header(call, "Accept");
	bool openmetrics = accept && strstr(accept, "application/openmetrics-text");

	if (!host->metrics)
		return no_route(call);

	char *text = host->metrics(host->ctx, openmetrics);
	if (!text)
		return out_of_memory(call);
	return api_call_reply_owned(
		call, text, strlen(text),
		openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
			    : "text/plain; version=0.0.4; charset=utf-8");
}

/* Ready or not, in one of two languages. */
static size_t reply_readiness(struct api_call *call,
			      void (*write)(struct api_text *text, bool is_ready))
{
	const struct api_host *host = &call->api->host;
	const char *why = NULL;
	struct api_text text;

	if (!host->ready)
		return no_route(call);

	bool is_ready = host->ready(host->ctx, &why);
	api_text_init(&text, &call->arena);
	api_text_open(&text, '{');
	write(&text, is_ready);
	if (!is_ready)
		api_text_member(&text, "why", why ? why : "not ready");
	api_text_close(&text, '}');
	api_call_reply_text(call, &text);
	if (!is_ready && call->reply.problem == API_PROBLEM_NONE)
		call->reply.status = 503;
	return 0;
}

/* From constant text, so that being out of memory does not look like being dead. */
static size_t reply_live(struct api_call *call)
{
	static const char live[] = "{\"status\":\"live\"}";

	return api_call_reply_static(call, live, sizeof live - 1);
}

static size_t reply_oip_live(struct api_call *call)
{
	static const char live[] = "{\"live\":true}";

	return api_call_reply_static(call, live, sizeof live - 1);
}

static void write_status(struct api_text *text, bool is_ready)
{
	api_text_member(text, "status", is_ready ? "ready" : "not_ready");
}

static size_t reply_ready(struct api_call *call)
{
	return reply_readiness(call, write_status);
}

static void write_oip_ready(struct api_text *text, bool is_ready)
{
	api_text_member_bool(text, "ready", is_ready);
}

static size_t reply_oip_ready(struct api_call *call)
{
	return reply_readiness(call, write_oip_ready);
}

void api_handle_stats(struct api_call *call)
{
	call->step = reply_stats;
}

void api_handle_metrics(struct api_call *call)
{
	call->step = reply_metrics;
}

void api_handle_healthz(struct api_call *call)
{
	call->step = reply_live;
}

void api_handle_readyz(struct api_call *call)
{
	call->step = reply_ready;
}

void api_handle_oip_live(struct api_call *call)
{
	call->step = reply_oip_live;
}

void api_handle_oip_ready(struct api_call *call)
{
	call->step = reply_oip_ready;
}
