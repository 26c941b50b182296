#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "resources.h"

Suite *config_suite(void);

static struct srv_config config;
static struct srv_config_error err;

/* The environment of a test: pairs of name and value. */
static const char *variables[8];

static const char *environment(const char *name)
{
	for (size_t i = 0; variables[i]; i += 2)
		if (strcmp(variables[i], name) == 0)
			return variables[i + 1];
	return NULL;
}

static void set_environment(const char *name, const char *value)
{
	memset(variables, 0, sizeof variables);
	variables[0] = name;
	variables[1] = value;
}

/* Parses "lossd" and one or two arguments. */
static bool parse(const char *first, const char *second)
{
	char *argv[] = {(char *)"lossd", (char *)first, (char *)second, NULL};
	int argc = first ? second ? 3 : 2 : 1;

	return srv_config_parse(&config, argc, argv, environment, &err);
}

static void setup(void)
{
	set_environment(NULL, NULL);
}

START_TEST(defaults)
{
	struct api_limits limits;

	api_limits_init(&limits);
	ck_assert(parse(NULL, NULL));
	ck_assert_uint_eq(config.listen.count, 1);
	ck_assert_str_eq(config.listen.items[0], "127.0.0.1:8080");
	ck_assert_uint_eq(config.workers, srv_cpu_count());
	ck_assert_uint_eq(config.loops, srv_cpu_count() < 8 ? 1 : srv_cpu_count() / 4);
	ck_assert_uint_eq(config.queue_requests, 256);
	ck_assert_uint_eq(config.queue_bytes,
			  srv_memory_bytes() < 2u << 30 ? srv_memory_bytes() / 2 : 1u << 30);
	ck_assert_uint_eq(config.timeout_ms, 30000);
	ck_assert(!config.token_file && !config.insecure);
	ck_assert_mem_eq(&config.limits, &limits, sizeof limits);
}
END_TEST

static const struct {
	const char *text;
	uint64_t bytes; /* UINT64_MAX: refused */
} sizes[] = {
	{"65536", 65536},
	{"64KiB", 65536},
	{"64 KiB", 65536},
	{"3MiB", 3 << 20},
	{"1GiB", 1 << 30},
	{"100000B", 100000},
	{"", UINT64_MAX},
	{"KiB", UINT64_MAX},
	{"64kb", UINT64_MAX},
	{"64KB", UINT64_MAX},
	{"-1", UINT64_MAX},
	{"+65536", UINT64_MAX},
	{"0x10000", UINT64_MAX},
	{"1.5GiB", UINT64_MAX},
	{" 65536", UINT64_MAX},
	{"65536 ", 65536}, /* trailing blanks come from shell variables */
	{"18446744073709551616", UINT64_MAX},
	{"18014398509481984KiB", UINT64_MAX},
};

START_TEST(size)
{
	bool parsed = parse("--max-body", sizes[_i].text);

	ck_assert_msg(parsed == (sizes[_i].bytes != UINT64_MAX), "%s", sizes[_i].text);
	if (parsed)
		ck_assert_uint_eq(config.limits.body_bytes, sizes[_i].bytes);
	else
		ck_assert_msg(strstr(err.text, "--max-body: "), "%s", err.text);
}
END_TEST

static const struct {
	const char *text;
	uint64_t ms; /* UINT64_MAX: refused */
} durations[] = {
	{"1ms", 1},         {"30s", 30000},       {"2min", 120000},   {"2 min", 120000},
	{"30", UINT64_MAX}, {"1h", UINT64_MAX},   {"0s", UINT64_MAX}, {"2days", UINT64_MAX},
	{"s", UINT64_MAX},  {"1.5s", UINT64_MAX},
};

START_TEST(duration)
{
	bool parsed = parse("--timeout", durations[_i].text);

	ck_assert_msg(parsed == (durations[_i].ms != UINT64_MAX), "%s", durations[_i].text);
	if (parsed)
		ck_assert_uint_eq(config.timeout_ms, durations[_i].ms);
}
END_TEST

START_TEST(both_forms_of_a_flag)
{
	ck_assert(parse("--workers", "5") && config.workers == 5);
	ck_assert(parse("--workers=6", NULL) && config.workers == 6);
	ck_assert(!parse("--workers", NULL));
	ck_assert_str_eq(err.text, "--workers needs a value");
	ck_assert(!parse("--workers=", NULL));
}
END_TEST

START_TEST(flag_beats_environment)
{
	set_environment("LOSSD_WORKERS", "7");
	ck_assert(parse(NULL, NULL) && config.workers == 7);
	ck_assert(parse("--workers=8", NULL) && config.workers == 8);
	set_environment("LOSSD_WORKERS", "");
	ck_assert(parse(NULL, NULL) && config.workers == srv_cpu_count());
}
END_TEST

START_TEST(errors_name_what_was_set)
{
	set_environment("LOSSD_QUEUE_REQUESTS", "0");
	ck_assert(!parse(NULL, NULL));
	ck_assert_str_eq(err.text, "LOSSD_QUEUE_REQUESTS: \"0\" is not between 1 and 1048576");
	set_environment("LOSSD_LOG_LEVEL", "loud");
	ck_assert(!parse(NULL, NULL));
	ck_assert_str_eq(err.text,
			 "LOSSD_LOG_LEVEL: \"loud\" is not debug or info or warn or error");
}
END_TEST

START_TEST(unknown_flags_get_a_suggestion)
{
	ck_assert(!parse("--queue-request=1", NULL));
	ck_assert_str_eq(err.text, "there is no setting --queue-request (did you mean "
				   "--queue-requests?)");
	ck_assert(!parse("--zzzzzzzzzzzz", NULL));
	ck_assert_str_eq(err.text, "there is no setting --zzzzzzzzzzzz");
}
END_TEST

START_TEST(lists)
{
	ck_assert(parse("--listen=:1,unix:/a", "--listen=[::1]:2"));
	ck_assert_uint_eq(config.listen.count, 3);
	ck_assert_str_eq(config.listen.items[0], ":1");
	ck_assert_str_eq(config.listen.items[1], "unix:/a");
	ck_assert_str_eq(config.listen.items[2], "[::1]:2");
	set_environment("LOSSD_LISTEN", ":3,:4");
	ck_assert(parse(NULL, NULL) && config.listen.count == 2);
	ck_assert(parse("--listen=:5", NULL) && config.listen.count == 1);
	ck_assert(!parse("--listen=", NULL));
	ck_assert(!parse("--listen=:1,,:2", NULL));
	ck_assert(!parse("--listen=:1,", NULL));
	ck_assert(!parse("--listen=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", NULL));
}
END_TEST

START_TEST(flags_take_words)
{
	ck_assert(parse("--insecure", NULL) && config.insecure);
	ck_assert(parse("--insecure=no", NULL) && !config.insecure);
	ck_assert(parse("--insecure", "serve") && config.argument_count == 1);
	set_environment("LOSSD_INSECURE", "1");
	ck_assert(parse(NULL, NULL) && config.insecure);
}
END_TEST

START_TEST(arguments_that_are_no_flags)
{
	ck_assert(parse("eval", "-"));
	ck_assert_uint_eq(config.argument_count, 2);
	ck_assert_str_eq(config.arguments[1], "-");
}
END_TEST

START_TEST(a_body_must_fit_into_the_memory_of_all)
{
	ck_assert(!parse("--queue-bytes=1MiB", "--max-body=2MiB"));
	ck_assert(parse("--queue-bytes=1MiB", NULL)); /* a body is never more */
	ck_assert_uint_eq(config.limits.body_bytes, 1 << 20);
	ck_assert(parse("--queue-bytes=1MiB", "--max-body=1MiB"));
}
END_TEST

Suite *config_suite(void)
{
	Suite *suite = suite_create("config");
	TCase *tc = tcase_create("config");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, defaults);
	tcase_add_loop_test(tc, size, 0, sizeof sizes / sizeof *sizes);
	tcase_add_loop_test(tc, duration, 0, sizeof durations / sizeof *durations);
	tcase_add_test(tc, both_forms_of_a_flag);
	tcase_add_test(tc, flag_beats_environment);
	tcase_add_test(tc, errors_name_what_was_set);
	tcase_add_test(tc, unknown_flags_get_a_suggestion);
	tcase_add_test(tc, lists);
	tcase_add_test(tc, flags_take_words);
	tcase_add_test(tc, arguments_that_are_no_flags);
	tcase_add_test(tc, a_body_must_fit_into_the_memory_of_all);
	suite_add_tcase(suite, tc);
	return suite;
}
