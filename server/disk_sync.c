/* What a synchronisation with a leader does to the disk: forget the end of the history, or begin
 * anew from the leader's state. docs/durability.md says what a crash leaves after each step. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/disk_impl.h"
#include "server/store/log_range.h"
#include "util/check.h"
#include "util/log.h"

static void must(int r, const char *what, const char *why)
{
    if (r >= 0)
        return;
    log_error("disk: %s", why);
    disk_failed(r, what);
}

/* ---- SNAP: a reset. */

void disk_drop_held(struct disk *d)
{
    while (d->held != NULL) {
        struct wal_batch *b = d->held;

        d->held = b->next;
        wal_batch_unref(b);
    }
    d->held_tail = &d->held;
    d->is_resetting = false;
}

/* Something else is wanted: what was asked for before is done first, because memory is already
 * what it was asked for. It is told with the next step. */
static void finish_reset(struct disk *d)
{
    if (d->is_resetting)
        disk_reset_now(d);
}

void disk_save_snapshot(struct disk *d)
{
    finish_reset(d);
    disk_dump_stop(d);
    d->has_saved = false; /* One word for both, when both are done. */
    d->is_resetting = true;
    if (disk_dump_begin(d) < 0)
        disk_failed(-EIO, "cannot write the snapshot of the leader's state");
}

/* The name that dump_begin() gave its file. */
static void snapshot_name_of(const struct disk *d, zk_zxid zxid, char ret[32])
{
    (void)snprintf(ret, 32, "snapshot.%llx%s", (unsigned long long)zxid,
                   d->conf.codec == SNAPSHOT_GZ ? ".gz" : "");
}

void disk_reset_end(struct disk *d)
{
    zk_zxid zxid = tree_zxid(d->state->tree);
    char name[32];
    char why[STORE_WHY_MAX] = "";
    int r;

    snapshot_name_of(d, zxid, name);
    disk_purge_stop(d);
    disk_close_log(d);
    /* What a start would prefer to it goes first, then the logs, whose end may be none of the
     * leader's history, and last what a start would fall back to without noticing. */
    r = snapshots_remove(d->dirs.snap_dir, zxid, INT64_MAX, name, why);
    must(r, "cannot remove a snapshot that the leader's state replaces", why);
    r = log_forget_all(d->dirs.log_dir, why);
    must(r, "cannot remove a log that the leader's state replaces", why);
    r = snapshots_remove(d->dirs.snap_dir, 0, zxid, name, why);
    must(r, "cannot remove a snapshot that the leader's state replaces", why);

    d->durable = d->told = zxid;
    d->past.file_bytes = d->log_bytes = 0;
    d->roll_zxid = 0;
    d->txns_since = 0;
    d->is_resetting = false;
    d->has_saved = true;
    disk_open_log(d);
    while (d->held != NULL) {
        struct wal_batch *b = d->held;

        d->held = b->next;
        disk_append(d, b);
    }
    d->held_tail = &d->held;
    log_info("snapshot: all others and all logs removed zxid=0x%llx", (unsigned long long)zxid);
}

static uint64_t no_clock(void)
{
    return 0;
}

static int dump_to_end(struct disk *d)
{
    struct pollfd p = { .fd = d->dump_fd, .events = POLLIN };
    int r = 0;

    while (r == 0) {
        r = dump_step(d->dump, d->state, UINT64_MAX, no_clock, &d->dump_wants_cpu);
        if (r != 0 || d->dump_wants_cpu)
            continue;
        if (poll(&p, 1, -1) < 0 && errno != EINTR)
            r = -errno;
        disk_notified(d);
    }
    return r;
}

void disk_reset_now(struct disk *d)
{
    int r = 1;

    if (d->dump != NULL && dump_zxid(d->dump) != tree_zxid(d->state->tree)) {
        disk_dump_stop(d);
        r = disk_dump_begin(d);
    }
    if (r >= 0)
        r = dump_to_end(d);
    if (r < 0)
        disk_failed(r, "cannot write the snapshot of the leader's state");
    disk_dump_stop(d);
    disk_reset_end(d);
}

void disk_empty_state(struct disk *d, struct state *ret)
{
    struct state s = { .tree = NULL };

    finish_reset(d);
    disk_dump_stop(d);
    if (tree_new(&s.tree, &d->conf.recover.tree) < 0)
        disk_failed(-ENOMEM, "no memory for the leader's state");
    s.sessions = session_book_new(d->conf.recover.tree.hash_seed);
    *ret = s;
}

/* ---- TRUNC. */

/* Whether a start would come to zxid once all behind it is gone. */
static int check_reachable(const struct disk *d, zk_zxid zxid, char why[STORE_WHY_MAX])
{
    struct snapshot_name *list = NULL;
    struct log_range *range = NULL;
    size_t count = 0;
    size_t i = 0;
    int r = snapshot_list(&list, &count, d->dirs.snap_dir, why);

    if (r < 0)
        return r;
    while (i < count && list[i].zxid > zxid)
        i++;
    free(list);
    if (i == count) {
        (void)snprintf(why, STORE_WHY_MAX, "%s: no snapshot reaches back to txn 0x%llx",
                       d->dirs.snap_dir, (unsigned long long)zxid);
        return -ENOENT;
    }
    /* The state is what snapshots and logs give, without any of the txns in question. */
    if (tree_zxid(d->state->tree) == zxid || zxid_counter(zxid) == 0)
        return 0;
    r = log_range_open(&range, d->dirs.log_dir, zxid, zxid, 0, why);
    log_range_close(range);
    return r;
}

/* Looks whether it can be done, and changes nothing. *ret_snapshot: a start must not
 * find any that is newer. */
static int prepare(struct disk *d, zk_zxid zxid, struct state *reload, zk_zxid *ret_snapshot,
                   char why[STORE_WHY_MAX])
{
    struct recover_report report;
    int r;

    *ret_snapshot = zxid;
    if (reload == NULL)
        return check_reachable(d, zxid, why);
    r = recover_at(reload, &report, &d->dirs, &d->conf.recover, zxid, why);
    if (r == 0 && report.snapshot_zxid >= 0)
        *ret_snapshot = report.snapshot_zxid;
    return r;
}

int disk_truncate(struct disk *d, zk_zxid zxid, struct state *reload)
{
    char why[STORE_WHY_MAX] = "";
    zk_zxid snapshot = zxid;
    int r;

    finish_reset(d);
    if (reload != NULL) /* It is of the state that goes. */
        disk_dump_stop(d);
    disk_purge_stop(d);
    disk_close_log(d);
    r = prepare(d, zxid, reload, &snapshot, why);
    if (r < 0) {
        log_warn("truncate: not possible zxid=0x%llx: %s", (unsigned long long)zxid, why);
        if (reload == NULL)
            disk_failed(r, "the end of the log cannot be forgotten as it is: start again");
        disk_open_log(d);
        return r;
    }
    r = snapshots_remove(d->dirs.snap_dir, snapshot + 1, INT64_MAX, NULL, why);
    must(r, "cannot remove a snapshot that has forgotten txns", why);
    r = log_truncate(d->dirs.log_dir, zxid, why);
    must(r, "cannot cut the log", why);
    d->durable = zxid;
    if (d->told > zxid)
        d->told = zxid;
    d->roll_zxid = 0;
    disk_open_log(d);
    log_info("truncate: done zxid=0x%llx reloaded=%s", (unsigned long long)zxid,
             reload != NULL ? "yes" : "no");
    return 0;
}
