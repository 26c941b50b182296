/*
 * What each address has of the daemon, so that one client cannot take all of it:
 * connections that are open, and requests a second by a token bucket that holds a
 * second's worth.  IPv6 clients are counted by their /64, since one client has all of that.
 * Loopback and unix sockets are not counted.
 *
 * THREADS.  Any: one lock inside.
 */
#ifndef SERVER_PEERS_H
#define SERVER_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "listen.h"

struct srv_peers;

/* `rate`: requests a second, 0 for any number. */
struct srv_peers *srv_peers_new(uint64_t connections_max, uint64_t rate);
void srv_peers_free(struct srv_peers *peers);

/* One more connection of this address, at `now_ns` of a clock that only goes
 * forward: false if it has as many as it may, or
 * there is no memory to count it. */
bool srv_peers_take(struct srv_peers *peers, const struct srv_address *address, uint64_t now_ns);
void srv_peers_give(struct srv_peers *peers, const struct srv_address *address);

/* A request of an address that has a connection: false if it has made as many as it
 * may, for now. */
bool srv_peers_ask(struct srv_peers *peers, const struct srv_address *address, uint64_t now_ns);

#endif
