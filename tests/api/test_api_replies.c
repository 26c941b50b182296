/*
 * Every reply of the api suites is held against the published contract.
 *
 * The suite is made before any test runs: it names the file that ask.c appends
 * replies to.  Its one test runs last of all (the Makefile puts it there), and
 * validates what has come together there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "ask.h"

static char replies[] = "/tmp/lossd-replies-XXXXXX";
static pid_t runner;

/* A few of each kind, so that the suite says something when it runs alone. */
static const char *const some[] = {
	"{\"loss\":\"ce\",\"logits\":[[1,2],[-Infinity,-Infinity]],\"targets\":[0,1],\"id\":1}",
	"{\"loss\":{\"name\":\"ce\",\"reduction\":\"none\"},\"logits\":[[1,2]],\"targets\":[0]}",
	"{\"loss\":{\"terms\":[{\"loss\":\"l1\"},{\"loss\":\"mse\"}]},\"input\":[1],\"targets\":["
	"NaN],"
	"\"nonfinite\":\"null\"}",
	"{\"loss\":\"l1\",\"batch\":[{\"input\":1,\"targets\":2},{\"input\":1}]}",
	"{\"loss\":\"bce\",\"probs\":[0,1],\"targets\":[1,0],\"diagnostics\":\"full\"}",
	"{\"loss\":",
};

static const char *const pages[] = {"/v1/losses",   "/v1/losses/dice", "/v1/losses/dize",
				    "/v1/findings", "/healthz",        "/openapi.json",
				    "/v1/evaluate", "/nowhere"};

START_TEST(replies_fit_the_contract)
{
	struct answer answer;
	char command[200];

	for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
		ask_post(some[i], &answer);
		answer_free(&answer);
	}
	for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
		ask_get(pages[i], &answer);
		answer_free(&answer);
	}
	snprintf(command, sizeof command,
		 "/usr/bin/python3 -B tests/api/check_replies.py api/openapi.json %s",
		 getenv("LOSSD_REPLIES"));
	ck_assert_int_eq(system(command), 0);
}
END_TEST

/* Tests are forked, and end by exit() too. */
static void remove_replies(void)
{
	if (getpid() == runner)
		unlink(replies);
}

Suite *api_replies_suite(void);

Suite *api_replies_suite(void)
{
	Suite *suite = suite_create("api_replies");
	TCase *tcase = tcase_create("replies");
	int fd = mkstemp(replies);

	if (fd >= 0) {
		close(fd);
		runner = getpid();
		setenv("LOSSD_REPLIES", replies, 0);
		atexit(remove_replies);
	}
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, replies_fit_the_contract);
	suite_add_tcase(suite, tcase);
	return suite;
}
