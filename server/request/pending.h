/* Requests that are not answered yet, in the order in which their connection sent them. */
#ifndef SERVER_REQUEST_PENDING_H
#define SERVER_REQUEST_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/request/client.h"
#include "util/ids.h"
#include "util/list.h"

enum pending_kind {
    PENDING_READ,  /* Answered when it is first in line and waits for no ticket. */
    PENDING_WRITE, /* Answered when its txn is applied. */
    PENDING_SYNC,  /* Answered as a read, when zxid is applied or its ticket is up. */
    PENDING_HELD,  /* A write that is ordered when it is first in line: see client.barrier. */
    PENDING_ERROR, /* Answered with err when it is first in line. */
    PENDING_READY, /* A write whose reply, in body, waits for those before it. */
};

struct pending {
    enum pending_kind kind;
    int32_t xid, op;
    int32_t err;
    struct client *client;  /* NULL: gone; nobody is told. */
    struct pending *next;   /* In its client's line, or in the pool. */
    struct list in_writes;  /* In session.writes: a txn that comes is its own by what it says. */
    struct list in_waiters; /* In service.syncs or .waiters: it may not be answered yet. */
    struct idset *ids;      /* The client's identities when it was read. */
    int64_t arrived_ms;
    zk_zxid zxid;        /* Of a write's txn; of a forwarded one, any before it. Or a sync's. */
    uint64_t ticket;     /* The ensemble's, that a sync or read waits for. */
    uint32_t slot, life; /* Its name; see pending_name(). */
    uint32_t large;      /* Its size where it counts among large requests, else 0. */
    uint32_t owes;       /* Of a read: about how many bytes its reply may have, when it was read. */
    uint32_t len;
    uint8_t *body; /* Copy of the record (reads, syncs), or the reply when ready. */
    /* Copy of a write's record while it is at the leader: the next one may have to be asked. */
    uint8_t *request;
    uint32_t request_len;
};

/* Takes one from the pool and puts it last in c's line. body is copied when not NULL. */
struct pending *pending_add(struct client *c, enum pending_kind kind, int32_t xid, int32_t op,
                            const uint8_t *body, size_t len);
/* One that stands in no line: for a write that nobody waits for. */
struct pending *pending_ghost(struct service *s, int32_t xid, int32_t op);
/* Takes the first out of its client's line. */
struct pending *pending_pop(struct client *c);
/* Back to the pool, out of whatever list it was in. */
void pending_free(struct service *s, struct pending *p);
/* The client goes, and all that it asked for is forgotten; but what stands in session.writes stays
 * there, so that its txn is not taken for that of a later one. */
void pending_orphan(struct client *c);
/* A name to be handed out and come back as a write_request's origin: never NULL, and worth nothing
 * once the pending is freed. */
void *pending_name(const struct pending *p);
struct pending *pending_named(const struct service *s, const void *name); /* NULL: it is gone. */
void pending_pool_done(struct service *s);

#endif
