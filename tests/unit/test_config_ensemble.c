/* server/config: ensembles: their members, and what the files beside zoo.cfg say. */
#include "tests/unit/test_config_lib.h"
#include "zab/config.h"

static void is_told(struct loaded *l, const char *text)
{
    ck_assert_int_eq(l->status, -EINVAL);
    ck_assert_msg(strstr(notes_of(l), text) != NULL, "%s", notes_of(l));
    done(l);
}

/* ---- zoo.cfg alone. */

START_TEST(several_participants_are_an_ensemble)
{
    struct loaded l = load_line(LIMITS THREE "server.4=d:1:2:observer;2182");

    is_quiet(&l);
    ck_assert_uint_eq(l.conf->members->count, 4);
    ck_assert_uint_eq(l.conf->members->voters, 3);
    ck_assert_int_eq(l.conf->members->version, 0);
    ck_assert_int_eq(l.conf->members->members[3].client_port, 2182);
    ck_assert_ptr_null(l.conf->last_seen);
    done(&l);
}
END_TEST

START_TEST(one_server_is_none_unless_standalone_is_off)
{
    struct loaded l = load_line("server.1=a:1:2");

    is_quiet(&l);
    ck_assert_ptr_null(l.conf->members);
    ck_assert_int_eq(l.conf->sid, 1);
    done(&l);
    l = load_line(LIMITS "server.7=a:1:2\nserver.8=b:1:2:observer\nstandaloneEnabled=false");
    ck_assert_int_eq(l.status, 0);
    ck_assert_uint_eq(l.conf->members->voters, 1);
    ck_assert_ptr_nonnull(strstr(notes_of(&l), "does not survive the loss of one"));
    done(&l);
}
END_TEST

START_TEST(members_may_be_in_groups)
{
    struct loaded l = load_line(LIMITS THREE "group.1=1:2\ngroup.2=3\nweight.3=4");

    is_quiet(&l);
    ck_assert(l.conf->members->has_groups);
    ck_assert_int_eq(zab_config_weight(l.conf->members, 3), 4);
    done(&l);
}
END_TEST

/* What follows two lines, and the note at the line where it is. */
static const struct wrong {
    const char *text;
    int line;
    const char *note;
} wrongs[] = {
    { THREE "syncLimit=5", 3, "initLimit is not set: an ensemble needs it" },
    { THREE "initLimit=5\nserver.4=d", 3, "syncLimit is not set: an ensemble needs it" },
    { THREE "initLimit=5", 3, "syncLimit is not set: an ensemble needs it" },
    { LIMITS THREE "server.03=c:1:2", 7, "server.3 is there twice" },
    { LIMITS THREE "group.1=1:2", 7, "server.3 is in no group" },
    { LIMITS THREE "group.1=1:2:3:4", 8, "group.1: there is no server.4" },
    { LIMITS THREE "weight.1=x\ngroup.1=1:2:3", 8, "weight.1 must be a number, of a server's id" },
    { LIMITS THREE "server.4=d|e:1:2", 8,
      "server.4 must read host:port:port[:participant|:observer][;[host:]port]" },
    { LIMITS THREE "server.4=d:1:2|e:1:2", 8,
      "server.4 has several addresses: they need multiAddress.enabled=true" },
    { LIMITS THREE "dynamicConfigFile=/c", 5,
      "server.1 must be in the dynamicConfigFile, like all members" },
    { "server.1=a:1:2:observer", 3,
      "server.1: observers need an ensemble of several participants" },
};

START_TEST(what_no_ensemble_can_be_is_told_with_its_line)
{
    const struct wrong *w = &wrongs[_i];
    struct loaded l = load_line(w->text);
    bool found = false;

    ck_assert_int_eq(l.status, -EINVAL);
    for (size_t i = 0; i < l.report.count; i++)
        found |= strcmp(l.report.notes[i].text, w->note) == 0 && l.report.notes[i].line == w->line;
    ck_assert_msg(found, "%s", notes_of(&l));
    done(&l);
}
END_TEST

START_TEST(several_addresses_pass_when_they_are_allowed)
{
    struct loaded l = load_line(LIMITS THREE "server.4=d:1:2|e:1:2\nmultiAddress.enabled=true");

    is_quiet(&l);
    ck_assert_uint_eq(l.conf->members->members[3].address_count, 2);
    done(&l);
}
END_TEST

START_TEST(settings_of_ensembles_reach_their_members_in_their_units)
{
    struct loaded l = load_line(
        LIMITS THREE
        "connectToLearnerMasterLimit=3\nlocalSessionsEnabled=true\nleaderServes=no\n"
        "localSessionsUpgradingEnabled=true\nsyncEnabled=true\nobserver.syncEnabled=false\n"
        "observerMasterPort=2191\nobserverMaster.sizeLimit=5\nobserver.reconnectDelayMs=6\n"
        "observer.election.DelayMs=7\nquorumListenOnAllIPs=true\ncnxTimeout=8\n"
        "quorumCnxnTimeoutMs=9\ntcpKeepAlive=true\nelectionPortBindRetry=-5\n"
        "fastleader.minNotificationInterval=10\nfastleader.maxNotificationInterval=5\n"
        "leaderConnectDelayDuringRetryMs=11\nleader.maxTimeToWaitForEpoch=12\n"
        "commitLogCount=1500\nsnapshotSizeFactor=2\nforceSnapshotSync=true\n"
        "zabd.linearizableReads=true\nzabd.learnerFeedBytes=65536\nzabd.historyBytes=1048576\n"
        "zabd.epochTxns=100\n"
        "peerType=observer");
    const struct config *c = l.conf;

    is_quiet(&l);
    ck_assert(c->init_limit == 10 && c->sync_limit == 5 && c->connect_limit == 3);
    ck_assert(c->local_sessions && c->local_sessions_upgrading && !c->leader_serves);
    ck_assert(!c->observer_logs && c->observer_master_port == 2191);
    ck_assert(c->observer_master_bytes == 5 && c->observer_reconnect_ms == 6);
    ck_assert(c->observer_election_ms == 7 && c->quorum_listen_on_all);
    ck_assert(c->election_connect_ms == 8 && c->election_handshake_ms == 9);
    ck_assert(c->election_keepalive && c->election_bind_tries == 3);
    ck_assert(c->notify_min_ms == 10 && c->notify_max_ms == 10 && c->learner_retry_ms == 11);
    ck_assert_int_eq(c->epoch_wait_ms, 12);
    ck_assert_int_eq(c->commit_log_count, 1500);
    ck_assert_double_eq(c->snapshot_size_factor, 0.33);
    ck_assert(c->force_snapshot_sync && c->linearizable_reads && c->is_observer);
    ck_assert(c->learner_feed_bytes == 65536 && c->history_bytes == 1048576);
    ck_assert_int_eq(c->epoch_txns, 100);
    done(&l);
}
END_TEST

START_TEST(what_needs_no_tuning_here_is_accepted_and_told)
{
    struct loaded l = load_line(
        LIMITS THREE "leader.maxConcurrentSnapSyncs=13\nleader.maxConcurrentDiffSyncs=14\n"
                     "multiAddress.reachabilityCheckEnabled=false\n"
                     "multiAddress.reachabilityCheckTimeoutMs=15\n"
                     "request_throttle_stall_time=1\n"
                     "request_throttler.shutdownTimeout=2");

    ck_assert_uint_eq(l.report.error_count, 0);
    ck_assert_uint_eq(l.report.count, 6);
    for (size_t i = 0; i < l.report.count; i++)
        ck_assert_ptr_nonnull(strstr(l.report.notes[i].text, " has no effect: "));
    done(&l);
}
END_TEST

START_TEST(the_defaults_of_ensembles_are_those_of_zookeeper)
{
    struct loaded l = load_line("");
    const struct config *c = l.conf;

    ck_assert(c->standalone_enabled && c->leader_serves && c->observer_logs && !c->is_observer);
    ck_assert(c->connect_limit == 0 && c->observer_master_port == 0 && !c->local_sessions);
    ck_assert(c->election_connect_ms == 5000 && c->election_handshake_ms == -1);
    ck_assert(c->notify_min_ms == 200 && c->notify_max_ms == 60000 && c->learner_retry_ms == 100);
    ck_assert(c->election_bind_tries == 3 && c->epoch_wait_ms == -1 && c->commit_log_count == 500);
    ck_assert(c->observer_election_ms == 200 && c->observer_master_bytes == 32 << 20);
    ck_assert(!c->linearizable_reads && c->learner_feed_bytes == 8 << 20);
    ck_assert_int_eq(c->history_bytes, 32 << 20);
    ck_assert_int_eq(c->epoch_txns, 0xfff00000);
    done(&l);
}
END_TEST

START_TEST(members_that_may_change_must_be_in_a_file)
{
    char one[] = "server.4=d:1:2";
    char *const defines[] = { one, NULL };
    struct loaded l =
        load_text("dataDir=/d\nclientPort=1\nreconfigEnabled=true\n" LIMITS THREE, defines);

    is_told(&l, "reconfigEnabled needs the members in a file");
}
END_TEST

/* ---- Files beside it. */

START_TEST(myid_says_which_server_this_is)
{
    struct loaded l = start(LIMITS "clientPort=2181\n" THREE, "2\n", CONFIG_START);

    is_quiet(&l);
    ck_assert_int_eq(l.conf->sid, 2);
    ck_assert(!l.conf->is_observer);
    const struct zab_member *own = zab_config_find(l.conf->members, 2);
    ck_assert(own->client_is_static && own->client_port == 2181);
    ck_assert_str_eq(own->client_host, "0.0.0.0");
    ck_assert_ptr_null(zab_config_find(l.conf->members, 1)->client_host);
    done(&l);
}
END_TEST

START_TEST(the_own_line_gives_role_and_client_port)
{
    struct loaded l = start(LIMITS THREE "server.4=d:1:2:observer;h:2345\n", "4 \n", CONFIG_START);

    ck_assert_msg(l.status == -EINVAL, "a blank behind the id");
    done(&l);
    l = start(LIMITS THREE "server.4=d:1:2:observer;h:2345\n", "4", CONFIG_START);
    is_quiet(&l);
    ck_assert(l.conf->is_observer);
    ck_assert_int_eq(l.conf->client_port, 2345);
    ck_assert_str_eq(l.conf->client_address, "h");
    done(&l);
}
END_TEST

START_TEST(a_wrong_or_missing_myid_stops_the_start)
{
    struct loaded l = start(LIMITS "clientPort=1\n" THREE, NULL, CONFIG_START);

    is_told(&l, "/myid is missing: an ensemble needs it");
    l = start(LIMITS "clientPort=1\n" THREE, NULL, CONFIG_CHECK);
    ck_assert_int_eq(l.status, 0);
    ck_assert_ptr_nonnull(strstr(notes_of(&l), "warning: "));
    done(&l);
    l = start(LIMITS "clientPort=1\n" THREE, "one\n", CONFIG_CHECK);
    is_told(&l, "'one' is no server id");
    l = start(LIMITS "clientPort=1\n" THREE, "", CONFIG_START);
    is_told(&l, "'' is no server id");
    l = start(LIMITS "clientPort=1\n" THREE, "9", CONFIG_START);
    is_told(&l, "this server's id (9, from myid) is not among the members");
}
END_TEST

/* ZOOKEEPER-2901. */
START_TEST(with_extended_types_the_id_of_a_server_is_at_most_254)
{
    static const char members[] = LIMITS "clientPort=1\n" THREE "server.254=y:1:2\n"
                                         "server.255=z:1:2\n";
    char extended[sizeof members + 32];

    (void)snprintf(extended, sizeof extended, "%sextendedTypesEnabled=true\n", members);
    struct loaded l = start(members, "255", CONFIG_CHECK);
    ck_assert_int_eq(l.status, 0);
    done(&l);
    l = start(extended, "254", CONFIG_CHECK);
    ck_assert_int_eq(l.status, 0);
    done(&l);
    l = start(extended, "255", CONFIG_CHECK);
    is_told(&l, "with extendedTypesEnabled the id of a server is at most 254");
}
END_TEST

START_TEST(the_client_port_must_be_somewhere_and_once)
{
    struct loaded l = start(LIMITS THREE, "1", CONFIG_START);

    is_told(&l, "clientPort is not set");
    l = start(LIMITS "clientPort=5\n" THREE "server.4=d:1:2;6", "4", CONFIG_START);
    is_told(&l, "server.4 names another client port");
    l = start(LIMITS "clientPort=5\n" THREE "server.4=d:1:2;h:5", "4", CONFIG_START);
    is_quiet(&l);
    ck_assert_str_eq(l.conf->client_address, "h");
    done(&l);
}
END_TEST

START_TEST(a_dynamic_file_holds_the_members_and_its_name_their_version)
{
    char text[512];

    put_file("zoo.cfg.dynamic.100000003",
             "server.1=a:1:2:participant;2181\nserver.2=b:1:2:participant;2181");
    (void)snprintf(text, sizeof text, LIMITS "dynamicConfigFile=%s/zoo.cfg.dynamic.100000003\n",
                   dir);
    struct loaded l = start(text, "1", CONFIG_START);
    is_quiet(&l);
    ck_assert_int_eq(l.conf->members->version, 0x100000003);
    ck_assert_uint_eq(l.conf->members->voters, 2);
    ck_assert_int_eq(l.conf->client_port, 2181);
    ck_assert_ptr_null(get_file("zoo.cfg.bak"));
    done(&l);
    put_file("zoo.cfg.dynamic.next", "server.1=a:1:2:participant;2181\nversion=100000004");
    l = start(text, "1", CONFIG_START);
    is_quiet(&l);
    ck_assert_int_eq(l.conf->last_seen->version, 0x100000004);
    done(&l);
    /* Decided since: a crash came before it was removed. Who only checks leaves it alone. */
    put_file("zoo.cfg.dynamic.next", "server.1=a:1:2:participant;2181\nversion=100000003");
    l = start(text, "1", CONFIG_CHECK);
    ck_assert_ptr_null(l.conf->last_seen);
    done(&l);
    ck_assert_ptr_nonnull(get_file("zoo.cfg.dynamic.next"));
    l = start(text, "1", CONFIG_START);
    is_quiet(&l);
    ck_assert_ptr_null(l.conf->last_seen);
    done(&l);
    ck_assert_ptr_null(get_file("zoo.cfg.dynamic.next"));
    l = start("dynamicConfigFile=/nowhere/x\n" LIMITS, "1", CONFIG_START);
    is_told(&l, "/nowhere/x: cannot be read: No such file or directory");
}
END_TEST

START_TEST(a_dynamic_file_is_strict_and_without_a_version)
{
    char text[512];

    (void)snprintf(text, sizeof text, LIMITS "dynamicConfigFile=%s/zoo.cfg.dynamic\n", dir);
    put_file("zoo.cfg.dynamic", "server.1=a:1:2\nserver.2=b:1:2\nclientPort=1\n");
    struct loaded l = start(text, "1", CONFIG_START);
    is_told(&l, "clientPort is no key of a membership");
    put_file("zoo.cfg.dynamic", "server.1=a:1:2\nserver.2=b:1:2\nversion=3\n");
    l = start(text, "1", CONFIG_START);
    is_told(&l, "the version belongs into the name");
    put_file("zoo.cfg.dynamic", "server.1=a:1:2;7\n");
    l = start(text, NULL, CONFIG_START);
    is_quiet(&l);
    ck_assert_ptr_null(l.conf->members);
    ck_assert_int_eq(l.conf->client_port, 7);
    done(&l);
    put_file("zoo.cfg.dynamic", "server.1=a:1:2;7\nserver.2=b:1:2;7");
    (void)snprintf(text, sizeof text, "dynamicConfigFile=%s/zoo.cfg.dynamic\n", dir);
    l = start(text, "1", CONFIG_START);
    is_told(&l, "initLimit is not set");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config of ensembles");
    TCase *alone = tcase_create("zoo.cfg");
    TCase *files = tcase_create("files");

    tcase_add_test(alone, several_participants_are_an_ensemble);
    tcase_add_test(alone, one_server_is_none_unless_standalone_is_off);
    tcase_add_test(alone, members_may_be_in_groups);
    tcase_add_loop_test(alone, what_no_ensemble_can_be_is_told_with_its_line, 0,
                        (int)(sizeof wrongs / sizeof wrongs[0]));
    tcase_add_test(alone, several_addresses_pass_when_they_are_allowed);
    tcase_add_test(alone, settings_of_ensembles_reach_their_members_in_their_units);
    tcase_add_test(alone, what_needs_no_tuning_here_is_accepted_and_told);
    tcase_add_test(alone, the_defaults_of_ensembles_are_those_of_zookeeper);
    tcase_add_test(alone, members_that_may_change_must_be_in_a_file);
    suite_add_tcase(suite, alone);
    tcase_add_checked_fixture(files, set_up, tear_down);
    tcase_add_test(files, myid_says_which_server_this_is);
    tcase_add_test(files, the_own_line_gives_role_and_client_port);
    tcase_add_test(files, a_wrong_or_missing_myid_stops_the_start);
    tcase_add_test(files, with_extended_types_the_id_of_a_server_is_at_most_254);
    tcase_add_test(files, the_client_port_must_be_somewhere_and_once);
    tcase_add_test(files, a_dynamic_file_holds_the_members_and_its_name_their_version);
    tcase_add_test(files, a_dynamic_file_is_strict_and_without_a_version);
    suite_add_tcase(suite, files);
    return run(suite);
}
