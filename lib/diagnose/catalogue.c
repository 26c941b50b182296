/* The findings there are. */
#include "diagnose.h"

_Static_assert(LOSS_FINDING_COUNT <= 64, "a set of findings fits into a uint64_t");

#define INFO    LOSS_INFO
#define WARNING LOSS_WARNING
#define ERROR   LOSS_ERROR

#define CURE(say)                                                                                  \
	{                                                                                          \
		say, false, false                                                                  \
	}
#define ARTICLE(say)                                                                               \
	{                                                                                          \
		say, true, false                                                                   \
	}
#define TRAP(say)                                                                                  \
	{                                                                                          \
		say, true, true                                                                    \
	}

static const struct loss_finding_row rows[] = {
#define X(name, slug, severity, stage, cause, says, ...)                                           \
	{slug, severity, stage, cause, says, {__VA_ARGS__}},
	LOSS_FINDINGS(X)
#undef X
};

const struct loss_finding_row *loss_finding_at(size_t index)
{
	return index < LOSS_FINDING_COUNT ? &rows[index] : NULL;
}

const char *loss_severity_name(enum loss_severity severity)
{
	static const char *const names[] = {"info", "warning", "error"};

	return names[severity];
}

const char *loss_verdict_name(enum loss_verdict verdict)
{
	static const char *const names[] = {"ok", "warning", "nonfinite"};

	return names[verdict];
}
