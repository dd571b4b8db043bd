/* Directories, logs and snapshots for the tests of server/store and server/state. */
#ifndef TESTS_LIB_STORE_RIG_H
#define TESTS_LIB_STORE_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/store/dirs.h"
#include "server/store/wal.h"
#include "util/bytes.h"

enum { RIG_PATH_MAX = 512 };

/* A directory of its own, removed with all it holds. */
struct rig_dir {
    char top[RIG_PATH_MAX];
    char dir[RIG_PATH_MAX]; /* top/version-2. */
};

void rig_dir_init(struct rig_dir *d);
void rig_dir_done(struct rig_dir *d);
/* Fills d->dir with the files of a directory. */
void rig_dir_copy(struct rig_dir *d, const char *from);
/* As dirs_open() would, without a lock. Frees nothing: the names are d's. */
struct dirs rig_dirs(struct rig_dir *d);

/* Whole files of d->dir. */
void rig_read(const struct rig_dir *d, const char *name, struct bytes *ret);
void rig_write(const struct rig_dir *d, const char *name, const void *at, size_t len);
bool rig_exists(const struct rig_dir *d, const char *name);
int64_t rig_size(const struct rig_dir *d, const char *name); /* -1: missing. */
void rig_remove(const struct rig_dir *d, const char *name);
void rig_rename(const struct rig_dir *d, const char *from, const char *to);
void rig_truncate(const struct rig_dir *d, const char *name, int64_t size);
void rig_flip(const struct rig_dir *d, const char *name, int64_t offset, uint8_t bits);
/* How many names there are that begin so. */
size_t rig_count(const struct rig_dir *d, const char *prefix);

/* A payload: a create txn of `path` with `data_len` bytes, no digest. */
void rig_payload(struct bytes *out, int64_t zxid, const char *path, size_t data_len);

/* Batches of creates "/n<zxid>". */
struct wal_batch *rig_batch(int64_t first, uint32_t count, size_t data_len);
struct wal_conf rig_wal_conf(const struct rig_dir *d);
/* Writes zxids first..last through a log, `each` to a batch, waiting for each batch, and
 * closes it. */
void rig_log(const struct rig_dir *d, const struct wal_conf *conf, int64_t first, int64_t last,
             uint32_t each, size_t data_len);

/* Waits for the eventfd, at most 30 s, then fails the test. */
void rig_wait(int event_fd);

#endif
