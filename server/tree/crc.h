/* The CRC-32 of znodes' digests (the common one, of zlib), where it is spent: on
 * pieces of some 20 to 200 bytes, two or three of them for each write. x86 processors
 * have a carry-less multiplication since 2010, which makes such pieces five to ten
 * times cheaper than zlib does; elsewhere zlib computes it. */
#ifndef SERVER_TREE_CRC_H
#define SERVER_TREE_CRC_H

#include <stddef.h>
#include <stdint.h>

#include "server/tree/tree.h"

/* Continues a CRC; start with 0. */
uint32_t crc_more(uint32_t crc, const void *at, size_t len);
/* Continues it over the 60 bytes of a stat as the digest takes it. */
uint32_t crc_more_stat(uint32_t crc, const struct znode_raw *raw);

#endif
