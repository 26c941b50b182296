/*
 * The golden vectors: what every loss should answer, from an independent
 * reference (tests/golden/make_golden.py, which describes the format).
 */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include "evaluation.h"

/* A tensor of expectations.  `sizes` are those of the terms that each number is
 * the sum of, where they cancelled; 0 elsewhere. */
struct golden_numbers {
	struct numbers numbers; /* .values NULL: nothing is expected */
	double *sizes;
};

struct golden_case {
	struct question question;
	bool float64_only; /* the inputs are no float32 numbers */
	bool unreduced;    /* `losses` and not the four numbers */
	double loss, sum, denominator;
	double size; /* of the terms of `loss` */
	struct golden_numbers losses;
	struct golden_numbers gradients[LOSS_INPUTS_MAX]; /* by input */
};

struct golden_file {
	char name[64];
	size_t count;
	struct golden_case *cases;
	struct memory memory;
	struct json_t *document;
};

/* Read tests/golden/<name>.json; false if there is no such file.  Fails the
 * test that called it where the file is not as it should be. */
bool golden_load(struct golden_file *file, const char *name);
void golden_release(struct golden_file *file);

/* The names of all files of losses, one after another; NULL past the last: one
 * for each loss of the catalogue, then the article's. */
const char *golden_name_at(size_t index);

#endif
