#include "server/net/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "server/net/peers_impl.h"
#include "server/net/sockets.h"
#include "util/check.h"

struct peers_conf peers_conf_default(zk_sid self, int32_t tick_ms, int32_t init_limit,
                                     int32_t sync_limit)
{
    /* A leader that does not take our call for as long as one may be silent is none. */
    int32_t connect_limit = init_limit < sync_limit ? init_limit : sync_limit;
    int32_t unheard_limit = init_limit < sync_limit ? sync_limit : init_limit;

    return (struct peers_conf){
        .self = self,
        .connect_ms = 5000,
        .initial_ms = tick_ms * sync_limit,
        .link_connect_ms = tick_ms * connect_limit,
        .link_unheard_ms = tick_ms * unheard_limit,
        .link_pause_ms = 100,
        .first_packet_ms = tick_ms * init_limit,
        .bind_tries = 3,
        .frame_max = 2 * 0xfffff,
        .link_low_bytes = (size_t)256 * 1024,
        .link_unsent_max = (size_t)512 * 1024 * 1024,
    };
}

/* ---- Turns and times. */

void peers_wake(struct peers *p)
{
    p->host.wake(p->host.ctx);
}

int64_t peers_now(struct peers *p)
{
    return p->host.now_ms(p->host.ctx);
}

void peers_deadline_at(struct peers *p, int64_t at_ms)
{
    if (at_ms < p->deadline_ms)
        p->deadline_ms = at_ms;
}

int64_t peers_deadline(const struct peers *p)
{
    return p->deadline_ms;
}

void peers_later(struct peers *p)
{
    event_active(&p->later, EV_TIMEOUT, 0);
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    struct peers *p = arg;

    (void)fd;
    (void)what;
    peers_wake(p);
    dial_run_all(p);
    link_owing_run(p);
    if (p->has_leavers)
        election_sweep(p);
}

void peers_expire(struct peers *p)
{
    int64_t now_ms = peers_now(p);

    /* Everything that waits says anew for how long. */
    p->deadline_ms = INT64_MAX;
    ports_expire(p, now_ms);
    election_expire(p, now_ms);
    link_expire(p, now_ms);
    dial_run_all(p);
}

void peers_flush(struct peers *p)
{
    while (!list_is_empty(&p->dirty_wires)) {
        struct wire *w = list_entry(p->dirty_wires.next, struct wire, in_dirty);

        list_remove(&w->in_dirty);
        wire_flush(w);
    }
    peers_flush_links(p);
}

void peers_flush_links(struct peers *p)
{
    while (!list_is_empty(&p->dirty)) {
        struct link *l = list_entry(p->dirty.next, struct link, in_dirty);

        list_remove(&l->in_dirty);
        link_flush(l);
    }
}

bool peers_may_tell(struct peers *p)
{
    int64_t now_ms = peers_now(p);

    if (now_ms - p->tell_ms >= PEERS_TELL_MS) {
        p->tell_ms = now_ms;
        p->told = 0;
    }
    return p->told++ < PEERS_TELL_COUNT;
}

/* ---- Members. */

char *peers_text(const char *from, size_t len)
{
    char *text = zk_xmalloc(len + 1);

    memcpy(text, from, len);
    text[len] = '\0';
    return text;
}

void places_done(struct places *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->at[i].host);
    free(p->at);
    *p = (struct places){ .at = NULL };
}

void places_add(struct places *p, const char *host, size_t len, uint16_t quorum, uint16_t election)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct place *a = &p->at[i];

        if (a->quorum_port == quorum && a->election_port == election && strlen(a->host) == len &&
            strncasecmp(a->host, host, len) == 0)
            return;
    }
    p->at = zk_xrealloc(p->at, (p->count + 1) * sizeof *p->at);
    p->at[p->count++] = (struct place){
        .host = peers_text(host, len),
        .quorum_port = quorum,
        .election_port = election,
    };
}

static void add_member(struct peers *p, const struct zab_member *m)
{
    struct places *places = &p->self;

    if (m->sid == p->conf.self) {
        p->self_votes = p->self_votes || m->is_voter;
    } else {
        struct peer *e = peer_find(p, m->sid);

        if (e == NULL)
            e = peer_new(p, m->sid);
        if (!e->is_member) { /* What a stranger told of itself counts no longer. */
            e->is_member = true;
            p->strangers--;
            places_done(&e->places);
        }
        places = &e->places;
    }
    for (size_t i = 0; i < m->address_count; i++) {
        const struct zab_address *a = &m->addresses[i];

        places_add(places, a->host, strlen(a->host), a->quorum_port, a->election_port);
    }
}

static void add_members(struct peers *p, const struct zab_config *c)
{
    for (size_t i = 0; i < c->count; i++)
        add_member(p, &c->members[i]);
}

void peers_members(struct peers *p, const struct zab_config *cur,
                   const struct zab_config *last_seen)
{
    list_each(it, &p->peers)
    {
        struct peer *e = list_entry(it, struct peer, in_all);

        if (e->is_member) {
            e->is_member = false;
            p->strangers++;
            places_done(&e->places);
        }
    }

    struct places before = p->self;

    p->self = (struct places){ .at = NULL };
    p->self_votes = false;
    add_members(p, cur);
    if (last_seen != NULL && last_seen != cur)
        add_members(p, last_seen);
    /* Who is not a member (yet, any more) still has to be reached to be told of it. */
    if (p->self.count == 0)
        p->self = before;
    else
        places_done(&before);
    /* Who is no member any more is forgotten when nothing goes on with it. */
    p->has_leavers = true;
    peers_later(p);
    if (p->is_listening)
        ports_update(p);
}

/* ---- Begin and end. */

static void init_lists(struct peers *p)
{
    list_init(&p->listeners);
    list_init(&p->dials);
    list_init(&p->peers);
    list_init(&p->guests);
    list_init(&p->dirty_wires);
    list_init(&p->links);
    list_init(&p->silent);
    list_init(&p->ending);
    list_init(&p->dirty);
    list_init(&p->owing);
    for (size_t i = 0; i < PEERS_LINK_BUCKETS; i++)
        list_init(&p->buckets[i]);
}

int peers_new(struct peers **ret, const struct peers_conf *conf, const struct peers_host *host,
              struct event_base *base)
{
    struct peers *p = zk_xcalloc(1, sizeof *p);
    const struct resolver_conf names = { .ctx = host->ctx,
                                         .wake = host->wake,
                                         .lookup = conf->lookup };
    int r = resolver_new(&p->resolver, &names, base);

    if (r < 0) {
        free(p);
        return r;
    }
    p->conf = *conf;
    p->host = *host;
    p->base = base;
    p->shared = zk_xmalloc(PEERS_READ_BYTES);
    p->deadline_ms = INT64_MAX;
    p->tell_ms = INT64_MIN / 2;
    p->reserve_fd = -1;
    reserve_take(&p->reserve_fd);
    init_lists(p);
    r = event_assign(&p->later, base, -1, 0, on_later, p);
    zk_assert(r == 0);
    *ret = p;
    return 0;
}

struct peers *peers_free(struct peers *p)
{
    if (p == NULL)
        return NULL;
    ports_done(p);
    while (!list_is_empty(&p->links))
        link_free(list_entry(p->links.next, struct link, in_all));
    while (!list_is_empty(&p->guests))
        wire_free(list_entry(p->guests.next, struct wire, in_guests));
    while (!list_is_empty(&p->peers))
        peer_free(list_entry(p->peers.next, struct peer, in_all));
    zk_assert(list_is_empty(&p->dials));
    (void)event_del(&p->later);
    p->resolver = resolver_free(p->resolver);
    chunks_done(p);
    places_done(&p->self);
    reserve_drop(&p->reserve_fd);
    free(p->shared);
    free(p);
    return NULL;
}

void peers_view(const struct peers *p, struct peers_view *ret)
{
    *ret = (struct peers_view){
        .calls = p->wire_count,
        .guests = p->guest_count,
        .strangers = p->strangers,
        .links = p->link_count,
    };
}
