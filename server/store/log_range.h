/* A stretch of the log read again, for a learner that misses it (quorum-protocol 3.5), while the
 * log goes on being written: only what was durable when it was opened is looked at, and where the
 * newest file ends is not judged. The index of a log is used to find the place. */
#ifndef SERVER_STORE_LOG_RANGE_H
#define SERVER_STORE_LOG_RANGE_H

#include <stddef.h>
#include <stdint.h>

#include "server/store/log_reader.h"
#include "util/ids.h"

struct log_range;

/* The txns after `after` up to and including `until`, which must be durable. `after` is what a
 * learner has: the logs must have that very txn, or, when its counter is 0 (the beginning of an
 * epoch), go on from there. The files that hold the stretch may take `bytes_max` bytes on the disk
 * (0: any number). Returns 0, or with why: -ENOENT the logs do not go back so far or do not have
 * that txn; -EFBIG they are larger; -EBADMSG what must be there is not; another negative errno. */
int log_range_open(struct log_range **ret, const char *dir, zk_zxid after, zk_zxid until,
                   uint64_t bytes_max, char why[STORE_WHY_MAX]);

/* 1 and the next payload (good until the next call); 0: `until` was the last; -EBADMSG: there
 * is a gap before it, or damage; or another negative errno, with why. A file may have been purged
 * meanwhile. */
int log_range_next(struct log_range *r, const uint8_t **ret, size_t *len, zk_zxid *zxid,
                   char why[STORE_WHY_MAX]);
struct log_range *log_range_close(struct log_range *r); /* NULL is fine; returns NULL. */

#endif
