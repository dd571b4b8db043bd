#include "server/request/service.h"

#include <stdlib.h>

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

/* Sessions of the last life get their whole timeout again, from now (5.1). */
static void track(void *ctx, zk_session_id id, int32_t timeout_ms)
{
    struct service *s = ctx;

    (void)session_add(s->sessions, id, timeout_ms, s->now_ms);
    /* Ids come from the clock: should that have gone back, they must still be new. */
    if ((id ^ s->next_session_id) >> 56 == 0 && id >= s->next_session_id)
        s->next_session_id = id + 1;
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
    rand_seed(&s->rand, conf->seed);
    stats_init(&s->stats);
    handshake_fill(s);
    s->next_session_id = session_first_id(conf->server_id, wall_ms);

    struct order_conf order_conf = order_conf_of(s);
    int r = order_new(&s->order, &order_conf, &s->state);
    if (r < 0)
        return r;
    *state = (struct state){ 0 };
    s->watches = watch_table_new(conf->seed);
    s->sessions = session_table_new(conf->tick_ms, conf->seed);
    s->children_cache = children_cache_new();
    session_book_each(s->state.sessions, track, s);
    return 0;
}

void service_done(struct service *s)
{
    zk_assert(s->client_count == 0);
    s->order = order_free(s->order);
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
    s->turn_large_bytes = 0;
}

zk_zxid service_zxid(const struct service *s)
{
    return order_last_applied(s->order);
}

/* ---- What became durable. */

static void on_event(void *ctx, const struct tree_event *ev, const uint32_t *watchers, size_t count)
{
    answer_event(ctx, ev, watchers, count);
}

static void on_applied(void *ctx, const struct applied *a)
{
    answer_applied(ctx, a);
}

void service_durable(struct service *s, zk_zxid zxid)
{
    struct order_sink sink = { .ctx = s, .event = on_event, .applied = on_applied };

    order_logged(s->order, zxid, s->watches, &sink);
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

static void expire_one(struct service *s, struct session *session)
{
    struct write_request req = { .session = session->id, .op = ZK_OP_CLOSE_SESSION };
    enum zk_err err;
    zk_zxid zxid;

    session->closing = true;
    s->stats.stale_sessions_expired++;
    enum order_verdict v = order_submit(s->order, &req, s->wall_ms, &err, &zxid);
    zk_assert(v == ORDER_SUBMITTED);
    s->stats.proposal_count++;
}

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
    int64_t at = session_next_deadline(s->sessions);

    if (at <= s->now_ms && !order_can_submit(s->order))
        at = s->now_ms + EXPIRE_RETRY_MS;
    if (s->needs_room && at > s->now_ms + STUCK_READER_MS / 2)
        at = s->now_ms + STUCK_READER_MS / 2;
    return at;
}

int64_t service_expire(struct service *s)
{
    while (order_can_submit(s->order)) {
        struct session *session = session_next_expired(s->sessions, s->now_ms);
        if (session == NULL)
            break;
        expire_one(s, session);
    }
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

    if (!order_can_submit(s->order))
        return; /* It is found again in the next round. */
    jute_write_str(&body, path);
    struct write_request req = { .op = ZK_OP_DELETE_CONTAINER, .body = body.at, .len = body.len };
    if (order_submit(s->order, &req, s->wall_ms, &err, &zxid) == ORDER_SUBMITTED)
        s->stats.proposal_count++;
    bytes_done(&body);
}

bool service_reap(struct service *s, int64_t never_used_ms, size_t max)
{
    return tree_expired(s->state.tree, s->wall_ms, never_used_ms, max, reap_one, s);
}
