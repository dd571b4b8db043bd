#include "server/disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "server/config.h"
#include "server/disk_impl.h"
#include "server/store/log_range.h"
#include "util/check.h"
#include "util/log.h"

enum {
    EXIT_DISK_FAILED = 1,
    SNAP_REST = 4, /* A fifth of the time at the most goes to snapshots. */
};

uint64_t disk_now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

void disk_failed(int err, const char *what)
{
    (void)log_errno(LOG_LEVEL_ERROR, err, "disk: %s; stopping, nothing more is acknowledged", what);
    /* No replies, no clean-up: what memory holds may be more than what is durable. */
    _exit(EXIT_DISK_FAILED);
}

struct disk_conf disk_conf_of(const struct config *c, uint64_t seed)
{
    return (struct disk_conf){
        .recover = { .tree = { .hash_seed = seed,
                               .extended_types = c->extended_types,
                               .emulate_353 = c->emulate_353_ttl,
                               .digest = c->digest_enabled },
                     .trust_empty = c->snapshot_trust_empty,
                     .db_autocreate = c->db_autocreate },
        .wal = { .prealloc_bytes = (uint64_t)c->prealloc_bytes,
                 .roll_bytes = c->log_size_limit_bytes > 0 ? (uint64_t)c->log_size_limit_bytes : 0,
                 .sync = c->force_sync,
                 .write_index = true,
                 .fsync_warn_ms = (uint32_t)c->fsync_warn_ms,
                 .flush_delay_ms = (uint32_t)c->flush_delay_ms,
                 .max_batch = (uint32_t)c->max_batch_size },
        .codec = c->snapshot_gz ? SNAPSHOT_GZ : SNAPSHOT_PLAIN,
        .digest_on = c->digest_enabled,
        .zxid_on = c->serialize_last_zxid,
        .snap_count = c->snap_count,
        .snap_bytes = c->snap_size_limit_bytes,
        .snap_rest = SNAP_REST,
        .log_size_factor = c->snapshot_size_factor,
        .purge_retain = (uint32_t)c->purge_retain_count,
        .purge_interval_ms = c->purge_interval_ms,
        .seed = seed,
    };
}

/* ---- The life of it. */

/* A process that was killed may have written, removed or cut more than it synced. What this
 * start has read counts from now on, so it must not go or come back with a power cut. */
static int make_durable(const struct disk *d, char why[STORE_WHY_MAX])
{
    int r = d->conf.wal.sync ? log_sync_newest(d->dirs.log_dir, why) : 0;

    if (r == 0) {
        r = fsync_dir(d->dirs.snap_dir);
        if (r < 0)
            (void)snprintf(why, STORE_WHY_MAX, "%s: cannot sync the directory: %s",
                           d->dirs.snap_dir, strerror(-r));
    }
    return r;
}

void disk_init(struct disk *d)
{
    *d = (struct disk){ .wal_fd = -1, .dump_fd = -1, .purge_ms = INT64_MAX };
    d->dirs.lock_fds[0] = d->dirs.lock_fds[1] = -1;
    d->held_tail = &d->held;
}

int disk_open(struct disk *d, const struct disk_conf *conf, const struct dirs_conf *dirs,
              struct state *ret, struct recover_report *report, char why[STORE_WHY_MAX])
{
    disk_init(d);
    d->conf = *conf;
    why[0] = '\0';

    int r = dirs_open(&d->dirs, dirs, why);

    if (r == 0)
        r = recover(ret, report, &d->dirs, &d->conf.recover, why);
    if (r < 0)
        return r;
    r = make_durable(d, why);
    if (r < 0) {
        state_done(ret);
        return r;
    }
    d->conf.wal.dir = d->dirs.log_dir;
    d->durable = d->told = report->zxid;
    d->txns_since = report->txns;
    rand_seed(&d->rand, conf->seed);
    disk_draw_limits(d);
    return 0;
}

static int begin(struct disk *d)
{
    d->wal_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (d->wal_fd < 0)
        return -errno;
    d->dump_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (d->dump_fd < 0)
        return -errno;
    return wal_open(&d->wal, &d->conf.wal, d->wal_fd);
}

int disk_begin(struct disk *d, struct state *state, const struct disk_host *host, int64_t now_ms,
               char why[STORE_WHY_MAX])
{
    int r = begin(d);

    d->state = state;
    d->host = *host;
    if (r < 0) {
        (void)snprintf(why, STORE_WHY_MAX, "%s: cannot open the log: %s", d->dirs.log_dir,
                       strerror(-r));
        return r;
    }
    if (d->conf.purge_interval_ms > 0)
        d->purge_ms = now_ms;
    return 0;
}

void disk_stop(struct disk *d)
{
    disk_dump_stop(d);
    disk_drop_held(d);
    disk_purge_stop(d);
    if (d->wal != NULL)
        disk_close_log(d);
}

void disk_close(struct disk *d)
{
    disk_stop(d);
    if (d->wal_fd >= 0)
        (void)close(d->wal_fd);
    if (d->dump_fd >= 0)
        (void)close(d->dump_fd);
    d->wal_fd = d->dump_fd = -1;
    dirs_done(&d->dirs);
}

/* ---- The log. */

void disk_open_log(struct disk *d)
{
    int r = wal_open(&d->wal, &d->conf.wal, d->wal_fd);

    if (r < 0)
        disk_failed(r, "cannot open the log again");
}

void disk_close_log(struct disk *d)
{
    struct wal_done done;
    struct wal *w = d->wal;
    int r;

    (void)wal_done(w, &done);
    d->wal = NULL;
    /* Figures of what it does until it ends are lost; nothing but figures. */
    d->past.fsyncs += done.fsyncs;
    d->past.fsync_us_total += done.fsync_us_total;
    d->past.fsync_us_last = done.fsync_us_last;
    if (done.fsync_us_max > d->past.fsync_us_max)
        d->past.fsync_us_max = done.fsync_us_max;
    d->past.slow_fsyncs += done.slow_fsyncs;
    d->past.bytes += done.bytes;
    if (done.zxid > d->durable)
        d->durable = done.zxid;
    r = wal_close(w);
    if (r < 0)
        disk_failed(r, "a write or fsync of the log failed");
}

/* Without a log: what was known when it was closed. */
static int look(struct disk *d, struct wal_done *ret)
{
    int r = 0;

    *ret = (struct wal_done){ .zxid = d->durable };
    if (d->wal != NULL)
        r = wal_done(d->wal, ret);
    if (ret->zxid > d->durable)
        d->durable = ret->zxid;
    ret->zxid = d->durable;
    return r;
}

void disk_figures(struct disk *d, struct wal_done *ret)
{
    int r = look(d, ret);

    if (r < 0)
        disk_failed(r, "a write or fsync of the log failed");
    if (ret->zxid >= d->roll_zxid) /* Else it still counts the files before the roll. */
        d->log_bytes = d->past.file_bytes + ret->file_bytes;
    ret->fsyncs += d->past.fsyncs;
    ret->fsync_us_total += d->past.fsync_us_total;
    if (ret->fsync_us_last == 0)
        ret->fsync_us_last = d->past.fsync_us_last;
    if (ret->fsync_us_max < d->past.fsync_us_max)
        ret->fsync_us_max = d->past.fsync_us_max;
    ret->slow_fsyncs += d->past.slow_fsyncs;
    ret->bytes += d->past.bytes;
}

bool disk_durable(struct disk *d, zk_zxid *ret)
{
    struct wal_done done;
    bool is_news;

    /* What was durable before a failure may be told, and nothing after it: here it ends. */
    disk_figures(d, &done);
    *ret = done.zxid;
    is_news = done.zxid > d->told;
    d->told = done.zxid;
    return is_news;
}

void disk_append(struct disk *d, struct wal_batch *b)
{
    d->txns_since += b->count;
    if (d->is_resetting) {
        b->next = NULL;
        *d->held_tail = b;
        d->held_tail = &b->next;
        return;
    }
    disk_snapshot_look(d, b);
    wal_append(d->wal, b);
}

/* ---- The log, read for a learner. */

/* What the logs may have at the most: a share of the newest snapshot, because beyond that a
 * snapshot is faster (quorum-protocol 3.5). 0: no limit. */
static int bytes_allowed(const struct disk *d, uint64_t *ret, char why[STORE_WHY_MAX])
{
    struct snapshot_name *list = NULL;
    size_t count = 0;
    int r = snapshot_list(&list, &count, d->dirs.snap_dir, why);

    *ret = 0;
    if (r == 0 && count > 0)
        *ret = (uint64_t)((double)list[0].bytes * d->conf.log_size_factor) + 1;
    free(list);
    return r;
}

int disk_log_open(struct disk *d, zk_zxid after, void **ret)
{
    struct log_range *range = NULL;
    struct wal_done done;
    uint64_t bytes = 0;
    char why[STORE_WHY_MAX] = "";
    int r = d->conf.log_size_factor < 0 ? -EOPNOTSUPP : 0;

    disk_figures(d, &done);
    if (r == 0)
        r = bytes_allowed(d, &bytes, why);
    if (r == 0)
        r = log_range_open(&range, d->dirs.log_dir, after, done.zxid, bytes, why);
    if (r < 0) {
        log_info("log: not read for a learner: %s", why[0] != '\0' ? why : strerror(-r));
        return r;
    }
    *ret = range;
    return 0;
}

int disk_log_next(void *log, const uint8_t **ret, size_t *len, zk_zxid *zxid)
{
    char why[STORE_WHY_MAX] = "";
    int r = log_range_next(log, ret, len, zxid, why);

    if (r < 0)
        log_warn("log: cannot be read on for a learner: %s", why);
    return r;
}

void disk_log_close(void *log)
{
    log_range_close(log);
}
