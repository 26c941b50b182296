/*
 * The loops of a diagnosis that go over every element: compiled for each ISA
 * and dtype as the losses are, with the same bits on all of them.
 */
#ifndef LOSS_DIAGNOSE_KERNELS_H
#define LOSS_DIAGNOSE_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

enum { SUMMARY_BLOCK = 4096 }; /* elements that are summed before they are merged */

/* What a block of elements comes to.  The sums are over the finite ones, less
 * `shift` where their squares would cancel: one of them. */
struct summary_block {
	int64_t nan, pos_inf, neg_inf, zeros, subnormals, saturated;
	int64_t finite;
	double min, max;
	double smallest; /* magnitude other than 0; infinite where there is none */
	double shift, sum, squares;
};

/* The largest score of a row: its first place, and the sum of exp(x - max). */
struct row_top {
	int64_t index; /* -1: a NaN stands in the row, or no number is finite */
	double max, sum;
};

struct diagnose_kernels {
	/* n <= SUMMARY_BLOCK elements; those <= low or >= high count as saturated
	 * (NaN: none does). */
	void (*summarize)(const void *data, int n, double low, double high,
			  struct summary_block *out);
	/* c >= 1 scores that stand together. */
	void (*top)(const void *row, int64_t c, struct row_top *out);
};

/* For the machine and one of the two real dtypes (simd/cpu.c). */
const struct diagnose_kernels *diagnose_kernels_of(bool is_float64);

#endif
