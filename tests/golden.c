#include "golden.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <check.h>
#include <jansson.h>

const char *golden_name_at(size_t index)
{
	if (index < loss_count())
		return loss_at(index)->name;
	return index == loss_count() ? "article" : NULL;
}

/* ---- Numbers -------------------------------------------------------------- */

static double real_of(const json_t *value)
{
	const char *text = json_string_value(value);

	if (json_is_number(value))
		return json_number_value(value);
	ck_assert_msg(text != NULL, "a golden number is neither number nor text");
	if (!strcmp(text, "NaN"))
		return (double)NAN;
	ck_assert_msg(!strcmp(text, "Infinity") || !strcmp(text, "-Infinity"), "\"%s\"", text);
	return *text == '-' ? -(double)INFINITY : (double)INFINITY;
}

static void read_numbers(struct numbers *numbers, const json_t *tensor, struct memory *memory)
{
	const json_t *shape = json_object_get(tensor, "shape"),
		     *data = json_object_get(tensor, "data");

	ck_assert(json_array_size(shape) <= LOSS_RANK_MAX);
	numbers->index = json_is_true(json_object_get(tensor, "int"));
	numbers->rank = (int)json_array_size(shape);
	for (int axis = 0; axis < numbers->rank; axis++)
		numbers->shape[axis] = json_integer_value(json_array_get(shape, (size_t)axis));
	numbers_take(numbers, memory);
	ck_assert_int_eq(numbers->count, (int64_t)json_array_size(data));
	for (int64_t i = 0; i < numbers->count; i++)
		numbers->values[i] = real_of(json_array_get(data, (size_t)i));
}

/* "cancelled": [[index, size], ...] */
static void read_expected(struct golden_numbers *expected, const json_t *tensor,
			  struct memory *memory)
{
	const json_t *pairs = json_object_get(tensor, "cancelled"), *pair;
	size_t i;

	read_numbers(&expected->numbers, tensor, memory);
	expected->sizes =
		memory_take(memory, (size_t)expected->numbers.count * sizeof *expected->sizes);
	json_array_foreach(pairs, i, pair)
	{
		json_int_t at = json_integer_value(json_array_get(pair, 0));

		ck_assert(at >= 0 && at < expected->numbers.count);
		expected->sizes[at] = json_number_value(json_array_get(pair, 1));
	}
}

/* ---- The loss and its parameters ------------------------------------------ */

static struct loss_value value_of(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_NULL:
		return (struct loss_value){.kind = LOSS_VALUE_NULL};
	case JSON_TRUE:
	case JSON_FALSE:
		return (struct loss_value){.kind = LOSS_VALUE_BOOL, .integer = json_is_true(value)};
	case JSON_INTEGER:
		return (struct loss_value){.kind = LOSS_VALUE_INTEGER,
					   .integer = json_integer_value(value),
					   .real = json_number_value(value)};
	case JSON_STRING:
		return (struct loss_value){.kind = LOSS_VALUE_TEXT,
					   .text = json_string_value(value)};
	default:
		return (struct loss_value){.kind = LOSS_VALUE_REAL,
					   .real = json_number_value(value)};
	}
}

static void read_loss(struct loss_spec *spec, json_t *object)
{
	const struct loss *loss = loss_find(json_string_value(json_object_get(object, "name")));
	struct loss_error err = {0};
	const char *key;
	json_t *value;

	ck_assert(loss != NULL);
	loss_spec_init(spec, loss);
	json_object_foreach(object, key, value) if (strcmp(key, "name") != 0)
		ck_assert_msg(!loss_param_set(spec, key, value_of(value), &err),
			      "%s: parameter %s: %s", loss->name, key, err.text);
}

/* ---- A case --------------------------------------------------------------- */

static void read_inputs(struct question *q, json_t *inputs, struct memory *memory)
{
	const char *key;
	json_t *value;

	json_object_foreach(inputs, key, value)
	{
		int i = q->input_count++;

		ck_assert_int_lt(i, LOSS_INPUTS_MAX);
		q->inputs[i].role = loss_role_find(key);
		ck_assert_msg(q->inputs[i].role != LOSS_ROLE_NONE, "%s: no role %s", q->name, key);
		read_numbers(&q->inputs[i].numbers, value, memory);
	}
}

static void read_expectations(struct golden_case *golden, json_t *expect, struct memory *memory)
{
	const json_t *loss = json_object_get(expect, "loss");
	const char *key;
	json_t *value;

	golden->unreduced = json_is_object(loss);
	if (golden->unreduced) {
		read_expected(&golden->losses, loss, memory);
	} else {
		golden->loss = real_of(loss);
		golden->sum = real_of(json_object_get(expect, "sum"));
		golden->denominator = real_of(json_object_get(expect, "denominator"));
		golden->size = json_number_value(json_object_get(expect, "cancelled"));
	}
	json_object_foreach(json_object_get(expect, "gradients"), key, value)
	{
		int i = question_find(&golden->question, loss_role_find(key));

		ck_assert_int_ge(i, 0);
		golden->question.inputs[i].differentiate = true;
		read_expected(&golden->gradients[i], value, memory);
	}
}

static void read_case(struct golden_case *golden, json_t *object, struct memory *memory)
{
	golden->question.name = json_string_value(json_object_get(object, "name"));
	golden->float64_only = json_is_true(json_object_get(object, "float64_only"));
	ck_assert(golden->question.name != NULL);
	read_loss(&golden->question.spec, json_object_get(object, "loss"));
	read_inputs(&golden->question, json_object_get(object, "inputs"), memory);
	read_expectations(golden, json_object_get(object, "expect"), memory);
	ck_assert_int_eq(golden->unreduced, golden->question.spec.common.reduction == LOSS_NONE);
}

bool golden_load(struct golden_file *file, const char *name)
{
	char path[128];
	json_error_t error;

	*file = (struct golden_file){.memory = {MEMORY_PLAIN, NULL}};
	snprintf(file->name, sizeof file->name, "%s", name);
	snprintf(path, sizeof path, "tests/golden/%s.json", name);
	file->document = json_load_file(path, 0, &error);
	if (!file->document && json_error_code(&error) == json_error_cannot_open_file)
		return false;
	ck_assert_msg(file->document != NULL, "%s:%d: %s", path, error.line, error.text);
	file->count = json_array_size(file->document);
	file->cases = memory_take(&file->memory, file->count * sizeof *file->cases);
	for (size_t i = 0; i < file->count; i++)
		read_case(&file->cases[i], json_array_get(file->document, i), &file->memory);
	return true;
}

void golden_release(struct golden_file *file)
{
	json_decref(file->document);
	memory_release(&file->memory);
}
