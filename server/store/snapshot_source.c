#include "server/store/snapshot_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jute/codec.h"
#include "server/store/io.h"
#include "server/store/limits.h"
#include "server/store/names.h"
#include "server/store/snappy.h"
#include "util/check.h"

enum {
    RAW_BYTES = 256 * 1024,
    SNAPPY_HEADER = SNAPPY_MAGIC_BYTES + 8, /* Magic, version, lowest compatible version. */
    GZIP_WINDOW = 15 + 16,                  /* The largest window; expect gzip's wrapper. */
};

/* Snappy never makes a block longer than this. */
#define SNAPPY_RAW_MAX (32 + SNAPPY_BLOCK_MAX + SNAPPY_BLOCK_MAX / 6)

const uint8_t snappy_magic[SNAPPY_MAGIC_BYTES] = { 0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0 };

enum snapshot_kind snapshot_kind_of(const char *name)
{
    if (store_name_has_ext(name, "gz"))
        return SNAPSHOT_KIND_GZ;
    if (store_name_has_ext(name, "snappy"))
        return SNAPSHOT_KIND_SNAPPY;
    return SNAPSHOT_KIND_PLAIN;
}

/* Makes at least `count` compressed bytes available, or as many as the file has. Returns how
 * many there are, or a negative errno. */
static int64_t need_raw(struct snapshot_source *s, size_t count)
{
    size_t have = s->raw_len - s->raw_at;

    if (have >= count)
        return (int64_t)have;
    memmove(s->raw, s->raw + s->raw_at, have);
    s->raw_at = 0;
    s->raw_len = have;

    ssize_t n = io_pread(s->fd, s->raw + have, s->raw_cap - have, s->at);

    if (n < 0)
        return n;
    s->at += (uint64_t)n;
    s->raw_len += (size_t)n;
    return (int64_t)s->raw_len;
}

static int begin_snappy(struct snapshot_source *s)
{
    int64_t n;

    s->block = zk_xmalloc(SNAPPY_BLOCK_MAX);
    n = need_raw(s, SNAPPY_HEADER);
    if (n < 0)
        return (int)n;
    if (n < SNAPPY_HEADER || memcmp(s->raw, snappy_magic, sizeof snappy_magic) != 0)
        return -EBADMSG;
    s->raw_at = SNAPPY_HEADER;
    return 0;
}

int snapshot_source_open(struct snapshot_source *s, int fd, enum snapshot_kind kind,
                         const char *path, char why[STORE_WHY_MAX])
{
    int r = 0;

    *s = (struct snapshot_source){ .fd = fd, .kind = kind };
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    if (kind == SNAPSHOT_KIND_PLAIN)
        return 0;
    s->raw_cap = kind == SNAPSHOT_KIND_SNAPPY ? 4 + SNAPPY_RAW_MAX : RAW_BYTES;
    s->raw = zk_xmalloc(s->raw_cap);
    if (kind == SNAPSHOT_KIND_SNAPPY) {
        r = begin_snappy(s);
    } else {
        r = inflateInit2(&s->z, GZIP_WINDOW) == Z_OK ? 0 : -ENOMEM;
        s->z_is_open = r == 0;
    }
    return r < 0 ? store_why_errno(why, r, path, "cannot begin to decompress") : 0;
}

void snapshot_source_done(struct snapshot_source *s)
{
    if (s->z_is_open)
        (void)inflateEnd(&s->z);
    if (s->fd >= 0)
        (void)close(s->fd);
    free(s->raw);
    free(s->block);
    *s = (struct snapshot_source){ .fd = -1 };
}

static int64_t read_plain(struct snapshot_source *s, uint8_t *ret, size_t count)
{
    ssize_t n = io_pread(s->fd, ret, count, s->at);

    if (n > 0)
        s->at += (uint64_t)n;
    return n;
}

/* One round of inflate(). 1: go on; 0: the file is at its end; -EBADMSG. */
static int64_t inflate_some(struct snapshot_source *s)
{
    int64_t have = need_raw(s, 1);

    if (have < 0)
        return have;
    s->z.next_in = s->raw + s->raw_at;
    s->z.avail_in = (uInt)have;

    int r = inflate(&s->z, Z_NO_FLUSH);

    s->raw_at = s->raw_len - s->z.avail_in;
    if (r == Z_STREAM_END) {
        if (need_raw(s, 1) <= 0)
            return 0;
        /* Another member may follow. */
        return inflateReset(&s->z) == Z_OK ? 1 : -EBADMSG;
    }
    /* Z_BUF_ERROR: no progress with all input given, so the stream is cut. */
    return r == Z_OK ? 1 : -EBADMSG;
}

static int64_t read_gz(struct snapshot_source *s, uint8_t *ret, size_t count)
{
    int64_t r = 1;

    s->z.next_out = ret;
    s->z.avail_out = (uInt)count;
    while (s->z.avail_out > 0 && r > 0)
        r = inflate_some(s);
    return r < 0 ? r : (int64_t)(count - s->z.avail_out);
}

/* Decodes the next block. 1: there is one; 0: end of file. */
static int64_t next_block(struct snapshot_source *s)
{
    int64_t have = need_raw(s, 4);

    if (have <= 0)
        return have;
    if (have < 4)
        return -EBADMSG;

    uint32_t len = jute_load32(s->raw + s->raw_at);

    if (len > SNAPPY_RAW_MAX)
        return -EBADMSG;
    have = need_raw(s, 4 + (size_t)len);
    if (have < 0)
        return have;
    if ((size_t)have < 4 + (size_t)len)
        return -EBADMSG;

    int64_t out = snappy_decode(s->block, SNAPPY_BLOCK_MAX, s->raw + s->raw_at + 4, len);

    if (out < 0)
        return out;
    s->raw_at += 4 + (size_t)len;
    s->block_at = 0;
    s->block_len = (size_t)out;
    return 1;
}

static int64_t read_snappy(struct snapshot_source *s, uint8_t *ret, size_t count)
{
    size_t got = 0;

    while (got < count) {
        size_t have = s->block_len - s->block_at;

        if (have == 0) {
            int64_t r = next_block(s);

            if (r < 0)
                return r;
            if (r == 0)
                break;
            continue;
        }
        have = have < count - got ? have : count - got;
        memcpy(ret + got, s->block + s->block_at, have);
        s->block_at += have;
        got += have;
    }
    return (int64_t)got;
}

int64_t snapshot_source_read(struct snapshot_source *s, uint8_t *ret, size_t count)
{
    switch (s->kind) {
    case SNAPSHOT_KIND_PLAIN:
        return read_plain(s, ret, count);
    case SNAPSHOT_KIND_GZ:
        return read_gz(s, ret, count);
    case SNAPSHOT_KIND_SNAPPY:
        return read_snappy(s, ret, count);
    }
    return -EINVAL;
}
