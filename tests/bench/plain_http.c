/*
 * What HTTP costs at least: libmicrohttpd with a handler that reads a body into
 * memory and answers with the same bytes.
 *
 *     plain_http PORT
 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct body {
	char *data;
	size_t bytes, room;
};

static enum MHD_Result begin(struct MHD_Connection *connection, void **ctx)
{
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							 MHD_HTTP_HEADER_CONTENT_LENGTH);
	struct body *body = calloc(1, sizeof *body);

	if (!body || !length)
		return MHD_NO;
	body->room = strtoull(length, NULL, 10);
	body->data = malloc(body->room);
	*ctx = body;
	return body->data ? MHD_YES : MHD_NO;
}

static enum MHD_Result answer(struct MHD_Connection *connection, struct body *body)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(body->bytes, body->data, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result queued;

	body->data = NULL;
	if (!response)
		return MHD_NO;
	queued = MHD_queue_response(connection, 200, response);
	MHD_destroy_response(response);
	return queued;
}

static enum MHD_Result on_request(void *unused, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *data,
				  size_t *bytes, void **ctx)
{
	struct body *body = *ctx;

	(void)unused, (void)path, (void)method, (void)version;
	if (!body)
		return begin(connection, ctx);
	if (*bytes == 0)
		return answer(connection, body);
	if (*bytes > body->room - body->bytes)
		return MHD_NO;
	memcpy(body->data + body->bytes, data, *bytes);
	body->bytes += *bytes;
	*bytes = 0;
	return MHD_YES;
}

static void on_completed(void *unused, struct MHD_Connection *connection, void **ctx,
			 enum MHD_RequestTerminationCode code)
{
	struct body *body = *ctx;

	(void)unused, (void)connection, (void)code;
	if (body)
		free(body->data);
	free(body);
}

int main(int argc, char **argv)
{
	struct sockaddr_in loopback = {.sin_family = AF_INET,
				       .sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 0)),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	if (!MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, NULL,
			      MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&loopback,
			      MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END))
		return EXIT_FAILURE;
	for (;;)
		pause();
}
