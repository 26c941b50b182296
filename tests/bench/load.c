/*
 * Load for an HTTP server: one request again and again over connections that
 * are kept open, each waiting for its answer before it asks again.
 *
 *     load PORT PATH BODY CONNECTIONS SECONDS REPLY [HEADER]...
 *
 * The file BODY is posted to 127.0.0.1:PORT.  Before anything is timed one
 * answer is read and its body written to the file REPLY, for others to check.
 * Each later answer must be like it: status 200, as many bytes, and the same
 * bytes where they came with the header.  Prints one line of JSON, unless SECONDS
 * is 0: then the first answer is all.
 *
 * One thread, which leaves the processor to the server: large bodies are sent
 * from the page cache, and what is received of them is thrown away unseen.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	CONNECTIONS_MAX = 1024,
	HEAD_BYTES_MAX = 16 << 10,
	DISCARD_BYTES = 1 << 20,
	SAMPLES_MAX = 4 << 20, /* latencies kept; later ones are counted only */
};

static struct request {
	char head[HEAD_BYTES_MAX];
	size_t head_bytes, body_bytes;
	int body; /* file */
} request;

static struct answer {
	char *body;
	size_t bytes;
} expected;

static struct connection {
	int fd;
	size_t head_sent;
	off_t body_sent;
	double asked_s;
	char in[HEAD_BYTES_MAX]; /* the head, and what came with it */
	size_t in_bytes;
	size_t left; /* of the body; the head is complete */
	bool is_receiving;
} connections[CONNECTIONS_MAX];

static float *samples;
static size_t answers;

static void fail(const char *what)
{
	fprintf(stderr, "load: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
	exit(EXIT_FAILURE);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- The request ---------------------------------------------------------- */

static void request_init(const char *path, const char *body, char **headers, int count)
{
	struct stat stat;
	size_t n;

	request.body = open(body, O_RDONLY | O_CLOEXEC);
	if (request.body < 0 || fstat(request.body, &stat))
		fail(body);
	request.body_bytes = (size_t)stat.st_size;
	n = (size_t)snprintf(request.head, sizeof request.head,
			     "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %zu\r\n", path,
			     request.body_bytes);
	for (int i = 0; i < count && n < sizeof request.head; i++)
		n += (size_t)snprintf(request.head + n, sizeof request.head - n, "%s\r\n",
				      headers[i]);
	if (n + 2 >= sizeof request.head)
		fail("the headers are too long");
	memcpy(request.head + n, "\r\n", 2);
	request.head_bytes = n + 2;
	/* A small one goes out in one piece. */
	if (request.head_bytes + request.body_bytes <= sizeof request.head) {
		if (pread(request.body, request.head + request.head_bytes, request.body_bytes, 0) !=
		    (ssize_t)request.body_bytes)
			fail(body);
		request.head_bytes += request.body_bytes;
		request.body_bytes = 0;
	}
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to))
		fail("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (fcntl(fd, F_SETFL, O_NONBLOCK))
		fail("fcntl");
	return fd;
}

/* ---- Asking --------------------------------------------------------------- */

static bool would_block(ssize_t n)
{
	if (n == 0)
		fail("the server has closed the connection");
	if (n < 0 && errno != EAGAIN)
		fail("the connection is broken");
	return n < 0;
}

/* True when all of it is out. */
static bool send_request(struct connection *c)
{
	ssize_t n;

	while (c->head_sent < request.head_bytes) {
		n = send(c->fd, request.head + c->head_sent, request.head_bytes - c->head_sent,
			 MSG_NOSIGNAL | (request.body_bytes ? MSG_MORE : 0));
		if (would_block(n))
			return false;
		c->head_sent += (size_t)n;
	}
	while ((size_t)c->body_sent < request.body_bytes) {
		n = sendfile(c->fd, request.body, &c->body_sent,
			     request.body_bytes - (size_t)c->body_sent);
		if (would_block(n))
			return false;
	}
	return true;
}

static void ask(struct connection *c)
{
	c->head_sent = c->in_bytes = 0;
	c->body_sent = 0;
	c->is_receiving = false;
	c->asked_s = now_s();
	send_request(c);
}

/* ---- Being answered ------------------------------------------------------- */

static void check_head(struct connection *c, const char *body)
{
	static const char name[] = "\r\nContent-Length:";
	const char *length = strcasestr(c->in, name);
	size_t bytes, here = c->in_bytes - (size_t)(body - c->in);

	errno = 0;
	if (strncmp(c->in, "HTTP/1.1 200 ", 13) != 0) {
		fprintf(stderr, "%s\n", c->in);
		fail("an answer is not 200");
	}
	if (!length || length >= body)
		fail("an answer has no Content-Length");
	bytes = strtoull(length + strlen(name), NULL, 10);
	if (here > bytes)
		fail("more bytes than an answer has");
	if (expected.body && (bytes != expected.bytes || memcmp(body, expected.body, here) != 0))
		fail("an answer differs from the first");
	c->left = bytes - here;
	c->is_receiving = true;
}

/* The head, and what comes with it. */
static bool receive_head(struct connection *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_bytes, sizeof c->in - 1 - c->in_bytes, 0);
	char *end;

	if (would_block(n))
		return false;
	c->in_bytes += (size_t)n;
	c->in[c->in_bytes] = '\0';
	end = strstr(c->in, "\r\n\r\n");
	if (end)
		check_head(c, end + 4);
	else if (c->in_bytes == sizeof c->in - 1)
		fail("the head of an answer is too long");
	return true;
}

static bool discard(struct connection *c)
{
	size_t most = c->left < DISCARD_BYTES ? c->left : DISCARD_BYTES;
	ssize_t n = recv(c->fd, NULL, most, MSG_TRUNC);

	if (would_block(n))
		return false;
	c->left -= (size_t)n;
	return true;
}

static bool is_answered(const struct connection *c)
{
	return c->is_receiving && c->left == 0;
}

static void receive(struct connection *c)
{
	while (!is_answered(c) && (c->is_receiving ? discard(c) : receive_head(c)))
		;
}

/* ---- The first answer ----------------------------------------------------- */

static void wait_for(int fd, uint32_t events)
{
	struct epoll_event event = {.events = events};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) ||
	    epoll_wait(epoll, &event, 1, -1) < 0)
		fail("epoll");
	close(epoll);
}

static void keep(struct connection *c, const char *file)
{
	char *body = strstr(c->in, "\r\n\r\n") + 4;
	size_t have = c->in_bytes - (size_t)(body - c->in);
	FILE *out = fopen(file, "w");

	expected.bytes = have + c->left;
	expected.body = malloc(expected.bytes + 1);
	if (!out || !expected.body)
		fail(file);
	memcpy(expected.body, body, have);
	while (have < expected.bytes) {
		ssize_t n = recv(c->fd, expected.body + have, expected.bytes - have, 0);

		if (would_block(n))
			wait_for(c->fd, EPOLLIN);
		else
			have += (size_t)n;
	}
	if (fwrite(expected.body, 1, expected.bytes, out) != expected.bytes || fclose(out))
		fail(file);
}

static void first_answer(uint16_t port, const char *file)
{
	struct connection *c = &connections[0];

	c->fd = connect_to(port);
	ask(c);
	while (!send_request(c))
		wait_for(c->fd, EPOLLOUT);
	while (!c->is_receiving) {
		wait_for(c->fd, EPOLLIN);
		receive_head(c);
	}
	keep(c, file);
	close(c->fd);
}

/* ---- The run -------------------------------------------------------------- */

static void note(struct connection *c)
{
	if (answers < SAMPLES_MAX)
		samples[answers] = (float)(now_s() - c->asked_s);
	answers++;
}

static void serve(struct connection *c)
{
	if (!send_request(c))
		return;
	receive(c);
	if (!is_answered(c))
		return;
	note(c);
	ask(c);
}

/* Until the time is over and there were as many answers as connections: seconds
 * from the first request to the last answer. */
static double run(uint16_t port, int count, double seconds)
{
	struct epoll_event events[CONNECTIONS_MAX];
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	double start = now_s(), end = start;

	for (int i = 0; i < count; i++) {
		struct connection *c = &connections[i];
		struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};

		c->fd = connect_to(port);
		ask(c);
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event))
			fail("epoll_ctl");
	}
	while (now_s() < start + seconds || answers < (size_t)count) {
		int n = epoll_wait(epoll, events, count, 1000);
		size_t before = answers;

		for (int i = 0; i < n; i++)
			serve(events[i].data.ptr);
		end = answers > before ? now_s() : end;
	}
	return end - start;
}

static int ascending(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void report(double seconds)
{
	size_t kept = answers < SAMPLES_MAX ? answers : SAMPLES_MAX;
	struct rusage usage;

	errno = 0;
	if (kept == 0)
		fail("no answer in time");
	qsort(samples, kept, sizeof *samples, ascending);
	getrusage(RUSAGE_SELF, &usage);
	printf("{\"answers\": %zu, \"seconds\": %.6f, \"per_second\": %.3f, \"min_s\": %.9f, "
	       "\"p50_s\": %.9f, \"p99_s\": %.9f, \"bytes\": %zu}\n",
	       answers, seconds, (double)answers / seconds, (double)samples[0],
	       (double)samples[kept / 2], (double)samples[kept - 1 - (kept - 1) / 100],
	       expected.bytes);
}

int main(int argc, char **argv)
{
	if (argc < 7 || atoi(argv[4]) < 1 || atoi(argv[4]) > CONNECTIONS_MAX) {
		fprintf(stderr, "load PORT PATH BODY CONNECTIONS SECONDS REPLY [HEADER]...\n");
		return 2;
	}
	uint16_t port = (uint16_t)atoi(argv[1]);

	samples = malloc(SAMPLES_MAX * sizeof *samples);
	if (!samples)
		fail("no memory");
	request_init(argv[2], argv[3], argv + 7, argc - 7);
	first_answer(port, argv[6]);
	if (atof(argv[5]) > 0)
		report(run(port, atoi(argv[4]), atof(argv[5])));
	return EXIT_SUCCESS;
}
