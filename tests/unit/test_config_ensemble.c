/* server/config: ensembles: their members, and what the files beside zoo.cfg say. */
#include <sys/stat.h>

#include "server/dynamic.h"
#include "tests/unit/test_config_load.h"
#include "zab/config.h"

#define LIMITS "initLimit=10\nsyncLimit=5\n"
#define THREE  "server.1=a:2888:3888\nserver.2=b:2888:3888\nserver.3=c:2888:3888\n"

/* ---- A directory with zoo.cfg in it, which is its own data directory. */

static char dir[64];

static const char *in_dir(const char *name)
{
    static char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void put_file(const char *name, const char *text)
{
    FILE *out = fopen(in_dir(name), "w");

    ck_assert_ptr_nonnull(out);
    ck_assert_int_ge(fputs(text, out), 0);
    ck_assert_int_eq(fclose(out), 0);
}

/* The text of a file, or NULL when there is none. */
static const char *get_file(const char *name)
{
    static char text[8192];
    FILE *in = fopen(in_dir(name), "r");

    if (in == NULL)
        return NULL;
    size_t len = fread(text, 1, sizeof text - 1, in);
    text[len] = '\0';
    (void)fclose(in);
    return text;
}

static void set_up(void)
{
    (void)snprintf(dir, sizeof dir, "%s", "/tmp/zabd-ensemble-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void tear_down(void)
{
    static const char *const names[] = { "zoo.cfg",
                                         "zoo.cfg.bak",
                                         "myid",
                                         "zoo.cfg.dynamic",
                                         "zoo.cfg.dynamic.next",
                                         "zoo.cfg.dynamic.5",
                                         "zoo.cfg.dynamic.100000000",
                                         "zoo.cfg.dynamic.100000003" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlink(in_dir(names[i]));
    ck_assert_int_eq(rmdir(dir), 0);
}

/* Loads zoo.cfg, which says dataDir and then `text`, and settles it. myid may be NULL. */
static struct loaded start(const char *text, const char *myid, enum config_use use)
{
    char whole[4096];
    struct loaded l = { 0 };

    (void)snprintf(whole, sizeof whole, "dataDir=%s\n%s", dir, text);
    put_file("zoo.cfg", whole);
    if (myid != NULL)
        put_file("myid", myid);
    l.status = config_load(&l.conf, &l.report, in_dir("zoo.cfg"), NULL, 0);
    if (l.status == 0)
        l.status = config_settle(l.conf, &l.report, use);
    return l;
}

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

/* ---- Writing. */

#define MEMBERS_5                                                                \
    "server.10=b:1:2:participant;h:3\nserver.2=a:1:2:participant;0.0.0.0:2181\n" \
    "server.3=c:1:2:observer;0.0.0.0:2181"

static struct zab_config *config(const char *text)
{
    static const struct zab_config_rules rules = { .standalone_enabled = true };
    struct zab_config *c = NULL;
    char why[ZAB_CONFIG_WHY_MAX];

    ck_assert_msg(zab_config_parse(&c, text, strlen(text), &rules, why) == 0, "%s", why);
    return c;
}

static void store(struct dynamic *d, struct zab_config *cur, struct zab_config *last_seen)
{
    char why[DYNAMIC_WHY_MAX] = "";

    ck_assert_msg(dynamic_store(d, cur, last_seen, why) == 0, "%s", why);
}

#define STATIC_BEFORE                                                        \
    "# server.1 in a comment \\\nclientPort=2181\n  clientPortAddress : h\n" \
    "clientPortListenBacklog=9\nserver.2=a:1:2:\\\n  participant;2181\n"     \
    "group.1=2\nweight.2=1\npeerType observer\ndataDir=/d\\\n/server.5\nreconfigEnabled=true"

START_TEST(an_activated_configuration_moves_out_of_the_static_file)
{
    struct zab_config *cur = config(MEMBERS_5 "\nversion=5");
    struct dynamic d = { .self = 3 };
    char path[128], want[1024];

    (void)snprintf(path, sizeof path, "%s/zoo.cfg", dir);
    d.config_path = path;
    put_file("zoo.cfg", STATIC_BEFORE);
    ck_assert_int_eq(chmod(path, 0640), 0);
    store(&d, cur, NULL);
    ck_assert_str_eq(get_file("zoo.cfg.dynamic.5"), MEMBERS_5);
    (void)snprintf(want, sizeof want,
                   "# server.1 in a comment \\\nclientPortListenBacklog=9\n"
                   "dataDir=/d\\\n/server.5\nreconfigEnabled=true\n"
                   "dynamicConfigFile=%s/zoo.cfg.dynamic.5\n",
                   dir);
    ck_assert_str_eq(get_file("zoo.cfg"), want);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0640);
    zab_config_unref(cur);
}
END_TEST

/* It was in a line of the members before, and taken out of zoo.cfg for that. */
START_TEST(a_client_port_that_leaves_the_members_comes_back_to_the_static_file)
{
    struct zab_config *cur = config("server.1=a:1:2:participant;2181\nserver.2=b:1:2:participant\n"
                                    "version=5");
    struct dynamic d = { .self = 2, .stored = 4, .client_host = "b", .client_port = 2182 };
    char path[128], want[512];

    (void)snprintf(path, sizeof path, "%s/zoo.cfg", dir);
    d.config_path = path;
    put_file("zoo.cfg", "tickTime=2000\nclientPortListenBacklog=9\ndynamicConfigFile=/x\n");
    store(&d, cur, NULL);
    (void)snprintf(want, sizeof want,
                   "tickTime=2000\nclientPortListenBacklog=9\nclientPort=2182\n"
                   "clientPortAddress=b\ndynamicConfigFile=%s/zoo.cfg.dynamic.5\n",
                   dir);
    ck_assert_str_eq(get_file("zoo.cfg"), want);
    zab_config_unref(cur);
    cur = config("server.1=a:1:2:participant;2181\nserver.2=b:1:3:participant\nversion=100000003");
    store(&d, cur, NULL);
    ck_assert_ptr_nonnull(
        strstr(get_file("zoo.cfg"), "9\nclientPort=2182\nclientPortAddress=b\nd"));
    zab_config_unref(cur);
}
END_TEST

START_TEST(a_client_port_that_is_in_no_line_stays_in_the_static_file)
{
    struct zab_config *cur = config("server.1=a:1:2\nserver.2=b:1:2\nversion=5");
    struct dynamic d = { .self = 1 };
    char path[128];

    (void)snprintf(path, sizeof path, "%s/zoo.cfg", dir);
    d.config_path = path;
    put_file("zoo.cfg", "clientPort=2181\ndynamicConfigFile=x\n");
    store(&d, cur, NULL);
    ck_assert_ptr_eq(strstr(get_file("zoo.cfg"), "clientPort=2181\ndynamicConfigFile=/tmp/"),
                     get_file("zoo.cfg"));
    zab_config_unref(cur);
}
END_TEST

START_TEST(a_proposed_configuration_waits_in_next_until_it_is_in_force)
{
    struct zab_config *old = config(MEMBERS_5 "\nversion=5");
    struct zab_config *new = config("server.1=a:1:2\nserver.2=b:1:2\nversion=100000003");
    struct dynamic d = { .self = 3, .stored = 5 };
    char path[128];

    (void)snprintf(path, sizeof path, "%s/zoo.cfg", dir);
    d.config_path = path;
    put_file("zoo.cfg", "dataDir=/d\n");
    store(&d, old, new);
    ck_assert_str_eq(get_file("zoo.cfg.dynamic.next"),
                     "server.1=a:1:2:participant\nserver.2=b:1:2:participant\nversion=100000003");
    ck_assert_str_eq(get_file("zoo.cfg"), "dataDir=/d\n");
    store(&d, new, new);
    ck_assert_ptr_null(get_file("zoo.cfg.dynamic.next"));
    ck_assert_str_eq(get_file("zoo.cfg.dynamic.100000003"),
                     "server.1=a:1:2:participant\nserver.2=b:1:2:participant");
    ck_assert_int_eq(unlink(in_dir("zoo.cfg.dynamic.100000003")), 0);
    store(&d, new, new); /* Nothing new, so nothing is written. */
    ck_assert_ptr_null(get_file("zoo.cfg.dynamic.100000003"));
    zab_config_unref(old);
    zab_config_unref(new);
}
END_TEST

static void check_same(const struct zab_config *a, const struct zab_config *b)
{
    struct bytes a_text = { 0 }, b_text = { 0 };

    zab_config_print(a, &a_text);
    zab_config_print(b, &b_text);
    ck_assert_uint_eq(a_text.len, b_text.len);
    ck_assert_mem_eq(a_text.at, b_text.at, a_text.len);
    bytes_done(&a_text);
    bytes_done(&b_text);
}

START_TEST(what_was_stored_is_what_the_next_start_finds)
{
    char before[512];

    (void)snprintf(before, sizeof before, LIMITS "clientPort=2181\nreconfigEnabled=true\n" THREE);
    struct loaded l = start(before, "2", CONFIG_START);
    is_quiet(&l);
    struct zab_config *cur = zab_config_with_version(l.conf->members, 0x100000000);
    struct zab_config *next = config(THREE "server.4=d:1:2\nversion=100000003");
    struct dynamic d = { .config_path = l.conf->path, .self = l.conf->sid };
    store(&d, cur, next);
    done(&l);
    ck_assert_ptr_nonnull(strstr(get_file("zoo.cfg.bak"), THREE));

    l.status = config_load(&l.conf, &l.report, in_dir("zoo.cfg"), NULL, 0);
    ck_assert_int_eq(l.status, 0);
    l.status = config_settle(l.conf, &l.report, CONFIG_START);
    is_quiet(&l);
    ck_assert_int_eq(l.conf->members->version, 0x100000000);
    check_same(l.conf->members, cur);
    ck_assert_int_eq(l.conf->last_seen->version, 0x100000003);
    check_same(l.conf->last_seen, next);
    ck_assert_int_eq(l.conf->client_port, 2181);
    done(&l);
    zab_config_unref(cur);
    zab_config_unref(next);
}
END_TEST

START_TEST(what_cannot_be_written_is_told)
{
    struct zab_config *cur = config("server.1=a:1:2\nserver.2=b:1:2\nversion=5");
    struct dynamic d = { .config_path = "/nowhere/zoo.cfg", .self = 1 };
    char why[DYNAMIC_WHY_MAX];

    ck_assert_int_eq(dynamic_store(&d, cur, NULL, why), -ENOENT);
    ck_assert_str_eq(why, "/nowhere/zoo.cfg.dynamic.5: cannot be written: No such file or "
                          "directory");
    ck_assert_int_eq(dynamic_back_up("/nowhere/zoo.cfg", why), -ENOENT);
    zab_config_unref(cur);
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
    tcase_add_test(files, an_activated_configuration_moves_out_of_the_static_file);
    tcase_add_test(files, a_client_port_that_is_in_no_line_stays_in_the_static_file);
    tcase_add_test(files, a_client_port_that_leaves_the_members_comes_back_to_the_static_file);
    tcase_add_test(files, a_proposed_configuration_waits_in_next_until_it_is_in_force);
    tcase_add_test(files, what_was_stored_is_what_the_next_start_finds);
    tcase_add_test(files, what_cannot_be_written_is_told);
    suite_add_tcase(suite, files);
    return run(suite);
}
