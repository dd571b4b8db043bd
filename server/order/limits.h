/* Limits of this floor: name, unit, default, and what happens at the limit. */
#ifndef SERVER_ORDER_LIMITS_H
#define SERVER_ORDER_LIMITS_H

#include "jute/limits.h"

enum {
    /* Txns prepared and not yet applied. At the limit nothing more is read from clients
     * until the log has caught up. */
    ORDER_PROPOSALS_MAX = 16384,

    /* Bytes of payload that wait for the log; the same happens. */
    ORDER_BYTES_MAX = 64 * 1024 * 1024,

    /* Of a whole log entry (order_conf.entry_max, jute.maxbuffer plus its extra), what
     * header, digest and lengths take. A request whose txn would be larger is refused
     * with ZK_MARSHALLING_ERROR, since ZK could not read it back. */
    ORDER_ENTRY_OVERHEAD = 128,

    /* Bytes of the paths listed in a closeSession txn, or half an entry if that is less.
     * The rest is not listed, and goes all the same. */
    ORDER_CLOSE_PATHS_BYTES_MAX = 1024 * 1024,
};

#endif
