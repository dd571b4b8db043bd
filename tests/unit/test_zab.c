/* zab with a quorum of one: what it asks for, and when it decides. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "zab/zab.h"

static struct zab *z;

static void start(zk_zxid logged)
{
    struct zab_conf conf = { .self = 1, .is_alone = true, .proposals_max = 4 };
    struct zab_saved saved = { .logged = logged };
    struct zab_event ev = { .kind = ZAB_EV_START };

    ck_assert_int_eq(zab_new(&z, &conf, &saved), 0);
    struct zab_actions a = zab_step(z, &ev);
    ck_assert_uint_eq(a.count, 1);
    ck_assert_int_eq((int)a.at[0].kind, ZAB_DO_BECOME);
    ck_assert_int_eq((int)a.at[0].role, ZAB_LEADING);
}

static void stop(void)
{
    z = zab_free(z);
}

static struct zab_actions submit(zk_zxid zxid)
{
    struct zab_event ev = { .kind = ZAB_EV_SUBMIT, .zxid = zxid };

    return zab_step(z, &ev);
}

static struct zab_actions logged(zk_zxid zxid)
{
    struct zab_event ev = { .kind = ZAB_EV_LOGGED, .zxid = zxid };

    return zab_step(z, &ev);
}

START_TEST(nothing_can_be_submitted_before_the_start)
{
    struct zab_conf conf = { .self = 1, .is_alone = true, .proposals_max = 4 };
    struct zab_saved saved = { .logged = 0 };

    ck_assert_int_eq(zab_new(&z, &conf, &saved), 0);
    ck_assert(!zab_can_submit(z));
    stop();
}
END_TEST

START_TEST(a_configuration_that_cannot_be_is_refused)
{
    struct zab_saved saved = { .logged = 0 };
    struct zab_conf none = { .self = 1, .proposals_max = 4 };
    struct zab_conf no_room = { .self = 1, .is_alone = true, .proposals_max = 0 };
    struct zab *untouched = NULL;

    ck_assert_int_eq(zab_new(&untouched, &none, &saved), -EINVAL);
    ck_assert_int_eq(zab_new(&untouched, &no_room, &saved), -EINVAL);
    ck_assert_ptr_null(untouched);
}
END_TEST

START_TEST(a_submitted_txn_is_logged_and_not_yet_committed)
{
    start(zxid_make(1, 7));
    ck_assert_int_eq(zab_next_zxid(z), zxid_make(1, 8));
    struct zab_actions a = submit(zxid_make(1, 8));
    ck_assert_uint_eq(a.count, 1);
    ck_assert_int_eq((int)a.at[0].kind, ZAB_DO_APPEND);
    ck_assert_int_eq(a.at[0].zxid, zxid_make(1, 8));
    ck_assert_int_eq(zab_committed(z), zxid_make(1, 7));
    stop();
}
END_TEST

START_TEST(what_is_durable_is_committed)
{
    start(0);
    (void)submit(3);
    struct zab_actions a = logged(2);
    ck_assert_uint_eq(a.count, 1);
    ck_assert_int_eq((int)a.at[0].kind, ZAB_DO_COMMIT);
    ck_assert_int_eq(a.at[0].zxid, 2);
    ck_assert_int_eq(zab_committed(z), 2);
    ck_assert_uint_eq(logged(2).count, 0);
    stop();
}
END_TEST

START_TEST(open_proposals_are_bounded)
{
    start(0);
    (void)submit(4);
    ck_assert(!zab_can_submit(z));
    (void)logged(1);
    ck_assert(zab_can_submit(z));
    stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("zab");
    TCase *tc = tcase_create("quorum of one");

    tcase_add_test(tc, nothing_can_be_submitted_before_the_start);
    tcase_add_test(tc, a_configuration_that_cannot_be_is_refused);
    tcase_add_test(tc, a_submitted_txn_is_logged_and_not_yet_committed);
    tcase_add_test(tc, what_is_durable_is_committed);
    tcase_add_test(tc, open_proposals_are_bounded);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
