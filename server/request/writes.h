/* What a learner looks at in a write before it passes it on. */
#ifndef SERVER_REQUEST_WRITES_H
#define SERVER_REQUEST_WRITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct write_look {
    /* False: a leader would find no txn to answer it with, so it is answered at once
     * (client-protocol 2.9). */
    bool is_readable;
    bool makes_ephemeral; /* Which a local session may not (2.12). */
};

struct write_look write_look(int32_t op, const uint8_t *body, size_t len);

#endif
