/* One sentence for each finding, with its numbers in it. */
#include <stdio.h>

#include "diagnose.h"

/* "Row 17", "Rows 3, 17 and 29", "Rows 3, 17, 29 and 12 more" */
static void write_where(char *buf, size_t bytes, const struct loss_finding *f, const char *one,
			const char *many)
{
	size_t n = (size_t)snprintf(buf, bytes, "%s ", f->count == 1 ? one : many);
	int64_t shown = f->place_count < 3 ? f->place_count : 3;

	for (int64_t i = 0; i < shown && n < bytes; i++) {
		bool last = i == shown - 1 && f->count == shown;

		n += (size_t)snprintf(buf + n, bytes - n, "%s%s",
				      i == 0 ? ""
				      : last ? " and "
					     : ", ",
				      f->place_rank > 1 ? "[" : "");
		for (int axis = 0; axis < f->place_rank && n < bytes; axis++)
			n += (size_t)snprintf(buf + n, bytes - n, "%s%lld", axis ? ", " : "",
					      (long long)f->places[i * f->place_rank + axis]);
		if (f->place_rank > 1 && n < bytes)
			n += (size_t)snprintf(buf + n, bytes - n, "]");
	}
	if (f->count > shown && n < bytes)
		snprintf(buf + n, bytes - n, " and %lld more", (long long)(f->count - shown));
}

/* The finding's own words behind the place; NULL: its cause from the catalogue. */
static const char *sentence(const struct loss_finding *f)
{
	switch (f->code) {
	case LOSS_FINDING_ALL_MASKED_ROW:
		return "every logit is -Infinity, so softmax is 0/0.";
	case LOSS_FINDING_TARGET_AT_MASKED_CLASS:
		return "the target is a class of probability 0, so the loss is Infinity.";
	case LOSS_FINDING_LOG_ZERO:
		return "the log of a probability of exactly 0 was used.";
	case LOSS_FINDING_LOG_FLOORED:
		return "the clamp of the log at -100 decided the value.";
	case LOSS_FINDING_GRADIENT_FLOORED:
		return "the floor 1e-12 under p (1 - p) decided the gradient.";
	case LOSS_FINDING_ZERO_TIMES_INF:
		return "a weight or target of 0 met an infinite log; the term was skipped, where a "
		       "product would be NaN.";
	case LOSS_FINDING_DEGENERATE_BETA:
		return "all targets are of one class, so the balance leaves neither loss nor "
		       "gradient.";
	case LOSS_FINDING_GRADIENT_NONFINITE:
		return "the gradient is NaN or infinite.";
	case LOSS_FINDING_NARROWING_OVERFLOW:
		return "finite as written and infinite in the dtype.";
	case LOSS_FINDING_DIV_ZERO:
		return "the denominator is 0.";
	default:
		return NULL;
	}
}

static const char *noun(const struct diagnosis *d, const struct loss_finding *f, bool many)
{
	switch (d->kinds[f - d->findings]) {
	case PLACE_SAMPLE:
		return many ? "Samples" : "Sample";
	case PLACE_UNIT:
		return many ? "Rows" : "Row";
	case PLACE_ELEMENT:
	case PLACE_BATCH:
		break;
	}
	return many ? "Elements" : "Element";
}

static void write_message(const struct diagnosis *d, struct loss_finding *f)
{
	const struct loss_finding_row *row = loss_finding_at(f->code);
	const char *words = sentence(f);
	char where[160];

	if (f->place_rank == 0 || f->place_count == 0) {
		snprintf(f->message, sizeof f->message, "%s", row->cause);
		return;
	}
	write_where(where, sizeof where, f, noun(d, f, false), noun(d, f, true));
	if (words)
		snprintf(f->message, sizeof f->message, "%s: %s", where, words);
	else
		snprintf(f->message, sizeof f->message, "%s of %s: %s", where,
			 f->input == LOSS_ROLE_NONE ? "the batch" : loss_role_name(f->input),
			 f->code == LOSS_FINDING_INPUT_NAN       ? "NaN."
			 : f->code == LOSS_FINDING_INPUT_POS_INF ? "+Infinity."
			 : f->code == LOSS_FINDING_INPUT_NEG_INF ? "-Infinity."
								 : row->cause);
}

void write_messages(struct diagnosis *d)
{
	for (int i = 0; i < d->finding_count; i++)
		write_message(d, &d->findings[i]);
}
