/* What the tests of snapshot streams share: a state, the txns that it is made of, and streams of
 * it. */
#ifndef TESTS_UNIT_TEST_STREAM_LIB_H
#define TESTS_UNIT_TEST_STREAM_LIB_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jute/opcodes.h"
#include "jute/records.h"
#include "server/state/dump_stream.h"
#include "server/state/load_stream.h"
#include "util/check.h"
#include "util/rand.h"

static const struct tree_conf conf = { .hash_seed = 1, .extended_types = true, .digest = true };
static struct state state;
static zk_zxid zxid;
static struct rand_state rnd;
static struct bytes history[500]; /* Txns by zxid. */

static inline void new_state(struct state *s)
{
    ck_assert_int_eq(tree_new(&s->tree, &conf), 0);
    s->sessions = session_book_new(1);
}

static inline void setup(void)
{
    new_state(&state);
    zxid = 0;
    rand_seed(&rnd, 1);
}

static inline void teardown(void)
{
    state_done(&state);
    for (size_t i = 0; i < sizeof history / sizeof history[0]; i++)
        bytes_done(&history[i]);
}

/* ---- Txns. */

static inline void replay(struct state *s, zk_zxid z)
{
    static const struct tree_sink nowhere;
    struct txn txn;

    ck_assert(txn_parse(&txn, history[z].at, history[z].len));
    state_apply(s, &txn, NULL, &nowhere);
}

/* What the txn makes of it: as in a log, an absolute value. */
static inline int32_t next_cversion(const char *path)
{
    struct jute_bytes name;
    struct znode_raw raw;

    znode_raw(state.tree, tree_find_parent(state.tree, jute_text(path), &name), &raw);
    return raw.cversion + 1;
}

static inline void apply(int32_t type, int64_t session, const struct bytes *record)
{
    zxid++;
    struct txn_header head = {
        .session_id = session, .cxid = 1, .zxid = zxid, .time_ms = 1000 + zxid, .type = type
    };

    ck_assert_int_lt(zxid, (zk_zxid)(sizeof history / sizeof history[0]));
    jute_write_txn_header(&history[zxid], &head);
    bytes_put(&history[zxid], record->at, record->len);
    replay(&state, zxid);
}

static inline void open_session(int64_t id)
{
    struct create_session_txn txn = { .timeout_ms = (int32_t)(id * 1000) };
    struct bytes record = { .at = NULL };

    jute_write_create_session_txn(&record, &txn);
    apply(ZK_OP_CREATE_SESSION, id, &record);
    bytes_done(&record);
}

/* A list of its own for each number, or, for 0, open to all. */
static inline struct jute_vector acl_of(struct bytes *out, int number)
{
    char id[32];
    int len = snprintf(id, sizeof id, "user%d:x", number);
    struct jute_bytes text = { .at = (const uint8_t *)id, .len = len };

    out->len = 0;
    if (number == 0)
        jute_write_acl(out, (struct jute_acl){ 31, jute_text("world"), jute_text("anyone") });
    else
        jute_write_acl(out, (struct jute_acl){ 7, jute_text("digest"), text });
    return jute_vector_of(out, 1);
}

static inline void create(const char *path, int32_t type, int64_t session, int32_t len, int acl)
{
    struct bytes record = { .at = NULL };
    struct bytes entry = { .at = NULL };
    uint8_t *data = zk_xcalloc(1, (size_t)(len > 0 ? len : 1));
    struct jute_bytes value = { .at = data, .len = len };

    memset(data, 'x', (size_t)(len > 0 ? len : 1));
    if (type == ZK_OP_CREATE_TTL) {
        struct create_ttl_txn txn = { .path = jute_text(path),
                                      .data = value,
                                      .acl = acl_of(&entry, acl),
                                      .parent_cversion = next_cversion(path),
                                      .ttl_ms = 5000 };

        jute_write_create_ttl_txn(&record, &txn);
    } else if (type == ZK_OP_CREATE_CONTAINER) {
        struct create_container_txn txn = { .path = jute_text(path),
                                            .data = value,
                                            .acl = acl_of(&entry, acl),
                                            .parent_cversion = next_cversion(path) };

        jute_write_create_container_txn(&record, &txn);
    } else {
        struct create_txn txn = { .path = jute_text(path),
                                  .data = value,
                                  .acl = acl_of(&entry, acl),
                                  .ephemeral = session != 0,
                                  .parent_cversion = next_cversion(path) };

        jute_write_create_txn(&record, &txn);
    }
    apply(type, session, &record);
    bytes_done(&record);
    bytes_done(&entry);
    free(data);
}

static inline void delete (const char *path)
{
    struct delete_txn txn = { .path = jute_text(path) };
    struct bytes record = { .at = NULL };

    jute_write_delete_txn(&record, &txn);
    apply(ZK_OP_DELETE, 0, &record);
    bytes_done(&record);
}

/* A little of everything. */
static inline void fill(void)
{
    char path[64];

    open_session(7);
    open_session(8);
    create("/a", ZK_OP_CREATE, 0, 3, 0);
    create("/a/b", ZK_OP_CREATE, 0, -1, 1);
    create("/a/b/c", ZK_OP_CREATE, 0, 0, 2);
    create("/e", ZK_OP_CREATE, 7, 1, 0);
    create("/a/e", ZK_OP_CREATE, 8, 200, 3);
    create("/t", ZK_OP_CREATE_TTL, 0, 5, 0);
    create("/k", ZK_OP_CREATE_CONTAINER, 0, 5, 0);
    create("/k/\xc3\xa9", ZK_OP_CREATE, 0, 5, 0);
    create("/gone", ZK_OP_CREATE, 0, 5, 9);
    delete ("/gone");
    for (int i = 0; i < 20; i++) {
        (void)snprintf(path, sizeof path, "/k/n%d", i);
        create(path, ZK_OP_CREATE, 0, i * 7, i % 3);
    }
}

/* ---- Streams. */

static inline void dump_all(struct state *s, size_t step, struct bytes *out)
{
    struct dump_stream *d = dump_stream_begin(s);
    int r;

    ck_assert_int_eq(dump_stream_zxid(d), tree_zxid(s->tree));
    while ((r = dump_stream_step(d, s, step, out)) == 0)
        continue;
    ck_assert_int_eq(r, 1);
    dump_stream_free(d, s);
}

static inline struct load_stream *begin_load(void)
{
    struct state empty;
    struct load_stream *l;

    new_state(&empty);
    l = load_stream_begin(&empty);
    ck_assert_ptr_null(empty.tree);
    return l;
}

/* Feeds a piece that lies in memory of just its size. Returns what feed returns. */
static inline int64_t feed(struct load_stream *l, const uint8_t *at, size_t len, bool *ret_done)
{
    uint8_t *piece = zk_xmalloc(len + (len == 0 ? 1 : 0));
    int64_t r;

    if (len > 0)
        memcpy(piece, at, len);
    r = load_stream_feed(l, piece, len, ret_done);
    free(piece);
    return r;
}

#endif
