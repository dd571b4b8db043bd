/* A tree with a hand for each txn, and an ear that writes down what it hears. The
 * functions are inline so that a test file may leave some unused. */
#ifndef TESTS_UNIT_TEST_TREE_LIB_H
#define TESTS_UNIT_TEST_TREE_LIB_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "jute/opcodes.h"
#include "server/tree/tree.h"
#include "server/tree/watch.h"

/* For loops: ck_assert() writes to a file even when it holds. */
#define ck_quick(cond)                 \
    do {                               \
        if (!(cond))                   \
            ck_abort_msg("%s", #cond); \
    } while (0)

struct ground {
    struct tree *t;
    struct watch_table *w;
    zk_zxid zxid;    /* Of the last txn. */
    int64_t time_ms; /* Of the next one. */
    zk_session_id session;
    struct bytes heard; /* "created /a > 1 2\n" a line. */
    struct tree_result results[64];
    size_t result_count;
    struct bytes record;
    uint8_t *applied; /* The last txn's record: results borrow from it. */
};

static inline struct jute_bytes text(const char *s)
{
    return s != NULL ? jute_text(s) : (struct jute_bytes){ .len = -1 };
}

static inline void hear(void *ctx, const struct tree_event *ev, const uint32_t *watchers,
                        size_t count)
{
    static const char *const names[] = { "?", "created", "deleted", "changed", "children" };
    struct ground *g = ctx;

    bytes_printf(&g->heard, "%s %.*s acl=%d >", names[ev->type], ev->path.len,
                 (const char *)ev->path.at, ev->acl);
    for (size_t i = 0; i < count; i++)
        bytes_printf(&g->heard, " %u", watchers[i]);
    bytes_printf(&g->heard, "\n");
    ck_quick(ev->zxid == g->zxid);
}

static inline void note_result(void *ctx, const struct tree_result *result)
{
    struct ground *g = ctx;

    ck_quick(g->result_count < sizeof g->results / sizeof *g->results);
    g->results[g->result_count++] = *result;
}

static inline struct ground ground_with(const struct tree_conf *conf)
{
    struct ground g = { .time_ms = 1000, .session = 0x100 };

    ck_assert_int_eq(tree_new(&g.t, conf), 0);
    g.w = watch_table_new(conf->hash_seed);
    ck_assert_ptr_nonnull(g.w);
    return g;
}

static inline struct ground ground_new(void)
{
    return ground_with(&(struct tree_conf){ .hash_seed = 7, .digest = true });
}

static inline void ground_done(struct ground *g)
{
    tree_free(g->t);
    watch_table_free(g->w);
    bytes_done(&g->heard);
    bytes_done(&g->record);
    free(g->applied);
}

/* Applies g->record as a txn of that type with the next zxid. Returns the error of
 * the first result. The record sits in memory of its exact size, for ASan. */
static inline int32_t ground_apply(struct ground *g, int32_t type)
{
    uint8_t *exact = malloc(g->record.len > 0 ? g->record.len : 1);
    struct tree_sink sink = { .ctx = g, .event = hear, .result = note_result };

    ck_quick(exact != NULL);
    if (g->record.len > 0)
        memcpy(exact, g->record.at, g->record.len);

    struct txn txn = { .head = { .session_id = g->session,
                                 .zxid = ++g->zxid,
                                 .time_ms = g->time_ms,
                                 .type = type },
                       .body = jute_in(exact, g->record.len) };

    g->heard.len = 0;
    g->result_count = 0;
    tree_apply(g->t, &txn, g->w, &sink);
    free(g->applied);
    g->applied = exact;
    ck_quick(tree_zxid(g->t) == g->zxid);
    return g->result_count > 0 ? g->results[0].err : INT32_MIN;
}

/* world:anyone with these permissions. */
static inline struct jute_vector acl_of(struct bytes *hold, int32_t perms)
{
    hold->len = 0;
    jute_write_acl(hold, (struct jute_acl){ perms, jute_text("world"), jute_text("anyone") });
    return jute_vector_of(hold, 1);
}

static inline void record_create(struct ground *g, const char *path, struct jute_bytes data,
                                 bool ephemeral, int32_t parent_cversion)
{
    struct bytes acl = { 0 };
    struct create_txn r = { .path = text(path),
                            .data = data,
                            .acl = acl_of(&acl, ZK_PERM_ALL),
                            .ephemeral = ephemeral,
                            .parent_cversion = parent_cversion };

    g->record.len = 0;
    jute_write_create_txn(&g->record, &r);
    bytes_done(&acl);
}

static inline int32_t make(struct ground *g, const char *path, const char *data)
{
    record_create(g, path, text(data), false, -1);
    return ground_apply(g, ZK_OP_CREATE);
}

static inline int32_t make_ephemeral(struct ground *g, const char *path)
{
    record_create(g, path, text(""), true, -1);
    return ground_apply(g, ZK_OP_CREATE);
}

static inline int32_t make_container(struct ground *g, const char *path)
{
    struct create_container_txn r = {
        .path = text(path), .data = text(""), .acl = { .count = -1 }, .parent_cversion = -1
    };

    g->record.len = 0;
    jute_write_create_container_txn(&g->record, &r);
    return ground_apply(g, ZK_OP_CREATE_CONTAINER);
}

static inline int32_t make_ttl(struct ground *g, const char *path, int64_t ttl_ms)
{
    struct create_ttl_txn r = { .path = text(path),
                                .data = text(""),
                                .acl = { .count = -1 },
                                .parent_cversion = -1,
                                .ttl_ms = ttl_ms };

    g->record.len = 0;
    jute_write_create_ttl_txn(&g->record, &r);
    return ground_apply(g, ZK_OP_CREATE_TTL);
}

static inline int32_t del(struct ground *g, const char *path)
{
    struct delete_txn r = { .path = text(path) };

    g->record.len = 0;
    jute_write_delete_txn(&g->record, &r);
    return ground_apply(g, ZK_OP_DELETE);
}

static inline int32_t set(struct ground *g, const char *path, const char *data, int32_t version)
{
    struct set_data_txn r = { .path = text(path), .data = text(data), .version = version };

    g->record.len = 0;
    jute_write_set_data_txn(&g->record, &r);
    return ground_apply(g, ZK_OP_SET_DATA);
}

static inline int32_t set_perms(struct ground *g, const char *path, int32_t perms, int32_t version)
{
    struct bytes acl = { 0 };
    struct set_acl_txn r = { .path = text(path), .acl = acl_of(&acl, perms), .version = version };

    g->record.len = 0;
    jute_write_set_acl_txn(&g->record, &r);
    bytes_done(&acl);
    return ground_apply(g, ZK_OP_SET_ACL);
}

static inline int32_t close_session(struct ground *g, const char *const *paths, int32_t count)
{
    struct bytes strs = { 0 };

    for (int32_t i = 0; i < count; i++)
        jute_write_str(&strs, text(paths[i]));
    g->record.len = 0;
    jute_write_strs(&g->record, jute_vector_of(&strs, count));
    bytes_done(&strs);
    return ground_apply(g, ZK_OP_CLOSE_SESSION);
}

static inline struct znode *look(const struct ground *g, const char *path)
{
    return tree_find(g->t, text(path));
}

static inline struct zk_stat stat_at(const struct ground *g, const char *path)
{
    struct zk_stat stat;
    const struct znode *n = look(g, path);

    ck_assert_msg(n != NULL, "no node %s", path);
    znode_stat(g->t, n, &stat);
    return stat;
}

static inline void expect_same_stat(const struct zk_stat *a, const struct zk_stat *b)
{
    struct bytes x = { 0 };
    struct bytes y = { 0 };

    jute_write_zk_stat(&x, a);
    jute_write_zk_stat(&y, b);
    ck_assert_mem_eq(x.at, y.at, x.len);
    bytes_done(&x);
    bytes_done(&y);
}

static inline void expect_data(const struct ground *g, const char *path, const char *data)
{
    const struct znode *n = look(g, path);

    ck_assert_msg(n != NULL, "no node %s", path);

    struct jute_bytes have = znode_data(g->t, n);

    ck_assert_msg(jute_bytes_equal(have, text(data)), "%s has '%.*s' (%d), not '%s'", path,
                  have.len > 0 ? have.len : 0, (const char *)have.at, have.len,
                  data != NULL ? data : "(null)");
}

static inline void expect_heard(struct ground *g, const char *want)
{
    bytes_put(&g->heard, "", 1);
    ck_assert_str_eq((const char *)g->heard.at, want);
}

/* The digest by its definition: every node read and added up (storage-format 6). */
static inline uint64_t slow_digest(struct tree *t)
{
    struct bytes path = { 0 };
    struct tree_walk walk;
    uint64_t sum = 0;

    tree_walk_begin(t, &walk);
    for (struct znode *n = tree_walk_next(&walk); n != NULL; n = tree_walk_next(&walk)) {
        struct znode_raw raw;

        path.len = 0;
        znode_path(t, n, &path);

        struct jute_bytes at = { .at = path.at, .len = (int32_t)path.len };

        znode_raw(t, n, &raw);
        if (digest_counts(at))
            sum += digest_of(digest_content_crc(at, znode_data(t, n)), &raw);
    }
    tree_walk_end(&walk);
    bytes_done(&path);
    return sum;
}

static inline int run_suite(Suite *s)
{
    SRunner *runner = srunner_create(s);

    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed > 0;
}

#endif
