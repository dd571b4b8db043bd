/* Limits of this floor: name, unit, default, and what happens at the limit. Those that
 * can be configured are in struct service_conf. */
#ifndef SERVER_REQUEST_LIMITS_H
#define SERVER_REQUEST_LIMITS_H

enum {
    /* Bytes that a client's requests in line take: what stands for each, its copy where it waits
     * behind a write, its reply where that waits. At the limit nothing more is read from it until
     * the first are through. It is room for 1,800 that wait for nothing but their txns, more than
     * globalOutstandingLimit grants to all clients by default. */
    CLIENT_PENDING_BYTES_MAX = 256 * 1024,

    /* A reply of more bytes is large: it waits for room among the unread replies of all
     * clients, and for its turn, so that many of them at once delay nobody else. */
    LARGE_REPLY_BYTES = 64 * 1024,

    /* When all the room for unread replies is taken (zabd.maxEgressBytes), a client with
     * more unread bytes than this gets no further answer, and is closed if it takes
     * nothing for STUCK_READER_MS. */
    FULL_EGRESS_BYTES = 16 * 1024,

    /* Bytes of one reply. What would be larger gets ZK_MARSHALLING_ERROR: clients refuse
     * far less (their own jute.maxbuffer). */
    REPLY_BYTES_MAX = 128 * 1024 * 1024,

    /* Bytes of large replies made in one turn of the loop. The rest waits for the next. */
    TURN_LARGE_BYTES = 4 * 1024 * 1024,

    /* A client that takes no byte for so long, while others wait for room that its unread
     * replies fill, is closed. Milliseconds. */
    STUCK_READER_MS = 500,

    /* Unread bytes of a client, as a multiple of conn_egress_max, beyond which it is
     * closed rather than sent further notifications. */
    EVENT_EGRESS_FACTOR = 4,

    /* Bytes of the paths that one connection watches. Who wants more is closed. */
    WATCH_CLIENT_BYTES_MAX = 32 * 1024 * 1024,
    /* Of all connections. Beyond it, who holds more than the free part and wants more is
     * closed; others go on. */
    WATCH_TOTAL_BYTES_MAX = 256 * 1024 * 1024,
    WATCH_FREE_BYTES = 64 * 1024,

    /* Lists of children kept in encoded form: entries, bytes of one, smallest list. */
    CHILDREN_CACHE_SLOTS = 64,
    CHILDREN_CACHE_BYTES_MAX = 8 * 1024 * 1024,
    CHILDREN_CACHE_COUNT_MIN = 16,
    /* Bytes of all of them; beyond it all are dropped. */
    CHILDREN_CACHE_TOTAL_MAX = 16 * 1024 * 1024,

    /* How long (ms) clients are kept waiting while nobody leads, or while we find our place: at the
     * limit their connections are closed, as ZK closes them at once. */
    DOOR_HELD_MS = 1000,
    /* A server that finds no leader for so long (ms), or for a tick if that is longer, begins to
     * serve what it has, if readonlymode.enabled. */
    READ_ONLY_AFTER_MS = 2000,

    /* How long (ms) expiry waits when the log is behind. */
    EXPIRE_RETRY_MS = 10,
};

#endif
