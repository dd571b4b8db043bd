#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "client/impl.h"
#include "jute/limits.h"
#include "util/check.h"

int64_t client_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- Callbacks may free the client: its memory goes when the last of our functions is left. */

void client_enter(struct zabc *c)
{
    c->depth++;
}

static void release(struct zabc *c)
{
    link_done(c);
    if (c->kick != NULL)
        event_free(c->kick);
    for (size_t i = 0; i < c->identities_count; i++) {
        free(c->identities[i].scheme);
        if (c->identities[i].auth.at != NULL)
            explicit_bzero(c->identities[i].auth.at, c->identities[i].auth.cap);
        bytes_done(&c->identities[i].auth);
    }
    watches_done(&c->watches);
    hosts_done(&c->hosts);
    explicit_bzero(c->passwd, sizeof c->passwd);
    free(c);
}

void client_leave(struct zabc *c)
{
    if (--c->depth == 0 && c->is_doomed)
        release(c);
}

bool client_is_alive(const struct zabc *c)
{
    return c->state != ZABC_CLOSED && c->state != ZABC_AUTH_FAILED;
}

int client_dead_err(const struct zabc *c)
{
    return c->state == ZABC_AUTH_FAILED ? ZK_AUTH_FAILED : ZK_SESSION_EXPIRED;
}

void client_tell_session(struct zabc *c, enum zk_state state)
{
    const struct zabc_event event = { .type = ZK_EVENT_NONE, .state = state, .zxid = -1 };

    if (c->conf.session.tell != NULL && !c->is_doomed)
        c->conf.session.tell(c->conf.session.arg, &event);
}

static void tell_closed(struct zabc *c)
{
    const struct zabc_reply reply = { .type = ZK_OP_CLOSE_SESSION, .path.len = -1, .data.len = -1 };
    struct zabc_done closed = c->closed;

    c->closed = (struct zabc_done){ 0 };
    if (closed.tell != NULL)
        closed.tell(closed.arg, &reply);
}

void client_die(struct zabc *c, enum zabc_state state, enum zk_state event, int err)
{
    if (!client_is_alive(c))
        return;
    client_enter(c);
    c->state = state;
    rw_search_end(c);
    link_end(c);
    requests_fail(c, err, true);
    session_fail_identities(c, err);
    client_tell_session(c, event);
    tell_closed(c);
    client_leave(c);
}

static void on_kick(evutil_socket_t fd, short what, void *arg)
{
    struct zabc *c = arg;

    (void)fd;
    (void)what;
    client_enter(c);
    requests_bury(c);
    if (!c->is_doomed && !client_is_alive(c))
        tell_closed(c);
    client_leave(c);
}

/* ---- Making one. */

static uint64_t seed_of(const struct zabc_conf *conf)
{
    uint64_t seed = conf->seed;

    while (seed == 0) {
        if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
            seed = (uint64_t)client_now_ms();
    }
    return seed;
}

static int set_up(struct zabc *c, const struct zabc_conf *conf)
{
    int r = hosts_parse(&c->hosts, conf->servers, conf->keeps_order ? NULL : &c->rand);

    if (r < 0)
        return r;
    c->conf.servers = NULL; /* The caller's text need not last. */
    c->chroot_len = strlen(c->hosts.chroot);
    c->kick = event_new(conf->base, -1, 0, on_kick, c);
    if (c->kick == NULL)
        return -ENOMEM;
    return link_init(c);
}

static bool is_bad(const struct zabc_conf *conf)
{
    return conf->base == NULL || conf->timeout_ms < 0 || conf->request_timeout_ms < 0 ||
           conf->packet_bytes_max > INT32_MAX / 2 || conf->passwd.len > CLIENT_PASSWD_BYTES_MAX;
}

int zabc_new(struct zabc **ret, const struct zabc_conf *conf)
{
    if (is_bad(conf))
        return -EINVAL;

    struct zabc *c = zk_xcalloc(1, sizeof *c);
    uint64_t seed = seed_of(conf);

    c->conf = *conf;
    if (c->conf.packet_bytes_max == 0)
        c->conf.packet_bytes_max = JUTE_PACKET_BYTES_MAX;
    if (c->conf.timeout_ms == 0)
        c->conf.timeout_ms = ZABC_TIMEOUT_MS;
    c->timeout_ms = c->conf.timeout_ms;
    rand_seed(&c->rand, seed);
    watches_init(&c->watches, seed);
    list_init(&c->queued);
    list_init(&c->sent);
    list_init(&c->dead);
    c->session_id = conf->session_id;
    c->saw_rw_server = conf->session_id != 0;
    if (conf->passwd.len > 0) {
        memcpy(c->passwd, conf->passwd.at, (size_t)conf->passwd.len);
        c->passwd_len = conf->passwd.len;
    }
    c->conf.passwd = (struct jute_bytes){ .len = -1 };

    int r = set_up(c, conf);

    if (r < 0)
        release(c);
    else
        *ret = c;
    return r;
}

struct zabc *zabc_free(struct zabc *c)
{
    if (c == NULL || c->is_doomed)
        return NULL;
    client_enter(c);
    c->is_doomed = true;
    rw_search_end(c);
    link_end(c);
    if (client_is_alive(c))
        c->state = ZABC_CLOSED;
    requests_fail(c, ZK_SESSION_EXPIRED, true);
    session_fail_identities(c, ZK_SESSION_EXPIRED);
    requests_bury(c);
    tell_closed(c);
    client_leave(c);
    return NULL;
}

int zabc_close(struct zabc *c, struct zabc_done done)
{
    if (c->is_doomed)
        return -ECANCELED;
    if (c->closed.tell != NULL || c->is_closing)
        return -EINVAL;
    c->closed = done;
    if (!client_is_alive(c)) {
        event_active(c->kick, 0, 0);
        return 0;
    }
    c->is_closing = true;
    link_wake(c);
    return 0;
}

/* ---- Questions. */

enum zabc_state zabc_state(const struct zabc *c)
{
    return c->state;
}

zk_session_id zabc_session_id(const struct zabc *c)
{
    return c->session_id;
}

struct jute_bytes zabc_passwd(const struct zabc *c)
{
    return (struct jute_bytes){ .at = c->passwd, .len = c->passwd_len };
}

int zabc_timeout_ms(const struct zabc *c)
{
    return c->timeout_ms;
}

const char *zabc_server(const struct zabc *c)
{
    return c->link.state == LINK_UP ? c->link.name : "";
}

const char *zabc_chroot(const struct zabc *c)
{
    return c->hosts.chroot;
}
