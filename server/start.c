/* From a configuration to a server that answers. What can fail comes before what
 * writes: the port, the directories, their lock, what is in them. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "server/driver.h"
#include "server/order/order.h"
#include "util/log.h"

enum {
    EXIT_CONFIG = 2,
    EXIT_DATA = 3,
    EXIT_OTHER = 1,
    FDS_OF_OUR_OWN = 32, /* Logs, snapshots, eventfds, the log file... */
    FDS_OF_PEERS = 800,  /* ...links, calls, guests and listeners of the peers' ports. */
};

static struct service_conf service_conf_of(const struct config *c, uint64_t seed)
{
    return (struct service_conf){
        .server_id = c->sid,
        .tick_ms = c->tick_ms,
        .min_session_timeout_ms = c->session_timeout_min_ms,
        .max_session_timeout_ms = c->session_timeout_max_ms,
        .frame_max = (uint32_t)c->max_frame_bytes,
        .frame_extra = (uint32_t)c->max_frame_extra_bytes,
        .global_outstanding_max = (uint32_t)c->outstanding_limit,
        .egress_max = (uint64_t)c->max_egress_bytes,
        .conn_egress_max = (uint64_t)c->conn_egress_bytes,
        .large_request_threshold = c->large_threshold_bytes,
        .large_request_max_bytes = (uint64_t)c->large_max_bytes,
        .throttle_max_requests = (uint32_t)c->throttle_max_requests,
        .throttled_op_wait_ms = c->throttled_op_wait_ms,
        .throttle_drop_stale = c->throttle_drop_stale,
        .stale_latency_check = c->stale_latency_check,
        .stale_connection_check = c->stale_connection_check,
        .conn_tokens = c->connection_tokens,
        .conn_fill_count = c->connection_fill_count,
        .conn_freeze_time = c->connection_freeze_ms,
        .conn_fill_ms = c->connection_fill_time_ms,
        .conn_drop_increase = c->connection_drop_increase,
        .conn_drop_decrease = c->connection_drop_decrease,
        .conn_decrease_ratio = c->connection_decrease_ratio,
        .conn_weights = c->connection_weight_enabled,
        .conn_global_weight = c->connection_weight_global,
        .conn_renew_weight = c->connection_weight_renew,
        .conn_local_weight = c->connection_weight_local,
        .enforce_quota = c->enforce_quota,
        .digest = c->digest_enabled,
        .extended_types = c->extended_types,
        .emulate_353 = c->emulate_353_ttl,
        .reconfig_enabled = c->reconfig_enabled,
        .close_session_txn = c->close_session_txn,
        .local_sessions = c->local_sessions && c->members != NULL,
        .local_upgrading = c->local_sessions_upgrading,
        .linearizable_reads = c->linearizable_reads && c->members != NULL,
        .read_only_mode = c->readonly_mode,
        .leader_abstains = !c->leader_serves,
        .auth = {
            .digest_enabled = c->auth_digest,
            .super_digest = c->super_digest,
            .digest_algorithm = c->digest_algorithm,
            .skip_acl = c->skip_acl,
            .ensemble_provider = c->auth_ensemble,
            .ensemble_names = c->ensemble_names,
            .sasl_provider = c->auth_sasl,
            .x509_provider = c->auth_x509,
            .enforced_schemes = c->enforce_schemes,
        },
        .seed = seed,
    };
}

static uint64_t random_seed(void)
{
    uint64_t seed = 0;

    /* Never blocks after boot; a fixed seed would only make collisions easier. */
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
        seed = net_now_us() * 0x9E3779B97F4A7C15u ^ (uint64_t)getpid();
    return seed;
}

/* As many descriptors as we may have; each client needs one. */
static int64_t raise_fd_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur == RLIM_INFINITY ? INT32_MAX : (int64_t)limit.rlim_cur;
}

static int make_loop(struct driver *d)
{
    struct event_config *ec = event_config_new();

    if (ec == NULL)
        return -ENOMEM;
    /* Only this thread touches the base, and it reads the clock itself. */
    (void)event_config_set_flag(ec, EVENT_BASE_FLAG_NOLOCK);
    (void)event_config_set_flag(ec, EVENT_BASE_FLAG_PRECISE_TIMER);
    d->base = event_base_new_with_config(ec);
    event_config_free(ec);
    return d->base == NULL ? -ENOMEM : 0;
}

static int bind_port(struct driver *d, const struct net_conf *conf, int *ret_fd)
{
    const char *host = d->conf->client_address;
    int fd = net_bind(host, (uint16_t)d->conf->client_port, conf);

    if (fd >= 0) {
        *ret_fd = fd;
        return 0;
    }
    const char *shown = host != NULL ? host : "*";
    if (fd == -ENOENT)
        log_error("start: clientPortAddress='%s' means no address of this machine", shown);
    else
        (void)log_errno(LOG_LEVEL_ERROR, fd,
                        "start: cannot bind the client port address=%s port=%d", shown,
                        d->conf->client_port);
    return EXIT_OTHER;
}

static int open_data(struct driver *d, struct state *state, struct recover_report *report,
                     uint64_t seed)
{
    const struct config *c = d->conf;
    char why[STORE_WHY_MAX] = "";
    struct dirs_conf dirs_conf = { .data_dir = c->data_dir,
                                   .data_log_dir = c->data_log_dir,
                                   .autocreate = c->data_dir_autocreate };
    struct disk_conf disk_conf = disk_conf_of(c, seed);

    int r = disk_open(&d->disk, &disk_conf, &dirs_conf, state, report, why);
    if (r < 0) {
        log_error("start: %s", why[0] != '\0' ? why : strerror(-r));
        return EXIT_DATA;
    }
    log_info(
        "recover: zxid=0x%llx snapshot=%s txns=%llu skipped_snapshots=%llu cut_bytes=%llu "
        "killed_sessions=%llu load_ms=%llu replay_ms=%llu",
        (unsigned long long)report->zxid, report->snapshot[0] != '\0' ? report->snapshot : "none",
        (unsigned long long)report->txns, (unsigned long long)report->snapshots_skipped,
        (unsigned long long)report->cut_bytes, (unsigned long long)report->sessions_killed,
        (unsigned long long)report->load_us / 1000, (unsigned long long)report->replay_us / 1000);
    if (report->digest_mismatches > 0)
        log_error("recover: the tree's digest is not the promised one txns=%llu first_zxid=0x%llx",
                  (unsigned long long)report->digest_mismatches,
                  (unsigned long long)report->first_mismatch);
    return 0;
}

static size_t past_digests(void *ctx, const struct past_digest **ret)
{
    const struct driver *d = ctx;

    *ret = d->service.past_digests;
    return d->service.past_digest_count;
}

static void start_words(struct driver *d, int64_t fd_max)
{
    const struct config *c = d->conf;
    struct words_conf words = {
        .whitelist = c->words_whitelist,
        .readonly_mode = c->readonly_mode,
        .client_port = c->client_port,
        .snap_dir = d->disk.dirs.snap_dir,
        .log_dir = d->disk.dirs.log_dir,
        .tick_ms = c->tick_ms,
        .min_session_timeout_ms = c->session_timeout_min_ms,
        .max_session_timeout_ms = c->session_timeout_max_ms,
        .max_connections_ip = c->max_connections_ip,
        .backlog = c->client_backlog,
        .started_ms = d->service.now_ms,
        .fd_max = fd_max,
        .ctx = d,
        .digests = past_digests,
        .ensemble = d->peers != NULL ? driver_show_ensemble : NULL,
        .reset = d->peers != NULL ? driver_forget_figures : NULL,
        .sid = c->sid,
        .init_limit = c->init_limit,
        .sync_limit = c->sync_limit,
    };

    words_init(&d->net.words, &words);
}

/* What the epoch files and the configuration say (quorum-protocol 1.5, 1.6). */
static int load_place(struct driver *d, zk_zxid zxid, struct zab_saved *ret)
{
    const struct config *c = d->conf;
    char why[STORE_WHY_MAX] = "";

    *ret = (struct zab_saved){ .logged = zxid, .config = c->members, .last_seen = c->last_seen };
    int r = disk_load_epochs(&d->disk, zxid, &ret->accepted, &ret->current, why);
    if (r < 0) {
        log_error("start: %s", why[0] != '\0' ? why : strerror(-r));
        return EXIT_DATA;
    }
    d->dynamic = (struct dynamic){
        .config_path = c->path,
        .self = c->sid,
        .stored = c->members->version,
        .stored_next = c->last_seen != NULL ? c->last_seen->version : 0,
    };
    r = driver_make_peers(d);
    if (r < 0) {
        (void)log_errno(LOG_LEVEL_ERROR, r, "start: cannot set up the peers' ports");
        return EXIT_OTHER;
    }
    log_info("start: member sid=%lld members=%zu voters=%zu accepted_epoch=%lld "
             "current_epoch=%lld",
             (long long)c->sid, c->members->count, c->members->voters, (long long)ret->accepted,
             (long long)ret->current);
    return 0;
}

static int start_service(struct driver *d, struct state *state, zk_zxid zxid, uint64_t seed)
{
    struct service_conf conf = service_conf_of(d->conf, seed);
    struct client_host host = net_client_host();
    struct ensemble_io io = driver_io(d);
    struct ensemble_conf ensemble_conf = driver_ensemble_conf(d, seed);
    struct zab_saved saved;
    struct timespec wall;

    const char *wrong = auth_conf_check(&conf.auth);
    if (wrong != NULL) {
        log_error("start: %s", wrong);
        return EXIT_CONFIG;
    }
    conf.io = &io;
    if (d->conf->members != NULL) {
        int exit_code = load_place(d, zxid, &saved);
        if (exit_code != 0)
            return exit_code;
        conf.ensemble = &ensemble_conf;
        conf.saved = &saved;
    }
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    int r = service_init(&d->service, &conf, state, &host, (int64_t)(net_now_us() / 1000),
                         (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000);
    if (r < 0) {
        (void)log_errno(LOG_LEVEL_ERROR, r, "start: cannot set up the service");
        return EXIT_OTHER;
    }
    return 0;
}

static int begin_disk(struct driver *d)
{
    struct disk_host host = driver_disk_host(d);
    char why[STORE_WHY_MAX] = "";

    int r = disk_begin(&d->disk, &d->service.state, &host, d->service.now_ms, why);
    if (r < 0) {
        log_error("start: %s", why[0] != '\0' ? why : strerror(-r));
        return EXIT_DATA;
    }
    return 0;
}

static void note_start(struct driver *d, const struct recover_report *report)
{
    struct server_stats *stats = &d->service.stats;

    stats->digest_mismatches_count = report->digest_mismatches;
    summary_add(&stats->startup_load_ms, report->load_us / 1000);
    summary_add(&stats->startup_txns, report->txns);
    summary_add(&stats->startup_txns_ms, report->replay_us / 1000);
    summary_add(&stats->dbinit_ms, (report->load_us + report->replay_us) / 1000);
    d->reap_ms = d->service.now_ms + d->conf->container_interval_ms;
}

static int serve(struct driver *d, int fd)
{
    char name[ADDRESS_TEXT_MAX];
    int r = net_listen(&d->net, fd);

    if (r < 0) {
        (void)log_errno(LOG_LEVEL_ERROR, r, "start: cannot listen on the client port");
        return EXIT_OTHER;
    }
    net_local_name(name, d->net.listen_fd);
    log_info("start: %s address=%s zxid=0x%llx", d->peers != NULL ? "listening" : "serving", name,
             (unsigned long long)service_zxid(&d->service));
    if (d->peers != NULL) {
        if (d->service.stats.digest_mismatches_count > 0)
            ensemble_suspect(d->service.ensemble);
        peers_listen(d->peers);
        ensemble_start(d->service.ensemble);
    }
    return 0;
}

/* Everything after the port is ours. */
static int start_rest(struct driver *d, const struct net_conf *net_conf, int fd, int64_t fd_max)
{
    struct state state = { 0 };
    struct recover_report report = { 0 };
    struct net_host host = { .ctx = d, .wake = driver_wake };
    uint64_t seed = random_seed();

    int exit_code = open_data(d, &state, &report, seed);
    if (exit_code == 0)
        exit_code = start_service(d, &state, report.zxid, seed);
    if (exit_code != 0) {
        state_done(&state);
        return exit_code;
    }
    exit_code = begin_disk(d);
    if (exit_code != 0)
        return exit_code;
    if (driver_add_events(d) < 0) {
        log_error("start: cannot set up the event loop");
        return EXIT_OTHER;
    }
    net_init(&d->net, net_conf, &host, d->base, &d->service, seed);
    client_port_init(&d->client_port, &d->net, d->conf->client_address,
                     (uint16_t)d->conf->client_port);
    start_words(d, fd_max);
    note_start(d, &report);
    return serve(d, fd);
}

int driver_start(struct driver *d, const struct config *conf)
{
    int fd = -1;

    *d = (struct driver){ .conf = conf };
    disk_init(&d->disk);
    d->reap_ms = d->timer_ms = d->looking_ms = d->leading_ms = INT64_MAX;
    /* One arena: the helper threads allocate little, and idle memory counts. */
    (void)mallopt(M_ARENA_MAX, 1);
    /* Fixed, so that they don't grow with use: what large replies took goes back. */
    (void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
    (void)mallopt(M_TRIM_THRESHOLD, 512 * 1024);
    int64_t fd_max = raise_fd_limit();
    int64_t fds = conf->members != NULL ? FDS_OF_OUR_OWN + FDS_OF_PEERS : FDS_OF_OUR_OWN;
    struct net_conf net_conf = {
        .max_connections_ip = conf->max_connections_ip,
        .max_connections = conf->max_connections,
        .fd_limit = (int32_t)(fd_max > 2 * fds ? fd_max - fds : fd_max / 2),
        .backlog = conf->client_backlog,
        .sessionless_ms = conf->sessionless_ms,
        .slow_reader_ms = conf->slow_reader_ms,
        .ingress_max = (uint64_t)conf->max_ingress_bytes,
        .frame_max = (uint32_t)conf->max_frame_bytes,
        .keepalive = conf->client_keepalive,
    };
    log_info("start: zabd version=%s dataDir=%s dataLogDir=%s clientPort=%d", ZABD_VERSION,
             conf->data_dir, conf->data_log_dir, conf->client_port);
    int exit_code = bind_port(d, &net_conf, &fd);
    if (exit_code != 0)
        return exit_code;
    int r = make_loop(d);
    if (r < 0) {
        (void)log_errno(LOG_LEVEL_ERROR, r, "start: cannot set up the event loop");
        (void)close(fd);
        return EXIT_OTHER;
    }
    exit_code = start_rest(d, &net_conf, fd, fd_max);
    if (exit_code != 0 && d->net.listen_fd != fd)
        (void)close(fd);
    return exit_code;
}
