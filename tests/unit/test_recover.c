/* server/state/recover: what a server makes of a directory. The mutations of the sample
 * and their results are those of storage-format 12, observed with ZooKeeper 3.9.5; where
 * we are stricter the table says so. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "jute/records.h"
#include "server/state/recover.h"
#include "tests/lib/fault.h"
#include "tests/lib/store_rig.h"

#define SAMPLE TEST_DATA_DIR "/samples/data/version-2"

/* Of expected.json. */
#define SAMPLE_ZXID   0x6b
#define SAMPLE_DIGEST UINT64_C(167557384710)
#define SAMPLE_NODES  82

static struct rig_dir dir;
static char why[STORE_WHY_MAX];
static struct state state;
static struct recover_report report;
static struct recover_conf conf;

static void setup(void)
{
    fault_reset();
    rig_dir_init(&dir);
    conf = (struct recover_conf){
        .tree = { .hash_seed = 1, .extended_types = true, .digest = true }, .db_autocreate = true
    };
    why[0] = '\0';
}

static void teardown(void)
{
    state_done(&state);
    rig_dir_done(&dir);
}

static void setup_sample(void)
{
    setup();
    rig_dir_copy(&dir, SAMPLE);
}

static int look(void)
{
    struct dirs d = rig_dirs(&dir);

    state_done(&state);
    return recover_read_only(&state, &report, &d, &conf, why);
}

static int open_it(void)
{
    struct dirs d = rig_dirs(&dir);

    state_done(&state);
    return recover(&state, &report, &d, &conf, why);
}

/* The state that the sample's server had in the end. */
static void is_full(void)
{
    struct tree_totals totals;
    int32_t timeout_ms;

    tree_totals(state.tree, &totals);
    ck_assert_int_eq(report.zxid, SAMPLE_ZXID);
    ck_assert_int_eq(tree_zxid(state.tree), SAMPLE_ZXID);
    ck_assert_uint_eq(tree_digest(state.tree), SAMPLE_DIGEST);
    ck_assert_uint_eq(totals.nodes, SAMPLE_NODES);
    ck_assert_uint_eq(report.digest_mismatches, 0);
    ck_assert_uint_eq(session_book_count(state.sessions), 2);
    ck_assert(session_book_get(state.sessions, 0x100000f4c8d0000, &timeout_ms));
    ck_assert_int_eq(timeout_ms, 40000);
    ck_assert(session_book_get(state.sessions, 0x100000f4c8d0003, &timeout_ms));
    ck_assert_int_eq(timeout_ms, 30000);
}

static void is_refused(const char *text)
{
    ck_assert_int_eq(look(), -EBADMSG);
    ck_assert_msg(strstr(why, text) != NULL, "\"%s\" is not in: %s", text, why);
    ck_assert_ptr_null(strchr(why, '\n'));
    ck_assert_ptr_null(state.tree);
}

/* ---- The samples. */

START_TEST(the_sample_is_opened)
{
    ck_assert_msg(open_it() == 0, "%s", why);
    is_full();
    ck_assert_str_eq(report.snapshot, "snapshot.63");
    ck_assert_uint_eq(report.txns, 8);
    ck_assert_uint_eq(report.cut_bytes, 0);
    ck_assert_uint_eq(report.sessions_killed, 0);
}
END_TEST

START_TEST(compressed_samples_are_opened)
{
    rig_dir_copy(&dir, _i == 0 ? TEST_DATA_DIR "/samples/compressed/gz/version-2"
                               : TEST_DATA_DIR "/samples/compressed/snappy/version-2");
    ck_assert_msg(open_it() == 0, "%s", why);
    is_full();
    ck_assert_uint_eq(report.txns, 0);
}
END_TEST

START_TEST(the_quorum_sample_is_opened)
{
    rig_dir_copy(&dir, TEST_DATA_DIR "/samples/quorum/version-2");
    ck_assert_msg(open_it() == 0, "%s", why);
    ck_assert_int_eq(report.zxid, 0x100000004);
    ck_assert_uint_eq(report.txns, 4);
    ck_assert_uint_eq(report.digest_mismatches, 0);
    ck_assert_uint_eq(tree_digest(state.tree), UINT64_C(4087548834));
}
END_TEST

/* ---- Mutations. */

static void nothing(void)
{
}

static void cut_log(void)
{
    rig_truncate(&dir, "log.65", 600);
}

static void zero_the_end_mark(void)
{
    rig_flip(&dir, "log.65", 677, 'B');
}

static void flip_in_the_log(void)
{
    rig_flip(&dir, "log.65", 600, 1);
}

static void empty_the_log(void)
{
    rig_truncate(&dir, "log.65", 0);
}

static void cut_the_header(void)
{
    rig_truncate(&dir, "log.65", 8);
}

static void leave_the_header(void)
{
    rig_truncate(&dir, "log.65", 16);
}

static void cut_the_padding(void)
{
    rig_truncate(&dir, "log.65", 678);
}

static void remove_newest(void)
{
    rig_remove(&dir, "snapshot.63");
}

static void cut_newest(void)
{
    rig_truncate(&dir, "snapshot.63", 4000);
}

static void flip_in_newest(void)
{
    rig_flip(&dir, "snapshot.63", 5000, 1);
}

static void remove_all(void)
{
    rig_remove(&dir, "snapshot.0");
    rig_remove(&dir, "snapshot.34");
    rig_remove(&dir, "snapshot.63");
}

static void remove_all_and_trust(void)
{
    remove_all();
    conf.trust_empty = true;
}

static void give_a_false_name(void)
{
    rig_remove(&dir, "snapshot.0");
    rig_remove(&dir, "snapshot.34");
    rig_rename(&dir, "snapshot.63", "snapshot.1");
}

static void give_the_name_of_the_last_txn(void)
{
    rig_rename(&dir, "snapshot.63", "snapshot.6b");
}

static void give_a_name_of_the_future(void)
{
    rig_rename(&dir, "snapshot.63", "snapshot.1063");
}

static void copy_the_log(void)
{
    struct bytes b;

    rig_read(&dir, "log.65", &b);
    rig_write(&dir, "log.65.bak", b.at, b.len);
    bytes_done(&b);
}

static void remove_the_middle_log(void)
{
    rig_remove(&dir, "log.36");
}

static void leave_a_temporary_snapshot(void)
{
    struct bytes b;

    rig_read(&dir, "snapshot.0", &b);
    rig_write(&dir, "snapshot.70.tmp", b.at, b.len);
    bytes_done(&b);
}

static void leave_a_half_snapshot_of_the_future(void)
{
    struct bytes b;

    rig_read(&dir, "snapshot.63", &b);
    rig_write(&dir, "snapshot.fffff", b.at, b.len - 7);
    bytes_done(&b);
}

static void leave_a_rotten_snapshot_of_the_future(void)
{
    struct bytes b;

    rig_read(&dir, "snapshot.63", &b);
    b.at[100] ^= 1;
    rig_write(&dir, "snapshot.fffff", b.at, b.len);
    bytes_done(&b);
}

static void damage_newest_and_lose_a_log(void)
{
    flip_in_newest();
    rig_remove(&dir, "log.65");
    rig_remove(&dir, "log.36");
}

static void damage_all(void)
{
    rig_flip(&dir, "snapshot.0", 100, 1);
    rig_flip(&dir, "snapshot.34", 100, 1);
    rig_flip(&dir, "snapshot.63", 100, 1);
}

static void lose_what_a_fuzzy_snapshot_has_seen(void)
{
    /* snapshot.34 has traces of 0x35, the last txn of log.1. */
    rig_remove(&dir, "snapshot.63");
    rig_remove(&dir, "log.36");
    rig_remove(&dir, "log.65");
    rig_truncate(&dir, "log.1", 6100);
}

static const struct mutation {
    void (*make)(void);
    int result;
    zk_zxid zxid;
    uint64_t txns;
    uint64_t skipped;
    const char *why; /* Part of the line. */
} mutations[] = {
    /* ZooKeeper's results. */
    { nothing, 0, 0x6b, 8, 0, NULL },
    { cut_log, 0, 0x6a, 7, 0, NULL },
    { zero_the_end_mark, 0, 0x6a, 7, 0, NULL },
    { flip_in_the_log, -EBADMSG, 0, 0, 0, "log.65: offset 5" },
    { empty_the_log, 0, 0x64, 1, 0, NULL },
    { leave_the_header, 0, 0x64, 1, 0, NULL },
    { cut_the_padding, 0, 0x6b, 8, 0, NULL },
    { remove_newest, 0, 0x6b, 55, 0, NULL },
    { cut_newest, 0, 0x6b, 55, 0, NULL },
    { flip_in_newest, 0, 0x6b, 55, 1, NULL },
    { remove_all, -EBADMSG, 0, 0, 0, "snapshot.trust.empty" },
    { remove_all_and_trust, 0, 0x6b, 107, 0, NULL },
    { give_a_false_name, 0, 0x6b, 106, 0, NULL },
    { copy_the_log, 0, 0x6b, 8, 0, NULL },
    { damage_all, -EBADMSG, 0, 0, 3, "none of 3 snapshots" },
    { leave_a_half_snapshot_of_the_future, 0, 0x6b, 8, 0, NULL },
    /* Milder: a part of a header in the last log is what a crash leaves; ZooKeeper wants
     * the file deleted by hand. */
    { cut_the_header, 0, 0x64, 1, 0, NULL },
    /* Better: ZooKeeper would load its own temporary file. */
    { leave_a_temporary_snapshot, 0, 0x6b, 8, 0, NULL },
    /* Better: ZooKeeper believes these names and passes over txns. */
    { give_the_name_of_the_last_txn, 0, 0x6b, 55, 1, NULL },
    { give_a_name_of_the_future, -EBADMSG, 0, 0, 1, "snapshot.1063" },
    /* Stricter: ZooKeeper goes on with txns missing, or with some of their traces. */
    { remove_the_middle_log, -EBADMSG, 0, 0, 0, "0x65 cannot follow 0x63" },
    { leave_a_rotten_snapshot_of_the_future, -EBADMSG, 0, 0, 1, "snapshot.fffff" },
    { damage_newest_and_lose_a_log, -EBADMSG, 0, 0, 1, "snapshot.63" },
    { lose_what_a_fuzzy_snapshot_has_seen, -EBADMSG, 0, 0, 0, "traces of txns up to 0x35" },
};

START_TEST(a_mutation_has_its_known_result)
{
    const struct mutation *m = &mutations[_i];
    int r;

    m->make();
    r = look();
    ck_assert_msg(r == m->result, "%d: %s", r, why);
    ck_assert_uint_eq(report.snapshots_skipped, m->skipped);
    if (m->why != NULL)
        ck_assert_msg(strstr(why, m->why) != NULL, "\"%s\" is not in: %s", m->why, why);
    if (r < 0)
        return;
    ck_assert_int_eq(report.zxid, m->zxid);
    ck_assert_uint_eq(report.txns, m->txns);
    ck_assert_uint_eq(report.digest_mismatches, 0);
    if (m->zxid == SAMPLE_ZXID)
        is_full();
    /* Opened for good it is the same, and once more. */
    ck_assert_msg(open_it() == 0, "%s", why);
    ck_assert_int_eq(report.zxid, m->zxid);
    ck_assert_msg(open_it() == 0, "%s", why);
    ck_assert_int_eq(report.zxid, m->zxid);
    ck_assert_uint_eq(report.cut_bytes, 0);
}
END_TEST

/* ---- Every cut and every flip. */

static uint64_t digest_at[SAMPLE_ZXID + 1]; /* Of the log's own records; 0: has none. */

static void learn_digests(void)
{
    struct log_reader *r;
    const uint8_t *at;
    size_t len;
    zk_zxid zxid;

    ck_assert_int_eq(log_reader_open(&r, dir.dir, 1, why), 0);
    while (log_reader_next(r, &at, &len, &zxid, why) == 1) {
        struct txn txn;

        ck_assert(txn_parse(&txn, at, len));
        digest_at[zxid] = txn.has_digest ? txn.digest : 0;
    }
    log_reader_free(r);
}

/* The state may be shorter, but it is one that the server had. */
static void is_a_prefix(void)
{
    ck_assert_uint_eq(report.digest_mismatches, 0);
    ck_assert_int_ge(report.zxid, 0x64);
    ck_assert_int_le(report.zxid, SAMPLE_ZXID);
    if (digest_at[report.zxid] != 0)
        ck_assert_uint_eq(tree_digest(state.tree), digest_at[report.zxid]);
}

START_TEST(every_cut_of_the_last_log_gives_a_prefix)
{
    zk_zxid last = SAMPLE_ZXID;

    learn_digests();
    for (int64_t size = 700; size >= 0; size--) {
        rig_truncate(&dir, "log.65", size);
        ck_assert_msg(look() == 0, "%" PRId64 ": %s", size, why);
        is_a_prefix();
        ck_assert_int_le(report.zxid, last); /* Never more than with one byte more. */
        last = report.zxid;
    }
    ck_assert_int_eq(last, 0x64);
}
END_TEST

START_TEST(every_flip_in_the_last_log_is_refused_or_harmless)
{
    learn_digests();
    for (int64_t at = 0; at < 700; at++) {
        uint8_t bits = (uint8_t)(at % 3 == 0 ? 0xff : 1u << at % 8);

        rig_flip(&dir, "log.65", at, bits);

        int r = look();

        if (r == 0)
            is_full();
        else
            ck_assert_msg(r == -EBADMSG && strstr(why, "log.65: offset") != NULL, "%d: %s", r, why);
        rig_flip(&dir, "log.65", at, bits);
    }
}
END_TEST

START_TEST(every_flip_in_the_newest_snapshot_leads_to_the_older_one)
{
    int64_t size = rig_size(&dir, "snapshot.63");

    for (int64_t at = 0; at < size; at += at > size - 100 ? 1 : 7) {
        rig_flip(&dir, "snapshot.63", at, (uint8_t)(1u << at % 8));
        ck_assert_msg(look() == 0, "%" PRId64 ": %s", at, why);
        is_full();
        ck_assert_str_eq(report.snapshot, "snapshot.34");
        rig_flip(&dir, "snapshot.63", at, (uint8_t)(1u << at % 8));
    }
}
END_TEST

START_TEST(every_cut_of_the_newest_snapshot_gives_the_same_state)
{
    for (int64_t size = rig_size(&dir, "snapshot.63") - 1; size >= 0; size -= size > 7700 ? 1 : 53) {
        rig_truncate(&dir, "snapshot.63", size);
        ck_assert_msg(look() == 0, "%" PRId64 ": %s", size, why);
        is_full();
    }
}
END_TEST

/* ---- Rights. */

START_TEST(a_file_that_may_not_be_read_is_not_taken_for_damaged)
{
    static const char *const names[] = { "snapshot.63", "log.65", "log.36" };
    char path[RIG_PATH_MAX + 16];

    (void)snprintf(path, sizeof path, "%s/%s", dir.dir, names[_i]);
    ck_assert_int_eq(chmod(path, 0), 0);
    if (geteuid() == 0)
        ck_assert(chown(dir.top, 65534, 65534) == 0 && chown(dir.dir, 65534, 65534) == 0 &&
                  seteuid(65534) == 0);
    ck_assert_int_eq(look(), -EACCES);
    ck_assert_ptr_nonnull(strstr(why, names[_i]));
    ck_assert_ptr_null(state.tree);
    if (getuid() == 0) /* LeakSanitizer wants to look into its own process. */
        ck_assert(seteuid(0) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0);
}
END_TEST

/* ---- Empty directories. */

START_TEST(an_empty_directory_gets_zookeepers_first_snapshot)
{
    struct bytes got;
    struct bytes want;
    struct rig_dir sample;

    ck_assert_msg(open_it() == 0, "%s", why);
    ck_assert_int_eq(report.zxid, 0);
    ck_assert_str_eq(report.snapshot, "");
    rig_dir_init(&sample);
    rig_dir_copy(&sample, SAMPLE);
    rig_read(&sample, "snapshot.0", &want);
    rig_read(&dir, "snapshot.0", &got);
    ck_assert_uint_eq(got.len, 478);
    ck_assert_uint_eq(want.len, 478);
    /* The nodes may come in another order; everything before them and the tail but for
     * the checksums is the same. */
    ck_assert_mem_eq(got.at, want.at, 0x38);
    ck_assert_mem_eq(got.at + 0x195, want.at + 0x195, 5);
    ck_assert_mem_eq(got.at + 0x1a7, want.at + 0x1a7, 20);
    bytes_done(&got);
    bytes_done(&want);
    rig_dir_done(&sample);
    ck_assert_msg(open_it() == 0, "%s", why);
    ck_assert_int_eq(report.zxid, 0);
    ck_assert_str_eq(report.snapshot, "snapshot.0");
}
END_TEST

START_TEST(looking_writes_nothing)
{
    ck_assert_msg(look() == 0, "%s", why);
    ck_assert_uint_eq(rig_count(&dir, "s"), 0);
    rig_write(&dir, "log.1", "ZKLG", 4);
    ck_assert_msg(look() == 0, "%s", why);
    ck_assert_int_eq(rig_size(&dir, "log.1"), 4);
}
END_TEST

static void marker(bool wanted)
{
    char path[RIG_PATH_MAX + 16];

    (void)snprintf(path, sizeof path, "%s/../initialize", dir.dir);
    ck_assert_int_eq(access(path, F_OK) == 0, wanted);
}

START_TEST(without_autocreate_an_empty_directory_needs_a_marker)
{
    conf.db_autocreate = false;
    ck_assert_msg(open_it() == 0, "%s", why);
    ck_assert_int_eq(report.zxid, -1);
    ck_assert_uint_eq(rig_count(&dir, "s"), 0);
    rig_write(&dir, "../initialize", "", 0);
    ck_assert_msg(open_it() == 0, "%s", why);
    ck_assert_int_eq(report.zxid, 0);
    ck_assert(rig_exists(&dir, "snapshot.0"));
    marker(false);
}
END_TEST

START_TEST(the_marker_goes_from_a_full_directory_too)
{
    rig_write(&dir, "../initialize", "", 0);
    ck_assert_msg(open_it() == 0, "%s", why);
    marker(false);
    is_full();
}
END_TEST

START_TEST(a_torn_first_snapshot_is_written_again)
{
    rig_write(&dir, "snapshot.0", "ZKSN", 4);
    ck_assert_msg(open_it() == 0, "%s", why);
    ck_assert_int_eq(rig_size(&dir, "snapshot.0"), 478);
}
END_TEST

START_TEST(an_unusable_only_snapshot_is_not_an_empty_directory)
{
    rig_write(&dir, "snapshot.63", "ZKSN", 4);
    is_refused("snapshot.63 is empty or cut");
}
END_TEST

START_TEST(a_full_disk_at_the_first_snapshot_is_an_error)
{
    fault_after(FAULT_PWRITE, 0, ENOSPC, true);
    ck_assert_int_eq(open_it(), -ENOSPC);
    ck_assert_ptr_nonnull(strstr(why, "first snapshot"));
    ck_assert_ptr_null(state.tree);
    fault_reset();
    ck_assert_uint_eq(rig_count(&dir, "snapshot"), 0);
    ck_assert_msg(open_it() == 0, "%s", why);
}
END_TEST

/* ---- Tidying up. */

START_TEST(torn_tails_are_cut_and_temporary_snapshots_removed)
{
    rig_truncate(&dir, "log.65", 650);
    rig_write(&dir, ".tmp-snapshot.6b", "x", 1);
    ck_assert_msg(open_it() == 0, "%s", why);
    ck_assert_int_eq(report.zxid, 0x6a);
    ck_assert_uint_gt(report.cut_bytes, 0);
    ck_assert_int_eq(rig_size(&dir, "log.65"), 650 - (int64_t)report.cut_bytes);
    ck_assert_uint_eq(rig_count(&dir, ".tmp"), 0);
    /* The log that follows begins with the txn that was torn. */
    rig_log(&dir, NULL, 0x6b, 0x6f, 2, 40);
    ck_assert_msg(open_it() == 0, "%s", why);
    ck_assert_int_eq(report.zxid, 0x6f);
}
END_TEST

START_TEST(nothing_is_written_when_the_directory_is_refused)
{
    struct stat before;
    struct stat after;

    rig_truncate(&dir, "log.36", 300); /* A gap. */
    rig_truncate(&dir, "log.65", 650); /* And a torn tail. */
    rig_remove(&dir, "snapshot.63");
    rig_write(&dir, ".tmp-snapshot.6b", "x", 1);
    ck_assert_int_eq(stat(dir.dir, &before), 0);
    ck_assert_int_eq(open_it(), -EBADMSG);
    ck_assert_int_eq(stat(dir.dir, &after), 0);
    ck_assert(before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
              before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
    ck_assert_int_eq(rig_size(&dir, "log.65"), 650);
}
END_TEST

START_TEST(a_failed_cut_is_an_error)
{
    rig_truncate(&dir, "log.65", 650);
    fault_after(FAULT_FTRUNCATE, 0, EIO, false);
    ck_assert_int_eq(open_it(), -EIO);
    ck_assert_ptr_nonnull(strstr(why, "torn end"));
}
END_TEST

/* ---- What is in the txns. */

START_TEST(a_txn_of_an_unknown_type_is_refused_with_its_place)
{
    struct bytes b;

    rig_remove(&dir, "snapshot.63");
    rig_remove(&dir, "snapshot.34");
    rig_remove(&dir, "log.36");
    rig_remove(&dir, "log.65");
    rig_read(&dir, "log.1", &b);

    uint32_t first = jute_load32(b.at + 16 + 8);
    uint8_t *payload = b.at + 16 + 12;

    (void)jute_store32(payload + 28, 99);
    (void)jute_store64(b.at + 16, adler32(1, payload, first));
    rig_write(&dir, "log.1", b.at, b.len);
    bytes_done(&b);
    is_refused("log.1: offset 16 (0x10): txn 0x1 is of an unknown type");
}
END_TEST

START_TEST(ttl_nodes_are_not_lost_when_extended_types_are_off)
{
    conf.tree.extended_types = false;
    ck_assert_int_eq(open_it(), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "/ttl"));
    ck_assert_ptr_nonnull(strstr(why, "extendedTypesEnabled=true"));
}
END_TEST

START_TEST(ephemerals_of_a_session_that_nobody_knows_are_removed)
{
    /* snapshot.6b without its session map: the digest section no longer fits, so the
     * seals are made anew. */
    struct bytes b;
    struct bytes out = { .at = NULL };
    struct tree_totals totals;

    rig_remove(&dir, "log.65"); /* Creates a session and its ephemeral. */
    rig_remove(&dir, "snapshot.0");
    rig_remove(&dir, "snapshot.34");
    rig_read(&dir, "snapshot.63", &b);
    ck_assert_uint_eq(jute_load32(b.at + 16), 1);
    bytes_put(&out, b.at, 16);
    jute_write_i32(&out, 0);
    bytes_put(&out, b.at + 20 + 12, b.len - 32 - 13 - 21 - 33);
    jute_write_i64(&out, (int64_t)adler32(1, out.at, (uInt)out.len));
    jute_write_str(&out, jute_text("/"));
    rig_write(&dir, "snapshot.63", out.at, out.len);
    ck_assert_msg(open_it() == 0, "%s", why);
    tree_totals(state.tree, &totals);
    ck_assert_uint_eq(report.sessions_killed, 1);
    ck_assert_uint_eq(totals.ephemerals, 0);
    ck_assert_int_eq(report.zxid, 0x64);
    bytes_done(&out);
    bytes_done(&b);
}
END_TEST

START_TEST(digests_that_differ_are_counted_and_nothing_more)
{
    struct bytes b;
    uint64_t at = 16;
    uint32_t len;

    rig_read(&dir, "log.65", &b);
    len = jute_load32(b.at + at + 8);

    uint8_t *payload = b.at + at + 12;

    payload[len - 1] ^= 1;
    (void)jute_store64(b.at + at, adler32(1, payload, len));
    rig_write(&dir, "log.65", b.at, b.len);
    bytes_done(&b);
    ck_assert_msg(look() == 0, "%s", why);
    ck_assert_uint_eq(report.digest_mismatches, 1);
    ck_assert_int_eq(report.first_mismatch, 0x65);
    ck_assert_uint_eq(tree_digest(state.tree), SAMPLE_DIGEST);
    conf.tree.digest = false;
    ck_assert_msg(look() == 0, "%s", why);
    ck_assert_uint_eq(report.digest_mismatches, 0);
}
END_TEST

/* ---- The book of sessions. */

static void sum_ids(void *ctx, zk_session_id id, int32_t timeout_ms)
{
    uint64_t *sum = ctx;

    *sum += (uint64_t)id * 31 + (uint64_t)timeout_ms;
}

START_TEST(the_book_keeps_sessions_through_growth_and_shrinking)
{
    enum { COUNT = 5000 };

    struct session_book *b = session_book_new(3);
    int32_t timeout_ms;
    uint64_t sum = 0;
    uint64_t want = 0;

    for (int64_t id = 0; id < COUNT; id++)
        session_book_put(b, id << 24, (int32_t)id);
    session_book_put(b, 7 << 24, 77);
    ck_assert_uint_eq(session_book_count(b), COUNT);
    ck_assert(session_book_get(b, 7 << 24, &timeout_ms) && timeout_ms == 77);
    for (int64_t id = 0; id < COUNT; id += 2)
        ck_assert(session_book_drop(b, id << 24));
    ck_assert(!session_book_drop(b, 0));
    ck_assert(!session_book_drop(b, 1));
    for (int64_t id = 0; id < COUNT; id++)
        ck_assert_int_eq(session_book_get(b, id << 24, &timeout_ms), id % 2);
    for (int64_t id = 1; id < COUNT - 20; id += 2)
        ck_assert(session_book_drop(b, id << 24));
    for (int64_t id = COUNT - 19; id < COUNT; id += 2)
        want += (uint64_t)(id << 24) * 31 + (uint64_t)id;
    session_book_each(b, sum_ids, &sum);
    ck_assert_uint_eq(sum, want);
    ck_assert_uint_eq(session_book_count(b), 10);
    session_book_free(b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("recover");
    TCase *sample = tcase_create("sample");
    TCase *other = tcase_create("other");
    SRunner *runner = srunner_create(s);

    tcase_add_checked_fixture(sample, setup_sample, teardown);
    tcase_set_timeout(sample, 100);
    tcase_add_test(sample, the_sample_is_opened);
    tcase_add_loop_test(sample, a_mutation_has_its_known_result, 0,
                        sizeof mutations / sizeof mutations[0]);
    tcase_add_test(sample, every_cut_of_the_last_log_gives_a_prefix);
    tcase_add_test(sample, every_flip_in_the_last_log_is_refused_or_harmless);
    tcase_add_test(sample, every_flip_in_the_newest_snapshot_leads_to_the_older_one);
    tcase_add_test(sample, every_cut_of_the_newest_snapshot_gives_the_same_state);
    tcase_add_loop_test(sample, a_file_that_may_not_be_read_is_not_taken_for_damaged, 0, 3);
    tcase_add_test(sample, the_marker_goes_from_a_full_directory_too);
    tcase_add_test(sample, torn_tails_are_cut_and_temporary_snapshots_removed);
    tcase_add_test(sample, nothing_is_written_when_the_directory_is_refused);
    tcase_add_test(sample, a_failed_cut_is_an_error);
    tcase_add_test(sample, a_txn_of_an_unknown_type_is_refused_with_its_place);
    tcase_add_test(sample, ttl_nodes_are_not_lost_when_extended_types_are_off);
    tcase_add_test(sample, ephemerals_of_a_session_that_nobody_knows_are_removed);
    tcase_add_test(sample, digests_that_differ_are_counted_and_nothing_more);
    tcase_add_checked_fixture(other, setup, teardown);
    tcase_add_loop_test(other, compressed_samples_are_opened, 0, 2);
    tcase_add_test(other, the_quorum_sample_is_opened);
    tcase_add_test(other, an_empty_directory_gets_zookeepers_first_snapshot);
    tcase_add_test(other, looking_writes_nothing);
    tcase_add_test(other, without_autocreate_an_empty_directory_needs_a_marker);
    tcase_add_test(other, a_torn_first_snapshot_is_written_again);
    tcase_add_test(other, an_unusable_only_snapshot_is_not_an_empty_directory);
    tcase_add_test(other, a_full_disk_at_the_first_snapshot_is_an_error);
    tcase_add_test(other, the_book_keeps_sessions_through_growth_and_shrinking);
    suite_add_tcase(s, sample);
    suite_add_tcase(s, other);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
