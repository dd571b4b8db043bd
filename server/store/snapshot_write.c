/* The helper thread that writes one snapshot. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "server/store/dirs.h"
#include "server/store/io.h"
#include "server/store/limits.h"
#include "server/store/names.h"
#include "server/store/snapshot.h"
#include "util/check.h"

enum {
    SEAL_BYTES = 13,
    GZIP_OUT_BYTES = 64 * 1024,
    GZIP_WINDOW = 15 + 16, /* The largest window; gzip's wrapper. */
    GZIP_MEMORY = 8,       /* zlib's default. */
    /* Room for every chunk that may wait, and for the two small ones, the three seals and
     * the end that come behind the last without asking. */
    ITEMS_MAX = SNAPSHOT_CHUNKS_AHEAD + 8,
};

enum item_kind { ITEM_CHUNK, ITEM_SEAL, ITEM_END };

struct item {
    enum item_kind kind;
    struct bytes chunk;
};

struct snapshot_writer {
    char *dir, *temp, *path;
    int notify_fd;
    pthread_t thread;

    /* The mailbox. */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct item items[ITEMS_MAX]; /* A ring. */
    uint32_t first, count, chunks;
    bool stop;
    int state; /* As snapshot_writer_state() says. */
    uint64_t written;

    /* Of the thread alone. */
    int fd;
    uint32_t sum;     /* Adler-32 of the uncompressed stream. */
    uint64_t at;      /* Written to the file. */
    uint64_t flushed; /* Handed to the disk up to here. */
    uint64_t settled; /* And waited for up to here. */
    bool is_gz;
    z_stream z;
    uint8_t out[GZIP_OUT_BYTES];
};

/* ---- The file. Each step returns 0 or a negative errno. */

/* Keeps what is on the way to the disk short. Without this the kernel collects the whole
 * snapshot and writes it at once, and the log's fdatasync waits behind it. */
static int flush_some(struct snapshot_writer *w)
{
    if (w->at - w->flushed < SNAPSHOT_FLUSH_BYTES)
        return 0;

    int r = sync_file_range(w->fd, (off_t)w->flushed, (off_t)(w->at - w->flushed),
                            SYNC_FILE_RANGE_WRITE);

    if (r == 0 && w->flushed > w->settled)
        r = sync_file_range(w->fd, (off_t)w->settled, (off_t)(w->flushed - w->settled),
                            SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                                SYNC_FILE_RANGE_WAIT_AFTER);
    w->settled = w->flushed;
    w->flushed = w->at;
    /* Some file systems cannot do it; the fsync at the end does all then. */
    return r < 0 && (errno == EIO || errno == ENOSPC || errno == EDQUOT) ? -errno : 0;
}

static int write_raw(struct snapshot_writer *w, const uint8_t *at, size_t len)
{
    while (len > 0) {
        size_t part = len < SNAPSHOT_FLUSH_BYTES ? len : SNAPSHOT_FLUSH_BYTES;
        int r = io_pwrite(w->fd, at, part, w->at);

        if (r < 0)
            return r;
        w->at += part;
        at += part;
        len -= part;
        r = flush_some(w);
        if (r < 0)
            return r;
    }
    return 0;
}

static int deflate_all(struct snapshot_writer *w, int flush)
{
    int r;

    do {
        w->z.next_out = w->out;
        w->z.avail_out = sizeof w->out;
        r = deflate(&w->z, flush);
        if (r == Z_STREAM_ERROR)
            return -EIO;

        int e = write_raw(w, w->out, sizeof w->out - w->z.avail_out);

        if (e < 0)
            return e;
    } while (w->z.avail_out == 0 || (flush == Z_FINISH && r != Z_STREAM_END));
    return 0;
}

static int write_stream(struct snapshot_writer *w, const uint8_t *at, size_t len)
{
    w->sum = (uint32_t)adler32(w->sum, at, (uInt)len);
    if (!w->is_gz)
        return write_raw(w, at, len);
    w->z.next_in = (Bytef *)(uintptr_t)at; /* zlib does not write there. */
    w->z.avail_in = (uInt)len;
    return deflate_all(w, Z_NO_FLUSH);
}

static int write_seal(struct snapshot_writer *w)
{
    uint8_t seal[SEAL_BYTES];
    uint8_t *p = jute_store64(seal, w->sum);

    p = jute_store32(p, 1);
    *p = '/';
    return write_stream(w, seal, sizeof seal);
}

/* What makes the snapshot one: its bytes are stored before its name is. */
static int finish(struct snapshot_writer *w)
{
    int r = w->is_gz ? deflate_all(w, Z_FINISH) : 0;

    if (r < 0)
        return r;
    if (fsync(w->fd) < 0)
        return -errno;
    if (rename(w->temp, w->path) < 0)
        return -errno;
    return fsync_dir(w->dir);
}

static int do_item(struct snapshot_writer *w, const struct item *it)
{
    switch (it->kind) {
    case ITEM_CHUNK:
        return write_stream(w, it->chunk.at, it->chunk.len);
    case ITEM_SEAL:
        return write_seal(w);
    case ITEM_END:
        return finish(w);
    }
    return -EINVAL;
}

/* ---- The thread. */

static bool take_item(struct snapshot_writer *w, struct item *ret)
{
    bool got;

    pthread_mutex_lock(&w->lock);
    while (w->count == 0 && !w->stop)
        pthread_cond_wait(&w->wake, &w->lock);
    got = !w->stop;
    if (got) {
        *ret = w->items[w->first];
        w->first = (w->first + 1) % ITEMS_MAX;
        w->count--;
        w->chunks -= ret->kind == ITEM_CHUNK ? 1 : 0;
    }
    pthread_mutex_unlock(&w->lock);
    return got;
}

static void set_state(struct snapshot_writer *w, int state)
{
    pthread_mutex_lock(&w->lock);
    w->state = state;
    w->written = w->at;
    pthread_mutex_unlock(&w->lock);
    io_notify(w->notify_fd);
}

static void *run(void *arg)
{
    struct snapshot_writer *w = arg;
    struct item it = { .kind = ITEM_CHUNK };
    int r = 0;

    while (r == 0 && it.kind != ITEM_END && take_item(w, &it)) {
        if (it.kind == ITEM_CHUNK)
            io_notify(w->notify_fd);
        r = do_item(w, &it);
        if (it.kind == ITEM_CHUNK)
            bytes_done(&it.chunk);
    }
    if (r < 0)
        (void)unlink(w->temp);
    if (r < 0 || it.kind == ITEM_END)
        set_state(w, r < 0 ? r : 1);
    return NULL;
}

/* ---- The loop's side. */

bool snapshot_writer_has_room(struct snapshot_writer *w)
{
    bool has_room;

    pthread_mutex_lock(&w->lock);
    has_room = w->chunks < SNAPSHOT_CHUNKS_AHEAD;
    pthread_mutex_unlock(&w->lock);
    return has_room;
}

static void put_item(struct snapshot_writer *w, struct item it)
{
    pthread_mutex_lock(&w->lock);
    if (w->state < 0) { /* Nobody will take it. */
        if (it.kind == ITEM_CHUNK)
            bytes_done(&it.chunk);
    } else {
        zk_assert(w->count < ITEMS_MAX);
        w->items[(w->first + w->count) % ITEMS_MAX] = it;
        w->count++;
        w->chunks += it.kind == ITEM_CHUNK ? 1 : 0;
    }
    pthread_mutex_unlock(&w->lock);
    pthread_cond_signal(&w->wake);
}

void snapshot_writer_put(struct snapshot_writer *w, struct bytes *chunk)
{
    put_item(w, (struct item){ .kind = ITEM_CHUNK, .chunk = *chunk });
    *chunk = (struct bytes){ .at = NULL };
}

void snapshot_writer_seal(struct snapshot_writer *w)
{
    put_item(w, (struct item){ .kind = ITEM_SEAL });
}

void snapshot_writer_end(struct snapshot_writer *w)
{
    put_item(w, (struct item){ .kind = ITEM_END });
}

int snapshot_writer_state(struct snapshot_writer *w, uint64_t *ret_bytes)
{
    int state;

    pthread_mutex_lock(&w->lock);
    state = w->state;
    *ret_bytes = w->written;
    pthread_mutex_unlock(&w->lock);
    return state;
}

static void writer_free(struct snapshot_writer *w)
{
    if (w->fd >= 0)
        (void)close(w->fd);
    if (w->is_gz)
        (void)deflateEnd(&w->z);
    for (; w->count > 0; w->count--) {
        if (w->items[w->first].kind == ITEM_CHUNK)
            bytes_done(&w->items[w->first].chunk);
        w->first = (w->first + 1) % ITEMS_MAX;
    }
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w->dir);
    free(w->temp);
    free(w->path);
    free(w);
}

struct snapshot_writer *snapshot_writer_free(struct snapshot_writer *w)
{
    if (w == NULL)
        return NULL;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_mutex_unlock(&w->lock);
    pthread_cond_signal(&w->wake);
    (void)pthread_join(w->thread, NULL);
    if (w->state == 0)
        (void)unlink(w->temp);
    writer_free(w);
    return NULL;
}

static int writer_begin(struct snapshot_writer *w, enum snapshot_codec codec)
{
    if (codec == SNAPSHOT_GZ) {
        /* Speed over size: a slow snapshot keeps more log alive. */
        if (deflateInit2(&w->z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                         Z_DEFAULT_STRATEGY) != Z_OK)
            return -ENOMEM;
        w->is_gz = true;
    }
    w->fd = open(w->temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (w->fd < 0)
        return -errno;

    int r = io_thread_start(&w->thread, run, w);

    if (r < 0)
        (void)unlink(w->temp);
    return r;
}

int snapshot_writer_open(struct snapshot_writer **ret, const char *dir, zk_zxid zxid,
                         enum snapshot_codec codec, int notify_fd)
{
    struct snapshot_writer *w = zk_xcalloc(1, sizeof *w);
    char name[64];

    w->fd = -1;
    w->sum = 1;
    w->notify_fd = notify_fd;
    w->dir = strdup(dir);
    zk_assert(w->dir != NULL);
    (void)snprintf(name, sizeof name, SNAPSHOT_TEMP_PREFIX "%" PRIx64, (uint64_t)zxid);
    w->temp = store_join(dir, name);
    (void)snprintf(name, sizeof name, "snapshot.%" PRIx64 "%s", (uint64_t)zxid,
                   codec == SNAPSHOT_GZ ? ".gz" : "");
    w->path = store_join(dir, name);
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_cond_init(&w->wake, NULL);

    int r = writer_begin(w, codec);

    if (r < 0)
        writer_free(w);
    else
        *ret = w;
    return r;
}
