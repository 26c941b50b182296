/*
 * Losses of sequences: frames of class scores against a list of labels.
 *
 * Phases:
 *   count  reads labels and lengths only: are they in range, how many
 *          sequences count
 *   main   one block a sequence: the sums over all alignments, value and
 *          gradient
 */
#include <stdio.h>

#include "loss_impl.h"

/* ---- One sequence --------------------------------------------------------- */

static const struct loss_operand *operand_of(const struct loss_eval *e, enum loss_role role)
{
	int at = loss_input_find(e->spec.loss, role);

	return at >= 0 && e->in[at].index >= 0 ? &e->in[at] : NULL;
}

static int64_t length_at(const struct loss_eval *e, enum loss_role role, int64_t n, int64_t absent)
{
	const struct loss_operand *lengths = operand_of(e, role);

	return lengths && lengths->data ? ((const int64_t *)lengths->data)[n] : absent;
}

/* A row of states has a blank around every label, and room at either end for
 * states that are not there. */
static int64_t row_of(int64_t labels)
{
	return 2 * labels + 1 + 24;
}

/* What so many sequences work on that have so many labels in all, in doubles.
 * Each has rows of two numbers a state (alpha of every frame, then beta, what is
 * behind it and the probabilities of one), a row of skips, two numbers a frame
 * and one a class. */
static bool room_for(const struct loss_eval *e, int64_t sequences, int64_t labels, int64_t *doubles)
{
	int64_t states, rows, rest;

	return !__builtin_mul_overflow(sequences, row_of(0), &states) &&
	       !__builtin_add_overflow(states, 2 * labels, &states) &&
	       !__builtin_mul_overflow(states, 2 * e->d + 7, &rows) &&
	       !__builtin_mul_overflow(sequences, 2 * e->d + e->c, &rest) &&
	       !__builtin_add_overflow(rows, rest, doubles);
}

/* The room of the sequences before n, which have so many labels. */
static double *room_behind(const struct loss_eval *e, int64_t n, int64_t labels)
{
	int64_t doubles = 0;

	(void)room_for(e, n, labels, &doubles);
	return (double *)e->work + doubles;
}

/* Where the labels of each sequence begin, behind the room of all. */
static int64_t *begins(const struct loss_eval *e)
{
	return (int64_t *)(void *)room_behind(e, e->n, e->labels_total);
}

/* In rows, or each behind those before it. */
static void find_begins(const struct loss_eval *e)
{
	int64_t *begin = begins(e), next = 0;

	for (int64_t n = 0; n < e->n; n++) {
		begin[n] = next;
		next += e->labels_in_a_row ? length_at(e, LOSS_ROLE_TARGET_LENGTHS, n, 0)
					   : e->labels_max;
	}
}

struct loss_sequence loss_sequence_of(const struct loss_eval *e, int64_t n)
{
	int64_t begin = begins(e)[n];
	struct loss_sequence sequence = {
		.frames = length_at(e, LOSS_ROLE_INPUT_LENGTHS, n, e->d),
		.labels = length_at(e, LOSS_ROLE_TARGET_LENGTHS, n, e->labels_max),
		.label = (const int64_t *)e->in[1].data + begin,
		.room = room_behind(e, n, begin),
	};

	sequence.row = row_of(sequence.labels);
	for (int64_t i = 1; i < sequence.labels; i++)
		sequence.repeats += sequence.label[i] == sequence.label[i - 1];
	return sequence;
}

/* ---- The count ------------------------------------------------------------ */

static bool is_length(int64_t length, int64_t most)
{
	return length >= 0 && length <= most;
}

static int64_t blank_of(const struct loss_eval *e)
{
	return (int64_t)loss_param_number(&e->spec, "blank", 0);
}

static bool is_label(const struct loss_eval *e, int64_t label)
{
	return label >= 0 && label < e->c && label != blank_of(e);
}

/* All lengths, and that labels in a row are as many as their lengths say. */
static bool lengths_fit(const struct loss_eval *e)
{
	int64_t sum = 0;

	for (int64_t n = 0; n < e->n; n++) {
		int64_t labels = length_at(e, LOSS_ROLE_TARGET_LENGTHS, n, e->labels_max);

		if (!is_length(labels, e->labels_max) ||
		    !is_length(length_at(e, LOSS_ROLE_INPUT_LENGTHS, n, e->d), e->d))
			return false;
		sum += labels;
		if (e->labels_in_a_row && sum > e->in[1].count)
			return false;
	}
	return !e->labels_in_a_row || sum == e->in[1].count;
}

static void count(const struct loss_eval *e, int64_t block, struct loss_partial *out)
{
	(void)block;
	if (!lengths_fit(e)) {
		out->flags |= LOSS_BAD_INDEX;
		return;
	}
	find_begins(e);
	for (int64_t n = 0; n < e->n; n++) {
		struct loss_sequence sequence = loss_sequence_of(e, n);

		for (int64_t i = 0; i < sequence.labels; i++)
			if (!is_label(e, sequence.label[i]))
				out->flags |= LOSS_BAD_INDEX;
		if (!loss_sequence_fits(&sequence) && loss_mask_leaves(e, n))
			out->flags |= LOSS_FLAG_EVENT;
		out->units += loss_mask_leaves(e, n);
	}
	out->count = (double)out->units;
}

/* ---- What only the data could show ---------------------------------------- */

static enum loss_code bad_length(const struct loss_eval *e, enum loss_role role, int64_t n,
				 int64_t most, const char *what, struct loss_error *err)
{
	loss_fail(err, LOSS_TARGET_RANGE, loss_role_name(role), "%lld %s, expected 0 to %lld",
		  (long long)length_at(e, role, n, 0), what, (long long)most);
	if (err && e->unit_rank > 0)
		snprintf(err->at, sizeof err->at, "/%lld", (long long)n);
	return LOSS_TARGET_RANGE;
}

static enum loss_code bad_label(const struct loss_eval *e, int64_t label, int64_t n, int64_t i,
				struct loss_error *err)
{
	if (label == blank_of(e))
		loss_fail(err, LOSS_TARGET_RANGE, loss_role_name(LOSS_ROLE_TARGETS),
			  "%lld, which is the blank and no label", (long long)label);
	else
		loss_fail(err, LOSS_TARGET_RANGE, loss_role_name(LOSS_ROLE_TARGETS),
			  "%lld, expected a label from 0 to %lld", (long long)label,
			  (long long)(e->c - 1));
	if (!err)
		return LOSS_TARGET_RANGE;
	if (e->in[1].rank > 1)
		snprintf(err->at, sizeof err->at, "/%lld/%lld", (long long)n, (long long)i);
	else
		snprintf(err->at, sizeof err->at, "/%lld", (long long)begins(e)[n] + (long long)i);
	return LOSS_TARGET_RANGE;
}

static enum loss_code report(const struct loss_eval *e, struct loss_error *err)
{
	for (int64_t n = 0; n < e->n; n++) {
		int64_t labels = length_at(e, LOSS_ROLE_TARGET_LENGTHS, n, e->labels_max);

		if (!is_length(length_at(e, LOSS_ROLE_INPUT_LENGTHS, n, e->d), e->d))
			return bad_length(e, LOSS_ROLE_INPUT_LENGTHS, n, e->d, "frames", err);
		if (!is_length(labels, e->labels_max))
			return bad_length(e, LOSS_ROLE_TARGET_LENGTHS, n, e->labels_max, "labels",
					  err);
	}
	if (!lengths_fit(e))
		return loss_fail(err, LOSS_SHAPE, loss_role_name(LOSS_ROLE_TARGET_LENGTHS),
				 "do not sum to the %lld targets that stand in a row",
				 (long long)e->in[1].count);
	for (int64_t n = 0; n < e->n; n++) {
		struct loss_sequence sequence = loss_sequence_of(e, n);

		for (int64_t i = 0; i < sequence.labels; i++)
			if (!is_label(e, sequence.label[i]))
				return bad_label(e, sequence.label[i], n, i, err);
	}
	return LOSS_OK;
}

/* ---- The plan ------------------------------------------------------------- */

/* n, c and d are sequences, classes and frames. */
static void units(struct loss_eval *e)
{
	e->d = e->rank > 1 ? e->shape[0] : 0;
	e->n = e->rank == 3 ? e->shape[1] : 1;
	e->c = e->rank > 0 ? e->shape[e->rank - 1] : 0;
	e->unit_rank = e->rank == 3;
	e->unit_shape[0] = e->n;
	e->units = e->n;
}

static enum loss_code check_lengths(const struct loss_eval *e, enum loss_role role,
				    struct loss_error *err)
{
	const struct loss_operand *lengths = operand_of(e, role);

	if (!lengths || (lengths->rank == e->unit_rank && lengths->count == e->n))
		return LOSS_OK;
	return loss_fail(err, LOSS_SHAPE, loss_role_name(role),
			 "%lld numbers in %d axes, expected one for each of the %lld sequences",
			 (long long)lengths->count, lengths->rank, (long long)e->n);
}

static enum loss_code check_labels(struct loss_eval *e, struct loss_error *err)
{
	const struct loss_operand *y = &e->in[1];
	char found[120];

	e->labels_in_a_row = e->rank == 3 && y->rank == 1;
	if (e->labels_in_a_row && !operand_of(e, LOSS_ROLE_TARGET_LENGTHS))
		return loss_fail(
			err, LOSS_MISSING_INPUT, loss_role_name(LOSS_ROLE_TARGET_LENGTHS),
			"must say where each sequence ends in targets that stand in a row");
	if (e->labels_in_a_row || (e->rank == 2 && y->rank == 1) ||
	    (y->rank == 2 && e->rank == 3 && y->shape[0] == e->n)) {
		e->labels_max = y->shape[y->rank - 1];
		e->labels_total = y->count;
		return LOSS_OK;
	}
	return loss_fail(err, LOSS_SHAPE, loss_role_name(LOSS_ROLE_TARGETS),
			 "shape %s, expected a row of labels for each of the %lld sequences",
			 loss_shape_text(found, sizeof found, y->rank, y->shape), (long long)e->n);
}

static enum loss_code check_shapes(struct loss_eval *e, struct loss_error *err)
{
	char found[120];
	enum loss_code code;

	if (e->rank != 2 && e->rank != 3)
		return loss_fail(err, LOSS_SHAPE, loss_role_name(e->form),
				 "shape %s, expected (frames, sequences, classes), or (frames, "
				 "classes) for one sequence",
				 loss_shape_text(found, sizeof found, e->rank, e->shape));
	if (blank_of(e) >= e->c)
		return loss_fail_param(err, LOSS_PARAM_RANGE, "blank",
				       "%lld, expected one of the %lld classes",
				       (long long)blank_of(e), (long long)e->c);
	if ((code = check_lengths(e, LOSS_ROLE_INPUT_LENGTHS, err)) ||
	    (code = check_lengths(e, LOSS_ROLE_TARGET_LENGTHS, err)))
		return code;
	return check_labels(e, err);
}

/* The room of all sequences and where their labels begin, in bytes. */
static bool room_of(struct loss_eval *e)
{
	int64_t numbers, bytes;

	if (e->labels_total > INT32_MAX || e->d > INT32_MAX / 4 || e->c > INT32_MAX ||
	    !room_for(e, e->n, e->labels_total, &numbers) ||
	    __builtin_add_overflow(numbers, e->n, &numbers) ||
	    __builtin_mul_overflow(numbers, (int64_t)sizeof(double), &bytes) ||
	    bytes > INT64_MAX / 2)
		return false;
	e->work_bytes = (size_t)bytes;
	return true;
}

static enum loss_code plan(struct loss_eval *e, struct loss_error *err)
{
	enum loss_code code = check_shapes(e, err);

	if (code)
		return code;
	if (!room_of(e))
		return loss_fail(err, LOSS_TOO_LARGE, loss_role_name(LOSS_ROLE_TARGETS),
				 "too many alignments to keep");
	e->block_units = 1;
	e->block_total = e->n;
	loss_add_phase(e, count, 1);
	loss_add_phase(e, e->kernels->main[e->form], e->n);
	return LOSS_OK;
}

static void combine(struct loss_eval *e, int phase)
{
	if (phase == 0)
		loss_settle_denominator(e, (double)e->total.units);
}

static int64_t unit_of(const struct loss_eval *e, int64_t element)
{
	return element / e->c % e->n;
}

const struct loss_family loss_sequence_family = {
	.divisor = "the sequences that count, the loss of each being divided by its labels",
	.units = units,
	.plan = plan,
	.combine = combine,
	.unit_of = unit_of,
	.report = report,
};
