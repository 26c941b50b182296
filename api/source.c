/* JSON pointers from linked steps, and faults that carry them. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "source.h"

struct path {
	char *text;
	size_t bytes;
	bool full;
};

/* A step goes in whole or not at all. */
static void add_step(struct path *path, const char *step, size_t bytes)
{
	if (path->full || path->bytes + 1 + bytes >= API_SOURCE_BYTES_MAX) {
		path->full = true;
		return;
	}
	path->text[path->bytes++] = '/';
	memcpy(path->text + path->bytes, step, bytes);
	path->bytes += bytes;
	path->text[path->bytes] = '\0';
}

static void add_name(struct path *path, const char *name)
{
	char step[API_SOURCE_BYTES_MAX];
	size_t n = 0;

	for (; *name && n < sizeof step - 2; name++) {
		if (*name == '~' || *name == '/') {
			step[n++] = '~';
			step[n++] = *name == '~' ? '0' : '1';
		} else {
			step[n++] = *name;
		}
	}
	path->full = path->full || *name;
	add_step(path, step, n);
}

static void add_place(struct path *path, const struct api_source_place *place, const char *name)
{
	while (place->name && strcmp(place->name, name))
		place++;
	if (!place->pointer) {
		add_name(path, name);
		return;
	}
	add_step(path, place->pointer + 1, strlen(place->pointer + 1));
	path->full = path->full || place->is_whole;
}

static void add_source(struct path *path, const struct api_source *source)
{
	char digits[24];

	if (!source->parent)
		return;
	if (source->parent->places && source->name) {
		add_place(path, source->parent->places, source->name);
		return;
	}
	add_source(path, source->parent);
	if (source->name) {
		add_name(path, source->name);
		return;
	}
	int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)source->index);
	add_step(path, digits, (size_t)n);
}

const char *api_source_path(const struct api_source *source, char path[API_SOURCE_BYTES_MAX])
{
	struct path made = {.text = path};

	path[0] = '\0';
	add_source(&made, source);
	return path;
}

enum api_problem api_source_fail_at(const struct api_source *source, const char *tail,
				    struct api_fault *fault, enum api_problem problem,
				    const char *text)
{
	char path[API_SOURCE_BYTES_MAX];

	api_source_path(source, path);
	if (*path || *tail)
		api_fault_set(fault, problem, "%s%s: %s", path, tail, text);
	else
		api_fault_set(fault, problem, "%s", text);
	api_fault_pointer(fault, "%s%s", path, tail);
	return problem;
}

enum api_problem api_source_fail(const struct api_source *source, struct api_fault *fault,
				 enum api_problem problem, const char *format, ...)
{
	char text[640]; /* longer than a detail, which is cut at a character */
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return api_source_fail_at(source, "", fault, problem, text);
}

enum api_problem api_source_fail_member(const struct api_source *source, const char *name,
					struct api_fault *fault, enum api_problem problem,
					const char *format, ...)
{
	const struct api_source member = {.parent = source, .name = name};
	char text[640]; /* longer than a detail, which is cut at a character */
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return api_source_fail_at(&member, "", fault, problem, text);
}
