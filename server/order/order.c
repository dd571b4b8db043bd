#include "server/order/order.h"

#include <errno.h>
#include <stdlib.h>

#include "jute/records.h"
#include "server/order/limits.h"
#include "server/order/order_impl.h"
#include "server/order/prep.h"
#include "util/check.h"

int order_new(struct order **ret, const struct order_conf *conf, struct state *state)
{
    struct order *o = zk_xcalloc(1, sizeof *o);

    o->conf = *conf;
    o->state = state;
    o->prepared = o->applied = tree_zxid(state->tree);
    o->changes = changes_new(state->tree, conf->digest, conf->hash_seed);
    *ret = o;
    return 0;
}

struct order *order_free(struct order *o)
{
    if (o == NULL)
        return NULL;
    flights_free(o);
    o->changes = changes_free(o->changes);
    bytes_done(&o->acl_scratch);
    bytes_done(&o->path_scratch);
    free(o->results);
    free(o);
    return NULL;
}

bool order_can_submit(const struct order *o)
{
    return o->outstanding < ORDER_PROPOSALS_MAX && o->waiting_bytes < ORDER_BYTES_MAX;
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
        *ret = prep_reconfig(p, &r);
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

/* Only a server of one comes to the end of an epoch: the next one's txns count from 1. The zxid
 * with the counter 0 is where an epoch begins, and no learner would take a txn under that name. */
static zk_zxid next_zxid(const struct order *o)
{
    zk_zxid next = o->prepared + 1;

    return zxid_counter(next) != 0 ? next : next + 1;
}

enum order_verdict order_submit(struct order *o, const struct write_request *req, int64_t wall_ms,
                                enum zk_err *ret_err, zk_zxid *ret_zxid)
{
    struct flight *f = flight_open(o);
    struct bytes *out = &f->batch->payload;
    size_t begin = out->len;
    struct prep p = {
        .conf = &o->conf,
        .tree = o->state->tree,
        .changes = o->changes,
        .req = req,
        .zxid = next_zxid(o),
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
    /* Whatever a request repeats in its txn is measured as it is prepared; a multi, after each
     * member; the lists of closeSession and reconfig end at half an entry; the rest is small. */
    zk_assert(out->len - begin <= o->conf.entry_max);
    flight_seal_txn(o, f, begin, p.zxid, req->origin);
    *ret_zxid = p.zxid;
    *ret_err = err;
    return ORDER_SUBMITTED;
}

zk_zxid order_refuse(struct order *o, const struct write_request *req, int64_t wall_ms,
                     enum zk_err err)
{
    struct flight *f = flight_open(o);
    struct bytes *out = &f->batch->payload;
    size_t begin = out->len;
    struct prep p = { .req = req, .zxid = next_zxid(o), .wall_ms = wall_ms };
    struct error_txn txn = { .err = err };

    write_head(out, &p, ZK_OP_ERROR);
    jute_write_error_txn(out, &txn);
    flight_seal_txn(o, f, begin, p.zxid, req->origin);
    return p.zxid;
}
