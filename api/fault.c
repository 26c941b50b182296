#include "fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Problems ------------------------------------------------------------- */

static bool continues_character(char c)
{
	return ((unsigned char)c & 0xC0) == 0x80;
}

/* A text that was cut may have lost the end of its last character. */
static void cut_at_character(char *text, size_t room, int wanted)
{
	if (wanted < 0) {
		text[0] = '\0';
		return;
	}
	if ((size_t)wanted < room)
		return;
	size_t end = room - 1;
	size_t start = end;
	while (start > 0 && continues_character(text[start - 1]))
		start--;
	if (start > 0 && ((unsigned char)text[start - 1] & 0x80))
		start--;
	else
		start = end;
	/* A whole character at the very end is lost too: no harm. */
	text[start] = '\0';
}

enum api_problem api_fault_set(struct api_fault *fault, enum api_problem problem,
			       const char *format, ...)
{
	if (!fault)
		return problem;
	*fault = (struct api_fault){.problem = problem};
	va_list args;
	va_start(args, format);
	int wanted = vsnprintf(fault->detail, sizeof(fault->detail), format, args);
	va_end(args);
	cut_at_character(fault->detail, sizeof(fault->detail), wanted);
	return problem;
}

void api_fault_limit(struct api_fault *fault, uint64_t limit, uint64_t actual)
{
	if (!fault)
		return;
	fault->limit = limit;
	fault->actual = actual;
	fault->has_limit = true;
}

/* ---- Pointers ------------------------------------------------------------- */

void api_fault_pointer(struct api_fault *fault, const char *format, ...)
{
	if (!fault)
		return;
	va_list args;
	va_start(args, format);
	int wanted = vsnprintf(fault->pointer, sizeof(fault->pointer), format, args);
	va_end(args);
	cut_at_character(fault->pointer, sizeof(fault->pointer), wanted);
	fault->has_pointer = true;
}

static void put_before(struct api_fault *fault, const char *step)
{
	char tail[sizeof(fault->pointer)];

	memcpy(tail, fault->pointer, sizeof(tail)); /* "" if there was none */
	api_fault_pointer(fault, "%s%s", step, tail);
}

void api_fault_inside(struct api_fault *fault, const char *name)
{
	if (!fault)
		return;
	char step[sizeof(fault->pointer)] = "/";
	size_t length = 1;
	for (; *name && length + 2 < sizeof(step); name++) {
		if (*name == '~' || *name == '/') {
			step[length++] = '~';
			step[length++] = *name == '~' ? '0' : '1';
		} else {
			step[length++] = *name;
		}
	}
	step[length] = '\0';
	put_before(fault, step);
}

void api_fault_inside_item(struct api_fault *fault, uint64_t index)
{
	if (!fault)
		return;
	char step[32];
	snprintf(step, sizeof(step), "/%llu", (unsigned long long)index);
	put_before(fault, step);
}

/* ---- Positions ------------------------------------------------------------ */

void api_fault_position(struct api_fault *fault, const char *text, size_t bytes, size_t offset)
{
	if (!fault)
		return;
	uint64_t line = 1, column = 1;
	for (size_t i = 0; i < offset && i < bytes; i++) {
		if (text[i] == '\n') {
			line++;
			column = 1;
		} else if (!continues_character(text[i])) {
			column++;
		}
	}
	fault->line = line;
	fault->column = column;
	fault->offset = offset;
	fault->has_position = true;
}

void api_fault_offset(struct api_fault *fault, uint64_t offset)
{
	if (!fault)
		return;
	fault->line = fault->column = 0;
	fault->offset = offset;
	fault->has_position = true;
}
