/*
 * A thread for what would keep a loop too long and must not wait behind
 * evaluations: freeing (giving back the gigabyte of a large request takes the
 * system a third of a second), reports, and compressing what needs no worker.  When
 * there is nothing to do it sees to it that no memory is kept for nobody.
 */
#ifndef SERVER_ASIDE_H
#define SERVER_ASIDE_H

struct srv_aside;

/* Embedded in what it is about. */
struct srv_errand {
	struct srv_errand *next;
	void (*run)(struct srv_errand *errand); /* called once, on the thread; may free it */
};

/* NULL if there is no memory or no thread. */
struct srv_aside *srv_aside_new(void);

/* Runs what it has been given, and ends. */
void srv_aside_free(struct srv_aside *aside);

/* Any thread. Cannot fail. The newest comes first: who asks for a report does not
 * wait for all that is to be freed. */
void srv_aside_take(struct srv_aside *aside, struct srv_errand *errand);

#endif
