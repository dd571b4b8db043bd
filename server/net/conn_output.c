/* Output: what a client's replies and events wrote leaves in one send a turn; the rest,
 * if the socket is full, when it has room again. */
#include <errno.h>

#include "server/net/conn.h"
#include "util/check.h"

/* A buffer that is drained goes to who writes next, unless it is large. */
static void give_back(struct net *n, struct bytes *out)
{
    out->len = 0;
    if (out->cap > NET_POOL_BYTES || n->pool_count == NET_POOL_BUFFERS) {
        bytes_done(out);
        return;
    }
    n->pool[n->pool_count++] = *out;
    *out = (struct bytes){ 0 };
}

static void mark_progress(struct conn *c, size_t sent)
{
    struct net *n = c->net;
    int64_t now_ms = n->service->now_ms;

    if (sent > 0)
        c->io_ms = c->client.progress_ms = now_ms;
    c->out_taken += sent < NET_READER_BYTES ? (uint32_t)sent : NET_READER_BYTES;
    if (!list_is_empty(&c->in_blocked) && c->out_taken < NET_READER_BYTES)
        return;
    c->out_taken = 0;
    c->blocked_ms = now_ms;
    list_remove(&c->in_blocked);
    list_append(&n->blocked, &c->in_blocked);
}

/* Some is left: keeps the buffer from growing at its front for ever, at a cost of less
 * than one byte moved for each byte sent. */
static void keep_rest(struct conn *c, size_t sent)
{
    struct bytes *out = &c->client.out;

    if (c->out_sent >= NET_SENT_BYTES && c->out_sent >= out->len / 2) {
        bytes_drop(out, c->out_sent);
        service_sent(c->net->service, &c->client, c->out_sent);
        c->out_sent = 0;
    }
    mark_progress(c, sent);
    conn_wants(c, c->interest | EV_WRITE);
}

/* All is sent. False: that was the end of the connection. */
static bool drained(struct conn *c)
{
    struct net *n = c->net;
    struct bytes *out = &c->client.out;

    if (out->len > 0) {
        service_sent(n->service, &c->client, out->len);
        c->out_sent = 0;
        c->io_ms = n->service->now_ms;
        give_back(n, out);
    }
    list_remove(&c->in_blocked);
    conn_wants(c, c->interest & EV_READ);
    if (c->state == CONN_FINISHING) {
        conn_linger(c);
        return false;
    }
    if (c->is_word)
        conn_ready(c);
    conn_idle_moved(c);
    return true;
}

size_t conn_unsent(const struct conn *c, const uint8_t **ret)
{
    const struct bytes *out = &c->client.out;

    *ret = out->at != NULL ? out->at + c->out_sent : NULL;
    return out->len - c->out_sent;
}

bool conn_sent(struct conn *c, ssize_t sent, int err)
{
    if (sent < 0 && err != EAGAIN && err != EINTR && err != ENOBUFS) {
        conn_destroy(c, false);
        return false;
    }
    if (sent < 0)
        sent = 0;
    c->out_sent += (size_t)sent;
    if (c->out_sent == c->client.out.len)
        return drained(c);
    keep_rest(c, (size_t)sent);
    return true;
}

bool conn_flush(struct conn *c)
{
    const uint8_t *at;
    size_t left = conn_unsent(c, &at);

    zk_assert(c->state != CONN_LINGERING);
    if (left == 0)
        return drained(c);

    /* The end of the stream follows at once, in the same packet. */
    int more = c->state == CONN_FINISHING ? MSG_MORE : 0;
    ssize_t sent = send(c->fd, at, left, MSG_NOSIGNAL | MSG_DONTWAIT | more);

    return conn_sent(c, sent, errno);
}
