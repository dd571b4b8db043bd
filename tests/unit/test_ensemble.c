/* Ensembles of real servers, wired together in one process. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/ensemble_rig.h"

static struct ensemble_rig *r;

static void create(int index, const char *path)
{
    ck_assert(ensemble_can_submit(r->servers[index].ensemble));
    zk_session_id session = ensemble_rig_session(r, index);
    ck_assert_int_eq(ensemble_rig_create(r, index, session, 1, path, NULL), ORDER_SUBMITTED);
    ensemble_rig_settle(r);
}

START_TEST(three_servers_find_a_leader_and_all_serve)
{
    r = ensemble_rig_running(3, 0);
    ck_assert_int_ge(ensemble_rig_leader(r), 0);
    for (int i = 0; i < 3; i++)
        ck_assert(ensemble_serves(r->servers[i].ensemble));
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_write_at_any_server_reaches_all)
{
    r = ensemble_rig_running(3, 0);
    for (int i = 0; i < 3; i++) {
        char path[8];
        (void)snprintf(path, sizeof path, "/n%d", i);
        create(i, path);
        for (int k = 0; k < 3; k++)
            ck_assert(ensemble_rig_has(r, k, path));
    }
    ck_assert(ensemble_rig_is_alike(r));
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(an_observer_gets_everything_and_is_not_counted)
{
    r = ensemble_rig_running(4, 8);
    create(3, "/by-the-observer");
    for (int i = 0; i < 4; i++)
        ck_assert(ensemble_rig_has(r, i, "/by-the-observer"));
    ck_assert(ensemble_rig_is_alike(r));
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_follower_that_was_away_gets_what_it_missed)
{
    r = ensemble_rig_running(3, 0);
    int away = ensemble_rig_leader(r) == 0 ? 1 : 0;
    create(away, "/before");
    ensemble_rig_kill(r, away);
    ensemble_rig_sleep(r, 1000);
    create(ensemble_rig_leader(r), "/meanwhile");
    ensemble_rig_start(r, away);
    ensemble_rig_sleep(r, 1000);
    ck_assert(ensemble_serves(r->servers[away].ensemble));
    ck_assert(ensemble_rig_has(r, away, "/meanwhile"));
    ck_assert(!r->servers[away].state_was_new);
    ck_assert(ensemble_rig_is_alike(r));
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_follower_that_lost_its_disk_gets_a_snapshot)
{
    r = ensemble_rig_running(3, 0);
    int leader = ensemble_rig_leader(r);
    int away = leader == 0 ? 1 : 0;
    create(leader, "/before");
    ensemble_rig_kill(r, away);
    ensemble_rig_wipe(r, away);
    r->servers[leader].no_log_sync = true;
    ensemble_rig_start(r, away);
    ensemble_rig_sleep(r, 1000);
    ck_assert(ensemble_serves(r->servers[away].ensemble));
    ck_assert(ensemble_rig_has(r, away, "/before"));
    ck_assert(ensemble_rig_is_alike(r));
    r = ensemble_rig_free(r);
}
END_TEST

/* ZOOKEEPER-2819: members that come from static files may differ for a while, in a rolling restart.
 * The node shows the server's own, also when a snapshot has brought another's. */
START_TEST(the_config_node_shows_what_is_in_force_here_whatever_a_snapshot_says)
{
    r = ensemble_rig_running(3, 0);
    int leader = ensemble_rig_leader(r);
    int away = leader == 0 ? 1 : 0;
    struct bytes want = { 0 };

    zab_config_print(zab_config_in_force(ensemble_zab(r->servers[away].ensemble)), &want);
    ensemble_rig_kill(r, away);
    ensemble_rig_wipe(r, away);
    r->servers[leader].no_log_sync = true;
    tree_set_config(r->servers[leader].state.tree, jute_text("of another list"), 0, 0);
    create(leader, "/a");
    ensemble_rig_start(r, away);
    ensemble_rig_sleep(r, 1000);
    ck_assert(r->servers[away].state_was_new);
    struct tree *t = r->servers[away].state.tree;
    struct jute_bytes is = znode_data(t, tree_find(t, jute_text("/zookeeper/config")));
    ck_assert_uint_eq((size_t)is.len, want.len);
    ck_assert_mem_eq(is.at, want.at, want.len);
    bytes_done(&want);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_follower_that_was_away_for_long_gets_the_log_from_disk)
{
    r = ensemble_rig_new(3, 0, 0);
    r->conf.history_bytes = 1;
    r->conf.history_count = 3;
    ensemble_rig_start_all(r);
    int leader = ensemble_rig_leader(r);
    int away = leader == 0 ? 1 : 0;
    create(leader, "/before");
    ensemble_rig_kill(r, away);
    ensemble_rig_sleep(r, 100);
    for (int i = 0; i < 30; i++) {
        char path[16];
        (void)snprintf(path, sizeof path, "/n%d", i);
        create(leader, path);
    }
    r->servers[leader].log[0] = '\0';
    ensemble_rig_start(r, away);
    ensemble_rig_sleep(r, 1000);
    ck_assert_ptr_nonnull(strstr(r->servers[leader].log, "how='DIFF from the log'"));
    ck_assert(ensemble_rig_has(r, away, "/n29"));
    ck_assert(!r->servers[away].state_was_new);
    ck_assert(ensemble_rig_is_alike(r));
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_snapshot_is_taken_in_while_writes_go_on)
{
    r = ensemble_rig_running(3, 0);
    int leader = ensemble_rig_leader(r);
    int away = leader == 0 ? 1 : 0;
    zk_session_id session = ensemble_rig_session(r, leader);
    int xid = 1;
    for (; xid < 3000; xid++) {
        char path[16];
        (void)snprintf(path, sizeof path, "/n%d", xid);
        (void)ensemble_rig_create(r, leader, session, xid, path, NULL);
        (void)ensemble_rig_turn(r);
    }
    ensemble_rig_kill(r, away);
    r->servers[leader].no_log_sync = true;
    ensemble_rig_wipe(r, away);
    ensemble_rig_start(r, away);
    for (; xid < 6000; xid++) {
        char path[16];
        (void)snprintf(path, sizeof path, "/n%d", xid);
        if (ensemble_can_submit(r->servers[leader].ensemble))
            (void)ensemble_rig_create(r, leader, session, xid, path, NULL);
        if (xid % 10 == 0)
            r->now_ms++;
        (void)ensemble_rig_turn(r);
    }
    ensemble_rig_sleep(r, 1000);
    ck_assert(r->servers[away].state_was_new);
    ck_assert(ensemble_serves(r->servers[away].ensemble));
    ck_assert_uint_eq(order_digest_mismatches(ensemble_order(r->servers[away].ensemble)), 0);
    ck_assert(ensemble_rig_is_alike(r));
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_state_that_differs_is_found_at_the_next_txn_and_mended)
{
    r = ensemble_rig_running(3, 0);
    int leader = ensemble_rig_leader(r);
    int wrong = leader == 0 ? 1 : 0;
    create(leader, "/n");
    /* A bit flips in memory, so to speak. */
    struct tree *t = r->servers[wrong].state.tree;
    struct delete_txn delete = { .path = jute_text("/n") };
    struct bytes payload = { 0 };
    struct txn_header head = { .zxid = tree_zxid(t), .type = ZK_OP_DELETE };
    struct txn txn;
    static const struct tree_sink nobody;
    jute_write_txn_header(&payload, &head);
    jute_write_delete_txn(&payload, &delete);
    ck_assert(txn_parse(&txn, payload.at, payload.len));
    tree_apply(t, &txn, NULL, &nobody);
    bytes_done(&payload);
    create(leader, "/m");
    ensemble_rig_sleep(r, 1000);
    ck_assert_ptr_nonnull(strstr(r->servers[wrong].log, "not what its txn promised"));
    ck_assert(ensemble_serves(r->servers[wrong].ensemble));
    ck_assert(ensemble_rig_has(r, wrong, "/n"));
    ck_assert(ensemble_rig_is_alike(r));
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(when_the_leader_dies_another_leads_and_nothing_is_lost)
{
    r = ensemble_rig_running(3, 0);
    int leader = ensemble_rig_leader(r);
    create(leader, "/kept");
    ensemble_rig_kill(r, leader);
    ensemble_rig_sleep(r, 1000);
    int next = ensemble_rig_leader(r);
    ck_assert_int_ge(next, 0);
    ck_assert(ensemble_rig_has(r, next, "/kept"));
    create(next, "/new");
    ensemble_rig_start(r, leader);
    ensemble_rig_sleep(r, 1000);
    ck_assert(ensemble_rig_has(r, leader, "/new"));
    ck_assert(ensemble_rig_is_alike(r));
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(what_a_lone_leader_logged_is_cut_off_when_others_went_on)
{
    r = ensemble_rig_running(3, 0);
    int leader = ensemble_rig_leader(r);
    create(leader, "/kept");
    zk_session_id session = ensemble_rig_session(r, leader);
    /* It logs, and nobody hears of it. */
    for (int i = 0; i < r->link_count; i++)
        r->links[i].is_cut = true;
    (void)ensemble_rig_create(r, leader, session, 2, "/lost", NULL);
    ensemble_rig_settle(r);
    ck_assert(!ensemble_rig_has(r, leader, "/lost"));
    for (int i = 0; i < r->link_count; i++) {
        r->links[i].is_cut = false;
        r->links[i].out.len = r->links[i].back.len = 0;
    }
    ensemble_rig_kill(r, leader);
    ensemble_rig_sleep(r, 1000);
    create(ensemble_rig_leader(r), "/new");
    ensemble_rig_start(r, leader);
    ensemble_rig_sleep(r, 1000);
    ck_assert(ensemble_serves(r->servers[leader].ensemble));
    ck_assert(!ensemble_rig_has(r, leader, "/lost"));
    ck_assert(ensemble_rig_has(r, leader, "/new"));
    ck_assert(ensemble_rig_is_alike(r));
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_leader_that_is_asked_to_hands_over)
{
    r = ensemble_rig_running(3, 0);
    int leader = ensemble_rig_leader(r);
    create(leader, "/kept");
    ensemble_step_down(r->servers[leader].ensemble, "asked to stop");
    ensemble_rig_sleep(r, 500);
    ck_assert(ensemble_has_stepped_down(r->servers[leader].ensemble));
    ck_assert_int_ge(ensemble_rig_leader(r), 0);
    ck_assert_int_ne(ensemble_rig_leader(r), leader);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(sync_at_a_follower_is_answered_behind_what_was_committed)
{
    r = ensemble_rig_running(3, 0);
    int leader = ensemble_rig_leader(r);
    int follower = leader == 0 ? 1 : 0;
    zk_session_id session = ensemble_rig_session(r, follower);
    static const uint8_t body[] = { 0, 0, 0, 1, '/' };
    struct write_request req = {
        .session = session, .op = ZK_OP_SYNC, .body = body, .len = sizeof body
    };
    (void)ensemble_rig_create(r, leader, ensemble_rig_session(r, leader), 1, "/n", NULL);
    uint64_t ticket = ensemble_sync(r->servers[follower].ensemble, &req);
    ck_assert_uint_ne(ticket, 0);
    while (r->servers[follower].synced < ticket)
        ck_assert(ensemble_rig_turn(r));
    ck_assert(ensemble_rig_has(r, follower, "/n"));
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(sync_at_the_leader_asks_a_quorum)
{
    r = ensemble_rig_running(3, 0);
    int leader = ensemble_rig_leader(r);
    struct write_request req = { .op = ZK_OP_SYNC };
    for (int i = 0; i < r->link_count; i++)
        r->links[i].is_cut = true;
    uint64_t ticket = ensemble_sync(r->servers[leader].ensemble, &req);
    ck_assert_uint_ne(ticket, 0);
    ensemble_rig_settle(r);
    ck_assert_uint_lt(r->servers[leader].synced, ticket);
    for (int i = 0; i < r->link_count; i++)
        r->links[i].is_cut = false;
    ensemble_rig_settle(r);
    ck_assert_uint_eq(r->servers[leader].synced, ticket);
    ck_assert(!r->servers[leader].was_refused);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(linearizable_reads_of_a_turn_share_a_round)
{
    r = ensemble_rig_running(3, 0);
    for (int i = 0; i < 3; i++) {
        struct rig_server *s = &r->servers[i];
        uint64_t ticket = ensemble_read_index(s->ensemble);
        ck_assert_uint_ne(ticket, 0);
        ck_assert_uint_eq(ensemble_read_index(s->ensemble), ticket);
        ensemble_rig_settle(r);
        ck_assert_uint_eq(s->synced, ticket);
    }
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_session_moves_and_its_old_server_may_not_write)
{
    r = ensemble_rig_running(3, 0);
    int leader = ensemble_rig_leader(r);
    int one = leader == 0 ? 1 : 0;
    int two = 3 - leader - one;
    zk_session_id session = ensemble_rig_session(r, one);
    ck_assert_int_eq(ensemble_revalidate(r->servers[two].ensemble, session, 30000), -1);
    ensemble_rig_settle(r);
    ck_assert_int_eq(r->servers[two].revalidated, session);
    ck_assert(r->servers[two].was_valid);
    (void)ensemble_rig_create(r, one, session, 5, "/stale", NULL);
    ensemble_rig_settle(r);
    ck_assert(!ensemble_rig_has(r, leader, "/stale"));
    ck_assert_int_eq(r->servers[one].applied_type, ZK_OP_ERROR);
    (void)ensemble_rig_create(r, two, session, 6, "/fresh", NULL);
    ensemble_rig_settle(r);
    ck_assert(ensemble_rig_has(r, one, "/fresh"));
    (void)ensemble_revalidate(r->servers[two].ensemble, 77, 30000);
    ensemble_rig_settle(r);
    ck_assert_int_eq(r->servers[two].revalidated, 77);
    ck_assert(!r->servers[two].was_valid);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_slow_follower_gets_the_rest_from_the_history_or_loses_its_link)
{
    r = ensemble_rig_running(3, 0);
    int leader = ensemble_rig_leader(r);
    int slow = leader == 0 ? 1 : 0;
    zk_session_id session = ensemble_rig_session(r, leader);
    r->unsent = r->conf.feed_bytes_max; /* Nobody gets anything. */
    for (int i = 0; i < 50; i++) {
        char path[16];
        (void)snprintf(path, sizeof path, "/n%d", i);
        (void)ensemble_rig_create(r, leader, session, i + 1, path, NULL);
        ensemble_rig_settle(r);
    }
    ck_assert(!ensemble_rig_has(r, slow, "/n0"));
    r->unsent = 0;
    ensemble_rig_settle(r);
    ck_assert(ensemble_rig_has(r, slow, "/n49"));
    ck_assert(ensemble_rig_is_alike(r));
    r = ensemble_rig_free(r);
}
END_TEST

static void reconfigure(int index, const char *joining, const char *leaving)
{
    struct rig_server *s = &r->servers[index];
    struct bytes body = { 0 };
    struct reconfig_request request = { .joining_servers = { .len = -1 },
                                        .leaving_servers = { .len = -1 },
                                        .new_members = { .len = -1 },
                                        .cur_config_id = -1 };
    enum zk_err err;
    zk_zxid zxid;

    if (joining != NULL)
        request.joining_servers = jute_text(joining);
    if (leaving != NULL)
        request.leaving_servers = jute_text(leaving);
    jute_write_reconfig_request(&body, &request);
    struct idset *ids = idset_of_ids((struct jute_vector){ .count = 0 });
    struct write_request req = { .session = ensemble_rig_session(r, index),
                                 .xid = 1,
                                 .op = ZK_OP_RECONFIG,
                                 .body = body.at,
                                 .len = body.len,
                                 .ids = ids };
    ck_assert_int_eq(ensemble_submit(s->ensemble, &req, &err, &zxid), ORDER_SUBMITTED);
    (void)idset_unref(ids);
    bytes_done(&body);
    ensemble_rig_settle(r);
}

/* Servers of the mask may change the members. */
static void begin_reconfigurable_at(unsigned servers)
{
    static struct auth_conf open_to_all = { .digest_enabled = true, .skip_acl = true };

    r = ensemble_rig_new(4, 0, 8);
    r->conf.order.auth = &open_to_all;
    for (int i = 0; i < 4; i++) {
        r->conf.order.reconfig_enabled = r->conf.zab.reconfig_enabled = (servers >> i & 1) != 0;
        ensemble_rig_start(r, i);
    }
    ensemble_rig_sleep(r, 1000);
    ck_assert_int_ge(ensemble_rig_leader(r), 0);
}

static void begin_reconfigurable(void)
{
    begin_reconfigurable_at(15);
}

START_TEST(an_observer_becomes_a_voter_at_all_servers)
{
    begin_reconfigurable();
    int leader = ensemble_rig_leader(r);
    reconfigure(leader, "server.4=127.0.0.1:2004:3004:participant;127.0.0.1:4004", NULL);
    ensemble_rig_sleep(r, 3000);
    for (int i = 0; i < 4; i++) {
        const struct zab *z = ensemble_zab(r->servers[i].ensemble);
        ck_assert(zab_config_is_voter(zab_config_in_force(z), 4));
        ck_assert(ensemble_serves(r->servers[i].ensemble));
        struct znode *n = tree_find(r->servers[i].state.tree, jute_text("/zookeeper/config"));
        struct jute_bytes data = znode_data(r->servers[i].state.tree, n);
        ck_assert_ptr_nonnull(
            memmem(data.at, (size_t)data.len, "server.4=127.0.0.1:2004:3004:p", 30));
    }
    create(3, "/as-a-voter");
    ck_assert(ensemble_rig_is_alike(r));
    r = ensemble_rig_free(r);
}
END_TEST

/* Else the quorums of who knows and of who does not need not meet. */
START_TEST(who_may_not_change_members_takes_over_what_its_leader_has_changed)
{
    begin_reconfigurable_at(4);
    ck_assert_int_eq(ensemble_rig_leader(r), 2);
    reconfigure(2, "server.4=127.0.0.1:2004:3004:participant;127.0.0.1:4004", "1");
    ensemble_rig_sleep(r, 3000);
    for (int i = 0; i < 4; i++) {
        const struct zab_config *c = zab_config_in_force(ensemble_zab(r->servers[i].ensemble));
        ck_assert(zab_config_is_voter(c, 4) && !zab_config_is_voter(c, 1));
        ck_assert_int_eq(r->servers[i].disk.config->version, c->version);
    }
    ensemble_rig_kill(r, 2);
    ensemble_rig_kill(r, 3);
    ensemble_rig_sleep(r, 30000);
    ck_assert_int_eq(ensemble_rig_leader(r), -1); /* Two of the three that there were. */
    ensemble_rig_start(r, 3);
    ensemble_rig_sleep(r, 3000);
    int leader = ensemble_rig_leader(r);
    ck_assert(leader == 1 || leader == 3);
    reconfigure(leader, NULL, "3");
    ck_assert_int_eq(r->servers[leader].applied_type, ZK_OP_ERROR);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_server_that_can_not_be_there_is_refused)
{
    begin_reconfigurable();
    int leader = ensemble_rig_leader(r);
    reconfigure(leader, NULL, "1,2,3");
    ck_assert_int_eq(r->servers[leader].applied_type, ZK_OP_ERROR);
    ck_assert_uint_eq(zab_config_in_force(ensemble_zab(r->servers[leader].ensemble))->voters, 3);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_leader_that_leaves_is_replaced)
{
    begin_reconfigurable();
    int leader = ensemble_rig_leader(r);
    char sid[16];
    (void)snprintf(sid, sizeof sid, "%d", leader + 1);
    reconfigure(leader, NULL, sid);
    ensemble_rig_sleep(r, 30000);
    int next = ensemble_rig_leader(r);
    ck_assert_int_ge(next, 0);
    ck_assert_int_ne(next, leader);
    create(next, "/under-the-new-one");
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_whole_ensemble_comes_back)
{
    r = ensemble_rig_running(3, 0);
    create(0, "/kept");
    for (int i = 0; i < 3; i++)
        ensemble_rig_kill(r, i);
    ensemble_rig_sleep(r, 100);
    for (int i = 0; i < 3; i++)
        ensemble_rig_start(r, i);
    ensemble_rig_sleep(r, 2000);
    ck_assert_int_ge(ensemble_rig_leader(r), 0);
    for (int i = 0; i < 3; i++)
        ck_assert(ensemble_rig_has(r, i, "/kept"));
    create(1, "/new");
    ck_assert(ensemble_rig_is_alike(r));
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(pings_keep_an_idle_ensemble_together)
{
    r = ensemble_rig_running(3, 0);
    int leader = ensemble_rig_leader(r);
    ensemble_rig_sleep(r, 60000);
    ck_assert_int_eq(ensemble_rig_leader(r), leader);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(r->servers[i].pauses, 0);
    r = ensemble_rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ensemble");
    TCase *tc = tcase_create("ensemble");

    tcase_add_test(tc, three_servers_find_a_leader_and_all_serve);
    tcase_add_test(tc, a_write_at_any_server_reaches_all);
    tcase_add_test(tc, an_observer_gets_everything_and_is_not_counted);
    tcase_add_test(tc, a_follower_that_was_away_gets_what_it_missed);
    tcase_add_test(tc, a_follower_that_lost_its_disk_gets_a_snapshot);
    tcase_add_test(tc, the_config_node_shows_what_is_in_force_here_whatever_a_snapshot_says);
    tcase_add_test(tc, a_follower_that_was_away_for_long_gets_the_log_from_disk);
    tcase_add_test(tc, a_snapshot_is_taken_in_while_writes_go_on);
    tcase_add_test(tc, a_state_that_differs_is_found_at_the_next_txn_and_mended);
    tcase_add_test(tc, when_the_leader_dies_another_leads_and_nothing_is_lost);
    tcase_add_test(tc, what_a_lone_leader_logged_is_cut_off_when_others_went_on);
    tcase_add_test(tc, a_leader_that_is_asked_to_hands_over);
    tcase_add_test(tc, sync_at_a_follower_is_answered_behind_what_was_committed);
    tcase_add_test(tc, sync_at_the_leader_asks_a_quorum);
    tcase_add_test(tc, linearizable_reads_of_a_turn_share_a_round);
    tcase_add_test(tc, a_session_moves_and_its_old_server_may_not_write);
    tcase_add_test(tc, a_slow_follower_gets_the_rest_from_the_history_or_loses_its_link);
    tcase_add_test(tc, an_observer_becomes_a_voter_at_all_servers);
    tcase_add_test(tc, who_may_not_change_members_takes_over_what_its_leader_has_changed);
    tcase_add_test(tc, a_server_that_can_not_be_there_is_refused);
    tcase_add_test(tc, a_leader_that_leaves_is_replaced);
    tcase_add_test(tc, a_whole_ensemble_comes_back);
    tcase_add_test(tc, pings_keep_an_idle_ensemble_together);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
