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

/* ---- The whole ------------------------------------------------------------ */

static void write_statistics(struct api_text *text, const struct loss_statistics *s)
{
	api_text_open(text, '{');
	write_summaries(text, "inputs", s->inputs, s->input_count);
	write_summaries(text, "gradients", s->gradients, s->gradient_count);
	write_summary(text, "losses", &s->losses);
	api_text_close(text, '}');
}

void api_statistics_write(struct api_text *text, const struct api_item *item)
{
	if (!item->is_sum) {
		write_statistics(text, item->terms[0].diagnosis.statistics);
		return;
	}
	api_text_open(text, '{');
	api_text_member_open(text, "terms", '[');
	for (size_t i = 0; i < item->term_count; i++)
		write_statistics(text, item->terms[i].diagnosis.statistics);
	api_text_close(text, ']');
	api_text_close(text, '}');
}
