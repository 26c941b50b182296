/* Limits of control groups, in folders made to look like them. */
#define _GNU_SOURCE
#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "resources.h"

Suite *resources_suite(void);

static char root[] = "/tmp/lossd-cgroup-XXXXXX";
static char self[64];
static struct srv_cgroups cgroups;

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

/* root/path with every folder above it. */
static void put(const char *path, const char *text)
{
	char full[256];

	snprintf(full, sizeof full, "%s/%s", root, path);
	for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(full, 0700);
		*slash = '/';
	}
	write_file(full, text);
}

static void set_self(const char *text)
{
	write_file(self, text);
}

static void setup(void)
{
	strcpy(root + strlen(root) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	snprintf(self, sizeof self, "%s/self", root);
	cgroups = (struct srv_cgroups){self, root};
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	return remove(path);
}

static void teardown(void)
{
	nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#define ck_limits(cpus, memory)                                                                    \
	do {                                                                                       \
		ck_assert_uint_eq(srv_cgroup_cpus(&cgroups), cpus);                                \
		ck_assert_uint_eq(srv_cgroup_memory(&cgroups), memory);                            \
	} while (0)

START_TEST(nothing_is_no_limit)
{
	ck_limits(UINT64_MAX, UINT64_MAX); /* not even /proc/self/cgroup */
	set_self("0::/a/b\n");
	ck_limits(UINT64_MAX, UINT64_MAX);
	put("a/b/cpu.max", "max 100000\n");
	put("a/b/memory.max", "max\n");
	ck_limits(UINT64_MAX, UINT64_MAX);
}
END_TEST

START_TEST(version_2)
{
	set_self("0::/a/b\n");
	put("a/b/cpu.max", "300000 100000\n");
	put("a/b/memory.max", "536870912\n");
	ck_limits(3, 536870912);
}
END_TEST

START_TEST(cpus_are_rounded_up)
{
	static const struct {
		const char *text;
		uint64_t cpus;
	} rows[] = {
		{"100000 100000\n", 1}, {"100001 100000\n", 2}, {"150000 100000\n", 2},
		{"1000 100000\n", 1},   {"50000 25000\n", 2},
	};

	set_self("0::/\n");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		put("cpu.max", rows[i].text);
		ck_assert_uint_eq(srv_cgroup_cpus(&cgroups), rows[i].cpus);
	}
}
END_TEST

START_TEST(groups_above_count)
{
	set_self("0::/a/b/c\n");
	put("a/b/c/cpu.max", "800000 100000\n");
	put("a/b/cpu.max", "max 100000\n");
	put("a/cpu.max", "200000 100000\n");
	put("a/b/c/memory.max", "1000\n");
	put("a/memory.max", "2000\n");
	ck_limits(2, 1000);
}
END_TEST

START_TEST(a_path_of_the_host)
{
	/* In a container the group's files are at the root. */
	set_self("0::/kubepods/pod1/container\n");
	put("cpu.max", "200000 100000\n");
	put("memory.max", "4096\n");
	ck_limits(2, 4096);
}
END_TEST

START_TEST(version_1)
{
	set_self("5:cpuset:/c\n4:memory:/m\n2:cpuacct,cpu:/c/d\n1:name=systemd:/\n");
	put("cpu/c/d/cpu.cfs_quota_us", "250000\n");
	put("cpu/c/d/cpu.cfs_period_us", "100000\n");
	put("memory/m/memory.limit_in_bytes", "1073741824\n");
	put("cpuset/c/cpu.cfs_quota_us", "1\n");
	put("cpuset/c/cpu.cfs_period_us", "1\n");
	ck_limits(3, 1073741824);
	put("cpu/c/d/cpu.cfs_quota_us", "-1\n");
	put("memory/m/memory.limit_in_bytes", "9223372036854771712\n");
	ck_limits(UINT64_MAX, 9223372036854771712u);
}
END_TEST

START_TEST(both_versions)
{
	set_self("4:memory:/m\n1:cpu:/c\n0::/u\n");
	put("memory/m/memory.limit_in_bytes", "5000\n");
	put("unified/u/memory.max", "4000\n");
	put("unified/u/cpu.max", "100000 100000\n");
	ck_limits(1, 4000);
}
END_TEST

START_TEST(nonsense_is_no_limit)
{
	set_self("no colons\n:\n0:\n0::/a\n");
	put("a/cpu.max", "many\n");
	put("a/memory.max", "-5\n");
	ck_limits(UINT64_MAX, UINT64_MAX);
	put("a/cpu.max", "100000 0\n");
	put("a/memory.max", "");
	ck_limits(UINT64_MAX, UINT64_MAX);
}
END_TEST

START_TEST(this_process_has_something)
{
	ck_assert_uint_ge(srv_cpu_count(), 1);
	ck_assert_uint_le(srv_cpu_count(), (uint64_t)sysconf(_SC_NPROCESSORS_CONF));
	ck_assert_uint_gt(srv_memory_bytes(), 1 << 20);
}
END_TEST

Suite *resources_suite(void)
{
	Suite *suite = suite_create("resources");
	TCase *tests = tcase_create("resources");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, nothing_is_no_limit);
	tcase_add_test(tests, version_2);
	tcase_add_test(tests, cpus_are_rounded_up);
	tcase_add_test(tests, groups_above_count);
	tcase_add_test(tests, a_path_of_the_host);
	tcase_add_test(tests, version_1);
	tcase_add_test(tests, both_versions);
	tcase_add_test(tests, nonsense_is_no_limit);
	tcase_add_test(tests, this_process_has_something);
	suite_add_tcase(suite, tests);
	return suite;
}
