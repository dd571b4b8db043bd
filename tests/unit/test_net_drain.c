/* server/net: how a server that is asked to stop lets its clients go. */
#include <sys/socket.h>

#include "tests/unit/test_net_lib.h"

static int connected(uint16_t port)
{
    int fd = net_rig_open(&rig, port);

    (void)net_rig_handshake(&rig, fd, 30000);
    return fd;
}

static void send_set(int fd, int32_t xid)
{
    struct bytes request = { 0 };

    put_set_data(&request, xid, NULL, 0);
    net_rig_send(fd, request.at, request.len);
    bytes_done(&request);
}

static bool is_open(int fd)
{
    uint8_t byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
}

START_TEST(a_client_goes_behind_the_reply_that_it_waits_for)
{
    int fd = connected(1);

    rig.hold_log = true;
    send_set(fd, 5);
    net_rig_run(&rig);
    net_drain(&rig.net);
    net_rig_sleep(&rig, 10 * NET_DRAIN_QUIET_MS);
    ck_assert(is_open(fd));
    ck_assert(!rig.is_drained);
    rig.hold_log = false;
    net_rig_run(&rig);
    ck_assert(has_error_reply(fd, 5));
    expect_closed(fd);
    ck_assert(rig.is_drained);
    ck_assert_uint_eq(session_count(rig.service.sessions), 1); /* It goes on elsewhere. */
    (void)close(fd);
}
END_TEST

START_TEST(what_came_before_the_end_could_be_known_is_answered)
{
    int fd = connected(1);

    net_drain(&rig.net);
    for (int32_t xid = 5; xid < 15; xid++)
        send_set(fd, xid);
    net_rig_run(&rig);
    for (int32_t xid = 5; xid < 15; xid++)
        ck_assert(has_error_reply(fd, xid));
    expect_closed(fd);
    (void)close(fd);
}
END_TEST

/* The reply to its next request is the better moment; but not for ever. */
START_TEST(who_is_silent_goes_after_a_while)
{
    int fd = connected(1);
    int late = connected(2);

    net_drain(&rig.net);
    net_rig_run(&rig);
    ck_assert(is_open(fd));
    ck_assert_int_eq(net_drain_deadline(&rig.net), rig.now_ms + NET_DRAIN_QUIET_MS);
    net_rig_sleep(&rig, NET_DRAIN_QUIET_MS - 1);
    ck_assert(is_open(fd));
    send_set(late, 5);
    net_rig_run(&rig);
    ck_assert(has_error_reply(late, 5));
    expect_closed(late);
    net_rig_sleep(&rig, 1);
    expect_closed(fd);
    ck_assert(rig.is_drained);
    ck_assert_int_eq(net_drain_deadline(&rig.net), INT64_MAX);
    (void)close(fd);
    (void)close(late);
}
END_TEST

START_TEST(half_a_request_is_waited_for)
{
    struct bytes request = { 0 };
    int fd = connected(1);

    put_set_data(&request, 5, NULL, 0);
    net_rig_send(fd, request.at, 9);
    net_rig_run(&rig);
    net_drain(&rig.net);
    net_rig_sleep(&rig, 2 * NET_DRAIN_QUIET_MS);
    ck_assert(is_open(fd));
    net_rig_send(fd, request.at + 9, request.len - 9);
    net_rig_run(&rig);
    ck_assert(has_error_reply(fd, 5));
    expect_closed(fd);
    bytes_done(&request);
    (void)close(fd);
}
END_TEST

/* Who always has something under way is not read for ever. */
START_TEST(what_comes_when_reading_has_ended_is_left)
{
    uint8_t byte;
    int fd = connected(1);
    int half = connected(2);

    net_rig_send(half, "\0\0", 2);
    rig.hold_log = true;
    send_set(fd, 5);
    net_rig_run(&rig);
    net_drain(&rig.net);
    net_rig_run(&rig);
    net_stop_reading(&rig.net);
    send_set(fd, 6);
    net_rig_run(&rig);
    ck_assert(is_open(fd));
    expect_closed(half);
    rig.hold_log = false;
    net_rig_run(&rig);
    ck_assert(has_error_reply(fd, 5));
    ck_assert_int_le(net_rig_recv(fd, &byte, 1), 0);
    ck_assert(rig.is_drained);
    (void)close(fd);
    (void)close(half);
}
END_TEST

START_TEST(who_has_not_begun_goes_too)
{
    int fd = net_rig_open(&rig, 1);

    net_rig_run(&rig);
    net_drain(&rig.net);
    net_rig_sleep(&rig, NET_DRAIN_QUIET_MS);
    expect_closed(fd);
    ck_assert(rig.is_drained);
    (void)close(fd);
}
END_TEST

START_TEST(a_word_is_answered_to_the_end)
{
    char text[64];
    int fd = net_rig_open(&rig, 1);

    net_drain(&rig.net);
    net_rig_send(fd, "ruok", 4);
    ck_assert_uint_eq(net_rig_read_all(&rig, fd, text, sizeof text), 4);
    ck_assert_str_eq(text, "imok");
    (void)close(fd);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("drain");

    tcase_add_test(tests, a_client_goes_behind_the_reply_that_it_waits_for);
    tcase_add_test(tests, what_came_before_the_end_could_be_known_is_answered);
    tcase_add_test(tests, who_is_silent_goes_after_a_while);
    tcase_add_test(tests, half_a_request_is_waited_for);
    tcase_add_test(tests, what_comes_when_reading_has_ended_is_left);
    tcase_add_test(tests, who_has_not_begun_goes_too);
    tcase_add_test(tests, a_word_is_answered_to_the_end);
    return run_tests(tests);
}
