/* Ensembles of real servers, wired together in one process: large snapshots. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/ensemble_rig.h"

static struct ensemble_rig *r;

/* How large is the tree, how much is written meanwhile, must not decide whether it ever ends. */
START_TEST(what_the_history_lost_during_a_snapshot_comes_from_the_log)
{
    r = ensemble_rig_new(3, 0, 0);
    r->conf.history_bytes = 1;
    r->conf.history_count = 3;
    ensemble_rig_start_all(r);
    int leader = ensemble_rig_leader(r);
    int away = leader == 0 ? 1 : 0;
    zk_session_id session = ensemble_rig_session(r, leader);
    int xid = 1;
    for (; xid < 40000; xid++) { /* More than a few turns give. */
        char path[16];
        (void)snprintf(path, sizeof path, "/n%d", xid);
        (void)ensemble_rig_create(r, leader, session, xid, path, NULL);
        (void)ensemble_rig_turn(r);
    }
    ensemble_rig_kill(r, away);
    r->servers[leader].log[0] = '\0';
    r->servers[leader].no_log_sync = true;
    ensemble_rig_wipe(r, away);
    ensemble_rig_start(r, away);
    for (int i = 0; i < 3000; i++) {
        char path[16];
        (void)snprintf(path, sizeof path, "/n%d", ++xid);
        if (ensemble_can_submit(r->servers[leader].ensemble))
            (void)ensemble_rig_create(r, leader, session, xid, path, NULL);
        if (strstr(r->servers[leader].log, "how='SNAP'") != NULL)
            r->servers[leader].no_log_sync = false;
        if (i % 10 != 0)
            continue; /* Several in a turn. */
        r->now_ms++;
        (void)ensemble_rig_turn(r);
    }
    ensemble_rig_sleep(r, 1000);
    ck_assert_ptr_nonnull(strstr(r->servers[leader].log, "feed: goes on from the log"));
    ck_assert_ptr_null(strstr(r->servers[leader].log, "lags too far behind"));
    ck_assert(r->servers[away].state_was_new);
    ck_assert(!r->servers[away].state.is_fuzzy);
    ck_assert_uint_eq(order_digest_mismatches(ensemble_order(r->servers[away].ensemble)), 0);
    ck_assert(ensemble_rig_is_alike(r));
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(many_snapshots_at_a_time_share_what_a_turn_gives)
{
    uint64_t most = 0;
    r = ensemble_rig_running(5, 1 << 3 | 1 << 4);
    int leader = ensemble_rig_leader(r);
    int away[] = { leader == 0 ? 1 : 0, 3, 4 };
    zk_session_id session = ensemble_rig_session(r, leader);
    for (int xid = 1; xid < 20000; xid++) {
        char path[16];
        (void)snprintf(path, sizeof path, "/n%d", xid);
        (void)ensemble_rig_create(r, leader, session, xid, path, NULL);
        if (xid % 50 == 0)
            (void)ensemble_rig_turn(r);
    }
    ensemble_rig_sleep(r, 100);
    r->servers[leader].no_log_sync = true;
    for (int i = 0; i < 3; i++)
        ensemble_rig_kill(r, away[i]);
    for (int i = 0; i < 3; i++) {
        ensemble_rig_wipe(r, away[i]);
        ensemble_rig_start(r, away[i]);
    }
    for (int i = 0; i < 3000; i++) {
        uint64_t before = r->servers[leader].sent;
        r->now_ms++;
        (void)ensemble_rig_turn(r);
        if (r->servers[leader].sent - before > most)
            most = r->servers[leader].sent - before;
    }
    ck_assert_uint_gt(most, 1000000); /* More than one at a time. */
    ck_assert_uint_lt(most, 1100000);
    for (int i = 0; i < 3; i++) {
        ck_assert(r->servers[away[i]].state_was_new);
        ck_assert(ensemble_serves(r->servers[away[i]].ensemble));
    }
    ck_assert(ensemble_rig_is_alike(r));
    r = ensemble_rig_free(r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ensemble_snapshots");
    TCase *tc = tcase_create("ensemble_snapshots");
    SRunner *runner = srunner_create(s);

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, what_the_history_lost_during_a_snapshot_comes_from_the_log);
    tcase_add_test(tc, many_snapshots_at_a_time_share_what_a_turn_gives);
    suite_add_tcase(s, tc);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
