/*
 * POST /v1/check: what an evaluation would compute and cost.  The request is
 * that of an evaluation, read and planned in the same way, so that its problems
 * are the same; a tensor may be no more than its shape.
 */
#include <string.h>

#include "diagnostics.h"

/* ---- Costs ------------------------------------------------------------------ */

/* Sums that would not fit stay at the most that does. */
static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* The plan has checked that they fit. */
static uint64_t elements_of(const struct loss_tensor *tensor)
{
	return (uint64_t)loss_tensor_elements(tensor);
}

static uint64_t bytes_of(const struct loss_tensor *tensor)
{
	return elements_of(tensor) * loss_dtype_bytes(tensor->dtype);
}

static uint64_t text_bytes_of(const struct loss_tensor *tensor)
{
	uint64_t bytes;

	return api_array_write_bound(tensor, &bytes) ? bytes : UINT64_MAX;
}

struct cost {
	uint64_t numbers;
	uint64_t inputs, outputs, scratch, text;
	double seconds; /* 0: not known */
};

static void add_output(struct cost *cost, const struct loss_tensor *tensor)
{
	cost->outputs = add(cost->outputs, bytes_of(tensor));
	cost->text = add(cost->text, text_bytes_of(tensor));
}

/* An operand of an earlier term that reads the same member. */
static const struct api_operand *find_earlier(const struct api_item *item,
					      const struct api_term *term, const json_t *node)
{
	for (const struct api_term *t = item->terms; t < term; t++)
		for (int i = 0; i < t->operand_count; i++)
			if (t->operands[i].node == node)
				return &t->operands[i];
	return NULL;
}

static void add_operand(struct cost *cost, const struct api_operand *operand,
			const struct api_operand *earlier)
{
	const struct loss_tensor *tensor = &operand->tensor->value;

	if (!earlier)
		cost->numbers = add(cost->numbers, elements_of(tensor));
	if (!earlier || earlier->tensor->value.dtype != tensor->dtype)
		cost->inputs = add(cost->inputs, bytes_of(tensor));
}

static void add_term(struct cost *cost, const struct api_item *item, const struct api_term *term,
		     const struct api_host *host)
{
	double seconds =
		host->element_seconds ? host->element_seconds(host->ctx, term->spec.loss) : 0;
	bool is_known = seconds > 0 && (cost->seconds > 0 || term == item->terms);

	for (int i = 0; i < term->operand_count; i++)
		add_operand(cost, &term->operands[i],
			    find_earlier(item, term, term->operands[i].node));
	cost->scratch = add(cost->scratch, term->plan.scratch_bytes);
	cost->seconds = is_known ? cost->seconds + seconds * (double)term->plan.elements : 0;
}

/* The tensor of the unreduced losses; false where they are reduced. */
static bool find_losses(const struct api_term *term, struct loss_tensor *losses)
{
	*losses = (struct loss_tensor){.dtype = term->spec.dtype, .rank = term->plan.loss_rank};
	memcpy(losses->shape, term->plan.loss_shape, sizeof losses->shape);
	return term->spec.common.reduction == LOSS_NONE;
}

static struct cost cost_of(const struct api_item *item, const struct api_host *host)
{
	struct cost cost = {0};
	struct loss_tensor losses;

	for (size_t i = 0; i < item->term_count; i++) {
		add_term(&cost, item, &item->terms[i], host);
		if (find_losses(&item->terms[i], &losses))
			add_output(&cost, &losses);
	}
	for (size_t i = 0; i < item->gradient_count; i++)
		add_output(&cost, &item->gradients[i].operand->tensor->value);
	return cost;
}

/* The inputs are given back before the reply is written. */
static uint64_t memory_of(const struct cost *cost)
{
	uint64_t most = cost->inputs > cost->text ? cost->inputs : cost->text;

	return add(add(most, cost->outputs), cost->scratch);
}

/* ---- The reply ---------------------------------------------------------------- */

static void write_sum(struct api_text *text, const struct api_item *item)
{
	api_text_open(text, '{');
	api_text_member_open(text, "terms", '[');
	for (size_t i = 0; i < item->term_count; i++) {
		const struct api_term *term = &item->terms[i];
		const char *role;
		json_t *member;

		api_text_open(text, '{');
		api_text_member_real(text, "weight", term->weight);
		api_text_key(text, "loss");
		api_spec_write_in_full(text, &term->spec);
		if (term->renames) {
			api_text_member_open(text, "inputs", '{');
			json_object_foreach((json_t *)term->renames, role, member)
			{
				api_text_member(text, role, json_string_value(member));
			}
			api_text_close(text, '}');
		}
		api_text_close(text, '}');
	}
	api_text_close(text, ']');
	api_text_close(text, '}');
}

static void write_term(struct api_text *text, const struct api_term *term)
{
	const char *divisor = loss_plan_divisor(&term->plan);
	int64_t blocks;

	api_text_open(text, '{');
	api_text_member(text, "name", term->spec.loss->name);
	api_text_member_integer(text, "rows", term->plan.rows);
	api_text_member_integer(text, "elements", term->plan.elements);
	api_text_member_open(text, "blocks", '[');
	for (int phase = 0; (blocks = loss_plan_blocks(&term->plan, phase)) >= 0; phase++)
		api_text_integer(text, blocks);
	api_text_close(text, ']');
	if (*divisor)
		api_text_member(text, "divisor", divisor);
	api_text_close(text, '}');
}

static void write_shapes(struct api_text *text, const struct api_item *item)
{
	struct loss_tensor losses;
	bool is_whole = find_losses(&item->terms[0], &losses);

	api_text_member_shape(text, "shape", is_whole ? losses.rank : 0, losses.shape);
	api_text_member_open(text, "gradients", '{');
	for (size_t i = 0; i < item->gradient_count; i++) {
		const struct api_operand *operand = item->gradients[i].operand;

		api_text_member_shape(text, operand->member, operand->tensor->value.rank,
				      operand->tensor->value.shape);
	}
	api_text_close(text, '}');
}

static void write_cost(struct api_text *text, const char *key, uint64_t needed, uint64_t limit)
{
	api_text_member_open(text, key, '{');
	api_text_member_unsigned(text, "needed", needed);
	api_text_member_unsigned(text, "limit", limit);
	api_text_close(text, '}');
}

static void write_costs(struct api_text *text, const struct api_evaluation *ev,
			const struct api_item *item)
{
	const struct api *api = ev->call->api;
	struct cost cost = cost_of(item, &api->host);
	uint64_t memory = memory_of(&cost);

	write_cost(text, "numbers", cost.numbers, ev->limits->elements);
	write_cost(text, "memory", memory, api->budget.max);
	api_text_member_bool(text, "admitted",
			     cost.numbers <= ev->limits->elements && memory <= api->budget.max);
	api_text_key(text, "seconds");
	if (cost.seconds > 0)
		api_text_real(text, cost.seconds);
	else
		api_text_null(text);
}

static const char *dtype_name(const struct api_options *options)
{
	return options->precision == LOSS_PRECISION_FULL ? loss_dtype_name(options->dtype)
							 : loss_precision_name(options->precision);
}

static void write_check(struct api_text *text, const struct api_evaluation *ev,
			const struct api_item *item)
{
	api_text_open(text, '{');
	api_id_write(text, item->options.id);
	api_text_key(text, "loss");
	if (item->is_sum)
		write_sum(text, item);
	else
		api_spec_write_in_full(text, &item->terms[0].spec);
	api_text_member(text, "dtype", dtype_name(&item->options));
	write_shapes(text, item);
	api_text_member_open(text, "terms", '[');
	for (size_t i = 0; i < item->term_count; i++)
		write_term(text, &item->terms[i]);
	api_text_close(text, ']');
	write_costs(text, ev, item);
	api_text_close(text, '}');
}

size_t api_check_reply(struct api_evaluation *ev)
{
	struct api_text text;

	api_text_init(&text, ev->arena);
	api_results_write(&text, ev, write_check);
	return api_call_reply_text(ev->call, &text);
}
