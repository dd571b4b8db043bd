/* The peers' ports: binding, accepting, and what happens when that fails. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "server/net/peers_impl.h"
#include "server/net/sockets.h"
#include "util/check.h"
#include "util/log.h"

static const char *name_of(enum peers_port which)
{
    switch (which) {
    case PEERS_ELECTION:
        return "election";
    case PEERS_QUORUM:
        return "quorum";
    case PEERS_MASTER:
        return "observer master";
    }
    return "?";
}

static void again_at(struct listener *l, int64_t at_ms)
{
    l->again_ms = at_ms;
    peers_deadline_at(l->peers, at_ms);
}

/* ---- Accepting. */

static void pause_accepting(struct listener *l)
{
    (void)event_del(&l->event);
    l->is_accepting = false;
    again_at(l, peers_now(l->peers) + PEERS_ACCEPT_PAUSE_MS);
}

static void accept_again(struct listener *l)
{
    struct peers *p = l->peers;

    l->again_ms = INT64_MAX;
    reserve_take(&p->reserve_fd);
    l->is_accepting = event_add(&l->event, NULL) == 0;
}

/* No descriptor is left. */
static bool refuse_with_reserve(struct listener *l)
{
    struct peers *p = l->peers;

    if (peers_may_tell(p))
        log_warn("peers: refusing connections port=%s reason='no file descriptor is left'",
                 name_of(l->which));
    if (reserve_refuse(&p->reserve_fd, l->fd))
        return true;
    pause_accepting(l);
    return false;
}

/* False: nothing more to accept now. */
static bool accept_one(struct listener *l)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof ss;
    struct sockaddr *from = (struct sockaddr *)(void *)&ss;
    int fd = accept4(l->fd, from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0 && l->which == PEERS_ELECTION) {
        election_accept(l->peers, fd, from);
        return true;
    }
    if (fd >= 0) {
        link_accept(l->peers, fd, from, l->which == PEERS_MASTER);
        return true;
    }
    switch (errno) {
    case EAGAIN:
        return false;
    case EMFILE:
    case ENFILE:
        return refuse_with_reserve(l);
    case ENOMEM:
    case ENOBUFS:
        pause_accepting(l);
        return false;
    default: /* That connection went away before it was accepted. */
        return true;
    }
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;

    (void)fd;
    (void)what;
    peers_wake(l->peers);
    for (int i = 0; i < PEERS_ACCEPTS_PER_TURN && accept_one(l); i++) {
    }
}

/* ---- Binding. */

static int bind_to(const struct sockaddr *sa, socklen_t len)
{
    int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;

    int r = socket_listen_options(fd, sa->sa_family, false);

    if (r == 0 && (bind(fd, sa, len) < 0 || listen(fd, SOMAXCONN) < 0))
        r = -errno;
    if (r == 0)
        return fd;
    (void)close(fd);
    return r;
}

static int bind_to_all(struct listener *l)
{
    const struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(l->port) };
    const struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(l->port) };
    int fd = bind_to((const struct sockaddr *)(const void *)&in6, sizeof in6);

    /* The kernel may have been told to do without IPv6. */
    if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL || fd == -EPROTONOSUPPORT)
        return bind_to((const struct sockaddr *)(const void *)&in, sizeof in);
    return fd;
}

/* The first address that can be bound. */
static int bind_to_found(struct listener *l, const struct resolved *found)
{
    int fd = -ENOENT;

    for (size_t i = 0; i < found->count && fd < 0; i++) {
        struct sockaddr_storage ss = found->at[i];
        struct sockaddr *sa = (struct sockaddr *)(void *)&ss;

        if (ss.ss_family == AF_INET6) {
            ((struct sockaddr_in6 *)(void *)&ss)->sin6_port = htons(l->port);
            fd = bind_to(sa, sizeof(struct sockaddr_in6));
        } else {
            ((struct sockaddr_in *)(void *)&ss)->sin_port = htons(l->port);
            fd = bind_to(sa, sizeof(struct sockaddr_in));
        }
    }
    return fd;
}

static bool has_bound_another(const struct listener *l)
{
    list_each(it, &l->peers->listeners)
    {
        const struct listener *other = list_entry(it, struct listener, in_all);

        if (other->which == l->which && other->fd >= 0)
            return true;
    }
    return false;
}

static void bind_failed(struct listener *l, int err)
{
    struct peers *p = l->peers;
    const char *host = l->host != NULL ? l->host : "*";

    l->tries++;
    again_at(l, peers_now(p) + PEERS_BIND_PAUSE_MS);
    if (l->tries == 1)
        (void)log_errno(LOG_LEVEL_WARN, err, "peers: cannot listen yet port=%s address=%s:%u",
                        name_of(l->which), host, l->port);
    /* Observers have others to go to, and the ensemble needs our vote. */
    if (l->which == PEERS_MASTER)
        return;
    if (p->conf.bind_tries == 0 || l->tries < p->conf.bind_tries || has_bound_another(l) ||
        p->has_failed)
        return;
    p->has_failed = true;
    (void)snprintf(p->why, sizeof p->why,
                   "cannot listen on the %s port, address %.255s port %u: %s", name_of(l->which),
                   host, l->port, strerror(-err));
    p->host.failed(p->host.ctx, p->why);
}

static void bound(struct listener *l, int fd)
{
    l->fd = fd;
    l->again_ms = INT64_MAX;

    int r = event_assign(&l->event, l->peers->base, fd, EV_READ | EV_PERSIST, on_accept, l);

    zk_assert(r == 0);
    r = event_add(&l->event, NULL);
    zk_assert(r == 0);
    l->is_accepting = true;
    const char *host = l->host != NULL ? l->host : "*";
    bool is_ipv6 = strchr(host, ':') != NULL;

    log_info("peers: listening port=%s address=%s%s%s:%u", name_of(l->which), is_ipv6 ? "[" : "",
             host, is_ipv6 ? "]" : "", l->port);
}

static void bind_found(struct listener *l, const struct resolved *found)
{
    int fd = bind_to_found(l, found);

    if (fd >= 0)
        bound(l, fd);
    else
        bind_failed(l, fd);
}

static void on_resolved(struct resolver_query *q, const struct resolved *found)
{
    struct listener *l = list_entry(q, struct listener, query);

    l->is_asking = false;
    bind_found(l, found);
}

/* May call host.failed(): not from inside of a call of the host. */
static void try_to_bind(struct listener *l)
{
    struct resolved literal;

    l->again_ms = INT64_MAX;
    if (l->host == NULL) {
        int fd = bind_to_all(l);

        if (fd >= 0)
            bound(l, fd);
        else
            bind_failed(l, fd);
    } else if (resolver_literal(&literal, l->host)) {
        bind_found(l, &literal);
    } else {
        l->is_asking = true;
        resolver_ask(l->peers->resolver, &l->query, l->host, on_resolved);
    }
}

/* ---- Which ports. */

static void listener_free(struct listener *l)
{
    resolver_forget(&l->query);
    if (l->is_accepting)
        (void)event_del(&l->event);
    if (l->fd >= 0)
        (void)close(l->fd);
    list_remove(&l->in_all);
    free(l->host);
    free(l);
}

static bool is_same_host(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcasecmp(a, b) == 0;
}

static void want(struct peers *p, enum peers_port which, const char *host, uint16_t port)
{
    list_each(it, &p->listeners)
    {
        struct listener *l = list_entry(it, struct listener, in_all);

        if (l->which == which && l->port == port && is_same_host(l->host, host)) {
            l->is_wanted = true;
            return;
        }
    }

    struct listener *l = zk_xcalloc(1, sizeof *l);

    l->peers = p;
    l->which = which;
    l->host = host != NULL ? peers_text(host, strlen(host)) : NULL;
    l->port = port;
    l->is_wanted = true;
    l->fd = -1;
    resolver_query_init(&l->query);
    list_append(&p->listeners, &l->in_all);
    again_at(l, 0);
}

/* Closes what is not ours any more, then opens what is new: the same port may have got another
 * address. */
void ports_update(struct peers *p)
{
    list_each(it, &p->listeners) list_entry(it, struct listener, in_all)->is_wanted = false;
    for (size_t i = 0; i < p->self.count; i++) {
        const struct place *a = &p->self.at[i];
        const char *host = p->conf.listen_on_all ? NULL : a->host;

        want(p, PEERS_ELECTION, host, a->election_port);
        want(p, PEERS_QUORUM, host, a->quorum_port);
        if (p->conf.master_port != 0 && p->self_votes)
            want(p, PEERS_MASTER, host, p->conf.master_port);
    }
    list_each_safe(it, &p->listeners)
    {
        struct listener *l = list_entry(it, struct listener, in_all);

        if (!l->is_wanted)
            listener_free(l);
    }
}

void ports_expire(struct peers *p, int64_t now_ms)
{
    list_each_safe(it, &p->listeners)
    {
        struct listener *l = list_entry(it, struct listener, in_all);

        if (l->again_ms > now_ms)
            peers_deadline_at(p, l->again_ms);
        else if (l->fd >= 0)
            accept_again(l);
        else
            try_to_bind(l);
    }
}

void peers_listen(struct peers *p)
{
    p->is_listening = true;
    ports_update(p);
    ports_expire(p, peers_now(p));
}

uint16_t peers_port(const struct peers *p, enum peers_port which)
{
    list_each(it, &p->listeners)
    {
        const struct listener *l = list_entry(it, struct listener, in_all);
        struct sockaddr_storage ss = { 0 };
        socklen_t len = sizeof ss;

        if (l->which != which || l->fd < 0)
            continue;
        if (getsockname(l->fd, (struct sockaddr *)(void *)&ss, &len) < 0)
            return 0;
        return address_of((const struct sockaddr *)(const void *)&ss).port;
    }
    return 0;
}

bool peers_is_listening(const struct peers *p)
{
    list_each(it, &p->listeners)
    {
        if (list_entry(it, struct listener, in_all)->fd < 0)
            return false;
    }
    return !list_is_empty(&p->listeners);
}

void ports_done(struct peers *p)
{
    list_each_safe(it, &p->listeners) listener_free(list_entry(it, struct listener, in_all));
}
