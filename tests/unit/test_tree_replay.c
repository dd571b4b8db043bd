/* The logs of a real server, replayed: every digest that it wrote must be ours. */
#include <inttypes.h>

#include "tests/unit/test_tree_lib.h"

/* Where tests/data is; the build says it. */
#ifndef TEST_DATA_DIR
#define TEST_DATA_DIR "tests/data"
#endif

static struct bytes read_file(const char *name)
{
    struct bytes b = { 0 };
    char path[4096];

    ck_assert_int_lt(snprintf(path, sizeof path, "%s/samples/%s", TEST_DATA_DIR, name), 4096);

    FILE *f = fopen(path, "rb");
    size_t got;

    ck_assert_msg(f != NULL, "cannot open %s", path);
    while ((got = fread(bytes_room(&b, 65536), 1, 65536, f)) > 0)
        bytes_added(&b, got);
    ck_assert_int_eq(fclose(f), 0);
    return b;
}

struct tally {
    int txns, digests;
};

/* Entries of storage-format 2.2, up to the padding. */
static void replay(struct tree *t, const char *name, zk_zxid after, struct tally *tally)
{
    struct bytes log = read_file(name);
    struct jute_in in = jute_in(log.at, log.len);
    struct tree_sink sink = { 0 };

    (void)jute_take(&in, 16);
    for (;;) {
        int64_t checksum;
        struct jute_bytes payload;
        struct txn txn;

        jute_read_i64(&in, &checksum);
        jute_read_buf(&in, &payload);
        if (in.bad || payload.len <= 0)
            break;
        (void)jute_take(&in, 1);
        ck_assert(txn_parse(&txn, payload.at, (size_t)payload.len));
        if (txn.head.zxid <= after)
            continue;
        tree_apply(t, &txn, NULL, &sink);
        tally->txns++;
        ck_assert_int_eq(tree_zxid(t), txn.head.zxid);
        if (!txn.has_digest)
            continue;
        tally->digests++;
        ck_assert_msg(txn.digest == tree_digest(t), "%s: zxid 0x%" PRIx64 " type %d", name,
                      txn.head.zxid, txn.head.type);
    }
    bytes_done(&log);
}

static struct tree *fresh(void)
{
    struct tree *t;
    struct tree_conf conf = { .hash_seed = 1, .extended_types = true, .digest = true };

    ck_assert_int_eq(tree_new(&t, &conf), 0);
    return t;
}

START_TEST(every_digest_of_a_standalone_servers_logs_is_met)
{
    struct tree *t = fresh();
    struct tally tally = { 0 };

    replay(t, "data/version-2/log.1", 0, &tally);
    replay(t, "data/version-2/log.36", 0, &tally);
    replay(t, "data/version-2/log.65", 0, &tally);
    ck_assert_int_eq(tally.txns, 107);
    ck_assert_int_eq(tally.digests, 105); /* Two are errors, which have none. */
    /* expected.json */
    ck_assert_uint_eq(tree_digest(t), 167557384710);
    ck_assert_uint_eq(slow_digest(t), 167557384710);

    struct tree_totals totals;

    tree_totals(t, &totals);
    ck_assert_uint_eq(totals.nodes, 82);
    ck_assert_uint_eq(totals.ephemerals, 4);
    ck_assert_uint_eq(totals.sessions_with_ephemerals, 2);
    ck_assert_uint_eq(totals.data_bytes, 1554 - 9); /* ZK counts the root's data twice. */
    tree_free(t);
}
END_TEST

START_TEST(every_digest_of_an_ensembles_log_is_met)
{
    struct tree *t = fresh();
    struct tally tally = { 0 };

    replay(t, "quorum/version-2/log.100000001", 0, &tally);
    ck_assert_int_eq(tally.txns, 4);
    ck_assert_uint_eq(tree_digest(t), 4087548834);
    tree_free(t);
}
END_TEST

/* ---- The same from a snapshot, which is fuzzy. */

static struct tree *load(const char *name, zk_zxid zxid)
{
    struct bytes file = read_file(name);
    struct jute_in in = jute_in(file.at, file.len);
    struct tree *t = fresh();
    int32_t count;
    struct jute_bytes path;

    (void)jute_take(&in, 16);
    jute_read_i32(&in, &count);
    (void)jute_take(&in, (size_t)count * 12); /* Sessions. */
    tree_load_begin(t, 100);
    jute_read_i32(&in, &count);
    for (int32_t i = 0; i < count; i++) {
        struct snapshot_acl acl;

        jute_read_snapshot_acl(&in, &acl);
        ck_assert_int_eq(tree_load_acl(t, acl.acl_id, acl.acl), 0);
    }
    for (jute_read_str(&in, &path); !jute_is_text(path, "/"); jute_read_str(&in, &path)) {
        struct snapshot_node n;

        jute_read_snapshot_node(&in, &n);
        ck_assert(!in.bad);

        struct znode_raw raw = { .czxid = n.stat.czxid,
                                 .mzxid = n.stat.mzxid,
                                 .pzxid = n.stat.pzxid,
                                 .ctime = n.stat.ctime_ms,
                                 .mtime = n.stat.mtime_ms,
                                 .version = n.stat.version,
                                 .cversion = n.stat.cversion,
                                 .aversion = n.stat.aversion,
                                 .owner = n.stat.ephemeral_owner };

        ck_assert_int_eq(tree_load_node(t, path, n.data, n.acl_id, &raw), 0);
    }
    ck_assert_int_eq(tree_load_end(t, zxid), 0);
    bytes_done(&file);
    return t;
}

START_TEST(a_loaded_snapshot_has_the_digest_that_stands_in_it)
{
    struct tree *t = load("data/version-2/snapshot.63", 0x63);

    ck_assert_uint_eq(tree_digest(t), 0x261b09ea61);
    ck_assert_uint_eq(slow_digest(t), 0x261b09ea61);
    tree_free(t);
}
END_TEST

/* Whatever the tree has already seen of them: the snapshot holds all up to 0x63. */
START_TEST(txns_replayed_onto_a_later_state_end_in_the_same_state)
{
    static const zk_zxid names[] = { 0, 1, 0x10, 0x34, 0x40, 0x50, 0x63 };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct tree *t = load("data/version-2/snapshot.63", names[i]);
        const char *const logs[] = { "log.1", "log.36", "log.65" };

        for (size_t k = 0; k < 3; k++) {
            char name[64];
            struct bytes log;
            struct tree_sink sink = { 0 };

            (void)snprintf(name, sizeof name, "data/version-2/%s", logs[k]);
            log = read_file(name);

            struct jute_in in = jute_in(log.at, log.len);
            int64_t checksum;
            struct jute_bytes payload;

            (void)jute_take(&in, 16);
            for (;;) {
                struct txn txn;

                jute_read_i64(&in, &checksum);
                jute_read_buf(&in, &payload);
                if (in.bad || payload.len <= 0)
                    break;
                (void)jute_take(&in, 1);
                ck_assert(txn_parse(&txn, payload.at, (size_t)payload.len));
                if (txn.head.zxid > names[i])
                    tree_apply(t, &txn, NULL, &sink);
            }
            bytes_done(&log);
        }
        ck_assert_msg(tree_digest(t) == 167557384710, "from 0x%" PRIx64, names[i]);
        tree_free(t);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tree_replay");
    TCase *c = tcase_create("all");

    tcase_add_test(c, every_digest_of_a_standalone_servers_logs_is_met);
    tcase_add_test(c, every_digest_of_an_ensembles_log_is_met);
    tcase_add_test(c, a_loaded_snapshot_has_the_digest_that_stands_in_it);
    tcase_add_test(c, txns_replayed_onto_a_later_state_end_in_the_same_state);
    suite_add_tcase(s, c);
    return run_suite(s);
}
