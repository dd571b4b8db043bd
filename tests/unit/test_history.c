/* The end of the log in memory. */
#include <check.h>
#include <stdlib.h>

#include "server/ensemble/history.h"
#include "util/check.h"

static struct history h;

static struct wal_batch *batch(zk_zxid first, uint32_t count)
{
    struct wal_batch *b = wal_batch_new();

    b->txns = zk_xmalloc(count * sizeof *b->txns);
    b->cap = count;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t byte = (uint8_t)(first + i);
        b->txns[i] = (struct wal_txn){ .zxid = first + i, .at = i, .len = 1 };
        bytes_put(&b->payload, &byte, 1);
    }
    b->count = count;
    return b;
}

static void add(zk_zxid first, uint32_t count)
{
    struct wal_batch *b = batch(first, count);

    history_add(&h, b);
    wal_batch_unref(b);
}

/* Three batches behind zxid 10: 11 to 13, 14, and, in the next epoch, 1:1 to 1:4. */
static void begin(void)
{
    history_init(&h, 10);
    add(11, 3);
    add(14, 1);
    add(zxid_make(1, 1), 4);
}

static void end(void)
{
    history_done(&h);
    ck_assert_uint_eq(h.bytes, 0);
    ck_assert_uint_eq(h.txns, 0);
}

static zk_zxid after(zk_zxid zxid)
{
    struct history_place at;
    const uint8_t *payload;

    if (!history_after(&h, zxid, &at))
        return -1;
    zk_zxid found = history_at(&h, at, &payload)->zxid;
    ck_assert_uint_eq(*payload, (uint8_t)found);
    return found;
}

static zk_zxid before(zk_zxid zxid)
{
    struct history_place at;
    const uint8_t *payload;

    return history_before(&h, zxid, &at) ? history_at(&h, at, &payload)->zxid : -1;
}

START_TEST(what_is_behind_a_zxid_is_found)
{
    begin();
    ck_assert_int_eq(after(0), 11);
    ck_assert_int_eq(after(10), 11);
    ck_assert_int_eq(after(12), 13);
    ck_assert_int_eq(after(13), 14);
    ck_assert_int_eq(after(14), zxid_make(1, 1));
    ck_assert_int_eq(after(zxid_make(1, 0)), zxid_make(1, 1));
    ck_assert_int_eq(after(zxid_make(1, 4)), -1);
    ck_assert_int_eq(history_last(&h), zxid_make(1, 4));
    end();
}
END_TEST

START_TEST(what_is_before_a_zxid_is_found)
{
    begin();
    ck_assert_int_eq(before(11), -1);
    ck_assert_int_eq(before(12), 11);
    ck_assert_int_eq(before(14), 13);
    ck_assert_int_eq(before(zxid_make(1, 0)), 14);
    ck_assert_int_eq(before(zxid_make(1, 1)), 14);
    ck_assert_int_eq(before(zxid_make(7, 0)), zxid_make(1, 4));
    end();
}
END_TEST

START_TEST(walking_meets_every_txn_once)
{
    struct history_place at;
    const uint8_t *payload;
    zk_zxid last = 10;
    int count = 0;

    begin();
    ck_assert(history_after(&h, 10, &at));
    do {
        zk_zxid zxid = history_at(&h, at, &payload)->zxid;
        ck_assert_int_gt(zxid, last);
        last = zxid;
        count++;
    } while (history_next(&h, &at));
    ck_assert_int_eq(count, 8);
    end();
}
END_TEST

START_TEST(what_is_cut_off_is_gone_and_shared_batches_stay_whole)
{
    struct wal_batch *b = batch(zxid_make(2, 1), 3);

    begin();
    history_add(&h, b);
    history_cut(&h, zxid_make(2, 2));
    ck_assert_int_eq(history_last(&h), zxid_make(2, 2));
    ck_assert_uint_eq(b->count, 3);
    history_cut(&h, 12);
    ck_assert_int_eq(history_last(&h), 12);
    ck_assert_uint_eq(h.txns, 2);
    history_cut(&h, 5);
    ck_assert_uint_eq(h.count, 0);
    ck_assert_int_eq(h.floor, 5);
    wal_batch_unref(b);
    end();
}
END_TEST

START_TEST(old_txns_go_but_for_the_last_ones_and_those_still_needed)
{
    begin();
    history_trim(&h, 13, 0, 0);
    ck_assert_int_eq(h.floor, 13);
    ck_assert_int_eq(after(0), 14);
    history_trim(&h, INT64_MAX, 0, 5);
    ck_assert_int_eq(h.floor, 13);
    history_trim(&h, INT64_MAX, h.bytes, 0);
    ck_assert_int_eq(h.floor, 13);
    history_trim(&h, INT64_MAX, h.bytes - 1, 0);
    ck_assert_int_eq(h.floor, 14);
    end();
}
END_TEST

START_TEST(it_can_go_on_for_ever)
{
    history_init(&h, 0);
    for (int i = 0; i < 10000; i++) {
        add(i * 3 + 1, 3);
        history_trim(&h, INT64_MAX, 0, 300);
        ck_assert_uint_le(h.txns, 302);
    }
    ck_assert_uint_le(h.cap, 1024);
    ck_assert_int_eq(after(h.floor), h.floor + 1);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("history");
    TCase *tc = tcase_create("history");

    tcase_add_test(tc, what_is_behind_a_zxid_is_found);
    tcase_add_test(tc, what_is_before_a_zxid_is_found);
    tcase_add_test(tc, walking_meets_every_txn_once);
    tcase_add_test(tc, what_is_cut_off_is_gone_and_shared_batches_stay_whole);
    tcase_add_test(tc, old_txns_go_but_for_the_last_ones_and_those_still_needed);
    tcase_add_test(tc, it_can_go_on_for_ever);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
