/* How long things took: a histogram in nanoseconds, log-linear with 128 buckets a power of two, so
 * that what is read from it is at most 0.8 % too high. Longer than LATENCIES_NS_MAX counts as
 * that. */
#ifndef BENCH_LATENCIES_H
#define BENCH_LATENCIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LATENCIES_BITS = 7, /* Of a value, below its highest one: what is kept of it. */
    LATENCIES_TOP = 42, /* Bits of the largest value. */
    LATENCIES_BUCKETS = (LATENCIES_TOP - LATENCIES_BITS + 1) << LATENCIES_BITS,
};

#define LATENCIES_NS_MAX (((int64_t)1 << LATENCIES_TOP) - 1) /* 73 minutes. */

struct latencies {
    uint64_t count;
    uint64_t sum_ns, min_ns, max_ns;
    uint64_t buckets[LATENCIES_BUCKETS];
};

/* Negative times, which a clock should not give, count as 0. */
void latencies_add(struct latencies *l, int64_t ns);
void latencies_clear(struct latencies *l);

/* The least value that a share `q` (0 to 1) of all does not exceed. 0 when there are none. */
uint64_t latencies_quantile(const struct latencies *l, double q);
double latencies_mean_ns(const struct latencies *l);

/* How many there are in (above_ns, upto_ns], as far as the buckets tell. */
uint64_t latencies_between(const struct latencies *l, uint64_t above_ns, uint64_t upto_ns);

/* Walks the buckets that have something in them: begin with *index 0. *ret_upto_ns is the largest
 * value that belongs to the bucket. false: there are no more. */
bool latencies_next(const struct latencies *l, size_t *index, uint64_t *ret_upto_ns,
                    uint64_t *ret_count);

#endif
