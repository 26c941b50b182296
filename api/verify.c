/*
 * POST /v1/verify: a loss and gradients that were computed elsewhere, beside
 * ours, and what would explain the difference.
 *
 *     evaluate   as ever
 *     compare    what is claimed with what we have     blocks: one part each
 *     try        the explanations, some at a time      blocks: one each
 *     reply
 */
#include <math.h>
#include <string.h>

#include "diagnostics.h"
#include "hypotheses.h"

/* As many are tried at once, so that few hold memory. */
enum { TRIALS_AT_ONCE = 4 };

struct api_verification {
	json_t *claim, *tolerance; /* borrowed from ev->made */
	const struct api_source *gradients_source;
	struct api_tensor *claimed[API_PARTS_MAX];
	const struct api_source *sources[API_PARTS_MAX];
	const struct api_gradient *gradients[API_PARTS_MAX]; /* NULL: the loss */
	double reduced;
	struct api_dispute dispute;
	struct loss_input in[LOSS_INPUTS_MAX];
	struct api_trial_run *runs;
	int begun, next; /* trials */
};

static const struct api_source root_source;
static const struct api_source claim_source = {.parent = &root_source, .name = "claim"};
static const struct api_source loss_source = {.parent = &claim_source, .name = "loss"};
static const struct api_source gradients_source = {.parent = &claim_source, .name = "gradients"};
static const struct api_source tolerance_source = {.parent = &root_source, .name = "tolerance"};

/* ---- Reading ------------------------------------------------------------------ */

static enum api_problem check_object(struct api_evaluation *ev, const json_t *node,
				     const struct api_source *source, struct api_fault *fault)
{
	if (!node || json_is_object(node))
		return API_PROBLEM_NONE;
	return api_source_fail(source, fault, API_WRONG_TYPE, "%s, expected an object",
			       api_found(&ev->doc, node));
}

/* Takes a member out of the request, which is then an evaluation. */
static bool take_out(struct api_evaluation *ev, const char *name, json_t **node)
{
	*node = json_object_get(ev->doc.root, name);
	if (!*node)
		return true;
	return !json_object_set(ev->made, name, *node) && !json_object_del(ev->doc.root, name);
}

static enum api_problem take_claim(struct api_evaluation *ev, struct api_fault *fault)
{
	static const char *const known[] = {"loss", "gradients", NULL};
	struct api_verification *v = ev->verification;

	if (json_object_get(ev->doc.root, "batch"))
		return api_source_fail_member(&root_source, "batch", fault, API_UNKNOWN_MEMBER,
					      "one evaluation is verified at a time");
	if (!take_out(ev, "claim", &v->claim) || !take_out(ev, "tolerance", &v->tolerance))
		return api_fail_memory(ev, fault);
	if (!v->claim)
		return api_source_fail(&claim_source, fault, API_MISSING_MEMBER,
				       "missing: what was computed elsewhere");

	const json_t *gradients = json_object_get(v->claim, "gradients");
	if (check_object(ev, v->claim, &claim_source, fault) ||
	    api_members_known(v->claim, &claim_source, known, fault) ||
	    check_object(ev, gradients, &gradients_source, fault))
		return fault->problem;
	if (!json_object_get(v->claim, "loss") && json_object_size(gradients) == 0)
		return api_source_fail(&claim_source, fault, API_MISSING_MEMBER,
				       "neither \"loss\" nor \"gradients\" is claimed");
	return API_PROBLEM_NONE;
}

/* One number of the tolerance; NaN where it is not given. */
static enum api_problem read_tolerance(struct api_evaluation *ev, const char *name, double *number,
				       struct api_fault *fault)
{
	const json_t *node = json_object_get(ev->verification->tolerance, name);
	struct loss_value value;

	*number = NAN;
	if (!node)
		return API_PROBLEM_NONE;
	if (!api_value_read(&ev->doc, node, &value) ||
	    (value.kind != LOSS_VALUE_INTEGER && value.kind != LOSS_VALUE_REAL))
		return api_source_fail_member(&tolerance_source, name, fault, API_WRONG_TYPE,
					      "%s, expected a number", api_found(&ev->doc, node));
	if (!(value.real >= 0 && isfinite(value.real)))
		return api_source_fail_member(&tolerance_source, name, fault, API_OUT_OF_RANGE,
					      "%.9g, expected a finite number of at least 0",
					      value.real);
	*number = value.real;
	return API_PROBLEM_NONE;
}

static enum api_problem read_tolerances(struct api_evaluation *ev, struct api_fault *fault)
{
	static const char *const known[] = {"rtol", "atol", "ulp", NULL};
	struct api_tolerance *tolerance = &ev->verification->dispute.tolerance;

	if (check_object(ev, ev->verification->tolerance, &tolerance_source, fault) ||
	    api_members_known(ev->verification->tolerance, &tolerance_source, known, fault) ||
	    read_tolerance(ev, "rtol", &tolerance->rtol, fault) ||
	    read_tolerance(ev, "atol", &tolerance->atol, fault) ||
	    read_tolerance(ev, "ulp", &tolerance->ulp, fault))
		return fault->problem;
	return API_PROBLEM_NONE;
}

/* Unless the request says so itself, the gradients that are claimed are those
 * that are computed. */
static enum api_problem want_gradients(struct api_evaluation *ev, struct api_fault *fault)
{
	static const struct api_source_place places[] = {{"gradient", "/claim/gradients", true},
							 {NULL, NULL, false}};
	json_t *claimed = json_object_get(ev->verification->claim, "gradients");
	json_t *wanted, *value;
	const char *name;

	if (json_object_get(ev->doc.root, "gradient"))
		return API_PROBLEM_NONE;
	ev->root.places = places;
	wanted = json_object_size(claimed) > 0 ? json_array() : json_false();
	json_object_foreach(claimed, name, value)
	{
		json_array_append_new(wanted, json_string(name));
	}
	if (json_object_set_new(ev->doc.root, "gradient", wanted))
		return api_fail_memory(ev, fault);
	return API_PROBLEM_NONE;
}

static enum api_problem add_part(struct api_evaluation *ev, const json_t *node,
				 const struct api_source *source,
				 const struct api_gradient *gradient, struct api_fault *fault)
{
	struct api_verification *v = ev->verification;
	int part = v->dispute.part_count++;

	v->sources[part] = source;
	v->gradients[part] = gradient;
	return api_tensor_find(ev, node, source, ev->items[0].options.dtype, &v->claimed[part],
			       fault);
}

static const struct api_gradient *find_gradient(const struct api_item *item, const char *name)
{
	enum loss_role role = loss_role_find(name);

	for (size_t i = 0; i < item->gradient_count; i++) {
		const struct api_operand *operand = item->gradients[i].operand;

		if (!strcmp(operand->member, name) ||
		    (!operand->renamed && role != LOSS_ROLE_NONE && operand->role == role))
			return &item->gradients[i];
	}
	return NULL;
}

static enum api_problem read_claims(struct api_evaluation *ev, struct api_fault *fault)
{
	struct api_verification *v = ev->verification;
	const struct api_item *item = &ev->items[0];
	const json_t *loss = json_object_get(v->claim, "loss");
	const char *name;
	json_t *node;

	if (loss && add_part(ev, loss, &loss_source, NULL, fault))
		return fault->problem;
	json_object_foreach(json_object_get(v->claim, "gradients"), name, node)
	{
		const struct api_source *source =
			api_source_member(ev->arena, &gradients_source, name);
		const struct api_gradient *gradient = find_gradient(item, name);

		if (!source)
			return api_fail_memory(ev, fault);
		if (!gradient || v->dispute.part_count == API_PARTS_MAX)
			return api_source_fail(
				source, fault, API_UNKNOWN_MEMBER,
				"that gradient is not among those that are computed");
		if (add_part(ev, node, source, gradient, fault))
			return fault->problem;
	}
	return API_PROBLEM_NONE;
}

static enum api_problem begin(struct api_evaluation *ev, struct api_fault *fault)
{
	ev->verification = api_arena_alloc(ev->arena, sizeof *ev->verification);
	ev->made = json_object();
	if (!ev->verification || !ev->made)
		return api_fail_memory(ev, fault);
	memset(ev->verification, 0, sizeof *ev->verification);
	return API_PROBLEM_NONE;
}

enum api_problem api_verify_decode(struct api_evaluation *ev, struct api_fault *fault)
{
	const struct api_request *request = &ev->call->request;

	if (begin(ev, fault) ||
	    api_decode_document(ev, request->body, request->body_bytes, fault) ||
	    take_claim(ev, fault) || read_tolerances(ev, fault) || want_gradients(ev, fault) ||
	    api_decode_items(ev, fault) || read_claims(ev, fault))
		return fault->problem;
	return api_tensors_complete(ev, fault);
}

/* ---- The dispute ----------------------------------------------------------------- */

static struct loss_tensor ours_of(struct api_evaluation *ev, int part)
{
	struct api_verification *v = ev->verification;
	const struct api_item *item = &ev->items[0];
	struct loss_tensor loss;

	if (v->gradients[part])
		return v->gradients[part]->tensor;
	if (item->losses.data)
		return item->losses;
	/* In the dtype, whatever it holds of it, as the claim is. */
	loss = (struct loss_tensor){.data = &v->reduced, .dtype = item->options.dtype};
	v->reduced = api_item_total(item).loss;
	if (loss.dtype == LOSS_FLOAT32) {
		float narrow = loss_round(item->options.precision, (float)v->reduced);

		memcpy(&v->reduced, &narrow, sizeof narrow);
	}
	return loss;
}

static enum api_problem set_part(struct api_evaluation *ev, int index, struct api_fault *fault)
{
	struct api_verification *v = ev->verification;
	struct api_part *part = &v->dispute.parts[index];
	const struct api_tensor *claimed = v->claimed[index];
	int64_t wanted;

	if (claimed->fault) {
		*fault = *claimed->fault;
		return fault->problem;
	}
	part->ours = ours_of(ev, index);
	part->claimed = claimed->value;
	part->input = v->gradients[index]
			      ? (int)(v->gradients[index]->operand - ev->items[0].terms[0].operands)
			      : -1;
	wanted = loss_tensor_elements(&part->ours);
	if (loss_tensor_elements(&part->claimed) != wanted)
		return api_source_fail(v->sources[index], fault, API_SHAPE_MISMATCH,
				       "%lld numbers, expected %lld as we have",
				       (long long)loss_tensor_elements(&part->claimed),
				       (long long)wanted);
	return API_PROBLEM_NONE;
}

static enum api_problem make_dispute(struct api_evaluation *ev, struct api_fault *fault)
{
	struct api_verification *v = ev->verification;
	const struct api_item *item = &ev->items[0];
	struct api_dispute *dispute = &v->dispute;

	dispute->spec = &item->terms[0].spec;
	dispute->in = v->in;
	dispute->in_count = api_term_inputs(&item->terms[0], v->in);
	dispute->plan = &item->terms[0].plan;
	dispute->result = item->terms[0].result;
	dispute->result.denominator = api_item_total(item).denominator;
	dispute->is_single = !item->is_sum;
	dispute->trials = api_arena_array(ev->arena, API_TRIALS_MAX, sizeof *dispute->trials);
	v->runs = api_arena_alloc_aligned64(ev->arena, TRIALS_AT_ONCE * sizeof *v->runs);
	if (!dispute->trials || !v->runs)
		return api_fail_memory(ev, fault);
	for (int i = 0; i < dispute->part_count; i++)
		if (set_part(ev, i, fault))
			return fault->problem;
	return API_PROBLEM_NONE;
}

/* ---- Steps ------------------------------------------------------------------------ */

static struct api_evaluation *evaluation_of(struct api_call *call)
{
	return call->state;
}

static void compare_part(void *dispute, size_t part)
{
	api_dispute_compare(dispute, (int)part);
}

static void run_trial(void *run, size_t part)
{
	(void)part;
	api_trial_run(run);
}

static size_t fail_memory(struct api_evaluation *ev)
{
	api_fail_memory(ev, &ev->call->fault);
	return api_evaluation_fail(ev);
}

/* The next few trials, after the ones before have been put away. */
static size_t try_step(struct api_call *call)
{
	struct api_evaluation *ev = evaluation_of(call);
	struct api_verification *v = ev->verification;

	for (int i = 0; i < v->begun; i++)
		api_trial_end(&v->runs[i], ev->arena);
	v->begun = 0;
	api_jobs_begin(&ev->jobs, ev->arena);
	for (; v->begun < TRIALS_AT_ONCE && v->next < v->dispute.trial_count; v->next++) {
		struct api_trial_run *run = &v->runs[v->begun++];

		if (!api_trial_begin(run, &v->dispute, &v->dispute.trials[v->next], ev->arena))
			return fail_memory(ev);
		/* A block each. */
		api_jobs_add(&ev->jobs, run_trial, run, 0, API_JOB_BLOCK_BYTES);
	}
	if (ev->jobs.failed)
		return fail_memory(ev);
	return v->begun > 0 ? api_evaluation_go(ev, API_EVALUATE, try_step)
			    : api_evaluation_reply(call);
}

static size_t judge_step(struct api_call *call)
{
	struct api_dispute *dispute = &evaluation_of(call)->verification->dispute;

	dispute->agrees = true;
	for (int i = 0; i < dispute->part_count; i++)
		dispute->agrees = dispute->agrees && dispute->parts[i].agreement.agrees;
	api_trials_make(dispute);
	return try_step(call);
}

size_t api_verify_follow(struct api_call *call)
{
	struct api_evaluation *ev = evaluation_of(call);

	if (make_dispute(ev, &call->fault))
		return api_evaluation_fail(ev);
	api_jobs_begin(&ev->jobs, ev->arena);
	for (int i = 0; i < ev->verification->dispute.part_count; i++)
		api_jobs_add(&ev->jobs, compare_part, &ev->verification->dispute, (size_t)i,
			     API_JOB_BLOCK_BYTES);
	if (ev->jobs.failed)
		return fail_memory(ev);
	return api_evaluation_go(ev, API_EVALUATE, judge_step);
}

/* ---- The reply ----------------------------------------------------------------------- */

static void write_index(struct api_text *text, const struct loss_tensor *tensor, int64_t at)
{
	int64_t index[LOSS_RANK_MAX];

	for (int axis = tensor->rank - 1; axis >= 0; axis--) {
		index[axis] = at % tensor->shape[axis];
		at /= tensor->shape[axis];
	}
	api_text_open(text, '[');
	for (int axis = 0; axis < tensor->rank; axis++)
		api_text_integer(text, index[axis]);
	api_text_close(text, ']');
}

/* The numbers at the places that are listed, in the dtype. */
static void write_numbers(struct api_text *text, const char *key, const struct loss_tensor *tensor,
			  const struct api_agreement *agreement, enum loss_precision precision)
{
	char number[API_NUMBER_BYTES_MAX + 1];

	api_text_member_open(text, key, '[');
	for (int i = 0; i < agreement->at_count; i++) {
		double value = api_real_at(tensor, agreement->at[i]);
		size_t bytes =
			tensor->dtype == LOSS_FLOAT64
				? api_number_write(number, LOSS_FLOAT64, &value, text->nonfinite)
				: api_half_write(number, precision, (float)value, text->nonfinite);

		number[bytes] = '\0';
		api_text_json(text, number);
	}
	api_text_close(text, ']');
}

static void write_tolerance(struct api_text *text, const struct api_tolerance *tolerance)
{
	api_text_member_open(text, "tolerance", '{');
	api_text_member_real(text, "rtol", tolerance->rtol);
	api_text_member_real(text, "atol", tolerance->atol);
	api_text_member_real(text, "ulp", tolerance->ulp);
	api_text_close(text, '}');
}

static void write_part(struct api_text *text, const struct api_part *part,
		       enum loss_precision precision)
{
	const struct api_agreement *agreement = &part->agreement;

	api_text_open(text, '{');
	api_text_member_bool(text, "agrees", agreement->agrees);
	api_text_member_integer(text, "count", agreement->count);
	api_text_member_integer(text, "differing", agreement->differing);
	api_text_member_real(text, "ulp", agreement->ulp);
	api_text_member_real(text, "relative", agreement->relative);
	api_text_member_real(text, "absolute", agreement->absolute);
	api_text_member_open(text, "at", '[');
	for (int i = 0; i < agreement->at_count; i++)
		write_index(text, &part->ours, agreement->at[i]);
	api_text_close(text, ']');
	api_text_member_bool(text, "truncated", agreement->differing > agreement->at_count);
	write_numbers(text, "claimed", &part->claimed, agreement, LOSS_PRECISION_FULL);
	write_numbers(text, "computed", &part->ours, agreement, precision);
	write_tolerance(text, &agreement->tolerance);
	api_text_close(text, '}');
}

static void write_parts(struct api_text *text, const struct api_verification *v)
{
	bool is_open = false;

	for (int i = 0; i < v->dispute.part_count; i++) {
		if (v->gradients[i] && !is_open)
			api_text_member_open(text, "gradients", '{');
		is_open = v->gradients[i];
		api_text_key(text, is_open ? v->sources[i]->name : "loss");
		write_part(text, &v->dispute.parts[i], v->dispute.spec->precision);
	}
	if (is_open)
		api_text_close(text, '}');
}

static void write_explained(struct api_text *text, const struct api_verification *v, uint32_t parts)
{
	char path[API_SOURCE_BYTES_MAX];

	api_text_member_open(text, "explains", '[');
	for (int i = 0; i < v->dispute.part_count; i++)
		if (parts & UINT32_C(1) << i)
			/* Behind "/claim/" */
			api_text_string(text, api_source_path(v->sources[i], path) + 7);
	api_text_close(text, ']');
}

static void write_trial(struct api_text *text, const struct api_verification *v,
			const struct api_trial *trial)
{
	api_text_open(text, '{');
	api_text_member(text, "name", trial->name);
	api_text_member(text, "say", trial->say);
	api_text_member_bool(text, "matches", trial->matches);
	write_explained(text, v, trial->parts);
	if (trial->changes_spec) {
		api_text_key(text, "loss");
		api_spec_write(text, &trial->spec);
	}
	api_text_close(text, '}');
}

/* A factor that fits is worth a word where nothing with a name does. */
static bool is_told(const struct api_dispute *dispute, const struct api_trial *trial)
{
	bool is_named = false;

	for (int i = 0; i < dispute->trial_count; i++)
		is_named =
			is_named || (dispute->trials[i].matches && !dispute->trials[i].is_fitted);
	return trial->was_tried && !(trial->is_fitted && is_named);
}

static void write_trials(struct api_text *text, const struct api_verification *v)
{
	api_text_member_open(text, "explanations", '[');
	for (int matches = 1; matches >= 0; matches--)
		for (int i = 0; i < v->dispute.trial_count; i++)
			if (is_told(&v->dispute, &v->dispute.trials[i]) &&
			    v->dispute.trials[i].matches == (matches == 1))
				write_trial(text, v, &v->dispute.trials[i]);
	api_text_close(text, ']');
}

size_t api_verify_reply(struct api_evaluation *ev)
{
	const struct api_verification *v = ev->verification;
	const struct api_options *options = &ev->items[0].options;
	struct api_text text;

	api_text_init(&text, ev->arena);
	text.nonfinite = options->nonfinite;
	api_text_open(&text, '{');
	api_id_write(&text, options->id);
	api_text_member_bool(&text, "agrees", v->dispute.agrees);
	write_parts(&text, v);
	write_trials(&text, v);
	api_text_close(&text, '}');
	return api_call_reply_text(ev->call, &text);
}
