#include "server/state/dump.h"

#include <stdlib.h>

#include "jute/codec.h"
#include "server/state/dump_nodes.h"
#include "util/check.h"

#define SNAPSHOT_MAGIC UINT32_C(0x5a4b534e) /* "ZKSN" */

enum {
    SNAPSHOT_VERSION = 2,
    DIGEST_VERSION = 2,
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
    struct dump_nodes nodes;
};

/* ---- The beginning. */

static void put_begin(struct bytes *out, struct state *s)
{
    jute_write_i32(out, (int32_t)SNAPSHOT_MAGIC);
    jute_write_i32(out, SNAPSHOT_VERSION);
    jute_write_i64(out, -1); /* dbid. */
    dump_put_head(out, s);
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
    dump_nodes_begin(&d->nodes, s->tree);
    *ret = d;
    return 0;
}

/* ---- The end. */

static void hand_over(struct dump *d)
{
    snapshot_writer_put(d->writer, &d->chunk);
}

/* What the last txn left is told, not what the walk began with (storage-format 3.3): by
 * then its traces are in the nodes. Zxid 0 stands for no digest: of a tree that has traces of
 * other txns, too, it would be held against the next txn at the next start. */
static void put_tail(struct dump *d, const struct state *s)
{
    zk_zxid zxid = tree_zxid(s->tree);
    bool has_digest = zxid != 0 && !s->is_fuzzy;

    jute_write_str(&d->chunk, jute_text("/"));
    hand_over(d);
    snapshot_writer_seal(d->writer);
    if (d->digest_on) {
        jute_write_i64(&d->chunk, has_digest ? zxid : 0);
        jute_write_i32(&d->chunk, DIGEST_VERSION);
        jute_write_i64(&d->chunk, has_digest ? (int64_t)tree_digest(s->tree) : 0);
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

static void walk_some(struct dump *d, uint64_t until_us, uint64_t (*now_us)(void),
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
        if (!dump_nodes_put(&d->nodes, &d->chunk, BYTES_A_LOOK, NODES_A_LOOK)) {
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
    if (r == 0 && d->phase != PHASE_WAIT) /* Until the tail is written the tree must be there. */
        r = dump_nodes_resume(&d->nodes);
    if (r != 0)
        return r;
    if (d->phase == PHASE_WALK)
        walk_some(d, budget_us > UINT64_MAX - begin ? UINT64_MAX : begin + budget_us, now_us,
                  ret_wants_cpu);
    if (d->phase == PHASE_TAIL && snapshot_writer_has_room(d->writer)) {
        put_tail(d, s);
        dump_nodes_end(&d->nodes);
        d->phase = PHASE_WAIT;
    }
    return 0;
}

struct dump *dump_free(struct dump *d, struct state *s)
{
    if (d == NULL)
        return NULL;
    (void)s;
    dump_nodes_end(&d->nodes);
    snapshot_writer_free(d->writer);
    bytes_done(&d->chunk);
    free(d);
    return NULL;
}

zk_zxid dump_zxid(const struct dump *d)
{
    return d->zxid;
}
