/* What the files of server/order share about flights: batches under way. */
#ifndef SERVER_ORDER_ORDER_IMPL_H
#define SERVER_ORDER_ORDER_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/order/changes.h"
#include "server/order/order.h"
#include "util/bytes.h"

/* A batch under way: what the log has, and who waits for each of its txns. */
struct flight {
    struct wal_batch *batch;
    void **origins; /* One a txn; NULL: nobody waits for any. */
    uint32_t cap;
    uint32_t applied; /* Txns of it that are applied. */
    struct flight *next;
};

struct order {
    struct order_conf conf;
    struct state *state;
    struct changes *changes;
    struct flight *first, *last; /* In order of zxid. */
    struct flight *open;         /* == last while it is being filled: it was not taken yet. */
    zk_zxid prepared, applied;
    uint64_t outstanding, waiting_bytes;
    struct bytes acl_scratch, path_scratch;
    struct tree_result *results; /* Of the txn that is being applied. */
    size_t result_count, result_cap;
    uint64_t digest_mismatches;
};

/* The flight that is being filled. */
struct flight *flight_open(struct order *o);
/* The bytes from begin on, at the end of f's payload, are a txn. */
void flight_seal_txn(struct order *o, struct flight *f, size_t begin, zk_zxid zxid, void *origin);
void flights_free(struct order *o);

#endif
