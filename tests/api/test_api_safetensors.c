/*
 * safetensors files as requests and replies.
 *
 * tests/safetensors holds files of the reference implementation and what is to
 * be answered, which that implementation has read and compared with the JSON
 * (record.py there).  What is wrong with a file is a table here: the header as
 * text, with ' for ", and how many bytes follow it.
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "arena.h"
#include "ask.h"

#define FOLDER    "tests/safetensors"
#define FILE_TYPE "application/vnd.safetensors"

enum { CASES_MAX = 64 };

static char *cases[CASES_MAX];
static int case_count;

static struct answer answer;

static void teardown(void)
{
	answer_free(&answer);
	answer = (struct answer){0};
}

static void find_cases(void)
{
	DIR *folder = opendir(FOLDER);

	for (struct dirent *entry; folder && (entry = readdir(folder));)
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.' && case_count < CASES_MAX)
			cases[case_count++] = strdup(entry->d_name);
	if (folder)
		closedir(folder);
}

static char *read_case(int index, const char *name, size_t *bytes)
{
	char path[400];

	snprintf(path, sizeof path, FOLDER "/%s/%s", cases[index], name);
	char *text = ask_file(path, bytes);
	ck_assert_msg(text, "%s cannot be read", path);
	return text;
}

/* Where the file begins: at an odd address tensors have to be copied. */
static size_t misplaced = 1;

/* A copy without a byte behind it. */
static void ask_bytes(struct api *api, const char *file, size_t bytes, const char *accept,
		      enum schedule schedule)
{
	const struct api_header headers[] = {{"content-type", FILE_TYPE}, {"accept", accept}};
	char *room = malloc(bytes + misplaced);

	ck_assert_ptr_nonnull(room);
	memcpy(room + misplaced, file, bytes);
	teardown();
	ask_with(api, "POST", "/v1/evaluate", room + misplaced, bytes, headers, 2, schedule,
		 &answer);
	free(room);
}

static void ask_case(int index, const char *accept, enum schedule schedule)
{
	size_t bytes;
	char *file = read_case(index, "request.safetensors", &bytes);

	ask_bytes(ask_api(), file, bytes, accept, schedule);
	free(file);
}

/* ---- What the reference wrote and read ----------------------------------------- */

static bool is_near(double a, double b)
{
	return a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= 2e-6 * fabs(b) + 1e-9;
}

/* Another version may compute the last bit otherwise; all else is the same. */
static bool json_is_near(const json_t *a, const json_t *b)
{
	const char *name;
	json_t *value;
	size_t i;

	if (json_is_number(a) && json_is_number(b))
		return is_near(json_number_value(a), json_number_value(b));
	if (json_typeof(a) != json_typeof(b) || json_object_size(a) != json_object_size(b) ||
	    json_array_size(a) != json_array_size(b))
		return false;
	json_object_foreach((json_t *)a, name, value)
	{
		if (!json_object_get(b, name) || !json_is_near(value, json_object_get(b, name)))
			return false;
	}
	json_array_foreach(a, i, value)
	{
		if (!json_is_near(value, json_array_get(b, i)))
			return false;
	}
	return json_is_object(a) || json_is_array(a) || json_equal(a, b);
}

START_TEST(file_is_answered_in_json)
{
	size_t bytes;
	char *text = read_case(_i, "reply.json", &bytes);
	json_t *expected = json_loads(text, 0, NULL);

	ask_case(_i, "application/json", ASK_FORWARD);
	answer_expect(&answer, 200);
	ck_assert_str_eq(answer.content_type, "application/json");
	ck_assert_msg(json_is_near(answer.json, expected), "%s: %s, expected %s", cases[_i],
		      answer.text, text);
	json_decref(expected);
	free(text);
}
END_TEST

/* A file taken apart: its header, the text in it, and its tensors. */
struct parts {
	json_t *header, *text;
	const char *data;
	size_t bytes;
};

static struct parts take_apart(const char *file, size_t bytes)
{
	struct parts parts;
	uint64_t length;
	json_t *metadata;

	memcpy(&length, file, sizeof length);
	ck_assert_uint_eq(length % 8, 0);
	parts.header = json_loadb(file + 8, length, JSON_REJECT_DUPLICATES, NULL);
	metadata = json_object_get(parts.header, "__metadata__");
	parts.text = json_loads(json_string_value(json_object_get(metadata, "lossd")), 0, NULL);
	json_object_del(parts.header, "__metadata__");
	parts.data = file + 8 + length;
	parts.bytes = bytes - 8 - length;
	return parts;
}

static void let_go(struct parts *parts)
{
	json_decref(parts->header);
	json_decref(parts->text);
}

/* The headers are the same, so the tensors are where those of the other are. */
static bool data_is_near(const struct parts *a, const struct parts *b)
{
	const char *name;
	json_t *tensor;

	json_object_foreach(a->header, name, tensor)
	{
		bool is_wide = !strcmp(json_string_value(json_object_get(tensor, "dtype")), "F64");
		json_t *offsets = json_object_get(tensor, "data_offsets");
		size_t end = (size_t)json_integer_value(json_array_get(offsets, 1));
		size_t at = (size_t)json_integer_value(json_array_get(offsets, 0));

		for (; at < end; at += is_wide ? 8 : 4) {
			double wide[2];
			float narrow[2];

			memcpy(&narrow[0], a->data + at, 4);
			memcpy(&narrow[1], b->data + at, 4);
			memcpy(&wide[0], a->data + at, is_wide ? 8 : 4);
			memcpy(&wide[1], b->data + at, is_wide ? 8 : 4);
			if (is_wide ? !is_near(wide[0], wide[1])
				    : !is_near((double)narrow[0], (double)narrow[1]))
				return false;
		}
	}
	return a->bytes == b->bytes;
}

START_TEST(file_is_answered_in_a_file)
{
	size_t bytes;
	char *file = read_case(_i, "reply.safetensors", &bytes);
	struct parts expected = take_apart(file, bytes), parts;
	char *first = NULL;

	for (enum schedule schedule = ASK_FORWARD; schedule < ASK_SCHEDULES; schedule++) {
		misplaced = schedule % 2;
		ask_case(_i, FILE_TYPE, schedule);
		answer_expect(&answer, 200);
		ck_assert_str_eq(answer.content_type, FILE_TYPE);
		parts = take_apart(answer.text, answer.bytes);
		ck_assert_msg(json_equal(parts.header, expected.header), "%s: another header",
			      cases[_i]);
		ck_assert_msg(json_is_near(parts.text, expected.text), "%s: another text",
			      cases[_i]);
		ck_assert_msg(data_is_near(&parts, &expected), "%s: other numbers", cases[_i]);
		let_go(&parts);
		if (first)
			ck_assert_int_eq(memcmp(first, answer.text, answer.bytes), 0);
		else
			first = memcpy(malloc(answer.bytes), answer.text, answer.bytes);
	}
	let_go(&expected);
	free(first);
	free(file);
}
END_TEST

START_TEST(json_is_answered_in_a_file)
{
	static const char body[] = "{\"loss\":{\"name\":\"mse\",\"reduction\":\"none\"},"
				   "\"input\":[1,3],\"targets\":[1,1],\"diagnostics\":\"off\"}";
	static const char header[] = "{\"__metadata__\":{\"lossd\":\"{\\\"reduction\\\":"
				     "\\\"none\\\"}\"},\"loss\":{\"dtype\":\"F32\",\"shape\":[2],"
				     "\"data_offsets\":[0,8]},\"gradient_input\":{\"dtype\":"
				     "\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}";
	const struct api_header accept = {"Accept", FILE_TYPE ", */*;q=0.5"};
	const float numbers[] = {0, 4, 0, 4};
	uint64_t length;

	ask_with(ask_api(), "POST", "/v1/evaluate", body, sizeof body - 1, &accept, 1, ASK_FORWARD,
		 &answer);
	answer_expect(&answer, 200);
	memcpy(&length, answer.text, sizeof length);
	ck_assert_uint_eq(length % 8, 0);
	ck_assert_uint_eq(answer.bytes, 8 + length + sizeof numbers);
	ck_assert_int_eq(memcmp(answer.text + 8, header, sizeof header - 1), 0);
	ck_assert_uint_eq(strspn(answer.text + 8 + sizeof header - 1, " "),
			  length - (sizeof header - 1));
	ck_assert_int_eq(memcmp(answer.text + 8 + length, numbers, sizeof numbers), 0);
}
END_TEST

/* ---- Which form is answered ---------------------------------------------------- */

static const struct {
	const char *accept;
	bool is_file;
} accepted[] = {
	{"", false},
	{"*/*", false},
	{"application/*", false},
	{"application/json", false},
	{"text/html", false},
	{FILE_TYPE, true},
	{"APPLICATION/VND.SAFETENSORS", true},
	{FILE_TYPE ", */*", true},
	{"*/*, " FILE_TYPE, true},
	{FILE_TYPE ";q=0.5", true},
	{FILE_TYPE ";q=0.5, application/json;q=0.4", true},
	{FILE_TYPE ";q=0.4, application/json;q=0.5", false},
	{FILE_TYPE ";q=0.4, */*;q=0.5", false},
	{FILE_TYPE ";q=0.4, application/*;q=0.3, */*;q=0.9", true},
	{FILE_TYPE ";q=0", false},
	{FILE_TYPE ";q=0.000", false},
	{FILE_TYPE "; q=0.001", true},
	{"application/vnd.safetensors2", false},
	{",,;;q", false},
};

START_TEST(accept_decides)
{
	const struct api_header header = {"Accept", accepted[_i].accept};
	static const char body[] = "{\"loss\":\"mse\",\"input\":1,\"targets\":1}";

	ask_with(ask_api(), "POST", "/v1/evaluate", body, sizeof body - 1, &header, 1, ASK_FORWARD,
		 &answer);
	answer_expect(&answer, 200);
	ck_assert_str_eq(answer.content_type,
			 accepted[_i].is_file ? FILE_TYPE : "application/json");
}
END_TEST

START_TEST(problems_are_json_whatever_is_accepted)
{
	ask_bytes(ask_api(), "", 0, FILE_TYPE, ASK_FORWARD);
	answer_expect(&answer, 400);
	ck_assert_str_eq(answer.content_type, "application/problem+json");
}
END_TEST

/* ---- Bad files ------------------------------------------------------------------ */

#define LOSS  "'__metadata__': {'lossd': '{\\'loss\\': \\'mse\\', \\'targets\\': [1, 2]}'}"
#define INPUT "'dtype': 'F32', 'shape': [2], 'data_offsets': [0, 8]"

static const struct {
	const char *header;
	size_t bytes; /* that follow it */
	int status;
	const char *code, *pointer;
} bad[] = {
	/* So that the others fail for what they are. */
	{"{" LOSS ", 'input': {" INPUT "}}", 8, 200, NULL, NULL},
	{"{" LOSS ", 'input': {" INPUT "}}   ", 8, 200, NULL, NULL},

	/* The header */
	{"", 0, 400, "syntax_error", NULL},
	{" {" LOSS ", 'input': {" INPUT "}}", 8, 400, "syntax_error", NULL},
	{"[]", 0, 400, "syntax_error", NULL},
	{"{" LOSS ", 'input': {" INPUT "}", 8, 400, "syntax_error", NULL},
	{"{" LOSS ", 'input': {" INPUT "}} {}", 8, 400, "syntax_error", NULL},
	{"{" LOSS ", 'input': {" INPUT "}, 'input': {" INPUT "}}", 8, 400, "duplicate_member",
	 "/input"},
	{"{" LOSS ", 'input': {" INPUT ", 'dtype': 'F32'}}", 8, 400, "duplicate_member",
	 "/input/dtype"},

	/* A tensor */
	{"{" LOSS ", 'input': 3}", 8, 422, "wrong_type", "/input"},
	{"{" LOSS ", 'input': [1]}", 8, 422, "wrong_type", "/input"},
	{"{" LOSS ", 'input': {" INPUT ", 'name': 'x'}}", 8, 422, "unknown_member", "/input/name"},
	{"{" LOSS ", 'input': {'shape': [2], 'data_offsets': [0, 8]}}", 8, 422, "missing_member",
	 "/input/dtype"},
	{"{" LOSS ", 'input': {'dtype': 'F32', 'data_offsets': [0, 8]}}", 8, 422, "missing_member",
	 "/input/shape"},
	{"{" LOSS ", 'input': {'dtype': 'F32', 'shape': [2]}}", 8, 422, "missing_member",
	 "/input/data_offsets"},
	{"{" LOSS ", 'input': {'dtype': 32, 'shape': [2], 'data_offsets': [0, 8]}}", 8, 422,
	 "wrong_type", "/input/dtype"},
	{"{" LOSS ", 'input': {'dtype': 'F8_E4M3', 'shape': [8], 'data_offsets': [0, 8]}}", 8, 422,
	 "out_of_range", "/input/dtype"},
	{"{" LOSS ", 'input': {'dtype': 'FP32', 'shape': [2], 'data_offsets': [0, 8]}}", 8, 422,
	 "out_of_range", "/input/dtype"},
	{"{" LOSS ", 'input': {'dtype': 'F32', 'shape': 2, 'data_offsets': [0, 8]}}", 8, 422,
	 "wrong_type", "/input/shape"},
	{"{" LOSS ", 'input': {'dtype': 'F32', 'shape': [-2], 'data_offsets': [0, 8]}}", 8, 422,
	 "out_of_range", "/input/shape/0"},
	{"{" LOSS ", 'input': {'dtype': 'F32', 'shape': [1.5], 'data_offsets': [0, 8]}}", 8, 422,
	 "out_of_range", "/input/shape/0"},
	{"{" LOSS ", 'input': {'dtype': 'F32', 'shape': [1, 1, 1, 1, 1, 1, 1, 1, 2], "
	 "'data_offsets': [0, 8]}}",
	 8, 422, "rank_too_large", "/input/shape"},
	{"{" LOSS ", 'input': {'dtype': 'F32', 'shape': [4611686018427387905, 4], "
	 "'data_offsets': [0, 8]}}",
	 8, 422, "out_of_range", "/input/shape/0"},
	/* 4 x 2^62 + 8 is 8 in 64 bits. */
	{"{" LOSS ", 'input': {'dtype': 'F32', 'shape': [2147483648, 2147483648, 1], "
	 "'data_offsets': [0, 8]}}",
	 8, 422, "shape_mismatch", "/input/shape"},
	{"{" LOSS ", 'input': {'dtype': 'F32', 'shape': [3], 'data_offsets': [0, 8]}}", 8, 400,
	 "binary_size", "/input"},
	{"{" LOSS ", 'input': {'dtype': 'F64', 'shape': [2], 'data_offsets': [0, 8]}}", 8, 400,
	 "binary_size", "/input"},

	/* Its offsets */
	{"{" LOSS ", 'input': {'dtype': 'F32', 'shape': [2], 'data_offsets': 0}}", 8, 422,
	 "wrong_type", "/input/data_offsets"},
	{"{" LOSS ", 'input': {'dtype': 'F32', 'shape': [2], 'data_offsets': [0, 4, 8]}}", 8, 422,
	 "wrong_type", "/input/data_offsets"},
	{"{" LOSS ", 'input': {'dtype': 'F32', 'shape': [2], 'data_offsets': [0, -8]}}", 8, 422,
	 "out_of_range", "/input/data_offsets/1"},
	{"{" LOSS ", 'input': {'dtype': 'F32', 'shape': [2], 'data_offsets': [0.5, 8.5]}}", 8, 422,
	 "out_of_range", "/input/data_offsets/0"},
	{"{" LOSS ", 'input': {'dtype': 'F32', 'shape': [2], 'data_offsets': [0, "
	 "18446744073709551624]}}",
	 8, 422, "out_of_range", "/input/data_offsets/1"},
	{"{" LOSS ", 'input': {'dtype': 'F32', 'shape': [2], 'data_offsets': [8, 0]}}", 8, 400,
	 "binary_size", "/input/data_offsets"},
	{"{" LOSS ", 'input': {" INPUT "}}", 7, 400, "binary_size", "/input/data_offsets"},
	{"{" LOSS ", 'input': {'dtype': 'F32', 'shape': [2], 'data_offsets': [NaN, 8]}}", 8, 422,
	 "out_of_range", "/input/data_offsets/0"},

	/* All bytes, and each once */
	{"{" LOSS ", 'input': {" INPUT "}}", 9, 400, "binary_size", NULL},
	{"{" LOSS ", 'input': {'dtype': 'F32', 'shape': [2], 'data_offsets': [1, 9]}}", 9, 400,
	 "tensor_gap", "/input"},
	{"{" LOSS
	 ", 'mask': {'dtype': 'U8', 'shape': [2], 'data_offsets': [9, 11]}, 'input': {" INPUT "}}",
	 11, 400, "tensor_gap", "/mask"},
	{"{" LOSS
	 ", 'mask': {'dtype': 'U8', 'shape': [2], 'data_offsets': [7, 9]}, 'input': {" INPUT "}}",
	 9, 400, "tensor_overlap", "/mask"},
	{"{" LOSS ", 'input': {" INPUT "}, 'sample_weight': {" INPUT "}}", 8, 400, "tensor_overlap",
	 NULL},
	/* In any order of the header, without a gap. */
	{"{" LOSS
	 ", 'mask': {'dtype': 'U8', 'shape': [2], 'data_offsets': [8, 10]}, 'input': {" INPUT "}}",
	 10, 200, NULL, NULL},

	/* The text */
	{"{'input': {" INPUT "}}", 8, 422, "missing_member", "/__metadata__/lossd"},
	{"{'__metadata__': {}, 'input': {" INPUT "}}", 8, 422, "missing_member",
	 "/__metadata__/lossd"},
	{"{'__metadata__': {'format': 'pt'}, 'input': {" INPUT "}}", 8, 422, "missing_member",
	 "/__metadata__/lossd"},
	{"{'__metadata__': 'mse', 'input': {" INPUT "}}", 8, 422, "wrong_type", "/__metadata__"},
	{"{'__metadata__': {'lossd': {'loss': 'mse'}}, 'input': {" INPUT "}}", 8, 422, "wrong_type",
	 "/__metadata__/lossd"},
	{"{'__metadata__': {'lossd': '{}', 'step': 3}, 'input': {" INPUT "}}", 8, 422, "wrong_type",
	 "/__metadata__/step"},
	{"{'__metadata__': {'lossd': ''}, 'input': {" INPUT "}}", 8, 400, "syntax_error",
	 "/__metadata__/lossd"},
	{"{'__metadata__': {'lossd': '{\\'loss\\': }'}, 'input': {" INPUT "}}", 8, 400,
	 "syntax_error", "/__metadata__/lossd"},
	{"{'__metadata__': {'lossd': '[1]'}, 'input': {" INPUT "}}", 8, 422, "wrong_type", NULL},
	{"{'__metadata__': {'lossd': '{\\'loss\\': \\'mse\\', \\'gamma\\': 1}'}, 'input': {" INPUT
	 "}}",
	 8, 422, "unknown_member", "/__metadata__/lossd/gamma"},
	{"{'__metadata__': {'lossd': '{\\'loss\\': {\\'name\\': \\'huber\\', \\'delta\\': -1}, "
	 "\\'targets\\': 1}'}, 'input': {" INPUT "}}",
	 8, 422, "out_of_range", "/__metadata__/lossd/loss/delta"},
	{"{'__metadata__': {'lossd': '{\\'loss\\': \\'mse\\', \\'targets\\': [1, 2, 3]}'}, "
	 "'input': {" INPUT "}}",
	 8, 422, "shape_mismatch", "/__metadata__/lossd/targets"},

	/* Both together */
	{"{" LOSS ", 'targets': {" INPUT "}}", 8, 422, "conflicting_inputs", "/targets"},
	{"{" LOSS ", 'dtype': {" INPUT "}}", 8, 422, "unknown_member", "/dtype"},
	{"{" LOSS ", 'loss': {" INPUT "}}", 8, 422, "unknown_member", "/loss"},
	{"{" LOSS ", 'imput': {" INPUT "}}", 8, 422, "unknown_member", "/imput"},
	{"{" LOSS ", 'input': {" INPUT "}, 'anchor': {'dtype': 'U8', 'shape': [0], 'data_offsets': "
	 "[8, 8]}}",
	 8, 422, "unknown_member", "/anchor"},
	{"{" LOSS ", '0.input': {" INPUT "}}", 8, 422, "unknown_member", "/0.input"},
	{"{'__metadata__': {'lossd': '{\\'loss\\': \\'mse\\', \\'batch\\': [{\\'targets\\': "
	 "1}]}'}, "
	 "'1.input': {" INPUT "}}",
	 8, 422, "unknown_member", "/1.input"},
	{"{'__metadata__': {'lossd': '{\\'loss\\': \\'mse\\', \\'batch\\': [{\\'targets\\': "
	 "1}]}'}, "
	 "'0.dtype': {" INPUT "}}",
	 8, 422, "unknown_member", "/0.dtype"},
	{"{'__metadata__': {'lossd': '{\\'loss\\': \\'cross_entropy\\'}'}, "
	 "'logits': {" INPUT "}, 'targets': {'dtype': 'F32', 'shape': [1], 'data_offsets': "
	 "[8, 12]}}",
	 12, 422, "shape_mismatch", "/targets"},
};

/* The length, the header with " for ', and bytes of a pattern. */
static char *make_file(const char *header, size_t rest, size_t *bytes)
{
	uint64_t length = strlen(header);
	char *file = malloc(8 + length + rest + 1);

	ck_assert_ptr_nonnull(file);
	memcpy(file, &length, 8);
	for (size_t i = 0; i < length; i++)
		file[8 + i] = header[i] == '\'' ? '"' : header[i];
	for (size_t i = 0; i < rest; i++)
		file[8 + length + i] = (char)(i & 1);
	*bytes = 8 + length + rest;
	return file;
}

START_TEST(bad_file)
{
	size_t bytes;
	char *file = make_file(bad[_i].header, bad[_i].bytes, &bytes);

	ask_bytes(ask_api(), file, bytes, FILE_TYPE, ASK_FORWARD);
	free(file);
	answer_expect(&answer, bad[_i].status);
	if (bad[_i].code)
		ck_assert_str_eq(answer_string(&answer, "/code"), bad[_i].code);
	if (bad[_i].pointer)
		ck_assert_msg(answer_at(&answer, "/pointer") &&
				      !strcmp(answer_string(&answer, "/pointer"), bad[_i].pointer),
			      "expected the pointer %s: %s", bad[_i].pointer, answer.text);
}
END_TEST

/* Lengths that no file has. */
START_TEST(length_of_the_header)
{
	static const struct {
		uint64_t length;
		int status;
		const char *code;
	} lengths[] = {
		{1 << 20, 400, "binary_size"},
		{(1 << 20) + 1, 413, "tensor_header_too_large"},
		{UINT64_MAX, 413, "tensor_header_too_large"},
		{UINT64_MAX - 7, 413, "tensor_header_too_large"},
		{3, 400, "binary_size"},
	};
	char file[10] = "        {}";

	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		memcpy(file, &lengths[i].length, 8);
		ask_bytes(ask_api(), file, sizeof file, "*/*", ASK_FORWARD);
		/* jansson holds no 2^64 - 1: the text itself. */
		ck_assert_int_eq(answer.status, lengths[i].status);
		ck_assert_str_eq(api_problem_slug(answer.problem), lengths[i].code);
		if (lengths[i].status == 413)
			ck_assert_ptr_nonnull(strstr(answer.text, "\"limit\":1048576,"));
	}
	for (size_t bytes = 0; bytes < 8; bytes++) {
		ask_bytes(ask_api(), file, bytes, "*/*", ASK_FORWARD);
		answer_expect(&answer, 400);
		ck_assert_str_eq(answer_string(&answer, "/code"), "binary_size");
	}
}
END_TEST

/* Every prefix of a file is refused, and none is read beyond its end. */
START_TEST(cut_files)
{
	size_t bytes;
	char *file = read_case(_i, "request.safetensors", &bytes);

	for (size_t i = 0; i < bytes; i++) {
		ask_bytes(ask_api(), file, i, "*/*", ASK_FORWARD);
		answer_expect(&answer, 400);
	}
	free(file);
}
END_TEST

/* The same file asks for a check. */
START_TEST(file_is_checked)
{
	const struct api_header header = {"content-type", FILE_TYPE};
	size_t bytes;
	char *file = make_file(bad[0].header, bad[0].bytes, &bytes);

	ask_with(ask_api(), "POST", "/v1/check", file, bytes, &header, 1, ASK_FORWARD, &answer);
	free(file);
	answer_expect(&answer, 200);
	ck_assert_double_eq(answer_number(&answer, "/terms/0/elements"), 2);
	ck_assert_double_eq(answer_number(&answer, "/numbers/needed"), 4);
}
END_TEST

/* A tensor is read where it lies in the body if it can be. */
START_TEST(body_is_not_copied)
{
	const struct api_header headers[] = {{"content-type", FILE_TYPE}, {"accept", FILE_TYPE}};
	static const char header[] =
		"{'__metadata__': {'lossd': '{\\'loss\\': \\'mse\\', \\'diagnostics\\': "
		"\\'off\\'}'}, 'input': {'dtype': 'F32', "
		"'shape': [250000], 'data_offsets': [0, 1000000]}, 'targets': {'dtype': 'F32', "
		"'shape': "
		"[250000], 'data_offsets': [1000000, 2000000]}}";
	char padded[sizeof header + 8];
	size_t bytes;

	snprintf(padded, sizeof padded, "%s%*s", header, (int)(8 - (sizeof header - 1) % 8), "");
	char *file = make_file(padded, 2000000, &bytes);
	ask_with(ask_api(), "POST", "/v1/evaluate", file, bytes, headers, 2, ASK_FORWARD, &answer);
	free(file);
	ck_assert_int_eq(answer.status, 200);
	/* The gradient and some rooms to work in, where each input would be as much again. */
	ck_assert_uint_lt(answer.peak_bytes, 1500000);
}
END_TEST

START_TEST(elements_are_limited)
{
	struct api api = *ask_api();
	size_t bytes;
	char *file = make_file(bad[0].header, bad[0].bytes, &bytes);

	api.limits.elements = 5;
	ask_bytes(&api, file, bytes, "*/*", ASK_FORWARD);
	answer_expect(&answer, 200);
	api.limits.elements = 3;
	ask_bytes(&api, file, bytes, "*/*", ASK_FORWARD);
	answer_expect(&answer, 413);
	ck_assert_str_eq(answer_string(&answer, "/code"), "too_many_elements");
	free(file);
}
END_TEST

/* ---- Memory ---------------------------------------------------------------------- */

START_TEST(nth_allocation_fails)
{
	uint64_t nth = 0;

	do {
		api_arena_fail_nth(++nth);
		ask_case(_i, FILE_TYPE, ASK_FORWARD);
		if (answer.status != 200) {
			answer_expect(&answer, 503);
			ck_assert_str_eq(answer_string(&answer, "/code"), "memory_full");
		}
	} while (answer.status != 200);
	api_arena_fail_nth(0);
	ck_assert_uint_gt(nth, 1);
}
END_TEST

Suite *api_safetensors_suite(void);

Suite *api_safetensors_suite(void)
{
	Suite *suite = suite_create("api_safetensors");
	TCase *tcase = tcase_create("safetensors");

	find_cases();
	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_loop_test(tcase, file_is_answered_in_json, 0, case_count);
	tcase_add_loop_test(tcase, file_is_answered_in_a_file, 0, case_count);
	tcase_add_test(tcase, json_is_answered_in_a_file);
	tcase_add_loop_test(tcase, accept_decides, 0, sizeof accepted / sizeof accepted[0]);
	tcase_add_test(tcase, problems_are_json_whatever_is_accepted);
	tcase_add_loop_test(tcase, bad_file, 0, sizeof bad / sizeof bad[0]);
	tcase_add_test(tcase, length_of_the_header);
	tcase_add_loop_test(tcase, cut_files, 0, case_count);
	tcase_add_test(tcase, file_is_checked);
	tcase_add_test(tcase, body_is_not_copied);
	tcase_add_test(tcase, elements_are_limited);
	tcase_add_loop_test(tcase, nth_allocation_fails, 0, case_count);
	suite_add_tcase(suite, tcase);
	return suite;
}
