/* server/net/peers: calls that the network drops are made anew, and connections that it dropped end
 * (the same with a real network that is cut: tests/ensemble/healing.py). */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "server/net/peers_impl.h"
#include "tests/unit/test_peers_lib.h"

/* A listener whose line is full: calls are dropped in silence until somebody is accepted. The
 * kernel calls again only after a second of real time, which none of these tests waits for. */
struct full {
    int fd, filler;
    uint16_t port;
};

static struct full full_listen(void)
{
    struct full f = { 0 };

    f.fd = raw_listen(&f.port);
    ck_assert_int_eq(listen(f.fd, 0), 0);
    f.filler = raw_dial(f.port);
    return f;
}

static void make_room(const struct full *f)
{
    int fd = accept(f->fd, NULL, NULL);

    ck_assert_int_ge(fd, 0);
    (void)close(fd);
}

static void full_done(const struct full *f)
{
    (void)close(f->filler);
    (void)close(f->fd);
}

START_TEST(a_call_that_is_dropped_is_made_anew)
{
    struct rig_server *two = rig_listen(&rig, 2);
    struct full f = full_listen();

    know(two, 1, 0, f.port);
    rig_notify(two, 1, "vote");
    rig_settle(&rig);
    make_room(&f);
    ck_assert_int_eq(raw_accept(&rig, f.fd), -1); /* Nobody is in line. */
    rig_pass(&rig, PEERS_FRESH_CALL_MS);

    int fd = raw_accept(&rig, f.fd);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(two->reachable[1], 1);
    (void)close(fd);
    full_done(&f);
}
END_TEST

START_TEST(a_call_is_made_anew_as_often_as_it_takes)
{
    struct rig_server *learner = rig_listen(&rig, 1);
    struct full f = full_listen();

    know(learner, 2, f.port, 0);
    peers_connect(learner->peers, OURS | 1, 2);
    rig_pass(&rig, 5 * PEERS_FRESH_CALL_MS + 10);
    ck_assert_uint_eq(learner->ups, 0);
    make_room(&f);
    rig_pass(&rig, PEERS_FRESH_CALL_MS);
    ck_assert_uint_eq(learner->ups, 1);

    int fd = raw_accept(&rig, f.fd);

    send_text(learner, OURS | 1, "hello");
    rig_settle(&rig);

    char got[8];

    ck_assert_int_eq(raw_recv(fd, got, sizeof got), 5);
    rig_pass(&rig, 3000); /* What was called besides is given up, and the link stays. */
    ck_assert_int_eq(raw_accept(&rig, f.fd), -1);
    ck_assert_uint_eq(learner->downs, 0);
    (void)close(fd);
    full_done(&f);
}
END_TEST

START_TEST(every_address_that_hangs_is_called_anew)
{
    struct rig_server *two = rig_listen(&rig, 2);
    struct full f = full_listen();
    struct full g = full_listen();
    char other[128];
    const char *const members[] = { "2=127.0.0.1:0:0", other };

    (void)snprintf(other, sizeof other, "1=127.0.0.1:1:%u|127.0.0.1:1:%u", f.port, g.port);
    rig_members(two, members, 2);
    rig_notify(two, 1, "vote");
    rig_pass(&rig, 2 * PEERS_FRESH_CALL_MS + 10);
    make_room(&g);
    rig_pass(&rig, PEERS_FRESH_CALL_MS);

    int fd = raw_accept(&rig, g.fd);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(two->reachable[1], 1);
    (void)close(fd);
    full_done(&f);
    full_done(&g);
}
END_TEST

/* No longer than a leader may be silent; initLimit is the time for a whole synchronisation. */
START_TEST(a_leader_that_takes_no_call_is_given_up_in_time)
{
    struct rig_server *learner = rig_listen(&rig, 1);
    struct full f = full_listen();

    ck_assert_int_eq(peers_conf_default(1, 2000, 10, 5).link_connect_ms, 5 * 2000);
    ck_assert_int_eq(peers_conf_default(1, 2000, 5, 10).link_connect_ms, 5 * 2000);
    know(learner, 2, f.port, 0);
    peers_connect(learner->peers, OURS | 1, 2);
    rig_pass(&rig, learner->conf.link_connect_ms - 20);
    ck_assert_uint_eq(learner->downs, 0);
    rig_pass(&rig, 40);
    ck_assert_uint_eq(learner->downs, 1);
    ck_assert_uint_eq(learner->ups, 0);
    ck_assert_uint_eq(view(learner).links, 0);
    full_done(&f);
}
END_TEST

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;

    ck_assert_int_eq(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

START_TEST(connections_whose_words_nobody_acknowledges_end)
{
    struct rig_server *two = rig_listen(&rig, 2);
    int fd = call_as(two, 3);
    int caller = call(two, "x");
    const struct peer *three = peer_find(two->peers, 3);
    const struct link *l = link_find(two->peers, two->link);

    ck_assert_ptr_nonnull(three->wire);
    ck_assert_int_eq(option(three->wire->fd, IPPROTO_TCP, TCP_USER_TIMEOUT), PEERS_UNHEARD_MS);
    ck_assert_int_eq(option(three->wire->fd, SOL_SOCKET, SO_KEEPALIVE), 0);
    /* Not before the core gives it up; a snapshot is loaded for so long without a word. */
    ck_assert_int_eq(option(l->fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 10 * 2000);
    (void)close(fd);
    (void)close(caller);
}
END_TEST

START_TEST(idle_election_connections_are_kept_alive_when_told_so)
{
    struct peers_conf conf = rig_conf(2);
    const char *const self[] = { "2=127.0.0.1:0:0" };
    struct rig_server *two;

    conf.keepalive = true;
    two = rig_start_with(&rig, &conf);
    rig_members(two, self, 1);
    peers_listen(two->peers);

    int fd = call_as(two, 3);
    const struct peer *three = peer_find(two->peers, 3);

    ck_assert_int_eq(option(three->wire->fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    ck_assert_int_eq(option(three->wire->fd, IPPROTO_TCP, TCP_KEEPIDLE), PEERS_IDLE_S);
    (void)close(fd);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("alive");

    tcase_add_test(tests, a_call_that_is_dropped_is_made_anew);
    tcase_add_test(tests, a_call_is_made_anew_as_often_as_it_takes);
    tcase_add_test(tests, every_address_that_hangs_is_called_anew);
    tcase_add_test(tests, a_leader_that_takes_no_call_is_given_up_in_time);
    tcase_add_test(tests, connections_whose_words_nobody_acknowledges_end);
    tcase_add_test(tests, idle_election_connections_are_kept_alive_when_told_so);
    return run_tests(tests);
}
