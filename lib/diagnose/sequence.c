/* Findings about sequences: labels that no alignment has room for. */
#include "diagnose.h"

void find_in_sequences(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	struct loss_finding *finding;
	struct loss_sequence first;

	if (e->family != &loss_sequence_family)
		return;
	finding =
		finding_begin(d, LOSS_FINDING_INFEASIBLE_ALIGNMENT, LOSS_ROLE_TARGETS, PLACE_UNIT);
	for (int64_t n = 0; n < e->n; n++) {
		struct loss_sequence sequence = loss_sequence_of(e, n);

		if (!loss_sequence_fits(&sequence) && unit_counts(e, n))
			finding_hit(d, finding, n);
	}
	if (finding->count == 0)
		return;
	first = loss_sequence_of(e, finding_first(d, finding));
	finding_operand(finding, "frames", (double)first.frames);
	finding_operand(finding, "labels", (double)first.labels);
	finding_operand(finding, "repeats", (double)first.repeats);
	if (!d->nonfinite_losses)
		finding->severity = LOSS_WARNING; /* zero_infinity */
}
