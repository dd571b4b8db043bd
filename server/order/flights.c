/* Txns in flight: from being prepared or learned to being applied or forgotten. */
#include <stdlib.h>

#include "server/order/limits.h"
#include "server/order/order_impl.h"
#include "util/check.h"

static void flight_free(struct flight *f)
{
    wal_batch_unref(f->batch);
    free(f->origins);
    free(f);
}

void flights_free(struct order *o)
{
    for (struct flight *f = o->first, *next; f != NULL; f = next) {
        next = f->next;
        flight_free(f);
    }
    o->first = o->last = o->open = NULL;
    o->outstanding = o->waiting_bytes = 0;
}

static struct flight *flight_add(struct order *o)
{
    struct flight *f = zk_xcalloc(1, sizeof *f);

    f->batch = wal_batch_new();
    if (o->last == NULL)
        o->first = f;
    else
        o->last->next = f;
    o->last = f;
    return f;
}

struct flight *flight_open(struct order *o)
{
    if (o->open == NULL)
        o->open = flight_add(o);
    return o->open;
}

static void put_txn(struct flight *f, size_t begin, zk_zxid zxid, void *origin)
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
}

void flight_seal_txn(struct order *o, struct flight *f, size_t begin, zk_zxid zxid, void *origin)
{
    size_t len = f->batch->payload.len - begin;

    put_txn(f, begin, zxid, origin);
    o->prepared = zxid;
    o->outstanding++;
    o->waiting_bytes += len;
}

void order_lead(struct order *o, zk_zxid last)
{
    zk_assert(o->outstanding == 0);
    zk_assert(last >= o->prepared);
    flights_free(o);
    o->prepared = last;
}

static void forget_changes(struct order *o)
{
    o->changes = changes_free(o->changes);
    o->changes = changes_new(o->state->tree, o->conf.digest, o->conf.hash_seed);
}

/* Where the flights end, or what is applied. */
static zk_zxid end_of(const struct order *o)
{
    return o->last != NULL && o->last->batch->count > 0
               ? o->last->batch->txns[o->last->batch->count - 1].zxid
               : o->applied;
}

void order_follow(struct order *o)
{
    if (o->open != NULL) {
        const struct flight *f = o->open;
        zk_zxid before = f->batch->count > 0 ? f->batch->txns[0].zxid - 1 : o->prepared;

        order_forget_after(o, before);
    }
    forget_changes(o);
    o->prepared = end_of(o);
}

bool order_learn(struct order *o, zk_zxid zxid, const uint8_t *payload, size_t len)
{
    struct txn txn;

    if (len > UINT32_MAX || !txn_parse(&txn, payload, len) || txn.head.zxid != zxid ||
        zxid <= o->prepared)
        return false;
    struct flight *f = flight_open(o);
    size_t begin = f->batch->payload.len;

    if (begin + len > UINT32_MAX)
        return false;
    bytes_put(&f->batch->payload, payload, len);
    flight_seal_txn(o, f, begin, zxid, NULL);
    return true;
}

/* ---- Taking. */

static void unlink_first(struct order *o)
{
    struct flight *f = o->first;

    o->first = f->next;
    if (o->last == f)
        o->last = NULL;
    flight_free(f);
}

/* How many txns of b are not beyond zxid. */
static uint32_t count_upto(const struct wal_batch *b, zk_zxid zxid)
{
    uint32_t low = 0;
    uint32_t high = b->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (b->txns[middle].zxid <= zxid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The txns of the open flight from `count` on move into a new one. */
static void split_open(struct order *o, uint32_t count)
{
    struct flight *f = o->open;
    struct wal_batch *b = f->batch;
    struct flight *rest = flight_add(o);
    uint32_t at = b->txns[count].at;

    bytes_put(&rest->batch->payload, b->payload.at + at, b->payload.len - at);
    for (uint32_t i = count; i < b->count; i++) {
        const struct wal_txn *t = &b->txns[i];
        /* put_txn() takes what is behind `begin` for the txn. */
        rest->batch->payload.len = (size_t)t->at + t->len - at;
        put_txn(rest, t->at - at, t->zxid, f->origins[i]);
    }
    rest->applied = f->applied > count ? f->applied - count : 0;
    f->applied = f->applied > count ? count : f->applied;
    b->payload.len = at;
    b->count = count;
    o->open = rest;
}

struct wal_batch *order_take_batch(struct order *o, zk_zxid upto)
{
    struct flight *f = o->open;

    if (f == NULL)
        return NULL;
    uint32_t count = count_upto(f->batch, upto);

    if (count == 0)
        return NULL;
    if (count < f->batch->count)
        split_open(o, count);
    else
        o->open = NULL;
    struct wal_batch *b = f->batch;

    __atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED);
    if (f->applied == b->count) {
        zk_assert(f == o->first); /* All before it is applied too. */
        unlink_first(o);
    }
    return b;
}

/* ---- Forgetting. */

struct wal_batch *order_batch_front(const struct wal_batch *b, zk_zxid zxid)
{
    struct wal_batch *front = wal_batch_new();
    uint32_t keep = count_upto(b, zxid);

    if (keep > 0) {
        const struct wal_txn *last = &b->txns[keep - 1];

        bytes_put(&front->payload, b->payload.at, (size_t)last->at + last->len);
        front->txns = zk_xmalloc(keep * sizeof *front->txns);
        memcpy(front->txns, b->txns, keep * sizeof *front->txns);
    }
    front->count = front->cap = keep;
    return front;
}

/* Cuts what is beyond zxid out of one flight. A batch that the log or the history has as well is
 * left as it is: this flight gets a copy of the front. */
static void cut_flight(struct order *o, struct flight *f, zk_zxid zxid)
{
    struct wal_batch *b = f->batch;
    uint32_t keep = count_upto(b, zxid);

    for (uint32_t i = keep > f->applied ? keep : f->applied; i < b->count; i++) {
        o->outstanding--;
        o->waiting_bytes -= b->txns[i].len;
    }
    if (keep == b->count)
        return;
    struct wal_batch *front = order_batch_front(b, zxid);

    f->cap = keep; /* With the txns, so that both grow together. */
    if (f->applied > keep)
        f->applied = keep;
    f->batch = front;
    wal_batch_unref(b);
}

void order_forget_after(struct order *o, zk_zxid zxid)
{
    struct flight *keep = NULL;
    struct flight *next;

    for (struct flight *f = o->first; f != NULL; f = next) {
        next = f->next;
        cut_flight(o, f, zxid);
        if (f->batch->count > f->applied) {
            keep = f;
            continue;
        }
        /* Nothing is left to be applied here, nor behind it. */
        if (keep == NULL)
            o->first = next;
        else
            keep->next = next;
        if (o->open == f)
            o->open = NULL;
        flight_free(f);
    }
    o->last = keep;
    o->prepared = end_of(o);
}

void order_reset(struct order *o, bool is_fuzzy)
{
    flights_free(o);
    forget_changes(o);
    o->prepared = o->applied = tree_zxid(o->state->tree);
    o->state->is_fuzzy = is_fuzzy;
}

void order_is_exact(struct order *o)
{
    o->state->is_fuzzy = false;
}

void order_drop_origins(struct order *o)
{
    for (struct flight *f = o->first; f != NULL; f = f->next)
        for (uint32_t i = 0; i < f->batch->count; i++)
            f->origins[i] = NULL;
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

static void compare_digest(struct order *o, uint64_t promised)
{
    if (promised == tree_digest(o->state->tree))
        o->state->is_fuzzy = false;
    else if (!o->state->is_fuzzy)
        o->digest_mismatches++;
}

static void apply_one(struct order *o, const uint8_t *payload, size_t len, void *origin,
                      struct watch_table *watches, const struct order_sink *sink)
{
    struct txn txn;
    struct applying a = { .o = o, .sink = sink };
    struct tree_sink tree_sink = { .ctx = &a, .event = pass_event, .result = pass_result };

    bool ok = txn_parse(&txn, payload, len);
    zk_assert(ok); /* We wrote it, or read it before it was taken in. */
    o->result_count = 0;
    state_apply(o->state, &txn, watches, &tree_sink);
    if (txn.has_digest && o->conf.digest)
        compare_digest(o, txn.digest);
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

/* Those of one flight. False: the rest of it is not decided. */
static bool commit_flight(struct order *o, struct flight *f, zk_zxid zxid,
                          struct watch_table *watches, const struct order_sink *sink)
{
    const struct wal_batch *b = f->batch;

    while (f->applied < b->count) {
        const struct wal_txn *t = &b->txns[f->applied];

        if (t->zxid > zxid)
            return false;
        o->outstanding--;
        o->waiting_bytes -= t->len;
        apply_one(o, b->payload.at + t->at, t->len, f->origins[f->applied], watches, sink);
        f->applied++;
        changes_applied(o->changes, t->zxid);
    }
    return true;
}

void order_commit(struct order *o, zk_zxid zxid, struct watch_table *watches,
                  const struct order_sink *sink)
{
    while (o->first != NULL && commit_flight(o, o->first, zxid, watches, sink)) {
        if (o->first == o->open)
            return; /* The log has not got it yet. */
        unlink_first(o);
    }
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
    return o->outstanding;
}

uint64_t order_waiting_bytes(const struct order *o)
{
    return o->waiting_bytes;
}

uint64_t order_digest_mismatches(const struct order *o)
{
    return o->digest_mismatches;
}
