/* tests/sim: the judge of histories must be able to say no. */
#include <check.h>
#include <stdlib.h>

#include "tests/sim/tale.h"

static struct tale *t;

static void setup(void)
{
    t = tale_new();
}

static void teardown(void)
{
    t = tale_free(t);
}

/* One operation, from its call to its return. */
static size_t op(int64_t call, enum tale_kind kind, uint32_t value, int32_t version)
{
    return tale_call(
        t, &(struct tale_op){ .kind = kind, .value = value, .version = version, .call_us = call });
}

static void create(int64_t call, int64_t ret, uint32_t value, enum tale_end end)
{
    tale_return(t, op(call, TALE_CREATE, value, -1), ret, end, 0, 0);
}

/* version: asked for; after: told. */
static void set(int64_t call, int64_t ret, uint32_t value, int32_t version, int32_t after)
{
    tale_return(t, op(call, TALE_SET, value, version), ret, TALE_OK, 0, after);
}

static void fail_set(int64_t call, int64_t ret, uint32_t value, int32_t version, enum tale_end end)
{
    tale_return(t, op(call, TALE_SET, value, version), ret, end, 0, 0);
}

static void delete (int64_t call, int64_t ret, enum tale_end end)
{
    tale_return(t, op(call, TALE_DELETE, 0, -1), ret, end, 0, 0);
}

static void get(int64_t call, int64_t ret, uint32_t value, int32_t version)
{
    tale_return(t, op(call, TALE_GET, 0, -1), ret, TALE_OK, value, version);
}

static void get_nothing(int64_t call, int64_t ret)
{
    tale_return(t, op(call, TALE_GET, 0, -1), ret, TALE_MISSING, 0, 0);
}

static void expect(enum tale_verdict verdict)
{
    int64_t at_us;

    ck_assert_int_eq(tale_judge(t, 0, &at_us), verdict);
}

START_TEST(no_history_is_linearizable)
{
    expect(TALE_LINEARIZABLE);
}
END_TEST

START_TEST(one_after_the_other_is_linearizable)
{
    create(1, 2, 10, TALE_OK);
    get(3, 4, 10, 0);
    set(5, 6, 11, -1, 1);
    set(7, 8, 12, 1, 2);
    get(9, 10, 12, 2);
    delete (11, 12, TALE_OK);
    get_nothing(13, 14);
    expect(TALE_LINEARIZABLE);
}
END_TEST

START_TEST(those_at_one_time_may_have_any_order)
{
    create(1, 2, 10, TALE_OK);
    set(3, 10, 11, -1, 2);
    set(3, 10, 12, -1, 1);
    get(4, 9, 10, 0);
    get(4, 9, 12, 1);
    get(11, 12, 11, 2);
    expect(TALE_LINEARIZABLE);
}
END_TEST

START_TEST(a_stale_read_is_seen)
{
    create(1, 2, 10, TALE_OK);
    set(3, 4, 11, -1, 1);
    get(5, 6, 10, 0);
    expect(TALE_IMPOSSIBLE);
}
END_TEST

START_TEST(a_read_that_goes_back_is_seen)
{
    create(1, 2, 10, TALE_OK);
    set(3, 20, 11, -1, 1);
    get(4, 5, 11, 1);
    get(6, 7, 10, 0);
    expect(TALE_IMPOSSIBLE);
}
END_TEST

START_TEST(a_lost_write_is_seen)
{
    create(1, 2, 10, TALE_OK);
    set(3, 4, 11, -1, 1);
    set(5, 6, 12, -1, 1);
    expect(TALE_IMPOSSIBLE);
}
END_TEST

START_TEST(two_that_win_the_same_version_are_seen)
{
    create(1, 2, 10, TALE_OK);
    set(3, 10, 11, 0, 1);
    set(3, 10, 12, 0, 1);
    expect(TALE_IMPOSSIBLE);
}
END_TEST

START_TEST(a_write_that_happens_twice_is_seen)
{
    create(1, 2, 10, TALE_OK);
    set(3, 4, 11, -1, 1);
    get(5, 6, 11, 2);
    expect(TALE_IMPOSSIBLE);
}
END_TEST

START_TEST(a_value_that_nobody_wrote_is_seen)
{
    create(1, 2, 10, TALE_OK);
    get(3, 4, 99, 0);
    expect(TALE_IMPOSSIBLE);
}
END_TEST

START_TEST(a_refusal_without_a_reason_is_seen)
{
    create(1, 2, 10, TALE_OK);
    fail_set(3, 4, 11, 0, TALE_BAD_VERSION);
    expect(TALE_IMPOSSIBLE);
}
END_TEST

START_TEST(a_second_creation_is_seen)
{
    create(1, 2, 10, TALE_OK);
    create(3, 4, 11, TALE_OK);
    expect(TALE_IMPOSSIBLE);
}
END_TEST

START_TEST(a_creation_may_be_refused_only_while_there_is_one)
{
    create(1, 2, 10, TALE_OK);
    delete (3, 4, TALE_OK);
    create(5, 6, 11, TALE_EXISTS);
    expect(TALE_IMPOSSIBLE);
}
END_TEST

START_TEST(a_write_without_an_end_may_happen_late)
{
    create(1, 2, 10, TALE_OK);
    (void)op(3, TALE_SET, 11, -1);
    get(5, 6, 10, 0);
    get(50, 60, 11, 1);
    expect(TALE_LINEARIZABLE);
}
END_TEST

START_TEST(a_write_without_an_end_may_never_happen)
{
    create(1, 2, 10, TALE_OK);
    (void)op(3, TALE_SET, 11, -1);
    get(50, 60, 10, 0);
    set(61, 62, 12, -1, 1);
    expect(TALE_LINEARIZABLE);
}
END_TEST

START_TEST(a_write_does_not_happen_before_its_call)
{
    create(1, 2, 10, TALE_OK);
    get(3, 4, 11, 1);
    (void)op(5, TALE_SET, 11, -1);
    expect(TALE_IMPOSSIBLE);
}
END_TEST

START_TEST(a_write_without_an_end_happens_at_most_once)
{
    create(1, 2, 10, TALE_OK);
    (void)op(3, TALE_SET, 11, -1);
    get(5, 6, 11, 1);
    set(7, 8, 12, -1, 2);
    get(9, 10, 11, 3);
    expect(TALE_IMPOSSIBLE);
}
END_TEST

START_TEST(what_is_known_to_have_done_nothing_tells_nothing)
{
    create(1, 2, 10, TALE_OK);
    fail_set(3, 4, 11, -1, TALE_NOTHING);
    get(5, 6, 10, 0);
    expect(TALE_LINEARIZABLE);
}
END_TEST

START_TEST(registers_are_judged_one_by_one)
{
    int64_t at_us;

    create(1, 2, 10, TALE_OK);
    tale_return(t, tale_call(t, &(struct tale_op){ .key = 1, .kind = TALE_GET, .call_us = 3 }), 4,
                TALE_OK, 10, 0);
    expect(TALE_LINEARIZABLE);
    ck_assert_int_eq(tale_judge(t, 1, &at_us), TALE_IMPOSSIBLE);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sim_tale");
    TCase *tc = tcase_create("tale");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, no_history_is_linearizable);
    tcase_add_test(tc, one_after_the_other_is_linearizable);
    tcase_add_test(tc, those_at_one_time_may_have_any_order);
    tcase_add_test(tc, a_stale_read_is_seen);
    tcase_add_test(tc, a_read_that_goes_back_is_seen);
    tcase_add_test(tc, a_lost_write_is_seen);
    tcase_add_test(tc, two_that_win_the_same_version_are_seen);
    tcase_add_test(tc, a_write_that_happens_twice_is_seen);
    tcase_add_test(tc, a_value_that_nobody_wrote_is_seen);
    tcase_add_test(tc, a_refusal_without_a_reason_is_seen);
    tcase_add_test(tc, a_second_creation_is_seen);
    tcase_add_test(tc, a_creation_may_be_refused_only_while_there_is_one);
    tcase_add_test(tc, a_write_without_an_end_may_happen_late);
    tcase_add_test(tc, a_write_without_an_end_may_never_happen);
    tcase_add_test(tc, a_write_does_not_happen_before_its_call);
    tcase_add_test(tc, a_write_without_an_end_happens_at_most_once);
    tcase_add_test(tc, what_is_known_to_have_done_nothing_tells_nothing);
    tcase_add_test(tc, registers_are_judged_one_by_one);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
