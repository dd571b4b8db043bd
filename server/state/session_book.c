/* Sessions by id: open addressing, linear probing. Id 0 marks a free slot; the session
 * with that id, which no server makes but a file may hold, has a place of its own. */
#include <stdlib.h>

#include "server/state/recover.h"
#include "util/check.h"
#include "util/hash.h"

enum { BOOK_SLOTS_MIN = 16 };

struct slot {
    zk_session_id id;
    int32_t timeout_ms;
};

struct session_book {
    uint64_t seed;
    struct slot *slots;
    uint64_t mask;  /* Slots - 1; a power of two. */
    uint64_t count; /* Used slots. At most two thirds of all. */
    bool has_zero;
    int32_t zero_timeout_ms;
};

struct session_book *session_book_new(uint64_t hash_seed)
{
    struct session_book *b = zk_xcalloc(1, sizeof *b);

    b->seed = hash_seed;
    b->mask = BOOK_SLOTS_MIN - 1;
    b->slots = zk_xcalloc(BOOK_SLOTS_MIN, sizeof *b->slots);
    return b;
}

struct session_book *session_book_free(struct session_book *b)
{
    if (b != NULL)
        free(b->slots);
    free(b);
    return NULL;
}

static uint64_t home_of(const struct session_book *b, zk_session_id id)
{
    return hash_u64(b->seed, (uint64_t)id) & b->mask;
}

/* The slot that holds id, or the free one where it would go. */
static struct slot *find(const struct session_book *b, zk_session_id id)
{
    uint64_t at = home_of(b, id);

    while (b->slots[at].id != 0 && b->slots[at].id != id)
        at = (at + 1) & b->mask;
    return &b->slots[at];
}

static void resize(struct session_book *b, uint64_t slots)
{
    struct slot *old = b->slots;
    uint64_t old_slots = b->mask + 1;

    b->slots = zk_xcalloc(slots, sizeof *b->slots);
    b->mask = slots - 1;
    for (uint64_t i = 0; i < old_slots; i++) {
        if (old[i].id != 0)
            *find(b, old[i].id) = old[i];
    }
    free(old);
}

void session_book_put(struct session_book *b, zk_session_id id, int32_t timeout_ms)
{
    if (id == 0) {
        b->has_zero = true;
        b->zero_timeout_ms = timeout_ms;
        return;
    }

    struct slot *s = find(b, id);

    if (s->id == 0) {
        if ((b->count + 1) * 3 > (b->mask + 1) * 2) {
            resize(b, (b->mask + 1) * 2);
            s = find(b, id);
        }
        b->count++;
    }
    *s = (struct slot){ .id = id, .timeout_ms = timeout_ms };
}

/* Moves back what probing had pushed past the freed slot, so that no search ends early. */
static void close_hole(struct session_book *b, uint64_t hole)
{
    for (uint64_t at = (hole + 1) & b->mask; b->slots[at].id != 0; at = (at + 1) & b->mask) {
        uint64_t home = home_of(b, b->slots[at].id);

        if (((at - home) & b->mask) < ((at - hole) & b->mask))
            continue;
        b->slots[hole] = b->slots[at];
        hole = at;
    }
    b->slots[hole] = (struct slot){ .id = 0 };
}

bool session_book_drop(struct session_book *b, zk_session_id id)
{
    if (id == 0) {
        bool had = b->has_zero;

        b->has_zero = false;
        return had;
    }

    struct slot *s = find(b, id);

    if (s->id == 0)
        return false;
    close_hole(b, (uint64_t)(s - b->slots));
    b->count--;
    if (b->mask + 1 > BOOK_SLOTS_MIN && b->count * 8 < b->mask + 1)
        resize(b, (b->mask + 1) / 2);
    return true;
}

bool session_book_get(const struct session_book *b, zk_session_id id, int32_t *ret_timeout_ms)
{
    if (id == 0) {
        *ret_timeout_ms = b->has_zero ? b->zero_timeout_ms : 0;
        return b->has_zero;
    }

    const struct slot *s = find(b, id);

    *ret_timeout_ms = s->timeout_ms;
    return s->id != 0;
}

uint64_t session_book_count(const struct session_book *b)
{
    return b->count + (b->has_zero ? 1 : 0);
}

void session_book_each(const struct session_book *b,
                       void (*each)(void *ctx, zk_session_id id, int32_t timeout_ms), void *ctx)
{
    if (b->has_zero)
        each(ctx, 0, b->zero_timeout_ms);
    for (uint64_t i = 0; i <= b->mask; i++) {
        if (b->slots[i].id != 0)
            each(ctx, b->slots[i].id, b->slots[i].timeout_ms);
    }
}
