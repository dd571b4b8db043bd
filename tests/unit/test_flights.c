/* Txns in flight: learned, taken, committed, forgotten. */
#include <check.h>
#include <stdlib.h>

#include "jute/records.h"
#include "server/order/order.h"
#include "server/tree/watch.h"

static struct order *o;
static struct state state;
static struct watch_table *watches;
static zk_zxid last_applied;
static int applied_count;
static const void *last_origin;

static void begin(void)
{
    struct tree_conf tree = { .hash_seed = 7, .digest = true };
    static const struct auth_conf auth = { .digest_enabled = true };
    struct order_conf conf = { .digest = true, .auth = &auth, .entry_max = 1 << 20 };

    state.sessions = session_book_new(7);
    ck_assert_int_eq(tree_new(&state.tree, &tree), 0);
    ck_assert_int_eq(order_new(&o, &conf, &state), 0);
    watches = watch_table_new(7);
    last_applied = 0;
    applied_count = 0;
}

static void end(void)
{
    o = order_free(o);
    watches = watch_table_free(watches);
    state_done(&state);
}

static void on_event(void *ctx, const struct tree_event *ev, const uint32_t *watchers, size_t count)
{
    (void)ctx;
    (void)ev;
    (void)watchers;
    (void)count;
}

static void on_applied(void *ctx, const struct applied *a)
{
    (void)ctx;
    ck_assert_int_gt(a->zxid, last_applied);
    last_applied = a->zxid;
    last_origin = a->origin;
    applied_count++;
}

static const struct order_sink sink = { .event = on_event, .applied = on_applied };

/* An error txn: it changes nothing but where we are. */
static bool learn(zk_zxid zxid)
{
    struct txn_header head = { .zxid = zxid, .type = ZK_OP_ERROR };
    struct error_txn error = { .err = -101 };
    struct bytes payload = { 0 };

    jute_write_txn_header(&payload, &head);
    jute_write_error_txn(&payload, &error);
    bool ok = order_learn(o, zxid, payload.at, payload.len);
    bytes_done(&payload);
    return ok;
}

static zk_zxid submit(void *origin)
{
    struct write_request req = {
        .session = 5, .op = ZK_OP_CREATE_SESSION, .timeout_ms = 1000, .origin = origin
    };
    enum zk_err err;
    zk_zxid zxid;

    ck_assert_int_eq(order_submit(o, &req, 1, &err, &zxid), ORDER_SUBMITTED);
    return zxid;
}

static void take(zk_zxid upto, uint32_t count)
{
    struct wal_batch *b = order_take_batch(o, upto);

    if (count == 0) {
        ck_assert_ptr_null(b);
        return;
    }
    ck_assert_ptr_nonnull(b);
    ck_assert_uint_eq(b->count, count);
    ck_assert_int_eq(b->txns[count - 1].zxid, upto);
    wal_batch_unref(b);
}

START_TEST(what_is_learned_is_taken_as_far_as_the_log_may_go)
{
    begin();
    for (zk_zxid z = 1; z <= 5; z++)
        ck_assert(learn(z));
    take(0, 0);
    take(3, 3);
    take(3, 0);
    ck_assert(learn(6));
    take(6, 3);
    ck_assert_uint_eq(order_outstanding(o), 6);
    order_commit(o, 6, watches, &sink);
    ck_assert_int_eq(applied_count, 6);
    ck_assert_uint_eq(order_outstanding(o), 0);
    ck_assert_uint_eq(order_waiting_bytes(o), 0);
    end();
}
END_TEST

START_TEST(what_is_committed_before_it_is_taken_still_goes_to_the_log)
{
    begin();
    for (zk_zxid z = 1; z <= 4; z++)
        ck_assert(learn(z));
    order_commit(o, 2, watches, &sink);
    ck_assert_int_eq(applied_count, 2);
    take(1, 1);
    take(4, 3);
    order_commit(o, 4, watches, &sink);
    ck_assert_int_eq(applied_count, 4);
    ck_assert(learn(5));
    order_commit(o, 5, watches, &sink);
    take(5, 1);
    ck_assert_uint_eq(order_outstanding(o), 0);
    end();
}
END_TEST

START_TEST(no_txn_is_learned_twice_or_under_another_zxid)
{
    struct bytes payload = { 0 };
    struct txn_header head = { .zxid = 9, .type = ZK_OP_ERROR };

    begin();
    ck_assert(learn(2));
    ck_assert(!learn(2));
    ck_assert(!learn(1));
    jute_write_txn_header(&payload, &head);
    jute_write_i32(&payload, 0);
    ck_assert(!order_learn(o, 8, payload.at, payload.len));
    ck_assert(!order_learn(o, 9, payload.at, payload.len - 1));
    ck_assert_uint_eq(order_outstanding(o), 1);
    bytes_done(&payload);
    end();
}
END_TEST

START_TEST(the_end_can_be_forgotten_wherever_it_is)
{
    begin();
    for (zk_zxid z = 1; z <= 9; z++) {
        ck_assert(learn(z));
        if (z == 4)
            take(4, 4);
    }
    order_commit(o, 1, watches, &sink);
    order_forget_after(o, 6);
    ck_assert_int_eq(order_last_prepared(o), 6);
    ck_assert_uint_eq(order_outstanding(o), 5);
    order_forget_after(o, 3);
    ck_assert_int_eq(order_last_prepared(o), 3);
    ck_assert_uint_eq(order_outstanding(o), 2);
    ck_assert(learn(zxid_make(1, 1)));
    take(zxid_make(1, 1), 1);
    order_commit(o, zxid_make(1, 1), watches, &sink);
    ck_assert_int_eq(applied_count, 4);
    ck_assert_uint_eq(order_waiting_bytes(o), 0);
    order_forget_after(o, zxid_make(1, 1));
    ck_assert_int_eq(order_last_prepared(o), zxid_make(1, 1));
    end();
}
END_TEST

START_TEST(who_leads_no_more_forgets_what_nobody_was_told)
{
    int one, two;

    begin();
    order_lead(o, zxid_make(3, 0));
    ck_assert_int_eq(submit(&one), zxid_make(3, 1));
    take(zxid_make(3, 1), 1);
    ck_assert_int_eq(submit(&two), zxid_make(3, 2));
    order_follow(o);
    ck_assert_int_eq(order_last_prepared(o), zxid_make(3, 1));
    /* The next leader knows of the first: who waits for it still hears. */
    order_commit(o, zxid_make(3, 1), watches, &sink);
    ck_assert_ptr_eq(last_origin, &one);
    ck_assert_uint_eq(session_book_count(state.sessions), 1);
    end();
}
END_TEST

START_TEST(origins_can_be_dropped)
{
    int one;

    begin();
    order_lead(o, 0);
    zk_zxid zxid = submit(&one);
    take(zxid, 1);
    order_drop_origins(o);
    order_commit(o, zxid, watches, &sink);
    ck_assert_ptr_null(last_origin);
    end();
}
END_TEST

START_TEST(behind_the_last_txn_of_an_epoch_comes_the_first_of_the_next)
{
    begin();
    ck_assert(learn(0xfffffffe));
    order_commit(o, 0xfffffffe, watches, &sink);
    order_lead(o, 0xfffffffe);
    ck_assert_int_eq(submit(NULL), 0xffffffff);
    ck_assert_int_eq(submit(NULL), 0x100000001);
    struct write_request req = { .session = 5, .op = ZK_OP_CREATE_SESSION };
    ck_assert_int_eq(order_refuse(o, &req, 1, ZK_SESSION_MOVED), 0x100000002);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("flights");
    TCase *tc = tcase_create("flights");

    tcase_add_test(tc, what_is_learned_is_taken_as_far_as_the_log_may_go);
    tcase_add_test(tc, what_is_committed_before_it_is_taken_still_goes_to_the_log);
    tcase_add_test(tc, no_txn_is_learned_twice_or_under_another_zxid);
    tcase_add_test(tc, the_end_can_be_forgotten_wherever_it_is);
    tcase_add_test(tc, who_leads_no_more_forgets_what_nobody_was_told);
    tcase_add_test(tc, origins_can_be_dropped);
    tcase_add_test(tc, behind_the_last_txn_of_an_epoch_comes_the_first_of_the_next);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
