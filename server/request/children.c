/* Lists of children in encoded form. Long ones are kept: many clients that list the
 * same big node get copies of one block instead of a walk over its children each. */
#include <stdlib.h>

#include "server/request/limits.h"
#include "server/request/read.h"
#include "util/check.h"
#include "util/hash.h"

/* A list is good as long as the node is the same and neither its number of children
 * nor its pzxid moved: each creation changes the first, each deletion the second. */
struct cached {
    const struct znode *node;
    zk_zxid czxid, pzxid;
    int32_t count;
    struct bytes list;
};

struct children_cache {
    struct cached slots[CHILDREN_CACHE_SLOTS];
    size_t bytes;
};

struct children_cache *children_cache_new(void)
{
    return zk_xcalloc(1, sizeof(struct children_cache));
}

void children_cache_clear(struct children_cache *c)
{
    for (size_t i = 0; i < CHILDREN_CACHE_SLOTS; i++) {
        bytes_done(&c->slots[i].list);
        c->slots[i].node = NULL;
    }
    c->bytes = 0;
}

struct children_cache *children_cache_free(struct children_cache *c)
{
    if (c != NULL)
        children_cache_clear(c);
    free(c);
    return NULL;
}

static void walk(const struct tree *t, const struct znode *n, int32_t count, struct bytes *out)
{
    uint8_t *p = bytes_room(out, 4 + 4 * (size_t)count + (size_t)znode_child_names_len(t, n));
    uint8_t *begin = p;
    int32_t seen = 0;

    p = jute_store32(p, (uint32_t)count);
    for (const struct znode *child = znode_first_child(t, n); child != NULL;
         child = znode_next_sibling(t, child)) {
        struct jute_bytes name = znode_name(t, child);
        p = jute_store32(p, (uint32_t)name.len);
        memcpy(p, name.at, (size_t)name.len);
        p += name.len;
        seen++;
    }
    zk_assert(seen == count);
    bytes_added(out, (size_t)(p - begin));
}

void children_put(struct service *s, const struct znode *n, struct bytes *out)
{
    const struct tree *t = s->state.tree;
    int32_t count = znode_child_count(t, n);
    struct children_cache *cache = s->children_cache;
    struct znode_raw raw;

    if (count < CHILDREN_CACHE_COUNT_MIN) {
        walk(t, n, count, out);
        return;
    }
    znode_raw(t, n, &raw);
    struct cached *c = &cache->slots[hash_u64(s->conf.seed, (uintptr_t)n) % CHILDREN_CACHE_SLOTS];
    if (c->node == n && c->czxid == raw.czxid && c->pzxid == raw.pzxid && c->count == count) {
        bytes_put(out, c->list.at, c->list.len);
        s->stats.response_packet_cache_hits++;
        return;
    }
    s->stats.response_packet_cache_misses++;
    size_t begin = out->len;
    walk(t, n, count, out);
    size_t len = out->len - begin;
    if (len > CHILDREN_CACHE_BYTES_MAX)
        return;
    if (cache->bytes - c->list.len + len > CHILDREN_CACHE_TOTAL_MAX)
        children_cache_clear(cache);
    cache->bytes -= c->list.len;
    if (c->list.cap > 4 * len)
        bytes_done(&c->list);
    c->list.len = 0;
    bytes_put(&c->list, out->at + begin, len);
    cache->bytes += len;
    c->node = n;
    c->czxid = raw.czxid;
    c->pzxid = raw.pzxid;
    c->count = count;
}
