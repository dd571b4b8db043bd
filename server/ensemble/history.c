#include "server/ensemble/history.h"

#include <stdlib.h>
#include <string.h>

#include "server/order/order.h"
#include "util/check.h"

void history_init(struct history *h, zk_zxid floor)
{
    *h = (struct history){ .floor = floor };
}

static struct wal_batch *batch_at(const struct history *h, size_t index)
{
    return h->batches[h->first + index];
}

static uint64_t size_of(const struct wal_batch *b)
{
    return sizeof *b + b->payload.cap + (uint64_t)b->cap * sizeof *b->txns;
}

static zk_zxid first_of(const struct wal_batch *b)
{
    return b->txns[0].zxid;
}

static zk_zxid last_of(const struct wal_batch *b)
{
    return b->txns[b->count - 1].zxid;
}

static void drop(struct history *h, struct wal_batch *b)
{
    h->txns -= b->count;
    h->bytes -= size_of(b);
    wal_batch_unref(b);
}

void history_clear(struct history *h, zk_zxid floor)
{
    for (size_t i = 0; i < h->count; i++)
        drop(h, batch_at(h, i));
    h->first = h->count = 0;
    h->floor = floor;
}

void history_done(struct history *h)
{
    history_clear(h, 0);
    free(h->batches);
    h->batches = NULL;
    h->cap = 0;
}

void history_add(struct history *h, struct wal_batch *b)
{
    zk_assert(b->count > 0 && first_of(b) > history_last(h));
    if (h->first + h->count == h->cap && h->first > h->cap / 2) {
        memmove(h->batches, h->batches + h->first, h->count * sizeof(struct wal_batch *));
        h->first = 0;
    }
    if (h->first + h->count == h->cap) {
        h->cap = h->cap * 2 + 64;
        h->batches = zk_xrealloc(h->batches, h->cap * sizeof(struct wal_batch *));
    }
    __atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED);
    h->batches[h->first + h->count++] = b;
    h->txns += b->count;
    h->bytes += size_of(b);
}

void history_cut(struct history *h, zk_zxid zxid)
{
    while (h->count > 0) {
        struct wal_batch *b = batch_at(h, h->count - 1);

        if (last_of(b) <= zxid)
            return;
        h->count--;
        if (first_of(b) <= zxid) {
            struct wal_batch *front = order_batch_front(b, zxid);

            drop(h, b);
            history_add(h, front);
            wal_batch_unref(front);
            return;
        }
        drop(h, b);
    }
    if (h->floor > zxid)
        h->floor = zxid;
}

void history_trim(struct history *h, zk_zxid until, uint64_t bytes_max, uint64_t count_min)
{
    while (h->count > 0 && h->bytes > bytes_max) {
        struct wal_batch *b = batch_at(h, 0);

        if (last_of(b) > until || h->txns - b->count < count_min)
            return;
        h->floor = last_of(b);
        h->first++;
        h->count--;
        drop(h, b);
    }
}

zk_zxid history_last(const struct history *h)
{
    return h->count > 0 ? last_of(batch_at(h, h->count - 1)) : h->floor;
}

bool history_after(const struct history *h, zk_zxid zxid, struct history_place *ret)
{
    size_t low = 0;
    size_t high = h->count;

    while (low < high) { /* The first batch that ends beyond zxid. */
        size_t middle = low + (high - low) / 2;

        if (last_of(batch_at(h, middle)) <= zxid)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == h->count)
        return false;

    const struct wal_batch *b = batch_at(h, low);
    uint32_t from = 0;
    uint32_t to = b->count - 1;

    while (from < to) {
        uint32_t middle = from + (to - from) / 2;

        if (b->txns[middle].zxid <= zxid)
            from = middle + 1;
        else
            to = middle;
    }
    *ret = (struct history_place){ .batch = low, .txn = from };
    return true;
}

bool history_before(const struct history *h, zk_zxid zxid, struct history_place *ret)
{
    struct history_place at;

    if (h->count == 0)
        return false;
    if (!history_after(h, zxid - 1, &at))
        at = (struct history_place){ .batch = h->count };
    if (at.txn == 0) {
        if (at.batch == 0)
            return false;
        at.batch--;
        at.txn = batch_at(h, at.batch)->count;
    }
    at.txn--;
    *ret = at;
    return true;
}

bool history_next(const struct history *h, struct history_place *at)
{
    at->txn++;
    if (at->txn < batch_at(h, at->batch)->count)
        return true;
    at->batch++;
    at->txn = 0;
    return at->batch < h->count;
}

const struct wal_txn *history_at(const struct history *h, struct history_place at,
                                 const uint8_t **ret_payload)
{
    const struct wal_batch *b = batch_at(h, at.batch);
    const struct wal_txn *t = &b->txns[at.txn];

    *ret_payload = b->payload.at + t->at;
    return t;
}
