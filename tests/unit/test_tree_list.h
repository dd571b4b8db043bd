/* The tree as a plain list of nodes that obeys the same rules in the simplest way: each
 * question is answered by looking at all of them. */
#ifndef TESTS_UNIT_TEST_TREE_LIST_H
#define TESTS_UNIT_TEST_TREE_LIST_H

#include <zlib.h>

#include "tests/unit/test_tree_lib.h"

enum { NODES_MAX = 4000, PATH_SIZE = 1200, WALKS = 3 };

struct mnode {
    char path[PATH_SIZE];
    uint8_t *data; /* NULL if null. */
    int32_t data_len;
    int32_t perms; /* -1: the open list that no list stands for. */
    struct znode_raw raw;
    bool was_there[WALKS]; /* When the walk began. */
    int seen[WALKS];       /* By the walk. */
};

/* In the order of their creation. */
struct plain {
    struct mnode *nodes[NODES_MAX];
    size_t count;
    zk_zxid zxid; /* Of the txn at hand, as is the time. */
    int64_t time_ms;
};

static inline struct mnode *plain_find(struct plain *l, const char *path)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->nodes[i]->path, path) == 0)
            return l->nodes[i];
    return NULL;
}

static inline void copy_path(char ret[PATH_SIZE], const char *path)
{
    (void)snprintf(ret, PATH_SIZE, "%s", path);
}

static inline void parent_path(char ret[PATH_SIZE], const char *path)
{
    size_t len = strlen(path);

    while (len > 0 && path[len - 1] != '/')
        len--;
    copy_path(ret, path);
    ret[len > 1 ? len - 1 : len] = 0; /* "/" stays. */
}

static inline struct mnode *plain_parent(struct plain *l, const char *path)
{
    char above[PATH_SIZE];

    parent_path(above, path);
    return strcmp(path, "/") == 0 ? NULL : plain_find(l, above);
}

static inline size_t name_len(const char *path)
{
    char above[PATH_SIZE];

    parent_path(above, path);
    return strlen(path) - strlen(above) - (strcmp(above, "/") != 0);
}

static inline bool is_below(const char *path, const char *top)
{
    size_t len = strlen(top);

    if (strcmp(top, "/") == 0)
        return strcmp(path, "/") != 0;
    return strncmp(path, top, len) == 0 && path[len] == '/';
}

static inline int32_t plain_children(struct plain *l, const struct mnode *m, uint64_t *ret_names)
{
    int32_t n = 0;

    *ret_names = 0;
    for (size_t i = 0; i < l->count; i++) {
        if (plain_parent(l, l->nodes[i]->path) == m) {
            n++;
            *ret_names += name_len(l->nodes[i]->path);
        }
    }
    return n;
}

static inline void put_data(struct mnode *m, struct jute_bytes data)
{
    free(m->data);
    m->data = NULL;
    m->data_len = data.len;
    if (data.len >= 0) {
        m->data = malloc((size_t)data.len + 1);
        ck_assert_ptr_nonnull(m->data);
        memcpy(m->data, data.at != NULL ? (const void *)data.at : "", (size_t)data.len);
    }
}

static inline struct mnode *plain_add(struct plain *l, const char *path, struct jute_bytes data)
{
    struct mnode *m = calloc(1, sizeof *m);

    ck_assert_ptr_nonnull(m);
    ck_assert_uint_lt(l->count, NODES_MAX);
    copy_path(m->path, path);
    put_data(m, data);
    m->perms = ZK_PERM_ALL;
    l->nodes[l->count++] = m;
    return m;
}

static inline void plain_drop(struct plain *l, size_t i)
{
    free(l->nodes[i]->data);
    free(l->nodes[i]);
    for (l->count--; i < l->count; i++)
        l->nodes[i] = l->nodes[i + 1];
}

static inline void plain_begin(struct plain *l)
{
    l->count = 0;
    plain_add(l, "/", text(""))->perms = -1;
    plain_add(l, "/zookeeper", text(""))->perms = -1;
    plain_add(l, "/zookeeper/quota", text(""))->perms = -1;
    plain_add(l, "/zookeeper/config", text(""))->perms = ZK_PERM_READ;
    plain_find(l, "/zookeeper/config")->raw.aversion = -1;
}

static inline uint64_t plain_digest(struct plain *l)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < l->count; i++) {
        const struct mnode *m = l->nodes[i];
        struct bytes b = { 0 };

        if (strncmp(m->path, "/zookeeper/", 11) == 0)
            continue;
        if (strcmp(m->path, "/") != 0)
            bytes_put(&b, m->path, strlen(m->path));
        if (m->data_len > 0)
            bytes_put(&b, m->data, (size_t)m->data_len);
        jute_write_i64(&b, m->raw.czxid);
        jute_write_i64(&b, m->raw.mzxid);
        jute_write_i64(&b, m->raw.pzxid);
        jute_write_i64(&b, m->raw.ctime);
        jute_write_i64(&b, m->raw.mtime);
        jute_write_i32(&b, m->raw.version);
        jute_write_i32(&b, m->raw.cversion);
        jute_write_i32(&b, m->raw.aversion);
        jute_write_i64(&b, m->raw.owner);
        sum += crc32_z(0, b.at, b.len);
        bytes_done(&b);
    }
    return sum;
}

/* ---- The rules. */

static inline int32_t plain_create(struct plain *l, const char *path, struct jute_bytes data,
                                   int32_t perms, int64_t owner, int32_t parent_cversion)
{
    struct mnode *parent = plain_parent(l, path);
    struct mnode *m = plain_find(l, path);

    if (parent == NULL)
        return ZK_NO_NODE;
    if (parent_cversion == -1)
        parent_cversion = parent->raw.cversion + 1;
    if (parent_cversion > parent->raw.cversion) {
        parent->raw.cversion = parent_cversion;
        parent->raw.pzxid = l->zxid;
    }
    if (m != NULL) {
        m->perms = perms;
        return ZK_NODE_EXISTS;
    }
    m = plain_add(l, path, data);
    m->perms = perms;
    m->raw = (struct znode_raw){ .czxid = l->zxid,
                                 .mzxid = l->zxid,
                                 .pzxid = l->zxid,
                                 .ctime = l->time_ms,
                                 .mtime = l->time_ms,
                                 .owner = owner };
    return 0;
}

static inline int32_t plain_delete(struct plain *l, const char *path)
{
    struct mnode *parent = plain_parent(l, path);

    if (parent == NULL)
        return ZK_NO_NODE;
    if (parent->raw.pzxid < l->zxid)
        parent->raw.pzxid = l->zxid;
    if (plain_find(l, path) == NULL)
        return ZK_NO_NODE;
    for (size_t i = l->count; i-- > 0;)
        if (strcmp(l->nodes[i]->path, path) == 0 || is_below(l->nodes[i]->path, path))
            plain_drop(l, i);
    return 0;
}

static inline int32_t plain_set(struct plain *l, const char *path, struct jute_bytes data,
                                int32_t version)
{
    struct mnode *m = plain_find(l, path);

    if (m == NULL)
        return ZK_NO_NODE;
    put_data(m, data);
    m->raw.mzxid = l->zxid;
    m->raw.mtime = l->time_ms;
    m->raw.version = version;
    return 0;
}

#endif
