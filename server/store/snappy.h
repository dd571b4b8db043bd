/* Decoding of one raw snappy block. Internal to the floor. */
#ifndef SERVER_STORE_SNAPPY_H
#define SERVER_STORE_SNAPPY_H

#include <stddef.h>
#include <stdint.h>

/* Decodes `len` bytes into `ret`, which has room for `cap`. Returns the number of bytes
 * that came out, or -EBADMSG when the block is malformed or larger than cap. */
int64_t snappy_decode(uint8_t *ret, size_t cap, const uint8_t *at, size_t len);

#endif
