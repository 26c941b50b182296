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
	[LOSS_EVENT_TARGET_AT_MASKED] = LOSS_FINDING_TARGET_AT_MASKED_CLASS,
};

struct term_scan {
	struct loss_scan scan;
	struct diagnosis *d;
};

/* A probability has no mask: 0 is the log of it. */
static enum loss_finding_code code_of(const struct loss_eval *e, enum loss_event event)
{
	if (event == LOSS_EVENT_TARGET_AT_MASKED && e->form == LOSS_ROLE_PROBS)
		return LOSS_FINDING_LOG_ZERO;
	return codes[event];
}

static void hit(struct loss_scan *scan, enum loss_event event, int64_t element)
{
	struct diagnosis *d = ((struct term_scan *)scan)->d;
	bool wants_gradient = d->e->out.gradients[0] != NULL;

	if (event == LOSS_EVENT_BAD_PROB ||
	    (event == LOSS_EVENT_GRADIENT_FLOORED && !wants_gradient))
		return;
	finding_add(d, code_of(d->e, event), d->e->form, PLACE_ELEMENT, element);
}

static void describe(struct diagnosis *d, struct loss_finding *finding)
{
	const struct loss_eval *e = d->e;
	int64_t at;

	if (finding->place_count == 0)
		return;
	at = finding_first(d, finding);
	for (int i = 0; i < e->in_count; i++) {
		const struct loss_operand *operand = &e->in[i];
		enum loss_role role = i == 0 ? e->form : operand->row->role;
		int64_t index = operand->row->shape == LOSS_SHAPE_UNITS ? unit_of(e, at) : at;

		if (!operand->data)
			continue;
		if (i == 1 && e->hard)
			finding_operand(finding, "targets",
					(double)((const int64_t *)operand->data)[unit_of(e, at)]);
		else if (operand->row->shape == LOSS_SHAPE_PER_CLASS)
			finding_operand(finding, loss_role_name(role),
					real_at(e, operand->data, at / e->d % e->c));
		else
			finding_operand(finding, loss_role_name(role),
					operand_at(e, operand, index));
	}
}

void find_in_terms(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	struct term_scan scan = {.scan.hit = hit, .d = d};
	int before = d->finding_count;

	/* Without either there was no event, whatever is asked for. */
	if (!(d->result->flags & (LOSS_FLAG_EVENT | LOSS_FLAG_NONFINITE)))
		return;
	if (!e->kernels->scan[e->form])
		return;
	for (int64_t b = 0; b < loss_ceil_div(e->block_total, e->block_units); b++)
		e->kernels->scan[e->form](e, b, &scan.scan);
	for (int i = before; i < d->finding_count; i++)
		describe(d, &d->findings[i]);
}
