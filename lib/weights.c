/* Class weights from counts.
 *
 * inverse_log_frequency  ENet, Paszke et al. 2016 (a = 1.02)
 * balanced               scikit-learn's compute_class_weight
 * effective_number       Cui et al. 2019
 * median_frequency       Eigen and Fergus 2015, as SegNet uses it
 */
#include "loss_impl.h"

static const struct loss_param_row rows[] = {
	LOSS_PARAM(loss_weight_params, from, .required = true,
		   ONE_OF("inverse_log_frequency", "inverse_frequency", "balanced",
			  "effective_number", "median_frequency"),
		   .doc = "The rule that turns counts into weights."),
	LOSS_PARAM(loss_weight_params, a, .init = 1.02, ABOVE(0),
		   .doc = "inverse_log_frequency: added to the frequency; above 1, or a weight can "
			  "be negative or infinite."),
	LOSS_PARAM(loss_weight_params, beta, .init = 0.999, AT_LEAST(0), BELOW(1),
		   .doc = "effective_number: how fast further samples stop counting."),
	LOSS_PARAM(loss_weight_params, on_zero_count, ONE_OF("drop", "max_finite", "error"),
		   .doc = "The weight of a class that never occurs: 0, the largest finite weight, "
			  "or an error."),
};

enum { ROWS = sizeof rows / sizeof rows[0] };

const struct loss_param_row *loss_weight_param_at(size_t index)
{
	return index < ROWS ? &rows[index] : NULL;
}

void loss_weight_init(struct loss_weight_params *params)
{
	loss_rows_init(params, rows, ROWS);
}

enum loss_code loss_weight_set(struct loss_weight_params *params, const char *name,
			       struct loss_value value, struct loss_error *err)
{
	for (size_t i = 0; i < ROWS; i++)
		if (!strcmp(rows[i].name, name))
			return loss_rows_set(params, &rows[i], &value, err);
	return loss_fail_param(err, LOSS_UNKNOWN_PARAM, name,
			       "class weights have no such parameter");
}

/* The count of rank `rank` among the positive ones, by bisection over the
 * values: nothing may be allocated here, and the counts are const. */
static int64_t ranked_count(const int64_t *counts, int64_t c, int64_t rank)
{
	int64_t low = 1, high = INT64_MAX;

	while (low < high) {
		int64_t middle = low + (high - low) / 2, below = 0;

		for (int64_t k = 0; k < c; k++)
			below += counts[k] > 0 && counts[k] <= middle;
		if (below > rank)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* The median of the positive counts: the mean of the two in the middle. */
static double median_count(const int64_t *counts, int64_t c)
{
	int64_t present = 0;

	for (int64_t k = 0; k < c; k++)
		present += counts[k] > 0;
	return ((double)ranked_count(counts, c, (present - 1) / 2) +
		(double)ranked_count(counts, c, present / 2)) /
	       2;
}

static double weight_of(const struct loss_weight_params *params, double count, double total,
			double c, double median)
{
	switch ((enum loss_weight_rule)params->from) {
	case LOSS_WEIGHT_INVERSE_LOG_FREQUENCY:
		return 1 / log(params->a + count / total);
	case LOSS_WEIGHT_INVERSE_FREQUENCY:
		return total / count;
	case LOSS_WEIGHT_BALANCED:
		return total / (c * count);
	case LOSS_WEIGHT_EFFECTIVE_NUMBER:
		return (1 - params->beta) / -expm1(count * log(params->beta));
	case LOSS_WEIGHT_MEDIAN_FREQUENCY:
		return median / count;
	case LOSS_WEIGHT_RULE_COUNT:
		break;
	}
	return NAN;
}

enum loss_code loss_class_weights(const struct loss_weight_params *params, const int64_t *counts,
				  int64_t c, double *weights, struct loss_error *err)
{
	double total = 0, largest = 0, median;

	for (int64_t k = 0; k < c; k++) {
		if (counts[k] < 0)
			return loss_fail_param(err, LOSS_PARAM_RANGE, "counts", "a negative count");
		if (counts[k] == 0 && params->on_zero_count == LOSS_ZERO_ERROR)
			return loss_fail_param(
				err, LOSS_PARAM_RANGE, "counts",
				"class %lld never occurs, and on_zero_count is error",
				(long long)k);
		total += (double)counts[k];
	}
	median = params->from == LOSS_WEIGHT_MEDIAN_FREQUENCY && total > 0 ? median_count(counts, c)
									   : 0;
	for (int64_t k = 0; k < c; k++) {
		weights[k] =
			counts[k] ? weight_of(params, (double)counts[k], total, (double)c, median)
				  : 0;
		if (isfinite(weights[k]) && weights[k] > largest)
			largest = weights[k];
	}
	for (int64_t k = 0; k < c; k++)
		if (counts[k] == 0 && params->on_zero_count == LOSS_ZERO_MAX_FINITE)
			weights[k] = largest;
	return LOSS_OK;
}
