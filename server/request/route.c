#include "server/request/route.h"

#include <stdlib.h>

#include "server/request/limits.h"
#include "server/request/read.h"
#include "server/request/writes.h"
#include "server/session/session.h"
#include "util/check.h"

/* Of a large reply, beside its contents: headers and stat. */
enum { REPLY_OVERHEAD_BYTES = 256 };

/* What kind of road an opcode takes. */
enum road { ROAD_NONE, ROAD_READ, ROAD_WRITE, ROAD_SYNC, ROAD_AUTH, ROAD_SASL };

static enum road road_of(int32_t op)
{
    switch (op) {
    case ZK_OP_EXISTS:
    case ZK_OP_GET_DATA:
    case ZK_OP_GET_ACL:
    case ZK_OP_GET_CHILDREN:
    case ZK_OP_GET_CHILDREN2:
    case ZK_OP_GET_ALL_CHILDREN_NUMBER:
    case ZK_OP_GET_EPHEMERALS:
    case ZK_OP_PING:
    case ZK_OP_MULTI_READ:
    case ZK_OP_SET_WATCHES:
    case ZK_OP_SET_WATCHES2:
    case ZK_OP_ADD_WATCH:
    case ZK_OP_CHECK_WATCHES:
    case ZK_OP_REMOVE_WATCHES:
    case ZK_OP_WHO_AM_I:
        return ROAD_READ;
    case ZK_OP_SYNC:
        return ROAD_SYNC;
    case ZK_OP_AUTH:
        return ROAD_AUTH;
    case ZK_OP_SASL:
        return ROAD_SASL;
    default:
        return zk_op_is_write(op) ? ROAD_WRITE : ROAD_NONE;
    }
}

void route_finish(struct client *c)
{
    if (c->phase == CLIENT_CLOSING)
        return;
    c->phase = CLIENT_CLOSING;
    pending_orphan(c);
    c->service->host.finish(c);
}

void route_doom(struct client *c)
{
    if (c->phase != CLIENT_CLOSING)
        pending_orphan(c);
    c->phase = CLIENT_CLOSING;
    if (list_is_empty(&c->doomed))
        list_append(&c->service->doomed, &c->doomed);
}

static const uint8_t no_body[1];

/* ---- Answering what is first in line. */

static bool wait_for_room(struct service *s)
{
    if (!s->needs_room)
        s->stats.egress_waits++;
    s->needs_room = true;
    return false;
}

/* Whether a reply of about `size` bytes may be made now. What says no makes the client
 * wait in service->parked. */
static bool may_answer(struct client *c, size_t size)
{
    struct service *s = c->service;

    if (c->out.len > s->conf.conn_egress_max)
        return false;
    /* When all the room is taken, who has unread replies waits, however small the next. */
    if (c->out.len > FULL_EGRESS_BYTES && s->egress_bytes > s->conf.egress_max)
        return wait_for_room(s);
    if (size <= LARGE_REPLY_BYTES)
        return true;
    if (s->turn_large_bytes >= TURN_LARGE_BYTES)
        return false;
    if (s->egress_bytes > 0 && s->egress_bytes + size > s->conf.egress_max)
        return wait_for_room(s);
    s->turn_large_bytes += size;
    bytes_reserve(&c->out, size + REPLY_OVERHEAD_BYTES);
    return true;
}

static void answer_first(struct client *c, struct pending *p)
{
    struct call call = { .client = c,
                         .xid = p->xid,
                         .op = p->op,
                         .ids = p->ids,
                         .body = p->body,
                         .len = p->len,
                         .arrived_ms = p->arrived_ms };

    if (p->kind == PENDING_READY) {
        size_t begin = c->out.len;
        bytes_put(&c->out, p->body, p->len);
        /* Replies before it told of later txns: a client that believes the last one it got must not
         * go back. */
        (void)jute_store64(c->out.at + begin + 8, (uint64_t)service_zxid(c->service));
        reply_mark(c, begin);
    } else if (p->kind == PENDING_ERROR) {
        reply_error(&call, (enum zk_err)p->err);
    } else {
        read_answer(&call);
    }
}

static size_t size_of_answer(const struct service *s, const struct pending *p)
{
    return p->kind == PENDING_READ ? read_reply_size(s, p->op, p->body, p->len) : 0;
}

/* Notes what its answer may come to. The writes before it in line are not applied yet, and may be
 * to what it reads. */
static void owe(struct client *c, struct pending *p)
{
    size_t size = read_reply_size(c->service, p->op, p->body, p->len);

    if ((p->op == ZK_OP_GET_DATA || p->op == ZK_OP_MULTI_READ) && size < c->largest_write)
        size = c->largest_write;
    p->owes = (uint32_t)(size < REPLY_BYTES_MAX ? size : REPLY_BYTES_MAX) + REPLY_OVERHEAD_BYTES;
    c->owed += p->owes;
    c->owed_large += p->owes > LARGE_REPLY_BYTES;
}

void route_leave_line(struct client *c, struct pending *p)
{
    struct pending *popped = pending_pop(c);

    zk_assert(popped == p);
    c->service->outstanding--;
    if (p->xid > 0)
        c->outstanding--;
}

static bool is_ticketed(const struct pending *p)
{
    return p->ticket != 0 && !list_is_empty(&p->in_waiters);
}

/* Whether the first in line is waiting for its txn, or for what else must come first. */
static bool must_wait(const struct pending *p)
{
    return p->kind == PENDING_WRITE || !list_is_empty(&p->in_waiters);
}

static void answer_and_free(struct client *c, struct pending *p)
{
    struct service *s = c->service;
    bool ends = (p->kind == PENDING_READY || p->kind == PENDING_ERROR) &&
                p->op == ZK_OP_CLOSE_SESSION && p->err == ZK_OK;

    route_leave_line(c, p);
    answer_first(c, p);
    pending_free(s, p);
    if (!ends)
        return;
    if (c->session != NULL) /* A local one: no txn has ended it. */
        sessions_end(s, c->session, c);
    route_finish(c);
}

/* Whether replies of so many bytes, with large ones or without, may have to wait for room, so that
 * what is ordered behind them could be applied before they are made. */
static bool may_have_to_wait(const struct client *c, size_t owed, bool has_large)
{
    return has_large || (owed > 0 && c->out.len + owed > c->service->conf.conn_egress_max / 2);
}

static void order_write(struct client *c, struct pending *p, const uint8_t *body, size_t len);

/* Its turn has come. */
static void let_go(struct client *c, struct pending *p)
{
    uint8_t *body = p->body;
    size_t len = p->len;

    if (c->barrier == p)
        c->barrier = NULL;
    p->body = NULL; /* Its reply may be kept there. */
    p->len = 0;
    c->pending_bytes -= len;
    order_write(c, p, body, len);
    free(body);
}

/* Those behind it that are held for nothing else may go with it. */
static void order_held(struct client *c, struct pending *p)
{
    size_t owed = 0;
    bool has_large = false;

    for (; p != NULL && !is_ticketed(p); p = p->next) {
        owed += p->owes;
        has_large = has_large || p->owes > LARGE_REPLY_BYTES;
        if (p->kind != PENDING_HELD)
            continue;
        if (may_have_to_wait(c, owed, has_large))
            return;
        let_go(c, p);
    }
}

/* What its reads would have shown matters to nobody any more. */
static void order_all(struct client *c)
{
    for (struct pending *p = c->pending_first; p != NULL; p = p->next)
        if (p->kind == PENDING_HELD)
            let_go(c, p);
}

void route_orphan(struct client *c)
{
    const struct service *s = c->service;
    const struct pending *last = c->pending_last;
    bool ends = c->session != NULL && last != NULL && last->kind == PENDING_HELD &&
                last->op == ZK_OP_CLOSE_SESSION;

    if (ends && s->serves && s->door == DOOR_OPEN)
        order_all(c);
    pending_orphan(c);
}

void route_pump(struct client *c)
{
    struct service *s = c->service;

    if (s->door != DOOR_OPEN)
        return; /* What it opens with, it goes on with. */
    while (c->pending_first != NULL && c->phase != CLIENT_CLOSING) {
        struct pending *p = c->pending_first;

        if (p->kind == PENDING_HELD)
            order_held(c, p);
        if (must_wait(p))
            return;
        if (!may_answer(c, size_of_answer(s, p))) {
            if (list_is_empty(&c->parked))
                list_append(&s->parked, &c->parked);
            return;
        }
        answer_and_free(c, p);
    }
}

/* ---- Taking a request in. */

static struct pending *enqueue(struct client *c, enum pending_kind kind,
                               const struct request_header *head, const uint8_t *body, size_t len)
{
    struct pending *p = pending_add(c, kind, head->xid, head->type, body, len);

    c->service->outstanding++;
    if (head->xid > 0)
        c->outstanding++;
    return p;
}

/* Its session lives: tells whoever tracks it. */
static void touch(struct client *c)
{
    struct service *s = c->service;
    struct session *session = c->session;

    if (s->leads || session->is_local)
        session_touch(s->sessions, session, s->now_ms);
    else
        ensemble_touch(s->ensemble, session);
}

/* False: it is not answered any more. */
static bool ask_before_read(struct service *s, int32_t op, uint64_t *ret_ticket)
{
    if (s->is_read_only)
        return role_is_read_only(s);
    *ret_ticket = tickets_of_read(s, op);
    return true;
}

static void route_read(struct client *c, const struct request_header *head, const uint8_t *body,
                       size_t len)
{
    struct service *s = c->service;
    uint64_t ticket = 0;

    if (s->asks_before_reads && !ask_before_read(s, head->type, &ticket))
        return;
    /* Nothing of its own before it: no queue, no copy. */
    if (c->pending_first == NULL && ticket == 0 &&
        may_answer(c, read_reply_size(s, head->type, body, len))) {
        struct call call = { .client = c,
                             .xid = head->xid,
                             .op = head->type,
                             .ids = c->ids,
                             .body = body,
                             .len = len,
                             .arrived_ms = s->now_ms };
        read_answer(&call);
        return;
    }
    struct pending *p = enqueue(c, PENDING_READ, head, body, len);
    owe(c, p);
    tickets_wait(s, p, ticket);
    route_pump(c); /* Parks it if it is first. */
}

/* An answer without a txn, in the order of the line. */
static void route_error(struct client *c, const struct request_header *head, enum zk_err err)
{
    enqueue(c, PENDING_ERROR, head, NULL, 0)->err = err;
    route_pump(c);
}

static void route_sync(struct client *c, const struct request_header *head, const uint8_t *body,
                       size_t len)
{
    struct service *s = c->service;

    if (s->is_read_only) {
        route_error(c, head, ZK_NOT_READ_ONLY);
        return;
    }
    tickets_sync(s, enqueue(c, PENDING_SYNC, head, body, len));
    route_pump(c);
}

/* What comes behind it gets no answer, and the session takes no more writes. */
static void begin_end(struct client *c)
{
    c->session->closing = true;
    c->phase = CLIENT_ENDING;
}

/* The local session becomes one of the ensemble, ahead of the write that needs that. */
static bool upgrade(struct client *c)
{
    struct service *s = c->service;
    struct session *session = c->session;
    struct write_request req = { .session = session->id,
                                 .op = ZK_OP_CREATE_SESSION,
                                 .ids = c->ids,
                                 .timeout_ms = session->timeout_ms };
    enum zk_err err;

    if (!session->is_upgrading)
        session->is_upgrading = forward_submit(s, session, NULL, &req, &err) == ORDER_SUBMITTED;
    return session->is_upgrading;
}
/* A write that is not simply ours to order: we learn, or its session is local. True: it was
 * answered instead. */
static bool is_answered_here(struct client *c, const struct request_header *head,
                             const uint8_t *body, size_t len)
{
    const struct service *s = c->service;
    struct session *session = c->session;

    if (head->type == ZK_OP_CLOSE_SESSION) {
        if (!session->is_local || session->is_upgrading)
            return false;
        begin_end(c);
        route_error(c, head, ZK_OK);
        return true;
    }
    if (s->is_read_only) {
        route_error(c, head, ZK_NOT_READ_ONLY);
        return true;
    }
    struct write_look look = write_look(head->type, body, len);
    if (!look.is_readable) {
        route_error(c, head, ZK_MARSHALLING_ERROR);
        return true;
    }
    if (!session->is_local || !look.makes_ephemeral || (s->conf.local_upgrading && upgrade(c)))
        return false;
    if (head->type == ZK_OP_MULTI) /* Each of its parts is answered for, by who leads. */
        return false;
    route_error(c, head, ZK_EPHEMERAL_ON_LOCAL_SESSION);
    return true;
}

/* A session's timeout can be changed by one more createSession, whatever it says. */
static void note_timeout(struct client *c, struct write_request *req)
{
    struct jute_in in = jute_in(req->body, req->len);

    jute_read_i32(&in, &req->timeout_ms);
    if (in.bad)
        return;
    c->session->timeout_ms = req->timeout_ms;
    touch(c);
}

/* A write whose turn has come. A refused one is answered when it is first in line. */
static void order_write(struct client *c, struct pending *p, const uint8_t *body, size_t len)
{
    struct service *s = c->service;
    struct write_request req = { .session = c->session_id,
                                 .xid = p->xid,
                                 .op = p->op,
                                 .body = body,
                                 .len = len,
                                 .ids = p->ids };
    enum zk_err err;

    p->kind = PENDING_WRITE;
    if (p->op == ZK_OP_CREATE_SESSION)
        note_timeout(c, &req);
    if (s->conf.large_request_threshold >= 0 && len + 8 > (size_t)s->conf.large_request_threshold) {
        p->large = (uint32_t)len + 8;
        s->large_bytes += p->large;
    }
    if (forward_submit(s, c->session, p, &req, &err) == ORDER_REFUSED) {
        p->kind = PENDING_ERROR;
        p->err = err;
    } else if (p->op == ZK_OP_CLOSE_SESSION) {
        begin_end(c);
    }
}

static void route_write(struct client *c, const struct request_header *head, const uint8_t *body,
                        size_t len)
{
    struct service *s = c->service;

    if ((!s->leads || c->session->is_local) && is_answered_here(c, head, body, len))
        return;
    if (len > c->largest_write)
        c->largest_write = len;
    /* A reply before it must not show what it does: that reply's ticket may be up, or the room for
     * it be there, only after the write is applied. */
    if (c->barrier != NULL ||
        (head->type != ZK_OP_CLOSE_SESSION && may_have_to_wait(c, c->owed, c->owed_large > 0))) {
        c->barrier = enqueue(c, PENDING_HELD, head, body != NULL ? body : no_body, len);
        if (head->type == ZK_OP_CLOSE_SESSION)
            c->phase = CLIENT_ENDING; /* The session's writes before it are still to come. */
        return;
    }
    order_write(c, enqueue(c, PENDING_WRITE, head, NULL, 0), body, len);
    route_pump(c);
}

void route_write_again(struct client *c)
{
    struct service *s = c->service;

    for (struct pending *p = c->pending_first; p != NULL; p = p->next) {
        uint8_t *body = p->request;

        if (p->kind != PENDING_WRITE)
            continue;
        p->request = NULL;
        s->large_bytes -= p->large;
        p->large = 0;
        order_write(c, p, body, p->request_len);
        free(body);
    }
}

/* ---- Requests that the connection answers itself, past the line. */

static bool route_auth(struct client *c, const struct request_header *head, const uint8_t *body,
                       size_t len)
{
    struct jute_in in = jute_in(body, len);
    struct auth_packet packet;

    jute_read_auth_packet(&in, &packet);
    if (in.bad)
        return false;
    switch (auth_packet(&c->service->conf.auth, &c->ids, packet.scheme, packet.auth)) {
    case AUTH_OK:
        reply_raw(c, head->xid, 0, ZK_OK);
        return true;
    case AUTH_FAILED:
        c->service->stats.auth_failed_count++;
        reply_raw(c, head->xid, 0, ZK_AUTH_FAILED);
        route_finish(c);
        return true;
    case AUTH_CLOSE:
        break;
    }
    return false;
}

/* Nobody is configured to speak SASL: the client goes on without (6.5). */
static bool route_sasl(struct client *c, const struct request_header *head, const uint8_t *body,
                       size_t len)
{
    struct jute_in in = jute_in(body, len);
    struct sasl_token token;

    jute_read_sasl_token(&in, &token);
    if (in.bad || token.token.len < 0)
        return false;
    struct sasl_token answer = { .token = { .len = -1 } };
    struct reply_header reply = { .xid = head->xid };
    size_t begin = c->out.len;
    jute_write_i32(&c->out,
                   (int32_t)(jute_size_reply_header(&reply) + jute_size_sasl_token(&answer)));
    jute_write_reply_header(&c->out, &reply);
    jute_write_sasl_token(&c->out, &answer);
    c->service->stats.packets_sent++;
    c->stats.sent++;
    reply_mark(c, begin);
    return true;
}

/* ---- The request throttle (2.11). */

/* True when the request was dealt with instead of being carried out. */
static bool throttled(struct client *c, const struct request_header *head, bool *ret_open)
{
    struct service *s = c->service;
    int64_t waited = c->waited_turn == s->turn ? c->waited_ms : 0;

    *ret_open = true;
    if (waited == 0)
        return false;
    if (s->conf.throttle_drop_stale && s->conf.stale_latency_check &&
        head->type != ZK_OP_CLOSE_SESSION && waited > c->timeout_ms) {
        s->stats.stale_requests++;
        s->stats.stale_requests_dropped++;
        *ret_open = false;
        return true;
    }
    if (s->conf.throttled_op_wait_ms <= 0 || waited <= s->conf.throttled_op_wait_ms ||
        head->type == ZK_OP_PING || head->type == ZK_OP_CREATE_SESSION ||
        head->type == ZK_OP_CLOSE_SESSION)
        return false;
    s->stats.throttled_ops++;
    route_error(c, head, ZK_THROTTLED_OP);
    return true;
}

bool route_frame(struct client *c, const uint8_t *frame, size_t len)
{
    struct service *s = c->service;
    struct jute_in in = jute_in(frame, len);
    struct request_header head;
    bool open;

    jute_read_request_header(&in, &head);
    if (in.bad)
        return false;
    const uint8_t *body = in.at;
    size_t body_len = jute_left(&in);
    enum road road = road_of(head.type);

    if (road == ROAD_AUTH)
        return route_auth(c, &head, body, body_len);
    if (road == ROAD_SASL)
        return route_sasl(c, &head, body, body_len);
    if (s->conf.auth.enforced_schemes != NULL && !auth_is_enough(&s->conf.auth, c->ids)) {
        reply_raw(c, head.xid, 0, ZK_SESSION_CLOSED_REQUIRE_SASL_AUTH);
        route_finish(c);
        return true;
    }
    if (c->session->closing)
        return true; /* Its end closes the connection. */
    touch(c);
    if (road == ROAD_NONE) {
        /* It never reaches the stage that knows the zxid (1.5). */
        reply_raw(c, head.xid, -1, ZK_UNIMPLEMENTED);
        route_finish(c);
        return true;
    }
    if (throttled(c, &head, &open))
        return open;
    if (road == ROAD_READ)
        route_read(c, &head, body, body_len);
    else if (road == ROAD_SYNC)
        route_sync(c, &head, body, body_len);
    else
        route_write(c, &head, body, body_len);
    return true;
}
