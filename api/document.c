#include "document.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "envelope.h"
#include "skim.h"

/* ---- Where jansson stopped ------------------------------------------------ */

/* jansson tells how far it came.  A second, plain reading of the reduced text
 * up to there tells which token that is and on which path it stands. */
struct level {
	bool array;
	uint64_t index;
	const char *name; /* the string of the present member, NULL before it */
	size_t name_bytes;
};

struct trace {
	const char *token, *behind;
	size_t depth;
	struct level levels[ENVELOPE_DEPTH_MAX + 2];
};

static const char *token_end(const char *token, const char *end)
{
	if (*token == '"') {
		const char *behind = api_skim_string(token, end);
		return behind ? behind : end;
	}
	const char *behind = token + 1;
	if (*token && strchr("{}[]:,", *token))
		return behind;
	while (behind < end && !(*behind && strchr(" \t\r\n{}[]:,\"", *behind)))
		behind++;
	return behind;
}

static void follow(struct trace *trace)
{
	struct level *level = &trace->levels[trace->depth];
	switch (*trace->token) {
	case '{':
	case '[':
		if (trace->depth <= ENVELOPE_DEPTH_MAX)
			trace->levels[++trace->depth] =
				(struct level){.array = *trace->token == '['};
		break;
	case '}':
	case ']':
		trace->depth -= trace->depth > 0;
		break;
	case ',':
		level->index++;
		level->name = NULL;
		break;
	case '"':
		if (!level->array && !level->name) {
			level->name = trace->token;
			level->name_bytes = (size_t)(trace->behind - trace->token);
		}
		break;
	}
}

/* The token that ends at `stop` or contains the byte before it. */
static void find_token(struct trace *trace, const char *text, const char *end, const char *stop)
{
	trace->depth = 0;
	trace->levels[0] = (struct level){.array = true};
	trace->token = trace->behind = text;
	for (const char *at = text; at < stop;) {
		if (*at && strchr(" \t\r\n", *at)) {
			at++;
			continue;
		}
		trace->token = at;
		trace->behind = at = token_end(at, end);
		follow(trace);
	}
}

/* Puts the path of the latest token before the fault's pointer. */
static void set_path(struct api_fault *fault, const struct trace *trace)
{
	for (size_t depth = trace->depth; depth > 0; depth--) {
		const struct level *level = &trace->levels[depth];
		char name[sizeof(fault->pointer)];
		if (level->array) {
			api_fault_inside_item(fault, level->index);
		} else if (level->name) {
			snprintf(name, sizeof(name), "%.*s", (int)level->name_bytes - 2,
				 level->name + 1);
			api_fault_inside(fault, name);
		}
	}
}

/* ---- What jansson says ---------------------------------------------------- */

static enum api_problem tell_duplicate(struct api_fault *fault, const struct trace *trace)
{
	api_fault_set(fault, API_DUPLICATE_MEMBER, "the member %.*s stands twice in one object",
		      (int)(trace->behind - trace->token), trace->token);
	set_path(fault, trace);
	return API_DUPLICATE_MEMBER;
}

/* Inside a string it is a byte that is wrong: the one jansson saw last, or the
 * next one where it put that back. */
static const char *wrong_byte(const char *stop, enum json_error_code code)
{
	bool put_back = code == json_error_invalid_utf8 || (unsigned char)*stop < ' ';
	return put_back ? stop : stop - 1;
}

static enum api_problem tell_jansson(struct api_fault *fault, const struct envelope *envelope,
				     const json_error_t *error)
{
	const char *text = envelope->reduced.data ? envelope->reduced.data : "";
	const char *end = text + envelope->reduced.used;
	const char *stop = text + error->position;
	enum json_error_code code = json_error_code(error);
	enum api_problem problem = API_SYNTAX;
	struct trace trace;

	if (code == json_error_out_of_memory)
		return api_fault_set(fault, API_MEMORY_FULL,
				     "there is no memory to read the document");
	find_token(&trace, text, end, stop);
	const char *at = trace.token;
	if (*trace.token == '"' && stop < trace.behind)
		at = wrong_byte(stop, code);
	size_t offset = envelope_original_offset(envelope, (size_t)(at - text));
	if (code == json_error_duplicate_key)
		problem = tell_duplicate(fault, &trace);
	else
		api_fault_set(fault, problem, "%s", error->text);
	if (code == json_error_premature_end_of_input)
		offset = envelope->original_bytes;
	api_fault_position(fault, envelope->original, envelope->original_bytes, offset);
	return problem;
}

/* ---- The document --------------------------------------------------------- */

static enum api_problem parse(json_t **root, const struct envelope *envelope,
			      struct api_fault *fault)
{
	json_error_t error;
	const char *text = envelope->reduced.data; /* NULL for an empty one */
	json_t *node = json_loadb(text ? text : "", envelope->reduced.used, JSON_REJECT_DUPLICATES,
				  &error);
	if (!node)
		return tell_jansson(fault, envelope, &error);
	if (!json_is_object(node)) {
		json_decref(node);
		return api_fault_set(fault, API_WRONG_TYPE,
				     "the document is an array, expected an object");
	}
	*root = node;
	return API_PROBLEM_NONE;
}

static enum api_problem check_mark(const char *text, size_t bytes, struct api_fault *fault)
{
	if (bytes < 3 || memcmp(text, "\xEF\xBB\xBF", 3) != 0)
		return API_PROBLEM_NONE;
	api_fault_set(fault, API_SYNTAX, "the document begins with a byte order mark");
	api_fault_position(fault, text, bytes, 0);
	return API_SYNTAX;
}

enum api_problem api_document_read(struct api_document *doc, struct api_arena *arena,
				   const char *text, size_t bytes, const struct api_limits *limits,
				   struct api_fault *fault)
{
	struct envelope envelope;
	json_t *root = NULL;

	*doc = (struct api_document){.text = text, .bytes = bytes};
	enum api_problem problem = check_mark(text, bytes, fault);
	if (!problem)
		problem = envelope_reduce(&envelope, arena, text, bytes, limits, fault);
	if (problem)
		return problem;
	if (!api_arena_charge(arena, envelope.jansson_bytes))
		return api_fault_set(fault, api_arena_problem(arena),
				     "there is no memory to read the document");
	problem = parse(&root, &envelope, fault);
	api_arena_drop(arena, envelope.reduced.data, envelope.reduced.room);
	if (problem)
		return problem;
	doc->root = root;
	doc->arrays = envelope.arrays.data;
	doc->array_count = envelope.arrays.used;
	doc->numbers = envelope.numbers;
	return API_PROBLEM_NONE;
}

void api_document_release(struct api_document *doc)
{
	json_decref(doc->root);
	*doc = (struct api_document){0};
}

const struct api_array *api_document_array(const struct api_document *doc, const json_t *node)
{
	if (!json_is_array(node) || json_array_size(node) != 1)
		return NULL;
	const json_t *index = json_array_get(node, 0);
	if (!json_is_integer(index))
		return NULL;
	uint64_t i = (uint64_t)json_integer_value(index);
	return i < doc->array_count ? &doc->arrays[i] : NULL;
}
