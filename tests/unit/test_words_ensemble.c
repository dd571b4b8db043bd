/* server/net/words: what they tell in an ensemble. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/ensemble/figures.h"
#include "server/session/session.h"
#include "tests/lib/net_rig.h"

static struct net_rig rig;
static struct words_ensemble view; /* What the words are told. */
static int resets;

static void tell(void *ctx, struct words_ensemble *ret)
{
    ck_assert_ptr_eq(ctx, &rig);
    *ret = view;
}

static void count_reset(void *ctx)
{
    ck_assert_ptr_eq(ctx, &rig);
    resets++;
}

static struct zab_config *make_config(void)
{
    static const char text[] = "server.1=a:2888:3888\nserver.2=b:1:2|c:3:4;2181\n"
                               "server.3=[::1]:5:6:observer\nversion=100000007";
    static const struct zab_config_rules rules = { .standalone_enabled = true,
                                                   .multi_address = true };
    char why[ZAB_CONFIG_WHY_MAX];
    struct zab_config *c = NULL;

    ck_assert_int_eq(zab_config_parse(&c, text, sizeof text - 1, &rules, why), 0);
    return c;
}

static void setup(void)
{
    struct words_conf conf = net_rig_words_conf();

    conf.ctx = &rig;
    conf.ensemble = tell;
    conf.reset = count_reset;
    conf.sid = 2;
    conf.init_limit = 10;
    conf.sync_limit = 5;
    net_rig_init(&rig, NULL, NULL, &conf);
    view = (struct words_ensemble){ .serves = true,
                                    .role = ZAB_LEADING,
                                    .phase = ZAB_BROADCAST,
                                    .config = make_config(),
                                    .observer_master = INT64_MIN,
                                    .proposal_last = 30,
                                    .proposal_min = 20,
                                    .proposal_max = 40,
                                    .learners = 5,
                                    .synced_followers = 2,
                                    .synced_observers = 1,
                                    .synced_non_voting = 3,
                                    .pending_syncs = 4,
                                    .leading_ms = 1234,
                                    .local_sessions = 6,
                                    .elections = 2,
                                    .election_ms = { .count = 2, .sum = 30, .min = 5, .max = 25 } };
    resets = 0;
}

static void teardown(void)
{
    net_rig_done(&rig);
    zab_config_unref((struct zab_config *)(uintptr_t)view.config);
}

/* Asks as a client does; the answer is good until the next call. */
static const char *ask(const char *word)
{
    static char text[1 << 18];
    int fd = net_rig_open(&rig, 9999);

    net_rig_send(fd, word, 4);
    (void)net_rig_read_all(&rig, fd, text, sizeof text);
    (void)close(fd);
    net_rig_run(&rig);
    return text;
}

static void has(const char *word, const char *part)
{
    const char *text = ask(word);

    ck_assert_msg(strstr(text, part) != NULL, "no '%s' in: %s", part, text);
}

static void has_not(const char *word, const char *part)
{
    const char *text = ask(word);

    ck_assert_msg(strstr(text, part) == NULL, "'%s' in: %s", part, text);
}

START_TEST(srvr_and_stat_name_the_role)
{
    has("srvr", "\nMode: leader\nNode count: 5\nProposal sizes last/min/max: 30/20/40\n");
    has("stat", "\nMode: leader\n");
    view.role = ZAB_FOLLOWING;
    has("srvr", "\nMode: follower\nNode count: 5\n");
    has_not("srvr", "Proposal");
    has_not("srvr", "READ-ONLY");
    view.role = ZAB_OBSERVING;
    has("stat", "\nMode: observer\n");
}
END_TEST

START_TEST(a_read_only_server_says_so)
{
    view.role = ZAB_LOOKING;
    view.phase = ZAB_ELECTION;
    view.is_read_only = true;
    has("srvr", "\nREAD-ONLY mode; serving only read-only clients\nLatency");
    has("srvr", "\nMode: read-only\nNode count: 5\n");
    has("stat", "\nREAD-ONLY mode; serving only read-only clients\nClients:\n");
    has("mntr", "zk_server_state\tread-only\n");
    has_not("mntr", "zk_peer_state");
    has_not("mntr", "zk_quorum_size");
    ck_assert_str_eq(ask("isro"), "ro");
    has_not("conf", "membership");
    has("conf", "\npeerType=0\n");
}
END_TEST

START_TEST(a_server_that_looks_for_a_leader_serves_few_words)
{
    static const char *const refused[] = { "conf", "cons", "crst", "dirs", "dump", "hash", "mntr",
                                           "srst", "srvr", "stat", "wchc", "wchp", "wchs" };

    view.serves = false;
    view.role = ZAB_LOOKING;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        ck_assert_str_eq(ask(refused[i]),
                         "This ZooKeeper instance is not currently serving requests\n");
    ck_assert_str_eq(ask("isro"), "null");
    ck_assert_str_eq(ask("ruok"), "imok");
    ck_assert_str_eq(ask("gtmk"), "306");
    has("envi", "Environment:\n");
    view.serves = true;
    view.role = ZAB_FOLLOWING;
    ck_assert_str_eq(ask("isro"), "rw");
}
END_TEST

START_TEST(conf_shows_the_own_ports_and_the_membership)
{
    has("conf", "\nserverId=2\ninitLimit=10\nsyncLimit=5\nelectionAlg=3\nelectionPort=2|4\n"
                "quorumPort=1|3\npeerType=0\nmembership: \n"
                "server.1=a:2888:3888:participant\n"
                "server.2=b:1:2|c:3:4:participant;0.0.0.0:2181\n"
                "server.3=[0:0:0:0:0:0:0:1]:5:6:observer\nversion=100000007");
    rig.net.words.conf.sid = 3;
    has("conf", "\nelectionPort=6\nquorumPort=5\npeerType=1\n");
    rig.net.words.conf.sid = 9; /* It was removed, and follows still. */
    has("conf", "\nelectionPort=\nquorumPort=\npeerType=0\n");
}
END_TEST

START_TEST(mntr_has_the_figures_of_the_role)
{
    has("mntr", "\nzk_server_state\tleader\nzk_peer_state\tleading - broadcast\n");
    has("mntr", "\nzk_quorum_size\t2\nzk_synced_observers\t1\nzk_learners\t5\n"
                "zk_synced_followers\t2\nzk_synced_non_voting_followers\t3\nzk_pending_syncs\t4\n"
                "zk_leader_uptime\t1234\nzk_last_proposal_size\t30\nzk_max_proposal_size\t40\n"
                "zk_min_proposal_size\t20\n");
    has("mntr", "\nzk_looking_count\t2\n");
    has("mntr", "\nzk_avg_election_time\t15.0\nzk_min_election_time\t5\n"
                "zk_max_election_time\t25\nzk_cnt_election_time\t2\nzk_sum_election_time\t30\n");
    has("mntr", "\nzk_local_sessions\t6\n");
    view.role = ZAB_FOLLOWING;
    has_not("mntr", "synced_observers");
    has_not("mntr", "zk_learners");
    view.is_observer_master = true;
    has("mntr", "\nzk_quorum_size\t2\nzk_synced_observers\t1\n");
    view.role = ZAB_OBSERVING;
    view.observer_master = 1;
    has("mntr", "\nzk_server_state\tobserver\nzk_peer_state\tobserving - broadcast\n"
                "zk_observer_master_id\t1\n");
    has_not("mntr", "synced_observers");
}
END_TEST

START_TEST(mntr_has_what_the_ensemble_counts)
{
    static struct ensemble_figures figures = { .diffs = 3,
                                               .snaps = 4,
                                               .proposals = 5,
                                               .commits = 6,
                                               .revalidations = 7,
                                               .proposals_received = 8,
                                               .commits_received = 9,
                                               .sync_mismatches = 10 };

    rig.service.stats.commit_count = 99; /* Of all that was applied: a server of one shows it. */
    has("mntr", "\nzk_commit_count\t99\n");
    has("mntr", "\nzk_digest_mismatches_count\t0\n");
    figures.follower_sync = (struct summary){ 0 };
    summary_add(&figures.follower_sync, 40);
    histogram_add(&figures.quorum_ack, 12);
    view.figures = &figures;
    has("mntr", "\nzk_diff_count\t3\nzk_snap_count\t4\nzk_commit_count\t6\n");
    has("mntr", "\nzk_proposal_count\t5\n");
    has("mntr", "\nzk_revalidate_count\t7\n");
    has("mntr", "\nzk_learner_proposal_received_count\t8\nzk_learner_commit_received_count\t9\n");
    has("mntr", "\nzk_avg_follower_sync_time\t40.0\n");
    has("mntr", "\nzk_p999_quorum_ack_latency\t12\n");
    has("mntr", "\nzk_digest_mismatches_count\t10\n");
}
END_TEST

START_TEST(a_learner_dumps_the_sessions_of_all)
{
    session_book_put(rig.service.state.sessions, 0x20, 4000);
    session_book_put(rig.service.state.sessions, 0x1f, 30000);
    view.role = ZAB_FOLLOWING;
    has("dump", "SessionTracker dump:\nGlobal Sessions(2):\n0x1f\t30000ms\n0x20\t4000ms\n"
                "ephemeral nodes dump:\n");
    has("mntr", "\nzk_global_sessions\t2\n");
    view.role = ZAB_LEADING;
    has("dump", "SessionTracker dump:\nSession Sets (0)/(0):\n");
}
END_TEST

static void put_session(zk_session_id id, bool is_local)
{
    session_add(rig.service.sessions, id, 30000, rig.service.now_ms)->is_local = is_local;
    if (is_local)
        rig.service.local_sessions++;
}

START_TEST(local_sessions_are_dumped_apart)
{
    (void)setenv("TZ", "UTC", 1);
    rig.service.conf.local_sessions = true;
    session_book_put(rig.service.state.sessions, 0x20, 4000);
    put_session(0x11, true);
    has("dump", "SessionTracker dump:\nSession Sets (1)/(1):\n"); /* Alone there are none. */
    rig.service.is_alone = false;
    view.role = ZAB_FOLLOWING;
    has("dump", "SessionTracker dump:\nLocal Session Sets (1)/(1):\n"
                "1 expire at Sun Sep 13 12:27:12 UTC 2020:\n\t0x11\n"
                "Global Sessions(1):\n0x20\t4000ms\nephemeral nodes dump:\n");
    view.role = ZAB_LEADING;
    put_session(0x20, false);
    has("dump", "SessionTracker dump:\nLocal Session Sets (1)/(1):\n"
                "1 expire at Sun Sep 13 12:27:12 UTC 2020:\n\t0x11\n"
                "Global Session Sets (1)/(1):\n"
                "1 expire at Sun Sep 13 12:27:12 UTC 2020:\n\t0x20\n"
                "ephemeral nodes dump:\n");
    session_find(rig.service.sessions, 0x11)->is_local = false; /* It was upgraded. */
    rig.service.local_sessions = 0;
    has("dump", "SessionTracker dump:\nLocal Session Sets (0)/(0):\n"
                "Global Session Sets (1)/(2):\n"
                "2 expire at Sun Sep 13 12:27:12 UTC 2020:\n\t0x11\n\t0x20\n");
    rig.service.is_alone = true;
}
END_TEST

START_TEST(srst_resets_the_ensembles_figures_too)
{
    ck_assert_str_eq(ask("srst"), "Server stats reset.\n");
    ck_assert_int_eq(resets, 1);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("words");
    Suite *suite = suite_create("words of ensembles");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, srvr_and_stat_name_the_role);
    tcase_add_test(tests, a_read_only_server_says_so);
    tcase_add_test(tests, a_server_that_looks_for_a_leader_serves_few_words);
    tcase_add_test(tests, conf_shows_the_own_ports_and_the_membership);
    tcase_add_test(tests, mntr_has_the_figures_of_the_role);
    tcase_add_test(tests, mntr_has_what_the_ensemble_counts);
    tcase_add_test(tests, a_learner_dumps_the_sessions_of_all);
    tcase_add_test(tests, local_sessions_are_dumped_apart);
    tcase_add_test(tests, srst_resets_the_ensembles_figures_too);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
