/* The statistics of `full`: of each tensor, then what the loss makes of them. */
#include "diagnose.h"

/* ---- What counts as saturated ---------------------------------------------- */

/* The sigmoid of a logit rounds to 1 or to 0 in the dtype: one less it is at
 * most half a unit of the last place below 1, and half the smallest number. */
static const struct saturation of_logits[] = {
	[LOSS_FLOAT32] = {.low = -0x1.9fe36ap+6, .high = 0x1.154246p+4},
	[LOSS_FLOAT64] = {.low = -0x1.74910d52d3052p+9, .high = 0x1.2b708872320e2p+5},
};

static struct saturation saturation_of(const struct loss_eval *e, int input)
{
	if (input == 0 && e->form == LOSS_ROLE_PROBS)
		return (struct saturation){0, 1};
	if (input == 0 && e->form == LOSS_ROLE_LOGITS && e->spec.loss->traits & LOSS_HAS_SIGMOID)
		return of_logits[e->spec.dtype];
	return (struct saturation){(double)NAN, (double)NAN};
}

/* ---- Tensors -------------------------------------------------------------- */

static const struct saturation none = {(double)NAN, (double)NAN};

void summarize_batch(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	enum loss_dtype dtype = e->spec.dtype;

	for (int i = 0; i < e->in_count; i++) {
		const struct loss_operand *operand = &e->in[i];

		if (operand->data && !(i == 1 && e->hard))
			summarize(operand->data, dtype, operand->count, saturation_of(e, i),
				  &d->inputs[i]);
		if (e->out.gradients[i])
			summarize(e->out.gradients[i], dtype, operand->count, none,
				  &d->gradients[i]);
	}
	summarize(d->losses, dtype, e->units, none, &d->loss_summary);
}

static void add_summary(struct diagnosis *d, const void *data, enum loss_role role,
			struct loss_summary *summary, struct loss_tensor_summary *to)
{
	summarize_quantiles(data, d->e->spec.dtype, d->keys, summary);
	*to = (struct loss_tensor_summary){role, *summary};
}

void write_statistics(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	struct loss_statistics *s = d->statistics;

	*s = (struct loss_statistics){0};
	for (int i = 0; i < e->in_count; i++) {
		if (e->in[i].data && !(i == 1 && e->hard))
			add_summary(d, e->in[i].data, role_of(e, i), &d->inputs[i],
				    &s->inputs[s->input_count++]);
		if (e->out.gradients[i])
			add_summary(d, e->out.gradients[i], role_of(e, i), &d->gradients[i],
				    &s->gradients[s->gradient_count++]);
	}
	summarize_quantiles(d->losses, e->spec.dtype, d->keys, &d->loss_summary);
	s->losses = d->loss_summary;
}

void lay_out_statistics(struct diagnosis *d, struct room *room)
{
	d->statistics = room_take(room, 1, sizeof *d->statistics);
	d->keys = room_take(room, 2 * QUANTILE_ALL, sizeof *d->keys);
}
