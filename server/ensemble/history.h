/* The end of our log in memory: what learners that were away for a while are sent, and what all
 * learners are sent as it comes. References of the log's own batches; committed or not.
 * Deterministic. */
#ifndef SERVER_ENSEMBLE_HISTORY_H
#define SERVER_ENSEMBLE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/store/wal.h"
#include "util/ids.h"

struct history {
    struct wal_batch **batches; /* From `first` on; in order, without a gap. */
    size_t first, count, cap;
    uint64_t txns, bytes; /* bytes: of memory. */
    zk_zxid floor;        /* Every txn of our log beyond it is here. */
};

/* A txn in it. Good until the history changes. */
struct history_place {
    size_t batch; /* From the first one. */
    uint32_t txn;
};

void history_init(struct history *h, zk_zxid floor);
void history_done(struct history *h);
/* Forgets everything: our log goes on behind floor. */
void history_clear(struct history *h, zk_zxid floor);
/* Takes a reference of its own. */
void history_add(struct history *h, struct wal_batch *b);
/* What is beyond zxid is no part of our log any more. */
void history_cut(struct history *h, zk_zxid zxid);
/* Gives back old batches, none of a txn beyond `until`, while there are more than bytes_max bytes
 * and more than count_min txns would be left. */
void history_trim(struct history *h, zk_zxid until, uint64_t bytes_max, uint64_t count_min);

zk_zxid history_last(const struct history *h); /* Or floor. */
/* The first txn beyond zxid. False: there is none. */
bool history_after(const struct history *h, zk_zxid zxid, struct history_place *ret);
/* The last txn below zxid. False: there is none. */
bool history_before(const struct history *h, zk_zxid zxid, struct history_place *ret);
/* One on. False: that was the last. */
bool history_next(const struct history *h, struct history_place *at);
/* Its payload; len in the txn. */
const struct wal_txn *history_at(const struct history *h, struct history_place at,
                                 const uint8_t **ret_payload);

#endif
