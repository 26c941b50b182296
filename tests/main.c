/*
 * Runs the check suites.
 *
 *     build/tests/run               all of them
 *     build/tests/run numbers pool  only these
 *     build/tests/run --list        their names
 *
 * A file tests/.../test_<name>.c exports `Suite *<name>_suite(void)`, and is
 * found by that: the build writes suites.inc, one SUITE(name) for each file.
 * CK_RUN_CASE=<tcase> narrows it further, CK_FORK=no helps a debugger.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#define SUITE(name) Suite *name##_suite(void);
#include "suites.inc"
#undef SUITE

static const struct {
	const char *name;
	Suite *(*make)(void);
} suites[] = {
#define SUITE(name) {#name, name##_suite},
#include "suites.inc"
#undef SUITE
	{NULL, NULL},
};

static bool is_wanted(const char *name, char **wanted)
{
	if (!*wanted)
		return true;
	for (; *wanted; wanted++)
		if (!strcmp(name, *wanted))
			return true;
	return false;
}

static void list_suites(void)
{
	for (size_t i = 0; suites[i].name; i++)
		puts(suites[i].name);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--list")) {
		list_suites();
		return EXIT_SUCCESS;
	}

	int count = 0;
	SRunner *runner = srunner_create(NULL);
	for (size_t i = 0; suites[i].name; i++) {
		if (!is_wanted(suites[i].name, argv + 1))
			continue;
		srunner_add_suite(runner, suites[i].make());
		count++;
	}
	/* A misspelt name must not pass for a success. */
	if (count == 0 || (argc > 1 && count != argc - 1)) {
		fprintf(stderr, "%s: no such suite; --list names them\n", argv[0]);
		srunner_free(runner);
		return EXIT_FAILURE;
	}

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
