/* Findings about the gradients that are handed out. */
#include "diagnose.h"

/* What can make a gradient NaN or infinite, in the order of the catalogue. */
static const enum loss_finding_code causes[] = {
	LOSS_FINDING_INPUT_NAN,      LOSS_FINDING_INPUT_POS_INF,
	LOSS_FINDING_INPUT_NEG_INF,  LOSS_FINDING_NARROWING_OVERFLOW,
	LOSS_FINDING_ALL_MASKED_ROW, LOSS_FINDING_TARGET_AT_MASKED_CLASS,
	LOSS_FINDING_LOG_ZERO,       LOSS_FINDING_DIV_ZERO,
};

void find_in_gradients(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;

	if (!d->nonfinite_gradients)
		return;
	for (int i = 0; i < e->in_count; i++) {
		enum loss_role role = i == 0 ? e->form : e->in[i].row->role;
		struct loss_finding *finding;

		if (!e->out.gradients[i])
			continue;
		for (int64_t k = 0; k < e->in[i].count; k++)
			if (!isfinite(real_at(e, e->out.gradients[i], k)))
				finding_add(d, LOSS_FINDING_GRADIENT_NONFINITE, role, PLACE_ELEMENT,
					    k);
		finding = finding_of(d, LOSS_FINDING_GRADIENT_NONFINITE, role);
		if (finding->count == 0) {
			d->finding_count--;
			continue;
		}
		finding_operand(finding, "gradient",
				real_at(e, e->out.gradients[i], finding_first(d, finding)));
		for (size_t c = 0; c < sizeof causes / sizeof causes[0]; c++)
			finding_because(d, finding, causes[c]);
	}
}
