/*
 * Connections open for each address, so that one client cannot take them all.
 * IPv6 clients are counted by their /64, since one client has all of that.
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

struct srv_peers *srv_peers_new(uint64_t connections_max);
void srv_peers_free(struct srv_peers *peers);

/* One more connection of this address: false if it has as many as it may, or
 * there is no memory to count it. */
bool srv_peers_take(struct srv_peers *peers, const struct srv_address *address);
void srv_peers_give(struct srv_peers *peers, const struct srv_address *address);

#endif
