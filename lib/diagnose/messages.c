/*
 * One sentence for each finding: the catalogue's `says` with its placeholders
 * filled in.  {where} is the first places, {input} a role, anything else an
 * operand, with what it counts behind it.  Where an operand is missing, the cause
 * stands alone.
 */
#include <stdarg.h>
#include <stdio.h>

#include "diagnose.h"

/* Text that is cut off where there is no more room. */
struct sentence {
	char *text;
	size_t bytes, used;
};

static void __attribute__((format(printf, 2, 3))) put(struct sentence *s, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(s->text + s->used, s->bytes - s->used, format, args);
	va_end(args);
	if (n > 0)
		s->used = s->used + (size_t)n < s->bytes ? s->used + (size_t)n : s->bytes - 1;
}

/* What a place is called. */
static const char *noun(const struct loss_eval *e, enum place_kind kind)
{
	switch (kind) {
	case PLACE_BATCH:
		return "batch";
	case PLACE_UNIT:
		return is_rowwise(e) ? "row" : e->units == e->elements ? "element" : "sample";
	case PLACE_ROW:
		return "row";
	case PLACE_SAMPLE:
		return "sample";
	case PLACE_ELEMENT:
	case PLACE_INPUT:
		break;
	}
	return "element";
}

static void put_place(struct sentence *s, const struct loss_finding *f, int64_t i)
{
	put(s, "%s", f->place_rank > 1 ? "[" : "");
	for (int axis = 0; axis < f->place_rank; axis++)
		put(s, "%s%lld", axis ? ", " : "", (long long)f->places[i * f->place_rank + axis]);
	put(s, "%s", f->place_rank > 1 ? "]" : "");
}

/* "Row 17", "Rows 3, 17 and 29", "Rows 3, 17, 29 and 12 more" */
static void put_where(struct sentence *s, const struct diagnosis *d, const struct loss_finding *f)
{
	enum place_kind kind = d->kinds[f - d->findings];
	int64_t shown = f->place_count < 3 ? f->place_count : 3;
	const char *name = noun(d->e, kind);

	if (kind == PLACE_BATCH || f->place_rank == 0) {
		put(s, "The %s%s", kind == PLACE_BATCH ? "" : "only ", name);
		return;
	}
	put(s, "%c%s%s ", name[0] - 'a' + 'A', name + 1, f->count == 1 ? "" : "s");
	for (int64_t i = 0; i < shown; i++) {
		bool last = i == shown - 1 && f->count == shown;

		put(s, "%s", i == 0 ? "" : last ? " and " : ", ");
		put_place(s, f, i);
	}
	if (f->count > shown)
		put(s, " and %lld more", (long long)(f->count - shown));
}

static void put_number(struct sentence *s, double value)
{
	if (isnan(value))
		put(s, "NaN");
	else if (isinf(value))
		put(s, "%sInfinity", value < 0 ? "-" : "");
	else
		put(s, "%.6g", value);
}

/* "rows", or "rows target" for so many targets. */
static bool put_operand(struct sentence *s, const struct loss_finding *f, const char *word,
			size_t length)
{
	const char *space = memchr(word, ' ', length);
	size_t name = space ? (size_t)(space - word) : length;

	for (int i = 0; i < f->operand_count; i++) {
		double value = f->operands[i].value;

		if (strlen(f->operands[i].name) != name ||
		    memcmp(f->operands[i].name, word, name) != 0)
			continue;
		put_number(s, value);
		put(s, "%.*s%s", (int)(length - name), word + name, space && value != 1 ? "s" : "");
		return true;
	}
	return false;
}

static bool is_word(const char *word, size_t length, const char *expected)
{
	return strlen(expected) == length && !memcmp(word, expected, length);
}

/* What stands between two braces. False if there is no such thing. */
static bool put_word(struct sentence *s, const struct diagnosis *d, const struct loss_finding *f,
		     const char *word, size_t length)
{
	if (is_word(word, length, "where"))
		put_where(s, d, f);
	else if (is_word(word, length, "input"))
		put(s, "%s", f->input == LOSS_ROLE_NONE ? "the batch" : loss_role_name(f->input));
	else
		return put_operand(s, f, word, length);
	return true;
}

static bool put_says(struct sentence *s, const struct diagnosis *d, const struct loss_finding *f)
{
	const char *at = loss_finding_at(f->code)->says;

	while (*at) {
		size_t plain = strcspn(at, "{");

		put(s, "%.*s", (int)plain, at);
		at += plain;
		if (!*at)
			break;
		size_t length = strcspn(++at, "}");

		if (!put_word(s, d, f, at, length))
			return false;
		at += length + 1;
	}
	return true;
}

void write_messages(struct diagnosis *d)
{
	for (int i = 0; i < d->finding_count; i++) {
		struct loss_finding *f = &d->findings[i];
		struct sentence s = {f->message, sizeof f->message, 0};

		if (f->message[0] || put_says(&s, d, f))
			continue;
		s.used = 0;
		put(&s, "%s", loss_finding_at(f->code)->cause);
	}
}
