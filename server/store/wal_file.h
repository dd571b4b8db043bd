/* One log file being written. Internal to the floor.
 *
 * The file has ZooKeeper's sizes (storage-format 2.4): 16 bytes and preAllocSize, more of
 * it when less than 4 KiB are left. That room is a hole. Blocks under the next writes
 * are filled with zeros beforehand, WAL_ZERO_STEP at a time, because the fdatasync of a write
 * into blocks that hold data already needs no journal commit: docs/durability.md has the
 * measurements. Steps instead of the whole, so that a small deployment does not pay 64 MiB. */
#ifndef SERVER_STORE_WAL_FILE_H
#define SERVER_STORE_WAL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/ids.h"

enum { WAL_HEADER_BYTES = 16 };

struct wal_file {
    int fd;          /* -1: none. */
    uint64_t pos;    /* Where the next write goes. */
    uint64_t size;   /* Of the file, padding included. */
    uint64_t filled; /* Blocks before it hold data or zeros. >= pos. */
    uint64_t prealloc;
};

/* Makes log.<zxid> in the directory, which must not have it: a log is never appended to,
 * and an old one of that name was removed at start, or holds txns. 0 or a negative errno. */
int wal_file_create(struct wal_file *f, int dir_fd, zk_zxid zxid, uint64_t prealloc);

/* Writes the header; with sync it is durable when this returns, and so is every name in the
 * directory (the index's, too). Only then the file grows: whatever a crash leaves of it is an
 * empty log. */
int wal_file_begin(struct wal_file *f, int dir_fd, bool sync);

/* Writes at the position and moves it. Blocks behind it are filled first, so a disk that
 * runs full is mostly noticed there. After an error the file may end in a torn record. */
int wal_file_write(struct wal_file *f, const void *at, size_t count);

/* fdatasync. */
int wal_file_sync(struct wal_file *f);

/* Fills the next step with zeros, and with sync makes them durable, if that is due soon:
 * for moments without work. Returns 0 or a negative errno. */
int wal_file_fill_ahead(struct wal_file *f, bool sync);

void wal_file_close(struct wal_file *f);

#endif
