/* server/store/wal: what is on the disk when the log says so, and what it says when the
 * disk fails. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "jute/codec.h"
#include "server/store/index.h"
#include "server/store/limits.h"
#include "server/store/log_reader.h"
#include "tests/lib/fault.h"
#include "tests/lib/store_rig.h"

static struct rig_dir dir;
static int fd;

static void setup(void)
{
    fault_reset();
    rig_dir_init(&dir);
    fd = eventfd(0, EFD_CLOEXEC);
}

static void teardown(void)
{
    fault_reset();
    (void)close(fd);
    rig_dir_done(&dir);
}

static struct wal *open_wal(const struct wal_conf *conf)
{
    struct wal_conf own = rig_wal_conf(&dir);
    struct wal *w = NULL;

    ck_assert_int_eq(wal_open(&w, conf != NULL ? conf : &own, fd), 0);
    return w;
}

/* Waits until the log says that zxid is durable, or that it failed. */
static int wait_for(struct wal *w, zk_zxid zxid, struct wal_done *done)
{
    int r = wal_done(w, done);

    while (r == 0 && done->zxid < zxid) {
        rig_wait(fd);
        r = wal_done(w, done);
    }
    return r;
}

static int append(struct wal *w, zk_zxid first, uint32_t count, struct wal_done *done)
{
    wal_append(w, rig_batch(first, count, 50));
    return wait_for(w, first + count - 1, done);
}

/* Checks that the directory holds first..last and nothing else. */
static void log_holds(zk_zxid first, zk_zxid last)
{
    struct log_reader *r = NULL;
    char why[STORE_WHY_MAX] = "";
    const uint8_t *at;
    size_t len;
    zk_zxid zxid = 0;

    ck_assert_msg(log_reader_open(&r, dir.dir, first, why) == 0, "%s", why);
    for (zk_zxid want = first; want <= last; want++) {
        ck_assert_msg(log_reader_next(r, &at, &len, &zxid, why) == 1, "%s", why);
        ck_assert_int_eq(zxid, want);
    }
    ck_assert_msg(log_reader_next(r, &at, &len, &zxid, why) == 0, "%s", why);
    log_reader_free(r);
}

/* ---- The format. */

START_TEST(a_file_has_zookeepers_bytes)
{
    struct wal *w = open_wal(NULL);
    struct wal_done done;
    struct bytes file;
    struct bytes payload = { .at = NULL };

    ck_assert_int_eq(append(w, 5, 1, &done), 0);
    ck_assert_int_eq(wal_close(w), 0);
    rig_read(&dir, "log.5", &file);
    rig_payload(&payload, 5, "/n5", 50);

    static const uint8_t head[] = { 'Z', 'K', 'L', 'G', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0 };

    ck_assert_uint_eq(file.len, 16 + 64 * 1024);
    ck_assert_mem_eq(file.at, head, sizeof head);
    ck_assert_uint_eq(jute_load64(file.at + 16), adler32(1, payload.at, (uInt)payload.len));
    ck_assert_uint_eq(jute_load32(file.at + 24), payload.len);
    ck_assert_mem_eq(file.at + 28, payload.at, payload.len);
    ck_assert_int_eq(file.at[28 + payload.len], 'B');
    for (size_t i = 29 + payload.len; i < file.len; i++)
        ck_assert_int_eq(file.at[i], 0);
    bytes_done(&payload);
    bytes_done(&file);
}
END_TEST

START_TEST(the_file_grows_by_the_preallocation_when_4_kib_are_left)
{
    struct wal *w = open_wal(NULL);
    struct wal_done done;
    int64_t size = 16 + 64 * 1024;
    int64_t used = 16;

    for (zk_zxid zxid = 1; zxid <= 800; zxid++) {
        struct wal_batch *b = rig_batch(zxid, 1, 200);
        int64_t more = (int64_t)b->payload.len + 13;

        used += more;
        if (used + 4096 >= size)
            size += 64 * 1024;
        wal_append(w, b);
        ck_assert_int_eq(wait_for(w, zxid, &done), 0);
        ck_assert_int_eq(rig_size(&dir, "log.1"), size);
        ck_assert_uint_eq(done.file_bytes, (uint64_t)size);
    }
    ck_assert_int_gt(size, 16 + 3 * 64 * 1024);
    ck_assert_int_eq(wal_close(w), 0);
    log_holds(1, 800);
}
END_TEST

START_TEST(without_preallocation_the_file_ends_with_its_last_txn)
{
    struct wal_conf conf = rig_wal_conf(&dir);
    struct wal_done done;

    conf.prealloc_bytes = 0;

    struct wal *w = open_wal(&conf);

    ck_assert_int_eq(append(w, 1, 10, &done), 0);
    ck_assert_int_eq(rig_size(&dir, "log.1"), (int64_t)(16 + done.bytes));
    ck_assert_int_eq(wal_close(w), 0);
    log_holds(1, 10);
}
END_TEST

START_TEST(a_default_file_takes_no_more_disk_than_a_step)
{
    struct wal_conf conf = rig_wal_conf(&dir);
    struct wal_done done;
    char path[RIG_PATH_MAX + 8];
    struct stat st;

    conf.prealloc_bytes = 64 << 20;

    struct wal *w = open_wal(&conf);

    ck_assert_int_eq(append(w, 1, 10, &done), 0);
    ck_assert_int_eq(wal_close(w), 0);
    (void)snprintf(path, sizeof path, "%s/log.1", dir.dir);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_size, (64 << 20) + 16);
    ck_assert_int_le(st.st_blocks * 512, 2 * WAL_ZERO_STEP);
}
END_TEST

START_TEST(huge_txns_and_huge_batches_are_written_whole)
{
    struct wal *w = open_wal(NULL);
    struct wal_done done;

    wal_append(w, rig_batch(1, 3, 3 * 1024 * 1024)); /* Each beyond the frame. */
    wal_append(w, rig_batch(4, 2000, 3000));         /* Many frames. */
    wal_append(w, rig_batch(2004, 1, 10));
    ck_assert_int_eq(wait_for(w, 2004, &done), 0);
    ck_assert_int_eq(wal_close(w), 0);
    log_holds(1, 2004);
}
END_TEST

/* ---- Durability. */

START_TEST(a_batch_is_durable_after_one_fdatasync_and_its_name_after_one_fsync)
{
    struct wal *w = open_wal(NULL);
    struct wal_done done;

    ck_assert_int_eq(append(w, 1, 16, &done), 0);
    ck_assert_uint_ge(fault_count(FAULT_FDATASYNC), 1);
    ck_assert_uint_eq(fault_count(FAULT_FSYNC), 1); /* The directory. */
    ck_assert_uint_eq(done.fsyncs, 1);
    ck_assert_uint_eq(done.queued, 0);
    ck_assert_int_eq(append(w, 17, 16, &done), 0);
    ck_assert_uint_eq(fault_count(FAULT_FSYNC), 1);
    ck_assert_uint_eq(done.fsyncs, 2);
    ck_assert_int_eq(wal_close(w), 0);
}
END_TEST

START_TEST(what_comes_during_an_fdatasync_shares_the_next)
{
    struct wal *w = open_wal(NULL);
    struct wal_done done;

    ck_assert_int_eq(append(w, 1, 1, &done), 0);
    fault_slow_fdatasync(20000);
    for (zk_zxid zxid = 2; zxid <= 201; zxid++)
        wal_append(w, rig_batch(zxid, 1, 50));
    ck_assert_int_eq(wait_for(w, 201, &done), 0);
    ck_assert_uint_le(done.fsyncs, 20);
    ck_assert_uint_ge(done.fsync_us_max, 20000);
    ck_assert_int_eq(wal_close(w), 0);
    log_holds(1, 201);
}
END_TEST

START_TEST(slow_fsyncs_are_counted)
{
    struct wal_conf conf = rig_wal_conf(&dir);
    struct wal_done done;

    conf.fsync_warn_ms = 5;

    struct wal *w = open_wal(&conf);

    fault_slow_fdatasync(6000);
    ck_assert_int_eq(append(w, 1, 1, &done), 0);
    ck_assert_uint_eq(done.slow_fsyncs, 1);
    ck_assert_int_eq(wal_close(w), 0);
}
END_TEST

START_TEST(without_force_sync_nothing_is_synced)
{
    struct wal_conf conf = rig_wal_conf(&dir);
    struct wal_done done;

    conf.sync = false;

    struct wal *w = open_wal(&conf);

    ck_assert_int_eq(append(w, 1, 5, &done), 0);
    ck_assert_int_eq(wal_close(w), 0);
    ck_assert_uint_eq(fault_count(FAULT_FDATASYNC), 0);
    ck_assert_uint_eq(fault_count(FAULT_FSYNC), 0);
    log_holds(1, 5);
}
END_TEST

START_TEST(close_makes_durable_what_was_handed_over)
{
    struct wal *w = open_wal(NULL);

    fault_slow_fdatasync(5000);
    for (zk_zxid zxid = 1; zxid <= 300; zxid++)
        wal_append(w, rig_batch(zxid, 1, 50));
    ck_assert_int_eq(wal_close(w), 0);
    log_holds(1, 300);
}
END_TEST

START_TEST(flush_delay_gathers_txns_up_to_the_batch_size)
{
    struct wal_conf conf = rig_wal_conf(&dir);
    struct wal_done done;

    conf.flush_delay_ms = 20000; /* More than the test may take. */
    conf.max_batch = 10;

    struct wal *w = open_wal(&conf);

    for (zk_zxid zxid = 1; zxid <= 9; zxid++)
        wal_append(w, rig_batch(zxid, 1, 50));
    (void)wal_done(w, &done);
    ck_assert_int_eq(done.zxid, 0);
    ck_assert_uint_eq(done.queued, 9);
    wal_append(w, rig_batch(10, 1, 50));
    ck_assert_int_eq(wait_for(w, 10, &done), 0);
    ck_assert_uint_eq(done.fsyncs, 1);
    wal_append(w, rig_batch(11, 1, 50));
    ck_assert_int_eq(wal_close(w), 0); /* Does not wait for the delay. */
    log_holds(1, 11);
}
END_TEST

START_TEST(a_short_flush_delay_ends_by_itself)
{
    struct wal_conf conf = rig_wal_conf(&dir);
    struct wal_done done;

    conf.flush_delay_ms = 5;

    struct wal *w = open_wal(&conf);

    ck_assert_int_eq(append(w, 1, 1, &done), 0);
    ck_assert_int_eq(wal_close(w), 0);
}
END_TEST

/* ---- Rolling. */

START_TEST(a_batch_can_end_the_file)
{
    struct wal *w = open_wal(NULL);
    struct wal_done done;
    struct wal_batch *b = rig_batch(1, 4, 50);

    b->roll_after = true;
    wal_append(w, b);
    wal_append(w, rig_batch(5, 4, 50));
    ck_assert_int_eq(wait_for(w, 8, &done), 0);
    ck_assert_uint_eq(done.file_bytes, 16 + 64 * 1024); /* The second file only. */
    ck_assert_int_eq(wal_close(w), 0);
    ck_assert(rig_exists(&dir, "log.1") && rig_exists(&dir, "log.5"));
    ck_assert_uint_eq(rig_count(&dir, "log."), 2);
    log_holds(1, 8);
    log_holds(6, 8);
}
END_TEST

START_TEST(an_empty_batch_can_end_the_file)
{
    struct wal *w = open_wal(NULL);
    struct wal_done done;
    struct wal_batch *b = wal_batch_new();

    ck_assert_int_eq(append(w, 1, 4, &done), 0);
    b->roll_after = true;
    wal_append(w, b);
    ck_assert_int_eq(append(w, 5, 1, &done), 0);
    ck_assert_int_eq(wal_close(w), 0);
    ck_assert(rig_exists(&dir, "log.5"));
    log_holds(1, 5);
}
END_TEST

START_TEST(the_size_limit_ends_files_without_forgetting_their_volume)
{
    struct wal_conf conf = rig_wal_conf(&dir);
    struct wal_done done;

    conf.roll_bytes = 100 * 1024;

    struct wal *w = open_wal(&conf);

    for (zk_zxid zxid = 1; zxid <= 1000; zxid++)
        ck_assert_int_eq(append(w, zxid, 1, &done), 0);
    ck_assert_int_eq(wal_close(w), 0);
    ck_assert_uint_ge(rig_count(&dir, "log."), 2);
    ck_assert_uint_ge(done.file_bytes, 2 * conf.roll_bytes);
    log_holds(1, 1000);
}
END_TEST

START_TEST(an_existing_log_is_never_overwritten)
{
    struct wal *w;
    struct wal_done done;

    rig_log(&dir, NULL, 1, 5, 1, 50);
    w = open_wal(NULL);
    ck_assert_int_eq(append(w, 1, 1, &done), -EEXIST);
    ck_assert_int_eq(wal_close(w), -EEXIST);
    log_holds(1, 5);
}
END_TEST

/* ---- Faults. */

/* Writes until the log stops, and checks that it then says `err` for good, and that what
 * it had called durable is in the file. */
static void stops_with(int err)
{
    struct wal_conf conf = rig_wal_conf(&dir);
    struct wal_done done = { .zxid = 0 };

    conf.write_index = false; /* Its writes may fail: that is another test. */

    struct wal *w = open_wal(&conf);
    zk_zxid zxid = 0;
    int r = 0;

    while (r == 0 && zxid < 3000) {
        r = append(w, zxid + 1, 2, &done);
        zxid += 2;
    }
    ck_assert_int_eq(r, err);

    zk_zxid durable = done.zxid;

    fault_reset();
    wal_append(w, rig_batch(zxid + 1, 1, 50));
    ck_assert_int_eq(wal_done(w, &done), err);
    ck_assert_int_eq(done.zxid, durable);
    ck_assert_uint_gt(done.queued, 0);
    ck_assert_int_eq(wal_close(w), err);
    if (durable == 0)
        return;

    struct log_reader *reader = NULL;
    char why[STORE_WHY_MAX] = "";
    const uint8_t *at;
    size_t len;
    zk_zxid last = 0;

    ck_assert_int_eq(log_reader_open(&reader, dir.dir, 1, why), 0);
    while (last < durable && log_reader_next(reader, &at, &len, &last, why) == 1)
        ;
    ck_assert_int_eq(last, durable);
    log_reader_free(reader);
}

START_TEST(every_failed_write_stops_the_log)
{
    fault_after(FAULT_PWRITE, (unsigned)_i, _i % 2 == 0 ? EIO : ENOSPC, false);
    stops_with(_i % 2 == 0 ? -EIO : -ENOSPC);
}
END_TEST

START_TEST(every_failed_fdatasync_stops_the_log)
{
    fault_after(FAULT_FDATASYNC, (unsigned)_i, EIO, false);
    stops_with(-EIO);
}
END_TEST

START_TEST(a_directory_that_cannot_be_synced_stops_the_log)
{
    fault_after(FAULT_FSYNC, 0, EIO, false);
    stops_with(-EIO);
}
END_TEST

START_TEST(a_file_that_cannot_be_made_stops_the_log)
{
    fault_after(FAULT_OPENAT, 0, ENOSPC, false);
    stops_with(-ENOSPC);
}
END_TEST

START_TEST(a_file_that_cannot_grow_stops_the_log)
{
    fault_after(FAULT_FTRUNCATE, (unsigned)_i, EFBIG, false);
    stops_with(-EFBIG);
}
END_TEST

/* A real file system that is full, where this process may mount one. It sees it alone. */
static bool mount_small_disk(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", dir.dir, "tmpfs", 0, "size=256k") == 0;
}

START_TEST(a_full_disk_stops_the_log)
{
    if (!mount_small_disk())
        return;
    stops_with(-ENOSPC);
    ck_assert_int_eq(umount(dir.dir), 0);
}
END_TEST

START_TEST(short_writes_are_completed)
{
    struct wal *w = open_wal(NULL);
    struct wal_done done;

    for (zk_zxid zxid = 1; zxid <= 100; zxid += 2) {
        fault_short_write_after((unsigned)zxid % 3);
        ck_assert_int_eq(append(w, zxid, 2, &done), 0);
    }
    ck_assert_int_eq(wal_close(w), 0);
    log_holds(1, 100);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("wal");
    TCase *c = tcase_create("wal");
    SRunner *runner = srunner_create(s);

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, a_file_has_zookeepers_bytes);
    tcase_add_test(c, the_file_grows_by_the_preallocation_when_4_kib_are_left);
    tcase_add_test(c, without_preallocation_the_file_ends_with_its_last_txn);
    tcase_add_test(c, a_default_file_takes_no_more_disk_than_a_step);
    tcase_add_test(c, huge_txns_and_huge_batches_are_written_whole);
    tcase_add_test(c, a_batch_is_durable_after_one_fdatasync_and_its_name_after_one_fsync);
    tcase_add_test(c, what_comes_during_an_fdatasync_shares_the_next);
    tcase_add_test(c, slow_fsyncs_are_counted);
    tcase_add_test(c, without_force_sync_nothing_is_synced);
    tcase_add_test(c, close_makes_durable_what_was_handed_over);
    tcase_add_test(c, flush_delay_gathers_txns_up_to_the_batch_size);
    tcase_add_test(c, a_short_flush_delay_ends_by_itself);
    tcase_add_test(c, a_batch_can_end_the_file);
    tcase_add_test(c, an_empty_batch_can_end_the_file);
    tcase_add_test(c, the_size_limit_ends_files_without_forgetting_their_volume);
    tcase_add_test(c, an_existing_log_is_never_overwritten);
    tcase_add_loop_test(c, every_failed_write_stops_the_log, 0, 24);
    tcase_add_loop_test(c, every_failed_fdatasync_stops_the_log, 0, 10);
    tcase_add_test(c, a_directory_that_cannot_be_synced_stops_the_log);
    tcase_add_test(c, a_file_that_cannot_be_made_stops_the_log);
    tcase_add_loop_test(c, a_file_that_cannot_grow_stops_the_log, 0, 3);
    tcase_add_test(c, a_full_disk_stops_the_log);
    tcase_add_test(c, short_writes_are_completed);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
