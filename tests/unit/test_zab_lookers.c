/* The core while it waits for voters to say their epochs, and they look for another leader. */
#include "tests/unit/test_jute_hex.h"
#include "tests/unit/test_zab_steps_lib.h"

#define SERVER(sid, host) "server." sid "=" host ":1:2:participant\n"
static const char of_three[] = SERVER("1", "a") SERVER("2", "b") SERVER("3", "c") "version=0";
static const char of_five[] = SERVER("1", "a") SERVER("2", "b") SERVER("3", "c") SERVER("4", "d")
    SERVER("5", "e") "version=0";

static const char *says(zk_sid from, zk_sid leader, int64_t round)
{
    struct zab_notification n = {
        .state = ZAB_STATE_LOOKING,
        .vote = { .leader = leader, .zxid = zxid_make(4, 9), .round = round, .epoch = 4 },
        .version = 2,
        .config = { .len = -1 },
    };

    return step((struct zab_event){ .kind = ZAB_EV_NOTIFIED, .peer = from, .notification = &n });
}

/* At once by all, or when the silence is over. */
static void is_elected(void)
{
    if (zab_role(z) == ZAB_LOOKING) {
        now += 200;
        (void)step((struct zab_event){ .kind = ZAB_EV_TIME });
    }
    ck_assert_int_eq((int)zab_phase(z), ZAB_DISCOVERY);
    ck_assert_int_eq((int)zab_role(z), ZAB_LEADING);
}

/* Server 3, elected by server 1 and, by_both, server 2, waits for its voters; max_ms, once one of
 * them looks elsewhere, or, with -1, without such a limit. */
static void wait_for_voters(const char *text, int64_t max_ms, bool by_both)
{
    const struct zab_config_rules rules = { 0 };
    char why[ZAB_CONFIG_WHY_MAX];
    struct zab_config *c;
    struct zab_conf conf = { .self = 3,
                             .tick_ms = 2000,
                             .init_limit = 10,
                             .sync_limit = 5,
                             .proposals_max = 4,
                             .resend_min_ms = 200,
                             .resend_max_ms = 60000,
                             .finalize_ms = 200,
                             .max_wait_for_epoch_ms = max_ms };
    struct zab_saved saved = { .logged = zxid_make(4, 9), .accepted = 4, .current = 4 };

    ck_assert_int_eq(zab_config_parse(&c, text, strlen(text), &rules, why), 0);
    saved.config = c;
    now = 1000;
    ck_assert_int_eq(zab_new(&z, &conf, &saved), 0);
    zab_config_unref(c);
    (void)step((struct zab_event){ .kind = ZAB_EV_START });
    (void)says(1, 3, 1);
    if (by_both)
        (void)says(2, 3, 1);
    is_elected();
}

/* It looks, in the next round. */
static const char *looks(zk_sid from)
{
    return says(from, from, 2);
}

static const char gives_up[] = "3 is LOOKING: a voter changed its mind";

START_TEST(one_that_elected_us_and_looks_ends_too_long_a_wait)
{
    wait_for_voters(of_three, 50, true);
    now += 50;
    ck_assert_str_eq(looks(1), "");
    now += 1;
    ck_assert_str_eq(looks(1), gives_up);
    end();
}
END_TEST

START_TEST(any_of_those_that_elected_us_will_do)
{
    wait_for_voters(of_three, 50, true);
    now += 51;
    ck_assert_str_eq(looks(2), gives_up);
    end();
}
END_TEST

START_TEST(one_that_did_not_elect_us_does_not_matter)
{
    wait_for_voters(of_three, 50, false);
    now += 51;
    ck_assert_str_eq(looks(2), "");
    ck_assert_str_eq(looks(1), gives_up);
    end();
}
END_TEST

START_TEST(nor_does_a_stranger)
{
    wait_for_voters(of_three, 50, true);
    now += 51;
    ck_assert_str_eq(looks(9), "");
    end();
}
END_TEST

/* ZooKeeper does not ask whether its link is there: that may end any moment. */
START_TEST(one_that_has_come_to_us_and_looks_counts_too)
{
    wait_for_voters(of_five, 50, true);
    (void)info(7, 1, 4);
    now += 51;
    ck_assert_str_eq(looks(1), "3 closes link 7: a voter changed its mind\n"
                               "3 is LOOKING: a voter changed its mind");
    end();
}
END_TEST

START_TEST(once_a_quorum_has_said_its_epochs_nobody_changes_his_mind)
{
    wait_for_voters(of_three, 50, true);
    (void)info(7, 1, 4);
    now += 51;
    ck_assert_str_eq(looks(2), "");
    ck_assert_str_eq(looks(1), "");
    ck_assert_int_eq((int)zab_role(z), ZAB_LEADING);
    end();
}
END_TEST

START_TEST(who_elected_us_is_forgotten_with_the_next_look)
{
    wait_for_voters(of_three, 50, true);
    now += 51;
    ck_assert_str_eq(looks(1), gives_up);
    (void)says(2, 3, 2);
    is_elected();
    now += 51;
    ck_assert_str_eq(looks(1), "");
    ck_assert_str_eq(looks(2), gives_up);
    end();
}
END_TEST

START_TEST(without_the_limit_it_takes_all_that_a_quorum_needs_and_a_while)
{
    wait_for_voters(of_three, -1, true);
    now += 900; /* Past 4 times the silence. */
    ck_assert_str_eq(looks(1), "");
    now += 100;
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_TIME }), "");
    ck_assert_str_eq(looks(2), "");
    now += 1000;
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_TIME }),
                     "3 is LOOKING: voters look elsewhere");
    end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("zab_lookers");
    TCase *tc = tcase_create("zab_lookers");

    tcase_add_test(tc, one_that_elected_us_and_looks_ends_too_long_a_wait);
    tcase_add_test(tc, any_of_those_that_elected_us_will_do);
    tcase_add_test(tc, one_that_did_not_elect_us_does_not_matter);
    tcase_add_test(tc, nor_does_a_stranger);
    tcase_add_test(tc, one_that_has_come_to_us_and_looks_counts_too);
    tcase_add_test(tc, once_a_quorum_has_said_its_epochs_nobody_changes_his_mind);
    tcase_add_test(tc, who_elected_us_is_forgotten_with_the_next_look);
    tcase_add_test(tc, without_the_limit_it_takes_all_that_a_quorum_needs_and_a_while);
    suite_add_tcase(s, tc);
    return test_run(s);
}
