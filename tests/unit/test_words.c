/* server/net/words: recognition, whitelist, and the exact text of each answer. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "jute/opcodes.h"
#include "jute/records.h"
#include "tests/lib/net_rig.h"

static struct net_rig rig;

static void setup(void)
{
    net_rig_init(&rig, NULL, NULL, NULL);
}

static void teardown(void)
{
    net_rig_done(&rig);
}

/* Asks as a client does; the answer is good until the next call. */
static const char *ask(const char *word, size_t len)
{
    static char text[1 << 18];
    int fd = net_rig_open(&rig, 9999);

    net_rig_send(fd, word, len);
    (void)net_rig_read_all(&rig, fd, text, sizeof text);
    (void)close(fd);
    net_rig_run(&rig);
    return text;
}

static const char *ask4(const char *word)
{
    return ask(word, 4);
}

/* ---- Recognition. */

static enum words_look look(const struct words *w, const char *text, size_t len, enum word *ret)
{
    int64_t arg;

    *ret = WORD_COUNT;
    return words_look(w, (const uint8_t *)text, len, ret, &arg);
}

START_TEST(words_are_known_by_four_bytes)
{
    static const char *const texts[] = {
        "conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hash", "isro",
        "mntr", "ruok", "srst", "srvr", "stat", "wchc", "wchp", "wchs", "\xff\xf4\xff\xfd",
    };
    const struct words *w = &rig.net.words;
    enum word word;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_int_eq(look(w, texts[i], 4, &word), WORDS_WORD);
        for (size_t len = 1; len < 4; len++)
            ck_assert_int_eq(look(w, texts[i], len, &word), WORDS_MORE);
    }
    ck_assert_int_eq(look(w, "ruok\n", 5, &word), WORDS_WORD);
    ck_assert_int_eq(word, WORD_RUOK);
}
END_TEST

START_TEST(other_bytes_are_no_words)
{
    static const char *const texts[] = { "RUOK", "ruoc", "lead", "\0\0\0\x2d", "\xff\xff\xff\xff" };
    enum word word;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        ck_assert_int_eq(look(&rig.net.words, texts[i], 4, &word), WORDS_NONE);
    ck_assert_int_eq(look(&rig.net.words, "\0", 1, &word), WORDS_NONE);
    ck_assert_str_eq(ask4("lead"), "");
}
END_TEST

START_TEST(stmk_takes_eight_bytes_more)
{
    static const uint8_t bytes[12] = { 's', 't', 'm', 'k', 0x80, 0, 0, 0, 0, 0, 1, 0 };
    enum word word;
    int64_t arg = 0;

    for (size_t len = 4; len < 12; len++)
        ck_assert_int_eq(words_look(&rig.net.words, bytes, len, &word, &arg), WORDS_MORE);
    ck_assert_int_eq(words_look(&rig.net.words, bytes, 12, &word, &arg), WORDS_WORD);
    ck_assert_int_eq(arg, INT64_MIN + 256);
}
END_TEST

/* ---- The whitelist. */

static uint32_t enabled(const char *whitelist, bool readonly_mode)
{
    struct words_conf conf = net_rig_words_conf();
    struct words w;

    conf.whitelist = whitelist;
    conf.readonly_mode = readonly_mode;
    words_init(&w, &conf);
    return w.enabled;
}

START_TEST(the_whitelist_is_read_as_zookeeper_reads_it)
{
    const uint32_t srvr = 1u << WORD_SRVR;

    ck_assert_uint_eq(enabled("srvr", false), srvr);
    ck_assert_uint_eq(enabled(NULL, false), srvr);
    ck_assert_uint_eq(enabled("", false), srvr);
    ck_assert_uint_eq(enabled("ruok", false), srvr | 1u << WORD_RUOK);
    ck_assert_uint_eq(enabled(" ruok , stat,, nonsense ", false),
                      srvr | 1u << WORD_RUOK | 1u << WORD_STAT);
    ck_assert_uint_eq(enabled("srvr", true), srvr | 1u << WORD_ISRO);
    ck_assert_uint_eq(enabled("*", false), (1u << WORD_COUNT) - 1);
    ck_assert_uint_eq(enabled("telnet close", false), srvr | 1u << WORD_TELNET_CLOSE);
    ck_assert_uint_eq(enabled("RUOK", false), srvr);
}
END_TEST

START_TEST(a_word_that_is_not_enabled_is_refused_by_name)
{
    struct words_conf conf = net_rig_words_conf();

    conf.whitelist = "srvr";
    words_init(&rig.net.words, &conf);
    ck_assert_str_eq(ask4("ruok"), "ruok is not executed because it is not in the whitelist.\n");
    ck_assert_str_eq(ask4("cons"), "cons is not executed because it is not in the whitelist.\n");
    /* Its argument is not waited for. */
    ck_assert_str_eq(ask4("stmk"), "stmk is not executed because it is not in the whitelist.\n");
    ck_assert_str_eq(ask4("\xff\xf4\xff\xfd"),
                     "telnet close is not executed because it is not in the whitelist.\n");
    ck_assert_ptr_nonnull(strstr(ask4("srvr"), "Mode: standalone\n"));
}
END_TEST

/* ---- Answers. */

START_TEST(short_answers)
{
    ck_assert_str_eq(ask4("ruok"), "imok");
    ck_assert_str_eq(ask4("isro"), "rw");
    ck_assert_str_eq(ask4("gtmk"), "306");
    ck_assert_str_eq(ask("stmk\0\0\0\0\0\0\0\x7f", 12), "127");
    ck_assert_str_eq(ask4("gtmk"), "127");
    ck_assert_str_eq(ask("stmk\xff\xff\xff\xff\xff\xff\xff\xff", 12), "-1");
    ck_assert_str_eq(ask4("crst"), "Connection stats reset.\n");
    ck_assert_str_eq(ask4("srst"), "Server stats reset.\n");
    ck_assert_str_eq(ask4("hash"), "");
    ck_assert_str_eq(ask4("\xff\xf4\xff\xfd"), "");
    ck_assert_str_eq(ask4("dirs"), "datadir_size: 0\nlogdir_size: 0\n");
    ck_assert_str_eq(ask4("wchs"), "0 connections watching 0 paths\nTotal watches:0\n");
    ck_assert_str_eq(ask4("wchc"), "\n");
    ck_assert_str_eq(ask4("wchp"), "\n");
}
END_TEST

START_TEST(the_version_is_one_that_clients_take)
{
    int major = 0;
    int minor = 0;
    int patch = 0;
    char date[32];

    /* kazoo looks for three numbers, others for what follows the comma. */
    ck_assert_int_eq(sscanf(words_version(), "%d.%d.%d", &major, &minor, &patch), 3);
    ck_assert_int_eq(major, 3);
    ck_assert_int_eq(minor, 9);
    ck_assert_int_eq(sscanf(words_version(), "%*[^,], built on %31s", date), 1);
}
END_TEST

START_TEST(srvr_shows_the_server)
{
    char want[1024];

    (void)snprintf(want, sizeof want,
                   "Zookeeper version: %s\n"
                   "Latency min/avg/max: 0/0.0/0\nReceived: 1\nSent: 1\nConnections: 1\n"
                   "Outstanding: 0\nZxid: 0x0\nMode: standalone\nNode count: 5\n",
                   words_version());
    ck_assert_str_eq(ask4("srvr"), want);
}
END_TEST

START_TEST(means_are_printed_as_java_does)
{
    static const struct {
        uint64_t sum, count;
        const char *text;
    } cases[] = {
        { 0, 0, "0.0" },          { 0, 3, "0.0" },
        { 6, 3, "2.0" },          { 10, 3, "3.3333" },
        { 20, 3, "6.6667" },      { 5, 4, "1.25" },
        { 1, 20000, "0.0001" },   { 1, 20001, "0.0" },
        { 99999, 100000, "1.0" }, { 14999, 10000, "1.4999" },
        { 12, 10, "1.2" },        { 1001, 1000, "1.001" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char want[64];

        rig.service.stats.latency_ms =
            (struct summary){ .count = cases[i].count, .sum = cases[i].sum };
        (void)snprintf(want, sizeof want, "Latency min/avg/max: 0/%s/0\n", cases[i].text);
        ck_assert_msg(strstr(ask4("srvr"), want) != NULL, "%s", want);
    }
}
END_TEST

START_TEST(stat_adds_the_clients)
{
    char want[1024];
    int fd = net_rig_open(&rig, 1234);

    (void)net_rig_handshake(&rig, fd, 30000);
    (void)snprintf(want, sizeof want,
                   "Zookeeper version: %s\nClients:\n"
                   " /127.0.0.1:1234[1](queued=0,recved=1,sent=1)\n"
                   " /127.0.0.1:9999[0](queued=0,recved=1,sent=0)\n"
                   "\nLatency min/avg/max: ",
                   words_version());
    ck_assert_msg(strncmp(ask4("stat"), want, strlen(want)) == 0, "%s", ask4("stat"));
    (void)close(fd);
}
END_TEST

START_TEST(cons_shows_sessions_in_full)
{
    char want[1024];
    uint8_t ping[12];
    int fd = net_rig_open(&rig, 1234);
    int64_t id = net_rig_handshake(&rig, fd, 30000);

    net_rig_put_header(ping, -2, ZK_OP_PING);
    net_rig_send(fd, ping, sizeof ping);
    net_rig_run(&rig);
    (void)snprintf(want, sizeof want,
                   " /127.0.0.1:1234[1](queued=0,recved=2,sent=2,sid=0x%llx,lop=PING,"
                   "est=1600000000000,to=30000,lcxid=0x0,lzxid=0x1,lresp=1000000,llat=0,minlat=0,"
                   "avglat=0,maxlat=0)\n"
                   " /127.0.0.1:9999[0](queued=0,recved=1,sent=0)\n\n",
                   (unsigned long long)id);
    ck_assert_str_eq(ask4("cons"), want);
    (void)ask4("crst");
    (void)snprintf(want, sizeof want,
                   " /127.0.0.1:1234[1](queued=0,recved=0,sent=0,sid=0x%llx,lop=NA,"
                   "est=1600000000000,to=30000,lzxid=0xffffffffffffffff,lresp=0,llat=0,minlat=0,"
                   "avglat=0,maxlat=0)\n"
                   " /127.0.0.1:9999[0](queued=0,recved=1,sent=0)\n\n",
                   (unsigned long long)id);
    ck_assert_str_eq(ask4("cons"), want);
    (void)close(fd);
}
END_TEST

START_TEST(conf_shows_the_configuration)
{
    ck_assert_str_eq(ask4("conf"),
                     "clientPort=2181\nsecureClientPort=-1\ndataDir=/nowhere/data/version-2\n"
                     "dataDirSize=0\ndataLogDir=/nowhere/log/version-2\ndataLogSize=0\n"
                     "tickTime=2000\nmaxClientCnxns=60\nminSessionTimeout=4000\n"
                     "maxSessionTimeout=40000\nclientPortListenBacklog=-1\nserverId=0\n");
}
END_TEST

START_TEST(envi_has_every_key_in_order)
{
    static const char *const keys[] = {
        "zookeeper.version", "host.name",         "java.version",    "java.vendor",   "java.home",
        "java.class.path",   "java.library.path", "java.io.tmpdir",  "java.compiler", "os.name",
        "os.arch",           "os.version",        "user.name",       "user.home",     "user.dir",
        "os.memory.free",    "os.memory.max",     "os.memory.total",
    };
    const char *at = ask4("envi");

    ck_assert(strncmp(at, "Environment:\n", 13) == 0);
    at += 13;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        size_t len = strlen(keys[i]);

        ck_assert_msg(strncmp(at, keys[i], len) == 0 && at[len] == '=' && at[len + 1] != '\n', "%s",
                      keys[i]);
        at = strchr(at, '\n') + 1;
    }
    ck_assert_str_eq(at, "");
}
END_TEST

/* ---- Trees and watches. */

static void request(int fd, int32_t xid, int32_t op, void (*put)(struct bytes *, const char *),
                    const char *path)
{
    struct bytes out = { 0 };

    jute_write_i32(&out, 0);
    jute_write_i32(&out, xid);
    jute_write_i32(&out, op);
    put(&out, path);
    (void)jute_store32(out.at, (uint32_t)out.len - 4);
    net_rig_send(fd, out.at, out.len);
    bytes_done(&out);
    net_rig_run(&rig);
}

static void put_path_and_watch(struct bytes *out, const char *path)
{
    jute_write_str(out, jute_text(path));
    jute_write_flag(out, true);
}

static void put_create(struct bytes *out, const char *path, int32_t flags)
{
    struct bytes acl = { 0 };
    struct create_request r = { .path = jute_text(path), .data = { .len = -1 }, .flags = flags };

    jute_write_acl(
        &acl,
        (struct jute_acl){ .perms = 31, .scheme = jute_text("world"), .id = jute_text("anyone") });
    r.acl = jute_vector_of(&acl, 1);
    jute_write_create_request(out, &r);
    bytes_done(&acl);
}

static void put_create_ephemeral(struct bytes *out, const char *path)
{
    put_create(out, path, ZK_CREATE_EPHEMERAL);
}

START_TEST(dump_shows_sessions_ephemerals_and_connections)
{
    char want[1024];
    int fd = net_rig_open(&rig, 1234);
    unsigned long long id;

    (void)setenv("TZ", "UTC", 1);
    id = (unsigned long long)net_rig_handshake(&rig, fd, 30000);
    request(fd, 1, ZK_OP_CREATE, put_create_ephemeral, "/one");
    request(fd, 2, ZK_OP_CREATE, put_create_ephemeral, "/two");
    /* It is 12:26:40. The session's bucket ends after 30 s, at an even second of the
     * monotonic clock; the connections' ones end at multiples of 10 s of it. */
    (void)snprintf(want, sizeof want,
                   "SessionTracker dump:\nSession Sets (1)/(1):\n"
                   "1 expire at Sun Sep 13 12:27:12 UTC 2020:\n\t0x%llx\n"
                   "ephemeral nodes dump:\nSessions with Ephemerals (1):\n0x%llx:\n\t/one\n\t/two\n"
                   "Connections dump:\nConnections Sets (1)/(2):\n"
                   "2 expire at Sun Sep 13 12:27:20 UTC 2020:\n"
                   "\tip: /127.0.0.1:1234 sessionId: 0x%llx\n"
                   "\tip: /127.0.0.1:9999 sessionId: 0x0\n",
                   id, id, id);
    ck_assert_str_eq(ask4("dump"), want);
    (void)close(fd);
}
END_TEST

START_TEST(watches_are_listed_by_path_and_by_session)
{
    char want[1024];
    int a = net_rig_open(&rig, 1);
    int b = net_rig_open(&rig, 2);
    unsigned long long id_a = (unsigned long long)net_rig_handshake(&rig, a, 30000);
    unsigned long long id_b = (unsigned long long)net_rig_handshake(&rig, b, 30000);

    request(a, 1, ZK_OP_EXISTS, put_path_and_watch, "/x");
    request(b, 1, ZK_OP_EXISTS, put_path_and_watch, "/x");
    request(b, 2, ZK_OP_GET_CHILDREN, put_path_and_watch, "/"); /* Another table. */
    ck_assert_str_eq(ask4("wchs"), "2 connections watching 1 paths\nTotal watches:2\n");
    (void)snprintf(want, sizeof want, "/x\n\t0x%llx\n\t0x%llx\n\n", id_a, id_b);
    ck_assert_str_eq(ask4("wchp"), want);
    (void)snprintf(want, sizeof want, "0x%llx\n\t/x\n0x%llx\n\t/x\n\n", id_a, id_b);
    ck_assert_str_eq(ask4("wchc"), want);
    (void)close(a);
    (void)close(b);
}
END_TEST

START_TEST(hash_lists_past_digests)
{
    static struct past_digest digests[2] = { { .zxid = 0x80, .digest = 12345 },
                                             { .zxid = 0x100, .digest = 67890 } };

    rig.service.past_digests = digests;
    rig.service.past_digest_count = 2;
    ck_assert_str_eq(ask4("hash"), "80: 12345\n100: 67890\n");
    rig.service.past_digests = NULL;
    rig.service.past_digest_count = 0;
}
END_TEST

/* ---- mntr. */

/* The value of a key, or NULL. */
static const char *value_of(const char *text, const char *key)
{
    size_t len = strlen(key);

    for (const char *at = text; at != NULL && *at != '\0'; at = strchr(at, '\n') + 1)
        if (strncmp(at, key, len) == 0 && at[len] == '\t')
            return at + len + 1;
    return NULL;
}

START_TEST(mntr_has_every_key_of_zookeeper)
{
    static char text[1 << 18];
    FILE *keys = fopen(TEST_DATA_DIR "/mntr_keys.txt", "re");
    char key[256];
    int count = 0;

    (void)snprintf(text, sizeof text, "%s", ask4("mntr"));
    ck_assert_ptr_nonnull(keys);
    while (fscanf(keys, "%255s", key) == 1) {
        const char *value = value_of(text, key);

        ck_assert_msg(value != NULL && *value != '\n', "%s", key);
        count++;
    }
    (void)fclose(keys);
    ck_assert_int_ge(count, 494);
}
END_TEST

START_TEST(mntr_has_no_key_twice_and_only_one_form_of_line)
{
    static char text[1 << 18];
    char key[256];
    size_t lines = 0;

    (void)snprintf(text, sizeof text, "%s", ask4("mntr"));
    for (const char *at = text; *at != '\0'; at = strchr(at, '\n') + 1, lines++) {
        const char *tab = strchr(at, '\t');

        ck_assert(strncmp(at, "zk_", 3) == 0 && tab != NULL && tab < strchr(at, '\n'));
        (void)snprintf(key, sizeof key, "%.*s", (int)(tab - at), at);
        ck_assert_msg(value_of(text, key) == tab + 1, "%s", key);
        /* All but two are numbers. */
        if (lines >= 2)
            ck_assert_msg(strspn(tab + 1, "-0123456789.") == strcspn(tab + 1, "\n"), "%s", key);
    }
    ck_assert_uint_gt(lines, 500);
}
END_TEST

START_TEST(mntr_shows_what_happened)
{
    int fd = net_rig_open(&rig, 1);

    (void)net_rig_handshake(&rig, fd, 30000);
    request(fd, 1, ZK_OP_CREATE, put_create_ephemeral, "/e");
    request(fd, 2, ZK_OP_EXISTS, put_path_and_watch, "/e");
    summary_add(&rig.service.stats.fsync_ms, 3);
    summary_add(&rig.service.stats.fsync_ms, 4);
    histogram_add(&rig.service.stats.loop_stall_us, 77);

    static const char *const want[][2] = {
        { "zk_server_state", "standalone\n" },
        { "zk_znode_count", "6\n" },
        { "zk_ephemerals_count", "1\n" },
        { "zk_watch_count", "1\n" },
        { "zk_global_sessions", "1\n" },
        { "zk_num_alive_connections", "2\n" },
        { "zk_packets_received", "4\n" },
        { "zk_min_client_response_size", "22\n" },
        { "zk_max_client_response_size", "84\n" },
        { "zk_avg_fsynctime", "3.5\n" },
        { "zk_cnt_fsynctime", "2\n" },
        { "zk_max_file_descriptor_count", "1024\n" },
        { "zk_max_zabd_loop_stall_us", "77\n" },
        { "zk_p99_zabd_loop_stall_us", "77\n" },
        { "zk_connection_drop_probability", "0.0\n" },
    };
    const char *text = ask4("mntr");

    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        const char *value = value_of(text, want[i][0]);

        ck_assert_msg(value != NULL && strncmp(value, want[i][1], strlen(want[i][1])) == 0,
                      "%s is not %s", want[i][0], want[i][1]);
    }
    (void)close(fd);
}
END_TEST

START_TEST(srst_resets_what_mntr_counts)
{
    int fd = net_rig_open(&rig, 1);

    (void)net_rig_handshake(&rig, fd, 30000);
    request(fd, 1, ZK_OP_CREATE, put_create_ephemeral, "/e");
    (void)ask4("srst");

    const char *text = ask4("mntr");

    ck_assert(strncmp(value_of(text, "zk_packets_received"), "1\n", 2) == 0);
    ck_assert(strncmp(value_of(text, "zk_last_client_response_size"), "-1\n", 3) == 0);
    ck_assert(strncmp(value_of(text, "zk_proposal_count"), "0\n", 2) == 0);
    ck_assert(strncmp(value_of(text, "zk_znode_count"), "6\n", 2) == 0);
    (void)close(fd);
}
END_TEST

static void put_quota(struct bytes *out, const char *path)
{
    const char *limits = "count=5,bytes=100=;byteHardLimit=200;countHardLimit=7";
    struct bytes acl = { 0 };
    struct create_request r = { .path = jute_text(path), .data = jute_text(limits) };

    jute_write_acl(
        &acl,
        (struct jute_acl){ .perms = 31, .scheme = jute_text("world"), .id = jute_text("anyone") });
    r.acl = jute_vector_of(&acl, 1);
    jute_write_create_request(out, &r);
    bytes_done(&acl);
}

static void put_create_persistent(struct bytes *out, const char *path)
{
    put_create(out, path, ZK_CREATE_PERSISTENT);
}

START_TEST(mntr_sums_quotas_by_top_level_node)
{
    int fd = net_rig_open(&rig, 1);

    (void)net_rig_handshake(&rig, fd, 30000);
    request(fd, 1, ZK_OP_CREATE, put_create_persistent, "/app");
    request(fd, 2, ZK_OP_CREATE, put_create_persistent, "/app/sub");
    request(fd, 3, ZK_OP_CREATE, put_create_persistent, "/zookeeper/quota/app");
    request(fd, 4, ZK_OP_CREATE, put_quota, "/zookeeper/quota/app/zookeeper_limits");
    request(fd, 5, ZK_OP_CREATE, put_create_persistent, "/zookeeper/quota/app/zookeeper_stats");

    const char *text = ask4("mntr");
    const char *count = value_of(text, "zk_app_quota_count_limit_per_namespace");
    const char *bytes = value_of(text, "zk_app_quota_bytes_limit_per_namespace");
    const char *usage = value_of(text, "zk_app_quota_count_usage_per_namespace");

    ck_assert(count != NULL && strncmp(count, "7\n", 2) == 0);
    ck_assert(bytes != NULL && strncmp(bytes, "200\n", 4) == 0);
    ck_assert(usage != NULL && strncmp(usage, "2\n", 2) == 0);
    (void)close(fd);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("words");
    Suite *suite = suite_create("words");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, words_are_known_by_four_bytes);
    tcase_add_test(tests, other_bytes_are_no_words);
    tcase_add_test(tests, stmk_takes_eight_bytes_more);
    tcase_add_test(tests, the_whitelist_is_read_as_zookeeper_reads_it);
    tcase_add_test(tests, a_word_that_is_not_enabled_is_refused_by_name);
    tcase_add_test(tests, short_answers);
    tcase_add_test(tests, the_version_is_one_that_clients_take);
    tcase_add_test(tests, srvr_shows_the_server);
    tcase_add_test(tests, means_are_printed_as_java_does);
    tcase_add_test(tests, stat_adds_the_clients);
    tcase_add_test(tests, cons_shows_sessions_in_full);
    tcase_add_test(tests, conf_shows_the_configuration);
    tcase_add_test(tests, envi_has_every_key_in_order);
    tcase_add_test(tests, dump_shows_sessions_ephemerals_and_connections);
    tcase_add_test(tests, watches_are_listed_by_path_and_by_session);
    tcase_add_test(tests, hash_lists_past_digests);
    tcase_add_test(tests, mntr_has_every_key_of_zookeeper);
    tcase_add_test(tests, mntr_has_no_key_twice_and_only_one_form_of_line);
    tcase_add_test(tests, mntr_shows_what_happened);
    tcase_add_test(tests, srst_resets_what_mntr_counts);
    tcase_add_test(tests, mntr_sums_quotas_by_top_level_node);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
