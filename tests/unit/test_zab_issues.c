/* Bugs that ZooKeeper's protocol had, as one core sees them. tests/scenarios/README.md says where
 * the others are. */
#include "tests/unit/test_jute_hex.h"
#include "tests/unit/test_zab_steps_lib.h"

/* ZOOKEEPER-1192: who said its epoch and went before it promised ours is no part of the quorum. */
START_TEST(a_leader_that_is_abandoned_before_promises_brings_nobody_up_to_date)
{
    lead(zxid_make(4, 9), 4, 4);
    ck_assert_str_eq(info(7, 1, 4), "3 saved accepted=5\n"
                                    "3 -> link 7 LEADERINFO 5:0");
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_LINK_DOWN, .link = 7 }), "");
    ck_assert_str_eq(info(8, 2, 4), "3 -> link 8 LEADERINFO 5:0");
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_LINK_DOWN, .link = 8 }), "");
    for (int i = 0; i < 19; i++) { /* initLimit, in half ticks. */
        now += 1000;
        ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_TIME }), "");
    }
    now += 1000;
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_TIME }),
                     "3 is LOOKING: no quorum joined within initLimit");
    ck_assert_int_eq(zab_epoch(z), 4);
    ck_assert_int_eq(zab_accepted(z), 5);
    end();
}
END_TEST

/* ZOOKEEPER-1343: the epoch is above what the leader itself has promised, too. */
START_TEST(an_epoch_is_above_the_leaders_own_promise)
{
    lead(zxid_make(4, 9), 9, 4);
    ck_assert_str_eq(info(7, 1, 4), "3 saved accepted=10\n"
                                    "3 -> link 7 LEADERINFO a:0");
    end();
}
END_TEST

/* ZOOKEEPER-4685: a learner that acknowledges a proposal before NEWLEADER ends its link; the leader
 * goes on. */
START_TEST(an_ack_of_a_proposal_before_that_of_newleader_ends_its_link_only)
{
    lead_on(zxid_make(4, 9));
    (void)info(8, 2, 4);
    (void)ackepoch(8, zxid_make(4, 9), 4);
    (void)step((struct zab_event){ .kind = ZAB_EV_SUBMIT, .zxid = zxid_make(5, 1) });
    ck_assert_str_eq(bare(8, ZAB_ACK, zxid_make(5, 1)),
                     "3 closes link 8: it acknowledged something else than NEWLEADER");
    (void)logged_up_to(zxid_make(5, 1));
    ck_assert_str_eq(bare(7, ZAB_ACK, zxid_make(5, 1)), "3 committed 5:1");
    end();
}
END_TEST

/* The same from the other side: a proposal that is durable already is acknowledged behind
 * NEWLEADER. */
START_TEST(no_proposal_is_acknowledged_before_newleader)
{
    follow(zxid_make(4, 9), 4, 4);
    (void)leaderinfo(5);
    (void)bare(OURS, ZAB_DIFF, zxid_make(4, 9));
    ck_assert_str_eq(bare(OURS, ZAB_PROPOSAL, zxid_make(5, 1)), "3 holds 5:1");
    ck_assert_str_eq(newleader(5), "3 saved current=5\n"
                                   "3 -> own link 1 ACK 5:0");
    ck_assert_str_eq(logged_up_to(zxid_make(5, 1)), "");
    ck_assert_str_eq(bare(OURS, ZAB_UPTODATE, -1),
                     "3 -> own link 1 ACK 5:0\n"
                     "3 appends up to 5:1\n"
                     "3 is FOLLOWING BROADCAST leader=2 epoch=5: up to date");
    ck_assert_str_eq(logged_up_to(zxid_make(5, 1)), "3 -> own link 1 ACK 5:1");
    end();
}
END_TEST

/* ZOOKEEPER-3023: at UPTODATE all that NEWLEADER stood for is there, applied and served. */
START_TEST(what_newleader_stood_for_is_applied_before_anybody_is_served)
{
    follow(zxid_make(4, 9), 4, 4);
    (void)leaderinfo(5);
    (void)bare(OURS, ZAB_DIFF, zxid_make(4, 10));
    (void)bare(OURS, ZAB_PROPOSAL, zxid_make(4, 10));
    (void)bare(OURS, ZAB_COMMIT, zxid_make(4, 10));
    ck_assert_str_eq(newleader(5), "3 appends up to 4:a");
    ck_assert_int_eq(zab_epoch(z), 4);
    (void)logged_up_to(zxid_make(4, 10));
    ck_assert_int_eq(zab_epoch(z), 5);
    ck_assert_int_eq(zab_committed(z), zxid_make(4, 9));
    ck_assert_str_eq(bare(OURS, ZAB_UPTODATE, -1),
                     "3 -> own link 1 ACK 5:0\n"
                     "3 committed 4:a\n"
                     "3 is FOLLOWING BROADCAST leader=2 epoch=5: up to date");
    end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("zab_issues");
    TCase *tc = tcase_create("zab_issues");

    tcase_add_test(tc, a_leader_that_is_abandoned_before_promises_brings_nobody_up_to_date);
    tcase_add_test(tc, an_epoch_is_above_the_leaders_own_promise);
    tcase_add_test(tc, an_ack_of_a_proposal_before_that_of_newleader_ends_its_link_only);
    tcase_add_test(tc, no_proposal_is_acknowledged_before_newleader);
    tcase_add_test(tc, what_newleader_stood_for_is_applied_before_anybody_is_served);
    suite_add_tcase(s, tc);
    return test_run(s);
}
