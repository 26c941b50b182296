/*
 * The accuracy of the elementary functions, and their bits on every ISA.
 *
 *     build/tests/ulp          a sample: a million arguments of each function
 *     build/tests/ulp --full   every float32, a hundred million float64
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
		if (i >= sizeof jobs / sizeof jobs[0])
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

int main(int argc, char **argv)
{
	if (argc > 2 || (argc == 2 && strcmp(argv[1], "--full") != 0)) {
		fprintf(stderr, "usage: %s [--full]\n", argv[0]);
		return EXIT_FAILURE;
	}
	full = argc == 2;

	printf("ISAs:");
	for (int v = 0; v < simd_variant_count(); v++)
		printf(" %s", simd_variant(32, v)->isa);
	printf("\nfunction    dtype    bound     ULP  at\n");

	bool good = true;
	for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
		jobs[i].function = &ulp_functions[i / 2];
		jobs[i].bits = i % 2 ? 64 : 32;
	}
	run_all();
	for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++)
		good = good && is_good(&jobs[i]);
	puts(good ? "all within their bounds" : "FAILED");
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
