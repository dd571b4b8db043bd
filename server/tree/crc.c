#include "server/tree/crc.h"

#include <zlib.h>

#include "jute/codec.h"

enum { STAT_BYTES = 60 };

uint32_t crc_more(uint32_t crc, const void *at, size_t len)
{
    return (uint32_t)crc32_z(crc, at, len);
}

uint32_t crc_more_stat(uint32_t crc, const struct znode_raw *raw)
{
    uint8_t stat[STAT_BYTES];
    uint8_t *p = stat;

    p = jute_store64(p, (uint64_t)raw->czxid);
    p = jute_store64(p, (uint64_t)raw->mzxid);
    p = jute_store64(p, (uint64_t)raw->pzxid);
    p = jute_store64(p, (uint64_t)raw->ctime);
    p = jute_store64(p, (uint64_t)raw->mtime);
    p = jute_store32(p, (uint32_t)raw->version);
    p = jute_store32(p, (uint32_t)raw->cversion);
    p = jute_store32(p, (uint32_t)raw->aversion);
    (void)jute_store64(p, (uint64_t)raw->owner);
    return crc_more(crc, stat, sizeof stat);
}
