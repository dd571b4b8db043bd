/* The txn log: ZK's files (storage-format 2), one writer thread.
 *
 * The loop hands over batches and never waits; the thread frames each payload
 * (Adler-32, length, 'B'), writes the batch, makes it durable with one fdatasync, and
 * only then says so. Order of what is durable = order of what was handed over.
 *
 * A write or fsync that fails is final: the log takes nothing more, wal_done() returns
 * the error, and the process must stop without acknowledging anything further. It is
 * never retried: the pages may be marked clean although they were not written.
 *
 * Never appends to an existing file: the first batch after wal_open() or a roll makes
 * log.<first zxid>, with the directory fsynced before the first batch counts as durable. */
#ifndef SERVER_STORE_WAL_H
#define SERVER_STORE_WAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/bytes.h"
#include "util/ids.h"

/* Payloads of consecutive txns (header, record, digest tail), back to back. Made by the
 * loop, shared read-only with the log thread, reference-counted: log and loop each drop
 * theirs when done. */
struct wal_txn {
    zk_zxid zxid;
    uint32_t at, len; /* In batch->payload. */
};

struct wal_batch {
    struct bytes payload;
    struct wal_txn *txns;
    uint32_t count, cap;
    bool roll_after;        /* The next batch begins a new file (a snapshot was started). */
    int refs;               /* Atomic. Starts at 1. */
    struct wal_batch *next; /* The log's own. */
};

struct wal_batch *wal_batch_new(void);
void wal_batch_unref(struct wal_batch *b); /* NULL is fine. */

struct wal_conf {
    const char *dir;         /* …/version-2 of dataLogDir; copied. */
    uint64_t prealloc_bytes; /* preAllocSize; 0 = off. */
    uint64_t roll_bytes;     /* txnLogSizeLimitInKb; 0 = off: roll without snapshot. */
    bool sync;               /* forceSync. */
    bool write_index;        /* The side index (index.h). */
    uint32_t fsync_warn_ms;  /* fsync.warningthresholdms. */
    uint32_t flush_delay_ms; /* flushDelay: wait so long for more before a flush; 0 = off. */
    uint32_t max_batch;      /* maxBatchSize: txns that end that wait. */
};

struct wal;

/* Starts the thread. notify_fd (an eventfd of the caller) is written when something
 * became durable or failed. 0 or negative errno. */
int wal_open(struct wal **ret, const struct wal_conf *conf, int notify_fd);
/* Makes durable what was handed over, joins the thread, closes. Returns 0 or the error
 * that stopped the log. */
int wal_close(struct wal *w);

/* Hands over a reference. Never blocks; the queue is bounded by the caller, who knows
 * what is outstanding. */
void wal_append(struct wal *w, struct wal_batch *b);

struct wal_done {
    zk_zxid zxid;    /* Every txn up to it is durable. */
    uint64_t queued; /* Txns handed over and not yet durable. */
    uint64_t fsyncs, fsync_us_total, fsync_us_max, fsync_us_last, slow_fsyncs;
    uint64_t bytes;      /* Written since wal_open(). */
    uint64_t file_bytes; /* Sizes of all logs since the last roll_after, padding included. */
};
/* Returns 0, or the negative errno that stopped the log; ret is filled either way. */
int wal_done(struct wal *w, struct wal_done *ret);

#endif
