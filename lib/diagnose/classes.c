/* Per class: rows, losses, predictions; who is taken for whom; how far the
 * confidence of predictions can be trusted. */
#include "classes.h"
#include "predictions.h"
#include "select.h"

_Static_assert((int)PREDICTED_ROWS_MAX <= (int)QUANTILE_ALL, "a key for each prediction");

/* ---- Room ----------------------------------------------------------------- */

static bool is_matrix(int64_t classes)
{
	return classes <= LOSS_CONFUSION_CLASSES_MAX;
}

static void lay_out_counts(struct balance *b, struct room *room)
{
	size_t c = (size_t)b->classes;

	b->counts = room_take(room, c, sizeof *b->counts);
	b->predicted = room_take(room, c, sizeof *b->predicted);
	b->correct = room_take(room, c, sizeof *b->correct);
	b->losses = room_take(room, c, sizeof *b->losses);
	b->suggested = room_take(room, LOSS_SUGGESTIONS_MAX * c, sizeof *b->suggested);
	b->listed = room_take(room, LOSS_CLASSES_LISTED_MAX, sizeof *b->listed);
	b->items = room_take(room, LOSS_CLASSES_LISTED_MAX, sizeof *b->items);
}

void lay_out_classes(struct diagnosis *d, struct room *room)
{
	const struct loss_eval *e = d->e;
	int64_t classes = class_count(e);
	struct balance none = {0}, *b;

	if (!classes)
		return;
	d->row = room_take(room, (size_t)e->c, sizeof(double));
	b = d->balance = room_take(room, 1, sizeof *b);
	/* Where memory is only counted there is none to write to. */
	if (!b)
		b = &none;
	*b = (struct balance){.classes = classes};
	if (classes <= COUNTED_CLASSES_MAX)
		lay_out_counts(b, room);
	if (is_matrix(classes))
		b->confusion = room_take(room, (size_t)(classes * classes), sizeof *b->confusion);
	else
		b->cells = room_take(room, LOSS_CONFUSION_CELLS_MAX, sizeof *b->cells);
}

/* ---- Counts --------------------------------------------------------------- */

static void clear(void *numbers, int64_t count)
{
	memset(numbers, 0, (size_t)count * sizeof(int64_t));
}

static void count_row(struct diagnosis *d, int64_t row)
{
	struct balance *b = d->balance;
	int64_t given = class_row_counts(d->e, row) ? class_given(d, row) : -1;

	if (given < 0)
		return;
	b->counted++;
	b->counts[given]++;
	b->losses[given] += rows_are_units(d->e) ? real_at(d->e, d->losses, row) : (double)NAN;
}

static void count_rows(struct diagnosis *d, int64_t most)
{
	struct balance *b = d->balance;
	int64_t rows = class_rows(d->e), taken = loss_min_i64(rows, most);

	b->counted = 0;
	clear(b->counts, b->classes);
	clear(b->losses, b->classes);
	for (int64_t i = 0; i < taken; i++)
		count_row(d, spread_place(i, taken, rows));
}

void count_all_classes(struct diagnosis *d)
{
	if (d->balance->counted < class_rows(d->e))
		count_rows(d, INT64_MAX);
}

/* ---- Predictions ---------------------------------------------------------- */

static int64_t predicted_rows(const struct loss_eval *e)
{
	int64_t scores = PREDICTED_SCORES_MAX / loss_max_i64(e->c, 1);

	return loss_min_i64(class_rows(e),
			    loss_min_i64(PREDICTED_ROWS_MAX, loss_max_i64(scores, 16)));
}

static struct loss_calibration_bin *bin_of(struct loss_class_statistics *s, double confidence)
{
	int bin = (int)(confidence * LOSS_CALIBRATION_BINS);

	bin = bin < 0 ? 0 : bin;
	return &s->bins[bin < LOSS_CALIBRATION_BINS ? bin : LOSS_CALIBRATION_BINS - 1];
}

static void add_prediction(struct diagnosis *d, const struct prediction *p)
{
	struct balance *b = d->balance;
	struct loss_class_statistics *s = &b->statistics;
	struct loss_calibration_bin *bin = bin_of(s, p->confidence);
	bool is_right = p->predicted == p->given;

	/* The key of a cell; those of the classes of a batch are in order. */
	d->keys[s->predicted_rows++] =
		(uint64_t)p->given * (uint64_t)b->classes + (uint64_t)p->predicted;
	s->accuracy += is_right;
	bin->count++;
	bin->confidence += p->confidence;
	bin->accuracy += is_right;
	b->certain += p->is_certain;
	b->certain_wrong += p->is_certain && !is_right;
	if (b->counts) {
		b->predicted[p->given]++;
		b->correct[p->given] += is_right;
	}
}

static void add_predictions(struct diagnosis *d)
{
	const struct loss_eval *e = d->e;
	int64_t rows = class_rows(e), taken = predicted_rows(e);

	for (int64_t i = 0; i < taken; i++) {
		int64_t row = spread_place(i, taken, rows);
		struct prediction p;

		if (!class_row_counts(e, row))
			continue;
		p = predict(d, row);
		if (p.given >= 0 && p.predicted >= 0 && isfinite(p.confidence))
			add_prediction(d, &p);
	}
}

static void settle_calibration(struct loss_class_statistics *s)
{
	double rows = (double)s->predicted_rows;

	s->accuracy = s->predicted_rows ? s->accuracy / rows : (double)NAN;
	s->calibration_error = s->predicted_rows ? 0 : (double)NAN;
	for (int i = 0; i < LOSS_CALIBRATION_BINS; i++) {
		struct loss_calibration_bin *bin = &s->bins[i];

		bin->confidence /= (double)bin->count; /* NaN without any */
		bin->accuracy /= (double)bin->count;
		if (bin->count)
			s->calibration_error +=
				(double)bin->count / rows * fabs(bin->accuracy - bin->confidence);
	}
}

/* ---- Confusion ------------------------------------------------------------ */

static void write_matrix(struct diagnosis *d)
{
	struct balance *b = d->balance;

	clear(b->confusion, b->classes * b->classes);
	for (int64_t i = 0; i < b->statistics.predicted_rows; i++)
		b->confusion[d->keys[i]]++;
	b->statistics.confusion = b->confusion;
}

/* The largest cells off the diagonal: equal keys stand together once sorted. */
static void write_cells(struct diagnosis *d)
{
	struct balance *b = d->balance;
	struct loss_class_statistics *s = &b->statistics;
	struct top_item items[LOSS_CONFUSION_CELLS_MAX];
	struct top top = {items, LOSS_CONFUSION_CELLS_MAX, 0};
	uint64_t classes = (uint64_t)b->classes;

	sort_keys(d->keys, d->keys + QUANTILE_ALL, s->predicted_rows, sizeof *d->keys);
	for (int64_t i = 0, end; i < s->predicted_rows; i = end) {
		uint64_t key = d->keys[i];

		for (end = i + 1; end < s->predicted_rows && d->keys[end] == key;)
			end++;
		if (key / classes != key % classes)
			top_offer(&top, (double)(end - i), (int64_t)key);
	}
	top_sort(&top);
	for (int64_t i = 0; i < top.count; i++)
		b->cells[i] = (struct loss_confusion_cell){items[i].index / b->classes,
							   items[i].index % b->classes,
							   (int64_t)items[i].value};
	s->cells = b->cells;
	s->cell_count = top.count;
}

/* ---- The list of classes --------------------------------------------------- */

static struct loss_class_row class_row(const struct balance *b, int64_t k)
{
	return (struct loss_class_row){
		.index = k,
		.count = b->counts[k],
		.loss = b->losses[k] / (double)b->counts[k],
		.predicted_rows = b->predicted[k],
		.correct = b->correct[k],
	};
}

/* All, or those that cost most; in the order of their indices. */
static void list_classes(struct balance *b)
{
	struct top top = {b->items, LOSS_CLASSES_LISTED_MAX, 0};
	int64_t listed = loss_min_i64(b->classes, LOSS_CLASSES_LISTED_MAX), n = 0;

	for (int64_t k = 0; k < b->classes && b->classes > listed; k++)
		top_offer(&top, isnan(b->losses[k]) ? 0 : b->losses[k], k);
	for (int64_t i = 0; i < top.count; i++)
		b->predicted[top.items[i].index] |= INT64_MIN;
	for (int64_t k = 0; k < b->classes; k++) {
		bool is_listed = b->classes == listed || b->predicted[k] < 0;

		b->predicted[k] &= INT64_MAX;
		if (is_listed)
			b->listed[n++] = class_row(b, k);
	}
	b->statistics.class_rows = b->listed;
	b->statistics.row_count = n;
}

/* ---- The whole ------------------------------------------------------------ */

void write_classes(struct diagnosis *d)
{
	struct balance *b = d->balance;

	if (!b)
		return;
	b->statistics =
		(struct loss_class_statistics){.classes = b->classes, .rows = class_rows(d->e)};
	b->certain = b->certain_wrong = 0;
	if (b->counts) {
		count_rows(d, COUNTED_ROWS_MAX);
		clear(b->predicted, b->classes);
		clear(b->correct, b->classes);
	}
	add_predictions(d);
	settle_calibration(&b->statistics);
	if (b->confusion)
		write_matrix(d);
	else
		write_cells(d);
	if (b->counts)
		list_classes(b);
	b->statistics.counted_rows = b->counts ? b->counted : 0;
	d->statistics->classes = &b->statistics;
}
