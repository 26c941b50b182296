/*
 * What the math notices on its way: a clamp that decided a value, a skipped
 * 0 x inf.  The hot loop only asks whether there was anything at all and the
 * compiler drops the rest; a scan asks for every lane of every event.  What ends
 * in a NaN or an infinity need not be asked for: the sum tells.
 */
#ifndef LOSS_SIMD_SEEN_H
#define LOSS_SIMD_SEEN_H

#include "../loss_impl.h"
#include "vec.h"

/* What is too large to stand in every build of a loop. */
#ifndef NOINLINE
#define NOINLINE __attribute__((noinline, unused))
#endif

struct seen {
	mask any;       /* what a hot loop asks for */
	mask nonfinite; /* what it need not */
	mask each[LOSS_EVENT_COUNT];
};

INLINE struct seen seen_nothing(void)
{
	struct seen seen;

	seen.any = seen.nonfinite = m_none();
	for (int event = 0; event < LOSS_EVENT_COUNT; event++)
		seen.each[event] = m_none();
	return seen;
}

INLINE void see(struct seen *seen, enum loss_event event, mask lanes)
{
	seen->any = m_or(seen->any, lanes);
	seen->each[event] = m_or(seen->each[event], lanes);
}

/* The same where the loss is NaN or infinite for it, so that a hot loop notices
 * without a look at the event. */
INLINE void see_nonfinite(struct seen *seen, enum loss_event event, mask lanes)
{
	seen->nonfinite = m_or(seen->nonfinite, lanes);
	seen->each[event] = m_or(seen->each[event], lanes);
}

/* Only the lanes that are on. */
INLINE void seen_only(struct seen *seen, mask on)
{
	seen->any = m_and(seen->any, on);
	seen->nonfinite = m_and(seen->nonfinite, on);
	for (int event = 0; event < LOSS_EVENT_COUNT; event++)
		seen->each[event] = m_and(seen->each[event], on);
}

/* Tell a scan about the first n lanes that are `on`; lane 0 is `element`, the
 * others lie `step` apart. */
static NOINLINE void seen_report(const struct seen *seen, mask on, struct loss_scan *scan,
				 int64_t element, int64_t step, int n)
{
	if (!m_any(m_and(m_or(seen->any, seen->nonfinite), on)))
		return;
	for (int event = 0; event < LOSS_EVENT_COUNT; event++) {
		unsigned lanes = m_bits(m_and(seen->each[event], on));

		for (int lane = 0; lane < n; lane++)
			if (lanes >> lane & 1)
				scan->hit(scan, (enum loss_event)event, element + lane * step);
	}
}

#endif
