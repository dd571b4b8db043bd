/* The disk of a server: what a start reads, the log that is written, snapshots, epochs, and what
 * an ensemble asks for beyond that: forgetting (TRUNC), beginning anew from a leader's state
 * (SNAP), reading the log for a learner. The disk's half of struct ensemble_io.
 *
 * All on the loop thread, which waits only where that is said. docs/durability.md has the
 * order of what becomes durable, and what a crash leaves in between. */
#ifndef SERVER_DISK_H
#define SERVER_DISK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/state/dump.h"
#include "server/state/recover.h"
#include "server/store/dirs.h"
#include "server/store/wal.h"
#include "util/rand.h"

struct config;

struct disk_conf {
    struct recover_conf recover;
    struct wal_conf wal; /* .dir is filled in. */
    enum snapshot_codec codec;
    bool digest_on, zxid_on;   /* Sections of snapshots. */
    int64_t snap_count;        /* snapCount: txns. */
    int64_t snap_bytes;        /* snapSizeLimitInKb, in bytes; <= 0: off. */
    uint32_t snap_rest;        /* Rest after a snapshot, in times of what it took. */
    double log_size_factor;    /* snapshotSizeFactor; < 0: learners get nothing from the log. */
    uint32_t purge_retain;     /* autopurge.snapRetainCount. */
    int64_t purge_interval_ms; /* 0: never. */
    uint64_t seed;             /* When snapshots are taken is random. */
};

struct disk_conf disk_conf_of(const struct config *c, uint64_t seed);

/* Called from disk_step(). */
struct disk_host {
    void *ctx;
    void (*saved)(void *ctx); /* What disk_save_snapshot() asked for is done. */
    /* A snapshot ended: 0, or why it failed (the server goes on). For figures. */
    void (*snapshot_ended)(void *ctx, int result, uint64_t ms);
    void (*stalled)(void *ctx, uint64_t us); /* The loop worked so long for a snapshot. */
};

struct disk {
    struct disk_conf conf;
    struct disk_host host;
    struct dirs dirs;
    struct state *state; /* The one that is served. Its members may be replaced. */

    /* The log. */
    struct wal *wal;      /* NULL: not open. */
    int wal_fd, dump_fd;  /* eventfds: something is durable; a snapshot can go on. */
    zk_zxid durable;      /* Last txn of what a start would find. */
    zk_zxid told;         /* By disk_durable(). */
    struct wal_done past; /* Sums of logs that were closed. */

    /* Snapshots (storage-format 2.7). */
    struct dump *dump; /* NULL: none under way. */
    bool dump_wants_cpu;
    uint64_t dump_began_us;
    uint64_t dump_next_us; /* When the next slice is, while there are requests. */
    uint64_t dump_rest_us; /* No other snapshot before. */
    uint64_t input_us;     /* Last request. */
    uint64_t txns_since;   /* Handed to the log since the last one, or replayed. */
    uint64_t txns_limit;   /* Drawn anew for each snapshot. */
    uint64_t bytes_limit;  /* 0: off. */
    uint64_t log_bytes;    /* Files since the last one, padding included. */
    zk_zxid roll_zxid;     /* Last txn of the file that was ended for it. */
    struct rand_state rand;

    /* disk_save_snapshot(): the snapshot that is being written replaces all there was. Batches
     * wait until there is a log that they can follow. */
    bool is_resetting, has_saved;
    struct wal_batch *held, **held_tail;

    /* Purging runs on a thread of its own: it reads and deletes large files. */
    pthread_t purge_thread;
    bool is_purging;
    int purge_done, purge_cancel; /* Atomic. */
    int64_t purge_ms;             /* When next; INT64_MAX: never. */
};

/* ---- The life of it. */

/* Nothing is open: disk_close() may follow. */
void disk_init(struct disk *d);

/* Directories, their lock, and what is in them. Returns 0 or a negative errno with one line in
 * why; disk_close() in any case. */
int disk_open(struct disk *d, const struct disk_conf *conf, const struct dirs_conf *dirs,
              struct state *ret, struct recover_report *report, char why[STORE_WHY_MAX]);
/* Begins to write. state must live on, what it points at may be replaced. The driver polls wal_fd
 * and dump_fd. now_ms: for the purge. Returns 0 or a negative errno with why. */
int disk_begin(struct disk *d, struct state *state, const struct disk_host *host, int64_t now_ms,
               char why[STORE_WHY_MAX]);
/* Makes durable what was handed over, and abandons a snapshot. Waits. */
void disk_stop(struct disk *d);
void disk_close(struct disk *d); /* Lets all go. */

/* A write or fsync failed: says so and ends the process at once. Nothing more is acknowledged, and
 * nothing is tried again. */
_Noreturn void disk_failed(int err, const char *what);

/* ---- Epochs. */

/* What the two files say (quorum-protocol 1.6); missing ones are made. zxid: of the last txn that
 * the start found, or -1. A current epoch that a crash left behind the txns is raised when the
 * accepted one allows it. Returns 0, or a negative errno with why: the server must not start. */
int disk_load_epochs(struct disk *d, zk_zxid zxid, int64_t *ret_accepted, int64_t *ret_current,
                     char why[STORE_WHY_MAX]);
/* Durable on return. */
void disk_save_accepted(struct disk *d, int64_t epoch);
void disk_save_current(struct disk *d, int64_t epoch);

/* ---- The log. */

/* Takes over a reference. Begins a snapshot when one is due. */
void disk_append(struct disk *d, struct wal_batch *b);
/* wal_fd was readable, or anything else happened: whether more is durable than was told
 * before. */
bool disk_durable(struct disk *d, zk_zxid *ret);
/* Sums since the start. Ends the process when the log has failed. */
void disk_figures(struct disk *d, struct wal_done *ret);

/* Txns after `after` for a learner: see store/log_range.h. 0 and *ret, or negative: the log cannot
 * be used for it. */
int disk_log_open(struct disk *d, zk_zxid after, void **ret);
int disk_log_next(void *log, const uint8_t **ret, size_t *len, zk_zxid *zxid);
void disk_log_close(void *log);

/* ---- Synchronisation. Waits for the disk. */

/* Forgets every txn after zxid, in logs and snapshots. *reload becomes the state at zxid, read
 * anew, and the old one is to be freed. -ENOENT or another negative errno: it can't be done,
 * nothing has changed; a snapshot of the leader's is needed. Ends the process when it fails in the
 * middle. reload NULL: the state has nothing of these txns; then any failure ends the process, and
 * what the next start makes of the log can be forgotten with a reload. */
int disk_truncate(struct disk *d, zk_zxid zxid, struct state *reload);
/* A state with nothing but the built-in nodes, for a snapshot stream. A snapshot of the state
 * that it will replace is abandoned. */
void disk_empty_state(struct disk *d, struct state *ret);
/* Begins a snapshot of the state as it is; once it is durable all other snapshots and logs are
 * removed, and host.saved() is told: when that comes, all that was asked for is done. What is
 * appended meanwhile comes behind it. A truncation or an empty state that is asked for meanwhile
 * waits for it. */
void disk_save_snapshot(struct disk *d);

/* ---- Turns. */

/* dump_fd was readable. */
void disk_notified(struct disk *d);
/* When a call of disk_step() would get something done: us, monotonic; UINT64_MAX: not by itself. */
uint64_t disk_step_due_us(const struct disk *d, uint64_t now_us);
bool disk_wants_cpu(const struct disk *d); /* At some time, without being notified. */
/* There were requests at that time: the slices of a snapshot become short and rare, so that it
 * takes what nobody else needs. */
void disk_has_requests(struct disk *d, uint64_t now_us);
/* A slice of a snapshot. */
void disk_step(struct disk *d);
/* Begins a purge when it is due. */
void disk_look(struct disk *d, int64_t now_ms);
int64_t disk_deadline(const struct disk *d); /* ms; INT64_MAX: never. */

#endif
