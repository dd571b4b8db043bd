#include "server/request/reply.h"

#include "jute/frame.h"
#include "util/check.h"

void reply_mark(struct client *c, size_t begin)
{
    struct service *s = c->service;

    s->egress_bytes += c->out.len - begin;
    if (list_is_empty(&c->dirty))
        list_append(&s->dirty, &c->dirty);
}

static size_t put_header(struct client *c, int32_t xid, zk_zxid zxid, enum zk_err err)
{
    size_t begin = c->out.len;
    uint8_t *p = bytes_room(&c->out, 20) + 4;

    p = jute_store32(p, (uint32_t)xid);
    p = jute_store64(p, (uint64_t)zxid);
    (void)jute_store32(p, (uint32_t)err);
    bytes_added(&c->out, 20);
    return begin;
}

static void close_frame(struct client *c, size_t begin)
{
    (void)jute_store32(c->out.at + begin, (uint32_t)(c->out.len - begin - 4));
}

size_t reply_begin(const struct call *call, enum zk_err err)
{
    struct client *c = call->client;
    zk_zxid zxid = service_zxid(c->service);

    c->stats.last_zxid = zxid;
    return put_header(c, call->xid, zxid, err);
}

/* ZK counts the whole packet, without its length. */
static void count_response(struct service *s, size_t size)
{
    int64_t n = (int64_t)size;

    s->stats.last_response_size = n;
    if (s->stats.min_response_size < 0 || n < s->stats.min_response_size)
        s->stats.min_response_size = n;
    if (n > s->stats.max_response_size)
        s->stats.max_response_size = n;
    s->stats.response_bytes += (uint64_t)size;
}

static void count_latency(const struct call *call)
{
    struct client *c = call->client;
    struct service *s = c->service;
    uint64_t ms = s->now_ms > call->arrived_ms ? (uint64_t)(s->now_ms - call->arrived_ms) : 0;

    summary_add(&s->stats.latency_ms, ms);
    summary_add(&c->stats.latency_ms, ms);
    histogram_add(call->is_write ? &s->stats.update_latency_ms : &s->stats.read_latency_ms, ms);
    c->stats.last_op = call->op;
    c->stats.last_response_ms = s->now_ms;
    c->stats.last_latency_ms = (int64_t)ms;
    if (call->xid >= 0)
        c->stats.last_xid = call->xid;
}

void reply_end(const struct call *call, size_t begin)
{
    struct client *c = call->client;
    struct service *s = c->service;

    close_frame(c, begin);
    count_response(s, c->out.len - begin - 4);
    count_latency(call);
    s->stats.packets_sent++;
    c->stats.sent++;
    reply_mark(c, begin);
}

void reply_error(const struct call *call, enum zk_err err)
{
    reply_end(call, reply_begin(call, err));
}

void reply_raw(struct client *c, int32_t xid, zk_zxid zxid, enum zk_err err)
{
    size_t begin = put_header(c, xid, zxid, err);

    close_frame(c, begin);
    c->service->stats.packets_sent++;
    c->stats.sent++;
    reply_mark(c, begin);
}
