/*
 * Whether the numbers of two tensors agree, and how far they are from it.
 * Knows nothing of requests; constant and free of locks, so any thread may call.
 */
#ifndef API_AGREEMENT_H
#define API_AGREEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "../lib/loss.h"

/* Two numbers agree if |a - b| <= atol + rtol |b|, or if they are `ulp` units in
 * the last place apart.  NaN agrees with NaN. */
struct api_tolerance {
	double rtol, atol, ulp; /* NaN: as the dtype suggests */
};

/* What a tolerance comes to for the numbers of a tensor.  rtol: 1e-5 of float32,
 * 1e-10 of float64, 2e-3 of float16, 2e-2 of bfloat16; atol: a tenth of that, of
 * the largest finite number in it, since what was summed or cancelled is as
 * exact as its largest part; ulp: 4. */
struct api_tolerance api_tolerance_of(const struct api_tolerance *wish,
				      enum loss_precision precision,
				      const struct loss_tensor *tensor);

/* A tensor seen otherwise: every number times `factor`, two axes changed over
 * (the same: none). */
struct api_view {
	double factor;
	int axis, other;
};

static const struct api_view API_AS_IT_IS = {1, 0, 0};

enum { API_AGREEMENT_PLACES = 16 };

struct api_agreement {
	bool agrees, same_shape;
	int64_t count, differing;
	/* The largest over all elements; NaN where the shapes differ, infinite
	 * where one of two is not finite or, `relative`, ours is 0. */
	double ulp, relative, absolute;
	int64_t at[API_AGREEMENT_PLACES]; /* flat indices of the first that differ */
	int at_count;
	struct api_tolerance tolerance; /* that was used */
};

/* `claimed` against `ours` in a view.  Both have the same dtype and as many
 * elements. */
void api_agreement_make(const struct loss_tensor *ours, const struct loss_tensor *claimed,
			const struct api_view *view, const struct api_tolerance *tolerance,
			enum loss_precision precision, struct api_agreement *agreement);

/* The factor by which `claimed` comes nearest to `ours` (least squares over the
 * finite numbers); NaN where fewer than two numbers tell. */
double api_agreement_factor(const struct loss_tensor *ours, const struct loss_tensor *claimed);

/* Element i of a tensor of reals. */
double api_real_at(const struct loss_tensor *tensor, int64_t i);

#endif
