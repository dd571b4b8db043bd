/* A client connection as the request floor sees it: frames in, bytes out. No sockets:
 * server/net embeds it in a connection, tests and the simulator feed it by hand.
 *
 * Every request is answered exactly once, a connection's replies leave in the order
 * its requests came: a read waits behind that connection's own unanswered writes. */
#ifndef SERVER_REQUEST_CLIENT_H
#define SERVER_REQUEST_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "server/auth/auth.h"
#include "server/request/stats.h"
#include "util/bytes.h"
#include "util/ids.h"
#include "util/list.h"

struct service;
struct session;
struct pending; /* A request that is not answered yet. */

enum client_phase {
    CLIENT_NEW,        /* Nothing but a ConnectRequest (or a four-letter word) may come. */
    CLIENT_CONNECTING, /* Waits for its session: nothing is read. */
    CLIENT_UP,
    CLIENT_ENDING,  /* Its closeSession was taken: nothing is read. */
    CLIENT_CLOSING, /* What is in out leaves, then the connection closes. Nothing is read. */
};

/* The columns of `cons` (client-protocol 7.4). */
struct client_stats {
    uint64_t received, sent; /* Packets. */
    int64_t established_ms;  /* Wall clock. */
    int32_t last_op;         /* Opcode, or 0. */
    int32_t last_xid;
    zk_zxid last_zxid;        /* Of the last reply; -1 before. */
    int64_t last_response_ms; /* Monotonic. */
    int64_t last_latency_ms;
    struct summary latency_ms;
};

struct client {
    struct service *service;
    struct bytes out; /* Net sends from here and consumes. */
    enum client_phase phase;
    bool secure;
    bool knows_read_only;     /* Its ConnectRequest had the byte. */
    bool is_revalidating;     /* CLIENT_CONNECTING: the leader was asked for its session. */
    uint32_t watcher;         /* Its index in service->clients; its name in the watch tables. */
    uint32_t outstanding;     /* Requests with xid > 0 not answered yet. */
    int32_t timeout_ms;       /* Negotiated. */
    struct session *session;  /* NULL before the handshake and after its end. */
    zk_session_id session_id; /* Stays for what is still in line. */
    struct idset *ids;
    struct pending *pending_first, *pending_last; /* In order of arrival. */
    struct pending *barrier; /* The last in line that waits for a ticket, or for one that does. */
    size_t pending_bytes;    /* That they take, with what they hold: frames, replies. */
    size_t owed;          /* Bytes that replies to the reads among them may have: pending.owes. */
    uint32_t owed_large;  /* How many of these may be large. */
    size_t largest_write; /* Bytes of the largest record since its line was empty. */
    struct list dirty;    /* In service->dirty: out has something new. */
    struct list parked;   /* In service->parked: its next answer waits for room or its turn. */
    struct list doomed;   /* In service->doomed: is closed when the turn ends. */
    struct list blocked;  /* In service->blocked: client_can_take() said no. */
    int64_t progress_ms;  /* When it last took some of out; monotonic. */
    int64_t throttled_ms; /* Since when the request throttle holds it back; 0: it does not. */
    int64_t waited_ms;    /* How long it was held back, for requests taken in turn... */
    uint64_t waited_turn; /* ...this one. */
    struct client_stats stats;
};

/* Begins a connection from `peer`. */
void client_init(struct client *c, struct service *s, const struct sockaddr *peer, bool secure);
/* The connection is gone: watches go, writes that are ordered go on without it, its session stays
 * until it expires, unless it has said that it ends. */
void client_done(struct client *c);

/* Whether a frame may be handed over now. When false, net stops reading from the
 * socket and keeps the bytes; service->host.resume(c) says when to go on. */
bool client_can_take(struct client *c);
/* One whole frame without its length prefix, borrowed for the call. Replies appear in
 * c->out sooner or later (host.dirty tells). False: close at once, without a reply. */
bool client_frame(struct client *c, const uint8_t *frame, size_t len);

/* Ends the connection after what is in out: the server goes. Its session stays. */
void client_end(struct client *c);

/* What net does for the request floor. */
struct client_host {
    /* Close when out has left. c->phase is CLIENT_CLOSING. */
    void (*finish)(struct client *c);
    /* Close now; what is in out is sent as far as the socket takes it at once. */
    void (*kick)(struct client *c);
    /* client_can_take() may be true again. */
    void (*resume)(struct client *c);
};

#endif
