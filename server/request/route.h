/* The road of a request inside the service; see service.h for the whole. */
#ifndef SERVER_REQUEST_ROUTE_H
#define SERVER_REQUEST_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/order/order.h"
#include "server/request/pending.h"
#include "server/request/reply.h"
#include "server/request/service.h"

/* ---- handshake.c: the ConnectRequest. False: close at once. */
bool handshake_frame(struct client *c, const uint8_t *frame, size_t len);
/* The session's txn is applied: the client is up. */
void handshake_done(struct client *c);
/* Whether the connection throttle lets one more in; weight as configured. */
void handshake_fill(struct service *s); /* The bucket is full at the start. */
bool handshake_has_token(struct service *s, bool is_new);

/* ---- route.c: a request of a client that is up. False: close at once. */
bool route_frame(struct client *c, const uint8_t *frame, size_t len);
/* Answers what has become first in line. */
void route_pump(struct client *c);
/* p was first in its client's line and is not any more. */
void route_leave_line(struct client *c, struct pending *p);
/* Ends the connection when the turn ends: for places that can't do without it now. */
void route_doom(struct client *c);
/* Ends the connection after what is in out. */
void route_finish(struct client *c);

/* ---- client.c: lets those go on that client_can_take() held back. */
void client_unblock(struct service *s);

/* ---- answer.c: what a write became. */
void answer_applied(struct service *s, const struct applied *a);
void answer_event(struct service *s, const struct tree_event *ev, const uint32_t *watchers,
                  size_t count);

#endif
