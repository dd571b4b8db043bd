/* Operations on watches themselves (client-protocol 4.6, 4.7). */
#include "server/request/limits.h"
#include "server/request/read.h"
#include "server/request/route.h"

enum { REPLAY_ZXID = -1 }; /* Events of setWatches carry no txn. */

void watch_set(const struct call *call, struct jute_bytes path, enum watch_mode mode)
{
    struct client *c = call->client;
    struct service *s = c->service;
    uint64_t held = watch_path_bytes_of(s->watches, c->watcher);
    uint64_t len = path.len > 0 ? (uint64_t)path.len : 0;
    bool too_much = held + len > WATCH_CLIENT_BYTES_MAX ||
                    (held + len > WATCH_FREE_BYTES &&
                     watch_path_bytes(s->watches) + len > WATCH_TOTAL_BYTES_MAX);

    if (too_much) {
        s->stats.watch_limit_closed++;
        route_doom(c);
        return;
    }
    watch_add(s->watches, watch_key(call, path), c->watcher, mode);
}

static void replay(struct client *c, int32_t type, struct jute_bytes path)
{
    struct watcher_event ev = { .type = type, .state = ZK_STATE_SYNC_CONNECTED, .path = path };
    struct reply_header head = { .xid = ZK_XID_WATCH, .zxid = REPLAY_ZXID };
    size_t begin = c->out.len;
    size_t size = jute_size_reply_header(&head) + jute_size_watcher_event(&ev);

    jute_write_i32(&c->out, (int32_t)size);
    jute_write_reply_header(&c->out, &head);
    jute_write_watcher_event(&c->out, &ev);
    c->service->stats.packets_sent++;
    c->stats.sent++;
    reply_mark(c, begin);
}

enum watch_list { LIST_DATA, LIST_EXIST, LIST_CHILD, LIST_PERSISTENT, LIST_RECURSIVE };

/* The event that the client missed at path, or 0: then it is watched again. */
static int32_t missed(enum watch_list list, const struct tree *t, const struct znode *n,
                      zk_zxid since)
{
    struct znode_raw raw;

    if (list == LIST_EXIST)
        return n != NULL ? ZK_EVENT_NODE_CREATED : 0;
    if (n == NULL)
        return ZK_EVENT_NODE_DELETED;
    znode_raw(t, n, &raw);
    if (list == LIST_DATA)
        return raw.mzxid > since ? ZK_EVENT_NODE_DATA_CHANGED : 0;
    return raw.pzxid > since ? ZK_EVENT_NODE_CHILDREN_CHANGED : 0;
}

/* False when a null stands where none may: what came before it is done, as in ZK. */
static bool set_list(const struct call *call, enum watch_list list, struct jute_vector paths,
                     zk_zxid since)
{
    static const enum watch_mode modes[] = { WATCH_DATA, WATCH_DATA, WATCH_CHILD, WATCH_PERSISTENT,
                                             WATCH_RECURSIVE };
    struct client *c = call->client;
    const struct tree *t = c->service->state.tree;
    struct jute_in walk = jute_in(paths.at, paths.len);
    struct jute_bytes path;

    if (paths.count < 0)
        return false;
    while (jute_next_str(&walk, &path)) {
        if (path.len < 0 && list < LIST_PERSISTENT)
            return false;
        int32_t event = list >= LIST_PERSISTENT ? 0 : missed(list, t, tree_find(t, path), since);
        if (event != 0)
            replay(c, event, read_text(call, path));
        else
            watch_set(call, path, modes[list]);
    }
    return true;
}

void watch_set_all(const struct call *call)
{
    struct jute_in in = jute_in(call->body, call->len);
    struct set_watches2 r = { 0 };

    if (call->op == ZK_OP_SET_WATCHES2) {
        jute_read_set_watches2(&in, &r);
    } else {
        struct set_watches one;
        jute_read_set_watches(&in, &one);
        r.relative_zxid = one.relative_zxid;
        r.data_watches = one.data_watches;
        r.exist_watches = one.exist_watches;
        r.child_watches = one.child_watches;
    }
    bool done = !in.bad && set_list(call, LIST_DATA, r.data_watches, r.relative_zxid) &&
                set_list(call, LIST_EXIST, r.exist_watches, r.relative_zxid) &&
                set_list(call, LIST_CHILD, r.child_watches, r.relative_zxid) &&
                set_list(call, LIST_PERSISTENT, r.persistent_watches, r.relative_zxid) &&
                set_list(call, LIST_RECURSIVE, r.persistent_recursive_watches, r.relative_zxid);
    reply_error(call, done ? ZK_OK : ZK_MARSHALLING_ERROR);
}

void watch_set_one(const struct call *call)
{
    struct jute_in in = jute_in(call->body, call->len);
    struct add_watch_request r;

    jute_read_add_watch_request(&in, &r);
    if (in.bad ||
        (r.mode != ZK_ADD_WATCH_PERSISTENT && r.mode != ZK_ADD_WATCH_PERSISTENT_RECURSIVE)) {
        reply_error(call, ZK_MARSHALLING_ERROR);
        return;
    }
    watch_set(call, r.path, r.mode == ZK_ADD_WATCH_PERSISTENT ? WATCH_PERSISTENT : WATCH_RECURSIVE);
    size_t begin = reply_begin(call, ZK_OK);
    jute_write_i32(&call->client->out, ZK_OK);
    reply_end(call, begin);
}

void watch_drop_one(const struct call *call)
{
    struct jute_in in = jute_in(call->body, call->len);
    struct check_watches_request r;
    struct watch_table *w = call->client->service->watches;
    uint32_t watcher = call->client->watcher;

    jute_read_check_watches_request(&in, &r);
    if (in.bad || r.type < ZK_WATCHER_CHILDREN || r.type > ZK_WATCHER_PERSISTENT_RECURSIVE) {
        reply_error(call, ZK_MARSHALLING_ERROR);
        return;
    }
    r.path = watch_key(call, r.path);
    bool found = call->op == ZK_OP_CHECK_WATCHES ? watch_has(w, r.path, watcher, r.type)
                                                 : watch_remove(w, r.path, watcher, r.type);
    reply_error(call, found ? ZK_OK : ZK_NO_WATCHER);
}
