/* server/config: what a file and the command line make of the values. */
#include "tests/unit/test_config_load.h"

#include "server/config_keys.h"
#include "server/config_value.h"

START_TEST(without_a_file_the_default_serves_2181_from_data)
{
    struct loaded l = { 0 };

    l.status = config_load_words(&l.conf, &l.report, NULL, 0, NULL, 0);
    is_quiet(&l);
    ck_assert_ptr_null(l.conf->path);
    ck_assert_int_eq(l.conf->client_port, 2181);
    ck_assert_ptr_null(l.conf->client_address);
    ck_assert_str_eq(l.conf->data_dir, "./data");
    ck_assert_str_eq(l.conf->data_log_dir, "./data");
    ck_assert_int_eq(l.conf->tick_ms, 2000);
    ck_assert_int_eq(l.conf->session_timeout_min_ms, 4000);
    ck_assert_int_eq(l.conf->session_timeout_max_ms, 40000);
    ck_assert_str_eq(l.conf->words_whitelist, "srvr");
    done(&l);
}
END_TEST

START_TEST(the_default_gives_way_to_the_command_line)
{
    char port[] = "clientPort=0", dir[] = "dataDir=/x", word[] = "zookeeper.snapCount=7";
    char *defines[] = { port, dir, word };
    struct loaded l = { 0 };

    l.status = config_load(&l.conf, &l.report, NULL, defines, 3);
    is_quiet(&l);
    ck_assert_int_eq(l.conf->client_port, 0);
    ck_assert_str_eq(l.conf->data_dir, "/x");
    ck_assert_int_eq(l.conf->snap_count, 7);
    done(&l);
}
END_TEST

START_TEST(the_short_form_gives_port_directory_tick_and_limit)
{
    char port[] = "2282", dir[] = "/d", tick[] = "500", limit[] = "9";
    char *words[] = { port, dir, tick, limit, limit };
    struct loaded l = { 0 };

    l.status = config_load_words(&l.conf, &l.report, words, 2, NULL, 0);
    is_quiet(&l);
    ck_assert_int_eq(l.conf->client_port, 2282);
    ck_assert_int_eq(l.conf->tick_ms, 3000);
    ck_assert_int_eq(l.conf->max_connections_ip, 60);
    done(&l);
    l.status = config_load_words(&l.conf, &l.report, words, 4, NULL, 0);
    is_quiet(&l);
    ck_assert_str_eq(l.conf->data_dir, "/d");
    ck_assert_int_eq(l.conf->tick_ms, 500);
    ck_assert_int_eq(l.conf->max_connections_ip, 9);
    done(&l);
    ck_assert_int_eq(config_load_words(&l.conf, &l.report, words, 5, NULL, 0), -EINVAL);
    ck_assert_uint_eq(l.report.error_count, 1);
    done(&l);
    ck_assert_int_eq(config_load_words(&l.conf, &l.report, &words[1], 2, NULL, 0), -EINVAL);
    ck_assert_str_eq(l.report.notes[0].file, "");
    done(&l);
}
END_TEST

START_TEST(the_defaults_of_a_file_are_those_of_zookeeper)
{
    struct loaded l = load_line("");
    const struct config *c = l.conf;

    is_quiet(&l);
    ck_assert_str_eq(c->path, file_name);
    ck_assert_int_eq(c->tick_ms, 3000);
    ck_assert_int_eq(c->session_timeout_min_ms, 6000);
    ck_assert_int_eq(c->session_timeout_max_ms, 60000);
    ck_assert_int_eq(c->max_frame_bytes, 1048575);
    ck_assert_int_eq(c->max_frame_extra_bytes, 1048575);
    ck_assert_int_eq(c->outstanding_limit, 1000);
    ck_assert_int_eq(c->prealloc_bytes, 64 << 20);
    ck_assert_int_eq(c->snap_size_limit_bytes, INT64_C(4194304) * 1024);
    ck_assert_int_lt(c->log_size_limit_bytes, 0);
    ck_assert_int_eq(c->snap_count, 100000);
    ck_assert_int_eq(c->purge_retain_count, 3);
    ck_assert_int_eq(c->purge_interval_ms, 0);
    ck_assert(c->force_sync && c->digest_enabled && c->close_session_txn && c->auth_digest);
    ck_assert(!c->skip_acl && !c->snapshot_gz && !c->extended_types && !c->readonly_mode);
    ck_assert(c->data_dir_autocreate && c->db_autocreate && c->serialize_last_zxid);
    ck_assert_str_eq(c->digest_algorithm, "SHA1");
    ck_assert_ptr_null(c->super_digest);
    ck_assert_ptr_null(c->log_file);
    ck_assert_int_eq(c->max_ingress_bytes, 64 << 20);
    ck_assert_int_eq(c->max_egress_bytes, 256 << 20);
    ck_assert_int_eq(c->conn_egress_bytes, 1 << 20);
    ck_assert_int_eq(c->slow_reader_ms, 10000);
    ck_assert_double_eq(c->connection_drop_increase, 0.02);
    done(&l);
}
END_TEST

START_TEST(the_sample_file_of_an_operator_is_taken_quietly)
{
    struct loaded l = load_text("# The number of milliseconds of each tick\n"
                                "tickTime=2000\ninitLimit=10\nsyncLimit=5\n"
                                "dataDir=/var/lib/zookeeper\ndataLogDir=/var/lib/zookeeper-log\n"
                                "clientPort=2181\nclientPortAddress=127.0.0.1\n"
                                "maxClientCnxns=0\nautopurge.snapRetainCount=10\n"
                                "autopurge.purgeInterval=1\nstandaloneEnabled=true\n"
                                "admin.enableServer=false\nreconfigEnabled=false\n"
                                "sslQuorum=false\nlocalSessionsEnabled=true\n"
                                "4lw.commands.whitelist=srvr, mntr, ruok\n"
                                "server.1=zoo1:2888:3888;127.0.0.1:2181\n",
                                NULL);

    is_quiet(&l);
    ck_assert_int_eq(l.conf->max_connections_ip, 0);
    ck_assert_int_eq(l.conf->purge_interval_ms, 3600000);
    ck_assert_int_eq(l.conf->purge_retain_count, 10);
    ck_assert_str_eq(l.conf->data_log_dir, "/var/lib/zookeeper-log");
    ck_assert_str_eq(l.conf->client_address, "127.0.0.1");
    ck_assert_str_eq(l.conf->words_whitelist, "srvr, mntr, ruok");
    done(&l);
}
END_TEST

START_TEST(a_single_server_may_name_the_client_port)
{
    struct loaded l = load_text("dataDir=/d\nserver.7=h:1:2:participant;[::1]:2345\n", NULL);

    is_quiet(&l);
    ck_assert_int_eq(l.conf->client_port, 2345);
    ck_assert_str_eq(l.conf->client_address, "0:0:0:0:0:0:0:1");
    done(&l);
    l = load_text("dataDir=/d\nserver.7=h:1:2;2345\n", NULL);
    is_quiet(&l);
    ck_assert_int_eq(l.conf->client_port, 2345);
    ck_assert_ptr_null(l.conf->client_address);
    done(&l);
}
END_TEST

START_TEST(a_missing_directory_or_port_stops_the_start)
{
    struct loaded l = load_text("# nothing\n", NULL);

    ck_assert_int_eq(l.status, -EINVAL);
    ck_assert_uint_eq(l.report.count, 2);
    ck_assert_str_eq(l.report.notes[0].text, "dataDir is not set");
    ck_assert_int_eq(l.report.notes[0].line, 0);
    ck_assert_str_eq(l.report.notes[0].file, file_name);
    ck_assert_ptr_nonnull(strstr(l.report.notes[1].text, "clientPort is not set"));
    done(&l);
    l = load_text("dataDir=/d\nclientPortAddress=::\n", NULL);
    ck_assert_str_eq(l.report.notes[0].text, "clientPortAddress is set but clientPort is not");
    done(&l);
}
END_TEST

START_TEST(a_missing_file_is_told)
{
    struct loaded l = { 0 };

    l.status = config_load(&l.conf, &l.report, "/nowhere/zoo.cfg", NULL, 0);
    ck_assert_int_eq(l.status, -ENOENT);
    ck_assert_str_eq(notes_of(&l),
                     "/nowhere/zoo.cfg: error: cannot be read: No such file or directory\n");
    done(&l);
}
END_TEST

START_TEST(values_reach_their_members_in_their_units)
{
    struct loaded l = load_text(
        "dataDir=/d\nclientPort=1\npreAllocSize=64\ntxnLogSizeLimitInKb=2\nsnapSizeLimitInKb=0\n"
        "forceSync=no\nskipACL=yes\nflushDelay=30\nmaxBatchSize=5\nfsync.warningthresholdms=20\n"
        "snapshot.compression.method=GZ\ndigest.enabled=false\nextendedTypesEnabled=TRUE\n"
        "DigestAuthenticationProvider.digestAlg=SHA-256\n"
        "DigestAuthenticationProvider.superDigest=super:xyz=\n"
        "authProvider.sasl=org.apache.zookeeper.server.auth.SASLAuthenticationProvider\n"
        "authProvider.ens=org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider\n"
        "enforce.auth.enabled=true\nenforce.auth.schemes= SASL, digest,,ensemble\n"
        "jute.maxbuffer=0x200000\nreadonlymode.enabled=true\nznode.container.checkIntervalMs=100\n"
        "ensembleAuthName=a,b\nreconfigEnabled=true\nconnection_throttle_decrease_ratio=1e-3\n"
        "zabd.logFile=/l\nzabd.logLevel=DEBUG\nzabd.maxEgressBytes=2097152\n",
        NULL);
    const struct config *c = l.conf;

    is_quiet(&l);
    ck_assert_int_eq(c->prealloc_bytes, 65536);
    ck_assert_int_eq(c->log_size_limit_bytes, 2048);
    ck_assert_int_eq(c->snap_size_limit_bytes, 0);
    ck_assert(!c->force_sync && c->skip_acl && !c->digest_enabled && c->extended_types);
    ck_assert_int_eq(c->flush_delay_ms, 30);
    ck_assert_int_eq(c->write_queue_poll_ms, 10);
    ck_assert_int_eq(c->max_batch_size, 5);
    ck_assert_int_eq(c->fsync_warn_ms, 20);
    ck_assert(c->snapshot_gz && c->readonly_mode && c->reconfig_enabled);
    ck_assert_str_eq(c->digest_algorithm, "SHA256");
    ck_assert_str_eq(c->super_digest, "super:xyz=");
    ck_assert(c->auth_sasl && c->auth_ensemble && !c->auth_x509);
    ck_assert_str_eq(c->enforce_schemes, "sasl,digest,ensemble");
    ck_assert_int_eq(c->max_frame_bytes, 0x200000);
    ck_assert_int_eq(c->max_frame_extra_bytes, 0x200000);
    ck_assert_int_eq(c->container_interval_ms, 100);
    ck_assert_str_eq(c->ensemble_names, "a,b");
    ck_assert_double_eq(c->connection_decrease_ratio, 0.001);
    ck_assert_str_eq(c->log_file, "/l");
    ck_assert_str_eq(c->log_level, "DEBUG");
    ck_assert_int_eq(c->max_egress_bytes, 2097152);
    done(&l);
}
END_TEST

START_TEST(a_registered_provider_overrules_the_switch_in_any_order)
{
    struct loaded l =
        load_line("authProvider.1=org.apache.zookeeper.server.auth.DigestAuthenticationProvider\n"
                  "DigestAuthenticationProvider.enabled=false");

    is_quiet(&l);
    ck_assert(l.conf->auth_digest);
    done(&l);
    l = load_line("DigestAuthenticationProvider.enabled=false\nenforce.auth.enabled=true\n"
                  "enforce.auth.schemes=digest");
    ck_assert_str_eq(l.report.notes[0].text,
                     "enforce.auth.schemes: nobody provides the scheme 'digest'");
    ck_assert_int_eq(l.report.notes[0].line, 5);
    done(&l);
}
END_TEST

START_TEST(a_large_frame_raises_the_ingress_limit_unless_that_is_given)
{
    struct loaded l = load_line("jute.maxbuffer=100000000");

    is_quiet(&l);
    ck_assert_int_eq(l.conf->max_ingress_bytes, 200000000);
    done(&l);
    l = load_line("jute.maxbuffer=100000000\nzabd.maxIngressBytes=100000000");
    ck_assert_uint_eq(l.report.error_count, 1);
    ck_assert_int_eq(l.report.notes[0].line, 4);
    done(&l);
    l = load_line("zabd.maxEgressBytes=1048576\nzabd.connEgressBytes=1048577");
    ck_assert_uint_eq(l.report.error_count, 1);
    done(&l);
}
END_TEST

START_TEST(the_last_line_of_a_key_counts_and_the_earlier_is_told)
{
    struct loaded l = load_line("snapCount=10\nzookeeper.snapCount=20\nsnapCount=20");

    ck_assert_int_eq(l.conf->snap_count, 20);
    ck_assert_uint_eq(l.report.count, 1);
    ck_assert_int_eq(l.report.notes[0].line, 3);
    ck_assert_str_eq(l.report.notes[0].text, "snapCount is given again on line 4, which counts");
    done(&l);
}
END_TEST

/* Whose value counts: the file's for a property of ZooKeeper, else the command line's. */
START_TEST(file_and_command_line_settle_as_documented)
{
    char snap[] = "zookeeper.snapCount=9", tick[] = "tickTime=500", tick2[] = "tickTime=600",
         frame[] = "jute.maxbuffer=5000", own[] = "zabd.slowReaderMs=8",
         alone[] = "zookeeper.skipACL=yes", same[] = "zookeeper.maxCnxns=4";
    char *defines[] = { snap, tick, tick2, frame, own, alone, same, NULL };
    struct loaded l = load_text("dataDir=/d\nclientPort=1\nsnapCount=10\ntickTime=1000\n"
                                "jute.maxbuffer=6000\nzabd.slowReaderMs=7\nmaxCnxns=4\n",
                                defines);

    ck_assert_int_eq(l.status, 0);
    ck_assert_int_eq(l.conf->snap_count, 10);
    ck_assert_int_eq(l.conf->tick_ms, 600);
    ck_assert_int_eq(l.conf->max_frame_bytes, 5000);
    ck_assert_int_eq(l.conf->slow_reader_ms, 8);
    ck_assert(l.conf->skip_acl);
    ck_assert_uint_eq(l.report.count, 1);
    ck_assert_str_eq(notes_of(&l), "command line: warning: zookeeper.snapCount is also in the "
                                   "file, which counts, as in ZooKeeper\n");
    done(&l);
}
END_TEST

START_TEST(odd_words_on_the_command_line_are_told)
{
    char empty[] = "", bare[] = "zookeeper.skipACL", java[] = "java.net.preferIPv4Stack=true",
         odd[] = "x\ny=1", ssl[] = "zookeeper.ssl.keyStore.password=secret";
    char *defines[] = { empty, bare, java, odd, ssl };
    struct loaded l = { 0 };

    l.status = config_load(&l.conf, &l.report, NULL, defines, 5);
    ck_assert_int_eq(l.status, -EINVAL);
    ck_assert_str_eq(
        notes_of(&l),
        "command line: warning: nobody reads the property \n"
        "command line: warning: zookeeper.skipACL is neither yes nor no: taken as no, as in "
        "ZooKeeper\n"
        "command line: warning: java.net.preferIPv4Stack means something only to a JVM: ignored\n"
        "command line: warning: nobody reads the property x?y\n"
        "command line: error: zookeeper.ssl.keyStore.password: TLS is not yet supported\n");
    done(&l);
}
END_TEST

START_TEST(notes_come_in_the_order_of_the_lines)
{
    struct loaded l = load_text("minSessionTimeout=100\nmaxSessionTimeout=50\nfoo=1\n"
                                "authProvider.1=no.Such\nbar=\xe9\nbaz=1\n",
                                NULL);
    int last = 0;

    ck_assert_int_eq(l.status, -EINVAL);
    for (size_t i = 0; i < l.report.count; i++) {
        int line = l.report.notes[i].line == 0 ? 1000 : l.report.notes[i].line;
        ck_assert_int_ge(line, last);
        last = line;
    }
    ck_assert_int_eq(last, 1000); /* dataDir is not set. */
    done(&l);
}
END_TEST

START_TEST(no_note_shows_a_secret)
{
    struct loaded l = load_line(
        "DigestAuthenticationProvider.superDigest=super:hunter2\n"
        "DigestAuthenticationProvider.superDigest=super:hunter22\n"
        "ssl.keyStore.password=hunter2\nSASLAuthenticationProvider.superPassword=hunter2\n"
        "X509AuthenticationProvider.superUser=hunter2\nunknown.password=hunter2");

    ck_assert_uint_eq(l.report.count, 5);
    ck_assert_ptr_null(strstr(notes_of(&l), "hunter2"));
    done(&l);
}
END_TEST

START_TEST(each_row_of_the_table_is_found_by_all_its_names)
{
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        char name[128];

        (void)snprintf(name, sizeof name, "%s%s", key->name, key->is_prefix ? "x" : "");
        ck_assert_msg(config_key_find(name) == key, "%s", name);
        ck_assert_ptr_eq(config_key_get(key->name), key);
        (void)snprintf(name, sizeof name, "zookeeper.%s%s", key->name, key->is_prefix ? "x" : "");
        ck_assert_msg((config_key_find(name) == key) == (key->kind == KEY_PROPERTY), "%s", name);
        ck_assert((key->feature != NULL) ==
                  (key->status == KEY_IDLE || key->status == KEY_NEEDLESS ||
                   key->status == KEY_UNSUPPORTED));
    }
}
END_TEST

START_TEST(the_printed_table_has_a_line_for_each_key)
{
    char *text = NULL;
    size_t size = 0, lines = 0;
    FILE *out = open_memstream(&text, &size);

    config_print_keys(out);
    ck_assert_int_eq(fclose(out), 0);
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    ck_assert_uint_eq(lines, config_key_count + 1);
    ck_assert_ptr_nonnull(strstr(text, "\nsnapCount\tproperty\t100000\thonoured\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nserver.*\tfile\t-\t"));
    free(text);
}
END_TEST

/* Takes the next line off, without its end. NULL: there is none. */
static char *next_line(char **rest)
{
    char *line = *rest;

    if (line == NULL || *line == '\0')
        return NULL;
    *rest = strchr(line, '\n');
    if (*rest != NULL)
        *(*rest)++ = '\0';
    return line;
}

/* A row of the printed table as the documentation has it. */
static void make_row(char *ret, size_t size, const char *line)
{
    size_t len = (size_t)snprintf(ret, size, "| `");
    bool in_key = true;

    for (; *line != '\0' && len < size; line++) {
        if (*line != '\t') {
            ret[len++] = *line;
            continue;
        }
        len += (size_t)snprintf(ret + len, size - len, in_key ? "` | " : " | ");
        in_key = false;
    }
    ck_assert_uint_lt(len + 2, size);
    (void)snprintf(ret + len, size - len, " |");
}

START_TEST(the_documentation_has_the_printed_table)
{
    static char docs[256 * 1024];
    char *printed = NULL, *rest_of_docs, *line, row[1024];
    size_t size = 0;
    FILE *out = open_memstream(&printed, &size);
    FILE *in = fopen(TEST_DATA_DIR "/../../docs/configuration.md", "r");

    ck_assert(out != NULL && in != NULL);
    config_print_keys(out);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_uint_lt(fread(docs, 1, sizeof docs, in), sizeof docs);
    (void)fclose(in);
    rest_of_docs = strstr(docs, "## All keys");
    char *rest = printed;
    ck_assert_ptr_nonnull(next_line(&rest));
    while ((line = next_line(&rest)) != NULL) {
        const char *have = next_line(&rest_of_docs);
        while (have != NULL && strncmp(have, "| `", 3) != 0)
            have = next_line(&rest_of_docs);
        make_row(row, sizeof row, line);
        ck_assert_msg(have != NULL && strcmp(have, row) == 0, "want %s\nhave %s", row,
                      have != NULL ? have : "nothing");
    }
    free(printed);
}
END_TEST

/* Numbers as Java reads them: decoded, and parsed; INT64_MIN + 1 stands for refused. */
#define NONE (INT64_MIN + 1)
static const struct number_case {
    const char *text;
    int64_t decoded, parsed;
} number_cases[] = {
    { "0", 0, 0 },
    { "-0", 0, 0 },
    { "+12", 12, 12 },
    { "0x10", 16, NONE },
    { "-0X1f", -31, NONE },
    { "#ff", 255, NONE },
    { "017", 15, 17 },
    { "08", NONE, 8 },
    { "", NONE, NONE },
    { "-", NONE, NONE },
    { "--1", NONE, NONE },
    { "0x", NONE, NONE },
    { "0x-1", NONE, NONE },
    { "1 ", NONE, NONE },
    { " 1", NONE, NONE },
    { "1_000", NONE, NONE },
    { "1k", NONE, NONE },
    { "9223372036854775807", INT64_MAX, INT64_MAX },
    { "9223372036854775808", NONE, NONE },
    { "-9223372036854775808", INT64_MIN, INT64_MIN },
    { "-9223372036854775809", NONE, NONE },
    { "0xffffffffffffffff", NONE, NONE },
};

START_TEST(numbers_are_read_as_java_reads_them)
{
    const struct number_case *c = &number_cases[_i];
    int64_t decoded = NONE, parsed = NONE;

    ck_assert_int_eq(java_decode_long(&decoded, c->text), c->decoded != NONE);
    ck_assert_int_eq(java_parse_long(&parsed, c->text), c->parsed != NONE);
    ck_assert_int_eq(decoded, c->decoded);
    ck_assert_int_eq(parsed, c->parsed);
}
END_TEST

START_TEST(doubles_are_read_as_java_reads_them_but_for_the_odd_ones)
{
    static const char *const refused[] = {
        "", "x", "1x", "NaN", "Infinity", "0x1p3", "1e999", "e"
    };
    double v = 0;

    ck_assert(java_parse_double(&v, "0.25f"));
    ck_assert_double_eq(v, 0.25);
    ck_assert(java_parse_double(&v, "-1e2"));
    ck_assert_double_eq(v, -100);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        ck_assert_msg(!java_parse_double(&v, refused[i]), "%s", refused[i]);
    ck_assert_double_eq(v, -100);
}
END_TEST

static void add_file_tests(Suite *suite)
{
    TCase *tests = tcase_create("file");

    tcase_add_test(tests, the_defaults_of_a_file_are_those_of_zookeeper);
    tcase_add_test(tests, the_sample_file_of_an_operator_is_taken_quietly);
    tcase_add_test(tests, a_single_server_may_name_the_client_port);
    tcase_add_test(tests, a_missing_directory_or_port_stops_the_start);
    tcase_add_test(tests, a_missing_file_is_told);
    tcase_add_test(tests, values_reach_their_members_in_their_units);
    tcase_add_test(tests, a_registered_provider_overrules_the_switch_in_any_order);
    tcase_add_test(tests, a_large_frame_raises_the_ingress_limit_unless_that_is_given);
    tcase_add_test(tests, the_last_line_of_a_key_counts_and_the_earlier_is_told);
    tcase_add_test(tests, notes_come_in_the_order_of_the_lines);
    tcase_add_test(tests, no_note_shows_a_secret);
    suite_add_tcase(suite, tests);
}

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *words = tcase_create("command line");
    TCase *table = tcase_create("table");

    tcase_add_test(words, without_a_file_the_default_serves_2181_from_data);
    tcase_add_test(words, the_default_gives_way_to_the_command_line);
    tcase_add_test(words, the_short_form_gives_port_directory_tick_and_limit);
    tcase_add_test(words, file_and_command_line_settle_as_documented);
    tcase_add_test(words, odd_words_on_the_command_line_are_told);
    suite_add_tcase(suite, words);
    add_file_tests(suite);
    tcase_add_test(table, each_row_of_the_table_is_found_by_all_its_names);
    tcase_add_test(table, the_printed_table_has_a_line_for_each_key);
    tcase_add_test(table, the_documentation_has_the_printed_table);
    tcase_add_loop_test(table, numbers_are_read_as_java_reads_them, 0,
                        (int)(sizeof number_cases / sizeof number_cases[0]));
    tcase_add_test(table, doubles_are_read_as_java_reads_them_but_for_the_odd_ones);
    suite_add_tcase(suite, table);

    return run(suite);
}
