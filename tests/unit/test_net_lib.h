/* What the tests of connections share: one rig a test, and a client's side of the talk. */
#ifndef TESTS_UNIT_TEST_NET_LIB_H
#define TESTS_UNIT_TEST_NET_LIB_H

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "jute/opcodes.h"
#include "jute/records.h"
#include "server/session/session.h"
#include "tests/lib/net_rig.h"

static struct net_rig rig;

static inline void setup(void)
{
    net_rig_init(&rig, NULL, NULL, NULL);
}

static inline void teardown(void)
{
    net_rig_done(&rig);
}

static inline void send_ping(int fd, int32_t xid)
{
    uint8_t ping[12];

    net_rig_put_header(ping, xid, ZK_OP_PING);
    net_rig_send(fd, ping, sizeof ping);
}

/* Reads n ping replies, 20 bytes each. */
static inline void expect_pings(int fd, int n)
{
    uint8_t reply[20];

    for (int i = 0; i < n; i++) {
        ck_assert_int_eq(net_rig_recv(fd, reply, sizeof reply), 20);
        ck_assert_uint_eq(jute_load32(reply), 16);
        ck_assert_int_eq((int32_t)jute_load32(reply + 4), ZK_XID_PING);
    }
}

static inline void expect_closed(int fd)
{
    uint8_t byte;

    net_rig_run(&rig);
    ck_assert_int_eq(net_rig_recv(fd, &byte, 1), 0);
}

/* ConnectRequest with the readOnly byte. */
static inline void put_connect(struct bytes *out, int32_t timeout_ms, int64_t id,
                               const uint8_t *password)
{
    struct connect_request r = { .timeout_ms = timeout_ms, .session_id = id };

    if (password != NULL)
        r.passwd = (struct jute_bytes){ .at = password, .len = SESSION_PASSWORD_LEN };
    jute_write_i32(out, (int32_t)jute_size_connect_request(&r) + 1);
    jute_write_connect_request(out, &r);
    jute_write_flag(out, false);
}

/* setData of a node that is missing: answered by an error, whatever its size. */
static inline void put_set_data(struct bytes *out, int32_t xid, const uint8_t *data, size_t len)
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
static inline bool has_error_reply(int fd, int32_t xid)
{
    uint8_t reply[20];
    ssize_t got = net_rig_recv(fd, reply, sizeof reply);

    return got == 20 && (int32_t)jute_load32(reply + 4) == xid &&
           (int32_t)jute_load32(reply + 16) == ZK_NO_NODE;
}

static inline int run_tests(TCase *tests)
{
    Suite *suite = suite_create("net");

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
