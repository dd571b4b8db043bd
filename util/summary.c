#include "util/summary.h"

void summary_add(struct summary *s, uint64_t value)
{
    if (s->count == 0 || value < s->min)
        s->min = value;
    if (value > s->max)
        s->max = value;
    s->count++;
    s->sum += value;
}

/* 0 to 3 have a bucket each; from 4 on, the two bits behind the highest one choose among
 * the four buckets of its power of two. The last bucket takes all that is beyond. */
static unsigned bucket_of(uint64_t value)
{
    if (value < 4)
        return (unsigned)value;

    unsigned power = 63 - (unsigned)__builtin_clzll(value);
    unsigned bucket = 4 * (power - 1) + (unsigned)(value >> (power - 2) & 3);

    return bucket < SUMMARY_BUCKETS ? bucket : SUMMARY_BUCKETS - 1;
}

/* The largest value of a bucket. */
static uint64_t bucket_top(unsigned bucket)
{
    if (bucket < 4)
        return bucket;

    unsigned power = bucket / 4 + 1;

    return ((uint64_t)(4 + bucket % 4 + 1) << (power - 2)) - 1;
}

void histogram_add(struct histogram *h, uint64_t value)
{
    unsigned bucket = bucket_of(value);

    summary_add(&h->all, value);
    if (h->buckets[bucket] < UINT32_MAX)
        h->buckets[bucket]++;
}

uint64_t histogram_quantile(const struct histogram *h, double q)
{
    if (h->all.count == 0)
        return 0;

    double want = q * (double)h->all.count;
    uint64_t seen = 0;
    unsigned bucket = 0;

    for (; bucket < SUMMARY_BUCKETS - 1; bucket++) {
        seen += h->buckets[bucket];
        if ((double)seen >= want && seen > 0)
            break;
    }

    uint64_t value = bucket == SUMMARY_BUCKETS - 1 ? h->all.max : bucket_top(bucket);

    if (value > h->all.max)
        return h->all.max;
    return value < h->all.min ? h->all.min : value;
}
