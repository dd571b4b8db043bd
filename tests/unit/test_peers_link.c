/* server/net/peers: the quorum port's links, from the first byte to their end. How they begin is in
 * test_peers_port.c. */
#include <errno.h>

#include "tests/unit/test_jute_hex.h"
#include "tests/unit/test_peers_lib.h"
#include "util/crc32.h"

static void expect_text(int fd, const char *text)
{
    char got[256];

    rig_settle(&rig);
    ck_assert_int_eq(raw_recv(fd, got, sizeof got), (long)strlen(text));
    ck_assert_mem_eq(got, text, strlen(text));
}

/* A learner (1) with a link to a leader (2). */
struct pair {
    struct rig_server *learner, *leader;
    zab_link up; /* The learner's name of it. */
};

static struct pair pair(void)
{
    struct pair p = { .learner = rig_listen(&rig, 1),
                      .leader = rig_listen(&rig, 2),
                      .up = OURS | 1 };

    rig_introduce(&rig);
    peers_connect(p.learner->peers, p.up, 2);
    rig_settle(&rig);
    ck_assert_uint_eq(p.learner->ups, 1);
    ck_assert_uint_eq(p.learner->up, p.up);
    send_text(p.learner, p.up, "hello");
    rig_settle(&rig);
    ck_assert(got_text(&p.leader->got, "hello"));
    p.leader->got.len = 0;
    p.leader->got_bytes = 0;
    return p;
}

/* ---- Bytes. */

START_TEST(a_learner_and_its_leader_exchange_bytes)
{
    struct pair p = pair();

    ck_assert_uint_ne(p.leader->link, 0);
    ck_assert_uint_eq(p.leader->link & OURS, 0);
    send_text(p.leader, p.leader->link, "wel");
    send_text(p.leader, p.leader->link, "come");
    ck_assert_uint_eq(peers_unsent(p.leader->peers, p.leader->link), 7);
    ck_assert(peers_has_output(p.leader->peers));
    rig_settle(&rig);
    ck_assert(got_text(&p.learner->got, "welcome"));
    ck_assert_uint_eq(peers_unsent(p.leader->peers, p.leader->link), 0);
    ck_assert(!peers_has_output(p.leader->peers));
    ck_assert_uint_eq(p.leader->ups, 0);
    ck_assert_ptr_nonnull(strstr(peers_link_name(p.learner->peers, p.up), "127.0.0.1:"));
}
END_TEST

START_TEST(what_is_sent_before_the_link_is_up_leaves_when_it_is)
{
    struct rig_server *learner = rig_listen(&rig, 1);
    struct rig_server *leader = rig_listen(&rig, 2);

    rig_introduce(&rig);
    peers_connect(learner->peers, OURS | 1, 2);
    send_text(learner, OURS | 1, "early");
    rig_settle(&rig);
    ck_assert(got_text(&leader->got, "early"));
}
END_TEST

START_TEST(what_is_not_taken_comes_again_with_more)
{
    struct rig_server *s = rig_listen(&rig, 2);
    int fd;

    s->take_max = 0;
    fd = call(s, "abc");
    ck_assert_uint_eq(s->offered, 3);
    raw_send(fd, "de", 2);
    rig_settle(&rig);
    ck_assert_uint_eq(s->offered, 5);
    s->take_max = 4;
    raw_send(fd, "f", 1);
    rig_settle(&rig);
    ck_assert_uint_eq(s->offered, 6);
    s->take_max = SIZE_MAX;
    raw_send(fd, "g", 1);
    rig_settle(&rig);
    ck_assert_uint_eq(s->offered, 3);
    ck_assert(got_text(&s->got, "abcdefg"));
    (void)close(fd);
}
END_TEST

START_TEST(a_stream_cut_anywhere_arrives_whole)
{
    static const char *const text = "0123456789abcdefghijklmnopqrstuvwxyz";
    struct rig_server *s = rig_listen(&rig, 2);

    for (size_t cut = 1; cut < strlen(text); cut++) {
        int fd = raw_dial(quorum_port(s));

        raw_send(fd, text, cut);
        rig_settle(&rig);
        raw_send(fd, text + cut, strlen(text) - cut);
        rig_settle(&rig);
        ck_assert(got_text(&s->got, text));
        s->got.len = 0;
        (void)close(fd);
    }
}
END_TEST

/* quorum-protocol 9: nothing is added and nothing lost. */
START_TEST(packets_of_zookeepers_pass_unchanged)
{
    struct pair p = pair();
    struct bytes follower_info = test_hex("0000000b 00000006 00000000 00000014 00000000 00000003"
                                          "00010000 00000000 00000000 ffffffff");
    struct bytes leader_info = test_hex("00000011 00000007 00000000 00000004 00010000 ffffffff");

    peers_send(p.learner->peers, p.up, follower_info.at, follower_info.len);
    peers_send(p.leader->peers, p.leader->link, leader_info.at, leader_info.len);
    rig_settle(&rig);
    ck_assert_uint_eq(p.leader->got.len, follower_info.len);
    ck_assert_mem_eq(p.leader->got.at, follower_info.at, follower_info.len);
    ck_assert_uint_eq(p.learner->got.len, leader_info.len);
    ck_assert_mem_eq(p.learner->got.at, leader_info.at, leader_info.len);
    bytes_done(&follower_info);
    bytes_done(&leader_info);
}
END_TEST

START_TEST(many_packets_of_all_sizes_arrive_in_order)
{
    enum { COUNT = 3000 };
    static uint8_t data[200000];
    struct pair p = pair();
    uint32_t sum = 0;
    uint64_t total = 0;

    p.learner->is_counting = true;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + i / 251);
    for (unsigned i = 0; i < COUNT; i++) {
        size_t len = i % 100 == 0 ? sizeof data : i * 37 % 3000;

        peers_send(p.leader->peers, p.leader->link, data, len);
        sum = crc32_more(sum, data, len);
        total += len;
        if (i % 10 == 0)
            rig_turn(&rig);
    }
    rig_until(&rig, p.learner->got_bytes >= total);
    ck_assert_uint_eq(p.learner->got_bytes, total);
    ck_assert_uint_eq(p.learner->sum, sum);
}
END_TEST

START_TEST(a_long_stream_passes_through_bounded_buffers)
{
    enum { TOTAL = 256 * 1024 * 1024 };
    struct pair p = pair();
    size_t most = 0;

    p.learner->is_counting = true;
    p.learner->packet = 16384;
    p.leader->feeding = p.leader->link;
    p.leader->feed_left = TOTAL;
    for (int64_t began_ms = 0; p.learner->got_bytes < TOTAL;) {
        size_t unsent = peers_unsent(p.leader->peers, p.leader->link);

        most = most > unsent ? most : unsent;
        most = most > p.learner->offered ? most : p.learner->offered;
        unsigned wakes = rig.wakes;

        rig_turn(&rig);
        if (rig.wakes == wakes)
            ck_assert(rig_wait(&rig, &began_ms));
    }
    ck_assert_uint_gt(p.leader->rooms, 10);
    ck_assert_uint_le(most, (size_t)3 * 1024 * 1024);
}
END_TEST

/* ---- Slow ones. */

START_TEST(who_does_not_read_keeps_nobody_waiting)
{
    static const uint8_t data[65536];
    struct rig_server *s = rig_listen(&rig, 2);
    int slow = call(s, "slow");
    zab_link slow_link = s->link;
    int fast = call(s, "fast");
    zab_link fast_link = s->link;
    char got[256];

    for (int i = 0; i < 256; i++) {
        peers_send(s->peers, slow_link, data, sizeof data);
        send_text(s, fast_link, "x");
        rig_turn(&rig);
        ck_assert_int_eq(raw_recv(fast, got, sizeof got), 1);
    }
    ck_assert_uint_gt(peers_unsent(s->peers, slow_link), 1000000);
    ck_assert_uint_eq(s->rooms, 0);
    ck_assert_uint_eq(s->downs, 0);
    (void)close(slow);
    (void)close(fast);
}
END_TEST

START_TEST(there_is_room_again_when_the_other_side_has_read)
{
    enum { LEN = 16 * 1024 * 1024 };
    static uint8_t data[LEN];
    struct rig_server *s = rig_listen(&rig, 2);
    int fd = call(s, "x");
    long all = 0;

    peers_send(s->peers, s->link, data, LEN);
    rig_settle(&rig);
    ck_assert_uint_eq(s->rooms, 0);
    while (all < LEN) {
        long got = raw_recv(fd, data, sizeof data);

        ck_assert(got > 0 || errno == EAGAIN);
        all += got > 0 ? got : 0;
        rig_turn(&rig);
        if (s->rooms == 0 && all < LEN / 2)
            ck_assert_uint_ge(peers_unsent(s->peers, s->link), s->conf.link_low_bytes);
    }
    rig_settle(&rig);
    ck_assert_uint_eq(s->rooms, 1);
    (void)close(fd);
}
END_TEST

START_TEST(who_takes_too_little_for_too_much_is_given_up)
{
    static uint8_t data[1024 * 1024];
    struct peers_conf conf = rig_conf(2);
    struct rig_server *s;
    const char *const self[] = { "2=127.0.0.1:0:0" };

    conf.link_unsent_max = 8 * sizeof data;
    s = rig_start_with(&rig, &conf);
    rig_members(s, self, 1);
    peers_listen(s->peers);

    int fd = call(s, "x");

    for (int i = 0; i < 64 && s->downs == 0; i++) {
        peers_send(s->peers, s->link, data, sizeof data);
        rig_turn(&rig);
    }
    ck_assert_uint_eq(s->downs, 1);
    ck_assert_uint_eq(s->down, s->link);
    (void)close(fd);
}
END_TEST

/* ---- Ends. */

START_TEST(both_sides_hear_of_an_end_that_they_did_not_make)
{
    struct pair p = pair();
    zab_link link = p.leader->link;

    peers_close(p.leader->peers, link, "test");
    ck_assert_uint_eq(peers_unsent(p.leader->peers, link), 0);
    send_text(p.leader, link, "too late");
    peers_close(p.leader->peers, link, "again");
    rig_settle(&rig);
    ck_assert_uint_eq(p.learner->downs, 1);
    ck_assert_uint_eq(p.learner->down, p.up);
    ck_assert_uint_eq(p.leader->downs, 0);
    ck_assert_uint_eq(p.learner->got.len, 0);
    ck_assert_uint_eq(view(p.leader).links, 0);
    ck_assert_uint_eq(view(p.learner).links, 0);
}
END_TEST

START_TEST(what_was_sent_before_a_close_arrives)
{
    enum { LEN = 4 * 1024 * 1024 };
    static uint8_t data[LEN];
    struct pair p = pair();

    p.learner->is_counting = true;
    peers_send(p.leader->peers, p.leader->link, data, LEN);
    send_text(p.learner, p.up, "unread words must not destroy it");
    peers_flush(p.learner->peers);
    peers_close(p.leader->peers, p.leader->link, "test");
    rig_until(&rig, p.learner->downs > 0);
    ck_assert_uint_eq(p.learner->got_bytes, (uint64_t)LEN);
}
END_TEST

START_TEST(who_does_not_let_a_link_end_is_cut_off)
{
    struct rig_server *s = rig_listen(&rig, 2);
    int fd = call(s, "x");

    peers_close(s->peers, s->link, "test");
    rig_settle(&rig);
    ck_assert_uint_eq(view(s).links, 1); /* The other side has not closed. */
    raw_send(fd, "more", 4);
    rig_pass(&rig, PEERS_LINGER_MS + 10);
    ck_assert_uint_eq(view(s).links, 0);
    ck_assert_uint_eq(s->downs, 0);
    (void)close(fd);
}
END_TEST

START_TEST(a_link_may_be_closed_by_who_is_given_its_bytes)
{
    for (int i = 0; i < 2; i++) {
        struct rig_server *s = rig_listen(&rig, 2);
        int fd;

        s->is_echoing = true;
        s->is_closing = true;
        s->is_refusing = i == 1;
        fd = call(s, "bye");
        expect_text(fd, "bye");
        ck_assert(raw_is_closed(&rig, fd));
        ck_assert_uint_eq(s->downs, 0);
        (void)close(fd);
        rig_settle(&rig);
        ck_assert_uint_eq(view(s).links, 0);
        rig_stop(s);
    }
}
END_TEST

START_TEST(a_refused_link_ends_and_the_others_go_on)
{
    struct rig_server *s = rig_listen(&rig, 2);
    int good = call(s, "good");
    zab_link link = s->link;
    int bad;

    s->is_refusing = true;
    bad = call(s, "junk");
    ck_assert(raw_is_closed(&rig, bad));
    ck_assert_uint_eq(s->downs, 1);
    s->is_refusing = false;
    send_text(s, link, "still here");
    expect_text(good, "still here");
    (void)close(good);
    (void)close(bad);
}
END_TEST

START_TEST(a_packet_without_end_is_not_kept)
{
    static const uint8_t data[65536];
    struct peers_conf conf = rig_conf(2);
    const char *const self[] = { "2=127.0.0.1:0:0" };
    struct rig_server *s;

    conf.frame_max = 1000000;
    s = rig_start_with(&rig, &conf);
    rig_members(s, self, 1);
    peers_listen(s->peers);
    s->take_max = 0;

    int fd = call(s, "x");

    for (int i = 0; i < 100 && s->downs == 0; i++) {
        raw_send(fd, data, sizeof data);
        rig_settle(&rig);
    }
    ck_assert_uint_eq(s->downs, 1);
    ck_assert_uint_le(s->offered, 2 * conf.frame_max + PEERS_LINK_EXTRA_BYTES + PEERS_READ_BYTES);
    (void)close(fd);
}
END_TEST

START_TEST(last_words_are_heard_although_we_could_not_answer)
{
    struct rig_server *s = rig_listen(&rig, 2);
    int fd = call(s, "x");
    zab_link link = s->link;

    raw_send(fd, "commit", 6);
    (void)close(fd);
    send_text(s, link, "lost");
    peers_flush(s->peers);
    send_text(s, link, "lost");
    peers_flush(s->peers);
    rig_settle(&rig);
    ck_assert(got_text(&s->got, "xcommit"));
    ck_assert_uint_eq(s->downs, 1);
}
END_TEST

START_TEST(nothing_to_do_means_no_wake_up)
{
    struct pair p = pair();

    rig_pass(&rig, 60000);

    unsigned wakes = rig.wakes;

    ck_assert_int_eq(peers_deadline(p.learner->peers), INT64_MAX);
    ck_assert_int_eq(peers_deadline(p.leader->peers), INT64_MAX);
    rig_pass(&rig, 60000);
    ck_assert_uint_eq(rig.wakes, wakes);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("links");

    tcase_add_test(tests, a_learner_and_its_leader_exchange_bytes);
    tcase_add_test(tests, what_is_sent_before_the_link_is_up_leaves_when_it_is);
    tcase_add_test(tests, what_is_not_taken_comes_again_with_more);
    tcase_add_test(tests, a_stream_cut_anywhere_arrives_whole);
    tcase_add_test(tests, packets_of_zookeepers_pass_unchanged);
    tcase_add_test(tests, many_packets_of_all_sizes_arrive_in_order);
    tcase_add_test(tests, a_long_stream_passes_through_bounded_buffers);
    tcase_add_test(tests, who_does_not_read_keeps_nobody_waiting);
    tcase_add_test(tests, there_is_room_again_when_the_other_side_has_read);
    tcase_add_test(tests, who_takes_too_little_for_too_much_is_given_up);
    tcase_add_test(tests, both_sides_hear_of_an_end_that_they_did_not_make);
    tcase_add_test(tests, what_was_sent_before_a_close_arrives);
    tcase_add_test(tests, who_does_not_let_a_link_end_is_cut_off);
    tcase_add_test(tests, a_link_may_be_closed_by_who_is_given_its_bytes);
    tcase_add_test(tests, a_refused_link_ends_and_the_others_go_on);
    tcase_add_test(tests, a_packet_without_end_is_not_kept);
    tcase_add_test(tests, last_words_are_heard_although_we_could_not_answer);
    tcase_add_test(tests, nothing_to_do_means_no_wake_up);
    return run_tests(tests);
}
