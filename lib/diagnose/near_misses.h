/* saturated, near_overflow_*, subnormal, cancellation, high_initial_loss. */
#ifndef LOSS_DIAGNOSE_NEAR_MISSES_H
#define LOSS_DIAGNOSE_NEAR_MISSES_H

#include "diagnose.h"

void find_near_misses(struct diagnosis *d);

#endif
