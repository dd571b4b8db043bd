/* What one client of an ensemble is told, in the order in which it asked: no reply shows what came
 * later. */
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
    return test_run(s);
}
