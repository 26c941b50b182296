/* Only blocks whose largest loss is large enough are looked into. */
#include "classes.h"
#include "hardest.h"
#include "kernels.h"
#include "predictions.h"
#include "select.h"

/* A look at each unit whose finite loss is above a bound that may rise. */
typedef void hard_fn(struct diagnosis *d, int64_t unit, double loss, void *context);

static void each_above(struct diagnosis *d, const double *bound, hard_fn *visit, void *context)
{
	const struct loss_eval *e = d->e;

	for (int64_t begin = 0; begin < e->units; begin += SUMMARY_BLOCK) {
		int64_t end = loss_min_i64(begin + SUMMARY_BLOCK, e->units);

		if (!(d->most[begin / SUMMARY_BLOCK] > *bound))
			continue;
		for (int64_t unit = begin; unit < end; unit++) {
			double loss = real_at(e, d->losses, unit);

			if (loss > *bound && isfinite(loss))
				visit(d, unit, loss, context);
		}
	}
}

/* ---- The hardest ----------------------------------------------------------- */

struct hardest {
	struct top top;
	double bound; /* the least of those kept, once there are enough */
};

static void keep(struct diagnosis *d, int64_t unit, double loss, void *context)
{
	struct hardest *h = context;

	if (!unit_counts(d->e, unit))
		return;
	top_offer(&h->top, loss, unit);
	if (h->top.count == h->top.most)
		h->bound = h->top.items[0].value;
}

static void write_place(const struct loss_eval *e, int64_t unit, int64_t *place)
{
	for (int axis = e->unit_rank - 1; axis >= 0; axis--) {
		place[axis] = unit % e->unit_shape[axis];
		unit /= e->unit_shape[axis];
	}
}

void write_hardest(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	struct loss_statistics *s = d->statistics;
	struct top_item items[LOSS_HARDEST_MAX];
	struct hardest h = {{items, LOSS_HARDEST_MAX, 0}, -(double)INFINITY};

	each_above(d, &h.bound, keep, &h);
	top_sort(&h.top);
	s->place_rank = e->unit_rank;
	s->hardest_count = (int)h.top.count;
	for (int i = 0; i < s->hardest_count; i++) {
		struct loss_hard_row *row = &s->hardest[i];
		struct prediction p = {.given = -1, .predicted = -1, .confidence = (double)NAN};

		if (d->balance && rows_are_units(e))
			p = predict(d, items[i].index);
		*row = (struct loss_hard_row){.loss = items[i].value,
					      .given = p.given,
					      .predicted = p.predicted,
					      .confidence = p.confidence};
		write_place(e, items[i].index, row->place);
	}
}

/* ---- Suspect labels --------------------------------------------------------- */

/*
 * A label is suspect where the loss lies far outside the batch and the
 * prediction is sure of another class.  "Far" is Tukey's fence of an outlier
 * (3 interquartile ranges above the upper quartile), much further out: of losses
 * that are normal or exponential, none in a hundred million lies beyond it.
 */
static const double SUSPECT_RANGES = 8;
static const double SUSPECT_CONFIDENCE = 0.99;
/* Where predictions are wrong all over, it is not the labels that are. */
static const double SUSPECT_ACCURACY_MIN = 0.8;
/* Where half of the losses are next to equal the range says nothing: it counts
 * as no less than this share of the median. */
static const double SUSPECT_RANGE_MIN = 0.1;

enum {
	SUSPECT_ROWS_MIN = 32, /* fewer have no quartiles to speak of */
	/* More than one row in so many are no outliers: the model is wrong, not they. */
	SUSPECT_ROWS_SHARE = 10,
};

static bool is_suspect(struct diagnosis *d, int64_t unit)
{
	struct prediction p;

	if (!unit_counts(d->e, unit))
		return false;
	p = predict(d, unit);
	return p.given >= 0 && p.predicted >= 0 && p.given != p.predicted &&
	       p.confidence >= SUSPECT_CONFIDENCE;
}

static void count_suspect(struct diagnosis *d, int64_t unit, double loss, void *context)
{
	int64_t *count = context;

	(void)loss;
	*count += is_suspect(d, unit);
}

static void add_suspect(struct diagnosis *d, int64_t unit, double loss, void *context)
{
	(void)loss, (void)context;
	if (is_suspect(d, unit))
		finding_add(d, LOSS_FINDING_SUSPECT_LABELS, LOSS_ROLE_TARGETS, PLACE_UNIT, unit);
}

static double fence_of(const struct loss_summary *losses)
{
	const double *q = losses->quantiles;
	double range = q[LOSS_P75] - q[LOSS_P25];

	return q[LOSS_P75] + SUSPECT_RANGES * fmax(range, SUSPECT_RANGE_MIN * fabs(q[LOSS_P50]));
}

void find_suspect_labels(struct diagnosis *d)
{
	double fence = fence_of(&d->loss_summary);
	struct loss_finding *f;
	struct prediction p;
	int64_t count = 0;

	if (!d->balance || !rows_are_units(d->e) || d->loss_summary.finite < SUSPECT_ROWS_MIN ||
	    !(d->balance->statistics.accuracy >= SUSPECT_ACCURACY_MIN))
		return;
	each_above(d, &fence, count_suspect, &count);
	if (count == 0 || count > d->loss_summary.finite / SUSPECT_ROWS_SHARE)
		return;
	each_above(d, &fence, add_suspect, NULL);
	f = finding_of(d, LOSS_FINDING_SUSPECT_LABELS, LOSS_ROLE_TARGETS);
	if (f->place_count == 0)
		return;
	p = predict(d, finding_first(d, f));
	finding_operand(f, "loss", real_at(d->e, d->losses, finding_first(d, f)));
	finding_operand(f, "given", (double)p.given);
	finding_operand(f, "predicted", (double)p.predicted);
	finding_operand(f, "confidence", p.confidence);
}
