#include "bench/pace.h"

#include <math.h>

static int64_t time_of(const struct pace *p, uint64_t k)
{
    return p->begin_ns + (int64_t)((double)k * 1e9 / p->per_s);
}

int64_t pace_next_ns(const struct pace *p)
{
    return time_of(p, p->taken);
}

bool pace_take(struct pace *p, int64_t now_ns, int64_t *ret_ns)
{
    *ret_ns = pace_next_ns(p);
    if (*ret_ns > now_ns)
        return false;
    p->taken++;
    return true;
}

/* The first operation that is to be sent at `ns` or later. */
static uint64_t first_from(const struct pace *p, int64_t ns)
{
    if (ns <= p->begin_ns)
        return 0;

    uint64_t k = (uint64_t)floor((double)(ns - p->begin_ns) * p->per_s / 1e9);

    while (k > 0 && time_of(p, k - 1) >= ns)
        k--;
    while (time_of(p, k) < ns)
        k++;
    return k;
}

uint64_t pace_left(const struct pace *p, int64_t from_ns, int64_t upto_ns)
{
    uint64_t first = first_from(p, from_ns);
    uint64_t end = first_from(p, upto_ns);

    if (first < p->taken)
        first = p->taken;
    return end > first ? end - first : 0;
}
