#include "server/request/route.h"

#include "server/request/limits.h"
#include "server/request/read.h"
#include "server/session/session.h"
#include "util/check.h"

/* Of a large reply, beside its contents: headers and stat. */
enum { REPLY_OVERHEAD_BYTES = 256 };

/* What kind of road an opcode takes. */
enum road { ROAD_NONE, ROAD_READ, ROAD_WRITE, ROAD_SYNC, ROAD_AUTH, ROAD_SASL };

static enum road road_of(int32_t op)
{
    switch (op) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_CREATE_TTL:
    case ZK_OP_DELETE:
    case ZK_OP_SET_DATA:
    case ZK_OP_SET_ACL:
    case ZK_OP_MULTI:
    case ZK_OP_RECONFIG:
    case ZK_OP_CREATE_SESSION:
    case ZK_OP_CLOSE_SESSION:
        return ROAD_WRITE;
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
    default: /* Also deleteContainer, which is the reaper's alone (3.6). */
        return ROAD_NONE;
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

void route_leave_line(struct client *c, struct pending *p)
{
    struct pending *popped = pending_pop(c);

    zk_assert(popped == p);
    c->service->outstanding--;
    if (p->xid > 0)
        c->outstanding--;
}

/* Whether the first in line is waiting for its txn. */
static bool must_wait(const struct service *s, const struct pending *p)
{
    return p->kind == PENDING_WRITE || (p->kind == PENDING_SYNC && p->zxid > service_zxid(s));
}

static void answer_and_free(struct client *c, struct pending *p)
{
    struct service *s = c->service;
    bool ends = p->kind == PENDING_READY && p->op == ZK_OP_CLOSE_SESSION;

    route_leave_line(c, p);
    if (p->kind == PENDING_SYNC)
        pending_sync_forget(s, p);
    answer_first(c, p);
    pending_free(s, p);
    if (ends)
        route_finish(c);
}

void route_pump(struct client *c)
{
    struct service *s = c->service;

    while (c->pending_first != NULL && c->phase != CLIENT_CLOSING) {
        struct pending *p = c->pending_first;

        if (must_wait(s, p))
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

static void route_read(struct client *c, const struct request_header *head, const uint8_t *body,
                       size_t len)
{
    struct service *s = c->service;

    /* Nothing of its own before it: no queue, no copy. */
    if (c->pending_first == NULL && may_answer(c, read_reply_size(s, head->type, body, len))) {
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
    (void)enqueue(c, PENDING_READ, head, body, len);
    route_pump(c); /* Parks it if it is first. */
}

static void route_sync(struct client *c, const struct request_header *head, const uint8_t *body,
                       size_t len)
{
    struct service *s = c->service;
    struct pending *p = enqueue(c, PENDING_SYNC, head, body, len);

    p->zxid = order_last_prepared(s->order);
    if (p->zxid <= service_zxid(s)) {
        route_pump(c);
        return;
    }
    if (s->sync_last == NULL)
        s->sync_first = p;
    else
        s->sync_last->sync_next = p;
    s->sync_last = p;
}

static bool route_write(struct client *c, const struct request_header *head, const uint8_t *body,
                        size_t len)
{
    struct service *s = c->service;
    struct pending *p = enqueue(c, PENDING_WRITE, head, NULL, 0);
    struct write_request req = { .session = c->session->id,
                                 .xid = head->xid,
                                 .op = head->type,
                                 .body = body,
                                 .len = len,
                                 .ids = c->ids,
                                 .origin = p };
    enum zk_err err;

    if (head->type == ZK_OP_CREATE_SESSION) {
        struct jute_in in = jute_in(body, len);
        jute_read_i32(&in, &req.timeout_ms);
        if (!in.bad) {
            /* ZK tracks the session anew with that timeout, whatever it is. */
            c->session->timeout_ms = req.timeout_ms;
            session_touch(s->sessions, c->session, s->now_ms);
        }
    }
    if (s->conf.large_request_threshold >= 0 && len + 8 > (size_t)s->conf.large_request_threshold) {
        p->large = (uint32_t)len + 8;
        s->large_bytes += p->large;
    }
    if (order_submit(s->order, &req, s->wall_ms, &err, &p->zxid) == ORDER_REFUSED) {
        p->kind = PENDING_ERROR;
        p->err = err;
        route_pump(c);
        return true;
    }
    s->stats.proposal_count++;
    if (head->type == ZK_OP_CLOSE_SESSION) {
        c->session->closing = true; /* What comes behind it gets no answer. */
        c->phase = CLIENT_ENDING;
    }
    return true;
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
    struct pending *p = enqueue(c, PENDING_ERROR, head, NULL, 0);
    p->err = ZK_THROTTLED_OP;
    route_pump(c);
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
    session_touch(s->sessions, c->session, s->now_ms);
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
        return route_write(c, &head, body, body_len);
    return true;
}
