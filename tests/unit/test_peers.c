/* server/net/peers: the election port (quorum-protocol 2.1 to 2.3): who meets whom, and who is
 * gone. Whom it calls where is in test_peers_call.c. */
#include <sys/socket.h>

#include "tests/unit/test_peers_lib.h"
#include "util/rand.h"

/* ---- Two of ours. */

START_TEST(the_larger_sid_calls_and_is_understood)
{
    struct rig_server *one = rig_listen(&rig, 1);
    struct rig_server *two = rig_listen(&rig, 2);

    rig_introduce(&rig);
    rig_notify(two, 1, "vote");
    rig_settle(&rig);
    ck_assert_uint_eq(one->notified, 1);
    ck_assert_int_eq(one->from, 2);
    ck_assert(got_text(&one->body, "vote"));
    ck_assert_int_eq(one->reachable[2], 1);
    ck_assert_int_eq(two->reachable[1], 1);
}
END_TEST

START_TEST(the_smaller_sid_knocks_and_is_called_back)
{
    struct rig_server *one = rig_listen(&rig, 1);
    struct rig_server *two = rig_listen(&rig, 2);

    rig_introduce(&rig);
    rig_notify(one, 2, "vote");
    rig_settle(&rig);
    ck_assert_uint_eq(two->notified, 1);
    ck_assert_int_eq(two->from, 1);
    ck_assert(got_text(&two->body, "vote"));
    ck_assert_uint_eq(view(one).calls, 1);
    ck_assert_uint_eq(view(two).calls, 1);
}
END_TEST

START_TEST(both_may_begin_at_the_same_time)
{
    struct rig_server *one = rig_listen(&rig, 1);
    struct rig_server *two = rig_listen(&rig, 2);

    rig_introduce(&rig);
    rig_notify(one, 2, "a");
    rig_notify(two, 1, "b");
    rig_settle(&rig);
    ck_assert(got_text(&two->body, "a"));
    ck_assert(got_text(&one->body, "b"));
    ck_assert_uint_eq(view(one).calls, 1);
    ck_assert_uint_eq(view(two).calls, 1);
    rig_pass(&rig, 5000);
    ck_assert_uint_eq(one->told, 1); /* The connection stayed the same. */
    ck_assert_uint_eq(two->told, 1);
}
END_TEST

START_TEST(many_turns_of_talk_use_one_connection)
{
    struct rig_server *one = rig_listen(&rig, 1);
    struct rig_server *two = rig_listen(&rig, 2);

    rig_introduce(&rig);
    for (unsigned i = 1; i <= 100; i++) {
        rig_notify(one, 2, "ping");
        rig_notify(two, 1, "pong");
        rig_settle(&rig);
        ck_assert_uint_eq(one->notified, i);
        ck_assert_uint_eq(two->notified, i);
    }
    ck_assert_uint_eq(one->told, 1);
}
END_TEST

START_TEST(five_servers_all_meet)
{
    struct rig_server *all[5];

    for (int i = 0; i < 5; i++)
        all[i] = rig_listen(&rig, i + 1);
    rig_introduce(&rig);
    for (int i = 0; i < 5; i++) {
        for (int k = 0; k < 5; k++) {
            if (i != k)
                rig_notify(all[i], k + 1, "hello");
        }
    }
    rig_settle(&rig);
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(view(all[i]).calls, 4);
        ck_assert_uint_ge(all[i]->notified, 4);
    }
}
END_TEST

START_TEST(a_call_connects_without_a_word)
{
    struct rig_server *one = rig_listen(&rig, 1);
    struct rig_server *two = rig_listen(&rig, 2);

    rig_introduce(&rig);
    peers_call(one->peers, 2);
    rig_settle(&rig);
    ck_assert_int_eq(one->reachable[2], 1);
    ck_assert_uint_eq(two->notified, 0);
    peers_call(one->peers, 2); /* Connected: nothing happens. */
    peers_call(one->peers, 7); /* Nobody. */
    peers_call(one->peers, 1); /* Ourselves. */
    rig_notify(one, 7, "x");
    rig_settle(&rig);
    ck_assert_uint_eq(view(one).calls, 1);
    ck_assert_uint_eq(two->told, 1);
}
END_TEST

/* Servers come and go at random, all speak and strangers knock, at any time; when that is over,
 * all are connected and have heard each other's last word. */
enum { STORM_SERVERS = 4 };

static void storm(struct rig_server **all, struct rand_state *rand)
{
    for (int k = 0; k < 80; k++) {
        int i = (int)rand_below(rand, STORM_SERVERS);
        int j = (int)rand_below(rand, STORM_SERVERS);

        switch (rand_below(rand, 12)) {
        case 0:
            all[i] = rig_restart(all[i]);
            break;
        case 1: /* Who isn't i knocks or calls in its name. */
            (void)close(call_as(all[j], i + 1));
            break;
        case 2:
            rig_pass(&rig, (int64_t)rand_below(rand, 1500));
            break;
        case 3:
            rig_turn(&rig);
            break;
        default:
            rig_notify(all[i], j + 1, "storm");
        }
    }
}

START_TEST(after_any_storm_all_meet_again)
{
    struct rig_server *all[STORM_SERVERS];
    struct rand_state rand;
    char word[24];

    rand_seed(&rand, (uint64_t)_i);
    for (int i = 0; i < STORM_SERVERS; i++)
        all[i] = rig_listen(&rig, i + 1);
    rig_introduce(&rig);
    storm(all, &rand);
    rig_introduce(&rig);
    for (int i = 0; i < STORM_SERVERS; i++) {
        (void)snprintf(word, sizeof word, "of %d", i + 1);
        for (int k = 0; k < STORM_SERVERS; k++)
            rig_notify(all[i], k + 1, word);
    }
    rig_pass(&rig, 3000);
    for (int i = 0; i < STORM_SERVERS; i++) {
        ck_assert_uint_eq(view(all[i]).calls, STORM_SERVERS - 1);
        for (int k = 0; k < STORM_SERVERS; k++) {
            (void)snprintf(word, sizeof word, "of %d", k + 1);
            if (i != k)
                ck_assert_str_eq(all[i]->heard[k + 1], word);
        }
    }
}
END_TEST

/* ---- Who is gone. */

START_TEST(a_peer_that_dies_is_gone_and_one_that_returns_is_back)
{
    struct rig_server *one = rig_listen(&rig, 1);
    struct rig_server *two = rig_listen(&rig, 2);
    struct rig_server *three = rig_listen(&rig, 3);
    char self[64];
    const char *const members[] = { self };

    rig_introduce(&rig);
    rig_notify(two, 1, "vote");
    rig_notify(two, 3, "vote");
    rig_pass(&rig, PEERS_STABLE_MS);
    (void)snprintf(self, sizeof self, "2=127.0.0.1:0:%u", election_port(two));
    rig_stop(two);
    rig_settle(&rig); /* No time passes: it is called again at once, by either side. */
    ck_assert_int_eq(one->reachable[2], -1);
    ck_assert_int_eq(three->reachable[2], -1);

    two = rig_start(&rig, 2);
    rig_members(two, members, 1);
    peers_listen(two->peers);
    ck_assert(peers_is_listening(two->peers));
    rig_notify(one, 2, "again");
    rig_notify(three, 2, "again");
    rig_pass(&rig, 1200);
    ck_assert_int_eq(one->reachable[2], 1);
    ck_assert_int_eq(three->reachable[2], 1);
    ck_assert_uint_eq(two->notified, 2);
}
END_TEST

/* Its connections end a moment before its port does: the knock that falls in between is reset. */
START_TEST(a_larger_sid_that_is_just_dying_is_gone_at_once)
{
    struct rig_server *one = rig_listen(&rig, 1);
    uint16_t port;
    int listen_fd = raw_listen(&port);
    int fd;

    know(one, 2, 0, port);
    fd = call_as(one, 2);
    rig_pass(&rig, PEERS_STABLE_MS);
    (void)close(fd);
    rig_settle(&rig);
    ck_assert_int_eq(one->reachable[2], 1);
    (void)close(listen_fd);
    rig_settle(&rig);
    ck_assert_int_eq(one->reachable[2], -1);
}
END_TEST

START_TEST(who_was_never_there_is_not_gone)
{
    struct rig_server *one = rig_listen(&rig, 1);
    uint16_t port;
    int fd = raw_listen(&port);

    (void)close(fd);
    know(one, 2, 0, port);
    rig_notify(one, 2, "vote");
    rig_pass(&rig, 2000);
    ck_assert_uint_eq(one->told, 0);
}
END_TEST

START_TEST(a_server_that_starts_late_is_met_soon)
{
    struct rig_server *two = rig_listen(&rig, 2);
    struct rig_server *one = rig_listen(&rig, 1);
    char self[64];
    const char *const members[] = { self };

    rig_introduce(&rig);
    (void)snprintf(self, sizeof self, "1=127.0.0.1:0:%u", election_port(one));
    rig_stop(one);
    rig_notify(two, 1, "vote");
    rig_pass(&rig, 30);
    one = rig_start(&rig, 1);
    rig_members(one, members, 1);
    peers_listen(one->peers);
    rig_pass(&rig, 100);
    ck_assert_uint_eq(one->notified, 1);
}
END_TEST

/* Time passes in steps of 5 ms; every call is counted. */
static unsigned calls_within(int listen_fd, int64_t ms)
{
    unsigned count = 0;

    for (int64_t end_ms = rig.now_ms + ms; rig.now_ms < end_ms;) {
        int fd;

        rig_pass(&rig, 5);
        while ((fd = accept(listen_fd, NULL, NULL)) >= 0) {
            count++;
            (void)close(fd);
        }
    }
    return count;
}

START_TEST(knocking_is_fast_at_first_and_never_tight)
{
    struct rig_server *one = rig_listen(&rig, 1);
    uint16_t port;
    int fd = raw_listen(&port);

    know(one, 2, 0, port);
    rig_notify(one, 2, "vote");
    ck_assert_uint_le(calls_within(fd, 50), 2);
    ck_assert_uint_ge(calls_within(fd, 450), 2);
    rig_notify(one, 2, "vote");
    ck_assert_uint_le(calls_within(fd, 10000), 12);
    (void)calls_within(fd, PEERS_RETRY_FOR_MS); /* Long since anything was said. */
    ck_assert_uint_eq(calls_within(fd, 5000), 0);
    (void)close(fd);
}
END_TEST

START_TEST(a_connection_that_keeps_ending_is_not_made_in_a_tight_loop)
{
    struct rig_server *two = rig_listen(&rig, 2);
    uint16_t port;
    int fd = raw_listen(&port);

    know(two, 1, 0, port);
    rig_notify(two, 1, "vote");
    ck_assert_uint_le(calls_within(fd, 5000), 12);
    (void)close(fd);
}
END_TEST

START_TEST(a_stable_connection_that_ends_is_made_again_at_once)
{
    struct rig_server *two = rig_listen(&rig, 2);
    uint16_t port;
    int listen_fd = raw_listen(&port);

    know(two, 1, 0, port);
    peers_call(two->peers, 1);

    int fd = raw_accept(&rig, listen_fd);

    ck_assert_int_ge(fd, 0);
    rig_pass(&rig, PEERS_STABLE_MS);
    (void)close(fd);
    fd = raw_accept(&rig, listen_fd);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(two->reachable[1], 1);
    (void)close(fd);
    (void)close(listen_fd);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("election");

    tcase_add_test(tests, the_larger_sid_calls_and_is_understood);
    tcase_add_test(tests, the_smaller_sid_knocks_and_is_called_back);
    tcase_add_test(tests, both_may_begin_at_the_same_time);
    tcase_add_test(tests, many_turns_of_talk_use_one_connection);
    tcase_add_test(tests, five_servers_all_meet);
    tcase_add_loop_test(tests, after_any_storm_all_meet_again, 1, 31);
    tcase_add_test(tests, a_call_connects_without_a_word);
    tcase_add_test(tests, a_peer_that_dies_is_gone_and_one_that_returns_is_back);
    tcase_add_test(tests, a_larger_sid_that_is_just_dying_is_gone_at_once);
    tcase_add_test(tests, who_was_never_there_is_not_gone);
    tcase_add_test(tests, a_server_that_starts_late_is_met_soon);
    tcase_add_test(tests, knocking_is_fast_at_first_and_never_tight);
    tcase_add_test(tests, a_connection_that_keeps_ending_is_not_made_in_a_tight_loop);
    tcase_add_test(tests, a_stable_connection_that_ends_is_made_again_at_once);
    return run_tests(tests);
}
