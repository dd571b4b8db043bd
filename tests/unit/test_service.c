/* The service as a client sees it, frame by frame. */
#include <check.h>
#include <stdlib.h>

#include "server/order/order.h"
#include "server/session/session.h"
#include "tests/lib/frames.h"

static struct rig *r;

static void setup(void)
{
    r = calloc(1, sizeof *r);
    rig_init(r, NULL);
    rig_connect(r, 0, 4000);
    rig_connect(r, 1, 4000);
}

static void teardown(void)
{
    ck_assert_uint_eq(order_digest_mismatches(r->service.order), 0);
    rig_done(r);
    free(r);
}

static void create(size_t i, const char *path, int32_t flags)
{
    ck_assert(send_create(r, i, 1, ZK_OP_CREATE, path, "x", flags));
    rig_turn(r);
    ck_assert_int_eq(expect_reply(r, i, 1), ZK_OK);
}

static bool exists(const char *path)
{
    return tree_find(r->service.state.tree, jute_text(path)) != NULL;
}

START_TEST(what_was_created_can_be_read)
{
    struct reply_header head;
    struct jute_in in;
    struct get_data_response resp;

    create(0, "/a", 0);
    ck_assert(send_read(r, 1, 2, ZK_OP_GET_DATA, "/a", false));
    ck_assert(next_reply(r, 1, &head, &in));
    ck_assert_int_eq(head.err, ZK_OK);
    jute_read_get_data_response(&in, &resp);
    ck_assert(!in.bad);
    ck_assert(jute_is_text(resp.data, "x"));
    ck_assert_int_eq(resp.stat.data_length, 1);
    ck_assert_int_eq(resp.stat.czxid, head.zxid);
}
END_TEST

START_TEST(nothing_is_answered_before_it_is_durable)
{
    r->hold_log = true;
    ck_assert(send_create(r, 0, 1, ZK_OP_CREATE, "/a", "x", 0));
    rig_turn(r);
    expect_nothing(r, 0);
    ck_assert(!exists("/a"));
    rig_release(r);
    ck_assert_int_eq(expect_reply(r, 0, 1), ZK_OK);
}
END_TEST

START_TEST(a_read_waits_behind_its_own_writes_only)
{
    r->hold_log = true;
    ck_assert(send_create(r, 0, 1, ZK_OP_CREATE, "/a", "x", 0));
    ck_assert(send_read(r, 0, 2, ZK_OP_EXISTS, "/a", false));
    ck_assert(send_read(r, 1, 3, ZK_OP_EXISTS, "/a", false));
    rig_turn(r);
    expect_nothing(r, 0);
    ck_assert_int_eq(expect_reply(r, 1, 3), ZK_NO_NODE);
    rig_release(r);
    ck_assert_int_eq(expect_reply(r, 0, 1), ZK_OK);
    ck_assert_int_eq(expect_reply(r, 0, 2), ZK_OK);
}
END_TEST

START_TEST(a_write_sees_those_that_are_under_way)
{
    r->hold_log = true;
    ck_assert(send_create(r, 0, 1, ZK_OP_CREATE, "/a", "x", 0));
    ck_assert(send_create(r, 1, 2, ZK_OP_CREATE, "/a", "x", 0));
    ck_assert(send_delete(r, 1, 3, "/a", -1));
    ck_assert(send_create(r, 1, 4, ZK_OP_CREATE, "/a/b", "x", 0));
    rig_turn(r);
    rig_release(r);
    ck_assert_int_eq(expect_reply(r, 0, 1), ZK_OK);
    ck_assert_int_eq(expect_reply(r, 1, 2), ZK_NODE_EXISTS);
    ck_assert_int_eq(expect_reply(r, 1, 3), ZK_OK);
    ck_assert_int_eq(expect_reply(r, 1, 4), ZK_NO_NODE);
}
END_TEST

START_TEST(a_refused_write_takes_a_zxid)
{
    zk_zxid before = service_zxid(&r->service);

    ck_assert(send_delete(r, 0, 1, "/missing", -1));
    rig_turn(r);
    ck_assert_int_eq(expect_reply(r, 0, 1), ZK_NO_NODE);
    ck_assert_int_eq(service_zxid(&r->service), before + 1);
}
END_TEST

START_TEST(an_unreadable_write_takes_none_and_a_multi_does)
{
    zk_zxid before = service_zxid(&r->service);

    ck_assert(send_bare(r, 0, 1, ZK_OP_DELETE));
    rig_turn(r);
    ck_assert_int_eq(expect_reply(r, 0, 1), ZK_MARSHALLING_ERROR);
    ck_assert_int_eq(service_zxid(&r->service), before);
    ck_assert(send_bare(r, 0, 2, ZK_OP_MULTI));
    rig_turn(r);
    ck_assert_int_eq(expect_reply(r, 0, 2), ZK_MARSHALLING_ERROR);
    ck_assert_int_eq(service_zxid(&r->service), before + 1);
}
END_TEST

START_TEST(the_event_of_an_own_write_comes_before_its_reply)
{
    create(0, "/a", 0);
    ck_assert(send_read(r, 0, 2, ZK_OP_GET_DATA, "/a", true));
    ck_assert_int_eq(expect_reply(r, 0, 2), ZK_OK);
    ck_assert(send_set(r, 0, 3, "/a", "y", -1));
    rig_turn(r);
    expect_event(r, 0, ZK_EVENT_NODE_DATA_CHANGED, "/a");
    ck_assert_int_eq(expect_reply(r, 0, 3), ZK_OK);
}
END_TEST

START_TEST(exists_leaves_a_watch_on_a_missing_node)
{
    ck_assert(send_read(r, 1, 2, ZK_OP_EXISTS, "/a", true));
    ck_assert_int_eq(expect_reply(r, 1, 2), ZK_NO_NODE);
    create(0, "/a", 0);
    expect_event(r, 1, ZK_EVENT_NODE_CREATED, "/a");
    expect_nothing(r, 1);
}
END_TEST

START_TEST(an_unknown_opcode_is_answered_and_ends_the_connection)
{
    struct reply_header head;
    struct jute_in in;

    ck_assert(send_bare(r, 0, 7, 888));
    ck_assert(next_reply(r, 0, &head, &in));
    ck_assert_int_eq(head.xid, 7);
    ck_assert_int_eq(head.zxid, -1);
    ck_assert_int_eq(head.err, ZK_UNIMPLEMENTED);
    ck_assert(r->clients[0].finishing);
}
END_TEST

START_TEST(a_frame_without_a_header_ends_the_connection)
{
    ck_assert(!rig_frame(r, 0, "\0\0\0\1", 4));
}
END_TEST

/* ---- multi */

static void multi_create(struct bytes *b, const char *path, int32_t flags)
{
    struct multi_header head = { .type = ZK_OP_CREATE, .err = -1 };
    struct create_request req = {
        .path = jute_text(path), .data = jute_text("x"), .acl = open_acls(), .flags = flags
    };

    jute_write_multi_header(b, &head);
    jute_write_create_request(b, &req);
}

static void multi_delete(struct bytes *b, const char *path)
{
    struct multi_header head = { .type = ZK_OP_DELETE, .err = -1 };
    struct delete_request req = { .path = jute_text(path), .version = -1 };

    jute_write_multi_header(b, &head);
    jute_write_delete_request(b, &req);
}

static void multi_end(struct bytes *b)
{
    struct multi_header head = { .type = -1, .done = true, .err = -1 };

    jute_write_multi_header(b, &head);
}

START_TEST(a_multi_sees_its_own_steps)
{
    struct bytes *b = frame_begin(1, ZK_OP_MULTI);

    multi_create(b, "/a", 0);
    multi_create(b, "/a/s-", 2);
    multi_create(b, "/a/s-", 2);
    multi_delete(b, "/a/s-0000000000");
    multi_end(b);
    ck_assert(frame_send(r, 0));
    rig_turn(r);
    ck_assert_int_eq(expect_reply(r, 0, 1), ZK_OK);
    ck_assert(exists("/a/s-0000000001"));
    ck_assert(!exists("/a/s-0000000000"));
}
END_TEST

START_TEST(a_failed_multi_leaves_nothing_and_gives_numbers_back)
{
    struct reply_header head;
    struct jute_in in;
    static const int32_t errs[] = { 0, 0, ZK_NO_NODE, ZK_RUNTIME_INCONSISTENCY };

    create(0, "/a", 0);
    struct bytes *b = frame_begin(2, ZK_OP_MULTI);
    multi_create(b, "/a/s-", 2);
    multi_create(b, "/b", 0);
    multi_delete(b, "/missing");
    multi_create(b, "/c", 0);
    multi_end(b);
    ck_assert(frame_send(r, 0));
    ck_assert(send_create(r, 0, 3, ZK_OP_CREATE, "/a/s-", "x", 2));
    rig_turn(r);
    ck_assert(next_reply(r, 0, &head, &in));
    ck_assert_int_eq(head.xid, 2);
    ck_assert_int_eq(head.err, ZK_OK);
    for (size_t i = 0; i < sizeof errs / sizeof *errs; i++) {
        struct multi_header m;
        int32_t err;
        jute_read_multi_header(&in, &m);
        jute_read_i32(&in, &err);
        ck_assert_int_eq(m.type, ZK_OP_ERROR);
        ck_assert_int_eq(m.err, errs[i]);
        ck_assert_int_eq(err, errs[i]);
    }
    ck_assert_int_eq(expect_reply(r, 0, 3), ZK_OK);
    ck_assert(exists("/a/s-0000000000"));
    ck_assert(!exists("/b"));
}
END_TEST

/* ---- Sessions */

static bool reconnect(size_t i, zk_session_id id, zk_zxid seen, bool right_password,
                      struct connect_response *ret)
{
    uint8_t password[SESSION_PASSWORD_LEN];
    struct connect_request req = { .last_zxid_seen = seen, .timeout_ms = 4000, .session_id = id };
    struct bytes b = { 0 };

    session_password(password, id);
    password[0] ^= right_password ? 0 : 1;
    req.passwd = (struct jute_bytes){ .at = password, .len = sizeof password };
    if (!r->clients[i].is_open)
        rig_open(r, i);
    jute_write_connect_request(&b, &req);
    bool open = rig_frame(r, i, b.at, b.len);
    bytes_done(&b);
    if (!open)
        return false;
    rig_turn(r);
    struct jute_in in = rig_next(r, i);
    ck_assert_ptr_nonnull(in.at);
    jute_read_connect_response(&in, ret);
    ck_assert(!in.bad);
    ck_assert_uint_eq(jute_left(&in), 0); /* It did not send the readOnly byte. */
    return true;
}

START_TEST(a_session_moves_to_its_new_connection)
{
    zk_session_id id = r->clients[0].client.session_id;
    struct connect_response resp;

    create(0, "/e", ZK_CREATE_EPHEMERAL);
    ck_assert(reconnect(2, id, 0, true, &resp));
    ck_assert_int_eq(resp.session_id, id);
    ck_assert_int_eq(resp.timeout_ms, 4000);
    ck_assert(!r->clients[0].is_open);
    ck_assert(exists("/e"));
}
END_TEST

START_TEST(a_wrong_password_is_an_expired_session)
{
    struct connect_response resp;

    ck_assert(reconnect(2, r->clients[0].client.session_id, 0, false, &resp));
    ck_assert_int_eq(resp.session_id, 0);
    ck_assert_int_eq(resp.timeout_ms, 0);
    ck_assert(r->clients[2].finishing);
}
END_TEST

START_TEST(a_client_from_the_future_is_closed_without_an_answer)
{
    struct connect_response resp;

    ck_assert(!reconnect(2, 0, service_zxid(&r->service) + 1, true, &resp));
}
END_TEST

START_TEST(an_expired_session_takes_its_ephemerals_along)
{
    create(0, "/e", ZK_CREATE_EPHEMERAL);
    ck_assert(send_read(r, 1, 2, ZK_OP_EXISTS, "/e", true));
    ck_assert_int_eq(expect_reply(r, 1, 2), ZK_OK);
    for (int ms = 0; ms < 8000; ms += 1000) {
        ck_assert(send_bare(r, 1, -2, ZK_OP_PING));
        rig_sleep(r, 1000);
    }
    ck_assert(!exists("/e"));
    ck_assert(r->clients[0].finishing);
    ck_assert(r->clients[1].is_open && !r->clients[1].finishing);
    ck_assert_uint_eq(session_count(r->service.sessions), 1);
}
END_TEST

START_TEST(a_closed_session_takes_pending_ephemerals_along)
{
    create(0, "/e1", ZK_CREATE_EPHEMERAL);
    r->hold_log = true;
    ck_assert(send_create(r, 0, 2, ZK_OP_CREATE, "/e2", "x", ZK_CREATE_EPHEMERAL));
    ck_assert(send_delete(r, 0, 3, "/e1", -1));
    ck_assert(send_bare(r, 0, 4, ZK_OP_CLOSE_SESSION));
    ck_assert(send_read(r, 0, 5, ZK_OP_EXISTS, "/e2", false)); /* Not taken any more. */
    rig_turn(r);
    rig_release(r);
    ck_assert(!exists("/e1") && !exists("/e2"));
    ck_assert_int_eq(expect_reply(r, 0, 2), ZK_OK);
    ck_assert_int_eq(expect_reply(r, 0, 3), ZK_OK);
    ck_assert_int_eq(expect_reply(r, 0, 4), ZK_OK);
    expect_nothing(r, 0);
    ck_assert(r->clients[0].finishing);
}
END_TEST

START_TEST(writes_of_a_lost_connection_go_on)
{
    r->hold_log = true;
    ck_assert(send_create(r, 0, 1, ZK_OP_CREATE, "/a", "x", 0));
    ck_assert(send_read(r, 0, 2, ZK_OP_EXISTS, "/a", false));
    rig_turn(r);
    rig_close(r, 0);
    rig_release(r);
    ck_assert(exists("/a"));
    ck_assert_uint_eq(r->service.outstanding, 0);
}
END_TEST

/* ---- sync and back-pressure */

START_TEST(a_sync_waits_for_what_was_under_way)
{
    r->hold_log = true;
    ck_assert(send_create(r, 0, 1, ZK_OP_CREATE, "/a", "x", 0));
    ck_assert(send_path(r, 1, 2, ZK_OP_SYNC, "/a"));
    ck_assert(send_read(r, 1, 3, ZK_OP_EXISTS, "/a", false));
    rig_turn(r);
    expect_nothing(r, 1);
    rig_release(r);
    ck_assert_int_eq(expect_reply(r, 1, 2), ZK_OK);
    ck_assert_int_eq(expect_reply(r, 1, 3), ZK_OK);
}
END_TEST

START_TEST(a_client_that_does_not_read_is_not_read_from)
{
    static char big[800 * 1024];
    int answered = 0;

    memset(big, 'b', sizeof big - 1);
    ck_assert(send_create(r, 0, 1, ZK_OP_CREATE, "/big", big, 0));
    rig_turn(r);
    rig_drain(r, 0);
    for (int32_t xid = 1; xid <= 20; xid++)
        ck_assert(send_read(r, 1, xid, ZK_OP_GET_DATA, "/big", false));
    rig_turn(r);
    ck_assert_uint_lt(r->clients[1].client.out.len, (2 << 20) + (1 << 20));
    ck_assert(!client_can_take(&r->clients[1].client));
    rig_drain(r, 1);
    rig_turn(r);
    ck_assert(client_can_take(&r->clients[1].client));
    ck_assert(send_read(r, 1, 99, ZK_OP_GET_DATA, "/big", false));
    rig_turn(r);
    for (struct jute_in in = rig_next(r, 1); in.at != NULL; in = rig_next(r, 1))
        answered++;
    ck_assert_int_ge(answered, 1);
}
END_TEST

START_TEST(replies_keep_their_order_behind_a_read_that_waits_for_room)
{
    static char big[800 * 1024];

    memset(big, 'b', sizeof big - 1);
    ck_assert(send_create(r, 0, 1, ZK_OP_CREATE, "/big", big, 0));
    rig_turn(r);
    rig_drain(r, 0);
    r->hold_log = true;
    ck_assert(send_set(r, 1, 1, "/", "y", -1));
    for (int32_t xid = 2; xid <= 6; xid++)
        ck_assert(send_read(r, 1, xid, ZK_OP_GET_DATA, "/big", false));
    ck_assert(send_set(r, 1, 7, "/", "z", -1));
    rig_turn(r);
    r->hold_log = false;
    rig_release(r);
    for (int32_t xid = 1, tries = 0; xid <= 7 && tries < 50; tries++) {
        struct reply_header head;
        struct jute_in in;
        while (next_reply(r, 1, &head, &in))
            ck_assert_int_eq(head.xid, xid++);
        rig_drain(r, 1);
        rig_turn(r);
        if (xid > 7)
            return;
    }
    ck_abort_msg("not everything was answered");
}
END_TEST

/* The reply of a write was kept behind reads that had to wait for room; those are answered as of a
 * later txn. */
START_TEST(no_reply_tells_of_an_earlier_txn_than_the_one_before_it)
{
    static char big[800 * 1024];
    zk_zxid told = 0;
    int32_t xid = 1;

    memset(big, 'b', sizeof big - 1);
    ck_assert(send_create(r, 0, 1, ZK_OP_CREATE, "/big", big, 0));
    rig_turn(r);
    rig_drain(r, 0);
    r->hold_log = true;
    ck_assert(send_set(r, 1, 1, "/", "y", -1));
    for (int32_t i = 2; i <= 6; i++)
        ck_assert(send_read(r, 1, i, ZK_OP_GET_DATA, "/big", false));
    ck_assert(send_set(r, 1, 7, "/", "z", -1));
    rig_turn(r);
    r->hold_log = false;
    rig_release(r);
    rig_turn(r);
    ck_assert(send_set(r, 0, 2, "/", "later", -1));
    rig_turn(r);
    for (int tries = 0; xid <= 7 && tries < 50; tries++) {
        struct reply_header head;
        struct jute_in in;
        while (next_reply(r, 1, &head, &in)) {
            ck_assert_int_eq(head.xid, xid++);
            ck_assert_int_ge(head.zxid, told);
            told = head.zxid;
        }
        rig_drain(r, 1);
        rig_turn(r);
    }
    ck_assert_int_eq(xid, 8);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("service");
    TCase *tc = tcase_create("service");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, what_was_created_can_be_read);
    tcase_add_test(tc, nothing_is_answered_before_it_is_durable);
    tcase_add_test(tc, a_read_waits_behind_its_own_writes_only);
    tcase_add_test(tc, a_write_sees_those_that_are_under_way);
    tcase_add_test(tc, a_refused_write_takes_a_zxid);
    tcase_add_test(tc, an_unreadable_write_takes_none_and_a_multi_does);
    tcase_add_test(tc, the_event_of_an_own_write_comes_before_its_reply);
    tcase_add_test(tc, exists_leaves_a_watch_on_a_missing_node);
    tcase_add_test(tc, an_unknown_opcode_is_answered_and_ends_the_connection);
    tcase_add_test(tc, a_frame_without_a_header_ends_the_connection);
    tcase_add_test(tc, a_multi_sees_its_own_steps);
    tcase_add_test(tc, a_failed_multi_leaves_nothing_and_gives_numbers_back);
    tcase_add_test(tc, a_session_moves_to_its_new_connection);
    tcase_add_test(tc, a_wrong_password_is_an_expired_session);
    tcase_add_test(tc, a_client_from_the_future_is_closed_without_an_answer);
    tcase_add_test(tc, an_expired_session_takes_its_ephemerals_along);
    tcase_add_test(tc, a_closed_session_takes_pending_ephemerals_along);
    tcase_add_test(tc, writes_of_a_lost_connection_go_on);
    tcase_add_test(tc, a_sync_waits_for_what_was_under_way);
    tcase_add_test(tc, a_client_that_does_not_read_is_not_read_from);
    tcase_add_test(tc, replies_keep_their_order_behind_a_read_that_waits_for_room);
    tcase_add_test(tc, no_reply_tells_of_an_earlier_txn_than_the_one_before_it);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
