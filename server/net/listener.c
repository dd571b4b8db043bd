/* The port: binding, accepting, and refusing what is too much. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/net/conn.h"
#include "server/net/sockets.h"
#include "util/log.h"

/* ---- Binding. */

static int bind_to(const struct sockaddr *sa, socklen_t len, const struct net_conf *conf)
{
    int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;

    int r = socket_listen_options(fd, sa->sa_family, conf->keepalive);

    if (r == 0 && bind(fd, sa, len) < 0)
        r = -errno;
    if (r == 0)
        return fd;
    (void)close(fd);
    return r;
}

static int bind_to_all(uint16_t port, const struct net_conf *conf)
{
    const struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    const struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = bind_to((const struct sockaddr *)(const void *)&in6, sizeof in6, conf);

    /* The kernel may have been told to do without IPv6. */
    if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL || fd == -EPROTONOSUPPORT)
        return bind_to((const struct sockaddr *)(const void *)&in, sizeof in, conf);
    return fd;
}

int net_bind(const char *host, uint16_t port, const struct net_conf *conf)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
    struct sockaddr_storage first;
    struct addrinfo *found;
    char service[8];

    if (host == NULL)
        return bind_to_all(port, conf);
    (void)snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return -ENOENT;

    size_t count = socket_addresses(&first, 1, found);

    freeaddrinfo(found);
    if (count == 0)
        return -ENOENT;
    return bind_to((const struct sockaddr *)(const void *)&first,
                   first.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                               : sizeof(struct sockaddr_in),
                   conf);
}

void net_local_name(char ret[ADDRESS_TEXT_MAX], int fd)
{
    struct sockaddr_storage ss = { 0 };
    socklen_t len = sizeof ss;

    (void)getsockname(fd, (struct sockaddr *)(void *)&ss, &len);

    struct address a = address_of((const struct sockaddr *)(const void *)&ss);

    (void)address_print(ret, &a);
}

/* ---- Accepting. */

static void tell_full(struct net *n, const char *what)
{
    int64_t now_ms = n->service->now_ms;

    if (now_ms - n->told_full_ms < NET_TELL_MS)
        return;
    n->told_full_ms = now_ms;
    log_warn("net: refusing connections reason='%s' connections=%u", what, n->count);
}

static bool is_too_many(struct net *n, const struct sockaddr *peer)
{
    const struct net_conf *conf = &n->conf;

    if (conf->fd_limit > 0 && n->count >= (uint32_t)conf->fd_limit) {
        tell_full(n, "the limit of open files is near");
        return true;
    }
    if (conf->max_connections > 0 && n->count >= (uint32_t)conf->max_connections) {
        tell_full(n, "maxCnxns");
        return true;
    }
    if (conf->max_connections_ip <= 0)
        return false;

    struct address a = address_of(peer);

    if (ip_count_of(n->ips, &a) < (uint32_t)conf->max_connections_ip)
        return false;
    tell_full(n, "maxClientCnxns");
    return true;
}

static void pause_accepting(struct net *n)
{
    (void)event_del(&n->listen_event);
    n->is_accepting = false;
    n->accept_at_ms = n->service->now_ms + NET_ACCEPT_PAUSE_MS;
}

void net_accept_again(struct net *n)
{
    if (n->listen_fd < 0 || n->is_accepting || n->service->now_ms < n->accept_at_ms)
        return;
    n->accept_at_ms = INT64_MAX;
    reserve_take(&n->reserve_fd);
    n->is_accepting = event_add(&n->listen_event, NULL) == 0;
}

/* No descriptor is left. With the one in reserve whoever waits is told so at once;
 * otherwise the port would stay readable and the loop would spin. */
static bool refuse_with_reserve(struct net *n)
{
    tell_full(n, "no file descriptor is left");
    n->service->stats.connection_rejected++;
    if (reserve_refuse(&n->reserve_fd, n->listen_fd))
        return true;
    pause_accepting(n);
    return false;
}

/* False: nothing more to accept now. */
static bool accept_one(struct net *n)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof ss;
    struct sockaddr *peer = (struct sockaddr *)(void *)&ss;
    int fd = accept4(n->listen_fd, peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0 && is_too_many(n, peer)) {
        n->service->stats.connection_rejected++;
        socket_reset(fd);
        return true;
    }
    if (fd >= 0) {
        conn_new(n, fd, peer);
        return true;
    }
    switch (errno) {
    case EAGAIN:
        return false;
    case EMFILE:
    case ENFILE:
        return refuse_with_reserve(n);
    case ENOMEM:
    case ENOBUFS:
        tell_full(n, "the kernel is out of memory");
        pause_accepting(n);
        return false;
    default: /* That connection went away before it was accepted. */
        return true;
    }
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    struct net *n = arg;

    (void)fd;
    (void)what;
    net_wake(n);
    while (n->accepts < NET_ACCEPTS_PER_TURN && accept_one(n))
        n->accepts++;
}

int net_listen(struct net *n, int fd)
{
    if (listen(fd, n->conf.backlog > 0 ? n->conf.backlog : SOMAXCONN) < 0)
        return -errno;
    n->listen_fd = fd;
    reserve_take(&n->reserve_fd);
    if (event_assign(&n->listen_event, n->base, fd, EV_READ | EV_PERSIST, on_accept, n) < 0 ||
        event_add(&n->listen_event, NULL) < 0)
        return -ENOMEM;
    n->is_accepting = true;
    return 0;
}

void net_stop_listening(struct net *n)
{
    if (n->listen_fd < 0)
        return;
    if (n->is_accepting)
        (void)event_del(&n->listen_event);
    n->is_accepting = false;
    n->accept_at_ms = INT64_MAX;
    (void)close(n->listen_fd);
    reserve_drop(&n->reserve_fd);
    n->listen_fd = -1;
}
