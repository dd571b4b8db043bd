#include "server/session/session.h"

#include <stdlib.h>

#include "util/check.h"
#include "util/hash.h"

enum { BUCKETS_MIN = 64 };

/* The sessions that expire together, kept in order of time. There are only as many as
 * the longest timeout has ticks, so a list that is walked from the far end is short. */
struct expiry {
    int64_t at_ms;
    size_t count;
    struct list sessions;
    struct list in_order;
};

struct session_table {
    int64_t tick_ms;
    uint64_t seed;
    struct session **slots;
    size_t slot_count; /* A power of two. */
    size_t count;
    struct list expiries; /* struct expiry, earliest first. */
};

struct session_table *session_table_new(int64_t tick_ms, uint64_t hash_seed)
{
    zk_assert(tick_ms > 0);
    struct session_table *t = zk_xcalloc(1, sizeof *t);

    t->tick_ms = tick_ms;
    t->seed = hash_seed;
    t->slot_count = BUCKETS_MIN;
    t->slots = zk_xcalloc(t->slot_count, sizeof(struct session *));
    list_init(&t->expiries);
    return t;
}

struct session_table *session_table_free(struct session_table *t)
{
    if (t == NULL)
        return NULL;
    for (size_t i = 0; i < t->slot_count; i++)
        for (struct session *s = t->slots[i], *next; s != NULL; s = next) {
            next = s->hash_next;
            free(s);
        }
    list_each_safe(it, &t->expiries) free(list_entry(it, struct expiry, in_order));
    free(t->slots);
    free(t);
    return NULL;
}

zk_session_id session_first_id(zk_sid server, int64_t wall_ms)
{
    uint64_t id = ((uint64_t)wall_ms << 24 >> 8) | (uint64_t)server << 56;

    /* That value stands for containers in ephemeralOwner. */
    if (id == (uint64_t)1 << 63)
        id++;
    return (zk_session_id)id;
}

/* java.util.Random, which every ZK server uses: passwords must agree in an ensemble. */
void session_password(uint8_t ret[SESSION_PASSWORD_LEN], zk_session_id id)
{
    const uint64_t multiplier = 0x5DEECE66Du;
    const uint64_t mask = ((uint64_t)1 << 48) - 1;
    uint64_t state = (((uint64_t)id ^ 0xB3415C00u) ^ multiplier) & mask;

    for (int i = 0; i < SESSION_PASSWORD_LEN; i++) {
        if (i % 4 == 0)
            state = (state * multiplier + 0xB) & mask;
        ret[i] = (uint8_t)(state >> (16 + 8 * (i % 4)));
    }
}

static struct session **slot_of(const struct session_table *t, zk_session_id id)
{
    return &t->slots[hash_u64(t->seed, (uint64_t)id) & (t->slot_count - 1)];
}

struct session *session_find(const struct session_table *t, zk_session_id id)
{
    struct session *s = *slot_of(t, id);

    while (s != NULL && s->id != id)
        s = s->hash_next;
    return s;
}

static void slots_double(struct session_table *t)
{
    struct session **old = t->slots;
    size_t old_count = t->slot_count;

    t->slot_count *= 2;
    t->slots = zk_xcalloc(t->slot_count, sizeof(struct session *));
    for (size_t i = 0; i < old_count; i++)
        for (struct session *s = old[i], *next; s != NULL; s = next) {
            next = s->hash_next;
            struct session **slot = slot_of(t, s->id);
            s->hash_next = *slot;
            *slot = s;
        }
    free(old);
}

static int64_t bucket_end(const struct session_table *t, int64_t now_ms, int32_t timeout_ms)
{
    return ((now_ms + timeout_ms) / t->tick_ms + 1) * t->tick_ms;
}

static struct expiry *expiry_at(struct session_table *t, int64_t at_ms)
{
    struct list *after = t->expiries.prev;

    while (after != &t->expiries && list_entry(after, struct expiry, in_order)->at_ms > at_ms)
        after = after->prev;
    if (after != &t->expiries && list_entry(after, struct expiry, in_order)->at_ms == at_ms)
        return list_entry(after, struct expiry, in_order);

    struct expiry *e = zk_xcalloc(1, sizeof *e);
    e->at_ms = at_ms;
    list_init(&e->sessions);
    list_append(after->next, &e->in_order); /* Before its successor. */
    return e;
}

static void leave_bucket(struct session_table *t, struct session *s)
{
    if (list_is_empty(&s->in_bucket))
        return;
    struct expiry *e = expiry_at(t, s->expires_ms);
    list_remove(&s->in_bucket);
    e->count--;
    s->expires_ms = 0;
    if (e->count == 0) {
        list_remove(&e->in_order);
        free(e);
    }
}

static void enter_bucket(struct session_table *t, struct session *s, int64_t at_ms)
{
    struct expiry *e = expiry_at(t, at_ms);

    list_append(&e->sessions, &s->in_bucket);
    e->count++;
    s->expires_ms = at_ms;
}

struct session *session_add_untracked(struct session_table *t, zk_session_id id, int32_t timeout_ms)
{
    struct session *s = session_find(t, id);

    if (s != NULL)
        return s;
    if (t->count >= t->slot_count)
        slots_double(t);
    s = zk_xcalloc(1, sizeof *s);
    s->id = id;
    s->timeout_ms = timeout_ms;
    list_init(&s->in_bucket);
    list_init(&s->writes);
    struct session **slot = slot_of(t, id);
    s->hash_next = *slot;
    *slot = s;
    t->count++;
    return s;
}

struct session *session_add(struct session_table *t, zk_session_id id, int32_t timeout_ms,
                            int64_t now_ms)
{
    uint64_t before = t->count;
    struct session *s = session_add_untracked(t, id, timeout_ms);

    if (t->count != before)
        enter_bucket(t, s, bucket_end(t, now_ms, timeout_ms));
    return s;
}

void session_remove(struct session_table *t, struct session *s)
{
    struct session **slot = slot_of(t, s->id);

    while (*slot != s) {
        zk_assert(*slot != NULL);
        slot = &(*slot)->hash_next;
    }
    zk_assert(list_is_empty(&s->writes));
    *slot = s->hash_next;
    leave_bucket(t, s);
    t->count--;
    free(s);
}

void session_each(struct session_table *t, void (*each)(void *ctx, struct session *s), void *ctx)
{
    for (size_t i = 0; i < t->slot_count; i++)
        for (struct session *s = t->slots[i], *next; s != NULL; s = next) {
            next = s->hash_next;
            each(ctx, s);
        }
}

bool session_is_tracked(const struct session *s)
{
    return s->expires_ms != 0;
}

void session_untrack(struct session_table *t, struct session *s)
{
    leave_bucket(t, s);
}

void session_touch(struct session_table *t, struct session *s, int64_t now_ms)
{
    int64_t at_ms = bucket_end(t, now_ms, s->timeout_ms);

    /* Earlier is possible: a client may ask for a shorter timeout when it reconnects. */
    if (at_ms == s->expires_ms || s->closing)
        return;
    leave_bucket(t, s);
    enter_bucket(t, s, at_ms);
}

uint64_t session_count(const struct session_table *t)
{
    return t->count;
}

struct session *session_next_expired(struct session_table *t, int64_t now_ms)
{
    if (list_is_empty(&t->expiries))
        return NULL;
    struct expiry *e = list_entry(t->expiries.next, struct expiry, in_order);
    if (e->at_ms > now_ms)
        return NULL;
    struct session *s = list_entry(e->sessions.next, struct session, in_bucket);
    /* It has no further deadline: its closeSession decides the rest. */
    leave_bucket(t, s);
    return s;
}

int64_t session_next_deadline(const struct session_table *t)
{
    if (list_is_empty(&t->expiries))
        return INT64_MAX;
    return list_entry(t->expiries.next, struct expiry, in_order)->at_ms;
}

static bool is_of_kind(const struct session *s, enum session_kind kind)
{
    return kind == SESSIONS_ALL || s->is_local == (kind == SESSIONS_LOCAL);
}

static size_t count_of_kind(const struct expiry *e, enum session_kind kind)
{
    size_t count = 0;

    if (kind == SESSIONS_ALL)
        return e->count;
    list_each(it, &e->sessions) if (is_of_kind(list_entry(it, struct session, in_bucket), kind))
        count++;
    return count;
}

void session_each_bucket(const struct session_table *t, enum session_kind kind,
                         void (*bucket)(void *ctx, int64_t expires_ms, size_t count),
                         void (*member)(void *ctx, const struct session *s), void *ctx)
{
    list_each(it, &t->expiries)
    {
        const struct expiry *e = list_entry(it, struct expiry, in_order);
        size_t count = count_of_kind(e, kind);

        if (count == 0)
            continue;
        bucket(ctx, e->at_ms, count);
        list_each(in, &e->sessions)
        {
            const struct session *s = list_entry(in, struct session, in_bucket);

            if (is_of_kind(s, kind))
                member(ctx, s);
        }
    }
}
