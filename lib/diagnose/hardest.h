/* The units with the largest losses, and the labels among them that look wrong. */
#ifndef LOSS_DIAGNOSE_HARDEST_H
#define LOSS_DIAGNOSE_HARDEST_H

#include "diagnose.h"

void write_hardest(struct diagnosis *d);
void find_suspect_labels(struct diagnosis *d);

#endif
