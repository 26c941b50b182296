/* The losses against those in float64, and the gradients against differences. */
#ifndef LOSS_DIAGNOSE_FLOAT64_H
#define LOSS_DIAGNOSE_FLOAT64_H

#include "diagnose.h"

void lay_out_float64(struct diagnosis *d, struct room *room);

/* statistics.cancellation and statistics.check */
void write_cancellation(struct diagnosis *d);
void write_gradient_check(struct diagnosis *d);

#endif
