/* Threads that no signal is delivered to: those are for the first loop. */
#ifndef SERVER_THREADS_H
#define SERVER_THREADS_H

#include <pthread.h>
#include <stdbool.h>

/* Starts `main(arg)`; `name` (at most 15 characters) is what ps and gdb show.
 * False if there is no thread to be had. */
bool srv_thread_start(pthread_t *thread, const char *name, void *(*main)(void *arg), void *arg);

/* No signal is delivered to the calling thread from now on. */
void srv_signals_block(void);

#endif
