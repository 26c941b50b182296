#define _GNU_SOURCE
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 1024, INHERITED_FIRST = 3, INHERITED_MAX = 16 };

/* ---- Text to address ------------------------------------------------------ */

static bool parse_unix(const char *path, struct srv_address *address, char *why, size_t why_bytes)
{
	size_t length = strlen(path);

	if (length == 0 || length >= sizeof address->un.sun_path) {
		snprintf(why, why_bytes, "the path of a unix socket has 1 to %zu characters",
			 sizeof address->un.sun_path - 1);
		return false;
	}
	address->un.sun_family = AF_UNIX;
	memcpy(address->un.sun_path, path, length + 1);
	address->bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
	return true;
}

/* Splits HOST:PORT and [HOST]:PORT; an empty host is every IPv4 address. */
static bool split(const char *text, char *host, size_t host_bytes, const char **port)
{
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;

	if (!colon)
		return false;
	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	} else if (memchr(text, ':', length)) {
		return false; /* IPv6 without brackets */
	}
	if (length >= host_bytes)
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	*port = colon + 1;
	return true;
}

static bool is_port(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && digits <= 5 && text[digits] == '\0' && atoi(text) <= 65535;
}

static bool parse_inet(const char *text, struct srv_address *address, char *why, size_t why_bytes)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
	char host[256];
	const char *port;
	int failed;

	if (!split(text, host, sizeof host, &port) || !is_port(port)) {
		snprintf(why, why_bytes, "expected HOST:PORT, [IPv6]:PORT or unix:/path");
		return false;
	}
	failed = getaddrinfo(*host ? host : "0.0.0.0", port, &hints, &found);
	if (failed) {
		snprintf(why, why_bytes, "%s", gai_strerror(failed));
		return false;
	}
	memcpy(&address->storage, found->ai_addr, found->ai_addrlen);
	address->bytes = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

bool srv_address_parse(const char *text, struct srv_address *address, char *why, size_t why_bytes)
{
	memset(address, 0, sizeof *address);
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text + 5, address, why, why_bytes);
	return parse_inet(text, address, why, why_bytes);
}

/* ---- Address to text ------------------------------------------------------ */

bool srv_address_of_socket(int fd, struct srv_address *address)
{
	memset(address, 0, sizeof *address);
	address->bytes = sizeof address->storage;
	return getsockname(fd, &address->any, &address->bytes) == 0;
}

bool srv_address_is_local(const struct srv_address *address)
{
	const struct sockaddr_in6 *six = (const void *)&address->storage;
	const struct sockaddr_in *four = (const void *)&address->storage;

	switch (address->any.sa_family) {
	case AF_UNIX:
		return true;
	case AF_INET:
		return ntohl(four->sin_addr.s_addr) >> 24 == 127;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr) ||
		       (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) && six->sin6_addr.s6_addr[12] == 127);
	default:
		return false;
	}
}

void srv_address_text(const struct srv_address *address, char text[SRV_ADDRESS_TEXT_BYTES])
{
	const struct sockaddr_in6 *six = (const void *)&address->storage;
	const struct sockaddr_in *four = (const void *)&address->storage;
	size_t path = offsetof(struct sockaddr_un, sun_path);
	char host[INET6_ADDRSTRLEN] = "?";

	switch (address->any.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &four->sin_addr, host, sizeof host);
		snprintf(text, SRV_ADDRESS_TEXT_BYTES, "%s:%u", host, ntohs(four->sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof host);
		snprintf(text, SRV_ADDRESS_TEXT_BYTES, "[%s]:%u", host, ntohs(six->sin6_port));
		break;
	default:
		/* A client's end of a unix socket has no path. */
		snprintf(text, SRV_ADDRESS_TEXT_BYTES, "unix%s%.*s",
			 address->bytes > path && *address->un.sun_path ? ":" : "",
			 (int)(address->bytes > path ? address->bytes - path : 0),
			 address->un.sun_path);
	}
}

void srv_address_make_reachable(struct srv_address *address)
{
	struct sockaddr_in6 *six = (void *)&address->storage;
	struct sockaddr_in *four = (void *)&address->storage;

	if (address->any.sa_family == AF_INET && four->sin_addr.s_addr == htonl(INADDR_ANY))
		four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (address->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr))
		six->sin6_addr = in6addr_loopback;
}

/* ---- Sockets -------------------------------------------------------------- */

/* A file left by a daemon that was killed: nobody answers there. */
static void remove_stale(const struct srv_address *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (connect(fd, &address->any, address->bytes) != 0 && errno == ECONNREFUSED)
		unlink(address->un.sun_path);
	close(fd);
}

static bool set_options(int fd, const struct srv_address *address, bool shared)
{
	int on = 1;

	if (address->any.sa_family == AF_UNIX)
		return true;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
		return false;
	return !shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0;
}

int srv_listen(const struct srv_address *address, bool shared, char *why, size_t why_bytes)
{
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (address->any.sa_family == AF_UNIX)
		remove_stale(address);
	if (fd >= 0 && set_options(fd, address, shared) &&
	    bind(fd, &address->any, address->bytes) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	snprintf(why, why_bytes, "%s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

size_t srv_listen_inherited(int *first)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	long count = pid && fds && atol(pid) == (long)getpid() ? atol(fds) : 0;

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	*first = INHERITED_FIRST;
	if (count < 0 || count > INHERITED_MAX)
		return 0;
	for (int fd = INHERITED_FIRST; fd < INHERITED_FIRST + (int)count; fd++) {
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	}
	return (size_t)count;
}
