/* Findings about single terms: the events that the loss's own math raises. */
#include "diagnose.h"

static const enum loss_finding_code codes[LOSS_EVENT_COUNT] = {
	[LOSS_EVENT_LOG_FLOORED] = LOSS_FINDING_LOG_FLOORED,
	[LOSS_EVENT_LOG_ZERO] = LOSS_FINDING_LOG_ZERO,
	[LOSS_EVENT_ZERO_TIMES_INF] = LOSS_FINDING_ZERO_TIMES_INF,
	[LOSS_EVENT_GRADIENT_FLOORED] = LOSS_FINDING_GRADIENT_FLOORED,
	[LOSS_EVENT_EXP_OVERFLOW] = LOSS_FINDING_EXP_OVERFLOW,
	[LOSS_EVENT_INF_MINUS_INF] = LOSS_FINDING_INF_MINUS_INF,
	[LOSS_EVENT_DOMAIN] = LOSS_FINDING_DOMAIN,
	[LOSS_EVENT_BOX_INVERTED] = LOSS_FINDING_BOX_INVERTED,
	[LOSS_EVENT_TARGET_AT_MASKED] = LOSS_FINDING_TARGET_AT_MASKED_CLASS,
};

struct term_scan {
	struct loss_scan scan;
	struct diagnosis *d;
	struct loss_finding *found[LOSS_EVENT_COUNT];
	uint32_t causes[LOSS_EVENT_COUNT]; /* what was there before */
};

/* A probability has no mask: 0 is the log of it. */
static enum loss_finding_code code_of(const struct loss_eval *e, enum loss_event event)
{
	if (event == LOSS_EVENT_TARGET_AT_MASKED && e->form == LOSS_ROLE_PROBS)
		return LOSS_FINDING_LOG_ZERO;
	return codes[event];
}

/* An infinity that came in has not overflowed here; rows.c tells of rows. */
static bool is_elsewhere(const struct loss_eval *e, enum loss_event event, int64_t element)
{
	return event == LOSS_EVENT_BAD_PROB || event == LOSS_EVENT_BAD_VAR ||
	       (event == LOSS_EVENT_TARGET_AT_MASKED && e->spec.loss->impl->is_bounded) ||
	       (event == LOSS_EVENT_GRADIENT_FLOORED && !e->out.gradients[0]) ||
	       (event == LOSS_EVENT_EXP_OVERFLOW && has_element_targets(e) &&
		!isfinite(real_at(e, e->in[1].data, element)));
}

static void hit(struct loss_scan *scan, enum loss_event event, int64_t element)
{
	struct term_scan *terms = (struct term_scan *)scan;
	struct diagnosis *d = terms->d;

	if (is_elsewhere(d->e, event, element))
		return;
	if (!terms->found[event])
		terms->found[event] =
			finding_begin(d, code_of(d->e, event), d->e->form, PLACE_ELEMENT);
	terms->causes[event] |= d->causes[slot_of(d->e, element)];
	finding_hit(d, terms->found[event], element);
}

/* Every input at the first place. */
static void describe(struct diagnosis *d, struct loss_finding *finding)
{
	const struct loss_eval *e = d->e;
	int64_t at = finding_first(d, finding);

	for (int i = 0; i < e->in_count; i++) {
		const struct loss_operand *operand = &e->in[i];
		const char *name = loss_role_name(role_of(e, i));
		int64_t index = operand->row->shape == LOSS_SHAPE_UNITS ? unit_of(e, at) : at;

		if (!operand->data)
			continue;
		if (i == 1 && e->hard)
			finding_operand(finding, name,
					(double)((const int64_t *)operand->data)[unit_of(e, at)]);
		else if (operand->row->shape == LOSS_SHAPE_PER_CLASS)
			finding_operand(finding, name, real_at(e, operand->data, at / e->d % e->c));
		else
			finding_operand(finding, name, operand_at(e, operand, index));
	}
}

void find_in_terms(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	struct term_scan scan = {.scan.hit = hit, .d = d};

	/* Without either there was no event, whatever is asked for. */
	if (!(d->result->flags & (LOSS_FLAG_EVENT | LOSS_FLAG_NONFINITE)))
		return;
	if (!e->kernels->scan[e->form])
		return;
	for (int64_t b = 0; b < loss_ceil_div(e->block_total, e->block_units); b++)
		e->kernels->scan[e->form](e, b, &scan.scan);
	for (int event = 0; event < LOSS_EVENT_COUNT; event++) {
		struct loss_finding *finding = scan.found[event];

		if (!finding || finding->count == 0)
			continue;
		describe(d, finding);
		if (event == LOSS_EVENT_LOG_ZERO && e->spec.loss->impl->is_bounded)
			finding->severity = LOSS_WARNING;
		/* Other events have no cause but the data as they are. */
		if (event == LOSS_EVENT_INF_MINUS_INF || event == LOSS_EVENT_DOMAIN)
			finding_because_of(d, finding, scan.causes[event]);
	}
}

/* Infinite losses of finite inputs, or a sum of finite losses that is infinite. */
void find_overflows(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	struct loss_finding *finding;

	if (d->nonfinite_losses == 0) {
		if (isinf(d->result->sum))
			finding_operand(finding_add_batch(d, LOSS_FINDING_OVERFLOW, LOSS_ROLE_NONE),
					"loss", d->result->sum);
		return;
	}
	/* Of sums over a row that overflowed a difference or a quotient may be left. */
	bool by_sums = e->family == &loss_rowsum_family;

	if (!by_sums && d->loss_summary.pos_inf + d->loss_summary.neg_inf == 0)
		return;
	finding = finding_begin(d, LOSS_FINDING_OVERFLOW, LOSS_ROLE_NONE, PLACE_UNIT);
	for (int64_t unit = 0; unit < e->units; unit++) {
		double loss = real_at(e, d->losses, unit);

		if (!isinf(loss) && !(by_sums && isnan(loss)))
			continue;
		int64_t slot = slots_of(e) == e->units ? unit : slot_of(e, unit);

		if (causes_at(d, slot) == 0)
			finding_hit(d, finding, unit);
	}
	if (finding->count == 0)
		return;
	finding_operand(finding, "loss", real_at(e, d->losses, finding_first(d, finding)));
	if (e->units == e->elements)
		describe(d, finding);
}
