/* Figures of one server, counted where things happen and printed by the words. Plain
 * numbers on the loop thread: no locks. Names follow mntr's (client-protocol 7.5). */
#ifndef SERVER_REQUEST_STATS_H
#define SERVER_REQUEST_STATS_H

#include <stdint.h>

#include "util/summary.h"

struct server_stats {
    /* Latency of answered requests in ms, as srvr shows it. */
    struct summary latency_ms;
    uint64_t packets_received, packets_sent, bytes_received, response_bytes, watch_bytes;
    int64_t last_response_size, min_response_size, max_response_size; /* -1 before any. */
    uint64_t connection_request_count, connection_rejected, connection_drop_count;
    uint64_t connection_revalidate_count, sessionless_connections_expired;
    uint64_t stale_sessions_expired, large_requests_rejected, auth_failed_count;
    uint64_t snapshot_error_count, snap_count, commit_count, proposal_count;
    uint64_t throttled_ops, stale_requests, stale_requests_dropped, stale_replies;
    uint64_t request_throttle_wait_count, digest_mismatches_count, unrecoverable_error_count;
    uint64_t response_packet_cache_hits, response_packet_cache_misses;
    uint64_t watches_fired[6]; /* By event type 1..5. */
    uint64_t watch_limit_closed, slow_readers_closed, ingress_waits,
        egress_waits; /* Our own limits at work. */
    struct summary node_created_watch, node_deleted_watch, node_changed_watch,
        node_children_watch; /* Watchers reached by one event. */
    struct summary fsync_ms, snapshot_ms, batch_txns;
    struct summary startup_load_ms, startup_txns, startup_txns_ms, dbinit_ms;
    struct histogram read_latency_ms, update_latency_ms, propagation_latency_ms;
    /* How long one turn of the loop kept everybody else waiting, in us; and the same of
     * turns that worked on a snapshot. */
    struct histogram loop_stall_us, snapshot_stall_us;
};

/* Sets everything that `srst` resets. */
void stats_reset(struct server_stats *s);
void stats_init(struct server_stats *s);

#endif
