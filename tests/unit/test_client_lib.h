/* What the tests of the client library share: a server in the same thread whose every word the test
 * writes. The server's sockets don't block: reading from one runs the client's loop meanwhile. */
#ifndef TESTS_UNIT_TEST_CLIENT_LIB_H
#define TESTS_UNIT_TEST_CLIENT_LIB_H

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client/zabclient.h"
#include "jute/frame.h"

enum { FAKE_PATIENCE_S = 20, FAKE_SESSION = 0x1234, FAKE_TIMEOUT_MS = 60000 };

static struct event_base *base;
static int listeners[2];
static char servers[64];
static struct zabc *client;

/* What the client's callbacks said, joined with blanks. */
static char told[4096];

static inline void tell(const char *text)
{
    size_t len = strlen(told);

    (void)snprintf(told + len, sizeof told - len, len > 0 ? " %s" : "%s", text);
}

static inline void on_session(void *arg, const struct zabc_event *event)
{
    char text[32];

    (void)arg;
    (void)snprintf(text, sizeof text, "state:%d", (int)event->state);
    tell(text);
}

static inline void on_event(void *arg, const struct zabc_event *event)
{
    char text[128];

    (void)snprintf(text, sizeof text, "%s:%d:%s", (const char *)arg, (int)event->type, event->path);
    tell(text);
}

static inline void on_reply(void *arg, const struct zabc_reply *reply)
{
    char text[64];

    (void)snprintf(text, sizeof text, "%s=%d", (const char *)arg, reply->err);
    tell(text);
}

/* The same name always lies at the same place, and may be changed by nobody. */
static inline char *name_of(const char *name)
{
    static char names[32][16];

    for (int i = 0; i < 32; i++) {
        if (names[i][0] == '\0')
            (void)snprintf(names[i], sizeof names[i], "%s", name);
        if (strcmp(names[i], name) == 0)
            return names[i];
    }
    ck_abort_msg("too many names");
    return NULL;
}

static inline struct zabc_done done(const char *name)
{
    return (struct zabc_done){ .tell = on_reply, .arg = name_of(name) };
}

static inline struct zabc_watcher watcher(const char *name)
{
    return (struct zabc_watcher){ .tell = on_event, .arg = name_of(name) };
}

static inline void turn(void)
{
    static const struct timespec blink = { .tv_nsec = 500000 };

    (void)event_base_loop(base, EVLOOP_NONBLOCK);
    (void)nanosleep(&blink, NULL);
}

static inline time_t patience(void)
{
    return time(NULL) + FAKE_PATIENCE_S;
}

/* Runs the loop until the callbacks have said exactly this, and forgets it. */
static inline void expect_told(const char *text)
{
    for (time_t end = patience(); strcmp(told, text) != 0 && time(NULL) < end;)
        turn();
    ck_assert_str_eq(told, text);
    told[0] = '\0';
}

static inline int listen_somewhere(uint16_t *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, len), 0);
    ck_assert_int_eq(listen(fd, 16), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static inline void setup(void)
{
    uint16_t ports[2];

    base = event_base_new();
    for (int i = 0; i < 2; i++)
        listeners[i] = listen_somewhere(&ports[i]);
    (void)snprintf(servers, sizeof servers, "127.0.0.1:%u", ports[0]);
    told[0] = '\0';
}

static inline void teardown(void)
{
    zabc_free(client);
    client = NULL;
    for (int i = 0; i < 2; i++)
        (void)close(listeners[i]);
    event_base_free(base);
}

static inline void open_conf(struct zabc_conf conf, const char *chroot)
{
    char list[256];

    (void)snprintf(list, sizeof list, "%s%s", servers, chroot);
    conf.base = base;
    conf.servers = list;
    conf.seed = 1;
    conf.session = (struct zabc_watcher){ .tell = on_session };
    ck_assert_int_eq(zabc_new(&client, &conf), 0);
}

static inline int accept_client(int listener)
{
    for (time_t end = patience(); time(NULL) < end; turn()) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            return fd;
    }
    ck_abort_msg("nobody dials");
    return -1;
}

/* One frame of the client; its body follows in `ret`. Returns its length, or -1 at the end. */
static inline ssize_t recv_frame(int fd, uint8_t *ret, size_t size)
{
    size_t have = 0;
    size_t want = 4;

    for (time_t end = patience(); time(NULL) < end; turn()) {
        ssize_t got = recv(fd, ret + have, want - have, 0);

        if (got == 0 || (got < 0 && errno != EAGAIN))
            return -1;
        have += got > 0 ? (size_t)got : 0;
        if (have < want)
            continue;
        if (want > 4) {
            memmove(ret, ret + 4, want - 4);
            return (ssize_t)(want - 4);
        }
        want += jute_load32(ret);
        ck_assert_uint_le(want, size);
    }
    ck_abort_msg("nothing comes");
    return -1;
}

static inline void send_bytes(int fd, const void *at, size_t len)
{
    ck_assert_int_eq(send(fd, at, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* Sends a reply's header and what was written to `body` (NULL: nothing). */
static inline void send_reply(int fd, int32_t xid, zk_zxid zxid, int err, struct bytes *body)
{
    struct bytes out = { 0 };
    size_t frame = jute_frame_begin(&out);
    const struct reply_header header = { .xid = xid, .zxid = zxid, .err = err };

    jute_write_reply_header(&out, &header);
    if (body != NULL)
        bytes_put(&out, body->at, body->len);
    jute_frame_end(&out, frame);
    send_bytes(fd, out.at, out.len);
    bytes_done(&out);
    if (body != NULL)
        bytes_done(body);
}

static inline void send_event(int fd, zk_zxid zxid, int32_t type, const char *path)
{
    struct bytes body = { 0 };
    const struct watcher_event e = { .type = type, .state = 3, .path = jute_text(path) };

    jute_write_watcher_event(&body, &e);
    send_reply(fd, ZK_XID_WATCH, zxid, 0, &body);
}

static inline struct connect_request recv_greeting(int fd)
{
    static uint8_t bytes[256];
    ssize_t len = recv_frame(fd, bytes, sizeof bytes);
    struct jute_in in = jute_in(bytes, len > 0 ? (size_t)len : 0);
    struct connect_request ret;

    jute_read_connect_request(&in, &ret);
    ck_assert(!in.bad);
    ck_assert_uint_eq(jute_left(&in), 1);
    return ret;
}

static inline void send_greeting(int fd, int32_t timeout_ms, bool is_read_only)
{
    struct bytes out = { 0 };
    size_t frame = jute_frame_begin(&out);
    const struct connect_response r = {
        .timeout_ms = timeout_ms,
        .session_id = timeout_ms > 0 ? FAKE_SESSION : 0,
        .passwd = { .at = (const uint8_t *)"0123456789abcdef", .len = 16 },
    };

    jute_write_connect_response(&out, &r);
    jute_write_flag(&out, is_read_only);
    jute_frame_end(&out, frame);
    send_bytes(fd, out.at, out.len);
    bytes_done(&out);
}

/* The client's ConnectRequest; answered with a session of that timeout. */
static inline struct connect_request greet_with(int fd, int32_t timeout_ms, bool is_read_only)
{
    struct connect_request ret = recv_greeting(fd);

    send_greeting(fd, timeout_ms, is_read_only);
    return ret;
}

static inline struct connect_request greet(int fd)
{
    return greet_with(fd, FAKE_TIMEOUT_MS, false);
}

/* The next request, which must be of that type. Returns its xid; `in` is behind its header. */
static uint8_t request_bytes[4 << 20];

static inline int32_t recv_request(int fd, int32_t type, struct jute_in *in)
{
    ssize_t len = recv_frame(fd, request_bytes, sizeof request_bytes);
    struct jute_in all = jute_in(request_bytes, len > 0 ? (size_t)len : 0);
    struct request_header header;

    jute_read_request_header(&all, &header);
    ck_assert(!all.bad);
    ck_assert_int_eq(header.type, type);
    if (in != NULL)
        *in = all;
    return header.xid;
}

static inline void expect_cut(int fd)
{
    uint8_t bytes[64];

    ck_assert_int_eq(recv_frame(fd, bytes, sizeof bytes), -1);
    (void)close(fd);
}

/* A client with a session; returns the server's end of its connection. */
static inline int open_session(struct zabc_conf conf, const char *chroot)
{
    open_conf(conf, chroot);

    int fd = accept_client(listeners[0]);

    (void)greet(fd);
    expect_told("state:3");
    return fd;
}

static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
