#include "server/driver.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "server/order/order.h"
#include "util/check.h"
#include "util/log.h"

enum {
    /* Milliseconds that a stop waits for the log, for others to take over, and for clients to
     * take their replies. */
    STOP_PATIENCE_MS = 5000,
    /* ...of these, for clients that always have something under way, and then for the replies that
     * they wait for. */
    DRAIN_PATIENCE_MS = 250,
    REPLY_PATIENCE_MS = 1000,
    /* Between two parts of a reaper's round over very many candidates. */
    REAP_PAUSE_MS = 20,
    EXIT_FAILED = 1,
};

static int64_t wall_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void driver_wake(void *ctx)
{
    struct driver *d = ctx;

    if (d->is_awake)
        return;
    d->is_awake = true;
    d->turn_us = net_now_us();
    service_tick(&d->service, (int64_t)(d->turn_us / 1000), wall_ms());
}

static void drain_eventfd(int fd)
{
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof count);

    (void)got; /* EAGAIN: somebody was faster. */
}

/* ---- What became durable. */

static void on_wal(evutil_socket_t fd, short what, void *ctx)
{
    struct driver *d = ctx;
    struct server_stats *stats = &d->service.stats;
    struct wal_done done;
    zk_zxid zxid;

    (void)what;
    driver_wake(d);
    drain_eventfd(fd);
    disk_figures(&d->disk, &done);
    if (done.fsyncs > stats->fsync_ms.count)
        summary_add(&stats->fsync_ms, done.fsync_us_last / 1000);
    if (disk_durable(&d->disk, &zxid))
        service_durable(&d->service, zxid);
}

static void on_dump(evutil_socket_t fd, short what, void *ctx)
{
    struct driver *d = ctx;

    (void)fd;
    (void)what;
    driver_wake(d);
    disk_notified(&d->disk);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    struct driver *d = ctx;

    (void)fd;
    (void)what;
    driver_wake(d);
    d->timer_ms = INT64_MAX;
}

/* ---- Signals. */

static void on_stop(evutil_socket_t fd, short what, void *ctx)
{
    struct driver *d = ctx;

    (void)what;
    driver_wake(d);
    if (d->is_stopping)
        return;
    log_info("stop: asked by signal=%d outstanding=%llu", (int)fd,
             (unsigned long long)order_outstanding(d->service.order));
    d->is_stopping = true;
    d->drain_ms = d->service.now_ms + DRAIN_PATIENCE_MS;
    d->stop_ms = d->service.now_ms + STOP_PATIENCE_MS;
    client_port_close(&d->client_port);
    net_drain(&d->net);
}

static void leave(struct driver *d)
{
    d->is_leaving = true;
    net_stop_reading(&d->net);
    if (d->peers != NULL)
        ensemble_step_down(d->service.ensemble, "it is asked to stop");
}

/* As long as clients have something under way we stay who we are: a learner's writes come back from
 * its leader, and a leader's clients find another server that has one. */
static void let_clients_go(struct driver *d)
{
    int64_t now = d->service.now_ms;
    bool are_gone = net_drain_turn(&d->net);

    if (!are_gone && now >= d->drain_ms && !d->net.is_stopping) {
        net_stop_reading(&d->net);
        d->drain_ms = now + REPLY_PATIENCE_MS;
        are_gone = net_drain_turn(&d->net);
    }
    if (are_gone || now >= d->drain_ms)
        leave(d);
}

static void on_hup(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    driver_wake(ctx);
    int r = log_reopen();
    if (r < 0)
        (void)log_errno(LOG_LEVEL_WARN, r, "log: cannot open the log file anew");
}

/* ---- The one timer. */

static int64_t min_ms(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t next_deadline(const struct driver *d)
{
    int64_t at = min_ms(net_deadline(&d->net), disk_deadline(&d->disk));

    at = min_ms(at, client_port_deadline(&d->client_port));
    uint64_t step_us = disk_step_due_us(&d->disk, d->turn_us);

    if (step_us != UINT64_MAX)
        at = min_ms(at, (int64_t)(step_us / 1000));

    if (d->peers != NULL)
        at = min_ms(at, min_ms(peers_deadline(d->peers), ensemble_deadline(d->service.ensemble)));
    if (d->is_leaving)
        return min_ms(at, d->stop_ms);
    if (d->is_stopping)
        return min_ms(at, min_ms(d->drain_ms, net_drain_deadline(&d->net)));
    return min_ms(at, min_ms(service_deadline(&d->service), d->reap_ms));
}

static void arm_timer(struct driver *d)
{
    int64_t at = next_deadline(d);

    if (at == d->timer_ms)
        return;
    d->timer_ms = at;
    if (at == INT64_MAX) {
        (void)event_del(&d->timer_event);
        return;
    }
    /* To the end of that millisecond, so that it has come when the timer fires. */
    int64_t in_us = at * 1000 + 999 - (int64_t)net_now_us();
    if (in_us < 0)
        in_us = 0;
    struct timeval tv = { .tv_sec = in_us / 1000000, .tv_usec = in_us % 1000000 };
    (void)event_add(&d->timer_event, &tv);
}

/* Containers and TTL nodes (client-protocol 3.8): a round each interval, its deletions
 * spread over the next minute at the most. No candidates, no wake-ups in between. */
static void reap(struct driver *d)
{
    int64_t now = d->service.now_ms;

    if (now < d->reap_ms)
        return;
    if (!ensemble_leads(d->service.ensemble)) {
        d->reap_ms = now + d->conf->container_interval_ms;
        return;
    }
    bool more = service_reap(&d->service, d->conf->container_never_used_ms,
                             (size_t)d->conf->container_per_minute);
    d->reap_ms = now + (more ? REAP_PAUSE_MS : d->conf->container_interval_ms);
}

static void do_what_is_due(struct driver *d)
{
    int64_t now = d->service.now_ms;

    if (net_deadline(&d->net) <= now)
        net_expire(&d->net);
    client_port_expire(&d->client_port);
    if (d->peers != NULL && peers_deadline(d->peers) <= now)
        peers_expire(d->peers);
    if (d->peers != NULL && ensemble_deadline(d->service.ensemble) <= now)
        ensemble_timer(d->service.ensemble);
    if (d->is_stopping && !d->is_leaving)
        let_clients_go(d);
    if (d->is_stopping)
        return;
    if (service_deadline(&d->service) <= now || d->service.needs_room)
        (void)service_expire(&d->service);
    reap(d);
    disk_look(&d->disk, now);
}

/* How long elections take, and since when we lead: for the words. */
static void note_role(struct driver *d)
{
    const struct zab *z = ensemble_zab(d->service.ensemble);
    int64_t now = d->service.now_ms;
    bool is_looking = zab_role(z) == ZAB_LOOKING;

    if (is_looking && d->looking_ms == INT64_MAX)
        d->looking_ms = now;
    if (!is_looking && d->looking_ms != INT64_MAX) {
        if (zab_role(z) != ZAB_OBSERVING) /* They only hear who was elected. */
            summary_add(&d->election_ms, (uint64_t)(now - d->looking_ms));
        d->looking_ms = INT64_MAX;
    }
    if (zab_role(z) != ZAB_LEADING)
        d->leading_ms = INT64_MAX;
    else if (d->leading_ms == INT64_MAX)
        d->leading_ms = now;
}

/* ---- Turns. */

static void turn(struct driver *d)
{
    net_run(&d->net);
    if (d->service.stats.packets_received != d->packets)
        disk_has_requests(&d->disk, d->turn_us);
    d->packets = d->service.stats.packets_received;
    do_what_is_due(d);
    disk_step(&d->disk);
    d->has_more = service_turn_end(&d->service);
    (void)ensemble_turn_end(d->service.ensemble);
    if (d->peers != NULL) {
        peers_flush(d->peers); /* Proposals first: others wait for them. */
        note_role(d);
    }
    net_flush(&d->net);
    histogram_add(&d->service.stats.loop_stall_us, net_now_us() - d->turn_us);
}

/* Nothing more will come of what is under way. Who leads hands over first: others lead when he is
 * gone. What a learner has not heard the end of by then, it won't hear. */
static bool is_drained(const struct driver *d)
{
    if (d->peers == NULL)
        return order_outstanding(d->service.order) == 0;
    return ensemble_has_stepped_down(d->service.ensemble) && !peers_has_output(d->peers);
}

static bool is_done(const struct driver *d)
{
    if (d->failed != NULL)
        return true;
    if (!d->is_leaving)
        return false;
    return d->service.now_ms >= d->stop_ms || (is_drained(d) && !net_has_output(&d->net));
}

int driver_run(struct driver *d)
{
    while (!is_done(d)) {
        bool work = d->has_more || net_has_work(&d->net) ||
                    ensemble_has_work(d->service.ensemble) ||
                    disk_step_due_us(&d->disk, d->turn_us) <= d->turn_us;

        arm_timer(d);
        d->is_awake = false;
        if (event_base_loop(d->base, EVLOOP_ONCE | (work ? EVLOOP_NONBLOCK : 0)) < 0) {
            log_error("loop: the event loop failed");
            return 1;
        }
        driver_wake(d);
        turn(d);
    }
    bool clean = is_drained(d);
    disk_stop(&d->disk);
    log_info("stop: done zxid=0x%llx clean=%s", (unsigned long long)service_zxid(&d->service),
             clean ? "yes" : "no");
    return d->failed != NULL ? EXIT_FAILED : 0;
}

/* ---- Events. */

int driver_add_events(struct driver *d)
{
    struct event_base *b = d->base;

    if (event_assign(&d->wal_event, b, d->disk.wal_fd, EV_READ | EV_PERSIST, on_wal, d) < 0 ||
        event_assign(&d->dump_event, b, d->disk.dump_fd, EV_READ | EV_PERSIST, on_dump, d) < 0 ||
        event_assign(&d->timer_event, b, -1, 0, on_timer, d) < 0 ||
        event_assign(&d->term_event, b, SIGTERM, EV_SIGNAL | EV_PERSIST, on_stop, d) < 0 ||
        event_assign(&d->int_event, b, SIGINT, EV_SIGNAL | EV_PERSIST, on_stop, d) < 0 ||
        event_assign(&d->hup_event, b, SIGHUP, EV_SIGNAL | EV_PERSIST, on_hup, d) < 0)
        return -EINVAL;
    d->has_events = true;
    if (event_add(&d->wal_event, NULL) < 0 || event_add(&d->dump_event, NULL) < 0 ||
        event_add(&d->term_event, NULL) < 0 || event_add(&d->int_event, NULL) < 0 ||
        event_add(&d->hup_event, NULL) < 0)
        return -EINVAL;
    d->timer_ms = INT64_MAX;
    return 0;
}

void driver_stop(struct driver *d)
{
    disk_stop(&d->disk);
    client_port_done(&d->client_port);
    if (d->net.base != NULL)
        net_done(&d->net);
    d->peers = peers_free(d->peers);
    if (d->service.order != NULL)
        service_done(&d->service);
    if (d->has_events) {
        (void)event_del(&d->wal_event);
        (void)event_del(&d->dump_event);
        (void)event_del(&d->timer_event);
        (void)event_del(&d->term_event);
        (void)event_del(&d->int_event);
        (void)event_del(&d->hup_event);
    }
    if (d->base != NULL)
        event_base_free(d->base);
    disk_close(&d->disk);
}
