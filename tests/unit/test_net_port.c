/* server/net: the port, and who is let in. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include "tests/unit/test_net_lib.h"

/* ---- The port. */

static int dial(int listen_fd)
{
    struct sockaddr_in bound = { 0 }; /* The port lies where that of an IPv6 address does. */
    socklen_t len = sizeof bound;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    ck_assert_int_eq(getsockname(listen_fd, (struct sockaddr *)(void *)&bound, &len), 0);
    in.sin_port = bound.sin_port;
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

int main(void)
{
    TCase *tests = tcase_create("net_port");

    tcase_add_test(tests, a_port_serves_both_families_and_sets_nodelay);
    tcase_add_test(tests, a_used_port_and_a_bad_name_are_told);
    tcase_add_test(tests, too_many_from_one_address_are_reset);
    tcase_add_test(tests, too_many_in_all_are_reset);
    tcase_add_test(tests, without_descriptors_newcomers_are_refused_and_the_loop_sleeps);
    tcase_add_test(tests, without_even_a_reserve_accepting_pauses);
    return run_tests(tests);
}
