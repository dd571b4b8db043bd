#include "server/request/client.h"

#include "server/request/limits.h"
#include "server/request/route.h"
#include "server/session/session.h"
#include "util/check.h"

/* ---- Watchers: small ids for the watch tables. A free slot holds the next free one. */

static uint32_t slot_take(struct service *s, struct client *c)
{
    if (s->clients_free == s->clients_cap) {
        uint32_t cap = s->clients_cap * 2 + 64;
        s->clients = zk_xrealloc(s->clients, cap * sizeof(void *));
        s->free_slots = zk_xrealloc(s->free_slots, cap * sizeof *s->free_slots);
        for (uint32_t i = s->clients_cap; i < cap; i++) {
            s->clients[i] = NULL;
            s->free_slots[i] = i + 1;
        }
        s->clients_cap = cap;
    }
    uint32_t slot = s->clients_free;
    s->clients_free = s->free_slots[slot];
    s->clients[slot] = c;
    s->client_count++;
    return slot;
}

static void slot_give(struct service *s, uint32_t slot)
{
    s->clients[slot] = NULL;
    s->free_slots[slot] = s->clients_free;
    s->clients_free = slot;
    s->client_count--;
}

void client_init(struct client *c, struct service *s, const struct sockaddr *peer, bool secure)
{
    *c = (struct client){
        .service = s,
        .phase = CLIENT_NEW,
        .secure = secure,
        .ids = idset_of_address(peer),
        .progress_ms = s->now_ms,
        .stats = { .established_ms = s->wall_ms, .last_zxid = -1 },
    };
    list_init(&c->dirty);
    list_init(&c->parked);
    list_init(&c->blocked);
    list_init(&c->doomed);
    c->watcher = slot_take(s, c);
}

void client_done(struct client *c)
{
    struct service *s = c->service;

    route_orphan(c);
    c->phase = CLIENT_CLOSING;
    watch_remove_all(s->watches, c->watcher);
    slot_give(s, c->watcher);
    sessions_detach(c);
    list_remove(&c->dirty);
    list_remove(&c->parked);
    list_remove(&c->blocked);
    list_remove(&c->doomed);
    s->egress_bytes -= c->out.len;
    bytes_done(&c->out);
    c->ids = idset_unref(c->ids);
}

void client_end(struct client *c)
{
    route_finish(c);
}

/* ---- Back-pressure. */

static bool is_throttled(const struct service *s)
{
    return s->conf.throttle_max_requests > 0 && s->outstanding >= s->conf.throttle_max_requests;
}

/* Whether what a client asks can be dealt with now. A shut door takes who knocks, to refuse him. */
static bool is_served(const struct client *c)
{
    const struct service *s = c->service;

    if (s->door == DOOR_OPEN)
        return s->can_submit || s->is_read_only;
    return s->door == DOOR_SHUT && c->phase == CLIENT_NEW;
}

/* Whether one more frame may come, but for the throttle of requests. */
static bool has_room(const struct client *c)
{
    const struct service *s = c->service;

    if (c->phase != CLIENT_NEW && c->phase != CLIENT_UP)
        return false;
    if (!is_served(c) || !list_is_empty(&c->parked))
        return false;
    if (c->out.len > s->conf.conn_egress_max || c->pending_bytes > CLIENT_PENDING_BYTES_MAX)
        return false;
    return s->outstanding <= s->outstanding_max || c->outstanding == 0;
}

bool client_can_take(struct client *c)
{
    struct service *s = c->service;
    bool held = c->phase == CLIENT_UP && is_throttled(s);

    if (has_room(c) && !held) {
        /* Nothing of it was held back: what comes now has not waited. */
        if (c->waited_turn != s->turn)
            c->throttled_ms = 0;
        return true;
    }
    if (list_is_empty(&c->blocked))
        list_append(&s->blocked, &c->blocked);
    if (held && c->throttled_ms == 0) {
        c->throttled_ms = s->now_ms;
        s->stats.request_throttle_wait_count++;
    }
    return false;
}

/* Who was held back may go on? Called at the end of each turn. */
void client_unblock(struct service *s)
{
    list_each_safe(it, &s->blocked)
    {
        struct client *c = list_entry(it, struct client, blocked);

        if (!has_room(c) || (c->phase == CLIENT_UP && is_throttled(s)))
            continue;
        list_remove(&c->blocked);
        if (c->throttled_ms != 0) {
            c->waited_ms = s->now_ms - c->throttled_ms;
            c->waited_turn = s->turn + 1; /* When net hands over what it kept. */
        }
        s->host.resume(c);
    }
}

bool client_frame(struct client *c, const uint8_t *frame, size_t len)
{
    struct service *s = c->service;

    zk_assert(c->phase == CLIENT_NEW || c->phase == CLIENT_UP);
    s->stats.packets_received++;
    s->stats.bytes_received += len + 4;
    c->stats.received++;
    if (s->conf.large_request_threshold >= 0 && len > (size_t)s->conf.large_request_threshold &&
        s->large_bytes + len > s->conf.large_request_max_bytes) {
        s->stats.large_requests_rejected++;
        return false;
    }
    return c->phase == CLIENT_NEW ? handshake_frame(c, frame, len) : route_frame(c, frame, len);
}
