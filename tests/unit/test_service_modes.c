/* The service with the settings that only matter in an ensemble: local sessions, linearizable
 * reads, the read-only mode, a leader that takes no clients, its part of the limit of requests. */
#include "tests/unit/test_roles_lib.h"

static void teardown(void)
{
    end();
}

/* ---- Local sessions. */

static void begin_local(bool upgrading)
{
    struct service_conf conf = roles_conf();

    conf.local_sessions = true;
    conf.local_upgrading = upgrading;
    begin(&conf);
    fake_serve(ZAB_FOLLOWING, false);
    join_leader(0);
}

static void setup_local(void)
{
    begin_local(false);
}

static void setup_upgrading(void)
{
    begin_local(true);
}

START_TEST(a_local_session_needs_no_txn)
{
    ck_assert_uint_eq(fake()->request_count, 0);
    ck_assert_uint_eq(r->service.local_sessions, 1);
    ck_assert(create(0, 5, "/a"));
    order_last();
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
}
END_TEST

START_TEST(a_local_session_may_have_no_ephemerals)
{
    ck_assert(send_create(r, 0, 5, ZK_OP_CREATE, "/e", "", ZK_CREATE_EPHEMERAL));
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_EPHEMERAL_ON_LOCAL_SESSION);
    ck_assert(send_create(r, 0, 6, ZK_OP_CREATE2, "/e", "", ZK_CREATE_EPHEMERAL_SEQUENTIAL));
    ck_assert_int_eq(expect_reply(r, 0, 6), ZK_EPHEMERAL_ON_LOCAL_SESSION);
    ck_assert_uint_eq(fake()->request_count, 0);
    ck_assert(send_create(r, 0, 7, ZK_OP_CREATE, "/p", "", ZK_CREATE_PERSISTENT_SEQUENTIAL));
    ck_assert_uint_eq(fake()->request_count, 1);
}
END_TEST

static void send_multi_of(int32_t xid, int32_t flags)
{
    struct create_request req = { .path = jute_text("/m"), .acl = open_acls(), .flags = flags };
    struct delete_request remove = { .path = jute_text("/x"), .version = -1 };
    struct multi_header head = { .type = ZK_OP_DELETE, .err = -1 };
    struct bytes *b = frame_begin(xid, ZK_OP_MULTI);

    jute_write_multi_header(b, &head);
    jute_write_delete_request(b, &remove);
    head.type = ZK_OP_CREATE;
    jute_write_multi_header(b, &head);
    jute_write_create_request(b, &req);
    head = (struct multi_header){ .type = -1, .done = true, .err = -1 };
    jute_write_multi_header(b, &head);
    ck_assert(frame_send(r, 0));
}

/* Each part of it is answered for, and only a leader knows how. */
START_TEST(a_multi_of_it_is_the_leaders_to_refuse)
{
    send_multi_of(5, ZK_CREATE_EPHEMERAL);
    ck_assert_uint_eq(fake()->request_count, 1);
    ck_assert_int_eq(fake()->requests[0].op, ZK_OP_MULTI);
    send_multi_of(6, ZK_CREATE_PERSISTENT);
    ck_assert_uint_eq(fake()->request_count, 2);
}
END_TEST

START_TEST(a_local_session_ends_without_a_txn)
{
    ck_assert(create(0, 5, "/a"));
    ck_assert(send_bare(r, 0, 6, ZK_OP_CLOSE_SESSION));
    ck_assert(!is_gone(0));
    order_last();
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
    ck_assert_int_eq(expect_reply(r, 0, 6), ZK_OK);
    ck_assert(is_gone(0));
    ck_assert_uint_eq(fake()->request_count, 1);
    ck_assert_uint_eq(r->service.local_sessions, 0);
}
END_TEST

START_TEST(a_local_session_expires_where_it_was_made)
{
    ck_assert_int_lt(service_deadline(&r->service), INT64_MAX);
    rig_sleep(r, 3900);
    ck_assert(send_read(r, 0, 5, ZK_OP_EXISTS, "/", false));
    rig_sleep(r, 3900);
    ck_assert(!is_gone(0));
    rig_sleep(r, 2200);
    ck_assert(is_gone(0));
    ck_assert_uint_eq(r->service.local_sessions, 0);
    ck_assert_uint_eq(fake()->request_count, 0);
    ck_assert_uint_eq(fake()->touched_count, 0);
}
END_TEST

START_TEST(a_local_session_is_resumed_without_asking)
{
    zk_session_id id = session_of(0);

    leave(0);
    ck_assert(knock(0, id, 0, false));
    ck_assert_int_eq(welcomed(0), id);
    ck_assert_uint_eq(fake()->asked_count, 0);
}
END_TEST

START_TEST(a_local_session_outlives_a_leader)
{
    fake_pause();
    fake_serve(ZAB_LEADING, false);
    rig_turn(r);
    ck_assert(!is_gone(0));
    ck_assert(create(0, 5, "/a"));
    rig_turn(r);
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
}
END_TEST

START_TEST(an_ephemeral_makes_a_local_session_one_of_all_first)
{
    ck_assert(send_create(r, 0, 0, ZK_OP_CREATE, "/e", "", ZK_CREATE_EPHEMERAL));
    ck_assert(send_create(r, 0, 6, ZK_OP_CREATE, "/f", "", ZK_CREATE_EPHEMERAL));
    ck_assert_uint_eq(fake()->request_count, 3);
    ck_assert_int_eq(fake()->requests[0].op, ZK_OP_CREATE_SESSION);
    ck_assert_int_eq(fake()->requests[0].session, session_of(0));
    (void)fake_order(0);
    fake_learn(true);
    ck_assert_uint_eq(r->service.local_sessions, 0);
    expect_nothing(r, 0);
    (void)fake_order(1);
    (void)fake_order(2);
    fake_learn(true);
    ck_assert_int_eq(expect_reply(r, 0, 0), ZK_OK);
    ck_assert_int_eq(expect_reply(r, 0, 6), ZK_OK);
    ck_assert_int_eq(service_deadline(&r->service), INT64_MAX);
    ck_assert(send_bare(r, 0, 7, ZK_OP_CLOSE_SESSION));
    order_last();
    ck_assert_int_eq(expect_reply(r, 0, 7), ZK_OK);
    ck_assert_ptr_null(tree_find(r->service.state.tree, jute_text("/e")));
}
END_TEST

START_TEST(a_leader_upgrades_its_own)
{
    fake_pause();
    fake_serve(ZAB_LEADING, false);
    rig_turn(r);
    ck_assert(send_create(r, 0, 5, ZK_OP_CREATE, "/e", "", ZK_CREATE_EPHEMERAL));
    rig_turn(r);
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
    ck_assert_uint_eq(r->service.local_sessions, 0);
    rig_sleep(r, 10000);
    ck_assert(is_gone(0));
    ck_assert_ptr_null(tree_find(r->service.state.tree, jute_text("/e")));
}
END_TEST

START_TEST(an_upgrade_that_is_under_way_is_not_expired)
{
    ck_assert(send_create(r, 0, 5, ZK_OP_CREATE, "/e", "", ZK_CREATE_EPHEMERAL));
    rig_sleep(r, 10000);
    ck_assert(!is_gone(0));
}
END_TEST

/* The snapshot of another leader has what its upgrade came to: from then on its life is the
 * leader's to watch. */
static void upgrade_by_snapshot(void)
{
    ck_assert(send_create(r, 0, 5, ZK_OP_CREATE, "/e", "", ZK_CREATE_EPHEMERAL));
    ck_assert_int_eq(fake()->requests[0].op, ZK_OP_CREATE_SESSION);
    session_book_put(r->service.state.sessions, session_of(0), 4000);
    fake_pause();
}

START_TEST(an_upgrade_that_a_snapshot_tells_of_makes_it_one_of_all)
{
    upgrade_by_snapshot();
    zk_session_id id = session_of(0);

    fake_serve(ZAB_FOLLOWING, true);
    rig_turn(r);
    ck_assert(is_gone(0));
    leave(0);
    ck_assert_uint_eq(r->service.local_sessions, 0);
    ck_assert_int_eq(service_deadline(&r->service), INT64_MAX);

    ck_assert(knock(1, id, 0, false));
    ck_assert_uint_eq(fake()->asked_count, 1);
    service_revalidated(&r->service, id, true);
    ck_assert_int_eq(welcomed(1), id);
    ck_assert(send_read(r, 1, 6, ZK_OP_EXISTS, "/", false));
    ck_assert_uint_eq(fake()->touched_count, 1);
    ck_assert_int_eq(fake()->touched, id);
}
END_TEST

START_TEST(who_leads_then_tracks_it_as_one_of_all)
{
    upgrade_by_snapshot();
    zk_session_id id = session_of(0);

    fake_serve(ZAB_LEADING, true);
    rig_turn(r);
    leave(0);
    ck_assert_uint_eq(r->service.local_sessions, 0);
    ck_assert(session_is_tracked(session_find(r->service.sessions, id)));
    rig_sleep(r, 10000);
    ck_assert_ptr_null(session_find(r->service.sessions, id));
    ck_assert_uint_eq(session_book_count(r->service.state.sessions), 0);
}
END_TEST

/* ---- Linearizable reads. */

static void setup_linearizable(void)
{
    struct service_conf conf = roles_conf();

    conf.linearizable_reads = true;
    begin(&conf);
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    join(0);
    join(1);
}

START_TEST(linearizable_reads_of_a_turn_share_a_round)
{
    ck_assert(send_read(r, 0, 5, ZK_OP_EXISTS, "/", false));
    ck_assert(send_read(r, 0, 6, ZK_OP_GET_DATA, "/", false));
    ck_assert(send_read(r, 1, 7, ZK_OP_GET_CHILDREN, "/", false));
    ck_assert_uint_eq(fake()->read_rounds, 1);
    expect_nothing(r, 0);
    service_synced(&r->service, 1, false);
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
    ck_assert_int_eq(expect_reply(r, 0, 6), ZK_OK);
    ck_assert_int_eq(expect_reply(r, 1, 7), ZK_OK);
}
END_TEST

START_TEST(a_ping_needs_no_round)
{
    ck_assert(send_bare(r, 0, ZK_XID_PING, ZK_OP_PING));
    ck_assert_int_eq(expect_reply(r, 0, ZK_XID_PING), ZK_OK);
    ck_assert_uint_eq(fake()->read_rounds, 0);
}
END_TEST

START_TEST(a_linearizable_read_asks_the_next_leader_again)
{
    ck_assert(send_read(r, 0, 5, ZK_OP_EXISTS, "/", false));
    service_synced(&r->service, 1, true);
    expect_nothing(r, 0);
    fake_pause();
    fake_serve(ZAB_LEADING, false);
    rig_turn(r);
    expect_nothing(r, 0);
    service_synced(&r->service, 2, false);
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
}
END_TEST

START_TEST(without_a_ticket_a_read_is_answered_at_once)
{
    fake()->has_no_tickets = true;
    ck_assert(send_read(r, 0, 5, ZK_OP_EXISTS, "/", false));
    ck_assert_int_eq(expect_reply(r, 0, 5), ZK_OK);
}
END_TEST

/* ---- Read-only. */

static void setup_read_only(void)
{
    struct service_conf conf = roles_conf();

    conf.read_only_mode = true;
    begin(&conf);
    fake_serve(ZAB_FOLLOWING, false);
    join(0);
    fake_pause();
    rig_sleep(r, DOOR_HELD_MS);
    ck_assert(is_gone(0));
    ck_assert(!knock(1, 0, 0, true));
    rig_sleep(r, READ_ONLY_AFTER_MS - DOOR_HELD_MS);
    ck_assert(r->service.is_read_only);
}

static void join_read_only(size_t i)
{
    bool read_only;

    ck_assert(knock(i, 0, 0, true));
    rig_turn(r);
    ck_assert_int_eq(welcome(i, &read_only), session_of(i));
    ck_assert(read_only);
    rig_drain(r, i);
}

START_TEST(a_server_alone_serves_reads_to_who_takes_that)
{
    join_read_only(1);
    ck_assert(send_read(r, 1, 5, ZK_OP_GET_DATA, "/", true));
    ck_assert_int_eq(expect_reply(r, 1, 5), ZK_OK);
    ck_assert(!knock(2, 0, 0, false));
}
END_TEST

START_TEST(a_server_alone_takes_no_writes)
{
    join_read_only(1);
    ck_assert(create(1, 5, "/a"));
    ck_assert_int_eq(expect_reply(r, 1, 5), ZK_NOT_READ_ONLY);
    ck_assert(send_path(r, 1, 6, ZK_OP_SYNC, "/"));
    ck_assert_int_eq(expect_reply(r, 1, 6), ZK_NOT_READ_ONLY);
    send_multi_of(7, 0);
    ck_assert(send_bare(r, 1, 8, ZK_OP_MULTI));
    ck_assert_int_eq(expect_reply(r, 1, 8), ZK_NOT_READ_ONLY);
    ck_assert_uint_eq(fake()->request_count, 1);
}
END_TEST

START_TEST(a_session_that_it_made_can_be_resumed_and_closed)
{
    join_read_only(1);
    zk_session_id id = session_of(1);
    leave(1);
    ck_assert(knock(1, id, 0, true));
    ck_assert_int_eq(welcomed(1), id);
    ck_assert(send_bare(r, 1, 5, ZK_OP_CLOSE_SESSION));
    ck_assert_int_eq(expect_reply(r, 1, 5), ZK_OK);
    ck_assert(is_gone(1));
    leave(1);
    ck_assert(knock(1, id, 0, true));
    ck_assert_int_eq(welcomed(1), 0);
}
END_TEST

START_TEST(of_the_ensembles_sessions_it_cannot_say_whether_they_live)
{
    ck_assert(!knock(1, session_of(0), 0, true));
}
END_TEST

START_TEST(sessions_of_other_servers_alone_go_on)
{
    static const zk_session_id other = 0x0200000000000001;

    ck_assert(knock(1, other, 0, true));
    ck_assert_int_eq(welcomed(1), other);
    ck_assert(send_read(r, 1, 5, ZK_OP_GET_DATA, "/", true));
    ck_assert_int_eq(expect_reply(r, 1, 5), ZK_OK);
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    ck_assert(is_gone(1));
    ck_assert_uint_eq(r->service.local_sessions, 0);
}
END_TEST

START_TEST(its_own_local_sessions_end_with_it)
{
    zk_session_id id;

    r->service.conf.local_sessions = true;
    join_read_only(1);
    id = session_of(1);
    ck_assert(knock(2, 0x0200000000000001, 0, true));
    ck_assert_int_eq(welcomed(2), 0);
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    ck_assert(is_gone(1));
    ck_assert_ptr_null(session_find(r->service.sessions, id));
    ck_assert_uint_eq(r->service.local_sessions, 0);
}
END_TEST

START_TEST(its_sessions_expire)
{
    join_read_only(1);
    rig_sleep(r, 10000);
    ck_assert(is_gone(1));
}
END_TEST

START_TEST(it_ends_when_a_leader_is_found)
{
    join_read_only(1);
    fake()->role = ZAB_FOLLOWING;
    ck_assert(send_read(r, 1, 5, ZK_OP_GET_DATA, "/", true));
    expect_nothing(r, 1);
    rig_turn(r);
    ck_assert(is_gone(1));
    ck_assert(!r->service.is_read_only);
    ck_assert(!knock(2, 0, 0, true));
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    ck_assert(knock(2, 0, 0, false));
    ck_assert_uint_eq(r->service.local_sessions, 0);
}
END_TEST

START_TEST(all_its_clients_are_closed_when_it_serves_again)
{
    join_read_only(1);
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    ck_assert(is_gone(1));
    join(2);
}
END_TEST

START_TEST(a_server_that_finds_a_leader_in_time_is_never_read_only)
{
    fake()->role = ZAB_FOLLOWING;
    rig_turn(r);
    rig_sleep(r, READ_ONLY_AFTER_MS);
    ck_assert(!r->service.is_read_only);
    ck_assert_int_gt(service_deadline(&r->service), r->service.now_ms);
    fake()->role = ZAB_LOOKING;
    rig_sleep(r, READ_ONLY_AFTER_MS);
    ck_assert(r->service.is_read_only);
}
END_TEST

/* ---- A leader without clients; the part of the limit. */

static void setup_abstaining(void)
{
    struct service_conf conf = roles_conf();

    conf.leader_abstains = true;
    begin(&conf);
    fake_serve(ZAB_FOLLOWING, false);
    join(0);
}

START_TEST(a_leader_that_does_not_serve_closes_its_clients)
{
    fake_pause();
    fake_serve(ZAB_LEADING, false);
    rig_turn(r);
    ck_assert(is_gone(0));
    ck_assert(!knock(1, 0, 0, false));
    rig_sleep(r, 10000);
    ck_assert_uint_eq(session_count(r->service.sessions), 0);
    fake_pause();
    fake_serve(ZAB_FOLLOWING, false);
    rig_turn(r);
    ck_assert(knock(1, 0, 0, false));
}
END_TEST

static void set_voters(const char *text)
{
    static const struct zab_config_rules rules;
    char why[ZAB_CONFIG_WHY_MAX];

    zab_config_unref(fake()->config);
    fake()->config = NULL;
    ck_assert_int_eq(zab_config_parse(&fake()->config, text, strlen(text), &rules, why), 0);
    rig_turn(r);
}

START_TEST(the_limit_of_requests_is_divided_among_those_that_forward)
{
    set_voters("server.1=a:1:2\nserver.2=b:1:2");
    ck_assert_uint_eq(r->service.outstanding_max, 1000);
    set_voters("server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nserver.4=d:1:2\nserver.5=e:1:2\n"
               "server.6=f:1:2:observer");
    ck_assert_uint_eq(r->service.outstanding_max, 250);
    fake_pause();
    fake_serve(ZAB_OBSERVING, false);
    rig_turn(r);
    ck_assert_uint_eq(r->service.outstanding_max, 1000);
}
END_TEST

START_TEST(a_learner_whose_link_is_full_reads_nothing)
{
    fake()->is_full = true;
    rig_turn(r);
    ck_assert(!client_can_take(client(0)));
    fake()->is_full = false;
    rig_turn(r);
    ck_assert(client_can_take(client(0)));
}
END_TEST

static void add(Suite *s, const char *name, void (*before)(void), const TTest *const *facts,
                size_t count)
{
    TCase *tc = tcase_create(name);

    tcase_add_checked_fixture(tc, before, teardown);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tc, facts[i]);
    suite_add_tcase(s, tc);
}

int main(void)
{
    const TTest *const local[] = {
        a_local_session_needs_no_txn,
        a_local_session_may_have_no_ephemerals,
        a_multi_of_it_is_the_leaders_to_refuse,
        a_local_session_ends_without_a_txn,
        a_local_session_expires_where_it_was_made,
        a_local_session_is_resumed_without_asking,
        a_local_session_outlives_a_leader,
    };
    const TTest *const upgrading[] = {
        an_ephemeral_makes_a_local_session_one_of_all_first,
        a_leader_upgrades_its_own,
        an_upgrade_that_is_under_way_is_not_expired,
        an_upgrade_that_a_snapshot_tells_of_makes_it_one_of_all,
        who_leads_then_tracks_it_as_one_of_all,
    };
    const TTest *const linearizable[] = {
        linearizable_reads_of_a_turn_share_a_round,
        a_ping_needs_no_round,
        a_linearizable_read_asks_the_next_leader_again,
        without_a_ticket_a_read_is_answered_at_once,
    };
    const TTest *const read_only[] = {
        a_server_alone_serves_reads_to_who_takes_that,
        a_server_alone_takes_no_writes,
        a_session_that_it_made_can_be_resumed_and_closed,
        of_the_ensembles_sessions_it_cannot_say_whether_they_live,
        sessions_of_other_servers_alone_go_on,
        its_own_local_sessions_end_with_it,
        its_sessions_expire,
        it_ends_when_a_leader_is_found,
        all_its_clients_are_closed_when_it_serves_again,
        a_server_that_finds_a_leader_in_time_is_never_read_only,
    };
    const TTest *const others[] = {
        a_leader_that_does_not_serve_closes_its_clients,
        the_limit_of_requests_is_divided_among_those_that_forward,
        a_learner_whose_link_is_full_reads_nothing,
    };
    Suite *s = suite_create("service_modes");

    add(s, "local", setup_local, local, sizeof local / sizeof local[0]);
    add(s, "upgrading", setup_upgrading, upgrading, sizeof upgrading / sizeof upgrading[0]);
    add(s, "linearizable", setup_linearizable, linearizable,
        sizeof linearizable / sizeof linearizable[0]);
    add(s, "read_only", setup_read_only, read_only, sizeof read_only / sizeof read_only[0]);
    add(s, "others", setup_abstaining, others, sizeof others / sizeof others[0]);

    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
