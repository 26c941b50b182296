/*
 * What this process may use of the machine.  The limits of its control groups
 * count as much as the machine's own: a container with more runnable threads than
 * its quota is put to sleep in the middle of its work, and one with more memory
 * than its limit is killed.
 */
#ifndef SERVER_RESOURCES_H
#define SERVER_RESOURCES_H

#include <stdint.h>

/* CPUs: the smaller of affinity and quota, at least 1. */
uint64_t srv_cpu_count(void);

/* Bytes of memory: the smaller of what the machine has and the groups' limit. */
uint64_t srv_memory_bytes(void);

/* Where control groups are found. */
struct srv_cgroups {
	const char *self; /* "/proc/self/cgroup" */
	const char *root; /* "/sys/fs/cgroup" */
};

/* The least limit of the process's groups and those above them, of version 2
 * (cpu.max, memory.max), version 1 (cpu.cfs_quota_us, memory.limit_in_bytes), or
 * a mixture.  CPUs are rounded up.  UINT64_MAX: none. */
uint64_t srv_cgroup_cpus(const struct srv_cgroups *cgroups);
uint64_t srv_cgroup_memory(const struct srv_cgroups *cgroups);

#endif
