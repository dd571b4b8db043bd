/* Sums of what was measured: basic ones give avg, min, max, cnt and sum; advanced ones also
 * percentiles, from a coarse histogram: 4 buckets a power of two. */
#ifndef UTIL_SUMMARY_H
#define UTIL_SUMMARY_H

#include <stdint.h>

enum { SUMMARY_BUCKETS = 128 };

struct summary {
    uint64_t count, sum, min, max;
};
struct histogram {
    struct summary all;
    uint32_t buckets[SUMMARY_BUCKETS];
};

void summary_add(struct summary *s, uint64_t value);
void histogram_add(struct histogram *h, uint64_t value);
/* q in 0..1; 0 when empty. */
uint64_t histogram_quantile(const struct histogram *h, double q);

#endif
