/* A learner, and a leader played byte by byte as ZooKeeper speaks (quorum-protocol 3, 4, 9). */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jute/opcodes.h"
#include "jute/records.h"
#include "server/ensemble/limits.h"
#include "tests/lib/ensemble_rig.h"
#include "tests/unit/test_ensemble_learner_lib.h"

/* The txn of quorum-protocol 9: create /a, data x, digest made up; as epoch 7. */
#define CREATE_A(type)                                                                     \
    type "0000000700000001 00000057 0300000000000001 00000005 0000000700000001"            \
         "0000018bcfe56800 00000001 00000002 2f61 00000001 78 00000001 0000001f"           \
         "00000005 776f726c64 00000006 616e796f6e65 00 00000001 00000002 00000123456789ff" \
         "ffffffff"

START_TEST(it_introduces_itself_and_is_synced_as_zookeeper_does_it)
{
    establish();
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_proposal_is_acknowledged_when_it_is_durable_and_applied_when_it_is_committed)
{
    digests = false;
    establish();
    me->hold_log = true;
    says(CREATE_A("00000002"));
    hears("");
    me->hold_log = false;
    ensemble_rig_settle(r);
    hears("00000003 0000000700000001 ffffffff ffffffff");
    ck_assert(!ensemble_rig_has(r, LEARNER, "/a"));
    says("00000004 0000000700000001 ffffffff ffffffff");
    ck_assert(ensemble_rig_has(r, LEARNER, "/a"));
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_digest_that_differs_is_said_and_ends_the_link)
{
    establish();
    says(CREATE_A("00000002"));
    says("00000004 0000000700000001 ffffffff ffffffff");
    ck_assert_ptr_nonnull(strstr(me->log, "digest: the state is not what its txn promised"));
    ck_assert_int_eq(me->pauses, 1);
    ck_assert(!ensemble_serves(me->ensemble));
    r = ensemble_rig_free(r);
}
END_TEST

/* Reconfig to "x=y", which is no membership; as epoch 7. */
#define RECONFIG_XY                                                                 \
    "00000002 0000000700000001 00000040 0300000000000001 00000005 0000000700000001" \
    "0000018bcfe56800 00000010 00000011 2f7a6f6f6b65657065722f636f6e666967"         \
    "00000003 783d79 ffffffff ffffffff"

START_TEST(who_cannot_read_the_new_members_does_not_go_on_with_the_old)
{
    reconfigs = true;
    establish();
    says(RECONFIG_XY);
    ck_assert_ptr_nonnull(strstr(me->log, "reconfig: the leader's new members can't be read"));
    ck_assert(!ensemble_serves(me->ensemble));
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(to_whom_they_are_nothing_goes_on)
{
    establish();
    says(RECONFIG_XY);
    ck_assert(ensemble_serves(me->ensemble));
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(txns_of_a_diff_are_logged_before_newleader_is_acknowledged)
{
    begin(0);
    introduce();
    says("0000000d 0000000700000001 ffffffff ffffffff");
    me->hold_log = true;
    says(CREATE_A("00000002"));
    says("00000004 0000000700000001 ffffffff ffffffff");
    ensemble_rig_say_newleader(r, leader, 0x700000000);
    hears("");
    me->hold_log = false;
    ensemble_rig_settle(r);
    r = ensemble_rig_free(r);
}
END_TEST

static const char *const snapshot =
    "00000001 0300000000000001 00007530" /* One session. */
    "00000001 0000000000000001 00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65"
    "00000000 00000000 ffffffffffffffff 0000000000000000 0000000000000000 0000000000000000"
    "0000000000000000 00000000 00000001 00000000 0000000000000000 0000000600000004"
    "00000002 2f73 00000001 79 0000000000000001 0000000600000004 0000000600000004"
    "0000000000000000 0000000000000000 00000000 00000000 00000000 0000000000000000"
    "0000000600000004 00000001 2f 0000000a 42656e57617348657265";

START_TEST(a_snapshot_replaces_the_state_and_is_stored_before_the_answer)
{
    begin(0);
    introduce();
    says("0000000f 0000000600000004 ffffffff ffffffff");
    says(snapshot);
    ensemble_rig_say_newleader(r, leader, 0x700000000);
    ck_assert_int_eq(me->disk.snapshot_zxid, 0x600000004);
    hears("00000003 0000000700000000 ffffffff ffffffff");
    says(UPTODATE);
    ck_assert(ensemble_serves(me->ensemble));
    ck_assert(me->state_was_new);
    ck_assert(ensemble_rig_has(r, LEARNER, "/s"));
    ck_assert_uint_eq(session_book_count(me->state.sessions), 1);
    r = ensemble_rig_free(r);
}
END_TEST

/* Create /b, data x, with another digest that is made up. */
#define CREATE_B                                                                      \
    "00000002 0000000700000002 00000057 0300000000000001 00000006 0000000700000002"   \
    "0000018bcfe56800 00000001 00000002 2f62 00000001 78 00000001 0000001f"           \
    "00000005 776f726c64 00000006 616e796f6e65 00 00000002 00000002 00000123456789fe" \
    "ffffffff"

static void has_snapshot(const char *snap)
{
    begin(0);
    introduce();
    says(snap);
    says(snapshot);
    ensemble_rig_say_newleader(r, leader, 0x700000000);
    says(UPTODATE);
    ck_assert(ensemble_serves(me->ensemble));
}

/* What is sent may have traces of txns that were applied meanwhile; the first PING behind it is of
 * a time when all of them had been proposed. */
START_TEST(digests_are_not_compared_before_a_snapshot_is_exact)
{
    has_snapshot("0000000f 0000000600000004 ffffffff ffffffff");
    ck_assert(me->state.is_fuzzy);
    says("00000005 0000000700000001 ffffffff ffffffff");
    ck_assert(me->state.is_fuzzy);
    says(CREATE_A("00000002"));
    says("00000004 0000000700000001 ffffffff ffffffff");
    ck_assert(ensemble_rig_has(r, LEARNER, "/a"));
    ck_assert(!me->state.is_fuzzy);
    ck_assert_ptr_null(strstr(me->log, "digest:"));
    says(CREATE_B);
    says("00000004 0000000700000002 ffffffff ffffffff");
    ck_assert_ptr_nonnull(strstr(me->log, "digest: the state is not what its txn promised"));
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_snapshot_of_a_zabd_says_that_it_is_exact)
{
    has_snapshot("0000000f 0000000600000004 00000004 00000002 ffffffff");
    ck_assert(!me->state.is_fuzzy);
    says(CREATE_A("00000002"));
    says("00000004 0000000700000001 ffffffff ffffffff");
    ck_assert_ptr_nonnull(strstr(me->log, "digest: the state is not what its txn promised"));
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_snapshot_that_breaks_off_leaves_the_old_state)
{
    begin(0);
    introduce();
    says("0000000f 0000000600000004 ffffffff ffffffff");
    says("00000001 03000000");
    leader->is_closing = true;
    ensemble_rig_settle(r);
    ck_assert_int_eq(tree_zxid(me->state.tree), 0);
    ck_assert(!ensemble_serves(me->ensemble));
    r = ensemble_rig_free(r);
}
END_TEST

static enum order_verdict submit(int32_t op, zk_session_id session, int32_t xid,
                                 const uint8_t *body, size_t len)
{
    static const uint8_t ip[] = "\0\0\0\x02ip\0\0\0\x09"
                                "127.0.0.1";
    struct idset *ids =
        idset_of_ids((struct jute_vector){ .at = ip, .len = sizeof ip - 1, .count = 1 });
    struct write_request req = { .session = session,
                                 .xid = xid,
                                 .op = op,
                                 .body = body,
                                 .len = len,
                                 .ids = ids,
                                 .timeout_ms = 30000 };
    enum zk_err err;
    zk_zxid zxid = 1;
    enum order_verdict v = ensemble_submit(me->ensemble, &req, &err, &zxid);

    ck_assert_int_eq(zxid, 0);
    (void)idset_unref(ids);
    return v;
}

START_TEST(writes_go_to_the_leader_with_who_asks)
{
    establish();
    ck_assert(ensemble_can_submit(me->ensemble));
    (void)submit(ZK_OP_CREATE_SESSION, 0x300000000000001, 0, NULL, 0);
    hears("00000001 ffffffffffffffff 00000014 0300000000000001 00000000 fffffff6 00007530"
          "ffffffff");
    (void)submit(ZK_OP_DELETE, 0x300000000000001, 9,
                 (const uint8_t *)"\0\0\0\x02/a\xff\xff\xff\xff", 10);
    hears("00000001 ffffffffffffffff 0000001a 0300000000000001 00000009 00000002"
          "00000002 2f61 ffffffff 00000001 00000002 6970 00000009 3132372e302e302e31");
    (void)submit(ZK_OP_CLOSE_SESSION, 0x300000000000001, 10, NULL, 0);
    hears("00000001 ffffffffffffffff 00000010 0300000000000001 0000000a fffffff5 ffffffff");
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(too_many_forwarded_writes_close_the_door_until_they_come_back)
{
    digests = false;
    establish();
    zk_session_id session = 0x300000000000001;
    int count = 0;
    while (ensemble_can_submit(me->ensemble) && count < 100000) {
        (void)submit(ZK_OP_DELETE, session, 5 + count++,
                     (const uint8_t *)"\0\0\0\x02/a\xff\xff\xff\xff", 10);
    }
    ck_assert_int_lt(count, 100000);
    (void)ensemble_rig_heard(r, leader);
    says(CREATE_A("00000002")); /* Session and cxid 5: the first of them. */
    says("00000004 0000000700000001 ffffffff ffffffff");
    ck_assert(ensemble_can_submit(me->ensemble));
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(sync_goes_to_the_leader_and_is_answered_in_order)
{
    establish();
    struct write_request req = { .session = 0x300000000000001,
                                 .xid = 9,
                                 .op = ZK_OP_SYNC,
                                 .body = (const uint8_t *)"\0\0\0\x02/a",
                                 .len = 6 };
    uint64_t first = ensemble_sync(me->ensemble, &req);
    uint64_t second = ensemble_sync(me->ensemble, &req);
    ck_assert_uint_lt(first, second);
    hears("00000001 ffffffffffffffff 00000016 0300000000000001 00000009 00000009 00000002 2f61"
          "00000000"
          "00000001 ffffffffffffffff 00000016 0300000000000001 00000009 00000009 00000002 2f61"
          "00000000");
    says("00000007 0000000000000000 ffffffff ffffffff");
    ck_assert_uint_eq(me->synced, first);
    says("00000007 0000000000000000 ffffffff ffffffff");
    ck_assert_uint_eq(me->synced, second);
    says("00000007 0000000000000000 ffffffff ffffffff"); /* Nobody asked. */
    r = ensemble_rig_free(r);
}
END_TEST

#define PING      "00000005 0000000700000001 ffffffff ffffffff"
#define TOUCHED_1 "0300000000000001 00007530"

/* One of its clients' sessions. */
static struct session *session_of(zk_session_id id)
{
    return session_add_untracked(me->sessions, id, 30000);
}

START_TEST(a_ping_is_answered_with_the_sessions_that_were_heard)
{
    establish();
    says("00000005 0000000700000001 ffffffff ffffffff");
    hears("00000005 0000000700000001 00000000 ffffffff");
    ensemble_touch(me->ensemble, session_of(0x300000000000001));
    says("00000005 0000000700000001 ffffffff ffffffff");
    hears("00000005 0000000700000001 0000000c 0300000000000001 00007530 ffffffff");
    says("00000005 0000000700000001 ffffffff ffffffff");
    hears("00000005 0000000700000001 00000000 ffffffff");
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_session_is_told_once_with_each_ping_however_often_it_was_heard)
{
    establish();
    struct session *busy = session_of(0x300000000000001);
    struct session *idle = session_of(0x300000000000002);

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000; i++)
            ensemble_touch(me->ensemble, busy);
        ensemble_touch(me->ensemble, idle);
        ensemble_touch(me->ensemble, busy);
        says(PING);
        hears("00000005 0000000700000001 00000018 " TOUCHED_1 "0300000000000002 00007530 ffffffff");
        says(PING);
        hears("00000005 0000000700000001 00000000 ffffffff");
    }
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(the_newest_timeout_is_told)
{
    establish();
    struct session *s = session_of(0x300000000000001);

    ensemble_touch(me->ensemble, session_of(0x300000000000002));
    says(PING);
    (void)ensemble_rig_heard(r, leader);
    ensemble_touch(me->ensemble, session_of(0x300000000000002));
    ensemble_touch(me->ensemble, s);
    s->timeout_ms = 4000;
    ensemble_touch(me->ensemble, s);
    says(PING);
    hears("00000005 0000000700000001 00000018 0300000000000002 00007530"
          "0300000000000001 00000fa0 ffffffff");
    r = ensemble_rig_free(r);
}
END_TEST

/* Takes the answer to a PING: `count` sessions, numbered from `first` on. */
static void hears_touched(zk_session_id first, int count)
{
    struct zab_packet p;
    int wrong = 0;

    says(PING);
    ck_assert(ensemble_rig_hear(leader, &p));
    ck_assert_int_eq(p.data.len, count * SESSION_TOUCH_BYTES);
    struct jute_in in = jute_inside(p.data);
    for (int i = 0; i < count; i++) {
        struct session_touch touch;
        jute_read_session_touch(&in, &touch);
        wrong += touch.session_id != first + i;
    }
    ck_assert_int_eq(wrong, 0);
}

START_TEST(more_sessions_than_a_ping_takes_are_told_with_the_next)
{
    enum { MORE = 100 };
    establish();

    for (int pass = 0; pass < 2; pass++)
        for (zk_session_id id = 1; id <= TOUCHES_MAX + MORE; id++)
            ensemble_touch(me->ensemble, session_of(id));
    hears_touched(1, TOUCHES_MAX);
    for (zk_session_id id = TOUCHES_MAX + 1; id <= TOUCHES_MAX + MORE; id++)
        ensemble_touch(me->ensemble, session_of(id)); /* It waits already. */
    hears_touched(TOUCHES_MAX + 1, MORE);
    hears_touched(0, 0);
    ensemble_touch(me->ensemble, session_of(TOUCHES_MAX));
    hears_touched(TOUCHES_MAX, 1);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(what_was_to_be_told_is_forgotten_with_its_leader)
{
    establish();
    struct session *s = session_of(0x300000000000001);

    ensemble_touch(me->ensemble, session_of(0x300000000000002));
    ensemble_touch(me->ensemble, s);
    leader->is_closing = true;
    ensemble_rig_settle(r);
    ck_assert(!ensemble_serves(me->ensemble));
    ensemble_touch(me->ensemble, s); /* Nobody is to be told. */
    elect();
    says(LEADERINFO);
    (void)ensemble_rig_heard(r, leader);
    be_synced();
    says(PING);
    hears("00000005 0000000700000001 00000000 ffffffff");
    ensemble_touch(me->ensemble, s);
    ensemble_touch(me->ensemble, s);
    says(PING);
    hears("00000005 0000000700000001 0000000c " TOUCHED_1 "ffffffff");
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_session_that_comes_back_is_asked_about)
{
    establish();
    ck_assert_int_eq(ensemble_revalidate(me->ensemble, 0x300000000000001, 30000), -1);
    hears("00000006 ffffffffffffffff 0000000c 0300000000000001 00007530 ffffffff");
    says("00000006 ffffffffffffffff 00000009 0300000000000001 01 ffffffff");
    ck_assert_int_eq(me->revalidated, 0x300000000000001);
    ck_assert(me->was_valid);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(an_observer_learns_by_inform)
{
    digests = false;
    begin(1);
    hears("00000010 0000000000000000 00000014 0000000000000001 00010000 0000000000000000"
          "ffffffff");
    says(LEADERINFO);
    (void)ensemble_rig_heard(r, leader);
    says("0000000d 0000000000000000 ffffffff ffffffff");
    ensemble_rig_say_newleader(r, leader, 0x700000000);
    says(UPTODATE);
    (void)ensemble_rig_heard(r, leader);
    ck_assert(ensemble_serves(me->ensemble));
    says(CREATE_A("00000008"));
    ck_assert(ensemble_rig_has(r, LEARNER, "/a"));
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(when_the_link_ends_everybody_who_waits_is_told)
{
    establish();
    struct write_request req = { .op = ZK_OP_SYNC, .body = (const uint8_t *)"\0\0\0\1/", .len = 5 };
    uint64_t ticket = ensemble_sync(me->ensemble, &req);
    leader->is_closing = true;
    ensemble_rig_settle(r);
    ck_assert_uint_eq(me->synced, ticket);
    ck_assert(me->was_refused);
    ck_assert_int_eq(me->pauses, 1);
    r = ensemble_rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ensemble_learner");
    TCase *tc = tcase_create("ensemble_learner");

    tcase_add_test(tc, it_introduces_itself_and_is_synced_as_zookeeper_does_it);
    tcase_add_test(tc,
                   a_proposal_is_acknowledged_when_it_is_durable_and_applied_when_it_is_committed);
    tcase_add_test(tc, a_digest_that_differs_is_said_and_ends_the_link);
    tcase_add_test(tc, txns_of_a_diff_are_logged_before_newleader_is_acknowledged);
    tcase_add_test(tc, a_snapshot_replaces_the_state_and_is_stored_before_the_answer);
    tcase_add_test(tc, digests_are_not_compared_before_a_snapshot_is_exact);
    tcase_add_test(tc, a_snapshot_of_a_zabd_says_that_it_is_exact);
    tcase_add_test(tc, a_snapshot_that_breaks_off_leaves_the_old_state);
    tcase_add_test(tc, writes_go_to_the_leader_with_who_asks);
    tcase_add_test(tc, too_many_forwarded_writes_close_the_door_until_they_come_back);
    tcase_add_test(tc, sync_goes_to_the_leader_and_is_answered_in_order);
    tcase_add_test(tc, a_ping_is_answered_with_the_sessions_that_were_heard);
    tcase_add_test(tc, a_session_is_told_once_with_each_ping_however_often_it_was_heard);
    tcase_add_test(tc, the_newest_timeout_is_told);
    tcase_add_test(tc, more_sessions_than_a_ping_takes_are_told_with_the_next);
    tcase_add_test(tc, what_was_to_be_told_is_forgotten_with_its_leader);
    tcase_add_test(tc, a_session_that_comes_back_is_asked_about);
    tcase_add_test(tc, who_cannot_read_the_new_members_does_not_go_on_with_the_old);
    tcase_add_test(tc, to_whom_they_are_nothing_goes_on);
    tcase_add_test(tc, an_observer_learns_by_inform);
    tcase_add_test(tc, when_the_link_ends_everybody_who_waits_is_told);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
