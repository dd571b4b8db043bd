/* server/request/stats: summaries, histograms, what srst resets. */
#include <check.h>
#include <stdlib.h>

#include "server/request/stats.h"

START_TEST(a_summary_keeps_the_ends_and_the_sum)
{
    struct summary s = { 0 };

    summary_add(&s, 7);
    ck_assert_uint_eq(s.min, 7);
    summary_add(&s, 3);
    summary_add(&s, 100);
    ck_assert_uint_eq(s.count, 3);
    ck_assert_uint_eq(s.sum, 110);
    ck_assert_uint_eq(s.min, 3);
    ck_assert_uint_eq(s.max, 100);
}
END_TEST

START_TEST(an_empty_histogram_answers_0)
{
    struct histogram h = { 0 };

    ck_assert_uint_eq(histogram_quantile(&h, 0.5), 0);
    ck_assert_uint_eq(histogram_quantile(&h, 1.0), 0);
}
END_TEST

START_TEST(a_single_value_is_every_quantile)
{
    static const uint64_t values[] = { 0,      1,          3,          4,          5,         1000,
                                       123456, UINT32_MAX, 1ull << 33, 1ull << 40, UINT64_MAX };

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct histogram h = { 0 };

        histogram_add(&h, values[i]);
        ck_assert_uint_eq(histogram_quantile(&h, 0.0), values[i]);
        ck_assert_uint_eq(histogram_quantile(&h, 0.5), values[i]);
        ck_assert_uint_eq(histogram_quantile(&h, 1.0), values[i]);
    }
}
END_TEST

/* A bucket is a quarter of a power of two wide: at most 1/4 too high, never too low. */
START_TEST(quantiles_are_at_most_a_quarter_too_high)
{
    struct histogram h = { 0 };

    for (uint64_t v = 1; v <= 100000; v++)
        histogram_add(&h, v);
    for (int percent = 1; percent <= 100; percent++) {
        uint64_t exact = (uint64_t)percent * 1000;
        uint64_t got = histogram_quantile(&h, percent / 100.0);

        ck_assert_uint_ge(got, exact);
        ck_assert_uint_le(got, exact + exact / 4);
    }
    ck_assert_uint_eq(histogram_quantile(&h, 1.0), 100000);
}
END_TEST

START_TEST(a_rare_large_value_shows_only_at_the_end)
{
    struct histogram h = { 0 };

    for (int i = 0; i < 999; i++)
        histogram_add(&h, 10);
    histogram_add(&h, 50000);
    ck_assert_uint_le(histogram_quantile(&h, 0.99), 12);
    ck_assert_uint_eq(histogram_quantile(&h, 0.9999), 50000);
    ck_assert_uint_eq(h.all.max, 50000);
}
END_TEST

START_TEST(reset_clears_all_and_knows_no_response)
{
    struct server_stats s;

    stats_init(&s);
    ck_assert_int_eq(s.last_response_size, -1);
    ck_assert_int_eq(s.min_response_size, -1);
    ck_assert_int_eq(s.max_response_size, -1);
    s.packets_sent = 5;
    s.last_response_size = 9;
    summary_add(&s.latency_ms, 4);
    histogram_add(&s.loop_stall_us, 4);
    stats_reset(&s);
    ck_assert_uint_eq(s.packets_sent, 0);
    ck_assert_int_eq(s.last_response_size, -1);
    ck_assert_uint_eq(s.latency_ms.count, 0);
    ck_assert_uint_eq(s.loop_stall_us.all.count, 0);
    ck_assert_uint_eq(histogram_quantile(&s.loop_stall_us, 0.99), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("stats");
    Suite *suite = suite_create("stats");

    tcase_add_test(tests, a_summary_keeps_the_ends_and_the_sum);
    tcase_add_test(tests, an_empty_histogram_answers_0);
    tcase_add_test(tests, a_single_value_is_every_quantile);
    tcase_add_test(tests, quantiles_are_at_most_a_quarter_too_high);
    tcase_add_test(tests, a_rare_large_value_shows_only_at_the_end);
    tcase_add_test(tests, reset_clears_all_and_knows_no_response);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
