#include "server/net/client_port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "server/net/limits.h"
#include "util/check.h"
#include "util/log.h"

static char *copy_host(const char *host)
{
    if (host == NULL)
        return NULL;

    size_t size = strlen(host) + 1;

    return memcpy(zk_xmalloc(size), host, size);
}

void client_port_init(struct client_port *p, struct net *net, const char *host, uint16_t port)
{
    *p = (struct client_port){
        .net = net, .host = copy_host(host), .port = port, .bound = port, .again_ms = INT64_MAX
    };
    resolver_query_init(&p->query);
}

static void forget_try(struct client_port *p)
{
    p->is_moving = false;
    p->again_ms = INT64_MAX;
    resolver_forget(&p->query);
}

void client_port_done(struct client_port *p)
{
    if (p->net == NULL)
        return;
    forget_try(p);
    p->resolver = resolver_free(p->resolver);
    free(p->host);
    p->host = NULL;
}

void client_port_close(struct client_port *p)
{
    forget_try(p);
    net_stop_listening(p->net);
}

/* ---- One try. */

static void failed(struct client_port *p, int err)
{
    const char *host = p->host != NULL ? p->host : "*";

    p->again_ms = p->net->service->now_ms + NET_BIND_PAUSE_MS;
    if (p->has_told)
        return;
    p->has_told = true;
    if (err == -ENOENT)
        log_error("net: the client port can't move there yet: '%.255s' means no address", host);
    else
        (void)log_errno(LOG_LEVEL_ERROR, err,
                        "net: the client port can't move there yet address=%.255s port=%u", host,
                        p->port);
}

static void moved(struct client_port *p, int fd)
{
    char name[ADDRESS_TEXT_MAX];

    net_stop_listening(p->net);

    int r = net_listen(p->net, fd);

    if (r < 0) {
        if (p->net->listen_fd != fd)
            (void)close(fd);
        net_stop_listening(p->net);
        failed(p, r);
        return;
    }
    forget_try(p);
    p->has_told = false;
    p->bound = p->port;
    p->net->words.conf.client_port = p->port;
    net_local_name(name, fd);
    log_info("net: the client port has moved address=%s", name);
}

/* host: a literal address, or NULL. */
static void bind_to(struct client_port *p, const char *host)
{
    /* The same port on other addresses: the kernel may not let us have both. */
    if (p->port == p->bound)
        net_stop_listening(p->net);

    int fd = net_bind(host, p->port, &p->net->conf);

    /* Two may bind a port, but only one may listen: better to know before the old one is closed. */
    if (fd >= 0 && listen(fd, SOMAXCONN) < 0) {
        int err = -errno;
        (void)close(fd);
        fd = err;
    }
    if (fd >= 0)
        moved(p, fd);
    else
        failed(p, fd);
}

static void bind_to_found(struct client_port *p, const struct resolved *found)
{
    char text[INET6_ADDRSTRLEN];

    if (found->count == 0) {
        failed(p, -ENOENT);
        return;
    }

    const struct sockaddr *sa = (const struct sockaddr *)(const void *)&found->at[0];
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;
    const void *at =
        sa->sa_family == AF_INET6 ? (const void *)&in6->sin6_addr : (const void *)&in->sin_addr;

    bind_to(p, inet_ntop(sa->sa_family, at, text, sizeof text));
}

static void on_resolved(struct resolver_query *q, const struct resolved *found)
{
    struct client_port *p = list_entry(q, struct client_port, query);

    bind_to_found(p, found);
}

static void wake(void *ctx)
{
    net_wake(ctx);
}

/* A lookup may block, so it is not ours to do. */
static void look_up(struct client_port *p)
{
    const struct resolver_conf conf = { .ctx = p->net, .wake = wake };

    if (p->resolver == NULL) {
        int r = resolver_new(&p->resolver, &conf, p->net->base);
        if (r < 0) {
            failed(p, r);
            return;
        }
    }
    resolver_ask(p->resolver, &p->query, p->host, on_resolved);
}

static void try_to_move(struct client_port *p)
{
    struct resolved literal;

    p->again_ms = INT64_MAX;
    if (p->host == NULL || resolver_literal(&literal, p->host))
        bind_to(p, p->host);
    else
        look_up(p);
}

/* ---- What is wanted. */

static bool is_there(const struct client_port *p, const char *host, uint16_t port)
{
    if (p->port != port || (p->host == NULL) != (host == NULL))
        return false;
    return host == NULL || strcasecmp(p->host, host) == 0;
}

void client_port_move(struct client_port *p, const char *host, uint16_t port)
{
    if (is_there(p, host, port))
        return;
    forget_try(p);
    free(p->host);
    p->host = copy_host(host);
    p->port = port;
    p->is_moving = true;
    p->has_told = false;
    try_to_move(p);
}

int64_t client_port_deadline(const struct client_port *p)
{
    return p->again_ms;
}

void client_port_expire(struct client_port *p)
{
    if (p->is_moving && p->again_ms <= p->net->service->now_ms)
        try_to_move(p);
}
