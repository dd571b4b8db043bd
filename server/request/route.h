/* The road of a request inside the service; see service.h for the whole. */
#ifndef SERVER_REQUEST_ROUTE_H
#define SERVER_REQUEST_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/ensemble/ensemble.h"
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

void handshake_refuse(struct client *c); /* Its session is over. */

/* ---- sessions.c: which sessions there are. False: close at once. */
bool sessions_begin(struct client *c);
bool sessions_resume(struct client *c, zk_session_id id, struct jute_bytes password);
void sessions_ask_again(struct client *c); /* Its leader, another one, whether it is valid. */
void sessions_created(struct service *s, zk_session_id id);
void sessions_end(struct service *s, struct session *session, const struct client *asker);
void sessions_detach(struct client *c);
void sessions_drop(struct service *s, struct session *session);
/* A learner forgets it when nobody here uses it any more. */
void sessions_release(struct service *s, struct session *session);
void sessions_expire(struct service *s);
int64_t sessions_deadline(const struct service *s);
/* The role, or the state, is another one: keeps what still stands, with a whole timeout. */
void sessions_rebuild(struct service *s);

/* ---- forward.c: whose txn it is. */
/* Orders or forwards a write of p, or of nobody (NULL). */
enum order_verdict forward_submit(struct service *s, struct session *session, struct pending *p,
                                  struct write_request *req, enum zk_err *ret_err);
struct pending *forward_match(struct service *s, const struct applied *a);
void forward_forget_all(struct service *s, struct session *session);

/* ---- tickets.c: what waits for more than its own writes. */
void tickets_sync(struct service *s, struct pending *p);
uint64_t tickets_of_read(struct service *s, int32_t op); /* 0: needs none. */
void tickets_wait(struct service *s, struct pending *p, uint64_t ticket);
void tickets_applied(struct service *s, zk_zxid zxid);
void tickets_void(struct service *s);
void tickets_ask_again(struct service *s);

/* ---- service.c: can_submit may have changed. */
void service_look(struct service *s);

/* ---- role.c: see service.h. */
bool role_is_read_only(struct service *s); /* Still; else it has just ended. */
void role_settle(struct service *s);
void role_update(struct service *s);
void role_expire(struct service *s);
int64_t role_deadline(const struct service *s);

/* ---- route.c: a request of a client that is up. False: close at once. */
bool route_frame(struct client *c, const uint8_t *frame, size_t len);
/* Answers what has become first in line. */
void route_pump(struct client *c);
/* p was first in its client's line and is not any more. */
void route_leave_line(struct client *c, struct pending *p);
/* The client goes, and what it asked for has nobody to answer. If it said that its session ends,
 * that is ordered all the same, and the writes that are held before it first. */
void route_orphan(struct client *c);
/* Asks the leader, another one, for the writes that c waits for. */
void route_write_again(struct client *c);
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
