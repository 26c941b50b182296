/* Schemas from a short notation; see describe.h. */
#include <stdio.h>
#include <string.h>

#include "describe.h"

/* The end of an alternative: the next '|' outside brackets and quotes, or `end`. */
static const char *alternative_end(const char *at, const char *end)
{
	int depth = 0;

	for (; at < end; at++) {
		if (*at == '\'')
			at = strchr(at + 1, '\'');
		else if (*at == '[' || *at == '{')
			depth++;
		else if (*at == ']' || *at == '}')
			depth--;
		else if (*at == '|' && depth == 0)
			break;
	}
	return at;
}

static void write_members(struct api_text *text, const char *at, const char *end);

static void write_inner(struct api_text *text, const char *type, const char *key, const char *at,
			const char *end)
{
	api_text_member(text, "type", type);
	api_text_member_open(text, key, '{');
	write_members(text, at + 1, end - 1);
	api_text_close(text, '}');
}

/* One alternative without quotes, as the members of a schema. */
static void write_one(struct api_text *text, const char *at, const char *end)
{
	char name[80];
	int bytes = (int)(end - at);

	if (*at == '[') {
		write_inner(text, "array", "items", at, end);
	} else if (*at == '{') {
		write_inner(text, "object", "additionalProperties", at, end);
	} else if (*at >= 'A' && *at <= 'Z') {
		snprintf(name, sizeof name, "#/components/schemas/%.*s", bytes, at);
		api_text_member(text, "$ref", name);
	} else {
		snprintf(name, sizeof name, "%.*s", bytes, at);
		api_text_member(text, "type", name);
	}
}

static void write_enum(struct api_text *text, const char *at, const char *end)
{
	char value[80];

	api_text_member_open(text, "enum", '[');
	for (const char *stop; at < end; at = stop + 1) {
		stop = alternative_end(at, end);
		if (*at != '\'')
			continue;
		snprintf(value, sizeof value, "%.*s", (int)(stop - at - 2), at + 1);
		api_text_string(text, value);
	}
	api_text_close(text, ']');
}

static void write_any(struct api_text *text, const char *at, const char *end, bool has_quoted)
{
	api_text_member_open(text, "anyOf", '[');
	for (const char *stop, *from = at; from < end; from = stop + 1) {
		stop = alternative_end(from, end);
		if (*from == '\'')
			continue;
		api_text_open(text, '{');
		write_one(text, from, stop);
		api_text_close(text, '}');
	}
	if (has_quoted) {
		api_text_open(text, '{');
		write_enum(text, at, end);
		api_text_close(text, '}');
	}
	api_text_close(text, ']');
}

static void write_members(struct api_text *text, const char *at, const char *end)
{
	int quoted = 0, others = 0;

	for (const char *stop, *from = at; from < end; from = stop + 1) {
		stop = alternative_end(from, end);
		quoted += *from == '\'';
		others += *from != '\'';
	}
	if (others == 0)
		write_enum(text, at, end);
	else if (others == 1 && quoted == 0)
		write_one(text, at, end);
	else
		write_any(text, at, end, quoted > 0);
}

void api_schema_open(struct api_text *text, const char *notation, const char *doc)
{
	api_text_open(text, '{');
	if (doc && *doc)
		api_text_member(text, "description", doc);
	write_members(text, notation, notation + strlen(notation));
}

void api_schema_write(struct api_text *text, const char *notation, const char *doc)
{
	api_schema_open(text, notation, doc);
	api_text_close(text, '}');
}

void api_schema_member(struct api_text *text, const char *name, const char *notation,
		       const char *doc)
{
	api_text_key(text, name);
	api_schema_write(text, notation, doc);
}
