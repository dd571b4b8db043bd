#include "server/store/snapshot_pipe.h"

#include <stdlib.h>

#include "server/store/io.h"
#include "util/check.h"

/* Fills a chunk. 1: it has bytes and more may follow; 0: the file ends with it; or error. */
static int fill(struct snapshot_pipe *p, struct snapshot_chunk *c)
{
    if (c->at == NULL)
        c->at = zk_xmalloc(SNAPSHOT_READ_BYTES);

    int64_t n = snapshot_source_read(&p->source, c->at, SNAPSHOT_READ_BYTES);

    if (n < 0)
        return (int)n;
    c->len = (size_t)n;
    c->sum_before = p->sum;
    p->sum = (uint32_t)adler32(p->sum, c->at, (uInt)n);
    return n == SNAPSHOT_READ_BYTES;
}

/* Notes the outcome of fill(). Called with the lock, or before there is a thread. */
static void note(struct snapshot_pipe *p, const struct snapshot_chunk *c, int r)
{
    if (r >= 0 && c->len > 0)
        p->made++;
    p->at_end = r <= 0;
    p->err = r < 0 ? r : 0;
}

static void *run(void *arg)
{
    struct snapshot_pipe *p = arg;

    pthread_mutex_lock(&p->lock);
    while (!p->at_end && !p->stop) {
        if (p->made - p->taken == SNAPSHOT_READ_BUFFERS) {
            pthread_cond_wait(&p->moved, &p->lock);
            continue;
        }

        struct snapshot_chunk *c = &p->chunks[p->made % SNAPSHOT_READ_BUFFERS];

        pthread_mutex_unlock(&p->lock);
        int r = fill(p, c);
        pthread_mutex_lock(&p->lock);
        note(p, c, r);
        pthread_cond_signal(&p->moved);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

int snapshot_pipe_open(struct snapshot_pipe *p, int fd, enum snapshot_kind kind, const char *path,
                       char why[STORE_WHY_MAX])
{
    *p = (struct snapshot_pipe){ .sum = 1 };
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->moved, NULL);

    int r = snapshot_source_open(&p->source, fd, kind, path, why);

    if (r < 0)
        return r;
    note(p, &p->chunks[0], fill(p, &p->chunks[0]));
    if (p->at_end)
        return 0;
    r = io_thread_start(&p->thread, run, p);
    if (r < 0)
        return store_why_errno(why, r, path, "cannot start the thread that reads");
    p->has_thread = true;
    return 0;
}

void snapshot_pipe_done(struct snapshot_pipe *p)
{
    if (p->has_thread) {
        pthread_mutex_lock(&p->lock);
        p->stop = true;
        pthread_cond_signal(&p->moved);
        pthread_mutex_unlock(&p->lock);
        (void)pthread_join(p->thread, NULL);
    }
    snapshot_source_done(&p->source);
    for (size_t i = 0; i < SNAPSHOT_READ_BUFFERS; i++)
        free(p->chunks[i].at);
    pthread_cond_destroy(&p->moved);
    pthread_mutex_destroy(&p->lock);
}

/* `taken` counts the chunk that the caller holds only when it comes for the next one. */
int snapshot_pipe_next(struct snapshot_pipe *p, struct snapshot_chunk *ret)
{
    int r = 1;

    pthread_mutex_lock(&p->lock);
    if (p->holds_one) {
        p->taken++;
        pthread_cond_signal(&p->moved);
    }
    while (p->made == p->taken && !p->at_end)
        pthread_cond_wait(&p->moved, &p->lock);
    p->holds_one = p->made > p->taken;
    if (p->holds_one)
        *ret = p->chunks[p->taken % SNAPSHOT_READ_BUFFERS];
    else
        r = p->err;
    pthread_mutex_unlock(&p->lock);
    return r;
}
