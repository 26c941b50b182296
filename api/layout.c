/* JSON text, laid out to be read and compared by people. */
#include <string.h>

#include "describe.h"

enum { LINE_BYTES = 96, INDENT = 2 };

static const char *skip_string(const char *json)
{
	for (json++; *json != '"'; json++)
		json += *json == '\\';
	return json + 1;
}

static const char *skip_value(const char *json)
{
	int depth = 0;

	if (*json == '"')
		return skip_string(json);
	if (*json != '{' && *json != '[')
		return json + strcspn(json, ",]}");
	do {
		if (*json == '"') {
			json = skip_string(json);
			continue;
		}
		depth += (*json == '{' || *json == '[') - (*json == '}' || *json == ']');
		json++;
	} while (depth > 0);
	return json;
}

static const char *skip_space(const char *json)
{
	return json + strspn(json, " \t\r\n");
}

static void put_line(struct api_text *text, const char *json, const char *end)
{
	while (json < end) {
		const char *next = *json == '"' ? skip_string(json) : json + 1;

		api_text_raw(text, json, (size_t)(next - json));
		if (*json == ',' || *json == ':')
			api_text_raw(text, " ", 1);
		json = skip_space(next);
	}
}

static void put_break(struct api_text *text, int indent)
{
	api_text_raw(text, "\n", 1);
	for (int i = 0; i < indent; i++)
		api_text_raw(text, " ", 1);
}

/* The value that starts here, in a line of which `used` bytes are taken. */
static const char *put_value(struct api_text *text, const char *json, int indent, size_t used)
{
	const char *end = skip_value(json);
	bool is_object = *json == '{';

	if ((!is_object && *json != '[') || used + (size_t)(end - json) <= LINE_BYTES) {
		put_line(text, json, end);
		return end;
	}
	api_text_raw(text, json, 1);
	json = skip_space(json + 1);
	for (;;) {
		const char *start = json;

		put_break(text, indent + INDENT);
		if (is_object) {
			json = skip_space(skip_space(skip_string(json)) + 1);
			put_line(text, start, json);
		}
		json = put_value(text, json, indent + INDENT,
				 (size_t)(indent + INDENT) + (size_t)(json - start));
		json = skip_space(json);
		if (*json != ',')
			break;
		api_text_raw(text, json, 1);
		json = skip_space(json + 1);
	}
	put_break(text, indent);
	api_text_raw(text, json, 1);
	return end;
}

void api_layout_json(struct api_text *text, const char *json)
{
	put_value(text, skip_space(json), 0, 0);
	api_text_raw(text, "\n", 1);
}
