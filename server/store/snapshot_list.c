/* Which snapshots a directory has (storage-format 1.2, 3.7). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/store/dirs.h"
#include "server/store/io.h"
#include "server/store/names.h"
#include "server/store/snapshot.h"
#include "server/store/snapshot_source.h"
#include "util/check.h"

enum { CHEAP_SIZE_MIN = 10, CHEAP_TAIL = 5 };

/* The cheap test, on an open file: 1 passed, 0 not, negative errno. */
static int passes_test(int fd, const char *name, uint64_t *ret_bytes)
{
    static const uint8_t tail[CHEAP_TAIL] = { 0, 0, 0, 1, '/' };
    uint8_t got[SNAPPY_MAGIC_BYTES];
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) < 0)
        return -errno;
    *ret_bytes = (uint64_t)st.st_size;
    if (!S_ISREG(st.st_mode) || st.st_size < CHEAP_SIZE_MIN)
        return 0;
    switch (snapshot_kind_of(name)) {
    case SNAPSHOT_KIND_GZ:
        n = io_pread(fd, got, 2, 0);
        return n < 0 ? (int)n : n == 2 && got[0] == 0x1f && got[1] == 0x8b;
    case SNAPSHOT_KIND_SNAPPY:
        n = io_pread(fd, got, sizeof got, 0);
        return n < 0 ? (int)n : n == sizeof got && memcmp(got, snappy_magic, sizeof got) == 0;
    case SNAPSHOT_KIND_PLAIN:
        break;
    }
    n = io_pread(fd, got, sizeof tail, (uint64_t)st.st_size - sizeof tail);
    return n < 0 ? (int)n : n == sizeof tail && memcmp(got, tail, sizeof tail) == 0;
}

static int check_one(const char *dir, const char *name, uint64_t *ret_bytes,
                     char why[STORE_WHY_MAX])
{
    char *path = store_join(dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* A FIFO would block. */
    int r = fd < 0 ? -errno : passes_test(fd, name, ret_bytes);

    if (fd >= 0)
        (void)close(fd);
    if (r < 0)
        (void)store_why_errno(why, r, path, "cannot read the snapshot");
    free(path);
    return r;
}

/* NOLINTNEXTLINE(readability-function-cognitive-complexity): two walks over one list. */
int snapshot_list(struct snapshot_name **ret, size_t *ret_count, const char *dir,
                  char why[STORE_WHY_MAX])
{
    struct store_name *names = NULL;
    size_t count = 0;
    size_t kept = 0;
    int r = store_scan(&names, &count, dir, "snapshot", why);

    if (r < 0)
        return r;

    struct snapshot_name *list = zk_xcalloc(count + 1, sizeof *list);

    /* From the back: newest first; of equals the one with the shorter name last, so
     * groups are walked forwards. */
    for (size_t end = count; r >= 0 && end > 0;) {
        size_t begin = end;

        while (begin > 0 && names[begin - 1].zxid == names[end - 1].zxid)
            begin--;
        for (size_t i = begin; r >= 0 && i < end; i++) {
            struct snapshot_name *s = &list[kept];
            size_t len = strlen(names[i].name);

            if (len >= sizeof s->name || store_name_has_ext(names[i].name, "tmp"))
                continue;
            s->zxid = names[i].zxid;
            memcpy(s->name, names[i].name, len + 1);
            r = check_one(dir, s->name, &s->bytes, why);
            kept += r > 0 ? 1 : 0;
        }
        end = begin;
    }
    free(names);
    if (r < 0) {
        free(list);
        return r;
    }
    *ret = list;
    *ret_count = kept;
    return 0;
}

static int remove_one(const char *dir, const char *name, char why[STORE_WHY_MAX])
{
    char *path = store_join(dir, name);
    int r = unlink(path) < 0 && errno != ENOENT ? -errno : 0;

    if (r < 0)
        (void)store_why_errno(why, r, path, "cannot remove the snapshot");
    free(path);
    return r;
}

int snapshots_remove(const char *dir, zk_zxid first, zk_zxid last, const char *keep,
                     char why[STORE_WHY_MAX])
{
    struct store_name *names = NULL;
    size_t count = 0;
    bool is_changed = false;
    int r = store_scan(&names, &count, dir, "snapshot", why);

    for (size_t i = count; r == 0 && i > 0; i--) { /* Newest first. */
        const struct store_name *n = &names[i - 1];

        if (n->zxid < first || n->zxid > last || (keep != NULL && strcmp(n->name, keep) == 0))
            continue;
        r = remove_one(dir, n->name, why);
        is_changed = true;
    }
    free(names);
    if (r < 0 || !is_changed)
        return r;
    r = fsync_dir(dir);
    return r < 0 ? store_why_errno(why, r, dir, "cannot sync the directory") : 0;
}

int snapshot_highest_name(zk_zxid *ret, const char *dir, char why[STORE_WHY_MAX])
{
    struct store_name *names = NULL;
    size_t count = 0;
    int r = store_scan(&names, &count, dir, "snapshot", why);

    *ret = -1;
    for (size_t i = 0; i < count; i++) {
        if (!store_name_has_ext(names[i].name, "tmp"))
            *ret = names[i].zxid;
    }
    free(names);
    return r;
}
