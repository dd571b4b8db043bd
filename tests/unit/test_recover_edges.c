/* server/state/recover: rights, empty directories, what is tidied up, and what is refused
 * because of what is in the txns. Also the book of sessions. */
#include "tests/unit/test_recover_lib.h"

static void marker(bool wanted)
{
    char path[RIG_PATH_MAX + 16];

    (void)snprintf(path, sizeof path, "%s/../initialize", dir.dir);
    ck_assert_int_eq(access(path, F_OK) == 0, wanted);
}

static void sum_ids(void *ctx, zk_session_id id, int32_t timeout_ms)
{
    uint64_t *sum = ctx;

    *sum += (uint64_t)id * 31 + (uint64_t)timeout_ms;
}

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
    Suite *s = suite_create("recover_edges");
    TCase *sample = tcase_create("sample");
    TCase *other = tcase_create("other");
    SRunner *runner = srunner_create(s);

    tcase_add_checked_fixture(sample, setup_sample, teardown);
    tcase_add_checked_fixture(other, setup, teardown);
    tcase_set_timeout(sample, 60);
    tcase_set_timeout(other, 60);
    tcase_add_loop_test(sample, a_file_that_may_not_be_read_is_not_taken_for_damaged, 0, 3);
    tcase_add_test(other, an_empty_directory_gets_zookeepers_first_snapshot);
    tcase_add_test(other, looking_writes_nothing);
    tcase_add_test(other, without_autocreate_an_empty_directory_needs_a_marker);
    tcase_add_test(sample, the_marker_goes_from_a_full_directory_too);
    tcase_add_test(other, a_torn_first_snapshot_is_written_again);
    tcase_add_test(other, an_unusable_only_snapshot_is_not_an_empty_directory);
    tcase_add_test(other, a_full_disk_at_the_first_snapshot_is_an_error);
    tcase_add_test(sample, torn_tails_are_cut_and_temporary_snapshots_removed);
    tcase_add_test(sample, nothing_is_written_when_the_directory_is_refused);
    tcase_add_test(sample, a_failed_cut_is_an_error);
    tcase_add_test(sample, a_txn_of_an_unknown_type_is_refused_with_its_place);
    tcase_add_test(sample, ttl_nodes_are_not_lost_when_extended_types_are_off);
    tcase_add_test(sample, ephemerals_of_a_session_that_nobody_knows_are_removed);
    tcase_add_test(sample, digests_that_differ_are_counted_and_nothing_more);
    tcase_add_test(other, the_book_keeps_sessions_through_growth_and_shrinking);
    suite_add_tcase(s, sample);
    suite_add_tcase(s, other);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
