/* What `full` adds to the diagnostics: the statistics of loss_diagnose.h. */
#include "diagnostics.h"

/* ---- Tensors -------------------------------------------------------------- */

static void write_quantiles(struct api_text *text, const struct loss_summary *s)
{
	static const char *const names[] = {
#define X(percent) "p" #percent,
		LOSS_QUANTILES(X)
#undef X
	};

	api_text_member_open(text, "quantiles", '{');
	for (int i = 0; i < LOSS_QUANTILE_COUNT; i++)
		api_text_member_real(text, names[i], s->quantiles[i]);
	api_text_close(text, '}');
	api_text_member_bool(text, "sampled", s->quantile_count < s->finite);
	api_text_member_integer(text, "quantile_count", s->quantile_count);
}

static void write_by_type(struct api_text *text, const char *key, const double *values)
{
	static const char *const names[] = {
#define X(name, text, largest, smallest) #text,
		LOSS_NARROW_TYPES(X)
#undef X
	};

	api_text_member_open(text, key, '{');
	for (int i = 0; i < LOSS_NARROW_COUNT; i++)
		api_text_member_real(text, names[i], values[i]);
	api_text_close(text, '}');
}

static void write_summary(struct api_text *text, const char *key, const struct loss_summary *s)
{
	api_text_member_open(text, key, '{');
	api_text_member_integer(text, "count", s->count);
	api_text_member_integer(text, "finite", s->finite);
	api_text_member_integer(text, "nan", s->nan);
	api_text_member_integer(text, "pos_inf", s->pos_inf);
	api_text_member_integer(text, "neg_inf", s->neg_inf);
	api_text_member_integer(text, "zeros", s->zeros);
	api_text_member_integer(text, "subnormals", s->subnormals);
	if (s->saturated >= 0)
		api_text_member_integer(text, "saturated", s->saturated);
	api_text_member_real(text, "min", s->min);
	api_text_member_real(text, "max", s->max);
	api_text_member_real(text, "mean", s->mean);
	api_text_member_real(text, "std", s->std);
	api_text_member_real(text, "norm", s->norm);
	api_text_member_real(text, "smallest", s->smallest);
	write_quantiles(text, s);
	write_by_type(text, "headroom", s->headroom);
	write_by_type(text, "footroom", s->footroom);
	api_text_close(text, '}');
}

static void write_summaries(struct api_text *text, const char *key,
			    const struct loss_tensor_summary *summaries, int count)
{
	api_text_member_open(text, key, '{');
	for (int i = 0; i < count; i++)
		write_summary(text, loss_role_name(summaries[i].role), &summaries[i].summary);
	api_text_close(text, '}');
}

/* ---- Places ---------------------------------------------------------------- */

static void write_place(struct api_text *text, const int64_t *place, int rank)
{
	api_text_member_open(text, "at", '[');
	for (int axis = 0; axis < rank; axis++)
		api_text_integer(text, place[axis]);
	api_text_close(text, ']');
}

/* ---- Precision ------------------------------------------------------------- */

static void write_cancellation(struct api_text *text, const struct loss_cancellation *c,
			       int64_t units)
{
	if (!c->units)
		return;
	api_text_member_open(text, "cancellation", '{');
	api_text_member_integer(text, "rows", c->units);
	api_text_member_bool(text, "sampled", c->units < units);
	api_text_member_real(text, "sum", c->sum);
	api_text_member_real(text, "sum_float64", c->exact);
	api_text_member_real(text, "relative_error", c->relative_error);
	api_text_member_real(text, "digits_lost", c->digits_lost);
	api_text_close(text, '}');
}

static void write_gradient_sample(struct api_text *text, const struct loss_gradient_check *check,
				  const struct loss_gradient_sample *s)
{
	api_text_open(text, '{');
	api_text_member(text, "input", loss_role_name(s->role));
	write_place(text, s->place, check->place_rank);
	api_text_member_real(text, "gradient", s->given);
	api_text_member_real(text, "difference", s->numeric);
	api_text_member_real(text, "error", s->error);
	api_text_member_bool(text, "kink", s->is_kink);
	api_text_close(text, '}');
}

static void write_gradient_check(struct api_text *text, const struct loss_gradient_check *check)
{
	if (!check->count)
		return;
	api_text_member_open(text, "gradient_check", '{');
	api_text_member_real(text, "worst", check->worst);
	api_text_member_open(text, "samples", '[');
	for (int i = 0; i < check->count; i++)
		write_gradient_sample(text, check, &check->samples[i]);
	api_text_close(text, ']');
	api_text_close(text, '}');
}

/* ---- Classes --------------------------------------------------------------- */

static void write_bins(struct api_text *text, const struct loss_class_statistics *c)
{
	api_text_member_open(text, "calibration", '{');
	api_text_member_real(text, "error", c->calibration_error);
	api_text_member_open(text, "bins", '[');
	for (int i = 0; i < LOSS_CALIBRATION_BINS; i++) {
		api_text_open(text, '{');
		api_text_member_integer(text, "count", c->bins[i].count);
		api_text_member_real(text, "confidence", c->bins[i].confidence);
		api_text_member_real(text, "accuracy", c->bins[i].accuracy);
		api_text_close(text, '}');
	}
	api_text_close(text, ']');
	api_text_close(text, '}');
}

static void write_class_rows(struct api_text *text, const struct loss_class_statistics *c)
{
	api_text_member_open(text, "per_class", '[');
	for (int64_t i = 0; i < c->row_count; i++) {
		const struct loss_class_row *row = &c->class_rows[i];

		api_text_open(text, '{');
		api_text_member_integer(text, "class", row->index);
		api_text_member_integer(text, "count", row->count);
		api_text_member_real(text, "loss", row->loss);
		api_text_member_integer(text, "predicted_rows", row->predicted_rows);
		api_text_member_integer(text, "correct", row->correct);
		api_text_close(text, '}');
	}
	api_text_close(text, ']');
	api_text_member_bool(text, "truncated", c->row_count < c->classes);
}

static void write_matrix(struct api_text *text, const struct loss_class_statistics *c)
{
	api_text_member_open(text, "confusion", '[');
	for (int64_t given = 0; given < c->classes; given++) {
		api_text_open(text, '[');
		for (int64_t predicted = 0; predicted < c->classes; predicted++)
			api_text_integer(text, c->confusion[given * c->classes + predicted]);
		api_text_close(text, ']');
	}
	api_text_close(text, ']');
}

static void write_cells(struct api_text *text, const struct loss_class_statistics *c)
{
	api_text_member_open(text, "confused", '[');
	for (int64_t i = 0; i < c->cell_count; i++) {
		api_text_open(text, '{');
		api_text_member_integer(text, "given", c->cells[i].given);
		api_text_member_integer(text, "predicted", c->cells[i].predicted);
		api_text_member_integer(text, "count", c->cells[i].count);
		api_text_close(text, '}');
	}
	api_text_close(text, ']');
}

/* ---- Against an imbalance ---------------------------------------------------- */

static const char *rule_name(enum loss_weight_rule rule)
{
	static const char *const names[] = {
#define X(name, text, formula) text,
		LOSS_WEIGHT_RULES(X)
#undef X
	};

	return names[rule];
}

/* `weight` as a request takes it, and what it comes to. */
static void write_weights(struct api_text *text, const struct loss_class_statistics *c,
			  const struct loss_suggestion *suggestion)
{
	api_text_open(text, '{');
	api_text_member_open(text, "weight", '{');
	api_text_member(text, "from", rule_name(suggestion->rule));
	api_text_member_open(text, "counts", '[');
	for (int64_t k = 0; k < c->classes; k++)
		api_text_integer(text, c->counts[k]);
	api_text_close(text, ']');
	api_text_close(text, '}');
	api_text_member_open(text, "weights", '[');
	for (int64_t k = 0; k < c->classes; k++)
		api_text_real(text, suggestion->weights[k]);
	api_text_close(text, ']');
	api_text_close(text, '}');
}

/* The losses of the catalogue that live with an imbalance: of rows and of
 * elements. */
static const char *const suited[2][5] = {
	{"softmax_focal"},
	{"sigmoid_focal", "balanced_bce", "ohem_balanced_bce", "dice"},
};

static void write_suggestions(struct api_text *text, const struct loss_class_statistics *c,
			      bool is_binary)
{
	if (!c->suggestion_count)
		return;
	api_text_member_open(text, "against_imbalance", '{');
	if (is_binary) {
		api_text_member_real(text, "pos_weight",
				     (double)c->counts[0] / (double)c->counts[1]);
	} else if (c->classes <= LOSS_CLASSES_LISTED_MAX) {
		api_text_member_open(text, "weights", '[');
		for (int i = 0; i < c->suggestion_count; i++)
			write_weights(text, c, &c->suggestions[i]);
		api_text_close(text, ']');
	}
	api_text_member_open(text, "losses", '[');
	for (const char *const *name = suited[is_binary]; *name; name++)
		if (loss_find(*name))
			api_text_string(text, *name);
	api_text_close(text, ']');
	api_text_close(text, '}');
}

static void write_classes(struct api_text *text, const struct loss *loss,
			  const struct loss_class_statistics *c)
{
	if (!c)
		return;
	api_text_member_open(text, "classes", '{');
	api_text_member_integer(text, "count", c->classes);
	api_text_member_integer(text, "rows", c->rows);
	api_text_member_integer(text, "counted_rows", c->counted_rows);
	api_text_member_integer(text, "predicted_rows", c->predicted_rows);
	api_text_member_real(text, "accuracy", c->accuracy);
	write_bins(text, c);
	write_class_rows(text, c);
	if (c->confusion)
		write_matrix(text, c);
	else
		write_cells(text, c);
	write_suggestions(text, c, !(loss->traits & LOSS_HAS_CLASSES));
	api_text_close(text, '}');
}

static void write_hardest(struct api_text *text, const struct loss_statistics *s)
{
	api_text_member_open(text, "hardest", '[');
	for (int i = 0; i < s->hardest_count; i++) {
		const struct loss_hard_row *row = &s->hardest[i];

		api_text_open(text, '{');
		write_place(text, row->place, s->place_rank);
		api_text_member_real(text, "loss", row->loss);
		if (row->given >= 0)
			api_text_member_integer(text, "given", row->given);
		if (row->predicted >= 0) {
			api_text_member_integer(text, "predicted", row->predicted);
			api_text_member_real(text, "confidence", row->confidence);
		}
		api_text_close(text, '}');
	}
	api_text_close(text, ']');
}

/* ---- The whole ------------------------------------------------------------ */

static void write_statistics(struct api_text *text, const struct api_term *term)
{
	const struct loss_statistics *s = term->diagnosis.statistics;

	api_text_open(text, '{');
	write_summaries(text, "inputs", s->inputs, s->input_count);
	write_summaries(text, "gradients", s->gradients, s->gradient_count);
	write_summary(text, "losses", &s->losses);
	write_cancellation(text, &s->cancellation, term->plan.rows);
	write_classes(text, term->spec.loss, s->classes);
	write_hardest(text, s);
	write_gradient_check(text, &s->check);
	api_text_close(text, '}');
}

void api_statistics_write(struct api_text *text, const struct api_item *item)
{
	if (!item->is_sum) {
		write_statistics(text, &item->terms[0]);
		return;
	}
	api_text_open(text, '{');
	api_text_member_open(text, "terms", '[');
	for (size_t i = 0; i < item->term_count; i++)
		write_statistics(text, &item->terms[i]);
	api_text_close(text, ']');
	api_text_close(text, '}');
}
