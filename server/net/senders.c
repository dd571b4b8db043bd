#include "server/net/senders.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/check.h"
#include "util/thread.h"

enum {
    /* Jobs that are taken at a time: few enough that both end at nearly the same time. */
    JOBS_AT_ONCE = 8,
    STACK_BYTES = 64 * 1024,
};

static void send_all(struct senders *s, struct send_job *jobs, size_t count)
{
    for (;;) {
        size_t at = __atomic_fetch_add(&s->next, JOBS_AT_ONCE, __ATOMIC_RELAXED);
        size_t end = at + JOBS_AT_ONCE < count ? at + JOBS_AT_ONCE : count;

        if (at >= count)
            return;
        for (; at < end; at++) {
            struct send_job *j = &jobs[at];

            j->sent = send(j->fd, j->at, j->len, MSG_NOSIGNAL | MSG_DONTWAIT);
            j->err = j->sent < 0 ? errno : 0;
        }
    }
}

static void *helper(void *arg)
{
    struct senders *s = arg;
    unsigned seen = 0;

    (void)pthread_mutex_lock(&s->lock);
    for (;;) {
        while (!s->is_stopping && (s->round == seen || s->jobs == NULL))
            (void)pthread_cond_wait(&s->work, &s->lock);
        if (s->is_stopping)
            break;
        seen = s->round;

        struct send_job *jobs = s->jobs;
        size_t count = s->count;

        s->is_helping = true;
        (void)pthread_mutex_unlock(&s->lock);
        send_all(s, jobs, count);
        (void)pthread_mutex_lock(&s->lock);
        s->is_helping = false;
        (void)pthread_cond_signal(&s->done);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

void senders_init(struct senders *s)
{
    *s = (struct senders){ .is_alone = sysconf(_SC_NPROCESSORS_ONLN) < 2 };
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->work, NULL);
    (void)pthread_cond_init(&s->done, NULL);
}

void senders_done(struct senders *s)
{
    if (s->is_started) {
        (void)pthread_mutex_lock(&s->lock);
        s->is_stopping = true;
        (void)pthread_cond_signal(&s->work);
        (void)pthread_mutex_unlock(&s->lock);
        (void)pthread_join(s->thread, NULL);
    }
    (void)pthread_cond_destroy(&s->done);
    (void)pthread_cond_destroy(&s->work);
    (void)pthread_mutex_destroy(&s->lock);
}

static void start(struct senders *s)
{
    if (s->is_started || s->is_alone)
        return;
    s->is_started = thread_start(&s->thread, STACK_BYTES, helper, s) == 0;
    s->is_alone = !s->is_started;
}

void senders_run(struct senders *s, struct send_job *jobs, size_t count)
{
    start(s);
    __atomic_store_n(&s->next, 0, __ATOMIC_RELAXED);
    if (s->is_alone) {
        send_all(s, jobs, count);
        return;
    }
    (void)pthread_mutex_lock(&s->lock);
    s->jobs = jobs;
    s->count = count;
    s->round++;
    (void)pthread_cond_signal(&s->work);
    (void)pthread_mutex_unlock(&s->lock);
    send_all(s, jobs, count);
    (void)pthread_mutex_lock(&s->lock);
    s->jobs = NULL; /* A helper that comes too late finds nothing. */
    while (s->is_helping)
        (void)pthread_cond_wait(&s->done, &s->lock);
    (void)pthread_mutex_unlock(&s->lock);
}
