#include "peers.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024 };

struct peer {
	struct peer *next;
	uint64_t key[2];
	uint64_t connections;
};

struct srv_peers {
	pthread_mutex_t lock;
	uint64_t connections_max;
	struct peer *buckets[BUCKETS];
};

struct srv_peers *srv_peers_new(uint64_t connections_max)
{
	struct srv_peers *peers = calloc(1, sizeof *peers);

	if (!peers)
		return NULL;
	pthread_mutex_init(&peers->lock, NULL);
	peers->connections_max = connections_max;
	return peers;
}

void srv_peers_free(struct srv_peers *peers)
{
	if (!peers)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (peers->buckets[i]) {
			struct peer *next = peers->buckets[i]->next;

			free(peers->buckets[i]);
			peers->buckets[i] = next;
		}
	}
	pthread_mutex_destroy(&peers->lock);
	free(peers);
}

static void key_of(const struct srv_address *address, uint64_t key[2])
{
	const struct sockaddr_in6 *six = (const void *)&address->storage;
	const struct sockaddr_in *four = (const void *)&address->storage;

	key[0] = key[1] = 0;
	if (address->any.sa_family == AF_INET)
		key[1] = four->sin_addr.s_addr;
	else if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		memcpy(&key[1], &six->sin6_addr.s6_addr[12], 4);
	else
		memcpy(&key[0], &six->sin6_addr, 8);
}

/* The link that points to the peer, or to the end of its chain. Colliding on
 * purpose gains nothing: the chains together are as long as the connections. */
static struct peer **find(struct srv_peers *peers, const uint64_t key[2])
{
	uint64_t hash = (key[0] ^ key[1]) * UINT64_C(0x9e3779b97f4a7c15);
	struct peer **link = &peers->buckets[hash >> 32 & (BUCKETS - 1)];

	while (*link && ((*link)->key[0] != key[0] || (*link)->key[1] != key[1]))
		link = &(*link)->next;
	return link;
}

static struct peer *add(struct peer **link, const uint64_t key[2])
{
	*link = calloc(1, sizeof **link);
	if (*link)
		memcpy((*link)->key, key, sizeof(*link)->key);
	return *link;
}

bool srv_peers_take(struct srv_peers *peers, const struct srv_address *address)
{
	uint64_t key[2];
	struct peer **link, *peer;
	bool taken;

	if (srv_address_is_local(address))
		return true;
	key_of(address, key);
	pthread_mutex_lock(&peers->lock);
	link = find(peers, key);
	peer = *link ? *link : add(link, key);
	taken = peer && peer->connections < peers->connections_max;
	if (taken)
		peer->connections++;
	pthread_mutex_unlock(&peers->lock);
	return taken;
}

void srv_peers_give(struct srv_peers *peers, const struct srv_address *address)
{
	uint64_t key[2];
	struct peer **link, *peer;

	if (srv_address_is_local(address))
		return;
	key_of(address, key);
	pthread_mutex_lock(&peers->lock);
	link = find(peers, key);
	peer = *link;
	if (peer && --peer->connections == 0) {
		*link = peer->next;
		free(peer);
	}
	pthread_mutex_unlock(&peers->lock);
}
