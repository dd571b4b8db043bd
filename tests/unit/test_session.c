/* Sessions: ids, passwords, and when each expires. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "server/session/session.h"

enum { TICK = 2000 };

static struct session_table *t;

static void setup(void)
{
    t = session_table_new(TICK, 42);
}

static void teardown(void)
{
    t = session_table_free(t);
}

/* The vector of client-protocol 1.9. */
START_TEST(the_password_is_javas_random)
{
    static const uint8_t expected[SESSION_PASSWORD_LEN] = { 0x05, 0x4c, 0xc7, 0x4a, 0x37, 0x32,
                                                            0x7d, 0xb2, 0x15, 0xe7, 0x02, 0xe2,
                                                            0x0c, 0x73, 0xf0, 0x05 };
    uint8_t password[SESSION_PASSWORD_LEN];

    session_password(password, 0x0100000000000001);
    ck_assert_mem_eq(password, expected, sizeof expected);
}
END_TEST

START_TEST(the_first_id_has_the_server_on_top)
{
    uint64_t id = (uint64_t)session_first_id(5, 0x123456789a);

    ck_assert_uint_eq(id >> 56, 5);
    ck_assert_uint_eq(id & 0xffff, 0);
    ck_assert_uint_eq(id >> 16 & 0xffffffffff, 0x123456789a);
}
END_TEST

START_TEST(an_id_is_never_the_mark_of_containers)
{
    ck_assert_uint_eq((uint64_t)session_first_id(128, 0), ((uint64_t)1 << 63) + 1);
}
END_TEST

START_TEST(a_session_expires_after_its_timeout_and_within_one_tick_more)
{
    int64_t now = 12345;
    struct session *s = session_add(t, 1, 4000, now);

    int64_t at = session_next_deadline(t);
    ck_assert_int_gt(at, now + 4000);
    ck_assert_int_le(at, now + 4000 + TICK);
    ck_assert_ptr_null(session_next_expired(t, at - 1));
    ck_assert_ptr_eq(session_next_expired(t, at), s);
    ck_assert_ptr_null(session_next_expired(t, at));
}
END_TEST

START_TEST(a_touch_prolongs)
{
    struct session *s = session_add(t, 1, 4000, 0);
    int64_t first = session_next_deadline(t);

    session_touch(t, s, 3000);
    ck_assert_int_gt(session_next_deadline(t), first);
    ck_assert_ptr_null(session_next_expired(t, first));
}
END_TEST

START_TEST(a_closing_session_is_not_prolonged)
{
    struct session *s = session_add(t, 1, 4000, 0);
    int64_t at = session_next_deadline(t);

    ck_assert_ptr_eq(session_next_expired(t, at), s);
    s->closing = true;
    session_touch(t, s, at);
    ck_assert_int_eq(session_next_deadline(t), INT64_MAX);
    session_remove(t, s);
    ck_assert_ptr_null(session_find(t, 1));
}
END_TEST

START_TEST(a_shorter_timeout_takes_effect_with_the_next_touch)
{
    struct session *s = session_add(t, 1, 40000, 0);

    s->timeout_ms = 4000;
    session_touch(t, s, 1000);
    ck_assert_int_le(session_next_deadline(t), 1000 + 4000 + TICK);
}
END_TEST

START_TEST(many_sessions_are_found_and_expire_in_order_of_time)
{
    enum { COUNT = 5000 };
    int64_t last = 0;

    for (int64_t i = 1; i <= COUNT; i++)
        (void)session_add(t, i, 4000 + (int32_t)(i % 17) * 1000, i);
    ck_assert_uint_eq(session_count(t), COUNT);
    for (int64_t i = 1; i <= COUNT; i++)
        ck_assert_int_eq(session_find(t, i)->id, i);
    for (int64_t i = 0; i < COUNT; i++) {
        struct session *s = session_next_expired(t, INT64_MAX);
        ck_assert_ptr_nonnull(s);
        ck_assert_int_ge(s->expires_ms, last);
        last = s->expires_ms;
        session_remove(t, s);
    }
    ck_assert_uint_eq(session_count(t), 0);
    ck_assert_int_eq(session_next_deadline(t), INT64_MAX);
}
END_TEST

START_TEST(adding_one_that_is_there_changes_nothing)
{
    struct session *s = session_add(t, 1, 4000, 0);

    ck_assert_ptr_eq(session_add(t, 1, 9000, 5), s);
    ck_assert_int_eq(s->timeout_ms, 4000);
    ck_assert_uint_eq(session_count(t), 1);
}
END_TEST

START_TEST(an_untracked_session_expires_only_once_it_is_touched)
{
    struct session *s = session_add_untracked(t, 1, 4000);

    ck_assert_int_eq(session_next_deadline(t), INT64_MAX);
    ck_assert_ptr_null(session_next_expired(t, INT64_MAX / 2));
    session_touch(t, s, 1000);
    ck_assert_ptr_eq(session_next_expired(t, session_next_deadline(t)), s);
}
END_TEST

START_TEST(a_session_can_be_tracked_anew)
{
    struct session *s = session_add(t, 1, 4000, 1000);
    int64_t at = session_next_deadline(t);

    session_untrack(t, s);
    ck_assert_int_eq(session_next_deadline(t), INT64_MAX);
    session_untrack(t, s);
    session_touch(t, s, 1000);
    ck_assert_int_eq(session_next_deadline(t), at);
    ck_assert_ptr_eq(session_next_expired(t, at), s);
    session_touch(t, s, 1000);
    ck_assert_ptr_eq(session_next_expired(t, at), s);
}
END_TEST

/* ---- Timeouts of any length. */

struct listing {
    size_t buckets, members;
    int64_t last_ms;
    zk_session_id ids[8];
};

static void list_bucket(void *ctx, int64_t expires_ms, size_t count)
{
    struct listing *l = ctx;

    ck_assert_int_gt(expires_ms, l->last_ms);
    ck_assert_uint_gt(count, 0);
    l->last_ms = expires_ms;
    l->buckets++;
}

static void list_member(void *ctx, const struct session *s)
{
    struct listing *l = ctx;

    ck_assert_int_eq(s->expires_ms, l->last_ms);
    if (l->members < sizeof l->ids / sizeof l->ids[0])
        l->ids[l->members] = s->id;
    l->members++;
}

static struct listing list_all(void)
{
    struct listing l = { 0 };

    session_each_bucket(t, SESSIONS_ALL, list_bucket, list_member, &l);
    return l;
}

/* A client may have any timeout that it asks for: distinct ones must not make what everybody's
 * touches and the server's own look at the buckets dear. */
START_TEST(however_many_timeouts_there_are_the_buckets_are_few)
{
    enum { COUNT = 200000, STEP = INT32_MAX / COUNT };
    enum { BUCKETS_MAX = 20000 };
    static const int64_t ticks[] = { 1, 7, TICK };
    int64_t now = 1234567, early = 0, too_late = 0;

    (void)session_table_free(t);
    t = session_table_new(ticks[_i], 42);
    for (int32_t i = 0; i < COUNT; i++) {
        int32_t timeout = INT32_MAX - (COUNT - 1 - i) * STEP;
        int64_t late = session_add(t, i + 1, timeout, now)->expires_ms - (now + timeout);

        early += late <= 0;
        too_late += late > ticks[_i] && late > timeout / 512;
    }
    ck_assert_int_eq(early, 0);
    ck_assert_int_eq(too_late, 0);
    struct listing l = list_all();
    ck_assert_uint_eq(l.members, COUNT);
    ck_assert_uint_le(l.buckets, BUCKETS_MAX);
}
END_TEST

START_TEST(a_timeout_of_a_thousand_ticks_is_as_exact_as_a_short_one)
{
    int32_t timeout = 1024 * TICK + TICK - 1;
    const struct session *s = session_add(t, 1, timeout, 0);

    ck_assert_int_eq(s->expires_ms, 1025 * TICK);
    s = session_add(t, 2, timeout + 1, 0);
    ck_assert_int_eq(s->expires_ms, 1026 * TICK);
    s = session_add(t, 3, timeout + 1, TICK);
    ck_assert_int_eq(s->expires_ms, 1028 * TICK);
}
END_TEST

START_TEST(a_negative_timeout_is_over_at_once)
{
    static const int32_t timeouts[] = { -1, -TICK, -10 * TICK, INT32_MIN };
    struct session *s = session_add(t, 1, timeouts[_i], TICK + 1);

    ck_assert(session_is_tracked(s));
    ck_assert_int_eq(session_next_deadline(t), 2 * TICK);
    session_touch(t, s, 3 * TICK);
    ck_assert_int_eq(session_next_deadline(t), 4 * TICK);
    ck_assert_ptr_eq(session_next_expired(t, 4 * TICK), s);
    ck_assert(!session_is_tracked(s));
    session_remove(t, s);
    ck_assert_int_eq(session_next_deadline(t), INT64_MAX);
}
END_TEST

START_TEST(buckets_are_in_order_of_time_and_members_of_arrival)
{
    static const int32_t timeouts[] = { 30000, 4000, INT32_MAX, 30000, 4000, 90000 };
    static const zk_session_id before[] = { 2, 5, 1, 4, 6, 3 };
    static const zk_session_id behind[] = { 5, 4, 1, 6, 3 };

    for (int64_t i = 0; i < 6; i++)
        (void)session_add(t, i + 1, timeouts[i], 0);
    struct listing l = list_all();
    ck_assert_uint_eq(l.buckets, 4);
    ck_assert_mem_eq(l.ids, before, sizeof before);
    session_remove(t, session_find(t, 2));
    session_touch(t, session_find(t, 1), TICK); /* From among others to a new one... */
    l = list_all();
    ck_assert_uint_eq(l.buckets, 5);
    ck_assert_mem_eq(l.ids, behind, sizeof behind);
    session_touch(t, session_find(t, 4), TICK); /* ...and, as the last of its own, behind it. */
    l = list_all();
    ck_assert_uint_eq(l.buckets, 4);
    ck_assert_uint_eq(l.members, 5);
    ck_assert_int_eq(l.ids[1], 1);
    ck_assert_int_eq(l.ids[2], 4);
}
END_TEST

static void remove_even(void *ctx, struct session *s)
{
    size_t *seen = ctx;

    (*seen)++;
    if (s->id % 2 == 0)
        session_remove(t, s);
}

START_TEST(whoever_looks_at_each_session_may_remove_it)
{
    size_t seen = 0;

    for (zk_session_id id = 1; id <= 1000; id++)
        (void)session_add(t, id, 4000, 1000);
    session_each(t, remove_even, &seen);
    ck_assert_uint_eq(seen, 1000);
    ck_assert_uint_eq(session_count(t), 500);
    ck_assert_ptr_null(session_find(t, 2));
    ck_assert_ptr_nonnull(session_find(t, 3));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("session");
    TCase *tc = tcase_create("sessions");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_password_is_javas_random);
    tcase_add_test(tc, the_first_id_has_the_server_on_top);
    tcase_add_test(tc, an_id_is_never_the_mark_of_containers);
    tcase_add_test(tc, a_session_expires_after_its_timeout_and_within_one_tick_more);
    tcase_add_test(tc, a_touch_prolongs);
    tcase_add_test(tc, a_closing_session_is_not_prolonged);
    tcase_add_test(tc, a_shorter_timeout_takes_effect_with_the_next_touch);
    tcase_add_test(tc, many_sessions_are_found_and_expire_in_order_of_time);
    tcase_add_test(tc, adding_one_that_is_there_changes_nothing);
    tcase_add_test(tc, an_untracked_session_expires_only_once_it_is_touched);
    tcase_add_test(tc, a_session_can_be_tracked_anew);
    tcase_add_loop_test(tc, however_many_timeouts_there_are_the_buckets_are_few, 0, 3);
    tcase_add_test(tc, a_timeout_of_a_thousand_ticks_is_as_exact_as_a_short_one);
    tcase_add_loop_test(tc, a_negative_timeout_is_over_at_once, 0, 4);
    tcase_add_test(tc, buckets_are_in_order_of_time_and_members_of_arrival);
    tcase_add_test(tc, whoever_looks_at_each_session_may_remove_it);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
