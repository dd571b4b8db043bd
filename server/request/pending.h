/* Requests that are not answered yet, in the order in which their connection sent them. */
#ifndef SERVER_REQUEST_PENDING_H
#define SERVER_REQUEST_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/request/client.h"
#include "util/ids.h"

enum pending_kind {
    PENDING_READ,  /* Answered when it is first in line. */
    PENDING_WRITE, /* Answered when its txn is applied. */
    PENDING_SYNC,  /* Answered when zxid is applied. */
    PENDING_ERROR, /* Answered with err when it is first in line. */
    PENDING_READY, /* A write whose reply, in body, waits for those before it. */
};

struct pending {
    enum pending_kind kind;
    int32_t xid, op;
    int32_t err;
    struct client *client; /* NULL: gone; nobody is told. */
    struct pending *next;  /* In its client's line, or in the pool. */
    struct pending *sync_next;
    struct idset *ids; /* The client's identities when it was read. */
    int64_t arrived_ms;
    zk_zxid zxid;
    uint32_t large; /* Its size where it counts among large requests, else 0. */
    uint32_t len;
    uint8_t *body; /* Copy of the record (reads, syncs), or the reply when ready. */
};

/* Takes one from the pool and puts it last in c's line. body is copied when not NULL. */
struct pending *pending_add(struct client *c, enum pending_kind kind, int32_t xid, int32_t op,
                            const uint8_t *body, size_t len);
/* Takes the first out of its client's line. */
struct pending *pending_pop(struct client *c);
/* Back to the pool. */
void pending_free(struct service *s, struct pending *p);
/* The client goes: its reads are forgotten, its writes go on without it. */
void pending_orphan(struct client *c);
/* A sync that is answered, or whose client is gone, waits for no zxid any more. */
void pending_sync_forget(struct service *s, const struct pending *p);
void pending_pool_done(struct service *s);

#endif
