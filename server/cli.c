#define _GNU_SOURCE
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "loss.h"

/* ---- Calls without a server ----------------------------------------------- */

static void api_init(struct api *api, const struct srv_config *config)
{
	*api = (struct api){.limits = config->limits, .budget.max = config->queue_bytes};
	json_object_seed(0);
}

static bool write_reply(const struct api_reply *reply)
{
	for (size_t i = 0; i < reply->slice_count; i++)
		fwrite(reply->slices[i].data, 1, reply->slices[i].bytes, stdout);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	fprintf(stderr, "lossd: standard output: %s\n", strerror(errno));
	return false;
}

static int status_of(const struct api_call *call, const struct api_reply *reply)
{
	const struct api_outcome *outcomes;
	size_t count;
	int status = SRV_EXIT_OK;

	if (reply->problem)
		return SRV_EXIT_USAGE;
	outcomes = api_call_outcomes(call, &count);
	for (size_t i = 0; i < count; i++) {
		if (outcomes[i].failed)
			return SRV_EXIT_USAGE;
		if (outcomes[i].nonfinite)
			status = SRV_EXIT_NONFINITE;
	}
	return status;
}

/* What was wrong with a request, in one line. */
static void say_problem(const struct api_reply *reply)
{
	json_t *document = json_loadb(reply->slices[0].data, reply->slices[0].bytes, 0, NULL);
	const char *detail = json_string_value(json_object_get(document, "detail"));

	fprintf(stderr, "lossd: %s\n", detail ? detail : api_problem_title(reply->problem));
	json_decref(document);
}

/* The reply to one request on standard output, the same bytes as over HTTP; the
 * problem of one that asked for text on standard error alone. */
static int answer(struct api *api, const struct api_request *request, bool is_text)
{
	struct api_call *call = api_call_new(api, request);
	const struct api_reply *reply;
	int status;

	if (!call) {
		fputs("lossd: there is no memory\n", stderr);
		return SRV_EXIT_FAILED;
	}
	reply = api_call_run(call);
	status = status_of(call, reply);
	if (reply->problem && is_text)
		say_problem(reply);
	else if (reply->problem)
		fprintf(stderr, "lossd: %s (%s)\n", api_problem_title(reply->problem),
			api_problem_slug(reply->problem));
	if (!(reply->problem && is_text) && !write_reply(reply))
		status = SRV_EXIT_FAILED;
	api_call_free(call);
	return status;
}

/* ---- eval ----------------------------------------------------------------- */

struct text {
	char *data;
	size_t bytes, room;
};

/* All of a file, but not more than `most` and one. */
static bool read_all(FILE *file, struct text *text, uint64_t most)
{
	while (text->bytes <= most) {
		if (text->bytes == text->room) {
			size_t room = text->room ? 2 * text->room : 64 << 10;
			char *data = realloc(text->data, room);

			if (!data)
				return false;
			text->data = data;
			text->room = room;
		}
		size_t got = fread(text->data + text->bytes, 1, text->room - text->bytes, file);

		text->bytes += got;
		if (got == 0)
			return !ferror(file);
	}
	return true;
}

static bool read_request(const char *path, struct text *text, uint64_t most)
{
	bool standard = !path || strcmp(path, "-") == 0;
	FILE *file = standard ? stdin : fopen(path, "re");
	bool read = file && read_all(file, text, most);
	int error = errno;

	if (!read)
		fprintf(stderr, "lossd: %s: %s\n", standard ? "standard input" : path,
			strerror(error));
	if (file && !standard)
		fclose(file);
	if (read && text->bytes > most) {
		fprintf(stderr, "lossd: the request has more than %llu bytes (--max-body)\n",
			(unsigned long long)most);
		return false;
	}
	return read;
}

/* No JSON text has its '{' behind eight bytes of which the last are zeros. */
static bool is_safetensors(const struct text *text)
{
	return text->bytes > 8 && text->data[8] == '{' && memcmp(text->data + 5, "\0\0", 3) == 0;
}

/* On a terminal, unless its owner would rather not (no-color.org). */
static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no && *no);
}

int srv_cli_eval(const struct srv_config *config, const char *argument)
{
	struct api_header headers[] = {
		{"Content-Type", "application/json"},
		{"Accept", !config->text    ? "application/json"
			   : wants_colour() ? "text/plain;style=ansi"
					    : "text/plain"},
	};
	struct api_request request = {.headers = headers, .header_count = 2};
	struct text text = {0};
	struct api api;
	int status = SRV_EXIT_USAGE;

	api_init(&api, config);
	api_route_match("POST", "/v1/evaluate", &request.match);
	if (read_request(argument, &text, config->limits.body_bytes)) {
		if (is_safetensors(&text))
			headers[0].value = "application/vnd.safetensors";
		request.body = text.data;
		request.body_bytes = text.bytes;
		status = answer(&api, &request, config->text);
	}
	free(text.data);
	return status;
}

/* ---- losses, openapi ------------------------------------------------------ */

int srv_cli_losses(const struct srv_config *config, const char *argument)
{
	char *text = api_catalogue_text(argument);
	const char *near;

	(void)config;
	if (!text) {
		near = argument ? loss_nearest(argument) : NULL;
		fprintf(stderr, "lossd: there is no loss \"%.80s\"%s%s%s\n",
			argument ? argument : "", near ? " (did you mean " : "", near ? near : "",
			near ? "?)" : "");
		return SRV_EXIT_USAGE;
	}
	fputs(text, stdout);
	free(text);
	return SRV_EXIT_OK;
}

int srv_cli_openapi(const struct srv_config *config, const char *argument)
{
	struct api_request request = {.body = ""};
	struct api api;

	(void)argument;
	api_init(&api, config);
	api_route_match("GET", "/openapi.json", &request.match);
	return answer(&api, &request, false);
}
