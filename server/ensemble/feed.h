/* What a leader sends one learner, in order, as fast as the learner takes it: how its history
 * becomes ours (DIFF, TRUNC, a log, SNAP), then txns and commits from where it stands, and packets
 * of the core's and the server's that keep their place among them.
 *
 * No copies wait here: a feed is two cursors into the history, and stops while too much is unsent
 * on its link. */
#ifndef SERVER_ENSEMBLE_FEED_H
#define SERVER_ENSEMBLE_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/state/dump_stream.h"
#include "util/bytes.h"
#include "util/ids.h"
#include "util/list.h"
#include "zab/zab.h"

struct ensemble;

/* A packet that waits until the cursors are where they were to be when it was queued. */
struct control {
    struct control *next;
    zk_zxid proposed, committed;
    bool is_newleader, is_sync;
    size_t len;
    uint8_t at[];
};

/* In the data of a SNAP packet, between zabd servers, any of: it is for the learner's digest; with
 * what comes before NEWLEADER it makes up the exact state of a zxid. */
enum { FEED_SNAP_DIFFERS = 1, FEED_SNAP_EXACT = 2 };

enum feed_stage {
    FEED_SNAP, /* The stream of a snapshot leaves. */
    FEED_LOG,  /* Txns from the log on disk, as far as the history does not reach back. */
    FEED_TXNS, /* From the history. */
};

struct feed {
    zab_link link;
    struct list in_all;
    bool is_observer, is_zabd;
    bool differs;    /* Its digest was another than ours at its place. */
    bool is_greeted; /* NEWLEADER has left: an observer gets INFORM from there on. */
    enum feed_stage stage;
    zk_zxid proposed, committed; /* What it was sent. */
    zk_zxid history;             /* Up to here as PROPOSAL and COMMIT, one after the other. */
    struct dump_stream *dump;
    void *log;
    struct control *first, *last;
    size_t control_bytes;
    size_t parked_bytes; /* Of its requests that wait for room. */
    int64_t progress_ms; /* When the core was told last that it moves... */
    uint64_t sent_bytes; /* ...and what had been sent by then: */
    uint64_t told_bytes;
};

/* Packets of the same kind between the same places, encoded once for all learners that stand
 * there. */
struct encoded {
    zk_zxid from, to; /* Behind `from` up to `to`. */
    struct bytes bytes;
};

/* ZAB_DO_FEED. */
void feed_begin(struct ensemble *e, const struct zab_action *a);
struct feed *feed_find(struct ensemble *e, zab_link link); /* NULL: none. */
void feed_end(struct ensemble *e, struct feed *f);
void feed_end_all(struct ensemble *e);
/* A packet on a link, behind all that went there or was fed before; with no feed: at once. */
void feed_send(struct ensemble *e, zab_link link, const struct zab_packet *p);
/* Behind all that is prepared, too, which an observer is told of when it is committed: that a
 * session may go on there. A write of it that came another way must not be taken for one that it
 * sends there, which may have the same xid. */
void feed_send_behind_all(struct ensemble *e, zab_link link, const struct zab_packet *p);
/* The answer to a sync that was asked for when the last txn was zxid. */
void feed_send_sync(struct ensemble *e, zab_link link, zk_zxid zxid);
/* Goes on with all of them. */
void feed_run_all(struct ensemble *e);
/* Some could go on at once, had they not had their share of this turn. */
bool feed_has_work(const struct ensemble *e);
/* Below this no feed will ask for a txn, but for those that run into HISTORY_PATIENCE. */
zk_zxid feed_lowest(const struct ensemble *e);

/* ---- feed_begin.c: the stages before FEED_TXNS. */
/* False: the slice of this turn is used up. */
bool feed_run_snap(struct ensemble *e, struct feed *f, size_t *slice);
bool feed_run_log(struct ensemble *e, struct feed *f, size_t *slice);

/* Packets of txns. */
void put_proposal(struct bytes *out, int32_t type, zk_zxid zxid, const uint8_t *payload,
                  uint32_t len);
void put_bare(struct bytes *out, int32_t type, zk_zxid zxid);

#endif
