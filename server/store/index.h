/* The side index of a log: zabd.index.<hex> beside log.<hex>, a name that ZooKeeper ignores.
 *
 * It says which bytes of the log were on stable storage, and is written after they were.
 * It never says too much, but after a power cut it may say too little, since it has no
 * fsync of its own. So: a record that is broken inside what the index covers has rotted;
 * beyond it, it may have been torn. Nothing needs the index: it is dropped when it cannot
 * be written, and ignored when it does not fit its log.
 *
 * Big-endian. Head, 32 bytes: magic, zxid of the name, 8 zero bytes, CRC-32 of these 24,
 * 4 zero bytes. Then entries of 40 bytes: first zxid, last zxid, offset, length, CRC-32 of
 * those log bytes, CRC-32 of the 36 bytes before. Entries follow each other without gaps
 * from log offset 16 on. */
#ifndef SERVER_STORE_INDEX_H
#define SERVER_STORE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/store/log_reader.h"
#include "util/ids.h"

#define INDEX_FAMILY "zabd.index"

enum { INDEX_NAME_MAX = 32, INDEX_HEAD_BYTES = 32, INDEX_ENTRY_BYTES = 40 };

/* A run of whole records that became durable together, or several such runs. */
struct index_entry {
    zk_zxid first, last;
    uint64_t offset, length; /* In the log. */
    uint32_t crc;
};

void index_name(char ret[INDEX_NAME_MAX], zk_zxid zxid);

/* ---- Writing: by the log thread. Errors end the index, not the log. */
struct index_writer {
    int dir_fd, fd; /* fd -1: closed, or given up. dir_fd is borrowed. */
    zk_zxid zxid;
    uint64_t at;             /* Where `open` lies in the file. */
    struct index_entry open; /* The last entry, still growing. */
    uint64_t kicked_us;
};

/* Begins the index of log.<zxid>; an old one of that name goes. */
void index_create(struct index_writer *w, int dir_fd, zk_zxid zxid);
void index_add(struct index_writer *w, const struct index_entry *e);
void index_close(struct index_writer *w);

/* ---- Reading. */
struct index {
    struct index_entry *entries;
    size_t count;
    uint64_t end; /* The log was durable up to here; 0: nothing is known. */
    bool exists;  /* There is a file, whatever it says. */
};

/* Reads what holds of the index of log.<zxid>; stops at the first entry that does not. A
 * missing or unusable file gives an empty index. Returns 0, or a negative errno with why
 * filled when the file is there and cannot be read. */
int index_read(struct index *ret, const char *dir, zk_zxid zxid, char why[STORE_WHY_MAX]);
void index_done(struct index *x);

#endif
