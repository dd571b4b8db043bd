#include "server/store/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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

static int open_index(struct log_file *f, const char *dir, const char *name,
                      char why[STORE_WHY_MAX])
{
    if (strchr(strchr(name, '.') + 1, '.') != NULL) /* log.65.bak has none. */
        return 0;
    return index_read(&f->index, dir, f->zxid, why);
}

int log_file_open(struct log_file *f, const char *dir, const char *name, zk_zxid zxid,
                  char why[STORE_WHY_MAX])
{
    struct stat st;

    *f = (struct log_file){ .path = store_join(dir, name), .zxid = zxid, .last = -1 };
    f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* A FIFO would block. */
    if (f->fd < 0)
        return store_why_errno(why, -errno, f->path, "cannot open the log");
    if (fstat(f->fd, &st) < 0)
        return store_why_errno(why, -errno, f->path, "cannot stat the log");
    if (!S_ISREG(st.st_mode))
        return store_why(why, -EINVAL, "%s: has the name of a log, but is not a file", f->path);
    f->size = (uint64_t)st.st_size;
    (void)posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return open_index(f, dir, name, why);
}

void log_file_done(struct log_file *f)
{
    if (f->fd >= 0)
        (void)close(f->fd);
    f->fd = -1;
    free(f->win);
    free(f->path);
    index_done(&f->index);
    f->win = NULL;
    f->path = NULL;
}

/* 1 and the bytes at f->at; 0: the file ends before that; negative: error with why. */
static int peek(struct log_file *f, size_t count, const uint8_t **ret, char why[STORE_WHY_MAX])
{
    if (f->size - f->at < count)
        return 0;
    if (f->win_at > f->at || f->win_at + f->win_len < f->at + count) {
        uint64_t left = f->size - f->at;
        size_t want = count > LOG_WINDOW_BYTES ? count : LOG_WINDOW_BYTES;

        want = left < want ? (size_t)left : want;
        if (f->win_cap < want) {
            f->win = zk_xrealloc(f->win, want);
            f->win_cap = want;
        }

        ssize_t n = io_pread(f->fd, f->win, want, f->at);

        if (n < 0)
            return store_why_errno(why, (int)n, f->path, "cannot read the log");
        f->win_at = f->at;
        f->win_len = (size_t)n;
        if (f->win_len < count) /* It shrank under us. */
            return 0;
    }
    *ret = f->win + (f->at - f->win_at);
    return 1;
}

static bool is_zero(const uint8_t *p, size_t len)
{
    while (len > 0 && *p == 0) {
        p++;
        len--;
    }
    return len == 0;
}

/* The header is missing or zero. A crash leaves that of a file that is being made: an
 * empty one, a part of the header, or, where the length is stored before the bytes, 16
 * zeros. What is longer had its header stored, unless it is ours (its index exists) and
 * forceSync was off. */
static int begin_blank(struct log_file *f, char why[STORE_WHY_MAX])
{
    int64_t end = io_data_end(f->fd, 0, f->size);

    if (end < 0)
        return store_why_errno(why, (int)end, f->path, "cannot read the log");
    if (log_file_durable_end(f) > 0)
        return log_damage(f, 0, "the header is gone, though the index says that txns were stored",
                          why);
    if (f->size > LOG_HEADER_BYTES && (end > 0 || !f->index.exists))
        return log_damage(f, 0, "the header is gone", why);
    return 0;
}

int log_file_begin(struct log_file *f, char why[STORE_WHY_MAX])
{
    const uint8_t *p = NULL;
    int r = peek(f, LOG_HEADER_BYTES, &p, why);

    if (r < 0)
        return r;
    if (r == 0 || p == NULL || is_zero(p, LOG_HEADER_BYTES))
        return begin_blank(f, why);
    if (jute_load32(p) != LOG_FILE_MAGIC)
        return log_damage(f, 0, "this is not a txn log: its first bytes are not ZKLG", why);
    f->at = LOG_HEADER_BYTES;
    return 1;
}

zk_zxid log_payload_zxid(const uint8_t *payload)
{
    return (zk_zxid)jute_load64(payload + 12);
}

uint64_t log_file_durable_end(const struct log_file *f)
{
    return f->index_is_stale ? 0 : f->index.end;
}

/* Follows the index along the good entry [f->from, f->at). Both are whole and consistent
 * in themselves, so where they disagree the index is of another file. */
static void compare_index(struct log_file *f, const uint8_t *entry, zk_zxid zxid)
{
    const struct index_entry *e = &f->index.entries[f->index_next];

    if (f->index_is_stale || f->index_next == f->index.count)
        return;
    if (f->from == e->offset) {
        f->index_crc = 0;
        f->index_first = zxid;
    }
    f->index_crc = (uint32_t)crc32(f->index_crc, entry, (uInt)(f->at - f->from));
    if (f->at < e->offset + e->length)
        return;
    f->index_next++;
    f->index_is_stale = f->at > e->offset + e->length || f->index_crc != e->crc ||
                        f->index_first != e->first || zxid != e->last;
}

/* 1: a good entry lies at f->at; *ret is its payload. 0: none does. */
static int try_entry(struct log_file *f, const uint8_t **ret, size_t *len, char why[STORE_WHY_MAX])
{
    const uint8_t *p = NULL;
    int r = peek(f, LOG_ENTRY_HEAD, &p, why);

    if (r <= 0)
        return r;

    uint32_t count = jute_load32(p + 8);

    if (count < LOG_ENTRY_MIN || count > LOG_ENTRY_MAX)
        return 0;
    r = peek(f, LOG_ENTRY_HEAD + (size_t)count + 1, &p, why);
    if (r <= 0)
        return r;

    const uint8_t *payload = p + LOG_ENTRY_HEAD;

    if (payload[count] != LOG_ENTRY_MARK || jute_load64(p) != adler32(1, payload, count))
        return 0;
    *ret = payload;
    *len = count;
    return 1;
}

int log_file_try(struct log_file *f, const uint8_t **ret, size_t *len, char why[STORE_WHY_MAX])
{
    int r = try_entry(f, ret, len, why);

    if (r <= 0)
        return r;

    zk_zxid zxid = log_payload_zxid(*ret);

    f->from = f->at;
    f->at += LOG_ENTRY_HEAD + *len + 1;
    if (f->index.count > 0)
        compare_index(f, *ret - LOG_ENTRY_HEAD, zxid);
    if (zxid <= f->last)
        return log_damage(f, f->from, "the zxid goes backwards", why);
    if (zxid < f->zxid)
        return log_damage(f, f->from, "this txn is older than the name of its log says", why);
    f->last = zxid;
    return 1;
}

int log_file_next(struct log_file *f, const uint8_t **ret, size_t *len, enum log_end *ret_end,
                  uint64_t *ret_end_at, char why[STORE_WHY_MAX])
{
    int r = log_file_try(f, ret, len, why);

    return r != 0 ? r : log_judge(f, ret_end, ret_end_at, why);
}

/* The index may be of another file of that name: it is believed if its run begins with a good
 * entry that has the right zxid. */
void log_file_seek(struct log_file *f, zk_zxid zxid)
{
    size_t low = 0;
    size_t high = f->index.count;
    uint64_t begin = f->at;
    const uint8_t *payload = NULL;
    size_t len = 0;
    char why[STORE_WHY_MAX];

    while (low < high) { /* The first run that begins behind it. */
        size_t middle = low + (high - low) / 2;

        if (f->index.entries[middle].first <= zxid)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return;

    const struct index_entry *e = &f->index.entries[low - 1];

    f->at = e->offset;
    if (e->offset > f->size || try_entry(f, &payload, &len, why) <= 0 || payload == NULL ||
        log_payload_zxid(payload) != e->first) {
        f->at = begin;
        return;
    }
    f->index_next = low - 1;
}

int log_damage(const struct log_file *f, uint64_t offset, const char *what, char why[STORE_WHY_MAX])
{
    if (f->last < 0)
        return store_why(why, -EBADMSG,
                         "%s: offset %" PRIu64 " (0x%" PRIx64 "): %s; restore this file from a"
                         " backup or from another member, or, giving up every txn from 0x%" PRIx64
                         " on, move it and all later logs away",
                         f->path, offset, offset, what, (uint64_t)f->zxid);
    return store_why(why, -EBADMSG,
                     "%s: offset %" PRIu64 " (0x%" PRIx64 "): %s; restore this file from a backup"
                     " or from another member, or, giving up every txn after 0x%" PRIx64
                     ", cut it (zkTxnLogToolkit.sh --chop --zxid 0x%" PRIx64
                     " FILE), put the result in its place and move all later logs away",
                     f->path, offset, offset, what, (uint64_t)f->last, (uint64_t)f->last);
}
