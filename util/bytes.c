#include "util/bytes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/check.h"

enum { BYTES_CAP_MIN = 64, BYTES_LARGE = 1 << 20, READ_CHUNK_BYTES = 16 * 1024 };

void bytes_done(struct bytes *b)
{
    free(b->at);
    *b = (struct bytes){ 0 };
}

void bytes_grow(struct bytes *b, size_t more)
{
    size_t want = b->len + more;
    size_t cap = b->cap > 0 ? b->cap : BYTES_CAP_MIN;

    zk_assert(want >= b->len);
    while (cap < want)
        cap += cap < BYTES_LARGE ? cap / 2 + BYTES_CAP_MIN : cap / 8;
    b->at = zk_xrealloc(b->at, cap);
    b->cap = cap;
}

void bytes_reserve(struct bytes *b, size_t more)
{
    if (b->cap - b->len >= more)
        return;
    zk_assert(b->len + more >= b->len);
    b->at = zk_xrealloc(b->at, b->len + more);
    b->cap = b->len + more;
}

void bytes_drop(struct bytes *b, size_t count)
{
    zk_assert(count <= b->len);
    if (count == 0)
        return;
    b->len -= count;
    memmove(b->at, b->at + count, b->len);
}

void bytes_printf(struct bytes *b, const char *format, ...)
{
    va_list args;
    va_list again;

    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    zk_assert(len >= 0);
    /* vsnprintf wants room for its NUL, which is then not counted. */
    int put = vsnprintf((char *)bytes_room(b, (size_t)len + 1), (size_t)len + 1, format, again);
    va_end(again);
    zk_assert(put == len);
    b->len += (size_t)len;
}

int bytes_read_all(struct bytes *b, int fd, size_t max)
{
    while (b->len <= max) {
        ssize_t got = read(fd, bytes_room(b, READ_CHUNK_BYTES), READ_CHUNK_BYTES);
        if (got == 0)
            return 0;
        if (got > 0)
            bytes_added(b, (size_t)got);
        else if (errno != EINTR)
            return -errno;
    }
    return -EFBIG;
}
