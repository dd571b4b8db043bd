/* Random requests of several clients, many at a time under way: whatever comes, the
 * digest that each txn promised holds when it is applied, every request is answered
 * once and in order, and the log alone gives the same tree again. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/order/order.h"
#include "tests/lib/frames.h"
#include "util/rand.h"

enum { CLIENTS = 4, STEPS = 4000 };

static struct rand_state rnd;

static int below(int n)
{
    return (int)rand_below(&rnd, (uint64_t)n);
}

/* Few names, so that they collide often; some that are not allowed. */
static const char *some_path(void)
{
    static const char *const tops[] = { "/a", "/b", "/zookeeper/quota", "/", "a", "/a/", "//" };
    static const char *const subs[] = {
        "", "", "/x", "/y", "/x/z", "/s-", "/zookeeper_stats", "/zookeeper_limits"
    };
    static char path[64];

    (void)snprintf(path, sizeof path, "%s%s", tops[below(10) % 7], subs[below(8)]);
    return path;
}

static const char *some_data(void)
{
    static const char *const data[] = { NULL, "", "x", "count=3,bytes=100",
                                        "count=2,bytes=-1=;countHardLimit=4" };

    return data[below(5)];
}

static void add_member(struct bytes *b)
{
    struct multi_header head = { .err = -1 };
    struct create_request create = { .path = jute_text(some_path()),
                                     .data = jute_text("m"),
                                     .acl = open_acls(),
                                     .flags = below(5) };
    struct delete_request remove = { .path = create.path, .version = below(3) - 1 };
    struct set_data_request set = { .path = create.path, .data = create.data, .version = -1 };
    struct check_version_request check = { .path = create.path, .version = below(3) - 1 };

    switch (below(4)) {
    case 0:
        head.type = ZK_OP_CREATE;
        jute_write_multi_header(b, &head);
        jute_write_create_request(b, &create);
        break;
    case 1:
        head.type = ZK_OP_DELETE;
        jute_write_multi_header(b, &head);
        jute_write_delete_request(b, &remove);
        break;
    case 2:
        head.type = ZK_OP_SET_DATA;
        jute_write_multi_header(b, &head);
        jute_write_set_data_request(b, &set);
        break;
    default:
        head.type = ZK_OP_CHECK;
        jute_write_multi_header(b, &head);
        jute_write_check_version_request(b, &check);
        break;
    }
}

static void send_multi(struct rig *r, size_t i, int32_t xid)
{
    struct multi_header end = { .type = -1, .done = true, .err = -1 };
    struct bytes *b = frame_begin(xid, ZK_OP_MULTI);

    for (int n = below(5); n > 0; n--)
        add_member(b);
    jute_write_multi_header(b, &end);
    (void)frame_send(r, i);
}

static void send_set_acl(struct rig *r, size_t i, int32_t xid)
{
    struct set_acl_request req = { .path = jute_text(some_path()),
                                   .acl = open_acls(),
                                   .version = below(3) - 1 };

    jute_write_set_acl_request(frame_begin(xid, ZK_OP_SET_ACL), &req);
    (void)frame_send(r, i);
}

static void send_create_ttl(struct rig *r, size_t i, int32_t xid)
{
    struct create_ttl_request req = { .path = jute_text(some_path()),
                                      .data = jute_text("t"),
                                      .acl = open_acls(),
                                      .flags = 5 + below(2),
                                      .ttl_ms = below(10000) - 5 };

    jute_write_create_ttl_request(frame_begin(xid, ZK_OP_CREATE_TTL), &req);
    (void)frame_send(r, i);
}

static void send_something(struct rig *r, size_t i, int32_t xid)
{
    static const int32_t creates[] = { ZK_OP_CREATE, ZK_OP_CREATE2, ZK_OP_CREATE_CONTAINER };

    switch (below(9)) {
    case 0:
    case 1:
        (void)send_create(r, i, xid, creates[below(3)], some_path(), some_data(), below(6));
        break;
    case 2:
        (void)send_delete(r, i, xid, some_path(), below(4) - 1);
        break;
    case 3:
        (void)send_set(r, i, xid, some_path(), some_data(), below(3) - 1);
        break;
    case 4:
        send_multi(r, i, xid);
        break;
    case 5:
        send_set_acl(r, i, xid);
        break;
    case 6:
        send_create_ttl(r, i, xid);
        break;
    case 7:
        (void)send_path(r, i, xid, ZK_OP_SYNC, some_path());
        break;
    default:
        (void)send_read(r, i, xid, ZK_OP_GET_DATA, some_path(), below(2) == 0);
        break;
    }
}

/* Reads all replies; each xid once, in order. */
static void check_replies(struct rig *r, size_t i, int32_t *next)
{
    struct reply_header head;
    struct jute_in in;

    while (next_reply(r, i, &head, &in))
        if (head.xid != ZK_XID_WATCH)
            ck_assert_int_eq(head.xid, (*next)++);
    rig_drain(r, i);
}

/* Not as bytes: there is a gap in it, where anything may be. */
static void check_same_raw(const struct znode_raw *a, const struct znode_raw *b)
{
    ck_assert_int_eq(a->czxid, b->czxid);
    ck_assert_int_eq(a->mzxid, b->mzxid);
    ck_assert_int_eq(a->pzxid, b->pzxid);
    ck_assert_int_eq(a->ctime, b->ctime);
    ck_assert_int_eq(a->mtime, b->mtime);
    ck_assert_int_eq(a->version, b->version);
    ck_assert_int_eq(a->cversion, b->cversion);
    ck_assert_int_eq(a->aversion, b->aversion);
    ck_assert_int_eq(a->owner, b->owner);
}

static void check_same_trees(const struct tree *a, const struct tree *b, const struct znode *na,
                             size_t *count)
{
    struct bytes path = { 0 };
    struct znode_raw ra;
    struct znode_raw rb;

    znode_path(a, na, &path);
    const struct znode *nb =
        tree_find(b, (struct jute_bytes){ .at = path.at, .len = (int32_t)path.len });
    ck_assert_msg(nb != NULL, "%.*s is missing", (int)path.len, (const char *)path.at);
    znode_raw(a, na, &ra);
    znode_raw(b, nb, &rb);
    check_same_raw(&ra, &rb);
    ck_assert(jute_bytes_equal(znode_data(a, na), znode_data(b, nb)));
    ck_assert_int_eq(znode_child_count(a, na), znode_child_count(b, nb));
    bytes_done(&path);
    (*count)++;
    for (const struct znode *c = znode_first_child(a, na); c != NULL; c = znode_next_sibling(a, c))
        check_same_trees(a, b, c, count);
}

static void check_replay(struct rig *r)
{
    struct tree_conf conf = { .hash_seed = 99, .extended_types = true, .digest = true };
    struct tree *again;
    size_t count = 0;

    ck_assert_int_eq(tree_new(&again, &conf), 0);
    struct jute_in in = jute_in(r->log.at, r->log.len);
    while (jute_left(&in) > 0) {
        int32_t len;
        struct txn txn;
        static const struct tree_sink nobody;
        jute_read_i32(&in, &len);
        const uint8_t *payload = jute_take(&in, (size_t)len);
        ck_assert(txn_parse(&txn, payload, (size_t)len));
        tree_apply(again, &txn, NULL, &nobody);
        if (txn.has_digest)
            ck_assert_uint_eq(txn.digest, tree_digest(again));
    }
    const struct tree *t = r->service.state.tree;
    check_same_trees(t, again, tree_find(t, jute_text("/")), &count);
    struct tree_totals totals;
    tree_totals(again, &totals);
    ck_assert_uint_eq(count, totals.nodes);
    (void)tree_free(again);
}

START_TEST(random_requests_keep_every_promise)
{
    struct rig *r = calloc(1, sizeof *r);
    int32_t sent[CLIENTS];
    int32_t answered[CLIENTS];

    rand_seed(&rnd, (uint64_t)_i + 1);
    rig_init(r, NULL);
    r->keep_log = true;
    for (size_t i = 0; i < CLIENTS; i++) {
        rig_connect(r, i, 40000);
        sent[i] = answered[i] = 1;
    }
    for (int step = 0; step < STEPS; step++) {
        size_t i = (size_t)below(CLIENTS);
        if (!r->clients[i].is_open || r->clients[i].finishing) {
            if (r->clients[i].is_open)
                rig_close(r, i);
            rig_connect(r, i, 40000);
            sent[i] = answered[i] = 1;
        }
        if (client_can_take(&r->clients[i].client))
            send_something(r, i, sent[i]++);
        if (below(200) == 0)
            (void)send_bare(r, i, sent[i]++, ZK_OP_CLOSE_SESSION);
        if (below(8) == 0) {
            r->hold_log = below(3) != 0;
            rig_turn(r);
        }
        if (below(100) == 0)
            (void)service_reap(&r->service, 0, 10);
        for (size_t k = 0; k < CLIENTS; k++)
            if (r->clients[k].is_open)
                check_replies(r, k, &answered[k]);
    }
    r->hold_log = false;
    rig_release(r);
    rig_turn(r);
    ck_assert_uint_eq(order_digest_mismatches(r->service.order), 0);
    for (size_t i = 0; i < CLIENTS; i++) {
        check_replies(r, i, &answered[i]);
        if (r->clients[i].is_open && !r->clients[i].finishing)
            ck_assert_int_eq(answered[i], sent[i]);
    }
    check_replay(r);
    rig_done(r);
    free(r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("service_random");
    TCase *tc = tcase_create("random");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, random_requests_keep_every_promise, 0, 20);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
