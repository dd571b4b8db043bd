#include "client/resolve.h"

#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "util/check.h"
#include "util/thread.h"

enum { STACK_BYTES = 512 * 1024 };

/* The loop and the thread have it together: whoever lets go last frees it. Under the lock are refs
 * and, once the thread has told that it is done, everything else is the loop's. */
struct resolve_job {
    pthread_mutex_t lock;
    int refs;
    int fd; /* eventfd, the thread's to write. */
    struct event *told;
    void (*done)(void *arg, const struct resolved *found);
    void *arg;
    char host[CLIENT_HOST_BYTES_MAX + 1];
    uint16_t port;
    struct resolved found;
};

static void let_go(struct resolve_job *j)
{
    (void)pthread_mutex_lock(&j->lock);

    int refs = --j->refs;

    (void)pthread_mutex_unlock(&j->lock);
    if (refs > 0)
        return;
    (void)close(j->fd);
    (void)pthread_mutex_destroy(&j->lock);
    free(j);
}

static void look_up(struct resolved *ret, const char *host, uint16_t port, int flags)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = flags };
    struct addrinfo *found = NULL;
    char service[8];

    (void)snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return;
    for (const struct addrinfo *a = found; a != NULL && ret->count < CLIENT_ADDRESSES_MAX;
         a = a->ai_next) {
        if ((a->ai_family == AF_INET || a->ai_family == AF_INET6) &&
            a->ai_addrlen <= sizeof ret->at[0])
            memcpy(&ret->at[ret->count++], a->ai_addr, a->ai_addrlen);
    }
    freeaddrinfo(found);
}

bool resolve_address(struct resolved *ret, const char *host, uint16_t port)
{
    ret->count = 0;
    look_up(ret, host, port, AI_NUMERICHOST | AI_NUMERICSERV);
    return ret->count > 0;
}

void resolved_shuffle(struct resolved *r, struct rand_state *rand)
{
    for (size_t i = r->count; i > 1; i--) {
        size_t other = (size_t)rand_below(rand, i);
        struct sockaddr_storage swapped = r->at[i - 1];

        r->at[i - 1] = r->at[other];
        r->at[other] = swapped;
    }
}

static void *run(void *arg)
{
    struct resolve_job *j = arg;
    static const uint64_t one = 1;

    look_up(&j->found, j->host, j->port, 0);

    ssize_t put = write(j->fd, &one, sizeof one);

    (void)put; /* A fresh eventfd takes it. */
    let_go(j);
    return NULL;
}

static void on_told(evutil_socket_t fd, short what, void *arg)
{
    struct resolve_job *j = arg;

    uint64_t count;
    ssize_t got = read(fd, &count, sizeof count);

    (void)got;
    (void)what;
    event_free(j->told);
    j->told = NULL;
    j->done(j->arg, &j->found);
    let_go(j);
}

void resolve_cancel(struct resolve_job *j)
{
    if (j == NULL)
        return;
    event_free(j->told);
    j->told = NULL;
    let_go(j);
}

struct resolve_job *resolve_begin(struct event_base *base, const char *host, uint16_t port,
                                  void (*done)(void *arg, const struct resolved *found), void *arg)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return NULL;

    struct resolve_job *j = zk_xcalloc(1, sizeof *j);

    *j = (struct resolve_job){ .refs = 2, .fd = fd, .done = done, .arg = arg, .port = port };
    (void)pthread_mutex_init(&j->lock, NULL);
    (void)snprintf(j->host, sizeof j->host, "%s", host);
    j->told = event_new(base, fd, EV_READ, on_told, j);
    if (j->told == NULL || event_add(j->told, NULL) < 0 ||
        thread_start_detached(STACK_BYTES, run, j) < 0) {
        if (j->told != NULL)
            event_free(j->told);
        j->refs = 1;
        let_go(j);
        return NULL;
    }
    return j;
}
