/* Who calls whom on the election port, and when (quorum-protocol 2.1).
 *
 * Of two servers the larger sid keeps the connection that it has opened. The smaller one can only
 * knock: it connects, says who it is, and closes; then it is called back. A knock ends the
 * connection that there was, so it must not come when there is one, or again before the other
 * side had a chance to call. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/net/peers_impl.h"
#include "util/check.h"
#include "util/log.h"
#include "zab/packet.h"

/* What ZooKeeper's observers once sent, to be given a sid; nobody can be called back by it. */
#define ANONYMOUS INT64_MAX

static void on_dialed(void *ctx, int fd);

/* ---- What we say of ourselves. */

static void put_place(struct peers *p, struct bytes *out, const struct place *a)
{
    unsigned port = a->election_port != 0 ? a->election_port : peers_port(p, PEERS_ELECTION);
    bool is_v6 = strchr(a->host, ':') != NULL;

    if (out->len + strlen(a->host) + 9 > ZAB_INITIAL_ADDRESS_MAX)
        return;
    bytes_printf(out, "%s%s%s%s:%u", out->len > 0 ? "|" : "", is_v6 ? "[" : "", a->host,
                 is_v6 ? "]" : "", port);
}

/* The initial message, whole in one write: ZooKeeper reads its text with one read. A new socket
 * has room for it. */
static bool introduce(struct peers *p, int fd)
{
    struct bytes text = { 0 };
    struct bytes out = { 0 };
    size_t count = p->conf.multi_address || p->self.count == 0 ? p->self.count : 1;

    for (size_t i = 0; i < count; i++)
        put_place(p, &text, &p->self.at[i]);
    if (text.len == 0)
        bytes_put(&text, "0.0.0.0:0", 9);
    bytes_put(&text, "", 1);
    zab_initial_write(p->conf.self, (const char *)text.at, p->conf.multi_address, &out);

    ssize_t sent = send(fd, out.at, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    bool ok = sent == (ssize_t)out.len;

    bytes_done(&text);
    bytes_done(&out);
    return ok;
}

/* ---- Calling. */

void election_forget_knock(struct peer *e)
{
    if (e->knock_fd < 0)
        return;
    (void)event_del(&e->knock_event);
    (void)close(e->knock_fd);
    e->knock_fd = -1;
}

static void dial_now(struct peer *e)
{
    struct peers *p = e->peers;
    int64_t now_ms = peers_now(p);

    zk_assert(e->dial == NULL);
    election_forget_knock(e);
    e->retry_ms = INT64_MAX;
    e->dialed_ms = now_ms;
    e->step++;
    e->dial = dial_new(p, now_ms + p->conf.connect_ms, on_dialed, e);
    for (size_t i = 0; i < e->places.count; i++)
        dial_add(e->dial, e->places.at[i].host, e->places.at[i].election_port);
}

static void retry_at(struct peer *e, int64_t at_ms)
{
    e->retry_ms = at_ms;
    peers_deadline_at(e->peers, at_ms);
}

/* Calls again: at once, then after a pause that grows, fast the first times, so that a peer that
 * is starting is met soon. */
static void go_on(struct peer *e, int64_t pause_min_ms)
{
    static const int pauses_ms[] = { 0, 20, 50, 100, 200, 500, 1000 };
    const unsigned last = sizeof pauses_ms / sizeof pauses_ms[0] - 1;
    int64_t pause_ms = pauses_ms[e->step < last ? e->step : last];
    int64_t now_ms = peers_now(e->peers);
    int64_t at_ms = e->dialed_ms + pause_ms;

    if (at_ms < now_ms + pause_min_ms)
        at_ms = now_ms + pause_min_ms;

    if (now_ms >= e->until_ms || !e->is_member)
        return;
    if (at_ms <= now_ms)
        dial_now(e);
    else
        retry_at(e, at_ms);
}

static bool is_idle(const struct peer *e)
{
    return e->wire == NULL && e->dial == NULL && e->retry_ms == INT64_MAX;
}

/* A connection is wanted. */
static void want(struct peer *e)
{
    e->is_wanted = true;
    e->until_ms = peers_now(e->peers) + PEERS_RETRY_FOR_MS;
    if (is_idle(e))
        go_on(e, 0);
}

static void tell(struct peer *e, bool is_reachable)
{
    struct peers *p = e->peers;

    if (!e->is_member || e->is_told == is_reachable)
        return;
    e->is_told = is_reachable;
    p->host.reachable(p->host.ctx, e->sid, is_reachable);
}

/* The connection is the peer's from now on. Last thing that a caller does. */
static void is_up(struct peer *e, struct wire *w, bool is_ours)
{
    struct peers *p = e->peers;

    if (e->wire != NULL)
        wire_free(e->wire);
    wire_adopt(w, e);
    election_forget_knock(e);
    e->dial = dial_free(e->dial);
    e->retry_ms = INT64_MAX;
    e->is_wanted = false;
    e->is_due = e->last.len > 0; /* The last thing said may not have arrived. */
    wire_dirty(w);
    if (e->is_member || peers_may_tell(p)) {
        (void)address_print(p->name, &w->address);
        log_info("election: connected peer=%lld address=%s by=%s", (long long)e->sid, p->name,
                 is_ours ? "us" : "peer");
    }
    tell(e, true);
}

static void failed(struct peer *e, int err)
{
    (void)log_errno(LOG_LEVEL_DEBUG, err, "election: no connection peer=%lld", (long long)e->sid);
    if (!e->is_member) {
        e->peers->has_leavers = true;
        peers_later(e->peers);
        return;
    }
    /* Who has nothing to tell a server that is not there waits for it to come. */
    if (err != -ECONNREFUSED || e->is_wanted)
        go_on(e, 0);
    if (err == -ECONNREFUSED && e->wire == NULL)
        tell(e, false);
}

/* The other side has taken the knock and closed. Or its process ended before: a connection that
 * was made in its last moment is reset; then it is called again at once, to know. */
static void on_knock(evutil_socket_t fd, short what, void *arg)
{
    struct peer *e = arg;
    char byte;

    (void)what;
    peers_wake(e->peers);

    bool is_reset = recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET;

    election_forget_knock(e);
    if (is_reset && e->step == 1 && e->wire == NULL && e->dial == NULL)
        dial_now(e);
}

static void wait_for_answer(struct peer *e, int fd)
{
    e->knock_fd = fd;
    (void)shutdown(fd, SHUT_WR);

    int r = event_assign(&e->knock_event, e->peers->base, fd, EV_READ, on_knock, e);

    zk_assert(r == 0);
    r = event_add(&e->knock_event, NULL);
    zk_assert(r == 0);
    go_on(e, PEERS_KNOCK_PAUSE_MS);
}

static void knock(struct peer *e, int fd)
{
    if (e->wire == NULL && introduce(e->peers, fd)) {
        wait_for_answer(e, fd);
        return;
    }
    (void)close(fd);
    if (e->wire == NULL) /* Else it has called us meanwhile. */
        failed(e, -ECONNABORTED);
}

static void on_dialed(void *ctx, int fd)
{
    struct peer *e = ctx;
    struct peers *p = e->peers;
    struct sockaddr_storage to = { 0 };
    socklen_t len = sizeof to;

    e->dial = NULL;
    if (fd < 0) {
        failed(e, fd);
        return;
    }
    if (e->sid > p->conf.self) {
        knock(e, fd);
        return;
    }
    (void)getpeername(fd, (struct sockaddr *)(void *)&to, &len);
    if (!introduce(p, fd)) {
        (void)close(fd);
        failed(e, -ECONNABORTED);
        return;
    }
    is_up(e, wire_new(p, fd, (const struct sockaddr *)(const void *)&to), true);
}

void election_lost(struct peer *e, int64_t lived_ms, const char *why)
{
    struct peers *p = e->peers;

    if (e->is_member || peers_may_tell(p))
        log_info("election: lost peer=%lld reason='%s'", (long long)e->sid, why);
    if (!e->is_member) {
        p->has_leavers = true;
        peers_later(p);
        return;
    }
    /* Called at once, to know whether it is gone: but not when connections keep ending, for then
     * both sides may be replacing each other's. */
    if (lived_ms >= PEERS_STABLE_MS)
        e->step = 0;
    e->until_ms = peers_now(p) + PEERS_RETRY_FOR_MS;
    if (is_idle(e))
        go_on(e, 0);
}

/* ---- Being called. */

void election_accept(struct peers *p, int fd, const struct sockaddr *from)
{
    if (p->guest_count >= PEERS_GUESTS_MAX)
        wire_free(list_entry(p->guests.next, struct wire, in_guests));
    (void)wire_new(p, fd, from);
    peers_deadline_at(p, peers_now(p) + p->conf.initial_ms);
}

static bool is_wildcard(const char *host, size_t len)
{
    return (len == 7 && memcmp(host, "0.0.0.0", 7) == 0) ||
           (len == 2 && memcmp(host, "::", 2) == 0) ||
           (len == 15 && memcmp(host, "0:0:0:0:0:0:0:0", 15) == 0);
}

/* Where a stranger says that it can be called; the first few that could be true. */
static void read_places(struct places *ret, struct jute_bytes text)
{
    struct zab_initial_address a;

    while (zab_initial_next(&text, &a) > 0) {
        const char *host = (const char *)a.host.at;
        size_t len = (size_t)a.host.len;

        if (a.port > 0 && len <= PEERS_HOST_MAX && !is_wildcard(host, len) &&
            ret->count < PEERS_STRANGER_PLACES_MAX)
            places_add(ret, host, len, 0, a.port);
    }
}

/* One that is not in the configuration: it may be about to join. Those that we talk to are
 * bounded in number. */
static struct peer *stranger(struct peers *p, zk_sid sid)
{
    struct peer *oldest = NULL;

    list_each(it, &p->peers)
    {
        struct peer *e = list_entry(it, struct peer, in_all);

        if (!e->is_member && oldest == NULL)
            oldest = e;
    }
    if (p->strangers >= PEERS_STRANGERS_MAX && oldest != NULL)
        peer_free(oldest);
    return peer_new(p, sid);
}

/* The smaller sid has knocked: it has no connection, or none that it knows of. Where ours is so
 * young that the two have crossed, as they do when all servers begin to look at the same time, it
 * has one now. */
static void call_back(struct peer *e)
{
    int64_t now_ms = peers_now(e->peers);

    if (e->wire != NULL && now_ms - e->wire->since_ms < PEERS_CROSSING_MS)
        return;
    if (e->wire != NULL)
        wire_free(e->wire);
    e->until_ms = now_ms + PEERS_RETRY_FOR_MS;
    e->is_wanted = true;
    if (e->dial != NULL && now_ms - e->dialed_ms < PEERS_STALE_CALL_MS)
        return;
    e->dial = dial_free(e->dial);
    if (now_ms - e->dialed_ms < PEERS_CALL_GAP_MS)
        retry_at(e, e->dialed_ms + PEERS_CALL_GAP_MS);
    else
        dial_now(e);
}

static void refuse(struct wire *w, const char *why, zk_sid sid)
{
    struct peers *p = w->peers;

    if (peers_may_tell(p)) {
        (void)address_print(p->name, &w->address);
        log_warn("election: refusing a caller peer=%lld address=%s reason='%s'", (long long)sid,
                 p->name, why);
    }
    wire_free(w);
}

void election_met(struct wire *w, const struct zab_initial *hello, size_t taken)
{
    struct peers *p = w->peers;
    zk_sid sid = hello->sid;

    if (sid == p->conf.self || sid < 0 || sid == ANONYMOUS) {
        refuse(w, sid == p->conf.self ? "it has our sid" : "a sid that can't be", sid);
        return;
    }

    struct peer *e = peer_find(p, sid);

    if (e == NULL)
        e = stranger(p, sid);
    /* Where a member is, the configuration says and nobody else. */
    if (!e->is_member) {
        places_done(&e->places);
        read_places(&e->places, hello->addresses);
    }
    if (sid < p->conf.self) {
        wire_free(w);
        call_back(e);
        return;
    }
    bytes_drop(&w->in, taken);
    is_up(e, w, false);
    if (w->in.len > 0)
        wire_frames(w);
}

/* ---- What the host asks for. */

void peers_notify(struct peers *p, zk_sid to, const uint8_t *frame, size_t len)
{
    struct peer *e = peer_find(p, to);

    if (e == NULL)
        return;
    e->last.len = 0;
    bytes_put(&e->last, frame, len);
    e->is_due = true;
    if (e->wire != NULL)
        wire_dirty(e->wire);
    else if (e->is_member)
        want(e);
}

void peers_call(struct peers *p, zk_sid to)
{
    struct peer *e = peer_find(p, to);

    if (e != NULL && e->wire == NULL && e->is_member)
        want(e);
}

/* ---- Time. */

static void expire_guests(struct peers *p, int64_t now_ms)
{
    while (!list_is_empty(&p->guests)) {
        struct wire *w = list_entry(p->guests.next, struct wire, in_guests);
        int64_t end_ms = w->since_ms + p->conf.initial_ms;

        if (end_ms > now_ms) {
            peers_deadline_at(p, end_ms);
            return;
        }
        refuse(w, "it has not said who it is", -1);
    }
}

void election_expire(struct peers *p, int64_t now_ms)
{
    expire_guests(p, now_ms);
    list_each(it, &p->peers)
    {
        struct peer *e = list_entry(it, struct peer, in_all);

        if (e->retry_ms > now_ms) {
            peers_deadline_at(p, e->retry_ms);
            continue;
        }
        e->retry_ms = INT64_MAX;
        if (e->wire == NULL && e->dial == NULL && now_ms < e->until_ms)
            dial_now(e);
    }
}

/* Forgets who is no member and has nothing going on. */
void election_sweep(struct peers *p)
{
    p->has_leavers = false;
    list_each_safe(it, &p->peers)
    {
        struct peer *e = list_entry(it, struct peer, in_all);

        if (!e->is_member && is_idle(e))
            peer_free(e);
    }
}
