/* Snapshot files (storage-format 3): writing on a helper thread from chunks that the
 * loop makes, and reading back with every checksum verified.
 *
 * A snapshot is written under a name that ZK ignores (".tmp-snapshot.<hex>"), fsynced, renamed,
 * and its directory fsynced: a snapshot.<hex> of ours is complete. */
#ifndef SERVER_STORE_SNAPSHOT_H
#define SERVER_STORE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jute/codec.h"
#include "server/store/log_reader.h"
#include "util/bytes.h"
#include "util/ids.h"

enum snapshot_codec { SNAPSHOT_PLAIN, SNAPSHOT_GZ };

/* The rest of the name is the zxid. What a crash leaves is removed by dirs_open(). */
#define SNAPSHOT_TEMP_PREFIX ".tmp-snapshot."

struct snapshot_writer;

/* Starts the thread and creates the file. notify_fd (an eventfd) is written when a chunk
 * was taken or all is done. Returns 0 or a negative errno. */
int snapshot_writer_open(struct snapshot_writer **ret, const char *dir, zk_zxid zxid,
                         enum snapshot_codec codec, int notify_fd);
/* Whether another chunk may be handed over now (at most SNAPSHOT_CHUNKS_AHEAD wait). */
enum { SNAPSHOT_CHUNKS_AHEAD = 4, SNAPSHOT_CHUNK_BYTES = 256 * 1024 };
bool snapshot_writer_has_room(struct snapshot_writer *w);
/* Takes over the memory of the chunk: bytes of the stream of storage-format 3.1 from the
 * file header on, cut anywhere. Seals are written by the thread where the loop asks: */
void snapshot_writer_put(struct snapshot_writer *w, struct bytes *chunk);
void snapshot_writer_seal(struct snapshot_writer *w);
/* No more chunks: fsync, rename, fsync the directory, then notify. */
void snapshot_writer_end(struct snapshot_writer *w);
/* 1 done, 0 still at work, negative errno failed (the temporary file is gone). */
int snapshot_writer_state(struct snapshot_writer *w, uint64_t *ret_bytes);
/* Joins the thread; abandons and deletes an unfinished file. */
struct snapshot_writer *snapshot_writer_free(struct snapshot_writer *w);

/* What a reader finds, in file order. Pointers are good for the call. A callback that
 * returns a negative errno ends the reading with it. */
struct snapshot_sink {
    void *ctx;
    int (*session)(void *ctx, zk_session_id id, int32_t timeout_ms);
    int (*acl)(void *ctx, int64_t id, struct jute_vector acls);
    /* raw: the 60 bytes of stat_persisted as they lie in the file. */
    int (*node)(void *ctx, struct jute_bytes path, struct jute_bytes data, int64_t acl,
                const uint8_t raw[60]);
};

struct snapshot_info {
    zk_zxid zxid;    /* From the file name. */
    bool has_digest; /* With digest_zxid != 0 and version 2. */
    zk_zxid digest_zxid;
    uint64_t digest;
    bool has_last_zxid;
    zk_zxid last_zxid;
    uint64_t bytes; /* Uncompressed. */
};

/* Reads plain, .gz and .snappy by extension, bounded by named limits, reading ahead.
 * digest_on/zxid_on: which trailing sections to expect is found from the bytes that
 * are there, not from flags (better than ZK, trap 7). Returns 0; -EBADMSG with why for
 * a damaged file (the caller falls back to an older one); another negative errno. */
int snapshot_read(const char *path, const struct snapshot_sink *sink, struct snapshot_info *ret,
                  char why[STORE_WHY_MAX]);

/* Snapshots of dir that pass the cheap test (storage-format 3.7), newest first; of several
 * with one zxid the plain name first. Names ending in .tmp are not taken (trap 5). A file
 * that cannot be read is an error, not damage. The array is one malloc: free() it. */
struct snapshot_name {
    zk_zxid zxid;
    char name[64];
    uint64_t bytes; /* File size. */
};
int snapshot_list(struct snapshot_name **ret, size_t *ret_count, const char *dir,
                  char why[STORE_WHY_MAX]);

/* Durably removes the snapshots of dir, usable or not, whose names have a zxid from `first` to
 * `last`, except the one named `keep` (NULL: none). A crash in between leaves any of them.
 * Returns 0 or a negative errno with why. */
int snapshots_remove(const char *dir, zk_zxid first, zk_zxid last, const char *keep,
                     char why[STORE_WHY_MAX]);

/* The highest zxid that any snapshot of dir has in its name, be it usable or not; -1 when
 * there is none. Names ending in .tmp do not count. Returns 0 or a negative errno. */
int snapshot_highest_name(zk_zxid *ret, const char *dir, char why[STORE_WHY_MAX]);

#endif
