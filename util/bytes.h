/* A growing run of bytes: what is written goes to the end, what is consumed leaves
 * from the front. Owns its memory. Not for sharing: see blob.h. */
#ifndef UTIL_BYTES_H
#define UTIL_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    uint8_t *at; /* NULL while nothing was written. */
    size_t len;  /* Bytes written. */
    size_t cap;  /* Bytes allocated. */
};

/* Frees the memory and leaves an empty, usable run. */
void bytes_done(struct bytes *b);

/* Slow path of bytes_room(). */
void bytes_grow(struct bytes *b, size_t more);

/* Returns where `more` bytes may be written; follow with bytes_added(). */
static inline uint8_t *bytes_room(struct bytes *b, size_t more)
{
    if (__builtin_expect(b->cap - b->len < more, 0))
        bytes_grow(b, more);
    return b->at + b->len;
}

/* Makes room for exactly `more` bytes: for what is large and will not grow further. */
void bytes_reserve(struct bytes *b, size_t more);

static inline void bytes_added(struct bytes *b, size_t count)
{
    b->len += count;
}

static inline void bytes_put(struct bytes *b, const void *from, size_t count)
{
    if (count > 0) {
        memcpy(bytes_room(b, count), from, count);
        b->len += count;
    }
}

/* Drops the first `count` bytes (a memmove: for small rests). */
void bytes_drop(struct bytes *b, size_t count);

/* Reads on from a descriptor to its end. 0, or a negative errno; -EFBIG when the run is longer
 * than `max` before the end came. */
int bytes_read_all(struct bytes *b, int fd, size_t max);

/* printf into the run, without a terminating NUL. */
__attribute__((format(printf, 2, 3))) void bytes_printf(struct bytes *b, const char *format, ...);

#endif
