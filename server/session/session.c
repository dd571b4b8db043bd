#include "server/session/session.h"

#include <stdlib.h>
#include <string.h>

#include "util/check.h"
#include "util/hash.h"

enum {
    SLOTS_MIN = 64,

    /* A timeout of more ticks gets a wider bucket, so that it ends by at most a 512th of itself too
     * late. A client may ask for any timeout; with this, however many there are, they come to no
     * more than some 12,000 buckets: as many of each width as fit into this many ticks of it. */
    FINE_TICKS = 1024,
};

/* The sessions that expire together. */
struct expiry {
    int64_t at_ms;
    size_t count;
    struct list sessions;
};

struct session_table {
    int64_t tick_ms;
    uint64_t seed;
    struct session **slots;
    size_t slot_count; /* A power of two. */
    size_t count;
    struct expiry **expiries; /* Earliest first; none is empty. */
    size_t expiry_count, expiry_cap;
};

struct session_table *session_table_new(int64_t tick_ms, uint64_t hash_seed)
{
    zk_assert(tick_ms > 0);
    struct session_table *t = zk_xcalloc(1, sizeof *t);

    t->tick_ms = tick_ms;
    t->seed = hash_seed;
    t->slot_count = SLOTS_MIN;
    t->slots = zk_xcalloc(t->slot_count, sizeof(struct session *));
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
    for (size_t i = 0; i < t->expiry_count; i++)
        free(t->expiries[i]);
    free(t->expiries);
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
    int64_t timeout = timeout_ms > 0 ? timeout_ms : 0;
    int64_t width = t->tick_ms;

    while (timeout / width > FINE_TICKS)
        width *= 2;
    return ((now_ms + timeout) / width + 1) * width;
}

/* Of the first bucket that does not end before at_ms. */
static size_t place_of(const struct session_table *t, int64_t at_ms)
{
    size_t low = 0, high = t->expiry_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (t->expiries[middle]->at_ms < at_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_bucket(const struct session_table *t, size_t place, int64_t at_ms)
{
    return place < t->expiry_count && t->expiries[place]->at_ms == at_ms;
}

static struct expiry *insert_bucket(struct session_table *t, size_t place, int64_t at_ms)
{
    struct expiry *e = zk_xcalloc(1, sizeof *e);

    e->at_ms = at_ms;
    list_init(&e->sessions);
    if (t->expiry_count == t->expiry_cap) {
        t->expiry_cap = t->expiry_cap * 2 + 16;
        t->expiries = zk_xrealloc(t->expiries, t->expiry_cap * sizeof(struct expiry *));
    }
    memmove(&t->expiries[place + 1], &t->expiries[place],
            (t->expiry_count - place) * sizeof(struct expiry *));
    t->expiries[place] = e;
    t->expiry_count++;
    return e;
}

static void remove_bucket(struct session_table *t, size_t place)
{
    free(t->expiries[place]);
    t->expiry_count--;
    memmove(&t->expiries[place], &t->expiries[place + 1],
            (t->expiry_count - place) * sizeof(struct expiry *));
}

static void leave_bucket(struct session_table *t, struct session *s)
{
    if (list_is_empty(&s->in_bucket))
        return;
    size_t place = place_of(t, s->expires_ms);

    zk_assert(is_bucket(t, place, s->expires_ms));
    list_remove(&s->in_bucket);
    s->expires_ms = 0;
    if (--t->expiries[place]->count == 0)
        remove_bucket(t, place);
}

static void enter_bucket(struct session_table *t, struct session *s, int64_t at_ms)
{
    size_t place = place_of(t, at_ms);
    struct expiry *e =
        is_bucket(t, place, at_ms) ? t->expiries[place] : insert_bucket(t, place, at_ms);

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
    if (t->expiry_count == 0 || t->expiries[0]->at_ms > now_ms)
        return NULL;
    struct session *s = list_entry(t->expiries[0]->sessions.next, struct session, in_bucket);
    /* It has no further deadline: its closeSession decides the rest. */
    leave_bucket(t, s);
    return s;
}

int64_t session_next_deadline(const struct session_table *t)
{
    return t->expiry_count > 0 ? t->expiries[0]->at_ms : INT64_MAX;
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
    for (size_t i = 0; i < t->expiry_count; i++) {
        const struct expiry *e = t->expiries[i];
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
