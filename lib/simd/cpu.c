/*
 * The kernels of every loss for every instruction set, and which set this
 * machine gets.  The rows come from loss_list.h, in the order of its losses.
 */
#include <stdlib.h>

#include "../diagnose/kernels.h"
#include "../loss_impl.h"

#define LOSS_DECLARE(id, isa)                                                                      \
	extern const struct loss_kernels loss_kernels_##id##_##isa##_32;                           \
	extern const struct loss_kernels loss_kernels_##id##_##isa##_64;
#define LOSS_ROW(id, isa) {&loss_kernels_##id##_##isa##_32, &loss_kernels_##id##_##isa##_64},

#define LOSS(id) LOSS_DECLARE(id, baseline)
#include "../loss_list.h"
#undef LOSS
static const struct loss_kernels *const baseline[][2] = {
#define LOSS(id) LOSS_ROW(id, baseline)
#include "../loss_list.h"
#undef LOSS
};

#ifdef __x86_64__
#define LOSS(id) LOSS_DECLARE(id, v3) LOSS_DECLARE(id, v4)
#include "../loss_list.h"
#undef LOSS
static const struct loss_kernels *const v3[][2] = {
#define LOSS(id) LOSS_ROW(id, v3)
#include "../loss_list.h"
#undef LOSS
};
static const struct loss_kernels *const v4[][2] = {
#define LOSS(id) LOSS_ROW(id, v4)
#include "../loss_list.h"
#undef LOSS
};
#endif

/* The loops of a diagnosis likewise: by dtype. */
#define DIAGNOSE_ROW(isa)                                                                          \
	{                                                                                          \
		&diagnose_kernels_##isa##_32, &diagnose_kernels_##isa##_64                         \
	}

extern const struct diagnose_kernels diagnose_kernels_baseline_32, diagnose_kernels_baseline_64;
#ifdef __x86_64__
extern const struct diagnose_kernels diagnose_kernels_v3_32, diagnose_kernels_v3_64;
extern const struct diagnose_kernels diagnose_kernels_v4_32, diagnose_kernels_v4_64;
#endif

/* ---- The sets, from the least ---------------------------------------------- */

struct isa {
	const char *name; /* for LOSS_ISA */
	const char *title;
	const struct loss_kernels *const (*kernels)[2];
	const struct diagnose_kernels *diagnose[2];
	bool (*supported)(void);
};

static bool always(void)
{
	return true;
}

#ifdef __x86_64__
static bool has_v3(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
	       __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}

static bool has_v4(void)
{
	return has_v3() && __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
	       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

static const struct isa isas[] = {
	{"baseline", "x86-64", baseline, DIAGNOSE_ROW(baseline), always},
	{"v3", "x86-64-v3", v3, DIAGNOSE_ROW(v3), has_v3},
	{"v4", "x86-64-v4", v4, DIAGNOSE_ROW(v4), has_v4},
};
#else
static const struct isa isas[] = {
	{"baseline", "baseline", baseline, DIAGNOSE_ROW(baseline), always},
};
#endif

/* The best set the machine has, no better than LOSS_ISA says.  The same answer
 * every time, so it does not matter which thread asks first. */
static const struct isa *choose(void)
{
	const char *most = getenv("LOSS_ISA");
	const struct isa *best = &isas[0];

	for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
		if (isas[i].supported())
			best = &isas[i];
		if (most && !strcmp(most, isas[i].name))
			break;
	}
	return best;
}

static const struct isa *chosen;

/* Before main(), so that no thread ever sees it change. */
__attribute__((constructor)) static void choose_once(void)
{
	chosen = choose();
}

const char *loss_isa(void)
{
	return chosen->title;
}

const struct loss_kernels *loss_kernels_of(const struct loss *loss, enum loss_dtype dtype)
{
	for (size_t i = 0; i < loss_count(); i++)
		if (loss_at(i) == loss)
			return chosen->kernels[i][dtype == LOSS_FLOAT64];
	return NULL;
}

const struct diagnose_kernels *diagnose_kernels_of(bool is_float64)
{
	return chosen->diagnose[is_float64];
}
