/* The service: one server's state and what is under way, without sockets or clock.
 *
 * A turn of the loop: service_tick() with the clocks, then any number of client_frame(),
 * service_durable(), then service_turn_end(), which hands the turn's writes to the log
 * as one batch. After it, every client in `dirty` has output for one write each. */
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

struct children_cache;
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
    struct auth_conf auth;
    uint64_t seed;
};

/* The digest of the tree at a zxid: one each 128 txns, for the `hash` word. */
struct past_digest {
    zk_zxid zxid;
    uint64_t digest;
};
enum { PAST_DIGESTS_MAX = 1024, PAST_DIGEST_EACH = 128 };

struct service {
    struct service_conf conf;
    struct state state; /* Tree and session book. */
    struct watch_table *watches;
    struct session_table *sessions;
    struct order *order;
    struct server_stats stats;
    struct client_host host;

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
    struct pending *pool;      /* Unused ones. */
    struct pending *sync_first, *sync_last; /* Wait for a zxid to be applied, in its order. */
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
 * at once (the loop should not sleep). What was ordered in this turn is then in order_take_batch().
 */
bool service_turn_end(struct service *s);
/* Every txn up to zxid is durable here (and so, on a server of one, decided): applies,
 * answers, fires watches. */
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

zk_zxid service_zxid(const struct service *s); /* Last applied. */

#endif
