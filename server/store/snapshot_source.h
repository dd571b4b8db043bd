/* The bytes of a snapshot file, uncompressed, in order. Internal to the floor. */
#ifndef SERVER_STORE_SNAPSHOT_SOURCE_H
#define SERVER_STORE_SNAPSHOT_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include "server/store/log_reader.h"

enum { SNAPPY_MAGIC_BYTES = 8 };

extern const uint8_t snappy_magic[SNAPPY_MAGIC_BYTES];

enum snapshot_kind { SNAPSHOT_KIND_PLAIN, SNAPSHOT_KIND_GZ, SNAPSHOT_KIND_SNAPPY };

/* By the extension, in any case, as ZooKeeper chooses. */
enum snapshot_kind snapshot_kind_of(const char *name);

struct snapshot_source {
    int fd;
    enum snapshot_kind kind;
    uint64_t at; /* Read so far, of the file. */

    uint8_t *raw; /* Compressed bytes: [raw_at, raw_len) of it are unread. */
    size_t raw_at, raw_len, raw_cap;
    z_stream z;
    int z_is_open;
    uint8_t *block; /* One uncompressed snappy block, [block_at, block_len) unread. */
    size_t block_at, block_len;
};

/* Takes over fd. Free with snapshot_source_done() in any case. 0, or a negative errno with why. */
int snapshot_source_open(struct snapshot_source *s, int fd, enum snapshot_kind kind,
                         const char *path, char why[STORE_WHY_MAX]);
void snapshot_source_done(struct snapshot_source *s);

/* Fills up to `count` bytes: fewer only at the end of the file. Returns how many, or -EBADMSG when
 * the compressed bytes are wrong, or another negative errno. */
int64_t snapshot_source_read(struct snapshot_source *s, uint8_t *ret, size_t count);

#endif
