#include "server/store/index.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "jute/codec.h"
#include "server/store/io.h"
#include "server/store/limits.h"
#include "server/store/names.h"
#include "util/check.h"

#define INDEX_MAGIC UINT64_C(0x5a41424449445831) /* "ZABDIDX1" */

/* Where the records of a log begin. */
enum { LOG_BEGIN = 16 };

void index_name(char ret[INDEX_NAME_MAX], zk_zxid zxid)
{
    (void)snprintf(ret, INDEX_NAME_MAX, INDEX_FAMILY ".%" PRIx64, (uint64_t)zxid);
}

static uint32_t crc_of(const uint8_t *at, size_t len)
{
    return (uint32_t)crc32(0, at, (uInt)len);
}

static void store_head(uint8_t out[INDEX_HEAD_BYTES], zk_zxid zxid)
{
    uint8_t *p = jute_store64(out, INDEX_MAGIC);

    p = jute_store64(p, (uint64_t)zxid);
    p = jute_store64(p, 0);
    p = jute_store32(p, crc_of(out, (size_t)(p - out)));
    (void)jute_store32(p, 0);
}

static void store_entry(uint8_t out[INDEX_ENTRY_BYTES], const struct index_entry *e)
{
    uint8_t *p = jute_store64(out, (uint64_t)e->first);

    p = jute_store64(p, (uint64_t)e->last);
    p = jute_store64(p, e->offset);
    p = jute_store64(p, e->length);
    p = jute_store32(p, e->crc);
    (void)jute_store32(p, crc_of(out, (size_t)(p - out)));
}

/* An index that cannot be continued must not be found later: it would say too little
 * about a log that goes on. */
static void give_up(struct index_writer *w)
{
    char name[INDEX_NAME_MAX];

    index_close(w);
    index_name(name, w->zxid);
    (void)unlinkat(w->dir_fd, name, 0);
}

void index_create(struct index_writer *w, int dir_fd, zk_zxid zxid)
{
    char name[INDEX_NAME_MAX];
    uint8_t head[INDEX_HEAD_BYTES];

    *w = (struct index_writer){ .dir_fd = dir_fd, .fd = -1, .zxid = zxid, .at = sizeof head };
    index_name(name, zxid);
    w->fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (w->fd < 0)
        return;
    store_head(head, zxid);
    if (io_pwrite(w->fd, head, sizeof head, 0) < 0)
        give_up(w);
}

void index_add(struct index_writer *w, const struct index_entry *e)
{
    uint8_t raw[INDEX_ENTRY_BYTES];

    if (w->fd < 0)
        return;
    if (w->open.length == 0 || w->open.length >= INDEX_SPAN_MIN) {
        w->at += w->open.length > 0 ? sizeof raw : 0;
        w->open = *e;
    } else {
        /* Small batches share an entry: it is written again, longer. */
        zk_assert(e->offset == w->open.offset + w->open.length);
        w->open.crc = (uint32_t)crc32_combine(w->open.crc, e->crc, (z_off_t)e->length);
        w->open.length += e->length;
        w->open.last = e->last;
    }
    store_entry(raw, &w->open);
    if (io_pwrite(w->fd, raw, sizeof raw, w->at) < 0) {
        give_up(w);
        return;
    }

    /* Starts the write-back and does not wait: the flush that belongs to the log's
     * next fdatasync then takes the index along. */
    uint64_t now = io_now_us();

    if (now - w->kicked_us >= INDEX_KICK_MS * UINT64_C(1000)) {
        (void)sync_file_range(w->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
        w->kicked_us = now;
    }
}

void index_close(struct index_writer *w)
{
    if (w->fd >= 0)
        (void)close(w->fd);
    w->fd = -1;
}

/* False when the entry does not hold or does not continue from `offset`. */
static bool load_entry(const uint8_t *raw, uint64_t offset, struct index_entry *ret)
{
    *ret = (struct index_entry){
        .first = (zk_zxid)jute_load64(raw),
        .last = (zk_zxid)jute_load64(raw + 8),
        .offset = jute_load64(raw + 16),
        .length = jute_load64(raw + 24),
        .crc = jute_load32(raw + 32),
    };
    return jute_load32(raw + 36) == crc_of(raw, 36) && ret->offset == offset && ret->length > 0 &&
           ret->length <= INT64_MAX - offset;
}

static void load_entries(struct index *ret, const uint8_t *raw, size_t len, zk_zxid zxid)
{
    uint8_t head[INDEX_HEAD_BYTES];
    struct index_entry e;

    store_head(head, zxid);
    if (len < sizeof head || memcmp(raw, head, sizeof head) != 0)
        return;

    size_t cap = (len - sizeof head) / INDEX_ENTRY_BYTES;
    uint64_t end = LOG_BEGIN;

    ret->entries = zk_xmalloc((cap + 1) * sizeof *ret->entries);
    while (ret->count < cap &&
           load_entry(raw + sizeof head + ret->count * INDEX_ENTRY_BYTES, end, &e)) {
        ret->entries[ret->count++] = e;
        end = e.offset + e.length;
    }
    ret->end = ret->count > 0 ? end : 0;
}

static int read_open_file(struct index *ret, int fd, zk_zxid zxid)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;

    size_t size = st.st_size < INDEX_FILE_MAX ? (size_t)st.st_size : INDEX_FILE_MAX;
    uint8_t *raw = zk_xmalloc(size + 1);
    ssize_t n = io_pread(fd, raw, size, 0);

    if (n > 0)
        load_entries(ret, raw, (size_t)n, zxid);
    free(raw);
    return n < 0 ? (int)n : 0;
}

int index_read(struct index *ret, const char *dir, zk_zxid zxid, char why[STORE_WHY_MAX])
{
    char name[INDEX_NAME_MAX];

    *ret = (struct index){ .entries = NULL };
    index_name(name, zxid);

    char *path = store_join(dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int r = fd < 0 ? -errno : 0;

    if (fd >= 0) {
        ret->exists = true;
        r = read_open_file(ret, fd, zxid);
        (void)close(fd);
    }
    if (r == -ENOENT)
        r = 0;
    if (r < 0)
        (void)store_why_errno(why, r, path, "cannot read the index of a log");
    free(path);
    return r;
}

void index_done(struct index *x)
{
    free(x->entries);
    *x = (struct index){ .entries = NULL };
}
