/* mntr: ZK's keys, all of them, since monitoring looks for them; what has no meaning here
 * (other servers, other threads, TLS) is 0. Then our own, which begin with zk_zabd_. */
#include "server/ensemble/figures.h"
#include "server/net/words_impl.h"
#include "server/order/order.h"
#include "server/session/session.h"
#include "util/check.h"

#define OF(member) offsetof(struct server_stats, member)

enum { NOTHING = -1 }; /* In place of an offset: 0 for ever. */

struct metric {
    const char *key;
    ptrdiff_t offset; /* In struct server_stats. */
};

static const struct metric counters[] = {
    { "snapshot_error_count", OF(snapshot_error_count) },
    { "snapshot_rate_limited_count", NOTHING },
    { "restore_error_count", NOTHING },
    { "restore_rate_limited_count", NOTHING },
    { "diff_count", NOTHING },
    { "snap_count", OF(snap_count) },
    { "commit_count", OF(commit_count) },
    { "connection_request_count", OF(connection_request_count) },
    { "connection_rejected", OF(connection_rejected) },
    { "bytes_received_count", OF(bytes_received) },
    { "unrecoverable_error_count", OF(unrecoverable_error_count) },
    { "add_dead_watcher_stall_time", NOTHING },
    { "dead_watchers_queued", NOTHING },
    { "dead_watchers_cleared", NOTHING },
    { "response_packet_cache_hits", OF(response_packet_cache_hits) },
    { "response_packet_cache_misses", OF(response_packet_cache_misses) },
    { "response_packet_get_children_cache_hits", NOTHING },
    { "response_packet_get_children_cache_misses", NOTHING },
    { "ensemble_auth_success", NOTHING },
    { "ensemble_auth_fail", NOTHING },
    { "ensemble_auth_skip", NOTHING },
    { "prep_processor_request_queued", NOTHING },
    { "outstanding_changes_queued", NOTHING },
    { "outstanding_changes_removed", NOTHING },
    { "revalidate_count", NOTHING },
    { "connection_drop_count", OF(connection_drop_count) },
    { "connection_revalidate_count", OF(connection_revalidate_count) },
    { "sessionless_connections_expired", OF(sessionless_connections_expired) },
    { "stale_sessions_expired", OF(stale_sessions_expired) },
    { "request_commit_queued", NOTHING },
    { "throttled_ops", OF(throttled_ops) },
    { "learner_proposal_received_count", NOTHING },
    { "learner_commit_received_count", NOTHING },
    { "sync_processor_request_queued", NOTHING },
    { "proposal_count", OF(proposal_count) },
    { "quit_leading_due_to_disloyal_voter", NOTHING },
    { "stale_requests", OF(stale_requests) },
    { "stale_requests_dropped", OF(stale_requests_dropped) },
    { "stale_replies", OF(stale_replies) },
    { "request_throttle_wait_count", OF(request_throttle_wait_count) },
    { "large_requests_rejected", OF(large_requests_rejected) },
    { "unsuccessful_handshake", NOTHING },
    { "insecure_admin_count", NOTHING },
    { "tls_handshake_exceeded", NOTHING },
    { "cnxn_closed_without_zk_server_running", NOTHING },
    { "skip_learner_request_to_next_processor_count", NOTHING },
    { "requests_not_forwarded_to_commit_processor", NOTHING },
    { "response_bytes", OF(response_bytes) },
    { "watch_bytes", OF(watch_bytes) },
};

static const struct metric summaries[] = {
    { "fsynctime", OF(fsync_ms) },
    { "snapshottime", OF(snapshot_ms) },
    { "restore_time", NOTHING },
    { "dbinittime", OF(dbinit_ms) },
    { "follower_sync_time", NOTHING },
    { "observer_sync_time", NOTHING },
    { "connection_token_deficit", NOTHING },
    { "inflight_snap_count", NOTHING },
    { "inflight_diff_count", NOTHING },
    { "node_created_watch_count", OF(node_created_watch) },
    { "node_deleted_watch_count", OF(node_deleted_watch) },
    { "node_changed_watch_count", OF(node_changed_watch) },
    { "node_children_watch_count", OF(node_children_watch) },
    { "prep_processor_queue_size", NOTHING },
    { "prep_process_time", NOTHING },
    { "proposal_process_time", NOTHING },
    { "unavailable_time", NOTHING },
    { "leader_unavailable_time", NOTHING },
    { "requests_in_session_queue", NOTHING },
    { "pending_session_queue_size", NOTHING },
    { "reads_after_write_in_session_queue", NOTHING },
    { "reads_issued_from_session_queue", NOTHING },
    { "session_queues_drained", NOTHING },
    { "time_waiting_empty_pool_in_commit_processor_read_ms", NOTHING },
    { "write_batch_time_in_commit_processor", NOTHING },
    { "concurrent_request_processing_in_commit_processor", NOTHING },
    { "read_commit_proc_req_queued", NOTHING },
    { "write_commit_proc_req_queued", NOTHING },
    { "commit_commit_proc_req_queued", NOTHING },
    { "read_commit_proc_issued", NOTHING },
    { "write_commit_proc_issued", NOTHING },
    { "commit_process_time", NOTHING },
    { "startup_txns_loaded", OF(startup_txns) },
    { "startup_txns_load_time", OF(startup_txns_ms) },
    { "startup_snap_load_time", OF(startup_load_ms) },
    { "sync_processor_queue_size", NOTHING },
    { "sync_process_time", NOTHING },
    { "sync_processor_batch_size", OF(batch_txns) },
    { "netty_queued_buffer_capacity", NOTHING },
    { "learner_request_processor_queue_size", NOTHING },
    { "socket_closing_time", NOTHING },
};

static const struct metric histograms[] = {
    { "readlatency", OF(read_latency_ms) },
    { "updatelatency", OF(update_latency_ms) },
    { "propagation_latency", OF(propagation_latency_ms) },
    { "dead_watchers_cleaner_latency", NOTHING },
    { "prep_processor_queue_time_ms", NOTHING },
    { "close_session_prep_time", NOTHING },
    { "read_commitproc_time_ms", NOTHING },
    { "write_commitproc_time_ms", NOTHING },
    { "local_write_committed_time_ms", NOTHING },
    { "server_write_committed_time_ms", NOTHING },
    { "om_proposal_process_time_ms", NOTHING },
    { "om_commit_process_time_ms", NOTHING },
    { "read_final_proc_time_ms", NOTHING },
    { "write_final_proc_time_ms", NOTHING },
    { "proposal_latency", NOTHING },
    { "proposal_ack_creation_latency", NOTHING },
    { "commit_propagation_latency", NOTHING },
    { "sync_processor_queue_and_flush_time_ms", NOTHING },
    { "sync_processor_queue_time_ms", NOTHING },
    { "sync_processor_queue_flush_time_ms", NOTHING },
    { "quorum_ack_latency", NOTHING },
    { "request_throttle_queue_time_ms", NOTHING },
    { "jvm_pause_time_ms", NOTHING },
};

#define IN(member) offsetof(struct ensemble_figures, member)

/* What a server among others counts under the same keys. */
static const struct metric in_ensemble[] = {
    { "diff_count", IN(diffs) },
    { "snap_count", IN(snaps) },
    { "proposal_count", IN(proposals) },
    { "commit_count", IN(commits) },
    { "revalidate_count", IN(revalidations) },
    { "quit_leading_due_to_disloyal_voter", IN(disloyal_voters) },
    { "learner_proposal_received_count", IN(proposals_received) },
    { "learner_commit_received_count", IN(commits_received) },
    { "unavailable_time", IN(unavailable) },
    { "leader_unavailable_time", IN(leader_unavailable) },
    { "follower_sync_time", IN(follower_sync) },
    { "observer_sync_time", IN(observer_sync) },
    { "inflight_diff_count", IN(diffs_in_flight) },
    { "inflight_snap_count", IN(snaps_in_flight) },
    { "quorum_ack_latency", IN(quorum_ack) },
    { "proposal_latency", IN(proposal_latency) },
    { "commit_propagation_latency", IN(commit_latency) },
};

/* Where the figures are that mntr shows. */
struct sources {
    const struct server_stats *server;
    const struct ensemble_figures *ensemble; /* NULL: a server of one. */
};

static const void *metric_at(const struct sources *s, const struct metric *m)
{
    static const struct histogram nothing; /* Also a summary and a counter. */

    for (size_t i = 0; s->ensemble != NULL && i < sizeof in_ensemble / sizeof in_ensemble[0]; i++)
        if (strcmp(in_ensemble[i].key, m->key) == 0)
            return (const char *)s->ensemble + in_ensemble[i].offset;
    return m->offset == NOTHING ? (const void *)&nothing : (const char *)s->server + m->offset;
}

/* ---- Lines. */

static void put_u64(struct bytes *out, const char *prefix, const char *key, uint64_t v)
{
    bytes_printf(out, "zk_%s%s\t%llu\n", prefix, key, (unsigned long long)v);
}

static void put_i64(struct bytes *out, const char *key, int64_t v)
{
    bytes_printf(out, "zk_%s\t%lld\n", key, (long long)v);
}

static void put_mean(struct bytes *out, const char *key, const struct summary *s)
{
    bytes_printf(out, "zk_avg_%s\t", key);
    words_put_mean(out, s->sum, s->count);
    words_put_text(out, "\n");
}

static void put_summary(struct bytes *out, const char *key, const struct summary *s)
{
    put_mean(out, key, s);
    put_u64(out, "min_", key, s->min);
    put_u64(out, "max_", key, s->max);
    put_u64(out, "cnt_", key, s->count);
    put_u64(out, "sum_", key, s->sum);
}

static void put_histogram(struct bytes *out, const char *key, const struct histogram *h)
{
    put_summary(out, key, &h->all);
    put_u64(out, "p50_", key, histogram_quantile(h, 0.5));
    put_u64(out, "p95_", key, histogram_quantile(h, 0.95));
    put_u64(out, "p99_", key, histogram_quantile(h, 0.99));
    put_u64(out, "p999_", key, histogram_quantile(h, 0.999));
}

/* ---- Gauges. */

static void put_traffic(const struct service *s, struct bytes *out)
{
    const struct server_stats *stats = &s->stats;

    put_mean(out, "latency", &stats->latency_ms);
    put_u64(out, "max_", "latency", stats->latency_ms.max);
    put_u64(out, "min_", "latency", stats->latency_ms.min);
    put_u64(out, "", "packets_received", stats->packets_received);
    put_u64(out, "", "packets_sent", stats->packets_sent);
    put_u64(out, "", "num_alive_connections", s->client_count);
    put_u64(out, "", "outstanding_requests", s->outstanding);
    put_i64(out, "last_client_response_size", stats->last_response_size);
    put_i64(out, "max_client_response_size", stats->max_response_size);
    put_i64(out, "min_client_response_size", stats->min_response_size);
    put_u64(out, "", "auth_failed_count", stats->auth_failed_count);
    put_u64(out, "", "outstanding_tls_handshake", 0);
    put_u64(out, "", "non_mtls_remote_conn_count", 0);
    put_u64(out, "", "non_mtls_local_conn_count", 0);
    bytes_printf(out, "zk_connection_drop_probability\t");
    words_put_mean(out, (uint64_t)(s->conn_drop_chance * 10000 + 0.5), 10000);
    words_put_text(out, "\n");
}

static void put_gauges(const struct net *n, struct bytes *out)
{
    const struct service *s = n->service;
    const struct words_conf *c = &n->words.conf;
    struct tree_totals tree;
    struct watch_totals watches;
    struct words_ensemble e;
    bool is_alone = !words_ensemble_now(n, &e);

    tree_totals(s->state.tree, &tree);
    watch_totals(s->watches, &watches);
    bytes_printf(out, "zk_version\t%s\n", words_version());
    if (is_alone)
        words_put_text(out, "zk_server_state\tstandalone\n");
    else
        words_put_mntr_state(&e, out);
    put_traffic(s, out);
    put_i64(out, "uptime", s->now_ms - c->started_ms);
    put_u64(out, "", "znode_count", tree.nodes + 1); /* ZK counts the root twice. */
    put_u64(out, "", "watch_count", watches.watches);
    put_u64(out, "", "ephemerals_count", tree.ephemerals);
    put_u64(out, "", "approximate_data_size", tree.data_bytes);
    /* A learner's table has only those that its clients use. */
    put_u64(out, "", "global_sessions",
            is_alone ? session_count(s->sessions) : session_book_count(s->state.sessions));
    put_u64(out, "", "local_sessions", is_alone ? 0 : e.local_sessions);
    put_u64(out, "", "open_file_descriptor_count", n->words.fd_base + n->count);
    put_i64(out, "max_file_descriptor_count", c->fd_max);
    put_u64(out, "", "digest_mismatches_count",
            s->stats.digest_mismatches_count + order_digest_mismatches(s->order) +
                (is_alone || e.figures == NULL ? 0 : e.figures->sync_mismatches));
    if (!is_alone)
        words_put_mntr_ensemble(&e, out);
}

/* Ours: limits at work, memory, and how long the loop kept others waiting. */
static void put_own(const struct net *n, struct bytes *out)
{
    const struct service *s = n->service;
    struct tree_totals tree;
    struct watch_totals watches;

    tree_totals(s->state.tree, &tree);
    watch_totals(s->watches, &watches);
    put_histogram(out, "zabd_loop_stall_us", &s->stats.loop_stall_us);
    put_histogram(out, "zabd_snapshot_stall_us", &s->stats.snapshot_stall_us);
    put_u64(out, "", "zabd_tree_bytes", tree.memory_bytes);
    put_u64(out, "", "zabd_watch_bytes", watches.memory_bytes);
    put_u64(out, "", "zabd_ingress_bytes", n->ingress.used);
    put_u64(out, "", "zabd_ingress_waiting", n->ingress.line_count);
    put_u64(out, "", "zabd_ingress_waits", n->ingress.waits);
    put_u64(out, "", "zabd_ingress_closed", n->ingress.closed);
    put_u64(out, "", "zabd_egress_bytes", s->egress_bytes);
    put_u64(out, "", "zabd_egress_waits", s->stats.egress_waits);
    put_u64(out, "", "zabd_slow_readers_closed", s->stats.slow_readers_closed);
}

/* ---- Quotas, summed up by the first component of their paths. */

struct namespace_quota {
    struct jute_bytes name; /* Borrowed from the tree. */
    struct bytes text;
    int64_t count_limit, bytes_limit, count_used, bytes_used;
};

struct quota_list {
    struct namespace_quota items[WORDS_NAMESPACES_MAX];
    size_t count;
};

static struct namespace_quota *find_namespace(struct quota_list *list, struct jute_bytes path)
{
    struct jute_bytes name = { .at = path.at + 1, .len = path.len - 1 };
    const uint8_t *slash = name.len > 0 ? memchr(name.at, '/', (size_t)name.len) : NULL;

    if (slash != NULL)
        name.len = (int32_t)(slash - name.at);
    /* In path order: the last one is most often it. */
    for (size_t i = list->count; i > 0; i--)
        if (jute_bytes_equal(list->items[i - 1].name, name))
            return &list->items[i - 1];
    if (list->count == WORDS_NAMESPACES_MAX || name.len <= 0)
        return NULL;

    struct namespace_quota *q = &list->items[list->count++];

    *q = (struct namespace_quota){ 0 };
    bytes_put(&q->text, name.at, (size_t)name.len);
    q->name = (struct jute_bytes){ .at = q->text.at, .len = name.len };
    return q;
}

static void add_quota(void *ctx, struct jute_bytes path, const struct tree_quota *quota)
{
    struct namespace_quota *q = find_namespace(ctx, path);

    if (q == NULL)
        return;
    q->count_limit += quota->count_hard > -1 ? quota->count_hard : quota->count_soft;
    q->bytes_limit += quota->bytes_hard > -1 ? quota->bytes_hard : quota->bytes_soft;
    q->count_used += quota->count_used;
    q->bytes_used += quota->bytes_used;
}

static void put_quotas(const struct tree *t, struct bytes *out)
{
    struct quota_list list = { .count = 0 };

    tree_each_quota(t, add_quota, &list);
    for (size_t i = 0; i < list.count; i++) {
        struct namespace_quota *q = &list.items[i];
        const struct {
            const char *key;
            int64_t value;
        } lines[] = { { "count_limit", q->count_limit },
                      { "bytes_limit", q->bytes_limit },
                      { "count_usage", q->count_used },
                      { "bytes_usage", q->bytes_used } };

        for (size_t k = 0; k < sizeof lines / sizeof lines[0]; k++)
            bytes_printf(out, "zk_%.*s_quota_%s_per_namespace\t%lld\n", q->name.len, q->name.at,
                         lines[k].key, (long long)lines[k].value);
        bytes_done(&q->text);
    }
}

/* ---- What is used of each namespace. */

static void put_use(struct bytes *out, const struct tree_namespace *n, const char *what,
                    const struct tree_use *use)
{
    const struct {
        const char *prefix;
        uint64_t value;
    } lines[] = {
        { "min", use->min }, { "max", use->max }, { "cnt", use->count }, { "sum", use->sum }
    };

    if (!use->is_seen)
        return;
    bytes_printf(out, "zk_avg_%.*s_%s_per_namespace\t", n->name.len, n->name.at, what);
    words_put_mean(out, use->sum, use->count);
    words_put_text(out, "\n");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        bytes_printf(out, "zk_%s_%.*s_%s_per_namespace\t%llu\n", lines[i].prefix, n->name.len,
                     n->name.at, what, (unsigned long long)lines[i].value);
}

static void put_namespace(void *ctx, const struct tree_namespace *n)
{
    struct bytes *out = ctx;

    put_use(out, n, "read", &n->read);
    put_use(out, n, "write", &n->written);
    if (n->quota_exceeded > 0)
        bytes_printf(out, "zk_%.*s_quota_exceeded_error_per_namespace\t%llu\n", n->name.len,
                     n->name.at, (unsigned long long)n->quota_exceeded);
}

void words_put_mntr(struct net *n, struct bytes *out)
{
    struct words_ensemble elections;

    if (!words_ensemble_now(n, &elections))
        elections = (struct words_ensemble){ 0 };
    struct sources sources = { .server = &n->service->stats, .ensemble = elections.figures };
    put_gauges(n, out);
    put_quotas(n->service->state.tree, out);
    tree_each_namespace(n->service->state.tree, put_namespace, out);
    put_u64(out, "", "looking_count", elections.elections);
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        put_u64(out, "", counters[i].key, *(const uint64_t *)metric_at(&sources, &counters[i]));
    put_summary(out, "election_time", &elections.election_ms);
    for (size_t i = 0; i < sizeof summaries / sizeof summaries[0]; i++)
        put_summary(out, summaries[i].key, metric_at(&sources, &summaries[i]));
    for (size_t i = 0; i < sizeof histograms / sizeof histograms[0]; i++)
        put_histogram(out, histograms[i].key, metric_at(&sources, &histograms[i]));
    put_own(n, out);
}
