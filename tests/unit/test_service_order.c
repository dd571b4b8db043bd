/* What one client of an ensemble is told, and when: no reply shows what came later, and no leader
 * tells of an end before it is sure. */
#include <errno.h>

#include "tests/unit/test_jute_hex.h"
#include "tests/unit/test_roles_lib.h"

static void setup_reads_that_ask(void)
{
    struct service_conf conf = roles_conf();

    conf.linearizable_reads = true;
    begin(&conf);
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    join(0);
    join(1);
}

START_TEST(a_read_behind_a_sync_does_not_show_a_later_write)
{
    size_t before = fake()->request_count;

    ck_assert(send_path(r, 0, 5, ZK_OP_SYNC, "/"));
    ck_assert(send_read(r, 0, 6, ZK_OP_EXISTS, "/a", false));
    ck_assert(create(0, 7, "/a"));
    ck_assert_uint_eq(fake()->request_count, before);
    service_synced(&r->service, 1, false);
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
    ck_assert_int_eq(expect_reply(r, 0, 6), ZK_NO_NODE);
    ck_assert_uint_eq(fake()->request_count, before + 1);
    order_last();
    ck_assert_int_eq(expect_reply(r, 0, 7), ZK_OK);
}
END_TEST

START_TEST(a_read_that_asks_does_not_show_a_later_write)
{
    size_t before = fake()->request_count;

    ck_assert(send_read(r, 0, 5, ZK_OP_EXISTS, "/a", false));
    ck_assert(create(0, 6, "/a"));
    ck_assert(create(0, 7, "/b"));
    ck_assert_uint_eq(fake()->request_count, before);
    service_synced(&r->service, 1, false);
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_NO_NODE);
    ck_assert_uint_eq(fake()->request_count, before + 2);
    (void)fake_order(before);
    order_last();
    ck_assert_int_eq(expect_reply(r, 0, 6), ZK_OK);
    ck_assert_int_eq(expect_reply(r, 0, 7), ZK_OK);
}
END_TEST

/* Both writes are applied before anything is answered; the read between them would show the
 * second one. */
START_TEST(a_read_that_a_later_write_overtook_is_not_answered)
{
    size_t before = fake()->request_count;

    ck_assert(create(0, 5, "/a"));
    ck_assert(send_read(r, 0, 6, ZK_OP_EXISTS, "/b", false));
    ck_assert(create(0, 7, "/b"));
    (void)fake_order(before);
    (void)fake_order(before + 1);
    fake_pause();
    fake_learn(true);
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    ck_assert(is_gone(0));
    expect_nothing(r, 0);
}
END_TEST

/* ---- Reads whose replies may have to wait for room. */

static const char *text_of(char *at, size_t len)
{
    memset(at, 'x', len);
    at[len] = '\0';
    return at;
}

static void expect_data(int32_t xid, int32_t len)
{
    struct reply_header head;
    struct jute_in in;
    struct get_data_response resp;

    ck_assert(next_reply(r, 0, &head, &in));
    ck_assert_int_eq(head.xid, xid);
    ck_assert_int_eq(head.err, ZK_OK);
    jute_read_get_data_response(&in, &resp);
    ck_assert_int_eq(resp.data.len, len);
}

/* So many bytes are written, read, and overwritten, all of it sent before the first answer. */
static void write_read_write(size_t len)
{
    static char text[LARGE_REPLY_BYTES + 2];

    ck_assert(send_create(r, 0, 5, ZK_OP_CREATE, "/a", text_of(text, len), 0));
    ck_assert(send_read(r, 0, 6, ZK_OP_GET_DATA, "/a", false));
    ck_assert(send_set(r, 0, 7, "/a", "", -1));
}

START_TEST(a_write_waits_for_a_large_reply_before_it)
{
    size_t before = fake()->request_count;

    write_read_write(LARGE_REPLY_BYTES + 1);
    ck_assert_uint_eq(fake()->request_count, before + 1);
    r->service.turn_large_bytes = TURN_LARGE_BYTES; /* This turn is used up. */
    order_last();
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
    expect_nothing(r, 0);
    ck_assert_uint_eq(fake()->request_count, before + 1);
    rig_turn(r);
    rig_turn(r);
    expect_data(6, LARGE_REPLY_BYTES + 1);
    ck_assert_uint_eq(fake()->request_count, before + 2);
    order_last();
    ck_assert_int_eq(expect_reply(r, 0, 7), ZK_OK);
}
END_TEST

START_TEST(a_write_waits_for_no_small_reply)
{
    size_t before = fake()->request_count;

    write_read_write(100);
    ck_assert_uint_eq(fake()->request_count, before + 2);
    (void)fake_order(before);
    order_last();
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
    expect_data(6, 100);
    ck_assert_int_eq(expect_reply(r, 0, 7), ZK_OK);
}
END_TEST

/* Somebody else has made it large meanwhile. */
START_TEST(a_read_that_waits_for_room_is_not_answered_after_a_later_write)
{
    static char text[LARGE_REPLY_BYTES + 2];
    size_t before;

    ck_assert(create(0, 1, "/a"));
    order_last();
    rig_drain(r, 0);
    before = fake()->request_count;
    ck_assert(send_set(r, 1, 5, "/a", text_of(text, LARGE_REPLY_BYTES + 1), -1));
    ck_assert(create(0, 6, "/b"));
    ck_assert(send_read(r, 0, 7, ZK_OP_GET_DATA, "/a", false));
    ck_assert(create(0, 8, "/c"));
    r->service.turn_large_bytes = TURN_LARGE_BYTES;
    for (size_t i = 0; i < 3; i++)
        (void)fake_order(before + i);
    fake_learn(true);
    ck_assert_uint_eq(fake()->request_count, before + 3);
    ck_assert_int_eq(expect_reply(r, 0, 6), ZK_OK);
    expect_nothing(r, 0);
    rig_turn(r);
    ck_assert(is_gone(0));
}
END_TEST

/* ---- Requests that wait behind a write. */

static int32_t send_while_taken(int32_t from, int32_t upto)
{
    int32_t sent = from;

    for (; sent < upto && client_can_take(client(0)); sent++)
        ck_assert(send_bare(r, 0, -11 - sent, ZK_OP_DELETE));
    return sent;
}

static void expect_refusals(int32_t from, int32_t upto)
{
    for (int32_t i = from; i < upto; i++)
        ck_assert_int_eq(expect_reply(r, 0, -11 - i), ZK_MARSHALLING_ERROR);
    expect_nothing(r, 0);
    rig_drain(r, 0);
}

/* Without a body, and with an xid that does not count as outstanding. */
START_TEST(the_smallest_of_requests_are_not_taken_without_end)
{
    enum { FRAMES = 200000 };

    ck_assert(create(0, -10, "/a"));
    int32_t sent = send_while_taken(0, FRAMES);
    ck_assert_int_ge(sent, (int32_t)r->service.conf.global_outstanding_max);
    ck_assert_int_le(sent, CLIENT_PENDING_BYTES_MAX / 100);
    expect_nothing(r, 0);
    rig_turn(r);
    ck_assert(!list_is_empty(&client(0)->blocked));

    order_last();
    ck_assert_int_eq(expect_reply(r, 0, -10), ZK_OK);
    expect_refusals(0, sent);
    ck_assert_uint_eq(client(0)->pending_bytes, 0);
    rig_turn(r);
    ck_assert(list_is_empty(&client(0)->blocked));
    while (sent < FRAMES) {
        int32_t before = sent;
        sent = send_while_taken(sent, sent + 1000);
        ck_assert_int_eq(sent, before + 1000);
        expect_refusals(before, sent);
    }
}
END_TEST

/* ---- Sessions of which the leader says nothing yet (fake()->valid: -1). */

static void lead(void)
{
    setup_joined();
    fake_pause();
    fake_serve(ZAB_LEADING, false);
    rig_turn(r);
    fake()->valid = -1;
}

START_TEST(a_leader_waits_for_the_word_that_a_session_is_over)
{
    size_t before = session_count(r->service.sessions);

    ck_assert(knock(2, 77, 0, false));
    expect_nothing(r, 2);
    ck_assert_int_eq(client(2)->phase, CLIENT_CONNECTING);
    service_revalidated(&r->service, 77, false);
    ck_assert_int_eq(welcomed(2), 0);
    ck_assert(is_gone(2));
    ck_assert_ptr_null(session_find(r->service.sessions, 77));
    ck_assert_uint_eq(session_count(r->service.sessions), before);
}
END_TEST

/* It may live: what its client hears is the end of a connection, not of the session. */
START_TEST(of_a_session_that_nobody_can_be_asked_for_nothing_is_said)
{
    size_t before = session_count(r->service.sessions);

    fake()->valid = -EBUSY;
    (void)knock(2, 77, 0, false);
    ck_assert_int_eq(welcomed(2), -1);
    ck_assert(is_gone(2));
    ck_assert_uint_eq(session_count(r->service.sessions), before);
    /* It waited for one leader, and the next can't ask either. */
    fake()->valid = -1;
    ck_assert(knock(3, 78, 0, false));
    fake_pause();
    fake()->valid = -EBUSY;
    fake_serve(ZAB_LEADING, false);
    rig_turn(r);
    ck_assert_int_eq(welcomed(3), -1);
    ck_assert(is_gone(3));
    ck_assert_uint_eq(session_count(r->service.sessions), before);
}
END_TEST

START_TEST(who_goes_meanwhile_leaves_nothing_at_the_leader)
{
    ck_assert(knock(2, 77, 0, false));
    rig_close(r, 2);
    ck_assert_ptr_null(session_find(r->service.sessions, 77));
    service_revalidated(&r->service, 77, false);
}
END_TEST

START_TEST(a_session_that_ends_is_not_called_over_by_a_leader_that_may_be_left)
{
    struct session *session = client(0)->session;
    zk_session_id id = session->id;

    session->closing = true;
    leave(0);
    ck_assert(knock(2, id, 0, false));
    expect_nothing(r, 2);
    ck_assert_int_eq(client(2)->phase, CLIENT_CONNECTING);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("service_order");
    TCase *joined = tcase_create("joined");
    TCase *asks = tcase_create("asks");

    tcase_add_checked_fixture(joined, setup_joined, end);
    tcase_add_test(joined, a_read_behind_a_sync_does_not_show_a_later_write);
    tcase_add_test(joined, a_read_that_a_later_write_overtook_is_not_answered);
    tcase_add_test(joined, a_write_waits_for_a_large_reply_before_it);
    tcase_add_test(joined, a_write_waits_for_no_small_reply);
    tcase_add_test(joined, a_read_that_waits_for_room_is_not_answered_after_a_later_write);
    tcase_add_test(joined, the_smallest_of_requests_are_not_taken_without_end);
    suite_add_tcase(s, joined);
    tcase_add_checked_fixture(asks, setup_reads_that_ask, end);
    tcase_add_test(asks, a_read_that_asks_does_not_show_a_later_write);
    suite_add_tcase(s, asks);
    TCase *leads = tcase_create("leads");
    tcase_add_checked_fixture(leads, lead, end);
    tcase_add_test(leads, a_leader_waits_for_the_word_that_a_session_is_over);
    tcase_add_test(leads, who_goes_meanwhile_leaves_nothing_at_the_leader);
    tcase_add_test(leads, of_a_session_that_nobody_can_be_asked_for_nothing_is_said);
    tcase_add_test(leads, a_session_that_ends_is_not_called_over_by_a_leader_that_may_be_left);
    suite_add_tcase(s, leads);
    return test_run(s);
}
