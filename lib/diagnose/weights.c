/* Findings about weights and masks. */
#include "diagnose.h"

static bool is_weight(const struct loss_operand *operand)
{
	enum loss_role role = operand->row->role;

	return operand->data && operand->index >= 0 &&
	       (role == LOSS_ROLE_WEIGHT || role == LOSS_ROLE_POS_WEIGHT ||
		role == LOSS_ROLE_SAMPLE_WEIGHT);
}

static void look_for_negatives(struct diagnosis *d, int input)
{
	const struct loss_eval *e = d->e;
	const struct loss_operand *operand = &e->in[input];
	struct loss_finding *finding;

	if (!(d->inputs[input].min < 0 || d->inputs[input].neg_inf))
		return;
	finding = finding_begin(d, LOSS_FINDING_NEGATIVE_WEIGHT, operand->row->role, PLACE_INPUT);

	for (int64_t i = 0; i < operand->count; i++)
		if (real_at(e, operand->data, i) < 0)
			finding_hit(d, finding, i);
	finding_operand(finding, "value", real_at(e, operand->data, finding_first(d, finding)));
}

static void look_at_mask(struct diagnosis *d)
{
	const struct loss_summary *mask = &d->inputs[d->e->mask];
	struct loss_finding *finding;

	if (mask->count == 0 || mask->zeros < mask->count)
		return;
	finding = finding_add_batch(d, LOSS_FINDING_EMPTY_MASK, LOSS_ROLE_MASK);
	finding_operand(finding, "elements", (double)mask->count);
}

void find_in_weights(struct diagnosis *d)
{
	for (int i = 0; i < d->e->in_count; i++)
		if (is_weight(&d->e->in[i]))
			look_for_negatives(d, i);
	look_at_mask(d);
}
