/* server/store/log_reader: what counts as the end of a log, and what as damage. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

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

/* ---- Good logs. */

START_TEST(no_log_is_an_empty_sequence)
{
    ends_at(1, 0);
    ends_at(77, 76);
}
END_TEST

START_TEST(reading_begins_at_any_txn)
{
    rig_log(&dir, NULL, 1, 10, 3, 50);
    rig_log(&dir, NULL, 11, 20, 3, 50);
    rig_log(&dir, NULL, 21, 30, 3, 50);
    for (zk_zxid from = 1; from <= 31; from++)
        ends_at(from, 30);
}
END_TEST

START_TEST(older_files_are_not_looked_at)
{
    rig_log(&dir, NULL, 1, 10, 3, 50);
    rig_log(&dir, NULL, 11, 20, 3, 50);
    rig_write(&dir, "log.1", "garbage", 7);
    without_index("zabd.index.1");
    ends_at(12, 20);
    is_damage(11, "log.1"); /* The file with the greatest name below. */
}
END_TEST

START_TEST(an_epoch_may_follow_with_its_first_txn)
{
    rig_log(&dir, NULL, 0x100000001, 0x100000005, 5, 50);
    rig_log(&dir, NULL, 0x300000001, 0x300000002, 5, 50);
    ends_at(0x100000001, 0x300000002);
    ends_at(0x100000000, 0x300000002);
    ends_at(1, 0x300000002); /* Behind snapshot.0. */
}
END_TEST

START_TEST(names_with_more_parts_are_logs_and_others_are_not)
{
    rig_log(&dir, NULL, 1, 10, 3, 50);
    rig_rename(&dir, "log.1", "log.1.bak");
    without_index("zabd.index.1");
    rig_write(&dir, "log.zz", "x", 1);
    rig_write(&dir, "log", "x", 1);
    rig_write(&dir, "log.", "x", 1);
    rig_write(&dir, "logs.5", "x", 1);
    rig_write(&dir, "log.ffffffffffffffff", "x", 1);
    rig_write(&dir, "log.10000000000000000", "x", 1);
    rig_write(&dir, "readme.txt", "x", 1);
    ends_at(1, 10);
}
END_TEST

START_TEST(a_copy_is_passed_over)
{
    struct bytes b;

    rig_log(&dir, NULL, 1, 10, 3, 50);
    rig_log(&dir, NULL, 11, 20, 3, 50);
    rig_read(&dir, "log.b", &b);
    rig_write(&dir, "log.b.bak", b.at, b.len);
    rig_log(&dir, NULL, 21, 30, 3, 50);
    bytes_done(&b);
    ends_at(1, 30);
}
END_TEST

/* ---- Gaps. */

START_TEST(a_missing_file_is_a_gap)
{
    rig_log(&dir, NULL, 1, 10, 3, 50);
    rig_log(&dir, NULL, 11, 20, 3, 50);
    rig_log(&dir, NULL, 21, 30, 3, 50);
    rig_remove(&dir, "log.b");
    is_damage(1, "log.b is missing");
    without_index("zabd.index.b");
    is_damage(1, "log.15");
    is_damage(1, "0x15 cannot follow 0xa (where log.1 ends)");
    is_damage(13, "0x15 cannot follow 0xc");
    ends_at(21, 30);
}
END_TEST

START_TEST(the_first_txn_must_be_the_next_one)
{
    rig_log(&dir, NULL, 0x65, 0x6b, 3, 50);
    is_damage(0x64, "0x65 cannot follow 0x63 (where the snapshot ends)");
    is_damage(1, "0x65 cannot follow 0x0");
    ends_at(0x65, 0x6b);
    ends_at(0x200, 0x1ff);
}
END_TEST

START_TEST(an_epoch_must_begin_with_its_first_txn)
{
    rig_log(&dir, NULL, 1, 5, 3, 50);
    rig_log(&dir, NULL, 0x100000003, 0x100000005, 3, 50);
    is_damage(1, "0x100000003 cannot follow 0x5");
    ends_at(0x100000003, 0x100000005);
}
END_TEST

START_TEST(the_index_of_a_missing_last_log_tells_of_it)
{
    rig_log(&dir, NULL, 1, 10, 3, 50);
    rig_log(&dir, NULL, 11, 20, 3, 50);
    rig_remove(&dir, "log.b");
    is_damage(1, "log.b is missing");
    is_damage(20, "held the txns up to 0x14");
    ends_at(21, 20); /* What it held is not wanted. */
    without_index("zabd.index.b");
    ends_at(1, 10);
}
END_TEST

START_TEST(a_renamed_log_is_damage)
{
    rig_log(&dir, NULL, 1, 10, 3, 50);
    rig_rename(&dir, "log.1", "log.5");
    without_index("zabd.index.1");
    is_damage(1, "older than the name");
}
END_TEST

START_TEST(txns_may_not_go_back_within_a_file)
{
    int64_t offsets[6];
    struct bytes b;

    make_log(5, 50, offsets);
    without_index("zabd.index.1");
    rig_read(&dir, "log.1", &b);
    bytes_put(&b, b.at + offsets[2], (size_t)(offsets[3] - offsets[2]));
    rig_write(&dir, "log.1", b.at, b.len);
    is_damage(1, "goes backwards");
    bytes_done(&b);
}
END_TEST

/* ---- Every length. */

/* With an index whatever was durable must be there; without, a cut is a torn tail. */
static void every_cut(bool with_index, int64_t padding)
{
    enum { COUNT = 6 };

    int64_t offsets[COUNT + 1];
    struct bytes whole;

    make_log(COUNT, 40, offsets);
    if (!with_index)
        without_index("zabd.index.1");
    rig_read(&dir, "log.1", &whole);
    for (int64_t size = (int64_t)whole.len; size >= 0; size--) {
        zk_zxid last;
        zk_zxid kept = 0;
        int r;

        rig_write(&dir, "log.1", whole.at, (size_t)size);
        pad(padding);
        while (kept < COUNT && offsets[kept + 1] <= size)
            kept++;
        r = read_all(1, &last, NULL);
        if (with_index && size < offsets[COUNT]) {
            ck_assert_int_eq(r, -EBADMSG);
        } else if (padding > 0 && size < 4) {
            /* Zeros instead of the magic: of a log of ZooKeeper's no crash leaves that. */
            ck_assert_int_eq(r, -EBADMSG);
        } else {
            ck_assert_msg(r == 0, "%" PRId64 ": %s", size, why);
            ck_assert_int_eq(last, kept);
        }
    }
    bytes_done(&whole);
}

START_TEST(every_cut_of_a_log_with_an_index_is_refused)
{
    every_cut(true, 0);
}
END_TEST

START_TEST(every_cut_with_padding_of_a_log_with_an_index_is_refused)
{
    every_cut(true, 5000);
}
END_TEST

START_TEST(every_cut_of_a_log_without_one_is_a_torn_tail)
{
    every_cut(false, 0);
}
END_TEST

START_TEST(every_cut_with_padding_of_a_log_without_one_is_a_torn_tail)
{
    every_cut(false, 5000);
}
END_TEST

START_TEST(a_torn_tail_goes_and_the_next_start_is_clean)
{
    int64_t offsets[7];
    zk_zxid last;
    uint64_t cut;

    make_log(6, 40, offsets);
    without_index("zabd.index.1");
    rig_truncate(&dir, "log.1", offsets[5] + 20);
    pad(100000);
    ck_assert_int_eq(read_all(1, &last, &cut), 0);
    ck_assert_int_eq(last, 5);
    ck_assert_uint_eq(cut, 20);
    ck_assert_int_eq(rig_size(&dir, "log.1"), offsets[5]);
    ck_assert_int_eq(read_all(1, &last, &cut), 0);
    ck_assert_uint_eq(cut, 0);
    rig_log(&dir, NULL, 6, 9, 1, 40);
    ends_at(1, 9);
}
END_TEST

START_TEST(a_last_log_without_txns_goes)
{
    static const uint8_t header[HEADER + 100] = { 'Z', 'K', 'L', 'G', 0, 0, 0, 2 };
    static const size_t sizes[] = { 0, 1, 8, 15, 16, 116 };
    uint64_t cut;
    zk_zxid last;

    rig_log(&dir, NULL, 1, 5, 1, 40);
    rig_write(&dir, "log.6", header, sizes[_i]);
    ck_assert_int_eq(read_all(1, &last, &cut), 0);
    ck_assert_int_eq(last, 5);
    ck_assert_uint_eq(cut, 0);
    ck_assert(!rig_exists(&dir, "log.6"));
    ck_assert(rig_exists(&dir, "log.1"));
    rig_log(&dir, NULL, 6, 9, 1, 40);
    ends_at(1, 9);
}
END_TEST

START_TEST(a_log_without_header_that_is_not_the_last_is_damage)
{
    rig_log(&dir, NULL, 1, 5, 1, 40);
    without_index("zabd.index.1");
    rig_log(&dir, NULL, 6, 9, 1, 40);
    rig_truncate(&dir, "log.1", _i);
    is_damage(1, "log.1");
}
END_TEST

START_TEST(zeros_instead_of_a_header_are_a_torn_birth_only_of_our_own_files)
{
    static const uint8_t zeros[4096];
    zk_zxid last;
    uint64_t cut;

    rig_log(&dir, NULL, 1, 5, 1, 40);
    rig_write(&dir, "log.6", zeros, sizeof zeros);
    is_damage(1, "the header is gone");
    rig_write(&dir, "zabd.index.6", zeros, 0);
    ck_assert_int_eq(read_all(1, &last, &cut), 0);
    ck_assert_int_eq(last, 5);
    ck_assert(!rig_exists(&dir, "log.6") && !rig_exists(&dir, "zabd.index.6"));
}
END_TEST

/* ---- Every byte. */

/* Every flip must be refused, or change nothing that is read: the version and dbid of the header,
 * the padding, and what looks like the torn birth of the last record. */
static void every_flip(bool with_index, int64_t padding)
{
    enum { COUNT = 4 };

    static const uint8_t bits[] = { 0x01, 0x80, 0xff, 0x42 };
    int64_t offsets[COUNT + 1];

    make_log(COUNT, 40, offsets);
    pad(padding);
    if (!with_index)
        without_index("zabd.index.1");
    for (int64_t at = 0; at < offsets[COUNT] + padding; at++) {
        for (size_t b = 0; b < sizeof bits; b++) {
            zk_zxid last;
            bool is_end_mark = at == offsets[COUNT] - 1;

            rig_flip(&dir, "log.1", at, bits[b]);

            int r = read_all(1, &last, NULL);

            if (r == 0 && !with_index && is_end_mark && bits[b] == 0x42)
                ck_assert_int_eq(last, COUNT - 1); /* 'B' became 0: that is torn. */
            else if (r == 0)
                ck_assert_msg(last == COUNT, "%" PRId64 " ^ %#x: last is 0x%" PRIx64, at, bits[b],
                              (uint64_t)last);
            else
                ck_assert_msg(r == -EBADMSG && strstr(why, "log.1") != NULL, "%d: %s", r, why);
            ck_assert(r != 0 || at < HEADER || at >= offsets[COUNT] || is_end_mark);
            rig_flip(&dir, "log.1", at, bits[b]);
        }
    }
}

START_TEST(no_flip_loses_a_txn_where_there_is_an_index)
{
    every_flip(true, 0);
}
END_TEST

START_TEST(no_flip_loses_a_txn_where_there_is_none)
{
    every_flip(false, 0);
}
END_TEST

START_TEST(no_flip_loses_a_txn_with_padding_either)
{
    every_flip(_i == 0, 700);
}
END_TEST

START_TEST(what_is_no_log_is_refused)
{
    char path[RIG_PATH_MAX + 16];

    rig_log(&dir, NULL, 1, 3, 1, 40);
    rig_flip(&dir, "log.1", 1, 1);
    is_damage(1, "ZKLG");
    rig_flip(&dir, "log.1", 1, 1);
    (void)snprintf(path, sizeof path, "%s/log.4", dir.dir);

    zk_zxid last;

    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_lt(read_all(1, &last, NULL), 0);
    ck_assert_ptr_nonnull(strstr(why, "log.4"));
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_lt(read_all(1, &last, NULL), 0);
    ck_assert_ptr_nonnull(strstr(why, "log.4"));
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(symlink("/nonexistent", path), 0);
    ck_assert_int_eq(read_all(1, &last, NULL), -ENOENT);
    ck_assert_ptr_nonnull(strstr(why, "log.4"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("log_reader");
    TCase *c = tcase_create("log_reader");
    SRunner *runner = srunner_create(s);

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, no_log_is_an_empty_sequence);
    tcase_add_test(c, reading_begins_at_any_txn);
    tcase_add_test(c, older_files_are_not_looked_at);
    tcase_add_test(c, an_epoch_may_follow_with_its_first_txn);
    tcase_add_test(c, names_with_more_parts_are_logs_and_others_are_not);
    tcase_add_test(c, a_copy_is_passed_over);
    tcase_add_test(c, a_missing_file_is_a_gap);
    tcase_add_test(c, the_first_txn_must_be_the_next_one);
    tcase_add_test(c, an_epoch_must_begin_with_its_first_txn);
    tcase_add_test(c, the_index_of_a_missing_last_log_tells_of_it);
    tcase_add_test(c, a_renamed_log_is_damage);
    tcase_add_test(c, txns_may_not_go_back_within_a_file);
    tcase_add_test(c, every_cut_of_a_log_with_an_index_is_refused);
    tcase_add_test(c, every_cut_with_padding_of_a_log_with_an_index_is_refused);
    tcase_add_test(c, every_cut_of_a_log_without_one_is_a_torn_tail);
    tcase_add_test(c, every_cut_with_padding_of_a_log_without_one_is_a_torn_tail);
    tcase_add_test(c, a_torn_tail_goes_and_the_next_start_is_clean);
    tcase_add_loop_test(c, a_last_log_without_txns_goes, 0, 6);
    tcase_add_loop_test(c, a_log_without_header_that_is_not_the_last_is_damage, 0, 16);
    tcase_add_test(c, zeros_instead_of_a_header_are_a_torn_birth_only_of_our_own_files);
    tcase_add_test(c, no_flip_loses_a_txn_where_there_is_an_index);
    tcase_add_test(c, no_flip_loses_a_txn_where_there_is_none);
    tcase_add_loop_test(c, no_flip_loses_a_txn_with_padding_either, 0, 2);
    tcase_add_test(c, what_is_no_log_is_refused);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
