#include "server/net/resolver.h"

#include <errno.h>
#include <event2/event_struct.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "server/net/limits.h"
#include "server/net/sockets.h"
#include "util/check.h"
#include "util/thread.h"

enum { STACK_BYTES = 512 * 1024 };

/* What the loop and the lookups share; the last of them frees it. */
struct mailbox {
    pthread_mutex_t lock;
    int refs;
    int fd;           /* eventfd; -1: nobody reads any more. */
    struct list done; /* Jobs. */
};

/* One lookup. Its thread has `found` and in_done until it hands them to the mailbox, and the loop
 * all else. */
struct resolver_job {
    struct list in_all;
    struct list in_done;
    struct list queries;
    bool is_running;
    struct mailbox *mailbox;
    void (*lookup)(struct resolved *ret, const char *host);
    char host[PEERS_HOST_MAX + 1];
    struct resolved found;
};

struct known {
    char host[PEERS_HOST_MAX + 1];
    struct resolved found;
};

struct resolver {
    struct resolver_conf conf;
    struct event event;
    struct mailbox *mailbox;
    struct list all; /* Jobs, in the order in which they were asked for. */
    unsigned running_count;
    struct known *known[PEERS_KNOWN_NAMES_MAX];
    unsigned known_count, known_next; /* The next to be forgotten, when there is no room. */
};

static void mailbox_unref(struct mailbox *m)
{
    (void)pthread_mutex_lock(&m->lock);

    int refs = --m->refs;

    (void)pthread_mutex_unlock(&m->lock);
    if (refs > 0)
        return;
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

/* ---- Looking up. */

static void look_up(struct resolved *ret, const char *host, int flags)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = flags };
    struct addrinfo *found = NULL;

    *ret = (struct resolved){ .count = 0 };
    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return;
    ret->count = socket_addresses(ret->at, RESOLVED_MAX, found);
    freeaddrinfo(found);
}

static void system_lookup(struct resolved *ret, const char *host)
{
    look_up(ret, host, 0);
}

bool resolver_literal(struct resolved *ret, const char *host)
{
    look_up(ret, host, AI_NUMERICHOST);
    return ret->count > 0;
}

static void *run(void *arg)
{
    struct resolver_job *j = arg;
    struct mailbox *m = j->mailbox;
    static const uint64_t one = 1;

    j->found = (struct resolved){ .count = 0 };
    j->lookup(&j->found, j->host);
    (void)pthread_mutex_lock(&m->lock);
    if (m->fd >= 0) {
        list_append(&m->done, &j->in_done);

        ssize_t put = write(m->fd, &one, sizeof one);

        (void)put; /* It is only full when the loop has been told more often than it can count. */
    } else {
        free(j);
    }
    (void)pthread_mutex_unlock(&m->lock);
    mailbox_unref(m);
    return NULL;
}

/* ---- What names meant. */

static struct known *find_known(const struct resolver *r, const char *host)
{
    for (unsigned i = 0; i < r->known_count; i++) {
        if (strcmp(r->known[i]->host, host) == 0)
            return r->known[i];
    }
    return NULL;
}

const struct resolved *resolver_known(const struct resolver *r, const char *host)
{
    const struct known *k = find_known(r, host);

    return k != NULL ? &k->found : NULL;
}

static void remember(struct resolver *r, const struct resolver_job *j)
{
    struct known *k = find_known(r, j->host);

    if (j->found.count == 0)
        return;
    if (k == NULL && r->known_count < PEERS_KNOWN_NAMES_MAX) {
        k = r->known[r->known_count++] = zk_xcalloc(1, sizeof *k);
    } else if (k == NULL) {
        k = r->known[r->known_next];
        r->known_next = (r->known_next + 1) % PEERS_KNOWN_NAMES_MAX;
    }
    memcpy(k->host, j->host, sizeof k->host);
    k->found = j->found;
}

/* ---- Jobs. */

/* Those who ask may ask again at once, which is then another job. */
static void answer(struct resolver *r, struct resolver_job *j)
{
    list_remove(&j->in_all);
    remember(r, j);
    while (!list_is_empty(&j->queries)) {
        struct resolver_query *q = list_entry(j->queries.next, struct resolver_query, in_job);

        list_remove(&q->in_job);
        q->done(q, &j->found);
    }
    free(j);
}

static void start(struct resolver *r, struct resolver_job *j)
{
    struct mailbox *m = r->mailbox;

    j->is_running = true;
    r->running_count++;
    (void)pthread_mutex_lock(&m->lock);
    m->refs++;
    (void)pthread_mutex_unlock(&m->lock);
    if (thread_start_detached(STACK_BYTES, run, j) == 0)
        return;
    /* Without a thread there is no answer: as good as a name that means nothing. */
    (void)pthread_mutex_lock(&m->lock);
    m->refs--;
    list_append(&m->done, &j->in_done);
    (void)pthread_mutex_unlock(&m->lock);
    event_active(&r->event, EV_READ, 0);
}

static void start_more(struct resolver *r)
{
    list_each(it, &r->all)
    {
        struct resolver_job *j = list_entry(it, struct resolver_job, in_all);

        if (r->running_count >= PEERS_LOOKUPS_MAX)
            return;
        if (!j->is_running)
            start(r, j);
    }
}

static struct resolver_job *take_done(struct mailbox *m)
{
    struct resolver_job *j = NULL;

    (void)pthread_mutex_lock(&m->lock);
    if (!list_is_empty(&m->done)) {
        j = list_entry(m->done.next, struct resolver_job, in_done);
        list_remove(&j->in_done);
    }
    (void)pthread_mutex_unlock(&m->lock);
    return j;
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
    struct resolver *r = arg;
    struct resolver_job *j;
    uint64_t count;

    (void)what;
    r->conf.wake(r->conf.ctx);

    ssize_t got = read(fd, &count, sizeof count);

    (void)got; /* EAGAIN: a thread could not be started. */
    while ((j = take_done(r->mailbox)) != NULL) {
        r->running_count--;
        answer(r, j);
    }
    start_more(r);
}

static struct resolver_job *find_job(struct resolver *r, const char *host)
{
    list_each(it, &r->all)
    {
        struct resolver_job *j = list_entry(it, struct resolver_job, in_all);

        if (strcmp(j->host, host) == 0)
            return j;
    }
    return NULL;
}

void resolver_query_init(struct resolver_query *q)
{
    list_init(&q->in_job);
}

void resolver_ask(struct resolver *r, struct resolver_query *q, const char *host,
                  void (*done)(struct resolver_query *q, const struct resolved *found))
{
    struct resolver_job *j = find_job(r, host);

    q->done = done;
    if (j == NULL) {
        j = zk_xcalloc(1, sizeof *j);
        list_init(&j->queries);
        j->mailbox = r->mailbox;
        j->lookup = r->conf.lookup != NULL ? r->conf.lookup : system_lookup;
        (void)snprintf(j->host, sizeof j->host, "%s", host);
        list_append(&r->all, &j->in_all);
    }
    list_append(&j->queries, &q->in_job);
    start_more(r);
}

/* A lookup that nobody waits for any more still tells what the name means. */
void resolver_forget(struct resolver_query *q)
{
    list_remove(&q->in_job);
}

/* ---- Begin and end. */

int resolver_new(struct resolver **ret, const struct resolver_conf *conf, struct event_base *base)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    if (fd < 0)
        return -errno;

    struct resolver *r = zk_xcalloc(1, sizeof *r);
    struct mailbox *m = r->mailbox = zk_xcalloc(1, sizeof *m);

    r->conf = *conf;
    list_init(&r->all);
    list_init(&m->done);
    (void)pthread_mutex_init(&m->lock, NULL);
    m->refs = 1;
    m->fd = fd;

    int e = event_assign(&r->event, base, fd, EV_READ | EV_PERSIST, on_done, r);

    zk_assert(e == 0);
    e = event_add(&r->event, NULL);
    zk_assert(e == 0);
    *ret = r;
    return 0;
}

/* Those that run belong to their threads from now on. */
static void drop_job(struct resolver_job *j)
{
    list_remove(&j->in_all);
    while (!list_is_empty(&j->queries))
        list_remove(j->queries.next);
    if (!j->is_running)
        free(j);
}

struct resolver *resolver_free(struct resolver *r)
{
    struct resolver_job *j;

    if (r == NULL)
        return NULL;

    struct mailbox *m = r->mailbox;

    (void)event_del(&r->event);
    (void)pthread_mutex_lock(&m->lock);
    (void)close(m->fd);
    m->fd = -1;
    list_each_safe(it, &r->all) drop_job(list_entry(it, struct resolver_job, in_all));
    (void)pthread_mutex_unlock(&m->lock);
    while ((j = take_done(m)) != NULL)
        free(j);
    mailbox_unref(m);
    for (unsigned i = 0; i < r->known_count; i++)
        free(r->known[i]);
    free(r);
    return NULL;
}
