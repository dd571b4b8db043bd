/* server/net, the parts without sockets: addresses, counts by address, the wheel of idle
 * connections, room for input. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "server/net/address.h"
#include "server/net/idle.h"
#include "server/net/ingress.h"
#include "server/net/ip_count.h"
#include "server/net/sockets.h"
#include "util/rand.h"

static struct address address(const char *ip, uint16_t port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

    if (inet_pton(AF_INET, ip, &in.sin_addr) == 1)
        return address_of((const struct sockaddr *)(const void *)&in);
    ck_assert_int_eq(inet_pton(AF_INET6, ip, &in6.sin6_addr), 1);
    return address_of((const struct sockaddr *)(const void *)&in6);
}

/* ---- Addresses. */

START_TEST(addresses_are_printed_as_java_does)
{
    static const char *const cases[][2] = {
        { "127.0.0.1", "127.0.0.1:2181" },
        { "255.255.255.255", "255.255.255.255:2181" },
        { "::1", "[0:0:0:0:0:0:0:1]:2181" },
        { "2001:db8::abcd", "[2001:db8:0:0:0:0:0:abcd]:2181" },
        { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
          "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:2181" },
        { "::ffff:10.0.0.1", "10.0.0.1:2181" },
    };
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address a = address(cases[i][0], 2181);

        ck_assert_uint_eq(address_print(text, &a), strlen(cases[i][1]));
        ck_assert_str_eq(text, cases[i][1]);
    }
}
END_TEST

START_TEST(ipv4_addresses_of_a_name_come_first)
{
    static const char *const listed[] = { "::1", "127.0.0.1", "::2", "127.0.0.2" };
    static const char *const expected[] = { "127.0.0.1:0", "127.0.0.2:0", "[0:0:0:0:0:0:0:1]:0",
                                            "[0:0:0:0:0:0:0:2]:0" };
    enum { COUNT = 4 };
    char text[ADDRESS_TEXT_MAX];
    struct sockaddr_storage addresses[COUNT] = { 0 };
    struct sockaddr_storage got[COUNT];
    struct addrinfo list[COUNT] = { 0 };

    for (size_t i = 0; i < COUNT; i++) {
        struct sockaddr_in *in = (struct sockaddr_in *)(void *)&addresses[i];
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&addresses[i];
        bool is_v6 = inet_pton(AF_INET6, listed[i], &in6->sin6_addr) == 1;

        addresses[i].ss_family = is_v6 ? AF_INET6 : AF_INET;
        if (!is_v6)
            ck_assert_int_eq(inet_pton(AF_INET, listed[i], &in->sin_addr), 1);
        list[i] = (struct addrinfo){
            .ai_family = addresses[i].ss_family,
            .ai_addr = (struct sockaddr *)(void *)&addresses[i],
            .ai_addrlen = is_v6 ? sizeof *in6 : sizeof *in,
            .ai_next = i + 1 < COUNT ? &list[i + 1] : NULL,
        };
    }
    ck_assert_uint_eq(socket_addresses(got, COUNT, list), COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        struct address a = address_of((const struct sockaddr *)(const void *)&got[i]);

        (void)address_print(text, &a);
        ck_assert_str_eq(text, expected[i]);
    }
    ck_assert_uint_eq(socket_addresses(got, 1, list), 1);
    ck_assert_int_eq(got[0].ss_family, AF_INET);
    ck_assert_uint_eq(socket_addresses(got, COUNT, NULL), 0);
}
END_TEST

/* ---- Counts. */

START_TEST(a_mapped_address_counts_with_its_plain_form)
{
    struct ip_count *t = ip_count_new(1);
    struct address plain = address("10.0.0.1", 1);
    struct address mapped = address("::ffff:10.0.0.1", 2);
    struct address other = address("::10.0.0.1", 2);

    ip_count_add(t, &plain);
    ip_count_add(t, &mapped);
    ck_assert_uint_eq(ip_count_of(t, &plain), 2);
    ck_assert_uint_eq(ip_count_of(t, &other), 0);
    (void)ip_count_free(t);
}
END_TEST

/* Against plain numbers, with a table that grows, shrinks and has gaps closed. */
START_TEST(counts_stay_right_over_many_changes)
{
    enum { ADDRESSES = 2000, CHANGES = 200000 };
    static uint32_t counts[ADDRESSES];
    struct ip_count *t = ip_count_new(2);
    struct rand_state rand;

    rand_seed(&rand, 3);
    for (int i = 0; i < CHANGES; i++) {
        /* Long phases in which most only come or only go. */
        bool grows = i / 20000 % 2 == 0;
        uint64_t k = rand_below(&rand, ADDRESSES);
        struct address a = { .ip = { (uint8_t)(k >> 8), (uint8_t)k, 7 } };

        if (counts[k] > 0 && rand_below(&rand, 10) >= (grows ? 7u : 2u)) {
            ip_count_drop(t, &a);
            counts[k]--;
        } else if (grows || rand_below(&rand, 10) == 0) {
            ip_count_add(t, &a);
            counts[k]++;
        }
        k = rand_below(&rand, ADDRESSES);
        a = (struct address){ .ip = { (uint8_t)(k >> 8), (uint8_t)k, 7 } };
        ck_assert_uint_eq(ip_count_of(t, &a), counts[k]);
    }
    for (size_t k = 0; k < ADDRESSES; k++) {
        struct address a = { .ip = { (uint8_t)(k >> 8), (uint8_t)k, 7 } };

        ck_assert_uint_eq(ip_count_of(t, &a), counts[k]);
        while (counts[k]-- > 0)
            ip_count_drop(t, &a);
        ck_assert_uint_eq(ip_count_of(t, &a), 0);
    }
    (void)ip_count_free(t);
}
END_TEST

/* ---- The wheel. */

START_TEST(times_are_rounded_up_beyond_themselves)
{
    struct idle w;

    idle_init(&w, 10000, 123456);
    ck_assert_int_eq(idle_round(&w, 123456), 130000);
    ck_assert_int_eq(idle_round(&w, 129999), 130000);
    ck_assert_int_eq(idle_round(&w, 130000), 140000);
}
END_TEST

START_TEST(entries_come_when_they_are_due)
{
    struct idle w;
    struct idle_entry a = { 0 };
    struct idle_entry b = { 0 };

    idle_init(&w, 10, 1000);
    ck_assert_int_eq(idle_deadline(&w), INT64_MAX);
    idle_put(&w, &a, 1050, 1000);
    idle_put(&w, &b, 1020, 1000);
    ck_assert_int_eq(idle_deadline(&w), 1020);
    ck_assert_ptr_null(idle_next(&w, 1019));
    ck_assert_ptr_eq(idle_next(&w, 1020), &b);
    ck_assert_ptr_null(idle_next(&w, 1049));
    ck_assert_int_eq(idle_deadline(&w), 1050);
    idle_put(&w, &a, 1070, 1049);
    ck_assert_int_eq(idle_deadline(&w), 1070);
    ck_assert_ptr_null(idle_next(&w, 1069));
    ck_assert_ptr_eq(idle_next(&w, 2000), &a);
    ck_assert_int_eq(idle_deadline(&w), INT64_MAX);
}
END_TEST

START_TEST(a_far_time_is_looked_at_before_and_put_again)
{
    struct idle w;
    struct idle_entry a = { 0 };
    int looks = 0;
    int64_t now = 0;

    idle_init(&w, 10, 0);
    idle_put(&w, &a, 5000, 0);
    while (now < 5000) {
        now = idle_deadline(&w);
        ck_assert_int_le(now, 5000);
        ck_assert_ptr_eq(idle_next(&w, now), &a);
        idle_put(&w, &a, 5000, now);
        looks++;
    }
    ck_assert_int_le(looks, 5000 / 10 / (IDLE_BUCKETS - 1) + 1);
    idle_drop(&w, &a);
    idle_drop(&w, &a);
    ck_assert_int_eq(idle_deadline(&w), INT64_MAX);
}
END_TEST

START_TEST(an_empty_wheel_catches_up_with_the_clock)
{
    struct idle w;
    struct idle_entry a = { 0 };

    idle_init(&w, 10, 0);
    idle_put(&w, &a, 100020, 100000);
    ck_assert_int_eq(idle_deadline(&w), 100020);
    ck_assert_ptr_null(idle_next(&w, 100019));
    ck_assert_ptr_eq(idle_next(&w, 100020), &a);
}
END_TEST

/* ---- Room for input. */

enum { FRAME_MAX = 1 << 20, POOL = 8 << 20, READ_MAX = 256 << 10 };

static struct ingress_part parts[2000];

static void init(struct ingress *in)
{
    ingress_init(in, POOL, FRAME_MAX);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        ingress_part_init(&parts[i]);
}

START_TEST(a_small_frame_never_waits)
{
    struct ingress in;

    init(&in);
    for (int i = 0; i < 8; i++)
        ck_assert(ingress_reserve(&in, &parts[i], FRAME_MAX, 0));
    ck_assert(!ingress_reserve(&in, &parts[8], FRAME_MAX, 0));
    ck_assert(ingress_reserve(&in, &parts[9], INGRESS_FREE_BYTES, 0));
    ck_assert_uint_eq(parts[9].charged, 0);
    ck_assert_uint_eq(in.used, POOL);
}
END_TEST

START_TEST(reads_are_short_when_a_largest_frame_would_not_fit)
{
    struct ingress in;

    init(&in);
    ck_assert_uint_eq(ingress_read_max(&in, READ_MAX), READ_MAX);
    for (int i = 0; i < 7; i++)
        ck_assert(ingress_reserve(&in, &parts[i], FRAME_MAX, 0));
    ck_assert_uint_eq(ingress_read_max(&in, READ_MAX), INGRESS_FREE_BYTES);
    ingress_release(&in, &parts[0]);
    ck_assert_uint_eq(ingress_read_max(&in, READ_MAX), READ_MAX);
}
END_TEST

START_TEST(who_waits_is_served_in_order)
{
    struct ingress in;

    init(&in);
    for (int i = 0; i < 10; i++)
        ck_assert(ingress_reserve(&in, &parts[i], FRAME_MAX, 0) == (i < 8));
    /* One who fits does not pass those who came before. */
    ck_assert(!ingress_reserve(&in, &parts[10], INGRESS_FREE_BYTES + 1, 0));
    ck_assert_ptr_null(ingress_next(&in, 0));
    ingress_release(&in, &parts[3]);
    ck_assert_ptr_eq(ingress_next(&in, 1), &parts[8]);
    ck_assert_ptr_null(ingress_next(&in, 1));
    ingress_release(&in, &parts[9]); /* Gives up. */
    ck_assert_ptr_null(ingress_next(&in, 1));
    ingress_release(&in, &parts[4]);
    ck_assert_ptr_eq(ingress_next(&in, 1), &parts[10]);
    ck_assert_int_eq(ingress_deadline(&in), INT64_MAX);
}
END_TEST

START_TEST(nobody_is_hurried_while_nobody_waits)
{
    struct ingress in;

    init(&in);
    for (int i = 0; i < 8; i++)
        ck_assert(ingress_reserve(&in, &parts[i], FRAME_MAX, 0));
    ck_assert_int_eq(ingress_deadline(&in), INT64_MAX);
    ck_assert_ptr_null(ingress_next_stalled(&in, 1000000));
}
END_TEST

START_TEST(the_longest_silent_goes_first_and_only_as_many_as_needed)
{
    struct ingress in;
    struct ingress_part *stalled;

    init(&in);
    for (int i = 0; i < 8; i++)
        ck_assert(ingress_reserve(&in, &parts[i], FRAME_MAX, i));
    ingress_progress(&in, &parts[0], INGRESS_STEP_BYTES, 10);
    ingress_progress(&in, &parts[1], INGRESS_STEP_BYTES - 1, 10); /* Not enough to count. */
    ck_assert(!ingress_reserve(&in, &parts[8], FRAME_MAX, 20));
    ck_assert_ptr_null(ingress_next_stalled(&in, 20));
    ck_assert_int_eq(ingress_deadline(&in), 1 + INGRESS_PATIENCE_MS);
    stalled = ingress_next_stalled(&in, 1 + INGRESS_PATIENCE_MS);
    ck_assert_ptr_eq(stalled, &parts[1]);
    ingress_release(&in, stalled);
    ck_assert_ptr_eq(ingress_next(&in, 300), &parts[8]);
    ck_assert_ptr_null(ingress_next_stalled(&in, 100000));
    ck_assert_uint_eq(in.closed, 1);
}
END_TEST

START_TEST(who_brings_bytes_is_left_alone)
{
    struct ingress in;

    init(&in);
    for (int i = 0; i < 8; i++)
        ck_assert(ingress_reserve(&in, &parts[i], FRAME_MAX, 0));
    ck_assert(!ingress_reserve(&in, &parts[8], FRAME_MAX, 0));
    for (int64_t now = 0; now < 10000; now += INGRESS_PATIENCE_MS / 2) {
        for (int i = 0; i < 8; i++)
            ingress_progress(&in, &parts[i], INGRESS_STEP_BYTES, now);
        ck_assert_ptr_null(ingress_next_stalled(&in, now));
    }
}
END_TEST

START_TEST(who_cannot_be_taken_in_has_a_second)
{
    struct ingress in;

    init(&in);
    for (int i = 0; i < 8; i++)
        ingress_hold(&in, &parts[i], FRAME_MAX, i);
    ingress_hold(&in, &parts[0], FRAME_MAX, 500); /* Held on: no new patience. */
    ck_assert(!ingress_reserve(&in, &parts[8], FRAME_MAX, 600));
    ck_assert_int_eq(ingress_deadline(&in), INGRESS_HELD_MS);
    ck_assert_ptr_null(ingress_next_stalled(&in, INGRESS_HELD_MS - 1));
    ck_assert_ptr_eq(ingress_next_stalled(&in, INGRESS_HELD_MS), &parts[0]);
}
END_TEST

/* A thousand stop in the middle of a megabyte, and come again when they are closed; one
 * sends his. Each round lets time pass as a timer would. */
START_TEST(a_thousand_that_stall_delay_nobody_for_a_second)
{
    enum { ATTACKERS = 1000, HONEST = 1999 };
    struct ingress in;
    struct ingress_part *p;
    int64_t now = 0;
    bool served = false;

    init(&in);
    in.max = 64 << 20;
    for (int i = 0; i < ATTACKERS; i++)
        (void)ingress_reserve(&in, &parts[i], FRAME_MAX, now);
    ck_assert(!ingress_reserve(&in, &parts[HONEST], FRAME_MAX, now));
    while (!served) {
        ck_assert_int_lt(now, 1000);
        now = ingress_deadline(&in) > now ? ingress_deadline(&in) : now + 1;
        for (;;) {
            while ((p = ingress_next(&in, now)) != NULL)
                served = served || p == &parts[HONEST];
            p = ingress_next_stalled(&in, now);
            if (p == NULL)
                break;
            ck_assert_ptr_ne(p, &parts[HONEST]);
            ingress_release(&in, p);
            (void)ingress_reserve(&in, p, FRAME_MAX, now); /* And back in line. */
        }
        ck_assert_uint_le(in.used, in.max);
    }
    ck_assert_int_le(now, 700);
}
END_TEST

/* Something that may happen, chosen by chance. */
static void change_room(struct ingress *in, struct ingress_part *p, struct rand_state *rand,
                        int64_t now)
{
    uint64_t bytes = rand_below(rand, FRAME_MAX);

    switch (rand_below(rand, 5)) {
    case 0:
    case 1:
        (void)ingress_reserve(in, p, bytes, now);
        break;
    case 2:
        ingress_release(in, p);
        break;
    case 3:
        ingress_progress(in, p, bytes / 8, now);
        break;
    default:
        if (!p->waits && in->used + bytes <= in->max)
            ingress_hold(in, p, bytes, now);
        break;
    }
    while ((p = ingress_next(in, now)) != NULL)
        ck_assert(!p->waits);
    if (rand_below(rand, 100) == 0 && (p = ingress_next_stalled(in, now)) != NULL)
        ingress_release(in, p);
}

START_TEST(room_adds_up_over_many_changes)
{
    enum { PARTS = 50 };
    struct ingress in;
    struct rand_state rand;

    init(&in);
    rand_seed(&rand, 5);
    for (int64_t now = 0; now < 200000; now++) {
        uint64_t charged = 0;
        uint64_t wanted = 0;

        change_room(&in, &parts[rand_below(&rand, PARTS)], &rand, now);
        for (int i = 0; i < PARTS; i++) {
            charged += parts[i].charged;
            wanted += parts[i].waits ? parts[i].wants : 0;
        }
        ck_assert_uint_eq(charged, in.used);
        ck_assert_uint_eq(wanted, in.line_bytes);
        ck_assert_uint_le(in.used, in.max);
    }
    for (int i = 0; i < PARTS; i++)
        ingress_release(&in, &parts[i]);
    ck_assert_uint_eq(in.used, 0);
    ck_assert(list_is_empty(&in.moving) && list_is_empty(&in.held) && list_is_empty(&in.line));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("net_parts");
    Suite *suite = suite_create("net_parts");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, addresses_are_printed_as_java_does);
    tcase_add_test(tests, ipv4_addresses_of_a_name_come_first);
    tcase_add_test(tests, a_mapped_address_counts_with_its_plain_form);
    tcase_add_test(tests, counts_stay_right_over_many_changes);
    tcase_add_test(tests, times_are_rounded_up_beyond_themselves);
    tcase_add_test(tests, entries_come_when_they_are_due);
    tcase_add_test(tests, a_far_time_is_looked_at_before_and_put_again);
    tcase_add_test(tests, an_empty_wheel_catches_up_with_the_clock);
    tcase_add_test(tests, a_small_frame_never_waits);
    tcase_add_test(tests, reads_are_short_when_a_largest_frame_would_not_fit);
    tcase_add_test(tests, who_waits_is_served_in_order);
    tcase_add_test(tests, nobody_is_hurried_while_nobody_waits);
    tcase_add_test(tests, the_longest_silent_goes_first_and_only_as_many_as_needed);
    tcase_add_test(tests, who_brings_bytes_is_left_alone);
    tcase_add_test(tests, who_cannot_be_taken_in_has_a_second);
    tcase_add_test(tests, a_thousand_that_stall_delay_nobody_for_a_second);
    tcase_add_test(tests, room_adds_up_over_many_changes);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
