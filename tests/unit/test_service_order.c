/* What one client of an ensemble is told, and when: no reply shows what came later, and no leader
 * tells of an end before it is sure. */
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
    suite_add_tcase(s, joined);
    tcase_add_checked_fixture(asks, setup_reads_that_ask, end);
    tcase_add_test(asks, a_read_that_asks_does_not_show_a_later_write);
    suite_add_tcase(s, asks);
    TCase *leads = tcase_create("leads");
    tcase_add_checked_fixture(leads, lead, end);
    tcase_add_test(leads, a_leader_waits_for_the_word_that_a_session_is_over);
    tcase_add_test(leads, who_goes_meanwhile_leaves_nothing_at_the_leader);
    tcase_add_test(leads, a_session_that_ends_is_not_called_over_by_a_leader_that_may_be_left);
    suite_add_tcase(s, leads);
    return test_run(s);
}
