/* Parameters of a spec: defaults, setting by name, checks; all from the rows. */
#include <stdio.h>

#include "loss_impl.h"

static const char *const reductions[] = {"none", "mean", "sum", "batchmean"};

/* The rows of struct loss_common, each with the trait a loss needs to have it. */
static const struct {
	struct loss_param_row row;
	uint32_t trait; /* 0: every loss */
} common[] = {
	{LOSS_PARAM(loss_common, reduction, ONE_OF("none", "mean", "sum", "batchmean"),
		    .doc = "What becomes of the unreduced losses."),
	 0},
	{LOSS_PARAM(
		 loss_common, normalizer, NOTHING, AT_LEAST(0),
		 .doc = "Replaces the denominator of the mean: the global count of a distributed "
			"batch, mmdet's avg_factor."),
	 0},
	{LOSS_PARAM(loss_common, on_empty, ONE_OF("nan", "zero", "error"),
		    .doc = "What the mean of nothing is."),
	 0},
	{LOSS_PARAM(loss_common, class_axis, NOTHING, AT_LEAST(-LOSS_RANK_MAX),
		    AT_MOST(LOSS_RANK_MAX - 1),
		    .doc = "The axis of the classes; 1 unless given, 0 for a single row."),
	 LOSS_HAS_CLASSES},
	{LOSS_PARAM(
		 loss_common, on_masked_row, ONE_OF("nan", "zero", "skip", "error"),
		 .doc = "What a row of nothing but -Infinity is: NaN, 0, 0 and not counted, or an "
			"error."),
	 LOSS_HAS_SOFTMAX},
};

enum { COMMON_ROWS = sizeof common / sizeof common[0] };

const struct loss_param_row *loss_param_at(const struct loss *loss, size_t index, bool *is_common)
{
	for (size_t i = 0; i < COMMON_ROWS; i++) {
		if (common[i].trait && !(loss->traits & common[i].trait))
			continue;
		if (index-- == 0) {
			*is_common = true;
			return &common[i].row;
		}
	}
	*is_common = false;
	return index < (size_t)loss->param_count ? &loss->params[index] : NULL;
}

static void *member_of(struct loss_spec *spec, const struct loss_param_row *row, bool is_common)
{
	char *base = is_common ? (char *)&spec->common : (char *)spec->params;

	return base + row->offset;
}

/* ---- Defaults ------------------------------------------------------------- */

static void init_member(void *member, const struct loss_param_row *row)
{
	switch (row->kind) {
	case LOSS_PARAM_REAL:
		*(double *)member = row->required ? NAN : row->init;
		return;
	case LOSS_PARAM_INTEGER:
		*(int64_t *)member = (int64_t)row->init;
		return;
	case LOSS_PARAM_FLAG:
		*(loss_flag *)member = row->init != 0;
		return;
	case LOSS_PARAM_CHOICE:
		*(loss_choice *)member = (loss_choice)row->init;
		return;
	case LOSS_PARAM_MAYBE:
		*(struct loss_maybe *)member =
			(struct loss_maybe){isnan(row->init) ? 0 : row->init, !isnan(row->init)};
		return;
	}
}

void loss_spec_init(struct loss_spec *spec, const struct loss *loss)
{
	const struct loss_param_row *row;
	bool is_common;

	*spec = (struct loss_spec){.loss = loss, .dtype = LOSS_FLOAT32};
	for (size_t i = 0; (row = loss_param_at(loss, i, &is_common)); i++)
		init_member(member_of(spec, row, is_common), row);
	spec->common.reduction = loss->reduction;
}

/* ---- Checks --------------------------------------------------------------- */

static bool within(double value, const struct loss_param_row *row)
{
	/* Written so that NaN fails. */
	bool low = row->min.kind == LOSS_UNBOUNDED ||
		   (row->min.kind == LOSS_OPEN ? value > row->min.value : value >= row->min.value);
	bool high = row->max.kind == LOSS_UNBOUNDED ||
		    (row->max.kind == LOSS_OPEN ? value < row->max.value : value <= row->max.value);

	return low && high && !isnan(value);
}

/* "above 0 and at most 1" */
static const char *bounds_text(char *buf, size_t bytes, const struct loss_param_row *row)
{
	size_t n = 0;

	buf[0] = '\0';
	if (row->min.kind != LOSS_UNBOUNDED)
		n = (size_t)snprintf(buf, bytes, " %s %g",
				     row->min.kind == LOSS_OPEN ? "above" : "of at least",
				     row->min.value);
	if (row->max.kind != LOSS_UNBOUNDED && n < bytes)
		snprintf(buf + n, bytes - n, "%s %s %g", n ? " and" : "",
			 row->max.kind == LOSS_OPEN ? "below" : "at most", row->max.value);
	return buf;
}

/* As JSON writes it here; printf's nan is nobody's. */
static const char *number_text(char *buf, size_t bytes, double value)
{
	if (isnan(value))
		return "NaN";
	if (isinf(value))
		return value < 0 ? "-Infinity" : "Infinity";
	snprintf(buf, bytes, "%.9g", value);
	return buf;
}

static enum loss_code check_number(double value, const struct loss_param_row *row,
				   struct loss_error *err)
{
	char bounds[80], text[32];

	if (isnan(value) && row->required)
		return loss_fail_param(err, LOSS_PARAM_REQUIRED, row->name, "must be given");
	if (within(value, row) && isfinite(value))
		return LOSS_OK;
	return loss_fail_param(err, LOSS_PARAM_RANGE, row->name, "%s, expected a finite number%s",
			       number_text(text, sizeof text, value),
			       bounds_text(bounds, sizeof bounds, row));
}

static int choice_count(const struct loss_param_row *row)
{
	int n = 0;

	while (n < LOSS_CHOICES_MAX && row->choices[n])
		n++;
	return n;
}

static enum loss_code check_member(const void *member, const struct loss_param_row *row,
				   struct loss_error *err)
{
	const struct loss_maybe *maybe = member;

	switch (row->kind) {
	case LOSS_PARAM_REAL:
		return check_number(*(const double *)member, row, err);
	case LOSS_PARAM_INTEGER:
		return check_number((double)*(const int64_t *)member, row, err);
	case LOSS_PARAM_MAYBE:
		return maybe->set ? check_number(maybe->value, row, err) : LOSS_OK;
	case LOSS_PARAM_CHOICE:
		if (*(const loss_choice *)member < (loss_choice)choice_count(row))
			return LOSS_OK;
		return loss_fail_param(err, LOSS_PARAM_RANGE, row->name,
				       "choice %llu does not exist", *(const loss_choice *)member);
	case LOSS_PARAM_FLAG:
		return LOSS_OK;
	}
	return LOSS_OK;
}

/* A loss has some of the reductions. */
static enum loss_code wrong_reduction(const struct loss *loss, const char *found,
				      struct loss_error *err)
{
	char allowed[80] = "";
	size_t n = 0;

	for (int i = 0; i < LOSS_REDUCTION_COUNT; i++)
		if (loss->reductions & 1u << i)
			n += (size_t)snprintf(allowed + n, sizeof allowed - n, "%s%s",
					      n ? ", " : "", reductions[i]);
	return loss_fail_param(err, LOSS_PARAM_RANGE, "reduction", "\"%.40s\", expected one of %s",
			       found, allowed);
}

static enum loss_code check_reduction(const struct loss_spec *spec, struct loss_error *err)
{
	loss_choice reduction = spec->common.reduction;

	if (reduction < LOSS_REDUCTION_COUNT && spec->loss->reductions & 1u << reduction)
		return LOSS_OK;
	return wrong_reduction(spec->loss,
			       reduction < LOSS_REDUCTION_COUNT ? reductions[reduction] : "?", err);
}

/* A number above its bound may not be so in float32, which the loss computes in. */
static enum loss_code check_narrowed(const void *member, const struct loss_param_row *row,
				     struct loss_error *err)
{
	const struct loss_maybe *maybe = member;
	double value = row->kind == LOSS_PARAM_REAL ? *(const double *)member : row->min.value + 1;
	char bounds[80];

	if (row->kind == LOSS_PARAM_MAYBE && maybe->set)
		value = maybe->value;
	if (row->min.kind != LOSS_OPEN || (double)(float)value > row->min.value)
		return LOSS_OK;
	return loss_fail_param(err, LOSS_PARAM_RANGE, row->name,
			       "%.9g, which is %.9g in float32, expected a number%s", value,
			       (double)(float)value, bounds_text(bounds, sizeof bounds, row));
}

enum loss_code loss_spec_check(const struct loss_spec *spec, struct loss_error *err)
{
	struct loss_spec copy = *spec;
	const struct loss_param_row *row;
	bool is_common;

	for (size_t i = 0; (row = loss_param_at(spec->loss, i, &is_common)); i++) {
		const void *member = member_of(&copy, row, is_common);
		enum loss_code code = check_member(member, row, err);

		if (!code && spec->dtype == LOSS_FLOAT32)
			code = check_narrowed(member, row, err);
		if (code)
			return code;
	}
	return check_reduction(spec, err);
}

double loss_eps_sum(const struct loss_spec *spec)
{
	double sum = 0;

	for (int i = 0; i < spec->loss->param_count; i++)
		if (spec->loss->params[i].is_eps)
			sum += *(const double *)(spec->params + spec->loss->params[i].offset);
	return sum;
}

double loss_param_number(const struct loss_spec *spec, const char *name, double absent)
{
	for (int i = 0; i < spec->loss->param_count; i++) {
		const struct loss_param_row *row = &spec->loss->params[i];
		const void *member = spec->params + row->offset;

		if (strcmp(row->name, name))
			continue;
		switch (row->kind) {
		case LOSS_PARAM_REAL:
			return *(const double *)member;
		case LOSS_PARAM_INTEGER:
			return (double)*(const int64_t *)member;
		case LOSS_PARAM_FLAG:
			return (double)*(const loss_flag *)member;
		case LOSS_PARAM_CHOICE:
			return (double)*(const loss_choice *)member;
		case LOSS_PARAM_MAYBE:
			return ((const struct loss_maybe *)member)->set
				       ? ((const struct loss_maybe *)member)->value
				       : absent;
		}
	}
	return absent;
}

/* ---- Setting one ---------------------------------------------------------- */

static enum loss_code wrong_type(const struct loss_param_row *row, const struct loss_value *value,
				 struct loss_error *err)
{
	static const char *const found[] = {"null", "a boolean", "an integer", "a number",
					    "a string"};
	static const char *const expected[] = {"a number", "an integer", "true or false",
					       "one of its names", "a number or null"};

	return loss_fail_param(err, LOSS_PARAM_TYPE, row->name, "%s, expected %s",
			       found[value->kind], expected[row->kind]);
}

static enum loss_code set_choice(loss_choice *member, const struct loss_param_row *row,
				 const struct loss_value *value, struct loss_error *err)
{
	char names[160];
	size_t n = 0;

	if (value->kind != LOSS_VALUE_TEXT)
		return wrong_type(row, value, err);
	names[0] = '\0';
	for (int i = 0; i < choice_count(row); i++) {
		if (!strcmp(row->choices[i], value->text)) {
			*member = (loss_choice)i;
			return LOSS_OK;
		}
		n += n < sizeof names ? (size_t)snprintf(names + n, sizeof names - n, "%s%s",
							 n ? ", " : "", row->choices[i])
				      : 0;
	}
	return loss_fail_param(err, LOSS_PARAM_RANGE, row->name, "\"%.40s\", expected one of %s",
			       value->text, names);
}

/* `member` is changed only when the value is right. */
static enum loss_code set_member(void *member, const struct loss_param_row *row,
				 const struct loss_value *value, struct loss_error *err)
{
	bool number = value->kind == LOSS_VALUE_REAL || value->kind == LOSS_VALUE_INTEGER;
	bool whole = value->kind == LOSS_VALUE_INTEGER ||
		     (value->kind == LOSS_VALUE_REAL && value->real == floor(value->real) &&
		      fabs(value->real) < 0x1p53);
	enum loss_code code = LOSS_OK;

	if (row->kind == LOSS_PARAM_CHOICE)
		return set_choice(member, row, value, err);
	if (row->kind == LOSS_PARAM_FLAG) {
		if (value->kind != LOSS_VALUE_BOOL)
			return wrong_type(row, value, err);
		*(loss_flag *)member = value->integer != 0;
		return LOSS_OK;
	}
	if (row->kind == LOSS_PARAM_MAYBE && value->kind == LOSS_VALUE_NULL) {
		*(struct loss_maybe *)member = (struct loss_maybe){0, 0};
		return LOSS_OK;
	}
	if (!number || (row->kind == LOSS_PARAM_INTEGER && !whole))
		return wrong_type(row, value, err);
	if ((code = check_number(value->real, row, err)))
		return code;
	if (row->kind == LOSS_PARAM_REAL)
		*(double *)member = value->real;
	else if (row->kind == LOSS_PARAM_MAYBE)
		*(struct loss_maybe *)member = (struct loss_maybe){value->real, 1};
	else
		*(int64_t *)member =
			value->kind == LOSS_VALUE_INTEGER ? value->integer : (int64_t)value->real;
	return LOSS_OK;
}

enum loss_code loss_rows_set(void *owner, const struct loss_param_row *row,
			     const struct loss_value *value, struct loss_error *err)
{
	return set_member((char *)owner + row->offset, row, value, err);
}

void loss_rows_init(void *owner, const struct loss_param_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		init_member((char *)owner + rows[i].offset, &rows[i]);
}

enum loss_code loss_param_set(struct loss_spec *spec, const char *name, struct loss_value value,
			      struct loss_error *err)
{
	const struct loss_param_row *row;
	bool is_common;

	for (size_t i = 0; (row = loss_param_at(spec->loss, i, &is_common)); i++) {
		if (strcmp(row->name, name))
			continue;
		struct loss_spec changed = *spec;
		enum loss_code code =
			set_member(member_of(&changed, row, is_common), row, &value, err);

		if (code == LOSS_PARAM_RANGE && !strcmp(name, "reduction"))
			return wrong_reduction(spec->loss, value.text, err);
		if (!code && !strcmp(name, "reduction"))
			code = check_reduction(&changed, err);
		if (!code)
			*spec = changed;
		return code;
	}
	return loss_fail_param(err, LOSS_UNKNOWN_PARAM, name, "%s has no such parameter",
			       spec->loss->name);
}

/* ---- Inputs --------------------------------------------------------------- */

/* What every loss takes, behind its own rows. */
static const struct loss_input_row common_inputs[] = {
	LOSS_INPUT(MASK, .kind = LOSS_KIND_BINARY, .shape = LOSS_SHAPE_UNITS, .optional = true,
		   .factor = true, .absent = 1),
	LOSS_INPUT(SAMPLE_WEIGHT, .kind = LOSS_KIND_REAL, .shape = LOSS_SHAPE_UNITS,
		   .optional = true, .factor = true, .absent = 1),
};

static bool has_own(const struct loss *loss, enum loss_role role)
{
	for (int i = 0; i < loss->input_count; i++)
		if (loss->inputs[i].role == role)
			return true;
	return false;
}

const struct loss_input_row *loss_input_at(const struct loss *loss, size_t index)
{
	size_t own = (size_t)loss->input_count;

	if (index < own)
		return &loss->inputs[index];
	index -= own;
	for (size_t i = 0; i < sizeof common_inputs / sizeof common_inputs[0]; i++)
		if (!has_own(loss, common_inputs[i].role) && index-- == 0)
			return &common_inputs[i];
	return NULL;
}

int loss_input_find(const struct loss *loss, enum loss_role role)
{
	const struct loss_input_row *row;

	for (size_t i = 0; (row = loss_input_at(loss, i)); i++)
		if (row->role == role || (row->forms | row->aliases) & UINT32_C(1) << role)
			return (int)i;
	return -1;
}
