#include "peers.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024 };

static const uint64_t SECOND_NS = 1000000000;

struct peer {
	struct peer *next;
	uint64_t key[2];
	uint64_t connections;
	/* The bucket, as the time up to which its tokens have been taken: no further
	 * than a second back, no further than now. */
	uint64_t taken_ns;
};

struct srv_peers {
	pthread_mutex_t lock;
	uint64_t connections_max;
	uint64_t rate, token_ns;
	size_t next_swept;
	struct peer *buckets[BUCKETS];
};

struct srv_peers *srv_peers_new(uint64_t connections_max, uint64_t rate)
{
	struct srv_peers *peers = calloc(1, sizeof *peers);

	if (!peers)
		return NULL;
	pthread_mutex_init(&peers->lock, NULL);
	peers->connections_max = connections_max;
	peers->rate = rate;
	peers->token_ns = rate ? SECOND_NS / rate : 0;
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

/* Who has no connection and a full bucket is as if never seen.  One bucket of the
 * table for every connection, so that all have their turn. */
static void sweep(struct srv_peers *peers, uint64_t now_ns)
{
	struct peer **link = &peers->buckets[peers->next_swept++ % BUCKETS];

	while (*link) {
		struct peer *peer = *link;

		if (peer->connections > 0 || now_ns - peer->taken_ns < SECOND_NS) {
			link = &peer->next;
			continue;
		}
		*link = peer->next;
		free(peer);
	}
}

bool srv_peers_take(struct srv_peers *peers, const struct srv_address *address, uint64_t now_ns)
{
	uint64_t key[2];
	struct peer **link, *peer;
	bool taken;

	if (srv_address_is_local(address))
		return true;
	key_of(address, key);
	pthread_mutex_lock(&peers->lock);
	sweep(peers, now_ns);
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
	if (peer && --peer->connections == 0 && peers->rate == 0) {
		*link = peer->next;
		free(peer);
	}
	pthread_mutex_unlock(&peers->lock);
}

bool srv_peers_ask(struct srv_peers *peers, const struct srv_address *address, uint64_t now_ns)
{
	uint64_t key[2], second_ago = now_ns > SECOND_NS ? now_ns - SECOND_NS : 0;
	struct peer *peer;
	bool granted = true;

	if (peers->rate == 0 || srv_address_is_local(address))
		return true;
	key_of(address, key);
	pthread_mutex_lock(&peers->lock);
	peer = *find(peers, key);
	if (peer) {
		if (peer->taken_ns < second_ago)
			peer->taken_ns = second_ago;
		granted = peer->taken_ns + peers->token_ns <= now_ns;
		peer->taken_ns += granted ? peers->token_ns : 0;
	}
	pthread_mutex_unlock(&peers->lock);
	return granted;
}
