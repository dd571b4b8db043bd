/* server/net/peers: what is said on the election port (quorum-protocol 2.2, 2.3). */
#include <errno.h>
#include <sys/socket.h>

#include "jute/codec.h"
#include "tests/unit/test_jute_hex.h"
#include "tests/unit/test_peers_lib.h"

/* ---- Initial messages. */

START_TEST(every_form_of_initial_message_is_understood)
{
    struct rig_server *one = rig_listen(&rig, 1);

    for (int form = 0; form <= 2; form++) {
        struct bytes stream = { 0 };
        int fd = raw_dial(election_port(one));

        raw_hello(&stream, form, 3 + form, form == 2 ? "127.0.0.1:1|[::1]:2" : "127.0.0.1:1");
        raw_frame(&stream, "vote");
        raw_send(fd, stream.at, stream.len);
        rig_settle(&rig);
        ck_assert_uint_eq(one->notified, (unsigned)form + 1);
        ck_assert_int_eq(one->from, 3 + form);
        (void)close(fd);
        bytes_done(&stream);
    }
}
END_TEST

/* quorum-protocol 9. */
START_TEST(the_initial_message_is_zookeepers_byte_for_byte)
{
    static const char *const v1 = "ffffffffffff0000 0000000000000003 0000000e "
                                  "3132372e302e302e313a33383838";
    static const char *const v2 = "ffffffffffff0001 0000000000000003 0000001d "
                                  "3132372e302e302e313a33383838 7c 3132372e302e302e323a33383839";
    static const char *const texts[] = { v1, v2 };

    for (int multi = 0; multi <= 1; multi++) {
        struct peers_conf conf = rig_conf(3);
        struct bytes want = test_hex(texts[multi]);
        uint8_t got[128];
        uint16_t port;
        int listen_fd = raw_listen(&port);
        char other[64];
        const char *const members[] = { multi ? "3=127.0.0.1:2888:3888|127.0.0.2:2888:3889"
                                              : "3=127.0.0.1:2888:3888",
                                        other };

        conf.multi_address = multi != 0;

        struct rig_server *s = rig_start_with(&rig, &conf);

        (void)snprintf(other, sizeof other, "1=127.0.0.1:1:%u", port);
        rig_members(s, members, 2);
        peers_call(s->peers, 1);

        int fd = raw_accept(&rig, listen_fd);

        ck_assert_int_eq(raw_recv(fd, got, sizeof got), (long)want.len);
        ck_assert_mem_eq(got, want.at, want.len);
        (void)close(fd);
        (void)close(listen_fd);
        bytes_done(&want);
        rig_stop(s);
    }
}
END_TEST

START_TEST(a_knock_is_an_initial_message_and_the_end)
{
    struct rig_server *one = rig_listen(&rig, 1);
    uint8_t got[128];
    uint16_t port;
    int listen_fd = raw_listen(&port);

    know(one, 2, 0, port);
    rig_notify(one, 2, "vote");

    int fd = raw_accept(&rig, listen_fd);

    ck_assert_int_gt(raw_recv(fd, got, sizeof got), 20);
    ck_assert_int_eq(raw_recv(fd, got, sizeof got), 0);
    (void)close(fd);
    (void)close(listen_fd);
}
END_TEST

START_TEST(a_stream_cut_anywhere_is_understood)
{
    struct rig_server *one = rig_listen(&rig, 1);
    struct bytes stream = { 0 };

    raw_hello(&stream, 1, 3, "127.0.0.1:3888");
    raw_frame(&stream, "first");
    raw_frame(&stream, "second");
    for (size_t cut = 1; cut < stream.len; cut++) {
        int fd = raw_dial(election_port(one));

        raw_send(fd, stream.at, cut);
        rig_settle(&rig);
        raw_send(fd, stream.at + cut, stream.len - cut);
        rig_settle(&rig);
        ck_assert_uint_eq(one->notified, 2 * cut);
        ck_assert(got_text(&one->body, "second"));
        (void)close(fd);
    }
    bytes_done(&stream);
}
END_TEST

START_TEST(a_stream_in_single_bytes_is_understood)
{
    struct rig_server *one = rig_listen(&rig, 1);
    struct bytes stream = { 0 };
    int fd = raw_dial(election_port(one));

    raw_hello(&stream, 2, 3, "127.0.0.1:3888|127.0.0.1:3889");
    raw_frame(&stream, "first");
    for (size_t i = 0; i < stream.len; i++) {
        raw_send(fd, stream.at + i, 1);
        rig_settle(&rig);
    }
    ck_assert(got_text(&one->body, "first"));
    bytes_done(&stream);
    (void)close(fd);
}
END_TEST

START_TEST(a_notification_of_zookeepers_arrives_whole)
{
    struct rig_server *one = rig_listen(&rig, 1);
    struct bytes frame =
        test_hex("00000063 00000000 00000000 00000003 00000006 00000004 00000000 00000001"
                 "00000000 00000006 00000002 00000037 73657276 65722e31 3d613a32 3838383a"
                 "33383838 3a706172 74696369 70616e74 3b302e30 2e302e30 3a323138 310a7665"
                 "7273696f 6e3d30");
    int fd = call_as(one, 3);

    raw_send(fd, frame.at, frame.len);
    rig_settle(&rig);
    ck_assert_uint_eq(one->body.len, frame.len - 4);
    ck_assert_mem_eq(one->body.at, frame.at + 4, frame.len - 4);
    bytes_done(&frame);
    (void)close(fd);
}
END_TEST

START_TEST(the_largest_frame_is_taken)
{
    enum { LEN = 524288 };
    static uint8_t frame[LEN + 4];
    struct rig_server *one = rig_listen(&rig, 1);
    int fd = call_as(one, 3);
    size_t at = 0;

    (void)jute_store32(frame, LEN);
    while (at < sizeof frame) {
        ssize_t sent = send(fd, frame + at, sizeof frame - at, MSG_NOSIGNAL | MSG_DONTWAIT);

        at += sent > 0 ? (size_t)sent : 0;
        rig_settle(&rig);
    }
    ck_assert_uint_eq(one->notified, 1);
    ck_assert_uint_eq(one->body.len, LEN);
    (void)close(fd);
}
END_TEST

/* ---- Junk. */

START_TEST(junk_ends_its_connection_and_nothing_else)
{
    static const char hellos[][64] = {
        "GET / HTTP/1.0\r\n\r\n",
        "\xff\xff\xff\xff\xff\xff\x00\x01 and a length that can't be",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    };
    struct rig_server *one = rig_listen(&rig, 1);
    int good = call_as(one, 3);

    for (size_t i = 0; i < sizeof hellos / sizeof hellos[0]; i++) {
        int fd = raw_dial(election_port(one));

        raw_send(fd, hellos[i], sizeof hellos[i]);
        rig_settle(&rig);
        (void)raw_is_closed(&rig, fd); /* Text may look like a sid of the old form. */
        (void)close(fd);
    }
    rig_settle(&rig);
    ck_assert_uint_eq(view(one).guests, 0);
    say(good, "vote");
    ck_assert_uint_eq(one->notified, 1);
    ck_assert_int_eq(one->from, 3);
    (void)close(good);
}
END_TEST

START_TEST(a_bad_version_a_bad_length_and_a_bad_address_are_refused)
{
    static const char *const addresses[] = {
        "host", "host:", ":1", "host:99999", "a:1|b", "::1:1"
    };
    struct rig_server *one = rig_listen(&rig, 1);

    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct bytes hello = { 0 };
        int fd = raw_dial(election_port(one));

        raw_hello(&hello, 2, 3, addresses[i]);
        raw_send(fd, hello.at, hello.len);
        ck_assert_msg(raw_is_closed(&rig, fd), "%s", addresses[i]);
        bytes_done(&hello);
        (void)close(fd);
    }
    for (int i = 0; i < 4; i++) {
        static const int32_t lengths[] = { 0, -1, 2049, INT32_MAX };
        struct bytes hello = { 0 };
        int fd = raw_dial(election_port(one));

        jute_write_i64(&hello, -65536);
        jute_write_i64(&hello, 3);
        jute_write_i32(&hello, lengths[i]);
        raw_send(fd, hello.at, hello.len);
        ck_assert(raw_is_closed(&rig, fd));
        bytes_done(&hello);
        (void)close(fd);
    }
    ck_assert_uint_eq(view(one).calls, 0);
}
END_TEST

START_TEST(a_frame_of_a_forbidden_length_ends_the_connection)
{
    static const uint32_t lengths[] = { 0, 524289, 0x7fffffff, 0xffffffff };
    struct rig_server *one = rig_listen(&rig, 1);

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint8_t prefix[4];
        int fd = call_as(one, 3);

        (void)jute_store32(prefix, lengths[i]);
        raw_send(fd, prefix, sizeof prefix);
        ck_assert(raw_is_closed(&rig, fd));
        (void)close(fd);
    }
    ck_assert_uint_eq(one->notified, 0);
}
END_TEST

START_TEST(our_own_sid_and_impossible_ones_are_refused)
{
    static const zk_sid sids[] = { 1, -5, INT64_MAX };
    struct rig_server *one = rig_listen(&rig, 1);

    for (size_t i = 0; i < sizeof sids / sizeof sids[0]; i++) {
        int fd = call_as(one, sids[i]);

        ck_assert(raw_is_closed(&rig, fd));
        (void)close(fd);
    }
    ck_assert_uint_eq(view(one).strangers, 0);
}
END_TEST

START_TEST(who_does_not_say_who_it_is_is_closed_in_time)
{
    struct rig_server *one = rig_listen(&rig, 1);
    struct bytes hello = { 0 };
    int fd = raw_dial(election_port(one));

    raw_hello(&hello, 1, 3, "127.0.0.1:1");
    raw_send(fd, hello.at, hello.len - 1);
    rig_pass(&rig, one->conf.initial_ms - 10);
    ck_assert_uint_eq(view(one).guests, 1);
    rig_pass(&rig, 20);
    ck_assert(raw_is_closed(&rig, fd));
    bytes_done(&hello);
    (void)close(fd);
}
END_TEST

START_TEST(silent_callers_are_bounded_and_keep_nobody_out)
{
    enum { CALLERS = PEERS_GUESTS_MAX + 40 };
    struct rig_server *one = rig_listen(&rig, 1);
    int fds[CALLERS];

    for (int i = 0; i < CALLERS; i++) {
        fds[i] = raw_dial(election_port(one));
        rig_settle(&rig);
    }
    ck_assert_uint_eq(view(one).guests, PEERS_GUESTS_MAX);

    int fd = call_as(one, 3);

    say(fd, "vote");
    ck_assert_uint_eq(one->notified, 1);
    (void)close(fd);
    for (int i = 0; i < CALLERS; i++)
        (void)close(fds[i]);
}
END_TEST

START_TEST(strangers_are_heard_and_bounded)
{
    enum { STRANGERS = PEERS_STRANGERS_MAX + 10 };
    struct rig_server *one = rig_listen(&rig, 1);
    int fds[STRANGERS];

    for (int i = 0; i < STRANGERS; i++) {
        fds[i] = call_as(one, 100 + i);
        say(fds[i], "let me join");
        ck_assert_int_eq(one->from, 100 + i);
        rig_notify(one, 100 + i, "answer");
        expect_frame(fds[i], "answer");
    }
    ck_assert_uint_eq(view(one).strangers, PEERS_STRANGERS_MAX);
    ck_assert_uint_eq(view(one).calls, PEERS_STRANGERS_MAX);
    ck_assert(raw_is_closed(&rig, fds[0]));
    ck_assert_uint_eq(one->told, 0);
    for (int i = 0; i < STRANGERS; i++)
        (void)close(fds[i]);
    rig_settle(&rig);
    ck_assert_uint_eq(view(one).strangers, 0);
}
END_TEST

/* ---- What is said. */

START_TEST(only_the_newest_of_what_waits_is_said)
{
    struct rig_server *one = rig_listen(&rig, 1);

    know(one, 3, 0, 1);
    rig_notify(one, 3, "first");
    rig_notify(one, 3, "second");

    int fd = call_as(one, 3);

    expect_frame(fd, "second");
    rig_notify(one, 3, "third");
    rig_notify(one, 3, "fourth");
    expect_frame(fd, "fourth");
    expect_silence(fd);
    (void)close(fd);
}
END_TEST

START_TEST(the_last_word_is_repeated_on_a_new_connection)
{
    struct rig_server *one = rig_listen(&rig, 1);

    know(one, 3, 0, 1);

    int fd = call_as(one, 3);

    expect_silence(fd);
    rig_notify(one, 3, "vote");
    expect_frame(fd, "vote");
    (void)close(fd);
    rig_settle(&rig);
    fd = call_as(one, 3);
    expect_frame(fd, "vote");
    expect_silence(fd);
    (void)close(fd);
}
END_TEST

/* Many large notifications to one that reads nothing: what the kernel does not take is kept once,
 * and when it reads again it finds whole frames and the newest last. */
START_TEST(a_slow_reader_gets_whole_frames_and_the_newest_last)
{
    enum { LEN = 400000, COUNT = 60 };
    static char text[LEN + 1];
    static uint8_t got[LEN + 4];
    struct rig_server *one = rig_listen(&rig, 1);
    size_t have = 0;
    char last = 0;

    know(one, 3, 0, 1);

    int fd = call_as(one, 3);

    for (int i = 0; i < COUNT; i++) {
        memset(text, 'A' + i, LEN);
        rig_notify(one, 3, text);
        rig_settle(&rig);
    }
    while (last != 'A' + COUNT - 1) {
        long part = raw_recv(fd, got + have, sizeof got - have);

        ck_assert(part > 0 || errno == EAGAIN);
        have += part > 0 ? (size_t)part : 0;
        if (have == sizeof got) {
            ck_assert_uint_eq(jute_load32(got), LEN);
            ck_assert_int_eq(got[4], got[LEN + 3]);
            ck_assert_int_gt(got[4], last);
            last = (char)got[4];
            have = 0;
        }
        rig_turn(&rig);
    }
    expect_silence(fd);
    (void)close(fd);
}
END_TEST

/* What it said before it closed is heard although we were about to say something. */
START_TEST(last_words_are_heard)
{
    struct rig_server *one = rig_listen(&rig, 1);
    struct bytes frame = { 0 };
    int fd = call_as(one, 3);

    raw_frame(&frame, "goodbye");
    raw_send(fd, frame.at, frame.len);
    (void)close(fd);
    rig_notify(one, 3, "hello?");
    peers_flush(one->peers);
    rig_notify(one, 3, "are you there?");
    peers_flush(one->peers);
    rig_settle(&rig);
    ck_assert(got_text(&one->body, "goodbye"));
    ck_assert_uint_eq(view(one).calls, 0);
    bytes_done(&frame);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("hello");

    tcase_add_test(tests, every_form_of_initial_message_is_understood);
    tcase_add_test(tests, the_initial_message_is_zookeepers_byte_for_byte);
    tcase_add_test(tests, a_knock_is_an_initial_message_and_the_end);
    tcase_add_test(tests, a_stream_cut_anywhere_is_understood);
    tcase_add_test(tests, a_stream_in_single_bytes_is_understood);
    tcase_add_test(tests, a_notification_of_zookeepers_arrives_whole);
    tcase_add_test(tests, the_largest_frame_is_taken);
    tcase_add_test(tests, junk_ends_its_connection_and_nothing_else);
    tcase_add_test(tests, a_bad_version_a_bad_length_and_a_bad_address_are_refused);
    tcase_add_test(tests, a_frame_of_a_forbidden_length_ends_the_connection);
    tcase_add_test(tests, our_own_sid_and_impossible_ones_are_refused);
    tcase_add_test(tests, who_does_not_say_who_it_is_is_closed_in_time);
    tcase_add_test(tests, silent_callers_are_bounded_and_keep_nobody_out);
    tcase_add_test(tests, strangers_are_heard_and_bounded);
    tcase_add_test(tests, only_the_newest_of_what_waits_is_said);
    tcase_add_test(tests, the_last_word_is_repeated_on_a_new_connection);
    tcase_add_test(tests, a_slow_reader_gets_whole_frames_and_the_newest_last);
    tcase_add_test(tests, last_words_are_heard);
    return run_tests(tests);
}
