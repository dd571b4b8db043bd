/* server/store/index: what the side index of a log says, and that the log does without. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zlib.h>

#include "server/store/index.h"
#include "server/store/limits.h"
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

static struct wal *open_wal(void)
{
    struct wal_conf conf = rig_wal_conf(&dir);
    struct wal *w = NULL;

    ck_assert_int_eq(wal_open(&w, &conf, fd), 0);
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

START_TEST(the_index_may_fail)
{
    struct wal *w;
    struct wal_done done;

    fault_after(FAULT_OPENAT, 1, EACCES, false); /* The log's name is the first. */
    w = open_wal();
    ck_assert_int_eq(append(w, 1, 5, &done), 0);
    ck_assert_int_eq(wal_close(w), 0);
    ck_assert(!rig_exists(&dir, "zabd.index.1"));
}
END_TEST

/* ---- The index. */

START_TEST(the_index_covers_the_whole_log)
{
    struct index x;
    char why[STORE_WHY_MAX];
    struct wal *w = open_wal();
    struct wal_done done;
    uint64_t end = 16;

    for (zk_zxid zxid = 1; zxid <= 600; zxid += 3)
        ck_assert_int_eq(append(w, zxid, 3, &done), 0);
    ck_assert_int_eq(wal_close(w), 0);
    ck_assert_int_eq(index_read(&x, dir.dir, 1, why), 0);
    ck_assert(x.exists);
    ck_assert_uint_eq(x.end, 16 + done.bytes);
    for (size_t i = 0; i < x.count; i++) {
        ck_assert_uint_eq(x.entries[i].offset, end);
        ck_assert(i + 1 == x.count || x.entries[i].length >= INDEX_SPAN_MIN);
        ck_assert(i == 0 || x.entries[i].first == x.entries[i - 1].last + 1);
        end += x.entries[i].length;
    }
    ck_assert_int_eq(x.entries[0].first, 1);
    ck_assert_int_eq(x.entries[x.count - 1].last, 600);
    ck_assert_int_le(rig_size(&dir, "zabd.index.1"), 32 + 40 * (int64_t)(end / INDEX_SPAN_MIN + 1));
    index_done(&x);
}
END_TEST

START_TEST(an_index_that_was_cut_or_rotted_says_less_and_never_wrong)
{
    struct index x;
    char why[STORE_WHY_MAX];
    struct bytes good;
    struct bytes log;

    rig_log(&dir, NULL, 1, 400, 4, 100);
    rig_read(&dir, "zabd.index.1", &good);
    rig_read(&dir, "log.1", &log);
    for (size_t i = 0; i < good.len; i++) {
        rig_flip(&dir, "zabd.index.1", (int64_t)i, 0x40);
        ck_assert_int_eq(index_read(&x, dir.dir, 1, why), 0);
        for (size_t e = 0; e < x.count; e++)
            ck_assert_uint_eq(x.entries[e].crc,
                              crc32(0, log.at + x.entries[e].offset, (uInt)x.entries[e].length));
        index_done(&x);
        rig_flip(&dir, "zabd.index.1", (int64_t)i, 0x40);
    }
    for (size_t size = good.len; size > 0; size--) {
        rig_truncate(&dir, "zabd.index.1", (int64_t)size - 1);
        ck_assert_int_eq(index_read(&x, dir.dir, 1, why), 0);
        ck_assert_uint_eq(x.count, size > 32 ? (size - 1 - 32) / 40 : 0);
        index_done(&x);
    }
    bytes_done(&good);
    bytes_done(&log);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("index");
    TCase *c = tcase_create("index");
    SRunner *runner = srunner_create(s);

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, the_index_may_fail);
    tcase_add_test(c, the_index_covers_the_whole_log);
    tcase_add_test(c, an_index_that_was_cut_or_rotted_says_less_and_never_wrong);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
