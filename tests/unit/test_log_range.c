/* server/store/log_range: the log read for a learner, while it is written. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "server/store/log_range.h"
#include "tests/lib/fault.h"
#include "tests/lib/store_rig.h"

#define EPOCH(e) ((zk_zxid)(e) << 32)

static struct rig_dir dir;
static char why[STORE_WHY_MAX];

static void setup(void)
{
    fault_reset();
    rig_dir_init(&dir);
    why[0] = '\0';
}

static void teardown(void)
{
    rig_dir_done(&dir);
}

static int open_range(struct log_range **ret, zk_zxid after, zk_zxid until)
{
    return log_range_open(ret, dir.dir, after, until, 0, why);
}

/* The txns of a range are those from `first` to `last`; how it ends is returned. */
static int read_range(struct log_range *r, zk_zxid first, zk_zxid last)
{
    const uint8_t *payload = NULL;
    size_t len = 0;
    zk_zxid zxid = 0;
    int e = 1;

    for (zk_zxid z = first; z <= last; z++) {
        struct bytes want = { .at = NULL };
        char path[32];

        e = log_range_next(r, &payload, &len, &zxid, why);
        ck_assert_msg(e == 1, "0x%" PRIx64 ": %d %s", (uint64_t)z, e, why);
        ck_assert_int_eq(zxid, z);
        (void)snprintf(path, sizeof path, "/n%" PRId64, z);
        rig_payload(&want, z, path, 100);
        ck_assert_uint_eq(len, want.len);
        ck_assert_mem_eq(payload, want.at, len);
        bytes_done(&want);
    }
    e = log_range_next(r, &payload, &len, &zxid, why);
    if (e <= 0)
        log_range_close(r);
    return e;
}

static int read_all(zk_zxid after, zk_zxid until)
{
    struct log_range *r = NULL;
    int e = open_range(&r, after, until);

    return e < 0 ? e : read_range(r, after + 1, until);
}

/* 1 … 60 in three logs. */
static void three_logs(void)
{
    rig_log(&dir, NULL, 1, 20, 3, 100);
    rig_log(&dir, NULL, 21, 40, 1, 100);
    rig_log(&dir, NULL, 41, 60, 20, 100);
}

START_TEST(every_stretch_is_read)
{
    three_logs();
    for (zk_zxid after = 1; after <= 60; after++) {
        for (zk_zxid until = after; until <= 60; until++)
            ck_assert_int_eq(read_all(after, until), 0);
    }
}
END_TEST

START_TEST(the_same_without_an_index)
{
    three_logs();
    rig_remove(&dir, "zabd.index.1");
    rig_truncate(&dir, "zabd.index.15", 100);
    ck_assert_int_eq(read_all(7, 60), 0);
    ck_assert_int_eq(read_all(25, 55), 0);
}
END_TEST

/* The index of another log of that name does not lead astray. */
START_TEST(the_same_with_an_index_that_is_not_its_own)
{
    struct bytes b;
    struct wal_conf conf = rig_wal_conf(&dir);

    rig_log(&dir, &conf, 1, 30, 2, 700);
    rig_read(&dir, "zabd.index.1", &b);
    rig_remove(&dir, "log.1");
    rig_log(&dir, &conf, 1, 30, 2, 100);
    rig_write(&dir, "zabd.index.1", b.at, b.len);
    bytes_done(&b);
    for (zk_zxid z = 1; z < 30; z++)
        ck_assert_int_eq(read_all(z, 30), 0);
}
END_TEST

START_TEST(what_is_being_written_is_read_as_far_as_it_is_durable)
{
    struct wal_conf conf = rig_wal_conf(&dir);
    struct wal_done done = { .zxid = 0 };
    struct log_range *r = NULL;
    struct wal *w;
    int fd = eventfd(0, EFD_CLOEXEC);

    ck_assert_int_eq(wal_open(&w, &conf, fd), 0);
    for (zk_zxid z = 1; z <= 100; z++) {
        struct wal_batch *b = rig_batch(z, 1, 100);

        b->roll_after = z % 30 == 0;
        wal_append(w, b);
        if (z % 10 != 0)
            continue;
        while (done.zxid < z - 5) {
            rig_wait(fd);
            ck_assert_int_eq(wal_done(w, &done), 0);
        }
        ck_assert_int_eq(open_range(&r, 1, done.zxid), 0);
        ck_assert_int_eq(read_range(r, 2, done.zxid), 0);
    }
    ck_assert_int_eq(wal_close(w), 0);
    (void)close(fd);
}
END_TEST

START_TEST(what_is_behind_the_end_is_not_judged)
{
    struct log_range *r = NULL;

    three_logs();
    rig_flip(&dir, "log.29", 3000, 0xff); /* One of the last records. */
    ck_assert_int_eq(read_all(30, 50), 0);
    ck_assert_int_eq(open_range(&r, 50, 60), 0);
    ck_assert_int_eq(read_range(r, 51, 55), -EBADMSG);
}
END_TEST

START_TEST(a_log_that_is_missing_is_a_gap)
{
    struct log_range *r = NULL;

    three_logs();
    rig_remove(&dir, "log.15");
    ck_assert_int_eq(open_range(&r, 10, 60), 0);
    ck_assert_int_eq(read_range(r, 11, 20), -EBADMSG);
    ck_assert_msg(strstr(why, "cannot follow") != NULL, "%s", why);
    /* At its end, too. */
    rig_remove(&dir, "log.29");
    ck_assert_int_eq(open_range(&r, 10, 60), 0);
    ck_assert_int_eq(read_range(r, 11, 20), -EBADMSG);
    ck_assert_msg(strstr(why, "the logs end at 0x14") != NULL, "%s", why);
}
END_TEST

START_TEST(what_the_logs_do_not_have_is_told)
{
    struct log_range *r = NULL;

    rig_log(&dir, NULL, EPOCH(1) + 5, EPOCH(1) + 20, 3, 100);
    rig_log(&dir, NULL, EPOCH(3) + 1, EPOCH(3) + 9, 3, 100);
    ck_assert_int_eq(open_range(&r, EPOCH(1) + 4, EPOCH(3) + 9), -ENOENT); /* Too old. */
    ck_assert_int_eq(open_range(&r, 0, EPOCH(3) + 9), -ENOENT);
    ck_assert_int_eq(open_range(&r, EPOCH(1) + 21, EPOCH(3) + 9), -ENOENT); /* Never was. */
    ck_assert_int_eq(open_range(&r, EPOCH(2) + 7, EPOCH(3) + 9), -ENOENT);
    ck_assert_int_eq(open_range(&r, EPOCH(3) + 10, EPOCH(3) + 10), -ENOENT);
    rig_dir_done(&dir);
    rig_dir_init(&dir);
    ck_assert_int_eq(open_range(&r, 5, 6), -ENOENT); /* No log at all. */
}
END_TEST

/* A learner whose last zxid is the beginning of an epoch has all of the epochs before. */
START_TEST(from_the_beginning_of_an_epoch_it_goes_on_with_the_next)
{
    struct log_range *r = NULL;

    rig_log(&dir, NULL, EPOCH(1) + 1, EPOCH(1) + 20, 3, 100);
    rig_log(&dir, NULL, EPOCH(3) + 1, EPOCH(3) + 9, 3, 100);
    ck_assert_int_eq(open_range(&r, EPOCH(2), EPOCH(3) + 9), 0);
    ck_assert_int_eq(read_range(r, EPOCH(3) + 1, EPOCH(3) + 9), 0);
    ck_assert_int_eq(open_range(&r, EPOCH(3), EPOCH(3) + 4), 0);
    ck_assert_int_eq(read_range(r, EPOCH(3) + 1, EPOCH(3) + 4), 0);
    ck_assert_int_eq(open_range(&r, EPOCH(3) + 9, EPOCH(4)), 0);
    ck_assert_int_eq(read_range(r, 1, 0), 0);
    ck_assert_int_eq(open_range(&r, EPOCH(4), EPOCH(4)), 0);
    ck_assert_int_eq(read_range(r, 1, 0), 0);
}
END_TEST

START_TEST(a_step_into_the_next_epoch_is_no_gap)
{
    const uint8_t *payload;
    struct log_range *r = NULL;
    size_t len;
    zk_zxid zxid = 0;

    rig_log(&dir, NULL, EPOCH(1) + 1, EPOCH(1) + 3, 3, 100);
    rig_log(&dir, NULL, EPOCH(3) + 1, EPOCH(3) + 2, 3, 100);
    ck_assert_int_eq(open_range(&r, EPOCH(1) + 3, EPOCH(3) + 2), 0);
    ck_assert_int_eq(log_range_next(r, &payload, &len, &zxid, why), 1);
    ck_assert_int_eq(zxid, EPOCH(3) + 1);
    log_range_close(r);
    log_range_close(NULL);
}
END_TEST

START_TEST(a_copy_of_a_log_changes_nothing)
{
    struct bytes b;

    three_logs();
    rig_read(&dir, "log.1", &b);
    rig_write(&dir, "log.1.bak", b.at, b.len);
    rig_write(&dir, "log.6", b.at, 0); /* Nothing in it. */
    bytes_done(&b);
    ck_assert_int_eq(read_all(3, 60), 0);
}
END_TEST

START_TEST(too_many_bytes_are_refused_and_room_set_aside_is_none)
{
    struct wal_conf conf = rig_wal_conf(&dir);
    struct log_range *r = NULL;

    conf.prealloc_bytes = 64 << 20;
    rig_log(&dir, &conf, 1, 20, 3, 100);
    ck_assert_int_eq(log_range_open(&r, dir.dir, 5, 20, 1000, why), -EFBIG);
    ck_assert_int_eq(log_range_open(&r, dir.dir, 5, 20, 8 << 20, why), 0);
    ck_assert_int_eq(read_range(r, 6, 20), 0);
}
END_TEST

START_TEST(a_log_that_is_purged_meanwhile_ends_it)
{
    struct log_range *r = NULL;

    three_logs();
    ck_assert_int_eq(open_range(&r, 10, 60), 0);
    rig_remove(&dir, "log.15");
    ck_assert_int_eq(read_range(r, 11, 20), -ENOENT);
}
END_TEST

START_TEST(damage_is_no_txn)
{
    struct log_range *r = NULL;

    three_logs();
    rig_flip(&dir, "log.15", 200, 1);
    ck_assert_int_eq(open_range(&r, 10, 60), 0);
    ck_assert_int_lt(read_range(r, 11, 20), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("log_range");
    TCase *c = tcase_create("log_range");
    SRunner *runner = srunner_create(s);

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, every_stretch_is_read);
    tcase_add_test(c, the_same_without_an_index);
    tcase_add_test(c, the_same_with_an_index_that_is_not_its_own);
    tcase_add_test(c, what_is_being_written_is_read_as_far_as_it_is_durable);
    tcase_add_test(c, what_is_behind_the_end_is_not_judged);
    tcase_add_test(c, a_log_that_is_missing_is_a_gap);
    tcase_add_test(c, what_the_logs_do_not_have_is_told);
    tcase_add_test(c, from_the_beginning_of_an_epoch_it_goes_on_with_the_next);
    tcase_add_test(c, a_step_into_the_next_epoch_is_no_gap);
    tcase_add_test(c, a_copy_of_a_log_changes_nothing);
    tcase_add_test(c, too_many_bytes_are_refused_and_room_set_aside_is_none);
    tcase_add_test(c, a_log_that_is_purged_meanwhile_ends_it);
    tcase_add_test(c, damage_is_no_txn);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
