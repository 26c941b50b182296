/*
 * Labels of many sequences, padded to rows or one behind the other: the same
 * loss, and in a row no more room than the labels need.
 */
#include <check.h>

#include "draw.h"

Suite *sequence_suite(void);

enum { FRAMES = 9, SEQUENCES = 300, CLASSES = 4, LONGEST = 5 };

static struct numbers *input_of(struct question *question, enum loss_role role, bool index,
				int rank, const int64_t *shape, struct memory *memory)
{
	int at = question->input_count++;
	struct numbers *numbers = &question->inputs[at].numbers;

	question->inputs[at].role = role;
	question->inputs[at].differentiate = !index;
	*numbers = (struct numbers){.index = index, .rank = rank};
	for (int i = 0; i < rank; i++)
		numbers->shape[i] = shape[i];
	numbers_take(numbers, memory);
	return numbers;
}

/* Any scores, and 0 to LONGEST labels a sequence; `longest` is what rows have. */
static void ask(struct question *question, bool in_a_row, int64_t longest, struct memory *memory)
{
	int64_t sequences = SEQUENCES, total = 0;
	int64_t length[SEQUENCES];
	uint64_t seed = 7, at = 0;

	*question = (struct question){.name = "ctc"};
	loss_spec_init(&question->spec, loss_find("ctc"));
	struct numbers *scores = input_of(question, LOSS_ROLE_LOGITS, false, 3,
					  (int64_t[]){FRAMES, SEQUENCES, CLASSES}, memory);
	for (int64_t i = 0; i < scores->count; i++)
		scores->values[i] = 6 * draw_uniform(&seed) - 3;
	for (int n = 0; n < SEQUENCES; n++)
		total += length[n] = (int64_t)((LONGEST + 1) * draw_uniform(&seed));

	struct numbers *labels =
		in_a_row ? input_of(question, LOSS_ROLE_TARGETS, true, 1, &total, memory)
			 : input_of(question, LOSS_ROLE_TARGETS, true, 2,
				    (int64_t[]){SEQUENCES, longest}, memory);
	struct numbers *lengths =
		input_of(question, LOSS_ROLE_TARGET_LENGTHS, true, 1, &sequences, memory);

	for (int n = 0; n < SEQUENCES; n++) {
		lengths->values[n] = (double)length[n];
		for (int64_t i = 0; i < length[n]; i++)
			labels->values[in_a_row ? (int64_t)at++ : n * longest + i] =
				1 + (double)(int64_t)((CLASSES - 1) * draw_uniform(&seed));
	}
}

static size_t evaluate(struct evaluation *e, struct question *question, bool in_a_row,
		       int64_t longest, struct memory *memory)
{
	ask(question, in_a_row, longest, memory);
	question->spec.common.reduction = LOSS_NONE;
	ck_assert(!evaluation_init(e, question, LOSS_FLOAT32, MEMORY_GUARD_BEHIND));
	evaluation_fill(e, 0xff);
	ck_assert(!evaluation_run(e));
	return e->plan.scratch_bytes;
}

START_TEST(rows_and_a_row_are_the_same)
{
	struct memory memory = {MEMORY_PLAIN, NULL};
	struct question questions[3];
	struct evaluation padded, wide, row;
	size_t of_padded = evaluate(&padded, &questions[0], false, LONGEST, &memory);
	size_t of_wide = evaluate(&wide, &questions[1], false, SEQUENCES, &memory);
	size_t of_row = evaluate(&row, &questions[2], true, 0, &memory);

	ck_assert_uint_eq(evaluation_digest(&row), evaluation_digest(&padded));
	ck_assert_uint_eq(evaluation_digest(&row), evaluation_digest(&wide));
	ck_assert_uint_lt(of_row, of_padded);
	ck_assert_uint_gt(of_wide, 2 * of_padded);
	evaluation_release(&padded);
	evaluation_release(&wide);
	evaluation_release(&row);
	memory_release(&memory);
}
END_TEST

Suite *sequence_suite(void)
{
	Suite *suite = suite_create("sequence");
	TCase *labels = tcase_create("labels");

	tcase_add_test(labels, rows_and_a_row_are_the_same);
	suite_add_tcase(suite, labels);
	return suite;
}
