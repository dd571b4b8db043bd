/* zab/election: three, five and more together, over links that delay, lose and are cut, from
 * seeds; among themselves and with servers that elect as ZooKeeper does. */
#include "tests/unit/test_election_rig.h"

enum { SEEDS = 40 };

static const int64_t MINUTE_MS = 60000;

/* Three or five, all of zabd, or mixed with ZooKeepers. */
static struct net *net_of_seed(int seed, bool is_mixed)
{
    int voters = seed % 2 == 0 ? 3 : 5;
    uint32_t javas = is_mixed ? (uint32_t)(seed / 2) << 1 & 0xfe : 0;

    return net_new((uint64_t)seed, voters, 0, javas);
}

static void settle_on_the_best(int seed, bool is_mixed)
{
    struct net *n = net_of_seed(seed, is_mixed);
    zk_sid best = net_best(n, net_all(n));

    net_start_all(n, net_all(n));
    ck_assert_int_eq(net_settle(n, net_all(n), MINUTE_MS), best);
    for (zk_sid sid = 1; sid <= n->count; sid++)
        ck_assert_int_eq(n->servers[sid].looks, 1);
    net_free(n);
}

START_TEST(all_settle_on_the_best_in_their_first_look)
{
    settle_on_the_best(_i, false);
}
END_TEST

START_TEST(all_settle_on_the_best_among_zookeepers_too)
{
    settle_on_the_best(_i, true);
}
END_TEST

START_TEST(nobody_waits_for_silence_when_all_are_there)
{
    struct net *n = net_of_seed(_i, false);

    net_start_all(n, net_all(n));
    int64_t all_there = n->now_ms;
    ck_assert_int_ne(net_settle(n, net_all(n), MINUTE_MS), 0);
    ck_assert_int_le(n->now_ms, all_there + 5 * n->delay_max_ms + 2L * TICK_MS);
    net_free(n);
}
END_TEST

START_TEST(a_majority_settles_by_silence_when_the_others_were_never_there)
{
    struct net *n = net_of_seed(_i, _i % 3 == 0);
    uint32_t sids = n->voters == 3 ? 0xc : 0x2a;

    zk_sid best = net_best(n, sids);
    net_start_all(n, sids);
    ck_assert_int_eq(net_settle(n, sids, MINUTE_MS), best);
    net_free(n);
}
END_TEST

START_TEST(a_minority_settles_on_nobody)
{
    struct net *n = net_of_seed(_i, false);
    uint32_t sids = n->voters == 3 ? 0x8 : 0x30;

    net_start_all(n, sids);
    net_run(n, 5 * MINUTE_MS);
    for (zk_sid sid = 1; sid <= n->count; sid++)
        ck_assert(n->servers[sid].phase == DOWN || n->servers[sid].phase == LOOKS);
    net_free(n);
}
END_TEST

START_TEST(the_death_of_the_leader_is_over_without_waiting)
{
    struct net *n = net_of_seed(_i, false);

    net_start_all(n, net_all(n));
    zk_sid leader = net_settle(n, net_all(n), MINUTE_MS);
    ck_assert_int_ne(leader, 0);
    net_run(n, 3000);

    uint32_t rest = net_all(n) & ~(1u << leader);
    zk_sid best = net_best(n, rest);
    net_kill(n, leader);
    int64_t killed = n->now_ms;
    zk_sid next = net_settle(n, rest, MINUTE_MS);
    ck_assert_int_eq(next, best);
    ck_assert_int_le(n->now_ms, killed + 5 * n->delay_max_ms + 3L * TICK_MS);

    net_start(n, leader);
    ck_assert_int_eq(net_settle(n, net_all(n), MINUTE_MS), next);
    ck_assert_int_eq(n->servers[leader].looks, 1);
    net_free(n);
}
END_TEST

START_TEST(those_that_see_the_end_one_after_the_other_do_not_wait)
{
    struct net *n = net_of_seed(_i, false);

    net_start_all(n, net_all(n));
    zk_sid leader = net_settle(n, net_all(n), MINUTE_MS);
    uint32_t rest = net_all(n) & ~(1u << leader);
    zk_sid best = net_best(n, rest);

    ck_assert_int_ne(leader, 0);
    net_run(n, 1000);
    n->delay_max_ms = 3; /* What the best says is there before the others look. */
    int64_t killed = n->now_ms;
    net_kill(n, leader);
    net_look(n, best);
    ck_assert_int_eq(net_settle(n, rest, MINUTE_MS), best);
    ck_assert_int_le(n->now_ms, killed + 5L * TICK_MS);
    net_free(n);
}
END_TEST

START_TEST(one_that_comes_later_joins_in_its_first_look)
{
    struct net *n = net_of_seed(_i, _i % 3 == 0);
    zk_sid late = 1 + _i % n->voters;
    uint32_t rest = net_all(n) & ~(1u << late);

    n->servers[late].epoch = 3; /* Better than all. */
    net_start_all(n, rest);
    zk_sid leader = net_settle(n, rest, MINUTE_MS);
    ck_assert_int_ne(leader, 0);
    net_run(n, 1000 + _i);
    net_start(n, late);
    int64_t started = n->now_ms;
    ck_assert_int_eq(net_settle(n, net_all(n), MINUTE_MS), leader);
    ck_assert_int_eq(n->servers[late].looks, 1);
    ck_assert_int_le(n->now_ms, started + 3 * n->delay_max_ms + 2L * TICK_MS);
    net_free(n);
}
END_TEST

START_TEST(observers_find_the_leader)
{
    struct net *n = net_new((uint64_t)_i, 3, 2, _i % 2 == 0 ? 0 : 0xe);

    net_start_all(n, net_all(n));
    zk_sid leader = net_settle(n, net_all(n), MINUTE_MS);
    ck_assert_int_ge(leader, 1);
    ck_assert_int_le(leader, 3);
    net_kill(n, leader);
    zk_sid next = net_settle(n, net_all(n) & ~(1u << leader), MINUTE_MS);
    ck_assert_int_ge(next, 1);
    ck_assert_int_le(next, 3);
    net_free(n);
}
END_TEST

/* ---- Bad weather. */

static void trouble(struct net *n)
{
    zk_sid a = 1 + (zk_sid)rand_below(&n->rand, (uint64_t)n->count);
    zk_sid b = 1 + (zk_sid)rand_below(&n->rand, (uint64_t)n->count);

    switch (rand_below(&n->rand, 4)) {
    case 0:
        if (n->servers[a].phase != DOWN)
            net_kill(n, a);
        break;
    case 1:
        if (n->servers[a].phase == DOWN)
            net_start(n, a);
        break;
    case 2:
        if (a != b)
            net_cut(n, a, b);
        break;
    default:
        net_heal(n);
        break;
    }
}

/* Servers start, die and are cut off for twenty seconds, and messages are late or lost. */
static void bad_weather(struct net *n)
{
    n->delay_max_ms = 1 + (int64_t)rand_below(&n->rand, 400);
    n->lost_permille = rand_below(&n->rand, 300);
    net_start_all(n, net_all(n));
    for (int i = 0; i < 40; i++) {
        trouble(n);
        net_run(n, (int64_t)rand_below(&n->rand, 1000));
    }
}

static void survive(int seed, bool is_mixed)
{
    struct net *n = net_of_seed(seed, is_mixed);

    bad_weather(n);
    net_heal(n);
    n->lost_permille /= 3; /* What is still lost is sent again. */
    net_start_all(n, net_all(n));
    ck_assert_int_ne(net_settle(n, net_all(n), 20 * MINUTE_MS), 0);
    net_free(n);
}

START_TEST(all_settle_after_bad_weather)
{
    survive(_i, false);
}
END_TEST

START_TEST(all_settle_after_bad_weather_among_zookeepers_too)
{
    survive(_i, true);
}
END_TEST

START_TEST(a_connected_majority_settles_whatever_the_others_do)
{
    struct net *n = net_of_seed(_i, _i % 3 == 0);
    zk_sid outsider = 1 + _i % n->voters;
    uint32_t rest = net_all(n) & ~(1u << outsider);

    bad_weather(n);
    net_heal(n);
    n->lost_permille = 0;
    n->servers[outsider].epoch = n->epoch + 5; /* Better than all, but it hears none. */
    for (zk_sid sid = 1; sid <= n->count; sid++)
        if (sid != outsider)
            net_cut(n, sid, outsider);
    if (n->servers[outsider].phase != DOWN)
        net_kill(n, outsider);
    net_start_all(n, net_all(n));
    ck_assert_int_ne(net_settle(n, rest, 20 * MINUTE_MS), 0);
    net_free(n);
}
END_TEST

START_TEST(nobody_floods_the_others)
{
    struct net *n = net_new((uint64_t)_i, 3, 2, (uint32_t)_i << 1 & 0x3e);

    /* The observers have looked often, the one voter that is there has no quorum. */
    for (zk_sid sid = 4; sid <= 5; sid++)
        net_start(n, sid);
    for (int i = 0; i < 20; i++) {
        net_look(n, 4);
        net_look(n, 5);
    }
    net_start(n, 1);
    net_run(n, MINUTE_MS);
    uint64_t sent = n->sent;
    net_run(n, MINUTE_MS);
    if (!n->servers[1].is_java || (!n->servers[4].is_java && !n->servers[5].is_java))
        ck_assert_uint_lt(n->sent - sent, 100);
    net_free(n);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("election_net");
    TCase *tc = tcase_create("together");

    tcase_set_timeout(tc, 240);
    tcase_add_loop_test(tc, all_settle_on_the_best_in_their_first_look, 0, SEEDS);
    tcase_add_loop_test(tc, all_settle_on_the_best_among_zookeepers_too, 0, SEEDS);
    tcase_add_loop_test(tc, nobody_waits_for_silence_when_all_are_there, 0, SEEDS);
    tcase_add_loop_test(tc, a_majority_settles_by_silence_when_the_others_were_never_there, 0,
                        SEEDS);
    tcase_add_loop_test(tc, a_minority_settles_on_nobody, 0, 4);
    tcase_add_loop_test(tc, the_death_of_the_leader_is_over_without_waiting, 0, SEEDS);
    tcase_add_loop_test(tc, those_that_see_the_end_one_after_the_other_do_not_wait, 0, SEEDS);
    tcase_add_loop_test(tc, one_that_comes_later_joins_in_its_first_look, 0, SEEDS);
    tcase_add_loop_test(tc, observers_find_the_leader, 0, SEEDS);
    tcase_add_loop_test(tc, all_settle_after_bad_weather, 0, SEEDS);
    tcase_add_loop_test(tc, all_settle_after_bad_weather_among_zookeepers_too, 0, SEEDS);
    tcase_add_loop_test(tc, a_connected_majority_settles_whatever_the_others_do, 0, SEEDS);
    tcase_add_loop_test(tc, nobody_floods_the_others, 0, 32);
    suite_add_tcase(s, tc);
    return test_run(s);
}
