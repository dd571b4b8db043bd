#include "tests/lib/store_rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jute/opcodes.h"
#include "jute/records.h"
#include "util/check.h"

enum { WAIT_MS = 30000 };

static void path_of(char ret[RIG_PATH_MAX], const char *dir, const char *name)
{
    int len = snprintf(ret, RIG_PATH_MAX, "%s/%s", dir, name);

    zk_assert(len > 0 && len < RIG_PATH_MAX);
}

void rig_dir_init(struct rig_dir *d)
{
    const char *base = getenv("TMPDIR");

    path_of(d->top, base != NULL ? base : "/tmp", "zabd-test-XXXXXX");
    zk_assert(mkdtemp(d->top) != NULL);
    zk_assert(snprintf(d->dir, sizeof d->dir, "%.400s/version-2", d->top) > 0);
    zk_assert(mkdir(d->dir, 0700) == 0);
}

static void remove_all(const char *dir)
{
    DIR *d = opendir(dir);

    if (d == NULL)
        return;
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        char path[RIG_PATH_MAX];
        struct stat st;

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        path_of(path, dir, e->d_name);
        if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
            remove_all(path);
        else
            (void)unlink(path);
    }
    (void)closedir(d);
    (void)rmdir(dir);
}

void rig_dir_done(struct rig_dir *d)
{
    remove_all(d->top);
}

static void read_path(const char *path, struct bytes *ret)
{
    FILE *f = fopen(path, "rbe");
    size_t n;

    zk_assert(f != NULL);
    *ret = (struct bytes){ .at = NULL };
    do {
        n = fread(bytes_room(ret, 65536), 1, 65536, f);
        bytes_added(ret, n);
    } while (n > 0);
    (void)fclose(f);
}

void rig_dir_copy(struct rig_dir *d, const char *from)
{
    DIR *in = opendir(from);

    zk_assert(in != NULL);
    for (struct dirent *e = readdir(in); e != NULL; e = readdir(in)) {
        char path[RIG_PATH_MAX];
        struct stat st;
        struct bytes b;

        path_of(path, from, e->d_name);
        if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
            continue;
        read_path(path, &b);
        rig_write(d, e->d_name, b.at, b.len);
        bytes_done(&b);
    }
    (void)closedir(in);
}

struct dirs rig_dirs(struct rig_dir *d)
{
    return (struct dirs){ .snap_dir = d->dir, .log_dir = d->dir, .lock_fds = { -1, -1 } };
}

void rig_read(const struct rig_dir *d, const char *name, struct bytes *ret)
{
    char path[RIG_PATH_MAX];

    path_of(path, d->dir, name);
    read_path(path, ret);
}

void rig_write(const struct rig_dir *d, const char *name, const void *at, size_t len)
{
    char path[RIG_PATH_MAX];

    path_of(path, d->dir, name);

    FILE *f = fopen(path, "wbe");

    zk_assert(f != NULL);
    zk_assert(len == 0 || fwrite(at, 1, len, f) == len);
    zk_assert(fclose(f) == 0);
}

int64_t rig_size(const struct rig_dir *d, const char *name)
{
    char path[RIG_PATH_MAX];
    struct stat st;

    path_of(path, d->dir, name);
    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

bool rig_exists(const struct rig_dir *d, const char *name)
{
    return rig_size(d, name) >= 0;
}

void rig_remove(const struct rig_dir *d, const char *name)
{
    char path[RIG_PATH_MAX];

    path_of(path, d->dir, name);
    zk_assert(unlink(path) == 0);
}

void rig_rename(const struct rig_dir *d, const char *from, const char *to)
{
    char old[RIG_PATH_MAX];
    char new[RIG_PATH_MAX];

    path_of(old, d->dir, from);
    path_of(new, d->dir, to);
    zk_assert(rename(old, new) == 0);
}

void rig_truncate(const struct rig_dir *d, const char *name, int64_t size)
{
    char path[RIG_PATH_MAX];

    path_of(path, d->dir, name);
    zk_assert(truncate(path, size) == 0);
}

void rig_flip(const struct rig_dir *d, const char *name, int64_t offset, uint8_t bits)
{
    char path[RIG_PATH_MAX];

    path_of(path, d->dir, name);

    FILE *f = fopen(path, "r+be");

    zk_assert(f != NULL && fseek(f, offset, SEEK_SET) == 0);

    int c = fgetc(f);

    zk_assert(c != EOF && fseek(f, offset, SEEK_SET) == 0);
    zk_assert(fputc(c ^ bits, f) != EOF && fclose(f) == 0);
}

size_t rig_count(const struct rig_dir *d, const char *prefix)
{
    DIR *dir = opendir(d->dir);
    size_t count = 0;

    zk_assert(dir != NULL);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        count += strncmp(e->d_name, prefix, strlen(prefix)) == 0 ? 1 : 0;
    (void)closedir(dir);
    return count;
}

/* ---- Txns. */

void rig_payload(struct bytes *out, int64_t zxid, const char *path, size_t data_len)
{
    static const uint8_t anyone[] = { 0,   0, 0, 31, 0, 0,   0,   5,   'w', 'o', 'r', 'l',
                                      'd', 0, 0, 0,  6, 'a', 'n', 'y', 'o', 'n', 'e' };
    uint8_t *data = zk_xmalloc(data_len + 1);
    struct txn_header head = { .session_id = 7,
                               .cxid = (int32_t)zxid,
                               .zxid = zxid,
                               .time_ms = 1000 + zxid,
                               .type = ZK_OP_CREATE };
    struct create_txn create = { .path = jute_text(path),
                                 .data = { .at = data, .len = (int32_t)data_len },
                                 .acl = { .at = anyone, .len = sizeof anyone, .count = 1 },
                                 .parent_cversion = (int32_t)(zxid & INT32_MAX) };

    for (size_t i = 0; i < data_len; i++) /* Nothing that repeats, no zeros. */
        data[i] = (uint8_t)((i * 31 + (size_t)zxid * 17) % 255 + 1);
    jute_write_txn_header(out, &head);
    jute_write_create_txn(out, &create);
    free(data);
}

struct wal_batch *rig_batch(int64_t first, uint32_t count, size_t data_len)
{
    struct wal_batch *b = wal_batch_new();

    b->txns = zk_xcalloc(count + 1, sizeof *b->txns);
    b->cap = count;
    for (; b->count < count; b->count++) {
        char path[32];
        uint32_t at = (uint32_t)b->payload.len;

        (void)snprintf(path, sizeof path, "/n%" PRId64, first + b->count);
        rig_payload(&b->payload, first + b->count, path, data_len);
        b->txns[b->count] = (struct wal_txn){ .zxid = first + b->count,
                                              .at = at,
                                              .len = (uint32_t)b->payload.len - at };
    }
    return b;
}

struct wal_conf rig_wal_conf(const struct rig_dir *d)
{
    return (struct wal_conf){ .dir = d->dir,
                              .prealloc_bytes = 64 * 1024,
                              .sync = true,
                              .write_index = true,
                              .fsync_warn_ms = 1000,
                              .max_batch = 1000 };
}

void rig_wait(int event_fd)
{
    struct pollfd p = { .fd = event_fd, .events = POLLIN };
    uint64_t count;
    int r;

    do /* libFuzzer's clock is a signal. */
        r = poll(&p, 1, WAIT_MS);
    while (r < 0 && errno == EINTR);
    zk_assert(r == 1);
    zk_assert(read(event_fd, &count, sizeof count) == (ssize_t)sizeof count);
}

void rig_log(const struct rig_dir *d, const struct wal_conf *conf, int64_t first, int64_t last,
             uint32_t each, size_t data_len)
{
    struct wal_conf own = rig_wal_conf(d);
    struct wal *w;
    struct wal_done done = { .zxid = -1 };
    int fd = eventfd(0, EFD_CLOEXEC);

    zk_assert(wal_open(&w, conf != NULL ? conf : &own, fd) == 0);
    while (first <= last) {
        uint32_t count = last - first + 1 < each ? (uint32_t)(last - first + 1) : each;

        wal_append(w, rig_batch(first, count, data_len));
        first += count;
        while (done.zxid < first - 1) {
            rig_wait(fd);
            zk_assert(wal_done(w, &done) == 0);
        }
    }
    zk_assert(wal_close(w) == 0);
    (void)close(fd);
}
