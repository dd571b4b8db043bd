#include "server/tree/buckets.h"

#include <errno.h>
#include <sys/mman.h>

#include "util/check.h"

enum {
    BUCKETS_MIN = 64,
    COMMIT_STEP_MIN = 1 << 16, /* Bytes: a multiple of every page size in use. */
    COMMIT_STEP_MAX = 1 << 22,
    /* Buckets are split one after the other, so what a split will touch can be on its
     * way from memory some inserts before. */
    SPLITS_AHEAD = 3,
};

static size_t page_round(size_t size)
{
    return (size + COMMIT_STEP_MIN - 1) / COMMIT_STEP_MIN * COMMIT_STEP_MIN;
}

static void commit(struct buckets *b, size_t heads)
{
    size_t want = page_round(heads * sizeof *b->heads);

    if (want <= b->committed)
        return;

    size_t step = page_round(b->committed / 8);

    if (step > COMMIT_STEP_MAX)
        step = COMMIT_STEP_MAX;
    if (want < b->committed + step)
        want = b->committed + step;
    if (want > b->reserved)
        want = b->reserved;
    if (want < heads * sizeof *b->heads ||
        mprotect((uint8_t *)b->heads + b->committed, want - b->committed, PROT_READ | PROT_WRITE) !=
            0)
        zk_assert_failed("no memory left for a hash table", __FILE__, __LINE__);
    b->committed = want;
}

int buckets_init(struct buckets *b, const struct buckets_ops *ops, const void *owner,
                 size_t elements_max)
{
    size_t reserved = page_round(elements_max * sizeof *b->heads);
    void *at = mmap(NULL, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (at == MAP_FAILED)
        return -ENOMEM;
    *b = (struct buckets){
        .heads = at,
        .ops = ops,
        .owner = owner,
        .mask = BUCKETS_MIN - 1,
        .count = BUCKETS_MIN,
        .reserved = reserved,
    };
    commit(b, BUCKETS_MIN);
    return 0;
}

void buckets_done(struct buckets *b)
{
    if (b->heads != NULL)
        (void)munmap(b->heads, b->reserved);
    *b = (struct buckets){ 0 };
}

void buckets_presize(struct buckets *b, size_t elements)
{
    zk_assert(b->elements == 0);
    if (elements > b->reserved / sizeof *b->heads)
        elements = b->reserved / sizeof *b->heads;
    if (elements <= b->count)
        return;
    commit(b, elements);
    b->count = elements;
    while (b->mask * 2 + 2 <= elements)
        b->mask = b->mask * 2 + 1;
}

/* The first bucket that was not split in this round gives half of its chain to a new
 * one at the end. The order within the halves stays. */
void buckets_split(struct buckets *b)
{
    size_t from = b->count - (b->mask + 1);

    if ((b->count + 1) * sizeof *b->heads > b->reserved)
        return; /* Full: chains get longer. */
    commit(b, b->count + 1);

    uint32_t *stay = &b->heads[from];
    uint32_t *move = &b->heads[b->count];

    for (uint32_t at = *stay; at != 0;) {
        uint32_t *link = b->ops->link(b->owner, at);
        uint32_t next = *link;
        size_t index = (size_t)b->ops->hash(b->owner, at) & (b->mask * 2 + 1);

        if (index == from) {
            *stay = at;
            stay = link;
        } else {
            *move = at;
            move = link;
        }
        at = next;
    }
    *stay = 0;
    *move = 0;
    b->count++;
    if (b->count == (b->mask + 1) * 2)
        b->mask = b->mask * 2 + 1;
    else if (b->heads[from + SPLITS_AHEAD] != 0) /* Still below b->count. */
        __builtin_prefetch(b->ops->link(b->owner, b->heads[from + SPLITS_AHEAD]));
}

/* The reverse: the last bucket's chain goes back behind that of its partner. */
void buckets_merge(struct buckets *b)
{
    if (b->count == BUCKETS_MIN)
        return;
    b->count--;
    if (b->count == b->mask)
        b->mask /= 2;

    uint32_t *tail = &b->heads[b->count & b->mask];

    while (*tail != 0)
        tail = b->ops->link(b->owner, *tail);
    *tail = b->heads[b->count];
    b->heads[b->count] = 0;

    /* Pages behind the end go back, with a margin, so that a table whose size wavers
     * does not give back and fault in the same page for ever. */
    size_t used = page_round(b->count * sizeof *b->heads);

    if (b->committed - used >= 2 * (size_t)COMMIT_STEP_MAX) {
        size_t keep = used + COMMIT_STEP_MAX;

        (void)madvise((uint8_t *)b->heads + keep, b->committed - keep, MADV_DONTNEED);
        (void)mprotect((uint8_t *)b->heads + keep, b->committed - keep, PROT_NONE);
        b->committed = keep;
    }
}

void buckets_remove(struct buckets *b, uint64_t hash, uint32_t handle)
{
    uint32_t *at = &b->heads[buckets_index(b, hash)];

    while (*at != handle) {
        zk_assert(*at != 0);
        at = b->ops->link(b->owner, *at);
    }
    *at = *b->ops->link(b->owner, handle);
    b->elements--;
    /* Wide apart from the point of growth, and as fast as the elements go. */
    for (int i = 0; i < 4 && b->elements < b->count / 4; i++)
        buckets_merge(b);
}
