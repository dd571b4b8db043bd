/* The core as a leader: what it asks for, one event after the other, and what it plans to send to a
 * learner. What several servers do together is in tests/scenarios. */
#include "tests/unit/test_jute_hex.h"
#include "tests/unit/test_zab_steps_lib.h"

START_TEST(an_epoch_is_saved_before_it_is_proposed)
{
    lead(zxid_make(4, 9), 4, 4);
    ck_assert_str_eq(info(7, 1, 6), "3 saved accepted=7\n"
                                    "3 -> link 7 LEADERINFO 7:0");
    end();
}
END_TEST

START_TEST(the_log_is_durable_before_the_leader_counts_itself)
{
    lead_on(zxid_make(4, 9));
    (void)step((struct zab_event){ .kind = ZAB_EV_SUBMIT, .zxid = zxid_make(5, 1) });
    /* Leadership ends with a txn on its way to the log; the next one begins with it. */
    (void)step((struct zab_event){ .kind = ZAB_EV_LINK_DOWN, .link = 7 });
    now += 1000;
    (void)step((struct zab_event){ .kind = ZAB_EV_TIME });
    ck_assert_int_eq((int)zab_role(z), ZAB_LOOKING);
    struct zab_notification n = {
        .state = ZAB_STATE_LOOKING,
        .vote = { .leader = 3, .zxid = zxid_make(5, 1), .round = 2, .epoch = 5 },
        .version = 2,
        .config = { .len = -1 },
    };
    (void)step((struct zab_event){ .kind = ZAB_EV_NOTIFIED, .peer = 1, .notification = &n });
    (void)step((struct zab_event){ .kind = ZAB_EV_NOTIFIED, .peer = 2, .notification = &n });
    ck_assert_int_eq((int)zab_role(z), ZAB_LEADING);
    (void)info(8, 1, 5);
    ck_assert_str_eq(ackepoch(8, zxid_make(4, 9), 5),
                     "3 is LEADING SYNCHRONIZATION: a quorum promised the epoch\n"
                     "3 feeds link 8 4:9\n"
                     "3 -> link 8 NEWLEADER 6:0");
    ck_assert_str_eq(bare(8, ZAB_ACK, zxid_make(6, 0)), "");
    ck_assert_str_eq(logged_up_to(zxid_make(5, 1)),
                     "3 saved current=6\n"
                     "3 committed 5:1\n"
                     "3 is LEADING BROADCAST epoch=6: a quorum has what we have\n"
                     "3 -> link 8 UPTODATE");
    end();
}
END_TEST

START_TEST(a_learner_ahead_of_us_is_closed)
{
    lead(zxid_make(4, 9), 4, 4);
    (void)info(7, 1, 4);
    ck_assert_str_eq(ackepoch(7, zxid_make(4, 10), 4), "3 closes link 7: it is ahead of us");
    (void)info(8, 2, 4);
    ck_assert_str_eq(ackepoch(8, zxid_make(2, 1), 5), "3 closes link 8: it is ahead of us");
    end();
}
END_TEST

START_TEST(a_promise_of_minus_one_is_not_counted_and_is_synced)
{
    lead(zxid_make(4, 9), 4, 4);
    (void)info(7, 1, 4);
    ck_assert_str_eq(ackepoch(7, zxid_make(4, 9), -1), "");
    (void)info(8, 2, 4);
    ck_assert_str_eq(ackepoch(8, zxid_make(4, 9), 4),
                     "3 is LEADING SYNCHRONIZATION: a quorum promised the epoch\n"
                     "3 feeds link 7 4:9\n"
                     "3 -> link 7 NEWLEADER 5:0\n"
                     "3 feeds link 8 4:9\n"
                     "3 -> link 8 NEWLEADER 5:0\n"
                     "3 saved current=5");
    end();
}
END_TEST

START_TEST(an_ack_of_another_newleader_closes)
{
    lead(zxid_make(4, 9), 4, 4);
    (void)info(7, 1, 4);
    (void)ackepoch(7, zxid_make(4, 9), 4);
    ck_assert_str_eq(bare(7, ZAB_ACK, zxid_make(4, 0)),
                     "3 closes link 7: it acknowledged something else than NEWLEADER");
    end();
}
END_TEST

START_TEST(a_quorum_of_acks_commits_and_all_before)
{
    lead_on(zxid_make(4, 9));
    ck_assert_int_eq(zab_next_zxid(z), zxid_make(5, 1));
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_SUBMIT, .zxid = zxid_make(5, 3) }),
                     "3 appends up to 5:3");
    ck_assert_str_eq(bare(7, ZAB_ACK, zxid_make(5, 2)), "");
    ck_assert_str_eq(logged_up_to(zxid_make(5, 3)), "3 committed 5:2");
    ck_assert_str_eq(bare(7, ZAB_ACK, zxid_make(5, 3)), "3 committed 5:3");
    end();
}
END_TEST

START_TEST(nothing_is_committed_before_our_own_log_has_it)
{
    lead_on(zxid_make(4, 9));
    (void)info(8, 2, 4);
    (void)ackepoch(8, zxid_make(4, 9), 4);
    (void)bare(8, ZAB_ACK, zxid_make(5, 0));
    (void)step((struct zab_event){ .kind = ZAB_EV_SUBMIT, .zxid = zxid_make(5, 1) });
    (void)bare(7, ZAB_ACK, zxid_make(5, 1));
    ck_assert_str_eq(bare(8, ZAB_ACK, zxid_make(5, 1)), "");
    ck_assert_str_eq(logged_up_to(zxid_make(5, 1)), "3 committed 5:1");
    end();
}
END_TEST

START_TEST(an_ack_of_what_was_never_proposed_closes)
{
    lead_on(zxid_make(4, 9));
    ck_assert_str_eq(bare(7, ZAB_ACK, zxid_make(5, 1)),
                     "3 closes link 7: it acknowledged what was never proposed");
    end();
}
END_TEST

START_TEST(an_answer_without_a_ping_closes)
{
    lead_on(zxid_make(4, 9));
    ck_assert_str_eq(bare(7, ZAB_PING, zxid_make(5, 0)),
                     "3 closes link 7: it answered a PING that was never sent");
    end();
}
END_TEST

START_TEST(no_ping_before_newleader)
{
    lead_on(zxid_make(4, 9));
    (void)info(8, 2, 4);
    now += 1000;
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_TIME }), "3 -> link 7 PING 5:0");
    (void)ackepoch(8, zxid_make(4, 9), 4);
    now += 1000;
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_TIME }), "3 -> link 7 PING 5:0\n"
                                                                      "3 -> link 8 PING 5:0");
    end();
}
END_TEST

START_TEST(a_slow_learner_is_closed_after_sync_limit)
{
    const char *last = "";

    lead_on(zxid_make(4, 9));
    (void)info(8, 2, 4);
    (void)ackepoch(8, zxid_make(4, 9), 4);
    (void)bare(8, ZAB_ACK, zxid_make(5, 0));
    (void)step((struct zab_event){ .kind = ZAB_EV_SUBMIT, .zxid = zxid_make(5, 1) });
    (void)logged_up_to(zxid_make(5, 1));
    (void)bare(7, ZAB_ACK, zxid_make(5, 1));
    for (int i = 0; i < 12; i++) {
        now += 1000;
        last = step((struct zab_event){ .kind = ZAB_EV_TIME });
        if (strstr(last, "closes") != NULL)
            break;
        (void)bare(7, ZAB_PING, 0);
        (void)bare(8, ZAB_PING, 0);
    }
    ck_assert_str_eq(last, "3 closes link 8: it did not log a proposal within syncLimit\n"
                           "3 -> link 7 PING 5:1");
    end();
}
END_TEST

START_TEST(a_round_is_answered_by_the_commit_of_a_younger_txn)
{
    lead_on(zxid_make(4, 9));
    ck_assert_uint_eq(zab_confirm(z), 1);
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_TIME }), "3 -> link 7 PING 5:0");
    (void)step((struct zab_event){ .kind = ZAB_EV_SUBMIT, .zxid = zxid_make(5, 1) });
    (void)logged_up_to(zxid_make(5, 1));
    ck_assert_str_eq(bare(7, ZAB_ACK, zxid_make(5, 1)), "3 committed 5:1\n"
                                                        "3 confirmed ticket 1");
    end();
}
END_TEST

START_TEST(a_txn_that_was_open_already_answers_no_round)
{
    lead_on(zxid_make(4, 9));
    (void)step((struct zab_event){ .kind = ZAB_EV_SUBMIT, .zxid = zxid_make(5, 1) });
    (void)logged_up_to(zxid_make(5, 1));
    (void)zab_confirm(z);
    (void)step((struct zab_event){ .kind = ZAB_EV_TIME });
    ck_assert_str_eq(bare(7, ZAB_ACK, zxid_make(5, 1)), "3 committed 5:1");
    ck_assert_str_eq(bare(7, ZAB_PING, zxid_make(5, 1)), "3 serves link 7\n"
                                                         "3 confirmed ticket 1");
    end();
}
END_TEST

START_TEST(a_ping_that_was_under_way_answers_no_round)
{
    lead_on(zxid_make(4, 9));
    now += 1000;
    (void)step((struct zab_event){ .kind = ZAB_EV_TIME });
    (void)zab_confirm(z);
    (void)step((struct zab_event){ .kind = ZAB_EV_TIME });
    ck_assert_str_eq(bare(7, ZAB_PING, zxid_make(5, 0)), "3 serves link 7");
    ck_assert_str_eq(bare(7, ZAB_PING, zxid_make(5, 0)), "3 serves link 7\n"
                                                         "3 confirmed ticket 1");
    end();
}
END_TEST

START_TEST(who_joins_during_a_round_answers_it_in_place_of_one_that_goes)
{
    lead_on(zxid_make(4, 9));
    (void)info(8, 2, 4);
    (void)ackepoch(8, zxid_make(4, 9), 4);
    (void)zab_confirm(z);
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_TIME }), "3 -> link 7 PING 5:0");
    ck_assert_str_eq(bare(8, ZAB_ACK, zxid_make(5, 0)), "3 -> link 8 UPTODATE\n"
                                                        "3 -> link 8 PING 5:0");
    (void)step((struct zab_event){ .kind = ZAB_EV_LINK_DOWN, .link = 7 });
    ck_assert_str_eq(bare(8, ZAB_PING, zxid_make(5, 0)), "3 serves link 8\n"
                                                         "3 confirmed ticket 1");
    end();
}
END_TEST

START_TEST(who_comes_while_we_look_is_held)
{
    begin(zxid_make(4, 9), 4, 4);
    ck_assert_str_eq(info(7, 1, 6), "");
    (void)vote(1, 3, 4, zxid_make(4, 9), ZAB_STATE_LOOKING);
    ck_assert_str_eq(vote(2, 3, 4, zxid_make(4, 9), ZAB_STATE_LOOKING),
                     "3 is LEADING DISCOVERY: every voter agrees\n"
                     "3 saved accepted=7\n"
                     "3 -> link 7 LEADERINFO 7:0");
    end();
}
END_TEST

START_TEST(who_comes_to_a_follower_is_closed)
{
    follow(zxid_make(4, 9), 4, 4);
    ck_assert_str_eq(info(7, 1, 4), "3 closes link 7: we do not lead");
    end();
}
END_TEST

START_TEST(junk_as_a_first_packet_closes)
{
    static const int32_t types[] = { 0,  1,  2,  3,  4,  5,  6,  7,  8, 9,
                                     10, 12, 13, 14, 15, 17, 18, 19, -1 };

    lead(zxid_make(4, 9), 4, 4);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        ck_assert_ptr_nonnull(strstr(bare(100 + i, types[i], 0), "closes link 1"));
    ck_assert_ptr_nonnull(strstr(bare(7, ZAB_FOLLOWERINFO, 0), "closes link 7"));
    ck_assert_ptr_nonnull(strstr(info(8, 3, 4), "its id cannot be"));
    ck_assert_ptr_nonnull(strstr(info(8, -1, 4), "its id cannot be"));
    ck_assert_ptr_nonnull(strstr(info(8, 1, 0x7fffffff), "its epoch cannot be"));
    ck_assert_ptr_nonnull(strstr(info(8, 1, 0x80000000), "its epoch cannot be"));
    end();
}
END_TEST

START_TEST(a_server_that_comes_again_replaces_itself)
{
    lead_on(zxid_make(4, 9));
    ck_assert_str_eq(info(8, 1, 5), "3 -> link 7 PING 5:0");
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_LINK_DOWN, .link = 7 }),
                     "3 -> link 8 LEADERINFO 5:0");
    end();
}
END_TEST

/* While it syncs, nothing tells which of the two it is. */
START_TEST(a_server_that_joins_and_comes_again_replaces_itself)
{
    lead(zxid_make(4, 9), 4, 4);
    (void)info(7, 1, 4);
    ck_assert_str_eq(info(8, 1, 5), "3 closes link 7: the server has come again\n"
                                    "3 -> link 8 LEADERINFO 5:0");
    end();
}
END_TEST

START_TEST(who_says_that_it_is_a_follower_that_lives_is_closed)
{
    lead_on(zxid_make(4, 9));
    (void)info(8, 1, 5);
    ck_assert_str_eq(bare(7, ZAB_PING, zxid_make(5, 0)),
                     "3 serves link 7\n"
                     "3 closes link 8: its server has another link, which lives");
    /* Nor does it get anywhere by another epoch, or by talking. */
    (void)info(9, 1, 9);
    ck_assert_str_eq(ackepoch(9, zxid_make(9, 1), 9),
                     "3 closes link 9: it sent what it should not at this point");
    (void)info(10, 1, 9);
    ck_assert_str_eq(info(11, 1, 9), "3 -> link 7 PING 5:0\n"
                                     "3 closes link 10: the server has come again");
    (void)bare(7, ZAB_PING, zxid_make(5, 0));
    (void)bare(7, ZAB_PING, zxid_make(5, 0));
    ck_assert_str_eq(bare(7, ZAB_PING, zxid_make(5, 0)),
                     "3 serves link 7\n"
                     "3 closes link 11: its server has another link, which lives");
    ck_assert_int_eq((int)zab_phase(z), ZAB_BROADCAST);
    end();
}
END_TEST

START_TEST(a_ping_that_was_under_way_shows_no_life)
{
    lead_on(zxid_make(4, 9));
    now += 1000;
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_TIME }), "3 -> link 7 PING 5:0");
    (void)info(8, 1, 5);
    ck_assert_str_eq(bare(7, ZAB_PING, zxid_make(5, 0)), "3 serves link 7");
    now += 2000;
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_TIME }),
                     "3 -> link 7 PING 5:0\n"
                     "3 closes link 7: the server has come again\n"
                     "3 -> link 8 LEADERINFO 5:0");
    end();
}
END_TEST

START_TEST(a_later_promise_ends_the_epoch_but_not_at_once_again)
{
    lead_on(zxid_make(4, 9));
    ck_assert_str_eq(info(8, 2, 7), "3 closes link 8: it has promised a later epoch than ours");
    for (int i = 0; i < 10; i++) { /* syncLimit, with server 1 alive. */
        now += 1000;
        (void)step((struct zab_event){ .kind = ZAB_EV_TIME });
        (void)bare(7, ZAB_PING, zxid_make(5, 0));
    }
    (void)info(9, 2, 7);
    (void)bare(7, ZAB_PING, zxid_make(5, 0));
    now += 49; /* Its learner, who gave no hint, may be one of ZooKeeper's, who pass txns on. */
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_TIME }), "");
    ck_assert_int_eq((int)zab_role(z), ZAB_LEADING);
    now += 1;
    (void)step((struct zab_event){ .kind = ZAB_EV_TIME });
    ck_assert_int_eq((int)zab_role(z), ZAB_LOOKING);
    end();
}
END_TEST

/* Established with server 1, and with a configuration that was proposed before: we are to listen
 * elsewhere, so that another has to lead. */
static void lead_on_to_another_place(void)
{
    static const char text[] = "server.1=a:1:2:participant\n"
                               "server.2=b:1:2:participant\n"
                               "server.3=d:1:2:participant\n"
                               "version=400000009";
    const struct zab_config_rules rules = { 0 };
    char why[ZAB_CONFIG_WHY_MAX];
    struct zab_config *before = three(), *seen;
    struct zab_conf conf = { .self = 3,
                             .tick_ms = 2000,
                             .init_limit = 10,
                             .sync_limit = 5,
                             .proposals_max = 4,
                             .resend_min_ms = 200,
                             .resend_max_ms = 60000,
                             .finalize_ms = 200,
                             .max_wait_for_epoch_ms = -1,
                             .reconfig_enabled = true };
    struct zab_saved saved = { .logged = zxid_make(4, 9), .accepted = 4, .current = 4 };

    ck_assert_int_eq(zab_config_parse(&seen, text, sizeof text - 1, &rules, why), 0);
    saved.config = before;
    saved.last_seen = seen;
    now = 1000;
    ck_assert_int_eq(zab_new(&z, &conf, &saved), 0);
    zab_config_unref(before);
    zab_config_unref(seen);
    (void)step((struct zab_event){ .kind = ZAB_EV_START });
    (void)vote(1, 3, 4, zxid_make(4, 9), ZAB_STATE_LOOKING);
    (void)vote(2, 3, 4, zxid_make(4, 9), ZAB_STATE_LOOKING);
    (void)info(7, 1, 4);
    (void)ackepoch(7, zxid_make(4, 9), 4);
    (void)bare(7, ZAB_ACK, zxid_make(5, 0));
    ck_assert_int_eq((int)zab_phase(z), ZAB_BROADCAST);
    ck_assert_int_eq(zab_config_in_force(z)->version, zxid_make(4, 9));
    ck_assert(!zab_can_submit(z));
}

START_TEST(who_is_not_to_lead_goes_when_the_others_have_gone)
{
    lead_on_to_another_place();
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_LINK_DOWN, .link = 7 }),
                     "3 is LOOKING: another was designated");
    end();
}
END_TEST

/* A ZooKeeper compares where names lead to, and may see no reason to go. */
START_TEST(who_is_not_to_lead_goes_though_the_others_stay)
{
    lead_on_to_another_place();
    for (int i = 0; i < 2 && zab_role(z) == ZAB_LEADING; i++) {
        now += 1000;
        (void)step((struct zab_event){ .kind = ZAB_EV_TIME });
        (void)bare(7, ZAB_PING, 0);
    }
    ck_assert_int_eq((int)zab_role(z), ZAB_LOOKING);
    end();
}
END_TEST

START_TEST(an_epoch_too_far_ahead_is_not_believed)
{
    lead(zxid_make(4, 9), 4, 4);
    ck_assert_str_eq(info(7, 1, 0x7ffffff0),
                     "3 closes link 7: its epoch is too far ahead to be true");
    ck_assert_str_eq(info(8, 44, 5 + 65537),
                     "3 closes link 8: its epoch is too far ahead to be true");
    ck_assert_str_eq(info(9, 1, 5 + 65536), "3 saved accepted=65542\n"
                                            "3 -> link 9 LEADERINFO 10006:0");
    end();
}
END_TEST

/* ---- zab_plan(). */

static const zk_zxid kept[] = { 0x400000005, 0x400000006, 0x600000001, 0x600000002 };

static zk_zxid before(void *ctx, zk_zxid zxid)
{
    (void)ctx;
    for (size_t i = 4; i-- > 0;)
        if (kept[i] < zxid)
            return kept[i];
    return 0;
}

static zk_zxid from(void *ctx, zk_zxid zxid)
{
    (void)ctx;
    for (size_t i = 0; i < 4; i++)
        if (kept[i] >= zxid)
            return kept[i];
    return 0;
}

static void is_plan(zk_zxid learner, bool has_log, int how, zk_zxid zxid, zk_zxid after)
{
    struct zab_history h = { .min = kept[0],
                             .max = kept[3],
                             .last = kept[3],
                             .before = before,
                             .from = from,
                             .has_log = has_log };
    struct zab_plan p = zab_plan(&h, learner, false);

    ck_assert_int_eq((int)p.how, how);
    ck_assert_int_eq(p.zxid, zxid);
    ck_assert_int_eq(p.after, after);
}

START_TEST(plans)
{
    is_plan(kept[3], false, ZAB_PLAN_DIFF, kept[3], kept[3]);
    is_plan(kept[1], false, ZAB_PLAN_DIFF, kept[3], kept[1]);
    is_plan(0x600000000, false, ZAB_PLAN_DIFF, kept[3], 0x600000000); /* The begin of an epoch. */
    is_plan(0x600000003, false, ZAB_PLAN_TRUNC, kept[3], kept[3]);
    is_plan(0x400000007, false, ZAB_PLAN_TRUNC, kept[1], kept[1]); /* A lost proposal. */
    is_plan(0x500000001, false, ZAB_PLAN_SNAP, kept[3], kept[3]); /* An epoch we know nothing of. */
    is_plan(0x700000001, false, ZAB_PLAN_SNAP, kept[3], kept[3]);
    is_plan(0x700000000, false, ZAB_PLAN_SNAP, kept[3], kept[3]);
    is_plan(0x400000004, true, ZAB_PLAN_LOG, kept[3], 0x400000004);
    is_plan(0x400000004, false, ZAB_PLAN_SNAP, kept[3], kept[3]);
    is_plan(0, true, ZAB_PLAN_SNAP, kept[3], kept[3]);
    is_plan(-1, true, ZAB_PLAN_SNAP, kept[3], kept[3]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("zab_leader");
    TCase *tc = tcase_create("steps");

    tcase_add_test(tc, an_epoch_is_saved_before_it_is_proposed);
    tcase_add_test(tc, the_log_is_durable_before_the_leader_counts_itself);
    tcase_add_test(tc, a_learner_ahead_of_us_is_closed);
    tcase_add_test(tc, a_promise_of_minus_one_is_not_counted_and_is_synced);
    tcase_add_test(tc, an_ack_of_another_newleader_closes);
    tcase_add_test(tc, a_quorum_of_acks_commits_and_all_before);
    tcase_add_test(tc, nothing_is_committed_before_our_own_log_has_it);
    tcase_add_test(tc, an_ack_of_what_was_never_proposed_closes);
    tcase_add_test(tc, an_answer_without_a_ping_closes);
    tcase_add_test(tc, no_ping_before_newleader);
    tcase_add_test(tc, a_slow_learner_is_closed_after_sync_limit);
    tcase_add_test(tc, a_round_is_answered_by_the_commit_of_a_younger_txn);
    tcase_add_test(tc, a_txn_that_was_open_already_answers_no_round);
    tcase_add_test(tc, a_ping_that_was_under_way_answers_no_round);
    tcase_add_test(tc, who_joins_during_a_round_answers_it_in_place_of_one_that_goes);
    tcase_add_test(tc, who_comes_while_we_look_is_held);
    tcase_add_test(tc, who_comes_to_a_follower_is_closed);
    tcase_add_test(tc, junk_as_a_first_packet_closes);
    tcase_add_test(tc, a_server_that_comes_again_replaces_itself);
    tcase_add_test(tc, a_server_that_joins_and_comes_again_replaces_itself);
    tcase_add_test(tc, who_says_that_it_is_a_follower_that_lives_is_closed);
    tcase_add_test(tc, a_ping_that_was_under_way_shows_no_life);
    tcase_add_test(tc, a_later_promise_ends_the_epoch_but_not_at_once_again);
    tcase_add_test(tc, an_epoch_too_far_ahead_is_not_believed);
    tcase_add_test(tc, who_is_not_to_lead_goes_when_the_others_have_gone);
    tcase_add_test(tc, who_is_not_to_lead_goes_though_the_others_stay);
    tcase_add_test(tc, plans);
    suite_add_tcase(s, tc);
    return test_run(s);
}
