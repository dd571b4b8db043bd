/* One connection of the election port: the initial message, then frames both ways
 * (quorum-protocol 2.2, 2.3). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jute/codec.h"
#include "server/net/peers_impl.h"
#include "server/net/sockets.h"
#include "util/check.h"
#include "util/log.h"
#include "zab/packet.h"

static void on_wire(evutil_socket_t fd, short what, void *arg);

static void wire_wants(struct wire *w, short interest)
{
    if (w->interest == interest)
        return;
    if (w->interest != 0)
        (void)event_del(&w->event);
    w->interest = interest;

    int r =
        event_assign(&w->event, w->peers->base, w->fd, (short)(interest | EV_PERSIST), on_wire, w);

    zk_assert(r == 0);
    r = event_add(&w->event, NULL);
    zk_assert(r == 0);
}

struct wire *wire_new(struct peers *p, int fd, const struct sockaddr *from)
{
    struct wire *w = zk_xcalloc(1, sizeof *w);

    w->peers = p;
    w->fd = fd;
    w->address = address_of(from);
    w->since_ms = peers_now(p);
    socket_watch(fd, PEERS_UNHEARD_MS);
    if (p->conf.keepalive)
        socket_keep_alive(fd, PEERS_IDLE_S);
    list_init(&w->in_guests);
    list_init(&w->in_dirty);
    list_append(&p->guests, &w->in_guests);
    p->guest_count++;
    wire_wants(w, EV_READ);
    return w;
}

void wire_free(struct wire *w)
{
    struct peers *p = w->peers;

    if (w->peer != NULL) {
        w->peer->wire = NULL;
        p->wire_count--;
    } else {
        p->guest_count--;
    }
    list_remove(&w->in_guests);
    list_remove(&w->in_dirty);
    (void)event_del(&w->event);
    (void)close(w->fd);
    bytes_done(&w->in);
    bytes_done(&w->out);
    free(w);
}

void wire_adopt(struct wire *w, struct peer *e)
{
    struct peers *p = w->peers;

    zk_assert(w->peer == NULL && e->wire == NULL);
    list_remove(&w->in_guests);
    p->guest_count--;
    p->wire_count++;
    w->peer = e;
    w->since_ms = peers_now(p);
    e->wire = w;
}

/* The end of a connection, by the other side or for what came on it. */
static void wire_lost(struct wire *w, const char *why)
{
    struct peers *p = w->peers;
    struct peer *e = w->peer;
    int64_t lived_ms = peers_now(p) - w->since_ms;

    if (e == NULL && peers_may_tell(p)) {
        (void)address_print(p->name, &w->address);
        log_info("election: closing a caller address=%s reason='%s'", p->name, why);
    }
    wire_free(w);
    if (e != NULL)
        election_lost(e, lived_ms, why);
}

/* ---- Input. */

/* Frames from the begin of at[0..len). Returns the bytes taken, or -EBADMSG. */
static int64_t take_frames(struct wire *w, const uint8_t *at, size_t len)
{
    struct peers *p = w->peers;
    size_t taken = 0;

    while (len - taken >= 4) {
        uint32_t body = jute_load32(at + taken);

        if (body < 1 || body > ZAB_FRAME_MAX)
            return -EBADMSG;
        if (len - taken - 4 < body)
            break;
        p->host.notified(p->host.ctx, w->peer->sid, at + taken + 4, body);
        taken += 4 + body;
    }
    return (int64_t)taken;
}

/* Takes what is in w->in. */
void wire_frames(struct wire *w)
{
    int64_t taken = take_frames(w, w->in.at, w->in.len);

    if (taken < 0) {
        wire_lost(w, "a frame of a forbidden length");
        return;
    }
    bytes_drop(&w->in, (size_t)taken);
    if (w->in.len == 0)
        bytes_done(&w->in);
}

static void meet(struct wire *w)
{
    struct zab_initial hello;
    int64_t taken = zab_initial_read(&hello, w->in.at, w->in.len);

    if (taken < 0) {
        wire_lost(w, "no initial message");
        return;
    }
    if (taken > 0)
        election_met(w, &hello, (size_t)taken);
}

static void input(struct wire *w, size_t got)
{
    if (w->in.len > 0) {
        bytes_added(&w->in, got);
        wire_frames(w);
        return;
    }

    int64_t taken = take_frames(w, w->peers->shared, got);

    if (taken < 0)
        wire_lost(w, "a frame of a forbidden length");
    else
        bytes_put(&w->in, w->peers->shared + taken, got - (size_t)taken);
}

static void wire_read(struct wire *w)
{
    bool is_guest = w->peer == NULL;
    size_t room = is_guest ? ZAB_INITIAL_MAX : PEERS_READ_BYTES;
    uint8_t *to = is_guest || w->in.len > 0 ? bytes_room(&w->in, room) : w->peers->shared;
    ssize_t got = recv(w->fd, to, room, MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        wire_lost(w, got == 0 ? "closed by the other side" : strerror(errno));
    } else if (is_guest) {
        bytes_added(&w->in, (size_t)got);
        meet(w);
    } else {
        input(w, (size_t)got);
    }
}

/* ---- Output. */

void wire_dirty(struct wire *w)
{
    if (list_is_empty(&w->in_dirty))
        list_append(&w->peers->dirty_wires, &w->in_dirty);
}

/* What the other side said before may still be unread; behind it comes the end, and that is
 * when the connection is lost. */
static void mute(struct wire *w)
{
    w->is_mute = true;
    bytes_done(&w->out);
    w->sent = 0;
    (void)shutdown(w->fd, SHUT_RDWR);
    wire_wants(w, EV_READ);
}

/* False: not all of it left. */
static bool send_rest(struct wire *w)
{
    ssize_t sent =
        send(w->fd, w->out.at + w->sent, w->out.len - w->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        mute(w);
        return false;
    }
    w->sent += sent > 0 ? (size_t)sent : 0;
    if (w->sent < w->out.len) {
        wire_wants(w, EV_READ | EV_WRITE);
        return false;
    }
    w->out.len = w->sent = 0;
    return true;
}

/* The frame that is leaving, then the newest one: what came between them was replaced. */
void wire_flush(struct wire *w)
{
    struct peer *e = w->peer;

    if (w->is_mute || (w->out.len > 0 && !send_rest(w)))
        return;
    if (e != NULL && e->is_due) {
        e->is_due = false;
        bytes_put(&w->out, e->last.at, e->last.len);
        if (!send_rest(w))
            return;
    }
    bytes_done(&w->out);
    wire_wants(w, EV_READ);
}

static void on_wire(evutil_socket_t fd, short what, void *arg)
{
    struct wire *w = arg;

    (void)fd;
    peers_wake(w->peers);
    if ((what & EV_WRITE) != 0)
        wire_flush(w);
    if ((what & EV_READ) != 0)
        wire_read(w);
}
