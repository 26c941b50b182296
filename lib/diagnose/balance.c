/*
 * Findings about how the targets are spread over the classes.
 *
 * A small batch lacks classes and holds others twice: that is chance, and no
 * finding.  Each rule asks first whether targets that are drawn evenly could
 * look like this, and is silent where they could once in a billion batches.
 */
#include "classes.h"
#include "predictions.h"

/* ---- What chance allows ---------------------------------------------------- */

/* All of n targets of one class: c^(1 - n). */
static const double SINGLE_LOG_CHANCE = 30;

/* Some class without a target: c exp(-n / c). */
static const double ABSENT_LOG_CHANCE = 21;

enum {
	/* Below this many rows nothing is said at all. */
	BALANCE_ROWS_MIN = 16,
	/* One class has this many times the targets of another: from there on losses
	 * are commonly weighted. */
	IMBALANCE_RATIO_MIN = 10,
	/* Standard deviations of Pearson's statistic above its mean: its tail is long
	 * where targets are few. */
	IMBALANCE_DEVIATIONS_MIN = 20,
};

struct spread {
	double rows, classes;
	int64_t largest, smallest; /* classes; of those that occur */
	int64_t absent, first_absent;
	double chi2; /* Pearson's statistic against an even spread */
};

static struct spread spread_of(const struct balance *b)
{
	struct spread s = {.rows = (double)b->counted, .classes = (double)b->classes};
	double expected = s.rows / s.classes;
	int64_t least = 0;

	for (int64_t k = b->classes - 1; k >= 0; k--) {
		double apart = (double)b->counts[k] - expected;

		s.largest = b->counts[k] >= b->counts[s.largest] ? k : s.largest;
		if (b->counts[k] > 0 && (least == 0 || b->counts[k] <= least)) {
			least = b->counts[k];
			s.smallest = k;
		}
		s.absent += b->counts[k] == 0;
		s.first_absent = b->counts[k] == 0 ? k : s.first_absent;
		s.chi2 += apart * apart / expected;
	}
	return s;
}

static double ratio_of(const struct balance *b, const struct spread *s)
{
	return (double)b->counts[s->largest] / (double)b->counts[s->smallest];
}

static bool is_single(const struct balance *b, const struct spread *s)
{
	return b->counts[s->largest] == b->counted &&
	       (s->rows - 1) * log(s->classes) >= SINGLE_LOG_CHANCE;
}

static bool lacks_a_class(const struct spread *s)
{
	return s->absent > 0 && s->rows / s->classes >= ABSENT_LOG_CHANCE + log(s->classes);
}

static bool is_imbalanced(const struct balance *b, const struct spread *s)
{
	double freedom = s->classes - 1;

	return b->counts[s->largest] >= BALANCE_ROWS_MIN && ratio_of(b, s) >= IMBALANCE_RATIO_MIN &&
	       s->chi2 >= freedom + IMBALANCE_DEVIATIONS_MIN * sqrt(2 * freedom);
}

/* Does the loss see to it by itself, or was it told to? */
static bool handles_imbalance(const struct loss_eval *e)
{
	const struct loss_family *f = e->family;

	if (f == &loss_overlap_family || f == &loss_balanced_family ||
	    f == &loss_hard_negative_family)
		return true;
	if (e->class_weights || loss_param_number(&e->spec, "gamma", 0) > 0)
		return true;
	for (int i = 0; i < e->in_count; i++)
		if (e->in[i].data && e->in[i].row->role == LOSS_ROLE_POS_WEIGHT)
			return true;
	return false;
}

/* ---- Suggestions ----------------------------------------------------------- */

static void suggest_weights(struct balance *b)
{
	static const enum loss_weight_rule rules[LOSS_SUGGESTIONS_MAX] = {
		LOSS_WEIGHT_INVERSE_LOG_FREQUENCY, LOSS_WEIGHT_EFFECTIVE_NUMBER};
	struct loss_class_statistics *s = &b->statistics;

	s->counts = b->counts;
	for (int i = 0; i < LOSS_SUGGESTIONS_MAX; i++) {
		double *weights = b->suggested + i * b->classes;
		struct loss_weight_params params;

		loss_weight_init(&params);
		params.from = (loss_choice)rules[i];
		if (!loss_class_weights(&params, b->counts, b->classes, weights, NULL))
			s->suggestions[s->suggestion_count++] =
				(struct loss_suggestion){rules[i], weights};
	}
}

/* ---- The findings ---------------------------------------------------------- */

static void add_single(struct diagnosis *d, const struct spread *s)
{
	struct loss_finding *f =
		finding_add_batch(d, LOSS_FINDING_SINGLE_CLASS_TARGETS, LOSS_ROLE_TARGETS);

	finding_because(d, f, LOSS_FINDING_IGNORE_INDEX_COLLIDES);
	finding_operand(f, "count_total", s->rows);
	finding_operand(f, "class", (double)s->largest);
	finding_because(d, f, LOSS_FINDING_IGNORE_INDEX_COLLIDES);
}

static void add_absent(struct diagnosis *d, const struct spread *s)
{
	struct loss_finding *f = finding_add_batch(d, LOSS_FINDING_CLASS_ABSENT, LOSS_ROLE_TARGETS);

	finding_because(d, f, LOSS_FINDING_IGNORE_INDEX_COLLIDES);
	finding_operand(f, "absent", (double)s->absent);
	finding_operand(f, "classes", s->classes);
	finding_operand(f, "class", (double)s->first_absent);
}

static void add_imbalance(struct diagnosis *d, const struct spread *s)
{
	struct balance *b = d->balance;
	struct loss_finding *f =
		finding_add_batch(d, LOSS_FINDING_CLASS_IMBALANCE, LOSS_ROLE_TARGETS);

	finding_operand(f, "largest", (double)s->largest);
	finding_operand(f, "smallest", (double)s->smallest);
	finding_operand(f, "ratio", ratio_of(b, s));
	finding_operand(f, "count_largest", (double)b->counts[s->largest]);
	finding_operand(f, "count_smallest", (double)b->counts[s->smallest]);
	suggest_weights(b);
}

void find_in_balance(struct diagnosis *d)
{
	struct balance *b = d->balance;
	struct spread s;

	if (!b || !b->counts || b->counted < BALANCE_ROWS_MIN)
		return;
	s = spread_of(b);
	if (!is_single(b, &s) && !lacks_a_class(&s) && !is_imbalanced(b, &s))
		return;
	/* What a part of the rows looks like, all must be. */
	count_all_classes(d);
	s = spread_of(b);
	if (is_single(b, &s)) {
		add_single(d, &s);
		return;
	}
	if (lacks_a_class(&s))
		add_absent(d, &s);
	if (is_imbalanced(b, &s) && !handles_imbalance(d->e))
		add_imbalance(d, &s);
}
