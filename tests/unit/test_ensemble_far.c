/* A learner that lacks more than it holds before it is up to date. */
#include <check.h>
#include <stdlib.h>

#include "tests/lib/ensemble_rig.h"
#include "tests/unit/test_ensemble_learner_lib.h"

enum { ASKS_SNAPSHOT = 1 };

/* The leader is another zabd, or not. Returns what the learner asks of it. -1: the epoch was
 * promised before. */
static int32_t asked(bool is_zabd, zk_zxid log, int32_t current)
{
    struct zab_packet p = { 0 };

    (void)ensemble_rig_heard(r, leader);
    says(is_zabd ? "00000011 0000000700000000 0000000c 00010000 7a616264 00000001 ffffffff"
                 : LEADERINFO);
    ck_assert(ensemble_rig_hear(leader, &p));
    ck_assert_int_eq(p.type, ZAB_ACKEPOCH);
    ck_assert_int_eq(p.zxid, log);
    ck_assert_int_eq((int32_t)jute_load32(p.data.at), current);
    ck_assert_int_eq(p.data.len, is_zabd ? 28 : 4);
    return is_zabd ? (int32_t)jute_load32(p.data.at + 8) : 0;
}

/* Of 87 bytes. */
#define PROPOSAL(n)                                                                     \
    "00000002 000000070000000" n "00000057 0300000000000001 00000005 000000070000000" n \
    "0000018bcfe56800 00000001 00000002 2f6" n "00000001 78 00000001 0000001f"          \
    "00000005 776f726c64 00000006 616e796f6e65 00 00000001 00000002 00000123456789ff"   \
    "ffffffff"
#define COMMIT(n) "00000004 000000070000000" n "ffffffff ffffffff"
#define DIFF      "0000000d 0000000000000000 ffffffff ffffffff"

static void is_up_to_date(void)
{
    ensemble_rig_say_newleader(r, leader, 0x700000000);
    says(UPTODATE);
    ck_assert(ensemble_serves(me->ensemble));
}

static void loses_leader(void)
{
    leader->is_closing = true;
    ensemble_rig_settle(r);
    elect();
}

/* One txn is in its log, and the next two, which are decided, are more than it holds. */
static void is_overrun(void)
{
    digests = false;
    hints = true;
    learned_bytes = 2 * 87 - 1;
    begin(0);
    ck_assert_int_eq(asked(true, 0, 0), 0);
    says(DIFF);
    says(PROPOSAL("1"));
    says(COMMIT("1"));
    is_up_to_date();
    loses_leader();
    ck_assert_int_eq(asked(true, 0x700000001, -1), 0);
    says(DIFF);
    says(PROPOSAL("2"));
    says(COMMIT("2"));
    says(PROPOSAL("3"));
    ck_assert(leader->is_gone);
    elect();
}

START_TEST(who_is_too_far_behind_asks_for_a_snapshot_and_stands_by_its_log)
{
    is_overrun();
    ck_assert_int_eq(asked(true, 0x700000001, -1), ASKS_SNAPSHOT);
    ck_assert(ensemble_rig_has(r, LEARNER, "/a"));
    ck_assert(!zab_state_is_void(ensemble_zab(me->ensemble)));
    /* Another may bring what is missing in less. */
    says(DIFF);
    says(PROPOSAL("2"));
    says(COMMIT("2"));
    is_up_to_date();
    ck_assert(ensemble_rig_has(r, LEARNER, "/b"));
    loses_leader();
    ck_assert_int_eq(asked(true, 0x700000002, -1), 0);
    r = ensemble_rig_free(r);
}
END_TEST

/* It takes a SNAP for who has nothing only, and that we may not say. */
START_TEST(a_leader_of_zookeeper_is_told_where_its_log_ends)
{
    is_overrun();
    (void)asked(false, 0x700000001, -1);
    r = ensemble_rig_free(r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ensemble_far");
    TCase *tc = tcase_create("ensemble_far");
    SRunner *runner = srunner_create(s);

    tcase_add_test(tc, who_is_too_far_behind_asks_for_a_snapshot_and_stands_by_its_log);
    tcase_add_test(tc, a_leader_of_zookeeper_is_told_where_its_log_ends);
    suite_add_tcase(s, tc);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
