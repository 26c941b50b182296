/* A safetensors file becomes an evaluation.  Nothing in it is believed: every
 * tensor must lie where its shape says, and the tensors together must be all
 * there is behind the header. */
#include <stdlib.h>
#include <string.h>

#include "safetensors.h"

static const struct api_source root_source;
static const struct api_source metadata_source = {.parent = &root_source,
						  .name = API_SAFETENSORS_METADATA};
static const struct api_source text_source = {.parent = &metadata_source,
					      .name = API_SAFETENSORS_MEMBER};

struct span {
	const char *name;
	uint64_t begin, end;
};

struct file {
	struct api_document header;
	const json_t *metadata;
	const char *data; /* behind the header */
	uint64_t data_bytes;
	struct api_typed *tensors;
	struct span *spans;
	size_t count;
};

/* ---- The frame -------------------------------------------------------------- */

static uint64_t read_length(const char *bytes)
{
	uint64_t length;

	memcpy(&length, bytes, sizeof length);
	return length;
}

static enum api_problem check_frame(const struct api_evaluation *ev, uint64_t length,
				    struct api_fault *fault)
{
	uint64_t most = ev->limits->tensor_header_bytes;
	uint64_t rest = ev->call->request.body_bytes - API_SAFETENSORS_PREFIX_BYTES;

	if (length > most) {
		api_fault_set(fault, API_TENSOR_HEADER,
			      "the header of the file has %llu bytes, expected at most %llu",
			      (unsigned long long)length, (unsigned long long)most);
		api_fault_limit(fault, most, length);
		return fault->problem;
	}
	if (length > rest)
		return api_fault_set(fault, API_BINARY_SIZE,
				     "the header of the file has %llu bytes, and %llu follow its "
				     "length",
				     (unsigned long long)length, (unsigned long long)rest);
	return API_PROBLEM_NONE;
}

static enum api_problem read_header(struct api_evaluation *ev, struct file *file,
				    struct api_fault *fault)
{
	const struct api_request *request = &ev->call->request;
	const char *header = request->body + API_SAFETENSORS_PREFIX_BYTES;

	if (request->body_bytes < API_SAFETENSORS_PREFIX_BYTES)
		return api_fault_set(fault, API_BINARY_SIZE,
				     "the file has %zu bytes, expected the length of its header in "
				     "the first %d",
				     request->body_bytes, (int)API_SAFETENSORS_PREFIX_BYTES);

	uint64_t length = read_length(request->body);
	if (check_frame(ev, length, fault))
		return fault->problem;
	if (length == 0 || header[0] != '{')
		return api_fault_set(fault, API_SYNTAX, "the header of the file begins with no {");
	if (api_document_read(&file->header, ev->arena, header, length, ev->limits, fault))
		return fault->problem;
	ev->made = file->header.root; /* let go of with the evaluation */
	file->data = header + length;
	file->data_bytes = request->body_bytes - API_SAFETENSORS_PREFIX_BYTES - length;
	return API_PROBLEM_NONE;
}

/* ---- Tensors ---------------------------------------------------------------- */

static enum api_problem check_members(const json_t *node, const struct api_source *source,
				      struct api_fault *fault)
{
	static const char *const known[] = {"dtype", "shape", "data_offsets", NULL};

	if (!json_is_object(node))
		return api_source_fail(source, fault, API_WRONG_TYPE,
				       "expected an object with dtype, shape and data_offsets");
	for (size_t i = 0; known[i]; i++)
		if (!json_object_get(node, known[i]))
			return api_source_fail_member(source, known[i], fault, API_MISSING_MEMBER,
						      "missing");
	return api_members_known(node, source, known, fault);
}

static enum api_problem read_dtype(const struct file *file, const json_t *node,
				   const struct api_source *tensor, enum api_type *type,
				   struct api_fault *fault)
{
	const json_t *dtype = json_object_get(node, "dtype");

	if (!json_is_string(dtype))
		return api_source_fail_member(tensor, "dtype", fault, API_WRONG_TYPE,
					      "%s, expected a string",
					      api_found(&file->header, dtype));
	*type = api_type_find_safetensors(json_string_value(dtype));
	if (*type == API_TYPE_COUNT)
		return api_source_fail_member(tensor, "dtype", fault, API_OUT_OF_RANGE,
					      "\"%.40s\", expected one of BOOL, U8, I32, I64, F16, "
					      "BF16, F32, F64",
					      json_string_value(dtype));
	return API_PROBLEM_NONE;
}

static enum api_problem read_offsets(struct api_evaluation *ev, const struct file *file,
				     const json_t *node, const struct api_source *tensor,
				     struct span *span, struct api_fault *fault)
{
	const struct api_source source = {.parent = tensor, .name = "data_offsets"};
	const json_t *list = json_object_get(node, "data_offsets");
	const struct api_array *array = api_document_array(&file->header, list);
	int64_t offsets[LOSS_RANK_MAX];

	if (!array || array->rank != 1 || array->numbers != 2)
		return api_source_fail(&source, fault, API_WRONG_TYPE,
				       "expected a list of two offsets, of the first byte and of "
				       "that behind the last");
	if (api_sizes_read(&file->header, array, "an offset", &source, ev->arena, offsets, fault))
		return fault->problem;
	span->begin = (uint64_t)offsets[0];
	span->end = (uint64_t)offsets[1];
	if (span->begin > span->end || span->end > file->data_bytes)
		return api_source_fail(&source, fault, API_BINARY_SIZE,
				       "bytes %llu to %llu, and %llu bytes follow the header",
				       (unsigned long long)span->begin,
				       (unsigned long long)span->end,
				       (unsigned long long)file->data_bytes);
	return API_PROBLEM_NONE;
}

static enum api_problem read_tensor(struct api_evaluation *ev, struct file *file, const char *name,
				    const json_t *node, struct api_fault *fault)
{
	const struct api_source source = {.parent = &root_source, .name = name};
	const struct api_source shape = {.parent = &source, .name = "shape"};
	struct api_typed *typed = &file->tensors[file->count];
	struct span *span = &file->spans[file->count];
	uint64_t bytes;

	*typed = (struct api_typed){.node = node};
	span->name = name;
	if (check_members(node, &source, fault) ||
	    read_dtype(file, node, &source, &typed->type, fault) ||
	    api_shape_read(&file->header, json_object_get(node, "shape"), &shape, ev->arena,
			   &typed->rank, typed->shape, fault) ||
	    read_offsets(ev, file, node, &source, span, fault))
		return fault->problem;
	if (!api_typed_size(typed->type, typed->rank, typed->shape, &typed->elements, &bytes))
		return api_source_fail(&shape, fault, API_SHAPE_MISMATCH,
				       "its product does not fit");
	if (span->end - span->begin != bytes)
		return api_source_fail(
			&source, fault, API_BINARY_SIZE,
			"%llu bytes, expected %llu as the shape says: %llu elements "
			"of %zu bytes",
			(unsigned long long)(span->end - span->begin), (unsigned long long)bytes,
			(unsigned long long)typed->elements, api_type_at(typed->type)->bytes);
	typed->data = file->data + span->begin;
	file->count++;
	return API_PROBLEM_NONE;
}

static enum api_problem read_tensors(struct api_evaluation *ev, struct file *file,
				     struct api_fault *fault)
{
	size_t most = json_object_size(file->header.root);
	const char *name;
	json_t *node;

	file->tensors = api_arena_array(ev->arena, most, sizeof *file->tensors);
	file->spans = api_arena_array(ev->arena, most, sizeof *file->spans);
	if (!file->tensors || !file->spans)
		return api_fail_memory(ev, fault);
	json_object_foreach(file->header.root, name, node)
	{
		if (!strcmp(name, API_SAFETENSORS_METADATA))
			file->metadata = node;
		else if (read_tensor(ev, file, name, node, fault))
			return fault->problem;
	}
	return API_PROBLEM_NONE;
}

/* ---- All bytes, and each once ------------------------------------------------- */

static int compare_spans(const void *a, const void *b)
{
	const struct span *one = a, *other = b;

	if (one->begin != other->begin)
		return one->begin < other->begin ? -1 : 1;
	return (one->end > other->end) - (one->end < other->end);
}

static enum api_problem check_cover(const struct file *file, struct api_fault *fault)
{
	uint64_t end = 0;

	qsort(file->spans, file->count, sizeof *file->spans, compare_spans);
	for (size_t i = 0; i < file->count; end = file->spans[i++].end) {
		const struct span *span = &file->spans[i];
		const struct api_source source = {.parent = &root_source, .name = span->name};

		if (span->begin > end)
			return api_source_fail(&source, fault, API_TENSOR_GAP,
					       "begins at byte %llu; bytes %llu to %llu belong to "
					       "no tensor",
					       (unsigned long long)span->begin,
					       (unsigned long long)end,
					       (unsigned long long)span->begin);
		if (span->begin < end)
			return api_source_fail(&source, fault, API_TENSOR_OVERLAP,
					       "begins at byte %llu, inside \"%.60s\", which ends "
					       "at %llu",
					       (unsigned long long)span->begin,
					       file->spans[i - 1].name, (unsigned long long)end);
	}
	if (end < file->data_bytes)
		return api_fault_set(fault, API_BINARY_SIZE,
				     "%llu bytes stand behind the last tensor",
				     (unsigned long long)(file->data_bytes - end));
	return API_PROBLEM_NONE;
}

/* ---- The text ------------------------------------------------------------------ */

static enum api_problem check_metadata(const struct file *file, struct api_fault *fault)
{
	const char *name;
	json_t *value;

	if (!file->metadata)
		return api_source_fail(
			&text_source, fault, API_MISSING_MEMBER,
			"missing: the JSON request without its tensors, as a string");
	if (!json_is_object(file->metadata))
		return api_source_fail(&metadata_source, fault, API_WRONG_TYPE,
				       "%s, expected an object of strings",
				       api_found(&file->header, file->metadata));
	json_object_foreach((json_t *)file->metadata, name, value)
	{
		if (!json_is_string(value))
			return api_source_fail_member(&metadata_source, name, fault, API_WRONG_TYPE,
						      "%s, expected a string",
						      api_found(&file->header, value));
	}
	if (!json_object_get(file->metadata, API_SAFETENSORS_MEMBER))
		return api_source_fail(
			&text_source, fault, API_MISSING_MEMBER,
			"missing: the JSON request without its tensors, as a string");
	return API_PROBLEM_NONE;
}

/* A fault of the text has its position inside the text. */
static enum api_problem read_text(struct api_evaluation *ev, const struct file *file,
				  struct api_fault *fault)
{
	const json_t *text = json_object_get(file->metadata, API_SAFETENSORS_MEMBER);
	enum api_problem problem =
		api_decode_document(ev, json_string_value(text), json_string_length(text), fault);

	if (problem) {
		api_fault_inside(fault, API_SAFETENSORS_MEMBER);
		api_fault_inside(fault, API_SAFETENSORS_METADATA);
	}
	return problem;
}

/* Members of the text are inside it; the others are, or would be, tensors. */
static enum api_problem make_places(struct api_evaluation *ev, struct api_fault *fault)
{
	struct api_source_place *places = api_arena_array(
		ev->arena, json_object_size(ev->doc.root) + 1, sizeof *ev->root.places);
	char path[API_SOURCE_BYTES_MAX];
	const char *name;
	json_t *value;

	if (!places)
		return api_fail_memory(ev, fault);
	ev->root.places = places;
	json_object_foreach(ev->doc.root, name, value)
	{
		const struct api_source source = {.parent = &text_source, .name = name};
		const char *pointer = api_source_path(&source, path);

		*places++ = (struct api_source_place){
			.name = name,
			.pointer = api_arena_text(ev->arena, pointer, strlen(pointer)),
		};
		if (!places[-1].pointer)
			return api_fail_memory(ev, fault);
	}
	*places = (struct api_source_place){0};
	return API_PROBLEM_NONE;
}

/* ---- Both together --------------------------------------------------------------- */

/* Where a tensor goes: into the request, or as "3.logits" into an item of its
 * batch. */
static json_t *owner_of(const struct api_evaluation *ev, const char **name)
{
	const json_t *batch = json_object_get(ev->doc.root, "batch");
	char *end;
	unsigned long long index = strtoull(*name, &end, 10);

	/* strtoull() takes spaces and signs too. */
	if (!json_is_array(batch) || end == *name || *end != '.' || **name < '0' || **name > '9')
		return ev->doc.root;

	json_t *item = json_array_get(batch, (size_t)index);
	if (!json_is_object(item))
		return ev->doc.root;
	*name = end + 1;
	return item;
}

static enum api_problem put_tensors(struct api_evaluation *ev, const struct file *file,
				    struct api_fault *fault)
{
	const char *key;
	json_t *node;

	json_object_foreach(file->header.root, key, node)
	{
		const char *name = key;
		json_t *owner = owner_of(ev, &name);

		if (node == file->metadata)
			continue;
		if (api_member_find(name))
			return api_source_fail_member(&root_source, key, fault, API_UNKNOWN_MEMBER,
						      "no input has this name; it is a member of "
						      "the request");
		if (json_object_get(owner, name))
			return api_source_fail_member(&root_source, key, fault,
						      API_CONFLICTING_INPUTS,
						      "stands in the text of the metadata as well; "
						      "give one of them");
		if (json_object_set(owner, name, node))
			return api_fail_memory(ev, fault);
	}
	return API_PROBLEM_NONE;
}

enum api_problem api_safetensors_decode(struct api_evaluation *ev, struct api_fault *fault)
{
	struct file file = {0};

	if (read_header(ev, &file, fault) || read_tensors(ev, &file, fault) ||
	    check_cover(&file, fault) || check_metadata(&file, fault) ||
	    read_text(ev, &file, fault) || make_places(ev, fault) ||
	    put_tensors(ev, &file, fault) || api_typed_take(ev, file.tensors, file.count, fault))
		return fault->problem;
	return api_decode_request(ev, fault);
}
