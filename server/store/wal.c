/* The log thread and its mailbox. One file being written: wal_file.h. */
#include "server/store/wal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "jute/codec.h"
#include "server/store/dirs.h"
#include "server/store/index.h"
#include "server/store/io.h"
#include "server/store/limits.h"
#include "server/store/wal_file.h"
#include "util/check.h"

enum { ENTRY_HEAD = 12, ENTRY_END = 'B' };

struct wal {
    struct wal_conf conf; /* conf.dir is our copy. */
    int notify_fd, dir_fd;
    pthread_t thread;

    /* The mailbox. */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct wal_batch *head, **tail;
    bool stop, asleep;
    int err; /* The negative errno that ended the log. */
    struct wal_done done;

    /* Of the log thread alone. */
    struct wal_file file;
    struct index_writer index;
    bool roll;              /* The next txn begins a new file. */
    struct bytes frame;     /* Entries to be written. */
    struct index_entry run; /* What was framed since the last fdatasync. */
    uint64_t run_txns;
    uint64_t closed_bytes; /* Sizes of finished files since the last roll_after. */
};

/* ---- Batches. */

struct wal_batch *wal_batch_new(void)
{
    struct wal_batch *b = zk_xcalloc(1, sizeof *b);

    b->refs = 1;
    return b;
}

void wal_batch_unref(struct wal_batch *b)
{
    if (b == NULL || __atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    bytes_done(&b->payload);
    free(b->txns);
    free(b);
}

static void unref_all(struct wal_batch *b)
{
    while (b != NULL) {
        struct wal_batch *next = b->next;

        wal_batch_unref(b);
        b = next;
    }
}

/* ---- Making durable. Each step returns 0 or the negative errno that is final. */

static int open_file(struct wal *w, zk_zxid first)
{
    int r = wal_file_create(&w->file, w->dir_fd, first, w->conf.prealloc_bytes);

    if (r < 0)
        return r;
    w->roll = false;
    w->index = (struct index_writer){ .fd = -1 };
    if (w->conf.write_index)
        index_create(&w->index, w->dir_fd, first);
    return wal_file_begin(&w->file, w->dir_fd, w->conf.sync);
}

static int write_frame(struct wal *w)
{
    if (w->frame.len == 0)
        return 0;
    if (w->index.fd >= 0)
        w->run.crc = (uint32_t)crc32(w->run.crc, w->frame.at, (uInt)w->frame.len);

    int r = wal_file_write(&w->file, w->frame.at, w->frame.len);

    w->run.length += w->frame.len;
    w->frame.len = 0;
    return r;
}

/* One entry (storage-format 2.2). The checksum is of the payload only. */
static int frame_txn(struct wal *w, const struct wal_batch *b, const struct wal_txn *t)
{
    const uint8_t *payload = b->payload.at + t->at;
    size_t size = ENTRY_HEAD + (size_t)t->len + 1;
    int r = 0;

    zk_assert(t->len > 0 && (size_t)t->at + t->len <= b->payload.len);
    if (w->frame.len + size > WAL_FRAME_BYTES)
        r = write_frame(w);
    if (w->run.length == 0 && w->frame.len == 0)
        w->run = (struct index_entry){ .first = t->zxid, .offset = w->file.pos };
    w->run.last = t->zxid;
    w->run_txns++;

    uint8_t *p = bytes_room(&w->frame, size);

    p = jute_store64(p, adler32(1, payload, t->len));
    p = jute_store32(p, t->len);
    memcpy(p, payload, t->len);
    p[t->len] = ENTRY_END;
    bytes_added(&w->frame, size);
    return r;
}

static int sync_file(struct wal *w, uint64_t *ret_us)
{
    uint64_t begin = io_now_us();
    int r = wal_file_sync(&w->file);

    *ret_us = io_now_us() - begin;
    return r;
}

static void publish(struct wal *w, uint64_t fsync_us)
{
    uint64_t size = w->file.size;

    pthread_mutex_lock(&w->lock);
    w->done.zxid = w->run.last;
    w->done.queued -= w->run_txns;
    w->done.bytes += w->run.length;
    w->done.file_bytes = w->closed_bytes + size;
    if (w->conf.sync) {
        w->done.fsyncs++;
        w->done.fsync_us_total += fsync_us;
        w->done.fsync_us_last = fsync_us;
        if (fsync_us > w->done.fsync_us_max)
            w->done.fsync_us_max = fsync_us;
        if (fsync_us >= w->conf.fsync_warn_ms * UINT64_C(1000))
            w->done.slow_fsyncs++;
    }
    pthread_mutex_unlock(&w->lock);
    io_notify(w->notify_fd);
}

/* Writes what is framed, makes it durable, says so; the index comes last, since nobody
 * waits for it. */
static int commit_run(struct wal *w)
{
    uint64_t fsync_us = 0;
    int r = write_frame(w);

    if (r < 0 || w->run.length == 0)
        return r;
    if (w->conf.sync) {
        r = sync_file(w, &fsync_us);
        if (r < 0)
            return r;
    }
    publish(w, fsync_us);
    index_add(&w->index, &w->run);
    w->run = (struct index_entry){ .length = 0 };
    w->run_txns = 0;
    if (w->frame.cap > 2 * (size_t)WAL_FRAME_BYTES) /* One huge txn must not cost memory forever. */
        bytes_done(&w->frame);
    return 0;
}

static void end_file(struct wal *w)
{
    w->closed_bytes += w->file.size;
    wal_file_close(&w->file);
    index_close(&w->index);
    w->roll = true;
}

static int frame_batch(struct wal *w, const struct wal_batch *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        int r = w->roll ? open_file(w, b->txns[i].zxid) : 0;

        if (r == 0)
            r = frame_txn(w, b, &b->txns[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Ends the file behind this batch if its maker or its size says so. */
static int roll_if_due(struct wal *w, const struct wal_batch *b)
{
    bool is_full = w->conf.roll_bytes > 0 && !w->roll && w->file.size > w->conf.roll_bytes;

    if (!b->roll_after && !is_full)
        return 0;

    int r = commit_run(w);

    if (r == 0 && !w->roll)
        end_file(w);
    if (b->roll_after) { /* What counts from here on is not in the snapshot. */
        w->closed_bytes = 0;
        pthread_mutex_lock(&w->lock);
        w->done.file_bytes = 0;
        pthread_mutex_unlock(&w->lock);
    }
    return r;
}

static int commit_batches(struct wal *w, const struct wal_batch *b)
{
    for (; b != NULL; b = b->next) {
        int r = frame_batch(w, b);

        if (r == 0)
            r = roll_if_due(w, b);
        if (r < 0)
            return r;
    }
    return commit_run(w);
}

/* ---- The mailbox. */

static uint64_t queued_since(const struct wal_batch *b)
{
    uint64_t count = 0;

    for (; b != NULL; b = b->next)
        count += b->count;
    return count;
}

/* flushDelay: more may come, up to max_batch txns. Called with the lock. */
static void linger(struct wal *w)
{
    struct timespec until;
    uint64_t ns;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    ns = (uint64_t)until.tv_nsec + w->conf.flush_delay_ms * UINT64_C(1000000);
    until.tv_sec += (time_t)(ns / 1000000000u);
    until.tv_nsec = (long)(ns % 1000000000u);
    while (!w->stop && queued_since(w->head) < w->conf.max_batch) {
        w->asleep = true;
        if (pthread_cond_timedwait(&w->wake, &w->lock, &until) == ETIMEDOUT)
            break;
    }
    w->asleep = false;
}

/* Everything that waits, or NULL when the log is to end. A moment without work is used
 * to fill blocks ahead, once. */
static struct wal_batch *take_all(struct wal *w, int *ret_err)
{
    struct wal_batch *all;
    bool filled = false;

    pthread_mutex_lock(&w->lock);
    while (w->head == NULL && !w->stop) {
        if (!filled) {
            filled = true;
            pthread_mutex_unlock(&w->lock);
            *ret_err = wal_file_fill_ahead(&w->file, w->conf.sync);
            pthread_mutex_lock(&w->lock);
            if (*ret_err < 0)
                break;
            continue;
        }
        w->asleep = true;
        pthread_cond_wait(&w->wake, &w->lock);
        w->asleep = false;
    }
    if (w->conf.flush_delay_ms > 0 && w->head != NULL)
        linger(w);
    all = w->head;
    w->head = NULL;
    w->tail = &w->head;
    pthread_mutex_unlock(&w->lock);
    return all;
}

static void *run(void *arg)
{
    struct wal *w = arg;
    int r = 0;

    while (r == 0) {
        struct wal_batch *all = take_all(w, &r);

        if (all == NULL && r == 0)
            break;
        if (r == 0)
            r = commit_batches(w, all);
        unref_all(all);
    }
    if (r < 0) {
        pthread_mutex_lock(&w->lock);
        w->err = r;
        pthread_mutex_unlock(&w->lock);
        io_notify(w->notify_fd);
    }
    return NULL;
}

void wal_append(struct wal *w, struct wal_batch *b)
{
    bool wake;
    bool is_dead;

    b->next = NULL;
    pthread_mutex_lock(&w->lock);
    is_dead = w->err < 0;
    if (!is_dead) {
        *w->tail = b;
        w->tail = &b->next;
    }
    w->done.queued += b->count;
    wake = w->asleep;
    pthread_mutex_unlock(&w->lock);
    if (wake)
        pthread_cond_signal(&w->wake);
    if (is_dead)
        wal_batch_unref(b);
}

int wal_done(struct wal *w, struct wal_done *ret)
{
    int r;

    pthread_mutex_lock(&w->lock);
    *ret = w->done;
    r = w->err;
    pthread_mutex_unlock(&w->lock);
    return r;
}

/* ---- Opening and closing. */

static void wal_free(struct wal *w)
{
    wal_file_close(&w->file);
    index_close(&w->index);
    if (w->dir_fd >= 0)
        (void)close(w->dir_fd);
    unref_all(w->head);
    bytes_done(&w->frame);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free((char *)(uintptr_t)w->conf.dir);
    free(w);
}

static int wal_begin(struct wal *w)
{
    w->dir_fd = open(w->conf.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w->dir_fd < 0)
        return -errno;
    return io_thread_start(&w->thread, run, w);
}

int wal_open(struct wal **ret, const struct wal_conf *conf, int notify_fd)
{
    struct wal *w = zk_xcalloc(1, sizeof *w);
    pthread_condattr_t attr;

    w->conf = *conf;
    w->conf.dir = strdup(conf->dir);
    zk_assert(w->conf.dir != NULL);
    w->notify_fd = notify_fd;
    w->dir_fd = -1;
    w->file.fd = -1;
    w->index.fd = -1;
    w->roll = true;
    w->tail = &w->head;
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->wake, &attr);
    (void)pthread_condattr_destroy(&attr);

    int r = wal_begin(w);

    if (r < 0)
        wal_free(w);
    else
        *ret = w;
    return r;
}

int wal_close(struct wal *w)
{
    int r;

    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_mutex_unlock(&w->lock);
    pthread_cond_signal(&w->wake);
    (void)pthread_join(w->thread, NULL);
    r = w->err;
    wal_free(w);
    return r;
}
