/* server/net/peers: whom the election port calls, and where (quorum-protocol 2.1 to 2.3): those
 * that knock, addresses and names, members that come and go. */
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "server/net/resolver.h"
#include "tests/unit/test_peers_lib.h"

/* ---- Calling back. */

START_TEST(a_smaller_stranger_is_called_back_where_it_says)
{
    struct rig_server *five = rig_listen(&rig, 5);
    struct bytes hello = { 0 };
    char address[64];
    uint16_t port;
    int listen_fd = raw_listen(&port);
    int fd = raw_dial(election_port(five));
    char got[128];

    (void)snprintf(address, sizeof address, "0.0.0.0:%u|127.0.0.1:%u", port, port);
    raw_hello(&hello, 2, 3, address);
    raw_send(fd, hello.at, hello.len);
    ck_assert(raw_is_closed(&rig, fd));
    (void)close(fd);
    fd = raw_accept(&rig, listen_fd);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_gt(raw_recv(fd, got, sizeof got), 20);
    ck_assert_int_eq(raw_accept(&rig, listen_fd), -1);
    say(fd, "let me join");
    ck_assert_int_eq(five->from, 3);
    rig_notify(five, 3, "answer");
    expect_frame(fd, "answer");
    (void)close(fd);
    (void)close(listen_fd);
    bytes_done(&hello);
}
END_TEST

START_TEST(a_stranger_without_an_address_is_forgotten)
{
    static const char *const addresses[] = { "0.0.0.0:1", "[::]:1", "[0:0:0:0:0:0:0:0]:1", "h:0" };
    struct rig_server *five = rig_listen(&rig, 5);

    for (int i = -1; i < 4; i++) {
        struct bytes hello = { 0 };
        int fd = raw_dial(election_port(five));

        raw_hello(&hello, i < 0 ? 0 : 1, 3, i < 0 ? "" : addresses[i]);
        raw_send(fd, hello.at, hello.len);
        ck_assert(raw_is_closed(&rig, fd));
        ck_assert_uint_eq(view(five).strangers, 0);
        (void)close(fd);
        bytes_done(&hello);
    }
}
END_TEST

START_TEST(a_member_is_called_where_the_configuration_says)
{
    struct rig_server *five = rig_listen(&rig, 5);
    uint16_t port;
    uint16_t elsewhere;
    int listen_fd = raw_listen(&port);
    int liar_fd = raw_listen(&elsewhere);
    struct bytes hello = { 0 };
    char address[64];
    int fd = raw_dial(election_port(five));

    know(five, 3, 0, port);
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", elsewhere);
    raw_hello(&hello, 1, 3, address);
    raw_send(fd, hello.at, hello.len);
    ck_assert(raw_is_closed(&rig, fd));
    (void)close(fd);
    ck_assert_int_eq(raw_accept(&rig, liar_fd), -1);
    fd = raw_accept(&rig, listen_fd);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    (void)close(liar_fd);
    (void)close(listen_fd);
    bytes_done(&hello);
}
END_TEST

START_TEST(a_knock_replaces_the_connection)
{
    struct rig_server *five = rig_listen(&rig, 5);
    uint16_t port;
    int listen_fd = raw_listen(&port);
    char got[128];

    know(five, 3, 0, port);
    rig_notify(five, 3, "vote");

    int before = raw_accept(&rig, listen_fd);

    ck_assert_int_ge(before, 0);
    rig_pass(&rig, PEERS_CROSSING_MS);
    (void)close(call_as(five, 3));

    int after = raw_accept(&rig, listen_fd);

    ck_assert_int_ge(after, 0);
    ck_assert(raw_is_closed(&rig, before));
    ck_assert_int_gt(raw_recv(after, got, 20 + 15), 20); /* The initial message. */
    rig_notify(five, 3, "newer");
    say(after, "vote");
    ck_assert_int_eq(five->from, 3);
    ck_assert_uint_eq(five->told, 1);
    (void)close(before);
    (void)close(after);
    (void)close(listen_fd);
}
END_TEST

START_TEST(a_knock_that_crosses_our_call_changes_nothing)
{
    struct rig_server *five = rig_listen(&rig, 5);
    uint16_t port;
    int listen_fd = raw_listen(&port);
    char got[128];

    know(five, 3, 0, port);
    peers_call(five->peers, 3);

    int fd = raw_accept(&rig, listen_fd);

    ck_assert_int_gt(raw_recv(fd, got, sizeof got), 20);
    (void)close(call_as(five, 3));
    ck_assert_int_eq(raw_accept(&rig, listen_fd), -1);
    rig_notify(five, 3, "vote");
    expect_frame(fd, "vote");
    (void)close(fd);
    (void)close(listen_fd);
}
END_TEST

START_TEST(a_new_connection_of_the_larger_sid_replaces_the_older)
{
    struct rig_server *one = rig_listen(&rig, 1);
    int before = call_as(one, 3);
    int after = call_as(one, 3);

    ck_assert(raw_is_closed(&rig, before));
    say(after, "vote");
    ck_assert_uint_eq(one->notified, 1);
    rig_notify(one, 3, "answer");
    expect_frame(after, "answer");
    ck_assert_uint_eq(view(one).calls, 1);
    (void)close(before);
    (void)close(after);
}
END_TEST

/* ---- Addresses. */

START_TEST(of_several_addresses_a_live_one_is_found)
{
    struct rig_server *two = rig_listen(&rig, 2);
    uint16_t dead;
    uint16_t live;
    char other[128];
    const char *const members[] = { "2=127.0.0.1:0:0", other };

    (void)close(raw_listen(&dead));

    int listen_fd = raw_listen(&live);

    (void)snprintf(other, sizeof other, "1=127.0.0.1:1:%u|127.0.0.1:1:%u", dead, live);
    rig_members(two, members, 2);
    rig_notify(two, 1, "vote");

    int fd = raw_accept(&rig, listen_fd);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(two->reachable[1], 1);
    (void)close(fd);
    (void)close(listen_fd);
}
END_TEST

START_TEST(members_may_have_ipv6_addresses)
{
    struct rig_server *one = rig_start(&rig, 1);
    struct rig_server *two = rig_listen(&rig, 2);
    const char *const self[] = { "1=::1:0:0" };
    char first[64];
    const char *const members[] = { first, "2=127.0.0.1:0:0" };
    int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };

    if (probe < 0 || bind(probe, (const struct sockaddr *)(const void *)&in6, sizeof in6) < 0)
        return; /* This machine has no IPv6. */
    (void)close(probe);
    rig_members(one, self, 1);
    peers_listen(one->peers);
    ck_assert(peers_is_listening(one->peers));
    (void)snprintf(first, sizeof first, "1=::1:0:%u", election_port(one));
    rig_members(two, members, 2);
    rig_notify(two, 1, "vote");
    rig_settle(&rig);
    ck_assert_uint_eq(one->notified, 1);
}
END_TEST

/* A name server of our own: which address the name means, atomically. */
static int moved_to;

static void lookup(struct resolved *ret, const char *host)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int number = __atomic_load_n(&moved_to, __ATOMIC_ACQUIRE);

    if (number < 0 || strcmp(host, "one.test") != 0)
        return;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)number);
    memcpy(&ret->at[0], &in, sizeof in);
    ret->count = 1;
}

START_TEST(a_name_is_looked_up_anew_for_each_call)
{
    struct peers_conf conf = rig_conf(2);
    struct rig_server *first = rig_listen(&rig, 1); /* 127.0.0.1 */
    struct rig_server *moved = rig_start(&rig, 1);
    char self[64];
    char named[64];
    const char *const moved_members[] = { self };
    const char *const members[] = { named, "2=127.0.0.1:0:0" };
    uint16_t port = election_port(first);

    (void)snprintf(self, sizeof self, "1=127.0.0.2:0:%u", port);
    rig_members(moved, moved_members, 1);
    peers_listen(moved->peers);
    ck_assert(peers_is_listening(moved->peers));
    conf.lookup = lookup;

    struct rig_server *two = rig_start_with(&rig, &conf);

    (void)snprintf(named, sizeof named, "1=one.test:1:%u", port);
    rig_members(two, members, 2);
    __atomic_store_n(&moved_to, -1, __ATOMIC_RELEASE);
    rig_notify(two, 1, "vote"); /* Means nothing yet. */
    rig_pass(&rig, 10);
    __atomic_store_n(&moved_to, 0, __ATOMIC_RELEASE);
    while (first->notified == 0) {
        int64_t began_ms = 0;

        rig.now_ms += 10;
        ck_assert(rig_wait(&rig, &began_ms));
    }
    __atomic_store_n(&moved_to, 1, __ATOMIC_RELEASE);
    rig_pass(&rig, PEERS_STABLE_MS);
    rig_stop(first);
    rig_until(&rig, moved->notified > 0);
    ck_assert(got_text(&moved->body, "vote"));
    ck_assert_int_eq(two->reachable[1], 1);
}
END_TEST

START_TEST(the_system_knows_localhost)
{
    struct rig_server *one = rig_listen(&rig, 1);
    struct rig_server *two = rig_start(&rig, 2);
    char named[64];
    const char *const members[] = { named, "2=localhost:0:0" };

    (void)snprintf(named, sizeof named, "1=localhost:1:%u", election_port(one));
    rig_members(two, members, 2);
    peers_listen(two->peers);
    rig_notify(two, 1, "vote");
    rig_until(&rig, one->notified > 0 && peers_is_listening(two->peers));
}
END_TEST

static pthread_mutex_t stuck = PTHREAD_MUTEX_INITIALIZER;

static void lookup_that_hangs(struct resolved *ret, const char *host)
{
    (void)host;
    (void)pthread_mutex_lock(&stuck);
    ret->count = 0;
    (void)pthread_mutex_unlock(&stuck);
}

START_TEST(a_name_server_that_hangs_stops_nothing)
{
    struct peers_conf conf = rig_conf(2);
    struct rig_server *one = rig_listen(&rig, 1);
    char good[64];
    const char *const members[] = { good, "2=127.0.0.1:0:0", "3=three.test:1:1",
                                    "4=four.test:1:1" };

    conf.lookup = lookup_that_hangs;
    (void)pthread_mutex_lock(&stuck);

    struct rig_server *two = rig_start_with(&rig, &conf);

    (void)snprintf(good, sizeof good, "1=127.0.0.1:1:%u", election_port(one));
    rig_members(two, members, 4);
    rig_notify(two, 3, "vote");
    rig_notify(two, 4, "vote");
    rig_notify(two, 1, "vote");
    rig_pass(&rig, 12000); /* Calls of those two time out meanwhile. */
    ck_assert_uint_eq(one->notified, 1);
    rig_stop(two); /* Doesn't wait for it either. */
    (void)pthread_mutex_unlock(&stuck);
}
END_TEST

/* ---- Members come and go. */

START_TEST(a_member_that_leaves_is_no_longer_called)
{
    struct rig_server *two = rig_listen(&rig, 2);
    const char *const alone[] = { "2=127.0.0.1:0:0" };
    uint16_t port;
    int listen_fd = raw_listen(&port);

    know(two, 1, 0, port);
    rig_notify(two, 1, "vote");

    int fd = raw_accept(&rig, listen_fd);

    ck_assert_int_ge(fd, 0);
    rig_members(two, alone, 1);
    rig_settle(&rig);
    ck_assert_uint_eq(view(two).calls, 1); /* Until it goes. */
    (void)close(fd);
    ck_assert_int_eq(raw_accept(&rig, listen_fd), -1);
    ck_assert_uint_eq(view(two).strangers, 0);
    rig_notify(two, 1, "vote");
    ck_assert_int_eq(raw_accept(&rig, listen_fd), -1);
    (void)close(listen_fd);
}
END_TEST

START_TEST(a_stranger_that_becomes_a_member_stays_connected)
{
    struct rig_server *one = rig_listen(&rig, 1);
    int fd = call_as(one, 3);

    know(one, 3, 0, 1);
    rig_settle(&rig);
    ck_assert_uint_eq(view(one).strangers, 0);
    rig_notify(one, 3, "welcome");
    expect_frame(fd, "welcome");
    (void)close(fd);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("calls");

    tcase_add_test(tests, a_smaller_stranger_is_called_back_where_it_says);
    tcase_add_test(tests, a_stranger_without_an_address_is_forgotten);
    tcase_add_test(tests, a_member_is_called_where_the_configuration_says);
    tcase_add_test(tests, a_knock_replaces_the_connection);
    tcase_add_test(tests, a_knock_that_crosses_our_call_changes_nothing);
    tcase_add_test(tests, a_new_connection_of_the_larger_sid_replaces_the_older);
    tcase_add_test(tests, of_several_addresses_a_live_one_is_found);
    tcase_add_test(tests, members_may_have_ipv6_addresses);
    tcase_add_test(tests, a_name_is_looked_up_anew_for_each_call);
    tcase_add_test(tests, the_system_knows_localhost);
    tcase_add_test(tests, a_name_server_that_hangs_stops_nothing);
    tcase_add_test(tests, a_member_that_leaves_is_no_longer_called);
    tcase_add_test(tests, a_stranger_that_becomes_a_member_stays_connected);
    return run_tests(tests);
}
