#include "server/order/order.h"

#include <errno.h>
#include <stdlib.h>

#include "jute/records.h"
#include "server/order/changes.h"
#include "server/order/limits.h"
#include "server/order/prep.h"
#include "util/check.h"
#include "zab/zab.h"

/* A batch under way: what the log has, and who waits for each of its txns. */
struct flight {
    struct wal_batch *batch;
    void **origins; /* One a txn. */
    uint32_t cap;
    uint32_t applied; /* Txns of it that are applied. */
    struct flight *next;
};

struct order {
    struct order_conf conf;
    struct state *state;
    struct zab *zab;
    struct changes *changes;
    struct flight *first, *last; /* In order of zxid; the last may still be filled. */
    struct flight *open;         /* == last while this turn's batch is being filled. */
    zk_zxid prepared, applied;
    uint64_t waiting_bytes;
    uint64_t txns_since_snapshot, bytes_since_snapshot;
    struct bytes acl_scratch, path_scratch;
    struct tree_result *results; /* Of the txn that is being applied. */
    size_t result_count, result_cap;
    uint64_t digest_mismatches;
};

int order_new(struct order **ret, const struct order_conf *conf, struct state *state)
{
    struct order *o = zk_xcalloc(1, sizeof *o);
    struct zab_conf zab_conf = { .self = conf->server_id,
                                 .voters = 1,
                                 .proposals_max = ORDER_PROPOSALS_MAX };
    struct zab_saved saved = { .logged = tree_zxid(state->tree) };

    int r = zab_new(&o->zab, &zab_conf, &saved);
    if (r < 0) {
        free(o);
        return r;
    }
    o->conf = *conf;
    o->state = state;
    o->prepared = o->applied = saved.logged;
    o->changes = changes_new(state->tree, conf->digest, conf->hash_seed);
    struct zab_event start = { .kind = ZAB_EV_START };
    struct zab_actions actions = zab_step(o->zab, &start);
    zk_assert(actions.count == 1 && actions.at[0].kind == ZAB_DO_BECOME);
    *ret = o;
    return 0;
}

static void flight_free(struct flight *f)
{
    wal_batch_unref(f->batch);
    free(f->origins);
    free(f);
}

struct order *order_free(struct order *o)
{
    if (o == NULL)
        return NULL;
    for (struct flight *f = o->first, *next; f != NULL; f = next) {
        next = f->next;
        flight_free(f);
    }
    o->changes = changes_free(o->changes);
    o->zab = zab_free(o->zab);
    bytes_done(&o->acl_scratch);
    bytes_done(&o->path_scratch);
    free(o->results);
    free(o);
    return NULL;
}

bool order_can_submit(const struct order *o)
{
    return zab_can_submit(o->zab) && o->prepared - o->applied < ORDER_PROPOSALS_MAX &&
           o->waiting_bytes < ORDER_BYTES_MAX;
}

/* ---- Preparing. */

static struct flight *open_flight(struct order *o)
{
    if (o->open != NULL)
        return o->open;
    struct flight *f = zk_xcalloc(1, sizeof *f);
    f->batch = wal_batch_new();
    if (o->last == NULL)
        o->first = f;
    else
        o->last->next = f;
    o->last = o->open = f;
    return f;
}

static void seal_txn(struct order *o, struct flight *f, size_t begin, zk_zxid zxid, void *origin)
{
    struct wal_batch *b = f->batch;

    if (b->count == b->cap) {
        b->cap = b->cap * 2 + 16;
        b->txns = zk_xrealloc(b->txns, b->cap * sizeof *b->txns);
    }
    if (b->count >= f->cap) {
        f->cap = b->cap;
        f->origins = zk_xrealloc(f->origins, f->cap * sizeof *f->origins);
    }
    f->origins[b->count] = origin;
    b->txns[b->count++] = (struct wal_txn){ .zxid = zxid,
                                            .at = (uint32_t)begin,
                                            .len = (uint32_t)(b->payload.len - begin) };
    o->prepared = zxid;
    o->waiting_bytes += b->payload.len - begin;
    o->txns_since_snapshot++;
    o->bytes_since_snapshot += b->payload.len - begin;
}

/* The single operations: reads the record, or says that it can't be read. */
static bool prep_create_op(struct prep *p, enum zk_err *ret)
{
    struct jute_in in = jute_in(p->req->body, p->req->len);
    struct create_args args = { .kind = p->req->op, .ttl_ms = -1 };

    if (p->req->op == ZK_OP_CREATE_TTL) {
        struct create_ttl_request r;
        jute_read_create_ttl_request(&in, &r);
        args.path = r.path;
        args.data = r.data;
        args.acls = r.acl;
        args.flags = r.flags;
        args.ttl_ms = r.ttl_ms;
    } else {
        struct create_request r;
        jute_read_create_request(&in, &r);
        args.path = r.path;
        args.data = r.data;
        args.acls = r.acl;
        args.flags = r.flags;
    }
    if (!in.bad)
        *ret = prep_create(p, &args);
    return !in.bad;
}

static bool prep_delete_op(struct prep *p, enum zk_err *ret)
{
    struct jute_in in = jute_in(p->req->body, p->req->len);
    struct delete_request r;

    jute_read_delete_request(&in, &r);
    if (!in.bad)
        *ret = prep_delete(p, &r);
    return !in.bad;
}

static bool prep_delete_container_op(struct prep *p, enum zk_err *ret)
{
    struct jute_in in = jute_in(p->req->body, p->req->len);
    struct delete_container_request r;

    jute_read_delete_container_request(&in, &r);
    if (!in.bad)
        *ret = prep_delete_container(p, r.path);
    return !in.bad;
}

static bool prep_set_data_op(struct prep *p, enum zk_err *ret)
{
    struct jute_in in = jute_in(p->req->body, p->req->len);
    struct set_data_request r;

    jute_read_set_data_request(&in, &r);
    if (!in.bad)
        *ret = prep_set_data(p, &r);
    return !in.bad;
}

static bool prep_set_acl_op(struct prep *p, enum zk_err *ret)
{
    struct jute_in in = jute_in(p->req->body, p->req->len);
    struct set_acl_request r;

    jute_read_set_acl_request(&in, &r);
    if (!in.bad)
        *ret = prep_set_acl(p, &r);
    return !in.bad;
}

static bool prep_reconfig_op(struct prep *p, enum zk_err *ret)
{
    struct jute_in in = jute_in(p->req->body, p->req->len);
    struct reconfig_request r;

    jute_read_reconfig_request(&in, &r);
    if (!in.bad)
        *ret = prep_reconfig(p);
    return !in.bad;
}

static bool prep_create_session_op(struct prep *p, enum zk_err *ret)
{
    struct create_session_txn txn = { .timeout_ms = p->req->timeout_ms };

    if (p->req->body != NULL) { /* A client's own, not the handshake's. */
        struct jute_in in = jute_in(p->req->body, p->req->len);
        jute_read_create_session_txn(&in, &txn);
        *ret = in.bad ? ZK_MARSHALLING_ERROR : ZK_OK;
        if (in.bad)
            return true;
    }
    jute_write_create_session_txn(p->out, &txn);
    *ret = ZK_OK;
    return true;
}

/* False: the record can't be read, and no zxid is used for it (2.9). */
static bool prepare(struct prep *p, enum zk_err *ret)
{
    switch (p->req->op) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_CREATE_TTL:
        return prep_create_op(p, ret);
    case ZK_OP_DELETE:
        return prep_delete_op(p, ret);
    case ZK_OP_DELETE_CONTAINER:
        return prep_delete_container_op(p, ret);
    case ZK_OP_SET_DATA:
        return prep_set_data_op(p, ret);
    case ZK_OP_SET_ACL:
        return prep_set_acl_op(p, ret);
    case ZK_OP_RECONFIG:
        return prep_reconfig_op(p, ret);
    case ZK_OP_CREATE_SESSION:
        return prep_create_session_op(p, ret);
    case ZK_OP_CLOSE_SESSION:
        *ret = prep_close_session(p);
        return true;
    case ZK_OP_MULTI:
        return prep_multi(p, ret);
    default:
        zk_assert(false); /* The request floor sends writes only. */
        return false;
    }
}

static void write_head(struct bytes *out, const struct prep *p, int32_t type)
{
    struct txn_header head = { .session_id = p->req->session,
                               .cxid = p->req->xid,
                               .zxid = p->zxid,
                               .time_ms = p->wall_ms,
                               .type = type };

    jute_write_txn_header(out, &head);
}

enum order_verdict order_submit(struct order *o, const struct write_request *req, int64_t wall_ms,
                                enum zk_err *ret_err, zk_zxid *ret_zxid)
{
    struct flight *f = open_flight(o);
    struct bytes *out = &f->batch->payload;
    size_t begin = out->len;
    struct prep p = {
        .conf = &o->conf,
        .tree = o->state->tree,
        .changes = o->changes,
        .req = req,
        .zxid = o->prepared + 1,
        .wall_ms = wall_ms,
        .out = out,
        .begin = begin,
        .acl_scratch = &o->acl_scratch,
        .path_scratch = &o->path_scratch,
    };
    enum zk_err err = ZK_OK;

    write_head(out, &p, req->op);
    if (!prepare(&p, &err)) {
        out->len = begin;
        *ret_err = ZK_MARSHALLING_ERROR;
        return ORDER_REFUSED;
    }
    if (err != ZK_OK) {
        /* A refused write still has its place in the order. */
        struct error_txn txn = { .err = err };
        out->len = begin;
        write_head(out, &p, ZK_OP_ERROR);
        jute_write_error_txn(out, &txn);
    } else if (o->conf.digest) {
        struct txn_digest digest = { .version = 2,
                                     .tree_digest = (int64_t)changes_digest(o->changes) };
        jute_write_txn_digest(out, &digest);
    }
    zk_assert(out->len - begin <= o->conf.entry_max);
    seal_txn(o, f, begin, p.zxid, req->origin);
    *ret_zxid = p.zxid;
    *ret_err = err;
    return ORDER_SUBMITTED;
}

struct wal_batch *order_take_batch(struct order *o)
{
    struct flight *f = o->open;

    if (f == NULL || f->batch->count == 0)
        return NULL;
    o->open = NULL;
    struct zab_event ev = { .kind = ZAB_EV_SUBMIT, .zxid = o->prepared };
    struct zab_actions actions = zab_step(o->zab, &ev);
    zk_assert(actions.count == 1 && actions.at[0].kind == ZAB_DO_APPEND);
    __atomic_add_fetch(&f->batch->refs, 1, __ATOMIC_RELAXED);
    return f->batch;
}

/* ---- Applying. */

static void keep_result(void *ctx, const struct tree_result *result)
{
    struct order *o = ctx;

    if (o->result_count == o->result_cap) {
        o->result_cap = o->result_cap * 2 + 16;
        o->results = zk_xrealloc(o->results, o->result_cap * sizeof *o->results);
    }
    o->results[o->result_count++] = *result;
}

struct applying {
    struct order *o;
    const struct order_sink *sink;
};

static void pass_event(void *ctx, const struct tree_event *ev, const uint32_t *watchers,
                       size_t count)
{
    const struct applying *a = ctx;

    a->sink->event(a->sink->ctx, ev, watchers, count);
}

static void pass_result(void *ctx, const struct tree_result *result)
{
    const struct applying *a = ctx;

    keep_result(a->o, result);
}

static void apply_one(struct order *o, const uint8_t *payload, size_t len, void *origin,
                      struct watch_table *watches, const struct order_sink *sink)
{
    struct txn txn;
    struct applying a = { .o = o, .sink = sink };
    struct tree_sink tree_sink = { .ctx = &a, .event = pass_event, .result = pass_result };

    bool ok = txn_parse(&txn, payload, len);
    zk_assert(ok); /* We wrote it. */
    o->result_count = 0;
    state_apply(o->state, &txn, watches, &tree_sink);
    if (txn.has_digest && txn.digest != tree_digest(o->state->tree))
        o->digest_mismatches++;
    o->applied = txn.head.zxid;
    struct applied applied = { .zxid = txn.head.zxid,
                               .type = txn.head.type,
                               .session = txn.head.session_id,
                               .xid = txn.head.cxid,
                               .time_ms = txn.head.time_ms,
                               .results = o->results,
                               .count = o->result_count,
                               .origin = origin };
    sink->applied(sink->ctx, &applied);
}

static void apply_to(struct order *o, zk_zxid zxid, struct watch_table *watches,
                     const struct order_sink *sink)
{
    while (o->first != NULL && o->first != o->open) {
        struct flight *f = o->first;
        const struct wal_batch *b = f->batch;

        for (; f->applied < b->count; f->applied++) {
            const struct wal_txn *t = &b->txns[f->applied];
            if (t->zxid > zxid)
                return;
            apply_one(o, b->payload.at + t->at, t->len, f->origins[f->applied], watches, sink);
            changes_applied(o->changes, t->zxid);
            o->waiting_bytes -= t->len;
        }
        o->first = f->next;
        if (o->last == f)
            o->last = NULL;
        flight_free(f);
    }
}

void order_logged(struct order *o, zk_zxid zxid, struct watch_table *watches,
                  const struct order_sink *sink)
{
    struct zab_event ev = { .kind = ZAB_EV_LOGGED, .zxid = zxid };
    struct zab_actions actions = zab_step(o->zab, &ev);

    for (size_t i = 0; i < actions.count; i++)
        if (actions.at[i].kind == ZAB_DO_COMMIT)
            apply_to(o, actions.at[i].zxid, watches, sink);
}

zk_zxid order_last_prepared(const struct order *o)
{
    return o->prepared;
}

zk_zxid order_last_applied(const struct order *o)
{
    return o->applied;
}

uint64_t order_outstanding(const struct order *o)
{
    return (uint64_t)(o->prepared - o->applied);
}

uint64_t order_txns_since_snapshot(const struct order *o)
{
    return o->txns_since_snapshot;
}

uint64_t order_bytes_since_snapshot(const struct order *o)
{
    return o->bytes_since_snapshot;
}

void order_snapshot_begun(struct order *o)
{
    o->txns_since_snapshot = 0;
    o->bytes_since_snapshot = 0;
}

uint64_t order_digest_mismatches(const struct order *o)
{
    return o->digest_mismatches;
}
