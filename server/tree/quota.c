/* Quotas (client-protocol 3.18, storage-format 7.4). There is no table of them: the
 * nodes below /zookeeper/quota mirror the paths that have one, so the deepest quota of
 * a path is found by walking its components down that subtree, and the usage is the
 * text of its zookeeper_stats node. */
#include <stdlib.h>

#include "server/tree/quota_text.h"
#include "server/tree/state.h"

#define QUOTA_PREFIX "/zookeeper/quota"

enum { QUOTA_PREFIX_LEN = sizeof QUOTA_PREFIX - 1 };

static uint32_t child_named(const struct tree *t, uint32_t parent, const char *name)
{
    uint64_t hash;

    return node_find(t, parent, (const uint8_t *)name, strlen(name), &hash);
}

/* The mirror node of the deepest quota that covers `path`, or 0, and how much of the
 * path it is. A quota on the root never applies. */
static uint32_t deepest(const struct tree *t, struct jute_bytes path, int32_t *ret_len)
{
    uint32_t best = 0;
    uint32_t at = t->quota;

    if (t->quotas == 0 || path.len < 1 || path.at[0] != '/')
        return 0;

    const uint8_t *end = path.at + path.len;

    for (const uint8_t *p = path.at; p != end;) {
        const uint8_t *name = p + 1;
        uint64_t hash;

        p = memchr(name, '/', (size_t)(end - name));
        if (p == NULL)
            p = end;
        at = node_find(t, at, name, (size_t)(p - name), &hash);
        if (at == 0)
            break;
        if (node_has(node_of(t, at), NODE_HAS_LIMITS)) {
            best = at;
            *ret_len = (int32_t)(p - path.at);
        }
    }
    return best;
}

/* ---- Usage. */

struct usage {
    int64_t count, bytes;
};

static struct usage count_subtree(const struct tree *t, const struct znode *top)
{
    struct usage u = { 0 };

    if (top == NULL)
        return u;

    uint32_t first = node_handle(t, top);

    for (uint32_t at = first; at != 0; at = node_next(t, first, at)) {
        int32_t len = node_of(t, at)->data_len;

        u.count++;
        u.bytes += len > 0 ? len : 0;
    }
    return u;
}

/* Writes the text of a stats node. Its stat does not change and nobody hears of it. */
static void put_usage(struct tree *t, struct znode *stats, const struct quota_text *text)
{
    int64_t old = stats->data_len > 0 ? stats->data_len : 0;

    t->quota_path.len = 0;
    quota_text_write(text, &t->quota_path);
    node_put_data(t, stats, bytes_view(&t->quota_path));
    t->data_bytes += (uint64_t)(stats->data_len - old);
}

/* Computes it anew for the path that the parent of `stats` mirrors. */
static void recount(struct tree *t, struct znode *stats, struct jute_bytes real_path)
{
    struct usage u = count_subtree(t, tree_find(t, real_path));
    struct quota_text text = { 0 };

    (void)quota_text_set(&text, jute_text("count"), u.count);
    (void)quota_text_set(&text, jute_text("bytes"), u.bytes);
    put_usage(t, stats, &text);
}

void quota_changed(struct tree *t, struct jute_bytes path, int64_t count, int64_t bytes)
{
    int32_t len = 0;
    uint32_t mirror = deepest(t, path, &len);
    uint32_t handle = mirror != 0 ? child_named(t, mirror, "zookeeper_stats") : 0;

    if (handle == 0)
        return;

    struct znode *stats = node_of(t, handle);
    struct quota_text text;

    /* ZK's server falls over such text; counting is what it would do at its restart. */
    if (!quota_text_parse(&text, znode_data(t, stats)) || text.count > QUOTA_KEYS_MAX - 2) {
        recount(t, stats, (struct jute_bytes){ .at = path.at, .len = len });
        return;
    }

    uint64_t used = (uint64_t)quota_text_get(&text, "count") + (uint64_t)count;
    uint64_t used_bytes = (uint64_t)quota_text_get(&text, "bytes") + (uint64_t)bytes;

    (void)quota_text_set(&text, jute_text("count"), (int64_t)used);
    (void)quota_text_set(&text, jute_text("bytes"), (int64_t)used_bytes);
    put_usage(t, stats, &text);
}

/* ---- The two kinds of nodes. */

static bool is_named(const struct tree *t, const struct znode *n, const char *name)
{
    return jute_is_text(znode_name(t, n), name);
}

/* Whether `n`, a mirror node, stands for the root. */
static bool mirrors_root(const struct tree *t, const struct znode *n)
{
    return node_handle(t, n) == t->quota;
}

static void activate(struct tree *t, struct znode *mirror)
{
    if (!mirrors_root(t, mirror) && !node_has(mirror, NODE_HAS_LIMITS)) {
        mirror->name_bits |= NODE_HAS_LIMITS;
        t->quotas++;
    }
}

void quota_node_created(struct tree *t, struct znode *n, struct jute_bytes path)
{
    struct znode *mirror = node_of(t, n->parent);

    if (!node_has(mirror, NODE_QUOTA_TREE))
        return;
    if (is_named(t, n, "zookeeper_limits"))
        activate(t, mirror);
    if (is_named(t, n, "zookeeper_stats")) {
        int32_t name = (int32_t)node_name_len(n) + 1;

        recount(t, n,
                (struct jute_bytes){ .at = path.at + QUOTA_PREFIX_LEN,
                                     .len = path.len - QUOTA_PREFIX_LEN - name });
    }
}

void quota_node_going(struct tree *t, struct znode *n)
{
    struct znode *mirror = node_of(t, n->parent);

    if (node_has(mirror, NODE_HAS_LIMITS) && is_named(t, n, "zookeeper_limits")) {
        mirror->name_bits &= ~(uint32_t)NODE_HAS_LIMITS;
        t->quotas--;
    }
}

void quota_recount_all(struct tree *t)
{
    struct bytes path = { 0 };

    for (uint32_t at = t->quota; at != 0; at = node_next(t, t->quota, at)) {
        const struct znode *n = node_of(t, at);

        if (at == t->quota || !is_named(t, n, "zookeeper_limits"))
            continue;

        struct znode *mirror = node_of(t, n->parent);
        uint32_t stats = child_named(t, n->parent, "zookeeper_stats");

        activate(t, mirror);
        if (stats == 0)
            continue;
        path.len = 0;
        znode_path(t, mirror, &path);
        recount(t, node_of(t, stats),
                (struct jute_bytes){ .at = path.at + QUOTA_PREFIX_LEN,
                                     .len = (int32_t)path.len - QUOTA_PREFIX_LEN });
    }
    bytes_done(&path);
}

/* ---- Reading. */

static void read_quota(const struct tree *t, uint32_t mirror, struct tree_quota *ret)
{
    uint32_t limits = child_named(t, mirror, "zookeeper_limits");
    uint32_t stats = child_named(t, mirror, "zookeeper_stats");
    struct quota_text text;

    *ret = (struct tree_quota){ -1, -1, -1, -1, -1, -1, .has_usage = stats != 0 };
    if (limits != 0 && quota_text_parse(&text, znode_data(t, node_of(t, limits)))) {
        ret->count_soft = quota_text_get(&text, "count");
        ret->count_hard = quota_text_get(&text, "countHardLimit");
        ret->bytes_soft = quota_text_get(&text, "bytes");
        ret->bytes_hard = quota_text_get(&text, "byteHardLimit");
    }
    if (stats != 0 && quota_text_parse(&text, znode_data(t, node_of(t, stats)))) {
        ret->count_used = quota_text_get(&text, "count");
        ret->bytes_used = quota_text_get(&text, "bytes");
    }
}

bool tree_quota_of(const struct tree *t, struct jute_bytes path, struct tree_quota *ret,
                   struct jute_bytes *ret_path)
{
    int32_t len = 0;
    uint32_t mirror = deepest(t, path, &len);

    if (mirror == 0)
        return false;
    read_quota(t, mirror, ret);
    *ret_path = (struct jute_bytes){ .at = path.at, .len = len };
    return true;
}

struct listed {
    size_t start, len; /* Of its path in the buffer. */
    uint32_t mirror;
    const struct bytes *paths;
};

static int by_path(const void *a, const void *b)
{
    const struct listed *x = a;
    const struct listed *y = b;
    int order =
        memcmp(x->paths->at + x->start, y->paths->at + y->start, x->len < y->len ? x->len : y->len);

    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

void tree_each_quota(const struct tree *t,
                     void (*each)(void *ctx, struct jute_bytes path, const struct tree_quota *q),
                     void *ctx)
{
    if (t->quotas == 0)
        return;

    struct listed *list = zk_xmalloc(t->quotas * sizeof *list);
    struct bytes paths = { 0 };
    size_t count = 0;

    for (uint32_t at = t->quota; at != 0; at = node_next(t, t->quota, at)) {
        size_t start = paths.len;

        if (!node_has(node_of(t, at), NODE_HAS_LIMITS))
            continue;
        znode_path(t, node_of(t, at), &paths);
        list[count++] = (struct listed){ .start = start + QUOTA_PREFIX_LEN,
                                         .len = paths.len - start - QUOTA_PREFIX_LEN,
                                         .mirror = at,
                                         .paths = &paths };
    }
    qsort(list, count, sizeof *list, by_path);
    for (size_t i = 0; i < count; i++) {
        struct tree_quota q;

        read_quota(t, list[i].mirror, &q);
        each(ctx,
             (struct jute_bytes){ .at = paths.at + list[i].start, .len = (int32_t)list[i].len },
             &q);
    }
    free(list);
    bytes_done(&paths);
}
