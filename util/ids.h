/* Scalars that every floor shares. */
#ifndef UTIL_IDS_H
#define UTIL_IDS_H

#include <stdint.h>

/* Id of a txn: the epoch in the high 32 bits, a counter in the low. Compared as
 * signed 64-bit, as ZK does. Printed in hex. */
typedef int64_t zk_zxid;

/* Server id: the content of myid. */
typedef int64_t zk_sid;

/* Session id. Its top byte is the id of the server that made it. 0 is nobody. */
typedef int64_t zk_session_id;

static inline uint32_t zxid_epoch(zk_zxid zxid)
{
    return (uint32_t)((uint64_t)zxid >> 32);
}

static inline uint32_t zxid_counter(zk_zxid zxid)
{
    return (uint32_t)zxid;
}

static inline zk_zxid zxid_make(uint32_t epoch, uint32_t counter)
{
    return (zk_zxid)(((uint64_t)epoch << 32) | counter);
}

#endif
