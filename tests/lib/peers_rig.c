#include "tests/lib/peers_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "jute/codec.h"
#include "util/check.h"
#include "util/crc32.h"
#include "util/log.h"

enum { PATIENCE_MS = 30000, QUIET_TURNS = 40, FEED_BYTES = 256 * 1024 };

/* ---- The host. */

static void wake(void *ctx)
{
    struct rig_server *s = ctx;

    s->rig->wakes++;
}

static int64_t now_ms(void *ctx)
{
    struct rig_server *s = ctx;

    return s->rig->now_ms;
}

static void notified(void *ctx, zk_sid from, const uint8_t *body, size_t len)
{
    struct rig_server *s = ctx;

    s->notified++;
    s->from = from;
    s->body.len = 0;
    bytes_put(&s->body, body, len);
    if (from >= 0 && from < RIG_SIDS)
        (void)snprintf(s->heard[from], sizeof s->heard[0], "%.*s", (int)(len < 15 ? len : 15),
                       (const char *)body);
}

static void reachable(void *ctx, zk_sid peer, bool is_reachable)
{
    struct rig_server *s = ctx;

    s->told++;
    zk_assert(peer >= 0 && peer < RIG_SIDS);
    s->reachable[peer] = is_reachable ? 1 : -1;
}

static void link_up(void *ctx, zab_link link)
{
    struct rig_server *s = ctx;

    s->ups++;
    s->up = link;
}

static void link_down(void *ctx, zab_link link)
{
    struct rig_server *s = ctx;

    s->downs++;
    s->down = link;
}

static int64_t received(void *ctx, zab_link link, const uint8_t *at, size_t len)
{
    struct rig_server *s = ctx;
    size_t take = len < s->take_max ? len : s->take_max;

    if (s->packet > 0)
        take -= take % s->packet;
    s->link = link;
    s->offered = len;
    if (s->is_echoing)
        peers_send(s->peers, link, at, take);
    if (s->is_closing)
        peers_close(s->peers, link, "test");
    if (s->is_refusing)
        return -EBADMSG;
    s->got_bytes += take;
    if (s->is_counting)
        s->sum = crc32_more(s->sum, at, take);
    else
        bytes_put(&s->got, at, take);
    return (int64_t)take;
}

static void feed(struct rig_server *s)
{
    static uint8_t zeros[FEED_BYTES];

    while (s->feed_left > 0 && peers_unsent(s->peers, s->feeding) < (size_t)4 * FEED_BYTES) {
        size_t len = s->feed_left < FEED_BYTES ? (size_t)s->feed_left : FEED_BYTES;

        peers_send(s->peers, s->feeding, zeros, len);
        s->feed_left -= len;
    }
}

static void room(void *ctx, zab_link link)
{
    struct rig_server *s = ctx;

    s->rooms++;
    if (link == s->feeding)
        feed(s);
}

static void failed(void *ctx, const char *why)
{
    struct rig_server *s = ctx;

    (void)snprintf(s->failed, sizeof s->failed, "%s", why);
}

/* ---- Servers. */

void peers_rig_init(struct peers_rig *r)
{
    log_set_level(getenv("RIG_LOG") != NULL ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
    *r = (struct peers_rig){ .base = event_base_new(), .now_ms = 1000000 };
    zk_assert(r->base != NULL);
}

void rig_stop(struct rig_server *s)
{
    s->peers = peers_free(s->peers);
    bytes_done(&s->body);
    bytes_done(&s->got);
}

void peers_rig_done(struct peers_rig *r)
{
    for (int i = 0; i < RIG_SERVERS; i++)
        rig_stop(&r->servers[i]);
    event_base_free(r->base);
}

struct peers_conf rig_conf(zk_sid sid)
{
    return peers_conf_default(sid, 2000, 10, 5);
}

struct rig_server *rig_start_with(struct peers_rig *r, const struct peers_conf *conf)
{
    struct rig_server *s = r->servers;

    while (s->peers != NULL)
        s++;
    zk_assert(s < r->servers + RIG_SERVERS);
    *s = (struct rig_server){ .rig = r, .conf = *conf, .take_max = SIZE_MAX };

    const struct peers_host host = {
        .ctx = s,
        .wake = wake,
        .now_ms = now_ms,
        .notified = notified,
        .reachable = reachable,
        .link_up = link_up,
        .link_down = link_down,
        .received = received,
        .room = room,
        .failed = failed,
    };

    zk_assert(peers_new(&s->peers, conf, &host, r->base) == 0);
    return s;
}

struct rig_server *rig_start(struct peers_rig *r, zk_sid sid)
{
    struct peers_conf conf = rig_conf(sid);

    return rig_start_with(r, &conf);
}

/* ---- Configurations. */

static char *copy(const char *at, size_t len)
{
    char *text = zk_xmalloc(len + 1);

    memcpy(text, at, len);
    text[len] = '\0';
    return text;
}

/* "host:quorum:election"; a host may have colons. */
static struct zab_address address(const char *at, size_t len)
{
    const char *second = memrchr(at, ':', len);
    const char *first = memrchr(at, ':', (size_t)(second - at));

    return (struct zab_address){
        .host = copy(at, (size_t)(first - at)),
        .quorum_port = (uint16_t)strtoul(first + 1, NULL, 10),
        .election_port = (uint16_t)strtoul(second + 1, NULL, 10),
    };
}

static struct zab_member member(const char *text)
{
    char *at;
    struct zab_member m = { .sid = strtoll(text, &at, 10), .is_voter = true, .client_port = -1 };

    m.addresses = zk_xcalloc(RIG_ADDRESSES, sizeof *m.addresses);
    for (at++; *at != '\0' && m.address_count < RIG_ADDRESSES;) {
        size_t len = strcspn(at, "|");

        m.addresses[m.address_count++] = address(at, len);
        at += len + (at[len] == '|');
    }
    return m;
}

struct zab_config *rig_config(const char *const *members, size_t count)
{
    struct zab_config *c = zk_xcalloc(1, sizeof *c);

    c->members = zk_xcalloc(count, sizeof *c->members);
    for (size_t i = 0; i < count; i++)
        c->members[c->count++] = member(members[i]);
    return c;
}

void rig_config_free(struct zab_config *c)
{
    for (size_t i = 0; i < c->count; i++) {
        for (size_t k = 0; k < c->members[i].address_count; k++)
            free(c->members[i].addresses[k].host);
        free(c->members[i].addresses);
    }
    free(c->members);
    free(c);
}

void rig_members(struct rig_server *s, const char *const *members, size_t count)
{
    struct zab_config *c = rig_config(members, count);

    peers_members(s->peers, c, NULL);
    rig_config_free(c);
}

struct rig_server *rig_listen(struct peers_rig *r, zk_sid sid)
{
    struct rig_server *s = rig_start(r, sid);
    char self[64];
    const char *const members[] = { self };

    (void)snprintf(self, sizeof self, "%lld=127.0.0.1:0:0", (long long)sid);
    rig_members(s, members, 1);
    peers_listen(s->peers);
    zk_assert(peers_is_listening(s->peers));
    return s;
}

struct rig_server *rig_restart(struct rig_server *s)
{
    struct peers_rig *r = s->rig;
    struct peers_conf conf = s->conf;
    uint16_t quorum = peers_port(s->peers, PEERS_QUORUM);
    uint16_t election = peers_port(s->peers, PEERS_ELECTION);
    char self[64];
    const char *const members[] = { self };

    (void)snprintf(self, sizeof self, "%lld=127.0.0.1:%u:%u", (long long)conf.self, quorum,
                   election);
    rig_stop(s);
    rig_turn(r);
    s = rig_start_with(r, &conf);
    s->quorum = quorum;
    s->election = election;
    rig_members(s, members, 1);
    peers_listen(s->peers);
    zk_assert(peers_is_listening(s->peers));
    return s;
}

/* A server's own ports stay as it knows them, so that it goes on to listen there. */
static void introduce_to(struct rig_server *to)
{
    char texts[RIG_SERVERS][64];
    const char *members[RIG_SERVERS];
    size_t count = 0;

    for (int i = 0; i < RIG_SERVERS; i++) {
        struct rig_server *s = &to->rig->servers[i];

        if (s->peers == NULL)
            continue;
        (void)snprintf(texts[count], sizeof texts[0], "%lld=127.0.0.1:%u:%u",
                       (long long)s->conf.self,
                       s == to ? s->quorum : peers_port(s->peers, PEERS_QUORUM),
                       s == to ? s->election : peers_port(s->peers, PEERS_ELECTION));
        members[count] = texts[count];
        count++;
    }
    rig_members(to, members, count);
}

void rig_introduce(struct peers_rig *r)
{
    for (int i = 0; i < RIG_SERVERS; i++) {
        if (r->servers[i].peers != NULL)
            introduce_to(&r->servers[i]);
    }
}

void rig_notify(struct rig_server *s, zk_sid to, const char *text)
{
    struct bytes frame = { 0 };

    raw_frame(&frame, text);
    peers_notify(s->peers, to, frame.at, frame.len);
    bytes_done(&frame);
}

/* ---- Turns. */

void rig_turn(struct peers_rig *r)
{
    zk_assert(event_base_loop(r->base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
    for (int i = 0; i < RIG_SERVERS; i++) {
        struct rig_server *s = &r->servers[i];

        if (s->peers == NULL)
            continue;
        if (s->feed_left > 0 && s->feeding != 0 && peers_unsent(s->peers, s->feeding) == 0)
            feed(s);
        if (peers_deadline(s->peers) <= r->now_ms)
            peers_expire(s->peers);
        peers_flush(s->peers);
    }
}

/* What one turn sends another one sees: quiet is when many saw nothing. */
void rig_settle(struct peers_rig *r)
{
    for (int quiet = 0; quiet < QUIET_TURNS; quiet++) {
        unsigned before = r->wakes;

        rig_turn(r);
        if (r->wakes != before)
            quiet = 0;
    }
}

void rig_pass(struct peers_rig *r, int64_t ms)
{
    enum { STEP_MS = 5 };

    rig_settle(r);
    for (int64_t end_ms = r->now_ms + ms; r->now_ms < end_ms;) {
        r->now_ms += end_ms - r->now_ms < STEP_MS ? end_ms - r->now_ms : STEP_MS;
        for (int i = 0; i < 6; i++)
            rig_turn(r);
    }
    rig_settle(r);
}

static int64_t real_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool rig_wait(struct peers_rig *r, int64_t *began_ms)
{
    if (*began_ms == 0)
        *began_ms = real_ms();
    rig_turn(r);
    (void)poll(NULL, 0, 1);
    return real_ms() - *began_ms < PATIENCE_MS;
}

/* ---- The other end. */

int raw_listen(uint16_t *ret_port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    zk_assert(fd >= 0);
    zk_assert(bind(fd, (const struct sockaddr *)(const void *)&in, sizeof in) == 0);
    zk_assert(listen(fd, 64) == 0);
    zk_assert(getsockname(fd, (struct sockaddr *)(void *)&in, &len) == 0);
    *ret_port = ntohs(in.sin_port);
    return fd;
}

int raw_accept(struct peers_rig *r, int fd)
{
    rig_settle(r);
    return accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int raw_dial(uint16_t port)
{
    struct sockaddr_in in = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    zk_assert(fd >= 0);
    zk_assert(connect(fd, (const struct sockaddr *)(const void *)&in, sizeof in) == 0);
    zk_assert(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    return fd;
}

void raw_send(int fd, const void *at, size_t len)
{
    ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);

    (void)sent; /* The other side may have closed: then that is what the test is about. */
}

long raw_recv(int fd, void *at, size_t cap)
{
    return recv(fd, at, cap, MSG_DONTWAIT);
}

bool raw_is_closed(struct peers_rig *r, int fd)
{
    char buffer[4096];
    long got;

    rig_settle(r);
    while ((got = raw_recv(fd, buffer, sizeof buffer)) > 0)
        rig_turn(r);
    return got == 0 || errno == ECONNRESET;
}

void raw_hello(struct bytes *out, int form, zk_sid sid, const char *addresses)
{
    if (form > 0)
        jute_write_i64(out, form == 1 ? -65536 : -65535);
    jute_write_i64(out, sid);
    if (form > 0) {
        jute_write_i32(out, (int32_t)strlen(addresses));
        bytes_put(out, addresses, strlen(addresses));
    }
}

void raw_frame(struct bytes *out, const char *body)
{
    jute_write_i32(out, (int32_t)strlen(body));
    bytes_put(out, body, strlen(body));
}
