#include "tests/lib/fake_ensemble.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "server/tree/tree.h"
#include "server/tree/watch.h"
#include "util/check.h"

static struct ensemble *the;

/* Txns of the leader that the server has not seen. */
static struct bytes stream;

struct ensemble *fake(void)
{
    return the;
}

static void no_event(void *ctx, const struct tree_event *ev, const uint32_t *watchers, size_t count)
{
    (void)ctx;
    (void)ev;
    (void)watchers;
    (void)count;
}

static void no_applied(void *ctx, const struct applied *a)
{
    (void)ctx;
    (void)a;
}

/* Of nobody in particular. */
static struct idset *some_ids(void)
{
    static const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };

    return idset_of_address(&nowhere);
}

static const struct order_sink no_sink = { .event = no_event, .applied = no_applied };

/* ---- Its life. */

int ensemble_new(struct ensemble **ret, const struct ensemble_conf *conf,
                 const struct ensemble_io *io, const struct ensemble_host *host,
                 struct state *state, struct session_table *sessions, struct watch_table *watches,
                 const struct zab_saved *saved)
{
    struct ensemble *e = zk_xcalloc(1, sizeof *e);
    struct tree_conf tree_conf = { .hash_seed = 9, .extended_types = true, .digest = true };

    (void)saved;
    e->conf = *conf;
    e->io = *io;
    e->host = *host;
    e->state = state;
    e->sessions = sessions;
    e->watches = watches;
    e->valid = -1;
    zk_assert(order_new(&e->order, &conf->order, state) == 0);
    zk_assert(tree_new(&e->leader_state.tree, &tree_conf) == 0);
    e->leader_state.sessions = session_book_new(9);
    zk_assert(order_new(&e->leader, &conf->order, &e->leader_state) == 0);
    order_lead(e->leader, FAKE_EPOCH);
    stream.len = 0;
    the = *ret = e;
    return 0;
}

void fake_forget_requests(void)
{
    for (size_t i = 0; i < the->request_count; i++) {
        bytes_done(&the->requests[i].body);
        (void)idset_unref(the->requests[i].ids);
    }
    the->request_count = 0;
}

struct ensemble *ensemble_free(struct ensemble *e)
{
    fake_forget_requests();
    e->order = order_free(e->order);
    e->leader = order_free(e->leader);
    state_done(&e->leader_state);
    zab_config_unref(e->config);
    bytes_done(&stream);
    free(e);
    the = NULL;
    return NULL;
}

struct order *ensemble_order(struct ensemble *e)
{
    return e->order;
}

const struct zab *ensemble_zab(const struct ensemble *e)
{
    return (const struct zab *)(const void *)e; /* Opaque: only what follows looks at it. */
}

enum zab_role zab_role(const struct zab *z)
{
    return ((const struct ensemble *)(const void *)z)->role;
}

int64_t zab_epoch(const struct zab *z)
{
    return ((const struct ensemble *)(const void *)z)->epoch;
}

const struct zab_config *zab_config_in_force(const struct zab *z)
{
    return ((const struct ensemble *)(const void *)z)->config;
}

void ensemble_tick(struct ensemble *e, int64_t now_ms, int64_t wall_ms)
{
    (void)now_ms;
    e->wall_ms = wall_ms;
}

void ensemble_start(struct ensemble *e)
{
    (void)e;
}

/* ---- Turns. */

struct wal_batch *ensemble_turn_end(struct ensemble *e)
{
    struct wal_batch *b = e->leads ? order_take_batch(e->order, INT64_MAX) : NULL;

    e->read_ticket = 0;
    if (b != NULL)
        e->io.append(e->io.ctx, b);
    return b;
}

void ensemble_logged(struct ensemble *e, zk_zxid zxid)
{
    order_commit(e->order, zxid, e->watches, &e->host.sink);
}

/* ---- The request floor's questions. */

bool ensemble_can_submit(const struct ensemble *e)
{
    return !e->is_full && e->role != ZAB_LOOKING;
}

enum order_verdict ensemble_submit(struct ensemble *e, struct write_request *req,
                                   enum zk_err *ret_err, zk_zxid *ret_zxid)
{
    if (e->leads)
        return order_submit(e->order, req, e->wall_ms, ret_err, ret_zxid);
    zk_assert(e->request_count < FAKE_REQUESTS_MAX);
    struct fake_request *f = &e->requests[e->request_count++];

    *f = (struct fake_request){ .session = req->session,
                                .xid = req->xid,
                                .op = req->op,
                                .timeout_ms = req->timeout_ms,
                                .ids = req->ids != NULL ? some_ids() : NULL };
    if (req->body == NULL && req->op == ZK_OP_CREATE_SESSION)
        jute_write_i32(&f->body, req->timeout_ms);
    else
        bytes_put(&f->body, req->body, req->len);
    *ret_zxid = 0;
    *ret_err = ZK_OK;
    return ORDER_SUBMITTED;
}

uint64_t ensemble_sync(struct ensemble *e, const struct write_request *req)
{
    zk_assert(req->op == ZK_OP_SYNC);
    e->syncs++;
    return e->has_no_tickets ? 0 : ++e->tickets;
}

uint64_t ensemble_read_index(struct ensemble *e)
{
    if (e->has_no_tickets)
        return 0;
    if (e->read_ticket == 0) {
        e->read_ticket = ++e->tickets;
        e->read_rounds++;
    }
    return e->read_ticket;
}

int ensemble_revalidate(struct ensemble *e, zk_session_id id, int32_t timeout_ms)
{
    (void)timeout_ms;
    zk_assert(e->asked_count < FAKE_REQUESTS_MAX);
    e->asked[e->asked_count++] = id;
    return e->valid;
}

void ensemble_touch(struct ensemble *e, struct session *s)
{
    e->touched = s->id;
    e->touched_count++;
}

/* ---- The test's words. */

void fake_serve(enum zab_role role, bool state_is_new)
{
    the->epoch += !the->keeps_epoch;
    the->role = role;
    the->leads = role == ZAB_LEADING;
    if (the->leads) {
        zk_zxid last = order_last_applied(the->order);
        order_lead(the->order, last < FAKE_EPOCH ? FAKE_EPOCH : last);
    }
    the->host.serve(the->host.ctx, role, state_is_new);
}

void fake_pause(void)
{
    the->role = ZAB_LOOKING;
    if (the->leads)
        order_follow(the->order);
    the->leads = false;
    the->host.pause(the->host.ctx);
}

void fake_txn(zk_zxid zxid, const void *payload, size_t len)
{
    jute_write_i64(&stream, zxid);
    jute_write_i32(&stream, (int32_t)len);
    bytes_put(&stream, payload, len);
}

/* The newest txn of the leader goes into the stream and is applied there. */
static zk_zxid ship(void)
{
    struct watch_table *watches = watch_table_new(3);
    struct wal_batch *b = order_take_batch(the->leader, INT64_MAX);

    zk_assert(b != NULL);
    for (uint32_t i = 0; i < b->count; i++) {
        jute_write_i64(&stream, b->txns[i].zxid);
        jute_write_i32(&stream, (int32_t)b->txns[i].len);
        bytes_put(&stream, b->payload.at + b->txns[i].at, b->txns[i].len);
    }
    zk_zxid last = b->txns[b->count - 1].zxid;
    wal_batch_unref(b);
    order_commit(the->leader, last, watches, &no_sink);
    (void)watch_table_free(watches);
    return last;
}

zk_zxid fake_order_other(zk_session_id session, int32_t xid, int32_t op, const void *body,
                         size_t len)
{
    struct idset *ids = some_ids();
    struct write_request req = {
        .session = session, .xid = xid, .op = op, .body = body, .len = len, .ids = ids
    };
    enum zk_err err;
    zk_zxid zxid;

    zk_assert(order_submit(the->leader, &req, the->wall_ms, &err, &zxid) == ORDER_SUBMITTED);
    (void)idset_unref(ids);
    return ship();
}

zk_zxid fake_order(size_t index)
{
    struct fake_request *f = &the->requests[index];

    zk_assert(index < the->request_count && !f->is_ordered);
    f->is_ordered = true;
    return fake_order_other(f->session, f->xid, f->op, f->body.at, f->body.len);
}

zk_zxid fake_refuse(size_t index, enum zk_err err)
{
    struct fake_request *f = &the->requests[index];
    struct write_request req = { .session = f->session, .xid = f->xid, .op = f->op };

    zk_assert(index < the->request_count && !f->is_ordered);
    f->is_ordered = true;
    (void)order_refuse(the->leader, &req, the->wall_ms, err);
    return ship();
}

void fake_learn(bool apply)
{
    struct jute_in in = jute_in(stream.at, stream.len);

    while (jute_left(&in) > 0) {
        int64_t zxid;
        int32_t len;

        jute_read_i64(&in, &zxid);
        jute_read_i32(&in, &len);
        zk_assert(order_learn(the->order, zxid, in.at, (size_t)len));
        in.at += len;
    }
    stream.len = 0;
    struct wal_batch *b = order_take_batch(the->order, INT64_MAX);
    if (b != NULL)
        wal_batch_unref(b);
    if (apply)
        order_commit(the->order, INT64_MAX, the->watches, &the->host.sink);
}
