/* Whole reads and writes, and the one line that an operator gets. Internal to the floor. */
#ifndef SERVER_STORE_IO_H
#define SERVER_STORE_IO_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/store/log_reader.h"

/* Reads until `count` bytes are there or the file ends. Returns how many, or a
 * negative errno. */
ssize_t io_pread(int fd, void *at, size_t count, uint64_t offset);

/* Writes all of it, or returns a negative errno. A short write goes on where it ended. */
int io_pwrite(int fd, const void *at, size_t count, uint64_t offset);

/* Writes zeros over [offset, end). */
int io_zero(int fd, uint64_t offset, uint64_t end);

/* Offset behind the last byte at or after `from` that is not zero, or `from` when there
 * is none. Holes are not read. Negative errno on error. */
int64_t io_data_end(int fd, uint64_t from, uint64_t size);

/* Adds 1 to an eventfd. */
void io_notify(int event_fd);

/* CLOCK_MONOTONIC in us: for durations of fsyncs only. */
uint64_t io_now_us(void);

/* Formats the line and returns err. */
__attribute__((format(printf, 3, 4))) int store_why(char why[STORE_WHY_MAX], int err,
                                                    const char *format, ...);

/* "PATH: WHAT: TEXT OF err", for errors of system calls. Returns err. */
int store_why_errno(char why[STORE_WHY_MAX], int err, const char *path, const char *what);

/* thread_start() with a stack that is enough on this floor. */
int io_thread_start(pthread_t *ret, void *(*run)(void *), void *arg);

#endif
