/* openapi.json, from the tables of routes, problems and schemas. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "describe.h"
#include "oip.h"

/* ---- Responses --------------------------------------------------------------- */

static void write_media(struct api_text *text, const char *type, const char *schema)
{
	api_text_member_open(text, type, '{');
	api_schema_member(text, "schema", schema, NULL);
	api_text_close(text, '}');
}

static void write_file_media(struct api_text *text, const char *schema)
{
	if (schema)
		write_media(text, API_SAFETENSORS, schema);
}

static void open_response(struct api_text *text, const char *status, const char *doc)
{
	api_text_member_open(text, status, '{');
	api_text_member(text, "description", doc);
	api_text_member_open(text, "content", '{');
}

static void close_response(struct api_text *text)
{
	api_text_close(text, '}');
	api_text_close(text, '}');
}

static void write_response(struct api_text *text, const char *status, const char *doc,
			   const char *type, const char *schema)
{
	open_response(text, status, doc);
	write_media(text, type, schema);
	close_response(text);
}

/* Titles of every problem with this status. */
static void list_titles(char *list, size_t bytes, int status)
{
	size_t used = 0;

	list[0] = '\0';
	for (int i = API_PROBLEM_NONE + 1; i < API_PROBLEM_COUNT && used < bytes; i++)
		if (api_problem_status((enum api_problem)i) == status)
			used += (size_t)snprintf(list + used, bytes - used, "%s%s.",
						 used ? " " : "",
						 api_problem_title((enum api_problem)i));
}

/* A response for each status that some problem has. */
static void write_problems(struct api_text *text)
{
	char status[16], titles[1024];

	for (int code = 400; code < 600; code++) {
		list_titles(titles, sizeof titles, code);
		if (!*titles)
			continue;
		snprintf(status, sizeof status, "%d", code);
		write_response(text, status, titles, API_PROBLEM_JSON, "Problem");
	}
}

static void write_responses(struct api_text *text, const struct api_route *route)
{
	api_text_member_open(text, "responses", '{');
	open_response(text, "200", "The answer.");
	write_media(text, route->reply_schema ? API_JSON : "text/plain",
		    route->reply_schema ? route->reply_schema : "string");
	write_file_media(text, route->file_reply_schema);
	close_response(text);
	if (route->flags & API_ROUTE_BODY)
		write_problems(text);
	else if (route->handle == api_handle_readyz || route->handle == api_handle_oip_ready)
		write_response(text, "503", "Not ready.", API_JSON, route->reply_schema);
	if (!(route->flags & API_ROUTE_BODY))
		write_response(text, "default", "A problem.", API_PROBLEM_JSON, "Problem");
	api_text_close(text, '}');
}

/* ---- Requests ---------------------------------------------------------------- */

static void write_examples(struct api_text *text)
{
	const struct loss *loss;

	api_text_member_open(text, "examples", '{');
	for (size_t i = 0; (loss = loss_at(i)); i++) {
		api_text_member_open(text, loss->name, '{');
		api_text_member(text, "summary", loss->title);
		api_text_key(text, "value");
		api_example_write(text, loss);
		api_text_close(text, '}');
	}
	api_text_close(text, '}');
}

static void write_body(struct api_text *text, const struct api_route *route)
{
	api_text_member_open(text, "requestBody", '{');
	api_text_member_bool(text, "required", true);
	api_text_member_open(text, "content", '{');
	api_text_member_open(text, API_JSON, '{');
	api_schema_member(text, "schema", route->request_schema, NULL);
	/* Other requests are no evaluations of an example. */
	if (route->handle == api_handle_evaluate || route->handle == api_handle_check)
		write_examples(text);
	api_text_close(text, '}');
	write_file_media(text, route->file_request_schema);
	api_text_close(text, '}');
	api_text_close(text, '}');
}

/* "/v1/losses/{name}" -> "get_v1_losses_name" */
static void operation_id(char *id, size_t bytes, const struct api_route *route)
{
	size_t n = 0;

	for (const char *at = route->method; *at && n < bytes - 1; at++)
		id[n++] = (char)(*at | 0x20);
	for (const char *at = route->path; *at && n < bytes - 1; at++) {
		if (*at == '/')
			id[n++] = '_';
		else if (*at != '{' && *at != '}')
			id[n++] = *at == '.' ? '_' : *at;
	}
	id[n] = '\0';
}

struct parameter {
	const char *name, *in, *notation, *doc;
	void (*handle)(struct api_call *call); /* of the routes it is for; NULL: any */
};

/* Headers of requests with a body. */
static const struct parameter headers[] = {
	{"Content-Encoding", "header", "'identity'|'gzip'|'zstd'", "How the body is compressed.",
	 NULL},
	{"Accept-Encoding", "header", "string",
	 "gzip and zstd are there for replies of 4 KiB and more.", NULL},
	{"X-Request-Timeout-Ms", "header", "integer",
	 "Milliseconds after which to answer 504, if that is sooner than --timeout.", NULL},
	{"X-Request-Id", "header", "string",
	 "Comes back and stands in the log: up to 64 letters, digits, '.', '_', ':' and '-'.",
	 NULL},
	{API_OIP_LENGTH, "header", "integer",
	 "Bytes of the JSON before binary tensors, without Content-Encoding.",
	 api_handle_oip_infer},
};

static void write_parameter(struct api_text *text, const struct parameter *parameter)
{
	api_text_open(text, '{');
	api_text_member(text, "name", parameter->name);
	api_text_member(text, "in", parameter->in);
	if (parameter->doc)
		api_text_member(text, "description", parameter->doc);
	else
		api_text_member_bool(text, "required", true);
	api_schema_member(text, "schema", parameter->notation, NULL);
	api_text_close(text, '}');
}

static void write_parameters(struct api_text *text, const struct api_route *route)
{
	static const struct parameter name = {"name", "path", "LossName", NULL, NULL};

	api_text_member_open(text, "parameters", '[');
	if (strchr(route->path, '{'))
		write_parameter(text, &name);
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
		if (route->flags & API_ROUTE_BODY &&
		    (!headers[i].handle || headers[i].handle == route->handle))
			write_parameter(text, &headers[i]);
	api_text_close(text, ']');
}

static void write_operation(struct api_text *text, const struct api_route *route)
{
	char id[80], method[8] = "";

	for (size_t i = 0; i < sizeof method - 1 && route->method[i]; i++)
		method[i] = (char)(route->method[i] | 0x20);
	operation_id(id, sizeof id, route);
	api_text_member_open(text, method, '{');
	api_text_member(text, "operationId", id);
	api_text_member(text, "summary", route->summary);
	write_parameters(text, route);
	if (route->flags & API_ROUTE_BODY)
		write_body(text, route);
	write_responses(text, route);
	/* Health and statistics need no token. */
	if (route->flags & API_ROUTE_IMMEDIATE)
		api_text_member_json(text, "security", "[]");
	api_text_close(text, '}');
}

static void write_paths(struct api_text *text)
{
	const struct api_route *route;

	api_text_member_open(text, "paths", '{');
	for (size_t i = 0; (route = api_route_at(i)); i++) {
		api_text_member_open(text, route->path, '{');
		write_operation(text, route);
		api_text_close(text, '}');
	}
	api_text_close(text, '}');
}

/* ---- The document ------------------------------------------------------------ */

static void write_document(struct api_text *text)
{
	api_text_open(text, '{');
	api_text_member(text, "openapi", "3.1.0");
	api_text_member_open(text, "info", '{');
	api_text_member(text, "title", "lossd");
	api_text_member(text, "version", LOSS_VERSION);
	api_text_member(text, "summary",
			"What is this loss, what is its gradient, and if it is NaN, why?");
	api_text_member_open(text, "license", '{');
	api_text_member(text, "name", "MIT");
	api_text_member(text, "identifier", "MIT");
	api_text_close(text, '}');
	api_text_close(text, '}');
	api_text_member_json(text, "security", "[{\"token\":[]},{}]");
	write_paths(text);
	api_text_member_open(text, "components", '{');
	api_text_key(text, "schemas");
	api_schemas_write(text);
	api_text_member_json(text, "securitySchemes",
			     "{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"}}");
	api_text_close(text, '}');
	api_text_close(text, '}');
}

static char *compact_document(void)
{
	struct api_describer describer;

	api_describe_begin(&describer);
	write_document(&describer.text);
	return api_describe_end(&describer, NULL);
}

char *api_openapi_text(void)
{
	struct api_describer describer;
	char *compact = compact_document();

	if (!compact)
		return NULL;
	api_describe_begin(&describer);
	api_layout_json(&describer.text, compact);
	free(compact);
	return api_describe_end(&describer, NULL);
}

/* ---- Serving it -------------------------------------------------------------- */

/* Made once, by whoever asks first, and kept for the life of the process. */
static _Atomic(char *) served;

static const char *served_document(void)
{
	char *document = atomic_load(&served), *none = NULL;

	if (document)
		return document;
	document = api_openapi_text();
	if (!document || atomic_compare_exchange_strong(&served, &none, document))
		return document;
	free(document);
	return none;
}

static size_t reply_openapi(struct api_call *call)
{
	const char *document = served_document();

	if (!document) {
		api_fault_set(&call->fault, API_MEMORY_FULL, "%s", "");
		return api_call_fail(call);
	}
	return api_call_reply_static(call, document, strlen(document));
}

void api_handle_openapi(struct api_call *call)
{
	call->step = reply_openapi;
}
