#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pool.h"

Suite *pool_suite(void);

enum { WORKERS = 3, STAGES_MAX = 4, PAUSE_US = 10 };

/* A task of some stages, each with so many blocks, that writes down what runs. */
struct work {
	struct srv_task task;
	size_t blocks[STAGES_MAX];
	size_t stages, stage; /* `stage` counts the calls of next() */
	unsigned char *ran[STAGES_MAX];
	atomic_size_t inside;
	void (*on_next)(struct work *work);
	void (*on_block)(struct work *work, size_t index);
	atomic_bool is_done;
	bool is_wrong;
	size_t order; /* of starting */
};

static struct srv_pool *pool;
static atomic_size_t starts;
static atomic_bool gate;

static size_t work_next(struct srv_task *task)
{
	struct work *work = (struct work *)task;

	/* Nobody is in a block, and every block of the last stage ran once. */
	work->is_wrong |= work->inside != 0;
	if (work->stage == 0)
		work->order = starts++;
	for (size_t i = 0; work->stage > 0 && i < work->blocks[work->stage - 1]; i++)
		work->is_wrong |= work->ran[work->stage - 1][i] != 1;
	if (work->on_next)
		work->on_next(work);
	return work->stage < work->stages ? work->blocks[work->stage++] : 0;
}

static void work_block(struct srv_task *task, size_t index)
{
	struct work *work = (struct work *)task;

	work->inside++;
	work->ran[work->stage - 1][index]++; /* not atomic: the pool is to order it */
	if (work->on_block)
		work->on_block(work, index);
	work->inside--;
}

static void work_done(struct srv_task *task)
{
	((struct work *)task)->is_done = true;
}

static void work_init(struct work *work, const size_t *blocks, size_t stages)
{
	memset(work, 0, sizeof *work);
	work->task.next = work_next;
	work->task.block = work_block;
	work->task.done = work_done;
	work->stages = stages;
	for (size_t i = 0; i < stages; i++) {
		work->blocks[i] = blocks[i];
		work->ran[i] = calloc(blocks[i], 1);
	}
}

static void work_release(struct work *work)
{
	ck_assert(!work->is_wrong);
	for (size_t i = 0; i < work->stages; i++)
		free(work->ran[i]);
}

static void await(atomic_bool *flag)
{
	while (!*flag)
		usleep(PAUSE_US);
}

static void setup(void)
{
	gate = false;
	starts = 0;
	pool = srv_pool_new(WORKERS);
	ck_assert_ptr_nonnull(pool);
}

static void teardown(void)
{
	srv_pool_free(pool);
}

START_TEST(every_block_runs_once_between_its_serial_steps)
{
	const size_t blocks[] = {1, 1000, 7};
	struct work work;

	work_init(&work, blocks, 3);
	srv_pool_submit(pool, &work.task);
	await(&work.is_done);
	ck_assert_uint_eq(work.stage, 3);
	work_release(&work);
}
END_TEST

START_TEST(a_task_without_blocks_ends_after_its_serial_step)
{
	struct work work;

	work_init(&work, NULL, 0);
	srv_pool_submit(pool, &work.task);
	await(&work.is_done);
	work_release(&work);
}
END_TEST

static void meet_all(struct work *work, size_t index)
{
	(void)index;
	while (work->inside < WORKERS && !gate)
		usleep(PAUSE_US);
	gate = true;
}

START_TEST(one_task_has_all_workers)
{
	const size_t blocks[] = {WORKERS};
	struct work work;

	/* Each block waits for the others: hangs if they do not run at once. */
	work_init(&work, blocks, 1);
	work.on_block = meet_all;
	srv_pool_submit(pool, &work.task);
	await(&work.is_done);
	work_release(&work);
}
END_TEST

static struct work large, small;
static size_t left_when_small_began;

static void first_block_awaits_small(struct work *work, size_t index)
{
	(void)work;
	if (index == 0)
		await(&small.is_done);
	else if (!small.is_done)
		usleep(PAUSE_US);
}

static void look_at_large(struct work *work)
{
	if (work->stage == 0)
		left_when_small_began = large.blocks[0] - large.task.claimed;
}

START_TEST(a_newcomer_waits_for_a_block_and_not_for_the_task)
{
	const size_t many[] = {1 << 22}, one[] = {1};

	work_init(&large, many, 1);
	work_init(&small, one, 1);
	large.on_block = first_block_awaits_small;
	small.on_next = look_at_large;
	srv_pool_submit(pool, &large.task);
	while (srv_pool_counts(pool).busy < WORKERS)
		usleep(PAUSE_US);
	srv_pool_submit(pool, &small.task);
	await(&small.is_done);
	await(&large.is_done);
	ck_assert_uint_gt(left_when_small_began, (1 << 22) / 2);
	work_release(&large);
	work_release(&small);
}
END_TEST

static void await_gate(struct work *work)
{
	(void)work;
	await(&gate);
}

START_TEST(no_more_tasks_are_started_than_there_are_workers)
{
	enum { TASKS = 10 };
	struct work works[TASKS];
	struct srv_pool_counts counts;

	for (size_t i = 0; i < TASKS; i++) {
		work_init(&works[i], (size_t[]){2}, 1);
		works[i].on_next = await_gate;
		srv_pool_submit(pool, &works[i].task);
	}
	while (starts < WORKERS)
		usleep(PAUSE_US);
	counts = srv_pool_counts(pool);
	ck_assert_uint_eq(counts.workers, WORKERS);
	ck_assert_uint_eq(counts.busy, WORKERS);
	ck_assert_uint_eq(counts.started, WORKERS);
	ck_assert_uint_eq(counts.waiting, TASKS - WORKERS);
	gate = true;
	for (size_t i = 0; i < TASKS; i++)
		await(&works[i].is_done);
	for (size_t i = 0; i < TASKS; i++) {
		if (i < WORKERS)
			ck_assert_uint_lt(works[i].order, WORKERS);
		work_release(&works[i]);
	}
}
END_TEST

/* Of several workers one may overtake another on its way from the queue: all but
 * one are held. */
START_TEST(tasks_are_started_in_the_order_of_arrival)
{
	enum { TASKS = 20 };
	struct work works[TASKS];

	for (size_t i = 0; i < TASKS; i++) {
		work_init(&works[i], (size_t[]){2}, 1);
		works[i].on_next = i < WORKERS - 1 ? await_gate : NULL;
		srv_pool_submit(pool, &works[i].task);
	}
	for (size_t i = WORKERS - 1; i < TASKS; i++)
		await(&works[i].is_done);
	gate = true;
	for (size_t i = 0; i < TASKS; i++) {
		await(&works[i].is_done);
		if (i > WORKERS - 1)
			ck_assert_uint_gt(works[i].order, works[i - 1].order);
		work_release(&works[i]);
	}
}
END_TEST

START_TEST(what_waits_can_be_withdrawn_and_what_runs_cannot)
{
	struct work running[WORKERS], waiting[3];

	for (size_t i = 0; i < WORKERS; i++) {
		work_init(&running[i], (size_t[]){5}, 1);
		running[i].on_next = await_gate;
		srv_pool_submit(pool, &running[i].task);
	}
	while (srv_pool_counts(pool).started < WORKERS)
		usleep(PAUSE_US);
	for (size_t i = 0; i < 3; i++) {
		work_init(&waiting[i], (size_t[]){5}, 1);
		srv_pool_submit(pool, &waiting[i].task);
	}
	ck_assert(srv_pool_withdraw(pool, &waiting[1].task));
	ck_assert_uint_eq(srv_pool_counts(pool).waiting, 2);
	ck_assert(!srv_pool_withdraw(pool, &running[0].task));
	gate = true;
	for (size_t i = 0; i < WORKERS; i++)
		await(&running[i].is_done);
	await(&waiting[0].is_done);
	await(&waiting[2].is_done);
	ck_assert(!waiting[1].is_done);
	ck_assert_uint_eq(waiting[1].stage, 0);
	for (size_t i = 0; i < WORKERS; i++)
		work_release(&running[i]);
	for (size_t i = 0; i < 3; i++)
		work_release(&waiting[i]);
}
END_TEST

START_TEST(many_tasks_of_all_sizes)
{
	enum { TASKS = 300 };
	struct work *works = calloc(TASKS, sizeof *works);

	srand(1);
	for (size_t i = 0; i < TASKS; i++) {
		size_t blocks[STAGES_MAX];

		for (size_t s = 0; s < STAGES_MAX; s++)
			blocks[s] = 1 + (size_t)rand() % (rand() % 10 == 0 ? 2000 : 5);
		work_init(&works[i], blocks, (size_t)rand() % (STAGES_MAX + 1));
		srv_pool_submit(pool, &works[i].task);
	}
	for (size_t i = 0; i < TASKS; i++) {
		await(&works[i].is_done);
		ck_assert_uint_eq(works[i].stage, works[i].stages);
		work_release(&works[i]);
	}
	free(works);
}
END_TEST

Suite *pool_suite(void)
{
	Suite *suite = suite_create("pool");
	TCase *tc = tcase_create("pool");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, every_block_runs_once_between_its_serial_steps);
	tcase_add_test(tc, a_task_without_blocks_ends_after_its_serial_step);
	tcase_add_test(tc, one_task_has_all_workers);
	tcase_add_test(tc, a_newcomer_waits_for_a_block_and_not_for_the_task);
	tcase_add_test(tc, no_more_tasks_are_started_than_there_are_workers);
	tcase_add_test(tc, tasks_are_started_in_the_order_of_arrival);
	tcase_add_test(tc, what_waits_can_be_withdrawn_and_what_runs_cannot);
	tcase_add_test(tc, many_tasks_of_all_sizes);
	suite_add_tcase(suite, tc);
	return suite;
}
