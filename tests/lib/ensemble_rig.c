#include "tests/lib/ensemble_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "jute/records.h"
#include "server/state/dump_stream.h"
#include "server/state/load_stream.h"
#include "server/tree/watch.h"
#include "util/check.h"
#include "util/list.h"

enum { TICK_MS = 2000, START_MS = 1000000, HEX_MAX = 1 << 20 };
#define START_WALL_MS INT64_C(1600000000000)

/* ---- The disk. */

static void disk_cut(struct rig_disk *d, size_t count)
{
    while (d->count > count)
        free(d->log[--d->count].at);
    if (d->durable > count)
        d->durable = count;
}

static void disk_done(struct rig_disk *d)
{
    disk_cut(d, 0);
    free(d->log);
    bytes_done(&d->snapshot);
    zab_config_unref(d->config);
    zab_config_unref(d->last_seen);
}

static zk_zxid disk_last(const struct rig_disk *d)
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

static void disk_read(const struct rig_disk *d, struct state *ret)
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

static bool is_there(const struct rig_server *s)
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

static struct rig_link *link_new(struct ensemble_rig *r, int from, int to)
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
    struct rig_link *l = link_new(s->rig, (int)s->sid - 1, to < 0 ? 0 : to);

    zk_assert((link & ZAB_LINK_OURS) != 0);
    l->from_name = link;
    s->called = link;
    if (to < 0 || !is_there(&s->rig->servers[to]))
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
        zk_assert(t->zxid > disk_last(d));
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
    disk_cut(d, keep);
    if (d->snapshot_zxid > zxid)
        return -ENOENT;
    if (reload != NULL)
        disk_read(d, reload);
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
    disk_cut(&s->disk, 0);
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

static struct ensemble_io io_for(struct rig_server *s)
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

static struct ensemble_host host_for(struct rig_server *s)
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

/* ---- Life. */

static struct zab_config *make_config(int count, unsigned observers)
{
    static const struct zab_config_rules rules = { .standalone_enabled = false };
    char text[1024];
    char why[ZAB_CONFIG_WHY_MAX];
    int len = 0;
    struct zab_config *c = NULL;

    for (int i = 1; i <= count; i++)
        len += snprintf(text + len, sizeof text - (size_t)len,
                        "server.%d=127.0.0.1:%d:%d:%s;127.0.0.1:%d\n", i, 2000 + i, 3000 + i,
                        (observers >> (i - 1) & 1) != 0 ? "observer" : "participant", 4000 + i);
    len += snprintf(text + len, sizeof text - (size_t)len, "version=0");
    zk_assert(zab_config_parse(&c, text, (size_t)len, &rules, why) == 0);
    return c;
}

static struct ensemble_conf default_conf(void)
{
    static const struct auth_conf auth = { .digest_enabled = true };

    return (struct ensemble_conf){
        .order = { .digest = true,
                   .extended_types = true,
                   .close_session_txn = true,
                   .auth = &auth,
                   .entry_max = 1 << 20,
                   .hash_seed = 7 },
        .zab = { .tick_ms = TICK_MS,
                 .init_limit = 10,
                 .sync_limit = 5,
                 .proposals_max = 1000,
                 .resend_min_ms = 200,
                 .resend_max_ms = 60000,
                 .finalize_ms = 200,
                 .max_wait_for_epoch_ms = -1,
                 .zabd_hints = true },
        .history_bytes = 1 << 20,
        .history_count = 10,
        .feed_bytes_max = 1 << 20,
        .frame_max = 1 << 20,
        .log_sync = true,
    };
}

void ensemble_rig_init(struct ensemble_rig *r, int count, unsigned played, unsigned observers)
{
    *r = (struct ensemble_rig){ .count = count, .now_ms = START_MS, .conf = default_conf() };
    for (int i = 0; i < count; i++) {
        struct rig_server *s = &r->servers[i];
        s->rig = r;
        s->sid = i + 1;
        s->is_played = (played >> i & 1) != 0;
        s->disk.config = make_config(count, observers);
        s->disk.last_seen = zab_config_ref(s->disk.config);
    }
}

void ensemble_rig_start(struct ensemble_rig *r, int index)
{
    struct rig_server *s = &r->servers[index];
    struct ensemble_conf conf = r->conf;
    struct ensemble_io io = io_for(s);
    struct ensemble_host host = host_for(s);
    struct zab_saved saved = { .logged = disk_last(&s->disk),
                               .accepted = s->disk.accepted,
                               .current = s->disk.current,
                               .config = s->disk.config,
                               .last_seen = s->disk.last_seen };

    zk_assert(s->ensemble == NULL && !s->is_played);
    conf.zab.self = conf.order.server_id = s->sid;
    conf.zab.is_observer = !zab_config_is_voter(s->disk.config, s->sid);
    disk_read(&s->disk, &s->state);
    s->sessions = session_table_new(TICK_MS, 7);
    s->watches = watch_table_new(7);
    s->applied = tree_zxid(s->state.tree);
    s->disk.durable = s->disk.count;
    zk_assert(ensemble_new(&s->ensemble, &conf, &io, &host, &s->state, s->sessions, s->watches,
                           &saved) == 0);
    ensemble_tick(s->ensemble, r->now_ms, START_WALL_MS + r->now_ms - START_MS);
    ensemble_start(s->ensemble);
    for (int i = 0; i < r->count; i++) {
        struct rig_server *other = &r->servers[i];
        if (i == index || !is_there(other))
            continue;
        ensemble_reachable(s->ensemble, other->sid, true);
        if (other->ensemble != NULL)
            ensemble_reachable(other->ensemble, s->sid, true);
    }
}

static void stop(struct rig_server *s)
{
    s->ensemble = ensemble_free(s->ensemble);
    s->sessions = session_table_free(s->sessions);
    s->watches = watch_table_free(s->watches);
    state_done(&s->state);
}

void ensemble_rig_kill(struct ensemble_rig *r, int index)
{
    struct rig_server *s = &r->servers[index];

    for (int i = 0; i < r->link_count; i++) {
        struct rig_link *l = &r->links[i];
        if (l->is_gone || (l->from != index && l->to != index))
            continue;
        if (l->from == index) {
            l->from_name = 0;
            l->back.len = 0;
        } else {
            l->to_name = 0;
            l->out.len = 0;
        }
        l->is_closing = true;
    }
    stop(s);
    disk_cut(&s->disk, s->disk.durable);
    s->saves_snapshot = false;
    for (int i = 0; i < r->count; i++)
        if (r->servers[i].ensemble != NULL)
            ensemble_reachable(r->servers[i].ensemble, s->sid, false);
}

void ensemble_rig_done(struct ensemble_rig *r)
{
    for (int i = 0; i < r->count; i++) {
        stop(&r->servers[i]);
        disk_done(&r->servers[i].disk);
    }
    for (int i = 0; i < r->link_count; i++) {
        bytes_done(&r->links[i].out);
        bytes_done(&r->links[i].back);
    }
    for (int i = 0; i < r->note_count; i++)
        bytes_done(&r->notes[i].body);
}

/* ---- Turns. */

static bool deliver(struct ensemble_rig *r, int to, zab_link name, struct bytes *queue)
{
    struct rig_server *s = &r->servers[to];

    if (queue->len == 0 || s->ensemble == NULL || name == 0)
        return false;
    /* A copy of exactly that size, so that one byte too far is seen. */
    size_t len = queue->len;
    uint8_t *at = zk_xmalloc(len);
    memcpy(at, queue->at, len);
    int64_t taken = ensemble_received(s->ensemble, name, at, len);
    free(at);
    if (taken > 0)
        bytes_drop(queue, (size_t)taken < queue->len ? (size_t)taken : queue->len);
    return taken != 0;
}

static void end_link(struct ensemble_rig *r, struct rig_link *l)
{
    zab_link from = l->from_name;
    zab_link to = l->to_name;

    l->is_gone = true;
    bytes_done(&l->out);
    bytes_done(&l->back);
    if (from != 0 && r->servers[l->from].ensemble != NULL)
        ensemble_link_down(r->servers[l->from].ensemble, from);
    if (to != 0 && r->servers[l->to].ensemble != NULL)
        ensemble_link_down(r->servers[l->to].ensemble, to);
}

static bool run_link(struct ensemble_rig *r, struct rig_link *l)
{
    if (l->is_gone || l->is_cut)
        return false;
    if (!l->is_up && !l->is_closing) {
        l->is_up = true;
        if (r->servers[l->from].ensemble != NULL)
            ensemble_link_up(r->servers[l->from].ensemble, l->from_name);
        return true;
    }
    bool moved = deliver(r, l->to, l->to_name, &l->out);
    if (deliver(r, l->from, l->from_name, &l->back))
        moved = true;
    if (l->is_closing && !moved) {
        end_link(r, l);
        return true;
    }
    return moved;
}

static bool run_notes(struct ensemble_rig *r)
{
    int count = r->note_count;

    for (int i = 0; i < count; i++) {
        struct rig_note n = r->notes[i];
        if (r->servers[n.to].ensemble != NULL)
            ensemble_notified(r->servers[n.to].ensemble, n.from + 1, n.body.at, n.body.len);
        bytes_done(&n.body);
    }
    memmove(r->notes, r->notes + count, (size_t)(r->note_count - count) * sizeof r->notes[0]);
    r->note_count -= count;
    return count > 0;
}

static bool run_server(struct rig_server *s)
{
    bool happened = false;

    if (s->ensemble == NULL)
        return false;
    if (s->saves_snapshot) {
        s->saves_snapshot = false;
        ensemble_snapshot_saved(s->ensemble);
        happened = true;
    }
    if (ensemble_turn_end(s->ensemble) != NULL)
        happened = true;
    if (!s->hold_log && s->disk.durable < s->disk.count) {
        s->disk.durable = s->disk.count;
        ensemble_logged(s->ensemble, disk_last(&s->disk));
        (void)ensemble_turn_end(s->ensemble);
        happened = true;
    }
    return happened || ensemble_has_work(s->ensemble);
}

bool ensemble_rig_turn(struct ensemble_rig *r)
{
    bool happened = false;

    for (int i = 0; i < r->count; i++)
        if (r->servers[i].ensemble != NULL)
            ensemble_tick(r->servers[i].ensemble, r->now_ms, START_WALL_MS + r->now_ms - START_MS);
    if (run_notes(r))
        happened = true;
    for (int i = 0; i < r->link_count; i++)
        if (run_link(r, &r->links[i]))
            happened = true;
    for (int i = 0; i < r->count; i++) {
        struct rig_server *s = &r->servers[i];
        if (s->ensemble != NULL && ensemble_deadline(s->ensemble) <= r->now_ms) {
            ensemble_timer(s->ensemble);
            happened = true;
        }
        if (run_server(s))
            happened = true;
    }
    return happened;
}

void ensemble_rig_settle(struct ensemble_rig *r)
{
    /* What a server sends at the end of a turn arrives in the next. */
    for (int turns = 0, quiet = 0; quiet < 2; turns++) {
        quiet = ensemble_rig_turn(r) ? 0 : quiet + 1;
        zk_assert(turns < 100000);
    }
}

void ensemble_rig_sleep(struct ensemble_rig *r, int64_t ms)
{
    int64_t end = r->now_ms + ms;

    ensemble_rig_settle(r);
    while (r->now_ms < end) {
        int64_t next = end;
        for (int i = 0; i < r->count; i++)
            if (r->servers[i].ensemble != NULL && ensemble_deadline(r->servers[i].ensemble) < next)
                next = ensemble_deadline(r->servers[i].ensemble);
        r->now_ms = next > r->now_ms ? next : r->now_ms + 1;
        ensemble_rig_settle(r);
    }
}

int ensemble_rig_leader(const struct ensemble_rig *r)
{
    for (int i = 0; i < r->count; i++)
        if (r->servers[i].ensemble != NULL && ensemble_leads(r->servers[i].ensemble))
            return i;
    return -1;
}

/* ---- Played servers. */

void ensemble_rig_vote(struct ensemble_rig *r, int from, int to, int32_t state, zk_sid leader,
                       zk_zxid zxid, int64_t round, int64_t epoch)
{
    struct bytes text = { 0 };
    struct bytes frame = { 0 };
    zab_config_print(r->servers[from].disk.config, &text);
    struct zab_notification n = {
        .state = state,
        .vote = { .leader = leader, .zxid = zxid, .round = round, .epoch = epoch },
        .version = 2,
        .config = { .at = text.at, .len = (int32_t)text.len },
    };

    zab_notification_write(&n, &frame);
    ensemble_notified(r->servers[to].ensemble, from + 1, frame.at + 4, frame.len - 4);
    bytes_done(&text);
    bytes_done(&frame);
    ensemble_rig_settle(r);
}

struct rig_link *ensemble_rig_dial(struct ensemble_rig *r, int from, int to)
{
    struct rig_link *l = link_new(r, from, to);

    l->from_name = 1;
    l->is_up = true;
    return l;
}

struct rig_link *ensemble_rig_dialled(struct ensemble_rig *r, int from)
{
    for (int i = 0; i < r->link_count; i++) {
        struct rig_link *l = &r->links[i];
        if (!l->is_gone && l->from == from && l->from_name == r->servers[from].called)
            return l;
    }
    return NULL;
}

static struct bytes *to_real(struct ensemble_rig *r, struct rig_link *l)
{
    return r->servers[l->from].is_played ? &l->out : &l->back;
}

void ensemble_rig_say(struct ensemble_rig *r, struct rig_link *l, const char *hex)
{
    struct bytes *queue = to_real(r, l);

    for (; *hex != '\0'; hex++) {
        unsigned byte;
        if (*hex == ' ')
            continue;
        zk_assert(sscanf(hex, "%2x", &byte) == 1);
        uint8_t b = (uint8_t)byte;
        bytes_put(queue, &b, 1);
        hex++;
    }
    ensemble_rig_settle(r);
}

void ensemble_rig_say_packet(struct ensemble_rig *r, struct rig_link *l, const struct zab_packet *p)
{
    zab_packet_write(p, to_real(r, l));
    ensemble_rig_settle(r);
}

const char *ensemble_rig_heard(struct ensemble_rig *r, struct rig_link *l)
{
    static char hex[HEX_MAX];
    struct bytes *queue = r->servers[l->from].is_played ? &l->back : &l->out;

    zk_assert(queue->len * 2 < sizeof hex);
    hex[0] = '\0';
    for (size_t i = 0; i < queue->len; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", queue->at[i]);
    queue->len = 0;
    return hex;
}

bool ensemble_rig_hear(struct rig_link *l, struct zab_packet *ret)
{
    static struct bytes last;
    struct bytes *queue = l->back.len > 0 ? &l->back : &l->out;
    int64_t len;

    if (queue->len == 0)
        return false;
    len = zab_packet_read(ret, queue->at, queue->len, 1 << 20);
    zk_assert(len > 0);
    last.len = 0;
    bytes_put(&last, queue->at, (size_t)len);
    bytes_drop(queue, (size_t)len);
    (void)zab_packet_read(ret, last.at, last.len, 1 << 20);
    return true;
}

/* ---- Requests. */

enum order_verdict ensemble_rig_create(struct ensemble_rig *r, int index, zk_session_id session,
                                       int32_t xid, const char *path, void *origin)
{
    static const uint8_t open_acl[] = "\0\0\0\x1f\0\0\0\x05world\0\0\0\x06"
                                      "anyone";
    struct rig_server *s = &r->servers[index];
    struct bytes body = { 0 };
    struct create_request create = {
        .path = jute_text(path),
        .data = jute_text("x"),
        .acl = { .at = open_acl, .len = sizeof open_acl - 1, .count = 1 },
    };
    enum zk_err err;
    zk_zxid zxid;

    jute_write_create_request(&body, &create);
    struct idset *ids = idset_of_ids((struct jute_vector){ .at = NULL, .count = 0 });
    struct write_request req = { .session = session,
                                 .xid = xid,
                                 .op = ZK_OP_CREATE,
                                 .body = body.at,
                                 .len = body.len,
                                 .ids = ids,
                                 .origin = origin };
    enum order_verdict v = ensemble_submit(s->ensemble, &req, &err, &zxid);
    (void)idset_unref(ids);
    bytes_done(&body);
    return v;
}

bool ensemble_rig_has(const struct ensemble_rig *r, int index, const char *path)
{
    return tree_find(r->servers[index].state.tree, jute_text(path)) != NULL;
}

zk_session_id ensemble_rig_session(struct ensemble_rig *r, int index)
{
    static zk_session_id next = 0x0100000000000001;
    struct rig_server *s = &r->servers[index];
    struct write_request req = { .session = next++,
                                 .op = ZK_OP_CREATE_SESSION,
                                 .timeout_ms = 30000 };
    enum zk_err err;
    zk_zxid zxid;

    (void)session_add(s->sessions, req.session, req.timeout_ms, r->now_ms);
    zk_assert(ensemble_submit(s->ensemble, &req, &err, &zxid) == ORDER_SUBMITTED);
    ensemble_rig_settle(r);
    return req.session;
}
