/* Replies: the frame's header and the books that are kept of each. */
#ifndef SERVER_REQUEST_REPLY_H
#define SERVER_REQUEST_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "jute/opcodes.h"
#include "jute/records.h"
#include "server/request/client.h"
#include "server/request/service.h"

/* One request as it is answered: what the reply and the books need. */
struct call {
    struct client *client;
    int32_t xid, op;
    struct idset *ids;
    const uint8_t *body;
    size_t len;
    int64_t arrived_ms;
    bool is_write; /* It has a txn of its own. */
};

/* Starts a reply frame with the header (xid, last applied zxid, err) and returns where
 * it began; append the record to client->out, then reply_end(). */
size_t reply_begin(const struct call *call, enum zk_err err);
void reply_end(const struct call *call, size_t begin);
/* Header only. */
void reply_error(const struct call *call, enum zk_err err);
/* A header that was not made by the pipeline: auth, sasl, refusals before it. Counts
 * as a packet sent, not as an answer. */
void reply_raw(struct client *c, int32_t xid, zk_zxid zxid, enum zk_err err);
/* Something was appended to out behind the books' back: tells net, counts the bytes. */
void reply_mark(struct client *c, size_t begin);

#endif
