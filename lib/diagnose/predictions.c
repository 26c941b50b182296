/* Rows and their classes. */
#include "kernels.h"
#include "predictions.h"

static bool is_binary(const struct loss_eval *e)
{
	return !is_rowwise(e) && e->spec.loss->traits & LOSS_HAS_SIGMOID &&
	       (e->form == LOSS_ROLE_LOGITS || e->form == LOSS_ROLE_PROBS) &&
	       has_element_targets(e);
}

int64_t class_count(const struct loss_eval *e)
{
	if (is_rowwise(e))
		return e->c >= 2 ? e->c : 0;
	return is_binary(e) ? 2 : 0;
}

int64_t class_rows(const struct loss_eval *e)
{
	return is_rowwise(e) ? e->n * e->d : e->elements;
}

bool rows_are_units(const struct loss_eval *e)
{
	return e->units == class_rows(e);
}

bool class_row_counts(const struct loss_eval *e, int64_t row)
{
	if (rows_are_units(e))
		return unit_counts(e, row);
	return is_rowwise(e) || unit_counts(e, unit_of(e, row));
}

/* ---- Softmax -------------------------------------------------------------- */

/* The scores of a row, where need be copied together. */
static const void *scores_of(struct diagnosis *d, const void *data, int64_t row)
{
	const struct loss_eval *e = d->e;
	size_t bytes = loss_dtype_bytes(e->spec.dtype);
	const char *first =
		(const char *)data + (size_t)(row / e->d * e->c * e->d + row % e->d) * bytes;

	if (e->d == 1)
		return first;
	for (int64_t k = 0; k < e->c; k++)
		memcpy((char *)d->row + (size_t)k * bytes, first + (size_t)(k * e->d) * bytes,
		       bytes);
	return d->row;
}

static struct row_top top_of(const struct loss_eval *e, const void *scores, int64_t c)
{
	struct row_top top;

	diagnose_kernels_of(e->spec.dtype == LOSS_FLOAT64)->top(scores, c, &top);
	return top;
}

/* exp of a number and of 0, by the kernels: the bits of libm are its own. */
static struct row_top top_beside_0(const struct loss_eval *e, double x)
{
	float narrow[] = {0, (float)x};
	double wide[] = {0, x};

	return e->spec.dtype == LOSS_FLOAT32 ? top_of(e, narrow, 2) : top_of(e, wide, 2);
}

static bool is_one(const struct loss_eval *e, double p)
{
	return e->spec.dtype == LOSS_FLOAT32 ? (float)p == 1 : p == 1;
}

static void predict_row(struct diagnosis *d, int64_t row, struct prediction *p)
{
	const struct loss_eval *e = d->e;
	struct row_top top = top_of(e, scores_of(d, e->in[0].data, row), e->c);

	p->predicted = top.index;
	if (top.index < 0)
		return;
	p->confidence = top.max;
	if (e->form == LOSS_ROLE_LOGITS)
		p->confidence = 1 / top.sum;
	if (e->form == LOSS_ROLE_LOG_PROBS)
		p->confidence = top_beside_0(e, top.max).sum - 1;
	p->is_certain = is_one(e, p->confidence);
}

/* ---- Sigmoid -------------------------------------------------------------- */

static void predict_element(struct diagnosis *d, int64_t element, struct prediction *p)
{
	const struct loss_eval *e = d->e;
	struct saturation bounds = saturation_of(e, 0);
	double x = real_at(e, e->in[0].data, element);

	if (isnan(x))
		return;
	if (e->form == LOSS_ROLE_LOGITS) {
		p->predicted = x > 0;
		p->confidence = isinf(x) ? 1 : 1 / top_beside_0(e, fabs(x)).sum;
	} else {
		p->predicted = x > 0.5;
		p->confidence = x > 0.5 ? x : 1 - x;
	}
	p->is_certain = x <= bounds.low || x >= bounds.high;
}

/* ---- Both ----------------------------------------------------------------- */

int64_t class_given(struct diagnosis *d, int64_t row)
{
	const struct loss_eval *e = d->e;
	double y;

	if (e->hard) {
		int64_t index = ((const int64_t *)e->in[1].data)[row];

		return index >= 0 && index < e->c ? index : -1;
	}
	if (is_rowwise(e))
		return top_of(e, scores_of(d, e->in[1].data, row), e->c).index;
	y = real_at(e, e->in[1].data, row);
	return isnan(y) ? -1 : y >= 0.5;
}

struct prediction predict(struct diagnosis *d, int64_t row)
{
	struct prediction p = {
		.given = class_given(d, row), .predicted = -1, .confidence = (double)NAN};

	if (is_rowwise(d->e))
		predict_row(d, row, &p);
	else
		predict_element(d, row, &p);
	return p;
}
