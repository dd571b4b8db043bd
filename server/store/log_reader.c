/* Many log files read as one sequence of txns. One file: log_file.h. */
#include "server/store/log_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/store/io.h"
#include "server/store/log_cut.h"
#include "server/store/log_file.h"
#include "server/store/names.h"
#include "util/check.h"

/* One file of the sequence, and how its reading ended. */
struct log_part {
    struct store_name name;
    enum log_end end;
    uint64_t end_at;   /* Offset behind the last good entry. */
    uint64_t torn_end; /* Behind the last byte of what is torn. */
    zk_zxid last;      /* -1: no txn in it. */
};

struct log_reader {
    char *dir;
    zk_zxid from;
    zk_zxid last; /* What the next txn must follow. */
    struct log_part *parts;
    size_t count, at; /* parts[at] is being read. */
    bool is_open;
    struct log_file file;
};

/* ---- Which files. */

/* The newest name below `from` and all from there on (storage-format 1.4). */
static void choose_parts(struct log_reader *r, const struct store_name *names, size_t count)
{
    size_t first = 0;

    for (size_t i = 0; i < count; i++) {
        if (names[i].zxid < r->from && names[i].zxid != names[first].zxid)
            first = i;
    }
    r->parts = zk_xcalloc(count + 1, sizeof *r->parts);
    for (size_t i = first; i < count; i++)
        r->parts[r->count++] = (struct log_part){ .name = names[i], .last = -1 };
}

static bool has_log(const struct store_name *names, size_t count, zk_zxid zxid)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i].zxid == zxid)
            return true;
    }
    return false;
}

/* Complains when the index of a missing log says that it held txns that are wanted. */
static int check_index(const struct log_reader *r, const struct store_name *index,
                       char why[STORE_WHY_MAX])
{
    struct index x;
    int e = index_read(&x, r->dir, index->zxid, why);

    if (e < 0)
        return e;

    zk_zxid last = x.count > 0 ? x.entries[x.count - 1].last : -1;

    index_done(&x);
    if (last < r->from)
        return 0;
    return store_why(why, -EBADMSG,
                     "%s/log.%" PRIx64 " is missing: its index %s says that it held the txns up to"
                     " 0x%" PRIx64 "; restore it from a backup or from another member, or, if it"
                     " was removed on purpose, delete the index",
                     r->dir, (uint64_t)index->zxid, index->name, (uint64_t)last);
}

static int check_indexes(const struct log_reader *r, const struct store_name *names, size_t count,
                         char why[STORE_WHY_MAX])
{
    struct store_name *indexes = NULL;
    size_t index_count = 0;
    int e = store_scan(&indexes, &index_count, r->dir, INDEX_FAMILY, why);

    for (size_t i = 0; e == 0 && i < index_count; i++) {
        if (!has_log(names, count, indexes[i].zxid))
            e = check_index(r, &indexes[i], why);
    }
    free(indexes);
    return e;
}

static int begin(struct log_reader *r, char why[STORE_WHY_MAX])
{
    struct store_name *names = NULL;
    size_t count = 0;
    int e = store_scan(&names, &count, r->dir, "log", why);

    if (e == 0)
        e = check_indexes(r, names, count, why);
    if (e == 0)
        choose_parts(r, names, count);
    free(names);
    return e;
}

int log_reader_open(struct log_reader **ret, const char *dir, zk_zxid from, char why[STORE_WHY_MAX])
{
    struct log_reader *r = zk_xcalloc(1, sizeof *r);

    zk_assert(from > 0);
    r->dir = strdup(dir);
    zk_assert(r->dir != NULL);
    r->from = from;
    r->last = from - 1;

    int e = begin(r, why);

    if (e < 0)
        log_reader_free(r);
    else
        *ret = r;
    return e;
}

struct log_reader *log_reader_free(struct log_reader *r)
{
    if (r == NULL)
        return NULL;
    if (r->is_open)
        log_file_done(&r->file);
    free(r->parts);
    free(r->dir);
    free(r);
    return NULL;
}

/* ---- Reading. */

static void close_part(struct log_reader *r)
{
    struct log_part *part = &r->parts[r->at];

    part->end_at = r->file.at;
    part->last = r->file.last;
    log_file_done(&r->file);
    r->is_open = false;
    r->at++;
}

/* A file without a header is what is left of one that was being made when the power went.
 * Only the newest can be: a server that starts again makes it again. */
static int open_part(struct log_reader *r, char why[STORE_WHY_MAX])
{
    struct log_part *part = &r->parts[r->at];
    int e = log_file_open(&r->file, r->dir, part->name.name, part->name.zxid, why);

    r->is_open = true;
    if (e < 0)
        return e;
    e = log_file_begin(&r->file, why);
    if (e != 0)
        return e < 0 ? e : 0;
    if (r->at + 1 < r->count)
        return log_damage(&r->file, 0, "the log has no header, and it is not the newest", why);
    part->end = LOG_END_BLANK;
    close_part(r);
    return 0;
}

static int gap(const struct log_reader *r, zk_zxid zxid, char why[STORE_WHY_MAX])
{
    const char *before = r->at > 0 ? r->parts[r->at - 1].name.name : "the snapshot";

    return store_why(
        why, -EBADMSG,
        "%s: offset %" PRIu64 " (0x%" PRIx64 "): txn 0x%" PRIx64 " cannot follow 0x%" PRIx64
        " (where %s ends): txns are missing between them; restore the missing or cut log from a"
        " backup or from another member, or, giving up every txn from 0x%" PRIx64
        " on, move this and all later logs away",
        r->file.path, r->file.from, r->file.from, (uint64_t)zxid, (uint64_t)r->last,
        r->file.from == LOG_HEADER_BYTES ? before : "the txn before", (uint64_t)zxid);
}

/* 1: the txn is wanted; 0: it is passed over; negative: gap. */
static int check_order(struct log_reader *r, zk_zxid zxid, char why[STORE_WHY_MAX])
{
    if (zxid <= r->last)
        return 0;
    if (zxid != r->last + 1 && !(zxid_epoch(zxid) > zxid_epoch(r->last) && zxid_counter(zxid) == 1))
        return gap(r, zxid, why);
    r->last = zxid;
    return 1;
}

int log_reader_next(struct log_reader *r, const uint8_t **ret, size_t *len, zk_zxid *zxid,
                    char why[STORE_WHY_MAX])
{
    while (r->at < r->count) {
        int e = 0;

        if (!r->is_open) {
            e = open_part(r, why);
            if (e < 0)
                return e;
            continue;
        }

        struct log_part *part = &r->parts[r->at];

        e = log_file_next(&r->file, ret, len, &part->end, &part->torn_end, why);
        if (e < 0)
            return e;
        if (e == 0) {
            close_part(r);
            continue;
        }
        *zxid = r->file.last;
        e = check_order(r, *zxid, why);
        if (e != 0)
            return e;
    }
    return 0;
}

void log_reader_where(const struct log_reader *r, const char **ret_path, uint64_t *ret_offset)
{
    *ret_path = r->is_open ? r->file.path : r->dir;
    *ret_offset = r->is_open ? r->file.from : 0;
}

/* ---- Cleaning up behind a crash. */

int log_cut(struct log_reader *r, uint64_t *ret_cut)
{
    bool is_newest = true;
    int e = 0;

    zk_assert(r->at == r->count);
    *ret_cut = 0;
    for (size_t i = r->count; e == 0 && i > 0; i--) {
        const struct log_part *part = &r->parts[i - 1];

        is_newest = is_newest && part->last < 0;
        if (is_newest) {
            e = log_cut_remove(r->dir, part->name.name, part->name.zxid);
        } else if (part->end == LOG_END_TORN) {
            e = log_cut_file(r->dir, part->name.name, part->end_at);
            *ret_cut += part->torn_end - part->end_at;
        }
    }
    return e;
}
