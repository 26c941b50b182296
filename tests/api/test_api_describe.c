/* What is written about the contract: from the tables, complete, and true. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "ask.h"
#include "describe.h"
#include "loss_diagnose.h"

static struct answer answer;

static void teardown(void)
{
	answer_free(&answer);
	answer = (struct answer){0};
}

static void get(const char *path)
{
	teardown();
	ask_get(path, &answer);
	answer_expect(&answer, 200);
}

/* ---- openapi.json -------------------------------------------------------------- */

START_TEST(committed_contract_is_the_generated_one)
{
	char *committed = ask_file("api/openapi.json", NULL);
	char *generated = api_openapi_text();

	ck_assert_ptr_nonnull(generated);
	ck_assert_msg(committed && !strcmp(committed, generated),
		      "api/openapi.json is not what the tables give: "
		      "build/tests/describe openapi > api/openapi.json");
	get("/openapi.json");
	ck_assert_str_eq(answer.text, generated);
	free(committed);
	free(generated);
}
END_TEST

START_TEST(contract_has_every_route)
{
	const struct api_route *route;
	char method[8];

	get("/openapi.json");
	for (size_t i = 0; (route = api_route_at(i)); i++) {
		const json_t *path =
			json_object_get(json_object_get(answer.json, "paths"), route->path);

		for (size_t k = 0; k <= strlen(route->method); k++)
			method[k] = (char)(route->method[k] ? route->method[k] | 0x20 : 0);
		ck_assert_msg(json_object_get(path, method), "%s %s is not in the contract",
			      route->method, route->path);
	}
}
END_TEST

/* ---- The catalogue --------------------------------------------------------------- */

START_TEST(catalogue_has_every_loss)
{
	get("/v1/losses");
	ck_assert_uint_eq(json_array_size(answer_at(&answer, "/losses")), loss_count());
	for (size_t i = 0; i < loss_count(); i++) {
		char pointer[40];

		snprintf(pointer, sizeof pointer, "/losses/%zu/name", i);
		ck_assert_str_eq(answer_string(&answer, pointer), loss_at(i)->name);
	}
}
END_TEST

static size_t count_inputs(const struct loss *loss)
{
	size_t count = 0;

	while (loss_input_at(loss, count))
		count++;
	return count;
}

static size_t count_params(const struct loss *loss)
{
	size_t count = 0;
	bool is_common;

	while (loss_param_at(loss, count, &is_common))
		count++;
	return count;
}

/* The page of a loss, under each of its names, with an example that works as it
 * is printed. */
START_TEST(page_of_a_loss)
{
	const struct loss *loss = loss_at((size_t)_i);
	char path[160];

	snprintf(path, sizeof path, "/v1/losses/%s", loss->name);
	get(path);
	ck_assert_str_eq(answer_string(&answer, "/name"), loss->name);
	ck_assert_uint_eq(json_array_size(answer_at(&answer, "/inputs")), count_inputs(loss));
	ck_assert_uint_eq(json_array_size(answer_at(&answer, "/parameters")), count_params(loss));

	char *page = strdup(answer.text);
	for (int i = 0; i < LOSS_ALIASES_MAX && loss->aliases[i]; i++) {
		snprintf(path, sizeof path, "/v1/losses/%s", loss->aliases[i]);
		get(path);
		ck_assert_str_eq(answer.text, page);
	}
	free(page);

	char *example = json_dumps(answer_at(&answer, "/example"), JSON_REAL_PRECISION(17));
	teardown();
	ask_post(example, &answer);
	answer_expect(&answer, 200);
	ck_assert_str_eq(answer_string(&answer, "/diagnostics/verdict"), "ok");
	ck_assert_ptr_nonnull(answer_at(&answer, "/gradients"));
	ck_assert_str_eq(answer.outcomes[0].loss, loss->name);
	free(example);
}
END_TEST

/* Every parameter may be sent with the default that the catalogue prints, and
 * changes nothing. */
START_TEST(defaults_are_what_they_say)
{
	const struct loss *loss = loss_at((size_t)_i);
	char path[160], *plain;
	json_t *request, *spec;

	snprintf(path, sizeof path, "/v1/losses/%s", loss->name);
	get(path);
	request = json_deep_copy(answer_at(&answer, "/example"));
	spec = json_pack("{s:s}", "name", loss->name);
	for (size_t i = 0; i < count_params(loss); i++) {
		const json_t *row = json_array_get(answer_at(&answer, "/parameters"), i);
		json_t *value = json_object_get(row, "default");

		ck_assert_ptr_nonnull(value);
		json_object_set(spec, json_string_value(json_object_get(row, "name")), value);
	}
	char *body = json_dumps(request, JSON_REAL_PRECISION(17));
	teardown();
	ask_post(body, &answer);
	plain = strdup(answer.text);
	free(body);
	json_object_set_new(request, "loss", spec);
	body = json_dumps(request, JSON_REAL_PRECISION(17));
	teardown();
	ask_post(body, &answer);
	answer_expect(&answer, 200);
	ck_assert_str_eq(answer.text, plain);
	free(plain);
	free(body);
	json_decref(request);
}
END_TEST

START_TEST(unknown_page)
{
	teardown();
	ask_get("/v1/losses/cross_entropi", &answer);
	answer_expect(&answer, 404);
	ck_assert_str_eq(answer_string(&answer, "/code"), "loss_not_found");
	ck_assert_ptr_nonnull(strstr(answer_string(&answer, "/detail"), "\"cross_entropy\""));
}
END_TEST

START_TEST(findings_are_listed)
{
	get("/v1/findings");
	ck_assert_uint_eq(json_array_size(answer_at(&answer, "/findings")), LOSS_FINDING_COUNT);
	ck_assert_str_eq(answer_string(&answer, "/findings/0/code"), "prob_out_of_range");
	ck_assert_str_eq(answer_string(&answer, "/findings/0/severity"), "error");
	ck_assert(json_is_false(answer_at(&answer, "/findings/0/cures/0/article")));
	ck_assert(json_is_false(answer_at(&answer, "/findings/0/cures/0/trap")));

	char pointer[64];
	int traps = 0;

	for (int i = 0; i < LOSS_FINDING_COUNT; i++)
		for (int k = 0; k < LOSS_CURES_MAX; k++) {
			snprintf(pointer, sizeof pointer, "/findings/%d/cures/%d/trap", i, k);
			traps += json_is_true(answer_at(&answer, pointer));
		}
	ck_assert_int_eq(traps, 2);
}
END_TEST

/* ---- For people --------------------------------------------------------------------- */

START_TEST(catalogue_as_text)
{
	char *list = api_catalogue_text(NULL);
	char *page = api_catalogue_text("nn.CrossEntropyLoss");

	for (size_t i = 0; i < loss_count(); i++)
		ck_assert_ptr_nonnull(strstr(list, loss_at(i)->name));
	ck_assert_ptr_nonnull(strstr(page, "cross_entropy"));
	ck_assert_ptr_nonnull(strstr(page, "label_smoothing"));
	ck_assert_ptr_nonnull(strstr(page, "ignore_index"));
	ck_assert_ptr_nonnull(strstr(page, loss_find("cross_entropy")->example));
	ck_assert_ptr_null(api_catalogue_text("no such loss"));
	free(list);
	free(page);
}
END_TEST

START_TEST(table_of_the_readme)
{
	char *table = api_readme_table();
	size_t rows = 0;

	for (const char *at = table; (at = strchr(at, '\n')); at++)
		rows++;
	ck_assert_uint_eq(rows, loss_count() + 2);
	/* A bar inside a cell would end it. */
	for (const char *at = table; (at = strstr(at, "|x")); at++)
		ck_assert_int_eq(at[-1], '\\');
	free(table);
}
END_TEST

/* ---- Layout -------------------------------------------------------------------------- */

START_TEST(layout_breaks_what_is_too_long)
{
	struct api_describer describer;
	char *text;

	api_describe_begin(&describer);
	api_layout_json(
		&describer.text,
		"{\"a\":[1,2,{\"b\":\"x,{\\\"\"}],\"c\":[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaa\",\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"],\"d\":{}}");
	text = api_describe_end(&describer, NULL);
	ck_assert_str_eq(text, "{\n"
			       "  \"a\": [1, 2, {\"b\": \"x,{\\\"\"}],\n"
			       "  \"c\": [\n"
			       "    \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\n"
			       "    \"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"\n"
			       "  ],\n"
			       "  \"d\": {}\n"
			       "}\n");
	free(text);
}
END_TEST

Suite *api_describe_suite(void);

Suite *api_describe_suite(void)
{
	Suite *suite = suite_create("api_describe");
	TCase *tcase = tcase_create("describe");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, committed_contract_is_the_generated_one);
	tcase_add_test(tcase, contract_has_every_route);
	tcase_add_test(tcase, catalogue_has_every_loss);
	tcase_add_loop_test(tcase, page_of_a_loss, 0, (int)loss_count());
	tcase_add_loop_test(tcase, defaults_are_what_they_say, 0, (int)loss_count());
	tcase_add_test(tcase, unknown_page);
	tcase_add_test(tcase, findings_are_listed);
	tcase_add_test(tcase, catalogue_as_text);
	tcase_add_test(tcase, table_of_the_readme);
	tcase_add_test(tcase, layout_breaks_what_is_too_long);
	suite_add_tcase(suite, tcase);
	return suite;
}
