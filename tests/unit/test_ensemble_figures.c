/* What servers of an ensemble count of their part in it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/ensemble_rig.h"

static struct ensemble_rig *r;

static const struct ensemble_figures *of(int index)
{
    return ensemble_figures(r->servers[index].ensemble);
}

/* A session, and as many nodes. */
static void write_some(int leader, int nodes)
{
    zk_session_id session = ensemble_rig_session(r, leader);

    for (int i = 0; i < nodes; i++) {
        char path[16];
        (void)snprintf(path, sizeof path, "/n%d", i);
        (void)ensemble_rig_create(r, leader, session, i + 1, path, NULL);
        (void)ensemble_rig_turn(r);
    }
    ensemble_rig_sleep(r, 1000);
}

START_TEST(a_leader_counts_proposals_commits_and_syncs)
{
    r = ensemble_rig_running(3, 0);
    int leader = ensemble_rig_leader(r);
    const struct ensemble_figures *f = of(leader);

    ck_assert_uint_eq(f->diffs + f->snaps, 2);
    ck_assert_uint_eq(f->diffs_in_flight.count + f->snaps_in_flight.count, 2);
    ck_assert_uint_eq(f->unavailable.count, 1);
    ck_assert_uint_eq(f->leader_unavailable.count, 1);
    ck_assert_int_eq(f->proposal_last, -1);
    write_some(leader, 5);
    ck_assert_uint_eq(f->proposals, 6);
    ck_assert_uint_eq(f->commits, 6);
    ck_assert_uint_eq(f->quorum_ack.all.count, 6);
    ck_assert_int_gt(f->proposal_min, 0);
    ck_assert_int_ge(f->proposal_last, f->proposal_min);
    ck_assert_int_ge(f->proposal_max, f->proposal_last);
    ck_assert_uint_eq(f->proposals_received + f->commits_received, 0);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_learner_counts_what_it_is_told)
{
    r = ensemble_rig_running(4, 1u << 3);
    int leader = ensemble_rig_leader(r);
    int follower = leader == 0 ? 1 : 0;
    int observer = 3;

    write_some(leader, 5);
    ck_assert_uint_eq(of(follower)->proposals_received, 6);
    ck_assert_uint_eq(of(follower)->commits_received, 6);
    ck_assert_uint_eq(of(follower)->proposal_latency.all.count, 6);
    ck_assert_uint_eq(of(follower)->commit_latency.all.count, 6);
    ck_assert_uint_eq(of(follower)->follower_sync.count, 1);
    ck_assert_uint_eq(of(follower)->unavailable.count, 1);
    ck_assert_uint_eq(of(follower)->leader_unavailable.count, 0);
    ck_assert_uint_eq(of(follower)->proposals + of(follower)->commits, 0);
    ck_assert_uint_eq(of(observer)->proposals_received, 0); /* It is informed. */
    ck_assert_uint_eq(of(observer)->commits_received, 6);
    ck_assert_uint_eq(of(observer)->observer_sync.count, 1);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(each_look_for_a_leader_counts)
{
    r = ensemble_rig_running(3, 0);
    int leader = ensemble_rig_leader(r);
    int follower = leader == 0 ? 1 : 0;

    ck_assert_uint_eq(of(follower)->looking, 1);
    ensemble_rig_kill(r, leader);
    ensemble_rig_sleep(r, 2000);
    ck_assert_uint_eq(of(follower)->looking, 2);
    ck_assert_uint_eq(of(follower)->unavailable.count, 2);
    ensemble_forget_figures(r->servers[follower].ensemble);
    ck_assert_uint_eq(of(follower)->looking, 0);
    ck_assert_int_eq(of(follower)->proposal_last, -1);
    r = ensemble_rig_free(r);
}
END_TEST

/* leader.maxTimeToWaitForEpoch: both others vote for the leader, one of them looks again. */
START_TEST(each_leader_that_a_changed_mind_ends_counts)
{
    enum { LEADER = 2 };

    r = ensemble_rig_new(3, 3, 0);
    r->conf.zab.max_wait_for_epoch_ms = 100;
    ensemble_rig_start(r, LEADER);
    ensemble_rig_vote(r, 0, LEADER, ZAB_STATE_LOOKING, 3, 0, 1, 0);
    ensemble_rig_vote(r, 1, LEADER, ZAB_STATE_LOOKING, 3, 0, 1, 0);
    ensemble_rig_sleep(r, 90);
    ck_assert_int_eq(zab_role(ensemble_zab(r->servers[LEADER].ensemble)), ZAB_LEADING);
    ensemble_rig_vote(r, 0, LEADER, ZAB_STATE_LOOKING, 1, 0, 2, 0);
    ck_assert_uint_eq(of(LEADER)->disloyal_voters, 0);
    ensemble_rig_sleep(r, 20);
    ensemble_rig_vote(r, 0, LEADER, ZAB_STATE_LOOKING, 1, 0, 2, 0);
    ck_assert_uint_eq(of(LEADER)->disloyal_voters, 1);
    ck_assert_int_eq(zab_role(ensemble_zab(r->servers[LEADER].ensemble)), ZAB_LOOKING);
    r = ensemble_rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ensemble_figures");
    TCase *tc = tcase_create("ensemble_figures");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_leader_counts_proposals_commits_and_syncs);
    tcase_add_test(tc, a_learner_counts_what_it_is_told);
    tcase_add_test(tc, each_look_for_a_leader_counts);
    tcase_add_test(tc, each_leader_that_a_changed_mind_ends_counts);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
