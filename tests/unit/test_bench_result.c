/* bench/: figures, results as JSON and text, results that are read and compared. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/compare.h"
#include "bench/progress.h"
#include "bench/result.h"
#include "bench/run.h"

#define MS    INT64_C(1000000)
#define S     (1000 * MS)
#define BEGIN (5 * S / 4)

static struct figures f;
static struct run_options options;
static struct result result;

static void setup(void)
{
    char *none[] = { NULL };
    struct bytes wrong = { 0 };

    ck_assert(run_options_parse(&options, &wrong, none));
    figures_init(&f, options.workload->counted);
    figures_begin(&f, BEGIN, BEGIN + 3 * S);
    result = (struct result){ .o = &options, .f = &f, .began = "2026-01-02T03:04:05Z" };
}

static void teardown(void)
{
    figures_done(&f);
}

static void answer(enum op_kind kind, int64_t due_ms, int64_t ms)
{
    figures_answered(&f, kind, BEGIN + due_ms * MS, BEGIN + (due_ms + ms) * MS);
}

static void failure(enum op_kind kind, int err, int64_t due_ms, int64_t ms)
{
    figures_failed(&f, kind, err, BEGIN + due_ms * MS, BEGIN + (due_ms + ms) * MS);
}

/* ---- Figures. */

START_TEST(only_what_is_due_in_the_period_counts)
{
    answer(OP_GET, -1, 2);
    answer(OP_GET, 0, 2);
    answer(OP_SET, 2999, 500);
    answer(OP_SET, 3000, 1);
    failure(OP_SET, ZK_CONNECTION_LOSS, -5, 1);
    ck_assert_uint_eq(f.all.count, 2);
    ck_assert_uint_eq(f.failed, 0);
    /* What was written before and after is there all the same. */
    ck_assert_uint_eq(f.acknowledged[OP_SET], 2);
    ck_assert_uint_eq(f.unknown[OP_SET], 1);
    figures_end(&f, BEGIN + 4 * S);
    ck_assert_double_eq_tol(figures_elapsed_s(&f), 3.499, 1e-9);
    ck_assert_double_eq_tol(figures_per_s(&f), 2 / 3.499, 1e-9);
}
END_TEST

START_TEST(what_is_not_counted_has_figures_of_its_own)
{
    answer(OP_CREATE, 10, 5);
    answer(OP_GET, 10, 5);
    ck_assert_uint_eq(f.all.count, 1);
    ck_assert_uint_eq(f.kinds[OP_CREATE].count, 1);
}
END_TEST

START_TEST(a_lost_answer_is_neither_done_nor_undone)
{
    failure(OP_SET, ZK_CONNECTION_LOSS, 1, 1);
    failure(OP_SET, ZK_SESSION_EXPIRED, 2, 1);
    failure(OP_SET, ZK_NO_AUTH, 3, 1);
    failure(OP_GET, ZK_CONNECTION_LOSS, 4, 1);
    ck_assert_uint_eq(f.all.count, 0);
    ck_assert_uint_eq(f.failed, 4);
    ck_assert_uint_eq(f.unknown_writes, 2);
    ck_assert_uint_eq(f.unknown[OP_SET], 2);
    ck_assert_uint_eq(f.failures_count, 3);
    ck_assert_int_eq(f.failures[0].err, ZK_CONNECTION_LOSS);
    ck_assert_uint_eq(f.failures[0].count, 2);
}
END_TEST

START_TEST(more_kinds_of_errors_than_fit_are_told_together)
{
    for (int err = 1; err <= FIGURES_ERRS_MAX + 5; err++)
        failure(OP_GET, -err, 1, 1);
    ck_assert_uint_eq(f.failures_count, FIGURES_ERRS_MAX);
    ck_assert_uint_eq(f.failures[FIGURES_ERRS_MAX - 1].count, 6);
}
END_TEST

START_TEST(seconds_are_those_of_answers)
{
    for (int i = 0; i < 10; i++)
        answer(OP_GET, i * 100, 1);
    answer(OP_GET, 950, 1550); /* Nothing in the second second, one in the third. */
    figures_end(&f, BEGIN + 3 * S);
    ck_assert_uint_eq(f.seconds_count, 3);
    ck_assert_uint_eq(f.seconds[0].operations, 10);
    ck_assert_int_eq((int64_t)f.seconds[0].max_ns, MS);
    ck_assert_uint_eq(f.seconds[1].operations, 0);
    ck_assert_uint_eq(f.seconds[2].operations, 1);
    ck_assert_int_eq((int64_t)f.seconds[2].max_ns, 1550 * MS);
    ck_assert_int_eq(figures_slowest(&f), 1);
    ck_assert_int_eq(f.any.longest_ns, 1599 * MS);
    ck_assert_int_eq(f.any.at_ns - BEGIN, 901 * MS);
}
END_TEST

START_TEST(a_part_of_a_second_is_not_the_slowest)
{
    for (int i = 0; i < 100; i++)
        answer(OP_GET, i * 10, 1);
    answer(OP_GET, 1100, 1);
    f.end_ns = BEGIN + 1200 * MS; /* Ended early. */
    figures_end(&f, BEGIN + 2 * S);
    ck_assert_int_eq(figures_slowest(&f), 0);
    ck_assert_double_eq_tol(figures_elapsed_s(&f), 1.2, 1e-9);
}
END_TEST

START_TEST(silence_until_the_end_is_a_gap)
{
    answer(OP_SET, 100, 10);
    answer(OP_GET, 2500, 0);
    figures_end(&f, BEGIN + 3 * S);
    ck_assert_int_eq(f.any.longest_ns, 2390 * MS);
    ck_assert_int_eq(f.writes.longest_ns, 2890 * MS);
    answer(OP_SET, 2000, 10); /* Too late to count. */
    ck_assert_uint_eq(f.all.count, 2);
    ck_assert_uint_eq(f.acknowledged[OP_SET], 2);
}
END_TEST

/* ---- Results. */

static json_t *as_json(void)
{
    struct json j = { 0 };
    struct bytes wrong = { 0 };

    result_json(&j, &result);

    json_t *ret = compare_read(&wrong, (const char *)j.text.at, j.text.len);

    ck_assert_msg(ret != NULL, "%.*s", (int)wrong.len, (const char *)wrong.at);
    bytes_done(&j.text);
    return ret;
}

static double number(const json_t *node, const char *path)
{
    const json_t *found = compare_find(node, path);

    ck_assert_msg(json_is_number(found), "no number at %s", path);
    return json_number_value(found);
}

static const char *text_at(const json_t *node, const char *path)
{
    const json_t *found = compare_find(node, path);

    ck_assert_msg(json_is_string(found), "no string at %s", path);
    return json_string_value(found);
}

START_TEST(json_says_what_was_measured)
{
    for (int i = 0; i < 1000; i++)
        answer(i % 10 == 0 ? OP_SET : OP_GET, i, 1 + i % 5);
    failure(OP_SET, ZK_CONNECTION_LOSS, 1500, 1);
    figures_end(&f, BEGIN + 3 * S);
    result.counts = (struct counts){ .connections_lost = 3, .reconnects = 2, .expired = 1 };
    result.servers_count = 1;
    (void)snprintf(result.servers[0].name, sizeof result.servers[0].name, "127.0.0.1:2181");
    result.servers[0].sessions = 16;
    result.written = (struct written){ true, ZK_OK, 100, 1, 101 };

    json_t *j = as_json();

    ck_assert_str_eq(text_at(j, "workload"), "mixed");
    ck_assert_str_eq(text_at(j, "began"), "2026-01-02T03:04:05Z");
    ck_assert_double_eq(number(j, "options.sessions"), 16);
    ck_assert_double_eq(number(j, "options.reads_percent"), 90);
    ck_assert_double_eq(number(j, "status"), STATUS_NOT_CLEAN);
    ck_assert_double_eq(number(j, "operations"), 1000);
    ck_assert_double_eq_tol(number(j, "operations_per_s"), 333.3, 0.1);
    ck_assert_double_eq_tol(number(j, "latency_us.p50"), 3000, 30);
    ck_assert_double_eq_tol(number(j, "latency_us.p99_9"), 5000, 50);
    ck_assert_double_eq(number(j, "latency_us.max"), 5000);
    ck_assert_double_eq(number(j, "by_operation.set.operations"), 100);
    ck_assert_double_eq(number(j, "errors.ConnectionLoss"), 1);
    ck_assert_double_eq(number(j, "unknown_writes"), 1);
    ck_assert_double_eq(number(j, "sessions.expired"), 1);
    ck_assert_double_eq(number(j, "writes.found"), 101);
    ck_assert_double_eq(number(j, "slowest_second.second"), 2);
    ck_assert(json_is_array(compare_find(j, "seconds")));
    ck_assert(json_is_true(compare_find(j, "writes.ok")));

    const json_t *histogram = compare_find(j, "histogram_us");
    double sum = 0;

    for (size_t i = 0; i < json_array_size(histogram); i++)
        sum += json_number_value(json_array_get(json_array_get(histogram, i), 1));
    ck_assert_double_eq(sum, 1000);
    json_decref(j);
}
END_TEST

START_TEST(text_says_what_was_measured)
{
    struct bytes out = { 0 };

    for (int i = 0; i < 2500; i++)
        answer(OP_GET, i, 3);
    failure(OP_SET, ZK_CONNECTION_LOSS, 1500, 1);
    figures_end(&f, BEGIN + 3 * S);
    result.written = (struct written){ true, ZK_OK, 5, 1, 4 };
    result_text(&out, &result);
    bytes_put(&out, "", 1);

    const char *text = (const char *)out.at;

    ck_assert_ptr_nonnull(strstr(text, "mixed (90 % reads): 16 sessions with 16 outstanding"));
    ck_assert_ptr_nonnull(strstr(text, "operations      833 /s   (2,500 in 3.000 s)"));
    ck_assert_ptr_nonnull(strstr(text, "failed          1: ConnectionLoss 1; writes whose"));
    ck_assert_ptr_nonnull(strstr(text, "4 found: ACKNOWLEDGED WRITES ARE LOST"));
    ck_assert_ptr_nonnull(strstr(text, "5                     2,500  100.00 %"));
    bytes_done(&out);
}
END_TEST

START_TEST(the_histogram_has_the_slowest)
{
    struct bytes out = { 0 };

    for (int i = 0; i < 100; i++)
        figures_answered(&f, OP_GET, BEGIN + i * MS, BEGIN + i * MS + (i < 90 ? 400000 : 999900));
    figures_end(&f, BEGIN + 3 * S);
    result_text(&out, &result);
    bytes_put(&out, "", 1);

    const char *rows = strstr((const char *)out.at, "\nupto ms");

    /* The bucket of 0.9999 ms goes beyond 1 ms. */
    ck_assert_ptr_nonnull(rows);
    ck_assert_ptr_nonnull(strstr(rows, "\n0.5                      90   90.00 %"));
    ck_assert_ptr_nonnull(strstr(rows, "\n1                        10   10.00 %"));
    ck_assert_ptr_null(strstr(rows, "\n2  "));
    bytes_done(&out);
}
END_TEST

static const struct {
    struct written written;
    bool is_wrong;
} writes[] = {
    { { false, ZK_OK, 5, 0, 0 }, false }, { { true, ZK_OK, 5, 0, 5 }, false },
    { { true, ZK_OK, 5, 0, 4 }, true },   { { true, ZK_OK, 5, 2, 7 }, false },
    { { true, ZK_OK, 5, 2, 8 }, true },   { { true, ZK_OK, 0, 0, 0 }, false },
};

START_TEST(what_is_found_must_suit_what_was_acknowledged)
{
    result.written = writes[_i].written;
    ck_assert_int_eq(written_is_wrong(&result.written), writes[_i].is_wrong);
    ck_assert_int_eq(result_status(&result), writes[_i].is_wrong ? STATUS_NOT_CLEAN : STATUS_OK);
}
END_TEST

START_TEST(the_status_tells_what_went_wrong)
{
    ck_assert_int_eq(result_status(&result), STATUS_OK);
    result.counts.connections_lost = 5;
    ck_assert_int_eq(result_status(&result), STATUS_OK); /* Nobody noticed. */
    result.unfinished = 1;
    ck_assert_int_eq(result_status(&result), STATUS_NOT_CLEAN);
    result.signal = 2;
    ck_assert_int_eq(result_status(&result), 130);
}
END_TEST

START_TEST(progress_tells_of_the_seconds_since_it_last_did)
{
    struct bench b = { .o = &options, .figures = f };
    struct session sessions[16] = { { 0 } };
    struct bytes out = { 0 };

    b.sessions = sessions;
    progress_line(&out, &b, "warms up", 0, 0);
    bytes_put(&out, "|", 1);
    figures_answered(&b.figures, OP_GET, BEGIN, BEGIN + 3 * MS);
    figures_answered(&b.figures, OP_GET, BEGIN, BEGIN + 1500 * MS);
    figures_answered(&b.figures, OP_GET, BEGIN + MS, BEGIN + 1501 * MS);
    figures_tick(&b.figures, BEGIN + 2 * S);
    progress_line(&out, &b, NULL, 1, BEGIN + 2 * S);
    bytes_put(&out, "", 1);
    ck_assert_str_eq((const char *)out.at,
                     "mixed: warms up|mixed 2 s: 2 /s, p50 1500 p99 1500 max 1500 ms, failed 0, "
                     "sessions 0 of 16");
    bytes_done(&out);
    f = b.figures;
}
END_TEST

/* ---- Results that are read. */

static struct bytes wrong;

/* NULL: it is none, and `wrong` is a string. */
static json_t *read_text(const char *text)
{
    /* Exactly as long as it is: reading beyond it is seen. */
    size_t len = strlen(text);
    char *copy = malloc(len > 0 ? len : 1);

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, len);
    bytes_done(&wrong);

    json_t *ret = compare_read(&wrong, copy, len);

    ck_assert_int_eq(ret == NULL, wrong.len > 0);
    bytes_put(&wrong, "", 1);
    free(copy);
    return ret;
}

START_TEST(values_are_found_by_their_path)
{
    json_t *j = read_text(" {\"a\" : {\"b\":[1, -2.5e3,null], \"c\":\"x\\n\\u00e9\\\"\"},"
                          "\"operations_per_s\":null,\"n\":12345678901234567890,\"t\":true}\n");

    ck_assert_ptr_nonnull(j);
    ck_assert_str_eq(text_at(j, "a.c"), "x\n\xc3\xa9\"");
    ck_assert_double_eq(number(j, "n"), 12345678901234567890.0);
    ck_assert(json_is_array(compare_find(j, "a.b")));
    ck_assert(json_is_null(compare_find(j, "operations_per_s")));
    ck_assert_ptr_eq(compare_find(j, ""), j);
    ck_assert_ptr_null(compare_find(j, "a.d"));
    ck_assert_ptr_null(compare_find(j, "a.b.c"));
    ck_assert_ptr_null(compare_find(j, "t.x"));
    ck_assert_ptr_null(compare_find(j, ".a"));
    ck_assert_ptr_null(compare_find(j, "operations"));
    ck_assert_ptr_null(compare_find(NULL, "a"));
    json_decref(j);
}
END_TEST

#define NONE "this is no result of zabbench: "

static const struct {
    const char *text, *wrong;
} bad[] = {
    { "", NONE "line 1, column 0: '[' or '{' expected near end of file" },
    { "nonsense", NONE "line 1, column 8: '[' or '{' expected near 'nonsense'" },
    { "7", NONE "line 1, column 1: '[' or '{' expected near '7'" },
    { "{\"a\":1,\n\"b\" 2}", NONE "line 2, column 5: ':' expected near '2'" },
    { "{} {}", NONE "line 1, column 4: end of file expected near '{'" },
    { "{\"a\":1e999}", NONE "line 1, column 10: real number overflow near '1e999'" },
    { "\x1b[2J", NONE "line 1, column 1: '[' or '{' expected near '?'" },
    { "{\"a\":\"\xff\"}", NONE "line 1, column 6: unable to decode byte 0xff near '\"'" },
    { "{}", NONE "it has no operations_per_s" },
    { "[1]", NONE "it has no operations_per_s" },
    { "{\"operations\":{\"operations_per_s\":1}}", NONE "it has no operations_per_s" },
};

START_TEST(what_is_no_result_is_refused_with_the_place)
{
    ck_assert_ptr_null(read_text(bad[_i].text));
    ck_assert_str_eq((const char *)wrong.at, bad[_i].wrong);
    bytes_done(&wrong);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
    static const char whole[] = "{\"operations_per_s\":[1,{\"b\":\"\\u0041\\n\"}],\"c\":true}";
    char text[sizeof whole];

    for (size_t len = 0; len < sizeof whole - 1; len++) {
        (void)snprintf(text, sizeof text, "%.*s", (int)len, whole);
        ck_assert_msg(read_text(text) == NULL, "%s", text);
    }

    json_t *j = read_text(whole);

    ck_assert_ptr_nonnull(j);
    json_decref(j);
    bytes_done(&wrong);
}
END_TEST

/* ---- Comparing. */

#define RESULT(per_s, p99, failed)                                                            \
    "{\"workload\":\"get\",\"began\":\"then\",\"options\":{\"server\":\"a:1\","               \
    "\"sessions\":" #failed "},\"operations_per_s\":" #per_s ",\"latency_us\":{\"p99\":" #p99 \
    "},\"failed\":" #failed "}"

START_TEST(ratios_above_one_are_good)
{
    json_t *old_one = read_text(RESULT(1000, 8000, 0));
    json_t *new_one = read_text(RESULT(2500, 2000, 3));
    struct bytes out = { 0 };

    ck_assert_double_eq(compare_text(&out, old_one, new_one), 2.5);
    bytes_put(&out, "", 1);

    const char *text = (const char *)out.at;

    ck_assert_ptr_nonnull(strstr(text, "not alike: options.sessions is 0 and 3"));
    ck_assert_ptr_nonnull(strstr(text, "           1,000           2,500    2.50 x\n"));
    ck_assert_ptr_nonnull(strstr(text, "           8.000           2.000    4.00 x\n"));
    ck_assert_ptr_nonnull(strstr(text, "failed                                       0"
                                       "               3\n"));
    ck_assert_ptr_null(strstr(text, "p50")); /* They don't have it. */
    out.len = 0;
    ck_assert_double_eq(compare_json(&out, old_one, new_one), 2.5);

    bytes_put(&out, "", 1);
    ck_assert_str_eq((const char *)out.at,
                     "{\"operations_per_s\":{\"old\":1000.000,\"new\":2500.000,\"ratio\":2.500},"
                     "\"latency_us.p99\":{\"old\":8000.000,\"new\":2000.000,\"ratio\":4.000},"
                     "\"failed\":{\"old\":0.000,\"new\":3.000}}\n");
    json_decref(old_one);
    json_decref(new_one);
    bytes_done(&out);
    bytes_done(&wrong);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench_result");
    TCase *of_figures = tcase_create("figures");
    TCase *of_compare = tcase_create("compare");

    tcase_add_checked_fixture(of_figures, setup, teardown);
    tcase_add_test(of_figures, only_what_is_due_in_the_period_counts);
    tcase_add_test(of_figures, what_is_not_counted_has_figures_of_its_own);
    tcase_add_test(of_figures, a_lost_answer_is_neither_done_nor_undone);
    tcase_add_test(of_figures, more_kinds_of_errors_than_fit_are_told_together);
    tcase_add_test(of_figures, seconds_are_those_of_answers);
    tcase_add_test(of_figures, a_part_of_a_second_is_not_the_slowest);
    tcase_add_test(of_figures, silence_until_the_end_is_a_gap);
    tcase_add_test(of_figures, json_says_what_was_measured);
    tcase_add_test(of_figures, text_says_what_was_measured);
    tcase_add_test(of_figures, the_histogram_has_the_slowest);
    tcase_add_loop_test(of_figures, what_is_found_must_suit_what_was_acknowledged, 0,
                        (int)(sizeof writes / sizeof writes[0]));
    tcase_add_test(of_figures, the_status_tells_what_went_wrong);
    tcase_add_test(of_figures, progress_tells_of_the_seconds_since_it_last_did);
    suite_add_tcase(suite, of_figures);
    tcase_add_test(of_compare, values_are_found_by_their_path);
    tcase_add_loop_test(of_compare, what_is_no_result_is_refused_with_the_place, 0,
                        (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(of_compare, every_truncation_is_refused);
    tcase_add_test(of_compare, ratios_above_one_are_good);
    suite_add_tcase(suite, of_compare);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
