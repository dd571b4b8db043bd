/* The connections of the quorum port: how they begin, what comes in, how they end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/net/peers_impl.h"
#include "server/net/sockets.h"
#include "util/check.h"
#include "util/log.h"

static void on_link(evutil_socket_t fd, short what, void *arg);

/* ---- Begin. */

/* What the loop is to watch. */
void link_wants(struct link *l)
{
    int interest = EV_READ | (l->unsent > 0 ? EV_WRITE : 0);

    if (l->interest == interest)
        return;
    if (l->interest != 0)
        (void)event_del(&l->event);
    l->interest = (short)interest;

    int r =
        event_assign(&l->event, l->peers->base, l->fd, (short)(interest | EV_PERSIST), on_link, l);

    zk_assert(r == 0);
    r = event_add(&l->event, NULL);
    zk_assert(r == 0);
}

static void link_opened(struct link *l, int fd, const struct sockaddr *from)
{
    socket_watch(fd, l->peers->conf.link_unheard_ms);
    l->fd = fd;
    l->address = address_of(from);
    link_wants(l);
}

/* ---- End. */

static void tell_end(struct link *l, const char *who, const char *why)
{
    struct peers *p = l->peers;

    if (l->is_incoming && !l->has_spoken && !peers_may_tell(p))
        return;
    p->name[0] = '\0';
    if (l->fd >= 0)
        (void)address_print(p->name, &l->address);
    log_info("quorum: closed link=0x%llx address=%s by=%s reason='%s'", (unsigned long long)l->id,
             p->name, who, why);
}

/* It has ended, and not because the host wanted it. */
static void link_down(struct link *l, const char *who, const char *why)
{
    struct peers *p = l->peers;
    zab_link id = l->id;
    bool is_known = l->is_known;

    tell_end(l, who, why);
    link_free(l);
    if (is_known)
        p->host.link_down(p->host.ctx, id);
}

void peers_close(struct peers *p, zab_link link, const char *why)
{
    struct link *l = link_find(p, link);

    if (l == NULL)
        return;
    tell_end(l, "us", why);
    link_not_silent(l);
    list_remove(&l->in_bucket);
    list_remove(&l->in_owing);
    l->dial = dial_free(l->dial);
    l->retry_ms = INT64_MAX;
    l->is_closed = true;
    l->since_ms = peers_now(p);
    list_append(&p->ending, &l->in_ending);
    /* Nobody frees it before the turn's end: its input may be in the hands of who calls. */
    peers_deadline_at(p, l->fd < 0 ? 0 : l->since_ms + PEERS_LINGER_MS);
    link_dirty(l);
}

/* ---- Input. */

/* Gives the host what is there; what it does not take is kept. False: the link is no more. */
static bool offer(struct link *l, const uint8_t *at, size_t len)
{
    struct peers *p = l->peers;
    int64_t taken;

    l->is_known = true;
    taken = p->host.received(p->host.ctx, l->id, at, len);
    if (l->is_closed) {
        bytes_done(&l->in);
        return true;
    }
    if (taken < 0) {
        link_down(l, "us", "it broke the protocol");
        return false;
    }
    zk_assert((size_t)taken <= len);
    if (taken > 0) {
        l->has_spoken = true;
        link_not_silent(l);
    }
    if (at == l->in.at)
        bytes_drop(&l->in, (size_t)taken);
    else
        bytes_put(&l->in, at + taken, len - (size_t)taken);
    if (l->in.len == 0)
        bytes_done(&l->in);
    /* Of packets that are too large the host says so by their first bytes; this is for one that
     * grows without end. */
    if (l->in.len > 2 * (size_t)p->conf.frame_max + PEERS_LINK_EXTRA_BYTES) {
        link_down(l, "us", "a packet without end");
        return false;
    }
    return true;
}

/* What comes on a link that is closed is of no interest but for its end. */
static void discard(struct link *l)
{
    ssize_t got = recv(l->fd, l->peers->shared, PEERS_READ_BYTES, MSG_DONTWAIT);

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        link_free(l);
}

static void link_read(struct link *l)
{
    bool is_kept = l->in.len > 0;
    uint8_t *to = is_kept ? bytes_room(&l->in, PEERS_READ_BYTES) : l->peers->shared;
    ssize_t got = recv(l->fd, to, PEERS_READ_BYTES, MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        link_down(l, "peer", got == 0 ? "end of the stream" : strerror(errno));
        return;
    }
    if (is_kept)
        bytes_added(&l->in, (size_t)got);
    (void)offer(l, is_kept ? l->in.at : to, is_kept ? l->in.len : (size_t)got);
}

static void on_link(evutil_socket_t fd, short what, void *arg)
{
    struct link *l = arg;

    (void)fd;
    peers_wake(l->peers);
    if ((what & EV_WRITE) != 0)
        link_flush(l);
    if ((what & EV_READ) == 0)
        return;
    if (l->is_closed)
        discard(l);
    else
        link_read(l);
}

/* ---- Incoming. */

void link_accept(struct peers *p, int fd, const struct sockaddr *from, bool is_masters)
{
    if (p->incoming_count >= PEERS_LINKS_MAX) {
        if (peers_may_tell(p))
            log_warn("quorum: refusing a connection reason='there are too many'");
        socket_reset(fd);
        return;
    }
    if (p->silent_count >= PEERS_SILENT_LINKS_MAX)
        link_down(list_entry(p->silent.next, struct link, in_silent), "us",
                  "too many that say nothing");

    zab_link id = ++p->incoming_last | (is_masters ? ZAB_LINK_MASTER : 0);
    struct link *l = link_new(p, id, true);

    list_append(&p->silent, &l->in_silent);
    p->silent_count++;
    peers_deadline_at(p, l->since_ms + p->conf.first_packet_ms);
    link_opened(l, fd, from);
}

/* ---- Outgoing. */

static void on_dialed(void *ctx, int fd);

static void link_dial(struct link *l)
{
    struct peers *p = l->peers;
    const struct peer *e = peer_find(p, l->leader);

    l->retry_ms = INT64_MAX;
    l->tries++;
    l->dial = dial_new(p, l->give_up_ms, on_dialed, l);
    for (size_t i = 0; e != NULL && e->is_member && i < e->places.count; i++)
        dial_add(l->dial, e->places.at[i].host,
                 (l->id & ZAB_LINK_MASTER) != 0 ? p->conf.master_port
                                                : e->places.at[i].quorum_port);
}

/* Short at first: who has just become leader opens its port a moment later. */
static int64_t pause_of(const struct link *l)
{
    static const int first_ms[] = { 10, 20, 50 };
    const int count = sizeof first_ms / sizeof first_ms[0];
    int64_t most_ms = l->peers->conf.link_pause_ms;

    return l->tries <= count && first_ms[l->tries - 1] < most_ms ? first_ms[l->tries - 1] : most_ms;
}

static void on_dialed(void *ctx, int fd)
{
    struct link *l = ctx;
    struct peers *p = l->peers;
    struct sockaddr_storage to = { 0 };
    socklen_t len = sizeof to;

    l->dial = NULL;
    if (fd < 0) {
        int64_t again_ms = peers_now(p) + pause_of(l);

        if (l->tries >= PEERS_LINK_TRIES || again_ms >= l->give_up_ms) {
            link_down(l, "us", strerror(-fd));
            return;
        }
        l->retry_ms = again_ms;
        peers_deadline_at(p, again_ms);
        return;
    }
    (void)getpeername(fd, (struct sockaddr *)(void *)&to, &len);
    link_opened(l, fd, (const struct sockaddr *)(const void *)&to);
    if (l->unsent > 0)
        link_dirty(l);
    p->host.link_up(p->host.ctx, l->id);
}

void peers_connect(struct peers *p, zab_link link, zk_sid leader)
{
    zk_assert((link & ZAB_LINK_OURS) != 0 && link_find(p, link) == NULL);

    struct link *l = link_new(p, link, false);

    l->is_known = true;
    l->leader = leader;
    l->give_up_ms = l->since_ms + p->conf.link_connect_ms;
    link_dial(l);
}

/* ---- Output. */

void peers_send(struct peers *p, zab_link link, const uint8_t *at, size_t len)
{
    struct link *l = link_find(p, link);

    if (l == NULL || l->is_mute || len == 0)
        return;
    link_put(l, at, len);
    if (l->unsent >= p->conf.link_low_bytes)
        l->is_full = true;
    if (l->unsent > p->conf.link_unsent_max)
        peers_deadline_at(p, 0);
    link_dirty(l);
}

size_t peers_unsent(const struct peers *p, zab_link link)
{
    const struct link *l = link_find(p, link);

    return l != NULL ? l->unsent : 0;
}

bool peers_has_output(const struct peers *p)
{
    list_each(it, &p->links)
    {
        if (list_entry(it, struct link, in_all)->unsent > 0)
            return true;
    }
    return false;
}

void link_owing_run(struct peers *p)
{
    while (!list_is_empty(&p->owing)) {
        struct link *l = list_entry(p->owing.next, struct link, in_owing);

        list_remove(&l->in_owing);
        p->host.room(p->host.ctx, l->id);
    }
}

/* ---- Time. */

static void expire_silent(struct peers *p, int64_t now_ms)
{
    while (!list_is_empty(&p->silent)) {
        struct link *l = list_entry(p->silent.next, struct link, in_silent);
        int64_t end_ms = l->since_ms + p->conf.first_packet_ms;

        if (end_ms > now_ms) {
            peers_deadline_at(p, end_ms);
            return;
        }
        link_down(l, "us", "it said nothing");
    }
}

static void expire_ending(struct peers *p, int64_t now_ms)
{
    list_each_safe(it, &p->ending)
    {
        struct link *l = list_entry(it, struct link, in_ending);
        int64_t end_ms = l->since_ms + PEERS_LINGER_MS;

        if (l->fd >= 0 && end_ms > now_ms)
            peers_deadline_at(p, end_ms);
        else
            link_free(l);
    }
}

static struct link *first_waiting(struct peers *p, int64_t now_ms)
{
    list_each(it, &p->links)
    {
        struct link *l = list_entry(it, struct link, in_all);

        if (l->retry_ms <= now_ms)
            return l;
        peers_deadline_at(p, l->retry_ms);
    }
    return NULL;
}

/* Those that take too little of what they are sent: nobody may fill our memory. */
static struct link *first_too_slow(struct peers *p)
{
    list_each(it, &p->links)
    {
        struct link *l = list_entry(it, struct link, in_all);

        if (!l->is_closed && l->unsent > p->conf.link_unsent_max)
            return l;
    }
    return NULL;
}

void link_expire(struct peers *p, int64_t now_ms)
{
    struct link *l;

    expire_silent(p, now_ms);
    expire_ending(p, now_ms);
    while ((l = first_waiting(p, now_ms)) != NULL)
        link_dial(l);
    while ((l = first_too_slow(p)) != NULL)
        link_down(l, "us", "it takes too little of what it is sent");
}
