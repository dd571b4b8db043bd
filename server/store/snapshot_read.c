/* Snapshots read back: one pass, every seal verified (storage-format 3). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <zlib.h>

#include "server/store/io.h"
#include "server/store/limits.h"
#include "server/store/names.h"
#include "server/store/snapshot.h"
#include "server/store/snapshot_pipe.h"
#include "server/store/snapshot_source.h"
#include "util/check.h"

#define SNAPSHOT_MAGIC UINT32_C(0x5a4b534e) /* "ZKSN" */

enum {
    HEADER_BYTES = 16,
    SESSION_BYTES = 12,
    STAT_BYTES = 60,
    SEAL_BYTES = 13,
    DIGEST_BYTES = 20, /* The digest section: zxid, version, digest. */
    ZXID_BYTES = 8,    /* The last-zxid section. */
    DIGEST_VERSION = 2,
};

/* A cursor over the chunks. What it points at is contiguous: a piece that crosses the
 * border of two chunks is put together in `spill`. Steps return 1, 0 when the file is too
 * short, or a negative errno. */
struct reader {
    struct snapshot_pipe pipe;
    struct snapshot_chunk chunk;
    size_t pos;         /* In the chunk. */
    uint64_t offset;    /* In the stream. */
    struct bytes spill; /* Not empty: the cursor is at its beginning, the chunk goes on behind. */
    const char *path;
    char *why;
};

static int next_chunk(struct reader *rd)
{
    int r = snapshot_pipe_next(&rd->pipe, &rd->chunk);

    if (r <= 0)
        rd->chunk.len = 0;
    rd->pos = 0;
    if (r == -EBADMSG)
        return store_why(rd->why, r,
                         "%s: the compressed data is damaged behind offset %" PRIu64
                         " of what it holds",
                         rd->path, rd->offset);
    return r < 0 ? store_why_errno(rd->why, r, rd->path, "cannot read the snapshot") : r;
}

static int peek_spilled(struct reader *rd, size_t count, const uint8_t **ret)
{
    while (rd->spill.len < count) {
        size_t have = rd->chunk.len - rd->pos;
        size_t want = count - rd->spill.len;

        if (have == 0) {
            int r = next_chunk(rd);

            if (r <= 0)
                return r;
            continue;
        }
        have = have < want ? have : want;
        bytes_put(&rd->spill, rd->chunk.at + rd->pos, have);
        rd->pos += have;
    }
    *ret = rd->spill.at;
    return 1;
}

/* The next `count` bytes, without moving. */
static inline int peek(struct reader *rd, size_t count, const uint8_t **ret)
{
    if (__builtin_expect(rd->spill.len == 0 && rd->chunk.len - rd->pos >= count, 1)) {
        *ret = rd->chunk.at + rd->pos;
        return 1;
    }
    return peek_spilled(rd, count, ret);
}

/* Moves over what was peeked at. */
static inline void pass(struct reader *rd, size_t count)
{
    rd->offset += count;
    if (rd->spill.len > 0)
        bytes_drop(&rd->spill, count);
    else
        rd->pos += count;
}

/* Adler-32 of everything before the cursor. Only where nothing is spilled. */
static uint32_t sum_here(const struct reader *rd)
{
    return (uint32_t)adler32(rd->chunk.sum_before, rd->chunk.at, (uInt)rd->pos);
}

static int damaged(const struct reader *rd, const char *what)
{
    return store_why(rd->why, -EBADMSG, "%s: offset %" PRIu64 " (0x%" PRIx64 "): %s", rd->path,
                     rd->offset, rd->offset, what);
}

/* For steps that the file must have. */
static int must(const struct reader *rd, int r)
{
    return r == 0 ? damaged(rd, "the snapshot ends too early") : r;
}

static int read_count(struct reader *rd, int32_t *ret)
{
    const uint8_t *p = NULL;
    int r = must(rd, peek(rd, 4, &p));

    if (r < 0)
        return r;
    zk_assert(p != NULL);
    *ret = (int32_t)jute_load32(p);
    pass(rd, 4);
    return 1;
}

static int read_header(struct reader *rd)
{
    const uint8_t *p = NULL;
    int r = must(rd, peek(rd, HEADER_BYTES, &p));

    if (r < 0)
        return r;
    zk_assert(p != NULL); /* must() makes an error of an end. */
    if (jute_load32(p) != SNAPSHOT_MAGIC)
        return damaged(rd, "this is not a snapshot: its first bytes are not ZKSN");
    pass(rd, HEADER_BYTES);
    return 1;
}

static int read_sessions(struct reader *rd, const struct snapshot_sink *sink)
{
    const uint8_t *p = NULL;
    int32_t count = 0;
    int r = read_count(rd, &count);

    for (int32_t i = 0; r > 0 && i < count; i++) {
        r = must(rd, peek(rd, SESSION_BYTES, &p));
        if (r < 0)
            return r;
        zk_assert(p != NULL);

        int e =
            sink->session(sink->ctx, (zk_session_id)jute_load64(p), (int32_t)jute_load32(p + 8));

        if (e < 0)
            return e;
        pass(rd, SESSION_BYTES);
    }
    return r;
}

/* Extends *size, the bytes peeked at so far, by a string that begins there. */
static int peek_string(struct reader *rd, size_t *size)
{
    const uint8_t *p = NULL;
    int r = must(rd, peek(rd, *size + 4, &p));

    if (r < 0)
        return r;

    int32_t len = (int32_t)jute_load32(p + *size);

    if (len < -1 || len > SNAPSHOT_ITEM_MAX)
        return damaged(rd, "a string has an impossible length");
    *size += 4 + (len > 0 ? (size_t)len : 0);
    return must(rd, peek(rd, *size, &p));
}

/* One ACL list: id, count, then perms, scheme and id of each. */
static int read_acl(struct reader *rd, const struct snapshot_sink *sink)
{
    const uint8_t *p = NULL;
    size_t size = 12;
    int r = must(rd, peek(rd, size, &p));

    if (r < 0)
        return r;

    zk_assert(p != NULL);

    int32_t count = (int32_t)jute_load32(p + 8);

    for (int32_t i = 0; r > 0 && i < count; i++) {
        size += 4;
        r = peek_string(rd, &size);
        if (r > 0)
            r = peek_string(rd, &size);
        if (r > 0 && size > SNAPSHOT_ITEM_MAX)
            r = damaged(rd, "an ACL list is too long");
    }
    if (r > 0)
        r = must(rd, peek(rd, size, &p));
    if (r < 0)
        return r;

    zk_assert(p != NULL);

    struct jute_vector acls = { .at = p + 12, .len = size - 12, .count = count < -1 ? 0 : count };

    r = sink->acl(sink->ctx, (int64_t)jute_load64(p), acls);
    pass(rd, size);
    return r < 0 ? r : 1;
}

static int read_acls(struct reader *rd, const struct snapshot_sink *sink)
{
    int32_t count = 0;
    int r = read_count(rd, &count);

    for (int32_t i = 0; r > 0 && i < count; i++)
        r = read_acl(rd, sink);
    return r;
}

/* 1: a node went to the sink; 0: the terminator was passed; or negative. */
static int read_node(struct reader *rd, const struct snapshot_sink *sink)
{
    const uint8_t *p = NULL;
    int r = must(rd, peek(rd, 4, &p));

    if (r < 0)
        return r;

    int32_t path_len = (int32_t)jute_load32(p);

    if (path_len < 0 || path_len > SNAPSHOT_ITEM_MAX)
        return damaged(rd, "a path has an impossible length");

    size_t data_at = 4 + (size_t)path_len;

    r = must(rd, peek(rd, data_at, &p));
    if (r < 0)
        return r;
    if (path_len == 1 && p[4] == '/') {
        pass(rd, data_at);
        return 0;
    }
    r = must(rd, peek(rd, data_at + 4, &p));
    if (r < 0)
        return r;

    int32_t data_len = (int32_t)jute_load32(p + data_at);

    if (data_len < -1 || data_len > SNAPSHOT_ITEM_MAX)
        return damaged(rd, "the data of a znode has an impossible length");

    size_t acl_at = data_at + 4 + (data_len > 0 ? (size_t)data_len : 0);
    size_t size = acl_at + 8 + STAT_BYTES;

    r = must(rd, peek(rd, size, &p));
    if (r < 0)
        return r;

    struct jute_bytes path = { .at = p + 4, .len = path_len };
    struct jute_bytes data = { .at = data_len > 0 ? p + data_at + 4 : NULL, .len = data_len };

    r = sink->node(sink->ctx, path, data, (int64_t)jute_load64(p + acl_at), p + acl_at + 8);
    pass(rd, size);
    return r < 0 ? r : 1;
}

/* Whether the 13 bytes at p are the seal of a stream with this checksum. */
static bool seal_holds(const uint8_t *p, uint32_t sum)
{
    return jute_load64(p) == sum && jute_load32(p + 8) == 1 && p[12] == '/';
}

static int read_seal(struct reader *rd)
{
    uint32_t sum = sum_here(rd);
    const uint8_t *p = NULL;
    int r = must(rd, peek(rd, SEAL_BYTES, &p));

    if (r < 0)
        return r;
    if (!seal_holds(p, sum))
        return damaged(rd, "the checksum of the snapshot is wrong");
    pass(rd, SEAL_BYTES);
    return 1;
}

/* A section of `size` bytes with its seal lies at the cursor: 1 and its bytes; 0: not. */
static int try_section(struct reader *rd, uint32_t sum, size_t size, const uint8_t **ret)
{
    int r = peek(rd, size + SEAL_BYTES, ret);

    if (r <= 0)
        return r;
    return seal_holds(*ret + size, (uint32_t)adler32(sum, *ret, (uInt)size));
}

/* The digest as 3.6.0 wrote it, in text: not compared with anything. */
static int try_old_digest(struct reader *rd, uint32_t sum, size_t *ret_size)
{
    const uint8_t *p = NULL;
    int r = peek(rd, 16, &p);

    if (r <= 0)
        return r;

    uint32_t len = jute_load32(p + 12);

    if ((int32_t)jute_load32(p + 8) >= DIGEST_VERSION || len > 64)
        return 0;
    *ret_size = 16 + len;
    return try_section(rd, sum, *ret_size, &p);
}

/* The optional sections tell by their seals what they are. `sum` stays right because
 * the stream is checksummed from the cursor on. */
static int read_sections(struct reader *rd, struct snapshot_info *ret)
{
    const uint8_t *p = NULL;
    uint32_t sum = sum_here(rd);
    size_t size = DIGEST_BYTES;
    int r = peek(rd, 1, &p);

    if (r <= 0)
        return r; /* The tree alone is fine. */
    r = try_section(rd, sum, size, &p);
    if (r > 0) {
        ret->digest_zxid = (zk_zxid)jute_load64(p);
        ret->digest = jute_load64(p + 12);
        ret->has_digest = ret->digest_zxid != 0 && (int32_t)jute_load32(p + 8) == DIGEST_VERSION;
    } else if (r == 0) {
        r = try_old_digest(rd, sum, &size);
    }
    if (r < 0)
        return r;
    if (r > 0) {
        r = peek(rd, size + SEAL_BYTES, &p);
        if (r <= 0)
            return r;
        sum = (uint32_t)adler32(sum, p, (uInt)(size + SEAL_BYTES));
        pass(rd, size + SEAL_BYTES);
        r = peek(rd, 1, &p);
        if (r <= 0)
            return r;
    }
    r = try_section(rd, sum, ZXID_BYTES, &p);
    if (r == 0)
        return damaged(rd, "the checksum behind the tree is wrong");
    if (r > 0) {
        ret->last_zxid = (zk_zxid)jute_load64(p);
        ret->has_last_zxid = true;
        pass(rd, ZXID_BYTES + SEAL_BYTES);
    }
    return r;
}

static int read_all(struct reader *rd, const struct snapshot_sink *sink, struct snapshot_info *ret)
{
    int r = next_chunk(rd);

    if (r >= 0)
        r = read_header(rd);
    if (r > 0)
        r = read_sessions(rd, sink);
    if (r > 0)
        r = read_acls(rd, sink);
    while (r > 0)
        r = read_node(rd, sink);
    if (r == 0)
        r = read_seal(rd);
    if (r > 0)
        r = read_sections(rd, ret);
    ret->bytes = rd->offset;
    return r < 0 ? r : 0;
}

int snapshot_read(const char *path, const struct snapshot_sink *sink, struct snapshot_info *ret,
                  char why[STORE_WHY_MAX])
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    struct reader rd = { .path = path, .why = why };

    *ret = (struct snapshot_info){ .zxid = -1 };
    (void)store_name_parse(&ret->zxid, name, "snapshot");
    why[0] = '\0';

    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* A FIFO would block. */

    if (fd < 0)
        return store_why_errno(why, -errno, path, "cannot open the snapshot");

    int r = snapshot_pipe_open(&rd.pipe, fd, snapshot_kind_of(name), path, why);

    if (r == 0)
        r = read_all(&rd, sink, ret);
    snapshot_pipe_done(&rd.pipe);
    bytes_done(&rd.spill);
    return r;
}
