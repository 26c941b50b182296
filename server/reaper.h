/*
 * A thread that frees: giving back the gigabyte of a large request takes the
 * system a third of a second, in which a loop would answer nobody.
 */
#ifndef SERVER_REAPER_H
#define SERVER_REAPER_H

struct srv_reaper;

/* Embedded in what is to be freed. */
struct srv_remains {
	struct srv_remains *next;
	void (*free)(struct srv_remains *remains); /* called once, on the thread */
};

/* NULL if there is no memory or no thread. */
struct srv_reaper *srv_reaper_new(void);

/* Frees what it has been given, and ends. */
void srv_reaper_free(struct srv_reaper *reaper);

/* Any thread. Cannot fail. */
void srv_reaper_take(struct srv_reaper *reaper, struct srv_remains *remains);

#endif
