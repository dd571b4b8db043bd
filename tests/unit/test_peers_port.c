/* server/net/peers: how links begin, by a stranger's call or by our own, and the ports that they
 * begin at. */
#include <errno.h>
#include <sys/resource.h>

#include "tests/unit/test_peers_lib.h"

/* ---- Strangers. */

START_TEST(who_says_nothing_is_closed_in_time_and_nobody_hears_of_it)
{
    struct rig_server *s = rig_listen(&rig, 2);
    int silent = raw_dial(quorum_port(s));
    int talking = call(s, "x");

    rig_pass(&rig, s->conf.first_packet_ms - 10);
    ck_assert_uint_eq(view(s).links, 2);
    rig_pass(&rig, 20);
    ck_assert(raw_is_closed(&rig, silent));
    expect_silence(talking);
    ck_assert_uint_eq(s->downs, 0);
    (void)close(silent);
    (void)close(talking);
}
END_TEST

START_TEST(half_a_packet_is_not_enough)
{
    struct rig_server *s = rig_listen(&rig, 2);
    int fd;

    s->take_max = 0;
    fd = call(s, "half");
    rig_pass(&rig, s->conf.first_packet_ms + 10);
    ck_assert(raw_is_closed(&rig, fd));
    ck_assert_uint_eq(s->downs, 1);
    (void)close(fd);
}
END_TEST

START_TEST(silent_links_are_bounded_and_keep_nobody_out)
{
    enum { COUNT = PEERS_SILENT_LINKS_MAX + 40 };
    struct rig_server *s = rig_listen(&rig, 2);
    int fds[COUNT];

    for (int i = 0; i < COUNT; i++) {
        fds[i] = raw_dial(quorum_port(s));
        rig_settle(&rig);
    }
    ck_assert_uint_eq(view(s).links, PEERS_SILENT_LINKS_MAX);

    int fd = call(s, "a learner");

    ck_assert(got_text(&s->got, "a learner"));
    ck_assert_uint_eq(view(s).links, PEERS_SILENT_LINKS_MAX);
    (void)close(fd);
    for (int i = 0; i < COUNT; i++)
        (void)close(fds[i]);
    rig_settle(&rig);
    ck_assert_uint_eq(view(s).links, 0);
}
END_TEST

START_TEST(talking_links_are_bounded_too)
{
    enum { COUNT = PEERS_LINKS_MAX + 20 };
    struct rig_server *s = rig_listen(&rig, 2);
    int fds[COUNT];
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < (rlim_t)4 * PEERS_LINKS_MAX)
        return; /* This machine has not enough descriptors to try. */
    for (int i = 0; i < COUNT; i++)
        fds[i] = call(s, "x");
    ck_assert_uint_eq(view(s).links, PEERS_LINKS_MAX);
    ck_assert(raw_is_closed(&rig, fds[COUNT - 1]));
    expect_silence(fds[0]);
    for (int i = 0; i < COUNT; i++)
        (void)close(fds[i]);
}
END_TEST

/* ---- Connecting. */

START_TEST(a_leader_that_refuses_is_given_up_after_some_tries)
{
    struct rig_server *s = rig_listen(&rig, 1);
    uint16_t port;

    (void)close(raw_listen(&port));
    know(s, 2, port, 0);
    peers_connect(s->peers, OURS | 7, 2);
    ck_assert_uint_eq(s->downs, 0); /* Not from inside of the call. */
    rig_pass(&rig, 50);
    ck_assert_uint_eq(s->downs, 0);
    rig_pass(&rig, 1000);
    ck_assert_uint_eq(s->downs, 1);
    ck_assert_uint_eq(s->down, OURS | 7);
    ck_assert_uint_eq(s->ups, 0);
    ck_assert_uint_eq(view(s).links, 0);
}
END_TEST

START_TEST(a_leader_that_opens_its_port_late_is_reached)
{
    struct rig_server *learner = rig_listen(&rig, 1);
    struct rig_server *leader = rig_listen(&rig, 2);
    char self[64];
    const char *const members[] = { self };

    rig_introduce(&rig);
    (void)snprintf(self, sizeof self, "2=127.0.0.1:%u:0", quorum_port(leader));
    rig_stop(leader);
    peers_connect(learner->peers, OURS | 1, 2);
    rig_pass(&rig, 40);
    leader = rig_start(&rig, 2);
    rig_members(leader, members, 1);
    peers_listen(leader->peers);
    rig_pass(&rig, 400);
    ck_assert_uint_eq(learner->ups, 1);
    ck_assert_uint_eq(learner->downs, 0);
}
END_TEST

START_TEST(a_leader_that_nobody_knows_is_down)
{
    struct rig_server *s = rig_listen(&rig, 1);

    peers_connect(s->peers, OURS | 1, 9);
    rig_pass(&rig, 1000);
    ck_assert_uint_eq(s->downs, 1);
}
END_TEST

/* A listener whose line is full doesn't answer: neither refused nor made. */
START_TEST(a_call_that_hangs_ends_in_time)
{
    struct rig_server *s = rig_listen(&rig, 1);
    const char *const members[] = { "1=127.0.0.1:0:0", "2=192.0.2.1:1:1" };

    rig_members(s, members, 2);
    peers_connect(s->peers, OURS | 1, 2);
    rig_pass(&rig, s->conf.link_connect_ms + 100);
    ck_assert_uint_eq(s->downs, 1);
    ck_assert_uint_eq(view(s).links, 0);
}
END_TEST

START_TEST(a_link_may_be_closed_before_it_is_up)
{
    struct rig_server *learner = rig_listen(&rig, 1);
    struct rig_server *leader = rig_listen(&rig, 2);

    rig_introduce(&rig);
    peers_connect(learner->peers, OURS | 1, 2);
    send_text(learner, OURS | 1, "never said");
    peers_close(learner->peers, OURS | 1, "test");
    rig_settle(&rig);
    ck_assert_uint_eq(learner->ups + learner->downs, 0);
    ck_assert_uint_eq(view(learner).links, 0);
    ck_assert_uint_eq(leader->got.len, 0);
}
END_TEST

START_TEST(the_first_address_that_answers_is_taken)
{
    struct rig_server *s = rig_listen(&rig, 1);
    uint16_t dead;
    uint16_t live;
    char other[128];
    const char *const members[] = { "1=127.0.0.1:0:0", other };

    (void)close(raw_listen(&dead));

    int listen_fd = raw_listen(&live);

    (void)snprintf(other, sizeof other, "2=127.0.0.1:%u:1|127.0.0.1:%u:1", dead, live);
    rig_members(s, members, 2);
    peers_connect(s->peers, OURS | 1, 2);

    int fd = raw_accept(&rig, listen_fd);

    ck_assert_int_ge(fd, 0);
    ck_assert_uint_eq(s->ups, 1);
    (void)close(fd);
    (void)close(listen_fd);
}
END_TEST

/* ---- Ports. */

/* Server 1, whose election port is in use. */
static struct rig_server *start_on_used(uint16_t port)
{
    struct rig_server *s = rig_start(&rig, 1);
    char self[64];
    const char *const members[] = { self };

    (void)snprintf(self, sizeof self, "1=127.0.0.1:0:%u", port);
    rig_members(s, members, 1);
    peers_listen(s->peers);
    ck_assert(!peers_is_listening(s->peers));
    return s;
}

START_TEST(a_used_port_is_tried_again_then_given_up)
{
    uint16_t port;
    int fd = raw_listen(&port);
    struct rig_server *s = start_on_used(port);

    rig_pass(&rig, 2 * PEERS_BIND_PAUSE_MS - 10);
    ck_assert_str_eq(s->failed, "");
    rig_pass(&rig, 20);
    ck_assert_ptr_nonnull(strstr(s->failed, "election port"));
    (void)close(fd);
}
END_TEST

START_TEST(a_port_that_becomes_free_is_taken)
{
    uint16_t port;
    int fd = raw_listen(&port);
    struct rig_server *s = start_on_used(port);

    (void)close(fd);
    rig_pass(&rig, PEERS_BIND_PAUSE_MS + 10);
    ck_assert(peers_is_listening(s->peers));
    ck_assert_uint_eq(peers_port(s->peers, PEERS_ELECTION), port);
    ck_assert_str_eq(s->failed, "");
}
END_TEST

START_TEST(the_wildcard_serves_both_families)
{
    struct peers_conf conf = rig_conf(1);
    const char *const members[] = { "1=no.such.name.test:0:0" };
    struct rig_server *s;

    conf.listen_on_all = true;
    s = rig_start_with(&rig, &conf);
    rig_members(s, members, 1);
    peers_listen(s->peers);
    ck_assert(peers_is_listening(s->peers));

    int fd = call(s, "x");

    ck_assert(got_text(&s->got, "x"));
    (void)close(fd);
}
END_TEST

START_TEST(ports_follow_the_configuration)
{
    struct rig_server *s = rig_listen(&rig, 1);
    uint16_t port;
    uint16_t before = quorum_port(s);
    char self[64];
    const char *const members[] = { self };

    (void)close(raw_listen(&port));
    (void)snprintf(self, sizeof self, "1=127.0.0.1:%u:0", port);
    rig_members(s, members, 1);
    rig_settle(&rig);
    ck_assert(peers_is_listening(s->peers));
    ck_assert_uint_eq(quorum_port(s), port);
    ck_assert_uint_ne(quorum_port(s), before);

    const char *const without[] = { "5=127.0.0.1:1:1" };

    rig_members(s, without, 1); /* Still there, to be told what became of it. */
    rig_settle(&rig);
    ck_assert_uint_eq(quorum_port(s), port);
}
END_TEST

/* A voter with this observerMasterPort. */
static struct rig_server *start_master(uint16_t port)
{
    struct peers_conf conf = rig_conf(2);
    const char *const members[] = { "2=127.0.0.1:0:0" };
    struct rig_server *s;

    conf.master_port = port;
    s = rig_start_with(&rig, &conf);
    rig_members(s, members, 1);
    peers_listen(s->peers);
    return s;
}

START_TEST(observers_have_a_port_of_their_own)
{
    uint16_t port;

    (void)close(raw_listen(&port));
    struct rig_server *s = start_master(port);

    ck_assert(peers_is_listening(s->peers));
    ck_assert_uint_eq(peers_port(s->peers, PEERS_MASTER), port);

    struct peers_conf conf = rig_conf(5);
    char master[64];
    const char *const members[] = { master };

    (void)snprintf(master, sizeof master, "2=127.0.0.1:%u:%u", quorum_port(s), quorum_port(s));
    conf.master_port = port;
    struct rig_server *o = rig_start_with(&rig, &conf);

    rig_members(o, members, 1);
    peers_connect(o->peers, ZAB_LINK_OURS | ZAB_LINK_MASTER | 1, 2);
    send_text(o, ZAB_LINK_OURS | ZAB_LINK_MASTER | 1, "observer");
    rig_settle(&rig);
    ck_assert(got_text(&s->got, "observer"));
    ck_assert_uint_ne(s->link & ZAB_LINK_MASTER, 0);
    ck_assert_uint_eq(s->link & ZAB_LINK_OURS, 0);
    send_text(s, s->link, "welcome");
    rig_settle(&rig);
    ck_assert(got_text(&o->got, "welcome"));
    peers_connect(o->peers, ZAB_LINK_OURS | 2, 2);
    send_text(o, ZAB_LINK_OURS | 2, "learner");
    rig_settle(&rig);
    ck_assert_uint_eq(s->link & ZAB_LINK_MASTER, 0);
}
END_TEST

START_TEST(a_voter_does_not_end_for_its_observers_port)
{
    uint16_t port;
    int fd = raw_listen(&port);
    struct rig_server *s = start_master(port);

    rig_pass(&rig, 20 * PEERS_BIND_PAUSE_MS);
    ck_assert_str_eq(s->failed, "");
    ck_assert_uint_eq(peers_port(s->peers, PEERS_MASTER), 0);
    (void)close(fd);
    rig_pass(&rig, PEERS_BIND_PAUSE_MS + 10);
    ck_assert_uint_eq(peers_port(s->peers, PEERS_MASTER), port);
}
END_TEST

START_TEST(without_descriptors_callers_are_refused_and_it_goes_on)
{
    struct rlimit limit;
    struct rig_server *s = rig_listen(&rig, 1);
    int fds[3];
    char byte;

    for (int i = 0; i < 3; i++)
        fds[i] = raw_dial(quorum_port(s));
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);

    rlim_t before = limit.rlim_cur;

    /* Nothing above what is open now. */
    limit.rlim_cur = (rlim_t)fds[2] + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    rig_settle(&rig);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(raw_recv(fds[i], &byte, 1), -1);
        ck_assert_int_eq(errno, ECONNRESET);
    }
    ck_assert_uint_eq(view(s).links, 0);
    limit.rlim_cur = before;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int i = 0; i < 3; i++)
        (void)close(fds[i]);
    rig_pass(&rig, PEERS_ACCEPT_PAUSE_MS);
    fds[0] = call(s, "x");
    ck_assert(got_text(&s->got, "x"));
    (void)close(fds[0]);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("ports");

    tcase_add_test(tests, who_says_nothing_is_closed_in_time_and_nobody_hears_of_it);
    tcase_add_test(tests, half_a_packet_is_not_enough);
    tcase_add_test(tests, silent_links_are_bounded_and_keep_nobody_out);
    tcase_add_test(tests, talking_links_are_bounded_too);
    tcase_add_test(tests, a_leader_that_refuses_is_given_up_after_some_tries);
    tcase_add_test(tests, a_leader_that_opens_its_port_late_is_reached);
    tcase_add_test(tests, a_leader_that_nobody_knows_is_down);
    tcase_add_test(tests, a_call_that_hangs_ends_in_time);
    tcase_add_test(tests, a_link_may_be_closed_before_it_is_up);
    tcase_add_test(tests, the_first_address_that_answers_is_taken);
    tcase_add_test(tests, a_used_port_is_tried_again_then_given_up);
    tcase_add_test(tests, a_port_that_becomes_free_is_taken);
    tcase_add_test(tests, the_wildcard_serves_both_families);
    tcase_add_test(tests, ports_follow_the_configuration);
    tcase_add_test(tests, observers_have_a_port_of_their_own);
    tcase_add_test(tests, a_voter_does_not_end_for_its_observers_port);
    tcase_add_test(tests, without_descriptors_callers_are_refused_and_it_goes_on);
    return run_tests(tests);
}
