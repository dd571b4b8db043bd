/* Requests as large as a log entry: what comes of them is no larger. */
#include <check.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "jute/records.h"
#include "server/order/order.h"
#include "server/tree/watch.h"
#include "tests/unit/test_jute_hex.h"

enum { ENTRY_MAX = 2048, AROUND = 64 };

static struct order *o;
static uint32_t entry_max;
static struct state state;
static struct watch_table *watches;
static struct idset *ids;
static struct bytes body;

/* Another one on the same state, as after a start with another jute.maxbuffer. */
static void open_order(void)
{
    static const struct auth_conf auth = { .digest_enabled = true };
    struct order_conf conf = { .digest = true, .auth = &auth, .entry_max = entry_max };

    o = order_free(o);
    ck_assert_int_eq(order_new(&o, &conf, &state), 0);
}

static void begin(void)
{
    static const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
    struct tree_conf tree = { .hash_seed = 7, .digest = true };

    state.sessions = session_book_new(7);
    ck_assert_int_eq(tree_new(&state.tree, &tree), 0);
    watches = watch_table_new(7);
    ids = idset_of_address(&nowhere);
    entry_max = ENTRY_MAX;
    open_order();
}

static void end(void)
{
    o = order_free(o);
    watches = watch_table_free(watches);
    ids = idset_unref(ids);
    bytes_done(&body);
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
    (void)a;
}

/* Orders the body as a request and applies its txn, which fits into an entry. */
static enum zk_err submit(int32_t op)
{
    static const struct order_sink sink = { .event = on_event, .applied = on_applied };
    struct write_request req = {
        .session = 5, .xid = 1, .op = op, .body = body.at, .len = body.len, .ids = ids
    };
    enum zk_err err;
    zk_zxid zxid;

    ck_assert_int_eq(order_submit(o, &req, 1, &err, &zxid), ORDER_SUBMITTED);
    struct wal_batch *b = order_take_batch(o, INT64_MAX);
    ck_assert_uint_eq(b->count, 1);
    ck_assert_uint_le(b->txns[0].len, entry_max);
    wal_batch_unref(b);
    order_commit(o, zxid, watches, &sink);
    ck_assert_uint_eq(order_digest_mismatches(o), 0);
    return err;
}

/* Of so many bytes. */
static struct jute_bytes path_of(size_t len)
{
    static char path[ENTRY_MAX];

    memset(path, 'a', len);
    path[0] = '/';
    return (struct jute_bytes){ .at = (const uint8_t *)path, .len = (int32_t)len };
}

static void put_create(struct jute_bytes path)
{
    static const uint8_t open[] = "\0\0\0\x1f\0\0\0\x05world\0\0\0\x06"
                                  "anyone";
    struct create_request r = { .path = path,
                                .data = { .len = 0 },
                                .acl = { .at = open, .len = sizeof open - 1, .count = 1 } };

    jute_write_create_request(&body, &r);
}

static void create(struct jute_bytes path)
{
    body.len = 0;
    put_create(path);
    ck_assert_int_eq(submit(ZK_OP_CREATE), ZK_OK);
}

/* To /a, of as much data as makes a body of so many bytes with `tail` more behind it. */
static void put_set_data(size_t body_len, size_t tail)
{
    static uint8_t data[ENTRY_MAX];
    struct set_data_request r = { .path = path_of(2), .data = { .at = data }, .version = -1 };

    r.data.len = (int32_t)(body_len - tail - body.len - jute_size_set_data_request(&r));
    jute_write_set_data_request(&body, &r);
    ck_assert_uint_eq(body.len, body_len - tail);
}

static enum zk_err set_data(size_t body_len)
{
    body.len = 0;
    put_set_data(body_len, 0);
    return submit(ZK_OP_SET_DATA);
}

static void put_head(int32_t type, bool done)
{
    jute_write_multi_header(&body, &(struct multi_header){ .type = type, .done = done, .err = -1 });
}

/* /aaa is created, then that. */
static enum zk_err create_and_set_data(size_t body_len)
{
    body.len = 0;
    put_head(ZK_OP_CREATE, false);
    put_create(path_of(4));
    put_head(ZK_OP_SET_DATA, false);
    put_set_data(body_len, 9);
    put_head(ZK_OP_ERROR, true);
    ck_assert_uint_eq(body.len, body_len);
    return submit(ZK_OP_MULTI);
}

static int32_t version(void)
{
    struct zk_stat stat;

    znode_stat(state.tree, tree_find(state.tree, path_of(2)), &stat);
    return stat.version;
}

START_TEST(data_as_large_as_an_entry_gets_an_error)
{
    create(path_of(2));
    for (size_t len = ENTRY_MAX - AROUND; len <= ENTRY_MAX; len++)
        ck_assert_int_eq(set_data(len), ZK_MARSHALLING_ERROR);
    ck_assert_int_eq(version(), 0);
    ck_assert_int_eq(set_data(ENTRY_MAX - 4 * AROUND), ZK_OK);
    ck_assert_int_eq(version(), 1);
}
END_TEST

START_TEST(a_multi_as_large_as_an_entry_gets_an_error_as_a_whole)
{
    create(path_of(2));
    for (size_t len = ENTRY_MAX - AROUND; len <= ENTRY_MAX; len++) {
        ck_assert_int_eq(create_and_set_data(len), ZK_MARSHALLING_ERROR);
        ck_assert_ptr_null(tree_find(state.tree, path_of(4)));
    }
    ck_assert_int_eq(create_and_set_data(ENTRY_MAX - 4 * AROUND), ZK_OK);
    ck_assert_ptr_nonnull(tree_find(state.tree, path_of(4)));
}
END_TEST

START_TEST(data_of_any_length_gets_a_txn)
{
    size_t len = ENTRY_MAX - 4 * AROUND;

    create(path_of(2));
    while (set_data(len) == ZK_OK)
        len++;
    ck_assert_uint_ge(len, ENTRY_MAX - 3 * AROUND);
    for (; len <= ENTRY_MAX; len++)
        ck_assert_int_eq(set_data(len), ZK_MARSHALLING_ERROR);
}
END_TEST

/* Of a node that was made when entries could be larger. */
START_TEST(a_path_as_large_as_an_entry_gets_an_error)
{
    for (size_t len = ENTRY_MAX - AROUND; len <= ENTRY_MAX - 8; len++) {
        struct delete_request r = { .path = path_of(len), .version = -1 };

        entry_max = 2 * ENTRY_MAX;
        open_order();
        create(r.path);
        entry_max = ENTRY_MAX;
        open_order();
        body.len = 0;
        jute_write_delete_request(&body, &r);
        ck_assert_int_eq(submit(ZK_OP_DELETE), ZK_MARSHALLING_ERROR);
        ck_assert_ptr_nonnull(tree_find(state.tree, r.path));
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("order_limits");
    TCase *sizes = tcase_create("sizes");

    tcase_add_checked_fixture(sizes, begin, end);
    tcase_add_test(sizes, data_as_large_as_an_entry_gets_an_error);
    tcase_add_test(sizes, data_of_any_length_gets_a_txn);
    tcase_add_test(sizes, a_multi_as_large_as_an_entry_gets_an_error_as_a_whole);
    tcase_add_test(sizes, a_path_as_large_as_an_entry_gets_an_error);
    suite_add_tcase(s, sizes);
    return test_run(s);
}
