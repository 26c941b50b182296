/*
 * `lossd health`: is the daemon on this machine alive?  One GET over a plain
 * socket, for health checks of containers, which have no curl.
 *
 *     lossd health                          /healthz where LOSSD_LISTEN says
 *     lossd health 127.0.0.1:8080/readyz    another address, another path
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli.h"
#include "listen.h"

enum { PATIENCE_S = 2 };

struct target {
	struct srv_address address;
	char path[64];
};

/* [http://]ADDRESS[/path]; a unix socket has no path behind it. */
static bool target_parse(const char *text, struct target *target, char *why, size_t why_bytes)
{
	char address[SRV_LIST_ITEM_BYTES];
	bool is_unix = strncmp(text, "unix:", 5) == 0;
	size_t length;

	if (strncmp(text, "http://", 7) == 0)
		text += 7;
	length = is_unix ? strlen(text) : strcspn(text, "/");
	snprintf(target->path, sizeof target->path, "%s",
		 text[length] ? text + length : "/healthz");
	snprintf(address, sizeof address, "%.*s", (int)length, text);
	if (!srv_address_parse(address, &target->address, why, why_bytes))
		return false;
	srv_address_make_reachable(&target->address);
	return true;
}

static int connect_to(const struct srv_address *address)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	if (connect(fd, &address->any, address->bytes) == 0)
		return fd;
	close(fd);
	return -1;
}

/* The status of the reply, or 0 with errno set. */
static int ask(int fd, const char *path)
{
	char text[256];
	int status = 0, length = snprintf(text, sizeof text,
					  "GET %s HTTP/1.1\r\nHost: localhost\r\n"
					  "User-Agent: lossd-health\r\nConnection: close\r\n\r\n",
					  path);
	ssize_t got;

	if (send(fd, text, (size_t)length, MSG_NOSIGNAL) != length)
		return 0;
	got = recv(fd, text, sizeof text - 1, MSG_WAITALL);
	if (got <= 0)
		return 0;
	text[got] = '\0';
	return sscanf(text, "HTTP/1.%*d %d", &status) == 1 ? status : 0;
}

int srv_cli_health(const struct srv_config *config, const char *argument)
{
	const char *text = argument ? argument : config->listen.items[0];
	struct target target;
	char why[200];
	int fd, status;

	if (!target_parse(text, &target, why, sizeof why)) {
		fprintf(stderr, "lossd: %s: %s\n", text, why);
		return SRV_EXIT_USAGE;
	}
	errno = 0;
	fd = connect_to(&target.address);
	status = fd >= 0 ? ask(fd, target.path) : 0;
	if (status == 0)
		fprintf(stderr, "lossd: %s: %s\n", text, errno ? strerror(errno) : "no answer");
	else
		printf("%s %d\n", target.path, status);
	if (fd >= 0)
		close(fd);
	return status == 200 ? SRV_EXIT_OK : SRV_EXIT_FAILED;
}
