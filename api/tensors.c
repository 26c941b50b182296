/* Tensors of a request: every array of the document is read once per dtype,
 * whoever uses it. */
#include <string.h>

#include "evaluation.h"

/* ---- What a member holds --------------------------------------------------- */

/* A tensor as written: an array or a number, and the shape if one is given. */
struct given {
	const json_t *node; /* of the numbers */
	const struct api_source *source;
	const struct api_array *array; /* NULL: a single number, or binary */
	const struct api_typed *typed;
	bool is_bare; /* no more than a shape */
	bool has_shape;
	int rank;
	int64_t shape[LOSS_RANK_MAX];
};

static enum api_problem check_size(double size, const char *what, const struct api_source *source,
				   int index, struct api_fault *fault)
{
	const struct api_source at = {.parent = source, .index = (uint64_t)index};

	if (size >= 0 && size <= 0x1p53 && size == (double)(int64_t)size)
		return API_PROBLEM_NONE;
	return api_source_fail(&at, fault, API_OUT_OF_RANGE,
			       "%.9g, expected %s: an integer of at least 0", size, what);
}

enum api_problem api_sizes_read(const struct api_document *doc, const struct api_array *array,
				const char *what, const struct api_source *source,
				struct api_arena *arena, int64_t *sizes, struct api_fault *fault)
{
	double reals[LOSS_RANK_MAX];
	char path[API_SOURCE_BYTES_MAX];
	enum api_problem problem = api_array_read(doc, array, LOSS_FLOAT64, reals, arena,
						  api_source_path(source, path),
						  &(struct loss_tensor){0}, NULL, fault);

	for (int i = 0; i < (int)array->numbers && !problem; i++) {
		problem = check_size(reals[i], what, source, i, fault);
		sizes[i] = problem ? 0 : (int64_t)reals[i];
	}
	return problem;
}

enum api_problem api_shape_read(const struct api_document *doc, const json_t *node,
				const struct api_source *source, struct api_arena *arena, int *rank,
				int64_t shape[LOSS_RANK_MAX], struct api_fault *fault)
{
	const struct api_array *array = api_document_array(doc, node);

	if (!array || array->rank != 1)
		return api_source_fail(source, fault, API_WRONG_TYPE,
				       "%s, expected a list of the sizes of the axes",
				       api_found(doc, node));
	if (array->numbers > LOSS_RANK_MAX)
		return api_source_fail(source, fault, API_RANK, "%llu axes, expected at most %d",
				       (unsigned long long)array->numbers, LOSS_RANK_MAX);
	*rank = (int)array->numbers;
	return api_sizes_read(doc, array, "the size of an axis", source, arena, shape, fault);
}

/* "shape": [2, 3] */
static enum api_problem read_shape(struct api_evaluation *ev, const json_t *node,
				   const struct api_source *source, struct given *given,
				   struct api_fault *fault)
{
	given->has_shape = true;
	return api_shape_read(&ev->doc, node, source, ev->arena, &given->rank, given->shape, fault);
}

/* The array must fill the shape: flat, or nested as the shape says. */
static enum api_problem check_fill(const struct given *given, const struct api_source *source,
				   struct api_fault *fault)
{
	const struct loss_tensor shaped = {.rank = given->rank};
	struct loss_tensor tensor = shaped;
	const struct api_array *array = given->array;
	uint64_t numbers = array ? array->numbers : 1;

	/* A ragged array is reported as such when it is read. */
	if (array && array->problem)
		return API_PROBLEM_NONE;
	memcpy(tensor.shape, given->shape, sizeof tensor.shape);

	int64_t wanted = loss_tensor_elements(&tensor);
	if (wanted < 0)
		return api_source_fail_member(
			source, "shape", fault, API_SHAPE_MISMATCH,
			"a product that does not fit, expected the count of the "
			"data");
	if ((uint64_t)wanted != numbers)
		return api_source_fail_member(source, "data", fault, API_SHAPE_MISMATCH,
					      "%llu numbers, expected %lld as the shape says",
					      (unsigned long long)numbers, (long long)wanted);
	if (array && array->rank > 1 &&
	    (array->rank != given->rank ||
	     memcmp(array->shape, given->shape, (size_t)array->rank * sizeof array->shape[0])))
		return api_source_fail_member(
			source, "data", fault, API_SHAPE_MISMATCH,
			"nested otherwise than the shape says; nest it so, or "
			"give a flat list");
	return API_PROBLEM_NONE;
}

static enum api_problem check_members(const struct api_evaluation *ev, const json_t *node,
				      const struct api_source *source, struct api_fault *fault)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)node, name, value)
	{
		if (strcmp(name, "shape") && strcmp(name, "data"))
			return api_source_fail_member(source, name, fault, API_UNKNOWN_MEMBER,
						      "no such member; a tensor has \"shape\" and "
						      "\"data\"");
	}
	if (!json_object_get(node, "shape") ||
	    (!json_object_get(node, "data") && !ev->reply->is_plan))
		return api_source_fail(source, fault, API_MISSING_MEMBER,
				       "an object, expected \"shape\" and \"data\"");
	return API_PROBLEM_NONE;
}

static enum api_problem look_at_numbers(struct api_evaluation *ev, const json_t *node,
					const struct api_source *source, struct given *given,
					struct api_fault *fault)
{
	given->node = node;
	given->source = source;
	given->array = api_document_array(&ev->doc, node);
	if (given->array && given->array->rank == 0)
		given->array = NULL; /* a number that jansson could not hold */
	if (!given->array && !api_scalar_is_number(&ev->doc, node))
		return api_source_fail(
			source, fault, API_WRONG_TYPE,
			"%s, expected a number, an array of numbers or an object with "
			"\"shape\" and \"data\"",
			json_is_array(node) ? "an array of something else"
					    : api_found(&ev->doc, node));
	return API_PROBLEM_NONE;
}

/* The type that the request gives a member, or NULL. */
static const struct api_typed *typed_of(const struct api_evaluation *ev, const json_t *node)
{
	for (size_t i = 0; i < ev->typed_count; i++)
		if (ev->typed[i].node == node)
			return &ev->typed[i];
	return NULL;
}

static bool is_binary(const struct api_typed *typed)
{
	return typed && typed->data;
}

/* Its decoder has compared the shape with the bytes. */
static enum api_problem look_at_binary(const struct api_source *source, struct given *given)
{
	given->source = source;
	given->has_shape = true;
	given->rank = given->typed->rank;
	memcpy(given->shape, given->typed->shape, sizeof given->shape);
	return API_PROBLEM_NONE;
}

static enum api_problem look_at_shape(struct api_evaluation *ev, const json_t *node,
				      const struct api_source *source,
				      const struct api_source *shape, struct given *given,
				      struct api_fault *fault)
{
	uint64_t elements, bytes;

	given->source = source;
	given->is_bare = true;
	if (read_shape(ev, json_object_get(node, "shape"), shape, given, fault))
		return fault->problem;
	if (!api_typed_size(API_FP64, given->rank, given->shape, &elements, &bytes))
		return api_source_fail(shape, fault, API_SHAPE_MISMATCH,
				       "its product does not fit");
	return API_PROBLEM_NONE;
}

static enum api_problem look_at(struct api_evaluation *ev, const json_t *node,
				const struct api_source *source, struct given *given,
				struct api_fault *fault)
{
	enum api_problem problem;

	*given = (struct given){.typed = typed_of(ev, node)};
	if (is_binary(given->typed))
		return look_at_binary(source, given);
	if (json_is_object(node)) {
		const struct api_source *data = api_source_member(ev->arena, source, "data");
		const struct api_source *shape = api_source_member(ev->arena, source, "shape");

		if (!data || !shape)
			return api_fail_memory(ev, fault);
		if ((problem = check_members(ev, node, source, fault)))
			return problem;
		if (!json_object_get(node, "data"))
			return look_at_shape(ev, node, source, shape, given, fault);
		if ((problem = look_at_numbers(ev, json_object_get(node, "data"), data, given,
					       fault)) ||
		    (problem = read_shape(ev, json_object_get(node, "shape"), shape, given, fault)))
			return problem;
		return check_fill(given, source, fault);
	}
	if ((problem = look_at_numbers(ev, node, source, given, fault)))
		return problem;
	if (given->array) {
		given->rank = given->array->rank;
		memcpy(given->shape, given->array->shape, sizeof given->shape);
	}
	return API_PROBLEM_NONE;
}

enum api_problem api_tensor_shape(struct api_evaluation *ev, const json_t *node,
				  const struct api_source *source, int *rank,
				  int64_t shape[LOSS_RANK_MAX], struct api_fault *fault)
{
	struct given given;
	enum api_problem problem = look_at(ev, node, source, &given, fault);

	*rank = given.rank;
	memcpy(shape, given.shape, sizeof given.shape);
	return problem;
}

/* ---- Tensors -------------------------------------------------------------- */

/* Where the tensors of one array are linked; NULL: a single number is read on
 * the spot. */
static struct api_tensor **first_of(struct api_evaluation *ev, const struct given *given)
{
	if (is_binary(given->typed))
		return &ev->by_typed[given->typed - ev->typed];
	return given->array ? &ev->by_array[given->array - ev->doc.arrays] : NULL;
}

static struct api_tensor *add_tensor(struct api_evaluation *ev, const struct api_source *source,
				     enum loss_dtype dtype)
{
	struct api_tensor *tensor = api_arena_alloc(ev->arena, sizeof *tensor);

	if (!tensor)
		return NULL;
	*tensor = (struct api_tensor){.source = source, .value.dtype = dtype};
	*ev->tensors_end = tensor;
	ev->tensors_end = &tensor->next;
	return tensor;
}

static enum api_problem read_number(struct api_evaluation *ev, const struct given *given,
				    struct api_tensor *tensor, struct api_fault *fault)
{
	void *data = api_arena_alloc_aligned64(ev->arena, 8);
	char path[API_SOURCE_BYTES_MAX];

	if (!data)
		return api_fail_memory(ev, fault);
	tensor->value.data = data;

	enum api_problem problem =
		api_scalar_read(&ev->doc, given->node, tensor->value.dtype, data,
				api_source_path(given->source, path), &tensor->stats, fault);
	if (!problem && tensor->typed)
		problem = api_typed_check(tensor->typed, &tensor->value, tensor->source, fault);
	return problem;
}

enum api_problem api_tensor_find(struct api_evaluation *ev, const json_t *node,
				 const struct api_source *source, enum loss_dtype dtype,
				 struct api_tensor **tensor, struct api_fault *fault)
{
	struct given given;
	enum api_problem problem = look_at(ev, node, source, &given, fault);

	if (problem)
		return problem;
	struct api_tensor **first = first_of(ev, &given);
	for (struct api_tensor *t = first ? *first : NULL; t; t = t->same_array)
		if (t->value.dtype == dtype) {
			*tensor = t;
			return API_PROBLEM_NONE;
		}

	struct api_tensor *made = add_tensor(ev, given.source, dtype);
	if (!made)
		return api_fail_memory(ev, fault);
	made->array = given.array;
	made->typed = given.typed;
	made->reshaped = given.has_shape;
	made->value.rank = given.rank;
	memcpy(made->value.shape, given.shape, sizeof given.shape);
	*tensor = made;
	if (given.is_bare)
		return API_PROBLEM_NONE;
	if (!first)
		return read_number(ev, &given, made, fault);
	made->same_array = *first;
	*first = made;
	return API_PROBLEM_NONE;
}

enum api_problem api_typed_take(struct api_evaluation *ev, const struct api_typed *typed,
				size_t count, struct api_fault *fault)
{
	uint64_t elements = ev->doc.numbers, most = ev->limits->elements;

	ev->by_typed = api_arena_array(ev->arena, count, sizeof(struct api_tensor *));
	if (!ev->by_typed)
		return api_fail_memory(ev, fault);
	for (size_t i = 0; i < count; i++) {
		ev->by_typed[i] = NULL;
		if (__builtin_add_overflow(elements, typed[i].elements, &elements))
			elements = UINT64_MAX;
	}
	ev->typed = typed;
	ev->typed_count = count;
	if (elements <= most)
		return API_PROBLEM_NONE;
	api_fault_set(fault, API_TOO_MANY_ELEMENTS, "%llu numbers, expected at most %llu",
		      (unsigned long long)elements, (unsigned long long)most);
	api_fault_limit(fault, most, elements);
	return fault->problem;
}

enum api_problem api_tensors_complete(struct api_evaluation *ev, struct api_fault *fault)
{
	for (size_t i = 0; i < ev->doc.array_count; i++) {
		if (ev->by_array[i])
			continue;

		struct api_tensor *tensor = add_tensor(ev, &ev->root, LOSS_FLOAT32);
		if (!tensor)
			return api_fail_memory(ev, fault);
		tensor->array = &ev->doc.arrays[i];
	}
	return API_PROBLEM_NONE;
}

/* ---- Reading -------------------------------------------------------------- */

static void read_chunk(void *tensor, size_t chunk)
{
	api_array_read_chunk(&((struct api_tensor *)tensor)->reader, chunk);
}

static void read_binary_chunk(void *tensor, size_t chunk)
{
	api_typed_read_chunk(&((struct api_tensor *)tensor)->binary, chunk);
}

static size_t tensor_bytes(const struct api_tensor *t)
{
	return (size_t)loss_tensor_elements(&t->value) * loss_dtype_bytes(t->value.dtype);
}

static bool begin_binary(struct api_evaluation *ev, struct api_tensor *t)
{
	if (api_typed_is_tensor(t->typed, t->value.dtype)) {
		t->value.data = t->typed->data;
		t->is_borrowed = true;
		return true;
	}

	void *data = api_arena_alloc_aligned64(ev->arena, tensor_bytes(t));

	t->value.data = data;
	if (!data || !api_typed_read_begin(&t->binary, t->typed, t->value.dtype, data, ev->arena))
		return false;
	for (size_t chunk = 0; chunk < t->binary.chunk_count; chunk++)
		api_jobs_add(&ev->jobs, read_binary_chunk, t, chunk,
			     tensor_bytes(t) / t->binary.chunk_count);
	return true;
}

enum api_problem api_tensors_begin(struct api_evaluation *ev, struct api_fault *fault)
{
	api_jobs_begin(&ev->jobs, ev->arena);
	for (struct api_tensor *t = ev->tensors; t; t = t->next) {
		if (is_binary(t->typed) && !begin_binary(ev, t))
			return api_fail_memory(ev, fault);
		if (!t->array)
			continue;

		/* The limit of elements keeps this far from an overflow. */
		void *data = api_arena_alloc_aligned64(
			ev->arena, (size_t)t->array->numbers * loss_dtype_bytes(t->value.dtype));
		if (!data ||
		    api_array_read_begin(&t->reader, t->array, t->value.dtype, data, ev->arena))
			return api_fail_memory(ev, fault);
		t->value.data = data;

		size_t chunks = api_array_chunks(t->array);
		for (size_t chunk = 0; chunk < chunks; chunk++)
			api_jobs_add(&ev->jobs, read_chunk, t, chunk, t->array->bytes / chunks);
	}
	return ev->jobs.failed ? api_fail_memory(ev, fault) : API_PROBLEM_NONE;
}

static enum api_problem read_end(struct api_evaluation *ev, struct api_tensor *t,
				 struct api_fault *fault)
{
	const struct loss_tensor shaped = t->value;
	char path[API_SOURCE_BYTES_MAX];

	if (t->is_borrowed)
		return API_PROBLEM_NONE;
	if (is_binary(t->typed))
		return api_typed_read_end(&t->binary, t->source, &t->stats, fault);
	if (!t->array)
		return API_PROBLEM_NONE;

	enum api_problem problem =
		api_array_read_end(&t->reader, &ev->doc, api_source_path(t->source, path),
				   &t->value, &t->stats, fault);

	if (!problem && t->reshaped) {
		t->value.rank = shaped.rank;
		memcpy(t->value.shape, shaped.shape, sizeof shaped.shape);
	}
	if (!problem && t->typed)
		problem = api_typed_check(t->typed, &t->value, t->source, fault);
	return problem;
}

enum api_problem api_tensors_end(struct api_evaluation *ev, struct api_fault *fault)
{
	for (struct api_tensor *t = ev->tensors; t; t = t->next) {
		enum api_problem problem = read_end(ev, t, fault);

		if (api_problem_is_fatal(problem))
			return problem;
		if (!problem)
			continue;
		t->fault = api_arena_alloc(ev->arena, sizeof *t->fault);
		if (!t->fault)
			return api_fail_memory(ev, fault);
		*t->fault = *fault;
	}
	for (struct api_tensor *t = ev->tensors; t; t = t->next)
		if (t->is_borrowed)
			return API_PROBLEM_NONE;
	ev->call->has_read_body = true;
	return API_PROBLEM_NONE;
}

static size_t room_of(const struct api_tensor *t)
{
	return t->array ? (size_t)t->array->numbers * loss_dtype_bytes(t->value.dtype)
			: tensor_bytes(t);
}

void api_tensors_drop(struct api_evaluation *ev)
{
	for (struct api_tensor *t = ev->tensors; t; t = t->next) {
		if (!t->array && !is_binary(t->typed))
			continue;
		if (!t->is_borrowed)
			api_arena_drop(ev->arena, (void *)t->value.data, room_of(t));
		t->value.data = NULL;
	}
	ev->call->has_read_body = true;
}
