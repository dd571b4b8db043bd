/* The core while the membership changes: who can help to decide a configuration, who leads under
 * it. What several servers do together is in tests/scenarios. */
#include "tests/unit/test_jute_hex.h"
#include "tests/unit/test_zab_steps_lib.h"

static struct zab_config *config(const char *text)
{
    const struct zab_config_rules rules = { 0 };
    char why[ZAB_CONFIG_WHY_MAX];
    struct zab_config *c;

    ck_assert_int_eq(zab_config_parse(&c, text, strlen(text), &rules, why), 0);
    return c;
}

#define VOTES_1    "server.1=a:1:2:participant;5\n"
#define OBSERVES_1 "server.1=a:1:2:observer;5\n"
#define VOTES_2    "server.2=b:1:2:participant;5\n"
#define VOTES_3    "server.3=c:1:2:participant;5\n"

/* Server 3, in `text`, alone leads epoch 5. */
static void lead_alone(const char *text)
{
    struct zab_config *c = config(text);
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
    struct zab_saved saved = {
        .logged = zxid_make(4, 9), .accepted = 4, .current = 4, .config = c
    };

    now = 1000;
    ck_assert_int_eq(zab_new(&z, &conf, &saved), 0);
    zab_config_unref(c);
    (void)step((struct zab_event){ .kind = ZAB_EV_START });
    ck_assert_int_eq((int)zab_phase(z), ZAB_BROADCAST);
}

/* Server 1 joins on `link`. */
static void join(zab_link link, int32_t type)
{
    uint8_t data[20], *at = jute_store64(data, 1);

    at = jute_store32(at, ZAB_PROTOCOL_VERSION);
    (void)jute_store64(at, 0);
    (void)packet(link, type, zxid_make(4, 0), data, sizeof data);
    (void)ackepoch(link, zxid_make(4, 9), 4);
    ck_assert_str_eq(bare(link, ZAB_ACK, zxid_make(5, 0)),
                     link == 7 ? "3 -> link 7 UPTODATE" : "3 -> link 8 UPTODATE");
}

/* Proposes it, whoever is there, and logs it. */
static const char *change(const char *text)
{
    struct zab_config *c = config(text);
    zk_zxid zxid = c->version;

    ck_assert_int_eq(zab_next_zxid(z), zxid);
    (void)step((struct zab_event){ .kind = ZAB_EV_PROPOSED_CONFIG, .config = c, .zxid = zxid });
    zab_config_unref(c);
    (void)step((struct zab_event){ .kind = ZAB_EV_SUBMIT, .zxid = zxid });
    return logged_up_to(zxid);
}

static bool can_decide(const char *text)
{
    struct zab_config *c = config(text);
    zk_sid sids[4];
    bool can = zab_config_is_quorum(c, sids, zab_voices(z, sids, 4));

    zab_config_unref(c);
    return can;
}

START_TEST(who_follows_without_a_vote_can_decide_what_gives_it_one)
{
    lead_alone(VOTES_3 "version=0");
    ck_assert(can_decide(VOTES_3 "version=500000001"));
    ck_assert(!can_decide(VOTES_1 VOTES_3 "version=500000001"));
    join(7, ZAB_FOLLOWERINFO);
    ck_assert(can_decide(VOTES_1 VOTES_3 "version=500000001"));
    ck_assert(!can_decide(VOTES_2 VOTES_3 "version=500000001"));
    end();
}
END_TEST

START_TEST(who_observes_cannot_decide_what_gives_it_a_vote)
{
    lead_alone(OBSERVES_1 VOTES_3 "version=0");
    join(7, ZAB_OBSERVERINFO);
    ck_assert(!can_decide(VOTES_1 VOTES_3 "version=500000001"));
    end();
}
END_TEST

/* Whatever the configuration says of it. */
START_TEST(who_observes_without_being_a_member_cannot_either)
{
    lead_alone(VOTES_3 "version=0");
    join(7, ZAB_OBSERVERINFO);
    ck_assert(!can_decide(VOTES_1 VOTES_3 "version=500000001"));
    end();
}
END_TEST

/* It does not know yet, or its link is there still; soon it will be no follower. */
START_TEST(who_was_made_an_observer_cannot_decide_what_gives_its_vote_back)
{
    lead_alone(VOTES_3 "version=0");
    join(7, ZAB_FOLLOWERINFO);
    (void)change(OBSERVES_1 VOTES_3 "version=500000001");
    ck_assert_int_eq(zab_config_in_force(z)->version, zxid_make(5, 1));
    ck_assert(!can_decide(VOTES_1 VOTES_3 "version=500000002"));
    end();
}
END_TEST

/* It was asked for while there was a quorum for it; but who is to vote went before it had logged
 * it, and came again as an observer. Under the next leader it has its vote. */
START_TEST(a_configuration_that_only_an_observer_could_decide_ends_the_leader)
{
    lead_alone(VOTES_3 "version=0");
    join(7, ZAB_FOLLOWERINFO);
    ck_assert_str_eq(change(VOTES_1 VOTES_3 "version=500000001"), "");
    (void)step((struct zab_event){ .kind = ZAB_EV_LINK_DOWN, .link = 7 });
    join(8, ZAB_OBSERVERINFO);
    now += 500;
    (void)step((struct zab_event){ .kind = ZAB_EV_TIME });
    now += 500;
    ck_assert_ptr_nonnull(strstr(step((struct zab_event){ .kind = ZAB_EV_TIME }),
                                 "3 is LOOKING: a quorum is not connected any more"));
    end();
}
END_TEST

START_TEST(who_comes_again_as_a_follower_decides_it)
{
    lead_alone(VOTES_3 "version=0");
    join(7, ZAB_FOLLOWERINFO);
    ck_assert_str_eq(change(VOTES_1 VOTES_3 "version=500000001"), "");
    (void)step((struct zab_event){ .kind = ZAB_EV_LINK_DOWN, .link = 7 });
    join(8, ZAB_FOLLOWERINFO);
    ck_assert_str_eq(bare(8, ZAB_ACK, zxid_make(5, 1)), "3 activated configuration 5:1 leader=3\n"
                                                        "3 committed 5:1");
    end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("zab_reconfig");
    TCase *tc = tcase_create("zab_reconfig");

    tcase_add_test(tc, who_follows_without_a_vote_can_decide_what_gives_it_one);
    tcase_add_test(tc, who_observes_cannot_decide_what_gives_it_a_vote);
    tcase_add_test(tc, who_observes_without_being_a_member_cannot_either);
    tcase_add_test(tc, who_was_made_an_observer_cannot_decide_what_gives_its_vote_back);
    tcase_add_test(tc, a_configuration_that_only_an_observer_could_decide_ends_the_leader);
    tcase_add_test(tc, who_comes_again_as_a_follower_decides_it);
    suite_add_tcase(s, tc);
    return test_run(s);
}
