/* The core when the state in memory is not that of the log: what it asks a leader for that is no
 * zabd, and whom it votes for. Between zabd servers: tests/scenarios/java_snapshot.txt. */
#include "tests/unit/test_jute_hex.h"
#include "tests/unit/test_zab_steps_lib.h"

static zab_link link_name;
static int64_t round_now;

static const char *says(zk_sid from, zk_sid leader, int64_t epoch)
{
    struct zab_notification n = {
        .state = ZAB_STATE_LOOKING,
        .vote = { .leader = leader, .zxid = zxid_make(4, 8), .round = round_now, .epoch = epoch },
        .version = 2,
        .config = { .len = -1 },
    };

    return step((struct zab_event){ .kind = ZAB_EV_NOTIFIED, .peer = from, .notification = &n });
}

/* The next election is won by `leader`, of a later epoch than ours, and it proposes another. */
static const char *meets(zk_sid leader, int64_t epoch)
{
    static const uint8_t version[] = { 0, 1, 0, 0 };

    round_now++;
    link_name++;
    (void)says(1, leader, 5);
    (void)says(2, leader, 5);
    ck_assert_int_eq((int)zab_role(z), ZAB_FOLLOWING);
    ck_assert_int_eq(zab_leader(z), leader);
    (void)step((struct zab_event){ .kind = ZAB_EV_LINK_UP, .link = link_name });
    return packet(link_name, ZAB_LEADERINFO, zxid_make((uint32_t)epoch, 0), version, 4);
}

static void loses_link(void)
{
    (void)step((struct zab_event){ .kind = ZAB_EV_LINK_DOWN, .link = link_name });
    ck_assert_int_eq((int)zab_role(z), ZAB_LOOKING);
}

static void diverges(void)
{
    (void)step((struct zab_event){ .kind = ZAB_EV_DIVERGED });
    ck_assert_int_eq((int)zab_role(z), ZAB_LOOKING);
    ck_assert(zab_state_is_void(z));
}

/* The disk has nothing as old as the leader wants us to be. */
static void is_truncated_in_vain(void)
{
    link_name = OURS;
    round_now = 1;
    follow(zxid_make(4, 9), 4, 4);
    (void)leaderinfo(5);
    ck_assert_ptr_nonnull(strstr(bare(OURS, ZAB_TRUNC, zxid_make(4, 8)), "3 truncated after 4:8"));
    diverges();
}

START_TEST(a_snapshot_is_asked_for_with_an_empty_log_that_is_no_promise)
{
    is_truncated_in_vain();
    ck_assert_str_eq(meets(2, 6), "3 saved accepted=6\n"
                                  "3 -> own link 2 ACKEPOCH 0:0 current=-1");
    end();
}
END_TEST

/* Reads its state from disk anew after two more failures, and is as wrong as before. */
static void is_lost(void)
{
    is_truncated_in_vain();
    (void)meets(2, 6);
    loses_link();
    (void)meets(2, 7);
    loses_link();
    ck_assert_str_eq(meets(2, 8), "3 saved accepted=8\n"
                                  "3 truncated after 4:8\n"
                                  "3 -> own link 4 ACKEPOCH 4:8 current=4");
    diverges();
}

START_TEST(a_disk_that_was_tried_in_vain_is_not_tried_again_at_once)
{
    is_lost();
    ck_assert_str_eq(meets(2, 9), "3 saved accepted=9\n"
                                  "3 -> own link 5 ACKEPOCH 0:0 current=-1");
    loses_link();
    ck_assert_ptr_null(strstr(meets(2, 10), "truncated"));
    loses_link();
    ck_assert_ptr_nonnull(strstr(meets(2, 11), "3 truncated after 4:8"));
    end();
}
END_TEST

START_TEST(who_has_no_state_is_for_one_that_is_as_good)
{
    is_lost();
    round_now++;
    (void)says(1, 1, 4); /* As far as we are, and with a lower id. */
    ck_assert_str_eq(says(2, 1, 4), "3 is FOLLOWING DISCOVERY leader=1: every voter agrees\n"
                                    "3 connects to 1");
    end();
}
END_TEST

START_TEST(with_a_snapshot_all_is_well_again)
{
    is_lost();
    (void)meets(2, 9);
    (void)bare(link_name, ZAB_SNAP, zxid_make(4, 8));
    (void)packet(link_name, ZAB_NEWLEADER, zxid_make(9, 0), "", 0);
    (void)step((struct zab_event){ .kind = ZAB_EV_LOADED, .zxid = zxid_make(4, 8) });
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_SNAPSHOT_SAVED }),
                     "3 saved current=9\n"
                     "3 -> own link 5 ACK 9:0");
    ck_assert(!zab_state_is_void(z));
    loses_link();
    round_now++;
    (void)says(1, 1, 9);
    ck_assert_str_eq(says(2, 1, 9), ""); /* We stand again. */
    (void)says(1, 3, 9);
    ck_assert_str_eq(says(2, 3, 9), "3 is LEADING DISCOVERY: every voter agrees");
    end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("zab_mend");
    TCase *tc = tcase_create("zab_mend");

    tcase_add_test(tc, a_snapshot_is_asked_for_with_an_empty_log_that_is_no_promise);
    tcase_add_test(tc, a_disk_that_was_tried_in_vain_is_not_tried_again_at_once);
    tcase_add_test(tc, who_has_no_state_is_for_one_that_is_as_good);
    tcase_add_test(tc, with_a_snapshot_all_is_well_again);
    suite_add_tcase(s, tc);
    return test_run(s);
}
