/* The service through changes of the leader: none for a while, another one, itself. */
#include "tests/unit/test_jute_hex.h"
#include "tests/unit/test_roles_lib.h"

/* ---- No leader for a while. */

START_TEST(while_nobody_leads_nothing_is_read)
{
    rig_open(r, 2);
    fake_pause();
    ck_assert(!client_can_take(client(0)));
    ck_assert(!client_can_take(client(2)));
    rig_sleep(r, DOOR_HELD_MS - 10);
    ck_assert(!is_gone(0));
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    ck_assert(client_can_take(client(0)));
    ck_assert(client_can_take(client(2)));
    ck_assert(!is_gone(0));
}
END_TEST

START_TEST(when_nobody_leads_for_too_long_clients_are_closed)
{
    rig_open(r, 2);
    fake_pause();
    ck_assert_int_eq(service_deadline(&r->service), r->service.now_ms + DOOR_HELD_MS);
    rig_sleep(r, DOOR_HELD_MS);
    ck_assert(is_gone(0));
    ck_assert(is_gone(1));
    ck_assert(!is_gone(2));
    ck_assert(!knock(2, 0, 0, false));
    ck_assert(!knock(3, 0, 0, true));
    ck_assert_int_eq(service_deadline(&r->service), INT64_MAX);
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    ck_assert(knock(2, 0, 0, false));
}
END_TEST

START_TEST(before_the_first_leader_clients_wait)
{
    end();
    struct service_conf conf = roles_conf();

    begin(&conf);
    rig_open(r, 0);
    ck_assert(!client_can_take(client(0)));
    fake_serve(ZAB_OBSERVING, false);
    rig_turn(r);
    ck_assert(client_can_take(client(0)));
}
END_TEST

START_TEST(a_kept_client_goes_on_without_being_asked_for)
{
    fake_pause();
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    ck_assert(create(0, 5, "/a"));
    order_last();
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
    ck_assert_uint_eq(fake()->asked_count, 0);
}
END_TEST

START_TEST(watches_outlive_a_leader)
{
    ck_assert(send_read(r, 1, 5, ZK_OP_EXISTS, "/a", true));
    ck_assert_int_eq(expect_reply(r, 1, 5), ZK_NO_NODE);
    fake_pause();
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    ck_assert(create(0, 5, "/a"));
    order_last();
    expect_event(r, 1, ZK_EVENT_NODE_CREATED, "/a");
}
END_TEST

START_TEST(a_write_that_the_next_leader_has_is_answered)
{
    ck_assert(create(0, 5, "/a"));
    ck_assert(send_read(r, 0, 6, ZK_OP_EXISTS, "/a", false));
    (void)fake_order(2);
    fake_pause();
    fake_learn(true);
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
    expect_nothing(r, 0);
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    ck_assert(!is_gone(0));
    ck_assert_int_eq(expect_reply(r, 0, 6), ZK_OK);
}
END_TEST

/* Its leader is the same, and may still come to what it was asked. */
START_TEST(who_waits_for_a_write_whose_end_is_unknown_is_closed)
{
    ck_assert(create(0, 5, "/a"));
    ck_assert(knock(2, 0, 0, false));
    fake_pause();
    fake()->keeps_epoch = true;
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    ck_assert(is_gone(0));
    ck_assert(is_gone(2));
    ck_assert(!is_gone(1));
    ck_assert_uint_eq(r->service.expected, 0);
}
END_TEST

/* Else its writes, which come by another link, would be refused: SESSIONMOVED. */
START_TEST(a_leader_that_is_the_same_is_told_whose_sessions_are_here)
{
    size_t before = fake()->asked_count;

    fake()->valid = -1;
    fake_pause();
    fake_serve(ZAB_OBSERVING, false);
    rig_turn(r);
    ck_assert_uint_eq(fake()->asked_count, before);
    fake_pause();
    fake()->keeps_epoch = true;
    fake_serve(ZAB_OBSERVING, false);
    rig_turn(r);
    ck_assert_uint_eq(fake()->asked_count, before + 2);
    service_revalidated(&r->service, session_of(0), true);
    expect_nothing(r, 0);
    ck_assert(!is_gone(0));
    ck_assert(create(0, 5, "/a"));
    order_last();
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
}
END_TEST

/* Another leader, of the next epoch. */
static void next_leader(enum zab_role role, bool state_is_new)
{
    fake_serve(role, state_is_new);
    rig_turn(r);
}

START_TEST(what_the_last_epoch_did_not_order_the_next_leader_is_asked_for)
{
    size_t before = fake()->request_count;

    ck_assert(create(0, 5, "/a"));
    ck_assert(send_read(r, 0, 6, ZK_OP_EXISTS, "/a", false));
    ck_assert(create(0, 7, "/b"));
    fake_pause();
    next_leader(ZAB_FOLLOWING, false);
    ck_assert_uint_eq(fake()->request_count, before + 4);
    for (size_t i = 0; i < 2; i++) {
        const struct fake_request *first = &fake()->requests[before + i];
        const struct fake_request *again = &fake()->requests[before + 2 + i];

        ck_assert_int_eq(again->session, first->session);
        ck_assert_int_eq(again->xid, first->xid);
        ck_assert_int_eq(again->op, first->op);
        ck_assert_uint_eq(again->body.len, first->body.len);
        ck_assert_mem_eq(again->body.at, first->body.at, first->body.len);
    }
    expect_nothing(r, 0);
    (void)fake_order(before + 2);
    order_last();
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
    ck_assert_int_eq(expect_reply(r, 0, 6), ZK_OK);
    ck_assert_int_eq(expect_reply(r, 0, 7), ZK_OK);
    ck_assert(!is_gone(0));
    ck_assert_uint_eq(r->service.expected, 0);
}
END_TEST

/* Its txn came with the synchronisation: it is not asked for twice. */
START_TEST(what_the_last_epoch_did_order_is_not_asked_for_again)
{
    ck_assert(create(0, 5, "/a"));
    ck_assert(create(0, 6, "/b"));
    (void)fake_order(2);
    fake_pause();
    fake_learn(true);
    next_leader(ZAB_FOLLOWING, false);
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
    ck_assert_uint_eq(fake()->request_count, 5);
    ck_assert_int_eq(fake()->requests[4].xid, 6);
    order_last();
    ck_assert_int_eq(expect_reply(r, 0, 6), ZK_OK);
}
END_TEST

START_TEST(who_becomes_the_leader_orders_what_it_had_forwarded)
{
    ck_assert(create(0, 5, "/a"));
    fake_pause();
    next_leader(ZAB_LEADING, false);
    rig_turn(r);
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
    ck_assert_uint_eq(fake()->request_count, 3);
}
END_TEST

START_TEST(the_end_of_a_session_is_asked_for_again_too)
{
    zk_session_id id = session_of(0);

    ck_assert(send_bare(r, 0, 5, ZK_OP_CLOSE_SESSION));
    fake_pause();
    next_leader(ZAB_FOLLOWING, false);
    ck_assert(session_find(r->service.sessions, id)->closing);
    order_last();
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
    ck_assert(is_gone(0));
}
END_TEST

START_TEST(nothing_is_asked_for_again_when_the_state_is_another)
{
    ck_assert(create(0, 5, "/a"));
    fake_pause();
    next_leader(ZAB_FOLLOWING, true);
    ck_assert(is_gone(0));
    ck_assert_uint_eq(fake()->request_count, 3);
}
END_TEST

/* It was ordered here, and kept nowhere. */
START_TEST(what_a_leader_ordered_and_lost_has_an_unknown_end)
{
    fake_pause();
    next_leader(ZAB_LEADING, false);
    r->hold_log = true;
    ck_assert(create(0, 5, "/a"));
    rig_turn(r);
    fake_pause();
    order_drop_origins(r->service.order);
    rig_release(r);
    next_leader(ZAB_FOLLOWING, false);
    ck_assert(is_gone(0));
}
END_TEST

START_TEST(a_handshake_is_answered_by_the_synchronisation)
{
    ck_assert(knock(2, 0, 0, false));
    (void)fake_order(2);
    fake_pause();
    fake_learn(true);
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    ck_assert_int_eq(welcomed(2), session_of(2));
    ck_assert(!is_gone(2));
}
END_TEST

START_TEST(another_state_closes_everyone)
{
    rig_open(r, 2);
    ck_assert(send_read(r, 1, 5, ZK_OP_EXISTS, "/a", true));
    fake_pause();
    fake_serve(ZAB_FOLLOWING, true);
    rig_turn(r);
    ck_assert(is_gone(0));
    ck_assert(is_gone(1));
    ck_assert(!is_gone(2));
    ck_assert(watch_table_is_empty(r->service.watches));
}
END_TEST

START_TEST(whose_session_is_not_in_the_state_is_closed)
{
    fake_pause();
    ck_assert(session_book_drop(r->service.state.sessions, session_of(0)));
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    ck_assert(is_gone(0));
    ck_assert(!is_gone(1));
}
END_TEST

START_TEST(the_next_leader_is_asked_again_for_a_session)
{
    ck_assert(knock(2, 77, 0, false));
    fake_pause();
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    ck_assert(!is_gone(2));
    ck_assert_uint_eq(fake()->asked_count, 2);
    service_revalidated(&r->service, 77, true);
    ck_assert_int_eq(welcomed(2), 77);
}
END_TEST

START_TEST(who_becomes_the_leader_answers_itself)
{
    ck_assert(knock(2, 77, 0, false));
    fake_pause();
    fake()->valid = 0;
    fake_serve(ZAB_LEADING, false);
    rig_turn(r);
    ck_assert_int_eq(welcomed(2), 0);
    ck_assert_ptr_null(session_find(r->service.sessions, 77));
}
END_TEST

START_TEST(a_sync_is_asked_for_again_under_the_next_leader)
{
    ck_assert(send_path(r, 0, 5, ZK_OP_SYNC, "/"));
    service_synced(&r->service, 1, true);
    fake_pause();
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    ck_assert_uint_eq(fake()->syncs, 2);
    expect_nothing(r, 0);
    service_synced(&r->service, 2, false);
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
}
END_TEST

START_TEST(what_a_leader_had_under_way_is_answered_when_it_is_decided)
{
    fake_pause();
    fake_serve(ZAB_LEADING, false);
    rig_turn(r);
    r->hold_log = true;
    ck_assert(create(0, 5, "/a"));
    ck_assert(create(1, 5, "/b"));
    rig_turn(r);
    fake_pause();
    order_drop_origins(r->service.order);
    rig_release(r);
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    ck_assert(is_gone(0));
    ck_assert(is_gone(1));
}
END_TEST

START_TEST(a_leader_that_steps_down_answers_what_is_applied_meanwhile)
{
    fake_pause();
    fake_serve(ZAB_LEADING, false);
    rig_turn(r);
    r->hold_log = true;
    ck_assert(create(0, 5, "/a"));
    rig_turn(r);
    fake_pause();
    rig_release(r);
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    ck_assert(!is_gone(0));
}
END_TEST

START_TEST(an_old_leaders_txn_finds_nobody_in_the_place_of_who_left)
{
    fake_pause();
    fake_serve(ZAB_LEADING, false);
    rig_turn(r);
    r->hold_log = true;
    ck_assert(create(0, 5, "/a"));
    rig_turn(r);
    leave(0);
    ck_assert(send_read(r, 1, 6, ZK_OP_EXISTS, "/", false));
    ck_assert(create(1, 7, "/b"));
    rig_release(r);
    ck_assert_int_eq(expect_reply(r, 1, 6), ZK_OK);
    expect_nothing(r, 1);
}
END_TEST

START_TEST(ids_are_newer_than_those_in_the_state)
{
    zk_session_id next = r->service.next_session_id;

    session_book_put(r->service.state.sessions, next + 1000, 4000);
    session_book_put(r->service.state.sessions, 0x0200000000000001, 4000);
    session_book_put(r->service.state.sessions, 0x01ffffffffffffff, 4000);
    fake_pause();
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    ck_assert(knock(2, 0, 0, false));
    ck_assert_int_eq(session_of(2), next + 1001);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("service_leaders");
    TCase *fresh = tcase_create("fresh");
    TCase *joined = tcase_create("joined");

    tcase_add_checked_fixture(fresh, setup_learner, end);
    tcase_add_test(fresh, before_the_first_leader_clients_wait);
    suite_add_tcase(s, fresh);

    tcase_add_checked_fixture(joined, setup_joined, end);
    tcase_add_test(joined, while_nobody_leads_nothing_is_read);
    tcase_add_test(joined, when_nobody_leads_for_too_long_clients_are_closed);
    tcase_add_test(joined, a_kept_client_goes_on_without_being_asked_for);
    tcase_add_test(joined, watches_outlive_a_leader);
    tcase_add_test(joined, a_write_that_the_next_leader_has_is_answered);
    tcase_add_test(joined, who_waits_for_a_write_whose_end_is_unknown_is_closed);
    tcase_add_test(joined, a_leader_that_is_the_same_is_told_whose_sessions_are_here);
    tcase_add_test(joined, what_the_last_epoch_did_not_order_the_next_leader_is_asked_for);
    tcase_add_test(joined, what_the_last_epoch_did_order_is_not_asked_for_again);
    tcase_add_test(joined, who_becomes_the_leader_orders_what_it_had_forwarded);
    tcase_add_test(joined, the_end_of_a_session_is_asked_for_again_too);
    tcase_add_test(joined, nothing_is_asked_for_again_when_the_state_is_another);
    tcase_add_test(joined, what_a_leader_ordered_and_lost_has_an_unknown_end);
    tcase_add_test(joined, a_handshake_is_answered_by_the_synchronisation);
    tcase_add_test(joined, another_state_closes_everyone);
    tcase_add_test(joined, whose_session_is_not_in_the_state_is_closed);
    tcase_add_test(joined, the_next_leader_is_asked_again_for_a_session);
    tcase_add_test(joined, who_becomes_the_leader_answers_itself);
    tcase_add_test(joined, a_sync_is_asked_for_again_under_the_next_leader);
    tcase_add_test(joined, what_a_leader_had_under_way_is_answered_when_it_is_decided);
    tcase_add_test(joined, a_leader_that_steps_down_answers_what_is_applied_meanwhile);
    tcase_add_test(joined, an_old_leaders_txn_finds_nobody_in_the_place_of_who_left);
    tcase_add_test(joined, ids_are_newer_than_those_in_the_state);
    suite_add_tcase(s, joined);
    return test_run(s);
}
