#include "server/store/wal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "jute/codec.h"
#include "server/store/io.h"
#include "server/store/limits.h"

#define LOG_MAGIC UINT32_C(0x5a4b4c47) /* "ZKLG" */

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ZooKeeper's rule for the next size (storage-format 2.4). */
static uint64_t next_size(const struct wal_file *f, uint64_t end)
{
    uint64_t size = f->size;

    if (end + WAL_SIZE_MARGIN < size)
        return size;
    if (end > size) {
        size = end + f->prealloc;
        return size - size % f->prealloc;
    }
    return size + f->prealloc;
}

static int grow(struct wal_file *f, uint64_t size)
{
    if (size == f->size)
        return 0;
    if (ftruncate(f->fd, (off_t)size) < 0)
        return -errno;
    f->size = size;
    return 0;
}

static int fill_to(struct wal_file *f, uint64_t from, uint64_t to)
{
    int r = io_zero(f->fd, from, to);

    if (r == 0)
        f->filled = max_u64(f->filled, to);
    return r;
}

/* Room for `count` more bytes, and zeros in the blocks behind them. */
static int make_room(struct wal_file *f, size_t count)
{
    uint64_t end = f->pos + count;

    if (f->prealloc == 0)
        return 0;

    int r = grow(f, next_size(f, end));

    if (r < 0 || end <= f->filled)
        return r;
    return fill_to(f, end, min_u64(f->size, end + WAL_ZERO_STEP));
}

static int write_header(struct wal_file *f)
{
    uint8_t head[WAL_HEADER_BYTES];
    uint8_t *p = jute_store32(head, LOG_MAGIC);

    p = jute_store32(p, 2);   /* Version. */
    (void)jute_store64(p, 0); /* dbid. */
    f->pos = f->filled = f->size = sizeof head;
    return io_pwrite(f->fd, head, sizeof head, 0);
}

int wal_file_create(struct wal_file *f, int dir_fd, zk_zxid zxid, uint64_t prealloc)
{
    char name[32];

    *f = (struct wal_file){ .fd = -1, .prealloc = prealloc };
    (void)snprintf(name, sizeof name, "log.%" PRIx64, (uint64_t)zxid);
    f->fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return f->fd < 0 ? -errno : 0;
}

int wal_file_begin(struct wal_file *f, int dir_fd, bool sync)
{
    int r = write_header(f);

    if (r == 0 && sync)
        r = wal_file_sync(f);
    if (r == 0 && sync && fsync(dir_fd) < 0)
        r = -errno;
    if (r == 0 && f->prealloc > 0)
        r = grow(f, WAL_HEADER_BYTES + f->prealloc);
    return r;
}

int wal_file_write(struct wal_file *f, const void *at, size_t count)
{
    int r = make_room(f, count);

    if (r < 0)
        return r;
    r = io_pwrite(f->fd, at, count, f->pos);
    if (r < 0)
        return r;
    f->pos += count;
    f->filled = max_u64(f->filled, f->pos);
    f->size = max_u64(f->size, f->pos);
    return 0;
}

int wal_file_sync(struct wal_file *f)
{
    return fdatasync(f->fd) < 0 ? -errno : 0;
}

int wal_file_fill_ahead(struct wal_file *f, bool sync)
{
    if (f->fd < 0 || f->prealloc == 0 || f->filled - f->pos >= WAL_ZERO_STEP / 2 ||
        f->filled >= f->size)
        return 0;

    int r = fill_to(f, f->filled, min_u64(f->size, f->pos + WAL_ZERO_STEP));

    return r < 0 || !sync ? r : wal_file_sync(f);
}

void wal_file_close(struct wal_file *f)
{
    if (f->fd >= 0)
        (void)close(f->fd);
    f->fd = -1;
}
