/*
 * Any bytes as one number, as an array of numbers, and as numbers to write:
 * values as the C library reads them, the same whatever the chunks, and written
 * so that the same bits come back.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "numbers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CUTS_MAX = 16, TEXT_MAX = 1 << 16 };

static struct api_limits limits = {
	.elements = 1 << 20,
	.depth = 64,
	.members = 8,
	.string_bytes = TEXT_MAX,
	.batch_items = 8,
};

static void expect(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_numbers: %s\n", what);
	abort();
}

static bool same_real(double a, double b)
{
	return isnan(a) ? isnan(b) : a == b && !signbit(a) == !signbit(b);
}

/* ---- One number ----------------------------------------------------------- */

static void check_number(const uint8_t *data, size_t size)
{
	const char *at, *why;
	char text[512 + 64] = "";
	struct decimal decimal = {0};
	double value;
	float single;

	if (size > 512)
		return;
	memcpy(text, data, size);
	const char *behind = decimal_check(text, text + size, &at, &why);
	const char *fast = decimal_scan(text, &decimal);
	if (behind != text + size)
		return;
	double expected = strtod(text, NULL);
	float expected_single = strtof(text, NULL);
	expect(same_real(decimal_exact_float64(text, size), expected), "float64");
	expect(same_real((double)decimal_exact_float32(text, size), (double)expected_single),
	       "float32");
	expect(!fast || fast == behind, "the fast path ends elsewhere");
	if (fast && decimal_float64(&decimal, &value))
		expect(same_real(value, expected), "fast float64");
	if (fast && decimal_float32(&decimal, &single))
		expect(same_real((double)single, (double)expected_single), "fast float32");
}

/* ---- An array ------------------------------------------------------------- */

struct outcome {
	enum api_problem problem;
	struct api_fault fault;
	struct loss_tensor tensor;
	struct api_read_stats stats;
	double *out;
};

static void read_array(struct outcome *outcome, const struct api_document *doc,
		       const struct api_array *array, struct api_arena *arena)
{
	*outcome = (struct outcome){.out = calloc((size_t)array->numbers + 1, sizeof(double))};
	expect(outcome->out != NULL, "no memory");
	outcome->problem = api_array_read(doc, array, LOSS_FLOAT64, outcome->out, arena, "/a",
					  &outcome->tensor, &outcome->stats, &outcome->fault);
}

/* Cuts behind commas, chosen by the input, as the skim would have made them.
 * Only arrays that can be read have places that are certain to be right. */
static size_t choose_cuts(struct api_cut cuts[CUTS_MAX], const struct api_array *array, size_t step)
{
	size_t count = 1;
	struct api_cut cut = {0, 0, 0};
	bool string = false;

	cuts[0] = cut;
	for (size_t i = 0; i + 1 < array->bytes && count < CUTS_MAX; i++) {
		char c = array->text[i];
		string ^= c == '"';
		cut.depth += !string && c == '[';
		cut.depth -= !string && c == ']';
		if (string || c != ',')
			continue;
		cut.number += array->numbers > 0;
		cut.offset = i + 1;
		if (i % step == 0)
			cuts[count++] = cut;
	}
	return count;
}

static void check_chunks(const struct api_document *doc, const struct api_array *array,
			 const struct outcome *whole, struct api_arena *arena, size_t step)
{
	struct api_cut cuts[CUTS_MAX];
	struct api_array other = *array;
	struct outcome outcome;

	other.cuts = cuts;
	other.chunks = choose_cuts(cuts, array, step);
	read_array(&outcome, doc, &other, arena);
	expect(outcome.problem == whole->problem, "chunks make another problem");
	expect(!strcmp(outcome.fault.detail, whole->fault.detail), "chunks make another fault");
	expect(outcome.fault.offset == whole->fault.offset, "chunks make another place");
	for (uint64_t i = 0; !outcome.problem && i < array->numbers; i++)
		expect(same_real(outcome.out[i], whole->out[i]), "chunks make another number");
	free(outcome.out);
}

static void check_array(const uint8_t *data, size_t size, size_t behind)
{
	struct api_budget budget = {.max = 64 << 20};
	struct api_arena arena;
	struct api_document doc;
	struct outcome whole;
	size_t bytes = size + 7 + behind;
	char *text = malloc(bytes);

	expect(text != NULL, "no memory");
	memcpy(text, "{\"a\":", 5);
	memcpy(text + 5, data, size);
	text[size + 5] = '}';
	memset(text + size + 6, ' ', behind + 1);
	api_arena_init(&arena, &budget);
	if (api_document_read(&doc, &arena, text, bytes, &limits, NULL) == API_PROBLEM_NONE) {
		const struct api_array *array =
			api_document_array(&doc, json_object_get(doc.root, "a"));
		if (array && array->rank > 0) {
			read_array(&whole, &doc, array, &arena);
			if (whole.problem == API_PROBLEM_NONE)
				check_chunks(&doc, array, &whole, &arena, 1 + size % 7);
			free(whole.out);
		}
		api_document_release(&doc);
	}
	api_arena_release(&arena);
	expect(budget.used == 0, "the budget is not given back");
	free(text);
}

/* ---- Writing -------------------------------------------------------------- */

static void check_writing(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i + sizeof(double) <= size; i += sizeof(double)) {
		char text[API_NUMBER_BYTES_MAX + 1];
		double value;
		float single;
		memcpy(&value, data + i, sizeof(value));
		memcpy(&single, data + i, sizeof(single));
		if (isfinite(value)) {
			text[api_number_write(text, LOSS_FLOAT64, &value, 0)] = '\0';
			expect(same_real(strtod(text, NULL), value), "float64 is written wrong");
		}
		if (isfinite(single)) {
			text[api_number_write(text, LOSS_FLOAT32, &single, 0)] = '\0';
			expect(same_real((double)strtof(text, NULL), (double)single),
			       "float32 is written wrong");
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > TEXT_MAX)
		return 0;
	check_number(data, size);
	check_array(data, size, 0);
	check_array(data, size, 100);
	check_writing(data, size);
	return 0;
}
