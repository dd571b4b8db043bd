/* The service as a learner. */
#include "tests/unit/test_jute_hex.h"
#include "tests/unit/test_roles_lib.h"

/* ---- Handshakes of a learner. */

START_TEST(a_new_session_is_forwarded_and_up_with_its_txn)
{
    ck_assert(knock(0, 0, 0, false));
    rig_turn(r);
    ck_assert_uint_eq(fake()->request_count, 1);
    ck_assert_int_eq(fake()->requests[0].op, ZK_OP_CREATE_SESSION);
    ck_assert_int_eq(fake()->requests[0].timeout_ms, 4000);
    ck_assert_int_eq(fake()->requests[0].session, session_of(0));
    ck_assert_int_eq(welcomed(0), -1);
    ck_assert(!client_can_take(client(0)));
    order_last();
    ck_assert_int_eq(welcomed(0), session_of(0));
    ck_assert(client_can_take(client(0)));
}
END_TEST

START_TEST(a_known_session_waits_for_its_leaders_word)
{
    zk_session_id id = session_of(0);

    leave(0);
    ck_assert(knock(0, id, 0, false));
    ck_assert_uint_eq(fake()->asked_count, 1);
    ck_assert_int_eq(fake()->asked[0], id);
    ck_assert_int_eq(welcomed(0), -1);
    service_revalidated(&r->service, id, true);
    ck_assert_int_eq(welcomed(0), id);
    ck_assert_int_eq(client(0)->phase, CLIENT_UP);
}
END_TEST

START_TEST(a_session_that_is_over_is_told_so)
{
    ck_assert(knock(2, 77, 0, false));
    service_revalidated(&r->service, 77, false);
    ck_assert_int_eq(welcomed(2), 0);
    ck_assert(is_gone(2));
    ck_assert_ptr_null(session_find(r->service.sessions, 77));
}
END_TEST

START_TEST(of_two_that_wait_for_one_session_the_newer_gets_it)
{
    ck_assert(knock(2, 77, 0, false));
    ck_assert(knock(3, 77, 0, false));
    ck_assert(is_gone(2));
    service_revalidated(&r->service, 77, true);
    ck_assert_int_eq(welcomed(3), 77);
    service_revalidated(&r->service, 77, true);
    ck_assert_int_eq(welcomed(3), -1);
}
END_TEST

START_TEST(the_answer_for_who_has_gone_is_forgotten)
{
    ck_assert(knock(2, 77, 0, false));
    leave(2);
    service_revalidated(&r->service, 77, true);
    ck_assert_ptr_null(session_find(r->service.sessions, 77));
}
END_TEST

START_TEST(a_wrong_password_asks_nobody)
{
    struct connect_request req = { .timeout_ms = 4000,
                                   .session_id = 77,
                                   .passwd = { .at = (const uint8_t *)"0123456789abcdef",
                                               .len = SESSION_PASSWORD_LEN } };
    struct bytes frame = { 0 };

    rig_open(r, 2);
    jute_write_connect_request(&frame, &req);
    jute_write_flag(&frame, false);
    ck_assert(rig_frame(r, 2, frame.at, frame.len));
    bytes_done(&frame);
    ck_assert_int_eq(welcomed(2), 0);
    ck_assert(is_gone(2));
    ck_assert_uint_eq(fake()->asked_count, 0);
}
END_TEST

START_TEST(who_has_seen_more_than_we_have_is_sent_elsewhere)
{
    ck_assert(!knock(2, 0, service_zxid(&r->service) + 1, false));
    ck_assert(knock(3, 0, service_zxid(&r->service), false));
}
END_TEST

START_TEST(a_learner_forgets_the_session_whose_client_left)
{
    zk_session_id id = session_of(0);

    ck_assert_ptr_nonnull(session_find(r->service.sessions, id));
    leave(0);
    ck_assert_ptr_null(session_find(r->service.sessions, id));
}
END_TEST

/* ---- Writes of a learner's clients. */

START_TEST(a_write_is_forwarded_and_answered_by_its_txn)
{
    ck_assert(create(0, 5, "/a"));
    ck_assert_uint_eq(fake()->request_count, 3);
    ck_assert_int_eq(fake()->requests[2].session, session_of(0));
    ck_assert_int_eq(fake()->requests[2].xid, 5);
    (void)fake_order(2);
    fake_learn(false);
    expect_nothing(r, 0);
    fake_learn(true);
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
    expect_nothing(r, 1);
}
END_TEST

START_TEST(a_refusal_of_the_leader_is_the_reply)
{
    ck_assert(send_delete(r, 0, 5, "/missing", -1));
    order_last();
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_NO_NODE);
}
END_TEST

START_TEST(writes_of_one_client_may_come_many_at_once)
{
    ck_assert(create(0, 5, "/a"));
    ck_assert(create(0, 6, "/b"));
    ck_assert(create(1, 5, "/c"));
    (void)fake_order(2);
    (void)fake_order(4);
    (void)fake_order(3);
    fake_learn(true);
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
    ck_assert_int_eq(expect_reply(r, 0, 6), ZK_OK);
    ck_assert_int_eq(expect_reply(r, 1, 5), ZK_OK);
}
END_TEST

START_TEST(a_read_waits_behind_its_own_forwarded_write_only)
{
    ck_assert(create(0, 5, "/a"));
    ck_assert(send_read(r, 0, 6, ZK_OP_EXISTS, "/a", false));
    ck_assert(send_read(r, 1, 7, ZK_OP_EXISTS, "/a", false));
    expect_nothing(r, 0);
    ck_assert_int_eq(expect_reply(r, 1, 7), ZK_NO_NODE);
    order_last();
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
    ck_assert_int_eq(expect_reply(r, 0, 6), ZK_OK);
}
END_TEST

/* The client was at another server before, whose txn is known here when the new write is sent. */
START_TEST(a_txn_that_was_learned_before_is_no_answer)
{
    struct bytes body = { 0 };
    struct delete_request req = { .path = jute_text("/missing"), .version = -1 };

    jute_write_delete_request(&body, &req);
    (void)fake_order_other(session_of(0), 5, ZK_OP_DELETE, body.at, body.len);
    bytes_done(&body);
    fake_learn(false);
    ck_assert(create(0, 5, "/a"));
    fake_learn(true);
    expect_nothing(r, 0);
    order_last();
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
}
END_TEST

START_TEST(the_txn_of_an_older_connection_answers_no_new_write)
{
    zk_session_id id = session_of(0);

    ck_assert(create(0, 1, "/old"));
    leave(0);
    fake()->valid = 1;
    ck_assert(knock(0, id, 0, false));
    rig_drain(r, 0);
    ck_assert(create(0, 1, "/new"));
    (void)fake_order(2);
    fake_learn(true);
    expect_nothing(r, 0);
    (void)fake_order(3);
    fake_learn(true);
    ck_assert_int_eq(expect_reply(r, 0, 1), ZK_OK);
    ck_assert_ptr_nonnull(tree_find(r->service.state.tree, jute_text("/new")));
}
END_TEST

START_TEST(who_waits_for_a_txn_that_was_passed_over_is_closed)
{
    ck_assert(create(0, 5, "/a"));
    ck_assert(create(0, 6, "/b"));
    (void)fake_order(3);
    fake_learn(true);
    rig_turn(r);
    ck_assert(is_gone(0));
    ck_assert(!is_gone(1));
}
END_TEST

START_TEST(what_the_leader_could_not_read_is_answered_here)
{
    size_t before = fake()->request_count;

    ck_assert(send_bare(r, 0, 1, ZK_OP_DELETE));
    ck_assert_int_eq(expect_reply(r, 0, 1), ZK_MARSHALLING_ERROR);
    ck_assert(send_bare(r, 0, 2, ZK_OP_CREATE_TTL));
    ck_assert_int_eq(expect_reply(r, 0, 2), ZK_MARSHALLING_ERROR);
    ck_assert(send_bare(r, 0, 3, ZK_OP_RECONFIG));
    ck_assert_int_eq(expect_reply(r, 0, 3), ZK_MARSHALLING_ERROR);
    ck_assert_uint_eq(fake()->request_count, before);
}
END_TEST

/* An unreadable one takes a zxid, so its txn answers it; but not one whose ACL list is null. */
START_TEST(a_multi_is_the_leaders_to_refuse_but_for_missing_acls)
{
    size_t before = fake()->request_count;
    struct bytes *b;

    ck_assert(send_bare(r, 0, 1, ZK_OP_MULTI));
    ck_assert_uint_eq(fake()->request_count, before + 1);
    order_last();
    ck_assert_int_eq(expect_reply(r, 0, 1), ZK_MARSHALLING_ERROR);

    struct create_request req = { .path = jute_text("/a"), .acl = { .count = -1 } };
    struct multi_header tail = { .type = -1, .done = true, .err = -1 };
    b = frame_begin(2, ZK_OP_MULTI);
    jute_write_multi_header(b, &(struct multi_header){ .type = ZK_OP_CREATE, .err = -1 });
    jute_write_create_request(b, &req);
    jute_write_multi_header(b, &tail);
    ck_assert(frame_send(r, 0));
    ck_assert_int_eq(expect_reply(r, 0, 2), ZK_MARSHALLING_ERROR);
    ck_assert_uint_eq(fake()->request_count, before + 1);
}
END_TEST

START_TEST(a_moved_sessions_connection_closes_without_a_reply)
{
    ck_assert(create(0, 5, "/a"));
    (void)fake_refuse(2, ZK_SESSION_MOVED);
    fake_learn(true);
    expect_nothing(r, 0);
    rig_turn(r);
    ck_assert(is_gone(0));
}
END_TEST

START_TEST(a_session_ends_with_its_own_request)
{
    ck_assert(send_bare(r, 0, 5, ZK_OP_CLOSE_SESSION));
    ck_assert(!client_can_take(client(0)));
    order_last();
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
    ck_assert(is_gone(0));
}
END_TEST

START_TEST(a_session_that_the_leader_ends_closes_its_connection)
{
    (void)fake_order_other(session_of(0), 0, ZK_OP_CLOSE_SESSION, NULL, 0);
    fake_learn(true);
    expect_nothing(r, 0);
    ck_assert(is_gone(0));
    ck_assert(!is_gone(1));
}
END_TEST

START_TEST(a_reconfigs_reply_is_the_text_and_its_stat)
{
    struct reconfig_request req = { .joining_servers = { .len = -1 },
                                    .leaving_servers = { .len = -1 },
                                    .new_members = { .len = -1 },
                                    .cur_config_id = -1 };
    struct txn_header head = { .session_id = session_of(0), .cxid = 5, .type = ZK_OP_RECONFIG };
    struct set_data_txn txn = { .path = jute_text("/zookeeper/config"),
                                .data = jute_text("server.1=h:1:2:participant"),
                                .version = -1 };
    struct get_data_response resp;
    struct reply_header reply;
    struct bytes payload = { 0 };
    struct jute_in in;

    jute_write_reconfig_request(frame_begin(5, ZK_OP_RECONFIG), &req);
    ck_assert(frame_send(r, 0));
    head.zxid = order_last_applied(r->service.order) + 1;
    jute_write_txn_header(&payload, &head);
    jute_write_set_data_txn(&payload, &txn);
    fake_txn(head.zxid, payload.at, payload.len);
    bytes_done(&payload);
    fake_learn(true);
    ck_assert(next_reply(r, 0, &reply, &in));
    ck_assert_int_eq(reply.err, ZK_OK);
    jute_read_get_data_response(&in, &resp);
    ck_assert(!in.bad);
    ck_assert(jute_is_text(resp.data, "server.1=h:1:2:participant"));
    ck_assert_int_eq(resp.stat.version, -1);
    ck_assert_int_eq(resp.stat.mzxid, head.zxid);
}
END_TEST

/* ---- sync. */

START_TEST(a_sync_waits_for_the_leaders_answer)
{
    ck_assert(send_path(r, 0, 5, ZK_OP_SYNC, "/"));
    ck_assert(send_read(r, 0, 6, ZK_OP_EXISTS, "/", false));
    ck_assert(send_read(r, 1, 7, ZK_OP_EXISTS, "/", false));
    ck_assert_uint_eq(fake()->syncs, 1);
    expect_nothing(r, 0);
    ck_assert_int_eq(expect_reply(r, 1, 7), ZK_OK);
    service_synced(&r->service, 1, false);
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
    ck_assert_int_eq(expect_reply(r, 0, 6), ZK_OK);
}
END_TEST

START_TEST(a_ticket_answers_those_before_it_and_none_behind)
{
    ck_assert(send_path(r, 0, 5, ZK_OP_SYNC, "/"));
    ck_assert(send_path(r, 1, 5, ZK_OP_SYNC, "/"));
    service_synced(&r->service, 1, false);
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
    expect_nothing(r, 1);
}
END_TEST

START_TEST(a_sync_whose_client_left_is_forgotten)
{
    ck_assert(send_path(r, 0, 5, ZK_OP_SYNC, "/"));
    ck_assert(send_path(r, 1, 5, ZK_OP_SYNC, "/"));
    leave(0);
    service_synced(&r->service, 2, false);
    ck_assert_int_eq(expect_reply(r, 1, 5), ZK_OK);
}
END_TEST

START_TEST(an_unreadable_sync_asks_nobody)
{
    ck_assert(send_bare(r, 0, 5, ZK_OP_SYNC));
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_MARSHALLING_ERROR);
    ck_assert_uint_eq(fake()->syncs, 0);
}
END_TEST

/* ---- Who lives, and who expires. */

START_TEST(a_learner_tells_its_leader_who_lives)
{
    for (int32_t xid = 5; xid < 15; xid++)
        ck_assert(send_read(r, 0, xid, ZK_OP_EXISTS, "/", false));
    ck_assert_uint_eq(fake()->touched_count, 10);
    ck_assert_int_eq(fake()->touched, session_of(0));
    ck_assert(send_bare(r, 1, ZK_XID_PING, ZK_OP_PING));
    ck_assert_uint_eq(fake()->touched_count, 11);
    ck_assert_int_eq(fake()->touched, session_of(1));
}
END_TEST

START_TEST(a_learner_expires_nobody)
{
    ck_assert_int_eq(service_deadline(&r->service), INT64_MAX);
    rig_sleep(r, 1000000);
    ck_assert(!is_gone(0));
    ck_assert_uint_eq(fake()->request_count, 2);
}
END_TEST

START_TEST(who_led_and_learns_expires_nobody_any_more)
{
    fake_pause();
    fake_serve(ZAB_LEADING, false);
    rig_turn(r);
    fake_pause();
    fake_serve(ZAB_OBSERVING, false);
    rig_turn(r);
    ck_assert_int_eq(service_deadline(&r->service), INT64_MAX);
    rig_sleep(r, 1000000);
    ck_assert(!is_gone(0));
    ck_assert_uint_eq(fake()->request_count, 2);
}
END_TEST

START_TEST(a_new_leader_expires_whoever_is_not_heard_in_a_whole_timeout)
{
    zk_session_id far = 0x0200000000000001;
    uint8_t timeout[] = { 0, 0, 0x0f, 0xa0 };

    (void)fake_order_other(far, 0, ZK_OP_CREATE_SESSION, timeout, sizeof timeout);
    fake_learn(true);
    rig_sleep(r, 100000);
    fake_pause();
    fake_serve(ZAB_LEADING, false);
    rig_turn(r);
    ck_assert_uint_eq(session_count(r->service.sessions), 3);
    rig_sleep(r, 3900);
    ck_assert_uint_eq(session_count(r->service.sessions), 3);
    ck_assert(send_read(r, 0, 5, ZK_OP_EXISTS, "/", false));
    rig_sleep(r, 2200);
    ck_assert_uint_eq(session_count(r->service.sessions), 1);
    ck_assert(!is_gone(0));
    ck_assert(is_gone(1));
}
END_TEST

START_TEST(a_leader_tracks_the_sessions_of_its_learners)
{
    fake_pause();
    fake_serve(ZAB_LEADING, false);
    rig_turn(r);
    struct write_request req = { .session = 0x0200000000000001,
                                 .op = ZK_OP_CREATE_SESSION,
                                 .timeout_ms = 4000 };
    enum zk_err err;
    zk_zxid zxid;

    (void)order_submit(r->service.order, &req, r->service.wall_ms, &err, &zxid);
    rig_turn(r);
    ck_assert_ptr_nonnull(session_find(r->service.sessions, 0x0200000000000001));
}
END_TEST

START_TEST(only_who_leads_reaps)
{
    ck_assert(send_create(r, 0, 5, ZK_OP_CREATE_CONTAINER, "/c", "", 4));
    order_last();
    rig_sleep(r, 1000000);
    ck_assert(!service_reap(&r->service, 1, 10));
    ck_assert_uint_eq(fake()->request_count, 3);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("service_roles");
    TCase *fresh = tcase_create("fresh");
    TCase *joined = tcase_create("joined");

    tcase_add_checked_fixture(fresh, setup_learner, end);
    tcase_add_test(fresh, a_new_session_is_forwarded_and_up_with_its_txn);
    suite_add_tcase(s, fresh);

    tcase_add_checked_fixture(joined, setup_joined, end);
    tcase_add_test(joined, a_known_session_waits_for_its_leaders_word);
    tcase_add_test(joined, a_session_that_is_over_is_told_so);
    tcase_add_test(joined, of_two_that_wait_for_one_session_the_newer_gets_it);
    tcase_add_test(joined, the_answer_for_who_has_gone_is_forgotten);
    tcase_add_test(joined, a_wrong_password_asks_nobody);
    tcase_add_test(joined, who_has_seen_more_than_we_have_is_sent_elsewhere);
    tcase_add_test(joined, a_learner_forgets_the_session_whose_client_left);
    tcase_add_test(joined, a_write_is_forwarded_and_answered_by_its_txn);
    tcase_add_test(joined, a_refusal_of_the_leader_is_the_reply);
    tcase_add_test(joined, writes_of_one_client_may_come_many_at_once);
    tcase_add_test(joined, a_read_waits_behind_its_own_forwarded_write_only);
    tcase_add_test(joined, a_txn_that_was_learned_before_is_no_answer);
    tcase_add_test(joined, the_txn_of_an_older_connection_answers_no_new_write);
    tcase_add_test(joined, who_waits_for_a_txn_that_was_passed_over_is_closed);
    tcase_add_test(joined, what_the_leader_could_not_read_is_answered_here);
    tcase_add_test(joined, a_multi_is_the_leaders_to_refuse_but_for_missing_acls);
    tcase_add_test(joined, a_moved_sessions_connection_closes_without_a_reply);
    tcase_add_test(joined, a_session_ends_with_its_own_request);
    tcase_add_test(joined, a_session_that_the_leader_ends_closes_its_connection);
    tcase_add_test(joined, a_reconfigs_reply_is_the_text_and_its_stat);
    tcase_add_test(joined, a_sync_waits_for_the_leaders_answer);
    tcase_add_test(joined, a_ticket_answers_those_before_it_and_none_behind);
    tcase_add_test(joined, a_sync_whose_client_left_is_forgotten);
    tcase_add_test(joined, an_unreadable_sync_asks_nobody);
    tcase_add_test(joined, a_learner_tells_its_leader_who_lives);
    tcase_add_test(joined, a_learner_expires_nobody);
    tcase_add_test(joined, who_led_and_learns_expires_nobody_any_more);
    tcase_add_test(joined, a_new_leader_expires_whoever_is_not_heard_in_a_whole_timeout);
    tcase_add_test(joined, a_leader_tracks_the_sessions_of_its_learners);
    tcase_add_test(joined, only_who_leads_reaps);
    suite_add_tcase(s, joined);
    return test_run(s);
}
