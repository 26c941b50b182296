/* The statistics of `full`: of each tensor, then what the loss makes of them. */
#include "classes.h"
#include "diagnose.h"
#include "hardest.h"
#include "kernels.h"
#include "near_misses.h"
#include "float64.h"

/* ---- What counts as saturated ---------------------------------------------- */

/* The sigmoid of a logit rounds to 1 or to 0 in the dtype: one less it is at
 * most half a unit of the last place below 1, and half the smallest number. */
static const struct saturation of_logits[] = {
	[LOSS_FLOAT32] = {.low = -0x1.9fe36ap+6, .high = 0x1.154246p+4},
	[LOSS_FLOAT64] = {.low = -0x1.74910d52d3052p+9, .high = 0x1.2b708872320e2p+5},
};

struct saturation saturation_of(const struct loss_eval *e, int input)
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
	struct summary_room room = {.keys = d->keys};

	for (int i = 0; i < e->in_count; i++) {
		const struct loss_operand *operand = &e->in[i];

		if (operand->data && !e->in[i].is_index)
			summarize(operand->data, dtype, operand->count, saturation_of(e, i), room,
				  &d->inputs[i]);
		if (e->out.gradients[i])
			summarize(e->out.gradients[i], dtype, operand->count, none, room,
				  &d->gradients[i]);
	}
	room.most = d->most;
	summarize(d->losses, dtype, e->units, none, room, &d->loss_summary);
}

static void write_tensors(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	struct loss_statistics *s = d->statistics;

	for (int i = 0; i < e->in_count; i++) {
		if (e->in[i].data && !e->in[i].is_index)
			s->inputs[s->input_count++] =
				(struct loss_tensor_summary){role_of(e, i), d->inputs[i]};
		if (e->out.gradients[i])
			s->gradients[s->gradient_count++] =
				(struct loss_tensor_summary){role_of(e, i), d->gradients[i]};
	}
	s->losses = d->loss_summary;
}

/* ---- The whole ------------------------------------------------------------ */

void write_statistics(struct diagnosis *d)
{
	*d->statistics = (struct loss_statistics){0};
	write_tensors(d);
	write_cancellation(d);
	write_classes(d);
	write_hardest(d);
	write_gradient_check(d);
}

void find_in_statistics(struct diagnosis *d)
{
	if (!d->statistics)
		return;
	find_in_balance(d);
	find_suspect_labels(d);
	find_near_misses(d);
}

void lay_out_statistics(struct diagnosis *d, struct room *room)
{
	size_t blocks = (size_t)loss_ceil_div(d->e->units, SUMMARY_BLOCK);

	d->statistics = room_take(room, 1, sizeof *d->statistics);
	d->keys = room_take(room, (size_t)2 * QUANTILE_ALL, sizeof *d->keys);
	d->most = room_take(room, blocks, sizeof *d->most);
	lay_out_classes(d, room);
	lay_out_float64(d, room);
}
