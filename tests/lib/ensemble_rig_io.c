#include "tests/lib/ensemble_rig_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/state/dump_stream.h"
#include "server/state/load_stream.h"
#include "util/check.h"

/* ---- The disk. */

void rig_disk_cut(struct rig_disk *d, size_t count)
{
    while (d->count > count)
        free(d->log[--d->count].at);
    if (d->durable > count)
        d->durable = count;
}

void rig_disk_done(struct rig_disk *d)
{
    rig_disk_cut(d, 0);
    free(d->log);
    bytes_done(&d->snapshot);
    zab_config_unref(d->config);
    zab_config_unref(d->last_seen);
}

zk_zxid rig_disk_last(const struct rig_disk *d)
{
    return d->count > 0 ? d->log[d->count - 1].zxid : d->snapshot_zxid;
}

static void empty_state(void *ctx, struct state *ret)
{
    struct tree_conf conf = { .hash_seed = 7, .digest = true, .extended_types = true };

    (void)ctx;
    *ret = (struct state){ .sessions = session_book_new(7) };
    zk_assert(tree_new(&ret->tree, &conf) == 0);
}

void rig_disk_read(const struct rig_disk *d, struct state *ret)
{
    static const struct tree_sink nobody;
    struct state state;

    empty_state(NULL, &state);
    if (d->snapshot.len > 0) {
        struct load_stream *l = load_stream_begin(&state);
        bool is_done = false;
        int64_t taken = load_stream_feed(l, d->snapshot.at, d->snapshot.len, &is_done);
        zk_assert(is_done && taken == (int64_t)d->snapshot.len);
        zk_assert(load_stream_end(l, d->snapshot_zxid, &state) == 0);
        (void)load_stream_free(l);
    }
    for (size_t i = 0; i < d->count; i++) {
        struct txn txn;
        zk_assert(txn_parse(&txn, d->log[i].at, d->log[i].len));
        state_apply(&state, &txn, NULL, &nobody);
    }
    *ret = state;
}

/* ---- struct ensemble_io. */

static struct ensemble_rig *rig_of(void *ctx)
{
    return ((struct rig_server *)ctx)->rig;
}

static int index_of(const struct ensemble_rig *r, zk_sid sid)
{
    return sid >= 1 && sid <= r->count ? (int)sid - 1 : -1;
}

bool rig_is_there(const struct rig_server *s)
{
    return s->ensemble != NULL || s->is_played;
}

static void io_notify(void *ctx, zk_sid to, const uint8_t *frame, size_t len)
{
    struct rig_server *s = ctx;
    struct ensemble_rig *r = s->rig;
    int target = index_of(r, to);

    if (target < 0 || r->servers[target].ensemble == NULL || r->note_count == RIG_NOTES_MAX)
        return;
    struct rig_note *n = &r->notes[r->note_count++];
    *n = (struct rig_note){ .from = (int)s->sid - 1, .to = target };
    bytes_put(&n->body, frame + 4, len - 4);
}

static void io_call(void *ctx, zk_sid to)
{
    (void)ctx;
    (void)to;
}

struct rig_link *rig_link_new(struct ensemble_rig *r, int from, int to)
{
    for (int i = 0; i < r->link_count; i++)
        if (r->links[i].is_gone && r->links[i].out.at == NULL && r->links[i].back.at == NULL) {
            r->links[i] = (struct rig_link){ .from = from, .to = to };
            r->links[i].to_name = ++r->incoming;
            return &r->links[i];
        }
    zk_assert(r->link_count < RIG_LINKS_MAX);
    struct rig_link *l = &r->links[r->link_count++];
    *l = (struct rig_link){ .from = from, .to = to, .to_name = ++r->incoming };
    return l;
}

static void io_connect(void *ctx, zab_link link, zk_sid leader)
{
    struct rig_server *s = ctx;
    int to = index_of(s->rig, leader);
    struct rig_link *l = rig_link_new(s->rig, (int)s->sid - 1, to < 0 ? 0 : to);

    zk_assert((link & ZAB_LINK_OURS) != 0);
    l->from_name = link;
    l->to_name |= link & ZAB_LINK_MASTER; /* It is the port that tells. */
    s->called = link;
    if (to < 0 || !rig_is_there(&s->rig->servers[to]))
        l->is_closing = true;
}

/* The link's queue that its end `name` at server s writes to. */
static struct bytes *queue_of(struct rig_server *s, zab_link name, struct rig_link **ret)
{
    struct ensemble_rig *r = s->rig;
    int me = (int)s->sid - 1;

    for (int i = 0; i < r->link_count; i++) {
        struct rig_link *l = &r->links[i];
        *ret = l;
        if (!l->is_gone && l->from == me && l->from_name == name)
            return &l->out;
        if (!l->is_gone && l->to == me && l->to_name == name)
            return &l->back;
    }
    *ret = NULL;
    return NULL;
}

static void io_send(void *ctx, zab_link link, const uint8_t *at, size_t len)
{
    struct rig_link *l;
    struct bytes *queue = queue_of(ctx, link, &l);
    struct rig_server *s = ctx;

    s->sent += len;
    if (queue != NULL && !l->is_closing)
        bytes_put(queue, at, len);
}

static size_t io_unsent(void *ctx, zab_link link)
{
    struct rig_link *l;
    const struct bytes *queue = queue_of(ctx, link, &l);

    return queue != NULL ? queue->len + rig_of(ctx)->unsent : 0;
}

static void io_close(void *ctx, zab_link link, const char *why)
{
    struct rig_server *s = ctx;
    struct rig_link *l;

    zk_assert(why != NULL);
    if (queue_of(ctx, link, &l) == NULL)
        return;
    /* This end is gone at once; the other one hears of it behind what was sent. */
    if (l->from == (int)s->sid - 1) {
        l->from_name = 0;
        l->back.len = 0;
    } else {
        l->to_name = 0;
        l->out.len = 0;
    }
    l->is_closing = true;
}

static void io_members(void *ctx, const struct zab_config *cur, const struct zab_config *last_seen)
{
    (void)ctx;
    zk_assert(cur != NULL && last_seen != NULL);
}

static void io_append(void *ctx, struct wal_batch *b)
{
    struct rig_disk *d = &((struct rig_server *)ctx)->disk;

    for (uint32_t i = 0; i < b->count; i++) {
        const struct wal_txn *t = &b->txns[i];
        zk_assert(t->zxid > rig_disk_last(d));
        if (d->count == d->cap) {
            d->cap = d->cap * 2 + 16;
            d->log = zk_xrealloc(d->log, d->cap * sizeof *d->log);
        }
        struct rig_entry *entry = &d->log[d->count++];
        *entry = (struct rig_entry){ .zxid = t->zxid, .len = t->len };
        entry->at = zk_xmalloc(t->len);
        memcpy(entry->at, b->payload.at + t->at, t->len);
    }
    wal_batch_unref(b);
}

static void io_save_accepted(void *ctx, int64_t epoch)
{
    ((struct rig_server *)ctx)->disk.accepted = epoch;
}

static void io_save_current(void *ctx, int64_t epoch)
{
    ((struct rig_server *)ctx)->disk.current = epoch;
}

static void keep_config(struct zab_config **to, const struct zab_config *c)
{
    zab_config_unref(*to);
    *to = zab_config_with_version(c, c->version);
}

static void io_save_config(void *ctx, const struct zab_config *cur,
                           const struct zab_config *last_seen)
{
    struct rig_disk *d = &((struct rig_server *)ctx)->disk;

    keep_config(&d->config, cur);
    keep_config(&d->last_seen, last_seen);
}

static int io_truncate(void *ctx, zk_zxid zxid, struct state *reload)
{
    struct rig_server *s = ctx;
    struct rig_disk *d = &s->disk;
    size_t keep = 0;

    while (keep < d->count && d->log[keep].zxid <= zxid)
        keep++;
    rig_disk_cut(d, keep);
    if (d->snapshot_zxid > zxid)
        return -ENOENT;
    if (reload != NULL)
        rig_disk_read(d, reload);
    return 0;
}

static void io_save_snapshot(void *ctx)
{
    struct rig_server *s = ctx;
    struct dump_stream *dump = dump_stream_begin(&s->state);

    s->disk.snapshot.len = 0;
    while (dump_stream_step(dump, &s->state, 1 << 20, &s->disk.snapshot) == 0)
        continue;
    s->disk.snapshot_zxid = dump_stream_zxid(dump);
    (void)dump_stream_free(dump, &s->state);
    rig_disk_cut(&s->disk, 0);
    s->saves_snapshot = true;
}

struct log_walk {
    size_t at;
};

static int io_log_open(void *ctx, zk_zxid after, void **ret)
{
    struct rig_server *s = ctx;
    const struct rig_disk *d = &s->disk;
    struct log_walk *w;

    if (s->no_log_sync || after < d->snapshot_zxid || d->count == 0)
        return -ENOENT;
    w = zk_xcalloc(1, sizeof *w);
    while (w->at < d->count && d->log[w->at].zxid <= after)
        w->at++;
    *ret = w;
    return 0;
}

static int io_log_next(void *ctx, void *log, const uint8_t **ret, size_t *ret_len,
                       zk_zxid *ret_zxid)
{
    const struct rig_disk *d = &((struct rig_server *)ctx)->disk;
    struct log_walk *w = log;

    if (w->at >= d->count)
        return 0;
    *ret = d->log[w->at].at;
    *ret_len = d->log[w->at].len;
    *ret_zxid = d->log[w->at].zxid;
    w->at++;
    return 1;
}

static void io_log_close(void *ctx, void *log)
{
    (void)ctx;
    free(log);
}

static void io_stop(void *ctx, const char *why)
{
    zk_assert(why != NULL);
    ((struct rig_server *)ctx)->stops++;
}

static void io_log(void *ctx, int level, const char *line)
{
    struct rig_server *s = ctx;
    size_t len = strlen(s->log);

    (void)level;
    if (getenv("RIG_LOG") != NULL)
        (void)fprintf(stderr, "%d %s\n", (int)s->sid, line);
    if (len + strlen(line) + 2 < sizeof s->log)
        (void)snprintf(s->log + len, sizeof s->log - len, "%s\n", line);
}

struct ensemble_io rig_io_for(struct rig_server *s)
{
    return (struct ensemble_io){
        .ctx = s,
        .notify = io_notify,
        .call = io_call,
        .connect = io_connect,
        .send = io_send,
        .unsent = io_unsent,
        .close = io_close,
        .members = io_members,
        .append = io_append,
        .save_accepted = io_save_accepted,
        .save_current = io_save_current,
        .save_config = io_save_config,
        .truncate = io_truncate,
        .empty_state = empty_state,
        .save_snapshot = io_save_snapshot,
        .log_open = io_log_open,
        .log_next = io_log_next,
        .log_close = io_log_close,
        .stop = io_stop,
        .log = io_log,
    };
}

/* ---- struct ensemble_host. */

static void on_event(void *ctx, const struct tree_event *ev, const uint32_t *watchers, size_t count)
{
    (void)ctx;
    (void)ev;
    (void)watchers;
    (void)count;
}

static void on_applied(void *ctx, const struct applied *a)
{
    struct rig_server *s = ctx;
    struct session *session;

    s->applied = a->zxid;
    s->applied_count++;
    s->origin = a->origin;
    s->applied_type = a->type;
    if (a->type != ZK_OP_CLOSE_SESSION)
        return;
    session = session_find(s->sessions, a->session);
    if (session != NULL)
        session_remove(s->sessions, session);
}

static void on_pause(void *ctx)
{
    ((struct rig_server *)ctx)->pauses++;
}

static void track(void *ctx, zk_session_id id, int32_t timeout_ms)
{
    struct rig_server *s = ctx;
    struct session *session = session_add(s->sessions, id, timeout_ms, s->rig->now_ms);

    session->closing = false;
    session_touch(s->sessions, session, s->rig->now_ms);
}

static void on_serve(void *ctx, enum zab_role role, bool state_is_new)
{
    struct rig_server *s = ctx;

    s->serves++;
    s->state_was_new = state_is_new;
    if (role == ZAB_LEADING)
        session_book_each(s->state.sessions, track, s);
}

static void on_revalidated(void *ctx, zk_session_id id, bool valid)
{
    struct rig_server *s = ctx;

    s->revalidated = id;
    s->was_valid = valid;
}

static void on_synced(void *ctx, uint64_t ticket, bool is_refused)
{
    struct rig_server *s = ctx;

    zk_assert(ticket > s->synced);
    s->synced = ticket;
    s->was_refused = is_refused;
}

static void on_room(void *ctx)
{
    (void)ctx;
}

struct ensemble_host rig_host_for(struct rig_server *s)
{
    return (struct ensemble_host){
        .ctx = s,
        .sink = { .ctx = s, .event = on_event, .applied = on_applied },
        .pause = on_pause,
        .serve = on_serve,
        .revalidated = on_revalidated,
        .synced = on_synced,
        .room = on_room,
    };
}
