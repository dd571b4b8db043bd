/* bench/: latencies, paces, options, numbers for people. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/latencies.h"
#include "bench/options.h"
#include "bench/pace.h"
#include "bench/text.h"

/* ---- Latencies. */

static struct latencies *made;

static void setup(void)
{
    made = calloc(1, sizeof *made);
    ck_assert_ptr_nonnull(made);
}

static void teardown(void)
{
    free(made);
}

START_TEST(nothing_has_no_quantiles)
{
    ck_assert_uint_eq(latencies_quantile(made, 0.5), 0);
    ck_assert_uint_eq(latencies_quantile(made, 1), 0);
    ck_assert_double_eq(latencies_mean_ns(made), 0);
    ck_assert_uint_eq(latencies_between(made, 0, UINT64_MAX), 0);
}
END_TEST

START_TEST(quantiles_count_values)
{
    for (int i = 1; i <= 100; i++)
        latencies_add(made, i);
    ck_assert_uint_eq(latencies_quantile(made, 0), 1);
    ck_assert_uint_eq(latencies_quantile(made, 0.5), 50);
    ck_assert_uint_eq(latencies_quantile(made, 0.501), 51);
    ck_assert_uint_eq(latencies_quantile(made, 0.99), 99);
    ck_assert_uint_eq(latencies_quantile(made, 0.999), 100);
    ck_assert_uint_eq(latencies_quantile(made, 1), 100);
    ck_assert_double_eq_tol(latencies_mean_ns(made), 50.5, 1e-9);
    ck_assert_uint_eq(made->min_ns, 1);
    ck_assert_uint_eq(made->max_ns, 100);
}
END_TEST

/* Each value of a wide range, alone, and with a larger one so that the maximum does not help. */
START_TEST(a_quantile_is_at_most_a_hundredth_too_high)
{
    for (int64_t v = 1; v < LATENCIES_NS_MAX / 2; v = v + v / 3 + 1) {
        latencies_clear(made);
        latencies_add(made, v);
        ck_assert_uint_eq(latencies_quantile(made, 0.5), (uint64_t)v);
        latencies_add(made, LATENCIES_NS_MAX);

        uint64_t got = latencies_quantile(made, 0.5);

        ck_assert_uint_ge(got, (uint64_t)v);
        ck_assert_double_le((double)got, (double)v * 1.008);
    }
}
END_TEST

START_TEST(buckets_join_without_gaps)
{
    uint64_t upto = 0;

    for (int bits = 0; bits < LATENCIES_TOP; bits++) {
        latencies_clear(made);
        latencies_add(made, (int64_t)1 << bits);
        latencies_add(made, ((int64_t)1 << bits) - 1);

        size_t index = 0;
        uint64_t count;

        ck_assert(latencies_next(made, &index, &upto, &count));
        ck_assert_uint_eq(upto, ((uint64_t)1 << bits) - 1);
        ck_assert_uint_eq(count, 1);
        ck_assert(latencies_next(made, &index, &upto, &count));
        ck_assert_uint_ge(upto, (uint64_t)1 << bits);
        ck_assert(!latencies_next(made, &index, &upto, &count));
    }
}
END_TEST

START_TEST(what_is_out_of_range_is_kept_at_its_edge)
{
    latencies_add(made, -5);
    latencies_add(made, INT64_MAX);
    ck_assert_uint_eq(made->count, 2);
    ck_assert_uint_eq(made->min_ns, 0);
    ck_assert_uint_eq(made->max_ns, (uint64_t)LATENCIES_NS_MAX);
    ck_assert_uint_eq(latencies_quantile(made, 1), (uint64_t)LATENCIES_NS_MAX);
}
END_TEST

START_TEST(ranges_add_up)
{
    for (int i = 0; i < 100000; i += 7)
        latencies_add(made, i);
    ck_assert_uint_eq(latencies_between(made, 0, 1023) + latencies_between(made, 1023, 4095) +
                          latencies_between(made, 4095, UINT64_MAX) + made->buckets[0],
                      made->count);
}
END_TEST

/* ---- Paces. */

START_TEST(a_pace_has_a_time_for_each)
{
    struct pace p = { .per_s = 1000, .begin_ns = 5000000 };
    int64_t due;

    ck_assert(!pace_take(&p, 4999999, &due));
    ck_assert(pace_take(&p, 5000000, &due));
    ck_assert_int_eq(due, 5000000);
    ck_assert(!pace_take(&p, 5999999, &due));
    ck_assert_int_eq(pace_next_ns(&p), 6000000);
}
END_TEST

/* The clock stood still for a second: all that was due meanwhile has its own time. */
START_TEST(a_stall_makes_nothing_due_later)
{
    struct pace p = { .per_s = 100, .begin_ns = 0 };
    int64_t due;
    int taken = 0;

    while (pace_take(&p, 1000000000, &due)) {
        ck_assert_int_eq(due, taken * 10000000);
        taken++;
    }
    ck_assert_int_eq(taken, 101);
}
END_TEST

static const double paces[] = { 0.001, 0.7, 3, 1000.0 / 3, 2000, 150000, 1e8 };

START_TEST(a_pace_keeps_its_rate)
{
    struct pace p = { .per_s = paces[_i], .begin_ns = 123456789 };
    int64_t before = 0;
    int64_t due;

    for (int k = 0; k < 1000; k++) {
        ck_assert(pace_take(&p, INT64_MAX, &due));
        ck_assert_int_ge(due, before);
        before = due;
    }
    ck_assert_double_eq_tol((double)(pace_next_ns(&p) - p.begin_ns), 1000 * 1e9 / p.per_s, 1);
}
END_TEST

START_TEST(what_is_left_is_counted_by_when_it_is_due)
{
    struct pace p = { .per_s = 10, .begin_ns = 1000000000 }; /* At 1.0, 1.1, 1.2, ... */
    int64_t due;

    ck_assert_uint_eq(pace_left(&p, 0, 1000000000), 0);
    ck_assert_uint_eq(pace_left(&p, 0, 1000000001), 1);
    ck_assert_uint_eq(pace_left(&p, 0, 2000000000), 10);
    ck_assert_uint_eq(pace_left(&p, 1500000000, 2000000000), 5);
    ck_assert(pace_take(&p, 2000000000, &due));
    ck_assert_uint_eq(pace_left(&p, 0, 2000000000), 9);
    while (pace_take(&p, 1700000000, &due))
        continue;
    ck_assert_uint_eq(pace_left(&p, 1500000000, 2000000000), 2);
    ck_assert_uint_eq(pace_left(&p, 0, 500), 0);
}
END_TEST

/* ---- Options. */

enum { WORDS_MAX = 12 };

static struct run_options options;
static char wrong_text[256];

/* The line's words stay: the options point into them. */
static bool parse(const char *line)
{
    static char text[256];
    char *argv[WORDS_MAX + 1];
    size_t count = 0;
    struct bytes wrong = { 0 };

    (void)snprintf(text, sizeof text, "%s", line);
    for (char *at = text; *at != '\0' && count < WORDS_MAX;) {
        argv[count++] = at;
        at += strcspn(at, " ");
        if (*at == ' ')
            *at++ = '\0';
    }
    argv[count] = NULL;

    bool ret = run_options_parse(&options, &wrong, argv);

    (void)snprintf(wrong_text, sizeof wrong_text, "%.*s", (int)wrong.len,
                   wrong.at != NULL ? (const char *)wrong.at : "");
    bytes_done(&wrong);
    return ret;
}

START_TEST(without_options_there_is_a_run_of_mixed)
{
    ck_assert(parse(""));
    ck_assert_str_eq(options.workload->name, "mixed");
    ck_assert_str_eq(options.servers, "localhost:2181");
    ck_assert_int_eq(options.sessions, 16);
    ck_assert_int_eq(options.keys, 1000);
    ck_assert_double_eq(options.duration_s, 10);
    ck_assert_double_eq(options.rate, 0);
    ck_assert_int_eq(options.reads_percent, 90);
}
END_TEST

START_TEST(options_have_one_hyphen_or_two)
{
    ck_assert(parse("-server a:1,b:2/c set --sessions=3 -rate 2.5 --seed 7 --json"));
    ck_assert_str_eq(options.servers, "a:1,b:2/c");
    ck_assert_str_eq(options.workload->name, "set");
    ck_assert_int_eq(options.sessions, 3);
    ck_assert_double_eq(options.rate, 2.5);
    ck_assert_uint_eq(options.seed, 7);
    ck_assert(options.is_json);
}
END_TEST

START_TEST(a_number_of_operations_stands_for_the_duration)
{
    ck_assert(parse("get --ops 5"));
    ck_assert_double_gt(options.duration_s, 1000);
    ck_assert(parse("get --ops 5 --duration 3"));
    ck_assert_double_eq(options.duration_s, 3);
    ck_assert(parse("children"));
    ck_assert_int_eq(options.keys, 100);
}
END_TEST

static const struct {
    const char *line, *wrong;
} bad_lines[] = {
    { "got", "there is no workload 'got'" },
    { "get set", "one workload, not also 'set'" },
    { "--sesions 3", "there is no option --sesions" },
    { "--json=1", "there is no option --json=1" },
    { "get --rate", "--rate wants N" },
    { "--sessions 0", "--sessions wants a number from 1 to 100000, not '0'" },
    { "--sessions 3x", "--sessions wants a number from 1 to 100000, not '3x'" },
    { "--sessions=", "--sessions wants a number from 1 to 100000, not ''" },
    { "--size 2000000", "--size wants a number from 0 to 1000000, not '2000000'" },
    { "--rate nan", "--rate wants a number from 0.001 to 100000000, not 'nan'" },
    { "--duration -1", "--duration wants a number from 0.001 to 1000000, not '-1'" },
    { "--seed -1", "--seed wants N, not '-1'" },
    { "--reads 101", "--reads wants a number from 0 to 100, not '101'" },
    { "hold --rate 5", "there is no --rate of hold" },
    { "hold --ops 5", "there are no --ops of hold" },
    { "get --sequential", "--sequential is of create" },
    { "--outstanding 1000 --size 1000000", "--outstanding times --size must be at most 33554432" },
    { "--auth ann", "--auth wants SCHEME:AUTH" },
};

START_TEST(a_wrong_line_is_refused_with_its_reason)
{
    ck_assert(!parse(bad_lines[_i].line));
    ck_assert_str_eq(wrong_text, bad_lines[_i].wrong);
}
END_TEST

START_TEST(each_workload_has_its_name_in_the_help)
{
    struct bytes help = { 0 };

    run_options_usage(&help);
    bytes_put(&help, "", 1);
    for (size_t i = 0; i < workloads_count; i++) {
        ck_assert_ptr_nonnull(strstr((const char *)help.at, workloads[i].name));
        ck_assert_ptr_eq(workload_find(workloads[i].name), &workloads[i]);
        ck_assert(parse(workloads[i].name));
    }
    bytes_done(&help);
}
END_TEST

/* ---- Numbers. */

START_TEST(numbers_are_written_for_people)
{
    struct bytes out = { 0 };
    const uint64_t counts[] = { 0, 7, 999, 1000, 1002003, 1234567890123 };

    for (size_t i = 0; i < 6; i++) {
        text_count(&out, counts[i]);
        bytes_put(&out, " ", 1);
    }
    text_ms(&out, 1234);
    bytes_put(&out, " ", 1);
    text_ms(&out, 12345678);
    bytes_put(&out, " ", 1);
    text_ms(&out, 123456789);
    bytes_put(&out, " ", 1);
    text_ms(&out, 12345678901);

    size_t begin = out.len;

    bytes_put(&out, "x", 1);
    text_right(&out, begin, 4);
    text_right(&out, begin, 2);
    bytes_put(&out, "", 1);
    ck_assert_str_eq((const char *)out.at,
                     "0 7 999 1,000 1,002,003 1,234,567,890,123 0.001 12.35 123.5 12346   x");
    bytes_done(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench");
    TCase *of_latencies = tcase_create("latencies");
    TCase *of_paces = tcase_create("paces");
    TCase *of_options = tcase_create("options");

    tcase_add_checked_fixture(of_latencies, setup, teardown);
    tcase_add_test(of_latencies, nothing_has_no_quantiles);
    tcase_add_test(of_latencies, quantiles_count_values);
    tcase_add_test(of_latencies, a_quantile_is_at_most_a_hundredth_too_high);
    tcase_add_test(of_latencies, buckets_join_without_gaps);
    tcase_add_test(of_latencies, what_is_out_of_range_is_kept_at_its_edge);
    tcase_add_test(of_latencies, ranges_add_up);
    suite_add_tcase(suite, of_latencies);
    tcase_add_test(of_paces, a_pace_has_a_time_for_each);
    tcase_add_test(of_paces, a_stall_makes_nothing_due_later);
    tcase_add_loop_test(of_paces, a_pace_keeps_its_rate, 0, (int)(sizeof paces / sizeof paces[0]));
    tcase_add_test(of_paces, what_is_left_is_counted_by_when_it_is_due);
    suite_add_tcase(suite, of_paces);
    tcase_add_test(of_options, without_options_there_is_a_run_of_mixed);
    tcase_add_test(of_options, options_have_one_hyphen_or_two);
    tcase_add_test(of_options, a_number_of_operations_stands_for_the_duration);
    tcase_add_loop_test(of_options, a_wrong_line_is_refused_with_its_reason, 0,
                        (int)(sizeof bad_lines / sizeof bad_lines[0]));
    tcase_add_test(of_options, each_workload_has_its_name_in_the_help);
    tcase_add_test(of_options, numbers_are_written_for_people);
    suite_add_tcase(suite, of_options);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
