/* What the tests of the request floor in an ensemble share. */
#ifndef TESTS_UNIT_TEST_ROLES_LIB_H
#define TESTS_UNIT_TEST_ROLES_LIB_H

#include <check.h>
#include <stdlib.h>

#include "server/order/order.h"
#include "server/request/limits.h"
#include "server/session/session.h"
#include "tests/lib/fake_ensemble.h"
#include "tests/lib/frames.h"

static struct rig *r;

static inline struct service_conf roles_conf(void)
{
    static const struct ensemble_conf ensemble = { .zab = { .self = 1 } };
    static const struct zab_saved saved;
    struct service_conf conf = rig_conf();

    conf.ensemble = &ensemble;
    conf.saved = &saved;
    return conf;
}

static inline void begin(const struct service_conf *conf)
{
    r = calloc(1, sizeof *r);
    rig_init(r, conf);
}

static inline void end(void)
{
    rig_done(r);
    free(r);
}

static inline struct client *client(size_t i)
{
    return &r->clients[i].client;
}

/* Closed, or about to be once it has read what is in out. */
static inline bool is_gone(size_t i)
{
    return !r->clients[i].is_open || r->clients[i].finishing;
}

static inline zk_session_id session_of(size_t i)
{
    return client(i)->session_id;
}

/* A ConnectRequest; id 0: a new session. False: it was closed for it. */
static inline bool knock(size_t i, zk_session_id id, zk_zxid seen, bool read_only)
{
    uint8_t password[SESSION_PASSWORD_LEN];
    struct connect_request req = { .last_zxid_seen = seen,
                                   .timeout_ms = 4000,
                                   .session_id = id,
                                   .passwd = { .at = password, .len = SESSION_PASSWORD_LEN } };
    struct bytes frame = { 0 };

    session_password(password, id);
    if (!r->clients[i].is_open)
        rig_open(r, i);
    jute_write_connect_request(&frame, &req);
    jute_write_flag(&frame, read_only);
    bool open = rig_frame(r, i, frame.at, frame.len);
    bytes_done(&frame);
    return open;
}

/* The answer to it: the session, 0 when that is over, -1 when there is no answer. */
static inline zk_session_id welcome(size_t i, bool *ret_read_only)
{
    struct connect_response resp;
    struct jute_in in = rig_next(r, i);

    *ret_read_only = false;
    if (in.at == NULL)
        return -1;
    jute_read_connect_response(&in, &resp);
    jute_read_flag(&in, ret_read_only);
    ck_assert(!in.bad);
    return resp.session_id;
}

static inline zk_session_id welcomed(size_t i)
{
    bool ignored;

    return welcome(i, &ignored);
}

/* The newest forwarded request gets its txn. */
static inline void order_last(void)
{
    (void)fake_order(fake()->request_count - 1);
    fake_learn(true);
}

/* A learner's client with a new session. */
static inline void join(size_t i)
{
    ck_assert(knock(i, 0, 0, false));
    order_last();
    ck_assert_int_eq(client(i)->phase, CLIENT_UP);
    ck_assert_int_eq(welcomed(i), session_of(i));
    rig_drain(r, i);
}

/* A learner, which has clients 0 and 1 when it is joined. */
static inline void setup_learner(void)
{
    struct service_conf conf = roles_conf();

    begin(&conf);
    fake_serve(ZAB_FOLLOWING, false);
}

static inline void setup_joined(void)
{
    setup_learner();
    join(0);
    join(1);
}

/* The same on a leader, or with a local session. */
static inline void join_leader(size_t i)
{
    ck_assert(knock(i, 0, 0, false));
    rig_turn(r);
    ck_assert_int_eq(client(i)->phase, CLIENT_UP);
    rig_drain(r, i);
}

static inline bool create(size_t i, int32_t xid, const char *path)
{
    return send_create(r, i, xid, ZK_OP_CREATE, path, "x", 0);
}

/* A closed client's place is free for another. */
static inline void leave(size_t i)
{
    if (r->clients[i].is_open)
        rig_close(r, i);
}

#endif
