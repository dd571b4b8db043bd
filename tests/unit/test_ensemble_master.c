/* A follower between its leader and an observer that it serves, both played as ZooKeeper speaks
 * (quorum-protocol 4.10). */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "jute/opcodes.h"
#include "tests/lib/ensemble_rig.h"

/* Server 1 is real, 3 leads epoch 7, 4 observes. */
enum { MASTER = 0, LEADER = 2, OBSERVER = 3 };

#define SESSION "0400000000000001"
#define OTHER   "0400000000000002"

static struct ensemble_rig *r;
static struct rig_server *me;
static struct rig_link *leader, *observer;

static void hears(struct rig_link *l, const char *hex)
{
    char want[8192] = "";
    size_t len = 0;

    for (; *hex != '\0'; hex++)
        if (*hex != ' ')
            want[len++] = *hex;
    want[len] = '\0';
    ck_assert_str_eq(ensemble_rig_heard(r, l), want);
}

static void says(struct rig_link *l, const char *hex)
{
    ensemble_rig_say(r, l, hex);
}

static void follow(void)
{
    ensemble_rig_vote(r, 1, MASTER, ZAB_STATE_FOLLOWING, 3, 0, 1, 6);
    ensemble_rig_vote(r, LEADER, MASTER, ZAB_STATE_LEADING, 3, 0, 1, 6);
    ensemble_rig_sleep(r, 300);
    leader = ensemble_rig_dialled(r, MASTER);
    ck_assert_ptr_nonnull(leader);
    says(leader, "00000011 0000000700000000 00000004 00010000 ffffffff");
    says(leader, "0000000d 0000000000000000 ffffffff ffffffff");
    ensemble_rig_say_newleader(r, leader, 0x700000000);
    says(leader, "0000000c ffffffffffffffff ffffffff ffffffff");
    ck_assert(ensemble_serves(me->ensemble));
    (void)ensemble_rig_heard(r, leader);
}

static struct rig_link *dial(void)
{
    struct rig_link *l = ensemble_rig_dial(r, OBSERVER, MASTER);

    l->to_name |= ZAB_LINK_MASTER;
    return l;
}

static void join(void)
{
    struct zab_packet p;

    observer = dial();
    says(observer, "00000010 0000000600000000 00000014 0000000000000004 00010000 0000000000000000"
                   "ffffffff");
    hears(observer, "00000011 0000000700000000 00000004 00010000 ffffffff");
    says(observer, "00000012 0000000000000000 00000004 00000006 ffffffff");
    ck_assert(ensemble_rig_hear(observer, &p) && p.type == ZAB_DIFF);
    ck_assert(ensemble_rig_hear(observer, &p) && p.type == ZAB_NEWLEADER);
    says(observer, "00000003 0000000700000000 ffffffff ffffffff");
    hears(observer, "0000000c ffffffffffffffff ffffffff ffffffff");
    says(observer, "00000003 0000000700000000 ffffffff ffffffff");
}

static void setup(void)
{
    r = ensemble_rig_new(4, 0xe, 1U << OBSERVER);
    r->conf.zab.zabd_hints = false;
    r->conf.order.digest = false;
    r->conf.zab.observer_masters = true;
    me = &r->servers[MASTER];
    ensemble_rig_start(r, MASTER);
    follow();
    join();
}

static void teardown(void)
{
    r = ensemble_rig_free(r);
}

/* Create of /a, as the leader's n-th txn of its epoch. */
#define CREATE_A(n)                                                                   \
    "00000057 " SESSION "0000000" n "000000070000000" n                               \
    "0000018bcfe56800 00000001 00000002 2f61 00000001 78 00000001 0000001f"           \
    "00000005 776f726c64 00000006 616e796f6e65 00 00000001 00000002 00000123456789ff" \
    "ffffffff"
#define PROPOSAL(n) "00000002 000000070000000" n CREATE_A(n)
#define COMMIT(n)   "00000004 000000070000000" n "ffffffff ffffffff"
#define INFORM(n)   "00000008 000000070000000" n CREATE_A(n)
#define SYNC(zxid)  "00000007" zxid "ffffffff ffffffff"
#define ASK_SYNC \
    "00000001 ffffffffffffffff 00000016 " SESSION "00000009 00000009 00000002 2f61 00000000"

START_TEST(what_is_decided_is_told_with_its_txn)
{
    says(leader, PROPOSAL("1"));
    hears(observer, "");
    says(leader, COMMIT("1"));
    hears(observer, INFORM("1"));
}
END_TEST

START_TEST(what_is_not_in_our_log_is_not_told)
{
    me->hold_log = true;
    says(leader, PROPOSAL("1"));
    says(leader, COMMIT("1"));
    hears(observer, "");
    me->hold_log = false;
    ensemble_rig_settle(r);
    hears(observer, INFORM("1"));
}
END_TEST

START_TEST(requests_go_to_the_leader_as_they_are)
{
    static const char create[] =
        "00000001 ffffffffffffffff 0000003a " SESSION "00000005 00000001"
        "00000002 2f61 00000001 78 00000001 0000001f 00000005 776f726c64 00000006"
        "616e796f6e65 00000000 00000001 00000002 6970 00000009 3132372e302e302e31";
    says(observer, create);
    hears(leader, create);
}
END_TEST

START_TEST(the_leaders_word_on_a_session_goes_to_who_asked)
{
    says(observer, "00000006 ffffffffffffffff 0000000c " SESSION "00007530 ffffffff");
    hears(leader, "00000006 ffffffffffffffff 0000000c " SESSION "00007530 ffffffff");
    ck_assert_int_eq(ensemble_revalidate(me->ensemble, 0x0400000000000002, 30000), -1);
    ensemble_rig_settle(r);
    (void)ensemble_rig_heard(r, leader);
    says(leader, "00000006 ffffffffffffffff 00000009 " SESSION "01 ffffffff");
    hears(observer, "00000006 ffffffffffffffff 00000009 " SESSION "01 ffffffff");
    ck_assert_int_eq(me->revalidated, 0);
    says(leader, "00000006 ffffffffffffffff 00000009 " OTHER "01 ffffffff");
    hears(observer, "");
    ck_assert_int_eq(me->revalidated, 0x0400000000000002);
}
END_TEST

START_TEST(of_two_who_ask_about_one_session_the_first_is_answered_first)
{
    ck_assert_int_eq(ensemble_revalidate(me->ensemble, 0x0400000000000001, 30000), -1);
    says(observer, "00000006 ffffffffffffffff 0000000c " SESSION "00007530 ffffffff");
    says(leader, "00000006 ffffffffffffffff 00000009 " SESSION "01 ffffffff");
    hears(observer, "");
    ck_assert(me->was_valid);
    says(leader, "00000006 ffffffffffffffff 00000009 " SESSION "00 ffffffff");
    hears(observer, "00000006 ffffffffffffffff 00000009 " SESSION "00 ffffffff");
    ck_assert(me->was_valid);
}
END_TEST

START_TEST(sync_is_answered_behind_what_was_decided_before_it)
{
    says(leader, PROPOSAL("1"));
    says(observer, ASK_SYNC);
    hears(leader, "00000003 0000000700000001 ffffffff ffffffff" ASK_SYNC);
    says(leader, COMMIT("1"));
    hears(observer, ""); /* It may be behind the answer. */
    says(leader, SYNC("0000000000000000"));
    hears(observer, INFORM("1") SYNC("0000000000000000"));
}
END_TEST

START_TEST(a_commit_that_overtook_the_answer_stays_behind_it)
{
    says(observer, ASK_SYNC);
    says(leader, PROPOSAL("1"));
    says(leader, PROPOSAL("2"));
    says(leader, COMMIT("1"));
    says(leader, COMMIT("2"));
    hears(observer, "");
    says(leader, SYNC("0000000700000001"));
    hears(observer, INFORM("1") SYNC("0000000000000000") INFORM("2"));
}
END_TEST

START_TEST(sessions_that_were_heard_there_are_told_with_our_own)
{
    ensemble_touch(me->ensemble, session_add_untracked(me->sessions, 0x0100000000000001, 5000));
    says(leader, "00000005 0000000700000000 ffffffff ffffffff");
    hears(leader, "00000005 0000000700000000 0000000c 0100000000000001 00001388 ffffffff");
    hears(observer, "00000005 0000000000000000 ffffffff ffffffff");
    says(observer, "00000005 0000000000000000 00000018 " SESSION "00007530 " OTHER "00001f40"
                   "ffffffff");
    says(leader, "00000005 0000000700000000 ffffffff ffffffff");
    hears(leader, "00000005 0000000700000000 00000018 " SESSION "00007530 " OTHER "00001f40"
                  "ffffffff");
}
END_TEST

START_TEST(junk_ends_its_own_link_only)
{
    says(observer, "00000001 ffffffffffffffff 00000003 000000 ffffffff");
    ck_assert(observer->is_gone || observer->is_closing);
    ck_assert(ensemble_serves(me->ensemble));
    join();
    says(observer, "00000006 ffffffffffffffff 00000003 000000 ffffffff");
    ck_assert(observer->is_gone || observer->is_closing);
    ck_assert(ensemble_serves(me->ensemble));
    says(leader, PROPOSAL("1"));
    hears(leader, "00000003 0000000700000001 ffffffff ffffffff");
}
END_TEST

START_TEST(who_asks_while_the_leader_takes_nothing_is_closed)
{
    r->unsent = (size_t)128 * 1024 * 1024;
    says(observer, ASK_SYNC);
    ck_assert(observer->is_gone || observer->is_closing);
}
END_TEST

START_TEST(the_answer_to_who_is_gone_goes_nowhere)
{
    says(observer, ASK_SYNC);
    says(observer, "00000006 ffffffffffffffff 0000000c " SESSION "00007530 ffffffff");
    says(observer, "00000063 ffffffffffffffff ffffffff ffffffff"); /* No such packet. */
    ck_assert(observer->is_gone || observer->is_closing);
    says(leader, SYNC("0000000000000000"));
    says(leader, "00000006 ffffffffffffffff 00000009 " SESSION "01 ffffffff");
    ck_assert_int_eq(me->revalidated, 0);
    ck_assert(ensemble_serves(me->ensemble));
}
END_TEST

START_TEST(without_a_leader_the_observer_is_let_go)
{
    struct ensemble_view view;

    ensemble_view(me->ensemble, &view);
    ck_assert_uint_eq(view.synced_observers, 1);
    ensemble_rig_sleep(r, r->conf.zab.tick_ms * r->conf.zab.sync_limit + 1);
    ck_assert(observer->is_gone || observer->is_closing);
    ensemble_view(me->ensemble, &view);
    ck_assert_uint_eq(view.synced_observers, 0);
    ck_assert(!ensemble_has_work(me->ensemble));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ensemble_master");
    TCase *tc = tcase_create("ensemble_master");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, what_is_decided_is_told_with_its_txn);
    tcase_add_test(tc, what_is_not_in_our_log_is_not_told);
    tcase_add_test(tc, requests_go_to_the_leader_as_they_are);
    tcase_add_test(tc, the_leaders_word_on_a_session_goes_to_who_asked);
    tcase_add_test(tc, of_two_who_ask_about_one_session_the_first_is_answered_first);
    tcase_add_test(tc, sync_is_answered_behind_what_was_decided_before_it);
    tcase_add_test(tc, a_commit_that_overtook_the_answer_stays_behind_it);
    tcase_add_test(tc, sessions_that_were_heard_there_are_told_with_our_own);
    tcase_add_test(tc, junk_ends_its_own_link_only);
    tcase_add_test(tc, who_asks_while_the_leader_takes_nothing_is_closed);
    tcase_add_test(tc, the_answer_to_who_is_gone_goes_nowhere);
    tcase_add_test(tc, without_a_leader_the_observer_is_let_go);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
