#include "admit.h"

#include <string.h>
#include <uv.h>

static enum api_problem find_route(const struct srv_head *head, struct api_match *match,
				   struct srv_refusal *refusal)
{
	api_route_match(head->method, head->path, match);
	if (match->route)
		return API_PROBLEM_NONE;
	if (match->problem == API_METHOD_NOT_ALLOWED)
		return srv_refuse(refusal, match->problem, "the route has %s", match->allow);
	return srv_refuse(refusal, match->problem,
			  "there is no %.60s; /openapi.json lists the routes", head->path);
}

static enum api_problem check_token(struct srv *srv, const struct srv_head *head,
				    struct srv_refusal *refusal)
{
	if (!srv->tokens || srv_tokens_accept(srv->tokens, srv_head_find(head, "Authorization")))
		return API_PROBLEM_NONE;
	return srv_refuse(refusal, API_UNAUTHORIZED,
			  "expected \"Authorization: Bearer\" with a token that is known here");
}

static enum api_problem check_rate(struct srv *srv, const struct srv_address *peer,
				   struct srv_refusal *refusal)
{
	if (srv_peers_ask(srv->peers, peer, uv_hrtime()))
		return API_PROBLEM_NONE;
	srv_refuse(refusal, API_QUOTA, "an address may make %llu requests a second",
		   (unsigned long long)srv->config->requests_per_ip);
	return API_QUOTA;
}

static enum api_problem check_length(const struct srv *srv, const struct srv_framing *framing,
				     struct srv_refusal *refusal)
{
	uint64_t limit = srv->config->limits.body_bytes;

	if (framing->body != SRV_BODY_LENGTH || framing->length <= limit)
		return API_PROBLEM_NONE;
	srv_refuse(refusal, API_BODY_TOO_LARGE, "the body has %llu bytes, the limit is %llu",
		   (unsigned long long)framing->length, (unsigned long long)limit);
	refusal->limit = limit;
	refusal->actual = framing->length;
	return API_BODY_TOO_LARGE;
}

/* A small body is evaluated on the loop and never waits in the queue. */
static bool needs_queue(const struct srv *srv, const struct srv_framing *framing)
{
	return framing->body == SRV_BODY_CHUNKED ||
	       (framing->body == SRV_BODY_LENGTH && framing->length > srv->config->inline_bytes);
}

static enum api_problem check_queue(struct srv *srv, struct srv_admission *admission,
				    struct srv_refusal *refusal)
{
	if (!needs_queue(srv, &admission->framing))
		return API_PROBLEM_NONE;
	if (!srv_admit(srv))
		return srv_refuse(refusal, API_QUEUE_FULL,
				  "%llu requests are admitted and not answered, which is the limit",
				  (unsigned long long)srv->config->queue_requests);
	admission->is_admitted = true;
	return API_PROBLEM_NONE;
}

enum api_problem srv_admission_check(struct srv *srv, const struct srv_address *peer,
				     const struct srv_head *head, struct srv_admission *admission,
				     struct srv_refusal *refusal)
{
	*admission = (struct srv_admission){0};
	if (srv_framing_check(head, &admission->framing, refusal) ||
	    find_route(head, &admission->match, refusal))
		return refusal->problem;
	if (admission->match.route->flags & API_ROUTE_IMMEDIATE)
		return API_PROBLEM_NONE;
	if (check_token(srv, head, refusal))
		return refusal->problem;
	if (atomic_load_explicit(&srv->stage, memory_order_relaxed) == SRV_DRAINING)
		return srv_refuse(refusal, API_DRAINING, "the server is stopping");
	if (check_rate(srv, peer, refusal))
		return refusal->problem;
	if (srv_coding_check(head, &admission->coding, refusal) ||
	    check_length(srv, &admission->framing, refusal))
		return refusal->problem;
	return check_queue(srv, admission, refusal);
}
