#include "server/store/log_range.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "server/store/io.h"
#include "server/store/log_file.h"
#include "server/store/names.h"
#include "util/check.h"

enum { STAT_BLOCK_BYTES = 512 };

struct log_range {
    char *dir;
    zk_zxid last, until; /* Txns up to `last` are out or not wanted. */
    struct store_name *names;
    size_t count, at; /* names[at] is being read. */
    bool is_open;
    struct log_file file;
    /* The first txn behind `after`, found by the search for that one. */
    bool has_ahead;
    const uint8_t *ahead;
    size_t ahead_len;
};

/* ---- Which files. */

/* The newest that is not younger than `after`, which is the first of those with its zxid. */
static int find_first(const struct log_range *r, zk_zxid after, size_t *ret,
                      char why[STORE_WHY_MAX])
{
    size_t first = r->count;

    for (size_t i = 0; i < r->count && r->names[i].zxid <= after; i++) {
        if (i == 0 || r->names[i].zxid != r->names[i - 1].zxid)
            first = i;
    }
    if (first == r->count)
        return store_why(why, -ENOENT, "%s: the logs do not go back to txn 0x%" PRIx64, r->dir,
                         (uint64_t)after);
    *ret = first;
    return 0;
}

/* What a file takes on the disk: room that was set aside is no work. */
static uint64_t bytes_of(const char *dir, const char *name)
{
    char *path = store_join(dir, name);
    struct stat st = { .st_size = 0 };
    int r = stat(path, &st);

    free(path);
    if (r < 0) /* The reading will say so. */
        return 0;

    uint64_t blocks = (uint64_t)st.st_blocks * STAT_BLOCK_BYTES;

    return blocks < (uint64_t)st.st_size ? blocks : (uint64_t)st.st_size;
}

static int check_bytes(const struct log_range *r, uint64_t bytes_max, char why[STORE_WHY_MAX])
{
    uint64_t bytes = 0;

    if (bytes_max == 0)
        return 0;
    for (size_t i = r->at; i < r->count && r->names[i].zxid <= r->until; i++)
        bytes += bytes_of(r->dir, r->names[i].name);
    if (bytes <= bytes_max)
        return 0;
    return store_why(why, -EFBIG,
                     "%s: the logs from %s on have %" PRIu64 " bytes, %" PRIu64 " are allowed",
                     r->dir, r->names[r->at].name, bytes, bytes_max);
}

/* ---- Reading. */

static int open_file(struct log_range *r, char why[STORE_WHY_MAX])
{
    const struct store_name *n = &r->names[r->at];
    int e = log_file_open(&r->file, r->dir, n->name, n->zxid, why);

    r->is_open = true;
    if (e == 0)
        e = log_file_begin(&r->file, why);
    if (e <= 0) /* Without a header it has no txns. */
        return e;
    log_file_seek(&r->file, r->last);
    return 0;
}

static void close_file(struct log_range *r)
{
    if (r->is_open)
        log_file_done(&r->file);
    r->is_open = false;
    r->at++;
}

/* The next txn of the files, in order: 1, 0 when there is none, or negative. */
static int next_entry(struct log_range *r, const uint8_t **ret, size_t *len, zk_zxid *zxid,
                      char why[STORE_WHY_MAX])
{
    while (r->at < r->count && r->names[r->at].zxid <= r->until) {
        int e = r->is_open ? 0 : open_file(r, why);

        if (e == 0 && r->file.at > 0)
            e = log_file_try(&r->file, ret, len, why);
        if (e < 0)
            return e;
        if (e > 0) {
            *zxid = r->file.last;
            return 1;
        }
        close_file(r);
    }
    return 0;
}

static int gap(const struct log_range *r, zk_zxid zxid, char why[STORE_WHY_MAX])
{
    return store_why(why, -EBADMSG, "%s: txn 0x%" PRIx64 " cannot follow 0x%" PRIx64, r->dir,
                     (uint64_t)zxid, (uint64_t)r->last);
}

static bool follows(zk_zxid last, zk_zxid zxid)
{
    return zxid == last + 1 || (zxid_epoch(zxid) > zxid_epoch(last) && zxid_counter(zxid) == 1);
}

/* Goes to the txn `after`, or, if that is none, to the first one behind it. */
static int go_to(struct log_range *r, zk_zxid after, char why[STORE_WHY_MAX])
{
    zk_zxid zxid = -1;
    int e;

    do {
        e = next_entry(r, &r->ahead, &r->ahead_len, &zxid, why);
    } while (e > 0 && zxid < after);
    if (e < 0 || (e > 0 && zxid == after))
        return e < 0 ? e : 0;
    if (zxid_counter(after) != 0)
        return store_why(why, -ENOENT, "%s: the logs do not have txn 0x%" PRIx64, r->dir,
                         (uint64_t)after);
    if (e > 0 && !follows(after, zxid))
        return gap(r, zxid, why);
    r->has_ahead = e > 0;
    return 0;
}

static int begin(struct log_range *r, zk_zxid after, uint64_t bytes_max, char why[STORE_WHY_MAX])
{
    int e = store_scan(&r->names, &r->count, r->dir, "log", why);

    if (e == 0)
        e = find_first(r, after, &r->at, why);
    if (e == 0)
        e = check_bytes(r, bytes_max, why);
    if (e == 0)
        e = go_to(r, after, why);
    return e;
}

int log_range_open(struct log_range **ret, const char *dir, zk_zxid after, zk_zxid until,
                   uint64_t bytes_max, char why[STORE_WHY_MAX])
{
    struct log_range *r = zk_xcalloc(1, sizeof *r);

    r->dir = strdup(dir);
    zk_assert(r->dir != NULL);
    r->last = after;
    r->until = until;

    int e = begin(r, after, bytes_max, why);

    if (e < 0)
        log_range_close(r);
    else
        *ret = r;
    return e;
}

struct log_range *log_range_close(struct log_range *r)
{
    if (r == NULL)
        return NULL;
    if (r->is_open)
        log_file_done(&r->file);
    free(r->names);
    free(r->dir);
    free(r);
    return NULL;
}

/* The next one that is not out yet; copies of a log may overlap. */
static int next_new(struct log_range *r, const uint8_t **ret, size_t *len, zk_zxid *zxid,
                    char why[STORE_WHY_MAX])
{
    int e = 1;

    *zxid = -1;
    if (r->has_ahead) {
        r->has_ahead = false;
        *ret = r->ahead;
        *len = r->ahead_len;
        *zxid = r->file.last;
    }
    while (e > 0 && *zxid <= r->last)
        e = next_entry(r, ret, len, zxid, why);
    return e;
}

int log_range_next(struct log_range *r, const uint8_t **ret, size_t *len, zk_zxid *zxid,
                   char why[STORE_WHY_MAX])
{
    if (r->last >= r->until)
        return 0;

    int e = next_new(r, ret, len, zxid, why);

    if (e < 0)
        return e;
    bool is_over = e == 0 || *zxid > r->until;

    if (is_over && zxid_counter(r->until) == 0) { /* No txn has that zxid. */
        r->last = r->until;
        return 0;
    }
    if (is_over)
        return store_why(why, -EBADMSG, "%s: the logs end at 0x%" PRIx64 ", before 0x%" PRIx64,
                         r->dir, (uint64_t)r->last, (uint64_t)r->until);
    if (!follows(r->last, *zxid))
        return gap(r, *zxid, why);
    r->last = *zxid;
    return 1;
}
