/* server/disk: what a synchronisation does to it, epochs, the log read for a learner. */
#include "tests/unit/test_disk_lib.h"

static struct box box;

static uint64_t no_clock(void)
{
    return 0;
}

/* History 1:1 … 1:20, with snapshots now and then. */
static void setup(void)
{
    struct disk_conf conf = box_conf(6);

    fault_reset();
    log_set_level(LOG_LEVEL_ERROR);
    memset(&box, 0, sizeof box);
    rig_dir_init(&box.dir);
    ck_assert_msg(box_start(&box, &conf) == 0, "%s", box.why);
    box_write(&box, EPOCH(1) + 1, 20);
    ck_assert_uint_ge(rig_count(&box.dir, "snapshot"), 3);
    ck_assert_uint_ge(rig_count(&box.dir, "log"), 3);
}

static void teardown(void)
{
    box_stop(&box);
    rig_dir_done(&box.dir);
}

static void restart(void)
{
    struct disk_conf conf = box_conf(6);

    box_stop(&box);
    ck_assert_msg(box_start(&box, &conf) == 0, "%s", box.why);
}

/* ---- Plain running. */

START_TEST(what_is_appended_is_there_after_a_restart)
{
    expect_disk(&box, EPOCH(1) + 20, digest_at(20));
    restart();
    ck_assert_int_eq(box.report.zxid, EPOCH(1) + 20);
    box_write(&box, EPOCH(1) + 21, 3);
    expect_disk(&box, EPOCH(1) + 23, digest_at(23));
}
END_TEST

START_TEST(figures_are_sums_over_logs_that_were_closed)
{
    struct wal_done before;
    struct wal_done after;

    disk_figures(&box.disk, &before);
    ck_assert_int_eq(disk_truncate(&box.disk, EPOCH(1) + 20, NULL), 0);
    box_write(&box, EPOCH(1) + 21, 1);
    disk_figures(&box.disk, &after);
    ck_assert_uint_ge(after.fsyncs, before.fsyncs + 1);
    ck_assert_uint_gt(after.bytes, before.bytes);
    ck_assert_int_eq(after.zxid, EPOCH(1) + 21);
}
END_TEST

START_TEST(a_start_makes_durable_what_it_reads)
{
    struct disk_conf conf = box_conf(1000);

    box_stop(&box);
    fault_reset();
    fault_after(FAULT_FSYNC, 0, EIO, true);
    ck_assert_int_eq(box_start(&box, &conf), -EIO);
    ck_assert_msg(strstr(box.why, "sync") != NULL, "%s", box.why);
    box_stop(&box);
    fault_reset();
    ck_assert_int_eq(box_start(&box, &conf), 0);
}
END_TEST

/* ---- TRUNC. */

/* Tried in another process, with a disk of its own in the same directory. */
static bool truncation_ends_the_process(zk_zxid zxid)
{
    struct disk_conf conf = box_conf(1000);
    pid_t child;
    int status = 0;

    box_stop(&box);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        (void)log_open("/dev/null");
        if (box_start(&box, &conf) == 0)
            (void)disk_truncate(&box.disk, zxid, NULL);
        _exit(9);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(box_start(&box, &conf) == 0, "%s", box.why);
    return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

START_TEST(a_truncation_reloads_the_state_at_any_txn)
{
    struct state reload;
    zk_zxid zxid = EPOCH(1) + _i;
    int r = disk_truncate(&box.disk, zxid, &reload);

    ck_assert_int_eq(r, 0);
    state_done(&box.state);
    box.state = reload;
    ck_assert_int_eq(tree_zxid(reload.tree), zxid);
    ck_assert_uint_eq(tree_digest(reload.tree), digest_at((uint32_t)_i));
    expect_disk(&box, zxid, digest_at((uint32_t)_i));
    ck_assert(!disk_durable(&box.disk, &zxid)); /* It is no news, but it is lower. */
    ck_assert_int_eq(zxid, EPOCH(1) + _i);
    /* Another history goes on from there. */
    box_write(&box, EPOCH(2) + 1, 9);
    expect_disk(&box, EPOCH(2) + 9, tree_digest(box.state.tree));
    restart();
    ck_assert_int_eq(box.report.zxid, EPOCH(2) + 9);
}
END_TEST

START_TEST(a_tail_that_memory_has_not_is_cut_off_without_a_reload)
{
    uint64_t digest = tree_digest(box.state.tree);
    struct wal_batch *tail = rig_batch(EPOCH(1) + 21, 5, 50);

    disk_append(&box.disk, tail); /* Handed over, perhaps not yet durable. */
    ck_assert_int_eq(disk_truncate(&box.disk, EPOCH(1) + 20, NULL), 0);
    expect_disk(&box, EPOCH(1) + 20, digest);
    box_write(&box, EPOCH(1) + 21, 2);
    expect_disk(&box, EPOCH(1) + 22, digest_at(22));
}
END_TEST

START_TEST(what_was_durable_before_the_cut_is_told_after_it)
{
    zk_zxid zxid;

    disk_append(&box.disk, rig_batch(EPOCH(1) + 21, 5, 50));
    ck_assert_int_eq(disk_truncate(&box.disk, EPOCH(1) + 23, NULL), 0);
    ck_assert(disk_durable(&box.disk, &zxid));
    ck_assert_int_eq(zxid, EPOCH(1) + 23);
    ck_assert(!disk_durable(&box.disk, &zxid));
}
END_TEST

/* A log that ends with an epoch is cut to its beginning, which is no txn's. */
START_TEST(the_beginning_of_an_epoch_is_the_end_of_the_one_before)
{
    struct state reload;

    box_write(&box, EPOCH(3) + 1, 4);
    ck_assert_int_eq(disk_truncate(&box.disk, EPOCH(3), &reload), 0);
    state_done(&box.state);
    box.state = reload;
    ck_assert_int_eq(tree_zxid(reload.tree), EPOCH(3));
    ck_assert_uint_eq(tree_digest(reload.tree), digest_at(20));
    expect_disk(&box, EPOCH(1) + 20, digest_at(20));
}
END_TEST

START_TEST(a_txn_that_was_never_here_cannot_be_truncated_to)
{
    struct state reload;
    uint64_t digest;

    box_write(&box, EPOCH(3) + 1, 4);
    digest = tree_digest(box.state.tree);
    ck_assert_int_eq(disk_truncate(&box.disk, EPOCH(2) + 7, &reload), -ENOENT);
    ck_assert(truncation_ends_the_process(EPOCH(2) + 7));
    expect_disk(&box, EPOCH(3) + 4, digest);
    box_write(&box, EPOCH(3) + 5, 1); /* And it goes on. */
    expect_disk(&box, EPOCH(3) + 5, tree_digest(box.state.tree));
}
END_TEST

START_TEST(without_an_older_snapshot_nothing_is_changed)
{
    struct state reload;
    unsigned logs;

    disk_save_snapshot(&box.disk); /* Now there is one of 1:20 only. */
    box_settle(&box);
    box_write(&box, EPOCH(1) + 21, 2);
    logs = (unsigned)rig_count(&box.dir, "log");
    ck_assert_int_eq(disk_truncate(&box.disk, EPOCH(1) + 10, &reload), -ENOENT);
    ck_assert(truncation_ends_the_process(EPOCH(1) + 10));
    ck_assert_uint_eq(rig_count(&box.dir, "log"), logs);
    expect_disk(&box, EPOCH(1) + 22, tree_digest(box.state.tree));
}
END_TEST

/* The newest snapshot is of before the cut, but was written while later txns were applied. */
START_TEST(a_fuzzy_snapshot_does_not_bring_forgotten_txns_back)
{
    struct state reload;
    struct wal_batch *b;
    bool wants_cpu;
    int fd = box.disk.dump_fd;
    struct dump *d;
    int r;

    ck_assert_int_eq(
        dump_begin(&d, &box.state, box.disk.dirs.snap_dir, SNAPSHOT_PLAIN, true, true, fd), 0);
    b = rig_batch(EPOCH(1) + 21, 3, 50);
    (void)__atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED);
    disk_append(&box.disk, b);
    apply_batch(&box.state, b);
    wal_batch_unref(b);
    do {
        r = dump_step(d, &box.state, UINT64_MAX, no_clock, &wants_cpu);
    } while (r == 0);
    ck_assert_int_eq(r, 1);
    dump_free(d, &box.state);
    ck_assert(rig_exists(&box.dir, "snapshot.100000014"));
    ck_assert_int_eq(disk_truncate(&box.disk, EPOCH(1) + 21, &reload), 0);
    state_done(&box.state);
    box.state = reload;
    ck_assert(!rig_exists(&box.dir, "snapshot.100000014"));
    ck_assert_uint_eq(tree_digest(reload.tree), digest_at(21));
    expect_disk(&box, EPOCH(1) + 21, digest_at(21));
}
END_TEST

START_TEST(a_snapshot_under_way_is_abandoned_by_a_reload)
{
    struct disk_conf conf = box_conf(2);
    struct state reload;
    struct wal_batch *b = rig_batch(EPOCH(1) + 21, 20, 50);

    box_stop(&box);
    ck_assert_int_eq(box_start(&box, &conf), 0);
    disk_append(&box.disk, b);
    ck_assert_ptr_nonnull(box.disk.dump);
    ck_assert_int_eq(disk_truncate(&box.disk, EPOCH(1) + 12, &reload), 0);
    ck_assert_ptr_null(box.disk.dump);
    ck_assert_uint_eq(rig_count(&box.dir, ".tmp"), 0);
    state_done(&box.state);
    box.state = reload;
    expect_disk(&box, EPOCH(1) + 12, digest_at(12));
}
END_TEST

/* ---- SNAP. */

/* The state of a leader at 2:7, which has nothing to do with ours. */
static void take_leaders_state(void)
{
    struct state s;

    disk_empty_state(&box.disk, &s);
    apply_range(&s, EPOCH(1) + 100, 30);
    apply_range(&s, EPOCH(2) + 1, 7);
    state_done(&box.state);
    box.state = s;
}

START_TEST(a_leaders_state_replaces_all_there_was)
{
    uint64_t digest;

    take_leaders_state();
    digest = tree_digest(box.state.tree);
    disk_save_snapshot(&box.disk);
    ck_assert_uint_eq(box.saved, 0);
    box_settle(&box);
    ck_assert_uint_eq(box.saved, 1);
    ck_assert_uint_eq(rig_count(&box.dir, "snapshot"), 1);
    ck_assert_uint_eq(rig_count(&box.dir, "log"), 0);
    ck_assert_uint_eq(rig_count(&box.dir, "zabd.index"), 0);
    expect_disk(&box, EPOCH(2) + 7, digest);
    box_write(&box, EPOCH(2) + 8, 5);
    expect_disk(&box, EPOCH(2) + 12, tree_digest(box.state.tree));
    restart();
    ck_assert_int_eq(box.report.zxid, EPOCH(2) + 12);
}
END_TEST

START_TEST(a_state_that_is_older_than_our_snapshots_replaces_them_too)
{
    struct state s;

    disk_empty_state(&box.disk, &s);
    apply_range(&s, EPOCH(1) + 1, 3);
    state_done(&box.state);
    box.state = s;
    disk_save_snapshot(&box.disk);
    box_settle(&box);
    expect_disk(&box, EPOCH(1) + 3, digest_at(3));
}
END_TEST

START_TEST(what_is_appended_meanwhile_comes_behind)
{
    zk_zxid zxid;
    struct wal_batch *b = rig_batch(EPOCH(2) + 8, 4, 50);

    take_leaders_state();
    disk_save_snapshot(&box.disk);
    (void)__atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED);
    disk_append(&box.disk, b);
    (void)disk_durable(&box.disk, &zxid);
    ck_assert_int_eq(zxid, EPOCH(1) + 20);
    box_settle(&box);
    box_wait_durable(&box, EPOCH(2) + 11);
    apply_batch(&box.state, b);
    wal_batch_unref(b);
    expect_disk(&box, EPOCH(2) + 11, tree_digest(box.state.tree));
}
END_TEST

/* Its snapshot has no log behind it that would repair it. */
START_TEST(txns_applied_meanwhile_do_not_make_it_fuzzy)
{
    take_leaders_state();
    disk_save_snapshot(&box.disk);
    apply_range(&box.state, EPOCH(2) + 8, 3);
    box_settle(&box);
    ck_assert_uint_eq(box.saved, 1);
    expect_disk(&box, EPOCH(2) + 10, tree_digest(box.state.tree));
}
END_TEST

START_TEST(another_wish_waits_for_the_first_to_be_done)
{
    take_leaders_state();
    disk_save_snapshot(&box.disk);
    take_leaders_state();
    expect_disk(&box, EPOCH(2) + 7, tree_digest(box.state.tree));
    ck_assert_uint_eq(box.saved, 0); /* Not from in here. */
    box_settle(&box);
    ck_assert_uint_eq(box.saved, 1);
    disk_save_snapshot(&box.disk);
    ck_assert_int_eq(disk_truncate(&box.disk, EPOCH(2) + 7, NULL), 0);
    box_settle(&box);
    ck_assert_uint_eq(box.saved, 2);
    expect_disk(&box, EPOCH(2) + 7, tree_digest(box.state.tree));
}
END_TEST

START_TEST(two_wishes_are_told_once_when_both_are_done)
{
    take_leaders_state();
    disk_save_snapshot(&box.disk);
    take_leaders_state();
    apply_range(&box.state, EPOCH(2) + 8, 3);
    disk_save_snapshot(&box.disk);
    box_settle(&box);
    ck_assert_uint_eq(box.saved, 1);
    expect_disk(&box, EPOCH(2) + 10, tree_digest(box.state.tree));
}
END_TEST

START_TEST(a_stop_in_between_leaves_what_there_was)
{
    take_leaders_state();
    disk_save_snapshot(&box.disk);
    disk_append(&box.disk, rig_batch(EPOCH(2) + 8, 4, 50));
    disk_stop(&box.disk);
    ck_assert_uint_eq(rig_count(&box.dir, ".tmp"), 0);
    expect_disk(&box, EPOCH(1) + 20, digest_at(20));
}
END_TEST

START_TEST(a_packed_snapshot_of_the_same_zxid_does_not_stand_in_the_way)
{
    struct bytes b;

    take_leaders_state();
    rig_read(&box.dir, "snapshot.0", &b);
    rig_write(&box.dir, "snapshot.200000007", b.at, b.len);
    rig_write(&box.dir, "snapshot.200000007.gz", b.at, b.len);
    bytes_done(&b);
    box.disk.conf.codec = SNAPSHOT_GZ;
    disk_save_snapshot(&box.disk);
    box_settle(&box);
    ck_assert_uint_eq(rig_count(&box.dir, "snapshot"), 1);
    expect_disk(&box, EPOCH(2) + 7, tree_digest(box.state.tree));
}
END_TEST

/* ---- Purging. */

START_TEST(a_purge_ends_before_a_truncation_begins)
{
    struct disk_conf conf = box_conf(6);
    struct state reload;

    conf.purge_interval_ms = 1000;
    box_stop(&box);
    ck_assert_int_eq(box_start(&box, &conf), 0);
    ck_assert_int_eq(disk_deadline(&box.disk), 0);
    disk_look(&box.disk, 5);
    ck_assert(box.disk.is_purging);
    ck_assert_int_eq(disk_deadline(&box.disk), 1005);
    ck_assert_int_eq(disk_truncate(&box.disk, EPOCH(1) + 18, &reload), 0);
    ck_assert(!box.disk.is_purging);
    state_done(&box.state);
    box.state = reload;
    expect_disk(&box, EPOCH(1) + 18, digest_at(18));
    disk_look(&box.disk, 1005); /* The next one may begin. */
    ck_assert(box.disk.is_purging);
    disk_stop(&box.disk);
    expect_disk(&box, EPOCH(1) + 18, digest_at(18));
}
END_TEST

/* ---- Epochs. */

static int load_epochs(zk_zxid zxid, int64_t *accepted, int64_t *current)
{
    box.why[0] = '\0';
    return disk_load_epochs(&box.disk, zxid, accepted, current, box.why);
}

START_TEST(missing_epochs_are_those_of_the_last_txn)
{
    int64_t accepted = 0;
    int64_t current = 0;

    ck_assert_int_eq(load_epochs(EPOCH(1) + 20, &accepted, &current), 0);
    ck_assert_int_eq(accepted, 1);
    ck_assert_int_eq(current, 1);
    ck_assert(rig_exists(&box.dir, "acceptedEpoch") && rig_exists(&box.dir, "currentEpoch"));
    disk_save_accepted(&box.disk, 5);
    disk_save_current(&box.disk, 4);
    ck_assert_int_eq(load_epochs(EPOCH(1) + 20, &accepted, &current), 0);
    ck_assert_int_eq(accepted, 5);
    ck_assert_int_eq(current, 4);
}
END_TEST

START_TEST(a_server_without_anything_has_epoch_zero)
{
    int64_t accepted = 9;
    int64_t current = 9;

    ck_assert_int_eq(load_epochs(-1, &accepted, &current), 0);
    ck_assert_int_eq(accepted, 0);
    ck_assert_int_eq(current, 0);
}
END_TEST

START_TEST(a_current_epoch_behind_the_txns_is_raised)
{
    static const struct {
        int64_t accepted, current;
        const char *temp;
        int64_t want;
    } cases[] = {
        { 7, 5, NULL, 7 },                   /* A crash between the history and the epoch. */
        { 8, 5, NULL, 7 }, { 8, 5, "8", 8 }, /* ZOOKEEPER-4269. */
        { 7, 5, "7", 7 },  { 8, 5, "9", 7 }, /* What was not accepted cannot be current. */
        { 8, 5, "x", 7 },  { 8, 5, "6", 7 }, { 9, 8, "9", 8 }, /* Nothing to be mended. */
    };
    int64_t accepted;
    int64_t current;

    disk_save_accepted(&box.disk, cases[_i].accepted);
    disk_save_current(&box.disk, cases[_i].current);
    if (cases[_i].temp != NULL)
        rig_write(&box.dir, "currentEpoch.tmp", cases[_i].temp, strlen(cases[_i].temp));
    ck_assert_int_eq(load_epochs(EPOCH(7) + 1, &accepted, &current), 0);
    ck_assert_int_eq(accepted, cases[_i].accepted);
    ck_assert_int_eq(current, cases[_i].want);
    ck_assert_int_eq(load_epochs(EPOCH(7) + 1, &accepted, &current), 0);
    ck_assert_int_eq(current, cases[_i].want);
}
END_TEST

START_TEST(epochs_that_cannot_be_are_refused)
{
    static const struct {
        const char *accepted, *current;
        const char *why;
    } cases[] = {
        { "3", "4", "below currentEpoch 4" },
        { "6", "5", "the last txn is of epoch 7" },
        { "x", "7", "acceptedEpoch: is not the number" },
        { "7", "", "currentEpoch: is not the number" },
        { "7", "-1", "currentEpoch: is not the number" },
    };
    int64_t accepted;
    int64_t current;
    zk_zxid zxid = _i == 0 ? EPOCH(2) : EPOCH(7) + 1;

    rig_write(&box.dir, "acceptedEpoch", cases[_i].accepted, strlen(cases[_i].accepted));
    rig_write(&box.dir, "currentEpoch", cases[_i].current, strlen(cases[_i].current));
    ck_assert_int_lt(load_epochs(zxid, &accepted, &current), 0);
    ck_assert_msg(strstr(box.why, cases[_i].why) != NULL, "%s", box.why);
}
END_TEST

/* ---- The log for a learner. */

START_TEST(a_learner_gets_the_txns_behind_its_own)
{
    void *log = NULL;
    const uint8_t *payload;
    size_t len;
    zk_zxid zxid = 0;

    for (int i = 1; i <= 20; i++) {
        ck_assert_int_eq(disk_log_open(&box.disk, EPOCH(1) + i, &log), 0);
        for (int k = i + 1; k <= 20; k++) {
            ck_assert_int_eq(disk_log_next(log, &payload, &len, &zxid), 1);
            ck_assert_int_eq(zxid, EPOCH(1) + k);
        }
        ck_assert_int_eq(disk_log_next(log, &payload, &len, &zxid), 0);
        disk_log_close(log);
    }
    ck_assert_int_eq(disk_log_open(&box.disk, EPOCH(1) + 21, &log), -ENOENT);
}
END_TEST

START_TEST(a_log_that_is_large_beside_the_snapshot_is_not_used)
{
    void *log = NULL;

    box.disk.conf.log_size_factor = 0.33;
    ck_assert_int_eq(disk_log_open(&box.disk, EPOCH(1) + 1, &log), -EFBIG);
    box.disk.conf.log_size_factor = -1;
    ck_assert_int_eq(disk_log_open(&box.disk, EPOCH(1) + 1, &log), -EOPNOTSUPP);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("disk");
    TCase *c = tcase_create("disk");
    SRunner *runner = srunner_create(s);

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, what_is_appended_is_there_after_a_restart);
    tcase_add_test(c, figures_are_sums_over_logs_that_were_closed);
    tcase_add_test(c, a_start_makes_durable_what_it_reads);
    tcase_add_loop_test(c, a_truncation_reloads_the_state_at_any_txn, 1, 21);
    tcase_add_test(c, a_tail_that_memory_has_not_is_cut_off_without_a_reload);
    tcase_add_test(c, what_was_durable_before_the_cut_is_told_after_it);
    tcase_add_test(c, the_beginning_of_an_epoch_is_the_end_of_the_one_before);
    tcase_add_test(c, a_txn_that_was_never_here_cannot_be_truncated_to);
    tcase_add_test(c, without_an_older_snapshot_nothing_is_changed);
    tcase_add_test(c, a_fuzzy_snapshot_does_not_bring_forgotten_txns_back);
    tcase_add_test(c, a_snapshot_under_way_is_abandoned_by_a_reload);
    tcase_add_test(c, a_leaders_state_replaces_all_there_was);
    tcase_add_test(c, a_state_that_is_older_than_our_snapshots_replaces_them_too);
    tcase_add_test(c, what_is_appended_meanwhile_comes_behind);
    tcase_add_test(c, txns_applied_meanwhile_do_not_make_it_fuzzy);
    tcase_add_test(c, another_wish_waits_for_the_first_to_be_done);
    tcase_add_test(c, two_wishes_are_told_once_when_both_are_done);
    tcase_add_test(c, a_stop_in_between_leaves_what_there_was);
    tcase_add_test(c, a_packed_snapshot_of_the_same_zxid_does_not_stand_in_the_way);
    tcase_add_test(c, a_purge_ends_before_a_truncation_begins);
    tcase_add_test(c, missing_epochs_are_those_of_the_last_txn);
    tcase_add_test(c, a_server_without_anything_has_epoch_zero);
    tcase_add_loop_test(c, a_current_epoch_behind_the_txns_is_raised, 0, 8);
    tcase_add_loop_test(c, epochs_that_cannot_be_are_refused, 0, 5);
    tcase_add_test(c, a_learner_gets_the_txns_behind_its_own);
    tcase_add_test(c, a_log_that_is_large_beside_the_snapshot_is_not_used);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
