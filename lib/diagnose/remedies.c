/*
 * Remedies: what each would do, computed on the batch.
 *
 * A remedy is tried once for a diagnosis, whatever the number of findings that
 * it answers, and is offered only where loss and gradient are finite after it;
 * traps, which people reach for, are shown for what they do.
 */
#include "remedy.h"

const struct loss_remedy_row *loss_remedy_at(size_t index)
{
	const struct remedy *remedy = remedy_at(index);

	return remedy ? &remedy->row : NULL;
}

/* ---- Memory --------------------------------------------------------------- */

struct remedy_need remedies_need(const struct loss_eval *e)
{
	struct remedy_need need = {.remedies = REMEDY_COUNT};
	const struct remedy *remedy;

	for (int i = 0; i < e->in_count; i++)
		if (trial_wants_gradient(e, i) && (size_t)e->in[i].count > need.gradient)
			need.gradient = (size_t)e->in[i].count;
	for (size_t i = 0; (remedy = remedy_at(i)); i++) {
		struct trial trial;

		trial_init(&trial, e);
		if (!remedy->change(e, &trial))
			continue;
		size_t scratch = trial_scratch_bytes(e, &trial);
		size_t copy = trial.fill ? (size_t)e->in[trial.input].count : 0;

		need.scratch = scratch > need.scratch ? scratch : need.scratch;
		need.copy = copy > need.copy ? copy : need.copy;
	}
	return need;
}

/* ---- What was fine -------------------------------------------------------- */

/* d->mask: the units that count and whose loss and gradient are finite; the
 * gradient is the one that trial_run() has left. */
static void mark_fine(struct diagnosis *d, struct scene *scene)
{
	const struct loss_eval *e = d->e;
	bool wants = trial_wants_gradient(e, 0);
	int64_t counted = 0;

	for (int64_t unit = 0; unit < e->units; unit++) {
		bool counts = unit_counts(e, unit);

		counted += counts;
		real_put(e, d->mask, unit, counts && isfinite(real_at(e, d->before, unit)));
	}
	for (int64_t i = -1;
	     wants && (i = next_nonfinite(e, d->gradient, i + 1, e->elements)) < e->elements;)
		real_put(e, d->mask, unit_of(e, i), 0);
	for (int64_t unit = 0; unit < e->units; unit++)
		scene->fine += real_at(e, d->mask, unit) != 0;
	scene->bad = counted - scene->fine;
}

/* The batch as it is, and what of it is fine. */
static void scene_init(struct scene *scene, struct diagnosis *d)
{
	struct trial trial;

	*scene = (struct scene){.d = d};
	/* Nothing is fine yet, so nothing is compared. */
	memset(d->mask, 0, (size_t)d->e->units * loss_dtype_bytes(d->e->spec.dtype));
	trial_init(&trial, d->e);
	trial_run(d, &trial, &scene->before);
	memcpy(d->before, d->after, (size_t)d->e->units * loss_dtype_bytes(d->e->spec.dtype));
	mark_fine(d, scene);
}

/* ---- Offering ------------------------------------------------------------- */

static bool is_offered(const struct remedy *remedy, struct scene *scene)
{
	if (scene->after->code)
		return false;
	if (remedy->row.trap)
		return true;
	if (scene->trial->drops && (scene->fine == 0 || scene->bad == 0))
		return false;
	if (remedy->settles_events && scene->after->flags & LOSS_FLAG_EVENT)
		return false;
	return isfinite(scene->after->loss) && isfinite(scene->after->gradient_norm) &&
	       (!remedy->is_worth || remedy->is_worth(scene));
}

static void write_remedy(const struct remedy *remedy, const struct scene *scene,
			 struct loss_remedy *out)
{
	const struct loss_eval *e = scene->d->e;
	const struct trial *trial = scene->trial;

	*out = (struct loss_remedy){
		.row = &remedy->row,
		.computed = true,
		.loss_after = scene->after->loss,
		.gradient_norm_after = scene->after->gradient_norm,
		.changes_finite_rows = scene->after->changed_rows > 0,
		.has_spec = remedy->proposes_spec,
		.spec = trial->spec,
		.input = trial->form == e->form ? LOSS_ROLE_NONE : trial->form,
		.dtype = trial->unrounded ? loss_precision_name(trial->spec.precision) : NULL,
	};
	out->spec.common.reduction = e->spec.common.reduction;
	remedy->say(scene, out->say, sizeof out->say);
	if (!trial->drops)
		return;
	out->mask = (struct loss_tensor){
		.data = scene->d->mask, .dtype = e->spec.dtype, .rank = e->unit_rank};
	memcpy(out->mask.shape, e->unit_shape, sizeof out->mask.shape);
}

/* Cures that leave fine rows alone, then the others, then the traps. */
static int rank_of(const struct loss_remedy *remedy)
{
	return remedy->row->trap ? 2 : remedy->changes_finite_rows;
}

static bool answers(const struct remedy *remedy, const struct loss_finding *finding)
{
	uint64_t code = UINT64_C(1) << finding->code;

	return remedy->answers & code ||
	       (remedy->answers_errors & code && finding->severity == LOSS_ERROR);
}

static bool is_asked_for(const struct diagnosis *d, const struct remedy *remedy)
{
	for (int i = 0; i < d->finding_count; i++)
		if (answers(remedy, &d->findings[i]))
			return true;
	return false;
}

static void attach(struct diagnosis *d, const struct remedy *remedy, const struct loss_remedy *made)
{
	for (int i = 0; i < d->finding_count; i++) {
		struct loss_finding *finding = &d->findings[i];

		if (answers(remedy, finding) && finding->remedy_count < LOSS_REMEDIES_MAX)
			finding->remedies[finding->remedy_count++] = made;
	}
}

/* False if the remedy does not apply, or is none. */
static bool try_one(const struct remedy *remedy, struct scene *scene, struct loss_remedy *made)
{
	struct trial_result after;
	struct trial trial;

	trial_init(&trial, scene->d->e);
	if (!remedy->change(scene->d->e, &trial))
		return false;
	if (remedy->fit)
		remedy->fit(scene, &trial);
	trial_run(scene->d, &trial, &after);
	scene->trial = &trial;
	scene->after = &after;
	bool offered = is_offered(remedy, scene);

	if (offered)
		write_remedy(remedy, scene, made);
	scene->trial = NULL;
	scene->after = NULL;
	return offered;
}

void find_remedies(struct diagnosis *d)
{
	const struct remedy *remedy, *asked[REMEDY_COUNT], *offered[REMEDY_COUNT];
	int asked_count = 0, count = 0;
	struct scene scene;

	for (size_t i = 0; (remedy = remedy_at(i)); i++)
		if (is_asked_for(d, remedy))
			asked[asked_count++] = remedy;
	if (!asked_count)
		return;
	scene_init(&scene, d);
	for (int i = 0; i < asked_count; i++)
		if (try_one(asked[i], &scene, &d->remedies[count]))
			offered[count++] = asked[i];
	for (int rank = 0; rank <= 2; rank++)
		for (int i = 0; i < count; i++)
			if (rank_of(&d->remedies[i]) == rank)
				attach(d, offered[i], &d->remedies[i]);
}
