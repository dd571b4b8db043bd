/* The end of a server that is asked to stop, as its clients see it. Each of them is let go at a
 * moment at which it has nothing under way: behind a reply, with which the end of the stream leaves
 * in one piece, so that a client which looks before it asks again asks elsewhere; or when it has
 * been silent for a while. */
#include <sys/socket.h>

#include "server/net/conn.h"

void net_drain(struct net *n)
{
    n->is_draining = true;
    n->drain_ms = n->service->now_ms + NET_DRAIN_QUIET_MS;
    list_each(it, &n->all)
    {
        struct conn *c = list_entry(it, struct conn, in_all);

        c->drain_received = c->client.stats.received;
    }
}

int64_t net_drain_deadline(const struct net *n)
{
    return n->is_draining && n->service->now_ms < n->drain_ms ? n->drain_ms : INT64_MAX;
}

/* What is there already was sent before the client could know. */
static bool has_input(const struct conn *c)
{
    char byte;

    return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static bool may_go(const struct conn *c)
{
    const struct net *n = c->net;

    if (c->client.pending_first != NULL)
        return false;
    if (n->is_stopping)
        return true;
    if (c->client.phase == CLIENT_CONNECTING || c->is_word || c->in.len > 0 ||
        !list_is_empty(&c->in_ready))
        return false;
    if (c->client.stats.received == c->drain_received && n->service->now_ms < n->drain_ms)
        return false;
    return !has_input(c);
}

bool net_drain_turn(struct net *n)
{
    bool all = true;

    list_each_safe(it, &n->all)
    {
        struct conn *c = list_entry(it, struct conn, in_all);

        if (c->state != CONN_OPEN)
            continue;
        if (may_go(c))
            client_end(&c->client);
        else
            all = false;
    }
    return all;
}
