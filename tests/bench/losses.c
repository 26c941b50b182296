/*
 * How fast the losses are, beside the speed of memory.
 *
 * Each row: seconds for the value, for value and gradient, and for a plain loop
 * of load, add and store over as many elements, all with the same threads,
 * interleaved in one run; the best of several rounds.  The value is checked
 * before anything is timed: the threaded run must have the bits of a serial
 * one, and cross entropy, the reference of a plain double loop.
 *
 *     losses [THREADS [NAME]]      all rows, or those of one loss
 *     losses THREADS "" FOLDER     for part_losses.py: the batch and its gradient
 *                                  are written to the folder, and after each row
 *                                  it waits for a line on standard input
 */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "loss.h"

enum { ROUNDS = 7, THREADS_MAX = 16 };

struct shape {
	const char *loss;
	enum loss_role role;
	int rank;
	int64_t n, c, d;
	bool classes; /* targets are class indices */
};

static const struct shape shapes[] = {
	{"cross_entropy", LOSS_ROLE_LOGITS, 2, 4096, 1000, 1, true},
	{"cross_entropy", LOSS_ROLE_LOGITS, 2, 512, 32000, 1, true},
	{"cross_entropy", LOSS_ROLE_LOGITS, 2, 65536, 100, 1, true},
	{"cross_entropy", LOSS_ROLE_LOGITS, 2, 409600, 10, 1, true},
	{"cross_entropy", LOSS_ROLE_LOGITS, 3, 8, 21, 65536, true},
	{"cross_entropy", LOSS_ROLE_LOGITS, 3, 4096, 21, 49, true},
	{"cross_entropy", LOSS_ROLE_LOGITS, 2, 1, 10000000, 1, true},
	{"cross_entropy", LOSS_ROLE_LOGITS, 2, 4096, 1024, 1, false},
	{"nll_loss", LOSS_ROLE_LOG_PROBS, 2, 4096, 1000, 1, true},
	{"softmax_focal", LOSS_ROLE_LOGITS, 2, 4096, 1000, 1, true},
	{"binary_cross_entropy", LOSS_ROLE_PROBS, 2, 4096, 1024, 1, false},
	{"bce_with_logits", LOSS_ROLE_LOGITS, 2, 4096, 1024, 1, false},
	{"balanced_bce", LOSS_ROLE_LOGITS, 2, 4096, 1024, 1, false},
	{"ohem_balanced_bce", LOSS_ROLE_LOGITS, 2, 4096, 1024, 1, false},
	{"sigmoid_focal", LOSS_ROLE_LOGITS, 2, 4096, 1024, 1, false},
	{"dice", LOSS_ROLE_LOGITS, 2, 16, 262144, 1, false},
	{"l1", LOSS_ROLE_INPUT, 2, 4096, 1024, 1, false},
	{"mse", LOSS_ROLE_INPUT, 2, 4096, 1024, 1, false},
	{"smooth_l1", LOSS_ROLE_INPUT, 2, 4096, 1024, 1, false},
	{"huber", LOSS_ROLE_INPUT, 2, 4096, 1024, 1, false},
	{"log_cosh", LOSS_ROLE_INPUT, 2, 4096, 1024, 1, false},
	{"poisson_nll", LOSS_ROLE_INPUT, 2, 4096, 1024, 1, false},
	{"kl_div", LOSS_ROLE_LOG_PROBS, 2, 4096, 1024, 1, false},
};

/* One batch and its evaluation. */
struct work {
	const struct shape *shape;
	int64_t elements;
	float *x, *gradient, *real_targets;
	int64_t *class_targets;
	struct loss_plan plan;
	void *scratch;
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- A team of threads ---------------------------------------------------- */

static struct team {
	int threads;
	pthread_barrier_t begin, end;
	void (*run)(void *ctx, int64_t block);
	void *ctx;
	int64_t blocks;
	_Atomic int64_t next;
} team;

static void take_blocks(void)
{
	for (int64_t b; (b = atomic_fetch_add(&team.next, 1)) < team.blocks;)
		team.run(team.ctx, b);
}

static void *member(void *unused)
{
	(void)unused;
	for (;;) {
		pthread_barrier_wait(&team.begin);
		take_blocks();
		pthread_barrier_wait(&team.end);
	}
	return NULL;
}

static void team_start(int threads)
{
	team.threads = threads;
	pthread_barrier_init(&team.begin, NULL, (unsigned)threads);
	pthread_barrier_init(&team.end, NULL, (unsigned)threads);
	for (int i = 1; i < threads; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, member, NULL))
			exit(1);
		pthread_detach(thread);
	}
}

static void team_run(void (*run)(void *, int64_t), void *ctx, int64_t blocks)
{
	team.run = run;
	team.ctx = ctx;
	team.blocks = blocks;
	atomic_store(&team.next, 0);
	pthread_barrier_wait(&team.begin);
	take_blocks();
	pthread_barrier_wait(&team.end);
}

/* ---- What is timed -------------------------------------------------------- */

static void plan_block(void *plan, int64_t block)
{
	loss_plan_run(plan, block);
}

static double evaluate(struct work *w, bool gradient, bool threaded, double *loss)
{
	struct loss_outputs out = {.scratch = w->scratch, .scale = 1};
	struct loss_plan plan = w->plan;
	struct loss_result result;
	struct loss_error err;
	double start = seconds();

	out.gradients[0] = gradient ? w->gradient : NULL;
	loss_plan_begin(&plan, &out);
	for (int64_t blocks; (blocks = loss_plan_next(&plan)) > 0;) {
		if (threaded)
			team_run(plan_block, &plan, blocks);
		else
			for (int64_t b = 0; b < blocks; b++)
				loss_plan_run(&plan, b);
	}
	if (loss_plan_finish(&plan, &result, &err)) {
		fprintf(stderr, "%s: %s %s\n", w->shape->loss, err.member, err.text);
		exit(1);
	}
	*loss = result.loss;
	return seconds() - start;
}

enum { LIMIT_BLOCK = 16384 };

/* Sixteen floats, as the losses have them: -O2 alone would leave the loop with
 * one, and a limit that is none. */
typedef float floats __attribute__((vector_size(64), aligned(64)));

#ifdef __x86_64__
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
static void
add_one(floats *restrict to, const floats *restrict from, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		to[i] = from[i] + 1.0f;
}

static void limit_block(void *ctx, int64_t block)
{
	struct work *w = ctx;
	int64_t first = block * LIMIT_BLOCK, count = w->elements - first;

	count = count < LIMIT_BLOCK ? count : LIMIT_BLOCK;
	add_one((floats *)(w->gradient + first), (const floats *)(w->x + first), count / 16);
}

static double limit(struct work *w)
{
	double start = seconds();

	team_run(limit_block, w, (w->elements + LIMIT_BLOCK - 1) / LIMIT_BLOCK);
	return seconds() - start;
}

/* ---- Batches -------------------------------------------------------------- */

static void *memory(size_t bytes)
{
	void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);

	if (!p)
		exit(1);
	memset(p, 0, bytes); /* no page fault may be timed */
	return p;
}

static void fill(struct work *w)
{
	const struct shape *s = w->shape;
	uint32_t state = 1;

	for (int64_t i = 0; i < w->elements; i++) {
		state = state * 1664525u + 1013904223u;
		float u = (float)(state >> 8) / (float)(1 << 24);

		w->x[i] = s->role == LOSS_ROLE_PROBS       ? 0.01f + 0.98f * u
			  : s->role == LOSS_ROLE_LOG_PROBS ? -1 - 6 * u
							   : 8 * u - 4;
		w->real_targets[i] = (state >> 4 & 7) == 0;
	}
	for (int64_t i = 0; s->classes && i < s->n * s->d; i++)
		w->class_targets[i] = i * 7 % s->c;
}

static void work_init(struct work *w, const struct shape *s)
{
	struct loss_spec spec;
	struct loss_error err;
	struct loss_tensor x = {NULL, LOSS_FLOAT32, s->rank, {s->n, s->c, s->d}}, y = x;

	*w = (struct work){.shape = s, .elements = s->n * s->c * s->d};
	w->x = memory((size_t)w->elements * sizeof *w->x);
	w->gradient = memory((size_t)w->elements * sizeof *w->gradient);
	w->real_targets = memory((size_t)w->elements * sizeof *w->real_targets);
	w->class_targets = memory((size_t)(s->n * s->d) * sizeof *w->class_targets);
	fill(w);
	x.data = w->x;
	y.data = w->real_targets;
	if (s->classes)
		y = (struct loss_tensor){w->class_targets, LOSS_INT64, s->rank - 1, {s->n, s->d}};
	struct loss_input in[] = {{s->role, x, true}, {LOSS_ROLE_TARGETS, y, false}};

	loss_spec_init(&spec, loss_find(s->loss));
	if (loss_plan_init(&w->plan, &spec, in, 2, &err)) {
		fprintf(stderr, "%s: %s %s\n", s->loss, err.member, err.text);
		exit(1);
	}
	w->scratch = memory(w->plan.scratch_bytes);
}

static void work_release(struct work *w)
{
	free(w->x);
	free(w->gradient);
	free(w->real_targets);
	free(w->class_targets);
	free(w->scratch);
}

/* ---- Is it right? --------------------------------------------------------- */

static double plain_cross_entropy(const struct work *w)
{
	const struct shape *s = w->shape;
	double total = 0;

	for (int64_t row = 0; row < s->n * s->d; row++) {
		int64_t at = row / s->d * s->c * s->d + row % s->d;
		const float *x = w->x + at, *q = w->real_targets + at;
		double sum = 0;

		for (int64_t k = 0; k < s->c; k++)
			sum += exp((double)x[k * s->d]);
		if (s->classes)
			total += log(sum) - (double)x[w->class_targets[row] * s->d];
		for (int64_t k = 0; k < s->c && !s->classes; k++)
			total += (double)q[k * s->d] * (log(sum) - (double)x[k * s->d]);
	}
	return total / (double)(s->n * s->d);
}

static void check(struct work *w)
{
	double serial, threaded, expected;

	evaluate(w, true, false, &serial);
	evaluate(w, true, true, &threaded);
	if (memcmp(&serial, &threaded, sizeof serial)) {
		fprintf(stderr, "%s: the threads change the result\n", w->shape->loss);
		exit(1);
	}
	if (strcmp(w->shape->loss, "cross_entropy"))
		return;
	expected = plain_cross_entropy(w);
	if (!(fabs(threaded - expected) <= 1e-6 * expected)) {
		fprintf(stderr, "cross_entropy: %.9g, expected %.9g\n", threaded, expected);
		exit(1);
	}
}

/* ---- For another program -------------------------------------------------- */

static void write_file(const char *folder, const char *name, const void *data, size_t bytes)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "w");
	if (!file || fwrite(data, 1, bytes, file) != bytes || fclose(file)) {
		perror(path);
		exit(1);
	}
}

static void hand_over(const struct work *w, const char *folder)
{
	size_t bytes = (size_t)w->elements * sizeof *w->x;
	const struct shape *s = w->shape;

	write_file(folder, "x", w->x, bytes);
	write_file(folder, "gradient", w->gradient, bytes);
	if (s->classes)
		write_file(folder, "targets", w->class_targets,
			   (size_t)(s->n * s->d) * sizeof *w->class_targets);
	else
		write_file(folder, "targets", w->real_targets, bytes);
}

/* ---- Rows ----------------------------------------------------------------- */

static void print_shape(const struct shape *s)
{
	printf("%lldx%lld", (long long)s->n, (long long)s->c);
	if (s->rank == 3)
		printf("x%lld", (long long)s->d);
}

static void bench(const struct shape *s, const char *folder)
{
	double value = INFINITY, gradient = INFINITY, memory_speed = INFINITY, loss;
	struct work w;

	work_init(&w, s);
	check(&w);
	if (folder)
		hand_over(&w, folder);
	for (int round = 0; round < ROUNDS; round++) {
		value = fmin(value, evaluate(&w, false, true, &loss));
		gradient = fmin(gradient, evaluate(&w, true, true, &loss));
		memory_speed = fmin(memory_speed, limit(&w));
	}
	printf("%-20s\t", s->loss);
	print_shape(s);
	printf("\t%.9g\t%.3e\t%.3e\t%.3e\t%.2f\t%.2f\n", loss, value, gradient, memory_speed,
	       memory_speed / value, memory_speed / gradient);
	fflush(stdout);
	work_release(&w);
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 2;
	const char *name = argc > 2 ? argv[2] : "", *folder = argc > 3 ? argv[3] : NULL;

	if (threads < 1 || threads > THREADS_MAX)
		return 2;
	team_start(threads);
	printf("loss\tshape\tresult\tvalue_s\tgradient_s\tlimit_s\tvalue_of_limit\t"
	       "gradient_of_limit\n");
	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
		if (*name && strcmp(name, shapes[i].loss) != 0)
			continue;
		bench(&shapes[i], folder);
		if (folder && getchar() == EOF)
			return 1;
	}
	return 0;
}
