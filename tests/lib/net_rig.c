#include "tests/lib/net_rig.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "jute/records.h"
#include "server/ensemble/ensemble.h"
#include "util/check.h"

enum { START_MS = 1000000 };
#define START_WALL_MS INT64_C(1600000000000)

struct net_conf net_rig_conf(void)
{
    return (struct net_conf){
        .backlog = -1,
        .sessionless_ms = 10000,
        .slow_reader_ms = 10000,
        .ingress_max = 16 << 20,
        .frame_max = 0xfffff,
    };
}

struct service_conf net_rig_service_conf(void)
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
        .close_session_txn = true,
        .auth = { .digest_enabled = true },
        .seed = 7,
    };
}

struct words_conf net_rig_words_conf(void)
{
    return (struct words_conf){
        .whitelist = "*",
        .client_port = 2181,
        .snap_dir = "/nowhere/data/version-2",
        .log_dir = "/nowhere/log/version-2",
        .tick_ms = 2000,
        .min_session_timeout_ms = 4000,
        .max_session_timeout_ms = 40000,
        .max_connections_ip = 60,
        .backlog = -1,
        .started_ms = START_MS,
        .fd_max = 1024,
    };
}

/* Durable as soon as the turn is over. */
static void append(void *ctx, struct wal_batch *b)
{
    struct net_rig *r = ctx;

    r->logged = b->txns[b->count - 1].zxid;
    wal_batch_unref(b);
}

static void wake(void *ctx)
{
    struct net_rig *r = ctx;

    if (r->is_awake)
        return;
    r->is_awake = true;
    service_tick(&r->service, r->now_ms, START_WALL_MS + r->now_ms - START_MS);
}

void net_rig_init(struct net_rig *r, const struct net_conf *net, const struct service_conf *service,
                  const struct words_conf *words)
{
    struct service_conf service_conf = service != NULL ? *service : net_rig_service_conf();
    struct net_conf net_conf = net != NULL ? *net : net_rig_conf();
    struct words_conf words_conf = words != NULL ? *words : net_rig_words_conf();
    struct tree_conf tree_conf = { .hash_seed = 7, .digest = service_conf.digest };
    struct state state = { .sessions = session_book_new(7) };
    struct client_host client_host = net_client_host();
    struct net_host host = { .ctx = r, .wake = wake };
    struct ensemble_io io = { .ctx = r, .append = append };

    *r = (struct net_rig){ .base = event_base_new(), .now_ms = START_MS };
    zk_assert(r->base != NULL);
    service_conf.io = &io;
    zk_assert(tree_new(&state.tree, &tree_conf) == 0);
    zk_assert(service_init(&r->service, &service_conf, &state, &client_host, START_MS,
                           START_WALL_MS) == 0);
    net_init(&r->net, &net_conf, &host, r->base, &r->service, 7);
    words_init(&r->net.words, &words_conf);
}

void net_rig_done(struct net_rig *r)
{
    net_done(&r->net);
    service_done(&r->service);
    event_base_free(r->base);
}

int net_rig_open(struct net_rig *r, uint16_t port)
{
    struct sockaddr_in peer = { .sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons(port) };
    int ends[2];

    zk_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    conn_new(&r->net, ends[0], (const struct sockaddr *)(const void *)&peer);
    return ends[1];
}

struct conn *net_rig_newest(struct net_rig *r)
{
    return list_is_empty(&r->net.all) ? NULL : list_entry(r->net.all.prev, struct conn, in_all);
}

void net_rig_turn(struct net_rig *r)
{
    r->is_awake = false;
    zk_assert(event_base_loop(r->base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
    r->had_events = r->is_awake;
    wake(r);
    net_run(&r->net);
    if (net_deadline(&r->net) <= r->now_ms)
        net_expire(&r->net);
    if (service_deadline(&r->service) <= r->now_ms)
        (void)service_expire(&r->service);
    (void)service_turn_end(&r->service);

    if (!r->hold_log)
        (void)ensemble_turn_end(r->service.ensemble);
    if (r->logged > service_zxid(&r->service))
        service_durable(&r->service, r->logged);
    if (r->net.is_draining)
        r->is_drained = net_drain_turn(&r->net);
    net_flush(&r->net);
}

void net_rig_run(struct net_rig *r)
{
    /* A few more than needed: what one turn sends another may have to see. */
    for (int quiet = 0; quiet < 3; quiet++) {
        net_rig_turn(r);
        if (r->had_events || net_has_work(&r->net))
            quiet = -1;
    }
}

void net_rig_sleep(struct net_rig *r, int64_t ms)
{
    int64_t end = r->now_ms + ms;

    while (r->now_ms < end) {
        int64_t next = net_deadline(&r->net);

        r->now_ms = next > r->now_ms && next < end ? next : end;
        net_rig_run(r);
    }
}

void net_rig_send(int fd, const void *at, size_t len)
{
    zk_assert(send(fd, at, len, MSG_NOSIGNAL) == (ssize_t)len);
}

ssize_t net_rig_recv(int fd, void *ret, size_t size)
{
    ssize_t got = recv(fd, ret, size, MSG_DONTWAIT);

    if (got >= 0)
        return got;
    return errno == EAGAIN ? -2 : -1;
}

size_t net_rig_read_all(struct net_rig *r, int fd, char *ret, size_t size)
{
    size_t len = 0;

    for (int quiet = 0; quiet < 20;) {
        net_rig_run(r);

        ssize_t got = net_rig_recv(fd, ret + len, size - 1 - len);

        if (got == 0)
            break;
        zk_assert(got != -1);
        if (got > 0)
            len += (size_t)got;
        quiet = got > 0 ? 0 : quiet + 1;
    }
    ret[len] = '\0';
    return len;
}

int64_t net_rig_handshake(struct net_rig *r, int fd, int32_t timeout_ms)
{
    struct connect_request request = { .timeout_ms = timeout_ms };
    struct bytes out = { 0 };
    uint8_t reply[64];

    jute_write_i32(&out, (int32_t)jute_size_connect_request(&request));
    jute_write_connect_request(&out, &request);
    net_rig_send(fd, out.at, out.len);
    bytes_done(&out);
    net_rig_run(r);
    zk_assert(net_rig_recv(fd, reply, sizeof reply) == 40);
    return (int64_t)jute_load64(reply + 12);
}

void net_rig_put_header(uint8_t ret[12], int32_t xid, int32_t op)
{
    uint8_t *p = jute_store32(ret, 8);

    p = jute_store32(p, (uint32_t)xid);
    (void)jute_store32(p, (uint32_t)op);
}
