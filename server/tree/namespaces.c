#include "server/tree/namespaces.h"

#include <stdlib.h>

#include "server/tree/state.h"
#include "util/check.h"

enum { READ_OVERHEAD_BYTES = 68 }; /* Of a stat, as ZooKeeper counts it. */

static struct jute_bytes top_of(struct jute_bytes path)
{
    if (path.len < 2)
        return (struct jute_bytes){ .len = -1 };

    const uint8_t *slash = memchr(path.at + 1, '/', (size_t)path.len - 1);
    const uint8_t *end = slash != NULL ? slash : path.at + path.len;

    return (struct jute_bytes){ .at = path.at + 1, .len = (int32_t)(end - path.at - 1) };
}

static bool is_named(const struct tree_namespace *n, struct jute_bytes name)
{
    return n->name.len == name.len && memcmp(n->name.at, name.at, (size_t)name.len) == 0;
}

static uint32_t *slot_of(const struct tree *t, struct jute_bytes name)
{
    const struct namespaces *n = &t->namespaces;
    uint64_t at = name_hash(&t->hash, 0, name.at, (size_t)name.len);

    while (n->slots[at & (n->slot_count - 1)] != 0 &&
           !is_named(&n->items[n->slots[at & (n->slot_count - 1)] - 1], name))
        at++;
    return &n->slots[at & (n->slot_count - 1)];
}

/* At least half of the slots stay free. */
static void grow(struct tree *t)
{
    struct namespaces *n = &t->namespaces;

    n->cap = n->cap > 0 ? n->cap * 2 : 16;
    n->slot_count = n->cap * 2;
    n->items = zk_xrealloc(n->items, n->cap * sizeof *n->items);
    free(n->slots);
    n->slots = zk_xcalloc(n->slot_count, sizeof *n->slots);
    for (uint32_t i = 0; i < n->count; i++)
        *slot_of(t, n->items[i].name) = i + 1;
}

static struct tree_namespace *add(struct tree *t, struct jute_bytes name)
{
    struct namespaces *n = &t->namespaces;

    if (n->count == NAMESPACES_MAX)
        return NULL;
    if (n->count == n->cap)
        grow(t);
    uint8_t *copy = zk_xmalloc((size_t)name.len);
    struct tree_namespace *added = &n->items[n->count];

    memcpy(copy, name.at, (size_t)name.len);
    *added = (struct tree_namespace){ .name = { .at = copy, .len = name.len } };
    *slot_of(t, added->name) = ++n->count;
    return added;
}

struct tree_namespace *namespaces_at(struct tree *t, struct jute_bytes path)
{
    struct namespaces *n = &t->namespaces;
    struct jute_bytes name = top_of(path);

    if (name.len <= 0)
        return NULL;
    if (n->count > 0 && is_named(&n->items[n->last], name))
        return &n->items[n->last];
    uint32_t index = n->slot_count > 0 ? *slot_of(t, name) : 0;
    struct tree_namespace *found = index > 0 ? &n->items[index - 1] : add(t, name);

    if (found != NULL)
        n->last = (uint32_t)(found - n->items);
    return found;
}

static void count(struct tree_use *use, uint64_t bytes)
{
    if (use->count == 0 || bytes < use->min)
        use->min = bytes;
    if (bytes > use->max)
        use->max = bytes;
    use->is_seen = true;
    use->sum += bytes;
    use->count++;
}

void namespaces_wrote(struct tree *t, struct jute_bytes path, int64_t bytes)
{
    struct tree_namespace *n = namespaces_at(t, path);

    if (n != NULL)
        count(&n->written, (uint64_t)path.len + (uint64_t)bytes);
}

void tree_note_read(struct tree *t, struct jute_bytes path, uint64_t bytes)
{
    struct tree_namespace *n = namespaces_at(t, path);

    if (n != NULL)
        count(&n->read, (uint64_t)path.len + bytes + READ_OVERHEAD_BYTES);
}

void tree_note_quota_exceeded(struct tree *t, struct jute_bytes path)
{
    struct tree_namespace *n = namespaces_at(t, path);

    if (n != NULL)
        n->quota_exceeded++;
}

void tree_each_namespace(const struct tree *t,
                         void (*each)(void *ctx, const struct tree_namespace *n), void *ctx)
{
    for (uint32_t i = 0; i < t->namespaces.count; i++)
        each(ctx, &t->namespaces.items[i]);
}

void namespaces_done(struct namespaces *n)
{
    for (uint32_t i = 0; i < n->count; i++)
        free((void *)(uintptr_t)n->items[i].name.at);
    free(n->items);
    free(n->slots);
    *n = (struct namespaces){ 0 };
}

void tree_forget_use(struct tree *t)
{
    for (uint32_t i = 0; i < t->namespaces.count; i++) {
        struct tree_namespace *n = &t->namespaces.items[i];

        n->read = (struct tree_use){ .is_seen = n->read.is_seen };
        n->written = (struct tree_use){ .is_seen = n->written.is_seen };
        n->quota_exceeded = 0;
    }
}
