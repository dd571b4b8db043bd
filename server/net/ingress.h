/* Memory for requests that are not whole yet, or can't be taken yet: who may hold how
 * much of it, who waits for it, who loses it. Pure: no sockets, the time is an argument.
 *
 * The rule. Up to INGRESS_FREE_BYTES a connection may always keep, so small requests
 * never wait. More comes out of one pool of zabd.maxIngressBytes:
 *  - A longer frame that did not come in one piece reserves its whole length before more
 *    of it is read. (The length is a promise about room only: memory is taken in steps,
 *    as bytes come.) Who reserves can therefore always finish.
 *  - When the pool has no room for it, the frame waits in line and its socket is not read.
 *    While the pool could not take a largest frame, one read takes INGRESS_FREE_BYTES at
 *    most, so that what a connection in line holds stays free.
 *  - While somebody is in line, who holds room and brings nothing for it loses the
 *    connection: the longest silent first, after a patience of at most
 *    INGRESS_PATIENCE_MS, which shrinks with the length of the line such that the whole
 *    line gets its turn within about INGRESS_LINE_MS. Bringing means INGRESS_STEP_BYTES
 *    or the end of the frame. A thousand clients that stop in the middle of a megabyte
 *    are so gone within that time; who sends his megabyte gets through.
 *  - Who can't be taken in for another reason (it does not read its replies; the log is
 *    behind) has INGRESS_HELD_MS from then on.
 * With nobody in line nobody is hurried. */
#ifndef SERVER_NET_INGRESS_H
#define SERVER_NET_INGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/list.h"

enum {
    INGRESS_FREE_BYTES = 8 * 1024,
    INGRESS_STEP_BYTES = 16 * 1024,
    INGRESS_PATIENCE_MS = 250,
    INGRESS_PATIENCE_MIN_MS = 10,
    INGRESS_LINE_MS = 400,
    INGRESS_HELD_MS = 1000,
};

/* One connection's part. Zeroed it holds nothing. */
struct ingress_part {
    struct list link;
    enum { INGRESS_NONE, INGRESS_MOVING, INGRESS_HELD } holds;
    bool waits; /* In line; it may hold something all the same. */
    struct list in_line;
    uint64_t charged; /* Bytes of the pool that are its own. */
    uint64_t wants;   /* In line: for so many in all. */
    uint64_t fresh;   /* Bytes brought since progress_ms. */
    int64_t progress_ms;
};

struct ingress {
    uint64_t max, used;
    uint64_t frame_max;  /* A largest frame with its prefix. */
    uint64_t line_bytes; /* Wanted by those in line. */
    uint64_t line_count;
    struct list moving; /* Parts with room, in the order of their last progress. */
    struct list held;   /* Parts with room that can't be taken in, by since when. */
    struct list line;
    uint64_t waits, closed; /* Ever. */
};

/* A pool smaller than two largest frames is raised to that. */
void ingress_init(struct ingress *in, uint64_t max, uint64_t frame_max);
void ingress_part_init(struct ingress_part *p);

/* Bytes that one read may take now. */
size_t ingress_read_max(const struct ingress *in, size_t read_max);

/* Room for a frame of `bytes` in all, of which some may be held already. False: it is in
 * line, see ingress_next(). */
bool ingress_reserve(struct ingress *in, struct ingress_part *p, uint64_t bytes, int64_t now_ms);
/* Keeps what was read and can't be taken in: the part now holds `bytes`, whatever the
 * pool says (it was asked before the read). It leaves the line. */
void ingress_hold(struct ingress *in, struct ingress_part *p, uint64_t bytes, int64_t now_ms);
/* `bytes` more of its frame came. */
void ingress_progress(struct ingress *in, struct ingress_part *p, uint64_t bytes, int64_t now_ms);
/* Gives all back and leaves the line. */
void ingress_release(struct ingress *in, struct ingress_part *p);

/* The next in line that now has its room, or NULL. */
struct ingress_part *ingress_next(struct ingress *in, int64_t now_ms);
/* The next that loses its room to somebody in line, or NULL; the caller closes and
 * releases it. */
struct ingress_part *ingress_next_stalled(struct ingress *in, int64_t now_ms);
/* When to ask ingress_next_stalled() again; INT64_MAX while nobody is in line. */
int64_t ingress_deadline(const struct ingress *in);

#endif
