#include "server/store/io.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/thread.h"

enum { IO_ZEROS = 64 * 1024, IO_SCAN = 64 * 1024, IO_STACK_BYTES = 256 * 1024 };

ssize_t io_pread(int fd, void *at, size_t count, uint64_t offset)
{
    size_t got = 0;

    while (got < count) {
        ssize_t n = pread(fd, (char *)at + got, count - got, (off_t)(offset + got));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

int io_pwrite(int fd, const void *at, size_t count, uint64_t offset)
{
    const char *p = at;

    while (count > 0) {
        ssize_t n = pwrite(fd, p, count, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0) /* Not for a regular file; better than turning forever. */
            return -EIO;
        p += n;
        count -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

int io_zero(int fd, uint64_t offset, uint64_t end)
{
    static uint8_t zeros[IO_ZEROS]; /* Never written to. */

    while (offset < end) {
        size_t count = end - offset < sizeof zeros ? (size_t)(end - offset) : sizeof zeros;
        int r = io_pwrite(fd, zeros, count, offset);

        if (r < 0)
            return r;
        offset += count;
    }
    return 0;
}

/* Raises *end to the end of what is not zero in [from, to). */
static int scan_extent(int fd, uint64_t from, uint64_t to, uint64_t *end)
{
    uint8_t part[IO_SCAN]; /* A quarter of the smallest stack this runs on. */

    while (from < to) {
        size_t want = to - from < sizeof part ? (size_t)(to - from) : sizeof part;
        ssize_t n = io_pread(fd, part, want, from);

        if (n < 0)
            return (int)n;
        if (n == 0)
            return 0;
        for (size_t i = (size_t)n; i > 0; i--) {
            if (part[i - 1] != 0) {
                *end = from + i;
                break;
            }
        }
        from += (size_t)n;
    }
    return 0;
}

int64_t io_data_end(int fd, uint64_t from, uint64_t size)
{
    uint64_t end = from;
    uint64_t at = from;

    while (at < size) {
        off_t data = lseek(fd, (off_t)at, SEEK_DATA);

        if (data < 0 && errno == ENXIO) /* Only a hole is left. */
            break;
        if (data < 0) /* The file system cannot tell: all of it counts as data. */
            data = (off_t)at;

        off_t hole = lseek(fd, data, SEEK_HOLE);
        uint64_t to = hole > data && (uint64_t)hole < size ? (uint64_t)hole : size;
        int r = scan_extent(fd, (uint64_t)data, to, &end);

        if (r < 0)
            return r;
        at = to;
    }
    return (int64_t)end;
}

void io_notify(int event_fd)
{
    const uint64_t one = 1;

    /* EAGAIN means that the counter is full: the reader is being told already. */
    while (write(event_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

uint64_t io_now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

int store_why(char why[STORE_WHY_MAX], int err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(why, STORE_WHY_MAX, format, args);
    va_end(args);
    return err;
}

int store_why_errno(char why[STORE_WHY_MAX], int err, const char *path, const char *what)
{
    return store_why(why, err, "%s: %s: %s", path, what, strerror(-err));
}

int io_thread_start(pthread_t *ret, void *(*run)(void *), void *arg)
{
    return thread_start(ret, IO_STACK_BYTES, run, arg);
}
