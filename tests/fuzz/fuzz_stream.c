/* Fuzz target of snapshot streams: server/state/load_stream, and the tree that is filled from it.
 *
 * Input: a byte of flags, a seed, then the stream. FLAG_END puts the terminator and the signature
 * behind it.
 *
 * Laws: the stream is taken, or refused, in the same way in one piece and in random ones; what
 * loads is dumped again, and that loads to the same tree and sessions. */
#include <stdlib.h>
#include <string.h>

#include "jute/codec.h"
#include "server/state/dump_stream.h"
#include "server/state/load_stream.h"
#include "util/check.h"
#include "util/rand.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLAG_END = 1, HEAD_BYTES = 2, ZXID = 5 };

static const struct tree_conf conf = { .hash_seed = 1, .extended_types = true, .digest = true };

/* Feeds all in pieces of at most `most` bytes, each in memory of its own. Returns what was taken,
 * or -1, and whether it is over. */
static int64_t feed(struct load_stream *l, const struct bytes *b, size_t most,
                    struct rand_state *rnd, bool *ret_done)
{
    size_t at = 0;

    *ret_done = false;
    while (at < b->len && !*ret_done) {
        size_t len = (size_t)rand_below(rnd, most) + 1;
        uint8_t *piece;
        int64_t taken;

        len = len < b->len - at ? len : b->len - at;
        piece = zk_xmalloc(len);
        memcpy(piece, b->at + at, len);
        taken = load_stream_feed(l, piece, len, ret_done);
        free(piece);
        if (taken < 0) {
            zk_assert(load_stream_why(l)[0] != '\0');
            return -1;
        }
        zk_assert((size_t)taken == len || *ret_done);
        at += (size_t)taken;
    }
    return (int64_t)at;
}

/* -1: refused; else the bytes taken, and the state if it came to one. */
static int64_t load(struct state *ret, const struct bytes *b, size_t most, uint64_t seed,
                    bool *ret_has_state)
{
    struct state empty;
    struct load_stream *l;
    struct rand_state rnd;
    bool done;
    int64_t taken;

    rand_seed(&rnd, seed);
    zk_assert(tree_new(&empty.tree, &conf) == 0);
    empty.sessions = session_book_new(1);
    l = load_stream_begin(&empty);
    taken = feed(l, b, most, &rnd, &done);
    *ret_has_state = done && load_stream_end(l, ZXID, ret) == 0;
    load_stream_free(l);
    return taken;
}

static void sum_session(void *ctx, zk_session_id id, int32_t timeout_ms)
{
    uint64_t *sum = ctx;

    *sum += (uint64_t)id * 31 + (uint64_t)timeout_ms;
}

static void check_same(struct state *x, struct state *y)
{
    struct tree_totals a;
    struct tree_totals b;
    uint64_t x_sum = 0;
    uint64_t y_sum = 0;

    tree_totals(x->tree, &a);
    tree_totals(y->tree, &b);
    session_book_each(x->sessions, sum_session, &x_sum);
    session_book_each(y->sessions, sum_session, &y_sum);
    zk_assert(a.nodes == b.nodes && a.ephemerals == b.ephemerals && a.data_bytes == b.data_bytes);
    zk_assert(tree_digest(x->tree) == tree_digest(y->tree) && x_sum == y_sum);
}

static void check_again(struct state *s, size_t step)
{
    struct dump_stream *d = dump_stream_begin(s);
    struct bytes b = { .at = NULL };
    struct state again;
    bool has_state;

    while (dump_stream_step(d, s, step, &b) == 0)
        continue;
    dump_stream_free(d, s);
    zk_assert(load(&again, &b, b.len, 1, &has_state) == (int64_t)b.len && has_state);
    check_same(s, &again);
    state_done(&again);
    bytes_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes b = { .at = NULL };
    struct state one;
    struct state other;
    bool has_one;
    bool has_other;

    if (size < HEAD_BYTES)
        return 0;
    bytes_put(&b, data + HEAD_BYTES, size - HEAD_BYTES);
    if ((data[0] & FLAG_END) != 0) {
        jute_write_str(&b, jute_text("/"));
        jute_write_str(&b, jute_text(STREAM_SIGNATURE));
    }

    int64_t taken = load(&one, &b, b.len + 1, 1, &has_one);
    int64_t in_pieces = load(&other, &b, data[1] % 64u + 1u, data[1], &has_other);

    zk_assert(taken == in_pieces && has_one == has_other);
    if (has_one) {
        check_same(&one, &other);
        check_again(&one, data[1] + 1u);
        state_done(&one);
        state_done(&other);
    }
    bytes_done(&b);
    return 0;
}
