/* server/net: connections from bytes to frames and back, over real sockets. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "jute/opcodes.h"
#include "jute/records.h"
#include "server/session/session.h"
#include "tests/lib/net_rig.h"

static struct net_rig rig;

static void setup(void)
{
    net_rig_init(&rig, NULL, NULL, NULL);
}

static void teardown(void)
{
    net_rig_done(&rig);
}

static void send_ping(int fd, int32_t xid)
{
    uint8_t ping[12];

    net_rig_put_header(ping, xid, ZK_OP_PING);
    net_rig_send(fd, ping, sizeof ping);
}

/* Reads n ping replies, 20 bytes each. */
static void expect_pings(int fd, int n)
{
    uint8_t reply[20];

    for (int i = 0; i < n; i++) {
        ck_assert_int_eq(net_rig_recv(fd, reply, sizeof reply), 20);
        ck_assert_uint_eq(jute_load32(reply), 16);
        ck_assert_int_eq((int32_t)jute_load32(reply + 4), ZK_XID_PING);
    }
}

static void expect_closed(int fd)
{
    uint8_t byte;

    net_rig_run(&rig);
    ck_assert_int_eq(net_rig_recv(fd, &byte, 1), 0);
}

/* ConnectRequest with the readOnly byte. */
static void put_connect(struct bytes *out, int32_t timeout_ms, int64_t id, const uint8_t *password)
{
    struct connect_request r = { .timeout_ms = timeout_ms, .session_id = id };

    if (password != NULL)
        r.passwd = (struct jute_bytes){ .at = password, .len = SESSION_PASSWORD_LEN };
    jute_write_i32(out, (int32_t)jute_size_connect_request(&r) + 1);
    jute_write_connect_request(out, &r);
    jute_write_flag(out, false);
}

/* setData of a node that is missing: answered by an error, whatever its size. */
static void put_set_data(struct bytes *out, int32_t xid, const uint8_t *data, size_t len)
{
    struct set_data_request r = { .path = jute_text("/missing"),
                                  .data = { .at = data, .len = (int32_t)len },
                                  .version = -1 };

    jute_write_i32(out, (int32_t)jute_size_set_data_request(&r) + 8);
    jute_write_i32(out, xid);
    jute_write_i32(out, ZK_OP_SET_DATA);
    jute_write_set_data_request(out, &r);
}

/* The reply to it. */
static bool has_error_reply(int fd, int32_t xid)
{
    uint8_t reply[20];
    ssize_t got = net_rig_recv(fd, reply, sizeof reply);

    return got == 20 && (int32_t)jute_load32(reply + 4) == xid &&
           (int32_t)jute_load32(reply + 16) == ZK_NO_NODE;
}

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

START_TEST(input_that_cannot_be_taken_is_kept_in_order)
{
    enum { PINGS = 5000 };
    struct bytes stream = { 0 };
    uint8_t ping[12];
    int fd = net_rig_open(&rig, 1);
    size_t sent = 0;
    int got = 0;

    (void)net_rig_handshake(&rig, fd, 30000);
    /* A write that does not become durable: reads wait behind it, and then the line is
     * full. */
    rig.hold_log = true;
    put_set_data(&stream, 7, ping, 1);
    net_rig_put_header(ping, -2, ZK_OP_PING);
    for (int i = 0; i < PINGS; i++)
        bytes_put(&stream, ping, sizeof ping);
    for (int quiet = 0; quiet < 10 && sent < stream.len;) {
        ssize_t n = send(fd, stream.at + sent, stream.len - sent, MSG_NOSIGNAL);

        sent += n > 0 ? (size_t)n : 0;
        quiet = n > 0 ? 0 : quiet + 1;
        net_rig_run(&rig);
    }
    ck_assert_int_eq(net_rig_recv(fd, ping, sizeof ping), -2);
    rig.hold_log = false;
    for (bool first = true; got < PINGS;) {
        ssize_t n =
            sent < stream.len ? send(fd, stream.at + sent, stream.len - sent, MSG_NOSIGNAL) : 0;

        sent += n > 0 ? (size_t)n : 0;
        net_rig_run(&rig);
        if (first)
            ck_assert(has_error_reply(fd, 7));
        first = false;
        for (uint8_t reply[20]; net_rig_recv(fd, reply, sizeof reply) == 20; got++)
            ck_assert_int_eq((int32_t)jute_load32(reply + 4), ZK_XID_PING);
    }
    ck_assert_int_eq(got, PINGS);
    ck_assert_uint_eq(rig.net.ingress.used, 0);
    bytes_done(&stream);
    (void)close(fd);
}
END_TEST

/* ---- Output. */

/* Asks for much and does not read. */
static int open_greedy(int requests)
{
    static uint8_t data[200000];
    struct create_request create = { .path = jute_text("/big"),
                                     .data = { .at = data, .len = sizeof data } };
    struct get_data_request get = { .path = jute_text("/big") };
    struct bytes acl = { 0 };
    struct bytes out = { 0 };
    int fd = net_rig_open(&rig, 1);

    (void)net_rig_handshake(&rig, fd, 30000);
    jute_write_acl(
        &acl,
        (struct jute_acl){ .perms = 31, .scheme = jute_text("world"), .id = jute_text("anyone") });
    create.acl = jute_vector_of(&acl, 1);
    jute_write_i32(&out, (int32_t)jute_size_create_request(&create) + 8);
    jute_write_i32(&out, 1);
    jute_write_i32(&out, ZK_OP_CREATE);
    jute_write_create_request(&out, &create);
    for (int i = 0; i < requests; i++) {
        jute_write_i32(&out, (int32_t)jute_size_get_data_request(&get) + 8);
        jute_write_i32(&out, 2 + i);
        jute_write_i32(&out, ZK_OP_GET_DATA);
        jute_write_get_data_request(&out, &get);
    }
    for (size_t sent = 0; sent < out.len;) {
        ssize_t n = send(fd, out.at + sent, out.len - sent, MSG_NOSIGNAL);

        net_rig_run(&rig);
        if (n > 0)
            sent += (size_t)n;
    }
    bytes_done(&acl);
    bytes_done(&out);
    return fd;
}

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
                          WORDS_LARGE_AT_ONCE * (WORDS_STEP_BYTES + 1024));
        (void)close(fds[i]);
    }
    net_rig_run(&rig);
    ck_assert_uint_eq(rig.net.words.running, 0);
    ck_assert_uint_eq(rig.service.egress_bytes, 0);
    for (int i = 0; i < SESSIONS; i++)
        (void)close(sessions[i]);
}
END_TEST

/* ---- The port. */

static int dial(int listen_fd)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof ss;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    ck_assert_int_eq(getsockname(listen_fd, (struct sockaddr *)(void *)&ss, &len), 0);
    in.sin_port = ((const struct sockaddr_in *)(const void *)&ss)->sin_port;
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)(const void *)&in, sizeof in), 0);
    return fd;
}

/* Binds, listens, gives the socket. */
static int open_port(const char *host)
{
    int fd = net_bind(host, 0, &rig.net.conf);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(net_listen(&rig.net, fd), 0);
    return fd;
}

/* Whether a connection of ours was reset, once the rig had a look. */
static bool is_reset(int fd)
{
    uint8_t byte;

    net_rig_run(&rig);
    return net_rig_recv(fd, &byte, 1) == -1 && errno == ECONNRESET;
}

START_TEST(a_port_serves_both_families_and_sets_nodelay)
{
    int port = open_port(NULL);
    int fd = dial(port);
    int on = 0;
    socklen_t len = sizeof on;

    (void)net_rig_handshake(&rig, fd, 30000);

    const struct conn *c = net_rig_newest(&rig);

    ck_assert(!c->address.is_v6);
    ck_assert_int_eq(getsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    ck_assert_int_ne(on, 0);
    (void)close(fd);
}
END_TEST

START_TEST(a_used_port_and_a_bad_name_are_told)
{
    char name[ADDRESS_TEXT_MAX];
    int port = open_port("127.0.0.1");

    net_local_name(name, port);

    uint16_t number = (uint16_t)strtoul(strchr(name, ':') + 1, NULL, 10);

    ck_assert_int_eq(net_bind("127.0.0.1", number, &rig.net.conf), -EADDRINUSE);
    ck_assert_int_eq(net_bind("no.such.host.invalid", 0, &rig.net.conf), -ENOENT);
    ck_assert_int_eq(net_bind("192.0.2.1", 0, &rig.net.conf), -EADDRNOTAVAIL);
}
END_TEST

START_TEST(too_many_from_one_address_are_reset)
{
    int port = open_port("127.0.0.1");
    int fds[4];

    rig.net.conf.max_connections_ip = 3;
    for (int i = 0; i < 4; i++) {
        fds[i] = dial(port);
        ck_assert(is_reset(fds[i]) == (i == 3));
    }
    ck_assert_uint_eq(rig.service.stats.connection_rejected, 1);
    (void)close(fds[0]);
    net_rig_run(&rig);

    int again = dial(port);

    ck_assert(!is_reset(again));
    (void)close(again);
    for (int i = 1; i < 4; i++)
        (void)close(fds[i]);
}
END_TEST

START_TEST(too_many_in_all_are_reset)
{
    int port = open_port("127.0.0.1");
    int fds[3];

    rig.net.conf.max_connections = 2;
    for (int i = 0; i < 3; i++) {
        fds[i] = dial(port);
        ck_assert(is_reset(fds[i]) == (i == 2));
    }
    rig.net.conf.max_connections = 0;
    rig.net.conf.fd_limit = 2;
    (void)close(fds[2]);
    fds[2] = dial(port);
    ck_assert(is_reset(fds[2]));
    for (int i = 0; i < 3; i++)
        (void)close(fds[i]);
}
END_TEST

START_TEST(without_descriptors_newcomers_are_refused_and_the_loop_sleeps)
{
    struct rlimit limit;
    int port = open_port("127.0.0.1");
    int fds[3];

    for (int i = 0; i < 3; i++)
        fds[i] = dial(port);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);

    rlim_t before = limit.rlim_cur;

    /* Nothing above what is open now. */
    limit.rlim_cur = (rlim_t)fds[2] + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int i = 0; i < 3; i++)
        ck_assert(is_reset(fds[i]));
    ck_assert_uint_eq(rig.net.count, 0);
    ck_assert(!net_has_work(&rig.net));
    limit.rlim_cur = before;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int i = 0; i < 3; i++)
        (void)close(fds[i]);
    net_rig_sleep(&rig, NET_ACCEPT_PAUSE_MS);

    int fd = dial(port);

    (void)net_rig_handshake(&rig, fd, 30000);
    (void)close(fd);
}
END_TEST

START_TEST(without_even_a_reserve_accepting_pauses)
{
    struct rlimit limit;
    int port = open_port("127.0.0.1");
    int fd = dial(port);
    int filler;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);

    rlim_t before = limit.rlim_cur;

    (void)close(rig.net.reserve_fd);
    filler = rig.net.reserve_fd;
    rig.net.reserve_fd = -1;
    ck_assert_int_eq(dup2(fd, filler), filler);
    limit.rlim_cur = (rlim_t)fd + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    net_rig_run(&rig);
    ck_assert(!rig.net.is_accepting);
    ck_assert_int_eq(net_deadline(&rig.net), rig.now_ms + NET_ACCEPT_PAUSE_MS);
    limit.rlim_cur = before;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    net_rig_sleep(&rig, NET_ACCEPT_PAUSE_MS);
    ck_assert(rig.net.is_accepting);
    (void)net_rig_handshake(&rig, fd, 30000);
    (void)close(filler);
    (void)close(fd);
}
END_TEST

static Suite *make_suite(void)
{
    TCase *tests = tcase_create("net");
    Suite *suite = suite_create("net");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_stream_cut_anywhere_is_understood);
    tcase_add_test(tests, a_stream_in_single_bytes_is_understood);
    tcase_add_test(tests, a_bad_length_closes_before_its_payload);
    tcase_add_test(tests, memory_is_taken_as_bytes_come_not_as_announced);
    tcase_add_test(tests, large_frames_end_where_they_should);
    tcase_add_test(tests, an_idle_session_keeps_no_buffers);
    tcase_add_test(tests, half_sent_megabytes_are_bounded_and_let_others_pass);
    tcase_add_test(tests, input_that_cannot_be_taken_is_kept_in_order);
    tcase_add_test(tests, who_takes_nothing_is_closed_and_holds_no_memory);
    tcase_add_test(tests, who_takes_slowly_gets_all);
    tcase_add_test(tests, a_client_that_goes_away_while_blocked_is_noticed);
    tcase_add_test(tests, many_clients_are_answered_at_once);
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
    tcase_add_test(tests, a_port_serves_both_families_and_sets_nodelay);
    tcase_add_test(tests, a_used_port_and_a_bad_name_are_told);
    tcase_add_test(tests, too_many_from_one_address_are_reset);
    tcase_add_test(tests, too_many_in_all_are_reset);
    tcase_add_test(tests, without_descriptors_newcomers_are_refused_and_the_loop_sleeps);
    tcase_add_test(tests, without_even_a_reserve_accepting_pauses);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(make_suite());

    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
