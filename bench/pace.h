/* A fixed rate: when each operation is to be sent. Operation k has its time whatever became of
 * those before it, and its latency counts from then: a stall of the server makes everything late
 * that should have been sent meanwhile. */
#ifndef BENCH_PACE_H
#define BENCH_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
    double per_s; /* Above 0. */
    int64_t begin_ns;
    uint64_t taken; /* Operations that were sent. */
};

/* When the next one is to be sent. */
int64_t pace_next_ns(const struct pace *p);
/* Takes it, if its time has come; *ret_ns is that time. */
bool pace_take(struct pace *p, int64_t now_ns, int64_t *ret_ns);
/* How many of those that are to be sent in [from_ns, upto_ns) are not taken yet. */
uint64_t pace_left(const struct pace *p, int64_t from_ns, int64_t upto_ns);

#endif
