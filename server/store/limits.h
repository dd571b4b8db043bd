/* The named limits of this floor. */
#ifndef SERVER_STORE_LIMITS_H
#define SERVER_STORE_LIMITS_H

enum {
    /* Bytes of one log entry's payload. ZooKeeper's limit is jute.maxbuffer plus an
     * extra (2,097,150 by default) and can be raised by the operator, so the reader may
     * not use the default: what was acknowledged must be readable. A longer length is
     * damage. Nothing is allocated before that many bytes are known to be in the file. */
    LOG_ENTRY_MAX = 256 * 1024 * 1024,

    /* Shortest payload: a txn header without a record. */
    LOG_ENTRY_MIN = 32,

    /* Read at once from a log; more only for a longer entry. */
    LOG_WINDOW_BYTES = 1024 * 1024,

    /* Checksummed while looking for records behind a broken one. A tail so full of
     * lookalikes that this is not enough counts as damage. */
    LOG_SCAN_SUM_MAX = 64 * 1024 * 1024,

    /* The log thread frames this much before it writes; more only for a longer entry. */
    WAL_FRAME_BYTES = 1024 * 1024,

    /* Blocks are zero-filled this far ahead of the log's position (see wal_file.h). */
    WAL_ZERO_STEP = 256 * 1024,

    /* A log with less room than this before its end gets another preAllocSize. */
    WAL_SIZE_MARGIN = 4096,

    /* Log bytes that one index entry covers at least. Bounds an index to 1 % of its log. */
    INDEX_SPAN_MIN = 4096,

    /* Bytes read of an index file. The rest of a longer one is ignored. */
    INDEX_FILE_MAX = 64 * 1024 * 1024,

    /* Pages of the index are handed to the disk at least this often while it grows. */
    INDEX_KICK_MS = 100,

    /* One string, buffer or ACL list of a snapshot; see LOG_ENTRY_MAX for why it is not
     * ZooKeeper's default. The whole is not limited: it streams. */
    SNAPSHOT_ITEM_MAX = 256 * 1024 * 1024,

    /* Uncompressed bytes of one block of a .snappy file (ZooKeeper writes 32 KiB). */
    SNAPPY_BLOCK_MAX = 1024 * 1024,

    /* The reader's buffers: so many, each so large. */
    SNAPSHOT_READ_BUFFERS = 4,
    SNAPSHOT_READ_BYTES = 1024 * 1024,

    /* The writer keeps at most twice this much of a snapshot on the way to the disk, so
     * that the log's fdatasync never queues behind more. */
    SNAPSHOT_FLUSH_BYTES = 512 * 1024,
};

#endif
