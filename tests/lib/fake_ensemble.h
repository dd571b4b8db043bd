/* An ensemble that does what the test says: stands in for server/ensemble and the parts of zab/
 * that the request floor asks. What is forwarded is noted; txns come when the test calls for them,
 * made by a leader of its own. */
#ifndef TESTS_LIB_FAKE_ENSEMBLE_H
#define TESTS_LIB_FAKE_ENSEMBLE_H

#include "server/ensemble/ensemble.h"
#include "util/bytes.h"

enum { FAKE_REQUESTS_MAX = 128 };

#define FAKE_EPOCH ((zk_zxid)1 << 32) /* Txns come after it. */

struct fake_request {
    zk_session_id session;
    int32_t xid, op, timeout_ms;
    struct bytes body;
    struct idset *ids;
    bool is_ordered;
};

struct ensemble {
    struct ensemble_conf conf;
    struct ensemble_io io;
    struct ensemble_host host;
    struct state *state;
    struct session_table *sessions;
    struct watch_table *watches;
    struct order *order;
    enum zab_role role;  /* Of the core. */
    int64_t epoch;       /* Of the leader. */
    bool keeps_epoch;    /* It is the same leader that comes again. */
    bool leads, is_full; /* No more can be submitted. */
    struct zab_config *config;
    int64_t wall_ms;

    /* The leader, when we are none. */
    struct state leader_state;
    struct order *leader;

    struct fake_request requests[FAKE_REQUESTS_MAX]; /* Forwarded. */
    size_t request_count;
    zk_session_id asked[FAKE_REQUESTS_MAX]; /* By ensemble_revalidate(). */
    size_t asked_count;
    int valid;             /* What it returns. */
    zk_session_id touched; /* The last one. */
    size_t touched_count;
    uint64_t tickets, read_ticket;
    size_t syncs, read_rounds;
    bool has_no_tickets;
};

/* The one that service_init() made. */
struct ensemble *fake(void);
/* host.serve(), in the next epoch unless .keeps_epoch, and .pause(), with what belongs to it. */
void fake_serve(enum zab_role role, bool state_is_new);
void fake_pause(void);
/* The leader orders a forwarded request, or one that another server brought; the txn is applied
 * there. Returns its zxid. */
zk_zxid fake_order(size_t index);
zk_zxid fake_order_other(zk_session_id session, int32_t xid, int32_t op, const void *body,
                         size_t len);
/* The leader answers a forwarded request with an error txn. */
zk_zxid fake_refuse(size_t index, enum zk_err err);
/* Forwarded requests that are of no further interest. */
void fake_forget_requests(void);
/* The leader's next txn is this one. */
void fake_txn(zk_zxid zxid, const void *payload, size_t len);
/* What the leader has ordered comes in; with apply, it is decided too. */
void fake_learn(bool apply);

#endif
