/* The core alone, one event after the other: what it asks for, as text (zab/print.h). What several
 * of them do together is in tests/scenarios. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/check.h"
#include "zab/print.h"

static struct zab *z;
static struct bytes said;
static int64_t now;
static const zab_link OURS = ZAB_LINK_OURS | 1;

static struct zab_config *three(void)
{
    static const char text[] = "server.1=a:1:2:participant\n"
                               "server.2=b:1:2:participant\n"
                               "server.3=c:1:2:participant\n"
                               "version=0";
    const struct zab_config_rules rules = { 0 };
    char why[ZAB_CONFIG_WHY_MAX];
    struct zab_config *c;

    ck_assert_int_eq(zab_config_parse(&c, text, sizeof text - 1, &rules, why), 0);
    return c;
}

/* All that came of it but votes and calls, a line each. */
static const char *step(struct zab_event ev)
{
    struct zab_printer p = { .self = 3 };

    ev.now_ms = now;
    struct zab_actions actions = zab_step(z, &ev);

    said.len = 0;
    for (size_t i = 0; i < actions.count; i++) {
        if (actions.at[i].kind == ZAB_DO_NOTIFY || actions.at[i].kind == ZAB_DO_CALL)
            continue;
        if (said.len > 0)
            bytes_printf(&said, "\n");
        zab_print_action(&p, &actions.at[i], &said);
    }
    bytes_put(&said, "", 1);
    return (const char *)said.at;
}

static void begin(zk_zxid logged, int64_t accepted, int64_t current)
{
    struct zab_config *c = three();
    struct zab_conf conf = { .self = 3,
                             .tick_ms = 2000,
                             .init_limit = 10,
                             .sync_limit = 5,
                             .proposals_max = 4,
                             .resend_min_ms = 200,
                             .resend_max_ms = 60000,
                             .finalize_ms = 200,
                             .max_wait_for_epoch_ms = -1 };
    struct zab_saved saved = {
        .logged = logged, .accepted = accepted, .current = current, .config = c
    };

    now = 1000;
    ck_assert_int_eq(zab_new(&z, &conf, &saved), 0);
    zab_config_unref(c);
    (void)step((struct zab_event){ .kind = ZAB_EV_START });
}

static void end(void)
{
    z = zab_free(z);
    bytes_done(&said);
}

static const char *packet(zab_link link, int32_t type, zk_zxid zxid, const void *data, int32_t len)
{
    struct zab_packet p = {
        .type = type, .zxid = zxid, .data = { .at = data, .len = len }, .authinfo = { .count = -1 }
    };

    return step((struct zab_event){ .kind = ZAB_EV_PACKET, .link = link, .packet = &p });
}

static const char *bare(zab_link link, int32_t type, zk_zxid zxid)
{
    return packet(link, type, zxid, NULL, -1);
}

static const char *vote(zk_sid from, zk_sid leader, int64_t epoch, zk_zxid zxid,
                        enum zab_state state)
{
    struct zab_notification n = {
        .state = (int32_t)state,
        .vote = { .leader = leader, .zxid = zxid, .round = 1, .epoch = epoch },
        .version = 2,
        .config = { .len = -1 },
    };

    return step((struct zab_event){ .kind = ZAB_EV_NOTIFIED, .peer = from, .notification = &n });
}

static const char *info(zab_link link, zk_sid sid, int64_t accepted)
{
    uint8_t data[20], *at = jute_store64(data, (uint64_t)sid);

    at = jute_store32(at, ZAB_PROTOCOL_VERSION);
    (void)jute_store64(at, 0);
    return packet(link, ZAB_FOLLOWERINFO, zxid_make((uint32_t)accepted, 0), data, sizeof data);
}

static const char *ackepoch(zab_link link, zk_zxid zxid, int32_t current)
{
    uint8_t data[4];

    (void)jute_store32(data, (uint32_t)current);
    return packet(link, ZAB_ACKEPOCH, zxid, data, sizeof data);
}

static const char *leaderinfo(int64_t epoch)
{
    static const uint8_t version[] = { 0, 1, 0, 0 };

    return packet(OURS, ZAB_LEADERINFO, zxid_make((uint32_t)epoch, 0), version, sizeof version);
}

static const char *newleader(int64_t epoch)
{
    static const char text[] = "server.1=a:1:2:participant\nversion=0";

    return packet(OURS, ZAB_NEWLEADER, zxid_make((uint32_t)epoch, 0), text, sizeof text - 1);
}

/* Elected by all. */
static void lead(zk_zxid logged, int64_t accepted, int64_t current)
{
    begin(logged, accepted, current);
    (void)vote(1, 3, current, logged, ZAB_STATE_LOOKING);
    ck_assert_str_eq(vote(2, 3, current, logged, ZAB_STATE_LOOKING),
                     "3 is LEADING DISCOVERY: every voter agrees");
}

/* Established with server 1. */
static void lead_on(zk_zxid logged)
{
    lead(logged, 4, 4);
    (void)info(7, 1, 4);
    (void)ackepoch(7, logged, 4);
    (void)bare(7, ZAB_ACK, zxid_make(5, 0));
    ck_assert_int_eq((int)zab_phase(z), ZAB_BROADCAST);
}

/* Connected to server 2, which leads. */
static void follow(zk_zxid logged, int64_t accepted, int64_t current)
{
    begin(logged, accepted, current);
    (void)vote(1, 2, current + 1, logged, ZAB_STATE_LOOKING);
    ck_assert_str_eq(vote(2, 2, current + 1, logged, ZAB_STATE_LOOKING),
                     "3 is FOLLOWING DISCOVERY leader=2: every voter agrees\n"
                     "3 connects to 2");
    (void)step((struct zab_event){ .kind = ZAB_EV_LINK_UP, .link = OURS });
}

static const char *logged_up_to(zk_zxid zxid)
{
    return step((struct zab_event){ .kind = ZAB_EV_LOGGED, .zxid = zxid });
}

/* ---- Leading. */

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
    ck_assert_str_eq(info(8, 1, 5), "3 closes link 7: the server has come again\n"
                                    "3 -> link 8 LEADERINFO 5:0");
    end();
}
END_TEST

/* ---- Following. */

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
    Suite *s = suite_create("zab_steps");
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
    tcase_add_test(tc, who_comes_while_we_look_is_held);
    tcase_add_test(tc, who_comes_to_a_follower_is_closed);
    tcase_add_test(tc, junk_as_a_first_packet_closes);
    tcase_add_test(tc, a_server_that_comes_again_replaces_itself);
    tcase_add_test(tc, an_epoch_is_saved_before_it_is_promised);
    tcase_add_test(tc, a_promise_is_not_given_twice);
    tcase_add_test(tc, a_lower_epoch_is_refused);
    tcase_add_test(tc, the_log_then_the_epoch_then_the_ack);
    tcase_add_test(tc, a_snapshot_with_all_that_newleader_stands_for_is_stored_then_the_epoch);
    tcase_add_test(tc, a_gap_ends_the_link);
    tcase_add_test(tc, a_commit_out_of_order_ends_the_link);
    tcase_add_test(tc, uptodate_before_our_ack_ends_the_link);
    tcase_add_test(tc, no_ping_is_answered_before_uptodate);
    tcase_add_test(tc, the_log_is_drained_before_it_is_told_where_it_ends);
    tcase_add_test(tc, connecting_is_tried_five_times);
    tcase_add_test(tc, epochs_that_cannot_be_are_refused_at_the_start);
    tcase_add_test(tc, a_crash_before_current_epoch_is_made_good_at_the_start);
    tcase_add_test(tc, plans);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
