/* When snapshots are taken (storage-format 2.7, 3.8) and old files purged (5). */
#include <errno.h>
#include <unistd.h>

#include "server/disk_impl.h"
#include "server/store/io.h"
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
};

/* Not all servers of an ensemble at the same time: half of the limit and a random part
 * of the other half. */
static uint64_t draw(struct disk *d, int64_t limit)
{
    uint64_t half = (uint64_t)limit / 2;

    return half == 0 ? (uint64_t)limit : half + rand_below(&d->rand, half);
}

void disk_draw_limits(struct disk *d)
{
    int64_t bytes = d->conf.snap_bytes;

    d->txns_limit = draw(d, d->conf.snap_count);
    d->bytes_limit = bytes > 0 ? draw(d, bytes) : 0;
}

static void stalled_since(struct disk *d, uint64_t began_us)
{
    if (d->host.stalled != NULL)
        d->host.stalled(d->host.ctx, disk_now_us() - began_us);
}

static void tell_end(struct disk *d, int result, uint64_t ms)
{
    if (d->host.snapshot_ended != NULL)
        d->host.snapshot_ended(d->host.ctx, result, ms);
}

int disk_dump_begin(struct disk *d)
{
    uint64_t began = disk_now_us();
    int r = dump_begin(&d->dump, d->state, d->dirs.snap_dir, d->conf.codec, d->conf.digest_on,
                       d->conf.zxid_on, d->dump_fd);

    if (r < 0) {
        d->dump = NULL;
        return log_errno(LOG_LEVEL_ERROR, r, "snapshot: cannot begin dir=%s", d->dirs.snap_dir);
    }
    d->dump_began_us = began;
    d->dump_wants_cpu = true;
    stalled_since(d, began);
    log_info("snapshot: begun zxid=0x%llx%s", (unsigned long long)dump_zxid(d->dump),
             d->is_resetting ? " replaces=all" : "");
    return 0;
}

void disk_dump_stop(struct disk *d)
{
    if (d->dump != NULL)
        d->dump = dump_free(d->dump, d->state);
    d->dump_wants_cpu = false;
}

void disk_snapshot_look(struct disk *d, struct wal_batch *b)
{
    if (d->txns_since <= d->txns_limit && (d->bytes_limit == 0 || d->log_bytes <= d->bytes_limit))
        return;
    /* A few more txns to replay cost less. */
    if (d->dump != NULL || disk_now_us() < d->dump_rest_us)
        return;
    b->roll_after = true;
    d->txns_since = 0;
    d->log_bytes = d->past.file_bytes = 0;
    d->roll_zxid = b->txns[b->count - 1].zxid + 1;
    disk_draw_limits(d);
    if (disk_dump_begin(d) < 0)
        tell_end(d, -EIO, 0);
}

static void finish(struct disk *d, int result)
{
    uint64_t ms = (disk_now_us() - d->dump_began_us) / 1000;
    zk_zxid zxid = dump_zxid(d->dump);

    disk_dump_stop(d);
    d->dump_rest_us = disk_now_us() + (disk_now_us() - d->dump_began_us) * d->conf.snap_rest;
    if (result < 0) {
        if (d->is_resetting)
            disk_failed(result, "cannot write the snapshot of the leader's state");
        /* What is durable is so by the log: the server goes on, and tries again later. */
        (void)log_errno(LOG_LEVEL_ERROR, result, "snapshot: failed zxid=0x%llx",
                        (unsigned long long)zxid);
        tell_end(d, result, ms);
        return;
    }
    log_info("snapshot: written zxid=0x%llx ms=%llu", (unsigned long long)zxid,
             (unsigned long long)ms);
    tell_end(d, 0, ms);
    if (d->is_resetting)
        disk_reset_end(d);
}

void disk_has_requests(struct disk *d, uint64_t now_us)
{
    d->input_us = now_us;
}

/* Who waits for a reply before he asks again is silent for a moment, too. A reset has a leader
 * waiting for it, and nobody to serve. */
static bool is_busy(const struct disk *d, uint64_t now_us)
{
    return !d->is_resetting && now_us - d->input_us < BUSY_US;
}

uint64_t disk_step_due_us(const struct disk *d, uint64_t now_us)
{
    if (!disk_wants_cpu(d))
        return UINT64_MAX;
    return !d->has_saved && is_busy(d, now_us) ? d->dump_next_us : 0;
}

static void step_dump(struct disk *d)
{
    uint64_t began = disk_now_us();
    bool busy = is_busy(d, began);
    int r;

    if (busy && began < d->dump_next_us)
        return;

    /* A snapshot that replaces all has no log behind it that would repair what txns leave
     * in it while it is written. */
    if (d->is_resetting && dump_zxid(d->dump) != tree_zxid(d->state->tree)) {
        disk_reset_now(d);
        return;
    }
    r = dump_step(d->dump, d->state, busy ? SLICE_BUSY_US : SLICE_US, disk_now_us,
                  &d->dump_wants_cpu);
    if (r != 0)
        finish(d, r < 0 ? r : 0);
    d->dump_next_us = began + (disk_now_us() - began) * BUSY_SHARE;
    stalled_since(d, began);
}

void disk_notified(struct disk *d)
{
    uint64_t count;
    ssize_t got = read(d->dump_fd, &count, sizeof count);

    (void)got; /* EAGAIN: somebody was faster. */
    d->dump_wants_cpu = d->dump != NULL;
}

bool disk_wants_cpu(const struct disk *d)
{
    return d->has_saved || (d->dump != NULL && d->dump_wants_cpu);
}

void disk_step(struct disk *d)
{
    if (d->dump != NULL && d->dump_wants_cpu)
        step_dump(d);
    if (d->has_saved) {
        d->has_saved = false;
        if (d->host.saved != NULL)
            d->host.saved(d->host.ctx);
    }
}

/* ---- Purging. */

static void *purge(void *arg)
{
    struct disk *d = arg;
    char why[STORE_WHY_MAX] = "";
    int removed = dirs_purge(&d->dirs, d->conf.purge_retain, &d->purge_cancel, why);

    if (removed < 0 && removed != -ECANCELED)
        (void)log_errno(LOG_LEVEL_WARN, removed, "purge: %s", why);
    else if (removed > 0)
        log_info("purge: removed files=%d", removed);
    __atomic_store_n(&d->purge_done, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void join(struct disk *d)
{
    if (d->is_purging)
        (void)pthread_join(d->purge_thread, NULL);
    d->is_purging = false;
}

void disk_purge_stop(struct disk *d)
{
    __atomic_store_n(&d->purge_cancel, 1, __ATOMIC_RELEASE);
    join(d);
    d->purge_cancel = 0;
}

void disk_look(struct disk *d, int64_t now_ms)
{
    if (d->is_purging && __atomic_load_n(&d->purge_done, __ATOMIC_ACQUIRE) != 0)
        join(d);
    if (now_ms < d->purge_ms)
        return;
    d->purge_ms = now_ms + d->conf.purge_interval_ms;
    if (d->is_purging)
        return;
    d->purge_done = 0;
    int r = io_thread_start(&d->purge_thread, purge, d);
    if (r < 0)
        (void)log_errno(LOG_LEVEL_WARN, r, "purge: cannot start a thread");
    d->is_purging = r == 0;
}

int64_t disk_deadline(const struct disk *d)
{
    return d->purge_ms;
}
