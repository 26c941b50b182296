/*
 * What holds for every loss, whatever its formula:
 *
 *   the same bits  for every order of the blocks, every number of threads,
 *                  every instruction set, wherever the tensors lie, whatever
 *                  the outputs held before
 *   no step aside  guard pages before and behind every input and output, at
 *                  every size around a vector, with values of every kind
 *   sums           a reduced loss is the sum of the unreduced ones
 *   promises       accumulate adds, scale multiplies, only what is asked for
 *                  is written
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "draw.h"
#include "golden.h"

Suite *properties_suite(void);

static const enum loss_dtype dtypes[] = {LOSS_FLOAT32, LOSS_FLOAT64};

/* ---- All that can be drawn for a loss ------------------------------------- */

/* A loss, and a function that is called with every variety of a shape: forms,
 * optional inputs or none, hard or soft targets, reduced or not, both dtypes. */
typedef void question_fn(const struct question *question, enum loss_dtype dtype, void *context);

static void both_reductions(struct question *question, question_fn *visit, void *context)
{
	for (int unreduced = 0; unreduced < 2; unreduced++) {
		if (unreduced)
			question->spec.common.reduction = LOSS_NONE;
		for (int k = 0; k < 2; k++)
			visit(question, dtypes[k], context);
	}
}

/* A row of a softmax that is split over blocks. */
static struct draw long_row_of(const struct loss *loss)
{
	return (struct draw){.loss = loss, .rank = 1, .shape = {140001}};
}

/* Returns how many questions the loss could be asked. */
static int every_variety(struct draw draw, question_fn *visit, void *context)
{
	enum loss_role form;
	int asked = 0;

	for (int f = 0; (form = draw_form_at(draw.loss, f)) != LOSS_ROLE_NONE; f++) {
		for (int variety = 0; variety < 4; variety++) {
			struct memory memory = {MEMORY_PLAIN, NULL};
			struct question question;

			draw.form = form;
			draw.optional = variety & 1;
			draw.soft = variety & 2;
			draw.seed++;
			if (draw_question(&question, &draw, &memory)) {
				both_reductions(&question, visit, context);
				asked++;
			}
			memory_release(&memory);
		}
	}
	return asked;
}

static const char *describe(const struct question *question, enum loss_dtype dtype)
{
	static char text[200];
	const struct numbers *prediction = &question->inputs[0].numbers;
	int n = snprintf(text, sizeof text, "%s of %s, %s, reduction %llu, %d inputs, (",
			 question->spec.loss->name, loss_role_name(question->inputs[0].role),
			 loss_dtype_name(dtype), question->spec.common.reduction,
			 question->input_count);

	for (int axis = 0; axis < prediction->rank; axis++)
		n += snprintf(text + n, sizeof text - (size_t)n, "%s%lld", axis ? ", " : "",
			      (long long)prediction->shape[axis]);
	snprintf(text + n, sizeof text - (size_t)n, ")");
	return text;
}

/* ---- Order and threads ---------------------------------------------------- */

struct share {
	struct evaluation *e;
	int64_t first, step, blocks;
};

static void *run_share(void *arg)
{
	const struct share *share = arg;

	for (int64_t b = share->first; b < share->blocks; b += share->step)
		loss_plan_run(&share->e->plan, b);
	return NULL;
}

static void run_threads(struct evaluation *e, int64_t blocks, int threads)
{
	struct share shares[4];
	pthread_t ids[4];

	for (int t = 0; t < threads; t++) {
		shares[t] = (struct share){e, t, threads, blocks};
		ck_assert(!pthread_create(&ids[t], NULL, run_share, &shares[t]));
	}
	for (int t = 0; t < threads; t++)
		ck_assert(!pthread_join(ids[t], NULL));
}

static void run_backwards(struct evaluation *e, int64_t blocks, int threads)
{
	(void)threads;
	while (blocks-- > 0)
		loss_plan_run(&e->plan, blocks);
}

/* The digest of an evaluation whose phases `run` has run; the most blocks that
 * a phase had. */
static uint64_t digest_by(const struct question *question, enum loss_dtype dtype,
			  void (*run)(struct evaluation *, int64_t, int), int threads,
			  int64_t *most)
{
	struct evaluation e;
	uint64_t digest;

	ck_assert_msg(!evaluation_init(&e, question, dtype, MEMORY_PLAIN), "%s", e.error.text);
	loss_plan_begin(&e.plan, &e.out);
	for (int64_t blocks; (blocks = loss_plan_next(&e.plan)) > 0;) {
		*most = blocks > *most ? blocks : *most;
		run(&e, blocks, threads);
	}
	ck_assert_msg(!loss_plan_finish(&e.plan, &e.result, &e.error), "%s", e.error.text);
	digest = evaluation_digest(&e);
	evaluation_release(&e);
	return digest;
}

static uint64_t digest_of(const struct question *question, enum loss_dtype dtype,
			  enum placement placement, int fill, enum loss_code *code)
{
	struct evaluation e;
	uint64_t digest = 0;

	*code = evaluation_init(&e, question, dtype, placement);
	if (!*code) {
		evaluation_fill(&e, fill);
		*code = evaluation_run(&e);
	}
	if (!*code)
		digest = evaluation_digest(&e);
	evaluation_release(&e);
	return digest;
}

static void any_order(const struct question *question, enum loss_dtype dtype, void *context)
{
	enum loss_code code;
	uint64_t serial = digest_of(question, dtype, MEMORY_PLAIN, 0, &code);
	int64_t *most = context;

	ck_assert_msg(!code, "%s: %s", describe(question, dtype), loss_code_text(code));
	ck_assert_msg(digest_by(question, dtype, run_backwards, 0, most) == serial,
		      "%s: other bits with the blocks backwards", describe(question, dtype));
	for (int threads = 2; threads <= 4; threads++)
		ck_assert_msg(digest_by(question, dtype, run_threads, threads, most) == serial,
			      "%s: other bits with %d threads", describe(question, dtype), threads);
}

START_TEST(any_order_and_any_threads)
{
	static const struct draw draws[] = {
		{.rank = 2, .shape = {401, 100}},
		{.rank = 2, .shape = {12000, 3}},
		{.rank = 3, .shape = {3, 4, 3500}},
		{.rank = 1, .shape = {35001}},
	};
	int64_t most = 0;

	for (size_t i = 0; i < sizeof draws / sizeof draws[0]; i++) {
		struct draw draw = draws[i];

		draw.loss = loss_at((size_t)_i);
		every_variety(draw, any_order, &most);
	}
	if (loss_at((size_t)_i)->traits & LOSS_HAS_SOFTMAX)
		every_variety(long_row_of(loss_at((size_t)_i)), any_order, &most);
	ck_assert_msg(most > 1, "%s was never more than one block", loss_at((size_t)_i)->name);
}
END_TEST

/* ---- Guard pages ---------------------------------------------------------- */

struct bounds {
	int evaluations;
	bool may_fail; /* strange data may be refused, but then everywhere */
};

static void within_bounds(const struct question *question, enum loss_dtype dtype, void *context)
{
	struct bounds *bounds = context;
	enum loss_code plain_code, code;
	uint64_t plain = digest_of(question, dtype, MEMORY_PLAIN, 0, &plain_code);

	ck_assert_msg(!plain_code || bounds->may_fail, "%s: %s", describe(question, dtype),
		      loss_code_text(plain_code));
	for (int placement = MEMORY_GUARD_BEHIND; placement <= MEMORY_GUARD_BEFORE; placement++) {
		uint64_t guarded =
			digest_of(question, dtype, (enum placement)placement, 0xff, &code);

		ck_assert_msg(guarded == plain && code == plain_code,
			      "%s: other bits elsewhere in memory", describe(question, dtype));
		bounds->evaluations++;
	}
}

static const int64_t sizes[] = {0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 129, 1025};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* The shapes of one size: rows of it, that many rows, that many pixels. */
static void bounds_of_size(const struct loss *loss, int64_t n, bool strange, struct bounds *bounds)
{
	const struct draw draws[] = {
		{.rank = 1, .shape = {n}},          {.rank = 2, .shape = {2, n}},
		{.rank = 2, .shape = {n, 3}},       {.rank = 3, .shape = {2, 3, n}},
		{.rank = 4, .shape = {1, n, 2, 2}},
	};

	for (size_t i = 0; i < sizeof draws / sizeof draws[0]; i++) {
		struct draw draw = draws[i];

		draw.loss = loss;
		draw.strange = strange;
		draw.seed = (uint64_t)n * 8 + i;
		every_variety(draw, within_bounds, bounds);
	}
}

START_TEST(nothing_outside_is_touched)
{
	struct bounds bounds = {0};

	for (int i = 0; i < SIZES; i++)
		bounds_of_size(loss_at((size_t)_i), sizes[i], false, &bounds);
	ck_assert_int_gt(bounds.evaluations, SIZES);
}
END_TEST

START_TEST(strange_values_do_no_harm)
{
	struct bounds bounds = {.may_fail = true};

	for (int i = 0; i < SIZES; i++)
		bounds_of_size(loss_at((size_t)_i), sizes[i], true, &bounds);
	ck_assert_int_gt(bounds.evaluations, SIZES);
}
END_TEST

/* So many results that they pass by the caches where their alignment allows it:
 * before the guard page it does, behind it does not. */
START_TEST(large_results_are_the_same)
{
	struct bounds bounds = {0};
	struct draw draw = {.loss = loss_at((size_t)_i), .rank = 2, .shape = {5, 210001}};

	for (int f = 0; (draw.form = draw_form_at(draw.loss, f)) != LOSS_ROLE_NONE; f++) {
		struct memory memory = {MEMORY_PLAIN, NULL};
		struct question question;

		for (int k = 0; k < 2 && draw_question(&question, &draw, &memory); k++)
			within_bounds(&question, dtypes[k], &bounds);
		memory_release(&memory);
	}
	ck_assert_int_gt(bounds.evaluations, 0);
}
END_TEST

/* ---- Golden questions, turned round --------------------------------------- */

typedef void golden_fn(const struct golden_case *golden, enum loss_dtype dtype);

static void every_golden(const struct loss *loss, golden_fn *visit)
{
	struct golden_file file;

	ck_assert_msg(golden_load(&file, loss->name), "%s has no golden data", loss->name);
	for (size_t i = 0; i < file.count; i++)
		for (int k = 0; k < 2; k++)
			if (dtypes[k] == LOSS_FLOAT64 || !file.cases[i].float64_only)
				visit(&file.cases[i], dtypes[k]);
	golden_release(&file);
}

static void outputs_are_written(const struct golden_case *golden, enum loss_dtype dtype)
{
	enum loss_code code[2];
	uint64_t zeros = digest_of(&golden->question, dtype, MEMORY_PLAIN, 0x00, &code[0]);
	uint64_t ones = digest_of(&golden->question, dtype, MEMORY_GUARD_BEHIND, 0xff, &code[1]);

	ck_assert_msg(!code[0] && !code[1], "%s", golden->question.name);
	ck_assert_msg(zeros == ones, "%s (%s) depends on what the outputs held",
		      golden->question.name, loss_dtype_name(dtype));
}

START_TEST(what_outputs_held_does_not_matter)
{
	every_golden(loss_at((size_t)_i), outputs_are_written);
}
END_TEST

static bool same(double a, double b)
{
	return isnan(a) ? isnan(b) : a == b;
}

/* Adding may round once more than the gradient alone. */
static bool is_sum(double got, double a, double b, enum loss_dtype dtype)
{
	double eps = dtype == LOSS_FLOAT32 ? 0x1p-23 : 0x1p-52, want = a + b;

	if (dtype == LOSS_FLOAT32)
		want = (double)(float)want;
	if (!isfinite(want) || !isfinite(got))
		return same(got, want);
	return fabs(got - want) <= eps * fmax(fabs(want), fmax(fabs(a), fabs(b)));
}

/* What stands in a gradient before something is added. */
static double ramp_at(int64_t at)
{
	return (double)(at % 7 - 3) / 8;
}

static void stand_ramps(struct evaluation *e)
{
	for (int i = 0; i < e->question->input_count; i++) {
		e->out.accumulate[i] = true;
		for (int64_t at = 0;
		     e->out.gradients[i] && at < e->question->inputs[i].numbers.count; at++)
			evaluation_put(e, e->out.gradients[i], at, ramp_at(at));
	}
}

/* Run once into fresh outputs, once with a scale of -4, adding to a ramp. */
static void adds_to_what_stands(const struct golden_case *golden, enum loss_dtype dtype)
{
	const struct question *q = &golden->question;
	struct evaluation once, again;

	ck_assert(!evaluation_init(&once, q, dtype, MEMORY_PLAIN));
	ck_assert(!evaluation_init(&again, q, dtype, MEMORY_PLAIN));
	again.out.scale = -4;
	stand_ramps(&again);
	ck_assert(!evaluation_run(&once));
	ck_assert(!evaluation_run(&again));
	ck_assert_msg(same(once.result.loss, again.result.loss), "%s: scale changed the value",
		      q->name);
	for (int i = 0; i < q->input_count; i++)
		for (int64_t at = 0; once.out.gradients[i] && at < q->inputs[i].numbers.count;
		     at++) {
			double g = -4 * evaluation_get(&once, once.out.gradients[i], at);
			double got = evaluation_get(&again, again.out.gradients[i], at);

			ck_assert_msg(is_sum(got, ramp_at(at), g, dtype),
				      "%s: %s (%s): gradient %lld: %.17g, expected %.17g + %.17g",
				      q->spec.loss->name, q->name, loss_dtype_name(dtype),
				      (long long)at, got, ramp_at(at), g);
		}
	evaluation_release(&once);
	evaluation_release(&again);
}

START_TEST(accumulate_adds_and_scale_multiplies)
{
	every_golden(loss_at((size_t)_i), adds_to_what_stands);
}
END_TEST

static void values_alone(const struct golden_case *golden, enum loss_dtype dtype)
{
	struct question question = golden->question;
	struct evaluation with, without;

	ck_assert(!evaluation_init(&with, &golden->question, dtype, MEMORY_PLAIN));
	ck_assert(!evaluation_run(&with));
	for (int i = 0; i < question.input_count; i++)
		question.inputs[i].differentiate = false;
	ck_assert(!evaluation_init(&without, &question, dtype, MEMORY_PLAIN));
	ck_assert(!evaluation_run(&without));
	ck_assert_msg(same(with.result.loss, without.result.loss) &&
			      same(with.result.sum, without.result.sum) &&
			      same(with.result.denominator, without.result.denominator),
		      "%s (%s): %.17g with gradients and %.17g without", golden->question.name,
		      loss_dtype_name(dtype), with.result.sum, without.result.sum);
	for (int64_t i = 0; i < with.losses_count; i++)
		ck_assert(same(evaluation_get(&with, with.out.losses, i),
			       evaluation_get(&without, without.out.losses, i)));
	evaluation_release(&with);
	evaluation_release(&without);
}

START_TEST(gradients_do_not_change_values)
{
	every_golden(loss_at((size_t)_i), values_alone);
}
END_TEST

/* ---- Reductions ----------------------------------------------------------- */

/* A sum, which a loss may take another way than loss by loss, beside the losses. */
static void sums_its_losses(const struct question *question, enum loss_dtype dtype, void *context)
{
	struct question each = *question, all = *question;
	struct evaluation losses, sum;
	long double want = 0, size = 0, bound;
	int *compared = context;

	each.spec.common.reduction = LOSS_NONE;
	all.spec.common.reduction = LOSS_SUM;
	ck_assert(!evaluation_init(&losses, &each, dtype, MEMORY_PLAIN));
	ck_assert(!evaluation_init(&sum, &all, dtype, MEMORY_PLAIN));
	ck_assert(!evaluation_run(&losses));
	ck_assert(!evaluation_run(&sum));
	for (int64_t i = 0; i < losses.losses_count; i++) {
		double loss = evaluation_get(&losses, losses.out.losses, i);

		want += loss;
		size += fabsl(loss);
	}
	/* A sum of float64 is rounded about as often as a lane has numbers. */
	bound = size * (dtype == LOSS_FLOAT32 ? 0x2p-23L : 0x8p-52L);
	ck_assert_msg(fabsl(sum.result.sum - want) <= bound,
		      "%s: a sum of %.17g, and losses of %.17Lg", describe(question, dtype),
		      sum.result.sum, want);
	evaluation_release(&losses);
	evaluation_release(&sum);
	++*compared;
}

START_TEST(a_sum_is_that_of_its_losses)
{
	const struct loss *loss = loss_at((size_t)_i);
	uint32_t both = 1 << LOSS_NONE | 1 << LOSS_SUM;
	struct draw wide = {.loss = loss, .rank = 2, .shape = {9, 131}};
	int compared = 0;

	if ((loss->reductions & both) != both)
		return;
	every_variety(wide, sums_its_losses, &compared);
	ck_assert_int_gt(compared, 0);
}
END_TEST

/* ---- Ties ----------------------------------------------------------------- */

enum { TIED = 3 * 16384 + 5, TIED_POSITIVES = 9000 };

/* Negatives that all cost the same, over several blocks, all but one: it is
 * kept first, and then those in front.  The positives are the last elements. */
START_TEST(of_equal_losses_the_first_count)
{
	static float x[TIED], y[TIED], gradient[TIED];
	struct loss_tensor tensor = {x, LOSS_FLOAT32, 1, {TIED}}, targets = tensor;
	struct loss_error err;
	struct loss_spec spec;
	struct loss_plan plan;
	struct loss_result result;

	for (int i = 0; i < TIED; i++) {
		x[i] = i == TIED - TIED_POSITIVES - 1 ? 2 : 1;
		y[i] = i >= TIED - TIED_POSITIVES;
	}
	targets.data = y;
	struct loss_input in[] = {{LOSS_ROLE_LOGITS, tensor, true},
				  {LOSS_ROLE_TARGETS, targets, false}};

	loss_spec_init(&spec, loss_find("ohem_balanced_bce"));
	ck_assert(!loss_plan_init(&plan, &spec, in, 2, &err));
	struct loss_outputs out = {.gradients = {gradient},
				   .scratch = aligned_alloc(64, plan.scratch_bytes),
				   .scale = 1};

	loss_plan_begin(&plan, &out);
	for (int64_t blocks; (blocks = loss_plan_next(&plan)) > 0;)
		while (blocks-- > 0)
			loss_plan_run(&plan, blocks);
	ck_assert(!loss_plan_finish(&plan, &result, &err));
	free(out.scratch);
	for (int i = 0; i < TIED; i++) {
		bool kept = i < 3 * TIED_POSITIVES - 1 || i >= TIED - TIED_POSITIVES - 1;

		ck_assert_msg((gradient[i] != 0) == kept, "element %d: %g", i, (double)gradient[i]);
	}
}
END_TEST

/* ---- Instruction sets ----------------------------------------------------- */

/*
 * The set is chosen when the program starts, so the test runs itself again: the
 * case "digests" alone, with LOSS_ISA set and BITS_FILE naming where to write
 * one line for each evaluation.
 */
static const char BITS_FILE[] = "LOSS_TEST_BITS_FILE";

static void write_digest(FILE *out, const struct question *question, enum loss_dtype dtype)
{
	enum loss_code code;
	uint64_t digest = digest_of(question, dtype, MEMORY_PLAIN, 0, &code);

	fprintf(out, "%016llx %d %s: %s (%s)\n", (unsigned long long)digest, (int)code,
		question->spec.loss->name, question->name, loss_dtype_name(dtype));
}

static void write_drawn(const struct question *question, enum loss_dtype dtype, void *context)
{
	write_digest(context, question, dtype);
}

static void write_golden_digests(FILE *out, const char *name)
{
	struct golden_file file;

	ck_assert(golden_load(&file, name));
	for (size_t i = 0; i < file.count; i++)
		for (int k = 0; k < 2; k++)
			write_digest(out, &file.cases[i].question, dtypes[k]);
	golden_release(&file);
}

static void write_drawn_digests(FILE *out, const struct loss *loss)
{
	for (int i = 0; i < 2 * SIZES; i++) {
		struct draw draw = {.loss = loss,
				    .rank = 3,
				    .shape = {2, 5, sizes[i / 2]},
				    .strange = i & 1,
				    .seed = (uint64_t)i};

		every_variety(draw, write_drawn, out);
		draw.rank = 2;
		draw.shape[1] = sizes[i / 2];
		every_variety(draw, write_drawn, out);
	}
	for (int strange = 0; strange < 2 && loss->traits & LOSS_HAS_SOFTMAX; strange++) {
		struct draw draw = long_row_of(loss);

		draw.strange = strange;
		every_variety(draw, write_drawn, out);
	}
}

START_TEST(digests)
{
	const char *path = getenv(BITS_FILE), *name;
	FILE *out = path ? fopen(path, "w") : NULL;

	if (!path)
		return;
	ck_assert_msg(out != NULL, "%s: %s", path, strerror(errno));
	fprintf(out, "%s\n", loss_isa());
	for (size_t i = 0; (name = golden_name_at(i)); i++)
		write_golden_digests(out, name);
	for (size_t i = 0; i < loss_count(); i++)
		write_drawn_digests(out, loss_at(i));
	ck_assert(!fclose(out));
}
END_TEST

static void become(const char *isa, const char *path)
{
	int null = open("/dev/null", O_WRONLY);

	setenv("LOSS_ISA", isa, 1);
	setenv(BITS_FILE, path, 1);
	setenv("CK_RUN_CASE", "digests", 1);
	setenv("CK_FORK", "no", 1);
	dup2(null, STDOUT_FILENO);
	execl("/proc/self/exe", "run", "properties", (char *)NULL);
	_exit(127);
}

/* The lines that the program writes with one instruction set. */
static FILE *lines_of(const char *isa)
{
	char path[] = "/tmp/loss-bits-XXXXXX";
	int fd = mkstemp(path), status = -1;
	pid_t pid;
	FILE *in;

	ck_assert_int_ge(fd, 0);
	close(fd);
	pid = fork();
	if (pid == 0)
		become(isa, path);
	ck_assert(waitpid(pid, &status, 0) == pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "LOSS_ISA=%s: status %d", isa,
		      status);
	in = fopen(path, "r");
	ck_assert(in != NULL);
	unlink(path);
	return in;
}

static void same_lines(FILE *expected, FILE *found, const char *isa)
{
	char a[300], b[300];
	int lines = 0, different = 0;

	while (fgets(a, sizeof a, expected)) {
		ck_assert_msg(fgets(b, sizeof b, found) != NULL, "%s wrote fewer lines", isa);
		lines++;
		if (strcmp(a, b) != 0 && different++ < 10)
			fprintf(stderr, "LOSS_ISA=%s has other bits: %s", isa, b);
	}
	ck_assert_int_gt(lines, 0);
	ck_assert_msg(different == 0, "%s: %d of %d evaluations have other bits", isa, different,
		      lines);
}

START_TEST(every_instruction_set)
{
	static const char *const isas[] = {"baseline", "v3", "v4"};
	char title[64], other[64];
	FILE *baseline = lines_of(isas[0]);

	ck_assert(fgets(title, sizeof title, baseline) != NULL);
	for (size_t i = 1; i < sizeof isas / sizeof isas[0]; i++) {
		FILE *lines = lines_of(isas[i]);

		ck_assert(fgets(other, sizeof other, lines) != NULL);
		printf("properties: the same bits: %.*s and %s", (int)strcspn(title, "\n"), title,
		       other);
		same_lines(baseline, lines, isas[i]);
		fclose(lines);
		rewind(baseline);
		ck_assert(fgets(title, sizeof title, baseline) != NULL);
	}
	fclose(baseline);
}
END_TEST

/* ---- The suite ------------------------------------------------------------ */

static TCase *cases(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 240);
	suite_add_tcase(suite, tcase);
	return tcase;
}

Suite *properties_suite(void)
{
	Suite *suite = suite_create("properties");
	TCase *order = cases(suite, "order"), *bounds = cases(suite, "bounds");
	TCase *outputs = cases(suite, "outputs"), *isa = cases(suite, "isa");
	int losses = (int)loss_count();

	tcase_add_loop_test(order, any_order_and_any_threads, 0, losses);
	tcase_add_loop_test(bounds, nothing_outside_is_touched, 0, losses);
	tcase_add_loop_test(bounds, strange_values_do_no_harm, 0, losses);
	tcase_add_loop_test(bounds, large_results_are_the_same, 0, losses);
	tcase_add_loop_test(outputs, what_outputs_held_does_not_matter, 0, losses);
	tcase_add_loop_test(outputs, accumulate_adds_and_scale_multiplies, 0, losses);
	tcase_add_loop_test(outputs, gradients_do_not_change_values, 0, losses);
	tcase_add_loop_test(outputs, a_sum_is_that_of_its_losses, 0, losses);
	tcase_add_test(order, of_equal_losses_the_first_count);
	tcase_add_test(isa, every_instruction_set);
	tcase_add_test(cases(suite, "digests"), digests);
	return suite;
}
