#include "server/state/load_stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jute/codec.h"
#include "server/state/load.h"
#include "server/store/limits.h"
#include "util/check.h"

enum {
    SESSION_BYTES = 12,
    STAT_BYTES = 60,
    ACL_HEAD_BYTES = 12, /* Id and count. */
    HELD_BYTES_KEPT = 64 * 1024,
};

/* What comes next. */
enum phase {
    PHASE_SESSION_COUNT,
    PHASE_SESSION,
    PHASE_ACL_COUNT,
    PHASE_ACL,
    PHASE_NODE,
    PHASE_SIGNATURE,
    PHASE_OVER,
    PHASE_BAD,
};

struct load_stream {
    struct state state;
    struct intake intake;
    enum phase phase;
    int32_t left;      /* Sessions or ACL lists to come. */
    uint64_t offset;   /* Of the item, in the stream. */
    struct bytes held; /* The beginning of an item whose end has not come yet. */
    size_t need;       /* Bytes of the item that must be there before it is looked at again. */
    /* Of an ACL list: the entries known to be there, and where the next begins. So that a list
     * in a thousand pieces is not looked through a thousand times. */
    int32_t acl_count;
    size_t acl_at;
    char why[STORE_WHY_MAX];
};

struct load_stream *load_stream_begin(struct state *empty)
{
    struct load_stream *l = zk_xcalloc(1, sizeof *l);

    l->state = *empty;
    *empty = (struct state){ .tree = NULL };
    l->intake = (struct intake){ .state = &l->state, .from = "snapshot stream", .why = l->why };
    tree_load_begin(l->state.tree, 0);
    return l;
}

/* ---- Items. Each step looks at one: `len` bytes from its beginning on. It returns its size
 * after taking it in, 0 when more is needed (l->need), or a negative errno. */

static bool has(struct load_stream *l, size_t len, size_t need)
{
    l->need = need;
    return len >= need;
}

static int damaged(struct load_stream *l, const char *what)
{
    (void)snprintf(l->why, sizeof l->why, "%s: offset %" PRIu64 ": %s", l->intake.from, l->offset,
                   what);
    return -EBADMSG;
}

static int64_t take_count(struct load_stream *l, const uint8_t *p, size_t len, enum phase items,
                          enum phase behind)
{
    if (!has(l, len, 4))
        return 0;
    l->left = (int32_t)jute_load32(p);
    l->phase = l->left > 0 ? items : behind; /* Below zero there are none, as in a file. */
    return 4;
}

static int64_t take_session(struct load_stream *l, const uint8_t *p, size_t len)
{
    int r;

    if (!has(l, len, SESSION_BYTES))
        return 0;
    r = intake_session(&l->intake, (zk_session_id)jute_load64(p), (int32_t)jute_load32(p + 8));
    if (--l->left == 0)
        l->phase = PHASE_ACL_COUNT;
    return r < 0 ? r : SESSION_BYTES;
}

/* Moves *at over a string. 1, 0: more is needed, or negative. */
static int pass_string(struct load_stream *l, const uint8_t *p, size_t len, size_t *at)
{
    if (!has(l, len, *at + 4))
        return 0;

    int32_t count = (int32_t)jute_load32(p + *at);

    if (count < -1 || count > SNAPSHOT_ITEM_MAX)
        return damaged(l, "a string has an impossible length");
    *at += 4 + (count > 0 ? (size_t)count : 0);
    return has(l, len, *at);
}

/* One entry of an ACL list: perms, scheme, id. */
static int pass_acl(struct load_stream *l, const uint8_t *p, size_t len)
{
    size_t at = l->acl_at + 4;
    int r = pass_string(l, p, len, &at);

    if (r > 0)
        r = pass_string(l, p, len, &at);
    if (r > 0 && at > SNAPSHOT_ITEM_MAX)
        r = damaged(l, "an ACL list is too long");
    if (r > 0) {
        l->acl_at = at;
        l->acl_count++;
    }
    return r;
}

static int64_t take_acl(struct load_stream *l, const uint8_t *p, size_t len)
{
    int r = 1;

    if (!has(l, len, ACL_HEAD_BYTES))
        return 0;

    int32_t count = (int32_t)jute_load32(p + 8);

    if (l->acl_at == 0) {
        l->acl_at = ACL_HEAD_BYTES;
        l->acl_count = 0;
    }
    while (r > 0 && l->acl_count < count)
        r = pass_acl(l, p, len);
    if (r <= 0)
        return r;

    size_t size = l->acl_at;
    struct jute_vector acls = { .at = p + ACL_HEAD_BYTES,
                                .len = size - ACL_HEAD_BYTES,
                                .count = count < -1 ? 0 : count };

    r = intake_acl(&l->intake, (int64_t)jute_load64(p), acls);
    l->acl_at = 0;
    if (--l->left == 0)
        l->phase = PHASE_NODE;
    return r < 0 ? r : (int64_t)size;
}

static int64_t take_node(struct load_stream *l, const uint8_t *p, size_t len)
{
    if (!has(l, len, 4))
        return 0;

    int32_t path_len = (int32_t)jute_load32(p);

    if (path_len < 0 || path_len > SNAPSHOT_ITEM_MAX)
        return damaged(l, "a path has an impossible length");

    size_t data_at = 4 + (size_t)path_len;

    if (!has(l, len, data_at))
        return 0;
    if (path_len == 1 && p[4] == '/') {
        l->phase = PHASE_SIGNATURE;
        return (int64_t)data_at;
    }
    if (!has(l, len, data_at + 4))
        return 0;

    int32_t data_len = (int32_t)jute_load32(p + data_at);

    if (data_len < -1 || data_len > SNAPSHOT_ITEM_MAX)
        return damaged(l, "the data of a znode has an impossible length");

    size_t acl_at = data_at + 4 + (data_len > 0 ? (size_t)data_len : 0);
    size_t size = acl_at + 8 + STAT_BYTES;

    if (!has(l, len, size))
        return 0;

    struct jute_bytes path = { .at = p + 4, .len = path_len };
    struct jute_bytes data = { .at = data_len > 0 ? p + data_at + 4 : NULL, .len = data_len };
    int r = intake_node(&l->intake, path, data, (int64_t)jute_load64(p + acl_at), p + acl_at + 8);

    return r < 0 ? r : (int64_t)size;
}

static int64_t take_signature(struct load_stream *l, const uint8_t *p, size_t len)
{
    static const char signature[] = STREAM_SIGNATURE;
    size_t size = sizeof signature - 1;

    if (!has(l, len, 4))
        return 0;
    if (jute_load32(p) != size)
        return damaged(l, "the signature is wrong");
    if (!has(l, len, 4 + size))
        return 0;
    if (memcmp(p + 4, signature, size) != 0)
        return damaged(l, "the signature is wrong");
    l->phase = PHASE_OVER;
    return (int64_t)(4 + size);
}

static int64_t step(struct load_stream *l, const uint8_t *p, size_t len)
{
    int64_t r = 0;

    switch (l->phase) {
    case PHASE_SESSION_COUNT:
        r = take_count(l, p, len, PHASE_SESSION, PHASE_ACL_COUNT);
        break;
    case PHASE_SESSION:
        r = take_session(l, p, len);
        break;
    case PHASE_ACL_COUNT:
        r = take_count(l, p, len, PHASE_ACL, PHASE_NODE);
        break;
    case PHASE_ACL:
        r = take_acl(l, p, len);
        break;
    case PHASE_NODE:
        r = take_node(l, p, len);
        break;
    case PHASE_SIGNATURE:
        r = take_signature(l, p, len);
        break;
    case PHASE_OVER:
    case PHASE_BAD:
        r = -EBADMSG;
        break;
    }
    if (r > 0)
        l->offset += (uint64_t)r;
    return r;
}

/* ---- Pieces. */

/* An item that came in part before: just what it needs is taken, so that what is held is one
 * item. Returns the bytes taken. */
static int64_t feed_held(struct load_stream *l, const uint8_t *at, size_t len)
{
    size_t want = l->need - l->held.len;
    size_t count = want < len ? want : len;

    bytes_put(&l->held, at, count);
    if (l->held.len < l->need)
        return (int64_t)count;

    int64_t r = step(l, l->held.at, l->held.len);

    if (r < 0)
        return r;
    if (r > 0) {
        zk_assert((size_t)r == l->held.len);
        l->held.len = 0;
        if (l->held.cap > HELD_BYTES_KEPT)
            bytes_done(&l->held);
    }
    return (int64_t)count;
}

static int64_t feed_some(struct load_stream *l, const uint8_t *at, size_t len)
{
    if (l->held.len > 0)
        return feed_held(l, at, len);

    int64_t r = step(l, at, len);

    if (r != 0)
        return r;
    bytes_put(&l->held, at, len);
    return (int64_t)len;
}

int64_t load_stream_feed(struct load_stream *l, const uint8_t *at, size_t len, bool *ret_done)
{
    size_t taken = 0;

    while (taken < len && l->phase != PHASE_OVER) {
        int64_t r = feed_some(l, at + taken, len - taken);

        if (r < 0) {
            l->phase = PHASE_BAD;
            return r;
        }
        taken += (size_t)r;
    }
    *ret_done = l->phase == PHASE_OVER;
    return (int64_t)taken;
}

const char *load_stream_why(const struct load_stream *l)
{
    return l->why;
}

int load_stream_end(struct load_stream *l, zk_zxid zxid, struct state *ret)
{
    int r = l->phase == PHASE_OVER ? 0 : damaged(l, "it is not over");

    if (r == 0)
        r = intake_end(&l->intake, zxid);
    if (r < 0)
        return r;
    *ret = l->state;
    l->state = (struct state){ .tree = NULL };
    return 0;
}

struct load_stream *load_stream_free(struct load_stream *l)
{
    if (l == NULL)
        return NULL;
    state_done(&l->state);
    bytes_done(&l->held);
    free(l);
    return NULL;
}
