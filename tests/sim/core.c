/* Time, chance, trace and verdict. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"
#include "util/check.h"
#include "util/hash.h"

/* ---- Time: a heap of what is to come. */

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_us < b->at_us || (a->at_us == b->at_us && a->seq < b->seq);
}

static void swap(struct sim_event *a, struct sim_event *b)
{
    struct sim_event t = *a;

    *a = *b;
    *b = t;
}

void sim_at(struct sim *s, int64_t delay_us, sim_fn *fn, uint64_t a, uint64_t b, void *p)
{
    if (s->heap_count == s->heap_cap) {
        s->heap_cap = s->heap_cap * 2 + 64;
        s->heap = zk_xrealloc(s->heap, s->heap_cap * sizeof *s->heap);
    }

    size_t i = s->heap_count++;

    s->heap[i] = (struct sim_event){ .at_us = s->now_us + (delay_us > 0 ? delay_us : 0),
                                     .seq = s->seq++,
                                     .fn = fn,
                                     .a = a,
                                     .b = b,
                                     .p = p };
    for (; i > 0 && is_before(&s->heap[i], &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&s->heap[i], &s->heap[(i - 1) / 2]);
}

static struct sim_event take_first(struct sim *s)
{
    struct sim_event first = s->heap[0];

    s->heap[0] = s->heap[--s->heap_count];
    for (size_t i = 0;;) {
        size_t least = i;

        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < s->heap_count; child++)
            if (is_before(&s->heap[child], &s->heap[least]))
                least = child;
        if (least == i)
            return first;
        swap(&s->heap[i], &s->heap[least]);
        i = least;
    }
}

void sim_run_until(struct sim *s, int64_t until_us)
{
    while (!s->failed && s->heap_count > 0 && s->heap[0].at_us <= until_us) {
        struct sim_event ev = take_first(s);

        s->now_us = ev.at_us;
        s->steps++;
        if (s->steps_max > 0 && s->steps > s->steps_max) {
            sim_fail(s, "stopped after %" PRIu64 " steps, as asked", s->steps_max);
            return;
        }
        ev.fn(s, &ev);
    }
    if (!s->failed && s->now_us < until_us)
        s->now_us = until_us;
}

void sim_drop(struct sim *s, void (*drop)(void *p))
{
    for (size_t i = 0; i < s->heap_count; i++)
        if (s->heap[i].p != NULL)
            drop(s->heap[i].p);
    free(s->heap);
    s->heap = NULL;
    s->heap_count = s->heap_cap = 0;
}

/* ---- Chance. */

uint64_t sim_below(struct sim *s, uint64_t bound)
{
    return rand_below(&s->rand, bound);
}

bool sim_chance(struct sim *s, uint32_t per_mille)
{
    return rand_below(&s->rand, 1000) < per_mille;
}

int64_t sim_between(struct sim *s, int64_t min, int64_t max)
{
    return max <= min ? min : min + (int64_t)rand_below(&s->rand, (uint64_t)(max - min + 1));
}

/* ---- Trace and verdict. */

bool sim_is_told(const struct sim *s)
{
    return s->tracing || s->hashing;
}

void sim_trace(struct sim *s, const char *format, ...)
{
    char line[1024];
    va_list args;

    if (!sim_is_told(s))
        return;
    int at = snprintf(line, sizeof line, "%4" PRId64 ".%06" PRId64 " ", s->now_us / SIM_SEC,
                      s->now_us % SIM_SEC);
    zk_assert(at > 0 && (size_t)at < sizeof line);
    va_start(args, format);
    int len = vsnprintf(line + at, sizeof line - (size_t)at, format, args);
    va_end(args);
    zk_assert(len >= 0);
    s->trace_hash = hash_bytes(s->trace_hash, line, strlen(line));
    if (s->tracing)
        (void)puts(line);
}

void sim_fail(struct sim *s, const char *format, ...)
{
    va_list args;

    if (s->failed)
        return;
    s->failed = true;
    va_start(args, format);
    int len = vsnprintf(s->why, sizeof s->why, format, args);
    va_end(args);
    zk_assert(len >= 0);
    sim_trace(s, "FAILED: %s", s->why);
}

const char *sim_seen_name(enum sim_seen what)
{
    static const char *const names[SEEN_COUNT] = {
        [SEEN_ELECTIONS] = "elections",
        [SEEN_ESTABLISHED] = "leaders established",
        [SEEN_COMMITS] = "txns committed",
        [SEEN_CRASHES] = "crashes",
        [SEEN_IO_CRASHES] = "crashes in the middle of io",
        [SEEN_POWER_LOSSES] = "power losses",
        [SEEN_FSYNC_FAILURES] = "fsync failures",
        [SEEN_CUTS] = "partitions",
        [SEEN_STOPS] = "stopped processes",
        [SEEN_STEP_DOWNS] = "planned stops",
        [SEEN_TRUNCATES] = "truncations",
        [SEEN_SNAPS] = "SNAP",
        [SEEN_DIFFS] = "DIFF",
        [SEEN_LOG_READS] = "logs read for learners",
        [SEEN_SNAPSHOTS] = "snapshots",
        [SEEN_RECONFIGS] = "reconfigurations",
        [SEEN_WATCHES_FIRED] = "watches fired",
        [SEEN_WATCHES_RESET] = "watches set anew",
        [SEEN_SESSIONS_MOVED] = "sessions moved",
        [SEEN_SESSIONS_EXPIRED] = "sessions expired",
        [SEEN_SYNC_READS] = "synced reads",
        [SEEN_ACKED_WRITES] = "writes acknowledged",
        [SEEN_UNKNOWN_WRITES] = "writes with an unknown end",
        [SEEN_UNDECIDED] = "histories not judged",
    };

    return names[what];
}
