/*
 * Happy path: the client reads the reply and closes; the end of file ends the
 * lingering.  Failures: an error of the socket ends it; a client that neither
 * stops sending nor closes is cut off after LINGER_MS; when the daemon stops all
 * of them end.
 */
#define _GNU_SOURCE
#include "linger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"

enum { LINGER_MS = 5000, LINGERS_MAX = 256, READS_AT_ONCE = 16, READ_BYTES = 64 << 10 };

struct srv_linger {
	struct srv_loop *loop;
	struct srv_linger *before, *after;
	int fd;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned handles; /* open; the struct goes with the last */
};

static void on_closed(uv_handle_t *handle)
{
	struct srv_linger *linger = handle->data;

	if (--linger->handles > 0)
		return;
	close(linger->fd);
	free(linger);
}

static void end(struct srv_linger *linger)
{
	struct srv_loop *loop = linger->loop;

	*(linger->before ? &linger->before->after : &loop->lingers) = linger->after;
	if (linger->after)
		linger->after->before = linger->before;
	loop->linger_count--;
	uv_close((uv_handle_t *)&linger->poll, on_closed);
	uv_close((uv_handle_t *)&linger->timer, on_closed);
}

static void on_late(uv_timer_t *timer)
{
	end(timer->data);
}

/* A few reads at a time: other connections are waiting. */
static void on_data(uv_poll_t *poll, int status, int events)
{
	struct srv_linger *linger = poll->data;
	char discarded[READ_BYTES];
	ssize_t got = 1;

	(void)events;
	for (int i = 0; status == 0 && got > 0 && i < READS_AT_ONCE; i++)
		got = recv(linger->fd, discarded, sizeof discarded, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (status != 0 || got <= 0)
		end(linger);
}

static void add(struct srv_loop *loop, struct srv_linger *linger)
{
	linger->loop = loop;
	linger->after = loop->lingers;
	if (linger->after)
		linger->after->before = linger;
	loop->lingers = linger;
	loop->linger_count++;
}

void srv_linger_start(struct srv_loop *loop, int fd)
{
	struct srv_linger *linger =
		loop->linger_count < LINGERS_MAX ? calloc(1, sizeof *linger) : NULL;

	if (!linger)
		return;
	linger->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (linger->fd < 0 || uv_poll_init(&loop->uv, &linger->poll, linger->fd) != 0) {
		if (linger->fd >= 0)
			close(linger->fd);
		free(linger);
		return;
	}
	shutdown(linger->fd, SHUT_WR);
	uv_timer_init(&loop->uv, &linger->timer);
	linger->poll.data = linger->timer.data = linger;
	linger->handles = 2;
	add(loop, linger);
	uv_timer_start(&linger->timer, on_late, LINGER_MS, 0);
	uv_poll_start(&linger->poll, UV_READABLE, on_data);
}

void srv_linger_end_all(struct srv_loop *loop)
{
	while (loop->lingers)
		end(loop->lingers);
}
