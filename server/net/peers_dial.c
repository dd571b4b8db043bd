#include "server/net/peers_dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/net/peers_impl.h"
#include "util/check.h"

/* A name whose addresses are being asked for. */
struct name {
    struct resolver_query query;
    struct dial *dial;
    uint16_t port;
    bool is_pending;
};

/* One socket that is connecting. */
struct trial {
    struct dial *dial;
    int fd; /* -1: not begun, or over. */
    struct event event;
};

/* An address. What the network drops is sent again by the kernel after pauses that double, so a
 * second socket calls anew, again and again, while the first waits on: a path that was cut is found
 * again soon, and one that is slow to answer still has its time. */
struct attempt {
    struct sockaddr_storage to;
    struct trial first, fresh;
};

struct dial {
    struct list in_all;
    struct peers *peers;
    dial_done *done;
    void *ctx;
    int64_t give_up_ms;
    int64_t stagger_ms; /* When the next address may be tried though the last one still hangs. */
    int64_t fresh_ms;   /* When those that hang are called anew. */
    int64_t due_ms;     /* When there is something to do again. */
    struct name names[PEERS_NAMES_MAX];
    unsigned name_count, pending;
    struct attempt attempts[PEERS_TRIES_MAX];
    unsigned attempt_count, begun;
    unsigned open;   /* Trials. */
    bool is_refused; /* By at least one... */
    int err;         /* ...and what another one said, that is no refusal. */
};

static void due_at(struct dial *d, int64_t at_ms)
{
    d->due_ms = at_ms;
    peers_deadline_at(d->peers, at_ms);
}

static void due_now(struct dial *d)
{
    d->due_ms = INT64_MIN;
    peers_later(d->peers);
}

static void trial_close(struct trial *t)
{
    if (t->fd < 0)
        return;
    (void)event_del(&t->event);
    (void)close(t->fd);
    t->fd = -1;
    t->dial->open--;
}

struct dial *dial_free(struct dial *d)
{
    if (d == NULL)
        return NULL;
    for (unsigned i = 0; i < d->name_count; i++)
        resolver_forget(&d->names[i].query);
    for (unsigned i = 0; i < d->begun; i++) {
        trial_close(&d->attempts[i].first);
        trial_close(&d->attempts[i].fresh);
    }
    list_remove(&d->in_all);
    free(d);
    return NULL;
}

static void finish(struct dial *d, int fd)
{
    dial_done *done = d->done;
    void *ctx = d->ctx;

    (void)dial_free(d);
    done(ctx, fd);
}

/* ---- One address. */

static void trial_failed(struct dial *d, int err)
{
    switch (err) {
    case ECONNREFUSED:
    case ECONNRESET:
        d->is_refused = true;
        return;
    case EAFNOSUPPORT: /* This machine can't even try: says nothing of the peer. */
    case EADDRNOTAVAIL:
    case ENETUNREACH:
        if (d->err == 0)
            d->err = -err;
        return;
    default:
        d->err = -err;
    }
}

/* A port of this machine that nobody listens on may be drawn as our own, and the call then
 * reaches ourselves. */
static bool is_ourselves(int fd)
{
    struct sockaddr_storage here = { 0 };
    struct sockaddr_storage there = { 0 };
    socklen_t here_len = sizeof here;
    socklen_t there_len = sizeof there;

    if (getsockname(fd, (struct sockaddr *)(void *)&here, &here_len) < 0 ||
        getpeername(fd, (struct sockaddr *)(void *)&there, &there_len) < 0)
        return false;
    return here_len == there_len && memcmp(&here, &there, here_len) == 0;
}

/* The connection stands, or not. Returns its descriptor, which is then nobody's, or -1. */
static int trial_result(struct trial *t)
{
    struct dial *d = t->dial;
    int err = 0;
    socklen_t len = sizeof err;
    int fd = t->fd;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
        err = errno;
    if (err == 0 && is_ourselves(fd))
        err = ECONNREFUSED;
    if (err != 0) {
        trial_failed(d, err);
        trial_close(t);
        return -1;
    }
    (void)event_del(&t->event);
    t->fd = -1;
    d->open--;
    return fd;
}

static void on_trial(evutil_socket_t fd, short what, void *arg)
{
    struct trial *t = arg;
    struct dial *d = t->dial;

    (void)what;
    (void)fd;
    peers_wake(d->peers);

    int made = trial_result(t);

    if (made >= 0)
        finish(d, made);
    else
        due_now(d);
}

static socklen_t len_of(const struct sockaddr_storage *ss)
{
    return ss->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static void trial_begin(struct dial *d, struct trial *t, const struct sockaddr_storage *to)
{
    static const int on = 1;
    int fd = socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        trial_failed(d, errno);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (const struct sockaddr *)(const void *)to, len_of(to)) < 0 &&
        errno != EINPROGRESS && errno != EINTR) {
        trial_failed(d, errno);
        (void)close(fd);
        return;
    }
    t->dial = d;
    t->fd = fd;
    d->open++;

    /* Writable at once if the connection stands already. */
    int r = event_assign(&t->event, d->peers->base, fd, EV_WRITE, on_trial, t);

    zk_assert(r == 0);
    r = event_add(&t->event, NULL);
    zk_assert(r == 0);
}

/* ---- All addresses. */

static void add_address(struct dial *d, const struct sockaddr_storage *ss, uint16_t port)
{
    struct sockaddr_storage to = *ss;

    if (to.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)&to)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)(void *)&to)->sin_port = htons(port);
    for (unsigned i = 0; i < d->attempt_count; i++) {
        if (memcmp(&d->attempts[i].to, &to, len_of(&to)) == 0)
            return;
    }
    if (d->attempt_count == PEERS_TRIES_MAX)
        return;

    struct attempt *a = &d->attempts[d->attempt_count++];

    *a = (struct attempt){ .to = to, .first.fd = -1, .fresh.fd = -1 };
    due_now(d);
}

static void add_found(struct dial *d, const struct resolved *found, uint16_t port)
{
    for (size_t i = 0; i < found->count; i++)
        add_address(d, &found->at[i], port);
}

static void on_resolved(struct resolver_query *q, const struct resolved *found)
{
    struct name *n = list_entry(q, struct name, query);
    struct dial *d = n->dial;

    n->is_pending = false;
    d->pending--;
    add_found(d, found, n->port);
    due_now(d);
}

void dial_add(struct dial *d, const char *host, uint16_t port)
{
    struct resolved literal;

    if (resolver_literal(&literal, host)) {
        add_found(d, &literal, port);
        return;
    }
    if (d->name_count == PEERS_NAMES_MAX)
        return;

    struct name *n = &d->names[d->name_count++];

    *n = (struct name){ .dial = d, .port = port, .is_pending = true };
    resolver_query_init(&n->query);
    d->pending++;

    /* What it meant last time is tried while it is asked for anew. */
    const struct resolved *known = resolver_known(d->peers->resolver, host);

    if (known != NULL)
        add_found(d, known, port);
    resolver_ask(d->peers->resolver, &n->query, host, on_resolved);
}

struct dial *dial_new(struct peers *p, int64_t give_up_ms, dial_done *done, void *ctx)
{
    struct dial *d = zk_xcalloc(1, sizeof *d);

    d->peers = p;
    d->done = done;
    d->ctx = ctx;
    d->give_up_ms = give_up_ms;
    d->stagger_ms = INT64_MIN;
    d->fresh_ms = peers_now(p) + PEERS_FRESH_CALL_MS;
    list_append(&p->dials, &d->in_all);
    due_now(d);
    return d;
}

static int verdict(const struct dial *d, int64_t now_ms)
{
    if (d->open > 0 || d->pending > 0 || d->begun < d->attempt_count)
        return now_ms >= d->give_up_ms ? -ETIMEDOUT : 0;
    /* Where an address refuses and another can't be tried from here, nobody is there. */
    if (d->is_refused && (d->err == 0 || d->err == -EAFNOSUPPORT || d->err == -EADDRNOTAVAIL ||
                          d->err == -ENETUNREACH))
        return -ECONNREFUSED;
    return d->err != 0 ? d->err : -EHOSTUNREACH;
}

static void begin_next(struct dial *d, int64_t now_ms)
{
    while (d->begun < d->attempt_count && (d->open == 0 || now_ms >= d->stagger_ms)) {
        struct attempt *a = &d->attempts[d->begun++];

        trial_begin(d, &a->first, &a->to);
        if (d->open > 0)
            d->stagger_ms = now_ms + PEERS_STAGGER_MS;
    }
}

static void call_anew(struct dial *d, int64_t now_ms)
{
    if (now_ms < d->fresh_ms)
        return;
    d->fresh_ms = now_ms + PEERS_FRESH_CALL_MS;
    for (unsigned i = 0; i < d->begun; i++) {
        struct attempt *a = &d->attempts[i];

        if (a->first.fd < 0 && a->fresh.fd < 0)
            continue; /* It has failed. */
        trial_close(&a->fresh);
        trial_begin(d, &a->fresh, &a->to);
    }
}

/* May end in finish(), after which d is no more. */
static void run(struct dial *d)
{
    int64_t now_ms = peers_now(d->peers);
    int64_t at_ms = d->give_up_ms;

    begin_next(d, now_ms);
    call_anew(d, now_ms);

    int err = verdict(d, now_ms);

    if (err < 0) {
        finish(d, err);
        return;
    }
    if (d->open > 0 && d->fresh_ms < at_ms)
        at_ms = d->fresh_ms;
    if (d->begun < d->attempt_count && d->stagger_ms < at_ms)
        at_ms = d->stagger_ms;
    due_at(d, at_ms);
}

static struct dial *first_due(struct peers *p, int64_t now_ms)
{
    list_each(it, &p->dials)
    {
        struct dial *d = list_entry(it, struct dial, in_all);

        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): one that was freed is in no list. */
        if (d->due_ms <= now_ms)
            return d;
        peers_deadline_at(p, d->due_ms);
    }
    return NULL;
}

/* What done() calls may end others, so each time the list is looked through anew. */
void dial_run_all(struct peers *p)
{
    int64_t now_ms = peers_now(p);
    struct dial *d;

    while ((d = first_due(p, now_ms)) != NULL)
        run(d);
}
