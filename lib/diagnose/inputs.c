/* Findings about what came in: NaN and infinities that reach a loss. */
#include "diagnose.h"

/* Is an infinity of this sign in this input a matter of course?  -Infinity is
 * how a class is masked: the logarithm of no probability at all. */
static bool is_usual(const struct loss_eval *e, int input, double value)
{
	bool is_log = e->form == LOSS_ROLE_LOG_PROBS ||
		      (e->form == LOSS_ROLE_LOGITS && e->spec.loss->traits & LOSS_HAS_SOFTMAX);

	if (value > 0)
		return false;
	return (input == 0 && is_log) ||
	       (input == 1 && loss_param_number(&e->spec, "log_target", 0) != 0);
}

static enum loss_finding_code code_of(double value)
{
	return isnan(value) ? LOSS_FINDING_INPUT_NAN
	       : value > 0  ? LOSS_FINDING_INPUT_POS_INF
			    : LOSS_FINDING_INPUT_NEG_INF;
}

/* The findings of one input, made when they are first needed. */
struct input_look {
	struct diagnosis *d;
	int input;
	enum place_kind kind;
	struct loss_finding *found[LOSS_FINDING_COUNT];
};

static void look_at(struct input_look *look, double value, int64_t index)
{
	enum loss_finding_code code = code_of(value);

	if (isinf(value) && is_usual(look->d->e, look->input, value))
		return;
	if (!look->found[code])
		look->found[code] =
			finding_begin(look->d, code, role_of(look->d->e, look->input), look->kind);
	finding_hit(look->d, look->found[code], index);
}

/* Inputs of the prediction's shape: only where the loss went wrong.  A NaN in a
 * row that is ignored harms nobody. */
static void look_at_elements(struct diagnosis *d, int input)
{
	const struct loss_eval *e = d->e;
	const void *data = e->in[input].data;
	struct input_look look = {.d = d, .input = input, .kind = PLACE_ELEMENT};
	struct slot_walk walk = {0};

	for (int64_t i = -1; (i = next_nonfinite(e, data, i + 1, e->elements)) < e->elements;)
		if (slot_walk_to(d, &walk, i))
			look_at(&look, real_at(e, data, i), i);
}

/* The number of a smaller input that goes into unit `unit`. */
static double used_by(const struct loss_eval *e, const struct loss_operand *operand, int64_t unit)
{
	int64_t each = e->units ? e->elements / e->units : 0;

	if (operand->row->shape == LOSS_SHAPE_PER_CLASS && e->hard)
		return real_at(e, operand->data, ((const int64_t *)e->in[1].data)[unit]);
	if (operand->row->shape == LOSS_SHAPE_PER_CLASS)
		return NAN; /* every class goes into every row */
	if (operand->row->shape == LOSS_SHAPE_UNITS || is_rowwise(e) || each == 1)
		return operand_at(e, operand, unit);
	/* A number for each element of the unit. */
	for (int64_t i = unit * each; i < (unit + 1) * each; i++)
		if (!isfinite(operand_at(e, operand, i)))
			return operand_at(e, operand, i);
	return 0;
}

/* Smaller inputs (weights): the places are those of the input itself, if any
 * loss that went wrong has used one of them. */
static void look_at_all(struct diagnosis *d, int input)
{
	const struct loss_eval *e = d->e;
	const struct loss_operand *operand = &e->in[input];
	struct input_look look = {.d = d, .input = input, .kind = PLACE_INPUT};
	int64_t count = operand->count;
	bool is_used = false;

	for (int64_t unit = 0; unit < e->units; unit++) {
		if (!unit_is_bad(d, unit))
			continue;
		double value = used_by(e, operand, unit);

		if (isfinite(value))
			continue;
		is_used = true;
		mark_slot(d, e->units == e->elements ? slot_of(e, unit) : unit, code_of(value));
	}
	for (int64_t i = -1;
	     is_used && (i = next_nonfinite(e, operand->data, i + 1, count)) < count;)
		look_at(&look, real_at(e, operand->data, i), i);
}

/* Numbers that were finite as written: their places are those of infinities. */
static void look_at_narrowed(struct diagnosis *d, int input)
{
	const struct loss_eval *e = d->e;
	const struct loss_operand *operand = &e->in[input];
	int64_t narrowed = d->options->narrowed[operand->index], count = operand->count;
	/* In half precision what was written stands where it was rounded from. */
	const void *data = e->given[input] ? e->given[input] : operand->data;

	if (!narrowed)
		return;
	struct loss_finding *finding =
		finding_begin(d, LOSS_FINDING_NARROWING_OVERFLOW, role_of(e, input),
			      stands_by_element(e, input) ? PLACE_ELEMENT : PLACE_INPUT);

	for (int64_t i = -1; (i = next_nonfinite(e, data, i + 1, count)) < count;)
		if (isinf(real_at(e, data, i)))
			finding_hit(d, finding, i);
	finding->count = narrowed;
	if (finding->place_count > narrowed)
		finding->place_count = narrowed;
	if (finding->place_count > 0)
		finding_operand(finding, "value",
				real_at(e, operand->data, finding_first(d, finding)));
	if (isfinite(d->result->sum) && !d->nonfinite_losses)
		finding->severity = LOSS_WARNING;
}

/* The values at the first places, and what narrowing has to do with them. */
static void describe(struct diagnosis *d, enum loss_finding_code code, int input)
{
	const struct loss_eval *e = d->e;
	enum loss_role role = role_of(e, input);
	struct loss_finding *finding;

	if (!finding_exists(d, code))
		return;
	finding = finding_of(d, code, role);
	if (finding->count == 0 || finding->operand_count > 0)
		return;
	finding_operand(finding, "value", real_at(e, e->in[input].data, finding_first(d, finding)));
	if (d->options->narrowed[e->in[input].index] || e->given[input])
		finding_because(d, finding, LOSS_FINDING_NARROWING_OVERFLOW);
}

void find_in_inputs(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;

	for (int i = 0; i < e->in_count; i++) {
		if (!e->in[i].data || e->in[i].index < 0 || e->in[i].is_index)
			continue;
		look_at_narrowed(d, i);
		find_rounded_input(d, i);
		if (!d->nonfinite_losses || d->inputs[i].finite == d->inputs[i].count)
			continue;
		if (stands_by_element(e, i))
			look_at_elements(d, i);
		else
			look_at_all(d, i);
		describe(d, LOSS_FINDING_INPUT_NAN, i);
		describe(d, LOSS_FINDING_INPUT_POS_INF, i);
		describe(d, LOSS_FINDING_INPUT_NEG_INF, i);
	}
}
