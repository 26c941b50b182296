/*
 * A bounded pool of worker threads for work that comes in stages: a serial step
 * that says how many blocks of parallel work come before the next serial step.
 *
 * WHO RUNS WHAT.  srv_pool_submit() and srv_pool_withdraw() may be called from
 * any thread.  A task's next(), block() and done() run on workers: next() and
 * done() on one worker at a time, block() on any number of them at once,
 * everything a stage wrote being visible to the next one.  After done() has
 * been called the pool knows nothing more of the task.
 *
 * WHO IS SERVED.  Tasks are started in the order of their arrival, and at most
 * as many are started as there are workers: a started task holds its decoded
 * tensors, a waiting one no more than its body.  A worker with nothing to do
 * starts the next task if it may, and otherwise helps the started task that has
 * the fewest workers.  A worker that merely helps leaves, between two blocks,
 * to start a task that has arrived.  Hence
 *   - one large request is shared by all workers,
 *   - a request that arrives while one large request runs waits for one block,
 *     not for that request,
 *   - with as many requests as workers each has one of its own and there is
 *     nothing to wait for or to synchronise, which is the most throughput, and
 *   - no started task is left without a worker while it has work.
 *
 * BLOCKS.  A worker claims one block at a time with an atomic addition; blocks
 * should be worth some microseconds.
 *
 *     waiting --start--> started (serial <-> blocks) --next() gave 0--> done
 *        |
 *        +--withdraw--> the caller's again
 */
#ifndef SERVER_POOL_H
#define SERVER_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct srv_pool;

/* Embedded in the caller's struct, which must live until done() or a
 * successful srv_pool_withdraw(). */
struct srv_task {
	/* The blocks of the next stage; 0: there is none. */
	size_t (*next)(struct srv_task *task);
	void (*block)(struct srv_task *task, size_t index);
	void (*done)(struct srv_task *task);

	/* The pool's. */
	struct srv_task *before, *after;
	atomic_size_t claimed;
	size_t blocks;
	size_t workers;
	bool started;
};

struct srv_pool_counts {
	size_t workers, busy;
	size_t waiting, started; /* tasks */
};

/* NULL if there is no memory or a thread cannot be started. */
struct srv_pool *srv_pool_new(size_t workers);

/* Waits for the workers. There must be no task left. */
void srv_pool_free(struct srv_pool *pool);

/* The callbacks of `task` are set; the rest is overwritten. */
void srv_pool_submit(struct srv_pool *pool, struct srv_task *task);

/* True if the task had not been started: it will not be, and done() is not
 * called. False: done() has been called or will be. */
bool srv_pool_withdraw(struct srv_pool *pool, struct srv_task *task);

struct srv_pool_counts srv_pool_counts(struct srv_pool *pool);

#endif
