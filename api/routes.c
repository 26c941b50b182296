/* Every endpoint is one row; server, statistics and documentation read this table. */
#include <stdio.h>
#include <string.h>

#include "call.h"

static const struct api_route routes[] = {
	{
		.method = "POST",
		.path = "/v1/evaluate",
		.flags = API_ROUTE_BODY,
		.summary =
			"Evaluate a loss: its value, its gradients, and why they are not finite.",
		.handle = api_handle_evaluate,
		.request_schema = "EvaluateRequest",
		.reply_schema = "EvaluateReply",
		.file_request_schema = "FileRequest",
		.file_reply_schema = "FileReply",
	},
	{
		.method = "POST",
		.path = "/v1/check",
		.flags = API_ROUTE_BODY,
		.summary = "What an evaluation would compute and cost, from its spec and shapes.",
		.handle = api_handle_check,
		.request_schema = "CheckRequest",
		.reply_schema = "CheckReply",
		.file_request_schema = "FileRequest",
	},
	{
		.method = "POST",
		.path = "/v1/verify",
		.flags = API_ROUTE_BODY,
		.summary =
			"Whether a loss and gradients computed elsewhere agree, and if not, why.",
		.handle = api_handle_verify,
		.request_schema = "VerifyRequest",
		.reply_schema = "Verification",
	},
	{
		.method = "GET",
		.path = "/v1/losses",
		.flags = API_ROUTE_IMMEDIATE | API_ROUTE_REPORT,
		.summary = "The catalogue of losses.",
		.handle = api_handle_losses,
		.reply_schema = "Catalogue",
	},
	{
		.method = "GET",
		.path = "/v1/losses/{name}",
		.flags = API_ROUTE_IMMEDIATE,
		.summary = "One loss, under any form of its name.",
		.handle = api_handle_loss,
		.reply_schema = "Loss",
	},
	{
		.method = "GET",
		.path = "/v1/findings",
		.flags = API_ROUTE_IMMEDIATE | API_ROUTE_REPORT,
		.summary = "Every finding a diagnosis can have, with its cause and cure.",
		.handle = api_handle_findings,
		.reply_schema = "Findings",
	},
	{
		.method = "POST",
		.path = "/v2/models/{name}/infer",
		.flags = API_ROUTE_BODY,
		.summary = "Evaluate a loss in the Open Inference Protocol.",
		.handle = api_handle_oip_infer,
		.request_schema = "InferRequest",
		.reply_schema = "InferReply",
	},
	{
		.method = "POST",
		.path = "/v2/models/{name}/versions/1/infer",
		.flags = API_ROUTE_BODY,
		.summary = "The same with the version named.",
		.handle = api_handle_oip_infer,
		.request_schema = "InferRequest",
		.reply_schema = "InferReply",
	},
	{
		.method = "GET",
		.path = "/v2",
		.flags = API_ROUTE_IMMEDIATE,
		.summary = "The server and the extensions it has.",
		.handle = api_handle_oip_server,
		.reply_schema = "ServerMetadata",
	},
	{
		.method = "GET",
		.path = "/v2/models/{name}",
		.flags = API_ROUTE_IMMEDIATE,
		.summary = "A loss as a model: its inputs and outputs.",
		.handle = api_handle_oip_model,
		.reply_schema = "ModelMetadata",
	},
	{
		.method = "GET",
		.path = "/v2/models/{name}/versions/1",
		.flags = API_ROUTE_IMMEDIATE,
		.summary = "The same with the version named.",
		.handle = api_handle_oip_model,
		.reply_schema = "ModelMetadata",
	},
	{
		.method = "GET",
		.path = "/v2/models/{name}/ready",
		.flags = API_ROUTE_IMMEDIATE,
		.summary = "Whether there is such a model.",
		.handle = api_handle_oip_model_ready,
		.reply_schema = "ModelReady",
	},
	{
		.method = "GET",
		.path = "/v2/models/{name}/versions/1/ready",
		.flags = API_ROUTE_IMMEDIATE,
		.summary = "The same with the version named.",
		.handle = api_handle_oip_model_ready,
		.reply_schema = "ModelReady",
	},
	{
		.method = "GET",
		.path = "/v2/health/live",
		.flags = API_ROUTE_IMMEDIATE,
		.summary = "As /healthz, in the words of the protocol.",
		.handle = api_handle_oip_live,
		.reply_schema = "ServerLive",
	},
	{
		.method = "GET",
		.path = "/v2/health/ready",
		.flags = API_ROUTE_IMMEDIATE,
		.summary = "As /readyz, in the words of the protocol.",
		.handle = api_handle_oip_ready,
		.reply_schema = "ServerReady",
	},
	{
		.method = "GET",
		.path = "/stats",
		.flags = API_ROUTE_IMMEDIATE | API_ROUTE_REPORT,
		.summary = "Counters, queue, pool, latencies and findings.",
		.handle = api_handle_stats,
		.reply_schema = "Stats",
	},
	{
		.method = "GET",
		.path = "/metrics",
		.flags = API_ROUTE_IMMEDIATE | API_ROUTE_REPORT,
		.summary = "The same for Prometheus, as text 0.0.4 or, by Accept, OpenMetrics.",
		.handle = api_handle_metrics,
	},
	{
		.method = "GET",
		.path = "/healthz",
		.flags = API_ROUTE_IMMEDIATE,
		.summary = "Live: 200 while the daemon answers at all.",
		.handle = api_handle_healthz,
		.reply_schema = "Health",
	},
	{
		.method = "GET",
		.path = "/readyz",
		.flags = API_ROUTE_IMMEDIATE,
		.summary = "Ready: 503 while draining or above the high-water mark of the queue.",
		.handle = api_handle_readyz,
		.reply_schema = "Health",
	},
	{
		.method = "GET",
		.path = "/openapi.json",
		.flags = API_ROUTE_IMMEDIATE | API_ROUTE_REPORT,
		.summary = "This contract.",
		.handle = api_handle_openapi,
		.reply_schema = "OpenAPI",
	},
};

enum { ROUTES = sizeof routes / sizeof routes[0] };

const struct api_route *api_route_at(size_t index)
{
	return index < ROUTES ? &routes[index] : NULL;
}

/* Whether `path` is an instance of `pattern`, in which one segment may be
 * {name}: that stands for anything but nothing and '/'. */
static bool path_matches(const char *pattern, const char *path, struct api_match *match)
{
	size_t fixed = strcspn(pattern, "{");

	if (strncmp(pattern, path, fixed))
		return false;
	if (!pattern[fixed])
		return path[fixed] == '\0';

	const char *arg = path + fixed;
	size_t length = strcspn(arg, "/");
	const char *rest = strchr(pattern + fixed, '}') + 1;

	if (length == 0 || strcmp(rest, arg + length))
		return false;
	match->arg = arg;
	match->arg_length = length;
	return true;
}

static bool method_matches(const struct api_route *route, const char *method)
{
	return !strcmp(route->method, method) ||
	       (!strcmp(method, "HEAD") && !strcmp(route->method, "GET"));
}

static void allow(struct api_match *match, const char *method)
{
	size_t used = strlen(match->allow);

	snprintf(match->allow + used, sizeof match->allow - used, "%s%s", used ? ", " : "",
		 strcmp(method, "GET") ? method : "GET, HEAD");
}

void api_route_match(const char *method, const char *path, struct api_match *match)
{
	*match = (struct api_match){.problem = API_NOT_FOUND_ROUTE};
	for (size_t i = 0; i < ROUTES; i++) {
		if (!path_matches(routes[i].path, path, match))
			continue;
		if (method_matches(&routes[i], method)) {
			match->route = &routes[i];
			match->problem = API_PROBLEM_NONE;
			match->allow[0] = '\0';
			return;
		}
		match->problem = API_METHOD_NOT_ALLOWED;
		allow(match, routes[i].method);
	}
}
