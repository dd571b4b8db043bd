/* Observers that followers serve: the core as such a follower, and as such an observer. */
#include "tests/unit/test_jute_hex.h"
#include "tests/unit/test_zab_steps_lib.h"

static const zab_link OBSERVER = ZAB_LINK_MASTER | 9;

/* ---- A follower, of 2. */

static void follow_and_serve(bool observer_masters)
{
    zk_zxid at = zxid_make(4, 9);

    begin_in(three(), observer_masters, at, 4, 4);
    (void)vote(1, 2, 5, at, ZAB_STATE_LOOKING);
    (void)vote(2, 2, 5, at, ZAB_STATE_LOOKING);
    (void)step((struct zab_event){ .kind = ZAB_EV_LINK_UP, .link = OURS });
    (void)leaderinfo(5);
    (void)bare(OURS, ZAB_DIFF, at);
    (void)newleader(5);
}

static void up_to_date(void)
{
    follow_and_serve(true);
    (void)bare(OURS, ZAB_UPTODATE, -1);
    ck_assert_int_eq((int)zab_phase(z), ZAB_BROADCAST);
}

static const char *learner_info(zab_link link, int32_t type, zk_sid sid, int64_t accepted)
{
    uint8_t data[20], *at = jute_store64(data, (uint64_t)sid);

    at = jute_store32(at, ZAB_PROTOCOL_VERSION);
    (void)jute_store64(at, 0);
    return packet(link, type, zxid_make((uint32_t)accepted, 0), data, sizeof data);
}

static const char *observer_info(zab_link link, zk_sid sid)
{
    return learner_info(link, ZAB_OBSERVERINFO, sid, 4);
}

static void serve_observer(void)
{
    up_to_date();
    (void)observer_info(OBSERVER, 7);
    (void)ackepoch(OBSERVER, zxid_make(4, 8), 4);
    (void)bare(OBSERVER, ZAB_ACK, zxid_make(5, 0));
}

START_TEST(a_follower_is_a_leader_to_its_observers)
{
    up_to_date();
    ck_assert_str_eq(observer_info(OBSERVER, 7), "3 -> observers' link 9 LEADERINFO 5:0");
    ck_assert_str_eq(ackepoch(OBSERVER, zxid_make(4, 8), 4),
                     "3 feeds observers' link 9 4:8\n3 -> observers' link 9 NEWLEADER 5:0");
    ck_assert_str_eq(bare(OBSERVER, ZAB_ACK, zxid_make(5, 0)), "3 -> observers' link 9 UPTODATE");
    ck_assert_str_eq(bare(OBSERVER, ZAB_ACK, zxid_make(5, 0)), "");
    ck_assert_str_eq(bare(OBSERVER, ZAB_REQUEST, -1), "3 serves observers' link 9");
    ck_assert_str_eq(bare(OBSERVER, ZAB_REVALIDATE, -1), "3 serves observers' link 9");
    ck_assert_str_eq(bare(OBSERVER, ZAB_PING, 0), "3 serves observers' link 9");
    struct zab_learner_view view;
    ck_assert_uint_eq(zab_learners(z, &view, 1), 1);
    ck_assert(view.is_observer && view.is_synced && view.sid == 7);
    end();
}
END_TEST

START_TEST(before_it_follows_it_serves_nobody)
{
    follow_and_serve(true);
    ck_assert_str_eq(observer_info(OBSERVER, 7), "3 closes observers' link 9: we do not follow");
    end();
    begin_in(three(), true, 0, 4, 4);
    ck_assert_str_eq(observer_info(OBSERVER, 7), "3 closes observers' link 9: we do not follow");
    end();
    follow_and_serve(false);
    (void)bare(OURS, ZAB_UPTODATE, -1);
    ck_assert_str_eq(observer_info(OBSERVER, 7), "3 closes observers' link 9: we do not follow");
    end();
}
END_TEST

START_TEST(a_leader_serves_nobody_there)
{
    lead_on(zxid_make(4, 9));
    ck_assert_str_eq(observer_info(OBSERVER, 7), "3 closes observers' link 9: we do not follow");
    end();
}
END_TEST

START_TEST(only_observers_of_no_later_epoch_are_served)
{
    up_to_date();
    ck_assert_str_eq(learner_info(OBSERVER, ZAB_FOLLOWERINFO, 1, 4),
                     "3 closes observers' link 9: only observers are served there");
    ck_assert_str_eq(learner_info(OBSERVER, ZAB_OBSERVERINFO, 7, 6),
                     "3 closes observers' link 9: it has promised a later epoch than ours");
    ck_assert_str_eq(bare(OBSERVER, ZAB_PING, 0),
                     "3 closes observers' link 9: its first packet does not say who it is");
    end();
}
END_TEST

START_TEST(what_no_observer_sends_ends_its_link)
{
    serve_observer();
    ck_assert_str_eq(bare(OBSERVER, ZAB_ACK, zxid_make(5, 1)),
                     "3 closes observers' link 9: an observer acknowledged a proposal");
    end();
    serve_observer();
    ck_assert_str_eq(bare(OBSERVER, ZAB_COMMIT, zxid_make(5, 1)),
                     "3 closes observers' link 9: it sent what no learner sends");
    end();
    up_to_date();
    (void)observer_info(OBSERVER, 7);
    ck_assert_str_eq(bare(OBSERVER, ZAB_REQUEST, -1),
                     "3 closes observers' link 9: it sent what it should not at this point");
    end();
}
END_TEST

START_TEST(who_is_ahead_waits_until_we_are_there_too)
{
    up_to_date();
    (void)observer_info(OBSERVER, 7);
    ck_assert_str_eq(ackepoch(OBSERVER, zxid_make(5, 1), -1), "");
    ck_assert_str_eq(bare(OURS, ZAB_PROPOSAL, zxid_make(5, 1)), "3 holds 5:1\n3 appends up to 5:1");
    ck_assert_str_eq(logged_up_to(zxid_make(5, 1)), "3 -> own link 1 ACK 5:1");
    ck_assert_str_eq(bare(OURS, ZAB_COMMIT, zxid_make(5, 1)),
                     "3 committed 5:1\n3 feeds observers' link 9 5:1\n"
                     "3 -> observers' link 9 NEWLEADER 5:0");
    end();
}
END_TEST

START_TEST(the_leaders_pings_go_on_to_observers_that_are_up_to_date)
{
    up_to_date();
    now += 1000;
    (void)observer_info(OBSERVER, 7);
    ck_assert_str_eq(bare(OURS, ZAB_PING, zxid_make(5, 0)), "3 answers the PING of own link 1 5:0");
    (void)ackepoch(OBSERVER, zxid_make(4, 8), 4);
    (void)bare(OBSERVER, ZAB_ACK, zxid_make(5, 0));
    now += 1000;
    ck_assert_str_eq(bare(OURS, ZAB_PING, zxid_make(5, 0)),
                     "3 answers the PING of own link 1 5:0\n3 -> observers' link 9 PING 4:9");
    /* But not those of a leader that asks who follows it. */
    now += 1;
    ck_assert_str_eq(bare(OURS, ZAB_PING, zxid_make(5, 0)), "3 answers the PING of own link 1 5:0");
    end();
}
END_TEST

START_TEST(a_silent_observer_is_given_up)
{
    serve_observer();
    for (int i = 0; i < 9; i++) {
        now += 1000;
        (void)bare(OURS, ZAB_PING, zxid_make(5, 0));
    }
    now += 1000;
    ck_assert_int_eq(zab_deadline(z), now);
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_TIME }),
                     "3 closes observers' link 9: it was silent for syncLimit");
    end();
    up_to_date();
    (void)observer_info(OBSERVER, 7);
    for (int i = 0; i < 20; i++) {
        now += 1000;
        (void)bare(OURS, ZAB_PING, zxid_make(5, 0));
    }
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_TIME }),
                     "3 closes observers' link 9: it did not join within initLimit");
    end();
}
END_TEST

START_TEST(who_comes_again_takes_the_place_of_its_old_link)
{
    serve_observer();
    ck_assert_str_eq(observer_info(OBSERVER + 1, 7),
                     "3 closes observers' link 9: the server has come again\n"
                     "3 -> observers' link 10 LEADERINFO 5:0");
    (void)step((struct zab_event){ .kind = ZAB_EV_LINK_DOWN, .link = OBSERVER + 1 });
    struct zab_learner_view view;
    ck_assert_uint_eq(zab_learners(z, &view, 1), 0);
    end();
}
END_TEST

START_TEST(without_its_leader_it_serves_nobody)
{
    serve_observer();
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_LINK_DOWN, .link = OURS }),
                     "3 closes observers' link 9: the leader's link ended\n"
                     "3 is LOOKING: the leader's link ended");
    end();
}
END_TEST

/* ---- An observer: 1, 2 and 4 vote, and 2 leads. */

static struct zab_config *three_and_us(void)
{
    static const char text[] = "server.1=a:1:2:participant\nserver.2=b:1:2:participant\n"
                               "server.3=c:1:2:observer\nserver.4=d:1:2:participant\nversion=0";
    const struct zab_config_rules rules = { 0 };
    char why[ZAB_CONFIG_WHY_MAX];
    struct zab_config *c;

    ck_assert_int_eq(zab_config_parse(&c, text, sizeof text - 1, &rules, why), 0);
    return c;
}

/* All that is said until it calls somebody. */
static const char *until_it_connects(const char *begun)
{
    const char *text = begun;

    for (int i = 0; i < 20 && strstr(text, "connects to") == NULL; i++) {
        if (zab_role(z) == ZAB_LOOKING) {
            (void)vote(1, 2, 5, 0, ZAB_STATE_FOLLOWING);
            text = vote(2, 2, 5, 0, ZAB_STATE_LEADING);
        }
        if (strstr(text, "connects to") == NULL) {
            now = zab_deadline(z);
            text = step((struct zab_event){ .kind = ZAB_EV_TIME });
        }
    }
    ck_assert_ptr_nonnull(strstr(text, "connects to"));
    return strstr(text, "connects to");
}

START_TEST(an_observer_asks_followers_by_turns_and_the_leader_last)
{
    static const char port[] = "connects to the observers' port of ";
    char asked[8] = "";

    begin_in(three_and_us(), true, zxid_make(4, 9), 4, 4);
    for (size_t i = 0; i < 5; i++) {
        const char *text = until_it_connects("");

        ck_assert_int_eq(zab_master(z), INT64_MIN);
        if (i == 4) {
            ck_assert_str_eq(text, "connects to 2");
            break;
        }
        ck_assert_int_eq(strncmp(text, port, sizeof port - 1), 0);
        asked[i] = text[sizeof port - 1];
        zab_link link = (OURS + i) | ZAB_LINK_MASTER;
        ck_assert_ptr_nonnull(
            strstr(step((struct zab_event){ .kind = ZAB_EV_LINK_DOWN, .link = link }),
                   "the observer master cannot be reached"));
    }
    ck_assert(strcmp(asked, "1414") == 0 || strcmp(asked, "4141") == 0);
    end();
}
END_TEST

START_TEST(an_observer_is_served_by_its_master)
{
    begin_in(three_and_us(), true, zxid_make(4, 9), 4, 4);
    (void)until_it_connects("");
    zab_link link = OURS | ZAB_LINK_MASTER;
    ck_assert_str_eq(step((struct zab_event){ .kind = ZAB_EV_LINK_UP, .link = link }),
                     "3 -> own observers' link 1 OBSERVERINFO 4:0");
    static const uint8_t version[] = { 0, 1, 0, 0 };
    (void)packet(link, ZAB_LEADERINFO, zxid_make(5, 0), version, sizeof version);
    (void)bare(link, ZAB_DIFF, zxid_make(4, 9));
    (void)packet(link, ZAB_NEWLEADER, zxid_make(5, 0), NULL, -1);
    (void)bare(link, ZAB_UPTODATE, -1);
    ck_assert_int_eq((int)zab_phase(z), ZAB_BROADCAST);
    ck_assert_int_eq(zab_leader(z), 2);
    zk_sid master = zab_master(z);
    ck_assert(master == 1 || master == 4);
    /* Of its silence the leader is not to blame; another is asked. */
    now = zab_deadline(z);
    ck_assert_ptr_nonnull(
        strstr(step((struct zab_event){ .kind = ZAB_EV_TIME }), "the observer master is silent"));
    const char *next = until_it_connects("");
    ck_assert_int_eq(next[sizeof "connects to the observers' port of " - 1],
                     master == 1 ? '4' : '1');
    end();
}
END_TEST

START_TEST(without_the_setting_an_observer_asks_its_leader)
{
    begin_in(three_and_us(), false, zxid_make(4, 9), 4, 4);
    ck_assert_str_eq(until_it_connects(""), "connects to 2");
    end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("zab_master");
    TCase *tc = tcase_create("steps");

    tcase_add_test(tc, a_follower_is_a_leader_to_its_observers);
    tcase_add_test(tc, before_it_follows_it_serves_nobody);
    tcase_add_test(tc, a_leader_serves_nobody_there);
    tcase_add_test(tc, only_observers_of_no_later_epoch_are_served);
    tcase_add_test(tc, what_no_observer_sends_ends_its_link);
    tcase_add_test(tc, who_is_ahead_waits_until_we_are_there_too);
    tcase_add_test(tc, the_leaders_pings_go_on_to_observers_that_are_up_to_date);
    tcase_add_test(tc, a_silent_observer_is_given_up);
    tcase_add_test(tc, who_comes_again_takes_the_place_of_its_old_link);
    tcase_add_test(tc, without_its_leader_it_serves_nobody);
    tcase_add_test(tc, an_observer_asks_followers_by_turns_and_the_leader_last);
    tcase_add_test(tc, an_observer_is_served_by_its_master);
    tcase_add_test(tc, without_the_setting_an_observer_asks_its_leader);
    suite_add_tcase(s, tc);
    return test_run(s);
}
