/* Connections by when they may be closed for being idle (client-protocol 2.10), in a
 * wheel of buckets as wide as the rounding of those times. A connection is looked at only
 * when its bucket is due; what it did meanwhile counts then. Pure: no clock of its own. */
#ifndef SERVER_NET_IDLE_H
#define SERVER_NET_IDLE_H

#include <stdint.h>

#include "util/list.h"

enum { IDLE_BUCKETS = 64 };

struct idle {
    int64_t width_ms;
    int64_t done_ms; /* Every bucket that ends up to here was looked at. */
    uint32_t total;
    uint32_t counts[IDLE_BUCKETS];
    struct list buckets[IDLE_BUCKETS];
};

/* Zeroed, it is in no bucket. */
struct idle_entry {
    struct list link;
    uint8_t bucket; /* Plus 1; 0: none. */
};

void idle_init(struct idle *w, int64_t width_ms, int64_t now_ms);
/* Rounded up to the end of a bucket: later than at_ms, by ZK's rule. */
int64_t idle_round(const struct idle *w, int64_t at_ms);
/* Puts it (from wherever it is) where it is found at `at_ms` or, if that is far, earlier. */
void idle_put(struct idle *w, struct idle_entry *e, int64_t at_ms, int64_t now_ms);
void idle_drop(struct idle *w, struct idle_entry *e);
/* The next entry to look at, taken out of its bucket; NULL when none is due. */
struct idle_entry *idle_next(struct idle *w, int64_t now_ms);
/* When the next bucket with anybody in it is due; INT64_MAX: all are empty. */
int64_t idle_deadline(const struct idle *w);

#endif
