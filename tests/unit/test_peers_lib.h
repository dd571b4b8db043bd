/* What the tests of the peers' ports share. */
#ifndef TESTS_UNIT_TEST_PEERS_LIB_H
#define TESTS_UNIT_TEST_PEERS_LIB_H

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jute/codec.h"
#include "server/net/limits.h"
#include "tests/lib/peers_rig.h"

#define OURS ZAB_LINK_OURS

static struct peers_rig rig;

static inline void setup(void)
{
    peers_rig_init(&rig);
}

static inline void teardown(void)
{
    peers_rig_done(&rig);
}

static inline bool got_text(const struct bytes *b, const char *text)
{
    return b->len == strlen(text) && memcmp(b->at, text, b->len) == 0;
}

/* Tells a server of itself, where it listens, and of one more. */
static inline void know(struct rig_server *s, zk_sid sid, uint16_t quorum, uint16_t election)
{
    char self[64];
    char other[64];
    const char *const members[] = { self, other };

    (void)snprintf(self, sizeof self, "%lld=127.0.0.1:0:0", (long long)s->conf.self);
    (void)snprintf(other, sizeof other, "%lld=127.0.0.1:%u:%u", (long long)sid, quorum, election);
    rig_members(s, members, 2);
}

static inline struct peers_view view(const struct rig_server *s)
{
    struct peers_view v;

    peers_view(s->peers, &v);
    return v;
}

static inline uint16_t election_port(const struct rig_server *s)
{
    return peers_port(s->peers, PEERS_ELECTION);
}

static inline uint16_t quorum_port(const struct rig_server *s)
{
    return peers_port(s->peers, PEERS_QUORUM);
}

static inline void send_text(struct rig_server *s, zab_link link, const char *text)
{
    peers_send(s->peers, link, (const uint8_t *)text, strlen(text));
}

/* A caller of the quorum port. */
static inline int call(const struct rig_server *s, const char *text)
{
    int fd = raw_dial(quorum_port(s));

    raw_send(fd, text, strlen(text));
    rig_settle(&rig);
    return fd;
}

/* A caller that has said who it is. */
static inline int call_as(const struct rig_server *s, zk_sid sid)
{
    struct bytes hello = { 0 };
    int fd = raw_dial(election_port(s));

    raw_hello(&hello, 1, sid, "127.0.0.1:1");
    raw_send(fd, hello.at, hello.len);
    bytes_done(&hello);
    rig_settle(&rig);
    return fd;
}

static inline void say(int fd, const char *text)
{
    struct bytes frame = { 0 };

    raw_frame(&frame, text);
    raw_send(fd, frame.at, frame.len);
    bytes_done(&frame);
    rig_settle(&rig);
}

/* Expects exactly this frame on the other end. */
static inline void expect_frame(int fd, const char *text)
{
    char got[256];
    size_t len = strlen(text);

    rig_settle(&rig);
    ck_assert_int_eq(raw_recv(fd, got, sizeof got), (long)len + 4);
    ck_assert_uint_eq(jute_load32((const uint8_t *)got), len);
    ck_assert_mem_eq(got + 4, text, len);
}

static inline void expect_silence(int fd)
{
    char byte;

    rig_settle(&rig);
    ck_assert_int_eq(raw_recv(fd, &byte, 1), -1);
    ck_assert_int_eq(errno, EAGAIN);
}

static inline int run_tests(TCase *tests)
{
    Suite *suite = suite_create("peers");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
