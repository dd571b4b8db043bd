/* server/net: how connections end, by whom and when; the words on the way. */
#include "tests/unit/test_net_lib.h"

/* ---- Ends. */

START_TEST(a_last_reply_leaves_before_the_connection_ends)
{
    uint8_t close_session[12];
    uint8_t reply[20];
    int fd = net_rig_open(&rig, 1);

    (void)net_rig_handshake(&rig, fd, 30000);
    net_rig_put_header(close_session, 3, ZK_OP_CLOSE_SESSION);
    net_rig_send(fd, close_session, sizeof close_session);
    send_ping(fd, -2); /* Unread when the connection ends: it must not destroy the reply. */
    net_rig_run(&rig);
    ck_assert_int_eq(net_rig_recv(fd, reply, sizeof reply), 20);
    ck_assert_int_eq((int32_t)jute_load32(reply + 4), 3);
    expect_closed(fd);
    ck_assert_uint_eq(rig.service.client_count, 0);
    ck_assert_uint_eq(rig.net.count, 1); /* Until the other side closes, too. */
    (void)close(fd);
    net_rig_run(&rig);
    ck_assert_uint_eq(rig.net.count, 0);
}
END_TEST

START_TEST(nobody_lingers_for_ever)
{
    uint8_t close_session[12];
    int fd = net_rig_open(&rig, 1);

    (void)net_rig_handshake(&rig, fd, 30000);
    net_rig_put_header(close_session, 3, ZK_OP_CLOSE_SESSION);
    net_rig_send(fd, close_session, sizeof close_session);
    net_rig_run(&rig);
    ck_assert_uint_eq(rig.net.count, 1);
    net_rig_sleep(&rig, NET_LINGER_MS);
    ck_assert_uint_eq(rig.net.count, 0);
    (void)close(fd);
}
END_TEST

START_TEST(an_unknown_request_is_answered_then_closed)
{
    uint8_t request[12];
    uint8_t reply[20];
    int fd = net_rig_open(&rig, 1);

    (void)net_rig_handshake(&rig, fd, 30000);
    net_rig_put_header(request, 9, 888);
    net_rig_send(fd, request, sizeof request);
    net_rig_run(&rig);
    ck_assert_int_eq(net_rig_recv(fd, reply, sizeof reply), 20);
    ck_assert_int_eq((int32_t)jute_load32(reply + 16), ZK_UNIMPLEMENTED);
    expect_closed(fd);
    (void)close(fd);
}
END_TEST

START_TEST(end_of_input_ends_the_connection_not_the_session)
{
    int fd = net_rig_open(&rig, 1);

    (void)net_rig_handshake(&rig, fd, 30000);
    (void)shutdown(fd, SHUT_WR);
    net_rig_run(&rig);
    ck_assert_uint_eq(rig.service.client_count, 0);
    ck_assert_uint_eq(session_count(rig.service.sessions), 1);
    (void)close(fd);
}
END_TEST

START_TEST(a_session_that_moves_kicks_its_older_connection)
{
    struct bytes request = { 0 };
    uint8_t password[SESSION_PASSWORD_LEN];
    uint8_t reply[41];
    int older = net_rig_open(&rig, 1);
    int newer = net_rig_open(&rig, 2);
    int64_t id = net_rig_handshake(&rig, older, 30000);

    session_password(password, id);
    put_connect(&request, 30000, id, password);
    net_rig_send(newer, request.at, request.len);
    net_rig_run(&rig);
    ck_assert_int_eq(net_rig_recv(newer, reply, sizeof reply), 41);
    ck_assert_int_eq((int64_t)jute_load64(reply + 12), id);
    expect_closed(older);
    send_ping(newer, -2);
    net_rig_run(&rig);
    expect_pings(newer, 1);
    bytes_done(&request);
    (void)close(older);
    (void)close(newer);
}
END_TEST

/* ---- Time. */

START_TEST(a_connection_without_a_handshake_ends_at_the_next_round_time)
{
    int fd = net_rig_open(&rig, 1);

    /* Opened at 1,000,000: 10 s later is a round time, and the next one counts. */
    for (int i = 0; i < 19; i++) {
        net_rig_sleep(&rig, 1000);
        if (i < 10)
            net_rig_send(fd, "\0", i < 3 ? 1 : 0); /* Trickling does not help. */
    }
    ck_assert_uint_eq(rig.service.client_count, 1);
    net_rig_sleep(&rig, 1000);
    ck_assert_uint_eq(rig.service.client_count, 0);
    ck_assert_uint_eq(rig.service.stats.sessionless_connections_expired, 1);
    expect_closed(fd);
    (void)close(fd);
}
END_TEST

START_TEST(an_idle_connection_ends_after_its_session_timeout)
{
    int fd = net_rig_open(&rig, 1);
    int busy = net_rig_open(&rig, 2);

    (void)net_rig_handshake(&rig, fd, 4000);
    (void)net_rig_handshake(&rig, busy, 4000);
    for (int i = 0; i < 9; i++) {
        net_rig_sleep(&rig, 1000);
        send_ping(busy, -2);
        net_rig_run(&rig);
        expect_pings(busy, 1);
    }
    /* Its session has expired and was closed; but for that, this is when it would end. */
    net_rig_sleep(&rig, 1000);
    ck_assert_uint_eq(rig.service.client_count, 1);
    expect_closed(fd);
    (void)close(fd);
    (void)close(busy);
}
END_TEST

START_TEST(without_connections_nothing_is_ever_due)
{
    int fd = net_rig_open(&rig, 1);

    ck_assert_int_ne(net_deadline(&rig.net), INT64_MAX);
    (void)close(fd);
    net_rig_run(&rig);
    ck_assert_int_eq(net_deadline(&rig.net), INT64_MAX);
}
END_TEST

START_TEST(a_stop_reads_no_more_and_answers_what_it_has)
{
    struct bytes request = { 0 };
    int fd = net_rig_open(&rig, 1);

    (void)net_rig_handshake(&rig, fd, 30000);
    rig.hold_log = true;
    put_set_data(&request, 5, NULL, 0);
    net_rig_send(fd, request.at, request.len);
    net_rig_run(&rig);
    net_stop_reading(&rig.net);
    send_ping(fd, -2);
    net_rig_run(&rig);
    rig.hold_log = false;
    net_rig_run(&rig);
    ck_assert(has_error_reply(fd, 5));
    ck_assert_int_eq(net_rig_recv(fd, request.at, 1), -2);
    bytes_done(&request);
    (void)close(fd);
}
END_TEST

/* ---- Words, as far as the connection goes. */

START_TEST(a_word_is_answered_however_it_comes)
{
    char text[64];
    int fd = net_rig_open(&rig, 1);

    net_rig_send(fd, "ruok", 4);
    ck_assert_uint_eq(net_rig_read_all(&rig, fd, text, sizeof text), 4);
    ck_assert_str_eq(text, "imok");
    (void)close(fd);

    fd = net_rig_open(&rig, 1); /* With a newline and the end of input right behind it. */
    net_rig_send(fd, "ruok\n", 5);
    (void)shutdown(fd, SHUT_WR);
    ck_assert_uint_eq(net_rig_read_all(&rig, fd, text, sizeof text), 4);
    (void)close(fd);

    fd = net_rig_open(&rig, 1); /* Byte by byte. */
    for (int i = 0; i < 4; i++) {
        net_rig_run(&rig);
        net_rig_send(fd, &"ruok"[i], 1);
    }
    ck_assert_uint_eq(net_rig_read_all(&rig, fd, text, sizeof text), 4);
    (void)close(fd);
}
END_TEST

START_TEST(stmk_waits_for_its_argument)
{
    static const char stmk[12] = "stmk\0\0\0\0\0\0\1\0";
    char text[64];

    for (size_t cut = 1; cut < sizeof stmk; cut++) {
        int fd = net_rig_open(&rig, 1);

        net_rig_send(fd, stmk, cut);
        net_rig_run(&rig);
        net_rig_send(fd, stmk + cut, sizeof stmk - cut);
        ck_assert_uint_eq(net_rig_read_all(&rig, fd, text, sizeof text), 3);
        ck_assert_str_eq(text, "256");
        (void)close(fd);
    }

    int fd = net_rig_open(&rig, 1); /* And gets nothing without it. */

    net_rig_send(fd, stmk, 8);
    (void)shutdown(fd, SHUT_WR);
    ck_assert_uint_eq(net_rig_read_all(&rig, fd, text, sizeof text), 0);
    ck_assert_uint_eq(rig.service.client_count, 0);
    (void)close(fd);
}
END_TEST

START_TEST(behind_a_handshake_a_word_is_a_length)
{
    int fd = net_rig_open(&rig, 1);

    (void)net_rig_handshake(&rig, fd, 30000);
    net_rig_send(fd, "ruok", 4);
    expect_closed(fd);
    (void)close(fd);
}
END_TEST

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;

    for (; (text = strstr(text, what)) != NULL; text++)
        count++;
    return count;
}

START_TEST(large_words_wait_for_each_other_and_all_are_answered)
{
    enum { WORDS_ASKED = 10, SESSIONS = 1500 };
    static const char *const words[] = { "cons", "dump", "stat" };
    static const char *const lines[] = { ",sid=0x", "\tip: /127.0.0.1:7 ", "127.0.0.1:7[1]" };
    static char text[1 << 20];
    static int sessions[SESSIONS];
    int fds[WORDS_ASKED];

    for (int i = 0; i < SESSIONS; i++) {
        sessions[i] = net_rig_open(&rig, 7);
        (void)net_rig_handshake(&rig, sessions[i], 30000);
    }
    for (int i = 0; i < WORDS_ASKED; i++) {
        fds[i] = net_rig_open(&rig, 1);
        net_rig_send(fds[i], words[i % 3], 4);
    }
    for (int i = 0; i < WORDS_ASKED; i++) {
        (void)net_rig_read_all(&rig, fds[i], text, sizeof text);
        ck_assert_uint_eq(count_of(text, lines[i % 3]), SESSIONS);
        ck_assert_uint_le(rig.net.words.running, WORDS_LARGE_AT_ONCE);
        /* Made in pieces: what is not read yet is not made yet. */
        ck_assert_uint_le(rig.service.egress_bytes,
                          (size_t)WORDS_LARGE_AT_ONCE * (WORDS_STEP_BYTES + 1024));
        (void)close(fds[i]);
    }
    net_rig_run(&rig);
    ck_assert_uint_eq(rig.net.words.running, 0);
    ck_assert_uint_eq(rig.service.egress_bytes, 0);
    for (int i = 0; i < SESSIONS; i++)
        (void)close(sessions[i]);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("net_ends");

    tcase_add_test(tests, a_last_reply_leaves_before_the_connection_ends);
    tcase_add_test(tests, nobody_lingers_for_ever);
    tcase_add_test(tests, an_unknown_request_is_answered_then_closed);
    tcase_add_test(tests, end_of_input_ends_the_connection_not_the_session);
    tcase_add_test(tests, a_session_that_moves_kicks_its_older_connection);
    tcase_add_test(tests, a_connection_without_a_handshake_ends_at_the_next_round_time);
    tcase_add_test(tests, an_idle_connection_ends_after_its_session_timeout);
    tcase_add_test(tests, without_connections_nothing_is_ever_due);
    tcase_add_test(tests, a_stop_reads_no_more_and_answers_what_it_has);
    tcase_add_test(tests, a_word_is_answered_however_it_comes);
    tcase_add_test(tests, stmk_waits_for_its_argument);
    tcase_add_test(tests, behind_a_handshake_a_word_is_a_length);
    tcase_add_test(tests, large_words_wait_for_each_other_and_all_are_answered);
    return run_tests(tests);
}
