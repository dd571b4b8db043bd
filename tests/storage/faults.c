/* faults: makes the disk fail, for tests. Preloaded into a server (LD_PRELOAD); built by faults.py.
 *
 * Every call that changes a file or a directory below FAULT_DIR is counted if its kind and its path
 * match. At the FAULT_NTH of them something happens:
 *
 *   fail   it fails with FAULT_ERRNO; further ones succeed again
 *   stay   it fails, and so do all later ones that match
 *   short  a write does half of its bytes
 *   cut    the power goes: what was not synced is lost, and the process is gone
 *   slow   it and all later ones take FAULT_MS longer
 *
 * For that every write is remembered with the bytes that it replaces until its file is synced, and
 * every new name, rename and removal until its directory is. A sync that fails loses what it should
 * have saved, as a kernel may. At a cut, FAULT_LOSE says what goes: "all" of it, or a part that
 * FAULT_SEED chooses: any of the sectors of 512 bytes, and any suffix of the changes of a
 * directory.
 *
 * Environment: FAULT_DIR, FAULT_KINDS (letters: w write, s fsync and fdatasync, c a new file, r
 * rename, u unlink, t ftruncate), FAULT_MATCH (a part of the path, or empty; with a $ behind it the
 * end of the path), FAULT_NTH, FAULT_MODE, FAULT_ERRNO, FAULT_LOSE, FAULT_SEED, FAULT_BACKUP (an
 * empty directory on the same file system), FAULT_REPORT (a file that says what happened).
 *
 * Not followed: mapped writes, and O_TRUNC on a file that exists. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FILES_MAX = 4096, SECTOR = 512 };

struct write_entry {
    struct write_entry *older;
    off_t offset, size_before; /* Of the file. */
    size_t len, old_len;       /* Bytes written; bytes of them that were there before. */
    unsigned char old[];
};

struct file {
    dev_t dev;
    ino_t ino;
    struct write_entry *newest; /* Not synced. */
    int fd;                     /* Our own, for reading and writing. */
};

/* One change of a directory that no fsync of it has made last. */
struct entry {
    struct entry *older;
    char kind;                                             /* c, r, u. */
    char path[PATH_MAX], from[PATH_MAX], backup[PATH_MAX]; /* "" where there is none. */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file files[FILES_MAX];
static size_t file_count;
static struct entry *entries;
static unsigned long calls, backups;
static uint64_t random_state;

static const char *setting(const char *name)
{
    const char *v = getenv(name);

    return v == NULL ? "" : v;
}

static uint64_t random_next(void)
{
    random_state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = random_state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void *real(const char *name)
{
    void *f = dlsym(RTLD_NEXT, name);

    if (f == NULL)
        abort();
    return f;
}

#define REAL(type, name) ((type)real(name))

typedef int (*open_fn)(const char *, int, ...);
typedef int (*openat_fn)(int, const char *, int, ...);
typedef ssize_t (*write_fn)(int, const void *, size_t);
typedef ssize_t (*pwrite_fn)(int, const void *, size_t, off_t);
typedef int (*fd_fn)(int);
typedef int (*two_paths_fn)(const char *, const char *);
typedef int (*path_fn)(const char *);
typedef int (*unlinkat_fn)(int, const char *, int);
typedef int (*truncate_fn)(int, off_t);

/* ---- Paths. */

static bool path_of_fd(char ret[PATH_MAX], int fd)
{
    char link[64];

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, ret, PATH_MAX - 1);
    if (n < 0)
        return false;
    ret[n] = 0;
    return true;
}

static void path_at(char ret[PATH_MAX], int dir_fd, const char *path)
{
    char dir[PATH_MAX];

    if (path[0] == '/' || dir_fd == AT_FDCWD || !path_of_fd(dir, dir_fd))
        (void)snprintf(ret, PATH_MAX, "%s", path);
    else
        (void)snprintf(ret, PATH_MAX, "%.2000s/%.2000s", dir, path);
}

static bool is_ours(const char *path)
{
    const char *dir = setting("FAULT_DIR");

    return dir[0] != 0 && strncmp(path, dir, strlen(dir)) == 0;
}

/* ---- What was not synced yet. */

static struct file *file_of(int fd)
{
    struct stat st;
    char path[PATH_MAX];

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !path_of_fd(path, fd) || !is_ours(path))
        return NULL;
    for (size_t i = 0; i < file_count; i++)
        if (files[i].dev == st.st_dev && files[i].ino == st.st_ino)
            return &files[i];
    if (file_count == FILES_MAX)
        abort();
    struct file *f = &files[file_count++];
    *f = (struct file){ .dev = st.st_dev, .ino = st.st_ino };
    f->fd = REAL(open_fn, "open")(path, O_RDWR | O_CLOEXEC);
    return f;
}

static off_t size_of(int fd)
{
    struct stat st;

    return fstat(fd, &st) < 0 ? 0 : st.st_size;
}

static void remember_write(struct file *f, off_t offset, size_t len)
{
    struct write_entry *e = malloc(sizeof *e + len);

    if (e == NULL)
        abort();
    e->offset = offset;
    e->len = len;
    e->size_before = size_of(f->fd);
    ssize_t n = pread(f->fd, e->old, len, offset);
    e->old_len = n < 0 ? 0 : (size_t)n;
    e->older = f->newest;
    f->newest = e;
}

static void forget_writes(struct file *f)
{
    while (f->newest != NULL) {
        struct write_entry *e = f->newest;
        f->newest = e->older;
        free(e);
    }
}

/* Gives a range back what it held; the part the file did not have becomes zero. */
static void undo_range(const struct file *f, const struct write_entry *e, size_t at, size_t len)
{
    static const unsigned char zeros[SECTOR];
    pwrite_fn put = REAL(pwrite_fn, "pwrite");
    size_t had = e->old_len > at ? e->old_len - at : 0;

    if (had > len)
        had = len;
    if (had > 0)
        (void)!put(f->fd, e->old + at, had, e->offset + (off_t)at);
    for (size_t i = had; i < len; i += SECTOR) {
        size_t n = len - i < SECTOR ? len - i : SECTOR;
        (void)!put(f->fd, zeros, n, e->offset + (off_t)(at + i));
    }
}

/* Whether a sector's newest version that is still there goes. A sector holds one of the versions it
 * had, so what lies under a version that stays, stays. */
static bool sector_goes(unsigned char **settled, size_t *count, uint64_t sector, bool all)
{
    if (all)
        return true;
    if (sector >= *count) {
        size_t n = (size_t)sector * 2 + 64;
        *settled = realloc(*settled, n);
        if (*settled == NULL)
            abort();
        memset(*settled + *count, 0, n - *count);
        *count = n;
    }
    if ((*settled)[sector] == 0 && (random_next() & 1) != 0)
        (*settled)[sector] = 1;
    return (*settled)[sector] == 0;
}

static void lose_writes(struct file *f, bool all)
{
    unsigned char *settled = NULL;
    size_t count = 0;
    off_t size = -1;

    for (struct write_entry *e = f->newest; e != NULL; e = e->older) {
        for (size_t at = 0; at < e->len;) {
            uint64_t begin = (uint64_t)e->offset + at;
            size_t n = SECTOR - (size_t)(begin % SECTOR);
            if (n > e->len - at)
                n = e->len - at;
            if (sector_goes(&settled, &count, begin / SECTOR, all))
                undo_range(f, e, at, n);
            at += n;
        }
        size = e->size_before;
    }
    free(settled);
    /* The new size is lost as well, or it is not. */
    if (size >= 0 && (all || (random_next() & 1) != 0))
        (void)!REAL(truncate_fn, "ftruncate")(f->fd, size);
    forget_writes(f);
}

static void remember_entry(char kind, const char *path, const char *from, const char *backup)
{
    struct entry *e = malloc(sizeof *e);

    if (e == NULL)
        abort();
    e->kind = kind;
    (void)snprintf(e->path, PATH_MAX, "%s", path);
    (void)snprintf(e->from, PATH_MAX, "%s", from);
    (void)snprintf(e->backup, PATH_MAX, "%s", backup);
    e->older = entries;
    entries = e;
}

static void keep_copy(char ret[PATH_MAX], const char *path)
{
    (void)snprintf(ret, PATH_MAX, "%s/%lu", setting("FAULT_BACKUP"), backups++);
    if (link(path, ret) < 0)
        ret[0] = 0;
}

static bool is_in(const char *path, const char *dir)
{
    size_t n = strlen(dir);

    return strncmp(path, dir, n) == 0 && path[n] == '/' && strchr(path + n + 1, '/') == NULL;
}

static void forget_entries(const char *dir)
{
    for (struct entry **at = &entries; *at != NULL;) {
        struct entry *e = *at;
        if (is_in(e->path, dir)) {
            *at = e->older;
            free(e);
        } else {
            at = &e->older;
        }
    }
}

static void undo_entry(const struct entry *e)
{
    path_fn take = REAL(path_fn, "unlink");
    two_paths_fn move = REAL(two_paths_fn, "rename");

    if (e->kind == 'c')
        (void)take(e->path);
    if (e->kind == 'r')
        (void)move(e->path, e->from);
    if (e->backup[0] != 0)
        (void)move(e->backup, e->path);
}

static void lose_entries(bool all)
{
    size_t count = 0;

    for (struct entry *e = entries; e != NULL; e = e->older)
        count++;
    size_t undone = all ? count : (size_t)(random_next() % (count + 1));
    for (struct entry *e = entries; e != NULL && undone > 0; e = e->older, undone--)
        undo_entry(e);
}

/* ---- The fault. */

static void report(const char *what, char kind, const char *path)
{
    char line[PATH_MAX + 100];
    int fd = REAL(open_fn, "open")(setting("FAULT_REPORT"),
                                   O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    if (fd < 0)
        return;
    int n = snprintf(line, sizeof line, "%s %c %s\n", what, kind, path);
    (void)!REAL(write_fn, "write")(fd, line, (size_t)n);
    (void)close(fd);
}

static void power_cut(char kind, const char *path)
{
    bool all = strcmp(setting("FAULT_LOSE"), "all") == 0;

    report("cut", kind, path);
    random_state = strtoull(setting("FAULT_SEED"), NULL, 10);
    for (size_t i = 0; i < file_count; i++)
        lose_writes(&files[i], all);
    lose_entries(all);
    (void)kill(getpid(), SIGKILL);
    for (;;)
        (void)pause();
}

/* A match that ends in $ must be the end of the path. */
static bool matches(const char *path, const char *match)
{
    size_t n = strlen(match), len = strlen(path);

    if (n == 0 || match[n - 1] != '$')
        return strstr(path, match) != NULL;
    n--;
    return len >= n && strncmp(path + len - n, match, n) == 0;
}

/* Whether this call is to go wrong: 0 no, 1 it fails, 2 it is a short write. Called with the lock
 * held. */
static int fault(char kind, const char *path)
{
    const char *mode = setting("FAULT_MODE");

    if (strchr(setting("FAULT_KINDS"), kind) == NULL || !matches(path, setting("FAULT_MATCH")) ||
        strcmp(mode, "slow") == 0)
        return 0;
    unsigned long nth = strtoul(setting("FAULT_NTH"), NULL, 10);
    calls++;
    if (calls < nth || (calls > nth && strcmp(mode, "stay") != 0))
        return 0;
    if (strcmp(mode, "cut") == 0)
        power_cut(kind, path);
    if (calls == nth)
        report(mode, kind, path);
    if (strcmp(mode, "short") == 0)
        return kind == 'w' ? 2 : 0;
    return 1;
}

/* The same for a slow disk; called without the lock. */
static void delay(char kind, const char *path)
{
    if (strcmp(setting("FAULT_MODE"), "slow") == 0 &&
        strchr(setting("FAULT_KINDS"), kind) != NULL && matches(path, setting("FAULT_MATCH")) &&
        __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) >= strtoul(setting("FAULT_NTH"), NULL, 10))
        (void)usleep((useconds_t)strtoul(setting("FAULT_MS"), NULL, 10) * 1000);
}

static int fail(void)
{
    (void)pthread_mutex_unlock(&lock);
    errno = (int)strtol(setting("FAULT_ERRNO"), NULL, 10);
    return -1;
}

/* ---- The calls. */

static int open_it(int dir_fd, const char *path, int flags, mode_t mode)
{
    char whole[PATH_MAX];
    struct stat st;

    path_at(whole, dir_fd, path);
    if ((flags & O_CREAT) == 0 || !is_ours(whole))
        return REAL(openat_fn, "openat")(dir_fd, path, flags, mode);
    (void)pthread_mutex_lock(&lock);
    bool is_new = lstat(whole, &st) < 0;
    if (is_new && fault('c', whole) != 0)
        return fail();
    int fd = REAL(openat_fn, "openat")(dir_fd, path, flags, mode);
    if (fd >= 0 && is_new)
        remember_entry('c', whole, "", "");
    (void)pthread_mutex_unlock(&lock);
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return open_it(AT_FDCWD, path, flags, mode);
}

int openat(int dir_fd, const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return open_it(dir_fd, path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));
int openat64(int dir_fd, const char *path, int flags, ...) __attribute__((alias("openat")));

static ssize_t put(int fd, const void *at, size_t len, off_t offset, bool positioned)
{
    char path[PATH_MAX];

    (void)pthread_mutex_lock(&lock);
    struct file *f = file_of(fd);
    if (f != NULL) {
        int r = path_of_fd(path, fd) ? fault('w', path) : 0;
        if (r == 1)
            return fail();
        if (r == 2 && len > 1)
            len /= 2;
        off_t where = offset;
        if (!positioned)
            where = (fcntl(fd, F_GETFL) & O_APPEND) != 0 ? size_of(fd) : lseek(fd, 0, SEEK_CUR);
        remember_write(f, where, len);
    }
    ssize_t n = positioned ? REAL(pwrite_fn, "pwrite")(fd, at, len, offset)
                           : REAL(write_fn, "write")(fd, at, len);
    (void)pthread_mutex_unlock(&lock);
    return n;
}

ssize_t write(int fd, const void *at, size_t len)
{
    struct stat st;

    /* Sockets and pipes may block: they must not wait for the lock, nor hold it. */
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return REAL(write_fn, "write")(fd, at, len);
    return put(fd, at, len, 0, false);
}

ssize_t pwrite(int fd, const void *at, size_t len, off_t offset)
{
    return put(fd, at, len, offset, true);
}

ssize_t pwrite64(int fd, const void *at, size_t len, off_t offset) __attribute__((alias("pwrite")));

static int sync_it(int fd, const char *name)
{
    char path[PATH_MAX];
    struct stat st;

    if (!path_of_fd(path, fd) || !is_ours(path) || fstat(fd, &st) < 0)
        return REAL(fd_fn, name)(fd);
    delay('s', path);
    (void)pthread_mutex_lock(&lock);
    struct file *f = file_of(fd);
    if (fault('s', path) != 0) {
        if (f != NULL)
            lose_writes(f, true);
        return fail();
    }
    int r = REAL(fd_fn, name)(fd);
    if (r == 0 && f != NULL)
        forget_writes(f);
    if (r == 0 && S_ISDIR(st.st_mode))
        forget_entries(path);
    (void)pthread_mutex_unlock(&lock);
    return r;
}

int fsync(int fd)
{
    return sync_it(fd, "fsync");
}

int fdatasync(int fd)
{
    return sync_it(fd, "fdatasync");
}

int ftruncate(int fd, off_t size)
{
    char path[PATH_MAX];

    (void)pthread_mutex_lock(&lock);
    struct file *f = file_of(fd);
    if (f != NULL) {
        if (path_of_fd(path, fd) && fault('t', path) != 0)
            return fail();
        off_t before = size_of(fd);
        /* Shorter: the bytes that go. Longer: only the size. */
        remember_write(f, size < before ? size : before,
                       size < before ? (size_t)(before - size) : 0);
    }
    int r = REAL(truncate_fn, "ftruncate")(fd, size);
    (void)pthread_mutex_unlock(&lock);
    return r;
}

int ftruncate64(int fd, off_t size) __attribute__((alias("ftruncate")));

int rename(const char *from, const char *to)
{
    char backup[PATH_MAX] = "";

    if (!is_ours(to))
        return REAL(two_paths_fn, "rename")(from, to);
    (void)pthread_mutex_lock(&lock);
    if (fault('r', to) != 0)
        return fail();
    keep_copy(backup, to);
    int r = REAL(two_paths_fn, "rename")(from, to);
    if (r == 0)
        remember_entry('r', to, from, backup);
    (void)pthread_mutex_unlock(&lock);
    return r;
}

int unlinkat(int dir_fd, const char *path, int flags)
{
    char whole[PATH_MAX], backup[PATH_MAX] = "";

    path_at(whole, dir_fd, path);
    if ((flags & AT_REMOVEDIR) != 0 || !is_ours(whole))
        return REAL(unlinkat_fn, "unlinkat")(dir_fd, path, flags);
    (void)pthread_mutex_lock(&lock);
    if (fault('u', whole) != 0)
        return fail();
    keep_copy(backup, whole);
    int r = REAL(unlinkat_fn, "unlinkat")(dir_fd, path, flags);
    if (r == 0)
        remember_entry('u', whole, "", backup);
    (void)pthread_mutex_unlock(&lock);
    return r;
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}
