/* Reading logs back: which files, in which order, where each ends and why.
 *
 * A torn tail (a crash during a write that was never acknowledged) ends the log and is
 * cut off by log_cut(). Anything else that is wrong is damage: reading stops with an
 * error that names file, offset and what to do, and the server must not start. The
 * side index (index.h) says how far each file was durable; without it (a log that ZK
 * wrote) the rules of storage-format 2.5 decide, the strict way: a record whose bytes
 * are all there but whose checksum is wrong is damage; so is any valid record found
 * behind a broken one; so is a gap in the zxids of an epoch. */
#ifndef SERVER_STORE_LOG_READER_H
#define SERVER_STORE_LOG_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/ids.h"

enum { STORE_WHY_MAX = 1024 };

struct log_reader;

/* Reads every txn with zxid >= from, from the files of storage-format 1.4. Returns 0 or
 * a negative errno (why is filled: one line for the operator).
 *
 * The first txn read must be `from`, or the first of a later epoch; each further one the
 * next of its epoch, or the first of a later one. Anything else is a gap, hence damage
 * (ZooKeeper lets the first txn jump). Files may overlap (log.65 and a copy log.65.bak, which
 * counts as a log): the file with the lower zxid, then with the shorter name, comes first, and
 * txns that were read already are passed over. An index whose log is missing although it
 * held txns that are wanted is damage as well. */
int log_reader_open(struct log_reader **ret, const char *dir, zk_zxid from,
                    char why[STORE_WHY_MAX]);
struct log_reader *log_reader_free(struct log_reader *r);

/* The next payload: 1 and *ret, *len (good until the next call), 0 at the end, or
 * -EBADMSG (damage) or another negative errno, with why filled. */
int log_reader_next(struct log_reader *r, const uint8_t **ret, size_t *len, zk_zxid *zxid,
                    char why[STORE_WHY_MAX]);

/* Where the payload of the last log_reader_next() lies, for messages: the path (good
 * until the next call) and the offset of its entry. */
void log_reader_where(const struct log_reader *r, const char **ret_path, uint64_t *ret_offset);

/* After the end was reached: cuts torn tails off durably (ftruncate, fsync), deletes a
 * last file without txns (empty, header torn, or nothing but a header: the next txn
 * makes a log of that name), so that later starts see clean files. Returns 0 or a negative
 * errno. ret_cut is how many bytes went, padding not counted. */
int log_cut(struct log_reader *r, uint64_t *ret_cut);

/* Durably forgets every txn after zxid (TRUNC, storage-format 2.8, done the safe way:
 * cut before the first record > zxid, later files deleted, directory fsynced). For the
 * ensemble. Whatever happens in between, what is left is a prefix of the history. No
 * log may be open for writing. Returns 0 or a negative errno with why. */
int log_truncate(const char *dir, zk_zxid zxid, char why[STORE_WHY_MAX]);

/* Durably forgets all logs, and indexes without a log: after a snapshot that came from the leader,
 * which they do not lead to. Newest first, so that what a crash leaves is a prefix. */
int log_forget_all(const char *dir, char why[STORE_WHY_MAX]);

/* Makes durable what a start has read: a process that was killed may have written more than
 * it synced, and counts now. Only the newest log can be affected. */
int log_sync_newest(const char *dir, char why[STORE_WHY_MAX]);

#endif
