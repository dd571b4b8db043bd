/* Ordering writes: request → txn (prepared against the state that includes all earlier,
 * uncommitted writes) → zab → log → commit → apply. On a learner txns come from its leader
 * instead, and go the same way from there.
 *
 * Knows nothing of zab: server/ensemble asks it for batches and tells it what is decided. Between
 * being prepared (or learned) and applied a txn is in flight; flights are in order of zxid and
 * without a gap.
 *
 * Deterministic: no clock (times are arguments), no I/O. */
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
struct reconfig_request; /* jute/records.h */

struct order_conf {
    bool digest, enforce_quota, extended_types, emulate_353, reconfig_enabled;
    bool close_session_txn;
    const struct auth_conf *auth;
    uint32_t entry_max; /* Bytes of a log entry that ZK can read back: see limits.h. */
    zk_sid server_id;
    uint64_t hash_seed;
    /* Who knows the membership: checks a reconfiguration, whose txn will be zxid, and appends the
     * text of the next configuration. may_write: the client may write the config node; that it may
     * not is the last thing to be refused for. NULL: a server without a membership. */
    enum zk_err (*reconfig)(void *ctx, const struct reconfig_request *r, zk_zxid zxid,
                            bool may_write, struct bytes *ret_text);
    void *reconfig_ctx;
};

/* One write as it goes in. */
struct write_request {
    zk_session_id session; /* 0: the server itself (reaper). */
    int32_t xid;           /* cxid in the txn. */
    int32_t op;            /* ZK_OP_… */
    const uint8_t *body;   /* Record after the request header, borrowed. */
    size_t len;
    const struct idset *ids; /* NULL: none are needed (sessions). */
    int32_t timeout_ms;      /* create_session only. */
    enum zk_err ephemerals;  /* What it is told that would make one; ZK_OK: it may. */
    void *origin; /* Handed back when it is applied, so it must live on; NULL: nobody waits. */
};

/* What became of it at once. */
enum order_verdict {
    ORDER_SUBMITTED, /* It has a zxid (an error txn counts too) and is answered when applied. */
    ORDER_REFUSED,   /* No zxid was used: answer *ret_err in the connection's order. */
};

int order_new(struct order **ret, const struct order_conf *conf, struct state *state);
struct order *order_free(struct order *o);

/* ---- Preparing, while we lead. */

/* Txns are prepared from `last` + 1 on. All that was in flight is applied. */
void order_lead(struct order *o, zk_zxid last);
/* What was prepared and not taken yet is forgotten, and the view of what is under way with it:
 * others lead. What was taken stays in flight, for the next leader to decide about. */
void order_follow(struct order *o);
/* Room for another write. */
bool order_can_submit(const struct order *o);
enum order_verdict order_submit(struct order *o, const struct write_request *req, int64_t wall_ms,
                                enum zk_err *ret_err, zk_zxid *ret_zxid);
/* Orders an error txn in place of the request: who forwarded it waits for a txn. Returns its
 * zxid. */
zk_zxid order_refuse(struct order *o, const struct write_request *req, int64_t wall_ms,
                     enum zk_err err);

/* ---- Learning. */

/* Puts a leader's txn in flight, behind all others. False: it is none, or its header has another
 * zxid. */
bool order_learn(struct order *o, zk_zxid zxid, const uint8_t *payload, size_t len);

/* ---- Both. */

/* What was prepared or learned since the last call and is not beyond `upto`, as one batch: a
 * reference for the log. NULL: nothing. */
struct wal_batch *order_take_batch(struct order *o, zk_zxid upto);
/* A new batch with the txns of b that are not beyond zxid. */
struct wal_batch *order_batch_front(const struct wal_batch *b, zk_zxid zxid);
/* What is in flight beyond zxid is forgotten, whether it was taken or not. */
void order_forget_after(struct order *o, zk_zxid zxid);
/* The state was replaced: everything in flight is forgotten, and the state is where its tree says.
 * is_fuzzy: as in struct state, which remembers it: digests differ for a while, until one is right
 * or order_is_exact() is called. */
void order_reset(struct order *o, bool is_fuzzy);
void order_is_exact(struct order *o);
/* Nobody waits any more for what is in flight. */
void order_drop_origins(struct order *o);

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
/* Every txn up to zxid is decided: applies what is in flight of them. */
void order_commit(struct order *o, zk_zxid zxid, struct watch_table *watches,
                  const struct order_sink *sink);
zk_zxid order_last_prepared(const struct order *o); /* Or learned; or applied, with none in flight.
                                                     */
zk_zxid order_last_applied(const struct order *o);
uint64_t order_outstanding(const struct order *o);   /* Txns in flight... */
uint64_t order_waiting_bytes(const struct order *o); /* ...and bytes of them. */
/* Txns after which the tree's digest was not the promised one: a bug of ours. */
uint64_t order_digest_mismatches(const struct order *o);

#endif
