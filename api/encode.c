/* The reply to POST /v1/evaluate: members in a fixed order, the arrays written
 * in chunks and put in where they belong. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "evaluation.h"
#include "diagnostics.h"

/* ---- Arrays, in chunks ----------------------------------------------------- */

static void write_chunk(void *writer, size_t chunk)
{
	api_array_write_chunk(writer, chunk);
}

bool api_writer_begin(struct api_evaluation *ev, struct api_writer *writer,
		      const struct loss_tensor *tensor, enum api_nonfinite nonfinite)
{
	if (api_array_write_begin(writer, tensor, nonfinite, ev->arena))
		return false;

	size_t chunks = api_array_write_chunks(writer);
	uint64_t bytes = (uint64_t)loss_tensor_elements(tensor) * API_NUMBER_BYTES_MAX / chunks;
	for (size_t chunk = 0; chunk < chunks; chunk++)
		api_jobs_add(&ev->jobs, write_chunk, writer, chunk, bytes);
	return true;
}

bool api_weights_begin(struct api_evaluation *ev, struct api_item *item)
{
	bool is_fine = true;

	for (size_t i = 0; i < item->term_count && is_fine; i++) {
		struct api_tensor *weights = item->terms[i].weights_used;

		if (weights)
			is_fine = api_writer_begin(ev, &item->terms[i].weights_writer,
						   &weights->value, item->options.nonfinite);
	}
	return is_fine;
}

static bool begin_item(struct api_evaluation *ev, struct api_item *item)
{
	enum api_nonfinite nonfinite = item->options.nonfinite;
	bool is_fine = true;

	if (item->losses.data) {
		is_fine = api_writer_begin(ev, &item->losses_writer, &item->losses, nonfinite);
		item->losses_writer.precision = item->options.precision;
	}
	for (size_t i = 0; i < item->gradient_count && is_fine; i++) {
		is_fine = api_writer_begin(ev, &item->gradients[i].writer,
					   &item->gradients[i].tensor, nonfinite);
		item->gradients[i].writer.precision = item->options.precision;
	}
	return is_fine && api_weights_begin(ev, item);
}

enum api_problem api_encode_begin(struct api_evaluation *ev, struct api_fault *fault)
{
	api_jobs_begin(&ev->jobs, ev->arena);
	for (size_t i = 0; i < ev->item_count; i++)
		if (!ev->items[i].fault && !begin_item(ev, &ev->items[i]))
			ev->jobs.failed = true;
	return ev->jobs.failed ? api_fail_memory(ev, fault) : API_PROBLEM_NONE;
}

/* ---- Results that are not finite, where that is an error -------------------- */

enum api_problem api_nonfinite_fail(const struct api_item *item, const char *what,
				    struct api_fault *fault)
{
	for (size_t i = 0; i < item->term_count; i++) {
		const struct loss_diagnosis *diagnosis = &item->terms[i].diagnosis;

		if (diagnosis->finding_count > 0)
			return api_source_fail(item->source, fault, API_NONFINITE_RESULT,
					       "%s not finite. %s", what,
					       diagnosis->findings[0].message);
	}
	return api_source_fail(item->source, fault, API_NONFINITE_RESULT, "%s not finite", what);
}

static enum api_problem check_writer(const struct api_item *item, const struct api_writer *writer,
				     const char *of, struct api_fault *fault)
{
	const struct api_slice *slices;
	uint64_t nonfinite;
	size_t count;
	char what[120];

	if (!api_array_write_end(writer, &slices, &count, &nonfinite))
		return API_PROBLEM_NONE;
	snprintf(what, sizeof what, "%llu numbers of the %s are", (unsigned long long)nonfinite,
		 of);
	return api_nonfinite_fail(item, what, fault);
}

/* ---- Numbers of an item ----------------------------------------------------- */

/* A weight of 0 selects: it multiplies no infinity. */
struct api_total api_item_total(const struct api_item *item)
{
	const struct api_term *first = &item->terms[0];
	struct api_total total = {
		.denominator = first->result.denominator,
		.is_shared = true,
		.reduction = (enum loss_reduction)first->spec.common.reduction,
		.has_reduction = true,
	};

	if (!item->is_sum) {
		total.loss = first->result.loss;
		total.sum = first->result.sum;
		return total;
	}
	for (size_t i = 0; i < item->term_count; i++) {
		const struct api_term *term = &item->terms[i];

		if (term->weight != 0) {
			total.loss += term->weight * term->result.loss;
			total.sum += term->weight * term->result.sum;
		}
		total.is_shared = total.is_shared && term->result.denominator == total.denominator;
		total.has_reduction =
			total.has_reduction && term->spec.common.reduction == total.reduction;
	}
	if (!total.is_shared) {
		total.sum = total.loss;
		total.denominator = 1;
	}
	return total;
}

bool api_nonfinite_is_refused(const struct api_item *item)
{
	uint32_t flags = 0;

	if (item->options.nonfinite != API_NONFINITE_ERROR)
		return false;
	for (size_t i = 0; i < item->term_count; i++)
		flags |= item->terms[i].weight != 0 ? item->terms[i].result.flags : 0;
	return flags & LOSS_FLAG_NONFINITE ||
	       (!item->losses.data && !isfinite(api_item_total(item).loss));
}

static enum api_problem check_finite(const struct api_item *item, struct api_fault *fault)
{
	enum api_problem problem = API_PROBLEM_NONE;

	if (item->options.nonfinite != API_NONFINITE_ERROR)
		return API_PROBLEM_NONE;
	if (item->losses.data)
		problem = check_writer(item, &item->losses_writer, "loss", fault);
	else if (!isfinite(api_item_total(item).loss))
		problem = api_nonfinite_fail(item, "the loss is", fault);
	for (size_t i = 0; i < item->gradient_count && !problem; i++)
		problem = check_writer(item, &item->gradients[i].writer, "gradient", fault);
	return problem;
}

static enum loss_dtype loss_dtype(enum loss_dtype dtype, double loss)
{
	return isfinite(loss) == isfinite((float)loss) ? dtype : LOSS_FLOAT64;
}

struct loss_tensor api_loss_tensor(const struct api_item *item, double *room, int rank)
{
	double loss = api_item_total(item).loss;
	float narrow = loss_round(item->options.precision, (float)loss);
	struct loss_tensor tensor = {
		.data = room,
		.dtype = loss_dtype(item->options.dtype, loss),
		.rank = rank,
	};

	for (int axis = 0; axis < rank; axis++)
		tensor.shape[axis] = 1;
	memcpy(room, &loss, sizeof loss);
	if (tensor.dtype == LOSS_FLOAT32)
		memcpy(room, &narrow, sizeof narrow);
	return tensor;
}

void api_loss_write_number(struct api_text *text, enum loss_dtype dtype,
			   enum loss_precision precision, double loss)
{
	char number[API_NUMBER_BYTES_MAX + 1];
	float narrow = loss_round(precision, (float)loss);
	bool is_half = precision != LOSS_PRECISION_FULL;
	size_t bytes = is_half || loss_dtype(dtype, loss) == LOSS_FLOAT32
			       ? api_half_write(number, precision, narrow, text->nonfinite)
			       : api_number_write(number, LOSS_FLOAT64, &loss, text->nonfinite);

	number[bytes] = '\0';
	api_text_json(text, number);
}

void api_writer_put(struct api_text *text, const struct api_writer *writer)
{
	const struct api_slice *slices;
	uint64_t nonfinite;
	size_t count;

	api_array_write_end(writer, &slices, &count, &nonfinite);
	api_text_slices(text, slices, count);
}

/* ---- Members ---------------------------------------------------------------- */

void api_id_write(struct api_text *text, const json_t *id)
{
	if (!id)
		return;
	api_text_key(text, "id");
	if (json_is_string(id))
		api_text_string(text, json_string_value(id));
	else if (json_is_integer(id))
		api_text_integer(text, json_integer_value(id));
	else
		api_text_real(text, json_real_value(id));
}

const char *api_reduction_name(enum loss_reduction reduction)
{
	static const char *const names[] = {
		[LOSS_NONE] = "none",
		[LOSS_MEAN] = "mean",
		[LOSS_SUM] = "sum",
		[LOSS_BATCHMEAN] = "batchmean",
	};

	return names[reduction];
}

static void write_value(struct api_text *text, const struct api_item *item)
{
	api_text_key(text, "loss");
	if (item->losses.data)
		api_writer_put(text, &item->losses_writer);
	else
		api_loss_write_number(text, item->options.dtype, item->options.precision,
				      api_item_total(item).loss);
}

static void write_reduction(struct api_text *text, const struct api_item *item)
{
	struct api_total total = api_item_total(item);

	if (total.has_reduction)
		api_text_member(text, "reduction", api_reduction_name(total.reduction));
	if (item->losses.data)
		return;
	api_text_member_real(text, "sum", total.sum);
	api_text_member_real(text, "denominator", total.denominator);
}

static void write_term(struct api_text *text, const struct api_item *item,
		       const struct api_term *term)
{
	api_text_open(text, '{');
	api_text_member(text, "name", term->spec.loss->name);
	api_text_member_real(text, "weight", term->weight);
	api_text_key(text, "loss");
	api_loss_write_number(text, item->options.dtype, item->options.precision,
			      term->result.loss);
	api_text_member_real(text, "sum", term->result.sum);
	api_text_member_real(text, "denominator", term->result.denominator);
	if (term->weights_used) {
		api_text_key(text, "class_weights");
		api_writer_put(text, &term->weights_writer);
	}
	api_text_close(text, '}');
}

static void write_terms(struct api_text *text, const struct api_item *item)
{
	if (!item->is_sum) {
		if (item->terms[0].weights_used) {
			api_text_key(text, "weight");
			api_writer_put(text, &item->terms[0].weights_writer);
		}
		return;
	}
	api_text_member_open(text, "terms", '[');
	for (size_t i = 0; i < item->term_count; i++)
		write_term(text, item, &item->terms[i]);
	api_text_close(text, ']');
}

static void write_gradients(struct api_text *text, const struct api_item *item)
{
	if (!item->gradients)
		return;
	api_text_member_open(text, "gradients", '{');
	for (size_t i = 0; i < item->gradient_count; i++) {
		api_text_key(text, item->gradients[i].operand->member);
		api_writer_put(text, &item->gradients[i].writer);
	}
	api_text_close(text, '}');
}

void api_diagnostics_write(struct api_text *text, const struct api_item *item)
{
	enum loss_verdict verdict = LOSS_VERDICT_OK;

	for (size_t i = 0; i < item->term_count; i++)
		if (item->terms[i].diagnosis.verdict > verdict)
			verdict = item->terms[i].diagnosis.verdict;
	api_text_open(text, '{');
	api_text_member(text, "verdict", loss_verdict_name(verdict));
	api_text_member_open(text, "findings", '[');
	for (size_t i = 0; i < item->term_count; i++)
		api_findings_write(text, &item->terms[i], item->is_sum ? (int)i : -1,
				   item->options.locations);
	api_text_close(text, ']');
	if (item->options.diagnostics == API_DIAGNOSTICS_FULL) {
		api_text_key(text, "stats");
		api_statistics_write(text, item);
	}
	api_text_close(text, '}');
}

static void write_diagnostics(struct api_text *text, const struct api_item *item)
{
	if (item->options.diagnostics == API_DIAGNOSTICS_OFF)
		return;
	api_text_key(text, "diagnostics");
	api_diagnostics_write(text, item);
}

static void write_members(struct api_text *text, const struct api_item *item, bool has_tensors)
{
	text->nonfinite = item->options.nonfinite;
	api_text_open(text, '{');
	api_id_write(text, item->options.id);
	if (has_tensors)
		write_value(text, item);
	write_reduction(text, item);
	write_terms(text, item);
	if (has_tensors)
		write_gradients(text, item);
	write_diagnostics(text, item);
	api_text_close(text, '}');
}

static void write_result(struct api_text *text, const struct api_evaluation *ev,
			 const struct api_item *item)
{
	(void)ev;
	write_members(text, item, true);
}

void api_result_write_rest(struct api_text *text, const struct api_evaluation *ev,
			   const struct api_item *item)
{
	(void)ev;
	write_members(text, item, false);
}

/* ---- The reply -------------------------------------------------------------- */

/* The problem of an item is the document that the item alone would have got. */
static void write_batch(struct api_text *text, const struct api_evaluation *ev,
			api_item_write *write)
{
	api_text_open(text, '{');
	api_id_write(text, ev->options.id);
	api_text_member_open(text, "results", '[');
	for (size_t i = 0; i < ev->item_count; i++) {
		if (ev->items[i].fault)
			api_problem_write(text, ev->items[i].fault);
		else
			write(text, ev, &ev->items[i]);
	}
	api_text_close(text, ']');
	api_text_close(text, '}');
}

void api_results_write(struct api_text *text, const struct api_evaluation *ev,
		       api_item_write *write)
{
	if (ev->is_batch)
		write_batch(text, ev, write);
	else
		write(text, ev, &ev->items[0]);
}

size_t api_encode_reply(struct api_evaluation *ev)
{
	struct api_call *call = ev->call;
	struct api_text text;

	for (size_t i = 0; i < ev->item_count; i++) {
		struct api_item *item = &ev->items[i];

		if (!item->fault && check_finite(item, &call->fault) &&
		    api_item_fail(ev, item, &call->fault))
			return api_call_fail(call);
	}
	api_text_init(&text, ev->arena);
	api_results_write(&text, ev, write_result);
	return api_call_reply_text(call, &text);
}
