/* Ordering writes: request → txn (prepared against the state that includes all earlier,
 * uncommitted writes) → zab → log → commit → apply.
 *
 * Deterministic: no clock (times are arguments), no I/O: what is to be logged is taken
 * out by the driver as a batch, what became durable is told by order_logged(). */
#ifndef SERVER_ORDER_ORDER_H
#define SERVER_ORDER_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jute/opcodes.h"
#include "server/auth/auth.h"
#include "server/state/recover.h"
#include "server/store/wal.h"
#include "util/ids.h"

struct order;

struct order_conf {
    bool digest, enforce_quota, extended_types, emulate_353, reconfig_enabled;
    bool close_session_txn;
    const struct auth_conf *auth;
    uint32_t entry_max; /* Bytes of a log entry that ZK can read back: see limits.h. */
    zk_sid server_id;
    uint64_t hash_seed;
};

/* One write as it goes in. */
struct write_request {
    zk_session_id session; /* 0: the server itself (reaper). */
    int32_t xid;           /* cxid in the txn. */
    int32_t op;            /* ZK_OP_… */
    const uint8_t *body;   /* Record after the request header, borrowed. */
    size_t len;
    const struct idset *ids;
    int32_t timeout_ms; /* create_session only. */
    void *origin; /* Handed back when it is applied, so it must live on; NULL: nobody waits. */
};

/* What became of it at once. */
enum order_verdict {
    ORDER_SUBMITTED, /* It has a zxid (an error txn counts too) and is answered when applied. */
    ORDER_REFUSED,   /* No zxid was used: answer *ret_err in the connection's order. */
};

int order_new(struct order **ret, const struct order_conf *conf, struct state *state);
struct order *order_free(struct order *o);

/* Room for another write: see zab_can_submit(). */
bool order_can_submit(const struct order *o);
enum order_verdict order_submit(struct order *o, const struct write_request *req, int64_t wall_ms,
                                enum zk_err *ret_err, zk_zxid *ret_zxid);

/* The writes prepared since the last call, or NULL: a reference for the log. */
struct wal_batch *order_take_batch(struct order *o);

/* Applying: for each txn in order. results: one, or one a member for a multi. */
struct applied {
    zk_zxid zxid;
    int32_t type; /* Of the txn. */
    zk_session_id session;
    int32_t xid;
    int64_t time_ms; /* Of the txn: wall clock when it was prepared. */
    const struct tree_result *results;
    size_t count;
    void *origin; /* Of the write_request, or NULL. */
};
struct order_sink {
    void *ctx;
    void (*event)(void *ctx, const struct tree_event *ev, const uint32_t *watchers, size_t count);
    void (*applied)(void *ctx, const struct applied *a);
};
/* Every txn up to zxid is durable: feeds zab, applies what it commits. */
void order_logged(struct order *o, zk_zxid zxid, struct watch_table *watches,
                  const struct order_sink *sink);
zk_zxid order_last_prepared(const struct order *o);
zk_zxid order_last_applied(const struct order *o);
uint64_t order_outstanding(const struct order *o); /* Txns prepared and not applied. */
/* Txns and log bytes since the last call of order_snapshot_begun(): snapCount's business. */
uint64_t order_txns_since_snapshot(const struct order *o);
uint64_t order_bytes_since_snapshot(const struct order *o);
void order_snapshot_begun(struct order *o);
/* Txns after which the tree's digest was not the promised one: a bug of ours. */
uint64_t order_digest_mismatches(const struct order *o);

#endif
