/* The core as a follower: what it asks for, one event after the other, and what it makes of its
 * epochs at the start. What several servers do together is in tests/scenarios. */
#include <errno.h>

#include "tests/unit/test_jute_hex.h"
#include "tests/unit/test_zab_steps_lib.h"

START_TEST(an_epoch_is_saved_before_it_is_promised)
{
    follow(zxid_make(4, 9), 4, 4);
    ck_assert_str_eq(leaderinfo(6), "3 saved accepted=6\n"
                                    "3 -> own link 1 ACKEPOCH 4:9 current=4");
    end();
}
END_TEST

START_TEST(a_promise_is_not_given_twice)
{
    follow(zxid_make(4, 9), 6, 4);
    ck_assert_str_eq(leaderinfo(6), "3 -> own link 1 ACKEPOCH 4:9 current=-1");
    end();
}
END_TEST

START_TEST(a_lower_epoch_is_refused)
{
    follow(zxid_make(4, 9), 6, 4);
    ck_assert_ptr_nonnull(strstr(leaderinfo(5), "3 closes own link 1: the leader is of an epoch"));
    ck_assert_int_eq((int)zab_role(z), ZAB_LOOKING);
    end();
}
END_TEST

START_TEST(the_log_then_the_epoch_then_the_ack)
{
    follow(zxid_make(4, 9), 4, 4);
    (void)leaderinfo(5);
    (void)bare(OURS, ZAB_DIFF, zxid_make(4, 10));
    ck_assert_str_eq(bare(OURS, ZAB_PROPOSAL, zxid_make(4, 10)), "3 holds 4:a");
    ck_assert_str_eq(bare(OURS, ZAB_COMMIT, zxid_make(4, 10)), "");
    ck_assert_str_eq(bare(OURS, ZAB_PROPOSAL, zxid_make(5, 1)), "3 holds 5:1");
    ck_assert_str_eq(newleader(5), "3 appends up to 4:a");
    ck_assert_str_eq(logged_up_to(zxid_make(4, 10)), "3 saved current=5\n"
                                                     "3 -> own link 1 ACK 5:0");
    ck_assert_str_eq(bare(OURS, ZAB_UPTODATE, -1),
                     "3 -> own link 1 ACK 5:0\n"
                     "3 appends up to 5:1\n"
                     "3 committed 4:a\n"
                     "3 is FOLLOWING BROADCAST leader=2 epoch=5: up to date");
    ck_assert_str_eq(logged_up_to(zxid_make(5, 1)), "3 -> own link 1 ACK 5:1");
    ck_assert_str_eq(bare(OURS, ZAB_COMMIT, zxid_make(5, 1)), "3 committed 5:1");
    end();
}
END_TEST

START_TEST(a_snapshot_with_all_that_newleader_stands_for_is_stored_then_the_epoch)
{
    follow(zxid_make(4, 9), 4, 4);
    (void)leaderinfo(6);
    ck_assert_str_eq(bare(OURS, ZAB_SNAP, zxid_make(5, 7)),
                     "3 loads from own link 1 5:7\n"
                     "3 is FOLLOWING SYNCHRONIZATION leader=2: SNAP");
    /* What the snapshot has may come again. */
    ck_assert_str_eq(bare(OURS, ZAB_PROPOSAL, zxid_make(5, 6)), "");
    ck_assert_str_eq(bare(OURS, ZAB_COMMIT, zxid_make(5, 6)), "");
    ck_assert_str_eq(bare(OURS, ZAB_PROPOSAL, zxid_make(5, 7)), "");
    ck_assert_str_eq(bare(OURS, ZAB_PROPOSAL, zxid_make(5, 8)), "3 holds 5:8");
    ck_assert_str_eq(bare(OURS, ZAB_COMMIT, zxid_make(5, 7)), "");
    ck_assert_str_eq(bare(OURS, ZAB_COMMIT, zxid_make(5, 8)), "");
    ck_assert_str_eq(newleader(6), "");
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_LOADED, .zxid = zxid_make(5, 7) }),
                     "3 committed 5:8\n"
                     "3 saves its snapshot");
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_SNAPSHOT_SAVED }),
                     "3 saved current=6\n"
                     "3 -> own link 1 ACK 6:0");
    end();
}
END_TEST

/* Else a snapshot could show traces of a txn that the log behind it lost in a power cut. */
START_TEST(what_is_committed_is_applied_once_our_own_log_has_it)
{
    follow(zxid_make(4, 9), 4, 4);
    (void)leaderinfo(5);
    (void)bare(OURS, ZAB_DIFF, zxid_make(4, 9));
    (void)newleader(5);
    (void)bare(OURS, ZAB_UPTODATE, -1);
    (void)bare(OURS, ZAB_PROPOSAL, zxid_make(5, 1));
    (void)bare(OURS, ZAB_PROPOSAL, zxid_make(5, 2));
    ck_assert_str_eq(bare(OURS, ZAB_COMMIT, zxid_make(5, 1)), "");
    ck_assert_str_eq(bare(OURS, ZAB_COMMIT, zxid_make(5, 2)), "");
    ck_assert_int_eq(zab_told(z), zxid_make(5, 2));
    ck_assert_str_eq(logged_up_to(zxid_make(5, 1)), "3 -> own link 1 ACK 5:1\n"
                                                    "3 committed 5:1");
    ck_assert_str_eq(logged_up_to(zxid_make(5, 2)), "3 -> own link 1 ACK 5:2\n"
                                                    "3 committed 5:2");
    end();
}
END_TEST

START_TEST(a_gap_ends_the_link)
{
    follow(zxid_make(4, 9), 4, 4);
    (void)leaderinfo(5);
    (void)bare(OURS, ZAB_DIFF, zxid_make(4, 11));
    ck_assert_ptr_nonnull(strstr(bare(OURS, ZAB_PROPOSAL, zxid_make(4, 11)),
                                 "closes own link 1: a proposal that does not follow"));
    end();
}
END_TEST

START_TEST(a_commit_out_of_order_ends_the_link)
{
    follow(zxid_make(4, 9), 4, 4);
    (void)leaderinfo(5);
    (void)bare(OURS, ZAB_DIFF, zxid_make(4, 11));
    (void)bare(OURS, ZAB_PROPOSAL, zxid_make(4, 10));
    (void)bare(OURS, ZAB_PROPOSAL, zxid_make(4, 11));
    ck_assert_ptr_nonnull(strstr(bare(OURS, ZAB_COMMIT, zxid_make(4, 11)), "COMMIT of another"));
    end();
}
END_TEST

START_TEST(uptodate_before_our_ack_ends_the_link)
{
    follow(zxid_make(4, 9), 4, 4);
    (void)leaderinfo(5);
    (void)bare(OURS, ZAB_DIFF, zxid_make(4, 9));
    ck_assert_ptr_nonnull(strstr(bare(OURS, ZAB_UPTODATE, -1), "UPTODATE before"));
    end();
}
END_TEST

START_TEST(no_ping_is_answered_before_uptodate)
{
    follow(zxid_make(4, 9), 4, 4);
    (void)leaderinfo(5);
    (void)bare(OURS, ZAB_DIFF, zxid_make(4, 9));
    (void)newleader(5);
    ck_assert_str_eq(bare(OURS, ZAB_PING, zxid_make(5, 0)), "");
    (void)bare(OURS, ZAB_UPTODATE, -1);
    ck_assert_str_eq(bare(OURS, ZAB_PING, zxid_make(5, 0)), "3 answers the PING of own link 1 5:0");
    end();
}
END_TEST

START_TEST(the_log_is_drained_before_it_is_told_where_it_ends)
{
    follow(zxid_make(4, 9), 4, 4);
    (void)leaderinfo(5);
    (void)bare(OURS, ZAB_DIFF, zxid_make(4, 9));
    (void)newleader(5);
    (void)bare(OURS, ZAB_UPTODATE, -1);
    (void)bare(OURS, ZAB_PROPOSAL, zxid_make(5, 1));
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_LINK_DOWN, .link = OURS }),
                     "3 is LOOKING: the leader's link ended");
    struct zab_notification n = {
        .state = ZAB_STATE_LOOKING,
        .vote = { .leader = 2, .zxid = zxid_make(5, 2), .round = 2, .epoch = 5 },
        .version = 2,
        .config = { .len = -1 },
    };
    (void)step((struct zab_event){ .kind = ZAB_EV_NOTIFIED, .peer = 1, .notification = &n });
    (void)step((struct zab_event){ .kind = ZAB_EV_NOTIFIED, .peer = 2, .notification = &n });
    (void)step((struct zab_event){ .kind = ZAB_EV_LINK_UP, .link = OURS + 1 });
    static const uint8_t version[] = { 0, 1, 0, 0 };

    ck_assert_str_eq(packet(OURS + 1, ZAB_LEADERINFO, zxid_make(6, 0), version, 4),
                     "3 saved accepted=6");
    ck_assert_str_eq(logged_up_to(zxid_make(5, 1)), "3 -> own link 2 ACKEPOCH 5:1 current=5");
    end();
}
END_TEST

START_TEST(connecting_is_tried_five_times)
{
    int tries = 1;

    begin(zxid_make(4, 9), 4, 4);
    (void)vote(1, 2, 5, zxid_make(4, 9), ZAB_STATE_LOOKING);
    (void)vote(2, 2, 5, zxid_make(4, 9), ZAB_STATE_LOOKING);
    for (zab_link link = OURS; zab_role(z) == ZAB_FOLLOWING; link++) {
        (void)step((struct zab_event){ .kind = ZAB_EV_LINK_DOWN, .link = link });
        ck_assert_int_eq(zab_deadline(z) - now, zab_role(z) == ZAB_FOLLOWING ? 100 : 200);
        now += 100;
        if (strstr(step((struct zab_event){ .kind = ZAB_EV_TIME }), "connects to 2") != NULL)
            tries++;
    }
    ck_assert_int_eq(tries, 5);
    end();
}
END_TEST

static const char *look_in_round(zk_sid from, int64_t round)
{
    struct zab_notification n = {
        .state = ZAB_STATE_LOOKING,
        .vote = { .leader = from, .zxid = zxid_make(4, 9), .round = round, .epoch = 4 },
        .version = 2,
        .config = { .len = -1 },
    };

    return step((struct zab_event){ .kind = ZAB_EV_NOTIFIED, .peer = from, .notification = &n });
}

/* It gave up before our link came, and neither leads nor refuses it. */
START_TEST(a_leader_that_looks_for_another_is_not_waited_for)
{
    follow(zxid_make(4, 9), 4, 4);
    ck_assert_str_eq(look_in_round(2, 1), ""); /* Its vote of the round in which it was chosen. */
    ck_assert_str_eq(look_in_round(1, 7), ""); /* That of another one. */
    ck_assert_ptr_nonnull(
        strstr(look_in_round(2, 2), "3 is LOOKING: the leader looks for another"));
    end();
}
END_TEST

START_TEST(a_leader_that_has_said_its_epoch_is_believed)
{
    follow(zxid_make(4, 9), 4, 4);
    (void)leaderinfo(5);
    ck_assert_str_eq(look_in_round(2, 2), "");
    end();
}
END_TEST

START_TEST(epochs_that_cannot_be_are_refused_at_the_start)
{
    struct zab_config *c = three();
    struct zab_conf conf = {
        .self = 3, .tick_ms = 2000, .init_limit = 10, .sync_limit = 5, .proposals_max = 4
    };
    struct zab_saved behind = { .accepted = 3, .current = 4, .config = c };
    struct zab_saved beyond = {
        .logged = zxid_make(5, 1), .accepted = 4, .current = 4, .config = c
    };

    ck_assert_int_eq(zab_new(&z, &conf, &behind), -EINVAL);
    ck_assert_int_eq(zab_new(&z, &conf, &beyond), -EINVAL);
    zab_config_unref(c);
}
END_TEST

START_TEST(a_crash_before_current_epoch_is_made_good_at_the_start)
{
    begin(zxid_make(5, 1), 5, 4);
    ck_assert_int_eq(zab_epoch(z), 5);
    end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("zab_learner");
    TCase *tc = tcase_create("steps");

    tcase_add_test(tc, an_epoch_is_saved_before_it_is_promised);
    tcase_add_test(tc, a_promise_is_not_given_twice);
    tcase_add_test(tc, a_lower_epoch_is_refused);
    tcase_add_test(tc, the_log_then_the_epoch_then_the_ack);
    tcase_add_test(tc, a_snapshot_with_all_that_newleader_stands_for_is_stored_then_the_epoch);
    tcase_add_test(tc, what_is_committed_is_applied_once_our_own_log_has_it);
    tcase_add_test(tc, a_gap_ends_the_link);
    tcase_add_test(tc, a_commit_out_of_order_ends_the_link);
    tcase_add_test(tc, uptodate_before_our_ack_ends_the_link);
    tcase_add_test(tc, no_ping_is_answered_before_uptodate);
    tcase_add_test(tc, the_log_is_drained_before_it_is_told_where_it_ends);
    tcase_add_test(tc, connecting_is_tried_five_times);
    tcase_add_test(tc, a_leader_that_looks_for_another_is_not_waited_for);
    tcase_add_test(tc, a_leader_that_has_said_its_epoch_is_believed);
    tcase_add_test(tc, epochs_that_cannot_be_are_refused_at_the_start);
    tcase_add_test(tc, a_crash_before_current_epoch_is_made_good_at_the_start);
    suite_add_tcase(s, tc);
    return test_run(s);
}
