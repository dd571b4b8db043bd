/* While we are at a read-only server: asks the others, one by one, whether they take writes (the
 * four-letter word isro), and moves to the first that says so. */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/impl.h"
#include "util/check.h"

struct rw_search {
    struct zabc *client;
    struct event *timer;  /* Of the next question, or of the patience with this one. */
    struct event *socket; /* NULL between questions. */
    struct resolve_job *job;
    int fd;
    size_t host_next;
    int64_t pause_ms;
    bool is_asked;
    char answer[2];
    size_t answer_len;
};

static void stop(struct rw_search *s)
{
    resolve_cancel(s->job);
    s->job = NULL;
    if (s->socket != NULL)
        event_free(s->socket);
    s->socket = NULL;
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
}

static void set_timer(struct rw_search *s, int64_t ms)
{
    const struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

    (void)event_add(s->timer, &tv);
}

static void pause_search(struct rw_search *s)
{
    stop(s);
    set_timer(s, s->pause_ms);
    s->pause_ms =
        s->pause_ms * 2 < CLIENT_RW_SEARCH_MS_MAX ? s->pause_ms * 2 : CLIENT_RW_SEARCH_MS_MAX;
}

/* The search is over; so is it when the connection is dropped. */
static void found(struct rw_search *s)
{
    struct zabc *c = s->client;
    size_t count = c->hosts.count;

    client_enter(c);
    /* link_drop() goes on to the next of the list. */
    c->link.host_next = (s->host_next + count - 1) % count;
    link_drop(c, 0);
    client_leave(c);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct rw_search *s = arg;

    if ((what & EV_WRITE) != 0 && !s->is_asked) {
        s->is_asked = true;
        if (send(fd, "isro", 4, MSG_NOSIGNAL) != 4 || event_del(s->socket) < 0 ||
            event_assign(s->socket, s->client->conf.base, fd, EV_READ | EV_PERSIST, on_socket, s) <
                0 ||
            event_add(s->socket, NULL) < 0)
            pause_search(s);
        return;
    }

    ssize_t got = recv(fd, s->answer + s->answer_len, sizeof s->answer - s->answer_len, 0);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        pause_search(s);
        return;
    }
    s->answer_len += (size_t)got;
    if (s->answer_len < sizeof s->answer)
        return;
    if (memcmp(s->answer, "rw", 2) == 0)
        found(s);
    else
        pause_search(s);
}

static bool dial(struct rw_search *s, const struct sockaddr_storage *to)
{
    const struct sockaddr *sa = (const void *)to;

    s->fd = socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0 || (connect(s->fd, sa, sizeof *to) < 0 && errno != EINPROGRESS))
        return false;
    s->socket = event_new(s->client->conf.base, s->fd, EV_WRITE | EV_PERSIST, on_socket, s);
    return s->socket != NULL && event_add(s->socket, NULL) == 0;
}

static void on_resolved(void *arg, const struct resolved *addresses)
{
    struct rw_search *s = arg;
    struct zabc *c = s->client;

    s->job = NULL;
    s->is_asked = false;
    s->answer_len = 0;
    if (addresses->count == 0 || !dial(s, &addresses->at[rand_below(&c->rand, addresses->count)]))
        pause_search(s);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct rw_search *s = arg;
    struct zabc *c = s->client;

    (void)fd;
    (void)what;
    if (s->job != NULL || s->socket != NULL) {
        pause_search(s); /* No answer in time. */
        return;
    }
    s->host_next = (s->host_next + 1) % c->hosts.count;

    const struct host *host = &c->hosts.items[s->host_next];

    s->job = resolve_begin(c->conf.base, host->name, host->port, on_resolved, s);
    set_timer(s, CLIENT_PAUSE_MS_MAX);
}

void rw_search_begin(struct zabc *c)
{
    struct rw_search *s = zk_xcalloc(1, sizeof *s);

    *s = (struct rw_search){
        .client = c, .fd = -1, .host_next = c->link.host_next, .pause_ms = CLIENT_RW_SEARCH_MS_MIN
    };
    s->timer = event_new(c->conf.base, -1, 0, on_timer, s);
    zk_assert(s->timer != NULL);
    c->search = s;
    pause_search(s);
}

void rw_search_end(struct zabc *c)
{
    struct rw_search *s = c->search;

    if (s == NULL)
        return;
    c->search = NULL;
    stop(s);
    event_free(s->timer);
    free(s);
}
