/* Arrays of numbers: text to tensor, tensor to text, whole and in chunks. */
#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reading.h"
#include "skim.h"

Suite *numbers_suite(void);

static struct reading r;

static void setup(void)
{
	reading_init(&r);
}

static void teardown(void)
{
	reading_release(&r);
}

/* ---- What is read --------------------------------------------------------- */

/* Puts `array` into a document as member "a" and reads it. Behind it there is
 * room for the fast path to look ahead, or none at all. */
static enum api_problem read_text(const char *array, bool room, enum loss_dtype dtype,
				  struct loss_tensor *tensor, struct api_read_stats *stats)
{
	char text[4096];
	snprintf(text, sizeof(text), "{\"a\": %s}%*s", array, room ? 100 : 0, "");
	ck_assert_msg(reading_text(&r, text) == API_PROBLEM_NONE, "%s: %s", text, r.fault.detail);
	return reading_numbers(&r, "a", dtype, tensor, stats);
}

START_TEST(shapes_are_found)
{
	static const struct {
		const char *text;
		int rank;
		int64_t shape[LOSS_RANK_MAX];
	} cases[] = {
		{"[1]", 1, {1}},
		{"[1,2,3]", 1, {3}},
		{"[[1,2],[3,4],[5,6]]", 2, {3, 2}},
		{" [ [ 1 , 2 ] , [ 3 , 4 ] ] ", 2, {2, 2}},
		{"[\n\t[\r\n1,\n2\n]\n]", 2, {1, 2}},
		{"[[[1],[2]],[[3],[4]],[[5],[6]]]", 3, {3, 2, 1}},
		{"[[[[[[[[7]]]]]]]]", 8, {1, 1, 1, 1, 1, 1, 1, 1}},
		{"[]", 1, {0}},
		{"[ ]", 1, {0}},
		{"[[],[]]", 2, {2, 0}},
		{"[[[]],[[]],[[]]]", 3, {3, 1, 0}},
		{"[[[],[ ]],[[\n],[]]]", 3, {2, 2, 0}},
		{"[null]", 1, {1}},
		{"[[\"NaN\"],[1]]", 2, {2, 1}},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct loss_tensor tensor;
		ck_assert_int_eq(read_text(cases[i].text, i % 2, LOSS_FLOAT32, &tensor, NULL), 0);
		ck_assert_int_eq(tensor.rank, cases[i].rank);
		ck_assert_int_eq(tensor.dtype, LOSS_FLOAT32);
		ck_assert_mem_eq(tensor.shape, cases[i].shape, sizeof(tensor.shape));
		ck_assert_uint_eq(reading_array(&r, "a")->numbers,
				  (uint64_t)loss_tensor_elements(&tensor));
	}
}
END_TEST

START_TEST(values_are_read_in_every_spelling)
{
	static const char text[] = "[0, -0, 1, -2.5, 1e2, 1E-2, 1.5e+3, 0.30000001192092896, null, "
				   "true, false, NaN, Infinity, -Infinity, \"NaN\", \"Infinity\", "
				   "\"-Infinity\", 16777217, 1e39, -1e400, 1e-400, "
				   "123456789012345678901234567890]";
	static const double values[] = {0,         -0.0,
					1,         -2.5,
					100,       0.01,
					1500,      0.30000001192092896,
					NAN,       1,
					0,         NAN,
					INFINITY,  -INFINITY,
					NAN,       INFINITY,
					-INFINITY, 16777217,
					1e39,      -INFINITY,
					0,         123456789012345678901234567890.0};
	enum { COUNT = sizeof(values) / sizeof(*values) };

	for (int room = 0; room < 2; room++) {
		struct loss_tensor tensor;
		struct api_read_stats stats;
		ck_assert_int_eq(read_text(text, room, LOSS_FLOAT64, &tensor, &stats), 0);
		ck_assert_int_eq(tensor.shape[0], COUNT);
		const double *wide = tensor.data;
		for (int i = 0; i < COUNT; i++) {
			ck_assert(isnan(values[i]) ? isnan(wide[i]) : wide[i] == values[i]);
			ck_assert(signbit(values[i]) == signbit(wide[i]) || isnan(values[i]));
		}
		ck_assert_uint_eq(stats.numbers, COUNT);
		ck_assert_uint_eq(stats.nan, 3);
		ck_assert_uint_eq(stats.pos_inf, 2);
		ck_assert_uint_eq(stats.neg_inf, 2);
		ck_assert_uint_eq(stats.narrowed, 1);
		ck_assert_uint_eq(stats.narrowed_at[0].element, 19);

		ck_assert_int_eq(read_text(text, room, LOSS_FLOAT32, &tensor, &stats), 0);
		const float *narrow = tensor.data;
		for (int i = 0; i < COUNT; i++)
			ck_assert(isnan(values[i]) ? isnan(narrow[i])
						   : narrow[i] == (float)values[i]);
		ck_assert_uint_eq(stats.narrowed, 2);
		ck_assert_uint_eq(stats.narrowed_places, 2);
		ck_assert_uint_eq(stats.narrowed_at[0].element, 18);
		ck_assert_uint_eq(stats.narrowed_at[1].element, 19);
		ck_assert_uint_eq(stats.narrowed_at[0].bytes, 4);
		ck_assert_mem_eq(stats.narrowed_at[0].text, "1e39", 4);
	}
}
END_TEST

START_TEST(class_indices_are_read)
{
	static const int64_t values[] = {2, 2, 2, -100, 0, 1, 0, INT64_MAX, INT64_MIN, 300, 7};
	for (int room = 0; room < 2; room++) {
		struct loss_tensor tensor;
		ck_assert_int_eq(read_text("[2, 2.0, 2e0, -100, -0, true, false, "
					   "9223372036854775807, -9223372036854775808, 3e2, "
					   "7.000000000000000000000000000000]",
					   room, LOSS_INT64, &tensor, NULL),
				 0);
		ck_assert_int_eq(tensor.shape[0], sizeof(values) / sizeof(*values));
		ck_assert_mem_eq(tensor.data, values, sizeof(values));
	}
}
END_TEST

START_TEST(class_indices_that_are_none_are_counted)
{
	struct loss_tensor tensor;
	ck_assert_int_eq(
		read_text("[[1, 2.5], [null, 3], [0.1, 4]]", true, LOSS_INT64, &tensor, NULL),
		API_TARGET_NOT_INTEGER);
	ck_assert_str_eq(r.fault.detail, "/a/0/1: 2.5 is not an integer; the same goes for 2 more "
					 "of 6 numbers, at /a/1/0, /a/2/0");
	ck_assert_str_eq(r.fault.pointer, "/a/0/1");
	ck_assert_uint_eq(r.fault.offset, 11);

	ck_assert_int_eq(
		read_text("[1, 1e30, -9223372036854775809]", false, LOSS_INT64, &tensor, NULL),
		API_TARGET_OUT_OF_RANGE);
	ck_assert_str_eq(r.fault.pointer, "/a/1");

	/* Only the first places are kept, all are counted. */
	char text[2048] = "[0.5";
	for (int i = 0; i < 99; i++)
		strcat(text, ",0.5");
	strcat(text, "]");
	ck_assert_int_eq(read_text(text, true, LOSS_INT64, &tensor, NULL), API_TARGET_NOT_INTEGER);
	ck_assert_str_eq(r.fault.detail,
			 "/a/0: 0.5 is not an integer; the same goes for 99 more of 100 numbers, "
			 "at /a/1, /a/2, /a/3, /a/4, /a/5, /a/6, /a/7, ...");
}
END_TEST

/* ---- What is refused ------------------------------------------------------ */

struct refusal {
	const char *text;
	enum api_problem problem;
	const char *pointer;
	int offset; /* in `text` */
	const char *detail;
};

static const struct refusal refusals[] = {
	/* ragged */
	{"[[1,2],[3]]", API_RAGGED_ARRAY, "/1", 9, "1 number, expected 2 as in /a/0"},
	{"[[1,2],[3,4,5]]", API_RAGGED_ARRAY, "/1", 13, "3 numbers, expected 2 as in /a/0"},
	{"[[1,2],[]]", API_RAGGED_ARRAY, "/1", 8, "0 numbers, expected 2 as in /a/0"},
	{"[[],[1]]", API_RAGGED_ARRAY, "/1", 6, "1 number, expected 0 as in /a/0"},
	{"[[[1],[2]],[[3]]]", API_RAGGED_ARRAY, "/1", 15, "1 array, expected 2 as in /a/0"},
	{"[[[1],[2]],[[3],[4,5]]]", API_RAGGED_ARRAY, "/1/1", 20,
	 "2 numbers, expected 1 as in /a/0/0"},
	{"[[[]],[]]", API_RAGGED_ARRAY, "/1", 7, "0 arrays, expected 1 as in /a/0"},
	{"[1,[2]]", API_RAGGED_ARRAY, "/1", 3, "an array, expected a number as in /a/0"},
	{"[1, [2]]", API_RAGGED_ARRAY, "/1", 4, "an array, expected a number as in /a/0"},
	{"[1, {}]", API_WRONG_TYPE, "/1", 4, "a number was expected, found an object"},
	{"[[1],2]", API_RAGGED_ARRAY, "/1", 5, "a number, expected an array as in /a/0"},
	{"[[1],null]", API_RAGGED_ARRAY, "/1", 5, "a number, expected an array as in /a/0"},
	{"[[],[[]]]", API_RAGGED_ARRAY, "/1/0", 5, "an array, expected a number as in /a/0/0"},
	{"[[[[[[[[[1]]]]]]]]]", API_RANK, "/0/0/0/0/0/0/0/0", 8,
	 "an array within 8 arrays, more axes than a tensor has"},
	/* what is no number */
	{"[1,\"x\"]", API_WRONG_TYPE, "/1", 3, "a number was expected, found the string \"x\""},
	{"[1,\"],[\\\"\"]", API_WRONG_TYPE, "/1", 3,
	 "a number was expected, found the string \"],[\\\"\""},
	{"[1,\"nan\"]", API_WRONG_TYPE, "/1", 3, "a number was expected, found the string \"nan\""},
	{"[1,\"null\"]", API_WRONG_TYPE, "/1", 3,
	 "a number was expected, found the string \"null\""},
	{"[1,{\"b\":[2]}]", API_WRONG_TYPE, "/1", 3, "a number was expected, found an object"},
	/* syntax */
	{"[1,]", API_SYNTAX, "/1", 3, "a number was expected, found ']'"},
	{"[[1],]", API_SYNTAX, "/1", 5, "a number was expected, found ']'"},
	{"[1,,2]", API_SYNTAX, "/1", 3, "a number was expected, found ','"},
	{"[[],,[]]", API_SYNTAX, "/1", 4, "a number was expected, found ','"},
	{"[1 2]", API_SYNTAX, "/0", 3, "',' or ']' was expected, found '2'"},
	{"[[1] [2]]", API_SYNTAX, "/0", 5, "',' or ']' was expected, found '['"},
	{"[1:2]", API_SYNTAX, "/0", 2, "',' or ']' was expected, found ':'"},
	{"[[1}]", API_SYNTAX, "/0/0", 3, "',' or ']' was expected, found '}'"},
	{"[01]", API_SYNTAX, "/0", 1, "a number may not begin with a superfluous 0"},
	{"[0,-01]", API_SYNTAX, "/1", 4, "a number may not begin with a superfluous 0"},
	{"[1,+1]", API_SYNTAX, "/1", 3, "a number was expected, found '+'"},
	{"[1,.5]", API_SYNTAX, "/1", 3, "a number was expected, found '.'"},
	{"[1.]", API_SYNTAX, "/0", 3, "a digit is missing behind the point"},
	{"[1.e3]", API_SYNTAX, "/0", 3, "a digit is missing behind the point"},
	{"[1e]", API_SYNTAX, "/0", 3, "a digit is missing in the exponent"},
	{"[1e+,2]", API_SYNTAX, "/0", 4, "a digit is missing in the exponent"},
	{"[-]", API_SYNTAX, "/0", 2, "a digit is missing"},
	{"[-NaN]", API_SYNTAX, "/0", 2, "a digit is missing"},
	{"[0x10]", API_SYNTAX, "/0", 2, "',' or ']' was expected, found 'x'"},
	{"[1_000]", API_SYNTAX, "/0", 2, "',' or ']' was expected, found '_'"},
	{"[1.5f]", API_SYNTAX, "/0", 4, "',' or ']' was expected, found 'f'"},
	{"[1,nan]", API_SYNTAX, "/1", 3, "a number was expected, found 'n'"},
	{"[1,NaNs]", API_SYNTAX, "/1", 6, "',' or ']' was expected, found 's'"},
	{"[1,inf]", API_SYNTAX, "/1", 3, "a number was expected, found 'i'"},
	{"[nul]", API_SYNTAX, "/0", 1, "a number was expected, found 'n'"},
	{"[1,\xC3\xA9]", API_SYNTAX, "/1", 3, "a number was expected, found the byte 0xC3"},
	{"[1\x01]", API_SYNTAX, "/0", 2, "',' or ']' was expected, found the byte 0x01"},
	{"[1,\x0B 2]", API_SYNTAX, "/1", 3, "a number was expected, found the byte 0x0B"},
	/* of several errors the first is told */
	{"[[1,2],[3,x],[4]]", API_SYNTAX, "/1/1", 10, "a number was expected, found 'x'"},
	{"[[1,2],[3],[x]]", API_RAGGED_ARRAY, "/1", 9, "1 number, expected 2 as in /a/0"},
};

START_TEST(refusals_say_what_and_where)
{
	const struct refusal *refusal = &refusals[_i / 6];
	enum loss_dtype dtype = (enum loss_dtype)(_i % 6 / 2);
	struct loss_tensor tensor = {.rank = -1};
	char pointer[300], detail[600];

	snprintf(pointer, sizeof(pointer), "/a%s", refusal->pointer);
	snprintf(detail, sizeof(detail), "%s: %s", pointer, refusal->detail);
	ck_assert_int_eq(read_text(refusal->text, _i % 2, dtype, &tensor, NULL), refusal->problem);
	ck_assert_int_eq(r.fault.problem, refusal->problem);
	ck_assert_str_eq(r.fault.detail, detail);
	ck_assert(r.fault.has_pointer);
	ck_assert_str_eq(r.fault.pointer, pointer);
	ck_assert(r.fault.has_position);
	ck_assert_uint_eq(r.fault.offset, (uint64_t)refusal->offset + 6);
	ck_assert_uint_eq(r.fault.line, 1);
	ck_assert_uint_eq(r.fault.column, (uint64_t)refusal->offset + 7);
	ck_assert_int_eq(tensor.rank, -1);
}
END_TEST

START_TEST(positions_count_lines_and_characters)
{
	struct loss_tensor tensor;
	ck_assert_int_eq(
		reading_text(&r, "{\"\xC3\xA9\": 1,\n \"a\": [1,\n  2,\n  \"\xC3\xA9\", x]}"), 0);
	ck_assert_int_eq(reading_numbers(&r, "a", LOSS_FLOAT32, &tensor, NULL), API_WRONG_TYPE);
	ck_assert_uint_eq(r.fault.line, 4);
	ck_assert_uint_eq(r.fault.column, 3);
	/* A string from the client is shown as ASCII. */
	ck_assert_str_eq(r.fault.detail, "/a/2: a number was expected, found the string \"??\"");
}
END_TEST

/* ---- Chunks --------------------------------------------------------------- */

/* A growing text. */
struct paper {
	char *text;
	size_t used, room;
};

static void add_text(struct paper *paper, const char *text)
{
	size_t bytes = strlen(text);
	if (paper->used + bytes > paper->room) {
		paper->room = 2 * (paper->room + bytes);
		paper->text = realloc(paper->text, paper->room);
		ck_assert_ptr_nonnull(paper->text);
	}
	memcpy(paper->text + paper->used, text, bytes);
	paper->used += bytes;
}

static const char *const spaces[] = {"", " ", "", "\n  ", "", "", "\t", "  "};

/* A number as somebody might write it; now and then something else. */
static void add_number(struct paper *paper, uint64_t *seed)
{
	static const char *const words[] = {"null",          "NaN",  "-Infinity", "\"NaN\"",
					    "\"-Infinity\"", "true", "1e999",     "\"Infinity\""};
	char text[64];
	uint64_t random = reading_random(seed);
	double value = ((double)(random >> 11) * 0x1p-53 - 0.5) * 8;
	if (random % 37 == 0)
		snprintf(text, sizeof(text), "%s", words[random / 37 % 8]);
	else if (random % 5 == 0)
		snprintf(text, sizeof(text), "%d", (int)(random >> 40) % 1000);
	else
		snprintf(text, sizeof(text), "%.*g", (int)(random >> 8) % 17 + 1, value);
	add_text(paper, spaces[(random >> 20) % 8]);
	add_text(paper, text);
	add_text(paper, spaces[(random >> 24) % 8]);
}

/* Nested arrays of a shape. */
static void add_arrays(struct paper *paper, int rank, const int64_t *shape, uint64_t *seed)
{
	if (rank == 0) {
		add_number(paper, seed);
		return;
	}
	add_text(paper, "[");
	for (int64_t i = 0; i < shape[0]; i++) {
		add_text(paper, i ? "," : "");
		add_arrays(paper, rank - 1, shape + 1, seed);
	}
	add_text(paper, "]");
}

static enum api_problem read_paper(struct paper *paper, int rank, const int64_t *shape,
				   uint64_t seed)
{
	*paper = (struct paper){0};
	add_text(paper, "{\"a\":");
	add_arrays(paper, rank, shape, &seed);
	add_text(paper, "}");
	return reading_bytes(&r, paper->text, paper->used);
}

/* The array with only some of its cuts. */
static struct api_array with_cuts(const struct api_array *array, struct api_cut *cuts,
				  uint64_t *seed, unsigned one_in)
{
	struct api_array other = *array;
	other.cuts = cuts;
	other.chunks = 0;
	for (size_t i = 0; i < array->chunks; i++)
		if (i == 0 || (one_in && reading_random(seed) % one_in == 0))
			cuts[other.chunks++] = array->cuts[i];
	return other;
}

struct helper {
	struct api_reader *reader;
	_Atomic size_t *next;
};

static void *read_chunks(void *context)
{
	struct helper *helper = context;
	for (size_t i; (i = atomic_fetch_add(helper->next, 1)) < helper->reader->array->chunks;)
		api_array_read_chunk(helper->reader, helper->reader->array->chunks - 1 - i);
	return NULL;
}

/* Reads with three threads, the last chunk first. */
static enum api_problem read_in_parallel(const struct api_array *array, enum loss_dtype dtype,
					 struct loss_tensor *tensor, struct api_read_stats *stats)
{
	struct api_reader reader;
	_Atomic size_t next = 0;
	struct helper helper = {&reader, &next};
	pthread_t threads[3];
	void *out = memory_take(&r.memory, array->numbers * loss_dtype_bytes(dtype));

	r.fault = (struct api_fault){0};
	ck_assert_int_eq(api_array_read_begin(&reader, array, dtype, out, &r.arena), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, read_chunks, &helper), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	return api_array_read_end(&reader, &r.doc, "/a", tensor, stats, &r.fault);
}

static const struct {
	int rank;
	int64_t shape[3];
} large[] = {
	{1, {100000}},   {2, {300, 400}},   {2, {3, 40000}},    {2, {40000, 3}},
	{2, {60000, 1}}, {3, {70, 80, 10}}, {3, {2, 2, 30000}}, {3, {10000, 3, 2}},
};
enum { LARGE_COUNT = sizeof(large) / sizeof(*large) };

START_TEST(chunks_do_not_matter)
{
	uint64_t seed = 77 + (uint64_t)_i;
	struct paper paper;
	struct api_cut cuts[64];
	ck_assert_int_eq(read_paper(&paper, large[_i].rank, large[_i].shape, seed), 0);
	const struct api_array *array = reading_array(&r, "a");
	ck_assert_uint_gt(array->chunks, 2);
	ck_assert_uint_le(array->chunks, 64);

	for (int pass = 0; pass < 4; pass++) {
		enum loss_dtype dtype = pass % 2 ? LOSS_FLOAT64 : LOSS_FLOAT32;
		struct api_array whole = with_cuts(array, cuts, &seed, 0);
		struct loss_tensor serial, parallel;
		struct api_read_stats serial_stats, parallel_stats;
		ck_assert_int_eq(
			reading_numbers_of(&r, &whole, "/a", dtype, &serial, &serial_stats), 0);
		ck_assert_int_eq(serial.rank, large[_i].rank);
		ck_assert_mem_eq(serial.shape, large[_i].shape,
				 sizeof(int64_t) * (size_t)serial.rank);

		struct api_array some = with_cuts(array, cuts, &seed, pass < 2 ? 1 : 3);
		ck_assert_int_eq(read_in_parallel(&some, dtype, &parallel, &parallel_stats), 0);
		size_t bytes = array->numbers * loss_dtype_bytes(dtype);
		ck_assert(memcmp(serial.data, parallel.data, bytes) == 0);
		ck_assert_uint_eq(serial_stats.nan, parallel_stats.nan);
		ck_assert_uint_eq(serial_stats.narrowed, parallel_stats.narrowed);
		ck_assert_uint_gt(serial_stats.narrowed, API_PLACES_MAX);
		for (size_t i = 0; i < API_PLACES_MAX; i++)
			ck_assert_uint_eq(serial_stats.narrowed_at[i].element,
					  parallel_stats.narrowed_at[i].element);
	}
	free(paper.text);
}
END_TEST

/* Against the C library, number by number. */
START_TEST(large_arrays_are_read_right)
{
	struct paper paper;
	struct loss_tensor tensor;
	ck_assert_int_eq(read_paper(&paper, large[_i].rank, large[_i].shape, 99), 0);
	ck_assert_int_eq(reading_numbers(&r, "a", LOSS_FLOAT64, &tensor, NULL), 0);
	const double *value = tensor.data;
	uint64_t count = 0;
	add_text(&paper, " ");
	paper.text[paper.used - 1] = '\0';
	for (char *at = paper.text + 5; (at += strspn(at, "[],{} \t\n\"")) && *at; count++) {
		double expected = *at == 'n' ? NAN : *at == 't' ? 1 : strtod(at, NULL);
		EXPECT(isnan(expected) ? isnan(value[count]) : value[count] == expected,
		       "number %d", (int)count);
		at += strcspn(at, "[],{} \t\n\"");
	}
	ck_assert_uint_eq(count, reading_array(&r, "a")->numbers);
	free(paper.text);
}
END_TEST

/* Damages a large array in one place: whatever the cuts, the same is told. */
START_TEST(chunks_do_not_matter_for_errors)
{
	static const char damage[] = ",[]{}x\"1. \x80-e:n";
	uint64_t seed = 1234 + (uint64_t)_i;
	int told = 0;
	for (int pass = 0; pass < 60; pass++) {
		int which = pass % LARGE_COUNT;
		struct paper paper;
		struct api_cut cuts[64];
		enum loss_dtype dtype = (enum loss_dtype)(pass % 3);

		paper = (struct paper){0};
		uint64_t text_seed = seed;
		add_text(&paper, "{\"a\":");
		add_arrays(&paper, large[which].rank, large[which].shape, &text_seed);
		add_text(&paper, "}");
		for (int hits = 0; hits <= pass % 3; hits++) {
			size_t at = 8 + reading_random(&seed) % (paper.used - 12);
			paper.text[at] = damage[reading_random(&seed) % (sizeof(damage) - 1)];
		}
		if (reading_bytes(&r, paper.text, paper.used) == 0) {
			const struct api_array *array = reading_array(&r, "a");
			struct api_array whole = with_cuts(array, cuts, &seed, 0);
			struct loss_tensor tensor;
			enum api_problem serial =
				reading_numbers_of(&r, &whole, "/a", dtype, &tensor, NULL);
			struct api_fault fault = r.fault;
			struct api_array some = with_cuts(array, cuts, &seed, 2);
			ck_assert_int_eq(read_in_parallel(&some, dtype, &tensor, NULL), serial);
			ck_assert_str_eq(fault.detail, r.fault.detail);
			ck_assert_str_eq(fault.pointer, r.fault.pointer);
			ck_assert_uint_eq(fault.offset, r.fault.offset);
			told += serial != API_PROBLEM_NONE;
		}
		free(paper.text);
		reading_release(&r);
		reading_init(&r);
	}
	ck_assert_int_gt(told, 15);
}
END_TEST

/* ---- Numbers outside arrays ----------------------------------------------- */

START_TEST(scalars_are_read)
{
	static const struct {
		const char *text;
		double value;
		float single;
	} cases[] = {
		{"1", 1, 1},
		{"-0", -0.0, -0.0F},
		{"-0.0", -0.0, -0.0F},
		{"0.1", 0.1, 0.1F},
		{"NaN", NAN, NAN},
		{"\"NaN\"", NAN, NAN},
		{"null", NAN, NAN},
		{"Infinity", INFINITY, INFINITY},
		{"\"-Infinity\"", -INFINITY, -INFINITY},
		{"true", 1, 1},
		{"1e999", INFINITY, INFINITY},
		{"-1e999", -INFINITY, -INFINITY},
		{"1e39", 1e39, INFINITY},
		{"1e-400", 0, 0},
		{"12345678901234567890", 12345678901234567890.0, 12345678901234567890.0F},
		{"9223372036854775807", 9223372036854775808.0, 9223372036854775808.0F},
		/* rounding twice would give 1 */
		{"1.0000000596046448", 1.0000000596046448, 1.00000011920928955F},
		{"1.00000005960464477539062500000000001", 1.0000000596046448, 1.00000011920928955F},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[128];
		double value;
		float single;
		struct api_read_stats stats;
		snprintf(text, sizeof(text), "{\"x\": %s}", cases[i].text);
		ck_assert_int_eq(reading_text(&r, text), 0);
		const json_t *node = json_object_get(r.doc.root, "x");
		ck_assert(api_scalar_is_number(&r.doc, node));
		ck_assert_int_eq(
			api_scalar_read(&r.doc, node, LOSS_FLOAT64, &value, "/x", NULL, &r.fault),
			0);
		ck_assert_int_eq(api_scalar_read(&r.doc, node, LOSS_FLOAT32, &single, "/x", &stats,
						 &r.fault),
				 0);
		if (isnan(cases[i].value)) {
			ck_assert(isnan(value) && isnan(single));
		} else {
			ck_assert_msg(value == cases[i].value, "%s", text);
			ck_assert_msg(single == cases[i].single, "%s", text);
			ck_assert_int_eq(!signbit(value), !signbit(cases[i].value));
			ck_assert_int_eq(!signbit(single), !signbit(cases[i].single));
		}
		bool word = strstr(cases[i].text, "NaN") || strstr(cases[i].text, "Inf") ||
			    strstr(cases[i].text, "null");
		ck_assert_uint_eq(stats.nan + stats.pos_inf + stats.neg_inf, word);
		ck_assert_uint_eq(stats.narrowed, !word && isinf(cases[i].single));
	}
}
END_TEST

START_TEST(scalar_integers_are_read)
{
	static const struct {
		const char *text;
		enum api_problem problem;
		int64_t value;
	} cases[] = {
		{"3", API_PROBLEM_NONE, 3},
		{"3.0", API_PROBLEM_NONE, 3},
		{"-0", API_PROBLEM_NONE, 0},
		{"9223372036854775807", API_PROBLEM_NONE, INT64_MAX},
		{"9223372036854775807.0", API_PROBLEM_NONE, INT64_MAX},
		{"true", API_PROBLEM_NONE, 1},
		{"2.5", API_TARGET_NOT_INTEGER, 0},
		{"NaN", API_TARGET_NOT_INTEGER, 0},
		{"null", API_TARGET_NOT_INTEGER, 0},
		{"\"Infinity\"", API_TARGET_NOT_INTEGER, 0},
		{"1e30", API_TARGET_OUT_OF_RANGE, 0},
		{"1e999", API_TARGET_OUT_OF_RANGE, 0},
		{"9223372036854775808", API_TARGET_OUT_OF_RANGE, 0},
		{"\"three\"", API_WRONG_TYPE, 0},
		{"{}", API_WRONG_TYPE, 0},
		{"[1]", API_WRONG_TYPE, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[128];
		int64_t value = 0;
		snprintf(text, sizeof(text), "{\"x\": %s}", cases[i].text);
		ck_assert_int_eq(reading_text(&r, text), 0);
		const json_t *node = json_object_get(r.doc.root, "x");
		ck_assert_msg(api_scalar_read(&r.doc, node, LOSS_INT64, &value, "/x", NULL,
					      &r.fault) == cases[i].problem,
			      "%s", text);
		ck_assert_int_eq(value, cases[i].value);
		ck_assert_int_eq(api_scalar_is_number(&r.doc, node),
				 cases[i].problem != API_WRONG_TYPE);
		if (cases[i].problem)
			ck_assert_str_eq(r.fault.pointer, "/x");
	}
}
END_TEST

/* ---- Writing -------------------------------------------------------------- */

static void join(struct paper *paper, const struct api_slice *slices, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *piece = strndup(slices[i].data, slices[i].bytes);
		ck_assert_uint_eq(strlen(piece), slices[i].bytes);
		add_text(paper, piece);
		free(piece);
	}
	add_text(paper, " ");
	paper->text[paper->used - 1] = '\0';
}

/* Writes with the last chunk first. */
static enum api_problem write_tensor(struct paper *paper, const struct loss_tensor *tensor,
				     enum api_nonfinite how, uint64_t *nonfinite)
{
	struct api_writer writer;
	const struct api_slice *slices;
	size_t count;
	uint64_t bound;
	ck_assert(api_array_write_bound(tensor, &bound));
	ck_assert_int_eq(api_array_write_begin(&writer, tensor, how, &r.arena), 0);
	ck_assert_uint_ge(api_array_write_chunks(&writer), 1);
	for (size_t i = api_array_write_chunks(&writer); i-- > 0;)
		api_array_write_chunk(&writer, i);
	enum api_problem problem = api_array_write_end(&writer, &slices, &count, nonfinite);
	*paper = (struct paper){0};
	join(paper, slices, count);
	ck_assert_uint_le(paper->used, bound);
	return problem;
}

START_TEST(arrays_are_written)
{
	static const double numbers[] = {1, 2.5, -0.0, 1e-7, 3, 4, 5, 6};
	static const struct {
		int rank;
		int64_t shape[LOSS_RANK_MAX];
		const char *text;
	} cases[] = {
		{0, {0}, "1"},
		{1, {4}, "[1,2.5,-0,1e-07]"},
		{2, {2, 2}, "[[1,2.5],[-0,1e-07]]"},
		{2, {4, 1}, "[[1],[2.5],[-0],[1e-07]]"},
		{2, {1, 4}, "[[1,2.5,-0,1e-07]]"},
		{3, {2, 2, 2}, "[[[1,2.5],[-0,1e-07]],[[3,4],[5,6]]]"},
		{8, {1, 1, 1, 1, 1, 1, 1, 1}, "[[[[[[[[1]]]]]]]]"},
		{1, {0}, "[]"},
		{2, {0, 5}, "[]"},
		{2, {2, 0}, "[[],[]]"},
		{3, {2, 0, 3}, "[[],[]]"},
		{3, {2, 1, 0}, "[[[]],[[]]]"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct loss_tensor tensor = {numbers, LOSS_FLOAT64, cases[i].rank, {0}};
		memcpy(tensor.shape, cases[i].shape, sizeof(tensor.shape));
		struct paper paper;
		uint64_t nonfinite;
		ck_assert_int_eq(write_tensor(&paper, &tensor, API_NONFINITE_ERROR, &nonfinite), 0);
		ck_assert_str_eq(paper.text, cases[i].text);
		ck_assert_uint_eq(nonfinite, 0);
		free(paper.text);
	}
}
END_TEST

START_TEST(nonfinite_numbers_are_written_as_asked)
{
	static const float numbers[] = {1, NAN, INFINITY, -INFINITY, -NAN};
	static const struct {
		enum api_nonfinite how;
		enum api_problem problem;
		const char *text;
	} cases[] = {
		{API_NONFINITE_STRING, API_PROBLEM_NONE,
		 "[1,\"NaN\",\"Infinity\",\"-Infinity\",\"NaN\"]"},
		{API_NONFINITE_NULL, API_PROBLEM_NONE, "[1,null,null,null,null]"},
		{API_NONFINITE_ERROR, API_NONFINITE_RESULT,
		 "[1,\"NaN\",\"Infinity\",\"-Infinity\",\"NaN\"]"},
	};
	struct loss_tensor tensor = {numbers, LOSS_FLOAT32, 1, {5}};
	for (size_t i = 0; i < 3; i++) {
		struct paper paper;
		uint64_t nonfinite;
		ck_assert_int_eq(write_tensor(&paper, &tensor, cases[i].how, &nonfinite),
				 cases[i].problem);
		ck_assert_str_eq(paper.text, cases[i].text);
		ck_assert_uint_eq(nonfinite, 4);
		free(paper.text);
	}
}
END_TEST

START_TEST(single_numbers_are_written)
{
	char text[API_NUMBER_BYTES_MAX + 1];
	double value = -2.2250738585072014e-308;
	int64_t index = INT64_MIN;
	float infinite = -INFINITY;
	text[api_number_write(text, LOSS_FLOAT64, &value, API_NONFINITE_STRING)] = '\0';
	ck_assert_str_eq(text, "-2.2250738585072014e-308");
	text[api_number_write(text, LOSS_INT64, &index, API_NONFINITE_STRING)] = '\0';
	ck_assert_str_eq(text, "-9223372036854775808");
	text[api_number_write(text, LOSS_FLOAT32, &infinite, API_NONFINITE_STRING)] = '\0';
	ck_assert_str_eq(text, "\"-Infinity\"");
	text[api_number_write(text, LOSS_FLOAT32, &infinite, API_NONFINITE_NULL)] = '\0';
	ck_assert_str_eq(text, "null");
}
END_TEST

START_TEST(sizes_that_do_not_fit_are_refused)
{
	struct loss_tensor wide = {NULL, LOSS_FLOAT64, 2, {INT64_MAX, 3}};
	struct loss_tensor empty = {NULL, LOSS_FLOAT64, 3, {INT64_MAX, INT64_MAX, 0}};
	struct loss_tensor many = {NULL, LOSS_FLOAT64, 2, {1 << 30, 0}};
	struct api_writer writer;
	uint64_t bytes;
	ck_assert(!api_array_write_bound(&wide, &bytes));
	ck_assert(!api_array_write_bound(&empty, &bytes));
	ck_assert_int_eq(api_array_write_begin(&writer, &wide, 0, &r.arena), API_TOO_MUCH_MEMORY);
	/* An empty tensor can have more text than there is memory. */
	ck_assert(api_array_write_bound(&many, &bytes));
	ck_assert_int_eq(api_array_write_begin(&writer, &many, 0, &r.arena), API_TOO_MUCH_MEMORY);
}
END_TEST

/* Random bits to text and back, through chunks: the same bits. */
static void check_round_trip(enum loss_dtype dtype, int rank, const int64_t *shape)
{
	struct loss_tensor tensor = {NULL, dtype, rank, {0}}, back;
	memcpy(tensor.shape, shape, sizeof(*shape) * (size_t)rank);
	size_t count = (size_t)loss_tensor_elements(&tensor), size = loss_dtype_bytes(dtype);
	uint64_t seed = 31 + (uint64_t)rank, nonfinite, nan = 0;
	char *data = memory_take(&r.memory, count * size);
	for (size_t i = 0; i < count; i++) {
		uint64_t bits = reading_random(&seed) >> (dtype == LOSS_FLOAT32 ? 32 : 0);
		if (dtype == LOSS_FLOAT32)
			((uint32_t *)(void *)data)[i] = (uint32_t)bits;
		else
			((uint64_t *)(void *)data)[i] = bits;
	}
	tensor.data = data;

	struct paper text, paper = {0};
	ck_assert_int_eq(write_tensor(&text, &tensor, API_NONFINITE_STRING, &nonfinite), 0);
	add_text(&paper, "{\"a\":");
	add_text(&paper, text.text);
	add_text(&paper, "}");
	ck_assert_int_eq(reading_bytes(&r, paper.text, paper.used), 0);
	ck_assert_int_eq(reading_numbers(&r, "a", dtype, &back, NULL), 0);
	ck_assert_int_eq(back.rank, rank);
	ck_assert_mem_eq(back.shape, tensor.shape, sizeof(back.shape));
	for (size_t i = 0; i < count; i++) {
		const char *before = data + i * size, *after = (const char *)back.data + i * size;
		if (memcmp(before, after, size) == 0)
			continue;
		nan++;
		EXPECT(dtype == LOSS_FLOAT32 ? isnan(*(const float *)(const void *)before) &&
						       isnan(*(const float *)(const void *)after)
					     : isnan(*(const double *)(const void *)before) &&
						       isnan(*(const double *)(const void *)after),
		       "element %zu", i);
	}
	ck_assert_uint_le(nan, nonfinite);
	free(text.text);
	free(paper.text);
}

START_TEST(round_trips_keep_every_bit)
{
	check_round_trip(LOSS_FLOAT32, large[_i].rank, large[_i].shape);
	check_round_trip(LOSS_FLOAT64, large[_i].rank, large[_i].shape);
	check_round_trip(LOSS_INT64, large[_i].rank, large[_i].shape);
}
END_TEST

/* ---- Failure -------------------------------------------------------------- */

START_TEST(every_allocation_may_fail)
{
	static const float numbers[4] = {1, 2, 3, 4};
	struct loss_tensor tensor = {numbers, LOSS_FLOAT32, 2, {2, 2}}, back;
	struct api_writer writer;
	float out[2];
	ck_assert_int_eq(reading_text(&r, "{\"a\": [1, 2]}"), 0);
	const struct api_array *array = reading_array(&r, "a");
	api_arena_fail_nth(1);
	ck_assert_int_eq(api_array_read(&r.doc, array, LOSS_FLOAT32, out, &r.arena, "/a", &back,
					NULL, &r.fault),
			 API_MEMORY_FULL);
	ck_assert_int_eq(r.fault.problem, API_MEMORY_FULL);
	for (uint64_t nth = 1; nth <= 3; nth++) {
		api_arena_fail_nth(nth);
		ck_assert_int_eq(api_array_write_begin(&writer, &tensor, 0, &r.arena),
				 API_MEMORY_FULL);
	}
	api_arena_fail_nth(4);
	ck_assert_int_eq(api_array_write_begin(&writer, &tensor, 0, &r.arena), 0);
	api_arena_fail_nth(0);
}
END_TEST

static void add_case(Suite *suite, const char *name, const TTest *const *tests, size_t count,
		     int loops)
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	for (size_t i = 0; i < count; i++)
		tcase_add_loop_test(tc, tests[i], 0, loops);
	suite_add_tcase(suite, tc);
}

#define CASE(suite, name, loops, ...)                                                              \
	add_case(suite, name, (const TTest *const[]){__VA_ARGS__},                                 \
		 sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(const TTest *), loops)

Suite *numbers_suite(void)
{
	Suite *suite = suite_create("numbers");
	CASE(suite, "reading", 1, shapes_are_found, values_are_read_in_every_spelling,
	     class_indices_are_read, class_indices_that_are_none_are_counted,
	     positions_count_lines_and_characters, scalars_are_read, scalar_integers_are_read,
	     every_allocation_may_fail);
	CASE(suite, "refusals", 6 * (int)(sizeof(refusals) / sizeof(*refusals)),
	     refusals_say_what_and_where);
	CASE(suite, "chunks", LARGE_COUNT, chunks_do_not_matter, large_arrays_are_read_right,
	     round_trips_keep_every_bit);
	CASE(suite, "damage", 2, chunks_do_not_matter_for_errors);
	CASE(suite, "writing", 1, arrays_are_written, nonfinite_numbers_are_written_as_asked,
	     single_numbers_are_written, sizes_that_do_not_fit_are_refused);
	return suite;
}
