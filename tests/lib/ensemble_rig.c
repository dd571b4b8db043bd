#include "tests/lib/ensemble_rig_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/tree/watch.h"
#include "util/check.h"

enum { TICK_MS = 2000, START_MS = 1000000 };
#define START_WALL_MS INT64_C(1600000000000)

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

struct ensemble_rig *ensemble_rig_new(int count, unsigned played, unsigned observers)
{
    struct ensemble_rig *r = zk_xmalloc(sizeof *r);

    ensemble_rig_init(r, count, played, observers);
    return r;
}

void ensemble_rig_start(struct ensemble_rig *r, int index)
{
    struct rig_server *s = &r->servers[index];
    struct ensemble_conf conf = r->conf;
    struct ensemble_io io = rig_io_for(s);
    struct ensemble_host host = rig_host_for(s);
    struct zab_saved saved = { .logged = rig_disk_last(&s->disk),
                               .accepted = s->disk.accepted,
                               .current = s->disk.current,
                               .config = s->disk.config,
                               .last_seen = s->disk.last_seen };

    zk_assert(s->ensemble == NULL && !s->is_played);
    conf.zab.self = conf.order.server_id = s->sid;
    conf.zab.is_observer = !zab_config_is_voter(s->disk.config, s->sid);
    rig_disk_read(&s->disk, &s->state);
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
        if (i == index || !rig_is_there(other))
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
    rig_disk_cut(&s->disk, s->disk.durable);
    s->saves_snapshot = false;
    for (int i = 0; i < r->count; i++)
        if (r->servers[i].ensemble != NULL)
            ensemble_reachable(r->servers[i].ensemble, s->sid, false);
}

void ensemble_rig_done(struct ensemble_rig *r)
{
    for (int i = 0; i < r->count; i++) {
        stop(&r->servers[i]);
        rig_disk_done(&r->servers[i].disk);
    }
    for (int i = 0; i < r->link_count; i++) {
        bytes_done(&r->links[i].out);
        bytes_done(&r->links[i].back);
    }
    for (int i = 0; i < r->note_count; i++)
        bytes_done(&r->notes[i].body);
}

struct ensemble_rig *ensemble_rig_free(struct ensemble_rig *r)
{
    ensemble_rig_done(r);
    free(r);
    return NULL;
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
        ensemble_logged(s->ensemble, rig_disk_last(&s->disk));
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

void ensemble_rig_start_all(struct ensemble_rig *r)
{
    for (int i = 0; i < r->count; i++)
        if (!r->servers[i].is_played)
            ensemble_rig_start(r, i);
    ensemble_rig_sleep(r, 1000);
}

struct ensemble_rig *ensemble_rig_running(int count, unsigned observers)
{
    struct ensemble_rig *r = ensemble_rig_new(count, 0, observers);

    ensemble_rig_start_all(r);
    return r;
}

bool ensemble_rig_is_alike(const struct ensemble_rig *r)
{
    const struct state *first = NULL;

    for (int i = 0; i < r->count; i++) {
        const struct state *s = &r->servers[i].state;
        if (r->servers[i].ensemble == NULL)
            continue;
        if (first == NULL)
            first = s;
        if (tree_zxid(s->tree) != tree_zxid(first->tree) ||
            tree_digest(s->tree) != tree_digest(first->tree) ||
            session_book_count(s->sessions) != session_book_count(first->sessions))
            return false;
    }
    return true;
}

void ensemble_rig_wipe(struct ensemble_rig *r, int index)
{
    struct rig_server *s = &r->servers[index];

    zk_assert(s->ensemble == NULL);
    rig_disk_cut(&s->disk, 0);
    s->disk.snapshot.len = 0;
    s->disk.snapshot_zxid = 0;
}
