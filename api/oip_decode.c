/* An inference request becomes an evaluation. */
#include <stdlib.h>
#include <string.h>

#include "oip.h"

static const struct api_source root_source;

/* ---- The parts of the body ------------------------------------------------- */

/* "Inference-Header-Content-Length": digits, and no more than there is. */
static enum api_problem read_length(const char *text, size_t body, size_t *bytes,
				    struct api_fault *fault)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 18 || text[digits])
		return api_fault_set(fault, API_BINARY_SIZE,
				     API_OIP_LENGTH " is \"%.40s\", expected digits", text);
	*bytes = (size_t)strtoull(text, NULL, 10);
	if (*bytes > body)
		return api_fault_set(fault, API_BINARY_SIZE,
				     API_OIP_LENGTH " is %zu, and the body has %zu bytes", *bytes,
				     body);
	if (*bytes == 0)
		return api_fault_set(fault, API_BINARY_SIZE,
				     API_OIP_LENGTH
				     " is 0, expected the JSON that says what the tensors are");
	return API_PROBLEM_NONE;
}

size_t api_request_binary_offset(const struct api_request *request)
{
	const char *length = api_request_header(request, API_OIP_LENGTH);
	size_t digits = length ? strspn(length, "0123456789") : 0;

	return digits > 0 && digits <= 18 ? (size_t)strtoull(length, NULL, 10) : 0;
}

static enum api_problem read_body(struct api_evaluation *ev, struct api_fault *fault)
{
	const struct api_request *request = &ev->call->request;
	const char *length = api_call_request_header(ev->call, API_OIP_LENGTH);
	size_t json = request->body_bytes;

	if (length && read_length(length, request->body_bytes, &json, fault))
		return fault->problem;
	ev->oip->tensors = request->body ? request->body + json : NULL;
	ev->oip->tensors_bytes = request->body_bytes - json;
	return api_decode_document(ev, request->body, json, fault);
}

/* ---- Objects and lists ------------------------------------------------------ */

/* A list of objects; *count is 0 where there is none. */
static enum api_problem check_list(struct api_evaluation *ev, const json_t *list, const char *name,
				   size_t *count, struct api_fault *fault)
{
	const struct api_array *lifted = api_document_array(&ev->doc, list);
	bool is_list = lifted ? lifted->rank == 1 && lifted->numbers == 0 : json_is_array(list);

	*count = lifted ? 0 : json_array_size(list);
	for (size_t i = 0; i < *count; i++)
		is_list = is_list && json_is_object(json_array_get(list, i));
	if (list && !is_list)
		return api_source_fail_member(&root_source, name, fault, API_WRONG_TYPE,
					      "expected a list of objects");
	if (*count > API_OIP_TENSORS_MAX)
		return api_source_fail_member(&root_source, name, fault, API_OUT_OF_RANGE,
					      "%zu tensors, expected at most %d", *count,
					      (int)API_OIP_TENSORS_MAX);
	return API_PROBLEM_NONE;
}

static enum api_problem read_string(struct api_evaluation *ev, const json_t *node,
				    const char *member, const struct api_source *source,
				    const char **value, struct api_fault *fault)
{
	const json_t *found = json_object_get(node, member);

	*value = "";
	if (!found)
		return api_source_fail_member(source, member, fault, API_MISSING_MEMBER, "missing");
	if (!json_is_string(found) || api_document_array(&ev->doc, found))
		return api_source_fail_member(source, member, fault, API_WRONG_TYPE,
					      "%s, expected a string", api_found(&ev->doc, found));
	*value = json_string_value(found);
	return API_PROBLEM_NONE;
}

static enum api_problem read_bool(struct api_evaluation *ev, const json_t *node,
				  const struct api_source *source, bool *value,
				  struct api_fault *fault)
{
	if (node && !json_is_boolean(node))
		return api_source_fail(source, fault, API_WRONG_TYPE, "%s, expected true or false",
				       api_found(&ev->doc, node));
	if (node)
		*value = json_is_true(node);
	return API_PROBLEM_NONE;
}

static enum api_problem read_parameters_object(struct api_evaluation *ev, const json_t *node,
					       const struct api_source *source,
					       const json_t **parameters, struct api_fault *fault)
{
	*parameters = json_object_get(node, "parameters");
	if (*parameters && !json_is_object(*parameters))
		return api_source_fail_member(source, "parameters", fault, API_WRONG_TYPE,
					      "%s, expected an object",
					      api_found(&ev->doc, *parameters));
	return API_PROBLEM_NONE;
}

/* ---- Inputs ----------------------------------------------------------------- */

static void add_place(struct api_oip *oip, const char *name, const char *pointer, bool is_whole)
{
	oip->places[oip->place_count++] = (struct api_source_place){name, pointer, is_whole};
}

static enum api_problem check_name(const struct api_oip *oip, const char *name,
				   const struct api_source *source, struct api_fault *fault)
{
	if (api_member_find(name))
		return api_source_fail(source, fault, API_UNKNOWN_MEMBER,
				       "%s does not read an input \"%.60s\"", oip->loss->name,
				       name);
	for (size_t i = 0; i < oip->input_count; i++)
		if (!strcmp(oip->input_names[i], name))
			return api_source_fail(source, fault, API_CONFLICTING_INPUTS,
					       "\"%.60s\" is the name of input %zu as well", name,
					       i);
	return API_PROBLEM_NONE;
}

static enum api_problem read_type(const char *name, bool is_binary, const struct api_source *source,
				  enum api_type *type, struct api_fault *fault)
{
	*type = api_type_find(name);
	if (*type == API_TYPE_COUNT)
		return api_source_fail_member(source, "datatype", fault, API_OUT_OF_RANGE,
					      "\"%.40s\", expected one of BOOL, UINT8, INT32, "
					      "INT64, FP16, BF16, FP32, FP64",
					      name);
	if (!is_binary && !api_type_at(*type)->in_json)
		return api_source_fail_member(source, "datatype", fault, API_OUT_OF_RANGE,
					      "%s is for binary tensors; in JSON use FP32", name);
	return API_PROBLEM_NONE;
}

/* Takes the next `binary_data_size` bytes, which must be what the shape says. */
static enum api_problem take_bytes(struct api_evaluation *ev, const json_t *size,
				   const struct api_source *source, struct api_typed *typed,
				   struct api_fault *fault)
{
	const struct api_source shape = {.parent = source, .name = "shape"};
	struct api_oip *oip = ev->oip;
	json_int_t bytes = json_integer_value(size);
	uint64_t wanted;

	if (!json_is_integer(size) || bytes < 0)
		return api_source_fail(source, fault, API_BINARY_SIZE,
				       "binary_data_size: expected a count of bytes");
	if (api_shape_read(&ev->doc, json_object_get(typed->node, "shape"), &shape, ev->arena,
			   &typed->rank, typed->shape, fault))
		return fault->problem;
	if (!api_typed_size(typed->type, typed->rank, typed->shape, &typed->elements, &wanted))
		return api_source_fail(&shape, fault, API_SHAPE_MISMATCH,
				       "its product does not fit");
	if ((uint64_t)bytes != wanted)
		return api_source_fail(source, fault, API_BINARY_SIZE,
				       "binary_data_size is %lld, expected %llu as the shape says: "
				       "%llu elements of %zu bytes",
				       (long long)bytes, (unsigned long long)wanted,
				       (unsigned long long)typed->elements,
				       api_type_at(typed->type)->bytes);
	if ((uint64_t)bytes > oip->tensors_bytes)
		return api_source_fail(source, fault, API_BINARY_SIZE,
				       "%lld bytes, and %zu remain of the body", (long long)bytes,
				       oip->tensors_bytes);
	typed->data = oip->tensors;
	oip->tensors += bytes;
	oip->tensors_bytes -= (size_t)bytes;
	return API_PROBLEM_NONE;
}

/* {"shape": ..., "data": ...} as /v1/evaluate has it. */
static bool put_together(const json_t *node, json_t *made)
{
	json_t *data = json_object_get(node, "data");

	return !json_object_set(made, "shape", json_object_get(node, "shape")) &&
	       (!data || !json_object_set(made, "data", data));
}

static enum api_problem check_data(const json_t *node, const json_t *size,
				   const struct api_source *source, struct api_fault *fault)
{
	bool has_data = json_object_get(node, "data");

	if (!json_object_get(node, "shape"))
		return api_source_fail_member(source, "shape", fault, API_MISSING_MEMBER,
					      "missing");
	if (has_data && size)
		return api_source_fail_member(source, "data", fault, API_CONFLICTING_INPUTS,
					      "stands beside binary_data_size; give one of them");
	if (!has_data && !size)
		return api_source_fail_member(source, "data", fault, API_MISSING_MEMBER,
					      "missing, and there is no binary_data_size");
	return API_PROBLEM_NONE;
}

static enum api_problem read_input(struct api_evaluation *ev, const json_t *node, size_t index,
				   struct api_fault *fault)
{
	static const char *const known[] = {"name",       "shape", "datatype",
					    "parameters", "data",  NULL};
	static const char *const known_parameters[] = {"binary_data_size", NULL};
	const struct api_source list = {.parent = &root_source, .name = "inputs"};
	const struct api_source source = {.parent = &list, .index = index};
	const struct api_source inner = {.parent = &source, .name = "parameters"};
	struct api_oip *oip = ev->oip;
	struct api_typed *typed = &oip->inputs[index];
	const char *name, *datatype;
	const json_t *parameters;

	if (api_members_known(node, &source, known, fault) ||
	    read_parameters_object(ev, node, &source, &parameters, fault) ||
	    api_members_known(parameters, &inner, known_parameters, fault) ||
	    read_string(ev, node, "name", &source, &name, fault) ||
	    check_name(oip, name, &source, fault) ||
	    read_string(ev, node, "datatype", &source, &datatype, fault))
		return fault->problem;

	const json_t *size = json_object_get(parameters, "binary_data_size");
	if (read_type(datatype, size, &source, &typed->type, fault) ||
	    check_data(node, size, &source, fault))
		return fault->problem;

	json_t *made = json_object();
	const char *pointer = api_arena_printf(ev->arena, "/inputs/%zu", index);
	if (!pointer || json_object_set_new(ev->made, name, made) || !put_together(node, made))
		return api_fail_memory(ev, fault);
	typed->node = made;
	oip->input_names[oip->input_count++] = name;
	add_place(oip, name, pointer, false);
	return size ? take_bytes(ev, size, &source, typed, fault) : API_PROBLEM_NONE;
}

static enum api_problem read_inputs(struct api_evaluation *ev, struct api_fault *fault)
{
	const json_t *list = json_object_get(ev->doc.root, "inputs");
	size_t count;

	if (!list)
		return api_source_fail_member(&root_source, "inputs", fault, API_MISSING_MEMBER,
					      "missing: the tensors that the loss reads");
	if (check_list(ev, list, "inputs", &count, fault))
		return fault->problem;
	for (size_t i = 0; i < count; i++)
		if (read_input(ev, json_array_get(list, i), i, fault))
			return fault->problem;
	if (ev->oip->tensors_bytes > 0)
		return api_fault_set(fault, API_BINARY_SIZE,
				     "%zu bytes stand behind the last tensor",
				     ev->oip->tensors_bytes);
	return api_typed_take(ev, ev->oip->inputs, ev->oip->input_count, fault);
}

/* ---- Parameters -------------------------------------------------------------- */

/* Names of the protocol, or of a loss object, that cannot be kept. */
static const struct {
	const char *name, *why;
} refused[] = {
	{"sequence_id", "losses keep no sequences"},
	{"sequence_start", "losses keep no sequences"},
	{"sequence_end", "losses keep no sequences"},
	{"priority", "requests have no priorities"},
	{"timeout", "the header X-Request-Timeout-Ms sets a deadline"},
	{"name", "the path names the loss"},
	{"terms", "weighted sums are for /v1/evaluate"},
};

static const char *why_refused(const char *name)
{
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		if (!strcmp(refused[i].name, name))
			return refused[i].why;
	return NULL;
}

/* "logits, targets" as a list. */
static json_t *split_names(const char *text)
{
	json_t *names = json_array();

	while (*text) {
		text += strspn(text, ", \t");

		size_t bytes = strcspn(text, ", \t");
		if (bytes > 0 && json_array_append_new(names, json_stringn(text, bytes))) {
			json_decref(names);
			return NULL;
		}
		text += bytes;
	}
	return names;
}

static bool put_gradient(struct api_evaluation *ev, json_t *node)
{
	add_place(ev->oip, "gradient", "/parameters/gradient", true);
	if (!json_is_string(node))
		return !json_object_set(ev->made, "gradient", node);
	return !json_object_set_new(ev->made, "gradient", split_names(json_string_value(node)));
}

static enum api_problem read_parameter(struct api_evaluation *ev, const char *name, json_t *node,
				       json_t *loss, const struct api_source *source,
				       struct api_fault *fault)
{
	const struct api_source at = {.parent = source, .name = name};
	const char *why = why_refused(name);
	struct loss_value value;
	bool is_put;

	if (why)
		return api_source_fail(&at, fault, API_UNKNOWN_PARAMETER, "not served: %s", why);
	if (!api_value_read(&ev->doc, node, &value))
		return api_source_fail(&at, fault, API_WRONG_TYPE,
				       "%s, expected a string, a number or a boolean",
				       api_found(&ev->doc, node));
	if (!strcmp(name, "binary_data_output"))
		return read_bool(ev, node, &at, &ev->oip->binary_output, fault);
	if (!strcmp(name, "gradient"))
		is_put = put_gradient(ev, node);
	else if (!strcmp(name, "dtype") || !strcmp(name, "diagnostics") ||
		 !strcmp(name, "nonfinite") || !strcmp(name, "max_locations"))
		is_put = !json_object_set(ev->made, name, node);
	else
		is_put = !json_object_set(loss, name, node);
	return is_put ? API_PROBLEM_NONE : api_fail_memory(ev, fault);
}

static enum api_problem read_parameters(struct api_evaluation *ev, struct api_fault *fault)
{
	const struct api_source source = {.parent = &root_source, .name = "parameters"};
	json_t *loss = json_object();
	const json_t *parameters;
	const char *name;
	json_t *node;

	if (json_object_set_new(ev->made, "loss", loss) ||
	    json_object_set_new(loss, "name", json_string(ev->oip->loss->name)))
		return api_fail_memory(ev, fault);
	add_place(ev->oip, "loss", "/parameters", false);
	if (read_parameters_object(ev, ev->doc.root, &root_source, &parameters, fault))
		return fault->problem;
	json_object_foreach((json_t *)parameters, name, node)
	{
		if (read_parameter(ev, name, node, loss, &source, fault))
			return fault->problem;
	}
	return API_PROBLEM_NONE;
}

/* ---- Outputs ------------------------------------------------------------------ */

static bool find_kind(const char *name, enum api_oip_kind *kind)
{
	static const char *const names[] = {
		[API_OIP_LOSS] = "loss",
		[API_OIP_DIAGNOSTICS] = "diagnostics",
	};

	*kind = API_OIP_GRADIENTS;
	for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++)
		if (names[i] && !strcmp(names[i], name))
			*kind = (enum api_oip_kind)i;
	return *kind != API_OIP_GRADIENTS ||
	       !strncmp(name, API_OIP_GRADIENT, sizeof API_OIP_GRADIENT - 1);
}

static enum api_problem read_output(struct api_evaluation *ev, const json_t *node, size_t index,
				    json_t *gradients, struct api_fault *fault)
{
	static const char *const known[] = {"name", "parameters", NULL};
	static const char *const known_parameters[] = {"binary_data", NULL};
	const struct api_source list = {.parent = &root_source, .name = "outputs"};
	const struct api_source source = {.parent = &list, .index = index};
	const struct api_source inner = {.parent = &source, .name = "parameters"};
	const struct api_source binary = {.parent = &inner, .name = "binary_data"};
	struct api_oip *oip = ev->oip;
	struct api_oip_output output = {.is_binary = oip->binary_output};
	const json_t *parameters;

	if (api_members_known(node, &source, known, fault) ||
	    read_string(ev, node, "name", &source, &output.name, fault) ||
	    read_parameters_object(ev, node, &source, &parameters, fault) ||
	    api_members_known(parameters, &inner, known_parameters, fault) ||
	    read_bool(ev, json_object_get(parameters, "binary_data"), &binary, &output.is_binary,
		      fault))
		return fault->problem;
	if (!find_kind(output.name, &output.kind))
		return api_source_fail(&source, fault, API_UNKNOWN_MEMBER,
				       "\"%.60s\", expected loss, " API_OIP_GRADIENT_DOC
				       " or diagnostics",
				       output.name);
	for (size_t i = 0; i < oip->output_count; i++)
		if (!strcmp(oip->outputs[i].name, output.name))
			return api_source_fail(&source, fault, API_CONFLICTING_INPUTS,
					       "\"%.60s\" is the name of output %zu as well",
					       output.name, i);
	oip->outputs[oip->output_count++] = output;
	if (output.kind == API_OIP_GRADIENTS &&
	    json_array_append_new(gradients,
				  json_string(output.name + sizeof API_OIP_GRADIENT - 1)))
		return api_fail_memory(ev, fault);
	return API_PROBLEM_NONE;
}

/* Outputs that are asked for by name decide which gradients there are. */
static enum api_problem read_outputs(struct api_evaluation *ev, struct api_fault *fault)
{
	const json_t *list = json_object_get(ev->doc.root, "outputs");
	json_t *gradients;
	size_t count;

	if (check_list(ev, list, "outputs", &count, fault))
		return fault->problem;
	if (count == 0)
		return API_PROBLEM_NONE;
	ev->oip->has_outputs = true;
	gradients = json_array();
	for (size_t i = 0; i < count; i++)
		if (read_output(ev, json_array_get(list, i), i, gradients, fault)) {
			json_decref(gradients);
			return fault->problem;
		}
	if (json_array_size(gradients) == 0) {
		json_decref(gradients);
		gradients = json_false();
	}
	/* Before that of the parameter, so that it is the one that is found. */
	for (size_t i = 0; i < ev->oip->place_count; i++)
		if (!strcmp(ev->oip->places[i].name, "gradient"))
			ev->oip->places[i].name = "";
	add_place(ev->oip, "gradient", "/outputs", true);
	return json_object_set_new(ev->made, "gradient", gradients) ? api_fail_memory(ev, fault)
								    : API_PROBLEM_NONE;
}

static enum api_problem check_diagnostics(struct api_evaluation *ev, struct api_fault *fault)
{
	if (ev->items[0].options.diagnostics != API_DIAGNOSTICS_OFF)
		return API_PROBLEM_NONE;
	for (size_t i = 0; i < ev->oip->output_count; i++)
		if (ev->oip->outputs[i].kind == API_OIP_DIAGNOSTICS)
			return api_source_fail_member(&root_source, "outputs", fault,
						      API_CONFLICTING_INPUTS,
						      "diagnostics are asked for, and the "
						      "parameter turns them off");
	return API_PROBLEM_NONE;
}

/* ---- The request ---------------------------------------------------------------- */

static enum api_problem read_id(struct api_evaluation *ev, struct api_fault *fault)
{
	json_t *id = json_object_get(ev->doc.root, "id");

	if (!id)
		return API_PROBLEM_NONE;
	if (!json_is_string(id) || api_document_array(&ev->doc, id))
		return api_source_fail_member(&root_source, "id", fault, API_WRONG_TYPE,
					      "%s, expected a string", api_found(&ev->doc, id));
	add_place(ev->oip, "id", "/id", false);
	return json_object_set(ev->made, "id", id) ? api_fail_memory(ev, fault) : API_PROBLEM_NONE;
}

/* float64 if an input is, unless the parameter says otherwise. */
static enum loss_dtype dtype_of(const struct api_oip *oip)
{
	for (size_t i = 0; i < oip->input_count; i++)
		if (oip->inputs[i].type == API_FP64)
			return LOSS_FLOAT64;
	return LOSS_FLOAT32;
}

/* KServe's client names the model in the body as well. */
static enum api_problem check_model_name(struct api_evaluation *ev, struct api_fault *fault)
{
	const char *name = NULL;

	if (!json_object_get(ev->doc.root, "model_name"))
		return API_PROBLEM_NONE;
	if (read_string(ev, ev->doc.root, "model_name", &root_source, &name, fault))
		return fault->problem;
	if (loss_find(name) != ev->oip->loss)
		return api_source_fail_member(
			&root_source, "model_name", fault, API_CONFLICTING_INPUTS,
			"\"%.60s\", and the path names %s", name, ev->oip->loss->name);
	return API_PROBLEM_NONE;
}

static enum api_problem decode_item(struct api_evaluation *ev, struct api_fault *fault)
{
	struct api_item *item;

	if (api_items_make(ev, 1, fault))
		return fault->problem;
	item = &ev->items[0];
	/* What has no place of its own is an input that is missing. */
	add_place(ev->oip, "dtype", "/parameters/dtype", false);
	add_place(ev->oip, "diagnostics", "/parameters/diagnostics", false);
	add_place(ev->oip, "nonfinite", "/parameters/nonfinite", false);
	add_place(ev->oip, "max_locations", "/parameters/max_locations", false);
	add_place(ev->oip, NULL, "/inputs", true);
	ev->root.places = ev->oip->places;
	item->source = &ev->root;
	item->members = ev->made;
	api_options_init(&item->options);
	item->options.dtype = dtype_of(ev->oip);
	return api_item_decode(ev, item, fault);
}

static enum api_problem begin(struct api_evaluation *ev, struct api_fault *fault)
{
	ev->oip = api_arena_alloc(ev->arena, sizeof *ev->oip);
	ev->made = json_object();
	if (!ev->oip || !ev->made)
		return api_fail_memory(ev, fault);
	memset(ev->oip, 0, sizeof *ev->oip);
	ev->oip->loss = api_oip_loss(ev->call, fault);
	return ev->oip->loss ? API_PROBLEM_NONE : fault->problem;
}

enum api_problem api_oip_decode(struct api_evaluation *ev, struct api_fault *fault)
{
	static const char *const known[] = {"id",     "model_name", "parameters",
					    "inputs", "outputs",    NULL};

	if (begin(ev, fault) || read_body(ev, fault) ||
	    api_members_known(ev->doc.root, &root_source, known, fault) || read_id(ev, fault) ||
	    check_model_name(ev, fault) || read_inputs(ev, fault) || read_parameters(ev, fault) ||
	    read_outputs(ev, fault) || decode_item(ev, fault) || check_diagnostics(ev, fault))
		return fault->problem;
	return api_tensors_complete(ev, fault);
}
