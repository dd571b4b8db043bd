/* System calls that fail by count: the definitions here stand before libc's, so
 * everything that is linked into the test goes through them. Thread-safe. */
#ifndef TESTS_LIB_FAULT_H
#define TESTS_LIB_FAULT_H

#include <stdbool.h>

enum fault_call {
    FAULT_PWRITE,
    FAULT_FDATASYNC,
    FAULT_FSYNC,
    FAULT_FTRUNCATE,
    FAULT_OPENAT,
    FAULT_RENAME,
    FAULT_UNLINK,
    FAULT_CALLS,
};

/* Forgets faults and counts. */
void fault_reset(void);

/* The call after `count` more good ones fails with errno `err`, and with `forever` all later
 * ones, too. */
void fault_after(enum fault_call call, unsigned count, int err, bool forever);

/* The same for a pwrite of more than one byte, which then writes half. */
void fault_short_write_after(unsigned count);

/* How often it was called since fault_reset(). */
unsigned fault_count(enum fault_call call);

/* How long each fdatasync takes at least. */
void fault_slow_fdatasync(unsigned us);

#endif
