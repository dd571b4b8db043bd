#include "tests/lib/rig.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "server/ensemble/ensemble.h"
#include "server/order/order.h"
#include "server/session/session.h"
#include "util/check.h"

static struct rig_client *of(struct client *c)
{
    return list_entry(c, struct rig_client, client);
}

static void on_finish(struct client *c)
{
    of(c)->finishing = true;
}

static void on_kick(struct client *c)
{
    of(c)->is_open = false;
    client_done(c);
}

static void on_resume(struct client *c)
{
    zk_assert(of(c)->is_open);
}

struct service_conf rig_conf(void)
{
    return (struct service_conf){
        .server_id = 1,
        .tick_ms = 2000,
        .min_session_timeout_ms = 4000,
        .max_session_timeout_ms = 40000,
        .frame_max = 0xfffff,
        .frame_extra = 0xfffff,
        .global_outstanding_max = 1000,
        .egress_max = 64 << 20,
        .conn_egress_max = 1 << 20,
        .large_request_threshold = -1,
        .digest = true,
        .extended_types = true,
        .enforce_quota = true,
        .close_session_txn = true,
        .auth = { .digest_enabled = true },
        .seed = 7,
    };
}

static void on_append(void *ctx, struct wal_batch *b)
{
    struct rig *r = ctx;

    r->held[r->held_count++] = b;
}

void rig_init(struct rig *r, const struct service_conf *given)
{
    struct service_conf conf = given != NULL ? *given : rig_conf();
    struct client_host host = { .finish = on_finish, .kick = on_kick, .resume = on_resume };
    struct tree_conf tree_conf = { .hash_seed = conf.seed,
                                   .extended_types = conf.extended_types,
                                   .digest = conf.digest };
    struct state state = { .sessions = session_book_new(conf.seed) };
    struct ensemble_io io = { .ctx = r, .append = on_append };

    *r = (struct rig){ 0 };
    conf.io = &io;
    zk_assert(tree_new(&state.tree, &tree_conf) == 0);
    zk_assert(service_init(&r->service, &conf, &state, &host, 1000000, 1600000000000) == 0);
    service_tick(&r->service, 1000000, 1600000000000);
}

void rig_done(struct rig *r)
{
    for (size_t i = 0; i < RIG_CLIENTS_MAX; i++)
        if (r->clients[i].is_open)
            rig_close(r, i);
    for (size_t i = 0; i < r->held_count; i++)
        wal_batch_unref(r->held[i]);
    service_done(&r->service);
    bytes_done(&r->log);
}

void rig_open(struct rig *r, size_t index)
{
    struct sockaddr_in peer = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct rig_client *rc = &r->clients[index];

    zk_assert(!rc->is_open);
    *rc = (struct rig_client){ .is_open = true };
    client_init(&rc->client, &r->service, (const struct sockaddr *)&peer, false);
}

void rig_close(struct rig *r, size_t index)
{
    struct rig_client *rc = &r->clients[index];

    zk_assert(rc->is_open);
    rc->is_open = false;
    client_done(&rc->client);
}

bool rig_frame(struct rig *r, size_t index, const void *frame, size_t len)
{
    struct rig_client *rc = &r->clients[index];

    if (!rc->is_open || !client_can_take(&rc->client))
        return true;
    if (client_frame(&rc->client, frame, len))
        return true;
    rig_close(r, index);
    return false;
}

static void log_batch(struct rig *r, struct wal_batch *b)
{
    zk_zxid last = b->txns[b->count - 1].zxid;

    for (uint32_t i = 0; r->keep_log && i < b->count; i++) {
        jute_write_i32(&r->log, (int32_t)b->txns[i].len);
        bytes_put(&r->log, b->payload.at + b->txns[i].at, b->txns[i].len);
    }
    wal_batch_unref(b);
    service_durable(&r->service, last);
}

void rig_release(struct rig *r)
{
    for (size_t i = 0; i < r->held_count; i++)
        log_batch(r, r->held[i]);
    r->held_count = 0;
}

void rig_turn(struct rig *r)
{
    struct service *s = &r->service;

    for (bool more = true; more;) {
        more = service_turn_end(s);
        if (ensemble_turn_end(s->ensemble) != NULL &&
            (!r->hold_log || r->held_count == sizeof r->held / sizeof *r->held))
            rig_release(r);
        for (size_t i = 0; i < RIG_CLIENTS_MAX; i++) {
            struct rig_client *rc = &r->clients[i];
            if (rc->is_open && rc->finishing)
                list_remove(&rc->client.dirty);
        }
        service_tick(s, s->now_ms + 1, s->wall_ms + 1);
    }
}

void rig_sleep(struct rig *r, int64_t ms)
{
    struct service *s = &r->service;

    service_tick(s, s->now_ms + ms, s->wall_ms + ms);
    (void)service_expire(s);
    rig_turn(r);
}

struct jute_in rig_next(struct rig *r, size_t index)
{
    struct rig_client *rc = &r->clients[index];
    const struct bytes *out = &rc->client.out;

    if (out->len < rc->seen + 4)
        return (struct jute_in){ 0 };
    size_t len = jute_load32(out->at + rc->seen);
    zk_assert(out->len >= rc->seen + 4 + len); /* Frames are written whole. */
    struct jute_in in = jute_in(out->at + rc->seen + 4, len);
    rc->seen += 4 + len;
    return in;
}

void rig_drain(struct rig *r, size_t index)
{
    struct rig_client *rc = &r->clients[index];

    if (!rc->is_open)
        return;
    service_sent(&r->service, &rc->client, rc->client.out.len);
    rc->client.out.len = 0;
    rc->seen = 0;
}

void rig_connect(struct rig *r, size_t index, int32_t timeout_ms)
{
    static const uint8_t zeros[SESSION_PASSWORD_LEN];
    struct connect_request req = { .timeout_ms = timeout_ms,
                                   .passwd = { .at = zeros, .len = SESSION_PASSWORD_LEN } };
    struct bytes frame = { 0 };

    rig_open(r, index);
    jute_write_connect_request(&frame, &req);
    jute_write_flag(&frame, false);
    zk_assert(rig_frame(r, index, frame.at, frame.len));
    bytes_done(&frame);
    bool held = r->hold_log;
    r->hold_log = false;
    rig_turn(r);
    r->hold_log = held;
    zk_assert(r->clients[index].client.phase == CLIENT_UP);
    rig_drain(r, index);
}

void rig_play(struct rig *r, const uint8_t *at, size_t len,
              void (*step)(struct rig *r, uint8_t what, const uint8_t *at, size_t len))
{
    const uint8_t *end = at + len;

    while (end - at >= 3) {
        uint8_t what = at[0];
        size_t step_len = (size_t)at[1] << 8 | at[2];

        at += 3;
        if (step_len > (size_t)(end - at))
            step_len = (size_t)(end - at);
        /* A copy of exactly that size, so that one byte too far is seen. */
        uint8_t *copy = zk_xmalloc(step_len + (step_len == 0));
        memcpy(copy, at, step_len);
        step(r, what, copy, step_len);
        free(copy);
        at += step_len;
    }
}
