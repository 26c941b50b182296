#include <check.h>
#include <stdio.h>
#include <string.h>

#include "framing.h"
#include "ids.h"
#include "listen.h"

Suite *framing_suite(void);

/* A head from lines "Name: value", cut at the first colon as libmicrohttpd does. */
static enum api_problem check(const char *version, const char *const *lines,
			      struct srv_framing *framing, struct srv_refusal *refusal)
{
	static char text[16][200];
	struct srv_head head = {.method = "POST", .path = "/", .version = version};

	for (size_t i = 0; lines[i]; i++) {
		char *colon;

		snprintf(text[i], sizeof text[i], "%s", lines[i]);
		colon = strchr(text[i], ':');
		*colon = '\0';
		srv_head_add(&head, text[i], strlen(text[i]), colon + 2, strlen(colon + 2));
	}
	return srv_framing_check(&head, framing, refusal);
}

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct {
	const char *version;
	const char *lines[6];
	const char *says; /* part of the refusal; NULL: accepted */
	int body;
	uint64_t length;
} cases[] = {
	{"HTTP/1.1", {"Host: a"}, NULL, SRV_NO_BODY, 0},
	{"HTTP/1.0", {"Accept: */*"}, NULL, SRV_NO_BODY, 0},
	{"HTTP/1.1", {"Host: a", "Content-Length: 7"}, NULL, SRV_BODY_LENGTH, 7},
	{"HTTP/1.1", {"Host: a", "content-length: 0"}, NULL, SRV_NO_BODY, 0},
	{"HTTP/1.1", {"host: a", "transfer-encoding: Chunked"}, NULL, SRV_BODY_CHUNKED, 0},
	{"HTTP/1.1", {"Content-Length: 7"}, "Host", 0, 0},
	{"HTTP/1.1", {"Host: a", "HOST: a"}, "Host stands 2 times", 0, 0},
	{"HTTP/1.1", {"Host: a", "Content-Length: 7", "Content-Length: 7"}, "2 times", 0, 0},
	{"HTTP/1.1", {"Host: a", "Content-Length: 7", "Transfer-Encoding: chunked"}, "both", 0, 0},
	{"HTTP/1.1", {"Host: a", "Transfer-Encoding: gzip"}, "expected chunked", 0, 0},
	{"HTTP/1.1", {"Host: a", "Transfer-Encoding: chunked, chunked"}, "expected chunked", 0, 0},
	{"HTTP/1.1", {"Host: a", "Transfer-Encoding: "}, "expected chunked", 0, 0},
	{"HTTP/1.0", {"Transfer-Encoding: chunked"}, "HTTP/1.0", 0, 0},
	{"HTTP/1.1", {"Host: a", "Content-Length: -7"}, "digits", 0, 0},
	{"HTTP/1.1", {"Host: a", "Content-Length: 7 "}, "digits", 0, 0},
	{"HTTP/1.1", {"Host: a", "Content-Length: 18446744073709551616"}, "digits", 0, 0},
	{"HTTP/1.1", {"Host: a", "Content-Length : 7"}, "not the name of a header", 0, 0},
	{"HTTP/1.1", {"Host: a", ": 7"}, "not the name of a header", 0, 0},
	{"HTTP/1.1", {"Host: a", "X\tY: 7"}, "not the name of a header", 0, 0},
	{"HTTP/1.2", {"Host: a"}, "HTTP/1.2", 0, 0},
	{"HTTP/2.0", {"Host: a"}, "HTTP/2.0", 0, 0},
};

START_TEST(where_a_request_ends)
{
	struct srv_framing framing;
	struct srv_refusal refusal;
	enum api_problem problem = check(cases[_i].version, cases[_i].lines, &framing, &refusal);

	if (cases[_i].says) {
		ck_assert_int_eq(problem, API_FRAMING);
		ck_assert_msg(strstr(refusal.detail, cases[_i].says), "%s", refusal.detail);
	} else {
		ck_assert_int_eq(problem, API_PROBLEM_NONE);
		ck_assert_int_eq((int)framing.body, cases[_i].body);
		ck_assert_uint_eq(framing.length, cases[_i].length);
	}
}
END_TEST

START_TEST(a_nul_is_seen)
{
	struct srv_head head = {.version = "HTTP/1.1"};
	struct srv_framing framing;
	struct srv_refusal refusal;

	srv_head_add(&head, "Host", 4, "a\0b", 3);
	ck_assert_int_eq(srv_framing_check(&head, &framing, &refusal), API_FRAMING);
}
END_TEST

START_TEST(heads_are_bounded)
{
	struct srv_head head = {.version = "HTTP/1.1", .uri_bytes = SRV_URI_BYTES_MAX};
	struct srv_framing framing;
	struct srv_refusal refusal;

	srv_head_add(&head, "Host", 4, "a", 1);
	while (head.header_count < SRV_HEADERS_MAX)
		srv_head_add(&head, "X", 1, "", 0);
	ck_assert_int_eq(srv_framing_check(&head, &framing, &refusal), API_PROBLEM_NONE);
	srv_head_add(&head, "X", 1, "", 0);
	ck_assert_int_eq(srv_framing_check(&head, &framing, &refusal), API_HEADERS_TOO_LARGE);
	head.uri_bytes++;
	ck_assert_int_eq(srv_framing_check(&head, &framing, &refusal), API_URI_TOO_LONG);
}
END_TEST

static const struct {
	const char *text, *id;
} traces[] = {
	{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	 "0af7651916cd43dd8448eb211c80319c"},
	{"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
	 "0af7651916cd43dd8448eb211c80319c"},
	{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", ""},
	{"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more", ""},
	{"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", ""},
	{"00-00000000000000000000000000000000-b7ad6b7169203331-01", ""},
	{"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", ""},
	{"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", ""},
	{"00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01", ""},
	{"00", ""},
	{"", ""},
	{NULL, ""},
};

START_TEST(trace_ids)
{
	char id[SRV_TRACE_ID_BYTES];

	srv_trace_id(id, traces[_i].text);
	ck_assert_str_eq(id, traces[_i].id);
}
END_TEST

static const struct {
	const char *text, *back; /* back NULL: no address */
	bool is_local;
} addresses[] = {
	{"127.0.0.1:80", "127.0.0.1:80", true},
	{"127.1.2.3:0", "127.1.2.3:0", true},
	{"[::1]:8080", "[::1]:8080", true},
	{"[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:1", true},
	{"unix:/run/x", "unix:/run/x", true},
	{":8080", "0.0.0.0:8080", false},
	{"0.0.0.0:1", "0.0.0.0:1", false},
	{"[::]:1", "[::]:1", false},
	{"10.0.0.1:1", "10.0.0.1:1", false},
	{"127.0.0.1", NULL, false},
	{"127.0.0.1:", NULL, false},
	{"127.0.0.1:65536", NULL, false},
	{"127.0.0.1:-1", NULL, false},
	{"127.0.0.1:http", NULL, false},
	{"::1:80", NULL, false},
	{"unix:", NULL, false},
	{"", NULL, false},
};

START_TEST(addresses_as_text)
{
	struct srv_address address;
	char text[SRV_ADDRESS_TEXT_BYTES], why[200] = "";
	bool parsed = srv_address_parse(addresses[_i].text, &address, why, sizeof why);

	ck_assert_msg(parsed == (addresses[_i].back != NULL), "%s: %s", addresses[_i].text, why);
	if (!parsed) {
		ck_assert_str_ne(why, "");
		return;
	}
	srv_address_text(&address, text);
	ck_assert_str_eq(text, addresses[_i].back);
	ck_assert_int_eq(srv_address_is_local(&address), addresses[_i].is_local);
}
END_TEST

Suite *framing_suite(void)
{
	Suite *suite = suite_create("framing");
	TCase *tc = tcase_create("framing");

	tcase_add_loop_test(tc, where_a_request_ends, 0, sizeof cases / sizeof *cases);
	tcase_add_test(tc, a_nul_is_seen);
	tcase_add_test(tc, heads_are_bounded);
	tcase_add_loop_test(tc, trace_ids, 0, sizeof traces / sizeof *traces);
	tcase_add_loop_test(tc, addresses_as_text, 0, sizeof addresses / sizeof *addresses);
	suite_add_tcase(suite, tc);
	return suite;
}
