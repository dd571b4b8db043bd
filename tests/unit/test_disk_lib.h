/* What the tests of server/disk share: a server's disk without the server. */
#ifndef TESTS_UNIT_TEST_DISK_LIB_H
#define TESTS_UNIT_TEST_DISK_LIB_H

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/disk.h"
#include "server/store/snapshot.h"
#include "tests/lib/fault.h"
#include "tests/lib/store_rig.h"
#include "util/check.h"
#include "util/log.h"

#define EPOCH(e) ((zk_zxid)(e) << 32)

/* A disk, and the state that it belongs to. */
struct box {
    struct rig_dir dir;
    struct disk disk;
    struct state state;
    struct recover_report report;
    unsigned saved; /* How often host.saved() was called. */
    char why[STORE_WHY_MAX];
};

static inline void box_saved(void *ctx)
{
    struct box *b = ctx;

    b->saved++;
}

static inline struct disk_conf box_conf(int64_t snap_count)
{
    return (struct disk_conf){
        .recover = { .tree = { .hash_seed = 1, .extended_types = true, .digest = true },
                     .db_autocreate = true },
        .wal = { .prealloc_bytes = UINT64_C(64) * 1024,
                 .sync = true,
                 .write_index = true,
                 .fsync_warn_ms = 1000,
                 .max_batch = 1000 },
        .codec = SNAPSHOT_PLAIN,
        .digest_on = true,
        .zxid_on = true,
        .snap_count = snap_count,
        .log_size_factor = 1000000,
        .purge_retain = 3,
        .seed = 1,
    };
}

/* The directory is there already. */
static inline int box_start(struct box *b, const struct disk_conf *conf)
{
    struct dirs_conf dirs = { .data_dir = b->dir.top, .data_log_dir = b->dir.top };
    struct disk_host host = { .ctx = b, .saved = box_saved };
    int r = disk_open(&b->disk, conf, &dirs, &b->state, &b->report, b->why);

    if (r == 0)
        r = disk_begin(&b->disk, &b->state, &host, 0, b->why);
    return r;
}

static inline void box_stop(struct box *b)
{
    disk_close(&b->disk);
    state_done(&b->state);
}

/* ---- Txns: creates of "/n<zxid>", as rig_batch() makes them. */

static inline void apply_batch(struct state *s, const struct wal_batch *batch)
{
    static const struct tree_sink nowhere;

    for (uint32_t i = 0; i < batch->count; i++) {
        const struct wal_txn *t = &batch->txns[i];
        struct txn txn;

        zk_assert(txn_parse(&txn, batch->payload.at + t->at, t->len));
        state_apply(s, &txn, NULL, &nowhere);
    }
}

static inline void apply_range(struct state *s, zk_zxid first, uint32_t count)
{
    struct wal_batch *b = rig_batch(first, count, 50);

    apply_batch(s, b);
    wal_batch_unref(b);
}

/* Runs the disk until a snapshot that is under way is finished. */
static inline void box_settle(struct box *b)
{
    while (b->disk.dump != NULL || disk_wants_cpu(&b->disk)) {
        struct pollfd p = { .fd = b->disk.dump_fd, .events = POLLIN };

        if (!disk_wants_cpu(&b->disk) && poll(&p, 1, 30000) > 0)
            disk_notified(&b->disk);
        disk_step(&b->disk);
    }
}

static inline void box_wait_durable(struct box *b, zk_zxid zxid)
{
    zk_zxid durable = 0;

    (void)disk_durable(&b->disk, &durable);
    while (durable < zxid) {
        struct pollfd p = { .fd = b->disk.wal_fd, .events = POLLIN };
        uint64_t count;

        zk_assert(poll(&p, 1, 30000) == 1);
        zk_assert(read(b->disk.wal_fd, &count, sizeof count) == (ssize_t)sizeof count);
        (void)disk_durable(&b->disk, &durable);
    }
    zk_assert(durable == zxid);
}

/* Logs, waits, applies. */
static inline void box_write(struct box *b, zk_zxid first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct wal_batch *batch = rig_batch(first + i, 1, 50);

        (void)__atomic_add_fetch(&batch->refs, 1, __ATOMIC_RELAXED);
        disk_append(&b->disk, batch);
        box_wait_durable(b, first + i);
        apply_batch(&b->state, batch);
        wal_batch_unref(batch);
        box_settle(b);
    }
}

/* What a start would find; *ret_digest of it. */
static inline int box_look(struct rig_dir *dir, zk_zxid *ret_zxid, uint64_t *ret_digest,
                           char why[STORE_WHY_MAX])
{
    struct disk_conf conf = box_conf(1000);
    struct dirs d = rig_dirs(dir);
    struct recover_report report;
    struct state s;
    int r = recover_read_only(&s, &report, &d, &conf.recover, why);

    if (r < 0)
        return r;
    *ret_zxid = report.zxid;
    *ret_digest = tree_digest(s.tree);
    state_done(&s);
    return 0;
}

/* The digest of the history 1:1 … 1:last. */
static inline uint64_t digest_at(uint32_t last)
{
    struct disk_conf conf = box_conf(1000);
    struct state s;
    uint64_t digest;

    zk_assert(tree_new(&s.tree, &conf.recover.tree) == 0);
    s.sessions = session_book_new(1);
    apply_range(&s, EPOCH(1) + 1, last);
    digest = tree_digest(s.tree);
    state_done(&s);
    return digest;
}

static inline void expect_disk(struct box *b, zk_zxid zxid, uint64_t digest)
{
    zk_zxid got;
    uint64_t got_digest;

    ck_assert_msg(box_look(&b->dir, &got, &got_digest, b->why) == 0, "%s", b->why);
    ck_assert_int_eq(got, zxid);
    ck_assert_uint_eq(got_digest, digest);
}

#endif
