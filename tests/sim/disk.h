/* A fake disk: what one server has written, and what of it survives. Knows no time:
 * member.c says when an fsync ends. */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/state/recover.h"
#include "server/store/wal.h"
#include "zab/config.h"

struct disk_entry {
    zk_zxid zxid;
    uint8_t *at;
    uint32_t len;
};

struct disk_snapshot {
    zk_zxid zxid;    /* By its name: everything up to here is in it. */
    zk_zxid tail;    /* A fuzzy one has traces of txns up to here. */
    bool is_foreign; /* A leader's: it may have traces of nobody knows what. */
    struct bytes image;
};

struct disk {
    struct disk_entry *log; /* In order; a log of ours never has a hole. */
    size_t count, cap;
    size_t durable;                  /* So many of them were fsynced. */
    struct disk_snapshot *snapshots; /* Durable ones, oldest first. */
    size_t snapshot_count, snapshot_cap;
    int64_t accepted, current;      /* The two small files. */
    struct bytes config, last_seen; /* Texts; empty: no file. */
};

void disk_init(struct disk *d);
void disk_done(struct disk *d);

void disk_append(struct disk *d, const struct wal_batch *b);
zk_zxid disk_last(const struct disk *d); /* Written, durable or not. */
zk_zxid disk_last_durable(const struct disk *d);
/* The last one of an earlier epoch. */
zk_zxid disk_last_before(const struct disk *d, uint32_t epoch);
/* Whether that txn would be there after a power loss now. */
bool disk_holds(const struct disk *d, zk_zxid zxid);
/* Its bytes, or NULL when the log does not have it (any more). */
const struct disk_entry *disk_find(const struct disk *d, zk_zxid zxid);
/* The first one after zxid, or NULL. */
const struct disk_entry *disk_next(const struct disk *d, zk_zxid zxid);
/* Whether no txn is missing in the log after zxid. */
bool disk_is_whole(const struct disk *d, zk_zxid zxid);
/* Only the first `keep` entries are left. */
void disk_cut(struct disk *d, size_t keep);
/* All after zxid goes: snapshots and log. */
void disk_truncate(struct disk *d, zk_zxid zxid);

/* The image is taken over. */
void disk_put_snapshot(struct disk *d, zk_zxid zxid, zk_zxid tail, bool is_foreign,
                       struct bytes *image);
bool disk_is_foreign(const struct disk *d); /* The newest one. */
/* Another history begins: every snapshot but the newest goes, and the first `count` log entries. */
void disk_forget(struct disk *d, size_t count);
/* Keeps so many snapshots, and the log behind the oldest of them. */
void disk_purge(struct disk *d, size_t keep);

void disk_put_config(struct bytes *file, const struct zab_config *c);

/* What a start makes of it: newest snapshot, and the log after it. Nothing is changed. Returns 0;
 * -ENOENT: no snapshot; -EBADMSG with why: a server would refuse to start. */
int disk_recover(const struct disk *d, const struct tree_conf *conf, struct state *ret,
                 char why[STORE_WHY_MAX]);

/* A state as bytes, and back. */
void image_take(struct bytes *out, struct state *s);
int image_load(struct state *ret, const struct tree_conf *conf, const struct bytes *image,
               zk_zxid zxid);

#endif
