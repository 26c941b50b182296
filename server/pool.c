/*
 * Happy path: submit() puts the task into `waiting` and wakes a worker, which
 * moves it to `started`, runs next() for the number of blocks, wakes helpers,
 * and claims blocks itself until none is left.  The last worker to leave the
 * task (nobody is in a block then) runs the next serial step.  When that says 0
 * the task is unlinked and done() is called.
 *
 * Failures: none of the pool's own.  Cancelling is the task's business: its
 * next() and block() return early and the sequence stays the same, so a
 * cancelled task ends in done() as well.
 *
 * One lock guards the lists and the tasks' members; block() and next() run
 * without it.  `claimed` alone is also touched without the lock, by workers
 * that are counted in task->workers; it is reset when that count is 0.
 */
#include "pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "threads.h"

struct list {
	struct srv_task *first, *last;
	size_t count;
};

struct srv_pool {
	pthread_mutex_t lock; /* of everything below */
	pthread_cond_t work;
	struct list waiting, started;
	size_t idle;
	bool stop;
	/* A hint for workers in the middle of a task: one may start another. */
	atomic_bool calling;

	size_t workers;
	pthread_t threads[];
};

/* ---- Lists ---------------------------------------------------------------- */

static void list_append(struct list *list, struct srv_task *task)
{
	task->before = list->last;
	task->after = NULL;
	*(list->last ? &list->last->after : &list->first) = task;
	list->last = task;
	list->count++;
}

static void list_remove(struct list *list, struct srv_task *task)
{
	*(task->before ? &task->before->after : &list->first) = task->after;
	*(task->after ? &task->after->before : &list->last) = task->before;
	list->count--;
}

/* ---- Choosing, with the lock held ----------------------------------------- */

static bool may_start(const struct srv_pool *pool)
{
	return pool->waiting.count > 0 && pool->started.count < pool->workers;
}

static void update_calling(struct srv_pool *pool)
{
	atomic_store_explicit(&pool->calling, may_start(pool), memory_order_relaxed);
}

static bool has_blocks(const struct srv_task *task)
{
	return atomic_load_explicit(&task->claimed, memory_order_relaxed) < task->blocks;
}

static struct srv_task *start(struct srv_pool *pool)
{
	struct srv_task *task = pool->waiting.first;

	list_remove(&pool->waiting, task);
	list_append(&pool->started, task);
	task->started = true;
	update_calling(pool);
	return task;
}

static struct srv_task *choose(struct srv_pool *pool)
{
	struct srv_task *best = NULL;

	if (may_start(pool))
		return start(pool);
	for (struct srv_task *task = pool->started.first; task; task = task->after)
		if (has_blocks(task) && (!best || task->workers < best->workers))
			best = task;
	return best;
}

static void wake(struct srv_pool *pool, size_t count)
{
	if (count >= pool->idle)
		pthread_cond_broadcast(&pool->work);
	else
		for (size_t i = 0; i < count; i++)
			pthread_cond_signal(&pool->work);
}

/* ---- Working -------------------------------------------------------------- */

/* Whether this worker is the one to leave the task for a new one. */
static bool is_called_away(struct srv_pool *pool, const struct srv_task *task)
{
	bool away;

	if (!atomic_load_explicit(&pool->calling, memory_order_relaxed))
		return false;
	pthread_mutex_lock(&pool->lock);
	away = may_start(pool) && task->workers > 1;
	pthread_mutex_unlock(&pool->lock);
	return away;
}

static void run_blocks(struct srv_pool *pool, struct srv_task *task)
{
	size_t block;

	while ((block = atomic_fetch_add_explicit(&task->claimed, 1, memory_order_relaxed)) <
	       task->blocks) {
		task->block(task, block);
		if (is_called_away(pool, task))
			return;
	}
}

/* The serial step, by the only worker there is; true if blocks follow. */
static bool run_serial(struct srv_pool *pool, struct srv_task *task)
{
	size_t blocks;

	task->blocks = 0; /* nobody joins */
	pthread_mutex_unlock(&pool->lock);
	blocks = task->next(task);
	pthread_mutex_lock(&pool->lock);
	if (blocks == 0) {
		list_remove(&pool->started, task);
		update_calling(pool);
		pthread_mutex_unlock(&pool->lock);
		task->done(task);
		pthread_mutex_lock(&pool->lock);
		return false;
	}
	atomic_store_explicit(&task->claimed, 0, memory_order_relaxed);
	task->blocks = blocks;
	wake(pool, blocks - 1);
	return true;
}

/* Stay with a task until there is nothing to do for this worker. */
static void work_on(struct srv_pool *pool, struct srv_task *task)
{
	do {
		task->workers++;
		pthread_mutex_unlock(&pool->lock);
		run_blocks(pool, task);
		pthread_mutex_lock(&pool->lock);
		task->workers--;
		if (task->workers > 0 || has_blocks(task))
			return;
	} while (run_serial(pool, task));
}

static void *worker_main(void *arg)
{
	struct srv_pool *pool = arg;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		struct srv_task *task = choose(pool);

		if (task) {
			work_on(pool, task);
			continue;
		}
		if (pool->stop)
			break;
		pool->idle++;
		pthread_cond_wait(&pool->work, &pool->lock);
		pool->idle--;
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* ---- The pool ------------------------------------------------------------- */

static void stop_workers(struct srv_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->stop = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (size_t i = 0; i < pool->workers; i++)
		pthread_join(pool->threads[i], NULL);
}

/* With the lock held, so that no worker looks at a half-made pool. */
static bool start_workers(struct srv_pool *pool, size_t workers)
{
	char name[16];

	pthread_mutex_lock(&pool->lock);
	do {
		snprintf(name, sizeof name, "lossd-work-%u", (unsigned)pool->workers % 1000);
	} while (srv_thread_start(&pool->threads[pool->workers], name, worker_main, pool) &&
		 ++pool->workers < workers);
	pthread_mutex_unlock(&pool->lock);
	return pool->workers == workers;
}

struct srv_pool *srv_pool_new(size_t workers)
{
	struct srv_pool *pool = calloc(1, sizeof *pool + workers * sizeof *pool->threads);

	if (!pool)
		return NULL;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	if (start_workers(pool, workers))
		return pool;
	srv_pool_free(pool);
	return NULL;
}

void srv_pool_free(struct srv_pool *pool)
{
	if (!pool)
		return;
	stop_workers(pool);
	assert(pool->waiting.count == 0 && pool->started.count == 0);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

void srv_pool_submit(struct srv_pool *pool, struct srv_task *task)
{
	atomic_init(&task->claimed, 0);
	task->blocks = 0;
	task->workers = 0;
	task->started = false;
	pthread_mutex_lock(&pool->lock);
	list_append(&pool->waiting, task);
	update_calling(pool);
	pthread_cond_signal(&pool->work);
	pthread_mutex_unlock(&pool->lock);
}

bool srv_pool_withdraw(struct srv_pool *pool, struct srv_task *task)
{
	bool waiting;

	pthread_mutex_lock(&pool->lock);
	waiting = !task->started;
	if (waiting) {
		list_remove(&pool->waiting, task);
		update_calling(pool);
	}
	pthread_mutex_unlock(&pool->lock);
	return waiting;
}

struct srv_pool_counts srv_pool_counts(struct srv_pool *pool)
{
	struct srv_pool_counts counts;

	pthread_mutex_lock(&pool->lock);
	counts = (struct srv_pool_counts){
		.workers = pool->workers,
		.busy = pool->workers - pool->idle,
		.waiting = pool->waiting.count,
		.started = pool->started.count,
	};
	pthread_mutex_unlock(&pool->lock);
	return counts;
}
