/* JSON text on an arena, piece by piece. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

enum {
	FIRST_PIECE_BYTES = 1024,
	LARGEST_PIECE_BYTES = 32 << 10,
	JOINED_BYTES_MAX = 32 << 10, /* to copy that is less than to send pieces */
};

void api_text_init(struct api_text *text, struct api_arena *arena)
{
	*text = (struct api_text){.arena = arena};
}

void api_text_init_fixed(struct api_text *text, char *room, size_t bytes)
{
	*text = (struct api_text){0};
	text->start = text->next = room;
	text->end = room + bytes;
}

/* ---- Pieces --------------------------------------------------------------- */

static void add_slice(struct api_text *text, const char *data, size_t bytes)
{
	if (text->failed || bytes == 0)
		return;
	if (text->slice_count == text->slice_room) {
		size_t room = text->slice_room ? 2 * text->slice_room : 8;
		void *slices = api_arena_grow(text->arena, text->slices, text->slice_count,
					      text->slice_room, room, sizeof *text->slices);

		if (!slices) {
			text->failed = true;
			return;
		}
		text->slices = slices;
		text->slice_room = room;
	}
	text->slices[text->slice_count++] = (struct api_slice){data, bytes};
	text->bytes += bytes;
}

/* What has been written since the last slice becomes one; the rest of the
 * piece's room stays in use. */
static void finish_slice(struct api_text *text)
{
	add_slice(text, text->start, (size_t)(text->next - text->start));
	text->start = text->next;
}

static void next_piece(struct api_text *text)
{
	if (!text->arena) {
		text->failed = true;
		return;
	}
	finish_slice(text);

	size_t bytes = text->bytes < FIRST_PIECE_BYTES ? FIRST_PIECE_BYTES : text->bytes;
	if (bytes > LARGEST_PIECE_BYTES)
		bytes = LARGEST_PIECE_BYTES;

	char *room = api_arena_alloc(text->arena, bytes);
	if (!room) {
		text->failed = true;
		return;
	}
	text->start = text->next = room;
	text->end = room + bytes;
}

static void copy_slices(const struct api_text *text, char *to)
{
	for (size_t i = 0; i < text->slice_count; i++) {
		memcpy(to, text->slices[i].data, text->slices[i].bytes);
		to += text->slices[i].bytes;
	}
}

/* A small text becomes one slice. */
static void join(struct api_text *text)
{
	char *joined;

	if (text->failed || text->slice_count < 2 || text->bytes > JOINED_BYTES_MAX)
		return;
	joined = api_arena_alloc(text->arena, text->bytes);
	if (!joined) {
		text->failed = true;
		return;
	}
	copy_slices(text, joined);
	text->slices[0] = (struct api_slice){joined, text->bytes};
	text->slice_count = 1;
}

bool api_text_end(struct api_text *text, const struct api_slice **slices, size_t *count,
		  size_t *bytes)
{
	finish_slice(text);
	join(text);
	if (text->failed)
		return false;
	*slices = text->slices;
	*count = text->slice_count;
	*bytes = text->bytes;
	return true;
}

char *api_text_copy(struct api_text *text, size_t *bytes)
{
	char *copy;

	finish_slice(text);
	copy = text->failed ? NULL : malloc(text->bytes + 1);
	if (!copy)
		return NULL;
	copy_slices(text, copy);
	copy[text->bytes] = '\0';
	if (bytes)
		*bytes = text->bytes;
	return copy;
}

/* ---- Bytes ---------------------------------------------------------------- */

void api_text_raw(struct api_text *text, const char *data, size_t bytes)
{
	while (bytes > 0 && !text->failed) {
		size_t room = (size_t)(text->end - text->next);
		size_t part = bytes < room ? bytes : room;

		if (part == 0) {
			next_piece(text);
			continue;
		}
		memcpy(text->next, data, part);
		text->next += part;
		data += part;
		bytes -= part;
	}
}

static void put(struct api_text *text, const char *string)
{
	api_text_raw(text, string, strlen(string));
}

void api_text_format(struct api_text *text, const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof line)
		text->failed = true;
	else
		api_text_raw(text, line, (size_t)n);
}

void api_text_slices(struct api_text *text, const struct api_slice *slices, size_t count)
{
	if (text->comma)
		put(text, ",");
	finish_slice(text);
	for (size_t i = 0; i < count; i++)
		add_slice(text, slices[i].data, slices[i].bytes);
	text->comma = true;
}

/* ---- JSON ----------------------------------------------------------------- */

/* Every value and key begins here. */
static void begin(struct api_text *text)
{
	if (text->comma)
		api_text_raw(text, ",", 1);
	text->comma = true;
}

void api_text_open(struct api_text *text, char bracket)
{
	begin(text);
	api_text_raw(text, &bracket, 1);
	text->comma = false;
}

void api_text_close(struct api_text *text, char bracket)
{
	api_text_raw(text, &bracket, 1);
	text->comma = true;
}

static size_t plain_bytes(const char *string)
{
	size_t n = 0;

	while ((unsigned char)string[n] >= 0x20 && (unsigned char)string[n] < 0x80 &&
	       string[n] != '"' && string[n] != '\\')
		n++;
	return n;
}

/* Bytes of the UTF-8 character that stands here, 0 if none does: a quotation
 * from a request may have been cut in the middle of one. */
static size_t character_bytes(const char *string)
{
	const unsigned char *s = (const unsigned char *)string;
	size_t n = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;

	if (s[0] < 0xC2 || s[0] > 0xF4)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xC0) != 0x80)
			return 0;
	if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) ||
	    (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
		return 0;
	return n;
}

static void put_escaped(struct api_text *text, unsigned char byte)
{
	static const char shorts[] = "\"\"\\\\\nn\tt\rr";
	char escape[8];

	if (byte >= 0x80) {
		put(text, "\\ufffd");
		return;
	}
	for (const char *at = shorts; *at; at += 2)
		if ((unsigned char)*at == byte) {
			snprintf(escape, sizeof escape, "\\%c", at[1]);
			put(text, escape);
			return;
		}
	snprintf(escape, sizeof escape, "\\u%04x", byte);
	put(text, escape);
}

static void put_quoted(struct api_text *text, const char *string)
{
	api_text_raw(text, "\"", 1);
	for (;;) {
		size_t plain = plain_bytes(string);

		api_text_raw(text, string, plain);
		string += plain;
		if (!*string)
			break;

		size_t character = character_bytes(string);
		if (character > 0) {
			api_text_raw(text, string, character);
			string += character;
			continue;
		}
		put_escaped(text, (unsigned char)*string++);
	}
	api_text_raw(text, "\"", 1);
}

void api_text_key(struct api_text *text, const char *key)
{
	begin(text);
	put_quoted(text, key);
	api_text_raw(text, ":", 1);
	text->comma = false;
}

void api_text_string(struct api_text *text, const char *value)
{
	begin(text);
	put_quoted(text, value);
}

void api_text_json(struct api_text *text, const char *json)
{
	begin(text);
	put(text, json);
}

void api_text_bool(struct api_text *text, bool value)
{
	api_text_json(text, value ? "true" : "false");
}

void api_text_null(struct api_text *text)
{
	api_text_json(text, "null");
}

void api_text_integer(struct api_text *text, int64_t value)
{
	char digits[24];

	snprintf(digits, sizeof digits, "%lld", (long long)value);
	api_text_json(text, digits);
}

void api_text_unsigned(struct api_text *text, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
	api_text_json(text, digits);
}

void api_text_real(struct api_text *text, double value)
{
	char number[API_NUMBER_BYTES_MAX];

	begin(text);
	api_text_raw(text, number, api_number_write(number, LOSS_FLOAT64, &value, text->nonfinite));
}

/* ---- Members -------------------------------------------------------------- */

void api_text_member(struct api_text *text, const char *key, const char *value)
{
	api_text_key(text, key);
	api_text_string(text, value);
}

void api_text_member_json(struct api_text *text, const char *key, const char *json)
{
	api_text_key(text, key);
	api_text_json(text, json);
}

void api_text_member_bool(struct api_text *text, const char *key, bool value)
{
	api_text_key(text, key);
	api_text_bool(text, value);
}

void api_text_member_integer(struct api_text *text, const char *key, int64_t value)
{
	api_text_key(text, key);
	api_text_integer(text, value);
}

void api_text_member_unsigned(struct api_text *text, const char *key, uint64_t value)
{
	api_text_key(text, key);
	api_text_unsigned(text, value);
}

void api_text_member_real(struct api_text *text, const char *key, double value)
{
	api_text_key(text, key);
	api_text_real(text, value);
}

void api_text_member_open(struct api_text *text, const char *key, char bracket)
{
	api_text_key(text, key);
	api_text_open(text, bracket);
}

void api_text_member_shape(struct api_text *text, const char *key, int rank, const int64_t *shape)
{
	api_text_member_open(text, key, '[');
	for (int axis = 0; axis < rank; axis++)
		api_text_integer(text, shape[axis]);
	api_text_close(text, ']');
}
