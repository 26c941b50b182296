/*
 * libmicrohttpd on the loop: its callbacks become connections and jobs, and
 * jobs become responses.  Nothing outside http.c and conn.c knows of sockets,
 * nothing outside http.c of libmicrohttpd.
 */
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "listen.h"

struct srv_loop;
struct srv_job;

/* Start loop->http; *epoll_fd is to be polled for reading. */
bool srv_http_start(struct srv_loop *loop, int *epoll_fd);

/* There is no connection left. */
void srv_http_stop(struct srv_loop *loop);

/* Let it work. */
void srv_http_run(struct srv_loop *loop);

/* In how many ms it wants to work again without an event; false: never. */
bool srv_http_timeout(struct srv_loop *loop, uint64_t *ms);

/* Hand over an accepted socket, which is closed if it cannot be taken. */
bool srv_http_add(struct srv_loop *loop, int fd, const struct srv_address *peer);

/* A suspended connection's job has a reply, or its client has gone. */
void srv_http_resume(struct srv_job *job);

#endif
