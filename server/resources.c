#define _GNU_SOURCE
#include "resources.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 2048, LINE_BYTES = 1024 };

/* ---- Limits of one group -------------------------------------------------- */

/* The one or two numbers of a file; how many there are. "max" is none. */
static int read_numbers(const char *folder, const char *name, long long numbers[2])
{
	char path[PATH_BYTES + 64];
	FILE *file;
	int got;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "re");
	if (!file)
		return 0;
	got = fscanf(file, "%lld %lld", &numbers[0], &numbers[1]);
	fclose(file);
	return got > 0 ? got : 0;
}

static uint64_t cpus_of(long long quota, long long period)
{
	return quota > 0 && period > 0 ? (uint64_t)((quota + period - 1) / period) : UINT64_MAX;
}

static uint64_t cpus_v2(const char *folder)
{
	long long numbers[2];

	return read_numbers(folder, "cpu.max", numbers) == 2 ? cpus_of(numbers[0], numbers[1])
							     : UINT64_MAX;
}

static uint64_t cpus_v1(const char *folder)
{
	long long quota[2], period[2];

	if (!read_numbers(folder, "cpu.cfs_quota_us", quota) ||
	    !read_numbers(folder, "cpu.cfs_period_us", period))
		return UINT64_MAX;
	return cpus_of(quota[0], period[0]);
}

static uint64_t memory_of(const char *folder, const char *name)
{
	long long bytes[2];

	return read_numbers(folder, name, bytes) && bytes[0] >= 0 ? (uint64_t)bytes[0] : UINT64_MAX;
}

static uint64_t memory_v2(const char *folder)
{
	return memory_of(folder, "memory.max");
}

/* No limit is nearly 2^63 there, which is above any other. */
static uint64_t memory_v1(const char *folder)
{
	return memory_of(folder, "memory.limit_in_bytes");
}

/* ---- The groups of the process -------------------------------------------- */

typedef uint64_t read_limit(const char *folder);

struct controller {
	const char *name; /* of version 1 */
	read_limit *v1, *v2;
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Of root/mount/path and of every folder above it down to root/mount: in a
 * container the path may be the host's, and the group itself is at the root. */
static uint64_t walk(const char *root, const char *mount, const char *path, read_limit *read)
{
	char folder[PATH_BYTES];
	uint64_t limit = UINT64_MAX;
	size_t fixed;

	fixed = (size_t)snprintf(folder, sizeof folder, "%s%s", root, mount);
	if (fixed >= sizeof folder || (size_t)snprintf(folder + fixed, sizeof folder - fixed, "%s",
						       path) >= sizeof folder - fixed)
		return UINT64_MAX;
	for (;;) {
		char *slash = strrchr(folder + fixed, '/');

		limit = least(limit, read(folder));
		if (!slash)
			return limit;
		*slash = '\0';
	}
}

/* Whether `name` is one of a list with commas. */
static bool is_listed(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
		if (strcspn(at, ",") == length && strncmp(at, name, length) == 0)
			return true;
	return false;
}

/* One line of /proc/self/cgroup: number, controllers, path. */
static uint64_t limit_of_line(char *line, const char *root, const struct controller *controller)
{
	char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
	char mount[64];

	if (!path)
		return UINT64_MAX;
	line[strcspn(line, "\n")] = '\0';
	*path++ = '\0';
	list++;
	if (strncmp(line, "0:", 2) == 0) /* version 2, alone or beside version 1 */
		return least(walk(root, "", path, controller->v2),
			     walk(root, "/unified", path, controller->v2));
	if (!is_listed(list, controller->name))
		return UINT64_MAX;
	snprintf(mount, sizeof mount, "/%s", controller->name);
	return walk(root, mount, path, controller->v1);
}

static uint64_t limit_of(const struct srv_cgroups *cgroups, const struct controller *controller)
{
	FILE *file = fopen(cgroups->self, "re");
	uint64_t limit = UINT64_MAX;
	char line[LINE_BYTES];

	while (file && fgets(line, sizeof line, file))
		limit = least(limit, limit_of_line(line, cgroups->root, controller));
	if (file)
		fclose(file);
	return limit;
}

uint64_t srv_cgroup_cpus(const struct srv_cgroups *cgroups)
{
	return limit_of(cgroups, &(struct controller){"cpu", cpus_v1, cpus_v2});
}

uint64_t srv_cgroup_memory(const struct srv_cgroups *cgroups)
{
	return limit_of(cgroups, &(struct controller){"memory", memory_v1, memory_v2});
}

/* ---- The process ---------------------------------------------------------- */

static const struct srv_cgroups own = {"/proc/self/cgroup", "/sys/fs/cgroup"};

uint64_t srv_cpu_count(void)
{
	uint64_t cpus = srv_cgroup_cpus(&own);
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) == 0)
		cpus = least(cpus, (uint64_t)CPU_COUNT(&set));
	return cpus > 0 && cpus < UINT64_MAX ? cpus : 1;
}

uint64_t srv_memory_bytes(void)
{
	uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES), page = (uint64_t)sysconf(_SC_PAGESIZE);

	return least(srv_cgroup_memory(&own), pages * page);
}
