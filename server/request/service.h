/* The service: one server's state and what is under way, without sockets or clock.
 *
 * A turn of the loop: service_tick() with the clocks, then any number of client_frame(),
 * service_durable(), then service_turn_end(), then ensemble_turn_end(), which hands the turn's
 * writes to the log as one batch. After it, every client in `dirty` has output for one write
 * each. */
#ifndef SERVER_REQUEST_SERVICE_H
#define SERVER_REQUEST_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/auth/auth.h"
#include "server/request/client.h"
#include "server/request/stats.h"
#include "server/state/recover.h"
#include "server/tree/tree.h"
#include "server/tree/watch.h"
#include "util/ids.h"
#include "util/list.h"
#include "util/rand.h"
#include "zab/zab.h"

struct children_cache;
struct ensemble;
struct ensemble_conf;
struct ensemble_io;
struct order;
struct pending;
struct session_table;

struct service_conf {
    zk_sid server_id; /* 1 on a server of one. */
    int64_t tick_ms, min_session_timeout_ms, max_session_timeout_ms;
    uint32_t frame_max;              /* jute.maxbuffer, bytes. */
    uint32_t frame_extra;            /* jute.maxbuffer.extrasize, bytes. */
    uint32_t global_outstanding_max; /* globalOutstandingLimit. */
    uint64_t egress_max;             /* zabd.maxEgressBytes: unread replies of all clients. */
    uint64_t conn_egress_max; /* zabd.connEgressBytes: of one client, before reading stops. */
    int32_t large_request_threshold; /* -1 off. */
    uint64_t large_request_max_bytes;
    uint32_t throttle_max_requests; /* request_throttle_max_requests; 0 off. */
    int64_t throttled_op_wait_ms;   /* throttled_op_wait_time; 0 off. */
    bool throttle_drop_stale, stale_latency_check, stale_connection_check;
    /* connection_throttle_*. */
    int32_t conn_tokens, conn_fill_count, conn_freeze_time;
    int64_t conn_fill_ms;
    double conn_drop_increase, conn_drop_decrease, conn_decrease_ratio;
    bool conn_weights;
    int32_t conn_global_weight, conn_renew_weight, conn_local_weight;
    bool enforce_quota, digest, extended_types, emulate_353, reconfig_enabled;
    bool close_session_txn; /* closeSessionTxn.enabled. */
    /* Of servers with peers only. */
    bool local_sessions, local_upgrading; /* localSessions…Enabled. */
    bool linearizable_reads;              /* Each waits for a quorum's word; ZK has it not. */
    bool read_only_mode;                  /* readonlymode.enabled. */
    bool leader_abstains;                 /* leaderServes=no. */
    struct auth_conf auth;
    uint64_t seed;
    const struct ensemble_io *io; /* The outside; copied. */
    /* With peers: all but .order is taken from here, and service_init() does not start it. NULL: a
     * server of one. Both are only read by service_init(). */
    const struct ensemble_conf *ensemble;
    const struct zab_saved *saved;
};

/* The digest of the tree at a zxid: one each 128 txns, for the `hash` word. */
struct past_digest {
    zk_zxid zxid;
    uint64_t digest;
};
enum { PAST_DIGESTS_MAX = 1024, PAST_DIGEST_EACH = 128 };

/* Whether clients are let in. */
enum door {
    DOOR_OPEN, /* What they ask is dealt with. */
    DOOR_HELD, /* They are kept waiting, for a short while: nothing is read of them. */
    DOOR_SHUT, /* They are closed, and who comes is as soon as he asks for a session. */
};

struct service {
    struct service_conf conf;
    struct state state; /* Tree and session book. */
    struct watch_table *watches;
    struct session_table *sessions;
    struct ensemble *ensemble;
    struct order *order; /* The ensemble's. */
    struct server_stats stats;
    struct client_host host;

    /* Our place in the ensemble (role.c). */
    bool is_alone; /* There are no others. */
    enum zab_role role;
    enum door door;
    bool serves;            /* We follow, observe or lead. */
    bool leads;             /* We lead: all sessions are tracked here, writes are ordered here. */
    bool is_read_only;      /* Nobody leads for long; door is open for reads. */
    bool asks_before_reads; /* is_read_only, or reads are to be linearizable. */
    bool can_submit;        /* ensemble_can_submit(), as it was last looked at. */
    bool needs_settling;    /* Serving has begun, or tickets were refused: when the turn ends... */
    int64_t settled_epoch;  /* Of the leader that clients were last let in under. */
    int64_t paused_ms;      /* When serving ended. */
    int64_t read_only_ms;   /* Since when there may have been no leader. */
    zk_session_id read_only_first_id; /* Of the sessions made since is_read_only. */
    uint32_t outstanding_max;         /* Our part of globalOutstandingLimit. */
    uint64_t local_sessions;          /* Of those in sessions. */

    struct client **clients; /* By watcher id; NULL where free. */
    uint32_t *free_slots;    /* Of clients: each free one names the next. */
    uint32_t clients_cap, clients_free, client_count;
    struct list dirty;         /* Clients whose out has something new. */
    struct list parked;        /* Clients whose next answer waits for room (egress) or its turn. */
    struct list blocked;       /* Clients that net does not read from: see client_can_take(). */
    struct list doomed;        /* Clients to be closed at the end of the turn. */
    bool needs_room;           /* Someone in parked waits for others to read their replies. */
    uint64_t turn;             /* Counts turns of the loop. */
    uint64_t turn_large_bytes; /* Bytes of large replies made in this turn. */
    struct pending **pendings; /* All there are. */
    struct pending *pool;      /* Unused ones. */
    uint32_t pending_count, pending_cap;
    uint64_t expected;   /* Pendings in a session.writes. */
    struct list syncs;   /* Pendings that wait for a zxid to be applied, in its order... */
    struct list waiters; /* ...or for a ticket, in its order... */
    struct list refused; /* ...and those that must ask for one anew. */
    struct children_cache *children_cache;
    struct past_digest *past_digests; /* Oldest first. */
    size_t past_digest_count;
    struct bytes scratch;    /* Of one reply or event at a time. */
    struct bytes repaired;   /* A text of a request; see read_text(). */
    int64_t conn_tokens;     /* Left in the bucket of the connection throttle... */
    int64_t conn_filled_ms;  /* ...which was last filled then. */
    double conn_drop_chance; /* connection_drop_probability. */
    int64_t conn_drop_checked_ms;
    uint64_t egress_bytes; /* Sum of all out; net reports what leaves by service_sent(). */
    uint64_t large_bytes;  /* Of large requests in flight. */
    uint64_t outstanding;  /* Requests in process, of all clients (srvr: Outstanding). */

    int64_t now_ms;  /* Monotonic, of this turn. */
    int64_t wall_ms; /* Since 1970, of this turn. */
    zk_session_id next_session_id;
    struct rand_state rand;
};

/* Takes over the state. now: see service_tick(). Returns 0 or -ENOMEM. */
int service_init(struct service *s, const struct service_conf *conf, struct state *state,
                 const struct client_host *host, int64_t now_ms, int64_t wall_ms);
void service_done(struct service *s);

void service_tick(struct service *s, int64_t now_ms, int64_t wall_ms);
/* The turn is over: gives parked clients their slice. Returns true when parked clients could go on
 * at once (the loop should not sleep). */
bool service_turn_end(struct service *s);
/* Every txn up to zxid is durable here (and so, on a server of one, decided): the ensemble goes on.
 */
void service_durable(struct service *s, zk_zxid zxid);
/* `count` bytes of c->out were sent. */
void service_sent(struct service *s, struct client *c, size_t count);

/* Expires sessions that are due, and closes those that hold up others by not reading.
 * Returns when to call again (ms, monotonic) or INT64_MAX; ask again after each turn,
 * with service_deadline(). */
int64_t service_expire(struct service *s);
int64_t service_deadline(const struct service *s);
/* One round of the container and TTL reaper (client-protocol 3.8): at most max deletions
 * are ordered. never_used_ms 0: off. True: it did not come round, go on soon. */
bool service_reap(struct service *s, int64_t never_used_ms, size_t max);

/* ---- What the ensemble says: struct ensemble_host. service_init() hands these to it. */

/* We serve no more. Clients stay, and are not read from, for DOOR_HELD_MS. */
void service_pause(struct service *s);
/* We serve again, and all that the last role left is applied or gone: who still waits for a write
 * is closed when the turn ends, since nobody knows its end; so is everyone when the state is
 * another one, and who has no session in it. The others go on. */
void service_serve(struct service *s, enum zab_role role, bool state_is_new);
void service_revalidated(struct service *s, zk_session_id id, bool is_valid);
void service_synced(struct service *s, uint64_t ticket, bool is_refused);

zk_zxid service_zxid(const struct service *s); /* Last applied. */

#endif
