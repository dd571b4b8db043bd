/* CRC-32 as zlib and ZooKeeper's digest have it (polynomial 0x04C11DB7, reflected). The
 * digest of the tree takes several of short runs of bytes for each write, which is where
 * a general implementation spends its time: this one folds 16 bytes at a time where
 * the processor multiplies without carry, and uses tables elsewhere. Same result. */
#ifndef UTIL_CRC32_H
#define UTIL_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Continues `crc` (0 at the start) with len bytes. */
uint32_t crc32_more(uint32_t crc, const void *at, size_t len);
/* The portable one, for tests. */
uint32_t crc32_more_by_table(uint32_t crc, const void *at, size_t len);

#endif
