#include "server/store/log_cut.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/store/dirs.h"
#include "server/store/index.h"
#include "server/store/io.h"
#include "server/store/log_file.h"
#include "server/store/log_reader.h"
#include "server/store/names.h"

/* size -1: it stays. */
static int cut_path(const char *path, int64_t size)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int r = 0;

    if (fd < 0)
        return -errno;
    if ((size >= 0 && ftruncate(fd, (off_t)size) < 0) || fsync(fd) < 0)
        r = -errno;
    (void)close(fd);
    return r;
}

int log_cut_file(const char *dir, const char *name, uint64_t size)
{
    char *path = store_join(dir, name);
    int r = cut_path(path, (int64_t)size);

    free(path);
    return r;
}

static int remove_file(const char *dir, const char *name)
{
    char *path = store_join(dir, name);
    int r = unlink(path) < 0 && errno != ENOENT ? -errno : 0;

    free(path);
    return r;
}

static int remove_index(const char *dir, zk_zxid zxid)
{
    char index[INDEX_NAME_MAX];

    index_name(index, zxid);
    return remove_file(dir, index);
}

int log_cut_remove(const char *dir, const char *name, zk_zxid zxid)
{
    int r = remove_index(dir, zxid);

    if (r == 0)
        r = remove_file(dir, name);
    return r < 0 ? r : fsync_dir(dir);
}

/* ---- TRUNC. */

/* Finds where the first txn > zxid begins. 1 and the offset; 0: there is none; or
 * negative with why. */
static int find_first_after(struct log_file *f, zk_zxid zxid, uint64_t *ret,
                            char why[STORE_WHY_MAX])
{
    const uint8_t *payload;
    size_t len;
    enum log_end end;
    uint64_t end_at;
    int r = log_file_begin(f, why);

    *ret = 0;
    while (r > 0) {
        r = log_file_next(f, &payload, &len, &end, &end_at, why);
        if (r > 0 && f->last > zxid) {
            *ret = f->from;
            return 1;
        }
    }
    return r;
}

/* Returns 1 when the file holds txns up to zxid, so that older ones need no look. */
static int truncate_one(const char *dir, const struct store_name *n, zk_zxid zxid,
                        char why[STORE_WHY_MAX])
{
    struct log_file f;
    uint64_t offset = 0;
    int found = 0;
    int r = log_file_open(&f, dir, n->name, n->zxid, why);

    if (r == 0)
        r = found = find_first_after(&f, zxid, &offset, why);

    bool holds_older = f.last >= 0 && (found == 0 || offset > LOG_HEADER_BYTES);

    log_file_done(&f);
    if (r < 0)
        return r;
    if (!holds_older)
        r = log_cut_remove(dir, n->name, n->zxid);
    else if (found > 0) {
        /* The index would say that what goes was stored. */
        r = remove_index(dir, n->zxid);
        if (r == 0)
            r = fsync_dir(dir);
        if (r == 0)
            r = log_cut_file(dir, n->name, offset);
    }
    if (r < 0)
        return store_why_errno(why, r, n->name, "cannot cut the log");
    return holds_older;
}

/* Newest first, each step durable before the next: a crash leaves a longer prefix of
 * the history, never one with a hole (ZOOKEEPER-5094). */
int log_truncate(const char *dir, zk_zxid zxid, char why[STORE_WHY_MAX])
{
    struct store_name *names = NULL;
    size_t count = 0;
    int r = store_scan(&names, &count, dir, "log", why);

    for (size_t i = count; r == 0 && i > 0; i--) {
        if (names[i - 1].zxid > zxid) {
            r = log_cut_remove(dir, names[i - 1].name, names[i - 1].zxid);
            if (r < 0)
                (void)store_why_errno(why, r, names[i - 1].name, "cannot remove the log");
        } else {
            r = truncate_one(dir, &names[i - 1], zxid, why);
        }
    }
    free(names);
    return r < 0 ? r : 0;
}

/* ---- Others. */

/* Those without a log, once all logs are gone: a start would ask for their logs. */
static int remove_indexes(const char *dir, char why[STORE_WHY_MAX])
{
    struct store_name *names = NULL;
    size_t count = 0;
    int r = store_scan(&names, &count, dir, INDEX_FAMILY, why);

    for (size_t i = 0; r == 0 && i < count; i++) {
        r = remove_file(dir, names[i].name);
        if (r < 0)
            (void)store_why_errno(why, r, names[i].name, "cannot remove the index");
    }
    free(names);
    if (r < 0 || count == 0)
        return r;
    r = fsync_dir(dir);
    return r < 0 ? store_why_errno(why, r, dir, "cannot sync the directory") : 0;
}

int log_forget_all(const char *dir, char why[STORE_WHY_MAX])
{
    int r = log_truncate(dir, -1, why);

    return r < 0 ? r : remove_indexes(dir, why);
}

int log_sync_newest(const char *dir, char why[STORE_WHY_MAX])
{
    struct store_name *names = NULL;
    size_t count = 0;
    int r = store_scan(&names, &count, dir, "log", why);

    for (size_t i = count; r == 0 && i > 0 && names[i - 1].zxid == names[count - 1].zxid; i--) {
        char *path = store_join(dir, names[i - 1].name);

        r = cut_path(path, -1);
        if (r < 0)
            (void)store_why_errno(why, r, path, "cannot sync the log");
        free(path);
    }
    free(names);
    if (r < 0)
        return r;
    r = fsync_dir(dir);
    return r < 0 ? store_why_errno(why, r, dir, "cannot sync the directory") : 0;
}
