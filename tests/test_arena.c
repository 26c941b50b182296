#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "arena.h"

Suite *arena_suite(void);

static struct api_budget budget;
static struct api_arena arena;

static void setup(void)
{
	budget = (struct api_budget){.max = 1 << 20};
	api_arena_init(&arena, &budget);
}

static void teardown(void)
{
	api_arena_release(&arena);
	api_arena_fail_nth(0);
	ck_assert_uint_eq(budget.used, 0);
}

START_TEST(allocations_are_aligned_and_apart)
{
	char *pieces[200];
	for (size_t i = 0; i < 200; i++) {
		size_t bytes = i * 7 % 300;
		bool wide = i % 3 == 0;
		pieces[i] = wide ? api_arena_alloc_aligned64(&arena, bytes)
				 : api_arena_alloc(&arena, bytes);
		ck_assert_ptr_nonnull(pieces[i]);
		ck_assert_uint_eq((uintptr_t)pieces[i] % (wide ? 64 : 16), 0);
		memset(pieces[i], (int)i, bytes);
	}
	for (size_t i = 0; i < 200; i++)
		for (size_t j = 0; j < i * 7 % 300; j++)
			ck_assert_uint_eq((unsigned char)pieces[i][j], i);
}
END_TEST

START_TEST(large_allocations_can_be_dropped)
{
	uint64_t before = budget.used;
	size_t bytes = 3 * API_ARENA_LARGE_BYTES;
	void *first = api_arena_alloc(&arena, bytes);
	void *second = api_arena_alloc_aligned64(&arena, bytes);
	ck_assert_uint_eq((uintptr_t)first % 64, 0);
	ck_assert_uint_ge(budget.used, before + 2 * bytes);
	api_arena_drop(&arena, first, bytes);
	ck_assert_uint_lt(budget.used, before + 2 * bytes);
	api_arena_drop(&arena, second, bytes);
	ck_assert_uint_eq(budget.used, before);
	api_arena_drop(&arena, NULL, bytes);
	ck_assert_uint_eq(budget.used, before);
}
END_TEST

START_TEST(small_allocations_outlive_a_drop)
{
	char *text = api_arena_text(&arena, "kept", 4);
	void *large = api_arena_alloc(&arena, API_ARENA_LARGE_BYTES);
	api_arena_drop(&arena, large, API_ARENA_LARGE_BYTES);
	ck_assert_str_eq(text, "kept");
	ck_assert_ptr_nonnull(api_arena_alloc(&arena, 100));
}
END_TEST

START_TEST(budget_is_kept)
{
	ck_assert_ptr_null(api_arena_alloc(&arena, (1 << 20) + 1));
	ck_assert_int_eq(api_arena_problem(&arena), API_TOO_MUCH_MEMORY);
	ck_assert_ptr_nonnull(api_arena_alloc(&arena, 900 << 10));
	/* Nobody else holds anything: waiting would not help. */
	ck_assert_ptr_null(api_arena_alloc(&arena, 200 << 10));
	ck_assert_int_eq(api_arena_problem(&arena), API_TOO_MUCH_MEMORY);
	ck_assert_uint_le(budget.used, budget.max);

	/* Another arena feels it, too, and may come again. */
	struct api_arena other;
	api_arena_init(&other, &budget);
	ck_assert_ptr_null(api_arena_alloc(&other, 200 << 10));
	ck_assert_int_eq(api_arena_problem(&other), API_MEMORY_FULL);
	api_arena_release(&arena);
	ck_assert_ptr_nonnull(api_arena_alloc(&other, 200 << 10));
	api_arena_release(&other);
}
END_TEST

START_TEST(sizes_that_do_not_fit_are_refused)
{
	budget.max = UINT64_MAX;
	ck_assert_ptr_null(api_arena_alloc(&arena, SIZE_MAX));
	ck_assert_int_eq(api_arena_problem(&arena), API_TOO_MUCH_MEMORY);
	ck_assert_ptr_null(api_arena_alloc(&arena, SIZE_MAX - 64));
	ck_assert_ptr_null(api_arena_array(&arena, SIZE_MAX / 8 + 1, 8));
	ck_assert_int_eq(api_arena_problem(&arena), API_TOO_MUCH_MEMORY);
	ck_assert_ptr_null(api_arena_text(&arena, "", SIZE_MAX));
	ck_assert_ptr_nonnull(api_arena_array(&arena, 0, SIZE_MAX));
}
END_TEST

START_TEST(charges_count)
{
	ck_assert(api_arena_charge(&arena, 1 << 19));
	ck_assert_uint_eq(budget.used, 1 << 19);
	ck_assert(!api_arena_charge(&arena, 1 << 20));
	ck_assert_int_eq(api_arena_problem(&arena), API_TOO_MUCH_MEMORY);
	ck_assert_uint_eq(budget.used, 1 << 19);
	/* What another holds may be given back. */
	ck_assert(api_budget_take(&budget, 1 << 18));
	ck_assert(!api_arena_charge(&arena, 1 << 19));
	ck_assert_int_eq(api_arena_problem(&arena), API_MEMORY_FULL);
	api_budget_give(&budget, 1 << 18);
}
END_TEST

START_TEST(arrays_grow)
{
	int *items = NULL;
	size_t room = 0;
	for (size_t used = 0; used < 50000; used++) {
		if (used == room) {
			size_t more = room ? 2 * room : 1;
			items = api_arena_grow(&arena, items, used, room, more, sizeof(*items));
			ck_assert_ptr_nonnull(items);
			room = more;
		}
		items[used] = (int)used;
	}
	for (size_t i = 0; i < 50000; i++)
		ck_assert_int_eq(items[i], (int)i);
	/* The large ones were given back: 64 KiB, 128 KiB. */
	ck_assert_uint_le(budget.used, 600 << 10);
}
END_TEST

START_TEST(text_is_formatted)
{
	ck_assert_str_eq(api_arena_printf(&arena, "%s-%d", "step", 1200), "step-1200");
	ck_assert_str_eq(api_arena_printf(&arena, "%s", ""), "");
	char *wide = api_arena_printf(&arena, "%*d", 100000, 7);
	ck_assert_uint_eq(strlen(wide), 100000);
}
END_TEST

START_TEST(every_allocation_can_fail)
{
	api_arena_fail_nth(3);
	ck_assert_ptr_nonnull(api_arena_alloc(&arena, 1));
	ck_assert_ptr_nonnull(api_arena_alloc(&arena, API_ARENA_LARGE_BYTES));
	ck_assert(!api_arena_charge(&arena, 1));
	ck_assert_int_eq(api_arena_problem(&arena), API_MEMORY_FULL);
	ck_assert_ptr_nonnull(api_arena_alloc(&arena, 1));
	ck_assert_uint_eq(api_arena_fail_nth(0), 4);
	ck_assert_ptr_nonnull(api_arena_alloc(&arena, 1));
}
END_TEST

static void *take_and_give(void *unused)
{
	(void)unused;
	for (int i = 0; i < 100000; i++)
		if (api_budget_take(&budget, 700 << 10)) {
			ck_assert_uint_le(budget.used, budget.max);
			api_budget_give(&budget, 700 << 10);
		}
	return NULL;
}

START_TEST(budget_is_shared_by_threads)
{
	pthread_t threads[3];
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, take_and_give, NULL), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(budget.used, 0);
}
END_TEST

Suite *arena_suite(void)
{
	Suite *suite = suite_create("arena");
	TCase *tc = tcase_create("arena");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, allocations_are_aligned_and_apart);
	tcase_add_test(tc, large_allocations_can_be_dropped);
	tcase_add_test(tc, small_allocations_outlive_a_drop);
	tcase_add_test(tc, budget_is_kept);
	tcase_add_test(tc, sizes_that_do_not_fit_are_refused);
	tcase_add_test(tc, charges_count);
	tcase_add_test(tc, arrays_grow);
	tcase_add_test(tc, text_is_formatted);
	tcase_add_test(tc, every_allocation_can_fail);
	tcase_add_test(tc, budget_is_shared_by_threads);
	suite_add_tcase(suite, tc);
	return suite;
}
