/*
 * One sentence for each finding: the catalogue's `says` with its placeholders
 * filled in.  {where} is the first places, {input} a role, anything else an
 * operand.  Where an operand is missing, the cause stands alone.
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

static const char *noun(enum place_kind kind, bool many)
{
	static const char *const nouns[][2] = {
		[PLACE_BATCH] = {"batch", "batches"},
		[PLACE_UNIT] = {"row", "rows"},
		[PLACE_ROW] = {"row", "rows"},
		[PLACE_INPUT] = {"element", "elements"},
		[PLACE_ELEMENT] = {"element", "elements"},
		[PLACE_SAMPLE] = {"sample", "samples"},
	};

	return nouns[kind][many];
}

static void put_place(struct sentence *s, const struct loss_finding *f, int64_t i)
{
	put(s, "%s", f->place_rank > 1 ? "[" : "");
	for (int axis = 0; axis < f->place_rank; axis++)
		put(s, "%s%lld", axis ? ", " : "", (long long)f->places[i * f->place_rank + axis]);
	put(s, "%s", f->place_rank > 1 ? "]" : "");
}

/* "Row 17", "Rows 3, 17 and 29", "Rows 3, 17, 29 and 12 more" */
static void put_where(struct sentence *s, const struct loss_finding *f, enum place_kind kind)
{
	int64_t shown = f->place_count < 3 ? f->place_count : 3;
	const char *name = noun(kind, f->count != 1);

	if (kind == PLACE_BATCH || f->place_rank == 0) {
		put(s, "The %s%s", kind == PLACE_BATCH ? "" : "only ", noun(kind, false));
		return;
	}
	put(s, "%c%s ", name[0] - 'a' + 'A', name + 1);
	for (int64_t i = 0; i < shown; i++) {
		bool last = i == shown - 1 && f->count == shown;

		put(s, "%s", i == 0 ? "" : last ? " and " : ", ");
		put_place(s, f, i);
	}
	if (f->count > shown)
		put(s, " and %lld more", (long long)(f->count - shown));
}

static bool put_operand(struct sentence *s, const struct loss_finding *f, const char *name,
			size_t length)
{
	for (int i = 0; i < f->operand_count; i++) {
		const char *other = f->operands[i].name;

		if (strlen(other) != length || memcmp(other, name, length) != 0)
			continue;
		if (isnan(f->operands[i].value))
			put(s, "NaN");
		else if (isinf(f->operands[i].value))
			put(s, "%sInfinity", f->operands[i].value < 0 ? "-" : "");
		else
			put(s, "%.6g", f->operands[i].value);
		return true;
	}
	return false;
}

/* What stands between two braces. False if there is no such thing. */
static bool put_word(struct sentence *s, const struct loss_finding *f, enum place_kind kind,
		     const char *word, size_t length)
{
	if (length == 5 && !memcmp(word, "where", 5)) {
		put_where(s, f, kind);
		return true;
	}
	if (length == 5 && !memcmp(word, "input", 5)) {
		put(s, "%s", f->input == LOSS_ROLE_NONE ? "the batch" : loss_role_name(f->input));
		return true;
	}
	return put_operand(s, f, word, length);
}

static bool put_says(struct sentence *s, const struct loss_finding *f, enum place_kind kind,
		     const char *says)
{
	for (const char *at = says; *at;) {
		size_t plain = strcspn(at, "{");

		put(s, "%.*s", (int)plain, at);
		at += plain;
		if (!*at)
			break;
		size_t length = strcspn(++at, "}");

		if (!put_word(s, f, kind, at, length))
			return false;
		at += length + 1;
	}
	return true;
}

void write_messages(struct diagnosis *d)
{
	for (int i = 0; i < d->finding_count; i++) {
		struct loss_finding *f = &d->findings[i];
		const struct loss_finding_row *row = loss_finding_at(f->code);
		struct sentence s = {f->message, sizeof f->message, 0};

		if (f->message[0] || put_says(&s, f, d->kinds[i], row->says))
			continue;
		s.used = 0;
		put(&s, "%s", row->cause);
	}
}
