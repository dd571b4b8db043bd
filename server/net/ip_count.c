#include "server/net/ip_count.h"

#include <stdlib.h>
#include <string.h>

#include "util/check.h"
#include "util/hash.h"

enum { SLOTS_MIN = 16 };

/* Open addressing with linear probing; a slot with count 0 is free. */
struct ip_slot {
    uint8_t ip[16];
    uint32_t count;
};

struct ip_count {
    uint64_t seed;
    size_t mask, used;
    struct ip_slot *slots;
};

struct ip_count *ip_count_new(uint64_t seed)
{
    struct ip_count *t = zk_xmalloc(sizeof *t);

    *t = (struct ip_count){ .seed = seed, .mask = SLOTS_MIN - 1 };
    t->slots = zk_xcalloc(SLOTS_MIN, sizeof t->slots[0]);
    return t;
}

struct ip_count *ip_count_free(struct ip_count *t)
{
    if (t != NULL)
        free(t->slots);
    free(t);
    return NULL;
}

static size_t home_of(const struct ip_count *t, const uint8_t ip[16])
{
    return hash_bytes(t->seed, ip, 16) & t->mask;
}

/* The slot of the address, or the free one where it would go. */
static struct ip_slot *slot_of(const struct ip_count *t, const uint8_t ip[16])
{
    size_t i = home_of(t, ip);

    while (t->slots[i].count > 0 && memcmp(t->slots[i].ip, ip, 16) != 0)
        i = (i + 1) & t->mask;
    return &t->slots[i];
}

uint32_t ip_count_of(const struct ip_count *t, const struct address *a)
{
    return slot_of(t, a->ip)->count;
}

static void resize(struct ip_count *t, size_t slots)
{
    struct ip_slot *old = t->slots;
    size_t old_count = t->mask + 1;

    t->slots = zk_xcalloc(slots, sizeof t->slots[0]);
    t->mask = slots - 1;
    for (size_t i = 0; i < old_count; i++)
        if (old[i].count > 0)
            *slot_of(t, old[i].ip) = old[i];
    free(old);
}

void ip_count_add(struct ip_count *t, const struct address *a)
{
    struct ip_slot *s = slot_of(t, a->ip);

    if (s->count > 0) {
        s->count++;
        return;
    }
    if (2 * (t->used + 1) > t->mask + 1) {
        resize(t, 2 * (t->mask + 1));
        s = slot_of(t, a->ip);
    }
    memcpy(s->ip, a->ip, 16);
    s->count = 1;
    t->used++;
}

/* Moves what was displaced by a slot that became free back over it. */
static void close_gap(struct ip_count *t, size_t gap)
{
    for (size_t i = (gap + 1) & t->mask; t->slots[i].count > 0; i = (i + 1) & t->mask) {
        size_t home = home_of(t, t->slots[i].ip);

        /* It may move when its home does not lie behind the gap. */
        if (((i - home) & t->mask) < ((i - gap) & t->mask))
            continue;
        t->slots[gap] = t->slots[i];
        t->slots[i].count = 0;
        gap = i;
    }
}

void ip_count_drop(struct ip_count *t, const struct address *a)
{
    struct ip_slot *s = slot_of(t, a->ip);

    zk_assert(s->count > 0);
    if (--s->count > 0)
        return;
    t->used--;
    close_gap(t, (size_t)(s - t->slots));
    if (t->mask + 1 > SLOTS_MIN && 8 * t->used < t->mask + 1)
        resize(t, (t->mask + 1) / 2);
}
