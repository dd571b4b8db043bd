/* When snapshots are taken (storage-format 2.7, 3.8) and old files purged (5). */
#include <stdlib.h>
#include <string.h>

#include "server/driver.h"
#include "server/order/order.h"
#include "util/log.h"

/* A snapshot takes what time it needs, the requests must not: while there are any, its
 * slices are short and use a part of the loop's time only; and the next one waits until this
 * one's cost has been spread out. Writing 1,000,000 znodes each second for every 50,000
 * writes would keep the loop, and the disk, from more useful things. */
enum {
    SLICE_US = 800,      /* Between two looks at the sockets when nobody asks for anything. */
    SLICE_BUSY_US = 200, /* The same while there are requests... */
    BUSY_SHARE = 4,      /* ...and it gets one part in so many of the time. */
    BUSY_US = 5000,      /* There are requests as long after the last one. */
    REST_FACTOR = 4,     /* Rest after a snapshot, in times of what it took. */
};

/* Not all servers of an ensemble at the same time: half of the limit and a random part
 * of the other half. */
static uint64_t draw(struct driver *d, int64_t limit)
{
    uint64_t half = (uint64_t)limit / 2;

    return half == 0 ? (uint64_t)limit : half + rand_below(&d->rand, half);
}

static void draw_limits(struct driver *d)
{
    int64_t bytes = d->conf->snap_size_limit_bytes;

    d->txns_limit = draw(d, d->conf->snap_count);
    d->bytes_limit = bytes > 0 ? draw(d, bytes) : 0;
}

void snapshots_init(struct driver *d)
{
    draw_limits(d);
    d->purge_ms = d->conf->purge_interval_ms > 0 ? d->service.now_ms : INT64_MAX;
}

static void begin(struct driver *d)
{
    const struct config *conf = d->conf;
    uint64_t began = net_now_us();
    enum snapshot_codec codec = conf->snapshot_gz ? SNAPSHOT_GZ : SNAPSHOT_PLAIN;

    int r = dump_begin(&d->dump, &d->service.state, d->dirs.snap_dir, codec, conf->digest_enabled,
                       conf->serialize_last_zxid, d->dump_fd);
    if (r < 0) {
        d->dump = NULL;
        d->service.stats.snapshot_error_count++;
        (void)log_errno(LOG_LEVEL_ERROR, r, "snapshot: cannot begin dir=%s", d->dirs.snap_dir);
        return;
    }
    d->dump_began_us = began;
    d->dump_wants_cpu = true;
    histogram_add(&d->service.stats.snapshot_stall_us, net_now_us() - began);
    log_info("snapshot: begun zxid=0x%llx", (unsigned long long)dump_zxid(d->dump));
}

void snapshots_look(struct driver *d, struct wal_batch *b)
{
    struct order *o = d->service.order;
    uint64_t txns = d->txns_before + order_txns_since_snapshot(o);

    if (txns <= d->txns_limit && (d->bytes_limit == 0 || d->log_bytes <= d->bytes_limit))
        return;
    /* A few more txns to replay cost less. */
    if (d->dump != NULL || d->turn_us < d->dump_rest_us)
        return;
    b->roll_after = true;
    order_snapshot_begun(o);
    d->txns_before = 0;
    d->log_bytes = 0;
    d->roll_zxid = b->txns[b->count - 1].zxid + 1;
    draw_limits(d);
    begin(d);
}

static void finish(struct driver *d, int result)
{
    uint64_t ms = (net_now_us() - d->dump_began_us) / 1000;
    zk_zxid zxid = dump_zxid(d->dump);

    d->dump = dump_free(d->dump, &d->service.state);
    d->dump_wants_cpu = false;
    d->dump_rest_us = net_now_us() + (net_now_us() - d->dump_began_us) * REST_FACTOR;
    if (result < 0) {
        /* What is durable is so by the log: the server goes on, and tries again later. */
        d->service.stats.snapshot_error_count++;
        (void)log_errno(LOG_LEVEL_ERROR, result, "snapshot: failed zxid=0x%llx",
                        (unsigned long long)zxid);
        return;
    }
    summary_add(&d->service.stats.snapshot_ms, ms);
    log_info("snapshot: written zxid=0x%llx ms=%llu", (unsigned long long)zxid,
             (unsigned long long)ms);
}

/* Who waits for a reply before he asks again is silent for a moment, too. */
static bool has_requests(const struct driver *d, uint64_t now_us)
{
    return now_us - d->input_us < BUSY_US;
}

uint64_t snapshots_deadline_us(const struct driver *d)
{
    if (d->dump == NULL || !d->dump_wants_cpu)
        return UINT64_MAX;
    return has_requests(d, d->turn_us) ? d->dump_next_us : 0;
}

void snapshots_step(struct driver *d)
{
    uint64_t began = net_now_us();

    if (began < snapshots_deadline_us(d))
        return;
    bool is_busy = has_requests(d, began);
    int r = dump_step(d->dump, &d->service.state, is_busy ? SLICE_BUSY_US : SLICE_US, net_now_us,
                      &d->dump_wants_cpu);
    if (r != 0)
        finish(d, r);
    uint64_t took = net_now_us() - began;
    d->dump_next_us = began + took * BUSY_SHARE;
    histogram_add(&d->service.stats.snapshot_stall_us, took);
}

void snapshots_stop(struct driver *d)
{
    if (d->dump != NULL)
        d->dump = dump_free(d->dump, &d->service.state);
}

/* ---- Purging. */

static void *purge(void *arg)
{
    struct driver *d = arg;
    char why[STORE_WHY_MAX] = "";
    int removed = dirs_purge(&d->dirs, (uint32_t)d->conf->purge_retain_count, why);

    if (removed < 0)
        (void)log_errno(LOG_LEVEL_WARN, removed, "purge: %s", why);
    else if (removed > 0)
        log_info("purge: removed files=%d", removed);
    __atomic_store_n(&d->purge_done, 1, __ATOMIC_RELEASE);
    return NULL;
}

void purge_look(struct driver *d)
{
    if (d->is_purging && __atomic_load_n(&d->purge_done, __ATOMIC_ACQUIRE) != 0)
        purge_stop(d);
    if (d->service.now_ms < d->purge_ms)
        return;
    d->purge_ms = d->service.now_ms + d->conf->purge_interval_ms;
    if (d->is_purging)
        return;
    d->purge_done = 0;
    int r = pthread_create(&d->purge_thread, NULL, purge, d);
    if (r != 0)
        (void)log_errno(LOG_LEVEL_WARN, r, "purge: cannot start a thread");
    d->is_purging = r == 0;
}

void purge_stop(struct driver *d)
{
    if (d->is_purging)
        (void)pthread_join(d->purge_thread, NULL);
    d->is_purging = false;
}
