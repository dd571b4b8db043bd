/* Clients that say that their session ends, and go before it was that request's turn. */
#include "tests/unit/test_jute_hex.h"
#include "tests/unit/test_roles_lib.h"

static zk_session_id id; /* Of client 0. */

/* A closeSession that is held behind a sync, whose ticket is 1, with writes before it. */
static void send_held(void)
{
    id = session_of(0);
    ck_assert(create(0, 5, "/a"));
    ck_assert(send_path(r, 0, 6, ZK_OP_SYNC, "/"));
    ck_assert(create(0, 7, "/b"));
    ck_assert(create(0, 8, "/c"));
    ck_assert(send_bare(r, 0, 9, ZK_OP_CLOSE_SESSION));
    ck_assert(!client_can_take(client(0)));
}

static void expect_forwarded(size_t index, int32_t xid, int32_t op)
{
    ck_assert_uint_lt(index, fake()->request_count);
    ck_assert_int_eq(fake()->requests[index].session, id);
    ck_assert_int_eq(fake()->requests[index].xid, xid);
    ck_assert_int_eq(fake()->requests[index].op, op);
}

/* Once each, in the order in which they were sent. */
static void expect_all_forwarded(size_t before)
{
    ck_assert_uint_eq(fake()->request_count, before + 4);
    expect_forwarded(before, 5, ZK_OP_CREATE);
    expect_forwarded(before + 1, 7, ZK_OP_CREATE);
    expect_forwarded(before + 2, 8, ZK_OP_CREATE);
    expect_forwarded(before + 3, 9, ZK_OP_CLOSE_SESSION);
}

static bool exists(const char *path)
{
    return tree_find(r->service.state.tree, jute_text(path)) != NULL;
}

START_TEST(a_held_end_is_ordered_when_its_client_goes)
{
    size_t before = fake()->request_count;

    send_held();
    ck_assert_uint_eq(fake()->request_count, before + 1);
    leave(0);
    expect_all_forwarded(before);
    service_synced(&r->service, 1, false);
    rig_turn(r);
    ck_assert_uint_eq(fake()->request_count, before + 4);

    for (size_t n = 0; n < 4; n++)
        (void)fake_order(before + n);
    fake_learn(true);
    ck_assert(exists("/a") && exists("/b") && exists("/c"));
    ck_assert_ptr_null(session_find(r->service.sessions, id));
    ck_assert_uint_eq(r->service.expected, 0);
    ck_assert_uint_eq(r->service.outstanding, 0);
}
END_TEST

START_TEST(a_held_end_whose_turn_comes_is_ordered_once)
{
    size_t before = fake()->request_count;

    send_held();
    service_synced(&r->service, 1, false);
    (void)fake_order(before);
    fake_learn(true);
    expect_all_forwarded(before);
    leave(0);
    ck_assert_uint_eq(fake()->request_count, before + 4);
}
END_TEST

/* Its end was sent before anybody came with the same session. */
START_TEST(a_held_end_is_ordered_when_another_takes_its_session)
{
    size_t before = fake()->request_count;

    send_held();
    ck_assert(knock(2, id, 0, false));
    expect_all_forwarded(before);
    ck_assert(is_gone(0));
    ck_assert_int_eq(welcomed(2), 0);
    ck_assert(is_gone(2));
}
END_TEST

START_TEST(held_writes_without_an_end_go_with_their_client)
{
    size_t before = fake()->request_count;

    ck_assert(send_path(r, 0, 6, ZK_OP_SYNC, "/"));
    ck_assert(create(0, 7, "/b"));
    leave(0);
    service_synced(&r->service, 1, false);
    ck_assert_uint_eq(fake()->request_count, before);
}
END_TEST

START_TEST(while_nobody_leads_a_held_end_is_forgotten)
{
    size_t before = fake()->request_count;

    send_held();
    fake_pause();
    leave(0);
    ck_assert_uint_eq(fake()->request_count, before + 1);
    ck_assert_uint_eq(r->service.outstanding, 0);
}
END_TEST

/* ---- On a leader, which orders itself. */

static void setup_leader(void)
{
    setup_joined();
    fake_pause();
    fake_serve(ZAB_LEADING, false);
    rig_turn(r);
    fake()->valid = 1;
}

START_TEST(a_leader_orders_a_held_end_when_its_client_goes)
{
    id = session_of(0);
    ck_assert(send_create(r, 0, 5, ZK_OP_CREATE, "/e", "x", ZK_CREATE_EPHEMERAL));
    rig_turn(r);
    ck_assert(exists("/e"));
    send_held();
    rig_turn(r);
    ck_assert(!exists("/b"));
    leave(0);
    rig_turn(r);
    ck_assert(exists("/b") && exists("/c"));
    ck_assert(!exists("/e"));
    ck_assert_ptr_null(session_find(r->service.sessions, id));
}
END_TEST

/* Who leads refuses the writes of a session that is closing. */
START_TEST(a_session_is_not_closing_while_its_end_is_held)
{
    send_held();
    ck_assert(!client(0)->session->closing);
    rig_turn(r);
    service_synced(&r->service, 1, false);
    ck_assert(client(0)->session->closing);
    rig_turn(r);
    for (int32_t xid = 5; xid <= 9; xid++)
        ck_assert_int_eq(expect_reply(r, 0, xid), ZK_OK);
    ck_assert(is_gone(0));
}
END_TEST

START_TEST(a_session_whose_held_end_was_forgotten_can_be_taken_up)
{
    send_held();
    rig_turn(r);
    r->service.door = DOOR_HELD;
    leave(0);
    ck_assert(!session_find(r->service.sessions, id)->closing);
    r->service.door = DOOR_OPEN;
    ck_assert(knock(0, id, 0, false));
    rig_turn(r);
    ck_assert_int_eq(welcomed(0), id);
    ck_assert(!exists("/b"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("service_closing");
    TCase *joined = tcase_create("joined");
    TCase *leads = tcase_create("leads");

    tcase_add_checked_fixture(joined, setup_joined, end);
    tcase_add_test(joined, a_held_end_is_ordered_when_its_client_goes);
    tcase_add_test(joined, a_held_end_whose_turn_comes_is_ordered_once);
    tcase_add_test(joined, a_held_end_is_ordered_when_another_takes_its_session);
    tcase_add_test(joined, held_writes_without_an_end_go_with_their_client);
    tcase_add_test(joined, while_nobody_leads_a_held_end_is_forgotten);
    suite_add_tcase(s, joined);
    tcase_add_checked_fixture(leads, setup_leader, end);
    tcase_add_test(leads, a_leader_orders_a_held_end_when_its_client_goes);
    tcase_add_test(leads, a_session_is_not_closing_while_its_end_is_held);
    tcase_add_test(leads, a_session_whose_held_end_was_forgotten_can_be_taken_up);
    suite_add_tcase(s, leads);
    return test_run(s);
}
