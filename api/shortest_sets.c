#include "shortest.h"

#define SETS(isa) shortest_##isa##_32, shortest_##isa##_64

shortest_fn SETS(baseline);
#ifdef __x86_64__
shortest_fn SETS(v3), SETS(v4);
#endif

const struct shortest_set shortest_sets[] = {
#ifdef __x86_64__
	{"x86-64", SETS(baseline)},
	{"x86-64-v3", SETS(v3)},
	{"x86-64-v4", SETS(v4)},
#else
	{"baseline", SETS(baseline)},
#endif
	{NULL, NULL, NULL},
};

shortest_fn *shortest_of(enum loss_dtype dtype)
{
	const struct shortest_set *set = shortest_sets;

	while (set->isa && strcmp(set->isa, loss_isa()) != 0)
		set++;
	if (!set->isa)
		set = shortest_sets;
	return dtype == LOSS_FLOAT32 ? set->float32 : set->float64;
}
