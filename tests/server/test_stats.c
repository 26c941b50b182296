#include <check.h>
#include <stdlib.h>

#include "stats.h"

Suite *stats_suite(void);

/* ---- Histograms ----------------------------------------------------------- */

static struct srv_histogram histogram, other;

START_TEST(buckets_tile_the_numbers)
{
	/* Each begins where the one before ends, and holds its own bound. */
	for (size_t i = 0; i < SRV_HISTOGRAM_BUCKETS; i++) {
		uint64_t low = srv_histogram_bound(i);

		ck_assert_uint_eq(srv_histogram_bucket(low), i);
		if (i > 0) {
			ck_assert_uint_gt(low, srv_histogram_bound(i - 1));
			ck_assert_uint_eq(srv_histogram_bucket(low - 1), i - 1);
		}
	}
	ck_assert_uint_eq(srv_histogram_bucket(0), 0);
	ck_assert_uint_eq(srv_histogram_bucket(UINT64_MAX), SRV_HISTOGRAM_BUCKETS - 1);
}
END_TEST

START_TEST(buckets_are_narrow)
{
	for (size_t i = 8; i + 1 < SRV_HISTOGRAM_BUCKETS; i++) {
		uint64_t low = srv_histogram_bound(i), high = srv_histogram_bound(i + 1);

		ck_assert_uint_le(high - low, low / 8 + 1);
	}
}
END_TEST

START_TEST(quantiles_of_an_even_spread)
{
	for (uint64_t i = 1; i <= 100000; i++)
		srv_histogram_record(&histogram, i * 1000);
	ck_assert_uint_eq(histogram.count, 100000);
	ck_assert_uint_eq(histogram.max, 100000000);
	for (int percent = 10; percent < 100; percent += 10) {
		double expected = percent * 1e6;
		double got = (double)srv_histogram_quantile(&histogram, percent / 100.0);

		ck_assert_double_le(got / expected, 1.01);
		ck_assert_double_ge(got / expected, 0.99);
	}
	ck_assert_uint_eq(srv_histogram_quantile(&histogram, 1), 100000000);
}
END_TEST

START_TEST(quantiles_of_little)
{
	ck_assert_uint_eq(srv_histogram_quantile(&histogram, 0.5), 0);
	srv_histogram_record(&histogram, 1000000);
	/* One value: every quantile is in its bucket, and not above it. */
	for (double q = 0; q <= 1; q += 0.25) {
		uint64_t got = srv_histogram_quantile(&histogram, q);

		ck_assert_uint_le(got, 1000000);
		ck_assert_uint_ge(got, 1000000 / 9 * 8);
	}
	srv_histogram_record(&histogram, 0);
	ck_assert_uint_eq(srv_histogram_quantile(&histogram, 0.25), 0);
}
END_TEST

START_TEST(extremes_are_taken)
{
	srv_histogram_record(&histogram, UINT64_MAX);
	srv_histogram_record(&histogram, 0);
	ck_assert_uint_eq(histogram.max, UINT64_MAX);
	ck_assert_uint_ge(srv_histogram_quantile(&histogram, 1), UINT64_MAX / 9 * 8);
}
END_TEST

START_TEST(below_a_power_of_two_is_exact)
{
	for (unsigned bits = 0; bits < 64; bits++) {
		srv_histogram_record(&histogram, (UINT64_C(1) << bits) - 1);
		srv_histogram_record(&histogram, UINT64_C(1) << bits);
	}
	/* 2^k - 1 and 2^k for each k < 64: below 2^bits are bits + 1 of the former
	 * and bits of the latter. */
	for (unsigned bits = 1; bits < 63; bits++)
		ck_assert_uint_eq(srv_histogram_below(&histogram, bits), 2 * bits + 1);
}
END_TEST

START_TEST(merging_adds)
{
	srv_histogram_record(&histogram, 10);
	srv_histogram_record(&other, 1000);
	srv_histogram_record(&other, 20);
	srv_histogram_merge(&histogram, &other);
	ck_assert_uint_eq(histogram.count, 3);
	ck_assert_uint_eq(histogram.sum, 1030);
	ck_assert_uint_eq(histogram.max, 1000);
	ck_assert_uint_eq(srv_histogram_below(&histogram, 5), 2);
}
END_TEST

/* ---- Counters ------------------------------------------------------------- */

START_TEST(every_status_has_a_column)
{
	for (int problem = 0; problem < API_PROBLEM_COUNT; problem++) {
		int status = api_problem_status((enum api_problem)problem);

		ck_assert_int_eq(srv_stats_status_at(srv_stats_status(status)), status);
	}
	ck_assert_int_eq(srv_stats_status_at(srv_stats_status(505)), 505);
	ck_assert_int_eq(srv_stats_status_at(srv_stats_status(299)), 500);
}
END_TEST

START_TEST(every_route_and_loss_has_a_row)
{
	const struct api_route *route;

	ck_assert_uint_eq(srv_stats_route(NULL), 0);
	ck_assert_str_eq(srv_stats_route_name(0), "none");
	for (size_t i = 0; (route = api_route_at(i)); i++)
		ck_assert_str_eq(srv_stats_route_name(srv_stats_route(route)), route->path);
	ck_assert_uint_le(srv_stats_route_count(), SRV_ROUTES_MAX);
	ck_assert_uint_le(loss_count(), SRV_LOSSES_MAX);
}
END_TEST

START_TEST(requests_and_outcomes_are_counted)
{
	struct srv_stats *part = srv_stats_new(), *total = srv_stats_new();
	const struct srv_request_facts facts = {api_route_at(0), 404, 10, 20, 3000};
	const struct api_outcome outcomes[] = {
		{.loss = "mse",
		 .rows = 3,
		 .elements = 9,
		 .nonfinite = true,
		 .seconds = 0.5,
		 .findings = 1 << LOSS_FINDING_INPUT_NAN},
		{.loss = NULL, .failed = true},
	};
	size_t mse = 0;

	while (loss_at(mse) != loss_find("mse"))
		mse++;
	srv_stats_request(part, &facts);
	srv_stats_outcomes(part, outcomes, 2);
	srv_stats_merge(total, part);
	srv_stats_merge(total, part);
	ck_assert_uint_eq(total->counts.requests[1][srv_stats_status(404)], 2);
	ck_assert_uint_eq(total->counts.bytes_in, 20);
	ck_assert_uint_eq(total->counts.bytes_out, 40);
	ck_assert_uint_eq(total->counts.losses[mse].rows, 6);
	ck_assert_uint_eq(total->counts.losses[mse].nonfinite, 2);
	ck_assert_uint_eq(total->counts.findings[mse][LOSS_FINDING_INPUT_NAN], 2);
	ck_assert_uint_eq(total->counts.findings[mse][LOSS_FINDING_INPUT_POS_INF], 0);
	ck_assert_uint_eq(total->distributions.routes[1].count, 2);
	ck_assert_uint_eq(total->distributions.losses[mse].sum, 1000000000);
	srv_stats_free(part);
	srv_stats_free(total);
}
END_TEST

Suite *stats_suite(void)
{
	Suite *suite = suite_create("stats");
	TCase *histograms = tcase_create("histograms"), *counters = tcase_create("counters");

	tcase_add_test(histograms, buckets_tile_the_numbers);
	tcase_add_test(histograms, buckets_are_narrow);
	tcase_add_test(histograms, quantiles_of_an_even_spread);
	tcase_add_test(histograms, quantiles_of_little);
	tcase_add_test(histograms, extremes_are_taken);
	tcase_add_test(histograms, below_a_power_of_two_is_exact);
	tcase_add_test(histograms, merging_adds);
	tcase_add_test(counters, every_status_has_a_column);
	tcase_add_test(counters, every_route_and_loss_has_a_row);
	tcase_add_test(counters, requests_and_outcomes_are_counted);
	suite_add_tcase(suite, histograms);
	suite_add_tcase(suite, counters);
	return suite;
}
