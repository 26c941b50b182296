/* Problems: their rows, what an error of the library becomes, and the document
 * that tells a client (RFC 9457). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "problem_text.h"

enum { DETAIL_BYTES_MAX = sizeof((struct api_fault *)0)->detail + 2 };

static const struct {
	const char *slug;
	int status;
	const char *title;
} rows[API_PROBLEM_COUNT] = {
#define X(name, slug, status, title) [API_##name] = {slug, status, title},
	API_PROBLEMS(X)
#undef X
};

int api_problem_status(enum api_problem problem)
{
	return rows[problem].status;
}

const char *api_problem_slug(enum api_problem problem)
{
	return rows[problem].slug;
}

const char *api_problem_title(enum api_problem problem)
{
	return rows[problem].title;
}

enum api_problem api_problem_of_loss(enum loss_code code)
{
	/* No default: a new code of the library does not compile without a row here. */
	switch (code) {
	case LOSS_OK:
		return API_PROBLEM_NONE;
	case LOSS_UNKNOWN_LOSS:
		return API_NOT_FOUND_LOSS;
	case LOSS_UNKNOWN_PARAM:
		return API_UNKNOWN_PARAMETER;
	case LOSS_PARAM_TYPE:
	case LOSS_INPUT_KIND:
		return API_WRONG_TYPE;
	case LOSS_PARAM_RANGE:
	case LOSS_NEGATIVE_VALUE:
		return API_OUT_OF_RANGE;
	case LOSS_PARAM_REQUIRED:
		return API_MISSING_MEMBER;
	case LOSS_UNKNOWN_INPUT:
		return API_UNKNOWN_MEMBER;
	case LOSS_MISSING_INPUT:
		return API_MISSING_INPUT;
	case LOSS_CONFLICTING_INPUTS:
		return API_CONFLICTING_INPUTS;
	case LOSS_SHAPE:
		return API_SHAPE_MISMATCH;
	case LOSS_NOT_DIFFERENTIABLE:
		return API_NOT_DIFFERENTIABLE;
	case LOSS_TARGET_RANGE:
		return API_TARGET_OUT_OF_RANGE;
	case LOSS_TARGET_NOT_INTEGER:
		return API_TARGET_NOT_INTEGER;
	case LOSS_PROB_RANGE:
		return API_PROB_OUT_OF_RANGE;
	case LOSS_EMPTY:
		return API_EMPTY_BATCH;
	case LOSS_MASKED_ROW:
		return API_MASKED_ROW;
	case LOSS_TOO_LARGE:
		return API_TOO_MANY_ELEMENTS;
	}
	return API_INTERNAL;
}

enum api_problem api_fault_memory(struct api_fault *fault, const struct api_arena *arena)
{
	enum api_problem problem = api_arena_problem(arena);

	if (problem == API_TOO_MUCH_MEMORY)
		return api_fault_set(
			fault, problem,
			"the request needs more memory than all requests together may hold");
	return api_fault_set(fault, API_MEMORY_FULL,
			     "the memory for requests is in use; try again");
}

void api_unknown_loss(char *text, size_t bytes, const char *name)
{
	const char *near = loss_nearest(name);

	if (near)
		snprintf(text, bytes, "\"%.60s\" is no loss; did you mean \"%s\"?", name, near);
	else
		snprintf(text, bytes, "\"%.60s\" is no loss; GET /v1/losses lists them", name);
}

/* ---- The document --------------------------------------------------------- */

/* A sentence that is led by its place has that in quotes. */
static const char *quote_place(const struct api_fault *fault, char room[DETAIL_BYTES_MAX])
{
	size_t bytes = strlen(fault->pointer);

	if (!*fault->detail)
		return api_problem_title(fault->problem);
	if (!fault->has_pointer || bytes == 0 || strncmp(fault->detail, fault->pointer, bytes) ||
	    fault->detail[bytes] != ':')
		return fault->detail;
	snprintf(room, DETAIL_BYTES_MAX, "\"%s\"%s", fault->pointer, fault->detail + bytes);
	return room;
}

void api_problem_write(struct api_text *text, const struct api_fault *fault)
{
	char room[DETAIL_BYTES_MAX];
	const char *detail = quote_place(fault, room);

	api_text_open(text, '{');
	api_text_key(text, "type");
	api_text_format(text, "\"" API_PROBLEM_TYPE "%s\"", api_problem_slug(fault->problem));
	text->comma = true;
	api_text_member(text, "title", api_problem_title(fault->problem));
	api_text_member_integer(text, "status", api_problem_status(fault->problem));
	api_text_member(text, "detail", detail);
	api_text_member(text, "code", api_problem_slug(fault->problem));
	if (fault->has_pointer)
		api_text_member(text, "pointer", fault->pointer);
	if (fault->has_position && fault->line) {
		api_text_member_unsigned(text, "line", fault->line);
		api_text_member_unsigned(text, "column", fault->column);
	}
	if (fault->has_position)
		api_text_member_unsigned(text, "offset", fault->offset);
	if (fault->has_limit) {
		api_text_member_unsigned(text, "limit", fault->limit);
		api_text_member_unsigned(text, "actual", fault->actual);
	}
	api_text_member(text, "error", detail);
	api_text_close(text, '}');
}

char *api_problem_document(enum api_problem problem, const char *detail, uint64_t limit,
			   uint64_t actual, size_t *bytes)
{
	char room[API_PROBLEM_BYTES_MAX];
	struct api_fault fault;
	struct api_text text;

	api_fault_set(&fault, problem, "%s", detail ? detail : "");
	if (limit || actual)
		api_fault_limit(&fault, limit, actual);
	api_text_init_fixed(&text, room, sizeof room);
	api_problem_write(&text, &fault);
	*bytes = (size_t)(text.next - text.start);

	char *copy = malloc(*bytes);
	if (copy)
		memcpy(copy, text.start, *bytes);
	return copy;
}
