/* server/store/log_judge and log_cut: torn or rotten sectors, and TRUNC. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jute/codec.h"
#include "server/store/index.h"
#include "server/store/log_reader.h"
#include "tests/lib/fault.h"
#include "tests/lib/store_rig.h"

enum { HEADER = 16, FRAME = 13 };

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

/* Reads all from `from` on. Returns 0 or the error, and the last zxid (from - 1: none). */
static int read_all(zk_zxid from, zk_zxid *ret_last, uint64_t *ret_cut)
{
    struct log_reader *r = NULL;
    const uint8_t *at;
    size_t len;
    zk_zxid zxid;
    int e = log_reader_open(&r, dir.dir, from, why);

    *ret_last = from - 1;
    if (e < 0)
        return e;
    for (;;) {
        e = log_reader_next(r, &at, &len, &zxid, why);
        if (e <= 0)
            break;
        ck_assert_int_eq((zk_zxid)jute_load64(at + 12), zxid);
        *ret_last = zxid;
    }
    if (e == 0 && ret_cut != NULL)
        ck_assert_int_eq(log_cut(r, ret_cut), 0);
    log_reader_free(r);
    return e;
}

static void ends_at(zk_zxid from, zk_zxid want)
{
    zk_zxid last;
    int r = read_all(from, &last, NULL);

    ck_assert_msg(r == 0, "%d: %s", r, why);
    ck_assert_int_eq(last, want);
}

/* Damage whose line has the text. */
static void is_damage(zk_zxid from, const char *text)
{
    zk_zxid last;

    ck_assert_int_eq(read_all(from, &last, NULL), -EBADMSG);
    ck_assert_msg(strstr(why, text) != NULL, "\"%s\" is not in: %s", text, why);
    ck_assert_ptr_null(strchr(why, '\n'));
}

/* A log of 1..count by the log itself, cut behind its last txn; offsets[i] is where txn
 * i + 1 begins, offsets[count] the size. */
static void make_log(uint32_t count, size_t data_len, int64_t *offsets)
{
    struct bytes b;
    int64_t at = HEADER;

    rig_log(&dir, NULL, 1, count, 1, data_len);
    rig_read(&dir, "log.1", &b);
    for (uint32_t i = 0; i < count; i++) {
        offsets[i] = at;
        at += FRAME + jute_load32(b.at + at + 8);
    }
    offsets[count] = at;
    rig_truncate(&dir, "log.1", at);
    bytes_done(&b);
}

static void without_index(const char *name)
{
    if (rig_exists(&dir, name))
        rig_remove(&dir, name);
}

static void pad(int64_t more)
{
    rig_truncate(&dir, "log.1", rig_size(&dir, "log.1") + more);
}

/* ---- Sectors. */

/* A batch that was torn by a power cut: some of its sectors are still zeros. */
START_TEST(a_batch_with_missing_sectors_behind_the_index_is_torn)
{
    enum { COUNT = 40 };

    static const uint8_t zeros[512];
    int64_t offsets[COUNT + 1];
    struct bytes b;
    struct bytes index;
    zk_zxid last;
    uint64_t cut;

    make_log(COUNT, 300, offsets);
    pad(4096);
    rig_read(&dir, "log.1", &b);
    /* The index covers the first half: cut it there. */
    rig_read(&dir, "zabd.index.1", &index);
    rig_truncate(&dir, "zabd.index.1", 32 + 40);

    struct index x;

    ck_assert_int_eq(index_read(&x, dir.dir, 1, why), 0);
    ck_assert_uint_eq(x.count, 1);

    zk_zxid durable = x.entries[0].last;
    int64_t end = (int64_t)x.end;

    index_done(&x);
    ck_assert_int_lt(durable, COUNT - 5);
    for (int64_t at = (end / 512 + 1) * 512; at < offsets[COUNT]; at += 512) {
        struct bytes torn = { .at = NULL };

        bytes_put(&torn, b.at, b.len);
        memcpy(torn.at + at, zeros, sizeof zeros);
        rig_write(&dir, "log.1", torn.at, torn.len);
        bytes_done(&torn);
        ck_assert_msg(read_all(1, &last, NULL) == 0, "%s", why);
        ck_assert_int_ge(last, durable);
        ck_assert_int_le(offsets[last], at);
        ck_assert_int_gt(offsets[last + 1], at);
    }
    /* The same within the durable part is rot. */
    for (int64_t at = 512; at + 512 <= end; at += 512) {
        struct bytes rotten = { .at = NULL };

        bytes_put(&rotten, b.at, b.len);
        memcpy(rotten.at + at, zeros, sizeof zeros);
        rig_write(&dir, "log.1", rotten.at, rotten.len);
        bytes_done(&rotten);
        is_damage(1, "was stored up to offset");
    }
    rig_write(&dir, "log.1", b.at, b.len);
    ck_assert_int_eq(read_all(1, &last, &cut), 0);
    ck_assert_int_eq(last, COUNT);
    bytes_done(&index);
    bytes_done(&b);
}
END_TEST

/* ---- Sectors. */

START_TEST(without_an_index_good_txns_behind_a_broken_one_show_that_it_rotted)
{
    enum { COUNT = 40 };

    static const uint8_t zeros[512];
    int64_t offsets[COUNT + 1];
    struct bytes b;

    make_log(COUNT, 300, offsets);
    pad(4096);
    without_index("zabd.index.1");
    rig_read(&dir, "log.1", &b);
    for (int64_t at = 512; at < offsets[COUNT - 2]; at += 512) {
        struct bytes rotten = { .at = NULL };

        bytes_put(&rotten, b.at, b.len);
        memcpy(rotten.at + at, zeros, sizeof zeros);
        rig_write(&dir, "log.1", rotten.at, rotten.len);
        bytes_done(&rotten);
        is_damage(1, "log.1");
    }
    bytes_done(&b);
}
END_TEST

START_TEST(random_bytes_in_a_sector_never_hide_txns)
{
    enum { COUNT = 20 };

    int64_t offsets[COUNT + 1];
    struct bytes b;
    uint32_t seed = 12345 + (uint32_t)_i;

    make_log(COUNT, 300, offsets);
    pad(4096);
    without_index("zabd.index.1");
    rig_read(&dir, "log.1", &b);
    for (int64_t at = 0; at < offsets[COUNT]; at += 512) {
        struct bytes rotten = { .at = NULL };
        zk_zxid last;

        bytes_put(&rotten, b.at, b.len);
        for (int i = 0; i < 512; i++) {
            seed = seed * 1664525 + 1013904223;
            rotten.at[at + i] = (uint8_t)(seed >> 24);
        }
        rig_write(&dir, "log.1", rotten.at, rotten.len);
        bytes_done(&rotten);
        ck_assert_int_eq(read_all(1, &last, NULL), -EBADMSG);
    }
    bytes_done(&b);
}
END_TEST

START_TEST(an_index_of_another_file_is_ignored)
{
    struct bytes index;
    int64_t offsets[21];

    rig_log(&dir, NULL, 1, 30, 1, 90);
    rig_read(&dir, "zabd.index.1", &index);
    rig_remove(&dir, "log.1");
    without_index("zabd.index.1");
    make_log(20, 400, offsets);
    rig_write(&dir, "zabd.index.1", index.at, index.len);
    ends_at(1, 20);
    bytes_done(&index);
}
END_TEST

START_TEST(impossible_lengths_are_damage)
{
    static const uint32_t lengths[] = { 1, 31, 0x7fffffff, 0x80000000, 0xffffffff, 300000000 };
    int64_t offsets[4];
    struct bytes b;

    make_log(3, 40, offsets);
    without_index("zabd.index.1");
    rig_read(&dir, "log.1", &b);
    (void)jute_store32(b.at + offsets[2] + 8, lengths[_i]);
    rig_write(&dir, "log.1", b.at, b.len);
    is_damage(1, "log.1");
    is_damage(1, "0x2");
    bytes_done(&b);
}
END_TEST

/* ---- TRUNC. */

static void truncated_to(zk_zxid zxid)
{
    ck_assert_msg(log_truncate(dir.dir, zxid, why) == 0, "%s", why);
    ends_at(1, zxid);
}

/* ---- TRUNC. */

START_TEST(trunc_leaves_a_prefix)
{
    rig_log(&dir, NULL, 1, 10, 3, 50);
    rig_log(&dir, NULL, 11, 20, 3, 50);
    rig_log(&dir, NULL, 21, 30, 3, 50);
    truncated_to(_i);
    ck_assert_uint_eq(rig_count(&dir, "log."), (size_t)(_i + 9) / 10);
    /* The log goes on from there. */
    rig_log(&dir, NULL, _i + 1, _i + 5, 1, 60);
    ends_at(1, _i + 5);
}
END_TEST

START_TEST(trunc_to_a_zxid_that_is_missing_keeps_nothing_younger)
{
    rig_log(&dir, NULL, 0x100000001, 0x100000005, 3, 50);
    rig_log(&dir, NULL, 0x200000001, 0x200000005, 3, 50);
    ck_assert_int_eq(log_truncate(dir.dir, 0x100000009, why), 0);
    ends_at(0x100000001, 0x100000005);
}
END_TEST

START_TEST(an_interrupted_trunc_leaves_a_prefix)
{
    zk_zxid last;

    rig_log(&dir, NULL, 1, 10, 3, 50);
    rig_log(&dir, NULL, 11, 20, 3, 50);
    rig_log(&dir, NULL, 21, 30, 3, 50);
    fault_after(_i < 5 ? FAULT_FSYNC : FAULT_FTRUNCATE, (unsigned)_i % 5, EIO, false);
    (void)log_truncate(dir.dir, 5, why);
    fault_reset();
    ck_assert_msg(read_all(1, &last, NULL) == 0, "%s", why);
    ck_assert_int_ge(last, 5);
    truncated_to(5);
}
END_TEST

START_TEST(trunc_refuses_damage_before_the_cut)
{
    rig_log(&dir, NULL, 1, 10, 1, 50);
    rig_flip(&dir, "log.1", 200, 1);
    ck_assert_int_eq(log_truncate(dir.dir, 8, why), -EBADMSG);
    ck_assert_ptr_nonnull(strstr(why, "log.1"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("log_judge");
    TCase *c = tcase_create("log_judge");
    SRunner *runner = srunner_create(s);

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, a_batch_with_missing_sectors_behind_the_index_is_torn);
    tcase_add_test(c, without_an_index_good_txns_behind_a_broken_one_show_that_it_rotted);
    tcase_add_loop_test(c, random_bytes_in_a_sector_never_hide_txns, 0, 20);
    tcase_add_test(c, an_index_of_another_file_is_ignored);
    tcase_add_loop_test(c, impossible_lengths_are_damage, 0, 6);
    tcase_add_loop_test(c, trunc_leaves_a_prefix, 1, 31);
    tcase_add_test(c, trunc_to_a_zxid_that_is_missing_keeps_nothing_younger);
    tcase_add_loop_test(c, an_interrupted_trunc_leaves_a_prefix, 0, 6);
    tcase_add_test(c, trunc_refuses_damage_before_the_cut);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
