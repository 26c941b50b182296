/*
 * Any bytes as a document: no crash, no leak, the budget is given back, and
 * where jansson can read the same text by itself it finds the same in it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "numbers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct api_limits limits = {
	.body_bytes = 1 << 20,
	.elements = 1 << 16,
	.depth = 20,
	.members = 32,
	.string_bytes = 256,
	.batch_items = 64,
	.terms = 8,
	.locations = 8,
};

static void expect(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_document: %s\n", what);
	abort();
}

/* ---- Both readings -------------------------------------------------------- */

struct subject {
	struct api_arena arena;
	struct api_document doc;
};

/* Counts the numbers of a plain array in order; NaN stands for null.  False if
 * it holds anything else. */
static bool flatten(const json_t *node, const double *expected, uint64_t *count)
{
	double value = json_is_null(node) ? NAN : json_is_true(node) ? 1 : json_number_value(node);
	if (json_is_array(node)) {
		for (size_t i = 0; i < json_array_size(node); i++)
			if (!flatten(json_array_get(node, i), expected, count))
				return false;
		return true;
	}
	if (json_is_string(node) || json_is_object(node))
		return false;
	if (expected) {
		double ours = expected[*count];
		expect(isnan(value) ? isnan(ours) : ours == value, "a number differs");
	}
	++*count;
	return true;
}

static void compare_array(struct subject *subject, const struct api_array *array,
			  const json_t *plain)
{
	uint64_t count = 0;
	struct loss_tensor tensor;
	struct api_fault fault;
	double *out = malloc((size_t)array->numbers * sizeof(*out) + 1);
	expect(out != NULL, "no memory");
	enum api_problem problem = api_array_read(&subject->doc, array, LOSS_FLOAT64, out,
						  &subject->arena, "/x", &tensor, NULL, &fault);
	if (problem == API_PROBLEM_NONE && flatten(plain, NULL, &count)) {
		expect(count == array->numbers, "another number of numbers");
		count = 0;
		flatten(plain, out, &count);
	}
	/* jansson reads what it reads without complaint about the syntax. */
	expect(problem != API_SYNTAX, fault.detail);
	free(out);
}

static void compare(struct subject *subject, const json_t *ours, const json_t *plain)
{
	const struct api_array *array = api_document_array(&subject->doc, ours);
	if (array) {
		compare_array(subject, array, plain);
		return;
	}
	expect(json_typeof(ours) == json_typeof(plain), "another type");
	if (json_is_object(ours)) {
		const char *name;
		json_t *value;
		expect(json_object_size(ours) == json_object_size(plain), "another object");
		json_object_foreach((json_t *)(uintptr_t)plain, name, value)
			compare(subject, json_object_get(ours, name), value);
	} else if (json_is_array(ours)) {
		expect(json_array_size(ours) == json_array_size(plain), "another array");
		for (size_t i = 0; i < json_array_size(ours); i++)
			compare(subject, json_array_get(ours, i), json_array_get(plain, i));
	} else {
		expect(json_equal(ours, plain), "another value");
	}
}

static bool is_limit(enum api_problem problem)
{
	return problem == API_TOO_DEEP || problem == API_TOO_MANY_MEMBERS ||
	       problem == API_STRING_TOO_LONG || problem == API_TOO_MANY_ELEMENTS ||
	       problem == API_TOO_MUCH_MEMORY || problem == API_MEMORY_FULL;
}

/* ---- Every array by itself ------------------------------------------------ */

static void read_every_array(struct subject *subject)
{
	for (size_t i = 0; i < subject->doc.array_count; i++) {
		const struct api_array *array = &subject->doc.arrays[i];
		for (int dtype = LOSS_FLOAT32; dtype <= LOSS_INT64; dtype++) {
			struct api_fault fault = {0};
			struct api_read_stats stats;
			struct loss_tensor tensor;
			size_t bytes = dtype == LOSS_FLOAT32 ? 4 : 8;
			void *out = malloc((size_t)array->numbers * bytes);
			enum api_problem problem =
				api_array_read(&subject->doc, array, (enum loss_dtype)dtype, out,
					       &subject->arena, "/x", &tensor, &stats, &fault);
			expect(problem == fault.problem, "the fault tells another problem");
			if (problem) {
				expect(fault.has_pointer && fault.has_position, "no place");
				expect(fault.offset < subject->doc.bytes, "a place outside");
			}
			free(out);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct api_budget budget = {.max = 64 << 20};
	struct api_fault fault = {0};
	struct subject subject;
	const char *text = (const char *)data;

	api_arena_init(&subject.arena, &budget);
	enum api_problem problem =
		api_document_read(&subject.doc, &subject.arena, text, size, &limits, &fault);
	/* jansson overlooks a zero behind a number. */
	json_t *plain = size && !memchr(text, '\0', size)
				? json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL)
				: NULL;
	expect(problem == fault.problem, "the fault tells another problem");
	if (problem == API_PROBLEM_NONE)
		read_every_array(&subject);
	if (json_is_object(plain) && !is_limit(problem)) {
		expect(problem == API_PROBLEM_NONE, fault.detail);
		compare(&subject, subject.doc.root, plain);
	}
	json_decref(plain);
	if (problem == API_PROBLEM_NONE)
		api_document_release(&subject.doc);
	else
		expect(fault.detail[0] != '\0', "no detail");
	api_arena_release(&subject.arena);
	expect(budget.used == 0, "the budget is not given back");
	return 0;
}
