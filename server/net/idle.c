#include "server/net/idle.h"

#include "util/check.h"

void idle_init(struct idle *w, int64_t width_ms, int64_t now_ms)
{
    *w = (struct idle){ .width_ms = width_ms > 0 ? width_ms : 1 };
    w->done_ms = now_ms / w->width_ms * w->width_ms;
    for (int i = 0; i < IDLE_BUCKETS; i++)
        list_init(&w->buckets[i]);
}

int64_t idle_round(const struct idle *w, int64_t at_ms)
{
    return (at_ms / w->width_ms + 1) * w->width_ms;
}

static unsigned bucket_at(const struct idle *w, int64_t end_ms)
{
    return (unsigned)((uint64_t)(end_ms / w->width_ms) % IDLE_BUCKETS);
}

void idle_drop(struct idle *w, struct idle_entry *e)
{
    if (e->bucket == 0)
        return;
    list_remove(&e->link);
    w->counts[e->bucket - 1]--;
    w->total--;
    e->bucket = 0;
}

void idle_put(struct idle *w, struct idle_entry *e, int64_t at_ms, int64_t now_ms)
{
    if (e->bucket == 0)
        list_init(&e->link);
    else
        idle_drop(w, e);
    if (w->total == 0) /* Nobody turned the wheel while it was empty. */
        w->done_ms = now_ms / w->width_ms * w->width_ms;

    int64_t end_ms = at_ms % w->width_ms == 0 ? at_ms : idle_round(w, at_ms);
    int64_t last_ms = w->done_ms + (IDLE_BUCKETS - 1) * w->width_ms;

    if (end_ms <= w->done_ms)
        end_ms = w->done_ms + w->width_ms;
    if (end_ms > last_ms)
        end_ms = last_ms;

    unsigned bucket = bucket_at(w, end_ms);

    list_append(&w->buckets[bucket], &e->link);
    w->counts[bucket]++;
    w->total++;
    e->bucket = (uint8_t)(bucket + 1);
}

struct idle_entry *idle_next(struct idle *w, int64_t now_ms)
{
    while (w->done_ms + w->width_ms <= now_ms) {
        unsigned bucket = bucket_at(w, w->done_ms + w->width_ms);

        if (w->counts[bucket] > 0) {
            struct idle_entry *e = list_entry(w->buckets[bucket].next, struct idle_entry, link);

            idle_drop(w, e);
            return e;
        }
        w->done_ms += w->width_ms;
    }
    return NULL;
}

int64_t idle_deadline(const struct idle *w)
{
    for (int i = 1; i < IDLE_BUCKETS; i++) {
        int64_t end_ms = w->done_ms + i * w->width_ms;

        if (w->counts[bucket_at(w, end_ms)] > 0)
            return end_ms;
    }
    return INT64_MAX;
}
