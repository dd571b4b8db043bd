/* server/net/client_port: where clients come in, while that changes. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "server/net/client_port.h"
#include "tests/unit/test_net_lib.h"

static struct client_port port;

/* A port that nobody has; somebody may take it, which the tests would tell. */
static uint16_t free_port(void)
{
    char name[ADDRESS_TEXT_MAX];
    int fd = net_bind("127.0.0.1", 0, &rig.net.conf);

    ck_assert_int_ge(fd, 0);
    net_local_name(name, fd);
    (void)close(fd);
    return (uint16_t)strtoul(strchr(name, ':') + 1, NULL, 10);
}

/* A client's socket, or -1: nobody listens there. */
static int dial(const char *host, uint16_t to)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(to) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(inet_pton(AF_INET, host, &in.sin_addr), 1);
    if (connect(fd, (const struct sockaddr *)(const void *)&in, sizeof in) == 0)
        return fd;
    ck_assert_int_eq(errno, ECONNREFUSED);
    (void)close(fd);
    return -1;
}

static bool is_open(const char *host, uint16_t at)
{
    int fd = dial(host, at);

    if (fd >= 0)
        (void)close(fd);
    return fd >= 0;
}

/* Somebody else listens there. */
static int take(uint16_t at)
{
    int fd = net_bind("127.0.0.1", at, &rig.net.conf);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    return fd;
}

/* Returns the port, which is open on 127.0.0.1. */
static uint16_t begin(void)
{
    uint16_t at = free_port();
    int fd = net_bind("127.0.0.1", at, &rig.net.conf);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(net_listen(&rig.net, fd), 0);
    client_port_init(&port, &rig.net, "127.0.0.1", at);
    return at;
}

static void end(void)
{
    client_port_done(&port);
}

START_TEST(it_moves_and_connections_stay)
{
    uint16_t from = begin(), to = free_port();
    int fd = dial("127.0.0.1", from);

    (void)net_rig_handshake(&rig, fd, 30000);
    client_port_move(&port, "127.0.0.1", to);
    ck_assert(!is_open("127.0.0.1", from));
    ck_assert(is_open("127.0.0.1", to));
    ck_assert_int_eq(rig.net.words.conf.client_port, to);
    ck_assert_int_eq(client_port_deadline(&port), INT64_MAX);
    send_ping(fd, ZK_XID_PING);
    net_rig_run(&rig);
    expect_pings(fd, 1);

    int other = dial("127.0.0.1", to);

    (void)net_rig_handshake(&rig, other, 30000);
    (void)close(other);
    (void)close(fd);
    end();
}
END_TEST

START_TEST(the_same_place_is_left_alone)
{
    uint16_t at = begin();
    int fd = rig.net.listen_fd;

    client_port_move(&port, "127.0.0.1", at);
    ck_assert_int_eq(rig.net.listen_fd, fd);
    ck_assert(is_open("127.0.0.1", at));
    end();
}
END_TEST

/* The kernel has no room for both. */
START_TEST(the_same_port_gets_other_addresses)
{
    uint16_t at = begin();

    client_port_move(&port, NULL, at);
    ck_assert(is_open("127.0.0.2", at));
    client_port_move(&port, "127.0.0.2", at);
    ck_assert(!is_open("127.0.0.1", at));
    ck_assert(is_open("127.0.0.2", at));
    end();
}
END_TEST

START_TEST(what_is_taken_is_tried_again_and_the_old_port_stays_so_long)
{
    uint16_t from = begin(), to = free_port();
    int other = take(to);

    client_port_move(&port, "127.0.0.1", to);
    ck_assert(is_open("127.0.0.1", from));
    ck_assert_int_eq(client_port_deadline(&port), rig.service.now_ms + NET_BIND_PAUSE_MS);
    (void)close(other);
    client_port_expire(&port); /* Not yet. */
    ck_assert(is_open("127.0.0.1", from));
    net_rig_sleep(&rig, NET_BIND_PAUSE_MS);
    client_port_expire(&port);
    ck_assert(!is_open("127.0.0.1", from));
    ck_assert(is_open("127.0.0.1", to));
    ck_assert_int_eq(client_port_deadline(&port), INT64_MAX);
    end();
}
END_TEST

START_TEST(it_may_go_back_before_it_has_moved)
{
    uint16_t from = begin(), to = free_port();
    int other = take(to);

    client_port_move(&port, "127.0.0.1", to);
    client_port_move(&port, "127.0.0.1", from);
    ck_assert(is_open("127.0.0.1", from));
    ck_assert_int_eq(client_port_deadline(&port), INT64_MAX);
    (void)close(other);
    end();
}
END_TEST

START_TEST(a_name_is_looked_up_aside)
{
    uint16_t from = begin(), to = free_port();

    client_port_move(&port, "localhost", to);
    ck_assert(is_open("127.0.0.1", from));
    for (int i = 0; i < 1000 && port.is_moving; i++) {
        (void)usleep(10000); /* A thread has it. */
        net_rig_turn(&rig);
        client_port_expire(&port);
    }
    ck_assert(!port.is_moving);
    ck_assert(!is_open("127.0.0.1", from));
    end();
}
END_TEST

START_TEST(once_closed_it_stays_closed)
{
    uint16_t from = begin(), to = free_port();
    int other = take(to);

    client_port_move(&port, "127.0.0.1", to);
    client_port_close(&port);
    (void)close(other);
    net_rig_sleep(&rig, NET_BIND_PAUSE_MS);
    client_port_expire(&port);
    ck_assert(!is_open("127.0.0.1", from));
    ck_assert(!is_open("127.0.0.1", to));
    end();
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("client_port");

    tcase_add_test(tests, it_moves_and_connections_stay);
    tcase_add_test(tests, the_same_place_is_left_alone);
    tcase_add_test(tests, the_same_port_gets_other_addresses);
    tcase_add_test(tests, what_is_taken_is_tried_again_and_the_old_port_stays_so_long);
    tcase_add_test(tests, it_may_go_back_before_it_has_moved);
    tcase_add_test(tests, a_name_is_looked_up_aside);
    tcase_add_test(tests, once_closed_it_stays_closed);
    return run_tests(tests);
}
