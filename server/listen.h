/*
 * Where to listen: addresses as text, and the sockets for them.
 *
 *     127.0.0.1:8080   localhost:8080   [::1]:8080   :8080   unix:/run/lossd.sock
 */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { SRV_ADDRESS_TEXT_BYTES = 128 };

struct srv_address {
	union {
		struct sockaddr any;
		struct sockaddr_storage storage;
		struct sockaddr_un un;
	};
	socklen_t bytes;
};

/* False, with one sentence in `why`, if the text is no address. */
bool srv_address_parse(const char *text, struct srv_address *address, char *why, size_t why_bytes);

/* Of a socket's own end. */
bool srv_address_of_socket(int fd, struct srv_address *address);

/* Loopback, or a socket of this machine. */
bool srv_address_is_local(const struct srv_address *address);

/* "127.0.0.1:8080", "[::1]:8080", "unix:/path", "unix". */
void srv_address_text(const struct srv_address *address, char text[SRV_ADDRESS_TEXT_BYTES]);

/* What a client on this machine connects to: any address becomes loopback. */
void srv_address_make_reachable(struct srv_address *address);

/* A listening, non-blocking socket, or -1 with a sentence in `why`.  `shared`
 * lets further sockets of this process listen on the same port.  The stale file
 * of a unix socket that nobody listens on is replaced. */
int srv_listen(const struct srv_address *address, bool shared, char *why, size_t why_bytes);

/* Sockets handed over by the service manager (LISTEN_FDS): they are the
 * descriptors from *first on; 0 if there are none.  To be asked once: the
 * variables are removed. */
size_t srv_listen_inherited(int *first);

#endif
