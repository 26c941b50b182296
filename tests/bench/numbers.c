/*
 * How fast numbers get in and out of JSON, on one core: millions of numbers a
 * second, checked against the C library before they are timed, beside
 * libstdc++'s conversions in the same run.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "numbers.h"
#include "numbers_text.h"
#include "pages.h"

enum { NUMBERS = 1000000, ROUNDS = 7, TEXT_BYTES = 32 };

static struct api_budget budget = {.max = UINT64_C(4) << 30};
static struct api_limits limits;
static float singles[NUMBERS];
static double doubles[NUMBERS];
static char *text, *written;

static void require(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "numbers: %s\n", what);
	exit(EXIT_FAILURE);
}

/* Of this thread: another program on the machine disturbs less. */
static double seconds(void)
{
	struct timespec time;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static uint64_t next_random(void)
{
	static uint64_t seed = 88172645463325252;
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static double uniform(void)
{
	return (double)(next_random() >> 11) * 0x1p-53;
}

/* The least time of several rounds. */
static double best_time(void (*run)(void *), void *context)
{
	double best = INFINITY;
	for (int round = 0; round < ROUNDS; round++) {
		double start = seconds();
		run(context);
		double time = seconds() - start;
		best = time < best ? time : best;
	}
	return best;
}

/* ---- Reading -------------------------------------------------------------- */

struct reading {
	size_t bytes; /* of `text` */
	enum loss_dtype dtype;
	struct api_arena arena;
	struct api_document doc;
	void *out;
};

/* A document with one array, rows of `row` numbers. */
static size_t write_document(const char *format, int row)
{
	char *at = text + sprintf(text, "{\"logits\": [[");
	for (int i = 0; i < NUMBERS; i++) {
		if (i > 0)
			at += sprintf(at, i % row ? ", " : "], [");
		at += sprintf(at, format, (double)singles[i]);
	}
	at += sprintf(at, "]]}");
	return (size_t)(at - text);
}

static void read_document(void *context)
{
	struct reading *reading = context;
	api_document_release(&reading->doc);
	require(!api_document_read(&reading->doc, &reading->arena, text, reading->bytes, &limits,
				   NULL),
		"the document is refused");
}

static void read_numbers(void *context)
{
	struct reading *reading = context;
	struct loss_tensor tensor;
	struct api_fault fault;
	require(!api_array_read(&reading->doc, reading->doc.arrays, reading->dtype, reading->out,
				&reading->arena, "/logits", &tensor, NULL, &fault),
		"the array is refused");
}

/* The same numbers by the library, which is shown where they are. */
static void read_by_library(void *context)
{
	struct reading *reading = context;
	const char *at = text + strlen("{\"logits\": [[");
	for (int i = 0; i < NUMBERS; i++) {
		size_t bytes = strcspn(at, ",]");
		if (reading->dtype == LOSS_FLOAT32)
			((float *)reading->out)[i] = api_text_to_float32(at, bytes);
		else
			((double *)reading->out)[i] = api_text_to_float64(at, bytes);
		at += bytes + strspn(at + bytes, ",[] ");
	}
}

static void check_reading(const struct reading *reading)
{
	char *at = text + strlen("{\"logits\": [[");
	for (int i = 0; i < NUMBERS; i++) {
		char *end;
		if (reading->dtype == LOSS_FLOAT32)
			require(((float *)reading->out)[i] == strtof(at, &end), "read wrong");
		else
			require(((double *)reading->out)[i] == strtod(at, &end), "read wrong");
		at = end + strspn(end, ",[] ");
	}
}

static void bench_reading(const char *name, const char *format, int row)
{
	struct reading reading = {.bytes = write_document(format, row), .out = malloc(8 * NUMBERS)};
	require(reading.out != NULL, "no memory");
	api_arena_init(&reading.arena, &budget);
	double skim = best_time(read_document, &reading);
	for (int dtype = LOSS_FLOAT32; dtype <= LOSS_FLOAT64; dtype++) {
		reading.dtype = (enum loss_dtype)dtype;
		double library = best_time(read_by_library, &reading);
		double ours = best_time(read_numbers, &reading);
		check_reading(&reading);
		printf("read\t%s, rows of %d\t%s\t%.1f\t%.1f\t%.2f\n", name, row,
		       dtype == LOSS_FLOAT32 ? "float32" : "float64", NUMBERS / ours * 1e-6,
		       NUMBERS / library * 1e-6, (double)reading.bytes / skim * 1e-9);
	}
	api_document_release(&reading.doc);
	api_arena_release(&reading.arena);
	free(reading.out);
}

/* ---- Writing -------------------------------------------------------------- */

struct writing {
	struct loss_tensor tensor;
	struct api_arena arena;
	struct api_writer writer;
};

static void write_tensor(void *context)
{
	struct writing *writing = context;
	api_arena_release(&writing->arena);
	require(!api_array_write_begin(&writing->writer, &writing->tensor, API_NONFINITE_STRING,
				       &writing->arena),
		"no memory");
	for (size_t i = 0; i < api_array_write_chunks(&writing->writer); i++)
		api_array_write_chunk(&writing->writer, i);
}

static bool is_written(const struct api_writer *writer, const char *expected)
{
	for (size_t i = 0; i < writer->chunks; i++) {
		if (memcmp(expected, writer->slices[i].data, writer->slices[i].bytes) != 0)
			return false;
		expected += writer->slices[i].bytes;
	}
	return *expected == '\0';
}

static void write_by_library(void *context)
{
	const struct loss_tensor *tensor = &((const struct writing *)context)->tensor;
	char *at = written;
	*at++ = '[';
	for (int i = 0; i < NUMBERS; i++) {
		at = tensor->dtype == LOSS_FLOAT32
			     ? api_text_of_float32(at, ((const float *)tensor->data)[i])
			     : api_text_of_float64(at, ((const double *)tensor->data)[i]);
		*at++ = i + 1 < NUMBERS ? ',' : ']';
	}
	*at = '\0';
}

static void bench_writing(const char *name, const void *data, enum loss_dtype dtype)
{
	struct writing writing = {.tensor = {data, dtype, 1, {NUMBERS}}};
	api_arena_init(&writing.arena, &budget);
	double library = best_time(write_by_library, &writing);
	double ours = best_time(write_tensor, &writing);
	require(is_written(&writing.writer, written), "written otherwise than by the library");
	api_arena_release(&writing.arena);
	printf("write\t%s\t%s\t%.1f\t%.1f\t\n", name, dtype == LOSS_FLOAT32 ? "float32" : "float64",
	       NUMBERS / ours * 1e-6, NUMBERS / library * 1e-6);
}

static void fill(double scale)
{
	for (int i = 0; i < NUMBERS; i++) {
		doubles[i] = (uniform() - 0.5) * 2 * scale;
		singles[i] = (float)doubles[i];
	}
}

static void fill_any_bits(void)
{
	for (int i = 0; i < NUMBERS; i++) {
		do {
			uint64_t bits = next_random();
			memcpy(&doubles[i], &bits, sizeof(bits));
			memcpy(&singles[i], &bits, sizeof(*singles));
		} while (!isfinite(doubles[i]) || !isfinite(singles[i]));
	}
}

int main(void)
{
#define X(member, init, doc) limits.member = init;
	API_LIMITS(X)
#undef X
	text = malloc((size_t)NUMBERS * TEXT_BYTES + 64);
	written = malloc((size_t)NUMBERS * TEXT_BYTES + 64);
	require(text && written, "no memory");
	api_pages_keep(1 << 30); /* as the daemon does */

	puts("way\ttext\tdtype\tmillions_a_second\tlibrary\tskim_gb_a_second");
	fill(4);
	for (int row = 1000; row > 0; row = row > 10 ? 10 : 0) {
		bench_reading("6 digits", "%.6g", row);
		bench_reading("9 digits", "%.9g", row);
		bench_reading("17 digits", "%.17g", row);
	}
	bench_writing("within 4", singles, LOSS_FLOAT32);
	bench_writing("within 4", doubles, LOSS_FLOAT64);
	fill(1e-3);
	bench_writing("within 0.001", singles, LOSS_FLOAT32);
	bench_writing("within 0.001", doubles, LOSS_FLOAT64);
	fill_any_bits();
	bench_writing("any bits", singles, LOSS_FLOAT32);
	bench_writing("any bits", doubles, LOSS_FLOAT64);
	free(text);
	free(written);
	return EXIT_SUCCESS;
}
