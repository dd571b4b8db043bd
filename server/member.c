/* A server among its peers: what the ensemble has done on the disk and on the wire, and
 * what they have to tell it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/driver.h"
#include "server/order/limits.h"
#include "util/check.h"
#include "util/log.h"

enum {
    EXIT_CONFIG_FILE_FAILED = 1,
    FINALIZE_MS = 200, /* ZooKeeper's wait for a better vote. */
};

/* ---- The ensemble's disk. */

static void append(void *ctx, struct wal_batch *b)
{
    struct driver *d = ctx;

    summary_add(&d->service.stats.batch_txns, b->count);
    disk_append(&d->disk, b);
}

static void save_accepted(void *ctx, int64_t epoch)
{
    struct driver *d = ctx;

    disk_save_accepted(&d->disk, epoch);
}

static void save_current(void *ctx, int64_t epoch)
{
    struct driver *d = ctx;

    /* A leader's NEWLEADER makes its learners do the same: at the same time, not afterwards. */
    peers_flush_links(d->peers);
    disk_save_current(&d->disk, epoch);
}

static void save_config(void *ctx, const struct zab_config *cur, const struct zab_config *last_seen)
{
    struct driver *d = ctx;
    char why[DYNAMIC_WHY_MAX];

    if (!d->conf->members_in_file) {
        log_error("config: other members than those of the command line are in force; they are "
                  "forgotten at the next start");
        return;
    }
    bool is_bound = d->client_port.net != NULL;
    d->dynamic.client_host = is_bound ? d->client_port.host : d->conf->client_address;
    d->dynamic.client_port = is_bound ? d->client_port.port : d->conf->client_port;
    if (dynamic_store(&d->dynamic, cur, last_seen, why) == 0)
        return;
    if (!d->conf->reconfig_enabled) { /* Its file may not be meant to be written. */
        log_error("config: %s; the new members are forgotten at the next start", why);
        return;
    }
    log_error("config: %s; stopping, the new members would be forgotten", why);
    _exit(EXIT_CONFIG_FILE_FAILED);
}

static int truncate_to(void *ctx, zk_zxid zxid, struct state *reload)
{
    struct driver *d = ctx;

    return disk_truncate(&d->disk, zxid, reload);
}

static void empty_state(void *ctx, struct state *ret)
{
    struct driver *d = ctx;

    disk_empty_state(&d->disk, ret);
}

static void save_snapshot(void *ctx)
{
    struct driver *d = ctx;

    disk_save_snapshot(&d->disk);
}

static int log_open_from(void *ctx, zk_zxid after, void **ret)
{
    struct driver *d = ctx;

    return disk_log_open(&d->disk, after, ret);
}

static int log_next(void *ctx, void *log, const uint8_t **ret, size_t *ret_len, zk_zxid *ret_zxid)
{
    (void)ctx;
    return disk_log_next(log, ret, ret_len, ret_zxid);
}

static void log_end(void *ctx, void *log)
{
    (void)ctx;
    disk_log_close(log);
}

/* ---- The ensemble's wires. */

static void notify(void *ctx, zk_sid to, const uint8_t *frame, size_t len)
{
    struct driver *d = ctx;

    peers_notify(d->peers, to, frame, len);
}

static void call(void *ctx, zk_sid to)
{
    struct driver *d = ctx;

    peers_call(d->peers, to);
}

static void connect_to(void *ctx, zab_link link, zk_sid leader)
{
    struct driver *d = ctx;

    peers_connect(d->peers, link, leader);
}

static void send_on(void *ctx, zab_link link, const uint8_t *at, size_t len)
{
    struct driver *d = ctx;

    peers_send(d->peers, link, at, len);
}

static size_t unsent(void *ctx, zab_link link)
{
    struct driver *d = ctx;

    return peers_unsent(d->peers, link);
}

static void close_link(void *ctx, zab_link link, const char *why)
{
    struct driver *d = ctx;

    peers_close(d->peers, link, why);
}

/* What is in force may have another client port for us than we have. */
static void move_client_port(struct driver *d, const struct zab_config *cur)
{
    const struct zab_member *own = zab_config_find(cur, d->conf->sid);

    if (d->client_port.net == NULL || d->is_stopping || own == NULL || own->client_host == NULL ||
        own->client_is_static)
        return;
    client_port_move(&d->client_port, zab_host_is_any(own->client_host) ? NULL : own->client_host,
                     (uint16_t)own->client_port);
}

static void members(void *ctx, const struct zab_config *cur, const struct zab_config *last_seen)
{
    struct driver *d = ctx;

    peers_members(d->peers, cur, last_seen);
    move_client_port(d, cur);
}

/* ---- The rest. */

static void stop(void *ctx, const char *why)
{
    struct driver *d = ctx;

    log_error("ensemble: %s; stopping", why);
    d->failed = why;
}

static void say(void *ctx, int level, const char *line)
{
    (void)ctx;
    log_line((enum log_level)level, "%s", line);
}

struct ensemble_io driver_io(struct driver *d)
{
    return (struct ensemble_io){
        .ctx = d,
        .notify = notify,
        .call = call,
        .connect = connect_to,
        .send = send_on,
        .unsent = unsent,
        .close = close_link,
        .members = members,
        .append = append,
        .save_accepted = save_accepted,
        .save_current = save_current,
        .save_config = save_config,
        .truncate = truncate_to,
        .empty_state = empty_state,
        .save_snapshot = save_snapshot,
        .log_open = log_open_from,
        .log_next = log_next,
        .log_close = log_end,
        .stop = stop,
        .log = say,
    };
}

/* Ticks until a leader's quorum port has taken our call. ZooKeeper's default is initLimit, which is
 * the time for a synchronisation; but who does not take a call in the time in which a leader may be
 * silent is as good as silent. */
static int32_t connect_limit(const struct config *c)
{
    if (c->connect_limit > 0)
        return c->connect_limit;
    return c->init_limit < c->sync_limit ? c->init_limit : c->sync_limit;
}

struct ensemble_conf driver_ensemble_conf(const struct driver *d, uint64_t seed)
{
    const struct config *c = d->conf;

    return (struct ensemble_conf){
        .zab = {
            .self = c->sid,
            .is_observer = c->is_observer,
            .tick_ms = c->tick_ms,
            .init_limit = c->init_limit,
            .sync_limit = c->sync_limit,
            .connect_limit = connect_limit(c),
            .proposals_max = ORDER_PROPOSALS_MAX,
            .zxid_counter_max = (uint32_t)c->epoch_txns,
            .resend_min_ms = c->notify_min_ms,
            .resend_max_ms = c->notify_max_ms,
            .finalize_ms = FINALIZE_MS,
            .max_wait_for_epoch_ms = c->epoch_wait_ms,
            .reconfig_enabled = c->reconfig_enabled,
            .zabd_hints = true,
            .observer_masters = c->observer_master_port != 0,
            .observer_reconnect_ms = c->observer_reconnect_ms,
            .observer_election_ms = c->observer_election_ms > 0 ? c->observer_election_ms : -1,
            .rules = config_rules(c),
            .seed = seed,
        },
        .local_sessions = c->local_sessions,
        .local_upgrading = c->local_sessions_upgrading,
        .linearizable_reads = c->linearizable_reads,
        .history_bytes = (uint64_t)c->history_bytes,
        .history_count = (uint32_t)c->commit_log_count,
        .feed_bytes_max = (uint64_t)c->learner_feed_bytes,
        .observer_bytes = (uint64_t)c->observer_master_bytes,
        .frame_max = (uint32_t)(c->max_frame_bytes + c->max_frame_extra_bytes),
        .force_snapshot_sync = c->force_snapshot_sync,
        .log_sync = c->snapshot_size_factor >= 0,
    };
}

/* ---- What the disk tells. */

static void saved(void *ctx)
{
    struct driver *d = ctx;

    ensemble_snapshot_saved(d->service.ensemble);
}

static void snapshot_ended(void *ctx, int result, uint64_t ms)
{
    struct driver *d = ctx;

    if (result < 0)
        d->service.stats.snapshot_error_count++;
    else
        summary_add(&d->service.stats.snapshot_ms, ms);
}

static void stalled(void *ctx, uint64_t us)
{
    struct driver *d = ctx;

    histogram_add(&d->service.stats.snapshot_stall_us, us);
}

struct disk_host driver_disk_host(struct driver *d)
{
    return (struct disk_host){
        .ctx = d, .saved = saved, .snapshot_ended = snapshot_ended, .stalled = stalled
    };
}

/* ---- What the peers tell. */

static int64_t now_ms(void *ctx)
{
    const struct driver *d = ctx;

    return d->service.now_ms;
}

static void notified(void *ctx, zk_sid from, const uint8_t *body, size_t len)
{
    struct driver *d = ctx;

    ensemble_notified(d->service.ensemble, from, body, len);
}

static void reachable(void *ctx, zk_sid peer, bool is_reachable)
{
    struct driver *d = ctx;

    ensemble_reachable(d->service.ensemble, peer, is_reachable);
}

static void link_up(void *ctx, zab_link link)
{
    struct driver *d = ctx;

    ensemble_link_up(d->service.ensemble, link);
}

static void link_down(void *ctx, zab_link link)
{
    struct driver *d = ctx;

    ensemble_link_down(d->service.ensemble, link);
}

static int64_t received(void *ctx, zab_link link, const uint8_t *at, size_t len)
{
    struct driver *d = ctx;

    return ensemble_received(d->service.ensemble, link, at, len);
}

static void room(void *ctx, zab_link link)
{
    struct driver *d = ctx;

    ensemble_room(d->service.ensemble, link);
}

static void peers_failed(void *ctx, const char *why)
{
    struct driver *d = ctx;

    log_error("peers: %s; stopping", why);
    d->failed = why;
}

int driver_make_peers(struct driver *d)
{
    const struct config *c = d->conf;
    struct peers_conf conf = peers_conf_default(c->sid, c->tick_ms, c->init_limit, c->sync_limit);
    struct peers_host host = {
        .ctx = d,
        .wake = driver_wake,
        .now_ms = now_ms,
        .notified = notified,
        .reachable = reachable,
        .link_up = link_up,
        .link_down = link_down,
        .received = received,
        .room = room,
        .failed = peers_failed,
    };

    conf.connect_ms = c->election_connect_ms;
    if (c->election_handshake_ms > 0)
        conf.initial_ms = c->election_handshake_ms;
    conf.link_connect_ms = connect_limit(c) * c->tick_ms;
    conf.link_pause_ms = c->learner_retry_ms;
    conf.bind_tries = c->election_bind_tries;
    conf.master_port = (uint16_t)c->observer_master_port;
    conf.frame_max = (uint32_t)(c->max_frame_bytes + c->max_frame_extra_bytes);
    conf.keepalive = c->election_keepalive;
    conf.multi_address = c->multi_address;
    conf.listen_on_all = c->quorum_listen_on_all;
    /* A feed that waits goes on when there is room for more. */
    if (conf.link_low_bytes > (size_t)c->learner_feed_bytes)
        conf.link_low_bytes = (size_t)c->learner_feed_bytes;
    return peers_new(&d->peers, &conf, &host, d->base);
}

/* ---- What the words show. */

void driver_forget_figures(void *ctx)
{
    struct driver *d = ctx;

    d->election_ms = (struct summary){ 0 };
    ensemble_forget_figures(d->service.ensemble);
}

void driver_show_ensemble(void *ctx, struct words_ensemble *ret)
{
    const struct driver *d = ctx;
    const struct service *s = &d->service;
    const struct zab *z = ensemble_zab(s->ensemble);
    const struct ensemble_figures *figures = ensemble_figures(s->ensemble);
    struct ensemble_view view;

    ensemble_view(s->ensemble, &view);
    *ret = (struct words_ensemble){
        .serves = s->door == DOOR_OPEN,
        .is_read_only = s->is_read_only,
        .role = zab_role(z),
        .phase = zab_phase(z),
        .config = zab_config_in_force(z),
        .local_sessions = s->local_sessions,
        .elections = figures->looking,
        .figures = figures,
        .is_observer_master = d->conf->observer_master_port != 0,
        .election_ms = d->election_ms,
        .learners = view.learners,
        .synced_followers = view.synced_followers,
        .synced_observers = view.synced_observers,
        .synced_non_voting = view.synced_non_voting,
        .pending_syncs = view.pending_syncs,
        .leading_ms = d->leading_ms == INT64_MAX ? 0 : s->now_ms - d->leading_ms,
        .proposal_last = figures->proposal_last,
        .proposal_min = figures->proposal_min,
        .proposal_max = figures->proposal_max,
        .observer_master = zab_master(z),
    };
}
