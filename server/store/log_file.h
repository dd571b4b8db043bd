/* Reading one log file: entries, and the verdict on what ends them. Internal to the floor. */
#ifndef SERVER_STORE_LOG_FILE_H
#define SERVER_STORE_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/store/index.h"
#include "server/store/log_reader.h"
#include "util/ids.h"

enum { LOG_HEADER_BYTES = 16, LOG_ENTRY_HEAD = 12, LOG_ENTRY_MARK = 'B' };

#define LOG_FILE_MAGIC UINT32_C(0x5a4b4c47) /* "ZKLG" */

struct log_file {
    char *path;
    int fd;
    zk_zxid zxid; /* From the name. */
    zk_zxid last; /* Of the last good txn read; -1: none yet. */
    uint64_t size;
    uint64_t at;   /* Offset of the entry that log_file_next() reads next. */
    uint64_t from; /* Offset of the entry that it read last. */

    /* The window: bytes [win_at, win_at + win_len) of the file. */
    uint8_t *win;
    size_t win_cap, win_len;
    uint64_t win_at;

    struct index index;
    size_t index_next;  /* The entry that is being compared. */
    uint32_t index_crc; /* Of what was read of it. */
    zk_zxid index_first;
    bool index_is_stale; /* It describes other content: ignored. */
};

/* Opens FILE of DIR whose name says `zxid`, with the index of that name if its name is
 * the plain one. Free with log_file_done() in any case. 0 or a negative errno with why. */
int log_file_open(struct log_file *f, const char *dir, const char *name, zk_zxid zxid,
                  char why[STORE_WHY_MAX]);
void log_file_done(struct log_file *f);

enum log_end {
    LOG_END_CLEAN, /* Nothing but padding follows. */
    LOG_END_TORN,  /* A write that never became durable follows. */
    LOG_END_BLANK, /* No header: the file was torn when it was made. */
};

/* Checks the header. 1: entries may follow. 0: the file is blank (0 to 15 bytes, or zeros).
 * Negative: damage or error, with why. */
int log_file_begin(struct log_file *f, char why[STORE_WHY_MAX]);

/* 1 and the payload (good until the next call); 0 at the end, with *ret_end and, if
 * torn, the offset behind its last byte in *ret_end_at; negative with why. */
int log_file_next(struct log_file *f, const uint8_t **ret, size_t *len, enum log_end *ret_end,
                  uint64_t *ret_end_at, char why[STORE_WHY_MAX]);

/* The same without a verdict on what ends the file: 1, 0: no good entry lies at f->at, or
 * negative. For a log that is being written, whose end is nobody's fault. */
int log_file_try(struct log_file *f, const uint8_t **ret, size_t *len, char why[STORE_WHY_MAX]);

/* Goes on at the run of the index that holds txn `zxid`, instead of at the beginning. Nothing
 * happens when the index does not have it. Right behind log_file_begin(). */
void log_file_seek(struct log_file *f, zk_zxid zxid);

/* The zxid of a payload of at least LOG_ENTRY_MIN bytes. */
zk_zxid log_payload_zxid(const uint8_t *payload);

/* Judges what lies at f->at, where no good entry is: log_judge.c. Returns 0 and the
 * kind of end, or -EBADMSG (damage) or another negative errno with why. */
int log_judge(struct log_file *f, enum log_end *ret_end, uint64_t *ret_end_at,
              char why[STORE_WHY_MAX]);

/* Fills why with the line for damage at `offset`, and what to do. Returns -EBADMSG. */
int log_damage(const struct log_file *f, uint64_t offset, const char *what,
               char why[STORE_WHY_MAX]);

/* Up to which offset the log was durable as far as is known; 0: not known. */
uint64_t log_file_durable_end(const struct log_file *f);

#endif
