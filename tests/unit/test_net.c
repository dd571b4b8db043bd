/* server/net: connections from bytes to frames and back, over real sockets. */
#include "tests/unit/test_net_lib.h"

/* ---- Frames. */

START_TEST(a_stream_cut_anywhere_is_understood)
{
    struct bytes stream = { 0 };
    uint8_t ping[12];

    put_connect(&stream, 30000, 0, NULL);
    net_rig_put_header(ping, -2, ZK_OP_PING);
    bytes_put(&stream, ping, sizeof ping);
    bytes_put(&stream, ping, sizeof ping);
    for (size_t cut = 1; cut < stream.len; cut++) {
        uint8_t reply[41];
        int fd = net_rig_open(&rig, 1);

        net_rig_send(fd, stream.at, cut);
        net_rig_run(&rig);
        net_rig_send(fd, stream.at + cut, stream.len - cut);
        net_rig_run(&rig);
        ck_assert_int_eq(net_rig_recv(fd, reply, sizeof reply), 41);
        expect_pings(fd, 2);
        (void)close(fd);
        net_rig_run(&rig);
    }
    bytes_done(&stream);
}
END_TEST

START_TEST(a_stream_in_single_bytes_is_understood)
{
    struct bytes stream = { 0 };
    uint8_t reply[41];
    int fd = net_rig_open(&rig, 1);

    put_connect(&stream, 30000, 0, NULL);
    for (size_t i = 0; i < stream.len; i++) {
        net_rig_send(fd, stream.at + i, 1);
        net_rig_run(&rig);
    }
    ck_assert_int_eq(net_rig_recv(fd, reply, sizeof reply), 41);
    bytes_done(&stream);
    (void)close(fd);
}
END_TEST

START_TEST(a_bad_length_closes_before_its_payload)
{
    static const uint32_t lengths[] = { 0xffffffff, 0x80000000, 0x7fffffff, 0x00100000 };

    for (size_t i = 0; i < 2 * sizeof lengths / sizeof lengths[0]; i++) {
        int fd = net_rig_open(&rig, 1);
        uint8_t prefix[4];

        if (i % 2 == 1) /* Also behind a handshake. */
            (void)net_rig_handshake(&rig, fd, 30000);
        (void)jute_store32(prefix, lengths[i / 2]);
        net_rig_send(fd, prefix, sizeof prefix);
        expect_closed(fd);
        (void)close(fd);
    }
    net_rig_run(&rig);
    ck_assert_uint_eq(rig.service.client_count, 0);
    ck_assert_uint_eq(rig.net.count, 0);
}
END_TEST

START_TEST(memory_is_taken_as_bytes_come_not_as_announced)
{
    enum { LEN = 1000000, STEP = 50000 };
    static uint8_t data[LEN];
    struct bytes request = { 0 };
    int fd = net_rig_open(&rig, 1);

    (void)net_rig_handshake(&rig, fd, 30000);
    put_set_data(&request, 1, data, LEN);

    const struct conn *c = net_rig_newest(&rig);

    for (size_t at = 0; at < request.len; at += STEP) {
        size_t len = request.len - at < STEP ? request.len - at : STEP;

        net_rig_send(fd, request.at + at, len);
        net_rig_run(&rig);
        ck_assert_uint_le(c->in.cap, 2 * (at + len) + 4096);
        if (at + len < request.len)
            ck_assert_uint_eq(rig.net.ingress.used, request.len);
    }
    ck_assert(has_error_reply(fd, 1));
    ck_assert_ptr_null(c->in.at);
    ck_assert_uint_eq(rig.net.ingress.used, 0);
    bytes_done(&request);
    (void)close(fd);
}
END_TEST

/* Large frames cut at many places, followed by small ones. */
START_TEST(large_frames_end_where_they_should)
{
    enum { LEN = 300000 };
    static uint8_t data[LEN];
    static const size_t cuts[] = { 1,      3,      4,      5,      255,        256,
                                   257,    4095,   4096,   8191,   8192,       8193,
                                   131072, 262143, 262144, 262145, LEN - 1000, LEN };
    struct bytes stream = { 0 };
    uint8_t ping[12];

    put_set_data(&stream, 1, data, LEN);
    net_rig_put_header(ping, -2, ZK_OP_PING);
    bytes_put(&stream, ping, sizeof ping);
    put_set_data(&stream, 2, data, LEN / 2);
    bytes_put(&stream, ping, sizeof ping);
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        int fd = net_rig_open(&rig, 1);
        size_t sent = 0;
        size_t step = cuts[i];

        (void)net_rig_handshake(&rig, fd, 30000);
        while (sent < stream.len) {
            size_t len = stream.len - sent < step ? stream.len - sent : step;
            ssize_t got = send(fd, stream.at + sent, len, MSG_NOSIGNAL);

            if (got > 0)
                sent += (size_t)got;
            net_rig_turn(&rig);
            step = 150000; /* The first cut is what differs. */
        }
        net_rig_run(&rig);
        ck_assert_msg(has_error_reply(fd, 1), "cut %zu", cuts[i]);
        expect_pings(fd, 1);
        ck_assert(has_error_reply(fd, 2));
        expect_pings(fd, 1);
        ck_assert_uint_eq(rig.net.ingress.used, 0);
        (void)close(fd);
        net_rig_run(&rig);
    }
    bytes_done(&stream);
}
END_TEST

START_TEST(an_idle_session_keeps_no_buffers)
{
    int fd = net_rig_open(&rig, 1);

    (void)net_rig_handshake(&rig, fd, 30000);
    send_ping(fd, -2);
    net_rig_run(&rig);

    const struct conn *c = net_rig_newest(&rig);

    ck_assert_ptr_null(c->in.at);
    ck_assert_ptr_null(c->client.out.at);
    ck_assert_uint_le(sizeof *c, 1024);
    (void)close(fd);
}
END_TEST

/* ---- Who waits, who stalls. */

/* A client that stops in the middle of a megabyte. */
static int open_stalled(size_t sent)
{
    static uint8_t data[1000000];
    struct bytes request = { 0 };
    int fd = net_rig_open(&rig, 1);

    (void)net_rig_handshake(&rig, fd, 30000);
    put_set_data(&request, 1, data, sizeof data);
    while (sent > 0) {
        ssize_t got = send(fd, request.at, sent, MSG_NOSIGNAL);

        net_rig_run(&rig);
        if (got <= 0)
            break; /* It is not read from: that is the point. */
        sent -= (size_t)got;
    }
    bytes_done(&request);
    return fd;
}

START_TEST(half_sent_megabytes_are_bounded_and_let_others_pass)
{
    enum { STALLED = 60 };
    static uint8_t data[1000000];
    struct bytes request = { 0 };
    int fds[STALLED];
    int small = net_rig_open(&rig, 2);

    (void)net_rig_handshake(&rig, small, 30000);
    for (int i = 0; i < STALLED; i++) {
        fds[i] = open_stalled(500000);
        ck_assert_uint_le(rig.net.ingress.used, rig.net.ingress.max);
        /* Small requests don't notice. */
        send_ping(small, -2);
        net_rig_run(&rig);
        expect_pings(small, 1);
    }
    ck_assert_uint_gt(rig.net.ingress.line_count, 0);

    int honest = net_rig_open(&rig, 3);
    int64_t began = rig.now_ms;
    size_t sent = 0;

    (void)net_rig_handshake(&rig, honest, 30000);
    put_set_data(&request, 5, data, sizeof data);
    while (!has_error_reply(honest, 5)) {
        ssize_t got = send(honest, request.at + sent, request.len - sent, MSG_NOSIGNAL);

        sent += got > 0 ? (size_t)got : 0;
        net_rig_sleep(&rig, 1);
        ck_assert_int_lt(rig.now_ms - began, 1000);
    }
    ck_assert_uint_gt(rig.net.ingress.closed, 0);
    for (int i = 0; i < STALLED; i++)
        (void)close(fds[i]);
    (void)close(honest);
    (void)close(small);
    net_rig_sleep(&rig, 2000);
    ck_assert_uint_eq(rig.net.ingress.used, 0);
    ck_assert_uint_eq(rig.net.ingress.line_count, 0);
    bytes_done(&request);
}
END_TEST

/* Sends what the socket takes of the rest. */
static void send_some(int fd, const struct bytes *stream, size_t *sent)
{
    ssize_t n =
        *sent < stream->len ? send(fd, stream->at + *sent, stream->len - *sent, MSG_NOSIGNAL) : 0;

    *sent += n > 0 ? (size_t)n : 0;
    net_rig_run(&rig);
}

START_TEST(input_that_cannot_be_taken_is_kept_in_order)
{
    enum { PINGS = 5000 };
    struct bytes stream = { 0 };
    uint8_t ping[12];
    uint8_t reply[20];
    int fd = net_rig_open(&rig, 1);
    size_t sent = 0;

    (void)net_rig_handshake(&rig, fd, 30000);
    /* A write that does not become durable: reads wait behind it, and then the line is
     * full. */
    rig.hold_log = true;
    put_set_data(&stream, 7, ping, 1);
    net_rig_put_header(ping, -2, ZK_OP_PING);
    for (int i = 0; i < PINGS; i++)
        bytes_put(&stream, ping, sizeof ping);
    for (int i = 0; i < 50; i++)
        send_some(fd, &stream, &sent);
    ck_assert_int_eq(net_rig_recv(fd, ping, sizeof ping), -2);
    rig.hold_log = false;
    net_rig_run(&rig);
    ck_assert(has_error_reply(fd, 7));
    for (int got = 0; got < PINGS;) {
        if (net_rig_recv(fd, reply, sizeof reply) != 20) {
            send_some(fd, &stream, &sent);
            continue;
        }
        ck_assert_int_eq((int32_t)jute_load32(reply + 4), ZK_XID_PING);
        got++;
    }
    ck_assert_int_eq(net_rig_recv(fd, reply, sizeof reply), -2);
    ck_assert_uint_eq(rig.net.ingress.used, 0);
    bytes_done(&stream);
    (void)close(fd);
}
END_TEST

/* ---- Output. */

static void put_create(struct bytes *out, const char *path, size_t len)
{
    static uint8_t data[200000];
    struct create_request r = { .path = jute_text(path),
                                .data = { .at = data, .len = (int32_t)len } };
    struct bytes acl = { 0 };

    ck_assert_uint_le(len, sizeof data);
    jute_write_acl(
        &acl,
        (struct jute_acl){ .perms = 31, .scheme = jute_text("world"), .id = jute_text("anyone") });
    r.acl = jute_vector_of(&acl, 1);
    jute_write_i32(out, (int32_t)jute_size_create_request(&r) + 8);
    jute_write_i32(out, 1);
    jute_write_i32(out, ZK_OP_CREATE);
    jute_write_create_request(out, &r);
    bytes_done(&acl);
}

static void put_gets(struct bytes *out, const char *path, int count)
{
    struct get_data_request r = { .path = jute_text(path) };

    for (int i = 0; i < count; i++) {
        jute_write_i32(out, (int32_t)jute_size_get_data_request(&r) + 8);
        jute_write_i32(out, 2 + i);
        jute_write_i32(out, ZK_OP_GET_DATA);
        jute_write_get_data_request(out, &r);
    }
}

/* Asks for much and does not read. */
static int open_greedy(int requests)
{
    struct bytes out = { 0 };
    int fd = net_rig_open(&rig, 1);

    (void)net_rig_handshake(&rig, fd, 30000);
    put_create(&out, "/big", 200000);
    put_gets(&out, "/big", requests);
    for (size_t sent = 0; sent < out.len;) {
        ssize_t n = send(fd, out.at + sent, out.len - sent, MSG_NOSIGNAL);

        net_rig_run(&rig);
        if (n > 0)
            sent += (size_t)n;
    }
    bytes_done(&out);
    return fd;
}

START_TEST(while_nobody_leads_handshakes_wait_and_words_do_not)
{
    struct bytes stream = { 0 };
    uint8_t reply[64];
    int waiting = net_rig_open(&rig, 1);
    int asking = net_rig_open(&rig, 2);

    rig.service.door = DOOR_HELD;
    put_connect(&stream, 30000, 0, NULL);
    net_rig_send(waiting, stream.at, stream.len);
    net_rig_send(asking, "ruok", 4);
    net_rig_run(&rig);
    ck_assert_int_eq(net_rig_recv(waiting, reply, sizeof reply), -2);
    ck_assert_int_eq(net_rig_recv(asking, reply, sizeof reply), 4);
    ck_assert_mem_eq(reply, "imok", 4);
    rig.service.door = DOOR_OPEN;
    net_rig_run(&rig);
    ck_assert_int_eq(net_rig_recv(waiting, reply, sizeof reply), 41);
    bytes_done(&stream);
    (void)close(waiting);
    (void)close(asking);
}
END_TEST

START_TEST(who_comes_when_nobody_leads_for_long_is_closed)
{
    struct bytes stream = { 0 };
    uint8_t reply[64];
    int fd = net_rig_open(&rig, 1);

    rig.service.door = DOOR_HELD;
    put_connect(&stream, 30000, 0, NULL);
    net_rig_send(fd, stream.at, stream.len);
    net_rig_run(&rig);
    rig.service.door = DOOR_SHUT;
    net_rig_run(&rig);
    ck_assert_int_eq(net_rig_recv(fd, reply, sizeof reply), 0);
    bytes_done(&stream);
    (void)close(fd);
}
END_TEST

START_TEST(who_takes_nothing_is_closed_and_holds_no_memory)
{
    int fd = open_greedy(100);
    const struct conn *c = net_rig_newest(&rig);

    ck_assert(!list_is_empty(&c->in_blocked));
    ck_assert_uint_gt(rig.service.egress_bytes, 0);
    ck_assert_uint_le(c->client.out.len, 2 * rig.service.conf.conn_egress_max + 300000);
    net_rig_sleep(&rig, 9000);
    ck_assert_uint_eq(rig.service.client_count, 1);
    net_rig_sleep(&rig, 1100);
    ck_assert_uint_eq(rig.service.client_count, 0);
    ck_assert_uint_eq(rig.service.egress_bytes, 0);
    ck_assert_uint_eq(rig.service.stats.slow_readers_closed, 1);
    (void)close(fd);
}
END_TEST

START_TEST(who_takes_slowly_gets_all)
{
    enum { REPLIES = 20 };
    static uint8_t buffer[100000];
    size_t expected = (4 + 16 + 4 + 4) + (size_t)REPLIES * (4 + 16 + 4 + 200000 + 68);
    int fd = open_greedy(REPLIES);
    size_t total = 0;

    for (int i = 0; i < 1000 && total < expected; i++) {
        ssize_t got = net_rig_recv(fd, buffer, sizeof buffer);

        ck_assert_int_ne(got, 0);
        ck_assert_int_ne(got, -1);
        total += got > 0 ? (size_t)got : 0;
        net_rig_sleep(&rig, 100);
    }
    ck_assert_uint_eq(total, expected);
    ck_assert_uint_eq(rig.service.egress_bytes, 0);
    ck_assert_ptr_null(net_rig_newest(&rig)->client.out.at);
    (void)close(fd);
}
END_TEST

START_TEST(a_client_that_goes_away_while_blocked_is_noticed)
{
    int fd = open_greedy(100);

    (void)close(fd);
    net_rig_run(&rig);
    ck_assert_uint_eq(rig.service.client_count, 0);
    ck_assert_uint_eq(rig.service.egress_bytes, 0);
    ck_assert_uint_eq(rig.net.count, 0);
}
END_TEST

/* Enough for the helper to take part in the sending. */
START_TEST(many_clients_are_answered_at_once)
{
    enum { CLIENTS = 5 * NET_SENDS_AT_ONCE / 2, ROUNDS = 20 };
    static int fds[CLIENTS];

    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = net_rig_open(&rig, 1);
        (void)net_rig_handshake(&rig, fds[i], 30000);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CLIENTS; i++)
            send_ping(fds[i], -2);
        net_rig_run(&rig);
        for (int i = 0; i < CLIENTS; i++)
            expect_pings(fds[i], 1);
    }
    ck_assert_uint_eq(rig.service.egress_bytes, 0);
    for (int i = 0; i < CLIENTS; i += 2) { /* Half of them go without a word... */
        send_ping(fds[i], -2);
        (void)close(fds[i]);
    }
    for (int i = 1; i < CLIENTS; i += 2)
        send_ping(fds[i], -2);
    net_rig_run(&rig);
    for (int i = 1; i < CLIENTS; i += 2) { /* ...and the others don't notice. */
        expect_pings(fds[i], 1);
        (void)close(fds[i]);
    }
    net_rig_run(&rig);
    ck_assert_uint_eq(rig.net.count, 0);
}
END_TEST

/* Those who ask for much come after those who ask for little, however many they are:
 * when the small one has its answer, the others have a slice or two of theirs. */
START_TEST(greedy_clients_keep_nobody_waiting)
{
    enum {
        GREEDY = 100,
        REQUESTS = 40,
        NODE_BYTES = 20000,
        SLICE = NET_SLICE_BYTES / NODE_BYTES + 1
    };
    struct bytes out = { 0 };
    const struct conn *greedy[GREEDY];
    int fds[GREEDY + 1];
    uint64_t replies = 0;
    uint8_t reply[20];

    for (int i = 0; i <= GREEDY; i++) {
        fds[i] = net_rig_open(&rig, 1);
        if (i < GREEDY)
            greedy[i] = net_rig_newest(&rig);
        (void)net_rig_handshake(&rig, fds[i], 30000);
    }
    put_create(&out, "/node", NODE_BYTES);
    net_rig_send(fds[0], out.at, out.len);
    net_rig_run(&rig);
    for (int round = 0; round < 3; round++) { /* libevent learns to ask for all at once. */
        for (int i = 0; i <= GREEDY; i++)
            send_ping(fds[i], -2);
        net_rig_run(&rig);
    }
    while (net_rig_recv(fds[GREEDY], reply, sizeof reply) > 0) {
    }
    out.len = 0;
    put_gets(&out, "/node", REQUESTS);
    for (int i = 0; i < GREEDY; i++)
        net_rig_send(fds[i], out.at, out.len);
    send_ping(fds[GREEDY], -2);
    while (net_rig_recv(fds[GREEDY], reply, sizeof reply) != 20)
        net_rig_turn(&rig);
    for (int i = 0; i < GREEDY; i++)
        replies += greedy[i]->client.stats.sent;
    ck_assert_uint_le(replies, (uint64_t)GREEDY * (5 + 3 * SLICE));
    for (int i = 0; i <= GREEDY; i++)
        (void)close(fds[i]);
    bytes_done(&out);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("net");

    tcase_add_test(tests, a_stream_cut_anywhere_is_understood);
    tcase_add_test(tests, a_stream_in_single_bytes_is_understood);
    tcase_add_test(tests, a_bad_length_closes_before_its_payload);
    tcase_add_test(tests, memory_is_taken_as_bytes_come_not_as_announced);
    tcase_add_test(tests, large_frames_end_where_they_should);
    tcase_add_test(tests, an_idle_session_keeps_no_buffers);
    tcase_add_test(tests, half_sent_megabytes_are_bounded_and_let_others_pass);
    tcase_add_test(tests, input_that_cannot_be_taken_is_kept_in_order);
    tcase_add_test(tests, while_nobody_leads_handshakes_wait_and_words_do_not);
    tcase_add_test(tests, who_comes_when_nobody_leads_for_long_is_closed);
    tcase_add_test(tests, who_takes_nothing_is_closed_and_holds_no_memory);
    tcase_add_test(tests, who_takes_slowly_gets_all);
    tcase_add_test(tests, a_client_that_goes_away_while_blocked_is_noticed);
    tcase_add_test(tests, many_clients_are_answered_at_once);
    tcase_add_test(tests, greedy_clients_keep_nobody_waiting);
    return run_tests(tests);
}
