/* The data directories: making, checking, locking, purging, sizes. */
#ifndef SERVER_STORE_DIRS_H
#define SERVER_STORE_DIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/store/log_reader.h"
#include "util/ids.h"

struct dirs_conf {
    const char *data_dir, *data_log_dir; /* As configured; log dir may equal the data dir. */
    bool autocreate;                     /* zookeeper.datadir.autocreate. */
};

struct dirs {
    char *snap_dir, *log_dir; /* …/version-2, absolute. */
    int lock_fds[2];          /* -1 when not held. */
    bool lock_is_new[2];      /* This process made the file. */
};

/* Creates what is missing (0700), checks that both are writable and not mixed up
 * (storage-format 1.3), takes the lock (an advisory lock on "zabd.lock", a name that ZK
 * ignores, in both). Nothing is written before every check passed. Like every fcntl lock
 * it goes when this process closes any descriptor of that file, so nobody else may open it.
 * Returns 0 or a negative errno with one line in why: -EAGAIN another process holds the lock. */
int dirs_open(struct dirs *ret, const struct dirs_conf *conf, char why[STORE_WHY_MAX]);
/* Lets the locks go, and removes lock files that were not there before. */
void dirs_done(struct dirs *d);
/* Removes what a crash left of unfinished snapshots. */
void dirs_remove_temps(const struct dirs *d);

/* Reads up to `retain` whole snapshots, so it belongs on a helper thread. cancel (NULL: none) is an
 * atomic flag: once another thread sets it nothing more is looked at, and -ECANCELED comes
 * soon. Whoever removes snapshots himself must have ended a purge before.
 * Storage-format 5, with two differences that lose nothing: files whose names do not
 * parse are left alone, and snapshots that count are those whose seals hold (the newest
 * ones were read or written by us). Side indexes go with their logs. Returns files removed. */
int dirs_purge(const struct dirs *d, uint32_t retain, const int *cancel, char why[STORE_WHY_MAX]);

/* Recursive sums of file sizes in bytes, as `dirs` and `conf` print. */
uint64_t dirs_size(const char *dir);

/* The two small files of the quorum (storage-format 1.6), and any like them: write to a
 * temporary name, fsync, rename, fsync the directory. */
int epoch_read(const char *dir, const char *name, int64_t *ret); /* -ENOENT when missing. */
int epoch_write(const char *dir, const char *name, int64_t value);

int fsync_dir(const char *dir);

#endif
