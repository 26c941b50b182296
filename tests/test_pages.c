/*
 * Memory that is kept: what is in it survives every change of size, nobody gets a
 * piece that somebody has, and no more is kept than may be, nor for longer.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <check.h>

#include "pages.h"
#include "sanitizers.h"

Suite *pages_suite(void);

#define MIB(n) ((size_t)(n) << 20)

/* With AddressSanitizer nothing is kept, with ThreadSanitizer pages do not move. */
enum { KEEPS = !API_ADDRESS_SANITIZER, MOVES = !API_THREAD_SANITIZER };

static void setup(void)
{
	api_pages_keep(MIB(64));
}

static void teardown(void)
{
	api_pages_keep(0);
	ck_assert_uint_eq(api_pages_kept(), 0);
}

static unsigned char mark_at(size_t at)
{
	return (unsigned char)(at * 2654435761u >> 13);
}

static void fill(unsigned char *memory, size_t from, size_t to)
{
	for (size_t at = from; at < to; at++)
		memory[at] = mark_at(at);
}

static void check(const unsigned char *memory, size_t bytes)
{
	size_t at = 0;

	while (at < bytes && memory[at] == mark_at(at))
		at++;
	ck_assert_uint_eq(at, bytes);
}

static uint64_t mapped_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

START_TEST(contents_survive_every_size)
{
	static const size_t sizes[] = {
		1,      1000,   MIB(1) - 1, MIB(1), MIB(3) + 5, MIB(3) + 70000,
		MIB(9), MIB(2), MIB(1) - 7, 100,    MIB(5),     MIB(5)};
	unsigned char *memory = api_pages_resize(NULL, 0, 17);
	size_t bytes = 17;

	fill(memory, 0, bytes);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		unsigned char *moved = api_pages_resize(memory, bytes, sizes[i]);

		ck_assert_ptr_nonnull(moved);
		ck_assert_uint_eq((uintptr_t)moved % 16, 0);
		check(moved, bytes < sizes[i] ? bytes : sizes[i]);
		if (sizes[i] > bytes)
			fill(moved, bytes, sizes[i]);
		memory = moved;
		bytes = sizes[i];
	}
	api_pages_give(memory, bytes);
}
END_TEST

START_TEST(what_is_given_is_taken_again)
{
	void *first = api_pages_take(MIB(8)), *second = api_pages_take(MIB(2)), *again;

	ck_assert_uint_eq((uintptr_t)first % 64 + (uintptr_t)second % 64, 0);
	memset(first, 1, MIB(8));
	memset(second, 2, MIB(2));
	api_pages_give(first, MIB(8));
	api_pages_give(second, MIB(2));
	ck_assert_uint_eq(api_pages_kept(), KEEPS * MIB(10));
	again = api_pages_take(MIB(8) - 100); /* much the same size */
	ck_assert(!KEEPS || again == first);
	ck_assert_uint_eq(api_pages_kept(), KEEPS * MIB(2));
	api_pages_give(again, MIB(8) - 100);
	/* Of the larger one the end. */
	again = api_pages_take(MIB(5));
	ck_assert(!KEEPS || again == (char *)first + MIB(3));
	ck_assert_uint_eq(api_pages_kept(), KEEPS * MIB(5));
	api_pages_give(again, MIB(5));
	ck_assert_uint_eq(api_pages_kept(), KEEPS * MIB(10));
}
END_TEST

START_TEST(a_piece_grows_and_shrinks_to_fit)
{
	unsigned char *piece = api_pages_take(MIB(4)), *grown;

	api_pages_give(piece, MIB(4));
	grown = api_pages_take(MIB(7));
	ck_assert_uint_eq(api_pages_kept(), 0);
	fill(grown, 0, MIB(7)); /* all of it is there */
	api_pages_give(grown, MIB(7));
	piece = api_pages_take(MIB(7) - MIB(7) / 10);
	ck_assert_uint_eq(api_pages_kept(), 0);
	fill(piece, 0, MIB(7) - MIB(7) / 10);
	api_pages_give(piece, MIB(7) - MIB(7) / 10);
}
END_TEST

START_TEST(no_more_is_kept_than_may_be)
{
	enum { COUNT = 100 };
	void *pieces[COUNT];

	for (int i = 0; i < COUNT; i++)
		pieces[i] = api_pages_take(MIB(1) + (size_t)i * 65536);
	for (int i = 0; i < COUNT; i++) {
		api_pages_give(pieces[i], MIB(1) + (size_t)i * 65536);
		ck_assert_uint_le(api_pages_kept(), MIB(64));
	}
	ck_assert(!KEEPS || api_pages_kept() > MIB(48));
	api_pages_keep(MIB(10));
	ck_assert_uint_le(api_pages_kept(), MIB(10));
	ck_assert(!KEEPS || api_pages_kept() > 0);
	/* What is larger than all that may be kept is not. */
	pieces[0] = api_pages_take(MIB(11));
	api_pages_give(pieces[0], MIB(11));
	ck_assert_uint_eq(api_pages_kept(), 0);
	/* Many small ones. */
	api_pages_keep(MIB(1000));
	for (int i = 0; i < COUNT; i++)
		pieces[i] = api_pages_take(MIB(1));
	for (int i = 0; i < COUNT; i++)
		api_pages_give(pieces[i], MIB(1));
	ck_assert_uint_le(api_pages_kept(), MIB(80));
}
END_TEST

/* With what is kept it is never more than has been in use at once. */
START_TEST(new_memory_takes_the_place_of_what_is_kept)
{
	void *first = api_pages_take(MIB(40)), *second;

	api_pages_give(first, MIB(40));
	first = api_pages_take(MIB(30));
	ck_assert_uint_eq(api_pages_kept(), KEEPS * MIB(10));
	second = api_pages_take(MIB(30)); /* 10 MiB are too few to grow */
	ck_assert_uint_eq(api_pages_kept(), 0);
	api_pages_give(first, MIB(30));
	api_pages_give(second, MIB(30));
	first = api_pages_take(MIB(40)); /* one grows by 10 MiB, which the other loses */
	ck_assert_uint_eq(api_pages_kept(), KEEPS * (MOVES ? MIB(20) : 0));
	fill(first, 0, MIB(40));
	check(first, MIB(40));
	api_pages_give(first, MIB(40));
}
END_TEST

START_TEST(nothing_is_kept_for_nobody)
{
	void *first = api_pages_take(MIB(4)), *second = api_pages_take(MIB(9));

	api_pages_give(first, MIB(4));
	api_pages_age();
	ck_assert_uint_eq(api_pages_kept(), KEEPS * MIB(4));
	api_pages_give(second, MIB(9));
	api_pages_age(); /* the first has been there since the last time */
	ck_assert_uint_eq(api_pages_kept(), KEEPS * MIB(9));
	second = api_pages_take(MIB(9)); /* one that is asked for is as new */
	api_pages_give(second, MIB(9));
	api_pages_age();
	ck_assert_uint_eq(api_pages_kept(), KEEPS * MIB(9));
	api_pages_age();
	ck_assert_uint_eq(api_pages_kept(), 0);
}
END_TEST

START_TEST(impossible_sizes_are_refused)
{
	static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 100, SIZE_MAX / 2};
	unsigned char *small = api_pages_take(100), *large = api_pages_take(MIB(2));

	fill(small, 0, 100);
	fill(large, 0, MIB(2));
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes && KEEPS; i++) {
		ck_assert_ptr_null(api_pages_take(sizes[i]));
		ck_assert_ptr_null(api_pages_resize(small, 100, sizes[i]));
		ck_assert_ptr_null(api_pages_resize(large, MIB(2), sizes[i]));
	}
	check(small, 100);
	check(large, MIB(2));
	api_pages_give(small, 100);
	api_pages_give(large, MIB(2));
	api_pages_give(NULL, 0);
	api_pages_give(NULL, MIB(2));
}
END_TEST

/* Where the system refuses, what is kept is given up first. */
START_TEST(what_is_kept_makes_room)
{
	struct rlimit limit, tight;
	void *pieces[4], *large;

	if (!KEEPS)
		return;
	for (int i = 0; i < 4; i++)
		pieces[i] = api_pages_take(MIB(8));
	for (int i = 0; i < 4; i++)
		api_pages_give(pieces[i], MIB(8));
	ck_assert_uint_eq(api_pages_kept(), MIB(32));
	ck_assert(!getrlimit(RLIMIT_AS, &limit));
	tight = limit;
	tight.rlim_cur = mapped_bytes() + MIB(16);
	ck_assert(!setrlimit(RLIMIT_AS, &tight));
	large = api_pages_take(MIB(40));
	ck_assert_ptr_null(api_pages_take(MIB(40)));
	ck_assert(!setrlimit(RLIMIT_AS, &limit));
	ck_assert_ptr_nonnull(large);
	ck_assert_uint_eq(api_pages_kept(), 0);
	api_pages_give(large, MIB(40));
}
END_TEST

/* Pieces of several sizes come and go; each is its owner's alone. */
static void *come_and_go(void *arg)
{
	unsigned char mine = *(unsigned char *)arg;

	for (size_t round = 0; round < 200; round++) {
		size_t bytes = MIB(1) + (round * 37 + mine * 11u) % 23 * 100000;
		unsigned char *piece = api_pages_take(bytes);

		for (size_t at = 0; at < bytes; at += 4096)
			piece[at] = mine;
		if (round % 5 == 0) {
			piece = api_pages_resize(piece, bytes, bytes + MIB(1));
			bytes += MIB(1);
		}
		for (size_t at = 0; at < bytes - MIB(1); at += 4096)
			if (piece[at] != mine)
				return arg;
		api_pages_give(piece, bytes);
		if (round % 50 == mine)
			api_pages_age();
	}
	return NULL;
}

START_TEST(threads_share_what_is_kept)
{
	pthread_t threads[4];
	unsigned char names[4] = {1, 2, 3, 4};
	void *failed;

	api_pages_keep(MIB(6));
	for (int i = 0; i < 4; i++)
		ck_assert(!pthread_create(&threads[i], NULL, come_and_go, &names[i]));
	for (int i = 0; i < 4; i++) {
		ck_assert(!pthread_join(threads[i], &failed));
		ck_assert_ptr_null(failed);
	}
	ck_assert_uint_le(api_pages_kept(), MIB(6));
}
END_TEST

Suite *pages_suite(void)
{
	Suite *suite = suite_create("pages");
	TCase *tcase = tcase_create("pages");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, contents_survive_every_size);
	tcase_add_test(tcase, what_is_given_is_taken_again);
	tcase_add_test(tcase, a_piece_grows_and_shrinks_to_fit);
	tcase_add_test(tcase, no_more_is_kept_than_may_be);
	tcase_add_test(tcase, new_memory_takes_the_place_of_what_is_kept);
	tcase_add_test(tcase, nothing_is_kept_for_nobody);
	tcase_add_test(tcase, impossible_sizes_are_refused);
	tcase_add_test(tcase, what_is_kept_makes_room);
	tcase_add_test(tcase, threads_share_what_is_kept);
	suite_add_tcase(suite, tcase);
	return suite;
}
