#include "server/request/service.h"

#include <stdlib.h>

#include "server/ensemble/ensemble.h"
#include "server/order/limits.h"
#include "server/request/limits.h"
#include "server/request/read.h"
#include "server/request/route.h"
#include "server/session/session.h"
#include "util/check.h"
#include "util/hash.h"

static struct order_conf order_conf_of(const struct service *s)
{
    const struct service_conf *c = &s->conf;

    return (struct order_conf){
        .digest = c->digest,
        .enforce_quota = c->enforce_quota,
        .extended_types = c->extended_types,
        .emulate_353 = c->emulate_353,
        .reconfig_enabled = c->reconfig_enabled,
        .close_session_txn = c->close_session_txn,
        .auth = &c->auth,
        .entry_max = c->frame_max + c->frame_extra,
        .server_id = c->server_id,
        .hash_seed = c->seed,
    };
}

static void on_event(void *ctx, const struct tree_event *ev, const uint32_t *watchers, size_t count)
{
    answer_event(ctx, ev, watchers, count);
}

static void on_applied(void *ctx, const struct applied *a)
{
    answer_applied(ctx, a);
}

static void on_pause(void *ctx)
{
    service_pause(ctx);
}

static void on_serve(void *ctx, enum zab_role role, bool state_is_new)
{
    service_serve(ctx, role, state_is_new);
}

static void on_revalidated(void *ctx, zk_session_id id, bool valid)
{
    service_revalidated(ctx, id, valid);
}

static void on_synced(void *ctx, uint64_t ticket, bool is_refused)
{
    service_synced(ctx, ticket, is_refused);
}

/* Whoever was held back for it is looked at when the turn ends. */
static void on_room(void *ctx)
{
    (void)ctx;
}

/* What both floors must know may be told to either. */
static void agree(bool *ours, bool *theirs)
{
    *ours = *theirs = *ours || *theirs;
}

static int join(struct service *s)
{
    struct ensemble_conf conf = {
        .zab = { .self = s->conf.server_id,
                 .is_alone = true,
                 .proposals_max = ORDER_PROPOSALS_MAX },
    };
    struct zab_saved saved = { .logged = tree_zxid(s->state.tree) };
    struct ensemble_host host = { .ctx = s,
                                  .sink = { .ctx = s, .event = on_event, .applied = on_applied },
                                  .pause = on_pause,
                                  .serve = on_serve,
                                  .revalidated = on_revalidated,
                                  .synced = on_synced,
                                  .room = on_room };

    if (s->conf.ensemble != NULL)
        conf = *s->conf.ensemble;
    conf.order = order_conf_of(s);
    agree(&s->conf.local_sessions, &conf.local_sessions);
    agree(&s->conf.local_upgrading, &conf.local_upgrading);
    agree(&s->conf.linearizable_reads, &conf.linearizable_reads);
    int r = ensemble_new(&s->ensemble, &conf, s->conf.io, &host, &s->state, s->sessions, s->watches,
                         s->conf.saved != NULL ? s->conf.saved : &saved);
    if (r < 0)
        return r;
    s->order = ensemble_order(s->ensemble);
    ensemble_tick(s->ensemble, s->now_ms, s->wall_ms);
    if (s->conf.ensemble == NULL)
        ensemble_start(s->ensemble);
    return 0;
}

int service_init(struct service *s, const struct service_conf *conf, struct state *state,
                 const struct client_host *host, int64_t now_ms, int64_t wall_ms)
{
    *s = (struct service){ .conf = *conf, .state = *state, .host = *host };
    s->now_ms = now_ms;
    s->wall_ms = wall_ms;
    list_init(&s->dirty);
    list_init(&s->parked);
    list_init(&s->blocked);
    list_init(&s->doomed);
    list_init(&s->syncs);
    list_init(&s->waiters);
    list_init(&s->refused);
    s->is_alone = conf->ensemble == NULL || conf->ensemble->zab.is_alone;
    s->role = ZAB_LOOKING;
    s->door = DOOR_HELD;
    s->paused_ms = s->read_only_ms = now_ms;
    s->outstanding_max = conf->global_outstanding_max;
    rand_seed(&s->rand, conf->seed);
    stats_init(&s->stats);
    handshake_fill(s);
    s->next_session_id = session_first_id(conf->server_id, wall_ms);

    s->watches = watch_table_new(conf->seed);
    s->sessions = session_table_new(conf->tick_ms, conf->seed);
    s->children_cache = children_cache_new();
    int r = join(s);
    if (r < 0) {
        s->children_cache = children_cache_free(s->children_cache);
        s->watches = watch_table_free(s->watches);
        s->sessions = session_table_free(s->sessions);
        return r;
    }
    *state = (struct state){ 0 };
    return 0;
}

void service_done(struct service *s)
{
    zk_assert(s->client_count == 0);
    s->ensemble = ensemble_free(s->ensemble);
    s->order = NULL;
    s->watches = watch_table_free(s->watches);
    s->sessions = session_table_free(s->sessions);
    s->children_cache = children_cache_free(s->children_cache);
    pending_pool_done(s);
    bytes_done(&s->scratch);
    bytes_done(&s->repaired);
    free(s->clients);
    free(s->past_digests);
    free(s->free_slots);
    state_done(&s->state);
}

void service_tick(struct service *s, int64_t now_ms, int64_t wall_ms)
{
    s->now_ms = now_ms;
    s->wall_ms = wall_ms;
    s->turn++;
    ensemble_tick(s->ensemble, now_ms, wall_ms);
    service_look(s);
    s->turn_large_bytes = 0;
}

void service_look(struct service *s)
{
    s->can_submit = ensemble_can_submit(s->ensemble);
}

zk_zxid service_zxid(const struct service *s)
{
    return order_last_applied(s->order);
}

void service_durable(struct service *s, zk_zxid zxid)
{
    ensemble_logged(s->ensemble, zxid);
}

void service_sent(struct service *s, struct client *c, size_t count)
{
    zk_assert(count <= s->egress_bytes);
    s->egress_bytes -= count;
    if (count > 0)
        c->progress_ms = s->now_ms;
}

/* ---- The end of a turn. */

/* Large replies go out in order of waiting, some in each turn. */
static bool serve_parked(struct service *s)
{
    struct list waiting;

    s->needs_room = false;
    if (list_is_empty(&s->parked))
        return false;
    list_init(&waiting);
    while (!list_is_empty(&s->parked)) {
        struct list *link = s->parked.next;
        list_remove(link);
        list_append(&waiting, link);
    }
    while (!list_is_empty(&waiting)) {
        struct client *c = list_entry(waiting.next, struct client, parked);
        list_remove(&c->parked);
        route_pump(c); /* Parks it again, in the same order, if it must. */
    }
    return s->turn_large_bytes >= TURN_LARGE_BYTES && !s->needs_room;
}

bool service_turn_end(struct service *s)
{
    if (!s->is_alone) {
        role_update(s);
        role_settle(s);
        (void)role_is_read_only(s);
    }
    service_look(s);
    while (!list_is_empty(&s->doomed)) {
        struct client *c = list_entry(s->doomed.next, struct client, doomed);
        list_remove(&c->doomed);
        s->host.kick(c);
    }
    bool more = serve_parked(s);
    client_unblock(s);
    return more && !list_is_empty(&s->parked);
}

/* ---- Expiry and the reaper. */

/* Others wait for the room that unread replies take: who has taken nothing for a while
 * goes. */
static void close_stuck(struct service *s)
{
    for (uint32_t i = 0; i < s->clients_cap; i++) {
        struct client *c = s->clients[i];

        if (c == NULL || c->out.len <= FULL_EGRESS_BYTES ||
            s->now_ms - c->progress_ms < STUCK_READER_MS)
            continue;
        s->stats.slow_readers_closed++;
        s->host.kick(c);
    }
}

int64_t service_deadline(const struct service *s)
{
    int64_t at = role_deadline(s);
    int64_t expiry = sessions_deadline(s);

    if (at > expiry)
        at = expiry;
    if (s->needs_room && at > s->now_ms + STUCK_READER_MS / 2)
        at = s->now_ms + STUCK_READER_MS / 2;
    return at;
}

int64_t service_expire(struct service *s)
{
    role_expire(s);
    sessions_expire(s);
    if (s->needs_room)
        close_stuck(s);
    return service_deadline(s);
}

static void reap_one(void *ctx, struct jute_bytes path)
{
    struct service *s = ctx;
    struct bytes body = { 0 };
    enum zk_err err;
    zk_zxid zxid;

    if (!ensemble_can_submit(s->ensemble))
        return; /* It is found again in the next round. */
    jute_write_str(&body, path);
    struct write_request req = { .op = ZK_OP_DELETE_CONTAINER, .body = body.at, .len = body.len };
    if (ensemble_submit(s->ensemble, &req, &err, &zxid) == ORDER_SUBMITTED)
        s->stats.proposal_count++;
    bytes_done(&body);
}

bool service_reap(struct service *s, int64_t never_used_ms, size_t max)
{
    if (!s->leads)
        return false;
    return tree_expired(s->state.tree, s->wall_ms, never_used_ms, max, reap_one, s);
}
