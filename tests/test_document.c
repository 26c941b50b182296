/* Documents: what is lifted, what is left to jansson, what is refused and where. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reading.h"
#include "skim.h"

Suite *document_suite(void);

static struct reading r;

static void setup(void)
{
	reading_init(&r);
}

static void teardown(void)
{
	json_set_alloc_funcs(malloc, free);
	api_arena_fail_nth(0);
	reading_release(&r);
}

/* ---- What is lifted ------------------------------------------------------- */

static const json_t *member(const char *name)
{
	return json_object_get(r.doc.root, name);
}

START_TEST(arrays_of_numbers_are_lifted)
{
	static const char *const texts[] = {
		"[1]",
		"[[1,2],[3,4]]",
		"[-0.5]",
		"[null, 1]",
		"[true]",
		"[false]",
		"[NaN]",
		"[Infinity]",
		"[-Infinity]",
		"[\"NaN\"]",
		"[[\"Infinity\"]]",
		"[ \n\t\"-Infinity\" ]",
		"[]",
		"[[], []]",
		"[ [ [ ] ] ]",
		"[0]",
		"[12345678]",
		/* wrong, which the reader of numbers will say */
		"[1,]",
		"[1, \"]\"]",
		"[1, {\"a\": [\"]\"]}]",
		"[nonsense]",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char text[256];
		snprintf(text, sizeof(text), "{\"before\": [\"x\"], \"a\": %s, \"behind\": {}}",
			 texts[i]);
		ck_assert_msg(reading_text(&r, text) == 0, "%s: %s", text, r.fault.detail);
		ck_assert_uint_eq(r.doc.array_count, 1);
		const struct api_array *array = reading_array(&r, "a");
		ck_assert_uint_eq(array->bytes, strlen(texts[i]));
		ck_assert_mem_eq(array->text, texts[i], array->bytes);
		ck_assert(json_is_object(member("behind")));
		ck_assert_ptr_null(api_document_array(&r.doc, member("before")));
	}
}
END_TEST

START_TEST(other_arrays_are_not)
{
	ck_assert_int_eq(reading_text(&r,
				      "{\"a\": [\"logits\"], \"b\": [{\"c\": [1]}, {\"c\": [2]}], "
				      "\"d\": [[\"x\", 1, [2, 3]]], \"e\": [\"nan\"], "
				      "\"f\": [\"Na\\u004e\"], \"g\": [\"NaN \"]}"),
			 0);
	ck_assert_uint_eq(r.doc.array_count, 3);
	ck_assert_str_eq(json_string_value(json_array_get(member("a"), 0)), "logits");
	ck_assert_ptr_null(api_document_array(&r.doc, member("a")));
	ck_assert_uint_eq(json_array_size(member("b")), 2);
	const json_t *inner = json_array_get(member("d"), 0);
	ck_assert_int_eq(json_integer_value(json_array_get(inner, 1)), 1);
	ck_assert_ptr_nonnull(api_document_array(&r.doc, json_array_get(inner, 2)));
	ck_assert_ptr_null(api_document_array(&r.doc, member("e")));
	ck_assert_str_eq(json_string_value(json_array_get(member("f"), 0)), "NaN");
	ck_assert_ptr_null(api_document_array(&r.doc, member("f")));
	ck_assert_ptr_null(api_document_array(&r.doc, NULL));
}
END_TEST

/* Whatever looks like a placeholder in the original is lifted itself. */
START_TEST(placeholders_cannot_be_forged)
{
	ck_assert_int_eq(reading_text(&r, "{\"a\": [7, 8], \"b\": [0], \"c\": [[0]], \"d\": [1], "
					  "\"e\": [\"x\", [0]], \"f\": [ 0 ], \"g\": [-0]}"),
			 0);
	static const char *const names[] = {"a", "b", "c", "d"};
	static const char *const texts[] = {"[7, 8]", "[0]", "[[0]]", "[1]"};
	for (size_t i = 0; i < 4; i++) {
		const struct api_array *array = reading_array(&r, names[i]);
		ck_assert_ptr_eq(array, &r.doc.arrays[i]);
		ck_assert_mem_eq(array->text, texts[i], strlen(texts[i]));
	}
	const struct api_array *inner = api_document_array(&r.doc, json_array_get(member("e"), 1));
	ck_assert_ptr_eq(inner, &r.doc.arrays[4]);
	ck_assert_uint_eq(reading_array(&r, "f")->bytes, 5);
	ck_assert_uint_eq(reading_array(&r, "g")->bytes, 4);
}
END_TEST

START_TEST(scalars_survive)
{
	ck_assert_int_eq(reading_text(&r,
				      "{\"a\": NaN, \"b\": Infinity, \"c\": -Infinity, "
				      "\"d\": 1e999, \"e\": -0, \"f\": 3, \"g\": 0.25, "
				      "\"h\": 9223372036854775808, \"i\": [\"x\", NaN, 1e999]}"),
			 0);
	ck_assert_str_eq(json_string_value(member("a")), "NaN");
	ck_assert_str_eq(json_string_value(member("b")), "Infinity");
	ck_assert_str_eq(json_string_value(member("c")), "-Infinity");
	ck_assert_int_eq(reading_array(&r, "d")->rank, 0);
	ck_assert_mem_eq(reading_array(&r, "d")->text, "1e999", 5);
	ck_assert_int_eq(reading_array(&r, "e")->rank, 0);
	ck_assert_int_eq(json_integer_value(member("f")), 3);
	ck_assert_double_eq(json_real_value(member("g")), 0.25);
	ck_assert_int_eq(reading_array(&r, "h")->rank, 0);
	ck_assert_str_eq(json_string_value(json_array_get(member("i"), 1)), "NaN");
	ck_assert_ptr_nonnull(api_document_array(&r.doc, json_array_get(member("i"), 2)));
}
END_TEST

/* ---- What is refused ------------------------------------------------------ */

static const struct {
	const char *text;
	enum api_problem problem;
	int line, column, offset;
	const char *detail; /* the beginning */
} refusals[] = {
	{"", API_SYNTAX, 1, 1, 0, "'[' or '{' expected near end of file"},
	{" \n ", API_SYNTAX, 2, 2, 3, "'[' or '{' expected near end of file"},
	{"{", API_SYNTAX, 1, 2, 1, "string or '}' expected near end of file"},
	{"{\"a\": 1", API_SYNTAX, 1, 8, 7, "'}' expected near end of file"},
	{"{\"a\": [1, 2", API_SYNTAX, 1, 12, 11, "']' expected near end of file"},
	{"{\"a\": [[1, 2]", API_SYNTAX, 1, 14, 13, "']' expected near end of file"},
	{"{\"a\": [1, \"x]}", API_SYNTAX, 1, 15, 14, "']' expected near end of file"},
	{"{\"a\": \"x", API_SYNTAX, 1, 9, 8, "premature end of input"},
	{"{\"a\": \"x\\\"", API_SYNTAX, 1, 11, 10, "premature end of input"},
	{"{\"a\": [1, 2]} x", API_SYNTAX, 1, 15, 14, "end of file expected"},
	{"{\"a\": [1, 2]} [3]", API_SYNTAX, 1, 15, 14, "end of file expected"},
	{"{} {}", API_SYNTAX, 1, 4, 3, "end of file expected"},
	{"{}}", API_SYNTAX, 1, 3, 2, "end of file expected"},
	{"]", API_SYNTAX, 1, 1, 0, "'[' or '{' expected"},
	{"{\"a\": [1, 2]]", API_SYNTAX, 1, 13, 12, "'}' expected"},
	{"{\"a\": [\"x\", [1, 2}", API_SYNTAX, 1, 19, 18, "']' expected near end of file"},
	{"{\"a\": [\"x\"}", API_SYNTAX, 1, 11, 10, "']' expected"},
	{"{\"a\": 1,}", API_SYNTAX, 1, 9, 8, "string or '}' expected"},
	{"{\"a\": [\"x\",]}", API_SYNTAX, 1, 12, 11, "unexpected token near ']'"},
	{"{\"a\" 1}", API_SYNTAX, 1, 6, 5, "':' expected"},
	{"{\"a\": [1, 2] \"b\": 3}", API_SYNTAX, 1, 14, 13, "'}' expected"},
	{"{\"a\": }", API_SYNTAX, 1, 7, 6, "unexpected token"},
	{"{1: 2}", API_SYNTAX, 1, 2, 1, "string or '}' expected"},
	{"{NaN: 2}", API_SYNTAX, 1, 2, 1, "string or '}' expected"},
	{"{1e999: 2}", API_SYNTAX, 1, 2, 1, "real number overflow"},
	{"{[1]: 2}", API_SYNTAX, 1, 2, 1, "string or '}' expected"},
	{"{\"a\": tru}", API_SYNTAX, 1, 7, 6, "invalid token near 'tru'"},
	{"{\"a\": nan}", API_SYNTAX, 1, 7, 6, "invalid token"},
	{"{\"a\": -NaN}", API_SYNTAX, 1, 7, 6, "invalid token"},
	{"{\"a\": +1}", API_SYNTAX, 1, 7, 6, "invalid token"},
	{"{\"a\": 01}", API_SYNTAX, 1, 7, 6, "invalid token"},
	{"{\"a\": .5}", API_SYNTAX, 1, 7, 6, "invalid token"},
	{"{\"a\": 1.}", API_SYNTAX, 1, 7, 6, "invalid token"},
	{"{\"a\": 1 NaN}", API_SYNTAX, 1, 9, 8, "'}' expected"},
	{"{\"a\": [1, 2], // no\n\"b\": 3}", API_SYNTAX, 1, 15, 14, "string or '}' expected"},
	{"{'a': 1}", API_SYNTAX, 1, 2, 1, "string or '}' expected"},
	{"{\"x\": [1, 2, 3],\n \"y\": [4],\n \"z\": oops}", API_SYNTAX, 3, 7, 34, "invalid token"},
	{"{\"\xC3\xA9\xC3\xA9\": [1],\n \"\xC3\xA9\": oops}", API_SYNTAX, 2, 7, 21,
	 "invalid token"},
	{"{\"a\": \"\x01\"}", API_SYNTAX, 1, 8, 7, "control character 0x1"},
	{"{\"a\": [1], \"b\": \"x\ny\"}", API_SYNTAX, 1, 19, 18, "unexpected newline"},
	{"{\"a\": \"\xFF\"}", API_SYNTAX, 1, 8, 7, "unable to decode byte 0xff"},
	{"{\"a\": \"\xC3\"}", API_SYNTAX, 1, 8, 7, "unable to decode byte 0xc3"},
	{"{\"a\": \"\xED\xA0\x80\"}", API_SYNTAX, 1, 8, 7, "unable to decode byte"},
	{"{\"a\": \"\\q\"}", API_SYNTAX, 1, 9, 8, "invalid escape"},
	{"{\"a\": \"\\ud800\"}", API_SYNTAX, 1, 7, 6, "invalid Unicode '\\uD800'"},
	{"{\"a\": \"\\u0000\"}", API_SYNTAX, 1, 7, 6, "\\u0000 is not allowed"},
	{"\xEF\xBB\xBF{}", API_SYNTAX, 1, 1, 0, "the document begins with a byte order mark"},
	{"{\"a\": 1, \"a\": 2}", API_DUPLICATE_MEMBER, 1, 10, 9,
	 "the member \"a\" stands twice in one object"},
	{"{\"a\": [1, 2], \"a\": [3]}", API_DUPLICATE_MEMBER, 1, 15, 14,
	 "the member \"a\" stands twice in one object"},
	{"{\"a\": 1, \"\\u0061\": 2}", API_DUPLICATE_MEMBER, 1, 10, 9,
	 "the member \"\\u0061\" stands twice in one object"},
};

START_TEST(refusals_say_what_and_where)
{
	enum api_problem problem = reading_text(&r, refusals[_i].text);
	ck_assert_msg(problem == refusals[_i].problem, "%s: %d %s", refusals[_i].text, problem,
		      r.fault.detail);
	ck_assert_int_eq(r.fault.problem, problem);
	ck_assert_msg(!strncmp(r.fault.detail, refusals[_i].detail, strlen(refusals[_i].detail)),
		      "%s: %s", refusals[_i].text, r.fault.detail);
	ck_assert(r.fault.has_position);
	ck_assert_msg(r.fault.offset == (uint64_t)refusals[_i].offset, "%s: %s: %d",
		      refusals[_i].text, r.fault.detail, (int)r.fault.offset);
	ck_assert_int_eq((int)r.fault.line, refusals[_i].line);
	ck_assert_int_eq((int)r.fault.column, refusals[_i].column);
	ck_assert_ptr_null(r.doc.root);
}
END_TEST

START_TEST(only_objects_are_documents)
{
	ck_assert_int_eq(reading_text(&r, "[1, 2]"), API_WRONG_TYPE);
	ck_assert_int_eq(reading_text(&r, "[\"a\"]"), API_WRONG_TYPE);
	ck_assert_int_eq(reading_text(&r, "[]"), API_WRONG_TYPE);
	ck_assert_int_eq(reading_text(&r, "5"), API_SYNTAX);
	ck_assert_int_eq(reading_text(&r, "NaN"), API_SYNTAX);
	ck_assert_int_eq(reading_text(&r, "\"a\""), API_SYNTAX);
	ck_assert_int_eq(reading_text(&r, "null"), API_SYNTAX);
	ck_assert_int_eq(reading_text(&r, " {} "), API_PROBLEM_NONE);
}
END_TEST

START_TEST(bytes_of_zero_are_refused)
{
	static const char hidden[] = "{\"a\": 1\0}", outside[] = "{\"a\": \0 1}",
			  inside[] = "{\"a\": \"x\0y\"}", behind[] = "{\"a\": 1}\0",
			  number[] = "{\"a\": [1\0]}";
	struct loss_tensor tensor;
	ck_assert_int_eq(reading_bytes(&r, hidden, sizeof(hidden) - 1), API_SYNTAX);
	ck_assert_uint_eq(r.fault.offset, 7);
	ck_assert_int_eq(reading_bytes(&r, outside, sizeof(outside) - 1), API_SYNTAX);
	ck_assert_int_eq(reading_bytes(&r, inside, sizeof(inside) - 1), API_SYNTAX);
	ck_assert_int_eq(reading_bytes(&r, behind, sizeof(behind) - 1), API_SYNTAX);
	ck_assert_int_eq(reading_bytes(&r, number, sizeof(number) - 1), API_PROBLEM_NONE);
	ck_assert_int_eq(reading_numbers(&r, "a", LOSS_FLOAT32, &tensor, NULL), API_SYNTAX);
}
END_TEST

START_TEST(duplicates_have_a_pointer)
{
	ck_assert_int_eq(reading_text(&r,
				      "{\"batch\": [{\"logits\": [1]}, {\"id\": \"x\", \"a/b\": "
				      "{\"m~n\": [[2]], \"m~n\": 3}}]}"),
			 API_DUPLICATE_MEMBER);
	ck_assert_str_eq(r.fault.pointer, "/batch/1/a~1b/m~0n");
	ck_assert_str_eq(r.fault.detail, "the member \"m~n\" stands twice in one object");
}
END_TEST

/* ---- Limits --------------------------------------------------------------- */

static char *repeat(char *out, const char *text, int times)
{
	while (times-- > 0)
		out = stpcpy(out, text);
	return out;
}

static void check_limit(enum api_problem problem, uint64_t limit, uint64_t actual)
{
	ck_assert_int_eq(r.fault.problem, problem);
	ck_assert(r.fault.has_limit);
	ck_assert_uint_eq(r.fault.limit, limit);
	ck_assert_uint_eq(r.fault.actual, actual);
	ck_assert(r.fault.has_position);
}

START_TEST(depth_is_limited)
{
	static const struct {
		const char *open, *middle, *close;
	} kinds[] = {
		{"[", "1", "]"},       {"[", "", "]"},        {"[", "\"x\"", "]"},
		{"{\"a\":", "1", "}"}, {"[ ", "[1],2", " ]"}, /* deeper than its first leaf: later
								 than the look ahead */
	};
	char text[4096], *end;
	r.limits.depth = 10;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		int inner = i == 4;
		for (int depth = 9; depth <= 11; depth++) {
			end = repeat(stpcpy(text, "{\"x\":"), kinds[i].open, depth - 1 - inner);
			end = stpcpy(end, kinds[i].middle);
			end = repeat(end, kinds[i].close, depth - 1 - inner);
			stpcpy(end, "}");
			enum api_problem problem = reading_text(&r, text);
			ck_assert_int_eq(problem, depth > 10 ? API_TOO_DEEP : API_PROBLEM_NONE);
			if (problem)
				check_limit(API_TOO_DEEP, 10, 11);
		}
	}
	/* Inside an array that was lifted for something shallower. */
	ck_assert_int_eq(reading_text(&r, "{\"x\": [1, [[[[[[[[[[2]]]]]]]]]]]}"), API_TOO_DEEP);
	ck_assert_int_eq(reading_text(&r, "{\"x\": [1, {\"a\":[[[[[[[[[[2]]]]]]]]]]}]}"),
			 API_TOO_DEEP);
}
END_TEST

START_TEST(a_million_brackets_are_no_harm)
{
	static const char *const openings[] = {"[", "{\"a\":", "[ ", "[\"a\",", "[1,"};
	enum { TIMES = 1000000 };
	char *text = malloc(8 + TIMES * 5);
	for (size_t i = 0; i < sizeof(openings) / sizeof(*openings); i++) {
		repeat(stpcpy(text, "{\"x\":"), openings[i], TIMES);
		ck_assert_int_eq(reading_text(&r, text), API_TOO_DEEP);
	}
	/* However high the limit, the stack is not the client's. */
	r.limits.depth = UINT64_MAX;
	repeat(stpcpy(text, "{\"x\":"), "{\"a\":", TIMES);
	ck_assert_int_eq(reading_text(&r, text), API_TOO_DEEP);
	repeat(text, "[\"a\",", TIMES);
	ck_assert_int_eq(reading_text(&r, text), API_TOO_DEEP);
	free(text);
}
END_TEST

START_TEST(members_are_limited)
{
	r.limits.members = 3;
	ck_assert_int_eq(reading_text(&r, "{\"a\": 1, \"b\": [1, 2, 3, 4], \"c\": \"x,y,z,w\"}"),
			 0);
	ck_assert_int_eq(reading_text(&r, "{\"a\": {\"a\": 1, \"b\": 2, \"c\": 3, \"d\": 4}}"),
			 API_TOO_MANY_MEMBERS);
	check_limit(API_TOO_MANY_MEMBERS, 3, 4);
	ck_assert_uint_eq(r.fault.offset, 29);
	/* Items of a list are not members. */
	ck_assert_int_eq(reading_text(&r, "{\"a\": [\"a\", \"b\", \"c\", \"d\"]}"), 0);
}
END_TEST

START_TEST(strings_are_limited)
{
	r.limits.string_bytes = 4;
	ck_assert_int_eq(reading_text(&r, "{\"a\": \"1234\"}"), 0);
	ck_assert_int_eq(reading_text(&r, "{\"a\": \"12345\"}"), API_STRING_TOO_LONG);
	check_limit(API_STRING_TOO_LONG, 4, 5);
	ck_assert_int_eq(reading_text(&r, "{\"abcde\": 1}"), API_STRING_TOO_LONG);
}
END_TEST

START_TEST(numbers_are_limited)
{
	r.limits.elements = 5;
	ck_assert_int_eq(reading_text(&r, "{\"a\": [1, 2, 3], \"b\": [[1], [2]]}"), 0);
	ck_assert_uint_eq(r.doc.numbers, 5);
	ck_assert_int_eq(reading_text(&r, "{\"a\": [1, 2, 3], \"b\": [[1], [2], [3]]}"),
			 API_TOO_MANY_ELEMENTS);
	check_limit(API_TOO_MANY_ELEMENTS, 5, 6);
	ck_assert_int_eq(reading_text(&r, "{\"a\": [[], [], [], [], [], [], []]}"), 0);
	ck_assert_uint_eq(r.doc.numbers, 0);
}
END_TEST

/* jansson takes a hundred bytes for two of the client's. */
START_TEST(the_envelope_is_limited)
{
	enum { TIMES = 300000 };
	char *text = malloc(TIMES * 3 + 64);
	stpcpy(repeat(stpcpy(text, "{\"batch\": [{}"), ",{}", TIMES), "]}");
	ck_assert_int_eq(reading_text(&r, text), API_TOO_MUCH_MEMORY);
	ck_assert(r.fault.has_limit);
	r.limits.members = UINT64_MAX;
	r.limits.batch_items = UINT64_MAX;
	ck_assert_int_eq(reading_text(&r, text), 0);
	ck_assert_uint_gt(r.budget.used, TIMES * UINT64_C(100));
	reading_release(&r);
	reading_init(&r);
	r.limits.members = r.limits.batch_items = UINT64_MAX;
	r.budget.max = 16 << 20;
	ck_assert_int_eq(reading_text(&r, text), API_TOO_MUCH_MEMORY);
	ck_assert_ptr_null(r.doc.root);
	free(text);
}
END_TEST

/* Time stays linear where the look ahead or a search for cuts could repeat. */
START_TEST(long_stretches_are_passed_once)
{
	enum { BYTES = 8 << 20 };
	char *text = malloc(BYTES + 64);
	struct loss_tensor tensor;

	/* spaces between brackets that are not lifted */
	char *end = repeat(stpcpy(text, "{\"a\":"), "[", 60);
	memset(end, ' ', BYTES - 512);
	strcpy(end + BYTES - 512, "\"x\"");
	ck_assert_int_eq(reading_text(&r, text), API_SYNTAX);

	/* one number without end, and one string */
	end = stpcpy(text, "{\"a\":[1");
	memset(end, '0', BYTES);
	strcpy(end + BYTES, "]}");
	ck_assert_int_eq(reading_text(&r, text), 0);
	ck_assert_int_eq(reading_numbers(&r, "a", LOSS_FLOAT32, &tensor, NULL), 0);
	ck_assert(isinf(*(const float *)tensor.data));

	end = stpcpy(text, "{\"a\":[1,\"");
	memset(end, '[', BYTES);
	strcpy(end + BYTES, "\"]}");
	ck_assert_int_eq(reading_text(&r, text), 0);
	ck_assert_int_eq(reading_numbers(&r, "a", LOSS_FLOAT32, &tensor, NULL), API_WRONG_TYPE);
	free(text);
}
END_TEST

/* ---- Strings inside lifted arrays ----------------------------------------- */

/* Quotes, brackets and escapes at every place of a block of 64 bytes. */
START_TEST(strings_hide_brackets)
{
	static const char *const strings[] = {"\"]\"", "\"[,\\\"]\"", "\"\\\\\"", "\"\\\\\\\"]\"",
					      "\"{\"", "\"\"",        "\"NaN\"",  "\"\\u005d]\""};
	for (size_t s = 0; s < sizeof(strings) / sizeof(*strings); s++)
		for (int pad = 0; pad < 140; pad++) {
			char text[512];
			snprintf(text, sizeof(text), "{\"a\":[1,%*s%s,2,%s], \"b\":[3]}", pad, "",
				 strings[s], strings[(s + 3) % 8]);
			EXPECT(reading_text(&r, text) == 0, "%s: %s", text, r.fault.detail);
			EXPECT(r.doc.array_count == 2 && r.doc.arrays[1].bytes == 3, "%s", text);
			EXPECT(r.doc.arrays[0].numbers == 4, "%s", text);
			api_arena_release(&r.arena);
			memory_release(&r.memory);
		}
}
END_TEST

/* ---- Failure -------------------------------------------------------------- */

static const char some_document[] =
	"{\"id\": \"step\", \"loss\": {\"name\": \"cross_entropy\", \"gamma\": 1e999}, "
	"\"logits\": [[1, 2], [3, 4]], \"targets\": [0, 1], \"gradient\": [\"logits\"], "
	"\"batch\": [{\"weight\": [1]}, {\"weight\": NaN}]}";

START_TEST(every_allocation_may_fail)
{
	api_arena_fail_nth(0);
	ck_assert_int_eq(reading_text(&r, some_document), 0);
	uint64_t allocations = api_arena_fail_nth(0);
	ck_assert_uint_gt(allocations, 3);
	for (uint64_t nth = 1; nth <= allocations; nth++) {
		api_arena_fail_nth(nth);
		ck_assert_int_eq(reading_text(&r, some_document), API_MEMORY_FULL);
		ck_assert_int_eq(r.fault.problem, API_MEMORY_FULL);
		ck_assert_ptr_null(r.doc.root);
	}
	api_arena_fail_nth(0);
	ck_assert_int_eq(reading_text(&r, some_document), 0);
}
END_TEST

static int jansson_allocations, jansson_fails_at;

static void *jansson_malloc(size_t bytes)
{
	return ++jansson_allocations == jansson_fails_at ? NULL : malloc(bytes);
}

START_TEST(every_allocation_of_jansson_may_fail)
{
	json_set_alloc_funcs(jansson_malloc, free);
	ck_assert_int_eq(reading_text(&r, some_document), 0);
	int allocations = jansson_allocations;
	ck_assert_int_gt(allocations, 20);
	for (int nth = 1; nth <= allocations; nth++) {
		jansson_allocations = 0;
		jansson_fails_at = nth;
		/* jansson takes some failures for errors of syntax. */
		ck_assert_int_ne(reading_text(&r, some_document), 0);
		ck_assert_ptr_null(r.doc.root);
	}
	jansson_fails_at = 0;
	ck_assert_int_eq(reading_text(&r, some_document), 0);
	api_document_release(&r.doc);
}
END_TEST

START_TEST(a_fault_need_not_be_asked_for)
{
	static const char *const texts[] = {"{", "{\"a\": 1, \"a\": 2}", "[1]", "\xEF\xBB\xBF"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		ck_assert_int_ne(api_document_read(&r.doc, &r.arena, texts[i], strlen(texts[i]),
						   &r.limits, NULL),
				 0);
}
END_TEST

/* ---- Faults --------------------------------------------------------------- */

START_TEST(faults_keep_whole_characters)
{
	struct api_fault fault;
	char text[1024] = "";
	for (int i = 0; i < 300; i++)
		strcat(text, "\xE2\x82\xAC"); /* three bytes */
	ck_assert_int_eq(api_fault_set(&fault, API_SYNTAX, "%s", text), API_SYNTAX);
	ck_assert_uint_eq(strlen(fault.detail) % 3, 0);
	ck_assert_uint_ge(strlen(fault.detail), sizeof(fault.detail) - 4);
	api_fault_set(&fault, API_SYNTAX, "x%s", text);
	ck_assert_uint_eq(strlen(fault.detail) % 3, 1);
}
END_TEST

START_TEST(faults_build_pointers_from_inside)
{
	struct api_fault fault;
	api_fault_set(&fault, API_OUT_OF_RANGE, "too large");
	ck_assert(!fault.has_pointer);
	api_fault_inside_item(&fault, 3);
	api_fault_inside(&fault, "a/b~c");
	ck_assert(fault.has_pointer);
	ck_assert_str_eq(fault.pointer, "/a~1b~0c/3");
	api_fault_pointer(&fault, "/%s", "x");
	ck_assert_str_eq(fault.pointer, "/x");
	api_fault_inside(&fault, "");
	ck_assert_str_eq(fault.pointer, "//x");
	char name[1000];
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	api_fault_inside(&fault, name);
	ck_assert_uint_lt(strlen(fault.pointer), sizeof(fault.pointer));
}
END_TEST

Suite *document_suite(void)
{
	const TTest *const tests[] = {
		arrays_of_numbers_are_lifted,
		other_arrays_are_not,
		placeholders_cannot_be_forged,
		scalars_survive,
		only_objects_are_documents,
		bytes_of_zero_are_refused,
		duplicates_have_a_pointer,
		depth_is_limited,
		a_million_brackets_are_no_harm,
		members_are_limited,
		strings_are_limited,
		numbers_are_limited,
		the_envelope_is_limited,
		long_stretches_are_passed_once,
		strings_hide_brackets,
		every_allocation_may_fail,
		every_allocation_of_jansson_may_fail,
		a_fault_need_not_be_asked_for,
		faults_keep_whole_characters,
		faults_build_pointers_from_inside,
	};
	Suite *suite = suite_create("document");
	TCase *tc = tcase_create("document");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		tcase_add_test(tc, tests[i]);
	tcase_add_loop_test(tc, refusals_say_what_and_where, 0,
			    sizeof(refusals) / sizeof(*refusals));
	suite_add_tcase(suite, tc);
	return suite;
}
