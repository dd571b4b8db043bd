#include "server/state/dump.h"

#include <errno.h>
#include <stdlib.h>

#include "jute/records.h"
#include "util/check.h"

#define SNAPSHOT_MAGIC UINT32_C(0x5a4b534e) /* "ZKSN" */

enum {
    SNAPSHOT_VERSION = 2,
    DIGEST_VERSION = 2,
    STAT_BYTES = 60,
    /* How often the clock is asked. */
    NODES_A_LOOK = 16,
    BYTES_A_LOOK = 16 * 1024,
};

enum phase { PHASE_WALK, PHASE_TAIL, PHASE_WAIT };

struct dump {
    struct snapshot_writer *writer;
    zk_zxid zxid;
    bool digest_on, zxid_on;
    enum phase phase;
    struct bytes chunk;

    /* Path of the parent of the last node: mostly that of the next, too. Only trusted
     * within one step, since pointers are. */
    const struct znode *parent;
    struct bytes parent_path; /* Without a slash at its end. */
};

/* ---- The beginning. */

static void put_session(void *ctx, zk_session_id id, int32_t timeout_ms)
{
    struct bytes *out = ctx;

    jute_write_i64(out, id);
    jute_write_i32(out, timeout_ms);
}

struct acl_dump {
    struct bytes *out;
    int32_t count;
};

static void put_acl(void *ctx, int32_t id, struct jute_vector acls)
{
    struct acl_dump *a = ctx;

    jute_write_i64(a->out, id);
    jute_write_acls(a->out, acls);
    a->count++;
}

static void put_begin(struct bytes *out, struct state *s)
{
    struct acl_dump acls = { .out = out };

    jute_write_i32(out, (int32_t)SNAPSHOT_MAGIC);
    jute_write_i32(out, SNAPSHOT_VERSION);
    jute_write_i64(out, -1); /* dbid. */
    jute_write_i32(out, (int32_t)session_book_count(s->sessions));
    session_book_each(s->sessions, put_session, out);

    size_t count_at = out->len;

    jute_write_i32(out, 0);
    tree_each_acl(s->tree, put_acl, &acls);
    (void)jute_store32(out->at + count_at, (uint32_t)acls.count);
}

int dump_begin(struct dump **ret, struct state *s, const char *snap_dir, enum snapshot_codec codec,
               bool digest_on, bool zxid_on, int notify_fd)
{
    struct dump *d = zk_xcalloc(1, sizeof *d);
    int r = snapshot_writer_open(&d->writer, snap_dir, tree_zxid(s->tree), codec, notify_fd);

    if (r < 0) {
        free(d);
        return r;
    }
    d->zxid = tree_zxid(s->tree);
    d->digest_on = digest_on;
    /* Alone, ZooKeeper would take the last-zxid section for the digest (storage-format 3.3). */
    d->zxid_on = digest_on && zxid_on;
    put_begin(&d->chunk, s);
    tree_walk_begin(s->tree);
    *ret = d;
    return 0;
}

/* ---- The nodes. */

/* The path as a snapshot has it: the root is "". */
static size_t put_path(struct dump *d, const struct tree *t, const struct znode *n)
{
    const struct znode *parent = tree_parent(t, n);
    struct jute_bytes name = znode_name(t, n);
    struct bytes *out = &d->chunk;

    if (parent == NULL) {
        jute_write_i32(out, 0);
        return 4;
    }
    if (parent != d->parent) {
        d->parent = parent;
        d->parent_path.len = 0;
        if (tree_parent(t, parent) != NULL)
            znode_path(t, parent, &d->parent_path);
    }

    size_t len = d->parent_path.len + 1 + (size_t)name.len;

    jute_write_i32(out, (int32_t)len);
    bytes_put(out, d->parent_path.at, d->parent_path.len);
    bytes_put(out, "/", 1);
    bytes_put(out, name.at, (size_t)name.len);
    return 4 + len;
}

/* Returns the bytes it took. */
static size_t put_node(struct dump *d, const struct tree *t, const struct znode *n)
{
    struct znode_raw raw;
    struct jute_bytes data = znode_data(t, n);
    size_t path_bytes = put_path(d, t, n);

    jute_write_buf(&d->chunk, data);
    znode_raw(t, n, &raw);

    uint8_t *p = bytes_room(&d->chunk, 8 + STAT_BYTES);

    p = jute_store64(p, (uint64_t)(int64_t)znode_acl(n));
    p = jute_store64(p, (uint64_t)raw.czxid);
    p = jute_store64(p, (uint64_t)raw.mzxid);
    p = jute_store64(p, (uint64_t)raw.ctime);
    p = jute_store64(p, (uint64_t)raw.mtime);
    p = jute_store32(p, (uint32_t)raw.version);
    p = jute_store32(p, (uint32_t)raw.cversion);
    p = jute_store32(p, (uint32_t)raw.aversion);
    p = jute_store64(p, (uint64_t)raw.owner);
    (void)jute_store64(p, (uint64_t)raw.pzxid);
    bytes_added(&d->chunk, 8 + STAT_BYTES);
    return path_bytes + jute_size_buf(data) + 8 + STAT_BYTES;
}

/* Some nodes, few enough to look at the clock afterwards. False: the walk is over. */
static bool put_nodes(struct dump *d, struct tree *t)
{
    size_t bytes = 0;

    for (int i = 0; i < NODES_A_LOOK && bytes < BYTES_A_LOOK; i++) {
        struct znode *n = tree_walk_next(t);

        if (n == NULL)
            return false;
        bytes += put_node(d, t, n);
    }
    return true;
}

/* ---- The end. */

static void hand_over(struct dump *d)
{
    snapshot_writer_put(d->writer, &d->chunk);
}

/* What the last txn left is told, not what the walk began with (storage-format 3.3): by
 * then its traces are in the nodes. Zxid 0 stands for no digest. */
static void put_tail(struct dump *d, const struct tree *t)
{
    zk_zxid zxid = tree_zxid(t);

    jute_write_str(&d->chunk, jute_text("/"));
    hand_over(d);
    snapshot_writer_seal(d->writer);
    if (d->digest_on) {
        jute_write_i64(&d->chunk, zxid);
        jute_write_i32(&d->chunk, DIGEST_VERSION);
        jute_write_i64(&d->chunk, zxid != 0 ? (int64_t)tree_digest(t) : 0);
        hand_over(d);
        snapshot_writer_seal(d->writer);
    }
    if (d->zxid_on) {
        jute_write_i64(&d->chunk, zxid);
        hand_over(d);
        snapshot_writer_seal(d->writer);
    }
    snapshot_writer_end(d->writer);
}

static void walk_some(struct dump *d, struct state *s, uint64_t until_us, uint64_t (*now_us)(void),
                      bool *ret_wants_cpu)
{
    do {
        if (d->chunk.len >= SNAPSHOT_CHUNK_BYTES) {
            if (!snapshot_writer_has_room(d->writer))
                return;
            hand_over(d);
        }
        if (d->chunk.cap == 0) /* At once, instead of growing there. */
            (void)bytes_room(&d->chunk, SNAPSHOT_CHUNK_BYTES + BYTES_A_LOOK);
        if (!put_nodes(d, s->tree)) {
            tree_walk_end(s->tree);
            d->phase = PHASE_TAIL;
            return;
        }
    } while (now_us() < until_us);
    *ret_wants_cpu = true;
}

int dump_step(struct dump *d, struct state *s, uint64_t budget_us, uint64_t (*now_us)(void),
              bool *ret_wants_cpu)
{
    uint64_t bytes;
    uint64_t begin = now_us();
    int r = snapshot_writer_state(d->writer, &bytes);

    *ret_wants_cpu = false;
    if (r != 0)
        return r;
    d->parent = NULL;
    if (d->phase == PHASE_WALK)
        walk_some(d, s, budget_us > UINT64_MAX - begin ? UINT64_MAX : begin + budget_us, now_us,
                  ret_wants_cpu);
    if (d->phase == PHASE_TAIL && snapshot_writer_has_room(d->writer)) {
        put_tail(d, s->tree);
        d->phase = PHASE_WAIT;
    }
    return 0;
}

struct dump *dump_free(struct dump *d, struct state *s)
{
    if (d == NULL)
        return NULL;
    if (d->phase == PHASE_WALK)
        tree_walk_end(s->tree);
    snapshot_writer_free(d->writer);
    bytes_done(&d->chunk);
    bytes_done(&d->parent_path);
    free(d);
    return NULL;
}

zk_zxid dump_zxid(const struct dump *d)
{
    return d->zxid;
}
