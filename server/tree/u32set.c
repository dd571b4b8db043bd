#include "server/tree/u32set.h"

#include <string.h>

#include "util/check.h"

enum { ARRAY_LOG_MAX = 3 }; /* Up to 8 slots are searched one by one. */

static unsigned log_of(const struct u32set *s)
{
    return s->meta >> U32SET_COUNT_BITS;
}

static void set_meta(struct u32set *s, unsigned log, uint32_t count)
{
    s->meta = (uint32_t)log << U32SET_COUNT_BITS | count;
}

static size_t home(const struct u32set_ctx *c, uint32_t key, unsigned log)
{
    uint32_t h = key ^ c->seed;

    h = (h ^ h >> 16) * 0x7feb352du;
    h = (h ^ h >> 15) * 0x846ca68bu;
    return (h ^ h >> 16) >> (32 - log);
}

uint32_t *u32set_find(const struct u32set_ctx *c, struct u32set *s, uint32_t key)
{
    unsigned log = log_of(s);
    size_t slots;
    uint32_t *at = u32set_slots(c, s, &slots);

    if (log <= ARRAY_LOG_MAX) {
        for (size_t i = 0; i < u32set_count(s); i++)
            if ((at[i] & c->mask) == key)
                return &at[i];
        return NULL;
    }
    for (size_t i = home(c, key, log); at[i] != 0; i = (i + 1) & (slots - 1))
        if ((at[i] & c->mask) == key)
            return &at[i];
    return NULL;
}

static void put(const struct u32set_ctx *c, uint32_t *at, unsigned log, uint32_t value)
{
    size_t slots = (size_t)1 << log;
    size_t i = home(c, value & c->mask, log);

    while (at[i] != 0)
        i = (i + 1) & (slots - 1);
    at[i] = value;
}

static void resize(const struct u32set_ctx *c, struct u32set *s, unsigned log)
{
    size_t old_slots;
    uint32_t *old = u32set_slots(c, s, &old_slots);
    size_t bytes = sizeof(uint32_t) << log;
    uint32_t block = arena_alloc(c->arena, bytes);
    uint32_t *at = arena_block(c->arena, block, bytes);
    size_t next = 0;

    memset(at, 0, bytes);
    for (size_t i = 0; i < old_slots; i++) {
        if (old[i] == 0)
            continue;
        if (log <= ARRAY_LOG_MAX)
            at[next++] = old[i];
        else
            put(c, at, log, old[i]);
    }
    if (log_of(s) > 0)
        arena_free(c->arena, s->ref, old_slots * sizeof(uint32_t));
    s->ref = block;
    set_meta(s, log, u32set_count(s));
}

static bool is_full(const struct u32set *s)
{
    unsigned log = log_of(s);
    uint32_t count = u32set_count(s);

    if (log <= ARRAY_LOG_MAX)
        return count == (1u << log);
    return count >= (3u << log) / 4; /* Room for an empty slot always is left. */
}

void u32set_add(const struct u32set_ctx *c, struct u32set *s, uint32_t value)
{
    uint32_t count = u32set_count(s);

    zk_assert(value != 0 && count < (1u << U32SET_COUNT_BITS) - 1);
    if (count == 0) {
        s->ref = value;
        set_meta(s, 0, 1);
        return;
    }
    if (is_full(s))
        resize(c, s, log_of(s) + 1);

    size_t slots;
    uint32_t *at = u32set_slots(c, s, &slots);

    if (log_of(s) <= ARRAY_LOG_MAX)
        at[count] = value;
    else
        put(c, at, log_of(s), value);
    set_meta(s, log_of(s), count + 1);
}

void u32set_clear(const struct u32set_ctx *c, struct u32set *s)
{
    unsigned log = log_of(s);

    if (log > 0)
        arena_free(c->arena, s->ref, sizeof(uint32_t) << log);
    *s = (struct u32set){ 0 };
}

/* Closes the gap at `hole`, so that no probe ends there too early. */
static void close_gap(const struct u32set_ctx *c, uint32_t *at, unsigned log, size_t hole)
{
    size_t mask = ((size_t)1 << log) - 1;

    for (size_t i = (hole + 1) & mask; at[i] != 0; i = (i + 1) & mask) {
        size_t wanted = home(c, at[i] & c->mask, log);

        if (((i - wanted) & mask) >= ((i - hole) & mask)) {
            at[hole] = at[i];
            hole = i;
        }
    }
    at[hole] = 0;
}

void u32set_remove(const struct u32set_ctx *c, struct u32set *s, uint32_t key)
{
    unsigned log = log_of(s);
    uint32_t count = u32set_count(s) - 1;
    uint32_t *slot = u32set_find(c, s, key);
    size_t slots;
    uint32_t *at = u32set_slots(c, s, &slots);

    zk_assert(slot != NULL);
    if (count == 0) {
        u32set_clear(c, s);
        return;
    }
    if (log <= ARRAY_LOG_MAX) {
        /* The order of the others stays. */
        memmove(slot, slot + 1, (size_t)(at + count - slot) * sizeof *slot);
        at[count] = 0;
    } else {
        close_gap(c, at, log, (size_t)(slot - at));
    }
    set_meta(s, log, count);
    if (log > 1 && count <= (1u << log) / 8)
        resize(c, s, log - 1);
}
