/* Numbers outside arrays: what jansson made of them, or a lifted one. */
#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "numbers_read.h"

/* The value of a node that is no plain number. */
static bool find_value(const json_t *node, double *value)
{
	if (json_is_null(node)) {
		*value = NAN;
		return true;
	}
	if (json_is_boolean(node)) {
		*value = json_is_true(node);
		return true;
	}
	if (!json_is_string(node))
		return false;
	const char *text = json_string_value(node);
	size_t bytes = json_string_length(node);
	const struct read_word *word = read_word_at(text, text + bytes);
	if (!word || !word->quotable || strlen(word->text) != bytes)
		return false;
	*value = word->value;
	return true;
}

static const struct api_array *lifted_scalar(const struct api_document *doc, const json_t *node)
{
	const struct api_array *array = api_document_array(doc, node);
	return array && array->rank == 0 ? array : NULL;
}

bool api_scalar_is_number(const struct api_document *doc, const json_t *node)
{
	double value;
	return json_is_number(node) || find_value(node, &value) || lifted_scalar(doc, node);
}

static enum api_problem read_lifted(const struct api_document *doc, const struct api_array *array,
				    enum loss_dtype dtype, void *out, const char *path,
				    struct api_read_stats *stats, struct api_fault *fault)
{
	struct api_reader_chunk chunk;
	struct api_reader reader = {array, dtype, out, &chunk};
	struct loss_tensor tensor;
	api_array_read_chunk(&reader, 0);
	return api_array_read_end(&reader, doc, path, &tensor, stats, fault);
}

static enum api_problem wrong(struct api_fault *fault, enum api_problem problem, const char *path,
			      const char *what)
{
	api_fault_set(fault, problem, "%s: %s", *path ? path : "the value", what);
	api_fault_pointer(fault, "%s", path);
	return problem;
}

/* What jansson holds as an integer. */
static void put_integer(json_int_t value, enum loss_dtype dtype, void *out)
{
	if (dtype == LOSS_FLOAT32)
		*(float *)out = (float)value;
	else if (dtype == LOSS_FLOAT64)
		*(double *)out = (double)value;
	else
		*(int64_t *)out = value;
}

/* jansson's reals are exact here, others are lifted; a float32 may be too
 * narrow. */
static void put_real(double value, bool finite_as_written, enum loss_dtype dtype, void *out,
		     struct api_read_stats *stats)
{
	double put = value;
	if (dtype == LOSS_FLOAT32)
		put = *(float *)out = (float)value;
	else
		*(double *)out = value;
	if (finite_as_written) {
		stats->narrowed = !isfinite(put);
		stats->narrowed_places = stats->narrowed;
		stats->narrowed_at[0] = (struct api_place){0, "", 0};
	} else {
		stats->nan = isnan(value);
		stats->pos_inf = value > DBL_MAX;
		stats->neg_inf = value < -DBL_MAX;
	}
}

enum api_problem api_scalar_read(const struct api_document *doc, const json_t *node,
				 enum loss_dtype dtype, void *out, const char *path,
				 struct api_read_stats *stats, struct api_fault *fault)
{
	struct api_read_stats own;
	const struct api_array *array = lifted_scalar(doc, node);
	double value = json_number_value(node);

	if (array)
		return read_lifted(doc, array, dtype, out, path, stats, fault);
	if (!json_is_number(node) && !find_value(node, &value))
		return wrong(fault, API_WRONG_TYPE, path, "a number was expected");
	if (dtype == LOSS_INT64 && (!isfinite(value) || value != trunc(value)))
		return wrong(fault, API_TARGET_NOT_INTEGER, path, "the number is not an integer");

	stats = stats ? stats : &own;
	*stats = (struct api_read_stats){.numbers = 1};
	if (json_is_integer(node))
		put_integer(json_integer_value(node), dtype, out);
	else if (dtype == LOSS_INT64)
		*(int64_t *)out = (int64_t)value;
	else
		put_real(value, isfinite(value), dtype, out, stats);
	return API_PROBLEM_NONE;
}
