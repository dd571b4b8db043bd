/* Opening the two directories: look first, write last. */
#include "server/store/dirs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/store/io.h"
#include "server/store/names.h"
#include "server/store/snapshot.h"
#include "util/check.h"

#define VERSION_DIR "version-2"
#define LOCK_NAME   "zabd.lock"

enum { DIR_MODE = 0700, FILE_MODE = 0600 };

int fsync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = 0;

    if (fd < 0)
        return -errno;
    if (fsync(fd) < 0)
        r = -errno;
    (void)close(fd);
    return r;
}

/* ---- Paths. */

static char *absolute(const char *dir)
{
    char *cwd;
    char *path;

    if (dir[0] == '/') {
        path = strdup(dir);
    } else {
        cwd = getcwd(NULL, 0);
        path = cwd != NULL ? store_join(cwd, dir) : NULL;
        free(cwd);
    }
    return path;
}

/* Drops the last part of the path in place. False at the root. */
static bool go_up(char *path)
{
    char *slash = strrchr(path, '/');

    if (slash == NULL || path[1] == '\0')
        return false;
    slash[slash == path ? 1 : 0] = '\0';
    return true;
}

/* ---- Looking. */

static int check_is_usable(const char *dir, char why[STORE_WHY_MAX])
{
    struct stat st;

    if (stat(dir, &st) < 0)
        return store_why_errno(why, -errno, dir, "cannot look at the directory");
    if (!S_ISDIR(st.st_mode))
        return store_why(why, -ENOTDIR, "%s: is not a directory", dir);
    if (faccessat(AT_FDCWD, dir, R_OK | W_OK | X_OK, AT_EACCESS) < 0) {
        int err = -errno;

        return store_why(why, err,
                         "%s: cannot be read and written by this process (user %u; the directory"
                         " belongs to user %u, mode %03o): %s",
                         dir, (unsigned)geteuid(), (unsigned)st.st_uid,
                         (unsigned)st.st_mode & 0777u, strerror(-err));
    }
    return 0;
}

/* The directory is usable, or can be made where it is missing. */
static int check_one(const char *dir, bool autocreate, char why[STORE_WHY_MAX])
{
    struct stat st;

    if (stat(dir, &st) == 0)
        return check_is_usable(dir, why);
    if (errno != ENOENT)
        return store_why_errno(why, -errno, dir, "cannot look at the directory");
    if (!autocreate)
        return store_why(why, -ENOENT,
                         "%s: is missing, and zookeeper.datadir.autocreate is false: create it",
                         dir);

    char *parent = strdup(dir);
    int r = 0;

    zk_assert(parent != NULL);
    while (go_up(parent) && stat(parent, &st) < 0 && errno == ENOENT)
        ;
    r = check_is_usable(parent, why);
    free(parent);
    return r;
}

/* Refuses a directory with files whose names begin with FAMILY and a dot. */
static int check_has_none(const char *dir, const char *family, char why[STORE_WHY_MAX])
{
    size_t len = strlen(family);
    DIR *d = opendir(dir);
    int r = 0;

    if (d == NULL)
        return errno == ENOENT ? 0 : store_why_errno(why, -errno, dir, "cannot list the directory");
    for (struct dirent *e = readdir(d); r == 0 && e != NULL; e = readdir(d)) {
        if (strncmp(e->d_name, family, len) == 0 && e->d_name[len] == '.')
            r = store_why(why, -EINVAL,
                          "%s: holds %s, which does not belong there; check dataDir and dataLogDir"
                          " (after setting dataLogDir, move the logs there)",
                          dir, e->d_name);
    }
    (void)closedir(d);
    return r;
}

static int check_both(const struct dirs *d, bool autocreate, bool are_apart,
                      char why[STORE_WHY_MAX])
{
    int r = check_one(d->snap_dir, autocreate, why);

    if (r == 0)
        r = check_one(d->log_dir, autocreate, why);
    if (r == 0 && are_apart)
        r = check_has_none(d->log_dir, "snapshot", why);
    if (r == 0 && are_apart)
        r = check_has_none(d->snap_dir, "log", why);
    return r;
}

/* ---- Writing. */

/* mkdir -p, each new name made durable. */
static int make_dir(const char *dir, char why[STORE_WHY_MAX])
{
    char *parent = strdup(dir);
    int r = 0;

    zk_assert(parent != NULL);
    if (mkdir(dir, DIR_MODE) < 0 && errno != EEXIST) {
        if (errno == ENOENT && go_up(parent)) {
            r = make_dir(parent, why);
            if (r == 0 && mkdir(dir, DIR_MODE) < 0)
                r = store_why_errno(why, -errno, dir, "cannot make the directory");
        } else {
            r = store_why_errno(why, -errno, dir, "cannot make the directory");
        }
    }
    free(parent);
    return r;
}

static int make_dir_durably(const char *dir, char why[STORE_WHY_MAX])
{
    struct stat st;
    char *parent;
    int r;

    if (stat(dir, &st) == 0)
        return 0;
    /* Each directory that gets a new name, up to the one that is there already. */
    parent = strdup(dir);
    zk_assert(parent != NULL);
    size_t new_names = 0;
    while (stat(parent, &st) < 0 && go_up(parent))
        new_names++;
    free(parent);
    r = make_dir(dir, why);
    parent = strdup(dir);
    zk_assert(parent != NULL);
    for (; r == 0 && new_names > 0 && go_up(parent); new_names--) {
        r = fsync_dir(parent);
        if (r == -EACCES) /* Not ours to read, so not made by us. */
            r = 0;
        else if (r < 0)
            (void)store_why_errno(why, r, parent, "cannot fsync the directory");
    }
    free(parent);
    return r;
}

static int lock_refused(int fd, const char *dir, char why[STORE_WHY_MAX])
{
    struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    if (fcntl(fd, F_GETLK, &l) < 0 || l.l_type == F_UNLCK || l.l_pid <= 0)
        return store_why(why, -EAGAIN, "%s: is in use by another zabd", dir);
    return store_why(why, -EAGAIN, "%s: is in use by another zabd, process %ld", dir,
                     (long)l.l_pid);
}

/* Opens the lock file, or makes it. */
static int open_lock(const char *path, bool *ret_is_new)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);

    *ret_is_new = fd >= 0;
    if (fd < 0 && errno == EEXIST)
        fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

/* Whether the path still leads to the open file: its maker removes it when he ends. */
static bool is_still_there(int fd, const char *path)
{
    struct stat x;
    struct stat y;

    return fstat(fd, &x) == 0 && stat(path, &y) == 0 && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

static int lock_path(struct dirs *d, size_t which, const char *dir, const char *path,
                     char why[STORE_WHY_MAX])
{
    struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    for (;;) {
        bool is_new;
        int fd = open_lock(path, &is_new);

        if (fd == -ENOENT) /* Removed between the two tries. */
            continue;
        if (fd < 0)
            return store_why_errno(why, fd, path, "cannot open the lock file");
        d->lock_fds[which] = fd;
        if (fcntl(fd, F_SETLK, &l) < 0)
            return errno == EAGAIN || errno == EACCES
                       ? lock_refused(fd, dir, why)
                       : store_why_errno(why, -errno, path, "cannot lock");
        if (is_still_there(fd, path)) {
            d->lock_is_new[which] = is_new;
            return 0;
        }
        (void)close(fd);
        d->lock_fds[which] = -1;
    }
}

static int lock_one(struct dirs *d, size_t which, const char *dir, char why[STORE_WHY_MAX])
{
    char *path = store_join(dir, LOCK_NAME);
    int r = lock_path(d, which, dir, path, why);

    free(path);
    return r;
}

static bool is_same_dir(const char *a, const char *b)
{
    struct stat x;
    struct stat y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

void dirs_remove_temps(const struct dirs *d)
{
    DIR *dir = opendir(d->snap_dir);

    if (dir == NULL)
        return;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (strncmp(e->d_name, SNAPSHOT_TEMP_PREFIX, strlen(SNAPSHOT_TEMP_PREFIX)) == 0)
            (void)unlinkat(dirfd(dir), e->d_name, 0);
    }
    (void)closedir(dir);
}

static int open_checked(struct dirs *d, bool autocreate, bool are_apart, char why[STORE_WHY_MAX])
{
    int r = check_both(d, autocreate, are_apart, why);

    if (r == 0)
        r = make_dir_durably(d->snap_dir, why);
    if (r == 0)
        r = make_dir_durably(d->log_dir, why);
    if (r == 0)
        r = lock_one(d, 0, d->snap_dir, why);
    /* Two descriptors would lock each other out of one file. */
    if (r == 0 && !is_same_dir(d->snap_dir, d->log_dir))
        r = lock_one(d, 1, d->log_dir, why);
    return r;
}

int dirs_open(struct dirs *ret, const struct dirs_conf *conf, char why[STORE_WHY_MAX])
{
    struct dirs d = { .lock_fds = { -1, -1 } };
    char *data = absolute(conf->data_dir);
    char *log = absolute(conf->data_log_dir);
    int r;

    if (data == NULL || log == NULL) {
        r = store_why_errno(why, -errno, conf->data_dir, "cannot tell the working directory");
    } else {
        d.snap_dir = store_join(data, VERSION_DIR);
        d.log_dir = store_join(log, VERSION_DIR);
        /* Told apart by their texts, as ZooKeeper does: two names of one directory are the
         * operator's wish. Unless they are one, then both families may be in it. */
        bool are_apart = strcmp(data, log) != 0 && !is_same_dir(d.snap_dir, d.log_dir);

        r = open_checked(&d, conf->autocreate, are_apart, why);
    }
    free(data);
    free(log);
    if (r < 0)
        dirs_done(&d);
    else
        *ret = d;
    return r;
}

static void remove_lock(struct dirs *d, size_t which, const char *dir)
{
    if (d->lock_fds[which] < 0)
        return;
    if (d->lock_is_new[which]) { /* While it is locked: nobody else can hold it. */
        char *path = store_join(dir, LOCK_NAME);

        (void)unlink(path);
        free(path);
    }
    (void)close(d->lock_fds[which]);
}

void dirs_done(struct dirs *d)
{
    remove_lock(d, 0, d->snap_dir);
    remove_lock(d, 1, d->log_dir);
    free(d->snap_dir);
    free(d->log_dir);
    *d = (struct dirs){ .lock_fds = { -1, -1 } };
}

uint64_t dirs_size(const char *dir)
{
    uint64_t sum = 0;
    DIR *d = opendir(dir);

    if (d == NULL)
        return 0;
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        struct stat st;

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (S_ISDIR(st.st_mode)) {
            char *path = store_join(dir, e->d_name);

            sum += dirs_size(path);
            free(path);
        } else {
            sum += (uint64_t)st.st_size;
        }
    }
    (void)closedir(d);
    return sum;
}
