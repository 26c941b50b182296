/* Losses of a score and a target of -1 or 1. */
#ifndef LOSS_SIMD_MARGIN_H
#define LOSS_SIMD_MARGIN_H

#include "elementwise.h"

/* y x: how far the score is on the side of the target. */
INLINE vec agreement_of(vec x, vec y, struct seen *seen)
{
	vec agreement = x * y;

	see_nonfinite(seen, LOSS_EVENT_ZERO_TIMES_INF,
		      m_andnot(m_andnot(v_isnan(agreement), v_isnan(x)), v_isnan(y)));
	return agreement;
}

#endif
