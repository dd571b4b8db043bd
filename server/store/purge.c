/* Removing what no restart needs any more (storage-format 5). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/store/dirs.h"
#include "server/store/index.h"
#include "server/store/io.h"
#include "server/store/names.h"
#include "server/store/snapshot.h"

enum { RETAIN_MIN = 3 };

static int go_on(const int *cancel)
{
    return cancel != NULL && __atomic_load_n(cancel, __ATOMIC_ACQUIRE) != 0 ? -ECANCELED : 0;
}

static int pass_session(void *ctx, zk_session_id id, int32_t timeout_ms)
{
    (void)id;
    (void)timeout_ms;
    return go_on(*(const int **)ctx);
}

static int pass_acl(void *ctx, int64_t id, struct jute_vector acls)
{
    (void)id;
    (void)acls;
    return go_on(*(const int **)ctx);
}

static int pass_node(void *ctx, struct jute_bytes path, struct jute_bytes data, int64_t acl,
                     const uint8_t raw[60])
{
    (void)path;
    (void)data;
    (void)acl;
    (void)raw;
    return go_on(*(const int **)ctx);
}

/* 1: every seal holds; 0: damaged; or another negative errno with why. */
static int verify(const char *dir, const char *name, const int *cancel, char why[STORE_WHY_MAX])
{
    const struct snapshot_sink sink = {
        .ctx = &cancel, .session = pass_session, .acl = pass_acl, .node = pass_node
    };
    struct snapshot_info info;
    char *path = store_join(dir, name);
    int r = snapshot_read(path, &sink, &info, why);

    free(path);
    return r == -EBADMSG ? 0 : r < 0 ? r : 1;
}

/* The zxid of the oldest snapshot to keep: 1; 0: there is no good one; or negative. */
static int find_oldest_kept(const struct dirs *d, uint32_t retain, const int *cancel, zk_zxid *ret,
                            char why[STORE_WHY_MAX])
{
    struct snapshot_name *list = NULL;
    size_t count = 0;
    uint32_t good = 0;
    int r = snapshot_list(&list, &count, d->snap_dir, why);

    for (size_t i = 0; r >= 0 && i < count && good < retain; i++) {
        r = verify(d->snap_dir, list[i].name, cancel, why);
        if (r > 0) {
            good++;
            *ret = list[i].zxid;
        }
    }
    free(list);
    return r < 0 ? r : good > 0;
}

static int remove_below(const char *dir, const char *family, zk_zxid zxid, int *removed,
                        char why[STORE_WHY_MAX])
{
    struct store_name *names = NULL;
    size_t count = 0;
    int r = store_scan(&names, &count, dir, family, why);

    for (size_t i = 0; r == 0 && i < count && names[i].zxid < zxid; i++) {
        char *path = store_join(dir, names[i].name);

        if (unlink(path) == 0)
            (*removed)++;
        else if (errno != ENOENT)
            r = store_why_errno(why, -errno, path, "cannot remove the file");
        free(path);
    }
    free(names);
    return r;
}

/* The log that holds the txn behind a snapshot is the newest that is not younger. */
static int find_oldest_log(const char *dir, zk_zxid zxid, zk_zxid *ret, char why[STORE_WHY_MAX])
{
    struct store_name *names = NULL;
    size_t count = 0;
    int r = store_scan(&names, &count, dir, "log", why);

    *ret = zxid;
    for (size_t i = count; r == 0 && i > 0; i--) {
        if (names[i - 1].zxid <= zxid) {
            *ret = names[i - 1].zxid;
            break;
        }
    }
    free(names);
    return r;
}

/* Snapshots before logs and indexes before their logs: whatever a crash leaves is a
 * directory that starts. */
int dirs_purge(const struct dirs *d, uint32_t retain, const int *cancel, char why[STORE_WHY_MAX])
{
    zk_zxid oldest = 0;
    zk_zxid oldest_log = 0;
    int removed = 0;
    int indexes = 0;
    int r = find_oldest_kept(d, retain < RETAIN_MIN ? RETAIN_MIN : retain, cancel, &oldest, why);

    if (r > 0 && go_on(cancel) < 0)
        r = -ECANCELED;
    if (r <= 0)
        return r;
    r = find_oldest_log(d->log_dir, oldest, &oldest_log, why);
    if (r == 0)
        r = remove_below(d->snap_dir, "snapshot", oldest, &removed, why);
    if (r == 0)
        r = remove_below(d->log_dir, INDEX_FAMILY, oldest_log, &indexes, why);
    if (r == 0)
        r = remove_below(d->log_dir, "log", oldest_log, &removed, why);
    return r < 0 ? r : removed;
}
