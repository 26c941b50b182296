/* Findings about what came in: NaN and infinities that reach a loss. */
#include "diagnose.h"

/* Is an infinity of this sign in this input a matter of course?  -Infinity is
 * how a class is masked, and either is a logit that is quite sure. */
static bool is_usual(const struct loss_eval *e, int input, double value)
{
	if (input != 0 || e->form == LOSS_ROLE_INPUT || e->form == LOSS_ROLE_PROBS)
		return false;
	return value < 0;
}

static void look_at(struct diagnosis *d, int input, enum loss_role role, double value,
		    enum place_kind kind, int64_t index)
{
	if (isnan(value))
		finding_add(d, LOSS_FINDING_INPUT_NAN, role, kind, index);
	else if (isinf(value) && !is_usual(d->e, input, value))
		finding_add(d, value > 0 ? LOSS_FINDING_INPUT_POS_INF : LOSS_FINDING_INPUT_NEG_INF,
			    role, kind, index);
}

/* Inputs of the prediction's shape: only where the loss went wrong.  A NaN in a
 * row that is ignored harms nobody. */
static void look_at_elements(struct diagnosis *d, int input, enum loss_role role)
{
	const struct loss_eval *e = d->e;

	for (int64_t i = 0; i < e->elements; i++) {
		double value = real_at(e, e->in[input].data, i);

		if (!isfinite(value) && unit_is_bad(d, unit_of(e, i)))
			look_at(d, input, role, value, PLACE_ELEMENT, i);
	}
}

/* Smaller inputs (weights): the places are those of the input itself. */
static void look_at_all(struct diagnosis *d, int input, enum loss_role role)
{
	const struct loss_operand *operand = &d->e->in[input];

	for (int64_t i = 0; i < operand->count; i++) {
		double value = real_at(d->e, operand->data, i);

		if (isfinite(value))
			continue;
		look_at(d, input, role, value, PLACE_SAMPLE, i);
	}
}

/* Numbers that were finite as written: their places are those of infinities. */
static void look_at_narrowed(struct diagnosis *d, int input, enum loss_role role)
{
	const struct loss_operand *operand = &d->e->in[input];
	int64_t narrowed = d->options->narrowed[operand->index];

	if (!narrowed)
		return;
	enum place_kind kind = operand->full ? PLACE_ELEMENT : PLACE_SAMPLE;

	for (int64_t i = 0; i < operand->count; i++)
		if (isinf(real_at(d->e, operand->data, i)))
			finding_add(d, LOSS_FINDING_NARROWING_OVERFLOW, role, kind, i);
	struct loss_finding *finding = finding_of(d, LOSS_FINDING_NARROWING_OVERFLOW, role);

	finding->count = narrowed;
	if (finding->place_count > narrowed)
		finding->place_count = narrowed;
	if (isfinite(d->result->sum) && !d->nonfinite_losses)
		finding->severity = LOSS_WARNING;
}

void find_in_inputs(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;

	for (int i = 0; i < e->in_count; i++) {
		const struct loss_operand *operand = &e->in[i];
		enum loss_role role = i == 0 ? e->form : operand->row->role;

		if (!operand->data || (i == 1 && e->hard))
			continue;
		look_at_narrowed(d, i, role);
		if (!d->nonfinite_losses)
			continue;
		if (operand->full && operand->count == e->elements)
			look_at_elements(d, i, role);
		else
			look_at_all(d, i, role);
	}
	for (int i = 0; i < d->finding_count; i++) {
		struct loss_finding *finding = &d->findings[i];

		if (finding->code == LOSS_FINDING_INPUT_POS_INF ||
		    finding->code == LOSS_FINDING_INPUT_NEG_INF)
			finding_because(d, finding, LOSS_FINDING_NARROWING_OVERFLOW);
	}
}
