#include "hypotheses.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Comparing ------------------------------------------------------------------ */

void api_dispute_compare(struct api_dispute *dispute, int part)
{
	struct api_part *p = &dispute->parts[part];

	api_agreement_make(&p->ours, &p->claimed, &API_AS_IT_IS, &dispute->tolerance,
			   dispute->spec->precision, &p->agreement);
}

/* ---- Adding trials ----------------------------------------------------------------- */

static struct api_trial *add_trial(struct api_dispute *dispute, const char *name,
				   const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The evaluation as it was; NULL where there is no more room. */
static struct api_trial *add_trial(struct api_dispute *dispute, const char *name,
				   const char *format, ...)
{
	struct api_trial *trial;
	va_list args;

	if (dispute->trial_count == API_TRIALS_MAX)
		return NULL;
	trial = &dispute->trials[dispute->trial_count++];
	*trial = (struct api_trial){
		.name = name,
		.view = API_AS_IT_IS,
		.spec = *dispute->spec,
		.has_gradients = true,
	};
	memcpy(trial->in, dispute->in, (size_t)dispute->in_count * sizeof *trial->in);
	va_start(args, format);
	vsnprintf(trial->say, sizeof trial->say, format, args);
	va_end(args);
	return trial;
}

/* A parameter by name in a trial's spec; the trial is taken back where the loss
 * has none, or not that value. */
static void set_param(struct api_dispute *dispute, struct api_trial *trial, const char *name,
		      struct loss_value value)
{
	struct loss_error err;

	if (!trial)
		return;
	trial->changes_spec = true;
	if (loss_param_set(&trial->spec, name, value, &err))
		dispute->trial_count--;
}

static struct loss_value real_value(double value)
{
	return (struct loss_value){.kind = LOSS_VALUE_REAL, .real = value};
}

static struct loss_value text_value(const char *text)
{
	return (struct loss_value){.kind = LOSS_VALUE_TEXT, .text = text};
}

static const struct loss_input_row *row_of(const struct loss *loss, enum loss_role role)
{
	int at = loss_input_find(loss, role);

	return at < 0 ? NULL : loss_input_at(loss, (size_t)at);
}

/* ---- Views ----------------------------------------------------------------------- */

static void add_view(struct api_dispute *dispute, double factor, const char *name, const char *say)
{
	struct api_trial *trial = add_trial(dispute, name, "%s", say);

	if (!trial)
		return;
	trial->is_view = true;
	trial->view.factor = factor;
}

static void try_factors(struct api_dispute *dispute)
{
	double n = dispute->result.denominator;
	char say[200];

	add_view(dispute, -1, "sign", "It has the wrong sign.");
	if (isfinite(n) && n != 0 && n != 1) {
		snprintf(say, sizeof say,
			 "It is of the sum, not of the mean: off by the factor %.9g, the "
			 "denominator.",
			 n);
		add_view(dispute, n, "not_divided", say);
		snprintf(say, sizeof say,
			 "It was divided by the denominator, %.9g, once more than needed.", n);
		add_view(dispute, 1 / n, "divided_twice", say);
	}
	add_view(dispute, M_LOG2E, "log_base_2", "The logarithms are taken to base 2.");
	add_view(dispute, M_LOG10E, "log_base_10", "The logarithms are taken to base 10.");
	add_view(dispute, NAN, "factor", "");
}

static void try_axes(struct api_dispute *dispute)
{
	int rank = 0;

	for (int i = 0; i < dispute->part_count; i++)
		if (dispute->parts[i].ours.rank > rank)
			rank = dispute->parts[i].ours.rank;
	for (int axis = 0; axis < rank; axis++)
		for (int other = axis + 1; other < rank; other++) {
			struct api_trial *trial = add_trial(
				dispute, "axes", "Axes %d and %d are changed over.", axis, other);

			if (!trial)
				return;
			trial->is_view = true;
			trial->view.axis = axis;
			trial->view.other = other;
		}
}

/* ---- Changes of the spec ------------------------------------------------------------ */

static void try_reductions(struct api_dispute *dispute)
{
	static const char *const names[] = {
		[LOSS_NONE] = NULL, /* it has another shape */
		[LOSS_MEAN] = "mean",
		[LOSS_SUM] = "sum",
		[LOSS_BATCHMEAN] = "batchmean",
	};

	if (dispute->spec->common.reduction == LOSS_NONE)
		return;
	for (int i = 0; i < LOSS_REDUCTION_COUNT; i++)
		if (names[i] && (loss_choice)i != dispute->spec->common.reduction &&
		    dispute->spec->loss->reductions & 1u << i)
			set_param(dispute,
				  add_trial(dispute, "reduction", "The reduction is %s.", names[i]),
				  "reduction", text_value(names[i]));
}

static void try_denominators(struct api_dispute *dispute)
{
	const struct loss_tensor *prediction = &dispute->in[0].tensor;
	const struct {
		double count;
		const char *what;
	} counts[] = {
		{(double)dispute->plan->rows,
		 "all rows, also those that are ignored or masked, and whatever their weight"},
		{prediction->rank > 0 ? (double)prediction->shape[0] : 1, "the size of the batch"},
		{(double)dispute->plan->elements, "all elements of the prediction"},
	};

	if (dispute->spec->common.reduction != LOSS_MEAN)
		return;
	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
		bool is_told = counts[i].count == dispute->result.denominator;

		for (size_t k = 0; k < i; k++)
			is_told = is_told || counts[k].count == counts[i].count;
		if (!is_told)
			set_param(dispute,
				  add_trial(dispute, "denominator",
					    "The sum is divided by %.9g, %s, instead of %.9g.",
					    counts[i].count, counts[i].what,
					    dispute->result.denominator),
				  "normalizer", real_value(counts[i].count));
	}
}

/* A mean over the rows that count where ours is over their weights: how many
 * there are is known when the loss without the weights is. */
static void try_unweighted_mean(struct api_dispute *dispute)
{
	if (dispute->spec->common.reduction != LOSS_MEAN || dispute->spec->common.normalizer.set)
		return;
	for (int i = 1; i < dispute->in_count; i++) {
		const struct loss_input_row *row = row_of(dispute->spec->loss, dispute->in[i].role);
		struct api_trial *trial = NULL;

		if (row && row->optional && row->shape == LOSS_SHAPE_PER_CLASS)
			trial = add_trial(dispute, "denominator",
					  "The sum is divided by what counts, and not by its %s.",
					  loss_role_name(dispute->in[i].role));
		if (!trial)
			continue;
		trial->is_dropped[i] = true;
		trial->is_denominator = true;
		trial->has_gradients = false;
	}
}

/* The classes on another axis, where the shapes allow it. */
static void try_class_axes(struct api_dispute *dispute)
{
	int rank = dispute->in[0].tensor.rank;

	for (int axis = 0; rank > 1 && axis < rank; axis++)
		if (axis != api_class_axis(dispute->spec, rank))
			set_param(dispute,
				  add_trial(dispute, "class_axis", "The classes are on axis %d.",
					    axis),
				  "class_axis", real_value(axis));
}

static void try_choices(struct api_dispute *dispute, const struct loss_param_row *row,
			loss_choice present)
{
	for (int i = 0; i < LOSS_CHOICES_MAX && row->choices[i]; i++)
		if ((loss_choice)i != present)
			set_param(dispute,
				  add_trial(dispute, "parameter", "%s is %s.", row->name,
					    row->choices[i]),
				  row->name, text_value(row->choices[i]));
}

static const void *member_of(const struct api_dispute *dispute, const struct loss_param_row *row,
			     bool is_common)
{
	return (is_common ? (const char *)&dispute->spec->common
			  : (const char *)dispute->spec->params) +
	       row->offset;
}

/* A parameter that is not its default as its default, a flag as its contrary. */
static void try_param(struct api_dispute *dispute, const struct loss_param_row *row,
		      const void *member)
{
	const struct loss_maybe *maybe = member;
	double value = row->kind == LOSS_PARAM_REAL      ? *(const double *)member
		       : row->kind == LOSS_PARAM_INTEGER ? (double)*(const int64_t *)member
							 : 0;

	switch (row->kind) {
	case LOSS_PARAM_REAL:
	case LOSS_PARAM_INTEGER:
		if (!row->required && value != row->init)
			set_param(dispute,
				  add_trial(dispute, "parameter",
					    "%s is %.9g, the default, instead of %.9g.", row->name,
					    row->init, value),
				  row->name,
				  row->kind == LOSS_PARAM_REAL
					  ? real_value(row->init)
					  : (struct loss_value){.kind = LOSS_VALUE_INTEGER,
								.integer = (int64_t)row->init,
								.real = row->init});
		return;
	case LOSS_PARAM_FLAG:
		set_param(dispute,
			  add_trial(dispute, "parameter", "%s is %s.", row->name,
				    *(const loss_flag *)member ? "false" : "true"),
			  row->name,
			  (struct loss_value){.kind = LOSS_VALUE_BOOL,
					      .integer = !*(const loss_flag *)member});
		return;
	case LOSS_PARAM_CHOICE:
		try_choices(dispute, row, *(const loss_choice *)member);
		return;
	case LOSS_PARAM_MAYBE:
		if (maybe->set)
			set_param(dispute,
				  add_trial(dispute, "parameter", "%s is left out, which is %.9g.",
					    row->name, maybe->value),
				  row->name, (struct loss_value){.kind = LOSS_VALUE_NULL});
		return;
	}
}

static void try_params(struct api_dispute *dispute)
{
	const struct loss_param_row *row;
	bool is_common;

	for (size_t i = 0; (row = loss_param_at(dispute->spec->loss, i, &is_common)); i++)
		/* Those have trials of their own. */
		if (strcmp(row->name, "reduction") && strcmp(row->name, "on_empty"))
			try_param(dispute, row, member_of(dispute, row, is_common));
}

/* ---- Changes of the inputs ----------------------------------------------------------- */

static void try_without(struct api_dispute *dispute)
{
	for (int i = 1; i < dispute->in_count; i++) {
		const struct loss_input_row *row = row_of(dispute->spec->loss, dispute->in[i].role);
		struct api_trial *trial = NULL;

		if (row && row->optional)
			trial = add_trial(dispute, "without_input", "%s is left out.",
					  loss_role_name(dispute->in[i].role));
		if (trial)
			trial->is_dropped[i] = true;
	}
}

static bool has_form(const struct loss *loss, enum loss_role role)
{
	const struct loss_input_row *row = loss_input_at(loss, 0);

	return row->role == role || row->forms & UINT32_C(1) << role;
}

static void try_roles(struct api_dispute *dispute)
{
	for (int role = LOSS_ROLE_LOGITS; role <= LOSS_ROLE_LOG_PROBS; role++) {
		struct api_trial *trial = NULL;

		if ((enum loss_role)role != dispute->in[0].role &&
		    has_form(dispute->spec->loss, (enum loss_role)role))
			trial = add_trial(dispute, "other_role", "%s are taken as %s.",
					  loss_role_name(dispute->in[0].role),
					  loss_role_name((enum loss_role)role));
		if (trial)
			trial->in[0].role = (enum loss_role)role;
	}
}

static enum api_activation activation_of(const struct loss *loss)
{
	return loss->traits & LOSS_HAS_SOFTMAX   ? API_SOFTMAX
	       : loss->traits & LOSS_HAS_SIGMOID ? API_SIGMOID
						 : API_NOT_ACTIVATED;
}

static const char *activation_name(enum api_activation activation)
{
	return activation == API_SOFTMAX ? "softmax" : "sigmoid";
}

/* Logits that the client has activated itself: then once more by the loss, or
 * taken as probabilities, where what is lost in rounding cannot be had back. */
static void try_activated(struct api_dispute *dispute)
{
	enum api_activation activation = activation_of(dispute->spec->loss);
	struct api_trial *trial;

	if (activation == API_NOT_ACTIVATED)
		return;
	trial = add_trial(dispute, "activated_twice", "%s is applied twice.",
			  activation_name(activation));
	if (trial) {
		trial->activated = activation;
		trial->in[0].role = LOSS_ROLE_LOGITS;
	}
	if (dispute->in[0].role != LOSS_ROLE_LOGITS ||
	    !has_form(dispute->spec->loss, LOSS_ROLE_PROBS))
		return;
	trial = add_trial(dispute, "activated_first",
			  "%s is applied first and rounded, and the loss taken of the "
			  "probabilities.",
			  activation_name(activation));
	if (trial) {
		trial->activated = activation;
		trial->in[0].role = LOSS_ROLE_PROBS;
	}
}

static void try_swapped(struct api_dispute *dispute)
{
	const struct loss_tensor *a = &dispute->in[0].tensor;
	struct api_trial *trial;
	int other = 0;

	for (int i = 1; i < dispute->in_count && !other; i++)
		if (row_of(dispute->spec->loss, dispute->in[i].role) ==
		    loss_input_at(dispute->spec->loss, 1))
			other = i;
	if (!other || dispute->in[other].tensor.dtype != a->dtype ||
	    dispute->in[other].tensor.rank != a->rank ||
	    memcmp(dispute->in[other].tensor.shape, a->shape, (size_t)a->rank * sizeof a->shape[0]))
		return;
	trial = add_trial(dispute, "swapped", "%s and %s change places.",
			  loss_role_name(dispute->in[0].role),
			  loss_role_name(dispute->in[other].role));
	if (!trial)
		return;
	trial->in[0].tensor = dispute->in[other].tensor;
	trial->in[other].tensor = *a;
	trial->has_gradients = false;
}

/* ---- Other losses ----------------------------------------------------------------------- */

/* A spec of another loss with the common parameters of this one. */
static bool make_other(const struct api_dispute *dispute, const struct loss *loss,
		       struct loss_spec *spec)
{
	struct loss_error err;

	loss_spec_init(spec, loss);
	spec->dtype = dispute->spec->dtype;
	spec->precision = dispute->spec->precision;
	spec->common = dispute->spec->common;
	return loss->reductions & 1u << spec->common.reduction && !loss_spec_check(spec, &err);
}

static void try_other_loss(struct api_dispute *dispute, const struct loss *loss)
{
	enum api_activation activation = activation_of(loss);
	struct loss_spec spec;
	struct api_trial *trial;

	if (!make_other(dispute, loss, &spec))
		return;
	trial = add_trial(dispute, "other_loss", "The loss is %s.", loss->name);
	if (trial) {
		trial->spec = spec;
		trial->changes_spec = true;
	}
	if (dispute->in[0].role != LOSS_ROLE_LOGITS || activation == API_NOT_ACTIVATED ||
	    !has_form(loss, LOSS_ROLE_PROBS))
		return;
	trial = add_trial(dispute, "other_loss",
			  "%s is applied first and rounded, and the loss is %s of the "
			  "probabilities, with its clamps.",
			  activation_name(activation), loss->name);
	if (trial) {
		trial->spec = spec;
		trial->activated = activation;
		trial->in[0].role = LOSS_ROLE_PROBS;
	}
}

/* Those of the same family. */
static void try_losses(struct api_dispute *dispute)
{
	const struct loss *loss;

	for (size_t i = 0; (loss = loss_at(i)); i++)
		if (loss != dispute->spec->loss &&
		    !strcmp(loss->family, dispute->spec->loss->family))
			try_other_loss(dispute, loss);
}

/* ---- The table ------------------------------------------------------------------------------ */

static const struct {
	void (*try)(struct api_dispute *dispute);
	bool is_view;
} hypotheses[] = {
	{try_factors, true},          {try_axes, true},
	{try_reductions, false},      {try_denominators, false},
	{try_unweighted_mean, false}, {try_class_axes, false},
	{try_without, false},         {try_params, false},
	{try_roles, false},           {try_activated, false},
	{try_swapped, false},         {try_losses, false},
};

void api_trials_make(struct api_dispute *dispute)
{
	dispute->trial_count = 0;
	for (size_t i = 0; i < sizeof hypotheses / sizeof hypotheses[0]; i++)
		if (!dispute->agrees && (hypotheses[i].is_view || dispute->is_single))
			hypotheses[i].try(dispute);
}
