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

static size_t reply_health(struct api_call *call, const char *status, const char *why)
{
	struct api_text text;

	api_text_init(&text, &call->arena);
	api_text_open(&text, '{');
	api_text_member(&text, "status", status);
	if (why)
		api_text_member(&text, "why", why);
	api_text_close(&text, '}');
	return api_call_reply_text(call, &text);
}

/* From constant text, so that being out of memory does not look like being dead. */
static size_t reply_live(struct api_call *call)
{
	static const char live[] = "{\"status\":\"live\"}";

	return api_call_reply_static(call, live, sizeof live - 1);
}

static size_t reply_ready(struct api_call *call)
{
	const struct api_host *host = &call->api->host;
	const char *why = NULL;

	if (!host->ready)
		return no_route(call);
	if (host->ready(host->ctx, &why))
		return reply_health(call, "ready", NULL);
	reply_health(call, "not_ready", why ? why : "not ready");
	if (call->reply.problem == API_PROBLEM_NONE)
		call->reply.status = 503;
	return 0;
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
