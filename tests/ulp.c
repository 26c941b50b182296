/*
 * The accuracy of the elementary functions, and their bits on every ISA.
 *
 *     build/tests/ulp          a sample: a million arguments of each function
 *     build/tests/ulp --full   every float32, a hundred million float64
 *     build/tests/ulp [--full] exp log   only these
 *
 * Fails if a function is farther off than its bound, or if two ISAs differ.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "ulp.h"

struct job {
	const struct ulp_function *function;
	int bits;
	struct ulp_worst worst;
};

static struct job jobs[2 * ULP_FUNCTIONS];
static size_t job_count;
static atomic_size_t next_job;
static bool full;

static bool is_good(const struct job *j)
{
	return j->worst.error <= ulp_bound(j->function, j->bits) && !j->worst.isa;
}

static void print_job(const struct job *j)
{
	const struct ulp_worst *w = &j->worst;
	char at[80], same[80] = "same bits";

	if (j->function->domain == ULP_POWERS)
		snprintf(at, sizeof at, "%.9g ^ %.9g", w->at, w->at_y);
	else
		snprintf(at, sizeof at, "%.17g", w->at);
	if (w->isa)
		snprintf(same, sizeof same, "%s differs at %.17g", w->isa, w->isa_at);
	printf("%-11s float%d  %5.1f  %6.3f  %-26s  %s%s\n", j->function->name, j->bits,
	       ulp_bound(j->function, j->bits), w->error, at, same, is_good(j) ? "" : "  FAILED");
	fflush(stdout);
}

/* A stride that is prime meets every exponent with many mantissas. */
static void run_job(struct job *j)
{
	const uint64_t every = (uint64_t)1 << 32, stride = 4099;
	if (j->bits == 32)
		j->worst = full ? ulp_measure(j->function, 32, 0, 1, every)
				: ulp_measure(j->function, 32, 0, stride, every / stride + 1);
	else
		j->worst = ulp_measure(j->function, 64, 0, 1, full ? 100000000 : 1000000);
	print_job(j);
}

static void *work(void *unused)
{
	for (;;) {
		const size_t i = atomic_fetch_add(&next_job, 1);
		if (i >= job_count)
			return unused;
		run_job(&jobs[i]);
	}
}

static void run_all(void)
{
	enum { THREADS_MAX = 64 };
	pthread_t threads[THREADS_MAX];
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int started = 0;

	while (started < cpus - 1 && started < THREADS_MAX &&
	       !pthread_create(&threads[started], NULL, work, NULL))
		started++;
	work(NULL);
	while (started > 0)
		pthread_join(threads[--started], NULL);
}

/* Both dtypes of the named functions, or of all. False: a name is unknown. */
static bool add_jobs(char **names)
{
	size_t found = 0, wanted = 0;
	while (names[wanted])
		wanted++;
	for (size_t i = 0; i < ULP_FUNCTIONS; i++) {
		const struct ulp_function *f = &ulp_functions[i];
		size_t k = 0;
		while (k < wanted && strcmp(names[k], f->name) != 0)
			k++;
		if (wanted && k == wanted)
			continue;
		found++;
		jobs[job_count++] = (struct job){.function = f, .bits = 32};
		jobs[job_count++] = (struct job){.function = f, .bits = 64};
	}
	return !wanted || found == wanted;
}

int main(int argc, char **argv)
{
	full = argc > 1 && !strcmp(argv[1], "--full");
	if (!add_jobs(argv + 1 + full)) {
		fprintf(stderr, "usage: %s [--full] [function...]\n", argv[0]);
		return EXIT_FAILURE;
	}

	printf("ISAs:");
	for (int v = 0; v < simd_variant_count(); v++)
		printf(" %s", simd_variant(32, v)->isa);
	printf("\nfunction    dtype    bound     ULP  at\n");

	bool good = true;
	run_all();
	for (size_t i = 0; i < job_count; i++)
		good = good && is_good(&jobs[i]);
	puts(good ? "all within their bounds" : "FAILED");
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
