/* A leader, and learners played byte by byte as ZooKeeper speaks (quorum-protocol 3, 4, 9). */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jute/opcodes.h"
#include "server/ensemble/limits.h"
#include "tests/lib/ensemble_rig.h"

/* Server 3 leads epoch 1; 1 and 2 are ours. */
enum { LEADER = 2 };

#define FOLLOWERINFO_1 \
    "0000000b 0000000000000000 00000014 0000000000000001 00010000 0000000000000000 ffffffff"
#define FOLLOWERINFO_2 \
    "0000000b 0000000000000000 00000014 0000000000000002 00010000 0000000000000000 ffffffff"
#define ACKEPOCH_EMPTY "00000012 0000000000000000 00000004 00000000 ffffffff"
#define ACK_NEWLEADER  "00000003 0000000100000000 ffffffff ffffffff"
#define SESSION        "0300000000000001"
#define ITS_SESSION    "0100000000000001" /* Could be a local one of server 1. */

static struct ensemble_rig *r;
static struct rig_link *one, *two;
static bool only_snapshots, local_sessions;

static void begin(unsigned observers)
{
    r = ensemble_rig_new(3, 3, observers);
    r->conf.zab.zabd_hints = false;
    r->conf.force_snapshot_sync = only_snapshots;
    r->conf.local_sessions = local_sessions;
    ensemble_rig_start(r, LEADER);
    ensemble_rig_vote(r, 0, LEADER, ZAB_STATE_LOOKING, 3, 0, 1, 0);
    if (observers == 0)
        ensemble_rig_vote(r, 1, LEADER, ZAB_STATE_LOOKING, 3, 0, 1, 0);
    ensemble_rig_sleep(r, 300);
    ck_assert_int_eq(zab_role(ensemble_zab(r->servers[LEADER].ensemble)), ZAB_LEADING);
}

static void hears(struct rig_link *l, const char *hex)
{
    char want[8192] = "";
    size_t len = 0;

    for (; *hex != '\0'; hex++)
        if (*hex != ' ')
            want[len++] = *hex;
    want[len] = '\0';
    ck_assert_str_eq(ensemble_rig_heard(r, l), want);
}

static void says(struct rig_link *l, const char *hex)
{
    ensemble_rig_say(r, l, hex);
}

/* The next packet is of that type and zxid. */
static struct zab_packet next(struct rig_link *l, int32_t type, zk_zxid zxid)
{
    struct zab_packet p = { 0 };

    ck_assert(ensemble_rig_hear(l, &p));
    ck_assert_int_eq(p.type, type);
    ck_assert_int_eq(p.zxid, zxid);
    return p;
}

static void hears_nothing(struct rig_link *l)
{
    hears(l, "");
}

/* Server 1 joins with an empty history, and the leader begins to serve. */
static void establish(void)
{
    begin(0);
    one = ensemble_rig_dial(r, 0, LEADER);
    says(one, FOLLOWERINFO_1);
    hears(one, "00000011 0000000100000000 00000004 00010000 ffffffff");
    says(one, ACKEPOCH_EMPTY);
    next(one, ZAB_DIFF, 0);
    next(one, ZAB_NEWLEADER, 0x100000000);
    says(one, ACK_NEWLEADER);
    hears(one, "0000000c ffffffffffffffff ffffffff ffffffff");
    ck_assert(ensemble_leads(r->servers[LEADER].ensemble));
    says(one, ACK_NEWLEADER);
    hears_nothing(one);
}

/* A createSession of the learner, proposed and committed. */
static void open_session(void)
{
    says(one, "00000001 ffffffffffffffff 00000014 " SESSION "00000000 fffffff6 00007530 ffffffff");
    struct zab_packet p = next(one, ZAB_PROPOSAL, 0x100000001);
    ck_assert_int_eq(p.data.len, 32 + 4 + 12);
    says(one, "00000003 0000000100000001 ffffffff ffffffff");
    hears(one, "00000004 0000000100000001 ffffffff ffffffff");
}

/* A create of /a, data x, with one identity. */
#define CREATE_OF(session, xid, flags)                                         \
    "00000001 ffffffffffffffff 0000003a " session xid "00000001"               \
    "00000002 2f61 00000001 78 00000001 0000001f 00000005 776f726c64 00000006" \
    "616e796f6e65" flags "00000001 00000002 6970 00000009 3132372e302e302e31"
#define CREATE(xid) CREATE_OF(SESSION, xid, "00000000")

START_TEST(a_learner_is_taken_in_as_zookeeper_does_it)
{
    establish();
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_forwarded_write_becomes_a_proposal_and_a_commit)
{
    establish();
    open_session();
    says(one, CREATE("00000005"));
    struct zab_packet p = next(one, ZAB_PROPOSAL, 0x100000002);
    struct txn txn;
    ck_assert(txn_parse(&txn, p.data.at, (size_t)p.data.len));
    ck_assert_int_eq(txn.head.type, ZK_OP_CREATE);
    ck_assert_int_eq(txn.head.session_id, 0x300000000000001);
    ck_assert_int_eq(txn.head.cxid, 5);
    ck_assert(txn.has_digest);
    ck_assert(!ensemble_rig_has(r, LEADER, "/a"));
    says(one, "00000003 0000000100000002 ffffffff ffffffff");
    hears(one, "00000004 0000000100000002 ffffffff ffffffff");
    ck_assert(ensemble_rig_has(r, LEADER, "/a"));
    ck_assert_ptr_null(r->servers[LEADER].origin);
    r = ensemble_rig_free(r);
}
END_TEST

static int32_t error_of(const struct zab_packet *p)
{
    struct txn txn;
    struct error_txn error;

    ck_assert(txn_parse(&txn, p->data.at, (size_t)p->data.len));
    ck_assert_int_eq(txn.head.type, ZK_OP_ERROR);
    jute_read_error_txn(&txn.body, &error);
    return error.err;
}

START_TEST(every_write_gets_a_txn_be_it_an_error)
{
    establish();
    struct zab_packet p;
    /* Of a session that nobody knows. */
    says(one, CREATE("00000005"));
    p = next(one, ZAB_PROPOSAL, 0x100000001);
    ck_assert_int_eq(error_of(&p), ZK_SESSION_EXPIRED);
    says(one, "00000003 0000000100000001 ffffffff ffffffff");
    next(one, ZAB_COMMIT, 0x100000001);
    /* A setData that can't be read, of a session that we know. */
    says(one, "00000001 ffffffffffffffff 00000014 " SESSION "00000000 fffffff6 00007530 ffffffff");
    next(one, ZAB_PROPOSAL, 0x100000002);
    says(one, "00000001 ffffffffffffffff 00000011 " SESSION "00000006 00000005 00 ffffffff");
    p = next(one, ZAB_PROPOSAL, 0x100000003);
    ck_assert_int_eq(error_of(&p), ZK_MARSHALLING_ERROR);
    /* An operation that is no write. */
    says(one, "00000001 ffffffffffffffff 00000010 " SESSION "00000007 00000004 ffffffff");
    p = next(one, ZAB_PROPOSAL, 0x100000004);
    ck_assert_int_eq(error_of(&p), ZK_UNIMPLEMENTED);
    /* After its end. */
    says(one, "00000001 ffffffffffffffff 00000010 " SESSION "00000008 fffffff5 ffffffff");
    next(one, ZAB_PROPOSAL, 0x100000005);
    says(one, CREATE("00000009"));
    p = next(one, ZAB_PROPOSAL, 0x100000006);
    ck_assert_int_eq(error_of(&p), ZK_SESSION_EXPIRED);
    r = ensemble_rig_free(r);
}
END_TEST

/* A server of ZooKeeper forwards it all the same, and its client's session may end without a txn:
 * the node would stay for ever. */
START_TEST(a_session_that_only_a_learner_knows_owns_no_ephemerals)
{
    local_sessions = true;
    establish();
    struct zab_packet p;
    says(one, CREATE_OF(ITS_SESSION, "00000005", "00000001"));
    p = next(one, ZAB_PROPOSAL, 0x100000001);
    ck_assert_int_eq(error_of(&p), ZK_EPHEMERAL_ON_LOCAL_SESSION);
    says(one, CREATE_OF(ITS_SESSION, "00000006", "00000003"));
    p = next(one, ZAB_PROPOSAL, 0x100000002);
    ck_assert_int_eq(error_of(&p), ZK_EPHEMERAL_ON_LOCAL_SESSION);
    /* As soon as it becomes one of all, it may. */
    says(one, "00000001 ffffffffffffffff 00000014 " ITS_SESSION "00000000 fffffff6 00007530"
              "ffffffff");
    next(one, ZAB_PROPOSAL, 0x100000003);
    says(one, CREATE_OF(ITS_SESSION, "00000007", "00000001"));
    struct txn txn;
    p = next(one, ZAB_PROPOSAL, 0x100000004);
    ck_assert(txn_parse(&txn, p.data.at, (size_t)p.data.len));
    ck_assert_int_eq(txn.head.type, ZK_OP_CREATE);
    /* Other writes are anybody's. */
    says(one, CREATE_OF("0100000000000002", "00000008", "00000000"));
    p = next(one, ZAB_PROPOSAL, 0x100000005);
    ck_assert_int_eq(error_of(&p), ZK_NODE_EXISTS);
    r = ensemble_rig_free(r);
}
END_TEST

/* A multi of our own client: one ephemeral node, and a check. */
static void submit_multi(zk_session_id session)
{
    static const uint8_t open_acl[] = "\0\0\0\x1f\0\0\0\x05world\0\0\0\x06"
                                      "anyone";
    struct create_request create = {
        .path = jute_text("/e"),
        .acl = { .at = open_acl, .len = sizeof open_acl - 1, .count = 1 },
        .flags = ZK_CREATE_EPHEMERAL,
    };
    struct check_version_request check = { .path = jute_text("/"), .version = -1 };
    struct multi_header head = { .type = ZK_OP_CREATE, .err = -1 };
    struct bytes body = { 0 };
    enum zk_err err;
    zk_zxid zxid;

    jute_write_multi_header(&body, &head);
    jute_write_create_request(&body, &create);
    head.type = ZK_OP_CHECK;
    jute_write_multi_header(&body, &head);
    jute_write_check_version_request(&body, &check);
    head = (struct multi_header){ .type = -1, .done = true, .err = -1 };
    jute_write_multi_header(&body, &head);
    struct idset *ids = idset_of_ids((struct jute_vector){ .count = 0 });
    struct write_request req = { .session = session,
                                 .xid = 1,
                                 .op = ZK_OP_MULTI,
                                 .body = body.at,
                                 .len = body.len,
                                 .ids = ids };
    ck_assert_int_eq(ensemble_submit(r->servers[LEADER].ensemble, &req, &err, &zxid),
                     ORDER_SUBMITTED);
    (void)idset_unref(ids);
    bytes_done(&body);
    ensemble_rig_settle(r);
}

/* The errors of a logged multi: { type -1, record } each. */
static void expect_errors(const struct zab_packet *p, enum zk_err first, enum zk_err second)
{
    const uint8_t *at = p->data.at + 32; /* Behind the header. */

    ck_assert_int_eq((int32_t)jute_load32(at), 2);
    ck_assert_int_eq((int32_t)jute_load32(at + 4), ZK_OP_ERROR);
    ck_assert_int_eq((int32_t)jute_load32(at + 12), first);
    ck_assert_int_eq((int32_t)jute_load32(at + 24), second);
}

START_TEST(nor_does_a_local_one_of_ours_until_it_is_made_one_of_all)
{
    local_sessions = true;
    establish();
    struct session *s =
        session_add(r->servers[LEADER].sessions, 0x300000000000001, 30000, r->now_ms);
    s->is_local = true;
    submit_multi(s->id);
    struct zab_packet p = next(one, ZAB_PROPOSAL, 0x100000001);
    expect_errors(&p, ZK_EPHEMERAL_ON_LOCAL_SESSION, ZK_RUNTIME_INCONSISTENCY);
    s->is_upgrading = true; /* Its createSession is ahead. */
    submit_multi(s->id);
    p = next(one, ZAB_PROPOSAL, 0x100000002);
    ck_assert_int_eq((int32_t)jute_load32(p.data.at + 36), ZK_OP_CREATE);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(revalidate_is_answered_and_rebinds_the_owner)
{
    establish();
    open_session();
    two = ensemble_rig_dial(r, 1, LEADER);
    says(two, FOLLOWERINFO_2);
    says(two, ACKEPOCH_EMPTY);
    says(two, ACK_NEWLEADER);
    (void)ensemble_rig_heard(r, two);
    says(two, "00000006 ffffffffffffffff 0000000c " SESSION "00007530 ffffffff");
    hears(two, "00000006 ffffffffffffffff 00000009 " SESSION "01 ffffffff");
    says(one, CREATE("00000005"));
    struct zab_packet p = next(one, ZAB_PROPOSAL, 0x100000002);
    ck_assert_int_eq(error_of(&p), ZK_SESSION_MOVED);
    r = ensemble_rig_free(r);
}
END_TEST

/* Else a write of the session that comes by the new server could be taken for the old one's. */
START_TEST(a_session_goes_on_elsewhere_behind_what_it_wrote_before)
{
    establish();
    open_session();
    says(one, CREATE("00000005") "00000006 ffffffffffffffff 0000000c " SESSION "00007530 ffffffff");
    next(one, ZAB_PROPOSAL, 0x100000002);
    next(one, ZAB_REVALIDATE, -1);
    hears_nothing(one);
    r = ensemble_rig_free(r);
}
END_TEST

static void two_is_an_observer(void)
{
    begin(2);
    one = ensemble_rig_dial(r, 0, LEADER);
    says(one, FOLLOWERINFO_1);
    says(one, ACKEPOCH_EMPTY);
    says(one, ACK_NEWLEADER);
    (void)ensemble_rig_heard(r, one);
    two = ensemble_rig_dial(r, 1, LEADER);
    says(two,
         "00000010 0000000000000000 00000014 0000000000000002 00010000 0000000000000000 ffffffff");
    hears(two, "00000011 0000000100000000 00000004 00010000 ffffffff");
    says(two, ACKEPOCH_EMPTY);
    next(two, ZAB_DIFF, 0);
    next(two, ZAB_NEWLEADER, 0x100000000);
    says(two, ACK_NEWLEADER);
    hears(two, "0000000c ffffffffffffffff ffffffff ffffffff");
    open_session();
    ck_assert_int_eq(next(two, ZAB_INFORM, 0x100000001).data.len, 32 + 4 + 12);
}

START_TEST(at_an_observer_behind_what_is_decided_of_it)
{
    two_is_an_observer();
    says(one, CREATE("00000005"));
    says(two, "00000006 ffffffffffffffff 0000000c " SESSION "00007530 ffffffff");
    hears_nothing(two);
    says(one, "00000003 0000000100000002 ffffffff ffffffff");
    next(two, ZAB_INFORM, 0x100000002);
    next(two, ZAB_REVALIDATE, -1);
    r = ensemble_rig_free(r);
}
END_TEST

#define NO_SESSION "0300000000000009"

/* A leader that was left does not know the sessions of the next one. */
START_TEST(that_a_session_is_over_is_said_once_a_quorum_has_confirmed_who_leads)
{
    establish();
    open_session();
    says(one, "00000006 ffffffffffffffff 0000000c " NO_SESSION "00007530 ffffffff");
    next(one, ZAB_PING, 0x100000001);
    hears_nothing(one);
    says(one, "00000005 0000000100000001 00000000 ffffffff");
    hears(one, "00000006 ffffffffffffffff 00000009 " NO_SESSION "00 ffffffff");
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(our_own_clients_are_told_so_then_too)
{
    establish();
    struct rig_server *s = &r->servers[LEADER];

    s->was_valid = true;
    ck_assert_int_eq(ensemble_revalidate(s->ensemble, 9, 30000), -1);
    (void)ensemble_rig_turn(r);
    next(one, ZAB_PING, 0x100000000);
    ck_assert_int_eq(s->revalidated, 0);
    says(one, "00000005 0000000100000000 00000000 ffffffff");
    ck_assert_int_eq(s->revalidated, 9);
    ck_assert(!s->was_valid);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_leader_that_is_left_says_of_no_session_that_it_is_over)
{
    establish();
    struct rig_server *s = &r->servers[LEADER];

    ck_assert_int_eq(ensemble_revalidate(s->ensemble, 9, 30000), -1);
    ensemble_rig_sleep(r, 60000); /* Nobody answers. */
    ck_assert(!ensemble_leads(s->ensemble));
    ck_assert_int_eq(s->revalidated, 0);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(sync_waits_for_a_quorum_and_for_what_was_proposed)
{
    establish();
    open_session();
    says(one, CREATE("00000005"));
    next(one, ZAB_PROPOSAL, 0x100000002);
    says(one, "00000001 ffffffffffffffff 00000016 " SESSION
              "00000009 00000009 00000002 2f61 00000001 00000002 6970 00000009"
              "3132372e302e302e31");
    next(one, ZAB_PING, 0x100000002);
    hears_nothing(one);
    says(one, "00000003 0000000100000002 ffffffff ffffffff");
    next(one, ZAB_COMMIT, 0x100000002);
    hears_nothing(one);
    says(one, "00000005 0000000100000002 00000000 ffffffff");
    hears(one, "00000007 0000000000000000 ffffffff ffffffff");
    r = ensemble_rig_free(r);
}
END_TEST

/* ZooKeeper's servers take what comes back for the oldest that they forwarded. */
START_TEST(no_commit_overtakes_the_sync_of_a_server_of_zookeeper)
{
    establish();
    open_session();
    says(one, "00000001 ffffffffffffffff 00000016 " SESSION
              "00000009 00000009 00000002 2f61 00000001 00000002 6970 00000009"
              "3132372e302e302e31");
    next(one, ZAB_PING, 0x100000001);
    says(one, CREATE("00000005"));
    next(one, ZAB_PROPOSAL, 0x100000002);
    /* That says too that we lead still, so now both have come true. */
    says(one, "00000003 0000000100000002 ffffffff ffffffff");
    next(one, ZAB_SYNC, 0);
    next(one, ZAB_COMMIT, 0x100000002);
    hears_nothing(one);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_ping_s_answer_prolongs_sessions)
{
    establish();
    open_session();
    struct session *s = session_find(r->servers[LEADER].sessions, 0x300000000000001);
    ck_assert_ptr_nonnull(s);
    ensemble_rig_sleep(r, 3000);
    (void)ensemble_rig_heard(r, one);
    int64_t before = s->expires_ms;
    says(one, "00000005 0000000100000001 0000000c " SESSION "00007530 ffffffff");
    ck_assert_int_gt(s->expires_ms, before);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(an_observer_gets_inform)
{
    two_is_an_observer();
    hears_nothing(two);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_learner_that_lags_gets_the_history_before_newleader)
{
    establish();
    open_session();
    says(one, CREATE("00000005"));
    says(one, "00000003 0000000100000002 ffffffff ffffffff");
    two = ensemble_rig_dial(r, 1, LEADER);
    says(two, FOLLOWERINFO_2);
    (void)ensemble_rig_heard(r, two);
    says(two, "00000012 0000000100000001 00000004 00000000 ffffffff");
    next(two, ZAB_DIFF, 0x100000002);
    next(two, ZAB_PROPOSAL, 0x100000002);
    next(two, ZAB_COMMIT, 0x100000002);
    next(two, ZAB_NEWLEADER, 0x100000000);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_learner_of_another_past_gets_trunc)
{
    establish();
    open_session();
    two = ensemble_rig_dial(r, 1, LEADER);
    says(two, FOLLOWERINFO_2);
    (void)ensemble_rig_heard(r, two);
    says(two, "00000012 0000000100000007 00000004 00000000 ffffffff");
    next(two, ZAB_TRUNC, 0x100000001);
    next(two, ZAB_NEWLEADER, 0x100000000);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_learner_that_nothing_else_helps_gets_a_snapshot)
{
    only_snapshots = true;
    begin(0);
    one = ensemble_rig_dial(r, 0, LEADER);
    says(one, FOLLOWERINFO_1);
    (void)ensemble_rig_heard(r, one);
    says(one, ACKEPOCH_EMPTY);
    const char *heard = ensemble_rig_heard(r, one);
    /* SNAP, no sessions, some ACL lists, the root, the signature, NEWLEADER. */
    ck_assert_int_eq(strncmp(heard, "0000000f0000000000000000ffffffffffffffff00000000", 48), 0);
    const char *signature = strstr(heard, "000000012f0000000a42656e57617348657265");
    ck_assert_ptr_nonnull(signature);
    ck_assert_int_eq(strncmp(signature + 38, "0000000a0000000100000000", 24), 0);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(junk_closes_its_link_and_nothing_else)
{
    static const char *const junk[] = {
        "47455420 2f204854 54502f31 2e310d0a 0d0a",
        "ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff",
        "0000000b 0000000000000000 7fffffff 00",
        "00000001 ffffffffffffffff 00000004 00000000 ffffffff",
        "0000000b 0000000000000000 ffffffff 00000001 ffffffff ffffffff",
    };
    establish();
    for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++) {
        two = ensemble_rig_dial(r, 1, LEADER);
        says(two, junk[i]);
    }
    ck_assert(ensemble_leads(r->servers[LEADER].ensemble));
    /* From a learner that is up: its link ends, and with it our quorum. */
    says(one, "00000001 ffffffffffffffff 00000004 00000000 ffffffff");
    ck_assert(one->is_gone);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(requests_beyond_the_room_wait_for_it)
{
    const struct order *order;

    establish();
    open_session();
    order = ensemble_order(r->servers[LEADER].ensemble);
    r->servers[LEADER].hold_log = true;
    for (int i = 0; i < 1500; i++) /* Deletions of what is not there. */
        says(one, "00000001 ffffffffffffffff 00000019 " SESSION
                  "00000005 00000002 00000001 2f 00000000 00000000");
    ck_assert(!ensemble_can_submit(r->servers[LEADER].ensemble));
    ck_assert_uint_eq(order_outstanding(order), 1000);
    ck_assert(!one->is_gone);
    (void)ensemble_rig_heard(r, one);
    r->servers[LEADER].hold_log = false;
    ensemble_rig_settle(r);
    char ack[64];
    (void)snprintf(ack, sizeof ack, "00000003 %016llx ffffffff ffffffff", 0x1000003e9ull);
    says(one, ack);
    ck_assert_uint_eq(order_outstanding(order), 500);
    ck_assert_int_eq(order_last_prepared(order), 0x100000001 + 1500);
    r = ensemble_rig_free(r);
}
END_TEST

START_TEST(a_learner_that_keeps_too_many_requests_waiting_loses_its_link)
{
    enum { BODY = 1 << 19 };
    uint8_t *data = calloc(1, BODY);
    struct zab_packet p = { .type = ZAB_REQUEST,
                            .zxid = -1,
                            .data = { .at = data, .len = BODY },
                            .authinfo = { .count = -1 } };

    ck_assert_ptr_nonnull(data);
    establish();
    open_session();
    r->servers[LEADER].hold_log = true;
    for (int i = 0; i < 1000; i++)
        says(one, "00000001 ffffffffffffffff 00000019 " SESSION
                  "00000005 00000002 00000001 2f 00000000 00000000");
    int count = 0;
    for (; count < 200 && !one->is_gone; count++)
        ensemble_rig_say_packet(r, one, &p);
    ck_assert(one->is_gone);
    ck_assert_int_le(count, PARKED_BYTES_MAX / BODY);
    free(data);
    r = ensemble_rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ensemble_leader");
    TCase *tc = tcase_create("ensemble_leader");

    tcase_add_test(tc, a_learner_is_taken_in_as_zookeeper_does_it);
    tcase_add_test(tc, a_forwarded_write_becomes_a_proposal_and_a_commit);
    tcase_add_test(tc, every_write_gets_a_txn_be_it_an_error);
    tcase_add_test(tc, a_session_that_only_a_learner_knows_owns_no_ephemerals);
    tcase_add_test(tc, nor_does_a_local_one_of_ours_until_it_is_made_one_of_all);
    tcase_add_test(tc, revalidate_is_answered_and_rebinds_the_owner);
    tcase_add_test(tc, a_session_goes_on_elsewhere_behind_what_it_wrote_before);
    tcase_add_test(tc, at_an_observer_behind_what_is_decided_of_it);
    tcase_add_test(tc, that_a_session_is_over_is_said_once_a_quorum_has_confirmed_who_leads);
    tcase_add_test(tc, our_own_clients_are_told_so_then_too);
    tcase_add_test(tc, a_leader_that_is_left_says_of_no_session_that_it_is_over);
    tcase_add_test(tc, sync_waits_for_a_quorum_and_for_what_was_proposed);
    tcase_add_test(tc, no_commit_overtakes_the_sync_of_a_server_of_zookeeper);
    tcase_add_test(tc, a_ping_s_answer_prolongs_sessions);
    tcase_add_test(tc, an_observer_gets_inform);
    tcase_add_test(tc, a_learner_that_lags_gets_the_history_before_newleader);
    tcase_add_test(tc, a_learner_of_another_past_gets_trunc);
    tcase_add_test(tc, a_learner_that_nothing_else_helps_gets_a_snapshot);
    tcase_add_test(tc, junk_closes_its_link_and_nothing_else);
    tcase_add_test(tc, requests_beyond_the_room_wait_for_it);
    tcase_add_test(tc, a_learner_that_keeps_too_many_requests_waiting_loses_its_link);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
