/*
 * Closing a connection whose client may still be sending.
 *
 * A closed socket answers data with a reset, which takes the reply out of the
 * client's hands before it is read: a client that sends a body which has been
 * refused would see "connection reset" and never the 413.  Such a socket is shut
 * for writing only, and read until the client has noticed, or for a few seconds.
 */
#ifndef SERVER_LINGER_H
#define SERVER_LINGER_H

struct srv_loop;

/* For a socket that is about to be closed; works on a duplicate of it.  Does
 * nothing if too many linger already. */
void srv_linger_start(struct srv_loop *loop, int fd);

void srv_linger_end_all(struct srv_loop *loop);

#endif
