/* A leader, and learners that ask for more than it takes: what they lose by that, and what nobody
 * else does. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jute/opcodes.h"
#include "jute/records.h"
#include "server/auth/auth.h"
#include "server/ensemble/limits.h"
#include "tests/lib/ensemble_rig.h"

/* Server 3 leads epoch 1; 1 and 2 are ours. */
enum { LEADER = 2 };

static const zk_session_id SESSION = 0x300000000000001;

static struct ensemble_rig *r;
static struct rig_server *leader;
static struct rig_link *one, *two;
static zk_zxid proposed;

static struct rig_link *join(int from)
{
    struct rig_link *l = ensemble_rig_dial(r, from, LEADER);
    char info[128];

    (void)snprintf(info, sizeof info,
                   "0000000b 0000000000000000 00000014 %016x 00010000 0000000000000000 ffffffff",
                   from + 1);
    ensemble_rig_say(r, l, info);
    ensemble_rig_say(r, l, "00000012 0000000000000000 00000004 00000000 ffffffff");
    ensemble_rig_say(r, l, "00000003 0000000100000000 ffffffff ffffffff");
    ensemble_rig_say(r, l, "00000003 0000000100000000 ffffffff ffffffff");
    (void)ensemble_rig_heard(r, l);
    return l;
}

/* Servers 1 and 2 are up to date. */
static void setup(void)
{
    r = ensemble_rig_new(3, 3, 0);
    leader = &r->servers[LEADER];
    r->conf.zab.zabd_hints = false;
    ensemble_rig_start(r, LEADER);
    ensemble_rig_vote(r, 0, LEADER, ZAB_STATE_LOOKING, 3, 0, 1, 0);
    ensemble_rig_vote(r, 1, LEADER, ZAB_STATE_LOOKING, 3, 0, 1, 0);
    ensemble_rig_sleep(r, 300);
    one = join(0);
    two = join(1);
    ck_assert(ensemble_leads(leader->ensemble));
    proposed = 0x100000000;
}

static void teardown(void)
{
    r = ensemble_rig_free(r);
}

/* ---- Requests of server 1. */

/* With so many identities; body in hex. */
static void asks(int32_t xid, int32_t op, const char *body, int ids)
{
    struct bytes data = { 0 };
    struct bytes authinfo = { 0 };
    struct forwarded_request head = { .session_id = SESSION, .cxid = xid, .type = op };
    unsigned byte;

    jute_write_forwarded_request(&data, &head);
    for (int got = 0; sscanf(body, " %2x%n", &byte, &got) == 1; body += got)
        bytes_put(&data, &(uint8_t){ (uint8_t)byte }, 1);
    for (int i = 0; i < ids; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "user%d:x", i);
        jute_write_id(&authinfo, (struct jute_id){ jute_text("digest"), jute_text(text) });
    }
    struct zab_packet p = {
        .type = ZAB_REQUEST,
        .zxid = -1,
        .data = { .at = data.at, .len = (int32_t)data.len },
        .authinfo = { .at = authinfo.at, .len = authinfo.len, .count = ids },
    };
    ensemble_rig_say_packet(r, one, &p);
    bytes_done(&data);
    bytes_done(&authinfo);
}

#define DELETE_ROOT "00000001 2f 00000000"
#define CREATE_A                                                      \
    "00000002 2f61 00000001 78 00000001 0000001f 00000005 776f726c64" \
    "00000006 616e796f6e65 00000000"

static void open_session(int ids)
{
    asks(0, ZK_OP_CREATE_SESSION, "00007530", ids);
}

/* The next txn that server 1 hears of is the answer to that; its type, or the error. */
static int32_t txn_of(int32_t xid)
{
    struct zab_packet p = { 0 };
    struct error_txn error;
    struct txn txn;

    while (p.type != ZAB_PROPOSAL)
        ck_assert(ensemble_rig_hear(one, &p));
    ck_assert_int_eq(p.zxid, ++proposed);
    ck_assert(txn_parse(&txn, p.data.at, (size_t)p.data.len));
    ck_assert_int_eq(txn.head.cxid, xid);
    if (txn.head.type != ZK_OP_ERROR)
        return txn.head.type;
    jute_read_error_txn(&txn.body, &error);
    return error.err;
}

/* ---- Identities. */

enum { TOO_MANY_IDS = 5000 };

START_TEST(a_write_of_too_many_identities_is_refused_and_its_server_stays)
{
    open_session(0);
    ck_assert_int_eq(txn_of(0), ZK_OP_CREATE_SESSION);
    asks(5, ZK_OP_CREATE, CREATE_A, AUTH_IDS_MAX + 1);
    ck_assert_int_eq(txn_of(5), ZK_AUTH_FAILED);
    asks(6, ZK_OP_CREATE, CREATE_A, TOO_MANY_IDS);
    ck_assert_int_eq(txn_of(6), ZK_AUTH_FAILED);
    ck_assert(!one->is_gone);
    asks(7, ZK_OP_CREATE, CREATE_A, AUTH_IDS_MAX);
    ck_assert_int_eq(txn_of(7), ZK_OP_CREATE);
}
END_TEST

START_TEST(its_session_can_be_made_and_synced_and_ended)
{
    struct zab_packet p = { 0 };
    char ack[64];

    open_session(TOO_MANY_IDS);
    ck_assert_int_eq(txn_of(0), ZK_OP_CREATE_SESSION);
    (void)snprintf(ack, sizeof ack, "00000003 %016llx ffffffff ffffffff",
                   (unsigned long long)proposed);
    ensemble_rig_say(r, one, ack);
    asks(5, ZK_OP_SYNC, "00000002 2f61", TOO_MANY_IDS);
    ensemble_rig_say(r, one, "00000005 0000000100000001 00000000 ffffffff");
    while (p.type != ZAB_SYNC)
        ck_assert(ensemble_rig_hear(one, &p));
    asks(6, ZK_OP_CLOSE_SESSION, "", TOO_MANY_IDS);
    ck_assert_int_eq(txn_of(6), ZK_OP_CLOSE_SESSION);
    ck_assert(!one->is_gone);
}
END_TEST

/* While there is no room. */
static void fill(void)
{
    leader->hold_log = true;
    open_session(0);
    ck_assert_int_eq(txn_of(0), ZK_OP_CREATE_SESSION);
    while (ensemble_can_submit(leader->ensemble)) {
        asks(1, ZK_OP_DELETE, DELETE_ROOT, 0);
        (void)txn_of(1);
    }
}

static void make_room(struct rig_link *l)
{
    char ack[64];

    leader->hold_log = false;
    ensemble_rig_settle(r);
    (void)snprintf(ack, sizeof ack, "00000003 %016llx ffffffff ffffffff",
                   (unsigned long long)proposed);
    ensemble_rig_say(r, l, ack);
    ensemble_rig_settle(r);
}

START_TEST(a_refused_write_overtakes_none_that_wait)
{
    fill();
    asks(5, ZK_OP_CREATE, CREATE_A, 1);
    asks(6, ZK_OP_CREATE, CREATE_A, TOO_MANY_IDS);
    asks(7, ZK_OP_DELETE, "00000002 2f61 ffffffff", 1);
    make_room(one);
    ck_assert_int_eq(txn_of(5), ZK_OP_CREATE);
    ck_assert_int_eq(txn_of(6), ZK_AUTH_FAILED);
    ck_assert_int_eq(txn_of(7), ZK_OP_DELETE);
}
END_TEST

START_TEST(what_can_not_be_read_closes_its_link)
{
    struct zab_packet p = { .type = ZAB_REQUEST, .zxid = -1, .data = { .len = -1 } };

    ensemble_rig_say_packet(r, one, &p);
    ck_assert(one->is_gone);
    ck_assert(!two->is_gone);
}
END_TEST

/* ---- Requests that wait for room. */

/* That are no writes, so each gets an error txn, in so many bytes. */
static void keeps_waiting(struct rig_link *l, int count, int32_t len)
{
    uint8_t *data = calloc(1, (size_t)len);
    struct zab_packet p = { .type = ZAB_REQUEST,
                            .zxid = -1,
                            .data = { .at = data, .len = len },
                            .authinfo = { .count = -1 } };

    ck_assert_ptr_nonnull(data);
    for (int i = 0; i < count && !l->is_gone; i++)
        ensemble_rig_say_packet(r, l, &p);
    free(data);
}

START_TEST(each_learner_may_keep_as_many_requests_waiting)
{
    enum { LEN = 1 << 19, MOST = PARKED_BYTES_MAX / LEN - 1 };
    const struct order *order = ensemble_order(leader->ensemble);

    fill();
    keeps_waiting(one, MOST, LEN);
    ck_assert(!one->is_gone);
    keeps_waiting(two, MOST, LEN);
    ck_assert(!two->is_gone);
    keeps_waiting(one, 2, LEN);
    ck_assert(one->is_gone);
    ck_assert(!two->is_gone);
    /* Those of one are gone with its link, or its next could bring as many again. */
    make_room(two);
    ck_assert_int_eq(order_last_prepared(order), proposed + MOST);
    ck_assert(!two->is_gone);
}
END_TEST

/* ---- Sessions that nobody knows, while no quorum answers. */

static const zk_session_id NO_SESSION = 0x300000000000009;

static void fill_barriers(void)
{
    for (size_t i = 0; i < BARRIERS_MAX; i++)
        ck_assert_int_eq(ensemble_revalidate(leader->ensemble, NO_SESSION, 30000), -1);
}

START_TEST(of_one_session_too_many_nothing_is_said)
{
    fill_barriers();
    ck_assert_int_eq(ensemble_revalidate(leader->ensemble, NO_SESSION, 30000), -EBUSY);
    ck_assert_int_eq(leader->revalidated, 0);
}
END_TEST

START_TEST(who_asks_for_one_session_too_many_loses_its_link)
{
    static const char ask[] = "00000006 ffffffffffffffff 0000000c 0300000000000009 00007530"
                              "ffffffff";

    fill_barriers();
    ensemble_rig_say(r, one, ask);
    ck_assert(one->is_gone);
    ck_assert(!two->is_gone);
    ck_assert(ensemble_leads(leader->ensemble));
}
END_TEST

START_TEST(one_sync_too_many_that_waited_for_room_closes_its_link_and_nothing_else)
{
    fill();
    asks(5, ZK_OP_SYNC, "00000002 2f61", 0);
    asks(6, ZK_OP_CREATE, CREATE_A, 0);
    fill_barriers();
    make_room(two);
    ck_assert(one->is_gone);
    ck_assert_int_eq(order_last_prepared(ensemble_order(leader->ensemble)), proposed);
    ck_assert(ensemble_leads(leader->ensemble));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ensemble_limits");
    TCase *tc = tcase_create("ensemble_limits");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_write_of_too_many_identities_is_refused_and_its_server_stays);
    tcase_add_test(tc, its_session_can_be_made_and_synced_and_ended);
    tcase_add_test(tc, a_refused_write_overtakes_none_that_wait);
    tcase_add_test(tc, what_can_not_be_read_closes_its_link);
    tcase_add_test(tc, each_learner_may_keep_as_many_requests_waiting);
    tcase_add_test(tc, of_one_session_too_many_nothing_is_said);
    tcase_add_test(tc, who_asks_for_one_session_too_many_loses_its_link);
    tcase_add_test(tc, one_sync_too_many_that_waited_for_room_closes_its_link_and_nothing_else);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
