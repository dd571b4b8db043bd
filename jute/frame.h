/* The length prefix that every client packet has, in both directions: a signed
 * 32-bit length, big-endian, that does not count itself (client-protocol 1.1).
 * The election port frames its notifications in the same way. */
#ifndef JUTE_FRAME_H
#define JUTE_FRAME_H

#include "jute/codec.h"

enum jute_frame_state {
    JUTE_FRAME_MORE,  /* Not all there yet. */
    JUTE_FRAME_WHOLE, /* body and len are set. */
    JUTE_FRAME_BAD,   /* The length is negative or beyond the limit: hang up. */
};

struct jute_frame {
    const uint8_t *body; /* Borrowed. NULL unless whole. An empty frame is whole. */
    size_t len;          /* Bytes of the body, when whole. */
    size_t wanted;       /* Bytes needed in all, prefix included, as far as known: 4 while
                          * the prefix is cut. When whole: bytes to drop. When bad: 0. */
};

/* Looks at the first frame of the `have` bytes at `at`. A frame of `bytes_max` bytes
 * still passes. A bad length is found as soon as its four bytes are there. */
enum jute_frame_state jute_frame_look(struct jute_frame *ret, const uint8_t *at, size_t have,
                                      size_t bytes_max);

/* Leaves room for a prefix and returns where it is; jute_frame_end() fills it in
 * once the body was appended. The body must be shorter than 2 GiB. */
size_t jute_frame_begin(struct bytes *out);
void jute_frame_end(struct bytes *out, size_t begin);

#endif
