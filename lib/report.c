/* What only the data could show: the count and the first places, found again
 * when the call has failed anyway. */
#include <stdio.h>

#include "loss_impl.h"

enum { PLACES_MAX = 8 };

/* Places of failing elements, collected in index order. */
struct places {
	int64_t count;
	int64_t first[PLACES_MAX];
};

static void places_add(struct places *places, int64_t index)
{
	if (places->count < PLACES_MAX)
		places->first[places->count] = index;
	places->count++;
}

/* "3 of them, at /4, /17, /30" and the pointer of the first. */
static void describe(const struct places *places, int rank, const int64_t *shape, char *text,
		     size_t bytes, struct loss_error *err)
{
	char pointer[96];
	size_t n = 0;

	text[0] = '\0';
	for (int64_t i = 0; i < places->count && i < PLACES_MAX && n < bytes; i++) {
		loss_index_pointer(pointer, sizeof pointer, rank, shape, places->first[i]);
		n += (size_t)snprintf(text + n, bytes - n, "%s%s", i ? ", " : "", pointer);
	}
	if (places->count > PLACES_MAX && n < bytes)
		snprintf(text + n, bytes - n, ", ...");
	if (err)
		loss_index_pointer(err->at, sizeof err->at, rank, shape, places->first[0]);
}

enum loss_code loss_report_bad_index(const struct loss_eval *e, struct loss_error *err)
{
	const int64_t *y = e->in[1].data;
	struct places places = {0};
	char text[200];

	for (int64_t i = 0; i < e->in[1].count; i++)
		if ((y[i] != e->ignore_index || y[i] == INT64_MIN) && (y[i] < 0 || y[i] >= e->c))
			places_add(&places, i);
	if (!err)
		return LOSS_TARGET_RANGE;
	describe(&places, e->in[1].rank, e->in[1].shape, text, sizeof text, err);
	char at[sizeof err->at];

	memcpy(at, err->at, sizeof at);
	if (e->c == 0)
		loss_fail(err, LOSS_TARGET_RANGE, loss_role_name(LOSS_ROLE_TARGETS),
			  "%lld, but %s has no classes; %lld out of range, at %s",
			  (long long)y[places.first[0]], loss_role_name(e->form),
			  (long long)places.count, text);
	else
		loss_fail(err, LOSS_TARGET_RANGE, loss_role_name(LOSS_ROLE_TARGETS),
			  "%lld, expected a class index from 0 to %lld; %lld out of range, at %s",
			  (long long)y[places.first[0]], (long long)(e->c - 1),
			  (long long)places.count, text);
	memcpy(err->at, at, sizeof at);
	return LOSS_TARGET_RANGE;
}

/* ---- Values that no loss has --------------------------------------------- */

struct value_scan {
	struct loss_scan scan;
	struct places probs, vars;
};

static void value_hit(struct loss_scan *scan, enum loss_event event, int64_t element)
{
	struct value_scan *values = (struct value_scan *)scan;

	if (event == LOSS_EVENT_BAD_PROB)
		places_add(&values->probs, element);
	if (event == LOSS_EVENT_BAD_VAR)
		places_add(&values->vars, element);
}

static double value_at(const struct loss_eval *e, int input, int64_t index)
{
	const void *data = e->in[input].data;

	return e->spec.dtype == LOSS_FLOAT32 ? (double)((const float *)data)[index]
					     : ((const double *)data)[index];
}

static enum loss_code report_values(const struct loss_eval *e, int input, enum loss_code code,
				    const char *expected, const struct places *places,
				    struct loss_error *err)
{
	const struct loss_operand *operand = &e->in[input];
	char text[200], at[sizeof err->at];

	if (!err)
		return code;
	describe(places, operand->rank, operand->shape, text, sizeof text, err);
	memcpy(at, err->at, sizeof at);
	loss_fail(err, code, loss_role_name(input ? operand->row->role : e->form),
		  "%.9g, expected %s; %lld out of range, at %s",
		  value_at(e, input, places->first[0]), expected, (long long)places->count, text);
	memcpy(err->at, at, sizeof at);
	return code;
}

/* The places of a variance in its own shape, where one that counts is negative. */
static enum loss_code report_var(const struct loss_eval *e, int input, struct loss_error *err)
{
	struct places places = {0};

	for (int64_t i = 0; i < e->in[input].count; i++)
		if (value_at(e, input, i) < 0)
			places_add(&places, i);
	return report_values(e, input, LOSS_NEGATIVE_VALUE, "a variance of 0 or more", &places,
			     err);
}

enum loss_code loss_report_bad_values(const struct loss_eval *e, struct loss_error *err)
{
	int var = loss_input_find(e->spec.loss, LOSS_ROLE_VAR);
	struct value_scan values = {.scan.hit = value_hit};

	if ((e->form != LOSS_ROLE_PROBS && var < 0) || !e->kernels->scan[e->form])
		return LOSS_OK;
	for (int64_t b = 0; b < loss_ceil_div(e->block_total, e->block_units); b++)
		e->kernels->scan[e->form](e, b, &values.scan);
	if (values.probs.count)
		return report_values(e, 0, LOSS_PROB_RANGE, "a probability from 0 to 1",
				     &values.probs, err);
	return values.vars.count ? report_var(e, var, err) : LOSS_OK;
}

/* ---- Masked rows ---------------------------------------------------------- */

enum loss_code loss_report_masked_row(const struct loss_eval *e, struct loss_error *err)
{
	struct places places = {0};
	char text[200], at[sizeof err->at];

	for (int64_t row = 0; row < e->n * e->d; row++) {
		int64_t first = row / e->d * e->c * e->d + row % e->d;
		bool masked = e->c > 0;

		for (int64_t k = 0; k < e->c && masked; k++) {
			int64_t i = first + k * e->d;

			masked = e->spec.dtype == LOSS_FLOAT32
					 ? ((const float *)e->in[0].data)[i] == -INFINITY
					 : ((const double *)e->in[0].data)[i] == -INFINITY;
		}
		if (masked)
			places_add(&places, row);
	}
	if (!err)
		return LOSS_MASKED_ROW;
	describe(&places, e->unit_rank, e->unit_shape, text, sizeof text, err);
	memcpy(at, err->at, sizeof at);
	loss_fail(err, LOSS_MASKED_ROW, loss_role_name(LOSS_ROLE_LOGITS),
		  "every logit is -Infinity in %lld row%s, at %s, and on_masked_row is error",
		  (long long)places.count, places.count == 1 ? "" : "s", text);
	memcpy(err->at, at, sizeof at);
	return LOSS_MASKED_ROW;
}
