#include "tests/lib/fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { SHORT_WRITE = -1 };

struct fault {
    atomic_uint calls;
    atomic_uint at; /* The call that fails, from 1; 0: none. */
    atomic_int err;
    atomic_bool forever;
};

static struct fault faults[FAULT_CALLS];
static atomic_uint fdatasync_us;

void fault_reset(void)
{
    for (size_t i = 0; i < FAULT_CALLS; i++) {
        faults[i].at = 0;
        faults[i].calls = 0;
        faults[i].forever = false;
    }
    fdatasync_us = 0;
}

void fault_after(enum fault_call call, unsigned count, int err, bool forever)
{
    struct fault *f = &faults[call];

    f->err = err;
    f->forever = forever;
    f->at = f->calls + count + 1;
}

void fault_short_write_after(unsigned count)
{
    fault_after(FAULT_PWRITE, count, SHORT_WRITE, false);
}

unsigned fault_count(enum fault_call call)
{
    return faults[call].calls;
}

void fault_slow_fdatasync(unsigned us)
{
    fdatasync_us = us;
}

/* 0, or what is to go wrong with this call. */
static int next_fault(enum fault_call call)
{
    struct fault *f = &faults[call];
    unsigned n = ++f->calls;
    unsigned at = f->at;

    if (at == 0 || n < at || (n > at && !f->forever))
        return 0;
    return f->err;
}

/* ISO C has no conversion from void * to a function; POSIX promises that it works. */
static void (*real(const char *name))(void)
{
    union {
        void *object;
        void (*function)(void);
    } u;

    u.object = dlsym(RTLD_NEXT, name);
    return u.function;
}

ssize_t pwrite(int fd, const void *at, size_t count, off_t offset)
{
    ssize_t (*next)(int, const void *, size_t, off_t) =
        (ssize_t(*)(int, const void *, size_t, off_t))real("pwrite");
    int err = next_fault(FAULT_PWRITE);

    if (err > 0) {
        errno = err;
        return -1;
    }
    if (err == SHORT_WRITE && count > 1)
        count /= 2;
    return next(fd, at, count, offset);
}

int fdatasync(int fd)
{
    int (*next)(int) = (int (*)(int))real("fdatasync");
    int err = next_fault(FAULT_FDATASYNC);
    unsigned us = fdatasync_us;

    if (us > 0) {
        struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000L };

        (void)nanosleep(&t, NULL);
    }
    if (err > 0) {
        errno = err;
        return -1;
    }
    return next(fd);
}

int fsync(int fd)
{
    int (*next)(int) = (int (*)(int))real("fsync");
    int err = next_fault(FAULT_FSYNC);

    if (err > 0) {
        errno = err;
        return -1;
    }
    return next(fd);
}

int ftruncate(int fd, off_t size)
{
    int (*next)(int, off_t) = (int (*)(int, off_t))real("ftruncate");
    int err = next_fault(FAULT_FTRUNCATE);

    if (err > 0) {
        errno = err;
        return -1;
    }
    return next(fd, size);
}

int openat(int dir_fd, const char *path, int flags, ...)
{
    int (*next)(int, const char *, int, ...) = (int (*)(int, const char *, int, ...))real("openat");
    int err = next_fault(FAULT_OPENAT);
    mode_t mode = 0;

    if ((flags & O_CREAT) != 0) {
        va_list args;

        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    if (err > 0) {
        errno = err;
        return -1;
    }
    return next(dir_fd, path, flags, mode);
}

int unlink(const char *path)
{
    int (*next)(const char *) = (int (*)(const char *))real("unlink");
    int err = next_fault(FAULT_UNLINK);

    if (err > 0) {
        errno = err;
        return -1;
    }
    return next(path);
}

int rename(const char *from, const char *to)
{
    int (*next)(const char *, const char *) = (int (*)(const char *, const char *))real("rename");
    int err = next_fault(FAULT_RENAME);

    if (err > 0) {
        errno = err;
        return -1;
    }
    return next(from, to);
}
