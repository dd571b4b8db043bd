/* Random clients of a learner, whose leaders come and go: whatever happens, a reply is the answer
 * to the oldest request of its connection that has none, and to no other; xids come again and
 * again, in one connection after the other. */
#include <stdio.h>

#include "tests/unit/test_roles_lib.h"
#include "util/rand.h"

enum { CLIENTS = 6, STEPS = 6000, LINE_MAX_REQUESTS = 256, XIDS = 3 };

/* What a connection waits for. */
struct asked {
    int32_t xid, op;
    char path[32]; /* Of a create. */
};

static struct line {
    struct asked at[LINE_MAX_REQUESTS];
    size_t first, count;
    bool is_up;
    zk_session_id id; /* To come back with. */
} lines[CLIENTS];

static struct rand_state rnd;
static uint32_t names;
static size_t ordered; /* Forwarded requests that the leader has ordered. */
static uint64_t answered, kept;

static size_t below(size_t n)
{
    return (size_t)rand_below(&rnd, n);
}

static void expect(size_t i, int32_t xid, int32_t op, const char *path)
{
    struct line *l = &lines[i];

    ck_assert_uint_lt(l->count, LINE_MAX_REQUESTS);
    struct asked *a = &l->at[(l->first + l->count++) % LINE_MAX_REQUESTS];
    *a = (struct asked){ .xid = xid, .op = op };
    (void)snprintf(a->path, sizeof a->path, "%s", path);
}

static void check_reply(size_t i, struct jute_in *in)
{
    struct line *l = &lines[i];
    struct reply_header head;
    struct create_response created;

    jute_read_reply_header(in, &head);
    ck_assert(!in->bad);
    if (head.xid == ZK_XID_WATCH)
        return;
    ck_assert_uint_gt(l->count, 0);
    const struct asked *a = &l->at[l->first];
    l->first = (l->first + 1) % LINE_MAX_REQUESTS;
    l->count--;
    answered++;
    ck_assert_int_eq(head.xid, a->xid);
    if (a->op != ZK_OP_CREATE || head.err != ZK_OK)
        return;
    jute_read_create_response(in, &created);
    ck_assert(!in->bad);
    ck_assert_msg(jute_is_text(created.path, a->path), "another's reply: %s", a->path);
}

static void read_replies(void)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        struct line *l = &lines[i];
        if (!r->clients[i].is_open)
            continue;
        for (struct jute_in in = rig_next(r, i); in.at != NULL; in = rig_next(r, i)) {
            struct connect_response resp;

            if (l->is_up) {
                check_reply(i, &in);
                continue;
            }
            jute_read_connect_response(&in, &resp);
            ck_assert(!in.bad);
            l->is_up = resp.session_id != 0;
            l->id = resp.session_id;
        }
        if (r->clients[i].finishing || client(i)->phase == CLIENT_CLOSING) {
            leave(i);
            continue;
        }
        rig_drain(r, i);
    }
    for (size_t i = 0; i < CLIENTS; i++)
        if (!r->clients[i].is_open)
            lines[i] = (struct line){ .id = lines[i].id };
}

/* ---- What clients do. */

static void come(size_t i)
{
    bool again = lines[i].id != 0 && below(3) > 0;

    rig_open(r, i);
    lines[i].is_up = false;
    (void)knock(i, again ? lines[i].id : 0, 0, below(2) == 0);
}

static void ask(size_t i)
{
    int32_t xid = (int32_t)below(XIDS);
    char path[32];

    if (!lines[i].is_up || !client_can_take(client(i)) || lines[i].count > 20)
        return;
    switch (below(8)) {
    case 0:
        expect(i, xid, ZK_OP_SYNC, "");
        ck_assert(send_path(r, i, xid, ZK_OP_SYNC, "/"));
        break;
    case 1:
    case 2:
        expect(i, xid, ZK_OP_EXISTS, "");
        ck_assert(send_read(r, i, xid, ZK_OP_EXISTS, "/", true));
        break;
    case 3:
        expect(i, xid, ZK_OP_DELETE, "");
        ck_assert(send_bare(r, i, xid, ZK_OP_DELETE));
        break;
    case 4:
        if (below(10) > 0)
            break;
        expect(i, xid, ZK_OP_CLOSE_SESSION, "");
        ck_assert(send_bare(r, i, xid, ZK_OP_CLOSE_SESSION));
        break;
    default:
        (void)snprintf(path, sizeof path, "/n%u", names++);
        expect(i, xid, ZK_OP_CREATE, path);
        ck_assert(send_create(r, i, xid, ZK_OP_CREATE, path, "x",
                              below(4) == 0 ? ZK_CREATE_EPHEMERAL : ZK_CREATE_PERSISTENT));
        break;
    }
}

/* ---- What the leader does. */

static void forget_done(void)
{
    struct ensemble *e = fake();

    if (e->request_count < FAKE_REQUESTS_MAX - 32 || ordered < e->request_count)
        return;
    fake_forget_requests();
    ordered = 0;
}

static void order_some(void)
{
    for (size_t n = below(4); n > 0 && ordered < fake()->request_count; n--)
        (void)fake_order(ordered++);
    fake_learn(below(2) == 0);
}

/* The client has come from another server, where it had a write under way with one of its xids. */
static void order_elsewhere(size_t i)
{
    struct create_request req = { .path = jute_text("/elsewhere-"),
                                  .acl = open_acls(),
                                  .flags = ZK_CREATE_PERSISTENT_SEQUENTIAL };
    static struct bytes body; /* Kept: gcc 12 sees an overflow in one that is made here. */

    if (!lines[i].is_up || client(i)->phase != CLIENT_UP ||
        !list_is_empty(&client(i)->session->writes))
        return;
    body.len = 0;
    jute_write_create_request(&body, &req);
    (void)fake_order_other(session_of(i), (int32_t)below(XIDS), ZK_OP_CREATE, body.at, body.len);
    fake_learn(false);
}

static void answer_some(void)
{
    struct ensemble *e = fake();
    static size_t asked;

    if (e->asked_count < asked)
        asked = 0;
    for (; asked < e->asked_count; asked++)
        service_revalidated(&r->service, e->asked[asked], below(5) > 0);
    if (below(2) == 0)
        service_synced(&r->service, e->tickets - below(e->tickets + 1), false);
    e->asked_count = asked = 0;
}

static void change_leader(void)
{
    struct ensemble *e = fake();

    if (below(2) == 0)
        service_synced(&r->service, e->tickets, true);
    fake_pause();
    rig_turn(r);
    if (below(4) == 0)
        rig_sleep(r, (int64_t)below(4000));
    order_some();
    fake_learn(true);
    ordered = e->request_count; /* The rest is lost. */
    size_t before = r->service.client_count;
    fake_serve(below(2) == 0 ? ZAB_FOLLOWING : ZAB_OBSERVING, below(16) == 0);
    rig_turn(r);
    for (size_t i = 0; i < CLIENTS; i++)
        if (r->clients[i].is_open && before > 0)
            kept++;
}

static void step(void)
{
    size_t i = below(CLIENTS);

    switch (below(16)) {
    case 0:
        if (r->clients[i].is_open)
            leave(i);
        break;
    case 1:
    case 2:
        order_some();
        break;
    case 3:
        answer_some();
        break;
    case 4:
        if (below(8) == 0)
            change_leader();
        break;
    case 5:
        rig_sleep(r, (int64_t)below(100));
        break;
    case 6:
        order_elsewhere(i);
        break;
    default:
        if (!r->clients[i].is_open)
            come(i);
        else
            ask(i);
        break;
    }
}

/* When all that was asked is answered, nobody waits any more. */
static void check_nobody_waits(void)
{
    struct ensemble *e = fake();

    fake()->is_full = false;
    for (int n = 0; n < 4; n++) {
        while (ordered < e->request_count)
            (void)fake_order(ordered++);
        fake_learn(true);
        for (size_t i = 0; i < e->asked_count; i++)
            service_revalidated(&r->service, e->asked[i], true);
        e->asked_count = 0;
        service_synced(&r->service, e->tickets, false);
        rig_turn(r);
        read_replies();
    }
    for (size_t i = 0; i < CLIENTS; i++)
        ck_assert_msg(lines[i].count == 0, "client %zu waits for ever", i);
    ck_assert_uint_eq(r->service.expected, 0);
    ck_assert_uint_eq(r->service.outstanding, 0);
}

START_TEST(every_reply_is_the_answer_to_its_own_request)
{
    struct service_conf conf = roles_conf();

    conf.local_sessions = _i % 3 == 1;
    conf.local_upgrading = _i % 2 == 1;
    conf.linearizable_reads = _i % 3 == 2;
    conf.read_only_mode = _i % 2 == 0;
    rand_seed(&rnd, (uint64_t)_i + 1);
    begin(&conf);
    fake_serve(ZAB_FOLLOWING, false);
    for (int n = 0; n < STEPS; n++) {
        /* There is room for so many. */
        fake()->is_full = fake()->request_count > FAKE_REQUESTS_MAX - 16;
        step();
        rig_turn(r);
        read_replies();
        if (fake()->request_count > FAKE_REQUESTS_MAX - 32)
            order_some();
        forget_done();
    }
    check_nobody_waits();
    ck_assert_uint_gt(answered, 150);
    ck_assert_uint_gt(kept, 10);
    end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("service_roles_random");
    TCase *tc = tcase_create("random");

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, every_reply_is_the_answer_to_its_own_request, 0, 24);
    suite_add_tcase(s, tc);

    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
