/* server/state/recover: what a server makes of a directory. The mutations of the sample
 * and their results are those of storage-format 12, observed with ZooKeeper 3.9.5; where
 * we are stricter the table says so. */
#include "tests/unit/test_recover_lib.h"

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

    for (int64_t at = 0; at<size; at += at> size - 100 ? 1 : 7) {
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
    for (int64_t size = rig_size(&dir, "snapshot.63") - 1; size >= 0;
         size -= size > 7700 ? 1 : 53) {
        rig_truncate(&dir, "snapshot.63", size);
        ck_assert_msg(look() == 0, "%" PRId64 ": %s", size, why);
        is_full();
    }
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
    tcase_add_checked_fixture(other, setup, teardown);
    tcase_add_loop_test(other, compressed_samples_are_opened, 0, 2);
    tcase_add_test(other, the_quorum_sample_is_opened);
    suite_add_tcase(s, sample);
    suite_add_tcase(s, other);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
