/*
 * The diagnosis of one evaluation.
 *
 * The unreduced losses are computed once more, the finders look at inputs,
 * rows, terms, reduction and gradients, and the loss over the units that are
 * finite is computed by masking the others out: the effect of a finding is a
 * result, not an estimate.
 */
#include "trial.h"

/* ---- Findings ------------------------------------------------------------- */

struct loss_finding *finding_of(struct diagnosis *d, enum loss_finding_code code,
				enum loss_role input)
{
	for (int i = 0; i < d->finding_count; i++)
		if (d->findings[i].code == code && d->findings[i].input == input)
			return &d->findings[i];
	struct loss_finding *finding = &d->findings[d->finding_count];

	d->finding_count += d->finding_count < FINDINGS_MAX;

	*finding = (struct loss_finding){
		.code = code, .severity = loss_finding_at(code)->severity, .input = input};
	return finding;
}

bool finding_exists(const struct diagnosis *d, enum loss_finding_code code)
{
	for (int i = 0; i < d->finding_count; i++)
		if (d->findings[i].code == code && d->findings[i].count > 0)
			return true;
	return false;
}

static int64_t *indices_of(const struct diagnosis *d, const struct loss_finding *finding)
{
	return d->indices + (finding - d->findings) * d->options->locations_max;
}

int64_t finding_first(const struct diagnosis *d, const struct loss_finding *finding)
{
	return indices_of(d, finding)[0];
}

/* Keep the smallest indices, sorted: the first places, whatever the order in
 * which a layout walks over the batch. */
static void keep_index(struct diagnosis *d, struct loss_finding *finding, int64_t index)
{
	int64_t *kept = indices_of(d, finding);
	int64_t n = finding->place_count, at;

	if (n == d->options->locations_max && (n == 0 || kept[n - 1] <= index))
		return;
	if (n < d->options->locations_max)
		finding->place_count = ++n;
	for (at = n - 1; at > 0 && kept[at - 1] > index; at--)
		kept[at] = kept[at - 1];
	kept[at] = index;
}

/* The axes that the indices of a finding count in. Returns their number. */
static int shape_of(const struct diagnosis *d, const struct loss_finding *finding,
		    enum place_kind kind, int64_t *shape)
{
	const struct loss_eval *e = d->e;
	int rank = 0, without;

	switch (kind) {
	case PLACE_BATCH:
		return 0;
	case PLACE_UNIT:
		memcpy(shape, e->unit_shape, sizeof e->unit_shape);
		return e->unit_rank;
	case PLACE_ROW:
		without = class_axis_of(e);
		for (int axis = 0; axis < e->rank; axis++)
			if (axis != without)
				shape[rank++] = e->shape[axis];
		return rank;
	case PLACE_ELEMENT:
		memcpy(shape, e->shape, sizeof e->shape);
		return e->rank;
	case PLACE_SAMPLE:
		shape[0] = e->rank ? e->shape[0] : 0;
		return e->rank ? 1 : 0;
	case PLACE_INPUT:
		for (int i = 0; i < e->in_count; i++)
			if (role_of(e, i) == finding->input) {
				memcpy(shape, e->in[i].shape, sizeof e->in[i].shape);
				return e->in[i].rank;
			}
		return 0;
	}
	return 0;
}

/* What has consequences elsewhere: a bit of d->causes each. */
static const uint32_t cause_bits[LOSS_FINDING_COUNT] = {
	[LOSS_FINDING_INPUT_NAN] = 1 << 0,
	[LOSS_FINDING_NARROWING_OVERFLOW] = 1 << 1,
	[LOSS_FINDING_INPUT_POS_INF] = 1 << 2,
	[LOSS_FINDING_INPUT_NEG_INF] = 1 << 3,
	[LOSS_FINDING_EXP_OVERFLOW] = 1 << 4,
	[LOSS_FINDING_INF_MINUS_INF] = 1 << 5,
	[LOSS_FINDING_DOMAIN] = 1 << 6,
	[LOSS_FINDING_ALL_MASKED_ROW] = 1 << 7,
	[LOSS_FINDING_TARGET_AT_MASKED_CLASS] = 1 << 8,
	[LOSS_FINDING_LOG_ZERO] = 1 << 9,
	[LOSS_FINDING_DIV_ZERO] = 1 << 10,
	[LOSS_FINDING_GRADIENT_FLOORED] = 1 << 11,
	[LOSS_FINDING_OVERFLOW] = 1 << 12,
	[LOSS_FINDING_HALF_OVERFLOW] = 1 << 13,
	[LOSS_FINDING_INFEASIBLE_ALIGNMENT] = 1 << 14,
	/* Enough by themselves in some losses, and harmless in most. */
	[LOSS_FINDING_TARGET_NOT_BINARY] = 1 << 15,
	[LOSS_FINDING_LOOKS_LIKE_LOGITS] = 1 << 16,
};

enum { LIKELY_CAUSES = (1 << 15) - 1 };

uint32_t causes_at(const struct diagnosis *d, int64_t slot)
{
	uint32_t likely = d->causes[slot] & LIKELY_CAUSES;

	return likely ? likely : d->causes[slot];
}

void mark_slot(struct diagnosis *d, int64_t slot, enum loss_finding_code code)
{
	if (cause_bits[code])
		d->causes[slot] |= cause_bits[code];
}

void finding_because_of(struct diagnosis *d, struct loss_finding *finding, uint32_t causes)
{
	for (int code = 0; code < LOSS_FINDING_COUNT; code++)
		if (causes & cause_bits[code])
			finding_because(d, finding, (enum loss_finding_code)code);
}

struct loss_finding *finding_begin(struct diagnosis *d, enum loss_finding_code code,
				   enum loss_role input, enum place_kind kind)
{
	struct loss_finding *finding = finding_of(d, code, input);
	int64_t shape[LOSS_RANK_MAX];

	finding->place_rank = shape_of(d, finding, kind, shape);
	d->kinds[finding - d->findings] = kind;
	return finding;
}

void finding_hit(struct diagnosis *d, struct loss_finding *finding, int64_t index)
{
	enum place_kind kind = d->kinds[finding - d->findings];

	finding->count++;
	keep_index(d, finding, index);
	if (!cause_bits[finding->code])
		return;
	if (kind == PLACE_ELEMENT)
		mark_slot(d, slot_of(d->e, index), finding->code);
	else if (kind == PLACE_ROW ? is_rowwise(d->e)
				   : kind == PLACE_UNIT && slots_of(d->e) == d->e->units)
		mark_slot(d, index, finding->code);
}

void finding_add(struct diagnosis *d, enum loss_finding_code code, enum loss_role input,
		 enum place_kind kind, int64_t index)
{
	finding_hit(d, finding_begin(d, code, input, kind), index);
}

/* Findings that were begun and turned out to have no place. */
static void drop_empty(struct diagnosis *d)
{
	int kept = 0;

	for (int i = 0; i < d->finding_count; i++) {
		size_t places = (size_t)d->options->locations_max;

		if (d->findings[i].count == 0)
			continue;
		if (kept != i) {
			d->findings[kept] = d->findings[i];
			d->kinds[kept] = d->kinds[i];
			memcpy(d->indices + (size_t)kept * places, d->indices + (size_t)i * places,
			       places * sizeof *d->indices);
		}
		kept++;
	}
	d->finding_count = kept;
}

struct loss_finding *finding_add_batch(struct diagnosis *d, enum loss_finding_code code,
				       enum loss_role input)
{
	struct loss_finding *finding = finding_of(d, code, input);

	finding->count = 1;
	return finding;
}

void finding_operand(struct loss_finding *finding, const char *name, double value)
{
	if (finding->operand_count == LOSS_OPERANDS_MAX)
		return;
	finding->operands[finding->operand_count].name = name;
	finding->operands[finding->operand_count++].value = value;
}

void finding_because(struct diagnosis *d, struct loss_finding *finding, enum loss_finding_code code)
{
	if (!finding_exists(d, code) || finding->code == code ||
	    finding->because_count == LOSS_BECAUSE_MAX)
		return;
	for (int i = 0; i < finding->because_count; i++)
		if (finding->because[i] == code)
			return;
	finding->because[finding->because_count++] = code;
}

/* Flat indices to places. */
static void write_places(struct diagnosis *d, struct loss_finding *finding)
{
	int64_t *to =
		d->places + (finding - d->findings) * d->options->locations_max * LOSS_RANK_MAX;
	int64_t shape[LOSS_RANK_MAX];
	int rank = shape_of(d, finding, d->kinds[finding - d->findings], shape);

	finding->places = to;
	finding->truncated = finding->place_rank > 0 && finding->place_count < finding->count;
	for (int64_t i = 0; i < finding->place_count; i++) {
		int64_t index = indices_of(d, finding)[i];

		for (int axis = rank - 1; axis >= 0; axis--) {
			to[i * rank + axis] = shape[axis] ? index % shape[axis] : 0;
			index = shape[axis] ? index / shape[axis] : 0;
		}
	}
}

/* ---- What it costs ---------------------------------------------------------- */

enum loss_code plan_in_full(const struct loss_eval *e, struct loss_plan *plan)
{
	struct trial trial;

	trial_init(&trial, e);
	trial.spec = e->spec;
	trial.spec.precision = LOSS_PRECISION_FULL;
	return trial_plan(e, &trial, plan);
}

/* The unreduced losses of the batch as it is; the evaluation may have kept them. */
static void compute_losses(struct diagnosis *d, const struct loss_plan *plan)
{
	struct loss_plan again = *plan;
	struct loss_outputs out = {.scratch = d->scratch, .losses = d->losses, .scale = 1};
	struct loss_result result;

	if (d->e->out.losses)
		d->losses = d->e->out.losses;
	else
		loss_plan_evaluate(&again, &out, &result, NULL);
}

static void compute_effect(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	struct loss_effect *effect = &d->out->effect;
	struct trial trial;
	int64_t rows = 0;

	for (int64_t unit = 0; unit < e->units; unit++) {
		bool kept = unit_counts(e, unit) && !unit_is_bad(d, unit);

		rows += kept;
		real_put(e, d->mask, unit, kept);
	}
	*effect = (struct loss_effect){
		.loss = d->result->loss,
		.nonfinite_losses = d->nonfinite_losses,
		.nonfinite_gradients = d->nonfinite_gradients,
		.finite_rows = rows,
		.loss_over_finite_rows = NAN,
	};
	trial_init(&trial, e);
	trial.drops = true;
	trial.spec.common.on_empty = LOSS_EMPTY_NAN;
	if (rows)
		effect->loss_over_finite_rows = trial_loss(d, &trial);
}

static void count_nonfinite(struct diagnosis *d)
{
	d->nonfinite_losses = d->loss_summary.count - d->loss_summary.finite;
	for (int i = 0; i < d->e->in_count; i++)
		d->nonfinite_gradients += d->gradients[i].count - d->gradients[i].finite;
}

/* ---- The whole ------------------------------------------------------------ */

static void sort_by(struct diagnosis *d, int *keys)
{
	for (int i = 1; i < d->finding_count; i++)
		for (int k = i; k > 0 && keys[k - 1] > keys[k]; k--) {
			struct loss_finding moved = d->findings[k];
			int key = keys[k];

			d->findings[k] = d->findings[k - 1];
			d->findings[k - 1] = moved;
			keys[k] = keys[k - 1];
			keys[k - 1] = key;
		}
}

/* What caused a finding stands with it, however mild it is by itself. */
static enum loss_severity rank_of(const struct diagnosis *d, int index,
				  const enum loss_severity *ranks)
{
	enum loss_severity rank = d->findings[index].severity;

	for (int i = index + 1; i < d->finding_count; i++)
		for (int b = 0; b < d->findings[i].because_count; b++)
			if (d->findings[i].because[b] == d->findings[index].code && ranks[i] > rank)
				rank = ranks[i];
	return rank;
}

/* Errors and what caused them, then warnings, then the rest; each in the order
 * of the catalogue, where root causes come first. */
static void sort_findings(struct diagnosis *d)
{
	enum loss_severity ranks[FINDINGS_MAX];
	int keys[FINDINGS_MAX];

	for (int i = 0; i < d->finding_count; i++)
		keys[i] = d->findings[i].code;
	sort_by(d, keys);
	for (int i = d->finding_count - 1; i >= 0; i--) {
		ranks[i] = rank_of(d, i, ranks);
		keys[i] = (LOSS_ERROR - ranks[i]) * LOSS_FINDING_COUNT + (int)d->findings[i].code;
	}
	sort_by(d, keys);
}

static enum loss_verdict verdict_of(const struct diagnosis *d)
{
	bool reduced = d->e->spec.common.reduction != LOSS_NONE;

	if (d->nonfinite_losses || d->nonfinite_gradients || !isfinite(d->result->sum) ||
	    (reduced && !isfinite(d->result->loss)))
		return LOSS_VERDICT_NONFINITE;
	for (int i = 0; i < d->finding_count; i++)
		if (d->findings[i].severity == LOSS_WARNING ||
		    d->findings[i].severity == LOSS_ERROR)
			return LOSS_VERDICT_WARNING;
	return LOSS_VERDICT_OK;
}

bool loss_is_healthy(const struct loss_plan *plan, const struct loss_result *result,
		     const struct loss_diagnose_options *options)
{
	const struct loss_eval *e = (const struct loss_eval *)plan->opaque;

	for (int i = 0; i < LOSS_INPUTS_MAX; i++)
		if (options->narrowed[i])
			return false;
	return !options->full && result->flags == 0 && !spec_is_suspect(e) &&
	       !gradients_are_suspect(e);
}

void *room_take(struct room *room, size_t count, size_t bytes)
{
	void *at = room->base ? room->base + room->used : NULL;

	room->used += (count * bytes + 63) & ~(size_t)63;
	return at;
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static void lay_out(struct diagnosis *d, struct room *room, const struct loss_plan *plan,
		    const struct loss_diagnose_options *options)
{
	const struct loss_eval *e = (const struct loss_eval *)plan->opaque;
	size_t real = loss_dtype_bytes(e->spec.dtype), units = (size_t)e->units;
	struct remedy_need need = remedies_need(e);
	size_t places = (FINDINGS_MAX + FINDINGS_SPARE) * (size_t)options->locations_max;

	*d = (struct diagnosis){.e = e, .options = options};
	d->indices = room_take(room, places, sizeof *d->indices);
	d->places = room_take(room, places * LOSS_RANK_MAX, sizeof *d->places);
	d->losses = room_take(room, units, real);
	d->mask = room_take(room, units, real);
	d->causes = room_take(room, (size_t)slots_of(e), sizeof *d->causes);
	d->before = room_take(room, units, real);
	d->after = room_take(room, units, real);
	d->copy = room_take(room, need.copy, real);
	d->gradient = room_take(room, need.gradient, real);
	d->remedies = room_take(room, need.remedies, sizeof *d->remedies);
	d->scratch = room_take(room, larger(need.scratch, plan->scratch_bytes), 1);
	if (options->full)
		lay_out_statistics(d, room);
}

size_t loss_diagnose_bytes(const struct loss_plan *plan,
			   const struct loss_diagnose_options *options)
{
	struct diagnosis counted;
	struct room room = {0};

	room_take(&room, 1, sizeof counted);
	lay_out(&counted, &room, plan, options);
	return room.used;
}

static struct diagnosis *diagnosis_init(const struct loss_plan *plan,
					const struct loss_diagnose_options *options, void *memory)
{
	struct room room = {.base = memory};
	struct diagnosis *d = room_take(&room, 1, sizeof *d);

	lay_out(d, &room, plan, options);
	return d;
}

/* A finder may look at what those before it have found. */
static void (*const finders[])(struct diagnosis *d) = {
	find_in_inputs,    find_in_sequences, find_in_precision,  find_in_spec,
	find_in_targets,   find_in_weights,   find_in_rows,       find_in_terms,
	find_in_reduction, find_overflows,    find_in_statistics, find_unsuited,
	find_in_gradients,
};

void loss_diagnose(const struct loss_plan *plan, const struct loss_result *result,
		   const struct loss_diagnose_options *options, void *memory,
		   struct loss_diagnosis *diagnosis)
{
	struct diagnosis *d = diagnosis_init(plan, options, memory);

	*diagnosis = (struct loss_diagnosis){0};
	d->result = result;
	d->out = diagnosis;
	memset(d->causes, 0, (size_t)slots_of(d->e) * sizeof *d->causes);
	compute_losses(d, plan);
	summarize_batch(d);
	count_nonfinite(d);
	if (d->statistics)
		write_statistics(d);
	for (size_t i = 0; i < sizeof finders / sizeof finders[0]; i++) {
		finders[i](d);
		drop_empty(d);
	}
	diagnosis->verdict = verdict_of(d);
	diagnosis->has_effect = diagnosis->verdict == LOSS_VERDICT_NONFINITE;
	if (diagnosis->has_effect)
		compute_effect(d);
	for (int i = 0; i < d->finding_count; i++)
		write_places(d, &d->findings[i]);
	write_messages(d);
	sort_findings(d);
	find_remedies(d);
	diagnosis->statistics = d->statistics;
	diagnosis->findings = d->findings;
	diagnosis->finding_count = d->finding_count;
}
