/*
 * How many CPUs this process may use.  A container's quota (cpu.max of the
 * control group and of those above it) counts as much as the affinity: more
 * runnable threads than quota are put to sleep in the middle of their work.
 */
#define _GNU_SOURCE
#include "config.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

static uint64_t affinity_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) != 0)
		return 1;
	return (uint64_t)CPU_COUNT(&set);
}

/* The CPUs of a file cpu.max ("200000 100000", or "max 100000"), rounded up;
 * UINT64_MAX for no limit or no such file. */
static uint64_t quota_cpus(const char *folder)
{
	char path[1200];
	unsigned long long quota, period;
	FILE *file;
	int got;

	snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", folder);
	file = fopen(path, "re");
	if (!file)
		return UINT64_MAX;
	got = fscanf(file, "%llu %llu", &quota, &period);
	fclose(file);
	return got == 2 && period > 0 ? (quota + period - 1) / period : UINT64_MAX;
}

/* The folder of the own control group (version 2), "" if there is none. */
static void own_group(char *folder, size_t bytes)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[1024];

	folder[0] = '\0';
	while (file && fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::", 3) == 0)
			snprintf(folder, bytes, "%s", line + 3);
	}
	if (file)
		fclose(file);
}

uint64_t srv_cpu_count(void)
{
	uint64_t cpus = affinity_cpus();
	char folder[1024];

	own_group(folder, sizeof folder);
	for (;;) {
		uint64_t quota = quota_cpus(folder);
		char *slash = strrchr(folder, '/');

		cpus = quota < cpus ? quota : cpus;
		if (!slash)
			return cpus > 0 ? cpus : 1;
		*slash = '\0';
	}
}
