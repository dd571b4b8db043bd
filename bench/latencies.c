#include "bench/latencies.h"

#include <math.h>
#include <string.h>

enum { ROW = 1 << LATENCIES_BITS };

static size_t bucket_of(uint64_t v)
{
    if (v < ROW)
        return (size_t)v;

    int shift = 63 - __builtin_clzll(v) - LATENCIES_BITS;

    return ((size_t)shift << LATENCIES_BITS) + (size_t)(v >> shift);
}

/* The largest value that falls into it. */
static uint64_t end_of(size_t index)
{
    if (index < (size_t)2 * ROW)
        return index;

    size_t shift = (index >> LATENCIES_BITS) - 1;
    uint64_t kept = (index & (ROW - 1)) + ROW;

    return ((kept + 1) << shift) - 1;
}

void latencies_add(struct latencies *l, int64_t ns)
{
    uint64_t v = ns < 0 ? 0 : (uint64_t)(ns < LATENCIES_NS_MAX ? ns : LATENCIES_NS_MAX);

    if (l->count == 0 || v < l->min_ns)
        l->min_ns = v;
    if (v > l->max_ns)
        l->max_ns = v;
    l->count++;
    l->sum_ns += v;
    l->buckets[bucket_of(v)]++;
}

void latencies_clear(struct latencies *l)
{
    if (l->count > 0)
        memset(l, 0, sizeof *l);
}

uint64_t latencies_quantile(const struct latencies *l, double q)
{
    uint64_t rank = (uint64_t)ceil(q * (double)l->count);
    uint64_t seen = 0;

    if (rank == 0)
        rank = 1;
    for (size_t i = 0; i < LATENCIES_BUCKETS && l->count > 0; i++) {
        seen += l->buckets[i];
        if (seen >= rank)
            return end_of(i) < l->max_ns ? end_of(i) : l->max_ns;
    }
    return l->max_ns;
}

double latencies_mean_ns(const struct latencies *l)
{
    return l->count > 0 ? (double)l->sum_ns / (double)l->count : 0;
}

uint64_t latencies_between(const struct latencies *l, uint64_t above_ns, uint64_t upto_ns)
{
    uint64_t ret = 0;

    for (size_t i = 0; i < LATENCIES_BUCKETS && end_of(i) <= upto_ns; i++)
        ret += end_of(i) > above_ns ? l->buckets[i] : 0;
    return ret;
}

bool latencies_next(const struct latencies *l, size_t *index, uint64_t *ret_upto_ns,
                    uint64_t *ret_count)
{
    for (; *index < LATENCIES_BUCKETS; ++*index) {
        if (l->buckets[*index] == 0)
            continue;
        *ret_upto_ns = end_of(*index);
        *ret_count = l->buckets[*index];
        ++*index;
        return true;
    }
    return false;
}
