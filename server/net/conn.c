#include "server/net/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/check.h"

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    struct net *n = c->net;

    (void)fd;
    net_wake(n);
    if ((what & EV_WRITE) != 0 && !conn_flush(c))
        return;
    if ((what & EV_READ) == 0)
        return;
    /* Those who wait already go first, and a turn that is long enough takes no more. */
    if (!list_is_empty(&c->in_ready))
        return;
    if (!list_is_empty(&n->ready) || net_now_us() - n->turn_us > NET_TURN_INPUT_US)
        conn_ready(c);
    else
        conn_go(c);
}

void conn_wants(struct conn *c, int interest)
{
    if (c->interest == interest)
        return;
    if (c->interest != 0)
        (void)event_del(&c->event);
    c->interest = interest;
    if (interest == 0)
        return;

    int r =
        event_assign(&c->event, c->net->base, c->fd, (short)(interest | EV_PERSIST), on_event, c);

    zk_assert(r == 0);
    r = event_add(&c->event, NULL);
    zk_assert(r == 0);
}

void conn_new(struct net *n, int fd, const struct sockaddr *peer)
{
    struct conn *c = zk_xcalloc(1, sizeof *c);

    client_init(&c->client, n->service, peer, false);
    c->net = n;
    c->fd = fd;
    c->address = address_of(peer);
    c->since_ms = c->io_ms = n->service->now_ms;
    ingress_part_init(&c->part);
    list_init(&c->in_ready);
    list_init(&c->in_blocked);
    list_init(&c->in_state);
    list_init(&c->in_words);
    list_init(&c->in_all);
    list_append(&n->all, &c->in_all);
    ip_count_add(n->ips, &c->address);
    n->count++;
    c->idle_ms = n->conf.sessionless_ms;
    idle_put(&n->idle, &c->idle, conn_idle_end(c), c->io_ms);
    conn_wants(c, EV_READ);
}

/* Leaves everything but its descriptor: no client, no input, no place in any line. */
static void conn_strip(struct conn *c)
{
    struct net *n = c->net;

    if (c->state == CONN_LINGERING)
        return;
    client_done(&c->client);
    conn_forget_input(c);
    conn_word_done(c);
    idle_drop(&n->idle, &c->idle);
    list_remove(&c->in_ready);
    list_remove(&c->in_blocked);
}

void conn_destroy(struct conn *c, bool reset)
{
    static const struct linger at_once = { .l_onoff = 1 };
    struct net *n = c->net;

    zk_assert(!c->is_busy);
    conn_strip(c);
    list_remove(&c->in_state);
    list_remove(&c->in_all);
    conn_wants(c, 0);
    if (reset)
        (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)close(c->fd);
    ip_count_drop(n->ips, &c->address);
    n->count--;
    free(c);
}

void conn_ready(struct conn *c)
{
    if (list_is_empty(&c->in_ready) && c->state != CONN_LINGERING)
        list_append(&c->net->ready, &c->in_ready);
}

void conn_is_greedy(struct conn *c)
{
    if (list_is_empty(&c->in_ready) && c->state != CONN_LINGERING)
        list_append(&c->net->greedy, &c->in_ready);
}

/* ---- Ending. */

void conn_finish(struct conn *c)
{
    struct net *n = c->net;

    if (c->state != CONN_OPEN)
        return;
    c->state = CONN_FINISHING;
    c->since_ms = n->service->now_ms;
    list_append(&n->finishing, &c->in_state);
    if (!c->is_busy) /* Else the frame that led here may lie in it; it goes afterwards. */
        conn_forget_input(c);
    /* The flush sees it also when there is nothing to send. */
    if (list_is_empty(&c->client.dirty))
        list_append(&n->service->dirty, &c->client.dirty);
}

/* Throws away what came. False when the other side is done. */
static bool conn_discard(struct conn *c)
{
    ssize_t got = recv(c->fd, c->net->shared, NET_READ_BYTES, MSG_DONTWAIT);

    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

void conn_linger(struct conn *c)
{
    struct net *n = c->net;

    conn_strip(c);
    c->state = CONN_LINGERING;
    c->since_ms = n->service->now_ms;
    list_remove(&c->in_state);
    list_append(&n->lingering, &c->in_state);
    if (shutdown(c->fd, SHUT_WR) < 0 || !conn_discard(c))
        conn_destroy(c, false);
    else
        conn_wants(c, EV_READ);
}

void conn_kick(struct conn *c)
{
    if (c->state == CONN_LINGERING)
        return;
    if (c->is_busy) {
        c->is_doomed = true;
        return;
    }

    const struct bytes *out = &c->client.out;
    size_t left = out->len - c->out_sent;
    ssize_t sent = 0;

    if (left > 0)
        sent = send(c->fd, out->at + c->out_sent, left, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == (ssize_t)left)
        conn_linger(c);
    else /* What it does not take now must not stay in the kernel either. */
        conn_destroy(c, true);
}

/* ---- Going on. */

void conn_go(struct conn *c)
{
    if (c->state == CONN_LINGERING) {
        if (!conn_discard(c))
            conn_destroy(c, false);
        return;
    }
    if (c->state == CONN_FINISHING) {
        conn_wants(c, c->interest & EV_WRITE);
        return;
    }
    if (c->net->is_stopping) {
        conn_wants(c, c->interest & EV_WRITE);
        return;
    }
    c->is_busy = true;
    if (c->is_word)
        conn_word_step(c);
    else if (conn_take_kept(c))
        conn_read(c);
    else if (c->state == CONN_OPEN && list_is_empty(&c->in_ready))
        conn_wants(c, c->interest & EV_WRITE); /* Until it is told to resume. */
    c->is_busy = false;
    if (c->is_doomed)
        conn_kick(c);
}

/* Before its handshake a connection has a fixed time; then the last input or output
 * counts, rounded as ZK rounds it. */
int64_t conn_idle_end(const struct conn *c)
{
    const struct client *client = &c->client;
    int64_t at_ms = c->io_ms + client->timeout_ms;

    if (c->is_word)
        at_ms = c->since_ms + NET_WORD_MS;
    else if (client->phase == CLIENT_NEW || client->timeout_ms <= 0)
        at_ms = c->since_ms + c->net->conf.sessionless_ms;
    return idle_round(&c->net->idle, at_ms);
}

void conn_idle_moved(struct conn *c)
{
    struct idle *wheel = &c->net->idle;

    if (c->client.phase != CLIENT_UP || c->idle_ms == c->client.timeout_ms)
        return;
    c->idle_ms = c->client.timeout_ms;
    idle_put(wheel, &c->idle, conn_idle_end(c), c->net->service->now_ms);
}

void conn_check_idle(struct conn *c)
{
    struct net *n = c->net;
    int64_t now_ms = n->service->now_ms;
    int64_t end_ms = conn_idle_end(c);

    if (end_ms > now_ms) {
        idle_put(&n->idle, &c->idle, end_ms, now_ms);
        return;
    }
    if (c->client.phase == CLIENT_NEW && !c->is_word)
        n->service->stats.sessionless_connections_expired++;
    conn_kick(c);
}
