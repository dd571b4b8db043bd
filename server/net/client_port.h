/* The client port while the server runs: a change of the membership may move it (quorum-protocol
 * 5.2). Connections stay; only who comes anew has to come to the new place.
 *
 * The old place stays open until the new one is bound, unless one is in the way of the other: then
 * it is closed first. What can't be bound is tried again, once a second. */
#ifndef SERVER_NET_CLIENT_PORT_H
#define SERVER_NET_CLIENT_PORT_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/net/net.h"
#include "server/net/resolver.h"

struct client_port {
    struct net *net;
    struct resolver *resolver; /* NULL until a name is to be looked up. */
    char *host;                /* Where it is to be; NULL: all addresses. */
    uint16_t port;
    uint16_t bound;   /* Where it is, or was before it was closed. */
    bool is_moving;   /* It is not there yet. */
    bool has_told;    /* The log knows that it can't be bound. */
    int64_t again_ms; /* The next try; INT64_MAX: none. */
    struct resolver_query query;
};

/* The port is bound already, to where host and port say; a host of NULL: all addresses. */
void client_port_init(struct client_port *p, struct net *net, const char *host, uint16_t port);
/* Before net_done(). The port itself is the net's. */
void client_port_done(struct client_port *p);

/* Nothing, where it is there or on its way already. host is copied. */
void client_port_move(struct client_port *p, const char *host, uint16_t port);
/* It is to be closed, for good. */
void client_port_close(struct client_port *p);

/* What is due at the deadline (ms, monotonic). */
int64_t client_port_deadline(const struct client_port *p);
void client_port_expire(struct client_port *p);

#endif
