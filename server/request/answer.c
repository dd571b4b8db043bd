/* What a write became: the reply to who asked, the events to who watches. */
#include "server/request/limits.h"
#include "server/request/route.h"
#include "server/session/session.h"
#include "util/check.h"

static void put_stat(struct bytes *out, const struct tree_result *r)
{
    jute_write_zk_stat(out, &r->stat);
}

/* One member's result; kinds come back as client-protocol 3.16 says. */
static void put_member(struct bytes *out, const struct tree_result *r, bool failed)
{
    struct multi_header head = { .type = r->type, .err = 0 };

    if (failed) {
        head.type = ZK_OP_ERROR;
        head.err = r->err;
        jute_write_multi_header(out, &head);
        jute_write_i32(out, r->err);
        return;
    }
    bool with_stat = r->type == ZK_OP_CREATE2 || r->type == ZK_OP_CREATE_CONTAINER ||
                     r->type == ZK_OP_CREATE_TTL;
    if (with_stat)
        head.type = ZK_OP_CREATE2;
    jute_write_multi_header(out, &head);
    if (with_stat || r->type == ZK_OP_CREATE)
        jute_write_str(out, r->path);
    if (with_stat || r->type == ZK_OP_SET_DATA)
        put_stat(out, r);
}

static void put_multi(struct bytes *out, const struct applied *a)
{
    struct multi_header end = { .type = ZK_OP_ERROR, .done = true, .err = -1 };
    bool failed = false;

    for (size_t i = 0; i < a->count; i++)
        failed = failed || a->results[i].err != ZK_OK;
    for (size_t i = 0; i < a->count; i++)
        put_member(out, &a->results[i], failed);
    jute_write_multi_header(out, &end);
}

static void put_record(const struct service *s, struct bytes *out, const struct applied *a)
{
    const struct tree_result *r = a->results;

    switch (a->type) {
    case ZK_OP_CREATE:
        jute_write_str(out, r->path);
        break;
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_CREATE_TTL:
        jute_write_str(out, r->path);
        put_stat(out, r);
        break;
    case ZK_OP_SET_DATA:
    case ZK_OP_SET_ACL:
        put_stat(out, r);
        break;
    case ZK_OP_RECONFIG:
        jute_write_buf(out, znode_data(s->state.tree, tree_find(s->state.tree, r->path)));
        put_stat(out, r);
        break;
    case ZK_OP_MULTI:
        put_multi(out, a);
        break;
    default: /* delete, closeSession: the header says it all. */
        break;
    }
}

/* Something before it in line still waits for room: its reply waits in p. */
static void keep_reply(struct client *c, struct pending *p, size_t begin)
{
    p->kind = PENDING_READY;
    p->len = (uint32_t)(c->out.len - begin);
    p->body = zk_xmalloc(p->len);
    memcpy(p->body, c->out.at + begin, p->len);
    c->pending_bytes += p->len;
    c->service->egress_bytes -= p->len;
    c->out.len = begin;
}

static void answer_write(struct service *s, struct pending *p, const struct applied *a)
{
    struct client *c = p->client;
    struct call call = {
        .client = c,
        .xid = p->xid,
        .op = p->op,
        .ids = p->ids,
        .arrived_ms = p->arrived_ms,
        .is_write = true,
    };
    enum zk_err err = ZK_OK;

    if (a->type != ZK_OP_MULTI && a->count > 0)
        err = (enum zk_err)a->results[0].err;
    size_t begin = reply_begin(&call, err);
    if (err == ZK_OK)
        put_record(s, &c->out, a);
    reply_end(&call, begin);
    if (c->pending_first != p)
        keep_reply(c, p, begin);
}

/* The handshake's, or a client's own in the midst of others. */
static void answer_session(struct pending *p)
{
    struct client *c = p->client;
    size_t begin = c->out.len;

    handshake_done(c);
    if (c->pending_first != p)
        keep_reply(c, p, begin);
}

static void leave(struct service *s, struct pending *p)
{
    struct client *c = p->client;
    bool ends = p->op == ZK_OP_CLOSE_SESSION;

    route_leave_line(c, p);
    pending_free(s, p);
    if (ends)
        route_finish(c);
    else
        route_pump(c);
}

static void note_digest(struct service *s, zk_zxid zxid)
{
    if (zxid % PAST_DIGEST_EACH != 0 || !s->conf.digest)
        return;
    if (s->past_digests == NULL)
        s->past_digests = zk_xcalloc(PAST_DIGESTS_MAX, sizeof *s->past_digests);
    if (s->past_digest_count == PAST_DIGESTS_MAX) {
        s->past_digest_count--;
        memmove(s->past_digests, s->past_digests + 1,
                s->past_digest_count * sizeof *s->past_digests);
    }
    s->past_digests[s->past_digest_count++] =
        (struct past_digest){ .zxid = zxid, .digest = tree_digest(s->state.tree) };
}

/* Who waits for this txn; NULL: nobody. */
static struct pending *whose(struct service *s, const struct applied *a)
{
    return a->origin != NULL ? pending_named(s, a->origin) : forward_match(s, a);
}

/* Whether the connection can't go on: its session is another server's by now, which clients are
 * told by the end of their connection (2.7), or was not made. */
static bool is_lost(const struct client *c, const struct applied *a)
{
    if (a->type == ZK_OP_ERROR && a->count > 0 && a->results[0].err == ZK_SESSION_MOVED)
        return true;
    return c->phase == CLIENT_CONNECTING && a->type != ZK_OP_CREATE_SESSION;
}

/* Whether a read before p waits for room, which is not to be had as it seemed when p was ordered:
 * its answer would show what p did. */
static bool has_overtaken(const struct pending *p)
{
    const struct client *c = p->client;

    if (p->kind != PENDING_READY || p->op == ZK_OP_CLOSE_SESSION || list_is_empty(&c->parked))
        return false;
    for (const struct pending *q = c->pending_first; q != p; q = q->next)
        if (q->kind == PENDING_READ || q->kind == PENDING_SYNC)
            return true;
    return false;
}

static void answer(struct service *s, struct pending *p, const struct applied *a)
{
    if (is_lost(p->client, a)) {
        route_doom(p->client);
        return;
    }
    if (a->type == ZK_OP_CREATE_SESSION)
        answer_session(p);
    else
        answer_write(s, p, a);
    if (p->kind == PENDING_WRITE)
        leave(s, p);
    else if (has_overtaken(p))
        route_doom(p->client);
}

void answer_applied(struct service *s, const struct applied *a)
{
    struct pending *p = whose(s, a);
    struct session *session;

    s->stats.commit_count++;
    histogram_add(&s->stats.propagation_latency_ms,
                  s->wall_ms > a->time_ms ? (uint64_t)(s->wall_ms - a->time_ms) : 0);
    note_digest(s, a->zxid);
    if (a->type == ZK_OP_CREATE_SESSION)
        sessions_created(s, a->session);
    session = a->type == ZK_OP_CLOSE_SESSION ? session_find(s->sessions, a->session) : NULL;
    if (session != NULL)
        sessions_end(s, session, p != NULL ? p->client : NULL);
    if (p != NULL)
        answer(s, p, a);
    if (!list_is_empty(&s->syncs))
        tickets_applied(s, a->zxid);
}

/* ---- Events. */

static struct summary *summary_of(struct server_stats *stats, int32_t type)
{
    switch (type) {
    case ZK_EVENT_NODE_CREATED:
        return &stats->node_created_watch;
    case ZK_EVENT_NODE_DELETED:
        return &stats->node_deleted_watch;
    case ZK_EVENT_NODE_DATA_CHANGED:
        return &stats->node_changed_watch;
    default:
        return &stats->node_children_watch;
    }
}

static void encode_event(struct bytes *out, const struct tree_event *ev)
{
    struct watcher_event record = { .type = ev->type,
                                    .state = ZK_STATE_SYNC_CONNECTED,
                                    .path = ev->path };
    struct reply_header head = { .xid = ZK_XID_WATCH, .zxid = ev->zxid };

    out->len = 0;
    jute_write_i32(out,
                   (int32_t)(jute_size_reply_header(&head) + jute_size_watcher_event(&record)));
    jute_write_reply_header(out, &head);
    jute_write_watcher_event(out, &record);
}

void answer_event(struct service *s, const struct tree_event *ev, const uint32_t *watchers,
                  size_t count)
{
    struct bytes *frame = &s->scratch;
    struct jute_vector acls = tree_acl(s->state.tree, ev->acl);
    uint64_t limit = s->conf.conn_egress_max * EVENT_EGRESS_FACTOR;

    encode_event(frame, ev);
    summary_add(summary_of(&s->stats, ev->type), count);
    for (size_t i = 0; i < count; i++) {
        struct client *c = s->clients[watchers[i]];

        zk_assert(c != NULL);
        if (c->phase == CLIENT_CLOSING || !auth_allows(&s->conf.auth, c->ids, acls, ZK_PERM_READ))
            continue;
        if (c->out.len > limit) {
            /* It does not read what it asked to hear. Closed later: not in the middle of a
             * txn, whose other events may still be on their way. */
            s->stats.slow_readers_closed++;
            route_doom(c);
            continue;
        }
        size_t begin = c->out.len;
        bytes_put(&c->out, frame->at, frame->len);
        s->stats.watch_bytes += frame->len;
        s->stats.packets_sent++;
        c->stats.sent++;
        reply_mark(c, begin);
    }
}
