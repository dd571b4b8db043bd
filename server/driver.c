#include "server/driver.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "server/order/order.h"
#include "util/check.h"
#include "util/log.h"

enum {
    /* Milliseconds that a stop waits for the log and for clients to take their replies. */
    STOP_PATIENCE_MS = 5000,
    /* Between two parts of a reaper's round over very many candidates. */
    REAP_PAUSE_MS = 20,
    EXIT_LOG_FAILED = 1,
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

void driver_log_failed(int err)
{
    (void)log_errno(LOG_LEVEL_ERROR, err,
                    "log: a write or fsync failed; stopping, nothing more is acknowledged");
    /* No replies, no clean-up: what memory holds may be more than what is durable. */
    _exit(EXIT_LOG_FAILED);
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
    struct wal_done done;
    struct server_stats *stats = &d->service.stats;

    (void)what;
    driver_wake(d);
    drain_eventfd(fd);
    int r = wal_done(d->wal, &done);
    if (done.fsyncs > stats->fsync_ms.count)
        summary_add(&stats->fsync_ms, done.fsync_us_last / 1000);
    if (done.zxid >= d->roll_zxid) /* Else it still counts the files before the roll. */
        d->log_bytes = done.file_bytes;
    /* What was durable before the failure may be told, and nothing after it. */
    if (r < 0)
        driver_log_failed(r);
    if (done.zxid > service_zxid(&d->service))
        service_durable(&d->service, done.zxid);
}

static void on_dump(evutil_socket_t fd, short what, void *ctx)
{
    struct driver *d = ctx;

    (void)what;
    driver_wake(d);
    drain_eventfd(fd);
    d->dump_wants_cpu = true;
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
    d->stop_ms = d->service.now_ms + STOP_PATIENCE_MS;
    net_stop_listening(&d->net);
    net_stop_reading(&d->net);
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
    int64_t at = net_deadline(&d->net);

    uint64_t dump_us = snapshots_deadline_us(d);
    if (dump_us != UINT64_MAX)
        at = min_ms(at, (int64_t)(dump_us / 1000));
    if (d->is_stopping)
        return min_ms(at, d->stop_ms);
    at = min_ms(at, service_deadline(&d->service));
    at = min_ms(at, d->reap_ms);
    return min_ms(at, d->purge_ms);
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
    bool more = service_reap(&d->service, d->conf->container_never_used_ms,
                             (size_t)d->conf->container_per_minute);
    d->reap_ms = now + (more ? REAP_PAUSE_MS : d->conf->container_interval_ms);
}

static void do_what_is_due(struct driver *d)
{
    int64_t now = d->service.now_ms;

    if (net_deadline(&d->net) <= now)
        net_expire(&d->net);
    if (d->is_stopping)
        return;
    if (service_deadline(&d->service) <= now || d->service.needs_room)
        (void)service_expire(&d->service);
    reap(d);
    purge_look(d);
}

/* ---- Turns. */

static void turn(struct driver *d)
{
    net_run(&d->net);
    if (d->service.stats.packets_received != d->packets)
        d->input_us = d->turn_us;
    d->packets = d->service.stats.packets_received;
    do_what_is_due(d);
    snapshots_step(d);
    d->has_more = service_turn_end(&d->service);
    struct wal_batch *batch = order_take_batch(d->service.order);
    if (batch != NULL) {
        summary_add(&d->service.stats.batch_txns, batch->count);
        snapshots_look(d, batch);
        wal_append(d->wal, batch);
    }
    net_flush(&d->net);
    histogram_add(&d->service.stats.loop_stall_us, net_now_us() - d->turn_us);
}

static bool is_done(const struct driver *d)
{
    if (!d->is_stopping)
        return false;
    return d->service.now_ms >= d->stop_ms ||
           (order_outstanding(d->service.order) == 0 && !net_has_output(&d->net));
}

int driver_run(struct driver *d)
{
    while (!is_done(d)) {
        bool work = d->has_more || net_has_work(&d->net) || snapshots_deadline_us(d) <= d->turn_us;

        arm_timer(d);
        d->is_awake = false;
        if (event_base_loop(d->base, EVLOOP_ONCE | (work ? EVLOOP_NONBLOCK : 0)) < 0) {
            log_error("loop: the event loop failed");
            return 1;
        }
        driver_wake(d);
        turn(d);
    }
    bool clean = order_outstanding(d->service.order) == 0;
    snapshots_stop(d);
    purge_stop(d);
    int r = wal_close(d->wal);
    d->wal = NULL;
    if (r < 0)
        driver_log_failed(r);
    log_info("stop: done zxid=0x%llx clean=%s", (unsigned long long)service_zxid(&d->service),
             clean ? "yes" : "no");
    return 0;
}

/* ---- Events. */

int driver_add_events(struct driver *d)
{
    struct event_base *b = d->base;

    if (event_assign(&d->wal_event, b, d->wal_fd, EV_READ | EV_PERSIST, on_wal, d) < 0 ||
        event_assign(&d->dump_event, b, d->dump_fd, EV_READ | EV_PERSIST, on_dump, d) < 0 ||
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
    snapshots_stop(d);
    purge_stop(d);
    if (d->wal != NULL)
        (void)wal_close(d->wal);
    if (d->net.base != NULL)
        net_done(&d->net);
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
    if (d->wal_fd >= 0)
        (void)close(d->wal_fd);
    if (d->dump_fd >= 0)
        (void)close(d->dump_fd);
    if (d->base != NULL)
        event_base_free(d->base);
    dirs_done(&d->dirs);
}
