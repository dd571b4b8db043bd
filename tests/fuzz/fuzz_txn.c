/* Fuzz target of floor server/tree: log payloads, as a file or a peer may bring them.
 *
 * The first byte sets the tree's options. What follows is a list of steps: a byte
 * that says what to do, and mostly a length of two bytes and that many bytes:
 *   - a whole payload for txn_parse(), applied if it is accepted;
 *   - a record, whose head is made up here, so that it need not be guessed;
 *   - a watch, a look for expired nodes, a step of the walk, the end of a session.
 * Broken laws abort. They are: the digest is the sum over all nodes; what the walk
 * finds is as many nodes as are counted, each found by its path; nothing is left of a
 * session that was ended.
 *
 * clang -g -O1 -std=c11 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined -I.
 *   tests/fuzz/fuzz_txn.c (all of server/tree/ and jute/) util/bytes.c util/check.c -lz */
#include <stdlib.h>

#include "jute/opcodes.h"
#include "server/tree/tree.h"
#include "server/tree/watch.h"
#include "util/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void heard(void *ctx, const struct tree_event *ev, const uint32_t *watchers, size_t count)
{
    struct tree *t = ctx;

    zk_assert(ev->path.len >= 0 && count > 0);
    for (size_t i = 0; i < count; i++)
        zk_assert(watchers[i] < 256);
    (void)tree_acl(t, ev->acl);
}

static void answered(void *ctx, const struct tree_result *result)
{
    (void)ctx;
    zk_assert(result->err <= 0 || result->type == ZK_OP_ERROR);
}

static void check_node(const struct tree *t, const struct znode *n, struct jute_bytes path)
{
    struct jute_bytes name;
    struct zk_stat stat;

    zk_assert(tree_find(t, path) == n);
    znode_stat(t, n, &stat);
    zk_assert(znode_data(t, n).len <= 0 || stat.data_length == znode_data(t, n).len);
    (void)tree_acl(t, znode_acl(n));
    if (path.len > 1) {
        const struct znode *parent = tree_find_parent(t, path, &name);

        zk_assert(parent == tree_parent(t, n) && jute_bytes_equal(name, znode_name(t, n)));
        zk_assert(znode_child_count(t, parent) > 0);
    }
}

static void check_laws(struct tree *t)
{
    struct tree_totals totals;
    struct bytes path = { 0 };
    uint64_t digest = 0;
    uint64_t nodes = 0;
    uint64_t ephemerals = 0;

    struct tree_walk walk;

    tree_walk_begin(t, &walk);
    for (struct znode *n = tree_walk_next(&walk); n != NULL; n = tree_walk_next(&walk)) {
        struct znode_raw raw;

        path.len = 0;
        znode_path(t, n, &path);

        struct jute_bytes at = { .at = path.at, .len = (int32_t)path.len };

        check_node(t, n, at);
        znode_raw(t, n, &raw);
        if (digest_counts(at))
            digest += digest_of(digest_content_crc(at, znode_data(t, n)), &raw);
        ephemerals += znode_kind_of(t, raw.owner) == ZNODE_EPHEMERAL;
        nodes++;
    }
    tree_walk_end(&walk);
    tree_totals(t, &totals);
    zk_assert(digest == tree_digest(t));
    zk_assert(nodes == totals.nodes && ephemerals == totals.ephemerals);
    bytes_done(&path);
}

struct fuzz {
    struct tree *t;
    struct tree_walk walk;
    struct watch_table *w;
    zk_zxid zxid;
    struct jute_in in;
};

static uint8_t take_byte(struct fuzz *f)
{
    const uint8_t *p = jute_take(&f->in, 1);

    return p != NULL ? *p : 0;
}

/* A copy of exact size, so that ASan sees one byte too far. */
static uint8_t *take_bytes(struct fuzz *f, size_t *ret_len)
{
    size_t len = (size_t)take_byte(f) << 8;

    len |= take_byte(f);
    if (len > jute_left(&f->in))
        len = jute_left(&f->in);

    const uint8_t *from = jute_take(&f->in, len);
    uint8_t *exact = malloc(len > 0 ? len : 1);

    zk_assert(exact != NULL);
    if (from != NULL && len > 0)
        memcpy(exact, from, len);
    *ret_len = from != NULL ? len : 0;
    return exact;
}

static void apply(struct fuzz *f, const struct txn *txn)
{
    struct tree_sink sink = { .ctx = f->t, .event = heard, .result = answered };

    tree_apply(f->t, txn, f->w, &sink);
    zk_assert(tree_zxid(f->t) >= txn->head.zxid);
    if (txn->head.type == ZK_OP_CLOSE_SESSION)
        zk_assert(tree_first_ephemeral(f->t, txn->head.session_id) == NULL);
}

static void step_payload(struct fuzz *f)
{
    size_t len;
    uint8_t *payload = take_bytes(f, &len);
    struct txn txn;

    if (txn_parse(&txn, payload, len))
        apply(f, &txn);
    free(payload);
}

static void step_record(struct fuzz *f)
{
    struct txn txn = { .head = { .type = (int8_t)take_byte(f),
                                 .session_id = take_byte(f),
                                 .zxid = ++f->zxid,
                                 .time_ms = f->zxid } };
    size_t len;
    uint8_t *record = take_bytes(f, &len);

    txn.body = jute_in(record, len);
    apply(f, &txn);
    free(record);
}

static void step_watch(struct fuzz *f)
{
    uint8_t mode = take_byte(f);
    uint32_t watcher = take_byte(f);
    size_t len;
    uint8_t *path = take_bytes(f, &len);
    struct jute_bytes at = { .at = path, .len = (int32_t)len };

    if (mode < 16)
        watch_add(f->w, at, watcher, (enum watch_mode)mode);
    else if (mode < 32)
        (void)watch_remove(f->w, at, watcher, mode - 16);
    else
        watch_remove_all(f->w, watcher);
    free(path);
}

static void expired(void *ctx, struct jute_bytes path)
{
    zk_assert(tree_find(ctx, path) != NULL);
}

static void step(struct fuzz *f)
{
    switch (take_byte(f) % 8) {
    case 0:
        step_payload(f);
        break;
    case 1:
        step_watch(f);
        break;
    case 2:
        (void)tree_expired(f->t, take_byte(f), take_byte(f), 3, expired, f->t);
        break;
    case 3:
        (void)tree_walk_next(&f->walk);
        break;
    case 4:
        (void)tree_kill_session(f->t, take_byte(f));
        break;
    default:
        step_record(f);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz f = { .in = jute_in(data, size) };
    uint8_t options = take_byte(&f);
    struct tree_conf conf = { .hash_seed = 1,
                              .extended_types = (options & 1) != 0,
                              .emulate_353 = (options & 2) != 0,
                              .digest = true };

    zk_assert(tree_new(&f.t, &conf) == 0);
    f.w = watch_table_new(1);
    zk_assert(f.w != NULL);
    tree_walk_begin(f.t, &f.walk);
    while (jute_left(&f.in) > 0)
        step(&f);
    check_laws(f.t);
    watch_table_free(f.w);
    tree_free(f.t);
    return 0;
}
